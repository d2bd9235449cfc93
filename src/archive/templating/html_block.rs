//! Whether the end of a text is in a block of HTML, which a blank line would end.

/// Follows a growing text.
#[derive(Debug, Default)]
pub(super) struct HtmlBlock {
    /// The beginning of the first line that was not looked at.
    at: usize,
    /// What the lines since the last blank one are; nothing after a blank line.
    is_html: Option<bool>,
}

impl HtmlBlock {
    /// Whether the last line of `text`, if there is white space in it only, follows a line in a block of HTML.
    pub(super) fn is_open(&mut self, text: &str) -> bool {
        // The list above a table of contents may have been taken back.
        while let Some(rest) = text.get(self.at..)
            && let Some(end) = memchr::memchr(b'\n', rest.as_bytes())
        {
            let line = rest[..end].trim();
            let is_html = self.is_html.unwrap_or_else(|| line.starts_with('<'));
            self.is_html = (!line.is_empty()).then_some(is_html);
            self.at += end + 1;
        }
        self.is_html == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_html_ends_at_a_blank_line() {
        let mut block = HtmlBlock::default();
        let mut text = String::new();
        for (more, is_open) in [
            ("  ", false),
            ("<p>\n", true),
            ("a\n\t", true),
            ("\n", false),
            ("a\n<p>\n", false),
            ("\n<p>\nb", true),
        ] {
            text.push_str(more);
            assert_eq!(block.is_open(&text), is_open, "{text}");
        }
    }
}
