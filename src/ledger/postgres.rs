//! PostgreSQL, over TLS when its address asks for it.

mod address;
mod fault;
mod parameter;
mod patience;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::TryStreamExt;
use futures_util::future::maybe_done;
use tokio::runtime::Runtime;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use address::Address;
use fault::explain;
use parameter::Parameter;
use patience::wait;

use super::connection::{Asked, Connection, Each, Engine, GroupLock, Many, Mode};
use super::value::Cell;
use super::{Cause, LedgerError, Row, Value};
use crate::code::Code;

/// Who writes looks up single rows. Planned while a table is small, a statement would go on reading the whole of it when it
/// has grown. That somebody holds rows is told of after a while, as of a file, unless the address says after which.
const POINT_LOOKUPS: &str = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
     SELECT set_config('lock_timeout', '5s', false) WHERE current_setting('lock_timeout') = '0'";

/// For how long somebody who holds rows is waited for, after he was waited for already.
const HURRIED: &str = "SET LOCAL lock_timeout = '50ms'";

/// The lock that migrations take: `mintage` in ASCII.
const SCHEMA_LOCK: &str = "SELECT pg_advisory_xact_lock(30795979474823013)";

/// What groups take, of whichever program: `mintage`, and the number after.
const GROUP_ALONE: &str = "SELECT 1 FROM pg_advisory_xact_lock(30795979474823014)";
const GROUP_SHARED: &str = "SELECT 1 FROM pg_advisory_xact_lock_shared(30795979474823014)";

/// As many rows go into one statement.
const MOST_ROWS: usize = 1_000;

/// As many statements wait at most until something is asked.
const MOST_UNSENT: usize = 16;

pub(crate) struct Postgres(Address);

impl Postgres {
    /// Reads an address; what is `shown` of it holds no password.
    pub(crate) fn new(url: &str, shown: String) -> Result<Self, LedgerError> {
        Address::parse(url, shown).map(Self)
    }

    fn open(&self) -> Result<Open, LedgerError> {
        let (runtime, client) = self.0.connect()?;
        Ok(Open {
            runtime,
            client,
            statements: HashMap::new(),
            unsent: Vec::new(),
            writes: false,
            is_beginning: false,
            fault: None,
            shown: self.0.shown.clone(),
        })
    }
}

