//! Addresses that are well-formed but probably not a subscriber's: warnings, never corrections.

use super::EmailAddress;

/// Mailboxes of a role or a machine (RFC 2142, and the usual names of no-reply addresses).
const ROLES: [&str; 17] = [
    "abuse",
    "admin",
    "bounce",
    "bounces",
    "contact",
    "help",
    "hostmaster",
    "info",
    "mailer-daemon",
    "no-reply",
    "noreply",
    "postmaster",
    "root",
    "sales",
    "security",
    "support",
    "webmaster",
];

/// Frequent domains, against which typing errors are found. Some rare domains are listed because they look like a typing
/// error of a frequent one: a listed domain is never doubted.
const WELL_KNOWN: [&str; 24] = [
    "gmail.com",
    "googlemail.com",
    "naver.com",
    "daum.net",
    "hanmail.net",
    "kakao.com",
    "nate.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "yahoo.co.jp",
    "yahoo.co.kr",
    "icloud.com",
    "proton.me",
    "docomo.ne.jp",
    "qq.com",
    "163.com",
    "126.com",
    "mail.com",
    "email.com",
    "ymail.com",
    "gmx.com",
    "gmx.net",
];

/// Domains of temporary addresses, the best known of thousands.
const DISPOSABLE: [&str; 16] = [
    "10minutemail.com",
    "dispostable.com",
    "fakeinbox.com",
    "getnada.com",
    "guerrillamail.com",
    "mailcatch.com",
    "maildrop.cc",
    "mailinator.com",
    "mailnesia.com",
    "mintemail.com",
    "sharklasers.com",
    "temp-mail.org",
    "tempmail.com",
    "throwawaymail.com",
    "trashmail.com",
    "yopmail.com",
];

/// Why a well-formed address may not be a subscriber's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// A domain that never gets mail (RFC 2606, RFC 6761).
    #[error("its domain is reserved for examples and tests and never gets mail")]
    Reserved,
    /// `postmaster@`, `noreply@`.
    #[error("{0}@ is read by a role or a machine, not by one person")]
    Role(String),
    /// A temporary address.
    #[error("{0} lends addresses for a short time; nobody will read there for long")]
    Disposable(&'static str),
    /// Programs may take it for an option.
    #[error("it begins with a hyphen; some mail programs take that for an option")]
    LeadingHyphen,
    /// One or two typing errors away from a frequent domain.
    #[error("is {0} meant?")]
    Slip(&'static str),
}

impl EmailAddress {
    /// The first reason to look at this address again.
    pub fn warning(&self) -> Option<Doubt> {
        let (local, domain) = self.normalised().split_once('@')?;
        if is_reserved(domain) {
            return Some(Doubt::Reserved);
        }
        if let Some(lender) = DISPOSABLE.into_iter().find(|lender| is_within(domain, lender)) {
            return Some(Doubt::Disposable(lender));
        }
        if local.starts_with('-') {
            return Some(Doubt::LeadingHyphen);
        }
        let mailbox = local.split('+').next().unwrap_or(local);
        if ROLES.contains(&mailbox) {
            return Some(Doubt::Role(mailbox.to_owned()));
        }
        nearest(domain).map(Doubt::Slip)
    }
}

fn is_reserved(domain: &str) -> bool {
    ["example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"]
        .into_iter()
        .any(|name| is_within(domain, name))
}

fn is_within(domain: &str, name: &str) -> bool {
    domain == name || domain.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

fn nearest(domain: &str) -> Option<&'static str> {
    if WELL_KNOWN.contains(&domain) {
        return None;
    }
    // Two typing errors count only in a longer name: `qq.com` resembles many other domains.
    WELL_KNOWN
        .into_iter()
        .filter(|known| known.len() >= 8 && known.len().abs_diff(domain.len()) <= 2)
        .map(|known| (strsim::osa_distance(domain, known), known))
        .filter(|(distance, known)| *distance == 1 || (*distance == 2 && known.len() >= 9))
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt(raw: &str) -> Option<Doubt> {
        EmailAddress::parse(raw).unwrap().warning()
    }

    #[test]
    fn a_slip_in_a_big_domain_is_suggested_and_the_address_stays() {
        assert_eq!(doubt("kim@gmial.con"), Some(Doubt::Slip("gmail.com")));
        assert_eq!(doubt("kim@navr.com"), Some(Doubt::Slip("naver.com")));
        assert_eq!(doubt("kim@hanmial.net"), Some(Doubt::Slip("hanmail.net")));
    }

    #[test]
    fn big_and_small_honest_domains_are_not_doubted() {
        for raw in ["kim@gmail.com", "kim@mail.com", "kim@nate.com", "kim@letters.kr", "kim@q.com"] {
            assert_eq!(doubt(raw), None, "{raw}");
        }
    }

    #[test]
    fn roles_examples_and_leading_hyphens_are_worth_a_word() {
        assert_eq!(doubt("NoReply+x@letters.kr"), Some(Doubt::Role("noreply".to_owned())));
        assert_eq!(doubt("kim@news.example.com"), Some(Doubt::Reserved));
        assert_eq!(doubt("kim@notexample.com"), None);
        assert_eq!(doubt("kim@mail.yopmail.com"), Some(Doubt::Disposable("yopmail.com")));
        assert_eq!(doubt("-oQ/tmp@letters.kr"), Some(Doubt::LeadingHyphen));
    }
}
