//! The outline of a body: blocks and lines of text, read from the HTML that the email shows, for the text part. Markdown and raw
//! HTML are the same here.
//!
//! The HTML comes sanitised from `archive::markdown`: without scripts, styles or forms, and with absolute addresses.

use crate::html::{At, Data, Tree, is_block, parse};

/// A block of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading of level 1 to 6.
    Heading(u8, Vec<Inline>),
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list: the number of its first item if it is ordered, and its items.
    List(Option<usize>, Vec<Item>),
    /// A block quote or an alert.
    Quote(Vec<Block>),
    /// Code, as written.
    Code(String),
    /// A table: the header row and the other rows.
    Table(Vec<Vec<Inline>>, Vec<Vec<Vec<Inline>>>),
    /// Terms and their definitions.
    Definitions(Vec<(Vec<Inline>, Vec<Block>)>),
    /// A thematic break.
    Rule,
    /// The footnotes, numbered from 1.
    Footnotes(Vec<Vec<Block>>),
}

/// A list item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Done or not, if it is a task.
    pub(super) task: Option<bool>,
    /// Its content.
    pub(super) blocks: Vec<Block>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inline {
    /// Text.
    Text(String),
    /// `code`.
    Code(String),
    /// Emphasis.
    Emphasis(Vec<Inline>),
    /// Strong emphasis.
    Strong(Vec<Inline>),
    /// Struck through.
    Strike(Vec<Inline>),
    /// A link: its text and its absolute URL.
    Link(Vec<Inline>, String),
    /// A picture: its alternative text and its absolute URL.
    Image(String, String),
    /// A video or a recording: its absolute URL.
    Video(String),
    Audio(String),
    /// A reference to a footnote, by its number.
    Footnote(usize),
    /// A hard line break.
    Break,
}

/// Reads sanitised HTML.
pub(super) fn read(html: &str) -> Vec<Block> {
    let tree = parse(html);
    Reader { tree: &tree }.blocks(Tree::ROOT)
}

/// The tree is not deeper than `html::parse` makes it, so recursion is safe.
struct Reader<'t> {
    tree: &'t Tree,
}

