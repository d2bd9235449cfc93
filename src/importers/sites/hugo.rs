//! Hugo: `hugo.toml`, `config.yaml`, `config/_default/*`.

use serde_json::{Value, json};

use super::tree::{at, author, overlay, parse, text};
use super::{Found, feeds};

/// Hugo looks for `hugo.*` before `config.*`, in the folder of the site before `config/_default`.
pub(super) const FILES: [&str; 28] = [
    "config/_default/permalinks.json",
    "config/_default/permalinks.yml",
    "config/_default/permalinks.yaml",
    "config/_default/permalinks.toml",
    "config/_default/languages.json",
    "config/_default/languages.yml",
    "config/_default/languages.yaml",
    "config/_default/languages.toml",
    "config/_default/params.json",
    "config/_default/params.yml",
    "config/_default/params.yaml",
    "config/_default/params.toml",
    "config/_default/config.json",
    "config/_default/config.yml",
    "config/_default/config.yaml",
    "config/_default/config.toml",
    "config/_default/hugo.json",
    "config/_default/hugo.yml",
    "config/_default/hugo.yaml",
    "config/_default/hugo.toml",
    "config.json",
    "config.yml",
    "config.yaml",
    "config.toml",
    "hugo.json",
    "hugo.yml",
    "hugo.yaml",
    "hugo.toml",
];

/// Reads the settings of the first language, or of `wanted`.
pub(super) fn read(files: &[(String, String)], wanted: Option<&str>) -> Result<Found, String> {
    let mut site = json!({});
    for (file, content) in files {
        let value = parse(file, content)?;
        // `languages.toml` is the table of that name, `languages.ko.toml` the part of one language.
        let parts: Vec<&str> = file.rsplit('/').next().unwrap_or_default().split('.').collect();
        let value = match parts.as_slice() {
            ["languages", language, _] => json!({ "languages": { *language: value } }),
            [stem @ ("permalinks" | "languages" | "params"), _] => json!({ *stem: value }),
            _ => value,
        };
        overlay(&mut site, value);
    }
    let languages = names_of_languages(&site);
    let Some(wanted) = wanted else { return Ok(found(&site, None)) };
    let Some(known) = languages.iter().find(|name| name.eq_ignore_ascii_case(wanted)) else {
        let has = if languages.is_empty() { "one language".to_owned() } else { languages.join(", ") };
        return Err(format!("the site has no language {wanted}; it has {has}"));
    };
    let is_first =
        text(&site, &["defaultContentLanguage"]).is_some_and(|first| first.eq_ignore_ascii_case(known));
    Ok(found(&site, Some(known.as_str()).filter(|_| !is_first)))
}

fn names_of_languages(site: &Value) -> Vec<String> {
    let table = at(site, &["languages"]).and_then(Value::as_object);
    table.into_iter().flat_map(serde_json::Map::keys).cloned().collect()
}

/// The pages and feeds of another language than the first are in a folder with its name.
fn found(site: &Value, other: Option<&str>) -> Found {
    let mut notes = Vec::new();
    let language = other.map(str::to_owned).or_else(|| text(site, &["defaultContentLanguage"]));
    let own = language
        .as_deref()
        .and_then(|language| at(site, &["languages", language]))
        .cloned()
        .unwrap_or_default();
    let either = |path: &[&str]| text(&own, path).or_else(|| text(site, path));
    let content = either(&["contentDir"]).unwrap_or_else(|| "content".to_owned());
    let languages = names_of_languages(site);
    if languages.len() > 1 && other.is_none() {
        notes.push(format!(
            "the site has {} languages ({}), and this is {}; `new --from hugo --language` makes a configuration for another",
            languages.len(),
            languages.join(", "),
            language.as_deref().unwrap_or("the first")
        ));
    }
    let mut url = either(&["baseURL"]);
    if at(site, &["defaultContentLanguageInSubdir"]).and_then(Value::as_bool) == Some(true)
        && other.is_none()
        && let (Some(base), Some(language)) = (&url, &language)
    {
        url = Some(format!("{}/{language}/", base.trim_end_matches('/')));
    }
    let ugly = at(site, &["uglyURLs"]);
    let is_ugly = |section: Option<&str>| match (ugly, section) {
        (Some(Value::Bool(yes)), _) => *yes,
        (Some(table), Some(section)) => at(table, &[section]).and_then(Value::as_bool) == Some(true),
        _ => false,
    };
    let finish = |pattern: &str, section: Option<&str>| {
        let path = format!("/{}", pattern.trim_matches('/'));
        if is_ugly(section) { format!("{path}.html") } else { format!("{path}/") }
    };
    let mut permalinks = std::collections::BTreeMap::new();
    // `[permalinks.page]` is the newer form.
    let sections = at(site, &["permalinks"]).and_then(Value::as_object).into_iter().flatten();
    let pages = at(site, &["permalinks", "page"]).and_then(Value::as_object).into_iter().flatten();
    for (section, pattern) in sections.chain(pages) {
        if let Some(pattern) = pattern.as_str() {
            permalinks.insert(section.clone(), finish(pattern, Some(section)));
        }
    }
    if let Some(Value::Object(sections)) = ugly {
        for section in sections.keys().filter(|section| is_ugly(Some(section))) {
            permalinks.entry(section.clone()).or_insert_with(|| "/:sections/:slugorfilename.html".to_owned());
        }
    }
    if at(site, &["disablePathToLower"]).and_then(Value::as_bool) == Some(true) {
        notes.push("disablePathToLower is not supported: URLs are in lower case".to_owned());
    }
    let people = ["author", "authors"].iter().find_map(|key| {
        at(site, &["params", key]).and_then(author).or_else(|| at(site, &[key]).and_then(author))
    });
    Found {
        title: either(&["title"]),
        url,
        description: either(&["params", "description"]).or_else(|| either(&["description"])),
        language: language.or_else(|| either(&["locale"])).or_else(|| either(&["languageCode"])),
        timezone: either(&["timeZone"]),
        author: people,
        posts: content,
        permalink: is_ugly(None).then(|| "/:sections/:slugorfilename.html".to_owned()),
        permalinks,
        feeds: feeds::hugo(site).below(other),
        other_language: other.map(str::to_owned),
        notes,
    }
}
