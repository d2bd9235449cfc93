//! This machine, and a new site.

use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::{PLAIN, Report, good_script, site};
use crate::support::site::NOW;
use crate::support::{Server, Site};

const NOWHERE: &str = "https://letters.example/";
const OFFLINE: [&str; 3] = ["doctor", "--offline", "--json"];

pub(super) fn set_mode(site: &Site, name: &str, mode: u32) {
    std::fs::set_permissions(site.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A site with a ledger, which ran at [`NOW`].
fn published() -> (Server, Site) {
    let server = Server::start(good_script());
    let site = site(NOWHERE, server.port(), PLAIN, "");
    assert_eq!(site.run(&["publish"]).code, 0);
    (server, site)
}

fn offline_at(site: &Site, now: &str) -> Report {
    Report::with(site, Some(now), &OFFLINE, &[])
}

/// A crontab of the user who runs the program.
fn crontab(site: &Site, line: &str) {
    site.write("bin/crontab", &format!("#!/bin/sh\necho '{line}'\n"));
    set_mode(site, "bin/crontab", 0o755);
}

#[test]
fn offline_nothing_is_asked_and_it_says_what_was_left_out() {
    let (server, site) = published();
    let before = server.connections();
    let report = offline_at(&site, NOW);
    report.has_only(&[]);
    assert_eq!(server.connections(), before);
    for (id, text) in [("relay", "log-in"), ("web", "one-click"), ("clock", "not compared")] {
        assert_eq!(report.level(id), "skipped");
        assert!(report.message(id).contains(text), "{}", report.message(id));
    }
    assert_eq!(report.level("ledger"), "good");
}

#[test]
fn secrets_and_the_ledger_must_be_private() {
    let (_server, site) = published();
    set_mode(&site, "letterpress.keys", 0o644);
    offline_at(&site, NOW).has_only(&[("secret-mode", "warning")]);
    set_mode(&site, "letterpress.keys", 0o600);
    set_mode(&site, "letterpress.db", 0o640);
    offline_at(&site, NOW).has_only(&[("ledger-mode", "warning")]);
}

#[test]
fn folders_that_cannot_be_written_are_a_fault_and_the_superuser_may_write_everywhere() {
    let (_server, site) = published();
    set_mode(&site, "public", 0o555);
    let report = offline_at(&site, NOW);
    // Nothing is forbidden to the superuser.
    let is_forbidden = std::fs::write(site.path("public/probe"), "").is_err();
    set_mode(&site, "public", 0o755);
    report.has_only(if is_forbidden { &[("writable", "fault")] } else { &[] });
}

#[test]
fn runs_that_no_longer_come_are_found_with_the_line_of_cron() {
    let (_server, site) = published();
    let late = "2026-11-23T10:00:00Z";
    let report = offline_at(&site, late);
    report.has_only(&[("runs", "warning")]);
    let next = report.check("runs")["next"].as_str().unwrap();
    let config = site.path("config.toml").canonicalize().unwrap();
    assert!(next.contains(&format!("letterpress --quiet --config {} publish", config.display())), "{next}");
    crontab(&site, &format!("*/10 * * * * letterpress --quiet --config {} publish", config.display()));
    offline_at(&site, late).has_only(&[("runs", "fault")]);
    let report = offline_at(&site, NOW);
    report.has_only(&[]);
    assert!(report.message("runs").starts_with("crontab runs letterpress"), "{}", report.message("runs"));
}

#[test]
fn a_ledger_of_an_earlier_version_is_left_alone_and_one_of_a_later_version_is_a_fault() {
    let (_server, site) = published();
    let ledger = site.path("letterpress.db");
    let set_version = |version: u32| {
        Connection::open(&ledger).unwrap().pragma_update(None, "user_version", version).unwrap();
    };
    let known: u32 = Connection::open(&ledger)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    set_version(known - 1);
    let before = std::fs::read(&ledger).unwrap();
    let report = offline_at(&site, NOW);
    report.has_only(&[]);
    assert_eq!(report.level("ledger-version"), "skipped");
    assert_eq!(std::fs::read(&ledger).unwrap(), before);
    set_version(known + 1);
    offline_at(&site, NOW).has_only(&[("ledger", "fault")]);
}

#[test]
fn a_ledger_without_keys_or_from_a_backup_or_damaged_is_a_fault() {
    let (_server, site) = published();
    let copy = std::fs::read(site.path("letterpress.db")).unwrap();
    let keys = std::fs::read(site.path("letterpress.keys")).unwrap();
    std::fs::remove_file(site.path("letterpress.keys")).unwrap();
    offline_at(&site, NOW).has_only(&[("ledger", "fault")]);
    std::fs::write(site.path("letterpress.keys"), keys).unwrap();
    set_mode(&site, "letterpress.keys", 0o600);
    // A later run raises the epoch of ledger and fence, and then the ledger is put back.
    assert_eq!(site.run(&["send"]).code, 0);
    std::fs::write(site.path("letterpress.db"), &copy).unwrap();
    offline_at(&site, NOW).has_only(&[("ledger-fence", "fault")]);
    std::fs::write(site.path("letterpress.db"), vec![b'x'; copy.len()]).unwrap();
    offline_at(&site, NOW).has_only(&[("ledger", "fault")]);
}

#[test]
fn an_old_backup_is_a_warning_and_none_is_only_mentioned() {
    let (_server, site) = published();
    assert_eq!(offline_at(&site, NOW).level("backup"), "skipped");
    assert_eq!(site.run(&["backup", "copy.db"]).code, 0);
    let report = offline_at(&site, NOW);
    report.has_only(&[]);
    assert_eq!(report.level("backup"), "good");
    let report = offline_at(&site, "2026-11-30T10:00:00Z");
    report.has_only(&[("backup", "warning"), ("runs", "warning")]);
}

#[test]
fn the_receivers_rules_come_with_their_sources_and_this_sites_answers() {
    let (_server, site) = published();
    let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
    let sender = |from: &str, web: &str| {
        site.write("config.toml", &format!("{}{web}", config.replace("news@letters.example", from)));
        offline_at(&site, NOW)
    };
    let report = sender("news@letters.kr", "[web]\nurl = \"https://letters.kr/\"\n");
    report.has_only(&[]);
    assert_eq!(report.level("one-click-header"), "good");
    let answer = |rule: &str| {
        let row = report.whole["receivers"].as_array().unwrap().iter().find(|row| row["rule"] == rule);
        row.unwrap()["answer"].as_str().unwrap().to_owned()
    };
    for (rule, expected) in [("spf", "unknown"), ("complaints", "unknown"), ("format", "yes")] {
        assert_eq!(answer(rule), expected, "{rule}");
    }
    assert!(
        report.message("unknown").contains("DNS was not asked")
            || report.message("unknown").contains("Postmaster")
    );
    let table = report.whole["receivers"].as_array().unwrap();
    let receivers: std::collections::BTreeSet<_> =
        table.iter().map(|row| row["receiver"].as_str().unwrap()).collect();
    assert_eq!(
        receivers.into_iter().collect::<Vec<_>>(),
        ["Apple", "Gmail", "Naver", "Outlook.com", "Yahoo"]
    );
    assert!(table.iter().all(|row| row["source"].as_str().unwrap().starts_with("https://")));
    let dmarc = table.iter().find(|row| row["rule"] == "dmarc" && row["receiver"] == "Gmail").unwrap();
    assert_eq!(
        (&dmarc["senders"], &dmarc["applies"], &dmarc["answer"]),
        (&"bulk".into(), &false.into(), &"unknown".into())
    );
    sender("kim@gmail.com", "").has_only(&[("own-domain", "warning")]);
}

/// What a writer gets to see; the same for a pipe, without colours.
#[test]
fn a_new_site_is_told_calmly_what_there_is_to_ask_later() {
    let folder = Site::unopened(1, 0, 1);
    assert_eq!(folder.run(&["new", "x"]).code, 0);
    let mut command = folder.command(Some(NOW), &["doctor"]);
    let output = command.current_dir(folder.path("x")).env("PATH", folder.path("bin")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("0 faults, 0 warnings"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    let created: Vec<_> =
        std::fs::read_dir(folder.path("x")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!created.iter().any(|name| name.to_string_lossy().contains(".db")), "{created:?}");
}
