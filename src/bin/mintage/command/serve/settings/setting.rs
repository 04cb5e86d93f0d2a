//! One setting: what a file may hold for it, and what is shown of it.

use std::ffi::OsString;
use std::path::PathBuf;

use toml::Value;

/// One setting, of whatever type.
pub(super) trait Setting {
    /// Takes a value of the file, unless there is one already; false when it is of another type.
    fn fill(&mut self, value: Value) -> bool;
    /// Returns the value that is in force.
    fn shown(&self) -> Option<Value>;
}

impl Setting for Option<String> {
    fn fill(&mut self, value: Value) -> bool {
        let Value::String(text) = value else { return false };
        self.get_or_insert(text);
        true
    }

    fn shown(&self) -> Option<Value> {
        self.clone().map(Value::String)
    }
}

impl Setting for Option<PathBuf> {
    fn fill(&mut self, value: Value) -> bool {
        let Value::String(text) = value else { return false };
        self.get_or_insert(text.into());
        true
    }

    fn shown(&self) -> Option<Value> {
        self.as_ref().map(|path| Value::String(path.display().to_string()))
    }
}

impl Setting for Option<u64> {
    fn fill(&mut self, value: Value) -> bool {
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.is_some_and(|number| Some(self.get_or_insert(number)).is_some())
    }

    fn shown(&self) -> Option<Value> {
        self.and_then(|number| i64::try_from(number).ok()).map(Value::Integer)
    }
}

impl Setting for Vec<String> {
    fn fill(&mut self, value: Value) -> bool {
        let Value::Array(items) = value else { return false };
        let texts: Option<Self> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        let Some(texts) = texts else { return false };
        if self.is_empty() {
            *self = texts;
        }
        true
    }

    fn shown(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Array(self.iter().cloned().map(Value::String).collect()))
    }
}

impl Setting for Vec<OsString> {
    fn fill(&mut self, value: Value) -> bool {
        let mut texts = Vec::<String>::new();
        let is_filled = texts.fill(value);
        if self.is_empty() {
            self.extend(texts.into_iter().map(OsString::from));
        }
        is_filled
    }

    fn shown(&self) -> Option<Value> {
        self.iter().map(|text| text.display().to_string()).collect::<Vec<_>>().shown()
    }
}

impl Setting for bool {
    fn fill(&mut self, value: Value) -> bool {
        let Value::Boolean(value) = value else { return false };
        *self |= value;
        true
    }

    fn shown(&self) -> Option<Value> {
        Some(Value::Boolean(*self))
    }
}
