//! `-v` and `--smtp-trace`: what they log, and that the log has no address, password or token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::support::{At, Do, Script, Server, Site, reply_line};

const PASSWORD: &str = "hunter2-correct-horse";

/// A relay that echoes commands in its replies and may refuse one recipient.
fn echoing_relay() -> Script {
    Script::polite()
        .pipelining(true)
        .keyword("DSN")
        .auth("PLAIN", "relay-user", PASSWORD)
        .on(At::Auth, Do::Write(format!("235 2.7.0 welcome, {PASSWORD}\r\n").into_bytes()))
        .recipient("reader1@example.org", reply_line("550 5.1.1 <reader1@example.org>: no such user"))
        .recipient("reader2@example.org", reply_line("451 4.2.0 reader2@example.org: mailbox busy"))
}

fn site(server: &Server) -> Site {
    let site = Site::unopened(server.port(), 4, 1);
    site.relay(server.port(), 1, "bounces = \"bounces@letters.example\"\n");
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &format!("{config}user = \"relay-user\"\npassword_file = \"password\"\n"));
    site.write("password", PASSWORD);
    assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    site
}

/// The signed tokens in a text: six parts, separated by dots.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    let tokens = words.filter(|word| word.starts_with("v1.") && word.matches('.').count() == 5);
    tokens.map(str::to_owned).collect()
}

#[test]
fn logs_and_trace_show_the_conversation_without_addresses_passwords_and_tokens() {
    let server = Server::start(echoing_relay());
    let site = site(&server);
    let ended = site.run(&["-vvv", "publish", "--smtp-trace", "trace.txt"]);
    let trace = std::fs::read_to_string(site.path("trace.txt")).unwrap();
    let log: Vec<&str> = ended.output.lines().filter(|line| line.contains("Z ")).collect();
    let log = log.join("\n");

    for shown in [
        " 1 -- connected to 127.0.0.1:",
        " 1 S: 250-test.example",
        " 1 C: AUTH PLAIN ***",
        " 1 S: (not shown: the server repeated the password)",
        " 1 C: RCPT TO:<r…@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;r…@example.org",
        " 1 S: 550 5.1.1 <r…@example.org>: no such user",
        " 1 C: (message, ",
        " 1 S: 250 2.0.0 queued as 4F2",
        " 1 C: QUIT",
    ] {
        assert!(trace.contains(shown), "{shown:?} is missing in:\n{trace}");
    }
    for shown in [
        "session opened",
        "feeds written",
        "issue scheduled",
        "connected",
        "authenticated",
        "outcome=\"accepted\" phase=the final dot code=250 enhanced=\"2.0.0\"",
        "code=550 enhanced=\"5.1.1\"",
        "outcome=\"deferred\"",
        "retry planned",
        "C: AUTH PLAIN ***",
    ] {
        assert!(log.contains(shown), "{shown:?} is missing in:\n{log}");
    }

    let mut secrets: Vec<String> = (0..4).map(|number| format!("reader{number}@example.org")).collect();
    secrets.extend(["news@letters.example", "bounces@letters.example", PASSWORD].map(str::to_owned));
    secrets.push(BASE64.encode(PASSWORD));
    secrets.push(BASE64.encode(format!("\0relay-user\0{PASSWORD}")));
    let messages = server.log().messages;
    assert_eq!(messages.len(), 2);
    for message in &messages {
        let found = [tokens(&message.mail), tokens(&String::from_utf8_lossy(&message.data))].concat();
        assert!(!found.is_empty(), "{}", message.mail);
        secrets.extend(found);
    }
    for secret in secrets {
        for (name, text) in [("log", &log), ("trace", &trace)] {
            let text = text.to_lowercase();
            assert!(!text.contains(&secret.to_lowercase()), "the {name} shows {secret:?}:\n{text}");
        }
    }
}

#[test]
fn without_the_flags_nothing_is_logged() {
    let server = Server::start(echoing_relay());
    let ended = site(&server).run(&["publish"]);
    for word in ["INFO", "DEBUG", "TRACE", "session opened"] {
        assert!(!ended.output.contains(word), "{}", ended.output);
    }
}
