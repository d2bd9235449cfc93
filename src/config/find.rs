//! Finds the configuration in the current folder or in one above it, like git and cargo.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::Generator;
use crate::platform::owner;

/// The name of the configuration file.
const NAME: &str = "config.toml";

/// The limit of folders to search.
const MAX_CLIMB: usize = 32;

/// The result of the search for a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path, relative to the current folder.
    pub path: Utf8PathBuf,
    /// Whether it is in a folder above the current one; then the user should see which one is used.
    pub is_above: bool,
}

/// The `config.toml` of `folder`, else the nearest one above it that belongs to Letterpress; if there is none, the path
/// that it would have in `folder`.
pub fn find(folder: &Utf8Path) -> Found {
    let here = Found { path: joined(folder, NAME), is_above: false };
    if here.path.exists() {
        return here;
    }
    // Where the owner is not known, none above is trusted.
    let Some(whose) = owner(folder) else { return here };
    let mut above = folder.to_owned();
    for _ in 0..MAX_CLIMB {
        above = joined(&above, "..");
        // A file of another user, for example in /tmp, must not decide where emails go.
        if owner(&above) != Some(whose) {
            break;
        }
        let path = above.join(NAME);
        if owner(&path) == Some(whose) && is_ours(&path) {
            return Found { path, is_above: true };
        }
    }
    here
}

fn joined(folder: &Utf8Path, name: &str) -> Utf8PathBuf {
    if folder == "." { name.into() } else { folder.join(name) }
}

/// The generator whose configuration this text of a `config.toml` is.
pub(super) fn generator_of(text: &str) -> Option<Generator> {
    if has_our_section(text) {
        return None;
    }
    let mut keys = text.lines().filter_map(|line| Some(line.split_once('=')?.0.trim()));
    keys.find_map(|key| match key.to_ascii_lowercase().as_str() {
        "baseurl" => Some(Generator::Hugo),
        "base_url" => Some(Generator::Zola),
        _ => None,
    })
}

/// Hugo and Zola also use the name `config.toml`, but have no `[site]` section.
fn is_ours(path: &Utf8Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| has_our_section(&text))
}

fn has_our_section(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("[site]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_configuration_above_is_found_and_those_of_other_programs_are_skipped() {
        let site = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(site.path()).unwrap();
        fs::create_dir_all(root.join("content/posts/2026")).unwrap();
        fs::write(root.join("config.toml"), "[site]\ntitle = \"t\"\n").unwrap();
        fs::write(root.join("content/config.toml"), "baseURL = \"https://a.kr/\"\n").unwrap();
        let found = find(&root.join("content/posts/2026"));
        assert!(found.is_above);
        assert_eq!(
            found.path.canonicalize_utf8().unwrap(),
            root.join("config.toml").canonicalize_utf8().unwrap()
        );
        let found = find(&root.join("content"));
        assert_eq!((found.path, found.is_above), (root.join("content/config.toml"), false));
    }

    #[test]
    fn without_a_configuration_the_path_is_in_the_current_folder() {
        let empty = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(empty.path()).unwrap();
        assert_eq!(find(folder), Found { path: folder.join("config.toml"), is_above: false });
    }
}
