//! Turns relative URLs into absolute, canonical ones. Works on text only: nothing is fetched, and the URLs in HTML are
//! found elsewhere.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;
use url::{Position, Url};

use crate::config::SiteUrl;

/// What a URL is used for. A link is followed by a click; a picture or a sound is loaded automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// `href`, `cite`.
    Link,
    /// `src`, `srcset`, `poster`.
    Resource,
}

/// Why a URL is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It is not a valid URL.
    #[error("{0:?} is not a valid address")]
    Malformed(String),
    /// `javascript:`, `data:` and other schemes that could run or hide something.
    #[error("a `{0}:` address is not safe in a feed or an email")]
    Scheme(String),
}

/// The schemes that a link may have. An allow-list, because any program can register a scheme.
pub(super) const LINK_SCHEMES: [&str; 14] = [
    "http", "https", "mailto", "tel", "sms", "xmpp", "ftp", "ftps", "irc", "ircs", "matrix", "geo", "magnet",
    "webcal",
];

/// Longer URLs make an error message hard to read.
const SHOWN: usize = 80;

/// The URL `raw` in the page `page`, absolute and canonical.
pub fn absolute(page: &Url, raw: &str, purpose: LinkKind) -> Result<String, LinkError> {
    let malformed = || LinkError::Malformed(raw.chars().take(SHOWN).collect());
    let url = page.join(raw.trim()).map_err(|_| malformed())?;
    if !url.host_str().is_none_or(is_host) {
        return Err(malformed());
    }
    let allowed = match purpose {
        LinkKind::Link => LINK_SCHEMES.contains(&url.scheme()),
        LinkKind::Resource => matches!(url.scheme(), "http" | "https"),
    };
    if allowed { Ok(canonical(&url)) } else { Err(LinkError::Scheme(url.scheme().to_owned())) }
}

/// Whether RFC 3986 allows these characters in a host (`reg-name`, `IP-literal`). Browsers and the `url` crate also allow
/// `{` and others, which are invalid in a feed and cannot be percent-encoded.
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%[]:".contains(&byte))
}

/// A `srcset` with absolute URLs; `None` if no candidate is left.
pub fn srcset(page: &Url, raw: &str) -> Option<String> {
    let mut candidates = Vec::new();
    let mut rest = raw;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        // A comma is part of the URL unless white space follows (HTML, 4.8.4.2.1 "srcset attributes").
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (url, after) = rest.split_at(end);
        let bare = url.trim_end_matches(',');
        let (descriptor, next) =
            if bare.len() < url.len() { ("", after) } else { after.split_once(',').unwrap_or((after, "")) };
        let descriptor = descriptor.trim();
        let known = descriptor.is_empty()
            || descriptor.strip_suffix(['w', 'x', 'h']).is_some_and(|number| number.parse::<f64>().is_ok());
        if let (true, Ok(url)) = (known, absolute(page, bare, LinkKind::Resource)) {
            // A comma at the end of the URL would end the candidate.
            let url = url.replace(',', "%2C");
            candidates.push(if descriptor.is_empty() { url } else { format!("{url} {descriptor}") });
        }
        rest = next;
    }
    (!candidates.is_empty()).then(|| candidates.join(", "))
}

/// Whether a URL contains a user name or a password, which would be published with it.
pub fn has_user_info(url: &str) -> bool {
    url.contains('@')
        && Url::parse(url)
            .is_ok_and(|url| url.has_host() && (!url.username().is_empty() || url.password().is_some()))
}

/// The characters that the `url` crate leaves and RFC 3986 does not allow.
const NOT_ALLOWED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The URL in the form of RFC 3986: characters that the `url` crate leaves raw are encoded, and `%xx` is upper case.
pub fn canonical(url: &Url) -> String {
    let (head, tail) = (&url[..Position::BeforePath], &url[Position::BeforePath..]);
    [head, &encode(tail, NOT_ALLOWED)].concat()
}

/// `text` with the characters of `set` percent-encoded, and with every `%xx` in upper case instead of encoded again.
pub(super) fn encode(text: &str, set: &'static AsciiSet) -> String {
    let mut parts = text.split('%');
    let mut encoded: String = utf8_percent_encode(parts.next().unwrap_or_default(), set).collect();
    for part in parts {
        let code = part.get(..2).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        if let Some(code) = code {
            encoded.extend(["%", &code.to_ascii_uppercase()]);
            encoded.extend(utf8_percent_encode(&part[2..], set));
        } else {
            encoded.push_str("%25");
            encoded.extend(utf8_percent_encode(part, set));
        }
    }
    encoded
}

/// The characters that [`segment`] encodes.
const NOT_IN_SEGMENT: &AsciiSet = &NOT_ALLOWED.add(b'#').add(b'/').add(b':').add(b'?');

/// Encodes one segment of a path, or of a `tag:` URI (RFC 3986 `pchar`). The colon is encoded too, because it starts a
/// placeholder in a permalink and separates the parts of a tag URI.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NOT_IN_SEGMENT).to_string()
}

