//! Subscriber lists as JSON, of every service: no row is invented, and exporting and importing the result changes
//! nothing.

#![no_main]

use chrono::DateTime;
use letterpress::importers::subscriber_import::{ImportOptions, Service, SubscriberRow, json_row, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the service; most values leave the choice to the importer.
    let Some((choice, text)) = bytes.split_first() else { return };
    let from = ["mailchimp", "substack", "ghost", "buttondown", "listmonk", "kit"]
        .get(usize::from(*choice))
        .and_then(|name| Service::parse(name).ok());
    let options =
        ImportOptions { from, confirmed: true, ..ImportOptions::new("list.json", DateTime::UNIX_EPOCH) };
    let Ok(list) = read(text, options) else { return };
    assert!(list.rows.len() + list.rejected.len() <= text.len());
    let export = serde_json::Value::Array(list.rows.iter().map(json_row).collect()).to_string();
    let options = ImportOptions { from: None, ..options };
    let again = read(export.as_bytes(), options).expect("our own export is readable");
    assert!(again.rejected.is_empty(), "{:?}", again.rejected);
    let people = |rows: &[SubscriberRow]| {
        rows.iter()
            .map(|row| (row.profile.email.clone(), row.profile.name.clone(), row.profile.status))
            .collect::<Vec<_>>()
    };
    assert_eq!(people(&again.rows), people(&list.rows));
});
