//! Notes: folders of Markdown files that link to each other, from Obsidian and Notion. They are read twice: once for
//! their titles and dates, because a link needs the name of its target's file, and once for their texts.

mod links;
mod notion;
mod obsidian;
mod vault;

use self::links::Rewriter;
use self::vault::{Note, Vault};
use super::{ExportFiles, ExportSite, is_of_type, unreadable};
use crate::importers::imported_post::{ImportItem, ImportedPost};

pub(super) use self::vault::is_plain;

/// How a program writes notes.
#[derive(Clone, Copy)]
struct Dialect {
    /// The properties of a note, and where its text begins.
    read: fn(&str, &str, Context<'_>) -> (Note, usize),
    /// Its text as plain Markdown, apart from links.
    plain: fn(&str) -> String,
    /// `[[links]]`, `==marks==` and `%%comments%%`.
    has_wikilinks: bool,
}

/// What a note is read with.
#[derive(Clone, Copy)]
struct Context<'f> {
    files: &'f dyn ExportFiles,
    site: ExportSite<'f>,
}

pub(super) fn obsidian(files: &dyn ExportFiles, site: ExportSite<'_>, each: &mut dyn FnMut(ImportItem)) {
    let dialect = Dialect { read: obsidian::read, plain: obsidian::plain, has_wikilinks: true };
    read(dialect, Context { files, site }, each);
}

pub(super) fn notion(
    files: &dyn ExportFiles,
    site: ExportSite<'_>,
    each: &mut dyn FnMut(ImportItem),
) -> Result<(), String> {
    let inner = files.names().iter().find(|name| is_of_type(name, "zip"));
    if let Some(inner) = inner {
        return Err(format!("it has another archive in it, {inner}"));
    }
    let dialect = Dialect { read: notion::read, plain: notion::plain, has_wikilinks: false };
    read(dialect, Context { files, site }, each);
    Ok(())
}

fn read(dialect: Dialect, context: Context<'_>, each: &mut dyn FnMut(ImportItem)) {
    let mut vault = Vault::new(context.files);
    for name in context.files.names().iter().filter(|name| is_of_type(name, "md")) {
        match context.files.text(name) {
            Ok(text) => vault.add((dialect.read)(name, &text, context).0),
            Err(error) => each(unreadable(name, &error)),
        }
    }
    for note in &vault.notes {
        match context.files.text(&note.name) {
            Ok(text) => {
                let (_, begin) = (dialect.read)(&note.name, &text, context);
                let body = (dialect.plain)(text.get(begin..).unwrap_or_default());
                each(ImportItem::Post(Box::new(post(note, &body, &vault, dialect.has_wikilinks))));
            }
            Err(error) => each(unreadable(&note.name, &error)),
        }
    }
}

fn post(note: &Note, body: &str, vault: &Vault<'_>, has_wikilinks: bool) -> ImportedPost {
    let mut rewriter = Rewriter::new(vault, note, has_wikilinks);
    let text = rewriter.text(body);
    let mut post = ImportedPost {
        attachments: rewriter.attachments,
        markdown: Some(format!("{}\n", text.trim())),
        ..note.post.clone()
    };
    let missing = rewriter.missing.into_vec();
    if !missing.is_empty() {
        post.notes.push(("import-link", format!("links to nothing in the export: {}", missing.join(", "))));
    }
    post
}
