//! The relay and the mailbox.

use super::{PLAIN, Report, begin, configure, good_script, site};
use crate::support::{At, Certificates, Do, Script, Server, Site, reply_line};

/// No web server is asked: the address of the site is one from an example.
const NOWHERE: &str = "https://letters.example/";

fn with_relay(script: Script, smtp: &str) -> (Server, Site) {
    let server = Server::start(script);
    let site = site(NOWHERE, server.port(), smtp, "");
    (server, site)
}

fn tls(certificates: &Certificates, kind: &str) -> String {
    format!("tls = \"{kind}\"\nca_file = \"{}\"\n", certificates.ca_file())
}

#[test]
fn a_good_relay_has_only_good_answers_and_gets_no_message() {
    let certificates = Certificates::for_name("127.0.0.1");
    let script = good_script().starttls(&certificates).auth("PLAIN", "kim", "hunter2");
    let more =
        format!("{}user = \"kim\"\npassword_file = \"smtp-password\"\n", tls(&certificates, "starttls"));
    let server = Server::start(script);
    let site = Site::unopened(server.port(), 2, 1);
    site.write("smtp-password", "hunter2");
    private(&site, "smtp-password");
    configure(&site, NOWHERE, server.port(), &more, "");
    begin(&site);
    let report = Report::of(&site);
    report.has_only(&[]);
    for id in [
        "relay-name",
        "relay-ipv4",
        "relay-tls",
        "relay-certificate",
        "relay-login",
        "relay-size",
        "relay-envelope",
    ] {
        assert_eq!(report.level(id), "good", "{id}");
    }
    assert_eq!(report.level("relay-ipv6"), "skipped");
    assert!(report.message("relay-tls").contains("STARTTLS"));
    let verbs = server.verbs();
    assert!(verbs.ends_with(&["MAIL".to_owned(), "RSET".to_owned(), "QUIT".to_owned()]), "{verbs:?}");
    assert!(!verbs.iter().any(|verb| verb == "RCPT" || verb == "DATA"));
    let log = server.log();
    let (_, mail) = log.commands.iter().find(|(_, line)| line.starts_with("MAIL")).unwrap();
    assert!(mail.starts_with("MAIL FROM:<news@letters.example> SIZE="), "{mail}");
}

