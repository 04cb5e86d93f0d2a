//! Reads JSON text into a [`Value`] through `serde_json`'s grammar.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde_core::Deserializer;
use serde_core::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::name::Name;
use super::{JsonError, MAX_DEPTH, MAX_ITEMS, MAX_MEMBERS, MAX_VALUES, Members, Value};

/// Above this many members a set finds duplicates faster than comparing each with each.
const FEW: usize = 24;

/// For how many members an object has room from the start.
const ROOM: usize = 8;

/// The same of the outermost, which holds most of a document's; a license would outgrow the other.
const OUTER_ROOM: usize = 16;

/// Reads one JSON value that fills the whole text.
///
/// # Errors
/// `Syntax`, `Truncated`, `Duplicate` (also when two spellings of a name differ only by escapes), `TooDeep` and `TooMany`.
pub fn parse(text: &[u8]) -> Result<Value<'_>, JsonError> {
    parse_within(text, MAX_VALUES)
}

/// Reads as [`parse`], and at most so many values: what a short text can spell takes up to two hundred times its length in
/// memory, and who knows what a document holds need not have that much for strangers.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_within(text: &[u8], values: usize) -> Result<Value<'_>, JsonError> {
    let (fault, left) = (Cell::new(None), Cell::new(values));
    let seed = Strict { depth: 0, fault: &fault, left: &left };
    let read = match std::str::from_utf8(text) {
        Ok(text) => fill(seed, serde_json::Deserializer::from_str(text)),
        Err(_) => fill(seed, serde_json::Deserializer::from_slice(text)),
    };
    read.map_err(|error| fault.take().unwrap_or_else(|| syntax(&error)))
}

/// Reads an object that fills the whole text and hands over the items of its array `list` as they are read, so that a
/// long list never stands in memory as values; among the members it stands empty.
///
/// # Errors
/// As [`parse`], `Value` for anything but an object or when `list` is no array, and what `each` returns.
pub fn parse_list<'a>(
    text: &'a [u8],
    list: &'static str,
    each: impl FnMut(Value<'a>) -> Result<(), JsonError>,
) -> Result<Members<'a>, JsonError> {
    let (fault, left) = (Cell::new(None), Cell::new(MAX_VALUES));
    let seed = WithList { strict: Strict { depth: 0, fault: &fault, left: &left }, list, each };
    let read = match std::str::from_utf8(text) {
        Ok(text) => fill(seed, serde_json::Deserializer::from_str(text)),
        Err(_) => fill(seed, serde_json::Deserializer::from_slice(text)),
    };
    let read = read.map_err(|error| match fault.take() {
        Some(fault) => fault,
        None if error.is_data() => {
            let found = "something else".to_owned();
            JsonError::Value { member: list.to_owned(), expected: "an array in an object".into(), found }
        }
        None => syntax(&error),
    })?;
    read.into_object("document")
}

/// Tells a text that was cut off from one that is no JSON.
fn syntax(error: &serde_json::Error) -> JsonError {
    if error.is_eof() { JsonError::Truncated(error.to_string()) } else { JsonError::Syntax(error.to_string()) }
}

fn fill<'de, S: DeserializeSeed<'de>, R: serde_json::de::Read<'de>>(
    seed: S,
    mut reader: serde_json::Deserializer<R>,
) -> serde_json::Result<S::Value> {
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads one value at a depth; a fault that serde_json could only carry as words is left in `fault`.
#[derive(Clone, Copy)]
struct Strict<'c> {
    depth: usize,
    fault: &'c Cell<Option<JsonError>>,
    /// How many values may still come.
    left: &'c Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn count<E: Error>(self, values: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(values).ok_or_else(|| self.refuse(JsonError::TooMany))?;
        self.left.set(left);
        Ok(())
    }

    fn refuse<E: Error>(self, fault: JsonError) -> E {
        let error = E::custom(&fault);
        self.fault.set(Some(fault));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Fraction(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let deeper = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            if array.len() == MAX_ITEMS {
                return Err(self.refuse(JsonError::TooMany));
            }
            self.count(1)?;
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        let deeper = self.deeper()?;
        self.count(ROOM)?;
        let mut read = Read::with_room(if self.depth == 0 { OUTER_ROOM } else { ROOM });
        while let Some(Name(name)) = entries.next_key()? {
            let name = read.name(name).map_err(|fault| self.refuse(fault))?;
            self.count(usize::from(read.members.len() >= ROOM))?;
            read.members.push((name, entries.next_value_seed(deeper)?));
        }
        Ok(Value::Object(read.members))
    }
}