struct Open {
    runtime: Runtime,
    client: Client,
    statements: HashMap<String, Statement>,
    /// What nobody waits for leaves with what is asked next: a way there and back costs more than most statements.
    unsent: Vec<Question>,
    /// Whether it was told how to plan what a writer asks.
    writes: bool,
    /// Whether the `BEGIN` of a transaction is not known to have worked.
    is_beginning: bool,
    /// The first fault of a transaction. The server commits nothing after it, and answers `COMMIT` as if it had.
    fault: Option<LedgerError>,
    shown: String,
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
        Ok(Box::new(self.open()?))
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
        let prepared = wait(&self.runtime, &self.shown, self.client.prepare(sql));
        self.noted(prepared)
    }

    /// Runs statements that have neither parameters nor answers, after what waits to be sent.
    fn run(&mut self, sql: &str) -> Result<(), LedgerError> {
        self.ask_all(Vec::new())?;
        let run = wait(&self.runtime, &self.shown, self.client.batch_execute(sql));
        self.noted(run)
    }

    /// As [`Open::run`], for what takes as long as a table is large, or waits for who does it.
    fn run_at_length(&mut self, sql: &str) -> Result<(), LedgerError> {
        self.ask_all(Vec::new())?;
        let run = self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| explain(&self.shown, &error));
        self.noted(run)
    }

    /// Sends what waits and then these, each before the answer to the one before; the first fault is the one to tell.
    fn ask_all(&mut self, questions: Vec<Question>) -> Result<Vec<Answer>, LedgerError> {
        let mut all = std::mem::take(&mut self.unsent);
        let unsent = all.len();
        all.extend(questions);
        let client = &self.client;
        let mut running: Vec<_> = all.iter().map(|question| Box::pin(maybe_done(ask(client, question)))).collect();
        // A question leaves when it is polled first, so they leave in this order.
        let answers = poll_fn(|context| {
            let pending = running.iter_mut().filter_map(|one| one.as_mut().poll(context).is_pending().then_some(()));
            if pending.count() > 0 {
                return Poll::Pending;
            }
            Poll::Ready(running.iter_mut().filter_map(|one| one.as_mut().take_output()).collect::<Result<Vec<_>, _>>())
        });
        let answers = wait(&self.runtime, &self.shown, answers);
        drop(running);
        self.is_beginning = false;
        Ok(self.noted(answers)?.split_off(unsent))
    }

    /// Remembers the first fault of a transaction; what takers of rows refuse is none.
    fn noted<T>(&mut self, answer: Result<T, LedgerError>) -> Result<T, LedgerError> {
        if let Err(error @ (LedgerError::Conflict(_) | LedgerError::Unavailable(..))) = &answer {
            self.fault.get_or_insert_with(|| error.clone());
        }
        answer
    }

    /// Waits until a transaction is known to have begun: what changes something must not run before, outside of it.
    fn begun(&mut self) -> Result<(), LedgerError> {
        if self.is_beginning { self.ask_all(Vec::new()).map(drop) } else { Ok(()) }
    }

    /// Has a statement without parameters leave with what is asked next.
    fn ask_later(&mut self, sql: &str) -> Result<(), LedgerError> {
        let statement = self.statement(sql)?;
        self.unsent.push(Question { statement, parameters: Vec::new() });
        Ok(())
    }

    fn ask(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<Answer, LedgerError> {
        readable(parameters)?;
        let statement = self.statement(sql)?;
        let parameters = parameters.iter().map(Parameter::one).collect();
        let mut answers = self.ask_all(vec![Question { statement, parameters }])?;
        answers.pop().ok_or_else(|| LedgerError::unreachable("no answer came"))
    }

    /// Makes the questions of a statement for many rows.
    fn questions(&mut self, many: Many<'_>, values: &[Cell<'_>]) -> Result<Vec<Question>, LedgerError> {
        readable(values)?;
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

/// Refuses a text that the server cannot hold, before it spoils what others ask in the same transaction.
fn readable(values: &[Cell<'_>]) -> Result<(), LedgerError> {
    if values.iter().any(|cell| matches!(cell, Cell::Text(text) if text.contains('\0'))) {
        return Err(LedgerError::refused(Code::Malformed, "a text holds the character U+0000, which no ledger keeps"));
    }
    Ok(())
}

impl Connection for Open {
    fn begin(&mut self, mode: Mode) -> Result<(), LedgerError> {
        self.fault = None;
        match mode {
            Mode::Read => self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[]).map(|_| ()),
            Mode::Write | Mode::Hurried => {
                if !self.writes {
                    self.run(POINT_LOOKUPS)?;
                    self.writes = true;
                }
                // Whatever a database has been told to begin with.
                self.ask_later("BEGIN ISOLATION LEVEL READ COMMITTED")?;
                self.is_beginning = true;
                if mode == Mode::Hurried { self.ask_later(HURRIED) } else { Ok(()) }
            }
        }
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        if let Some(fault) = self.fault.take() {
            self.rollback()?;
            return Err(fault);
        }
        self.ask("COMMIT", &[]).map(|_| ())
    }

    fn rollback(&mut self) -> Result<(), LedgerError> {
        self.unsent.clear();
        // Who cannot be reached rolls back by himself, and is not waited for again.
        if let Some(LedgerError::Unavailable(Cause::Unreachable, _)) = &self.fault {
            return self.fault.take().map_or(Ok(()), Err);
        }
        let ended = self.ask("ROLLBACK", &[]).map(|_| ());
        (self.is_beginning, self.fault) = (false, None);
        ended
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
        let read = self.runtime.block_on(async {
            let mut rows = pin!(self.client.query_raw(&statement, &parameters).await.map_err(fault)?);
            while let Some(row) = rows.try_next().await.map_err(fault)? {
                each(&cells(&row).collect::<Result<Vec<_>, _>>().map_err(fault)?)?;
            }
            Ok(())
        });
        self.noted(read)
    }

    fn execute(&mut self, sql: &str, parameters: &[Cell<'_>]) -> Result<u64, LedgerError> {
        self.begun()?;
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
        self.begun()?;
        let questions = self.questions(statement, values)?;
        self.unsent.extend(questions);
        if self.unsent.len() > MOST_UNSENT {
            self.ask_all(Vec::new())?;
        }
        Ok(())
    }

    fn lock_all(&mut self, statement: Many<'_>, values: &[Cell<'_>]) -> Result<(), LedgerError> {
        let questions = self.questions(statement, values)?;
        self.unsent.extend(questions);
        Ok(())
    }

    fn lock_group(&mut self, group: GroupLock) -> Result<(), LedgerError> {
        self.ask_later(match group {
            GroupLock::Alone => GROUP_ALONE,
            GroupLock::Shared => GROUP_SHARED,
        })
    }

    fn script(&mut self, sql: &str) -> Result<(), LedgerError> {
        // Texts are ordered by their bytes, as SQLite orders them.
        self.run_at_length(&sql.replace(" TEXT", " TEXT COLLATE \"C\""))
    }

    fn lock_schema(&mut self) -> Result<(), LedgerError> {
        self.run_at_length(SCHEMA_LOCK)
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
