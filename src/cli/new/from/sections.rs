//! Guesses which folder of a site's content is its blog.

use camino::Utf8Path;

/// Usual names of the folder of posts.
const NAMES: [&str; 10] =
    ["posts", "post", "blog", "articles", "writing", "entries", "journal", "news", "essays", "notes"];

/// How deep folders are searched for posts.
const MAX_DEPTH: usize = 8;

/// What to do if the content has other folders besides that of the blog.
pub(super) fn advice(content: &Utf8Path) -> Option<String> {
    let folders = content.read_dir_utf8().ok()?.flatten().filter(|entry| entry.path().is_dir());
    let mut sections: Vec<(String, usize)> = folders
        .map(|entry| (entry.file_name().to_owned(), posts_in(entry.path(), 0)))
        .filter(|(name, posts)| *posts > 0 && !name.starts_with(['_', '.']))
        .collect();
    sections.sort();
    let named = NAMES.iter().find_map(|name| sections.iter().find(|(section, _)| section == name));
    let (blog, _) = named.or_else(|| sections.iter().max_by_key(|(_, posts)| *posts))?;
    let others: Vec<&str> =
        sections.iter().map(|(name, _)| name.as_str()).filter(|name| name != blog).collect();
    (!others.is_empty()).then(|| {
        format!(
            "the blog seems to be in {blog}/; posts in {} are read too, unless you write include = [{:?}] below [archive]",
            others.join(", "),
            blog
        )
    })
}

/// The number of Markdown files.
fn posts_in(folder: &Utf8Path, depth: usize) -> usize {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let count = |path: &Utf8Path| {
        if path.is_dir() {
            if depth < MAX_DEPTH { posts_in(path, depth + 1) } else { 0 }
        } else {
            let is_section = path.file_stem().is_some_and(|stem| stem.starts_with("_index"));
            usize::from(matches!(path.extension(), Some("md" | "markdown")) && !is_section)
        }
    };
    entries.map(|entry| count(entry.path())).sum()
}
