//! Mints, verifies and inspects software licenses offline.

pub mod armor;
pub mod code;
pub mod id;
pub mod json;
pub mod time;
pub mod key;
pub mod fingerprint;
pub mod keyring;
pub mod license;
pub mod policy;
pub mod seal;
pub mod token;
pub mod verdict;
