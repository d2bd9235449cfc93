//! Posts that are edited, renamed, moved, re-dated, copied and deleted.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::archive::front_matter::Spanned;
use crate::archive::ids::{Fingerprint, content_hash};

pub(super) fn day(day: u32) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(&format!("2024-05-{day:02}T09:00:00+09:00")).unwrap()
}

pub(super) fn post(path: &str, published: DateTime<FixedOffset>, body: &str) -> PostIdentity {
    PostIdentity {
        path: path.to_owned(),
        source: format!("posts/{path}"),
        id: None,
        slug: path.trim_end_matches(".md").rsplit('/').next().unwrap().to_owned(),
        published,
        is_day_only: false,
        updated: None,
        hash: content_hash("t", body),
        fingerprint: Fingerprint::of("t", body),
    }
}

pub(super) fn titled(mut post: PostIdentity, title: &str, body: &str) -> PostIdentity {
    post.hash = content_hash(title, body);
    post.fingerprint = Fingerprint::of(title, body);
    post
}

/// A text of thirty words that are unique to `topic`.
fn text(topic: &str) -> String {
    (0..30).map(|at| format!("{topic}{at}")).collect::<Vec<_>>().join(" ")
}

fn with_id(mut post: PostIdentity, id: &str) -> PostIdentity {
    post.id = Some(Spanned { line: 3, value: id.to_owned() });
    post
}

pub(super) fn run(registry: &IdRegistry, posts: &[PostIdentity]) -> Assignment {
    assign(registry, posts, &Withheld::default(), "example.com", day(20)).unwrap()
}

fn first_run(posts: &[PostIdentity]) -> (Vec<String>, IdRegistry) {
    let done = run(&IdRegistry::default(), posts);
    (done.given.into_iter().map(|given| given.id).collect(), done.registry)
}

#[test]
fn a_new_post_gets_a_tag_of_host_day_and_slug() {
    let done = run(&IdRegistry::default(), &[post("안녕 하세요.md", day(1), "a")]);
    assert_eq!(
        done.given[0].id,
        "tag:example.com,2024-05-01:%EC%95%88%EB%85%95%20%ED%95%98%EC%84%B8%EC%9A%94"
    );
    assert_eq!(done.given[0].updated, day(1), "first seen is as published");
}

#[test]
fn a_post_with_only_a_day_keeps_the_time_at_which_it_was_first_seen() {
    let midnight = |at: u32| day(at) - TimeDelta::hours(9);
    let bare = |at: u32, body: &str| PostIdentity { is_day_only: true, ..post("a.md", midnight(at), body) };
    let at = |registry: &IdRegistry, post: PostIdentity, now| {
        let done = assign(registry, &[post], &Withheld::default(), "example.com", now).unwrap();
        (done.given[0].published, done.given[0].updated, done.registry)
    };
    let (published, updated, registry) = at(&IdRegistry::default(), bare(20, "one"), day(20));
    assert_eq!((published, updated), (day(20), day(20)));
    let registry = IdRegistry::parse(&registry.to_text(), "ids.txt").unwrap();
    let (published, _, registry) = at(&registry, bare(20, "two"), day(25));
    assert_eq!(published, day(20), "for ever the same, also after an edit");
    assert_eq!(at(&registry, bare(21, "two"), day(25)).0, midnight(21), "another day was not seen");
    let stated = PostIdentity { is_day_only: false, ..bare(20, "two") };
    assert_eq!(at(&registry, stated, day(25)).0, midnight(20), "a stated time counts");
    assert_eq!(
        at(&IdRegistry::default(), bare(1, "old"), day(20)).0,
        midnight(1),
        "an old post is not of now"
    );
}

#[test]
fn an_edit_changes_updated_once_and_never_the_id() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one")]);
    let edited = run(&registry, &[post("a.md", day(1), "two")]);
    assert_eq!((edited.given[0].id.as_str(), edited.given[0].updated), (ids[0].as_str(), day(20)));
    let later = assign(
        &edited.registry,
        &[post("a.md", day(1), "two")],
        &Withheld::default(),
        "example.com",
        day(25),
    )
    .unwrap();
    assert_eq!(later, edited, "nothing changed, so nothing changes");
    let set_back = assign(
        &edited.registry,
        &[post("a.md", day(1), "three")],
        &Withheld::default(),
        "example.com",
        day(3),
    )
    .unwrap();
    assert_eq!(set_back.given[0].updated, day(20), "a clock that was set back takes nothing back");
}

