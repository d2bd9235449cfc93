//! The name of a category as a folder name that is readable and valid on every file system and web server.

use std::collections::HashMap;
use std::fmt::Write;

use aws_lc_rs::digest;

use crate::text::hex;

/// The longest folder name in bytes. The limit of file systems is 255.
const LONGEST: usize = 180;

/// Names that Windows reserves for devices, in any case and with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Gives each category a unique folder name, also where `Rust` and `rust` are the same file.
#[derive(Debug, Default)]
pub(super) struct FolderNames {
    given: HashMap<String, usize>,
}

impl FolderNames {
    /// The folder for `category`. Call it once for each category, the oldest first.
    ///
    /// Of names that differ only in case, the first keeps its name and the next ones get `~~2`, `~~3`.
    pub(super) fn name(&mut self, category: &str) -> String {
        let mut name = encode(category);
        // Through upper case, because some file systems treat `ß` as `ss` and `ς` as `σ`.
        let count = self.given.entry(name.to_uppercase().to_lowercase()).or_default();
        *count += 1;
        if *count > 1 {
            let _ = write!(name, "~~{count}");
        }
        name
    }
}

/// The folder for a path of folders, which are unique already.
pub(super) fn of_path(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).map(encode).collect::<Vec<_>>().join("/")
}

/// A unique folder name for each name: a space becomes `_`, and a character with a meaning in file systems or URLs becomes `~`
/// and two hexadecimal digits.
///
/// Percent-encoding would not do: `%2F` would be `%252F` in a URL, and some servers decode twice.
fn encode(category: &str) -> String {
    let mut name = String::with_capacity(category.len());
    let last = category.chars().count().saturating_sub(1);
    for (at, c) in category.chars().enumerate() {
        // A leading dot hides a folder, and Windows drops a trailing one.
        let dot_at_an_end = c == '.' && (at == 0 || at == last);
        match c {
            ' ' => name.push('_'),
            c if dot_at_an_end || needs_escape(c) || (at == 0 && is_device(category)) => escape(&mut name, c),
            c => name.push(c),
        }
    }
    if name.len() > LONGEST { shorten(&name, category) } else { name }
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '~' | '_' | '/' | '\\' | '%' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

fn escape(name: &mut String, c: char) {
    let mut bytes = [0; 4];
    for byte in c.encode_utf8(&mut bytes).bytes() {
        let _ = write!(name, "~{byte:02X}");
    }
}

/// `CON`, `nul.txt`, `LPT1`.
fn is_device(category: &str) -> bool {
    let stem = category.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port)
            .is_some_and(|rest| matches!(rest, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"))
    });
    numbered || DEVICES.contains(&stem.as_str())
}

/// The beginning of a long name and a digest of the whole. No other name ends in `~~x`: escapes are in upper case, and numbers
/// have no `x`.
fn shorten(name: &str, category: &str) -> String {
    let mut short: String = name
        .chars()
        .scan(0, |length, c| {
            *length += c.len_utf8();
            (*length <= LONGEST - 20).then_some(c)
        })
        .collect();
    short.push_str("~~x");
    short.push_str(&hex(&digest::digest(&digest::SHA256, category.as_bytes()).as_ref()[..8]));
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_readable() {
        for (category, folder) in [
            ("기술", "기술"),
            ("C++", "C++"),
            ("C#", "C#"),
            ("machine learning", "machine_learning"),
            ("a/b c", "a~2Fb_c"),
            ("50%", "50~25"),
            (".NET", "~2ENET"),
            ("..", "~2E~2E"),
            ("con", "~63on"),
            ("Console", "Console"),
        ] {
            assert_eq!(encode(category), folder);
        }
    }

    #[test]
    fn names_that_differ_only_in_case_get_two_folders() {
        let mut names = FolderNames::default();
        let folders: Vec<String> =
            ["Rust", "rust", "RUST", "Straße", "STRASSE"].map(|name| names.name(name)).into();
        assert_eq!(folders, ["Rust", "rust~~2", "RUST~~3", "Straße", "STRASSE~~2"]);
    }

    #[test]
    fn a_very_long_name_fits_and_stays_unique() {
        let (one, two) = (format!("{}1", "가".repeat(10_000)), format!("{}2", "가".repeat(10_000)));
        assert!(encode(&one).len() <= LONGEST && encode(&one).starts_with('가'));
        assert_ne!(encode(&one), encode(&two));
    }

    proptest! {
        #[test]
        fn a_folder_name_is_one_safe_part_of_a_path(category in "\\PC{1,80}") {
            let name = encode(&category);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST);
            prop_assert!(!name.starts_with('.') && !name.ends_with('.') && !name.ends_with(' '));
            prop_assert!(!name.contains(['/', '\\', '%', ':', '*', '?', '"', '<', '>', '|', ' ']));
        }

        #[test]
        fn two_names_never_share_a_folder(a in "[a-c _~/.%A-C2F가]{1,6}", b in "[a-c _~/.%A-C2F가]{1,6}") {
            prop_assert_eq!(encode(&a) == encode(&b), a == b);
            let mut names = FolderNames::default();
            if a != b {
                prop_assert_ne!(names.name(&a).to_lowercase(), names.name(&b).to_lowercase());
            }
        }
    }
}
