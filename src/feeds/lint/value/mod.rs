//! Kinds of values, and the check of a single value against its kind.

mod dates;
mod language;
pub(super) mod uri;

use chrono::{DateTime, Utc};

pub(super) use dates::Form;

use super::findings::shown;
use super::html;
use super::rule::{
    BLANK, BOOLEAN, CHOICE, COORDINATE, DATE_ISO8601, DATE_RFC3339, DATE_W3C, DURATION, EMAIL, EMAIL_HOST,
    EMAIL_IN_TEXT, EMAIL_NAME, FORM_NAME, HTML_IN_TEXT, LANGUAGE, LINK, MIDNIGHT, MIME_TYPE, NSS, NUMBER,
    Rule, TIME_OF_DAY, TOO_LONG, UUID, WHITE_SPACE,
};

/// A rule that is violated, and how.
pub(super) type Violation = (Rule, String);

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Not blank.
    NonBlank,
    /// No white space around it.
    Bare,
    /// Text without markup.
    Plain,
    /// Text without an address in `<…>`.
    NoEmail,
    /// At most this number of characters.
    AtMost(usize),
    /// An address, relative or absolute; letters of any script are allowed.
    Iri,
    /// The same, but absolute.
    WholeIri,
    /// An address in ASCII, relative or absolute.
    Uri,
    /// The same, but absolute.
    WholeUri,
    /// `http:` or `https:`.
    WebUrl,
    /// In its canonical form, because it is compared byte by byte.
    Canonical,
    /// A date of RSS.
    Rfc822,
    /// A date of Atom.
    Rfc3339,
    /// A date of Dublin Core.
    W3c,
    /// A date of an event, which may be in the future.
    W3cAnyTime,
    /// The same, with an optional zone.
    IsoAnyTime,
    /// A date of a module, with an optional zone.
    Iso,
    /// A tag of BCP 47.
    Language,
    /// `type/subtype` with optional parameters.
    MimeType,
    /// `kim@example.com`.
    Email,
    /// `kim@example.com (Kim Minji)`.
    EmailWithName,
    /// The name-specific part of a URN.
    Nss,
    /// A whole number within a range.
    Number(i64, i64),
    /// A number with a fraction, 0 or more.
    Fraction,
    /// A number between minus this and plus this.
    Degrees(u8),
    /// Numbers separated by commas.
    Numbers,
    /// At least this number of pairs of numbers.
    Pairs(usize),
    /// One of these values, in any case.
    AnyCase(&'static [&'static str]),
    /// One of these values, in this case.
    Exactly(&'static [&'static str]),
    /// One of these values; any other violates this rule instead of `choice`.
    OneOf(&'static [&'static str], Rule),
    /// None of these words of an earlier version; each with the one that replaces it.
    NotFormer(&'static [(&'static str, &'static str)], Rule),
    /// A UUID (RFC 9562, 4).
    Uuid,
    /// Hours of a day.
    Hour,
    /// Seconds or `HH:MM:SS`.
    Duration,
    /// Normal play time (RFC 2326, 3.6).
    PlayTime,
    /// The name of a form field.
    FormName,
}

/// The context of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) now: DateTime<Utc>,
    /// RSS 2.0, whose profile recommends how to write `<` and `&`.
    pub(super) rss: bool,
    /// Part of it was written as `&#x26;`.
    pub(super) hexadecimal: bool,
    /// It is the value of an attribute, which is not trimmed.
    pub(super) attribute: bool,
}

