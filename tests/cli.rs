//! The command line: transcripts at fixed times (`tests/cmd/`), and tests of what transcripts cannot show, such as the
//! contents of files, locks, and lost files.
//!
//! `TRYCMD=overwrite cargo test --test cli` rewrites the transcripts; check the result.

#[cfg(test)]
#[path = "cli/completions.rs"]
mod completions;
#[cfg(test)]
#[path = "cli/init.rs"]
mod init;
#[cfg(test)]
#[path = "cli/library.rs"]
mod library;
#[cfg(test)]
#[path = "cli/notified.rs"]
mod notified;
#[cfg(test)]
#[path = "cli/origin.rs"]
mod origin;
#[cfg(test)]
#[path = "cli/pages.rs"]
mod pages;
#[cfg(test)]
#[path = "cli/passwords.rs"]
mod passwords;
#[cfg(test)]
#[path = "cli/readers.rs"]
mod readers;
#[cfg(test)]
#[path = "cli/relay.rs"]
mod relay;
#[cfg(test)]
#[path = "cli/remote.rs"]
mod remote;
#[cfg(test)]
#[path = "cli/repeat.rs"]
mod repeat;
#[cfg(test)]
#[path = "cli/signing.rs"]
mod signing;
#[cfg(test)]
#[path = "cli/site.rs"]
mod site;
#[cfg(test)]
#[path = "cli/writing.rs"]
mod writing;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use relay::{Relay, Reply};
use site::{PROGRAM, Ran, SEED, Site};

/// Runs the transcripts `cases`. Environment variables that must have no effect get values that would show in the
/// output.
fn transcripts(cases: &str) -> trycmd::TestCases {
    let transcripts = trycmd::TestCases::new();
    transcripts
        .case(cases)
        .env("HOME", "/nonexistent")
        .env("TZ", "Pacific/Kiritimati")
        .env("LANG", "tr_TR.UTF-8");
    transcripts
}

#[test]
fn transcripts_at_a_fixed_time_match() {
    transcripts("tests/cmd/*.md")
        .env("LETTERPRESS_FROZEN_AT", "2026-11-23T09:00:00+09:00")
        .insert_var("[PROGRAM]", PROGRAM)
        .unwrap();
}

/// Each command of these transcripts sets its own time.
#[test]
fn transcripts_over_several_days_match() {
    transcripts("tests/cmd/days/*.md");
}

#[test]
fn under_cron_a_successful_run_is_silent_in_any_folder_and_with_an_empty_environment() {
    let site = Site::new();
    for _ in 0..2 {
        let ran = Ran::of(
            site.command()
                .current_dir("/")
                .args(["--quiet", "--config"])
                .arg(site.path("config.toml"))
                .arg("publish"),
        );
        assert_eq!(ran, Ran { code: 0, out: String::new(), err: String::new() });
    }
    let ran =
        Ran::of(site.command().current_dir(site.path("posts")).args(["-qc", "../config.toml", "publish"]));
    assert_eq!(ran, Ran { code: 0, out: String::new(), err: String::new() });
    assert_eq!(site.emails().len(), 1);
}

#[test]
fn the_steps_printed_by_new_lead_to_the_first_issue() {
    let site = Site::empty();
    let ran = site.run("new");
    let steps = (1..=9).take_while(|number| ran.out.contains(&format!("    {number}. "))).count();
    assert!((1..=6).contains(&steps), "{ran:?}");
    site.run("publish").succeeds();
    assert!(site.emails().is_empty(), "the sample is a draft");
    fs::remove_file(site.path("posts/2026-11-23-hello.md")).unwrap();
    site.write("posts/first.md", "+++\ntitle = \"First\"\ndate = 2026-11-23\n+++\n\nMy first post.\n");
    site.run("check").succeeds();
    site.run("publish").succeeds();
    site.run_at("2026-11-23T00:10:00Z", "publish").succeeds();
    assert_eq!(site.emails().len(), 1);
}

