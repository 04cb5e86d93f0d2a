//! [`Desk`]: gathers the acts that wait, runs them in one transaction, commits, then answers each.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use super::act::Job;
use super::activation::{self, Activate};
use super::caller::wake;
use super::connection::{Connection, Engine, GroupLock, Mode};
use super::{Cause, LedgerError, Transaction};

/// As many acts are committed together at most, so that the first of them does not wait for ever.
const MOST: usize = 512;

/// How often others are let run before a commit that fewer wait for than waited for the one before: most of those who were
/// just answered ask again, and a commit for many costs little more than one for few. Who is alone waits for nobody.
const PATIENCE: usize = 16;

/// How often an act is tried again that another process came in the way of.
const RETRIES: usize = 16;

/// Why a group was not committed.
enum Failed {
    /// The transaction did not begin, so none of the acts is to blame.
    Begin(LedgerError),
    /// One of its acts failed after it had changed something; the others are innocent.
    Act(LedgerError),
    /// The transaction itself failed.
    Transaction(LedgerError),
}

impl Failed {
    fn error(&self) -> &LedgerError {
        let (Self::Begin(error) | Self::Act(error) | Self::Transaction(error)) = self;
        error
    }

    /// Whether the acts may fare better one by one.
    fn may_be_of_one(&self) -> bool {
        match self {
            Self::Begin(_) => false,
            Self::Act(_) => true,
            Self::Transaction(error) => match error {
                LedgerError::Conflict(_) | LedgerError::Refused(_) => true,
                LedgerError::Unavailable(cause, _) => matches!(cause, Cause::Corrupted | Cause::Locked),
            },
        }
    }

    fn is(&self, sought: Cause) -> bool {
        matches!(self.error(), LedgerError::Unavailable(cause, _) if *cause == sought)
    }
}

/// Where a thread writes.
pub(super) struct Desk {
    shared: Arc<Shared>,
    /// While it works on a group, and made anew when it breaks.
    connection: Option<Box<dyn Connection>>,
}

/// What the threads have in common.
struct Shared {
    engine: Arc<dyn Engine>,
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
    /// Makes as many as the engine has writers, with one connection to begin with.
    pub(super) fn for_all(connection: Box<dyn Connection>, engine: Arc<dyn Engine>) -> impl Iterator<Item = Self> {
        let writers = engine.writers();
        let shared = Arc::new(Shared { engine, idle: Mutex::new(vec![connection]), alone: RwLock::new(()) });
        (0..writers).map(move |_| Self { shared: Arc::clone(&shared), connection: None })
    }

