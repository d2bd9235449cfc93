//! The first failure at a mail server: what the real program prints, which line of the configuration it names, its exit
//! code, and how often cron gets a message.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::support::site::NOW;
use super::support::{At, Certificates, Do, Script, Server, Site, reply_line};

/// A site whose `[smtp]` begins in line 7 with `host` and `port`, followed by `more`.
fn site(host: &str, port: u16, more: &str) -> Site {
    let site = Site::unopened(port, 2, 1);
    write(&site, host, port, more);
    site
}

fn write(site: &Site, host: &str, port: u16, more: &str) {
    let config = format!(
        "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.kr/\"\n[newsletter]\n\
         from = \"news@letters.kr\"\nfirst_run = \"newest\"\nlist = \"readers.csv\"\nlist_confirmed = true\n\
         [smtp]\nhost = \"{host}\"\nport = {port}\n{more}\n\
         deadlines = {{ connect = \"4s\", command = \"4s\", data = \"4s\", dot = \"4s\" }}\n\
         [web]\nurl = \"https://letters.kr/\"\n"
    );
    site.write("config.toml", &config);
}

/// Runs the cron command and checks its output and exit code; nothing may have been sent.
fn publish_prints(site: &Site, code: i32, expected: &[&str]) {
    let ended = site.run(&["--quiet", "publish"]);
    assert_eq!(ended.code, code, "{}", ended.output);
    for text in expected {
        assert!(ended.output.contains(text), "{text:?} is not in:\n{}", ended.output);
    }
    assert!(ended.output.contains("nothing was sent"), "{}", ended.output);
}

/// A server that sends `first`, if anything, and then replies to unknown bytes with its own error.
fn raw(first: &'static str, then: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || reply(stream.unwrap(), first, then));
        }
    });
    port
}

fn reply(mut stream: TcpStream, first: &str, then: &str) -> Option<()> {
    stream.write_all(first.as_bytes()).ok()?;
    let mut bytes = [0; 1024];
    while stream.read(&mut bytes).ok()? > 0 {
        stream.write_all(then.as_bytes()).ok()?;
        if then.starts_with("HTTP") {
            return None;
        }
    }
    None
}

/// A server that accepts only TLS and waits for the handshake.
fn only_tls() -> u16 {
    let certificates = Certificates::for_name("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let server = certificates.server();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut tls = rustls::ServerConnection::new(server).unwrap();
                while tls.complete_io(&mut stream).is_ok() {}
            });
        }
    });
    port
}

#[test]
fn plain_smtp_where_tls_is_expected_is_recognised_by_its_greeting() {
    let server = Server::start(Script::polite());
    let site = site("127.0.0.1", server.port(), "tls = \"implicit\"");
    let expected = [
        "config.toml:12: error: 127.0.0.1:",
        "begins in plain text (\"220 test.example ESMTP\"), and smtp.tls is \"implicit\"",
        "help: write tls = \"starttls\" below [smtp]",
    ];
    publish_prints(&site, 1, &expected);
    assert_eq!(server.connections(), 1, "a permanent error is tried once");
}

#[test]
fn tls_where_plain_text_is_expected_is_recognised_by_its_silence() {
    for tls in ["none", "starttls"] {
        let site = site("127.0.0.1", only_tls(), &format!("tls = \"{tls}\""));
        let is = format!("wants TLS from the first byte, and smtp.tls is \"{tls}\"");
        publish_prints(&site, 1, &["config.toml:12: error:", &is, "write tls = \"implicit\" below [smtp]"]);
    }
}

#[test]
fn a_web_server_an_ssh_server_and_an_imap_server_on_the_port_are_named() {
    const BAD: &str = "HTTP/1.1 400 Bad Request\r\n\r\n";
    for (port, tls, kind) in [
        (raw("", BAD), "implicit", "a web server"),
        (raw("", BAD), "none", "a web server"),
        (raw("SSH-2.0-OpenSSH_9.6\r\n", ""), "none", "an SSH server"),
        (raw("* OK IMAP4rev1 ready\r\n", ""), "starttls", "an IMAP server"),
        (raw("+OK ready\r\n", ""), "implicit", "a POP3 server"),
    ] {
        let site = site("127.0.0.1", port, &format!("tls = \"{tls}\""));
        publish_prints(&site, 1, &["config.toml:11: error: what answers at 127.0.0.1:", kind, "465"]);
    }
}

