//! `WebSub`: a small hub and a web server with the published feed, both on the loopback interface.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::support::Site;
use super::support::site::NOW;

/// The published files, and the notifications that the hub received.
#[derive(Default)]
struct State {
    published: HashMap<String, Vec<u8>>,
    /// Each topic and the bytes that the hub then downloaded, in order.
    notifications: Vec<(String, Vec<u8>)>,
    /// How many feed requests were answered with 304.
    unchanged: usize,
    hub_fails: bool,
}

/// Web server and hub in one: `/hub` accepts `hub.mode=publish` and downloads the topic, every other path is a file.
struct Web {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &shared, port);
            }
        });
        Self { port, state }
    }

    /// Publishes the built files of the site.
    fn deploy(&self, site: &Site) {
        let mut state = self.state.lock().unwrap();
        for name in ["rss.xml", "atom.xml", "feed.json"] {
            state
                .published
                .insert(format!("/{name}"), std::fs::read(site.path(&format!("public/{name}"))).unwrap());
        }
    }

    fn notifications(&self) -> Vec<(String, Vec<u8>)> {
        let mut notifications = std::mem::take(&mut self.state.lock().unwrap().notifications);
        notifications.sort();
        notifications
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, port: u16) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let field = |name: &str| {
        head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix(name).map(|value| value.trim().to_owned())
        })
    };
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut state = state.lock().unwrap();
    if method == "POST" {
        let length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
        let is_form = field("content-type:").as_deref() == Some("application/x-www-form-urlencoded");
        let topic = form.get("hub.url").cloned().unwrap_or_default();
        let own = format!("http://127.0.0.1:{port}");
        let fetched = topic.strip_prefix(&own).and_then(|path| state.published.get(path)).cloned();
        return match fetched {
            Some(bytes) if is_form && path == "/hub" && form["hub.mode"] == "publish" && !state.hub_fails => {
                state.notifications.push((topic, bytes));
                stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            }
            _ => stream.write_all(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        };
    }
    let Some(bytes) = state.published.get(path).cloned() else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let etag = format!("\"{}-{}\"", bytes.len(), bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>());
    if field("if-none-match:").as_deref() == Some(&etag) {
        state.unchanged += 1;
        let head = format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\nConnection: close\r\n\r\n");
        return stream.write_all(head.as_bytes());
    }
    let length = bytes.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&bytes)
}

fn site(web: &Web) -> Site {
    let site = Site::unopened(9, 0, 1);
    let url = format!("http://127.0.0.1:{}/", web.port);
    site.write(
        "config.toml",
        &format!(
            "[site]\ntitle = \"느린 편지\"\nurl = \"{url}\"\nlanguage = \"ko\"\n[feeds]\nhubs = [\"{url}hub\"]\nby = []\n\
             [newsletter]\nenabled = false\n"
        ),
    );
    site
}

#[test]
fn a_hub_is_notified_once_of_a_change_and_only_when_it_is_published() {
    let web = Web::start();
    let site = site(&web);
    let first = site.run(&["publish"]);
    assert!(web.notifications().is_empty(), "the feeds are not published yet: {}", first.output);

    web.deploy(&site);
    let second = site.run(&["publish"]);
    assert!(second.output.contains("WebSub: hubs notified of 3 feeds"), "{}", second.output);
    let notifications = web.notifications();
    let topics: Vec<&str> =
        notifications.iter().map(|(topic, _)| topic.rsplit('/').next().unwrap()).collect();
    assert_eq!(topics, ["atom.xml", "feed.json", "rss.xml"]);
    for (topic, fetched) in &notifications {
        let name = topic.rsplit('/').next().unwrap();
        assert_eq!(*fetched, std::fs::read(site.path(&format!("public/{name}"))).unwrap(), "{name}");
    }
    site.run(&["publish"]);
    assert!(web.notifications().is_empty(), "once for each change");
}

#[test]
fn a_failed_hub_notification_is_repeated_by_the_next_run_with_a_conditional_request() {
    let web = Web::start();
    let site = site(&web);
    site.run(&["publish"]);
    web.deploy(&site);
    site.run(&["publish"]);
    web.notifications();

    site.write("posts/new.md", "+++\ntitle = \"새 글\"\ndate = 2026-11-20T09:30:00Z\n+++\n\n새 글이다.\n");
    site.run_at(NOW, &["publish"]);
    assert!(
        web.notifications().is_empty() && web.state.lock().unwrap().unchanged == 3,
        "304: still the old feed"
    );
    web.deploy(&site);
    web.state.lock().unwrap().hub_fails = true;
    let refused = site.run(&["publish"]);
    assert!(refused.code == 0 && refused.output.contains("503"), "{}", refused.output);
    web.state.lock().unwrap().hub_fails = false;
    site.run(&["publish"]);
    let notifications = web.notifications();
    assert_eq!(notifications.len(), 3);
    assert!(notifications.iter().all(|(_, fetched)| String::from_utf8_lossy(fetched).contains("새 글")));
}

#[test]
fn a_hub_that_fails_for_a_day_is_reported_even_under_cron() {
    let web = Web::start();
    let site = site(&web);
    site.run(&["publish"]);
    web.deploy(&site);
    web.state.lock().unwrap().hub_fails = true;
    let soon = site.run_at("2026-11-20T12:00:00Z", &["--quiet", "publish"]);
    assert_eq!((soon.code, soon.output.as_str()), (0, ""));
    let late = site.run_at("2026-11-21T12:00:00Z", &["--quiet", "publish"]);
    assert!(late.code == 0 && late.output.contains("503"), "{}", late.output);
}
