//! What a command is told about this machine, and what it reads itself.

use std::path::{Path, PathBuf};

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::{
    Fingerprint, Linux, Machine as Reading, Privilege, Profile, ReadOptions, Reader, this_machine,
};
use mintage::json::{self, Value};
use mintage::policy::MachineContext;

use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::render::Terminal;

/// The largest file that names a fingerprint or a component, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Where a machine's components are read.
#[derive(Args, Debug, Default)]
pub(crate) struct Source {
    /// Read another root instead of `/` (tests, containers)
    #[arg(long, value_name = "DIR")]
    pub(crate) sysroot: Option<PathBuf>,
    /// Also read what only root can (product UUID, board serial)
    #[arg(long)]
    pub(crate) privileged: bool,
    /// Supply a component: `x.NAME=@FILE` or `k8s.cluster-uid=@FILE`; repeatable
    #[arg(long, value_name = "NAME=@FILE")]
    pub(crate) component: Vec<String>,
}

/// Names the machine that a document is checked against.
#[derive(Args, Debug, Default)]
pub(crate) struct Machine {
    /// This machine's fingerprint, compared exactly: a text, or @FILE; else that of `MINTAGE_FINGERPRINT` or of the file
    /// `MINTAGE_FINGERPRINT_FILE`
    #[arg(long, visible_alias = "fingerprint-value", value_name = "VALUE", conflicts_with = "any_machine")]
    fingerprint: Option<String>,
    /// Do not check which machine this is
    #[arg(long)]
    any_machine: bool,
    #[command(flatten)]
    source: Source,
}

/// The machine that documents are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here<'a> {
    pub(crate) source: &'a Source,
    /// Its exact fingerprint, as an argument gives it.
    pub(crate) exact: Option<&'a str>,
    /// Whether any machine will do.
    pub(crate) any: bool,
}

impl Here<'_> {
    /// Reads what documents bound to these fingerprints are compared with.
    pub(crate) fn context(self, bound: &[&Fingerprint], terminal: &Terminal) -> anyhow::Result<MachineContext> {
        match bound {
            _ if self.any => Ok(MachineContext::Any),
            [] => Ok(MachineContext::Unknown),
            bound => self.source.machine(bound, self.exact, terminal).map(MachineContext::This),
        }
    }
}

impl Machine {
    /// Returns the machine that documents are compared with.
    pub(crate) fn here(&self) -> Here<'_> {
        Here { source: &self.source, exact: self.fingerprint.as_deref(), any: self.any_machine }
    }

    /// Reads what any license could be compared with.
    pub(crate) fn whole_context(&self, terminal: &Terminal) -> anyhow::Result<MachineContext> {
        if self.any_machine {
            return Ok(MachineContext::Any);
        }
        let read = |profile| self.source.read(ReadOptions { profile, ..ReadOptions::default() });
        let (readings, vm_readings) = (read(Profile::Host)?, Some(read(Profile::Vm)?));
        let exact = exact(self.fingerprint.as_deref(), terminal)?;
        Ok(MachineContext::This(Reading { exact, readings, vm_readings, ..Reading::default() }))
    }
}

impl Source {
    /// Reads what fingerprints are compared with; `value` is this machine's exact one, as an argument gives it.
    pub(crate) fn machine(
        &self,
        bound: &[&Fingerprint],
        value: Option<&str>,
        terminal: &Terminal,
    ) -> anyhow::Result<Reading> {
        let mut machine = Reading::default();
        if bound.iter().any(|bound| matches!(bound, Fingerprint::Exact(_))) {
            machine.exact = exact(value, terminal)?;
        }
        let options = |wanted: Profile| {
            let options = bound.iter().filter(|bound| matches!(bound, Fingerprint::Fp1(_)));
            let options = options.map(|bound| bound.read_options()).filter(move |options| options.profile == wanted);
            // Of several, the one that takes more rights reads what the others do.
            options.max_by_key(|options| options.privilege == Privilege::Privileged)
        };
        if let Some(options) = options(Profile::Host) {
            machine.readings = self.read(options)?;
        }
        machine.vm_readings = options(Profile::Vm).map(|options| self.read(options)).transpose()?;
        Ok(machine)
    }

