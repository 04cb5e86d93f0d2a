//! The settings of a server: a flag, else a variable, else a line of the TOML file.

mod setting;
mod told;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, Command};
use mintage::code::Code;
use mintage::http::{App, REFRESH_MINUTES};
use toml::de::DeTable;
use toml::{Table, Value};

use self::setting::Setting;
use crate::failure::Failure;
use crate::files;
use crate::keys::Trust;
use crate::machine::text_of_file;

/// The largest file of settings, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// The most connections at once where nothing else is said.
const MAX_CONNECTIONS: usize = 1_024;

const HINT: &str = "settings are named as the flags of `mintage serve --help`, without the dashes in front";

/// Says why the flag of that name would not take a value, if it would not.
fn unfit(name: &str, value: &Value) -> Option<String> {
    let value = value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|number| number.to_string()))?;
    let flags = Settings::augment_args(Command::new("serve")).no_binary_name(true);
    let error = flags.try_get_matches_from([format!("--{name}={value}")]).err()?;
    let is_of_value = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    let text = error.render().to_string();
    let sentence = text.split("\n\nFor more").next()?.trim_start_matches("error: ");
    is_of_value.then(|| sentence.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What a server is told. Secrets stand in files, never here.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Settings {
    /// Address and port [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS", env = "MINTAGE_LISTEN")]
    pub(super) listen: Option<String>,
    /// Serve without TLS on an address that other machines reach
    #[arg(long, env = "MINTAGE_INSECURE_LISTEN")]
    pub(super) insecure_listen: bool,
    /// A name, without a port, that the server answers to, beside addresses and localhost; repeatable [default: any name off loopback]
    #[arg(long, value_name = "NAME", env = "MINTAGE_HOST", value_delimiter = ',')]
    pub(super) host: Vec<String>,
    /// The vendor's book: sqlite:PATH, made on first use, or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", env = "MINTAGE_LEDGER", hide_env_values = true)]
    pub(super) ledger: Option<String>,
    /// Private key that signs what is minted: the vendor's role
    #[arg(long, visible_alias = "private-key", value_name = "FILE", env = "MINTAGE_KEY")]
    pub(super) key: Option<PathBuf>,
    /// Read the key's passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", env = "MINTAGE_PASSPHRASE_FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// Accept a private key file that others can read
    #[arg(long, env = "MINTAGE_ALLOW_READABLE_KEY")]
    pub(super) allow_readable_key: bool,
    /// Trusted public key: a file, a folder of `.pub` files, a keyring, or the key's text; repeatable [env: MINTAGE_TRUST]
    #[arg(long, visible_alias = "public-key", value_name = "KEY", allow_hyphen_values = true)]
    pub(super) trust: Vec<OsString>,
    /// Signed keyring to trust and to hand out
    #[arg(long, value_name = "FILE", env = "MINTAGE_KEYRING")]
    pub(super) keyring: Option<PathBuf>,
    /// Signed list of revocations to judge with and to hand out
    #[arg(long, value_name = "FILE", env = "MINTAGE_REVOCATIONS")]
    pub(super) revocations: Option<PathBuf>,
    /// Hours in which a withdrawn license still counts on its machines, where its withdrawal says nothing [default: 24]
    #[arg(long, value_name = "HOURS", env = "MINTAGE_REVOCATION_GRACE_HOURS")]
    pub(super) revocation_grace_hours: Option<u64>,
    /// How often the list of revocations follows the ledger, in minutes [default: 15]
    #[arg(long, value_name = "MINUTES", env = "MINTAGE_REVOCATION_REFRESH_MINUTES", value_parser = clap::value_parser!(u64).range(1..=525_600))]
    pub(super) revocation_refresh_minutes: Option<u64>,
    /// Follow the signing key by a new one after so many days; needs --keys-dir, --key and --ledger
    #[arg(long, value_name = "DAYS", env = "MINTAGE_ROTATE_DAYS", value_parser = clap::value_parser!(u64).range(2..=3_650))]
    pub(super) rotate_days: Option<u64>,
    /// Keep the old signing key beside the new one for so many days [default: 7]
    #[arg(long, value_name = "DAYS", env = "MINTAGE_ROTATE_OVERLAP_DAYS", value_parser = clap::value_parser!(u64).range(1..=3_649))]
    pub(super) rotate_overlap_days: Option<u64>,
    /// Folder that new signing keys are kept in, shared by every server of the ledger
    #[arg(long, value_name = "DIR", env = "MINTAGE_KEYS_DIR")]
    pub(super) keys_dir: Option<PathBuf>,
    /// TOML file that defines the vendor's plans
    #[arg(long, value_name = "FILE", env = "MINTAGE_PLANS")]
    pub(super) plans: Option<PathBuf>,
    /// License of this installation: the role of a customer's operator
    #[arg(long, value_name = "FILE", env = "MINTAGE_LICENSE_FILE")]
    pub(super) license: Option<PathBuf>,
    /// The tenant that licenses are for
    #[arg(long, env = "MINTAGE_TENANT")]
    pub(super) tenant: Option<String>,
    /// JSON object of the default tier's limits
    #[arg(long, value_name = "FILE", env = "MINTAGE_DEFAULTS")]
    pub(super) defaults: Option<PathBuf>,
    /// File of admin keys, one a line, each of at least 16 bytes
    #[arg(long, value_name = "FILE", env = "MINTAGE_ADMIN_KEY_FILE")]
    pub(super) admin_key_file: Option<PathBuf>,
    /// File of keys that reports are given for, one a line, each of at least 16 bytes
    #[arg(long, value_name = "FILE", env = "MINTAGE_LICENSE_KEY_FILE")]
    pub(super) license_key_file: Option<PathBuf>,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE", env = "MINTAGE_TLS_CERT")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", env = "MINTAGE_TLS_KEY")]
    pub(super) tls_key: Option<PathBuf>,
    /// Let in only clients whose certificate one of these authorities signed, PEM
    #[arg(long, value_name = "FILE", env = "MINTAGE_TLS_CLIENT_CA")]
    pub(super) tls_client_ca: Option<PathBuf>,
    /// Memory that documents may take at once; one takes up to eight times its length, and what finds no room is answered with
    /// 503 [default: 2048]
    #[arg(long, value_name = "MIB", env = "MINTAGE_DOCUMENT_MEMORY", value_parser = clap::value_parser!(u64).range(8..=1_000_000))]
    pub(super) document_memory: Option<u64>,
    /// The most connections at once [default: 1024]
    #[arg(long, value_name = "N", env = "MINTAGE_MAX_CONNECTIONS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) max_connections: Option<u64>,
    /// Address or network of a proxy in front of the server, which is believed when its X-Forwarded-For names the caller;
    /// repeatable
    #[arg(long, value_name = "NETWORK", env = "MINTAGE_TRUSTED_PROXY", value_delimiter = ',')]
    pub(super) trusted_proxy: Vec<String>,
    /// The most wrong keys that one address may give in a minute before it has to wait; more where many customers come
    /// through one address that is no --trusted-proxy [default: 10]
    #[arg(long, value_name = "N", env = "MINTAGE_WRONG_KEYS_PER_MINUTE", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) wrong_keys_per_minute: Option<u64>,
    /// How the log is written: text, or json for one object a line [default: text]
    #[arg(long, value_name = "FORMAT", env = "MINTAGE_LOG", value_parser = ["json", "text"])]
    pub(super) log: Option<String>,
    /// The least important records that are logged: error, warn, info or debug [default: info]
    #[arg(long, value_name = "LEVEL", env = "MINTAGE_LOG_LEVEL", value_parser = ["error", "warn", "info", "debug"])]
    pub(super) log_level: Option<String>,
    /// Log every session that has ended, as one JSON object on one line, however else the log is written
    #[arg(long, env = "MINTAGE_SESSION_LOG")]
    pub(super) session_log: bool,
}

