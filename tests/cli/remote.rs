//! A site whose posts come from the feed of another program (`archive.feed`): what is mailed, what is not, and what
//! happens when the download fails.

use std::fs;

use super::origin::{Origin, Response};
use super::site::{Ran, Site};

fn item(day: u32, words: &str) -> String {
    format!(
        "<item><title>{day}일의 글</title><link>https://blog.example/{day}/</link>\
         <guid isPermaLink=\"false\">urn:x:{day}</guid><category>기술</category>\
         <pubDate>{day} Nov 2026 09:00:00 +0900</pubDate><description>요약</description>\
         <content:encoded><![CDATA[<p>{words} <a href=\"/about\">누구</a></p>]]></content:encoded></item>"
    )
}

fn feed(items: &[String]) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><channel>\
         <title>블로그</title><link>https://blog.example/</link><description>d</description>{}</channel></rss>",
        items.concat()
    )
}

fn plain(days: &[u32]) -> Response {
    Response::Feed(feed(&days.iter().map(|day| item(*day, &body(*day))).collect::<Vec<_>>()))
}

/// Entries with very different texts, like real ones.
fn body(day: u32) -> String {
    let words = (0..30).map(|at| format!("말{}", (day * 7919 + at * 104_729) % 9973));
    words.collect::<Vec<_>>().join(" ")
}

/// A site with one subscriber whose posts come from `source`.
fn site(source: &str, private: bool) -> Site {
    let site = Site::new();
    fs::remove_dir_all(site.path("posts")).unwrap();
    site.write("subscribers.csv", "email,consented\nyuna@example.com,2026-11-01\n");
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let config = config.replace("first_run = \"newest\"", "first_run = \"nothing\"");
    let archive = format!("[archive]\nfeed = \"{source}\"\nfeed_private = {private}\n\n[newsletter]");
    site.write("config.toml", &config.replace("[newsletter]", &archive));
    site
}

fn publish(site: &Site, day: u32) -> Ran {
    site.run_at(&format!("2026-11-{day:02}T12:00:00+09:00"), "publish")
}

fn rss(site: &Site) -> String {
    fs::read_to_string(site.path("public/rss.xml")).unwrap()
}

#[test]
fn only_a_new_entry_is_mailed_not_an_old_an_edited_or_a_redated_one() {
    let origin = Origin::start(plain(&[20, 19, 18]));
    let site = site(&origin.url(), true);
    let ran = publish(&site, 20).succeeds();
    assert!(ran.out.contains("3 older posts will not be mailed"), "{ran:?}");
    assert_eq!(site.emails().len(), 0);
    let text = rss(&site);
    for part in ["urn:x:19", "https://blog.example/19/", "https://blog.example/about", ">기술</category>"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }

    origin.respond_with(plain(&[21, 20, 19]));
    publish(&site, 21).succeeds();
    assert_eq!(site.emails().len(), 1, "only the new entry, once");
    let email = fs::read(&site.emails()[0]).unwrap();
    let email = mail_parser::MessageParser::new().parse(&email).unwrap();
    let text = email.body_text(0).unwrap();
    assert!(text.contains("https://blog.example/21/"), "{text}");

    let edited = item(21, "고친 본문").replace("21 Nov 2026 09:00", "22 Nov 2026 09:00");
    origin.respond_with(Response::Feed(feed(&[edited, item(20, "본문")])));
    let ran = publish(&site, 22).succeeds();
    assert!(ran.out.contains("newsletter: nothing is due"), "{ran:?}");
    assert_eq!(site.emails().len(), 1);
    let text = rss(&site);
    assert!(text.contains("고친 본문") && text.contains("Sat, 21 Nov 2026 09:00:00 +0900"), "{text}");
    assert_eq!(site.posts().len(), 4, "entries that left the feed at its end stay");
    assert!(text.contains("urn:x:18"));
}

