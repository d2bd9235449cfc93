//! The nearest of some names, for slips of the fingers.

/// How many letters must be changed, added, left out or swapped with their neighbour.
pub(super) fn osa(a: &str, b: &str) -> usize {
    strsim::osa_distance(a, b)
}

/// A key without what people write in one way or another: `Time_Zone` and `time-zone` are `timezone`.
pub fn plain(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// How far a name of this length may be from another and still be a slip of it.
fn reach(length: usize) -> usize {
    match length {
        0..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

/// The name among `known` that `key` is a slip of, and how far it is away.
pub fn nearest<'k>(key: &str, known: impl IntoIterator<Item = &'k str>) -> Option<(usize, &'k str)> {
    let key = plain(key);
    let length = key.chars().count();
    let distance = |name: &'k str| {
        let other = plain(name);
        let begins = length >= 3 && other.starts_with(&key);
        // The beginning of a name is as good as a slip of one letter.
        let distance = osa(&key, &other).min(if begins { 1 } else { usize::MAX });
        (distance, name)
    };
    // A short name has too many neighbours for what a long key may have in it.
    let is_near = |(distance, name): &(usize, &'k str)| *distance <= reach(length.min(name.len()));
    known.into_iter().map(distance).filter(is_near).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_swapped_added_or_left_out_are_slips_and_other_words_are_not() {
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
