//! The page ledger: which posts are in which page of a feed's archive (RFC 5005). A page never changes. The ledger is a
//! text file beside the ids, with one line for each post of a page. Pure: text in, text out; `feeds` fills the pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset, SecondsFormat};

use crate::finding::Finding;

const HEAD: &str = "\
# The pages of the feeds' archives. Letterpress writes this file; keep it in version control beside the posts.
# A page that is written never changes; without its lines the pages would be cut anew.
# feed\tpage\tid\tupdated
";

/// Represents the feed of the whole site, which has no folder.
const SITE: &str = ".";

/// The posts of one page: the id, and when the post had last changed when the page was written.
pub type Page = BTreeMap<String, DateTime<FixedOffset>>;

/// Every page of every feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    feeds: BTreeMap<String, BTreeMap<u32, Page>>,
}

impl Pages {
    /// Reads a ledger; `file` is its name in messages. Reports all wrong lines.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Finding>> {
        let (mut pages, mut findings) = (Self::default(), Vec::new());
        for (number, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((feed, page, id, updated)) = parse_line(line.trim_end()) {
                pages.page(feed, page).insert(id.to_owned(), updated);
            } else {
                let finding =
                    Finding::error("pages", file, "the line must have a feed, a page, an id and a date");
                let hint = "after a merge, keep the lines of both sides; otherwise restore the line from version control";
                findings.push(finding.at(number + 1).hint(hint));
            }
        }
        if findings.is_empty() { Ok(pages) } else { Err(findings) }
    }

    /// The text of the ledger; the same ledger always gives the same bytes.
    pub fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (feed, pages) in &self.feeds {
            let feed = if feed.is_empty() { SITE } else { feed };
            for (number, page) in pages {
                for (id, updated) in page {
                    let updated = updated.to_rfc3339_opts(SecondsFormat::Secs, false);
                    // Writing to a `String` cannot fail.
                    let _ = writeln!(text, "{feed}\t{number}\t{id}\t{updated}");
                }
            }
        }
        text
    }

    /// Whether there is no page.
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }

    /// The pages of the feed in `folder`, by number.
    pub fn of(&self, folder: &str) -> impl DoubleEndedIterator<Item = (u32, &Page)> + Clone {
        self.feeds.get(folder).into_iter().flatten().map(|(number, page)| (*number, page))
    }

    /// Appends a page to the feed in `folder`.
    pub fn append(&mut self, folder: &str, page: Page) {
        let pages = self.feeds.entry(folder.to_owned()).or_default();
        let number = pages.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        pages.insert(number, page);
    }

    /// The ids in any page of any feed.
    pub fn ids(&self) -> BTreeSet<&str> {
        self.feeds.values().flat_map(BTreeMap::values).flat_map(BTreeMap::keys).map(String::as_str).collect()
    }

    fn page(&mut self, folder: &str, number: u32) -> &mut Page {
        self.feeds.entry(folder.to_owned()).or_default().entry(number).or_default()
    }
}

fn parse_line(line: &str) -> Option<(&str, u32, &str, DateTime<FixedOffset>)> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[feed, page, id, updated] = fields.as_slice() else { return None };
    let page = page.parse().ok().filter(|page| (1..u32::MAX).contains(page))?;
    let updated = DateTime::parse_from_rfc3339(updated).ok()?;
    let is_id = !id.is_empty() && !id.contains(char::is_whitespace);
    (is_id && !feed.is_empty()).then(|| (if feed == SITE { "" } else { feed }, page, id, updated))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "categories/기술\t2\ttag:example.com,2024:a\t2024-05-02T00:00:00+09:00\n";

    fn page(ids: &[&str]) -> Page {
        let at = DateTime::parse_from_rfc3339("2024-05-02T00:00:00+09:00").unwrap();
        ids.iter().map(|id| ((*id).to_owned(), at)).collect()
    }

    #[test]
    fn a_ledger_round_trips_and_new_pages_come_last() {
        let mut pages = Pages::parse(&format!("# head\r\n\r\n{LINE}"), "pages.txt").unwrap();
        assert_eq!(pages.to_text(), format!("{HEAD}{LINE}"));
        pages.append("categories/기술", page(&["urn:x:b"]));
        pages.append("", page(&["urn:x:b", "urn:x:c"]));
        assert_eq!(pages.of("categories/기술").map(|(number, _)| number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(pages.of("").next(), Some((1, &page(&["urn:x:b", "urn:x:c"]))));
        assert_eq!(Pages::parse(&pages.to_text(), "pages.txt").unwrap(), pages);
    }

    #[test]
    fn two_branches_that_wrote_the_same_page_merge_by_keeping_all_lines() {
        let merged = format!(
            ".\t1\turn:x:a\t2024-05-02T00:00:00+09:00\n{LINE}.\t1\turn:x:b\t2024-05-02T00:00:00+09:00\n"
        );
        let pages = Pages::parse(&merged, "pages.txt").unwrap();
        assert_eq!(pages.of("").collect::<Vec<_>>(), [(1, &page(&["urn:x:a", "urn:x:b"]))]);
        let marks = format!("<<<<<<< HEAD\n{LINE}=======\n>>>>>>> x\n.\t0\ta\tb\n");
        let found = Pages::parse(&marks, "posts/pages.txt").unwrap_err();
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 3, 4, 5].map(Some));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "(\\.|categories/a|\t|1|urn:x:a|2024-05-02T00:00:00Z|\n|[ -~가]){0,30}") {
            if let Ok(pages) = Pages::parse(&text, "pages.txt") {
                prop_assert_eq!(Pages::parse(&pages.to_text(), "pages.txt").unwrap(), pages);
            }
        }
    }
}