impl Kind {
    /// The violation, if `raw` is not of this kind.
    pub(super) fn judge(self, raw: &str, setting: Setting) -> Option<Violation> {
        let value = if setting.attribute { raw } else { raw.trim() };
        match self {
            Self::NonBlank => value.trim().is_empty().then(|| (BLANK, "it is blank".to_owned())),
            Self::Bare => {
                (raw != value).then(|| (WHITE_SPACE, format!("white space around {}", shown(value))))
            }
            Self::Plain => plain(value, setting),
            Self::NoEmail => value
                .split('<')
                .skip(1)
                .any(|rest| rest.split_once('>').is_some_and(|(inner, _)| is_email(inner)))
                .then(|| (EMAIL_IN_TEXT, format!("{} contains an email address", shown(value)))),
            Self::AtMost(most) => {
                let length = value.chars().count();
                (length > most)
                    .then(|| (TOO_LONG, format!("{length} characters, but only {most} are allowed")))
            }
            Self::Iri => uri::judge(value, true, false),
            Self::WholeIri => uri::judge(value, true, true),
            Self::Uri => uri::judge(value, false, false),
            Self::WholeUri => uri::judge(value, false, true),
            Self::WebUrl => web_url(raw),
            Self::Canonical => uri::canonical(value),
            Self::Rfc822 => dates::rfc822(value, setting.now),
            Self::Rfc3339 => dates::iso(value, Form::Whole, DATE_RFC3339, Some(setting.now)),
            Self::W3c => dates::iso(value, Form::Parts, DATE_W3C, Some(setting.now)),
            Self::W3cAnyTime => dates::iso(value, Form::Parts, DATE_W3C, None),
            Self::IsoAnyTime => dates::iso(value, Form::Zoneless, DATE_ISO8601, None),
            Self::Iso => dates::iso(value, Form::Zoneless, DATE_ISO8601, Some(setting.now)),
            _ => self.judge_word(value),
        }
    }

    /// The kinds that need no context.
    fn judge_word(self, value: &str) -> Option<Violation> {
        let unless = |right: bool, rule: Rule, what: &str| {
            (!right).then(|| (rule, format!("{} is not {what}", shown(value))))
        };
        match self {
            Self::Language => unless(language::is_language(value), LANGUAGE, "a language tag"),
            Self::MimeType => unless(is_mime_type(value), MIME_TYPE, "a media type"),
            Self::Email => email(value),
            Self::EmailWithName => email_with_name(value),
            Self::Nss => unless(uri::is_nss(value), NSS, "a valid name in a URN"),
            Self::Number(least, most) => {
                let right = value.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number));
                unless(right, NUMBER, &range(least, most))
            }
            Self::Fraction => unless(is_fraction(value), NUMBER, "a number"),
            Self::Degrees(most) => {
                let right = value.parse::<f64>().is_ok_and(|degrees| degrees.abs() <= f64::from(most));
                unless(right, COORDINATE, &format!("a number from -{most} to {most}"))
            }
            Self::Numbers => {
                let number = |part: &str| {
                    let part = part.trim_start();
                    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
                };
                unless(value.split(',').all(number), NUMBER, "a list of numbers with commas between them")
            }
            Self::Pairs(least) => unless(are_pairs(value, least), COORDINATE, "a list of pairs of numbers"),
            Self::AnyCase(words) => {
                let right = words.iter().any(|word| word.eq_ignore_ascii_case(value));
                unless(right, BOOLEAN, &words.join(" or "))
            }
            Self::Exactly(words) => unless(words.contains(&value), BOOLEAN, &words.join(" or ")),
            Self::OneOf(words, rule) if words.len() > 12 => {
                unless(words.contains(&value), rule, "one of the allowed values")
            }
            Self::OneOf(words, rule) => unless(words.contains(&value), rule, &words.join(", ")),
            Self::NotFormer(words, rule) => {
                let known = words.iter().find(|(old, _)| old.eq_ignore_ascii_case(value));
                known.map(|(_, new)| (rule, format!("{} is now {new:?}", shown(value))))
            }
            Self::Uuid => unless(uri::is_uuid(value), UUID, "a UUID"),
            Self::Hour if value == "24" => Some((MIDNIGHT, "the hour 24".to_owned())),
            Self::Hour => {
                unless(value.parse::<u8>().is_ok_and(|hour| hour < 24), TIME_OF_DAY, "an hour from 0 to 23")
            }
            Self::Duration => unless(is_duration(value), DURATION, "a duration"),
            Self::PlayTime => {
                let right = value == "now" || is_fraction(value) || is_clock(value);
                unless(right, CHOICE, "a time such as 12.5 or 00:01:12")
            }
            Self::FormName => {
                let right = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                unless(right, FORM_NAME, "the name of a form field")
            }
            _ => None,
        }
    }
}

