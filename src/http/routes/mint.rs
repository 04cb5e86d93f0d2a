//! `POST /mint`.

use super::issue::{of_mint, signer};
use crate::http::app::App;
use crate::http::call::{Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Schema, may, must};
use crate::operation::ledger::issue;
use crate::operation::mint::{self, Minted, Moment};
use crate::operation::rows::{self, RowError};

pub(super) static REQUEST: Schema = Schema {
    name: "MintRequest",
    about: "The claims of a license, named as a row of `mint --batch` names them",
    members: &[
        must("tenantId", Holds::Text, "Whom it is for"),
        may("licenseId", Holds::Text, "A random UUID if left out"),
        may("exp", Holds::Any, "The last second of validity: seconds since the epoch, RFC 3339, a day or a span"),
        may("expiresAt", Holds::Any, "The same as `exp`"),
        may("iat", Holds::Any, "When it counts as issued; now if left out"),
        may("issuedAt", Holds::Any, "The same as `iat`"),
        may("nbf", Holds::Any, "The first second of validity"),
        may("gracePeriodDays", Holds::Count, "Days after expiry in which the limits still hold, at most 3650"),
        may("label", Holds::Text, "A name for people"),
        may("product", Holds::Text, "The product"),
        may("tier", Holds::Text, "The tier: Free, Licensed and Enterprise bring their features"),
        may("plan", Holds::Text, "A plan of this server's plans to start from"),
        may("limits", Holds::Map(&Holds::Count), "Numbers that the license caps"),
        may("features", Holds::List(&Holds::Text), "Names that it grants; `*` for all"),
        may("maxActivations", Holds::Count, "Machines that may be bound"),
        may("seats", Holds::Count, "Concurrent uses"),
        may("activation", Holds::OneOf(&["none", "proof"]), "Whether it needs an activation proof beside it"),
        may("fingerprint", Holds::Any, "The machine it is bound to: a text or an fp1 object"),
        may("maintenanceUntil", Holds::Any, "Builds dated later are not covered"),
        may("meta", Holds::Map(&Holds::Text), "Carried along, not judged"),
        may("crit", Holds::List(&Holds::Text), "Members that a verifier must understand"),
    ],
    open: false,
};

pub(super) static RESPONSE: Schema = Schema {
    name: "Minted",
    about: "A license that was minted",
    members: &[
        must("keyId", Holds::Text, "The key that signed, 64 hex digits"),
        must("license", Holds::Any, "The claims, times as RFC 3339"),
        must("token", Holds::Text, "The license itself, one line"),
    ],
    open: false,
};

pub(super) fn run(app: &App, call: &Call) -> Result<Reply, Problem> {
    call.object(&REQUEST)?;
    let signer = signer(call)?;
    let no_file = |path: &str| Err(RowError::File(format!("`@{path}`: no file of this server can be named")));
    let draft = rows::draft(&call.body, &no_file).map_err(|error| Problem::new(error.code(), &error))?;
    let moment = Moment { now: call.now, fresh_id: app.fresh_id()? };
    let license = mint::license(draft, call.roles.plans.as_ref(), &moment).map_err(|error| of_mint(&error))?;
    let minted = Minted::sign(license, signer).map_err(|error| of_mint(&error))?;
    if let Some(ledger) = &call.roles.ledger {
        // Before anybody is handed it: what is out there and not in the book could never be withdrawn.
        let Minted { license, token, key_id } = minted.clone();
        let minted = issue::Record { license, token: token.to_string(), key_id, license_key: None };
        issue::record(ledger, &call.stamp(), vec![minted])?;
    }
    Ok(Reply::json(minted.to_json()))
}
