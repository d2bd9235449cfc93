//! The few IMAP commands that an inbox needs, each with a time limit.
//!
//! A missing required capability ends the session; there is no fallback to plain text.

use std::net::SocketAddr;
use std::time::Duration;

use super::folder::{quoted_folder, set};
use super::response::Response;
use super::response_reader::ResponseReader;
use super::{ImapError, Mailbox};
use crate::config::{Processed, Tls};
use crate::delivery::smtp::connector::{Connected, dial, probe};
use crate::delivery::{MissingCapability, Phase, SmtpOutcome, TransportError, WrongProtocol};
use crate::inbox::MOST_BYTES;
use crate::oauth::mechanism::refusal;
use crate::text::HeaderText;

/// After this much silence, a probe checks whether the server waits for TLS.
const LONG_SILENCE: Duration = Duration::from_secs(8);

/// The error of a connection, as for SMTP.
pub(super) fn unusable(phase: Phase) -> impl Fn(TransportError) -> ImapError {
    move |error| ImapError::Unusable(Box::new(SmtpOutcome { phase, result: Err(error) }))
}

/// The most responses to one command; other clients can cause unrelated ones.
const MOST_RESPONSES: usize = 20_000;
/// The most mails that are kept from the responses to one command.
const MOST_MAILS: usize = 2 * super::BATCH;

/// A session, which `auth` opens.
pub(super) struct Session {
    reader: ResponseReader,
    timeout: Duration,
    commands: u32,
    offered: Vec<String>,
}

impl Session {
    /// Connects, up to a server that is ready for a login.
    pub(super) async fn connect(mailbox: &Mailbox) -> Result<Self, ImapError> {
        let Connected { stream, peer, address, .. } =
            tokio::time::timeout(mailbox.timeout, dial(&mailbox.host, mailbox.port))
                .await
                .unwrap_or(Err(TransportError::Deadline))
                .map_err(unusable(Phase::Connect))?;
        if mailbox.tls == Tls::None && !peer.is_loopback() {
            return Err(unusable(Phase::Auth)(TransportError::Missing(MissingCapability::TlsForPassword)));
        }
        let reader = ResponseReader::new(Box::new(stream));
        let mut session = Self { reader, timeout: mailbox.timeout, commands: 0, offered: Vec::new() };
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
        // A third party may have changed the unencrypted response.
        session.ask_for_capabilities().await?;
        Ok(session)
    }

