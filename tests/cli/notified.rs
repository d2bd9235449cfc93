//! Notifications about failing runs: a heartbeat for each run, and a topic and a mailbox when something changes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::relay::{Relay, Reply};
use super::site::Site;

/// A web server that replies 200 and records its requests: path, title, body.
struct Listener {
    port: u16,
    requests: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = Vec::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    head.push(line.trim().to_owned());
                }
                let field = |name: &str| {
                    let of = |line: &String| {
                        let (key, value) = line.split_once(": ")?;
                        key.eq_ignore_ascii_case(name).then(|| value.to_owned())
                    };
                    head.iter().find_map(of).unwrap_or_default()
                };
                let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
                reader.read_exact(&mut body).unwrap();
                let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
                let request = (path.to_owned(), field("title"), String::from_utf8(body).unwrap());
                shared.lock().unwrap().push(request);
                let _ =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { port, requests }
    }

    /// The requests since the last call, except starts: a run may end before its start notification arrives.
    fn requests(&self) -> Vec<(String, String, String)> {
        let mut requests = std::mem::take(&mut *self.requests.lock().unwrap());
        requests.retain(|(path, _, _)| !path.is_empty() && !path.ends_with("/start"));
        requests
    }
}

/// A site with feeds, one post and no newsletter; `notify` is the content of `[notify]`.
fn site(relay: &Relay, notify: &str) -> Site {
    let site = Site::new();
    for post in site.posts() {
        fs::remove_file(post).unwrap();
    }
    site.write(
        "config.toml",
        &format!(
            "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.example/\"\n[newsletter]\nenabled = false\n\
             from = \"news@letters.example\"\n{}[notify]\n{notify}\n",
            relay.section()
        ),
    );
    repair(&site);
    site
}

fn repair(site: &Site) {
    site.write("posts/2026-11-20-a.md", "# A\n\nText.\n");
}

fn damage(site: &Site) {
    site.write("posts/2026-11-20-a.md", "+++\ntitle = \"no end of kim@example.org\n");
}

#[test]
fn a_heartbeat_is_called_for_every_run_without_addresses() {
    let (relay, listener) = (Relay::start(Reply::Accepted), Listener::start());
    let site = site(&relay, &format!("url = \"http://127.0.0.1:{}/token\"", listener.port));
    site.run("publish").succeeds();
    assert_eq!(listener.requests(), [("/token".to_owned(), String::new(), String::new())]);
    damage(&site);
    for _ in 0..2 {
        assert_eq!(site.run("publish").code, 1);
        let requests = listener.requests();
        let [(path, _, body)] = requests.as_slice() else { panic!("{requests:?}") };
        assert!(path == "/token/fail" && body.starts_with("exit code 1\n"), "{requests:?}");
        assert!(body.contains("posts/2026-11-20-a.md") && !body.contains('@'), "{body}");
    }
}

#[test]
fn people_are_notified_when_a_failure_begins_and_ends_and_not_by_each_run() {
    let (relay, listener) = (Relay::start(Reply::Accepted), Listener::start());
    let to = format!(
        "to = \"me@example.com\"\nkind = \"ntfy\"\nurl = \"http://127.0.0.1:{}/letters\"",
        listener.port
    );
    let site = site(&relay, &to);
    site.run("publish").succeeds();
    assert_eq!((relay.messages(), listener.requests().len()), (0, 0), "no failure before or after");
    damage(&site);
    for minute in 10..14 {
        assert_eq!(site.run_at(&format!("2026-11-23T00:{minute}:00Z"), "publish").code, 1);
    }
    let requests = listener.requests();
    let [(path, title, body)] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((path.as_str(), title.as_str()), ("/letters", "letterpress publish failed"));
    assert!(body.contains("posts/2026-11-20-a.md"), "{body}");
    assert_eq!(relay.messages(), 1);
    repair(&site);
    site.run_at("2026-11-23T00:20:00Z", "publish").succeeds();
    let requests = listener.requests();
    assert_eq!(
        requests.iter().map(|request| request.1.as_str()).collect::<Vec<_>>(),
        ["letterpress publish works again"]
    );
    assert_eq!(relay.messages(), 2);
    site.run_at("2026-11-23T00:30:00Z", "publish").succeeds();
    assert_eq!((relay.messages(), listener.requests().len()), (2, 0));
}

#[test]
fn a_failed_notification_does_not_change_the_outcome() {
    let relay = Relay::start(Reply::Deferred);
    let site = site(&relay, "to = \"me@example.com\"\nurl = \"http://127.0.0.1:1/token\"");
    let ran = site.run("publish").succeeds();
    assert!(ran.err.contains("notification to 127.0.0.1 failed") && !ran.err.contains("token"), "{ran:?}");
    let quiet = site.run("--quiet publish").succeeds();
    assert_eq!(quiet.err, "");
    damage(&site);
    let ran = site.run("publish");
    assert!(ran.code == 1 && ran.err.contains("notification to notify.to failed"), "{ran:?}");
    // The relay is not asked again while it is throttled.
    let ran = site.run_at("2026-11-23T02:00:00Z", "publish");
    assert!(ran.code == 1 && !ran.err.contains("notify.to"), "{ran:?}");
}
