//! Shortcodes of players: a file of the site, or a page of another service.

use super::syntax::Shortcode;

/// Services, and how an address with an id begins. Without one, only addresses are understood.
const SERVICES: [(&str, &str); 24] = [
    ("audio", ""),
    ("video", ""),
    ("youtube", "https://www.youtube.com/watch?v="),
    ("embedyt", "https://www.youtube.com/watch?v="),
    ("vimeo", "https://vimeo.com/"),
    ("wpvideo", "https://videopress.com/v/"),
    ("videopress", "https://videopress.com/v/"),
    ("dailymotion", "https://www.dailymotion.com/video/"),
    ("ted", "https://www.ted.com/talks/"),
    ("gist", "https://gist.github.com/"),
    ("tweet", "https://twitter.com/i/status/"),
    ("instagram", "https://www.instagram.com/p/"),
    ("slideshare", "https://www.slideshare.net/slideshow/embed_code/"),
    ("scribd", "https://www.scribd.com/document/"),
    ("soundcloud", ""),
    ("spotify", ""),
    ("bandcamp", ""),
    ("googlevideo", ""),
    ("googlemaps", ""),
    ("flickr", ""),
    ("facebook", ""),
    ("kickstarter", ""),
    ("pinterest", ""),
    ("iframe", ""),
];

/// Attributes with the address of a file or page.
const SOURCES: [&str; 14] =
    ["src", "mp3", "mp4", "m4a", "m4v", "ogg", "ogv", "oga", "wav", "flac", "webm", "mov", "url", "video"];

/// Whether a shortcode of this name is a player.
pub(super) fn is_player(name: &str) -> bool {
    SERVICES.iter().any(|(service, _)| *service == name)
}

/// What a player plays; `None` for other shortcodes, and if it is unclear.
pub(super) fn address(shortcode: &Shortcode<'_>) -> Option<String> {
    let stated = shortcode.attribute(&SOURCES).or_else(|| shortcode.attribute(&["id"]));
    full(shortcode, stated.or_else(|| shortcode.value())?)
}

/// What a player plays, if only the text between the shortcodes says it.
pub(super) fn address_in(shortcode: &Shortcode<'_>, body: &str) -> Option<String> {
    let body = body.trim();
    let is_plain = !body.is_empty() && !body.contains(['<', '[', ' ', '\n']);
    if is_plain { full(shortcode, body) } else { None }
}

fn full(shortcode: &Shortcode<'_>, stated: &str) -> Option<String> {
    let (_, prefix) = SERVICES.iter().find(|(service, _)| *service == shortcode.name)?;
    if shortcode.is_closing {
        return None;
    }
    if stated.starts_with("http://") || stated.starts_with("https://") || stated.starts_with("//") {
        return Some(stated.to_owned());
    }
    if prefix.is_empty() {
        // The address of a file may be relative.
        let is_file = matches!(shortcode.name.as_str(), "audio" | "video") && stated.contains('.');
        return is_file.then(|| stated.to_owned());
    }
    let is_id = stated.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte));
    is_id.then(|| format!("{prefix}{stated}"))
}
