//! Addresses and names: RFC 3986 and 3987, `tag:` (RFC 4151), `urn:` (RFC 8141).

use std::fmt::Write as _;

use url::Url;

use super::Violation;
use crate::feeds::lint::findings::shown;
use crate::feeds::lint::rule::{LINK, LINK_NOT_CANONICAL, LINK_SCHEME, URI_TAG, URI_URN};

/// The schemes of IANA's registry that feeds use.
const SCHEMES: &[&str] = &[
    "aaa",
    "aaas",
    "about",
    "acap",
    "acct",
    "bitcoin",
    "cap",
    "cid",
    "coap",
    "coaps",
    "crid",
    "data",
    "dav",
    "dict",
    "did",
    "dns",
    "doi",
    "ed2k",
    "facetime",
    "fax",
    "feed",
    "file",
    "ftp",
    "geo",
    "git",
    "go",
    "gopher",
    "h323",
    "http",
    "https",
    "iax",
    "icap",
    "im",
    "imap",
    "info",
    "ipfs",
    "ipns",
    "ipp",
    "ipps",
    "irc",
    "ircs",
    "iris",
    "itms",
    "jabber",
    "ldap",
    "ldaps",
    "lvlt",
    "magnet",
    "mailto",
    "matrix",
    "mid",
    "mms",
    "modem",
    "msrp",
    "msrps",
    "mtqp",
    "mumble",
    "mupdate",
    "mvn",
    "news",
    "nfs",
    "ni",
    "nih",
    "nntp",
    "opaquelocktoken",
    "payto",
    "pkcs11",
    "pop",
    "pres",
    "prospero",
    "reload",
    "rsync",
    "rtmp",
    "rtsp",
    "rtsps",
    "sftp",
    "service",
    "session",
    "shttp",
    "sieve",
    "sip",
    "sips",
    "skype",
    "sms",
    "snmp",
    "spotify",
    "ssh",
    "steam",
    "stun",
    "stuns",
    "svn",
    "tag",
    "tel",
    "telnet",
    "tftp",
    "thismessage",
    "tip",
    "tn3270",
    "turn",
    "turns",
    "tv",
    "udp",
    "urn",
    "vemmi",
    "view-source",
    "wais",
    "web3",
    "webcal",
    "ws",
    "wss",
    "wtai",
    "xcon",
    "xmpp",
    "xri",
];

/// Checks an address that may be relative and may contain letters of any script.
pub(in crate::feeds::lint) fn reference(value: &str) -> Option<Violation> {
    judge(value, true, false)
}

/// Checks an address; `iri` allows letters of any script, `whole` rejects relative addresses.
pub(super) fn judge(value: &str, iri: bool, whole: bool) -> Option<Violation> {
    if let Some(c) = value.chars().find(|&c| !allowed(c, iri)) {
        let rule = match scheme(value) {
            Some("tag") => URI_TAG,
            Some("urn") => URI_URN,
            _ => LINK,
        };
        return Some((rule, format!("{} contains {c:?}", shown(value))));
    }
    if broken_percent(value) {
        return Some((LINK, format!("{} contains a % without two hex digits", shown(value))));
    }
    let Some(scheme) = scheme(value) else {
        let wrong = whole || value.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        return wrong.then(|| (LINK, format!("{} is not an absolute address", shown(value))));
    };
    let rest = &value[scheme.len() + 1..];
    match scheme.to_ascii_lowercase().as_str() {
        "tag" => (!is_tag(rest)).then(|| (URI_TAG, format!("{} is not a tag URI", shown(value)))),
        "urn" => (!is_urn(rest)).then(|| (URI_URN, format!("{} is not a URN", shown(value)))),
        "http" | "https" | "ftp" => {
            let host = rest.strip_prefix("//").unwrap_or_default();
            let wrong = host.is_empty() || host.starts_with('/') || Url::parse(value).is_err();
            wrong.then(|| (LINK, format!("{} has no host", shown(value))))
        }
        _ if rest.is_empty() && whole => Some((LINK, format!("{} is not an absolute address", shown(value)))),
        known if SCHEMES.contains(&known) || known.contains(['.', '+', '-']) => brackets(value),
        _ => Some((LINK_SCHEME, format!("the scheme {scheme} is not registered"))),
    }
}

/// Square brackets are allowed only around an IPv6 address.
fn brackets(value: &str) -> Option<Violation> {
    value.contains(['[', ']']).then(|| (LINK, format!("{} contains a square bracket", shown(value))))
}

