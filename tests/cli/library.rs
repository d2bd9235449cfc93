//! The library renders what the program writes.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use letterpress::OpenError;

use super::site::Site;

/// The time of the runs of a [`Site`].
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_000)
}

#[test]
fn the_library_renders_the_files_that_build_writes_and_writes_none() {
    let site = Site::new();
    site.write("posts/older.md", "+++\ntitle = \"Older\"\ndate = 2026-11-16\n+++\n\nIn the archive.\n");
    site.append("config.toml", "\n[feeds]\nentries = 1\narchive = true\n");
    let opened = letterpress::Site::open(site.path("config.toml"), now()).unwrap();
    let files: BTreeMap<_, _> =
        opened.feeds().into_iter().map(|file| (site.path("public").join(file.path), file.bytes)).collect();
    assert!(!site.path("public").exists());
    site.run("build").succeeds();
    assert!(files.keys().any(|path| path.starts_with(site.path("public/archive"))), "{:?}", files.keys());
    for (path, bytes) in &files {
        assert_eq!(&fs::read(path).unwrap(), bytes, "{}", path.display());
    }
}

#[test]
fn the_library_says_what_is_wrong_and_where() {
    let site = Site::new();
    let open = || letterpress::Site::open(site.path("config.toml"), now());
    site.write("posts/wrong.md", "+++\ntitle = 3\ndate = 2026-11-23\n+++\n");
    let Err(OpenError::Mistakes(found)) = open() else { panic!("a wrong post is no mistake") };
    assert!(
        found.iter().any(|finding| finding.file.ends_with("wrong.md") && finding.line.is_some()),
        "{found:?}"
    );
    fs::remove_file(site.path("config.toml")).unwrap();
    let Err(error @ OpenError::File(_)) = open() else { panic!("a missing file is no error") };
    assert!(error.to_string().contains("help: "), "{error}");
}
