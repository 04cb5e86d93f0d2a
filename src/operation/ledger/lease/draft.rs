//! What a machine shows when it asks for a seat, and the lease that it would be handed.

use crate::code::Code;
use crate::dsse::Envelope;
use crate::id::KeyId;
use crate::keyring::Keyring;
use crate::ledger::license_key::LicenseKey;
use crate::ledger::{Ledger, LedgerError, activation, license, seat};
use crate::license::{Activation, License};
use crate::operation::ledger::activate::{self, ActivateError};
use crate::operation::proof::{self, Answer, Build, Fresh, SignedLicense};
use crate::policy::RevocationsContext;
use crate::proof::{ManifestBinding, Proof};
use crate::request::{LicenseReference, Request};
use crate::time::Timestamp;
use crate::verdict::Refusal;

/// What a machine shows when it asks for a seat.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// The proof of its activation, or the lease that it has.
    Proof(&'a Envelope),
    /// A request that carries the license, or names it by its license key.
    Request(&'a Request),
}

/// Whose seats are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seats<'a> {
    /// Those of every license in the issuer's book, which knows their activations.
    OfIssuer,
    /// Those of the license that is installed here, by its id. Which machines are activated, the issuer alone knows.
    OfInstalled(&'a str),
}

/// What a lease is drafted with.
#[derive(Clone, Debug)]
pub struct Drafting<'a> {
    /// Whose seats are counted.
    pub seats: Seats<'a>,
    /// The keys that are trusted.
    pub keyring: &'a Keyring,
    /// The licenses that were withdrawn.
    pub revocations: RevocationsContext,
    /// How long the seat is lent.
    pub until: Option<Timestamp>,
    /// Fresh values, and the time.
    pub fresh: Fresh,
}

/// A lease that nobody holds yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The proof that it will be.
    pub(super) proof: Proof,
    /// Whether the ledger knows which machines are activated.
    pub(super) knows_activations: bool,
    /// Whether nobody has looked yet if what runs there is approved.
    pub(super) is_new: bool,
}

/// Drafts the lease of what a machine shows: the license as the ledger holds it now, and the machine, environment, product
/// and builds as they were activated or asked for.
///
/// # Errors
/// `Refused` with what is wrong with the documents, with `released` or `lease-ended` for a proof that counts no more, with
/// `unauthorized` for a request that names its license by id alone, with `license-mismatch` for another license than the
/// one that is installed, with `proof-required` where that is for activated machines; `Ledger`.
pub fn draft(ledger: &Ledger, shown: &Shown<'_>, with: Drafting<'_>) -> Result<Draft, ActivateError> {
    let Drafting { seats, keyring, revocations, until, fresh } = with;
    let (request, bound, held) = match shown {
        Shown::Request(request) => {
            let held = of_reference(ledger, keyring, seats, &request.license)?;
            if let Seats::OfInstalled(installed) = seats {
                is_installed(&held.license.license_id, installed)?;
                is_for_any_machine(&held.license)?;
            }
            let named = LicenseReference::Id(held.license.license_id.clone());
            (Request { license: named, ..(*request).clone() }, None, held)
        }
        Shown::Proof(envelope) => {
            let proof = vouched(ledger, keyring, seats, envelope, fresh.now)?;
            let held = activate::by_id(ledger, &proof.license_id)?;
            let (request, bound) = asked_again(proof);
            (request, bound, held)
        }
    };
    let (token, opened) =
        proof::license(&held.token, keyring, None).map_err(|refusal| ActivateError::Refused(vec![refusal]))?;
    let build = match bound {
        Some(keys) => Build::SignedBy(keys),
        None => Build::AsRequested,
    };
    let license = SignedLicense { text: token.as_str(), token: &opened };
    let answer = Answer { license, build, product_version: None, expires_at: until, revocations, fresh };
    let proof = proof::answer(&request, answer).map_err(ActivateError::Refused)?;
    let is_new = matches!(shown, Shown::Request(_));
    Ok(Draft { proof, knows_activations: seats == Seats::OfIssuer, is_new })
}

