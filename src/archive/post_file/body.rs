//! What a body is apart from its Markdown: whether anything is to be seen, and its lines.

use crate::text::XmlText;

/// Whether there is visible text; HTML comments do not count.
pub(super) fn has_text(body: &str) -> bool {
    let mut rest = body;
    loop {
        let (before, after) = rest.split_once("<!--").unwrap_or((rest, ""));
        if before
            .chars()
            .any(|c| !c.is_whitespace() && !matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}'))
        {
            return true;
        }
        match after.split_once("-->") {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
}

/// Empties the lines instead of removing them, so that the other lines keep their numbers.
pub(super) fn without_lines(body: &XmlText, (first, last): (usize, usize)) -> XmlText {
    let mut remaining = String::with_capacity(body.as_str().len());
    for (number, line) in body.as_str().split_inclusive('\n').enumerate() {
        remaining.push_str(if (first..=last).contains(&(number + 1)) { "\n" } else { line });
    }
    XmlText::clean(&remaining).0
}
