//! `mintage verify --batch`.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;

use mintage::code::{Code, Exit};
use mintage::operation::lines::{Summary, verify_lines};
use mintage::operation::verify::Against;

use crate::failure::Failure;
use crate::files::{self, FileError, Mode, Unfinished};
use crate::output::Output;
use crate::render::Terminal;

pub(crate) fn run(path: &Path, against: Against<'_>, output: &Output, terminal: &Terminal) -> anyhow::Result<ExitCode> {
    let reading = |error| FileError::reading(path, error);
    let threads = available_parallelism().map_or(1, usize::from);
    // A stream that fails while it is read must not be taken for one that ended.
    let mut input = Watched { inner: files::open(path)?, failed: false };
    let summary = match output.file() {
        None => {
            let written = verify_lines(&mut input, io::stdout().lock(), against, threads);
            written.map_err(|error| if input.failed { reading(error) } else { FileError::stdout(error) })?
        }
        Some(target) => {
            let mut file = Unfinished::create(target, Mode::Public, output.overwrite())?;
            let written = verify_lines(&mut input, BufWriter::new(&mut file), against, threads);
            let summary = written
                .map_err(|error| if input.failed { reading(error) } else { FileError::writing(target, error) })?;
            if summary.judged() > 0 {
                file.finish()?;
            }
            summary
        }
    };
    if summary.judged() == 0 {
        // All of nothing is valid, and a list that was lost on its way must not be taken for one that was good.
        let name = files::named(path);
        let message = format!("{name} holds no line to judge");
        let hint = "give a token, or {\"token\":TEXT}, on every line";
        return Err(Failure::new(Code::NoLicense, message).hint(hint).unable().into());
    }
    report(&summary, terminal);
    Ok(if summary.refused == 0 { ExitCode::SUCCESS } else { ExitCode::from(Exit::No.status()) })
}

fn report(summary: &Summary, terminal: &Terminal) {
    let reasons: Vec<String> = summary.by_code.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let mended = if summary.mended == 0 { String::new() } else { format!(", {} mended first", summary.mended) };
    let (judged, valid, refused) = (summary.judged(), summary.valid, summary.refused);
    terminal.note(&format!("{judged} lines judged: {valid} valid, {refused} refused{reasons}{mended}"));
}

/// Remembers which side of a copy has failed.
struct Watched<R> {
    inner: R,
    failed: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| self.failed |= error.kind() != io::ErrorKind::Interrupted)
    }
}

impl Write for Unfinished {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.append(data).map_err(io::Error::other)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
