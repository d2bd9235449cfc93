//! Masks addresses and tokens anywhere in a line of text.
//!
//! Rather masks too much than too little: any text before an `@` counts as an address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::text::without_user_info;

/// The prefix of signed tokens (`subscribers::token`).
const TOKEN: &str = "v1.";
/// A token has six parts.
const DOTS: usize = 5;

/// `line` with `k…@example.com` for each address and `v1.…` for each token.
pub(crate) fn masked(line: &str) -> String {
    without_tokens(&without_addresses(&without_user_info(line)))
}

fn without_addresses(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let start = local_start(before);
        let has_domain = after.starts_with(|c: char| c.is_alphanumeric() || c == '[');
        masked.push_str(&before[..start]);
        match before[start..].chars().next() {
            Some(first) if has_domain => {
                masked.push(first);
                masked.push('…');
            }
            _ => masked.push_str(&before[start..]),
        }
        masked.push('@');
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// The start of the local part at the end of `before`; it may be a quoted string.
fn local_start(before: &str) -> usize {
    if let Some(inner) = before.strip_suffix('"') {
        return inner.rfind('"').unwrap_or(0);
    }
    let is_outside = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\",;:\\".contains(c);
    before
        .rfind(is_outside)
        .map_or(0, |place| place + before[place..].chars().next().map_or(0, char::len_utf8))
}

/// Masks tokens in any case, because mail servers may change it.
fn without_tokens(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut masked = String::with_capacity(line.len());
    let mut copied = 0;
    while let Some(found) = lower[copied..].find(TOKEN) {
        let start = copied + found;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let length = lower[start..].find(|c| !is_part(c)).unwrap_or(lower.len() - start);
        let token = &line[start..start + length];
        masked.push_str(&line[copied..start]);
        masked.push_str(if token.matches('.').count() >= DOTS { "v1.…" } else { token });
        copied = start + length;
    }
    masked.push_str(&line[copied..]);
    masked
}

/// Whether `text` contains `password`, plainly or in a Base64 word.
pub(crate) fn repeats(text: &str, password: &str) -> bool {
    let encoded = |word| {
        BASE64.decode(word).is_ok_and(|bytes| memchr::memmem::find(&bytes, password.as_bytes()).is_some())
    };
    text.contains(password) || text.split(' ').any(encoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_masked_in_any_position() {
        for (line, expected) in [
            ("RCPT TO:<kim@example.com>", "RCPT TO:<k…@example.com>"),
            ("550 5.1.1 kim.m@example.com: unknown", "550 5.1.1 k…@example.com: unknown"),
            ("ORCPT=rfc822;kim+2Bnews@example.com", "ORCPT=rfc822;k…@example.com"),
            ("a@b.example,c@d.example", "a…@b.example,c…@d.example"),
            ("<\"kim m\"@example.com>", "<\"…@example.com>"),
            ("한글@example.com", "한…@example.com"),
            ("k…@example.com", "k…@example.com"),
            ("kim@[127.0.0.1]", "k…@[127.0.0.1]"),
            ("at 10 @ noon", "at 10 @ noon"),
            ("GET https://u:hunter2@example.com/f", "GET https://example.com/f"),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn tokens_are_masked_in_any_case_and_versions_are_not() {
        let token = "v1.k1.u.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.bbbbbbbbbbbbbbbbbbbbbbbbbb";
        assert_eq!(masked(&format!("/u/{token}?x")), "/u/v1.…?x");
        assert_eq!(masked(&format!("ENVID=b+2B{}", token.to_uppercase())), "ENVID=b+2Bv1.…");
        assert_eq!(masked("TLSv1.3, relay v1.2.3"), "TLSv1.3, relay v1.2.3");
    }

    proptest! {
        #[test]
        fn every_address_is_masked_and_no_input_panics(
            before in "\\PC{0,20}", local in "[a-zA-Z0-9가-힣+_.-]{2,20}", after in "\\PC{0,20}"
        ) {
            let address = format!("{local}@example.com");
            let line = masked(&format!("{before}{address}{after}"));
            prop_assert!(!line.contains(&address), "{}", line);
        }
    }
}
