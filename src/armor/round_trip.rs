//! Whatever mail does to a token, in whatever order, repair gives back the sender's text.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{looks_armored, repair, unwrap_armor, wrap};

#[derive(Clone, Debug)]
enum Mishap {
    Blanks(u64),
    ByteOrderMark,
    CarriageReturn,
    CrLf,
    MangledMarkers(&'static str),
    NoBreakSpaces(u64),
    Prose,
    QuotedPrintable(u64),
    Quotes(&'static str),
    SmartDashes(&'static str),
    Surround(&'static str, &'static str),
    Wrap(usize),
    ZeroWidth(u64),
}

impl Mishap {
    fn befall(&self, text: &str, armored: bool) -> String {
        match *self {
            Self::Blanks(seed) => {
                let mut seed = seed;
                let lines = text.split('\n');
                let blank = |seed: &mut u64| ["", " ", "\t", "  "][below(seed, 4)];
                lines
                    .map(|line| format!("{}{line}{}", blank(&mut seed), blank(&mut seed)))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            Self::ByteOrderMark => format!("\u{feff}{text}"),
            Self::CarriageReturn => text.replace('\n', "\r"),
            Self::CrLf => text.replace('\n', "\r\n"),
            Self::MangledMarkers(blanks) => text.replace(" MINTAGE ", &format!("{blanks}MINTAGE{blanks}")),
            Self::NoBreakSpaces(seed) => sprinkle(text, seed, &['\u{a0}', '\u{202f}']),
            Self::Prose if armored => {
                format!("Dear customer,\nhere is a = b\nyour license: \n{text}\n-- \nkind regards, > us\n=\n")
            }
            Self::QuotedPrintable(seed) => {
                let mut seed = seed;
                let encode = |char: char| match (char, below(&mut seed, 20)) {
                    ('=', 0) => "=\n=3D".to_owned(),
                    ('=', _) => "=3D".to_owned(),
                    (char, 0) => format!("=\n{char}"),
                    (char, _) => char.to_string(),
                };
                text.chars().map(encode).collect()
            }
            Self::Quotes(quote) => text.split('\n').map(|line| format!("{quote}{line}")).collect::<Vec<_>>().join("\n"),
            Self::SmartDashes(dash) => text.replace("--", dash),
            Self::Surround(left, right) => format!("{left}{text}{right}"),
            Self::Wrap(width) => text.split('\n').map(|line| wrapped(line, width)).collect::<Vec<_>>().join("\n"),
            Self::ZeroWidth(seed) => {
                sprinkle(text, seed, &['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}'])
            }
            Self::Prose => text.to_owned(),
        }
    }
}

/// One step of a generator that is good enough to strew characters.
fn below(seed: &mut u64, limit: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 40).unwrap() % limit
}

fn sprinkle(text: &str, mut seed: u64, among: &[char]) -> String {
    let mut strewn = String::new();
    for char in text.chars() {
        if below(&mut seed, 30) == 0 {
            strewn.push(among[below(&mut seed, among.len())]);
        }
        strewn.push(char);
    }
    strewn
}

fn wrapped(line: &str, width: usize) -> String {
    let chars: Vec<char> = line.chars().collect();
    chars.chunks(width).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join("\n")
}

fn token() -> impl Strategy<Value = String> {
    (vec(any::<u8>(), 1..200), vec(any::<u8>(), 64))
        .prop_map(|(payload, signature)| format!("{}.{}", STANDARD.encode(payload), STANDARD.encode(signature)))
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let pairs =
        [("\"", "\""), ("'", "'\n"), ("\u{201c}", "\u{201d}"), ("`", "`"), ("```\n", "\n```"), ("<", ">"), ("«", "»")];
    prop_oneof![
        any::<u64>().prop_map(Mishap::Blanks),
        Just(Mishap::ByteOrderMark),
        Just(Mishap::CarriageReturn),
        Just(Mishap::CrLf),
        prop::sample::select(vec!["", "  ", "\t", "\n"]).prop_map(Mishap::MangledMarkers),
        any::<u64>().prop_map(Mishap::NoBreakSpaces),
        Just(Mishap::Prose),
        prop::sample::select(vec!["> ", ">", ">> ", "  > > "]).prop_map(Mishap::Quotes),
        prop::sample::select(vec!["\u{2014}", "\u{2013}", "- -"]).prop_map(Mishap::SmartDashes),
        prop::sample::select(pairs.to_vec()).prop_map(|(left, right)| Mishap::Surround(left, right)),
        (20_usize..100).prop_map(Mishap::Wrap),
        any::<u64>().prop_map(Mishap::ZeroWidth),
    ]
}

/// Any mishaps in any order, quoted-printable at most once among them.
fn mishaps() -> impl Strategy<Value = Vec<Mishap>> {
    let printable = prop::option::of(any::<u64>().prop_map(Mishap::QuotedPrintable));
    (vec(mishap(), 0..5), printable, vec(mishap(), 0..5))
        .prop_map(|(before, printable, after)| before.into_iter().chain(printable).chain(after).collect())
}

fn without_padding(token: &str, which: u8) -> String {
    let (payload, signature) = token.split_once('.').unwrap();
    let lose =
        |part: &str, bit: u8| if which & bit > 0 { part.trim_end_matches('=').to_owned() } else { part.to_owned() };
    format!("{}.{}", lose(payload, 1), lose(signature, 2))
}

/// Whether repair gives back the token, and says so unless there was nothing to mend.
fn gives_back(damaged: &str, token: &str) -> Result<(), TestCaseError> {
    let repaired = repair(damaged).map_err(|damage| TestCaseError::fail(format!("{damage}: {damaged:?}")))?;
    prop_assert_eq!(&repaired.text, token, "{:?}", damaged);
    let undamaged = [token.to_owned(), format!("{token}\n"), wrap("LICENSE", token)];
    let is_undamaged = undamaged.iter().any(|text| text == damaged);
    prop_assert_eq!(repaired.repairs.is_empty(), is_undamaged, "{:?} {:?}", repaired.repairs, damaged);
    Ok(())
}

proptest! {
    #[test]
    fn a_bare_token_survives_any_mishaps(token in token(), lost in 0..4_u8, mishaps in mishaps()) {
        let damaged = mishaps.iter().fold(without_padding(&token, lost), |text, mishap| mishap.befall(&text, false));
        gives_back(&damaged, &token)?;
    }

    #[test]
    fn an_armored_token_survives_any_mishaps(token in token(), lost in 0..4_u8, mishaps in mishaps()) {
        let armor = wrap("LICENSE", &without_padding(&token, lost));
        let damaged = mishaps.iter().fold(armor, |text, mishap| mishap.befall(&text, true));
        prop_assert!(looks_armored(&damaged), "{:?}", damaged);
        gives_back(&damaged, &token)?;
    }

    #[test]
    fn an_undamaged_text_needs_no_repair(token in token()) {
        for text in [token.clone(), format!("{token}\n"), wrap("LICENSE", &token)] {
            let repaired = repair(&text).unwrap();
            prop_assert_eq!(&repaired.text, &token);
            prop_assert_eq!(repaired.repairs, []);
        }
    }

    #[test]
    fn armor_of_any_base64_opens(bytes in vec(any::<u8>(), 1..400), mishaps in mishaps()) {
        let text = STANDARD.encode(bytes);
        let damaged = mishaps.iter().fold(wrap("proof", &text), |text, mishap| mishap.befall(&text, true));
        let (label, repaired) = unwrap_armor(&damaged).unwrap();
        prop_assert_eq!((label.as_str(), &repaired.text), ("PROOF", &text));
    }

    #[test]
    fn one_lost_pad_of_two_is_restored(token in token()) {
        let text = token.replacen("==", "=", 1);
        prop_assert_eq!(repair(&text).map(|repaired| repaired.text), Ok(token));
    }

    #[test]
    fn no_text_is_a_panic(text in any::<String>(), pasted in "[-—=>. \r\n\\\\3DnuA-Z\u{200b}\u{a0}]{0,200}") {
        for text in [text.clone(), pasted.clone(), format!("-----BEGIN MINTAGE LICENSE-----\n{pasted}{text}"),
            format!("{text}\n-----END MINTAGE X-----{pasted}"),
            format!("-----BEGIN MINTAGE A-----{pasted}-----END MINTAGE A-----")]
        {
            let _ = looks_armored(&text);
            for damage in [repair(&text).err(), unwrap_armor(&text).err()].into_iter().flatten() {
                prop_assert!(!damage.faults.is_empty());
                let printable = damage.to_string().chars().all(|char| matches!(char, ' '..='~'));
                prop_assert!(printable, "{}", damage);
            }
        }
    }
}
