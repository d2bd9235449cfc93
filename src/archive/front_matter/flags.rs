//! Flags that hold a post back. Every tool has its own (`draft`, `unlisted`, `private`, `publish: false`, `isDraft`, …).
//! All of them count in every folder, whatever the generator of the site does. Pure.

use super::{Entry, Value};
use crate::config::Generator;
use crate::finding::Finding;

/// A flag that holds a post back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibilityFlag {
    /// Its index in the entries.
    pub at: usize,
    /// For messages: `unlisted: true`.
    pub text: String,
    /// Whether it says that the post is not finished; other flags hide a finished post.
    pub is_draft: bool,
}

/// `true` means unfinished. Keys are compared without case, dashes and underscores.
const DRAFT_IF_TRUE: [&str; 5] = ["draft", "isdraft", "drafted", "saveasdraft", "wip"];
/// `false` means unfinished.
const DRAFT_IF_FALSE: [&str; 4] = ["published", "publish", "ispublished", "dgpublish"];
/// `true` means not public.
const HIDDEN_IF_TRUE: [&str; 18] = [
    "headless",
    "unlisted",
    "isunlisted",
    "private",
    "isprivate",
    "hidden",
    "ishidden",
    "hide",
    "unpublished",
    "encrypted",
    "membersonly",
    "ignorepost",
    "eleventyexcludefromcollections",
    "hiddenfromrss",
    "hiddenfromfeed",
    "excludefromfeed",
    "excludefromrss",
    "norss",
];
/// `false` means not public.
const HIDDEN_IF_FALSE: [&str; 11] = [
    "render",
    "listed",
    "public",
    "ispublic",
    "visible",
    "isvisible",
    "routable",
    "permalink",
    "feed",
    "rss",
    "discoverable",
];
/// Keys whose value is one of the words below.
const STATES: [&str; 4] = ["status", "poststatus", "state", "visibility"];
const DRAFT_STATES: [&str; 12] = [
    "draft",
    "drafts",
    "wip",
    "pending",
    "in progress",
    "in review",
    "review",
    "idea",
    "todo",
    "unfinished",
    "skip",
    "auto-draft",
];
const HIDDEN_STATES: [&str; 13] = [
    "hidden",
    "private",
    "unlisted",
    "unpublished",
    "trash",
    "deleted",
    "members",
    "paid",
    "password",
    "protected",
    "internal",
    "secret",
    "friends",
];
/// These have other meanings as well, so only a boolean value makes them a flag.
const OFTEN_OTHERWISE: [&str; 14] = [
    "public",
    "permalink",
    "feed",
    "rss",
    "hide",
    "visible",
    "published",
    "publish",
    "listed",
    "routable",
    "wip",
    "encrypted",
    "membersonly",
    "discoverable",
];
/// Dates that can hold a post back.
const DATES: [&str; 14] = [
    "date",
    "publishdate",
    "pubdate",
    "publishon",
    "publishedat",
    "publisheddate",
    "expirydate",
    "expires",
    "expire",
    "expiration",
    "expireson",
    "unpublishdate",
    "unpublishon",
    "unpublish",
];

/// The first entry that holds the post back; an error if the value of such a key is unclear.
pub fn held_back(
    entries: &[Entry],
    file: &str,
    generator: Generator,
) -> Result<Option<VisibilityFlag>, Finding> {
    for (at, entry) in entries.iter().enumerate() {
        let flag = |text: String, is_draft| Ok(Some(VisibilityFlag { at, text, is_draft }));
        match visibility(&entry.key, &entry.value) {
            Visibility::Draft => return flag(shown(&entry.key, &entry.value), true),
            Visibility::Hidden => return flag(shown(&entry.key, &entry.value), false),
            Visibility::Unclear => {
                let message = format!("`{}`: it is neither true nor false", entry.key);
                let finding = Finding::error("post-held-back", file, message).at(entry.line);
                return Err(finding.hint("write true or false"));
            }
            Visibility::Public => {}
        }
        // Pelican does not publish a post with an unknown status.
        if generator == Generator::Pelican
            && plain(&entry.key) == "status"
            && !matches!(&entry.value, Value::Text(text) if text.trim().eq_ignore_ascii_case("published"))
            && !says_nothing(&entry.value)
        {
            return flag(shown(&entry.key, &entry.value), false);
        }
        // In Nikola, these tags are states.
        if generator == Generator::Nikola && plain(&entry.key) == "tags" && has_state(&entry.value) {
            return flag(shown(&entry.key, &entry.value), false);
        }
        let Value::Table(table) = &entry.value else { continue };
        for (key, value) in table {
            let verdict = match plain(&entry.key).as_str() {
                "params" | "extra" => visibility(key, value),
                "build" if leaves_out(key, value) => Visibility::Hidden,
                _ => Visibility::Public,
            };
            if matches!(verdict, Visibility::Draft | Visibility::Hidden) {
                let text = format!("{}.{}", entry.key, shown(key, value));
                return flag(text, verdict == Visibility::Draft);
            }
        }
    }
    Ok(None)
}

