//! The archive can read every written file, and all file names are unique.

use camino::Utf8Path;
use proptest::prelude::*;

use super::*;
use crate::archive::front_matter::{fields, split};

fn site() -> SiteUrl {
    SiteUrl::parse("https://letters.example/blog/").unwrap()
}

fn post() -> ImportedPost {
    ImportedPost {
        title: "첫 \"편지\"\n\\ 시작".to_owned(),
        id: Some("https://letters.example/?p=12".to_owned()),
        link: Some("http://www.letters.example/blog/2024/%EA%B8%80/".to_owned()),
        published: DateTime::parse_from_rfc3339("2024-05-01T09:00:00+09:00").ok(),
        updated: DateTime::parse_from_rfc3339("2024-05-02T09:00:00+09:00").ok(),
        authors: vec!["김민준".to_owned()],
        categories: vec!["편지".to_owned(), "C++".to_owned()],
        language: Some("ko_KR".to_owned()),
        html: "<p><b>안녕</b>은</p>".to_owned(),
        ..ImportedPost::default()
    }
}

#[test]
fn the_archive_reads_a_written_file_back() {
    let site = site();
    let file = PostFileWriter::new(&site, "en").file(&post()).unwrap();
    assert_eq!(file.file_name, "2024-05-01-글.md");
    let parts = split(&file.contents, "a.md").unwrap();
    let (fields, findings) = fields::read(&parts.entries, "a.md", &crate::config::fixtures::config().site);
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(fields.title.unwrap().value, "첫 \"편지\" \\ 시작");
    assert_eq!(fields.id.unwrap().value, "https://letters.example/?p=12");
    assert_eq!(fields.path.unwrap().value, "/2024/%EA%B8%80/", "the page stays where it was on the site");
    assert_eq!(fields.date.unwrap().to_rfc3339(), "2024-05-01T09:00:00+09:00");
    assert!(fields.updated.is_some());
    assert_eq!((fields.categories.len(), fields.authors.len()), (2, 1));
    assert_eq!(fields.language.as_deref(), Some("ko-KR"));
    assert_eq!(parts.body.trim(), "**안녕**은");
}

#[test]
fn a_copy_with_the_id_of_its_original_gets_its_own_address_as_id() {
    let site = site();
    let mut writer = PostFileWriter::new(&site, "ko");
    writer.file(&post()).unwrap();
    let link = "https://letters.example/blog/copy/".to_owned();
    let copy = ImportedPost { link: Some(link.clone()), ..post() };
    let file = writer.file(&copy).unwrap();
    assert!(file.contents.contains(&format!("id = \"{link}\"")), "{}", file.contents);
    assert!(file.remarks.iter().any(|(rule, words)| *rule == "import-id" && words.contains("same id as")));
    assert!(writer.file(&copy).unwrap_err().contains("same id"), "the same copy again");
}

#[test]
fn every_file_has_a_unique_name_and_id() {
    let site = site();
    let mut writer = PostFileWriter::new(&site, "ko");
    let mut names = vec![writer.file(&post()).unwrap().file_name];
    assert!(writer.file(&post()).unwrap_err().contains("same id as 2024-05-01-글.md"));
    for (id, link, title) in [
        ("b:1", None, "글"),
        ("b:2", None, "글"),
        ("b:3", Some("https://a.example/index.html"), ""),
        ("b:4", Some("https://a.example/../../etc/passwd"), ""),
        ("b:5", Some("https://a.example/%2e%2e%2fetc/"), ""),
        ("b:6", None, "../..\\con"),
    ] {
        let link = link.map(str::to_owned);
        let post = ImportedPost { id: Some(id.to_owned()), link, title: title.to_owned(), ..post() };
        names.push(writer.file(&post).unwrap().file_name);
    }
    let distinct: HashSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    for name in &names {
        assert!(!name.contains(['/', '\\']) && Utf8Path::new(name).file_name() == Some(name), "{name}");
    }
}

