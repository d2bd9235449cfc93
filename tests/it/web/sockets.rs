//! The real program on real sockets: requests that are too long, too slow or ambiguous (H13, H17), its output (X8),
//! start and stop.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use letterpress::internals::subscribers::SubscriptionStatus;
use letterpress::internals::subscribers::token::Purpose;

use super::super::support::wait_until;
use super::TestSite;
use super::site::{KIM, Served};

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends bytes and reads until the server closes; bytes lost after a reset do not matter.
fn exchange(served: &Served, bytes: &[u8]) -> String {
    let mut stream = connect(served);
    let _ = stream.write_all(bytes);
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{headers}\r\n{body}")
        .into_bytes()
}

fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{reply:?}"))
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[tokio::test]
async fn h13_a_request_that_is_too_large_is_refused_and_the_server_continues() {
    let site = TestSite::new().await;
    let served = site.serve();
    let post =
        |headers: String, body: &str| exchange(&served, &request("POST", "/subscribe", &headers, body));
    let long = format!("email={}", "a".repeat(9_000));
    assert_eq!(status(&post(format!("{FORM}Content-Length: {}\r\n", long.len()), &long)), 413);
    // A body of a gigabyte that is never sent.
    assert_eq!(status(&post(format!("{FORM}Content-Length: 1000000000\r\n"), &long)), 413);
    let chunks = format!("{:x}\r\n{long}\r\n", long.len()).repeat(3);
    assert_eq!(status(&post(format!("{FORM}Transfer-Encoding: chunked\r\n"), &chunks)), 413);
    // A hundred thousand fields are too many; only the first ones are read.
    let fields = "a&".repeat(4_000);
    assert_eq!(status(&post(format!("{FORM}Content-Length: {}\r\n", fields.len()), &fields)), 422);
    // Compressed bodies are not decompressed.
    assert_eq!(
        status(&post(format!("{FORM}Content-Encoding: gzip\r\nContent-Length: 4\r\n"), "\x1f\x08\x08\x01")),
        415
    );
    let garbage = post(format!("{FORM}Transfer-Encoding: chunked\r\n"), "zzz\r\nnonsense");
    assert_eq!(status(&garbage), 400);
    let url = exchange(&served, &request("GET", &format!("/{}", "a".repeat(64 * 1024)), "", ""));
    assert!(matches!(status(&url), 414 | 431), "{url}");
    let headers: String =
        (0..1_000).flat_map(|number| ["X-".to_owned(), number.to_string(), ": a\r\n".to_owned()]).collect();
    assert_eq!(status(&exchange(&served, &request("GET", "/", &headers, ""))), 431);
    assert_eq!(status(&exchange(&served, &request("GET", "/healthz", "", ""))), 200);
}

#[tokio::test]
async fn h13_a_client_that_sends_single_bytes_is_disconnected() {
    let site = TestSite::new().await;
    let served = site.serve();
    let began = Instant::now();
    let dripping = |head: &[u8]| {
        let mut stream = connect(&served);
        stream.write_all(head).unwrap();
        std::thread::spawn(move || {
            // One byte now and then; the server closes the connection after ten seconds.
            loop {
                std::thread::sleep(Duration::from_millis(500));
                if stream.write_all(b"a").is_err() || began.elapsed() > Duration::from_secs(60) {
                    break;
                }
                stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
                let mut byte = [0; 512];
                match stream.read(&mut byte) {
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    _ => break,
                }
            }
            began.elapsed()
        })
    };
    let headers = dripping(b"GET / HTTP/1.1\r\nX-Slow: ");
    let body = dripping(&request("POST", "/subscribe", &format!("{FORM}Content-Length: 8000\r\n"), "email="));
    for thread in [headers, body] {
        let took = thread.join().unwrap();
        // At this pace the whole body would take an hour.
        assert!((8..60).contains(&took.as_secs()), "{took:?}");
    }
    assert_eq!(status(&exchange(&served, &request("GET", "/healthz", "", ""))), 200);
}

