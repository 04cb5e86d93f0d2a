use super::*;

/// A token of 240 bytes of payload and 64 of signature, so 7 lines of armor, the last one 49 characters long.
fn token() -> String {
    let half =
        |count: u32, step: u32| -> Vec<u8> { (1..=count).map(|n| (n * n * step % 251).to_le_bytes()[0]).collect() };
    let encode = |bytes: Vec<u8>| ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, bytes);
    format!("{}.{}", encode(half(240, 37)), encode(half(64, 73)))
}

fn armor() -> String {
    wrap("license", &token())
}

/// Gives back the armor with the lines in this order; 0 is the BEGIN line, 1 the first line of the text.
fn reordered(order: &[usize]) -> String {
    let armor = armor();
    let lines: Vec<&str> = armor.lines().collect();
    order.iter().flat_map(|&index| [lines[index], "\n"]).collect()
}

fn faults(text: &str) -> Vec<String> {
    match repair(text) {
        Ok(repaired) => panic!("repaired: {repaired:?}"),
        Err(damage) => damage.faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn armor_has_one_spelling() {
    let text = format!("{}.{}==", "A".repeat(60), "B".repeat(86));
    let lines = [("A".repeat(60), 1), (format!(".{}", "B".repeat(59)), 2), (format!("{}==", "B".repeat(27)), 3)];
    let body: String = lines.map(|(line, number)| format!("{line} {}\n", lines::check(number, &line))).concat();
    let expected = format!("-----BEGIN MINTAGE LICENSE-----\n{body}-----END MINTAGE LICENSE-----\n");
    assert_eq!(wrap("license", &text), expected);
    // The digest of `1:AAAA` begins with ed44d.
    assert_eq!(lines::check(1, "AAAA"), "XN2D");
    assert_eq!(
        wrap("Build manifest!", ""),
        "-----BEGIN MINTAGE BUILDMANIFEST-----\n-----END MINTAGE BUILDMANIFEST-----\n"
    );
}

#[test]
fn says_what_was_mended() {
    let token = token();
    let (armor, in_lines) = (armor(), |text: &str, width: usize| {
        text.as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    });
    for (text, repairs) in [
        (in_lines(&token, 60), "joined 7 wrapped lines"),
        (in_lines(&token, 60).replace('\n', "\r\n"), "changed 6 CRLF or CR line ends, joined 7 wrapped lines"),
        (
            format!("> {}", in_lines(&token, 140).replace('\n', "\n> ")),
            "removed `> ` quotes from 3 lines, joined 3 wrapped lines",
        ),
        (format!("|>| {}", armor.trim_end().replace('\n', "\n|>| ")), "removed `| ` quotes from 9 lines"),
        (token.replacen('.', ".\u{200b}\u{ad}", 1), "removed 2 zero-width characters"),
        (token.replacen('.', ".\u{a0}", 1), "removed 1 no-break space"),
        (token.trim_end_matches('=').to_owned(), "restored lost `=` padding"),
        (token.replace('=', "=3D"), "decoded quoted-printable"),
        (token.replace('=', "\\u003D").replace('/', "\\/"), "decoded 10 JSON escapes"),
        (format!("{token}  \n"), "removed blanks from 1 line"),
        (format!("{token}\n\n"), "removed 1 empty line"),
        (format!("\u{feff}{token}"), "removed a byte order mark"),
        (format!("\"{token}\"\n"), "removed quotation marks or brackets around the text"),
        (format!("<\u{201c}{token}\u{201d}>"), "removed quotation marks or brackets around the text"),
        (token.replacen('.', ".\u{2028}", 1), "removed blanks from 1 line"),
        (token.replacen('.', ".\u{3000}\u{2029}", 1), "removed blanks from 1 line"),
        (armor.replace('\n', "\r\n"), "changed 9 CRLF or CR line ends"),
        (armor.replacen("= ", " ", 1), "restored lost `=` padding"),
        (
            armor.replacen("== ", " ", 1).replace('\n', "\r\n"),
            "changed 9 CRLF or CR line ends, restored lost `=` padding",
        ),
        (format!("Hello,\n{armor}-- \nBye\n"), "removed text around the armor"),
        (format!("Copy it from -----BEGIN MINTAGE LICENSE----- on:\n{armor}"), "removed text around the armor"),
        (armor.replace("-----", "\u{2014}-"), "restored the BEGIN and END lines"),
        (
            armor.replace("-----", "-----=E2=80=8B").replace('=', "=3D").replace("=3DE2=3D80=3D8B", "=E2=80=8B"),
            "decoded quoted-printable",
        ),
        (armor.replace('\n', " "), "removed blanks from 1 line, restored lost line ends"),
        (in_lines(&armor, 64), "removed 1 empty line, joined 14 wrapped lines"),
        (
            armor
                .lines()
                .flat_map(|line| [line.rsplit_once(' ').filter(|it| it.1.len() == 4).map_or(line, |it| it.0), "\n"])
                .collect(),
            "the line checks were missing",
        ),
    ] {
        let repaired = repair(&text).unwrap_or_else(|damage| panic!("{repairs}: {damage}"));
        let said: Vec<String> = repaired.repairs.iter().map(ToString::to_string).collect();
        assert_eq!((repaired.text, said.join(", ").as_str()), (token.clone(), repairs));
    }
}

#[test]
fn padding_that_every_line_of_armor_lost_is_restored() {
    let encode = |bytes: &[u8]| ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, bytes);
    for length in 238..=240 {
        let token = format!("{}.{}", encode(&vec![0x5a; length]), encode(&[0xa7; 64]));
        let repaired = repair(&wrap("license", &token).replace('=', "")).unwrap();
        assert_eq!((repaired.text, repaired.repairs), (token, vec![Repair::Padding]), "{length}");
    }
}

/// A token whose payload is an object, of 120 bytes and so without padding.
fn license() -> String {
    let encode = |bytes: &[u8]| ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, bytes);
    format!("{}.{}", encode(format!("{{\"a\":\"{}\"}}", "x".repeat(112)).as_bytes()), encode(&[0xa7; 64]))
}

