//! The few words that a letter says by itself, in English, Korean and Japanese.
//!
//! No template holds words of its own, so this file is the whole of what a translator has to read.

use chrono::{DateTime, Datelike, FixedOffset};
use minijinja::{Value, context};

use super::Greeting;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    /// The link to the post's page.
    pub(super) read_online: &'static str,
    /// The link from a taste of a post to the whole of it.
    pub(super) read_on: &'static str,
    /// The heading of the weekly letter.
    week: &'static str,
    /// After a title: before and after the number of the others.
    and_more: (&'static str, &'static str),
    /// The link by which a reader leaves.
    pub(super) unsubscribe: &'static str,
    /// The heading over the list of links in the text part.
    pub(super) links: &'static str,
    /// Stands for a picture without alternative text in the text part.
    pub(super) picture: &'static str,
    /// The link that takes the place of a film.
    pub(super) video: &'static str,
    /// The link that takes the place of a recording.
    pub(super) audio: &'static str,
    /// Why the reader gets the letter: before and after the site's title.
    why: (&'static str, &'static str),
    /// The greeting: without a name, before it, after it.
    greeting: (&'static str, &'static str, &'static str),
    /// Months and the order of a date.
    date: fn(&DateTime<FixedOffset>) -> String,
}

static ENGLISH: Words = Words {
    read_online: "Read online",
    read_on: "Read on",
    week: "What the week brought",
    and_more: (" and ", " more"),
    unsubscribe: "Unsubscribe",
    links: "Links",
    picture: "Picture",
    video: "Watch the video",
    audio: "Listen to the recording",
    why: ("You receive this letter because you subscribed to ", "."),
    greeting: ("Hello,", "Hello ", ","),
    date: english_date,
};

static KOREAN: Words = Words {
    read_online: "웹에서 읽기",
    read_on: "이어 읽기",
    week: "한 주 동안 나온 글",
    and_more: (" 외 ", "편"),
    unsubscribe: "수신 거부",
    links: "링크",
    picture: "그림",
    video: "동영상 보기",
    audio: "녹음 듣기",
    why: ("이 편지는 ", " 구독을 신청하신 분께 보내 드립니다."),
    greeting: ("안녕하세요.", "안녕하세요, ", " 님."),
    date: |day| format!("{}년 {}월 {}일", day.year(), day.month(), day.day()),
};

static JAPANESE: Words = Words {
    read_online: "ウェブで読む",
    read_on: "続きを読む",
    week: "今週の記事",
    and_more: ("、ほか", "件"),
    unsubscribe: "配信停止",
    links: "リンク",
    picture: "画像",
    video: "動画を見る",
    audio: "録音を聞く",
    why: ("このメールは「", "」の購読をお申し込みの方にお送りしています。"),
    greeting: ("こんにちは。", "", "さん、こんにちは。"),
    date: |day| format!("{}年{}月{}日", day.year(), day.month(), day.day()),
};

impl Words {
    /// The words for a BCP 47 tag, by its primary subtag; English where there are none.
    pub(super) fn of(language: &str) -> &'static Self {
        match primary(language).as_str() {
            "ko" => &KOREAN,
            "ja" => &JAPANESE,
            _ => &ENGLISH,
        }
    }

    pub(super) fn greeting(&self) -> Greeting {
        let (plain, before, after) = self.greeting;
        Greeting { plain: plain.to_owned(), before: before.to_owned(), after: after.to_owned() }
    }

    pub(super) fn date(&self, day: &DateTime<FixedOffset>) -> String {
        (self.date)(day)
    }

    /// `A and 2 more`.
    pub(super) fn and_more(&self, title: &str, more: usize) -> String {
        format!("{title}{}{more}{}", self.and_more.0, self.and_more.1)
    }

    /// As templates see them: `words.why`, `words.unsubscribe` and so on.
    pub(super) fn fields(&self, site_title: &str) -> Value {
        context! {
            read_online => self.read_online,
            read_on => self.read_on,
            week => self.week,
            unsubscribe => self.unsubscribe,
            why => format!("{}{site_title}{}", self.why.0, self.why.1),
        }
    }
}

/// A day, as a language writes it.
pub(crate) fn date(language: &str, day: &DateTime<FixedOffset>) -> String {
    Words::of(language).date(day)
}

/// `rtl` or `ltr`.
pub(crate) fn direction(language: &str) -> &'static str {
    if is_right_to_left(language) { "rtl" } else { "ltr" }
}

/// `ko` of `ko-KR`, lower case.
pub(crate) fn primary(language: &str) -> String {
    language.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether a language is written from right to left.
pub(super) fn is_right_to_left(language: &str) -> bool {
    matches!(primary(language).as_str(), "ar" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi")
}

fn english_date(day: &DateTime<FixedOffset>) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = MONTHS.get(day.month0() as usize).copied().unwrap_or_default();
    format!("{} {month} {}", day.day(), day.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_its_language_writes_it() {
        let day = DateTime::parse_from_rfc3339("2026-11-20T23:30:00+09:00").unwrap();
        assert_eq!(Words::of("ko-KR").date(&day), "2026년 11월 20일");
        assert_eq!(Words::of("ja").date(&day), "2026年11月20日");
        assert_eq!(Words::of("en-GB").date(&day), "20 November 2026");
    }

    #[test]
    fn a_language_without_words_of_its_own_is_served_in_english() {
        assert!(std::ptr::eq(Words::of("pt-BR"), Words::of("en")));
        assert!(std::ptr::eq(Words::of("KO"), &raw const KOREAN));
    }
}
