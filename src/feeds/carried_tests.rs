//! What feeds carry beside the text: pictures, attachments, sources, and the fields of an episode. Each is in every format that
//! has a place for it, and our own linter finds nothing.

use super::lint::{check_feed, check_thoroughly};
use super::tests::recording;
use super::*;
use crate::archive::{Archive, Enclosure, ImageInfo, Post, Via};
use crate::config::{self, Config, PodcastPerson};
use crate::text::{HeaderText, XmlText};

struct Feeds {
    documents: Vec<Document>,
}

impl Feeds {
    /// The feeds of one post, after all rules of the linter.
    fn of(post: Post, config: &Config) -> Self {
        let archive = Archive { posts: vec![post], ..Archive::default() };
        let documents = fixtures::render(&archive, config);
        let now = "2024-06-01T00:00:00Z".parse().unwrap();
        let found = check_thoroughly(&documents, &archive, now);
        // Advice of podcast directories about the site's feed is not about what is tested here.
        let found: Vec<_> = found.iter().filter(|finding| finding.rule != "podcast-advised").collect();
        assert!(found.is_empty(), "{found:?}");
        Self { documents }
    }

    fn bytes(&self, path: &str) -> &[u8] {
        &self.documents.iter().find(|document| document.path == path).unwrap().bytes
    }

    fn rss(&self) -> ::rss::Item {
        ::rss::Channel::read_from(self.bytes("rss.xml")).unwrap().items.remove(0)
    }

    fn atom(&self) -> atom_syndication::Entry {
        atom_syndication::Feed::read_from(self.bytes("atom.xml")).unwrap().entries.remove(0)
    }

    fn json(&self) -> serde_json::Value {
        let mut feed: serde_json::Value = serde_json::from_slice(self.bytes("feed.json")).unwrap();
        feed["items"][0].take()
    }
}

fn header(text: &str) -> HeaderText {
    HeaderText::parse(text).unwrap()
}

#[test]
fn a_picture_has_its_size_and_its_description() {
    let mut post = fixtures::post(1, "글");
    post.image = Some("https://example.com/바다.png?a=1&b=2".parse().unwrap());
    post.image_info = ImageInfo {
        alt: Some(XmlText::clean("바다 & <하늘>").0),
        length: Some(4321),
        size: Some((1600, 900)),
        ..ImageInfo::default()
    };
    let feeds = Feeds::of(post, &fixtures::config(""));
    let (rss, atom) = (feeds.rss(), feeds.atom());
    let (rss, atom) = (&rss.extensions["media"]["content"][0], &atom.extensions["media"]["content"][0]);
    for attributes in [&rss.attrs, &atom.attrs] {
        let of = |name: &str| attributes[name].as_str();
        assert_eq!((of("medium"), of("type"), of("fileSize")), ("image", "image/png", "4321"));
        assert_eq!((of("width"), of("height")), ("1600", "900"));
        assert_eq!(of("url"), "https://example.com/%EB%B0%94%EB%8B%A4.png?a=1&b=2");
    }
    assert_eq!(rss.children["description"][0].value.as_deref(), Some("바다 & <하늘>"));
    assert_eq!(atom.children["description"][0].value.as_deref(), Some("바다 & <하늘>"));
}

#[test]
fn a_picture_about_which_nothing_is_known_has_only_its_address() {
    let mut post = fixtures::post(1, "글");
    post.image = Some("https://cdn.example/picture".parse().unwrap());
    let feeds = Feeds::of(post, &fixtures::config(""));
    let content = &feeds.rss().extensions["media"]["content"][0];
    assert_eq!(content.attrs.keys().collect::<Vec<_>>(), ["medium", "url"]);
    assert!(content.children.is_empty());
}

#[test]
fn every_attachment_is_in_every_format_and_rss_has_the_first_as_its_enclosure() {
    let mut post = fixtures::post(1, "글");
    let paper = Enclosure {
        url: "https://example.com/a.pdf".parse().unwrap(),
        length: 99,
        media_type: "application/pdf".into(),
        file: None,
        episode: crate::archive::Episode::default(),
    };
    let second = Enclosure { url: "https://example.com/2.mp3".parse().unwrap(), ..recording() };
    post.enclosures = vec![recording(), paper, second];
    let feeds = Feeds::of(post, &fixtures::config(""));
    let rss = feeds.rss();
    assert_eq!(rss.enclosure.as_ref().unwrap().url, "https://cdn.example/1.mp3?a=1&b=2");
    let more = &rss.extensions["media"]["content"];
    let shown: Vec<_> =
        more.iter().map(|more| (more.attrs["medium"].as_str(), more.attrs["url"].as_str())).collect();
    assert_eq!(shown, [("document", "https://example.com/a.pdf"), ("audio", "https://example.com/2.mp3")]);
    assert_eq!((more[0].attrs["fileSize"].as_str(), more[1].attrs["duration"].as_str()), ("99", "3723"));
    let atom = feeds.atom();
    let links = atom.links.iter().filter(|link| link.rel == "enclosure");
    assert_eq!(links.filter_map(|link| link.length.as_deref()).collect::<Vec<_>>(), ["4321", "99", "4321"]);
    let attachments = &feeds.json()["attachments"];
    assert_eq!(attachments[1]["mime_type"], "application/pdf");
    assert_eq!(attachments[2]["duration_in_seconds"], 3723);
    assert!(attachments[1].get("duration_in_seconds").is_none());
}

