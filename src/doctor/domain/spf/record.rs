//! The grammar of an SPF record (RFC 7208, 12).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::macros::{DomainSpec, Use};
use crate::text::clipped;

/// What a term says about the addresses that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// `+`, or nothing: they may send.
    Pass,
    /// `-`: they must not.
    Fail,
    /// `~`: they should not.
    SoftFail,
    /// `?`: nothing is said.
    Neutral,
}

/// What a term matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// Every address.
    All,
    /// What the record of another domain passes.
    Include(DomainSpec),
    /// The addresses of a name.
    A(Option<DomainSpec>, Prefixes),
    /// The addresses of the hosts that take the mail of a domain.
    Mx(Option<DomainSpec>, Prefixes),
    /// An address whose name is in a domain. Not recommended (5.5).
    Ptr(Option<DomainSpec>),
    /// A network.
    Ip4(Ipv4Addr, u8),
    /// A network.
    Ip6(Ipv6Addr, u8),
    /// Every address, if a name has an address.
    Exists(DomainSpec),
}

impl Mechanism {
    /// Whether it needs DNS, and so counts as one of ten (4.6.4).
    pub fn needs_dns(&self) -> bool {
        !matches!(self, Self::All | Self::Ip4(..) | Self::Ip6(..))
    }
}

/// The lengths after `/` and `//`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixes {
    /// Of IPv4.
    pub v4: u8,
    /// Of IPv6.
    pub v6: u8,
}

/// A qualifier and a mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// What is said about the matches.
    pub qualifier: Qualifier,
    /// What matches.
    pub mechanism: Mechanism,
    /// The term as it was written.
    pub text: String,
}

/// A valid record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpfRecord {
    /// In their order: the first match counts.
    pub directives: Vec<Directive>,
    /// The domain whose record counts if nothing matches.
    pub redirect: Option<DomainSpec>,
    /// Where the explanation of a failure is.
    pub explanation: Option<DomainSpec>,
}

/// Why a record is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}, {term:?}: {why}")]
pub struct SpfSyntaxError {
    /// Of the term, from 1.
    pub position: usize,
    /// The term, clipped.
    pub term: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl SpfRecord {
    /// Whether a text of a domain is meant as an SPF record: `v=spf1` and then a space or nothing (4.5).
    pub fn is_one(text: &[u8]) -> bool {
        text.get(..6).is_some_and(|version| version.eq_ignore_ascii_case(b"v=spf1"))
            && text.get(6).is_none_or(|next| *next == b' ')
    }

    /// Reads a record that [`SpfRecord::is_one`].
    pub fn parse(text: &[u8]) -> Result<Self, SpfSyntaxError> {
        let mut record = Self::default();
        let mut at = 6;
        for term in text.get(6..).unwrap_or_default().split(|byte| *byte == b' ') {
            if !term.is_empty() {
                record.add(term).map_err(|why| SpfSyntaxError {
                    position: at + 1,
                    term: clipped(&String::from_utf8_lossy(term)),
                    why,
                })?;
            }
            at += term.len() + 1;
        }
        Ok(record)
    }

    fn add(&mut self, term: &[u8]) -> Result<(), &'static str> {
        if !term.iter().all(u8::is_ascii_graphic) {
            return Err("only visible ASCII characters and spaces are allowed");
        }
        let term = std::str::from_utf8(term).map_err(|_| "it is not ASCII")?;
        if let Some((name, value)) = modifier(term) {
            return self.add_modifier(name, value);
        }
        let (qualifier, rest) = match term.as_bytes()[0] {
            b'+' => (Qualifier::Pass, &term[1..]),
            b'-' => (Qualifier::Fail, &term[1..]),
            b'~' => (Qualifier::SoftFail, &term[1..]),
            b'?' => (Qualifier::Neutral, &term[1..]),
            _ => (Qualifier::Pass, term),
        };
        let mechanism = mechanism(rest)?;
        self.directives.push(Directive { qualifier, mechanism, text: term.to_owned() });
        Ok(())
    }

    fn add_modifier(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let place = if name.eq_ignore_ascii_case("redirect") {
            &mut self.redirect
        } else if name.eq_ignore_ascii_case("exp") {
            &mut self.explanation
        } else {
            // Of an unknown modifier only the macros are checked (6).
            return DomainSpec::macros(value, Use::Domain).map(drop);
        };
        if place.is_some() {
            return Err("it is there twice");
        }
        *place = Some(DomainSpec::parse(value)?);
        Ok(())
    }
}

/// The name and the value of a modifier: the name is followed by `=` at once.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_name.then_some((name, value))
}

fn mechanism(term: &str) -> Result<Mechanism, &'static str> {
    let end = term.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(term.len());
    let (name, rest) = term.split_at(end);
    let after_colon = rest.strip_prefix(':');
    let required =
        || DomainSpec::parse(after_colon.ok_or("a domain must follow after a colon, without spaces")?);
    match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Ok(Mechanism::All),
        "all" => Err("nothing may follow after \"all\""),
        "include" => required().map(Mechanism::Include),
        "exists" => required().map(Mechanism::Exists),
        "a" => targets(rest).map(|(domain, prefixes)| Mechanism::A(domain, prefixes)),
        "mx" => targets(rest).map(|(domain, prefixes)| Mechanism::Mx(domain, prefixes)),
        "ptr" if rest.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => required().map(|domain| Mechanism::Ptr(Some(domain))),
        "ip4" => ip4(after_colon.ok_or("an IPv4 address must follow after a colon, without spaces")?),
        "ip6" => ip6(after_colon.ok_or("an IPv6 address must follow after a colon, without spaces")?),
        "redirect" | "exp" => Err("it is written with =, not with a colon"),
        _ => Err("there is no such mechanism"),
    }
}

