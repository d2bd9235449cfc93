//! After the dot: a complete reply decides by its first digit; in every other case the outcome is unknown.

use std::time::Duration;

use super::*;
use letterpress::internals::delivery::TransportError;

const KIM: &str = "kim@example.com";
const LEE: &str = "lee@example.com";

fn raw(bytes: &[u8]) -> Do {
    Do::Write(bytes.to_vec())
}

/// The verdict on one message when the server writes these bytes after the dot and disconnects.
async fn verdict_on(reply: Do) -> Verdict {
    let (_server, outcome) = alone(Script::polite().on(At::Dot, Do::Each(vec![reply, Do::Cut]))).await;
    assert_eq!(outcome.phase, Phase::Dot, "{outcome:?}");
    classify(&outcome)
}

#[tokio::test]
async fn f49_r2_r3_r4_r20_a_complete_2yz_reply_means_sent_whatever_its_text() {
    for reply in [
        &b"250 2.0.0 ok queued as 4F2\r\n"[..],
        b"250\r\n",
        b"250 \xf6\r\n",
        b"250 \xc8\xae\xc0\xce\r\n",
        b"250 ok\n",
        b"250-one\r\n250-two\r\n250 three\r\n",
        b"250 5.1.1 said by mistake\r\n",
        b"299 x\r\n",
    ] {
        assert_eq!(verdict_on(raw(reply)).await, Verdict::Sent, "{}", reply.escape_ascii());
    }
}

#[tokio::test]
async fn f50_r5_r6_r7_r8_r9_r10_r13_an_incomplete_reply_means_unknown() {
    for reply in [
        &b"354 go on\r\n"[..],
        b"100 wait\r\n",
        b"250-queued\r\n",
        b"250 half",
        b"25",
        b"",
        b"250-a\r\n251 b\r\n",
        b"  250 ok\r\n",
        b"2500 ok\r\n",
        b"\r\n250 ok\r\n",
        b"ok\r\n",
    ] {
        assert_eq!(verdict_on(raw(reply)).await, Verdict::Unknown, "{}", reply.escape_ascii());
    }
    assert_eq!(verdict_on(raw(&b"250-x\r\n".repeat(10_000))).await, Verdict::Unknown);
    assert_eq!(verdict_on(raw(&[b"250 ".to_vec(), vec![b'x'; 8_000_000]].concat())).await, Verdict::Unknown);
}

#[tokio::test]
async fn f51_r1_a_rejection_after_the_dot_is_definite() {
    for (reply, verdict) in [
        ("451 4.3.0 later", LATER),
        ("452 4.3.1 full", LATER),
        ("451 4.7.650 slower", Verdict::Throttled),
        ("554 5.7.1 spam", FAILED_POLICY),
        ("554 no", FAILED_POLICY),
        ("571 x", FAILED_POLICY),
        ("550 5.1.1 gone", FAILED),
    ] {
        assert_eq!(verdict_on(reply_line(reply)).await, verdict, "{reply}");
    }
}

#[tokio::test]
async fn a_regular_rejection_after_the_dot_keeps_the_connection_and_the_pipelined_envelope() {
    for pipelining in [true, false] {
        let script = Script::polite().pipelining(pipelining).nth(At::Dot, 1, reply_line("451 later"));
        let server = Server::start(script);
        assert_eq!(verdicts(&send(&relay(&server), &[KIM, LEE]).await), [LATER, Verdict::Sent]);
        assert_eq!(server.log().connections, 1);
        assert!(!server.verbs().contains(&"RSET".to_owned()));
    }
}

#[tokio::test]
async fn r12_a_reply_in_single_bytes_is_read() {
    assert_eq!(verdict_on(Do::Drip(b"250 ok\r\n".to_vec(), Duration::from_millis(5))).await, Verdict::Sent);
}

#[tokio::test]
async fn f47_a_connection_lost_after_the_dot_means_unknown_and_is_not_reused() {
    for action in [Do::Cut, Do::Reset] {
        for pipelining in [true, false] {
            let server =
                Server::start(Script::polite().pipelining(pipelining).nth(At::Dot, 1, action.clone()));
            let outcome = send(&relay(&server), &[KIM, LEE]).await;
            assert_eq!(verdicts(&outcome), [Verdict::Unknown, Verdict::Sent], "{outcome:?}");
            assert_eq!(server.log().connections, 2);
        }
    }
}

