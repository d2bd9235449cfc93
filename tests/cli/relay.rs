//! A relay that treats every message in the same way. SMTP itself is tested in `tests/it`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How it treats a message.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reply {
    Accepted,
    UnknownRecipient,
    Deferred,
    /// It disconnects after the whole message, so the outcome is unknown.
    NoReplyToTheDot,
}

pub(crate) struct Relay {
    pub(crate) port: u16,
    messages: Arc<AtomicUsize>,
}

impl Relay {
    pub(crate) fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let messages = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&messages);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || serve(&stream.unwrap(), reply, &counted));
            }
        });
        Self { port, messages }
    }

    /// The section of `config.toml` for this relay.
    pub(crate) fn section(&self) -> String {
        format!("[smtp]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", self.port)
    }

    /// The number of whole messages that it received.
    pub(crate) fn messages(&self) -> usize {
        self.messages.load(Ordering::SeqCst)
    }
}

/// One connection, until either side disconnects.
fn serve(stream: &TcpStream, reply: Reply, messages: &AtomicUsize) -> Option<()> {
    let say = |line: &str| (&*stream).write_all(line.as_bytes()).ok();
    let mut lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
    say("220 relay\r\n")?;
    while let Some(line) = lines.next() {
        match line.get(..4)? {
            b"RCPT" if reply == Reply::UnknownRecipient => say("550 5.1.1 no such user\r\n")?,
            b"RCPT" if reply == Reply::Deferred => say("451 4.2.1 not now\r\n")?,
            b"DATA" => {
                say("354 go on\r\n")?;
                lines.find(|line| line == b".\r")?;
                messages.fetch_add(1, Ordering::SeqCst);
                if reply == Reply::NoReplyToTheDot {
                    return None;
                }
                say("250 2.0.0 taken\r\n")?;
            }
            _ => say("250 2.0.0 well\r\n")?,
        }
    }
    None
}