    /// Works until no more jobs can come.
    pub(super) fn serve(&mut self, jobs: &Receiver<Job>) {
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

    /// Commits a group; when that is spoilt, each of its jobs alone. Who holds what one of them needs is waited for once, not
    /// by each of them anew while all others wait behind.
    fn commit(&mut self, mut group: Vec<Job>) {
        match self.attempt(&mut group, Mode::Write) {
            Ok(()) => {
                // Whoever is told may ask again at once, and another thread.
                self.rest();
                tell(group);
            }
            Err(failed) if failed.may_be_of_one() => {
                let mut was_locked = failed.is(Cause::Locked);
                for job in group {
                    was_locked |= self.commit_alone(job, if was_locked { Mode::Hurried } else { Mode::Write });
                }
            }
            Err(failed) => group.into_iter().for_each(|job| job.answer(Err(failed.error().clone()), None)),
        }
    }

    /// Commits a job; says whether somebody held what it needs.
    fn commit_alone(&mut self, job: Job, mode: Mode) -> bool {
        let mut alone = [job];
        let mut outcome = self.attempt(&mut alone, mode);
        for _ in 0..RETRIES {
            if !matches!(outcome, Err(Failed::Transaction(LedgerError::Conflict(_)))) {
                break;
            }
            outcome = self.attempt(&mut alone, mode);
        }
        let was_locked = outcome.as_ref().is_err_and(|failed| failed.is(Cause::Locked));
        let [job] = alone;
        match outcome {
            // An act that failed was rolled back, and tells its caller itself.
            Ok(()) | Err(Failed::Act(_)) => job.answer(Ok(()), None),
            Err(Failed::Begin(error) | Failed::Transaction(error)) => job.answer(Err(error), None),
        }
        was_locked
    }

    /// Runs a group in one transaction. A connection that broke while nothing was asked of it is replaced.
    fn attempt(&mut self, group: &mut [Job], mode: Mode) -> Result<(), Failed> {
        let was_connected = self.connection.is_some();
        let mut filled = self.begin_and_fill(group, mode);
        if let Err(Failed::Begin(error) | Failed::Transaction(error)) = &filled
            && matches!(error, LedgerError::Unavailable(Cause::Unreachable, _))
            && was_connected
        {
            // Nobody has asked for a commit yet, so nothing of the group can stand anywhere.
            filled = self.begin_and_fill(group, mode);
        }
        let committed = filled.and_then(|()| {
            // Only where the group was run can it be committed.
            let connection = self.connection.as_mut().ok_or_else(LedgerError::abandoned);
            connection.and_then(|connection| connection.commit()).map_err(Failed::Transaction)
        });
        self.let_go_after(&committed);
        committed
    }

    /// Begins a transaction and runs a group in it; when that fails, nothing of it stays, and a connection that is of no use
    /// any more is let go of.
    fn begin_and_fill(&mut self, group: &mut [Job], mode: Mode) -> Result<(), Failed> {
        let connection = self.connected()?;
        let filled = match connection.begin(mode) {
            Ok(()) => fill(connection, group).map_err(|error| {
                // The first fault is the one to tell; a connection that cannot even roll back is dropped.
                connection.rollback().err().map_or(error, Failed::Transaction)
            }),
            Err(error) => Err(Failed::Begin(error)),
        };
        self.let_go_after(&filled);
        filled
    }

    /// Lets go of a connection whose transaction could not be asked or ended.
    fn let_go_after(&mut self, outcome: &Result<(), Failed>) {
        if let Err(Failed::Begin(LedgerError::Unavailable(..)) | Failed::Transaction(LedgerError::Unavailable(..))) =
            outcome
        {
            self.connection = None;
        }
    }

    fn connected(&mut self) -> Result<&mut dyn Connection, Failed> {
        if self.connection.is_none() {
            self.connection = Some(self.shared.engine.connect().map_err(Failed::Begin)?);
        }
        let connection = self.connection.as_mut().ok_or_else(|| Failed::Begin(LedgerError::abandoned()))?;
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
            waiting.keep(answers.next());
        }
    }
    transaction.take_changed();
    for job in group {
        if let Job::Act(act) = job {
            match act.run(&mut transaction) {
                // What was refused before it changed anything leaves the others as they are.
                Err(LedgerError::Refused(_)) if !transaction.take_changed() => {}
                Err(LedgerError::Conflict(detail)) => return Err(Failed::Transaction(LedgerError::Conflict(detail))),
                Err(error) => return Err(Failed::Act(error)),
                Ok(()) => {
                    transaction.take_changed();
                }
            }
        }
    }
    transaction.settle().map_err(Failed::Transaction)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::ledger::Row;
    use crate::ledger::caller::{Caller, Told};
    use crate::ledger::connection::{Each, Many};
    use crate::ledger::value::{Cell, values};

    /// Takes note of how transactions begin. One of them may be locked out as it begins, and every statement `held` is.
    #[derive(Clone, Default)]
    struct Fake {
        begun: Arc<Mutex<Vec<Mode>>>,
        is_locked_out: bool,
    }

    fn locked() -> LedgerError {
        LedgerError::Unavailable(Cause::Locked, "somebody holds it".to_owned())
    }

    impl Engine for Fake {
        fn connect(&self) -> Result<Box<dyn Connection>, LedgerError> {
            Ok(Box::new(self.clone()))
        }

