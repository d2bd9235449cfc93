//! Folders with bundles, symbolic links, pipes, ledgers, and ten thousand files.

use std::os::unix::fs::symlink;

use super::*;
use crate::archive::Formulas;

struct Garden {
    folder: tempfile::TempDir,
    config: Config,
}

fn garden(files: &[(&str, &str)]) -> Garden {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap().to_owned();
    fs::create_dir(root.join("posts")).unwrap();
    let text = "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\ntimezone = \"Asia/Seoul\"\n";
    let config = crate::config::parse(text, "config.toml", &root).unwrap();
    let garden = Garden { folder, config };
    for (name, text) in files {
        garden.write(name, text);
    }
    garden
}

impl Garden {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("posts").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self) -> Result<ArchiveReader, Vec<String>> {
        let now = DateTime::parse_from_rfc3339("2024-06-01T00:00:00.5Z").unwrap().to_utc();
        read(&self.config, now).map_err(|findings| findings.iter().map(ToString::to_string).collect())
    }

    fn ids(&self) -> Vec<String> {
        let reading = self.read().unwrap();
        if let Some(ids) = reading.ids {
            write_ids(&self.config, &ids).unwrap();
        }
        reading.archive.posts.into_iter().map(|post| post.id).collect()
    }
}

fn titled(title: &str) -> String {
    format!("---\ntitle: {title}\n---\n{title}의 글\n")
}

#[test]
fn posts_and_bundles_become_an_archive_newest_first() {
    let garden = garden(&[
        ("2024-05-01-하나.md", &titled("하나")),
        ("여행/2024-05-03-둘/index.md", &titled("둘")),
        ("deep/er/2024-05-02-셋.markdown", &titled("셋")),
        ("_index.md", "+++\n+++\n"),
        ("draft.md", "---\ndraft: true\n---\n"),
        ("about.md", &titled("소개")),
        ("2030-01-01-later.md", &titled("나중")),
        (".hidden.md", "\u{0}"),
        (".git/2024-05-01-x.md", "\u{0}"),
        ("notes.txt", "x"),
    ]);
    let archive = garden.read().unwrap().archive;
    assert_eq!(archive.posts.iter().map(|post| post.slug.as_str()).collect::<Vec<_>>(), ["둘", "셋", "하나"]);
    assert_eq!(archive.posts[0].source, "posts/여행/2024-05-03-둘/index.md");
    let left_out: Vec<_> = archive.skipped.iter().map(|left| (left.source.as_str(), &left.reason)).collect();
    assert_eq!(left_out.len(), 5);
    assert!(matches!(left_out[0], ("posts/2030-01-01-later.md", SkipReason::Future(_))));
    assert_eq!(
        left_out[1..],
        [
            ("posts/_index.md", &SkipReason::SectionPage),
            ("posts/about.md", &SkipReason::Undated),
            ("posts/draft.md", &SkipReason::Draft),
            ("posts/notes.txt", &SkipReason::Format("plain text")),
        ]
    );
}

#[test]
fn a_misspelled_draft_key_stops_the_run_and_a_custom_key_is_reported_once() {
    let own = |day: u32, line: &str| {
        (format!("2024-05-0{day}-p{day}.md"), format!("---\ntitle: a\n{line}\n---\ntext\n"))
    };
    let files = [own(1, "weather: rain"), own(2, "weather: sun"), own(3, "weather: snow")];
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let findings = garden(&files).read().unwrap().archive.findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.ends_with("(also in 2 more posts)"), "{findings:?}");
    let misspelled = own(4, "darft: true");
    let files = [files[0], (misspelled.0.as_str(), misspelled.1.as_str())];
    assert!(garden(&files).read().unwrap_err()[0].starts_with("posts/2024-05-04-p4.md:3: error: `darft`"));
}

#[test]
fn a_post_without_text_is_an_error() {
    for text in
        ["---\ntitle: a\n---\n", "---\ntitle: a\n---\n\n \n<!-- later -->\n\u{200B}", "# only a title\n"]
    {
        let errors = garden(&[("2024-05-01-a.md", text)]).read().unwrap_err();
        assert!(errors.len() == 1 && errors[0].contains("the post has no text"), "{text}: {errors:?}");
    }
    for text in ["---\ntitle: a\ndraft: true\n---\n", "---\ntitle: a\n---\n<!-- x --> !\n"] {
        assert!(garden(&[("2024-05-01-a.md", text)]).read().is_ok(), "{text}");
    }
}

#[test]
fn an_empty_folder_is_an_empty_archive_and_a_missing_one_an_error() {
    let garden = garden(&[]);
    let reading = garden.read().unwrap();
    assert!(reading.archive.posts.is_empty() && reading.ids.is_none());
    fs::remove_dir(garden.path("")).unwrap();
    let errors = garden.read().unwrap_err();
    assert!(
        errors[0].starts_with("posts/: error: cannot read the folder")
            || errors[0].starts_with("posts: error"),
        "{errors:?}"
    );
    assert!(errors[0].contains("[archive]"));
}

