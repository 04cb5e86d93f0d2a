//! What TLS presents, and whom it lets in.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

/// Says why a certificate, its key or the authorities of clients cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// Whether it is the authorities of clients.
    pub is_of_clients: bool,
    why: String,
}

/// Reads a certificate chain and its key, both PEM; with `client_authorities` only clients whose certificate one of them
/// signed get in.
///
/// # Errors
/// [`TlsError`] with the library's reason.
pub fn config(chain: &[u8], key: &[u8], client_authorities: Option<&[u8]>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::of)?;
    let builder = match client_authorities {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let verifier = clients(pem, provider).map_err(|error| TlsError { is_of_clients: true, ..error })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    if key.windows(9).any(|word| word == b"ENCRYPTED") {
        return Err(TlsError::of("the key is encrypted, and must not be"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::of)?;
    let mut config = builder.with_single_cert(certificates(chain)?, key).map_err(TlsError::of)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Lets in the clients that one of some authorities vouches for.
fn clients(pem: &[u8], provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem)? {
        roots.add(authority).map_err(TlsError::of)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(TlsError::of)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(TlsError::of)?;
    if all.is_empty() { Err(TlsError::of("there is no certificate")) } else { Ok(all) }
}

impl TlsError {
    fn of(error: impl fmt::Display) -> Self {
        Self { is_of_clients: false, why: error.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for TlsError {}
