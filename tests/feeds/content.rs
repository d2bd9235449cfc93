//! The archive with difficult posts: each row of the table in `docs/faults.md`, in RSS, Atom and JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use feed_rs::model::{Entry, Feed};
use letterpress::internals::feeds::{Document, lint};

use crate::site::Site;

const FORMATS: [&str; 3] = ["rss.xml", "atom.xml", "feed.json"];

fn difficult() -> Site {
    let site = Site::difficult();
    site.build();
    site
}

fn entry<'f>(feed: &'f Feed, id: &str) -> &'f Entry {
    feed.entries.iter().find(|entry| entry.id.ends_with(id)).unwrap_or_else(|| panic!("{id} is not there"))
}

fn is_compressed(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("gz" | "br"))
}

fn html(entry: &Entry) -> String {
    entry.content.as_ref().and_then(|content| content.body.clone()).unwrap_or_default()
}

#[test]
fn every_format_has_the_full_text_of_every_post() {
    let site = difficult();
    let essence = |name: &str| -> Vec<_> {
        let of = |entry: Entry| {
            (entry.id.clone(), entry.title.clone().unwrap().content, entry.published, html(&entry))
        };
        site.read(name).entries.into_iter().map(of).collect()
    };
    let [rss, atom, json] = FORMATS.map(essence);
    assert_eq!(rss.len(), 6);
    assert_eq!(rss, atom);
    assert_eq!(atom, json);
    assert!(rss.iter().all(|(.., html)| html.starts_with('<')), "{rss:#?}");
}

#[test]
fn a_title_with_markup_is_plain_text_and_illegal_characters_are_removed() {
    let site = difficult();
    for name in FORMATS {
        let text = site.text(&format!("public/{name}"));
        assert!(
            !text.contains(['\u{B}', '\u{8}']) && !text.contains("\\u000b") && !text.contains("\\b"),
            "{name}"
        );
        let feed = site.read(name);
        let post = entry(&feed, ":markup");
        assert_eq!(post.title.as_ref().unwrap().content, "A & B: <b>굵게</b> ]]> &copy;", "{name}");
        assert!(html(post).contains("CDATA 끝 ]]&gt; 세로 탭  과 백스페이스  는"), "{name}: {}", html(post));
    }
    let rss = site.text("public/rss.xml");
    assert!(rss.contains("<title>A &#x26; B: &#x3C;b&#x3E;굵게&#x3C;/b&#x3E; ]]&#x3E; &#x26;copy;</title>"));
    let warned = site.run(crate::site::NOW, "check").out;
    assert!(warned.contains("posts/markup.md:11: warning: the character U+000B"), "{warned}");
}

#[test]
fn every_address_in_the_content_is_absolute() {
    let site = difficult();
    for name in FORMATS {
        let feed = site.read(name);
        let (links, media) = (html(entry(&feed, ":markup")), html(entry(&feed, ":media")));
        let base = "https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8";
        for address in [
            format!("href=\"{base}/other/\""),
            "href=\"https://example.com/root/\"".to_owned(),
            format!("href=\"{base}/markup/#%EC%A0%88\""),
            format!("src=\"{base}/markup/%EC%82%AC%EC%A7%84%201.png\""),
        ] {
            assert!(links.contains(&address), "{name}: {address} is not in {links}");
        }
        for address in [
            format!("srcset=\"{base}/media/a.png 1x, https://example.com/b%2Cc.png 2x\""),
            format!("poster=\"{base}/media/poster.jpg\""),
            format!("src=\"{base}/media/film.mp4\""),
            "cite=\"https://example.com/source/\"".to_owned(),
            format!("cite=\"{base}/q/\""),
            format!("<a href=\"{base}/media/plan.pdf\">도면</a>"),
            "<a href=\"https://video.example/1\">영상</a>".to_owned(),
            // A footnote is in the entry itself.
            "<a href=\"#fn-".to_owned(),
        ] {
            assert!(media.contains(&address), "{name}: {address} is not in {media}");
        }
        assert!(
            media.contains("width=\"3\" height=\"2\"")
                && media.contains("<code class=\"language-rust\">fn main")
        );
        for gone in ["<script", "<form", "<input", "<svg", "<iframe", "<object", "onclick", "style="] {
            assert!(!media.contains(gone), "{name}: {gone} is in {media}");
        }
    }
}

