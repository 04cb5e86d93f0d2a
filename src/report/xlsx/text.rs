//! Text of others inside a part of a spreadsheet.

use std::fmt;

/// Shows a text as a part does: no character of it is markup, and those that XML cannot hold or would change are named
/// by their number, as `_x000D_`. What already looks so named is told apart by naming its first character.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, char) in self.0.char_indices() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '\t' | '\n' => write!(f, "{char}")?,
                '_' if looks_named(&self.0.as_bytes()[at..]) => f.write_str("_x005F_")?,
                '\0'..' ' | '\u{fffe}' | '\u{ffff}' => write!(f, "_x{:04X}_", u32::from(char))?,
                char => write!(f, "{char}")?,
            }
        }
        Ok(())
    }
}

/// Whether a text begins with a character's number.
fn looks_named(text: &[u8]) -> bool {
    let number = text.strip_prefix(b"_x").and_then(|rest| rest.split_at_checked(4));
    number.is_some_and(|(digits, rest)| digits.iter().all(u8::is_ascii_hexdigit) && rest.first() == Some(&b'_'))
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn a_text_is_neither_markup_nor_changed() {
        let spelled = |text| Escaped(text).to_string();
        assert_eq!(spelled("a\tb\nc d_x_"), "a\tb\nc d_x_");
        assert_eq!(spelled("<t>&\"]]></t>"), "&lt;t&gt;&amp;\"]]&gt;&lt;/t&gt;");
        assert_eq!(spelled("\0\r\u{1b}\u{fffe}\u{ffff}"), "_x0000__x000D__x001B__xFFFE__xFFFF_");
        assert_eq!(spelled("_x0041__x00e9_"), "_x005F_x0041__x005F_x00e9_");
        assert_eq!(spelled("_x004_ _x004g_ _X0041_ _x0041"), "_x004_ _x004g_ _X0041_ _x0041");
    }
}
