use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A document that does not pack well, as signatures do not.
fn document(length: usize) -> Vec<u8> {
    let blocks = (0_u64..).map(|number| sha256(&number.to_be_bytes()));
    blocks.flatten().take(length).collect()
}

fn said(text: &str) -> String {
    let error = join(text).unwrap_err();
    format!("{}: {error}", error.code())
}

#[test]
fn parts_are_as_long_as_asked_and_even() {
    let parts = split(&document(3000), 500).unwrap();
    assert_eq!(parts.len(), 11);
    assert!(parts.iter().all(|part| part.len() <= 500), "{parts:?}");
    let lengths: Vec<usize> = parts.iter().map(String::len).collect();
    assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() < 12, "{lengths:?}");
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b":/".contains(&byte);
    assert!(parts.iter().all(|part| part.bytes().all(fits)));
}

#[test]
fn the_form_of_a_part() {
    // Python: base64.b32encode(zlib.compress(b"", 9)); the digests likewise.
    assert_eq!(split(b"", 500).unwrap(), ["MTG1:WFY6FA6G:1/1:PDNAGAAAAAAAC:AQ6J"]);
}

#[test]
fn lost_parts_are_named() {
    let parts = split(&document(350), 150).unwrap();
    assert_eq!(parts.len(), 5);
    assert_eq!(said(&parts[..4].join("\n")), "damaged-text: part 5 of 5 is missing");
    assert_eq!(said(&[&parts[3][..], &parts[0]].join("\n")), "damaged-text: parts 2, 3 and 5 of 5 are missing");
}

#[test]
fn changed_parts_are_named_and_do_no_harm_where_a_true_copy_is() {
    let parts = split(&document(350), 150).unwrap();
    let mut text = parts.clone();
    text[1] = text[1].replace(&parts[1][40..44], "ABC");
    let changed = "damaged-text: part 2 of 5, on line 2 of the text, is cut off or was changed";
    assert_eq!(said(&text.join("\n")), changed);
    assert_eq!(join(&[text.join("\n"), parts[1].clone()].join("\n")).unwrap(), document(350));
    text[3].truncate(9);
    let also = "the part on line 4 of the text is cut off or was changed; part 4 of 5 is missing";
    assert_eq!(said(&text.join("\n")), format!("{changed}; {also}"));
    assert_eq!(said("MTG1:"), "damaged-text: the part on line 1 of the text is cut off or was changed");
}

#[test]
fn any_changed_character_is_noticed() {
    let part = &split(b"a license", 500).unwrap()[0];
    for at in 0..part.len() {
        let mut other = part.clone();
        let char = if &part[at..=at] == "7" { "6" } else { "7" };
        other.replace_range(at..=at, char);
        assert_ne!(join(&other), Ok(b"a license".to_vec()), "{other}");
    }
}

#[test]
fn parts_of_two_documents_are_kept_apart() {
    let (first, second) = (split(&document(350), 150).unwrap(), split(&document(351), 150).unwrap());
    let text = [&first[0][..], &second[1], &first[2]].join("\n");
    let (one, other) = (&first[0][5..13], &second[0][5..13]);
    let mut names = [format!("parts 1 and 3 of 5 of {one}"), format!("part 2 of 5 of {other}")];
    names.sort_by_key(|name| name[name.len() - 8..].to_owned());
    assert_eq!(said(&text), format!("damaged-text: these are parts of 2 documents: {}", names.join("; ")));
    // The same document in wider parts is another set.
    let wide = split(&document(350), 300).unwrap();
    assert!(matches!(join(&[&first[0][..], &wide[0]].join("\n")), Err(SplitError::Mixed(sets)) if sets.len() == 2));
}

/// A part with a check that fits.
fn forged(set: &str, place: &str, chunk: &str) -> String {
    let signed = format!("MTG1:{set}:{place}:{chunk}");
    let check = base32::digest(signed.as_bytes(), CHECK_DIGITS);
    format!("{signed}:{check}")
}

