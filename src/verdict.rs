//! [`Verdict`]: the answer, with every check that led to it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::code::{Code, Exit};
use crate::id::KeyId;
use crate::json::Writer;
use crate::license::License;
use crate::proof::Proof;
use crate::time::{DAY, Timestamp};

/// What a license is to its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// None is configured; default-tier limits apply.
    Absent,
    /// Valid now; its limits apply.
    Active,
    /// Past its grace period; default-tier limits apply.
    Expired,
    /// Past `exp` and within its grace period; its limits apply.
    Grace,
    /// Not to be believed, or not for here; default-tier limits apply.
    Invalid,
}

/// One reason for a "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason's code.
    pub code: Code,
    /// One sentence that names both values.
    pub message: String,
    /// What to do about it, where that of the code is not about this.
    hint: Option<&'static str>,
}

/// How long a detail usually is at most.
const DETAIL_BYTES: usize = 48;

/// One rule and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule's name.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was compared.
    pub detail: Cow<'static, str>,
}

/// How a rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was broken.
    Fail,
    /// It was kept.
    Pass,
    /// It did not apply.
    Skip,
}

/// What the rules have found so far: every rule, and every reason for a "no".
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Every rule, in the order judged.
    pub checks: Vec<Check>,
    /// Every reason for a "no"; none means yes.
    pub refusals: Vec<Refusal>,
}

/// A number that holds now, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveLimit {
    /// The limit's key.
    pub key: String,
    /// The number.
    pub value: u64,
    /// Whether the license or the default tier sets it.
    pub source: Source,
}

/// Where an effective limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The default tier.
    Default,
    /// The license.
    License,
}

/// The answer to "may this run here and now?", and all that led to it.
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody reads lets everything pass"]
pub struct Verdict {
    /// What the license is to its holder.
    pub state: State,
    /// Every reason for a "no"; none means yes.
    pub refusals: Vec<Refusal>,
    /// Every rule, in the order judged.
    pub checks: Vec<Check>,
    /// The time it was judged for.
    pub as_of: Timestamp,
    /// The key that signed, once that is proved.
    pub key_id: Option<KeyId>,
    /// The claims, once their signature is proved.
    pub license: Option<Arc<License>>,
    /// The activation it was judged with.
    pub proof: Option<Arc<Proof>>,
    /// The numbers that hold now, sorted by key.
    pub effective_limits: Vec<EffectiveLimit>,
    /// What was judged: `license`, or `proof` for a license inside its proof.
    pub kind: &'static str,
}

impl Verdict {
    /// Refuses a document that gave nothing to judge: absent, unreadable or not signed by a trusted key.
    pub fn refused(state: State, refusal: Refusal, as_of: Timestamp, defaults: &BTreeMap<String, u64>) -> Self {
        let check = Check { name: "document", outcome: Outcome::Fail, detail: refusal.message.clone().into() };
        Self {
            state,
            refusals: vec![refusal],
            checks: vec![check],
            as_of,
            key_id: None,
            license: None,
            proof: None,
            effective_limits: effective_limits(None, defaults),
            kind: "license",
        }
    }

    /// Whether the answer is yes.
    pub fn is_valid(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Returns the class of the exit status; `None` means yes. One certain "no" outweighs what could not be told.
    pub fn exit(&self) -> Option<Exit> {
        exit(&self.refusals)
    }

    /// Returns whole days until `exp`, rounded down: 0 on the last day, -1 from the first second after it on; `None` when
    /// no license is proved.
    pub fn days_remaining(&self) -> Option<i64> {
        self.license.as_ref().map(|license| license.expires_at.since(self.as_of).div_euclid(DAY))
    }

    /// Returns the verdict as canonical JSON; `repairs` says what was mended before the document could be read.
    pub fn to_json(&self, repairs: &[impl fmt::Display]) -> String {
        let mut out = Writer::default();
        self.write(&mut out, None, repairs);
        out.finish()
    }

    /// Writes the verdict on one line of a batch as a line of canonical JSON, with the line's number.
    pub fn write_line(&self, out: &mut Writer, line: u64, repairs: &[impl fmt::Display]) {
        self.write(out, Some(line), repairs);
        out.end_line();
    }

    fn write(&self, out: &mut Writer, line: Option<u64>, repairs: &[impl fmt::Display]) {
        out.begin_object();
        out.name("asOf").plain(self.as_of);
        write_checks(&self.checks, out);
        match self.days_remaining() {
            Some(days) => out.name("daysRemaining").integer(days.into()),
            None => out.name("daysRemaining").null(),
        }
        self.write_limits(out);
        match self.key_id {
            Some(id) => out.name("keyId").plain(id),
            None => out.name("keyId").null(),
        }
        out.name("kind").word(self.kind);
        match &self.license {
            Some(license) => license.write_readable(out.name("license")),
            None => out.name("license").null(),
        }
        if let Some(line) = line {
            out.name("line").integer(line.into());
        }
        if let Some(proof) = &self.proof {
            proof.write_readable(out.name("proof"));
        }
        write_refusals(&self.refusals, out);
        // A batch says it of the few lines that it is true of.
        if line.is_none() || !repairs.is_empty() {
            out.name("repairs").begin_array();
            repairs.iter().for_each(|repair| out.string(&repair.to_string()));
            out.end_array();
        }
        out.name("state").word(self.state.as_str());
        out.name("verdict").word(if self.is_valid() { "valid" } else { "refused" });
        out.end_object();
    }

    fn write_limits(&self, out: &mut Writer) {
        out.name("effectiveLimits").begin_array();
        for limit in &self.effective_limits {
            out.begin_object();
            out.name("key").string(&limit.key);
            out.name("source").word(limit.source.as_str());
            out.name("value").integer(limit.value.into());
            out.end_object();
        }
        out.end_array();
    }
}

impl Findings {
    /// Notes a rule that was kept.
    pub(crate) fn pass(&mut self, name: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.checks.push(Check { name, outcome: Outcome::Pass, detail: detail.into() });
    }

