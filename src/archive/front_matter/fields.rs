//! Reads the fields of front matter under the names of Hugo, Zola, Jekyll and Pelican. Unknown keys belong to other
//! programs and are ignored.

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use url::Url;

use super::enclosure::{self, DeclaredEnclosure};
use super::entry::{Entry, Spanned, Value, bool_of};
use super::people::web_address;
use super::segment::{self, Segment};
use super::via::{self, Via};
use crate::archive::PostAuthor;
use crate::config::{FediverseHandle, RecordUri, Site, is_language_tag, suggested_language};
use crate::dates::{self, DateError};
use crate::finding::Finding;
use crate::text::{HeaderText, XmlText};

/// The fields of a post.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// `title`, as written.
    pub title: Option<Spanned<String>>,
    /// `date`, `published_date` or `published`.
    pub date: Option<DateTime<FixedOffset>>,
    /// Whether `date` has no time.
    pub is_day_only: bool,
    /// `updated`, `lastmod`, `modified` or `last_modified_at`.
    pub updated: Option<Spanned<DateTime<FixedOffset>>>,
    /// `draft = true`, `published: false` or `status: draft`.
    pub draft: bool,
    /// `slug`, as written.
    pub slug: Option<Spanned<String>>,
    /// `permalink`, `url` or `path`, as written.
    pub path: Option<Spanned<String>>,
    /// `id` or `guid`, as written.
    pub id: Option<Spanned<String>>,
    /// `categories` or `category`, each once.
    pub categories: Vec<HeaderText>,
    /// `tags` or `keywords`, each once.
    pub tags: Vec<HeaderText>,
    /// `authors` or `author`.
    pub authors: Vec<PostAuthor>,
    /// `summary`, `description` or `excerpt`.
    pub summary: Option<XmlText>,
    /// `subject`, of the email.
    pub subject: Option<HeaderText>,
    /// `preheader`.
    pub preheader: Option<XmlText>,
    /// `language` or `lang`.
    pub language: Option<String>,
    /// `image`, `cover` or `featured_image`, as written.
    pub image: Option<Spanned<String>>,
    /// What the image shows, in words.
    pub image_alt: Option<XmlText>,
    /// `enclosure`, `audio` or `video`, and `attachments`.
    pub enclosures: Vec<Spanned<DeclaredEnclosure>>,
    /// `via` and `source`.
    pub via: Vec<Via>,
    /// `fediverse`: the account of the author.
    pub fediverse: Option<FediverseHandle>,
    /// `activitypub`: the post as an object of `ActivityPub`.
    pub activitypub: Option<Url>,
    /// `standard_site` or `atUri`: the record of the post in the AT protocol.
    pub standard_site: Option<RecordUri>,
    /// `in_reply_to`, as written.
    pub in_reply_to: Vec<Spanned<String>>,
    /// `aliases`, `alias` or `redirect_from`: older addresses, as written.
    pub aliases: Vec<String>,
    /// `audience`.
    pub segment: Segment,
    /// `newsletter = false` keeps the post out of the mail.
    pub newsletter: bool,
    /// `publishDate`: not published before this time.
    pub from: Option<Spanned<DateTime<FixedOffset>>>,
    /// `expiryDate` or `expires`: not published from this time on.
    pub until: Option<Spanned<DateTime<FixedOffset>>>,
}

