//! [`Behind`]: brings a long file to its disk while more of it is made, so that its end does not wait for all of it.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// How many bytes are written before they are brought to the disk.
const STRETCH: usize = 16 << 20;

/// Syncs on a thread of its own, from the first whole stretch on; a short file is left to the sync at its end.
#[derive(Debug, Default)]
pub(super) struct Behind {
    written: usize,
    syncing: Option<Syncing>,
}

#[derive(Debug)]
struct Syncing {
    due: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Behind {
    /// Counts what was written, and syncs it once it is a stretch; one stretch waits at most.
    pub(super) fn wrote(&mut self, bytes: usize, file: &File) -> io::Result<()> {
        self.written += bytes;
        if self.written < STRETCH {
            return Ok(());
        }
        self.written = 0;
        let syncing = match &mut self.syncing {
            Some(syncing) => syncing,
            none => none.insert(Syncing::start(file.try_clone()?)?),
        };
        // Where one waits already, it will sync this one too.
        let _ = syncing.due.try_send(());
        Ok(())
    }

    /// Waits for the syncs that were begun. The system tells a fault once, so it would not be told by another sync.
    pub(super) fn finish(self) -> io::Result<()> {
        let Some(Syncing { due, thread }) = self.syncing else { return Ok(()) };
        drop(due);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs it has failed")))
    }
}

impl Syncing {
    fn start(file: File) -> io::Result<Self> {
        let (due, stretches) = sync_channel(1);
        let sync = move || {
            stretches.iter().try_for_each(|()| {
                file.sync_data()?;
                #[cfg(target_os = "linux")]
                forget(&file);
                Ok(())
            })
        };
        Ok(Self { due, thread: thread::Builder::new().name("sync".to_owned()).spawn(sync)? })
    }
}

/// Lets the system take back the memory in which what has reached the disk is kept: a file of gigabytes would take that of
/// everything else, and each new piece of it memory that nobody has touched for long, which costs a tenth of the time.
#[cfg(target_os = "linux")]
fn forget(file: &File) {
    // An advice; a file system that takes none has lost nothing.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_stretch_is_told_at_the_end_and_a_short_file_has_no_stretch() {
        // A device of which nothing can be synced.
        let file = File::options().write(true).open("/dev/null").unwrap();
        let synced = |lengths: &[usize]| {
            let mut behind = Behind::default();
            lengths.iter().try_for_each(|length| behind.wrote(*length, &file)).and_then(|()| behind.finish())
        };
        assert!(synced(&[STRETCH - 1]).is_ok());
        assert!(synced(&[STRETCH - 1, 1]).is_err());
        assert!(synced(&[STRETCH, 1]).is_err());
    }

    #[test]
    fn a_long_file_is_synced_stretch_by_stretch() {
        let file = tempfile::tempfile().unwrap();
        let mut behind = Behind::default();
        for _ in 0..5 {
            behind.wrote(STRETCH / 2, &file).unwrap();
        }
        assert!(behind.syncing.is_some() && behind.written == STRETCH / 2);
        behind.finish().unwrap();
    }
}
