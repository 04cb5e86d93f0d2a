//! [`App::follow`]: what the servers of a ledger hand out follows the ledger, whichever of them made it.

use std::sync::{Arc, PoisonError};

use super::app::{App, Roles, Rotation};
use super::problem::Problem;
use crate::dsse::{Envelope, Kind};
use crate::keyring::Keyring;
use crate::keyring::document::KeyringDocument;
use crate::ledger::{Ledger, published};
use crate::operation::ledger::rotate;
use crate::operation::revocations;
use crate::policy::RevocationsContext;
use crate::time::Timestamp;

impl App {
    /// Takes over what was published in the ledger since the last time, and the key that signs now.
    ///
    /// # Errors
    /// [`Problem`] when what is published cannot be believed, or the key is not kept here.
    pub fn follow(&self) -> Result<(), Problem> {
        let _deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let (roles, Ok(now)) = (self.roles(), self.now()) else { return Ok(()) };
        let Some(ledger) = &roles.ledger else { return Ok(()) };
        self.take_keyring(ledger, &roles)?;
        self.take_key(now)?;
        // The list may be signed by a key that the keyring has just told of.
        self.take_revocations(ledger, &self.roles(), now)
    }

    fn take_keyring(&self, ledger: &Ledger, roles: &Roles) -> Result<(), Problem> {
        let newest = ledger.read(|transaction| published::sequence(transaction, published::KEYRING))?;
        if newest <= roles.keyring_says.as_ref().map(|document| document.sequence) {
            return Ok(());
        }
        let text = ledger.read(|transaction| published::find(transaction, published::KEYRING))?;
        let Some(text) = text else { return Ok(()) };
        let document = rotate::read(&text)?;
        let unbelieved = |error: &dyn std::fmt::Display| Problem::internal(format_args!("the keyring: {error}"));
        let envelope = Envelope::parse(text.as_bytes()).map_err(|error| unbelieved(&error))?;
        envelope
            .verify(Kind::Keyring, &roles.keyring, Some(document.issued_at), 1)
            .map_err(|error| unbelieved(&error))?;
        tracing::info!(sequence = document.sequence, keys = document.keys.len(), "a keyring counts from now on");
        self.change(|roles| roles.believe(Arc::new(document), text));
        Ok(())
    }

    fn take_key(&self, now: Timestamp) -> Result<(), Problem> {
        let roles = self.roles();
        let (Some(document), Some(rotation)) = (&roles.keyring_says, &roles.rotation) else { return Ok(()) };
        let Rotation { store, own, .. } = rotation;
        let found = rotate::signer(document, roles.signer.as_ref(), (own, store.as_ref()), now);
        let (signer, problem) = match found {
            Ok(signer) => (Some(signer), None),
            // Better no signature than one that nobody believes.
            Err(error) => (None, Some(Problem::internal(error))),
        };
        let id = |signer: &Option<_>| signer.as_ref().map(|signer: &Arc<crate::key::SecretKey>| signer.public().id());
        if id(&signer) != id(&roles.signer) {
            let kid = id(&signer).map(|id| id.kid().to_string());
            tracing::info!(kid, "another key signs from now on");
            self.change(|roles| roles.signer = signer);
        }
        problem.map_or(Ok(()), Err)
    }

    fn take_revocations(&self, ledger: &Ledger, roles: &Roles, now: Timestamp) -> Result<(), Problem> {
        let newest = ledger.read(|transaction| published::sequence(transaction, published::REVOCATIONS))?;
        if newest <= roles.revocation_sequence() {
            return Ok(());
        }
        let document = ledger.read(|transaction| published::find(transaction, published::REVOCATIONS))?;
        let Some(document) = document else { return Ok(()) };
        let context = revocations::admit(document.clone().into_bytes(), &roles.keyring, None, None, now).context;
        if let RevocationsContext::Refused(refusal) = &context {
            return Err(Problem::internal(format_args!("the list of revocations: {}", refusal.message)));
        }
        self.change(|roles| {
            roles.revocations_document = Some(document);
            roles.revocations = context;
        });
        Ok(())
    }
}

impl Roles {
    /// Believes a keyring; of keys that it does not name, what was said before goes on.
    fn believe(&mut self, document: Arc<KeyringDocument>, text: String) {
        let mut keyring: Keyring = document.keyring();
        self.keyring.keys().iter().cloned().for_each(|trusted| keyring.add(trusted));
        for purpose in document.thresholds.keys() {
            keyring.demand(*purpose, document.threshold(*purpose));
        }
        (self.keyring, self.keyring_document, self.keyring_says) = (keyring, Some(text), Some(document));
    }

    /// Takes over from before what is newer than what files say.
    pub(super) fn keep_up_with(&mut self, before: &Self) {
        let sequence = |roles: &Self| roles.keyring_says.as_ref().map(|document| document.sequence);
        if sequence(before) > sequence(self)
            && let (Some(document), Some(text)) = (&before.keyring_says, &before.keyring_document)
        {
            self.believe(Arc::clone(document), text.clone());
            if self.rotation.is_some() {
                self.signer.clone_from(&before.signer);
            }
        }
        if before.revocation_sequence() > self.revocation_sequence() {
            self.revocations_document.clone_from(&before.revocations_document);
            self.revocations = before.revocations.clone();
        }
    }
}
