//! A scripted SMTP server on its own port. It follows a [`Script`] and records what it receives.
//!
//! It runs on its own thread, so blocking tests and separate processes can use it too.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::script::{At, Do, Script};

/// A message that was received up to its final dot.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The number of the connection, from 1.
    pub(crate) connection: usize,
    /// The MAIL command.
    pub(crate) mail: String,
    /// The RCPT commands that were answered with 2yz.
    pub(crate) rcpt: Vec<String>,
    /// The message without dot-stuffing.
    pub(crate) data: Vec<u8>,
    /// The reply to the dot according to the script.
    pub(crate) reply: Vec<u8>,
}

impl Message {
    /// Whether the server accepted it: it has a recipient and a complete 2yz reply.
    pub(crate) fn accepted(&self) -> bool {
        !self.rcpt.is_empty() && is_whole_2yz(&self.reply)
    }
}

/// What the server has received so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// How many connections were opened.
    pub(crate) connections: usize,
    /// Every command, with the number of its connection.
    pub(crate) commands: Vec<(usize, String)>,
    /// Every message with a final dot.
    pub(crate) messages: Vec<Message>,
    /// Every point at which the server has done all that it does there.
    performed: Vec<At>,
    seen: HashMap<At, usize>,
}

/// A running server; it stops when it is dropped.
pub(crate) struct Server {
    port: u16,
    log: Arc<Mutex<Log>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Listens on 127.0.0.1.
    pub(crate) fn start(script: Script) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell_port, port) = std::sync::mpsc::channel();
        let log = Arc::new(Mutex::new(Log::default()));
        let (shared, script) = (Arc::clone(&log), Arc::new(script));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell_port.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    () = accept(listener, script, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port: port.recv().unwrap(), log, stop: Some(stop), thread: Some(thread) }
    }

    /// The port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A copy of the log so far.
    pub(crate) fn log(&self) -> Log {
        lock(&self.log).clone()
    }

    /// How many connections were opened so far.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.log).connections
    }

    /// Whether a message with a final dot came over a connection after the first `connections`.
    pub(crate) fn has_message_after(&self, connections: usize) -> bool {
        lock(&self.log).messages.iter().rev().any(|message| message.connection > connections)
    }

    /// Whether the server has written all that it writes at this point.
    pub(crate) fn has_performed(&self, at: At) -> bool {
        lock(&self.log).performed.contains(&at)
    }

    /// The RCPT commands of the accepted messages, in order.
    pub(crate) fn accepted(&self) -> Vec<String> {
        let log = self.log();
        log.messages
            .iter()
            .filter(|message| message.accepted())
            .flat_map(|message| message.rcpt.clone())
            .collect()
    }

    /// The verbs of the received commands, in order.
    pub(crate) fn verbs(&self) -> Vec<String> {
        self.log().commands.iter().map(|(_, line)| line.split(' ').next().unwrap_or("").to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>, log: Arc<Mutex<Log>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        stream.set_nodelay(true).unwrap();
        let number = {
            let mut log = lock(&log);
            log.connections += 1;
            log.connections
        };
        let (script, log) = (Arc::clone(&script), Arc::clone(&log));
        tokio::spawn(async move {
            let mut guest = Client {
                number,
                script,
                log,
                stream: Some(Transport::Plain(stream)),
                inbox: Vec::new(),
                mail: String::new(),
                rcpt: Vec::new(),
            };
            // The log has everything, whatever the result is.
            let _ = guest.serve().await;
        });
    }
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One connection.
struct Client {
    number: usize,
    script: Arc<Script>,
    log: Arc<Mutex<Log>>,
    stream: Option<Transport>,
    inbox: Vec<u8>,
    mail: String,
    rcpt: Vec<String>,
}

impl Client {
    async fn serve(&mut self) -> io::Result<()> {
        if self.script.implicit_tls {
            self.handshake().await?;
        }
        self.reply(At::Greeting, "", "220 test.example ESMTP").await?;
        loop {
            let line = self.line().await?;
            lock(&self.log).commands.push((self.number, line.clone()));
            let verb = line.split(' ').next().unwrap_or("").to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let offers = self.offers();
                    self.reply(At::Ehlo, &line, &offers).await?;
                }
                "HELO" => drop(self.reply(At::Helo, &line, "250 test.example").await?),
                "STARTTLS" => {
                    self.reply(At::StartTls, &line, "220 go ahead").await?;
                    self.inbox.clear();
                    self.handshake().await?;
                }
                "AUTH" => self.auth(&line).await?,
                "MAIL" if self.is_full() => {
                    return self.write(b"421 Maximum message count per session reached\r\n").await;
                }
                "MAIL" => {
                    let default = if self.mail.is_empty() { "250 2.1.0 ok" } else { "503 5.5.1 nested MAIL" };
                    if is_whole_2yz(&self.reply(At::Mail, &line, default).await?) {
                        self.mail.clone_from(&line);
                    }
                }
                "RCPT" if self.is_new(&line) => {
                    let reply = self.script.greylists.clone().unwrap_or_default();
                    self.write(reply.as_bytes()).await?;
                }
                "RCPT" => {
                    let default = if self.mail.is_empty() { "503 5.5.1 MAIL first" } else { "250 2.1.5 ok" };
                    if is_whole_2yz(&self.reply(At::Rcpt, &line, default).await?) {
                        self.rcpt.push(line);
                    }
                }
                "DATA" => self.data(&line).await?,
                "RSET" => {
                    self.reset_envelope();
                    self.reply(At::Rset, &line, "250 2.0.0 ok").await?;
                }
                "QUIT" => {
                    self.reply(At::Quit, &line, "221 2.0.0 bye").await?;
                    return Ok(());
                }
                _ => self.write(b"500 5.5.2 what?\r\n").await?,
            }
        }
    }

    /// Whether this server has never seen this command before, which is in the log already, and greylists.
    fn is_new(&self, command: &str) -> bool {
        let seen = || lock(&self.log).commands.iter().filter(|(_, line)| line == command).count();
        self.script.greylists.is_some() && seen() == 1
    }

    /// Whether this connection takes no more messages.
    fn is_full(&self) -> bool {
        let log = lock(&self.log);
        let taken = log.messages.iter().filter(|message| message.connection == self.number).count();
        self.script.most_messages.is_some_and(|most| taken >= most)
    }

    fn reset_envelope(&mut self) {
        self.mail.clear();
        self.rcpt.clear();
    }

    fn offers(&self) -> String {
        let encrypted = matches!(self.stream, Some(Transport::Tls(_)));
        let keywords = self.script.keywords.iter().filter(|keyword| !(encrypted && *keyword == "STARTTLS"));
        let mut lines = vec!["test.example".to_owned()];
        lines.extend(keywords.cloned());
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate();
        lines
            .map(|(at, line)| format!("250{}{line}", if at == last { " " } else { "-" }))
            .collect::<Vec<_>>()
            .join("\r\n")
    }

    /// AUTH with a token (RFC 7628): a token that is not accepted is explained in a challenge before it is refused.
    async fn token_auth(&mut self, line: &str, mechanism: &str, initial: &str) -> io::Result<()> {
        let decoded = String::from_utf8(BASE64.decode(initial).unwrap()).unwrap();
        let (user, acknowledgement) = match mechanism {
            "XOAUTH2" => (decoded.strip_prefix("user=").unwrap(), ""),
            _ => (decoded.strip_prefix("n,a=").unwrap(), "AQ=="),
        };
        let user = user.split(['\u{1}', ',']).next().unwrap();
        let token = decoded.split("auth=Bearer ").nth(1).unwrap().strip_suffix("\u{1}\u{1}").unwrap();
        let (right, provider) = self.script.tokens.as_ref().unwrap();
        let reason = if user == right { provider.refusal(token) } else { Some("{}".to_owned()) };
        let Some(reason) = reason else {
            return self.reply(At::Auth, line, "235 2.7.0 welcome").await.map(drop);
        };
        self.write(format!("334 {}\r\n", BASE64.encode(reason)).as_bytes()).await?;
        assert_eq!(self.line().await?, acknowledgement);
        self.reply(At::Auth, line, "535 5.7.8 Authentication failed").await.map(drop)
    }

    async fn auth(&mut self, line: &str) -> io::Result<()> {
        if let [_, mechanism @ ("XOAUTH2" | "OAUTHBEARER"), initial] =
            line.split(' ').collect::<Vec<_>>().as_slice()
        {
            return self.token_auth(line, mechanism, initial).await;
        }
        let mut given = Vec::new();
        let default = match line.split(' ').collect::<Vec<_>>().as_slice() {
            [_, "PLAIN", initial] => {
                let decoded = BASE64.decode(initial).unwrap();
                given.extend(String::from_utf8(decoded).unwrap().split('\0').skip(1).map(str::to_owned));
                None
            }
            _ => Some("334 VXNlcm5hbWU6"),
        };
        if default.is_some() {
            for prompt in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                self.write(format!("{prompt}\r\n").as_bytes()).await?;
                given.push(String::from_utf8(BASE64.decode(self.line().await?).unwrap()).unwrap());
            }
        }
        let right = self
            .script
            .login
            .as_ref()
            .is_some_and(|(user, password)| given == [user.clone(), password.clone()]);
        let verdict = if right { "235 2.7.0 welcome" } else { "535 5.7.8 no" };
        self.reply(At::Auth, line, verdict).await.map(drop)
    }

    async fn data(&mut self, line: &str) -> io::Result<()> {
        let default = if self.rcpt.is_empty() { "554 5.5.1 no valid recipients" } else { "354 go ahead" };
        if !self.reply(At::Data, line, default).await?.starts_with(b"354") {
            return Ok(());
        }
        let mut body_seen = false;
        let (data, used) = loop {
            if let Some(found) = end_of_data(&self.inbox) {
                break found;
            }
            if !self.inbox.is_empty() && !std::mem::replace(&mut body_seen, true) {
                self.reply(At::Body, "", "").await?;
            }
            self.read().await?;
        };
        self.inbox.drain(..used);
        let action = self.next_action(At::Dot, "").unwrap_or(super::reply_line("250 2.0.0 queued as 4F2"));
        let message = Message {
            connection: self.number,
            mail: self.mail.clone(),
            rcpt: self.rcpt.clone(),
            data,
            reply: bytes_of(&action),
        };
        // The message is logged before the reply is written, so a client that has the reply finds it in the log.
        lock(&self.log).messages.push(message);
        self.reset_envelope();
        self.perform_at(At::Dot, &action).await
    }

    /// Performs the scripted action or sends the default reply; returns the bytes of the reply.
    async fn reply(&mut self, at: At, line: &str, default: &str) -> io::Result<Vec<u8>> {
        let action = self.next_action(at, line);
        let action = action.unwrap_or_else(|| {
            if default.is_empty() { Do::Each(Vec::new()) } else { super::reply_line(default) }
        });
        self.perform_at(at, &action).await?;
        Ok(bytes_of(&action))
    }

    fn next_action(&self, at: At, line: &str) -> Option<Do> {
        let mut log = lock(&self.log);
        let nth = log.seen.entry(at).and_modify(|count| *count += 1).or_insert(1);
        self.script.action(at, *nth, line).cloned()
    }

    async fn perform_at(&mut self, at: At, action: &Do) -> io::Result<()> {
        let performed = self.perform(action).await;
        lock(&self.log).performed.push(at);
        performed
    }

    async fn perform(&mut self, action: &Do) -> io::Result<()> {
        let over = || Err(io::ErrorKind::ConnectionAborted.into());
        match action {
            Do::Write(bytes) => self.write(bytes).await,
            Do::Stall => loop {
                self.read().await?;
            },
            Do::Cut => over(),
            Do::Reset => {
                self.tcp().set_zero_linger()?;
                over()
            }
            Do::Wait(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Do::Until(gate) => {
                while !gate.is_open() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Ok(())
            }
            Do::Drip(bytes, wait) => {
                for byte in bytes {
                    tokio::time::sleep(*wait).await;
                    self.write(&[*byte]).await?;
                }
                Ok(())
            }
            Do::Await(wanted) => {
                while memchr::memmem::find(&self.inbox, wanted.as_bytes()).is_none() {
                    self.read().await?;
                }
                Ok(())
            }
            Do::Each(actions) => {
                for action in actions {
                    Box::pin(self.perform(action)).await?;
                }
                Ok(())
            }
        }
    }

    async fn handshake(&mut self) -> io::Result<()> {
        let acceptor = self.script.certificates.as_ref().map(|own| TlsAcceptor::from(own.server()));
        let (Some(acceptor), Some(Transport::Plain(stream))) = (acceptor, self.stream.take()) else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        self.stream = Some(Transport::Tls(Box::new(acceptor.accept(stream).await?)));
        Ok(())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.inbox, b"\r\n") {
                let line = self.inbox.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8(line).unwrap());
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        let read = match self.stream.as_mut() {
            Some(Transport::Plain(stream)) => stream.read_buf(&mut self.inbox).await?,
            Some(Transport::Tls(stream)) => stream.read_buf(&mut self.inbox).await?,
            None => 0,
        };
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.as_mut() {
            Some(Transport::Plain(stream)) => stream.write_all(bytes).await,
            Some(Transport::Tls(stream)) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self.stream.as_ref().unwrap() {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// All bytes that an action writes.
fn bytes_of(action: &Do) -> Vec<u8> {
    match action {
        Do::Write(bytes) | Do::Drip(bytes, _) => bytes.clone(),
        Do::Each(actions) => actions.iter().flat_map(bytes_of).collect(),
        _ => Vec::new(),
    }
}

/// Whether the first reply is complete and 2yz (RFC 5321, 4.2.1). Deliberately independent of the client's parser.
fn is_whole_2yz(reply: &[u8]) -> bool {
    for line in reply.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        match text {
            Some([b'2', b'0'..=b'9', b'0'..=b'9', b'-', ..]) => {}
            Some([b'2', b'0'..=b'9', b'0'..=b'9', rest @ ..]) => {
                return rest.is_empty() || rest.starts_with(b" ");
            }
            _ => return false,
        }
    }
    false
}

/// The message before the final dot without dot-stuffing, and the number of bytes including the dot.
fn end_of_data(inbox: &[u8]) -> Option<(Vec<u8>, usize)> {
    let end = if inbox.starts_with(b".\r\n") { 0 } else { memchr::memmem::find(inbox, b"\r\n.\r\n")? + 2 };
    let mut data = Vec::new();
    for line in inbox[..end].split_inclusive(|byte| *byte == b'\n') {
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    Some((data, end + 3))
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
