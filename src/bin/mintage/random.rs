//! Randomness, from the operating system alone.

use anyhow::Context;

/// Draws `N` random bytes.
///
/// # Errors
/// When the operating system gives none.
pub(crate) fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the operating system gives no randomness")?;
    Ok(bytes)
}

/// Draws a license id: a random UUID (version 4).
///
/// # Errors
/// As [`bytes`].
pub(crate) fn license_id() -> anyhow::Result<String> {
    Ok(uuid::Builder::from_random_bytes(bytes()?).into_uuid().to_string())
}
