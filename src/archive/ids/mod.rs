//! The id ledger: which id each post was given, for ever. A text file that lives beside the posts, one line for
//! each, sorted by id so that two branches rarely touch the same place. Pure: text in, text out.

mod assign;
mod fingerprint;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset, SecondsFormat};

use super::links;
use crate::finding::Finding;
use crate::text::hex;

pub use assign::{Assignment, Given, HeldBack, Sighting, assign};
pub use fingerprint::{Fingerprint, FingerprintError};

const HEAD: &str = "\
# The ids of the posts. Letterpress writes this file; keep it in version control beside the posts.
# A post keeps its id when it is edited, renamed or moved; without its line readers would get it again.
# id\tfile\tpublished\tcontent hash\tupdated\tfingerprint\ttaken back
";

/// Stands for the file of an id that its post gave up for another one.
const RETIRED: &str = "-";

/// Begins the last field of a post that readers have seen and that is published no more.
const TAKEN_BACK: &str = "taken back ";

/// Begins it if somebody has said that the post shall not be published any more, whether its file is there or not.
const RETRACTED: &str = "retracted ";

/// How many hexadecimal digits of the SHA-256 are kept: 128 bits.
const HASH_DIGITS: usize = 32;

/// Every id that was ever given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    lines: BTreeMap<String, Line>,
    /// Ids of posts that are published no more.
    taken_back: BTreeMap<String, Gone>,
}

/// That a post is published no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gone {
    since: DateTime<FixedOffset>,
    /// Somebody has said so, and it stays out even if its file is there.
    is_retracted: bool,
}

/// What is known of the post that has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file, relative to the folder of posts, with `/`.
    pub path: String,
    /// When it was published.
    pub published: DateTime<FixedOffset>,
    /// The first 32 hexadecimal digits of the SHA-256 of its title and its text.
    pub hash: String,
    /// When its text last changed.
    pub updated: DateTime<FixedOffset>,
    /// By which it is known again after an edit; nothing if an earlier version wrote the line and the file is gone.
    pub fingerprint: Option<Fingerprint>,
}

impl Ledger {
    /// Reads a ledger; `file` is its name in messages. All wrong lines are named.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Finding>> {
        let mut ledger = Self::default();
        let mut paths: BTreeMap<String, usize> = BTreeMap::new();
        let mut findings = Vec::new();
        for (number, line) in
            text.trim_start_matches('\u{FEFF}').lines().enumerate().map(|(at, line)| (at + 1, line))
        {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong =
                |message: String, hint: &str| Finding::error("ids", file, message).at(number).hint(hint);
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
                let hint =
                    "keep the lines of both sides, take out the marks, and of two lines with one id keep one";
                findings.push(wrong("a merge was not finished here".to_owned(), hint));
                continue;
            }
            match parse_line(line) {
                Err(message) => {
                    findings.push(wrong(message.to_owned(), "restore the line from version control"));
                }
                Ok((id, _)) if ledger.lines.contains_key(id) => {
                    findings.push(wrong(format!("the id {id} has a second line"), "keep one of them"));
                }
                Ok((id, (line, gone))) => {
                    if let Some(gone) = gone {
                        ledger.taken_back.insert(id.to_owned(), gone);
                    }
                    if line.path != RETIRED
                        && let Some(before) = paths.insert(line.path.clone(), number)
                    {
                        let message = format!("{} has an id on line {before} already", line.path);
                        findings.push(wrong(message, "keep the line with the id that readers know"));
                    }
                    ledger.lines.insert(id.to_owned(), line);
                }
            }
        }
        if findings.is_empty() { Ok(ledger) } else { Err(findings) }
    }

    /// The text of the ledger, sorted by id; the same ledger gives the same bytes.
    pub fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (id, line) in &self.lines {
            let (published, updated) = (stamp(line.published), stamp(line.updated));
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{id}\t{}\t{published}\t{}\t{updated}", line.path, line.hash);
            if let Some(fingerprint) = &line.fingerprint {
                let _ = write!(text, "\t{fingerprint}");
            }
            if let Some(gone) = self.taken_back.get(id) {
                let mark = if gone.is_retracted { RETRACTED } else { TAKEN_BACK };
                let _ = write!(text, "\t{mark}{}", stamp(gone.since));
            }
            text.push('\n');
        }
        text
    }

    /// The line of an id.
    pub fn get(&self, id: &str) -> Option<&Line> {
        self.lines.get(id)
    }

    /// Writes an id down, as when a feed's ids are taken over; an id that is there already gets the new line.
    pub fn record(&mut self, id: String, line: Line) {
        self.lines.insert(id, line);
    }

    /// Since when the post of an id is published no more.
    pub fn taken_back(&self) -> impl Iterator<Item = (&str, DateTime<FixedOffset>)> {
        self.taken_back.iter().map(|(id, gone)| (id.as_str(), gone.since))
    }

    /// Since when the post of an id is retracted.
    pub fn retracted(&self, id: &str) -> Option<DateTime<FixedOffset>> {
        self.taken_back.get(id).filter(|gone| gone.is_retracted).map(|gone| gone.since)
    }

    /// Says that the post of an id shall not be published any more; `false` if that was said before, or nobody has the id.
    pub fn retract(&mut self, id: &str, now: DateTime<FixedOffset>) -> bool {
        if self.retracted(id).is_some() || !self.lines.contains_key(id) {
            return false;
        }
        let since = self.taken_back.get(id).map_or(now, |gone| gone.since);
        self.taken_back.insert(id.to_owned(), Gone { since, is_retracted: true });
        true
    }

    /// Gives the id of a post that is known from a feed alone a line of its own.
    pub fn remember_gone(&mut self, id: &str, title: &str, now: DateTime<FixedOffset>) {
        let path = RETIRED.to_owned();
        let line =
            Line { path, published: now, hash: content_hash(title, ""), updated: now, fingerprint: None };
        self.lines.entry(id.to_owned()).or_insert(line);
    }

    /// Says the opposite; `false` if the post of the id is not retracted.
    pub fn reinstate(&mut self, id: &str) -> bool {
        let gone = self.taken_back.get_mut(id).filter(|gone| gone.is_retracted);
        gone.map(|gone| gone.is_retracted = false).is_some()
    }

    /// Gives the post with the id `from` the id `to`, as when a feed's ids are taken over. The old one goes; if it was
    /// `published`, it is kept as one that nobody has any more. `updated` is when readers last saw the post change.
    pub fn rename(
        &mut self,
        from: &str,
        to: String,
        published: bool,
        updated: Option<DateTime<FixedOffset>>,
    ) {
        let Some(mut line) = self.lines.remove(from) else { return };
        if published {
            let retired = Line { path: RETIRED.to_owned(), ..line.clone() };
            self.lines.insert(from.to_owned(), retired);
        } else {
            line.updated = updated.unwrap_or(line.updated).max(line.published);
        }
        self.lines.insert(to, line);
    }

    /// Every id with its line, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Line)> {
        self.lines.iter().map(|(id, line)| (id.as_str(), line))
    }
}

