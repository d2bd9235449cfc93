//! Lints an issue and one finished message of it before anything is sent.
//!
//! An error is something that mail servers reject or subscribers must not get. Problems of reputation or appearance are
//! warnings.

mod clients;
mod message;
mod origin;
mod page;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use page::text_of as page_text;

pub use origin::Origin;

use super::{MessageTemplate, Placeholder, TemplatePart};
use crate::finding::Finding;

/// Gmail clips the HTML part after about this many bytes.
const CLIPPED: usize = 102_400;
/// Room for a subscriber's name and the longer URLs of a test message.
pub(super) const NEARLY_CLIPPED: usize = 90_000;
/// rspamd's `LONG_SUBJ` begins at 200; phones show 40.
const LONG_SUBJECT: usize = 150;

/// Replaces a subscriber's own URL in the linted page: `.invalid` is never a real host (RFC 2606).
const UNSUBSCRIBE: &str = "https://unsubscribe.invalid/";

/// Lints `template` and `message`, one finished message of it.
pub fn lint(template: &MessageTemplate, message: &[u8], origin: &Origin<'_>) -> Vec<Finding> {
    let mut report = Report { origin, findings: Vec::new() };
    subject(template.subject.as_str(), &mut report);
    sender(template, &mut report);
    text(template, &mut report);
    html(template, &mut report);
    message::lint(message, &mut report);
    report.findings
}

struct Report<'a> {
    origin: &'a Origin<'a>,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn error(&mut self, rule: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding::error(rule, self.origin.file(), message).hint(hint));
    }

    fn note(&mut self, rule: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding::note(rule, self.origin.file(), message).hint(hint));
    }

    fn warning(&mut self, rule: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding::warning(rule, self.origin.file(), message).hint(hint));
    }
}

fn subject(subject: &str, report: &mut Report) {
    let length = subject.chars().count();
    if length > LONG_SUBJECT {
        let message =
            format!("the subject has {length} characters, and most mail programs truncate it at 70");
        report.warning("letter-subject-length", message, "a shorter title, or `newsletter.subject`");
    }
    let letters: Vec<char> = subject.chars().filter(|c| c.is_alphabetic()).collect();
    let shouted =
        letters.iter().all(|c| c.is_uppercase()) && letters.iter().filter(|c| c.is_ascii()).count() > 9;
    if shouted {
        report.warning(
            "letter-subject-capitals",
            "the subject is all capitals, which spam filters count",
            "write it as a sentence",
        );
    }
    let start = subject.to_lowercase();
    if ["re:", "fw:", "fwd:"].iter().any(|prefix| start.starts_with(prefix)) {
        report.warning(
            "letter-subject-reply",
            "the subject looks like a reply, which spam filters count",
            "leave out `Re:` or `Fwd:`",
        );
    }
}

fn sender(template: &MessageTemplate, report: &mut Report) {
    let field = |name: &str| template.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let is_no_reply = field("From").is_some_and(|(_, from)| {
        let from = from.to_ascii_lowercase();
        ["noreply@", "no-reply@", "donotreply@", "do-not-reply@"].iter().any(|local| from.contains(local))
    });
    if is_no_reply && field("Reply-To").is_none() {
        report.warning(
            "letter-no-reply",
            "subscribers cannot reply: the sender is a no-reply address",
            "set `newsletter.reply_to` to a mailbox that you read",
        );
    }
}

fn text(template: &MessageTemplate, report: &mut Report) {
    let text = whole(&template.text);
    if fixed(&template.text).trim().is_empty() {
        report.error("letter-text", "the text part is empty", "print {{ post.content_text }} in body.txt");
    }
    must_have_unsubscribe(&template.text, "body.txt", report);
    control_characters(&text, "text", report);
    // Indented lines are code and may contain tags.
    let leftover = text.lines().filter(|line| !line.starts_with("    ")).find_map(|line| {
        ["<p>", "</p>", "<br", "</div>", "</a>", "<span", "&nbsp;", "&amp;", "&lt;", "&quot;"]
            .into_iter()
            .find(|tag| line.contains(tag))
    });
    if let Some(leftover) = leftover {
        report.warning(
            "letter-text-html",
            format!("the text part contains `{leftover}`"),
            "print {{ post.content_text }}, or put the tag in the post between backticks",
        );
    }
}

fn html(template: &MessageTemplate, report: &mut Report) {
    let html = whole(&template.html);
    if fixed(&template.html).trim().is_empty() {
        report.error("letter-html", "the HTML part is empty", "print {{ post.content_html }} in body.html");
    }
    must_have_unsubscribe(&template.html, "body.html", report);
    control_characters(&html, "HTML", report);
    size(&html, report);
    page::lint(&html, report);
    clients::lint(&html, report);
}

/// A clipped email can still be opened in full, so its size is only a warning. A clipped unsubscribe link is an error.
fn size(html: &str, report: &mut Report) {
    let bytes = html.len();
    if bytes > CLIPPED {
        let message =
            format!("the HTML part has {bytes} bytes: Gmail shows about {CLIPPED} and hides the rest");
        report.warning(
            "letter-size",
            message,
            "a shorter post, or move long code and tables to a page of their own",
        );
        if html.find(UNSUBSCRIBE).is_some_and(|at| at > CLIPPED) {
            report.error(
                "letter-size-unsubscribe",
                "the only unsubscribe link is in the part that Gmail hides",
                "print {{ unsubscribe_url }} near the top of body.html too",
            );
        }
    } else if bytes > NEARLY_CLIPPED {
        let message = format!("the HTML part has {bytes} bytes, and Gmail hides everything after {CLIPPED}");
        report.warning("letter-size", message, "check that nothing important is at the end");
    }
}

fn must_have_unsubscribe(part: &[TemplatePart], template: &str, report: &mut Report) {
    if !part.contains(&TemplatePart::Placeholder(Placeholder::Unsubscribe)) {
        report.error(
            "letter-unsubscribe",
            format!("{template} contains no unsubscribe link"),
            "print {{ unsubscribe_url }} in it",
        );
    }
}

fn control_characters(part: &str, name: &str, report: &mut Report) {
    let found = part.chars().find(|&c| c.is_control() && !matches!(c, '\n' | '\t'));
    if let Some(c) = found {
        let message = format!("the {name} part contains the control character U+{:04X}", u32::from(c));
        report.error("letter-control", message, "remove it from the post or the template");
    }
}

/// A part as a subscriber without a name gets it.
fn whole(pieces: &[TemplatePart]) -> String {
    let filled = pieces.iter().map(|piece| match piece {
        TemplatePart::Fixed(text) => text.as_str(),
        TemplatePart::Placeholder(Placeholder::Unsubscribe) => UNSUBSCRIBE,
        TemplatePart::Placeholder(_) => "",
    });
    filled.collect()
}

fn fixed(pieces: &[TemplatePart]) -> String {
    pieces
        .iter()
        .filter_map(|piece| if let TemplatePart::Fixed(text) = piece { Some(text.as_str()) } else { None })
        .collect()
}
