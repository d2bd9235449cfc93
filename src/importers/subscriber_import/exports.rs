//! Made-up exports of every service: the recognised service, and the imported subscribers.

use super::whole::{ImportedList, read};
use super::*;
use crate::subscribers::SubscriptionStatus;
use crate::text::HeaderText;

/// The subscribers of a file in `tests/data/readers/` as lines of `address state name reason`, and its service.
fn summary(file: &str, list: &ImportedList) -> (String, Vec<String>) {
    let row = |row: &SubscriberRow| {
        let name = row.profile.name.as_ref().map_or("-", HeaderText::as_str);
        let reason = row
            .profile
            .suppressed_because
            .as_ref()
            .map(|reason| format!(" because {reason}"))
            .unwrap_or_default();
        let address = row.profile.email.local_part();
        format!("{address} {} {name}{reason}", row.profile.status.as_str())
    };
    assert!(list.rows.iter().all(|row| row.profile.email.domain() == "example.com"), "{file}");
    (list.service.map_or("nobody", Service::name).to_owned(), list.rows.iter().map(row).collect())
}

fn import(file: &str, confirmed: bool) -> ImportedList {
    let path = format!("{}/tests/data/readers/{file}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap();
    let options = ImportOptions::new(file, "2026-11-20T00:00:00Z".parse().unwrap());
    read(&bytes, ImportOptions { confirmed, ..options }).unwrap_or_else(|finding| panic!("{finding}"))
}

#[track_caller]
fn assert_import(file: &str, service: Service, subscribers: &[&str]) -> ImportedList {
    let list = import(file, false);
    let subscribers: Vec<String> = subscribers.iter().map(|&subscriber| subscriber.to_owned()).collect();
    assert_eq!(summary(file, &list), (service.name().to_owned(), subscribers), "{file}");
    list
}

fn rules(list: &ImportedList) -> Vec<&'static str> {
    // All addresses here are of example.com, which causes a warning for each.
    list.warnings.iter().map(|warning| warning.rule).filter(|rule| *rule != "list-address").collect()
}

#[test]
fn mailchimp_writes_a_file_for_each_kind_of_member() {
    let list = assert_import(
        "mailchimp-subscribed.csv",
        Service::Mailchimp,
        &["one active 김민준", "two active Yuna Park", "three unconfirmed -"],
    );
    // The time of the double opt-in, not that of the form before it.
    assert_eq!(list.rows[0].profile.consented_at.unwrap().to_rfc3339(), "2025-03-01T09:05:00+00:00");
    assert!(list.ignored.contains(&"TAGS".to_owned()) && !list.ignored.contains(&"OPTIN_TIME".to_owned()));
    assert_import(
        "mailchimp-unsubscribed.csv",
        Service::Mailchimp,
        &["four unsubscribed 이서연", "five unconfirmed -"],
    );
    assert_import(
        "mailchimp-cleaned.csv",
        Service::Mailchimp,
        &["six suppressed Dolor because bounced (Mailchimp)"],
    );
}

#[test]
fn only_one_of_the_two_substack_exports_has_the_unsubscribed() {
    assert_import(
        "substack-email-list.csv",
        Service::Substack,
        &["one active -", "two active -", "three unsubscribed -", "four unconfirmed -"],
    );
    let list = assert_import("substack-dashboard.csv", Service::Substack, &["one unconfirmed 김민준"]);
    assert_eq!(rules(&list), ["list-silent"]);
}

#[test]
fn ghost_members_without_a_newsletter_are_unsubscribed() {
    assert_import(
        "ghost-members.csv",
        Service::Ghost,
        &["one active 김민준", "two unsubscribed Yuna Park", "three unconfirmed -", "four unsubscribed -"],
    );
    let list = assert_import(
        "ghost-export.json",
        Service::Ghost,
        &[
            "one active 김민준",
            "two unsubscribed Yuna Park",
            "three suppressed - because email disabled (Ghost)",
        ],
    );
    assert_eq!(list.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [8, 9, 10]);
}

