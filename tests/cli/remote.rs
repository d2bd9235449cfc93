//! A site whose posts come from the feed of another program (`archive.feed`): what is mailed, what is not, and what
//! happens when the download fails.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

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
    site.write("config.toml", &config);
    site.archive(&format!("feed = \"{source}\"\nfeed_private = {private}"));
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

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn gzipped(body: Vec<u8>) -> Response {
    Response::Other(200, "Content-Encoding: gzip\r\n".to_owned(), body)
}

#[test]
fn a_compressed_feed_is_read_and_one_that_is_cut_off_removes_no_post() {
    let packed = gzip(feed(&[item(20, "본문"), item(19, "본문")]).as_bytes());
    let origin = Origin::start(gzipped(packed.clone()));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    assert_eq!(site.posts().len(), 2);
    origin.respond_with(gzipped(packed[..packed.len() - 9].to_vec()));
    let ran = publish(&site, 20);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains("is damaged or cut off: gzip") && ran.err.contains("no post is removed"),
        "{ran:?}"
    );
    assert_eq!(site.posts().len(), 2);
}

#[test]
fn a_feed_that_expands_to_a_gigabyte_is_refused_without_holding_it_in_memory() {
    let bomb = gzip(&vec![b' '; 1 << 20]).repeat(1 << 10);
    assert!(bomb.len() < 2 << 20);
    let origin = Origin::start(gzipped(bomb));
    let site = site(&origin.url(), true);
    let mut child = site.command().arg("build").stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut peak: u64 = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("is longer than 67108864 bytes"), "{message}");
    assert!(peak < 300_000, "{peak} kB");
}