/// Reads the fields; all findings are errors, and all errors are reported.
pub fn read(entries: &[Entry], file: &str, site: &Site) -> (Fields, Vec<Finding>) {
    let zone = site.timezone;
    let mut reader = Reader { entries, file, zone, findings: Vec::new() };
    let (enclosures, mut wrong) = enclosure::read(entries, file);
    let (in_reply_to, wrong_replies) = enclosure::in_reply_to(entries, file);
    wrong.extend(wrong_replies);
    let (segment, wrong_segment) = segment::read(entries, file, (zone, &site.language));
    wrong.extend(wrong_segment);
    reader.findings = wrong;
    let fields = Fields {
        title: reader.title(),
        date: reader.date(&DATE).map(|date| date.value),
        is_day_only: reader.is_day(&DATE),
        updated: reader.date(&["updated", "lastmod", "modified", "last_modified_at", "updatedDate"]),
        draft: reader.draft(),
        slug: reader.text(&["slug"]),
        path: reader.text(&["permalink", "url", "path"]),
        id: reader.text(&["id", "guid"]),
        categories: reader.all_names(&["categories", "category"]),
        tags: reader.names(&["tags", "tag", "keywords"]),
        authors: reader.names(&["authors", "author"]).into_iter().map(|name| PostAuthor { name }).collect(),
        summary: reader
            .text(&["summary", "description", "excerpt"])
            .map(|text| XmlText::clean(text.value.trim()).0),
        subject: reader.header("subject"),
        preheader: reader.text(&["preheader"]).map(|text| XmlText::clean(text.value.trim()).0),
        language: reader.language(),
        image: reader.image(),
        image_alt: reader.image_alt(),
        enclosures,
        via: via::read(entries),
        fediverse: reader.parsed(&["fediverse"], FediverseHandle::parse, "@kim@social.example"),
        activitypub: reader.parsed(&["activitypub"], web_address, "https://social.example/users/kim/1"),
        standard_site: reader.parsed(
            &["standard_site", "atUri"],
            |raw| RecordUri::parse(raw, DOCUMENT),
            "at://did:plc:abc/site.standard.document/xyz",
        ),
        in_reply_to,
        aliases: reader.aliases(),
        segment,
        newsletter: reader.yes_or_no("newsletter").unwrap_or(true),
        from: reader.held_until(&["publishDate", "pubDate", "publish_date", "publish_on"]),
        until: reader.held_until(&[
            "expiryDate",
            "unpublishDate",
            "expiry_date",
            "expires",
            "unpublish_date",
            "unpublish_on",
        ]),
    };
    (fields, reader.findings)
}

/// The kind of record of the AT protocol that describes a post.
const DOCUMENT: &str = "site.standard.document";

/// The keys of the picture of a post.
const IMAGE: [&str; 5] = ["image", "cover", "featured_image", "images", "heroImage"];

/// The keys of the date of a post.
const DATE: [&str; 3] = ["date", "published_date", "published"];

struct Reader<'e> {
    entries: &'e [Entry],
    file: &'e str,
    zone: Tz,
    findings: Vec<Finding>,
}

