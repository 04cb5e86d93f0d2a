//! `--against`: whether a fingerprint or license belongs to this machine.

use std::path::Path;
use std::process::ExitCode;

use mintage::code::Code;
use mintage::fingerprint::{Comparison, ComponentOutcome, Fingerprint, Machine, Outcome, is_suppliable};
use mintage::operation::fingerprint::{Diagnosis, binding};

use super::{Arguments, columns};
use crate::command::mint::secret;
use crate::failure::Failure;
use crate::machine::bytes_of_file;
use crate::render::{Terminal, shown};

pub(super) fn run(document: &str, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let secret = arguments.unseal.as_deref().map(secret).transpose()?;
    let binding =
        binding(&text(document)?, secret.as_ref()).map_err(|refusal| Failure::new(refusal.code, refusal.message))?;
    let machine = match &binding.fingerprint {
        Some(bound) => {
            arguments.enrol.source.machine(&[bound], arguments.enrol.fingerprint_value.as_deref(), terminal)?
        }
        None => Machine::default(),
    };
    answer(&Diagnosis::new(binding, &machine), arguments, terminal)
}

/// Takes a token as it is, and anything else as the name of a file.
fn text(document: &str) -> anyhow::Result<Vec<u8>> {
    let path = Path::new(document);
    // A token begins like no file name that anyone would choose: `{"` in base64.
    if document.starts_with("eyJ") && document.contains('.') && !path.exists() {
        return Ok(document.as_bytes().to_owned());
    }
    Ok(bytes_of_file(path)?)
}

/// Answers on standard output, gives reasons on standard error, and says yes or no by the exit status.
fn answer(diagnosis: &Diagnosis, arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    for repair in &diagnosis.binding.repairs {
        terminal.note(&format!("mended: {repair}"));
    }
    if let Some(id) = &diagnosis.binding.license_id {
        terminal.note(&format!("license {id} itself was not verified; `mintage verify` does that"));
    }
    let text = if terminal.json { diagnosis.to_json() } else { people(diagnosis, terminal) };
    arguments.output.write(&format!("{text}\n"), terminal)?;
    if let Some(comparison) = &diagnosis.comparison {
        advise(comparison, terminal);
    }
    match diagnosis.refusal() {
        None => Ok(ExitCode::SUCCESS),
        Some(refusal) => {
            terminal.error(Some(refusal.code), &refusal.message, &[&hint(diagnosis, refusal.code)]);
            Ok(ExitCode::from(refusal.code.exit().status()))
        }
    }
}

fn people(diagnosis: &Diagnosis, terminal: &Terminal) -> String {
    let good = diagnosis.refusal().is_none();
    let word = terminal.word(&diagnosis.outcome().replace('-', " ").to_uppercase(), good);
    match (&diagnosis.comparison, &diagnosis.binding.fingerprint) {
        (None, _) => format!("{word} the license is bound to no machine"),
        (Some(comparison), Some(Fingerprint::Exact(_))) => format!("{word} {}", shown(&comparison.detail)),
        (Some(comparison), _) => {
            let Comparison { score, total, threshold, .. } = comparison;
            let mut rows = vec![["component", "outcome", "weight", "note"].map(str::to_owned)];
            rows.extend(comparison.components.iter().map(|component| {
                let outcome = component.outcome.as_str().replace('-', " ");
                [component.name.clone(), outcome, component.weight.to_string(), component.note.clone()]
            }));
            format!("{word} {score} of {total} (needs {threshold})\n{}", columns(&rows))
        }
    }
}

/// Says how close a match is to failing.
fn advise(comparison: &Comparison, terminal: &Terminal) {
    if comparison.fragile.is_empty() {
        return;
    }
    let names = comparison.fragile.join(" or ");
    match comparison.outcome {
        Outcome::Drift => {
            terminal.warning(&format!("one more change ({names}) would break this binding; ask for a new one now"));
        }
        _ => terminal.note(&format!("a change of {names} alone would break this binding")),
    }
}

/// Gives the hint that fits: what a person supplied once must be supplied again.
fn hint(diagnosis: &Diagnosis, code: Code) -> String {
    let components = diagnosis.comparison.iter().flat_map(|comparison| &comparison.components);
    let missing: Vec<_> = components
        .filter(|component| component.outcome == ComponentOutcome::NotRead && is_suppliable(&component.name))
        .map(|component| format!("--component {}=@FILE", component.name))
        .collect();
    if missing.is_empty() { code.hint().to_owned() } else { format!("supply {}", missing.join(" ")) }
}
