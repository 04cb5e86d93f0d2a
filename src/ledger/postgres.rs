//! PostgreSQL, over TLS when its address asks for it.

mod parameter;

use std::collections::HashMap;
use std::error::Error;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use parameter::Parameter;

use super::connection::{Asked, Connection, Each, Engine, Many, Mode};
use super::value::Cell;
use super::{Cause, LedgerError, Row, Value};

/// How long to wait for the server, unless the address says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who writes looks up single rows. Planned while a table is small, a statement would go on reading the whole of it when it
/// has grown. That somebody holds rows is told of after a while, as of a file, unless the address says after which.
const POINT_LOOKUPS: &str = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
     SELECT set_config('lock_timeout', '5s', false) WHERE current_setting('lock_timeout') = '0'";

/// The lock that migrations take: `mintage` in ASCII.
const SCHEMA_LOCK: &str = "SELECT pg_advisory_xact_lock(30795979474823013)";

/// As many rows go into one statement.
const MOST_ROWS: usize = 1_000;

/// As many statements wait at most until something is asked.
const MOST_UNSENT: usize = 16;

pub(crate) struct Postgres {
    config: Config,
    /// A file of authorities to trust instead of the machine's.
    authorities: Option<PathBuf>,
    shown: String,
}

struct Open {
    runtime: Runtime,
    client: Client,
    statements: HashMap<String, Statement>,
    /// What nobody waits for leaves with what is asked next: a way there and back costs more than most statements.
    unsent: Vec<Question>,
    /// Whether it was told how to plan what a writer asks.
    writes: bool,
    shown: String,
}

impl Postgres {
    /// Reads the address: what libpq knows, `sslrootcert` among it.
    pub(crate) fn new(url: &str, shown: String) -> Result<Self, LedgerError> {
        let (url, authorities) = split_authorities(url);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            LedgerError::unreachable(format_args!("{shown}: {}", chain(&error)))
        })?;
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
    fn find(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// While one of them waits for the disk, another is decided.
    fn writers(&self) -> usize {
        2
    }

    fn connect(&self) -> Result<Box<dyn Connection>, LedgerError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(LedgerError::unreachable)?;
        let fault = |error| explain(&self.shown, &error);
        let client = runtime.block_on(async {
            if self.config.get_ssl_mode() == SslMode::Require {
                let (client, connection) = self.config.connect(self.tls()?).await.map_err(fault)?;
                tokio::spawn(connection);
                Ok(client)
            } else {
                // Without a demand for it, TLS that an attacker could strip would only seem to protect.
                let (client, connection) = self.config.connect(NoTls).await.map_err(fault)?;
                tokio::spawn(connection);
                Ok(client)
            }
        });
        let (statements, unsent) = (HashMap::new(), Vec::new());
        Ok(Box::new(Open { runtime, client: client?, statements, unsent, writes: false, shown: self.shown.clone() }))
    }
}

/// A statement with its parameters.
struct Question {
    statement: Statement,
    parameters: Vec<Parameter>,
}

/// What came back from one statement: its rows, or how many it changed.
struct Answer {
    rows: Vec<tokio_postgres::Row>,
    changed: u64,
}

async fn ask(client: &Client, question: &Question) -> Result<Answer, tokio_postgres::Error> {
    let mut stream = pin!(client.query_raw(&question.statement, &question.parameters).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { rows, changed: stream.rows_affected().unwrap_or(0) })
}

