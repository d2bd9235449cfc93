//! An archive of difficult posts for the tests of this module, built without the parser of posts.

use std::collections::HashSet;

use camino::Utf8Path;
use chrono::{FixedOffset, TimeDelta, TimeZone};

use super::{Document, plan_feeds};
use crate::archive::ids::Fingerprint;
use crate::archive::{Archive, Post, PostAuthor};
use crate::config::{self, Config};
use crate::text::{HeaderText, XmlText};

/// Every document of a site, with the pages of its archives.
pub(super) fn render(archive: &Archive, config: &Config) -> Vec<Document> {
    let layout = plan_feeds(archive, config, &|_| None);
    layout.current().chain(layout.archived(&HashSet::new())).flatten().collect()
}

/// A site in Korean; `more` continues its `[site]` section.
pub(super) fn config(more: &str) -> Config {
    let text = format!(
        "[site]\ntitle = \"글 & <그림>\"\nurl = \"https://example.com/블로그\"\nlanguage = \"ko\"\n{more}"
    );
    config::parse(&text, "config.toml", Utf8Path::new(".")).unwrap()
}

/// A site with every setting.
pub(super) fn full_config() -> Config {
    config(
        "description = \"글과 그림 & 그 밖의 것 ]]>\"\ntimezone = \"Asia/Seoul\"\n\
         author = { name = \"김하늘\", email = \"haneul@example.com\", url = \"https://example.com/about/\" }\n\
         icon = \"https://example.com/icon.png\"\nlogo = \"https://example.com/logo.png?a=1&b=2\"\n\
         rights = \"CC BY 4.0 <김하늘>\"\n",
    )
}

/// A plain post of the given day of May 2024.
pub(super) fn post(day: u32, title: &str) -> Post {
    let seoul = FixedOffset::east_opt(9 * 3600).unwrap();
    let published = seoul.with_ymd_and_hms(2024, 5, day, 9, 30, 0).unwrap();
    Post {
        source: format!("posts/{day}.md").into(),
        body_line: 5,
        id: format!("tag:example.com,2024:{day}"),
        url: format!("https://example.com/블로그/{day}/").parse().unwrap(),
        slug: day.to_string(),
        title: HeaderText::parse(title).unwrap(),
        marked_title: None,
        fingerprint: Fingerprint::of(title, ""),
        sections: Vec::new(),
        published,
        updated: published,
        authors: Vec::new(),
        categories: Vec::new(),
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
        body: XmlText::clean(&format!("<p>본문 {day}</p>")).0,
    }
}

pub(super) fn names(names: &[&str]) -> Vec<HeaderText> {
    names.iter().map(|name| HeaderText::parse(name).unwrap()).collect()
}

pub(super) fn authors(names: &[&str]) -> Vec<PostAuthor> {
    self::names(names).into_iter().map(|name| PostAuthor { name }).collect()
}

/// Six posts, newest first, each with something that has broken feeds.
pub(super) fn archive() -> Archive {
    let mut markup = post(6, "A & B: <b>굵게</b> ]]> &copy; \"따옴표\" it's");
    markup.categories = names(&["기술", "C++"]);
    markup.tags = names(&["<태그> & 표", "C++"]);
    markup.summary = Some(XmlText::clean("a < b && c > d ]]> 요약").0);
    markup.body = XmlText::clean(
        "<p>CDATA 끝 ]]&gt; 그리고 ]]> 또 &amp;amp; <a href=\"https://example.com/?a=1&amp;b=2\">링크</a></p>\n\
         <pre><code>&lt;script&gt;x &lt; y&lt;/script&gt;</code></pre>",
    )
    .0;
    let mut updated = post(5, "고친 글 👨\u{200D}👩\u{200D}👧");
    updated.updated = updated.published + TimeDelta::days(3);
    updated.categories = names(&["기술"]);
    updated.image = Some("https://example.com/그림.png".parse().unwrap());
    let mut together = post(4, "같이 쓴 글");
    together.authors = authors(&["이바다", "R. & D. <팀>", "김하늘"]);
    together.categories = names(&["a/b c", "a b c"]);
    let mut foreign = post(3, "日本語の記事");
    foreign.language = Some("ja".to_owned());
    foreign.categories = names(&["c++"]);
    foreign.published =
        FixedOffset::east_opt(-5 * 3600 - 1800).unwrap().with_ymd_and_hms(2024, 5, 3, 0, 0, 1).unwrap();
    foreign.updated = foreign.published;
    let mut permalink = post(2, "제 주소가 이름인 글");
    permalink.id = permalink.url.to_string();
    permalink.body = XmlText::clean("첫 줄\r\n둘째 줄 <img src=\"https://example.com/a.png\" alt=\"]]>\">").0;
    let mut empty = post(1, "빈 글");
    empty.body = XmlText::default();
    Archive { posts: vec![markup, updated, together, foreign, permalink, empty], ..Archive::default() }
}
