//! Wraps a post written in HTML into one block of raw HTML, so that Markdown does not change it: indented lines must not
//! become code, and blank lines must not end the block. It is sanitised later, like all raw HTML.

/// `html` as Markdown, with the same lines.
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
    fn blank_lines_do_not_end_the_block() {
        assert_eq!(block("<p>a</p>\n\n    <b>c</b>\n"), "<div><p>a</p>\n<!-- -->\n    <b>c</b>\n</div>\n");
    }
}
