//! [`RequestIds`]: names for requests that bring none.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::app::World;
use crate::id::Hex;

/// Counts requests behind a random name of this run of the server: no two requests of any two runs share an id, and nothing
/// need be drawn for each.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    run: OnceLock<String>,
    count: AtomicU64,
}

impl RequestIds {
    /// Returns an id that was not given before.
    pub(super) fn next(&self, world: &World) -> String {
        let run = self.run.get_or_init(|| Hex(&(world.fresh)().unwrap_or_default()[..8]).to_string());
        format!("{run}-{}", self.count.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_run_differ_and_begin_alike() {
        let world = World { now: Box::new(|| None), fresh: Box::new(|| Some([7; 16])) };
        let ids = RequestIds::default();
        assert_eq!([ids.next(&world), ids.next(&world)], ["0707070707070707-1", "0707070707070707-2"]);
    }
}
