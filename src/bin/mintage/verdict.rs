//! How a verdict is answered, whatever was judged: data on standard output, reasons on standard error, and yes or no by
//! the exit status.

use std::process::ExitCode;

use mintage::armor::Repair;
use mintage::code::{Code, Exit};
use mintage::operation::manifest::TreeVerdict;
use mintage::operation::signed::SignedVerdict;
use mintage::time::Timestamp;
use mintage::verdict::{Check, Outcome, Refusal, State, Verdict};

use crate::command::verify_manifest;
use crate::output::Output;
use crate::render::{Terminal, brief, shown};

/// What people are shown of a verdict, and its JSON for programs.
pub(crate) struct Answer<'a> {
    checks: &'a [Check],
    /// What stands between the checks and the answer.
    details: Vec<String>,
    state: Option<State>,
    as_of: Timestamp,
    refusals: &'a [Refusal],
    exit: Option<Exit>,
    warnings: Vec<(Option<Code>, &'a str)>,
    repairs: &'a [Repair],
    json: Box<dyn Fn() -> String + 'a>,
}

impl<'a> Answer<'a> {
    /// Answers for a license, or for a proof together with the license inside it.
    pub(crate) fn of(verdict: &'a Verdict, repairs: &'a [Repair]) -> Self {
        let limits = verdict.effective_limits.iter().map(|limit| {
            let (key, source) = (shown(&limit.key), limit.source.as_str());
            format!("      {:11}  {key} = {} ({source})", "limit", limit.value)
        });
        let grace = (verdict.state == State::Grace).then_some((None, "the license is in its grace period; renew it"));
        Self {
            checks: &verdict.checks,
            details: limits.collect(),
            state: Some(verdict.state),
            as_of: verdict.as_of,
            refusals: &verdict.refusals,
            exit: verdict.exit(),
            warnings: grace.into_iter().collect(),
            repairs,
            json: Box::new(|| verdict.to_json(repairs)),
        }
    }

    /// Answers for any other document that is judged alone.
    pub(crate) fn of_document(verdict: &'a SignedVerdict) -> Self {
        Self {
            checks: &verdict.findings.checks,
            details: Vec::new(),
            state: None,
            as_of: verdict.as_of,
            refusals: &verdict.findings.refusals,
            exit: verdict.findings.exit(),
            warnings: Vec::new(),
            repairs: &[],
            json: Box::new(|| verdict.to_json()),
        }
    }

    /// Answers for a manifest held against a folder.
    pub(crate) fn of_tree(verdict: &'a TreeVerdict) -> Self {
        Self {
            checks: &verdict.findings.checks,
            details: verdict.comparison.as_ref().map(verify_manifest::differences).unwrap_or_default(),
            state: None,
            as_of: verdict.as_of,
            refusals: &verdict.findings.refusals,
            exit: verdict.findings.exit(),
            warnings: verdict.warnings.iter().map(|warning| (Some(warning.code), warning.message.as_str())).collect(),
            repairs: &[],
            json: Box::new(|| verdict.to_json()),
        }
    }

    /// Gives the answer.
    pub(crate) fn give(&self, output: &Output, terminal: &Terminal) -> anyhow::Result<ExitCode> {
        for repair in self.repairs {
            terminal.note(&format!("mended: {repair}"));
        }
        let text = if terminal.json { (self.json)() } else { self.lines(terminal).join("\n") };
        output.write(&(text + "\n"), terminal)?;
        terminal.warnings(&self.warnings);
        for refusal in self.refusals {
            terminal.error(Some(refusal.code), &refusal.message, &[refusal.hint()]);
        }
        Ok(self.exit.map_or(ExitCode::SUCCESS, |exit| ExitCode::from(exit.status())))
    }

    fn lines(&self, terminal: &Terminal) -> Vec<String> {
        let check = |check: &Check| {
            let outcome = terminal.word(&format!("{:4}", check.outcome.as_str()), check.outcome != Outcome::Fail);
            format!("{outcome}  {:11}  {}", check.name, brief(&check.detail))
        };
        let is_valid = self.refusals.is_empty();
        let word = terminal.word(if is_valid { "valid" } else { "refused" }, is_valid);
        let state = self.state.map(|state| format!(", {}", state.as_str())).unwrap_or_default();
        let answer = format!("{word}{state}, as of {}", self.as_of);
        self.checks.iter().map(check).chain(self.details.iter().cloned()).chain([answer]).collect()
    }
}
