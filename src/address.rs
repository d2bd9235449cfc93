//! Email addresses: parsed once by a small grammar, compared in normalised form, masked when printed.
//!
//! Quoted local parts, comments, routes and groups are rejected: parsers disagree about them, so mail could go to the
//! wrong mailbox. No DNS query is made, and nothing is corrected silently.

mod mailbox;
mod warning;

use std::borrow::Cow;
use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use mailbox::Mailbox;
pub use warning::AddressWarning;

/// The most bytes of a local part (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The most bytes of an address: a path of 256 without its angle brackets (RFC 5321, 4.5.3.1.3).
const MAX_ADDRESS: usize = 254;

/// An address that every mail server interprets in the same way: a dot-atom local part and a domain in A-labels.
///
/// Two addresses that differ only in case or in the domain's spelling (`예시.한국`, `xn--…`) are equal.
#[derive(Debug, Clone)]
pub struct EmailAddress {
    written: String,
    normal: String,
}

/// Why a string is not an [`EmailAddress`] or a [`Mailbox`], and how to fix it. No variant contains the address, so
/// that a log of errors does not contain it either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Only spaces.
    #[error("it is empty; write an address such as name@example.com")]
    Empty,
    /// CR, LF, NUL and their like.
    #[error("it contains the control character U+{0:04X}; type the address again")]
    Control(u32),
    /// A zero-width or bidirectional character.
    #[error("it contains the invisible character U+{0:04X}; type the address instead of pasting it")]
    Invisible(u32),
    /// A space, tab or no-break space inside.
    #[error("it contains a space; remove it")]
    Space,
    /// No `@`.
    #[error("there is no @ in it; write an address such as name@example.com")]
    NoAt,
    /// The `＠` of an input method.
    #[error("it contains the full-width {0}; type a plain @")]
    FullWidthAt(char),
    /// More than one `@` without a separator between two addresses.
    #[error("it contains more than one @; write one address")]
    ManyAts,
    /// Two addresses, or a group.
    #[error("it is more than one address; write one address in each place")]
    Several,
    /// `Name <a@b>` where only an address is allowed.
    #[error("it holds < or >; write the address alone and put the name into the name column")]
    Brackets,
    /// `mailto:a@b`.
    #[error("it begins with mailto:; write the address alone")]
    Mailto,
    /// A dot, comma or semicolon after the address.
    #[error("it ends with {0:?}; remove that")]
    TrailingMark(char),
    /// `"a b"@c`.
    #[error(
        "it contains a quotation mark; quoted addresses are not supported, because servers disagree about them"
    )]
    Quoted,
    /// `a(comment)@b`.
    #[error("it contains a comment in parentheses; remove that")]
    Comment,
    /// `@x:a@b` or `group:a@b;`.
    #[error("it contains a colon, as in a route or a group; write one plain address")]
    Route,
    /// `a%b@c` or `a!b@c`.
    #[error("it contains {0:?} before the @, which some servers interpret as a route; use another address")]
    Relay(char),
    /// `=?utf-8?q?…?=@c`.
    #[error("it is an encoded word; write the address or the name itself")]
    EncodedWord,
    /// Nothing before the `@`.
    #[error("there is nothing before the @; write an address such as name@example.com")]
    NoLocalPart,
    /// `.a@`, `a.@`, `a..b@`.
    #[error("the part before the @ begins or ends with a dot, or contains two in a row")]
    Dots,
    /// A full-width or otherwise styled form of an ASCII character.
    #[error("it contains {0:?}, a styled form of {1:?}; type the plain character")]
    Styled(char, String),
    /// A character that is not allowed before the `@`.
    #[error(
        "the part before the @ contains {0:?}; only letters, digits and characters such as . - _ + are allowed"
    )]
    LocalCharacter(char),
    /// The local part is too long.
    #[error("the part before the @ has {0} bytes; no more than 64 are allowed")]
    LongLocalPart(usize),
    /// The whole is too long.
    #[error("it has {0} bytes; no more than 254 are allowed")]
    Long(usize),
    /// Nothing after the `@`.
    #[error("there is nothing after the @; write an address such as name@example.com")]
    NoDomain,
    /// `a@b`.
    #[error("there is no dot behind the @; write the whole domain, such as example.com")]
    BareHost,
    /// `a@127.0.0.1`, `a@[::1]`, `a@example.123`.
    #[error("there is an IP address or a number after the @; write a domain, such as example.com")]
    Number,
    /// Not a valid domain (UTS #46 with STD3 rules).
    #[error(
        "the part after the @ is not a domain; only letters, digits and inner hyphens are allowed between its dots"
    )]
    Domain,
    /// An ambiguous display name.
    #[error("there is a {0:?} in the name; put the name into quotation marks: \"Kim, M.\" <kim@example.com>")]
    NameNeedsQuotes(char),
    /// `Kim <a@b> x`, `"Kim <a@b>`, an unclosed bracket.
    #[error("it is not of the form Name <name@example.com>")]
    Mailbox,
}

