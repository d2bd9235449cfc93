//! A post of another program, and the file that it becomes: TOML front matter and Markdown. Pure; it does not check
//! whether a file exists.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset};
use url::Url;

use super::feed::{Enclosure, Entry};
use super::html::{self, Converted};
use super::lead::lead;
use super::text_page::{quoted, slug};
use crate::archive::{ids, links, markdown, permalink};
use crate::config::{SiteUrl, is_language_tag, suggested_language};
use crate::html::push_escaped;
use crate::text::HeaderText;

/// How many characters of the text replace a missing title.
const BEGINNING: usize = 60;
/// The limits of front matter: characters of a title, of a summary and of a name, bytes of an address, and the
/// number of names.
const MAX_TITLE: usize = 300;
const MAX_SUMMARY: usize = 2000;
const MAX_NAME: usize = 100;
const MAX_ADDRESS: usize = 2000;
const MAX_NAMES: usize = 40;

/// A remark for the user: a short stable name for its kind, and its text.
pub type ImportNote = (&'static str, String);

/// A post as the other program stored it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedPost {
    /// The title; may be empty.
    pub title: String,
    /// The id in the old feed, by which feed readers recognise it.
    pub id: Option<String>,
    /// The address of its page.
    pub link: Option<String>,
    /// The permanent address of its page, for posts that stay on another site.
    pub address: Option<String>,
    /// The last part of the page's address.
    pub slug: Option<String>,
    /// When it was published.
    pub published: Option<DateTime<FixedOffset>>,
    /// When it was last changed.
    pub updated: Option<DateTime<FixedOffset>>,
    /// The names of its authors.
    pub authors: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// The summary, plain text.
    pub summary: Option<String>,
    /// The language, if it is known.
    pub language: Option<String>,
    /// Its picture.
    pub image: Option<String>,
    /// Its enclosure; front matter needs its length and type.
    pub enclosure: Option<Enclosure>,
    /// It must not be published now.
    pub draft: bool,
    /// It is a page of the site, not a post: it is not mailed.
    pub is_page: bool,
    /// The text, as HTML.
    pub html: String,
    /// The text, if the other program stored it as Markdown; `html` is empty then.
    pub markdown: Option<String>,
    /// Files of the export that the text refers to.
    pub attachments: Vec<Attachment>,
    /// Line breaks in the text are line breaks on the page.
    pub line_breaks: bool,
    /// Remarks of the importer: shortcodes that were dropped, restricted access.
    pub notes: Vec<ImportNote>,
    /// The line on which it ends in its file; 0 if there are no lines.
    pub line: usize,
}

/// A file that an export contains, for the folder of its post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The file in the export.
    pub source: String,
    /// How the text refers to it.
    pub address: String,
    /// Its name in the folder of the post.
    pub name: String,
}

/// A record of an export.
#[derive(Debug)]
pub enum ImportItem {
    /// A post.
    Post(Box<ImportedPost>),
    /// Something else, which is only counted, by its kind.
    Other(String),
    /// A post that cannot be imported: its title, and why.
    LeftOut(String, String),
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostFile {
    /// `2024-05-01-첫-편지.md`, unique within the import.
    pub file_name: String,
    /// TOML front matter and Markdown.
    pub contents: String,
    /// The title in the front matter.
    pub title: String,
    /// Remarks for the user.
    pub remarks: Vec<ImportNote>,
    /// Addresses of pictures in the text, in document order.
    pub pictures: Vec<String>,
}

/// The end of the front matter as it is written here.
const END: &str = "\n+++\n\n";

/// Turns imported posts into files. It remembers which names and ids are used.
#[derive(Debug)]
pub struct PostFileWriter<'a> {
    site: &'a SiteUrl,
    language: &'a str,
    names: HashSet<String>,
    /// For each name without a number, the last number that was tried.
    numbers: HashMap<String, usize>,
    /// The posts by their ids: the file and the address.
    ids: HashMap<String, (String, Option<String>)>,
}

