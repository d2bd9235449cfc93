//! A post written in HTML as one block of raw HTML, so that Markdown leaves it alone: no indented line of it is code,
//! no blank line ends it. What may stay of it is decided where all raw HTML is cleaned.

/// `html` as Markdown, line by line.
pub(super) fn block(html: &str) -> String {
    let mut text = String::with_capacity(html.len() + 16);
    text.push_str("<div>");
    for line in html.split_inclusive('\n') {
        // `CommonMark` ends a block of HTML at a blank line.
        if line.trim().is_empty() {
            text.push_str("<!-- -->\n");
        } else {
            text.push_str(line);
        }
    }
    text.push_str("</div>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_blank_line_ends_the_block() {
        assert_eq!(block("<p>a</p>\n\n    <b>c</b>\n"), "<div><p>a</p>\n<!-- -->\n    <b>c</b>\n</div>\n");
    }
}
