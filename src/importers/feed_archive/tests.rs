//! What an imported feed keeps when it changes: dates, ids, files, and which entries are retracted.

use proptest::prelude::*;

use super::*;

fn config() -> Config {
    let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n";
    crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap()
}

fn at(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).unwrap()
}

fn day(day: u32) -> DateTime<FixedOffset> {
    at(&format!("2026-05-{day:02}T09:00:00+09:00"))
}

/// The entry of a day in May.
fn entry(of: u32) -> Entry {
    Entry {
        id: Some(format!("urn:x:{of}")),
        link: Some(format!("https://example.com/글-{of}/")),
        title: format!("{of}일의 글"),
        published: Some(day(of)),
        content: Some(format!("<p>본문 <em>{of}</em></p>")),
        ..Entry::default()
    }
}

/// A folder of posts over several fetches.
#[derive(Default)]
struct Folder {
    ledger: PageRegistry,
    files: BTreeMap<String, String>,
    removed: usize,
}

impl Folder {
    fn fetch(&mut self, entries: impl IntoIterator<Item = Entry>) -> ArchiveUpdate {
        self.fetch_at("2026-06-01T00:00:00Z", entries)
    }

    fn fetch_at(&mut self, now: &str, entries: impl IntoIterator<Item = Entry>) -> ArchiveUpdate {
        let feed = Feed { entries: entries.into_iter().collect(), ..Feed::default() };
        let config = config();
        let there = |file: &&str| !self.files.contains_key(*file);
        let missing = self.ledger.files().filter(there).map(str::to_owned).collect();
        let merged = merge(&self.ledger, feed, &missing, (&config, "feed"), at(now).to_utc());
        self.ledger = PageRegistry::parse(&merged.ledger.to_text(), "source.json").unwrap();
        assert_eq!(self.ledger, merged.ledger, "the ledger is read back as it was written");
        self.files.retain(|file, _| !merged.remove.contains(file));
        self.files.extend(merged.write.clone());
        self.removed += merged.remove.len();
        let owned: BTreeSet<&str> = self.ledger.files().collect();
        assert_eq!(owned, self.files.keys().map(String::as_str).collect(), "each file has its line");
        merged
    }

    fn text(&self, part: &str) -> &str {
        self.files.iter().find(|(name, _)| name.contains(part)).map(|(_, text)| text.as_str()).unwrap()
    }
}

