//! Pages, one-click, feeds, hubs and links: against `letterpress serve`, and against a server that lies.

use super::{PLAIN, Report, begin, configure, good_script, site};
use crate::support::web::honest;
use crate::support::{Answer, Asked, Certificates, Server, Site, Web};
use crate::web::Served;

/// A free port, for an address that must be in the configuration before its server is started.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A site behind an honest server except for what `lie` says.
fn behind(lie: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) -> (Server, Web, Site) {
    let relay = Server::start(good_script());
    let site = Site::unopened(relay.port(), 2, 1);
    let truth = honest(site.path("public"));
    let web = Web::start(move |asked| lie(asked, truth(asked)));
    let url = format!("http://127.0.0.1:{}/", web.port);
    let more = format!("[feeds]\nhubs = [\"{url}hub\"]\n[web]\nurl = \"{url}\"\n");
    configure(&site, &url, relay.port(), PLAIN, &more);
    begin(&site);
    let built = site.run_now(&["publish"]);
    assert_eq!(built.code, 0, "{}", built.output);
    (relay, web, site)
}

#[test]
fn an_honest_server_has_only_good_answers() {
    let (_relay, web, site) = behind(|_, answer| answer);
    let before = std::fs::read(site.path("letterpress.db")).unwrap();
    let report = Report::of(&site);
    report.has_only(&[]);
    for id in ["site", "pages", "one-click", "live", "live-page", "hub", "clock"] {
        assert_eq!(report.level(id), "good", "{id}");
    }
    assert_eq!(std::fs::read(site.path("letterpress.db")).unwrap(), before, "the ledger is unchanged");
    let posts: Vec<Asked> = web.asked().into_iter().filter(|asked| asked.path.starts_with("/u/")).collect();
    assert!(posts.iter().all(|asked| asked.method == "POST" && asked.body == "List-Unsubscribe=One-Click"));
    assert_eq!(posts.len(), 2, "one for nobody, and one that must be refused");
}

#[test]
fn letterpress_serve_itself_passes_every_check_and_its_ledger_stays_the_same() {
    let relay = Server::start(good_script());
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/");
    let more = format!("[web]\nurl = \"{url}\"\nlisten = \"127.0.0.1:{port}\"\n");
    let site = site(&url, relay.port(), PLAIN, &more);
    assert_eq!(site.run_now(&["publish"]).code, 0);
    let served = Served::start(&mut site.command(None, &["serve"]));
    let before = std::fs::read(site.path("letterpress.db")).unwrap();
    let report = Report::of(&site);
    report.has_only(&[]);
    assert_eq!(report.level("one-click"), "good");
    assert_eq!(report.level("live"), "good");
    assert_eq!(std::fs::read(site.path("letterpress.db")).unwrap(), before);
    // Other keys than those of the server: the links of emails would not work.
    let keys = std::fs::read_to_string(site.path("letterpress.keys")).unwrap();
    drop(served);
    let other = super::site(&url, relay.port(), PLAIN, &more);
    assert_eq!(other.run_now(&["publish"]).code, 0);
    assert_ne!(std::fs::read_to_string(other.path("letterpress.keys")).unwrap(), keys);
    let _served = Served::start(&mut other.command(None, &["serve"]));
    let report = Report::of(&site);
    assert_eq!(report.level("one-click"), "fault");
    assert!(report.message("one-click").contains("404"));
}

/// What is wrong when one path is answered in another way.
fn lie(path: &'static str, change: fn(&Asked, Answer) -> Answer, expected: &[(&str, &str)]) {
    let (_relay, _web, site) =
        behind(
            move |asked, answer| if asked.path.starts_with(path) { change(asked, answer) } else { answer },
        );
    Report::of(&site).has_only(expected);
}

#[test]
fn a_feed_with_other_bytes_or_of_another_type_is_found() {
    let garble = |_: &Asked, mut answer: Answer| {
        answer.body.push(b' ');
        answer
    };
    lie("/atom.xml", garble, &[("live-bytes", "warning")]);
    lie("/feed.json", |_, answer| answer.with("Content-Type", "text/html"), &[("live-type", "warning")]);
    lie("/rss.xml", |_, _| Answer::of(404), &[("live", "fault")]);
}

#[test]
fn a_feed_that_cannot_be_asked_again_cheaply_is_found() {
    lie("/atom.xml", |_, answer| answer.without("ETag"), &[("live-cache", "warning")]);
    let forgetful = |asked: &Asked, answer: Answer| {
        if answer.status == 304 {
            Answer { status: 200, body: b"all of it".to_vec(), ..answer }
        } else {
            let _ = asked;
            answer
        }
    };
    lie("/atom.xml", forgetful, &[("live-cache", "warning")]);
}

