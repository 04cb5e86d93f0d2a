//! Finds a bare token in the letter it came in.

use super::parts::closes;
use super::scan::Glyph;

/// How a payload begins in base64: `{` and what JSON lets follow it.
const BEGINNINGS: [[char; 3]; 5] =
    [['e', 'y', 'J'], ['e', 'y', 'A'], ['e', 'w', 'o'], ['e', 'w', '0'], ['e', 'w', 'k']];

/// How many beginnings are followed; a text of nothing else would take as long as its sender likes.
const MOST_BEGINNINGS: usize = 32;

/// How many characters of base64 stand for a signature, its padding left out.
const SIGNATURE: usize = 86;

/// How much padding follows them.
const PADDING: usize = 2;

/// Whether a text begins as a token does.
pub(super) fn begins_a_token(glyphs: &[Glyph]) -> bool {
    BEGINNINGS.iter().any(|beginning| {
        glyphs.len() > beginning.len() && glyphs.iter().zip(beginning).all(|(glyph, char)| glyph.char == *char)
    })
}

/// Returns the tokens in a text: each begins a word, may be wrapped, and ends where its signature does. One that goes on
/// behind its signature is none, but keeps the others from being the only one.
pub(super) fn tokens(glyphs: &[Glyph]) -> Vec<&[Glyph]> {
    let (mut tokens, mut whole, mut at, mut followed) = (Vec::new(), 0, 0, 0);
    while at < glyphs.len() && followed < MOST_BEGINNINGS {
        if begins_a_word(&glyphs[..at]) && begins_a_token(&glyphs[at..]) {
            followed += 1;
            // A sentence that ends behind the token has begun before it.
            let in_a_sentence = glyphs[..at].iter().any(|glyph| !glyph.is_space());
            if let Some(Extent { length, ends }) = extent(&glyphs[at..], in_a_sentence) {
                tokens.push(&glyphs[at..at + length]);
                whole += usize::from(ends);
                at += length;
                continue;
            }
        }
        at += 1;
    }
    if whole > 0 { tokens } else { Vec::new() }
}

/// How far a token reaches.
struct Extent {
    length: usize,
    /// Whether it ends there.
    ends: bool,
}

/// Whether a word can begin behind this text.
fn begins_a_word(before: &[Glyph]) -> bool {
    let goes_on = |glyph: &Glyph| glyph.is_base64() || glyph.char == '.' || is_damage(*glyph);
    !before.last().is_some_and(goes_on)
}

/// Whether no letter has this character; a token next to it has been damaged.
fn is_damage(glyph: Glyph) -> bool {
    glyph.char.is_control() && !glyph.is_space()
}

/// Measures the token that a text begins with; `None` when prose comes before its end.
fn extent(glyphs: &[Glyph], in_a_sentence: bool) -> Option<Extent> {
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
    let after = glyphs.get(end + 1);
    let ends = match glyphs.get(end) {
        None => true,
        Some(next) if next.is_space() => true,
        // Padding that is not whole was lost only where nothing stands in its place; else it was changed.
        Some(next) if padding < PADDING => closes(next.char),
        // A third part would make it something else; the full stop of a sentence does not.
        Some(next) if next.char == '.' => in_a_sentence && after.is_none_or(|after| after.is_space()),
        Some(next) => !next.is_base64() && next.char != '=' && !is_damage(*next),
    };
    Some(Extent { length: end, ends })
}
