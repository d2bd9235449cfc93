//! The ledger file is replaced while `letterpress serve` has it open: an unsubscribe is confirmed only if it is in the
//! file that is there now.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use letterpress::internals::clock::{Clock as _, SystemClock};

use super::site::Served;

const KIM: &str = "kim@example.org";
const SITE: &str = "[site]\ntitle = \"느린 편지\"\nurl = \"https://letters.example/\"\n\
    [newsletter]\nfrom = \"news@letters.example\"\nfirst_run = \"newest\"\n\
    [web]\nurl = \"https://news.letters.example/\"\nlisten = \"127.0.0.1:0\"\n";

/// A site whose first issue went to the outbox, with a backup from just after it.
struct Site {
    folder: tempfile::TempDir,
    /// The token in Kim's email.
    token: String,
}

impl Site {
    fn new() -> Self {
        let mut site = Self { folder: tempfile::tempdir().unwrap(), token: String::new() };
        fs::write(site.path("config.toml"), SITE).unwrap();
        fs::create_dir(site.path("posts")).unwrap();
        let day = SystemClock.now() - chrono::TimeDelta::hours(2);
        let post =
            format!("+++\ntitle = \"Slow\"\ndate = {}\n+++\n\nText.\n", day.format("%Y-%m-%dT%H:%M:%SZ"));
        fs::write(site.path("posts/slow.md"), post).unwrap();
        site.succeeds(&["subscribers", "add", KIM]);
        site.succeeds(&["publish"]);
        site.token = token(&site.path("outbox"));
        site.succeeds(&["backup", "b.db"]);
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_letterpress"));
        command.current_dir(self.folder.path()).env_clear().args(arguments).output().unwrap()
    }

    fn succeeds(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
    }

