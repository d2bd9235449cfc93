//! Pelican: `pelicanconf.py`, and over it `publishconf.py`.

use std::collections::BTreeMap;

use super::{Found, feeds, python};

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
    let by_name = text("SLUGIFY_SOURCE").is_some_and(|source| source == "basename");
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
        other_language: None,
        feeds: feeds::pelican(&settings),
        notes,
    }
}

/// `posts/{date:%Y}/{slug}/index.html` as `/posts/:year/:slug/`. An unknown field becomes an unknown placeholder, which is
/// refused with a message.
fn pattern(url: &str, by_name: bool) -> String {
    let mut pattern = "/".to_owned();
    let mut rest = url.trim_start_matches('/');
    while let Some((before, (field, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        pattern.push_str(before);
        match field.split_once(':') {
            Some(("date", format)) => pattern.push_str(&date(format)),
            _ if field == "slug" && by_name => pattern.push_str(":slugorfilename"),
            _ => {
                pattern.push(':');
                pattern.push_str(field);
            }
        }
        rest = after;
    }
    pattern.push_str(rest);
    pattern.strip_suffix("/index.html").map(|path| format!("{path}/")).unwrap_or(pattern)
}

/// A format of `strftime` as placeholders: `%Y/%m` is `:year/:month`.
fn date(format: &str) -> String {
    const DIRECTIVES: [(&str, &str); 19] = [
        ("Y", ":year"),
        ("y", ":short_year"),
        ("m", ":month"),
        ("-m", ":i_month"),
        ("b", ":short_month"),
        ("B", ":long_month"),
        ("d", ":day"),
        ("-d", ":i_day"),
        ("j", ":y_day"),
        ("-j", ":yearday"),
        ("H", ":hour"),
        ("M", ":minute"),
        ("S", ":second"),
        ("a", ":short_day"),
        ("A", ":long_day"),
        ("u", ":w_day"),
        ("V", ":week"),
        ("G", ":w_year"),
        ("F", ":year-:month-:day"),
    ];
    let mut parts = format.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match DIRECTIVES.iter().find_map(|(name, to)| Some((to, part.strip_prefix(name)?))) {
            Some((placeholder, rest)) => text.extend([placeholder, rest]),
            None => text.extend([":%", part]),
        }
    }
    text
}
