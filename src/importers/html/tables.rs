//! Tables with data become tables. The cells of layout tables are written below each other.

use super::blocks::{Block, Flow, Reading};
use super::inline::{Mark, Run, Style};
use crate::html::{At, Tree};

/// Wider tables count as layout tables.
const MAX_COLUMNS: usize = 40;
const MAX_ROWS: usize = 5000;

/// Reads the table at `at`.
pub(super) fn read(reading: &mut Reading<'_>, at: At, style: &Style, flow: &mut Flow) {
    let tree = reading.tree;
    let rows = rows(tree, at);
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let is_words = width > 1 && width <= MAX_COLUMNS && rows.len() <= MAX_ROWS && !holds_blocks(tree, &rows);
    if !is_words {
        reading.unwrap(at, style, flow);
        return;
    }
    for caption in tree.children(at).iter().filter(|child| tree.name(**child) == "caption") {
        reading.unwrap(*caption, &style.with(Mark::Emphasis), flow);
    }
    let has_head = rows.first().is_some_and(|row| row.iter().all(|cell| tree.name(*cell) == "th"));
    let mut cells: Vec<Vec<Vec<Run>>> = Vec::new();
    if !has_head {
        cells.push(vec![Vec::new(); width]);
    }
    for row in &rows {
        let mut line: Vec<Vec<Run>> = row.iter().map(|cell| reading.line(*cell, style)).collect();
        line.resize(width, Vec::new());
        cells.push(line);
    }
    flow.push(Block::Table(cells));
}

/// The cells of each row, without the rows of nested tables.
fn rows(tree: &Tree, table: At) -> Vec<Vec<At>> {
    let mut rows = Vec::new();
    for child in tree.children(table) {
        match tree.name(*child) {
            "tr" => rows.push(*child),
            "thead" | "tbody" | "tfoot" => {
                rows.extend(tree.children(*child).iter().filter(|row| tree.name(**row) == "tr"));
            }
            _ => {}
        }
    }
    let cells = |row: &At| {
        let cells = tree.children(*row).iter().filter(|cell| matches!(tree.name(**cell), "td" | "th"));
        cells.copied().collect::<Vec<_>>()
    };
    rows.iter().map(cells).filter(|cells| !cells.is_empty()).collect()
}

fn holds_blocks(tree: &Tree, rows: &[Vec<At>]) -> bool {
    rows.iter().flatten().flat_map(|cell| tree.below(*cell)).any(|at| {
        matches!(
            tree.name(at),
            "table"
                | "ul"
                | "ol"
                | "pre"
                | "blockquote"
                | "h1"
                | "h2"
                | "h3"
                | "h4"
                | "h5"
                | "h6"
                | "iframe"
                | "video"
                | "audio"
                | "hr"
                | "figure"
                | "embed"
                | "object"
        )
    })
}
