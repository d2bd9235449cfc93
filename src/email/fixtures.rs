//! Test fixtures: posts with parsed bodies, configurations and subscribers.

use camino::Utf8Path;
use chrono::DateTime;

use super::issue::{Body, from_body};
use super::{MessageTemplate, Recipient, Templates, Unsubscribe};
use crate::address::{EmailAddress, Mailbox};
use crate::archive::ids::Fingerprint;
use crate::archive::markdown::{Block, Inline, Item};
use crate::archive::{Post, PostAuthor};
use crate::config::{self, Config};
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
        published: DateTime::parse_from_rfc3339("2026-11-20T08:00:00+09:00").unwrap(),
        updated: DateTime::parse_from_rfc3339("2026-11-20T08:00:00+09:00").unwrap(),
        authors: Vec::new(),
        categories: vec![header("편지")],
        tags: Vec::new(),
        summary: None,
        language: None,
        image: None,
        enclosure: None,
        in_reply_to: Vec::new(),
        newsletter: true,
        page: crate::archive::PostPage::default(),
        body: XmlText::default(),
    }
}

pub(super) fn korean_post() -> (Post, Body) {
    let mut post = post("느리게 도착하는 것들에 대하여", "slow-things");
    post.summary =
        Some(XmlText::clean("빠른 답장이 미덕이 된 시대에, 한 달에 한 번 쓰는 편지가 우리에게 남기는 것.").0);
    post.authors = vec![PostAuthor { name: header("이서연") }];
    let html = include_str!("../../tests/data/letters/korean-body.html").to_owned();
    let blocks = vec![
        paragraph(
            "지난달 서랍을 정리하다가 십이 년 전에 받은 편지 한 통을 발견했습니다. 종이는 누렇게 바랬지만 글씨는 그대로였고, \
             편지를 쓴 사람의 목소리까지 또렷하게 들리는 듯했습니다.",
        ),
        Block::Heading(2, vec![text("기다림의 쓸모")]),
        Block::Paragraph(vec![
            Inline::Strong(vec![text("기다림은 낭비가 아닙니다.")]),
            text(" 국립중앙도서관의 "),
            link("편지 전시", "https://library.example.org/%EC%A0%84%EC%8B%9C?id=12&lang=ko"),
            text("를 보면, 옛사람들은 답장을 기다리는 동안 같은 편지를 여러 번 다시 읽었다고 합니다."),
            Inline::Footnote(1),
        ]),
        Block::Quote(vec![paragraph("편지는 도착하기 전까지 이미 여러 번 쓰인 글이다.")]),
        Block::List(
            None,
            vec![
                item(None, vec![paragraph("한 번에 한 사람에게 쓰기")]),
                item(None, vec![paragraph("급한 일은 전화로, 중요한 일은 편지로")]),
            ],
        ),
        Block::List(
            None,
            vec![
                item(Some(true), vec![paragraph("우표 사기")]),
                item(Some(false), vec![paragraph("답장 쓰기")]),
            ],
        ),
        Block::Table(
            vec![vec![text("보낸 방법")], vec![text("걸린 시간")], vec![text("다시 읽은 횟수")]],
            vec![
                vec![vec![text("손편지")], vec![text("사흘")], vec![text("열두 번")]],
                vec![vec![text("전자우편")], vec![text("삼 초")], vec![text("한 번")]],
            ],
        ),
        Block::Code(
            Some("sh".to_owned()),
            "letterpress publish --dry-run\n# 누구에게 무엇이 가는지 먼저 봅니다\n".to_owned(),
        ),
        Block::Paragraph(vec![Inline::Image(
            "창가의 우체통".to_owned(),
            "https://post.example.com/slow-things/postbox.jpg".to_owned(),
        )]),
        Block::Footnotes(vec![vec![paragraph("전시 도록 34쪽.")]]),
    ];
    (post, Body { html, blocks })
}

