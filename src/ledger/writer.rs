//! The one writer: gathers the acts that wait, runs them in one transaction, commits, then answers each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use super::activation::{self, Activate, Activated};
use super::connection::{Connection, Engine, Mode};
use super::worker::Worker;
use super::{Cause, LedgerError, Transaction};

/// As many acts are committed together at most, so that the first of them does not wait for ever.
const MOST: usize = 512;

/// How often others are let run before a commit that fewer wait for than waited for the one before: most of those who were
/// just answered ask again, and a commit for many costs little more than one for few. Who is alone waits for nobody.
const PATIENCE: usize = 16;

/// How often an act is tried again that another process came in the way of.
const RETRIES: usize = 16;

/// The thread that writes; it finishes what it was given, so that the engine can close in order.
pub(crate) struct Writer {
    worker: Worker<Job>,
    /// How many callers wait for an answer.
    waiting: Arc<AtomicU64>,
}

enum Job {
    Act(Box<dyn Act>),
    Activate(Box<Waiting>),
}

/// A closure and where its answer goes.
trait Act: Send {
    /// Runs the closure, and keeps what it answers; says whether it answered with a value, a refusal or a failure.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), LedgerError>;

    /// Tells the caller: what the closure answered, or why the transaction failed.
    fn answer(self: Box<Self>, transaction: Result<(), LedgerError>);
}

struct Closure<T, F> {
    act: F,
    value: Option<Result<T, LedgerError>>,
    caller: Caller<T>,
}

/// An activation that waits; these are decided many at a time.
struct Waiting {
    activate: Activate,
    value: Option<Result<Activated, LedgerError>>,
    caller: Caller<Activated>,
}

/// What is done with an answer.
pub(crate) type Then<T> = Box<dyn FnOnce(Result<T, LedgerError>) + Send>;

/// Who is told the answer; counted among those who wait until then.
struct Caller<T> {
    then: Then<T>,
    waiting: Arc<AtomicU64>,
}

/// Why a group was not committed.
enum Failed {
    /// One of its acts failed after it had changed something; the others are innocent.
    Act,
    /// The transaction itself failed.
    Transaction(LedgerError),
}

impl Writer {
    pub(crate) fn start(connection: Box<dyn Connection>, engine: Box<dyn Engine>) -> Result<Self, LedgerError> {
        let work = move |jobs: &Receiver<Job>| Desk { engine, connection: Some(connection) }.serve(jobs);
        let worker = Worker::start("ledger", work).map_err(LedgerError::unreachable)?;
        Ok(Self { worker, waiting: Arc::default() })
    }

    /// Runs an act; `then` is told on the writer's thread, and must not wait there.
    pub(crate) fn write<T, F>(&self, act: F, then: Then<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.send(Job::Act(Box::new(Closure { act, value: None, caller: self.caller(then) })));
    }

    /// Activates; `then` is told as by `write`.
    pub(crate) fn activate(&self, activate: Activate, then: Then<Activated>) {
        self.send(Job::Activate(Box::new(Waiting { activate, value: None, caller: self.caller(then) })));
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn caller<T>(&self, then: Then<T>) -> Caller<T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Caller { then, waiting: Arc::clone(&self.waiting) }
    }

    fn send(&self, job: Job) {
        if let Err(job) = self.worker.give(job) {
            job.answer(Err(LedgerError::abandoned()));
        }
    }
}

/// Where an answer is left for one who waits: let go of before that one is woken, who so knows that nothing more comes.
struct Told<T> {
    answer: Arc<Mutex<Option<Result<T, LedgerError>>>>,
    _waker: Waker,
}

impl<T> Told<T> {
    fn tell(self, answer: Result<T, LedgerError>) {
        // Nobody panics while it is locked.
        if let Ok(mut place) = self.answer.lock() {
            *place = Some(answer);
        }
    }
}

/// Wakes a thread when it is dropped.
struct Waker(Thread);

impl Drop for Waker {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// Waits for the answer that `begin` has sent on.
pub(crate) fn wait<T: Send + 'static>(begin: impl FnOnce(Then<T>)) -> Result<T, LedgerError> {
    let mut answer = Arc::default();
    let told = Told { answer: Arc::clone(&answer), _waker: Waker(thread::current()) };
    begin(Box::new(move |answer| told.tell(answer)));
    loop {
        match Arc::try_unwrap(answer) {
            Ok(told) => {
                let told: Option<_> = told.into_inner().ok().flatten();
                return told.unwrap_or_else(|| Err(LedgerError::abandoned()));
            }
            Err(shared) => answer = shared,
        }
        thread::park();
    }
}

/// Where the writer works: one connection, made anew when it breaks.
struct Desk {
    engine: Box<dyn Engine>,
    connection: Option<Box<dyn Connection>>,
}

