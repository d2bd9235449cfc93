//! A returned message whose report is prose: qmail, Exim, Gmail, Exchange, Domino, KDDI and others write no
//! `message/delivery-status`, or write the reason only into the text beside it.
//!
//! Looks for a quoted reply (`550 5.1.1 …`) first, then for a known phrase. What is found becomes the diagnostic of a
//! [`DeliveryReport`]; [`crate::subscribers::bounces`] decides what it means. A text without either is left to a person.

use super::fields::Fields;
use super::mime::{Mail, Part, unstructured};
use super::{RETURNED, is};
use crate::html;
use crate::store::DeliveryReport;
use crate::subscribers::bounces::{Action, Meaning, Status, meaning, meanings};
use crate::text::{HeaderText, floor_char_boundary};

/// The longest text that is read, in bytes.
const MOST_TEXT: usize = 32 * 1024;
/// The longest piece of text around a reply, in bytes.
const MOST_REPLY: usize = 400;
/// A server that says "user unknown" of such a mailbox says too much.
const MILDER: [Meaning; 2] = [Meaning::Full, Meaning::Inactive];
/// How many replies are looked at.
const MOST_REPLIES: usize = 32;
/// The longest diagnostic, in bytes.
const MOST_DIAGNOSTIC: usize = 1024;

/// What a mail server wrote about a message.
pub(super) struct Notice {
    /// Its text, before the copy of the message.
    text: String,
    /// The head of the copy, if it is in the text.
    pub(super) returned: Fields,
}

/// What is quoted as the reason.
struct Evidence {
    diagnostic: String,
    status: Option<Status>,
    /// It is the reply of a server, and not only a phrase.
    is_reply: bool,
}

impl Notice {
    /// Reads the parts before the returned message.
    pub(super) fn read(mail: &Mail<'_>) -> Self {
        let own = || mail.parts.iter().take_while(|part| !is(part, &RETURNED));
        // A multipart without a boundary is text, too.
        let plain = |part: &&Part<'_>| part.kind == "text/plain" || part.kind.starts_with("multipart/");
        let mut text = String::new();
        for part in own().filter(plain) {
            text.push_str(clipped(&part.text(), MOST_TEXT.saturating_sub(text.len())));
            text.push('\n');
        }
        if text.trim().is_empty()
            && let Some(part) = own().find(|part| part.kind == "text/html")
        {
            let tree = html::parse(clipped(&part.text(), MOST_TEXT));
            let words = tree.below(html::Tree::ROOT).filter_map(|at| match tree.data(at) {
                html::Data::Text(text) => Some(text.as_str()),
                _ => None,
            });
            text = words.collect::<Vec<_>>().join("\n");
        }
        let (own, copy) = without_copy(&text);
        Self { returned: Fields::parse(copy.trim_start().as_bytes()), text: own.to_owned() }
    }

    /// The report, if a reason is known. `head` is the head of the mail.
    pub(super) fn report(&self, head: &Fields) -> Option<DeliveryReport> {
        let evidence = self.evidence()?;
        // A person's automatic reply may say that an address is no longer in use.
        if !evidence.is_reply && !is_from_server(head) {
            return None;
        }
        let is_permanent = evidence.is_reply && evidence.status.is_none_or(|status| status.class == 5);
        let action =
            if self.says(&[Meaning::Delayed]) && !is_permanent { Action::Delayed } else { Action::Failed };
        let recipient = head.get("x-failed-recipients").and_then(address).or_else(|| address(&self.text));
        Some(DeliveryReport { action, status: evidence.status, recipient, diagnostic: evidence.diagnostic })
    }

    /// Adds the reason in the text to a report that has none, or another one.
    pub(super) fn complete(&self, mut report: DeliveryReport) -> DeliveryReport {
        let is_clear = meaning(&report.diagnostic).is_some() || report.status.is_some_and(Status::is_precise);
        let is_wanted = !is_clear || self.says(&MILDER);
        if report.action == Action::Failed
            && is_wanted
            && let Some(evidence) = self.evidence()
        {
            report.diagnostic = printable(&format!("{} {}", report.diagnostic, evidence.diagnostic));
        }
        report
    }

    fn evidence(&self) -> Option<Evidence> {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let reply = replies(&text).find_map(known_reply).filter(|_| !self.says(&MILDER));
        reply.or_else(|| self.known_phrase(&text))
    }

    fn says(&self, wanted: &[Meaning]) -> bool {
        meanings(&self.text).iter().any(|found| wanted.contains(found))
    }

    fn known_phrase(&self, text: &str) -> Option<Evidence> {
        let found = meaning(text).filter(|found| *found != Meaning::Delayed)?;
        // The paragraph with the phrase, if it is in one.
        let paragraph = self.text.split("\n\n").find(|paragraph| meaning(paragraph) == Some(found));
        Some(Evidence {
            diagnostic: printable(paragraph.unwrap_or(text)),
            status: Status::find(text),
            is_reply: false,
        })
    }
}