/// An id, its line, and whether its post is published no more.
type Parsed<'t> = (&'t str, (Line, Option<Gone>));

const WRONG_FIELD: &str =
    "a field after the fifth is neither a fingerprint nor `taken back` or `retracted` and a date";

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
    let line = Line {
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

/// The hash by which a renamed post is known again and an edit is seen.
pub fn content_hash(title: &str, body: &str) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [title, "\n", body.trim()] {
        context.update(part.as_bytes());
    }
    hex(&context.finish().as_ref()[..HASH_DIGITS / 2])
}

/// An absolute URI without white space (RFC 3986, 3.1 and 4.3); ids of old feeds hold whatever else they like.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
        && !rest.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// An IRI as a URI (RFC 3987, 3.1): what is not ASCII is encoded, `%xx` is upper-case, and nothing else changes,
/// since readers compare ids letter by letter.
pub fn canonical_uri(iri: &str) -> String {
    let mut uri = String::with_capacity(iri.len());
    let bytes = iri.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escape = iri.get(at..at + 3).filter(|escape| {
            escape.starts_with('%') && escape.bytes().skip(1).all(|digit| digit.is_ascii_hexdigit())
        });
        if let Some(escape) = escape {
            uri.push_str(&escape.to_ascii_uppercase());
            at += 3;
            continue;
        }
        match bytes[at] {
            byte @ (b'%' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7F..) => {
                let _ = write!(uri, "%{byte:02X}");
            }
            byte => uri.push(char::from(byte)),
        }
        at += 1;
    }
    uri
}

/// A new id (RFC 4151): `tag:example.com,2024-05-01:slug`.
pub(super) fn tag(host: &str, published: DateTime<FixedOffset>, slug: &str) -> String {
    format!("tag:{},{}:{slug}", links::segment(host), published.format("%Y-%m-%d"))
}

