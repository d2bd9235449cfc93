//! Says that a file beside the posts was written and belongs to them: who loses it gets all posts again in feed readers.

use camino::Utf8Path;

use crate::config::Config;

/// The line about `file`, which is relative to the configuration. Only in a git repository there is something to commit.
pub(in crate::cli) fn updated(file: &Utf8Path, config: &Config) -> String {
    let file = config.resolve(file);
    let verb = if is_in_repository(&file) { "commit" } else { "keep" };
    format!("{file} was updated; {verb} it together with your posts")
}

fn is_in_repository(file: &Utf8Path) -> bool {
    let whole = file.canonicalize_utf8();
    whole.is_ok_and(|whole| whole.ancestors().any(|folder| folder.join(".git").exists()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_to_be_committed_only_if_it_is_below_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let config =
            crate::config::parse("[site]\ntitle = \"a\"\nurl = \"https://a.kr/\"\n", "config.toml", root)
                .unwrap();
        std::fs::create_dir(root.join("posts")).unwrap();
        std::fs::write(root.join("posts/ids.txt"), "").unwrap();
        let line = || updated(Utf8Path::new("posts/ids.txt"), &config);
        assert!(line().ends_with("posts/ids.txt was updated; keep it together with your posts"));
        // In a worktree `.git` is a file.
        std::fs::write(root.join(".git"), "gitdir: elsewhere\n").unwrap();
        assert!(line().ends_with("posts/ids.txt was updated; commit it together with your posts"));
    }
}
