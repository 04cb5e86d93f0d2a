//! Finds a bare token in the letter it came in.

use super::scan::Glyph;

/// How a payload begins in base64: `{` and what JSON lets follow it.
const BEGINNINGS: [[char; 3]; 5] =
    [['e', 'y', 'J'], ['e', 'y', 'A'], ['e', 'w', 'o'], ['e', 'w', '0'], ['e', 'w', 'k']];

/// How many beginnings are followed; a text of nothing else would take as long as its sender likes.
const MOST_BEGINNINGS: usize = 32;

/// How many characters of base64 stand for a signature, its padding left out.
const SIGNATURE: usize = 86;

/// Whether a text begins as a token does.
pub(super) fn begins_a_token(glyphs: &[Glyph]) -> bool {
    BEGINNINGS.iter().any(|beginning| {
        glyphs.len() > beginning.len() && glyphs.iter().zip(beginning).all(|(glyph, char)| glyph.char == *char)
    })
}

/// Returns the tokens in a text: each begins a word, may be wrapped, and ends where its signature does.
pub(super) fn tokens(glyphs: &[Glyph]) -> Vec<&[Glyph]> {
    let (mut tokens, mut at, mut followed) = (Vec::new(), 0, 0);
    while at < glyphs.len() && followed < MOST_BEGINNINGS {
        let begins_a_word = at == 0 || !(glyphs[at - 1].is_base64() || glyphs[at - 1].char == '.');
        if begins_a_word && begins_a_token(&glyphs[at..]) {
            followed += 1;
            if let Some(length) = length(&glyphs[at..]) {
                tokens.push(&glyphs[at..at + length]);
                at += length;
                continue;
            }
        }
        at += 1;
    }
    tokens
}

/// Measures the token that a text begins with; `None` when prose comes before its end.
fn length(glyphs: &[Glyph]) -> Option<usize> {
    let (mut at, mut signature) = (0, None);
    while signature != Some(SIGNATURE) {
        match glyphs.get(at)? {
            glyph if glyph.is_base64() => signature = signature.map(|count| count + 1),
            glyph if glyph.char == '=' && signature.is_none() => {}
            glyph if glyph.char == '.' && signature.is_none() => signature = Some(0),
            glyph if glyph.is_space() => {
                // Wrapped lines are joined, words of one line are not.
                let gap = glyphs[at..].iter().take_while(|glyph| glyph.is_space()).count();
                if glyphs[at..at + gap].iter().all(|glyph| glyph.is_blank()) {
                    return None;
                }
                at += gap - 1;
            }
            _ => return None,
        }
        at += 1;
    }
    // The padding may stand on a line of its own, or be lost.
    let gap = glyphs[at..].iter().take_while(|glyph| glyph.is_space()).count();
    let padding = glyphs[at + gap..].iter().take(2).take_while(|glyph| glyph.char == '=').count();
    let end = if padding > 0 { at + gap + padding } else { at };
    // A third part would make it something else; the full stop of a sentence does not.
    let ends = match (glyphs.get(end), glyphs.get(end + 1)) {
        (Some(next), after) if next.char == '.' => after.is_none_or(|after| after.is_space()),
        (Some(next), _) => !next.is_base64() && next.char != '=',
        (None, _) => true,
    };
    ends.then_some(end)
}