    /// The offered mechanisms of AUTHENTICATE.
    pub(super) fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.offered.iter().filter_map(|offered| offered.strip_prefix("AUTH="))
    }

    async fn handshake(self, mailbox: &Mailbox) -> Result<Self, ImapError> {
        let Some(setup) = &mailbox.setup else { return Err(ImapError::Missing("TLS")) };
        let stream = self.reader.into_stream()?;
        let protected = tokio::time::timeout(self.timeout, setup.handshake(stream))
            .await
            .unwrap_or(Err(TransportError::Deadline))
            .map_err(unusable(Phase::Tls))?;
        Ok(Self { reader: ResponseReader::new(protected.stream), ..self })
    }

    /// Reads an unencrypted greeting; probes a silent server, which may wait for TLS.
    async fn plain_greeting(&mut self, address: SocketAddr) -> Result<(), ImapError> {
        let (timeout, soon) = (self.timeout, LONG_SILENCE.min(self.timeout / 2));
        self.timeout = soon;
        let mut ended = self.greeting().await;
        if matches!(&ended, Err(ImapError::Unusable(_))) && self.reader.is_silent() {
            if let Ok(Some(protocol)) = tokio::time::timeout(soon, probe(address)).await {
                return Err(unusable(Phase::Greeting)(TransportError::WrongProtocol(protocol)));
            }
            if matches!(&ended, Err(ImapError::Unusable(outcome)) if outcome.result == Err(TransportError::Deadline))
            {
                self.timeout = timeout.saturating_sub(2 * soon);
                ended = self.greeting().await;
            }
        }
        self.timeout = timeout;
        ended
    }

    async fn greeting(&mut self) -> Result<(), ImapError> {
        const ACTION: &str = "reading the greeting";
        let response = match tokio::time::timeout(self.timeout, self.reader.response(ACTION)).await {
            Err(_) => return Err(unusable(Phase::Greeting)(TransportError::Deadline)),
            Ok(Err(error)) => {
                let error = match (self.reader.other_protocol(), &error) {
                    (Some(protocol), _) => TransportError::WrongProtocol(protocol),
                    (None, ImapError::Closed(_)) => TransportError::Closed,
                    (None, _) => return Err(error),
                };
                return Err(unusable(Phase::Greeting)(error));
            }
            Ok(Ok(response)) => response,
        };
        if let Some(
            protocol @ (WrongProtocol::Smtp(_)
            | WrongProtocol::Pop3
            | WrongProtocol::Http
            | WrongProtocol::Ssh),
        ) = WrongProtocol::recognise(response.head().as_bytes())
        {
            return Err(unusable(Phase::Greeting)(TransportError::WrongProtocol(protocol)));
        }
        match (response.untagged("OK"), response.untagged("BYE")) {
            (Some(_), _) => Ok(()),
            (None, Some(why)) => Err(ImapError::Refused("the connection", reply_text(why))),
            // PREAUTH would let an attacker between us and the server skip the login.
            (None, None) => Err(ImapError::Protocol(ACTION, reply_text(response.head()))),
        }
    }

    pub(super) async fn ask_for_capabilities(&mut self) -> Result<(), ImapError> {
        let responses = self.command("CAPABILITY", "reading the capabilities").await?;
        self.offered = responses
            .iter()
            .filter_map(|response| response.untagged("CAPABILITY"))
            .flat_map(str::split_ascii_whitespace)
            .map(str::to_ascii_uppercase)
            .collect();
        Ok(())
    }

    pub(super) fn offers(&self, capability: &str) -> bool {
        self.offered.iter().any(|offered| offered == capability)
    }

    /// Opens a folder, read-only if nothing is to be changed. Returns its UIDVALIDITY.
    pub(super) async fn select(&mut self, folder: &str, read_only: bool) -> Result<u32, ImapError> {
        const ACTION: &str = "opening the folder";
        let verb = if read_only { "EXAMINE" } else { "SELECT" };
        let responses = self.command(&format!("{verb} {}", quoted_folder(folder)), ACTION).await?;
        let is_read_only = responses.last().is_some_and(|last| last.head().contains("[READ-ONLY]"));
        if is_read_only && !read_only {
            return Err(ImapError::ReadOnly(folder.to_owned()));
        }
        responses
            .iter()
            .find_map(|response| response.code("UIDVALIDITY"))
            .ok_or_else(|| ImapError::Protocol(ACTION, "it sent no UIDVALIDITY".to_owned()))
    }

    /// The unseen mails from this UID on, in order.
    pub(super) async fn unseen(&mut self, first: u32) -> Result<Vec<u32>, ImapError> {
        let command = format!("UID SEARCH UID {first}:* UNSEEN UNDELETED");
        let responses = self.command(&command, "searching for mail").await?;
        let mut uids: Vec<u32> = responses
            .iter()
            .filter_map(|response| response.untagged("SEARCH"))
            .flat_map(str::split_ascii_whitespace)
            .filter_map(|word| word.parse().ok())
            // `7:*` includes the last mail even if its UID is less than 7.
            .filter(|uid| *uid >= first)
            .collect();
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }

    /// Fetches the beginnings of mails; those that were deleted meanwhile are missing.
    pub(super) async fn fetch(&mut self, uids: &[u32]) -> Result<Vec<(u32, Vec<u8>)>, ImapError> {
        let command = format!("UID FETCH {} (UID BODY.PEEK[]<0.{MOST_BYTES}>)", set(uids));
        let responses = self.command(&command, "fetching mail").await?;
        let mut mails: Vec<_> = responses.into_iter().filter_map(Response::fetched).collect();
        mails.sort_unstable_by_key(|(uid, _)| *uid);
        mails.dedup_by_key(|(uid, _)| *uid);
        Ok(mails)
    }

    /// Creates a folder; ignores a rejection, because the folder may exist already.
    pub(super) async fn create(&mut self, folder: &str) -> Result<(), ImapError> {
        match self.command(&format!("CREATE {}", quoted_folder(folder)), "creating the folder").await {
            Ok(_) | Err(ImapError::Refused(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Flags processed mails and, if so configured, moves them.
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
        // A plain EXPUNGE would also remove what other clients have marked.
        if self.offers("UIDPLUS") {
            self.command(&format!("UID EXPUNGE {set}"), MOVING).await?;
        }
        Ok(())
    }

    /// Logs out. A failure is ignored: everything that matters has been answered already.
    pub(super) async fn log_out(mut self) {
        let _ = self.command("LOGOUT", "logging out").await;
    }

    /// Sends one command and reads its responses; the last one is the tagged OK.
    pub(super) async fn command(
        &mut self,
        text: &str,
        action: &'static str,
    ) -> Result<Vec<Response>, ImapError> {
        self.dialogue(text, &[], action).await
    }

    /// Sends one command, and these answers to the challenges of the server, one after the other.
    pub(super) async fn dialogue(
        &mut self,
        text: &str,
        answers: &[&str],
        action: &'static str,
    ) -> Result<Vec<Response>, ImapError> {
        self.commands += 1;
        let tag = format!("L{}", self.commands);
        let line = format!("{tag} {text}\r\n");
        let limit = self.timeout;
        let dialogue = async {
            self.reader.write(line.as_bytes(), action).await?;
            self.responses(&tag, answers, action).await
        };
        tokio::time::timeout(limit, dialogue).await.map_err(|_| ImapError::Deadline(action))?
    }

    async fn responses(
        &mut self,
        tag: &str,
        answers: &[&str],
        action: &'static str,
    ) -> Result<Vec<Response>, ImapError> {
        let (mut responses, mut literals) = (Vec::new(), 0);
        let (mut answers, mut reason) = (answers.iter(), String::new());
        while responses.len() < MOST_RESPONSES && literals <= MOST_MAILS {
            let response = self.reader.response(action).await?;
            if let Some((accepted, text)) = response.tagged(tag) {
                if !accepted {
                    return Err(ImapError::Refused(action, reply_text(text) + &reason));
                }
                responses.push(response);
                return Ok(responses);
            }
            if let Some(challenge) = response.head().strip_prefix('+')
                && let Some(answer) = answers.next()
            {
                // A server that refuses a token says why in a challenge.
                reason = Some(refusal(challenge))
                    .filter(|text| !text.is_empty())
                    .map_or(reason, |text| format!(" {text}"));
                self.reader.write(answer.as_bytes(), action).await?;
                continue;
            }
            if response.untagged("BYE").is_some() && action != "logging out" {
                return Err(ImapError::Closed(action));
            }
            literals += response.literals.len();
            responses.push(response);
        }
        Err(ImapError::Protocol(action, "it sent more data than requested".to_owned()))
    }
}

/// A text from the server, as one printable line of limited length.
fn reply_text(raw: &str) -> String {
    let short: String = raw.chars().take(300).collect();
    HeaderText::lossy(&short).map(String::from).unwrap_or_default()
}
