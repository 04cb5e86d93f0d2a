//! `POST /sessions`: programs tell of sessions of use, which reports are made of.

use super::book::{by_key, take, text};
use super::machine::{refused_by_ledger, unknown_key};
use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::dispatch::admit_program;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::json::{Members, Value, Writer};
use crate::ledger::license_key::LicenseKey;
use crate::ledger::session::Session;
use crate::operation::ledger::sessions;
use crate::request::word;
use crate::time::Timestamp;

/// The target of the records that tell of a session that has ended.
pub const SESSIONS: &str = "mintage::session";

/// The most sessions that are told of at once.
const MAX_SESSIONS: usize = 10_000;

pub(super) static REQUEST: Schema = Schema {
    name: "SessionsRequest",
    about: "Sessions of use; all of them are recorded, or none",
    members: &[
        must("sessions", Holds::List(&Holds::Object(&SESSION)), "The sessions, at most 10,000"),
        may("licenseKey", Holds::Text, "The license key, where the sender is no program of this installation"),
    ],
    open: false,
};

static SESSION: Schema = Schema {
    name: "Session",
    about: "A session of use. Telling of it again ends it; what was said of it first stays",
    members: &[
        must("sessionId", Holds::Text, "Its id, of the sender's choice"),
        must("machineId", Holds::Text, "The machine"),
        may("licenseId", Holds::Text, "The license; that of the license key, or of this installation, if left out"),
        may("username", Holds::Text, "The name that the cluster knows the user by"),
        may("clientUsername", Holds::Text, "The name of the machine's user"),
        may("clientHostname", Holds::Text, "The name of the machine, as it calls itself"),
        may("isCi", Holds::Bool, "Whether a pipeline ran it"),
        may("version", Holds::Text, "The version of the product"),
        may("startedAt", Holds::Time, "When it began; now if left out"),
        may("endedAt", Holds::Time, "When it ended; it runs if left out"),
    ],
    open: false,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "SessionsRecorded",
    about: "What was recorded",
    members: &[
        must("ended", Holds::Count, "Those that have ended with this"),
        must("recorded", Holds::Count, "The sessions told of"),
    ],
    open: false,
};

/// Of which license sessions are.
enum Whose {
    /// Of any; of that of this installation where they do not say.
    Installed(String),
    /// Of the one whose license key was shown.
    Own(String),
}

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let mut members = call.object(&REQUEST)?;
    let whose = match text(&mut members, "licenseKey") {
        None => {
            admit_program(app, call.peer, &call.headers)?;
            let (posture, _) = app.posture(&call.roles, call.now)?;
            Whose::Installed(posture.verdict.license.map(|license| license.license_id.clone()).unwrap_or_default())
        }
        Some(key) => {
            app.may_guess(call.peer)?;
            let held = LicenseKey::parse(&key).ok().map(|key| by_key(ledger, &key));
            match held {
                Some(Err(problem)) if problem.code != Code::UnknownLicense => return Err(problem),
                Some(Ok(held)) => Whose::Own(held.license.license_id),
                _ => return Err(unknown_key(app, call)),
            }
        }
    };
    let Some(Value::Array(items)) = take(&mut members, "sessions") else { return Err(Problem::internal("no list")) };
    if items.len() > MAX_SESSIONS {
        let message = format!("`sessions` holds {}, and at most {MAX_SESSIONS} are taken at once", items.len());
        return Err(Problem::new(Code::Malformed, message).hint(BODIES));
    }
    let told = items.into_iter().map(|item| session(call, SESSION.check(item)?, &whose));
    let told = told.collect::<Result<Vec<_>, Problem>>()?;
    let recorded = told.len();
    let ended = sessions::record(ledger, call.now, told).map_err(refused_by_ledger)?;
    if call.roles.session_log {
        ended.iter().for_each(log);
    }
    let mut out = Writer::default();
    out.begin_object();
    out.name("ended").integer(ended.len() as i128);
    out.name("recorded").integer(recorded as i128);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

fn session(call: &Call, mut members: Members<'_>, whose: &Whose) -> Result<Session, Problem> {
    let mut name = |name: &str| take(&mut members, name).map(|value| word(value, name)).transpose();
    let (session_id, machine_id, license_id) = (name("sessionId")?, name("machineId")?, name("licenseId")?);
    let [username, client_username, client_hostname, version] =
        [name("username")?, name("clientUsername")?, name("clientHostname")?, name("version")?];
    let license_id = match (whose, license_id) {
        (Whose::Own(own), Some(named)) if *own != named => {
            let message = format!("the license key is not of license {named}");
            return Err(Problem::new(Code::LicenseMismatch, message).status_of_no(403));
        }
        (Whose::Installed(_), Some(named)) => named,
        (Whose::Own(id) | Whose::Installed(id), _) => id.clone(),
    };
    let time = |text: Option<String>| text.and_then(|text| Timestamp::parse_rfc3339(&text).ok());
    let (started_at, ended_at) = (time(text(&mut members, "startedAt")), time(text(&mut members, "endedAt")));
    Ok(Session {
        session_id: session_id.unwrap_or_default(),
        license_id,
        machine_id: machine_id.unwrap_or_default(),
        username,
        client_username,
        client_hostname,
        is_ci: matches!(take(&mut members, "isCi"), Some(Value::Bool(true))),
        version,
        started_at: started_at.unwrap_or(ended_at.map_or(call.now, |at| at.min(call.now))),
        ended_at,
    })
}

/// Tells the log of a session that has ended, in the words that collectors of such logs know.
fn log(session: &Session) {
    tracing::info!(
        target: SESSIONS,
        user_id = session.machine_id,
        kubernetes_username = session.username,
        username = session.client_username,
        hostname = session.client_hostname,
        "Session event"
    );
}
