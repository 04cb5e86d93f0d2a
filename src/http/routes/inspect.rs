//! `POST /inspect`.

use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::enclosed::Strangers;
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may};
use crate::operation::inspect::inspect;

pub(super) static REQUEST: Schema = Schema {
    name: "InspectRequest",
    about: "A document or public key, to be told and not to be believed",
    members: &[
        may("document", Holds::Document, "The text; this or `token`"),
        may("token", Holds::Document, "The license's text; this or `document`"),
    ],
    open: false,
};

pub(super) fn run(_: &App, call: &Call) -> Result<Reply, Problem> {
    let (_, document) = call.document(&REQUEST, Strangers::AreDocuments)?;
    Ok(Reply::json(inspect(&document, None, call.now).to_json()))
}