impl<'a> PostFileWriter<'a> {
    /// A writer for the site at `site`, whose default language is `language`.
    pub fn new(site: &'a SiteUrl, language: &'a str) -> Self {
        Self { site, language, names: HashSet::new(), numbers: HashMap::new(), ids: HashMap::new() }
    }

    /// The file of a post, or the reason why it cannot be imported.
    pub fn file(&mut self, post: &ImportedPost) -> Result<PostFile, String> {
        if let Some((first, link)) = post.id.as_ref().and_then(|id| self.ids.get(id)) {
            let known = post.link.as_ref().and_then(|link| self.ids.get(link));
            if *link == post.link || known.is_some() {
                return Err(format!("it has the same id as {}", known.map_or(first, |(file, _)| file)));
            }
            let words =
                format!("it has the same id as {first}, because it is a copy; its id is now its address");
            let mut copy = ImportedPost { id: post.link.clone(), ..post.clone() };
            copy.notes.push(("import-id", words));
            return self.file(&copy);
        }
        let (file_name, slug) = self.name(post, &title(post));
        let mut file = self.file_as(post, file_name.clone(), &slug)?;
        if !post.draft && post.enclosure.is_none() && file.contents.ends_with(END) {
            let mut draft = ImportedPost { draft: true, ..post.clone() };
            draft.notes.push(("import-empty", "it has no text; imported as a draft".to_owned()));
            file = self.file_as(&draft, file_name, &slug)?;
        }
        if let Some(id) = &post.id {
            self.ids.insert(id.clone(), (file.file_name.clone(), post.link.clone()));
        }
        Ok(file)
    }

    /// The file of a post whose name is known.
    pub fn file_as(&self, post: &ImportedPost, file_name: String, slug: &str) -> Result<PostFile, String> {
        let page = post.link.as_deref().and_then(|link| Url::parse(link).ok());
        let converted = convert(post, page.as_ref(), None);
        if converted.cut {
            return Err("its text is too long or too deeply nested".to_owned());
        }
        let title = title(post);
        let mut remarks = post.notes.clone();
        remarks.extend(warnings(post, &converted, page.as_ref().unwrap_or(self.site.as_url())));
        let head = self.head(post, &title, slug, &mut remarks);
        let contents = format!("+++\n{head}+++\n\n{}", converted.markdown);
        Ok(PostFile { file_name, contents, title, remarks, pictures: converted.pictures })
    }

    /// An unused name, and the slug in it; for a post that is written by [`PostFileWriter::file_as`].
    pub fn new_name(&mut self, post: &ImportedPost) -> (String, String) {
        self.name(post, &title(post))
    }

    /// Marks the name of an existing file as used.
    pub fn reserve(&mut self, file_name: &str) {
        self.names.insert(file_name.to_lowercase());
    }

    /// The same post as a folder with an `index.md`, and with its downloaded pictures beside it. `beside` maps
    /// addresses to file names.
    pub fn bundle(file: &PostFile, post: &ImportedPost, beside: &HashMap<String, String>) -> PostFile {
        let page = post.link.as_deref().and_then(|link| Url::parse(link).ok());
        let head = file.contents.find(END).map_or(0, |at| at + END.len());
        let body = convert(post, page.as_ref(), Some(beside)).markdown;
        PostFile {
            file_name: format!("{}/index.md", file.file_name.trim_end_matches(".md")),
            contents: format!("{}{body}", &file.contents[..head]),
            ..file.clone()
        }
    }

    /// An unused name, and the slug in it.
    fn name(&mut self, post: &ImportedPost, title: &str) -> (String, String) {
        let from_link = || {
            let url = Url::parse(post.link.as_deref()?).ok()?;
            let last = url.path_segments()?.rfind(|part| !part.is_empty())?.to_owned();
            Some(last.rsplit_once('.').map_or(last.clone(), |(stem, _)| stem.to_owned()))
        };
        let stated = post.slug.clone().filter(|slug| !slug.trim().is_empty()).or_else(from_link);
        let readable = links::readable(stated.as_deref().unwrap_or(title));
        let slug = slug(&readable);
        // The end of the old address stays exactly the same if it is a valid slug.
        let own = stated.is_some().then(|| permalink::slug(&readable).ok()).flatten();
        let day = post.published.map_or_else(String::new, |date| format!("{}-", date.format("%Y-%m-%d")));
        // The names with the numbers below are in use.
        let number = self.numbers.entry(format!("{day}{slug}").to_lowercase()).or_insert(0);
        loop {
            *number += 1;
            let slug = if *number == 1 { slug.clone() } else { format!("{slug}-{number}") };
            let name = format!("{day}{slug}.md");
            // `_index` and `index` have a special meaning.
            if slug != "index" && slug != "_index" && self.names.insert(name.to_lowercase()) {
                return (name, own.filter(|_| *number == 1).unwrap_or(slug));
            }
        }
    }

