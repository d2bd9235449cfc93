//! Addresses: relative to absolute, and every absolute one in its canonical form. Only addresses as text; what
//! stands in HTML is found elsewhere, and nothing is fetched.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;
use url::{Position, Url};

use crate::config::SiteUrl;

/// What an address is for: readers follow a link, but a picture or a sound is loaded without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `href`, `cite`.
    Link,
    /// `src`, `srcset`, `poster`.
    Resource,
}

/// Why an address is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No URL can be made of it.
    #[error("{0:?} is not an address")]
    Malformed(String),
    /// `javascript:`, `data:` and whatever else could run or hide something.
    #[error("a `{0}:` address is not safe in a feed or a letter")]
    Scheme(String),
}

/// What a link may lead to; an allow-list, since every program registers schemes of its own.
pub(super) const LINK_SCHEMES: [&str; 14] = [
    "http", "https", "mailto", "tel", "sms", "xmpp", "ftp", "ftps", "irc", "ircs", "matrix", "geo", "magnet",
    "webcal",
];

/// Longer addresses are cut by mail programs; in messages they would only hide the point.
const SHOWN: usize = 80;

/// `raw`, as it stands in the page `page`, as a canonical absolute URL.
pub fn absolute(page: &Url, raw: &str, purpose: Purpose) -> Result<String, LinkError> {
    let malformed = || LinkError::Malformed(raw.chars().take(SHOWN).collect());
    let url = page.join(raw.trim()).map_err(|_| malformed())?;
    if !url.host_str().is_none_or(is_host) {
        return Err(malformed());
    }
    let allowed = match purpose {
        Purpose::Link => LINK_SCHEMES.contains(&url.scheme()),
        Purpose::Resource => matches!(url.scheme(), "http" | "https"),
    };
    if allowed { Ok(canonical(&url)) } else { Err(LinkError::Scheme(url.scheme().to_owned())) }
}

/// Whether RFC 3986 takes these characters in a host (`reg-name`, `IP-literal`): browsers, and so the `url` crate,
/// allow `{` and others too, which no feed may hold and no percent-encoding can save.
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%[]:".contains(&byte))
}

/// Every candidate of a `srcset`, absolute; `None` if none is left.
pub fn srcset(page: &Url, raw: &str) -> Option<String> {
    let mut candidates = Vec::new();
    let mut rest = raw;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        // A comma belongs to the URL unless white space follows (HTML, 4.8.4.2.1 "srcset attributes").
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (url, after) = rest.split_at(end);
        let bare = url.trim_end_matches(',');
        let (descriptor, next) =
            if bare.len() < url.len() { ("", after) } else { after.split_once(',').unwrap_or((after, "")) };
        let descriptor = descriptor.trim();
        let known = descriptor.is_empty()
            || descriptor.strip_suffix(['w', 'x', 'h']).is_some_and(|number| number.parse::<f64>().is_ok());
        if let (true, Ok(url)) = (known, absolute(page, bare, Purpose::Resource)) {
            // A comma at the end of a URL would be read as the end of the candidate.
            let url = url.replace(',', "%2C");
            candidates.push(if descriptor.is_empty() { url } else { format!("{url} {descriptor}") });
        }
        rest = next;
    }
    (!candidates.is_empty()).then(|| candidates.join(", "))
}

/// Whether a URL shows a user name or a password to everybody who reads it.
pub fn has_user_info(url: &str) -> bool {
    Url::parse(url)
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

/// The URL in the form of RFC 3986: every character that is not allowed is encoded, and every `%xx` is upper-case.
pub fn canonical(url: &Url) -> String {
    let (head, tail) = (&url[..Position::BeforePath], &url[Position::BeforePath..]);
    [head, &encode(tail, NOT_ALLOWED)].concat()
}

/// `text` with the characters of `set` percent-encoded, and with every `%xx` in upper case instead of encoded again.
pub(super) fn encode(text: &str, set: &'static AsciiSet) -> String {
    let mut parts = text.split('%');
    let mut encoded: String = utf8_percent_encode(parts.next().unwrap_or_default(), set).collect();
    for part in parts {
        match part.get(..2).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(code) => {
                encoded.extend(["%", &code.to_ascii_uppercase()]);
                encoded.extend(utf8_percent_encode(&part[2..], set));
            }
            None => {
                encoded.push_str("%25");
                encoded.extend(utf8_percent_encode(part, set));
            }
        }
    }
    encoded
}

