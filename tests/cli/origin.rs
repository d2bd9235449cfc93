//! A web server with one feed, which can change, fail, and send half of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The reply.
#[derive(Clone)]
pub(crate) enum Answer {
    /// This feed, or 304 if the client has it.
    Feed(String),
    /// A status without a body.
    Status(u16),
    /// Half of the feed.
    Half(String),
}

pub(crate) struct Origin {
    port: u16,
    answer: Arc<Mutex<Answer>>,
    given: Arc<Mutex<Vec<u16>>>,
}

impl Origin {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin = Self { port, answer: Arc::new(Mutex::new(answer)), given: Arc::default() };
        let (answer, given) = (Arc::clone(&origin.answer), Arc::clone(&origin.given));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let answer = answer.lock().unwrap().clone();
                if let Some(status) = serve(&stream.unwrap(), &answer) {
                    given.lock().unwrap().push(status);
                }
            }
        });
        origin
    }

    pub(crate) fn now(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/feed", self.port)
    }

    /// The statuses of all replies, in order.
    pub(crate) fn given(&self) -> Vec<u16> {
        self.given.lock().unwrap().clone()
    }
}

/// One request and its reply.
fn serve(mut stream: &TcpStream, answer: &Answer) -> Option<u16> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let asked: Vec<String> = lines.map(|line| line.to_ascii_lowercase()).collect();
    asked.first()?;
    let (status, body, cut) = match answer {
        Answer::Feed(body) if asked.contains(&format!("if-none-match: {}", etag(body))) => (304, "", 0),
        Answer::Feed(body) => (200, body.as_str(), 0),
        Answer::Half(body) => (200, body.as_str(), body.len() / 2),
        Answer::Status(status) => (*status, "", 0),
    };
    let (length, etag) = (body.len(), etag(body));
    let head = format!(
        "HTTP/1.1 {status} x\r\nETag: {etag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body.as_bytes()[..length - cut]).ok()?;
    Some(status)
}

/// An ETag that depends only on the text.
fn etag(body: &str) -> String {
    let sum = body.bytes().fold(5381_u64, |sum, byte| sum.wrapping_mul(33) ^ u64::from(byte));
    format!("\"{sum:x}\"")
}