impl<'e> Reader<'e> {
    /// The first of `keys` with a value; most generators ignore case.
    fn find(&self, keys: &[&str]) -> Option<&'e Entry> {
        keys.iter().find_map(|key| {
            self.entries
                .iter()
                .find(|entry| entry.key.eq_ignore_ascii_case(key) && !says_nothing(&entry.value))
        })
    }

    fn wrong(&mut self, rule: &'static str, entry: &Entry, message: &str, hint: &str) {
        let message = format!("`{}`: {message}", entry.key);
        self.findings.push(Finding::error(rule, self.file, message).at(entry.line).hint(hint));
    }

    fn text(&mut self, keys: &[&str]) -> Option<Spanned<String>> {
        let entry = self.find(keys)?;
        if let Value::Text(text) | Value::Number(text) | Value::Date(text) = &entry.value {
            return Some(Spanned { line: entry.line, value: text.clone() });
        }
        self.wrong("post-field", entry, "it is not text", "put the value in quotes");
        None
    }

    fn title(&mut self) -> Option<Spanned<String>> {
        match self.find(&["title"]) {
            Some(Entry { line, value: Value::Bool(yes), .. }) => {
                Some(Spanned { line: *line, value: yes.to_string() })
            }
            _ => self.text(&["title"]),
        }
    }

    /// A text that must have the form of `example`.
    fn parsed<T>(&mut self, keys: &[&str], parse: impl Fn(&str) -> Option<T>, example: &str) -> Option<T> {
        let entry = self.find(keys)?;
        let value = entry.value.text().and_then(parse);
        if value.is_none() {
            self.wrong("post-field", entry, "it has another form", &format!("write it like \"{example}\""));
        }
        value
    }

    /// A text that becomes a header field of an email.
    fn header(&mut self, key: &str) -> Option<HeaderText> {
        let text = self.text(&[key])?;
        let header = HeaderText::parse(&text.value);
        if let (Err(error), Some(entry)) = (&header, self.find(&[key])) {
            self.wrong("post-field", entry, &error.to_string(), "write one line of text");
        }
        header.ok()
    }

    /// The first of `keys` with a value that is no boolean: `published` is one in Jekyll, and a date elsewhere.
    fn find_date(&self, keys: &[&str]) -> Option<&'e Entry> {
        keys.iter().find_map(|key| self.find(&[key]).filter(|entry| bool_of(&entry.value).is_none()))
    }

    fn date(&mut self, keys: &[&str]) -> Option<Spanned<DateTime<FixedOffset>>> {
        let entry = self.find_date(keys)?;
        let date = match &entry.value {
            Value::Text(text) | Value::Date(text) | Value::Number(text) => dates::parse(text, self.zone),
            _ => Err(DateError::Shape("this".to_owned())),
        };
        match date {
            Ok(value) => Some(Spanned { line: entry.line, value }),
            Err(error) => {
                self.wrong("post-date", entry, &error.to_string(), dates::HINT);
                None
            }
        }
    }

    /// Whether the date is a day without a time.
    fn is_day(&self, keys: &[&str]) -> bool {
        self.find_date(keys).is_some_and(|entry| match &entry.value {
            Value::Text(text) | Value::Date(text) | Value::Number(text) => dates::is_day(text),
            _ => false,
        })
    }

    /// A date that holds the post back: an invalid one is always an error.
    fn held_until(&mut self, keys: &[&str]) -> Option<Spanned<DateTime<FixedOffset>>> {
        let before = self.findings.len();
        let date = self.date(keys);
        self.findings[before..].iter_mut().for_each(|finding| finding.rule = "post-held-back");
        date
    }

    fn draft(&mut self) -> bool {
        let is_unpublished = self.find(&["published"]).and_then(|entry| bool_of(&entry.value)) == Some(false);
        let status = match self.find(&["status"]).map(|entry| &entry.value) {
            Some(Value::Text(status)) => status.trim().to_ascii_lowercase(),
            _ => String::new(),
        };
        let is_held_back = ["draft", "hidden", "skip", "private", "pending"].contains(&status.as_str());
        self.yes_or_no("draft").unwrap_or(false) || is_unpublished || is_held_back
    }

    fn yes_or_no(&mut self, key: &str) -> Option<bool> {
        let entry = self.find(&[key])?;
        let answer = bool_of(&entry.value);
        if answer.is_none() {
            let rule = if key == "render" { "post-field" } else { "post-flag" };
            self.wrong(rule, entry, "it is neither true nor false", "write true or false");
        }
        answer
    }

    /// The names under all of `keys`, each once: `category` and `categories` may both be set.
    fn all_names(&mut self, keys: &[&str]) -> Vec<HeaderText> {
        let mut names: Vec<HeaderText> = Vec::new();
        for name in keys.iter().flat_map(|key| self.names(&[key])).collect::<Vec<_>>() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The names under the first of `keys` that is set, at the top level or in Zola's `[taxonomies]`.
    fn names(&mut self, keys: &[&str]) -> Vec<HeaderText> {
        let taxonomies = self.find(&["taxonomies"]);
        let inside = || match taxonomies.map(|entry| &entry.value) {
            Some(Value::Table(table)) => {
                keys.iter().find_map(|key| table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)))
            }
            _ => None,
        };
        let (entry, key, value) = match (self.find(keys), taxonomies) {
            (Some(entry), _) => (entry, entry.key.as_str(), &entry.value),
            (None, Some(entry)) => match inside() {
                Some((key, value)) => (entry, key.as_str(), value),
                None => return Vec::new(),
            },
            (None, None) => return Vec::new(),
        };
        // Only a plural key splits at commas: `author: Kim, Lee & Partners` is one name.
        let is_plural = key.ends_with(['s', 'S']);
        let raw: Vec<&str> = match value {
            Value::Text(text) if is_plural => text.split(',').collect(),
            Value::List(items) => items.iter().filter_map(name_of).collect(),
            value => name_of(value).into_iter().collect(),
        };
        if let Value::List(items) = value
            && raw.len() < items.len()
        {
            self.wrong("post-field", entry, "an item is not a name", "write it like [\"one\", \"two\"]");
        }
        let mut names = Vec::new();
        for raw in raw.into_iter().filter(|raw| !raw.trim().is_empty()) {
            match HeaderText::parse(raw) {
                Ok(name) if !names.contains(&name) => names.push(name),
                Ok(_) => {}
                Err(error) => {
                    self.wrong("post-field", entry, &error.to_string(), "remove the invisible characters");
                }
            }
        }
        names
    }

    /// Other values than texts have another meaning in other tools.
    fn aliases(&self) -> Vec<String> {
        let found = ["aliases", "alias", "redirect_from"].into_iter().filter_map(|key| self.find(&[key]));
        let texts = |value: &Value| match value {
            Value::List(items) => items.iter().filter_map(name_of).map(str::to_owned).collect(),
            value => name_of(value).map(str::to_owned).into_iter().collect::<Vec<_>>(),
        };
        found.flat_map(|entry| texts(&entry.value)).collect()
    }

    fn language(&mut self) -> Option<String> {
        let entry = self.find(&["language", "lang"])?;
        if let Value::Text(text) = &entry.value {
            let tag = text.trim().replace('_', "-");
            if is_language_tag(&tag) && (text.contains('_') || suggested_language(text).is_none()) {
                return Some(tag);
            }
        }
        let meant = if let Value::Text(text) = &entry.value { suggested_language(text) } else { None };
        let hint = meant.map_or_else(
            || "write \"ko\", \"ja\" or \"en-GB\"".to_owned(),
            |meant| format!("write \"{meant}\""),
        );
        self.wrong("post-field", entry, "it is not a language tag", &hint);
        None
    }

    /// The alternative text: in the table of the image, or under a key of its own.
    fn image_alt(&self) -> Option<XmlText> {
        let inside = self.find(&IMAGE).and_then(|entry| entry.value.items().first()?.field("alt"));
        let beside = || self.find(&["image_alt", "imageAlt", "cover_alt", "heroImageAlt"]);
        let text = inside.or_else(|| Some(&beside()?.value))?.text()?.trim();
        (!text.is_empty()).then(|| XmlText::clean(text).0)
    }

    fn image(&mut self) -> Option<Spanned<String>> {
        let entry = self.find(&IMAGE)?;
        let mut value = entry.value.items().first()?;
        if let Value::Table(table) = value {
            let inside =
                table.iter().find(|(key, _)| ["image", "url", "src", "path"].contains(&key.as_str()));
            value = &inside?.1;
        }
        if let Value::Text(text) = value {
            Some(Spanned { line: entry.line, value: text.trim().to_owned() })
        } else {
            self.wrong(
                "post-field",
                entry,
                "it is not the address of an image",
                "write it like \"cover.jpg\"",
            );
            None
        }
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

/// A name, or a table with a name.
fn name_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) | Value::Number(text) | Value::Date(text) => Some(text),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        Value::Table(table) => {
            table.iter().find(|(key, _)| key == "name").and_then(|(_, name)| name_of(name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::front_matter::split;

    fn fields(text: &str) -> (Fields, Vec<String>) {
        let parts = split(text, "a.md").unwrap();
        let config = crate::config::fixtures::config();
        let (fields, findings) = read(&parts.entries, "a.md", &config.site);
        (fields, findings.iter().map(ToString::to_string).collect())
    }

    fn names(names: &[HeaderText]) -> Vec<&str> {
        names.iter().map(HeaderText::as_str).collect()
    }

    #[test]
    fn the_fields_of_hugo_zola_jekyll_and_pelican_are_read() {
        for text in [
            "+++\ntitle = \"글\"\ndate = 2024-05-01T09:00:00+09:00\ntags = [\"하나\", \"둘\", \"하나\"]\ncategories = [\"기술\"]\nauthors = [{ name = \"Kim\" }]\ncover = { image = \"a.png\" }\n[menu]\nmain = 1\n+++\n",
            "+++\ntitle = \"글\"\ndate = 2024-05-01 09:00:00\nauthors = [\"Kim\"]\n[taxonomies]\ntags = [\"하나\", \"둘\"]\ncategories = [\"기술\"]\n[extra]\nimage = 1\n+++\n",
            "---\nlayout: post\ntitle: 글\ndate: 2024-05-01 09:00:00 +0900\ncategory: 기술\ntags: [하나, 둘]\nauthor: {name: Kim}\nimage: a.png\n---\n",
            "Title: 글\nDate: 2024-05-01 09:00\nCategory: 기술\nTags: 하나, 둘\nAuthor: Kim\nStatus: published\n\n",
        ] {
            let (fields, findings) = fields(text);
            assert!(findings.is_empty(), "{findings:?}");
            assert_eq!(fields.title.unwrap().value, "글");
            assert_eq!(fields.date.unwrap().to_rfc3339(), "2024-05-01T09:00:00+09:00");
            assert_eq!(names(&fields.tags), ["하나", "둘"], "{text}");
            assert_eq!(names(&fields.categories), ["기술"]);
            assert_eq!(fields.authors[0].name.as_str(), "Kim");
            assert!(!fields.draft && fields.newsletter);
        }
    }

    #[test]
    fn a_title_or_a_tag_that_looks_like_a_number_or_a_boolean_is_text() {
        for title in ["n", "y", "Yes", "off", "1.10", "007", "2020-01-01", "true", "12:30", "1_000"] {
            let (fields, findings) = fields(&format!("---\ntitle: {title}\ntags: [{title}, 둘]\n---\n"));
            assert!(findings.is_empty(), "{findings:?}");
            assert_eq!(fields.title.unwrap().value, title);
            assert_eq!(names(&fields.tags), [title, "둘"]);
        }
        for answer in ["y", "on", "yes", "true"] {
            assert!(fields(&format!("---\ndraft: {answer}\n---\n")).0.draft, "{answer}");
        }
    }

    #[test]
    fn category_is_added_to_categories() {
        let (fields, findings) = fields("+++\ncategory = \"편지\"\ncategories = [\"기술\", \"편지\"]\n+++\n");
        assert_eq!((names(&fields.categories), findings.len()), (vec!["기술", "편지"], 0));
    }

    #[test]
    fn every_way_to_hold_a_post_back_works() {
        for text in [
            "+++\ndraft = true\n+++\n",
            "---\npublished: false\n---\n",
            "Title: a\nStatus: draft\n\n",
            "---\ndraft: yes\n---\n",
        ] {
            assert!(fields(text).0.draft, "{text}");
        }
        assert!(!fields("---\npublished: 2024-05-01\n---\n").0.draft);
        assert!(!fields("+++\nnewsletter = false\n+++\n").0.newsletter);
    }

    #[test]
    fn every_wrong_field_is_reported_with_its_line() {
        let (_, findings) = fields(
            "+++\ntitle = [\"a\"]\ndate = \"2024-02-30\"\ndraft = \"perhaps\"\nlang = \"한국어\"\ntags = [\"a\\u0000\"]\nimage = 1\n+++\n",
        );
        assert_eq!(findings.len(), 6, "{findings:?}");
        for (finding, line) in findings.iter().zip([2, 3, 4, 6, 5, 7]) {
            assert!(
                findings.iter().any(|finding| finding.starts_with(&format!("a.md:{line}: error"))),
                "{finding}"
            );
        }
    }

    #[test]
    fn the_name_of_one_author_may_contain_a_comma() {
        assert_eq!(
            names(
                &fields("---\nauthors: Kim, Lee\n---\n")
                    .0
                    .authors
                    .iter()
                    .map(|a| a.name.clone())
                    .collect::<Vec<_>>()
            ),
            ["Kim", "Lee"]
        );
        assert_eq!(fields("---\nauthor: Kim, Lee & Partners\n---\n").0.authors.len(), 1);
    }
}
