//! The fixed text of the page beside a feed, in English, Korean and Japanese.

use super::select::Kind;
use crate::config::By;

/// The words of one language.
pub(super) struct Words {
    /// Explains what a feed is.
    pub(super) what: &'static str,
    /// Explains how to use it.
    pub(super) how: &'static str,
    /// The heading of the newest posts.
    pub(super) newest: &'static str,
    /// The heading of all feeds.
    pub(super) all: &'static str,
    /// The link to the OPML file.
    pub(super) list: &'static str,
    /// The heading of the HTML for the head of a page.
    pub(super) discovery: &'static str,
    /// The text above a feed that a browser shows.
    pub(super) raw: &'static str,
    /// The kinds of feeds: the site's, the podcast, by category, tag, author, language.
    kinds: [&'static str; 6],
}

impl Words {
    /// The name of a kind of feed.
    pub(super) fn kind(&self, kind: Kind) -> &'static str {
        self.kinds[match kind {
            Kind::Site => 0,
            Kind::Podcast => 1,
            Kind::By(By::Category) => 2,
            Kind::By(By::Tag) => 3,
            Kind::By(By::Author) => 4,
            Kind::By(By::Language) => 5,
        }]
    }
}

const ENGLISH: Words = Words {
    what: "This is a web feed.",
    how: "Copy one of these addresses into a feed reader, and new posts will come to you by themselves.",
    newest: "Newest posts",
    all: "All feeds",
    list: "All feeds as one file (OPML)",
    discovery: "For the head of your pages, so that readers find the feeds",
    raw: "This is a web feed. Copy its address into a feed reader, and new posts will come to you by themselves.",
    kinds: ["everything", "podcast", "category", "tag", "author", "language"],
};

const KOREAN: Words = Words {
    what: "여기는 웹 피드입니다.",
    how: "아래 주소 하나를 복사해 피드 리더에 붙여 넣으면 새 글이 저절로 찾아갑니다.",
    newest: "최근 글",
    all: "모든 피드",
    list: "모든 피드를 파일 하나로 (OPML)",
    discovery: "리더가 피드를 찾을 수 있도록 페이지의 head에 넣는 줄",
    raw: "여기는 웹 피드입니다. 이 주소를 복사해 피드 리더에 붙여 넣으면 새 글이 저절로 찾아갑니다.",
    kinds: ["모든 글", "팟캐스트", "분류", "태그", "글쓴이", "언어"],
};

const JAPANESE: Words = Words {
    what: "これはウェブフィードです。",
    how: "下のアドレスの一つをフィードリーダーに貼り付けると、新しい記事が自動で届きます。",
    newest: "新しい記事",
    all: "すべてのフィード",
    list: "すべてのフィードを一つのファイルで (OPML)",
    discovery: "リーダーがフィードを見つけられるよう、ページの head に入れる行",
    raw: "これはウェブフィードです。このアドレスをフィードリーダーに貼り付けると、新しい記事が自動で届きます。",
    kinds: ["すべての記事", "ポッドキャスト", "カテゴリー", "タグ", "著者", "言語"],
};

/// The words of a language; English for any other.
pub(super) fn of(language: &str) -> &'static Words {
    match language.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "ko" => &KOREAN,
        "ja" => &JAPANESE,
        _ => &ENGLISH,
    }
}
