//! Which compressed copy a client accepts (RFC 9110, section 12.5.3). Pure.

use crate::web::accept;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// The best available coding, smallest first; `None` for the uncompressed file, which is always acceptable.
pub(super) fn choose(accepted: &str, offered: &[Coding]) -> Option<Coding> {
    let weight = |name: &str| {
        let named = |wanted: &str| {
            let is_it = |member: &str| {
                member.eq_ignore_ascii_case(wanted)
                    || (wanted == "gzip" && member.eq_ignore_ascii_case("x-gzip"))
            };
            accept::members(accepted).find(|(member, _)| is_it(member)).map(|(_, weight)| weight)
        };
        named(name).or_else(|| named("*"))
    };
    // Without `identity` in the list, the uncompressed file is used only if no coding is acceptable.
    let identity = accept::members(accepted)
        .find(|(name, _)| name.eq_ignore_ascii_case("identity"))
        .map_or(1, |(_, weight)| weight);
    let mut best: Option<(Coding, u16)> = None;
    for coding in offered {
        let weight = weight(coding.name()).unwrap_or(0);
        if weight > 0 && weight >= identity && best.is_none_or(|(_, most)| weight > most) {
            best = Some((*coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_follows_accept_encoding() {
        use Coding::{Brotli, Gzip};
        for (accepted, offered, chosen) in [
            ("gzip, deflate, br", &[Brotli, Gzip][..], Some(Brotli)),
            ("gzip, deflate, br;q=0.5", &[Brotli, Gzip], Some(Gzip)),
            ("br;q=0, gzip", &[Brotli, Gzip], Some(Gzip)),
            ("br", &[Gzip], None),
            ("", &[Brotli, Gzip], None),
            ("*", &[Brotli, Gzip], Some(Brotli)),
            ("*;q=0", &[Brotli, Gzip], None),
            ("br;q=0, *", &[Brotli, Gzip], Some(Gzip)),
            ("identity", &[Brotli, Gzip], None),
            ("identity;q=1, gzip;q=0.5", &[Gzip], None),
            ("identity;q=0.5, gzip", &[Gzip], Some(Gzip)),
            ("GZIP", &[Gzip], Some(Gzip)),
            ("x-gzip", &[Gzip], Some(Gzip)),
            ("gzip", &[], None),
        ] {
            assert_eq!(choose(accepted, offered), chosen, "{accepted}");
        }
    }
}
