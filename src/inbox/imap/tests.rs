//! Tests the client against a small server that can disconnect, stall and misbehave (F78). `tests/dovecot` uses a
//! real one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{ImapError, Mailbox, sweep};
use crate::config::{Inbox, Processed, Secret, Span, Tls};
use crate::inbox::tests::{Fixture, hard, verp};
use crate::inbox::{InboxError, InboxReport};

/// How the server misbehaves.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// It disconnects in the middle of the mail with this UID.
    DiesInFetch(u32),
    /// It disconnects at the command to flag mail.
    DiesBeforeFlag,
    /// It sends nothing more after the login.
    Stalls,
    /// It announces a literal of four gigabytes.
    HugeLiteral,
    /// Its line never ends.
    EndlessLine,
    /// It declares the session authenticated before the login.
    Preauth,
    /// It rejects the password.
    NoLogin,
    /// The folder is read-only.
    ReadOnly,
}

#[derive(Default)]
struct State {
    mails: BTreeMap<u32, String>,
    seen: Vec<u32>,
    moved: Vec<u32>,
    commands: Vec<String>,
}

struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
    flaw: Arc<Mutex<Flaw>>,
}

impl Server {
    async fn start(mails: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { mails: (1..).zip(mails).collect(), ..State::default() };
        let server =
            Self { port, state: Arc::new(Mutex::new(state)), flaw: Arc::new(Mutex::new(Flaw::None)) };
        let (state, flaw) = (Arc::clone(&server.state), Arc::clone(&server.flaw));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let flaw = *flaw.lock().unwrap();
                // Ignore clients that disconnect; that is part of the tests.
                let _ = serve(stream, &state, flaw).await;
            }
        });
        server
    }

    fn mailbox(&self, processed: Processed) -> Mailbox {
        let inbox = Inbox {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port),
            tls: Tls::None,
            user: "kim".to_owned(),
            password_file: None,
            password_env: None,
            token_command: None,
            oauth: None,
            ca_file: None,
            folder: "INBOX".to_owned(),
            processed,
            timeout: Span::seconds(1),
        };
        Mailbox::new(&inbox, Secret::new("geheim \" 비밀", "test").unwrap().into()).unwrap()
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    fn set_flaw(&self, flaw: Flaw) {
        *self.flaw.lock().unwrap() = flaw;
    }
}

