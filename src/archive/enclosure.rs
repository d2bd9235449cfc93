//! The files that belong to a post: recordings, films and documents, with their podcast fields, and its picture. Pure: lists
//! the places where a file may be; `folder` looks there.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use url::Url;

use super::front_matter::{DeclaredEnclosure, EpisodeKind, Spanned};
use super::links::{self, LinkKind};
use crate::config::{Config, PodcastPerson, SiteUrl};
use crate::finding::Finding;
use crate::text::XmlText;

/// A file that belongs to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosure {
    /// Its public URL.
    pub url: Url,
    /// Its length in bytes.
    pub length: u64,
    /// Its registered media type.
    pub media_type: String,
    /// The file that was measured, relative to the configuration; `None` if the author stated the length.
    pub file: Option<Utf8PathBuf>,
    /// Its podcast fields.
    pub episode: Episode,
}

impl Enclosure {
    /// Whether it is audio or video, and so an episode of a podcast.
    pub fn is_episode(&self) -> bool {
        self.media_type.starts_with("audio/") || self.media_type.starts_with("video/")
    }
}

/// The podcast fields of an episode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Episode {
    /// Seconds.
    pub duration: Option<u32>,
    /// The number in its season.
    pub number: Option<u32>,
    /// The number of its season.
    pub season: Option<u32>,
    /// What kind of episode it is.
    pub kind: Option<EpisodeKind>,
    /// Whether it has explicit content.
    pub explicit: Option<bool>,
    /// Its transcript.
    pub transcript: Option<Transcript>,
    /// Its chapters, in the JSON of the podcast namespace.
    pub chapters: Option<Url>,
    /// What players show instead of the number.
    pub label: Option<String>,
    /// What players show instead of the number of the season.
    pub season_name: Option<String>,
    /// Who speaks in it.
    pub people: Vec<PodcastPerson>,
}

/// What is known about the picture of a post besides its address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageInfo {
    /// What it shows, in words.
    pub alt: Option<XmlText>,
    /// The file that was measured, relative to the configuration.
    pub file: Option<Utf8PathBuf>,
    /// Its length in bytes.
    pub length: Option<u64>,
    /// Its width and height.
    pub size: Option<(u32, u32)>,
}

/// Measures files, whose names are relative to the configuration.
pub(super) trait Measure {
    /// The length in bytes, if the file exists.
    fn length(&self, file: &Utf8Path) -> Option<u64>;

    /// The width and the height, if the file is a picture.
    fn size(&self, file: &Utf8Path) -> Option<(u32, u32)>;
}

/// The transcript of an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// Where it is.
    pub url: Url,
    /// Its media type.
    pub media_type: &'static str,
}

/// File name extensions and their media types in the IANA registry.
const MEDIA_TYPES: [(&str, &str); 26] = [
    ("aac", "audio/aac"),
    ("avif", "image/avif"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("wav", "audio/vnd.wave"),
    ("webp", "image/webp"),
    ("zip", "application/zip"),
];

/// The media types that the podcast namespace allows for transcripts.
const TRANSCRIPT_TYPES: [(&str, &str); 6] = [
    ("htm", "text/html"),
    ("html", "text/html"),
    ("json", "application/json"),
    ("srt", "application/x-subrip"),
    ("txt", "text/plain"),
    ("vtt", "text/vtt"),
];

/// The media type of the file at `url`, by its extension.
pub fn media_type(url: &Url) -> Option<&'static str> {
    by_ending(&MEDIA_TYPES, url)
}

/// The media type of the transcript at `url`; HTML by default.
pub(super) fn transcript_type(url: &Url) -> &'static str {
    by_ending(&TRANSCRIPT_TYPES, url).unwrap_or("text/html")
}

fn by_ending(types: &[(&'static str, &'static str)], url: &Url) -> Option<&'static str> {
    let name = url.path().rsplit('/').next()?;
    let (_, ending) = name.rsplit_once('.')?;
    types.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending)).map(|(_, media_type)| *media_type)
}

/// Whether `text` has the shape of a media type without parameters (RFC 6838, 4.2).
pub(super) fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        (1..=127).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

/// Where the file of a URL can be: in the folder of a bundle, and in the folder of static files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'p> {
    pub(super) site: &'p SiteUrl,
    pub(super) page: &'p Url,
    /// The folder whose files are below the page, relative to the configuration: that of a bundle (`index.md`).
    pub(super) bundle: Option<&'p Utf8Path>,
    /// The folder of static files, relative to the configuration.
    pub(super) static_files: &'p Utf8Path,
}

impl Places<'_> {
    /// The files that `url` may refer to, the most likely first; none if it is on another site.
    pub(super) fn files(&self, url: &Url) -> Vec<Utf8PathBuf> {
        let bundle = self.bundle.and_then(|folder| below(folder, self.page.as_str(), url));
        let fixed = below(self.static_files, self.site.as_str(), url);
        bundle.into_iter().chain(fixed).collect()
    }
}

