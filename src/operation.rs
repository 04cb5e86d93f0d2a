//! One file per verb: what a library call, a command and a route do alike. Files, clocks and randomness stay outside; what
//! they give arrives as values.

pub mod batch;
pub mod document;
pub mod draft;
pub mod fingerprint;
pub mod inspect;
pub mod keyring;
pub mod ledger;
pub mod lines;
pub mod manifest;
pub mod mint;
mod nearest;
mod ordered;
pub mod plans;
pub mod problem;
pub mod proof;
pub mod revocations;
pub mod rows;
pub mod signed;
mod text;
pub mod verify;
