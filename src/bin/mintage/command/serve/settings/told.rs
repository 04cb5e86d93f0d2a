//! The settings in force, as an operator is shown them: without secrets.

use mintage::json::Writer;
use mintage::key::{KeyError, PublicKey};
use mintage::ledger::LedgerUrl;
use toml::Value;

use super::{Settings, license_text};

/// Where the license of the installation is, when no file holds it. What it grants is nobody's business who reads settings.
const BY_VARIABLE: &str = "the text in MINTAGE_LICENSE";

impl Settings {
    /// Returns the settings as a TOML file.
    pub(in crate::command::serve) fn to_toml(&self) -> String {
        let by_variable = license_text().is_some();
        let line = |(name, value): (&str, Option<Value>)| match value {
            Some(value) if name == "license" && by_variable => {
                format!("{name} = {value} # not this one, but {BY_VARIABLE}\n")
            }
            None if name == "license" && by_variable => format!("# {name} is {BY_VARIABLE}\n"),
            Some(value) => format!("{name} = {value}\n"),
            None => format!("# {name} is not set\n"),
        };
        self.masked().into_iter().map(line).collect()
    }

    /// Returns the settings as a JSON object; what is not set is null.
    pub(in crate::command::serve) fn to_json(&self) -> String {
        let by_variable = license_text().is_some();
        let mut out = Writer::default();
        out.begin_object();
        for (name, value) in self.masked() {
            out.name(name);
            match value {
                _ if name == "license" && by_variable => out.string(BY_VARIABLE),
                Some(value) => write(&value, &mut out),
                None => out.null(),
            }
        }
        out.end_object();
        out.finish()
    }

    /// Returns every setting with its value.
    fn masked(&self) -> Vec<(&'static str, Option<Value>)> {
        let mut settings = self.clone();
        // A password in it is a secret like those in files.
        let masked = settings
            .ledger
            .as_deref()
            .map(|text| LedgerUrl::parse(text).map_or("***".to_owned(), |url| url.to_string()));
        settings.ledger = masked;
        // As is a private key that was given for a public one; the server refuses it when it starts.
        let is_private =
            |text: &str| matches!(PublicKey::parse(text), Err(KeyError::OtherHalf(_) | KeyError::OtherType(_)));
        let private = settings.trust.iter_mut().filter(|trust| trust.to_str().is_some_and(is_private));
        private.for_each(|trust| *trust = "***".into());
        settings.all().into_iter().map(|(name, setting)| (name, setting.shown())).collect()
    }
}

/// Writes a value of one of the types that settings have.
fn write(value: &Value, out: &mut Writer) {
    match value {
        Value::Boolean(value) => out.bool(*value),
        Value::Integer(value) => out.integer((*value).into()),
        Value::String(text) => out.string(text),
        Value::Array(items) => {
            out.begin_array();
            items.iter().for_each(|item| write(item, out));
            out.end_array();
        }
        other => out.string(&other.to_string()),
    }
}
