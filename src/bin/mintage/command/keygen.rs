//! `mintage keygen`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use mintage::code::Code;
use mintage::json::Writer;
use mintage::key::file::Freshness;
use mintage::key::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::{self, FileError, Mode, Overwrite, Placed};
use crate::render::Terminal;
use crate::{process, prompt, random};

/// Make a new Ed25519 key pair
///
/// Writes NAME.key (PKCS#8 PEM, encrypted, mode 0600) and NAME.pub (SPKI PEM). Both open in OpenSSL 3.0 and later.
/// Nothing is overwritten without --force, and nothing is left behind if writing fails.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Name of both files
    #[arg(default_value = "mintage")]
    name: String,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    out_dir: PathBuf,
    /// Store the private key unencrypted
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
    /// Read the passphrase from the first line of FILE (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Replace the files if they exist
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let name = Path::new(&arguments.name);
    if name.file_name() != Some(name.as_os_str()) || name.as_os_str().is_empty() {
        let message = format!("`{}` is not the name of a file", arguments.name);
        return Err(Failure::new(Code::Usage, message).hint("name the folder with --out-dir").into());
    }
    let private_file = arguments.out_dir.join(format!("{}.key", arguments.name));
    let public_file = arguments.out_dir.join(format!("{}.pub", arguments.name));
    let overwrite = if arguments.force { Overwrite::Replace } else { Overwrite::Forbid };
    // Before a passphrase is asked for: what is bound to be refused is refused at once.
    files::check_target(&private_file, overwrite)?;
    files::check_target(&public_file, overwrite)?;
    process::keep_secrets();
    let key = SecretKey::from_seed(&Zeroizing::new(random::bytes::<32>()?));
    let private = if arguments.no_passphrase {
        terminal.warning("the private key is stored without a passphrase; whoever reads the file can sign");
        key.to_pem()?
    } else {
        let passphrase = prompt::new_passphrase(arguments.passphrase_file.as_ref())?;
        key.to_encrypted_pem(&passphrase, &Freshness { salt: random::bytes()?, iv: random::bytes()? })?
    };
    let public = key.public();
    let pair = write_pair(&private_file, private.as_bytes(), &public_file, public.to_pem().as_bytes(), overwrite)?;

    show(&public, &private_file, &public_file, arguments, terminal).context("neither key file is kept")?;
    pair.keep();
    Ok(ExitCode::SUCCESS)
}

fn show(
    public: &PublicKey,
    private_file: &Path,
    public_file: &Path,
    arguments: &Arguments,
    terminal: &Terminal,
) -> Result<(), FileError> {
    let (private_file, public_file) = (private_file.display().to_string(), public_file.display().to_string());
    let id = public.id().to_string();
    if terminal.json {
        let mut out = Writer::default();
        out.begin_object();
        out.name("encrypted").bool(!arguments.no_passphrase);
        out.name("keyId").string(&id);
        out.name("kid").string(&public.id().kid().to_string());
        out.name("privateKeyFile").string(&private_file);
        out.name("publicKey").string(&public.to_spki_base64());
        out.name("publicKeyFile").string(&public_file);
        out.end_object();
        terminal.data(format!("{}\n", out.finish()).as_bytes())
    } else {
        let base64 = public.to_spki_base64();
        terminal.table(&[
            ("key id", &id),
            ("public key", &base64),
            ("private key file", &private_file),
            ("public key file", &public_file),
        ])
    }
}

/// Both files of a key, in place. Another run puts its own there only when these are kept or taken back: two keys must not
/// end up with one half each.
#[must_use = "keep it, or it is taken back"]
#[derive(Debug)]
pub(super) struct Pair {
    files: [Placed; 2],
    /// Dropped last.
    _lock: Option<File>,
}

impl Pair {
    pub(super) fn keep(self) {
        self.files.into_iter().for_each(Placed::keep);
    }
}

/// Writes both files or neither; until they are kept, a failure takes them back.
pub(super) fn write_pair(
    private_file: &Path,
    private: &[u8],
    public_file: &Path,
    public: &[u8],
    overwrite: Overwrite,
) -> Result<Pair, FileError> {
    let mut first = files::Unfinished::create(private_file, Mode::Private, overwrite)?;
    first.append(private)?;
    let mut second = files::Unfinished::create(public_file, Mode::Public, overwrite)?;
    second.append(public)?;
    let lock = files::lock_folder(private_file);
    // The private key goes first: a public key without it would be trusted for nothing.
    let first = first.place()?;
    Ok(Pair { files: [first, second.place()?], _lock: lock })
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::TryLockError;

    use super::*;

    #[test]
    fn two_pairs_of_one_name_are_never_mixed() {
        let place = tempfile::TempDir::with_prefix("mintage-pair-").unwrap();
        let write = |text: &[u8]| {
            let [private, public] = ["a.key", "a.pub"].map(|name| place.path().join(name));
            write_pair(&private, text, &public, text, Overwrite::Replace).unwrap()
        };
        let read = || ["a.key", "a.pub"].map(|name| std::fs::read(place.path().join(name)).unwrap());
        let first = write(b"first");
        let folder = File::open(place.path()).unwrap();
        assert!(matches!(folder.try_lock(), Err(TryLockError::WouldBlock)));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| write(b"second").keep());
            assert_eq!(read(), [b"first"; 2]);
            first.keep();
            second.join().unwrap();
        });
        assert_eq!(read(), [b"second"; 2]);
        // One that is taken back leaves the pair that was there.
        drop(write(b"third"));
        assert_eq!(read(), [b"second"; 2]);
        folder.try_lock().unwrap();
    }
}
