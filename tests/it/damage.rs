//! Damage between a kill and the next run: flipped bits and lost ends of the write-ahead log, copied folders, edited rows.
//! Nobody gets a second email, and the damage is reported.

mod every_bit;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use super::support::{At, Do, Ended, Script, Server, Site, reply_line, wait_until};

const LOG: &str = "letterpress.db-wal";

/// What belongs to a ledger.
const FILES: [&str; 4] = ["letterpress.db", LOG, "letterpress.fence", "letterpress.keys"];

const HEADER: usize = 32;
const FRAME: usize = 24 + 4_096;

/// A site whose sender was killed while it was sending, and the recipients that the relay had accepted.
fn killed(subscribers: usize, accepted: usize) -> (Server, Site, BTreeSet<String>) {
    killed_with_pages(subscribers, accepted, None)
}

/// The same with pages of another size, before the sender starts.
fn killed_with_pages(
    subscribers: usize,
    accepted: usize,
    page: Option<usize>,
) -> (Server, Site, BTreeSet<String>) {
    let slow = Do::Each(vec![Do::Wait(Duration::from_millis(4)), reply_line("250 2.0.0 ok")]);
    let relay = Server::start(Script::polite().on(At::Dot, slow));
    let site = Site::new(relay.port(), subscribers, 4);
    if let Some(page) = page {
        let change = format!(
            "PRAGMA journal_mode = DELETE; PRAGMA page_size = {page}; VACUUM; PRAGMA journal_mode = WAL"
        );
        let database = Connection::open(site.path("letterpress.db")).unwrap();
        database.execute_batch(&change).unwrap();
    }
    let mut run = site.start(&["send"]);
    wait_until("enough is sent", || relay.accepted().len() >= accepted);
    run.kill().unwrap();
    if run.wait().unwrap().code().is_some() {
        // It was finished before this thread ran again.
        return killed_with_pages(subscribers, accepted, page);
    }
    let accepted = relay.accepted().into_iter().collect();
    (relay, site, accepted)
}

