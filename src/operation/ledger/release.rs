//! `ledger release`: a machine gives its activation back, or the vendor takes it.

use super::Stamp;
use crate::ledger::activation::{self, Activation};
use crate::ledger::release::{self, Release};
use crate::ledger::{Ledger, LedgerError};

/// What became of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The activation as it is now.
    pub activation: Activation,
    /// Whether it was released before, and nothing was done.
    pub unchanged: bool,
}

/// Finds an activation: what a document that a machine signed is held against.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn find(ledger: &Ledger, proof_id: &str) -> Result<Activation, LedgerError> {
    ledger.read(|transaction| activation::find(transaction, proof_id))
}

/// Releases an activation; `document` is what the machine signed, after it was verified.
///
/// # Errors
/// `Refused` with `unknown-license`; `Unavailable`.
pub fn release(
    ledger: &Ledger,
    stamp: &Stamp,
    proof_id: &str,
    reason: Option<String>,
    document: Option<String>,
) -> Result<Released, LedgerError> {
    let Stamp { actor, now } = stamp.clone();
    let release = Release { proof_id: proof_id.to_owned(), reason, document, now, actor };
    ledger.write(move |transaction| {
        let (activation, changed) = release::release(transaction, &release)?;
        Ok(Released { activation, unchanged: !changed })
    })
}