impl EmailAddress {
    /// Parses an address. Only spaces around it are removed.
    pub fn parse(raw: &str) -> Result<Self, AddressError> {
        let raw = raw.trim_matches(' ');
        reject_mistakes(raw)?;
        let (local, domain) = raw.split_once('@').ok_or(AddressError::NoAt)?;
        let local =
            if local.is_ascii() { Cow::from(local) } else { Cow::from(local.nfc().collect::<String>()) };
        check_local(&local)?;
        let domain = ascii_domain(domain)?;
        let folded = fold(&local);
        let (longest, total) = (local.len().max(folded.len()), domain.len() + 1);
        if longest > MAX_LOCAL {
            return Err(AddressError::LongLocalPart(longest));
        }
        if longest + total > MAX_ADDRESS {
            return Err(AddressError::Long(longest + total));
        }
        let [written, normal] = [&*local, &folded].map(|local| [local, "@", &domain].concat());
        Ok(Self { written, normal })
    }

    /// The form for the envelope and the `To` header: local part as typed, domain in A-labels.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The key for comparison: NFC, lower case, domain in A-labels. `+tags` and dots are significant.
    pub fn normalised(&self) -> &str {
        &self.normal
    }

    /// One key for all spellings that a provider delivers to one mailbox: without a `+tag`, and at Gmail without
    /// dots. This is a guess, used for rate limits only: subscribers with such addresses stay separate.
    pub fn one_mailbox(&self) -> String {
        let (local, domain) = self.normal.split_once('@').unwrap_or((&self.normal, ""));
        let local = local.split('+').next().filter(|local| !local.is_empty()).unwrap_or(local);
        match domain {
            "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
            _ => format!("{local}@{domain}"),
        }
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.written.split_once('@').map_or("", |(local, _)| local)
    }

    /// The domain in A-labels, lower case.
    pub fn domain(&self) -> &str {
        self.normal.split_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether the local part needs SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.written.is_ascii()
    }

    /// `k…@example.com`, for logs.
    pub fn masked(&self) -> String {
        let first: String = self.local_part().chars().take(1).collect();
        format!("{first}…@{}", self.domain())
    }
}

/// A local part in lower case.
fn fold(local: &str) -> String {
    if local.is_ascii() {
        return local.to_ascii_lowercase();
    }
    // Character by character: the contextual final sigma would make equality depend on the neighbours.
    local.chars().flat_map(char::to_lowercase).nfc().collect()
}

/// Whether an address has only characters that are in no mistake, which is quick to see and true of most.
fn is_plain(raw: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+@".contains(&byte);
    raw.bytes().all(is_known) && raw.matches('@').count() == 1 && !raw.ends_with('.')
}

