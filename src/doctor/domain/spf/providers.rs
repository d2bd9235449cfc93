//! Services that take mail for submission, and the SPF record of theirs that a domain includes.
//!
//! From their own instructions for domain owners. A service that is not here is not guessed.

use crate::doctor::domain::names::is_within;

/// What a service does with the envelope sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReturnPath {
    /// It keeps ours, or replaces it by an address of the login's domain.
    Ours,
    /// It puts in one of its own, or of a domain that is set up there.
    Theirs,
}

/// A service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Provider {
    /// The beginning of the host name.
    begins: &'static str,
    /// The domain in which the host is.
    domain: &'static str,
    /// The domain to include.
    pub(super) include: &'static str,
    /// What it does with the envelope sender.
    pub(super) return_path: ReturnPath,
}

const fn ours(domain: &'static str, include: &'static str) -> Provider {
    Provider { begins: "", domain, include, return_path: ReturnPath::Ours }
}

const fn theirs(domain: &'static str, include: &'static str) -> Provider {
    Provider { begins: "", domain, include, return_path: ReturnPath::Theirs }
}

const PROVIDERS: [Provider; 17] = [
    ours("smtp.gmail.com", "_spf.google.com"),
    ours("smtp-relay.gmail.com", "_spf.google.com"),
    ours("smtp.office365.com", "spf.protection.outlook.com"),
    ours("smtp.fastmail.com", "spf.messagingengine.com"),
    ours("smtp.worksmobile.com", "spf.worksmobile.com"),
    ours("smtp.zoho.com", "zohomail.com"),
    ours("smtp.zoho.eu", "zohomail.eu"),
    ours("smtp.mail.me.com", "icloud.com"),
    ours("smtp.protonmail.ch", "_spf.protonmail.ch"),
    ours("smtp.migadu.com", "spf.migadu.com"),
    ours("smtp.mailbox.org", "mailbox.org"),
    // With a MAIL FROM domain of one's own, that domain includes it.
    Provider { begins: "email-smtp.", ..theirs("amazonaws.com", "amazonses.com") },
    theirs("smtp.mailgun.org", "mailgun.org"),
    theirs("smtp.eu.mailgun.org", "mailgun.org"),
    theirs("smtp.sendgrid.net", "sendgrid.net"),
    theirs("smtp.postmarkapp.com", "spf.mtasv.net"),
    theirs("smtp-relay.brevo.com", "spf.brevo.com"),
];

/// The service of a relay, if it is known.
pub(super) fn provider(relay: &str) -> Option<&'static Provider> {
    let relay = relay.trim_end_matches('.').to_ascii_lowercase();
    PROVIDERS.iter().find(|each| relay.starts_with(each.begins) && is_within(&relay, each.domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_recognised_by_its_host_alone() {
        let include = |relay| provider(relay).map(|provider| provider.include);
        assert_eq!(include("email-smtp.eu-west-1.amazonaws.com"), Some("amazonses.com"));
        assert_eq!(include("SMTP.gmail.com."), Some("_spf.google.com"));
        assert_eq!(include("ec2-1.eu-west-1.amazonaws.com"), None);
        assert_eq!(include("smtp.gmail.com.example.org"), None);
    }
}
