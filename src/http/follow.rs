//! [`App::follow`]: what the servers of a ledger hand out follows the ledger, whichever of them made it.

use super::app::{App, Roles};
use super::problem::Problem;
use crate::ledger::published;
use crate::operation::revocations;
use crate::policy::RevocationsContext;
use crate::time::Timestamp;

impl App {
    /// Takes over what was published in the ledger since the last time.
    pub fn follow(&self) {
        let (roles, Ok(now)) = (self.roles(), self.now()) else { return };
        if let Err(problem) = self.take_over(&roles, now) {
            let cause = problem.cause.unwrap_or(problem.message);
            tracing::error!(cause, "what the ledger hands out could not be taken over");
        }
    }

    fn take_over(&self, roles: &Roles, now: Timestamp) -> Result<(), Problem> {
        let Some(ledger) = &roles.ledger else { return Ok(()) };
        let newest = ledger.read(|transaction| published::sequence(transaction, published::REVOCATIONS))?;
        if newest <= roles.revocation_sequence() {
            return Ok(());
        }
        let document = ledger.read(|transaction| published::find(transaction, published::REVOCATIONS))?;
        let Some(document) = document else { return Ok(()) };
        let context = revocations::admit(document.clone().into_bytes(), &roles.keyring, None, None, now).context;
        if let RevocationsContext::Refused(refusal) = &context {
            return Err(Problem::new(refusal.code, &refusal.message));
        }
        self.change(|roles| {
            roles.revocations_document = Some(document);
            roles.revocations = context;
        });
        Ok(())
    }
}
