//! A site with twenty-one faults in DNS, at the relay, on the web and on this machine.

use super::here::set_mode;
use super::{PLAIN, Report, begin, configure};
use crate::doctor_dns::{Bind, ZoneFile};
use crate::support::web::honest;
use crate::support::{Answer, At, Certificates, Script, Server, Site, Web, reply_line};

/// Everybody may send, and nobody hears of it.
const ZONE: [&str; 4] =
    ["@ MX 10 mx", "mx A 198.51.100.25", "@ TXT \"v=spf1 +all\"", "_dmarc TXT \"v=DMARC1; p=none\""];

#[tokio::test]
async fn a_broken_site_is_told_every_planted_fault_and_nothing_else() {
    let zone = ZoneFile { name: "letters.kr".to_owned(), lines: ZONE.map(str::to_owned).to_vec() };
    let Some(dns) = Bind::start(&[zone]).await else { return };
    let certificates = Certificates::expiring("127.0.0.1", 10);
    let script = ["8BITMIME", "SIZE 500", "LIMITS MAILMAX=10"]
        .iter()
        .fold(Script::polite(), |script, keyword| script.keyword(keyword));
    let script = script.tls(&certificates).on(At::Mail, reply_line("553 5.7.1 not yours"));
    let relay = Server::start(script);
    let site = Site::unopened(relay.port(), 2, 1);
    let truth = honest(site.path("public"));
    let web = Web::start(move |asked| {
        let answer = truth(asked).with("Date", "Sat, 01 Jan 2000 00:00:00 GMT");
        match asked.path.as_str() {
            "/" | "/hub" => Answer::of(500).with("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
            "/healthz" => Answer::of(404).with("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
            "/atom.xml" => Answer { body: b"<feed/>".to_vec(), ..answer },
            "/rss.xml" => answer.without("ETag"),
            "/feed.json" => answer.with("Content-Type", "text/html"),
            "/links/" => Answer::of(404),
            "/gone" => Answer::of(410).with("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
            path if path.starts_with("/u/") => Answer::of(200),
            _ => answer,
        }
    });
    let url = format!("http://127.0.0.1:{}/", web.port);
    let smtp = format!("tls = \"implicit\"\nca_file = \"{}\"\n", certificates.ca_file());
    let more = format!("[feeds]\nhubs = [\"{url}hub\"]\n[web]\nurl = \"{url}\"\n");
    configure(&site, &url, relay.port(), PLAIN, &more);
    site.write(
        "posts/links.md",
        &format!(
            "+++\ntitle = \"고리\"\ndate = 2026-11-19T09:00:00Z\nslug = \"links\"\n+++\n\n[gone]({url}gone)\n"
        ),
    );
    std::fs::remove_file(site.path("posts/slow.md")).unwrap();
    // The ledger is made while nothing is due: the newest post is too old by then.
    begin(&site);
    configure(&site, &url, relay.port(), &smtp, &format!("{more}[doctor]\ndns = \"{}\"\n", dns.address));
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("news@letters.example", "news@letters.kr"));
    set_mode(&site, "letterpress.keys", 0o644);
    set_mode(&site, "letterpress.db", 0o644);
    Report::of(&site).has_only(&[
        ("relay-certificate", "warning"),
        ("relay-pipelining", "warning"),
        ("relay-smtputf8", "warning"),
        ("relay-size", "fault"),
        ("relay-limits", "warning"),
        ("relay-envelope", "fault"),
        ("spf-all", "fault"),
        ("dmarc-policy", "warning"),
        ("dmarc-reports", "warning"),
        ("site", "warning"),
        ("pages", "fault"),
        ("one-click", "fault"),
        ("live-bytes", "warning"),
        ("live-cache", "warning"),
        ("live-type", "warning"),
        ("live-page", "fault"),
        ("hub", "warning"),
        ("link", "fault"),
        ("clock", "fault"),
        ("secret-mode", "warning"),
        ("ledger-mode", "warning"),
    ]);
}
