//! The server's log: one record, one line, whatever stands in it.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use clap::ValueEnum;
use mintage::http::SESSIONS;
use mintage::json::Writer;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::clock;
use crate::render::shown;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Json,
    /// Words
    Text,
}

/// How long most records are, in bytes.
const LINE: usize = 256;

/// Writes records to standard output.
pub(crate) struct Log {
    format: Format,
    most: Level,
}

impl Log {
    /// Writes every record of this program from now on.
    pub(crate) fn start(format: Format, most: Level) {
        // A second server in one process would log where the first does.
        let _ = tracing::subscriber::set_global_default(Self { format, most });
    }
}

/// The fields of one record, spelled as its format wants them.
struct Fields {
    format: Format,
    message: String,
    /// Each as JSON; none where words are wanted.
    json: Vec<(&'static str, String)>,
    /// All as words, one after the other.
    words: String,
    /// Where a value is written that is no text yet.
    spare: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = std::mem::take(&mut self.spare);
        text.clear();
        // Writing to a String cannot fail.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
        self.spare = text;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let quoted = || {
            let mut out = Writer::with_capacity(value.len() + 2);
            out.string(value);
            out.finish()
        };
        match self.format {
            _ if field.name() == "message" => value.clone_into(&mut self.message),
            Format::Json => self.json.push((field.name(), quoted())),
            // Most are one word, and stand as they are.
            Format::Text if value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') => {
                self.word(field, value);
            }
            Format::Text => {
                let words = shown(value);
                let word = if words.contains([' ', '"']) { quoted() } else { words };
                self.word(field, &word);
            }
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }
}

impl Fields {
    fn new(format: Format) -> Self {
        let (message, json, spare) = (String::new(), Vec::new(), String::new());
        Self { format, message, json, words: String::with_capacity(LINE), spare }
    }

    /// Takes what is spelled alike as JSON and as words.
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        match self.format {
            Format::Json => self.json.push((field.name(), value.to_string())),
            Format::Text => self.word(field, &value.to_string()),
        }
    }

    fn word(&mut self, field: &Field, word: &str) {
        for part in [" ", field.name(), "=", word] {
            self.words.push_str(part);
        }
    }

    fn line(self, level: Level, timestamp: &str) -> String {
        match self.format {
            Format::Json => self.json(level, timestamp),
            Format::Text => format!("{timestamp} {level:5} {}{}\n", shown(&self.message), self.words),
        }
    }

    fn json(mut self, level: Level, timestamp: &str) -> String {
        let mut message = Writer::default();
        message.string(&self.message);
        self.json.push(("message", message.finish()));
        self.json.sort_by_key(|(name, _)| *name);
        let mut out = Writer::with_capacity(LINE);
        out.begin_object();
        out.name("fields").begin_object();
        for (name, json) in &self.json {
            out.name(name).raw(json);
        }
        out.end_object();
        out.name("level").string(level.as_str());
        out.name("timestamp").string(timestamp);
        out.end_object();
        out.end_line();
        out.finish()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == SESSIONS || *metadata.level() <= self.most && metadata.target().starts_with("mintage")
    }

    fn event(&self, event: &Event<'_>) {
        let is_session = event.metadata().target() == SESSIONS;
        let mut fields = Fields::new(if is_session { Format::Json } else { self.format });
        event.record(&mut fields);
        let line = fields.line(*event.metadata().level(), &clock::stamp());
        // A log that nobody takes must not stop the server.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }

    // No record stands in a span.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