    fn head(&self, post: &ImportedPost, title: &str, slug: &str, remarks: &mut Vec<ImportNote>) -> String {
        let mut head = String::new();
        let mut line = |key: &str, value: &str| {
            // Writing to a `String` cannot fail.
            let _ = writeln!(head, "{key} = {value}");
        };
        line("title", &quoted(title));
        if let Some(published) = post.published {
            line("date", &stamp(published));
        }
        if let Some(updated) = post.updated.filter(|updated| Some(*updated) > post.published) {
            line("updated", &stamp(updated));
        }
        if post.draft {
            line("draft", "true");
        }
        if post.is_page {
            line("newsletter", "false");
        }
        line("slug", &quoted(slug));
        if let Some(address) = &post.address {
            line("url", &quoted(address));
        } else if let Some(path) = self.path(post) {
            line("path", &quoted(&path));
        }
        if let Some(id) = id(post, self.site, remarks) {
            line("id", &quoted(&id));
        }
        for (key, names) in
            [("authors", &post.authors), ("categories", &post.categories), ("tags", &post.tags)]
        {
            let names: Vec<String> = names
                .iter()
                .filter_map(|name| HeaderText::lossy(name))
                .map(|name| quoted(&short(name.as_str(), MAX_NAME)))
                .take(MAX_NAMES)
                .collect();
            if !names.is_empty() {
                line(key, &format!("[{}]", names.join(", ")));
            }
        }
        let language = post.language.as_deref().map(|tag| tag.trim().replace('_', "-"));
        let is_other = |tag: &String| {
            let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            is_language_tag(tag)
                && suggested_language(tag).is_none()
                && primary(tag) != primary(self.language)
        };
        if let Some(language) = language.filter(is_other) {
            line("language", &quoted(&language));
        }
        if let Some(image) = post.image.as_deref().map(one_line).filter(|image| is_address(image)) {
            line("image", &quoted(&image));
        }
        if let Some(enclosure) = post.enclosure.as_ref().and_then(inline_table) {
            line("enclosure", &enclosure);
        }
        let text = post.markdown.clone().unwrap_or_else(|| html::visible(&post.html));
        let lead = post.summary.as_deref().map(one_line).and_then(|summary| lead(&summary, &text));
        if let Some(lead) = lead {
            line("summary", &quoted(&short(&lead, MAX_SUMMARY)));
        }
        head
    }

    /// The path of its page, if it is on this site, so that the address stays the same.
    fn path(&self, post: &ImportedPost) -> Option<String> {
        let link = Url::parse(post.link.as_deref()?).ok()?;
        let site = self.site.as_url();
        let host = |url: &Url| url.host_str().map(|host| host.trim_start_matches("www.").to_owned());
        let path = link.path().strip_prefix(site.path())?;
        let is_here = host(&link) == host(site) && link.query().is_none();
        (is_here && is_address(path) && !path.contains(':')).then(|| format!("/{path}"))
    }
}

/// The name of a post's file, without a number and the extension.
pub(super) fn file_stem(published: Option<DateTime<FixedOffset>>, stated: &str) -> String {
    let day = published.map_or_else(String::new, |date| format!("{}-", date.format("%Y-%m-%d")));
    format!("{day}{}", slug(&links::readable(stated)))
}

