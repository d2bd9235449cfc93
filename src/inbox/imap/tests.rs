//! The client against a small server that can die, stall and lie (F78). A real one is in `tests/dovecot`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{ImapError, Mailbox, sweep};
use crate::config::{Inbox, Processed, Secret, Span, Tls};
use crate::inbox::tests::{Place, hard, verp};
use crate::inbox::{InboxError, InboxReport};

/// In what the server is not like a good one.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    /// It hangs up in the middle of the mail with this UID.
    DiesInFetch(u32),
    /// It hangs up when it is told to flag something.
    DiesBeforeFlag,
    /// It says nothing more after the login.
    Stalls,
    /// It announces a literal of four gigabytes.
    HugeLiteral,
    /// Its line never ends.
    EndlessLine,
    /// It calls the session authenticated before anybody logged in.
    Preauth,
    /// It refuses the password.
    NoLogin,
    /// The folder cannot be written to.
    ReadOnly,
}

#[derive(Default)]
struct Kept {
    mails: BTreeMap<u32, String>,
    seen: Vec<u32>,
    moved: Vec<u32>,
    commands: Vec<String>,
}

struct Server {
    port: u16,
    kept: Arc<Mutex<Kept>>,
    flaw: Arc<Mutex<Flaw>>,
}

impl Server {
    async fn start(mails: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Kept { mails: (1..).zip(mails).collect(), ..Kept::default() };
        let server = Self { port, kept: Arc::new(Mutex::new(kept)), flaw: Arc::new(Mutex::new(Flaw::None)) };
        let (kept, flaw) = (Arc::clone(&server.kept), Arc::clone(&server.flaw));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let flaw = *flaw.lock().unwrap();
                // A client that hangs up is part of the tests.
                let _ = serve(stream, &kept, flaw).await;
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
            ca_file: None,
            folder: "INBOX".to_owned(),
            processed,
            timeout: Span::seconds(1),
        };
        Mailbox::new(&inbox, Secret::new("geheim \" 비밀", "test").unwrap()).unwrap()
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap())
    }

    fn is_flawed(&self, flaw: Flaw) {
        *self.flaw.lock().unwrap() = flaw;
    }
}

async fn serve(stream: TcpStream, kept: &Mutex<Kept>, flaw: Flaw) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let greeting = if flaw == Flaw::Preauth { "* PREAUTH come in\r\n" } else { "* OK ready\r\n" };
    stream.write_all(greeting.as_bytes()).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = line.trim_end().to_owned();
        line.clear();
        let (tag, words) = command.split_once(' ').unwrap();
        kept.lock().unwrap().commands.push(words.to_owned());
        if words == "AUTHENTICATE PLAIN" {
            stream.write_all(b"+ \r\n").await?;
            stream.read_line(&mut line).await?;
            line.clear();
        }
        let Some(answer) = answer(words, kept, flaw) else {
            if flaw == Flaw::Stalls {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            return Ok(());
        };
        let (text, cut) = answer;
        stream.write_all(text.as_bytes()).await?;
        if cut {
            return Ok(());
        }
        let result = match flaw {
            Flaw::NoLogin if words.starts_with("AUTH") => "NO [AUTHENTICATIONFAILED] wrong\u{1b}[2J",
            Flaw::ReadOnly if words.starts_with("SELECT") => "OK [READ-ONLY] done",
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

/// The untagged answer, and whether to hang up in the middle of it; `None`: hang up at once.
fn answer(words: &str, kept: &Mutex<Kept>, flaw: Flaw) -> Option<(String, bool)> {
    let mut kept = kept.lock().unwrap();
    let fields: Vec<&str> = words.split(' ').collect();
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
            let last = kept.mails.keys().last().copied();
            let unseen = |uid: &&u32| !kept.seen.contains(uid);
            let found = kept.mails.keys().filter(|uid| **uid >= first || Some(**uid) == last).filter(unseen);
            let found: Vec<String> = found.map(|uid| format!(" {uid}")).collect();
            (format!("* SEARCH{}\r\n", found.concat()), false)
        }
        ["UID", "FETCH", set, ..] => {
            if flaw == Flaw::HugeLiteral {
                return Some(("* 1 FETCH (UID 1 BODY[]<0> {4294967295}\r\nx".to_owned(), true));
            }
            let mut text = String::new();
            for uid in uids(set) {
                let Some(mail) = kept.mails.get(&uid) else { continue };
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
            kept.seen.extend(uids(set));
            (String::new(), false)
        }
        ["UID", "MOVE", set, _] => {
            for uid in uids(set) {
                kept.mails.remove(&uid);
                kept.moved.push(uid);
            }
            (String::new(), false)
        }
        _ => (String::new(), false),
    })
}

