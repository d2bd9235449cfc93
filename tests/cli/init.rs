//! `letterpress init` on a terminal, and with the cron of this machine.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::relay::{Relay, Reply};
use super::site::{PROGRAM, Ran};

/// A program that takes and shows a crontab, as cron's own does.
const CRONTAB: &str =
    "#!/bin/sh\nif [ \"$1\" = -l ]; then cat \"$HOME/tab\" 2>/dev/null; else cat >\"$HOME/tab\"; fi\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    let crontab = folder.path().join("bin/crontab");
    fs::write(&crontab, CRONTAB).unwrap();
    fs::set_permissions(&crontab, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let path = format!("{}:/usr/bin:/bin", folder.join("bin").display());
    command.env_clear().env("PATH", path).env("HOME", folder).current_dir(folder);
    command
        .env("LETTERPRESS_FROZEN_AT", "2026-11-23T00:00:00Z")
        .env("LANG", "ko_KR.UTF-8")
        .env("TERM", "dumb");
    command
}

#[test]
fn the_six_questions_are_asked_on_a_terminal_and_a_wrong_answer_is_asked_for_again() {
    let folder = folder();
    let relay = Relay::start(Reply::Accepted);
    // `script` gives the program a terminal.
    let mut terminal = command("script", folder.path());
    terminal.args(["-qec", &format!("{PROGRAM} init letters"), "/dev/null"]);
    let Ok(mut running) = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        return println!("NOT RUN script: there is no program `script` here");
    };
    let answers = [
        "느린 편지",
        "no address",
        "letters.kr",
        "김 <kim@letters.kr>",
        "gmial",
        &format!("127.0.0.1:{}", relay.port),
        "",
        "",
        "yes",
        "yes",
    ];
    for answer in answers {
        writeln!(running.stdin.as_mut().unwrap(), "{answer}").unwrap();
    }
    let ended = running.wait_with_output().unwrap();
    let seen = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{seen}");
    assert!(seen.contains("is not a URL") && seen.contains("no mail server is known as \"gmial\""), "{seen}");
    assert!(seen.contains("127.0.0.1 can be reached, and the log-in works"), "{seen}");
    assert!(seen.contains("sent a test email of \"[draft] Hello\" to kim@letters.kr"), "{seen}");
    let config = fs::read_to_string(folder.path().join("letters/config.toml")).unwrap();
    for line in [
        "title = \"느린 편지\"",
        "url = \"https://letters.kr/\"",
        "language = \"ko\"",
        "from = \"김 <kim@letters.kr>\"",
    ] {
        assert!(config.contains(line), "{config}");
    }
    let list = fs::read_to_string(folder.path().join("letters/subscribers.csv")).unwrap();
    assert_eq!(list, "email,name,consented\nkim@letters.kr,,2026-11-23\n");
    let tab = fs::read_to_string(folder.path().join("tab")).unwrap();
    assert!(tab.starts_with("*/10 * * * * ") && tab.ends_with("letters/config.toml publish\n"), "{tab}");
    assert_eq!(relay.messages(), 1);
}

#[test]
fn the_line_for_cron_is_added_once_and_other_lines_stay() {
    let folder = folder();
    fs::write(folder.path().join("tab"), "0 5 * * 1 backup").unwrap();
    let install = |name: &str| {
        Ran::of(command(PROGRAM, folder.path()).args(["init", name, "--yes", "--install-cron"])).succeeds()
    };
    let out = install("letters").out;
    assert!(out.contains("added; `crontab -e`"), "{out}");
    let tab = fs::read_to_string(folder.path().join("tab")).unwrap();
    let lines: Vec<_> = tab.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "0 5 * * 1 backup"), "{tab}");
    fs::remove_file(folder.path().join("letters/config.toml")).unwrap();
    assert!(install("letters").out.contains("it is there already"));
    assert_eq!(fs::read_to_string(folder.path().join("tab")).unwrap(), tab);
}

#[test]
fn a_list_that_exists_is_used_where_it_is() {
    let folder = folder();
    fs::write(folder.path().join("구독자.csv"), "email,consented\nlee@letters.kr,2026-01-01\n").unwrap();
    let site = ["init", "letters", "--yes", "--url", "https://letters.kr", "--list", "구독자.csv"];
    Ran::of(command(PROGRAM, folder.path()).args(site)).succeeds();
    assert!(!folder.path().join("letters/subscribers.csv").exists());
    let ran = Ran::of(command(PROGRAM, &folder.path().join("letters")).arg("publish")).succeeds();
    assert!(ran.out.contains("subscribers: 1 new (1 active)"), "{ran:?}");
}
