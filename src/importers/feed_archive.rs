//! Turns a feed that another program maintains into a folder of posts: its current entries are merged with those seen
//! before. Nothing here fetches or writes.
//!
//! A feed contains only its newest entries, so entries seen before are kept. An entry that disappears from the middle
//! of the feed was retracted; one that disappears at its end was not.

mod page_registry;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use camino::Utf8Path;
use chrono::{DateTime, FixedOffset, TimeDelta, Timelike as _, Utc};
use url::Url;

use super::feed::{About, Entry, Feed};
use super::imported_post::{ImportedPost, PostFile, PostFileWriter};
use super::matching::{self, MatchKey, UniquePages};
use crate::archive::ids::{content_hash, of_old};
use crate::archive::{permalink, validate};
use crate::config::Config;
use crate::finding::Finding;

pub use page_registry::{FILE, Known, PageRegistry};

/// An entry with a new id on the same page is the same entry if its date changed by no more than this.
const SAME_DAY: TimeDelta = TimeDelta::hours(24);

/// If at least this many entries disappear at once, and they are most of the feed, the generator is probably
/// misconfigured, and none is retracted.
const MANY: usize = 3;

/// The changes to make, in this order: write the ledger, write the files, remove files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveUpdate {
    /// The new ledger.
    pub ledger: PageRegistry,
    /// Files to write: name and contents.
    pub write: BTreeMap<String, String>,
    /// Files to remove.
    pub remove: BTreeSet<String>,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// Merges the ledger with the current feed. `missing` contains the files that do not exist although the ledger lists
/// them. `file` is the name of the feed in findings.
pub fn merge(
    before: &PageRegistry,
    feed: Feed,
    missing: &BTreeSet<String>,
    (config, file): (&Config, &str),
    now: DateTime<Utc>,
) -> ArchiveUpdate {
    // Drafts and other kinds are ignored.
    let entries = distinct(feed.entries.into_iter().filter(Entry::is_published).collect());
    let matched = recognise(before, &entries, &feed.about, config);
    let about = feed.about;
    let mut updater = FeedArchiveUpdater::new(before, missing, (config, file), now);
    updater.done.findings.extend(about.findings.iter().cloned());
    updater.retract_missing(&matched);
    for ((place, (key, entry)), known) in entries.into_iter().enumerate().zip(&matched) {
        updater.done.ledger.window.push(key.clone());
        updater.take(place, key, inherit(entry, &about), known.as_deref());
    }
    updater.done
}

/// The entries with their keys. If two have the same key, the first counts, as in feed readers.
fn distinct(entries: Vec<Entry>) -> Vec<(String, Entry)> {
    let mut keys = BTreeSet::new();
    let keyed = entries.into_iter().map(|entry| (key(&entry), entry));
    keyed.filter(|(key, _)| keys.insert(key.clone())).collect()
}

/// Fills in the author and the language of the feed.
fn inherit(mut entry: Entry, about: &About) -> Entry {
    if entry.authors.is_empty() {
        entry.authors = about.authors.iter().filter(|author| !author.contains('@')).cloned().collect();
    }
    entry.language = entry.language.or_else(|| about.language.clone());
    entry
}

/// Identifies an entry: its id, else its page, else its title and date.
fn key(entry: &Entry) -> String {
    let stated = entry.id.as_deref().or(entry.link.as_deref()).map(str::trim);
    stated.filter(|key| !key.is_empty()).map_or_else(
        || {
            let date = entry.published.map(|date| date.to_rfc3339()).unwrap_or_default();
            format!("untold:{}", content_hash(&entry.title, &date))
        },
        str::to_owned,
    )
}

