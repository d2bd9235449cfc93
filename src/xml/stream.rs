//! Tokens of a stream, one in memory at a time.

use std::io::{self, BufRead, Read};

use super::XmlError;
use super::reader::{Mode, State, Token, from_quick_xml};

/// Reads tokens leniently. `N` is the caller's name for a namespace.
pub(super) struct StreamReader<R, N> {
    events: quick_xml::Reader<BoundedReader<R>>,
    buffer: Vec<u8>,
    max_event: usize,
    state: State<N>,
}

impl<R: BufRead, N: Copy> StreamReader<R, N> {
    /// A token longer than `max_event` bytes is an error.
    pub(super) fn new(input: R, max_event: usize, naming: fn(&str) -> N) -> Self {
        let mut events = quick_xml::Reader::from_reader(BoundedReader { input, left: max_event, lines: 1 });
        let config = events.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { events, buffer: Vec::new(), max_event, state: State::new(Mode::Lenient, naming) }
    }

    /// The current line, from 1.
    pub(super) fn line(&self) -> usize {
        self.events.get_ref().lines
    }

    /// What the tokens are read from.
    pub(super) fn input(&self) -> &R {
        &self.events.get_ref().input
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token<'_, N>, XmlError> {
        self.buffer.clear();
        self.events.get_mut().left = self.max_event;
        let event = self.events.read_event_into(&mut self.buffer).map_err(from_quick_xml)?;
        self.state.token(event)
    }
}

/// Stops a token that would fill the memory, and counts lines.
struct BoundedReader<R> {
    input: R,
    /// How many more bytes the token may have.
    left: usize,
    lines: usize,
}

impl<R: BufRead> Read for BoundedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for BoundedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // The consumed bytes are still in the buffer, so nothing is read here.
        if amount > 0
            && let Ok(ready) = self.input.fill_buf()
        {
            let passed = ready.get(..amount).unwrap_or(ready);
            self.lines += memchr::memchr_iter(b'\n', passed).count();
        }
        self.left = self.left.saturating_sub(amount);
        self.input.consume(amount);
    }
}