    /// Reads the machine's components.
    pub(crate) fn read(&self, mut options: ReadOptions) -> anyhow::Result<Vec<mintage::fingerprint::Reading>> {
        if self.privileged {
            options.privilege = Privilege::Privileged;
        }
        for component in &self.component {
            let Some((name, value)) = component.split_once('=') else {
                let message = format!("`{component}` is not NAME=@FILE");
                return Err(Failure::new(Code::Usage, message).hint("write --component x.dongle=@/path/to/id").into());
            };
            if !mintage::fingerprint::is_suppliable(name) {
                let message = format!("the component `{name}` cannot be supplied");
                return Err(Failure::new(Code::Usage, message).hint("supply k8s.cluster-uid or x.NAME").into());
            }
            if options.supplied.iter().any(|(other, _)| other == name) {
                let message = format!("the component `{name}` is supplied twice");
                return Err(Failure::new(Code::Usage, message).hint("give each component once").into());
            }
            options.supplied.push((name.to_owned(), text(value)?));
        }
        match &self.sysroot {
            // Where there is nothing, everything would seem to have changed.
            Some(root) if !root.is_dir() => {
                let message = format!("--sysroot `{}` is not a folder", root.display());
                Err(Failure::new(Code::FileUnreadable, message).into())
            }
            Some(root) => Ok(Linux { root: root.clone() }.read(&options)),
            None => Ok(this_machine().read(&options)),
        }
    }

    /// Returns the Linux system that is read; `None` where another one is.
    pub(crate) fn linux(&self) -> Option<Linux> {
        match &self.sysroot {
            Some(root) => Some(Linux { root: root.clone() }),
            None => cfg!(target_os = "linux").then(Linux::default),
        }
    }
}

/// Finds this machine's exact fingerprint: the argument, else a variable. A value of nothing, as an unset variable of a
/// script leaves it, is none.
pub(crate) fn exact(argument: Option<&str>, terminal: &Terminal) -> anyhow::Result<Option<String>> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let found = if let Some(value) = argument {
        text(value)?
    } else if let Some(value) = variable("MINTAGE_FINGERPRINT") {
        terminal.note("this machine's fingerprint is the text of MINTAGE_FINGERPRINT");
        value.into_string().map_err(|_| Failure::new(Code::Malformed, "MINTAGE_FINGERPRINT is not UTF-8"))?
    } else if let Some(path) = variable("MINTAGE_FINGERPRINT_FILE") {
        let name = Path::new(&path).display();
        terminal.note(&format!("this machine's fingerprint is that of `{name}`, by MINTAGE_FINGERPRINT_FILE"));
        text_of_file(Path::new(&path))?
    } else {
        return Ok(None);
    };
    Ok(Some(spelled(found)).filter(|value| !value.is_empty()))
}

/// Takes an exact fingerprint as it is, or as `mintage fingerprint --fingerprint-value` writes it: a JSON string.
fn spelled(text: String) -> String {
    match json::parse(text.trim().as_bytes()) {
        Ok(Value::String(spelled)) => spelled.into_owned(),
        _ => text,
    }
}

/// Takes a text, or the text of a file named `@FILE`.
pub(crate) fn text(value: &str) -> anyhow::Result<String> {
    match value.strip_prefix('@') {
        Some(path) => text_of_file(Path::new(path)),
        None => Ok(value.to_owned()),
    }
}

pub(crate) fn text_of_file(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(bytes_of_file(path)?)
        .map_err(|_| Failure::new(Code::Malformed, format_args!("`{}` is not UTF-8", path.display())).into())
}

/// Reads a file without its last line end.
pub(crate) fn bytes_of_file(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut data = files::read(path, MAX_BYTES)?;
    if data.pop_if(|last| *last == b'\n').is_some() {
        data.pop_if(|last| *last == b'\r');
    }
    Ok(data)
}

/// Reads the fingerprint that a license is to be bound to: an exact text, an `fp1` object, or @FILE with either.
pub(crate) fn binding(value: &str) -> anyhow::Result<Fingerprint> {
    Fingerprint::parse(&text(value)?, "fingerprint").map_err(|error| {
        let hint = "give an exact text, or @FILE with what `mintage fingerprint` printed";
        Failure::new(Code::Usage, format_args!("--fingerprint: {error}")).hint(hint).into()
    })
}
