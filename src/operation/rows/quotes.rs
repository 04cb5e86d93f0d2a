//! Holds a CSV record's quotation marks against RFC 4180. The reader of records takes any text and guesses what was meant;
//! what is signed must not be a guess.

/// Finds the first quotation mark that does not stand as it must: its place in the record, and what is wrong.
pub(super) fn fault(record: &[u8]) -> Option<(usize, &'static str)> {
    /// Where in a field the next byte stands.
    enum Place {
        Start,
        Plain,
        Quoted,
        /// Behind a quotation mark in a quoted field: its end, or the first of two.
        Closed,
    }
    let (mut place, mut opened) = (Place::Start, 0);
    for (at, byte) in record.iter().enumerate() {
        place = match (place, byte) {
            (Place::Start, b'"') => {
                opened = at;
                Place::Quoted
            }
            (Place::Plain, b'"') => {
                return Some((at, "a quotation mark stands in a field that does not begin with one"));
            }
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Closed, b'"') => Place::Quoted,
            (_, b',' | b'\r' | b'\n') => Place::Start,
            (Place::Closed, _) => return Some((at, "there is text behind the closing quotation mark of a field")),
            (Place::Start | Place::Plain, _) => Place::Plain,
        };
    }
    matches!(place, Place::Quoted).then_some((opened, "a field is opened by a quotation mark and never closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_stand_around_a_field_and_are_doubled_within() {
        for good in ["", "a,b\r\n", "\"a\",\"\"\n", "\"a \"\"b\"\", c\",d", "\n\"a\nb\",c", "\"\"\"\"", "a,\"b\""] {
            assert_eq!(fault(good.as_bytes()), None, "{good}");
        }
        for (bad, at) in [
            ("\"acme\"x,b", 6),
            ("\"ac\"me\"\",b", 4),
            ("a\"b", 1),
            ("a, \"b\"", 3),
            ("\"a\" ,b", 3),
            ("a,\"b\nc", 2),
            ("\"\"\"", 0),
        ] {
            assert_eq!(fault(bad.as_bytes()).map(|(at, _)| at), Some(at), "{bad}");
        }
    }
}
