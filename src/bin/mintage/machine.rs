//! What a command is told about this machine, and what it reads itself.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::{Fingerprint, Linux, Machine as Reading, Privilege, ReadOptions, Reader, this_machine};
use mintage::json;
use mintage::policy::MachineContext;

use crate::failure::Failure;
use crate::files;

/// The largest file that names a fingerprint or a component, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Where a machine's components are read.
#[derive(Args, Debug)]
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
#[derive(Args, Debug)]
pub(crate) struct Machine {
    /// This machine's fingerprint, compared exactly: a text, or @FILE [env: MINTAGE_FINGERPRINT, MINTAGE_FINGERPRINT_FILE]
    #[arg(long, visible_alias = "fingerprint-value", value_name = "VALUE", conflicts_with = "any_machine")]
    fingerprint: Option<String>,
    /// Do not check which machine this is
    #[arg(long)]
    any_machine: bool,
    #[command(flatten)]
    source: Source,
}

impl Machine {
    /// Reads what a document bound to `fingerprint` is compared with.
    pub(crate) fn context(&self, fingerprint: Option<&Fingerprint>) -> anyhow::Result<MachineContext> {
        if self.any_machine {
            return Ok(MachineContext::Any);
        }
        Ok(match fingerprint {
            None => MachineContext::Unknown,
            Some(Fingerprint::Exact(_)) => match self.exact()? {
                Some(text) => MachineContext::This(Reading { exact: Some(text), ..Reading::default() }),
                None => MachineContext::Unknown,
            },
            Some(fingerprint) => {
                let readings = self.source.read(fingerprint.read_options())?;
                MachineContext::This(Reading { exact: self.exact()?, readings, ..Reading::default() })
            }
        })
    }

    /// Reads what any license could be compared with.
    pub(crate) fn whole_context(&self) -> anyhow::Result<MachineContext> {
        if self.any_machine {
            return Ok(MachineContext::Any);
        }
        let readings = self.source.read(ReadOptions::default())?;
        Ok(MachineContext::This(Reading { exact: self.exact()?, readings, ..Reading::default() }))
    }

    fn exact(&self) -> anyhow::Result<Option<String>> {
        if let Some(value) = &self.fingerprint {
            return text(value).map(Some);
        }
        if let Ok(value) = std::env::var("MINTAGE_FINGERPRINT") {
            return Ok(Some(value));
        }
        match std::env::var_os("MINTAGE_FINGERPRINT_FILE") {
            Some(path) => text_of_file(Path::new(&path)).map(Some),
            None => Ok(None),
        }
    }
}

impl Source {
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
            options.supplied.push((name.to_owned(), text(value)?));
        }
        Ok(match &self.sysroot {
            Some(root) => Linux { root: root.clone() }.read(&options),
            None => this_machine().read(&options),
        })
    }
}

/// Takes a text, or the text of a file named `@FILE`.
fn text(value: &str) -> anyhow::Result<String> {
    match value.strip_prefix('@') {
        Some(path) => text_of_file(Path::new(path)),
        None => Ok(value.to_owned()),
    }
}

fn text_of_file(path: &Path) -> anyhow::Result<String> {
    let data = files::read(path, MAX_BYTES)?;
    let text = String::from_utf8(data)
        .map_err(|_| Failure::new(Code::Malformed, format_args!("`{}` is not UTF-8", path.display())))?;
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line)).to_owned())
}

/// Reads the fingerprint that a license is to be bound to: an exact text, an `fp1` object, or @FILE with either.
pub(crate) fn binding(value: &str) -> anyhow::Result<Fingerprint> {
    let text = text(value)?;
    let bound = if text.trim_start().starts_with('{') {
        let value = json::parse(text.trim().as_bytes()).context("--fingerprint")?;
        Fingerprint::from_json(value, "fingerprint")
    } else {
        Fingerprint::exact(&text, "fingerprint")
    };
    bound.context("--fingerprint")
}
