//! Writes the tree as HTML, byte for byte as an HTML serializer would, so that a post without raw HTML needs no
//! sanitiser. Raw HTML passes through unchecked; the caller sanitises it.

mod containers;
mod embed;
mod footnotes;
mod formula;
mod html_block;
mod picture;
mod raw;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comrak::Anchorizer;
use comrak::nodes::{AstNode, ListType, NodeCodeBlock, NodeLink, NodeList, NodeValue, TableAlignment};

use self::formula::is_display;
use super::sanitise::Nesting;
use super::{OwnAddress, RenderContext, hidden, tree};
use crate::archive::links::{self, LinkError, LinkKind};
use crate::finding::Finding;
use crate::html::{push_attribute, push_text};

/// Writes one fragment. The tree is no deeper than `tree::parse` leaves it, so plain recursion is safe.
pub(super) struct Writer<'s> {
    place: RenderContext<'s>,
    out: String,
    findings: Vec<Finding>,
    own: Vec<OwnAddress>,
    anchors: Anchorizer,
    in_link: bool,
    has_raw: bool,
    nesting: Nesting,
    /// How many elements with Markdown are open.
    markdown_depth: usize,
    is_broken: bool,
    footnotes: usize,
    footnote_key: String,
    /// The elements whose removal was reported.
    removed: BTreeSet<&'static str>,
}

/// What was written.
pub(super) struct Fragment {
    /// The HTML; must be sanitised if `has_raw`.
    pub(super) html: String,
    /// Whether it contains raw HTML of the post.
    pub(super) has_raw: bool,
    /// Warnings for the author.
    pub(super) findings: Vec<Finding>,
    /// Addresses on the post's own site.
    pub(super) own: Vec<OwnAddress>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(place: RenderContext<'s>, capacity: usize) -> Self {
        Self {
            place,
            out: String::with_capacity(capacity),
            findings: Vec::new(),
            own: Vec::new(),
            anchors: Anchorizer::new(),
            in_link: false,
            has_raw: false,
            nesting: Nesting::default(),
            markdown_depth: 0,
            is_broken: false,
            footnotes: 0,
            footnote_key: place.footnote_key(),
            removed: BTreeSet::new(),
        }
    }

