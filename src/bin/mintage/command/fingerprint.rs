//! `mintage fingerprint`.

mod against;
mod explain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::{
    EnrolError, Enrolment, Fingerprint, Fp1, Profile, ReadOptions, Reading, ReadingState, Surroundings, Weak, enrol,
    short_id,
};
use mintage::json::Writer;
use mintage::operation::fingerprint::binding;

use crate::failure::Failure;
use crate::machine::{self, Source, text_of_file};
use crate::output::Output;
use crate::random;
use crate::render::{Terminal, shown};

/// Show this machine's fingerprint, or compare this machine with one
///
/// Prints an fp1 fingerprint, one line of JSON: salted digests of what identifies this machine, never the values
/// themselves. Send it to the issuer, who binds a license to it with `mint --fingerprint @FILE`.
///
/// --against tells whether a fingerprint or license belongs to this machine. It needs no key, and the license itself is
/// not verified. Exit status: 0 for a match, also one with drift, and for a license that is bound to no machine; 1 for a
/// mismatch; 3 when what could not be read decides.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Explain instead what was read, what of it counts and by which rule
    #[arg(long, conflicts_with_all = ["against", "fingerprint_value", "salt_from"])]
    explain: bool,
    /// Show what was read too; it identifies this machine, so only on a terminal
    #[arg(long, requires = "explain")]
    show_values: bool,
    /// Compare this machine with a fingerprint or license: a file, `-` for standard input, or the token itself
    #[arg(long, value_name = "DOC", conflicts_with_all = ["product", "profile", "allow_weak", "salt_from"])]
    against: Option<String>,
    /// Open a sealed license with the secret in FILE
    #[arg(long, value_name = "FILE", requires = "against")]
    unseal: Option<PathBuf>,
    /// The product that the fingerprint is for; those of two products cannot be linked
    #[arg(long)]
    product: Option<String>,
    /// A physical machine, which may be repaired, or a virtual one, whose copy must be told from it [default: host]
    #[arg(long, value_name = "KIND", value_parser = ["host", "vm"])]
    profile: Option<String>,
    /// Accept that a single component identifies this machine
    #[arg(long)]
    allow_weak: bool,
    /// Reuse the salt and product of another fp1 fingerprint, so that digests can be compared
    #[arg(long, value_name = "FILE")]
    salt_from: Option<PathBuf>,
    /// Print an exact fingerprint: a text, or @FILE; with --against this machine's, else that of `MINTAGE_FINGERPRINT` or
    /// of the file `MINTAGE_FINGERPRINT_FILE`
    #[arg(long, visible_alias = "fingerprint", value_name = "VALUE")]
    fingerprint_value: Option<String>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if let Some(document) = &arguments.against {
        return against::run(document, arguments, terminal);
    }
    if arguments.explain {
        return explain::run(arguments, terminal);
    }
    match &arguments.fingerprint_value {
        Some(value) => exact(value, arguments, terminal),
        None => components(arguments, terminal),
    }
}

/// Prints a text as the fingerprint that it is.
fn exact(value: &str, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let components = !arguments.source.component.is_empty() || arguments.source.privileged || arguments.allow_weak;
    if components || arguments.product.is_some() || arguments.profile.is_some() || arguments.salt_from.is_some() {
        let message = "an exact fingerprint has no components, product, profile or salt";
        return Err(Failure::new(Code::Usage, message).hint("leave out either --fingerprint-value or the rest").into());
    }
    let text = machine::exact(Some(value), terminal)?.unwrap_or_default();
    let fingerprint = Fingerprint::exact(&text, "fingerprint").map_err(|_| {
        let message = format!("--fingerprint-value is `{text}`, which cannot be compared byte for byte");
        Failure::new(Code::Usage, message).hint("give 1 to 1024 bytes without control characters or outer white space")
    })?;
    let host = arguments.source.linux().and_then(|linux| linux.host_name());
    if host.is_some_and(|host| is_host_name(&text, &host)) {
        terminal.warning("this is the host name, which can be changed and which other machines may have too");
    }
    print(&fingerprint, arguments, terminal)
}

/// Whether a text is the name of the host, with or without its domain.
fn is_host_name(text: &str, host: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    text.to_lowercase() == host.to_lowercase()
        || text.to_lowercase() == label(host)
        || label(text) == host.to_lowercase()
}

/// Enrols this machine by its components.
fn components(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let enrolment = arguments.enrolment()?;
    let readings = arguments.read(&enrolment)?;
    let fp1 = enrol(&readings, &enrolment).map_err(explained)?;
    tell(&fp1, &readings, terminal);
    warn(&fp1, arguments, terminal);
    print(&Fingerprint::Fp1(fp1), arguments, terminal)
}