#[test]
fn a_server_that_asks_to_wait_is_not_asked_before_that_time() {
    let limited = |after: &str| Response::Other(429, format!("Retry-After: {after}\r\n"), Vec::new());
    let origin = Origin::start(plain(&[20, 19]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    let at = |time: &str| site.run_at(&format!("2026-11-{time}:00+09:00"), "publish");
    for (after, waits, until, time) in [
        ("5400", "21T13:29", "21T13:30", "21 04:30 UTC"),
        ("Sat, 21 Nov 2026 05:00:00 GMT", "21T13:59", "21T14:00", "21 05:00 UTC"),
        // At most a day.
        ("99999999", "22T11:59", "22T12:00", "22 03:00 UTC"),
    ] {
        let before = origin.statuses().len();
        origin.respond_with(limited(after));
        let first = at("21T12:00");
        let second = at(waits);
        assert_eq!((first.code, second.code), (3, 3), "{first:?} {second:?}");
        let time = format!("it is not requested before 2026-11-{time}");
        for ran in [&first, &second] {
            assert!(ran.err.contains("answers 429") && ran.err.contains(&time), "{ran:?}");
            assert!(ran.err.contains("limits requests; this run uses the stored entries"), "{ran:?}");
        }
        assert_eq!(origin.statuses().len(), before + 1, "{after}");
        origin.respond_with(plain(&[20, 19]));
        at(until).succeeds();
        assert_eq!(origin.statuses().len(), before + 2, "{after}");
    }
    // A clock that was ahead ends the pause.
    origin.respond_with(limited("3600"));
    assert_eq!(at("29T12:00").code, 3);
    origin.respond_with(plain(&[20, 19]));
    at("21T12:00").succeeds();
}

#[test]
fn a_first_download_that_must_wait_is_an_error_each_time_and_one_request() {
    let origin = Origin::start(Response::Other(503, "Retry-After: 3600\r\n".to_owned(), Vec::new()));
    let site = site(&origin.url(), true);
    for _ in 0..2 {
        let ran = publish(&site, 20);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("it is not requested before 2026-11-20 04:00 UTC"), "{ran:?}");
    }
    assert_eq!(origin.statuses(), [503]);
}

#[test]
fn a_feed_that_is_gone_keeps_its_posts_and_is_asked_for_once_a_day() {
    let origin = Origin::start(plain(&[20, 19]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    let before = rss(&site);
    origin.respond_with(Response::Status(410));
    for hour in [9, 15, 21] {
        let ran = site.run_at(&format!("2026-11-21T{hour:02}:00:00+09:00"), "publish");
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains("answers 410 Gone") && ran.err.contains("removed for good"), "{ran:?}");
    }
    assert_eq!(origin.statuses(), [200, 410]);
    assert_eq!(publish(&site, 22).code, 3);
    assert_eq!(origin.statuses(), [200, 410, 410]);
    // As the message proposes: without the line, the entries are posts of one's own.
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let line = format!("feed = \"{}\"\n", origin.url());
    site.write("config.toml", &config.replace(&line, ""));
    publish(&site, 22).succeeds();
    assert_eq!(rss(&site), before);
    assert_eq!(site.emails().len(), 0);
}

#[test]
fn a_permanent_redirect_is_followed_and_reported_once_and_check_repeats_it() {
    let origin = Origin::start(plain(&[20]));
    let site = site(&origin.url(), true);
    let text = feed(&[item(20, "본문")]);
    publish(&site, 20).succeeds();
    origin.respond_with(Response::Moved(text));
    let notice = format!("the feed moved permanently to {}", origin.new_url());
    let first = publish(&site, 20).succeeds();
    assert!(first.err.contains(&notice) && first.err.contains("write feed = "), "{first:?}");
    let second = publish(&site, 20).succeeds();
    assert!(!second.err.contains("moved"), "{second:?}");
    assert_eq!(origin.statuses(), [200, 308, 200, 308, 304]);
    let checked = site.run("check");
    assert!(format!("{checked:?}").contains(&notice), "{checked:?}");
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace(&origin.url(), &origin.new_url()));
    let third = publish(&site, 20).succeeds();
    assert!(!third.err.contains("moved"), "{third:?}");
    assert_eq!(site.posts().len(), 1);
    assert!(!format!("{:?}", site.run("check")).contains("moved"));
}

#[test]
fn the_server_states_the_encoding_and_a_wrong_one_is_reported() {
    let text = feed(&[item(20, "본문")]);
    let (korean, ..) = encoding_rs::EUC_KR.encode(&text);
    let typed = |charset: &str, bytes: &[u8]| {
        Response::Other(200, format!("Content-Type: text/xml; charset={charset}\r\n"), bytes.to_vec())
    };
    let origin = Origin::start(typed("cp949", &korean));
    let site = site(&origin.url(), true);
    let ran = publish(&site, 20).succeeds();
    assert!(!ran.err.contains("warning"), "{ran:?}");
    assert!(rss(&site).contains("본문"));
    origin.respond_with(typed("utf-8", &korean));
    let ran = publish(&site, 20).succeeds();
    assert!(ran.err.contains("some bytes are not in its encoding"), "{ran:?}");
    // The same bytes, and the server corrected.
    origin.respond_with(typed("euc-kr", &korean));
    publish(&site, 20).succeeds();
    assert!(rss(&site).contains("본문"));
    let declared = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{text}");
    origin.respond_with(typed("windows-1252", declared.as_bytes()));
    let ran = publish(&site, 20).succeeds();
    assert!(ran.err.contains("sends it as windows-1252, and its first line states UTF-8"), "{ran:?}");
}

/// An entry whose text is mostly a footer that all entries have.
fn with_footer(day: u32) -> String {
    let footer: Vec<String> = (0..100).map(|at| format!("꼬리말{}", at * 104_729 % 9973)).collect();
    item(day, &format!("{} {}", body(day), footer.join(" ")))
}

fn with_footers(days: &[u32]) -> Response {
    Response::Feed(feed(&days.iter().map(|day| with_footer(*day)).collect::<Vec<_>>()))
}

#[test]
fn an_entry_that_resembles_a_removed_one_is_mailed_unless_that_one_went_when_it_came() {
    let origin = Origin::start(with_footers(&[20, 19, 18]));
    let site = site(&origin.url(), true);
    assert!(publish(&site, 20).succeeds().out.contains("source: 3 new\n"));
    origin.respond_with(with_footers(&[19, 18]));
    assert!(publish(&site, 21).succeeds().out.contains("source: 1 retracted\n"));
    origin.respond_with(with_footers(&[22, 19, 18]));
    let ran = publish(&site, 22).succeeds();
    assert_eq!(site.emails().len(), 1, "it was written after the other one was removed: {ran:?}");

    origin.respond_with(with_footers(&[23, 22, 18]));
    let quiet =
        |minute: u32, command: &str| site.run_at(&format!("2026-11-23T12:{minute:02}:00+09:00"), command);
    let ran = quiet(0, "--quiet publish");
    assert_eq!(ran.code, 1, "it may be the other one under a new guid: {ran:?}");
    assert!(
        ran.err.contains("looks like \"19일의 글\"") && ran.err.contains("letterpress approve urn:x:23"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("front matter"), "a run would overwrite it: {ran:?}");
    for minute in [10, 20] {
        let ran = quiet(minute, "--quiet publish");
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "it lasts, and was reported");
    }
    let health = quiet(25, "status --max-age 1h");
    assert!(health.code == 1 && health.err.contains("looks like"), "{health:?}");
    assert_eq!(quiet(26, "approve urn:x:23").code, 0);
    let ran = quiet(30, "--quiet publish");
    assert!(ran.code == 0 && ran.err.contains("works again: 3 runs since 2026-11-23 "), "{ran:?}");
    assert_eq!(site.emails().len(), 2);
}

#[test]
fn a_source_feed_that_comes_back_is_named_and_all_its_failures_are_counted() {
    let origin = Origin::start(plain(&[20, 19]));
    let site = site(&origin.url(), true);
    publish(&site, 20).succeeds();
    let quiet = |minute: u32| site.run_at(&format!("2026-11-20T13:{minute:02}:00+09:00"), "--quiet publish");
    for (minute, status) in [(0, 404), (10, 404), (20, 500)] {
        origin.respond_with(Response::Status(status));
        let ran = quiet(minute);
        assert!(ran.code == 3 && ran.err.is_empty() == (minute == 10), "{ran:?}");
    }
    origin.respond_with(plain(&[20, 19]));
    let ran = quiet(30);
    let line = "reading the source feed works again: 3 runs since 2026-11-20 ";
    assert!(ran.code == 0 && ran.err.starts_with(line), "{ran:?}");
    assert!(ran.err.contains("500"), "{ran:?}");
}
