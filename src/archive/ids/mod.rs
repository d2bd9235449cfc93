//! The id ledger: the permanent id of each post. A text file beside the posts, with one line for each post, sorted by id
//! so that branches rarely conflict. Pure: text in, text out.

mod assign;
mod fingerprint;
mod guid;
mod identity;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset, SecondsFormat};
use percent_encoding::AsciiSet;

use super::links;
use crate::config::SiteUrl;
use crate::finding::Finding;
use crate::text::hex;

pub use assign::{AssignedId, Assignment, Withheld, assign};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use guid::{of_old, shown};
pub use identity::PostIdentity;

const HEAD: &str = "\
# The ids of the posts. Letterpress writes this file; keep it in version control beside the posts.
# A post keeps its id when it is edited, renamed or moved; without its line readers would get it again.
# id\tfile\tpublished\tcontent hash\tupdated\tfingerprint\ttaken back
";

/// Begins the line with the address from which the ids of the Atom feeds are made. A comment, because earlier versions accept
/// no other lines than those of posts.
const FEEDS: &str = "# The ids of the Atom feeds begin with\t";

/// Represents the file of an id whose post has another id now.
const RETIRED: &str = "-";

/// Begins the last field of a post that was published and is not any more.
const TAKEN_BACK: &str = "taken back ";

/// Begins the last field of a post that the user retracted, whether its file exists or not.
const RETRACTED: &str = "retracted ";

/// How many hexadecimal digits of the SHA-256 are kept: 128 bits.
const HASH_DIGITS: usize = 32;

/// Every id that was ever assigned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdRegistry {
    lines: BTreeMap<String, IdEntry>,
    /// Ids of posts that are not published any more.
    gone: BTreeMap<String, Gone>,
    /// The address of the site when its feeds were first published: their ids begin with it, wherever the site is now.
    feeds: Option<SiteUrl>,
}

/// A post that is not published any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gone {
    since: DateTime<FixedOffset>,
    /// Whether the user retracted it: then it is left out even if its file exists.
    is_retracted: bool,
}

/// What is known about the post with an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdEntry {
    /// The file, relative to the folder of posts, with `/`.
    pub path: String,
    /// When it was published.
    pub published: DateTime<FixedOffset>,
    /// The first 32 hexadecimal digits of the SHA-256 of its title and its text.
    pub hash: String,
    /// When its text last changed.
    pub updated: DateTime<FixedOffset>,
    /// Identifies the post after an edit; `None` if an earlier version wrote the line and the file is gone.
    pub fingerprint: Option<Fingerprint>,
}