/// The text with its percent-escapes decoded.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The scheme, if there is one (RFC 3986, 3.1).
pub(super) fn scheme(value: &str) -> Option<&str> {
    let (scheme, _) = value.split_once(':')?;
    let right = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    right.then_some(scheme)
}

fn allowed(c: char, iri: bool) -> bool {
    c.is_ascii_alphanumeric()
        || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
        || (iri && !c.is_ascii() && !c.is_control() && !c.is_whitespace())
}

fn broken_percent(value: &str) -> bool {
    let bytes = value.as_bytes();
    memchr::memchr_iter(b'%', bytes)
        .any(|at| !bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}

/// `authority,date:specific`, after `tag:`.
fn is_tag(rest: &str) -> bool {
    let Some((entity, specific)) = rest.split_once(':') else { return false };
    let Some((authority, date)) = entity.split_once(',') else { return false };
    let (mailbox, domain) = authority.split_once('@').map_or((None, authority), |(m, d)| (Some(m), d));
    let labels = |text: &str, extra: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    let mut lengths = [4, 2, 2].into_iter();
    let is_date = date
        .split('-')
        .all(|part| lengths.next() == Some(part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    mailbox.is_none_or(|mailbox| labels(mailbox, "-._"))
        && labels(domain, "-.")
        && domain.bytes().all(|b| !b.is_ascii_uppercase())
        && is_date
        && !specific.contains(['[', ']'])
        && specific.matches('#').count() <= 1
}

/// `nid:nss`, after `urn:`.
fn is_urn(rest: &str) -> bool {
    let Some((nid, nss)) = rest.split_once(':') else { return false };
    let nid_is_right = (2..=32).contains(&nid.len())
        && nid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !nid.starts_with('-')
        && !nid.ends_with('-');
    if nid.eq_ignore_ascii_case("uuid") {
        return is_uuid(nss);
    }
    nid_is_right && !nss.is_empty() && !nss.starts_with('/') && !nss.contains(['[', ']'])
}

/// Whether `text` has the form of a UUID (RFC 9562, 4).
pub(super) fn is_uuid(text: &str) -> bool {
    let mut lengths = [8, 4, 4, 4, 12].into_iter();
    text.split('-')
        .all(|part| lengths.next() == Some(part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit()))
        && lengths.next().is_none()
}

/// Whether `text` is valid as the namespace-specific part of a URN.
pub(super) fn is_nss(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "()+,-.:=@;$_!*'/?#%".contains(c))
        && !broken_percent(text)
}

/// Checks an id that feed readers compare byte by byte (RFC 4287, 4.2.6.1; RFC 3986, 6.2).
pub(super) fn canonical(value: &str) -> Option<Violation> {
    let form = canonical_form(value)?;
    (form != value).then(|| (LINK_NOT_CANONICAL, format!("{} would be {}", shown(value), shown(&form))))
}

fn canonical_form(value: &str) -> Option<String> {
    let scheme = scheme(value)?;
    let lower = scheme.to_ascii_lowercase();
    let rest = percent(&value[scheme.len()..]);
    let Some(behind) = rest.strip_prefix("://") else { return Some(format!("{lower}{rest}")) };
    let end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
    let (authority, path) = behind.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let mut host = host.to_ascii_lowercase();
    let default = match lower.as_str() {
        "http" | "ws" => ":80",
        "https" | "wss" => ":443",
        "ftp" => ":21",
        _ => ":",
    };
    for end in [default, ":"] {
        if let Some(bare) = host.strip_suffix(end) {
            host.truncate(bare.len());
        }
    }
    let at = if user.is_empty() { String::new() } else { format!("{user}@") };
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, tail) = path.split_at(end);
    let path = if path.is_empty() && matches!(lower.as_str(), "http" | "https") {
        "/".to_owned()
    } else {
        without_dots(path)
    };
    Some(format!("{lower}://{at}{host}{path}{tail}"))
}

/// Normalises percent-escapes: upper case, and only where they are needed.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        let byte = behind.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
            }
            Some(byte) => drop(write!(out, "%{byte:02X}")),
            None => {
                out.push('%');
                rest = behind;
                continue;
            }
        }
        rest = &behind[2..];
    }
    out + rest
}

/// RFC 3986, 5.2.4.
fn without_dots(path: &str) -> String {
    if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." && kept.len() > 1 {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.join("/")
}
