//! The issuer's server, as activation asks it: the one place where this program opens a connection by itself.

mod agent;
mod tls;

use std::io::ErrorKind;
use std::time::Duration;

use clap::Args;
use mintage::code::Code;
use mintage::json::{self, Members, Value};

use self::agent::Way;
use self::tls::{Said, Tls};
use crate::clock;
use crate::failure::Failure;
use crate::render::Terminal;

/// The longest answer that is read, in bytes: a proof, twice as base64.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// How long is waited before the second try; before each further one twice as long, up to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// A server that asks to be left alone for longer is asked another time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Names the server, and how it is spoken to.
#[derive(Args, Debug)]
#[command(next_help_heading = "The issuer's server")]
pub(crate) struct Online {
    /// Activate, beat or deactivate at the server under URL, through the proxy that `HTTPS_PROXY` names
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    tls: Tls,
    /// Speak without TLS to a server on another machine: whoever listens reads the license key
    #[arg(long, requires = "server")]
    insecure_http: bool,
    /// Try again so often when the server cannot be reached or fails inside; 5 times if left out
    #[arg(long, value_name = "N", requires = "server")]
    retries: Option<u32>,
}

/// What helps where somebody else seems to have answered.
const STRANGER: &str = "is the address right? a proxy or a portal in between may have answered in the server's place";

/// How often a request is sent again, unless it is said.
const RETRIES: u32 = 5;

/// A server that can be asked.
pub(crate) struct Server {
    way: Way,
    retries: u32,
}

/// Why one try brought no answer.
struct Trouble {
    why: String,
    /// Whether another try may end otherwise, and after which time at least.
    again: Option<Duration>,
    code: Code,
    hint: Option<String>,
}

impl Online {
    /// Refuses what is said of a server where none is named; what `requires` it is let through beside whatever conflicts
    /// with it.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let others = [("--insecure-http", self.insecure_http), ("--retries", self.retries.is_some())];
        let stray = self.tls.named().into_iter().chain(others).find(|(_, is_given)| *is_given);
        match (stray, &self.server) {
            (Some((flag, _)), None) => {
                let message = format!("{flag} is said of a server, and none was named");
                Err(Failure::new(Code::Usage, message).hint("name one with --server, or leave it out"))
            }
            _ => Ok(()),
        }
    }

    /// Makes everything ready for the first request; nothing is sent yet.
    pub(crate) fn open(&self) -> anyhow::Result<Server> {
        let unnamed = || Failure::new(Code::Usage, "no server was named").hint("name one with --server");
        let url = self.server.as_deref().ok_or_else(unnamed)?;
        Ok(Server { way: agent::agent(url, &self.tls, self.insecure_http)?, retries: self.retries.unwrap_or(RETRIES) })
    }
}

impl Server {
    /// Sends one and the same request until it is answered; returns the answer to a request that was granted.
    pub(crate) fn post(&self, route: &str, body: &str, terminal: &Terminal) -> anyhow::Result<String> {
        let (mut wait, mut left) = (FIRST_WAIT, self.retries);
        let base = &self.way.base;
        loop {
            let trouble = match self.attempt(route, body) {
                Ok((200, answer)) => return Ok(answer),
                Ok((status, answer)) => return Err(refused(base, status, &answer).into()),
                Err(trouble) => trouble,
            };
            let again = trouble.again.filter(|least| *least <= PATIENCE && left > 0);
            let Some(least) = again else {
                let failure = Failure::new(trouble.code, format_args!("{base}: {}", trouble.why)).unable();
                return Err(trouble.hint.into_iter().fold(failure, Failure::hint).into());
            };
            let pause = wait.max(least);
            terminal.note(&format!("{base}: {}; trying again in {:.2} s", trouble.why, pause.as_secs_f64()));
            clock::wait(pause);
            wait = (wait * 2).min(LONGEST_WAIT);
            left -= 1;
        }
    }

