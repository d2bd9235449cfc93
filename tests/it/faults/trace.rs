//! The order of system calls: the ledger is synced to the disk before the dot is sent. Needs `strace`; without it the
//! test prints that it was skipped.

use std::collections::HashMap;
use std::process::Command;

use super::super::support::account::settle;
use super::super::support::{Script, Server, Site};
use super::waiting;

const LATER: &str = "2026-11-20T11:00:00Z";
const SUBSCRIBERS: usize = 6;
/// `strace` counts the syncs of each thread for itself: enough for one thread to meet its twelfth while sending.
const SUBSCRIBERS_OF_MANY_SYNCS: usize = 36;

/// The relevant part of one line of the trace.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Step {
    /// Bytes to the relay other than a final dot.
    Sent,
    Dot,
    Synced,
    SyncFailed,
}

/// Runs `publish` under `strace`; `None` if it is not installed.
fn traced(site: &Site, inject: Option<&str>) -> Option<(i32, Vec<Step>)> {
    let works = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|ended| ended.status.success()) {
        println!("NOT SHOWN: strace is missing or may not look");
        return None;
    }
    let log = site.path("trace.txt");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-y", "-e", "trace=fsync,fdatasync,sendto,write,writev,sendmsg", "-o"])
        .arg(&log);
    command.args(inject.iter().flat_map(|what| ["-e", *what]));
    command.arg(site.command(None, &[]).get_program()).arg("publish");
    command.env_clear().env("LETTERPRESS_FROZEN_AT", LATER).current_dir(site.path("."));
    let ended = command.output().unwrap();
    let trace = std::fs::read_to_string(log).unwrap();
    let mut begun = HashMap::new();
    Some((ended.status.code().unwrap(), trace.lines().filter_map(|line| step(line, &mut begun)).collect()))
}

/// `begun` has the unfinished call of each thread, because strace may print a call in two lines.
fn step<'a>(line: &'a str, begun: &mut HashMap<&'a str, &'a str>) -> Option<Step> {
    let (thread, call) = line.split_once(' ')?;
    if call.contains("sync(") && call.contains("<unfinished") {
        begun.insert(thread, call);
        return None;
    }
    let first = if call.contains("sync resumed") { begun.remove(thread)? } else { call };
    // SQLite also syncs the folder of a new file, and continues if that fails.
    let is_sync = first.contains("sync(") && first.contains("letterpress.db");
    match line {
        _ if is_sync && line.contains("EIO") => Some(Step::SyncFailed),
        _ if is_sync && line.contains("= 0") => Some(Step::Synced),
        _ if line.contains("sendto(") && line.contains(", \".\\r\\n") => Some(Step::Dot),
        _ if line.contains("sendto(") => Some(Step::Sent),
        _ => None,
    }
}

fn site(relay: &Server, subscribers: usize) -> Site {
    let site = Site::new(relay.port(), subscribers, 1);
    waiting(&site);
    site
}

#[test]
fn f18_the_ledger_is_synced_between_a_message_and_its_dot() {
    for pipelines in [true, false] {
        let relay = Server::start(Script::polite().pipelining(pipelines));
        let site = site(&relay, SUBSCRIBERS);
        let Some((code, steps)) = traced(&site, None) else { return };
        assert_eq!((code, relay.accepted().len()), (0, SUBSCRIBERS));
        let dots: Vec<usize> =
            steps.iter().enumerate().filter(|(_, step)| **step == Step::Dot).map(|(at, _)| at).collect();
        assert_eq!(dots.len(), SUBSCRIBERS, "{steps:?}");
        for dot in dots {
            let before = steps[..dot].iter().rev().find(|step| **step != Step::Dot);
            assert_eq!(before, Some(&Step::Synced), "a dot without a sync before it: {steps:?}");
        }
    }
}

#[test]
fn f21_after_a_failed_sync_no_dot_is_sent() {
    let mut in_the_middle = 0;
    for first in [1, 2, 3, 4, 5, 6, 8, 10, 12] {
        let relay = Server::start(Script::polite().pipelining(true));
        let site = site(&relay, SUBSCRIBERS_OF_MANY_SYNCS);
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={first}");
        let Some((code, steps)) = traced(&site, Some(&inject)) else { return };
        println!("{first}: {steps:?}");
        if let Some(failed) = steps.iter().position(|step| *step == Step::SyncFailed) {
            in_the_middle += usize::from(steps[..failed].contains(&Step::Dot));
            assert_eq!(code, 2, "{first}: {steps:?}");
            assert!(!steps[failed..].contains(&Step::Dot), "{first}: {steps:?}");
        }
        site.run_at("2026-11-20T12:00:00Z", &["publish"]);
        let account = settle(&site, &[&relay], SUBSCRIBERS_OF_MANY_SYNCS);
        assert!(account.broken.is_empty(), "{first}: {:?}", account.broken);
        assert!(account.unknown <= 1, "{first}: {account:?}");
    }
    assert!(in_the_middle > 0, "no sync failed while sending");
}
