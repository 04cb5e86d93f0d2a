//! Reads the names of an object's members, and nothing of what they hold.

use std::fmt;

use serde_core::Deserializer;
use serde_core::de::{IgnoredAny, MapAccess, Visitor};

use super::name::Name;

/// Hands over the names of the outermost object's members, in constant memory. What is no object has none; where the text
/// stops being JSON they end, and the rules of [`super::parse`] do not hold.
pub(crate) fn names(text: &[u8], each: impl FnMut(&str)) {
    let _ = serde_json::Deserializer::from_slice(text).deserialize_any(Each(each));
}

struct Each<F>(F);

impl<'de, F: FnMut(&str)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = entries.next_key()? {
            (self.0)(&name);
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_up_to_where_the_text_breaks() {
        let told = |text: &str| {
            let mut all = Vec::new();
            names(text.as_bytes(), |name| all.push(name.to_owned()));
            all.join(" ")
        };
        assert_eq!(told(r#"{"a":{"b":[1,{"c":2}]},"\u0064":"{\"e\":0}"}"#), "a d");
        for text in [r#"{"a":1,"b":2,}"#, r#"{"a":1,"b":2} x"#, r#"{"a":1,"b":"#, r#" {"a":1,"b":tru"#] {
            assert_eq!(told(text), "a b", "{text}");
        }
        assert_eq!(told(r#"{"a":1,"a":2}"#), "a a");
        for text in ["", "[]", r#"[{"a":1}]"#, "a", "{", "{a:1}", "\u{feff}{}"] {
            assert_eq!(told(text), "", "{text}");
        }
    }
}
