//! `letterpress --quiet doctor` under cron: it speaks when something got worse, once, and otherwise not.

use super::{PLAIN, good_script, site};
use crate::support::{At, Do, Server, Site, reply_line};

const NOWHERE: &str = "https://letters.example/";

fn quietly(site: &Site, hour: u32) -> (i32, String) {
    let now = format!("2026-11-20T{hour:02}:00:00Z");
    let mut command = site.command(Some(&now), &["--quiet", "doctor"]);
    let output = command.env("PATH", site.path("bin")).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_problem_is_told_once_and_a_better_state_is_not_told() {
    let script = good_script().nth(At::Mail, 2, reply_line("550 no")).nth(At::Mail, 3, reply_line("550 no"));
    let server = Server::start(script);
    let site = site(NOWHERE, server.port(), PLAIN, "");
    assert_eq!(quietly(&site, 1), (0, String::new()));
    let (code, text) = quietly(&site, 2);
    assert_eq!(code, 1);
    assert!(text.starts_with("Relay and mailbox\n  FAULT   it refuses the envelope sender"), "{text}");
    assert_eq!(text.matches("next: ").count(), 1, "only what is new is printed: {text}");
    assert_eq!(quietly(&site, 3), (1, String::new()), "it was told");
    assert_eq!(quietly(&site, 4), (0, String::new()), "it is over");
}

#[test]
fn a_server_that_is_away_for_one_run_is_not_told_and_one_that_stays_away_is_told_once() {
    let away = good_script().nth(At::Greeting, 2, Do::Cut).nth(At::Greeting, 4, Do::Cut).nth(
        At::Greeting,
        5,
        Do::Cut,
    );
    let away = (6..9).fold(away, |script, nth| script.nth(At::Greeting, nth, Do::Cut));
    let server = Server::start(away);
    let site = site(NOWHERE, server.port(), PLAIN, "");
    let spoken: Vec<bool> = (0..8).map(|hour| !quietly(&site, hour).1.is_empty()).collect();
    assert_eq!(spoken.iter().filter(|spoken| **spoken).count(), 1, "{spoken:?}");
}

#[test]
fn what_a_person_saw_is_not_told_again_by_cron() {
    let server = Server::start(good_script().on(At::Mail, reply_line("550 no")));
    let site = site(NOWHERE, server.port(), PLAIN, "");
    assert_eq!(site.run_at("2026-11-20T01:00:00Z", &["doctor"]).code, 1);
    assert_eq!(quietly(&site, 2), (1, String::new()));
    std::fs::write(site.path(".letterpress/doctor.json"), "{ broken").unwrap();
    assert!(quietly(&site, 3).1.contains("envelope"), "without a memory it is told once more");
}
