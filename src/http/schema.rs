//! [`Schema`]: the members of a body, once: what is read is checked against it, and the API's description is printed from it.

use crate::json::{JsonError, MAX_STRING_BYTES, Members, Value};
use crate::time::Timestamp;

/// The members of one JSON object.
#[derive(Debug)]
pub(super) struct Schema {
    /// Its name in the description.
    pub(super) name: &'static str,
    /// What the object is.
    pub(super) about: &'static str,
    /// Its members.
    pub(super) members: &'static [Member],
    /// Whether clients of other systems send it: members that are not listed are let through, and a name counts in upper
    /// or lower case.
    pub(super) open: bool,
}

/// One member of an object.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) holds: Holds,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it means.
    pub(super) about: &'static str,
}

/// What a member holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// An integer in `0 ..= 2^63-1`.
    Count,
    /// A text as long as the body may be.
    Document,
    /// An integer, as low as -1 in what is answered.
    Integer,
    /// An array.
    List(&'static Holds),
    /// An object from any text to one kind of value.
    Map(&'static Holds),
    /// `null`, or the other.
    Maybe(&'static Holds),
    /// An object of a schema.
    Object(&'static Schema),
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// A text of at most 1,024 bytes.
    Text,
    /// A time, RFC 3339.
    Time,
    /// A time, RFC 3339, a day, or a span such as `90d` from now.
    When,
}

/// A member that must be there.
pub(super) const fn must(name: &'static str, holds: Holds, about: &'static str) -> Member {
    Member { name, holds, required: true, about }
}

/// A member that may be there.
pub(super) const fn may(name: &'static str, holds: Holds, about: &'static str) -> Member {
    Member { name, holds, required: false, about }
}

impl Schema {
    /// Checks the members of a body against the schema; `null` stands for a member that is left out.
    ///
    /// # Errors
    /// Names the first member that is missing, unknown or of another type.
    pub(super) fn check<'a>(&self, value: Value<'a>) -> Result<Members<'a>, JsonError> {
        let mut members = value.into_object("body")?;
        members.retain(|(_, value)| *value != Value::Null);
        if self.open {
            self.respell(&mut members)?;
        }
        for (name, value) in &members {
            match self.members.iter().find(|member| member.name == name) {
                Some(member) => member.holds.check(name, value)?,
                None if self.open => {}
                None => return Err(JsonError::value(name, "left out: this route does not know it", value)),
            }
        }
        let missing = |member: &&Member| member.required && !members.iter().any(|(name, _)| name == member.name);
        match self.members.iter().find(missing) {
            Some(member) => Err(JsonError::Missing(member.name)),
            None => Ok(members),
        }
    }
}

impl Schema {
    /// Spells the names of members as the schema does.
    fn respell(&self, members: &mut Members<'_>) -> Result<(), JsonError> {
        for member in self.members {
            let mut found = members.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case(member.name));
            if let Some((name, _)) = found.next() {
                *name = member.name.into();
            }
            if found.next().is_some() {
                return Err(JsonError::Duplicate(member.name.to_owned()));
            }
        }
        Ok(())
    }
}

impl Holds {
    pub(super) fn check(self, name: &str, value: &Value<'_>) -> Result<(), JsonError> {
        let expected = match (self, value) {
            (Self::Any, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::Integer, Value::Integer(_))
            | (Self::Document, Value::String(_))
            | (Self::Maybe(_), Value::Null) => return Ok(()),
            (Self::Count, value @ Value::Integer(_)) => return value.clone().into_count(name).map(drop),
            (Self::Text, Value::String(text)) if text.len() <= MAX_STRING_BYTES => return Ok(()),
            (Self::Maybe(holds), value) => return holds.check(name, value),
            (Self::List(holds), Value::Array(items)) => {
                return items.iter().try_for_each(|item| holds.check(name, item));
            }
            (Self::Map(holds), Value::Object(members)) => {
                return members.iter().try_for_each(|(key, value)| holds.check(&format!("{name}.{key}"), value));
            }
            (Self::Object(schema), Value::Object(_)) => return schema.check(value.clone()).map(drop),
            (Self::OneOf(words), Value::String(text)) if words.contains(&text.as_ref()) => return Ok(()),
            (Self::Time, Value::String(text)) if Timestamp::parse_rfc3339(text).is_ok() => return Ok(()),
            (Self::When, Value::String(text)) if Timestamp::parse_when(text, Timestamp::EPOCH).is_ok() => {
                return Ok(());
            }
            (Self::Bool, _) => "`true` or `false`",
            (Self::Count, _) => "an integer of at least 0",
            (Self::Integer, _) => "an integer",
            (Self::List(_), _) => "an array",
            (Self::Map(_) | Self::Object(_), _) => "an object",
            (Self::OneOf(words), _) => {
                return Err(JsonError::value(name, format!("one of `{}`", words.join("`, `")), value));
            }
            (Self::Document, _) => "a text",
            (Self::Text, _) => "a text of at most 1,024 bytes",
            (Self::Time, _) => "a time, RFC 3339",
            (Self::When, _) => "a time: 2027-01-31, 2027-01-31T12:00:00Z, 90d or never",
        };
        Err(JsonError::value(name, expected, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const ORDER: Schema = Schema {
        name: "Order",
        about: "",
        members: &[
            must("tenantId", Holds::Text, ""),
            may("seats", Holds::Count, ""),
            may("limits", Holds::Map(&Holds::Count), ""),
        ],
        open: false,
    };

    fn check(body: &str) -> Result<usize, JsonError> {
        ORDER.check(json::parse(body.as_bytes()).unwrap()).map(|members| members.len())
    }

    #[test]
    fn a_body_has_the_members_of_its_schema_and_no_others() {
        assert_eq!(check(r#"{"tenantId":"acme","seats":3,"limits":{"apps":1}}"#), Ok(3));
        assert_eq!(check(r#"{"tenantId":"acme","seats":null}"#), Ok(1));
        assert_eq!(check("{}"), Err(JsonError::Missing("tenantId")));
        assert!(check(r#"{"tenantId":"acme","seat":3}"#).is_err());
        assert!(check(r#"{"tenantId":"acme","seats":-1}"#).is_err());
        assert_eq!(check(r#"{"tenantId":"acme","seats":9223372036854775807}"#), Ok(2));
        assert!(check(r#"{"tenantId":"acme","seats":9223372036854775808}"#).is_err());
        assert_eq!(check(&format!(r#"{{"tenantId":"{}"}}"#, "a".repeat(1_024))), Ok(1));
        assert!(check(&format!(r#"{{"tenantId":"{}"}}"#, "a".repeat(1_025))).is_err());
        assert!(check(r#"{"tenantId":"acme","limits":{"apps":"1"}}"#).is_err());
        assert!(check("[]").is_err());
    }

    #[test]
    fn what_other_systems_send_may_be_spelled_in_upper_case() {
        let open = Schema { open: true, ..ORDER };
        let check = |body: &'static str| open.check(json::parse(body.as_bytes()).unwrap());
        let names = |members: Members<'_>| members.into_iter().map(|(name, _)| name.into_owned()).collect::<Vec<_>>();
        assert_eq!(check(r#"{"TenantId":"acme","Sent":1}"#).map(names), Ok(vec!["tenantId".into(), "Sent".into()]));
        assert_eq!(check(r#"{"TenantId":7}"#).unwrap_err().code(), crate::code::Code::Malformed);
        let twice = check(r#"{"TenantId":"acme","tenantId":"globex"}"#);
        assert_eq!(twice.unwrap_err(), JsonError::Duplicate("tenantId".to_owned()));
    }
}