#[test]
fn hostile_parts_are_refused() {
    let many = forged("AAAAAAAA", "1/1000000000", "AAAA");
    assert_eq!(said(&many), "malformed: the document has 1000000000 parts, and at most 99 can be");
    for place in ["0/1", "2/1", "1/0", "01/2", "+1/2", "-1/2", "1/99999999999999999999", "1", "/"] {
        assert!(matches!(join(&forged("AAAAAAAA", place, "AA")), Err(SplitError::Incomplete { .. })), "{place}");
    }
    let twice = [forged("AAAAAAAA", "1/2", "AAAA"), forged("AAAAAAAA", "1/2", "BBBB")].join("\n");
    assert_eq!(said(&twice), "damaged-text: part 1 of 2 is there twice, with different contents");
    let none = "malformed: every part is as it was written, and together they are no document";
    assert_eq!(said(&forged("AAAAAAAA", "1/1", "AAAA")), none);
    let packed = pack(&document(40));
    for wrong in [&packed[..packed.len() - 1], &[&packed[..], b"x"].concat(), b"no zlib"] {
        let digest = base32::digest(wrong, SET_DIGITS);
        assert_eq!(said(&forged(&digest, "1/1", &base32::encode(wrong))), none);
    }
    let bomb = pack(&vec![0; MAX_BYTES + 1]);
    let bomb = forged(&base32::digest(&bomb, SET_DIGITS), "1/1", &base32::encode(&bomb));
    assert_eq!(said(&bomb), "malformed: the document is larger than the 262144 bytes that parts hold");
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(split(&vec![0; MAX_BYTES + 1], 500), Err(SplitError::TooLarge));
    assert_eq!(split(&document(MAX_BYTES), 500), Err(SplitError::TooMany(884)));
    assert!(split(&vec![0; MAX_BYTES], 500).is_ok());
}

#[test]
fn other_texts_are_left_alone() {
    for text in ["", "eyJ.e30=", r#"{"label":"MTG1:"}"#, "\u{feff} {\"a\":\"mtg1:\"}", "MTG2:"] {
        assert_eq!(whole(text.as_bytes()), Ok(Cow::Borrowed(text.as_bytes())));
    }
    assert_eq!(whole(b"\xff MTG1:"), Ok(Cow::Borrowed(&b"\xff MTG1:"[..])));
    let part = &split(b"a license", 500).unwrap()[0];
    assert_eq!(whole(part.as_bytes()).unwrap().as_ref(), b"a license");
}

proptest! {
    #[test]
    fn what_was_split_is_joined_in_any_order_and_form(
        document in vec(any::<u8>(), 0..2000),
        width in 60_usize..600,
        order in vec(any::<prop::sample::Index>(), 0..40),
        columns in 20_usize..90,
        quote in prop::sample::select(vec!["", "> ", "\u{a0}", "\t"]),
        between in prop::sample::select(vec!["\n", "\r\n", "\n\n\n", " ", "\nQR-Code:", "\nand the next: \n"]),
        lower in any::<bool>(),
    ) {
        let parts = match split(&document, width) {
            Err(SplitError::TooMany(_)) => return Ok(()),
            parts => parts.unwrap(),
        };
        let mut shuffled = parts.clone();
        order.iter().for_each(|index| {
            let at = index.index(shuffled.len());
            let again = shuffled.remove(at);
            shuffled.insert(0, again.clone());
            if at % 3 == 0 { shuffled.push(again); }
        });
        // Wrapped as mail does it, which never cuts the first word of a line.
        let wrapped = shuffled.iter().map(|part| {
            let lines: Vec<String> = part.as_bytes().chunks(columns).map(|line| {
                format!("{quote}{}", String::from_utf8_lossy(line))
            }).collect();
            lines.join("\n")
        });
        let text = wrapped.collect::<Vec<_>>().join(between);
        let text = if lower { text.to_lowercase() } else { text };
        prop_assert_eq!(join(&text).unwrap(), document);
    }

    #[test]
    fn no_text_makes_a_panic(text in "([a-c:/1-9 \n]|MTG1:|mtg1:[A-Z2-7]{8}:[0-9]/[0-9]:){0,30}") {
        let _ = join(&text);
    }
}
