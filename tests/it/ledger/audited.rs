//! Whatever is done to the audit shows.

use mintage::ledger::audit::{Broken, Chained, Entry, Link};

use super::at;

const ENTRIES: u64 = 200;

fn chain() -> (Vec<Chained>, Link) {
    let mut link = Link { book_id: "book-1".to_owned(), sequence: 0, hash: String::new() };
    let entry = |number: u64| {
        let entry = Entry::new(at(i64::try_from(number).unwrap()), "ann", "activated", &format!("lic-{}", number % 7));
        entry.target(&format!("m{number}")).detail(|out| out.name("fingerprint").integer(number.into()))
    };
    let chained = (0..ENTRIES).map(|number| link.chain(entry(number))).collect();
    (chained, link)
}

/// Follows a chain to where the book says that it ends, or a checkpoint says that it has been.
fn holds(entries: &[Chained], end: &Link) -> Result<(), Broken> {
    let mut link = Link { book_id: end.book_id.clone(), sequence: 0, hash: String::new() };
    entries.iter().try_for_each(|chained| link.follow(chained))?;
    if link == *end { Ok(()) } else { Err(Broken::Head(link.sequence, end.sequence)) }
}

#[test]
fn every_one_of_a_thousand_forgeries_is_found() {
    let (chained, end) = chain();
    holds(&chained, &end).unwrap();
    let mut state = 7_u64;
    let mut below = |bound: usize| {
        // Knuth's generator: the same forgeries in every run.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % bound as u64).unwrap()
    };
    let mut found = 0;
    for round in 0..1_000 {
        let mut forged = chained.clone();
        let at = below(forged.len());
        match round % 10 {
            0 => drop(forged.remove(at)),
            1 => {
                let other = (at + 1 + below(forged.len() - 1)) % forged.len();
                forged.swap(at, other);
            }
            2 => forged.truncate(at),
            3 => forged.insert(at, chained[below(chained.len())].clone()),
            4 => forged[at].entry.actor.push('x'),
            5 => forged[at].entry.detail = "{}".to_owned(),
            6 => forged[at].entry.at = super::at(-1),
            7 => forged[at].entry.license_id = None,
            8 => forged[at].entry.action = "released".to_owned(),
            // All that follows is chained anew, as one would who can write the ledger: only the end tells.
            _ => {
                let mut link = Link { book_id: end.book_id.clone(), sequence: 0, hash: String::new() };
                forged[at].entry.target = Some("other".to_owned());
                let entries: Vec<Entry> = forged.into_iter().map(|chained| chained.entry).collect();
                forged = entries.into_iter().map(|entry| link.chain(entry)).collect();
            }
        }
        let broken = holds(&forged, &end);
        assert!(broken.is_err(), "round {round} at {at}");
        found += usize::from(broken.is_err());
    }
    assert_eq!(found, 1_000);
    println!("{found} of 1000 forgeries of the audit were found");
}

#[test]
fn an_entry_of_another_ledger_does_not_fit() {
    let (chained, mut end) = chain();
    end.book_id = "book-2".to_owned();
    assert_eq!(holds(&chained, &end), Err(Broken::Changed(1)));
}
