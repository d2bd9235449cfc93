//! Buttondown: `emails.csv` or `emails.json` lists the emails, `emails/SLUG.md` has their texts; the program of Buttondown
//! writes the properties into the files instead.

use std::collections::HashMap;
use std::io;

use serde_json::Value;

use super::front_matter::{self, Properties};
use super::{ExportFiles, ExportSite, csv, file_name, is_of_type, stem, unreadable};
use crate::importers::imported_post::{ImportItem, ImportedPost};

/// The longest list of emails as JSON, which is read whole.
const MAX_JSON: usize = 64 << 20;
/// The fields that are read.
const FIELDS: [&str; 10] = [
    "subject",
    "publish_date",
    "slug",
    "status",
    "email_type",
    "description",
    "image",
    "canonical_url",
    "absolute_url",
    "body",
];

/// The fields of an email by name.
type Fields = HashMap<&'static str, String>;

pub(super) fn read(
    files: &dyn ExportFiles,
    site: ExportSite<'_>,
    each: &mut dyn FnMut(ImportItem),
) -> Result<(), String> {
    let listed = list(files)?;
    let is_text = |name: &&String| is_of_type(name, "md") && name.split('/').rev().nth(1) == Some("emails");
    let texts: HashMap<&str, &String> =
        files.names().iter().filter(is_text).map(|name| (stem(name), name)).collect();
    if listed.is_empty() {
        for name in files.names().iter().filter(is_text) {
            match files.text(name) {
                Ok(text) => {
                    let (properties, body) = front_matter::split(&text);
                    each(ImportItem::Post(Box::new(post(&of_file(&properties), body, site))));
                }
                Err(error) => each(unreadable(name, &error)),
            }
        }
        return Ok(());
    }
    for fields in listed {
        let name = fields.get("slug").and_then(|slug| texts.get(slug.as_str()));
        match name.map(|name| files.text(name)).transpose() {
            Ok(text) => {
                let text = text.or_else(|| fields.get("body").cloned()).unwrap_or_default();
                let (_, body) = front_matter::split(&text);
                each(ImportItem::Post(Box::new(post(&fields, body, site))));
            }
            Err(error) => each(unreadable(name.map_or("", |name| name.as_str()), &error)),
        }
    }
    Ok(())
}

/// The fields of all emails, from the list.
fn list(files: &dyn ExportFiles) -> Result<Vec<Fields>, String> {
    let named = |wanted: &str| files.names().iter().find(|name| file_name(name) == wanted);
    let mut listed = Vec::new();
    if let Some(name) = named("emails.json") {
        let wrong = |error: io::Error| format!("{name}: {error}");
        let bytes = files.bytes(name, MAX_JSON).map_err(wrong)?;
        let rows: Vec<Value> = serde_json::from_slice(&bytes).map_err(|error| wrong(error.into()))?;
        let field = |row: &Value, field: &'static str| Some((field, row.get(field)?.as_str()?.to_owned()));
        listed.extend(rows.iter().map(|row| FIELDS.iter().filter_map(|name| field(row, name)).collect()));
    } else if let Some(name) = named("emails.csv") {
        let mut read = Ok(());
        let visited = files.visit(name, &mut |input| {
            read = csv::rows(input, &["subject"], &mut |row| {
                let field = |field: &&'static str| Some((*field, row.get(&[field])?.to_owned()));
                listed.push(FIELDS.iter().filter_map(field).collect());
            })?;
            Ok(())
        });
        visited
            .map_err(|error| error.to_string())
            .and(read)
            .map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(listed)
}

fn of_file(properties: &Properties) -> Fields {
    FIELDS.iter().filter_map(|field| Some((*field, properties.text(&[field])?))).collect()
}

fn post(fields: &Fields, body: &str, site: ExportSite<'_>) -> ImportedPost {
    let get = |name: &str| fields.get(name).filter(|value| !value.is_empty()).cloned();
    let published = get("publish_date").and_then(|raw| crate::dates::parse(&raw, chrono_tz::UTC).ok());
    let slug = get("slug");
    let here = || site.url.join(&format!("archive/{}/", slug.as_deref()?)).ok().map(String::from);
    let status = get("status").unwrap_or_else(|| "sent".to_owned());
    let mut post = ImportedPost {
        title: get("subject").unwrap_or_default(),
        link: get("canonical_url").or_else(|| get("absolute_url")).or_else(here),
        published,
        summary: get("description"),
        image: get("image"),
        draft: published.is_none()
            || !matches!(status.as_str(), "sent" | "published" | "imported" | "scheduled"),
        slug,
        ..ImportedPost::default()
    };
    if let Some(kind) = get("email_type").filter(|kind| !matches!(kind.as_str(), "public" | "free"))
        && !post.draft
    {
        post.notes.push(("import-draft", format!("it was {kind}; imported as a draft")));
        post.draft = true;
    }
    // The editor states how it stores the text; without its mark it is Markdown.
    let body = body.trim_start();
    let mode = body.strip_prefix("<!-- buttondown-editor-mode: ").and_then(|rest| rest.split_once("-->"));
    match mode {
        Some((mode, html)) if mode.trim() == "fancy" => html.clone_into(&mut post.html),
        Some((_, text)) => post.markdown = Some(format!("{}\n", text.trim())),
        None => post.markdown = Some(format!("{}\n", body.trim_end())),
    }
    post
}
