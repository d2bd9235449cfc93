//! Plain paragraphs as Markdown that renders to the same text.
//!
//! Everything that a Markdown dialect could treat as markup is escaped, including extensions that Letterpress does
//! not use: from now on the posts are the author's own files, and other programs read them too. Nothing else is
//! changed.

/// A part of a post.
enum Piece<'a> {
    Paragraph(Vec<&'a str>),
    Item {
        number: u32,
        /// The first item of its list.
        opens: bool,
        /// Directly below the item before it.
        tight: bool,
        lines: Vec<&'a str>,
    },
}

/// Paragraphs, each of one or more lines without white space around them. With `wrapped`, line ends inside a
/// paragraph mean nothing; otherwise they are kept as line breaks.
pub(super) fn write(paragraphs: &[&[&str]], wrapped: bool) -> String {
    let line_break = if wrapped { "\n" } else { "\\\n" };
    let mut body = String::new();
    let (mut after_item, mut delimiter) = (false, '.');
    for piece in pieces(paragraphs) {
        let (marker, lines, tight) = match &piece {
            Piece::Paragraph(lines) => (String::new(), lines, false),
            Piece::Item { number, opens, tight, lines } => {
                // Another delimiter begins another list; without it, two adjacent lists would be numbered as one.
                delimiter = match (*opens, after_item, delimiter) {
                    (true, true, '.') => ')',
                    (true, _, _) => '.',
                    (false, _, delimiter) => delimiter,
                };
                (format!("{number}{delimiter} "), lines, *tight)
            }
        };
        if !body.is_empty() {
            // A list directly below a paragraph would become part of it, unless its number is 1.
            body.push_str(if tight { "\n" } else { "\n\n" });
        }
        let indent = " ".repeat(marker.len());
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        body.push_str(&marker);
        body.push_str(&lines.join(&format!("{line_break}{indent}")));
        after_item = matches!(piece, Piece::Item { .. });
    }
    body.push('\n');
    body
}

fn pieces<'a>(paragraphs: &[&[&'a str]]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let mut expected = None;
    for (at, paragraph) in paragraphs.iter().enumerate() {
        for (row, line) in paragraph.iter().enumerate() {
            let below =
                paragraph.get(row + 1).or_else(|| paragraphs.get(at + 1).and_then(|next| next.first()));
            let successor = below.and_then(|line| item(line)).map(|(number, _)| number);
            let tight = row > 0 && expected.is_some();
            // Markdown keeps only the first number of a list, so numbers that do not count up stay text.
            match item(line) {
                Some((number, rest)) if expected == Some(number) || successor == number.checked_add(1) => {
                    let opens = expected != Some(number);
                    pieces.push(Piece::Item { number, opens, tight: tight && !opens, lines: vec![rest] });
                    expected = number.checked_add(1);
                }
                _ => match pieces.last_mut() {
                    Some(Piece::Paragraph(lines) | Piece::Item { lines, .. }) if row > 0 => lines.push(line),
                    _ => {
                        pieces.push(Piece::Paragraph(vec![line]));
                        expected = None;
                    }
                },
            }
        }
    }
    pieces
}

/// The number and the text of `1/ text`, `1. text` or `1) text`. Markdown allows nine digits.
pub(super) fn item(line: &str) -> Option<(u32, &str)> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let number: u32 = line.get(..digits).filter(|digits| digits.len() <= 9)?.parse().ok()?;
    let text = line.get(digits..)?.strip_prefix(['/', '.', ')'])?;
    let rest = text.trim_start();
    // `01/` would lose its zero.
    (number.to_string().len() == digits && rest.len() < text.len() && !rest.is_empty())
        .then_some((number, rest))
}

/// One line as Markdown text.
fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut rest = line;
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && line[digits..].starts_with(['.', ')']) {
        out.push_str(&line[..digits]);
        rest = &line[digits..];
        out.push('\\');
    } else if line.starts_with(['#', '>', '-', '+', '=', ':', '%']) {
        out.push('\\');
    }
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if let Some(url) = url(rest) {
            out.push('<');
            out.push_str(url);
            out.push('>');
            rest = &rest[url.len()..];
            before = '>';
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let special = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '~' | '^' | '|' => true,
            '&' => rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '#'),
            '=' | '+' => before == c || rest.starts_with(c),
            // Bare addresses that are not written as links above would include the escapes after them.
            ':' => before == c || rest.starts_with([':', '/']),
            '.' => out
                .len()
                .checked_sub(3)
                .and_then(|at| out.get(at..))
                .is_some_and(|www| www.eq_ignore_ascii_case("www")),
            _ => false,
        };
        if special && !(out.ends_with('\\') && rest.len() + c.len_utf8() == line.len()) {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// The web address at the beginning of `text`. It is written as `<https://…>`: escapes would end up inside it.
fn url(text: &str) -> Option<&str> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme))?;
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c)));
    let mut url = text.get(..end.unwrap_or(text.len()))?;
    loop {
        let closing = url.ends_with(')') && url.matches(')').count() > url.matches('(').count();
        match url.strip_suffix(['.', ',', ';', ':', '!', '?', '\'', '*', '~']) {
            Some(shorter) => url = shorter,
            None if closing => url = url.strip_suffix(')').unwrap_or(url),
            None => break,
        }
    }
    // Entities are decoded inside an autolink too, and a path that continues in another script would be cut.
    let entity = url.contains('&') && url.contains(';');
    let goes_on = text[url.len()..].starts_with(|c: char| !c.is_ascii() && c.is_alphanumeric());
    let cut = goes_on && url.ends_with(['/', '=', '-', '_', '%']);
    (!entity && !cut && url.len() > scheme.len()).then_some(url)
}

