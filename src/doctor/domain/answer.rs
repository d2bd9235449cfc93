//! The checks of this section, in one line each.

use std::borrow::Cow;

use crate::doctor::dns::DnsError;
use crate::doctor::{Check, Section};
use crate::text::{clipped, shortened};

fn about(check: Check, subject: &str) -> Check {
    if subject.is_empty() { check } else { check.about(subject) }
}

pub(super) fn good(id: &'static str, subject: &str, message: impl Into<String>) -> Check {
    about(Check::good(Section::Domain, id, message), subject)
}

pub(super) fn skipped(id: &'static str, subject: &str, message: impl Into<String>) -> Check {
    about(Check::skipped(Section::Domain, id, message), subject)
}

pub(super) fn warning(
    id: &'static str,
    subject: &str,
    message: impl Into<String>,
    next: impl Into<String>,
) -> Check {
    about(Check::warning(Section::Domain, id, message, next), subject)
}

pub(super) fn fault(
    id: &'static str,
    subject: &str,
    message: impl Into<String>,
    next: impl Into<String>,
) -> Check {
    about(Check::fault(Section::Domain, id, message, next), subject)
}

/// DNS did not say whether there is a record: receivers will not know either.
pub(super) fn unanswered(id: &'static str, subject: &str, what: &str, error: &DnsError) -> Check {
    let next =
        format!("`dig +trace {subject}` shows which DNS server fails; run the doctor again after a while");
    fault(id, subject, format!("{what} cannot be read: {error}"), next)
}

/// The first of several values from DNS, each at most as long as a name may be useful.
pub(super) fn listed(values: &[String]) -> String {
    const MOST: usize = 5;
    let shown = values.iter().take(MOST).map(|value| Cow::Owned(clipped(&shortened(value, 60))));
    let more = (values.len() > MOST).then_some(Cow::Borrowed("…"));
    shown.chain(more).collect::<Vec<_>>().join(", ")
}