#[test]
fn the_site_of_a_configuration_in_a_parent_folder_is_named_first_unless_quiet_or_json() {
    let site = Site::new();
    fs::create_dir_all(site.path("posts/2026/11")).unwrap();
    let run = |words: &[&str]| Ran::of(site.command().current_dir(site.path("posts/2026/11")).args(words));
    let folder = site.path("").canonicalize().unwrap();
    let line = format!("the site is in {} (config.toml above this folder)\n", folder.display());
    // The log of a run is on standard output.
    let ran = run(&["publish"]).succeeds();
    assert!(ran.out.starts_with(&line) && ran.err.is_empty(), "{ran:?}");
    let ran = run(&["status", "--json"]).succeeds();
    assert!(ran.out.starts_with('{') && ran.err == line, "{ran:?}");
    let ran = run(&["publish", "--json"]).succeeds();
    assert!(ran.out.starts_with('{') && !ran.out.contains("above this folder") && ran.err.is_empty());
    assert_eq!(run(&["--quiet", "publish"]), Ran { code: 0, out: String::new(), err: String::new() });
    let elsewhere = run(&["--config", "config.toml", "publish"]);
    assert!(elsewhere.code == 1 && elsewhere.err.contains("config.toml does not exist"), "{elsewhere:?}");
    assert_eq!(site.emails().len(), 1);
}

#[test]
fn check_prints_with_quiet_only_what_needs_action() {
    let site = Site::new();
    assert!(site.run("check").out.contains(": note: "));
    let quiet = site.run("--quiet check");
    assert!(quiet.out.contains(": warning: ") && !quiet.out.contains(": note: "), "{quiet:?}");
    site.write("subscribers.csv", "email,name,consented\nkim@letters.kr,Kim,2026-11-01\n");
    assert_eq!(site.run("--quiet check"), Ran { code: 0, out: String::new(), err: String::new() });
}

#[test]
fn with_placeholder_addresses_nothing_is_built_or_sent_to_a_remote_relay() {
    let site = Site::new();
    site.append("config.toml", "[smtp]\nhost = \"smtp.letters.kr\"\n");
    for line in ["publish", "send", "send --dry-run", "send --to me@letters.kr", "check"] {
        let ran = site.run(line);
        let output = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, 1, "{line}: {output}");
        for key in ["config.toml:6: error: `site.url`", "config.toml:16: error: `newsletter.from`"] {
            assert!(output.contains(key), "{line}: {output}");
        }
    }
    assert!(!site.path("public").exists() && !site.path("outbox").exists());
}

#[test]
fn f80_an_unreadable_post_stops_the_run_before_any_feed_or_email_is_written() {
    let site = Site::new();
    site.write("posts/broken.md", "+++\ntitle = \"no end\"\n");
    assert_eq!(site.run("publish").code, 1);
    assert!(
        !site.path("public").exists()
            && !site.path("outbox").exists()
            && !site.path("posts/ids.txt").exists()
    );
    site.write("posts/broken.md", "# An end\n");
    assert_eq!(site.run("publish").code, 0);
    assert_eq!(site.emails().len(), 1);
}

#[test]
fn f80_an_unreadable_password_stops_the_run_before_anything_is_written() {
    let site = Site::new();
    site.append(
        "config.toml",
        "[smtp]\nhost = \"localhost\"\ntls = \"none\"\nuser = \"kim\"\npassword_file = \"secret\"\n",
    );
    let ran = site.run("publish");
    assert!(ran.code == 1 && ran.err.contains("password file secret"), "{ran:?}");
    assert!(!site.path("public").exists() && !site.path("letterpress.db").exists());
}

#[test]
fn an_unchanged_feed_keeps_its_bytes_and_its_time() {
    let site = Site::new();
    site.run("build").succeeds();
    let feeds = ["public/rss.xml", "public/atom.xml", "public/feed.json", "posts/ids.txt"]
        .map(|name| site.path(name));
    let before =
        feeds.each_ref().map(|path| (fs::read(path).unwrap(), path.metadata().unwrap().modified().unwrap()));
    // Also if the cache for unchanged runs is lost and every post is read again.
    for forgets in [false, true] {
        if forgets {
            fs::remove_dir_all(site.path(".letterpress")).unwrap();
        }
        let ran = site.run("build").succeeds();
        assert_eq!(ran.out, "feeds: unchanged (10 files in public/)\n");
        let after = feeds
            .each_ref()
            .map(|path| (fs::read(path).unwrap(), path.metadata().unwrap().modified().unwrap()));
        assert_eq!(before, after);
    }
}

#[test]
fn f57_a_second_run_ends_with_code_4_and_is_silent_under_cron() {
    let site = Site::new();
    site.run("publish").succeeds();
    let lock = fs::File::options().append(true).open(site.path("letterpress.db.lock")).unwrap();
    lock.lock().unwrap();
    for command in ["publish", "send", "resolve --sent"] {
        let ran = site.run(command);
        assert!(ran.code == 4 && ran.err.contains("another run"), "{command}: {ran:?}");
        let ran = site.run(&format!("--quiet {command}"));
        assert_eq!(ran, Ran { code: 4, out: String::new(), err: String::new() }, "{command}");
    }
    site.run("status").succeeds();
    site.run("build").succeeds();
    drop(lock);
    site.run("publish").succeeds();
}

