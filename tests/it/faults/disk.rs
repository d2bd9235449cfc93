//! Disks that are full, fail, or are not writable.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::support::account::{rows, settle};
use super::super::support::site::NOW;
use super::super::support::{At, Gate, Script, Server, Site, wait_until};
use super::{pipelining, waiting};
use letterpress::internals::ledger::State;

const SUBSCRIBERS: usize = 6;
const LATER: &str = "2026-11-20T11:00:00Z";

/// A disk of a few megabytes; only root can mount one.
struct SmallDisk {
    point: tempfile::TempDir,
}

impl SmallDisk {
    fn new() -> Option<Self> {
        let point = tempfile::tempdir().unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", "size=3m,mode=755", "letterpress-test"], point.path());
        if !mounted {
            println!("NOT SHOWN: only root can mount a small disk");
        }
        mounted.then_some(Self { point })
    }

    fn remount(&self, how: &str) {
        assert!(mount(&["-o", &format!("remount,{how}")], self.point.path()));
    }

    /// Writes a file until the disk is full.
    fn fill(&self) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::create(self.ballast()).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.point.path().join("ballast")
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.point.path()).status();
    }
}

fn mount(arguments: &[&str], point: &Path) -> bool {
    let ended = Command::new("mount").args(arguments).arg(point).stderr(Stdio::null()).status();
    ended.is_ok_and(|ended| ended.success())
}