#[test]
fn finds_the_one_token_in_a_letter() {
    let token = license();
    let wrapped =
        token.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n");
    let around = "removed text around the token";
    for (text, said) in [
        (format!("Hello,\n\n{token}\n\n-- \nAcme Inc.\n"), format!("removed 2 empty lines, {around}")),
        (format!("Hi Bob\n{token}\nRegards"), around.to_owned()),
        (format!("Your license is {token}."), around.to_owned()),
        (format!("license={token}; keep it"), around.to_owned()),
        (format!("Hello Jo\n{}\nRegards", token.trim_end_matches('=')), format!("{around}, restored lost `=` padding")),
        (format!("Hello,\n{wrapped}\nRegards\nJo\n"), format!("{around}, joined 4 wrapped lines")),
        (
            format!("> Hello,\r\n> {token}\r\n> Regards\r\n"),
            format!("changed 3 CRLF or CR line ends, removed `> ` quotes from 3 lines, {around}"),
        ),
    ] {
        let repaired = repair(&text).unwrap_or_else(|damage| panic!("{text}: {damage}"));
        let repairs: Vec<String> = repaired.repairs.iter().map(ToString::to_string).collect();
        assert_eq!((repaired.text, repairs.join(", ")), (token.clone(), said), "{text}");
    }
    for text in [
        format!("Hello,\n{token}\n\n{token}\n"),
        format!("old: {token}\nnew: {token}"),
        // Two files that were joined, the first without a line end.
        format!("{token}{token}"),
        format!("{token}={token}"),
    ] {
        assert!(faults(&text).concat().contains("a second token begins on line"), "{text}");
    }
    // A part of one is none.
    for text in [format!("Hello,\n{}\nRegards", &token[..200]), format!("Hello,\n{}\nRegards,", &token[4..])] {
        assert!(repair(&text).is_err(), "{text}");
    }
    // However many seem to begin, reading ends soon.
    assert!(repair(&"eyJ\n".repeat(32 << 10)).is_err());
}

#[test]
fn a_changed_bit_is_never_mended() {
    let token = license();
    for bit in 0..8 * token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        assert!(repair(&text).map_or(true, |repaired| repaired.text != token), "bit {bit}: {text}");
    }
    for text in [
        format!("{token}."),
        format!("{token}.."),
        format!("{token}\0"),
        format!("\0{token}"),
        format!("{token}\u{1b}"),
    ] {
        assert!(repair(&text).is_err(), "{}", text.escape_debug());
    }
}

