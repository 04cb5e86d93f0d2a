//! What several routes answer with.

use super::schema::{Holds, Schema, may, must};

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
    about: "The answer to `may this run here and now?`, or to `does this document count?`, and what led to it",
    members: &[
        must("asOf", Holds::Time, "The time it was judged for"),
        must("checks", Holds::List(&Holds::Object(&CHECK)), "Every rule, in the order judged"),
        may(
            "daysRemaining",
            Holds::Maybe(&Holds::Integer),
            "Whole days until the end, rounded down: negative from the first second after it on",
        ),
        may("document", Holds::Any, "What another document than a license or a proof says, once that is proved"),
        may("effectiveLimits", Holds::List(&Holds::Object(&LIMIT)), "The numbers that hold now"),
        must("keyId", Holds::Maybe(&Holds::Text), "The key that signed, once that is proved"),
        must("kind", Holds::Text, "What the document is"),
        may("license", Holds::Any, "The claims, once their signature is proved"),
        must("refusals", Holds::List(&Holds::Object(&REFUSAL)), "Every reason for a no; none means yes"),
        may("repairs", Holds::List(&Holds::Text), "What was mended before the document could be read"),
        may("state", Holds::OneOf(&["ABSENT", "ACTIVE", "EXPIRED", "GRACE", "INVALID"]), "What it is to its holder"),
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

pub(super) static INSPECTION: Schema = Schema {
    name: "Inspection",
    about: "What a text claims; nothing of it is verified",
    members: &[must("kind", Holds::Text, "What the text is"), must("verified", Holds::Bool, "Always false")],
    open: true,
};

pub(super) static ENVELOPE: Schema = Schema {
    name: "Envelope",
    about: "A DSSE envelope",
    members: &[
        must("payload", Holds::Text, "Base64"),
        must("payloadType", Holds::Text, "What it carries"),
        must("signatures", Holds::List(&Holds::Any), "Who signed"),
    ],
    open: true,
};

pub(super) static DESCRIPTION: Schema = Schema {
    name: "Description",
    about: "An OpenAPI description",
    members: &[may("openapi", Holds::Text, "The version of the format")],
    open: true,
};
