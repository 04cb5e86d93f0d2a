//! Work on many items at once, with results in the order of the items and a bounded number under way.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many items are under way for each thread: enough to go on with while the sink waits for a disk.
const PER_THREAD: usize = 4;

/// Runs `work` on `threads` threads over `items` and hands every result to `sink` in order, on the calling thread.
///
/// # Errors
/// The first error of `items` or `sink`; nothing after it reaches `sink`.
pub(super) fn in_order<T: Send, R: Send, E>(
    threads: usize,
    items: impl Iterator<Item = Result<T, E>>,
    work: impl Fn(T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let under_way = threads.max(1) * PER_THREAD;
    let (jobs, queue) = sync_channel::<(T, Sender<R>)>(under_way);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        // Owned here, so that every way out drops it and the workers end.
        let jobs = jobs;
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((item, reply)) = next(&queue) {
                    // Nobody listens once the sink has failed.
                    let _ = reply.send(work(item));
                }
            });
        }
        let mut pending: VecDeque<Receiver<R>> = VecDeque::new();
        for item in items {
            let (reply, result) = channel();
            if jobs.send((item?, reply)).is_err() {
                break;
            }
            pending.push_back(result);
            if pending.len() >= under_way {
                settle(&mut pending, &mut sink)?;
            }
        }
        while !pending.is_empty() {
            settle(&mut pending, &mut sink)?;
        }
        Ok(())
    })
}

fn next<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn settle<R, E>(pending: &mut VecDeque<Receiver<R>>, sink: &mut impl FnMut(R) -> Result<(), E>) -> Result<(), E> {
    // A worker that panicked sends nothing; the scope passes its panic on.
    match pending.pop_front().map(|result| result.recv()) {
        Some(Ok(result)) => sink(result),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut seen = Vec::new();
        let items = (0..1_000_u64).map(Ok::<_, ()>);
        let done = in_order(
            4,
            items,
            |item| item * item,
            |square| {
                seen.push(square);
                Ok(())
            },
        );
        assert_eq!(done, Ok(()));
        assert!(seen.iter().copied().eq((0..1_000).map(|item| item * item)));
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut seen = 0;
        let items = (0..1_000).map(|item| if item == 500 { Err("item") } else { Ok(item) });
        assert_eq!(
            in_order(
                2,
                items,
                |item| item,
                |_| {
                    seen += 1;
                    Ok(())
                }
            ),
            Err("item")
        );
        assert!(seen <= 500);
        let full = in_order(2, (0..1_000).map(Ok), |item| item, |item| if item == 7 { Err("sink") } else { Ok(()) });
        assert_eq!(full, Err("sink"));
    }
}
