//! The addresses of links and pictures of an imported page, and the pages of embedded players.

use url::Url;

/// An address for the post: absolute if the page is known; `None` if its scheme is not safe.
pub(super) fn address(raw: &str, page: Option<&Url>) -> Option<String> {
    let raw: String = raw.trim().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    if raw.is_empty() {
        return None;
    }
    match Url::parse(&raw) {
        Ok(url) => {
            let is_safe =
                ["http", "https", "mailto", "tel", "ftp", "sms", "geo", "xmpp"].contains(&url.scheme());
            is_safe.then_some(raw)
        }
        // A fragment of the same page stays valid when the page moves.
        Err(_) if raw.starts_with('#') => Some(raw),
        Err(_) => match page {
            Some(page) => page.join(&raw).ok().map(String::from),
            None => Some(raw),
        },
    }
}

/// The page of an embedded player; any other address is unchanged.
pub(super) fn embed_page(raw: &str, page: Option<&Url>) -> Option<String> {
    let raw = raw.trim();
    let raw = raw.strip_prefix("//").map_or_else(|| raw.to_owned(), |rest| format!("https://{rest}"));
    let address = address(&raw, page)?;
    let Ok(url) = Url::parse(&address) else { return Some(address) };
    let host = url.host_str().unwrap_or_default().trim_start_matches("www.");
    let path = url.path();
    let known = match host {
        "youtube.com" | "youtube-nocookie.com" => {
            path.strip_prefix("/embed/").map(|id| format!("https://www.youtube.com/watch?v={id}"))
        }
        "gist.github.com" => path.strip_suffix(".js").map(|gist| format!("https://gist.github.com{gist}")),
        "player.vimeo.com" => path.strip_prefix("/video/").map(|id| format!("https://vimeo.com/{id}")),
        _ => None,
    };
    Some(known.unwrap_or(address))
}