/// The file in `folder` that a server would serve for `url`, if `base` is the URL of the folder.
fn below(folder: &Utf8Path, base: &str, url: &Url) -> Option<Utf8PathBuf> {
    let base = &base[..=base.rfind('/')?];
    let rest = url.as_str().strip_prefix(base)?.split(['?', '#']).next()?;
    let rest = Utf8PathBuf::from(links::readable(rest));
    let is_inside = rest.components().all(|part| matches!(part, Utf8Component::Normal(_)));
    (is_inside && !rest.as_str().ends_with('/') && rest.file_name().is_some()).then(|| folder.join(rest))
}

/// Adds the measures of the picture at `url`, if its file is beside the post or among the static files.
pub(super) fn measure_image(
    info: &mut ImageInfo,
    url: &Url,
    (source, page): (&Utf8Path, &Url),
    config: &Config,
    measure: &impl Measure,
) {
    let places = Places {
        site: &config.site.url,
        page,
        bundle: source.parent(),
        static_files: &config.archive.static_files,
    };
    let found = places.files(url).into_iter().find_map(|file| Some((measure.length(&file)?, file)));
    if let Some((length, file)) = found {
        info.size = measure.size(&file);
        info.length = Some(length);
        info.file = Some(file);
    }
}

/// Builds an enclosure from the front matter. For a file that cannot be measured, the author states the length.
pub(super) fn take_in(
    stated: Spanned<DeclaredEnclosure>,
    (source, page): (&Utf8Path, &Url),
    config: &Config,
    measure: &impl Measure,
) -> Result<Enclosure, Finding> {
    let Spanned { line, value: stated } = stated;
    let wrong = |message: String, hint: &str| {
        Finding::error("post-enclosure", source.as_str(), message).at(line).hint(hint)
    };
    let resource = |raw: &str| {
        let url = links::absolute(page, raw, LinkKind::Resource).map_err(|error| error.to_string());
        url.and_then(|url| Url::parse(&url).map_err(|error| error.to_string()))
            .map_err(|error| wrong(error, "write an https: address, or the name of a file beside the post"))
    };
    let url = resource(&stated.url)?;
    let bundle = (source.file_stem() == Some("index")).then(|| source.parent()).flatten();
    let places = Places { site: &config.site.url, page, bundle, static_files: &config.archive.static_files };
    let files = places.files(&url);
    let measured = files.iter().find_map(|file| Some((measure.length(file)?, Some(file.clone()))));
    let (length, file) = measured
        .or(stated.length.map(|length| (length, None)))
        .ok_or_else(|| unmeasured(&url, &files, wrong))?;
    let media_type = match &stated.media_type {
        Some(stated) if is_media_type(stated) => stated.clone(),
        Some(stated) => {
            return Err(wrong(format!("{stated:?} is not a media type"), r#"write it like "audio/mpeg""#));
        }
        None => media_type(&url).map(str::to_owned).ok_or_else(|| {
            let message = format!("the extension of {url} does not tell its media type");
            wrong(message, r#"state it: enclosure = { url = "…", type = "audio/mpeg" }"#)
        })?,
    };
    let transcript = stated.transcript.as_deref().map(resource).transpose()?.map(|url| {
        let media_type = transcript_type(&url);
        Transcript { url, media_type }
    });
    let chapters = stated.chapters.as_deref().map(resource).transpose()?;
    let DeclaredEnclosure { duration, number, season, kind, explicit, label, season_name, people, .. } =
        stated;
    let episode = Episode {
        duration,
        number,
        season,
        kind,
        explicit,
        transcript,
        chapters,
        label,
        season_name,
        people,
    };
    Ok(Enclosure { url, length, media_type, file, episode })
}

/// Feed readers show the length before the download, and podcast directories reject a wrong one.
fn unmeasured(url: &Url, looked: &[Utf8PathBuf], wrong: impl Fn(String, &str) -> Finding) -> Finding {
    if looked.is_empty() {
        let message = format!("{url} is not a local file, so its length cannot be measured");
        return wrong(message, r#"state it in bytes: enclosure = { url = "…", length = 12345678 }"#);
    }
    let names = looked.iter().map(|file| file.as_str()).collect::<Vec<_>>().join(" or ");
    wrong(format!("there is no file {names}"), "put it there, or state its `length` in bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(url: &str) -> Vec<String> {
        let (site, page) = (
            SiteUrl::parse("https://example.com/blog/").unwrap(),
            Url::parse("https://example.com/blog/trip/").unwrap(),
        );
        let places = Places {
            site: &site,
            page: &page,
            bundle: Some(Utf8Path::new("posts/trip")),
            static_files: Utf8Path::new("static"),
        };
        places.files(&page.join(url).unwrap()).into_iter().map(Utf8PathBuf::into_string).collect()
    }

    #[test]
    fn a_file_is_looked_for_in_the_bundle_and_in_the_static_files_only() {
        assert_eq!(files("소리 1.mp3"), ["posts/trip/소리 1.mp3", "static/trip/소리 1.mp3"]);
        assert_eq!(files("/blog/audio/1.mp3?v=2"), ["static/audio/1.mp3"]);
        for elsewhere in ["/other/1.mp3", "https://cdn.example/1.mp3", "..%2F..%2Fetc%2Fpasswd", "./"] {
            assert_eq!(files(elsewhere), [""; 0], "{elsewhere}");
        }
    }

    #[test]
    fn a_media_type_comes_from_the_extension_and_is_checked() {
        let of = |name: &str| media_type(&Url::parse("https://e.example/a/").unwrap().join(name).unwrap());
        assert_eq!(of("1.MP3?x=.pdf"), Some("audio/mpeg"));
        assert_eq!((of("1.exe"), of("mp3")), (None, None));
        assert!(is_media_type("audio/vnd.wave") && is_media_type("application/epub+zip"));
        assert!(!is_media_type("audio") && !is_media_type("audio/mp3; x=1") && !is_media_type("a//b"));
        assert!(MEDIA_TYPES.iter().all(|(_, media_type)| is_media_type(media_type)));
    }

    fn taken_in(stated: &str, lengths: &[(&str, u64)]) -> Result<Enclosure, String> {
        let config = crate::config::fixtures::config();
        let parts = crate::archive::front_matter::split(stated, "a.md").unwrap();
        let (fields, _) = crate::archive::front_matter::fields::read(&parts.entries, "a.md", &config.site);
        let page = Url::parse("https://example.com/trip/").unwrap();
        let source = Utf8Path::new("posts/trip/index.md");
        let first = fields.enclosures.into_iter().next().unwrap();
        take_in(first, (source, &page), &config, &Files(lengths)).map_err(|wrong| wrong.to_string())
    }

    /// Files with their lengths; each picture is three by two pixels.
    struct Files<'f>(&'f [(&'f str, u64)]);

    impl Measure for Files<'_> {
        fn length(&self, file: &Utf8Path) -> Option<u64> {
            self.0.iter().find(|(name, _)| file == *name).map(|found| found.1)
        }

        fn size(&self, file: &Utf8Path) -> Option<(u32, u32)> {
            self.length(file).map(|_| (3, 2))
        }
    }

    #[test]
    fn a_picture_beside_the_post_is_measured_and_one_elsewhere_is_not() {
        let config = crate::config::fixtures::config();
        let page = Url::parse("https://example.com/trip/").unwrap();
        let files = Files(&[("posts/cat.jpg", 900), ("static/images/dog.png", 30)]);
        let measured = |url: &str| {
            let mut info = ImageInfo::default();
            let url = page.join(url).unwrap();
            measure_image(&mut info, &url, (Utf8Path::new("posts/trip.md"), &page), &config, &files);
            (info.length, info.size)
        };
        assert_eq!(measured("cat.jpg"), (Some(900), Some((3, 2))));
        assert_eq!(measured("/images/dog.png"), (Some(30), Some((3, 2))));
        assert_eq!(measured("https://cdn.example/cat.jpg"), (None, None));
    }

    #[test]
    fn a_local_file_is_measured_even_if_the_author_states_a_length() {
        let text = "+++\nenclosure = { url = \"1.mp3\", length = 7 }\n+++\n";
        let enclosure = taken_in(text, &[("static/trip/1.mp3", 900), ("posts/trip/1.mp3", 1000)]).unwrap();
        assert_eq!((enclosure.length, enclosure.media_type.as_str()), (1000, "audio/mpeg"));
        assert_eq!(enclosure.file.unwrap(), "posts/trip/1.mp3");
        assert_eq!(taken_in(text, &[]).unwrap().length, 7, "the site is built elsewhere");
    }

    #[test]
    fn an_enclosure_without_length_or_type_is_rejected_with_its_line() {
        for (text, words) in [
            (
                "+++\naudio = \"1.mp3\"\n+++\n",
                "a.md:2: error: there is no file posts/trip/1.mp3 or static/trip",
            ),
            ("+++\naudio = \"https://cdn.example/1.mp3\"\n+++\n", "is not a local file"),
            ("+++\naudio = { url = \"1.xyz\", length = 1 }\n+++\n", "does not tell its media type"),
            ("+++\naudio = { url = \"1.mp3\", length = 1, type = \"mp3\" }\n+++\n", "not a media type"),
            ("+++\naudio = { url = \"file:///etc/passwd\", length = 1 }\n+++\n", "not safe"),
        ] {
            let message = taken_in(text, &[]).unwrap_err().replace("posts/trip/index.md", "a.md");
            assert!(message.contains(words), "{message}");
        }
    }
}
