//! Obsidian: properties in YAML, callouts of many kinds.

use super::Context;
use super::vault::Note;
use crate::dates;
use crate::importers::exports::{front_matter, stem};
use crate::importers::imported_post::ImportedPost;

const DATES: [&str; 6] = ["date", "published", "publish_date", "pubdate", "created", "date created"];
/// The kinds of callouts that feeds and emails have, and those of Obsidian that are like them.
const CALLOUTS: [(&str, &[&str]); 5] = [
    ("TIP", &["tip", "hint", "success", "check", "done"]),
    ("IMPORTANT", &["important"]),
    ("WARNING", &["warning", "attention"]),
    ("CAUTION", &["caution", "failure", "fail", "missing", "danger", "error", "bug"]),
    ("NOTE", &[]),
];

/// The properties of a note, and where its text begins. A vault is mostly private: a note without a date among its
/// properties, and without a word about it, is a draft.
pub(super) fn read(name: &str, text: &str, context: Context<'_>) -> (Note, usize) {
    let zone = context.site.zone;
    let (properties, body) = front_matter::split(text);
    let stated = DATES.iter().find_map(|key| dates::parse(&properties.text(&[key])?, zone).ok());
    let (of_name, own_name) = day_of(stem(name));
    let (title, begin) = heading(body);
    let published = stated.or_else(|| dates::parse(of_name?, zone).ok());
    let is_draft =
        properties.flag("draft").or_else(|| properties.text(&["status"]).map(|status| status == "draft"));
    let is_public = properties.flag("publish").or_else(|| properties.flag("published"));
    let mut post = ImportedPost {
        title: properties.text(&["title"]).or(title).unwrap_or_else(|| own_name.to_owned()),
        slug: Some(properties.text(&["slug"]).unwrap_or_else(|| own_name.to_owned())),
        published,
        updated: properties.text(&["updated", "modified"]).and_then(|raw| dates::parse(&raw, zone).ok()),
        authors: properties.names(&["author", "authors"]),
        categories: properties.names(&["category", "categories"]),
        tags: properties.names(&["tags", "tag"]),
        summary: properties.text(&["description", "summary"]),
        draft: is_public.map(|public| !public).or(is_draft).unwrap_or(stated.is_none())
            || published.is_none(),
        ..ImportedPost::default()
    };
    if post.draft && is_public.is_none() && is_draft.is_none() {
        post.notes
            .push(("import-draft", "it has no date among its properties; imported as a draft".to_owned()));
    }
    (Note::new(name, post), text.len() - body.len() + begin)
}

/// The day at the beginning of a name, and the rest of it.
fn day_of(stem: &str) -> (Option<&str>, &str) {
    let is_day = |day: &&str| {
        day.len() == 10
            && day
                .char_indices()
                .all(|(at, c)| if at == 4 || at == 7 { c == '-' } else { c.is_ascii_digit() })
    };
    match stem.get(..10).filter(is_day) {
        Some(day) => {
            let rest = stem[10..].trim_start_matches([' ', '-', '_']);
            (Some(day), if rest.is_empty() { stem } else { rest })
        }
        None => (None, stem),
    }
}

/// The heading with which a text begins, and where the text below it begins.
pub(super) fn heading(body: &str) -> (Option<String>, usize) {
    let start = body.trim_start();
    let line = start.lines().next().unwrap_or_default();
    match line.strip_prefix("# ").map(|title| title.trim_end_matches('#').trim()) {
        Some(title) if !title.is_empty() => (Some(title.to_owned()), body.len() - start.len() + line.len()),
        _ => (None, 0),
    }
}

/// The text with callouts as feeds and emails have them.
pub(super) fn plain(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for line in body.split_inclusive('\n') {
        match callout(line) {
            Some(replacement) => {
                out.push_str(&replacement);
                out.push('\n');
            }
            None => out.push_str(line),
        }
    }
    out
}

/// `> [!kind]- Title`.
fn callout(line: &str) -> Option<String> {
    let marks = line.len() - line.trim_start_matches(['>', ' ']).len();
    let (marks, rest) = line.split_at(marks);
    let (kind, title) = rest.strip_prefix("[!").filter(|_| marks.contains('>'))?.split_once(']')?;
    let kind = kind.split('|').next().unwrap_or_default().trim().to_lowercase();
    let title = title.trim_start_matches(['+', '-']).trim();
    if matches!(kind.as_str(), "quote" | "cite") {
        return Some(if title.is_empty() {
            marks.trim_end().to_owned()
        } else {
            format!("{marks}**{title}**  ")
        });
    }
    let known =
        CALLOUTS.iter().find(|(_, like)| like.contains(&kind.as_str())).map_or("NOTE", |(known, _)| *known);
    let is_same = known.eq_ignore_ascii_case(&kind);
    let mut own = kind.chars();
    let own = own.next().map(|first| first.to_uppercase().chain(own).collect::<String>()).unwrap_or_default();
    let title = if title.is_empty() && !is_same { own.as_str() } else { title };
    Some(format!("{marks}[!{known}] {title}").trim_end().to_owned())
}