#[tokio::test]
async fn h21_idle_connections_above_the_limit_are_closed_for_new_requests() {
    let site = TestSite::new().await;
    let program = env!("CARGO_BIN_EXE_letterpress");
    // The server has room for 64 connections.
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n 128 && exec '{program}' serve")])
        .current_dir(site.path("."))
        .env_clear();
    let served = Served::start(&mut command);
    let unfinished = request("POST", "/subscribe", &format!("{FORM}Content-Length: 10\r\n"), "a");
    let mut idle = Vec::new();
    for number in 0..300 {
        let mut stream = connect(&served);
        // Every third one sends nothing.
        let _ = if number % 3 == 0 { Ok(()) } else { stream.write_all(&unfinished) };
        idle.push(stream);
        if number % 50 == 49 {
            let began = Instant::now();
            assert_eq!(status(&exchange(&served, &request("GET", "/healthz", "", ""))), 200);
            assert!(began.elapsed() < Duration::from_secs(5), "after {number}: {:?}", began.elapsed());
        }
    }
    // The newest connection is still open and usable.
    let mut youngest = idle.pop().unwrap();
    youngest.write_all(b"aaaaaaaaa").unwrap();
    let mut reply = String::new();
    youngest.read_to_string(&mut reply).unwrap();
    assert_eq!(status(&reply), 422, "{reply}");
}

/// Whether the server has kept a connection open on which it has nothing to say.
fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let read = stream.read(&mut [0; 512]);
    matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// A request on a connection that stays open; returns the status of the response, whose body is short.
fn ask_on(stream: &mut TcpStream, client: &str) -> u16 {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n");
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = [0; 4_096];
    let length = stream.read(&mut bytes).unwrap_or(0);
    status(&String::from_utf8_lossy(&bytes[..length]))
}

#[tokio::test]
async fn h21_unfinished_forms_of_one_client_behind_a_proxy_cost_others_nothing() {
    let site = TestSite::new().await;
    let served = site.serve();
    // Connections that a proxy keeps for the requests of others.
    let mut kept: Vec<TcpStream> = (0..20).map(|_| connect(&served)).collect();
    for stream in &mut kept {
        assert_eq!(ask_on(stream, "198.51.100.7"), 200);
    }
    let headers = format!("X-Forwarded-For: 192.0.2.1, 203.0.113.9\r\n{FORM}Content-Length: 10\r\n");
    let unfinished = request("POST", "/subscribe", &headers, "a");
    let mut forms = Vec::new();
    for number in 0..300 {
        let mut stream = connect(&served);
        stream.write_all(&unfinished).unwrap();
        forms.push(stream);
        if number % 50 == 49 {
            let began = Instant::now();
            assert_eq!(ask_on(&mut connect(&served), "198.51.100.7"), 200);
            assert!(began.elapsed() < Duration::from_secs(5), "after {number}: {:?}", began.elapsed());
        }
    }
    // The server may not have read the newest ones yet.
    let mut open = 0;
    wait_until("at most 128 forms of one client are open", || {
        open = forms.iter_mut().filter_map(|stream| is_open(stream).then_some(())).count();
        open <= 128
    });
    assert!(open > 0, "no form of that client is open");
    for stream in &mut kept {
        assert_eq!(ask_on(stream, "198.51.100.7"), 200, "a connection of others was closed");
    }
}

