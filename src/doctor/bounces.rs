//! Whether the address for bounces takes mail with a tag (`bounces+token@`), asked of the server of its domain as a bounce would
//! ask: up to RCPT, and no message.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::dns::Dns;
use super::domain::mail_hosts;
use super::{Check, Section};
use crate::address::EmailAddress;
use crate::text::clipped;

/// The port of every server that takes mail for a domain.
const PORT: u16 = 25;
const CONNECTING: Duration = Duration::from_secs(4);
/// Servers greet late on purpose, against spam.
const SESSION: Duration = Duration::from_secs(12);
/// The most addresses that are tried, and the most bytes of an answer.
const MOST_ADDRESSES: usize = 3;
const LONGEST_ANSWER: u64 = 16 * 1024;

const ID: &str = "bounce-address";

/// A reply: its code, and its last line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reply {
    code: u16,
    text: String,
}

/// Asks the server of the domain; `tagged` is an address as emails have it.
pub(super) async fn check(
    dns: &impl Dns,
    (plain, tagged): (&EmailAddress, &EmailAddress),
    hello: &str,
) -> Option<Check> {
    // Other checks say that there is no such server.
    let host = mail_hosts(dns, plain.domain()).await.ok()?.into_iter().next()?;
    let addresses = dns.all_addresses(&host).await.ok()?;
    let answered = converse(&addresses, PORT, (plain, tagged), hello).await;
    Some(judged(answered, &host, plain).about(plain.to_string()))
}

/// The replies to the tagged and the plain address; the error says why there are none.
async fn converse(
    addresses: &[IpAddr],
    port: u16,
    (plain, tagged): (&EmailAddress, &EmailAddress),
    hello: &str,
) -> Result<(Reply, Reply), String> {
    let mut refusal = "it has no address".to_owned();
    for address in addresses.iter().take(MOST_ADDRESSES) {
        let stream = match timeout(CONNECTING, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                refusal = error.to_string();
                continue;
            }
            Err(_) => {
                "no answer".clone_into(&mut refusal);
                continue;
            }
        };
        let asked = timeout(SESSION, ask(stream, (plain, tagged), hello)).await;
        return asked.unwrap_or_else(|_| Err("it answers too slowly".to_owned()));
    }
    Err(refusal)
}

async fn ask(
    stream: TcpStream,
    (plain, tagged): (&EmailAddress, &EmailAddress),
    hello: &str,
) -> Result<(Reply, Reply), String> {
    let mut stream = BufReader::new(stream);
    let said = |line: Option<String>| line.map(|line| format!("{line}\r\n").into_bytes()).unwrap_or_default();
    for command in [None, Some(format!("EHLO {hello}")), Some("MAIL FROM:<>".to_owned())] {
        let reply = exchange(&mut stream, &said(command)).await?;
        if !(200..300).contains(&reply.code) {
            return Err(format!("it answers {}", reply.text));
        }
    }
    let with_tag = exchange(&mut stream, &said(Some(format!("RCPT TO:<{tagged}>")))).await?;
    let without = exchange(&mut stream, &said(Some(format!("RCPT TO:<{plain}>")))).await?;
    // Its answers change nothing.
    let _ = exchange(&mut stream, b"RSET\r\n").await;
    let _ = stream.write_all(b"QUIT\r\n").await;
    Ok((with_tag, without))
}

/// Sends a command, if there is one, and reads the reply.
async fn exchange(stream: &mut BufReader<TcpStream>, command: &[u8]) -> Result<Reply, String> {
    let lost = |error: std::io::Error| format!("the connection broke: {error}");
    stream.write_all(command).await.map_err(lost)?;
    let mut answer = stream.take(LONGEST_ANSWER);
    loop {
        let mut line = Vec::new();
        answer.read_until(b'\n', &mut line).await.map_err(lost)?;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let code = text.get(..3).and_then(|code| code.parse().ok()).filter(|_| line.ends_with(b"\n"));
        match (code, text.as_bytes().get(3)) {
            (Some(_), Some(b'-')) => {}
            (Some(code), _) => return Ok(Reply { code, text: clipped(&text) }),
            (None, _) => return Err("it does not speak SMTP, or hung up".to_owned()),
        }
    }
}