impl Reader<'_> {
    /// The blocks below `parent`; text between them is a paragraph.
    fn blocks(&self, parent: At) -> Vec<Block> {
        let mut blocks = Blocks::default();
        self.push_children(parent, &mut blocks);
        blocks.end()
    }

    fn push_children(&self, parent: At, blocks: &mut Blocks) {
        for &at in self.tree.children(parent) {
            if self.is_block(at) {
                blocks.end_paragraph();
                self.push_block(at, blocks);
                blocks.end_paragraph();
            } else if self.holds_blocks(at) {
                // Such as `<a><div>…</div></a>`: the line ends where its blocks begin and end.
                self.push_wrapped(at, blocks);
            } else {
                self.push_inline(at, &mut blocks.line);
            }
        }
    }

    fn push_block(&self, at: At, blocks: &mut Blocks) {
        let block = match self.tree.name(at) {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Block::Heading(self.level(at), self.line(at)),
            "ul" | "ol" | "menu" => self.list(at),
            "blockquote" => Block::Quote(self.blocks(at)),
            "pre" => Block::Code(self.tree.text(at)),
            "table" => return self.push_table(at, blocks),
            "dl" => self.definitions(at),
            "hr" => Block::Rule,
            "section" if self.tree.has_class(at, "footnotes") => self.footnotes(at),
            _ => return self.push_children(at, blocks),
        };
        blocks.push(block);
    }

    fn level(&self, at: At) -> u8 {
        self.tree.name(at).as_bytes().get(1).map_or(1, |digit| digit.saturating_sub(b'0'))
    }

    /// An element that is no block, with blocks in it; a link is then around each of its lines.
    fn push_wrapped(&self, at: At, blocks: &mut Blocks) {
        let href = (self.tree.name(at) == "a").then(|| self.tree.attribute(at, "href")).flatten();
        let Some(href) = href else { return self.push_children(at, blocks) };
        for block in self.blocks(at) {
            blocks.end_paragraph();
            blocks.push(match block {
                Block::Paragraph(line) => Block::Paragraph(vec![Inline::Link(line, href.to_owned())]),
                Block::Heading(level, line) => {
                    Block::Heading(level, vec![Inline::Link(line, href.to_owned())])
                }
                other => other,
            });
        }
    }

    fn list(&self, at: At) -> Block {
        let start = self.tree.attribute(at, "start").and_then(|start| start.parse().ok());
        let is_ordered = self.tree.name(at) == "ol";
        let items = self.tree.children(at).iter().filter(|at| self.tree.name(**at) == "li");
        Block::List(is_ordered.then_some(start.unwrap_or(1)), items.map(|at| self.item(*at)).collect())
    }

    /// A task begins with a check box in the text.
    fn item(&self, at: At) -> Item {
        let mut blocks = self.blocks(at);
        let mut task = None;
        if let Some(Block::Paragraph(line)) = blocks.first_mut()
            && let Some(Inline::Text(text)) = line.first_mut()
        {
            for (box_, done) in [("☑ ", true), ("☐ ", false)] {
                if let Some(rest) = text.strip_prefix(box_) {
                    (*text, task) = (rest.to_owned(), Some(done));
                    break;
                }
            }
        }
        Item { task, blocks }
    }

    fn definitions(&self, at: At) -> Block {
        let mut definitions: Vec<(Vec<Inline>, Vec<Block>)> = Vec::new();
        // A `div` may be around a group of terms.
        for at in self.within(at, "div") {
            match (self.tree.name(at), definitions.last_mut()) {
                ("dt", _) => definitions.push((self.line(at), Vec::new())),
                ("dd", Some((_, details))) => details.extend(self.blocks(at)),
                _ => {}
            }
        }
        Block::Definitions(definitions)
    }

    fn footnotes(&self, at: At) -> Block {
        let notes = self.within(at, "ol").filter(|at| self.tree.name(*at) == "li");
        Block::Footnotes(notes.map(|at| self.blocks(at)).collect())
    }

    /// The children of an element, and those of its children that are called `wrapper`. Nothing deeper: it is read with the
    /// element that it is in.
    fn within(&self, at: At, wrapper: &str) -> impl Iterator<Item = At> {
        self.tree
            .children(at)
            .iter()
            .flat_map(move |at| match self.tree.name(*at) {
                name if name == wrapper => self.tree.children(*at),
                _ => std::slice::from_ref(at),
            })
            .copied()
    }

    /// A table, or the content of its cells if it only arranges blocks.
    fn push_table(&self, at: At, blocks: &mut Blocks) {
        let (mut head, mut rows) = (Vec::new(), Vec::new());
        for part in self.tree.below(at) {
            match self.tree.name(part) {
                "caption" => blocks.push(Block::Paragraph(self.line(part))),
                "td" | "th" if self.holds_block_of(part, |name| name != "p") => {
                    return self.push_cells(at, blocks);
                }
                "tr" => {
                    let cells = self.tree.children(part).iter();
                    let cells = cells.filter(|at| matches!(self.tree.name(**at), "td" | "th"));
                    let is_head = cells.clone().all(|at| self.tree.name(*at) == "th");
                    let row: Vec<_> = cells.map(|at| self.line(*at)).collect();
                    if is_head && head.is_empty() && rows.is_empty() { head = row } else { rows.push(row) }
                }
                _ => {}
            }
        }
        blocks.push(Block::Table(head, rows));
    }

    fn push_cells(&self, table: At, blocks: &mut Blocks) {
        let mut inner = self.tree.below(table).filter(|at| matches!(self.tree.name(*at), "td" | "th"));
        // Cells of a table inside are part of the cell around them.
        while let Some(cell) = inner.find(|at| self.table_of(*at) == Some(table)) {
            self.push_children(cell, blocks);
            blocks.end_paragraph();
        }
    }

    fn table_of(&self, cell: At) -> Option<At> {
        std::iter::successors(self.tree.parent(cell), |at| self.tree.parent(*at))
            .find(|at| self.tree.name(*at) == "table")
    }

    fn is_block(&self, at: At) -> bool {
        is_block(self.tree.name(at))
    }

    fn holds_blocks(&self, at: At) -> bool {
        self.holds_block_of(at, |_| true)
    }

    fn holds_block_of(&self, at: At, kind: impl Fn(&str) -> bool) -> bool {
        self.tree.below(at).any(|at| self.is_block(at) && kind(self.tree.name(at)))
    }

    /// Everything below `at` as one line.
    fn line(&self, at: At) -> Vec<Inline> {
        let mut line = Line::default();
        self.push_inlines(at, &mut line);
        line.end()
    }

    fn push_inlines(&self, parent: At, line: &mut Line) {
        for &at in self.tree.children(parent) {
            if self.is_block(at) {
                line.push_text(" ");
                self.push_inlines(at, line);
                line.push_text(" ");
            } else {
                self.push_inline(at, line);
            }
        }
    }

    fn push_inline(&self, at: At, line: &mut Line) {
        let address = |name| self.tree.attribute(at, name).map(str::to_owned);
        match self.tree.data(at) {
            Data::Text(text) => return line.push_text(text),
            Data::Comment(_) | Data::Nothing => return,
            Data::Element(_) => {}
        }
        match self.tree.name(at) {
            "br" => line.push(Inline::Break),
            "code" => line.push(Inline::Code(self.tree.text(at))),
            "em" | "i" | "cite" | "dfn" | "var" => self.push_marked(at, line, Inline::Emphasis),
            "strong" | "b" => self.push_marked(at, line, Inline::Strong),
            "del" | "s" | "strike" => self.push_marked(at, line, Inline::Strike),
            // The link back from a footnote leads out of the email.
            "a" if self.tree.has_class(at, "footnote-backref") => {}
            "a" if self.tree.attribute(at, "id").is_some_and(|id| id.starts_with("fnref-")) => {
                match self.tree.text(at).trim().parse() {
                    Ok(number) => line.push(Inline::Footnote(number)),
                    Err(_) => self.push_inlines(at, line),
                }
            }
            "a" => match address("href") {
                Some(url) => self.push_marked(at, line, |text| Inline::Link(text, url)),
                None => self.push_inlines(at, line),
            },
            "img" => {
                let alt = address("alt").unwrap_or_default();
                line.extend(address("src").map(|url| Inline::Image(alt, url)));
            }
            "video" => line.extend(self.source(at).map(Inline::Video)),
            "audio" => line.extend(self.source(at).map(Inline::Audio)),
            _ => self.push_inlines(at, line),
        }
    }

    /// The address of a video or a recording: its own, or that of its first source.
    fn source(&self, at: At) -> Option<String> {
        let sources = self.tree.below(at).filter(|at| self.tree.name(*at) == "source");
        std::iter::once(at).chain(sources).find_map(|at| self.tree.attribute(at, "src")).map(str::to_owned)
    }

    fn push_marked(&self, at: At, line: &mut Line, mark: impl FnOnce(Vec<Inline>) -> Inline) {
        // White space at the edges belongs to the text around.
        let text = self.tree.text(at);
        line.push_text(&text[..text.len() - text.trim_start().len()]);
        let inside = self.line(at);
        if !inside.is_empty() {
            line.push(mark(inside));
        }
        line.push_text(&text[text.trim_end().len()..]);
    }
}