/// The reply as a reason, if its code or its text is known.
fn known_reply(reply: &str) -> Option<Evidence> {
    let status = Status::find(reply);
    let class = if reply.starts_with('4') { 4 } else { 5 };
    let known = meaning(reply).filter(|found| *found != Meaning::Delayed);
    let is_clear = known.is_some() || status.is_some_and(Status::is_precise);
    let status = status.or((class == 4).then_some(Status { class, subject: 0, detail: 0 }));
    is_clear.then(|| Evidence { diagnostic: printable(reply), status, is_reply: true })
}

/// The quoted replies in a text: from a code to the next one.
fn replies(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let is_code = |at: usize| {
        let begins = at.checked_sub(1).is_none_or(|before| {
            let byte = bytes[before];
            !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-' | b',')
        });
        let code = bytes.get(at..at + 3).unwrap_or_default();
        begins
            && code.len() == 3
            && code.iter().all(u8::is_ascii_digit)
            && bytes.get(at + 3).is_some_and(|byte| matches!(byte, b' ' | b'-' | b':'))
    };
    let starts: Vec<usize> =
        memchr::memchr2_iter(b'4', b'5', bytes).filter(|at| is_code(*at)).take(MOST_REPLIES).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(move |(from, to)| clipped(&text[from..to], MOST_REPLY))
}

/// Splits off the copy of the message, which begins at a line of its head or after a line that announces it.
fn without_copy(text: &str) -> (&str, &str) {
    const ANNOUNCED: [&str; 13] = [
        "copy of the message",
        "copy of the original",
        "copy of your message",
        "original message follow",
        "message headers follow",
        "unsent message follow",
        "unsent message below",
        "original message",
        "header of the original",
        "headers of the original",
        "original headers",
        "returned message",
        "原文",
    ];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let lower = line.trim().to_lowercase();
        if ["received:", "return-path:"].iter().any(|name| lower.starts_with(name)) {
            return (&text[..at], &text[at..]);
        }
        at += line.len();
        // "The original message was received at …" is the beginning of a notice.
        let announces =
            ANNOUNCED.iter().any(|phrase| lower.contains(phrase)) && !lower.contains("was received");
        if announces && lower.chars().count() < 80 && at > line.len() {
            return (&text[..at - line.len()], &text[at..]);
        }
    }
    (text, "")
}

/// Whether a mail server wrote the mail, by its head.
pub(super) fn is_from_server(head: &Fields) -> bool {
    is_surely_from_server(head) || has_null_path(head) || has_subject_of_bounce(head)
}

/// Whether no person's automatic reply has such a head.
pub(super) fn is_surely_from_server(head: &Fields) -> bool {
    const SENDERS: [&str; 9] = [
        "mailer-daemon",
        "mailer daemon",
        "maildaemon",
        "postmaster",
        "post_master",
        "mail delivery",
        "mail deliver system",
        "delivery subsystem",
        "@sns.amazonaws.com",
    ];
    let from = head.get("from").unwrap_or_default().to_ascii_lowercase();
    let path = head.get("return-path").unwrap_or_default().to_ascii_lowercase();
    let kind = head.get("content-type").unwrap_or_default().to_ascii_lowercase();
    head.get("x-failed-recipients").is_some()
        || SENDERS.iter().any(|sender| from.contains(sender))
        || path.contains("mailer-daemon")
        || kind.contains("report-type=delivery-status")
}

/// The null reverse-path of RFC 5321, 4.5.5.
pub(super) fn has_null_path(head: &Fields) -> bool {
    head.get("return-path").is_some_and(|path| path.trim() == "<>")
}

fn has_subject_of_bounce(head: &Fields) -> bool {
    const SUBJECTS: [&str; 28] = [
        "undeliver",
        "delivery status",
        "delivery fail",
        "delivery notification",
        "delivery error",
        "delivery has failed",
        "failed delivery",
        "failure notice",
        "mail failure",
        "mail error",
        "mail system error",
        "mail delivery",
        "returned mail",
        "returned to sender",
        "not be delivered",
        "nicht zugestellt",
        "unzustellbar",
        "non remis",
        "no entregado",
        "не доставлен",
        "недоставлен",
        "退信",
        "退回",
        "반송",
        "배달",
        "エラー通知",
        "送信できません",
        "配信できません",
    ];
    let subject = unstructured(head.get("subject").unwrap_or_default()).to_lowercase();
    SUBJECTS.iter().any(|phrase| subject.contains(phrase))
}

/// The first address in a text, without a token of ours.
fn address(text: &str) -> Option<String> {
    let is_edge = |c: char| !c.is_alphanumeric() && !matches!(c, '+' | '_');
    let found =
        text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')'));
    found
        .map(|word| word.trim_matches(is_edge))
        .filter(|word| {
            word.len() <= 254 && word.split_once('@').is_some_and(|(_, domain)| domain.contains('.'))
        })
        .find(|word| !word.contains("v1."))
        .map(printable)
}

/// One line without control characters.
fn printable(raw: &str) -> String {
    let text = HeaderText::lossy(raw).map(String::from).unwrap_or_default();
    clipped(&text, MOST_DIAGNOSTIC).to_owned()
}

fn clipped(text: &str, most: usize) -> &str {
    &text[..floor_char_boundary(text, most)]
}
