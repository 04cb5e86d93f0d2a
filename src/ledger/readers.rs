//! [`Readers`]: connections for reading, kept while they are idle.

use std::sync::{Arc, Mutex};

use super::connection::{Connection, Engine, Mode};
use super::{LedgerError, Transaction};

/// As many idle connections are kept.
const IDLE: usize = 32;

pub(crate) struct Readers {
    engine: Arc<dyn Engine>,
    idle: Mutex<Vec<Box<dyn Connection>>>,
}

impl Readers {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, idle: Mutex::default() }
    }

    /// Reads from one consistent state.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&mut Transaction<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let begun = idle.and_then(|mut connection| connection.begin(Mode::Read).is_ok().then_some(connection));
        let mut connection = if let Some(connection) = begun {
            connection
        } else {
            // None was idle, or it broke while it was.
            let mut connection = self.engine.connect()?;
            connection.begin(Mode::Read)?;
            connection
        };
        let answer = look(&mut Transaction::new(connection.as_mut()));
        // What could not end its transaction is dropped, not used again.
        let ended = connection.rollback();
        if let (Ok(()), Ok(mut idle)) = (ended, self.idle.lock())
            && idle.len() < IDLE
        {
            idle.push(connection);
        }
        answer
    }
}