/// Blocks, and the line that becomes a paragraph.
#[derive(Default)]
struct Blocks {
    done: Vec<Block>,
    line: Line,
}

impl Blocks {
    fn push(&mut self, block: Block) {
        let is_empty = match &block {
            Block::Paragraph(line) | Block::Heading(_, line) => line.is_empty(),
            Block::List(_, items) => items.is_empty(),
            Block::Quote(inside) => inside.is_empty(),
            Block::Table(head, rows) => head.is_empty() && rows.is_empty(),
            _ => false,
        };
        if !is_empty {
            self.done.push(block);
        }
    }

    fn end_paragraph(&mut self) {
        let line = std::mem::take(&mut self.line).end();
        self.push(Block::Paragraph(line));
    }

    fn end(mut self) -> Vec<Block> {
        self.end_paragraph();
        self.done
    }
}

/// A line whose white space is collapsed as a browser does.
#[derive(Default)]
struct Line(Vec<Inline>);

impl Line {
    fn push(&mut self, inline: Inline) {
        if matches!(inline, Inline::Break) {
            self.trim_end();
            if self.0.is_empty() {
                return;
            }
        }
        self.0.push(inline);
    }

    fn extend(&mut self, inline: Option<Inline>) {
        self.0.extend(inline);
    }

    fn push_text(&mut self, text: &str) {
        for c in text.chars() {
            let is_space = c.is_ascii_whitespace();
            match self.0.last_mut() {
                None | Some(Inline::Break) if is_space => {}
                Some(Inline::Text(before)) if is_space && before.ends_with(' ') => {}
                Some(Inline::Text(before)) => before.push(if is_space { ' ' } else { c }),
                _ => self.0.push(Inline::Text(if is_space { ' ' } else { c }.to_string())),
            }
        }
    }