/// Rejects typical mistakes, each with its own error. A text that passes is one word with one `@`.
fn reject_mistakes(raw: &str) -> Result<(), AddressError> {
    if is_plain(raw) {
        return Ok(());
    }
    if raw.is_empty() {
        return Err(AddressError::Empty);
    }
    refuse_unseen(raw)?;
    if let Some(at) = raw.chars().find(|c| matches!(c, '＠' | '﹫')) {
        return Err(AddressError::FullWidthAt(at));
    }
    if raw.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
        return Err(AddressError::Mailto);
    }
    if raw.contains('"') {
        return Err(AddressError::Quoted);
    }
    let ats = raw.matches('@').count();
    let separated = raw.contains([',', ';', '、', '，', '；']);
    if ats > 1 && separated {
        return Err(AddressError::Several);
    }
    if raw.contains(['<', '>']) {
        return Err(AddressError::Brackets);
    }
    if raw.contains(['(', ')']) {
        return Err(AddressError::Comment);
    }
    if raw.contains('[') {
        return Err(AddressError::Number);
    }
    if raw.contains(':') {
        return Err(AddressError::Route);
    }
    if ats > 1 {
        return Err(if raw.contains(char::is_whitespace) {
            AddressError::Several
        } else {
            AddressError::ManyAts
        });
    }
    if let Some(mark) = raw.chars().next_back().filter(|c| matches!(c, '.' | ',' | ';' | '。' | '、')) {
        return Err(AddressError::TrailingMark(mark));
    }
    if raw.contains(char::is_whitespace) {
        return Err(AddressError::Space);
    }
    Ok(())
}

/// Rejects invisible characters: control, zero-width, bidirectional and other ignorable ones.
fn refuse_unseen(raw: &str) -> Result<(), AddressError> {
    if let Some(c) = raw.chars().find(|c| c.is_control()) {
        return Err(AddressError::Control(u32::from(c)));
    }
    if raw.is_ascii() {
        return Ok(());
    }
    raw.chars().find(|&c| is_unseen(c)).map_or(Ok(()), |c| Err(AddressError::Invisible(u32::from(c))))
}

/// Unicode's default-ignorable characters, line separators and the Hangul fillers.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// A dot-atom (RFC 5322, 3.2.3) without `!` and `%`, with the letters of every script (RFC 6531).
fn check_local(local: &str) -> Result<(), AddressError> {
    if local.is_empty() {
        return Err(AddressError::NoLocalPart);
    }
    if local.starts_with("=?") {
        return Err(AddressError::EncodedWord);
    }
    if local.split('.').any(str::is_empty) {
        return Err(AddressError::Dots);
    }
    if let Some(mark) = local.chars().find(|c| matches!(c, '%' | '!')) {
        return Err(AddressError::Relay(mark));
    }
    let mut before = '.';
    for c in local.chars() {
        let allowed = if c.is_ascii() {
            c.is_ascii_alphanumeric() || ".#$&'*+-/=?^_`{|}~".contains(c)
        } else {
            let plain: String = std::iter::once(c).nfkc().collect();
            if plain.is_ascii() {
                return Err(AddressError::Styled(c, plain));
            }
            // A combining mark without a letter would combine with the dot or with the text before the address.
            c.is_alphanumeric() || (is_combining_mark(c) && before != '.')
        };
        if !allowed {
            return Err(AddressError::LocalCharacter(c));
        }
        before = c;
    }
    Ok(())
}