#[test]
fn links_are_not_followed_and_pipes_are_rejected() {
    let garden = garden(&[("2024-05-01-a.md", &titled("a"))]);
    let outside = garden.folder.path().join("secret.md");
    fs::write(&outside, titled("secret")).unwrap();
    symlink(&outside, garden.path("2024-05-01-link.md")).unwrap();
    symlink(garden.folder.path(), garden.path("loop")).unwrap();
    let reading = garden.read().unwrap();
    assert_eq!(reading.archive.posts.len(), 1);
    assert!(
        reading.archive.findings[0]
            .to_string()
            .starts_with("posts/2024-05-01-link.md: warning: it is a symbolic link")
    );
    fs::create_dir(garden.path("x.md")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(garden.path("y.md")).unwrap();
    garden.write("a\nb.md", "x");
    let errors = garden.read().unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
    for (error, word) in errors.iter().zip([
        "posts/a\\nb.md: error: its name",
        "posts/x.md: error: it is a folder with the name of a post",
        "posts/y.md: error: it is a pipe",
    ]) {
        assert!(error.starts_with(word), "{error}");
    }
}

#[test]
fn all_bad_posts_are_reported_at_once() {
    let garden = garden(&[
        ("2024-05-01-a.md", "---\ntitle: a\n"),
        ("2024-05-02-b.md", "no title"),
        ("2024-05-03-c.md", "---\ntitle: c\ndate: 2024-02-30\n---\n"),
        ("ids.txt", "nonsense\n"),
    ]);
    let errors = garden.read().unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
    for (error, place) in errors.iter().zip([
        "posts/2024-05-01-a.md:1:",
        "posts/2024-05-02-b.md:1:",
        "posts/2024-05-03-c.md:3:",
        "posts/ids.txt:1:",
    ]) {
        assert!(error.starts_with(place), "{error}");
    }
}

#[test]
fn two_posts_with_the_same_address_are_rejected_even_in_another_case() {
    let garden = garden(&[("2024-05-01-Post.md", &titled("a")), ("2024-05-02-post.md", &titled("b"))]);
    let errors = garden.read().unwrap_err();
    assert!(
        errors[0]
            .starts_with("posts/2024-05-02-post.md: error: posts/2024-05-01-Post.md has the same address"),
        "{errors:?}"
    );
}

#[test]
fn ids_are_written_once_and_survive_edits_renames_and_moves() {
    let garden = garden(&[("2024-05-01-하나.md", &titled("하나")), ("2024-05-02-둘.md", &titled("둘"))]);
    let ids = garden.ids();
    assert_eq!(ids[1], "tag:example.com,2024-05-01:%ED%95%98%EB%82%98");
    assert!(garden.read().unwrap().ids.is_none(), "nothing changed, so nothing is written");
    fs::create_dir(garden.path("moved")).unwrap();
    fs::rename(garden.path("2024-05-01-하나.md"), garden.path("moved/2024-05-01-other.md")).unwrap();
    garden.write("2024-05-02-둘.md", &titled("둘째"));
    assert_eq!(garden.ids(), ids);
    let edited = &garden.read().unwrap().archive.posts[0];
    assert_eq!(edited.updated.to_rfc3339(), "2024-06-01T09:00:00+09:00");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(garden.path("ids.txt")).unwrap().permissions());
    assert_eq!(mode & 0o444, 0o444, "the ledger can be read like the posts");
}

#[test]
fn the_signature_changes_only_with_the_files() {
    let garden = garden(&[("2024-05-01-a.md", &titled("a"))]);
    let first = signature(&garden.config).unwrap();
    assert_eq!(signature(&garden.config).unwrap(), first);
    garden.write("picture.png", "x");
    assert_eq!(signature(&garden.config).unwrap(), first, "a picture is not read");
    garden.write("2024-05-01-a.md", &titled("b"));
    let second = signature(&garden.config).unwrap();
    assert_ne!(second, first, "the size is the same, the times are not");
    let ledgers = registry_signature(&garden.config).unwrap();
    garden.write("ids.txt", "");
    assert_eq!(signature(&garden.config).unwrap(), second, "a build writes the ledgers");
    assert_ne!(registry_signature(&garden.config).unwrap(), ledgers);
}

