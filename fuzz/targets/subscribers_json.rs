//! Subscriber lists as JSON, of every service: no row is invented, and exporting and importing the result changes
//! nothing.

#![no_main]

#[path = "support/list.rs"]
mod list;

use chrono::DateTime;
use letterpress::internals::importers::subscriber_import::{ImportOptions, Service, SubscriberRow, json_row};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the service; most values leave the choice to the importer.
    let Some((choice, text)) = bytes.split_first() else { return };
    let from = ["mailchimp", "substack", "ghost", "buttondown", "listmonk", "kit"]
        .get(usize::from(*choice))
        .and_then(|name| Service::parse(name).ok());
    let options =
        ImportOptions { from, confirmed: true, ..ImportOptions::new("list.json", DateTime::UNIX_EPOCH) };
    let Some((rows, rejected)) = list::read(text, &options) else { return };
    assert!(rows.len() + rejected <= text.len());
    let export = serde_json::Value::Array(rows.iter().map(json_row).collect()).to_string();
    let options = ImportOptions { from: None, ..options };
    let (again, rejected) = list::read(export.as_bytes(), &options).expect("our own export is readable");
    assert_eq!(rejected, 0);
    let people = |rows: &[SubscriberRow]| {
        rows.iter()
            .map(|row| (row.profile.email.clone(), row.profile.name.clone(), row.profile.status))
            .collect::<Vec<_>>()
    };
    assert_eq!(people(&again), people(&rows));
});
