//! A bucket on the loopback interface, with the interfaces of S3 and of Google Cloud Storage. It writes conditionally, records every request, and fails on
//! request. It checks no signatures; `tests/upload/` has servers that do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use percent_encoding::percent_decode_str;

/// An object, with the headers of the request that wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: BTreeMap<String, String>,
    /// Its number among all writes, which is its `ETag`.
    pub(crate) number: usize,
}

/// Answers requests with an error: the method, a part of the path, the status and the code, and how many times.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) times: usize,
}

/// The headers of the request that began the upload, and its parts.
type Parts = (BTreeMap<String, String>, Vec<Vec<u8>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<String, Object>,
    /// Method and key, in the order of the requests; a listing has no key.
    pub(crate) requests: Vec<(String, String)>,
    pub(crate) failures: Vec<Failure>,
    writes: usize,
    /// The parts of unfinished uploads, and the headers of their beginning.
    parts: BTreeMap<String, Parts>,
}

pub(crate) struct BucketServer {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

/// A request that was read completely.
struct Request {
    method: String,
    /// Decoded, without the name of the bucket.
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl BucketServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { port, state }
    }

    /// The lines of `[output]` for this bucket.
    pub(crate) fn config(&self) -> String {
        format!(
            "[output]\nurl = \"s3://my-site/블로그\"\nendpoint = \"http://127.0.0.1:{}\"\ncredentials_file = \"bucket.env\"\n",
            self.port
        )
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// The same for the other interface, which has numbers of generations instead of tags.
    pub(crate) fn google_config(&self) -> String {
        self.config().replace("s3://", "gs://")
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<(String, String)> {
        self.with(|state| std::mem::take(&mut state.requests))
    }

    /// The keys of the requests with this method since the last call, in their order.
    pub(crate) fn take(&self, method: &str) -> Vec<String> {
        let requests = self.take_requests().into_iter();
        requests.filter(|(used, _)| used == method).map(|(_, key)| key).collect()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(request) = read(&mut reader)? else { return Ok(()) };
    let (status, headers, body) = answer(&request, &mut state.lock().unwrap());
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    // The length of an object is the answer to HEAD, which has no body.
    let _ = write!(head, "Content-Length: {}\r\n\r\n", body.len());
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&body)?;
    }
    Ok(())
}

fn read(reader: &mut impl std::io::BufRead) -> std::io::Result<Option<Request>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = percent_decode_str(path).decode_utf8().unwrap().into_owned();
    let key = path.trim_start_matches("/my-site").trim_start_matches('/').to_owned();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, key, query, headers, body }))
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>{code} of the test</Message></Error>");
    (status, vec![("Content-Type", "application/xml".to_owned())], body.into_bytes())
}

fn answer(request: &Request, state: &mut State) -> Answer {
    state.requests.push((request.method.clone(), request.key.clone()));
    let fits = |failure: &&mut Failure| {
        failure.times > 0 && failure.method == request.method && request.key.contains(failure.path)
    };
    if let Some(failure) = state.failures.iter_mut().find(fits) {
        failure.times -= 1;
        return error(failure.status, failure.code);
    }
    match (request.method.as_str(), state.objects.get(&request.key)) {
        ("GET", _) => list(request, state),
        ("HEAD", None) => error(404, "NoSuchKey"),
        ("HEAD", Some(object)) => {
            let date = ("Last-Modified", "Fri, 20 Nov 2026 10:00:00 GMT".to_owned());
            let marks = ["x-amz-meta-letterpress", "x-goog-meta-letterpress"];
            let marks = marks.into_iter().filter_map(|name| Some((name, object.headers.get(name)?.clone())));
            let headers = tags(object.number).into_iter().chain([date]).chain(marks).collect();
            (200, headers, object.body.clone())
        }
        ("DELETE", _) => {
            state.objects.remove(&request.key);
            (204, Vec::new(), Vec::new())
        }
        ("POST", _) => post(request, state),
        ("PUT", _) if request.query.contains_key("partNumber") => {
            let number: usize = request.query["partNumber"].parse().unwrap();
            let (_, parts) = state.parts.get_mut(&request.query["uploadId"]).unwrap();
            assert_eq!(parts.len() + 1, number, "parts arrive in order");
            parts.push(request.body.clone());
            (200, tags(number), Vec::new())
        }
        ("PUT", there) => {
            let there = there.map_or(0, |object| object.number);
            let header = |name: &str| request.headers.get(name).map(|value| value.trim_matches('"'));
            let generation = header("if-match").or_else(|| header("x-goog-if-generation-match"));
            let wanted = header("if-none-match").map(|_| "0").or(generation);
            if wanted.is_some_and(|wanted| wanted != there.to_string()) {
                return error(412, "PreconditionFailed");
            }
            let number = store(state, &request.key, &request.headers, request.body.clone());
            (200, tags(number), Vec::new())
        }
        _ => error(405, "MethodNotAllowed"),
    }
}

fn tags(number: usize) -> Vec<(&'static str, String)> {
    vec![("ETag", format!("\"{number}\"")), ("x-goog-generation", number.to_string())]
}

fn store(state: &mut State, key: &str, headers: &BTreeMap<String, String>, body: Vec<u8>) -> usize {
    state.writes += 1;
    let object = Object { body, headers: headers.clone(), number: state.writes };
    state.objects.insert(key.to_owned(), object);
    state.writes
}

/// Begins and completes an upload in parts.
fn post(request: &Request, state: &mut State) -> Answer {
    let body = if let Some(id) = request.query.get("uploadId") {
        let (headers, parts) = state.parts.remove(id).unwrap();
        let number = store(state, &request.key, &headers, parts.concat());
        format!("<CompleteMultipartUploadResult><ETag>\"{number}\"</ETag></CompleteMultipartUploadResult>")
    } else {
        let id = format!("upload-{}", state.parts.len());
        state.parts.insert(id.clone(), (request.headers.clone(), Vec::new()));
        format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>")
    };
    (200, vec![("Content-Type", "application/xml".to_owned())], body.into_bytes())
}

fn list(request: &Request, state: &State) -> Answer {
    let prefix = request.query.get("prefix").cloned().unwrap_or_default();
    let mut body = "<ListBucketResult>".to_owned();
    for (key, object) in state.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        let (number, size) = (object.number, object.body.len());
        let _ = write!(
            body,
            "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2026-11-20T10:00:00Z</LastModified>\
             <ETag>&quot;{number}&quot;</ETag></Contents>"
        );
    }
    body.push_str("</ListBucketResult>");
    (200, vec![("Content-Type", "application/xml".to_owned())], body.into_bytes())
}
