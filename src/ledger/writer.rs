//! The writer: gathers the acts that wait, runs them in one transaction, commits, then answers each.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use super::activation::{self, Activate, Activated, Decided};
use super::caller::{Caller, Others, Then, Told, wait, wake};
use super::connection::{Connection, Engine, GroupLock, Mode};
use super::worker::Worker;
use super::{Cause, LedgerError, Transaction};

/// As many acts are committed together at most, so that the first of them does not wait for ever.
const MOST: usize = 512;

/// How often others are let run before a commit that fewer wait for than waited for the one before: most of those who were
/// just answered ask again, and a commit for many costs little more than one for few. Who is alone waits for nobody.
const PATIENCE: usize = 16;

/// How often an act is tried again that another process came in the way of.
const RETRIES: usize = 16;

/// The threads that write; they finish what they were given, so that the engine can close in order.
pub(crate) struct Writer {
    workers: Vec<Worker<Job>>,
    /// How many callers wait for an answer.
    waiting: Arc<AtomicU64>,
}

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

/// Why a group was not committed.
enum Failed {
    /// One of its acts failed after it had changed something; the others are innocent.
    Act,
    /// The transaction itself failed.
    Transaction(LedgerError),
}

impl Writer {
    /// Begins as many threads as the engine has writers, with one connection to begin with.
    pub(crate) fn start(connection: Box<dyn Connection>, engine: Box<dyn Engine>) -> Result<Self, LedgerError> {
        let writers = engine.writers();
        let shared = Arc::new(Shared { engine, idle: Mutex::new(vec![connection]), alone: RwLock::new(()) });
        let begin = |_| {
            let mut desk = Desk { shared: Arc::clone(&shared), connection: None };
            Worker::start("ledger", move |jobs: &Receiver<Job>| desk.serve(jobs)).map_err(LedgerError::unreachable)
        };
        Ok(Self { workers: (0..writers).map(begin).collect::<Result<_, _>>()?, waiting: Arc::default() })
    }

    /// Runs an act, and waits for its answer.
    pub(crate) fn write<T, F>(&self, act: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        wait(|asleep| self.send_act(act, Told::Asleep(asleep)))
    }

    /// Runs an act; `then` is told on the writer's thread, and must not wait there.
    pub(crate) fn write_then<T, F>(&self, act: F, then: Then<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.send_act(act, Told::Then(then));
    }

    /// Activates, and waits for the answer.
    pub(crate) fn activate(&self, activate: Activate) -> Result<Activated, LedgerError> {
        wait(|asleep| self.send_activate(activate, Told::Asleep(asleep)))
    }

    /// Activates; `then` is told as by `write_then`.
    pub(crate) fn activate_then(&self, activate: Activate, then: Then<Activated>) {
        self.send_activate(activate, Told::Then(then));
    }

    fn send_act<T, F>(&self, act: F, told: Told<T>)
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, LedgerError> + Send + 'static,
    {
        self.send(Job::Act(Box::new(Closure { act, value: None, caller: Caller::new(told, &self.waiting) })));
    }

    fn send_activate(&self, activate: Activate, told: Told<Activated>) {
        self.send(Job::Activate(Box::new(Waiting { activate, value: None, caller: Caller::new(told, &self.waiting) })));
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn send(&self, job: Job) {
        let given = match self.workers.get(job.place(self.workers.len())) {
            Some(worker) => worker.give(job),
            None => Err(job),
        };
        if let Err(job) = given {
            job.answer(Err(LedgerError::abandoned()), None);
        }
    }
}

/// Where a thread writes.
struct Desk {
    shared: Arc<Shared>,
    /// While it works on a group, and made anew when it breaks.
    connection: Option<Box<dyn Connection>>,
}

/// What the threads have in common.
struct Shared {
    engine: Box<dyn Engine>,
    /// Connections that nobody works with: who is alone makes no second one.
    idle: Mutex<Vec<Box<dyn Connection>>>,
    /// Held by a group whose acts lock what they like, in whatever order: beside another, each could wait for what the other
    /// holds. Activations lock their licenses in one order, and share it.
    alone: RwLock<()>,
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Box<dyn Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn serve(&mut self, jobs: &Receiver<Job>) {
        let mut before = 1;
        while let Some(group) = gather(jobs, before) {
            before = group.len();
            let shared = Arc::clone(&self.shared);
            let (_alone, _together);
            if lock_of(&group) == GroupLock::Shared {
                _together = shared.alone.read().unwrap_or_else(PoisonError::into_inner);
            } else {
                _alone = shared.alone.write().unwrap_or_else(PoisonError::into_inner);
            }
            self.connection = shared.idle().pop();
            self.commit(group);
            self.rest();
        }
    }

    /// Gives the connection away until there is something to do.
    fn rest(&mut self) {
        self.shared.idle().extend(self.connection.take());
    }

