//! The tags of an HTML text and their positions, so that a caller can change some and copy the rest byte for byte.
//!
//! html5ever's tokenizer does not report byte offsets. They follow from the length of the remaining input whenever
//! it emits a token.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::{Attribute, LocalName};

use super::hides_content;

/// A start or end tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    name: LocalName,
    /// `</name>`.
    pub(crate) closing: bool,
    /// The bytes of the tag, from `<` to `>`; to the end of the text if it is never closed.
    pub(crate) at: Range<usize>,
    attributes: Vec<Attribute>,
}

impl Tag {
    /// The name in lower case.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The attributes in order, their names in lower case, their values decoded.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|attribute| (&*attribute.name.local, &*attribute.value))
    }

    /// The value of an attribute, decoded; empty if it has none.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// A part of an HTML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A part of the text between tags, decoded.
    Text(StrTendril),
    Tag(Tag),
    /// The bytes of a comment, a doctype, or anything that a browser treats as a comment, such as `<?php ?>`.
    Declaration(Range<usize>),
}

/// Reads `html` and reports its pieces in order. The content of `script`, `style` and similar elements is text, as
/// in a browser.
pub(crate) fn read(html: &str, mut each: impl FnMut(Piece)) {
    tokenize(html, false, &mut each);
}

/// [`read`] without the content of elements that show none of it.
pub(crate) fn read_shown(html: &str, mut each: impl FnMut(Piece)) {
    tokenize(html, true, &mut each);
}

/// The tags of `html` in order.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    read(html, |piece| tags.extend(piece.into_tag()));
    tags
}

/// The tags of `html` in order, without those inside elements that show none of their content.
pub(crate) fn shown_tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    read_shown(html, |piece| tags.extend(piece.into_tag()));
    tags
}

impl Piece {
    fn into_tag(self) -> Option<Tag> {
        if let Self::Tag(tag) = self { Some(tag) } else { None }
    }
}

fn tokenize(html: &str, shown_only: bool, each: &mut dyn FnMut(Piece)) {
    let Some(open) = feed(html, shown_only, each) else { return };
    // A browser drops a tag that is never closed. The caller must know about it, because the text that follows
    // could close it.
    let rest = &html[open..];
    for end in [">", "\">", "'>"] {
        let closed = [rest, end].concat();
        let mut tag = None;
        feed(&closed, false, &mut |piece| tag = piece.into_tag());
        if let Some(tag) = tag {
            return each(Piece::Tag(Tag { at: open..html.len(), ..tag }));
        }
    }
}

/// Tokenizes `html`; returns the position of a start tag that is never closed.
fn feed(html: &str, shown_only: bool, each: &mut dyn FnMut(Piece)) -> Option<usize> {
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(html));
    let sink = Sink {
        html,
        queue: &queue,
        last: Cell::new(0),
        shown_only,
        hidden: RefCell::new(None),
        each: RefCell::new(each),
    };
    let options = TokenizerOpts { discard_bom: false, ..TokenizerOpts::default() };
    let tokenizer = Tokenizer::new(sink, options);
    // It stops before the end only for scripts that run and for encodings, and the sink requests neither.
    let _ = tokenizer.feed(&queue);
    let last = tokenizer.sink.last.get();
    tokenizer.end();
    let open = last + html[last..].find('<')?;
    let is_start_tag = html[open + 1..].starts_with(|c: char| c.is_ascii_alphabetic());
    (is_start_tag && tokenizer.sink.hidden.borrow().is_none()).then_some(open)
}

struct Sink<'a> {
    html: &'a str,
    queue: &'a BufferQueue,
    /// The end of the previous token.
    last: Cell<usize>,
    shown_only: bool,
    /// The open element whose content is skipped.
    hidden: RefCell<Option<LocalName>>,
    each: RefCell<&'a mut dyn FnMut(Piece)>,
}

impl Sink<'_> {
    fn is_hidden(&self) -> bool {
        self.hidden.borrow().is_some()
    }

    fn report(&self, piece: Piece) {
        (self.each.borrow_mut())(piece);
    }

    fn text(&self, text: Option<StrTendril>) {
        let position = self.position();
        // After a `<` that begins no tag, the tokenizer may have read a second one and put it back.
        let is_put_back = self.html[..position].ends_with('<');
        self.last.set(position - usize::from(is_put_back));
        if let Some(text) = text.filter(|_| !self.is_hidden()) {
            self.report(Piece::Text(text));
        }
    }

    /// The bytes of the token that has just been read up to its `>`.
    fn span(&self) -> Range<usize> {
        let (last, end) = (self.last.get(), self.position());
        self.last.set(end);
        last + self.html[last..end].find('<').unwrap_or(0)..end
    }

    fn position(&self) -> usize {
        self.html.len() - remaining(self.queue)
    }

    fn tag(&self, tag: html5ever::tokenizer::Tag) -> TokenSinkResult<()> {
        let at = self.span();
        let closing = tag.kind == TagKind::EndTag;
        if self.is_hidden() {
            if !closing || self.hidden.borrow().as_ref() != Some(&tag.name) {
                return TokenSinkResult::Continue;
            }
            self.hidden.replace(None);
        } else if self.shown_only && !closing && hides_content(&tag.name) {
            self.hidden.replace(Some(tag.name.clone()));
        }
        let content = if closing { TokenSinkResult::Continue } else { content_of(&tag.name) };
        self.report(Piece::Tag(Tag { name: tag.name, closing, at, attributes: tag.attrs }));
        content
    }
}

