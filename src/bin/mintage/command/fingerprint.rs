//! `mintage fingerprint`.

mod against;
mod explain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mintage::code::Code;
use mintage::fingerprint::{Fingerprint, Fp1};
use mintage::json::Writer;
use mintage::operation::fingerprint::binding;

use crate::enrol::{Enrol, Like};
use crate::failure::Failure;
use crate::machine::bytes_of_file;
use crate::output::Output;
use crate::render::{Terminal, shown};
use crate::request;

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
    /// Compare this machine with a fingerprint, license or proof: a file, `-` for standard input, or the token itself
    #[arg(long, value_name = "DOC", conflicts_with_all = ["product", "profile", "allow_weak", "salt_from"])]
    against: Option<String>,
    /// Open a sealed license with the secret in FILE
    #[arg(long, value_name = "FILE", requires = "against")]
    unseal: Option<PathBuf>,
    /// Reuse the salt and product of another fp1 fingerprint, so that digests can be compared
    #[arg(long, value_name = "FILE")]
    salt_from: Option<PathBuf>,
    #[command(flatten)]
    enrol: Enrol,
    /// Write an activation request instead: what the issuer needs to activate --license on this machine
    #[arg(long, requires = "license", conflicts_with_all = ["against", "explain", "salt_from"])]
    request: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    activation: request::Activation,
}

pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if let Some(document) = &arguments.against {
        return against::run(document, arguments, terminal);
    }
    if arguments.explain {
        return explain::run(arguments, terminal);
    }
    if arguments.request {
        return request::run(&arguments.activation, &arguments.enrol, &arguments.output, terminal);
    }
    if arguments.enrol.product.is_some() && arguments.enrol.fingerprint_value.is_some() {
        let message = "an exact fingerprint has no components, product, profile or salt";
        let hint = "leave out either --fingerprint-value or the rest";
        return Err(Failure::new(Code::Usage, message).hint(hint).into());
    }
    let like = arguments.salt_from.as_deref().map(|path| Ok::<_, anyhow::Error>(Like::Named(fp1(path)?, path)));
    print(&arguments.enrol.fingerprint(like.transpose()?.as_ref(), terminal)?, arguments, terminal)
}

fn print(fingerprint: &Fingerprint, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let mut out = Writer::default();
    fingerprint.write(&mut out);
    let json = out.finish();
    arguments.output.hand_out(format!("{json}\n"), || json, terminal)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the fp1 fingerprint that another is to be comparable with.
fn fp1(path: &Path) -> anyhow::Result<Fp1> {
    let refused =
        |code, message: String| Failure::new(code, format_args!("--salt-from `{}`: {message}", path.display()));
    let bound = binding(&bytes_of_file(path)?, None).map_err(|refusal| refused(refusal.code, refusal.message))?;
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