/// The members of an object that have been read, no name twice.
struct Read<'a> {
    members: Members<'a>,
    /// From [`FEW`] members on, where asking each of them would take too long.
    names: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Read<'a> {
    fn with_room(members: usize) -> Self {
        Self { members: Members::with_capacity(members), names: None }
    }

    /// Takes the name of the next member, and gives it back unless it is there already.
    fn name(&mut self, name: Cow<'a, str>) -> Result<Cow<'a, str>, JsonError> {
        if self.members.len() == MAX_MEMBERS {
            return Err(JsonError::TooMany);
        }
        let taken = if self.members.len() < FEW {
            self.members.iter().any(|(other, _)| *other == name)
        } else {
            let read = || self.members.iter().map(|(name, _)| name.clone()).collect();
            !self.names.get_or_insert_with(read).insert(name.clone())
        };
        if taken { Err(JsonError::Duplicate(name.into_owned())) } else { Ok(name) }
    }
}

/// Reads the outermost object, and hands over the items of one array in it.
struct WithList<'c, F> {
    strict: Strict<'c>,
    list: &'static str,
    each: F,
}

impl<'de, F: FnMut(Value<'de>) -> Result<(), JsonError>> DeserializeSeed<'de> for WithList<'_, F> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Value<'de>) -> Result<(), JsonError>> Visitor<'de> for WithList<'_, F> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value<'de>, A::Error> {
        let deeper = self.strict.deeper()?;
        let mut read = Read::with_room(OUTER_ROOM);
        while let Some(Name(name)) = entries.next_key()? {
            let name = read.name(name).map_err(|fault| self.strict.refuse(fault))?;
            let value = if name == self.list {
                entries.next_value_seed(Items { strict: deeper, list: self.list, each: &mut self.each })?;
                Value::Array(Vec::new())
            } else {
                entries.next_value_seed(deeper)?
            };
            read.members.push((name, value));
        }
        Ok(Value::Object(read.members))
    }
}

/// Hands over the items of an array.
struct Items<'c, 'f, F> {
    strict: Strict<'c>,
    list: &'static str,
    each: &'f mut F,
}