async fn place_with_mail(readers: usize) -> (Place, Server) {
    let place = Place::with_readers(readers).await;
    let copies = place.issue("first", true).await;
    let mut mails: Vec<String> =
        copies.iter().enumerate().map(|(at, copy)| hard(&verp(copy), &at.to_string())).collect();
    mails.insert(
        mails.len().min(2),
        "Subject: a letter from a friend\r\n\r\n* 3 FETCH (UID 3 BODY[] {4}\r\nhello\r\n".to_owned(),
    );
    (place, Server::start(mails).await)
}

async fn run(place: &Place, mailbox: &Mailbox) -> (InboxReport, Result<(), InboxError>) {
    let mut tally = InboxReport::default();
    let ended = sweep(&place.desk, mailbox, false, &mut tally).await;
    (tally, ended)
}

#[tokio::test]
async fn own_mails_are_flagged_after_the_commit_and_the_others_stay_unseen() {
    let (place, server) = place_with_mail(12).await;
    let (tally, ended) = run(&place, &server.mailbox(Processed::Seen)).await;
    ended.unwrap();
    assert_eq!((tally.mails, tally.bounces, tally.suppressed, tally.foreign), (13, 12, 12, 1));
    let seen = server.with(|kept| kept.seen.clone());
    assert_eq!(seen, (1..=13).filter(|uid| *uid != 3).collect::<Vec<_>>());
    // The next run does not look at the letter from a friend again, unless it is asked to.
    let (tally, _) = run(&place, &server.mailbox(Processed::Seen)).await;
    assert_eq!(tally.mails, 0);
    let mut tally = InboxReport::default();
    sweep(&place.desk, &server.mailbox(Processed::Seen), true, &mut tally).await.unwrap();
    assert_eq!((tally.mails, tally.foreign), (1, 1));
}

#[tokio::test]
async fn mails_that_were_taken_are_moved_if_so_configured() {
    let (place, server) = place_with_mail(3).await;
    run(&place, &server.mailbox(Processed::Move("완료".to_owned()))).await.1.unwrap();
    server.with(|kept| {
        assert_eq!((kept.moved.clone(), kept.mails.len()), (vec![1, 2, 4], 1));
        assert!(kept.commands.contains(&"CREATE \"&xkS4zA-\"".to_owned()), "{:?}", kept.commands);
    });
}

#[tokio::test]
async fn a_server_that_dies_in_mid_fetch_or_before_the_flag_costs_nothing_and_counts_nothing_twice() {
    for flaw in [Flaw::DiesInFetch(6), Flaw::DiesInFetch(12), Flaw::DiesBeforeFlag] {
        let (place, server) = place_with_mail(12).await;
        server.is_flawed(flaw);
        let (first, ended) = run(&place, &server.mailbox(Processed::Seen)).await;
        assert!(matches!(ended, Err(InboxError::Imap(ImapError::Closed(_)))), "{ended:?}");
        server.is_flawed(Flaw::None);
        let (second, ended) = run(&place, &server.mailbox(Processed::Seen)).await;
        ended.unwrap();
        assert_eq!(first.suppressed + second.suppressed, 12);
        assert_eq!(second.duplicates, if flaw == Flaw::DiesBeforeFlag { first.bounces } else { 0 });
        assert_eq!(server.with(|kept| kept.seen.len()), 12);
    }
}

#[tokio::test]
async fn a_server_that_stalls_lies_or_refuses_is_given_up_in_time_and_named() {
    for (flaw, words) in [
        (Flaw::Stalls, "in time"),
        (Flaw::HugeLiteral, "more bytes"),
        (Flaw::EndlessLine, "does not end"),
        (Flaw::Preauth, "greeting"),
        (Flaw::NoLogin, "refused the login: [AUTHENTICATIONFAILED] wrong[2J"),
        (Flaw::ReadOnly, "only be read"),
    ] {
        let (place, server) = place_with_mail(1).await;
        server.is_flawed(flaw);
        let mailbox = server.mailbox(Processed::Seen);
        let ended = tokio::time::timeout(Duration::from_secs(10), run(&place, &mailbox));
        let (tally, ended) = ended.await.unwrap();
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert_eq!((tally.mails, server.with(|kept| kept.seen.len())), (0, 0));
        assert!(!error.contains("geheim"));
    }
}

#[tokio::test]
async fn a_rehearsal_opens_the_folder_to_read_only() {
    let (mut place, server) = place_with_mail(2).await;
    place.desk.rehearsal = true;
    let (tally, ended) = run(&place, &server.mailbox(Processed::Move("done".to_owned()))).await;
    ended.unwrap();
    assert_eq!((tally.bounces, tally.foreign), (2, 1));
    server.with(|kept| {
        assert!(kept.seen.is_empty() && kept.moved.is_empty());
        assert!(
            kept.commands.iter().all(|words| !words.starts_with("SELECT") && !words.starts_with("CREATE"))
        );
    });
}