#[test]
fn says_what_is_damaged() {
    let (token, armor) = (token(), armor());
    let lines: Vec<&str> = armor.lines().collect();
    let (payload, signature) = token.split_once('.').unwrap();
    for (text, expected) in [
        (
            format!("Hello,\n\n{}", armor.replacen(&lines[4][..7], "AAAAAAA", 1)),
            "line 4 of the armor (line 7 of the text) was changed: its check is GDBQ and should be 149C",
        ),
        (
            armor.replacen(&lines[4][7..10], "", 1),
            "line 4 of the armor (line 5 of the text) was changed: its check is GDBQ and should be DR4H; \
             about 3 characters are missing",
        ),
        (
            armor.replacen(&lines[4][7..10], "AAAAAA", 1),
            "line 4 of the armor (line 5 of the text) was changed: its check is GDBQ and should be JPCN; \
             about 3 characters are too many",
        ),
        (armor.replacen(lines[4], &lines[4][..60], 1), "line 4 of the armor (line 5 of the text) has lost its check"),
        (
            armor.replacen(&lines[4][7..8], "\u{201c}", 1),
            "line 4 of the armor (line 5 of the text) was changed: its check is GDBQ and should be BB6G; \
             line 4 of the armor (line 5 of the text) has U+201C in column 8, which base64 does not use",
        ),
        (reordered(&[0, 1, 2, 3, 4, 6, 7, 8]), "line 5 of the armor is missing"),
        (
            reordered(&[0, 1, 2, 3, 4, 5, 6, 8]),
            "about 49 characters are missing at the end; \
             line 7 of the armor is missing",
        ),
        (
            reordered(&[0, 1, 2, 3, 4, 8]),
            "a token has two parts with one dot between them, and this text has 1; \
             line 5 of the armor is missing",
        ),
        (
            reordered(&[0, 1, 2, 6, 4, 5, 3, 7, 8]),
            "line 6 of the armor (line 4 of the text) stands in the place of line 3; \
             line 3 of the armor (line 7 of the text) stands in the place of line 6",
        ),
        (reordered(&[0, 1, 2, 3, 3, 4, 5, 6, 7, 8]), "line 3 of the armor (line 5 of the text) is there a second time"),
        (reordered(&[0, 1, 2, 3, 4, 5, 6, 7]), "the END line of the armor is missing"),
        (format!("Hello\n\n{}", reordered(&[1, 2, 3, 4, 5, 6, 7, 8])), "the BEGIN line of the armor is missing"),
        (
            reordered(&[1, 2, 3, 4, 5, 6, 7]),
            "the BEGIN line of the armor is missing; \
             the END line of the armor is missing",
        ),
        (armor.repeat(2), "a second armor begins on line 10 of the text"),
        (armor.replace("END MINTAGE LICENSE", "END MINTAGE PROOF"), "the armor begins as LICENSE and ends as PROOF"),
        (
            armor.replacen(&format!("{}\n", lines[3]), &format!("{}\nadvertisement\n", lines[3]), 1),
            "line 5 of the text does not belong to the armor",
        ),
        (
            token.replacen(&payload[3..4], "\u{201c}", 1),
            "line 1 of the text has U+201C in column 4, which base64 does not use",
        ),
        (
            format!("  {token}\n\nRegards, us"),
            "line 3 of the text has `,` (U+002C) in column 8, which base64 does not use",
        ),
        (
            token.replace('+', "-").replace('/', "_"),
            "line 1 of the text has `_` in column 24: this is URL-safe base64, and standard base64 has `+` and `/`",
        ),
        (token[..token.len() - 12].to_owned(), "about 12 characters are missing at the end"),
        (format!("{token}\nRegards"), "about 7 characters are too many at the end"),
        (payload.to_owned(), "a token has two parts with one dot between them, and this text has 1"),
        (
            format!("{payload}.{signature}.{signature}"),
            "a token has two parts with one dot between them, and this text has 3",
        ),
        (
            format!("{}.{signature}", &payload[1..]),
            "the payload ends as base64 of its length never does, so characters are missing or changed",
        ),
        (
            format!("{}.{signature}", &payload[3..]),
            "the payload has 317 characters without padding, a length that base64 never has",
        ),
        (format!("{payload}=.{signature}"), "the payload has more `=` than its length allows"),
        (
            token.replacen(&payload[9..10], "=", 1),
            "line 1 of the text has `=` in column 10, before the end of its part",
        ),
        (String::new(), "the text is empty"),
        ("\n \u{feff}\n".to_owned(), "the text is empty"),
    ] {
        assert_eq!(faults(&text).join("; "), expected);
    }
}

#[test]
fn lines_behind_an_unknown_mark_keep_their_numbers() {
    for mark in ["# ", "*", ":: "] {
        let marked = format!("{mark}{}", armor().trim_end().replace('\n', &format!("\n{mark}")));
        let damage = repair(&marked).expect_err(mark);
        let of_the_armor = damage.faults.iter().filter_map(|fault| Some((fault.armor_line?, fault.line)));
        assert!(of_the_armor.clone().count() >= 7, "{mark}: {damage}");
        assert!(of_the_armor.clone().all(|(armor_line, line)| line == armor_line + 1), "{mark}: {damage}");
    }
}

