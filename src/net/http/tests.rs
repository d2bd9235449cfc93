//! Which addresses are fetched, which are refused, and where the connection goes; with servers on loopback.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A server that replies one connection after the other with these bytes, and records the requests.
struct Server {
    at: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn new(replies: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut replies: VecDeque<Vec<u8>> = replies.into_iter().map(Into::into).collect();
        tokio::spawn(async move {
            while let Some(reply) = replies.pop_front() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                        break;
                    }
                    request.push(byte[0]);
                }
                seen.lock().unwrap().push(String::from_utf8(request).unwrap());
                let _ = stream.write_all(&reply).await;
            }
        });
        Self { at, requests }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn ok(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

fn to(location: &str) -> String {
    let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\n";
    format!("{head}Location: {location}\r\n\r\n")
}

fn limited(retry_after: &str) -> String {
    let head = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n";
    format!("{head}Retry-After: {retry_after}\r\n\r\n")
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut writer, plain).unwrap();
    writer.finish().unwrap()
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n";
    [head.as_bytes(), body].concat()
}

fn here() -> Download {
    Download {
        is_allowed: |ip| is_public(ip) || ip.is_loopback(),
        timeout: Duration::from_secs(5),
        ..Download::default()
    }
}

/// Every name resolves to the next of these addresses, as with an attacker's DNS server.
struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

impl Script {
    fn new(replies: &[&[&str]]) -> Arc<Self> {
        let parse = |ips: &&[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(replies.iter().map(parse).collect())))
    }
}

