//! A site whose pages are requested without a socket, at a chosen time; and the same site served by the real program.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use camino::Utf8Path;
use chrono::TimeDelta;
use letterpress::internals::address::EmailAddress;
use letterpress::internals::clock::{Clock as _, FrozenClock};
use letterpress::internals::config;
use letterpress::internals::pipeline::publish;
use letterpress::internals::pipeline::session::LedgerSession;
use letterpress::internals::pipeline::session::RunContext;
use letterpress::internals::pipeline::site_build::Waivers;
use letterpress::internals::subscribers::token::{Purpose, Subject};
use letterpress::internals::subscribers::{AddressKey, NewSubscriber, Profile, SubscriptionStatus};
use letterpress::internals::web::{App, Peer, router};
use rusqlite::types::ValueRef;
use tower::ServiceExt as _;

/// The base address of the pages, from the configuration.
pub(crate) const URL: &str = "https://news.letters.example/";
/// A subscriber of every test site.
pub(crate) const KIM: &str = "kim@example.org";

const CONFIG: &str = "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n\
    [newsletter]\nfrom = \"느린 편지 <news@letters.example>\"\nunsubscribe = \"leave@letters.example\"\nfirst_run = \"newest\"\n\
    [web]\nurl = \"https://news.letters.example/\"\nlisten = \"127.0.0.1:0\"\n";

const POST: &str = "+++\ntitle = \"천천히 오는 편지\"\ndate = 2026-11-20T09:00:00Z\nslug = \"slow\"\ncategories = [\"기술\"]\n+++\n\n\
    **편지**는 천천히 온다. <script>alert(1)</script> ![그림](https://letters.example/a.png)\n";
const OLD_POST: &str = "+++\ntitle = \"A walk\"\ndate = 2026-11-01T09:00:00Z\nslug = \"walk\"\ncategories = [\"일상\"]\n+++\n\nOut.\n";

pub(crate) struct TestSite {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<FrozenClock>,
    pub(crate) session: LedgerSession,
    context: RunContext,
    router: Router,
    /// The log lines of the server.
    pub(crate) output: Arc<Mutex<String>>,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a hidden field of the page.
    pub(crate) fn field(&self, name: &str) -> String {
        let text = self.text();
        let (_, rest) =
            text.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{text}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The addresses of the forms on the page.
    pub(crate) fn actions(&self) -> Vec<String> {
        let text = self.text();
        text.split("action=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }
}

impl TestSite {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// With additional lines below `[web]`. Kim is a subscriber.
    pub(crate) async fn with(web: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "config.toml", &format!("{CONFIG}{web}"));
        write(folder.path(), "posts/slow.md", POST);
        write(folder.path(), "posts/walk.md", OLD_POST);
        let path = folder.path().join("config.toml");
        let config = Arc::new(config::load(Utf8Path::from_path(&path).unwrap()).unwrap());
        let clock = Arc::new(FrozenClock::at("2026-11-20T10:00:00Z".parse().unwrap(), 7));
        let context = RunContext {
            config: Arc::clone(&config),
            clock: clock.clone(),
            on_progress: Arc::new(|_| {}),
            breaker: Arc::default(),
        };
        let output = Arc::new(Mutex::new(String::new()));
        let app = {
            let output = Arc::clone(&output);
            let log = Box::new(move |line: &str| writeln!(output.lock().unwrap(), "{line}").unwrap());
            App::open(context.clone(), log)
                .await
                .unwrap()
                .with_access_log(true)
                .with_store_timeout(Duration::from_secs(2))
        };
        let session = LedgerSession::open(&config, clock.as_ref()).await.unwrap();
        let site = Self { folder, clock, session, context, router: router(Arc::new(app)), output };
        site.add_subscriber(KIM).await;
        site
    }

    /// A new subscriber who signs up and confirms.
    pub(crate) async fn add_subscriber(&self, address: &str) {
        let email = EmailAddress::parse(address).unwrap();
        let consented_at = Some(self.clock.now());
        let profile = Profile { consented_at, ..Profile::new(email, SubscriptionStatus::Active) };
        let subscriber = NewSubscriber::new(self.key(address), profile, "test");
        self.session.store.add_subscribers(vec![subscriber], self.clock.now()).await.unwrap();
    }

    /// Builds the feeds and sends the newest post to the outbox.
    pub(crate) async fn publish(&self) {
        publish(&self.context, Waivers::default()).await.unwrap().newsletter.unwrap().unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    pub(crate) fn wait(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    pub(crate) fn key(&self, address: &str) -> AddressKey {
        self.session.key_of(&EmailAddress::parse(address).unwrap())
    }

    /// A valid token for a subscriber.
    pub(crate) fn token(&self, purpose: Purpose, address: &str, generation: u32) -> String {
        self.session.keys.sign(purpose, &Subject::from(self.key(address).0), generation)
    }

    /// The token in Kim's emails.
    pub(crate) fn unsubscribe_token(&self) -> String {
        self.token(Purpose::Unsubscribe, KIM, 1)
    }

    /// A valid token for a data export.
    pub(crate) fn data_token(&self, address: &str) -> String {
        let minute = self.clock.now().timestamp() / 60;
        self.token(Purpose::Data, address, u32::try_from(minute).unwrap())
    }

    pub(crate) async fn status(&self, address: &str) -> Option<SubscriptionStatus> {
        self.session.store.status(self.key(address)).await.unwrap()
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        Reply { status, headers, bytes }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    /// A form as a current browser sends it from one of our pages.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Reply {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
            ("origin", "null"),
        ];
        self.send("POST", path, &headers, form).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer("127.0.0.1".parse::<IpAddr>().unwrap()));
        self.ask(request).await
    }

    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("letterpress.db")).unwrap()
    }

