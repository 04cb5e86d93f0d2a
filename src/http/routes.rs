//! The routes, and the list of them.

mod activate;
mod approve;
mod book;
mod deactivate;
mod health;
mod heartbeat;
mod holders;
mod inspect;
mod installed;
mod issue;
mod keys;
mod machine;
mod measured;
mod mint;
mod page;
mod reports;
mod seats;
mod sessions;
mod usage;
mod validate;
mod verify;

pub(super) use measured::Looked;
pub use sessions::SESSIONS;

use super::answers::{DESCRIPTION, ENVELOPE, INSPECTION, PROBLEM, VERDICT};
use super::route::{Caller, Gives, MAX_BODY_BYTES, MAX_DOCUMENT_BYTES, Method, Route, Run, Takes};

/// Every route. The first path of each is the one that is described.
pub(super) static TABLE: &[Route] = &[
    Route {
        paths: &["/api/v1/verify"],
        about: "Judge a document",
        takes: Takes::Document(&verify::REQUEST),
        gives: Gives::Json(&VERDICT),
        refusals: &[503],
        max_body: MAX_DOCUMENT_BYTES,
        ..post(verify::run)
    },
    Route {
        paths: &["/api/v1/inspect"],
        about: "Tell what a document claims, without believing it",
        takes: Takes::Document(&inspect::REQUEST),
        gives: Gives::Json(&INSPECTION),
        max_body: MAX_DOCUMENT_BYTES,
        ..post(inspect::run)
    },
    Route {
        paths: &["/api/v1/mint"],
        about: "Mint a license",
        takes: Takes::Json(&mint::REQUEST),
        example: Some(
            r#"{"expiresAt":"365d","features":["reports"],"limits":{"users":25},"product":"suite","tenantId":"acme"}"#,
        ),
        gives: Gives::Json(&mint::RESPONSE),
        ..admin(mint::run)
    },
    Route {
        paths: &["/api/v1/signing-key/public"],
        about: "The public half of the signing key, PEM",
        gives: Gives::Other(keys::PEM),
        refusals: &[404],
        ..get(keys::signing_key)
    },
    Route {
        paths: &["/api/v1/keyring"],
        about: "The signed keyring",
        gives: Gives::Json(&ENVELOPE),
        refusals: &[404],
        ..get(keys::keyring)
    },
    Route {
        paths: &["/api/v1/revocations"],
        about: "The signed list of revocations",
        gives: Gives::Json(&ENVELOPE),
        refusals: &[404],
        ..get(keys::revocations)
    },
    Route { paths: &["/"], about: "The page for people", gives: Gives::Other(page::HTML), ..get(page::run) },
    Route {
        paths: &["/healthz", "/health", "/api/v1/healthz"],
        about: "Whether the server runs",
        gives: Gives::Json(&health::STATUS),
        ..get(health::healthz)
    },
    Route {
        paths: &["/readyz", "/api/v1/readyz"],
        about: "Whether the server can do its work",
        gives: Gives::Json(&health::STATUS),
        refusals: &[503],
        blocks: true,
        ..get(health::readyz)
    },
    Route {
        paths: &["/metrics", "/api/v1/metrics", "/api/v1/prometheus"],
        about: "What is counted",
        gives: Gives::Other(measured::OPEN_METRICS),
        blocks: true,
        ..get(measured::run)
    },
    Route {
        paths: &["/openapi.json", "/api/v1/openapi.json"],
        about: "This description",
        gives: Gives::Json(&DESCRIPTION),
        ..get(health::openapi)
    },
    Route {
        paths: &["/api/v1/validate"],
        about: "Whether a license may do something on a machine, as the book stands now",
        takes: Takes::Json(&validate::REQUEST),
        example: Some(
            r#"{"actionType":"reports","licenseKey":"MTG-00000-00000-00000-00000-00000","machineFingerprint":"node-1"}"#,
        ),
        gives: Gives::Json(&validate::RESPONSE),
        refusals: &[429],
        blocks: true,
        ..post(validate::run)
    },
    Route {
        paths: &["/api/v1/activate"],
        about: "Bind a machine to a license, and hand out its proof",
        takes: Takes::Json(&activate::REQUEST),
        gives: Gives::Json(&activate::RESPONSE),
        refusals: &[403, 429],
        ..machine(activate::find)
    },
    Route {
        paths: &["/api/v1/heartbeat"],
        about: "Whether an activated machine may go on, and the nonce of its next heartbeat",
        takes: Takes::Json(&heartbeat::REQUEST),
        gives: Gives::Json(&heartbeat::RESPONSE),
        ..machine(heartbeat::beat)
    },
    Route {
        paths: &["/api/v1/deactivate"],
        about: "Give an activation back",
        takes: Takes::Json(&deactivate::REQUEST),
        gives: Gives::Json(&deactivate::RESPONSE),
        refusals: &[403, 429],
        blocks: true,
        ..post(deactivate::run)
    },
    Route {
        paths: &["/api/v1/seats"],
        caller: Caller::Admin,
        about: "Who holds seats now",
        gives: Gives::Json(&holders::HOLDERS),
        blocks: true,
        ..get(holders::run)
    },
    Route {
        paths: &["/api/v1/seats/claim"],
        about: "Claim a seat, or a place in line; asking again keeps it",
        takes: Takes::Json(&seats::CLAIM),
        gives: Gives::Json(&seats::SEAT),
        ..holder(seats::claim)
    },
    Route {
        paths: &["/api/v1/seats/renew"],
        about: "Renew a seat before its lease ends",
        takes: Takes::Json(&seats::RENEW),
        gives: Gives::Json(&seats::SEAT),
        ..holder(seats::renew)
    },
    Route {
        paths: &["/api/v1/seats/release"],
        about: "Give a seat back; the admin takes it",
        takes: Takes::Json(&seats::RELEASE),
        gives: Gives::Json(&seats::RELEASED),
        ..holder(seats::release)
    },
    Route {
        paths: &["/api/v1/sessions"],
        about: "Tell of sessions of use: that they began, or ended",
        takes: Takes::Json(&sessions::REQUEST),
        gives: Gives::Json(&sessions::RESPONSE),
        ..holder(sessions::run)
    },
    Route {
        paths: &["/api/v1/reports/usage"],
        caller: Caller::Program,
        about: "Who used what, how long, and how near to the cap",
        query: &reports::QUERY,
        gives: Gives::AnyOf(&reports::MEDIA_TYPES),
        blocks: true,
        ..get(reports::usage)
    },
    Route {
        paths: &["/api/v1/revocation/list"],
        about: "Every license that was withdrawn, as the book stands now",
        gives: Gives::Json(&book::WITHDRAWN),
        blocks: true,
        ..get(book::withdrawn)
    },
    Route {
        paths: &["/api/v1/keys"],
        caller: Caller::Admin,
        about: "List licenses",
        query: &book::LIST_QUERY,
        gives: Gives::Json(&book::LISTED),
        blocks: true,
        ..get(book::list)
    },
    Route {
        paths: &["/api/v1/keys/{id}"],
        caller: Caller::Admin,
        about: "Show one license by its id or its license key",
        gives: Gives::Json(&book::SHOWN),
        blocks: true,
        ..get(book::show_one)
    },
    Route {
        paths: &["/api/v1/keys/generate"],
        about: "Issue a license and a key to activate it with",
        takes: Takes::Json(&issue::GENERATE),
        example: Some(r#"{"maxActivations":5,"organizationId":"acme","tier":"Licensed","validDays":365}"#),
        gives: Gives::Json(&issue::GENERATED),
        ..admin(issue::generate)
    },
    Route {
        paths: &["/api/v1/keys/suspend"],
        about: "Stop a license from being used, until it is reinstated",
        takes: Takes::Json(&book::CHANGE),
        example: Some(r#"{"licenseId":"lic-1","reason":"payment is late"}"#),
        gives: Gives::Json(&book::HELD),
        ..admin(book::suspend)
    },
    Route {
        paths: &["/api/v1/keys/reinstate"],
        about: "Let a suspended license be used again",
        takes: Takes::Json(&book::CHANGE),
        example: Some(r#"{"licenseId":"lic-1"}"#),
        gives: Gives::Json(&book::HELD),
        ..admin(book::reinstate)
    },
    Route {
        paths: &["/api/v1/keys/revoke"],
        about: "Withdraw a license, for good",
        takes: Takes::Json(&book::CHANGE),
        example: Some(r#"{"graceHours":24,"licenseId":"lic-2","reason":"refund"}"#),
        gives: Gives::Json(&book::HELD),
        ..admin(book::revoke)
    },
    Route {
        paths: &["/api/v1/keys/renew"],
        about: "Sign a new token for a license",
        takes: Takes::Json(&issue::RENEW),
        example: Some(r#"{"licenseId":"lic-1","validDays":365}"#),
        gives: Gives::Json(&book::HELD),
        ..admin(issue::renew)
    },
    Route {
        paths: &["/api/v1/keys/{id}/features"],
        about: "Change what a license grants",
        takes: Takes::Json(&issue::FEATURES),
        example: Some(r#"{"add":["reports"]}"#),
        gives: Gives::Json(&issue::GRANTED),
        ..admin(issue::features)
    },
    Route {
        paths: &["/api/v1/assembly-whitelist/approve"],
        about: "Approve an assembly for activation",
        takes: Takes::Json(&approve::REQUEST),
        example: Some(
            r#"{"assemblyName":"Suite","sha256Hash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","version":"1.2.0"}"#,
        ),
        gives: Gives::Json(&approve::RESPONSE),
        ..admin(approve::run)
    },
    Route {
        paths: &["/api/v1/audit", "/api/v1/admin/audit"],
        caller: Caller::Admin,
        about: "What was done to licenses, the newest entries in the order of the chain",
        query: &book::AUDIT_QUERY,
        gives: Gives::Json(&book::ENTRIES_SCHEMA),
        blocks: true,
        ..get(book::audit)
    },
    Route {
        paths: &["/api/v1/admin/license"],
        caller: Caller::Admin,
        about: "The license of this installation",
        gives: Gives::Json(&installed::INSTALLED),
        blocks: true,
        ..get(installed::license)
    },
    Route {
        paths: &["/api/v1/admin/license"],
        about: "Install a license for this installation, in place of the one before",
        takes: Takes::Json(&installed::INSTALL),
        gives: Gives::Json(&installed::INSTALLATION),
        ..admin(installed::install)
    },
    Route {
        paths: &["/api/v1/admin/license/usage"],
        caller: Caller::Admin,
        about: "The limits that hold in this installation, and what is used of them",
        gives: Gives::Json(&installed::USAGE),
        blocks: true,
        ..get(installed::usage)
    },
    Route {
        paths: &["/api/v1/usage/claim"],
        about: "Ask whether something may be created under a limit, and count it",
        takes: Takes::Json(&usage::CLAIM),
        gives: Gives::Json(&usage::CLAIMED),
        no: Some((403, &usage::REACHED)),
        ..program(usage::claim)
    },
    Route {
        paths: &["/api/v1/usage/release"],
        about: "Count what was removed",
        takes: Takes::Json(&usage::RELEASE),
        gives: Gives::Json(&usage::RELEASED),
        ..program(usage::release)
    },
    Route {
        paths: &["/api/v1/usage/report"],
        about: "Say how much of the limits is used",
        takes: Takes::Json(&usage::REPORT),
        gives: Gives::Json(&usage::REPORTED),
        ..program(usage::report)
    },
];

type First = fn(&super::App, &super::call::Call) -> Result<super::steps::Next, super::Problem>;
type Whole = fn(&super::App, &super::call::Call) -> Result<super::call::Reply, super::Problem>;

const fn get(run: Whole) -> Route {
    route(Method::Get, Run::Whole(run))
}

const fn route(method: Method, run: Run) -> Route {
    Route {
        method,
        paths: &[],
        caller: Caller::Anyone,
        about: "",
        query: &[],
        takes: Takes::Nothing,
        example: None,
        gives: Gives::Json(&PROBLEM),
        no: None,
        refusals: &[],
        max_body: MAX_BODY_BYTES,
        blocks: false,
        run,
    }
}

const fn post(run: Whole) -> Route {
    route(Method::Post, Run::Whole(run))
}

/// A route on which a machine has the book changed.
const fn machine(first: First) -> Route {
    Route { refusals: &[429], blocks: true, ..route(Method::Post, Run::Steps(first)) }
}

/// A route on which the admin changes the book.
const fn admin(run: Whole) -> Route {
    Route { caller: Caller::Admin, blocks: true, ..post(run) }
}

/// A route by which a customer's program tells what it uses.
const fn program(run: Whole) -> Route {
    Route { caller: Caller::Program, ..admin(run) }
}

/// A route for whoever shows a license key or a proof in the body.
const fn holder(run: Whole) -> Route {
    Route { refusals: &[401, 403, 429], blocks: true, ..post(run) }
}
