//! `POST /assembly-whitelist/approve`: which assemblies may be activated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::book::text;
use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::id::{Hex, decode_hex};
use crate::json::{Members, Writer};
use crate::ledger::approval::Assembly;
use crate::operation::ledger::approve::approve;

pub(super) static REQUEST: Schema = Schema {
    name: "ApproveRequest",
    about: "An assembly, and for which licenses it is right",
    members: &[
        must("assemblyName", Holds::Text, "Its name"),
        must("version", Holds::Text, "Its version"),
        must("sha256Hash", Holds::Text, "SHA-256 of its file, hex or base64"),
        may("publicKeyToken", Holds::Text, "The token of the key that it is signed with, 16 hex digits"),
        may(
            "approvalScope",
            Holds::Text,
            "`Global` for every license, anything else for the one that `licenseId` names",
        ),
        may("licenseId", Holds::Text, "The license"),
        may("source", Holds::Text, "Who found it right, such as `ci`; `manual` if left out"),
    ],
    open: true,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "Approved",
    about: "What became of the approval",
    members: &[
        must("approved", Holds::Bool, "Always true"),
        must("isNew", Holds::Bool, "Whether it was not approved before"),
        must("success", Holds::Bool, "Always true"),
    ],
    open: false,
};

pub(super) fn run(_: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let mut members = call.object(&REQUEST)?;
    let assembly = assembly(&mut members)?;
    let mut member = |name| text(&mut members, name).filter(|text| !text.is_empty());
    let is_global = member("approvalScope").is_none_or(|scope| scope.eq_ignore_ascii_case("global"));
    let licenses = match (is_global, member("licenseId")) {
        (true, None) => Vec::new(),
        (false, Some(id)) => vec![id],
        // An approval for everybody must never come of a slip.
        (true, Some(_)) | (false, None) => {
            let message = "`licenseId` goes with an approvalScope other than Global, and only with that";
            return Err(Problem::new(Code::Malformed, message).hint(BODIES));
        }
    };
    let source = member("source").unwrap_or_else(|| "manual".to_owned());
    let count = approve(ledger, &call.stamp(), &[assembly], &licenses, &source)?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("approved").bool(true);
    out.name("isNew").bool(count > 0);
    out.name("success").bool(true);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Takes what tells an assembly from another out of a body.
pub(super) fn assembly(members: &mut Members<'_>) -> Result<Assembly, Problem> {
    let mut member = |name| text(members, name).filter(|text| !text.is_empty());
    let missing = |name: &str| Problem::new(Code::Malformed, format_args!("`{name}` is missing")).hint(BODIES);
    let hash = member("sha256Hash").ok_or_else(|| missing("sha256Hash"))?;
    let decoded = decode_hex::<32>(&hash).or_else(|| STANDARD.decode(&hash).ok()?.try_into().ok());
    let decoded = decoded.ok_or_else(|| {
        Problem::new(Code::Malformed, "sha256Hash must be the 32 bytes of SHA-256, hex or base64").hint(BODIES)
    })?;
    Ok(Assembly {
        name: member("assemblyName").ok_or_else(|| missing("assemblyName"))?,
        version: member("version").ok_or_else(|| missing("version"))?,
        sha256: Hex(&decoded).to_string(),
        public_key_token: member("publicKeyToken"),
    })
}
