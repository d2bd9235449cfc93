//! The supported services: how their exports are recognised, and what their headings and states mean.
//!
//! A service's state of a subscriber is not the status yet; [`super::parsed_status`] decides that.

mod schemas;

use std::fmt;

use serde::Serialize;

use super::columns::Column;
use super::state_columns::Sense;
use super::words::{has, plain};
use crate::subscribers::SubscriptionStatus;
use schemas::{SERVICES, ServiceSchema};

/// The service that wrote a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Our own export.
    Letterpress,
    /// Mailchimp.
    Mailchimp,
    /// Substack.
    Substack,
    /// Ghost.
    Ghost,
    /// Buttondown.
    Buttondown,
    /// listmonk.
    Listmonk,
    /// Kit, which was `ConvertKit`.
    Kit,
    /// beehiiv.
    Beehiiv,
    /// Brevo, which was Sendinblue.
    Brevo,
    /// Campaign Monitor.
    CampaignMonitor,
    /// `EmailOctopus`.
    EmailOctopus,
    /// `MailerLite`.
    MailerLite,
    /// Mailjet.
    Mailjet,
    /// phpList.
    PhpList,
    /// Sendy.
    Sendy,
    /// Stibee.
    Stibee,
}

impl Service {
    fn known(self) -> Option<&'static ServiceSchema> {
        SERVICES.iter().find(|known| known.service == self)
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        self.known().map_or("", |known| known.name)
    }

    /// The service that the user names on the command line.
    pub fn parse(word: &str) -> Result<Self, String> {
        let word = match plain(word).as_str() {
            "convertkit" => "kit".to_owned(),
            "sendinblue" => "brevo".to_owned(),
            word => word.to_owned(),
        };
        let found = SERVICES.iter().find(|known| plain(known.name) == word);
        found.map(|known| known.service).ok_or_else(|| {
            let names = SERVICES.map(|known| plain(known.name)).join(", ");
            format!("unknown service; supported: {names}")
        })
    }

    /// The service that writes such headings; they are in plain form.
    pub(super) fn recognise(headings: &[String]) -> Option<Self> {
        let there = |mark: &str| mark.split(' ').all(|word| headings.iter().any(|heading| heading == word));
        SERVICES.iter().find(|known| known.marks.iter().any(|mark| there(mark))).map(|known| known.service)
    }

    /// Whether to ignore a plain heading here.
    pub(super) fn skips(self, heading: &str) -> bool {
        self.known().is_some_and(|known| has(known.unread, heading))
    }

    /// The specific column of a plain heading, if it has one.
    pub(super) fn column(self, heading: &str) -> Option<Column> {
        let headings = self.known()?.headings;
        headings.iter().find(|(_, words)| has(words, heading)).map(|(column, _)| *column)
    }

    /// What the cells of a plain heading mean, if the service has such a column about a state.
    pub(super) fn sense(self, heading: &str) -> Option<Sense> {
        let senses = self.known()?.senses;
        senses.iter().find(|(_, words)| has(words, heading)).map(|(sense, _)| *sense)
    }

    /// The specific meaning of a plain state, if it has one.
    pub(super) fn state(self, word: &str) -> Option<SubscriptionStatus> {
        let states = self.known()?.states;
        states.iter().find(|(_, words)| has(words, word)).map(|(state, _)| *state)
    }

    /// The status that the name of a file states for everybody in it: some services write a file for each status.
    pub(super) fn status_of_file(self, file: &str) -> Option<SubscriptionStatus> {
        let files = self.known()?.files;
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file).to_lowercase();
        files.iter().find(|(_, word)| name.contains(word)).map(|(status, _)| *status)
    }

    /// Whether an export with such columns contains the unsubscribed people.
    pub(super) fn has_unsubscribes(self, has: impl Fn(Column) -> bool) -> bool {
        self.known().is_none_or(|known| {
            known.has_unsubscribes.is_empty() || known.has_unsubscribes.iter().any(|column| has(*column))
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_its_name() {
        for known in SERVICES {
            assert_eq!(Service::parse(known.name), Ok(known.service));
            assert_eq!(known.service.to_string(), known.name);
        }
        assert_eq!(Service::parse("campaign-monitor"), Ok(Service::CampaignMonitor));
        assert_eq!(Service::parse("Sendinblue"), Ok(Service::Brevo));
        assert!(Service::parse("pigeon").unwrap_err().contains("mailchimp, substack"));
    }

    #[test]
    fn the_tables_are_in_plain_form() {
        for known in SERVICES {
            let tables = known.marks.iter().copied();
            let tables = tables.chain(known.headings.iter().map(|(_, words)| *words));
            let tables = tables.chain(known.states.iter().map(|(_, words)| *words));
            let tables = tables.chain(known.senses.iter().map(|(_, words)| *words)).chain([known.unread]);
            for word in tables.flat_map(str::split_whitespace) {
                assert!(!word.is_empty() && plain(word) == word, "{}: {word:?}", known.name);
            }
        }
    }
}
