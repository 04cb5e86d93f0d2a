//! What is said to somebody who wrote a name that does not exist.

/// How many names are listed.
const LISTED: usize = 12;

/// Returns the name that was meant: the nearest, however its letters are cased, with at most one letter in three wrong.
/// What is further away is another word, and to suggest it would be a guess.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let bound = (name.chars().count() / 3).max(1);
    let near = names.map(|other| (strsim::damerau_levenshtein(&name, &other.to_lowercase()), other));
    // A single letter turned into any other is no slip of the pen.
    let near = near.filter(|(distance, other)| *distance <= bound && *distance < other.chars().count());
    near.min_by_key(|(distance, _)| *distance).map(|(_, other)| other)
}

/// Lists names, the first of many.
pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slip_of_the_pen_is_near() {
        let names = ["api.validate", "reports", "x"];
        let nearest = |name| nearest(name, names.into_iter());
        assert_eq!(nearest("report"), Some("reports"));
        assert_eq!(nearest("REPROTS"), Some("reports"));
        assert_eq!(nearest("api-validat"), Some("api.validate"));
        assert_eq!(nearest("X"), Some("x"));
        for other in ["sso", "export", "y", "", "*"] {
            assert_eq!(nearest(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<_> = (0..14).map(|number| format!("n{number}")).collect();
        assert_eq!(listed(&names[..2]), "`n0`, `n1`");
        assert!(listed(&names).ends_with("`n11` and 2 more"));
    }
}
