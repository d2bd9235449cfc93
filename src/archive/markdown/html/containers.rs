//! Containers: callouts, as GitHub (`> [!NOTE]`) and site generators (`::: note`) write them, and columns.

use comrak::nodes::{AlertType, AstNode, NodeBlockDirective, NodeValue};

use super::Writer;
use crate::html::push_text;
use crate::i18n::CalloutStrings;

/// The title of a callout without one of its own.
fn title_of(alert: AlertType, words: &CalloutStrings) -> &str {
    match alert {
        AlertType::Note => &words.note,
        AlertType::Tip => &words.tip,
        AlertType::Important => &words.important,
        AlertType::Warning => &words.warning,
        AlertType::Caution => &words.caution,
    }
}

/// What is behind the colons of a container: `note`, `note Title`, `note[Title]`, `{.columns}`, `{.callout-tip}`.
struct Kind<'i> {
    name: &'i str,
    title: Option<&'i str>,
}

impl<'i> Kind<'i> {
    fn of(info: &'i str) -> Option<Self> {
        let inside = info.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or(rest));
        let rest = inside.unwrap_or(info).trim_start_matches(['.', ' ']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        let (name, title) = rest.split_at(end);
        let title = title.split('{').next().unwrap_or_default().trim();
        let title = title.strip_prefix('[').and_then(|title| title.strip_suffix(']')).unwrap_or(title);
        let name = name.strip_prefix("callout-").unwrap_or(name);
        let title = Some(title).filter(|title| !title.is_empty() && inside.is_none());
        (!name.is_empty()).then_some(Self { name, title })
    }

    fn callout(&self) -> Option<AlertType> {
        Some(match self.name.to_ascii_lowercase().as_str() {
            "note" | "info" => AlertType::Note,
            "tip" | "success" => AlertType::Tip,
            "important" => AlertType::Important,
            "warning" => AlertType::Warning,
            "caution" | "danger" => AlertType::Caution,
            _ => return None,
        })
    }
}

impl Writer<'_> {
    pub(super) fn callout<'a>(&mut self, node: &'a AstNode<'a>, kind: AlertType, title: Option<&str>) {
        self.out.push_str("<blockquote class=\"callout\">\n<p><strong>");
        push_text(&mut self.out, title.unwrap_or_else(|| title_of(kind, self.place.callout)));
        self.out.push_str("</strong></p>\n");
        self.blocks(node);
        self.out.push_str("</blockquote>\n");
    }

    /// A container that no one has heard of is its content; colons that begin no container stay.
    pub(super) fn directive<'a>(&mut self, node: &'a AstNode<'a>, directive: &NodeBlockDirective) {
        let Some(kind) = Kind::of(&directive.info) else {
            self.out.push_str("<p>");
            push_text(&mut self.out, &format!("{} {}", ":".repeat(directive.fence_length), directive.info));
            self.out.truncate(self.out.trim_end().len());
            self.out.push_str("</p>\n");
            return self.blocks(node);
        };
        match (kind.name, kind.callout()) {
            (_, Some(callout)) => self.callout(node, callout, kind.title),
            ("columns", _) => self.columns(node),
            ("column", _) => self.blocks(node),
            (name, None) => {
                let message = format!("the container `{name}` is not known, so only its content is shown");
                let finding = self.finding(node, "post-container", message);
                self.findings.push(finding.hint("known: note, tip, important, warning, caution, columns"));
                self.blocks(node);
            }
        }
    }

    fn columns<'a>(&mut self, node: &'a AstNode<'a>) {
        let columns = columns_of(node);
        if columns.len() < 2 {
            let finding = self.finding(node, "post-container", "there is one column only");
            self.findings.push(finding.hint("divide the columns by a line with ---, between empty lines"));
            return self.blocks(node);
        }
        self.out.push_str("<div class=\"columns\">\n");
        for column in columns {
            self.out.push_str("<div class=\"column\">\n");
            for child in column {
                self.block(child, false);
            }
            self.out.push_str("</div>\n");
        }
        self.out.push_str("</div>\n");
    }
}

/// The blocks of each column: those of a `column`, as Pandoc and Quarto write it, or those between thematic breaks.
fn columns_of<'a>(node: &'a AstNode<'a>) -> Vec<Vec<&'a AstNode<'a>>> {
    let is_column = |child: &AstNode<'_>| {
        matches!(&child.data().value, NodeValue::BlockDirective(inner)
            if Kind::of(&inner.info).is_some_and(|kind| kind.name == "column"))
    };
    let are_named = node.children().any(is_column);
    let mut columns = vec![Vec::new()];
    for child in node.children() {
        if are_named && is_column(child) {
            columns.push(child.children().collect());
        } else if !are_named && matches!(child.data().value, NodeValue::ThematicBreak) {
            columns.push(Vec::new());
        } else if let Some(last) = columns.last_mut() {
            last.push(child);
        }
    }
    columns.retain(|column| !column.is_empty());
    columns
}