/// The key of each known entry. A site that moves may change its ids, and subscribers must not get the entries again.
/// So an entry with a new id is compared with known entries that are no longer in the feed.
fn recognise(
    before: &PageRegistry,
    entries: &[(String, Entry)],
    about: &About,
    config: &Config,
) -> Vec<Option<String>> {
    let mut matched: Vec<Option<String>> =
        entries.iter().map(|(key, _)| before.entries.contains_key(key).then(|| key.clone())).collect();
    let fresh: Vec<usize> = (0..entries.len()).filter(|at| matched[*at].is_none()).collect();
    if fresh.is_empty() {
        return matched;
    }
    let mut old = None;
    let hosts = matching::candidate_hosts(about, config.site.url.as_url(), &mut old);
    let present: BTreeSet<&String> = entries.iter().map(|(key, _)| key).collect();
    let all_known: Vec<(&String, &Known, MatchKey)> = before
        .entries
        .iter()
        .map(|(key, known)| (key, known, MatchKey::of_entry(&known.as_entry(), &hosts)))
        .collect();
    let absent: Vec<&(&String, &Known, MatchKey)> =
        all_known.iter().filter(|(key, ..)| !present.contains(key)).collect();
    let current: Vec<MatchKey> = entries.iter().map(|(_, entry)| MatchKey::of_entry(entry, &hosts)).collect();
    let wanted: Vec<MatchKey> = fresh.iter().map(|at| current[*at].clone()).collect();
    let candidates: Vec<MatchKey> = absent.iter().map(|(.., match_key)| match_key.clone()).collect();
    // An address that several entries share identifies none of them.
    let unique_now = UniquePages::of(current.iter());
    let unique_before = UniquePages::of(all_known.iter().map(|(.., match_key)| match_key));
    for (at, found) in fresh.iter().zip(matching::match_entries(&wanted, &candidates)) {
        let Some((key, known, match_key)) = found.and_then(|found| absent.get(found)) else { continue };
        let date = entries[*at].1.published;
        let is_near = date.is_none_or(|date| (date - known.published).abs() <= SAME_DAY);
        let is_own_page = current[*at].shares_page(match_key)
            && unique_now.contains(match_key)
            && unique_before.contains(match_key);
        if date == Some(known.published) || (is_near && is_own_page) {
            matched[*at] = Some((*key).clone());
        }
    }
    matched
}

struct FeedArchiveUpdater<'c> {
    before: &'c PageRegistry,
    missing: &'c BTreeSet<String>,
    config: &'c Config,
    file: &'c str,
    now: DateTime<FixedOffset>,
    writer: PostFileWriter<'c>,
    /// The owners of pages and ids.
    pages: HashMap<String, String>,
    ids: HashMap<String, String>,
    /// The date of the last known entry above.
    above: Option<DateTime<FixedOffset>>,
    done: ArchiveUpdate,
}

impl<'c> FeedArchiveUpdater<'c> {
    fn new(
        before: &'c PageRegistry,
        missing: &'c BTreeSet<String>,
        (config, file): (&'c Config, &'c str),
        now: DateTime<Utc>,
    ) -> Self {
        let now = now.with_timezone(&config.site.timezone).fixed_offset();
        let mut writer = PostFileWriter::new(&config.site.url, &config.site.language);
        let (mut pages, mut ids) = (HashMap::new(), HashMap::new());
        for (key, known) in &before.entries {
            writer.reserve(&known.file);
            if let Ok(url) = Url::parse(&known.url) {
                pages.insert(permalink::case_folded(&url), key.clone());
            }
            ids.extend(known.id.clone().map(|id| (id, key.clone())));
        }
        let ledger = PageRegistry { window: Vec::new(), entries: before.entries.clone() };
        Self {
            before,
            missing,
            config,
            file,
            now: now.with_nanosecond(0).unwrap_or(now),
            writer,
            pages,
            ids,
            above: None,
            done: ArchiveUpdate { ledger, ..ArchiveUpdate::default() },
        }
    }

