//! MAIL, RCPT, DATA and the message: every outcome is definite because the dot has not been written.

use super::*;
use letterpress::internals::delivery::TransportError;
use proptest::prelude::*;

const KIM: &str = "kim@example.com";
const LEE: &str = "lee@example.com";
const PARK: &str = "park@example.com";

#[tokio::test]
async fn a_message_arrives_unchanged_and_one_connection_serves_all() {
    for pipelining in [true, false] {
        let server = Server::start(Script::polite().pipelining(pipelining));
        let outcome = send(&relay(&server), &[KIM, LEE, PARK]).await;
        assert_eq!(verdicts(&outcome), [Verdict::Sent; 3], "{outcome:?}");
        let log = server.log();
        assert_eq!((log.connections, log.messages.len()), (1, 3));
        for (message, recipient) in log.messages.iter().zip([KIM, LEE, PARK]) {
            assert_eq!((message.connection, &message.data), (1, &message_to(recipient)));
            assert_eq!(message.rcpt, [format!("RCPT TO:<{recipient}>")]);
            assert!(message.mail.starts_with("MAIL FROM:<b+"));
        }
    }
}

#[tokio::test]
async fn three_commands_are_sent_in_one_write_and_the_next_three_with_the_dot() {
    let script = Script::polite()
        .pipelining(true)
        .nth(At::Mail, 1, Do::Each(vec![Do::Await("DATA\r\n"), reply_line("250 ok")]))
        .nth(At::Dot, 1, Do::Each(vec![Do::Await("DATA\r\n"), reply_line("250 ok")]));
    let server = Server::start(script);
    assert_eq!(verdicts(&send(&relay(&server), &[KIM, LEE]).await), [Verdict::Sent; 2]);
}

#[tokio::test]
async fn f38_a_rejected_recipient_fails_alone_and_the_connection_stays_open() {
    for pipelining in [true, false] {
        let script =
            Script::polite().pipelining(pipelining).recipient(LEE, reply_line("550 5.1.1 no such user"));
        let server = Server::start(script);
        let outcome = send(&relay(&server), &[KIM, LEE, PARK]).await;
        assert_eq!(verdicts(&outcome), [Verdict::Sent, FAILED, Verdict::Sent], "{outcome:?}");
        assert_eq!(outcome[1].phase, Phase::Rcpt);
        assert_eq!(server.log().connections, 1);
        let resets = server.verbs().iter().filter(|verb| *verb == "RSET").count();
        assert_eq!(resets, 1, "MAIL was accepted, so RSET must follow");
    }
}

#[tokio::test]
async fn f39_f40_f42_each_refusal_of_a_recipient_has_its_meaning() {
    for (reply, verdict) in [
        ("450 4.2.0 greylisted", LATER),
        ("451 4.7.1 Greylisting in action", LATER),
        ("452 4.2.2 mailbox full", LATER),
        ("550 5.7.26 unauthenticated", LATER_POLICY),
        ("550 5.7.515 access denied", LATER_POLICY),
        ("550 5.7.1 spam", LATER_POLICY),
    ] {
        for pipelining in [true, false] {
            let (server, outcome) =
                alone(Script::polite().pipelining(pipelining).on(At::Rcpt, reply_line(reply))).await;
            assert_eq!((outcome.phase, classify(&outcome)), (Phase::Rcpt, verdict), "{reply}");
            assert!(server.accepted().is_empty());
        }
    }
}

#[tokio::test]
async fn f41_r15_a_421_in_any_phase_stops_the_run_and_closes_the_connection() {
    for at in [At::Mail, At::Rcpt, At::Data, At::Dot] {
        for pipelining in [true, false] {
            let script =
                Script::polite().pipelining(pipelining).nth(at, 1, reply_line("421 4.7.28 slow down"));
            let server = Server::start(script);
            let outcome = send(&relay(&server), &[KIM, LEE]).await;
            assert_eq!(verdicts(&outcome), [Verdict::Throttled, Verdict::Sent], "{at:?} {outcome:?}");
            assert_eq!(server.log().connections, 2, "{at:?}");
        }
    }
}

