//! The `itunes` and `podcast` elements of a channel and of an episode, which podcast directories read in RSS (PSP-1). In other
//! formats an episode is an ordinary enclosure or attachment.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rss::extension::Extension;
use rss::extension::itunes::{ITunesCategory, ITunesChannelExtension, ITunesItemExtension, ITunesOwner};
use url::Url;

use super::character_data::character_data;
use super::extension::{Extension as _, extension};
use super::page::{Page, PageEntry};
use super::select::FeedScope;
use crate::archive::EpisodeKind;
use crate::config::{Category, Podcast, PodcastPerson};
use crate::text::{HeaderText, hex};

/// The UUID namespace of podcast guids, which are made from the address of the feed.
const GUIDS: [u8; 16] =
    [0xEA, 0xD4, 0xC2, 0x36, 0xBF, 0x58, 0x58, 0xC6, 0xA2, 0xC6, 0xA6, 0xB2, 0x8D, 0x12, 0x8C, 0xB6];

/// The channel's `itunes` elements, in the podcast's own feed.
pub(super) fn channel(page: &Page<'_>) -> Option<ITunesChannelExtension> {
    let podcast = of(page)?;
    let owner = page.config.site.author.as_ref();
    let author = podcast.author.as_ref().or(owner.map(|owner| &owner.name));
    Some(ITunesChannelExtension {
        author: author.map(|name| character_data(name.as_str())),
        categories: podcast.categories.iter().map(category).collect(),
        image: Some(podcast.image.to_string()),
        explicit: Some(podcast.explicit.to_string()),
        complete: podcast.complete.then(|| "Yes".to_owned()),
        owner: podcast.email.as_ref().map(|email| ITunesOwner {
            name: author.map(|name| character_data(name.as_str())),
            email: Some(email.to_string()),
        }),
        r#type: Some(podcast.order.as_str().to_owned()),
        ..ITunesChannelExtension::default()
    })
}

/// The channel's `podcast` elements.
pub(super) fn channel_extensions(page: &Page<'_>) -> Vec<Extension> {
    let Some(podcast) = of(page) else { return Vec::new() };
    let own_guid = || guid(&page.feed_address());
    let owner = podcast.email.as_ref().map(ToString::to_string);
    let owner: Vec<(&str, &str)> = owner.iter().map(|email| ("owner", email.as_str())).collect();
    let guid = podcast.guid.clone().unwrap_or_else(own_guid);
    let mut elements = vec![
        with_text("podcast:guid", &[], &guid),
        with_text("podcast:locked", &owner, if podcast.locked { "yes" } else { "no" }),
    ];
    if let Some(url) = &podcast.funding {
        elements.push(with_text("podcast:funding", &[("url", url.as_str())], page.feed.title.as_str()));
    }
    elements.extend(podcast.people.iter().map(person));
    elements
}

/// An episode's `itunes` elements, in every feed that carries it.
pub(super) fn item(entry: &PageEntry<'_>) -> Option<ITunesItemExtension> {
    let episode = &entry.enclosure().filter(|enclosure| enclosure.is_episode())?.episode;
    Some(ITunesItemExtension {
        image: entry.image.map(|image| image.url.to_string()),
        duration: episode.duration.map(|seconds| seconds.to_string()),
        explicit: episode.explicit.map(|explicit| explicit.to_string()),
        episode: episode.number.map(|number| number.to_string()),
        season: episode.season.map(|number| number.to_string()),
        episode_type: episode.kind.map(EpisodeKind::as_str).map(str::to_owned),
        ..ITunesItemExtension::default()
    })
}

/// An episode's `podcast` elements.
pub(super) fn item_extensions(entry: &PageEntry<'_>) -> Vec<Extension> {
    let Some(enclosure) = entry.enclosure() else { return Vec::new() };
    let episode = &enclosure.episode;
    let mut elements = Vec::new();
    elements.extend(episode.transcript.as_ref().map(|transcript| {
        extension("podcast:transcript", &[("url", transcript.url.as_str()), ("type", transcript.media_type)])
    }));
    if !enclosure.is_episode() {
        return elements;
    }
    elements.extend(episode.chapters.as_ref().map(|url| {
        extension("podcast:chapters", &[("url", url.as_str()), ("type", "application/json+chapters")])
    }));
    let numbered = |element: &str, number: Option<u32>, name: &str, text: Option<&String>| {
        let named: Vec<(&str, &str)> = text.iter().map(|text| (name, text.as_str())).collect();
        number.map(|number| with_text(element, &named, &number.to_string()))
    };
    elements.extend(numbered("podcast:season", episode.season, "name", episode.season_name.as_ref()));
    elements.extend(numbered("podcast:episode", episode.number, "display", episode.label.as_ref()));
    elements.extend(episode.people.iter().map(person));
    elements
}

fn person(person: &PodcastPerson) -> Extension {
    let attributes = [
        ("role", person.role.as_ref().map(HeaderText::as_str)),
        ("group", person.group.as_ref().map(HeaderText::as_str)),
        ("href", person.url.as_ref().map(Url::as_str)),
        ("img", person.avatar.as_ref().map(Url::as_str)),
    ];
    let attributes: Vec<_> =
        attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    with_text("podcast:person", &attributes, person.name.as_str())
}

fn of<'p>(page: &Page<'p>) -> Option<&'p Podcast> {
    page.config.podcast.as_ref().filter(|_| page.feed.kind == FeedScope::Podcast)
}

fn category(category: &Category) -> ITunesCategory {
    ITunesCategory {
        text: category.name.as_str().to_owned(),
        subcategory: category
            .within
            .as_ref()
            .map(|within| Box::new(ITunesCategory { text: within.as_str().to_owned(), subcategory: None })),
    }
}

fn with_text(name: &str, attributes: &[(&str, &str)], text: &str) -> Extension {
    Extension::new(name, attributes, &character_data(text))
}

/// A UUID of version 5 (RFC 9562, 5.5) of the feed's address without its scheme, as the podcast namespace defines it.
fn guid(feed: &str) -> String {
    let name = feed.split_once("://").map_or(feed, |(_, rest)| rest).trim_end_matches('/');
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[&GUIDS, name.as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0F | 0x50;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let parts = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]];
    parts.map(hex).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guid_matches_the_example_of_the_podcast_namespace() {
        assert_eq!(guid("https://mp3s.nashownotes.com/pc20rss.xml"), "917393e3-1b1e-5cef-ace4-edaa54e1f810");
        assert_eq!(guid("http://podnews.net/rss/"), guid("https://podnews.net/rss"));
    }
}