    /// Every row of every table that a request may change.
    pub(crate) fn rows(&self) -> String {
        let tables = [
            "subscriber",
            "consent",
            "transactional_email",
            "suppression",
            "event",
            "delivery",
            "issue",
            "meter",
        ];
        let database = self.database();
        let is_known = |table: &str| database.prepare(&format!("SELECT * FROM {table}")).is_ok();
        let mut out = String::new();
        for table in tables.into_iter().filter(|table| is_known(table)) {
            let mut all = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = all.column_count();
            let mut rows = all.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells: Vec<String> = (0..columns)
                    .map(|at| match row.get_ref(at).unwrap() {
                        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                        other => format!("{other:?}"),
                    })
                    .collect();
                writeln!(out, "{table} {}", cells.join("|")).unwrap();
            }
        }
        assert!(out.contains("subscriber "), "{out}");
        out
    }

    /// The queued transactional emails, as kind and address.
    pub(crate) fn transactional(&self) -> Vec<(String, String)> {
        let database = self.database();
        let mut all = database.prepare("SELECT kind, address FROM transactional_email ORDER BY id").unwrap();
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The real program, serving this site.
    pub(crate) fn serve(&self) -> Served {
        Served::start(&mut self.command(&["serve", "--access-log"]))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_letterpress")));
        command.current_dir(self.folder.path()).env_clear().args(arguments);
        command
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The real program; it is stopped when this value is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Starts it and reads its address from its first line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").map(|rest| rest.trim_end_matches('/'));
        let address = address.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        child.stdout = Some(out.into_inner());
        Self { child, address }
    }

    /// Stops it; returns its code and everything that it printed after the first line.
    pub(crate) fn stop(mut self) -> (i32, String) {
        signal(&self.child);
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let mut output = String::new();
        for stream in [
            self.child.stdout.take().map(|out| Box::new(out) as Box<dyn std::io::Read>),
            self.child.stderr.take().map(|err| Box::new(err) as Box<dyn std::io::Read>),
        ] {
            std::io::Read::read_to_string(&mut stream.unwrap(), &mut output).unwrap();
        }
        (code, output)
    }

    pub(crate) fn ask_to_stop(&self) {
        signal(&self.child);
    }
}

/// Sends SIGTERM to this child only.
fn signal(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