async fn serve(stream: TcpStream, state: &Mutex<State>, flaw: Flaw) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let greeting = if flaw == Flaw::Preauth { "* PREAUTH come in\r\n" } else { "* OK ready\r\n" };
    stream.write_all(greeting.as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = line.trim_end().to_owned();
        line.clear();
        let (tag, text) = command.split_once(' ').unwrap();
        state.lock().unwrap().commands.push(text.to_owned());
        if text == "AUTHENTICATE PLAIN" {
            stream.write_all(b"+ \r\n").await?;
            stream.read_line(&mut line).await?;
            line.clear();
        }
        let Some(answer) = answer(text, state, flaw) else {
            if flaw == Flaw::Stalls {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            return Ok(());
        };
        let (response, cut) = answer;
        stream.write_all(response.as_bytes()).await?;
        if cut {
            return Ok(());
        }
        let result = match flaw {
            Flaw::NoLogin if text.starts_with("AUTH") => "NO [AUTHENTICATIONFAILED] wrong\u{1b}[2J",
            Flaw::ReadOnly if text.starts_with("SELECT") => "OK [READ-ONLY] done",
            _ => "OK done",
        };
        stream.write_all(format!("{tag} {result}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn uids(set: &str) -> Vec<u32> {
    set.split(',')
        .flat_map(|run| {
            let (first, last) = run.split_once(':').unwrap_or((run, run));
            first.parse::<u32>().unwrap()..=last.parse().unwrap()
        })
        .collect()
}

/// The untagged response, and whether to disconnect in the middle of it; `None`: disconnect at once.
fn answer(text: &str, state: &Mutex<State>, flaw: Flaw) -> Option<(String, bool)> {
    let mut state = state.lock().unwrap();
    let fields: Vec<&str> = text.split(' ').collect();
    Some(match fields.as_slice() {
        ["CAPABILITY"] => ("* CAPABILITY IMAP4rev1 AUTH=PLAIN MOVE\r\n".to_owned(), false),
        ["SELECT" | "EXAMINE", _] => ("* 9 EXISTS\r\n* OK [UIDVALIDITY 7] yes\r\n".to_owned(), false),
        ["UID", "SEARCH", "UID", range, ..] => {
            match flaw {
                Flaw::Stalls => return None,
                Flaw::EndlessLine => return Some(("x".repeat(9 * 1024 * 1024), true)),
                _ => {}
            }
            let first: u32 = range.strip_suffix(":*").unwrap().parse().unwrap();
            let last = state.mails.keys().last().copied();
            let unseen = |uid: &&u32| !state.seen.contains(uid);
            let found = state.mails.keys().filter(|uid| **uid >= first || Some(**uid) == last).filter(unseen);
            let found: Vec<String> = found.map(|uid| format!(" {uid}")).collect();
            (format!("* SEARCH{}\r\n", found.concat()), false)
        }
        ["UID", "FETCH", set, ..] => {
            if flaw == Flaw::HugeLiteral {
                return Some(("* 1 FETCH (UID 1 BODY[]<0> {4294967295}\r\nx".to_owned(), true));
            }
            let mut text = String::new();
            for uid in uids(set) {
                let Some(mail) = state.mails.get(&uid) else { continue };
                let whole = format!("* {uid} FETCH (UID {uid} BODY[]<0> {{{}}}\r\n{mail})\r\n", mail.len());
                if flaw == Flaw::DiesInFetch(uid) {
                    text.push_str(&whole[..whole.len() / 2]);
                    return Some((text, true));
                }
                text.push_str(&whole);
            }
            (text, false)
        }
        ["UID", "STORE", set, "+FLAGS.SILENT", "(\\Seen)"] => {
            if flaw == Flaw::DiesBeforeFlag {
                return None;
            }
            state.seen.extend(uids(set));
            (String::new(), false)
        }
        ["UID", "MOVE", set, _] => {
            for uid in uids(set) {
                state.mails.remove(&uid);
                state.moved.push(uid);
            }
            (String::new(), false)
        }
        _ => (String::new(), false),
    })
}

async fn fixture_with_mail(subscribers: usize) -> (Fixture, Server) {
    let fixture = Fixture::with_subscribers(subscribers).await;
    let deliveries = fixture.issue("first", true).await;
    let mut mails: Vec<String> =
        deliveries.iter().enumerate().map(|(at, delivery)| hard(&verp(delivery), &at.to_string())).collect();
    mails.insert(
        mails.len().min(2),
        "Subject: a private mail\r\n\r\n* 3 FETCH (UID 3 BODY[] {4}\r\nhello\r\n".to_owned(),
    );
    (fixture, Server::start(mails).await)
}

async fn run(fixture: &Fixture, mailbox: &Mailbox) -> (InboxReport, Result<(), InboxError>) {
    let mut tally = InboxReport::default();
    let ended = sweep(&fixture.processor, mailbox, false, &mut tally).await;
    (tally, ended)
}

#[tokio::test]
async fn our_mails_are_flagged_after_the_commit_and_the_others_stay_unseen() {
    let (fixture, server) = fixture_with_mail(12).await;
    let (tally, ended) = run(&fixture, &server.mailbox(Processed::Seen)).await;
    ended.unwrap();
    assert_eq!((tally.mails, tally.bounces, tally.suppressed, tally.foreign), (13, 12, 12, 1));
    let seen = server.with(|state| state.seen.clone());
    assert_eq!(seen, (1..=13).filter(|uid| *uid != 3).collect::<Vec<_>>());
    // The next run does not read the foreign mail again, unless it is asked to.
    let (tally, _) = run(&fixture, &server.mailbox(Processed::Seen)).await;
    assert_eq!(tally.mails, 0);
    let mut tally = InboxReport::default();
    sweep(&fixture.processor, &server.mailbox(Processed::Seen), true, &mut tally).await.unwrap();
    assert_eq!((tally.mails, tally.foreign), (1, 1));
}

#[tokio::test]
async fn processed_mails_are_moved_if_so_configured() {
    let (fixture, server) = fixture_with_mail(3).await;
    run(&fixture, &server.mailbox(Processed::Move("완료".to_owned()))).await.1.unwrap();
    server.with(|state| {
        assert_eq!((state.moved.clone(), state.mails.len()), (vec![1, 2, 4], 1));
        assert!(state.commands.contains(&"CREATE \"&xkS4zA-\"".to_owned()), "{:?}", state.commands);
    });
}

#[tokio::test]
async fn a_server_that_dies_in_mid_fetch_or_before_the_flag_costs_nothing_and_counts_nothing_twice() {
    for flaw in [Flaw::DiesInFetch(6), Flaw::DiesInFetch(12), Flaw::DiesBeforeFlag] {
        let (fixture, server) = fixture_with_mail(12).await;
        server.set_flaw(flaw);
        let (first, ended) = run(&fixture, &server.mailbox(Processed::Seen)).await;
        assert!(matches!(ended, Err(InboxError::Imap(ImapError::Closed(_)))), "{ended:?}");
        server.set_flaw(Flaw::None);
        let (second, ended) = run(&fixture, &server.mailbox(Processed::Seen)).await;
        ended.unwrap();
        assert_eq!(first.suppressed + second.suppressed, 12);
        assert_eq!(second.duplicates, if flaw == Flaw::DiesBeforeFlag { first.bounces } else { 0 });
        assert_eq!(server.with(|state| state.seen.len()), 12);
    }
}

#[tokio::test]
async fn a_server_that_stalls_or_misbehaves_is_abandoned_in_time_and_named() {
    for (flaw, text) in [
        (Flaw::Stalls, "timeout waiting"),
        (Flaw::HugeLiteral, "more bytes"),
        (Flaw::EndlessLine, "too long"),
        (Flaw::Preauth, "greeting"),
        (Flaw::NoLogin, "rejected the login: [AUTHENTICATIONFAILED] wrong[2J"),
        (Flaw::ReadOnly, "read-only"),
    ] {
        let (fixture, server) = fixture_with_mail(1).await;
        server.set_flaw(flaw);
        let mailbox = server.mailbox(Processed::Seen);
        let ended = tokio::time::timeout(Duration::from_secs(10), run(&fixture, &mailbox));
        let (tally, ended) = ended.await.unwrap();
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert_eq!((tally.mails, server.with(|state| state.seen.len())), (0, 0));
        assert!(!error.contains("geheim"));
    }
}

#[tokio::test]
async fn a_rehearsal_opens_the_folder_read_only() {
    let (mut fixture, server) = fixture_with_mail(2).await;
    fixture.processor.rehearsal = true;
    let (tally, ended) = run(&fixture, &server.mailbox(Processed::Move("done".to_owned()))).await;
    ended.unwrap();
    assert_eq!((tally.bounces, tally.foreign), (2, 1));
    server.with(|state| {
        assert!(state.seen.is_empty() && state.moved.is_empty());
        assert!(state.commands.iter().all(|text| !text.starts_with("SELECT") && !text.starts_with("CREATE")));
    });
}
