//! From the files that settings name to what a server knows.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use mintage::code::Code;
use mintage::http::server::Tls;
use mintage::http::{Allowance, Given, Hosts, Proxies, Roles, Rotation, Secrets, tls};
use mintage::key::SecretKey;
use mintage::key::file::KeyFile;
use mintage::keyring::Keyring;
use mintage::keyring::document::{KeyringDocument, MAX_KEYRING_BYTES};
use mintage::operation::ledger::install::Origin;
use mintage::operation::ledger::rotate;
use mintage::operation::revocations;
use mintage::operation::verify::MAX_TEXT_BYTES;
use mintage::policy::RevocationsContext;
use mintage::revocations::MAX_REVOCATIONS_BYTES;
use mintage::time::Timestamp;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::settings::{self, Settings};
use super::store;
use crate::book::Book;
use crate::command::{mint, verify};
use crate::failure::Failure;
use crate::files;
use crate::keys::{Signer, Trust};

/// The largest certificate chain or list of authorities, in bytes.
const MAX_PEM_BYTES: usize = 1 << 20;

/// What a server has, and goes on with where a passphrase would have to be asked for again.
pub(super) struct Before<'a> {
    pub(super) roles: &'a Roles,
    /// What stood in the file that its key was read from.
    pub(super) key_file: Option<KeyFileDigest>,
}

/// The SHA-256 of a private key's file. Of an encrypted one nothing else tells whose it is.
pub(super) type KeyFileDigest = [u8; 32];

/// Digests the file of the private key, where one is named and can be read.
pub(super) fn key_file(settings: &Settings) -> Option<KeyFileDigest> {
    // What was piped in cannot be read twice.
    let path = settings.key.as_deref().filter(|path| path.as_os_str() != "-")?;
    let file = files::read_setting(path, files::SECRET_BYTES).ok().map(Zeroizing::new)?;
    Some(Sha256::digest(&*file).into())
}

/// Loads everything but TLS.
pub(super) fn roles(settings: &Settings, now: Timestamp, before: Option<&Before<'_>>) -> anyhow::Result<Roles> {
    let signer = signer(settings, before)?;
    let keyring = keyring(settings, signer.as_deref())?;
    let revocations_document =
        settings.revocations.as_deref().map(|path| text(path, MAX_REVOCATIONS_BYTES)).transpose()?;
    let admitted = revocations_document
        .as_ref()
        .map(|text| revocations::admit(text.clone().into_bytes(), &keyring, None, None, now).context);
    if let Some(RevocationsContext::Refused(refusal)) = &admitted {
        return Err(Failure::new(refusal.code, &refusal.message).unable().into());
    }
    let keyring_document = settings.keyring.as_deref().map(|path| text(path, MAX_KEYRING_BYTES)).transpose()?;
    let keyring_says = keyring_document.as_deref().map(rotate::read).transpose()?;
    Ok(Roles {
        rotation: rotation(settings, signer.as_ref(), keyring_says.as_ref())?,
        checked: Arc::default(),
        keyring_document,
        keyring_says: keyring_says.map(Arc::new),
        ledger: match before {
            // A book is opened once.
            Some(before) => before.roles.ledger.clone(),
            None => Book { ledger: settings.ledger.clone() }.make_if_named(now)?.map(Arc::new),
        },
        signer,
        plans: settings.plans.as_deref().map(mint::plans).transpose()?,
        admin: secrets(settings.admin_key_file.as_deref())?,
        license_keys: secrets(settings.license_key_file.as_deref())?,
        tenant: settings.tenant.clone(),
        defaults: settings.defaults.as_deref().map(verify::defaults).transpose()?.unwrap_or_default(),
        revocations_document,
        named: match &admitted {
            Some(RevocationsContext::List { list, .. }) => Some(Arc::clone(list)),
            _ => None,
        },
        revocations: admitted.unwrap_or_default(),
        refresh_minutes: settings.revocation_refresh_minutes,
        license: license(settings)?,
        grace_hours: settings.revocation_grace_hours.unwrap_or_default(),
        session_log: settings.session_log,
        wrong_keys: wrong_keys(settings),
        hosts: hosts(settings)?,
        proxies: proxies(settings)?,
        keyring,
    })
}

/// Loads how keys follow each other, where they do.
fn rotation(
    settings: &Settings,
    signer: Option<&Arc<SecretKey>>,
    named: Option<&KeyringDocument>,
) -> anyhow::Result<Option<Rotation>> {
    let (Some((rhythm, folder)), Some(signer)) = (store::rhythm(settings)?, signer) else { return Ok(None) };
    if let Some(document) = named {
        store::check(document, signer)?;
    }
    Ok(Some(Rotation { rhythm, store: Arc::new(folder), own: Arc::clone(signer) }))
}

