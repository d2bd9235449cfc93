//! The text part of an email, made from the outline of its HTML, so that both say the same.
//!
//! Links and pictures are numbered `[1]` and listed at the end, so that long percent-encoded addresses do not interrupt a sentence.
//! Footnotes have superscript numbers, to distinguish them from links.

use super::outline::{Block, Inline, Item};
use super::wrap::{self, Span, columns};
use crate::i18n::IssueStrings;

/// The minimum line width, however deep the nesting.
const NARROWEST: usize = 24;

/// Renders a body in lines of at most 76 columns; only addresses and code can be longer. Ends in a line break unless it is
/// empty.
pub(super) fn render(blocks: &[Block], words: &IssueStrings) -> String {
    let mut page = Page { words, links: Vec::new() };
    let mut lines = page.blocks(blocks, wrap::LINE);
    if !page.links.is_empty() {
        lines.extend([String::new(), format!("{}:", words.links)]);
        lines.extend(page.links.iter().enumerate().map(|(n, url)| format!("[{}] {url}", n + 1)));
    }
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

struct Page<'a> {
    words: &'a IssueStrings,
    links: Vec<String>,
}

impl Page<'_> {
    /// Blocks with an empty line between them.
    fn blocks(&mut self, blocks: &[Block], width: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for block in blocks {
            let block = self.block(block, width.max(NARROWEST));
            if !lines.is_empty() && !block.is_empty() {
                lines.push(String::new());
            }
            lines.extend(block);
        }
        lines
    }

    fn block(&mut self, block: &Block, width: usize) -> Vec<String> {
        match block {
            Block::Heading(level, text) => self.heading(*level, text, width),
            Block::Paragraph(text) => self.paragraph(text, width),
            Block::List(start, items) => self.list(*start, items, width),
            Block::Quote(blocks) => indented(self.blocks(blocks, width - 2), "> ", "> "),
            Block::Code(code) => code.trim_end().lines().map(|line| format!("    {line}")).collect(),
            Block::Table(head, rows) => self.table(head, rows, width),
            Block::Definitions(entries) => self.definitions(entries, width),
            Block::Rule => vec!["* * *".to_owned()],
            Block::Footnotes(notes) => self.footnotes(notes, width),
        }
    }

    fn heading(&mut self, level: u8, text: &[Inline], width: usize) -> Vec<String> {
        let mut lines = self.paragraph(text, width);
        let rule = lines.iter().map(|line| columns(line)).max().unwrap_or(0);
        match level {
            1 => lines.push("=".repeat(rule)),
            2 => lines.push("-".repeat(rule)),
            level => return indented(lines, &("#".repeat(level.into()) + " "), ""),
        }
        lines
    }

    fn paragraph(&mut self, text: &[Inline], width: usize) -> Vec<String> {
        let mut spans = Vec::new();
        self.spans(text, &mut spans);
        wrap::lines(&spans, width)
    }

    fn list(&mut self, start: Option<usize>, items: &[Item], width: usize) -> Vec<String> {
        let last = start.map(|first| first.saturating_add(items.len()).saturating_sub(1));
        let digits = last.map_or(0, |last| last.to_string().len());
        // Items with several paragraphs need blank lines between them; others do not.
        let loose = items
            .iter()
            .any(|item| item.blocks.iter().filter(|block| !matches!(block, Block::List(..))).count() > 1);
        let mut lines = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let mut bullet = match start {
                Some(first) => format!("{:>digits$}. ", first.saturating_add(n)),
                None if item.task.is_some() => String::new(),
                None => "- ".to_owned(),
            };
            bullet.push_str(match item.task {
                Some(true) => "☑ ",
                Some(false) => "☐ ",
                None => "",
            });
            if loose && n > 0 {
                lines.push(String::new());
            }
            let margin = " ".repeat(columns(&bullet));
            let inner = width.saturating_sub(margin.len());
            let body =
                if loose { self.blocks(&item.blocks, inner) } else { self.tight_blocks(&item.blocks, inner) };
            lines.extend(indented(
                if body.is_empty() { vec![String::new()] } else { body },
                &bullet,
                &margin,
            ));
        }
        lines
    }

    /// Blocks without empty lines between them.
    fn tight_blocks(&mut self, blocks: &[Block], width: usize) -> Vec<String> {
        blocks.iter().flat_map(|block| self.block(block, width.max(NARROWEST))).collect()
    }

    /// A table with aligned columns, or a list for each row if that is too wide.
    fn table(&mut self, head: &[Vec<Inline>], rows: &[Vec<Vec<Inline>>], width: usize) -> Vec<String> {
        let head = self.cells(head);
        let rows: Vec<Vec<String>> = rows.iter().map(|row| self.cells(row)).collect();
        let count = rows.iter().map(Vec::len).chain([head.len()]).max().unwrap_or(0);
        let widths: Vec<usize> = (0..count)
            .map(|n| {
                rows.iter()
                    .chain([&head])
                    .filter_map(|row| row.get(n))
                    .map(|cell| columns(cell))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        if widths.iter().sum::<usize>() + 2 * count.saturating_sub(1) > width {
            return listed(&head, &rows, width);
        }
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        [&head, &rule].into_iter().chain(&rows).map(|row| aligned(row, &widths)).collect()
    }

    fn cells(&mut self, row: &[Vec<Inline>]) -> Vec<String> {
        row.iter().map(|cell| self.paragraph(cell, usize::MAX).join(" ")).collect()
    }

    fn definitions(&mut self, entries: &[(Vec<Inline>, Vec<Block>)], width: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for (term, meaning) in entries {
            lines.extend(self.paragraph(term, width));
            lines.extend(indented(self.blocks(meaning, width - 4), "    ", "    "));
        }
        lines
    }

    fn footnotes(&mut self, notes: &[Vec<Block>], width: usize) -> Vec<String> {
        let mut lines = vec!["-".repeat(12)];
        for (n, note) in notes.iter().enumerate() {
            let figure = superscript(n + 1) + " ";
            let margin = " ".repeat(columns(&figure));
            lines.extend(indented(self.blocks(note, width - margin.len()), &figure, &margin));
        }
        lines
    }

    fn spans(&mut self, text: &[Inline], out: &mut Vec<Span>) {
        for inline in text {
            match inline {
                Inline::Text(text) => out.push(Span::Text(text.clone())),
                Inline::Code(code) => out.push(Span::Text(format!("`{code}`"))),
                Inline::Emphasis(inner) => self.marked("_", inner, out),
                Inline::Strong(inner) => self.marked("*", inner, out),
                Inline::Strike(inner) => self.marked("~", inner, out),
                Inline::Link(inner, url) => self.link(inner, url, out),
                Inline::Image(alt, url) => {
                    self.picture(alt, out);
                    self.reference(url, out);
                }
                Inline::Video(url) => self.embedded(&self.words.video, url, out),
                Inline::Audio(url) => self.embedded(&self.words.audio, url, out),
                Inline::Footnote(number) => out.push(Span::Solid(superscript(*number))),
                Inline::Break => out.push(Span::Break),
            }
        }
    }

    fn marked(&mut self, mark: &str, inner: &[Inline], out: &mut Vec<Span>) {
        out.push(Span::Text(mark.to_owned()));
        self.spans(inner, out);
        out.push(Span::Text(mark.to_owned()));
    }

    /// Writes a link whose text is its address without a number. Any other address is listed at the end, each once.
    fn link(&mut self, inner: &[Inline], url: &str, out: &mut Vec<Span>) {
        let bare = url.trim_start_matches("mailto:");
        if matches!(inner, [Inline::Text(text)] if text == url || text == bare) {
            out.push(Span::Solid(bare.to_owned()));
            return;
        }
        for inline in inner {
            match inline {
                // A picture that is a link has the address of the link.
                Inline::Image(alt, _) => self.picture(alt, out),
                other => self.spans(std::slice::from_ref(other), out),
            }
        }
        self.reference(url, out);
    }

    fn picture(&self, alt: &str, out: &mut Vec<Span>) {
        let alt = if alt.trim().is_empty() { &self.words.picture } else { alt.trim() };
        out.push(Span::Text(format!("[{alt}]")));
    }

    fn embedded(&mut self, label: &str, url: &str, out: &mut Vec<Span>) {
        out.push(Span::Text(format!("▶ {label}")));
        self.reference(url, out);
    }

    /// The number of an address in the list at the end.
    fn reference(&mut self, url: &str, out: &mut Vec<Span>) {
        let number = self.links.iter().position(|known| known == url).unwrap_or_else(|| {
            self.links.push(url.to_owned());
            self.links.len() - 1
        });
        out.push(Span::Solid(format!(" [{}]", number + 1)));
    }
}

fn indented(lines: Vec<String>, first: &str, other: &str) -> Vec<String> {
    lines
        .into_iter()
        .enumerate()
        .map(|(n, line)| [if n == 0 { first } else { other }, &line].concat())
        .collect()
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width.saturating_sub(columns(cell)) + 2));
    }
    line
}

