//! `publish --every`: what cron would do, in one process; and the health check that looks at how it goes.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::relay::{Relay, Reply};
use crate::site::{Ran, Site};

/// `publish` that repeats itself. It is stopped when it is dropped.
struct Repeated {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Repeated {
    fn start(site: &Site, every: &str) -> Self {
        let mut command = site.command();
        command.args(["publish", "--every", every]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, err }
    }

    /// Waits for a line of standard output.
    fn wait_for(&mut self, beginning: &str) -> String {
        let line = self.out.find(|line| line.as_ref().unwrap().starts_with(beginning));
        line.unwrap_or_else(|| panic!("it ended without {beginning:?}")).unwrap()
    }

    fn wait_for_error(&mut self, part: &str) -> String {
        let line = self.err.find(|line| line.as_ref().unwrap().contains(part));
        line.unwrap_or_else(|| panic!("it ended without {part:?}")).unwrap()
    }

    /// Sends SIGTERM, and returns the exit code.
    fn end(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_run_reads_the_configuration_anew_and_a_mistake_in_it_ends_nothing() {
    let site = Site::new();
    let mut repeated = Repeated::start(&site, "1s");
    repeated.wait_for("rehearsal: ");
    repeated.wait_for("newsletter: nothing is due");
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    site.write("config.toml", "[site]\ntitel = 1\n");
    repeated.wait_for_error("config.toml:2");
    site.write("config.toml", &config.replace("[feeds]\n", "[feeds]\nentries = 1\n"));
    repeated.wait_for("feeds: ");
    repeated.wait_for("newsletter: nothing is due");
    assert_eq!(repeated.end(), 0);
    let health = site.run("status --max-age 1h");
    assert_eq!(
        (health.code, health.out.as_str()),
        (0, "healthy: the last run ended well at 2026-11-23 00:00\n")
    );
    assert_eq!(site.emails().len(), 1, "two runs never send the same issue");
}

#[test]
fn a_signal_between_two_runs_ends_it_at_once_with_the_exit_code_of_the_last_run() {
    let site = Site::new();
    let mut repeated = Repeated::start(&site, "1h");
    repeated.wait_for("rehearsal: ");
    repeated.wait_for("  1 sent");
    assert_eq!(repeated.end(), 0);

    site.write("posts/broken.md", "+++\ntitle = \"no end\"\n");
    let mut repeated = Repeated::start(&site, "1h");
    repeated.wait_for_error("posts/broken.md");
    assert_eq!(repeated.end(), 1);
    let health = site.run("--quiet status --max-age 1h");
    let failed = "unhealthy: the run that ended at 2026-11-23 00:00 failed with exit code 1: posts/broken.md";
    assert!(health.code == 1 && health.err.starts_with(failed), "{health:?}");
}

#[test]
fn a_wrong_configuration_at_the_beginning_ends_it() {
    let site = Site::new();
    site.write("config.toml", "[site]\ntitel = 1\n");
    let ran = site.run("publish --every 1h");
    assert!(ran.code == 1 && ran.err.contains("config.toml:2"), "{ran:?}");
    for wrong in ["0s", "10", "often"] {
        let ran = site.run(&format!("publish --every {wrong}"));
        assert!(ran.code == 1 && ran.err.contains("--every"), "{ran:?}");
    }
}

#[test]
fn a_run_in_progress_is_healthy_however_long_it_lasts() {
    let site = Site::new();
    site.run("publish").succeeds();
    let later = "2026-11-23T09:00:00Z";
    let late = site.run_at(later, "status --max-age 1h");
    let expected = "unhealthy: the last run ended at 2026-11-23 00:00; none in the last 1h\n";
    assert_eq!((late.code, late.err.as_str()), (1, expected));
    let lock = fs::File::options().append(true).open(site.path("letterpress.db.lock")).unwrap();
    lock.lock().unwrap();
    let health = site.run_at(later, "status --max-age 1h").succeeds();
    assert_eq!(health.out, "healthy: a run is in progress\n");
}

#[test]
fn a_run_that_was_stopped_is_no_failure_and_the_next_one_says_what_it_sent_itself() {
    let site = Site::new();
    let relay = Relay::start(Reply::Accepted);
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let slow = format!("{config}{}connections = 1\nper_minute = 1\n", relay.section());
    site.write("config.toml", &slow);
    site.write(
        "subscribers.csv",
        "email,name,consented\nkim@letters.kr,,2026-11-01\nlee@letters.kr,,2026-11-01\n",
    );
    let mut command = site.command();
    command.args(["--quiet", "publish"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let begun = Instant::now();
    while relay.messages() == 0 && begun.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(50));
    }
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("stopped by a signal") && relay.messages() == 1, "{said}");
    site.write("config.toml", &format!("{config}{}", relay.section()));
    let next = site.run_at("2026-11-23T01:00:00Z", "publish");
    assert_eq!((next.code, next.err.as_str()), (0, ""), "{next:?}");
    assert!(next.out.contains("1 sent now, 2 of 2 via 127.0.0.1"), "{next:?}");
    assert!(!next.out.contains("works again") && relay.messages() == 2, "{next:?}");
}

#[test]
fn a_post_that_send_refuses_is_no_failure_of_the_command_that_cron_repeats() {
    let site = Site::new();
    assert_eq!(site.run("send --post nothing-of-this-name").code, 1);
    let next: Ran = site.run("send").succeeds();
    assert!(!next.err.contains("works again"), "{next:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let site = Site::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ran = site.run(&format!("preview --port {port}"));
    assert!(ran.code == 1 && ran.err.contains("help: end it, or name another port with --port"), "{ran:?}");
}
