//! Who may talk to the page: requests with its token, for a name of this machine, not from a page of another site. Pure.
//!
//! The port is open to every program of this machine and, through the browser, to every web page. A page of another site cannot
//! read answers, but it can point its own name at this machine (DNS rebinding) or send a form.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::text::hex;

/// The secret part of the address.
#[derive(Clone)]
pub(super) struct AddressToken(String);

impl AddressToken {
    pub(super) fn new(random: [u8; 16]) -> Self {
        Self(hex(&random))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `claimed` is the token. The time that this takes says nothing about it.
    pub(super) fn is(&self, claimed: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), claimed.as_bytes()).is_ok()
    }
}

/// Whether a `Host` is a name of this machine. Another name may have been pointed at it.
pub(super) fn is_own_host(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
        return false;
    };
    ["127.0.0.1", "localhost"].iter().any(|name| host.eq_ignore_ascii_case(&format!("{name}:{port}")))
}

/// The policy of the page: its own style sheet and script, frames and forms.
const PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                    frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The policy of what is shown in a frame: no script, no form, no frame, whatever is in it. The frame has the origin of the page, so
/// that the page can keep its scroll position; without scripts it can do nothing with it.
pub(super) fn framed_policy(has_pictures: bool) -> String {
    let pictures = if has_pictures { "'self' http: https: data:" } else { "'none'" };
    format!(
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; script-src 'none'; \
         style-src 'unsafe-inline'; img-src {pictures}; form-action 'none'; frame-ancestors 'self'"
    )
}

const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Adds the headers of every response; one that is there already wins.
pub(super) fn set_headers(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, PAGE),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (PERMISSIONS, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_with_the_port_are_answered() {
        let with = |hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            is_own_host(&headers, 4040)
        };
        assert!(with(&["127.0.0.1:4040"]) && with(&["localhost:4040"]) && with(&["LOCALHOST:4040"]));
        for hosts in [
            &[][..],
            &["127.0.0.1"],
            &["127.0.0.1:4041"],
            &["evil.example:4040"],
            &["127.0.0.1:4040.evil.example"],
            &["localhost.evil.example:4040"],
            &["[::1]:4040"],
            &["127.0.0.1:4040", "evil.example"],
        ] {
            assert!(!with(hosts), "{hosts:?}");
        }
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = AddressToken::new([7; 16]);
        assert!(token.is(&"07".repeat(16)));
        for other in ["", "07", &"07".repeat(15), &"07".repeat(17), &"08".repeat(16)] {
            assert!(!token.is(other), "{other}");
        }
    }

    #[test]
    fn what_is_framed_runs_no_script_and_loads_pictures_only_if_wanted() {
        let policy = framed_policy(false);
        assert!(policy.contains("img-src 'none'") && policy.contains("script-src 'none'"), "{policy}");
        assert!(!policy.contains("allow-scripts") && !policy.contains("allow-forms"), "{policy}");
        assert!(framed_policy(true).contains("img-src 'self' http: https: data:"));
    }
}
