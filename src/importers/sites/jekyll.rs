//! Jekyll: `_config.yml`.

use serde_json::Value;

use super::tree::{at, author, parse, text};
use super::{Found, feeds};

pub(super) fn read(files: &[(String, String)]) -> Result<Found, String> {
    let site = match files.last() {
        Some((file, content)) if !content.trim().is_empty() => parse(file, content)?,
        // A site without a configuration is valid, too.
        _ => Value::Null,
    };
    let mut notes = Vec::new();
    let url = text(&site, &["url"]).map(|url| {
        let base = text(&site, &["baseurl"]).unwrap_or_default();
        format!("{}/{}", url.trim_end_matches('/'), base.trim_matches('/'))
    });
    if text(&site, &["timezone"]).is_none() {
        notes.push(
            "timezone is not set: Jekyll uses that of the machine, this configuration uses UTC".to_owned(),
        );
    }
    let collections = at(&site, &["collections"]).and_then(Value::as_object).into_iter().flatten();
    let collections = collections.map(|(name, _)| name.as_str()).filter(|name| *name != "posts");
    for name in collections {
        notes.push(format!(
            "the collection {name} is not read; a second configuration with posts = \"…/_{name}\" and its `permalink` makes feeds of it"
        ));
    }
    let name = text(&site, &["author"]);
    let people = at(&site, &["author"]).and_then(author).or_else(|| Some((name?, None)));
    let email = || text(&site, &["email"]).filter(|email| crate::address::EmailAddress::parse(email).is_ok());
    Ok(Found {
        title: text(&site, &["title"]).or_else(|| text(&site, &["name"])),
        url,
        description: text(&site, &["description"]),
        language: text(&site, &["lang"])
            .or_else(|| text(&site, &["locale"]))
            .or_else(|| text(&site, &["language"])),
        timezone: text(&site, &["timezone"]),
        author: people.map(|(name, own)| (name, own.or_else(email))),
        posts: text(&site, &["collections_dir"]).unwrap_or_else(|| ".".to_owned()),
        permalink: permalink(&site).map(|style| pattern(&style)),
        permalinks: std::collections::BTreeMap::new(),
        other_language: None,
        feeds: feeds::jekyll(&site),
        notes,
    })
}

/// The defaults for posts override the values of the site, as in Jekyll.
fn permalink(site: &Value) -> Option<String> {
    let defaults = at(site, &["defaults"]).and_then(Value::as_array).into_iter().flatten();
    let for_posts = defaults.filter(|default| {
        let kind = text(default, &["scope", "type"]);
        let path = text(default, &["scope", "path"]).unwrap_or_default();
        matches!(kind.as_deref(), Some("posts")) && matches!(path.as_str(), "" | "_posts")
    });
    let collection = text(site, &["collections", "posts", "permalink"]);
    let mut stated = for_posts.filter_map(|default| text(default, &["values", "permalink"]));
    stated.next_back().or(collection).or_else(|| text(site, &["permalink"]))
}

/// The pattern of a named style.
fn pattern(style: &str) -> String {
    match style {
        "date" => "/:categories/:year/:month/:day/:title:output_ext".to_owned(),
        "pretty" => "/:categories/:year/:month/:day/:title/".to_owned(),
        "ordinal" => "/:categories/:year/:y_day/:title:output_ext".to_owned(),
        "weekdate" => "/:categories/:year/W:week/:short_day/:title:output_ext".to_owned(),
        "none" => "/:categories/:title:output_ext".to_owned(),
        pattern => format!("/{}", pattern.trim_start_matches('/')),
    }
}