#[tokio::test]
async fn f45_f47_f48_a_late_reply_means_unknown_and_is_not_taken_for_another_reply() {
    let late = Do::Each(vec![Do::Wait(Duration::from_secs(4)), reply_line("250 late")]);
    let drip = Do::Drip(b"250 slow\r\n".to_vec(), Duration::from_millis(400));
    let runs = [late, drip, Do::Stall].map(|action| async move {
        let script = Script::polite()
            .pipelining(true)
            .nth(At::Dot, 1, action)
            .recipient(LEE, reply_line("550 5.1.1 gone"));
        let server = Server::start(script);
        let mut smtp = relay(&server);
        smtp.deadlines.dot = a_second();
        let outcome = send(&smtp, &[KIM, LEE]).await;
        assert_eq!(outcome[0], SmtpOutcome { phase: Phase::Dot, result: Err(TransportError::Deadline) });
        assert_eq!((verdicts(&outcome), server.log().connections), (vec![Verdict::Unknown, FAILED], 2));
    });
    let [late, drip, silent] = runs;
    tokio::join!(late, drip, silent);
}

#[tokio::test]
async fn a_cancelled_call_makes_its_connection_unusable() {
    let server = Server::start(Script::polite().pipelining(true).nth(At::Dot, 1, Do::Stall));
    let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
    let impatient =
        tokio::time::timeout(Duration::from_millis(200), one(&mut *connection, KIM, Some(&envelope(LEE))))
            .await;
    assert!(impatient.is_err() && !connection.is_usable());
    let outcome = connection.offer(&envelope(LEE)).await.unwrap_err();
    assert!(
        matches!(outcome, SmtpOutcome { phase: Phase::Mail, result: Err(TransportError::Io(_)) }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn r11_r14_an_acceptance_before_the_dot_does_not_count() {
    for action in [raw(b"354 go\r\n250 ok\r\n"), Do::Each(vec![reply_line("354 go"), reply_line("250 ok")])] {
        let server = Server::start(Script::polite().on(At::Data, action));
        let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
        connection.offer(&envelope(KIM)).await.unwrap();
        written(&server, At::Data).await;
        let outcome = match connection.body(&message_to(KIM)).await {
            Ok(()) => connection.final_dot(None).await,
            Err(outcome) => outcome,
        };
        assert_eq!(
            (outcome.phase, classify(&outcome), connection.is_usable()),
            (Phase::Body, LATER, false),
            "{outcome:?}"
        );
        assert!(server.log().messages.is_empty());
    }
}

#[tokio::test]
async fn r11_r14_an_acceptance_between_message_and_dot_prevents_the_dot() {
    let server = Server::start(Script::polite().on(At::Body, reply_line("250 ok")));
    let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
    connection.offer(&envelope(KIM)).await.unwrap();
    let body = connection.body(&message_to(KIM)).await;
    written(&server, At::Body).await;
    let outcome = match body {
        Ok(()) => connection.final_dot(None).await,
        Err(outcome) => outcome,
    };
    assert_eq!((outcome.phase, classify(&outcome)), (Phase::Body, LATER), "{outcome:?}");
    assert!(server.log().messages.is_empty());
}

#[tokio::test]
async fn r11_f48_a_second_reply_to_one_dot_is_not_taken_for_the_next_reply() {
    let server = Server::start(Script::polite().nth(At::Dot, 1, raw(b"250 ok\r\n250 ok again\r\n")));
    let outcome = send(&relay(&server), &[KIM, LEE]).await;
    assert_eq!(classify(&outcome[0]), Verdict::Sent);
    assert!(
        matches!(outcome[1], SmtpOutcome { phase: Phase::Mail, result: Err(TransportError::Protocol(_)) }),
        "{:?}",
        outcome[1]
    );
}

#[tokio::test]
async fn r16_the_text_of_a_reply_has_no_control_characters() {
    let (_server, outcome) =
        alone(Script::polite().on(At::Dot, raw(b"550 \x1b]0;owned\x07\rno\0\r\n"))).await;
    let text = outcome.result.unwrap().to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[tokio::test]
async fn a_dot_needs_a_message_before_it() {
    let server = Server::start(Script::polite());
    let mut connection = transport(&relay(&server)).connect().await.ok().unwrap();
    assert_eq!(connection.final_dot(None).await.phase, Phase::Body);
    assert!(!connection.is_usable());
    connection.quit().await;
    assert_eq!(server.verbs(), ["EHLO"], "an out-of-step connection sends nothing more");
}