#[test]
fn updated_comes_from_the_front_matter_but_is_never_before_published() {
    let mut stated = post("a.md", day(5), "one");
    stated.updated = Some(day(7));
    assert_eq!(run(&IdRegistry::default(), std::slice::from_ref(&stated)).given[0].updated, day(7));
    stated.updated = Some(day(1));
    assert_eq!(run(&IdRegistry::default(), &[stated]).given[0].updated, day(5));
}

#[test]
fn renamed_moved_redated_or_on_another_host_a_post_keeps_its_id() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one"), post("b.md", day(1), "two")]);
    for changed in [
        post("c.md", day(1), "one"),
        post("2024/a.md", day(1), "one"),
        post("c.md", day(9), "one"),
        post("a.md", day(1), "written anew"),
        post("moved/a.md", day(1), "written anew, but the title and the day are the same"),
    ] {
        let done = assign(
            &registry,
            &[changed.clone(), post("b.md", day(1), "two")],
            &Withheld::default(),
            "new.example",
            day(20),
        )
        .unwrap();
        assert_eq!(done.given[0].id, ids[0], "{changed:?}");
    }
}

#[test]
fn two_posts_that_swap_their_files_keep_their_ids() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one"), post("b.md", day(2), "two")]);
    let done = run(&registry, &[post("a.md", day(1), "two"), post("b.md", day(2), "one")]);
    assert_eq!([&done.given[0].id, &done.given[1].id], [&ids[1], &ids[0]]);
    assert_eq!(done.registry.tombstones().count(), 0);
}

#[test]
fn a_new_post_on_the_same_day_is_not_the_deleted_one() {
    let old = titled(post("2024-05-01.md", day(1), ""), "Snow", &text("snow"));
    let (ids, registry) = first_run(std::slice::from_ref(&old));
    for file in ["2024-05-01.md", "2024-05-01/index.md", "2024-05-01-tea.md", "other/2024-05-01.md"] {
        let done = run(&registry, &[titled(post(file, day(1), ""), "Tea", &text("tea"))]);
        assert_ne!(done.given[0].id, ids[0], "{file}");
        assert_eq!(taken_back(&done.registry), [(ids[0].as_str(), day(20))], "{file}");
        assert_eq!(IdRegistry::parse(&done.registry.to_text(), "ids.txt").unwrap(), done.registry);
        let both = run(
            &done.registry,
            &[
                titled(post(file, day(1), ""), "Tea", &text("tea")),
                PostIdentity { path: "back.md".to_owned(), ..old.clone() },
            ],
        );
        assert_eq!(
            [&both.given[0].id, &both.given[1].id],
            [&done.given[0].id, &ids[0]],
            "the old one comes back"
        );
        assert_eq!(taken_back(&both.registry), []);
    }
}

#[test]
fn a_file_with_a_real_name_may_be_rewritten_on_the_same_day_only() {
    let (ids, registry) = first_run(&[titled(post("snow.md", day(1), ""), "Snow", &text("snow"))]);
    let anew = titled(post("snow.md", day(1), ""), "Sleet", &text("sleet"));
    assert_eq!(run(&registry, &[anew]).given[0].id, ids[0]);
    let reused = titled(post("snow.md", day(8), ""), "Tea", &text("tea"));
    assert_ne!(run(&registry, &[reused]).given[0].id, ids[0], "the file of every week");
    let weekly = titled(post("snow.md", day(8), ""), "Snow", &text("tea"));
    assert_ne!(run(&registry, &[weekly]).given[0].id, ids[0], "a title of every week");
}

#[test]
fn two_deleted_and_two_new_posts_are_paired_by_similarity() {
    let (first, second) = (text("snow"), text("tea"));
    let (ids, registry) = first_run(&[
        titled(post("a.md", day(1), ""), "A", &first),
        titled(post("b.md", day(1), ""), "B", &second),
    ]);
    let edited = |text: &str, word: &str| text.replacen(word, "edited", 3);
    let moved = [
        titled(post("y.md", day(1), ""), "B", &edited(&second, "tea1")),
        titled(post("x.md", day(1), ""), "A", &edited(&first, "snow1")),
        titled(post("z.md", day(1), ""), "Z", &text("cake")),
    ];
    let done = run(&registry, &moved);
    assert_eq!([&done.given[0].id, &done.given[1].id], [&ids[1], &ids[0]]);
    assert!(!ids.contains(&done.given[2].id));
}