/// The id for the front matter.
fn id(post: &ImportedPost, site: &SiteUrl, remarks: &mut Vec<ImportNote>) -> Option<String> {
    let id = post.id.as_deref().map(one_line).filter(|id| is_address(id))?;
    if !ids::is_uri(&id) {
        let date = post.published.unwrap_or_else(|| DateTime::UNIX_EPOCH.fixed_offset());
        return Some(ids::of_old(&id, site.host(), date));
    }
    if ids::canonical_uri(&id) != id {
        // Front matter may contain an id in several spellings, but the ledger compares the bytes.
        let words = format!("the id {id} is not normalised; `letterpress adopt` keeps it unchanged");
        remarks.push(("import-id", words));
        return None;
    }
    Some(id)
}

/// The title, or the beginning of the text if there is none.
fn title(post: &ImportedPost) -> String {
    if let Some(title) = HeaderText::lossy(&post.title) {
        return short(title.as_str(), MAX_TITLE);
    }
    let words = html::visible(&post.html);
    let short: String = words.chars().take(BEGINNING).collect();
    let short = match short.rsplit_once(' ') {
        Some((head, _)) if short.len() < words.len() => format!("{head}…"),
        _ => short,
    };
    HeaderText::lossy(&short).map_or_else(|| "Untitled".to_owned(), String::from)
}

fn convert(post: &ImportedPost, page: Option<&Url>, beside: Option<&HashMap<String, String>>) -> Converted {
    if let Some(markdown) = &post.markdown {
        return Converted { markdown: markdown.clone(), ..Converted::default() };
    }
    html::to_markdown(&post.html, html::HtmlOptions { page, line_breaks: post.line_breaks, beside })
}

/// What the conversion could not keep.
fn warnings(post: &ImportedPost, converted: &Converted, page: &Url) -> Vec<ImportNote> {
    let left_out = |what: &&str| ("import-dropped", format!("{what} were removed"));
    let mut notes: Vec<ImportNote> = converted.dropped.iter().map(left_out).collect();
    let rendered = markdown::preview(&converted.markdown, page);
    if post.markdown.is_none() && html::visible(&post.html) != html::visible(&rendered) {
        let words = "its text may differ slightly: compare it with the old page";
        notes.push(("import-text", words.to_owned()));
    }
    notes
}

/// An enclosure for the front matter, if it has everything that a feed requires.
fn inline_table(enclosure: &Enclosure) -> Option<String> {
    let url = Url::parse(&enclosure.url).ok()?;
    let length = enclosure.length.filter(|length| *length > 0)?;
    let media_type = one_line(enclosure.media_type.as_deref()?);
    let (url, media_type) = (quoted(url.as_str()), quoted(&media_type));
    Some(format!("{{ url = {url}, length = {length}, type = {media_type} }}"))
}

fn stamp(date: DateTime<FixedOffset>) -> String {
    date.format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The first `most` characters of a text.
fn short(text: &str, most: usize) -> String {
    text.chars().take(most).collect::<String>().trim_end().to_owned()
}

fn is_address(text: &str) -> bool {
    (1..=MAX_ADDRESS).contains(&text.len())
}

/// A text on one line, without invisible characters.
fn one_line(text: &str) -> String {
    HeaderText::lossy(text).map_or_else(String::new, String::from)
}

impl From<Entry> for ImportedPost {
    /// Feeds do not distinguish categories from tags. Here each category has a feed of its own.
    fn from(entry: Entry) -> Self {
        let html = entry.content.or_else(|| entry.summary.clone()).unwrap_or_default();
        let mut sounds = String::new();
        for enclosure in entry.enclosures.iter().filter(|enclosure| !html.contains(&enclosure.url)) {
            let mut url = String::new();
            push_escaped(&mut url, &enclosure.url);
            sounds.extend(["\n<p><a href=\"", &url, "\">", &url, "</a></p>"]);
        }
        Self {
            title: entry.title,
            id: entry.id,
            link: entry.link,
            published: entry.published,
            updated: entry.updated,
            authors: entry.authors,
            categories: entry.categories,
            summary: entry.summary.map(|summary| html::visible(&summary)),
            language: entry.language,
            image: entry.image,
            draft: entry.draft,
            html: html + &sounds,
            line: entry.line,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