impl<'de, F: FnMut(Value<'de>) -> Result<(), JsonError>> DeserializeSeed<'de> for Items<'_, '_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Value<'de>) -> Result<(), JsonError>> Visitor<'de> for Items<'_, '_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array under `{}`", self.list)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let deeper = self.strict.deeper()?;
        let left = self.strict.left.get();
        while let Some(item) = items.next_element_seed(deeper)? {
            (self.each)(item).map_err(|fault| self.strict.refuse(fault))?;
            self.strict.left.set(left);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_duplicate_members_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":{"c":1,"c":2}}"#,
            r#"[{"a":1,"\u0061":2}]"#,
            r#"{"\u0061":1,"a":2}"#,
            r#"{"x":{"limits":{"m":3,"\u006d":999}}}"#,
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(JsonError::Duplicate(_))), "{text}");
        }
        let many: Vec<String> = (0..100).chain([3]).map(|n| format!(r#""k{n}":0"#)).collect();
        let text = format!("{{{}}}", many.join(","));
        assert_eq!(parse(text.as_bytes()), Err(JsonError::Duplicate("k3".to_owned())));
    }

    #[test]
    fn sixteen_deep_is_read_and_seventeen_is_not() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(16).as_bytes()).is_ok());
        assert_eq!(parse(nested(17).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(parse("[".repeat(100_000).as_bytes()), Err(JsonError::TooDeep));
    }

    #[test]
    fn an_object_and_an_array_end_somewhere() {
        let object = |members: usize| {
            let members: Vec<String> = (0..members).map(|number| format!("\"{number}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(parse(object(MAX_MEMBERS).as_bytes()).is_ok());
        assert_eq!(parse(object(MAX_MEMBERS + 1).as_bytes()), Err(JsonError::TooMany));
        let array = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        assert!(parse(array(MAX_ITEMS).as_bytes()).is_ok());
        assert_eq!(parse(array(MAX_ITEMS + 1).as_bytes()), Err(JsonError::TooMany));
    }

    #[test]
    fn a_document_ends_somewhere_however_its_values_are_spread() {
        let within = |text: &str, values| parse_within(text.as_bytes(), values).map(drop);
        assert_eq!(within("[[0,0],[0,0]]", 6), Ok(()));
        assert_eq!(within("[[0,0],[0,0]]", 5), Err(JsonError::TooMany));
        // An object takes room whether it is filled or not.
        assert_eq!(within(r#"[{},{"a":0}]"#, 2 + 2 * ROOM), Ok(()));
        assert_eq!(within(r#"[{},{"a":0}]"#, 1 + 2 * ROOM), Err(JsonError::TooMany));
        let item = format!("[{}0]", "0,".repeat(99));
        let arrays = format!("{{\"list\":[{}{item}]}}", format!("{item},").repeat(MAX_VALUES / 100));
        assert_eq!(parse(arrays.as_bytes()), Err(JsonError::TooMany));
        assert_eq!(parse_list(arrays.as_bytes(), "list", |_| Ok(())).map(|members| members.len()), Ok(1));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in ["{}x", "{} {}", "\u{feff}{}", "{'a':1}", "{\"a\":NaN}", "{\"a\":01}", "[1,]", "\"\\ud800\""] {
            assert!(matches!(parse(text.as_bytes()), Err(JsonError::Syntax(_))), "{text}");
        }
        assert!(matches!(parse(b"\"\xff\""), Err(JsonError::Syntax(_))));
    }

    #[test]
    fn tells_what_was_cut_off_from_what_is_no_json() {
        let whole = r#"{"a":[1,{"b":"\u00e9"}],"c":null,"d":-1.5e3}"#;
        assert!(parse(whole.as_bytes()).is_ok());
        for end in 0..whole.len() {
            assert!(matches!(parse(&whole.as_bytes()[..end]), Err(JsonError::Truncated(_))), "{}", &whole[..end]);
        }
    }

    #[test]
    fn a_list_is_handed_over_item_by_item_under_the_same_rules() {
        let read = |text: &str| {
            let mut items = Vec::new();
            let members = parse_list(text.as_bytes(), "list", |item| {
                items.push(item.into_count("item")?);
                Ok(())
            });
            members.map(|members| (members.len(), items))
        };
        assert_eq!(read(r#"{"a":[[]],"list":[1,2],"b":{}}"#), Ok((3, vec![1, 2])));
        assert_eq!(read(r#"{"l\u0069st":[],"list":[1]}"#), Err(JsonError::Duplicate("list".to_owned())));
        assert_eq!(read(&format!(r#"{{"list":[{}{}]}}"#, "[".repeat(15), "]".repeat(15))), Err(JsonError::TooDeep));
        assert!(matches!(read(r#"{"list":["1"]}"#), Err(JsonError::Value { .. })));
        assert_eq!(
            parse_list(br#"{"list":[{"a":1,"a":1}]}"#, "list", |_| Ok(())),
            Err(JsonError::Duplicate("a".to_owned()))
        );
        for text in ["[]", "1", r#"{"list":{}}"#, r#"{"list":1}"#] {
            assert!(matches!(read(text), Err(JsonError::Value { .. })), "{text}");
        }
        for text in [r#"{"list":[1]} x"#, r#"{"list":[1,]}"#] {
            assert!(matches!(read(text), Err(JsonError::Syntax(_))), "{text}");
        }
        for text in ["", r#"{"list":[1]"#, r#"{"list":[1,2"#] {
            assert!(matches!(read(text), Err(JsonError::Truncated(_))), "{text}");
        }
    }

    #[test]
    fn tells_integers_from_fractions() {
        assert_eq!(parse(b"18446744073709551615"), Ok(Value::Integer(18_446_744_073_709_551_615)));
        for text in ["1.0", "1e3", "-0", "18446744073709551616"] {
            assert!(matches!(parse(text.as_bytes()), Ok(Value::Fraction(_))), "{text}");
        }
    }
}