#[test]
fn a_post_without_a_title_takes_the_beginning_of_its_text() {
    let site = site();
    let mut writer = PostFileWriter::new(&site, "ko");
    let long =
        ImportedPost { title: String::new(), html: format!("<p>{}</p>", "낱말 ".repeat(40)), ..post() };
    assert!(writer.file(&long).unwrap().title.ends_with("낱말…"));
    let empty = ImportedPost { title: " ".to_owned(), html: String::new(), id: None, ..post() };
    assert_eq!(writer.file(&empty).unwrap().title, "Untitled");
}

#[test]
fn a_summary_that_the_text_begins_with_is_not_written() {
    let site = site();
    let summary_of = |summary: &str, id: &str| {
        let post = ImportedPost {
            summary: Some(summary.to_owned()),
            id: Some(id.to_owned()),
            html: "<p>The sea was <b>calm</b>, and we rowed on.</p>".to_owned(),
            ..post()
        };
        let contents = PostFileWriter::new(&site, "ko").file(&post).unwrap().contents;
        contents.lines().find_map(|line| Some(line.strip_prefix("summary = ")?.to_owned()))
    };
    assert_eq!(summary_of("The sea was calm, and […]", "b:1"), None);
    assert_eq!(summary_of("A day at sea […]", "b:2").as_deref(), Some("\"A day at sea…\""));
}

proptest! {
    #[test]
    fn the_archive_reads_the_file_of_any_post(
        title in "\\PC{0,40}|[\"\\\\'+=\n\t\u{0}-\u{9F}가]{0,20}",
        names in prop::collection::vec("\\PC{0,20}|[\"\\\\,\n가]{0,10}", 0..4),
        link in "https?://letters[.]example/[a-z가%.:/]{0,20}|\\PC{0,20}",
        summary in "\\PC{0,60}",
        times in 1usize..3000,
    ) {
        let site = site();
        let post = ImportedPost {
            title: title.repeat(times.min(50)),
            link: Some(link.clone()),
            id: Some(link),
            slug: Some(title),
            tags: names.clone(),
            authors: names,
            summary: Some(summary.repeat(times)),
            ..post()
        };
        let file = PostFileWriter::new(&site, "ko").file(&post).unwrap();
        let parts = split(&file.contents, "a.md").unwrap();
        let (_, findings) = fields::read(&parts.entries, "a.md", &crate::config::fixtures::config().site);
        prop_assert!(findings.is_empty(), "{:?}\n{}", findings, file.contents);
        prop_assert!(!file.file_name.contains(['/', '\\', '\0']) && !file.file_name.starts_with('.'), "{}", file.file_name);
    }
}

#[test]
fn an_id_that_is_not_a_uri_is_kept_in_one() {
    let site = site();
    let post = ImportedPost { id: Some("6630a1b2".to_owned()), ..post() };
    let file = PostFileWriter::new(&site, "ko").file(&post).unwrap();
    assert!(file.contents.contains(":isPermaLink=false:6630a1b2\"\n"), "{}", file.contents);
    assert!(!file.remarks.iter().any(|(rule, _)| *rule == "import-id"), "{:?}", file.remarks);
}

#[test]
fn downloaded_pictures_are_linked_by_their_file_names() {
    let site = site();
    let post = ImportedPost { html: "<img src=\"/a.png\" alt=\"a\">".to_owned(), ..post() };
    let file = PostFileWriter::new(&site, "ko").file(&post).unwrap();
    assert_eq!(file.pictures, ["http://www.letters.example/a.png"]);
    let beside = HashMap::from([(file.pictures[0].clone(), "a.png".to_owned())]);
    let bundle = PostFileWriter::bundle(&file, &post, &beside);
    assert_eq!(bundle.file_name, "2024-05-01-글/index.md");
    assert!(bundle.contents.ends_with("+++\n\n![a](a.png)\n"), "{}", bundle.contents);
}
