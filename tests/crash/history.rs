//! Deaths while an older ledger is migrated, and while history is made smaller.

use super::earlier;
use super::matrix::{dies_with, site};
use super::support::account::settle;
use super::support::{Script, Server};

const SENT: &str = "2026-11-20T10:00:00Z";
const MUCH_LATER: &str = "2027-11-25T10:00:00Z";
const SUBSCRIBERS: usize = 4;

#[test]
fn f14_a_death_while_an_older_ledger_is_migrated_loses_and_duplicates_no_message() {
    for point in [
        "in-migration",
        "before-commit/migrating it",
        "committed/migrating it",
        "before-commit/closing finished issues",
        "committed/closing finished issues",
        "before-commit/moving attempts of an earlier version",
        "committed/moving attempts of an earlier version",
        "before-commit/shortening deliveries of an earlier version",
        "committed/shortening deliveries of an earlier version",
    ] {
        let relay = Server::start(Script::polite());
        let site = earlier::site("sqlite", &relay);
        std::fs::copy("tests/data/ledgers/migration-5/sqlite/letterpress.db", site.path("letterpress.db"))
            .unwrap();
        assert!(
            dies_with(&site, earlier::LATER, point, &["ledger", "compact"]),
            "the run did not reach {point}"
        );
        earlier::continues_with("sqlite", &site, &relay);
        assert_eq!(site.run_at(earlier::LATER, &["ledger", "compact"]).code, 0, "{point}");
        assert_eq!(site.run_at(earlier::LATER, &["ledger", "verify"]).code, 0, "{point}");
    }
}

#[test]
fn a_death_while_details_are_removed_keeps_who_got_the_issue() {
    for point in [
        "before-commit/choosing an old issue",
        "committed/choosing an old issue",
        "before-commit/removing details",
        "committed/removing details",
        "before-commit/removing the details of reports",
        "committed/removing the details of reports",
    ] {
        let relay = Server::start(Script::polite());
        let site = site(&relay, SUBSCRIBERS, 1);
        assert_eq!(site.run_at(SENT, &["publish"]).code, 0);
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", &format!("{config}\n[store]\nkeep_details = \"365d\"\n"));
        assert!(dies_with(&site, MUCH_LATER, point, &["ledger", "compact"]), "the run did not reach {point}");
        let verified = site.run_at(MUCH_LATER, &["ledger", "verify"]);
        assert_eq!(verified.code, 0, "{point}: {}", verified.output);
        assert_eq!(site.run_at(MUCH_LATER, &["publish"]).code, 0, "{point}");
        let verified = site.run_at(MUCH_LATER, &["ledger", "verify"]);
        assert_eq!(verified.code, 0, "{point}: {}", verified.output);
        let account = settle(&site, &[&relay], SUBSCRIBERS);
        assert!(account.broken.is_empty() && account.sent == SUBSCRIBERS, "{point}: {account:?}");
    }
}
