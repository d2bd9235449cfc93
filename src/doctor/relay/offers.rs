//! What a relay offers in its reply to EHLO, against what our emails need. Pure.

use super::super::{Check, Section};
use crate::config::Smtp;
use crate::delivery::smtp::Capabilities;

/// The checks of the extensions and limits; `largest` is the size of our largest email.
pub(super) fn check(offered: &Capabilities, smtp: &Smtp, largest: Option<usize>) -> Vec<Check> {
    let mut checks = vec![size(offered, largest)];
    checks.push(if offered.pipelining {
        Check::good(Section::Relay, "relay-pipelining", "PIPELINING is offered")
    } else {
        Check::warning(
            Section::Relay,
            "relay-pipelining",
            "PIPELINING is not offered, so each email waits for the network several times",
            "for a large list, ask the provider of the relay for it; for a small one, nothing",
        )
    });
    checks.push(if offered.eight_bit {
        Check::good(Section::Relay, "relay-8bitmime", "8BITMIME is offered")
    } else {
        Check::good(Section::Relay, "relay-8bitmime", "8BITMIME is not offered, and not needed")
    });
    checks.push(if offered.smtputf8 && offered.eight_bit {
        Check::good(Section::Relay, "relay-smtputf8", "SMTPUTF8 is offered")
    } else {
        Check::warning(
            Section::Relay,
            "relay-smtputf8",
            "SMTPUTF8 is not offered, so addresses such as 김@example.com get no emails",
            "if you have subscribers with such addresses, use a relay that offers it; otherwise, nothing",
        )
    });
    checks.extend(limits(offered, smtp));
    checks
}

fn size(offered: &Capabilities, largest: Option<usize>) -> Check {
    let id = "relay-size";
    match (offered.size.filter(|limit| *limit > 0), largest) {
        (Some(limit), Some(largest)) if largest > limit => Check::fault(
            Section::Relay,
            id,
            format!("it takes messages of up to {}, but an email has {}", shown(limit), shown(largest)),
            "shorten the post or its pictures, or ask the provider of the relay for a higher limit",
        ),
        (Some(limit), Some(largest)) => Check::good(
            Section::Relay,
            id,
            format!("it takes messages of up to {}; the largest email has {}", shown(limit), shown(largest)),
        ),
        (Some(limit), None) => {
            Check::good(Section::Relay, id, format!("it takes messages of up to {}", shown(limit)))
        }
        (None, _) => Check::good(Section::Relay, id, "it announces no limit for the size of a message"),
    }
}

/// RFC 9422: the relay closes a session after so many messages.
fn limits(offered: &Capabilities, smtp: &Smtp) -> Option<Check> {
    if offered.limits.is_empty() {
        return None;
    }
    let all: Vec<String> = offered.limits.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let all = all.join(", ");
    let mails = offered.limits.iter().find(|(name, value)| name == "MAILMAX" && *value > 0);
    Some(match mails {
        Some((_, most)) if *most < smtp.messages_per_connection => Check::warning(
            Section::Relay,
            "relay-limits",
            format!(
                "it announces {all}, but smtp.messages_per_connection is {}",
                smtp.messages_per_connection
            ),
            format!("set messages_per_connection = {most} in [smtp] in config.toml"),
        ),
        _ => Check::good(Section::Relay, "relay-limits", format!("it announces {all}")),
    })
}

fn shown(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} KB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn level(offered: &Capabilities, id: &str) -> Option<Level> {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://letters.kr\"\n[newsletter]\nfrom = \"news@letters.kr\"\n[smtp]\nhost = \"relay.letters.kr\"\n";
        let config = crate::config::parse(text, "config.toml", ".".into()).unwrap();
        let checks = check(offered, &config.smtp.unwrap(), Some(50_000));
        checks.iter().find(|check| check.id == id).map(|check| check.level)
    }

    #[test]
    fn an_email_must_fit_into_the_limit_that_the_relay_announces() {
        let sized = |size| Capabilities { size, ..Capabilities::default() };
        assert_eq!(level(&sized(Some(49_999)), "relay-size"), Some(Level::Fault));
        for size in [Some(50_000), Some(0), None] {
            assert_eq!(level(&sized(size), "relay-size"), Some(Level::Good), "{size:?}");
        }
    }

    #[test]
    fn a_limit_of_messages_below_our_own_is_a_warning() {
        let limited = |limits: &[(&str, u32)]| Capabilities {
            limits: limits.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..Capabilities::default()
        };
        assert_eq!(level(&limited(&[("MAILMAX", 99)]), "relay-limits"), Some(Level::Warning));
        assert_eq!(level(&limited(&[("MAILMAX", 100), ("RCPTMAX", 1)]), "relay-limits"), Some(Level::Good));
        assert_eq!(level(&limited(&[]), "relay-limits"), None);
    }

    #[test]
    fn missing_extensions_are_warnings_only_if_somebody_gets_less_without_them() {
        let none = Capabilities::default();
        for (id, expected) in [
            ("relay-pipelining", Level::Warning),
            ("relay-smtputf8", Level::Warning),
            ("relay-8bitmime", Level::Good),
        ] {
            assert_eq!(level(&none, id), Some(expected), "{id}");
        }
        let all = Capabilities { pipelining: true, eight_bit: true, smtputf8: true, ..none };
        for id in ["relay-pipelining", "relay-smtputf8", "relay-8bitmime"] {
            assert_eq!(level(&all, id), Some(Level::Good), "{id}");
        }
    }
}
