//! What people see: standard output carries data, standard error carries notes, and neither ever carries a character
//! that steers the terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Style};
use mintage::code::Code;
use mintage::json::{Writer, steers};

use crate::args::{Color, Global};
use crate::files::FileError;

/// The two streams and how the reader wants them.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// Whether standard output carries JSON.
    pub(crate) json: bool,
    quiet: bool,
    color_out: bool,
    color_err: bool,
}

impl Terminal {
    pub(crate) fn new(global: &Global) -> Self {
        let wanted = |is_terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                is_terminal && !refused && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
            }
        };
        Self {
            json: global.json,
            quiet: global.quiet,
            color_out: wanted(io::stdout().is_terminal()),
            color_err: wanted(io::stderr().is_terminal()),
        }
    }

    /// Whether someone looks on while work goes on.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Prints one line of data.
    pub(crate) fn line(&self, line: &str) -> Result<(), FileError> {
        self.data(format!("{}\n", shown(line)).as_bytes())
    }

    /// Prints data as it is; the caller vouches for it.
    #[expect(clippy::unused_self, reason = "standard output belongs to the terminal like standard error")]
    pub(crate) fn data(&self, data: &[u8]) -> Result<(), FileError> {
        let mut out = io::stdout().lock();
        out.write_all(data).and_then(|()| out.flush()).map_err(FileError::stdout)
    }

    /// Prints one JSON value where programs read, and nothing where people do.
    pub(crate) fn value(&self, value: impl FnOnce() -> String) -> Result<(), FileError> {
        if self.json { self.data(format!("{}\n", value()).as_bytes()) } else { Ok(()) }
    }

    /// Prints `name  value` lines with the values in one column.
    pub(crate) fn table(&self, rows: &[(&str, &str)]) -> Result<(), FileError> {
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
        lines.iter().try_for_each(|line| self.line(line.trim_end()))
    }

    /// Prints rows with their cells in columns.
    pub(crate) fn columns(&self, rows: &[Vec<String>]) -> Result<(), FileError> {
        let shown: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
        let mut widths = Vec::new();
        for row in &shown {
            widths.resize(widths.len().max(row.len()), 0);
            row.iter().zip(&mut widths).for_each(|(cell, width)| *width = cell.chars().count().max(*width));
        }
        for row in &shown {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            self.line(cells.join("  ").trim_end())?;
        }
        Ok(())
    }

    /// Tells people something that is not data.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            tell("", text);
        }
    }

    /// Whether standard error is to be coloured.
    pub(crate) fn colors_notes(&self) -> bool {
        self.color_err
    }

    /// Shows people a picture that they asked for; the caller vouches for it.
    #[expect(clippy::unused_self, reason = "standard error belongs to the terminal like standard output")]
    pub(crate) fn picture(&self, picture: &str) {
        // A closed standard error leaves nobody to show it to.
        let _ = io::stderr().lock().write_all(picture.as_bytes());
    }

    /// Tells people something that is told nowhere else.
    #[expect(clippy::unused_self, reason = "standard error belongs to the terminal like standard output")]
    pub(crate) fn say(&self, text: &str) -> Result<(), FileError> {
        writeln!(io::stderr().lock(), "mintage: {}", shown(text)).map_err(FileError::stderr)
    }

    /// Warns.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            tell(&format!("{}: ", paint("warning", AnsiColor::Yellow, self.color_err)), text);
        }
    }

    /// Warns of the first of many things, each code with its hint once, and counts the rest.
    pub(crate) fn warnings(&self, all: &[(Option<Code>, &str)]) {
        const SHOWN: usize = 20;
        if self.quiet {
            return;
        }
        for (code, text) in all.iter().take(SHOWN) {
            let level = coded("warning", *code);
            tell(&format!("{}: ", paint(&level, AnsiColor::Yellow, self.color_err)), text);
        }
        if all.len() > SHOWN {
            self.note(&format!("and {} more", all.len() - SHOWN));
        }
        let mut codes: Vec<Code> = all.iter().filter_map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.iter().for_each(|code| self.note(&format!("hint: {}", code.hint())));
    }

    /// Says what went wrong, and what the reader can do about it.
    pub(crate) fn error(&self, code: Option<Code>, text: &str, hints: &[&str]) {
        let level = coded("error", code);
        tell(&format!("{}: ", paint(&level, AnsiColor::Red, self.color_err)), text);
        for hint in hints {
            tell(&format!("{}: ", paint("hint", AnsiColor::Cyan, self.color_err)), hint);
        }
    }

    /// Colors a word of standard output.
    pub(crate) fn word(&self, word: &str, good: bool) -> String {
        paint(word, if good { AnsiColor::Green } else { AnsiColor::Red }, self.color_out)
    }
}

/// Spells one JSON value.
pub(crate) fn spelled(write: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer::default();
    write(&mut out);
    out.finish()
}

/// A level with its code, where there is one: `error[expired]`.
fn coded(level: &str, code: Option<Code>) -> String {
    code.map_or_else(|| level.to_owned(), |code| format!("{level}[{code}]"))
}

fn tell(level: &str, text: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "mintage: {level}{}", brief(text));
}

/// Spells a text for people, who read no thousands of characters of a path: its beginning and its end. Programs are given all.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 2_048;
    const END: usize = 128;
    let count = text.chars().count();
    if count <= LONGEST {
        return shown(text);
    }
    let begin: String = text.chars().take(LONGEST - END).collect();
    let end: String = text.chars().skip(count - END).collect();
    format!("{}… ({} characters) …{}", shown(&begin), count - LONGEST, shown(&end))
}

/// Spells a text so that it cannot steer a terminal: controls, bidi and invisible characters become `\u{…}`.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if steers(char) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "{}", char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

fn paint(word: &str, color: AnsiColor, wanted: bool) -> String {
    let style = if wanted { Style::new().bold().fg_color(Some(color.into())) } else { Style::new() };
    format!("{style}{word}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_in_its_middle() {
        let whole = format!("`{}` is long", "ä".repeat(2_038));
        assert_eq!(brief(&whole), whole);
        let brief = brief(&format!("`{}` is longer than 4096 bytes", "a/".repeat(2_500)));
        assert!(brief.starts_with("`a/a/") && brief.ends_with("/` is longer than 4096 bytes"), "{brief}");
        assert!(brief.contains("… (2980 characters) …") && brief.chars().count() < 2_080, "{brief}");
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_shown() {
        let hostile =
            "a\u{1b}]52;c;eA==\u{7}b\u{9b}2Jc\u{202e}d\u{200b}e\nf\rg\u{e0041}\u{3164}\u{115f}\u{1160}\u{ffa0}";
        let shown = shown(hostile);
        assert!(!shown.chars().any(steers), "{shown}");
        assert!(shown.starts_with("a\\u{1b}]52;c;eA==\\u{7}b\\u{9b}2Jc\\u{202e}d"));
    }
}
