//! Test fixtures: posts with parsed bodies, configurations and subscribers.

use camino::Utf8Path;
use chrono::DateTime;

use super::issue::{compose, from_body};
use super::outline::{Block, Inline, Item};
use super::{MessageTemplate, PictureSizes, Recipient, Templates, Unsubscribe};
use crate::address::{EmailAddress, Mailbox};
use crate::archive::ids::Fingerprint;
use crate::archive::{Post, PostAuthor, markdown};
use crate::config::{self, Config};
use crate::finding::Finding;
use crate::text::{HeaderText, XmlText};

pub(super) fn header(text: &str) -> HeaderText {
    HeaderText::parse(text).unwrap()
}

pub(super) fn text(text: &str) -> Inline {
    Inline::Text(text.to_owned())
}

pub(super) fn paragraph(words: &str) -> Block {
    Block::Paragraph(vec![text(words)])
}

pub(super) fn link(words: &str, url: &str) -> Inline {
    Inline::Link(vec![text(words)], url.to_owned())
}

pub(super) fn item(task: Option<bool>, blocks: Vec<Block>) -> Item {
    Item { task, blocks }
}

pub(super) fn config(site: &str, newsletter: &str) -> Config {
    let toml = format!("[site]\n{site}\n[newsletter]\n{newsletter}\n");
    config::parse(&toml, "config.toml", Utf8Path::new(".")).unwrap()
}

pub(super) fn korean_config() -> Config {
    config(
        "title = \"느린 우체국\"\nurl = \"https://post.example.com/\"\nlanguage = \"ko\"\ntimezone = \"Asia/Seoul\"\n\
         author = { name = \"이서연\" }",
        "from = \"느린 우체국 <letters@post.example.com>\"\nreply_to = \"answer@post.example.com\"\n\
         address = \"04524 서울특별시 중구 세종대로 110\"",
    )
}

pub(super) fn english_config() -> Config {
    config(
        "title = \"The Slow Post\"\nurl = \"https://post.example.com/\"\nlanguage = \"en\"\nauthor = { name = \"Alex O'Hara\" }",
        "from = \"Alex O'Hara <alex@post.example.com>\"",
    )
}

pub(super) fn post(title: &str, slug: &str) -> Post {
    Post {
        source: format!("posts/{slug}.md").into(),
        body_line: 5,
        id: format!("tag:post.example.com,2026-11-20:{slug}"),
        url: format!("https://post.example.com/{slug}/").parse().unwrap(),
        slug: slug.to_owned(),
        title: header(title),
        marked_title: None,
        fingerprint: Fingerprint::of(title, ""),
        sections: Vec::new(),
        published: DateTime::parse_from_rfc3339("2026-11-20T08:00:00+09:00").unwrap(),
        updated: DateTime::parse_from_rfc3339("2026-11-20T08:00:00+09:00").unwrap(),
        authors: Vec::new(),
        categories: vec![header("편지")],
        tags: Vec::new(),
        summary: None,
        subject: None,
        preheader: None,
        segment: crate::archive::Segment::default(),
        language: None,
        image: None,
        image_info: crate::archive::ImageInfo::default(),
        enclosures: Vec::new(),
        via: Vec::new(),
        in_reply_to: Vec::new(),
        aliases: Vec::new(),
        newsletter: true,
        strings: crate::i18n::Languages::default().of("en").clone(),
        embeds: crate::archive::embeds::usual(),
        dialect: crate::archive::MarkdownDialect::default(),
        page: crate::archive::PostPage::default(),
        body: XmlText::default(),
    }
}

pub(super) fn korean_post() -> (Post, String) {
    let mut post = post("느리게 도착하는 것들에 대하여", "slow-things");
    post.summary =
        Some(XmlText::clean("빠른 답장이 미덕이 된 시대에, 한 달에 한 번 쓰는 편지가 우리에게 남기는 것.").0);
    post.authors = vec![PostAuthor { name: header("이서연") }];
    let html = include_str!("../../tests/data/letters/korean-body.html").to_owned();
    (post, html)
}

pub(super) fn english_post() -> (Post, String) {
    let post = post("On things that arrive slowly", "on-slow-things");
    let html = "<p>Last month I found a letter from twelve years ago. The paper had yellowed, yet I could <em>hear</em> \
                the voice – see <a href=\"https://library.example.org/letters?id=12&amp;lang=en\">the exhibition</a>.</p>\n\
                <h2>What waiting is for</h2>\n<ol>\n<li>Write to one person.</li>\n<li>Call for what is urgent.</li>\n</ol>\n"
        .to_owned();
    (post, html)
}

pub(super) fn japanese_message() -> MessageTemplate {
    let site = "title = \"遅い郵便\"\nurl = \"https://post.example.com/\"\nlanguage = \"ja\"";
    let config = config(site, "from = \"遅い郵便 <letters@post.example.com>\"");
    composed(
        &post("手紙が届くまで", "until-it-arrives"),
        include_str!("../../tests/data/letters/japanese-body.html"),
        &config,
        &Templates::builtin(),
    )
    .unwrap()
}

/// [`from_body`] without sizes of pictures.
pub(super) fn composed(
    post: &Post,
    body: &str,
    config: &Config,
    templates: &Templates,
) -> Result<MessageTemplate, Vec<Finding>> {
    from_body(post, (body, &PictureSizes::new()), config, templates)
}

/// The issue of a post whose body is Markdown.
pub(super) fn from_markdown(post: &Post, config: &Config) -> MessageTemplate {
    let body = markdown::render(post);
    compose(post, (&body, &PictureSizes::new()), config, &Templates::builtin()).unwrap()
}

pub(super) fn korean_message() -> MessageTemplate {
    let (post, body) = korean_post();
    composed(&post, &body, &korean_config(), &Templates::builtin()).unwrap()
}

pub(super) fn english_message() -> MessageTemplate {
    let (post, body) = english_post();
    composed(&post, &body, &english_config(), &Templates::builtin()).unwrap()
}

/// A subscriber; `name` may be absent.
pub(super) fn recipient(name: Option<&str>) -> Recipient {
    Recipient {
        to: Mailbox { name: name.map(header), address: EmailAddress::parse("reader@example.net").unwrap() },
        message_id: "6f1d2c3b4a596877@post.example.com".to_owned(),
        date: DateTime::parse_from_rfc3339("2026-11-20T09:00:00+09:00").unwrap(),
        boundary_seed: "6f1d2c3b4a596877".to_owned(),
        unsubscribe: Unsubscribe {
            mailbox: EmailAddress::parse("leave@post.example.com").unwrap(),
            token: "v1.k1.unsub.42.q7Jx_2mE".to_owned(),
            page: Some("https://news.post.example.com/u/v1.k1.unsub.42.q7Jx_2mE".to_owned()),
            human: Some("https://news.post.example.com/leave/v1.k1.unsub.42.q7Jx_2mE".to_owned()),
        },
    }
}