/// Sends over a disk that is full from the time at which `relay` sees `full`, when the gate opens, until the run ends or `pause`
/// later.
fn over_a_full_disk(
    script: Script,
    gate: &Gate,
    full: impl Fn(&Server) -> bool,
    pause: Option<Duration>,
) -> Option<i32> {
    let disk = SmallDisk::new()?;
    let relay = Server::start(script);
    let site = Site::inside(disk.point.path(), relay.port(), SUBSCRIBERS, 1);
    assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    let mut command = site.command(Some(NOW), &["publish"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the relay has got as far as the disk is to be full", || full(&relay));
    disk.fill();
    gate.open();
    match pause {
        Some(pause) => std::thread::sleep(pause),
        None => wait_until("the run ends", || run.try_wait().unwrap().is_some()),
    }
    let seen = relay.log().messages.len();
    disk.make_room();
    let ended = run.wait_with_output().unwrap();
    if !ended.status.success() {
        assert_eq!(relay.log().messages.len(), seen, "a dot was written after the disk was full");
        let output = String::from_utf8(ended.stderr).unwrap();
        assert!(output.contains("disk is full") && output.contains("letterpress.db"), "{output}");
    }
    let at_end = rows(&site);
    let next = site.run_at(LATER, &["publish"]);
    assert_eq!(next.code, 0, "{}", next.output);
    let account = settle(&site, &[&relay], SUBSCRIBERS);
    assert!(account.broken.is_empty(), "{:?}", account.broken);
    assert_eq!(account.unknown, 0, "{at_end:?}");
    ended.status.code()
}

#[test]
fn f19_on_a_full_disk_before_the_arm_no_dot_is_sent_and_nothing_is_lost() {
    let gate = Gate::default();
    // The first delivery: at a later one, the outcome of the previous one would wait for room and keep the run alive.
    let script = Script::polite().nth(At::Rcpt, 1, gate.then("250 2.1.5 ok"));
    let first = |relay: &Server| relay.verbs().iter().any(|verb| verb == "RCPT");
    let code = over_a_full_disk(script, &gate, first, None);
    assert!(matches!(code, None | Some(2)), "{code:?}");
}

#[test]
fn f20_an_outcome_that_cannot_be_written_to_a_full_disk_is_kept_until_there_is_room() {
    let gate = Gate::default();
    let script = Script::polite().nth(At::Dot, 3, gate.then("250 2.0.0 ok"));
    let third = |relay: &Server| relay.log().messages.len() == 3;
    // The run continues if the outcome was recorded before the next arm, and ends if that arm failed.
    let code = over_a_full_disk(script, &gate, third, Some(Duration::from_secs(3)));
    assert!(matches!(code, None | Some(0 | 2)), "{code:?}");
}

#[test]
fn f21_a_write_error_ends_the_run_before_the_next_dot() {
    let mut in_the_middle = 0;
    for blocks in [96, 128, 160, 192, 224, 256, 320, 384] {
        let relay = Server::start(pipelining());
        let site = Site::new(relay.port(), 12, 1);
        waiting(&site);
        // No larger file can be written; for the ledger that is a disk error.
        let limited = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
        let whole = site.command(Some(LATER), &["publish"]);
        let mut command = Command::new("sh");
        command.args(["-c", limited, &blocks.to_string()]).arg(whole.get_program()).arg("publish");
        command.env_clear().env("LETTERPRESS_FROZEN_AT", LATER).current_dir(site.path("."));
        let ended = command.output().unwrap();
        let (output, messages) = (String::from_utf8_lossy(&ended.stderr), relay.log().messages.len());
        assert!(matches!(ended.status.code(), Some(0 | 2)), "{blocks}: {ended:?}");
        assert!(
            ended.status.success() || output.contains("the disk reported an error"),
            "{blocks}: {output}"
        );
        in_the_middle += usize::from(!ended.status.success() && messages > 0 && messages < 12);
        let next = site.run_at("2026-11-20T12:00:00Z", &["publish"]);
        let account = settle(&site, &[&relay], 12);
        assert!(account.broken.is_empty(), "{blocks}: {:?}\n{}", account.broken, next.output);
        assert!(account.unknown <= 1, "{blocks}: {account:?}");
        assert_eq!(next.code, if account.unknown > 0 { 3 } else { 0 }, "{blocks}: {}", next.output);
    }
    assert!(in_the_middle > 0, "no limit was reached while sending");
}

/// The program as an unprivileged user; if the tests do not run as root, as the same user.
fn as_a_stranger(site: &Site) -> Command {
    let mut command = site.command(Some(LATER), &["publish"]);
    if std::fs::metadata(site.path(".")).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    command
}

fn permit(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn f29_a_ledger_without_write_permission_is_reported_before_any_connection() {
    for (name, folder, files) in [("folder", 0o555, 0o666), ("files", 0o777, 0o400)] {
        let relay = Server::start(pipelining());
        let site = Site::new(relay.port(), 3, 1);
        waiting(&site);
        for file in ["letterpress.db", "letterpress.db.lock", "letterpress.keys"] {
            permit(&site.path(file), files);
        }
        permit(&site.path("."), folder);
        let ended = as_a_stranger(&site).output().unwrap();
        permit(&site.path("."), 0o755);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("letterpress.db") && said.contains("help: check "), "{name}: {said}");
        assert_eq!(relay.log().connections, 0, "{name}");
        for file in ["letterpress.db", "letterpress.db.lock", "letterpress.keys"] {
            permit(&site.path(file), 0o600);
        }
        assert_eq!(site.run_at(LATER, &["publish"]).code, 0, "{name}");
        assert!(rows(&site).values().all(|state| *state == State::Sent), "{name}");
    }
}

#[test]
fn f29_a_read_only_file_system_is_reported_before_any_connection() {
    let Some(disk) = SmallDisk::new() else { return };
    let relay = Server::start(pipelining());
    let site = Site::inside(disk.point.path(), relay.port(), 3, 1);
    assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    waiting(&site);
    disk.remount("ro");
    let ended = site.run_at(LATER, &["publish"]);
    disk.remount("rw");
    assert_eq!(ended.code, 2, "{}", ended.output);
    assert!(ended.output.contains("letterpress.db") && ended.output.contains("ead-only"), "{}", ended.output);
    assert_eq!(relay.log().connections, 0);
    assert_eq!(site.run_at(LATER, &["publish"]).code, 0);
    assert_eq!(relay.accepted().len(), 3);
}
