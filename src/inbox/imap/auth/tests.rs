//! Logins with a token at a small server that accepts only one of them.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::SystemClock;
use crate::config::Inbox;
use crate::oauth::TokenSource;

const REFUSAL: &str = r#"{"status":"400","schemes":"bearer","scope":"imap"}"#;

/// A server with these capabilities that accepts `token-2`.
struct Server {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(capabilities: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = serve(stream, capabilities, &seen).await;
            }
        });
        Self { port, lines }
    }

    /// A mailbox whose program prints `token-1`, then `token-2` and so on; or always `token-9`.
    fn mailbox(&self, folder: &std::path::Path, is_right: bool) -> Mailbox {
        let script = if is_right {
            "printf x >>\"$0\"; echo token-$(wc -c <\"$0\" | tr -d ' ')"
        } else {
            "echo token-9"
        };
        let count = folder.join("count").display().to_string();
        let command = ["/bin/sh", "-c", script, &count].map(str::to_owned);
        let source = TokenSource::command(&command, Arc::new(SystemClock));
        let settings =
            serde_json::json!({ "host": "127.0.0.1", "port": self.port, "tls": "none", "user": "kim" });
        let inbox: Inbox = serde_json::from_value(settings).unwrap();
        Mailbox::new(&inbox, Credential::Token(Arc::new(source))).unwrap()
    }

    /// The responses of the client, decoded, and its other lines about the login.
    fn logins(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let is_login = |line: &&String| !line.contains("CAPABILITY") && !line.contains("LOGOUT");
        lines.iter().filter(is_login).map(|line| decoded(line)).collect()
    }
}

/// A line with its last word decoded, if that is a response.
fn decoded(line: &str) -> String {
    let (before, last) = line.rsplit_once(' ').map_or(("", line), |(before, last)| (before, last));
    match BASE64.decode(last).map(String::from_utf8) {
        Ok(Ok(text)) if text.contains('\u{1}') => format!("{before} {text}").trim_start().to_owned(),
        _ => line.to_owned(),
    }
}

async fn serve(stream: TcpStream, capabilities: &str, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = std::mem::take(&mut line).trim_end().to_owned();
        let (tag, text) = command.split_once(' ').unwrap();
        seen.lock().unwrap().push(text.to_owned());
        let mut result = "OK done";
        if text == "CAPABILITY" {
            stream.write_all(format!("* CAPABILITY IMAP4rev1 {capabilities}\r\n").as_bytes()).await?;
        } else if text.starts_with("AUTHENTICATE") {
            let mut response = decoded(text);
            if text.split(' ').count() == 2 {
                stream.write_all(b"+ \r\n").await?;
                stream.read_line(&mut line).await?;
                response = decoded(std::mem::take(&mut line).trim_end());
                seen.lock().unwrap().push(response.clone());
            }
            if !response.contains("Bearer token-2\u{1}") {
                stream.write_all(format!("+ {}\r\n", BASE64.encode(REFUSAL)).as_bytes()).await?;
                stream.read_line(&mut line).await?;
                seen.lock().unwrap().push(std::mem::take(&mut line).trim_end().to_owned());
                result = "NO [AUTHENTICATIONFAILED] no";
            }
        }
        stream.write_all(format!("{tag} {result}\r\n").as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_token_is_acknowledged_and_another_one_tried_over_a_new_connection() {
    let bearer =
        |token: &str| format!("n,a=kim,\u{1}host=127.0.0.1\u{1}port=PORT\u{1}auth=Bearer {token}\u{1}\u{1}");
    let legacy = |token: &str| format!("user=kim\u{1}auth=Bearer {token}\u{1}\u{1}");
    let cases = [
        (
            "AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR",
            vec![
                format!("AUTHENTICATE OAUTHBEARER {}", bearer("token-1")),
                "\u{1}".to_owned(),
                format!("AUTHENTICATE OAUTHBEARER {}", bearer("token-2")),
            ],
        ),
        (
            "AUTH=PLAIN AUTH=XOAUTH2",
            vec![
                "AUTHENTICATE XOAUTH2".to_owned(),
                legacy("token-1"),
                String::new(),
                "AUTHENTICATE XOAUTH2".to_owned(),
                legacy("token-2"),
            ],
        ),
    ];
    for (capabilities, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(capabilities).await;
        server.mailbox(folder.path(), true).try_login().await.unwrap();
        let port = server.port.to_string();
        let expected: Vec<String> = expected.iter().map(|line| line.replace("PORT", &port)).collect();
        assert_eq!(server.logins(), expected);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_for_good_is_explained_by_the_words_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("AUTH=XOAUTH2 SASL-IR").await;
    let error = server.mailbox(folder.path(), false).try_login().await.unwrap_err();
    let expected = format!("[AUTHENTICATIONFAILED] no {REFUSAL}");
    assert!(matches!(&error, ImapError::LoginRefused(reply) if *reply == expected), "{error}");
    // The program has no other token, so there is no second try.
    assert_eq!(server.logins().len(), 2);
}

#[tokio::test]
async fn a_server_without_oauth_gets_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start("AUTH=PLAIN SASL-IR").await;
    let error = server.mailbox(folder.path(), true).try_login().await.unwrap_err().to_string();
    assert!(error.contains("OAUTHBEARER or XOAUTH2"), "{error}");
    assert_eq!(server.logins(), Vec::<String>::new());
}