impl Desk {
    fn serve(&mut self, waiting: &Receiver<Job>) {
        let mut before = 1;
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(MOST - 1));
            for _ in 0..PATIENCE {
                if group.len() >= before {
                    break;
                }
                thread::yield_now();
                group.extend(waiting.try_iter().take(MOST - group.len()));
            }
            before = group.len();
            self.commit(group);
        }
    }

    /// Commits a group; when that is spoilt, each of its jobs alone.
    fn commit(&mut self, mut group: Vec<Job>) {
        match self.attempt(&mut group) {
            Ok(()) => group.into_iter().for_each(|job| job.answer(Ok(()))),
            Err(
                Failed::Act
                | Failed::Transaction(LedgerError::Conflict(_) | LedgerError::Unavailable(Cause::Corrupted, _)),
            ) => {
                group.into_iter().for_each(|job| self.commit_alone(job));
            }
            Err(Failed::Transaction(error)) => group.into_iter().for_each(|job| job.answer(Err(error.clone()))),
        }
    }

    fn commit_alone(&mut self, job: Job) {
        let mut alone = [job];
        let mut outcome = self.attempt(&mut alone);
        for _ in 0..RETRIES {
            if !matches!(outcome, Err(Failed::Transaction(LedgerError::Conflict(_)))) {
                break;
            }
            outcome = self.attempt(&mut alone);
        }
        let [job] = alone;
        match outcome {
            // An act that failed was rolled back, and tells its caller itself.
            Ok(()) | Err(Failed::Act) => job.answer(Ok(())),
            Err(Failed::Transaction(error)) => job.answer(Err(error)),
        }
    }

    fn attempt(&mut self, group: &mut [Job]) -> Result<(), Failed> {
        let outcome = self.begin().map_err(Failed::Transaction).and_then(|connection| {
            let filled = fill(connection, group);
            match filled {
                Ok(()) => connection.commit().map_err(Failed::Transaction),
                Err(error) => {
                    // The first fault is the one to tell; a connection that cannot even roll back is dropped.
                    let rolled_back = connection.rollback();
                    Err(rolled_back.err().map_or(error, Failed::Transaction))
                }
            }
        });
        if let Err(Failed::Transaction(LedgerError::Unavailable(..))) = outcome {
            self.connection = None;
        }
        outcome
    }

    /// Begins a transaction; a connection that broke while nothing was asked of it is replaced.
    fn begin(&mut self) -> Result<&mut dyn Connection, LedgerError> {
        if let Some(connection) = &mut self.connection {
            match connection.begin(Mode::Write) {
                Ok(()) => {}
                Err(LedgerError::Unavailable(Cause::Unreachable, _)) => self.connection = None,
                Err(error) => return Err(error),
            }
        }
        if self.connection.is_none() {
            let mut connection = self.engine.connect()?;
            connection.begin(Mode::Write)?;
            self.connection = Some(connection);
        }
        Ok(self.connection.as_mut().ok_or_else(LedgerError::abandoned)?.as_mut())
    }
}

/// Runs the jobs of a group in a transaction that has begun.
fn fill(connection: &mut dyn Connection, group: &mut [Job]) -> Result<(), Failed> {
    let mut transaction = Transaction::new(connection);
    let asked: Vec<&Activate> = group.iter().filter_map(Job::asks_to_activate).collect();
    let mut answers = activation::decide(&mut transaction, &asked).map_err(Failed::Transaction)?.into_iter();
    for job in &mut *group {
        if let Job::Activate(waiting) = job {
            waiting.value = answers.next();
        }
    }
    transaction.take_changed();
    for job in group {
        if let Job::Act(act) = job {
            match act.run(&mut transaction) {
                // What was refused before it changed anything leaves the others as they are.
                Err(LedgerError::Refused(_)) if !transaction.take_changed() => {}
                Err(LedgerError::Conflict(detail)) => return Err(Failed::Transaction(LedgerError::Conflict(detail))),
                Err(_) => return Err(Failed::Act),
                Ok(()) => {
                    transaction.take_changed();
                }
            }
        }
    }
    transaction.settle().map_err(Failed::Transaction)
}

impl Job {
    fn asks_to_activate(&self) -> Option<&Activate> {
        match self {
            Self::Activate(waiting) => Some(&waiting.activate),
            Self::Act(_) => None,
        }
    }

    fn answer(self, transaction: Result<(), LedgerError>) {
        match self {
            Self::Act(act) => act.answer(transaction),
            Self::Activate(waiting) => waiting.caller.tell(waiting.value, transaction),
        }
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

    fn answer(self: Box<Self>, transaction: Result<(), LedgerError>) {
        self.caller.tell(self.value, transaction);
    }
}

impl<T> Caller<T> {
    fn tell(self, value: Option<Result<T, LedgerError>>, transaction: Result<(), LedgerError>) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        (self.then)(transaction.and_then(|()| value.unwrap_or_else(|| Err(LedgerError::abandoned()))));
    }
}
