//! `GET /signing-key/public`, `/keyring` and `/revocations`: what verifiers are given.

use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;

pub(super) const PEM: &str = "application/x-pem-file";

pub(super) fn signing_key(_: &App, call: &Call) -> Result<Reply, Problem> {
    let signer = call.roles.signer.as_ref();
    let signer =
        signer.ok_or_else(|| Problem::not_served("this server was started without --key, so it signs nothing"))?;
    Ok(Reply::of(PEM, signer.public().to_pem()))
}

pub(super) fn keyring(_: &App, call: &Call) -> Result<Reply, Problem> {
    handed_out(call.roles.keyring_document.as_ref(), "--keyring, so it hands out none")
}

pub(super) fn revocations(_: &App, call: &Call) -> Result<Reply, Problem> {
    handed_out(call.roles.revocations_document.as_ref(), "--revocations, so it hands out none")
}

fn handed_out(document: Option<&String>, without: &str) -> Result<Reply, Problem> {
    let missing = || Problem::not_served(format_args!("this server was started without {without}"));
    Ok(Reply::of("application/json", document.ok_or_else(missing)?.clone()))
}