#[test]
fn a_closed_port_and_an_unknown_host_are_configuration_errors() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site = site("127.0.0.1", closed, "tls = \"none\"");
    publish_prints(
        &site,
        1,
        &["config.toml:11: error: nothing listens at 127.0.0.1:", "is the mail server of this"],
    );
    write(&site, "smtp.letters.invalid", 465, "");
    publish_prints(&site, 1, &["config.toml:10: error: there is no server called \"smtp.letters.invalid\""]);
}

#[test]
fn a_relay_that_disconnects_at_once_is_not_a_configuration_error() {
    let server = Server::start(Script::polite().on(At::Greeting, Do::Cut));
    let site = site("127.0.0.1", server.port(), "tls = \"none\"");
    publish_prints(&site, 2, &["takes the connection and hangs up at once"]);
}

#[test]
fn each_certificate_error_has_its_own_message() {
    let name = "localhost";
    for (certificates, trusts, expected) in [
        (
            Certificates::expired(name),
            true,
            ["expired on 2001-01-01; the clock of this machine shows 20", "set the clock"],
        ),
        (Certificates::not_yet(name), true, ["is valid from 3001-01-01", "clock is behind"]),
        (
            Certificates::for_name("mx.letters.kr"),
            true,
            ["is for mx.letters.kr, not for \"localhost\"", "set host = \"mx.letters.kr\""],
        ),
        (
            Certificates::for_name(name),
            false,
            ["is signed by \"Letters CA\", which this machine does not trust", "smtp.ca_file"],
        ),
        (
            Certificates::without_intermediate(name),
            true,
            ["signed by \"Letters Intermediate\"", "fullchain.pem"],
        ),
        (
            Certificates::self_signed(name),
            true,
            ["is self-signed", "add the certificate of the server (PEM)"],
        ),
    ] {
        let server = Server::start(Script::polite().tls(&certificates));
        let file = if trusts { format!("ca_file = \"{}\"", certificates.ca_file()) } else { String::new() };
        let site = site(name, server.port(), &file);
        publish_prints(&site, 1, &expected);
        assert!(server.verbs().is_empty(), "{expected:?}");
    }
}

#[test]
fn a_self_signed_certificate_is_accepted_after_following_the_hint() {
    let certificates = Certificates::self_signed_and_trusted("localhost");
    let server = Server::start(Script::polite().tls(&certificates));
    let site = site("localhost", server.port(), &format!("ca_file = \"{}\"", certificates.ca_file()));
    let ended = site.run(&["--quiet", "publish"]);
    assert_eq!((ended.code, server.accepted().len()), (0, 2), "{}", ended.output);
}

#[test]
fn a_wrong_password_error_names_its_key_its_file_and_a_trailing_space() {
    let server = Server::start(Script::polite().auth("PLAIN", "kim", "hunter2"));
    let more = "tls = \"none\"\nuser = \"kim\"\npassword_file = \"smtp-password\"";
    let site = site("127.0.0.1", server.port(), more);
    site.write("smtp-password", "hunter3\n");
    let place = "the password came from the file smtp-password (smtp.password_file)";
    publish_prints(
        &site,
        1,
        &["config.toml:14: error:", "rejected the login of \"kim\": 535 5.7.8", place, "full email address"],
    );
    site.write("smtp-password", "hunter2 \n");
    publish_prints(&site, 1, &[place, "begins or ends with a space", "fix that first"]);
    site.write("smtp-password", "\n");
    let ended = site.run(&["--quiet", "publish"]);
    assert!(
        ended.code == 1 && ended.output.contains("the password in smtp-password is empty"),
        "{}",
        ended.output
    );
    assert!(server.verbs().iter().all(|verb| verb != "MAIL"));
}