        fn writers(&self) -> usize {
            1
        }

        fn find(&self) -> Result<(), LedgerError> {
            Ok(())
        }
    }

    impl Connection for Fake {
        fn begin(&mut self, mode: Mode) -> Result<(), LedgerError> {
            self.begun.lock().unwrap().push(mode);
            if self.is_locked_out { Err(locked()) } else { Ok(()) }
        }

        fn commit(&mut self) -> Result<(), LedgerError> {
            Ok(())
        }

        fn rollback(&mut self) -> Result<(), LedgerError> {
            Ok(())
        }

        fn query(&mut self, sql: &str, _: &[Cell<'_>]) -> Result<Vec<Row>, LedgerError> {
            if sql == "held" { Err(locked()) } else { Ok(Vec::new()) }
        }

        fn each(&mut self, _: &str, _: &[Cell<'_>], _: Each<'_>) -> Result<(), LedgerError> {
            Ok(())
        }

        fn execute(&mut self, _: &str, _: &[Cell<'_>]) -> Result<u64, LedgerError> {
            Ok(0)
        }

        fn each_of_all(&mut self, _: Many<'_>, _: &[Cell<'_>], _: Each<'_>) -> Result<(), LedgerError> {
            Ok(())
        }

        fn send_all(&mut self, _: Many<'_>, _: &[Cell<'_>]) -> Result<(), LedgerError> {
            Ok(())
        }

        fn lock_all(&mut self, _: Many<'_>, _: &[Cell<'_>]) -> Result<(), LedgerError> {
            Ok(())
        }

        fn lock_group(&mut self, _: GroupLock) -> Result<(), LedgerError> {
            Ok(())
        }

        fn script(&mut self, _: &str) -> Result<(), LedgerError> {
            Ok(())
        }

        fn lock_schema(&mut self) -> Result<(), LedgerError> {
            Ok(())
        }

        fn has_table(&mut self, _: &str) -> Result<bool, LedgerError> {
            Ok(true)
        }
    }

    /// Commits a group whose acts ask these; returns how transactions began, and what each was told.
    fn commit(engine: Fake, asked: [&'static str; 4]) -> (Vec<Mode>, Vec<Result<(), LedgerError>>) {
        let begun = Arc::clone(&engine.begun);
        let (sender, told) = channel();
        let waiting = Arc::new(AtomicU64::new(0));
        let job = |sql: &'static str| {
            let sender = sender.clone();
            let then = Told::Then(Box::new(move |answer| sender.send(answer).unwrap()));
            Job::act(move |transaction| transaction.query(sql, &values![]).map(drop), Caller::new(then, &waiting))
        };
        let mut desk = Desk::for_all(engine.connect().unwrap(), Arc::new(engine)).next().unwrap();
        desk.commit(asked.map(job).into());
        let begun = begun.lock().unwrap().clone();
        (begun, told.try_iter().collect())
    }

    #[test]
    fn who_holds_what_some_need_is_waited_for_once() {
        use Mode::{Hurried, Write};
        let (begun, told) = commit(Fake::default(), ["free", "held", "held", "free"]);
        assert_eq!(begun, [Write, Hurried, Hurried, Hurried, Hurried]);
        assert_eq!(told, [Ok(()), Err(locked()), Err(locked()), Ok(())]);
    }

    #[test]
    fn who_holds_the_whole_ledger_is_waited_for_once() {
        let (begun, told) = commit(Fake { is_locked_out: true, ..Fake::default() }, ["free"; 4]);
        assert_eq!(begun, [Mode::Write]);
        assert_eq!(told, vec![Err(locked()); 4]);
    }

    #[test]
    fn a_group_that_nobody_is_in_the_way_of_is_one_transaction() {
        let (begun, told) = commit(Fake::default(), ["free"; 4]);
        assert_eq!(begun, [Mode::Write]);
        assert_eq!(told, [Ok(()), Ok(()), Ok(()), Ok(())]);
    }
}
