//! The terminal at which a passphrase is typed: echo is off before the question appears, and on again after the last
//! answer, also when the answer is Ctrl-C or a signal ends the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::thread;

use nix::sys::signal::{Signal, raise};
use rpassword::ConfigBuilder;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::process::{HeldBack, endings};

const CTRL_C: u8 = 3;

/// The controlling terminal without echo; dropped, it is as it was before.
pub(super) struct Terminal {
    tty: File,
    before: Termios,
    /// Given up last, when the terminal is as it was.
    _held_back: HeldBack,
}

impl Terminal {
    /// Opens the terminal; what was typed ahead is dropped, for it was typed with echo.
    pub(super) fn open() -> io::Result<Self> {
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&tty)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        // From here on a drop undoes everything.
        let terminal = Self { tty, before, _held_back: HeldBack::new()? };
        terminal.watch(quiet.clone())?;
        tcsetattr(&terminal.tty, OptionalActions::Flush, &quiet)?;
        Ok(terminal)
    }

    /// Waits for a signal that ends the process, and lets it do so once the terminal is as it was. After the last answer
    /// such signals go to the threads that do not hold them back, and this one waits for nothing until the end.
    fn watch(&self, quiet: Termios) -> io::Result<()> {
        let (tty, before) = (self.tty.try_clone()?, self.before.clone());
        let wait = move || {
            let endings = endings();
            while let Ok(signal) = endings.wait() {
                restore(&tty, &before);
                // Sent to this thread alone, so that none waits for it any more.
                let _ = endings.thread_unblock();
                let _ = raise(signal);
                // It is one that this process was started to ignore, and the question is still open.
                let _ = endings.thread_block();
                restore(&tty, &quiet);
            }
        };
        thread::Builder::new().name("prompt".to_owned()).spawn(wait).map(drop)
    }

    /// Asks one question; returns the line that is typed.
    pub(super) fn ask(&mut self, question: &str) -> io::Result<String> {
        self.tty.write_all(question.as_bytes())?;
        let keys = Keys { tty: self.tty.try_clone()?, before: self.before.clone() };
        let config = ConfigBuilder::new().input_reader(keys).output_discard().build();
        let answer = rpassword::read_password_with_config(config);
        self.tty.write_all(b"\n")?;
        answer
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore(&self.tty, &self.before);
    }
}

/// What is typed, key by key.
struct Keys {
    tty: File,
    before: Termios,
}

impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.tty.read(buffer)?;
        if buffer[..count].contains(&CTRL_C) {
            // The signal ends the process where it stands, so the terminal comes first.
            restore(&self.tty, &self.before);
            endings().thread_unblock()?;
            raise(Signal::SIGINT)?;
            return Err(io::Error::other("interrupted"));
        }
        Ok(count)
    }
}

fn restore(tty: &File, modes: &Termios) {
    // A terminal that is gone needs no echo.
    let _ = tcsetattr(tty, OptionalActions::Now, modes);
}