    fn trim_end(&mut self) {
        if let Some(Inline::Text(last)) = self.0.last_mut() {
            last.truncate(last.trim_end_matches(' ').len());
            if last.is_empty() {
                self.0.pop();
            }
        }
    }

    /// The line without white space or line breaks at its end.
    fn end(mut self) -> Vec<Inline> {
        self.trim_end();
        while matches!(self.0.last(), Some(Inline::Break)) {
            self.0.pop();
            self.trim_end();
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Inline {
        Inline::Text(text.to_owned())
    }

    fn link(words: &str, url: &str) -> Inline {
        Inline::Link(vec![text(words)], url.to_owned())
    }

    fn paragraph(line: Vec<Inline>) -> Block {
        Block::Paragraph(line)
    }

    #[test]
    fn raw_html_keeps_its_links_lists_tables_and_headings() {
        let html = "<p>Read <a href=\"https://e.org/p\">the paper</a> now.</p>\n\
                    <table><tr><td><a href=\"https://e.org/buy\">Buy</a></td><td>12 EUR</td></tr></table>\n\
                    <ul><li>one <a href=\"https://e.org/li\">li</a></li><li>two</li></ul>\n<h2>Heading</h2>\n\
                    <div><a href=\"https://e.org/cta\"><img src=\"https://e.org/a.png\" alt=\"Sign up\"></a></div>";
        let item = |line| Item { task: None, blocks: vec![paragraph(line)] };
        assert_eq!(
            read(html),
            [
                paragraph(vec![text("Read "), link("the paper", "https://e.org/p"), text(" now.")]),
                Block::Table(
                    Vec::new(),
                    vec![vec![vec![link("Buy", "https://e.org/buy")], vec![text("12 EUR")]]]
                ),
                Block::List(
                    None,
                    vec![item(vec![text("one "), link("li", "https://e.org/li")]), item(vec![text("two")])]
                ),
                Block::Heading(2, vec![text("Heading")]),
                paragraph(vec![Inline::Link(
                    vec![Inline::Image("Sign up".into(), "https://e.org/a.png".into())],
                    "https://e.org/cta".into()
                )]),
            ]
        );
    }

    #[test]
    fn the_outline_is_the_body_without_markup() {
        assert_eq!(
            read(
                "<h1 id=\"a\">제목</h1>\n<p><strong>굵게</strong> <a href=\"https://e.org/x\">글</a><br>\n\
                 <img src=\"https://e.org/a.png\" alt=\"사진\"><sup><a href=\"#fn-1\" id=\"fnref-1\">1</a></sup></p>\n\
                 <ul>\n<li>☑ a</li>\n</ul>\n<pre><code class=\"language-rust\">a  b\n</code></pre>\n<hr>\n\
                 <section class=\"footnotes\"><ol><li id=\"fn-1\"><p>주 \
                 <a href=\"#fnref-1\" class=\"footnote-backref\">↩</a></p></li></ol></section>"
            ),
            [
                Block::Heading(1, vec![text("제목")]),
                paragraph(vec![
                    Inline::Strong(vec![text("굵게")]),
                    text(" "),
                    link("글", "https://e.org/x"),
                    Inline::Break,
                    Inline::Image("사진".into(), "https://e.org/a.png".into()),
                    Inline::Footnote(1),
                ]),
                Block::List(None, vec![Item { task: Some(true), blocks: vec![paragraph(vec![text("a")])] }]),
                Block::Code("a  b\n".into()),
                Block::Rule,
                Block::Footnotes(vec![vec![paragraph(vec![text("주")])]]),
            ]
        );
    }

    #[test]
    fn lines_break_where_a_browser_breaks_them() {
        assert_eq!(
            read("하나<br> 둘\n <em> 셋 </em>넷<div>다섯</div>여섯"),
            [
                paragraph(vec![
                    text("하나"),
                    Inline::Break,
                    text("둘 "),
                    Inline::Emphasis(vec![text("셋")]),
                    text(" 넷")
                ]),
                paragraph(vec![text("다섯")]),
                paragraph(vec![text("여섯")]),
            ]
        );
    }

    #[test]
    fn a_table_that_arranges_blocks_is_read_cell_by_cell() {
        let html = "<table><tr><td><h2>a</h2><p>b</p></td><td><ul><li>c</li></ul></td></tr></table>";
        let item = Item { task: None, blocks: vec![paragraph(vec![text("c")])] };
        assert_eq!(
            read(html),
            [Block::Heading(2, vec![text("a")]), paragraph(vec![text("b")]), Block::List(None, vec![item])]
        );
    }

    #[test]
    fn a_link_around_blocks_is_around_each_line() {
        assert_eq!(
            read("<a href=\"https://e.org/\"><h2>a</h2><p>b</p></a>"),
            [
                Block::Heading(2, vec![link("a", "https://e.org/")]),
                paragraph(vec![link("b", "https://e.org/")])
            ]
        );
    }

    #[test]
    fn what_is_inside_a_definition_or_a_footnote_is_read_once() {
        let term = |name: &str, details| (vec![text(name)], details);
        let inner = Block::Definitions(vec![term("b", vec![paragraph(vec![text("c")])])]);
        assert_eq!(
            read("<dl><div><dt>a</dt><dd><dl><dt>b</dt><dd>c</dd></dl></dd></div></dl>"),
            [Block::Definitions(vec![term("a", vec![inner])])]
        );
        let list = Block::List(None, vec![Item { task: None, blocks: vec![paragraph(vec![text("a")])] }]);
        assert_eq!(
            read("<section class=\"footnotes\"><ol><li><ul><li>a</li></ul></li></ol></section>"),
            [Block::Footnotes(vec![vec![list]])]
        );
    }

    #[test]
    fn no_depth_of_nesting_takes_long() {
        let n = 20_000;
        for html in [
            "<div>",
            "<b>",
            "<table><tr><td>",
            "<table><tr><td>a<p>b",
            "<ul><li>",
            "<a href='b'><div>",
            "<dl><dt>a<dd>",
            "<section class=footnotes><ol><li>",
        ] {
            read(&html.repeat(n));
        }
    }

    proptest! {
        #[test]
        fn no_html_panics(html in "(<(p|a href=b|td|table|ul|li|div|h1|dl|dt|dd|em|img src=c|br|hr|section class=footnotes)>|</(p|a|td|table|div|em)>|[a 가\n]){0,40}") {
            read(&html);
        }
    }
}
