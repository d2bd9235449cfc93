//! The tree as blocks and stretches, for renderings that are not HTML. Raw HTML is reduced to its text, its
//! pictures and links to what it embeds.

use comrak::nodes::{AstNode, ListType, NodeList, NodeValue};

use super::tags::Tag;
use super::{Block, Inline, Item, Place, sanitise, tags, tree};
use crate::archive::links::Purpose;

/// The blocks below `parent`.
pub(super) fn blocks<'a>(parent: &'a AstNode<'a>, place: Place<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut notes = Vec::new();
    for node in parent.children() {
        if matches!(node.data().value, NodeValue::FootnoteDefinition(_)) && tree::is_at_top(node) {
            notes.push(self::blocks(node, place));
        } else {
            push_block(&mut blocks, node, place);
        }
    }
    if !notes.is_empty() {
        blocks.push(Block::Footnotes(notes));
    }
    blocks
}

fn push_block<'a>(blocks: &mut Vec<Block>, node: &'a AstNode<'a>, place: Place<'_>) {
    let block = match &node.data().value {
        NodeValue::Paragraph => Block::Paragraph(inlines(node, place)),
        NodeValue::Heading(heading) => Block::Heading(heading.level, inlines(node, place)),
        NodeValue::ThematicBreak => Block::Rule,
        NodeValue::BlockQuote => Block::Quote(self::blocks(node, place)),
        NodeValue::Alert(alert) => {
            let title = alert.title.as_deref().unwrap_or_else(|| alert.alert_type.default_title());
            let mut inside =
                vec![Block::Paragraph(vec![Inline::Strong(vec![Inline::Text(title.to_owned())])])];
            inside.extend(self::blocks(node, place));
            Block::Quote(inside)
        }
        NodeValue::List(list) => self::list(node, list, place),
        NodeValue::DescriptionList => Block::Definitions(definitions(node, place)),
        NodeValue::CodeBlock(code) => {
            let language = code.info.split_whitespace().next().map(str::to_owned);
            Block::Code(language, code.literal.clone())
        }
        NodeValue::Table(_) => table(node, place),
        NodeValue::HtmlBlock(html) => Block::Paragraph(raw(&html.literal, place)),
        value if value.block() => {
            blocks.extend(self::blocks(node, place));
            return;
        }
        _ => {
            let mut line = Vec::new();
            push_inline(&mut line, node, place);
            Block::Paragraph(line)
        }
    };
    if !matches!(&block, Block::Paragraph(line) if is_blank(line)) {
        blocks.push(block);
    }
}

fn is_blank(line: &[Inline]) -> bool {
    line.iter().all(|inline| match inline {
        Inline::Text(text) => text.trim().is_empty(),
        Inline::Break => true,
        _ => false,
    })
}

fn list<'a>(node: &'a AstNode<'a>, list: &NodeList, place: Place<'_>) -> Block {
    let items = node.children().map(|item| {
        let task = match &item.data().value {
            NodeValue::TaskItem(task) => Some(task.symbol.is_some()),
            _ => None,
        };
        Item { task, blocks: blocks(item, place) }
    });
    Block::List((list.list_type == ListType::Ordered).then_some(list.start), items.collect())
}

fn definitions<'a>(node: &'a AstNode<'a>, place: Place<'_>) -> Vec<(Vec<Inline>, Vec<Block>)> {
    let mut definitions: Vec<(Vec<Inline>, Vec<Block>)> = Vec::new();
    for part in node.children().flat_map(AstNode::children) {
        if matches!(part.data().value, NodeValue::DescriptionTerm) {
            let term = part.children().flat_map(|paragraph| inlines(paragraph, place)).collect();
            definitions.push((term, Vec::new()));
        } else if let Some((_, details)) = definitions.last_mut() {
            details.extend(blocks(part, place));
        }
    }
    definitions
}

fn table<'a>(node: &'a AstNode<'a>, place: Place<'_>) -> Block {
    let (mut head, mut rows) = (Vec::new(), Vec::new());
    for row in node.children() {
        let cells = row.children().map(|cell| inlines(cell, place)).collect();
        match row.data().value {
            NodeValue::TableRow(true) => head = cells,
            _ => rows.push(cells),
        }
    }
    Block::Table(head, rows)
}

fn inlines<'a>(parent: &'a AstNode<'a>, place: Place<'_>) -> Vec<Inline> {
    let mut line = Vec::new();
    let mut hidden: Option<String> = None;
    for node in parent.children() {
        let NodeValue::HtmlInline(html) = &node.data().value else {
            if hidden.is_none() {
                push_inline(&mut line, node, place);
            }
            continue;
        };
        // Each is a single tag: its text has nodes of its own, and those of a script are not to be read.
        for tag in tags::tags(html) {
            if tag.closing && hidden.as_ref() == Some(&tag.name) {
                hidden = None;
            } else if hidden.is_none() {
                push_tag(&mut line, &tag, place);
                hidden = (!tag.closing && tags::is_opaque(&tag.name)).then_some(tag.name);
            }
        }
    }
    line
}