pub(super) fn english_post() -> (Post, Body) {
    let post = post("On things that arrive slowly", "on-slow-things");
    let html = "<p>Last month I found a letter from twelve years ago. The paper had yellowed, yet I could <em>hear</em> \
                the voice – see <a href=\"https://library.example.org/letters?id=12&amp;lang=en\">the exhibition</a>.</p>\n\
                <h2>What waiting is for</h2>\n<ol>\n<li>Write to one person.</li>\n<li>Call for what is urgent.</li>\n</ol>\n"
        .to_owned();
    let blocks = vec![
        Block::Paragraph(vec![
            text("Last month I found a letter from twelve years ago. The paper had yellowed, yet I could "),
            Inline::Emphasis(vec![text("hear")]),
            text(" the voice – see "),
            link("the exhibition", "https://library.example.org/letters?id=12&lang=en"),
            text("."),
        ]),
        Block::Heading(2, vec![text("What waiting is for")]),
        Block::List(
            Some(1),
            vec![
                item(None, vec![paragraph("Write to one person.")]),
                item(None, vec![paragraph("Call for what is urgent.")]),
            ],
        ),
    ];
    (post, Body { html, blocks })
}

pub(super) fn japanese_message() -> MessageTemplate {
    let site = "title = \"遅い郵便\"\nurl = \"https://post.example.com/\"\nlanguage = \"ja\"";
    let config = config(site, "from = \"遅い郵便 <letters@post.example.com>\"");
    let cell = |words: &str| vec![text(words)];
    let blocks = vec![
        Block::Paragraph(vec![
            text("去年の冬、郵便局の窓口で「"),
            Inline::Strong(vec![text("この手紙はいつ届きますか")]),
            text("」と尋ねている人を見かけました。局員は少し考えてから、「三日ほど」と答えました。"),
        ]),
        Block::Heading(2, vec![text("用語")]),
        Block::Definitions(vec![
            (cell("速達"), vec![paragraph("ふつうの手紙より早く届く。料金は少し高い。")]),
            (cell("書留"), vec![paragraph("届いたことが記録される。")]),
        ]),
        Block::Heading(3, vec![text("料金の比較")]),
        Block::Table(["種類", "重さ", "料金", "届くまでの日数", "ひとこと"].map(cell).to_vec(), vec![
            ["定形郵便物", "50グラムまで", "110円", "二日から三日", "土曜日と日曜日には配達されないので、週末をはさむともう少しかかることがあります。"]
                .map(cell)
                .to_vec(),
            ["速達", "250グラムまで", "410円", "翌日", "急ぐときに。"].map(cell).to_vec(),
        ]),
        Block::Code(
            None,
            "curl -sS https://post.example.com/feed.json | jq -r '.items[] | [.date_published, .title, .url] | @tsv' | \
             sort -r | head -n 20\n"
                .to_owned(),
        ),
        Block::List(Some(1), vec![
            item(None, vec![paragraph("封筒に宛名を書く。")]),
            item(None, vec![
                paragraph("切手を貼る。"),
                Block::List(None, vec![item(None, vec![paragraph("記念切手でもよい")])]),
            ]),
        ]),
        Block::Rule,
        Block::Paragraph(vec![link("▶ 動画を見る", "https://post.example.com/letters/film.mp4")]),
        Block::Heading(4, vec![text("あとがき")]),
        Block::Paragraph(vec![text("続きは "), Inline::Code("posts/".to_owned()), text(" フォルダーにあります。")]),
    ];
    let html = include_str!("../../tests/data/letters/japanese-body.html").to_owned();
    from_body(
        &post("手紙が届くまで", "until-it-arrives"),
        &Body { html, blocks },
        &config,
        &Templates::builtin(),
    )
    .unwrap()
}

pub(super) fn korean_message() -> MessageTemplate {
    let (post, body) = korean_post();
    from_body(&post, &body, &korean_config(), &Templates::builtin()).unwrap()
}

pub(super) fn english_message() -> MessageTemplate {
    let (post, body) = english_post();
    from_body(&post, &body, &english_config(), &Templates::builtin()).unwrap()
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
