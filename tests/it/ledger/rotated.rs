//! Signing keys that follow each other on several servers, without one being lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mintage::dsse::Envelope;
use mintage::http::{App, Roles, Rotation};
use mintage::operation::ledger::rotate::{KeyStore, Rhythm};
use mintage::operation::verify::{Against, license as verify};
use mintage::policy::Context;
use mintage::time::DAY;
use mintage::{Keyring, PublicKey, SecretKey, State, Token};

use super::jobs::{Fleet, get};
use super::{NOW, Place, at, key, license};

/// A folder that servers share.
#[derive(Debug, Default)]
struct Store {
    keys: Mutex<BTreeMap<String, u8>>,
    is_full: bool,
}

impl KeyStore for Store {
    fn make(&self) -> Result<SecretKey, String> {
        if self.is_full {
            return Err("no space left".to_owned());
        }
        let mut keys = self.keys.lock().unwrap();
        let seed = 100 + u8::try_from(keys.len()).unwrap();
        let key = SecretKey::from_seed(&[seed; 32]);
        keys.insert(key.public().id().to_string(), seed);
        Ok(key)
    }

    fn find(&self, key: &PublicKey) -> Result<Option<SecretKey>, String> {
        let seed = self.keys.lock().unwrap().get(&key.id().to_string()).copied();
        Ok(seed.map(|seed| SecretKey::from_seed(&[seed; 32])))
    }
}

fn rotating(store: &Arc<Store>) -> Roles {
    let store: Arc<dyn KeyStore> = Arc::clone(store) as _;
    let rhythm = Rhythm { every_days: 30, overlap_days: 10 };
    Roles { rotation: Some(Rotation { rhythm, store, own: Arc::new(key()) }), ..Roles::default() }
}

fn kid_in_use(app: &Arc<App>) -> String {
    PublicKey::from_file_bytes(get(app, "/api/v1/signing-key/public").as_bytes()).unwrap().id().kid().to_string()
}

/// What somebody who trusts only the first key makes of what is handed out.
fn trusted(app: &Arc<App>) -> Keyring {
    let envelope = Envelope::parse(get(app, "/api/v1/keyring").as_bytes()).unwrap();
    mintage::trust::establish(&[key().public()], &[envelope]).unwrap().keyring
}

fn state(keyring: &Keyring, signer: &SecretKey, issued_at: i64) -> State {
    let mut license = license("lic-1");
    (license.issued_at, license.expires_at) = (at(issued_at), at(1_000 * DAY));
    let (token, context) = (Token::mint(license, signer).to_string(), Context::at(at(200 * DAY)));
    verify(&token, Against { keyring, context: &context, secret: None }).verdict.state
}

#[test]
fn keys_follow_each_other_on_every_server() {
    for mut place in Place::all() {
        let (fleet, _ledger) = Fleet::new(&mut place, "rotated");
        let store = Arc::new(Store::default());
        let (first, second) = (fleet.server(1, rotating(&store)), fleet.server(2, rotating(&store)));
        let on = |day: i64, app: &Arc<App>| {
            fleet.go_to(day * DAY);
            app.tick();
        };
        let (old, new) = (key(), SecretKey::from_seed(&[100; 32]));
        on(0, &first);
        on(0, &second);
        assert_eq!(get(&first, "/api/v1/keyring"), get(&second, "/api/v1/keyring"));
        on(29, &first);
        assert!(store.keys.lock().unwrap().is_empty());
        // Announced: whoever fetches the keyring knows the key before it signs anything.
        on(30, &second);
        on(30, &first);
        assert_eq!(store.keys.lock().unwrap().len(), 1);
        assert!(trusted(&first).find(&new.public().id()).is_some());
        assert_eq!(kid_in_use(&first), old.public().id().kid().to_string());
        // Taken over, on both.
        on(35, &first);
        on(35, &second);
        for app in [&first, &second] {
            assert_eq!(kid_in_use(app), new.public().id().kid().to_string());
        }
        assert_eq!(state(&trusted(&first), &old, 35 * DAY), State::Active);
        // Retired: what it signed counts, what it would sign does not.
        on(40, &first);
        on(40, &second);
        let keyring = trusted(&second);
        assert_eq!(state(&keyring, &old, 40 * DAY), State::Active);
        assert_eq!(state(&keyring, &old, 40 * DAY + 1), State::Invalid);
        assert_eq!(state(&keyring, &new, 41 * DAY), State::Active);
        assert_eq!(state(&keyring, &new, 34 * DAY), State::Invalid);
        // A server that starts again signs with the key that signs now; one without the folder with none at all.
        let again = fleet.server(3, rotating(&store));
        again.follow().unwrap();
        assert_eq!(kid_in_use(&again), new.public().id().kid().to_string());
        let bereft = fleet.server(4, rotating(&Arc::default()));
        assert!(bereft.follow().is_err());
        assert!(get(&bereft, "/api/v1/signing-key/public").contains("\"code\":\"not-served\""));
        // The next one comes in its turn.
        on(64, &first);
        assert_eq!(store.keys.lock().unwrap().len(), 1);
        on(65, &first);
        assert_eq!(store.keys.lock().unwrap().len(), 2);
    }
}

#[test]
fn a_key_that_cannot_be_kept_is_never_announced() {
    let mut place = Place::file();
    let (fleet, _ledger) = Fleet::new(&mut place, "full");
    let store = Arc::new(Store { is_full: true, ..Store::default() });
    let app = fleet.server(1, rotating(&store));
    app.tick();
    let before = get(&app, "/api/v1/keyring");
    fleet.go_to(30 * DAY);
    app.tick();
    assert_eq!(get(&app, "/api/v1/keyring"), before);
    assert_eq!(kid_in_use(&app), key().public().id().kid().to_string());
    let told = get(&app, "/metrics");
    assert!(told.contains("mintage_job_failures_total{job=\"key-rotation\"} 1"), "{told}");
    assert!(
        told.contains(&format!("mintage_job_last_success_timestamp_seconds{{job=\"key-rotation\"}} {NOW}")),
        "{told}"
    );
}
