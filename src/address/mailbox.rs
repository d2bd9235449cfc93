//! An address with a display name, as in `config.toml` and the `To` header.
//!
//! Lists and groups are rejected.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::{AddressError, EmailAddress, refuse_unseen};
use crate::text::HeaderText;

/// Characters that are not allowed in a phrase (RFC 5322, 3.2.3 `specials`, without the dot): a name with one needs
/// quotes.
const SPECIALS: [char; 11] = ['(', ')', '<', '>', '[', ']', ':', ';', '@', '\\', ','];

/// An address with an optional display name: `Kim <kim@example.com>` or the address alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name.
    pub name: Option<HeaderText>,
    /// The address.
    pub address: EmailAddress,
}

impl Mailbox {
    /// Parses one mailbox; a list or a group is rejected.
    pub fn parse(raw: &str) -> Result<Self, AddressError> {
        let raw = raw.trim_matches(' ');
        // Check before parsing the name, because `HeaderText` would turn a line break into a space.
        if let Some(c) = raw.chars().find(|c| c.is_control()) {
            return Err(AddressError::Control(u32::from(c)));
        }
        if let Some(quoted) = raw.strip_prefix('"') {
            let (name, rest) = unquote(quoted)?;
            return Self::of(&name, rest.trim_matches(' '));
        }
        match raw.find('<') {
            None => Ok(Self { name: None, address: EmailAddress::parse(raw)? }),
            Some(bracket) => {
                let (name, rest) = raw.split_at(bracket);
                if name.contains('@') || (name.contains([',', ';']) && rest.matches('<').count() > 1) {
                    return Err(AddressError::Several);
                }
                if let Some(c) = name.chars().find(|c| *c == '"' || SPECIALS.contains(c)) {
                    return Err(AddressError::NameNeedsQuotes(c));
                }
                Self::of(name, rest)
            }
        }
    }

    /// `bracketed` is everything after the name: `<kim@example.com>`.
    fn of(name: &str, bracketed: &str) -> Result<Self, AddressError> {
        let inner = bracketed.strip_prefix('<').ok_or(AddressError::Mailbox)?;
        let (address, rest) = inner.split_once('>').ok_or(AddressError::Mailbox)?;
        match rest.trim_matches(' ').chars().next() {
            None => {}
            Some(',' | ';') => return Err(AddressError::Several),
            Some(_) => return Err(AddressError::Mailbox),
        }
        let name = name.trim();
        if name.contains("=?") && name.contains("?=") {
            return Err(AddressError::EncodedWord);
        }
        let name = match HeaderText::parse(name) {
            Ok(name) => Some(name),
            Err(_) if name.is_empty() => None,
            Err(_) => {
                refuse_unseen(name)?;
                None
            }
        };
        Ok(Self { name, address: EmailAddress::parse(address)? })
    }
}

/// The text of a quoted string (RFC 5322, 3.2.4) without its opening quote, and the rest after it.
fn unquote(quoted: &str) -> Result<(String, &str), AddressError> {
    let mut name = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((name, quoted.get(at + 1..).unwrap_or_default())),
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => name.push(c),
        }
    }
    Err(AddressError::Mailbox)
}

impl fmt::Display for Mailbox {
    /// For display and for [`Mailbox::parse`]; a header needs its own encoding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.address),
            Some(name) if name.as_str().contains('"') || name.as_str().contains(SPECIALS) => {
                let escaped = name.as_str().replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{escaped}\" <{}>", self.address)
            }
            Some(name) => write!(f, "{name} <{}>", self.address),
        }
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(raw: &str) -> Result<(Option<String>, String), AddressError> {
        Mailbox::parse(raw).map(|mailbox| (mailbox.name.map(String::from), mailbox.address.to_string()))
    }

    #[test]
    fn a_name_is_optional_and_may_be_quoted() {
        let address = "kim@example.com".to_owned();
        for (raw, name) in [
            ("kim@example.com", None),
            ("<kim@example.com>", None),
            ("Kim <kim@example.com>", Some("Kim")),
            ("김  편집장<kim@example.com>", Some("김 편집장")),
            ("M. O'Kim <kim@example.com>", Some("M. O'Kim")),
            ("\"Kim, M.\" <kim@example.com>", Some("Kim, M.")),
            ("\"a \\\"b\\\" \\\\\" <kim@example.com>", Some("a \"b\" \\")),
            ("\"\" <kim@example.com>", None),
        ] {
            assert_eq!(parse(raw), Ok((name.map(str::to_owned), address.clone())), "{raw}");
        }
    }

    #[test]
    fn lists_groups_and_line_breaks_are_rejected() {
        for (raw, error) in [
            ("Kim <a@b.example>, Lee <c@d.example>", AddressError::Several),
            ("a@b.example, c@d.example", AddressError::Several),
            ("a@b.example <c@d.example>", AddressError::Several),
            ("team: a@b.example;", AddressError::Route),
            ("Team: Kim <a@b.example>;", AddressError::NameNeedsQuotes(':')),
            ("Kim, M. <kim@example.com>", AddressError::NameNeedsQuotes(',')),
            ("Kim\r\nBcc: <kim@example.com>", AddressError::Control(13)),
            ("Kim <kim@example.com", AddressError::Mailbox),
            ("\"Kim <kim@example.com>", AddressError::Mailbox),
            ("\"Kim\" kim@example.com", AddressError::Mailbox),
            ("Kim <kim@example.com> x", AddressError::Mailbox),
            ("=?utf-8?b?6rmA?= <kim@example.com>", AddressError::EncodedWord),
            ("Kim\u{202E} <kim@example.com>", AddressError::Invisible(0x202E)),
            ("Kim <kim>", AddressError::NoAt),
        ] {
            assert_eq!(parse(raw), Err(error), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_printing_and_parsing(name in "[ -~가-힣]{0,30}") {
            let address = EmailAddress::parse("kim@example.com").unwrap();
            let mailbox = Mailbox { name: HeaderText::lossy(&name), address };
            prop_assume!(!name.contains("=?"));
            prop_assert_eq!(Mailbox::parse(&mailbox.to_string()).unwrap(), mailbox);
        }

        #[test]
        fn no_input_panics(raw in "[ -~＠가\\r\\n\\u{202E}]{0,40}") {
            if let Ok(mailbox) = Mailbox::parse(&raw) {
                prop_assert!(!mailbox.to_string().contains(['\r', '\n']));
            }
        }
    }
}