/// Percent-decodes and composes (NFC); text that does not decode to UTF-8 stays as it is.
pub fn readable(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.nfc().collect(), |text| text.nfc().collect())
}

/// Whether a URL is a relative reference to a Markdown file.
pub fn names_markdown(raw: &str) -> bool {
    let path = raw.split(['#', '?']).next().unwrap_or_default();
    let end = camino::Utf8Path::new(path).extension().unwrap_or_default().to_ascii_lowercase();
    matches!(end.as_str(), "md" | "markdown") && !path.starts_with("//") && Url::parse(raw).is_err()
}

/// The URL of `path` (already encoded) below the site.
pub fn below(site: &SiteUrl, path: &str) -> Option<Url> {
    let joined = format!("{}{}", site.as_str(), path.trim_start_matches('/'));
    let url = Url::parse(&joined).ok()?;
    // `Url` resolves dot segments, so the result may be outside the site.
    let below = url.as_str().starts_with(site.as_str());
    below.then(|| Url::parse(&canonical(&url)).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page() -> Url {
        Url::parse("https://example.com/blog/slug/").unwrap()
    }

    fn link(raw: &str) -> String {
        absolute(&page(), raw, LinkKind::Link).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn relative_urls_are_resolved_as_in_a_browser() {
        for (raw, expected) in [
            ("./x.png", "https://example.com/blog/slug/x.png"),
            ("../other/", "https://example.com/blog/other/"),
            ("/x", "https://example.com/x"),
            ("//cdn.example.org/y", "https://cdn.example.org/y"),
            ("#절", "https://example.com/blog/slug/#%EC%A0%88"),
            ("?a=1&b=2", "https://example.com/blog/slug/?a=1&b=2"),
            ("", "https://example.com/blog/slug/"),
        ] {
            assert_eq!(link(raw), expected, "{raw}");
        }
    }

    #[test]
    fn korean_text_spaces_quotes_and_international_hosts_are_encoded() {
        assert_eq!(link("사진 1.png"), "https://example.com/blog/slug/%EC%82%AC%EC%A7%84%201.png");
        assert_eq!(
            link("https://한국.kr/%ea%b8%80?q=\"a|b\""),
            "https://xn--3e0b707e.kr/%EA%B8%80?q=%22a%7Cb%22"
        );
        assert_eq!(link("100%.html"), "https://example.com/blog/slug/100%25.html");
        assert_eq!(
            link("mailto:kim@example.com?subject=안녕 a"),
            "mailto:kim@example.com?subject=%EC%95%88%EB%85%95%20a"
        );
    }

    #[test]
    fn unsafe_schemes_are_rejected_in_any_spelling() {
        for raw in [
            "javascript:alert(1)",
            " JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
        ] {
            assert!(matches!(absolute(&page(), raw, LinkKind::Link), Err(LinkError::Scheme(_))), "{raw}");
        }
        assert!(absolute(&page(), "mailto:a@example.com", LinkKind::Resource).is_err());
        assert!(absolute(&page(), "https://[", LinkKind::Link).is_err());
        assert!(absolute(&page(), "https://{a/", LinkKind::Link).is_err());
    }

    #[test]
    fn the_candidates_of_a_srcset_become_absolute_and_unsafe_ones_are_removed() {
        assert_eq!(
            srcset(&page(), "a.png 1x, /b,c.png 2x,data:image/png;base64,AA 3x, d.png").unwrap(),
            "https://example.com/blog/slug/a.png 1x, https://example.com/b%2Cc.png 2x, https://example.com/blog/slug/d.png"
        );
        assert_eq!(srcset(&page(), " , "), None);
    }

    #[test]
    fn a_user_name_in_a_url_is_found() {
        assert!(has_user_info("https://a@b.example/") && has_user_info("https://a:b@b.example/"));
        assert!(!has_user_info("mailto:a@b.example") && !has_user_info("https://b.example/@a"));
    }

    #[test]
    fn a_path_that_leaves_the_site_is_not_below_it() {
        let site = SiteUrl::parse("https://example.com/blog").unwrap();
        assert_eq!(
            below(&site, "/2024/%EA%B8%80/").unwrap().as_str(),
            "https://example.com/blog/2024/%EA%B8%80/"
        );
        assert!(below(&site, "../x").is_none() && below(&site, "%2e%2e/x").is_none());
    }

    proptest! {
        #[test]
        fn an_absolute_url_is_ascii_without_spaces_and_does_not_change_again(raw in any::<String>()) {
            if let Ok(url) = absolute(&page(), &raw, LinkKind::Link) {
                prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`{}|\\^".contains(&byte)), "{}", url);
                prop_assert_eq!(absolute(&page(), &url, LinkKind::Link).unwrap(), url);
            }
        }

        #[test]
        fn an_encoded_segment_can_be_decoded(raw in "[^%]*") {
            prop_assert_eq!(readable(&segment(&raw)), raw.nfc().collect::<String>());
        }
    }
}
