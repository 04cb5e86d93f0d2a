//! [`Writer`]: takes acts, and gives each to the thread that writes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use super::act::Job;
use super::activation::{Activate, Activated};
use super::caller::{Caller, Then, Told, wait};
use super::connection::{Connection, Engine};
use super::desk::Desk;
use super::worker::Worker;
use super::{LedgerError, Transaction};

/// The threads that write; they finish what they were given, so that the engine can close in order.
pub(crate) struct Writer {
    workers: Vec<Worker<Job>>,
    /// How many callers wait for an answer.
    waiting: Arc<AtomicU64>,
}

impl Writer {
    /// Begins as many threads as the engine has writers, with one connection to begin with.
    pub(crate) fn start(connection: Box<dyn Connection>, engine: Arc<dyn Engine>) -> Result<Self, LedgerError> {
        let begin = |mut desk: Desk| {
            Worker::start("ledger", move |jobs: &Receiver<Job>| desk.serve(jobs)).map_err(LedgerError::unreachable)
        };
        let desks = Desk::for_all(connection, engine);
        Ok(Self { workers: desks.map(begin).collect::<Result<_, _>>()?, waiting: Arc::default() })
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
        self.send(Job::act(act, Caller::new(told, &self.waiting)));
    }

    fn send_activate(&self, activate: Activate, told: Told<Activated>) {
        self.send(Job::activate(activate, Caller::new(told, &self.waiting)));
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
