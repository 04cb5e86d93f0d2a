//! Armor: how a token travels through mail, and what is mended or named when it arrives damaged.
//!
//! [`wrap`] writes lines that each carry a check, so that a changed, lost or moved line can be named. [`repair`] takes
//! a token as people paste it, armored or bare, and gives back the sender's text or every fault it found. Nothing is
//! guessed: what is mended is what base64 cannot contain or what its length determines. A signature is for
//! [`token`](crate::token) to check; a repaired text is only a text.

mod align;

mod fault;
mod frame;
mod html;
mod lines;
mod parts;
mod printable;
mod prose;
mod repairs;
#[cfg(test)]
mod round_trip;
mod scan;
#[cfg(test)]
mod tests;

pub use fault::{Damage, Fault, FaultKind};
pub use repairs::Repair;

use frame::Frame;
use parts::{Form, Grammar};
use printable::Reading;
use repairs::Tally;
use scan::Glyph;

/// How many characters of the text stand in one line of armor.
const WIDTH: usize = 60;

/// A text as its sender wrote it, and what had to be mended to get it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The text, in one line without a line end.
    pub text: String,
    /// What was mended, in the order of the work; empty for an undamaged text.
    pub repairs: Vec<Repair>,
}

/// Armors one line of base64, with or without dots.
///
/// `label` is one word such as `LICENSE`: ASCII letters and digits, written in upper case; others are left out, because
/// a wrapped BEGIN line cannot be told from one with blanks in its label.
pub fn wrap(label: &str, text: &str) -> String {
    let label: String = label.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let mut armor = String::with_capacity(text.len() * 66 / WIDTH + 160);
    armor.push_str(&frame::marker("BEGIN", &label));
    armor.push('\n');
    let mut rest = text;
    for number in 1.. {
        let Some((end, last)) = rest.char_indices().take(WIDTH).last() else { break };
        let (line, tail) = rest.split_at(end + last.len_utf8());
        armor.extend([line, " ", &lines::check(number, line), "\n"]);
        rest = tail;
    }
    armor.push_str(&frame::marker("END", &label));
    armor.push('\n');
    armor
}

/// Mends one token, `BASE64.BASE64`, armored or bare; an undamaged one, with or without a final LF, comes back as it is.
///
/// # Errors
/// [`Damage`] with every fault, each with its line, when the sender's text cannot be told for certain.
pub fn repair(text: &str) -> Result<Repaired, Damage> {
    best(text, Grammar::Token).map(|(_, repaired)| repaired)
}

/// Mends any armored line of base64 and returns its label too; this is [`repair`] without the form of a token.
///
/// Whether the text is whole is for its reader to tell: armor whose last lines are lost still has a last line.
///
/// # Errors
/// [`Damage`] with every fault, also when there is no armor in the text.
pub fn unwrap_armor(text: &str) -> Result<(String, Repaired), Damage> {
    best(text, Grammar::Armor)
}

/// Whether the text holds the BEGIN or END line of armor, however quoted, wrapped or mangled.
pub fn looks_armored(text: &str) -> bool {
    if has_no_dash(text) {
        return false;
    }
    let mut tally = Tally::default();
    let glyphs = scan::read(text, &mut tally);
    [Reading::Literal, Reading::SoftBreaks]
        .into_iter()
        .any(|reading| frame::is_in(&printable::decode(&glyphs, reading, &mut tally)))
}

/// Whether no reading of a text can find a dash in it, and so no BEGIN or END line: none stands there, and neither does what
/// JSON or quoted-printable write one as. So it is with almost every token, which is then not read twice.
fn has_no_dash(text: &str) -> bool {
    text.is_ascii() && !text.contains(['-', '\\']) && !text.contains("=2")
}

/// What one reading of the text gave.
struct Attempt {
    label: String,
    text: String,
    tally: Tally,
}

/// Tries the readings that an `=` allows. A reading that needs fewer inventions is the truer one: first those whose
/// line checks hold, then those that lack the least padding, then the more literal.
fn best(text: &str, grammar: Grammar) -> Result<(String, Repaired), Damage> {
    let mut tally = Tally::default();
    let pasted = scan::read(text, &mut tally);
    let mut best: Option<Result<Attempt, Vec<Fault>>> = None;
    let rank = |result: &Result<Attempt, Vec<Fault>>| match result {
        Ok(attempt) => (0, usize::from(attempt.tally.checks_missing), attempt.tally.padding),
        Err(faults) => (1, fault::unexplained(faults), faults.len()),
    };
    for reading in Reading::ALL {
        let mut tally = tally;
        let glyphs = printable::decode(&pasted, reading, &mut tally);
        if best.is_some() && !tally.quoted_printable {
            break;
        }
        let result = attempt(&glyphs, grammar, tally);
        // Another reading might see one of them only, and that would be a choice.
        if let Err(faults) = &result
            && faults.iter().any(|fault| fault.kind == FaultKind::SecondToken)
        {
            return Err(Damage::new(faults.clone()));
        }
        if best.as_ref().is_none_or(|best| rank(&result) < rank(best)) {
            best = Some(result);
        }
        if best.as_ref().is_some_and(|best| rank(best) == (0, 0, 0)) {
            break;
        }
    }
    match best {
        Some(Ok(attempt)) => {
            Ok((attempt.label, Repaired { text: attempt.text, repairs: attempt.tally.into_repairs() }))
        }
        Some(Err(faults)) => Err(Damage::new(faults)),
        None => Err(Damage::new(Vec::new())),
    }
}

/// Reads a text without armor: a token, or a letter with one in it.
fn bare(glyphs: &[Glyph], grammar: Grammar, tally: Tally) -> Result<Attempt, Vec<Fault>> {
    let read = |glyphs: &[Glyph], mut tally: Tally| {
        let content = parts::bare(glyphs, &mut tally);
        let settled = parts::settle(&content, Form::Bare, grammar).map(|(text, lost)| {
            tally.padding = lost;
            Attempt { label: String::new(), text, tally }
        });
        (prose::begins_a_token(&content), settled)
    };
    let (is_token, whole) = read(glyphs, tally);
    if is_token && whole.is_ok() {
        return whole;
    }
    match &*prose::tokens(glyphs) {
        [] => whole,
        [token] => read(token, Tally { prose: true, ..tally }).1,
        [_, second, ..] => {
            let line = second.first().map_or(1, |glyph| glyph.line());
            Err(vec![Fault { line, armor_line: None, kind: FaultKind::SecondToken }])
        }
    }
}

fn attempt(glyphs: &[Glyph], grammar: Grammar, mut tally: Tally) -> Result<Attempt, Vec<Fault>> {
    let Some(frame) = Frame::find(glyphs, grammar, &mut tally) else {
        return bare(glyphs, grammar, tally);
    };
    let mut faults = frame.faults;
    match lines::read(frame.body, &mut tally) {
        Ok(content) if faults.is_empty() => {
            let (text, lost) = parts::settle(&content, Form::Armor, grammar)?;
            tally.padding = lost;
            return Ok(Attempt { label: frame.label, text, tally });
        }
        Ok(_) => {}
        Err(more) => faults.extend(more),
    }
    Err(faults)
}