#[test]
fn a_post_that_makes_room_for_the_next_one_keeps_its_id() {
    let current =
        |topic: &str, date: u32| titled(post("current.md", day(date), ""), "This week", &text(topic));
    let (ids, registry) = first_run(&[current("snow", 1)]);
    let shelved = titled(post("1.md", day(1), ""), "This week", &text("snow").replacen("snow3", "sleet", 1));
    let done = run(&registry, &[current("tea", 8), shelved]);
    assert_ne!(done.given[0].id, ids[0]);
    assert_eq!(done.given[1].id, ids[0]);
    assert_eq!(taken_back(&done.registry), []);
}

#[test]
fn a_line_without_a_fingerprint_matches_by_file_text_or_day_and_real_slug() {
    let posts = [post("snow.md", day(1), "one"), post("2024-05-02.md", day(2), "two")];
    let (ids, registry) = first_run(&posts);
    let old: String = registry
        .to_text()
        .lines()
        .map(|line| line.split("\tf1:").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n");
    let registry = IdRegistry::parse(&old, "ids.txt").unwrap();
    assert!(registry.iter().all(|(_, line)| line.fingerprint.is_none()));
    let again = run(&registry, &posts);
    assert!(
        again.registry.iter().all(|(_, line)| line.fingerprint.is_some()),
        "each gains one when it is seen"
    );
    for (changed, keeps) in [
        (["snow.md", "2024-05-02.md"], [true, true]),
        (["moved/snow.md", "moved/2024-05-02.md"], [true, false]),
        (["sleet.md", "tea.md"], [false, false]),
    ] {
        let edited = [post(changed[0], day(1), "edited"), post(changed[1], day(2), "edited as well")];
        let done = run(&registry, &edited);
        let kept: Vec<_> = done.given.iter().zip(&ids).map(|(given, id)| given.id == *id).collect();
        assert_eq!(kept, keeps, "{changed:?}");
    }
}

#[test]
fn a_retracted_post_is_left_out_until_it_is_reinstated() {
    let (ids, mut registry) = first_run(&[post("a.md", day(1), "one")]);
    assert!(
        registry.retract(&ids[0], day(5))
            && !registry.retract(&ids[0], day(6))
            && !registry.retract("urn:x:1", day(5))
    );
    assert_eq!(IdRegistry::parse(&registry.to_text(), "ids.txt").unwrap(), registry);
    let out = run(&registry, &[post("moved.md", day(1), "one")]);
    assert_eq!(
        (out.given[0].retracted, taken_back(&out.registry)),
        (Some(day(5)), vec![(ids[0].as_str(), day(5))])
    );
    let mut registry = run(&out.registry, &[]).registry;
    assert_eq!(registry.retracted(&ids[0]), Some(day(5)), "also when the file is gone");
    assert!(registry.reinstate(&ids[0]) && !registry.reinstate(&ids[0]));
    let back = run(&registry, &[post("moved.md", day(1), "one")]);
    assert_eq!((back.given[0].retracted, back.given[0].updated), (None, day(20)), "newer than its end");
}

#[test]
fn the_id_of_a_deleted_or_held_back_post_is_not_reused() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one")]);
    let done = run(&registry, &[post("x/a.md", day(2), "another")]);
    assert_ne!(done.given[0].id, ids[0]);
    assert!(done.registry.get(&ids[0]).is_some(), "its line stays");
    let held_back = Withheld { unpublished: BTreeSet::from(["a.md".to_owned()]), ..Withheld::default() };
    let done =
        assign(&registry, &[post("x/a.md", day(1), "one")], &held_back, "example.com", day(20)).unwrap();
    assert_eq!(
        done.given[0].id, "tag:example.com,2024-05-01:a-2",
        "a.md is a draft again, and still owns its line"
    );
}

