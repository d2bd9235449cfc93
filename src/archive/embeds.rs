//! Players of other sites: videos and recordings that a post shows in a frame, or links to where a frame cannot be.
//!
//! Pure. Nothing is fetched, so a title comes from the post, and a picture is known only where its address follows from
//! the number of the video.

use url::Url;

use crate::config::EmbedHost;

/// A player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed {
    /// The address of the frame.
    pub frame: String,
    /// The page to open where there is no frame.
    pub page: String,
    /// A still picture.
    pub picture: Option<Still>,
}

/// A still picture of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// Its address.
    pub url: String,
    /// Its width and height in pixels.
    pub size: (u32, u32),
}

/// The player of a page with a video, if its host may be embedded: `https://youtu.be/…`, `https://vimeo.com/…`.
pub fn of_page(url: &str, hosts: &[EmbedHost]) -> Option<Embed> {
    let url = web_address(url)?;
    let host = host(&url);
    let embed = match host {
        "youtube.com" | "youtu.be" | "youtube-nocookie.com" => youtube(&url),
        "vimeo.com" => vimeo(&url),
        _ => None,
    };
    embed.filter(|_| is_allowed(if host == "youtu.be" { "youtube.com" } else { host }, hosts))
}

/// The player in a frame with this address, if its host may be embedded.
pub fn of_frame(url: &str, hosts: &[EmbedHost]) -> Option<Embed> {
    let url = web_address(url)?;
    player(&url).filter(|_| is_allowed(host(&url), hosts))
}

/// Whether feed readers that show frames know this player.
pub fn is_known_frame(url: &str) -> bool {
    let known = |url: &Url| KNOWN.iter().any(|known| is_below(host(url), known));
    web_address(url).is_some_and(|url| known(&url) && player(&url).is_some())
}

fn player(url: &Url) -> Option<Embed> {
    let page = match (host(url), url.path()) {
        ("youtube.com" | "youtube-nocookie.com", path) if path.starts_with("/embed/") => match youtube(url) {
            Some(embed) => return Some(embed),
            None => playlist(url),
        },
        ("player.vimeo.com", _) => return vimeo(url),
        ("open.spotify.com", path) => path.strip_prefix("/embed").map(|path| with_path(url, path)),
        ("w.soundcloud.com", "/player/") => parameter(url, "url").filter(|page| web_address(page).is_some()),
        ("bandcamp.com", path) if path.starts_with("/EmbeddedPlayer") => Some(url.to_string()),
        ("codepen.io", path) if path.contains("/embed/") => {
            Some(with_path(url, &path.replacen("/embed/", "/pen/", 1)))
        }
        (host, path) if !KNOWN.iter().any(|known| is_below(host, known)) => {
            // PeerTube, and what else the writer has listed.
            Some(with_path(url, &path.replacen("/videos/embed/", "/w/", 1)))
        }
        _ => None,
    };
    page.map(|page| Embed { frame: url.to_string(), page, picture: None })
}

/// The player in a frame of a rendered post, whose host was checked.
pub fn in_frame(url: &str) -> Option<Embed> {
    player(&web_address(url)?)
}

/// Hosts of which only the addresses of players may be in a frame.
const KNOWN: [&str; 7] = [
    "youtube.com",
    "youtube-nocookie.com",
    "vimeo.com",
    "spotify.com",
    "soundcloud.com",
    "bandcamp.com",
    "codepen.io",
];

/// An address without a port or a user, always with `https:`.
fn web_address(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.port().is_some() || !url.username().is_empty() {
        return None;
    }
    url.set_scheme("https").ok()?;
    Some(url)
}

fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    ["www.", "m.", "music."].iter().find_map(|prefix| host.strip_prefix(prefix)).unwrap_or(host)
}

fn is_allowed(host: &str, hosts: &[EmbedHost]) -> bool {
    let host = if host == "youtube-nocookie.com" { "youtube.com" } else { host };
    hosts.iter().any(|allowed| is_below(host, allowed.as_str()))
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The address of another page on the same host.
fn with_path(url: &Url, path: &str) -> String {
    let mut page = url.clone();
    page.set_path(path);
    page.set_query(None);
    page.set_fragment(None);
    page.into()
}

fn youtube(url: &Url) -> Option<Embed> {
    let mut path = url.path_segments()?;
    let id = match (host(url), path.next()?) {
        ("youtu.be", id) => id.to_owned(),
        (_, "watch") => parameter(url, "v")?,
        (_, "embed" | "shorts" | "live" | "v") => path.next()?.to_owned(),
        _ => return None,
    };
    let is_id = id.len() == 11 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !is_id || id == "videoseries" {
        return None;
    }
    let start = parameter(url, "start").or_else(|| parameter(url, "t")).and_then(|start| seconds(&start));
    let (frame, page) =
        start.map_or_else(Default::default, |start| (format!("?start={start}"), format!("&t={start}s")));
    Some(Embed {
        frame: format!("https://www.youtube-nocookie.com/embed/{id}{frame}"),
        page: format!("https://www.youtube.com/watch?v={id}{page}"),
        picture: Some(Still { url: format!("https://i.ytimg.com/vi/{id}/hqdefault.jpg"), size: (480, 360) }),
    })
}

fn playlist(frame: &Url) -> Option<String> {
    let list = parameter(frame, "list")?;
    Url::parse_with_params("https://www.youtube.com/playlist", [("list", list)]).ok().map(Into::into)
}

/// A number of seconds: `90`, `90s`, `1m30s`, `1h2m3s`.
fn seconds(text: &str) -> Option<u32> {
    let mut total = 0_u32;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let factor = match unit.bytes().next() {
            Some(b'h') => 3600,
            Some(b'm') => 60,
            Some(b's') | None => 1,
            Some(_) => return None,
        };
        total = total.checked_add(number.parse::<u32>().ok()?.checked_mul(factor)?)?;
        rest = unit.get(1..).unwrap_or_default();
    }
    (total > 0).then_some(total)
}

