//! One test binary: the commands as users run them, the vectors, and the house rules.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene has failed")]

mod activate;
mod armor;
mod batch;
mod corpora;
#[cfg(all(feature = "serve", feature = "sqlite"))]
mod deploy;
mod dsse;
mod faults;
mod fingerprint;
mod harness;
mod house;
#[cfg(feature = "serve")]
mod http;
mod inspect;
mod interop;
mod keygen;
mod languages;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod ledger;
mod manifest;
mod mint;
mod output;
mod qr;
mod readme;
mod report;
mod revocations;
#[cfg(feature = "serve")]
mod serve;
mod vectors;
mod verify;
