//! What a machine keeps of its activations: the instance keys, the requests that wait for an answer, and what was given back.
//! Everything lies in one folder, in files named by the short id of the instance key.

mod answers;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use mintage::code::Code;
use mintage::json::{self, Value, Writer};
use mintage::key::file::KeyFile;
use mintage::key::{PublicKey, SecretKey};
use mintage::request::{MAX_REQUEST_BYTES, Nonce, Request};
use mintage::time::Timestamp;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::{self, Exposure, Mode, Overwrite};
use crate::{process, random};

/// The largest record of a heartbeat, in bytes.
const MAX_HEARTBEAT_BYTES: usize = 64 << 10;

/// Names the folder.
#[derive(Args, Debug, Default)]
pub(crate) struct Instance {
    /// Keep this machine's instance keys in DIR, else in that of `MINTAGE_INSTANCE_DIR`, else in the user's state folder
    #[arg(long, value_name = "DIR")]
    instance_dir: Option<PathBuf>,
}

impl Instance {
    /// Finds the folder; `None` where neither an argument, nor the environment, nor a home names one.
    fn folder(&self) -> Option<PathBuf> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = self.instance_dir.clone().or_else(|| variable("MINTAGE_INSTANCE_DIR"));
        let state = || {
            let state = if cfg!(windows) { variable("LOCALAPPDATA") } else { variable("XDG_STATE_HOME") };
            let state = state.or_else(|| Some(variable("HOME")?.join(".local/state")));
            Some(state?.join("mintage"))
        };
        named.or_else(state)
    }

    fn file(&self, key: &PublicKey, ending: &str) -> Option<PathBuf> {
        Some(self.folder()?.join(format!("{}.{ending}", key.id().kid())))
    }

    fn wanted_file(&self, key: &PublicKey, ending: &str) -> anyhow::Result<PathBuf> {
        self.file(key, ending).ok_or_else(|| {
            let message = "there is no folder to keep the instance key in";
            Failure::new(Code::Usage, message).hint("name one with --instance-dir or MINTAGE_INSTANCE_DIR").into()
        })
    }

    /// Makes an instance key, and keeps it before anything names it.
    pub(crate) fn create(&self) -> anyhow::Result<SecretKey> {
        process::keep_secrets();
        let key = SecretKey::from_seed(&Zeroizing::new(random::bytes::<32>()?));
        let path = self.wanted_file(&key.public(), "key")?;
        if let Some(folder) = path.parent() {
            create_private(folder).with_context(|| format!("the folder `{}` could not be made", folder.display()))?;
        }
        files::write(&path, key.to_pem()?.as_bytes(), Mode::Private, Overwrite::Forbid)?;
        Ok(key)
    }

    /// Opens the instance key with this public half; `None` where this machine does not hold it.
    pub(crate) fn open(&self, key: &PublicKey) -> anyhow::Result<Option<SecretKey>> {
        let Some(path) = self.file(key, "key").filter(|path| path.exists()) else { return Ok(None) };
        process::keep_secrets();
        let data = Zeroizing::new(files::read_private(&path, files::SECRET_BYTES, Exposure::Refuse)?);
        let about = || format!("instance key `{}`", path.display());
        let secret = KeyFile::parse(&data).and_then(|file| file.open(None)).with_context(about)?;
        Ok(Some(secret).filter(|secret| secret.public() == *key))
    }

    /// Remembers a request until it is answered.
    pub(crate) fn remember(&self, request: &Request) -> anyhow::Result<()> {
        let path = self.wanted_file(&request.instance_key, "request")?;
        Ok(files::write(&path, format!("{}\n", request.to_json()).as_bytes(), Mode::Private, Overwrite::Replace)?)
    }

    /// Returns the request that waits for an answer under this key.
    pub(crate) fn pending(&self, key: &PublicKey) -> anyhow::Result<Option<Request>> {
        self.file(key, "request").filter(|path| path.exists()).map(|path| read_request(&path)).transpose()
    }

    /// Finds the request that waits for an answer to this nonce.
    pub(crate) fn waiting_for(&self, nonce: Nonce) -> anyhow::Result<Option<Request>> {
        let Some(folder) = self.folder().filter(|folder| folder.is_dir()) else { return Ok(None) };
        let about = || format!("the folder `{}` could not be read", folder.display());
        for path in files::children(&folder).with_context(about)? {
            if path.extension().is_some_and(|ending| ending == "request") {
                let request = read_request(&path)?;
                if request.nonce == nonce {
                    return Ok(Some(request));
                }
            }
        }
        Ok(None)
    }

    /// Forgets a request that was answered.
    pub(crate) fn answered(&self, key: &PublicKey) -> anyhow::Result<()> {
        remove(self.file(key, "request"))
    }

    /// Forgets a key that nothing will name any more, and what was kept beside it.
    pub(crate) fn discard(&self, key: &PublicKey) -> anyhow::Result<()> {
        remove(self.file(key, "key"))?;
        remove(self.file(key, "heartbeat"))?;
        self.answered(key)
    }

    /// Returns the nonce of the next heartbeat; `None` before the first one, which carries that of the proof.
    pub(crate) fn nonce(&self, key: &PublicKey) -> anyhow::Result<Option<String>> {
        let Some(path) = self.file(key, "heartbeat").filter(|path| path.exists()) else { return Ok(None) };
        let data = files::read_setting(&path, MAX_HEARTBEAT_BYTES)?;
        let members = json::parse(&data).ok().and_then(|value| value.into_object("heartbeat").ok());
        let found = members.into_iter().flatten().find(|(name, _)| name == "nonce");
        if let Some((_, Value::String(nonce))) = found {
            return Ok(Some(nonce.into_owned()));
        }
        Err(damaged(&path, "the last heartbeat"))
    }

    /// Keeps the nonce of the next heartbeat. Until it is kept the one before is answered again.
    pub(crate) fn keep_nonce(&self, key: &PublicKey, nonce: &str, now: Timestamp) -> anyhow::Result<()> {
        let mut out = Writer::default();
        out.begin_object();
        out.name("nonce").string(nonce);
        out.name("updatedAt").plain(now);
        out.end_object();
        let path = self.wanted_file(key, "heartbeat")?;
        Ok(files::write(&path, format!("{}\n", out.finish()).as_bytes(), Mode::Private, Overwrite::Update)?)
    }
}

fn read_request(path: &Path) -> anyhow::Result<Request> {
    let data = files::read_setting(path, MAX_REQUEST_BYTES)?;
    Request::parse(&data).map_err(|error| {
        let message = format!("the request `{}` is damaged: {error}", path.display());
        Failure::new(error.code(), message).hint("remove it and make a new one").unable().into()
    })
}

fn damaged(path: &Path, what: &str) -> anyhow::Error {
    let message = format!("the record `{}` of {what} is damaged", path.display());
    Failure::new(Code::Malformed, message).hint("activate this machine again").unable().into()
}

fn remove(path: Option<PathBuf>) -> anyhow::Result<()> {
    match path.filter(|path| path.exists()) {
        Some(path) => Ok(files::remove(&path)?),
        None => Ok(()),
    }
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}