impl Open {
    fn statement(&mut self, sql: &str) -> Result<Statement, LedgerError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.prepare(&sql.replace('?', "$"))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Prepares a statement for many rows, which come as one array for each column. What a column holds, the server says of a
    /// statement for one row.
    fn statement_for_many(&mut self, many: Many<'_>) -> Result<Statement, LedgerError> {
        if let Some(statement) = self.statements.get(many.sql) {
            return Ok(statement.clone());
        }
        let places = (1..=many.width).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
        let one = self.prepare(&many.sql.replace("{rows}", &format!("VALUES ({places})")).replace("?*", "$1"))?;
        // In the list of what is selected they are read as they come; as a table they would be copied first.
        let column = |(its, place): (&Type, usize)| format!("unnest(${place}::{}[]) AS column{place}", its.name());
        let columns = one.params().iter().zip(1..).map(column).collect::<Vec<_>>().join(", ");
        let rows = format!("SELECT {columns}");
        let statement = self.prepare(&many.sql.replace("{rows}", &rows).replace("?*", "ANY($1)"))?;
        self.statements.insert(many.sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement, LedgerError> {
        self.runtime.block_on(self.client.prepare(sql)).map_err(|error| explain(&self.shown, &error))
    }

    /// Runs statements that have neither parameters nor answers, after what waits to be sent.
    fn run(&mut self, sql: &str) -> Result<(), LedgerError> {
        self.ask_all(Vec::new())?;
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| explain(&self.shown, &error))
    }

    /// Sends what waits and then these, each before the answer to the one before; the first fault is the one to tell.
    fn ask_all(&mut self, questions: Vec<Question>) -> Result<Vec<Answer>, LedgerError> {
        let mut all = std::mem::take(&mut self.unsent);
        let unsent = all.len();
        all.extend(questions);
        let client = &self.client;
        let mut running: Vec<_> = all.iter().map(|question| Box::pin(maybe_done(ask(client, question)))).collect();
        // A question leaves when it is polled first, so they leave in this order.
        self.runtime.block_on(poll_fn(|context| {
            let pending = running.iter_mut().filter_map(|one| one.as_mut().poll(context).is_pending().then_some(()));
            if pending.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
        }));
        let answers = running.iter_mut().filter_map(|one| one.as_mut().take_output());
        let mut answers = answers.collect::<Result<Vec<_>, _>>().map_err(|error| explain(&self.shown, &error))?;
        Ok(answers.split_off(unsent))
    }

    fn ask(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Answer, LedgerError> {
        let statement = self.statement(sql)?;
        let parameters = parameters.iter().map(Parameter::one).collect();
        let mut answers = self.ask_all(vec![Question { statement, parameters }])?;
        answers.pop().ok_or_else(|| LedgerError::unreachable("no answer came"))
    }

    /// Makes the questions of a statement for many rows.
    fn questions(&mut self, many: Many<'_>, values: &[Cell<'_>]) -> Result<Vec<Question>, LedgerError> {
        if !many.sql.contains("{rows}") && !many.sql.contains("?*") {
            let statement = self.statement(many.sql)?;
            let question = |row: &[Cell<'_>]| Question {
                statement: statement.clone(),
                parameters: row.iter().map(Parameter::one).collect(),
            };
            return Ok(values.chunks_exact(many.width).map(question).collect());
        }
        let statement = self.statement_for_many(many)?;
        let column =
            |rows: &[Cell<'_>], at| rows.iter().skip(at).step_by(many.width).copied().map(Value::from).collect();
        let question = |rows: &[Cell<'_>]| Question {
            statement: statement.clone(),
            parameters: (0..many.width).map(|at| Parameter::Column(column(rows, at))).collect(),
        };
        Ok(values.chunks(MOST_ROWS * many.width).map(question).collect())
    }
}

impl Connection for Open {
    fn begin(&mut self, mode: Mode) -> Result<(), LedgerError> {
        match mode {
            Mode::Read => self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]).map(|_| ()),
            Mode::Write => {
                if !self.writes {
                    self.run(POINT_LOOKUPS)?;
                    self.writes = true;
                }
                let statement = self.statement("BEGIN")?;
                self.unsent.push(Question { statement, parameters: Vec::new() });
                Ok(())
            }
        }
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        self.ask("COMMIT", &[]).map(|_| ())
    }

    fn rollback(&mut self) -> Result<(), LedgerError> {
        self.unsent.clear();
        self.ask("ROLLBACK", &[]).map(|_| ())
    }

    fn query(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Vec<Row>, LedgerError> {
        let answer = self.ask(sql, parameters)?;
        let read = |row| cells(row).map(|cell| cell.map(Value::from)).collect::<Result<_, _>>().map(Row::new);
        answer.rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| explain(&self.shown, &error))
    }