    /// An entry is retracted if an older entry below it is still in the feed: then it was not dropped because the
    /// feed is full.
    fn retract_missing(&mut self, matched: &[Option<String>]) {
        let present: BTreeSet<&String> = matched.iter().flatten().collect();
        let window: Vec<(&String, &Known)> = self
            .before
            .window
            .iter()
            .filter_map(|key| Some((key, self.before.entries.get(key).filter(|known| !known.taken_back)?)))
            .collect();
        let mut oldest_below: Option<DateTime<FixedOffset>> = None;
        let mut disappeared = Vec::new();
        for (key, known) in window.iter().rev() {
            if present.contains(key) {
                oldest_below = Some(oldest_below.map_or(known.published, |date| date.min(known.published)));
            } else if oldest_below.is_some_and(|date| date < known.published) {
                disappeared.push(*key);
            }
        }
        if disappeared.len() >= MANY && disappeared.len() * 2 > window.len() {
            let message = format!(
                "{} of its {} earlier entries are missing from its middle; they are kept",
                disappeared.len(),
                window.len()
            );
            let hint = "if they were retracted, remove their files from the folder of posts";
            self.done.findings.push(Finding::warning("feed-archive", self.file, message).hint(hint));
            return;
        }
        for key in disappeared {
            if let Some(known) = self.done.ledger.entries.get_mut(key) {
                known.taken_back = true;
                self.done.remove.insert(known.file.clone());
            }
        }
    }

    fn take(&mut self, place: usize, key: String, entry: Entry, known: Option<&str>) {
        let known = known.and_then(|known| self.before.entries.get_key_value(known));
        let (title, line) = (entry.title.clone(), entry.line);
        let published = self.published(place, &entry, known.map(|(_, known)| known));
        let mut post = imported_post(entry, published);
        let owner = known.map_or(&key, |(old, _)| old).clone();
        post.id = if let Some((_, known)) = known {
            known.id.clone()
        } else {
            let old = post.id.as_deref().map(str::trim).filter(|id| !id.is_empty());
            old.map(|old| of_old(old, self.config.site.url.host(), published))
        };
        // Ids that are equal after normalisation belong to one post.
        post.id = post.id.filter(|id| self.ids.get(id).is_none_or(|other| *other == owner));
        let print = content_hash("entry", &stored_form(&post));
        if let Some((old, known)) = known {
            self.above = Some(known.published);
            self.done.ledger.entries.remove(old);
            let mut now = Known { taken_back: false, ..known.clone() };
            if known.print != print || known.taken_back || self.missing.contains(&known.file) {
                match self.file(&mut post, &owner, (&known.file, &known.slug)) {
                    Ok((file, url)) => {
                        self.remark(&file, line);
                        now = Known { title: file.title, url: url.into(), published, print, ..now };
                        self.done.write.insert(known.file.clone(), file.contents);
                    }
                    Err(why) => self.warn(&title, &format!("its new version is left out: {why}"), line),
                }
            }
            self.done.ledger.entries.insert(key, now);
            return;
        }
        let (name, slug) = self.writer.new_name(&post);
        match self.file(&mut post, &owner, (&name, &slug)) {
            Err(why) => self.warn(&title, &format!("left out: {why}"), line),
            Ok((file, url)) => {
                self.remark(&file, line);
                self.ids.extend(post.id.clone().map(|id| (id, key.clone())));
                let (title, url) = (file.title, url.into());
                let known =
                    Known { id: post.id, file: name, slug, url, title, published, print, taken_back: false };
                self.done.write.insert(known.file.clone(), file.contents);
                self.done.ledger.entries.insert(key, known);
            }
        }
    }

    /// A known date stays unless it is in the future. An entry without a date gets that of the entry above, or the
    /// current time if it is the first.
    fn published(&self, place: usize, entry: &Entry, known: Option<&Known>) -> DateTime<FixedOffset> {
        let stated = entry.published.or(entry.updated);
        match known {
            Some(known) if known.published > self.now => stated.unwrap_or(known.published),
            Some(known) => known.published,
            None => stated.or(self.above).unwrap_or_else(|| {
                // Entries that appear together keep the order of the feed.
                let seconds = i64::try_from(place).unwrap_or_default();
                self.now.checked_sub_signed(TimeDelta::seconds(seconds)).unwrap_or(self.now)
            }),
        }
    }