/// The files of a ledger as they were.
struct Image(Vec<(&'static str, Vec<u8>)>);

impl Image {
    fn of(site: &Site) -> Self {
        Self(FILES.map(|name| (name, fs::read(site.path(name)).unwrap())).to_vec())
    }

    fn log(&self) -> &[u8] {
        &self.0[1].1
    }

    /// Writes the files as they were, in place, but another log.
    fn write(&self, folder: &Path, log: &[u8]) {
        for (name, bytes) in &self.0 {
            fs::write(folder.join(name), if *name == LOG { log } else { bytes }).unwrap();
        }
        let _ = fs::remove_file(folder.join("letterpress.db-shm"));
    }
}

/// Sends from a damaged ledger and checks that nobody gets a second email. Returns how the run ended.
fn send(site: &Site, relay: &Server, accepted: &BTreeSet<String>, what: &str) -> Ended {
    let before = relay.accepted().len();
    let ended = site.run_now(&["send"]);
    for recipient in relay.accepted().iter().skip(before) {
        assert!(!accepted.contains(recipient), "{what}: {recipient} got it twice: {}", ended.output);
    }
    ended
}

#[test]
fn no_run_sends_a_second_email_from_a_log_with_a_flipped_bit() {
    let (relay, site, accepted) = killed(60, 25);
    let image = Image::of(&site);
    let log = image.log();
    let frames = (log.len() - HEADER) / FRAME;
    let places = (0..HEADER).step_by(5).chain((0..frames).flat_map(|frame| {
        // A page number, a commit mark, a salt, a checksum, and the page itself.
        let offset = if frame % 2 == 0 { 3 } else { 6 };
        [offset, 9 + frame % 8, 17, 24 + (frame * 977) % 4_096].map(|at| HEADER + frame * FRAME + at)
    }));
    let (mut refused, mut all) = (0, 0);
    for at in places.step_by(19) {
        let mut damaged = log.to_vec();
        damaged[at] ^= 1 << (at % 8);
        image.write(&site.path(""), &damaged);
        let what = format!("byte {at}");
        let ended = send(&site, &relay, &accepted, &what);
        all += 1;
        if [1, 2].contains(&ended.code) && ended.output.contains("write-ahead log") {
            refused += 1;
        } else {
            // Only the last transaction may be lost in silence: it was perhaps never complete.
            assert!(at > log.len().saturating_sub(40 * FRAME), "{what}: {}", ended.output);
        }
    }
    println!("{all} bits flipped, {refused} refused");
    assert!(refused * 2 > all);
}

#[test]
fn no_run_sends_a_second_email_from_a_log_without_its_end() {
    let (relay, site, accepted) = killed(60, 25);
    let image = Image::of(&site);
    let log = image.log();
    let frames = (log.len() - HEADER) / FRAME;
    let mut ends: Vec<usize> = (0..=frames).step_by(13).map(|frame| HEADER + frame * FRAME).collect();
    ends.extend([0, 7, HEADER + 11, log.len() / 2 + 5, log.len() - 1]);
    for end in ends {
        image.write(&site.path(""), &log[..end]);
        let ended = send(&site, &relay, &accepted, &format!("{end} of {} bytes", log.len()));
        // Sent, sent with unknown outcomes, or refused with a reason.
        let is_refused = [1, 2].contains(&ended.code) && ended.output.contains("help: ");
        assert!([0, 3].contains(&ended.code) || is_refused, "{end} of {} bytes: {}", log.len(), ended.output);
    }
}

#[test]
fn a_damaged_log_is_reported_by_every_command_until_what_is_left_is_accepted() {
    let (relay, site, accepted) = killed(60, 25);
    let image = Image::of(&site);
    let mut damaged = image.log().to_vec();
    let middle = HEADER + damaged.len() / FRAME / 2 * FRAME + 500;
    damaged[middle] ^= 4;
    image.write(&site.path(""), &damaged);
    for command in ["status", "ledger verify", "publish", "ledger adopt-restored --dry-run --reason test"] {
        let ended = site.run_now(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, 2, "{command}: {}", ended.output);
        assert!(ended.output.contains("letterpress.db-wal is damaged"), "{command}: {}", ended.output);
    }
    assert_eq!(fs::read(site.path(LOG)).unwrap(), damaged, "nothing was changed");
    let adopted = site.run_now(&["ledger", "adopt-restored", "--reason", "the disk flips bits"]);
    assert_eq!(adopted.code, 0, "{}", adopted.output);
    let ended = send(&site, &relay, &accepted, "after it was accepted");
    assert!([0, 3].contains(&ended.code), "{}", ended.output);
    assert_eq!(site.run_now(&["ledger", "verify"]).code, 0);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

fn run_in(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_letterpress"));
    Ended::from(command.current_dir(folder).args(arguments).env_clear().output().unwrap())
}

#[test]
fn a_copy_of_a_site_sends_nothing_until_it_is_said_which_one_lives_on() {
    let (relay, site, accepted) = killed(30, 10);
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = elsewhere.path().join("copy");
    copy(site.path("").as_path(), &copied);
    for command in [&["send"][..], &["publish"]] {
        let refused = run_in(&copied, command);
        assert_eq!(refused.code, 1, "{}", refused.output);
        assert!(refused.output.contains("not the file or database that sent last"), "{}", refused.output);
        assert!(refused.output.contains("--moved"), "{}", refused.output);
    }
    assert_eq!(relay.accepted().len(), accepted.len());
    // The original goes on.
    let ended = send(&site, &relay, &accepted, "the original");
    assert!([0, 3].contains(&ended.code), "{}", ended.output);
    // Moved for good: the copy of the finished ledger lives on.
    let moved = elsewhere.path().join("moved");
    copy(site.path("").as_path(), &moved);
    let adopted = run_in(&moved, &["ledger", "adopt-restored", "--moved", "--reason", "a new disk"]);
    assert_eq!(adopted.code, 0, "{}", adopted.output);
    assert!([0, 3].contains(&run_in(&moved, &["send"]).code));
    assert_eq!(run_in(&moved, &["ledger", "verify"]).code, 0);
}

#[test]
fn a_site_that_is_renamed_goes_on_without_a_word() {
    let relay = Server::start(Script::polite());
    let parent = tempfile::tempdir().unwrap();
    let site = Site::inside(parent.path(), relay.port(), 3, 1);
    assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
    assert_eq!(site.run(&["publish"]).code, 0);
    let moved = parent.path().join("renamed");
    fs::rename(site.path(""), &moved).unwrap();
    let ended = run_in(&moved, &["send"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    fs::rename(&moved, site.path("")).unwrap();
}

#[test]
fn a_delivery_that_a_relay_took_is_not_sent_again_whatever_its_row_says() {
    let relay = Server::start(Script::polite());
    let site = Site::new(relay.port(), 3, 1);
    assert_eq!(site.run(&["publish"]).code, 0);
    let database = Connection::open(site.path("letterpress.db")).unwrap();
    database
        .execute_batch(
            "UPDATE delivery SET state = 'pending'; UPDATE issue SET state = 'sending', finished_at = NULL",
        )
        .unwrap();
    drop(database);
    let verified = site.run(&["ledger", "verify"]);
    assert_eq!(verified.code, 1);
    for flaw in ["one of its attempts was accepted", "nothing records why it is being sent again"] {
        assert!(verified.output.contains(flaw), "{}", verified.output);
    }
    let ended = site.run(&["send"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    assert_eq!(relay.accepted().len(), 3);
    assert_eq!(site.counts()["sent"], 3);
}

#[test]
fn an_accepted_copy_is_refused_while_another_process_has_the_ledger_open() {
    let relay = Server::start(Script::polite());
    let site = Site::new(relay.port(), 3, 1);
    assert_eq!(site.run(&["publish"]).code, 0);
    let held = fs::File::open(site.path("letterpress.db")).unwrap();
    held.lock_shared().unwrap();
    let refused = site.run(&["ledger", "adopt-restored", "--reason", "test"]);
    assert_eq!(refused.code, 1, "{}", refused.output);
    assert!(refused.output.contains(&format!("process {}", std::process::id())), "{}", refused.output);
    drop(held);
    assert_eq!(site.run(&["ledger", "adopt-restored", "--reason", "test"]).code, 0);
}
