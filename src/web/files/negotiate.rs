//! Which encoding of a file a reader takes (RFC 9110, 12.5.3), and what kind of file it is.

/// An encoding in which a file may lie beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::web) enum Encoding {
    /// As it is.
    Identity,
    /// `.gz`.
    Gzip,
    /// `.br`.
    Brotli,
}

impl Encoding {
    /// The word for it, `None` for the file itself.
    pub(in crate::web) const fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    /// What is added to the file's name.
    pub(in crate::web) const fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => ".gz",
            Self::Brotli => ".br",
        }
    }
}

/// The best encoding among those there are; of equals the smaller one.
pub(in crate::web) fn choose(accepted: Option<&str>, there: &[Encoding]) -> Encoding {
    let Some(accepted) = accepted else { return Encoding::Identity };
    let best = there
        .iter()
        .filter(|encoding| **encoding != Encoding::Identity)
        .map(|encoding| (weight(accepted, encoding.token().unwrap_or_default()), *encoding))
        .filter(|(weight, _)| *weight > 0)
        .max();
    match best {
        Some((weight, encoding)) if weight >= self_weight(accepted) => encoding,
        _ => Encoding::Identity,
    }
}

/// How much a reader wants an encoding, in thousandths.
fn weight(accepted: &str, token: &str) -> u16 {
    named(accepted, token).or_else(|| named(accepted, "*")).unwrap_or(0)
}

/// The file as it is may always be sent; only a weight of its own says how much it is wanted.
fn self_weight(accepted: &str) -> u16 {
    named(accepted, "identity").unwrap_or(1)
}

fn named(accepted: &str, token: &str) -> Option<u16> {
    accepted.split(',').find_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next()?;
        let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
        if !name.eq_ignore_ascii_case(token) {
            return None;
        }
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(quality.map_or(1000, thousandths))
    })
}

/// `0.5` is 500. What is no weight counts as none.
fn thousandths(quality: &str) -> u16 {
    let (whole, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let digits = format!("{decimals:0<3}");
    match (whole, digits.get(..3).and_then(|digits| digits.parse::<u16>().ok())) {
        ("1", Some(_)) => 1000,
        ("0", Some(thousandths)) => thousandths,
        _ => 0,
    }
}

/// The media type of a file with its charset. Feeds are known by how they begin, whatever they are called.
pub(in crate::web) fn media_type(path: &str, beginning: &[u8]) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let begins = |word: &str| beginning.windows(word.len()).any(|window| window == word.as_bytes());
    match extension.as_str() {
        "xml" | "rss" | "atom" if begins("<rss") => "application/rss+xml; charset=utf-8",
        "xml" | "rss" | "atom" if begins("<feed") => "application/atom+xml; charset=utf-8",
        "opml" => "text/x-opml; charset=utf-8",
        "xml" if begins("<opml") => "text/x-opml; charset=utf-8",
        "json" if begins("https://jsonfeed.org/version/") => "application/feed+json; charset=utf-8",
        "xml" | "rss" | "atom" => "application/xml; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml; charset=utf-8",
        "ico" => "image/x-icon",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "vtt" => "text/vtt; charset=utf-8",
        "pdf" => "application/pdf",
        "epub" => "application/epub+zip",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether a media type is one of a feed's.
pub(in crate::web) fn is_feed(media_type: &str) -> bool {
    ["application/rss+xml", "application/atom+xml", "application/feed+json"]
        .iter()
        .any(|feed| media_type.starts_with(feed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Brotli, Gzip, Identity};

    const ALL: [Encoding; 3] = [Identity, Gzip, Brotli];

    #[test]
    fn a_reader_gets_the_smallest_encoding_that_it_wants_most() {
        for (accepted, chosen) in [
            (None, Identity),
            (Some(""), Identity),
            (Some("gzip, deflate, br, zstd"), Brotli),
            (Some("gzip"), Gzip),
            (Some("x-gzip"), Gzip),
            (Some("gzip;q=1.0, br;q=0.8"), Gzip),
            (Some("br;q=0, gzip;q=0.001"), Gzip),
            (Some("*"), Brotli),
            (Some("*;q=0.5, br;q=0"), Gzip),
            (Some("identity, gzip;q=0.5"), Identity),
            (Some("identity;q=0.5, gzip;q=0.5"), Gzip),
            (Some("gzip;q=banana"), Identity),
            (Some("GZIP"), Gzip),
        ] {
            assert_eq!(choose(accepted, &ALL), chosen, "{accepted:?}");
        }
        assert_eq!(choose(Some("br, gzip"), &[Identity]), Identity, "what is not there is not sent");
    }

    #[test]
    fn a_feed_is_known_by_how_it_begins() {
        let rss = b"<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\">";
        assert_eq!(media_type("archive/3.xml", rss), "application/rss+xml; charset=utf-8");
        assert_eq!(
            media_type("a.xml", b"<feed xmlns=\"http://www.w3.org/2005/Atom\">"),
            "application/atom+xml; charset=utf-8"
        );
        assert_eq!(
            media_type("feed.json", b"{\"version\":\"https://jsonfeed.org/version/1.1\""),
            "application/feed+json; charset=utf-8"
        );
        assert_eq!(media_type("x.json", b"{}"), "application/json; charset=utf-8");
        assert_eq!(media_type("LICENSE", b""), "application/octet-stream");
    }
}
