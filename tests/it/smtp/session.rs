//! Before the first envelope: connection, greeting, EHLO, TLS, AUTH.

use super::*;
use letterpress::internals::delivery::TransportError;

/// The error of a connection that must fail.
async fn refused(smtp: &Smtp) -> SmtpOutcome {
    match transport(smtp).connect().await {
        Ok(_) => panic!("a connection was opened"),
        Err(outcome) => outcome,
    }
}

async fn refused_by(script: Script, change: impl FnOnce(&mut Smtp)) -> (SmtpOutcome, Server) {
    let server = Server::start(script);
    let mut smtp = relay(&server);
    change(&mut smtp);
    (refused(&smtp).await, server)
}

fn with_user(smtp: &mut Smtp) {
    smtp.user = Some("kim".to_owned());
}

#[tokio::test]
async fn f34_a_closed_port_is_a_connect_error() {
    let mut smtp = relay(&Server::start(Script::polite()));
    smtp.deadlines.connect = a_second();
    let outcome = refused(&smtp).await;
    assert!(
        matches!(outcome, SmtpOutcome { phase: Phase::Connect, result: Err(TransportError::Unreachable(_)) }),
        "{outcome:?}"
    );
    assert_eq!(classify(&outcome), LATER);
}

#[tokio::test]
async fn f34_an_expired_or_wrong_certificate_ends_the_run_before_any_command() {
    for certificates in [Certificates::expired("localhost"), Certificates::for_name("other.example")] {
        for (how, script) in [
            ("implicit", Script::polite().tls(&certificates)),
            ("starttls", Script::polite().starttls(&certificates)),
        ] {
            let server = Server::start(script);
            let outcome = refused(&secure_relay(&server, how, &certificates)).await;
            assert!(
                matches!(outcome, SmtpOutcome { phase: Phase::Tls, result: Err(TransportError::Tls(_)) }),
                "{outcome:?}"
            );
            assert_eq!(classify(&outcome), Verdict::Sender);
            assert!(!server.verbs().contains(&"MAIL".to_owned()));
        }
    }
}

#[tokio::test]
async fn f34_a_certificate_of_an_unknown_authority_is_refused() {
    let (own, other) = (Certificates::for_name("localhost"), Certificates::for_name("localhost"));
    let server = Server::start(Script::polite().tls(&own));
    let outcome = refused(&secure_relay(&server, "implicit", &other)).await;
    assert!(matches!(outcome.result, Err(TransportError::Tls(_))), "{outcome:?}");
}

#[tokio::test]
async fn messages_are_sent_over_implicit_tls_and_over_starttls() {
    let certificates = Certificates::for_name("localhost");
    for (how, script) in [
        ("implicit", Script::polite().tls(&certificates)),
        ("starttls", Script::polite().starttls(&certificates)),
    ] {
        let server = Server::start(script.pipelining(true).auth("PLAIN", "kim", "correct horse"));
        let mut smtp = secure_relay(&server, how, &certificates);
        with_user(&mut smtp);
        let outcome = send(&smtp, &["kim@example.com", "lee@example.com"]).await;
        assert_eq!(verdicts(&outcome), [Verdict::Sent; 2], "{how}: {outcome:?}");
        assert_eq!(server.log().connections, 1);
        assert_eq!(server.log().messages[1].data, message_to("lee@example.com"));
        let hellos = server.verbs().iter().filter(|verb| *verb == "EHLO").count();
        assert_eq!(hellos, if how == "starttls" { 2 } else { 1 });
    }
}

#[tokio::test]
async fn f35_required_but_missing_starttls_ends_the_run_without_auth() {
    let certificates = Certificates::for_name("localhost");
    let server = Server::start(Script::polite().auth("PLAIN", "kim", "correct horse"));
    let mut smtp = secure_relay(&server, "starttls", &certificates);
    with_user(&mut smtp);
    let outcome = refused(&smtp).await;
    assert!(
        matches!(outcome, SmtpOutcome { phase: Phase::Tls, result: Err(TransportError::Missing(_)) }),
        "{outcome:?}"
    );
    assert_eq!((classify(&outcome), server.verbs()), (Verdict::Sender, vec!["EHLO".to_owned()]));
}

#[tokio::test]
async fn f36_r15_a_greeting_of_554_or_421_or_silence_stops_the_run() {
    for (action, verdict) in [
        (reply_line("554 no service"), Verdict::Sender),
        (reply_line("421 busy"), Verdict::Throttled),
        (Do::Stall, Verdict::Throttled),
    ] {
        let (outcome, server) =
            refused_by(Script::polite().on(At::Greeting, action), |smtp| smtp.deadlines.command = a_second())
                .await;
        assert_eq!((outcome.phase, classify(&outcome)), (Phase::Greeting, verdict), "{outcome:?}");
        assert!(server.verbs().is_empty());
    }
}

