//! The services whose exports are known: by which columns each is recognised, and what its words mean.
//!
//! What a service calls a reader is not yet the reader's standing; [`super::standing`] decides that.

use std::fmt;

use serde::Serialize;

use super::columns::Column;
use crate::subscribers::SubscriptionStatus::{self, Active, Suppressed, Unconfirmed, Unsubscribed};

/// Who wrote a list.
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

/// What is known of a service's exports. Headings are written as [`super::columns::plain`] leaves them.
struct ServiceSchema {
    service: Service,
    name: &'static str,
    /// Headings of which each line, all of its words together, betrays the service.
    marks: &'static [&'static str],
    /// Headings that mean something else here, or nothing elsewhere.
    headings: &'static [(Column, &'static str)],
    /// Headings that mean nothing here.
    unread: &'static str,
    /// Words for the state of a reader that mean something else here, or nothing elsewhere.
    states: &'static [(SubscriptionStatus, &'static str)],
    /// The columns of which one must be there, or else the export does not say who left.
    tells: &'static [Column],
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
        tells: &[],
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
        // Whether a member pays.
        unread: "status",
        states: &[],
        tells: &[Column::Receives],
    },
    ServiceSchema {
        service: Service::Listmonk,
        name: "listmonk",
        marks: &["uuid email attributes status", "uuid email attribs status"],
        headings: &[],
        unread: "",
        states: &[(Active, "enabled"), (Unsubscribed, "disabled"), (Suppressed, "blocklisted blacklisted")],
        // `status` is about the account: who left a list is still "enabled" (listmonk's issues 738 and 2855).
        tells: &[Column::Receives],
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
            (Column::Left, "unsubtime"),
            (Column::Cleaned, "cleantime"),
            (Column::OptedIn, "optintime timestampsignup"),
            (Column::Confirmed, "confirmtime timestampopt"),
        ],
        unread: "",
        states: &[(Unconfirmed, "pending nonsubscribed transactional"), (Unsubscribed, "archived")],
        // Its exports are a file for each kind of member.
        tells: &[],
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
        tells: &[Column::Disabled],
    },
    ServiceSchema {
        service: Service::Buttondown,
        name: "Buttondown",
        marks: &["creationdate type", "creationdate subscribertype", "email notes metadata tags"],
        headings: &[
            (Column::State, "type subscribertype"),
            (Column::Created, "creationdate"),
            (Column::Left, "unsubscriptiondate"),
            (Column::Cleaned, "undeliverabilitydate"),
        ],
        unread: "",
        states: &[
            (Active, "regular premium trialed unpaid gifted churning paused pastdue"),
            (Unconfirmed, "unactivated upcoming churned"),
            (Suppressed, "removed spammy undeliverable malformed"),
        ],
        tells: &[Column::State],
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
        tells: &[Column::State],
    },
];

impl Service {
    fn known(self) -> Option<&'static ServiceSchema> {
        SERVICES.iter().find(|known| known.service == self)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        self.known().map_or("", |known| known.name)
    }

    /// The service that somebody names at the command line.
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

    /// The service that writes such headings; they are plain.
    pub(super) fn recognise(headings: &[String]) -> Option<Self> {
        let there = |mark: &str| mark.split(' ').all(|word| headings.iter().any(|heading| heading == word));
        SERVICES.iter().find(|known| known.marks.iter().any(|mark| there(mark))).map(|known| known.service)
    }

    /// Whether a plain heading means nothing here, whatever it means elsewhere.
    pub(super) fn skips(self, heading: &str) -> bool {
        self.known().is_some_and(|known| known.unread.split(' ').any(|word| word == heading))
    }

    /// The column that a plain heading names here, if it differs from what it names elsewhere.
    pub(super) fn column(self, heading: &str) -> Option<Column> {
        let headings = self.known()?.headings;
        headings
            .iter()
            .find(|(_, words)| words.split(' ').any(|word| word == heading))
            .map(|(column, _)| *column)
    }

    /// What a plain word for a state means here, if it differs from what it means elsewhere.
    pub(super) fn state(self, word: &str) -> Option<SubscriptionStatus> {
        let states = self.known()?.states;
        states.iter().find(|(_, words)| words.split(' ').any(|known| known == word)).map(|(state, _)| *state)
    }

    /// Whether an export with such columns says who left.
    pub(super) fn tells(self, has: impl Fn(Column) -> bool) -> bool {
        self.known()
            .is_none_or(|known| known.tells.is_empty() || known.tells.iter().any(|column| has(*column)))
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
    fn every_service_has_a_row_and_is_found_by_its_name() {
        for known in SERVICES {
            assert_eq!(Service::parse(known.name), Ok(known.service));
            assert_eq!(known.service.to_string(), known.name);
        }
        assert!(Service::parse("sendy").unwrap_err().contains("mailchimp, substack"));
    }

    #[test]
    fn the_tables_are_written_as_headings_and_states_are_compared() {
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