#[test]
fn the_state_of_a_ghost_member_is_about_payment_and_is_ignored() {
    let members = r#"{"members": [
        {"email": "a@letters.kr", "status": "free", "newsletters": [], "created_at": "2026-01-01T00:00:00Z"},
        {"email": "b@letters.kr", "status": "paid", "newsletters": [{"name": "편지"}], "created_at": "2026-01-01T00:00:00Z",
         "email_suppression": {"suppressed": true}},
        {"email": "c@letters.kr", "status": "paid", "subscribed": true, "created_at": "2026-01-01T00:00:00Z"},
        {"email": "d@letters.kr", "status": "paid", "created_at": "2026-01-01T00:00:00Z"}]}"#;
    let list =
        read(members.as_bytes(), ImportOptions::new("members.json", "2026-11-20T00:00:00Z".parse().unwrap()));
    let states: Vec<_> = list.unwrap().rows.iter().map(|row| row.profile.status.as_str()).collect();
    assert_eq!(states, ["unsubscribed", "suppressed", "active", "unconfirmed"]);
}

#[test]
fn buttondown_has_many_types_of_subscribers() {
    let list = assert_import(
        "buttondown-subscribers.csv",
        Service::Buttondown,
        &[
            "one active -",
            "two unconfirmed -",
            "three unsubscribed -",
            "four suppressed - because removed (Buttondown)",
            "five suppressed - because complained (Buttondown)",
        ],
    );
    assert_eq!(list.rejected, [(7, RowError::State("levitating".to_owned()))]);
    assert_eq!(list.rows[0].source.as_deref(), Some("embedded_form"));
    assert_import(
        "buttondown-api.json",
        Service::Buttondown,
        &["one active -", "two unsubscribed -", "three suppressed - because bounced (Buttondown)"],
    );
}

#[test]
fn listmonk_marks_unsubscribed_people_as_enabled() {
    let list = assert_import(
        "listmonk-subscribers.csv",
        Service::Listmonk,
        &[
            "one unconfirmed 김민준",
            "two unsubscribed Yuna",
            "three suppressed - because blocklisted (listmonk)",
        ],
    );
    assert_eq!(rules(&list), ["list-silent"]);
    assert!(list.rows.iter().all(|row| row.profile.consented_at.is_some()), "{:?}", list.rows);
    assert_eq!(import("listmonk-subscribers.csv", true).rows[0].profile.status, SubscriptionStatus::Active);
    assert_import(
        "listmonk-api.json",
        Service::Listmonk,
        &[
            "one active 김민준",
            "two unsubscribed Yuna",
            "three suppressed - because blocklisted (listmonk)",
            "four unconfirmed -",
            "five active -",
            "six unconfirmed -",
        ],
    );
    assert_import("listmonk-profile.json", Service::Listmonk, &["one active 김민준"]);
}

#[test]
fn kit_records_complaints() {
    let list = assert_import(
        "kit-subscribers.csv",
        Service::Kit,
        &[
            "one active 김민준",
            "two unconfirmed Yuna",
            "three unsubscribed -",
            "four suppressed - because bounced (Kit)",
            "five suppressed - because complained (Kit)",
        ],
    );
    assert_eq!(list.ignored, ["Tags"]);
    assert_import(
        "kit-api.json",
        Service::Kit,
        &["one active 김민준", "two suppressed Yuna because complained (Kit)"],
    );
}

#[test]
fn a_contact_on_the_blacklist_of_brevo_has_unsubscribed() {
    let list = assert_import(
        "brevo-contacts.csv",
        Service::Brevo,
        &[
            "one active 김민준",
            "two active Yuna",
            "three unconfirmed -",
            "four unsubscribed -",
            "five active -",
        ],
    );
    assert_eq!(list.rows[4].profile.consented_at.unwrap().to_rfc3339(), "2024-05-05T10:00:00+00:00");
    // A no in OPT_IN is a refusal; one in DOUBLE_OPT-IN is not.
    assert_eq!(import("brevo-contacts.csv", true).rows[2].profile.status, SubscriptionStatus::Unconfirmed);
}

#[test]
fn mailjet_has_a_column_for_each_way_out() {
    assert_import(
        "mailjet-contacts.csv",
        Service::Mailjet,
        &[
            "one active 김민준",
            "two unsubscribed Yuna",
            "three suppressed - because isspamcomplaining (Mailjet)",
            "four unconfirmed -",
        ],
    );
}

#[test]
fn mailerlite_names_the_address_subscriber() {
    assert_import(
        "mailerlite-subscribers.csv",
        Service::MailerLite,
        &[
            "one active 김민준",
            "two unsubscribed Yuna",
            "three suppressed - because Bounced (MailerLite)",
            "four unconfirmed -",
            "five suppressed - because Junk (MailerLite)",
        ],
    );
}

