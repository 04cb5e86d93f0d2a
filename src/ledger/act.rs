//! [`Job`]: an act or an activation that waits to be written, and who is told.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::activation::{Activate, Activated, Decided};
use super::caller::{Caller, Others};
use super::{LedgerError, Transaction};

pub(super) enum Job {
    Act(Box<dyn Act>),
    Activate(Box<Waiting>),
}

/// A closure and where its answer goes.
pub(super) trait Act: Send {
    /// Runs the closure, and keeps what it answers; says whether it answered with a value, a refusal or a failure.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), LedgerError>;

    /// Whether the caller waits in its own thread.
    fn is_waited_for(&self) -> bool;

    /// Tells the caller: what the closure answered, or why the transaction failed. `others` is for one who waits.
    fn answer(self: Box<Self>, transaction: Result<(), LedgerError>, others: Option<Others>);
}

struct Closure<T, F> {
    act: F,
    value: Option<Result<T, LedgerError>>,
    caller: Caller<T>,
}

/// An activation that waits; these are decided many at a time.
pub(super) struct Waiting {
    activate: Activate,
    value: Option<Result<Decided, LedgerError>>,
    caller: Caller<Activated>,
}

impl Job {
    pub(super) fn act<T, F>(act: F, caller: Caller<T>) -> Self
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        Self::Act(Box::new(Closure { act, value: None, caller }))
    }

    pub(super) fn activate(activate: Activate, caller: Caller<Activated>) -> Self {
        Self::Activate(Box::new(Waiting { activate, value: None, caller }))
    }

    /// Says which of so many writers the job is for: always the same for a license, so that those who ask for it are decided
    /// in the order in which they asked.
    pub(super) fn place(&self, writers: usize) -> usize {
        let Some(activate) = self.asks_to_activate().filter(|_| writers > 1) else { return 0 };
        let mut hasher = DefaultHasher::new();
        activate.license_id.hash(&mut hasher);
        usize::try_from(hasher.finish() % writers as u64).unwrap_or(0)
    }

    pub(super) fn asks_to_activate(&self) -> Option<&Activate> {
        match self {
            Self::Activate(waiting) => Some(&waiting.activate),
            Self::Act(_) => None,
        }
    }

    pub(super) fn is_waited_for(&self) -> bool {
        match self {
            Self::Act(act) => act.is_waited_for(),
            Self::Activate(waiting) => waiting.caller.is_asleep(),
        }
    }

    pub(super) fn answer(self, transaction: Result<(), LedgerError>, others: Option<Others>) {
        match self {
            Self::Act(act) => act.answer(transaction, others),
            Self::Activate(waiting) => {
                let Waiting { activate, value, caller } = *waiting;
                let value = value.map(|decided| decided.map(|decided| activate.into_activated(decided)));
                caller.tell(value, transaction, others);
            }
        }
    }
}

impl Waiting {
    /// Keeps what was decided.
    pub(super) fn keep(&mut self, decided: Option<Result<Decided, LedgerError>>) {
        self.value = decided;
    }
}

impl<T, F> Act for Closure<T, F>
where
    T: Send,
    F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send,
{
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), LedgerError> {
        // A panic in one act must not take the writer from all others.
        let value = catch_unwind(AssertUnwindSafe(|| (self.act)(transaction)))
            .unwrap_or_else(|_| Err(LedgerError::abandoned()));
        let outcome = value.as_ref().map(|_| ()).map_err(Clone::clone);
        self.value = Some(value);
        outcome
    }

    fn is_waited_for(&self) -> bool {
        self.caller.is_asleep()
    }

    fn answer(self: Box<Self>, transaction: Result<(), LedgerError>, others: Option<Others>) {
        self.caller.tell(self.value, transaction, others);
    }
}