#[test]
fn every_changed_character_is_located_on_its_line() {
    let armor = armor();
    let lines: Vec<&str> = armor.lines().collect();
    for (number, line) in lines.iter().enumerate().take(8).skip(1) {
        for column in (0..line.len()).filter(|column| line.as_bytes()[*column] != b' ') {
            let with: &[&str] = if column % 10 == 4 { &["A", "", "7", "=", ".", "\u{ff21}"] } else { &["A", ""] };
            for with in with {
                let mut changed = (*line).to_owned();
                changed.replace_range(column..=column, with);
                let damaged = armor.replacen(line, &changed, 1);
                let damage = match repair(&damaged) {
                    Ok(repaired) => {
                        // The check still vouches for padding that is lost.
                        let restored = repaired.repairs == [Repair::Padding] && line.as_bytes()[column] == b'=';
                        assert!(damaged == armor || restored, "line {number}, column {column}, {with:?}");
                        assert_eq!(repaired.text, token());
                        continue;
                    }
                    Err(damage) => damage,
                };
                let located =
                    damage.faults.iter().all(|fault| fault.armor_line == Some(number) && fault.line == number + 1);
                assert!(located, "line {number}, column {column}, {with:?}: {damage}");
            }
        }
    }
}

#[test]
fn every_lost_line_is_named() {
    for lost in 1..=7 {
        let order: Vec<usize> = (0..=8).filter(|index| *index != lost).collect();
        let damage = repair(&reordered(&order)).unwrap_err();
        let named = |fault: &Fault| fault.kind == FaultKind::Lost && fault.armor_line == Some(lost);
        assert!(damage.faults.iter().any(named), "line {lost}: {damage}");
    }
}

#[test]
fn any_two_swapped_lines_and_any_moved_or_doubled_line_are_named() {
    for (a, b) in (1..=7).flat_map(|a| (1..=7).map(move |b| (a, b))).filter(|(a, b)| a != b) {
        let mut swapped: Vec<usize> = (0..=8).collect();
        swapped.swap(a, b);
        let damage = repair(&reordered(&swapped)).unwrap_err();
        let mut named: Vec<_> =
            damage.faults.iter().map(|fault| (fault.armor_line, fault.line, fault.kind.clone())).collect();
        named.sort_by_key(|it| it.0);
        let (a, b) = (a.min(b), a.max(b));
        let displaced = |number, due| (Some(number), due + 1, FaultKind::Displaced(due));
        assert_eq!(named, [displaced(a, b), displaced(b, a)]);

        let mut doubled: Vec<usize> = (0..=8).collect();
        doubled.insert(b + 1, a);
        let damage = repair(&reordered(&doubled)).unwrap_err();
        assert_eq!(damage.faults, [Fault { line: b + 2, armor_line: Some(a), kind: FaultKind::Duplicate }]);
    }
}

#[test]
fn texts_that_are_all_one_pattern_are_refused_in_linear_time() {
    // A quadratic step would take minutes here.
    for pattern in [
        "A",
        "=",
        "= ",
        "=\n",
        "=FF",
        "-",
        "-BEGIN MINTAGE ",
        "BEGINMINTAGE",
        "> ",
        "\\u003d",
        "\u{ad}",
        "A.",
        "\u{201c}A",
        "K3F0\n",
        "AAAA 0000\n",
        "\n",
    ] {
        for head in ["", "-----BEGIN MINTAGE A-----\n"] {
            let text = head.to_owned() + &pattern.repeat((64 << 10) / pattern.len());
            assert!(repair(&text).is_err(), "{pattern}");
        }
    }
}

#[test]
fn a_dash_is_found_however_it_is_written() {
    let armor = armor();
    for text in [
        armor.clone(),
        armor.replace('-', "\\u002d"),
        armor.replace("-----", "\u{2014}\u{2014}\u{2014}\u{2014}\u{2014}"),
    ] {
        assert!(looks_armored(&text), "{text}");
    }
    assert!(!looks_armored(&license()));
}

#[test]
fn other_texts_are_not_armored() {
    assert!(looks_armored(&armor()) && looks_armored("> - -----BEGIN  MINTAGE\n> LICENSE-----"));
    assert!(!looks_armored(&token()) && !looks_armored("-----BEGIN PUBLIC KEY-----\n"));
    let damage = unwrap_armor(&token()).unwrap_err();
    assert_eq!(damage.to_string(), "the BEGIN line of the armor is missing; the END line of the armor is missing");
    assert_eq!(damage.code(), crate::code::Code::DamagedText);
}
