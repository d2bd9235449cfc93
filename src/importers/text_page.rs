//! An archive page that was saved as plain text: a category, then titles and paragraphs, then "« Older Entries".
//!
//! Pure. The text of the page is kept: accidental Markdown is escaped, and nothing is corrected.

mod markdown;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, FixedOffset, TimeDelta};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::finding::Finding;
use crate::text::{HeaderText, XmlText};

/// The most characters of a title; a longer line is a paragraph.
const MAX_TITLE: usize = 100;
/// The most bytes of a title in a file name; the limit of file systems is 255.
const MAX_SLUG: usize = 120;
/// If no line of a page is longer, a program has wrapped it, so its line ends mean nothing.
const WRAPPED: usize = 100;

/// The content of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPage {
    /// The category, which is the first line.
    pub category: HeaderText,
    /// The posts, in the order of the page: newest first.
    pub posts: Vec<PagePost>,
    /// Whether the page ended with a link to older entries.
    pub older: bool,
    /// The first non-blank line after that link, from 1: it and the lines below were not read.
    pub unread_from: Option<usize>,
}

/// A post of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePost {
    /// The title.
    pub title: HeaderText,
    /// The line of the title, from 1.
    pub line: usize,
    /// The text, as Markdown.
    pub body: String,
}

/// A file to write; it may exist already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageFile {
    /// `2026-11-20-유연함.md`, unique within the import.
    pub file_name: String,
    /// TOML front matter and Markdown.
    pub contents: String,
}

/// Consecutive lines between blank lines.
struct Block<'a> {
    /// The number of the first line, from 1.
    line: usize,
    lines: Vec<&'a str>,
}

/// Reads a page; `file` is its name in the findings. All findings are errors.
pub fn read(text: &str, file: &str) -> Result<TextPage, Vec<Finding>> {
    let text = text.trim_start_matches('\u{FEFF}').replace("\r\n", "\n").replace('\r', "\n");
    let (_, removed) = XmlText::clean(&text);
    if !removed.is_empty() {
        return Err(removed.iter().map(|found| control(file, found.char, found.line)).collect());
    }
    let mut blocks = blocks(&text);
    let Some(category) = take_category(&mut blocks) else {
        return Err(vec![Finding::error("text-page", file, "the page is empty").hint(
            "the first line is the category; titles and paragraphs follow, with blank lines between them",
        )]);
    };
    let (blocks, older, unread_from) = until_pager(blocks);
    let wrapped = text.lines().all(|line| line.chars().count() <= WRAPPED);
    let (posts, mut findings) = posts(&blocks, file, wrapped);
    let category = HeaderText::parse(category.1).map_err(|error| {
        findings.push(Finding::error("text-page", file, format!("invalid category: {error}")).at(category.0));
    });
    if posts.is_empty() && findings.is_empty() {
        findings.push(
            Finding::error("text-page", file, "the page contains no post")
                .hint("a title is a short line without a full stop, with a blank line above and below"),
        );
    }
    match category {
        Ok(category) if findings.is_empty() => Ok(TextPage { category, posts, older, unread_from }),
        _ => Err(findings),
    }
}

fn control(file: &str, c: char, line: usize) -> Finding {
    Finding::error(
        "text-page",
        file,
        format!("the line contains the control character U+{:04X}", u32::from(c)),
    )
    .at(line)
    .hint("remove it; save the page as plain UTF-8 text")
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        match blocks.last_mut().filter(|_| open && !line.is_empty()) {
            Some(block) => block.lines.push(line),
            None if !line.is_empty() => blocks.push(Block { line: at + 1, lines: vec![line] }),
            None => {}
        }
        open = !line.is_empty();
    }
    blocks
}

/// Removes and returns the first line; lines directly below it stay in the block.
fn take_category<'a>(blocks: &mut Vec<Block<'a>>) -> Option<(usize, &'a str)> {
    let first = blocks.first_mut()?;
    let category = (first.line, first.lines.remove(0));
    first.line += 1;
    if first.lines.is_empty() {
        blocks.remove(0);
    }
    Some(category)
}