#[test]
fn an_id_in_the_front_matter_is_a_whole_uri_or_replaces_the_slug() {
    let posts = [
        with_id(post("a.md", day(1), "one"), "https://example.com/?p=%ea글"),
        with_id(post("b.md", day(1), "two"), "내 글"),
    ];
    let (ids, registry) = first_run(&posts);
    assert_eq!(
        ids,
        ["https://example.com/?p=%EA%EA%B8%80", "tag:example.com,2024-05-01:%EB%82%B4%20%EA%B8%80"]
    );
    let moved = with_id(post("c.md", day(3), "other"), "내 글");
    assert_eq!(run(&registry, &[moved]).given[0].id, ids[1], "found by its key wherever it went");
}

#[test]
fn a_post_keeps_its_line_when_an_id_is_added_or_removed_later() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one")]);
    assert_eq!(run(&registry, &[with_id(post("a.md", day(1), "one"), "key")]).given[0].id, ids[0]);
    let adopted = run(&registry, &[with_id(post("a.md", day(1), "one"), "urn:x:1")]);
    assert_eq!(adopted.given[0].id, "urn:x:1");
    let removed = run(&adopted.registry, &[post("a.md", day(1), "one")]);
    assert_eq!(removed.given[0].id, "urn:x:1");
}

#[test]
fn two_posts_with_one_id_are_refused_and_both_are_named() {
    for id in ["urn:x:1", "key"] {
        let posts = [with_id(post("a.md", day(1), "one"), id), with_id(post("b.md", day(2), "two"), id)];
        let findings =
            assign(&IdRegistry::default(), &posts, &Withheld::default(), "example.com", day(20)).unwrap_err();
        let message = findings[0].to_string();
        assert!(message.starts_with("posts/b.md:3: error: posts/a.md has the same id"), "{message}");
    }
    let (ids, registry) = first_run(&[post("a.md", day(1), "one")]);
    let posts = [post("a.md", day(1), "one"), with_id(post("b.md", day(2), "two"), &ids[0])];
    let findings = assign(&registry, &posts, &Withheld::default(), "example.com", day(20)).unwrap_err();
    assert!(findings[0].to_string().starts_with("posts/b.md:3"), "{}", findings[0]);
}

fn archive() -> impl Strategy<Value = Vec<PostIdentity>> {
    proptest::collection::btree_map("[a-d]/[a-c]", (1u32..4, "[xy]{1,3}"), 0..8).prop_map(|posts| {
        posts.into_iter().map(|(path, (date, body))| post(&format!("{path}.md"), day(date), &body)).collect()
    })
}

fn by_path(posts: &[PostIdentity], done: &Assignment) -> BTreeMap<String, AssignedId> {
    posts.iter().map(|post| post.path.clone()).zip(done.given.iter().cloned()).collect()
}

proptest! {
    #[test]
    fn ids_are_unique_and_do_not_depend_on_the_order(posts in archive(), before in archive(), turn in 0usize..8) {
        let registry = run(&IdRegistry::default(), &before).registry;
        let done = run(&registry, &posts);
        let unique: BTreeSet<_> = done.given.iter().map(|given| &given.id).collect();
        prop_assert_eq!(unique.len(), posts.len());
        let mut turned = posts.clone();
        turned.rotate_left(turn.min(posts.len()));
        let again = run(&registry, &turned);
        prop_assert_eq!(by_path(&posts, &done), by_path(&turned, &again));
        prop_assert_eq!(&done.registry, &again.registry);
        prop_assert!(registry.iter().all(|(id, _)| done.registry.get(id).is_some()), "no line is ever lost");
        prop_assert_eq!(&run(&done.registry, &posts), &done, "a second run changes nothing");
        prop_assert_eq!(IdRegistry::parse(&done.registry.to_text(), "ids.txt").unwrap(), done.registry);
    }

    #[test]
    fn one_change_at_a_time_never_changes_an_id(
        posts in archive().prop_filter("an archive to change", |posts| !posts.is_empty()),
        which in any::<proptest::sample::Index>(),
        change in 0u8..3,
    ) {
        let which = which.index(posts.len());
        let first = run(&IdRegistry::default(), &posts);
        let mut changed = posts.clone();
        match change {
            0 => changed[which] = PostIdentity { fingerprint: Fingerprint::of("t", "edited"), hash: content_hash("t", "edited"), ..changed[which].clone() },
            1 => changed[which].published += TimeDelta::days(7),
            // A rename is detected by the text, unless another post has the same text.
            _ if posts.iter().filter(|post| post.hash == posts[which].hash).count() > 1 => {}
            _ => {
                changed[which].path = "z/renamed.md".to_owned();
                changed[which].slug = "renamed".to_owned();
            }
        }
        let second = run(&first.registry, &changed);
        let ids = |done: &Assignment| done.given.iter().map(|given| given.id.clone()).collect::<Vec<_>>();
        prop_assert_eq!(ids(&second), ids(&first));
    }
}

