//! `/keys` and `/audit`: the vendor's book.

use std::sync::Arc;

use super::seats::HELD_LEASE;
use crate::code::Code;
use crate::http::app::App;
use crate::http::call::{BODIES, Call, Reply};
use crate::http::problem::Problem;
use crate::http::schema::{Holds, Member, Schema, may, must};
use crate::json::{Members, Value, Writer};
use crate::ledger::audit::AuditFilter;
use crate::ledger::license::{self, Held, HeldState, LicenseFilter};
use crate::ledger::license_key::{LicenseKey, LicenseKeyError};
use crate::ledger::{Ledger, LedgerError, withdrawn};
use crate::operation::ledger::change::{self, Change};
use crate::operation::ledger::named::license_id;
use crate::operation::ledger::{self as operation, Stamp, show};
use crate::time::Timestamp;

/// The most entries of the audit that are answered at once.
const MAX_ENTRIES: u64 = 1_000;

/// As many as are answered where nobody says.
const ENTRIES: u64 = 100;

const STATES: [&str; 4] = ["active", "expired", "revoked", "suspended"];

pub(super) static LIST_QUERY: [Member; 4] = [
    may("tenant", Holds::Text, "Those of this tenant"),
    may("state", Holds::OneOf(&STATES), "Those in this state"),
    may(
        "keyId",
        Holds::Text,
        "Those of which a token that counts was signed by this key, also one from before a renewal",
    ),
    may("expiringWithin", Holds::When, "Those that are active and expire within this span, such as 30d"),
];

pub(super) static AUDIT_QUERY: [Member; 6] = [
    may("category", Holds::Text, "Taken and not looked at: the whole audit is of licenses"),
    may(
        "limit",
        Holds::Count,
        "The most entries: the newest, in the order of the chain; 100 if left out, at most 1000",
    ),
    may("licenseId", Holds::Text, "Those of this license"),
    may("action", Holds::Text, "Those of this action"),
    may("from", Holds::When, "The first second, or a day from its beginning"),
    may("to", Holds::When, "The last second, or a day to its end"),
];

pub(super) static CHANGE: Schema = Schema {
    name: "ChangeRequest",
    about: "A license and why it is changed; named by its license key or its id",
    members: &[
        may("licenseKey", Holds::Text, "The license key; this or `licenseId`"),
        may("licenseId", Holds::Text, "The license's id; this or `licenseKey`"),
        may("reason", Holds::Text, "Why, for people"),
        may(
            "graceHours",
            Holds::Count,
            "When it is withdrawn: hours in which it still counts; what the server was started with if left out",
        ),
    ],
    open: true,
};

pub(super) static HELD: Schema = Schema {
    name: "Held",
    about: "A license as the ledger holds it",
    members: &[
        must("activations", Holds::Count, "How many machines hold an activation now"),
        must("changedAt", Holds::Time, "When its row was last changed"),
        must("createdAt", Holds::Time, "When it was recorded"),
        may(
            "earlierTokens",
            Holds::List(&Holds::Object(&EARLIER)),
            "Where those of one key are listed: its tokens from before a renewal that this key signed, and that still count",
        ),
        must("keyId", Holds::Text, "The signing key, 64 hex digits"),
        must("license", Holds::Any, "What was signed last"),
        may("licenseKey", Holds::Text, "The license key that was made for it just now; shown this once"),
        must("reason", Holds::Maybe(&Holds::Text), "Why it is in this state"),
        must("revokedAt", Holds::Maybe(&Holds::Time), "When it was withdrawn"),
        must("state", Holds::OneOf(&STATES), "Whether it may be used"),
        must("token", Holds::Text, "The token, as it was handed out"),
    ],
    open: false,
};

static EARLIER: Schema = Schema {
    name: "EarlierToken",
    about: "A token that was renewed since",
    members: &[
        must("graceUntil", Holds::Time, "The last second in which it counts, its days of grace included"),
        must("keyId", Holds::Text, "The signing key, 64 hex digits"),
    ],
    open: false,
};

pub(super) static LISTED: Schema = Schema {
    name: "Licenses",
    about: "Licenses of the ledger, in the order of their ids",
    members: &[must("licenses", Holds::List(&Holds::Object(&HELD)), "The licenses")],
    open: false,
};

pub(super) static SHOWN: Schema = Schema {
    name: "Shown",
    about: "A license and everything that the ledger knows of it",
    members: &[
        must("activations", Holds::List(&Holds::Any), "Its machines, also those that were released"),
        must("history", Holds::List(&Holds::Object(&ENTRY)), "What was done to it"),
        must("leases", Holds::List(&Holds::Object(&HELD_LEASE)), "Who holds its seats"),
        must("license", Holds::Object(&HELD), "The license"),
        must("usage", Holds::List(&Holds::Object(&REPORTED)), "What its machines reported of its use"),
        must("waiting", Holds::List(&Holds::Object(&IN_LINE)), "Who waits for a seat, the first in line first"),
    ],
    open: false,
};