/// The domain in A-labels (UTS #46 with STD3 rules; given A-labels are verified).
fn ascii_domain(domain: &str) -> Result<Cow<'_, str>, AddressError> {
    if domain.is_empty() {
        return Err(AddressError::NoDomain);
    }
    // Not `Hyphens::Check`: domains such as `r3---example.com` are older than that rule and receive mail.
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| AddressError::Domain)?;
    match ascii.rsplit_once('.') {
        None => Err(AddressError::BareHost),
        Some((_, top)) if top.bytes().all(|byte| byte.is_ascii_digit()) => Err(AddressError::Number),
        Some(_) => Ok(ascii),
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for EmailAddress {}

impl std::hash::Hash for EmailAddress {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(raw: &str) -> Result<String, AddressError> {
        EmailAddress::parse(raw).map(|address| address.as_str().to_owned())
    }

    #[test]
    fn plain_addresses_are_accepted_as_typed() {
        for raw in [
            "kim@example.com",
            "Kim.M+news@Mail.example.co.kr",
            "o'hara@example.com",
            "1@2.example",
            "a@r3---x.example",
        ] {
            let (local, domain) = raw.split_once('@').unwrap();
            assert_eq!(parse(raw).unwrap(), format!("{local}@{}", domain.to_lowercase()), "{raw}");
        }
    }

    #[test]
    fn only_spaces_around_an_address_are_removed() {
        assert_eq!(parse("  kim@example.com ").unwrap(), "kim@example.com");
        assert_eq!(parse("kim@example.com\t"), Err(AddressError::Control(9)));
        assert_eq!(parse("kim@example.com\u{A0}"), Err(AddressError::Space));
        assert_eq!(parse("   "), Err(AddressError::Empty));
    }

    #[test]
    fn line_breaks_and_invisible_characters_are_rejected() {
        assert_eq!(parse("a\r\nRCPT TO:<x>@example.com"), Err(AddressError::Control(13)));
        assert_eq!(parse("a\0@example.com"), Err(AddressError::Control(0)));
        for c in
            ['\u{200B}', '\u{200D}', '\u{202E}', '\u{2066}', '\u{FEFF}', '\u{AD}', '\u{3164}', '\u{E0041}']
        {
            assert_eq!(parse(&format!("a{c}b@example.com")), Err(AddressError::Invisible(u32::from(c))));
            assert_eq!(parse(&format!("a@exa{c}mple.com")), Err(AddressError::Invisible(u32::from(c))));
        }
    }

    #[test]
    fn forms_that_parsers_disagree_about_are_rejected() {
        for (raw, error) in [
            ("\"a>b\"@example.com", AddressError::Quoted),
            ("\"a b\"@example.com", AddressError::Quoted),
            ("\"x@evil\" @host", AddressError::Quoted),
            ("a(c)@b.example", AddressError::Comment),
            ("@x:a@b.example", AddressError::Route),
            ("group:a@b.example;", AddressError::Route),
            ("=?utf-8?q?abc?=@x.example", AddressError::EncodedWord),
            ("a%b@c.example", AddressError::Relay('%')),
            ("host!a@c.example", AddressError::Relay('!')),
            ("a@b@c.example", AddressError::ManyAts),
        ] {
            assert_eq!(parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn common_mistakes_are_named() {
        for (raw, error) in [
            ("kim＠example.com", AddressError::FullWidthAt('＠')),
            ("kim@example.com.", AddressError::TrailingMark('.')),
            ("kim@example.com,", AddressError::TrailingMark(',')),
            ("MailTo:kim@example.com", AddressError::Mailto),
            ("kim m@example.com", AddressError::Space),
            ("Kim <kim@example.com>", AddressError::Brackets),
            ("<a@b.c>", AddressError::Brackets),
            ("a@b.example;c@d.example", AddressError::Several),
            ("a@b.example c@d.example", AddressError::Several),
            ("kim.example.com", AddressError::NoAt),
            ("@example.com", AddressError::NoLocalPart),
            ("kim@", AddressError::NoDomain),
            (".a@b.example", AddressError::Dots),
            ("a.@b.example", AddressError::Dots),
            ("a..b@b.example", AddressError::Dots),
            ("ａ@example.com", AddressError::Styled('ａ', "a".to_owned())),
            ("a→b@example.com", AddressError::LocalCharacter('→')),
        ] {
            assert_eq!(parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn a_domain_is_a_name_with_a_dot() {
        for (raw, error) in [
            ("a@b", AddressError::BareHost),
            ("a@127.0.0.1", AddressError::Number),
            ("a@[127.0.0.1]", AddressError::Number),
            ("a@example.123", AddressError::Number),
            ("a@exa_mple.com", AddressError::Domain),
            ("a@-b.com", AddressError::Domain),
            ("a@b-.com", AddressError::Domain),
            ("a@b..com", AddressError::Domain),
            ("a@.com", AddressError::Domain),
            ("x@xn--a.com", AddressError::Domain),
        ] {
            assert_eq!(parse(raw), Err(error), "{raw}");
        }
        assert_eq!(parse(&format!("a@{}.com", "b".repeat(64))), Err(AddressError::Domain));
    }

    #[test]
    fn a_domain_of_another_script_is_sent_in_a_labels_and_needs_no_smtputf8() {
        let address = EmailAddress::parse("user@예시.한국").unwrap();
        assert_eq!(address.as_str(), "user@xn--vv4b11d.xn--3e0b707e");
        assert!(!address.needs_smtputf8());
        assert_eq!(address, EmailAddress::parse("USER@xn--vv4b11d.xn--3e0b707e").unwrap());
    }

    #[test]
    fn a_local_part_of_another_script_is_composed_and_needs_smtputf8() {
        let (composed, decomposed) =
            ("한글@example.com", "\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}@example.com");
        let address = EmailAddress::parse(decomposed).unwrap();
        assert_eq!(address.as_str(), composed);
        assert!(address.needs_smtputf8());
        assert_eq!(parse("\u{301}a@example.com"), Err(AddressError::LocalCharacter('\u{301}')));
    }

    #[test]
    fn lengths_are_counted_in_bytes() {
        let long = "a".repeat(64);
        assert!(parse(&format!("{long}@example.com")).is_ok());
        assert_eq!(parse(&format!("{long}a@example.com")), Err(AddressError::LongLocalPart(65)));
        assert_eq!(parse(&format!("{}@example.com", "한".repeat(22))), Err(AddressError::LongLocalPart(66)));
        let label = "b".repeat(62);
        assert_eq!(parse(&format!("{long}@{label}.{label}.{label}.c")), Err(AddressError::Long(255)));
        assert!(parse(&format!("{}@{label}.{label}.{label}.c", &long[1..])).is_ok());
    }

    #[test]
    fn addresses_are_equal_without_regard_to_case_but_not_to_tags_and_dots() {
        let address = |raw| EmailAddress::parse(raw).unwrap();
        assert_eq!(address("A@Example.COM"), address("a@example.com"));
        assert_eq!(address("A@Example.COM").as_str(), "A@example.com");
        assert_ne!(address("a.b@example.com"), address("ab@example.com"));
        assert_ne!(address("a+x@example.com"), address("a@example.com"));
    }

    #[test]
    fn a_masked_address_shows_one_character_and_the_domain() {
        assert_eq!(EmailAddress::parse("kim.m@example.com").unwrap().masked(), "k…@example.com");
        assert_eq!(EmailAddress::parse("한글@example.com").unwrap().masked(), "한…@example.com");
    }

    proptest! {
        #[test]
        fn no_input_panics_and_an_accepted_address_contains_no_special_characters(raw in "[ -~]{0,12}@?[a-z가-힣İΣⱥ.\\-]{0,12}|\\PC{0,30}") {
            if let Ok(address) = EmailAddress::parse(&raw) {
                let text = address.as_str();
                prop_assert!(!text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()\\[]".contains(c)));
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(text.len() <= MAX_ADDRESS && address.domain().is_ascii());
            }
        }

        #[test]
        fn a_printed_or_normalised_address_parses_to_the_same_address(
            local in "[a-zA-Z0-9가-힣À-ʯΑ-Ωж-я+_-]{1,20}(\\.[a-zA-Zİẞ]{1,5})?", domain in "[a-zA-Z가-힣ぁ-ん0-9]{1,9}\\.[a-z]{2,4}",
        ) {
            let address = EmailAddress::parse(&format!("{local}@{domain}"));
            prop_assume!(address.is_ok());
            let address = address.unwrap();
            let printed = EmailAddress::parse(&address.to_string()).unwrap();
            prop_assert_eq!(printed.as_str(), address.as_str());
            let normal = EmailAddress::parse(address.normalised()).unwrap();
            prop_assert_eq!(normal.normalised(), address.normalised());
            prop_assert_eq!(normal, address);
        }
    }
}
