//! Made-up exports of every service in `tests/data/exports/`, as folders and as zips, and zips that are none.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;

use super::zip::ZipFiles;
use super::*;
use crate::importers::html::{HtmlOptions, to_markdown};
use crate::importers::imported_post::ImportedPost;

/// An export in memory.
#[derive(Default)]
struct Files {
    names: Vec<String>,
    contents: BTreeMap<String, Vec<u8>>,
}

impl Files {
    fn of(service: &str) -> Self {
        let root =
            camino::Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/exports").join(service);
        let mut files = Self::default();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path().to_owned());
                } else {
                    let name = entry.path().strip_prefix(&root).unwrap().to_string();
                    files.contents.insert(name, std::fs::read(entry.path()).unwrap());
                }
            }
        }
        files.names = files.contents.keys().cloned().collect();
        files
    }

    fn zipped(&self) -> Vec<u8> {
        zip(self.contents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))
    }
}

impl ExportFiles for Files {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn visit(&self, name: &str, read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        read(&mut self.contents.get(name).ok_or(io::ErrorKind::NotFound)?.as_slice())
    }
}

fn zip<'e>(entries: impl Iterator<Item = (&'e str, &'e [u8])>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The posts, and what was left out.
fn read(source: ExportSource, files: &dyn ExportFiles) -> (Vec<ImportedPost>, Vec<String>) {
    let url = Url::parse("https://letters.example/").unwrap();
    let (mut all, mut rest) = (Vec::new(), Vec::new());
    posts(
        source,
        (files, "export"),
        ExportSite { url: &url, zone: Tz::Asia__Seoul },
        &mut |item| match item {
            ImportItem::Post(post) => all.push(*post),
            ImportItem::Other(kind) => rest.push(kind),
            ImportItem::LeftOut(title, why) => rest.push(format!("{title}: {why}")),
        },
    )
    .unwrap();
    (all, rest)
}

fn text(post: &ImportedPost) -> String {
    post.markdown.clone().unwrap_or_else(|| to_markdown(&post.html, HtmlOptions::default()).markdown)
}

fn day(post: &ImportedPost) -> String {
    post.published.map(|date| date.to_rfc3339()).unwrap_or_default()
}

#[test]
fn substack_posts_keep_their_notes_and_lose_the_buttons_of_substack() {
    let (posts, rest) = read(ExportSource::Substack, &Files::of("substack"));
    assert_eq!(rest, ["page"]);
    let slow = &posts[0];
    assert_eq!((slow.title.as_str(), slow.summary.as_deref()), ("Slow, and steady", Some("A subtitle")));
    assert_eq!(
        (slow.link.as_deref(), slow.id.as_deref()),
        (Some("https://letters.example/p/slow-letters"), None)
    );
    assert_eq!(day(slow), "2024-05-01T09:00:00+00:00");
    assert_eq!(
        text(slow),
        "Text with a note.[^1]\n\n![A](https://cdn.example/a.png)\n\n*A view*\n\n[^1]: The note.\n"
    );
    assert_eq!(text(&posts[1]), "<https://api.substack.example/102.mp3>\n\nShow notes\n");
    assert_eq!(posts.iter().map(|post| post.draft).collect::<Vec<_>>(), [false, false, true, true]);
    assert!(posts[2].notes[0].1.contains("only_paid"));
    assert_eq!(subscribers(&Files::of("substack")), Some("email_list.slow.csv"));
}

#[test]
fn medium_stories_have_their_ids_and_responses_are_left_out() {
    let (posts, rest) = read(ExportSource::Medium, &Files::of("medium"));
    assert_eq!(rest, ["response"]);
    let slow = &posts[0];
    assert_eq!((slow.title.as_str(), slow.summary.as_deref()), ("Slow letters", Some("A subtitle")));
    assert_eq!(slow.id.as_deref(), Some("https://medium.com/p/abcd1234"));
    assert_eq!(slow.link.as_deref(), Some("https://medium.com/@kim/slow-letters-abcd1234"));
    assert_eq!(
        (slow.authors.clone(), slow.tags.clone()),
        (vec!["Kim Minjun".into()], vec!["Things".into(), "Stuff".into()])
    );
    assert_eq!(
        text(slow),
        "Text.\n\n![](https://cdn.example/a.jpeg)\n\n*A view*\n\n```\na\n  b\n```\n\n---\n\n#### One last section\n\nEnd.\n"
    );
    assert!(posts[1].draft && posts[1].id.is_none() && text(&posts[1]) == "Half a text.\n");
}

