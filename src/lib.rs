//! Mints, verifies and inspects software licenses offline.
//!
//! A license is one line of text, `BASE64(payload).BASE64(signature)`, signed with Ed25519. What is known of it is in the
//! types: text becomes an [`UnverifiedToken`](token::UnverifiedToken), a [`Keyring`] turns that into a
//! [`VerifiedToken`](token::VerifiedToken), and [`judge`] says whether it may run here and now.
//!
//! ```text
//!          Token::parse            verify(&keyring)          judge(&context)
//!   text ───────────────▶ Unverified ─────────────▶ Verified ───────────────▶ Verdict
//!           malformed                 bad-signature            expired, wrong-tenant, …
//! ```
//!
//! # Verifying
//!
//! ```
//! use mintage::time::Timestamp;
//! use mintage::{Context, Keyring, PublicKey, State, Token, judge};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The field's own example: any verifier of this format accepts it.
//! let key = PublicKey::parse("MCowBQYDK2VwAyEAKay64UG8yvCyLhqU000LxzYeUm0L/hLIl5S8kyKWbdc=")?;
//! let text = concat!(
//!     "eyJleHAiOjE3OTg3NjE2MDAsImdyYWNlUGVyaW9kRGF5cyI6MTQsImlhdCI6MTc3NzE5NzYwMCwibGFiZWwiOiJBY21lIFByb2R1Y3Rpb24i",
//!     "LCJsaWNlbnNlSWQiOiJmZDNhOGYyYS0xYzQ0LTRlYWMtYWEwNy0xYTVkMWNlOWM0YTQiLCJsaW1pdHMiOnsibWF4X2FwcHMiOjI1LCJtYXhf",
//!     "ZW52aXJvbm1lbnRzIjozfSwidGVuYW50SWQiOiJhY21lLXByb2QifQ==.f5O4N/hUIda1pxPS0vhwz2ZTRRdjtNlpu8uJYApENkWAofc5lb",
//!     "WbnNXm2pc2zDSgAC9xuSknNvl3B99EM7ssDQ==",
//! );
//! let verified = Token::parse(text)?.verify(&Keyring::from(key))?;
//! let mut context = Context::at(Timestamp::parse_rfc3339("2026-06-01T00:00:00Z")?);
//! context.tenant = Some("acme-prod".to_owned());
//! let verdict = judge(&verified, &context);
//! assert_eq!(verdict.state, State::Active);
//! assert!(verdict.is_valid());
//! # Ok(())
//! # }
//! ```
//!
//! # Minting
//!
//! ```
//! use mintage::time::Timestamp;
//! use mintage::{License, SecretKey, Token};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SecretKey::from_seed(&[7; 32]); // an example: everybody knows this seed
//! let issued = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z")?;
//! let mut license = License::new("lic-1".to_owned(), "acme".to_owned(), issued, Timestamp::NEVER);
//! license.limits.insert("max_apps".to_owned(), 25);
//! let token = Token::mint(license, &key);
//! assert!(token.as_str().starts_with("eyJ"));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! With `default-features = false` the crate is the core that a product embeds: no argument parser, no C, at most 45
//! crates. `vendor` adds key files, plans, batches and the ledger, for which `sqlite` and `postgres` are the engines; `report`
//! adds usage reports; `serve` the server; `cli` adds the program. No feature changes what a function decides.
//!
//! # Rooms
//!
//! From right to left, each knowing only what stands to its right: [`code`], [`time`], [`id`], [`json`]; [`key`],
//! [`state`], [`armor`], [`fingerprint`], `split`; [`keyring`], [`license`], [`request`]; [`dsse`], [`seal`]; [`trust`],
//! [`revocations`], [`manifest`], [`proof`], [`release`], [`unlock`], [`token`]; [`verdict`], [`policy`]; `report`, `ledger`; `operation`; `http`.
//! From [`policy`] rightward there is no clock, environment, network, printing or thread, and files are read only by the
//! readers of [`fingerprint`].

pub mod armor;
#[cfg(feature = "vendor")]
pub mod artifact;
pub mod code;
pub mod dsse;
pub mod fingerprint;
#[cfg(feature = "serve")]
pub mod http;
pub mod id;
pub mod json;
pub mod key;
pub mod keyring;
#[cfg(feature = "vendor")]
pub mod ledger;
pub mod license;
pub mod manifest;
#[cfg(feature = "vendor")]
pub mod operation;
pub mod policy;
pub mod proof;
pub mod release;
#[cfg(feature = "report")]
pub mod report;
pub mod request;
pub mod revocations;
pub mod seal;
#[cfg(feature = "vendor")]
pub mod split;
pub mod state;
pub mod time;
pub mod token;
pub mod trust;
pub mod unlock;
pub mod verdict;

pub use code::Code;
pub use dsse::Envelope;
pub use fingerprint::Fingerprint;
pub use key::{PublicKey, SecretKey};
pub use keyring::Keyring;
pub use license::License;
pub use manifest::Manifest;
pub use policy::{Context, judge};
pub use proof::Proof;
pub use revocations::Revocations;
pub use token::Token;
pub use verdict::{State, Verdict};