#[test]
fn a_one_click_request_that_fails_or_always_succeeds_is_found() {
    lie("/u/", |_, _| Answer::of(500), &[("one-click", "fault")]);
    lie("/u/", |_, _| Answer::of(404), &[("one-click", "fault")]);
    lie("/u/", |_, _| Answer::of(403), &[("one-click", "fault")]);
    lie("/u/", |_, _| Answer::of(301).with("Location", "/elsewhere"), &[("one-click", "fault")]);
    lie("/u/", |_, _| Answer::of(200), &[("one-click", "fault")]);
}

#[test]
fn pages_that_are_missing_are_found() {
    lie("/healthz", |_, _| Answer::of(503), &[("pages", "fault")]);
    lie("/healthz", |_, _| Answer::of(404), &[("pages", "fault")]);
    lie("/slow/", |_, _| Answer::of(404), &[("live-page", "fault")]);
}

#[test]
fn a_hub_that_fails_is_found() {
    lie("/hub", |_, _| Answer::of(500), &[("hub", "warning")]);
}

#[test]
fn a_wrong_clock_is_found_by_the_dates_of_servers() {
    let at = |date: &'static str| {
        move |_: &Asked, answer: Answer| if answer.status == 304 { answer } else { answer.with("Date", date) }
    };
    let (_relay, _web, site) = behind(at("Sat, 01 Jan 2000 00:00:00 GMT"));
    let report = Report::of(&site);
    report.has_only(&[("clock", "fault")]);
    assert!(report.message("clock").contains("days fast"), "{}", report.message("clock"));
}

#[test]
fn dead_links_of_the_newest_letter_are_found_and_living_ones_are_counted() {
    let (_relay, web, site) = behind(|asked, answer| match asked.path.as_str() {
        "/alive" => Answer::of(200),
        "/moved" => Answer::of(302).with("Location", "/alive"),
        "/only-get" => Answer::of(if asked.method == "HEAD" { 405 } else { 200 }),
        "/dead" => Answer::of(404),
        "/shy" => Answer::of(403),
        "/busy" => Answer::of(429),
        _ => answer,
    });
    let links = ["alive", "moved", "only-get", "dead", "shy", "busy"];
    let text: Vec<_> =
        links.iter().map(|link| format!("[{link}](http://127.0.0.1:{}/{link})", web.port)).collect();
    let text = text.join("\n\n");
    let post = format!(
        "+++\ntitle = \"고리\"\ndate = 2026-11-21T09:00:00Z\nslug = \"links\"\n+++\n\n{text}\n\n[inner](http://10.0.0.1/)\n"
    );
    site.write("posts/links.md", &post);
    assert_eq!(site.run_now(&["publish"]).code, 0);
    let report = Report::of(&site);
    let of = |path: &str| {
        let found = report.checks.iter().find(|check| {
            check["id"] == "link" && check["subject"].as_str().is_some_and(|subject| subject.ends_with(path))
        });
        found.map(|check| check["level"].as_str().unwrap().to_owned())
    };
    for (path, expected) in [
        ("/alive", None),
        ("/moved", None),
        ("/only-get", None),
        ("/dead", Some("fault")),
        ("/shy", Some("warning")),
        ("/busy", Some("warning")),
        ("10.0.0.1/", Some("fault")),
    ] {
        assert_eq!(of(path).as_deref(), expected, "{path}");
    }
    assert_eq!(report.level("links"), "good");
}

#[test]
fn a_server_that_is_away_is_one_problem() {
    let (_relay, _web, site) = behind(|_, answer| answer);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    let url = config.lines().find_map(|line| line.strip_prefix("url = ")).unwrap();
    site.write("config.toml", &config.replace(url, &format!("\"http://127.0.0.1:{}/\"", free_port())));
    Report::of(&site).has_only(&[("site", "fault")]);
}

#[test]
fn a_web_certificate_that_expires_soon_is_a_warning() {
    let relay = Server::start(good_script());
    for (days, expected) in [(10, &[("web-certificate", "warning")][..]), (60, &[])] {
        let certificates = Certificates::expiring("127.0.0.1", days);
        let site = Site::unopened(relay.port(), 2, 1);
        let web = Web::start_tls(&certificates, honest(site.path("public")));
        let url = format!("https://127.0.0.1:{}/", web.port);
        configure(&site, &url, relay.port(), PLAIN, "");
        begin(&site);
        let authorities = certificates.ca_file().into_string();
        let environment = [("SSL_CERT_FILE", authorities.as_str())];
        Report::with(&site, None, &["doctor", "--json"], &environment).has_only(expected);
    }
}
