//! What a mail server sees of a token: the mechanisms OAUTHBEARER (RFC 7628) and XOAUTH2 of Google and Microsoft. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::TokenError;
use crate::config::Secret;
use crate::text::{HeaderText, shortened};

/// The longest line of an authentication (RFC 4954, 4), with its CR LF.
const LONGEST_LINE: usize = 12_288;
/// The most characters that are kept of what a server says about a refused token.
const LONGEST_REASON: usize = 300;

/// A way to present a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// The standard.
    OauthBearer,
    /// Its predecessor, which more servers offer.
    Xoauth2,
}

/// Who logs in, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) user: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl Mechanism {
    /// The better one of those that a server offers.
    pub(crate) fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        offered.into_iter().fold(None, |best, name| match name {
            "OAUTHBEARER" => Some(Self::OauthBearer),
            "XOAUTH2" => best.or(Some(Self::Xoauth2)),
            _ => best,
        })
    }

    /// Its name in AUTH and AUTHENTICATE.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    /// The initial response (RFC 7628, 3.1), before Base64.
    fn response(self, identity: Identity<'_>, token: &str) -> String {
        let Identity { user, host, port } = identity;
        match self {
            Self::OauthBearer => {
                // In the header of GS2, a comma ends the name (RFC 5801, 4).
                let user = user.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={user},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}")
            }
            Self::Xoauth2 => format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"),
        }
    }

    /// The line with the initial response after `command`, such as `AUTH XOAUTH2 `; refused if it is too long.
    pub(crate) fn line(
        self,
        command: &str,
        identity: Identity<'_>,
        token: &Secret,
    ) -> Result<String, TokenError> {
        let line = format!("{command}{}\r\n", BASE64.encode(self.response(identity, token.expose())));
        if line.len() <= LONGEST_LINE {
            return Ok(line);
        }
        Err(TokenError::lasting(
            format!("the token is too long to log in with: a line of {} bytes", line.len()),
            format!(
                "mail servers read at most {LONGEST_LINE} (RFC 4954); ask the provider for a shorter token"
            ),
        ))
    }

    /// The answer to a challenge that says why the token was refused; the server then ends the dialogue.
    pub(crate) fn acknowledgement(self) -> &'static str {
        match self {
            // %x01 (RFC 7628, 3.2.3), in Base64.
            Self::OauthBearer => "AQ==\r\n",
            Self::Xoauth2 => "\r\n",
        }
    }
}

/// Why a server refused a token (RFC 7628, 3.2.2), as its JSON in one line; empty if it says nothing.
pub(crate) fn refusal(challenge: &str) -> String {
    let Ok(bytes) = BASE64.decode(challenge.trim()) else { return String::new() };
    let text = String::from_utf8_lossy(&bytes);
    HeaderText::lossy(&shortened(&text, LONGEST_REASON)).map(String::from).unwrap_or_default()
}

/// The scope that a server names in a refusal, anywhere in `reply`.
pub(crate) fn wanted_scope(reply: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        scope: String,
    }
    let (start, end) = (reply.find('{')?, reply.rfind('}')?);
    let refusal: Refusal = serde_json::from_str(reply.get(start..=end)?).ok()?;
    (!refusal.scope.trim().is_empty()).then_some(refusal.scope)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(user: &str) -> Identity<'_> {
        Identity { user, host: "server.example.com", port: 143 }
    }

    #[test]
    fn the_example_of_the_rfc_is_reproduced() {
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        let response = Mechanism::OauthBearer.response(identity("user@example.com"), token);
        let expected = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB";
        assert_eq!(BASE64.encode(response), expected);
    }

    #[test]
    fn the_example_of_google_is_reproduced() {
        let token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
        let line = Mechanism::Xoauth2.response(identity("someuser@example.com"), token);
        assert_eq!(line, format!("user=someuser@example.com\u{1}auth=Bearer {token}\u{1}\u{1}"));
    }

    #[test]
    fn the_standard_is_preferred_whatever_the_order() {
        for (offered, chosen) in [
            (&["XOAUTH2", "OAUTHBEARER"][..], Some(Mechanism::OauthBearer)),
            (&["OAUTHBEARER", "XOAUTH2"], Some(Mechanism::OauthBearer)),
            (&["PLAIN", "XOAUTH2"], Some(Mechanism::Xoauth2)),
            (&["PLAIN"], None),
        ] {
            assert_eq!(Mechanism::choose(offered.iter().copied()), chosen);
        }
    }

    #[test]
    fn a_line_that_no_server_reads_is_refused_with_words() {
        let line = |length: usize| {
            let token = Secret::new(&"t".repeat(length), "test").unwrap();
            Mechanism::Xoauth2.line("AUTH XOAUTH2 ", identity("kim@example.com"), &token)
        };
        assert!(line(9_000).unwrap().len() <= LONGEST_LINE);
        assert!(line(9_300).unwrap_err().what.contains("too long"));
    }

    #[test]
    fn the_reason_of_a_refusal_is_one_printable_line() {
        let json = r#"{"status":"invalid_token","scope":"example_scope"}"#;
        assert_eq!(refusal(&BASE64.encode(json)), json);
        assert_eq!(refusal(&BASE64.encode("a\u{1b}[2J\nb")), "a[2J b");
        assert_eq!((refusal("no base64!"), refusal("")), (String::new(), String::new()));
        assert_eq!(wanted_scope(&format!("535 5.7.8 no {json}")).as_deref(), Some("example_scope"));
        for nothing in ["535 no", "{", "}{", r#"{"status":"400"}"#, r#"{"status":"400","scope":""}"#] {
            assert_eq!(wanted_scope(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn no_user_can_add_a_field(user in "[ -~가-힣]{1,40}", token in "[!-~]{1,60}") {
            for mechanism in [Mechanism::OauthBearer, Mechanism::Xoauth2] {
                let response = mechanism.response(identity(&user), &token);
                let fields: Vec<&str> = response.split('\u{1}').collect();
                let bearer = format!("auth=Bearer {token}");
                let expected = if mechanism == Mechanism::OauthBearer { 6 } else { 4 };
                prop_assert_eq!(fields.len(), expected);
                prop_assert_eq!(fields[expected - 3], bearer.as_str());
                if mechanism == Mechanism::OauthBearer {
                    prop_assert_eq!(fields[0].matches(',').count(), 2);
                    let name = fields[0].strip_prefix("n,a=").unwrap().strip_suffix(',').unwrap();
                    prop_assert_eq!(name.replace("=2C", ",").replace("=3D", "="), user.as_str());
                } else {
                    prop_assert_eq!(fields[0].strip_prefix("user="), Some(user.as_str()));
                }
            }
        }

        #[test]
        fn a_line_is_one_line_and_the_response_comes_back(user in "[ -~]{1,40}", token in "[!-~]{8,60}") {
            let secret = Secret::new(&token, "test").unwrap();
            let line = Mechanism::Xoauth2.line("AUTH XOAUTH2 ", identity(&user), &secret).unwrap();
            let encoded = line.strip_prefix("AUTH XOAUTH2 ").unwrap().strip_suffix("\r\n").unwrap();
            let decoded = String::from_utf8(BASE64.decode(encoded).unwrap()).unwrap();
            prop_assert_eq!(decoded, Mechanism::Xoauth2.response(identity(&user), &token));
        }

        #[test]
        fn no_challenge_panics(challenge in "\\PC{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for text in [refusal(&challenge), refusal(&BASE64.encode(bytes))] {
                prop_assert!(!text.contains(|c: char| c.is_control()));
                let _ = wanted_scope(&text);
            }
            let _ = wanted_scope(&challenge);
        }
    }
}
