//! Domains as text: compared without regard to case, and cut at their dots.

/// Whether `name` is `domain` or below it.
pub(super) fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.trim_end_matches('.'), domain.trim_end_matches('.'));
    if name.eq_ignore_ascii_case(domain) {
        return true;
    }
    let Some(above) = name.len().checked_sub(domain.len()) else { return false };
    let tail = name.get(above..);
    above > 0
        && name.as_bytes()[above - 1] == b'.'
        && tail.is_some_and(|tail| tail.eq_ignore_ascii_case(domain))
}

/// The domain one label above; `None` above a top-level domain.
pub(super) fn parent(domain: &str) -> Option<&str> {
    domain.split_once('.').map(|(_, above)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_within_a_domain_at_its_dots() {
        for (name, domain, within) in [
            ("mail.Example.com", "example.COM.", true),
            ("example.com", "example.com", true),
            ("badexample.com", "example.com", false),
            ("com", "example.com", false),
            ("가.example", "example", true),
            ("가가", "가", false),
        ] {
            assert_eq!(is_within(name, domain), within, "{name} {domain}");
        }
    }
}