/// Loads what TLS presents, where it is wanted.
pub(super) fn tls(settings: &Settings) -> anyhow::Result<Option<Tls>> {
    let (chain, key) = match (&settings.tls_cert, &settings.tls_key) {
        (Some(chain), Some(key)) => (chain, key),
        (None, None) if settings.tls_client_ca.is_none() => return Ok(None),
        _ => {
            return Err(Failure::new(Code::Usage, "TLS needs both --tls-cert and --tls-key")
                .hint("name the one that is missing")
                .into());
        }
    };
    crate::process::keep_secrets();
    let read = |path: &Path| files::read_setting(path, MAX_PEM_BYTES);
    let (chain_text, key_text) = (read(chain)?, Zeroizing::new(read(key)?));
    let authorities = settings.tls_client_ca.as_deref().map(read).transpose()?;
    let config = tls::config(&chain_text, &key_text, authorities.as_deref()).map_err(|error| {
        if let Some(path) = settings.tls_client_ca.as_deref().filter(|_| error.is_of_clients) {
            let message = format!("no client can be let in by `{}`: {error}", path.display());
            return Failure::new(Code::BadKey, message).hint("give the certificates of authorities, PEM");
        }
        let message = format!("TLS cannot be set up with `{}` and `{}`: {error}", chain.display(), key.display());
        Failure::new(Code::BadKey, message).hint("give the chain and the key of its first certificate, both PEM")
    })?;
    Ok(Some(Tls::new(config)))
}

fn signer(settings: &Settings, before: Option<&Before<'_>>) -> anyhow::Result<Option<Arc<SecretKey>>> {
    let Some(path) = &settings.key else { return Ok(None) };
    if let Some(before) = before.filter(|_| settings.passphrase_file.is_none()) {
        let file = Zeroizing::new(files::read_setting(path, files::SECRET_BYTES)?);
        if KeyFile::parse(&file).is_ok_and(|file| file.is_encrypted()) {
            return match &before.roles.signer {
                Some(signer) if before.key_file == Some(Sha256::digest(&*file).into()) => Ok(Some(Arc::clone(signer))),
                _ => {
                    let message = format!(
                        "`{}` is another encrypted key than at the start, and nobody can be asked for its passphrase",
                        path.display()
                    );
                    let hint = "name a file with --passphrase-file, or start the server again";
                    Err(Failure::new(Code::BadPassphrase, message).hint(hint).into())
                }
            };
        }
    }
    let signer = Signer {
        key: settings.key.clone(),
        passphrase_file: settings.passphrase_file.clone(),
        allow_readable_key: settings.allow_readable_key,
    };
    Ok(Some(Arc::new(signer.open()?)))
}

/// Trusts what is named, and the server's own key.
fn keyring(settings: &Settings, signer: Option<&SecretKey>) -> anyhow::Result<Keyring> {
    let mut trust = Trust { trust: settings.trust.clone() };
    trust.trust.extend(settings.keyring.iter().map(|path| path.as_os_str().to_owned()));
    trust.trust.extend(signer.iter().map(|signer| signer.public().to_spki_base64().into()));
    if trust.trust.is_empty() { Ok(Keyring::default()) } else { trust.keyring() }
}

fn license(settings: &Settings) -> anyhow::Result<Option<Given>> {
    // As `verify` looks for one: the text comes before the file, whatever becomes of it.
    if let Some(text) = settings::license_text() {
        return Ok(Some(Given { text: text.into_encoded_bytes(), origin: Origin::Env }));
    }
    let text = settings.license.as_deref().map(|path| files::read_setting(path, MAX_TEXT_BYTES)).transpose()?;
    Ok(text.map(|text| Given { text, origin: Origin::File }))
}

fn secrets(path: Option<&Path>) -> anyhow::Result<Secrets> {
    let Some(path) = path else { return Ok(Secrets::default()) };
    crate::process::keep_secrets();
    let text = Zeroizing::new(text(path, files::SECRET_BYTES)?);
    Secrets::parse(&text).map_err(|error| {
        let message = format!("`{}`: {error}", path.display());
        Failure::new(Code::BadKey, message).hint("make one with `head -c 32 /dev/urandom | base64`").into()
    })
}

fn text(path: &Path, limit: usize) -> anyhow::Result<String> {
    String::from_utf8(files::read_setting(path, limit)?).with_context(|| format!("`{}` is not UTF-8", path.display()))
}

/// Returns how many wrong keys are let through; the range is that of the flag.
fn wrong_keys(settings: &Settings) -> Allowance {
    let count = settings.wrong_keys_per_minute.and_then(|count| u32::try_from(count).ok()).and_then(NonZeroU32::new);
    count.map_or_else(Allowance::default, Allowance::a_minute)
}

fn proxies(settings: &Settings) -> anyhow::Result<Proxies> {
    let unfit =
        |text| Failure::new(Code::Usage, format_args!("the proxy `{text}` is neither an address nor a network"));
    let parsed = Proxies::parse(&settings.trusted_proxy);
    Ok(parsed.map_err(|text| unfit(text).hint("write 10.0.0.7 or 10.0.0.0/8"))?)
}

fn hosts(settings: &Settings) -> anyhow::Result<Hosts> {
    if let Some(name) = settings.host.iter().find(|name| !Hosts::can_name(name)) {
        let message =
            format!("no request can name the host `{name}`: a name has letters, digits, `-`, `.` and `_` alone");
        let hint = "write license.example.com, without a scheme or a port";
        return Err(Failure::new(Code::Usage, message).hint(hint).into());
    }
    let listen = settings.listen.as_deref().unwrap_or_default();
    let is_loopback = listen.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    if settings.host.is_empty() && !is_loopback {
        return Ok(Hosts::Any);
    }
    Ok(Hosts::These(settings.host.iter().cloned().chain(["localhost".to_owned()]).collect()))
}
