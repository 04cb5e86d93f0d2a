//! Verifies many tokens at once, each with the verdict it would have alone.

use super::{TokenError, UnverifiedToken, VerifiedToken};
use crate::key::{Claim, verify_many};
use crate::keyring::{Keyring, Purpose, TrustedKey};

impl UnverifiedToken {
    /// Verifies each token as [`UnverifiedToken::verify`] does, sharing work among them.
    pub fn verify_many(tokens: Vec<Self>, keyring: &Keyring) -> Vec<Result<VerifiedToken, TokenError>> {
        let first: Vec<Option<&TrustedKey>> =
            tokens.iter().map(|token| keyring.candidates(token.unverified_kid()).next()).collect();
        let claims: Vec<Claim<'_>> = tokens
            .iter()
            .zip(&first)
            .filter_map(|(token, trusted)| {
                trusted.map(|trusted| Claim { key: &trusted.key, message: &token.payload, signature: &token.signature })
            })
            .collect();
        let mut results = verify_many(&claims).into_iter();
        let signed: Vec<bool> = first
            .iter()
            .map(|trusted| trusted.is_some() && results.next().is_some_and(|result| result.is_ok()))
            .collect();
        let only_key = keyring.keys().len() == 1;
        let settle = |((token, trusted), signed): ((Self, Option<&TrustedKey>), bool)| match trusted {
            Some(trusted) if signed => trusted
                .allows(Purpose::License, token.unverified_issued_at())
                .map_err(TokenError::Distrust)
                .map(|()| VerifiedToken { key: trusted.key.id(), body: token.body }),
            // The one key there is has just refused it.
            Some(_) if only_key => Err(token.unsigned(keyring)),
            // The hinted key did not sign; another may have.
            _ => token.verify(keyring),
        };
        tokens.into_iter().zip(first).zip(signed).map(settle).collect()
    }
}
