//! Converts the configuration of another site generator: title, address, language, the folder of the posts and the
//! addresses of their pages. Text in, values out; no code runs, and unsupported settings are reported.

mod feeds;
mod hugo;
mod jekyll;
mod pelican;
mod python;
mod table;
mod tree;
mod zola;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::archive::front_matter;
use crate::config::{Generator, Pattern};

/// The settings that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The title of the site.
    pub title: Option<String>,
    /// Its address.
    pub url: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// Its zone.
    pub timezone: Option<String>,
    /// Its author, and the author's address.
    pub author: Option<(String, Option<String>)>,
    /// The folder of its posts, below the folder of the site.
    pub posts: String,
    /// The language of the posts to read, if it is not the site's first.
    pub other_language: Option<String>,
    /// The pattern of page addresses, if it is not the generator's default.
    pub permalink: Option<String>,
    /// The same for single sections.
    pub permalinks: BTreeMap<String, String>,
    /// The feeds of the site.
    feeds: feeds::SiteFeeds,
    /// Settings that could not be converted.
    pub notes: Vec<String>,
}

/// The files that contain a site's configuration, in increasing precedence.
pub fn files(generator: Generator) -> Vec<&'static str> {
    match generator {
        Generator::Plain => Vec::new(),
        Generator::Hugo => hugo::FILES.to_vec(),
        Generator::Zola => vec!["zola.toml", "config.toml"],
        Generator::Jekyll => vec!["_config.toml", "_config.yaml", "_config.yml"],
        Generator::Pelican => vec!["pelicanconf.py", "publishconf.py"],
        _ => table::files(generator),
    }
}

/// Reads the existing files, each with its name; an error names the wrong file. `is_there` says whether a folder or a file is
/// in the site.
pub fn read(
    generator: Generator,
    files: &[(String, String)],
    is_there: &dyn Fn(&str) -> bool,
) -> Result<Found, String> {
    let mut found = match generator {
        Generator::Hugo => hugo::read(files, None),
        Generator::Zola => zola::read(files),
        Generator::Jekyll => jekyll::read(files),
        Generator::Pelican => Ok(pelican::read(files)),
        Generator::Plain => Ok(Found { posts: "posts".to_owned(), ..Found::default() }),
        _ => table::read(generator, files, is_there),
    }?;
    found.check();
    Ok(found)
}

/// Reads the settings of one language of a Hugo site.
pub fn read_hugo_in(language: &str, files: &[(String, String)]) -> Result<Found, String> {
    let mut found = hugo::read(files, Some(language))?;
    found.check();
    Ok(found)
}

impl Found {
    /// The address of the feed that the site has now.
    pub fn feed_url(&self) -> Option<String> {
        let path = self.feeds.of_site()?;
        let url = self.url.as_ref().filter(|url| !url.is_empty())?;
        Some(format!("{}/{path}", url.trim_end_matches('/')))
    }

    /// Takes the title and the description that the configuration lacks from the page of the site, `content/_index.md`.
    pub fn take_home(&mut self, generator: Generator, text: &str) {
        let Ok(parts) = front_matter::split_for(text, "_index.md", generator) else { return };
        let value = |key: &str| {
            let entry = parts.entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key))?;
            match &entry.value {
                front_matter::Value::Text(text) => {
                    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
                }
                _ => None,
            }
        };
        self.title = self.title.take().or_else(|| value("title"));
        self.description = self.description.take().or_else(|| value("description"));
    }

    /// Removes the values that `config.toml` would not accept, and reports them. A permalink stays: with the rule of the
    /// generator instead, every link could be wrong.
    fn check(&mut self) {
        for pattern in self.permalink.iter().chain(self.permalinks.values()) {
            if let Err(message) = Pattern::parse(pattern) {
                self.notes
                    .push(format!("permalink {pattern}: {message}; nothing is built until you correct it"));
            }
        }
        if let Some(language) = self.language.take() {
            let tag = language.replace('_', "-");
            let tag = tag.split('.').next().unwrap_or_default().to_owned();
            if crate::config::is_language_tag(&tag) {
                self.language = Some(tag);
            } else {
                self.notes.push(format!("{language:?} is not a language tag"));
            }
        }
        if let Some(zone) = self.timezone.take() {
            if zone.parse::<chrono_tz::Tz>().is_ok() {
                self.timezone = Some(zone);
            } else {
                self.notes.push(format!("unknown time zone {zone:?}"));
            }
        }
        if let Some(url) = &self.url
            && crate::config::SiteUrl::parse(url).is_err()
        {
            self.notes.push(format!("{url:?} is not a web URL"));
            self.url = None;
        }
    }

    /// The text of a `config.toml` for the posts at `posts`, a path relative to it.
    pub fn to_toml(&self, generator: Generator, posts: &str) -> String {
        let mut text = "# Every key and its default: `letterpress check --defaults`\n\n[site]\n".to_owned();
        let mut push = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        let title = self.title.as_deref().unwrap_or("My site");
        push(format!("title = {}", quoted(title)));
        let url = self.url.as_deref().unwrap_or("https://example.com/");
        push(format!("url = {}", quoted(url)));
        for (key, value) in [("description", &self.description), ("language", &self.language)] {
            if let Some(value) = value {
                push(format!("{key} = {}", quoted(value)));
            }
        }
        push(format!("timezone = {}", quoted(self.timezone.as_deref().unwrap_or("UTC"))));
        if let Some((name, email)) = &self.author {
            let email =
                email.as_ref().map(|email| format!(", email = {}", quoted(email))).unwrap_or_default();
            push(format!("author = {{ name = {}{email} }}", quoted(name)));
        }
        push(format!("\n[archive]\nposts = {}", quoted(posts)));
        push(format!("generator = {}", quoted(generator.key())));
        if let Some(language) = &self.other_language {
            push(format!("language = {}", quoted(language)));
        }
        push(format!("permalink = {}", quoted(self.permalink.as_deref().unwrap_or("auto"))));
        if !self.permalinks.is_empty() {
            let mut pairs = String::new();
            for (section, pattern) in &self.permalinks {
                // Writing to a `String` cannot fail.
                let _ = write!(
                    pairs,
                    "{}{} = {}",
                    if pairs.is_empty() { "" } else { ", " },
                    quoted(section),
                    quoted(pattern)
                );
            }
            push(format!("permalinks = {{ {pairs} }}"));
        }
        push("date_only = \"first-seen\"".to_owned());
        push("ids = \"ids.txt\"                         # the permanent ids: keep this file in version control".to_owned());
        let feeds = self.feeds.to_toml();
        if !feeds.is_empty() {
            push(feeds.trim_end().to_owned());
        }
        push(
            "\n[newsletter]\n# from = \"Your name <letters@example.com>\"  # required to send emails"
                .to_owned(),
        );
        text
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.split_whitespace().collect::<Vec<_>>().join(" ")).to_string()
}

#[cfg(test)]
mod tests;
