//! PostgreSQL, over TLS when its address asks for it.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::{Connection, Each, Engine, Mode};
use super::value::Cell;
use super::{Cause, LedgerError, Row, Value};

/// How long to wait for the server, unless the address says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lock that migrations take: `mintage` in ASCII.
const SCHEMA_LOCK: &str = "SELECT pg_advisory_xact_lock(30795979474823013)";

pub(crate) struct Postgres {
    config: Config,
    /// A file of authorities to trust instead of the machine's.
    authorities: Option<PathBuf>,
    shown: String,
}

struct Open {
    client: Client,
    statements: HashMap<String, Statement>,
    shown: String,
}

impl Postgres {
    /// Reads the address: what libpq knows, `sslrootcert` among it.
    pub(crate) fn new(url: &str, shown: String) -> Result<Self, LedgerError> {
        let (url, authorities) = split_authorities(url);
        let mut config: Config = url
            .parse()
            .map_err(|error: postgres::Error| LedgerError::unreachable(format_args!("{shown}: {}", chain(&error))))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("mintage");
        }
        Ok(Self { config, authorities, shown })
    }

    /// The certificate and the name of the server are always checked: a line that anybody can answer is no secret.
    fn tls(&self) -> Result<MakeRustlsConnect, LedgerError> {
        let fault = |detail: &dyn std::fmt::Display| LedgerError::unreachable(format_args!("{}: {detail}", self.shown));
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => {
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fault(&error))? {
                    roots.add(certificate.map_err(|error| fault(&error))?).map_err(|error| fault(&error))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| fault(&error))?.with_root_certificates(roots).with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

/// Takes `sslrootcert` out of an address, and spells the modes that check the server as the client knows them.
fn split_authorities(url: &str) -> (String, Option<PathBuf>) {
    let Some((address, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut authorities = None;
    let mut kept = Vec::new();
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("sslrootcert", path)) => authorities = Some(PathBuf::from(path.replace("%2F", "/"))),
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            _ => kept.push(part),
        }
    }
    (format!("{address}?{}", kept.join("&")), authorities)
}

impl Engine for Postgres {
    fn connect(&self) -> Result<Box<dyn Connection>, LedgerError> {
        let client = match self.config.get_ssl_mode() {
            SslMode::Require => self.config.connect(self.tls()?),
            // Without a demand for it, TLS that an attacker could strip would only seem to protect.
            _ => self.config.connect(NoTls),
        };
        let client = client.map_err(|error| explain(&self.shown, &error))?;
        Ok(Box::new(Open { client, statements: HashMap::new(), shown: self.shown.clone() }))
    }
}

impl Open {
    fn statement(&mut self, sql: &str) -> Result<Statement, LedgerError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&sql.replace('?', "$")).map_err(|error| explain(&self.shown, &error))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn borrowed(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Connection for Open {
    fn begin(&mut self, mode: Mode) -> Result<(), LedgerError> {
        self.script(match mode {
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write => "BEGIN",
        })
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        self.script("COMMIT")
    }

    fn rollback(&mut self) -> Result<(), LedgerError> {
        self.script("ROLLBACK")
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, LedgerError> {
        let statement = self.statement(sql)?;
        let rows = self.client.query(&statement, &borrowed(parameters));
        let rows = rows.map_err(|error| explain(&self.shown, &error))?;
        rows.iter().map(|row| read(row).map_err(|error| explain(&self.shown, &error))).collect()
    }

    fn each(&mut self, sql: &str, parameters: &[Value], each: Each<'_>) -> Result<(), LedgerError> {
        let statement = self.statement(sql)?;
        let shown = &self.shown;
        let fault = |error| explain(shown, &error);
        let mut rows = self.client.query_raw(&statement, borrowed(parameters)).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let cell = |(at, column): (usize, &postgres::Column)| match *column.type_() {
                Type::INT8 => Ok(row.try_get::<_, Option<i64>>(at)?.map_or(Cell::Null, Cell::Integer)),
                _ => Ok(row.try_get::<_, Option<&str>>(at)?.map_or(Cell::Null, Cell::Text)),
            };
            let cells: Result<Vec<Cell<'_>>, postgres::Error> = row.columns().iter().enumerate().map(cell).collect();
            each(&cells.map_err(fault)?)?;
        }
        Ok(())
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, LedgerError> {
        let statement = self.statement(sql)?;
        self.client.execute(&statement, &borrowed(parameters)).map_err(|error| explain(&self.shown, &error))
    }

    fn sizes(&self) -> &'static [usize] {
        // Each statement is a way there and back; a few sizes, so that each is prepared once.
        &[64, 32, 16, 8, 4, 2, 1]
    }

    fn script(&mut self, sql: &str) -> Result<(), LedgerError> {
        // Texts are ordered by their bytes, as SQLite orders them.
        let sql = sql.replace(" TEXT", " TEXT COLLATE \"C\"");
        self.client.batch_execute(&sql).map_err(|error| explain(&self.shown, &error))
    }

    fn lock_schema(&mut self) -> Result<(), LedgerError> {
        self.script(SCHEMA_LOCK)
    }

    fn has_table(&mut self, name: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass(?1)";
        Ok(!self.query(sql, &[Value::from(name)])?.is_empty())
    }
}

fn read(row: &postgres::Row) -> Result<Row, postgres::Error> {
    let value = |(at, column): (usize, &postgres::Column)| match *column.type_() {
        Type::INT4 => Ok(row.try_get::<_, Option<i32>>(at)?.map(i64::from).into()),
        Type::INT8 => Ok(row.try_get::<_, Option<i64>>(at)?.into()),
        _ => Ok(row.try_get::<_, Option<String>>(at)?.into()),
    };
    row.columns().iter().enumerate().map(value).collect::<Result<_, _>>().map(Row::new)
}

impl ToSql for Value {
    fn to_sql(&self, target: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            // In a list of values every parameter is a text until it is cast.
            Self::Integer(number) if *target == Type::TEXT => number.to_string().to_sql(target, out),
            Self::Integer(number) => number.to_sql(target, out),
            Self::Null => Ok(IsNull::Yes),
            Self::Text(text) => text.to_sql(target, out),
        }
    }

    fn accepts(target: &Type) -> bool {
        matches!(*target, Type::INT8 | Type::NAME | Type::TEXT | Type::VARCHAR)
    }

    to_sql_checked!();
}

fn explain(shown: &str, error: &postgres::Error) -> LedgerError {
    let Some(state) = error.code() else {
        return LedgerError::unreachable(format_args!("{shown}: {}", chain(error)));
    };
    let detail = format!("{shown}: {}", chain(error));
    let cause = match *state {
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE => return LedgerError::Conflict(detail),
        SqlState::LOCK_NOT_AVAILABLE => Cause::Locked,
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::INSUFFICIENT_PRIVILEGE => Cause::ReadOnly,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Cause::Corrupted,
        // A class of their own: rows or tables that are not as the schema says.
        _ if ["23", "42"].iter().any(|class| state.code().starts_with(class)) => Cause::Corrupted,
        _ => Cause::Unreachable,
    };
    LedgerError::Unavailable(cause, detail)
}

/// Tells an error with what is behind it; the client's own sentence is only its class.
fn chain(error: &postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
