//! Notion: names that end in 32 hexadecimal digits, a heading with the title, and, for the pages of a database, lines with
//! their properties.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};
use chrono_tz::Tz;

use super::Context;
use super::obsidian::heading;
use super::vault::Note;
use crate::dates;
use crate::importers::exports::{is_of_type, stem};
use crate::importers::imported_post::ImportedPost;

const DATES: [&str; 8] =
    ["date", "published", "publish date", "published on", "publication date", "날짜", "발행일", "公開日"];
const TAGS: [&str; 5] = ["tags", "tag", "categories", "category", "태그"];
/// States of a published page.
const PUBLISHED: [&str; 8] = ["published", "publish", "done", "live", "complete", "yes", "완료", "公開"];

/// The properties of a page, and where its text begins. A page without a date, or with a state that is not known to mean
/// that it is published, is a draft.
pub(super) fn read(name: &str, text: &str, context: Context<'_>) -> (Note, usize) {
    let own_name = without_id(stem(name));
    let (title, begin) = heading(text);
    let is_row = name.rsplit_once('/').is_some_and(|(folder, _)| is_database(folder, context));
    let (properties, length) = if is_row { properties(&text[begin..]) } else { (Vec::new(), 0) };
    let get = |keys: &[&str]| {
        let named = |key: &&str| properties.iter().find(|(name, _)| name == key);
        keys.iter().find_map(named).map(|(_, value)| value.clone())
    };
    let moment = |keys: &[&str]| get(keys).and_then(|raw| moment(&raw, context.site.zone));
    let published =
        moment(&DATES).or_else(|| moment(&["created", "created time", "created at", "생성 일시"]));
    let state = get(&["status", "state", "상태"])
        .or_else(|| get(&["published", "publish"]).filter(|value| value.len() < 4));
    let is_public =
        state.map_or(moment(&DATES).is_some(), |state| PUBLISHED.contains(&state.to_lowercase().as_str()));
    let split = |keys: &[&str]| -> Vec<String> {
        let names = get(keys).unwrap_or_default();
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
    };
    let mut post = ImportedPost {
        title: title.unwrap_or_else(|| own_name.to_owned()),
        slug: get(&["slug"]),
        published,
        authors: split(&["author", "authors", "작성자"]),
        tags: split(&TAGS),
        summary: get(&["summary", "description", "excerpt", "요약"]),
        draft: !is_public || published.is_none(),
        ..ImportedPost::default()
    };
    if post.draft {
        let words = "it has no date, or is not marked as published; imported as a draft";
        post.notes.push(("import-draft", words.to_owned()));
    }
    (Note::new(name, post), begin + length)
}

/// A name without the id at its end.
fn without_id(stem: &str) -> &str {
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match stem.rsplit_once([' ', '-']) {
        Some((name, id)) if is_id(id) => name,
        _ => stem,
    }
}

/// Whether the pages of a folder are rows of a database, which Notion exports as a table beside it.
fn is_database(folder: &str, context: Context<'_>) -> bool {
    let has = |name: String| context.files.names().binary_search(&name).is_ok();
    has(format!("{folder}.csv")) || has(format!("{folder}_all.csv")) || {
        // Newer exports leave out the id of the folder.
        let tables = context.files.names().iter().filter(|name| is_of_type(name, "csv"));
        tables.map(|name| name.trim_end_matches(".csv").trim_end_matches("_all")).any(|table| {
            let (parent, name) = table.rsplit_once('/').unwrap_or(("", table));
            let own = if parent.is_empty() {
                without_id(name).to_owned()
            } else {
                format!("{parent}/{}", without_id(name))
            };
            own == folder
        })
    }
}

/// The lines with properties at the beginning of a page, their names in lower case, and the length of them.
fn properties(text: &str) -> (Vec<(String, String)>, usize) {
    let start = text.trim_start_matches(['\r', '\n']);
    let mut properties = Vec::new();
    let mut length = text.len() - start.len();
    for line in start.split_inclusive('\n') {
        let Some((name, value)) = line.split_once(": ").filter(|(name, _)| name.len() <= 60) else { break };
        properties.push((name.trim().to_lowercase(), value.trim().to_owned()));
        length += line.len();
    }
    (properties, length)
}

/// `May 1, 2024 9:00 AM (GMT+9)`, and the first day of a range.
fn moment(raw: &str, zone: Tz) -> Option<DateTime<FixedOffset>> {
    let text = raw.split('→').next()?.split('(').next()?.trim().trim_start_matches('@');
    if let Ok(date) = dates::parse(&text.replace('/', "-"), zone) {
        return Some(date);
    }
    let day = || NaiveDate::parse_from_str(text, "%B %d, %Y").ok().map(|day| day.and_time(NaiveTime::MIN));
    let time = || {
        let forms = ["%B %d, %Y %I:%M %p", "%B %d, %Y %H:%M"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    zone.from_local_datetime(&day().or_else(time)?).earliest().map(|date| date.fixed_offset())
}

/// The text with callouts as quotations.
pub(super) fn plain(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut in_callout = false;
    for line in body.split_inclusive('\n') {
        match line.trim() {
            "<aside>" => in_callout = true,
            "</aside>" if in_callout => in_callout = false,
            "" if in_callout => out.push_str(">\n"),
            _ if in_callout => out.extend(["> ", line]),
            _ => out.push_str(line),
        }
    }
    out
}
