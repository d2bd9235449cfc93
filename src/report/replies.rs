//! What servers reply most, without what differs between messages: addresses, queue ids, and other words with digits.
//!
//! A server can repeat a name in any form, so a reply is shown only if it was given for several subscribers. Pure.

use std::collections::HashMap;

use super::ReplyCount;
use crate::subscribers::AddressKey;
use crate::text::clipped;

/// How many different replies are kept in memory.
const MOST_KINDS: usize = 2_000;
/// How many are reported.
const SHOWN: usize = 12;
/// A longer word with a digit is a name of one message.
const LONGEST_WITH_DIGIT: usize = 5;
/// Replaces what differs.
const LEFT_OUT: &str = "…";

/// Counts replies.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    kinds: HashMap<String, Kind>,
    other: u64,
}

#[derive(Debug)]
struct Kind {
    count: u64,
    first: AddressKey,
    is_of_several: bool,
}

impl Replies {
    /// Adds a reply about the address with `key`.
    pub(crate) fn add(&mut self, reply: &str, key: AddressKey) {
        let text = shortened(reply);
        if let Some(kind) = self.kinds.get_mut(&text) {
            kind.count += 1;
            kind.is_of_several |= kind.first != key;
        } else if self.kinds.len() < MOST_KINDS && !text.is_empty() {
            self.kinds.insert(text, Kind { count: 1, first: key, is_of_several: false });
        } else {
            self.other += 1;
        }
    }

    /// The most frequent replies, and the number of the others.
    pub(crate) fn finish(self) -> (Vec<ReplyCount>, u64) {
        let (several, single): (Vec<_>, Vec<_>) =
            self.kinds.into_iter().partition(|(_, kind)| kind.is_of_several);
        let mut shown: Vec<ReplyCount> =
            several.into_iter().map(|(reply, kind)| ReplyCount { reply, count: kind.count }).collect();
        shown.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reply.cmp(&b.reply)));
        let rest = shown.split_off(shown.len().min(SHOWN));
        let other = rest.iter().map(|reply| reply.count).sum::<u64>()
            + single.iter().map(|(_, kind)| kind.count).sum::<u64>();
        (shown, self.other + other)
    }
}

/// A reply without the words that name one message or one person.
fn shortened(reply: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in reply.split_whitespace() {
        let word = if differs(word) { LEFT_OUT } else { word };
        if word != LEFT_OUT || words.last() != Some(&LEFT_OUT) {
            words.push(word);
        }
    }
    clipped(&words.join(" "))
}

fn differs(word: &str) -> bool {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    word.contains('@') || has_digit && word.len() > LONGEST_WITH_DIGIT && !is_code(word)
}

/// `550-5.1.1`, `5.7.26`: a reply code, an enhanced status code, or both.
fn is_code(word: &str) -> bool {
    let numbers = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_enhanced = |part: &str| {
        part.starts_with(['2', '4', '5']) && part.as_bytes().get(1) == Some(&b'.') && {
            let parts: Vec<&str> = part.split('.').collect();
            parts.len() == 3 && parts.iter().all(|part| numbers(part) && part.len() <= 3)
        }
    };
    let word = word.trim_matches(|c| "#():;,".contains(c));
    match word.split_once('-') {
        Some((code, enhanced)) => code.len() == 3 && numbers(code) && is_enhanced(enhanced),
        None => is_enhanced(word),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> AddressKey {
        AddressKey([number; 16])
    }

    #[test]
    fn replies_that_differ_in_addresses_and_ids_are_one() {
        let mut replies = Replies::default();
        replies.add("550 5.1.1 <kim@example.com>: user unknown in a1b2c3d4-5 - gsmtp", key(1));
        replies.add("550 5.1.1 <lee@example.com>: user unknown in f6e5d4c3-2 - gsmtp", key(2));
        replies.add("452-4.2.2 mailbox full", key(1));
        let (shown, other) = replies.finish();
        let shown: Vec<_> = shown.iter().map(|reply| (reply.reply.as_str(), reply.count)).collect();
        assert_eq!((shown, other), (vec![("550 5.1.1 … user unknown in … - gsmtp", 2)], 1));
    }

    #[test]
    fn a_reply_for_one_subscriber_is_never_shown_however_often_it_came() {
        let mut replies = Replies::default();
        (0..9).for_each(|_| replies.add("552 the mailbox of minjun is full", key(1)));
        let (shown, other) = replies.finish();
        assert_eq!((shown.len(), other), (0, 9));
    }

    #[test]
    fn codes_stay_and_addresses_of_machines_go() {
        for (reply, expected) in [
            ("550-5.7.26 no", "550-5.7.26 no"),
            ("421 4.7.0 [192.0.2.17] later", "421 4.7.0 … later"),
            ("554 5.7.1 (5.7.1)", "554 5.7.1 (5.7.1)"),
            ("  a   b ", "a b"),
        ] {
            assert_eq!(shortened(reply), expected);
        }
    }

    proptest! {
        #[test]
        fn no_address_stays(before in "[^@]{0,20}", local in "[a-z0-9.가-힣]{1,12}", after in "[^@]{0,20}") {
            let reply = format!("{before} {local}@example.com {after}");
            prop_assert!(!shortened(&reply).contains('@'));
        }
    }
}
