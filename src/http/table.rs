//! The list of routes.

use super::route::{Caller, Gives, MAX_BODY_BYTES, MAX_DOCUMENT_BYTES, Method, Route, Takes};
use super::schema::{Holds, Schema, may, must};
use super::{health, inspect, keys, mint, verify};

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
        caller: Caller::Admin,
        about: "Mint a license",
        takes: Takes::Json(&mint::REQUEST),
        gives: Gives::Json(&mint::RESPONSE),
        ..post(mint::run)
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
        ..get(health::readyz)
    },
    Route {
        paths: &["/metrics", "/api/v1/metrics", "/api/v1/prometheus"],
        about: "What is counted",
        gives: Gives::Other(health::OPEN_METRICS),
        ..get(health::metrics)
    },
    Route {
        paths: &["/openapi.json", "/api/v1/openapi.json"],
        about: "This description",
        gives: Gives::Json(&DESCRIPTION),
        ..get(health::openapi)
    },
];

type Run = fn(&super::App, &super::call::Call) -> Result<super::call::Reply, super::Problem>;

const fn get(run: Run) -> Route {
    Route {
        method: Method::Get,
        paths: &[],
        caller: Caller::Anyone,
        about: "",
        takes: Takes::Nothing,
        gives: Gives::Json(&PROBLEM),
        refusals: &[],
        max_body: MAX_BODY_BYTES,
        run,
    }
}

const fn post(run: Run) -> Route {
    Route { method: Method::Post, ..get(run) }
}

pub(super) static PROBLEM: Schema = Schema {
    name: "Problem",
    about: "Why there is no answer",
    members: &[
        must("code", Holds::Text, "One word of mintage-codes(7)"),
        must("error", Holds::Text, "The same as `message`"),
        must("hints", Holds::List(&Holds::Text), "What the caller can do"),
        must("message", Holds::Text, "One sentence"),
    ],
    open: false,
};

pub(super) static VERDICT: Schema = Schema {
    name: "Verdict",
    about: "The answer to `may this run here and now?`, and all that led to it",
    members: &[
        must("asOf", Holds::Time, "The time it was judged for"),
        must("checks", Holds::List(&Holds::Object(&CHECK)), "Every rule, in the order judged"),
        must("daysRemaining", Holds::Maybe(&Holds::Integer), "Whole days until the end, negative after it"),
        must("effectiveLimits", Holds::List(&Holds::Object(&LIMIT)), "The numbers that hold now"),
        must("keyId", Holds::Maybe(&Holds::Text), "The key that signed, once that is proved"),
        must("kind", Holds::Text, "What the document is"),
        must("license", Holds::Any, "The claims, once their signature is proved"),
        must("refusals", Holds::List(&Holds::Object(&REFUSAL)), "Every reason for a no; none means yes"),
        must("repairs", Holds::List(&Holds::Text), "What was mended before the document could be read"),
        must("state", Holds::OneOf(&["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"]), "What it is to its holder"),
        must("verdict", Holds::OneOf(&["refused", "valid"]), "The answer"),
    ],
    open: true,
};

static CHECK: Schema = Schema {
    name: "Check",
    about: "One rule and how it ended",
    members: &[
        must("detail", Holds::Text, "What was compared"),
        must("name", Holds::Text, "The rule"),
        must("outcome", Holds::OneOf(&["fail", "pass", "skip"]), "How it ended"),
    ],
    open: false,
};

static LIMIT: Schema = Schema {
    name: "EffectiveLimit",
    about: "A number that holds now",
    members: &[
        must("key", Holds::Text, "What it caps"),
        must("source", Holds::OneOf(&["default", "license"]), "Where it comes from"),
        must("value", Holds::Count, "The number"),
    ],
    open: false,
};

static REFUSAL: Schema = Schema {
    name: "Refusal",
    about: "One reason for a no",
    members: &[
        must("code", Holds::Text, "One word of mintage-codes(7)"),
        must("hint", Holds::Text, "What the reader can do"),
        must("message", Holds::Text, "One sentence"),
    ],
    open: false,
};

static INSPECTION: Schema = Schema {
    name: "Inspection",
    about: "What a text claims; nothing of it is verified",
    members: &[must("kind", Holds::Text, "What the text is"), must("verified", Holds::Bool, "Always false")],
    open: true,
};

static ENVELOPE: Schema = Schema {
    name: "Envelope",
    about: "A DSSE envelope",
    members: &[
        must("payload", Holds::Text, "Base64"),
        must("payloadType", Holds::Text, "What it carries"),
        must("signatures", Holds::List(&Holds::Any), "Who signed"),
    ],
    open: true,
};

static DESCRIPTION: Schema = Schema {
    name: "Description",
    about: "An OpenAPI description",
    members: &[may("openapi", Holds::Text, "The version of the format")],
    open: true,
};
