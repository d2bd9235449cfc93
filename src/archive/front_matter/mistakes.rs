//! Reports unknown keys in a folder without a generator; [`doubts`](super::doubts) is for the others. A misspelled key that
//! should hold a post back is an error, because the post would be mailed too early; any other unknown key is a warning. Pure.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::entry::bool_of;
use super::known::{DATES, MEANT, OF_OTHERS, SYNONYMS, WITHHOLDING};
use super::{Entry, Parts, Value, flags};
use crate::config::{nearest, plain};
use crate::dates;
use crate::finding::Finding;

/// A file, and the context in which its keys are checked.
#[derive(Debug, Clone, Copy)]
pub struct FrontMatterText<'p> {
    /// Its name in messages.
    pub file: &'p str,
    /// Its whole text.
    pub text: &'p str,
    /// Custom keys of the user.
    pub own: &'p [String],
    /// The zone of dates without a zone.
    pub zone: Tz,
    /// Now.
    pub now: DateTime<Utc>,
}

static OF_OTHER_PROGRAMS: LazyLock<HashSet<&str>> = LazyLock::new(|| OF_OTHERS.split_whitespace().collect());

/// Whether the key is known. Keys of Letterpress must match exactly: `draft_` is not `draft`.
pub(super) fn is_known(key: &str) -> bool {
    MEANT.iter().chain(&WITHHOLDING).any(|ours| ours.eq_ignore_ascii_case(key))
        || OF_OTHER_PROGRAMS.contains(plain(key).as_str())
}

/// The findings about the keys of a file: errors for those that may hold it back, warnings for the others.
pub fn find_mistakes(parts: &Parts<'_>, page: FrontMatterText<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = without_fence(parts, page).into_iter().collect();
    for entry in &parts.entries {
        if page.own.iter().any(|own| plain(own) == plain(&entry.key)) {
            continue;
        }
        if is_known(&entry.key) || flags::hides_elsewhere(entry).is_some() {
            findings.extend(swallowed(entry, page));
            findings.extend(unclear(entry, page));
            findings.extend(cut_off(entry, page));
        } else {
            findings.push(unknown(entry, parts, page));
        }
    }
    findings
}

fn unknown(entry: &Entry, parts: &Parts<'_>, page: FrontMatterText<'_>) -> Finding {
    let key = &entry.key;
    let own = format!("for a custom key, write front_matter = [\"{key}\"] below [archive] in config.toml");
    if let Some(held) = holds_back(entry, page) {
        // If the post already has a date, the other one is `publishDate`.
        let is_dated = parts.entries.iter().any(|entry| entry.key.eq_ignore_ascii_case("date"));
        let held = if held == "date" && is_dated { "publishDate" } else { held };
        let message = format!("`{key}`: unknown key; `{held}` would hold the post back");
        let hint = format!("did you mean `{held}`? Write {}; {own}", corrected(entry, held, page));
        return Finding::error("post-key", page.file, message).at(entry.line).hint(hint);
    }
    let near = nearest(key, MEANT.iter().copied()).map(|(_, near)| near);
    let near = near.or_else(|| synonym(&plain(key)));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? Write {}; {own}", corrected(entry, near, page)),
        None => own,
    };
    Finding::warning("post-key", page.file, format!("`{key}`: unknown key")).at(entry.line).hint(hint)
}