    fn each(&mut self, sql: &str, parameters: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError> {
        self.ask_all(Vec::new())?;
        let statement = self.statement(sql)?;
        let parameters: Vec<Parameter> = parameters.iter().map(Parameter::one).collect();
        let shown = &self.shown;
        let fault = |error| explain(shown, &error);
        self.runtime.block_on(async {
            let mut rows = pin!(self.client.query_raw(&statement, &parameters).await.map_err(fault)?);
            while let Some(row) = rows.try_next().await.map_err(fault)? {
                each(&cells(&row).collect::<Result<Vec<_>, _>>().map_err(fault)?)?;
            }
            Ok(())
        })
    }

    fn execute(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<u64, LedgerError> {
        self.ask(sql, parameters).map(|answer| answer.changed)
    }

    fn each_of_all(&mut self, statement: Many<'_>, values: &[Cell<'_>], each: Each<'_>) -> Result<(), LedgerError> {
        self.each_of_several(&mut [Asked { statement, values, each }])
    }

    fn each_of_several(&mut self, asked: &mut [Asked<'_>]) -> Result<(), LedgerError> {
        let (mut questions, mut takers) = (Vec::new(), Vec::new());
        for (taker, one) in asked.iter().enumerate() {
            let its = self.questions(one.statement, one.values)?;
            takers.extend(its.iter().map(|_| taker));
            questions.extend(its);
        }
        for (taker, answer) in takers.into_iter().zip(self.ask_all(questions)?) {
            for row in &answer.rows {
                let cells: Result<Vec<_>, _> = cells(row).collect();
                (asked[taker].each)(&cells.map_err(|error| explain(&self.shown, &error))?)?;
            }
        }
        Ok(())
    }

    fn send_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        let questions = self.questions(statement, values)?;
        self.unsent.extend(questions);
        if self.unsent.len() > MOST_UNSENT {
            self.ask_all(Vec::new())?;
        }
        Ok(())
    }

    fn lock_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        self.send_all(statement, values)
    }

    fn script(&mut self, sql: &str) -> Result<(), LedgerError> {
        // Texts are ordered by their bytes, as SQLite orders them.
        self.run(&sql.replace(" TEXT", " TEXT COLLATE \"C\""))
    }

    fn lock_schema(&mut self) -> Result<(), LedgerError> {
        self.run(SCHEMA_LOCK)
    }

    fn has_table(&mut self, name: &str) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass(?1)";
        Ok(!self.query(sql, &[Cell::from(name)])?.is_empty())
    }
}

fn cells(row: &tokio_postgres::Row) -> impl Iterator<Item = Result<Cell<'_>, tokio_postgres::Error>> {
    row.columns().iter().enumerate().map(|(at, column)| match *column.type_() {
        Type::INT4 => Ok(row.try_get::<_, Option<i32>>(at)?.map_or(Cell::Null, |number| Cell::Integer(number.into()))),
        Type::INT8 => Ok(row.try_get::<_, Option<i64>>(at)?.map_or(Cell::Null, Cell::Integer)),
        _ => Ok(row.try_get::<_, Option<&str>>(at)?.map_or(Cell::Null, Cell::Text)),
    })
}

fn explain(shown: &str, error: &tokio_postgres::Error) -> LedgerError {
    let Some(state) = error.code() else {
        return LedgerError::unreachable(format_args!("{shown}: {}", chain(error)));
    };
    let detail = format!("{shown}: {}", chain(error));
    let cause = match *state {
        // Who finds a row absent and inserts it may have been second; asked again, it finds the row.
        SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE | SqlState::UNIQUE_VIOLATION => {
            return LedgerError::Conflict(detail);
        }
        SqlState::LOCK_NOT_AVAILABLE => Cause::Locked,
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::INSUFFICIENT_PRIVILEGE => Cause::ReadOnly,
        SqlState::DISK_FULL => Cause::Full,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Cause::Corrupted,
        // A class of their own: rows or tables that are not as the schema says.
        _ if ["23", "42"].iter().any(|class| state.code().starts_with(class)) => Cause::Corrupted,
        _ => Cause::Unreachable,
    };
    LedgerError::Unavailable(cause, detail)
}

/// Tells an error with what is behind it; the client's own sentence is only its class.
fn chain(error: &tokio_postgres::Error) -> String {
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
