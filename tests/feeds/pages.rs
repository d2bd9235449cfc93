//! The pages of an archive (RFC 5005): once written they change only if a post is retracted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::site::Site;

const LATER: &str = "2026-11-24T00:00:00Z";

fn pages(site: &Site) -> BTreeMap<String, Vec<u8>> {
    site.public().into_iter().filter(|(path, _)| path.starts_with("archive/")).collect()
}

/// Follows the feed through its archive like a new feed reader; returns the newest version of each entry.
fn everything(site: &Site) -> BTreeMap<String, String> {
    let mut entries: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut path = "feed.json".to_owned();
    loop {
        let feed: serde_json::Value = serde_json::from_str(&site.text(&format!("public/{path}"))).unwrap();
        for item in feed["items"].as_array().unwrap() {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            let updated = [text("date_modified"), text("date_published")].into_iter().max().unwrap();
            let known = entries.entry(text("id")).or_default();
            if updated > known.0 {
                *known = (updated, text("content_html"));
            }
        }
        let Some(next) = feed["next_url"].as_str() else { break };
        path = next.strip_prefix("https://diary.example/").unwrap().to_owned();
    }
    entries.into_iter().map(|(id, (_, html))| (id, html)).collect()
}

#[test]
fn a_year_of_posts_edits_and_builds_changes_no_archive_page_and_loses_no_post() {
    let site = Site::diary(20, 8);
    site.build();
    let mut before = pages(&site);
    for number in 20..60 {
        site.day(number);
        if number % 5 == 0 {
            let old = number / 3;
            site.write(
                &format!("posts/day-{old:03}.md"),
                &site.text(&format!("posts/day-{old:03}.md")).replace("오늘의", "다시 쓴"),
            );
        }
        if number % 7 == 0 {
            site.replace("config.toml", "title = \"", "title = \"새 ");
        }
        site.build_at(&format!("2026-12-{:02}T{:02}:00:00Z", 1 + (number - 20) / 2, number % 2));
        let now = pages(&site);
        for (path, bytes) in &before {
            assert_eq!(&now[path], bytes, "{path} changed with post {number}");
        }
        before = now;
        let all = everything(&site);
        assert_eq!(all.len(), usize::try_from(number + 1).unwrap());
        for old in (20..=number).filter(|number| number % 5 == 0).map(|number| number / 3) {
            assert!(
                all.values().any(|html| html.contains(&format!("다시 쓴 {old}."))),
                "the new text of {old} is lost"
            );
        }
    }
    assert!(before.len() > 20, "{:?}", before.keys());
}

#[test]
fn a_retracted_post_is_removed_from_its_archive_page_only() {
    let site = Site::diary(60, 8);
    site.write("config.toml", &format!("{}[output]\ncompress = [\"gzip\"]\n", site.text("config.toml")));
    site.build();
    let before = pages(&site);
    fs::remove_file(site.path("posts/day-002.md")).unwrap();
    site.build_at(LATER);
    let after = pages(&site);
    let changed: BTreeSet<&str> = before
        .iter()
        .filter(|(path, bytes)| after[*path] != **bytes)
        .map(|(path, _)| path.as_str())
        .collect();
    assert!(!changed.is_empty() && changed.iter().all(|path| path.starts_with("archive/1/")), "{changed:?}");
    assert!(everything(&site).values().all(|html| !html.contains("오늘의 2.")));
    assert!(!site.text("public/archive/1/rss.xml").contains(">2번째 날<"));
    assert!(
        site.text("public/atom.xml")
            .contains("<at:deleted-entry ref=\"tag:diary.example,2020-01-03:day-002\"")
    );
    assert_eq!(pages(site.build_at("2027-01-01T00:00:00Z")), after);
}

#[test]
fn a_lost_or_truncated_archive_page_is_generated_again() {
    let site = Site::diary(60, 8);
    site.build();
    let before = site.public();
    fs::remove_file(site.path("public/archive/1/rss.xml")).unwrap();
    let atom = site.text("public/archive/1/atom.xml");
    fs::write(site.path("public/archive/1/atom.xml"), atom.chars().take(900).collect::<String>()).unwrap();
    site.build_at(LATER);
    assert_eq!(site.public(), before);
}

#[test]
fn without_an_archive_there_are_no_archive_pages_and_no_record_of_them() {
    let site = Site::diary(60, 8);
    site.replace("config.toml", "by = []", "by = []\narchive = false");
    site.build();
    assert!(pages(&site).is_empty() && !site.path("posts/pages.txt").exists());
    assert!(!site.text("public/rss.xml").contains("prev-archive"));
}