#[test]
fn a_login_that_needs_starttls_is_reported() {
    let certificates = Certificates::for_name("localhost");
    let server = Server::start(Script::polite().starttls(&certificates));
    let site =
        site("127.0.0.1", server.port(), "tls = \"none\"\nuser = \"kim\"\npassword_file = \"smtp-password\"");
    site.write("smtp-password", "hunter2\n");
    publish_prints(
        &site,
        1,
        &["config.toml:12: error:", "offers a login only after STARTTLS", "tls = \"starttls\""],
    );
}

#[test]
fn a_relay_that_requires_a_login_is_reported_even_with_one_subscriber() {
    let server =
        Server::start(Script::polite().on(At::Rcpt, reply_line("554 5.7.1 <x>: Relay access denied")));
    let site = site("127.0.0.1", server.port(), "tls = \"none\"");
    let ended = site.run(&["--quiet", "publish"]);
    assert_eq!(ended.code, 1, "{}", ended.output);
    assert!(ended.output.contains("requires a login"), "{}", ended.output);
}

#[test]
fn a_test_message_fails_with_the_same_error_as_the_issue() {
    let server = Server::start(Script::polite().auth("PLAIN", "kim", "hunter2"));
    let more = "tls = \"none\"\nuser = \"kim\"\npassword_file = \"smtp-password\"";
    let site = site("127.0.0.1", server.port(), more);
    site.write("smtp-password", "\"hunter2\"\n");
    let ended = site.run(&["send", "--to", "me@letters.kr"]);
    assert_eq!(ended.code, 1, "{}", ended.output);
    assert!(ended.output.starts_with("config.toml:14: error:"), "{}", ended.output);
    assert!(ended.output.contains("is in quotation marks"), "{}", ended.output);
}

#[test]
fn the_mailbox_of_inbox_is_diagnosed_like_the_relay() {
    let site = site("127.0.0.1", 1, "tls = \"none\"");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("imap-password", "hunter2 \n");
    let inbox = |port: u16, tls: &str| {
        let section = format!(
            "[inbox]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\nuser = \"kim\"\npassword_file = \"imap-password\"\n\
             timeout = \"4s\"\n"
        );
        site.write("config.toml", &format!("{config}{section}"));
        site.run(&["inbox", "--imap"])
    };
    let refuses = raw("* OK ready\r\n", "L1 OK done\r\nL2 NO [AUTHENTICATIONFAILED] no\r\n");
    for (port, tls, code, expected) in [
        (
            only_tls(),
            "none",
            1,
            ["wants TLS from the first byte, and inbox.tls is \"none\"", "tls = \"implicit\""],
        ),
        (raw("220 smtp ready\r\n", ""), "none", 1, ["is an SMTP server", "993"]),
        (
            raw("* OK ready\r\n", ""),
            "implicit",
            1,
            ["begins in plain text (\"* OK ready\")", "tls = \"starttls\""],
        ),
        (refuses, "none", 1, ["the file imap-password (inbox.password_file)", "begins or ends with a space"]),
    ] {
        let ended = inbox(port, tls);
        assert_eq!(ended.code, code, "{expected:?}: {}", ended.output);
        for text in expected {
            assert!(ended.output.contains(text), "{text:?} is not in:\n{}", ended.output);
        }
        assert!(ended.output.starts_with("config.toml:"), "{}", ended.output);
    }
}

#[test]
fn check_live_logs_in_to_the_relay_and_sends_nothing() {
    let server = Server::start(Script::polite().auth("PLAIN", "kim", "hunter2"));
    let more = "tls = \"none\"\nuser = \"kim\"\npassword_file = \"smtp-password\"";
    let site = site("127.0.0.1", server.port(), more);
    // No server has the feeds; that is also detected, and immediately.
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("https://letters.kr/", "http://127.0.0.1:9/"));
    for (password, is_right) in [("hunter3", false), ("hunter2", true)] {
        site.write("smtp-password", password);
        let ended = site.run(&["check", "--live"]);
        assert_eq!(ended.output.contains("rejected the login of \"kim\""), !is_right, "{}", ended.output);
    }
    assert!(server.verbs().iter().all(|verb| verb != "MAIL"));
}

