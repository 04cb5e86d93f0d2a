//! Sessions of use, for reports.

use super::value::values;
use super::{LedgerError, Row, Transaction, sql};
use crate::json::Writer;
use crate::time::Timestamp;

/// As many rows are read at once.
const PAGE: u64 = 2_000;

/// One use of a product, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id; telling the same session again changes it.
    pub session_id: String,
    /// The license.
    pub license_id: String,
    /// The machine.
    pub machine_id: String,
    /// The name that the cluster knows the user by.
    pub username: Option<String>,
    /// The name of the machine's user.
    pub client_username: Option<String>,
    /// The name of the machine, as it calls itself.
    pub client_hostname: Option<String>,
    /// Whether a pipeline ran it.
    pub is_ci: bool,
    /// The version of the product.
    pub version: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; nothing while it runs.
    pub ended_at: Option<Timestamp>,
}

/// Records sessions; one that is known already is brought up to date.
///
/// # Errors
/// `Unavailable`.
pub fn record(transaction: &mut Transaction<'_>, sessions: &[Session]) -> Result<(), LedgerError> {
    for session in sessions {
        let row = values![
            &session.session_id,
            &session.license_id,
            &session.machine_id,
            session.username.clone(),
            session.client_username.clone(),
            session.client_hostname.clone(),
            i64::from(session.is_ci),
            session.version.clone(),
            session.started_at,
            session.ended_at,
        ];
        transaction.execute(sql::SET_SESSION, &row)?;
    }
    Ok(())
}

/// Hands on every session that began in a period, in the order in which they did.
///
/// # Errors
/// `Unavailable`.
pub fn between(
    transaction: &mut Transaction<'_>,
    from: Timestamp,
    to: Timestamp,
    mut each: impl FnMut(&Session),
) -> Result<(), LedgerError> {
    let mut after = (from.seconds(), String::new());
    loop {
        let rows = transaction.query(sql::SESSION_PAGE, &values![after.0, &after.1, to, PAGE])?;
        let full = rows.len() as u64 == PAGE;
        for row in rows {
            let session = read(row)?;
            each(&session);
            after = (session.started_at.seconds(), session.session_id);
        }
        if !full {
            return Ok(());
        }
    }
}

fn read(mut row: Row) -> Result<Session, LedgerError> {
    Ok(Session {
        session_id: row.text()?,
        license_id: row.text()?,
        machine_id: row.text()?,
        username: row.maybe_text()?,
        client_username: row.maybe_text()?,
        client_hostname: row.maybe_text()?,
        is_ci: row.integer()? != 0,
        version: row.maybe_text()?,
        started_at: row.time()?,
        ended_at: row.maybe_time()?,
    })
}

impl Session {
    /// Spells the log line of a finished session, as the seed's log collectors read it.
    pub fn log_line(&self, now: Timestamp) -> String {
        let mut out = Writer::default();
        out.begin_object();
        out.name("fields").begin_object();
        let maybe = |out: &mut Writer, name: &str, text: &Option<String>| {
            if let Some(text) = text {
                out.name(name).string(text);
            }
        };
        maybe(&mut out, "hostname", &self.client_hostname);
        maybe(&mut out, "kubernetes_username", &self.username);
        out.name("message").string("Session event");
        out.name("user_id").string(&self.machine_id);
        maybe(&mut out, "username", &self.client_username);
        out.end_object();
        out.name("level").string("INFO");
        out.name("timestamp").plain(now);
        out.end_object();
        out.finish()
    }
}
