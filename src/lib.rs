//! Mints, verifies and inspects software licenses offline.

pub mod code;
pub mod id;
pub mod json;
pub mod time;
