//! Converts the tree of a page to the blocks that Markdown can express, in document order.

use super::HtmlOptions;
use super::card_classes;
use super::inline::{self, Link, Mark, Piece, Run, Style, tidy};
use super::notes::Notes;
use super::tables;
use super::text::{DROPPED, embed_target, is_embed};
use crate::html::{At, Data, Tree, is_block};

/// Lists and quotes that are nested deeper are merged into the parent.
const MAX_NESTING: usize = 12;

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Paragraph(Vec<Run>),
    Heading(usize, Vec<Run>),
    /// The number of the first item, if the list is numbered.
    List(Option<u32>, Vec<Vec<Block>>),
    Quote(Vec<Block>),
    /// The language and the lines.
    Code(String, String),
    /// Rows of cells; the first row is the header.
    Table(Vec<Vec<Vec<Run>>>),
    Rule,
    /// `<!-- more -->`.
    More,
    /// A note and its number.
    Note(usize, Vec<Block>),
}

/// Walks a tree. The tree limits the depth of its elements, so recursion is safe.
pub(super) struct Reading<'t> {
    pub(super) tree: &'t Tree,
    pub(super) notes: &'t Notes,
    pub(super) options: HtmlOptions<'t>,
    pub(super) links: Vec<Link>,
    pub(super) dropped: Vec<&'static str>,
    pub(super) pictures: Vec<String>,
    /// The title of the card that is being written, which stands above it already.
    pub(super) card_title: Option<At>,
    nesting: usize,
}

/// Blocks, and the runs of the current paragraph.
#[derive(Default)]
pub(super) struct Flow {
    blocks: Vec<Block>,
    pub(super) runs: Vec<Run>,
}

impl Flow {
    /// Ends the paragraph. A gap in it separates two paragraphs.
    pub(super) fn flush(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        for part in runs.split(|run| run.piece == Piece::Gap) {
            let part = tidy(part.to_vec());
            if !inline::is_empty(&part) {
                self.blocks.push(Block::Paragraph(part));
            }
        }
    }

    fn block(&mut self, block: Block) {
        self.flush();
        self.blocks.push(block);
    }
}

impl<'t> Reading<'t> {
    pub(super) fn new(tree: &'t Tree, notes: &'t Notes, options: HtmlOptions<'t>) -> Self {
        Self {
            tree,
            notes,
            options,
            links: Vec::new(),
            dropped: Vec::new(),
            pictures: Vec::new(),
            card_title: None,
            nesting: 0,
        }
    }

    /// The whole text, its notes at the end.
    pub(super) fn read(&mut self) -> Vec<Block> {
        let mut blocks = self.below(Tree::ROOT);
        for (at, body) in self.notes.bodies.clone().into_iter().enumerate() {
            let note = self.below(body);
            blocks.push(Block::Note(at + 1, note));
        }
        blocks
    }

    /// The content of an element as separate blocks.
    pub(super) fn below(&mut self, at: At) -> Vec<Block> {
        let mut flow = Flow::default();
        self.children(at, &Style::default(), &mut flow);
        flow.flush();
        flow.blocks
    }

    fn children(&mut self, at: At, style: &Style, flow: &mut Flow) {
        let tree = self.tree;
        for child in tree.children(at) {
            self.node(*child, style, flow);
        }
    }

    fn node(&mut self, at: At, style: &Style, flow: &mut Flow) {
        let tree = self.tree;
        match tree.data(at) {
            Data::Text(text) => self.text(text, style, flow),
            Data::Comment(text) if text.trim().eq_ignore_ascii_case("more") && self.nesting == 0 => {
                flow.block(Block::More);
            }
            Data::Comment(_) | Data::Nothing => {}
            Data::Element(element) => {
                let name = element.name.as_str();
                if let Some(number) = self.notes.number(at) {
                    flow.runs.push(Run { piece: Piece::Note(number), style: Style::default() });
                } else if self.notes.hides(at)
                    || card_classes::is_control(tree, at)
                    || self.card_title == Some(at)
                {
                } else if let Some(card) = card_classes::card(tree, at) {
                    self.card(card, at, style, flow);
                } else if is_embed(tree, at) {
                    self.embed(at, flow);
                } else if DROPPED.contains(&name) {
                    self.record_dropped(name);
                } else if is_block(name) {
                    self.block(at, name, style, flow);
                } else {
                    self.inline(at, name, style, flow);
                }
            }
        }
    }

