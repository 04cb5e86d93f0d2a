//! What `verify --state` remembers between runs, and how it starts anew.

use std::path::Path;

use mintage::code::Code;
use mintage::dsse::Kind;
use mintage::keyring::Keyring;
use mintage::operation::revocations::Admission;
use mintage::state::{MAX_STATE_BYTES, VerifierState};
use mintage::time::{CLOCK_TOLERANCE, Timestamp};
use mintage::trust::Established;
use mintage::unlock::{MAX_UNLOCK_BYTES, Unlock};
use mintage::verdict::Verdict;

use crate::command::activate::read_envelope;
use crate::failure::Failure;
use crate::files::{self, FileError, Mode, Overwrite};
use crate::instance::Instance;
use crate::machine::Here;
use crate::render::Terminal;

/// Reads what was remembered; a file that is not there yet remembers nothing.
pub(crate) fn read_state(path: &Path) -> anyhow::Result<VerifierState> {
    if matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(VerifierState::default());
    }
    VerifierState::parse(&files::read_setting(path, MAX_STATE_BYTES)?).map_err(|error| {
        let message = format!("the state `{}` is damaged: {error}", path.display());
        let hint =
            "restore it from a backup, or ask the issuer for an unlock: `mintage fingerprint --request`, then --unlock";
        Failure::new(error.code(), message).hint(hint).unable().into()
    })
}

/// Whether the list of revocations that a license was judged with is no older than it may be.
pub(crate) fn is_current(verdict: &Verdict) -> bool {
    verdict.refusals.iter().all(|refusal| refusal.code != Code::Stale)
}

/// The times that a verdict shows to have passed; one that refuses shows none.
pub(crate) fn times(verdict: &Verdict) -> impl Iterator<Item = Timestamp> {
    let issued = verdict.license.as_ref().map(|license| license.issued_at);
    let activated = verdict.proof.as_ref().map(|proof| proof.activated_at);
    [Some(verdict.as_of), issued, activated].into_iter().flatten().filter(|_| verdict.is_valid())
}

/// Remembers the keyring that counts, an accepted list, and times that have passed; what was refused changes nothing.
pub(crate) fn remember(
    path: &Path,
    state: &mut VerifierState,
    trusted: &Established,
    admission: Option<&Admission>,
    times: impl Iterator<Item = Timestamp>,
) -> Result<(), FileError> {
    let before = state.clone();
    trusted.remember(state);
    admission.iter().for_each(|admission| admission.remember(state));
    times.for_each(|time| state.see(time));
    if *state == before {
        return Ok(());
    }
    files::write(path, format!("{}\n", state.to_json()).as_bytes(), Mode::Private, Overwrite::Update)
}

/// Starts the memory anew, as the issuer allows: the unlock must be signed, for this machine, and answer a request that waits
/// here. What is remembered of sequences stays, unless it is the damaged part.
pub(crate) fn unlock(
    path: &Path,
    unlock: &Path,
    keyring: &Keyring,
    now: Timestamp,
    here: Here<'_>,
    instance: &Instance,
    terminal: &Terminal,
) -> anyhow::Result<VerifierState> {
    let envelope = read_envelope(unlock, Kind::Unlock, 2 * MAX_UNLOCK_BYTES)?;
    let refuse = |code: Code, message: String| Failure::new(code, format!("unlock `{}`: {message}", unlock.display()));
    let verified = Unlock::verify(&envelope, keyring).map_err(|error| refuse(error.code(), error.to_string()))?;
    if verified.issued_at.since(now) > CLOCK_TOLERANCE {
        return Err(refuse(
            Code::ClockRolledBack,
            format!("it was issued at {}, and it is {now} here", verified.issued_at),
        )
        .into());
    }
    if let mintage::policy::MachineContext::This(machine) = here.context(&[&verified.fingerprint], terminal)? {
        let comparison = verified.fingerprint.compare(&machine);
        if let Some(code) = comparison.code() {
            return Err(refuse(code, comparison.detail).into());
        }
    }
    let Some(request) = instance.waiting_for(verified.nonce)? else {
        let message = format!("it answers nonce {}, and no request with it waits here", verified.nonce);
        let hint = "make one here with `mintage fingerprint --request`; each unlock serves once";
        return Err(refuse(Code::NonceMismatch, message).hint(hint).into());
    };
    let mut state = match files::read_setting(path, MAX_STATE_BYTES) {
        Ok(data) => VerifierState::parse(&data).unwrap_or_default(),
        Err(_) => VerifierState::default(),
    };
    state.latest_seen = Some(verified.issued_at);
    files::write(path, format!("{}\n", state.to_json()).as_bytes(), Mode::Private, Overwrite::Update)?;
    instance.answered(&request.instance_key)?;
    Ok(state)
}