/// The slug in an id that was made by [`tag`].
fn slug_of(id: &str) -> Option<&str> {
    id.strip_prefix("tag:")?.split_once(':').map(|(_, slug)| slug)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "tag:example.com,2024-05-01:a\ta.md\t2024-05-01T00:00:00+09:00\t0123456789abcdef0123456789abcdef\t2024-05-02T00:00:00+09:00";

    fn refusals(text: &str) -> Vec<String> {
        Ledger::parse(text, "posts/ids.txt").unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_ledger_survives_windows_line_ends_comments_and_an_empty_file() {
        let ledger = Ledger::parse(&format!("# head\r\n\r\n{LINE}\r\n"), "ids.txt").unwrap();
        assert_eq!(ledger.to_text(), format!("{HEAD}{LINE}\n"));
        assert_eq!(Ledger::parse("", "ids.txt").unwrap(), Ledger::default());
    }

    #[test]
    fn unfinished_merges_and_broken_lines_are_all_named_with_their_line() {
        let other = LINE.replace(":a\t", ":b\t");
        let found = refusals(&format!("<<<<<<< HEAD\n{LINE}\n=======\n{LINE}\n{other}\n>>>>>>> x\nfoo\n"));
        assert_eq!(found.len(), 6, "{found:#?}");
        for (finding, word) in found.iter().zip([
            "txt:1:",
            "txt:3:",
            "txt:4: error: the id",
            "txt:5: error: a.md has",
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
    fn a_post_that_takes_over_an_id_keeps_its_old_one_only_if_somebody_knows_it() {
        let ledger = Ledger::parse(LINE, "ids.txt").unwrap();
        let old = "tag:example.com,2024-05-01:a";
        let seen = DateTime::parse_from_rfc3339("2024-05-03T00:00:00+09:00").ok();
        let mut fresh = ledger.clone();
        fresh.rename(old, "urn:x:1".to_owned(), false, seen);
        assert_eq!(fresh.get(old), None);
        assert_eq!(
            fresh.get("urn:x:1").map(|line| (line.path.as_str(), line.updated)),
            seen.map(|seen| ("a.md", seen))
        );
        let mut published = ledger.clone();
        published.rename(old, "urn:x:1".to_owned(), true, seen);
        assert_eq!(published.get(old).unwrap().path, RETIRED);
        assert_eq!(published.get("urn:x:1"), ledger.get(old), "what readers saw last is not changed");
        assert_eq!(Ledger::parse(&published.to_text(), "ids.txt").unwrap(), published);
    }

    #[test]
    fn an_iri_becomes_a_uri_and_is_otherwise_left_alone() {
        assert_eq!(
            canonical_uri("https://Example.com/글?a=%ea%b8%80"),
            "https://Example.com/%EA%B8%80?a=%EA%B8%80"
        );
        assert!(is_uri("urn:uuid:1") && is_uri("tag:a,2024:b"));
        assert!(!is_uri("my-post") && !is_uri("note: a") && !is_uri("2024:a") && !is_uri("a:"));
    }

    #[test]
    fn the_hash_sees_title_and_text_but_not_the_blank_lines_around_them() {
        assert_eq!(content_hash("a", "b"), content_hash("a", "\n\nb\n"));
        assert_ne!(content_hash("a", "b"), content_hash("ab", ""));
        assert_eq!(content_hash("a", "b").len(), HASH_DIGITS);
    }

    fn any_line() -> impl Strategy<Value = (String, Line)> {
        ("[a-z]{1,6}", "[a-z가-힣/ ]{1,8}[.]md", 0i64..4_000_000_000, -14i32..=14, "[0-9a-f]{32}", 0i64..1000)
            .prop_map(|(id, path, seconds, zone, hash, later)| {
                let zone = FixedOffset::east_opt(zone * 3600).unwrap();
                let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&zone);
                (
                    format!("urn:x:{id}"),
                    Line {
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
        fn a_ledger_is_read_back_as_it_was_written(lines in proptest::collection::btree_map(any_line().prop_map(|(id, _)| id), any_line().prop_map(|(_, line)| line), 0..8)) {
            let mut ledger = Ledger::default();
            for (at, (id, mut line)) in lines.into_iter().enumerate() {
                line.path = format!("{at}/{}", line.path);
                ledger.record(id.clone(), line);
                if at % 3 == 0 {
                    ledger.retract(&id, DateTime::from_timestamp(0, 0).unwrap().fixed_offset());
                }
            }
            prop_assert_eq!(Ledger::parse(&ledger.to_text(), "ids.txt").unwrap(), ledger);
        }

        #[test]
        fn no_text_breaks_the_reader(text in "(tag:a,2024:b|a.md|\t|\n|<<<<<<<|[ -~가]){0,30}") {
            let _ = Ledger::parse(&text, "ids.txt");
        }
    }
}