#[test]
fn an_unchanged_feed_costs_one_request() {
    let origin = Origin::start(plain(&[20, 19]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    let seen = |name: &str| site.path(name).metadata().unwrap().modified().unwrap();
    let times = |site: &Site| {
        let posts = site.posts().into_iter().map(|post| post.metadata().unwrap().modified().unwrap());
        (posts.collect::<Vec<_>>(), seen("posts/source.json"), seen("public/rss.xml"))
    };
    let before = times(&site);
    let ran = publish(&site, 20).succeeds();
    assert!(ran.out.contains("feeds: unchanged"), "{ran:?}");
    assert_eq!(times(&site), before);
    assert_eq!(origin.statuses(), [200, 304]);
    fs::remove_file(&site.posts()[0]).unwrap();
    publish(&site, 20).succeeds();
    assert_eq!(origin.statuses(), [200, 304, 200], "a deleted post is downloaded again");
    assert_eq!(site.posts().len(), 2);
}

#[test]
fn an_entry_removed_from_the_middle_of_the_feed_is_retracted() {
    let origin = Origin::start(plain(&[20, 19, 18]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    origin.respond_with(plain(&[21, 20, 18]));
    publish(&site, 21).succeeds();
    assert!(!rss(&site).contains("urn:x:19"));
    let atom = fs::read_to_string(site.path("public/atom.xml")).unwrap();
    assert!(atom.contains("<at:deleted-entry ref=\"urn:x:19\""), "{atom}");
}

#[test]
fn a_failed_download_removes_no_post_and_the_run_continues_with_a_warning() {
    let origin = Origin::start(plain(&[20, 19]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    let before = rss(&site);
    let whole = feed(&[item(21, "본문"), item(20, "본문")]);
    for (answer, why) in [
        (Response::Status(500), "answers 500"),
        (Response::Status(404), "answers 404"),
        (Response::Half(whole.clone()), "cannot be fetched"),
        (Response::Feed(whole[..whole.len() / 2].to_owned()), "warning"),
        (Response::Feed("<html><body>maintenance</body></html>".to_owned()), "it is not a feed"),
        (Response::Feed(feed(&[])), "the feed has no entries"),
    ] {
        origin.respond_with(answer);
        let ran = publish(&site, 21);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains(why) && ran.err.contains("no post is removed"), "{ran:?}");
        assert_eq!(rss(&site), before);
        assert_eq!(site.emails().len(), 0);
    }
    origin.respond_with(Response::Feed(whole));
    publish(&site, 21).succeeds();
    assert_eq!(site.emails().len(), 1);
}

#[test]
fn a_failed_first_download_is_an_error_and_a_private_address_must_be_allowed() {
    let origin = Origin::start(Response::Status(503));
    let ran = publish(&site(&origin.url(), true), 20);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("answers 503"), "{ran:?}");
    let site = site(&origin.url(), false);
    let ran = publish(&site, 20);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("not in the open internet") && ran.err.contains("feed_private"), "{ran:?}");
    let ran = site.run("check");
    assert!(
        ran.out.contains("the feed was not downloaded yet")
            || ran.err.contains("the feed was not downloaded yet"),
        "{ran:?}"
    );
    assert_eq!(origin.statuses(), [503], "check downloads nothing");
}

#[test]
fn own_posts_and_a_source_feed_cannot_share_a_folder() {
    let origin = Origin::start(plain(&[20]));
    let site = site(&origin.url(), true);
    fs::create_dir_all(site.path("posts")).unwrap();
    site.write("posts/2026-11-01-mine.md", "# Mine\n\nx\n");
    let ran = publish(&site, 20);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("posts/2026-11-01-mine.md: error: this file is not an entry of"), "{ran:?}");
    assert_eq!(site.posts().len(), 1);
}

#[test]
fn send_downloads_the_feed_too_and_concurrent_runs_agree() {
    let origin = Origin::start(plain(&[20, 19]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    origin.respond_with(plain(&[22, 21, 20, 19]));
    let at = "2026-11-22T12:00:00+09:00";
    site.run_at(at, "send").succeeds();
    assert_eq!(site.emails().len(), 1);
    origin.respond_with(plain(&[22, 21, 20]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| site.run_at(at, "build").succeeds());
        }
    });
    assert_eq!(site.posts().len(), 4);
}