static IN_LINE: Schema = Schema {
    name: "Waiting",
    about: "Who waits for a seat",
    members: &[
        must("holder", Holds::Text, "Who asks, as the holder of a lease"),
        must("since", Holds::Time, "Since when"),
    ],
    open: false,
};

static REPORTED: Schema = Schema {
    name: "Reported",
    about: "A report of use that a machine signed",
    members: &[
        must("asOf", Holds::Time, "The moment of the report"),
        must("from", Holds::Time, "The first second of its period"),
        must("importedAt", Holds::Time, "When it was taken in"),
        must("importedBy", Holds::Text, "By whom"),
        must("licenseId", Holds::Text, "The license"),
        must("mostSeats", Holds::Count, "The most seats that were held at once"),
        must("proofId", Holds::Text, "The activation whose key signed"),
        must("reportId", Holds::Text, "SHA-256 of what was signed"),
        must("sessionSeconds", Holds::Count, "How long the sessions lasted together"),
        must("sessions", Holds::Count, "The sessions of the period"),
        must("to", Holds::Time, "The last second of its period"),
        must("users", Holds::Count, "The users of the period"),
    ],
    open: false,
};

static ENTRY: Schema = Schema {
    name: "Entry",
    about: "One entry of the audit",
    members: &[
        must("action", Holds::Text, "What was done"),
        must("actor", Holds::Text, "By whom"),
        must("at", Holds::Time, "When"),
        must("detail", Holds::Any, "The particulars"),
        must("hash", Holds::Text, "The entry's hash, by which the next one holds on to it"),
        must("licenseId", Holds::Maybe(&Holds::Text), "To which license"),
        must("result", Holds::Text, "How it ended"),
        must("sequence", Holds::Count, "Its number"),
        must("target", Holds::Maybe(&Holds::Text), "To what else"),
    ],
    open: false,
};

pub(super) static ENTRIES_SCHEMA: Schema = Schema {
    name: "Entries",
    about: "Entries of the audit, in the order of the chain",
    members: &[must("entries", Holds::List(&Holds::Object(&ENTRY)), "The entries")],
    open: false,
};

pub(super) static WITHDRAWN: Schema = Schema {
    name: "Withdrawn",
    about: "Every license that was withdrawn",
    members: &[
        must("entries", Holds::List(&Holds::Any), "`licenseId`, `reason` and `revokedAt` of each"),
        must("generatedAt", Holds::Time, "When the list was made"),
    ],
    open: false,
};

/// `GET /keys`: the bytes of `ledger list --json`.
pub(super) fn list(_: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let mut filter = LicenseFilter {
        tenant_id: call.asked("tenant").map(str::to_owned),
        state: call.asked("state").and_then(HeldState::parse),
        key_id: call.asked("keyId").map(str::to_ascii_lowercase),
        ..LicenseFilter::default()
    };
    if let Some(span) = call.asked("expiringWithin") {
        filter.expiring_until = Timestamp::parse_when(span, call.now).ok();
        filter.state = filter.state.or(Some(HeldState::Active));
    }
    change::sweep(ledger, &call.stamp())?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("licenses").begin_array();
    show::list::<LedgerError>(ledger, &filter, call.now, |listed| {
        listed.write(&mut out);
        Ok(())
    })?;
    out.end_array();
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// `GET /keys/{id}`: the bytes of `ledger show --json`.
pub(super) fn show_one(_: &App, call: &Call) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let id = license_id(ledger, &call.id)?;
    let mut out = Writer::default();
    show::show(ledger, &id, call.now)?.write(&mut out);
    Ok(Reply::json(out.finish()))
}

pub(super) fn suspend(_: &App, call: &Call) -> Result<Reply, Problem> {
    changed(call, |reason, _| Change::Suspend { reason })
}

pub(super) fn reinstate(_: &App, call: &Call) -> Result<Reply, Problem> {
    changed(call, |_, _| Change::Reinstate)
}

pub(super) fn revoke(_: &App, call: &Call) -> Result<Reply, Problem> {
    changed(call, |reason, grace_hours| Change::Revoke { reason, grace_hours })
}

/// The bytes of `ledger suspend`, `reinstate` and `revoke` with `--json`.
fn changed(call: &Call, change: fn(Option<String>, Option<u64>) -> Change) -> Result<Reply, Problem> {
    let ledger = call.ledger()?;
    let mut members = call.object(&CHANGE)?;
    let held = named(ledger, &mut members)?;
    let reason = text(&mut members, "reason");
    let grace_hours = count(&mut members, "graceHours");
    let id = &held.license.license_id;
    let changed = change::change(ledger, &call.stamp(), id, &change(reason, grace_hours))?;
    Ok(held_json(&changed.held, None))
}

/// The bytes of a license, with the license key that was made for it just now.
pub(super) fn held_json(held: &Held, license_key: Option<&LicenseKey>) -> Reply {
    let mut out = Writer::default();
    held.write_with(license_key, &mut out);
    Reply::json(out.finish())
}