#[tokio::test]
async fn f43_data_without_354_is_not_accepted_and_no_message_is_written() {
    for (action, verdict) in [
        (reply_line("250 ok"), LATER),
        (reply_line("451 later"), LATER),
        (reply_line("554 no"), LATER_POLICY),
        (reply_line("what?"), LATER),
    ] {
        for pipelining in [true, false] {
            let (server, outcome) =
                alone(Script::polite().pipelining(pipelining).on(At::Data, action.clone())).await;
            assert_eq!((outcome.phase, classify(&outcome)), (Phase::Data, verdict), "{outcome:?}");
            assert!(server.log().messages.is_empty() && !server.verbs().contains(&"To:".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_354_after_a_rejected_recipient_is_ended_by_a_lone_dot() {
    let script = Script::polite()
        .pipelining(true)
        .recipient(KIM, reply_line("550 5.1.1 no such user"))
        .nth(At::Data, 1, reply_line("354 go ahead"))
        .nth(At::Dot, 1, reply_line("250 an empty message without recipients"));
    let server = Server::start(script);
    let outcome = send(&relay(&server), &[KIM, LEE]).await;
    assert_eq!(verdicts(&outcome), [FAILED, Verdict::Sent], "{outcome:?}");
    assert_eq!((server.log().connections, server.log().messages[0].data.len()), (1, 0));
    assert_eq!(server.accepted(), [format!("RCPT TO:<{LEE}>")]);
}

#[tokio::test]
async fn a_rejected_sender_with_an_accepted_recipient_gets_no_dot() {
    let script = Script::polite()
        .pipelining(true)
        .nth(At::Mail, 1, reply_line("550 5.7.1 not you"))
        .nth(At::Rcpt, 1, reply_line("250 ok"))
        .nth(At::Data, 1, reply_line("354 go ahead"));
    let server = Server::start(script);
    let outcome = send(&relay(&server), &[KIM, LEE]).await;
    assert_eq!(verdicts(&outcome), [Verdict::Sender, Verdict::Sent], "{outcome:?}");
    assert_eq!((server.log().connections, server.log().messages.len()), (2, 1));
}

#[tokio::test]
async fn a_rejected_sender_needs_no_rset() {
    let server =
        Server::start(Script::polite().pipelining(true).nth(At::Mail, 1, reply_line("451 try again")));
    let outcome = send(&relay(&server), &[KIM, LEE]).await;
    assert_eq!(
        (outcome[0].phase, classify(&outcome[0]), classify(&outcome[1])),
        (Phase::Mail, LATER, Verdict::Sent)
    );
    assert!(!server.verbs().contains(&"RSET".to_owned()));
}

#[tokio::test]
async fn f44_silence_in_a_phase_ends_at_its_deadline_and_closes_the_connection() {
    let runs = [(At::Mail, Phase::Mail), (At::Rcpt, Phase::Rcpt), (At::Data, Phase::Data)].map(
        |(at, phase)| async move {
            let server = Server::start(Script::polite().pipelining(true).nth(at, 1, Do::Stall));
            let mut smtp = relay(&server);
            (smtp.deadlines.command, smtp.deadlines.data) = (a_second(), a_second());
            let outcome = send(&smtp, &[KIM, LEE]).await;
            assert_eq!(outcome[0], SmtpOutcome { phase, result: Err(TransportError::Deadline) });
            assert_eq!(
                (classify(&outcome[0]), classify(&outcome[1]), server.log().connections),
                (LATER, Verdict::Sent, 2)
            );
        },
    );
    let [mail, rcpt, data] = runs;
    tokio::join!(mail, rcpt, data);
}

/// Sixteen megabytes, so the write cannot finish before the server has read some of it and replied.
fn more_than_buffers_hold() -> Vec<u8> {
    [vec![b'x'; 998], b"\r\n".to_vec()].concat().repeat(16_000)
}

#[tokio::test]
async fn f46_a_connection_lost_within_the_message_is_definite() {
    for action in [Do::Cut, Do::Reset] {
        let server = Server::start(Script::polite().on(At::Body, action));
        let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
        connection.offer(&envelope(KIM)).await.unwrap();
        let outcome = connection.body(&more_than_buffers_hold()).await.unwrap_err();
        assert_eq!(
            (outcome.phase, classify(&outcome), connection.is_usable()),
            (Phase::Body, LATER, false),
            "{outcome:?}"
        );
        assert!(server.log().messages.is_empty());
    }
}

#[tokio::test]
async fn a_rejection_in_the_middle_of_the_message_is_read() {
    for after in [vec![], vec![Do::Cut]] {
        let action = Do::Each([vec![reply_line("552 5.3.4 too big")], after].concat());
        let server = Server::start(Script::polite().on(At::Body, action));
        let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
        connection.offer(&envelope(KIM)).await.unwrap();
        let outcome = connection.body(&more_than_buffers_hold()).await.unwrap_err();
        assert!(matches!(&outcome.result, Ok(reply) if reply.code == 552), "{outcome:?}");
        assert_eq!((classify(&outcome), connection.is_usable()), (LATER_POLICY, false));
    }
}

#[tokio::test]
async fn f52_a_too_many_recipients_reply_defers_one_delivery_only() {
    for reply in ["452 4.5.3 too many recipients", "450 too many messages"] {
        let server = Server::start(Script::polite().recipient(KIM, reply_line(reply)));
        let outcome = send(&relay(&server), &[KIM, LEE]).await;
        assert_eq!(verdicts(&outcome), [LATER, Verdict::Sent], "{outcome:?}");
        assert_eq!(server.log().connections, 1);
    }
}

#[tokio::test]
async fn r6_r7_r9_an_invalid_reply_before_the_dot_is_definite_and_closes_the_connection() {
    for reply in [
        [b"250 ".to_vec(), vec![b'x'; 8_000_000]].concat(),
        b"250-x\r\n".repeat(10_000),
        b"2500 ok\r\n".to_vec(),
        b"250-a\r\n251 b\r\n".to_vec(),
        b"\r\n250 ok\r\n".to_vec(),
    ] {
        let (server, outcome) = alone(Script::polite().on(At::Rcpt, Do::Write(reply))).await;
        assert_eq!((outcome.phase, classify(&outcome)), (Phase::Rcpt, LATER), "{outcome:?}");
        assert!(
            matches!(outcome.result, Err(letterpress::internals::delivery::TransportError::Protocol(_))),
            "{outcome:?}"
        );
        assert!(server.log().messages.is_empty());
    }
}

#[tokio::test]
async fn f52_a_connection_sends_at_most_the_configured_number_of_messages() {
    for pipelining in [true, false] {
        let server = Server::start(Script::polite().pipelining(pipelining));
        let smtp = Smtp { messages_per_connection: 2, ..relay(&server) };
        assert_eq!(verdicts(&send(&smtp, &[KIM, LEE, PARK]).await), [Verdict::Sent; 3]);
        let log = server.log();
        assert_eq!(log.messages.iter().map(|message| message.connection).collect::<Vec<_>>(), [1, 1, 2]);
    }
}

#[tokio::test]
async fn f52_r17_a_message_above_the_size_limit_is_not_started() {
    for (keyword, sent) in [("SIZE 1", false), ("SIZE 0", true), ("SIZE banana", true), ("SIZE", true)] {
        let (server, outcome) = alone(Script::polite().keyword(keyword)).await;
        assert_eq!(
            classify(&outcome),
            if sent { Verdict::Sent } else { Verdict::Sender },
            "{keyword} {outcome:?}"
        );
        assert_eq!(server.verbs().contains(&"MAIL".to_owned()), sent);
        let declared = server.log().messages.iter().all(|message| message.mail.contains(" SIZE="));
        assert!(declared, "{keyword}");
    }
}

#[tokio::test]
async fn a_non_ascii_recipient_needs_smtputf8_and_the_others_continue() {
    let recipients = [KIM, "김@example.com", LEE];
    for (script, verdict) in [
        (Script::polite(), FAILED),
        (Script::polite().keyword("8BITMIME").keyword("SMTPUTF8"), Verdict::Sent),
    ] {
        let server = Server::start(script.pipelining(true));
        let smtp = relay(&server);
        let mut connection = transport(&smtp).connect().await.ok().unwrap();
        let mut outcome = Vec::new();
        for recipient in recipients {
            outcome.push(one(&mut *connection, recipient, None).await);
        }
        assert_eq!(verdicts(&outcome), [Verdict::Sent, verdict, Verdict::Sent], "{outcome:?}");
        assert_eq!(server.log().connections, 1);
    }
}

#[tokio::test]
async fn the_pipelined_envelope_must_be_the_next_one() {
    let server = Server::start(Script::polite().pipelining(true));
    let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
    assert_eq!(classify(&one(&mut *connection, KIM, Some(&envelope(LEE))).await), Verdict::Sent);
    let outcome = connection.offer(&envelope(PARK)).await.unwrap_err();
    assert_eq!(
        (outcome.phase, classify(&outcome), connection.is_usable()),
        (Phase::Mail, LATER, false),
        "{outcome:?}"
    );
    drop(connection);
    assert_eq!(server.accepted(), [format!("RCPT TO:<{KIM}>")]);
}

#[tokio::test]
async fn a_pipelined_recipient_may_be_rejected() {
    let server =
        Server::start(Script::polite().pipelining(true).recipient(LEE, reply_line("550 5.1.1 gone")));
    let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
    one(&mut *connection, KIM, Some(&envelope(LEE))).await;
    assert_eq!(classify(&connection.offer(&envelope(LEE)).await.unwrap_err()), FAILED);
    assert!(connection.is_usable());
    assert_eq!(classify(&one(&mut *connection, PARK, None).await), Verdict::Sent);
    assert_eq!(server.log().connections, 1);
}

#[tokio::test]
async fn a_message_that_allows_smuggling_is_refused_before_it_is_written() {
    for message in [
        &b"a\n.\nMAIL FROM:<x@example.com>\r\n"[..],
        b"a\r.\r\n",
        b"a\0\r\n",
        "김\r\n".as_bytes(),
        &[b'x'; 999],
    ] {
        let server = Server::start(Script::polite());
        let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
        connection.offer(&envelope(KIM)).await.unwrap();
        let outcome = connection.body(message).await.unwrap_err();
        assert!(
            matches!(outcome, SmtpOutcome { phase: Phase::Body, result: Err(TransportError::Unsendable(_)) }),
            "{outcome:?}"
        );
        assert_eq!((classify(&outcome), connection.is_usable()), (FAILED_POLICY, false));
        assert_eq!(server.verbs(), ["EHLO", "MAIL", "RCPT", "DATA"]);
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_noticed_before_the_next_envelope() {
    let last_reply = Do::Each(vec![
        reply_line("250 ok"),
        Do::Wait(std::time::Duration::from_millis(20)),
        reply_line("421 4.4.2 idle"),
        Do::Cut,
    ]);
    let server = Server::start(Script::polite().on(At::Dot, last_reply));
    let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
    assert_eq!(classify(&one(&mut *connection, KIM, None).await), Verdict::Sent);
    written(&server, At::Dot).await;
    let outcome = connection.offer(&envelope(LEE)).await.unwrap_err();
    assert!(
        matches!(&outcome, SmtpOutcome { phase: Phase::Mail, result: Ok(reply) } if reply.code == 421),
        "{outcome:?}"
    );
    assert!(!connection.is_usable());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_message_arrives_byte_for_byte(lines in prop::collection::vec("[.a ]{0,4}", 0..40)) {
        let message = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect::<String>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = Server::start(Script::polite());
        runtime.block_on(async {
            let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
            connection.offer(&envelope(KIM)).await.unwrap();
            connection.body(message.as_bytes()).await.unwrap();
            connection.final_dot(None).await.result.unwrap();
        });
        prop_assert_eq!(&server.log().messages[0].data, message.as_bytes());
    }
}