#[async_trait]
impl Resolver for Script {
    async fn look_up(&self, _: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let next = self.0.lock().unwrap().pop_front();
        let ips = next.ok_or_else(|| std::io::Error::other("looked up once too often"))?;
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

async fn body(download: &Download, url: &str) -> Body {
    match download.fetch(url, None).await.unwrap() {
        Fetched::Document(body) => body,
        Fetched::NotModified { .. } => panic!("nothing was known before"),
    }
}

async fn refusal(download: &Download, url: &str) -> DownloadError {
    download.fetch(url, None).await.unwrap_err()
}

#[tokio::test]
async fn a_document_comes_with_its_type_and_validators() {
    let headers = "Content-Type: text/xml; charset=utf-8\r\nETag: \"a\"\r\nSet-Cookie: a=b\r\n";
    let server = Server::new([ok(headers, "<rss/>")]).await;
    let body = body(&here(), &server.url("/feed?a=%20")).await;
    assert_eq!(body.bytes, b"<rss/>");
    assert_eq!(body.media_type.as_deref(), Some("text/xml; charset=utf-8"));
    assert_eq!(body.validators, Validators { etag: Some("\"a\"".to_owned()), last_modified: None });
    let request = server.requests().remove(0).to_lowercase();
    assert!(request.starts_with("get /feed?a=%20 http/1.1\r\n"), "{request}");
    assert!(request.contains("accept-encoding: gzip, br, zstd\r\n"), "{request}");
    assert!(request.contains("user-agent: letterpress/") && !request.contains("(+"), "{request}");
    assert!(!request.contains("cookie") && !request.contains("referer"), "{request}");
}

#[tokio::test]
async fn a_known_version_is_not_downloaded_again() {
    let not_modified = "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n";
    let server = Server::new([not_modified]).await;
    let known =
        Validators { etag: Some("\"a\"".to_owned()), last_modified: Some("Mon, 06 May 2024".to_owned()) };
    let fetched = here().fetch(&server.url("/"), Some(&known)).await.unwrap();
    assert_eq!(fetched, Fetched::NotModified { moved: None });
    let request = server.requests().remove(0).to_lowercase();
    assert!(request.contains("if-none-match: \"a\"\r\nif-modified-since: mon, 06 may 2024"), "{request}");
}

#[tokio::test]
async fn a_request_names_the_site_that_makes_it() {
    let server = Server::new([ok("", "")]).await;
    let site = Some(Url::parse("https://letters.example/").unwrap());
    body(&Download { site, ..here() }, &server.url("/")).await;
    let request = server.requests().remove(0);
    assert!(request.contains(&format!("{USER_AGENT} (+https://letters.example/)\r\n")), "{request}");
}

#[tokio::test]
async fn a_compressed_body_is_decompressed_and_both_its_lengths_are_limited() {
    let plain = "<rss/>".repeat(1000);
    let packed = gzip(plain.as_bytes());
    let cut = &packed[..packed.len() - 5];
    // A thousand times as long as what is transferred, and longer than the memory should get.
    let bomb = gzip(&vec![0; 1 << 20]).repeat(1 << 10);
    let server = Server::new([gzipped(&packed), gzipped(cut), gzipped(&bomb), gzipped(&packed)]).await;
    assert_eq!(body(&here(), &server.url("/")).await.bytes, plain.as_bytes());
    let error = refusal(&here(), &server.url("/")).await;
    assert!(matches!(error, DownloadError::Damaged { .. }), "{error}");
    let error = refusal(&here(), &server.url("/")).await;
    assert!(matches!(error, DownloadError::TooLong { most: 10_485_760, .. }), "{error}");
    let download = Download { max_bytes: packed.len() - 1, ..here() };
    let error = refusal(&download, &server.url("/")).await;
    assert!(matches!(error, DownloadError::TooLong { .. }), "{error}");
}

#[tokio::test]
async fn a_permanent_redirect_names_the_new_address_and_a_temporary_one_does_not() {
    let moved = |code: u16, to: &str| redirect(&format!("{code} x"), to);
    for (replies, address) in [
        (vec![moved(301, "/b"), ok("", "")], Some("/b")),
        (vec![moved(308, "/b"), moved(301, "/c"), ok("", "")], Some("/c")),
        (vec![moved(308, "/b"), moved(302, "/c"), moved(301, "/d"), ok("", "")], Some("/b")),
        (vec![moved(307, "/b"), moved(308, "/c"), ok("", "")], None),
        (vec![moved(301, "/b"), moved(301, "/a"), ok("", "")], None),
    ] {
        let server = Server::new(replies).await;
        let moved = body(&here(), &server.url("/a")).await.moved;
        assert_eq!(moved.map(String::from), address.map(|path| server.url(path)));
    }
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_notation() {
    let download = Download::default();
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "https://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[fe80::1]/",
        "http://0/",
        "http://10.0.0.1:8080/",
        "http://224.0.0.1/",
        "http://①②⑦.0.0.1/",
    ] {
        let error = refusal(&download, url).await;
        assert!(matches!(error, DownloadError::NotPublic { .. }), "{url}: {error}");
    }
    // The system's resolver decides what localhost is.
    let error = refusal(&download, "http://localhost/").await;
    assert!(matches!(error, DownloadError::NotPublic { .. } | DownloadError::Lookup { .. }), "{error}");
}

#[tokio::test]
async fn only_http_and_https_are_fetched() {
    let download = Download::default();
    for url in
        ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "data:,x", "mailto:a@b.example"]
    {
        assert!(matches!(refusal(&download, url).await, DownloadError::Scheme(_)), "{url}");
    }
    for url in ["", "feed.xml", "http://", "https://kim:secret@example.com/"] {
        let error = refusal(&download, url).await;
        assert!(matches!(error, DownloadError::Url(..)), "{url}: {error}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn a_name_with_one_private_address_among_public_ones_is_refused() {
    for ips in [&["10.0.0.1"][..], &["1.1.1.1", "192.168.0.1"], &["2606:4700::1111", "::1"]] {
        let download = Download { names: Script::new(&[ips]), ..Download::default() };
        let error = refusal(&download, "https://example.com/").await;
        assert!(matches!(error, DownloadError::NotPublic { .. }), "{error}");
    }
    let download = Download { names: Script::new(&[&[]]), ..Download::default() };
    assert!(matches!(refusal(&download, "https://example.com/").await, DownloadError::Lookup { .. }));
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let server = Server::new([ok("", "here")]).await;
    // A second lookup would fail, and no real resolver knows the name.
    let download = Download { names: Script::new(&[&["127.0.0.1"]]), ..here() };
    let url = format!("http://nowhere.invalid:{}/", server.at.port());
    assert_eq!(body(&download, &url).await.bytes, b"here");
    assert!(server.requests()[0].contains("nowhere.invalid"));
}

#[tokio::test]
async fn each_redirect_is_checked_again() {
    for (there, right) in [
        ("http://169.254.169.254/", "169.254.169.254"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://rebound.invalid/", "10.0.0.1"),
    ] {
        let server = Server::new([to(there)]).await;
        let names = Script::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
        let download = Download { names, ..here() };
        let first = format!("http://first.invalid:{}/", server.at.port());
        let error = refusal(&download, &first).await.to_string();
        assert!(error.contains(right), "{there}: {error}");
    }
}

#[tokio::test]
async fn at_most_three_redirects_are_followed() {
    let server = Server::new([to("/b"), to("c"), to("?d"), ok("", "end")]).await;
    let body = body(&here(), &server.url("/a")).await;
    assert_eq!((body.bytes.as_slice(), body.url.as_str()), (&b"end"[..], server.url("/c?d").as_str()));
    let server = Server::new([to("/b"), to("/c"), to("/d"), to("/e"), ok("", "end")]).await;
    let error = refusal(&here(), &server.url("/a")).await;
    assert!(matches!(error, DownloadError::TooManyRedirects(_)), "{error}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_redirect_from_https_to_http_is_refused() {
    let here = Url::parse("https://example.com/a").unwrap();
    assert!(matches!(next(&here, "http://example.com/"), Err(DownloadError::Downgrade { .. })));
    assert_eq!(next(&here, "//example.com/b").unwrap().as_str(), "https://example.com/b");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_with_or_without_a_content_length() {
    let endless = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(3000));
    for reply in [ok("", &"x".repeat(1001)), endless] {
        let server = Server::new([reply]).await;
        let download = Download { max_bytes: 1000, ..here() };
        let error = refusal(&download, &server.url("/")).await;
        assert!(matches!(error, DownloadError::TooLong { most: 1000, .. }), "{error}");
    }
    let server = Server::new([ok("", &"x".repeat(1000))]).await;
    let download = Download { max_bytes: 1000, ..here() };
    assert_eq!(body(&download, &server.url("/")).await.bytes.len(), 1000);
}

#[tokio::test]
async fn an_error_names_the_reason_why_a_response_is_refused() {
    for (reply, what) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(), "answers 404 Not Found"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(), "answers 304"),
        (
            ok("Content-Encoding: gzip, compress\r\n", "x"),
            "Content-Encoding \"gzip, compress\", which was not",
        ),
        (ok("Content-Encoding: gzip\r\n", "x"), "is damaged or cut off: gzip"),
        (ok("Content-Encoding: br\r\n", ""), "is damaged or cut off: br"),
        (limited("120"), "answers 429 Too Many Requests (Retry-After: 120)"),
        (limited("Sun, 06 Nov 1994 08:49:37 GMT"), "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"),
        ("220 smtp.example ready\r\n".to_owned(), "cannot be fetched"),
        ("HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n".to_owned(), "http://["),
    ] {
        let server = Server::new([reply]).await;
        let error = refusal(&here(), &server.url("/")).await.to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let download = Download { timeout: Duration::from_millis(100), ..here() };
    let error = refusal(&download, &format!("http://{}/", listener.local_addr().unwrap())).await;
    assert!(error.to_string().contains("100ms"), "{error}");
}

#[tokio::test]
async fn the_configured_host_may_be_private_but_its_redirects_may_not_lead_to_another_private_host() {
    let inner = Server::new([ok("", "secret")]).await;
    let outer = Server::new([ok("", "feed"), to("/there"), ok("", "feed"), to(&inner.url("/"))]).await;
    let download =
        Download { allow_private_host: true, timeout: Duration::from_secs(5), ..Download::default() };
    for _ in 0..2 {
        let fetched = download.fetch(&outer.url("/feed"), None).await.unwrap();
        assert!(matches!(fetched, Fetched::Document(body) if body.bytes == b"feed"));
    }
    let refused = download.fetch(&outer.url("/feed"), None).await.unwrap_err();
    assert!(matches!(refused, DownloadError::NotPublic { .. }), "{refused}");
    assert_eq!(inner.requests().len(), 0);
}

fn redirect(status: &str, location: &str) -> String {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n");
    format!("{head}Location: {location}\r\n\r\n")
}

#[tokio::test]
async fn a_post_sends_its_headers_and_becomes_a_get_only_after_a_redirect_that_requires_it() {
    let replies = [redirect("307 Temporary Redirect", "/b"), redirect("302 Found", "/c"), ok("", "")];
    let server = Server::new(replies).await;
    let headers = [("Title", "느린 편지".to_owned())];
    Download::for_own_host(Duration::from_secs(5))
        .post(&server.url("/a"), &headers, "body".to_owned())
        .await
        .unwrap();
    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().map(|request| request.split(" HTTP").next().unwrap()).collect();
    assert_eq!(lines, ["POST /a", "POST /b", "GET /c"]);
    let has_body = |request: &String| request.to_lowercase().contains("content-length: 4");
    assert_eq!(requests.iter().map(has_body).collect::<Vec<_>>(), [true, true, false]);
    assert!(requests[0].contains("title: 느린 편지"), "{}", requests[0]);
}

#[tokio::test]
async fn a_login_in_an_address_is_sent_with_a_post_to_that_host_and_with_nothing_else() {
    let server = Server::new([ok("", "")]).await;
    let url = server.url("/").replace("http://", "http://kim:secret@");
    let download = Download::for_own_host(Duration::from_secs(5));
    download.post(&url, &[], String::new()).await.unwrap();
    assert!(server.requests()[0].to_lowercase().contains("authorization: basic "));
    let error = download.fetch(&url, None).await.unwrap_err();
    assert!(matches!(error, DownloadError::Url(..)), "{error}");
}

#[tokio::test]
async fn an_error_without_the_address_names_the_cause_only() {
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::new([redirect("302 Found", "http://10.0.0.1/token")]).await;
    for (url, what) in [
        (format!("http://{refused}/token"), "refused"),
        (server.url("/token"), "it leads to 10.0.0.1"),
        ("ftp://example.com/token".to_owned(), "it is neither https nor http"),
    ] {
        let download = Download::for_own_host(Duration::from_secs(5));
        let error = download.post(&url, &[], String::new()).await.unwrap_err();
        let text = error.without_url();
        assert!(text.to_lowercase().contains(what) && !text.contains("token"), "{text}");
        assert!(error.to_string().contains("token"), "{error}");
    }
}