#[test]
fn who_is_inactive_on_beehiiv_has_unsubscribed() {
    assert_import(
        "beehiiv-subscribers.csv",
        Service::Beehiiv,
        &[
            "one active -",
            "two unsubscribed -",
            "three unconfirmed -",
            "four suppressed - because invalid (beehiiv)",
            "five unconfirmed -",
        ],
    );
}

#[test]
fn the_states_of_emailoctopus_campaign_monitor_and_sendy_are_known() {
    assert_import(
        "emailoctopus-contacts.csv",
        Service::EmailOctopus,
        &["one active 김민준", "two unsubscribed Yuna", "three unconfirmed -"],
    );
    assert_import(
        "campaignmonitor-subscribers.csv",
        Service::CampaignMonitor,
        &[
            "one active 김민준",
            "two unsubscribed Yuna",
            "three suppressed - because Bounced (Campaign Monitor)",
            "four unsubscribed -",
            "five unconfirmed -",
        ],
    );
    assert_import(
        "sendy-all.csv",
        Service::Sendy,
        &[
            "one active 김민준",
            "two unsubscribed Yuna",
            "three unconfirmed -",
            "four suppressed - because Bounced (Sendy)",
            "five active -",
            "six suppressed - because Marked as spam (Sendy)",
        ],
    );
}

#[test]
fn phplist_blacklists_and_disables() {
    assert_import(
        "phplist-subscribers.csv",
        Service::PhpList,
        &["one active -", "two unsubscribed -", "three unconfirmed -", "four unsubscribed -"],
    );
}

#[test]
fn stibee_is_read_in_korean() {
    let list = assert_import(
        "stibee-subscribers.csv",
        Service::Stibee,
        &[
            "one active 김민준",
            "two unsubscribed 이서연",
            "three suppressed - because 자동삭제 (Stibee)",
            "four unsubscribed -",
            "five unconfirmed -",
        ],
    );
    assert_eq!(list.rows[0].source.as_deref(), Some("구독 폼"));
}

#[test]
fn our_own_export_is_the_same_in_both_forms() {
    let subscribers = ["one active 김민준", "two suppressed =Yuna because it complained"];
    let csv = assert_import("letterpress.csv", Service::Letterpress, &subscribers);
    let json = assert_import("letterpress.json", Service::Letterpress, &subscribers);
    let rows = |list: ImportedList| {
        list.rows.into_iter().map(|row| SubscriberRow { line: 0, ..row }).collect::<Vec<_>>()
    };
    assert_eq!(rows(csv), rows(json));
}

#[test]
fn a_named_service_is_used_whatever_the_columns_are() {
    let text = "email,status,created_at\na@letters.kr,inactive,2026-01-01\n";
    let options = ImportOptions::new("list.csv", "2026-11-20T00:00:00Z".parse().unwrap());
    let state = |from| {
        read(text.as_bytes(), ImportOptions { from, ..options.clone() }).unwrap().rows[0].profile.status
    };
    assert_eq!(state(None), SubscriptionStatus::Unsubscribed);
    assert_eq!(state(Some(Service::Kit)), SubscriptionStatus::Unconfirmed);
}

#[test]
fn no_file_of_those_who_left_makes_anybody_a_reader_also_if_the_owner_vouches() {
    for file in [
        "mailchimp-unsubscribed.csv",
        "mailchimp-cleaned.csv",
        "substack-email-list.csv",
        "kit-subscribers.csv",
        "brevo-contacts.csv",
        "mailjet-contacts.csv",
        "mailerlite-subscribers.csv",
        "beehiiv-subscribers.csv",
        "emailoctopus-contacts.csv",
        "campaignmonitor-subscribers.csv",
        "sendy-all.csv",
        "phplist-subscribers.csv",
        "stibee-subscribers.csv",
    ] {
        let (before, after) = (import(file, false), import(file, true));
        for (before, after) in before.rows.iter().zip(&after.rows) {
            assert!(
                after.profile.status == before.profile.status
                    || before.profile.status == SubscriptionStatus::Unconfirmed,
                "{file}: {after:?}"
            );
        }
    }
    assert!(
        import("mailchimp-unsubscribed.csv", true)
            .rows
            .iter()
            .all(|row| row.profile.status != SubscriptionStatus::Active)
    );
}