fn range(least: i64, most: i64) -> String {
    match (least, most) {
        (i64::MIN, _) => "a whole number".to_owned(),
        (_, i64::MAX) => format!("a whole number of at least {least}"),
        _ => format!("a whole number from {least} to {most}"),
    }
}

fn plain(value: &str, setting: Setting) -> Option<Violation> {
    if setting.hexadecimal {
        return None;
    }
    let what = if let Some(tag) = html::end_tag(value) {
        format!("</{tag}>")
    } else if let Some(reference) = html::character_reference(value) {
        format!("&{reference};")
    } else if setting.rss && html::begins_tag(value) {
        "a possible tag".to_owned()
    } else {
        return None;
    };
    Some((HTML_IN_TEXT, format!("{what} in text: {}", shown(value))))
}

fn web_url(raw: &str) -> Option<Violation> {
    // Attributes are not trimmed: an address does not begin with a space.
    let wrong = || Some((LINK, format!("{} is not an http or https address", shown(raw))));
    let Some(scheme) = uri::scheme(raw) else { return wrong() };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return wrong();
    }
    uri::judge(raw, false, true).or_else(|| {
        let host = raw.split("://").nth(1)?.split(['/', '?', '#', ':']).next()?;
        (!host.contains(['.', '['])).then(wrong)?
    })
}

fn is_email(value: &str) -> bool {
    email(value).is_none_or(|(rule, _)| rule.name == EMAIL_HOST.name)
}

/// An `addr-spec` of RFC 5322 without quotes and comments.
fn email(value: &str) -> Option<Violation> {
    let wrong = || Some((EMAIL, format!("{} is not an email address", shown(value))));
    let Some((local, domain)) = value.rsplit_once('@') else { return wrong() };
    let local_is_right =
        !local.is_empty() && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c));
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-') && !label.starts_with('-')
    };
    if !local_is_right || !domain.split('.').all(label) {
        return wrong();
    }
    (!domain.contains('.')).then(|| (EMAIL_HOST, format!("{} has no full domain", shown(value))))
}

fn email_with_name(value: &str) -> Option<Violation> {
    let decoded =
        value.strip_prefix("mailto:").map(|rest| uri::decoded(rest.split('?').next().unwrap_or_default()));
    let address = decoded.as_deref().unwrap_or(value);
    if let Some((_, rest)) = address.split_once('<') {
        return email(rest.trim_end_matches('>')).or(decoded
            .is_none()
            .then(|| (EMAIL_NAME, format!("{} has the name before the address", shown(value)))));
    }
    if matches!(address.find('@'), None | Some(0)) {
        return email(address);
    }
    if let Some((address, _)) = address.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        return email(address.trim());
    }
    Some((EMAIL_NAME, format!("{} has no name after the address", shown(value))))
}

fn is_mime_type(value: &str) -> bool {
    let mut parts = value.split(';');
    let Some((kind, subtype)) = parts.next().and_then(|essence| essence.trim_end().split_once('/')) else {
        return false;
    };
    is_token(kind)
        && is_token(subtype)
        && parts.all(|parameter| {
            let quoted =
                |value: &str| value.len() > 1 && value.starts_with('"') && value.trim_end().ends_with('"');
            let named = parameter.trim().split_once('=');
            named.is_some_and(|(name, value)| is_token(name) && (is_token(value) || quoted(value)))
        })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c))
}

/// `12` or `12.5`.
fn is_fraction(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    !whole.is_empty() && [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
}

fn are_pairs(value: &str, least: usize) -> bool {
    let mut count = 0;
    let numbers = value.split([' ', ',', '\n', '\t', '\r']).filter(|part| !part.is_empty());
    for number in numbers {
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        if !is_fraction(digits) {
            return false;
        }
        count += 1;
    }
    count % 2 == 0 && count >= least * 2
}

fn is_duration(value: &str) -> bool {
    let mut parts = value.split(':');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let sixty = |part: &str| part.len() == 2 && digits(part) && part < "60";
    parts.next().is_some_and(digits) && parts.clone().count() <= 2 && parts.all(sixty)
}

/// `0:01:12` or `0:01:12.5`.
fn is_clock(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    whole.split(':').count() == 3 && is_duration(whole) && is_fraction(fraction)
}

#[cfg(test)]
mod tests;