#[test]
fn cron_output_reports_a_failure_when_it_begins_changes_and_ends() {
    let server = Server::start(Script::polite().auth("PLAIN", "kim", "hunter2"));
    let more = "tls = \"none\"\nuser = \"kim\"\npassword_file = \"smtp-password\"";
    let site = site("127.0.0.1", server.port(), more);
    let run = |minute: u32, quiet: bool| {
        let now = NOW.replace(":00:00Z", &format!(":{minute:02}:00Z"));
        let expected: &[&str] = if quiet { &["--quiet", "publish"] } else { &["publish"] };
        let ended = site.run_at(&now, expected);
        (ended.code, ended.output)
    };
    site.write("smtp-password", "hunter3\n");
    let (code, begins) = run(0, true);
    assert!(code == 1 && begins.contains("535 5.7.8"), "{begins}");
    for minute in [10, 20] {
        assert_eq!(run(minute, true), (1, String::new()), "it was already reported");
    }
    let (code, by_hand) = run(25, false);
    assert!(code == 1 && by_hand.contains("535 5.7.8"), "a manual run prints it: {by_hand}");
    site.write("smtp-password", "hunter2 \n");
    let (code, changed) = run(30, true);
    assert!(code == 1 && changed.contains("begins or ends with a space"), "{changed}");
    assert_eq!(run(40, true), (1, String::new()));
    site.write("smtp-password", "hunter2\n");
    let (code, over) = run(50, true);
    assert!(
        code == 0
            && over.starts_with(
                "sending works again: 6 runs since 2026-11-20 10:00 ended with failures, lately: config.toml"
            ),
        "{over}"
    );
    assert_eq!(server.accepted().len(), 2);
    assert_eq!(run(55, true), (0, String::new()));
}

#[test]
fn cron_output_reports_a_broken_post_once_and_no_rejected_subscriber() {
    let server = Server::start(
        Script::polite().recipient("reader1@example.org", reply_line("550 5.1.1 no such user")),
    );
    let site = site("127.0.0.1", server.port(), "tls = \"none\"");
    site.write("posts/broken.md", "+++\ntitle = \"no end\"\n");
    let first = site.run(&["--quiet", "publish"]);
    assert!(first.code == 1 && first.output.contains("posts/broken.md"), "{}", first.output);
    let second = site.run(&["--quiet", "publish"]);
    assert_eq!((second.code, second.output.as_str()), (1, ""));
    std::fs::remove_file(site.path("posts/broken.md")).unwrap();
    let over = site.run(&["--quiet", "publish"]);
    assert!(over.code == 3 && over.output.contains("sending works again"), "{}", over.output);
    assert!(over.output.contains("1 sent, 1 failed"), "{}", over.output);
    let after = site.run_at("2026-11-20T10:10:00Z", &["--quiet", "publish"]);
    assert_eq!((after.code, after.output.as_str()), (0, ""));
}

/// The single JSON object that a run prints.
fn object(site: &Site, now: &str, command: &str) -> (i32, Value) {
    let output = site.command(Some(now), &[command, "--json"]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let object = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), object)
}

