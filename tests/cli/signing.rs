//! DKIM on the command line: key files, signed messages, and the effect of a new key on the ledger.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::relay::{Relay, Reply};
use super::site::Site;

const SECTION: &str = "\n[dkim]\nselector = \"letters-ed25519\"\nkey_file = \"dkim-letters-ed25519.pem\"\n";
const NEW: &str = "dkim new --algorithm ed25519";

/// A site whose messages are signed.
fn signed_site() -> Site {
    let site = Site::new();
    site.run(NEW).succeeds();
    site.append("config.toml", SECTION);
    site
}

#[test]
fn a_new_key_is_readable_only_by_its_owner_and_never_overwritten() {
    let site = Site::new();
    for (line, file) in [("dkim new", "dkim-letters.pem"), ("dkim new --out own.pem --selector x", "own.pem")]
    {
        site.run(line).succeeds();
        let key = fs::read(site.path(file)).unwrap();
        assert_eq!(site.path(file).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let ran = site.run(line);
        assert!(ran.code == 1 && ran.err.contains("already exists"), "{ran:?}");
        assert_eq!(fs::read(site.path(file)).unwrap(), key);
    }
    assert_eq!(fs::read_dir(site.path(".")).unwrap().count(), 6, "no temporary file is left");
}

#[test]
fn new_and_show_print_the_same_record_and_never_the_private_key() {
    let site = signed_site();
    fs::remove_file(site.path("dkim-letters-ed25519.pem")).unwrap();
    let made = site.run(NEW).succeeds().out;
    let shown = site.run("dkim show").succeeds().out;
    assert!(
        shown.lines().all(|line| made.contains(line)) && shown.contains("k=ed25519; p="),
        "{made}{shown}"
    );
    let key = fs::read_to_string(site.path("dkim-letters-ed25519.pem")).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!made.contains(secret) && !made.contains(&secret[22..]), "{made}");
}

#[test]
fn emails_in_the_outbox_start_with_the_signature() {
    let site = signed_site();
    site.run("publish").succeeds();
    let email = fs::read_to_string(&site.emails()[0]).unwrap();
    assert!(email.starts_with("DKIM-Signature: v=1; a=ed25519-sha256;"), "{email}");
    assert!(email.contains("d=example.com;") && email.contains("s=letters-ed25519;"), "{email}");
    site.run("send --to me@example.com").succeeds();
    let test = site.emails().into_iter().find(|path| path.to_string_lossy().contains("/test/")).unwrap();
    assert!(fs::read_to_string(test).unwrap().starts_with("DKIM-Signature: "));
}

#[test]
fn a_key_that_is_missing_or_broken_stops_the_run_before_anything_is_written() {
    let broken = "-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----\n";
    for (key, word) in
        [(None, "cannot read the DKIM key"), (Some(broken), "invalid DKIM key"), (Some(""), "no private key")]
    {
        let site = Site::new();
        site.append("config.toml", SECTION);
        if let Some(key) = key {
            site.write("dkim-letters-ed25519.pem", key);
        }
        for command in ["publish", "send", "check", "dkim show"] {
            let ran = site.run(command);
            assert!(ran.code == 1 && format!("{}{}", ran.out, ran.err).contains(word), "{command}: {ran:?}");
        }
        assert!(!site.path("public").exists() && !site.path("letterpress.db").exists());
    }
}

#[test]
fn check_reports_a_readable_key_and_a_misaligned_domain() {
    let site = signed_site();
    let ran = site.run("check").succeeds();
    assert!(!ran.out.contains("dkim"), "{ran:?}");
    let key = site.path("dkim-letters-ed25519.pem");
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    site.append("config.toml", "domain = \"example.net\"\n");
    let ran = site.run("check").succeeds();
    assert!(ran.out.contains("other users of this machine can access this secret (mode 644)"), "{ran:?}");
    assert!(ran.out.contains("signed for example.net; DMARC ignores the signature"), "{ran:?}");
}

/// A message with an unknown outcome is only sent again if it is identical, including its signature.
#[test]
fn a_delivery_with_unknown_outcome_is_resent_only_with_the_same_key() {
    for (same_key, emails) in [(true, 2), (false, 1)] {
        let site = signed_site();
        let relay = Relay::start(Reply::NoReplyToTheDot);
        site.append("config.toml", &relay.section());
        assert_eq!(site.run("--quiet publish").code, 3);
        if !same_key {
            fs::remove_file(site.path("dkim-letters-ed25519.pem")).unwrap();
            site.run(NEW).succeeds();
        }
        site.run("resolve --resend").succeeds();
        let ran = site.run_at("2026-11-23T02:00:00Z", "publish");
        assert_eq!((ran.code, relay.messages()), (3, emails), "{ran:?}");
        let output = site.run("status history reader@example.com").succeeds().out;
        assert_eq!(output.contains("failed"), !same_key, "{output}");
    }
}
