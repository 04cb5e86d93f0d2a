//! What is done with the vendor's book. Each act writes its audit entry in the same transaction.

pub mod activate;
pub mod approve;
pub mod audit;
pub mod caps;
pub mod change;
pub mod heartbeat;
pub mod install;
pub mod issue;
pub mod jobs;
pub mod lease;
pub mod named;
pub mod posture;
pub mod publish;
pub mod release;
pub mod renew;
#[cfg(feature = "report")]
pub mod report;
pub mod rotate;
pub mod seats;
pub mod sessions;
pub mod show;
pub mod transfer;
#[cfg(feature = "report")]
pub mod true_up;
pub mod withdraw;

use crate::code::Code;
use crate::json::steers;
use crate::ledger::LedgerError;
use crate::time::Timestamp;

/// Who does something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The name that the audit keeps.
    pub actor: String,
    /// The time.
    pub now: Timestamp,
}

/// Refuses a reason that would steer the terminal of whoever reads it.
fn readable(reason: Option<&str>) -> Result<(), LedgerError> {
    match reason.and_then(|reason| reason.chars().find(|char| steers(*char))) {
        None => Ok(()),
        Some(char) => {
            let message = format!("the reason holds the control character {}", char.escape_unicode());
            Err(LedgerError::refused(Code::Usage, message))
        }
    }
}
