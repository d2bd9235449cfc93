//! What the page says about an email: header fields with explanations, and the row in an inbox. Pure.

use unicode_width::UnicodeWidthChar as _;

/// The fields of our messages: name as written, one sentence, and the standard.
const FIELDS: [(&str, &str, &str); 21] = [
    ("From", "The name and the address that subscribers see as the sender.", "RFC 5322, 3.6.2"),
    ("To", "The one subscriber to whom this copy goes.", "RFC 5322, 3.6.3"),
    ("Reply-To", "Where replies go, if not to the sender.", "RFC 5322, 3.6.2"),
    ("Subject", "The line that inboxes show in bold.", "RFC 5322, 3.6.5"),
    ("Date", "When this delivery was scheduled; a retry keeps it.", "RFC 5322, 3.6.1"),
    (
        "Message-ID",
        "The name of this message, by which a relay's log and a bounce can be matched.",
        "RFC 5322, 3.6.4",
    ),
    ("List-Id", "The name of the newsletter, by which mail programs filter and group it.", "RFC 2919"),
    ("List-Archive", "Where earlier issues can be read.", "RFC 2369, 3.6"),
    ("List-Unsubscribe", "How to unsubscribe; mail programs show a button for it.", "RFC 2369, 3.2"),
    ("List-Unsubscribe-Post", "That the button may unsubscribe at once, without a page.", "RFC 8058"),
    ("Precedence", "That this is bulk mail, so that vacation replies are not sent to it.", "RFC 3834, 2"),
    ("Auto-Submitted", "That a program wrote this, so that no program answers it.", "RFC 3834, 5"),
    (
        "X-Auto-Response-Suppress",
        "The same for Microsoft Exchange, which ignores Auto-Submitted.",
        "MS-OXCMAIL",
    ),
    ("Feedback-ID", "By which Gmail's Postmaster Tools count complaints for each issue.", "Gmail"),
    ("Content-Language", "The language of the text, for screen readers and translation.", "RFC 3282"),
    ("MIME-Version", "That the message has parts and characters beyond ASCII.", "RFC 2045, 4"),
    (
        "Content-Type",
        "That the parts are two forms of one text; programs show the last that they can.",
        "RFC 2046, 5.1.4",
    ),
    ("Content-Transfer-Encoding", "How the bytes of a part are written as lines of ASCII.", "RFC 2045, 6"),
    (
        "DKIM-Signature",
        "The signature of the sender's domain, which receivers check with the key in DNS.",
        "RFC 6376",
    ),
    ("Received", "One station on the way.", "RFC 5321, 4.4"),
    ("Return-Path", "Where bounces go.", "RFC 5321, 4.4"),
];

/// The name of a field as it is usually written, a sentence about it, and the standard; empty for unknown fields.
pub(super) fn explained(name: &str) -> (String, &'static str, &'static str) {
    match FIELDS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) {
        Some((known, sentence, standard)) => ((*known).to_owned(), sentence, standard),
        None => (name.to_owned(), "", ""),
    }
}

/// Where an inbox cuts its lines, in columns of Latin letters; a Korean letter takes two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inbox {
    pub(super) name: &'static str,
    pub(super) sender: usize,
    pub(super) subject: usize,
    pub(super) preview: usize,
    /// Whether the preview line gets what the subject leaves.
    is_shared: bool,
}

/// A phone held upright, and Gmail in a window of 1280 pixels.
pub(super) const INBOXES: [Inbox; 2] = [
    Inbox { name: "Phone", sender: 24, subject: 40, preview: 80, is_shared: false },
    Inbox { name: "Gmail", sender: 20, subject: 70, preview: 110, is_shared: true },
];

/// A text, cut where an inbox would.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Cut {
    pub(super) shown: String,
    pub(super) is_cut: bool,
}

/// What an inbox shows of a sender, a subject and a preview line.
pub(super) fn row(inbox: Inbox, sender: &str, subject: &str, preview: &str) -> [Cut; 3] {
    let subject_cut = cut(subject, inbox.subject);
    let taken = if inbox.is_shared { columns(&subject_cut.shown) } else { 0 };
    [cut(sender, inbox.sender), subject_cut, cut(preview, inbox.preview.saturating_sub(taken))]
}

fn columns(text: &str) -> usize {
    text.chars().filter_map(unicode_width::UnicodeWidthChar::width).sum()
}

fn cut(text: &str, most: usize) -> Cut {
    if columns(text) <= most {
        return Cut { shown: text.to_owned(), is_cut: false };
    }
    let mut width = 1;
    let shown: String = text
        .chars()
        .take_while(|c| {
            width += c.width().unwrap_or(0);
            width <= most
        })
        .collect();
    Cut { shown: format!("{}…", shown.trim_end()), is_cut: true }
}

/// The name of a mailbox, or its address if it has none: `Kim <kim@example.com>` is `Kim`.
pub(super) fn sender_name(from: &str) -> &str {
    let name = from.split_once('<').map_or("", |(name, _)| name).trim().trim_matches('"');
    if name.is_empty() { from.trim().trim_matches(['<', '>']) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_found_whatever_its_case_and_has_a_sentence() {
        assert_eq!(explained("list-id").0, "List-Id");
        assert_eq!(explained("x-other"), ("x-other".to_owned(), "", ""));
        assert!(FIELDS.iter().all(|(_, sentence, standard)| sentence.ends_with('.') && !standard.is_empty()));
    }

    #[test]
    fn a_korean_letter_takes_two_columns() {
        assert_eq!(cut("abcdef", 6), Cut { shown: "abcdef".to_owned(), is_cut: false });
        assert_eq!(cut("abcdefg", 6).shown, "abcde…");
        assert_eq!(cut("느린편지", 8), Cut { shown: "느린편지".to_owned(), is_cut: false });
        assert_eq!(cut("느린편지글", 8).shown, "느린편…");
    }

    #[test]
    fn in_gmail_a_short_subject_leaves_room_for_the_preview_line() {
        let [phone, gmail] = INBOXES.map(|inbox| row(inbox, "Kim", "Short", &"x".repeat(200)));
        assert_eq!(phone[2].shown.chars().count(), 80);
        assert_eq!(gmail[2].shown.chars().count(), 105);
        assert!(!row(INBOXES[1], "Kim", &"y".repeat(99), "").iter().any(|cut| cut.shown.len() > 80));
    }

    #[test]
    fn a_sender_without_a_name_is_its_address() {
        assert_eq!(sender_name("\"Kim, M.\" <kim@example.com>"), "Kim, M.");
        assert_eq!(sender_name("<kim@example.com>"), "kim@example.com");
        assert_eq!(sender_name("kim@example.com"), "kim@example.com");
    }
}
