//! With random replies, "sent" is reported only for a message that the server accepted.

use std::time::Duration;

use super::super::support::Message;
use super::*;
use proptest::prelude::*;

const RECIPIENTS: [&str; 4] = ["a@example.com", "b@example.com", "c@example.com", "d@example.com"];

/// What servers do, correct and wrong; nothing that waits for a deadline.
fn any_action() -> impl Strategy<Value = Do> {
    let line = prop_oneof![
        Just("250 ok"),
        Just("250"),
        Just("354 go ahead"),
        Just("421 4.7.0 slower"),
        Just("451 later"),
        Just("550 5.1.1 gone"),
        Just("554 5.7.1 spam"),
        Just("999 what"),
    ];
    let bytes = prop::sample::select(vec![
        &b"250 ok\r\n250 ok\r\n"[..],
        b"250-a\r\n550 b\r\n",
        b"354 a\r\n250 b\r\n",
        b"\xff\xfe\r\n",
        b"250 ok\n",
    ]);
    prop_oneof![
        6 => line.prop_map(reply_line),
        3 => bytes.prop_map(|bytes| Do::Write(bytes.to_vec())),
        1 => Just(Do::Cut),
        1 => Just(Do::Reset),
        1 => Just(Do::Each(vec![Do::Write(b"250 o".to_vec()), Do::Cut])),
        // Without the disconnect, the reply to the pipelined MAIL would complete this one to a whole 250.
        1 => Just(Do::Each(vec![Do::Write(b"250-half\r\n".to_vec()), Do::Cut])),
        1 => Just(Do::Each(vec![Do::Wait(Duration::from_millis(3)), reply_line("250 ok"), Do::Cut])),
        1 => Just(Do::Drip(b"250 ok\r\n".to_vec(), Duration::from_millis(1))),
    ]
}

/// Replies are sent only where one is due. A server that replies between message and dot and again after the dot gives
/// two replies to one dot, and which one is read is a race (`dot.rs` has the cases without a race).
fn any_script() -> impl Strategy<Value = Script> {
    let at = prop::sample::select(vec![At::Mail, At::Rcpt, At::Data, At::Dot, At::Dot, At::Rset]);
    let rules = prop::collection::vec((at, 1_usize..4, any_action()), 0..6);
    (any::<bool>(), rules).prop_map(|(pipelining, rules)| {
        let polite = Script::polite().pipelining(pipelining);
        rules.into_iter().fold(polite, |script, (at, nth, action)| script.nth(at, nth, action))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn sent_implies_a_2yz_reply_to_the_dot_of_that_message(script in any_script()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = Server::start(script);
        let mut smtp = relay(&server);
        (smtp.deadlines.command, smtp.deadlines.data, smtp.deadlines.dot) = (a_second(), a_second(), a_second());
        let outcome = runtime.block_on(send(&smtp, &RECIPIENTS));
        let log = server.log();
        for (recipient, outcome) in RECIPIENTS.iter().zip(&outcome) {
            let mut messages = log.messages.iter().filter(|message| message.data == message_to(recipient));
            let verdict = classify(outcome);
            if verdict == Verdict::Sent {
                prop_assert!(messages.clone().any(Message::accepted), "{recipient}: {outcome:?} {:?}", log.messages);
            }
            // The reverse: an outcome that is reported as definite was not accepted.
            if !matches!(verdict, Verdict::Sent | Verdict::Unknown) {
                prop_assert!(!messages.any(Message::accepted), "{recipient}: {outcome:?} {:?}", log.messages);
            }
        }
    }
}
