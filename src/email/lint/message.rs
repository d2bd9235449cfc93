//! Lints the bytes of a finished message: lines, header fields, encoded words (RFC 5322, RFC 2047, RFC 8058).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Report;

/// The longest line without its CRLF (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;
/// The longest header line that leaves relays room for additions.
const LONGEST_HEADER: usize = 900;
/// RFC 2047, 2.
const LONGEST_WORD: usize = 75;

const EXACTLY_ONCE: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "List-Id",
    "List-Unsubscribe",
];

pub(super) fn lint(bytes: &[u8], report: &mut Report) {
    line_ends(bytes, report);
    let longest =
        bytes.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).len()).max();
    if let Some(length) = longest.filter(|&length| length > LONGEST_LINE) {
        let message = format!("a line has {length} bytes, and mail servers reject more than {LONGEST_LINE}");
        report.error("letter-line-length", message, "shorten the longest address or name in the headers");
    }
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]);
    let fields = fields(&head);
    counts(&fields, report);
    for (name, value) in &fields {
        field(name, value, report);
    }
}

/// Bare CR or LF allow SMTP smuggling.
fn line_ends(bytes: &[u8], report: &mut Report) {
    let bare = memchr::memchr2_iter(b'\r', b'\n', bytes).any(|at| match bytes[at] {
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => at == 0 || bytes[at - 1] != b'\r',
    });
    if bare || memchr::memchr(0, bytes).is_some() {
        report.error(
            "letter-line-end",
            "the message contains a bare carriage return, a bare line feed or a NUL",
            "remove the character from the post or the template",
        );
    }
}

/// Names and raw values, continuation lines included.
fn fields(head: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in head.split("\r\n") {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push_str("\r\n");
                value.push_str(line);
            }
            _ => fields.extend(line.split_once(':').map(|(name, value)| (name, value.to_owned()))),
        }
    }
    fields
}

fn values<'a>(fields: &'a [(&str, String)], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
}

fn counts(fields: &[(&str, String)], report: &mut Report) {
    for name in EXACTLY_ONCE {
        let count = values(fields, name).count();
        if count != 1 {
            let message = format!("the message has {count} `{name}` fields instead of one");
            report.error(
                "letter-header-count",
                message,
                "set `newsletter.from` and send without extra headers",
            );
        }
    }
    let one_click = values(fields, "List-Unsubscribe-Post").count();
    let leads_to =
        |start: &str| values(fields, "List-Unsubscribe").any(|value| value.trim_start().starts_with(start));
    // A loopback URL is fine without TLS, for a trial on one machine.
    let here = ["<http://127.0.0.1:", "<http://localhost:", "<http://[::1]:"].into_iter().any(leads_to);
    let https = leads_to("<https://");
    if one_click > usize::from(https || here) {
        report.error(
            "letter-one-click",
            "one-click unsubscribe is announced without an https URL (RFC 8058)",
            "set `web.url` to a URL that begins with https://",
        );
    } else if !https {
        report.note(
            "letter-one-click",
            "there is no one-click unsubscribe, which Gmail and Yahoo require of large senders",
            "set `web.url` when `letterpress serve` runs at that address",
        );
    }
}

fn field(name: &str, value: &str, report: &mut Report) {
    let may_be_utf8 = name.eq_ignore_ascii_case("To") || name.eq_ignore_ascii_case("From");
    let is_invalid = value
        .chars()
        .any(|c| (c.is_control() && !matches!(c, '\r' | '\n' | '\t')) || !(c.is_ascii() || may_be_utf8));
    if is_invalid {
        report.error(
            "letter-header-bytes",
            format!("`{name}` contains a control character or an unencoded character"),
            "check the addresses in config.toml",
        );
    }
    let first = name.len() + 1;
    let longest =
        value.split("\r\n").enumerate().map(|(n, line)| line.len() + if n == 0 { first } else { 0 }).max();
    if let Some(length) = longest.filter(|&length| length > LONGEST_HEADER) {
        let message = format!("`{name}` has a line of {length} bytes that cannot be folded");
        report.error("letter-header-length", message, "a shorter address in config.toml");
    }
    for word in value.split_ascii_whitespace().filter(|word| word.starts_with("=?")) {
        if !is_sound(word) {
            report.error(
                "letter-encoded-word",
                format!("`{name}` contains the encoded word {word}, which is too long or splits a character"),
                "this is a bug in Letterpress; please report it with the title of the post",
            );
        }
    }
}

/// At most 75 characters, and whole characters inside (RFC 2047, 5).
fn is_sound(word: &str) -> bool {
    let payload = word
        .get(..10)
        .filter(|start| start.eq_ignore_ascii_case("=?utf-8?b?"))
        .and_then(|_| word[10..].trim_end_matches([',', ';']).strip_suffix("?="));
    let text = payload.and_then(|payload| STANDARD.decode(payload).ok());
    word.len() <= LONGEST_WORD && text.is_some_and(|text| std::str::from_utf8(&text).is_ok())
}
