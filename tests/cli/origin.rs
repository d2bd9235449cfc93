//! A web server with one feed, which can change, move, fail, and send half of it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The reply.
#[derive(Clone)]
pub(crate) enum Response {
    /// This feed, or 304 if the client has it.
    Feed(String),
    /// A status without a body.
    Status(u16),
    /// Half of the feed.
    Half(String),
    /// This status with these header lines and this body.
    Other(u16, String, Vec<u8>),
    /// A permanent redirect to this feed.
    Moved(String),
}

pub(crate) struct Origin {
    port: u16,
    response: Arc<Mutex<Response>>,
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Origin {
    pub(crate) fn start(response: Response) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin = Self { port, response: Arc::new(Mutex::new(response)), statuses: Arc::default() };
        let (response, statuses) = (Arc::clone(&origin.response), Arc::clone(&origin.statuses));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let response = response.lock().unwrap().clone();
                if let Some(status) = serve(&stream.unwrap(), &response) {
                    statuses.lock().unwrap().push(status);
                }
            }
        });
        origin
    }

    pub(crate) fn respond_with(&self, response: Response) {
        *self.response.lock().unwrap() = response;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/feed", self.port)
    }

    /// Where [`Response::Moved`] leads.
    pub(crate) fn new_url(&self) -> String {
        format!("http://127.0.0.1:{}/new", self.port)
    }

    /// The statuses of all replies, in order.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.statuses.lock().unwrap().clone()
    }
}

/// One request and its reply.
fn serve(mut stream: &TcpStream, response: &Response) -> Option<u16> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let request: Vec<String> = lines.map(|line| line.to_ascii_lowercase()).collect();
    request.first()?;
    let has = |body: &str| request.contains(&format!("if-none-match: {}", etag(body)));
    let tagged = |body: &str| format!("ETag: {}\r\n", etag(body));
    let (status, headers, body, cut) = match response {
        Response::Moved(_) if request[0].starts_with("get /feed ") => {
            (308, "Location: /new\r\n".to_owned(), &b""[..], 0)
        }
        Response::Feed(body) | Response::Moved(body) if has(body) => (304, tagged(body), &b""[..], 0),
        Response::Feed(body) | Response::Moved(body) => (200, tagged(body), body.as_bytes(), 0),
        Response::Half(body) => (200, tagged(body), body.as_bytes(), body.len() / 2),
        Response::Status(status) => (*status, String::new(), &b""[..], 0),
        Response::Other(status, headers, body) => (*status, headers.clone(), body.as_slice(), 0),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body[..length - cut]).ok()?;
    Some(status)
}

/// An `ETag` that depends only on the text.
fn etag(body: &str) -> String {
    let sum = body.bytes().fold(5381_u64, |sum, byte| sum.wrapping_mul(33) ^ u64::from(byte));
    format!("\"{sum:x}\"")
}