/// A wide table: for each row a list of `head: cell`.
fn listed(head: &[String], rows: &[Vec<String>], width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        for (n, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let title = head.get(n).filter(|title| !title.is_empty());
            let entry = title.map_or_else(|| cell.clone(), |title| format!("{title}: {cell}"));
            let entry = wrap::lines(&[Span::Text(entry)], width - 2);
            lines.extend(indented(entry, if n == 0 { "- " } else { "  " }, "  "));
        }
    }
    lines
}

/// A number in superscript digits.
fn superscript(number: usize) -> String {
    const FIGURES: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().bytes().map(|digit| FIGURES[usize::from(digit - b'0') % 10]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures::{item, link, paragraph, text};
    use super::*;

    fn plain(blocks: &[Block]) -> String {
        render(blocks, &crate::i18n::Languages::default().of("ko").issue)
    }

    #[test]
    fn links_are_numbered_once_each_and_listed_at_the_end() {
        let (a, b) = ("https://example.com/a", "https://example.com/b");
        let body = [Block::Paragraph(vec![
            link("하나", a),
            text(", "),
            link("둘", b),
            text(", "),
            link("다시", a),
            text("를"),
        ])];
        assert_eq!(plain(&body), format!("하나 [1], 둘 [2], 다시 [1]를\n\n링크:\n[1] {a}\n[2] {b}\n"));
    }

    #[test]
    fn a_link_that_shows_its_own_address_is_not_listed() {
        let body = [Block::Paragraph(vec![
            link("https://example.com/", "https://example.com/"),
            text(" "),
            link("kim@example.com", "mailto:kim@example.com"),
        ])];
        assert_eq!(plain(&body), "https://example.com/ kim@example.com\n");
    }

    #[test]
    fn headings_are_underlined_as_wide_as_they_look() {
        let body = [
            Block::Heading(1, vec![text("서문")]),
            Block::Heading(2, vec![text("a 나")]),
            Block::Heading(3, vec![text("다")]),
        ];
        assert_eq!(plain(&body), "서문\n====\n\na 나\n----\n\n### 다\n");
    }

    #[test]
    fn ordered_lists_keep_their_numbers_and_nested_ones_their_place() {
        let body = [Block::List(
            Some(9),
            vec![
                item(None, vec![paragraph("아홉")]),
                item(
                    None,
                    vec![paragraph("열"), Block::List(None, vec![item(Some(true), vec![paragraph("했음")])])],
                ),
            ],
        )];
        assert_eq!(plain(&body), " 9. 아홉\n10. 열\n    ☑ 했음\n");
    }

    #[test]
    fn an_item_with_two_paragraphs_is_surrounded_by_blank_lines() {
        let body = [Block::List(
            None,
            vec![item(None, vec![paragraph("하나"), paragraph("더")]), item(None, Vec::new())],
        )];
        assert_eq!(plain(&body), "- 하나\n\n  더\n\n-\n");
    }

    #[test]
    fn a_quote_in_a_quote_has_two_marks_and_code_keeps_its_spaces() {
        let body = [
            Block::Quote(vec![paragraph("밖"), Block::Quote(vec![paragraph("안")])]),
            Block::Code("if a:\n    b\n".to_owned()),
        ];
        assert_eq!(plain(&body), "> 밖\n>\n> > 안\n\n    if a:\n        b\n");
    }

    #[test]
    fn a_narrow_table_is_aligned_and_a_wide_one_becomes_a_list() {
        let row = |cells: [&str; 2]| cells.map(|cell| vec![text(cell)]).to_vec();
        let narrow = [Block::Table(row(["이름", "a"]), vec![row(["나", "bcd"])])];
        assert_eq!(plain(&narrow), "이름  a\n----  ---\n나    bcd\n");
        let long = "가나다라 ".repeat(9);
        let wide = [Block::Table(row(["이름", "뜻"]), vec![row(["나", long.trim()])])];
        assert!(plain(&wide).starts_with("- 이름: 나\n  뜻: 가나다라 가나다라"));
    }

    #[test]
    fn footnotes_have_superscript_numbers_and_images_their_alternative_text() {
        let body = [
            Block::Paragraph(vec![
                text("글"),
                Inline::Footnote(12),
                text(" "),
                Inline::Image(String::new(), "https://example.com/a.png".to_owned()),
            ]),
            Block::Footnotes(vec![vec![paragraph("주")]]),
        ];
        assert_eq!(
            plain(&body),
            "글¹² [이미지] [1]\n\n------------\n¹ 주\n\n링크:\n[1] https://example.com/a.png\n"
        );
    }

    #[test]
    fn deep_nesting_narrows_the_column_down_to_a_minimum() {
        let mut block = paragraph(&"가나 ".repeat(20));
        for _ in 0..60 {
            block = Block::Quote(vec![block]);
        }
        let plain = plain(&[block]);
        assert!(plain.lines().all(|line| line.trim_start_matches("> ").chars().count() >= 2));
    }

    proptest! {
        #[test]
        fn no_line_of_prose_is_wider_than_76_columns(words in "[가-힣a-z ]{0,300}", code in "[가-힣a-z ]{0,20}") {
            let body = [
                paragraph(&words),
                Block::List(Some(1), vec![item(None, vec![Block::Quote(vec![paragraph(&words)])])]),
                Block::Paragraph(vec![Inline::Strong(vec![text(&words)]), Inline::Break, Inline::Code(code)]),
            ];
            for line in plain(&body).lines() {
                prop_assert!(columns(line) <= 76 || !line.trim().contains(' '), "{line:?}");
            }
        }
    }
}