#[tokio::test]
async fn f37_a_refused_password_stops_the_run_and_is_not_in_the_error() {
    for (mechanisms, reply) in
        [("PLAIN", "535 5.7.8 no"), ("LOGIN", "535 no"), ("PLAIN", "535 not 'correct horse'")]
    {
        let script = Script::polite().auth(mechanisms, "kim", "another").on(At::Auth, reply_line(reply));
        let (outcome, server) = refused_by(script, with_user).await;
        assert_eq!((outcome.phase, classify(&outcome)), (Phase::Auth, Verdict::Sender), "{outcome:?}");
        let shown = format!("{outcome:?} {}", outcome.result.as_ref().unwrap());
        assert!(!shown.contains("correct horse") && !shown.contains("Y29ycmVjdCBob3JzZQ"), "{shown}");
        assert!(!server.verbs().contains(&"MAIL".to_owned()));
    }
}

#[tokio::test]
async fn a_password_echoed_in_base64_is_not_shown_either() {
    let script = Script::polite()
        .auth("PLAIN", "kim", "another")
        .on(At::Auth, reply_line("535 AGtpbQBjb3JyZWN0IGhvcnNl is wrong"));
    let (outcome, _server) = refused_by(script, with_user).await;
    assert!(!format!("{outcome:?}").contains("AGtpbQ"), "{outcome:?}");
}

#[tokio::test]
async fn plain_and_login_both_work_and_the_old_auth_keyword_is_recognised() {
    for mechanisms in ["PLAIN", "LOGIN", "CRAM-MD5 LOGIN PLAIN"] {
        let server = Server::start(Script::polite().auth(mechanisms, "kim", "correct horse"));
        let mut smtp = relay(&server);
        with_user(&mut smtp);
        assert_eq!(verdicts(&send(&smtp, &["kim@example.com"]).await), [Verdict::Sent], "{mechanisms}");
    }
    let server = Server::start(Script::polite().auth("GSSAPI", "kim", "correct horse").keyword("AUTH=PLAIN"));
    let mut smtp = relay(&server);
    with_user(&mut smtp);
    assert_eq!(verdicts(&send(&smtp, &["kim@example.com"]).await), [Verdict::Sent]);
}

#[tokio::test]
async fn r17_a_server_without_a_login_mechanism_is_missing_auth() {
    for keyword in ["AUTH", "AUTH CRAM-MD5", "HELP"] {
        let (outcome, server) = refused_by(Script::polite().keyword(keyword), with_user).await;
        assert!(
            matches!(outcome, SmtpOutcome { phase: Phase::Auth, result: Err(TransportError::Missing(_)) }),
            "{outcome:?}"
        );
        assert_eq!(server.verbs(), ["EHLO"]);
    }
}

#[tokio::test]
async fn r18_a_server_that_never_ends_the_login_dialogue_is_disconnected() {
    let script = Script::polite().auth("PLAIN", "kim", "x").on(At::Auth, reply_line("334 "));
    let (outcome, _server) = refused_by(script, with_user).await;
    assert_eq!((outcome.phase, classify(&outcome)), (Phase::Auth, LATER), "{outcome:?}");
}

#[tokio::test]
async fn f44_f45_silence_and_single_bytes_reach_the_same_phase_deadline() {
    let drip = Do::Drip(b"220 a very slow server\r\n".repeat(9), std::time::Duration::from_millis(90));
    for action in [Do::Stall, drip] {
        let before = tokio::time::Instant::now();
        let (outcome, _server) =
            refused_by(Script::polite().on(At::Ehlo, action), |smtp| smtp.deadlines.command = a_second())
                .await;
        assert_eq!(outcome, SmtpOutcome { phase: Phase::Hello, result: Err(TransportError::Deadline) });
        // All bytes together would take eighteen seconds.
        assert!(before.elapsed().as_secs() < 10, "{:?}", before.elapsed());
    }
}

#[tokio::test]
async fn f41_r15_a_421_before_the_first_message_stops_the_run() {
    let busy = || reply_line("421 4.3.2 not now");
    let (outcome, _server) = refused_by(Script::polite().on(At::Ehlo, busy()), |_| {}).await;
    assert_eq!((outcome.phase, classify(&outcome)), (Phase::Hello, Verdict::Throttled), "{outcome:?}");
    let script = Script::polite().auth("PLAIN", "kim", "correct horse").on(At::Auth, busy());
    let (outcome, _server) = refused_by(script, with_user).await;
    assert_eq!((outcome.phase, classify(&outcome)), (Phase::Auth, Verdict::Throttled), "{outcome:?}");
    let certificates = Certificates::for_name("localhost");
    let server = Server::start(Script::polite().starttls(&certificates).on(At::StartTls, busy()));
    let outcome = refused(&secure_relay(&server, "starttls", &certificates)).await;
    assert_eq!((outcome.phase, classify(&outcome)), (Phase::Tls, Verdict::Throttled), "{outcome:?}");
}