#[test]
fn f24_f68_a_lost_ledger_is_not_silently_created_again() {
    let site = Site::new();
    site.run("publish").succeeds();
    for name in ["letterpress.db", "letterpress.db-wal", "letterpress.db-shm"] {
        let _ = fs::remove_file(site.path(name));
    }
    for command in ["publish", "send", "status", "subscribers list"] {
        let ran = site.run(command);
        assert!(ran.code == 2 && ran.err.contains("letterpress.db is missing"), "{command}: {ran:?}");
    }
    assert!(!site.path("letterpress.db").exists());
    assert_eq!(site.emails().len(), 1);
}

#[test]
fn without_the_keys_nothing_is_sent_because_unsubscribed_addresses_are_not_recognised() {
    let site = Site::new();
    site.run("publish").succeeds();
    let keys = fs::read(site.path("letterpress.keys")).unwrap();
    fs::remove_file(site.path("letterpress.keys")).unwrap();
    let ran = site.run("publish");
    assert!(ran.code == 1 && ran.err.contains("letterpress.keys"), "{ran:?}");
    let other = Site::new();
    other.run_at("2026-11-23T01:00:00Z", "publish").succeeds();
    fs::copy(other.path("letterpress.keys"), site.path("letterpress.keys")).unwrap();
    let ran = site.run("publish");
    assert!(ran.code == 1 && ran.err.contains("other keys"), "{ran:?}");
    fs::write(site.path("letterpress.keys"), keys).unwrap();
    site.run("publish").succeeds();
}

#[test]
fn the_token_of_an_email_unsubscribes_its_recipient_permanently() {
    let site = Site::new();
    site.run("publish").succeeds();
    let email = fs::read_to_string(&site.emails()[0]).unwrap().replace("\r\n ", " ");
    let header = email.lines().find(|line| line.starts_with("List-Unsubscribe:")).unwrap();
    let token = header.split("unsubscribe%20").nth(1).unwrap().trim_end_matches('>');
    site.run(&format!("subscribers unsubscribe {token}")).succeeds();
    for again in ["subscribers add reader@example.com", "subscribers unsubscribe v1.k1.u.forged.1.forged"] {
        assert_eq!(site.run(again).code, 1, "{again}");
    }
    site.run("subscribers import subscribers.csv --confirmed").succeeds();
    assert!(site.run("subscribers list").out.starts_with("unsubscribed"));
    site.write("posts/next.md", "+++\ntitle = \"Next\"\ndate = 2026-11-23T00:00:00Z\n+++\nText.\n");
    let next = site.run_at("2026-11-23T02:00:00Z", "publish");
    assert!(
        next.code == 1
            && next.err.contains("\"Next\" (posts/next.md) is not mailed, because it has no recipients"),
        "{next:?}"
    );
    assert_eq!(site.emails().len(), 1, "an unsubscribed address got the next issue");
}

#[test]
fn the_text_page_becomes_five_posts_that_are_never_overwritten() {
    let site = Site::new();
    let import = format!("import text {SEED} --newest 2026-11-22 --every 7d");
    let ran = site.run(&format!("{import} --dry-run")).succeeds();
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("posts/")).count(), 5);
    assert_eq!(site.posts().len(), 1);
    let ran = site.run(&import).succeeds();
    assert!(ran.out.contains("5 posts written in the category B2B"), "{ran:?}");
    let posts = site.posts();
    assert_eq!(posts.len(), 6);
    let texts: Vec<_> = posts.iter().map(|post| fs::read(post).unwrap()).collect();
    let ran = site.run(&import);
    assert!(ran.code == 1 && ran.err.matches("exists and was not changed").count() == 5, "{ran:?}");
    assert_eq!(posts.iter().map(|post| fs::read(post).unwrap()).collect::<Vec<_>>(), texts);
    site.run("publish").succeeds();
    assert!(site.path("public/categories/B2B/rss.xml").exists());
    assert_eq!(site.emails().len(), 1, "the first run mails only the newest post");
}

