//! Whose certificates are believed, and which is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use mintage::code::Code;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::{files, process};

/// The largest file of certificates or of a key, in bytes.
const MAX_PEM_BYTES: usize = 1 << 20;

/// Says how both sides of a connection are known.
#[derive(Args, Debug)]
pub(super) struct Tls {
    /// Trust the authorities in FILE (PEM) beside those of this system
    #[arg(long, value_name = "FILE", requires = "server")]
    ca: Option<PathBuf>,
    /// Show the certificate in FILE (PEM, with its chain) to a server that asks for one
    #[arg(long, value_name = "FILE", requires = "server", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

impl Tls {
    /// What was said of all this.
    pub(super) fn named(&self) -> [(&'static str, bool); 3] {
        [
            ("--ca", self.ca.is_some()),
            ("--client-cert", self.client_cert.is_some()),
            ("--client-key", self.client_key.is_some()),
        ]
    }

    /// What helps where a server breaks off for want of a certificate that it accepts.
    pub(super) fn hint(&self) -> &'static str {
        match self.client_cert {
            None => "if the server demands a certificate of its clients, show one with --client-cert",
            Some(_) => "if the server does not accept the certificate of --client-cert, show one that it does",
        }
    }

    /// Reads the files that were named.
    pub(super) fn config(&self) -> anyhow::Result<TlsConfig> {
        let provider = Arc::new(ring::default_provider());
        // Some that cannot be read are no reason to give up: the server's may be among the others.
        let mut roots = rustls_native_certs::load_native_certs().certs;
        if let Some(path) = &self.ca {
            roots.extend(certificates(path, &files::read_setting(path, MAX_PEM_BYTES)?)?);
        }
        let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let shown = match (&self.client_cert, &self.client_key) {
            (Some(chain), Some(key)) => Some(identity(chain, key, &provider)?),
            _ => None,
        };
        Ok(TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(&roots))
            .client_cert(shown)
            .build())
    }
}

/// What the two sides said to each other, and who can mend it.
pub(super) enum Said {
    /// The server wants a certificate, or another than it was shown.
    Certificate,
    /// Something that has this way out.
    Way(&'static str),
}

/// Puts what the library says of TLS in words.
pub(super) fn told(why: String) -> (String, Option<Said>) {
    if let Some((_, alert)) = why.split_once("received fatal alert: ") {
        let is_of_certificate =
            alert.contains("Certificate") || matches!(alert, "AccessDenied" | "DecryptError" | "UnknownCA");
        let what = match alert {
            "CertificateRequired" => "the server demands a certificate of its clients",
            _ if is_of_certificate => "the server does not accept the certificate that it is shown",
            _ => "the server breaks off",
        };
        return (format!("{what}: {alert}"), is_of_certificate.then_some(Said::Certificate));
    }
    if why.contains("invalid HTTP version") {
        let hint = "does it answer in TLS? such a server is named with https://";
        return ("it does not answer in HTTP".to_owned(), Some(Said::Way(hint)));
    }
    if why.contains("InvalidContentType") {
        let hint = "is the port right? a server without TLS is named with http://";
        return ("it does not answer in TLS".to_owned(), Some(Said::Way(hint)));
    }
    if why.contains("CaUsedAsEndEntity") {
        let why = "its certificate is marked as that of an authority, and no server may show such a one".to_owned();
        let hint = "let the server show a certificate with basicConstraints=CA:FALSE, and name its signer with --ca";
        return (why, Some(Said::Way(hint)));
    }
    (why, None)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable("the certificates", path, &error.to_string()))?;
    if all.is_empty() { Err(unreadable("the certificates", path, "there is none in it")) } else { Ok(all) }
}

/// Reads the certificate that is shown, and its key, which must be of each other.
fn identity(chain: &Path, key: &Path, provider: &CryptoProvider) -> anyhow::Result<ClientCert> {
    process::keep_secrets();
    let certificates = certificates(chain, &files::read_setting(chain, MAX_PEM_BYTES)?)?;
    let pem = Zeroizing::new(files::read_setting(key, MAX_PEM_BYTES)?);
    let unfit = |why: String| unreadable("the private key", key, &why);
    if pem.windows(9).any(|word| word == b"ENCRYPTED") {
        let message = format!("the private key in `{}` is encrypted", key.display());
        let hint = "decrypt it into a file that only you can read: `openssl pkey -in FILE -out FILE`";
        return Err(Failure::new(Code::FileUnreadable, message).hint(hint).into());
    }
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unfit(error.to_string()))?;
    let shown: Vec<_> = certificates.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
    CertifiedKey::from_der(certificates, private, provider).map_err(|error| unfit(error.to_string()))?;
    let private = PrivateKey::from_pem(&pem).map_err(|error| unfit(error.to_string()))?;
    Ok(ClientCert::new_with_certs(&shown, private))
}

fn unreadable(what: &str, path: &Path, why: &str) -> Failure {
    let message = format!("{what} in `{}` cannot be used: {why}", path.display());
    Failure::new(Code::FileUnreadable, message).hint("give PEM, and a key that belongs to its certificate")
}