#[test]
fn tumblr_posts_bring_their_pictures() {
    let (posts, _) = read(ExportSource::Tumblr, &Files::of("tumblr"));
    let post = &posts[0];
    assert_eq!((post.title.as_str(), day(post).as_str()), ("A title", "2021-04-02T13:23:00+09:00"));
    assert_eq!(post.tags, ["slow", "letters"]);
    assert_eq!(text(post), "Text **here**\n\n![](../../media/123456_0.png)\n");
    assert_eq!(post.attachments[0].source, "media/123456_0.png");
}

#[test]
fn buttondown_emails_are_markdown_or_html() {
    let (posts, _) = read(ExportSource::Buttondown, &Files::of("buttondown"));
    assert_eq!(
        posts.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(),
        ["A plain email", "A fancy email"]
    );
    assert_eq!(posts[0].link.as_deref(), Some("https://letters.example/archive/plain-email/"));
    assert_eq!(text(&posts[0]), "Some *Markdown* with `code`.\n\n* a\n* b\n");
    assert_eq!(text(&posts[1]), "## Head\n\nSome **HTML**.\n");
    assert!(posts.iter().all(|post| !post.draft));
}

#[test]
fn beehiiv_posts_are_the_blocks_of_the_author() {
    let (posts, _) = read(ExportSource::Beehiiv, &Files::of("beehiiv"));
    assert_eq!(text(&posts[0]), "Text, with \"quotes\" and a line.\n");
    assert_eq!(posts[0].tags, ["one", "two"]);
    assert_eq!(
        posts[0].image.as_deref(),
        Some("https://media.beehiiv.com/cdn-cgi/image/quality=100/uploads/asset/file/1/image.png")
    );
    assert_eq!(posts.iter().map(|post| post.draft).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn obsidian_notes_keep_their_links_callouts_and_attachments() {
    let (posts, _) = read(ExportSource::Obsidian, &Files::of("obsidian"));
    let find = |title: &str| posts.iter().find(|post| post.title == title).unwrap();
    let slow = find("Slow letters");
    assert_eq!((day(slow).as_str(), slow.draft), ("2024-05-01T00:00:00+09:00", false));
    assert_eq!(slow.tags, ["slow", "letters"]);
    assert_eq!(
        text(slow),
        "See [the second](2024-06-01-second.md), nothing and [A Heading](#a-heading). <mark>Marked</mark> \n\n\
         ![](picture-one.png) and `[[code]]`\n\n> [!NOTE] About\n> A callout.\n\n```\n[[in code]] ==x==\n```\n\n\
         ## A Heading\n\n[a paper](paper.pdf)\n"
    );
    let copied: Vec<&str> = slow.attachments.iter().map(|attachment| attachment.source.as_str()).collect();
    assert_eq!(copied, ["attachments/picture one.png", "attachments/paper.pdf"]);
    assert!(slow.notes.iter().any(|(_, words)| words.contains("Nowhere")), "{:?}", slow.notes);
    let second = find("Second");
    assert_eq!(
        (text(second).as_str(), second.draft),
        ("Back to [Slow letters](2024-05-01-slow-letters.md).\n", false)
    );
    assert!(find("Private").draft, "a vault is mostly private");
}

#[test]
fn notion_pages_lose_the_ids_of_their_names() {
    let (posts, _) = read(ExportSource::Notion, &Files::of("notion"));
    let slow = posts.iter().find(|post| post.title == "Slow letters").unwrap();
    assert_eq!((day(slow).as_str(), slow.draft), ("2024-05-01T09:00:00+09:00", false));
    assert_eq!(slow.tags, ["slow", "letters"]);
    assert_eq!(
        text(slow),
        "Note: this is text. See [Half](2024-05-02-half.md).\n\n![picture.png](picture.png)\n\n> 💡 A callout.\n>\n"
    );
    assert_eq!(slow.attachments.len(), 1);
    let half = posts.iter().find(|post| post.title == "Half").unwrap();
    assert!(half.draft, "an idea is not published");
}

#[test]
fn a_zip_gives_the_same_posts_as_its_folder() {
    for (source, name) in [
        (ExportSource::Substack, "substack"),
        (ExportSource::Medium, "medium"),
        (ExportSource::Tumblr, "tumblr"),
        (ExportSource::Buttondown, "buttondown"),
        (ExportSource::Beehiiv, "beehiiv"),
        (ExportSource::Obsidian, "obsidian"),
        (ExportSource::Notion, "notion"),
    ] {
        let folder = Files::of(name);
        let zip = ZipFiles::new(Cursor::new(folder.zipped()), "a.zip").unwrap();
        assert_eq!(read(source, &zip), read(source, &folder), "{name}");
    }
}

#[test]
fn a_hostile_zip_is_refused() {
    let refusal = |bytes: Vec<u8>| ZipFiles::new(Cursor::new(bytes), "a.zip").err().unwrap().to_string();
    for name in ["../posts.csv", "/etc/passwd", "a/../../b", "..\\b", "C:\\b"] {
        let refused = refusal(zip([(name, b"x".as_slice())].into_iter()));
        assert!(refused.contains("outside of its own folder"), "{refused}");
    }
    // The end of a zip of a million entries.
    let mut many = [b"PK\x06\x06".as_slice(), &[0; 52]].concat();
    many[32..40].copy_from_slice(&1_000_000_u64.to_le_bytes());
    many.extend([b"PK\x06\x07".as_slice(), &[0; 16], b"PK\x05\x06", &[0xFF; 16], &[0; 2]].concat());
    assert!(refusal(many).contains("it has 1000000 entries"));
    let whole = zip([("a.html", b"x".as_slice())].into_iter());
    assert!(refusal(whole[..whole.len() / 2].to_vec()).contains("no complete zip"));
    assert!(refusal(b"PK\x03\x04".to_vec()).contains("no complete zip"));
}

#[test]
fn a_file_that_unpacks_to_too_much_is_left_out_and_the_others_are_read() {
    let bomb = vec![b' '; MAX_HTML + 1];
    let page = Files::of("tumblr").contents["html/123456.html"].clone();
    let entries = [("html/1.html", bomb.as_slice()), ("html/2.html", page.as_slice())];
    let bytes = zip(entries.into_iter());
    assert!(bytes.len() < 100_000);
    let (posts, rest) = read(ExportSource::Tumblr, &ZipFiles::new(Cursor::new(bytes), "a.zip").unwrap());
    assert_eq!(posts.len(), 1);
    assert!(rest[0].contains("more than 10 MB"), "{rest:?}");
}

#[test]
fn what_is_no_export_is_refused_with_what_to_name() {
    let url = Url::parse("https://letters.example/").unwrap();
    let site = ExportSite { url: &url, zone: Tz::UTC };
    for source in [ExportSource::Substack, ExportSource::Medium, ExportSource::Beehiiv, ExportSource::Notion]
    {
        let refused = posts(source, (&Files::default(), "x"), site, &mut |_| ()).unwrap_err();
        assert!(refused.hint.is_some(), "{refused}");
    }
    let mut files = Files::of("substack");
    files.contents.insert("posts.csv".to_owned(), b"post_id,title\n1,\"never closed\n".to_vec());
    let refused = posts(ExportSource::Substack, (&files, "x"), site, &mut |_| ()).unwrap_err();
    assert!(refused.to_string().contains("line 2 is never closed"), "{refused}");
}