#[test]
fn a_closed_pipe_is_not_an_error_but_a_full_disk_is() {
    let site = Site::new();
    for number in 0..2_000 {
        site.append("subscribers.csv", &format!("r{number}@example.com,,2026-10-01\n"));
    }
    let ran = site.run("subscribers import subscribers.csv").succeeds();
    assert_eq!(ran.err.lines().filter(|line| line.contains("warning")).count(), 1, "{}", ran.err);
    assert!(ran.err.contains("and 1997 more"), "{}", ran.err);
    let mut list =
        site.command().args(["subscribers", "list"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    assert!(list.wait().unwrap().success());
    for command in ["subscribers export", "subscribers list --json", "status --json"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = Ran::of(site.command().args(command.split(' ')).stdout(full));
        assert!(ran.code == 2 && ran.err.contains("standard output"), "{command}: {ran:?}");
    }
}

#[test]
fn a_delivery_with_unknown_outcome_ends_with_code_3_and_waits_for_a_decision() {
    let site = Site::new();
    let relay = Relay::start(Reply::NoReplyToTheDot);
    site.append("config.toml", &relay.section());
    let ran = site.run("publish");
    assert!(
        ran.code == 3
            && ran.err.contains("1 with unknown outcome")
            && ran.err.contains("letterpress resolve"),
        "{ran:?}"
    );
    let ran = site.run_at("2026-11-23T01:00:00Z", "publish");
    assert_eq!((ran.code, relay.messages()), (0, 1), "it was sent again without a decision: {ran:?}");
    let ran = site.run("status");
    assert!(
        ran.code == 3 && ran.out.contains("unknown outcome") && ran.out.contains("reader@example.com"),
        "{ran:?}"
    );
    let ran = site.run("resolve --resend").succeeds();
    assert_eq!(ran.out, "the next run sends 1 delivery again\n");
    let ran = site.run_at("2026-11-23T02:00:00Z", "publish");
    assert_eq!((ran.code, relay.messages()), (3, 2), "{ran:?}");
    let ran = site.run("resolve --sent").succeeds();
    assert_eq!(ran.out, "recorded 1 delivery as sent\n");
    site.run("status").succeeds();
    site.run_at("2026-11-23T03:00:00Z", "publish").succeeds();
    assert_eq!(relay.messages(), 2);
}

#[test]
fn a_rejected_delivery_is_counted_and_not_retried() {
    let site = Site::new();
    let relay = Relay::start(Reply::UnknownRecipient);
    site.append("config.toml", &relay.section());
    let ran = site.run("--quiet publish");
    assert!(ran.code == 3 && ran.out.is_empty() && ran.err.contains("1 failed"), "{ran:?}");
    let ran = site.run("status history reader@example.com").succeeds();
    assert!(ran.out.contains("550") && ran.out.contains("no such user"), "{ran:?}");
    site.run_at("2026-11-23T01:00:00Z", "--quiet publish").succeeds();
    assert_eq!(relay.messages(), 0);
}

#[test]
fn a_deferred_delivery_is_retried_after_its_delay() {
    let site = Site::new();
    let config = fs::read_to_string(site.path("config.toml")).unwrap();
    let (busy, free) = (Relay::start(Reply::Deferred), Relay::start(Reply::Accepted));
    site.write("config.toml", &format!("{config}{}", busy.section()));
    let ran = site.run("publish");
    assert!(
        ran.code == 3 && ran.err.contains("1 pending") && ran.err.contains("next retry at 2026-11-23 00:0"),
        "{ran:?}"
    );
    site.write("config.toml", &format!("{config}{}", free.section()));
    site.run_at("2026-11-23T00:03:00Z", "publish").succeeds();
    assert_eq!(free.messages(), 0, "the run did not wait for the retry");
    site.run_at("2026-11-23T00:07:00Z", "publish").succeeds();
    assert_eq!(free.messages(), 1);
}

#[test]
fn a_test_email_through_a_missing_relay_points_to_the_setting_and_records_nothing() {
    let site = Site::new();
    site.append("config.toml", "[smtp]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\n");
    let ran = site.run("send --to me@example.com");
    assert!(
        ran.code == 1 && ran.err.starts_with("config.toml:30: error: nothing listens at 127.0.0.1:1"),
        "{ran:?}"
    );
    assert!(!site.path("letterpress.db").exists());
}

#[test]
fn check_reports_a_password_file_that_others_can_read() {
    let site = Site::new();
    site.append("config.toml", "[smtp]\nhost = \"localhost\"\nuser = \"kim\"\npassword_file = \"secret\"\n");
    site.write("secret", "correct horse\n");
    for (mode, is_found) in [(0o644, true), (0o600, false)] {
        fs::set_permissions(site.path("secret"), fs::Permissions::from_mode(mode)).unwrap();
        let ran = site.run("check").succeeds();
        assert_eq!(ran.out.contains("secret: warning: other users"), is_found, "{ran:?}");
    }
}

#[test]
fn publish_and_send_report_a_rejected_row_and_mail_the_others() {
    for command in ["publish", "send"] {
        let site = Site::new();
        site.append("subscribers.csv", "not an address,,2026-10-01\n");
        let ran = site.run(&format!("--quiet {command}"));
        assert!(ran.code == 3 && ran.err.starts_with("subscribers.csv:3: error:"), "{command}: {ran:?}");
        assert_eq!(site.emails().len(), 1, "{command}");
    }
}

#[test]
fn an_export_in_either_format_gives_the_same_list_on_another_site() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/readers");
    let first = Site::new();
    for file in ["letterpress.csv", "mailchimp-unsubscribed.csv", "kit-subscribers.csv", "ghost-export.json"]
    {
        first.run(&format!("subscribers import {data}/{file}")).succeeds();
    }
    first.run("subscribers suppress three@example.com --reason =HYPERLINK").succeeds();
    let exports =
        ["subscribers export", "subscribers export --json"].map(|export| first.run(export).succeeds().out);
    assert!(exports[0].contains("\"'=Yuna\"") && exports[1].contains("\"=Yuna\""), "{exports:?}");
    // The export keeps the day on which an address was added, even if the other machine has another date.
    for (file, export) in [("readers.csv", &exports[0]), ("readers.json", &exports[1])] {
        let second = Site::new();
        second.write(file, export);
        second.run_at("2027-01-01T00:00:00Z", &format!("subscribers import {file}")).succeeds();
        for (again, export) in ["subscribers export", "subscribers export --json"].into_iter().zip(&exports) {
            assert_eq!(&second.run(again).succeeds().out, export, "{file}");
        }
    }
}

/// Damages, forges and removes files of a backup before it is restored.
#[test]
fn an_invalid_backup_is_refused_before_any_file_changes() {
    let site = Site::new();
    site.run("publish").succeeds();
    site.run("backup b.db").succeeds();
    let before =
        (fs::read(site.path("letterpress.db")).unwrap(), fs::read(site.path("letterpress.keys")).unwrap());
    let refuses = |word: &str| {
        let ran = site.run("backup restore b.db --reason test");
        assert!(ran.code != 0 && ran.err.contains(word), "{ran:?}");
        let now = (
            fs::read(site.path("letterpress.db")).unwrap(),
            fs::read(site.path("letterpress.keys")).unwrap(),
        );
        assert!(now == before && !site.path("letterpress.db.restoring").exists());
    };
    let whole = fs::read(site.path("b.db")).unwrap();
    fs::write(site.path("b.db"), "no database at all").unwrap();
    refuses("b.db cannot be used as a ledger");
    fs::write(site.path("b.db"), &whole[..whole.len() / 2]).unwrap();
    refuses("b.db");
    let other = Site::new();
    other.run("publish").succeeds();
    other.run("backup b.db").succeeds();
    for file in ["b.db", "b.db.keys"] {
        fs::copy(other.path(file), site.path(file)).unwrap();
    }
    refuses("but the ledger of this site is");
    fs::remove_file(site.path("b.db")).unwrap();
    refuses("b.db does not exist");
}

#[test]
fn a_backup_can_be_restored_over_a_good_a_damaged_and_a_missing_ledger() {
    type Loss = fn(&Site);
    let losses: [Loss; 4] = [
        |_| {},
        |site| fs::write(site.path("letterpress.db"), "").unwrap(),
        |site| fs::write(site.path("letterpress.keys"), "broken").unwrap(),
        |site| {
            fs::remove_file(site.path("letterpress.db")).unwrap();
            fs::remove_file(site.path("letterpress.keys")).unwrap();
        },
    ];
    for loss in losses {
        let site = Site::new();
        site.run("publish").succeeds();
        site.run("backup b.db").succeeds();
        loss(&site);
        let ran = site.run("backup restore b.db --reason test").succeeds();
        assert!(ran.out.contains("letterpress.db from b.db"), "{ran:?}");
        site.run("publish").succeeds();
        site.run("ledger verify").succeeds();
    }
}