#[test]
fn an_entry_becomes_a_post_with_its_id_page_date_and_whole_text() {
    let mut folder = Folder::default();
    let enclosure = super::super::feed::Enclosure {
        url: "https://cdn.example/1.mp3".to_owned(),
        media_type: Some("audio/mpeg".to_owned()),
        length: Some(77),
    };
    let link = Some("https://elsewhere.example/blog?p=1".to_owned());
    folder.fetch([Entry {
        link,
        enclosures: vec![enclosure],
        categories: vec!["기술".to_owned()],
        ..entry(1)
    }]);
    let text = folder.text("2026-05-01");
    for line in [
        "title = \"1일의 글\"",
        "date = 2026-05-01T09:00:00+09:00",
        "url = \"https://elsewhere.example/blog?p=1\"",
        "id = \"urn:x:1\"",
        "categories = [\"기술\"]",
        "enclosure = { url = \"https://cdn.example/1.mp3\", length = 77, type = \"audio/mpeg\" }",
        "본문 *1*",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn the_same_feed_again_changes_nothing() {
    let mut folder = Folder::default();
    folder.fetch((1..=5).rev().map(entry));
    let before = folder.ledger.clone();
    let merged = folder.fetch_at("2027-01-01T00:00:00Z", (1..=5).rev().map(entry));
    assert_eq!((merged.write.len(), merged.remove.len()), (0, 0));
    assert_eq!(folder.ledger, before);
}

#[test]
fn an_entry_gone_from_the_end_stays_and_one_gone_from_the_middle_is_retracted() {
    let mut folder = Folder::default();
    folder.fetch((1..=5).rev().map(entry));
    folder.fetch([6, 5, 3, 2].map(entry));
    assert!(folder.files.keys().any(|name| name.contains("05-01")), "the first fell off");
    assert!(!folder.files.keys().any(|name| name.contains("05-04")), "the fourth was taken back");
    let back = folder.fetch([6, 5, 4, 3].map(entry));
    assert_eq!(back.write.keys().collect::<Vec<_>>(), ["2026-05-04-글-4.md"], "and it comes back as it was");
    assert_eq!(folder.files.len(), 6);
}

#[test]
fn a_feed_in_another_order_retracts_nothing_when_its_window_moves() {
    let mut folder = Folder::default();
    folder.fetch((1..=5).map(entry));
    folder.fetch((2..=6).map(entry));
    assert_eq!((folder.files.len(), folder.removed), (6, 0));
    let mut folder = Folder::default();
    folder.fetch([1, 12, 11, 10].map(entry));
    folder.fetch([1, 13, 12, 11].map(entry));
    folder.fetch([14, 13, 12].map(entry));
    assert_eq!((folder.files.len(), folder.removed), (6, 0));
}

#[test]
fn a_feed_that_loses_most_of_its_middle_retracts_nothing() {
    let mut folder = Folder::default();
    folder.fetch((1..=9).rev().map(entry));
    let merged = folder.fetch([1].map(entry));
    assert_eq!((folder.files.len(), folder.removed), (9, 0));
    assert!(merged.findings[0].message.starts_with("8 of its 9 earlier entries"), "{}", merged.findings[0]);
}

#[test]
fn an_edit_changes_the_text_but_neither_the_date_nor_the_file_name() {
    let mut folder = Folder::default();
    folder.fetch([2, 1].map(entry));
    let link = Some("https://example.com/neu/".to_owned());
    let edited = Entry { title: "다른 제목".to_owned(), published: Some(day(20)), link, ..entry(2) };
    let merged = folder.fetch([edited, entry(1)]);
    assert_eq!(merged.write.keys().collect::<Vec<_>>(), ["2026-05-02-글-2.md"]);
    let text = folder.text("05-02");
    assert!(text.contains("다른 제목") && text.contains("date = 2026-05-02T09:00:00+09:00"), "{text}");
    assert!(text.contains("url = \"https://example.com/neu/\""), "{text}");
}

#[test]
fn an_entry_in_the_future_may_change_its_date() {
    let mut folder = Folder::default();
    folder.fetch_at("2026-05-01T00:00:00Z", [entry(9)]);
    let moved = |to| Entry { published: Some(day(to)), ..entry(9) };
    folder.fetch_at("2026-05-02T00:00:00Z", [moved(4)]);
    assert!(folder.text("글-9").contains("date = 2026-05-04"));
    folder.fetch_at("2026-05-05T00:00:00Z", [moved(5)]);
    assert!(folder.text("글-9").contains("date = 2026-05-04"));
}

#[test]
fn without_a_date_the_first_fetch_counts_and_a_growing_window_makes_nothing_new() {
    let bare = |of| Entry { published: None, ..entry(of) };
    let mut folder = Folder::default();
    folder.fetch_at("2026-05-10T00:00:00Z", [bare(3), bare(2)]);
    folder.fetch_at("2026-05-20T00:00:00Z", [bare(4), bare(3), bare(2), bare(1)]);
    assert!(folder.text("글-3").contains("date = 2026-05-10T09:00:00+09:00"));
    assert!(
        folder.text("글-2").contains("date = 2026-05-10T08:59:59+09:00"),
        "the order of the feed is kept"
    );
    assert!(folder.text("글-4").contains("date = 2026-05-20T09:00:00+09:00"));
    assert!(
        folder.text("글-1").contains("date = 2026-05-10T08:59:59+09:00"),
        "it is below the known entries"
    );
}

#[test]
fn a_site_with_new_ids_delivers_no_post_twice() {
    let renamed = |of| Entry { id: Some(format!("https://example.com/?p={of}")), ..entry(of) };
    let mut folder = Folder::default();
    folder.fetch((1..=4).rev().map(entry));
    let merged = folder.fetch((2..=5).rev().map(renamed));
    assert_eq!(merged.write.keys().collect::<Vec<_>>(), ["2026-05-05-글-5.md"]);
    assert_eq!(folder.files.len(), 5);
    assert!(folder.text("글-4").contains("id = \"urn:x:4\""), "feed readers know the first id");
    let again = folder.fetch((2..=5).rev().map(renamed));
    assert_eq!(again.write.len(), 0);
}

#[test]
fn entries_that_share_an_address_are_not_confused() {
    let linked = |of| Entry { link: Some("https://example.com/notes".to_owned()), ..entry(of) };
    let mut folder = Folder::default();
    for newest in 3..9 {
        folder.fetch([newest, newest - 1].map(linked));
    }
    assert_eq!((folder.files.len(), folder.removed), (7, 0));
    let pages: BTreeSet<&String> = folder.ledger.entries.values().map(|known| &known.url).collect();
    assert_eq!(pages.len(), 7, "each has an address of its own, which leads to the page");
}

#[test]
fn a_file_that_would_break_the_folder_is_never_written() {
    let mut folder = Folder::default();
    let bad = super::super::feed::Enclosure {
        url: "javascript:alert(1)".to_owned(),
        media_type: Some("no type".to_owned()),
        length: Some(1),
    };
    let merged = folder.fetch([
        Entry { enclosures: vec![bad], ..entry(3) },
        Entry { link: Some(format!("https://example.com/{}", "가".repeat(400))), ..entry(2) },
        Entry { title: "\u{202e}+++\n\"".to_owned(), language: Some("\"\n".to_owned()), ..entry(1) },
    ]);
    assert!(merged.findings.iter().any(|finding| finding.message.contains("cannot be used")));
    for (name, text) in &folder.files {
        validate(Utf8Path::new(name), text, &config()).unwrap();
    }
    assert_eq!(folder.files.len(), 3);
}

#[test]
fn a_ledger_that_names_a_file_elsewhere_is_refused() {
    let mut folder = Folder::default();
    folder.fetch([entry(1)]);
    for file in ["../x.md", "/etc/x.md", ".x.md", "a/b.md", "x.txt"] {
        let text = folder.ledger.to_text().replace("2026-05-01-글-1.md", file);
        assert!(PageRegistry::parse(&text, "source.json").is_err(), "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After any number of fetches of any part of the feed, every post ever seen exists once, with one id and one date.
    #[test]
    fn no_window_and_no_order_of_fetches_loses_or_duplicates_a_post(
        looks in proptest::collection::vec((1u32..28, 1u32..12, any::<bool>()), 1..12),
        renames in any::<bool>(),
    ) {
        let mut folder = Folder::default();
        let mut seen = BTreeSet::new();
        let mut dates: BTreeMap<String, DateTime<FixedOffset>> = BTreeMap::new();
        let mut newest = 1;
        for (look, (step, shown, upside_down)) in looks.iter().enumerate() {
            // Time advances; older states of the feed are not tested here.
            newest = (newest + step % 4).min(28);
            let oldest = newest.saturating_sub(*shown).max(1);
            let mut entries: Vec<Entry> = (oldest..=newest).rev().map(entry).collect();
            seen.extend(oldest..=newest);
            if renames && look % 3 == 2 {
                for entry in &mut entries {
                    entry.published = entry.published.map(|date| date + TimeDelta::minutes(5));
                }
            }
            if *upside_down {
                entries.reverse();
            }
            folder.fetch(entries);
            for known in folder.ledger.entries.values() {
                let date = *dates.entry(known.file.clone()).or_insert(known.published);
                prop_assert_eq!(date, known.published, "a date that was seen stays");
            }
        }
        let ids: BTreeSet<Option<String>> = folder.ledger.entries.values().map(|known| known.id.clone()).collect();
        let wanted: BTreeSet<Option<String>> = seen.iter().map(|of| Some(format!("urn:x:{of}"))).collect();
        prop_assert_eq!(ids, wanted);
        prop_assert_eq!(folder.files.len(), seen.len());
        prop_assert_eq!(folder.removed, 0);
    }

    #[test]
    fn every_written_file_can_be_read(
        titles in proptest::collection::vec("(\\PC|\"|\\\\|\n|\\+\\+\\+|\u{0}|\u{202e}){0,20}", 1..5),
        link in "(https://example.com/)?(\\PC|/|#|\\?|%|\\.\\.){0,12}",
        id in "(urn:)?(\\PC|%c3|\"){0,8}",
        language in "[a-z\"-]{0,6}",
        content in "(<p>|</p>|<pre>|\\+\\+\\+|&amp;|가|\n|\\PC){0,20}",
    ) {
        let mut folder = Folder::default();
        let entries = titles.into_iter().enumerate().map(|(number, title)| Entry {
            id: (number > 0).then(|| format!("{id}{}", number / 2)),
            link: Some(link.clone()),
            title,
            content: Some(content.clone()),
            language: Some(language.clone()),
            categories: vec![content.clone()],
            image: Some(link.clone()),
            ..Entry::default()
        });
        folder.fetch(entries.collect::<Vec<_>>());
        for (name, text) in &folder.files {
            prop_assert!(validate(Utf8Path::new(name), text, &config()).is_ok(), "{}", text);
        }
    }
}

#[test]
fn the_form_that_is_hashed_is_that_of_earlier_versions() {
    assert_eq!(
        stored_form(&ImportedPost::default()),
        "Story { title: \"\", id: None, link: None, address: None, slug: None, published: None, updated: None, \
         authors: [], categories: [], tags: [], summary: None, language: None, image: None, enclosure: None, \
         draft: false, html: \"\", line_breaks: false, remarks: [], line: 0 }"
    );
}
