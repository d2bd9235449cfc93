//! The table of the rules: who asks for what, and of whom. Each receiver names its rules on one page.

use super::Facts;

/// A receiver that published rules for senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    Gmail,
    Yahoo,
    Microsoft,
    Apple,
    Naver,
}

impl Receiver {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gmail => "Gmail",
            Self::Yahoo => "Yahoo",
            Self::Microsoft => "Outlook.com",
            Self::Apple => "Apple",
            Self::Naver => "Naver",
        }
    }

    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Gmail => "https://support.google.com/a/answer/81126",
            Self::Yahoo => "https://senders.yahooinc.com/best-practices/",
            Self::Microsoft => {
                "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/\
                 strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-senders/4399730"
            }
            Self::Apple => "https://support.apple.com/en-us/102322",
            Self::Naver => "https://policy.naver.com/rules/spamcheck.html",
        }
    }
}

/// A rule that several receivers have.
pub(super) struct Rule {
    pub(super) id: &'static str,
    /// What is asked for.
    pub(super) asks: &'static str,
    /// Who asks it of all senders.
    all: &'static [Receiver],
    /// Who asks it of senders of many emails only.
    bulk: &'static [Receiver],
    /// Whether another check names the fault, with more to say about it.
    pub(super) is_named_elsewhere: bool,
    pub(super) answer: fn(&Facts) -> Option<bool>,
    /// Why the answer may not be known.
    pub(super) unknown: &'static str,
    /// What to do if it is not kept.
    pub(super) next: &'static str,
}

impl Rule {
    /// Its receivers, each with whether it asks bulk senders only.
    pub(super) fn receivers(&self) -> impl Iterator<Item = (Receiver, bool)> + use<> {
        let (all, bulk) = (self.all, self.bulk);
        all.iter().map(|receiver| (*receiver, false)).chain(bulk.iter().map(|receiver| (*receiver, true)))
    }
}

use Receiver::{Apple, Gmail, Microsoft, Naver, Yahoo};

const NOT_ASKED: &str = "not known, because DNS was not asked or did not tell";

/// Apple and Yahoo name no number for bulk; Gmail and Outlook.com name 5,000 a day.
pub(super) const RULES: [Rule; 12] = [
    Rule {
        id: "spf-or-dkim",
        asks: "SPF or DKIM",
        all: &[Gmail, Yahoo],
        bulk: &[],
        is_named_elsewhere: true,
        answer: |facts| either(facts.domain.spf, facts.domain.dkim_aligned),
        unknown: NOT_ASKED,
        next: "publish the SPF record of the relay, and the key of `letterpress dkim show`",
    },
    Rule {
        id: "spf",
        asks: "SPF covers the relay",
        all: &[Naver],
        bulk: &[Gmail, Yahoo, Microsoft, Apple],
        is_named_elsewhere: true,
        answer: |facts| facts.domain.spf,
        unknown: NOT_ASKED,
        next: "add the relay to the SPF record; its provider names the include",
    },
    Rule {
        id: "dkim",
        asks: "emails are signed with DKIM",
        all: &[Naver],
        bulk: &[Gmail, Yahoo, Microsoft, Apple],
        is_named_elsewhere: true,
        answer: |facts| facts.domain.dkim_aligned,
        unknown: "not known, because the key is not here or DNS was not asked; the relay may sign too",
        next: "`letterpress dkim new` creates a key; or let the relay sign for your domain",
    },
    Rule {
        id: "dmarc",
        asks: "a DMARC record, if only p=none",
        all: &[],
        bulk: &[Gmail, Yahoo, Microsoft, Naver],
        is_named_elsewhere: true,
        answer: |facts| facts.domain.dmarc,
        unknown: NOT_ASKED,
        next: "publish a TXT record at _dmarc of your domain, such as \"v=DMARC1; p=none\"",
    },
    Rule {
        id: "alignment",
        asks: "the From domain is that of SPF or of DKIM",
        all: &[],
        bulk: &[Gmail, Yahoo, Microsoft],
        is_named_elsewhere: true,
        answer: |facts| {
            let spf = both(facts.domain.spf, facts.domain.spf_aligned);
            either(spf, facts.domain.dkim_aligned)
        },
        unknown: NOT_ASKED,
        next: "sign for the domain of newsletter.from, or use an address of it for newsletter.bounces",
    },
    Rule {
        id: "reverse-name",
        asks: "the relay's address has a name that leads back to it",
        all: &[Gmail, Yahoo],
        bulk: &[Apple],
        is_named_elsewhere: true,
        answer: |facts| facts.domain.reverse_name,
        unknown: "not known; a provider's relay sends from addresses of its own",
        next: "set the reverse name (PTR) of the relay's address at its provider",
    },
    Rule {
        id: "tls",
        asks: "emails travel over TLS",
        all: &[Gmail],
        bulk: &[],
        is_named_elsewhere: true,
        answer: |facts| facts.tls,
        unknown: "not known; our way to the relay is on this machine or was not tried",
        next: "set tls in [smtp] in config.toml to \"implicit\" or \"starttls\"",
    },
    Rule {
        id: "one-click-header",
        asks: "unsubscribe with one click (RFC 8058)",
        all: &[],
        bulk: &[Gmail, Yahoo],
        is_named_elsewhere: false,
        answer: |facts| Some(facts.one_click),
        unknown: "not known",
        next: "set [web] url to an https address, and run `letterpress serve`",
    },
    Rule {
        id: "unsubscribe-link",
        asks: "a link to unsubscribe in each email, which works",
        all: &[],
        bulk: &[Gmail, Yahoo, Microsoft, Apple],
        is_named_elsewhere: false,
        answer: |facts| Some(facts.unsubscribing),
        unknown: "not known",
        next: "set up the unsubscribe page ([web] url) or a mailbox ([inbox])",
    },
    Rule {
        id: "complaints",
        asks: "fewer than 1 of 1,000 report emails as spam, and never 3",
        all: &[Gmail, Yahoo],
        bulk: &[],
        is_named_elsewhere: false,
        answer: |facts| facts.complaints.map(|_| !super::is_beyond(facts, 1)),
        unknown: "not known; Gmail tells its number only in Postmaster Tools",
        next: "ask only for confirmed sign-ups, and write to people who have not heard of you for long first",
    },
    Rule {
        id: "format",
        asks: "emails have the form of RFC 5322",
        all: &[Gmail, Yahoo],
        bulk: &[Apple],
        is_named_elsewhere: false,
        answer: |facts| facts.format,
        unknown: "not known, because there is no email yet",
        next: "`letterpress check` names what is wrong with the newest email",
    },
    Rule {
        id: "own-domain",
        asks: "From is not an address of a free mailbox",
        all: &[Gmail],
        bulk: &[],
        is_named_elsewhere: false,
        answer: |facts| Some(!facts.borrowed_domain),
        unknown: "not known",
        next: "use an address of your own domain in newsletter.from; the provider of the mailbox did not sign your emails",
    },
];

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}
