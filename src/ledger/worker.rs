//! [`Worker`]: a thread that takes jobs in turn.

use std::io;
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::thread::{Builder, JoinHandle};

/// Ends its thread when it is dropped, after the jobs that it was given.
pub(super) struct Worker<J> {
    jobs: Option<Sender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Worker<J> {
    /// Begins a thread of that name, which works until no more jobs can come.
    pub(super) fn start(name: &str, work: impl FnOnce(&Receiver<J>) + Send + 'static) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let thread = Builder::new().name(name.to_owned()).spawn(move || work(&waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Gives a job, or returns it where the thread has ended.
    pub(super) fn give(&self, job: J) -> Result<(), J> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).map_err(|SendError(job)| job),
            None => Err(job),
        }
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}
