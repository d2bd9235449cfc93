//! Warnings about well-formed addresses that are probably not a subscriber's. They are never corrected.

use super::EmailAddress;

/// Mailboxes of a role or a machine (RFC 2142, and common no-reply names).
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

/// Frequent domains, to detect typing errors. Some rare domains are listed because they look like a typing error of a
/// frequent one: there is no warning about a listed domain.
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
pub enum AddressWarning {
    /// A domain that never gets mail (RFC 2606, RFC 6761).
    #[error("its domain is reserved for examples and tests and never gets mail")]
    Reserved,
    /// `postmaster@`, `noreply@`.
    #[error("{0}@ belongs to a role or a machine, not to one person")]
    Role(String),
    /// A temporary address.
    #[error("{0} provides temporary addresses, which are soon no longer read")]
    Disposable(&'static str),
    /// Programs may interpret it as an option.
    #[error("it begins with a hyphen; some mail programs interpret that as an option")]
    LeadingHyphen,
    /// One or two typing errors away from a frequent domain.
    #[error("is {0} meant?")]
    Slip(&'static str),
}

impl EmailAddress {
    /// The first reason to check this address again.
    pub fn warning(&self) -> Option<AddressWarning> {
        let (local, domain) = self.normalised().split_once('@')?;
        if is_reserved(domain) {
            return Some(AddressWarning::Reserved);
        }
        if let Some(provider) = DISPOSABLE.into_iter().find(|provider| is_within(domain, provider)) {
            return Some(AddressWarning::Disposable(provider));
        }
        if local.starts_with('-') {
            return Some(AddressWarning::LeadingHyphen);
        }
        let mailbox = local.split('+').next().unwrap_or(local);
        if ROLES.contains(&mailbox) {
            return Some(AddressWarning::Role(mailbox.to_owned()));
        }
        nearest(domain).map(AddressWarning::Slip)
    }
}

fn is_reserved(domain: &str) -> bool {
    ["example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"]
        .into_iter()
        .any(|name| is_within(domain, name))
}

fn is_within(domain: &str, name: &str) -> bool {
    // The byte before it is compared first: of a million addresses it is nearly always another.
    domain
        .len()
        .checked_sub(name.len() + 1)
        .map_or(domain == name, |before| domain.as_bytes()[before] == b'.' && domain.ends_with(name))
}

fn nearest(domain: &str) -> Option<&'static str> {
    if WELL_KNOWN.contains(&domain) {
        return None;
    }
    let letters = letters(domain);
    // Two typing errors count only in a longer name: `qq.com` resembles many other domains.
    WELL_KNOWN
        .into_iter()
        .zip(WELL_KNOWN_LETTERS)
        .filter(|(known, _)| known.len() >= 8 && known.len().abs_diff(domain.len()) <= 2)
        .filter(|(_, known)| (letters & !known).count_ones().max((known & !letters).count_ones()) <= 2)
        .map(|(known, _)| known)
        .filter(|known| differing_letters(domain, known) <= 2)
        .map(|known| (strsim::osa_distance(domain, known), known))
        .filter(|(distance, known)| *distance == 1 || (*distance == 2 && known.len() >= 9))
        .min()
        .map(|(_, known)| known)
}

/// The letters of each of [`WELL_KNOWN`].
const WELL_KNOWN_LETTERS: [u64; WELL_KNOWN.len()] = {
    let mut all = [0; WELL_KNOWN.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = letters(WELL_KNOWN[at]);
        at += 1;
    }
    all
};

/// The set of its letters. Two letters may share a bit, so two sets never differ in more letters than the names do.
const fn letters(name: &str) -> u64 {
    let (bytes, mut set, mut at) = (name.as_bytes(), 0, 0);
    while at < bytes.len() {
        set |= 1 << (bytes[at] % 64);
        at += 1;
    }
    set
}

/// How many letters one of the two has and the other has not, in any order. There are at least as many typing errors,
/// and these take much longer to count.
fn differing_letters(one: &str, other: &str) -> i8 {
    let mut counts = [0_i8; 256];
    one.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    other.bytes().for_each(|byte| counts[usize::from(byte)] -= 1);
    let missing: i8 = counts.iter().map(|count| 0.max(-count)).sum();
    let more: i8 = counts.iter().map(|count| 0.max(*count)).sum();
    more.max(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(raw: &str) -> Option<AddressWarning> {
        EmailAddress::parse(raw).unwrap().warning()
    }

    #[test]
    fn a_slip_in_a_big_domain_is_suggested_and_the_address_stays() {
        assert_eq!(warning("kim@gmial.con"), Some(AddressWarning::Slip("gmail.com")));
        assert_eq!(warning("kim@navr.com"), Some(AddressWarning::Slip("naver.com")));
        assert_eq!(warning("kim@hanmial.net"), Some(AddressWarning::Slip("hanmail.net")));
    }

    #[test]
    fn legitimate_large_and_small_domains_cause_no_warning() {
        for raw in ["kim@gmail.com", "kim@mail.com", "kim@nate.com", "kim@letters.kr", "kim@q.com"] {
            assert_eq!(warning(raw), None, "{raw}");
        }
    }

    #[test]
    fn roles_examples_and_leading_hyphens_are_worth_a_word() {
        assert_eq!(warning("NoReply+x@letters.kr"), Some(AddressWarning::Role("noreply".to_owned())));
        assert_eq!(warning("kim@news.example.com"), Some(AddressWarning::Reserved));
        assert_eq!(warning("kim@notexample.com"), None);
        assert_eq!(warning("kim@mail.yopmail.com"), Some(AddressWarning::Disposable("yopmail.com")));
        assert_eq!(warning("-oQ/tmp@letters.kr"), Some(AddressWarning::LeadingHyphen));
    }
}