/// Whether an entry with this key may hold a post back, permanently, for a time or from some subscribers.
pub fn may_hold_back(entry: &Entry) -> bool {
    let key = plain(&entry.key);
    let lists = [&DRAFT_IF_TRUE[..], &DRAFT_IF_FALSE, &HIDDEN_IF_TRUE, &HIDDEN_IF_FALSE, &STATES, &DATES];
    lists.iter().any(|list| list.contains(&key.as_str()))
        || ["audience", "build", "newsletter", "password"].contains(&key.as_str())
}

/// The entry, if it hides a post from search engines and theme lists but not from subscribers.
pub fn hides_elsewhere(entry: &Entry) -> Option<String> {
    let key = plain(&entry.key);
    let truth = truth_of(&entry.value);
    let is_set = match key.as_str() {
        "noindex" | "robotsnoindex" | "searchhidden" | "searchexclude" | "excludefromsearch"
        | "hiddenfromsearch" | "hiddenfromhomepage" | "hiddeninhomelist" | "sitemapexclude"
        | "excludefromsitemap" | "exclude" | "navexclude" => truth == Some(true),
        "sitemap" | "search" | "searchable" | "insearchindex" | "index" | "pagefind" => {
            truth == Some(false) || matches!(&entry.value, Value::Table(table) if disables(table))
        }
        "robots" | "robotsmeta" | "metarobots" => match &entry.value {
            Value::Text(text) => text.to_ascii_lowercase().contains("noindex"),
            Value::List(items) => items
                .iter()
                .any(|item| matches!(item, Value::Text(text) if text.eq_ignore_ascii_case("noindex"))),
            Value::Table(table) => disables(table),
            _ => false,
        },
        _ => false,
    };
    is_set.then(|| shown(&entry.key, &entry.value))
}

/// Whether Hugo renders no page, or lists it nowhere: `build: {render: never}`, `build: {list: local}`.
fn leaves_out(key: &str, value: &Value) -> bool {
    let is_asked = ["list", "render"].contains(&plain(key).as_str());
    is_asked
        && match value {
            Value::Text(text) if ["never", "local", "link"].contains(&text.to_ascii_lowercase().as_str()) => {
                true
            }
            value => truth_of(value) == Some(false),
        }
}

