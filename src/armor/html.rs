//! Takes off what a page or a mail program puts around a text that was copied from it as HTML (WHATWG HTML, section 13.1).

use super::scan::Glyph;

/// The longest tag that is taken for one, in characters.
const MAX_TAG: usize = 200;

/// The longest name of a tag, in characters.
const MAX_NAME: usize = 10;

/// The entities that stand for what a letter with a license holds.
const ENTITIES: [(&str, char); 6] =
    [("nbsp", ' '), ("gt", '>'), ("lt", '<'), ("amp", '&'), ("quot", '"'), ("equals", '=')];

/// Removes tags and decodes entities; counts them. A tag that ends a line where it is shown leaves a line end.
pub(super) fn strip(glyphs: &[Glyph], count: &mut usize) -> Vec<Glyph> {
    let mut plain = Vec::with_capacity(glyphs.len());
    let mut rest = glyphs;
    while let [first, tail @ ..] = rest {
        let found = match first.char {
            '<' => tag(tail),
            '&' => entity(tail).map(|(char, length)| (Some(char), length)),
            _ => None,
        };
        *count += usize::from(found.is_some());
        let (char, length) = found.unwrap_or((Some(first.char), 0));
        plain.extend(char.map(|char| first.with(char)));
        rest = &tail[length..];
    }
    plain
}

/// Measures the tag that `<` opens, and says what is left of it.
fn tag(rest: &[Glyph]) -> Option<(Option<char>, usize)> {
    let slash = usize::from(rest.first()?.char == '/');
    let name: String = rest[slash..].iter().take(MAX_NAME + 1).map(|glyph| glyph.char).collect();
    let length = name.find(|char: char| !char.is_ascii_alphanumeric() && char != ':').unwrap_or(name.len());
    let (name, after) = name.split_at(length);
    let begins = name.starts_with(|char: char| char.is_ascii_alphabetic())
        && (after.starts_with([' ', '\t', '\n', '>']) || after.starts_with("/>"));
    if !begins {
        return None;
    }
    let end = rest.iter().take(MAX_TAG).position(|glyph| matches!(glyph.char, '<' | '>'))?;
    let ends_a_line = ["br", "div", "li", "p", "pre", "td", "tr"].iter().any(|one| name.eq_ignore_ascii_case(one));
    (rest[end].char == '>').then_some((ends_a_line.then_some('\n'), end + 1))
}

/// Reads the entity that `&` opens: the character it means, and its length.
fn entity(rest: &[Glyph]) -> Option<(char, usize)> {
    let name: String = rest.iter().take(MAX_NAME).map(|glyph| glyph.char).collect();
    let (name, _) = name.split_once(';')?;
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let char = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => number(digits, 16)?,
            None => number(digits, 10)?,
        },
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((char, name.chars().count() + 1))
}

#[cfg(test)]
mod tests {
    use crate::armor::repairs::Tally;
    use crate::armor::{repair, scan, wrap};

    #[test]
    fn copies_of_pages_and_mails_are_read() {
        let token = format!("{}.{}==", "eyJh".repeat(60), "Ab+/".repeat(21) + "AA");
        let armor = wrap("license", &token);
        let armor = armor.trim_end();
        for (text, repairs) in [
            (
                format!("<p class=MsoNormal>{}<o:p></o:p></p>", armor.replace('\n', "<br/>").replace(' ', "&nbsp;")),
                "removed HTML in 21 places, removed 1 empty line, restored lost line ends",
            ),
            (
                armor.lines().map(|line| format!("&gt; {line}<br>")).collect::<Vec<_>>().join("\n"),
                "removed HTML in 16 places, removed `> ` quotes from 8 lines, removed 7 empty lines",
            ),
            (token.replace('+', "&#43;").replace('=', "&#x3D;"), "removed HTML in 23 places"),
        ] {
            let repaired = repair(&text).unwrap_or_else(|damage| panic!("{repairs}: {damage}"));
            let said: Vec<String> = repaired.repairs.iter().map(ToString::to_string).collect();
            assert_eq!((repaired.text, said.join(", ").as_str()), (token.clone(), repairs));
        }
    }

    #[test]
    fn what_only_looks_like_a_tag_stays() {
        for text in
            ["<eyJhbGciOiJ>", "a < b", "<br", "</>", "<b\u{a0}>", "&;", "&nbsp", "&#xffffffff;", "&unknown;", "<1>"]
        {
            let mut tally = Tally::default();
            let glyphs = scan::read(text, &mut tally);
            assert_eq!((glyphs.iter().map(|glyph| glyph.char).collect::<String>().as_str(), tally.html), (text, 0));
        }
    }
}