    /// As [`Findings::pass`], of what almost every verdict says: there is room for it before it is spelled.
    pub(crate) fn explain(&mut self, name: &'static str, detail: fmt::Arguments<'_>) {
        let mut text = String::with_capacity(DETAIL_BYTES);
        // Writing to a String cannot fail.
        let _ = text.write_fmt(detail);
        self.pass(name, text);
    }

    /// Notes a rule that did not apply.
    pub(crate) fn skip(&mut self, name: &'static str, detail: &'static str) {
        self.checks.push(Check { name, outcome: Outcome::Skip, detail: detail.into() });
    }

    /// Notes a rule that was broken, and refuses for it.
    pub(crate) fn fail(&mut self, name: &'static str, code: Code, message: impl fmt::Display) {
        self.refuse(name, Refusal::new(code, message));
    }

    /// Notes a rule that was broken, and refuses for the reason that is there.
    pub(crate) fn refuse(&mut self, name: &'static str, refusal: Refusal) {
        self.note_failure(name, refusal.message.clone());
        self.refusals.push(refusal);
    }

    /// Notes a rule that was broken for reasons that are given elsewhere.
    pub(crate) fn note_failure(&mut self, name: &'static str, detail: String) {
        self.checks.push(Check { name, outcome: Outcome::Fail, detail: detail.into() });
    }

    /// Whether the answer is yes.
    pub fn is_valid(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Returns the class of the exit status; `None` means yes. One certain "no" outweighs what could not be told.
    pub fn exit(&self) -> Option<Exit> {
        exit(&self.refusals)
    }
}

fn exit(refusals: &[Refusal]) -> Option<Exit> {
    refusals.iter().map(|refusal| refusal.code.exit()).min()
}

/// Writes the member `refusals`.
pub(crate) fn write_refusals(refusals: &[Refusal], out: &mut Writer) {
    out.name("refusals").begin_array();
    refusals.iter().for_each(|refusal| refusal.write(out));
    out.end_array();
}

/// Writes the member `checks`, every rule as `{"detail","name","outcome"}`.
pub(crate) fn write_checks(checks: &[Check], out: &mut Writer) {
    out.name("checks").begin_array();
    for check in checks {
        let outcome = check.outcome.as_str();
        match &check.detail {
            Cow::Borrowed(ours) => out.words([("detail", ours), ("name", check.name), ("outcome", outcome)]),
            Cow::Owned(detail) => {
                out.begin_object();
                out.name("detail").string(detail);
                out.name("name").word(check.name);
                out.name("outcome").word(outcome);
                out.end_object();
            }
        }
    }
    out.end_array();
}

/// Lays the license's limits over the default tier's, key by key, sorted.
pub fn effective_limits(license: Option<&License>, defaults: &BTreeMap<String, u64>) -> Vec<EffectiveLimit> {
    let own = license.map(|license| &license.limits);
    let limit = |key: &String, value: u64, source| EffectiveLimit { key: key.clone(), value, source };
    let mut limits: Vec<_> =
        own.into_iter().flatten().map(|(key, value)| limit(key, *value, Source::License)).collect();
    let absent = |key: &String| own.is_none_or(|own| !own.contains_key(key));
    let inherited = defaults.iter().filter(|(key, _)| absent(key));
    limits.extend(inherited.map(|(key, value)| limit(key, *value, Source::Default)));
    limits.sort_unstable_by(|left, right| left.key.cmp(&right.key));
    limits
}

impl Refusal {
    /// Gives a reason.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), hint: None }
    }

    /// Says what to do about it, in place of the code's own hint.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Returns what the reader can do about it.
    pub fn hint(&self) -> &'static str {
        self.hint.unwrap_or_else(|| self.code.hint())
    }

    /// Writes the refusal as `{"code","hint","message"}`.
    pub fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.name("code").word(self.code.as_str());
        out.name("hint").string(self.hint());
        out.name("message").string(&self.message);
        out.end_object();
    }
}

impl State {
    /// Returns the state's name as every output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "ABSENT",
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
            Self::Grace => "GRACE",
            Self::Invalid => "INVALID",
        }
    }

    /// Whether the license's own limits hold in this state.
    pub fn license_limits_hold(self) -> bool {
        matches!(self, Self::Active | Self::Grace)
    }
}

impl Outcome {
    /// Returns the outcome as every output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Pass => "pass",
            Self::Skip => "skip",
        }
    }
}

impl Source {
    /// Returns the source as every output writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::License => "license",
        }
    }
}