/// The number of remaining bytes. The queue can only be read by taking out its few buffers.
fn remaining(queue: &BufferQueue) -> usize {
    let Some(first) = queue.pop_front() else { return 0 };
    let length = first.len() + remaining(queue);
    queue.push_front(first);
    length
}

/// How the content of an element is read (HTML Standard, 13.2.6.4).
fn content_of(name: &str) -> TokenSinkResult<()> {
    match name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(RawKind::Rawtext),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => return self.tag(tag),
            Token::CharacterTokens(text) => self.text(Some(text)),
            Token::NullCharacterToken => self.text(None),
            Token::CommentToken(_) | Token::DoctypeToken(_) => {
                let at = self.span();
                if !self.is_hidden() {
                    self.report(Piece::Declaration(at));
                }
            }
            Token::EOFToken | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(html: &str) -> Vec<String> {
        let name = |tag: &Tag| format!("{}{}", if tag.closing { "/" } else { "" }, tag.name());
        shown_tags(html).iter().map(name).collect()
    }

    fn text(html: &str) -> String {
        let mut text = String::new();
        read_shown(html, |piece| {
            if let Piece::Text(part) = piece {
                text.push_str(&part);
            }
        });
        text
    }

    #[test]
    fn comments_scripts_and_comparisons_are_not_tags() {
        assert_eq!(
            names("<!doctype html><P a='>'>1 < 2 <3</p><!-- <b> --><script>'<i>'</script><br/>"),
            ["p", "/p", "script", "/script", "br"]
        );
        assert_eq!(
            names("<style>a > b {}</style><svg><path/><style></svg><b>"),
            ["style", "/style", "svg", "/svg", "b"]
        );
    }

    #[test]
    fn attributes_are_read_quoted_bare_and_decoded() {
        let tag = &tags("<img data-src=no SRC = \"a&amp;b\" alt='글 &quot;' hidden>")[0];
        assert_eq!(tag.attribute("src"), Some("a&b"));
        assert_eq!(tag.attribute("alt"), Some("글 \""));
        assert_eq!(tag.attribute("hidden"), Some(""));
        assert_eq!(tag.attribute("width"), None);
    }

    #[test]
    fn every_tag_is_found_at_its_bytes() {
        let html = "\u{FEFF}가 &am &amp; << <a\r\nhref='>'>\r\n&notit;</a ><</ b><b\0>\0<c";
        let found: Vec<_> = tags(html).into_iter().map(|tag| &html[tag.at]).collect();
        assert_eq!(found, ["<a\r\nhref='>'>", "</a >", "<b\0>", "<c"]);
    }

    #[test]
    fn a_tag_that_is_never_closed_is_reported_with_its_attributes() {
        for html in ["a <iframe src=b", "a <iframe src=\"b", "a <iframe src='b", "a <iframe src=b "] {
            let tags = tags(html);
            assert_eq!(
                (tags.len(), tags[0].name(), tags[0].attribute("src")),
                (1, "iframe", Some("b")),
                "{html}"
            );
            assert_eq!(tags[0].at, 2..html.len());
        }
        assert_eq!(tags("<p>a < b &lt;"), tags("<p>"));
    }

    #[test]
    fn text_is_decoded_once_and_hidden_text_is_left_out() {
        assert_eq!(
            text("&amp;lt; &#x1F600;&unknown; & &<script>&lt;</script><br>b"),
            "&lt; 😀&unknown; & &b"
        );
    }

    proptest! {
        #[test]
        fn each_tag_alone_is_parsed_as_the_same_tag(html in "([<>a!/=\"' 가&;#x\\-\r\n\0]|<a b='|</a|&amp;|<!--|-->|<script>|</script>){0,40}") {
            let mut last = 0;
            for tag in tags(&html) {
                prop_assert!(tag.at.start >= last && tag.at.end > tag.at.start);
                last = tag.at.end;
                let alone = &html[tag.at.clone()];
                let again = &tags(alone)[0];
                prop_assert_eq!(&again.at, &(0..alone.len()));
                prop_assert_eq!((&again.name, &again.attributes), (&tag.name, &tag.attributes));
            }
        }
    }
}
