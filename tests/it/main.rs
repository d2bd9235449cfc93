//! The integration tests, in one binary so that they link once.

// The attribute tells clippy that these are tests, helpers included.
#[cfg(test)]
mod compose;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod deliver;
#[cfg(test)]
mod diagnosis;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod doctor_dns;
#[cfg(test)]
mod earlier;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod feed_readers;
#[cfg(test)]
mod fence;
#[cfg(test)]
mod history;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod issue_pages;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod large_ledgers;
#[cfg(test)]
mod large_lists;
#[cfg(test)]
mod linear;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod posts;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod rate_limit;
mod relays;
#[cfg(test)]
mod report;
#[cfg(test)]
mod restored_database;
#[cfg(test)]
mod segments;
#[cfg(test)]
mod series;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod sign_ups;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod smtp;
#[cfg(test)]
mod store_contract;
#[cfg(test)]
mod subscriber_store;
#[cfg(test)]
mod support;
#[cfg(feature = "object-store")]
#[cfg(test)]
mod upload;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod web;
#[cfg(test)]
mod websub;
#[cfg(test)]
mod weekly;
#[cfg(test)]
mod writer;
