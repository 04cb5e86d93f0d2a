//! [`Gate`]: which license this installation runs under. Of a variable, a file and the ledger the first that holds one
//! decides, and what it holds is never passed over because it fails; what is installed later takes its place, on every
//! server of the same ledger.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::app::{App, Given, Roles};
use super::problem::Problem;
use crate::ledger::LedgerError;
use crate::ledger::tenant::Used;
use crate::operation::ledger::Stamp;
use crate::operation::ledger::install;
use crate::operation::ledger::posture::{self, Judge, Posture, Refused};
use crate::time::Timestamp;
use crate::verdict::{State, Verdict};

/// What a server remembers of its license.
#[derive(Debug)]
pub(super) struct Gate {
    adopted: Mutex<Adopted>,
    /// When a license that no ledger holds was last validated, in seconds since the epoch; negative before the first time.
    validated_at: AtomicI64,
}

/// What has become of the license that the server was started with.
#[derive(Debug, Default)]
struct Adopted {
    given: Option<Given>,
    refused: Option<Refused>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { adopted: Mutex::default(), validated_at: AtomicI64::new(-1) }
    }
}

impl Roles {
    /// How the license of this installation is judged.
    pub(super) fn judge(&self) -> Judge {
        Judge {
            keyring: self.keyring.clone(),
            tenant: self.tenant.clone(),
            defaults: self.defaults.clone(),
            revocations: self.revocations.clone(),
        }
    }
}

impl App {
    /// Installs in the ledger the license that the server was started with, unless that was done before.
    ///
    /// # Errors
    /// `Unavailable`; it is then tried again the next time.
    pub fn adopt(&self) -> Result<(), LedgerError> {
        let (roles, Ok(now)) = (self.roles(), self.now()) else { return Ok(()) };
        let Some(ledger) = &roles.ledger else { return Ok(()) };
        let mut adopted = self.gate.adopted.lock().unwrap_or_else(PoisonError::into_inner);
        if adopted.given == roles.license {
            return Ok(());
        }
        let refused = match &roles.license {
            None => None,
            Some(Given { text, origin }) => install::adopt(ledger, &by_server(now), &roles.judge(), text, *origin)?,
        };
        if let (Some(refused), Some(given)) = (&refused, &roles.license) {
            let judge = roles.judge();
            let why = judge.reason(&judge.verdict(Some(&refused.text), now));
            let (why, source) = (why.as_deref(), given.origin.as_str());
            tracing::error!(why, source, "the license of this installation was refused");
        }
        *adopted = Adopted { given: roles.license.clone(), refused };
        Ok(())
    }

    /// Judges the license of this installation anew, and remembers that it did; says in the log what came of it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn revalidate(&self) -> Result<(), LedgerError> {
        let (roles, Ok(now)) = (self.roles(), self.now()) else { return Ok(()) };
        let verdict = match &roles.ledger {
            Some(ledger) => install::revalidate(ledger, &by_server(now), &roles.judge(), self.refused())?,
            None => given_verdict(&roles, now),
        };
        if verdict.state == State::Absent {
            return Ok(());
        }
        let (state, why) = (verdict.state.as_str(), verdict.refusals.first().map(|refusal| refusal.message.as_str()));
        if verdict.state == State::Invalid {
            tracing::error!(state, why, "the license of this installation was validated");
        } else {
            self.gate.validated_at.store(now.seconds(), Ordering::Relaxed);
            tracing::info!(state, why, "the license of this installation was validated");
        }
        Ok(())
    }

    /// Returns what this installation may do now, and when that was last validated.
    pub(super) fn posture(&self, roles: &Roles, now: Timestamp) -> Result<(Posture, Option<Timestamp>), Problem> {
        if let Some(ledger) = &roles.ledger {
            let posture = posture::posture(ledger, &roles.judge(), self.refused().as_ref(), now)?;
            let validated_at = posture.installed.as_ref().and_then(|installed| installed.validated_at);
            return Ok((posture, validated_at));
        }
        let verdict = given_verdict(roles, now);
        let rows = posture::rows(&verdict, &Vec::<Used>::new());
        let validated_at = Timestamp::from_seconds(self.gate.validated_at.load(Ordering::Relaxed)).ok();
        Ok((Posture { installed: None, verdict, rows }, validated_at))
    }

    /// Returns the license that was refused in place of what the ledger holds.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.gate.adopted.lock().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }
}

fn given_verdict(roles: &Roles, now: Timestamp) -> Verdict {
    roles.judge().verdict(roles.license.as_ref().map(|given| given.text.as_slice()), now)
}

/// What a server does by itself.
pub(super) fn by_server(now: Timestamp) -> Stamp {
    Stamp { actor: "server".to_owned(), now }
}
