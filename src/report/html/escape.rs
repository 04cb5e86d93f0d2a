//! Text of others inside a page.

use std::fmt;

use crate::json::steers;

/// Shows a text as a page does: no character of it is markup, and none turns what stands around it.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                char if steers(char) => write!(f, "{}", char.escape_unicode())?,
                char => write!(f, "{char}")?,
            }
        }
        Ok(())
    }
}
