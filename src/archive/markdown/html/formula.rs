//! Formulas as MathML, or as TeX in code if they cannot be translated.

use comrak::nodes::{AstNode, NodeMath, NodeValue};

use super::Writer;
use crate::html::push_text;
use crate::math::mathml;

/// Whether a node is a formula in a line of its own.
pub(super) fn is_display<'a>(node: &'a AstNode<'a>) -> bool {
    matches!(&node.data().value, NodeValue::Math(math) if math.display_math)
}

impl Writer<'_> {
    pub(super) fn formula<'a>(&mut self, node: &'a AstNode<'a>, math: &NodeMath) {
        match mathml(&math.literal, math.display_math) {
            Ok(mathml) => self.out.push_str(&mathml),
            Err(reason) => {
                let tex = math.literal.split_whitespace().collect::<Vec<_>>().join(" ");
                let message = format!("the formula {tex} is shown as TeX: {reason}");
                let finding = self.finding(node, "formula", message);
                self.findings.push(
                    finding.hint("write it with the commands of LaTeX; macros of a site are not known"),
                );
                self.out.push_str("<code>");
                push_text(&mut self.out, &math.literal);
                self.out.push_str("</code>");
            }
        }
    }

    /// A paragraph as several, so that each formula with a line of its own is one.
    pub(super) fn around_formulas<'a>(&mut self, paragraph: &'a AstNode<'a>) {
        let mut is_open = false;
        for node in paragraph.children() {
            if is_display(node) {
                self.end_paragraph(&mut is_open);
                self.out.push_str("<p>");
                self.inline(node);
                self.out.push_str("</p>\n");
            } else if is_open || !matches!(node.data().value, NodeValue::SoftBreak | NodeValue::LineBreak) {
                if !is_open {
                    self.out.push_str("<p>");
                    is_open = true;
                }
                self.inline(node);
            }
        }
        self.end_paragraph(&mut is_open);
    }

    fn end_paragraph(&mut self, is_open: &mut bool) {
        if std::mem::take(is_open) {
            self.out.truncate(self.out.trim_end().len());
            self.out.push_str("</p>\n");
        }
    }
}
