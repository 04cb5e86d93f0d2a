//! [`Route`]: one line of the API: where it stands, who may call it, what it takes and gives. Routing and description both
//! come from it.

use super::app::App;
use super::call::{Call, Reply};
use super::problem::Problem;
use super::schema::{Member, Schema};
use super::steps::Next;

/// How a route is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Whoever knows an admin key.
    Admin,
    /// Anyone.
    Anyone,
    /// Whoever knows an admin key, or one of the keys that reports are given for.
    Program,
}

/// What a request carries in its body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    /// Nothing.
    Nothing,
    /// A JSON object.
    Json(&'static Schema),
    /// A JSON object that holds a document, or the document itself under any other content type.
    Document(&'static Schema),
}

/// What a response carries in its body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gives {
    /// A JSON object.
    Json(&'static Schema),
    /// Something of one of some content types, in alphabetical order.
    AnyOf(&'static [&'static str]),
    /// Something of a content type.
    Other(&'static str),
}

/// One line of the API.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// The first is the one that is described; under the others older clients look for the same.
    pub(super) paths: &'static [&'static str],
    pub(super) caller: Caller,
    /// What it does, as a title.
    pub(super) about: &'static str,
    /// What may stand behind the `?`.
    pub(super) query: &'static [Member],
    pub(super) takes: Takes,
    /// A body that it takes, where one can be written down; `lic-1` and `lic-2` stand for licenses of the book.
    pub(super) example: Option<&'static str>,
    pub(super) gives: Gives,
    /// What it answers with where the answer is a no of its own: the status and the body.
    pub(super) no: Option<(u16, &'static Schema)>,
    /// Statuses that it answers with beside 200 and those that any route may.
    pub(super) refusals: &'static [u16],
    /// The longest body, in bytes.
    pub(super) max_body: usize,
    /// Whether it asks the ledger, and so may wait.
    pub(super) blocks: bool,
    pub(super) run: Run,
}

/// How a route is run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run {
    /// In steps, the first of which does not wait.
    Steps(fn(&App, &Call) -> Result<Next, Problem>),
    /// In one go.
    Whole(fn(&App, &Call) -> Result<Reply, Problem>),
}

/// The longest body of a request, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// The longest body of a request that may carry a manifest, in bytes.
pub(super) const MAX_DOCUMENT_BYTES: usize = 64 << 20;

impl Method {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
        }
    }
}