impl IdRegistry {
    /// Reads a ledger; `file` is its name in messages. Reports all wrong lines.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Finding>> {
        let mut registry = Self::default();
        let mut paths: BTreeMap<String, usize> = BTreeMap::new();
        let mut findings = Vec::new();
        for (number, line) in
            text.trim_start_matches('\u{FEFF}').lines().enumerate().map(|(at, line)| (at + 1, line))
        {
            let wrong =
                |message: String, hint: &str| Finding::error("ids", file, message).at(number).hint(hint);
            if let Some(base) = line.strip_prefix(FEEDS) {
                match SiteUrl::parse(base) {
                    // After a merge there may be two; the first one wins.
                    Ok(base) => registry.feeds = registry.feeds.or(Some(base)),
                    Err(message) => findings.push(wrong(message, "restore the line from version control")),
                }
                continue;
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
                let hint = "keep the lines of both sides, delete the markers, and keep one of two lines with the same id";
                findings.push(wrong("there is an unfinished merge here".to_owned(), hint));
                continue;
            }
            match parse_line(line) {
                Err(message) => {
                    findings.push(wrong(message.to_owned(), "restore the line from version control"));
                }
                Ok((id, _)) if registry.lines.contains_key(id) => {
                    findings.push(wrong(format!("the id {id} has two lines"), "keep one of them"));
                }
                Ok((id, (line, gone))) => {
                    if let Some(gone) = gone {
                        registry.gone.insert(id.to_owned(), gone);
                    }
                    if line.path != RETIRED
                        && let Some(before) = paths.insert(line.path.clone(), number)
                    {
                        let message = format!("{} already has an id on line {before}", line.path);
                        findings
                            .push(wrong(message, "keep the line with the id that is in the published feeds"));
                    }
                    registry.lines.insert(id.to_owned(), line);
                }
            }
        }
        if findings.is_empty() { Ok(registry) } else { Err(findings) }
    }

    /// The text of the ledger, sorted by id; the same ledger always gives the same bytes.
    pub fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        if let Some(feeds) = &self.feeds {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{FEEDS}{}", feeds.as_str());
        }
        for (id, line) in &self.lines {
            let (published, updated) = (stamp(line.published), stamp(line.updated));
            let _ = write!(text, "{id}\t{}\t{published}\t{}\t{updated}", line.path, line.hash);
            if let Some(fingerprint) = &line.fingerprint {
                let _ = write!(text, "\t{fingerprint}");
            }
            if let Some(gone) = self.gone.get(id) {
                let mark = if gone.is_retracted { RETRACTED } else { TAKEN_BACK };
                let _ = write!(text, "\t{mark}{}", stamp(gone.since));
            }
            text.push('\n');
        }
        text
    }

    /// The address with which the ids of the Atom feeds begin: that of the first build, which is `site` if there was none.
    pub(super) fn feed_base(&mut self, site: &SiteUrl) -> &SiteUrl {
        self.feeds.get_or_insert_with(|| site.clone())
    }

    /// The line of an id.
    pub fn get(&self, id: &str) -> Option<&IdEntry> {
        self.lines.get(id)
    }

    /// Records an id, for example when the ids of a feed are adopted; replaces the line of a known id.
    pub fn record(&mut self, id: String, line: IdEntry) {
        self.lines.insert(id, line);
    }

    /// The posts that are not published any more, and since when.
    pub fn tombstones(&self) -> impl Iterator<Item = (&str, DateTime<FixedOffset>)> {
        self.gone.iter().map(|(id, gone)| (id.as_str(), gone.since))
    }

    /// Since when the post of an id is retracted.
    pub fn retracted(&self, id: &str) -> Option<DateTime<FixedOffset>> {
        self.gone.get(id).filter(|gone| gone.is_retracted).map(|gone| gone.since)
    }

    /// Retracts the post of an id; `false` if it is already retracted, or the id is unknown.
    pub fn retract(&mut self, id: &str, now: DateTime<FixedOffset>) -> bool {
        if self.retracted(id).is_some() || !self.lines.contains_key(id) {
            return false;
        }
        let since = self.gone.get(id).map_or(now, |gone| gone.since);
        self.gone.insert(id.to_owned(), Gone { since, is_retracted: true });
        true
    }

    /// Records the id of a post that is known only from a feed.
    pub fn record_gone(&mut self, id: &str, title: &str, now: DateTime<FixedOffset>) {
        let path = RETIRED.to_owned();
        let line =
            IdEntry { path, published: now, hash: content_hash(title, ""), updated: now, fingerprint: None };
        self.lines.entry(id.to_owned()).or_insert(line);
    }

    /// Undoes [`Self::retract`]; `false` if the post of the id is not retracted.
    pub fn reinstate(&mut self, id: &str) -> bool {
        let gone = self.gone.get_mut(id).filter(|gone| gone.is_retracted);
        gone.map(|gone| gone.is_retracted = false).is_some()
    }

    /// Gives the post with the id `from` the id `to`, for example when the ids of a feed are adopted. The old id is
    /// removed, or kept without a post if it was `published`. `updated` is when the post last changed in the feed.
    pub fn rename(
        &mut self,
        from: &str,
        to: String,
        published: bool,
        updated: Option<DateTime<FixedOffset>>,
    ) {
        let Some(mut line) = self.lines.remove(from) else { return };
        if published {
            let retired = IdEntry { path: RETIRED.to_owned(), ..line.clone() };
            self.lines.insert(from.to_owned(), retired);
        } else {
            line.updated = updated.unwrap_or(line.updated).max(line.published);
        }
        self.lines.insert(to, line);
    }

    /// The fingerprints by the hashes of their texts.
    pub(super) fn fingerprints(&self) -> HashMap<&str, Fingerprint> {
        self.lines.values().filter_map(|line| Some((line.hash.as_str(), line.fingerprint?))).collect()
    }

    /// Every id with its line, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &IdEntry)> {
        self.lines.iter().map(|(id, line)| (id.as_str(), line))
    }
}

