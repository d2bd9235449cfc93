//! Tokens of a text in memory, which borrow from it.

use std::cell::Cell;
use std::io::BufRead as _;

use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;

use super::reader::{Mode, State, Token, from_quick_xml};
use super::{XmlError, references};

/// Reads tokens strictly. `N` is the caller's name for a namespace.
pub(super) struct SliceReader<'t, N> {
    text: &'t str,
    events: quick_xml::Reader<&'t [u8]>,
    /// The length of the byte order mark, which quick-xml does not count in its positions.
    mark: usize,
    state: State<N>,
    /// Where the last token begins.
    begin: usize,
    /// A position up to which lines were counted, and its line.
    counted: Cell<(usize, usize)>,
    /// Whether quick-xml would read text next.
    is_before_text: bool,
    /// Where the last text ends.
    text_end: usize,
}

impl<'t, N: Copy> SliceReader<'t, N> {
    /// One pass over the whole text tells whether it `is_clean`, which is faster than one for each token.
    pub(super) fn new(text: &'t str, is_clean: bool, naming: fn(&str) -> N) -> Self {
        let mut events = quick_xml::Reader::from_str(text);
        events.config_mut().expand_empty_elements = true;
        let mode = Mode::Strict { is_clean };
        let mark = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        Self {
            text,
            events,
            mark,
            state: State::new(mode, naming),
            begin: 0,
            counted: Cell::new((0, 1)),
            is_before_text: false,
            text_end: 0,
        }
    }

    /// The line on which the last token begins, from 1.
    pub(super) fn line(&self) -> usize {
        let (to, line) = self.counted.get();
        let passed = self.text.as_bytes().get(to..self.begin).unwrap_or_default();
        let line = line + memchr::memchr_iter(b'\n', passed).count();
        self.counted.set((self.begin, line));
        line
    }

    /// The namespace of a prefix here; an attribute without a prefix has none.
    pub(super) fn namespace(&self, prefix: &str) -> Option<N> {
        self.state.namespace(prefix)
    }

    /// The next token. The strings in it are taken from the text, which is known to be UTF-8.
    pub(super) fn next(&mut self) -> Result<Token<'t, N>, XmlError> {
        self.begin = self.position();
        if let Some(text) = self.run() {
            return Ok(text);
        }
        let event = self.events.read_event().map_err(from_quick_xml)?;
        self.is_before_text = match &event {
            Event::Start(_) => !self.passed().ends_with("/>"),
            Event::Text(_) => false,
            _ => true,
        };
        match &event {
            Event::Start(start) => {
                let tag = self.content(start.len(), if self.passed().ends_with("/>") { 2 } else { 1 });
                let name = tag.get(..start.name().as_ref().len()).unwrap_or_default();
                self.state.start(name, Attributes::new(tag, name.len())).map(Token::Start)
            }
            Event::Text(text) => self.state.text(self.content(text.len(), 0).into()),
            Event::CData(text) => self.state.cdata(self.content(text.len(), "]]>".len()).into()),
            _ => self.state.token(event),
        }
    }

    /// The text up to the next markup, its references resolved, or up to a reference that XML does not define. quick-xml
    /// makes an event of each reference and one of the text before it, and escaped HTML has many.
    fn run(&mut self) -> Option<Token<'t, N>> {
        if !self.is_before_text || !self.state.allows_any_text() {
            return None;
        }
        let text = self.text.get(self.begin..self.end_of_text()).filter(|text| !text.is_empty())?;
        let run = references::resolved(text);
        self.events.stream().consume(run.length);
        match run.length {
            0 => None,
            _ if run.has_references => Some(Token::Reference(run.text, run.is_hexadecimal)),
            _ => Some(Token::Text(run.text)),
        }
    }

    /// Where the text that begins here ends: at markup, or at a `]]>`, which is an error.
    fn end_of_text(&mut self) -> usize {
        if self.text_end <= self.begin {
            let rest = self.text.as_bytes().get(self.begin..).unwrap_or_default();
            let text = memchr::memchr(b'<', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
            self.text_end = self.begin + memchr::memmem::find(text, b"]]>").unwrap_or(text.len());
        }
        self.text_end
    }

    fn position(&self) -> usize {
        usize::try_from(self.events.buffer_position()).map_or(self.text.len(), |at| at + self.mark)
    }

    fn passed(&self) -> &'t str {
        self.text.get(..self.position()).unwrap_or_default()
    }

    /// The content of the last token: `length` bytes before its delimiter.
    fn content(&self, length: usize, delimiter: usize) -> &'t str {
        let end = self.position().saturating_sub(delimiter);
        self.text.get(end.saturating_sub(length)..end).unwrap_or_default()
    }
}
