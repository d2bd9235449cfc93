//! The few words that a page says by itself, in English, Korean and Japanese.
//!
//! No template holds words of its own, so this file is the whole of what a translator has to read.

use chrono::{DateTime, Datelike as _, FixedOffset};
use minijinja::{Value, context};

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    previous: &'static str,
    next: &'static str,
    beside: &'static str,
    older: &'static str,
    newer: &'static str,
    pages: &'static str,
    years: &'static str,
    categories: &'static str,
    all_posts: &'static str,
    feeds: &'static str,
    sign_up: &'static str,
    updated: &'static str,
    in_reply_to: &'static str,
    listen: &'static str,
    download: &'static str,
    /// A day of a year that stands above it.
    pub(super) month_day: fn(&DateTime<FixedOffset>) -> String,
}

static ENGLISH: Words = Words {
    previous: "Previous",
    next: "Next",
    beside: "Previous and next post",
    older: "Older posts",
    newer: "Newer posts",
    pages: "Older and newer posts",
    years: "Years",
    categories: "Categories",
    all_posts: "All posts",
    feeds: "Feeds",
    sign_up: "Get new posts by email",
    updated: "Updated",
    in_reply_to: "In reply to",
    listen: "Download the recording",
    download: "Download",
    month_day: |day| day.format("%-d %B").to_string(),
};

static KOREAN: Words = Words {
    previous: "이전 글",
    next: "다음 글",
    beside: "이전 글과 다음 글",
    older: "더 오래된 글",
    newer: "더 새로운 글",
    pages: "더 오래된 글과 더 새로운 글",
    years: "연도",
    categories: "분류",
    all_posts: "모든 글",
    feeds: "피드",
    sign_up: "새 글을 이메일로 받기",
    updated: "고침",
    in_reply_to: "답하는 글",
    listen: "녹음 내려받기",
    download: "내려받기",
    month_day: |day| format!("{}월 {}일", day.month(), day.day()),
};

static JAPANESE: Words = Words {
    previous: "前の記事",
    next: "次の記事",
    beside: "前後の記事",
    older: "以前の記事",
    newer: "新しい記事",
    pages: "以前の記事と新しい記事",
    years: "年",
    categories: "カテゴリー",
    all_posts: "すべての記事",
    feeds: "フィード",
    sign_up: "新しい記事をメールで受け取る",
    updated: "更新",
    in_reply_to: "返信先",
    listen: "録音をダウンロード",
    download: "ダウンロード",
    month_day: |day| format!("{}月{}日", day.month(), day.day()),
};

/// The words for a language; English where there are none.
pub(super) fn of(language: &str) -> &'static Words {
    match crate::letters::primary(language).as_str() {
        "ko" => &KOREAN,
        "ja" => &JAPANESE,
        _ => &ENGLISH,
    }
}

impl Words {
    /// As templates see them: `words.previous` and so on.
    pub(super) fn fields(&self) -> Value {
        context! {
            previous => self.previous,
            next => self.next,
            beside => self.beside,
            older => self.older,
            newer => self.newer,
            pages => self.pages,
            years => self.years,
            categories => self.categories,
            all_posts => self.all_posts,
            feeds => self.feeds,
            sign_up => self.sign_up,
            updated => self.updated,
            in_reply_to => self.in_reply_to,
            listen => self.listen,
            download => self.download,
        }
    }
}
