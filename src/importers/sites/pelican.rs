//! Pelican: `pelicanconf.py`, and over it `publishconf.py`.

use std::collections::BTreeMap;

use super::{Found, python};

pub(super) fn read(files: &[(String, String)]) -> Found {
    let mut settings = BTreeMap::new();
    for (_, text) in files {
        let own = python::assignments(text);
        // The address is empty while a site is being developed.
        settings.extend(own.into_iter().filter(|(_, value)| !value.is_empty()));
    }
    let text = |name: &str| settings.get(name).filter(|value| *value != "None").cloned();
    let mut notes = Vec::new();
    if text("SITEURL").is_none() {
        notes.push("SITEURL is not a plain string: set `url` yourself".to_owned());
    }
    let by_name = text("FILENAME_METADATA").is_some_and(|pattern| pattern.contains("(?P<slug>"))
        || text("SLUGIFY_SOURCE").is_some_and(|source| source == "basename");
    let url = text("ARTICLE_URL").or_else(|| by_name.then(|| "{slug}.html".to_owned()));
    let permalink = url.map(|url| pattern(&url, by_name));
    for name in ["SLUG_REGEX_SUBSTITUTIONS", "ARTICLE_PATHS", "PATH_METADATA"] {
        if files.iter().any(|(_, text)| text.lines().any(|line| line.starts_with(name))) {
            notes.push(format!("{name} is not supported: compare some URLs"));
        }
    }
    Found {
        title: text("SITENAME"),
        url: text("SITEURL"),
        description: text("SITESUBTITLE").or_else(|| text("SITE_DESCRIPTION")),
        language: text("DEFAULT_LANG"),
        timezone: text("TIMEZONE"),
        author: text("AUTHOR").map(|name| (name, None)),
        posts: text("PATH").unwrap_or_else(|| "content".to_owned()).trim_end_matches('/').to_owned(),
        permalink,
        permalinks: BTreeMap::new(),
        notes,
    }
}

/// `posts/{date:%Y}/{slug}/index.html` as `/posts/:year/:slug/`; an unknown placeholder stays, and is refused with
/// a message later.
fn pattern(url: &str, by_name: bool) -> String {
    let mut pattern = format!("/{}", url.trim_start_matches('/'));
    let slug = if by_name { ":slugorfilename" } else { ":slug" };
    for (name, placeholder) in [
        ("{date:%Y}", ":year"),
        ("{date:%y}", ":short_year"),
        ("{date:%m}", ":month"),
        ("{date:%-m}", ":i_month"),
        ("{date:%b}", ":short_month"),
        ("{date:%B}", ":long_month"),
        ("{date:%d}", ":day"),
        ("{date:%-d}", ":i_day"),
        ("{date:%j}", ":y_day"),
        ("{date:%H}", ":hour"),
        ("{category}", ":category"),
        ("{author}", ":author"),
        ("{lang}", ":lang"),
        ("{slug}", slug),
    ] {
        pattern = pattern.replace(name, placeholder);
    }
    pattern.strip_suffix("/index.html").map(|path| format!("{path}/")).unwrap_or(pattern)
}