    /// The file, after a trial parse, and its page. An enclosure that cannot be used is left out.
    fn file(
        &mut self,
        post: &mut ImportedPost,
        owner: &str,
        (name, slug): (&str, &str),
    ) -> Result<(PostFile, Url), String> {
        let mut file = self.writer.file_as(post, name.to_owned(), slug)?;
        let mut read = validate(Utf8Path::new(name), &file.contents, self.config);
        if read.is_err() && post.enclosure.take().is_some() {
            post.notes.push(("feed-enclosure", "its enclosure cannot be used".to_owned()));
            file = self.writer.file_as(post, name.to_owned(), slug)?;
            read = validate(Utf8Path::new(name), &file.contents, self.config);
        }
        let mut url = read.map_err(|wrong| words(&wrong))?;
        let mut page = permalink::case_folded(&url);
        if self.pages.get(&page).is_some_and(|other| other != owner) {
            // Both entries link to the same page, so the second gets an address with a fragment.
            url.set_fragment(Some(name.trim_end_matches(".md")));
            post.address = Some(url.to_string());
            file = self.writer.file_as(post, name.to_owned(), slug)?;
            url =
                validate(Utf8Path::new(name), &file.contents, self.config).map_err(|wrong| words(&wrong))?;
            page = permalink::case_folded(&url);
        }
        if self.pages.get(&page).is_some_and(|other| other != owner) {
            return Err(format!("another entry is at {url}"));
        }
        self.pages.insert(page, owner.to_owned());
        Ok((file, url))
    }

    fn remark(&mut self, file: &PostFile, line: usize) {
        for (_, words) in &file.remarks {
            self.warn(&file.title, words, line);
        }
    }

    fn warn(&mut self, title: &str, words: &str, line: usize) {
        let title: String = title.chars().take(60).collect();
        let finding = Finding::warning("feed-archive", self.file, format!("{title:?}: {words}"));
        self.done.findings.push(if line > 0 { finding.at(line) } else { finding });
    }
}

fn words(wrong: &[Finding]) -> String {
    wrong.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// The entry as a post with the address of its page.
fn imported_post(mut entry: Entry, published: DateTime<FixedOffset>) -> ImportedPost {
    let is_whole = |enclosure: &super::feed::Enclosure| {
        enclosure.length.is_some_and(|length| length > 0) && enclosure.media_type.is_some()
    };
    let enclosure = entry.enclosures.iter().position(is_whole).map(|at| entry.enclosures.swap_remove(at));
    let address = entry.link.as_deref().and_then(|link| Url::parse(link).ok());
    let address = address.filter(|url| matches!(url.scheme(), "http" | "https"));
    let post = ImportedPost::from(Entry { line: 0, ..entry });
    ImportedPost { address: address.map(String::from), published: Some(published), enclosure, ..post }
}

/// The text that is hashed to see whether an entry has changed. Its names are those of earlier versions, because the
/// hashes are stored: with others, every stored entry would count as changed.
fn stored_form(post: &ImportedPost) -> String {
    struct Stored<'p>(&'p ImportedPost);

    impl fmt::Debug for Stored<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let ImportedPost {
                title, id, link, address, slug, published, updated, authors, categories, ..
            } = self.0;
            let ImportedPost { tags, summary, language, image, enclosure, draft, html, line_breaks, .. } =
                self.0;
            f.debug_struct("Story")
                .field("title", title)
                .field("id", id)
                .field("link", link)
                .field("address", address)
                .field("slug", slug)
                .field("published", published)
                .field("updated", updated)
                .field("authors", authors)
                .field("categories", categories)
                .field("tags", tags)
                .field("summary", summary)
                .field("language", language)
                .field("image", image)
                .field("enclosure", enclosure)
                .field("draft", draft)
                .field("html", html)
                .field("line_breaks", line_breaks)
                .field("remarks", &self.0.notes)
                .field("line", &self.0.line)
                .finish()
        }
    }

    format!("{:?}", Stored(post))
}

#[cfg(test)]
mod tests;