#[test]
fn the_ledgers_are_beside_each_other_at_the_configured_path() {
    let mut garden = garden(&[("2024-05-01-a.md", &titled("a"))]);
    garden.config.archive.ids = Some("ids-ko.txt".into());
    let first = registry_signature(&garden.config).unwrap();
    garden.ids();
    let second = registry_signature(&garden.config).unwrap();
    assert_ne!(second, first);
    write_pages(&garden.config, ".\t1\turn:x:a\t2024-05-02T00:00:00+09:00\n").unwrap();
    assert_ne!(registry_signature(&garden.config).unwrap(), second);
    assert!(!garden.read().unwrap().archive.pages.is_empty());
    for name in ["ids-ko.txt", "pages-ko.txt"] {
        assert!(garden.folder.path().join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(garden.path("")).unwrap().count(), 1, "the folder of posts contains only posts");
}

#[test]
fn an_expired_post_is_taken_back_and_an_unreadable_one_is_not() {
    let mut garden = garden(&[
        ("2024-05-01-a.md", &titled("a")),
        ("2024-05-02-b.md", &titled("b")),
        ("2024-05-03-c.md", &titled("c")),
    ]);
    garden.config.archive.generator = Some(Generator::Hugo);
    let ids = garden.ids();
    garden.write("2024-05-01-a.md", "---\ntitle: [\n---\n");
    garden.write("2024-05-02-b.md", "---\ntitle: b\nexpiryDate: 2024-05-20\n---\nb\n");
    let archive = garden.read().unwrap().archive;
    assert_eq!(archive.posts.iter().map(|post| &post.id).collect::<Vec<_>>(), [&ids[0]]);
    assert_eq!(archive.tombstones.iter().map(|post| &post.id).collect::<Vec<_>>(), [&ids[1]]);
    assert_eq!(archive.accounted_for, BTreeSet::from([ids[1].clone(), ids[2].clone()]));
    garden.write("2024-05-03-c.md", "---\ntitle: [\n---\n");
    let errors = garden.read().unwrap_err();
    assert!(errors[0].contains("posts/ids.txt: error: none of its 2 posts"), "{errors:?}");
    for name in ["a", "c"] {
        let day = if name == "a" { 1 } else { 3 };
        garden.write(
            &format!("2024-05-0{day}-{name}.md"),
            &format!("---\ntitle: {name}\nexpiryDate: 2024-05-20\n---\n"),
        );
    }
    assert_eq!(garden.read().unwrap().archive.tombstones.len(), 3, "a site may expire as a whole");
}

#[test]
fn files_that_disappear_are_named_once_and_most_posts_at_once_are_an_error() {
    let names: Vec<String> = (1..=9).map(|day| format!("2024-05-0{day}-p{day}.md")).collect();
    let posts: Vec<(&str, String)> = names.iter().map(|name| (name.as_str(), titled(name))).collect();
    let borrowed: Vec<(&str, &str)> = posts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let garden = garden(&borrowed);
    garden.ids();
    let delete = |name: &str| fs::remove_file(garden.path(name)).unwrap();
    let read = || garden.read().unwrap().archive.vanished;
    assert!(read().files.is_empty());
    garden.write(&names[0], "---\ntitle: a\ndraft: true\n---\n");
    fs::rename(garden.path(&names[1]), garden.path("2024-05-02-renamed.md")).unwrap();
    assert!(read().files.is_empty(), "a draft and a renamed file are not gone");
    names[4..8].iter().for_each(|name| delete(name));
    assert_eq!(read().files.len(), 4);
    assert!(read().refusal(&garden.config).is_none());
    delete(&names[8]);
    let vanished = read();
    let warning = vanished.warning(&garden.config).unwrap().to_string();
    assert!(
        warning.starts_with(
            "posts/ids.txt: warning: 5 posts are gone, and removed from the feeds: posts/2024-05-05-p5.md, "
        ),
        "{warning}"
    );
    let refusal = vanished.refusal(&garden.config).unwrap().to_string();
    assert!(refusal.starts_with("posts/ids.txt: error: 5 of its 8 posts are gone at once"), "{refusal}");
    garden.ids();
    assert!(read().files.is_empty(), "what is recorded is no longer sudden");
}

#[test]
fn the_recorded_fingerprint_of_an_unchanged_text_is_kept() {
    let garden = garden(&[("2024-05-01-a.md", &titled("a"))]);
    garden.ids();
    let ids = fs::read_to_string(garden.path("ids.txt")).unwrap();
    let recorded = ids.split(['\t', '\n']).find(|field| field.starts_with("f1:")).unwrap();
    let other = ids::Fingerprint::of("b", "").to_string();
    garden.write("ids.txt", &ids.replace(recorded, &other));
    let fingerprint = || garden.read().unwrap().archive.posts[0].fingerprint.to_string();
    assert_eq!(fingerprint(), other);
    garden.write("2024-05-01-a.md", &(titled("a") + "더\n"));
    assert_ne!(fingerprint(), other);
}

#[test]
fn formulas_are_read_as_the_generator_of_the_site_reads_them() {
    let mut garden = garden(&[("_posts/2024-05-01-a.md", &titled("a"))]);
    let mut formulas = |math, generator| {
        (garden.config.archive.math, garden.config.archive.generator) = (math, Some(generator));
        garden.read().unwrap().archive.posts.remove(0).dialect.formulas
    };
    assert_eq!(formulas(false, Generator::Jekyll), Formulas::Off);
    assert_eq!(formulas(true, Generator::Jekyll), Formulas::Kramdown);
    assert_eq!(formulas(true, Generator::Plain), Formulas::On);
}
