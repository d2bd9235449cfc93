//! Joins the parts of a name in the order of its language.

use std::borrow::Cow;

/// Joins a given and a family name: 민준 and 김 are 김민준, Minjun and Kim are Minjun Kim.
pub(super) fn join<'a>(given: &'a str, family: &'a str) -> Cow<'a, str> {
    let (given, family) = (given.trim_matches(' '), family.trim_matches(' '));
    if given.is_empty() || family.is_empty() {
        return Cow::Borrowed(if given.is_empty() { family } else { given });
    }
    let family_first =
        [is_hangul, is_han].into_iter().any(|script| given.chars().all(script) && family.chars().all(script));
    Cow::Owned(if family_first { format!("{family}{given}") } else { format!("{given} {family}") })
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{1100}'..='\u{11FF}')
}

/// Katakana is excluded: foreign names are written in it, in their own order.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '々')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_names_come_first_in_korean_chinese_and_japanese() {
        for (given, family, name) in [
            ("민준", "김", "김민준"),
            ("서연", "남궁", "남궁서연"),
            ("Minjun", "Kim", "Minjun Kim"),
            ("민준", "Kim", "민준 Kim"),
            ("太郎", "山田", "山田太郎"),
            ("ジョン", "スミス", "ジョン スミス"),
            (" Yuna ", "", "Yuna"),
            ("", "이", "이"),
            (" ", "", ""),
        ] {
            assert_eq!(join(given, family), name);
        }
    }
}
