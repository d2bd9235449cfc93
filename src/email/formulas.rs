//! Formulas in an email. Mail programs do not show MathML, so a formula becomes text: readable, or TeX in code.

use std::borrow::Cow;

use crate::html::{is_void, push_text, tags};
use crate::math::{Shown, shown};

/// The paragraph of a formula that has a line of its own.
const PARAGRAPH: &str = "<p align=\"center\">";

/// `body` with text in the place of MathML.
pub(super) fn as_text(body: &str) -> Cow<'_, str> {
    if !body.contains("<math") {
        return Cow::Borrowed(body);
    }
    let mut out = String::with_capacity(body.len());
    let (mut copied, mut depth) = (0, 0usize);
    let mut open: Option<Formula> = None;
    for tag in tags(body) {
        match (&open, tag.name(), tag.closing) {
            (None, "math", false) => {
                out.push_str(&body[copied..tag.at.start]);
                let is_display = tag.attribute("display") == Some("block");
                open = Some(Formula { start: tag.at.start, is_display, is_outside: depth == 0 });
            }
            (Some(formula), "math", true) => {
                formula.write(&body[formula.start..tag.at.end], &body[tag.at.end..], &mut out);
                copied = tag.at.end;
                open = None;
            }
            (None, _, true) => depth = depth.saturating_sub(1),
            (None, name, false) => depth += usize::from(!is_void(name)),
            (Some(_), ..) => {}
        }
    }
    if open.is_none() {
        out.push_str(&body[copied..]);
    }
    Cow::Owned(out)
}

/// A `math` element.
struct Formula {
    start: usize,
    is_display: bool,
    /// Whether it is in no other element.
    is_outside: bool,
}

impl Formula {
    fn write(&self, math: &str, after: &str, out: &mut String) {
        if self.is_outside {
            out.push_str("<p>");
        }
        let is_alone = out.ends_with("<p>") && (self.is_outside || after.starts_with("</p>"));
        if self.is_display && is_alone {
            out.truncate(out.len() - "<p>".len());
            out.push_str(PARAGRAPH);
        }
        match shown(math) {
            Shown::Text(text) => push_text(out, &text),
            Shown::Code(tex) => {
                out.push_str("<code>");
                push_text(out, &tex);
                out.push_str("</code>");
            }
        }
        if self.is_outside {
            out.push_str("</p>");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::mathml;

    #[test]
    fn a_formula_becomes_text_and_one_in_a_line_of_its_own_is_centred() {
        let (inline, display) = (mathml("x^2", false).unwrap(), mathml("a < b", true).unwrap());
        assert_eq!(as_text(&format!("<p>a {inline} b<br></p>")), "<p>a x² b<br></p>");
        assert_eq!(as_text(&format!("<p>{display}</p>\n")), "<p align=\"center\">a &lt; b</p>\n");
        assert_eq!(as_text(&format!("<p>a</p>{display}")), "<p>a</p><p align=\"center\">a &lt; b</p>");
        assert_eq!(as_text(&format!("<ul><li>{display}</li></ul>")), "<ul><li>a &lt; b</li></ul>");
    }

    #[test]
    fn a_formula_that_is_no_line_is_tex_in_code() {
        let formula = mathml(r"\begin{pmatrix}a & b\end{pmatrix}", false).unwrap();
        let tex = r"<p><code>\begin{pmatrix}a &amp; b\end{pmatrix}</code></p>";
        assert_eq!(as_text(&format!("<p>{formula}</p>")), tex);
    }
}
