//! [`Loops`]: the threads that serve connections.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{JoinHandle, available_parallelism};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How many threads may wait for a disk at once, for all loops together.
const BLOCKING: usize = 512;

/// One thread for each processor, with a loop of its own. A connection stays with the thread that it was given to: no
/// request is handed over from one to another, which wakes a thread each time.
pub(super) struct Loops(Vec<Loop>);

struct Loop {
    tasks: Handle,
    /// How many connections it serves.
    open: Arc<AtomicUsize>,
    /// Ends the thread when it is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A connection, counted as long as it is served.
struct Open(Arc<AtomicUsize>);

impl Loops {
    /// Begins the threads; they end when this is dropped.
    pub(super) fn start() -> io::Result<Self> {
        let count = available_parallelism().map_or(1, NonZero::get);
        (0..count).map(|_| Loop::start(BLOCKING.div_ceil(count))).collect::<Result<_, _>>().map(Self)
    }

    /// Serves a connection on the thread that has the fewest.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let fewest = self.0.iter().min_by_key(|one| one.open.load(Ordering::Relaxed));
        if let Some(one) = fewest {
            let open = Open::new(&one.open);
            one.tasks.spawn(async move {
                let _open = open;
                connection.await;
            });
        }
    }
}

impl Loop {
    fn start(blocking: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(blocking).build()?;
        let (tasks, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel::<()>());
        let work = move || drop(runtime.block_on(stopped));
        let thread = std::thread::Builder::new().name("loop".to_owned()).spawn(work)?;
        Ok(Self { tasks, open: Arc::default(), stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

impl Open {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