/// `vimeo.com/76979871`, with the key of an unlisted video behind it, or a player's address.
fn vimeo(url: &Url) -> Option<Embed> {
    let mut path = url.path_segments()?.filter(|part| !matches!(*part, "video" | "channels" | "staffpicks"));
    let id = path.next().filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))?;
    let key = parameter(url, "h").or_else(|| path.next().map(str::to_owned));
    let key = key.filter(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric()));
    let (frame, page) = key.map_or_else(Default::default, |key| (format!("&h={key}"), format!("/{key}")));
    Some(Embed {
        frame: format!("https://player.vimeo.com/video/{id}?dnt=1{frame}"),
        page: format!("https://vimeo.com/{id}{page}"),
        picture: None,
    })
}

/// The hosts of a configuration that names none.
#[cfg(test)]
pub(crate) fn usual() -> std::sync::Arc<[EmbedHost]> {
    let config = "[site]\ntitle = \"a\"\nurl = \"https://a.example/\"\n";
    crate::config::parse(config, "config.toml", ".".into()).unwrap().feeds.embeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_video_leads_to_one_player() {
        for url in [
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "http://m.youtube.com/watch?feature=share&v=dQw4w9WgXcQ#top",
            "https://youtu.be/dQw4w9WgXcQ?si=abc",
            "https://www.youtube.com/shorts/dQw4w9WgXcQ",
            "https://youtube.com/live/dQw4w9WgXcQ?feature=share",
            "https://music.youtube.com/watch?v=dQw4w9WgXcQ",
        ] {
            let embed = of_page(url, &usual()).unwrap();
            assert_eq!(embed.frame, "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ", "{url}");
            assert_eq!(embed.page, "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "{url}");
        }
        let later = of_page("https://youtu.be/dQw4w9WgXcQ?t=1m30s", &usual()).unwrap();
        assert_eq!(later.frame, "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?start=90");
        assert_eq!(later.page, "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=90s");
        for (url, key) in [
            ("https://vimeo.com/76979871", ("", "")),
            ("https://vimeo.com/channels/staffpicks/76979871", ("", "")),
            ("https://vimeo.com/76979871/8272103f6e", ("&h=8272103f6e", "/8272103f6e")),
        ] {
            let embed = of_page(url, &usual()).unwrap();
            assert_eq!(embed.frame, format!("https://player.vimeo.com/video/76979871?dnt=1{}", key.0));
            assert_eq!(embed.page, format!("https://vimeo.com/76979871{}", key.1));
        }
    }

    #[test]
    fn a_player_leads_to_its_page() {
        for (frame, page) in [
            (
                "https://www.youtube.com/embed/dQw4w9WgXcQ?rel=0",
                "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            ),
            (
                "https://www.youtube.com/embed/videoseries?list=PL1",
                "https://www.youtube.com/playlist?list=PL1",
            ),
            ("https://player.vimeo.com/video/76979871?h=8272103f6e", "https://vimeo.com/76979871/8272103f6e"),
            ("https://open.spotify.com/embed/episode/4rO?utm=1", "https://open.spotify.com/episode/4rO"),
            (
                "https://w.soundcloud.com/player/?url=https%3A//api.soundcloud.com/tracks/1&color=x",
                "https://api.soundcloud.com/tracks/1",
            ),
            ("https://bandcamp.com/EmbeddedPlayer/album=1/", "https://bandcamp.com/EmbeddedPlayer/album=1/"),
            ("https://codepen.io/a/embed/b?default-tab=css", "https://codepen.io/a/pen/b"),
        ] {
            assert_eq!(of_frame(frame, &usual()).unwrap().page, page);
        }
    }

    #[test]
    fn only_players_of_listed_hosts_are_embedded() {
        for url in [
            "https://www.youtube.com/@channel",
            "https://www.youtube.com/watch?v=short",
            "https://vimeo.com/about",
            "https://youtube.com.example.org/watch?v=dQw4w9WgXcQ",
            "https://notyoutube.com/watch?v=dQw4w9WgXcQ",
            "https://user@youtube.com/watch?v=dQw4w9WgXcQ",
            "javascript:https://youtu.be/dQw4w9WgXcQ",
        ] {
            assert_eq!(of_page(url, &usual()), None, "{url}");
        }
        for url in [
            "https://www.youtube.com/redirect?q=https://evil.example",
            "https://open.spotify.com/track/1",
            "https://video.example/videos/embed/1",
            "https://w.soundcloud.com/player/?url=javascript:alert(1)",
        ] {
            assert_eq!(of_frame(url, &usual()), None, "{url}");
        }
        assert_eq!(of_page("https://youtu.be/dQw4w9WgXcQ", &[]), None);
        let own = [EmbedHost::try_from("video.example".to_owned()).unwrap()];
        let embed = of_frame("https://tube.video.example/videos/embed/1?autoplay=1", &own).unwrap();
        assert_eq!(embed.page, "https://tube.video.example/w/1");
    }
}
