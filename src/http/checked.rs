//! [`Checked`]: licenses whose signature has been checked. Machines of one license come in crowds, and the same text under
//! the same keys has the same answer; whether it may be used is asked anew every time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::keyring::Keyring;
use crate::operation::proof::license;
use crate::token::{Token, VerifiedToken};
use crate::verdict::Refusal;

/// As many are remembered before all are forgotten.
const MOST: usize = 4_096;

/// A license with its text.
pub(super) type CheckedLicense = Arc<(Token, VerifiedToken)>;

/// What is remembered under one keyring, by the text of the license. Whoever changes the keyring begins anew.
#[derive(Default)]
pub struct Checked(Mutex<HashMap<String, CheckedLicense>>);

impl Checked {
    /// Reads a license that is not sealed, and checks its signature unless that was done before.
    ///
    /// # Errors
    /// As [`license`].
    pub(super) fn license(&self, text: &str, keyring: &Keyring) -> Result<CheckedLicense, Refusal> {
        if let Some(found) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(Arc::clone(found));
        }
        let checked = Arc::new(license(text, keyring, None)?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(text.to_owned(), Arc::clone(&checked));
        Ok(checked)
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").finish_non_exhaustive()
    }
}
