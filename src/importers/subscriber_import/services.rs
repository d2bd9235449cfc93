//! The supported services: how their exports are recognised, and what their headings and states mean.
//!
//! A service's state of a subscriber is not the status yet; [`super::parsed_status`] decides that.

use std::fmt;

use serde::Serialize;

use super::columns::Column;
use crate::subscribers::SubscriptionStatus::{self, Active, Suppressed, Unconfirmed, Unsubscribed};

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
}

/// What is known about a service's exports. Headings are in the form of [`super::columns::plain`].
struct ServiceSchema {
    service: Service,
    name: &'static str,
    /// Sets of headings; all headings of one set together identify the service.
    marks: &'static [&'static str],
    /// Headings with a meaning that is specific to the service.
    headings: &'static [(Column, &'static str)],
    /// Headings to ignore.
    unread: &'static str,
    /// States with a meaning that is specific to the service.
    states: &'static [(SubscriptionStatus, &'static str)],
    /// The export contains the unsubscribed people if it has one of these columns.
    has_unsubscribes: &'static [Column],
}

/// In the order in which they are tried.
const SERVICES: [ServiceSchema; 7] = [
    ServiceSchema {
        service: Service::Letterpress,
        name: "Letterpress",
        marks: &["email name language state source consentedat"],
        headings: &[],
        unread: "",
        states: &[],
        has_unsubscribes: &[],
    },
    ServiceSchema {
        service: Service::Ghost,
        name: "Ghost",
        marks: &["subscribedtoemails", "email complimentaryplan"],
        headings: &[
            (Column::Receives, "subscribedtoemails subscribed"),
            (Column::Disabled, "emaildisabled"),
            (Column::Deleted, "deletedat"),
        ],
        // It states whether a member pays.
        unread: "status",
        states: &[],
        has_unsubscribes: &[Column::Receives],
    },
    ServiceSchema {
        service: Service::Listmonk,
        name: "listmonk",
        marks: &["uuid email attributes status", "uuid email attribs status"],
        headings: &[],
        unread: "",
        states: &[(Active, "enabled"), (Unsubscribed, "disabled"), (Suppressed, "blocklisted blacklisted")],
        // `status` is about the account: a person who unsubscribed from a list is still "enabled" (listmonk's
        // issues 738 and 2855).
        has_unsubscribes: &[Column::Receives],
    },
    ServiceSchema {
        service: Service::Mailchimp,
        name: "Mailchimp",
        marks: &[
            "memberrating",
            "leid euid",
            "emailaddress optintime",
            "emailaddress cleantime",
            "emailaddress unsubtime",
            "emailaddress uniqueemailid",
        ],
        headings: &[
            (Column::UnsubscribedAt, "unsubtime"),
            (Column::Cleaned, "cleantime"),
            (Column::OptedIn, "optintime timestampsignup"),
            (Column::Confirmed, "confirmtime timestampopt"),
        ],
        unread: "",
        states: &[(Unconfirmed, "pending nonsubscribed transactional"), (Unsubscribed, "archived")],
        // Its exports are one file for each kind of member.
        has_unsubscribes: &[],
    },
    ServiceSchema {
        service: Service::Substack,
        name: "Substack",
        marks: &[
            "email activesubscription",
            "email emaildisabled expiry",
            "email stripeconnectedcustomerid",
            "email subscriptiontype activity",
            "email subscriptiontype subscriptiondate",
            "email type startdate",
        ],
        headings: &[(Column::Disabled, "emaildisabled")],
        unread: "",
        states: &[],
        has_unsubscribes: &[Column::Disabled],
    },
    ServiceSchema {
        service: Service::Buttondown,
        name: "Buttondown",
        marks: &["creationdate type", "creationdate subscribertype", "email notes metadata tags"],
        headings: &[
            (Column::State, "type subscribertype"),
            (Column::Created, "creationdate"),
            (Column::UnsubscribedAt, "unsubscriptiondate"),
            (Column::Cleaned, "undeliverabilitydate"),
        ],
        unread: "",
        states: &[
            (Active, "regular premium trialed unpaid gifted churning paused pastdue"),
            (Unconfirmed, "unactivated upcoming churned"),
            (Suppressed, "removed spammy undeliverable malformed"),
        ],
        has_unsubscribes: &[Column::State],
    },
    ServiceSchema {
        service: Service::Kit,
        name: "Kit",
        marks: &[
            "emailaddress firstname state createdat",
            "email firstname state createdat",
            "email firstname status createdat",
        ],
        headings: &[],
        unread: "",
        states: &[(Active, "cold"), (Unconfirmed, "inactive"), (Unsubscribed, "cancelled canceled")],
        has_unsubscribes: &[Column::State],
    },
];

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
        let word = word.to_lowercase();
        let found = SERVICES.iter().find(|known| {
            known.name.to_lowercase() == word || (word == "convertkit" && known.service == Self::Kit)
        });
        found.map(|known| known.service).ok_or_else(|| {
            let names = SERVICES.map(|known| known.name.to_lowercase()).join(", ");
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
        self.known().is_some_and(|known| known.unread.split(' ').any(|word| word == heading))
    }

    /// The specific column of a plain heading, if it has one.
    pub(super) fn column(self, heading: &str) -> Option<Column> {
        let headings = self.known()?.headings;
        headings
            .iter()
            .find(|(_, words)| words.split(' ').any(|word| word == heading))
            .map(|(column, _)| *column)
    }

    /// The specific meaning of a plain state, if it has one.
    pub(super) fn state(self, word: &str) -> Option<SubscriptionStatus> {
        let states = self.known()?.states;
        states.iter().find(|(_, words)| words.split(' ').any(|known| known == word)).map(|(state, _)| *state)
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
    use super::super::columns::plain;
    use super::*;

    #[test]
    fn every_service_is_found_by_its_name() {
        for known in SERVICES {
            assert_eq!(Service::parse(known.name), Ok(known.service));
            assert_eq!(known.service.to_string(), known.name);
        }
        assert!(Service::parse("sendy").unwrap_err().contains("mailchimp, substack"));
    }

    #[test]
    fn the_tables_are_in_plain_form() {
        for known in SERVICES {
            let tables = known.marks.iter().copied();
            let tables = tables.chain(known.headings.iter().map(|(_, words)| *words));
            let tables = tables.chain(known.states.iter().map(|(_, words)| *words));
            for word in tables.flat_map(|words| words.split(' ')) {
                assert!(!word.is_empty() && plain(word) == word, "{}: {word:?}", known.name);
            }
        }
    }
}
