//! Feeds a text to html5ever's tokenizer, without the attributes of a tag beyond the first few hundred: the tokenizer
//! compares each attribute of a tag with all others.
//!
//! Only the tokenizer knows where a tag begins, because that depends on what was before. So it gets the text in windows, and
//! after each one the feeder knows from the last token whether a tag is open.

use std::cell::Cell;
use std::ops::Range;

use html5ever::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, TokenSink, Tokenizer};

use crate::text::floor_char_boundary;

/// The most attributes of a tag; no page has as many.
const MAX_ATTRIBUTES: usize = 256;
/// Fewer bytes than so many attributes have, so that at the end of a window no tag has too many yet.
const WINDOW: usize = 2 * MAX_ATTRIBUTES;

/// How much of a text was read. The sink of the tokenizer shares it.
pub(super) struct Reading<'h> {
    pub(super) html: &'h str,
    queue: BufferQueue,
    fed: Cell<usize>,
    /// The end of the last token.
    pub(super) last: Cell<usize>,
}

impl<'h> Reading<'h> {
    pub(super) fn new(html: &'h str) -> Self {
        Self { html, queue: BufferQueue::default(), fed: Cell::new(0), last: Cell::new(0) }
    }

    /// The byte that the tokenizer reads next.
    pub(super) fn position(&self) -> usize {
        self.fed.get() - remaining(&self.queue)
    }

    /// Ends a text token here.
    pub(super) fn pass_text(&self) {
        let position = self.position();
        // After a `<` that begins no tag, the tokenizer may have read a second one and put it back.
        let is_put_back = self.html[..position].ends_with('<');
        self.last.set(position - usize::from(is_put_back));
    }

    /// Ends a tag, a comment or a doctype here.
    pub(super) fn pass_markup(&self) {
        self.last.set(self.position());
    }

    /// Feeds the whole text; returns the bytes that were left out.
    pub(super) fn feed<S: TokenSink>(&self, tokenizer: &Tokenizer<S>) -> Vec<Range<usize>> {
        let whole = StrTendril::from(self.html);
        let mut left_out = Vec::new();
        let mut tag: Option<LongTag<'_>> = None;
        while self.fed.get() < self.html.len() {
            let fed = self.fed.get();
            let open = self.open_tag();
            if tag.as_ref().map(|tag| tag.open) != open {
                tag = open.map(|open| LongTag::new(self.html, open));
            }
            let excess = tag.as_ref().and_then(|tag| tag.excess).filter(|excess| *excess >= fed);
            if let (Some(tag), Some(true)) = (&mut tag, excess.map(|excess| excess == fed)) {
                self.fed.set(tag.end());
                left_out.push(fed..self.fed.get());
                continue;
            }
            let end = floor_char_boundary(self.html, fed + WINDOW).min(excess.unwrap_or(usize::MAX));
            self.fed.set(end);
            self.queue.push_back(whole.subtendril(tendril_size(fed), tendril_size(end - fed)));
            // It stops after each script, and goes on if it is fed again.
            while let TokenizerResult::Script(_) = tokenizer.feed(&self.queue) {}
        }
        left_out
    }

    /// Where the tag begins that has begun and not ended.
    pub(super) fn open_tag(&self) -> Option<usize> {
        let last = self.last.get();
        let open = last + self.html.get(last..self.fed.get())?.find('<')?;
        let name = &self.html[open + 1..];
        name.strip_prefix('/').unwrap_or(name).starts_with(|c: char| c.is_ascii_alphabetic()).then_some(open)
    }
}

/// A tag that ends after its window.
struct LongTag<'h> {
    open: usize,
    bytes: &'h [u8],
    /// The end of the attribute that was read last.
    at: usize,
    /// The start of the first attribute too many.
    excess: Option<usize>,
}

impl<'h> LongTag<'h> {
    fn new(html: &'h str, open: usize) -> Self {
        let mut tag = Self { open, bytes: html.as_bytes(), at: open + 2, excess: None };
        tag.skip(|byte| !byte.is_ascii_whitespace() && !b"/>".contains(&byte));
        for _ in 0..MAX_ATTRIBUTES {
            if tag.next().is_none() {
                return tag;
            }
        }
        tag.excess = tag.next();
        tag
    }

    /// The place of its `>`, or the end of the text.
    fn end(&mut self) -> usize {
        while self.next().is_some() {}
        self.at
    }

    /// The start of the next attribute (HTML Standard, 13.2.5.32 to 39).
    fn next(&mut self) -> Option<usize> {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b'/');
        let start = self.at;
        self.peek().filter(|byte| *byte != b'>')?;
        // A `=` here is part of the name.
        self.at += 1;
        self.skip(|byte| !byte.is_ascii_whitespace() && !b"/>=".contains(&byte));
        self.skip(|byte| byte.is_ascii_whitespace());
        if self.peek() == Some(b'=') {
            self.at += 1;
            self.skip(|byte| byte.is_ascii_whitespace());
            match self.peek() {
                Some(quote @ (b'"' | b'\'')) => {
                    let value = &self.bytes[self.at + 1..];
                    self.at += 1 + memchr::memchr(quote, value).map_or(value.len(), |end| end + 1);
                }
                _ => self.skip(|byte| !byte.is_ascii_whitespace() && byte != b'>'),
            }
        }
        Some(start)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, belongs: impl Fn(u8) -> bool) {
        self.at +=
            self.bytes.get(self.at..).unwrap_or_default().iter().take_while(|byte| belongs(**byte)).count();
    }
}

/// A text is at most 64 MB.
fn tendril_size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The number of remaining bytes. The queue can only be read by taking out its few buffers.
fn remaining(queue: &BufferQueue) -> usize {
    let Some(first) = queue.pop_front() else { return 0 };
    let length = first.len() + remaining(queue);
    queue.push_front(first);
    length
}
