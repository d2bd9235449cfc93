//! `letterpress preview`: the real program, asked as a browser, a stranger and an attacker would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::support::Site;

/// A running preview; it is stopped when it is dropped.
struct Preview {
    child: Child,
    port: u16,
    token: String,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Drop for Preview {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Preview {
    fn start(site: &Site) -> Self {
        let mut command = site.command(Some("2026-11-20T10:00:00Z"), &["preview"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let rest = line.trim().strip_prefix("preview: http://127.0.0.1:").unwrap_or_else(|| panic!("{line}"));
        let (port, token) = rest.trim_end_matches('/').split_once('/').unwrap();
        Self { port: port.parse().unwrap(), token: token.to_owned(), child }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// A request with these lines after the first; the connection is closed after the answer.
    fn ask(&self, first: &str, lines: &[&str]) -> Answer {
        let mut stream = self.connect();
        let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
        stream.write_all(format!("{first} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn host(&self) -> String {
        format!("Host: 127.0.0.1:{}", self.port)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET /{}/{path}", self.token), &[&self.host()])
    }

    /// The page, once it contains `text`.
    fn wait_for(&self, path: &str, text: &str) -> Answer {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.get(path);
            if answer.body.contains(text) {
                return answer;
            }
            assert!(Instant::now() < until, "{text:?} is not in {}", answer.body);
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

const SLOW: &str = "?show=post:posts/slow.md";
const POST: &str = "+++\ntitle = \"천천히 오는 편지\"\ndate = 2026-11-20T09:00:00Z\nslug = \"slow\"\n+++\n\n";

#[test]
fn only_the_whole_address_on_a_name_of_this_machine_is_answered() {
    let site = Site::new(1, 3, 1);
    let preview = Preview::start(&site);
    let page = preview.get(SLOW);
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(
        page.body.contains("천천히 오는 편지") && page.body.contains("With the next run"),
        "{}",
        page.body
    );
    for expected in [
        "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
    ] {
        assert!(page.head.contains(expected), "{expected}: {}", page.head);
    }
    assert!(!page.head.contains("access-control"), "{}", page.head);

    let path = format!("GET /{}/", preview.token);
    let of = |first: &str, host: &str| preview.ask(first, &[host]).status;
    assert_eq!(of(&path, &format!("Host: localhost:{}", preview.port)), 200);
    for host in
        ["Host: rebound.example", "Host: 127.0.0.1", &format!("Host: rebound.example:{}", preview.port)]
    {
        assert_eq!(of(&path, host), 421, "{host}");
    }
    let wrong = "0".repeat(32);
    for path in
        ["/", "/style.css", &format!("/{wrong}/"), &format!("/{}", &preview.token[1..]), "/../etc/passwd"]
    {
        let answer = preview.ask(&format!("GET {path}"), &[&preview.host()]);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains(&preview.token) && !answer.body.contains("편지"), "{path}");
    }
}

#[test]
fn unknown_pages_subjects_and_methods_are_refused_and_nothing_ends_the_program() {
    let site = Site::new(1, 1, 1);
    let preview = Preview::start(&site);
    for path in [
        "nothing",
        "letter",
        "letter?show=post:../config.toml",
        "picture?show=post:posts/slow.md&n=0",
        "entry?show=week",
    ] {
        assert_eq!(preview.get(path).status, 404, "{path}");
    }
    let missing = preview.get("?show=post:posts/gone.md");
    assert!(missing.status == 200 && missing.body.contains("no such post"), "{}", missing.body);
    for (first, status) in [("PUT", 405), ("DELETE", 405), ("OPTIONS", 405)] {
        assert_eq!(preview.ask(&format!("{first} /{}/", preview.token), &[&preview.host()]).status, status);
    }
    assert_eq!(preview.get("test").status, 405, "a link cannot send");
    let head = preview.ask(&format!("HEAD /{}/{SLOW}", preview.token), &[&preview.host()]);
    assert!(head.status == 200 && head.body.is_empty());
    assert_eq!(preview.ask("nonsense", &["a"]).status, 400);
    assert_eq!(preview.get(SLOW).status, 200);
}

#[test]
fn the_letter_is_framed_without_scripts_and_says_what_the_bytes_say() {
    let site = Site::new(1, 1, 1);
    site.write(
        "posts/slow.md",
        &format!("{POST}<b onclick=\"x()\">굵게</b> <script>x()</script> [link](https://a.example/)\n"),
    );
    let preview = Preview::start(&site);
    let letter = preview.get(&format!("letter{SLOW}"));
    assert!(
        letter.head.contains("sandbox allow-same-origin") && !letter.head.contains("allow-scripts"),
        "{}",
        letter.head
    );
    assert!(
        letter.head.contains("script-src 'none'")
            && letter.head.contains("img-src 'self' http: https: data:")
    );
    assert!(
        letter.body.contains("굵게") && letter.body.contains("<base target=\"_blank\">"),
        "{}",
        letter.body
    );
    assert!(!letter.body.contains("<script") && !letter.body.contains("onclick"), "{}", letter.body);
    assert!(preview.get(&format!("letter{SLOW}&pictures=off")).head.contains("img-src 'none'"));

    // The bytes on the page are those of a test copy, but for what differs between any two messages.
    let message = preview.get(&format!("message.eml{SLOW}")).body;
    assert!(
        message.contains("List-Unsubscribe: <mailto:") && message.contains("multipart/alternative"),
        "{message}"
    );
    let raw = preview.get(&format!("{SLOW}&tab=raw")).body;
    assert!(raw.contains("Content-Type: multipart/alternative;"), "{raw}");
    let headers = preview.get(&format!("{SLOW}&tab=headers")).body;
    assert!(headers.contains("RFC 2919") && headers.contains("느린 편지"), "{headers}");
    let entry = preview.get(&format!("entry{SLOW}&reader=Feedly")).body;
    assert!(entry.contains("굵게") && !entry.contains("script"), "{entry}");
}

#[test]
fn only_a_post_from_its_own_page_sends_and_only_to_the_writer() {
    let site = Site::new(1, 2, 1);
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    let without_relay = config.split("[smtp]").next().unwrap().to_owned();
    site.write("config.toml", &without_relay);
    let preview = Preview::start(&site);
    assert!(!preview.get(SLOW).body.contains("test copy"), "without an address there is no button");
    let send = |lines: &[&str]| {
        let host = preview.host();
        let lines: Vec<&str> =
            [&*host, "Content-Length: 0"].into_iter().chain(lines.iter().copied()).collect();
        preview.ask(&format!("POST /{}/test{SLOW}", preview.token), &lines)
    };
    let sent = || walk(&site.path("outbox")).into_iter().filter(|name| name.ends_with("eml")).count();
    send(&[]);
    assert_eq!(sent(), 0);
    assert!(preview.get(SLOW).body.contains("newsletter.test is not set"));

    site.write(
        "config.toml",
        &without_relay.replace("[newsletter]\n", "[newsletter]\ntest = \"me@letters.example\"\n"),
    );
    preview.wait_for(SLOW, "test copy");
    for foreign in [
        &["Origin: https://evil.example"][..],
        &["Sec-Fetch-Site: cross-site", "Origin: null"],
        &["Sec-Fetch-Site: same-site"],
        &["Origin: http://localhost:1"],
    ] {
        assert_eq!(send(foreign).status, 403, "{foreign:?}");
    }
    assert_eq!(sent(), 0);
    let own = format!("Origin: http://127.0.0.1:{}", preview.port);
    let answer = send(&[&own, "Sec-Fetch-Site: same-origin"]);
    assert_eq!((answer.status, sent()), (303, 1), "{}", answer.head);
    assert!(preview.get(SLOW).body.contains("Sent a test copy to me@letters.example"));
    let message = walk(&site.path("outbox")).into_iter().find(|name| name.ends_with("eml")).unwrap();
    assert!(std::fs::read_to_string(message).unwrap().contains("To: me@letters.example"));
}

#[test]
fn neither_the_ledger_nor_the_folder_changes_and_a_missing_ledger_is_not_made() {
    let site = Site::new(1, 5, 1);
    assert_eq!(site.run(&["build"]).code, 0);
    let before = contents(&site);
    {
        let preview = Preview::start(&site);
        for path in [SLOW, "?show=week", "?show=reply:confirm", "", "?q=x"] {
            assert_eq!(preview.get(path).status, 200, "{path}");
        }
        assert!(preview.get(SLOW).body.contains("<dd>5</dd>"), "five active subscribers");
        // A run that sends is not kept from its lock.
        assert_eq!(site.run(&["subscribers", "add", "new@example.org"]).code, 0);
        assert!(preview.get(SLOW).body.contains("<dd>6</dd>"), "a change beside it is seen");
    }
    let after = contents(&site);
    let changed: Vec<_> = after.iter().filter(|(name, bytes)| before.get(*name) != Some(bytes)).collect();
    assert!(
        changed.iter().all(|(name, _)| name.contains("letterpress.db")),
        "{:?}",
        changed.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );

    let fresh = Site::unopened(1, 1, 1);
    let before = contents(&fresh);
    let preview = Preview::start(&fresh);
    assert!(preview.get(SLOW).body.contains("There is no ledger yet"));
    drop(preview);
    assert_eq!(contents(&fresh), before);
}

#[test]
fn looking_leaves_every_byte_of_the_ledger_as_it_was() {
    let site = Site::new(1, 5, 1);
    let before = std::fs::read(site.path("letterpress.db")).unwrap();
    let preview = Preview::start(&site);
    for path in [SLOW, "?show=week", "?show=post:posts/slow.md&tab=feed"] {
        assert_eq!(preview.get(path).status, 200);
    }
    drop(preview);
    assert_eq!(std::fs::read(site.path("letterpress.db")).unwrap(), before);
    let log = std::fs::metadata(site.path("letterpress.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "something was written to the log");
    assert_eq!(site.run(&["ledger", "verify"]).code, 0);
}

#[test]
fn a_save_is_an_event_and_an_error_is_shown_above_the_last_version() {
    let site = Site::new(1, 1, 1);
    let preview = Preview::start(&site);
    let mut events = preview.connect();
    events
        .write_all(format!("GET /{}/events HTTP/1.1\r\n{}\r\n\r\n", preview.token, preview.host()).as_bytes())
        .unwrap();
    let mut lines = BufReader::new(events).lines().map(Result::unwrap);
    let mut until = |wanted: &str| {
        let begun = Instant::now();
        let found = lines.find(|line| line.contains(wanted) || begun.elapsed() > Duration::from_secs(20));
        assert!(found.is_some_and(|line| line.contains(wanted)), "{wanted} did not come");
    };
    until("text/event-stream");
    until("retry");

    site.write("posts/slow.md", &format!("{POST}새로 쓴 문장.\n"));
    until("event: change");
    // One save may be more than one change, so an event does not say that the newest save was read.
    preview.wait_for(&format!("letter{SLOW}"), "새로 쓴 문장");

    site.write("posts/slow.md", &format!("{POST}다른 문장.\n").replace("date = 2026", "date = x2026"));
    until("event: change");
    let page = preview.wait_for(SLOW, "posts/slow.md:3").body;
    assert!(page.contains("last version without errors"), "{page}");
    assert!(page.contains("href=\"vscode://file/"), "{page}");
    assert!(preview.get(&format!("letter{SLOW}")).body.contains("새로 쓴 문장"));

    // A template with an error, too.
    site.write("posts/slow.md", &format!("{POST}다른 문장.\n"));
    until("event: change");
    site.write("templates/body.html", "<p>\n{{ post.nothing }}\n{{ unsubscribe_url }}");
    let page = preview.wait_for(SLOW, "templates/body.html:2").body;
    assert!(page.contains("last version without errors"), "{page}");

    // And a configuration with one.
    std::fs::remove_file(site.path("templates/body.html")).unwrap();
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", &config.replace("language = \"ko\"", "language = 7"));
    preview.wait_for(SLOW, "config.toml:4");
    site.write("config.toml", &config.replace("느린 편지\"\nurl", "빠른 편지\"\nurl"));
    preview.wait_for(SLOW, "빠른 편지");
}

#[test]
fn a_folder_that_was_replaced_and_files_in_new_folders_are_noticed() {
    let site = Site::new(1, 1, 1);
    let preview = Preview::start(&site);
    site.write("posts/new/2026-11-19-inner.md", "+++\ntitle = \"안쪽 글\"\n+++\n글\n");
    preview.wait_for("", "안쪽 글");
    std::fs::rename(site.path("posts"), site.path("old")).unwrap();
    site.write("posts/2026-11-18-other.md", "+++\ntitle = \"다른 가지의 글\"\n+++\n글\n");
    preview.wait_for("", "다른 가지의 글");
    site.write("posts/2026-11-18-other.md", "+++\ntitle = \"다시 고친 글\"\n+++\n글\n");
    let page = preview.wait_for("", "다시 고친 글");
    assert!(!page.body.contains("안쪽 글"), "{}", page.body);
    std::fs::remove_file(site.path("posts/2026-11-18-other.md")).unwrap();
    preview.wait_for("", "No post yet");
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(walk(&entry.path()));
        } else {
            files.push(entry.path().to_str().unwrap().to_owned());
        }
    }
    files
}

/// The files of a site with their bytes.
fn contents(site: &Site) -> std::collections::BTreeMap<String, Vec<u8>> {
    walk(&site.path("")).into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}