    fn text(&mut self, text: &str, style: &Style, flow: &mut Flow) {
        let kept: String = text.chars().filter(|c| *c == '\n' || is_kept(*c)).collect();
        if !self.options.line_breaks {
            flow.runs.push(Run { piece: Piece::Text(kept), style: style.clone() });
            return;
        }
        let mut blank = 0;
        for (at, line) in kept.split('\n').enumerate() {
            if at > 0 {
                blank += 1;
            }
            if line.trim().is_empty() && at > 0 {
                continue;
            }
            match blank {
                0 => {}
                1 => flow.runs.push(Run { piece: Piece::Break, style: Style::default() }),
                _ => flow.runs.push(Run { piece: Piece::Gap, style: Style::default() }),
            }
            blank = 0;
            flow.runs.push(Run { piece: Piece::Text(line.to_owned()), style: style.clone() });
        }
        match blank {
            0 => {}
            1 => flow.runs.push(Run { piece: Piece::Break, style: Style::default() }),
            _ => flow.runs.push(Run { piece: Piece::Gap, style: Style::default() }),
        }
    }

    /// Records an element that is dropped.
    fn record_dropped(&mut self, name: &str) {
        match name {
            "script" => self.report_dropped("scripts"),
            "textarea" | "select" | "button" | "input" => self.report_dropped("forms"),
            ":svg" | ":math" | "canvas" => self.report_dropped("drawings and formulas"),
            _ => {}
        }
    }

    /// Replaces an embedded player by a link to its page.
    fn embed(&mut self, at: At, flow: &mut Flow) {
        match embed_target(self.tree, at, self.options.page) {
            Some(address) => flow.block(paragraph(Piece::Address(address))),
            None => self.report_dropped("players without an address"),
        }
    }

    pub(super) fn report_dropped(&mut self, what: &'static str) {
        if !self.dropped.contains(&what) {
            self.dropped.push(what);
        }
    }

    fn block(&mut self, at: At, name: &str, style: &Style, flow: &mut Flow) {
        flow.flush();
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = usize::from(name.as_bytes()[1] - b'0');
                let runs = self.line(at, style);
                if !inline::is_empty(&runs) {
                    flow.blocks.push(Block::Heading(level, runs));
                }
            }
            "ul" | "ol" | "menu" | "dir" => self.list(at, name == "ol", style, flow),
            "blockquote" if self.nesting < MAX_NESTING => {
                self.nesting += 1;
                let inside = self.below(at);
                self.nesting -= 1;
                if !inside.is_empty() {
                    flow.blocks.push(Block::Quote(inside));
                }
            }
            "pre" => self.code(at, flow),
            "table" => tables::read(self, at, style, flow),
            "hr" if self.nesting == 0 => flow.blocks.push(Block::Rule),
            "hr" => {}
            "dt" => {
                self.children(at, &style.with(Mark::Strong), flow);
                flow.flush();
            }
            "figcaption" | "caption" => {
                self.children(at, &style.with(Mark::Emphasis), flow);
                flow.flush();
            }
            _ => {
                self.children(at, style, flow);
                flow.flush();
            }
        }
    }

    /// The content of an element on one line.
    pub(super) fn line(&mut self, at: At, style: &Style) -> Vec<Run> {
        let mut flow = Flow::default();
        self.children(at, style, &mut flow);
        flow.flush();
        let mut runs: Vec<Run> = Vec::new();
        for block in flow.blocks {
            flatten(block, &mut runs);
        }
        tidy(runs)
    }

    fn list(&mut self, at: At, ordered: bool, style: &Style, flow: &mut Flow) {
        let tree = self.tree;
        if self.nesting >= MAX_NESTING {
            self.children(at, style, flow);
            flow.flush();
            return;
        }
        self.nesting += 1;
        let mut items: Vec<Vec<Block>> = Vec::new();
        let mut between = Flow::default();
        for child in tree.children(at) {
            if self.notes.hides(*child) {
                continue;
            }
            if tree.name(*child) == "li" {
                join(&mut between, &mut items);
                let mut inside = Flow::default();
                self.children(*child, style, &mut inside);
                inside.flush();
                if !inside.blocks.is_empty() {
                    items.push(inside.blocks);
                }
            } else {
                self.node(*child, style, &mut between);
            }
        }
        join(&mut between, &mut items);
        self.nesting -= 1;
        if !items.is_empty() {
            let start = tree.attribute(at, "start").and_then(|start| start.trim().parse().ok());
            let first = ordered.then(|| start.filter(|start| *start < 900_000_000).unwrap_or(1));
            flow.blocks.push(Block::List(first, items));
        }
    }

    fn inline(&mut self, at: At, name: &str, style: &Style, flow: &mut Flow) {
        let style = match name {
            "b" | "strong" => style.with(Mark::Strong),
            "i" | "em" | "cite" | "dfn" | "var" => style.with(Mark::Emphasis),
            "s" | "strike" | "del" => style.with(Mark::Strike),
            "sub" => style.with(Mark::Raw("sub")),
            "sup" => style.with(Mark::Raw("sup")),
            "kbd" => style.with(Mark::Raw("kbd")),
            "mark" => style.with(Mark::Raw("mark")),
            "q" => style.with(Mark::Raw("q")),
            "ruby" => style.with(Mark::Raw("ruby")),
            "rt" => style.with(Mark::Raw("rt")),
            "rp" => style.with(Mark::Raw("rp")),
            "a" => self.link(at, style),
            "br" => {
                flow.runs.push(Run { piece: Piece::Break, style: Style::default() });
                return;
            }
            "code" | "tt" | "samp" if self.is_plain(at) => {
                self.code_in_a_line(at, style, flow);
                return;
            }
            "img" => {
                self.image(at, style, flow);
                return;
            }
            _ => style.clone(),
        };
        self.children(at, &style, flow);
    }

    /// Writes the content of an element as blocks below each other, such as the cells of a layout table.
    pub(super) fn unwrap(&mut self, at: At, style: &Style, flow: &mut Flow) {
        self.children(at, style, flow);
        flow.flush();
    }

    /// Writes the content of an element as blocks of their own.
    pub(super) fn separate(&mut self, at: At, style: &Style, flow: &mut Flow) {
        flow.flush();
        self.unwrap(at, style, flow);
    }
}

