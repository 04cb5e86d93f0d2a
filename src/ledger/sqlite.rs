//! SQLite: one file, made on first use for its owner alone, never reached through a symbolic link.

mod checkpoint;
mod identity;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, Statement, ToSql, params_from_iter};

use checkpoint::Checkpoints;
use identity::Identity;

use super::connection::{Connection, Each, Engine, GroupLock, Many, Mode};
use super::value::Cell;
use super::{Cause, LedgerError, Row, Value};

/// How long another process may hold the file before we say that it is locked.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before a file that is locked is opened again.
const A_MOMENT: Duration = Duration::from_millis(5);

/// Each connection is one thread's alone, and no link is followed to the file.
const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX).union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

/// Marks the file as ours in its header: `mtge`.
const APPLICATION: i64 = 0x6d74_6765;

/// As many statements are kept prepared.
const STATEMENTS: usize = 128;

/// No statement whose rows are handed on while they are read has more columns.
const MOST_COLUMNS: usize = 16;

pub(crate) struct Sqlite {
    path: PathBuf,
    shown: String,
    /// The file that was opened first; no other is opened in its place.
    first: OnceLock<Identity>,
}

struct Open {
    /// Before the connection, which ends the log when it is the last to close.
    checkpoints: Checkpoints,
    connection: rusqlite::Connection,
    file: Identity,
    path: PathBuf,
    shown: String,
}

impl Sqlite {
    pub(crate) fn new(path: PathBuf, shown: String) -> Self {
        Self { path, shown, first: OnceLock::new() }
    }

    /// Makes the file unless it is there, and returns its path with no link in it.
    fn place(&self) -> io::Result<PathBuf> {
        let name = self.path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Links on the way are the owner's business; the file itself must not be one.
        let path = fs::canonicalize(folder)?.join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        if fs::symlink_metadata(&path)?.is_file() { Ok(path) } else { Err(io::Error::other("it is no regular file")) }
    }

    fn open(&self) -> Result<Open, LedgerError> {
        let shown = &self.shown;
        if let Some(first) = self.first.get() {
            first.must_be_at(&self.path, shown)?;
        }
        let path = self.place().map_err(|error| LedgerError::unreachable(format_args!("{shown}: {error}")))?;
        let file = Identity::of(&path).map_err(|error| LedgerError::unreachable(format_args!("{shown}: {error}")))?;
        let fault = |error| explain(shown, &error);
        let connection = rusqlite::Connection::open_with_flags(&path, FLAGS).map_err(fault)?;
        connection.busy_timeout(PATIENCE).map_err(fault)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let application: i64 =
            connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(fault)?;
        let version: i64 = connection.pragma_query_value(None, "schema_version", |row| row.get(0)).map_err(fault)?;
        if application != APPLICATION {
            if version != 0 {
                return Err(LedgerError::corrupted(format_args!("{shown}: the file is some other database")));
            }
            connection.pragma_update(None, "application_id", APPLICATION).map_err(fault)?;
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(fault)?;
        // What is acknowledged has been synced; what a loss of power may take was never acknowledged.
        connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(fault)?;
        connection.pragma_update(None, "trusted_schema", false).map_err(fault)?;
        connection.pragma_update(None, "wal_autocheckpoint", checkpoint::LONGEST_LOG).map_err(fault)?;
        self.first.get_or_init(|| file);
        Ok(Open { checkpoints: Checkpoints::new(path.clone()), connection, file, path, shown: shown.clone() })
    }
}

impl Engine for Sqlite {
    fn find(&self) -> Result<(), LedgerError> {
        let what = match fs::metadata(&self.path) {
            // What a full disk or a slip has left is no book that nothing stands in.
            Ok(file) if file.is_file() && file.len() == 0 => "the file is empty".to_owned(),
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        };
        Err(LedgerError::unreachable(format_args!("{}: {what}", self.shown)))
    }

    /// A file has one writer at a time.
    fn writers(&self) -> usize {
        1
    }

    fn connect(&self) -> Result<Box<dyn Connection>, LedgerError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.open() {
                // Those that turn a new file into a ledger at once are in each other's way, and SQLite waits for some of its
                // locks only.
                Err(LedgerError::Unavailable(Cause::Locked, _)) if Instant::now() < until => thread::sleep(A_MOMENT),
                opened => return Ok(Box::new(opened?)),
            }
        }
    }
}

