//! Writes blocks as Markdown.

use super::blocks::Block;
use super::escape;
use super::inline::{self, Link, Place, Run};

/// A whole text.
pub(super) fn document(blocks: &[Block], links: &[Link]) -> String {
    let mut text = lines(blocks, links, '-').join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Blocks with a blank line between them. `bullet` marks the first of several lists.
fn lines(blocks: &[Block], links: &[Link], bullet: char) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut list = Marker { bullet, delimiter: '.' };
    let mut before: Option<&Block> = None;
    for block in blocks {
        // Two lists without a block between them would become one.
        if matches!((before, block), (Some(Block::List(..)), Block::List(..))) {
            list = list.other();
        }
        let lines = of_block(block, links, list);
        if lines.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(String::new());
        }
        out.extend(lines);
        before = Some(block);
    }
    out
}

#[derive(Clone, Copy)]
struct Marker {
    bullet: char,
    delimiter: char,
}

impl Marker {
    fn other(self) -> Self {
        Self {
            bullet: if self.bullet == '-' { '*' } else { '-' },
            delimiter: if self.delimiter == '.' { ')' } else { '.' },
        }
    }
}

fn of_block(block: &Block, links: &[Link], marker: Marker) -> Vec<String> {
    match block {
        Block::Paragraph(runs) => split(&inline::write(runs, links, Place::Paragraph)),
        Block::Heading(level, runs) => {
            let text = inline::write(runs, links, Place::Line);
            // `#` at the end of the text would be removed as the closing sequence of the heading.
            let hashes = text.len() - text.trim_end_matches('#').len();
            let text = if hashes > 0 {
                let (head, tail) = text.split_at(text.len() - hashes);
                format!("{head}\\{tail}")
            } else {
                text
            };
            vec![format!("{} {text}", "#".repeat(*level))]
        }
        Block::List(start, items) => list(*start, items, links, marker),
        Block::Quote(inside) => lines(inside, links, '-')
            .into_iter()
            .map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") })
            .collect(),
        Block::Code(language, code) => {
            let fence = "`".repeat((escape::longest_run(code) + 1).max(3));
            let mut out = vec![format!("{fence}{language}")];
            out.extend(split(code));
            out.push(fence);
            out
        }
        Block::Table(rows) => table(rows, links),
        Block::Rule => vec!["---".to_owned()],
        Block::More => vec!["<!-- more -->".to_owned()],
        Block::Note(number, inside) => {
            let inside = lines(inside, links, '-');
            if inside.is_empty() { Vec::new() } else { indented(&format!("[^{number}]: "), 4, inside) }
        }
    }
}

fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// `first` before the first line, spaces before the others.
fn indented(first: &str, indent: usize, lines: Vec<String>) -> Vec<String> {
    let indent = " ".repeat(indent);
    let hung = lines.into_iter().enumerate().map(|(at, line)| match (at, line.is_empty()) {
        (0, _) => format!("{first}{line}"),
        (_, true) => line,
        (_, false) => format!("{indent}{line}"),
    });
    hung.collect()
}

fn list(start: Option<u32>, items: &[Vec<Block>], links: &[Link], marker: Marker) -> Vec<String> {
    let is_tight = is_tight(items);
    // A nested list needs another bullet than its parent's items.
    let inner = if marker.bullet == '-' { '*' } else { '-' };
    let mut out = Vec::new();
    for (at, blocks) in items.iter().enumerate() {
        let first = match start {
            Some(start) => format!("{}{} ", start as usize + at, marker.delimiter),
            None => format!("{} ", marker.bullet),
        };
        let mut lines = lines(blocks, links, inner);
        if is_tight {
            lines.retain(|line| !line.is_empty());
        } else if at > 0 {
            out.push(String::new());
        }
        out.extend(indented(&first, first.len(), lines));
    }
    out
}

/// Whether no item needs blank lines inside. Without a blank line, only a list that starts at 1 may follow a paragraph.
fn is_tight(items: &[Vec<Block>]) -> bool {
    items.iter().all(|blocks| match blocks.as_slice() {
        [Block::Paragraph(_)] => true,
        [Block::Paragraph(_), Block::List(None | Some(1), inner)] => is_tight(inner),
        _ => false,
    })
}

fn table(rows: &[Vec<Vec<Run>>], links: &[Link]) -> Vec<String> {
    let row = |cells: &Vec<Vec<Run>>| {
        let cells: Vec<String> = cells.iter().map(|cell| inline::write(cell, links, Place::Cell)).collect();
        format!("| {} |", cells.join(" | "))
    };
    let mut lines: Vec<String> = rows.iter().map(row).collect();
    let width = rows.first().map_or(0, Vec::len);
    lines.insert(1.min(lines.len()), format!("|{}", " --- |".repeat(width)));
    lines
}
