//! Whether a form was sent from a page of ours (CSRF), by what the browser itself says of it.
//!
//! Pure. There are no cookies, so a foreign page gains nothing by sending a form; this is the second bolt.

/// Whether a request that may change something comes from a page of somebody else.
///
/// A browser of today sends `Sec-Fetch-Site`, which no page can forge. Older ones send an `Origin`; from pages with our
/// `Referrer-Policy: no-referrer` it is `null` (Fetch, "append a request `Origin` header"). Mail programs and scripts send neither.
pub(super) fn is_foreign(site: Option<&str>, origin: Option<&str>, own: &str) -> bool {
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
    fn what_the_browser_says_of_the_page_decides() {
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