#[cfg(test)]
mod tests {
    use comrak::nodes::NodeValue;
    use comrak::{Arena, Options, format_html, parse_document};
    use proptest::prelude::*;

    use super::*;

    /// Every extension that turns punctuation into markup, except mathematics: a dollar sign is money here.
    fn options() -> Options<'static> {
        let mut options = Options::default();
        let extension = &mut options.extension;
        extension.strikethrough = true;
        extension.table = true;
        extension.autolink = true;
        extension.tasklist = true;
        extension.superscript = true;
        extension.subscript = true;
        extension.footnotes = true;
        extension.inline_footnotes = true;
        extension.description_lists = true;
        extension.multiline_block_quotes = true;
        extension.alerts = true;
        extension.wikilinks_title_after_pipe = true;
        extension.underline = true;
        extension.spoiler = true;
        extension.highlight = true;
        extension.insert = true;
        extension.block_directive = true;
        extension.cjk_friendly_emphasis = true;
        options
    }

    fn rendered_text(markdown: &str) -> String {
        let arena = Arena::new();
        let root = parse_document(&arena, markdown, &options());
        let mut text = String::new();
        for node in root.descendants() {
            match &node.data.borrow().value {
                NodeValue::Text(run) => text.push_str(run),
                NodeValue::SoftBreak | NodeValue::LineBreak | NodeValue::Paragraph | NodeValue::Item(_) => {
                    text.push(' ');
                }
                NodeValue::Document | NodeValue::Link(_) | NodeValue::List(_) => {}
                other => text.extend(["[", &format!("{other:?}"), "]"]),
            }
        }
        normal(&text)
    }

    fn normal(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn html(markdown: &str) -> String {
        let arena = Arena::new();
        let mut html = String::new();
        format_html(parse_document(&arena, markdown, &options()), &options(), &mut html).unwrap();
        html
    }

    #[test]
    fn what_looks_like_markup_stays_text() {
        for line in [
            "2007년~2011년 사이, 2012년~2013년 사이",
            "*별* _밑줄_ **굵게** `코드`",
            "# 제목이 아니다",
            "> 인용이 아니다",
            "- 항목이 아니다",
            "1986. 대단한 해였다",
            "1) 하나뿐이다",
            "a | b | c",
            "<b>태그</b> &amp; &copy;",
            "[1] 각주 [^1] [[글]]",
            "C:\\*새글*",
            "--- ",
            "==강조== ++추가++",
            "=BGM: Background Music",
            "$450M(약 5,000억 원)과 $15B",
            "^위^ ||가림||",
            ":::",
        ] {
            assert_eq!(rendered_text(&write(&[&[line.trim()]], false)), normal(line), "{}", escape(line));
        }
    }

    #[test]
    fn numbered_lines_directly_below_a_paragraph_are_a_list_with_their_numbers() {
        assert_eq!(
            write(&[&["다음과 같다:", "3/ 하나", "4/ 둘", "이어서"]], false),
            "다음과 같다:\n\n3. 하나\n4. 둘\\\n   이어서\n"
        );
        assert_eq!(write(&[&["1. 하나"], &["2. 둘"], &["끝."]], false), "1. 하나\n\n2. 둘\n\n끝.\n");
    }

    #[test]
    fn numbers_that_do_not_count_up_stay_text() {
        assert_eq!(write(&[&["1. 하나", "3. 셋"]], true), "1\\. 하나\n3\\. 셋\n");
        assert_eq!(write(&[&["01/ 하나", "02/ 둘"]], true), "01/ 하나\n02/ 둘\n");
    }

    #[test]
    fn two_adjacent_lists_are_numbered_separately() {
        let html = html(&write(&[&["1/ 가", "2/ 나"], &["1/ 다", "2/ 라"]], false));
        assert_eq!(html.matches("<ol>").count(), 2, "{html}");
    }

    #[test]
    fn web_addresses_become_links_without_the_particle_after_them() {
        let html =
            html(&write(&[&["https://example.com/a_b_(c)?x=1&y=2를 보라. (http://example.com/~a)"]], false));
        assert!(html.contains("href=\"https://example.com/a_b_(c)?x=1&amp;y=2\""), "{html}");
        assert!(html.contains("href=\"http://example.com/~a\""), "{html}");
    }

    proptest! {
        #[test]
        fn any_line_renders_to_its_own_text(line in "(https?://|www\\.|WWW\\.|ftp://|mailto:|xmpp:|a_b@|[a-z]{1,3}@[a-z_]{1,3}\\.)?[ -~가나©]{0,40}") {
            let line = line.trim();
            prop_assert_eq!(rendered_text(&write(&[&[line]], false)), normal(line), "{}", escape(line));
        }

        #[test]
        fn any_paragraphs_render_to_their_own_text(
            paragraphs in prop::collection::vec(prop::collection::vec("[-가a=#:>|~+*\\\\][ -~가나]{0,12}", 1..4), 1..4), wrapped: bool,
        ) {
            let lines: Vec<Vec<&str>> = paragraphs.iter().map(|lines| lines.iter().map(|line| line.trim()).collect()).collect();
            let blocks: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
            let markdown = write(&blocks, wrapped);
            prop_assert_eq!(rendered_text(&markdown), normal(&paragraphs.concat().join(" ")), "{}", markdown);
        }
    }
}
