//! Lines, counted as far as somebody asks.

/// Where in a text a byte stands. No line is counted twice as long as questions come in order.
#[derive(Default)]
pub(super) struct Lines<'t> {
    pub(super) text: &'t str,
    at: usize,
    line: usize,
}

impl<'t> Lines<'t> {
    /// At the first line.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line, from 1, of the byte `at`.
    pub(super) fn line_at(&mut self, at: usize) -> usize {
        if at > self.at {
            let passed = self.text.as_bytes().get(self.at..at).unwrap_or_default();
            self.line += memchr::memchr_iter(b'\n', passed).count();
            self.at = at;
        }
        self.line
    }

    /// The name of the tag that opens at the byte `at`; it lives as long as the text, unlike the event's.
    pub(super) fn name_at(&self, at: usize) -> &'t str {
        let tag = self.text.get(at + 1..).unwrap_or_default();
        tag.split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default()
    }
}