#[tokio::test]
async fn f34_an_unknown_host_name_is_a_connect_error() {
    let smtp = serde_json::from_value(serde_json::json!({ "host": "relay.invalid", "tls": "none" })).unwrap();
    let outcome = refused(&smtp).await;
    assert!(
        matches!(
            outcome,
            SmtpOutcome {
                phase: Phase::Connect,
                result: Err(TransportError::NoSuchHost(_) | TransportError::Dns(_))
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(classify(&outcome), LATER);
}

#[tokio::test]
async fn f55_a_mangled_ehlo_reply_disables_extensions_and_the_message_is_sent() {
    let script =
        Script::polite().on(At::Ehlo, Do::Write(b"250-test\r\n250-XXXXXXXA\r\n250 \xff\xfe\r\n".to_vec()));
    let (server, outcome) = alone(script).await;
    assert_eq!(classify(&outcome), Verdict::Sent);
    assert_eq!(server.verbs(), ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]);
}

#[tokio::test]
async fn f56_bytes_after_starttls_are_an_attack() {
    let certificates = Certificates::for_name("localhost");
    let injected = Do::Write(b"220 go\r\n250-fake\r\n250 AUTH PLAIN\r\n".to_vec());
    let server = Server::start(Script::polite().starttls(&certificates).on(At::StartTls, injected));
    let outcome = refused(&secure_relay(&server, "starttls", &certificates)).await;
    assert!(
        matches!(outcome, SmtpOutcome { phase: Phase::Tls, result: Err(TransportError::Protocol(_)) }),
        "{outcome:?}"
    );
    assert_eq!(server.verbs(), ["EHLO", "STARTTLS"]);
}

#[tokio::test]
async fn r14_a_reply_before_the_command_does_not_count() {
    let banner = Do::Write(b"220 hello\r\n250 already\r\n".to_vec());
    let (outcome, server) = refused_by(Script::polite().on(At::Greeting, banner), |_| {}).await;
    assert!(
        matches!(outcome, SmtpOutcome { phase: Phase::Hello, result: Err(TransportError::Protocol(_)) }),
        "{outcome:?}"
    );
    assert!(server.verbs().is_empty());
}

#[tokio::test]
async fn r17_a_reply_with_a_thousand_keywords_is_invalid() {
    let flood = [b"250-X\r\n".repeat(1_000), b"250 X\r\n".to_vec()].concat();
    let (outcome, _server) = refused_by(Script::polite().on(At::Ehlo, Do::Write(flood)), |_| {}).await;
    assert!(matches!(outcome.result, Err(TransportError::Protocol(_))), "{outcome:?}");
}

#[tokio::test]
async fn r19_a_disconnect_after_the_greeting_is_a_closed_connection() {
    let script = Script::polite().on(At::Greeting, Do::Each(vec![reply_line("220 hi"), Do::Cut]));
    let (outcome, _server) = refused_by(script, |_| {}).await;
    assert_eq!((outcome.phase, classify(&outcome)), (Phase::Hello, LATER), "{outcome:?}");
}

#[tokio::test]
async fn helo_is_used_only_if_no_extension_is_required() {
    let old = || Script::polite().on(At::Ehlo, reply_line("502 what?"));
    let (server, outcome) = alone(old()).await;
    assert_eq!((classify(&outcome), server.verbs()[1].as_str()), (Verdict::Sent, "HELO"));
    let (outcome, server) = refused_by(old(), with_user).await;
    assert_eq!((classify(&outcome), server.verbs()), (Verdict::Sender, vec!["EHLO".to_owned()]));
}

#[tokio::test]
async fn ehlo_has_the_configured_name_or_the_address_of_the_socket() {
    let (server, _) = alone(Script::polite()).await;
    assert_eq!(server.log().commands[0].1, "EHLO [127.0.0.1]");
    let server = Server::start(Script::polite());
    let smtp = Smtp { hello: Some("news.example".to_owned()), ..relay(&server) };
    send(&smtp, &["kim@example.com"]).await;
    assert_eq!(server.log().commands[0].1, "EHLO news.example");
    let hostile = Smtp { hello: Some("a\r\nMAIL".to_owned()), ..smtp };
    assert!(SmtpTransport::new(&hostile, None).unwrap_err().to_string().contains("smtp.hello"));
}