fn judged(answered: Result<(Reply, Reply), String>, host: &str, plain: &EmailAddress) -> Check {
    let host = clipped(host);
    let skipped = |message: String| Check::skipped(Section::Domain, ID, message);
    let (with_tag, without) = match answered {
        Ok(replies) => replies,
        Err(why) => {
            return skipped(format!(
                "whether {host} takes bounces is not known: {why} at port {PORT}, which many networks close for \
                 outgoing connections"
            ));
        }
    };
    let next = "turn plus addressing on in that server (Postfix: recipient_delimiter = +), or let all addresses of the \
                domain arrive in this mailbox";
    match (with_tag.code / 100, without.code / 100) {
        (2, _) => {
            Check::good(Section::Domain, ID, format!("{host} takes bounces, with a tag after a plus sign"))
        }
        (5, 2) => {
            let message = format!("{host} takes mail for {plain}, but not with a tag: {}", with_tag.text);
            Check::fault(Section::Domain, ID, message, next)
        }
        (5, 5) if without.text.contains("5.1.") || without.code == 551 || without.code == 553 => {
            let message = format!("{host} does not know the address: {}", without.text);
            Check::fault(Section::Domain, ID, message, "make the mailbox, or correct newsletter.bounces")
        }
        _ => skipped(format!("{host} does not say whether it takes bounces: {}", with_tag.text)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::doctor::Level;

    const UNKNOWN: &str = "550 5.1.1 no such user";
    const LATER: &str = "450 4.7.1 greylisted";

    /// A server that answers these lines, one after the other.
    async fn answers(lines: &'static [&'static str]) -> (Result<(Reply, Reply), String>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut heard = Vec::new();
            for line in lines {
                stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
                let mut command = String::new();
                stream.read_line(&mut command).await.unwrap();
                heard.push(command.trim_end().to_owned());
            }
            heard
        });
        let plain = EmailAddress::parse("bounces@letters.kr").unwrap();
        let tagged = EmailAddress::parse("bounces+v1.x@letters.kr").unwrap();
        let local = ["127.0.0.1".parse().unwrap()];
        let answered = converse(&local, port, (&plain, &tagged), "news.letters.kr").await;
        (answered, server.await.unwrap())
    }

    fn level(answered: Result<(Reply, Reply), String>) -> (Level, String) {
        let check = judged(answered, "mx.letters.kr", &EmailAddress::parse("bounces@letters.kr").unwrap());
        (check.level, check.message)
    }

    #[tokio::test]
    async fn the_server_is_asked_as_a_bounce_would_ask_and_gets_no_message() {
        let (answered, heard) = answers(&[
            "220-mx\r\n220 ESMTP",
            "250-mx\r\n250 8BITMIME",
            "250 ok",
            "250 ok",
            "250 ok",
            "250 reset",
        ])
        .await;
        assert_eq!(level(answered).0, Level::Good);
        assert_eq!(
            heard,
            [
                "EHLO news.letters.kr",
                "MAIL FROM:<>",
                "RCPT TO:<bounces+v1.x@letters.kr>",
                "RCPT TO:<bounces@letters.kr>",
                "RSET",
                "QUIT"
            ]
        );
    }

    #[tokio::test]
    async fn a_server_without_plus_addressing_or_without_the_mailbox_is_a_fault() {
        let (answered, _) =
            answers(&["220 mx", "250 mx", "250 ok", "550 5.1.1 no such user", "250 ok", "250 reset"]).await;
        let (found, message) = level(answered);
        assert_eq!(found, Level::Fault);
        assert!(message.contains("but not with a tag: 550 5.1.1 no such user"), "{message}");
        let (answered, _) = answers(&["220 mx", "250 mx", "250 ok", UNKNOWN, UNKNOWN, "250 reset"]).await;
        assert_eq!(level(answered).0, Level::Fault);
    }

    #[tokio::test]
    async fn a_server_that_answers_later_or_not_to_us_says_nothing_about_the_address() {
        let (answered, _) = answers(&["220 mx", "250 mx", "250 ok", LATER, LATER, "250 reset"]).await;
        assert_eq!(level(answered).0, Level::Skipped);
        let (answered, _) = answers(&["554 5.7.1 your network is blocked"]).await;
        let (found, message) = level(answered);
        assert_eq!(found, Level::Skipped);
        assert!(message.contains("it answers 554 5.7.1 your network is blocked"), "{message}");
        let (answered, _) = answers(&["HTTP/1.1 400 Bad Request"]).await;
        assert!(answered.is_err());
    }
}
