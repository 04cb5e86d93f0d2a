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
    /// Whether a server that asks for a certificate is shown none.
    pub(super) fn shows_none(&self) -> bool {
        self.client_cert.is_none()
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