#[test]
fn where_a_post_was_found_is_a_link_in_atom_and_a_source_in_rss_if_it_has_a_feed() {
    let mut post = fixtures::post(1, "글");
    let via = |url: &str| Via { url: url.parse().unwrap(), title: None, feed: None };
    post.via = vec![via("https://a.example/1/?x=1&y=2")];
    let feeds = Feeds::of(post.clone(), &fixtures::config(""));
    assert!(feeds.rss().source.is_none());
    post.via.push(Via {
        title: Some(header("남의 글 & 그림")),
        feed: Some("https://b.example/rss.xml".parse().unwrap()),
        ..via("https://b.example/2/")
    });
    let feeds = Feeds::of(post, &fixtures::config(""));
    let atom = feeds.atom();
    let links: Vec<_> = atom.links.iter().filter(|link| link.rel == "via").collect();
    assert_eq!((links[0].href.as_str(), links[0].title.as_deref()), ("https://a.example/1/?x=1&y=2", None));
    assert_eq!(links[1].title.as_deref(), Some("남의 글 & 그림"));
    let source = feeds.rss().source.unwrap();
    assert_eq!(
        (source.url.as_str(), source.title.as_deref()),
        ("https://b.example/rss.xml", Some("남의 글 & 그림"))
    );
}

#[test]
fn an_episode_has_its_chapters_its_people_and_the_names_of_its_numbers() {
    let text = "[site]\ntitle = \"글\"\nurl = \"https://example.com/\"\nlanguage = \"ko\"\n\
                [podcast]\nimage = \"https://example.com/c.jpg\"\ncategories = [\"Technology\"]\nemail = \"p@example.com\"\n\
                people = [{ name = \"김하늘\", url = \"https://example.com/kim/?a=1&b=2\" }]\n";
    let config = config::parse(text, "config.toml", camino::Utf8Path::new(".")).unwrap();
    let mut episode = recording();
    episode.episode.season = Some(2);
    episode.episode.season_name = Some("겨울 & 봄".to_owned());
    episode.episode.label = Some("1장".to_owned());
    episode.episode.chapters = Some("https://cdn.example/1.json".parse().unwrap());
    episode.episode.people = vec![PodcastPerson {
        name: header("이바다 & 친구"),
        role: Some(header("guest")),
        group: None,
        url: None,
        avatar: Some("https://example.com/lee.jpg".parse().unwrap()),
    }];
    let mut post = fixtures::post(1, "소리");
    post.enclosures = vec![episode];
    let feeds = Feeds::of(post, &config);
    let channel = ::rss::Channel::read_from(feeds.bytes("podcast/rss.xml")).unwrap();
    assert_eq!(channel.extensions["podcast"]["person"][0].attrs["href"], "https://example.com/kim/?a=1&b=2");
    let podcast = &channel.items[0].extensions["podcast"];
    assert_eq!(podcast["chapters"][0].attrs["type"], "application/json+chapters");
    assert_eq!(
        (podcast["season"][0].value.as_deref(), podcast["season"][0].attrs["name"].as_str()),
        (Some("2"), "겨울 & 봄")
    );
    assert_eq!(
        (podcast["episode"][0].value.as_deref(), podcast["episode"][0].attrs["display"].as_str()),
        (Some("3"), "1장")
    );
    assert_eq!(podcast["person"][0].value.as_deref(), Some("이바다 & 친구"));
    assert_eq!(podcast["person"][0].attrs["role"], "guest");
    assert_eq!(channel.items[0].itunes_ext.as_ref().unwrap().season.as_deref(), Some("2"));
}

#[test]
fn the_list_of_the_feeds_is_correct_opml() {
    let documents = fixtures::render(&fixtures::archive(), &fixtures::full_config());
    let list = documents.iter().find(|document| document.path == "feeds.opml").unwrap();
    let now = "2026-11-25T12:00:00Z".parse().unwrap();
    assert_eq!(check_feed("feeds.opml", &list.bytes, None, now), []);
}
