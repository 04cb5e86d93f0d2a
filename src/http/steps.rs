//! [`Next`]: a route in steps. Between them it waits for the ledger, and no thread waits with it.

use tokio::sync::oneshot;

use super::app::App;
use super::call::{Call, Reply};
use super::problem::Problem;
use crate::ledger::LedgerError;

/// What follows a step.
pub(super) enum Next {
    /// Something is asked of the ledger, which tells the step after.
    Ask(Box<dyn FnOnce(Teller) + Send>),
    /// A step that may wait.
    Wait(Step),
    /// The answer.
    Answer(Reply),
}

/// A step.
pub(super) type Step = Box<dyn FnOnce(&App, &Call) -> Result<Next, Problem> + Send>;

/// Where the ledger tells the next step.
pub(super) struct Teller(oneshot::Sender<Step>);

/// Who waits for it.
pub(super) struct Told(oneshot::Receiver<Step>);

pub(super) fn teller() -> (Teller, Told) {
    let (sender, receiver) = oneshot::channel();
    (Teller(sender), Told(receiver))
}

impl Next {
    /// Asks the ledger for something.
    pub(super) fn ask(ask: impl FnOnce(Teller) + Send + 'static) -> Self {
        Self::Ask(Box::new(ask))
    }

    /// Takes a step that may wait.
    pub(super) fn wait(step: impl FnOnce(&App, &Call) -> Result<Self, Problem> + Send + 'static) -> Self {
        Self::Wait(Box::new(step))
    }
}

impl Teller {
    /// Tells the next step.
    pub(super) fn go_on(self, step: impl FnOnce(&App, &Call) -> Result<Next, Problem> + Send + 'static) {
        // A caller that has gone needs no answer.
        let _ = self.0.send(Box::new(step));
    }
}

impl Told {
    pub(super) async fn step(self) -> Result<Step, Problem> {
        // A ledger that has gone tells nothing more.
        self.0.await.map_err(|_| LedgerError::abandoned().into())
    }
}
