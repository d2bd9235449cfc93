//! A web server on the loopback interface that answers as the test wants: honestly with the files of a site, or with lies.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use letterpress::internals::clock::{Clock as _, SystemClock};

use super::Certificates;

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By their names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// A response.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: format!("{status}\n").into_bytes() }
    }

    /// Sets a header, instead of the usual one.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }
}

/// How a test answers a request.
type Answers = dyn Fn(&Asked) -> Answer + Send + Sync;

/// The server; it runs until the process ends.
pub(crate) struct Web {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Web {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::over(None, Arc::new(answer))
    }

    pub(crate) fn start_tls(
        certificates: &Certificates,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::over(Some(certificates.clone()), Arc::new(answer))
    }

    fn over(certificates: Option<Certificates>, answer: Arc<Answers>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log, certificates) =
                    (Arc::clone(&answer), Arc::clone(&log), certificates.clone());
                std::thread::spawn(move || match certificates {
                    None => drop(serve(stream, &*answer, &log)),
                    Some(certificates) => {
                        let session = rustls::ServerConnection::new(certificates.server()).unwrap();
                        drop(serve(rustls::StreamOwned::new(session, stream), &*answer, &log));
                    }
                });
            }
        });
        Self { port, asked }
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// The files in `folder`, as a good server serves them; and the pages of `letterpress serve` as far as the doctor asks.
pub(crate) fn honest(folder: PathBuf) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    move |asked| {
        let date = httpdate::fmt_http_date(SystemTime::from(SystemClock.now()));
        let answer = |status| Answer::of(status).with("Date", &date);
        if let Some(token) = asked.path.strip_prefix("/u/") {
            return answer(if asked.method == "POST" && token.contains(".u.") { 200 } else { 404 });
        }
        if matches!(asked.path.as_str(), "/" | "/healthz" | "/hub") {
            return answer(200);
        }
        let path = asked.path.trim_start_matches('/');
        let path = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
        let Ok(bytes) = std::fs::read(folder.join(path)) else {
            return answer(404);
        };
        let kind = match asked.path.rsplit('.').next() {
            Some("json") => "application/feed+json",
            _ if asked.path.ends_with('/') => "text/html",
            Some("opml") => "text/x-opml",
            _ => "application/xml",
        };
        let tag = format!("\"{}\"", bytes.len());
        let is_known = asked.headers.get("if-none-match") == Some(&tag);
        let mut answer =
            answer(if is_known { 304 } else { 200 }).with("Content-Type", kind).with("ETag", &tag);
        answer.body = if is_known { Vec::new() } else { bytes };
        answer
    }
}

fn serve(mut stream: impl Read + Write, answer: &Answers, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let mut words = head.split(' ');
    let mut asked = Asked {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        ..Asked::default()
    };
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    asked.headers =
        fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = asked.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    log.lock().unwrap().push(asked.clone());
    let Answer { status, headers, body } = answer(&asked);
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", &value, "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if asked.method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}
