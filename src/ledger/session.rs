//! Sessions of use, for reports.

use super::value::{present, values};
use super::{LedgerError, Row, Transaction, sql};
use crate::code::Code;
use crate::time::{CLOCK_TOLERANCE, Timestamp};

/// As many rows are read at once.
const PAGE: u64 = 2_000;

/// One use of a product, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id; telling of the same session again may end it.
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

/// Records sessions, and returns those that have ended with this. One that is known keeps what was said of it first; once
/// it has ended, it stays so.
///
/// # Errors
/// `Refused` with `license-mismatch` for an id under which another license has a session, or with `malformed` for one that
/// ends before it began, or later than now; `Unavailable`.
pub fn record(
    transaction: &mut Transaction<'_>,
    sessions: &[Session],
    now: Timestamp,
) -> Result<Vec<Session>, LedgerError> {
    let mut ended = Vec::new();
    for session in sessions {
        is_past(session, now)?;
        let row = values![
            &session.session_id,
            &session.license_id,
            &session.machine_id,
            &session.username,
            &session.client_username,
            &session.client_hostname,
            i64::from(session.is_ci),
            &session.version,
            session.started_at,
            session.ended_at,
        ];
        // Before anything is written: a refusal then leaves alone those who are recorded together with it.
        if let Err(refusal) = in_order(session, session.ended_at)
            && transaction.find(sql::FIND_SESSION, &values![&session.session_id])?.is_none()
        {
            return Err(refusal);
        }
        if transaction.execute(sql::BEGIN_SESSION, &row)? > 0 {
            ended.extend(session.ended_at.map(|_| session.clone()));
            continue;
        }
        let known = find(transaction, &session.session_id)?;
        if known.license_id != session.license_id {
            let message = format!("session {} is not of license {}", known.session_id, session.license_id);
            return Err(LedgerError::refused(Code::LicenseMismatch, message));
        }
        let Some(at) = session.ended_at else { continue };
        in_order(&known, Some(at))?;
        let end = values![&known.session_id, &known.license_id, at];
        if transaction.execute(sql::END_SESSION, &end)? > 0 {
            ended.push(Session { ended_at: Some(at), ..known });
        }
    }
    Ok(ended)
}

const MEND: &str = "set the clock of the machine that told of it, or mend what it sends";

fn in_order(session: &Session, ended_at: Option<Timestamp>) -> Result<(), LedgerError> {
    let (id, from) = (&session.session_id, session.started_at);
    match ended_at.filter(|at| *at < from) {
        Some(at) => {
            let message = format!("session {id} began at {from}, and so did not end at {at}");
            Err(LedgerError::refused(Code::Malformed, message).with_hint(MEND))
        }
        None => Ok(()),
    }
}

/// The clocks of machines differ by minutes, not by more.
fn is_past(session: &Session, now: Timestamp) -> Result<(), LedgerError> {
    let (id, last) = (&session.session_id, session.ended_at.unwrap_or(session.started_at));
    if last.since(now) <= CLOCK_TOLERANCE {
        return Ok(());
    }
    let what = if session.ended_at.is_some() { "ended" } else { "began" };
    let message = format!("session {id} {what} at {last}, and it is {now} here");
    Err(LedgerError::refused(Code::Malformed, message).with_hint(MEND))
}

fn find(transaction: &mut Transaction<'_>, session_id: &str) -> Result<Session, LedgerError> {
    let row = transaction.find(sql::FIND_SESSION, &values![session_id])?;
    row.map(read).transpose()?.ok_or_else(|| LedgerError::corrupted(format_args!("session {session_id} is gone")))
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

/// A session while it is read: what reports are made of.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The machine.
    pub machine_id: &'a str,
    /// The name that the cluster knows the user by.
    pub username: Option<&'a str>,
    /// The name of the machine's user.
    pub client_username: Option<&'a str>,
    /// The name of the machine, as it calls itself.
    pub client_hostname: Option<&'a str>,
    /// Whether a pipeline ran it.
    pub is_ci: bool,
    /// The version of the product.
    pub version: Option<&'a str>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; nothing while it runs.
    pub ended_at: Option<Timestamp>,
}

/// Hands on every session, in any order, none of them kept; or every one of a license, and those of none, whose programs did
/// not say.
///
/// # Errors
/// `Unavailable`.
pub fn uses(
    transaction: &mut Transaction<'_>,
    license_id: Option<&str>,
    mut each: impl FnMut(Use<'_>),
) -> Result<(), LedgerError> {
    let (sql, given) = match license_id {
        None => (sql::USES, Vec::new()),
        Some(id) => (sql::USES_OF, values![id].to_vec()),
    };
    transaction.each(sql, &given, &mut |cells| {
        let [machine_id, username, client_username, client_hostname, is_ci, version, started_at, ended_at] = *cells
        else {
            return Err(LedgerError::corrupted("a session has fewer columns than it should"));
        };
        each(Use {
            machine_id: present(machine_id.maybe_text()?)?,
            username: username.maybe_text()?,
            client_username: client_username.maybe_text()?,
            client_hostname: client_hostname.maybe_text()?,
            is_ci: present(is_ci.maybe_integer()?)? != 0,
            version: version.maybe_text()?,
            started_at: present(started_at.maybe_time()?)?,
            ended_at: ended_at.maybe_time()?,
        });
        Ok(())
    })
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
