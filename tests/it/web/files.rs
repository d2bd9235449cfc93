//! Feeds over HTTP (R25, R27).

use std::fs;
use std::time::{Duration, Instant};

use super::TestSite;

/// Waits until the file index was refreshed: once a second, and less often if that takes long.
async fn refreshed(what: &str, mut is_new: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_new().await {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_client_with_the_newest_feed_gets_304_without_a_file_access() {
    let site = TestSite::new().await;
    site.publish().await;
    for (name, kind) in [
        ("rss.xml", "application/rss+xml; charset=utf-8"),
        ("atom.xml", "application/atom+xml; charset=utf-8"),
        ("feed.json", "application/feed+json; charset=utf-8"),
    ] {
        let path = format!("/{name}");
        let first = site.get(&path).await;
        assert_eq!((first.status.as_u16(), first.header("content-type")), (200, kind));
        assert_eq!(first.bytes, fs::read(site.path("public").join(name)).unwrap());
        assert_eq!(first.header("cache-control"), "public, max-age=300");
        assert_eq!(first.header("access-control-allow-origin"), "*");
        assert_eq!(first.header("link"), format!("<https://letters.example/{name}>; rel=\"self\""));
        let (tag, date) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
        assert!(tag.starts_with('"') && !date.is_empty());
        for known in [
            vec![("if-none-match", tag.as_str())],
            vec![("if-modified-since", date.as_str())],
            vec![("if-none-match", tag.as_str()), ("if-modified-since", "Mon, 01 Jan 2001 00:00:00 GMT")],
        ] {
            let again = site.send("GET", &path, &known, "").await;
            assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0), "{known:?}");
            assert_eq!(again.header("etag"), tag);
        }
        let other = [("if-none-match", "\"other\""), ("if-modified-since", date.as_str())];
        assert_eq!(site.send("GET", &path, &other, "").await.status, 200, "the tag has priority");
        let head = site.send("HEAD", &path, &[], "").await;
        assert_eq!(
            (head.bytes.len(), head.header("content-length")),
            (0, first.bytes.len().to_string().as_str())
        );
        assert_eq!(head.header("etag"), tag);
    }
}

#[tokio::test]
async fn a_new_feed_is_served_within_a_second_and_never_with_an_old_tag() {
    let site = TestSite::new().await;
    site.publish().await;
    let old = site.get("/rss.xml").await;
    site.write("new", "<rss><channel><title>new</title></channel></rss>");
    fs::rename(site.path("new"), site.path("public/rss.xml")).unwrap();
    let known = [("if-none-match", old.header("etag"))];
    refreshed("the old feed is served", async || {
        site.send("GET", "/rss.xml", &known, "").await.status != 304
    })
    .await;
    let new = site.send("GET", "/rss.xml", &known, "").await;
    assert!(new.status == 200 && new.text().contains("<title>new"), "{new:?}");
    fs::remove_file(site.path("public/rss.xml")).unwrap();
    refreshed("a removed feed is served", async || site.get("/rss.xml").await.status == 404).await;
}

#[tokio::test]
async fn the_hub_of_a_feed_is_also_in_its_link_header() {
    let site = TestSite::new().await;
    site.write(
        "public/hub.xml",
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><link rel=\"self\" href=\"https://letters.example/hub.xml\"/>\
         <link rel=\"hub\" href=\"https://hub.example/\"/></feed>",
    );
    let reply = site.get("/hub.xml").await;
    let links: Vec<_> = reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert_eq!(
        links,
        ["<https://letters.example/hub.xml>; rel=\"self\"", "<https://hub.example/>; rel=\"hub\""]
    );
}