/// `{disable: true}`, `{exclude: true}`, `{index: false}`.
fn disables(table: &[(String, Value)]) -> bool {
    table.iter().any(|(key, value)| match plain(key).as_str() {
        "disable" | "exclude" | "ignore" | "noindex" => truth_of(value) == Some(true),
        "index" => truth_of(value) == Some(false),
        _ => false,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    Public,
    Draft,
    Hidden,
    Unclear,
}

fn visibility(key: &str, value: &Value) -> Visibility {
    let key = plain(key);
    let key = key.as_str();
    let (if_true, if_false) = if DRAFT_IF_TRUE.contains(&key) {
        (Visibility::Draft, Visibility::Public)
    } else if DRAFT_IF_FALSE.contains(&key) {
        (Visibility::Public, Visibility::Draft)
    } else if HIDDEN_IF_TRUE.contains(&key) {
        (Visibility::Hidden, Visibility::Public)
    } else if HIDDEN_IF_FALSE.contains(&key) {
        (Visibility::Public, Visibility::Hidden)
    } else {
        return state(key, value);
    };
    match truth_of(value) {
        Some(true) => if_true,
        Some(false) => if_false,
        // An empty `published:` is false in Ruby.
        None if matches!(key, "published" | "publish") && says_nothing(value) => Visibility::Draft,
        // A date is not a flag.
        None if matches!(key, "published" | "publish") && !has_digits(value) => Visibility::Unclear,
        None if says_nothing(value) || OFTEN_OTHERWISE.contains(&key) => Visibility::Public,
        None => Visibility::Unclear,
    }
}

fn has_digits(value: &Value) -> bool {
    matches!(value, Value::Text(text) | Value::Number(text) | Value::Date(text) if text.contains(|char: char| char.is_ascii_digit()))
}

fn state(key: &str, value: &Value) -> Visibility {
    if key == "password" && !says_nothing(value) && truth_of(value) != Some(false) {
        return Visibility::Hidden;
    }
    let Value::Text(text) = value else { return Visibility::Public };
    let word = text.trim().to_lowercase().replace(['_', '-'], " ");
    let is_one_of = |words: &[&str]| words.iter().any(|known| known.replace('-', " ") == word);
    match STATES.contains(&key) {
        true if is_one_of(&DRAFT_STATES) => Visibility::Draft,
        true if is_one_of(&HIDDEN_STATES) => Visibility::Hidden,
        _ => Visibility::Public,
    }
}

/// Whether a list of tags contains `draft` or `private`.
fn has_state(tags: &Value) -> bool {
    let is_state = |tag: &str| ["draft", "private"].contains(&tag.trim().to_ascii_lowercase().as_str());
    match tags {
        Value::Text(text) => text.split(',').any(is_state),
        Value::List(items) => items.iter().any(|item| matches!(item, Value::Text(tag) if is_state(tag))),
        _ => false,
    }
}

/// A key without case, dashes and underscores.
fn plain(key: &str) -> String {
    key.chars().filter(|char| !"-_ ".contains(*char)).collect::<String>().to_ascii_lowercase()
}

/// The value as a boolean.
pub fn truth_of(value: &Value) -> Option<bool> {
    let text = match value {
        Value::Bool(yes) => return Some(*yes),
        Value::Text(text) | Value::Number(text) => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    match text.as_str() {
        "true" | "yes" | "on" | "y" | "1" | "t" => Some(true),
        "false" | "no" | "off" | "n" | "0" | "f" => Some(false),
        _ => None,
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Nothing => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

/// An entry for messages. A password is not shown.
fn shown(key: &str, value: &Value) -> String {
    match value {
        _ if plain(key) == "password" => format!("{key}: …"),
        Value::Bool(yes) => format!("{key}: {yes}"),
        Value::Text(text) | Value::Number(text) | Value::Date(text) if !text.trim().is_empty() => {
            format!("{key}: {}", text.trim().chars().take(40).collect::<String>())
        }
        Value::Table(_) | Value::List(_) => format!("{key}: …"),
        _ => format!("{key}:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::front_matter::split;

    fn flag(line: &str) -> Result<Option<(String, bool)>, String> {
        let text = format!("---\ntitle: a\n{line}\n---\n");
        let parts = split(&text, "a.md").unwrap();
        match held_back(&parts.entries, "a.md", Generator::Plain) {
            Ok(flag) => Ok(flag.map(|flag| (flag.text, flag.is_draft))),
            Err(finding) => Err(finding.to_string()),
        }
    }

    #[test]
    fn flags_of_all_tools_hold_a_post_back_in_any_case_and_spelling() {
        for (line, is_draft) in [
            ("draft: true", true),
            ("Draft: TRUE", true),
            ("draft: yes", true),
            ("draft: on", true),
            ("draft: 1", true),
            ("isDraft: true", true),
            ("is_draft: \"true\"", true),
            ("published: false", true),
            ("published: no", true),
            ("published:", true),
            ("publish: false", true),
            ("dg-publish: false", true),
            ("status: draft", true),
            ("Status: Pending", true),
            ("status: in-progress", true),
            ("unlisted: true", false),
            ("private: true", false),
            ("hidden: Yes", false),
            ("visibility: private", false),
            ("visibility: members", false),
            ("status: private", false),
            ("eleventyExcludeFromCollections: true", false),
            ("permalink: false", false),
            ("hiddenFromRss: true", false),
            ("feed: false", false),
            ("password: geheim", false),
            ("extra: {hidden: true}", false),
            ("params: {draft: true}", true),
            ("build: {list: local}", false),
            ("_build: {render: false}", false),
            ("headless: true", false),
            ("render: false", false),
        ] {
            assert_eq!(flag(line).unwrap().map(|flag| flag.1), Some(is_draft), "{line}");
        }
    }

    #[test]
    fn other_values_hold_nothing_back() {
        for line in [
            "draft: false",
            "draft:",
            "draft: no",
            "published: 2024-05-01",
            "published: true",
            "publish: 2024-05-01",
            "status: published",
            "status: evergreen",
            "visibility: public",
            "hidden: false",
            "permalink: /a/",
            "feed: https://example.com/feed",
            "public: true",
            "password:",
            "extra: {hidden: false, x: true}",
            "other: {hidden: true}",
            "build: {list: always, render: true}",
            "drafts: true",
        ] {
            assert_eq!(flag(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn an_unclear_flag_is_an_error_with_its_line() {
        for line in
            ["draft: perhaps", "published: soon", "private: [a]", "hidden: 2024-05-01", "isDraft: {a: 1}"]
        {
            let refusal = flag(line).unwrap_err();
            assert!(refusal.starts_with("a.md:3: error: `"), "{refusal}");
        }
    }

    #[test]
    fn the_password_of_a_post_is_not_shown() {
        assert_eq!(flag("password: geheim").unwrap(), Some(("password: …".to_owned(), false)));
    }

    #[test]
    fn keys_for_search_engines_are_recognised() {
        let hides = |line: &str| {
            let text = format!("---\n{line}\n---\n");
            split(&text, "a.md").unwrap().entries.iter().any(|entry| hides_elsewhere(entry).is_some())
        };
        for line in [
            "noindex: true",
            "robotsNoIndex: true",
            "robots: noindex, nofollow",
            "robots: {index: false}",
            "sitemap: false",
            "sitemap: {disable: true}",
            "search: false",
            "exclude: true",
        ] {
            assert!(hides(line), "{line}");
        }
        for line in
            ["noindex: false", "robots: index", "sitemap: {priority: 0.5}", "search: true", "index: 3"]
        {
            assert!(!hides(line), "{line}");
        }
    }
}