/// The key that would hold the post back, if `entry` seems to mean it.
fn holds_back(entry: &Entry, page: FrontMatterText<'_>) -> Option<&'static str> {
    let key = plain(&entry.key);
    let Some(near) = synonym(&key) else {
        let near = nearest(&key, WITHHOLDING).map(|(_, near)| near);
        let within = || ["draft", "newsletter", "unpublish"].into_iter().find(|word| key.contains(word));
        let near = near.or_else(within)?;
        // `rate` and `craft` are near to short keys and mean something else, so the value is checked too.
        let means_it = if DATES.contains(&near) { is_date(entry) } else { is_answer(entry) };
        return (means_it || near == "newsletter").then_some(near);
    };
    let means_it = match near {
        "date" => date(entry, page).is_some_and(|date| date > page.now),
        "expires" => is_date(entry),
        "published" => {
            let answer = bool_of(&entry.value);
            let text = if let Value::Text(text) = &entry.value { text.to_lowercase() } else { String::new() };
            answer == Some(false) || ["private", "hidden", "draft", "unlisted"].contains(&text.as_str())
        }
        "newsletter" => bool_of(&entry.value).is_some(),
        _ => is_answer(entry),
    };
    means_it.then_some(near)
}

fn synonym(key: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|(_, words)| words.contains(&key)).map(|(meant, _)| *meant)
}

/// Whether the value is a boolean, or may be meant as one.
fn is_answer(entry: &Entry) -> bool {
    match &entry.value {
        Value::Bool(_) | Value::Nothing | Value::Number(_) => true,
        Value::Text(text) => {
            let word = text.trim().to_lowercase();
            let answers = [
                "on",
                "off",
                "y",
                "n",
                "t",
                "f",
                "ja",
                "nein",
                "oui",
                "non",
                "si",
                "sí",
                "예",
                "네",
                "아니오",
                "はい",
            ];
            bool_of(&entry.value).is_some()
                || word.is_empty()
                || answers.contains(&word.as_str())
                || nearest(&word, ["true", "false"]).is_some()
        }
        Value::Date(_) | Value::List(_) | Value::Table(_) => false,
    }
}

/// The value as a date.
pub(super) fn date(entry: &Entry, page: FrontMatterText<'_>) -> Option<DateTime<Utc>> {
    match &entry.value {
        Value::Text(text) | Value::Date(text) => dates::parse(text, page.zone).ok().map(|date| date.to_utc()),
        _ => None,
    }
}

/// Whether the value contains a year.
fn is_date(entry: &Entry) -> bool {
    match &entry.value {
        Value::Date(_) | Value::Nothing => true,
        Value::Text(text) | Value::Number(text) => {
            let numbers = text.split(|c: char| !c.is_ascii_digit());
            numbers
                .filter(|number| number.len() == 4)
                .any(|year| year.starts_with("20") || year.starts_with("19"))
        }
        _ => false,
    }
}

/// The line with the corrected key.
pub(super) fn corrected(entry: &Entry, key: &str, page: FrontMatterText<'_>) -> String {
    let line = page.text.lines().nth(entry.line - 1).unwrap_or_default().trim();
    // Pelican's keys are lower-cased by the parser.
    let at = line.to_lowercase().find(&entry.key.to_lowercase());
    match at.and_then(|at| line.get(at + entry.key.len()..)) {
        Some(rest) if line.len() < 100 && !rest.is_empty() => {
            format!("{}{key}{rest}", &line[..at.unwrap_or_default()])
        }
        _ => format!("`{key}`"),
    }
}

/// A flag that is inside a table by mistake: below a `[section]` in TOML, or on an indented line.
fn swallowed(entry: &Entry, page: FrontMatterText<'_>) -> Option<Finding> {
    const FLAGS: [&str; 7] =
        ["draft", "newsletter", "unlisted", "private", "hidden", "expires", "expirydate"];
    let Value::Table(table) = &entry.value else { return None };
    // In these tables such keys have a meaning.
    if ["build", "cascade", "params", "menu", "menus", "resources"].contains(&plain(&entry.key).as_str()) {
        return None;
    }
    let (key, _) = table.iter().find(|(key, _)| FLAGS.contains(&plain(key).as_str()))?;
    let below = page.text.lines().enumerate().skip(entry.line);
    let line = below.into_iter().find(|(_, line)| line.trim_start().starts_with(key.as_str()));
    let line = line.map_or(entry.line, |(at, _)| at + 1);
    let message = format!("`{key}` is inside `{}` here, and does not hold the post back", entry.key);
    let hint = format!("move the line above `{}`", entry.key);
    Some(Finding::error("post-key", page.file, message).at(line).hint(hint))
}