/// An id, its line, and whether its post is not published any more.
type Parsed<'t> = (&'t str, (IdEntry, Option<Gone>));

const WRONG_FIELD: &str =
    "a field after the fifth must be a fingerprint, or `taken back` or `retracted` with a date";

fn parse_line(line: &str) -> Result<Parsed<'_>, &'static str> {
    let fields: Vec<&str> = line.trim_end().split('\t').collect();
    let (&[id, path, published, hash, updated], rest) =
        fields.split_first_chunk::<5>().ok_or("the line does not have five fields between tabs")?;
    if !is_uri(id) {
        return Err("the id is not an absolute URI without spaces");
    }
    if path.is_empty() || path.chars().any(char::is_control) {
        return Err("the file has no name");
    }
    if hash.len() != HASH_DIGITS || !hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("the hash is not 32 hexadecimal digits");
    }
    let date = |raw| {
        DateTime::parse_from_rfc3339(raw).map_err(|_| "a date is not written like 2024-05-01T09:00:00+09:00")
    };
    let (mut fingerprint, mut gone) = (None, None);
    for field in rest {
        if let Some(since) = field.strip_prefix(TAKEN_BACK) {
            gone = Some(Gone { since: date(since)?, is_retracted: false });
        } else if let Some(since) = field.strip_prefix(RETRACTED) {
            gone = Some(Gone { since: date(since)?, is_retracted: true });
        } else {
            fingerprint = Some(field.parse().map_err(|_| WRONG_FIELD)?);
        }
    }
    let line = IdEntry {
        path: path.to_owned(),
        published: date(published)?,
        hash: hash.to_owned(),
        updated: date(updated)?,
        fingerprint,
    };
    Ok((id, (line, gone)))
}

fn stamp(date: DateTime<FixedOffset>) -> String {
    date.to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// A hash that identifies a renamed post and detects an edit.
pub fn content_hash(title: &str, body: &str) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [title, "\n", body.trim()] {
        context.update(part.as_bytes());
    }
    hex(&context.finish().as_ref()[..HASH_DIGITS / 2])
}

/// Whether `text` is an absolute URI without white space (RFC 3986, 3.1 and 4.3); ids of old feeds may contain anything
/// else.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
        && !rest.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The ASCII characters that [`canonical_uri`] encodes.
const NOT_IN_ID: &AsciiSet = &AsciiSet::EMPTY
    .add(b'"')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(0x7F);

/// An IRI as a URI (RFC 3987, 3.1): non-ASCII characters are encoded and `%xx` is upper case. Nothing else changes,
/// because feed readers compare ids byte by byte.
pub fn canonical_uri(iri: &str) -> String {
    links::encode(iri, NOT_IN_ID)
}

/// A new id (RFC 4151): `tag:example.com,2024-05-01:slug`.
pub(super) fn tag(host: &str, published: DateTime<FixedOffset>, slug: &str) -> String {
    format!("tag:{},{}:{slug}", links::segment(host), published.format("%Y-%m-%d"))
}

