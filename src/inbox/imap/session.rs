//! The few commands that an inbox needs, each within its time limit.
//!
//! What is demanded and not offered ends the session; there is no way back to plaintext. The password is in no error.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::folder::{quoted, quoted_folder, set};
use super::response::Response;
use super::response_reader::ResponseReader;
use super::{ImapError, Mailbox};
use crate::config::{Processed, Tls};
use crate::delivery::smtp::connector::{Connected, dial, probe};
use crate::delivery::{MissingCapability, Phase, SmtpOutcome, TransportError, WrongProtocol};
use crate::inbox::MOST_BYTES;
use crate::text::HeaderText;

/// A server that says nothing for so long is asked whether it waits for TLS.
const LONG_SILENCE: Duration = Duration::from_secs(8);

fn refused_login(error: ImapError) -> ImapError {
    match error {
        ImapError::Refused(_, said) => ImapError::LoginRefused(said),
        other => other,
    }
}

fn unusable(phase: Phase) -> impl Fn(TransportError) -> ImapError {
    move |trouble| ImapError::Unusable(Box::new(SmtpOutcome { phase, result: Err(trouble) }))
}

/// Responses to one command that nobody asked for: other clients at work.
const MOST_RESPONSES: usize = 20_000;
/// Mails that are kept from one command's responses.
const MOST_MAILS: usize = 2 * super::BATCH;

/// A session after its login.
pub(super) struct Session {
    reader: ResponseReader,
    timeout: Duration,
    commands: u32,
    offered: Vec<String>,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(mailbox: &Mailbox) -> Result<Self, ImapError> {
        let Connected { stream, peer, address, .. } =
            tokio::time::timeout(mailbox.timeout, dial(&mailbox.host, mailbox.port))
                .await
                .unwrap_or(Err(TransportError::Deadline))
                .map_err(unusable(Phase::Connect))?;
        if mailbox.tls == Tls::None && !peer.is_loopback() {
            return Err(unusable(Phase::Auth)(TransportError::Missing(MissingCapability::TlsForPassword)));
        }
        let wire = ResponseReader::new(Box::new(stream));
        let mut session = Self { reader: wire, timeout: mailbox.timeout, commands: 0, offered: Vec::new() };
        if mailbox.tls == Tls::Implicit {
            session = session.handshake(mailbox).await?;
            session.greeting().await?;
        } else {
            session.plain_greeting(address).await?;
        }
        if mailbox.tls == Tls::Starttls {
            session.ask_for_capabilities().await?;
            if !session.offers("STARTTLS") {
                return Err(unusable(Phase::Tls)(TransportError::Missing(MissingCapability::Starttls)));
            }
            session.command("STARTTLS", "starting TLS").await?;
            session = session.handshake(mailbox).await?;
        }
        // What was offered in the clear may have been somebody else's words.
        session.ask_for_capabilities().await?;
        session.log_in(mailbox).await?;
        session.ask_for_capabilities().await?;
        Ok(session)
    }

    async fn handshake(self, mailbox: &Mailbox) -> Result<Self, ImapError> {
        let Some(setup) = &mailbox.setup else { return Err(ImapError::Missing("TLS")) };
        let stream = self.reader.into_stream()?;
        let stream = tokio::time::timeout(self.timeout, setup.handshake(stream))
            .await
            .unwrap_or(Err(TransportError::Deadline))
            .map_err(unusable(Phase::Tls))?;
        Ok(Self { reader: ResponseReader::new(stream), ..self })
    }

    /// A server that says nothing may wait for TLS; it is asked.
    async fn plain_greeting(&mut self, address: SocketAddr) -> Result<(), ImapError> {
        let (timeout, soon) = (self.timeout, LONG_SILENCE.min(self.timeout / 2));
        self.timeout = soon;
        let mut ended = self.greeting().await;
        if matches!(&ended, Err(ImapError::Unusable(_))) && self.reader.is_silent() {
            if let Ok(Some(speaks)) = tokio::time::timeout(soon, probe(address)).await {
                return Err(unusable(Phase::Greeting)(TransportError::WrongProtocol(speaks)));
            }
            if matches!(&ended, Err(ImapError::Unusable(heard)) if heard.result == Err(TransportError::Deadline))
            {
                self.timeout = timeout.saturating_sub(2 * soon);
                ended = self.greeting().await;
            }
        }
        self.timeout = timeout;
        ended
    }

