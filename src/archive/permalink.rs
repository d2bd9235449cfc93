//! Slugs and page addresses. Pure; whether two posts share an address is seen where all of them are known.

use chrono::{DateTime, Datelike as _, FixedOffset};
use url::Url;

use super::links;
use crate::config::SiteUrl;

/// Longer names do not fit into a file name once they are encoded.
const MAX_SLUG: usize = 200;

/// Why a slug or an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermalinkError {
    /// Nothing is left of it.
    #[error("the slug is empty")]
    Empty,
    /// It would lead into another folder.
    #[error("the slug {0:?} holds a slash, a backslash or nothing but dots")]
    Path(String),
    /// It holds what cannot be seen.
    #[error("the slug holds the control character U+{0:04X}")]
    Control(u32),
    /// It is too long.
    #[error("the slug is {0} bytes long; {MAX_SLUG} is the limit")]
    Long(usize),
    /// The address is of another kind, or leaves the site.
    #[error("{0:?} is no page below the site")]
    Outside(String),
}

/// Checks a slug and brings it into its one form: percent-encoding undone (as `WordPress` exports have it), NFC.
pub fn slug(raw: &str) -> Result<String, PermalinkError> {
    let slug = links::readable(raw.trim());
    if let Some(control) = slug.chars().find(|c| c.is_control()) {
        return Err(PermalinkError::Control(u32::from(control)));
    }
    if slug.is_empty() {
        return Err(PermalinkError::Empty);
    }
    if slug.contains(['/', '\\']) || slug.chars().all(|c| c == '.') {
        return Err(PermalinkError::Path(slug));
    }
    if slug.len() > MAX_SLUG {
        return Err(PermalinkError::Long(slug.len()));
    }
    Ok(slug)
}

/// What the placeholders of a pattern stand for.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'p> {
    /// `:slug`.
    pub slug: &'p str,
    /// `:year`, `:month`, `:day`, in the post's own zone.
    pub published: DateTime<FixedOffset>,
    /// `:category`; without one the segment falls away.
    pub category: Option<&'p str>,
}

/// The page of a post: `own` (its `permalink`, `url` or `path`) if there is one, else `pattern`.
pub fn page(
    site: &SiteUrl,
    pattern: &str,
    own: Option<&str>,
    parts: Parts<'_>,
) -> Result<Url, PermalinkError> {
    let Some(own) = own else {
        return below(site, &expand(pattern, parts), pattern);
    };
    let outside = || PermalinkError::Outside(own.to_owned());
    if own.contains('\\') || own.chars().any(char::is_control) {
        return Err(outside());
    }
    match Url::parse(own) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            Url::parse(&links::canonical(&url)).map_err(|_| outside())
        }
        _ => below(site, &expand(own, parts), own),
    }
}

fn below(site: &SiteUrl, path: &str, shown: &str) -> Result<Url, PermalinkError> {
    links::below(site, path).ok_or_else(|| PermalinkError::Outside(shown.to_owned()))
}

/// Encoded values hold no colon, so that none of them is taken for a placeholder.
fn expand(pattern: &str, parts: Parts<'_>) -> String {
    let category = parts.category.map(links::segment).unwrap_or_default();
    let path = pattern
        .replace(":year", &format!("{:04}", parts.published.year()))
        .replace(":month", &format!("{:02}", parts.published.month()))
        .replace(":day", &format!("{:02}", parts.published.day()))
        .replace(":category", &category)
        .replace(":slug", &links::segment(parts.slug));
    if category.is_empty() { path.replace("//", "/") } else { path }
}

/// Two addresses with the same key are one file on a disk that does not tell upper from lower case.
pub fn case_folded(url: &Url) -> String {
    links::readable(url.as_str()).trim_end_matches('/').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(pattern: &str, own: Option<&str>) -> String {
        let site = SiteUrl::parse("https://example.com/blog").unwrap();
        let published = DateTime::parse_from_rfc3339("2024-05-01T00:30:00+09:00").unwrap();
        let parts = Parts { slug: "안녕 :year", published, category: None };
        page(&site, pattern, own, parts).map_or_else(|error| error.to_string(), String::from)
    }

    #[test]
    fn a_pattern_is_filled_from_the_post_and_nothing_else() {
        assert_eq!(
            address("/:year/:month/:day/:category/:slug/", None),
            "https://example.com/blog/2024/05/01/%EC%95%88%EB%85%95%20%3Ayear/"
        );
    }

    #[test]
    fn the_own_path_of_a_post_wins_and_stays_below_the_site() {
        assert_eq!(
            address("/:slug/", Some("글/하나/")),
            "https://example.com/blog/%EA%B8%80/%ED%95%98%EB%82%98/"
        );
        assert_eq!(address("/:slug/", Some("https://other.example/a")), "https://other.example/a");
        for own in ["../../etc", "%2e%2e/x", "a\\b", "javascript:/../../x"] {
            assert!(
                address("/:slug/", Some(own)).contains("no page below"),
                "{own}: {}",
                address("/:slug/", Some(own))
            );
        }
    }

    #[test]
    fn slugs_that_would_leave_the_folder_are_refused() {
        assert_eq!(slug(" %ED%95%9C ").unwrap(), "한");
        assert_eq!(slug("\u{1112}\u{1161}\u{11AB}").unwrap(), "한", "decomposed Korean is composed");
        for raw in ["", "..", "%2e%2e", "a/b", "a\\b", "a\0b", "a%2Fb", "..%2F..%2Fetc"] {
            assert!(slug(raw).is_err(), "{raw}");
        }
        assert_eq!(slug(&"가".repeat(100)), Err(PermalinkError::Long(300)));
    }
}