    fn serve(&self) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_letterpress"));
        Served::start(command.current_dir(self.folder.path()).env_clear().arg("serve"))
    }

    /// A one-click unsubscribe; returns the status and the body of the response.
    fn unsubscribe(&self, served: &Served) -> (u16, String) {
        let body = "List-Unsubscribe=One-Click";
        let head = format!(
            "POST /u/{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        asked(served, &head)
    }

    /// Kim's status in the file at the path, if the file is valid.
    fn on_disk(&self) -> Option<String> {
        let database = rusqlite::Connection::open_with_flags(
            self.path("letterpress.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        let look = |database: rusqlite::Connection| {
            database.query_row("SELECT status FROM subscriber WHERE email = ?1", [KIM], |row| row.get(0))
        };
        database.and_then(look).ok()
    }

    fn remove(&self, names: &[&str]) {
        for name in names {
            drop(fs::remove_file(self.path(name)));
        }
    }
}

fn asked(served: &Served, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    (response.split(' ').nth(1).unwrap().parse().unwrap(), response)
}

fn health(served: &Served) -> u16 {
    asked(served, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").0
}

fn token(outbox: &Path) -> String {
    let folder = fs::read_dir(outbox).unwrap().next().unwrap().unwrap().path();
    let message = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(message).unwrap();
    let (_, rest) = text.split_once("https://news.letters.example/u/").unwrap();
    rest.split('>').next().unwrap().to_owned()
}

/// Whatever happens to the files, a response that confirms an unsubscribe is true.
fn status_of_true_response(site: &Site, served: &Served, way: &str) -> u16 {
    let (status, response) = site.unsubscribe(served);
    match status {
        200 => assert_eq!(site.on_disk().as_deref(), Some("unsubscribed"), "{way}: {response}"),
        503 => {
            assert!(
                response.contains("Retry-After") || response.contains("retry-after"),
                "{way}: {response}"
            );
        }
        other => panic!("{way}: {other} {response}"),
    }
    status
}

#[test]
fn a_manually_restored_backup_is_noticed_and_an_unsubscribe_reaches_the_new_file() {
    type Way = fn(&Site);
    let ways: [(&str, Way); 2] = [
        ("mv", |site| {
            fs::rename(site.path("b.db"), site.path("letterpress.db")).unwrap();
            site.remove(&["letterpress.db-wal", "letterpress.db-shm"]);
        }),
        ("cp", |site| {
            fs::copy(site.path("b.db"), site.path("letterpress.db")).unwrap();
            site.remove(&["letterpress.db-wal", "letterpress.db-shm"]);
        }),
    ];
    for (way, exchange) in ways {
        let site = Site::new();
        let served = site.serve();
        assert_eq!(health(&served), 200);
        exchange(&site);
        assert_eq!(status_of_true_response(&site, &served, way), 200, "{way}");
        assert_eq!(health(&served), 200);
        // The server has the new file open now.
        let refused = site.run(&["ledger", "adopt-restored", "--reason", "a test"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(1) && said.contains("serve"), "{way}: {said}");
        let (code, output) = served.stop();
        assert_eq!(code, 0, "{output}");
        site.succeeds(&["ledger", "adopt-restored", "--reason", "a test"]);
        // The server wrote nothing from the old file into the new one when it stopped.
        site.succeeds(&["ledger", "verify"]);
        assert_eq!(site.on_disk().as_deref(), Some("unsubscribed"), "{way}");
    }
}

#[test]
fn a_missing_truncated_mixed_or_foreign_file_is_answered_with_503() {
    type Way = fn(&Site);
    let ways: [(&str, Way); 4] = [
        ("removed", |site| site.remove(&["letterpress.db"])),
        ("cut short", |site| drop(fs::write(site.path("letterpress.db"), ""))),
        ("mixed", |site| {
            fs::copy(site.path("b.db"), site.path("letterpress.db")).unwrap();
        }),
        ("another ledger", |site| {
            let other = Site::new();
            fs::rename(other.path("b.db"), site.path("letterpress.db")).unwrap();
            site.remove(&["letterpress.db-wal", "letterpress.db-shm"]);
        }),
    ];
    for (way, exchange) in ways {
        let site = Site::new();
        let served = site.serve();
        // The write-ahead log has changes that are not in the file yet.
        site.succeeds(&["subscribers", "add", "lee@example.org"]);
        assert_eq!(health(&served), 200);
        exchange(&site);
        for _ in 0..3 {
            assert_eq!(status_of_true_response(&site, &served, way), 503, "{way}");
        }
        assert_eq!(health(&served), 503, "{way}");
        // After a correct restore the file is served again without a restart.
        site.remove(&["letterpress.db", "letterpress.db-wal", "letterpress.db-shm"]);
        fs::copy(site.path("b.db"), site.path("letterpress.db")).unwrap();
        assert_eq!(status_of_true_response(&site, &served, way), 200, "{way}");
    }
}

#[test]
fn an_older_copy_over_the_open_file_is_noticed_too() {
    let site = Site::new();
    fs::copy(site.path("letterpress.db"), site.path("older.db")).unwrap();
    let list: Vec<String> = (0..3_000).map(|number| format!("reader{number}@example.org")).collect();
    fs::write(site.path("list.csv"), format!("email\n{}\n", list.join("\n"))).unwrap();
    site.succeeds(&["subscribers", "import", "list.csv", "--confirmed"]);
    let served = site.serve();
    assert_eq!(health(&served), 200);
    fs::copy(site.path("older.db"), site.path("letterpress.db")).unwrap();
    status_of_true_response(&site, &served, "older");
    let (code, output) = served.stop();
    assert_eq!(code, 0, "{output}");
    site.succeeds(&["ledger", "verify"]);
}

#[test]
fn a_restore_waits_for_other_processes_and_names_them() {
    let site = Site::new();
    let served = site.serve();
    let refused = site.run(&["backup", "restore", "b.db", "--reason", "a test"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let output = String::from_utf8(refused.stderr).unwrap();
    assert!(output.contains("letterpress.db is in use (process ") && output.contains("serve"), "{output}");
    assert_eq!(status_of_true_response(&site, &served, "refused"), 200);
    served.stop();
    site.succeeds(&["backup", "restore", "b.db", "--reason", "a test"]);
    assert_eq!(site.on_disk().as_deref(), Some("active"));
    site.succeeds(&["publish"]);
}
