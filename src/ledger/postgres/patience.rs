//! How long an answer of the server is waited for.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::fault::explain;
use crate::ledger::LedgerError;

/// Longer than any statement of ours takes, and than somebody who holds rows is waited for. A server that has stopped still
/// acknowledges what it is sent: that it does not answer is the only sign.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for an answer.
///
/// # Errors
/// `Unavailable` or `Conflict`, as the server or the way to it says; `Unavailable` when nothing comes for two minutes.
pub(super) fn wait<T>(
    runtime: &Runtime,
    shown: &str,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, LedgerError> {
    let silent = |_| {
        let seconds = PATIENCE.as_secs();
        LedgerError::unreachable(format_args!("{shown}: the server has not answered for {seconds} seconds"))
    };
    let answered = runtime.block_on(async { timeout(PATIENCE, answer).await.map_err(silent) })?;
    answered.map_err(|error| explain(shown, &error))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::super::Postgres;
    use crate::ledger::connection::{Connection, Mode};

    #[test]
    fn a_server_that_has_stopped_is_not_waited_for_without_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Lets everybody in, is ready for a question, and answers none.
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            client.read_exact(&mut length).unwrap();
            let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
            client.read_exact(&mut rest).unwrap();
            client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
            client.read_to_end(&mut Vec::new()).unwrap();
        });
        let url = format!("postgres://u@127.0.0.1:{port}/d");
        let mut open = Postgres::new(&url, url.clone()).unwrap().open().unwrap();
        open.runtime.block_on(async { tokio::time::pause() });
        for mode in [Mode::Read, Mode::Write] {
            let said = open.begin(mode).unwrap_err().to_string();
            assert!(said.ends_with("the server has not answered for 120 seconds"), "{said}");
            // What broke is not asked to roll back.
            let asked_at = open.runtime.block_on(async { tokio::time::Instant::now() });
            assert_eq!(open.rollback().unwrap_err().to_string(), said);
            assert_eq!(open.runtime.block_on(async { tokio::time::Instant::now() }), asked_at);
        }
        drop(open);
        server.join().unwrap();
    }
}