impl Flow {
    pub(super) fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    pub(super) fn push_paragraph(&mut self, runs: Vec<Run>) {
        if !inline::is_empty(&runs) {
            self.blocks.push(Block::Paragraph(runs));
        }
    }
}

/// Content between two items is added to the item before it.
fn join(between: &mut Flow, items: &mut Vec<Vec<Block>>) {
    between.flush();
    let mut blocks = std::mem::take(&mut between.blocks);
    match items.last_mut() {
        Some(last) => last.append(&mut blocks),
        None if blocks.is_empty() => {}
        None => items.push(blocks),
    }
}

fn paragraph(piece: Piece) -> Block {
    Block::Paragraph(vec![Run { piece, style: Style::default() }])
}

fn flatten_all(blocks: impl IntoIterator<Item = Block>, runs: &mut Vec<Run>) {
    for block in blocks {
        flatten(block, runs);
    }
}

/// The runs of a block, for a place that has only one line.
fn flatten(block: Block, runs: &mut Vec<Run>) {
    if !runs.is_empty() {
        runs.push(Run { piece: Piece::Break, style: Style::default() });
    }
    match block {
        Block::Paragraph(mut inside) | Block::Heading(_, mut inside) => runs.append(&mut inside),
        Block::List(_, items) => flatten_all(items.into_iter().flatten(), runs),
        Block::Quote(inside) | Block::Note(_, inside) => flatten_all(inside, runs),
        Block::Code(_, code) => runs.push(Run { piece: Piece::Code(code), style: Style::default() }),
        Block::Table(rows) => {
            for mut cell in rows.into_iter().flatten() {
                runs.push(Run { piece: Piece::Break, style: Style::default() });
                runs.append(&mut cell);
            }
        }
        Block::Rule | Block::More => {}
    }
}

/// Whether a feed may contain the character: no control character, byte order mark or similar.
pub(super) fn is_kept(c: char) -> bool {
    let mut bytes = [0; 4];
    c == '\t'
        || (!c.is_control() && c != '\u{FEFF}' && crate::text::XmlText::is_clean(c.encode_utf8(&mut bytes)))
}
