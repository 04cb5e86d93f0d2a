//! [`Running`]: a server of the program's own, which says where it listens.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::Bench;

/// A server that ends with its test.
pub(crate) struct Running {
    child: Child,
    log: Box<dyn BufRead + Send + Sync>,
    /// Where it listens.
    pub(crate) address: String,
    /// The lines of its log so far.
    pub(crate) lines: Vec<String>,
}

impl Running {
    /// Starts on a port of the system's choice, and waits until it listens.
    pub(crate) fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut command = bench.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "json"]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Box::new(BufReader::new(child.stdout.take().unwrap()));
        let mut running = Self { child, log, address: String::new(), lines: Vec::new() };
        let line = running.wait_for("\"message\":\"listening\"");
        let address = line.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next());
        address.unwrap_or_else(|| panic!("{line}")).clone_into(&mut running.address);
        running
    }

    /// Reads the log up to a record.
    pub(crate) fn wait_for(&mut self, record: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).unwrap();
            assert!(length > 0, "the server ended before it said {record}: {:?}", self.lines);
            self.lines.push(line.trim_end().to_owned());
            if line.contains(record) {
                return line;
            }
        }
    }

    /// Lets the log run on unread, so that the server never waits for its reader.
    pub(crate) fn leave_log(&mut self) {
        let mut log = std::mem::replace(&mut self.log, Box::new(std::io::empty()));
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }

    /// Sends bytes as they are on a connection of their own, and returns what comes back until it closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A server that refuses may reset what it did not read.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    pub(crate) fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        assert!(Command::new("kill").args([&signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn status(&mut self) -> Option<i32> {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        self.lines.extend(rest.lines().map(str::to_owned));
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
