//! `--explain`: what was read of this machine, what of it counts and by which rule.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use mintage::code::Code;
use mintage::fingerprint::{EnrolError, Reading, ReadingState, Surroundings, short_id};
use mintage::operation::fingerprint::Explanation;

use super::{Arguments, columns};
use crate::failure::Failure;
use crate::render::Terminal;

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    if arguments.show_values && (terminal.json || arguments.output.output.is_some() || !io::stdout().is_terminal()) {
        let message = "--show-values shows what identifies this machine, and does so on a terminal only";
        return Err(Failure::new(Code::Usage, message).hint("leave out --json, -o and the pipe, or it").into());
    }
    let enrolment = arguments.enrol.enrolment(None)?;
    let readings = arguments.enrol.read(&enrolment, None)?;
    let surroundings = arguments.enrol.source.linux().and_then(|linux| linux.surroundings());
    let explanation = Explanation::new(readings, surroundings, enrolment);
    let text = if terminal.json { explanation.to_json() } else { people(&explanation, arguments.show_values) };
    arguments.output.write(&format!("{text}\n"), terminal)?;
    Ok(ExitCode::SUCCESS)
}

fn people(explanation: &Explanation, show_values: bool) -> String {
    let mut rows = vec![["component", "state", "weight", "note"].map(str::to_owned)];
    rows.extend(explanation.readings.iter().map(|reading| row(reading, show_values)));
    let mut facts = Vec::new();
    if let Some(surroundings) = &explanation.surroundings {
        facts.push(["environment".to_owned(), guess(surroundings)]);
    }
    facts.push(["rule".to_owned(), rule(explanation)]);
    if let Some(id) = short_id(&explanation.readings) {
        facts.push(["short id".to_owned(), id]);
    }
    format!("{}\n\n{}", columns(&rows), columns(&facts))
}

fn row(reading: &Reading, show_values: bool) -> [String; 4] {
    let values: &[String] = if let ReadingState::Ok(values) = &reading.state { values } else { &[] };
    let state = match values.len() {
        0 | 1 => reading.state.as_str().to_owned(),
        count => format!("{} ({count})", reading.state.as_str()),
    };
    let weight = match reading.weight() {
        0 => "-".to_owned(),
        weight => weight.to_string(),
    };
    let mut note = Vec::new();
    if show_values && !values.is_empty() {
        note.push(values.join(", "));
    }
    if !reading.note.is_empty() {
        note.push(reading.note.clone());
    }
    [reading.name.clone(), state, weight, note.join("; ")]
}

/// Says what the machine seems to run in, and that nothing follows from it by itself.
fn guess(surroundings: &Surroundings) -> String {
    let evidence = surroundings.evidence();
    match surroundings {
        Surroundings::Container(_) => format!("container? ({evidence}); the profile is not changed by it"),
        _ => format!("virtual machine? ({evidence}); the profile is not changed by it"),
    }
}

fn rule(explanation: &Explanation) -> String {
    let answer = match &explanation.enrolled {
        Ok(fp1) if fp1.veto.is_empty() => format!("{} of {} points must match", fp1.threshold, fp1.total),
        Ok(fp1) => {
            let veto = fp1.veto.join(", ");
            format!("{} of {} points must match, and {veto} in any case", fp1.threshold, fp1.total)
        }
        // The table above shows what was found.
        Err(EnrolError::Nothing(_)) => "none, for nothing identifies this machine".to_owned(),
        Err(EnrolError::VmWithoutIdentity(_)) => "none, for nothing tells this machine from its copies".to_owned(),
        Err(EnrolError::Weak(name, _)) => {
            format!("none without --allow-weak, for {name} alone identifies this machine")
        }
        Err(error) => format!("none, for {error}"),
    };
    format!("{}: {answer}", explanation.profile.as_str())
}