impl Open {
    fn run(&self, sql: &str) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| explain(&self.shown, &error))?;
        statement.execute([]).map(|_| ()).map_err(|error| explain(&self.shown, &error))
    }

    /// Hands on the rows of an answer.
    fn read(&self, statement: &mut Statement<'_>, parameters: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError> {
        let fault = |error| explain(&self.shown, &error);
        let width = statement.column_count();
        let mut rows = statement.query(params_from_iter(parameters)).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let mut cells = [Cell::Null; MOST_COLUMNS];
            for (at, cell) in cells.iter_mut().enumerate().take(width) {
                *cell = borrowed(row.get_ref(at).map_err(fault)?)?;
            }
            each(cells.get(..width).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Runs a statement row by row: the engine is a call away, and a statement of many rows has to remember how to undo
    /// itself.
    fn one_by_one(
        &self,
        statement: Many<'_>,
        values: &[Cell<'_>],
        mut run: impl FnMut(&mut Statement<'_>, &[Cell<'_>]) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let places = (1..=statement.width).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let sql = statement.sql.replace("{rows}", &format!("VALUES ({places})")).replace("?*", "?1");
        let mut prepared = self.connection.prepare_cached(&sql).map_err(|error| explain(&self.shown, &error))?;
        values.chunks_exact(statement.width).try_for_each(|one| run(&mut prepared, one))
    }
}

impl Connection for Open {
    fn begin(&mut self, mode: Mode) -> Result<(), LedgerError> {
        // What is written to a file that nobody can find any more is acknowledged and lost.
        self.file.must_be_at(&self.path, &self.shown)?;
        // A transaction that will write takes its lock at once: to take it later can fail half-way.
        self.run(if mode == Mode::Read { "BEGIN" } else { "BEGIN IMMEDIATE" })
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        self.run("COMMIT")?;
        self.checkpoints.committed(self.connection.total_changes());
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), LedgerError> {
        // A failure may have rolled it back already.
        if self.connection.is_autocommit() { Ok(()) } else { self.run("ROLLBACK") }
    }

    fn query(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Vec<Row>, LedgerError> {
        let sql = sql.strip_suffix(" FOR UPDATE").unwrap_or(sql);
        let fault = |error| explain(&self.shown, &error);
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        let width = statement.column_count();
        let mut rows = statement.query(params_from_iter(parameters)).map_err(fault)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let values = (0..width).map(|column| borrowed(row.get_ref(column).map_err(fault)?).map(Value::from));
            found.push(Row::new(values.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }

    fn each(&mut self, sql: &str, parameters: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| explain(&self.shown, &error))?;
        self.read(&mut statement, parameters, each)
    }

    fn execute(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<u64, LedgerError> {
        let fault = |error| explain(&self.shown, &error);
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        statement.execute(params_from_iter(parameters)).map(|rows| rows as u64).map_err(fault)
    }

    fn each_of_all(&mut self, statement: Many<'_>, values: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError> {
        self.one_by_one(statement, values, |prepared, one| self.read(prepared, one, each))
    }

    fn send_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        self.one_by_one(statement, values, |prepared, one| {
            prepared.execute(params_from_iter(one)).map(|_| ()).map_err(|error| explain(&self.shown, &error))
        })
    }

    fn lock_all(&mut self, _statement: Many<'_>, _values: &[Cell<'_>]) -> Result<(), LedgerError> {
        // `BEGIN IMMEDIATE` has locked everything.
        Ok(())
    }

    fn lock_group(&mut self, _group: GroupLock) -> Result<(), LedgerError> {
        // `BEGIN IMMEDIATE` has locked everything.
        Ok(())
    }

    fn script(&mut self, sql: &str) -> Result<(), LedgerError> {
        // A key that is a number is the place of its row, and needs no index, when it is called so.
        let sql = sql.replace(" BIGINT NOT NULL PRIMARY KEY", " INTEGER NOT NULL PRIMARY KEY");
        self.connection.execute_batch(&sql).map_err(|error| explain(&self.shown, &error))
    }

    fn lock_schema(&mut self) -> Result<(), LedgerError> {
        // `BEGIN IMMEDIATE` has locked everything.
        Ok(())
    }

    fn has_table(&mut self, name: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        Ok(!self.query(sql, &[Cell::from(name)])?.is_empty())
    }
}

fn borrowed(value: ValueRef<'_>) -> Result<Cell<'_>, LedgerError> {
    match value {
        ValueRef::Integer(number) => Ok(Cell::Integer(number)),
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Cell::Text(text)),
            Err(_) => Err(LedgerError::corrupted("a text is not UTF-8")),
        },
        ValueRef::Blob(_) | ValueRef::Real(_) => {
            Err(LedgerError::corrupted("a column has a type that no ledger holds"))
        }
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn explain(shown: &str, error: &rusqlite::Error) -> LedgerError {
    let cause = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Cause::Locked,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Cause::ReadOnly,
        // The unknown are of statements: a table or a column that is not as the schema says.
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::SchemaChanged
            | ErrorCode::Unknown,
        ) => Cause::Corrupted,
        Some(ErrorCode::DiskFull) => Cause::Full,
        _ => Cause::Unreachable,
    };
    LedgerError::Unavailable(cause, format!("{shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Birth, migration, sql, url::LedgerUrl};
    use crate::time::Timestamp;

    #[test]
    fn approvals_are_found_without_reading_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let url = LedgerUrl::parse(&format!("sqlite:{}", folder.path().join("book").display())).unwrap();
        let mut connection = url.engine().unwrap().connect().unwrap();
        let birth = Birth { book_id: "book".to_owned(), now: Timestamp::from_seconds(0).unwrap() };
        migration::run(connection.as_mut(), Some(&birth)).unwrap();
        for statement in [sql::ANY_APPROVAL, sql::APPROVAL_OF, sql::APPROVALS_OF] {
            let given = vec![Cell::from("x"); statement.matches('?').count()];
            let mut rows = connection.query(&format!("EXPLAIN QUERY PLAN {statement}"), &given).unwrap();
            let plan = rows.iter_mut().map(|row| {
                // Its number, its parent's and one that is not used.
                for _ in 0..3 {
                    row.integer().unwrap();
                }
                row.text().unwrap()
            });
            let plan: Vec<String> = plan.collect();
            assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{statement}: {plan:?}");
        }
    }
}
