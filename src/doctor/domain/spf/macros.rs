//! Domains with macros in an SPF record (RFC 7208, 7).

use std::fmt::Write as _;
use std::net::IpAddr;

/// The longest domain after expansion; longer ones lose labels on the left (7.3).
const LONGEST: usize = 253;
/// The longest text that an expansion makes before it is cut.
const LONGEST_TEXT: usize = 4096;

/// Where a text with macros is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// In the record.
    Domain,
    /// In the explanation, which has three macros more and may have spaces.
    Explanation,
}

/// A text with macros.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainSpec(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Macro(Macro),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    letter: char,
    is_escaped: bool,
    /// How many parts of the right are kept; 0 for all.
    kept: usize,
    is_reversed: bool,
    /// What separates the parts; a dot if empty.
    delimiters: String,
}

/// The values of the macros.
#[derive(Debug, Clone)]
pub struct MacroValues<'v> {
    /// The address that sends.
    pub address: IpAddr,
    /// The local part of the envelope sender.
    pub local_part: &'v str,
    /// The domain of the envelope sender.
    pub sender_domain: &'v str,
    /// The domain whose record is read.
    pub domain: &'v str,
    /// The name in EHLO.
    pub helo: &'v str,
    /// The validated name of the address, or `unknown`.
    pub validated: &'v str,
}

const BAD_MACRO: &str = "after % must follow a macro such as {i}, or %, _ or -";

impl DomainSpec {
    /// Reads a domain: it ends with a macro or a top-level label.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("its domain is empty");
        }
        let spec = Self::macros(text, Use::Domain)?;
        if let Some(Part::Text(end)) = spec.0.last() {
            let end = end.strip_suffix('.').unwrap_or(end);
            match end.rsplit_once('.') {
                Some((_, label)) if is_top_level(label) => {}
                _ => return Err("its domain does not end with a dot and a top-level label such as \"com\""),
            }
        }
        Ok(spec)
    }

    /// Reads a text with macros.
    pub fn macros(text: &str, place: Use) -> Result<Self, &'static str> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '%' {
                literal.push(c);
                continue;
            }
            let kind = rest.chars().next().ok_or(BAD_MACRO)?;
            rest = &rest[kind.len_utf8()..];
            match kind {
                '%' => literal.push('%'),
                '_' => literal.push(' '),
                '-' => literal.push_str("%20"),
                '{' => {
                    let (inside, after) = rest.split_once('}').ok_or(BAD_MACRO)?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Macro(Macro::parse(inside, place)?));
                    rest = after;
                }
                _ => return Err(BAD_MACRO),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// Whether its value depends on the message, and not only on the domain.
    pub fn depends_on_message(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Macro(each) if each.letter != 'd'))
    }

    /// Whether the validated name of the address is needed.
    pub fn needs_validated_name(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Macro(each) if each.letter == 'p'))
    }

    /// The text with the macros replaced.
    pub fn text(&self, values: &MacroValues<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Macro(one) => one.write(values, &mut text),
            }
            if text.len() > LONGEST_TEXT {
                break;
            }
        }
        text
    }

    /// The domain with the macros replaced, without a final dot.
    pub fn domain(&self, values: &MacroValues<'_>) -> String {
        let text = self.text(values);
        let mut domain = text.strip_suffix('.').unwrap_or(&text);
        while domain.len() > LONGEST {
            let Some((_, shorter)) = domain.split_once('.') else { break };
            domain = shorter;
        }
        domain.to_owned()
    }
}

impl Macro {
    fn parse(inside: &str, place: Use) -> Result<Self, &'static str> {
        let mut rest = inside.chars();
        let letter = rest.next().ok_or(BAD_MACRO)?;
        let lower = letter.to_ascii_lowercase();
        match lower {
            's' | 'l' | 'o' | 'd' | 'i' | 'p' | 'v' | 'h' => {}
            'c' | 'r' | 't' if place == Use::Explanation => {}
            'c' | 'r' | 't' => return Err("the macros c, r and t are only for explanations"),
            _ => return Err("there is no such macro"),
        }
        let rest = rest.as_str();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (digits, rest) = rest.split_at(digits);
        let kept = match digits {
            "" => 0,
            // Any number is valid, but no name has more parts than this.
            digits => digits.parse().unwrap_or(usize::MAX),
        };
        if !digits.is_empty() && kept == 0 {
            return Err("the number in a macro must not be 0");
        }
        let (is_reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
            return Err("after the letter of a macro may follow a number, r, and delimiters");
        }
        let is_escaped = letter.is_ascii_uppercase();
        Ok(Self { letter: lower, is_escaped, kept, is_reversed, delimiters: delimiters.to_owned() })
    }

    fn write(&self, values: &MacroValues<'_>, out: &mut String) {
        let value = match self.letter {
            's' => format!("{}@{}", values.local_part, values.sender_domain),
            'l' => values.local_part.to_owned(),
            'o' => values.sender_domain.to_owned(),
            'd' => values.domain.to_owned(),
            'i' => dotted(values.address),
            'p' => values.validated.to_owned(),
            'v' => (if values.address.is_ipv4() { "in-addr" } else { "ip6" }).to_owned(),
            'h' => values.helo.to_owned(),
            'c' => values.address.to_string(),
            // The receiver and its time are those of another machine.
            't' => "0".to_owned(),
            _ => "unknown".to_owned(),
        };
        let delimiters = if self.delimiters.is_empty() { "." } else { &self.delimiters };
        let mut parts: Vec<&str> = value.split(|c| delimiters.contains(c)).collect();
        if self.is_reversed {
            parts.reverse();
        }
        let left_out = if self.kept == 0 { 0 } else { parts.len().saturating_sub(self.kept) };
        let value = parts[left_out..].join(".");
        if !self.is_escaped {
            out.push_str(&value);
            return;
        }
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// The address as macro `i`: an IPv6 address as 32 nibbles.
fn dotted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            nibbles.map(|nibble| format!("{nibble:X}")).collect::<Vec<_>>().join(".")
        }
    }
}

/// Letters, digits and hyphens, of which at least one is not a digit.
fn is_top_level(label: &str) -> bool {
    let is_host = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_host
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().any(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::dns::zone::ip;

    fn expanded(text: &str, address: &str) -> String {
        let values = MacroValues {
            address: ip(address),
            local_part: "strong-bad",
            sender_domain: "email.example.com",
            domain: "email.example.com",
            helo: "mx.example.org",
            validated: "mx.example.org",
        };
        DomainSpec::macros(text, Use::Explanation).unwrap().text(&values)
    }

    #[test]
    fn the_examples_of_the_rfc_expand_as_printed_there() {
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{S}%%%_%-", "strong-bad%40email.example.com% %20"),
        ] {
            assert_eq!(expanded(text, "192.0.2.3"), expected, "{text}");
        }
        assert_eq!(
            expanded("%{ir}.%{v}", "2001:db8::cb01"),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6"
        );
    }

    #[test]
    fn an_expansion_has_a_limit() {
        let spec = DomainSpec::macros(&"%{o}.".repeat(100_000), Use::Domain).unwrap();
        let long = "a.".repeat(100);
        let values = MacroValues {
            address: ip("192.0.2.3"),
            local_part: "a",
            sender_domain: &long,
            domain: "example.com",
            helo: "",
            validated: "",
        };
        assert!(spec.domain(&values).len() <= LONGEST);
    }
}
