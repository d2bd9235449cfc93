//! Zola: `config.toml`.

use serde_json::Value;

use super::tree::{at, author, parse, text};
use super::{Found, feeds};

pub(super) fn read(files: &[(String, String)]) -> Result<Found, String> {
    let Some((file, content)) = files.last() else { return Ok(Found::default()) };
    let site = parse(file, content)?;
    let mut notes = Vec::new();
    let languages = at(&site, &["languages"]).and_then(Value::as_object);
    if languages.is_some_and(|languages| !languages.is_empty()) {
        let note = "the site has other languages, too; only posts of the first are used; `archive.language` selects another";
        notes.push(note.to_owned());
    }
    let slugify = at(&site, &["slugify", "paths"]).or_else(|| at(&site, &["slugify_paths"]));
    let keeps_names = slugify.and_then(Value::as_str).is_some_and(|how| how != "on")
        || slugify == Some(&Value::Bool(false));
    // With this setting, a name is used in an address unchanged, except for characters that a path cannot contain.
    let permalink = keeps_names.then(|| "/:sections/:filename/".to_owned());
    if keeps_names {
        notes.push(
            "slugify.paths is not \"on\", which is not supported: folder names are converted to ASCII"
                .to_owned(),
        );
    }
    let people = ["author", "authors"].iter().find_map(|key| {
        at(&site, &[key]).and_then(author).or_else(|| at(&site, &["extra", key]).and_then(author))
    });
    Ok(Found {
        title: text(&site, &["title"]),
        url: text(&site, &["base_url"]),
        description: text(&site, &["description"]),
        language: text(&site, &["default_language"]),
        timezone: None,
        author: people,
        posts: "content".to_owned(),
        permalink,
        permalinks: std::collections::BTreeMap::new(),
        other_language: None,
        feeds: feeds::zola(&site),
        notes,
    })
}
