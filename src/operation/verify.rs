//! `verify`: a text becomes a verdict.

use super::text::{decode, joined};
use crate::armor::{self, Repair};
use crate::code::Code;
use crate::fingerprint::Fingerprint;
use crate::keyring::Keyring;
use crate::license::{License, MAX_TOKEN_BYTES};
use crate::policy::{Context, MachineContext, judge, judge_closed};
use crate::seal::{SealError, SealSecret};
use crate::time::Timestamp;
use crate::token::{Body, Token, TokenError, UnverifiedToken, VerifiedToken};
use crate::verdict::{Refusal, State, Verdict};

/// The longest text that is read, in bytes: what mail adds to a token stays below its length.
pub const MAX_TEXT_BYTES: usize = 2 * MAX_TOKEN_BYTES;

/// What a license is verified with.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// The trusted keys.
    pub keyring: &'a Keyring,
    /// What it is judged against.
    pub context: &'a Context,
    /// Opens a sealed license.
    pub secret: Option<&'a SealSecret>,
}

/// The answer, and what had to be mended before the text could be read.
#[derive(Debug)]
pub struct Verification {
    /// The answer.
    pub verdict: Verdict,
    /// What mail had done to the text.
    pub repairs: Vec<Repair>,
}

impl Verification {
    /// Returns the answer as canonical JSON.
    pub fn to_json(&self) -> String {
        self.verdict.to_json(&self.repairs)
    }
}

/// Verifies the text of a license as pasted or read from a file.
pub fn license(text: &str, against: Against<'_>) -> Verification {
    license_bytes(text.as_bytes(), against)
}

/// Verifies a license as its file holds it: bytes that need not be text.
pub fn license_bytes(bytes: &[u8], against: Against<'_>) -> Verification {
    let mut repairs = Vec::new();
    let verdict = match read_bytes(bytes, &mut repairs) {
        Ok(token) => settle(token.verify(against.keyring), against),
        Err(refusal) => refused(refusal, against),
    };
    Verification { verdict, repairs }
}

/// Judges that there is no license at all.
pub fn absent(context: &Context) -> Verdict {
    let refusal = Refusal::new(Code::NoLicense, "no license was named, and none is configured");
    Verdict::refused(State::Absent, refusal, context.now, &context.defaults)
}

/// Reads a token as its file or mail holds it, as [`read`] does.
pub(super) fn read_bytes(bytes: &[u8], repairs: &mut Vec<Repair>) -> Result<UnverifiedToken, Refusal> {
    let (text, mended) = decode(bytes)?;
    let token = read(&text, repairs)?;
    repairs.splice(..0, mended);
    Ok(token)
}

/// Reads a token strictly; a text that is not one is joined and mended first, and `repairs` says how.
pub(super) fn read(text: &str, repairs: &mut Vec<Repair>) -> Result<UnverifiedToken, Refusal> {
    let strict = Token::parse(text.strip_suffix('\n').unwrap_or(text));
    match strict {
        // The text came through whole; mending it would change nothing.
        Ok(token) => return Ok(token),
        Err(error @ TokenError::License(_)) => return Err(of_token(&error)),
        // Armor and wrapping make a text longer than its token; a bare text is as long as it looks.
        Err(error @ TokenError::TooLong(length)) if length > MAX_TEXT_BYTES || is_bare(text) => {
            return Err(of_token(&error));
        }
        Err(_) => {}
    }
    let text = joined(text)?;
    if let Some(refusal) = other_kind(&text) {
        return Err(refusal);
    }
    let repaired = armor::repair(&text).map_err(|damage| Refusal::new(damage.code(), damage))?;
    *repairs = repaired.repairs;
    Token::parse(&repaired.text).map_err(|error| of_token(&error))
}

/// Whether a text holds nothing but what stands in a token, and so is neither armored nor split nor JSON.
pub(super) fn is_bare(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'.'))
}

/// Turns what a keyring said of a token into a verdict.
pub(super) fn settle(verified: Result<VerifiedToken, TokenError>, against: Against<'_>) -> Verdict {
    let opened = match (verified, against.secret) {
        (Ok(token), Some(secret)) => match token.clone().unseal(secret, against.keyring) {
            // Who signed it is proved all the same.
            Err(TokenError::Seal(SealError::WrongSecret)) => return judge_closed(&token, against.context),
            opened => opened,
        },
        (verified, _) => verified,
    };
    match opened {
        Ok(token) => judge(&token, against.context),
        Err(error) => refused(of_token(&error), against),
    }
}

pub(super) fn refused(refusal: Refusal, against: Against<'_>) -> Verdict {
    Verdict::refused(State::Invalid, refusal, against.context.now, &against.context.defaults)
}

fn of_token(error: &TokenError) -> Refusal {
    Refusal::new(error.code(), error)
}

/// Names what a text is when it is plainly not a license.
fn other_kind(text: &str) -> Option<Refusal> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let kind = if start.starts_with('{') {
        "a JSON document"
    } else if start.starts_with("-----BEGIN") && start.lines().next().is_some_and(|line| line.contains("KEY-----")) {
        "a key"
    } else {
        return None;
    };
    Some(Refusal::new(Code::WrongKind, format_args!("this is {kind}, not a license")))
}

/// Verifies a license that has just been minted as a customer will: at the first second of its validity, on any machine,
/// and before it is activated. Returns the first reason against it.
pub fn minted(text: &str, keyring: &Keyring, secret: Option<&SealSecret>) -> Option<Refusal> {
    let start = |license: License| license.not_before.map_or(license.issued_at, |start| start.max(license.issued_at));
    let minted = read(text, &mut Vec::new()).ok().and_then(|token| unverified_license(&token, secret));
    let mut context = Context::at(minted.map_or(Timestamp::EPOCH, start));
    context.machine = MachineContext::Any;
    let verdict = license(text, Against { keyring, context: &context, secret }).verdict;
    verdict.refusals.into_iter().find(|refusal| refusal.code != Code::ProofRequired)
}

/// Returns the machine that a license says it is bound to, so that a caller knows what to read before it verifies.
pub fn unverified_fingerprint(bytes: &[u8], secret: Option<&SealSecret>) -> Option<Fingerprint> {
    unverified_license(&read_bytes(bytes, &mut Vec::new()).ok()?, secret)?.fingerprint
}

fn unverified_license(token: &UnverifiedToken, secret: Option<&SealSecret>) -> Option<License> {
    match (token.unverified_body(), secret) {
        (Body::Open(license), _) => Some(License::clone(license)),
        (Body::Sealed(sealed), Some(secret)) => sealed.open(secret).ok(),
        (Body::Sealed(_), None) => None,
    }
}
