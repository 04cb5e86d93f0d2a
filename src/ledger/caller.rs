//! [`Caller`]: who is told an answer. Those who wait in threads of their own wake each other, so that the one thread that
//! writes soon goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};

use super::LedgerError;
use super::act::Job;

/// How many others each wakes who was woken: the thread that writes would else wake all of them, one after the other.
const WOKEN: usize = 2;

/// What is done with an answer.
pub(super) type Then<T> = Box<dyn FnOnce(Result<T, LedgerError>) + Send>;

/// Tells an answer. Whoever panics then takes the thread from nobody; its panic stands on standard error.
pub(super) fn tell<T>(then: Then<T>, answer: Result<T, LedgerError>) {
    drop(catch_unwind(AssertUnwindSafe(|| then(answer))));
}

/// Who is told the answer; counted among those who wait until then.
pub(super) struct Caller<T> {
    told: Told<T>,
    waiting: Arc<AtomicU64>,
}

pub(super) enum Told<T> {
    /// On the writer's thread, where it must not wait.
    Then(Then<T>),
    /// In its own thread, where it waits.
    Asleep(Asleep<T>),
}

/// Those whose acts were committed together, and who have not been told yet.
pub(super) type Others = Arc<Mutex<Vec<Job>>>;

impl<T> Caller<T> {
    pub(super) fn new(told: Told<T>, waiting: &Arc<AtomicU64>) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self { told, waiting: Arc::clone(waiting) }
    }

    pub(super) fn is_asleep(&self) -> bool {
        matches!(self.told, Told::Asleep(_))
    }

    pub(super) fn tell(
        self,
        value: Option<Result<T, LedgerError>>,
        transaction: Result<(), LedgerError>,
        others: Option<Others>,
    ) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let answer = transaction.and_then(|()| value.unwrap_or_else(|| Err(LedgerError::abandoned())));
        match self.told {
            Told::Then(then) => tell(then, answer),
            Told::Asleep(asleep) => asleep.tell(answer, others),
        }
    }
}

/// One who waits. Its place is let go of before it is woken, so that it knows that nothing more comes.
pub(super) struct Asleep<T> {
    place: Arc<Mutex<Option<Left<T>>>>,
    _waker: Waker,
}

/// What is left for one who waits.
struct Left<T> {
    answer: Result<T, LedgerError>,
    others: Option<Others>,
}

impl<T> Asleep<T> {
    fn tell(self, answer: Result<T, LedgerError>, others: Option<Others>) {
        // Nobody panics while it is locked.
        if let Ok(mut place) = self.place.lock() {
            *place = Some(Left { answer, others });
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
pub(super) fn wait<T>(begin: impl FnOnce(Asleep<T>)) -> Result<T, LedgerError> {
    let mut place = Arc::default();
    begin(Asleep { place: Arc::clone(&place), _waker: Waker(thread::current()) });
    loop {
        match Arc::try_unwrap(place) {
            Ok(place) => {
                let left: Option<Left<T>> = place.into_inner().ok().flatten();
                let Some(Left { answer, others }) = left else { return Err(LedgerError::abandoned()) };
                if let Some(others) = others {
                    wake(&others);
                }
                return answer;
            }
            Err(shared) => place = shared,
        }
        thread::park();
    }
}

/// Tells the next few, who tell others; should it come to nobody any more, those who are left are let go of with the list.
pub(super) fn wake(others: &Others) {
    for _ in 0..WOKEN {
        let next = others.lock().ok().and_then(|mut jobs| jobs.pop());
        let Some(job) = next else { return };
        job.answer(Ok(()), Some(Arc::clone(others)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::ledger::Transaction;
    use crate::ledger::act::Act;

    /// An act that was run, and answered with a number.
    struct Ran(Caller<usize>, usize);

    impl Act for Ran {
        fn run(&mut self, _transaction: &mut Transaction<'_>) -> Result<(), LedgerError> {
            Ok(())
        }

        fn is_waited_for(&self) -> bool {
            self.0.is_asleep()
        }

        fn answer(self: Box<Self>, transaction: Result<(), LedgerError>, others: Option<Others>) {
            self.0.tell(Some(Ok(self.1)), transaction, others);
        }
    }

    /// What callers are told, the first first, when their acts are treated so, and how many wait then.
    fn told(treat: impl FnOnce(Vec<Job>)) -> (Vec<Result<usize, LedgerError>>, u64) {
        let waiting = Arc::default();
        let (asleep, others) = channel();
        let threads: Vec<_> = (0..100)
            .map(|number| {
                let asleep = asleep.clone();
                thread::spawn(move || wait(|place| asleep.send((number, place)).unwrap()))
            })
            .collect();
        let ran = |(number, place)| Job::Act(Box::new(Ran(Caller::new(Told::Asleep(place), &waiting), number)));
        treat(others.iter().take(threads.len()).map(ran).collect());
        let answers = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        (answers, waiting.load(Ordering::Relaxed))
    }

    #[test]
    fn who_is_woken_wakes_others_until_all_are() {
        let (answers, waiting) = told(|jobs| wake(&Arc::new(Mutex::new(jobs))));
        assert_eq!(answers, (0..100).map(Ok).collect::<Vec<_>>());
        assert_eq!(waiting, 0);
    }

    #[test]
    fn who_is_told_by_nobody_is_told_so() {
        let (answers, _) = told(drop);
        assert!(answers.iter().all(|answer| *answer == Err(LedgerError::abandoned())), "{answers:?}");
    }
}