    /// Commits a group; when that is spoilt, each of its jobs alone.
    fn commit(&mut self, mut group: Vec<Job>) {
        match self.attempt(&mut group) {
            Ok(()) => {
                // Whoever is told may ask again at once, and another thread.
                self.rest();
                tell(group);
            }
            Err(
                Failed::Act
                | Failed::Transaction(
                    LedgerError::Conflict(_)
                    | LedgerError::Refused(_)
                    | LedgerError::Unavailable(Cause::Corrupted | Cause::Locked, _),
                ),
            ) => {
                group.into_iter().for_each(|job| self.commit_alone(job));
            }
            Err(Failed::Transaction(error)) => group.into_iter().for_each(|job| job.answer(Err(error.clone()), None)),
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
            Ok(()) | Err(Failed::Act) => job.answer(Ok(()), None),
            Err(Failed::Transaction(error)) => job.answer(Err(error), None),
        }
    }

    /// Runs a group in one transaction. A connection that broke while nothing was asked of it is replaced.
    fn attempt(&mut self, group: &mut [Job]) -> Result<(), Failed> {
        let was_connected = self.connection.is_some();
        let mut filled = self.begin_and_fill(group);
        if let Err(Failed::Transaction(LedgerError::Unavailable(Cause::Unreachable, _))) = filled
            && was_connected
        {
            // Nobody has asked for a commit yet, so nothing of the group can stand anywhere.
            filled = self.begin_and_fill(group);
        }
        let committed = filled.and_then(|()| {
            // Only where the group was run can it be committed.
            let connection = self.connection.as_mut().ok_or_else(LedgerError::abandoned);
            connection.and_then(|connection| connection.commit()).map_err(Failed::Transaction)
        });
        if let Err(Failed::Transaction(LedgerError::Unavailable(..))) = committed {
            self.connection = None;
        }
        committed
    }

    /// Begins a transaction and runs a group in it; when that fails, nothing of it stays, and a connection that is of no use
    /// any more is let go of.
    fn begin_and_fill(&mut self, group: &mut [Job]) -> Result<(), Failed> {
        let connection = self.connected()?;
        let filled = match connection.begin(Mode::Write) {
            Ok(()) => fill(connection, group).map_err(|error| {
                // The first fault is the one to tell; a connection that cannot even roll back is dropped.
                connection.rollback().err().map_or(error, Failed::Transaction)
            }),
            Err(error) => Err(Failed::Transaction(error)),
        };
        if let Err(Failed::Transaction(LedgerError::Unavailable(..))) = filled {
            self.connection = None;
        }
        filled
    }

    fn connected(&mut self) -> Result<&mut dyn Connection, Failed> {
        if self.connection.is_none() {
            self.connection = Some(self.shared.engine.connect().map_err(Failed::Transaction)?);
        }
        let connection = self.connection.as_mut().ok_or_else(|| Failed::Transaction(LedgerError::abandoned()))?;
        Ok(connection.as_mut())
    }
}

/// Takes what waits, and waits for the first; nothing once no more can come.
fn gather(waiting: &Receiver<Job>, before: usize) -> Option<Vec<Job>> {
    let mut group = vec![waiting.recv().ok()?];
    group.extend(waiting.try_iter().take(MOST - 1));
    for _ in 0..PATIENCE {
        if group.len() >= before {
            break;
        }
        thread::yield_now();
        group.extend(waiting.try_iter().take(MOST - group.len()));
    }
    Some(group)
}

/// Tells a group that it was committed. Those who wait go on while the others are told here.
fn tell(group: Vec<Job>) {
    let (asleep, rest): (Vec<Job>, Vec<Job>) = group.into_iter().partition(Job::is_waited_for);
    wake(&Arc::new(Mutex::new(asleep)));
    rest.into_iter().for_each(|job| job.answer(Ok(()), None));
}

/// Says beside which other groups a group may run: activations lock their licenses in one order, acts in any.
fn lock_of(group: &[Job]) -> GroupLock {
    if group.iter().all(|job| job.asks_to_activate().is_some()) { GroupLock::Shared } else { GroupLock::Alone }
}

/// Runs the jobs of a group in a transaction that has begun.
fn fill(connection: &mut dyn Connection, group: &mut [Job]) -> Result<(), Failed> {
    // Who is alone holds nothing that another could wait for while it waits itself, but for an act of many licenses, which is
    // tried again.
    if group.len() > 1 {
        connection.lock_group(lock_of(group)).map_err(Failed::Transaction)?;
    }
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
    /// Says which of so many writers the job is for: always the same for a license, so that those who ask for it are decided
    /// in the order in which they asked.
    fn place(&self, writers: usize) -> usize {
        let Some(activate) = self.asks_to_activate().filter(|_| writers > 1) else { return 0 };
        let mut hasher = DefaultHasher::new();
        activate.license_id.hash(&mut hasher);
        usize::try_from(hasher.finish() % writers as u64).unwrap_or(0)
    }

    fn asks_to_activate(&self) -> Option<&Activate> {
        match self {
            Self::Activate(waiting) => Some(&waiting.activate),
            Self::Act(_) => None,
        }
    }

    fn is_waited_for(&self) -> bool {
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