    /// Tries once: the status and the body of what the server has to say, or why it has nothing to say.
    fn attempt(&self, route: &str, body: &str) -> Result<(u16, String), Trouble> {
        let way = &self.way;
        let request = way.agent.post(format!("{}/api/v1/{route}", way.base)).content_type("application/json");
        let mut response = request.send(body).map_err(|error| Trouble::of(&error, way))?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = header("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let location = header("location").map(str::to_owned);
        let answer = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let answer = answer.map_err(|error| Trouble::of(&error, way))?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let said = problem(&answer).map_or_else(|| format!("it answered {status}"), |problem| problem.message);
        match status {
            200 if members(&answer).is_some() => Ok((status, answer)),
            300..=399 => {
                let to = location.unwrap_or_default();
                Err(Trouble::final_(format!("it sends elsewhere, to `{to}`, which is not followed")))
            }
            429 => {
                let again = Some(retry_after.unwrap_or_default());
                let hint = retry_after.map(|after| format!("ask again in {} s", after.as_secs()));
                Err(Trouble { why: said, again, code: Code::TooManyRequests, hint })
            }
            408 | 500..=599 => {
                let again = Some(retry_after.unwrap_or_default());
                Err(Trouble { again, ..Trouble::final_(said) })
            }
            _ if problem(&answer).is_some() => Ok((status, answer)),
            _ => {
                let why = format!("it answered {status}, and not as a license server does");
                Err(Trouble { hint: Some(STRANGER.to_owned()), ..Trouble::final_(why) })
            }
        }
    }
}

impl Trouble {
    fn final_(why: String) -> Self {
        Self { why, again: None, code: Code::ServerUnreachable, hint: None }
    }

    fn of(error: &ureq::Error, way: &Way) -> Self {
        let why = match error {
            ureq::Error::HostNotFound => "its name is not known".to_owned(),
            ureq::Error::Io(error) => error.to_string(),
            ureq::Error::Timeout(_) => "it took too long".to_owned(),
            error => error.to_string(),
        };
        let (why, said) = tls::told(why);
        let why = way.proxy.as_ref().map_or(why.clone(), |proxy| format!("through the proxy {proxy}: {why}"));
        let hopeless = match error {
            ureq::Error::Io(error) => error.kind() == ErrorKind::InvalidData,
            ureq::Error::Rustls(_)
            | ureq::Error::Tls(_)
            | ureq::Error::BodyExceedsLimit(_)
            | ureq::Error::Protocol(_) => true,
            _ => false,
        };
        // What breaks off there says so in one of these ways, as the two sides meet.
        let breaks_off = match error {
            ureq::Error::Io(error) => matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
            ),
            _ => false,
        };
        let hint = match said {
            Some(Said::Way(hint)) => Some(hint),
            Some(Said::Certificate) => way.certificate,
            None => way.certificate.filter(|_| breaks_off),
        };
        Self { again: (!hopeless).then_some(Duration::ZERO), hint: hint.map(str::to_owned), ..Self::final_(why) }
    }
}

/// Says no as the server did.
fn refused(base: &str, status: u16, answer: &str) -> Failure {
    let Some(Problem { code, message, hints }) = problem(answer) else {
        return Failure::new(Code::ServerUnreachable, format_args!("{base}: it answered {status}"));
    };
    if code == Code::NotFound.as_str() {
        let failure = Failure::new(Code::NotFound, format_args!("{base}: {message}"));
        return failure.hint("check the address: --server takes what stands before /api/v1").no();
    }
    refusal(&code, &message, &hints)
}

/// Says no with a code that a server gave.
pub(crate) fn refusal(code: &str, message: &str, hints: &str) -> Failure {
    let failure = match Code::ALL.iter().find(|known| known.as_str() == code) {
        Some(code) => Failure::new(*code, message),
        // A newer server may know more reasons.
        None => Failure::new(Code::Unsupported, format_args!("{message} ({code})")),
    };
    let failure = if hints.is_empty() { failure } else { failure.hint(hints) };
    failure.no()
}

/// What a server answers where it grants nothing.
struct Problem {
    code: String,
    message: String,
    hints: String,
}

fn problem(answer: &str) -> Option<Problem> {
    let members = members(answer)?;
    let hints = match members.iter().find(|(name, _)| name == "hints") {
        Some((_, Value::Array(hints))) => hints.iter().filter_map(text).collect::<Vec<_>>().join("; "),
        _ => String::new(),
    };
    Some(Problem { code: string(&members, "code")?, message: string(&members, "message")?, hints })
}

/// Reads the members of an answer.
pub(crate) fn members(answer: &str) -> Option<Members<'_>> {
    json::parse(answer.as_bytes()).ok()?.into_object("answer").ok()
}

/// Returns a member that is a text.
pub(crate) fn string(members: &Members<'_>, name: &str) -> Option<String> {
    members.iter().find(|(found, _)| found == name).and_then(|(_, value)| text(value)).map(str::to_owned)
}

fn text<'a>(value: &'a Value<'_>) -> Option<&'a str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