    /// Writes the children of `root`.
    pub(super) fn write<'a>(mut self, root: &'a AstNode<'a>) -> Fragment {
        self.blocks(root);
        if self.footnotes > 0 {
            self.out.push_str("</ol>\n</section>\n");
        }
        Fragment { html: self.out, has_raw: self.has_raw, findings: self.findings, own: self.own }
    }

    fn blocks<'a>(&mut self, parent: &'a AstNode<'a>) {
        for child in parent.children() {
            self.block(child, false);
        }
    }

    fn block<'a>(&mut self, node: &'a AstNode<'a>, tight: bool) {
        match &node.data().value {
            NodeValue::Paragraph if tight => self.inlines(node),
            NodeValue::Paragraph => self.paragraph(node),
            NodeValue::Heading(heading) => self.heading(node, heading.level),
            NodeValue::ThematicBreak => self.out.push_str("<hr>\n"),
            NodeValue::BlockQuote => self.block_element("blockquote", node),
            NodeValue::Alert(alert) => self.callout(node, alert.alert_type, alert.title.as_deref()),
            NodeValue::BlockDirective(directive) => self.directive(node, directive),
            NodeValue::List(list) => self.list(node, list),
            NodeValue::DescriptionList => self.definitions(node),
            NodeValue::CodeBlock(code) => self.code_block(code),
            NodeValue::Table(table) => self.table(node, &table.alignments),
            NodeValue::FootnoteDefinition(note) => self.footnote(node, note.total_references),
            NodeValue::HtmlBlock(html) => {
                self.html_block(&html.literal, node);
                self.new_line();
            }
            value if value.block() => self.blocks(node),
            _ => self.inline(node),
        }
    }

    fn paragraph<'a>(&mut self, node: &'a AstNode<'a>) {
        if let Some(video) = self.video(node) {
            self.player(&video);
        } else if node.children().any(is_display) {
            self.around_formulas(node);
        } else {
            self.inline_element("p", node);
        }
    }

    /// A heading without the mark that leads to it.
    fn heading<'a>(&mut self, node: &'a AstNode<'a>, level: u8) {
        let children: Vec<_> = node.children().filter(|child| !is_heading_mark(child)).collect();
        let text: String = children.iter().map(|child| child.collect_text()).collect();
        let is_marked = node.children().count() > children.len();
        let id = self.anchors.anchorize(if is_marked { text.trim() } else { &text });
        let _ = write!(self.out, "<h{level}");
        if !id.is_empty() {
            self.attribute("id", &id);
        }
        self.out.push('>');
        for child in children {
            self.inline(child);
        }
        if is_marked {
            self.out.truncate(self.out.trim_end().len());
        }
        let _ = writeln!(self.out, "</h{level}>");
    }

    fn block_element<'a>(&mut self, name: &str, node: &'a AstNode<'a>) {
        self.push(&["<", name, ">\n"]);
        self.blocks(node);
        self.push(&["</", name, ">\n"]);
    }

    fn inline_element<'a>(&mut self, name: &str, node: &'a AstNode<'a>) {
        self.span(name, node);
        self.out.push('\n');
    }

    fn push(&mut self, parts: &[&str]) {
        self.out.extend(parts.iter().copied());
    }

    fn list<'a>(&mut self, node: &'a AstNode<'a>, list: &NodeList) {
        let name = if list.list_type == ListType::Ordered { "ol" } else { "ul" };
        self.push(&["<", name]);
        if list.list_type == ListType::Ordered && list.start != 1 {
            self.attribute("start", &list.start.to_string());
        }
        self.out.push_str(">\n");
        for item in node.children() {
            self.out.push_str("<li>");
            if let NodeValue::TaskItem(task) = &item.data().value {
                self.out.push_str(if task.symbol.is_some() { "☑ " } else { "☐ " });
            }
            self.item(item, list.tight);
            self.out.push_str("</li>\n");
        }
        self.push(&["</", name, ">\n"]);
    }

    fn item<'a>(&mut self, item: &'a AstNode<'a>, tight: bool) {
        for child in item.children() {
            if !(tight && matches!(child.data().value, NodeValue::Paragraph))
                || child.previous_sibling().is_some()
            {
                self.new_line();
            }
            self.block(child, tight);
        }
    }

    fn definitions<'a>(&mut self, node: &'a AstNode<'a>) {
        self.out.push_str("<dl>\n");
        for item in node.children() {
            let tight = matches!(&item.data().value, NodeValue::DescriptionItem(item) if item.tight);
            for part in item.children() {
                let is_term = matches!(part.data().value, NodeValue::DescriptionTerm);
                self.out.push_str(if is_term { "<dt>" } else { "<dd>" });
                self.item(part, tight || is_term);
                self.out.push_str(if is_term { "</dt>\n" } else { "</dd>\n" });
            }
        }
        self.out.push_str("</dl>\n");
    }

    fn code_block(&mut self, code: &NodeCodeBlock) {
        self.out.push_str("<pre><code");
        if let Some(language) = code.info.split_whitespace().next() {
            self.attribute("class", &format!("language-{language}"));
        }
        self.out.push('>');
        push_text(&mut self.out, &code.literal);
        self.out.push_str("</code></pre>\n");
    }

    fn table<'a>(&mut self, node: &'a AstNode<'a>, alignments: &[TableAlignment]) {
        self.out.push_str("<table>\n");
        let mut has_body = false;
        for row in node.children() {
            let NodeValue::TableRow(is_head) = row.data().value else { continue };
            if is_head {
                self.out.push_str("<thead>\n");
            } else if !has_body {
                self.out.push_str("<tbody>\n");
                has_body = true;
            }
            self.out.push_str("<tr>\n");
            for (cell, alignment) in row.children().zip(alignments) {
                let name = if is_head { "th" } else { "td" };
                self.push(&["<", name]);
                match alignment {
                    TableAlignment::Left => self.attribute("align", "left"),
                    TableAlignment::Center => self.attribute("align", "center"),
                    TableAlignment::Right => self.attribute("align", "right"),
                    TableAlignment::None => {}
                }
                self.out.push('>');
                self.inlines(cell);
                self.push(&["</", name, ">\n"]);
            }
            self.out.push_str(if is_head { "</tr>\n</thead>\n" } else { "</tr>\n" });
        }
        self.out.push_str(if has_body { "</tbody>\n</table>\n" } else { "</table>\n" });
    }

    fn inlines<'a>(&mut self, parent: &'a AstNode<'a>) {
        for child in parent.children() {
            self.inline(child);
        }
    }

    fn inline<'a>(&mut self, node: &'a AstNode<'a>) {
        match &node.data().value {
            NodeValue::Text(text) => push_text(&mut self.out, tree::without_mark(node, text)),
            NodeValue::SoftBreak => self.out.push('\n'),
            NodeValue::LineBreak => self.out.push_str("<br>\n"),
            NodeValue::Code(code) => {
                self.out.push_str("<code>");
                push_text(&mut self.out, &code.literal);
                self.out.push_str("</code>");
            }
            NodeValue::Emph => self.span("em", node),
            NodeValue::Strong => self.span("strong", node),
            NodeValue::Strikethrough => self.span("del", node),
            NodeValue::Link(link) => self.link(node, link),
            NodeValue::Image(link) => self.image(node, link),
            NodeValue::FootnoteReference(note) => {
                self.footnote_reference(note.ix as usize, note.ref_num);
            }
            NodeValue::HtmlInline(html) => self.raw(html, node),
            NodeValue::Math(math) => self.formula(node, math),
            _ => self.inlines(node),
        }
    }

    fn span<'a>(&mut self, name: &str, node: &'a AstNode<'a>) {
        self.push(&["<", name, ">"]);
        self.inlines(node);
        self.push(&["</", name, ">"]);
    }

    fn link<'a>(&mut self, node: &'a AstNode<'a>, link: &NodeLink) {
        if self.in_link {
            return self.inlines(node);
        }
        self.out.push_str("<a");
        match self.place.absolute(&link.url, LinkKind::Link) {
            Ok(url) => {
                self.attribute("href", &url);
                self.note_user_info(&url, node);
                self.note_own((&link.url, &url), LinkKind::Link, node.data().sourcepos.start.line);
            }
            Err(error) => self.note_refusal(&error, node),
        }
        if !link.title.is_empty() {
            self.attribute("title", &link.title);
        }
        if tree::is_button(node) {
            self.attribute("class", "button");
        } else if tree::is_meant_as_button(node) {
            let finding =
                self.finding(node, "post-button", "what follows the link is shown as it is written");
            self.findings
                .push(finding.hint("for a button write {.button} right after the link, without a space"));
        }
        self.out.push('>');
        self.in_link = true;
        self.inlines(node);
        self.in_link = false;
        self.out.push_str("</a>");
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.push(&[" ", name, "=\""]);
        push_attribute(&mut self.out, value);
        self.out.push('"');
    }

    fn new_line(&mut self) {
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }

    fn finding(&self, node: &AstNode<'_>, rule: &'static str, message: impl Into<String>) -> Finding {
        self.place.warning(node.data().sourcepos.start.line, rule, message)
    }

    /// Records an address on the post's own site; `line` counts from 1 in the body.
    fn note_own(&mut self, (raw, url): (&str, &str), purpose: LinkKind, line: usize) {
        let origin = &self.place.page[..url::Position::BeforePath];
        let is_own = url.strip_prefix(origin).is_some_and(|path| path.starts_with('/'));
        if is_own && !raw.starts_with('#') && !self.place.links.contains_key(raw) {
            let line = self.place.body_line + line.max(1) - 1;
            self.own.push(OwnAddress { line, raw: raw.to_owned(), url: url.to_owned(), purpose });
        }
    }

    fn note_missing_alternative(&mut self, node: &AstNode<'_>) {
        let finding = self.finding(
            node,
            "image-alt",
            "a picture has no alternative text, so readers who do not load it see nothing",
        );
        self.findings.push(finding.hint("say what it shows: ![a cat on a mat](cat.jpg)"));
    }

    fn note_user_info(&mut self, url: &str, node: &AstNode<'_>) {
        if links::has_user_info(url) {
            let finding = self.finding(
                node,
                "link-user-info",
                "a URL contains a user name or a password, which everyone will see",
            );
            self.findings.push(finding.hint("remove the part before the @"));
        }
    }

    fn note_refusal(&mut self, error: &LinkError, node: &AstNode<'_>) {
        let finding = self.finding(node, "link-unsafe", format!("{error}, and is left out"));
        self.findings.push(finding.hint("write an https: address, or one relative to the post"));
    }
}

fn is_heading_mark<'a>(node: &'a AstNode<'a>) -> bool {
    matches!(&node.data().value, NodeValue::Link(link) if hidden::is_heading_mark(&link.url, &node.collect_text()))
}
