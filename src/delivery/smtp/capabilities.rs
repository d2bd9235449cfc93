//! The capabilities in the reply to EHLO (RFC 5321, 4.1.1.1). Parsing is tolerant: firewalls overwrite keywords with
//! `XXXXXXXA`, so an unknown or mangled keyword is ignored.
//!
//! Decides nothing: a missing capability is rejected where it is needed.

use super::reply::lines;

/// The extensions that Letterpress can use.
#[expect(clippy::struct_excessive_bools, reason = "each is an extension of its own, offered or not")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The server's own name.
    pub host: String,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870: offered, and the largest message in bytes, 0 if the server names none.
    pub size: Option<usize>,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 4954: AUTH with PLAIN.
    pub plain: bool,
    /// AUTH with LOGIN, the only mechanism of some relays.
    pub login: bool,
    /// AUTH with anything else.
    pub other_login: Vec<String>,
    /// RFC 9422: the limits that the server announces, by their names.
    pub limits: Vec<(String, u32)>,
}

impl Capabilities {
    /// The names of the mechanisms with a password.
    pub(super) fn passwords(&self) -> impl Iterator<Item = &'static str> {
        [("PLAIN", self.plain), ("LOGIN", self.login)].into_iter().filter_map(|(name, is)| is.then_some(name))
    }

    /// Reads the lines of a 250 reply to EHLO. The first one contains the server's name.
    pub(super) fn read(raw: &[u8]) -> Self {
        let host = lines(raw).next().and_then(|line| line.get(4..)).unwrap_or_default();
        let host =
            String::from_utf8_lossy(host).split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let mut found = Self { host, ..Self::default() };
        for line in lines(raw).skip(1) {
            let line = String::from_utf8_lossy(&line[line.len().min(4)..]).to_ascii_uppercase();
            // "AUTH=PLAIN" is how servers before RFC 2554 wrote it.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("PIPELINING") => found.pipelining = true,
                Some("SIZE") => {
                    found.size = Some(words.next().and_then(|limit| limit.parse().ok()).unwrap_or(0));
                }
                Some("8BITMIME") => found.eight_bit = true,
                Some("SMTPUTF8") => found.smtputf8 = true,
                Some("STARTTLS") => found.starttls = true,
                Some("DSN") => found.dsn = true,
                Some("LIMITS") => found.limits = limits(&line),
                Some("AUTH") => words.for_each(|mechanism| match mechanism {
                    "PLAIN" => found.plain = true,
                    "LOGIN" => found.login = true,
                    other => found.other_login.push(other.chars().take(40).collect()),
                }),
                _ => {}
            }
        }
        found
    }
}

/// The limits of a line such as `LIMITS MAILMAX=50 RCPTMAX=100`. What is not a number is left out.
fn limits(line: &str) -> Vec<(String, u32)> {
    let pairs = line.split([' ', '\t', '\r', '\n']).filter_map(|word| word.split_once('='));
    let known = pairs.filter_map(|(name, value)| Some((name, value.parse().ok()?)));
    known.take(10).map(|(name, value)| (name.chars().take(40).collect(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(keyword: &str) -> Capabilities {
        let read =
            Capabilities::read(format!("250-Relay.example PIPELINING\r\n250 {keyword}\r\n").as_bytes());
        assert_eq!(read.host, "relay.example");
        Capabilities { host: String::new(), ..read }
    }

    #[test]
    fn keywords_are_case_insensitive_and_the_first_line_is_skipped() {
        assert_eq!(offered("nothing"), Capabilities::default());
        assert_eq!(offered("pipelining"), Capabilities { pipelining: true, ..Capabilities::default() });
    }

    #[test]
    fn a_size_that_is_not_a_number_means_no_limit() {
        for (keyword, size) in [("SIZE 0", 0), ("SIZE 1", 1), ("SIZE banana", 0), ("SIZE", 0), ("SIZE -5", 0)]
        {
            assert_eq!(offered(keyword).size, Some(size), "{keyword}");
        }
    }

    #[test]
    fn limits_are_pairs_of_a_name_and_a_number() {
        let limits = |keyword| offered(keyword).limits;
        assert_eq!(
            limits("LIMITS MAILMAX=50 RCPTMAX=1000"),
            [("MAILMAX".to_owned(), 50), ("RCPTMAX".to_owned(), 1000)]
        );
        assert_eq!(limits("LIMITS MAILMAX=many RCPTMAX ="), []);
    }

    #[test]
    fn an_empty_auth_offers_nothing_and_the_old_spelling_counts() {
        let mechanisms = |keyword| (offered(keyword).plain, offered(keyword).login);
        assert_eq!(mechanisms("AUTH"), (false, false));
        assert_eq!(mechanisms("AUTH=PLAIN"), (true, false));
        assert_eq!(mechanisms("AUTH CRAM-MD5 LOGIN plain"), (true, true));
    }

    #[test]
    fn a_keyword_mangled_by_a_firewall_is_not_an_offer() {
        assert_eq!(offered("XXXXXXXA"), Capabilities::default());
        assert_eq!(offered("\u{fffd}\u{0}PIPELINING"), Capabilities::default());
    }
}
