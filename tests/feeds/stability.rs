//! What must not change when posts, the address of the site or file times change.

use std::fs;

use crate::site::{NOW, Site};

const LATER: &str = "2026-11-24T00:00:00Z";
const FORMATS: [&str; 3] = ["rss.xml", "atom.xml", "feed.json"];

/// The archive with difficult posts, already built.
fn built() -> Site {
    let site = Site::difficult();
    site.build();
    site
}

fn ids_of(site: &Site, name: &str) -> Vec<String> {
    let mut ids: Vec<_> = site.read(name).entries.into_iter().map(|entry| entry.id).collect();
    ids.sort();
    ids
}

/// Builds again and checks that the ids in all formats are the same.
fn keeps_its_ids(site: &Site, change: impl Fn(&Site)) {
    let before = FORMATS.map(|name| ids_of(site, name));
    change(site);
    site.build_at(LATER);
    assert_eq!(FORMATS.map(|name| ids_of(site, name)), before);
}

#[test]
fn f62_an_edit_changes_only_the_date_of_that_post() {
    let site = built();
    let before = site.read("atom.xml");
    keeps_its_ids(&site, |site| site.replace("posts/film.md", "멀리 있다.", "가까이 있다."));
    let after = site.read("atom.xml");
    for (old, new) in before.entries.iter().zip(&after.entries) {
        assert_eq!(old.published, new.published);
        if new.id.ends_with(":film") {
            assert_eq!(new.updated.unwrap().to_rfc3339(), "2026-11-24T00:00:00+00:00");
        } else {
            assert_eq!(old.updated, new.updated, "{}", new.id);
        }
    }
}

#[test]
fn f64_a_renamed_and_moved_post_keeps_its_id_and_dates() {
    let site = built();
    let dates = |site: &Site| -> Vec<_> {
        site.read("atom.xml")
            .entries
            .into_iter()
            .map(|entry| (entry.id, entry.published, entry.updated))
            .collect()
    };
    let before = dates(&site);
    keeps_its_ids(&site, |site| {
        site.rename("posts/film.md", "posts/2024/먼 곳의 영화.md");
        site.rename("posts/trip", "posts/2024/여행");
        site.rename("posts/日本語.md", "posts/ja/記事.md");
    });
    assert_eq!(dates(&site), before);
    assert!(
        site.text("public/rss.xml")
            .contains("<link>https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/%EC%97%AC%ED%96%89/</link>")
    );
    assert!(!site.text("public/atom.xml").contains("deleted-entry"), "renamed is not taken back");
}

#[test]
fn f65_a_deleted_post_is_a_tombstone_in_atom_and_removed_from_every_feed() {
    let site = built();
    fs::remove_file(site.path("posts/film.md")).unwrap();
    site.replace("posts/media.md", "+++\ntitle", "+++\ndraft = true\ntitle");
    let before = site.public();
    let refused = site.run(LATER, "build");
    assert!(refused.code == 1 && refused.err.contains("--allow-loss"), "an accidental deletion: {refused:?}");
    assert_eq!(site.public(), before);
    site.run(LATER, "build --allow-loss").succeeds();
    let atom = site.text("public/atom.xml");
    for id in ["tag:example.com,2024-05-05:film", "tag:example.com,2024-05-09:media"] {
        let stone =
            format!("<at:deleted-entry ref=\"{id}\" when=\"2026-11-24T09:00:00+09:00\"></at:deleted-entry>");
        assert!(atom.contains(&stone), "{atom}");
        assert!(FORMATS.iter().all(|name| !ids_of(&site, name).iter().any(|known| known == id)));
    }
    let bytes = site.public();
    site.build_at("2026-12-24T00:00:00Z");
    assert_eq!(site.public(), bytes, "the date of the removal does not change");
    site.replace("posts/media.md", "draft = true\n", "");
    site.build_at("2026-12-25T00:00:00Z");
    let atom = site.text("public/atom.xml");
    assert!(!atom.contains("ref=\"tag:example.com,2024-05-09:media\" when"), "{atom}");
    let back = site.read("atom.xml").entries.into_iter().find(|entry| entry.id.ends_with(":media")).unwrap();
    assert_eq!(back.updated.unwrap().to_rfc3339(), "2026-12-25T00:00:00+00:00");
}

#[test]
fn an_unexpectedly_empty_folder_retracts_nothing() {
    let site = built();
    let before = site.public();
    site.rename("posts", "elsewhere");
    fs::create_dir(site.path("posts")).unwrap();
    fs::copy(site.path("elsewhere/ids.txt"), site.path("posts/ids.txt")).unwrap();
    let ran = site.run(LATER, "build");
    assert!(ran.code == 1 && ran.err.contains("posts/ids.txt: error: none of its 6 posts"), "{ran:?}");
    assert_eq!(site.public(), before);
}

#[test]
fn f66_two_posts_with_one_id_change_no_feed() {
    let site = built();
    let before = site.public();
    site.write(
        "posts/copy.md",
        "---\ntitle: 베낀 글\ndate: 2024-05-01\nid: tag:example.com,2024-05-05:film\n---\n\n글\n",
    );
    let ran = site.run(LATER, "build");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("posts/copy.md:4: error: posts/film.md has the same id"), "{ran:?}");
    assert_eq!(site.public(), before);
}

