//! Finds the nearest of some names to a misspelled one.

/// The number of letters that are changed, added, left out or swapped with their neighbour.
pub(super) fn osa(a: &str, b: &str) -> usize {
    strsim::osa_distance(a, b)
}

/// A key without case and separators: `Time_Zone` and `time-zone` become `timezone`.
pub fn plain(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// The greatest distance at which a name of this length counts as a misspelling.
fn reach(length: usize) -> usize {
    match length {
        0..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

/// The name in `known` that `key` is a misspelling of, and its distance.
pub fn nearest<'k>(key: &str, known: impl IntoIterator<Item = &'k str>) -> Option<(usize, &'k str)> {
    let key = plain(key);
    let length = key.chars().count();
    let distance = |name: &'k str| {
        let other = plain(name);
        let begins = length >= 3 && other.starts_with(&key);
        // A prefix of a name counts as one wrong letter.
        let distance = osa(&key, &other).min(if begins { 1 } else { usize::MAX });
        (distance, name)
    };
    // Short names have too many neighbours, so the shorter length decides.
    let is_near = |(distance, name): &(usize, &'k str)| *distance <= reach(length.min(name.len()));
    known.into_iter().map(distance).filter(is_near).min()
}

/// Whether `key` is `name` with one wrong letter, or two in a long name. Stricter than [`nearest`], for a key that may as
/// well be a word of its own.
pub fn is_misspelled(key: &str, name: &str) -> bool {
    let (key, name) = (plain(key), plain(name));
    let reach = if key.chars().count().min(name.len()) < 8 { 1 } else { 2 };
    key != name && osa(&key, &name) <= reach
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_added_or_missing_characters_are_misspellings_and_other_words_are_not() {
        let known = ["draft", "newsletter", "date", "title"];
        for (key, name) in [
            ("darft", "draft"),
            ("DRAFT", "draft"),
            ("drafts", "draft"),
            ("newsleter", "newsletter"),
            ("news_letter", "newsletter"),
            ("titel", "title"),
            ("dat", "date"),
        ] {
            assert_eq!(nearest(key, known).map(|(_, name)| name), Some(name), "{key}");
        }
        for key in ["mood", "x", "weather", "layout"] {
            assert_eq!(nearest(key, known), None, "{key}");
        }
    }
}
