//! CSRF check: whether a form was sent by one of our pages, according to the browser's own headers.
//!
//! Pure. There are no cookies, so a forged form gains nothing; this is a second line of defence.

/// Whether a request that may change something comes from another site's page.
///
/// Current browsers send `Sec-Fetch-Site`, which a page cannot forge. Older ones send `Origin`; because of our
/// `Referrer-Policy: no-referrer` it is `null` for our own pages (Fetch, "append a request `Origin` header"). Mail programs
/// and scripts send neither.
pub(crate) fn is_foreign(site: Option<&str>, origin: Option<&str>, own: &str) -> bool {
    match (site, origin) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, None | Some("null")) => false,
        (None, Some(origin)) => !origin.eq_ignore_ascii_case(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_fetch_site_decides_before_origin() {
        let own = "https://news.example.com";
        for (site, origin, foreign) in [
            (Some("same-origin"), Some("null"), false),
            (Some("same-origin"), Some("https://news.example.com"), false),
            (Some("none"), None, false),
            (Some("same-site"), Some("https://blog.example.com"), true),
            (Some("cross-site"), Some("https://evil.example"), true),
            (Some("cross-site"), Some("null"), true),
            (Some("cross-site"), Some("https://news.example.com"), true),
            (Some("SAME-ORIGIN, none"), None, true),
            (None, None, false),
            (None, Some("null"), false),
            (None, Some("https://news.example.com"), false),
            (None, Some("https://news.example.com.evil.example"), true),
            (None, Some("http://news.example.com"), true),
        ] {
            assert_eq!(is_foreign(site, origin, own), foreign, "{site:?} {origin:?}");
        }
    }
}
