//! One response of an IMAP server (RFC 3501, section 7): text, and the literals in it.

/// A response, as its pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Response {
    /// The text around the literals, in order; there is one more text than literals.
    pub(super) texts: Vec<String>,
    /// The literals.
    pub(super) literals: Vec<Vec<u8>>,
}

impl Response {
    /// The text up to the first literal.
    pub(super) fn head(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    /// The text after `* NAME `; `None` for another response.
    pub(super) fn untagged(&self, name: &str) -> Option<&str> {
        let rest = self.head().strip_prefix("* ")?;
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        word.eq_ignore_ascii_case(name).then_some(rest)
    }

    /// Whether the result is `OK`, and the text after it, if this response ends the command with `tag`.
    pub(super) fn tagged(&self, tag: &str) -> Option<(bool, &str)> {
        let rest = self.head().strip_prefix(tag)?.strip_prefix(' ')?;
        let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((word.eq_ignore_ascii_case("OK"), text))
    }

    /// The number in a response code such as `[UIDVALIDITY 7]`.
    pub(super) fn code(&self, name: &str) -> Option<u32> {
        let (code, _) = self.untagged("OK")?.strip_prefix('[')?.split_once(']')?;
        let (word, number) = code.split_once(' ')?;
        if word.eq_ignore_ascii_case(name) { number.trim().parse().ok() } else { None }
    }

    /// The UID and the body of a FETCH response that has both.
    pub(super) fn fetched(self) -> Option<(u32, Vec<u8>)> {
        let mut words = self.head().strip_prefix("* ")?.split(' ');
        let is_fetch = words.next()?.parse::<u32>().is_ok() && words.next()?.eq_ignore_ascii_case("FETCH");
        if !is_fetch {
            return None;
        }
        let at = self.texts.iter().position(|text| {
            let end = text.trim_end().to_ascii_uppercase();
            end.ends_with("BODY[]<0>") || end.ends_with("BODY[]")
        })?;
        let uid = self.texts.iter().find_map(|text| uid_in(text))?;
        Some((uid, self.literals.into_iter().nth(at)?))
    }
}

/// The number after `UID`.
fn uid_in(text: &str) -> Option<u32> {
    let mut words = text.split([' ', '(', ')']).filter(|word| !word.is_empty());
    words.find(|word| word.eq_ignore_ascii_case("UID"))?;
    words.next()?.parse().ok()
}

/// The length of the literal that follows a line, announced at its end: `{12}`, or `{12+}`.
pub(super) fn announced(line: &str) -> Option<Result<usize, ()>> {
    let inner = line.strip_suffix('}')?;
    let (_, number) = inner.rsplit_once('{')?;
    let number = number.strip_suffix('+').unwrap_or(number);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().map_err(drop))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn response(texts: &[&str], literals: &[&str]) -> Response {
        Response {
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
            literals: literals.iter().map(|literal| literal.as_bytes().to_vec()).collect(),
        }
    }

    #[test]
    fn a_fetched_mail_is_found_whatever_the_order_of_its_items() {
        for (texts, literals) in [
            (vec!["* 12 FETCH (UID 5 BODY[]<0> {4}", ")"], vec!["mail"]),
            (vec!["* 12 FETCH (FLAGS (\\Seen) BODY[]<0> {4}", " UID 5)"], vec!["mail"]),
            (vec!["* 12 fetch (X {1}", " uid 5 body[] {4}", ")"], vec!["x", "mail"]),
        ] {
            let texts: Vec<&str> =
                texts.iter().map(|text| text.rsplit_once('{').map_or(*text, |(text, _)| text)).collect();
            assert_eq!(response(&texts, &literals).fetched(), Some((5, b"mail".to_vec())), "{texts:?}");
        }
        assert_eq!(response(&["* 12 FETCH (UID 5 BODY[]<0> NIL)"], &[]).fetched(), None);
        assert_eq!(response(&["* SEARCH 1"], &[]).fetched(), None);
    }

    #[test]
    fn codes_tags_and_literals_are_read() {
        assert_eq!(response(&["* OK [UIDVALIDITY 77] ok"], &[]).code("uidvalidity"), Some(77));
        assert_eq!(
            response(&["A1 NO [AUTHENTICATIONFAILED] no"], &[]).tagged("A1"),
            Some((false, "[AUTHENTICATIONFAILED] no"))
        );
        assert_eq!(response(&["A12 OK"], &[]).tagged("A1"), None);
        assert_eq!(announced("BODY[] {12}"), Some(Ok(12)));
        assert_eq!(announced("BODY[] {12+}"), Some(Ok(12)));
        assert_eq!(announced("BODY[] {99999999999999999999999}"), Some(Err(())));
        assert_eq!(announced("{x}"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(texts in prop::collection::vec("(\\* |OK|\\[|\\]|UID |FETCH |BODY\\[\\] |[0-9({})]|\\PC){0,12}", 0..4), literals in prop::collection::vec(Just(Vec::new()), 0..3)) {
            let response = Response { texts, literals };
            let _ = (response.tagged("A1"), response.code("x"), announced(response.head()));
            let _ = response.fetched();
        }
    }
}