/// `GET /audit`: the bytes of `ledger audit --json --limit`.
pub(super) fn audit(_: &App, call: &Call) -> Result<Reply, Problem> {
    let since = call.asked("from").and_then(|text| Timestamp::parse_since(text, call.now).ok());
    let until = call.asked("to").and_then(|text| Timestamp::parse_when(text, call.now).ok());
    let most = call.asked("limit").and_then(|text| text.parse().ok()).unwrap_or(ENTRIES).min(MAX_ENTRIES);
    let filter = AuditFilter {
        license_id: call.asked("licenseId").map(str::to_owned),
        action: call.asked("action").map(str::to_owned),
        from: since.unwrap_or(Timestamp::EPOCH),
        to: until.unwrap_or(Timestamp::NEVER),
        ..AuditFilter::default()
    };
    let ledger = call.ledger()?;
    operation::audit::known(ledger, &filter).map_err(|error| match error.code() {
        Code::Usage if filter.from > filter.to => Problem::new(Code::Malformed, error).hint("exchange `from` and `to`"),
        Code::Usage => Problem::from(error).hint("leave `action` out for all of them"),
        _ => error.into(),
    })?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("entries").begin_array();
    operation::audit::newest(ledger, &filter, most)?.iter().for_each(|entry| entry.write(&mut out));
    out.end_array();
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// `GET /revocation/list`: what was withdrawn, as of now.
pub(super) fn withdrawn(_: &App, call: &Call) -> Result<Reply, Problem> {
    let withdrawn = call.ledger()?.read(withdrawn::all)?;
    let mut out = Writer::default();
    out.begin_object();
    out.name("entries").begin_array();
    for one in withdrawn {
        out.begin_object();
        out.name("licenseId").string(&one.license_id);
        match &one.reason {
            Some(reason) => out.name("reason").string(reason),
            None => out.name("reason").null(),
        }
        out.name("revokedAt").plain(one.at);
        out.end_object();
    }
    out.end_array();
    out.name("generatedAt").plain(call.now);
    out.end_object();
    Ok(Reply::json(out.finish()))
}

/// Finds the license that a body names by its key or its id.
pub(super) fn named(ledger: &Ledger, members: &mut Members<'_>) -> Result<Held, Problem> {
    match (text(members, "licenseKey"), text(members, "licenseId")) {
        (Some(key), None) => match LicenseKey::parse(&key) {
            Ok(key) => by_key(ledger, &key),
            Err(LicenseKeyError::Check) => {
                let problem = Problem::new(Code::UnknownLicense, "License key not found.");
                Err(problem.hint("its last symbol does not fit the others, so it was mistyped"))
            }
            // What looks like no license key may be the id of a license that was minted without one.
            Err(_) => by_id(ledger, &key),
        },
        (None, Some(id)) => by_id(ledger, &id),
        (None, None) => Err(Problem::new(Code::Malformed, "License key is required.").hint(BODIES)),
        (Some(_), Some(_)) => {
            Err(Problem::new(Code::Malformed, "the body must hold one of `licenseKey` and `licenseId`").hint(BODIES))
        }
    }
}

pub(super) fn by_key(ledger: &Ledger, key: &LicenseKey) -> Result<Held, Problem> {
    let hash = key.hash();
    let held = ledger.read(|transaction| license::find_by_license_key(transaction, &hash))?;
    held.ok_or_else(|| Problem::new(Code::UnknownLicense, "License key not found."))
}

fn by_id(ledger: &Ledger, id: &str) -> Result<Held, Problem> {
    let held = ledger.read(|transaction| license::find(transaction, id))?;
    held.ok_or_else(|| license::unknown(id).into())
}

/// Takes a member out of a body.
pub(super) fn take<'a>(members: &mut Members<'a>, name: &str) -> Option<Value<'a>> {
    let at = members.iter().position(|(found, _)| found == name)?;
    Some(members.swap_remove(at).1)
}

pub(super) fn count(members: &mut Members<'_>, name: &str) -> Option<u64> {
    take(members, name).and_then(|value| value.into_count(name).ok())
}

pub(super) fn text(members: &mut Members<'_>, name: &str) -> Option<String> {
    take(members, name).and_then(|value| value.into_string(name).ok()).map(std::borrow::Cow::into_owned)
}

impl Call {
    /// Returns the ledger, without which there is no book.
    pub(super) fn ledger(&self) -> Result<&Arc<Ledger>, Problem> {
        let missing = || Problem::not_served("this server was started without --ledger, so it keeps no book");
        self.roles.ledger.as_ref().ok_or_else(missing)
    }

    /// The admin does something, now.
    pub(super) fn stamp(&self) -> Stamp {
        Stamp { actor: "admin".to_owned(), now: self.now }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        if let LedgerError::Refused(refusal) = &error {
            return Self::new(refusal.code, &refusal.message).status_of_no(409).hint_of(refusal);
        }
        let mut problem = Self::new(error.code(), "the ledger could not be asked");
        problem.cause = Some(error.to_string());
        problem
    }
}
