//! What must not change when posts, the address of the site or file times change.

use std::fs;

use crate::world::{NOW, World};

const LATER: &str = "2026-11-24T00:00:00Z";
const FORMATS: [&str; 3] = ["rss.xml", "atom.xml", "feed.json"];

/// The archive with difficult posts, already built.
fn built() -> World {
    let world = World::hurt();
    world.build();
    world
}

fn ids_of(world: &World, name: &str) -> Vec<String> {
    let mut ids: Vec<_> = world.read(name).entries.into_iter().map(|entry| entry.id).collect();
    ids.sort();
    ids
}

/// Builds again and checks that the ids in all formats are the same.
fn keeps_its_ids(world: &World, change: impl Fn(&World)) {
    let before = FORMATS.map(|name| ids_of(world, name));
    change(world);
    world.build_at(LATER);
    assert_eq!(FORMATS.map(|name| ids_of(world, name)), before);
}

#[test]
fn f62_an_edit_changes_only_the_date_of_that_post() {
    let world = built();
    let before = world.read("atom.xml");
    keeps_its_ids(&world, |world| world.replace("posts/film.md", "멀리 있다.", "가까이 있다."));
    let after = world.read("atom.xml");
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
    let world = built();
    let dates = |world: &World| -> Vec<_> {
        world
            .read("atom.xml")
            .entries
            .into_iter()
            .map(|entry| (entry.id, entry.published, entry.updated))
            .collect()
    };
    let before = dates(&world);
    keeps_its_ids(&world, |world| {
        world.rename("posts/film.md", "posts/2024/먼 곳의 영화.md");
        world.rename("posts/trip", "posts/2024/여행");
        world.rename("posts/日本語.md", "posts/ja/記事.md");
    });
    assert_eq!(dates(&world), before);
    assert!(
        world
            .text("public/rss.xml")
            .contains("<link>https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/%EC%97%AC%ED%96%89/</link>")
    );
    assert!(!world.text("public/atom.xml").contains("deleted-entry"), "renamed is not taken back");
}

#[test]
fn f65_a_deleted_post_is_a_tombstone_in_atom_and_removed_from_every_feed() {
    let world = built();
    fs::remove_file(world.path("posts/film.md")).unwrap();
    world.replace("posts/media.md", "+++\ntitle", "+++\ndraft = true\ntitle");
    let before = world.public();
    let refused = world.run(LATER, "build");
    assert!(refused.code == 1 && refused.err.contains("--allow-loss"), "it may be a slip: {refused:?}");
    assert_eq!(world.public(), before);
    world.run(LATER, "build --allow-loss").succeeds();
    let atom = world.text("public/atom.xml");
    for id in ["tag:example.com,2024-05-05:film", "tag:example.com,2024-05-09:media"] {
        let stone =
            format!("<at:deleted-entry ref=\"{id}\" when=\"2026-11-24T09:00:00+09:00\"></at:deleted-entry>");
        assert!(atom.contains(&stone), "{atom}");
        assert!(FORMATS.iter().all(|name| !ids_of(&world, name).iter().any(|known| known == id)));
    }
    let bytes = world.public();
    world.build_at("2026-12-24T00:00:00Z");
    assert_eq!(world.public(), bytes, "the day of the end does not move");
    world.replace("posts/media.md", "draft = true\n", "");
    world.build_at("2026-12-25T00:00:00Z");
    let atom = world.text("public/atom.xml");
    assert!(!atom.contains("ref=\"tag:example.com,2024-05-09:media\" when"), "{atom}");
    let back = world.read("atom.xml").entries.into_iter().find(|entry| entry.id.ends_with(":media")).unwrap();
    assert_eq!(back.updated.unwrap().to_rfc3339(), "2026-12-25T00:00:00+00:00");
}

#[test]
fn an_unexpectedly_empty_folder_retracts_nothing() {
    let world = built();
    let before = world.public();
    world.rename("posts", "elsewhere");
    fs::create_dir(world.path("posts")).unwrap();
    fs::copy(world.path("elsewhere/ids.txt"), world.path("posts/ids.txt")).unwrap();
    let ran = world.run(LATER, "build");
    assert!(ran.code == 1 && ran.err.contains("posts/ids.txt: error: none of its 6 posts"), "{ran:?}");
    assert_eq!(world.public(), before);
}

#[test]
fn f66_two_posts_with_one_id_change_no_feed() {
    let world = built();
    let before = world.public();
    world.write(
        "posts/copy.md",
        "---\ntitle: 베낀 글\ndate: 2024-05-01\nid: tag:example.com,2024-05-05:film\n---\n\n글\n",
    );
    let ran = world.run(LATER, "build");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("posts/copy.md:4: error: posts/film.md has the same id"), "{ran:?}");
    assert_eq!(world.public(), before);
}

#[test]
fn f67_an_old_post_with_a_new_date_keeps_its_id() {
    let world = built();
    keeps_its_ids(&world, |world| world.replace("posts/film.md", "date = 2024-05-05", "date = 2026-11-20"));
    assert!(world.read("feed.json").entries[0].id.ends_with("2024-05-05:film"), "it is the newest now");
}

#[test]
fn f68_a_fresh_checkout_with_new_file_times_gives_the_same_bytes() {
    let world = World::diary(60, 8);
    world.build();
    world.replace("posts/day-003.md", "오늘의 3.", "고친 3.");
    world.build_at(LATER);
    let checkout = world.fresh_checkout();
    checkout.build_at("2027-05-01T00:00:00Z");
    let (ours, theirs) = (world.public(), checkout.public());
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    // A page that is generated again has the current text; an existing page keeps its old text.
    let differ: Vec<&String> = ours.keys().filter(|path| ours[*path] != theirs[*path]).collect();
    assert_eq!(differ, ["archive/1/atom.xml", "archive/1/feed.json", "archive/1/rss.xml"]);
    for ledger in ["posts/ids.txt", "posts/pages.txt"] {
        assert_eq!(world.text(ledger), checkout.text(ledger), "{ledger}");
    }
}

#[test]
fn f69_another_base_url_changes_links_and_no_id() {
    let world = World::diary(60, 8);
    world.build();
    let before = FORMATS.map(|name| ids_of(&world, name));
    world.replace("config.toml", "https://diary.example/", "https://new.example/diary/");
    world.build_at(LATER);
    assert_eq!(FORMATS.map(|name| ids_of(&world, name)), before);
    for (path, bytes) in world.public() {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("https://diary.example/"), "{path} still leads to the old address");
    }
    assert_eq!(world.run(NOW, "build").code, 0);
}