fn print(fingerprint: &Fingerprint, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let mut out = Writer::default();
    fingerprint.write(&mut out);
    arguments.output.write(&format!("{}\n", out.finish()), terminal)?;
    Ok(ExitCode::SUCCESS)
}

/// Tells people what the digests do not: which machine this is, and what counts.
fn tell(fp1: &Fp1, readings: &[Reading], terminal: &Terminal) {
    let machine = short_id(readings).unwrap_or_else(|| "this machine".to_owned());
    let counted: Vec<_> =
        fp1.components.iter().map(|component| format!("{} {}", component.name, component.weight)).collect();
    let (threshold, total, counted) = (fp1.threshold, fp1.total, counted.join(", "));
    terminal.note(&format!("{machine}: {threshold} of {total} points needed; {counted}"));
    let left_out: Vec<_> = readings
        .iter()
        .filter(|reading| !matches!(reading.state, ReadingState::Absent | ReadingState::Ok(_)))
        .map(|reading| format!("{} ({})", reading.name, reading.state.as_str()))
        .collect();
    if !left_out.is_empty() {
        terminal.note(&format!("left out: {}; --explain tells why", left_out.join(", ")));
    }
}

/// Warns of a fingerprint that will hold less than its reader thinks. What the machine runs in is a guess, so it changes
/// nothing by itself.
fn warn(fp1: &Fp1, arguments: &Arguments, terminal: &Terminal) {
    if let [only] = &*fp1.components {
        terminal.warning(&format!("{} alone identifies this machine; whoever copies it passes for it", only.name));
    }
    if let Some(path) = &arguments.salt_from {
        let path = path.display();
        terminal.warning(&format!(
            "the salt is that of `{path}`, so whoever has both can tell whether they are one machine"
        ));
    }
    match arguments.source.linux().and_then(|linux| linux.surroundings()) {
        Some(Surroundings::Container(file)) => terminal.warning(&format!(
            "this seems to be a container ({file}), and what was read may go with it; bind it by --fingerprint-value"
        )),
        Some(Surroundings::VirtualMachine(name)) if fp1.profile == Profile::Host => terminal.warning(&format!(
            "this seems to be a virtual machine ({name}), whose copies a host's rule lets pass; say --profile vm"
        )),
        _ => {}
    }
}

/// Points a machine that cannot be enrolled at the flag that helps.
fn explained(error: EnrolError) -> anyhow::Error {
    let hint = match &error {
        EnrolError::Nothing(_) => "supply a component with --component, or bind by --fingerprint-value",
        EnrolError::VmWithoutIdentity(_) => "give it a network interface, or bind by --fingerprint-value",
        EnrolError::Weak(..) => "supply another with --component, read more with --privileged, or say --allow-weak",
        _ => return error.into(),
    };
    Failure::new(error.code(), &error).hint(hint).into()
}

impl Arguments {
    fn enrolment(&self) -> anyhow::Result<Enrolment> {
        let like = self.salt_from.as_deref().map(fp1).transpose()?;
        let product = match (&self.product, &like) {
            (Some(product), Some(like)) if *product != like.product => {
                let message =
                    format!("--salt-from is for the product `{}`, and --product says `{product}`", like.product);
                let hint = "leave out --product; digests of two products cannot be compared";
                return Err(Failure::new(Code::Usage, message).hint(hint).into());
            }
            (Some(product), _) => product.clone(),
            (None, Some(like)) => like.product.clone(),
            (None, None) => String::new(),
        };
        let profile = self.profile.as_deref().and_then(Profile::parse);
        Ok(Enrolment {
            product,
            profile: profile.or(like.as_ref().map(|like| like.profile)).unwrap_or_default(),
            salt: match like {
                Some(like) => like.salt,
                None => random::bytes()?,
            },
            weak: if self.allow_weak { Weak::Allow } else { Weak::Refuse },
        })
    }

    fn read(&self, enrolment: &Enrolment) -> anyhow::Result<Vec<Reading>> {
        self.source.read(ReadOptions { profile: enrolment.profile, ..ReadOptions::default() })
    }
}

/// Reads the fp1 fingerprint that another is to be comparable with.
fn fp1(path: &Path) -> anyhow::Result<Fp1> {
    let refused =
        |code, message: String| Failure::new(code, format_args!("--salt-from `{}`: {message}", path.display()));
    let bound = binding(&text_of_file(path)?, None).map_err(|refusal| refused(refusal.code, refusal.message))?;
    match bound.fingerprint {
        Some(Fingerprint::Fp1(fp1)) => Ok(fp1),
        _ => Err(refused(Code::WrongKind, "it holds no fp1 fingerprint, and so no salt".to_owned()).into()),
    }
}

/// Lays rows out in columns, the last one ragged.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{:width$}", shown(cell))).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