fn push_inline<'a>(line: &mut Vec<Inline>, node: &'a AstNode<'a>, place: Place<'_>) {
    let inline = match &node.data().value {
        NodeValue::Text(text) => return push_text(line, text),
        NodeValue::SoftBreak => return push_text(line, " "),
        NodeValue::LineBreak => Inline::Break,
        NodeValue::Code(code) => Inline::Code(code.literal.clone()),
        NodeValue::Emph => Inline::Emphasis(inlines(node, place)),
        NodeValue::Strong => Inline::Strong(inlines(node, place)),
        NodeValue::Strikethrough => Inline::Strike(inlines(node, place)),
        NodeValue::Link(target) => match place.absolute(&target.url, Purpose::Link) {
            Ok(url) => Inline::Link(inlines(node, place), url),
            Err(_) => return line.extend(inlines(node, place)),
        },
        NodeValue::Image(target) => match place.absolute(&target.url, Purpose::Resource) {
            Ok(url) => Inline::Image(node.collect_text(), url),
            Err(_) => return push_text(line, &node.collect_text()),
        },
        NodeValue::FootnoteReference(reference) => Inline::Footnote(reference.ix as usize),
        _ => return line.extend(inlines(node, place)),
    };
    line.push(inline);
}

fn push_text(line: &mut Vec<Inline>, text: &str) {
    match line.last_mut() {
        Some(Inline::Text(before)) => before.push_str(text),
        _ => line.push(Inline::Text(text.to_owned())),
    }
}

/// What a reader of plain text gets from a block of raw HTML.
fn raw(html: &str, place: Place<'_>) -> Vec<Inline> {
    let mut line = Vec::new();
    let mut from = 0;
    let mut opaque = false;
    for tag in tags::tags(html) {
        if !opaque {
            push_raw_text(&mut line, &html[from..tag.span.0]);
        }
        from = tag.span.1;
        opaque = !tag.closing && tags::is_opaque(&tag.name);
        push_tag(&mut line, &tag, place);
    }
    if !opaque {
        push_raw_text(&mut line, &html[from..]);
    }
    trim_end(&mut line);
    line
}

/// What shows of a tag without its text: a line break, a picture, a link to what is embedded.
fn push_tag(line: &mut Vec<Inline>, tag: &Tag<'_>, place: Place<'_>) {
    if let Some(url) = sanitise::embed(tag, place.page) {
        let title = tag.attribute("title").filter(|title| !title.is_empty()).unwrap_or_else(|| url.clone());
        line.push(Inline::Link(vec![Inline::Text(title)], url));
        return;
    }
    match tag.name.as_str() {
        "br" | "p" | "div" | "li" | "tr" | "summary" | "figcaption" | "dt" | "dd"
            if !matches!(line.last(), None | Some(Inline::Break)) =>
        {
            line.push(Inline::Break);
        }
        "img" => {
            let source = tag.attribute("src").unwrap_or_default();
            if let Ok(url) = place.absolute(&source, Purpose::Resource) {
                line.push(Inline::Image(tag.attribute("alt").unwrap_or_default(), url));
            }
        }
        _ => {}
    }
}

/// Blocks of raw HTML end in a line break or in white space that nobody sees.
fn trim_end(line: &mut Vec<Inline>) {
    while let Some(last) = line.last_mut() {
        match last {
            Inline::Text(text) => {
                text.truncate(text.trim_end().len());
                if !text.is_empty() {
                    return;
                }
            }
            Inline::Break => {}
            _ => return,
        }
        line.pop();
    }
}

/// Text between tags: comments go, white space collapses, character references are decoded.
fn push_raw_text(line: &mut Vec<Inline>, raw: &str) {
    let mut text = String::new();
    let mut rest = raw;
    while let Some((before, comment)) = rest.split_once("<!--") {
        text.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let is_spaced = |at: Option<char>| at.is_some_and(|c| c.is_ascii_whitespace());
    let mut words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if is_spaced(text.chars().next()) && !starts_line(line) {
        words.insert(0, ' ');
    }
    if is_spaced(text.chars().next_back()) && !words.trim().is_empty() {
        words.push(' ');
    }
    if !words.is_empty() {
        push_text(line, &tags::decode(&words));
    }
}

fn starts_line(line: &[Inline]) -> bool {
    match line.last() {
        None | Some(Inline::Break) => true,
        Some(Inline::Text(text)) => text.ends_with(' '),
        Some(_) => false,
    }
}

/// The plain text of paragraphs, quotes and lists, until `limit` characters are there.
pub(super) fn plain(blocks: &[Block], limit: usize) -> String {
    let mut text = String::new();
    push_plain(&mut text, blocks, limit);
    text
}

fn push_plain(text: &mut String, blocks: &[Block], limit: usize) {
    for block in blocks {
        if text.chars().count() > limit {
            return;
        }
        match block {
            Block::Paragraph(line) => {
                if !text.is_empty() {
                    text.push(' ');
                }
                push_words(text, line);
            }
            Block::Quote(inside) => push_plain(text, inside, limit),
            Block::List(_, items) => {
                for item in items {
                    push_plain(text, &item.blocks, limit);
                }
            }
            Block::Definitions(entries) => {
                for (_, details) in entries {
                    push_plain(text, details, limit);
                }
            }

            Block::Heading(..) | Block::Code(..) | Block::Table(..) | Block::Rule | Block::Footnotes(_) => {}
        }
    }
}

fn push_words(text: &mut String, line: &[Inline]) {
    for inline in line {
        match inline {
            Inline::Text(words) | Inline::Code(words) => text.push_str(words),
            Inline::Emphasis(inside)
            | Inline::Strong(inside)
            | Inline::Strike(inside)
            | Inline::Link(inside, _) => {
                push_words(text, inside);
            }
            Inline::Break => text.push(' '),
            Inline::Image(..) | Inline::Footnote(_) => {}
        }
    }
}
