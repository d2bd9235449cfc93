//! Formulas in a body: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`. Each is replaced by a code span before Markdown is parsed, so
//! that nothing in it becomes emphasis, a list or a table, and then put back as a node.
//!
//! The search is an approximation: what turns out not to be a code span of the parsed body, such as the attribute of a tag,
//! is not replaced. Dollars follow the rules of Pandoc, so `$5 and $6` stays money.

use std::collections::BTreeSet;
use std::ops::Range;

use comrak::nodes::{AstNode, NodeMath, NodeValue};

use super::underscores::is_cjk;
use crate::archive::Formulas;

mod scan;

pub(super) use scan::find;

/// A formula of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formula {
    /// The TeX.
    pub(super) tex: String,
    /// Whether it has a line of its own.
    is_display: bool,
    /// The bytes in the body, with the delimiters.
    at: Range<usize>,
}

/// Begins the code span that stands for a formula, and each of its further lines. A private character of Unicode.
const MARK: char = '\u{E000}';

/// `body` with a code span of as many lines in the place of each formula.
pub(super) fn lifted(body: &str, formulas: &[Formula]) -> String {
    let mut out = String::with_capacity(body.len());
    let mut from = 0;
    for (number, formula) in formulas.iter().enumerate() {
        out.push_str(&body[from..formula.at.start]);
        out.extend(["`", &MARK.to_string(), &number.to_string()]);
        let line_start = body[..formula.at.start].rfind('\n').map_or(0, |at| at + 1);
        let quotes = quotes(&body[line_start..formula.at.start]);
        for line in body[formula.at.clone()].split('\n').skip(1) {
            out.push('\n');
            out.push_str(&line[..prefix(line, quotes)]);
            out.push(MARK);
        }
        out.push('`');
        from = formula.at.end;
    }
    out.push_str(&body[from..]);
    out
}

/// How many quotes the beginning of a line opens.
fn quotes(start: &str) -> usize {
    start.bytes().take_while(|byte| b" \t>".contains(byte)).filter(|byte| *byte == b'>').count()
}

/// The length of the white space and of at most `quotes` marks of quotes at the beginning of a line.
fn prefix(line: &str, mut quotes: usize) -> usize {
    let mut is_prefix = |byte: u8| {
        let is_quote = byte == b'>' && quotes > 0;
        quotes -= usize::from(is_quote);
        is_quote || b" \t".contains(&byte)
    };
    line.bytes().position(|byte| !is_prefix(byte)).unwrap_or(line.len())
}

/// Makes the code spans of the parsed body formulas again; returns the numbers of those that are none.
pub(super) fn put_back<'a>(root: &'a AstNode<'a>, formulas: &[Formula], kind: Formulas) -> BTreeSet<usize> {
    let mut missing: BTreeSet<usize> = (0..formulas.len()).collect();
    for node in root.descendants() {
        let number = match &node.data().value {
            NodeValue::Code(code) => number(&code.literal),
            _ => None,
        };
        let Some((number, formula)) = number.and_then(|number| Some((number, formulas.get(number)?))) else {
            continue;
        };
        missing.remove(&number);
        let is_alone = || node.previous_sibling().is_none() && node.next_sibling().is_none();
        let display_math = formula.is_display && (kind != Formulas::Kramdown || is_alone());
        let literal = formula.tex.clone();
        node.data_mut().value = NodeValue::Math(NodeMath { dollar_math: true, display_math, literal });
    }
    missing
}

fn number(code: &str) -> Option<usize> {
    let code = code.strip_prefix(MARK)?;
    code.trim_end_matches([MARK, ' ']).parse().ok()
}

/// Whether what is between two dollars is a formula, and not the text between two prices.
fn is_no_price(tex: &str) -> bool {
    let has_word = || tex.split(|c: char| !c.is_alphabetic()).any(|word| word.chars().count() > 1);
    let is_price = tex.starts_with(|c: char| c.is_ascii_digit())
        && tex.contains(char::is_whitespace)
        && !tex.contains(['\\', '^', '_', '=', '{'])
        && has_word();
    let has_text = ["\\text", "\\mbox", "\\mathrm"].iter().any(|command| tex.contains(command));
    !is_price && (has_text || !tex.contains(is_cjk))
}

#[cfg(test)]
mod tests;