/// The blocks before the pager, whether it leads to older entries, and the first line that was not read.
fn until_pager(mut blocks: Vec<Block<'_>>) -> (Vec<Block<'_>>, bool, Option<usize>) {
    // A page may begin with a pager, too.
    let is_pager = |block: &&Block<'_>| block.lines.len() == 1 && pager(block.lines[0]).is_some();
    let pagers = blocks.iter().take_while(is_pager).count();
    blocks.drain(..pagers);
    for at in 0..blocks.len() {
        let block = &mut blocks[at];
        let Some((row, older)) =
            block.lines.iter().enumerate().find_map(|(row, line)| Some((row, pager(line)?)))
        else {
            continue;
        };
        let unread = block.lines.get(row + 1).map(|_| block.line + row + 1);
        block.lines.truncate(row);
        let keep = at + usize::from(row > 0);
        let unread = unread.or_else(|| blocks.get(at + 1).map(|next| next.line));
        blocks.truncate(keep);
        return (blocks, older, unread);
    }
    (blocks, false, None)
}

/// Whether a line is a link to other pages of the archive, and if so, whether to older ones.
fn pager(line: &str) -> Option<bool> {
    const ARROWS: [char; 10] = ['«', '»', '‹', '›', '←', '→', '<', '>', '|', '·'];
    const PHRASES: [(&str, bool); 28] = [
        ("older entries", true),
        ("older posts", true),
        ("older articles", true),
        ("previous entries", true),
        ("previous posts", true),
        ("previous page", true),
        ("previous", true),
        ("older", true),
        ("newer entries", false),
        ("newer posts", false),
        ("next entries", false),
        ("next posts", false),
        ("next page", false),
        ("newer", false),
        ("next", false),
        ("이전 글", true),
        ("이전글", true),
        ("이전 페이지", true),
        ("이전", true),
        ("다음 글", false),
        ("다음글", false),
        ("다음 페이지", false),
        ("다음", false),
        ("過去の記事", true),
        ("前のページ", true),
        ("次のページ", false),
        ("上一页", false),
        ("下一页", true),
    ];
    let arrow = line.contains(ARROWS);
    let lower = line.to_lowercase();
    let between = |c: char| c.is_whitespace() || ARROWS.contains(&c);
    let (mut rest, mut older, mut phrases) = (lower.trim_matches(between), false, 0);
    while !rest.is_empty() {
        // A single word is a pager only with an arrow: it may be a title.
        let (phrase, leads_back) = PHRASES
            .into_iter()
            .find(|(phrase, _)| rest.starts_with(phrase) && (arrow || phrase.contains(' ')))?;
        rest = rest[phrase.len()..].trim_start_matches(between);
        older |= leads_back;
        phrases += 1;
    }
    (phrases > 0).then_some(older)
}

/// The title, if the block is one short line that does not end like a sentence, an introduction or a quotation.
fn title<'a>(block: &Block<'a>) -> Option<&'a str> {
    const ENDS: &str = ".?!,:;。．？！，：；、…‥”’\"'」』";
    let [line] = block.lines[..] else { return None };
    let plain = line.chars().count() <= MAX_TITLE
        && !line.ends_with(|c| ENDS.contains(c))
        && line.contains(char::is_alphanumeric)
        && !line.contains("://")
        && markdown::item(line).is_none()
        && !line.starts_with(['-', '*', '+', '•', '>', '#']);
    plain.then_some(line)
}