/// Says what is wrong with the TOML, and where.
fn unreadable(text: &str, error: &toml::de::Error) -> String {
    let what = error.message().replace('\n', ", ");
    match error.span() {
        Some(span) => format!("{}: {what}", place(text, span.start)),
        None => what,
    }
}

/// Names a place by its line and column, from 1.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// Returns the license of this installation, where the environment holds it whole.
pub(super) fn license_text() -> Option<OsString> {
    std::env::var_os("MINTAGE_LICENSE").filter(|text| !text.is_empty())
}

/// Settings that are looked at once, when a server starts.
const AT_START: [&str; 7] =
    ["document-memory", "insecure-listen", "ledger", "listen", "log", "log-level", "max-connections"];

impl Settings {
    /// Every setting by its name.
    fn all(&mut self) -> [(&'static str, &mut dyn Setting); 31] {
        [
            ("admin-key-file", &mut self.admin_key_file),
            ("allow-readable-key", &mut self.allow_readable_key),
            ("defaults", &mut self.defaults),
            ("document-memory", &mut self.document_memory),
            ("host", &mut self.host),
            ("insecure-listen", &mut self.insecure_listen),
            ("key", &mut self.key),
            ("keyring", &mut self.keyring),
            ("keys-dir", &mut self.keys_dir),
            ("ledger", &mut self.ledger),
            ("license", &mut self.license),
            ("license-key-file", &mut self.license_key_file),
            ("listen", &mut self.listen),
            ("log", &mut self.log),
            ("log-level", &mut self.log_level),
            ("max-connections", &mut self.max_connections),
            ("passphrase-file", &mut self.passphrase_file),
            ("plans", &mut self.plans),
            ("revocation-grace-hours", &mut self.revocation_grace_hours),
            ("revocation-refresh-minutes", &mut self.revocation_refresh_minutes),
            ("revocations", &mut self.revocations),
            ("rotate-days", &mut self.rotate_days),
            ("rotate-overlap-days", &mut self.rotate_overlap_days),
            ("session-log", &mut self.session_log),
            ("tenant", &mut self.tenant),
            ("tls-cert", &mut self.tls_cert),
            ("tls-client-ca", &mut self.tls_client_ca),
            ("tls-key", &mut self.tls_key),
            ("trust", &mut self.trust),
            ("trusted-proxy", &mut self.trusted_proxy),
            ("wrong-keys-per-minute", &mut self.wrong_keys_per_minute),
        ]
    }

    /// Takes the keys that the variable names, where no flag does: Clap would not know a list of paths from a key.
    pub(super) fn take_trust(&mut self) {
        if self.trust.is_empty() {
            self.trust = Trust::of_environment();
        }
    }

    /// Takes from a TOML file what neither flags nor variables say.
    pub(super) fn fill(&mut self, path: &Path) -> anyhow::Result<()> {
        let fault =
            |message: String| Failure::new(Code::Usage, format_args!("`{}`: {message}", path.display())).hint(HINT);
        let text = String::from_utf8(files::read_setting(path, MAX_BYTES)?);
        let text = text.map_err(|_| fault("it is not UTF-8".to_owned()))?;
        let table: Table = text.parse().map_err(|error| fault(unreadable(&text, &error)))?;
        let spans = DeTable::parse(&text).map_err(|error| fault(unreadable(&text, &error)))?;
        for (name, value) in table {
            let key = spans.get_ref().keys().find(|key| *key.get_ref() == name);
            let place = place(&text, key.map_or(0, |key| key.span().start));
            let mut all = self.all();
            let setting = all.iter_mut().find(|(known, _)| *known == name);
            let (_, setting) = setting.ok_or_else(|| fault(format!("{place}: there is no setting `{name}`")))?;
            let why_not = unfit(&name, &value);
            if !setting.fill(value) {
                return Err(fault(format!("{place}: `{name}` holds a value of another type")).into());
            }
            if let Some(why_not) = why_not {
                return Err(fault(format!("{place}: {why_not}")).into());
            }
        }
        Ok(())
    }

    /// Takes the files of systemd's credentials, or of any folder that is mounted like one, for what is not named yet.
    pub(super) fn take_credentials(&mut self, folder: &Path) -> anyhow::Result<()> {
        let ledger = folder.join("ledger");
        if self.ledger.is_none() && ledger.is_file() {
            self.ledger = Some(text_of_file(&ledger)?);
        }
        let credentials = [
            ("admin-key", &mut self.admin_key_file),
            ("key", &mut self.key),
            ("license", &mut self.license),
            ("license-key", &mut self.license_key_file),
            ("passphrase", &mut self.passphrase_file),
            ("tls-cert", &mut self.tls_cert),
            ("tls-key", &mut self.tls_key),
        ];
        for (name, setting) in credentials {
            let path = folder.join(name);
            if setting.is_none() && path.is_file() {
                *setting = Some(path);
            }
        }
        Ok(())
    }

    /// Returns the most connections at once, once that is settled.
    pub(super) fn most_connections(&self) -> usize {
        self.max_connections.and_then(|count| usize::try_from(count).ok()).unwrap_or(MAX_CONNECTIONS)
    }

    /// Returns how many MiB of memory documents may take at once, once that is settled.
    pub(super) fn document_mib(&self) -> usize {
        self.document_memory.and_then(|mib| usize::try_from(mib).ok()).unwrap_or(App::DOCUMENT_MEMORY_MIB)
    }

    /// Fills in what is in force where nothing was said.
    pub(super) fn settle(&mut self) {
        self.document_memory.get_or_insert(App::DOCUMENT_MEMORY_MIB as u64);
        self.listen.get_or_insert_with(|| "127.0.0.1:7420".to_owned());
        self.log.get_or_insert_with(|| "text".to_owned());
        self.log_level.get_or_insert_with(|| "info".to_owned());
        self.max_connections.get_or_insert(MAX_CONNECTIONS as u64);
        self.revocation_grace_hours.get_or_insert(24);
        self.revocation_refresh_minutes.get_or_insert(REFRESH_MINUTES);
        self.wrong_keys_per_minute.get_or_insert(10);
    }

    /// Names the settings that differ from those before and that a server takes only when it starts.
    pub(super) fn not_taken_over(&self, before: &Self) -> Vec<&'static str> {
        let (mut now, mut before) = (self.clone(), before.clone());
        let has_tls = |settings: &Self| settings.tls_cert.is_some();
        let tls = (has_tls(&now) != has_tls(&before)).then_some("tls-cert");
        let all = now.all().into_iter().zip(before.all());
        let changed = all.filter(|((_, now), (_, before))| now.shown() != before.shown()).map(|((name, _), _)| name);
        changed.filter(|name| AT_START.contains(name)).chain(tls).collect()
    }

    /// Returns every file that the settings name.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let named = [
            &self.admin_key_file,
            &self.defaults,
            &self.key,
            &self.keyring,
            &self.license,
            &self.license_key_file,
            &self.passphrase_file,
            &self.plans,
            &self.revocations,
            &self.tls_cert,
            &self.tls_client_ca,
            &self.tls_key,
        ];
        named.into_iter().flatten().cloned().chain(self.trust.iter().map(PathBuf::from)).collect()
    }
}
