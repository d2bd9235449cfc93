//! Subscriber lists as CSV: no row is invented, and exporting and importing the result changes nothing.

#![no_main]

#[path = "support/list.rs"]
mod list;

use chrono::DateTime;
use letterpress::internals::importers::subscriber_import::{ImportOptions, SubscriberRow, csv_header, csv_row};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = ImportOptions { confirmed: true, ..ImportOptions::new("list.csv", DateTime::UNIX_EPOCH) };
    let Some((rows, _)) = list::read(bytes, &options) else { return };
    assert!(rows.len() <= bytes.len());
    let export = csv_header() + &rows.iter().map(csv_row).collect::<String>();
    let (again, rejected) = list::read(export.as_bytes(), &options).expect("our own export is readable");
    assert_eq!(rejected, 0);
    let people = |rows: &[SubscriberRow]| {
        rows.iter()
            .map(|row| (row.profile.email.clone(), row.profile.name.clone(), row.profile.status))
            .collect::<Vec<_>>()
    };
    assert_eq!(people(&again), people(&rows));
});