/// Reads a proof that counts: of an activation that its machine did not give back, or of a lease that is held.
///
/// # Errors
/// As [`draft`].
fn vouched(
    ledger: &Ledger,
    keyring: &Keyring,
    seats: Seats<'_>,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<Proof, ActivateError> {
    let refuse = |code, message: String| ActivateError::Refused(vec![Refusal::new(code, message)]);
    let proof = Proof::verify(envelope, keyring).map_err(|error| refuse(error.code(), error.to_string()))?.proof;
    let id = &proof.proof_id;
    if now > proof.expires_at {
        return Err(refuse(Code::Expired, format!("proof {id} ended on {}", proof.expires_at)));
    }
    if let Seats::OfInstalled(installed) = seats {
        is_installed(&proof.license_id, installed)?;
        return Ok(proof);
    }
    ledger.read(|transaction| {
        match seat::find(transaction, id) {
            Err(LedgerError::Refused(_)) => {}
            Ok(lease) if lease.is_held(now) => return Ok(()),
            Ok(_) => return Err(LedgerError::refused(Code::LeaseEnded, format_args!("lease {id} has ended"))),
            Err(error) => return Err(error),
        }
        match activation::find(transaction, id)?.released_at {
            Some(at) => Err(LedgerError::refused(Code::Released, format_args!("activation {id} was released at {at}"))),
            None => Ok(()),
        }
    })?;
    Ok(proof)
}

/// What a proof answers, with the keys that its builds are bound by.
fn asked_again(proof: Proof) -> (Request, Option<Vec<KeyId>>) {
    let (digest, keys) = match proof.manifest {
        Some(ManifestBinding::Digest(digest)) => (Some(digest), None),
        Some(ManifestBinding::Keys { keys, .. }) => (None, Some(keys)),
        None => (None, None),
    };
    let request = Request {
        license: LicenseReference::Id(proof.license_id),
        fingerprint: proof.fingerprint,
        environment: proof.environment,
        product: proof.product,
        product_version: proof.product_version,
        manifest_digest: digest,
        nonce: proof.nonce,
        instance_key: proof.instance_key,
        created_at: proof.activated_at,
    };
    (request, keys)
}

/// Finds the license of a request whose sender shows that it may use it: by its license key, or by its token.
///
/// # Errors
/// As [`draft`].
pub(super) fn of_reference(
    ledger: &Ledger,
    keyring: &Keyring,
    seats: Seats<'_>,
    reference: &LicenseReference,
) -> Result<license::Held, ActivateError> {
    match (reference, seats) {
        // A book that was not its issuer's knows no license key, so none can be guessed in it either.
        (LicenseReference::Key(_), Seats::OfInstalled(_)) => {
            let message = "the request names its license by a license key, which only its issuer can look up";
            Err(LedgerError::refused(Code::Unsupported, message).into())
        }
        (LicenseReference::Key(key), Seats::OfIssuer) => match LicenseKey::parse(key) {
            Ok(key) => Ok(activate::by_license_key(ledger, &key)?),
            Err(error) => Err(LedgerError::refused(Code::UnknownLicense, error).into()),
        },
        (LicenseReference::Token(text), _) => {
            let (_, token) =
                proof::license(text, keyring, None).map_err(|refusal| ActivateError::Refused(vec![refusal]))?;
            let id = token.license().map_or_else(String::new, |license| license.license_id.clone());
            Ok(activate::by_id(ledger, &id)?)
        }
        (LicenseReference::Id(_), _) => {
            let message = "the request names its license by id, which does not show that its sender may use it";
            Err(LedgerError::refused(Code::Unauthorized, message).into())
        }
    }
}

/// A license that was installed here once is not the one that is installed now.
fn is_installed(id: &str, installed: &str) -> Result<(), LedgerError> {
    if id == installed {
        return Ok(());
    }
    let message = format!("what was shown is of license `{id}`, and license `{installed}` is installed here");
    Err(LedgerError::refused(Code::LicenseMismatch, message))
}

/// Of a license that is for activated machines, only the issuer can say which those are.
fn is_for_any_machine(license: &License) -> Result<(), LedgerError> {
    if license.max_activations.is_none() && license.activation == Activation::None {
        return Ok(());
    }
    let message = format!("license {} is for activated machines, and no proof was shown", license.license_id);
    Err(LedgerError::refused(Code::ProofRequired, message))
}