/// The characters that [`segment`] encodes.
const NOT_IN_SEGMENT: &AsciiSet = &NOT_ALLOWED.add(b'#').add(b'/').add(b':').add(b'?');

/// One segment of a path, or the specific part of a `tag:` URI (RFC 3986 `pchar`); the colon is encoded too,
/// since it begins a placeholder in a permalink and ends a part of a tag.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, NOT_IN_SEGMENT).to_string()
}

/// Undoes percent-encoding and composes (NFC); text that is not encoded UTF-8 stays as it is.
pub fn readable(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.nfc().collect(), |text| text.nfc().collect())
}

/// Whether an address is a relative one of a Markdown file.
pub fn names_markdown(raw: &str) -> bool {
    let path = raw.split(['#', '?']).next().unwrap_or_default();
    let end = camino::Utf8Path::new(path).extension().unwrap_or_default().to_ascii_lowercase();
    matches!(end.as_str(), "md" | "markdown") && !path.starts_with("//") && Url::parse(raw).is_err()
}

/// The page at `path` (already encoded) below the site.
pub fn below(site: &SiteUrl, path: &str) -> Option<Url> {
    let joined = format!("{}{}", site.as_str(), path.trim_start_matches('/'));
    let url = Url::parse(&joined).ok()?;
    // `Url` resolves dot segments: an address that then stands elsewhere is not below the site.
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
        absolute(&page(), raw, Purpose::Link).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn relative_addresses_become_absolute_as_in_a_browser() {
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
    fn korean_spaces_quotes_and_international_hosts_are_encoded() {
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
    fn addresses_that_could_run_something_are_refused_however_they_are_spelled() {
        for raw in [
            "javascript:alert(1)",
            " JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
        ] {
            assert!(matches!(absolute(&page(), raw, Purpose::Link), Err(LinkError::Scheme(_))), "{raw}");
        }
        assert!(absolute(&page(), "mailto:a@example.com", Purpose::Resource).is_err());
        assert!(absolute(&page(), "https://[", Purpose::Link).is_err());
        assert!(absolute(&page(), "https://{a/", Purpose::Link).is_err());
    }

    #[test]
    fn every_candidate_of_a_srcset_is_absolute_and_unsafe_ones_are_gone() {
        assert_eq!(
            srcset(&page(), "a.png 1x, /b,c.png 2x,data:image/png;base64,AA 3x, d.png").unwrap(),
            "https://example.com/blog/slug/a.png 1x, https://example.com/b%2Cc.png 2x, https://example.com/blog/slug/d.png"
        );
        assert_eq!(srcset(&page(), " , "), None);
    }

    #[test]
    fn a_user_name_in_an_address_is_seen() {
        assert!(has_user_info("https://a@b.example/") && has_user_info("https://a:b@b.example/"));
        assert!(!has_user_info("mailto:a@b.example") && !has_user_info("https://b.example/@a"));
    }

    #[test]
    fn a_path_that_climbs_out_of_the_site_is_not_below_it() {
        let site = SiteUrl::parse("https://example.com/blog").unwrap();
        assert_eq!(
            below(&site, "/2024/%EA%B8%80/").unwrap().as_str(),
            "https://example.com/blog/2024/%EA%B8%80/"
        );
        assert!(below(&site, "../x").is_none() && below(&site, "%2e%2e/x").is_none());
    }

    proptest! {
        #[test]
        fn an_absolute_address_is_ascii_without_spaces_and_stays_as_it_is(raw in any::<String>()) {
            if let Ok(url) = absolute(&page(), &raw, Purpose::Link) {
                prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`{}|\\^".contains(&byte)), "{}", url);
                prop_assert_eq!(absolute(&page(), &url, Purpose::Link).unwrap(), url);
            }
        }

        #[test]
        fn a_segment_can_be_read_back(raw in "[^%]*") {
            prop_assert_eq!(readable(&segment(&raw)), raw.nfc().collect::<String>());
        }
    }
}