#[test]
fn f67_an_old_post_with_a_new_date_keeps_its_id() {
    let site = built();
    keeps_its_ids(&site, |site| site.replace("posts/film.md", "date = 2024-05-05", "date = 2026-11-20"));
    assert!(site.read("feed.json").entries[0].id.ends_with("2024-05-05:film"), "it is the newest entry now");
}

#[test]
fn f68_a_fresh_checkout_with_new_file_times_gives_the_same_bytes() {
    let site = Site::diary(60, 8);
    site.build();
    site.replace("posts/day-003.md", "오늘의 3.", "고친 3.");
    site.build_at(LATER);
    let checkout = site.fresh_checkout();
    checkout.build_at("2027-05-01T00:00:00Z");
    let (ours, theirs) = (site.public(), checkout.public());
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    // A page that is generated again has the current text; an existing page keeps its old text.
    let differ: Vec<&String> = ours.keys().filter(|path| ours[*path] != theirs[*path]).collect();
    assert_eq!(differ, ["archive/1/atom.xml", "archive/1/feed.json", "archive/1/rss.xml"]);
    for ledger in ["posts/ids.txt", "posts/pages.txt"] {
        assert_eq!(site.text(ledger), checkout.text(ledger), "{ledger}");
    }
}

#[test]
fn f69_another_base_url_changes_links_and_no_id() {
    let site = Site::diary(60, 8);
    site.replace("config.toml", "by = []", "by = [\"category\", \"section\"]");
    site.write("posts/notes/a.md", "---\ntitle: A\ndate: 2020-01-01\ncategories: [Tea]\n---\n\nText.\n");
    site.build();
    let feeds = ["atom.xml", "categories/Tea/atom.xml", "notes/atom.xml"];
    let own_ids = || feeds.map(|name| site.read(name).id);
    assert_eq!(own_ids(), feeds.map(|name| format!("https://diary.example/{name}")));
    let before = (FORMATS.map(|name| ids_of(&site, name)), own_ids());
    site.replace("config.toml", "https://diary.example/", "https://new.example/diary/");
    site.build_at(LATER);
    assert_eq!((FORMATS.map(|name| ids_of(&site, name)), own_ids()), before);
    for (path, bytes) in site.public() {
        let text = String::from_utf8(bytes).unwrap().replacen("<id>https://diary.example/", "", 1);
        assert!(!text.contains("https://diary.example/"), "{path} still leads to the old address");
    }
    assert_eq!(site.run(NOW, "build").code, 0);
}

/// Feeds that an earlier version published have no recorded address: the first build of this one records today's.
#[test]
fn the_ids_of_feeds_are_recorded_in_an_older_id_file_too() {
    let site = Site::diary(3, 8);
    site.build();
    let ids = site.text("posts/ids.txt");
    let line = "# The ids of the Atom feeds begin with\thttps://diary.example/\n";
    site.write("posts/ids.txt", &ids.replace(line, ""));
    site.build_at(LATER);
    assert_eq!(site.text("posts/ids.txt"), ids);
}

#[test]
fn an_old_id_that_is_no_uri_stays_in_rss_and_json_and_is_a_uri_in_atom() {
    let site = Site::diary(2, 8);
    let item = |guid: &str, number: u32| {
        format!(
            "<item><title>{number}번째 날</title><link>https://diary.example/day-{number:03}/</link>\
             <guid isPermaLink=\"false\">{guid}</guid></item>"
        )
    };
    let (ghost, drupal) = ("60000000000000000000000e", "123 at https://old.example");
    let old = format!(
        "<rss version=\"2.0\"><channel><title>일기</title>{}{}</channel></rss>",
        item(ghost, 0),
        item(drupal, 1)
    );
    site.write("old.xml", &old);
    let adopted = site.run(NOW, "adopt old.xml").succeeds();
    assert!(adopted.out.contains("2 ids adopted"), "{adopted:?}");
    site.build();
    let shown = [drupal.to_owned(), ghost.to_owned()];
    assert_eq!(ids_of(&site, "rss.xml"), shown);
    assert_eq!(ids_of(&site, "feed.json"), shown);
    assert!(
        site.text("public/rss.xml").contains("<guid isPermaLink=\"false\">60000000000000000000000e</guid>")
    );
    assert_eq!(
        ids_of(&site, "atom.xml"),
        [
            "tag:diary.example,2020-01-01:isPermaLink=false:60000000000000000000000e",
            "tag:diary.example,2020-01-02:isPermaLink=false:123%20at%20https%3A%2F%2Fold.example",
        ]
    );
    site.replace("posts/day-000.md", "오늘의", "어제의");
    site.build_at(LATER);
    let again = site.run(LATER, "adopt old.xml").succeeds();
    assert!(again.out.contains("0 ids adopted, 2 already correct"), "{again:?}");
    let gone = site.run(LATER, "retract 60000000000000000000000e").succeeds();
    assert!(gone.out.contains("day-000"), "{gone:?}");
    site.build_at(LATER);
    assert_eq!(ids_of(&site, "rss.xml"), [drupal]);
}