#[test]
fn ids_are_those_of_ids_txt() {
    let site = difficult();
    let ledger = site.text("posts/ids.txt");
    let known: BTreeSet<&str> = ledger
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    for name in FORMATS {
        let feed = site.read(name);
        assert_eq!(
            feed.entries.iter().map(|entry| entry.id.as_str()).collect::<BTreeSet<_>>(),
            known,
            "{name}"
        );
    }
    assert!(site.text("public/rss.xml").contains("<guid isPermaLink=\"false\">tag:"));
}

#[test]
fn published_differs_from_updated_and_time_zones_are_kept() {
    let site = difficult();
    for name in FORMATS {
        let feed = site.read(name);
        let post = entry(&feed, ":updated");
        assert_eq!(post.published.unwrap().to_rfc3339(), "2024-05-08T01:00:00+00:00", "{name}");
        let text = site.text(&format!("public/{name}"));
        assert!(text.contains("2024-05-20T12:00:00+09:00"), "{name}");
        let zone =
            if name == "rss.xml" { "Fri, 10 May 2024 09:30:00 +0200" } else { "2024-05-10T09:30:00+02:00" };
        assert!(text.contains(zone), "{name}");
    }
    assert!(
        site.text("public/rss.xml")
            .contains("<lastBuildDate>Mon, 20 May 2024 12:00:00 +0900</lastBuildDate>")
    );
    assert_eq!(site.read("atom.xml").updated.unwrap().to_rfc3339(), "2024-05-20T03:00:00+00:00");
}

#[test]
fn every_name_has_its_own_feeds_under_a_readable_path() {
    let site = difficult();
    for (folder, ids) in [
        ("categories/기술", &[":markup", ":updated"][..]),
        ("tags/기술", &[":media"]),
        ("tags/C++~~2", &[":markup"]),
        ("tags/c++", &[":media"]),
        ("tags/a~2Fb_c", &[":markup"]),
        ("tags/a_b_c", &[":markup"]),
        ("authors/R._&_D._~3C팀~3E", &[":markup"]),
        ("authors/김하늘", &[":media", ":updated", ":%E6%97%A5%E6%9C%AC%E8%AA%9E", ":trip", ":film"]),
        ("languages/ja", &[":%E6%97%A5%E6%9C%AC%E8%AA%9E"]),
        ("podcast", &[":trip", ":film"]),
    ] {
        for name in FORMATS {
            let feed = site.read(&format!("{folder}/{name}"));
            assert_eq!(feed.entries.len(), ids.len(), "{folder}/{name}");
            assert!(
                feed.entries.iter().zip(ids).all(|(entry, id)| entry.id.ends_with(id)),
                "{folder}/{name}"
            );
        }
    }
    let folded: Vec<String> = site.public().into_keys().map(|path| path.to_lowercase()).collect();
    assert_eq!(folded.iter().collect::<BTreeSet<_>>().len(), folded.len(), "also on a case-insensitive disk");
}

#[test]
fn unpublished_posts_are_in_no_file() {
    let site = difficult();
    for (path, bytes) in site.public() {
        let text = String::from_utf8(bytes).unwrap();
        for word in ["2030년의 글", "초고", "비밀", "날짜 없는 글", "2030-01-01"] {
            assert!(!text.contains(word), "{word} is in {path}");
        }
    }
    let later = site.run("2030-01-02T00:00:00Z", "build").succeeds();
    assert!(later.out.contains("from 7 posts"), "{later:?}");
}

#[test]
fn an_enclosure_has_its_length_and_registered_type() {
    let site = difficult();
    let url = "https://example.com/%EB%B8%94%EB%A1%9C%EA%B7%B8/trip/%EC%86%8C%EB%A6%AC%201.mp3";
    let rss = site.text("public/podcast/rss.xml");
    assert!(
        rss.contains(&format!("<enclosure url=\"{url}\" length=\"4321\" type=\"audio/mpeg\"/>")),
        "{rss}"
    );
    for part in [
        "<itunes:category text=\"Society &amp; Culture\">",
        "<itunes:image href=\"https://example.com/cover.jpg\"/>",
        "<itunes:explicit>false</itunes:explicit>",
        "<podcast:locked owner=\"podcast@example.com\">no</podcast:locked>",
        "<podcast:guid>",
        "<itunes:duration>3723</itunes:duration>",
        "<podcast:transcript ",
    ] {
        assert!(rss.contains(part), "{part} is not in {rss}");
    }
    let atom = site.text("public/atom.xml");
    assert!(
        atom.contains(&format!(
            "<link href=\"{url}\" rel=\"enclosure\" type=\"audio/mpeg\" length=\"4321\"/>"
        ))
    );
    let json: serde_json::Value = serde_json::from_str(&site.text("public/feed.json")).unwrap();
    assert_eq!(json["items"][4]["attachments"][0]["size_in_bytes"], 4321);
    assert_eq!(json["items"][5]["attachments"][0]["size_in_bytes"], 123_456_789);
    // A changed recording under the same name has another length.
    fs::write(site.path("posts/trip/소리 1.mp3"), [0; 99]).unwrap();
    assert!(site.build().text("public/rss.xml").contains("length=\"99\""));
    fs::remove_file(site.path("posts/trip/소리 1.mp3")).unwrap();
    let ran = site.run(crate::site::NOW, "build");
    assert!(
        ran.code == 1
            && ran.err.contains("posts/trip/index.md:4: error: there is no file posts/trip/소리 1.mp3"),
        "{ran:?}"
    );
}