    async fn greeting(&mut self) -> Result<(), ImapError> {
        const DOING: &str = "greeting";
        let response = match tokio::time::timeout(self.timeout, self.reader.response(DOING)).await {
            Err(_) => return Err(unusable(Phase::Greeting)(TransportError::Deadline)),
            Ok(Err(error)) => {
                let trouble = match (self.reader.speaks(), &error) {
                    (Some(speaks), _) => TransportError::WrongProtocol(speaks),
                    (None, ImapError::Closed(_)) => TransportError::Closed,
                    (None, _) => return Err(error),
                };
                return Err(unusable(Phase::Greeting)(trouble));
            }
            Ok(Ok(response)) => response,
        };
        if let Some(
            speaks
            @ (WrongProtocol::Smtp(_) | WrongProtocol::Pop3 | WrongProtocol::Http | WrongProtocol::Ssh),
        ) = WrongProtocol::recognise(response.head().as_bytes())
        {
            return Err(unusable(Phase::Greeting)(TransportError::WrongProtocol(speaks)));
        }
        match (response.untagged("OK"), response.untagged("BYE")) {
            (Some(_), _) => Ok(()),
            (None, Some(why)) => Err(ImapError::Refused("the connection", reply_text(why))),
            // PREAUTH would let anybody between us and the server skip the login.
            (None, None) => Err(ImapError::Protocol(DOING, reply_text(response.head()))),
        }
    }

    async fn ask_for_capabilities(&mut self) -> Result<(), ImapError> {
        let responses = self.command("CAPABILITY", "reading the capabilities").await?;
        self.offered = responses
            .iter()
            .filter_map(|response| response.untagged("CAPABILITY"))
            .flat_map(str::split_ascii_whitespace)
            .map(str::to_ascii_uppercase)
            .collect();
        Ok(())
    }

    fn offers(&self, capability: &str) -> bool {
        self.offered.iter().any(|offered| offered == capability)
    }

    /// AUTHENTICATE PLAIN (RFC 4616), which takes any password, or else LOGIN.
    async fn log_in(&mut self, mailbox: &Mailbox) -> Result<(), ImapError> {
        const DOING: &str = "the login";
        let (user, password) = (&mailbox.user, mailbox.password.expose());
        if self.offers("AUTH=PLAIN") && !user.contains('\0') && !password.contains('\0') {
            let answer = format!("{}\r\n", BASE64.encode(format!("\0{user}\0{password}")));
            return self
                .dialogue("AUTHENTICATE PLAIN", Some(&answer), DOING)
                .await
                .map(drop)
                .map_err(refused_login);
        }
        let plain = |word: &str| word.chars().all(|c| matches!(c, ' '..='~'));
        if self.offers("LOGINDISABLED") {
            let mechanisms = self.offered.iter().filter_map(|offered| offered.strip_prefix("AUTH="));
            let mechanisms = mechanisms.map(str::to_owned).collect();
            let offers_starttls = self.offers("STARTTLS");
            return Err(unusable(Phase::Auth)(TransportError::Missing(MissingCapability::Auth {
                offers_starttls,
                mechanisms,
            })));
        }
        if !plain(user) || !plain(password) {
            return Err(ImapError::Missing("AUTH=PLAIN, which this login requires"));
        }
        let command = format!("LOGIN {} {}", quoted(user), quoted(password));
        self.command(&command, DOING).await.map(drop).map_err(refused_login)
    }

    /// Opens a folder, to read only if nothing is to be changed. Returns its UIDVALIDITY.
    pub(super) async fn select(&mut self, folder: &str, only_look: bool) -> Result<u32, ImapError> {
        const DOING: &str = "opening the folder";
        let verb = if only_look { "EXAMINE" } else { "SELECT" };
        let responses = self.command(&format!("{verb} {}", quoted_folder(folder)), DOING).await?;
        let read_only = responses.last().is_some_and(|last| last.head().contains("[READ-ONLY]"));
        if read_only && !only_look {
            return Err(ImapError::ReadOnly(folder.to_owned()));
        }
        responses
            .iter()
            .find_map(|response| response.code("UIDVALIDITY"))
            .ok_or_else(|| ImapError::Protocol(DOING, "it sent no UIDVALIDITY".to_owned()))
    }

