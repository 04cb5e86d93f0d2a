//! [`Room`]: how much memory documents may take at once, so that what strangers send at the same time never takes all there is.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::code::Code;

/// Room is taken in pieces of so many bytes of a body; the first of each is there without asking.
const PIECE_BYTES: usize = 64 << 10;

/// What a document may take while it is read, in lengths of its own: the body, what it encloses, and the values of either.
const LENGTHS: usize = 8;

/// After how many seconds who found no room may ask again.
const RETRY_AFTER: u64 = 5;

#[derive(Debug)]
pub(super) struct Room {
    pieces: Arc<Semaphore>,
    /// How many pieces there are in all.
    all: usize,
}

/// What one body has taken of the room; it is given back when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Room {
    /// Has room for documents that take so many MiB of memory.
    pub(super) fn of_mib(mib: usize) -> Self {
        let all = (mib << 20) / PIECE_BYTES / LENGTHS;
        Self { pieces: Arc::new(Semaphore::new(all)), all }
    }

    /// Returns how long a body may be that finds room when it is alone, in bytes.
    pub(super) fn longest(&self) -> usize {
        (self.all + 1) * PIECE_BYTES
    }

    /// Lets a body grow to a length in bytes. It never waits: bodies that did could wait for each other.
    ///
    /// # Errors
    /// `busy` when there is no room for it.
    pub(super) fn hold(&self, share: &mut Share, length: usize) -> Result<(), Problem> {
        let needed = length.div_ceil(PIECE_BYTES).saturating_sub(1);
        let more = needed.saturating_sub(share.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if more == 0 {
            return Ok(());
        }
        let taken =
            u32::try_from(more).ok().and_then(|more| Arc::clone(&self.pieces).try_acquire_many_owned(more).ok());
        let Some(taken) = taken else {
            let mut problem = Problem::new(Code::Busy, "the server holds as many documents as it has memory for");
            problem.retry_after = Some(RETRY_AFTER);
            return Err(problem);
        };
        match &mut share.0 {
            Some(share) => share.merge(taken),
            none => *none = Some(taken),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_room_as_it_grows_and_gives_it_back() {
        // One MiB and a half of memory is three pieces.
        let room = Room { pieces: Arc::new(Semaphore::new(3)), all: 3 };
        let (mut first, mut second, mut third) = Default::default();
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES] {
            room.hold(&mut first, length).unwrap();
        }
        assert_eq!(room.pieces.available_permits(), 1);
        room.hold(&mut second, 2 * PIECE_BYTES).unwrap();
        let full = room.hold(&mut second, 2 * PIECE_BYTES + 1).unwrap_err();
        assert_eq!((full.code, full.status(), full.retry_after), (Code::Busy, 503, Some(RETRY_AFTER)));
        // A short one needs none.
        room.hold(&mut third, PIECE_BYTES).unwrap();
        drop((first, second));
        assert!(room.hold(&mut third, room.longest() + 1).is_err());
        room.hold(&mut third, room.longest()).unwrap();
        drop(third);
        assert_eq!(room.pieces.available_permits(), 3);
    }

    #[test]
    fn so_many_mib_are_an_eighth_of_that_in_bodies() {
        assert_eq!(Room::of_mib(16).longest(), (2 << 20) + PIECE_BYTES);
    }
}