/// What follows `a` and `mx`: `[":" domain] ["/" length] ["//" length]`.
fn targets(rest: &str) -> Result<(Option<DomainSpec>, Prefixes), &'static str> {
    let (rest, v6) = match rest.rsplit_once("//") {
        Some((before, length)) => (before, length_of(length, 128)?),
        None => (rest, 128),
    };
    let (rest, v4) = match rest.rsplit_once('/') {
        // A slash may also be within a domain.
        Some((before, length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            (before, length_of(length, 32)?)
        }
        _ => (rest, 32),
    };
    let domain = match rest.strip_prefix(':') {
        Some(domain) => Some(DomainSpec::parse(domain)?),
        None if rest.is_empty() => None,
        None => return Err("a domain is written after a colon, and a length after a slash"),
    };
    Ok((domain, Prefixes { v4, v6 }))
}

fn length_of(digits: &str, most: u8) -> Result<u8, &'static str> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty();
    match digits.parse::<u8>() {
        Ok(length) if is_number && length <= most && (digits == "0" || !digits.starts_with('0')) => {
            Ok(length)
        }
        _ if most == 32 => Err("the length after the slash is not a number from 0 to 32"),
        _ => Err("the length after the slash is not a number from 0 to 128"),
    }
}

fn ip4(text: &str) -> Result<Mechanism, &'static str> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length_of(length, 32)?),
        None => (text, 32),
    };
    let address = address.parse().map_err(|_| "it is not an IPv4 address of four numbers")?;
    Ok(Mechanism::Ip4(address, length))
}

fn ip6(text: &str) -> Result<Mechanism, &'static str> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length_of(length, 128)?),
        None => (text, 128),
    };
    let address = address.parse().map_err(|_| "it is not an IPv6 address")?;
    Ok(Mechanism::Ip6(address, length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(record: &str) -> String {
        SpfRecord::parse(record.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_has_its_place_and_its_reason() {
        assert_eq!(
            why("v=spf1  ip4:192.0.2 -all"),
            "at character 9, \"ip4:192.0.2\": it is not an IPv4 address of four numbers"
        );
        for (record, reason) in [
            ("v=spf1 inlcude:a.example -all", "no such mechanism"),
            ("v=spf1 include: a.example -all", "its domain is empty"),
            ("v=spf1 include -all", "must follow after a colon"),
            ("v=spf1 a:example.com/33", "from 0 to 32"),
            ("v=spf1 a//129", "from 0 to 128"),
            ("v=spf1 a/024", "from 0 to 32"),
            ("v=spf1 ip6:2001:db8::/129", "from 0 to 128"),
            ("v=spf1 redirect:a.example", "with ="),
            ("v=spf1 redirect=a.example redirect=b.example", "twice"),
            ("v=spf1 -all.", "nothing may follow"),
            ("v=spf1 a:192.0.2.1", "top-level"),
            ("v=spf1 exists:%{x}.example", "macro"),
            ("v=spf1 mx,a -all", "after a colon"),
            ("v=spf1 \u{201c}-all\u{201d}", "visible ASCII"),
            ("v=spf1 moo=%abc", "macro"),
        ] {
            assert!(why(record).contains(reason), "{record}: {}", why(record));
        }
    }

    #[test]
    fn a_record_is_recognised_by_its_version() {
        for (text, is_one) in [
            ("v=spf1", true),
            ("V=SPF1 -all", true),
            ("v=spf10", false),
            (" v=spf1", false),
            ("v=spf", false),
        ] {
            assert_eq!(SpfRecord::is_one(text.as_bytes()), is_one, "{text}");
        }
    }

    #[test]
    fn lengths_and_domains_are_told_apart() {
        let record = SpfRecord::parse(b"v=spf1 a:foo/bar.example.com/24//64 mx/16 -all").unwrap();
        let Mechanism::A(Some(_), prefixes) = &record.directives[0].mechanism else { panic!() };
        assert_eq!((prefixes.v4, prefixes.v6), (24, 64));
        assert_eq!(record.directives[1].mechanism, Mechanism::Mx(None, Prefixes { v4: 16, v6: 128 }));
        assert_eq!(record.directives[2].qualifier, Qualifier::Fail);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            terms in "([-+~?]?(a|mx|ptr|all|ip4|ip6|exists|include|redirect|exp)[:=/%{}0-9a-z.-]{0,12} ?){0,6}",
        ) {
            let _ = SpfRecord::parse(&bytes);
            let _ = SpfRecord::parse(&[b"v=spf1 ", bytes.as_slice()].concat());
            let _ = SpfRecord::parse(format!("v=spf1 {terms}").as_bytes());
        }
    }
}
