//! The server's log: one record, one line, whatever stands in it.

use std::fmt;
use std::io::Write;

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

/// The fields of one record: each spelled as JSON, and as words.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String, String)>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            let mut out = Writer::default();
            out.string(value);
            self.others.push((field.name(), out.finish(), shown(value)));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), value.to_string(), value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.push((field.name(), value.to_string(), value.to_string()));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.others.push((field.name(), value.to_string(), value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), value.to_string(), value.to_string()));
    }
}

impl Fields {
    fn json(mut self, level: Level, timestamp: &str) -> String {
        let mut message = Writer::default();
        message.string(&self.message);
        self.others.push(("message", message.finish(), String::new()));
        self.others.sort_by_key(|(name, ..)| *name);
        let mut out = Writer::default();
        out.begin_object();
        out.name("fields").begin_object();
        for (name, json, _) in &self.others {
            out.name(name).raw(json);
        }
        out.end_object();
        out.name("level").string(level.as_str());
        out.name("timestamp").string(timestamp);
        out.end_object();
        out.finish() + "\n"
    }

    fn text(&self, level: Level, timestamp: &str) -> String {
        let word = |json, words: &'_ String| if words.contains([' ', '"']) { json } else { words.clone() };
        let fields = self.others.iter().map(|(name, json, words)| format!(" {name}={}", word(json.clone(), words)));
        let fields: String = fields.collect();
        format!("{timestamp} {level:5} {}{fields}\n", shown(&self.message))
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == SESSIONS || *metadata.level() <= self.most && metadata.target().starts_with("mintage")
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, timestamp) = (*event.metadata().level(), clock::stamp());
        let line = match self.format {
            _ if event.metadata().target() == SESSIONS => fields.json(level, &timestamp),
            Format::Json => fields.json(level, &timestamp),
            Format::Text => fields.text(level, &timestamp),
        };
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