fn private(site: &Site, name: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(site.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_envelope_has_the_address_for_bounces_with_a_token() {
    let server = Server::start(good_script());
    let site = site(NOWHERE, server.port(), PLAIN, "");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write(
        "config.toml",
        &config.replace("[newsletter]\n", "[newsletter]\nbounces = \"bounces@letters.example\"\n"),
    );
    Report::of(&site).has_only(&[]);
    let commands = server.log().commands;
    assert!(commands.iter().any(|(_, line)| line.starts_with("MAIL FROM:<bounces+v1.k1.b.")), "{commands:?}");
}

#[test]
fn a_certificate_is_refused_or_its_end_is_near() {
    let name = "127.0.0.1";
    for (certificates, id, level, text) in [
        (Certificates::expired(name), "relay-tls", "fault", "expired"),
        (Certificates::for_name("other.example"), "relay-tls", "fault", "other.example"),
        (Certificates::self_signed(name), "relay-tls", "fault", "self-signed"),
        (Certificates::expiring(name, 10), "relay-certificate", "warning", "expires in"),
    ] {
        let (_server, site) = with_relay(good_script().tls(&certificates), &tls(&certificates, "implicit"));
        let report = Report::of(&site);
        report.has_only(&[(id, level)]);
        assert!(report.message(id).contains(text), "{}", report.message(id));
    }
    let good = Certificates::expiring(name, 30);
    let (_server, site) = with_relay(good_script().tls(&good), &tls(&good, "implicit"));
    Report::of(&site).has_only(&[]);
}

#[test]
fn starttls_that_is_not_offered_is_a_fault_and_not_used_a_warning() {
    let certificates = Certificates::for_name("127.0.0.1");
    let (_server, site) = with_relay(good_script(), &tls(&certificates, "starttls"));
    let report = Report::of(&site);
    report.has_only(&[("relay-tls", "fault")]);
    assert_eq!(report.level("relay-offers"), "skipped");
    let (_server, site) = with_relay(good_script().starttls(&certificates), PLAIN);
    Report::of(&site).has_only(&[("relay-tls", "warning")]);
}

#[test]
fn a_wrong_password_is_a_fault_and_no_password_is_printed() {
    let (server, site) = with_relay(good_script().auth("PLAIN", "kim", "hunter2"), PLAIN);
    let more = format!("{PLAIN}user = \"kim\"\npassword_file = \"smtp-password\"\n");
    configure(&site, NOWHERE, server.port(), &more, "");
    site.write("smtp-password", "hunter3");
    private(&site, "smtp-password");
    let report = Report::of(&site);
    report.has_only(&[("relay-login", "fault")]);
    assert!(!report.whole.to_string().contains("hunter3"));
}

#[test]
fn what_a_relay_does_not_offer_is_named() {
    for (script, expected) in [
        (Script::polite().keyword("8BITMIME").keyword("SMTPUTF8"), ("relay-pipelining", "warning")),
        (Script::polite().keyword("PIPELINING").keyword("8BITMIME"), ("relay-smtputf8", "warning")),
        (good_script().keyword("LIMITS MAILMAX=20 RCPTMAX=5"), ("relay-limits", "warning")),
        (good_script().on(At::Mail, reply_line("550 5.7.1 not your address")), ("relay-envelope", "fault")),
        (good_script().on(At::Mail, reply_line("451 4.3.0 later")), ("relay-envelope", "warning")),
    ] {
        let (_server, site) = with_relay(script, PLAIN);
        Report::of(&site).has_only(&[expected]);
    }
    let small = ["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 500"];
    let small = small.iter().fold(Script::polite(), |script, keyword| script.keyword(keyword));
    let (_server, site) = with_relay(small, PLAIN);
    Report::of(&site).has_only(&[("relay-size", "fault")]);
}

#[test]
fn a_relay_that_does_not_listen_or_has_no_name_is_one_problem() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site = site(NOWHERE, closed, PLAIN, "");
    Report::of(&site).has_only(&[("relay-connection", "fault")]);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write(
        "config.toml",
        &config.replace("host = \"127.0.0.1\"", "host = \"relay.example\"").replace(PLAIN, ""),
    );
    // A placeholder is not asked for.
    Report::of(&site).has_only(&[]);
}

#[test]
fn each_family_of_addresses_is_tried_by_itself() {
    // `localhost` has both families here, and the server has only the first.
    let (_server, site) = with_relay(good_script(), PLAIN);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("host = \"127.0.0.1\"", "host = \"localhost\""));
    let report = Report::of(&site);
    assert_eq!(report.level("relay-ipv4"), "good");
    let has_both = report.message("relay-name").contains("::1");
    let expected = if has_both { "warning" } else { "skipped" };
    assert_eq!(report.level("relay-ipv6"), expected, "{}", report.message("relay-ipv6"));
    assert_eq!(report.level("relay-login"), "good", "the other family works");
}

#[test]
fn servers_that_say_nothing_cost_some_seconds_only() {
    let (server, site) = with_relay(Script::polite().on(At::Greeting, Do::Stall), PLAIN);
    let web = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", web.local_addr().unwrap());
    let imap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let more = format!(
        "[inbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"kim\"\npassword_file = \"smtp-password\"\n\
         [web]\nurl = \"{url}\"\n",
        imap.local_addr().unwrap().port()
    );
    site.write("smtp-password", "hunter2");
    private(&site, "smtp-password");
    configure(&site, &url, server.port(), "tls = \"none\"\n", &more);
    let begun = std::time::Instant::now();
    let report = Report::of(&site);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    let bad = report.bad();
    for id in ["relay-session", "inbox-login", "site"] {
        assert!(bad.contains_key(id), "{id} is not in {bad:?}");
    }
}

#[test]
fn the_mailbox_is_logged_in_to() {
    use std::io::{BufRead as _, Write as _};
    let (server, site) = with_relay(good_script(), PLAIN);
    for (reply, expected) in [("OK welcome", None), ("NO wrong password", Some(("inbox-login", "fault")))] {
        let imap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = imap.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut stream in imap.incoming().flatten() {
                let lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
                let _ = stream.write_all(b"* OK IMAP4rev1 ready\r\n");
                for line in lines.map_while(Result::ok) {
                    let tag = line.split(' ').next().unwrap_or_default().to_owned();
                    let answer = if line.contains("CAPABILITY") {
                        format!("* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n")
                    } else if line.contains("LOGIN") {
                        format!("{tag} {reply}\r\n")
                    } else {
                        format!("* BYE\r\n{tag} OK bye\r\n")
                    };
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        let more = format!(
            "[inbox]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nuser = \"kim\"\npassword_file = \"imap-password\"\n"
        );
        site.write("imap-password", "hunter2");
        private(&site, "imap-password");
        configure(&site, NOWHERE, server.port(), PLAIN, &more);
        Report::of(&site).has_only(&expected.into_iter().collect::<Vec<_>>());
    }
}