#[test]
fn publish_json_is_one_object_with_everything_in_the_text_output() {
    let server = Server::start(Script::polite());
    let site = site("127.0.0.1", server.port(), "tls = \"none\"");
    let (code, built) = object(&site, NOW, "build");
    assert_eq!(
        (code, &built["exit_code"], &built["feeds"]["ids_changed"]),
        (0, &0.into(), &true.into()),
        "{built}"
    );
    assert!(!built["feeds"]["written"].as_array().unwrap().is_empty(), "{built}");
    let later = "+++\ntitle = \"Soon\"\ndate = 2026-11-20T09:58:00Z\n+++\n\nText.\n";
    let (code, first) = object(&site, NOW, "publish");
    assert_eq!(code, 0, "{first}");
    assert_eq!(first["issue"]["subject"], "천천히 오는 편지");
    assert_eq!((&first["issue"]["audience"], &first["sent"]), (&2.into(), &2.into()), "{first}");
    assert!(first["issue"]["id"].as_str().is_some_and(|id| id.ends_with(":slow")), "{first}");
    assert_eq!(first["issues"][0]["counts"]["sent"], 2);
    assert_eq!(first["subscribers"]["by_status"]["active"], 2, "{first}");
    site.write("posts/soon.md", later);
    let (_, waiting) = object(&site, NOW, "publish");
    assert_eq!(waiting["due_at"], "2026-11-20T10:10:00Z", "{waiting}");
    assert_eq!(waiting["next"][0]["name"], "Soon", "{waiting}");
    let text = site.run(&["publish"]);
    assert!(text.output.contains("newsletter: \"Soon\" is due at 10:10"), "{}", text.output);
}

#[test]
fn every_failure_is_reported_as_json_too() {
    let server = Server::start(Script::polite().on(At::Mail, reply_line("553 5.7.1 not your sender")));
    let site = site("127.0.0.1", server.port(), "tls = \"none\"");
    let (code, refused) = object(&site, NOW, "publish");
    assert_eq!(
        (code, &refused["exit_code"], &refused["stopped"]["because"]),
        (1, &1.into(), &"relay".into())
    );
    let finding = &refused["findings"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&finding["rule"], &finding["file"], &finding["line"]),
        (&"sender-refused".into(), &"config.toml".into(), &5.into())
    );
    site.write("posts/broken.md", "+++\ntitle = \"no end\"\n");
    for command in ["publish", "build"] {
        let (code, broken) = object(&site, NOW, command);
        assert_eq!((code, &broken["exit_code"]), (1, &1.into()), "{broken}");
        assert_eq!(broken["findings"][0]["file"], "posts/broken.md");
    }
    site.write("config.toml", "[site\n");
    let (code, wrong) = object(&site, NOW, "publish");
    assert!(code == 1 && wrong["findings"][0]["line"] == 1, "{wrong}");
    std::fs::remove_file(site.path("config.toml")).unwrap();
    let (code, missing) = object(&site, NOW, "publish");
    assert!(code == 1 && missing["error"]["hint"].is_string(), "{missing}");
}

#[test]
fn a_long_run_reports_progress_in_a_log_unless_quiet() {
    for (arguments, lines) in [(&["publish"][..], true), (&["--quiet", "publish"][..], false)] {
        let server = Server::start(Script::polite().pipelining(true));
        let site = Site::unopened(server.port(), 2_500, 4);
        write(&site, "127.0.0.1", server.port(), "tls = \"none\"\nconnections = 4");
        let ended = site.run(arguments);
        assert_eq!(ended.code, 0, "{}", ended.output);
        for line in ["1,000 of 2,500 messages", "2,000 of 2,500 messages"] {
            assert_eq!(
                ended.output.contains(&format!("sending \"천천히 오는 편지\": {line}, ")),
                lines,
                "{}",
                ended.output
            );
        }
    }
}

#[test]
fn a_run_that_waits_for_a_permit_reports_it_while_waiting() {
    let server = Server::start(Script::polite());
    let site = Site::unopened(server.port(), 6_000, 1);
    write(&site, "127.0.0.1", server.port(), "tls = \"none\"\nper_minute = 60000");
    let mut child = site
        .command(None, &["publish"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut output, mut bytes) = (String::new(), [0; 4096]);
    let begun = std::time::Instant::now();
    while !output.contains("1,000 of 6,000 messages") && begun.elapsed() < Duration::from_secs(60) {
        let read = out.read(&mut bytes).unwrap();
        assert!(read > 0, "{output}");
        output += &String::from_utf8_lossy(&bytes[..read]);
    }
    assert!(child.try_wait().unwrap().is_none(), "it was printed only at the end: {output}");
    let _ = child.kill();
    let _ = child.wait();
}
