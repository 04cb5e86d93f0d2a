//! [`Problem`]: the answer where there is nothing to judge. What caused it inside stands in the log alone.

use std::fmt;

use super::call::BODIES;
use crate::code::Code;
use crate::json::JsonError;
use crate::operation::problem;
use crate::verdict::Refusal;

/// Why a request got no answer of its own.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its code, from which the status follows.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// What the caller can do; the code's own hint unless another fits better.
    hint: Option<String>,
    /// The status, where the code's own does not fit.
    status: Option<u16>,
    /// Whether that status comes before the code's own.
    forced: bool,
    /// What the log is told and the caller is not.
    pub cause: Option<String>,
    /// Seconds after which it is worth another try.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// Gives a code and a sentence.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            hint: None,
            status: None,
            forced: false,
            cause: None,
            retry_after: None,
        }
    }

    /// Hides a fault of ours behind a sentence that gives nothing away.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let cause = Some(cause.to_string());
        Self { cause, ..Self::new(Code::Internal, "something went wrong inside; the log knows it by the request id") }
    }

    /// Says that this server was not given what the route needs.
    pub fn not_served(message: impl fmt::Display) -> Self {
        Self::new(Code::NotServed, message)
    }

    /// Gives a hint that fits better than the code's own.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Gives the hint of a refusal where that is its own; what is said of a code alone, [`Problem::to_json`] says.
    #[must_use]
    pub(super) fn hint_of(self, refusal: &Refusal) -> Self {
        if refusal.hint() == refusal.code.hint() { self } else { self.hint(refusal.hint()) }
    }

    /// Gives the status that stands for a reason which a verdict would give with 200.
    #[must_use]
    pub fn status_of_no(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Gives the status that clients of the field expect, whatever the code's own is.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { forced: true, ..self.status_of_no(status) }
    }

    /// Returns the HTTP status. A reason that a verdict would give with 200 is a bad request where nothing was judged.
    pub fn status(&self) -> u16 {
        match self.code.http_status() {
            _ if self.forced => self.status.unwrap_or(400),
            200 => self.status.unwrap_or(400),
            status => status,
        }
    }

    /// Returns the body: `{"code","error","hints","message"}`, as a command with `--json` prints it.
    pub fn to_json(&self) -> String {
        let of_code = match self.code {
            // The code's own speaks of a command.
            Code::Usage => BODIES,
            code => code.hint(),
        };
        problem::json(Some(self.code), &self.message, &[self.hint.as_deref().unwrap_or(of_code)])
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        Self::new(error.code(), &error).hint(BODIES)
    }
}
