//! The schema, step by step. A step that has been released is never changed; the next one is added.

use super::connection::{Connection, Mode};
use super::value::values;
use super::{Birth, Cause, LedgerError, Row, sql};

/// Every step; a ledger is at version n once the first n have run.
pub(crate) const STEPS: [&str; 12] = [
    include_str!("migration/1-licenses.sql"),
    include_str!("migration/2-activations.sql"),
    include_str!("migration/3-seats.sql"),
    include_str!("migration/4-jobs.sql"),
    include_str!("migration/5-reports.sql"),
    include_str!("migration/6-counts.sql"),
    include_str!("migration/7-audit.sql"),
    include_str!("migration/8-approvals.sql"),
    include_str!("migration/9-grace.sql"),
    include_str!("migration/10-given-back.sql"),
    include_str!("migration/11-drift.sql"),
    include_str!("migration/12-installed.sql"),
];

/// Brings the schema up to date, unless a newer program has been here. Without a `birth` no book is made where there is none.
pub(crate) fn run(connection: &mut dyn Connection, birth: Option<&Birth>) -> Result<(), LedgerError> {
    if version(connection)? == STEPS.len() {
        return Ok(());
    }
    connection.begin(Mode::Write)?;
    let migrated = step(connection, birth);
    match migrated {
        Ok(()) => connection.commit(),
        Err(error) => {
            // The first fault is the one to tell.
            let _ = connection.rollback();
            Err(error)
        }
    }
}

fn step(connection: &mut dyn Connection, birth: Option<&Birth>) -> Result<(), LedgerError> {
    connection.lock_schema()?;
    // Another process may have been first.
    let from = version(connection)?;
    if from == 0 && birth.is_none() {
        return Err(LedgerError::unreachable("there is no ledger in it"));
    }
    for (step, version) in STEPS.iter().zip(1_i64..).skip(from) {
        connection.script(step)?;
        connection.execute(sql::SET_VERSION, &values![version])?;
    }
    if let Some(birth) = birth.filter(|_| from == 0) {
        connection.execute(sql::INSERT_BOOK, &values![&birth.book_id, birth.now])?;
    }
    Ok(())
}

/// Returns how many steps have been run.
fn version(connection: &mut dyn Connection) -> Result<usize, LedgerError> {
    if !connection.has_table("mintage_schema")? {
        return Ok(0);
    }
    let mut rows = connection.query(sql::VERSION, &[])?;
    let version = rows.first_mut().map_or(Ok(0), Row::integer)?;
    match usize::try_from(version) {
        Ok(version) if version <= STEPS.len() => Ok(version),
        Ok(version) => {
            let known = STEPS.len();
            let detail = format!("its schema is version {version}, and this mintage knows versions up to {known}");
            Err(LedgerError::Unavailable(Cause::Newer, detail))
        }
        Err(_) => Err(LedgerError::corrupted(format_args!("its schema claims to be version {version}"))),
    }
}