/// A `published` that is neither a boolean nor a date, or a misspelled `status`.
fn unclear(entry: &Entry, page: FrontMatterText<'_>) -> Option<Finding> {
    const HELD: [&str; 6] = ["draft", "hidden", "skip", "private", "pending", "future"];
    const PUBLIC: [&str; 7] = ["published", "publish", "public", "live", "final", "done", "finished"];
    let Value::Text(status) = &entry.value else { return None };
    if plain(&entry.key) == "published" && bool_of(&entry.value).is_none() && date(entry, page).is_none() {
        let message = format!("`{}`: {status:?} is not true, false or a date", entry.key);
        let hint = "write true or false; false holds the post back";
        return (!status.trim().is_empty())
            .then(|| Finding::error("post-key", page.file, message).at(entry.line).hint(hint));
    }
    let status = status.trim().to_lowercase();
    if plain(&entry.key) != "status"
        || HELD[..5].contains(&status.as_str())
        || PUBLIC.contains(&status.as_str())
    {
        return None;
    }
    let near = nearest(&status, HELD).map(|(_, near)| near);
    let near = near.or_else(|| synonym(&plain(&status)).filter(|meant| *meant == "draft"))?;
    let near = if near == "future" { "draft" } else { near };
    let message = format!("`{}`: unknown status {status:?}; \"{near}\" would hold the post back", entry.key);
    let hint = format!("write {near} or published");
    Some(Finding::error("post-key", page.file, message).at(entry.line).hint(hint))
}

/// A YAML value that a `#` or another sign cuts off: `title: #1` is empty, and `title: Issue #5` is `Issue`.
fn cut_off(entry: &Entry, page: FrontMatterText<'_>) -> Option<Finding> {
    if !page.text.starts_with("---")
        || !matches!(plain(&entry.key).as_str(), "title" | "subtitle" | "slug" | "date")
    {
        return None;
    }
    let line = page.text.lines().nth(entry.line - 1)?;
    let value = line.split_once(':')?.1.trim();
    let sign = match &entry.value {
        Value::Nothing => value.chars().next().filter(|c| "#&!*".contains(*c))?,
        // A comment has a space after the sign.
        Value::Text(_) if !value.starts_with(['"', '\'', '|', '>']) => {
            let rest = value.split_once(" #")?.1;
            rest.chars().next().filter(|c| !c.is_whitespace()).map(|_| '#')?
        }
        _ => return None,
    };
    let quoted =
        if value.contains('"') { format!("'{}'", value.replace('\'', "''")) } else { format!("\"{value}\"") };
    let message =
        format!("`{}`: {sign} has a special meaning in YAML; the text after it is ignored", entry.key);
    let hint = format!("write {}: {quoted}", entry.key);
    Some(Finding::error("post-key", page.file, message).at(entry.line).hint(hint))
}