    /// The mails from this UID on that nobody has seen, in order.
    pub(super) async fn unseen(&mut self, first: u32) -> Result<Vec<u32>, ImapError> {
        let command = format!("UID SEARCH UID {first}:* UNSEEN UNDELETED");
        let responses = self.command(&command, "searching for mail").await?;
        let mut uids: Vec<u32> = responses
            .iter()
            .filter_map(|response| response.untagged("SEARCH"))
            .flat_map(str::split_ascii_whitespace)
            .filter_map(|word| word.parse().ok())
            // `7:*` names the last mail even if its UID is less than 7.
            .filter(|uid| *uid >= first)
            .collect();
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// The beginnings of mails; those that are gone by now are missing.
    pub(super) async fn fetch(&mut self, uids: &[u32]) -> Result<Vec<(u32, Vec<u8>)>, ImapError> {
        let command = format!("UID FETCH {} (UID BODY.PEEK[]<0.{MOST_BYTES}>)", set(uids));
        let responses = self.command(&command, "fetching mail").await?;
        let mut mails: Vec<_> = responses.into_iter().filter_map(Response::fetched).collect();
        mails.sort_unstable_by_key(|(uid, _)| *uid);
        mails.dedup_by_key(|(uid, _)| *uid);
        Ok(mails)
    }

    /// Makes a folder; one that is there already is as good.
    pub(super) async fn create(&mut self, folder: &str) -> Result<(), ImapError> {
        match self.command(&format!("CREATE {}", quoted_folder(folder)), "creating the folder").await {
            Ok(_) | Err(ImapError::Refused(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Flags mails that were taken and, if so configured, moves them.
    pub(super) async fn dispose(&mut self, uids: &[u32], processed: &Processed) -> Result<(), ImapError> {
        const FLAGGING: &str = "flagging mail";
        const MOVING: &str = "moving mail";
        let set = set(uids);
        self.command(&format!("UID STORE {set} +FLAGS.SILENT (\\Seen)"), FLAGGING).await?;
        let Processed::Move(folder) = processed else { return Ok(()) };
        let folder = quoted_folder(folder);
        if self.offers("MOVE") {
            self.command(&format!("UID MOVE {set} {folder}"), MOVING).await?;
            return Ok(());
        }
        self.command(&format!("UID COPY {set} {folder}"), MOVING).await?;
        self.command(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"), FLAGGING).await?;
        // A plain EXPUNGE would also take what somebody else has marked.
        if self.offers("UIDPLUS") {
            self.command(&format!("UID EXPUNGE {set}"), MOVING).await?;
        }
        Ok(())
    }

    /// Ends the session in good manners; everything that matters has been answered already.
    pub(super) async fn log_out(mut self) {
        let _ = self.command("LOGOUT", "leaving").await;
    }

    /// One command and its responses; the last one is the tagged OK.
    async fn command(&mut self, words: &str, doing: &'static str) -> Result<Vec<Response>, ImapError> {
        self.dialogue(words, None, doing).await
    }

    async fn dialogue(
        &mut self,
        words: &str,
        answer: Option<&str>,
        doing: &'static str,
    ) -> Result<Vec<Response>, ImapError> {
        self.commands += 1;
        let tag = format!("L{}", self.commands);
        let line = format!("{tag} {words}\r\n");
        let limit = self.timeout;
        let dialogue = async {
            self.reader.write(line.as_bytes(), doing).await?;
            self.responses(&tag, answer, doing).await
        };
        tokio::time::timeout(limit, dialogue).await.map_err(|_| ImapError::Deadline(doing))?
    }

    async fn responses(
        &mut self,
        tag: &str,
        mut answer: Option<&str>,
        doing: &'static str,
    ) -> Result<Vec<Response>, ImapError> {
        let (mut responses, mut literals) = (Vec::new(), 0);
        while responses.len() < MOST_RESPONSES && literals <= MOST_MAILS {
            let response = self.reader.response(doing).await?;
            if let Some((accepted, text)) = response.tagged(tag) {
                if !accepted {
                    return Err(ImapError::Refused(doing, reply_text(text)));
                }
                responses.push(response);
                return Ok(responses);
            }
            if response.head().starts_with('+')
                && let Some(answer) = answer.take()
            {
                self.reader.write(answer.as_bytes(), doing).await?;
                continue;
            }
            if response.untagged("BYE").is_some() && doing != "leaving" {
                return Err(ImapError::Closed(doing));
            }
            literals += response.literals.len();
            responses.push(response);
        }
        Err(ImapError::Protocol(doing, "it sent more data than requested".to_owned()))
    }
}

/// What a server said, as one printable line of a bounded length.
fn reply_text(raw: &str) -> String {
    let short: String = raw.chars().take(300).collect();
    HeaderText::lossy(&short).map(String::from).unwrap_or_default()
}