fn posts(blocks: &[Block<'_>], file: &str, wrapped: bool) -> (Vec<PagePost>, Vec<Finding>) {
    let (mut posts, mut findings) = (Vec::new(), Vec::new());
    let mut rest = blocks;
    while let Some((head, tail)) = rest.split_first() {
        let length = tail.iter().position(|block| title(block).is_some()).unwrap_or(tail.len());
        let (body, next) = tail.split_at(length);
        rest = next;
        let Some(title) = title(head) else {
            findings.push(
                Finding::error("text-page", file, "there is text before the first title")
                    .at(head.line)
                    .hint("the first line must contain only the category; the first title follows on a line of its own"),
            );
            continue;
        };
        if body.is_empty() {
            findings.push(
                Finding::error(
                    "text-page",
                    file,
                    format!("there is no text below {title:?}, which looks like a title"),
                )
                .at(head.line)
                .hint("join the line to the paragraph to which it belongs, or end it with a full stop"),
            );
            continue;
        }
        let paragraphs: Vec<&[&str]> = body.iter().map(|block| block.lines.as_slice()).collect();
        match HeaderText::parse(title) {
            Ok(title) => {
                posts.push(PagePost { title, line: head.line, body: markdown::write(&paragraphs, wrapped) });
            }
            Err(error) => {
                findings
                    .push(Finding::error("text-page", file, format!("invalid title: {error}")).at(head.line));
            }
        }
    }
    (posts, findings)
}

/// The posts as files: the first, newest one dated `newest`, each following one `every` earlier.
pub fn to_posts(page: &TextPage, newest: DateTime<FixedOffset>, every: TimeDelta) -> Vec<PageFile> {
    let mut taken = HashSet::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut date = newest;
    let mut files = Vec::with_capacity(page.posts.len());
    for post in &page.posts {
        let slug = slug(post.title.as_str());
        let day = date.format("%Y-%m-%d");
        // The names with the numbers below are in use.
        let number = numbers.entry(format!("{day}-{slug}")).or_insert(0);
        let mut next = || {
            *number += 1;
            if *number == 1 { format!("{day}-{slug}.md") } else { format!("{day}-{slug}-{number}.md") }
        };
        let mut file_name = next();
        while !taken.insert(file_name.clone()) {
            file_name = next();
        }
        files.push(PageFile { file_name, contents: contents(page, post, date) });
        date = date.checked_sub_signed(every).unwrap_or(date);
    }
    files
}

fn contents(page: &TextPage, post: &PagePost, date: DateTime<FixedOffset>) -> String {
    format!(
        "+++\ntitle = {}\ndate = {}\ncategories = [{}]\n+++\n\n{}",
        quoted(post.title.as_str()),
        date.format("%Y-%m-%dT%H:%M:%S%:z"),
        quoted(page.category.as_str()),
        post.body
    )
}

/// A basic TOML string. A [`HeaderText`] has no control characters, so two escapes are enough.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Letters and digits of every script in lower case, hyphens between them.
pub(super) fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.nfc().flat_map(char::to_lowercase).nfc() {
        if slug.len() + c.len_utf8() > MAX_SLUG {
            break;
        }
        if c.is_alphanumeric() || (is_combining_mark(c) && !slug.is_empty() && !slug.ends_with('-')) {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "post".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: &str = include_str!("../../tests/data/seed.txt");

    fn page(text: &str) -> TextPage {
        read(text, "page.txt").unwrap_or_else(|findings| panic!("{findings:?}"))
    }

    fn titles(text: &str) -> Vec<String> {
        page(text).posts.into_iter().map(|post| post.title.into()).collect()
    }

    fn message(text: &str) -> String {
        read(text, "page.txt").unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_seed_has_five_posts_and_a_link_to_older_entries() {
        let page = page(SEED);
        assert_eq!(page.category.as_str(), "B2B");
        assert_eq!(
            titles(SEED),
            ["유연함", "정확한 예측과 밸류에이션", "Animoto 근황", "B2C와 B2B", "스트롱 협업"]
        );
        assert!(page.older);
        assert_eq!(page.unread_from, None);
        let sentences = ["나는 이런 유연함이 정말 좋다.", "Checkout.com의 $450M(약 5,000억 원)"];
        assert!(page.posts[0].body.contains(sentences[0]) && page.posts[1].body.contains(sentences[1]));
    }

    #[test]
    fn the_numbered_lines_of_the_seed_are_a_list_of_eight_items() {
        let body = &page(SEED).posts[2].body;
        let html = comrak::markdown_to_html(body, &comrak::Options::default());
        assert_eq!((html.matches("<ol>").count(), html.matches("<li>").count()), (1, 8), "{html}");
        assert!(body.contains("몇 가지 사실이다:\n\n1. 4명의"), "{body}");
        assert!(html.contains("2007년~2011년 사이에"), "{html}");
    }

    #[test]
    fn every_word_of_the_seed_is_in_the_posts() {
        let page = page(SEED);
        let words =
            |text: &str| text.replace('\\', "").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut imported = words(page.category.as_str());
        for post in &page.posts {
            imported.extend(words(post.title.as_str()));
            imported.extend(words(&post.body));
        }
        let original: Vec<String> = words(SEED)
            .into_iter()
            .filter(|word| !["«", "Older", "Entries"].contains(&word.as_str()))
            .collect();
        let slash =
            |word: &String| word.strip_suffix('/').map_or(word.clone(), |number| format!("{number}."));
        assert_eq!(imported, original.iter().map(slash).collect::<Vec<_>>());
    }

    #[test]
    fn posts_become_files_from_the_newest_back() {
        let newest = DateTime::parse_from_rfc3339("2026-11-20T09:00:00+09:00").unwrap();
        let files = to_posts(&page(SEED), newest, TimeDelta::days(7));
        let names: Vec<&str> = files.iter().map(|file| file.file_name.as_str()).collect();
        assert_eq!(
            names,
            [
                "2026-11-20-유연함.md",
                "2026-11-13-정확한-예측과-밸류에이션.md",
                "2026-11-06-animoto-근황.md",
                "2026-10-30-b2c와-b2b.md",
                "2026-10-23-스트롱-협업.md",
            ]
        );
        let head = "+++\ntitle = \"유연함\"\ndate = 2026-11-20T09:00:00+09:00\ncategories = [\"B2B\"]\n+++\n\n작은 초기";
        assert!(files[0].contents.starts_with(head), "{}", files[0].contents);
    }

    #[test]
    fn two_posts_of_one_day_and_title_get_different_names() {
        let page = page("소식\n\n주간 소식\n\n하나.\n\n주간: 소식\n\n둘.\n\n???!\n\n셋.");
        let files = to_posts(&page, DateTime::UNIX_EPOCH.fixed_offset(), TimeDelta::zero());
        let names: Vec<&str> = files.iter().map(|file| file.file_name.as_str()).collect();
        assert_eq!(names, ["1970-01-01-주간-소식.md", "1970-01-01-주간-소식-2.md"]);
    }

    #[test]
    fn a_sentence_a_list_item_and_a_link_are_not_titles() {
        for line in [
            "짧다.",
            "정말?",
            "그는 말했다…",
            "“인용”",
            "다음과 같다:",
            "1/ 하나",
            "- 하나",
            "https://example.com/",
            "***",
        ] {
            assert_eq!(titles(&format!("글\n\n제목\n\n본문이다.\n\n{line}\n\n끝이다.")), ["제목"], "{line}");
        }
    }

    #[test]
    fn pagers_in_several_languages_end_the_page() {
        for (line, older) in [
            ("« Older Entries", true),
            ("Older posts", true),
            ("← 이전 글", true),
            ("« 이전", true),
            ("이전 글 | 다음 글", true),
            ("« Older Entries   Next Entries »", true),
            ("Newer posts →", false),
            ("過去の記事 »", true),
        ] {
            let page = page(&format!("글\n\n제목\n\n본문이다.\n\n{line}\n\n바닥글"));
            assert_eq!((page.posts.len(), page.older, page.unread_from), (1, older, Some(9)), "{line}");
        }
        assert_eq!(titles("글\n\n이전\n\n본문이다."), ["이전"]);
        assert_eq!(titles("글\n\n« Newer posts\n\n제목\n\n본문이다."), ["제목"]);
    }

    #[test]
    fn findings_have_a_line_and_a_hint() {
        assert!(message("").contains("the page is empty"));
        assert!(message("글").contains("no post"));
        assert!(
            message("글\n\n본문부터 나온다.\n\n제목\n\n본문.")
                .contains("page.txt:3: error: there is text before")
        );
        assert!(
            message("글\n\n제목\n\n소제목\n\n본문.")
                .contains("page.txt:3: error: there is no text below \"제목\"")
        );
        assert!(
            message("글\n\n제목\n\n본\u{7}문.")
                .contains("page.txt:5: error: the line contains the control character U+0007")
        );
    }

    #[test]
    fn line_ends_of_every_system_and_a_byte_order_mark_are_read() {
        let unix = "글\n\n제목\n\n본문이다.\n\n« 이전\n";
        assert_eq!(page(unix), page(&unix.replace('\n', "\r\n")));
        assert_eq!(page(unix), page(&format!("\u{FEFF}{}", unix.replace('\n', "\r"))));
    }

    #[test]
    fn a_title_is_quoted_for_toml() {
        let page = page("글\n\nC:\\new \"책\" 이야기\n\n본문이다.");
        let file = to_posts(&page, DateTime::UNIX_EPOCH.fixed_offset(), TimeDelta::zero()).remove(0);
        let front = file.contents.split("+++").nth(1).unwrap();
        let table: toml::Table = toml::from_str(front).unwrap();
        assert_eq!(table["title"].as_str(), Some("C:\\new \"책\" 이야기"));
    }

    proptest! {
        #[test]
        fn no_page_panics_and_file_names_are_safe_and_distinct(
            text in "([가-힣a-z A-Z0-9/.«»!?~*_#\\u{1100}\\u{1161}\\u{301}\\u{202E}]{0,12}\n{1,2}){0,12}", days in -9..9_i64,
        ) {
            if let Ok(page) = read(&text, "page.txt") {
                let files = to_posts(&page, DateTime::UNIX_EPOCH.fixed_offset(), TimeDelta::days(days));
                let names: HashSet<String> = files.iter().map(|file| file.file_name.to_lowercase()).collect();
                prop_assert_eq!(names.len(), page.posts.len());
                for name in &names {
                    prop_assert!(name.len() <= 200 && !name.contains(['/', '\\', ':', ' ', '"', '\0']), "{}", name);
                    prop_assert_eq!(name.nfc().collect::<String>(), name.clone());
                }
            }
        }
    }
}