#[tokio::test]
async fn a_compressed_file_is_served_with_its_own_tag_to_clients_that_accept_it() {
    let site = TestSite::new().await;
    site.publish().await;
    site.write("public/rss.xml.br", "brotli");
    site.write("public/rss.xml.gz", "gzip");
    let get = async |accepted: &str| site.send("GET", "/rss.xml", &[("accept-encoding", accepted)], "").await;
    let plain = get("identity").await;
    let (br, gz) = (get("gzip, br").await, get("gzip, br;q=0.5").await);
    assert_eq!((br.header("content-encoding"), br.text().as_str()), ("br", "brotli"));
    assert_eq!((gz.header("content-encoding"), gz.text().as_str()), ("gzip", "gzip"));
    assert_eq!(br.header("content-type"), "application/rss+xml; charset=utf-8");
    let tags = [&plain, &br, &gz].map(|reply| reply.header("etag").to_owned());
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    for reply in [&plain, &br, &gz] {
        assert_eq!(reply.header("vary"), "accept, accept-encoding");
    }
    let known = [("accept-encoding", "br"), ("if-none-match", tags[1].as_str())];
    assert_eq!(site.send("GET", "/rss.xml", &known, "").await.status, 304);
    assert_eq!(site.get("/rss.xml.br").await.status, 404);
    // A compressed file of an older feed is not sent.
    let new = fs::metadata(site.path("public/rss.xml")).unwrap().modified().unwrap();
    let old = new - Duration::from_secs(3_600);
    fs::File::options().write(true).open(site.path("public/rss.xml.br")).unwrap().set_modified(old).unwrap();
    let is_plain = async || get("br").await.header("content-encoding").is_empty();
    refreshed("a compressed file of an older feed is served", is_plain).await;
}

#[tokio::test]
async fn a_range_of_a_file_is_served_if_the_file_is_unchanged() {
    let site = TestSite::new().await;
    let bytes: Vec<u8> = (0..250_000_u32).flat_map(u32::to_be_bytes).collect();
    fs::create_dir_all(site.path("public")).unwrap();
    fs::write(site.path("public/talk.mp3"), &bytes).unwrap();
    let whole = site.get("/talk.mp3").await;
    assert!(whole.bytes == bytes && whole.header("accept-ranges") == "bytes");
    assert_eq!(whole.header("content-type"), "audio/mpeg");
    let tag = whole.header("etag").to_owned();
    let part =
        site.send("GET", "/talk.mp3", &[("range", "bytes=70000-170000"), ("if-range", &tag)], "").await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, "bytes 70000-170000/1000000"));
    assert!(part.bytes == bytes[70_000..=170_000]);
    let other = site.send("GET", "/talk.mp3", &[("range", "bytes=0-1"), ("if-range", "\"other\"")], "").await;
    assert_eq!((other.status.as_u16(), other.bytes.len()), (200, bytes.len()));
    let beyond = site.send("GET", "/talk.mp3", &[("range", "bytes=1000000-")], "").await;
    assert_eq!((beyond.status.as_u16(), beyond.header("content-range")), (416, "bytes */1000000"));
    let several = site.send("GET", "/talk.mp3", &[("range", "bytes=0-1,5-6")], "").await;
    assert_eq!(several.status, 200);
}

#[tokio::test]
async fn browsers_get_a_feed_as_xml_and_feed_readers_as_its_registered_type() {
    let site = TestSite::new().await;
    site.publish().await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for (path, accept, kind) in [
        ("/rss.xml", browser, "application/xml; charset=utf-8"),
        ("/atom.xml", browser, "application/xml; charset=utf-8"),
        ("/feed.json", browser, "application/feed+json; charset=utf-8"),
        ("/feeds.opml", browser, "text/x-opml; charset=utf-8"),
        ("/rss.xml", "*/*", "application/rss+xml; charset=utf-8"),
        ("/rss.xml", "application/rss+xml, text/html;q=0", "application/rss+xml; charset=utf-8"),
        ("/atom.xml", "application/atom+xml, application/xml;q=0.9", "application/atom+xml; charset=utf-8"),
    ] {
        let reply = site.send("GET", path, &[("accept", accept)], "").await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, kind), "{path} {accept}");
    }
}

#[tokio::test]
async fn the_page_of_a_post_is_found_without_the_final_slash_too() {
    let site = TestSite::new().await;
    site.publish().await;
    let page = site.get("/walk/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let reply = site.get("/walk").await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (301, "./walk/"));
    assert_eq!(site.get("/wal").await.status, 404);
    assert!(site.get("/").await.text().contains("<form"), "the form is the home of another address");
}
