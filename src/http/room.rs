//! [`Room`]: how much of long bodies is held at once, and how many of them are worked on, so that what strangers send at the
//! same time never takes all memory there is.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::code::Code;

/// Room is taken in pieces of so many bytes; the first of each body is there without asking.
const PIECE_BYTES: usize = 1 << 20;

/// For how many pieces more there is room: four bodies of the greatest length.
const PIECES: usize = 256;

/// How many long bodies are worked on at once; a hostile one may take several times its length.
const TURNS: usize = 4;

/// After how many seconds who found no room may ask again.
const RETRY_AFTER: u64 = 5;

#[derive(Debug)]
pub(super) struct Room {
    pieces: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// What one body has taken of the room; it is given back when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self::new(PIECES, TURNS)
    }
}

impl Room {
    /// Has room for so many pieces beyond the first of each body, and for so many bodies to be worked on.
    pub(super) fn new(pieces: usize, turns: usize) -> Self {
        Self { pieces: Arc::new(Semaphore::new(pieces)), turns: Arc::new(Semaphore::new(turns)) }
    }

    /// Lets a body grow to a length in bytes. It never waits: bodies that did could wait for each other.
    ///
    /// # Errors
    /// `busy` when there is no room for it.
    pub(super) fn hold(&self, held: &mut Held, length: usize) -> Result<(), Problem> {
        let before = held.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = length.div_ceil(PIECE_BYTES).saturating_sub(1 + before);
        if more == 0 {
            return Ok(());
        }
        let taken =
            u32::try_from(more).ok().and_then(|more| Arc::clone(&self.pieces).try_acquire_many_owned(more).ok());
        let Some(taken) = taken else {
            let mut problem = Problem::new(Code::Busy, "the server holds as many long documents as it has room for");
            problem.retry_after = Some(RETRY_AFTER);
            return Err(problem);
        };
        match &mut held.0 {
            Some(held) => held.merge(taken),
            none => *none = Some(taken),
        }
        Ok(())
    }

    /// Waits until a long body may be worked on. What is before it is at work and waits for no client.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_takes_room_as_it_grows_and_gives_it_back() {
        let room = Room::new(3, 1);
        let (mut first, mut second, mut third) = Default::default();
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES] {
            room.hold(&mut first, length).unwrap();
        }
        assert_eq!(room.pieces.available_permits(), 1);
        room.hold(&mut second, 2 * PIECE_BYTES).unwrap();
        let full = room.hold(&mut second, 2 * PIECE_BYTES + 1).unwrap_err();
        assert_eq!((full.code, full.status(), full.retry_after), (Code::Busy, 503, Some(RETRY_AFTER)));
        // A short one needs none, and one that is longer than all there is finds none.
        room.hold(&mut third, PIECE_BYTES).unwrap();
        drop((first, second));
        assert!(room.hold(&mut third, 5 * PIECE_BYTES).is_err());
        room.hold(&mut third, 4 * PIECE_BYTES).unwrap();
        drop(third);
        assert_eq!(room.pieces.available_permits(), 3);
    }
}
