//! Mints, verifies and inspects software licenses offline.

pub mod armor;
pub mod code;
pub mod fingerprint;
pub mod id;
pub mod json;
pub mod key;
pub mod keyring;
pub mod license;
#[cfg(feature = "vendor")]
pub mod operation;
pub mod policy;
pub mod seal;
pub mod time;
pub mod token;
pub mod verdict;