#[tokio::test]
async fn h21_a_connection_is_closed_after_a_503_and_after_a_body_that_was_not_read() {
    let site = TestSite::new().await;
    let served = site.serve();
    let answered = |bytes: &[u8]| {
        let mut stream = connect(&served);
        stream.write_all(bytes).unwrap();
        let (began, mut reply) = (Instant::now(), Vec::new());
        let _ = stream.read_to_end(&mut reply);
        (String::from_utf8_lossy(&reply).into_owned(), began.elapsed())
    };
    let post = |length: usize, body: &str| {
        format!("POST /subscribe HTTP/1.1\r\nHost: a\r\n{FORM}Content-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    let (reply, took) = answered(&post(1_000_000_000, &"a".repeat(9_000)));
    assert_eq!(status(&reply), 413);
    assert!(reply.contains("connection: close") && took < Duration::from_secs(5), "{reply} {took:?}");

    let database = site.database();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = "email=lee@example.org&form=embedded";
    let (reply, took) = answered(&post(body.len(), body));
    assert_eq!(status(&reply), 503);
    assert!(reply.contains("connection: close") && took < Duration::from_secs(15), "{reply} {took:?}");
}

#[tokio::test]
async fn h21_an_unfinished_form_is_refused_and_its_connection_closed() {
    let site = TestSite::new().await;
    let served = site.serve();
    let began = Instant::now();
    let reply =
        exchange(&served, &request("POST", "/subscribe", &format!("{FORM}Content-Length: 10\r\n"), "a"));
    assert_eq!(status(&reply), 408, "{reply}");
    assert!((9..19).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn h17_a_smuggled_second_request_is_not_answered() {
    let site = TestSite::new().await;
    let served = site.serve();
    let leave = format!("/u/{}", site.unsubscribe_token());
    let hidden = format!("POST {leave} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    for headers in [
        format!("{FORM}Content-Length: 4\r\nContent-Length: {}\r\n", hidden.len() + 5),
        format!("{FORM}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n"),
        format!("{FORM}Transfer-Encoding: xchunked\r\n"),
    ] {
        let reply =
            exchange(&served, &request("POST", "/subscribe", &headers, &format!("0\r\n\r\n{hidden}")));
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
        assert_eq!(status(&reply), 400, "{headers}");
    }
    // With both lengths the chunks count (RFC 9112, section 6.3), and the bytes after them are not answered as a
    // request.
    let both = format!("{FORM}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
    let reply = exchange(&served, &request("POST", "/subscribe", &both, &format!("0\r\n\r\n{hidden}")));
    assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Active));
    let old = exchange(&served, b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(status(&old), 200, "{old}");
    assert_eq!(status(&exchange(&served, &request("TRACE", "/", "", ""))), 405);
}

#[tokio::test]
async fn x08_the_output_of_the_server_has_no_addresses() {
    let site = TestSite::new().await;
    site.publish().await;
    let served = site.serve();
    let token = site.unsubscribe_token();
    let data = site.data_token(KIM);
    for (method, path, body) in [
        ("GET", format!("/leave/{token}"), ""),
        ("POST", "/subscribe".to_owned(), "email=lee@example.org&form=embedded"),
        ("POST", "/data".to_owned(), "email=kim@example.org"),
        ("GET", format!("/data/{data}?as=json"), ""),
        ("POST", format!("/u/{token}"), ""),
        ("POST", format!("/confirm/{}", site.token(Purpose::Confirm, "lee@example.org", 1)), ""),
        ("POST", format!("/data/{data}"), "sure=yes"),
        ("GET", "/lee@example.org".to_owned(), ""),
    ] {
        let headers = format!("{FORM}X-Forwarded-For: 203.0.113.9\r\nContent-Length: {}\r\n", body.len());
        assert!(status(&exchange(&served, &request(method, &path, &headers, body))) < 500, "{path}");
    }
    let (code, output) = served.stop();
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("POST /u/{*token} 200 "), "{output}");
    for secret in ["kim@", "lee@", "v1.", token.rsplit('.').next().unwrap(), "203.0.113", "example.org"] {
        assert!(!output.contains(secret), "{secret} is in\n{output}");
    }
}

#[tokio::test]
async fn h19_metrics_have_their_own_address_and_no_names() {
    let site = TestSite::with("metrics = \"127.0.0.1:0\"\n").await;
    let mut served = site.command(&["serve"]);
    let mut child = served.stdout(Stdio::piped()).spawn().unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let address = std::io::BufRead::lines(out)
        .map(Result::unwrap)
        .find_map(|line| line.split("Prometheus: http://").nth(1).map(|rest| rest.replace("/metrics", "")))
        .unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&request("GET", "/metrics", "", "")).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.contains("letterpress_subscribers{status=\"active\"} 1"), "{text}");
    assert!(text.contains("letterpress_readers{standing=\"active\"} 1"), "{text}");
    assert!(!text.contains('@') && !text.contains("v1."));
}

#[tokio::test]
async fn the_server_answers_a_pending_request_before_it_stops_and_accepts_no_new_one() {
    let site = TestSite::new().await;
    let served = site.serve();
    let mut stream = connect(&served);
    let body = "email=lee@example.org&form=embedded";
    // The server asks for the body when it has read the rest of the request.
    let headers = format!("{FORM}Expect: 100-continue\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(&request("POST", "/subscribe", &headers, "")).unwrap();
    let mut asks = [0; 25];
    stream.read_exact(&mut asks).unwrap();
    assert_eq!(&asks, b"HTTP/1.1 100 Continue\r\n\r\n");
    served.ask_to_stop();
    wait_until("it no longer listens", || TcpStream::connect(served.address).is_err());
    stream.write_all(body.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert_eq!(status(&reply), 200);
    assert_eq!(site.transactional().len(), 1);
}

#[tokio::test]
async fn the_server_takes_its_socket_from_systemd_and_notifies_it_when_ready() {
    let site = TestSite::new().await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let manager = UnixDatagram::bind(site.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let program = env!("CARGO_BIN_EXE_letterpress");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("LISTEN_PID=$$ LISTEN_FDS=1 exec '{program}' serve 3<&0")])
        .current_dir(site.path("."))
        .env_clear()
        .env("NOTIFY_SOCKET", site.path("notify"))
        .stdin(Stdio::from(OwnedFd::from(socket)));
    let served = Served::start(&mut command);
    assert_eq!(served.address, address);
    let state = || {
        let mut state = [0; 64];
        let length = manager.recv(&mut state).unwrap();
        String::from_utf8_lossy(&state[..length]).into_owned()
    };
    assert_eq!(state(), "READY=1");
    assert_eq!(status(&exchange(&served, &request("GET", "/healthz", "", ""))), 200);
    let (code, output) = served.stop();
    assert_eq!((code, state().as_str()), (0, "STOPPING=1"), "{output}");
}

#[tokio::test]
async fn the_server_works_while_a_run_is_sending() {
    let site = TestSite::new().await;
    let served = site.serve();
    let published = site.command(&["publish"]).output().unwrap();
    assert_eq!(published.status.code(), Some(0), "{published:?}");
    let reply = exchange(&served, &request("POST", &format!("/u/{}", site.unsubscribe_token()), "", ""));
    assert_eq!(status(&reply), 200);
    let published = site.command(&["publish"]).output().unwrap();
    assert_eq!(published.status.code(), Some(0), "the fence is not behind: {published:?}");
}

#[tokio::test]
async fn pages_below_a_path_work_with_and_without_a_proxy_that_strips_it() {
    let site = TestSite::new().await;
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write(
        "config.toml",
        &config.replace("https://news.letters.example/", "https://letters.example/news/"),
    );
    let served = site.serve();
    for path in ["/news/", "/", "/news/subscribe", "/subscribe"] {
        let page = exchange(&served, &request("GET", path, "", ""));
        assert_eq!(status(&page), 200, "{path}");
        assert!(page.contains("action=\"/news/subscribe?lang=ko\""), "{page}");
        assert!(page.contains("href=\"/news/assets/style-"), "{page}");
    }
    let leave = format!("/news/u/{}", site.unsubscribe_token());
    assert_eq!(status(&exchange(&served, &request("POST", &leave, "", ""))), 200);
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Unsubscribed));
}

#[tokio::test]
async fn x24_the_server_deletes_expired_data() {
    let site = TestSite::new().await;
    site.post("/subscribe", "email=lee@example.org&form=embedded").await;
    assert_eq!(site.status("lee@example.org").await, Some(SubscriptionStatus::Unconfirmed));
    let later = "2026-12-25T10:00:00Z";
    let mut command = site.command(&["serve"]);
    let served = Served::start(command.env("LETTERPRESS_FROZEN_AT", later));
    let began = Instant::now();
    while site.status("lee@example.org").await.is_some() {
        assert!(began.elapsed() < Duration::from_secs(60), "expired data was not deleted in time");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(site.status(KIM).await, Some(SubscriptionStatus::Active));
    assert_eq!(served.stop().0, 0);
}
