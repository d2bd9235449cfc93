//! Ghost exports: JSON with tables. The importer uses the HTML that Ghost stored; without it, the formats of
//! Ghost's editors (Lexical, Mobiledoc) are converted to HTML.
//!
//! The whole export is in memory, because its tables refer to each other in any order.

mod cards;
mod lexical;
mod mobiledoc;

use std::collections::{HashMap, HashSet};
use std::io::Read;

use chrono::{DateTime, FixedOffset, TimeZone as _};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::distinct::Distinct;
use super::feed::date;
use super::imported_post::{ImportNote, ImportedPost};
use crate::finding::Finding;

/// A larger file is not an export that a person made.
const MAX_EXPORT: u64 = 1 << 30;

#[derive(Deserialize)]
struct Export {
    #[serde(default)]
    db: Vec<Database>,
    /// Old exports have their tables at the top.
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Database {
    data: Data,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    posts: Vec<Post>,
    tags: Vec<Named>,
    users: Vec<Named>,
    posts_tags: Vec<Join>,
    posts_authors: Vec<Join>,
    posts_meta: Vec<Meta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    post_id: Id,
    email_only: Value,
}

/// Numbers in old exports, text in new ones.
#[derive(Debug, Default, PartialEq, Eq, Hash, Clone)]
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(id) => Self(id),
            Value::Null => Self::default(),
            other => Self(other.to_string()),
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    id: Id,
    name: Option<String>,
    visibility: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Join {
    post_id: Id,
    tag_id: Id,
    author_id: Id,
    sort_order: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Post {
    id: Id,
    title: Option<String>,
    slug: Option<String>,
    html: Option<String>,
    lexical: Option<String>,
    mobiledoc: Option<String>,
    plaintext: Option<String>,
    feature_image: Option<String>,
    custom_excerpt: Option<String>,
    status: Option<String>,
    visibility: Option<String>,
    /// `page` in new exports.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// `1` or `true` for pages in old ones.
    page: Value,
    locale: Option<String>,
    author_id: Id,
    published_at: Value,
    updated_at: Value,
}

/// The content of an export.
#[derive(Debug, Default)]
pub struct Exported {
    /// The posts, in the order of the file.
    pub posts: Vec<ImportedPost>,
    /// Titles of entries that are not imported, and why.
    pub left_out: Vec<(String, String)>,
    /// The number of pages.
    pub pages: usize,
}

/// The current address of the site, and its zone: Ghost writes times in UTC and a placeholder for its own address.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The address of the site.
    pub site: &'a Url,
    /// The zone of its dates.
    pub zone: Tz,
    /// Pages are posts, too.
    pub pages: bool,
}

/// Reads an export; the finding explains why the file is not one.
pub fn read(input: impl Read, file: &str, place: Place<'_>) -> Result<Exported, Finding> {
    let wrong = |message: String| {
        Finding::error("ghost", file, message)
            .hint("create an export under Settings, Advanced, Import/Export; it is one .json file")
    };
    let export: Export = serde_json::from_reader(std::io::BufReader::new(input.take(MAX_EXPORT)))
        .map_err(|error| wrong(format!("invalid Ghost export: {error}")).at(error.line().max(1)))?;
    let Some(data) = export.db.into_iter().next().map(|database| database.data).or(export.data) else {
        return Err(wrong("not a Ghost export: it has no `db`".to_owned()));
    };
    let joined = Joined::of(&data);
    let only_mailed: HashSet<Id> = data
        .posts_meta
        .iter()
        .filter(|meta| is_true(&meta.email_only))
        .map(|meta| meta.post_id.clone())
        .collect();
    let mut exported = Exported::default();
    for post in data.posts {
        let title = post.title.clone().unwrap_or_default();
        let is_mail = post.status.as_deref() == Some("sent") || only_mailed.contains(&post.id);
        let is_page = post.kind.as_deref().is_some_and(|kind| kind != "post") || is_true(&post.page);
        if is_page && !place.pages {
            exported.pages += 1;
        } else if is_mail && !is_unfinished(&post) {
            exported.left_out.push((title, "it was only mailed, not published".to_owned()));
        } else {
            exported.posts.push(ImportedPost { is_page, ..imported_post(post, &joined, place) });
        }
    }
    Ok(exported)
}

/// Names of tags and authors by post.
struct Joined {
    tags: HashMap<Id, Vec<String>>,
    authors: HashMap<Id, Vec<String>>,
    users: HashMap<Id, String>,
}

impl Joined {
    fn of(data: &Data) -> Self {
        let names = |table: &[Named]| {
            let named = table.iter().filter_map(|row| Some((row.id.clone(), row.name.clone()?)));
            named.collect::<HashMap<_, _>>()
        };
        // Internal tags are only for the theme.
        let is_public = |tag: &&Named| {
            tag.visibility.as_deref() != Some("internal")
                && !tag.name.as_deref().unwrap_or_default().starts_with('#')
        };
        let tags: HashMap<Id, String> = data
            .tags
            .iter()
            .filter(is_public)
            .filter_map(|tag| Some((tag.id.clone(), tag.name.clone()?)))
            .collect();
        let users = names(&data.users);
        Self {
            tags: join(&data.posts_tags, &tags, |row| &row.tag_id),
            authors: join(&data.posts_authors, &users, |row| &row.author_id),
            users,
        }
    }
}

fn join(rows: &[Join], names: &HashMap<Id, String>, key: impl Fn(&Join) -> &Id) -> HashMap<Id, Vec<String>> {
    let mut rows: Vec<&Join> = rows.iter().collect();
    rows.sort_by_key(|row| row.sort_order);
    let mut joined: HashMap<Id, Vec<String>> = HashMap::new();
    for row in rows {
        if let Some(name) = names.get(key(row)) {
            joined.entry(row.post_id.clone()).or_default().push(name.clone());
        }
    }
    joined
}

fn imported_post(post: Post, joined: &Joined, place: Place<'_>) -> ImportedPost {
    let mut remarks = Vec::new();
    let status = post.status.as_deref().unwrap_or("draft");
    let is_known = status == "published";
    let published = when(&post.published_at, place.zone);
    let mut draft = is_unfinished(&post) || published.is_none();
    let visibility = post.visibility.as_deref().unwrap_or("public");
    if visibility != "public" && !draft {
        remarks.push(("import-draft", format!("it was visible to {visibility} only; imported as a draft")));
        draft = true;
    }
    let root = place.site.as_str().trim_end_matches('/');
    let here = |text: String| text.replace("__GHOST_URL__", root);
    let html = here(html(&post, place.site, &mut remarks));
    let link = post.slug.as_ref().and_then(|slug| place.site.join(&format!("{slug}/")).ok());
    let authors = joined.authors.get(&post.id).cloned();
    ImportedPost {
        title: post.title.unwrap_or_default(),
        link: link.map(String::from),
        slug: post.slug,
        published,
        updated: when(&post.updated_at, place.zone).filter(|updated| Some(*updated) > published),
        authors: authors.unwrap_or_else(|| joined.users.get(&post.author_id).cloned().into_iter().collect()),
        tags: joined.tags.get(&post.id).cloned().unwrap_or_default(),
        summary: post.custom_excerpt,
        language: post.locale,
        image: post.feature_image.map(here),
        // In Ghost's feed the id of a post is its database id.
        id: Some(post.id.0).filter(|id| is_known && !id.is_empty()),
        draft,
        html,
        notes: remarks,
        ..ImportedPost::default()
    }
}

/// Whether it was not published yet.
fn is_unfinished(post: &Post) -> bool {
    !matches!(post.status.as_deref(), Some("published" | "scheduled" | "sent"))
}

fn html(post: &Post, page: &Url, remarks: &mut Vec<ImportNote>) -> String {
    let full = |text: &&String| !text.trim().is_empty();
    if let Some(html) = post.html.as_ref().filter(full) {
        return html.clone();
    }
    let parse = |text: &Option<String>| serde_json::from_str::<Value>(text.as_ref()?).ok();
    let mut unknown = Distinct::default();
    let written = match (parse(&post.lexical), parse(&post.mobiledoc)) {
        (Some(document), _) => lexical::html(&document, page, &mut unknown),
        (None, Some(document)) => mobiledoc::html(&document, page, &mut unknown),
        (None, None) => String::new(),
    };
    let unknown = unknown.into_vec();
    if !unknown.is_empty() {
        remarks.push(("import-cards", format!("unsupported cards removed: {}", unknown.join(", "))));
    }
    if !written.trim().is_empty() {
        return written;
    }
    let mut plain = String::new();
    crate::html::push_escaped(&mut plain, post.plaintext.as_deref().unwrap_or_default());
    plain.split("\n\n").map(|paragraph| format!("<p>{paragraph}</p>")).collect::<Vec<_>>().join("\n")
}

/// Text in UTC, or milliseconds in old exports.
fn when(value: &Value, zone: Tz) -> Option<DateTime<FixedOffset>> {
    let utc = match value {
        Value::String(text) => date(text)?.to_utc(),
        Value::Number(millis) => DateTime::from_timestamp_millis(millis.as_i64()?)?,
        _ => return None,
    };
    Some(zone.from_utc_datetime(&utc.naive_utc()).fixed_offset())
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_i64() == Some(1)
}

#[cfg(test)]
mod tests;