/// Front matter that is not recognised: its first line is missing, misspelled, or not the first line of the file.
fn without_fence(parts: &Parts<'_>, page: FrontMatterText<'_>) -> Option<Finding> {
    if parts.body_line != 1 {
        return None;
    }
    let mut lines = page.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (at, first) = lines.next()?;
    let is_indented = first.starts_with(char::is_whitespace);
    let first = first.trim();
    let next = lines.next().map_or("", |(_, line)| line.trim());
    let wrong = |message: String, hint: &str| {
        Some(Finding::error("post-front-matter", page.file, message).at(at + 1).hint(hint))
    };
    if (at > 0 || is_indented) && matches!(first, "---" | "+++") && is_key_line(next, &[':', '=']) {
        let message =
            "the front matter is not at the start of the file, and would be mailed as text".to_owned();
        return wrong(message, "delete the empty lines above it and the spaces before it");
    }
    if first.starts_with("```") && is_key_line(next, &[':', '=']) {
        let message = "the front matter is in a code block, and would be mailed as text".to_owned();
        return wrong(message, "replace ``` with --- above and below it (with +++ if it has key = value)");
    }
    if first == "{" && parts.entries.is_empty() && next.starts_with('"') && next.contains("\":") {
        let message = "the JSON that begins here cannot be read, and would be mailed as text".to_owned();
        return wrong(
            message,
            "look for an extra or missing comma; the last line of the front matter must be a single }",
        );
    }
    let is_fence = first.chars().count() >= 2 && first.chars().all(|c| "-+=*~_—–−".contains(c));
    if is_fence && !matches!(first, "---" | "+++") && is_key_line(next, &[':', '=']) {
        let message = format!("{first} does not start front matter; the lines below would be mailed as text");
        return wrong(
            message,
            "write --- above and below lines like title: My post, or +++ for title = \"My post\"",
        );
    }
    let is_flag = first
        .split([':', '='])
        .next()
        .map(plain)
        .is_some_and(|key| nearest(&key, WITHHOLDING).is_some_and(|(distance, _)| distance <= 1));
    let is_bare = is_key_line(first, &['=']) || is_flag && is_key_line(first, &[':']);
    if is_bare {
        let message = "this looks like front matter, and would be mailed as text".to_owned();
        return wrong(message, "add a line above and below it: --- for key: value, +++ for key = value");
    }
    None
}