#[test]
fn every_format_that_can_express_it_has_hubs_and_completeness() {
    let site = difficult();
    for (name, hub) in FORMATS.into_iter().zip([
        "<atom:link href=\"https://hub.example/?a=1&amp;b=2\" rel=\"hub\"/>",
        "<link href=\"https://hub.example/?a=1&amp;b=2\" rel=\"hub\"/>",
        "\"url\": \"https://hub.example/?a=1&b=2\"",
    ]) {
        assert!(site.text(&format!("public/{name}")).contains(hub), "{name}");
    }
    for name in ["rss.xml", "atom.xml"] {
        assert!(site.text(&format!("public/{name}")).contains("<fh:complete></fh:complete>"), "{name}");
    }
    assert!(!site.text("public/feed.json").contains("next_url"));
}

#[test]
fn the_same_posts_give_the_same_bytes_and_unchanged_files_are_not_rewritten() {
    let (one, two) = (difficult(), difficult());
    assert_eq!(one.public(), two.public());
    let times = |site: &Site| -> BTreeMap<String, _> {
        let time = |path: &String| site.path("public").join(path).metadata().unwrap().modified().unwrap();
        site.public().into_keys().map(|path| (path.clone(), time(&path))).collect()
    };
    let before = times(&one);
    one.replace("posts/film.md", "멀리 있다.", "멀리, 아주 멀리 있다.");
    fs::remove_dir_all(one.path(".letterpress")).unwrap();
    one.build();
    let after = times(&one);
    let changed: Vec<&String> =
        after.iter().filter(|(path, time)| before[*path] != **time).map(|(path, _)| path).collect();
    assert!(
        changed.iter().all(|path| ["tags/", "languages/ja", "categories/"]
            .iter()
            .all(|other| !path.starts_with(other))),
        "{changed:?}"
    );
    assert!(changed.iter().any(|path| *path == "rss.xml"));
}

#[test]
fn the_linter_finds_no_error_in_any_feed() {
    let site = difficult();
    let documents: Vec<Document> = site
        .public()
        .into_iter()
        .filter_map(|(path, bytes)| {
            let media_type = match path.rsplit('/').next()? {
                "rss.xml" => "application/rss+xml",
                "atom.xml" => "application/atom+xml",
                "feed.json" => "application/feed+json",
                _ => return None,
            };
            Some(Document { path: path.into(), media_type, bytes })
        })
        .collect();
    assert_eq!(documents.len(), 39);
    assert_eq!(lint::check(&documents), []);
}

#[test]
fn every_compressed_file_has_the_same_content() {
    use std::io::Read as _;

    let site = Site::difficult();
    site.write(
        "config.toml",
        &format!("{}\n[output]\ncompress = [\"gzip\", \"br\"]\n", site.text("config.toml")),
    );
    let mut files = site.build().public();
    // A recording is already compressed.
    assert!(files.remove("trip/소리 1.mp3").is_some());
    let plain: Vec<&String> = files.keys().filter(|path| !is_compressed(path)).collect();
    assert_eq!(plain.len() * 3, files.len());
    for path in plain {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(files[&format!("{path}.gz")].as_slice()).read_to_end(&mut text).unwrap();
        assert_eq!(text, files[path], "{path}");
        text.clear();
        brotli::Decompressor::new(files[&format!("{path}.br")].as_slice(), 4096)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, files[path], "{path}");
    }
    site.replace("config.toml", "compress = [\"gzip\", \"br\"]", "compress = []");
    assert!(site.build().public().keys().all(|path| !is_compressed(path)));
}