fn taken_back(registry: &IdRegistry) -> Vec<(&str, DateTime<FixedOffset>)> {
    registry.tombstones().collect()
}

#[test]
fn a_deleted_post_is_taken_back_and_a_renamed_or_moved_one_is_not() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one"), post("b.md", day(2), "two")]);
    let moved = run(&registry, &[post("2024/renamed.md", day(1), "one"), post("b.md", day(2), "two")]);
    assert_eq!(taken_back(&moved.registry), []);
    let gone = run(&moved.registry, &[post("b.md", day(2), "two")]);
    assert_eq!(taken_back(&gone.registry), [(ids[0].as_str(), day(20))]);
    let later =
        assign(&gone.registry, &[post("b.md", day(2), "two")], &Withheld::default(), "example.com", day(25));
    assert_eq!(later.unwrap().registry, gone.registry, "the day does not move");
    assert_eq!(IdRegistry::parse(&gone.registry.to_text(), "ids.txt").unwrap(), gone.registry);
}

#[test]
fn a_post_that_is_a_draft_again_is_taken_back_and_its_return_is_newer() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one")]);
    let held_back = Withheld { unpublished: BTreeSet::from(["a.md".to_owned()]), ..Withheld::default() };
    let drafted = assign(&registry, &[], &held_back, "example.com", day(10)).unwrap();
    assert_eq!(taken_back(&drafted.registry), [(ids[0].as_str(), day(10))]);
    let back = run(&drafted.registry, &[post("a.md", day(1), "one")]);
    assert_eq!((&back.given[0].id, back.given[0].updated), (&ids[0], day(20)));
    assert_eq!(taken_back(&back.registry), []);
}

#[test]
fn a_temporarily_unreadable_post_is_not_taken_back() {
    let (ids, registry) = first_run(&[post("a.md", day(1), "one")]);
    let held_back = Withheld { unread: BTreeSet::from(["a.md".to_owned()]), ..Withheld::default() };
    let unread = assign(&registry, &[], &held_back, "example.com", day(10)).unwrap();
    assert_eq!(unread.registry, registry, "nothing changes");
    let mended = run(&unread.registry, &[post("a.md", day(1), "one")]);
    assert_eq!((&mended.given[0].id, mended.given[0].updated), (&ids[0], day(1)));
    // Once it is taken back, it stays so while it cannot be read.
    let gone = run(&registry, &[]).registry;
    assert_eq!(assign(&gone, &[], &held_back, "example.com", day(25)).unwrap().registry, gone);
}

#[test]
fn a_retired_id_is_not_a_post_that_was_taken_back() {
    let (_, registry) = first_run(&[post("a.md", day(1), "one")]);
    let renamed = run(&registry, &[with_id(post("a.md", day(1), "one"), "urn:x:1")]);
    assert_eq!(taken_back(&renamed.registry), []);
    assert_eq!(taken_back(&run(&renamed.registry, &[]).registry), [("urn:x:1", day(20))]);
}

#[test]
fn a_field_after_the_fifth_is_a_known_mark_or_an_error() {
    let line = "urn:x:1\ta.md\t2024-05-01T09:00:00+09:00\t0123456789abcdef0123456789abcdef\t2024-05-01T09:00:00+09:00";
    let registry =
        IdRegistry::parse(&format!("{line}\ttaken back 2024-05-02T09:00:00+09:00\n"), "ids.txt").unwrap();
    assert_eq!(taken_back(&registry), [("urn:x:1", day(2))]);
    for wrong in
        ["\tx", "\ttaken back x", "\tretracted", "\tf1:abc", "\ttaken back 2024-05-02T09:00:00+09:00\tx"]
    {
        assert!(IdRegistry::parse(&format!("{line}{wrong}\n"), "ids.txt").is_err(), "{wrong}");
    }
}
