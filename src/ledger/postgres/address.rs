//! [`Address`]: where a server is, and the way to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{chain, explain};
use crate::code::Code;
use crate::ledger::LedgerError;

const WRITE_AN_ADDRESS: &str = "write postgres://USER@HOST/DATABASE, and behind ? the options that libpq has";

/// How long to wait for the server, unless the address says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may be silent on the line, unless the address says otherwise.
const SILENCE: Duration = Duration::from_secs(30);

/// What an address means that says nothing of it.
const KEEPALIVES_IDLE_BY_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);

/// Where a server is, and how to speak with it.
pub(super) struct Address {
    config: Config,
    /// A file of authorities to trust instead of the machine's.
    authorities: Option<PathBuf>,
    /// The address without its password.
    pub(super) shown: String,
}

impl Address {
    /// Reads the address: what libpq knows, `sslrootcert` among it.
    ///
    /// # Errors
    /// `Refused` with `usage`.
    pub(super) fn parse(url: &str, shown: String) -> Result<Self, LedgerError> {
        let (url, authorities) = split_authorities(url);
        if authorities.is_some() && !url.contains("sslmode=require") {
            let message =
                format!("the ledger's address {shown} names authorities with sslrootcert, and does not ask for TLS");
            return Err(LedgerError::refused(Code::Usage, message).with_hint("add sslmode=verify-full"));
        }
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let message = format!("the ledger's address {shown} is not understood: {}", chain(&error));
            LedgerError::refused(Code::Usage, message).with_hint(WRITE_AN_ADDRESS)
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        // A server that has gone without a word is noticed: what was sent is not acknowledged, or nothing comes for long.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_keepalives_idle() == KEEPALIVES_IDLE_BY_DEFAULT {
            config.keepalives_idle(SILENCE).keepalives_interval(PATIENCE).keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("mintage");
        }
        Ok(Self { config, authorities, shown })
    }

    /// The certificate and the name of the server are always checked: a line that anybody can answer is no secret.
    fn tls(&self) -> Result<MakeRustlsConnect, LedgerError> {
        let fault = |detail: &dyn std::fmt::Display| LedgerError::unreachable(format_args!("{}: {detail}", self.shown));
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => {
                let unread = |error| fault(&format_args!("`{}`: {error}", path.display()));
                for certificate in CertificateDer::pem_file_iter(path).map_err(unread)? {
                    roots.add(certificate.map_err(unread)?).map_err(|error| fault(&error))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| fault(&error))?.with_root_certificates(roots).with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    /// Connects, and returns what drives the connection beside it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) fn connect(&self) -> Result<(Runtime, Client), LedgerError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(LedgerError::unreachable)?;
        let fault = |error| explain(&self.shown, &error);
        let connecting = async {
            if self.config.get_ssl_mode() == SslMode::Require {
                let (client, connection) = self.config.connect(self.tls()?).await.map_err(fault)?;
                tokio::spawn(connection);
                Ok(client)
            } else {
                // Without a demand for it, TLS that an attacker could strip would only seem to protect.
                let (client, connection) = self.config.connect(NoTls).await.map_err(fault)?;
                tokio::spawn(connection);
                Ok(client)
            }
        };
        // The client's own time-out is for each host, and ends with the connection; what the server says first may take as long.
        let tries = u32::try_from(self.config.get_hosts().len()).unwrap_or(u32::MAX).saturating_add(1);
        let patience = self.config.get_connect_timeout().unwrap_or(&PATIENCE).saturating_mul(tries);
        let silent = |_| Err(LedgerError::unreachable(format_args!("{}: the server does not answer", self.shown)));
        let client = runtime.block_on(async { timeout(patience, connecting).await.unwrap_or_else(silent) })?;
        Ok((runtime, client))
    }
}

/// Takes `sslrootcert` out of an address, and spells the modes that check the server as the client knows them.
fn split_authorities(url: &str) -> (String, Option<PathBuf>) {
    let Some((address, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let mut authorities = None;
    let mut kept = Vec::new();
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("sslrootcert", path)) => {
                let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
                authorities = Some(PathBuf::from(path));
            }
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            _ => kept.push(part),
        }
    }
    (format!("{address}?{}", kept.join("&")), authorities)
}
