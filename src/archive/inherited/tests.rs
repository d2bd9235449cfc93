//! Settings of each generator, applied to posts of which only the path is known.

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::*;
use crate::archive::front_matter::{Entry, Value};

fn inherited(generator: Generator, files: &[(&str, &str)]) -> Inherited {
    let mut site = Site::bare(generator, Utf8PathBuf::new());
    site.root = Some("/s".into());
    let around = SiteFolders::of(&site, Utf8Path::new("/s/content"));
    let source = |(file, text): &(&str, &str)| Source {
        path: Utf8Path::new("/s").join(file),
        shown: (*file).to_owned(),
        text: Ok((*text).to_owned()),
    };
    let sources: Vec<Source> = files.iter().map(source).collect();
    Inherited::of(&site, &around, &sources, &config::fixtures::config())
}

fn place(path: &str) -> Place<'_> {
    Place { path: Utf8Path::new(path), language: None }
}

/// The place and value of `key` that a post without own entries inherits.
fn inherited_value(inherited: &Inherited, path: &str, wanted: &str) -> Option<(String, Value)> {
    let entries = inherited.inherited_entries(place(path), &[]);
    entries
        .into_iter()
        .find(|inherited| inherited.entry.key == wanted)
        .map(|inherited| (inherited.from, inherited.entry.value))
}

#[test]
fn the_nearest_section_wins_for_each_key() {
    let hugo = inherited(
        Generator::Hugo,
        &[
            ("content/a/_index.md", "---\ncascade: {author: Kim}\n---\n"),
            ("content/_index.md", "+++\n[cascade]\nauthor = \"Lee\"\nlang = \"ko\"\n+++\n"),
            ("hugo.toml", "[cascade]\nauthor = \"Park\"\nsummary = \"x\"\n"),
        ],
    );
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        inherited_value(&hugo, "a/b.md", "author"),
        Some(("content/a/_index.md:2".to_owned(), text("Kim")))
    );
    assert_eq!(
        inherited_value(&hugo, "a/b.md", "lang"),
        Some(("content/_index.md:4".to_owned(), text("ko")))
    );
    assert_eq!(
        inherited_value(&hugo, "b.md", "author"),
        Some(("content/_index.md:3".to_owned(), text("Lee")))
    );
    assert_eq!(inherited_value(&hugo, "b.md", "summary"), Some(("hugo.toml:3".to_owned(), text("x"))));
    let own = [Entry { key: "Author".to_owned(), line: 2, value: text("me") }];
    let left = hugo.inherited_entries(place("a/b.md"), &own);
    assert!(
        left.iter().all(|inherited| inherited.entry.key != "author"),
        "a post's own entry takes precedence"
    );
}

#[test]
fn an_invalid_setting_blocks_its_posts_only_if_it_may_hold_them_back() {
    let hugo = inherited(
        Generator::Hugo,
        &[("content/a/_index.md", "---\ncascade:\n  lang: no language!\n  expiryDate: soon\n---\n")],
    );
    assert_eq!(inherited_value(&hugo, "a/b.md", "lang"), None);
    let finding = hugo.block_of(place("a/b.md"), &[]).unwrap().to_string();
    assert!(finding.starts_with("content/a/_index.md:4: error: `expiryDate`"), "{finding}");
    assert!(finding.contains("passed_over"), "{finding}");
    assert!(hugo.block_of(place("b.md"), &[]).is_none());
}

#[test]
fn a_post_with_its_own_status_is_not_blocked_by_python() {
    let pelican =
        inherited(Generator::Pelican, &[("pelicanconf.py", "import x\nDEFAULT_METADATA = x.metadata()\n")]);
    let status = Entry { key: "status".to_owned(), line: 1, value: Value::Text("published".to_owned()) };
    assert!(pelican.block_of(place("a.md"), &[]).is_some());
    assert!(pelican.block_of(place("a.md"), &[status]).is_none());
}

#[test]
fn an_unreadable_settings_file_blocks_posts() {
    let site = Site::bare(Generator::Zola, Utf8PathBuf::new());
    let around = SiteFolders::of(&site, Utf8Path::new("/s/content"));
    let source = Source {
        path: "/s/content/a/_index.md".into(),
        shown: "content/a/_index.md".to_owned(),
        text: Err("it cannot be read: permission denied".to_owned()),
    };
    let zola = Inherited::of(&site, &around, &[source], &config::fixtures::config());
    assert!(zola.block_of(place("a/b.md"), &[]).is_some() && zola.block_of(place("b.md"), &[]).is_none());
}

proptest! {
    #[test]
    fn no_setting_panics(
        text in "(---|\\+\\+\\+|cascade|defaults|scope|values|path|target|draft|exclude|ignoreFiles|PATH_METADATA|DEFAULT_METADATA|: ?| ?= ?|[-'\"\\[\\]{}(),*?!a/가\n]|\n  ){0,40}",
        path in "[a/.-]{0,12}",
    ) {
        for (generator, file) in [
            (Generator::Hugo, "hugo.toml"),
            (Generator::Hugo, "content/_index.md"),
            (Generator::Hugo, "hugo.yaml"),
            (Generator::Zola, "config.toml"),
            (Generator::Zola, "content/a/_index.md"),
            (Generator::Jekyll, "_config.yml"),
            (Generator::Pelican, "pelicanconf.py"),
            (Generator::Plain, "content/content.json"),
        ] {
            let inherited = inherited(generator, &[(file, &text)]);
            let _ = inherited.unread(place(&path));
            let _ = inherited.inherited_entries(place(&path), &[]);
            let _ = inherited.block_of(place(&path), &[]);
        }
    }
}