/// The slug in an id made by [`tag`].
fn slug_of(id: &str) -> Option<&str> {
    id.strip_prefix("tag:")?.split_once(':').map(|(_, slug)| slug)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "tag:example.com,2024-05-01:a\ta.md\t2024-05-01T00:00:00+09:00\t0123456789abcdef0123456789abcdef\t2024-05-02T00:00:00+09:00";

    fn refusals(text: &str) -> Vec<String> {
        IdRegistry::parse(text, "posts/ids.txt").unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn windows_line_ends_comments_and_an_empty_file_are_accepted() {
        let registry = IdRegistry::parse(&format!("# head\r\n\r\n{LINE}\r\n"), "ids.txt").unwrap();
        assert_eq!(registry.to_text(), format!("{HEAD}{LINE}\n"));
        assert_eq!(IdRegistry::parse("", "ids.txt").unwrap(), IdRegistry::default());
    }

    #[test]
    fn unfinished_merges_and_broken_lines_are_all_reported_with_their_line() {
        let other = LINE.replace(":a\t", ":b\t");
        let found = refusals(&format!("<<<<<<< HEAD\n{LINE}\n=======\n{LINE}\n{other}\n>>>>>>> x\nfoo\n"));
        assert_eq!(found.len(), 6, "{found:#?}");
        for (finding, word) in found.iter().zip([
            "txt:1:",
            "txt:3:",
            "txt:4: error: the id",
            "txt:5: error: a.md already has",
            "txt:6:",
            "txt:7: error: the line",
        ]) {
            assert!(finding.contains(word), "{finding}");
        }
        for broken in [
            LINE.replace("tag:", "tag "),
            LINE.replace("2024-05-02", "2024-02-30"),
            LINE.replace("cdef\t", "cdeg\t"),
            LINE.replace("a.md", ""),
        ] {
            assert_eq!(refusals(&broken).len(), 1, "{broken}");
        }
    }

    #[test]
    fn a_renamed_id_is_kept_only_if_it_was_published() {
        let registry = IdRegistry::parse(LINE, "ids.txt").unwrap();
        let old = "tag:example.com,2024-05-01:a";
        let seen = DateTime::parse_from_rfc3339("2024-05-03T00:00:00+09:00").ok();
        let mut fresh = registry.clone();
        fresh.rename(old, "urn:x:1".to_owned(), false, seen);
        assert_eq!(fresh.get(old), None);
        assert_eq!(
            fresh.get("urn:x:1").map(|line| (line.path.as_str(), line.updated)),
            seen.map(|seen| ("a.md", seen))
        );
        let mut published = registry.clone();
        published.rename(old, "urn:x:1".to_owned(), true, seen);
        assert_eq!(published.get(old).unwrap().path, RETIRED);
        assert_eq!(published.get("urn:x:1"), registry.get(old), "the time in the feeds does not change");
        assert_eq!(IdRegistry::parse(&published.to_text(), "ids.txt").unwrap(), published);
    }

    #[test]
    fn an_iri_becomes_a_uri_without_other_changes() {
        assert_eq!(
            canonical_uri("https://Example.com/글?a=%ea%b8%80"),
            "https://Example.com/%EA%B8%80?a=%EA%B8%80"
        );
        assert!(is_uri("urn:uuid:1") && is_uri("tag:a,2024:b"));
        assert!(!is_uri("my-post") && !is_uri("note: a") && !is_uri("2024:a") && !is_uri("a:"));
    }

    #[test]
    fn the_hash_covers_title_and_text_without_surrounding_blank_lines() {
        assert_eq!(content_hash("a", "b"), content_hash("a", "\n\nb\n"));
        assert_ne!(content_hash("a", "b"), content_hash("ab", ""));
        assert_eq!(content_hash("a", "b").len(), HASH_DIGITS);
    }

    fn any_line() -> impl Strategy<Value = (String, IdEntry)> {
        ("[a-z]{1,6}", "[a-z가-힣/ ]{1,8}[.]md", 0i64..4_000_000_000, -14i32..=14, "[0-9a-f]{32}", 0i64..1000)
            .prop_map(|(id, path, seconds, zone, hash, later)| {
                let zone = FixedOffset::east_opt(zone * 3600).unwrap();
                let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&zone);
                (
                    format!("urn:x:{id}"),
                    IdEntry {
                        path: format!("{id}/{path}"),
                        published: at(seconds),
                        hash,
                        updated: at(seconds + later),
                        fingerprint: (later > 500).then(|| Fingerprint::of("글", "a b")),
                    },
                )
            })
    }

    proptest! {
        #[test]
        fn a_ledger_round_trips(lines in proptest::collection::btree_map(any_line().prop_map(|(id, _)| id), any_line().prop_map(|(_, line)| line), 0..8)) {
            let mut registry = IdRegistry::default();
            for (at, (id, mut line)) in lines.into_iter().enumerate() {
                line.path = format!("{at}/{}", line.path);
                registry.record(id.clone(), line);
                if at % 3 == 0 {
                    registry.retract(&id, DateTime::from_timestamp(0, 0).unwrap().fixed_offset());
                }
            }
            prop_assert_eq!(IdRegistry::parse(&registry.to_text(), "ids.txt").unwrap(), registry);
        }

        #[test]
        fn no_text_panics(text in "(tag:a,2024:b|a.md|\t|\n|<<<<<<<|[ -~가]){0,30}") {
            let _ = IdRegistry::parse(&text, "ids.txt");
        }
    }
}
