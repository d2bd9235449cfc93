//! Converts the tree to blocks and inlines, for output other than HTML. Raw HTML is reduced to its text, its pictures and
//! links to what it embeds.

use comrak::nodes::{AstNode, ListType, NodeList, NodeValue};

use super::{Block, Inline, Item, RenderContext, sanitise, tree};
use crate::archive::links::LinkKind;
use crate::html::{Piece, Tag, hides_content, read_shown, shown_tags};

/// The blocks below `parent`.
pub(super) fn blocks<'a>(parent: &'a AstNode<'a>, place: RenderContext<'_>) -> Vec<Block> {
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

fn push_block<'a>(blocks: &mut Vec<Block>, node: &'a AstNode<'a>, place: RenderContext<'_>) {
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

fn list<'a>(node: &'a AstNode<'a>, list: &NodeList, place: RenderContext<'_>) -> Block {
    let items = node.children().map(|item| {
        let task = match &item.data().value {
            NodeValue::TaskItem(task) => Some(task.symbol.is_some()),
            _ => None,
        };
        Item { task, blocks: blocks(item, place) }
    });
    Block::List((list.list_type == ListType::Ordered).then_some(list.start), items.collect())
}

fn definitions<'a>(node: &'a AstNode<'a>, place: RenderContext<'_>) -> Vec<(Vec<Inline>, Vec<Block>)> {
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

fn table<'a>(node: &'a AstNode<'a>, place: RenderContext<'_>) -> Block {
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

fn inlines<'a>(parent: &'a AstNode<'a>, place: RenderContext<'_>) -> Vec<Inline> {
    let mut line = Vec::new();
    let mut hidden: Option<String> = None;
    for node in parent.children() {
        let NodeValue::HtmlInline(html) = &node.data().value else {
            if hidden.is_none() {
                push_inline(&mut line, node, place);
            }
            continue;
        };
        // Each node is a single tag and its text is in other nodes, so the end of a script has to be looked for here.
        for tag in shown_tags(html) {
            if tag.closing && hidden.as_deref() == Some(tag.name()) {
                hidden = None;
            } else if hidden.is_none() {
                push_tag(&mut line, &tag, place);
                hidden = (!tag.closing && hides_content(tag.name())).then(|| tag.name().to_owned());
            }
        }
    }
    line
}

fn push_inline<'a>(line: &mut Vec<Inline>, node: &'a AstNode<'a>, place: RenderContext<'_>) {
    let inline = match &node.data().value {
        NodeValue::Text(text) => return push_text(line, text),
        NodeValue::SoftBreak => return push_text(line, " "),
        NodeValue::LineBreak => Inline::Break,
        NodeValue::Code(code) => Inline::Code(code.literal.clone()),
        NodeValue::Emph => Inline::Emphasis(inlines(node, place)),
        NodeValue::Strong => Inline::Strong(inlines(node, place)),
        NodeValue::Strikethrough => Inline::Strike(inlines(node, place)),
        NodeValue::Link(target) => match place.absolute(&target.url, LinkKind::Link) {
            Ok(url) => Inline::Link(inlines(node, place), url),
            Err(_) => return line.extend(inlines(node, place)),
        },
        NodeValue::Image(target) => match place.absolute(&target.url, LinkKind::Resource) {
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

/// The plain text of a block of raw HTML.
fn raw(html: &str, place: RenderContext<'_>) -> Vec<Inline> {
    let mut line = Vec::new();
    let mut text = String::new();
    read_shown(html, |piece| match piece {
        // A text can come in several parts, and its white space collapses across them.
        Piece::Text(part) => text.push_str(&part),
        Piece::Declaration(_) => {}
        Piece::Tag(tag) => {
            push_raw_text(&mut line, &std::mem::take(&mut text));
            push_tag(&mut line, &tag, place);
        }
    });
    push_raw_text(&mut line, &text);
    trim_end(&mut line);
    line
}

/// The visible part of a tag itself: a line break, a picture, a link to what is embedded.
fn push_tag(line: &mut Vec<Inline>, tag: &Tag, place: RenderContext<'_>) {
    if let Some(url) = sanitise::embed(tag, place.page) {
        let title = tag.attribute("title").filter(|title| !title.is_empty()).unwrap_or(&url).to_owned();
        line.push(Inline::Link(vec![Inline::Text(title)], url));
        return;
    }
    match tag.name() {
        "br" | "p" | "div" | "li" | "tr" | "summary" | "figcaption" | "dt" | "dd"
            if !matches!(line.last(), None | Some(Inline::Break)) =>
        {
            line.push(Inline::Break);
        }
        "img" => {
            let source = tag.attribute("src").unwrap_or_default();
            if let Ok(url) = place.absolute(source, LinkKind::Resource) {
                line.push(Inline::Image(tag.attribute("alt").unwrap_or_default().to_owned(), url));
            }
        }
        _ => {}
    }
}

/// Removes the line break or white space at the end of a block of raw HTML.
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

/// Appends text between tags, its white space collapsed.
fn push_raw_text(line: &mut Vec<Inline>, text: &str) {
    let is_spaced = |at: Option<char>| at.is_some_and(|c| c.is_ascii_whitespace());
    let mut words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if is_spaced(text.chars().next()) && !starts_line(line) {
        words.insert(0, ' ');
    }
    if is_spaced(text.chars().next_back()) && !words.trim().is_empty() {
        words.push(' ');
    }
    if !words.is_empty() {
        push_text(line, &words);
    }
}

fn starts_line(line: &[Inline]) -> bool {
    match line.last() {
        None | Some(Inline::Break) => true,
        Some(Inline::Text(text)) => text.ends_with(' '),
        Some(_) => false,
    }
}

/// The plain text of the first paragraphs, quotes and lists: more than `limit` characters if there are that many before the
/// mark that ends the excerpt.
pub(super) fn beginning<'a>(root: &'a AstNode<'a>, place: RenderContext<'_>, limit: usize) -> String {
    let mut text = String::new();
    for node in root.children().take_while(|node| !tree::is_more(node)) {
        if text.chars().count() > limit {
            break;
        }
        if !is_left_out(&node.data().value) {
            let mut blocks = Vec::new();
            push_block(&mut blocks, node, place);
            push_plain(&mut text, &blocks, limit);
        }
    }
    text
}

fn is_left_out(value: &NodeValue) -> bool {
    use NodeValue::{CodeBlock, FootnoteDefinition, Heading, Table, ThematicBreak};
    matches!(value, Heading(_) | CodeBlock(_) | Table(_) | ThematicBreak | FootnoteDefinition(_))
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