/// Whether `line` sets a known key.
fn is_key_line(line: &str, signs: &[char]) -> bool {
    line.split_once(signs).is_some_and(|(key, value)| {
        let key = key.trim();
        let is_name = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        let is_meant = is_known(key) || nearest(key, WITHHOLDING).is_some();
        is_name && is_meant && !value.starts_with('/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::front_matter::split;
    use crate::finding::Severity;

    fn mistakes_in(text: &str) -> Vec<(Severity, String)> {
        let parts = split(text, "a.md").unwrap();
        let now = DateTime::parse_from_rfc3339("2026-11-29T09:00:00Z").unwrap().to_utc();
        let own = ["mood_of_the_day".to_owned()];
        let page = FrontMatterText { file: "a.md", text, own: &own, zone: Tz::Asia__Seoul, now };
        find_mistakes(&parts, page)
            .into_iter()
            .map(|finding| (finding.severity, finding.to_string()))
            .collect()
    }

    fn only(text: &str) -> (Severity, String) {
        let found = mistakes_in(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.into_iter().next().unwrap()
    }

    #[test]
    fn a_misspelled_key_that_holds_a_post_back_is_an_error_with_the_corrected_line() {
        for (line, corrected) in [
            ("darft: true", "draft: true"),
            ("Drfat: yes", "draft: yes"),
            ("drafts: true", "draft: true"),
            ("daft: treu", "draft: treu"),
            ("my_draft: true", "draft: true"),
            ("entwurf: true", "draft: true"),
            ("초안: true", "draft: true"),
            ("下書き: true", "draft: true"),
            ("newsleter: false", "newsletter: false"),
            ("news-leter: false", "newsletter: false"),
            ("draft_: true", "draft: true"),
            ("news_letter: false", "newsletter: false"),
            ("publish-date: 2026-12-24", "publishDate: 2026-12-24"),
            ("no_newsletter: true", "newsletter: true"),
            ("뉴스레터: false", "newsletter: false"),
            ("publised: false", "published: false"),
            ("dtae: 2026-12-24", "date: 2026-12-24"),
            ("날짜: 2026-12-24", "date: 2026-12-24"),
            ("publish_at: 2026-12-24", "date: 2026-12-24"),
            ("expries: 2026-11-01", "expires: 2026-11-01"),
            ("expiry_dat: 2026-11-01", "expiryDate: 2026-11-01"),
            ("hiden: true", "hidden: true"),
            ("unlisetd: true", "unlisted: true"),
            ("date: 2026-11-20\ndtae: 2026-12-24", "publishDate: 2026-12-24"),
            ("visible: false", "published: false"),
        ] {
            let (severity, message) = only(&format!("---\ntitle: a\n{line}\n---\ntext\n"));
            assert_eq!(severity, Severity::Error, "{line}: {message}");
            let last = 2 + line.lines().count();
            assert!(
                message.starts_with(&format!("a.md:{last}: "))
                    && message.contains(&format!("Write {corrected};")),
                "{line}: {message}"
            );
        }
    }

    #[test]
    fn other_unknown_keys_are_warnings_and_custom_keys_are_not() {
        for (line, hint) in [
            ("titel: b", "did you mean `title`? Write title: b;"),
            ("catgories: [b]", "did you mean `categories`?"),
            ("weather: rain", "write front_matter = [\"weather\"] below [archive]"),
            ("rate: 5", "for a custom key"),
            ("craft: woodwork", "for a custom key"),
            ("created: 2024-05-01", "for a custom key"),
        ] {
            let (severity, message) = only(&format!("---\n{line}\n---\ntext\n"));
            assert_eq!(severity, Severity::Warning, "{line}: {message}");
            assert!(message.contains(hint), "{line}: {message}");
        }
        assert!(
            mistakes_in(
                "---\nmoodOfTheDay: 1\nlayout: post\nDRAFT: false\ncover: a.png\nShowToc: true\n---\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_flag_inside_a_table_is_an_error() {
        let (severity, message) =
            only("+++\ntitle = \"a\"\n[taxonomies]\ntags = [\"b\"]\ndraft = true\n+++\ntext\n");
        assert_eq!(severity, Severity::Error);
        assert!(
            message.starts_with("a.md:5: ") && message.contains("move the line above `taxonomies`"),
            "{message}"
        );
    }

    #[test]
    fn a_title_that_a_sign_cuts_off_is_an_error_with_the_quoted_title() {
        for (line, corrected) in [
            ("title: #1 of many", "write title: \"#1 of many\""),
            ("title: Issue #5", "write title: \"Issue #5\""),
            ("title: &c", "write title: \"&c\""),
        ] {
            let (severity, message) = only(&format!("---\n{line}\n---\ntext\n"));
            assert!(severity == Severity::Error && message.contains(corrected), "{line}: {message}");
        }
        for line in ["title: Issue # a remark", "title: \"Issue #5\"", "title: C#", "summary: a #b"] {
            assert!(mistakes_in(&format!("---\n{line}\n---\ntext\n")).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_misspelled_status_is_an_error() {
        assert!(only("Title: a\nStatus: drfat\n\ntext").1.contains("write draft or published"));
        assert!(only("---\nstatus: 초안\n---\ntext").1.contains("write draft or published"));
        assert!(mistakes_in("Title: a\nStatus: draft\n\ntext").is_empty());
        assert!(only("---\npublished: flase\n---\ntext").1.contains("is not true, false or a date"));
        assert!(mistakes_in("---\npublished: 2026-11-20\n---\ntext").is_empty());
        assert!(mistakes_in("---\nstatus: evergreen\n---\ntext").is_empty());
    }

    #[test]
    fn unrecognised_front_matter_is_not_mailed_as_text() {
        for text in [
            "----\ntitle: a\ndraft: true\n----\n# b\n",
            "++\ntitle = \"a\"\n++\n# b\n",
            "—-\ntitle: a\n---\n# b\n",
            "title = \"a\"\ndraft = true\n\n# b\n",
            "draft: true\ntitle: a\n\n# b\n",
            "darft: true\n\n# b\n",
            " ---\ntitle: a\n---\n# b\n",
            "```yaml\ntitle: a\n```\n# b\n",
        ] {
            let (severity, message) = only(text);
            assert!(severity == Severity::Error && message.contains("mailed as text"), "{text}: {message}");
        }
        for text in [
            "# a\n\ntext",
            "Note: this\n",
            "----\n\ntext\n",
            "x = y is an equation\n",
            "Video: https://a.kr/v\n",
        ] {
            assert!(mistakes_in(text).is_empty(), "{text}: {:?}", mistakes_in(text));
        }
    }
}
