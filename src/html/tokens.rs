//! The tags of an HTML text and their positions, so that a caller can change some and copy the rest byte for byte.
//!
//! html5ever's tokenizer does not report byte offsets. They follow from the length of the remaining input whenever
//! it emits a token.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::{Attribute, LocalName};

use super::feeder::Reading;
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

/// `html` without the attributes that [`read`] leaves out, for other parsers, which would spend much time on them.
pub(crate) fn without_excess(html: &str) -> Cow<'_, str> {
    let left_out = feed(html, false, &mut |_| ()).left_out;
    if left_out.is_empty() {
        return Cow::Borrowed(html);
    }
    let mut kept = String::with_capacity(html.len());
    let mut from = 0;
    for excess in left_out {
        kept.push_str(&html[from..excess.start]);
        from = excess.end;
    }
    kept.push_str(&html[from..]);
    Cow::Owned(kept)
}

impl Piece {
    fn into_tag(self) -> Option<Tag> {
        if let Self::Tag(tag) = self { Some(tag) } else { None }
    }
}

fn tokenize(html: &str, shown_only: bool, each: &mut dyn FnMut(Piece)) {
    let Some(open) = feed(html, shown_only, each).unclosed else { return };
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

/// What is known of a text after all its tokens.
struct Fed {
    /// The position of a start tag that is never closed.
    unclosed: Option<usize>,
    left_out: Vec<Range<usize>>,
}

fn feed(html: &str, shown_only: bool, each: &mut dyn FnMut(Piece)) -> Fed {
    let reading = Reading::new(html);
    let sink = Sink { reading: &reading, shown_only, hidden: RefCell::new(None), each: RefCell::new(each) };
    let options = TokenizerOpts { discard_bom: false, ..TokenizerOpts::default() };
    let tokenizer = Tokenizer::new(sink, options);
    let left_out = reading.feed(&tokenizer);
    let open = reading.open_tag().filter(|open| !html[open + 1..].starts_with('/'));
    let unclosed = open.filter(|_| !tokenizer.sink.is_hidden());
    tokenizer.end();
    Fed { unclosed, left_out }
}

struct Sink<'a> {
    reading: &'a Reading<'a>,
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
        self.reading.pass_text();
        if let Some(text) = text.filter(|_| !self.is_hidden()) {
            self.report(Piece::Text(text));
        }
    }

    /// The bytes of the token that has just been read up to its `>`.
    fn span(&self) -> Range<usize> {
        let Reading { html, last, .. } = self.reading;
        let (begin, end) = (last.get(), self.reading.position());
        last.set(end);
        begin + html[begin..end].find('<').unwrap_or(0)..end
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

    #[test]
    fn a_tag_keeps_its_first_256_attributes_wherever_it_begins() {
        let attributes: Vec<String> = (0..1_000).map(|at| format!(" a{at}='>'/b{at}=\"<p x>\"")).collect();
        let attributes = attributes.concat();
        for before in 0..600 {
            let html = format!("{}<p{attributes}>b</p>", "x".repeat(before));
            let tags = tags(&html);
            assert_eq!(tags.iter().map(Tag::name).collect::<Vec<_>>(), ["p", "p"]);
            assert_eq!((tags[0].attributes().count(), &tags[0].at), (256, &(before..html.len() - 5)));
            let bounded = without_excess(&html);
            assert!(
                bounded.ends_with("\"<p x>\" >b</p>") || bounded.ends_with("\"<p x>\">b</p>"),
                "{bounded}"
            );
            assert!(bounded.len() < 4_000);
        }
    }

    #[test]
    fn text_that_looks_like_a_long_tag_stays() {
        let words = "a b=c ".repeat(1_000);
        for html in
            [format!("<xmp></b {words}</xmp>"), format!("<!-- <a {words}-->"), format!("1 < a {words}")]
        {
            assert_eq!(without_excess(&html), html);
        }
    }

    proptest! {
        #[test]
        fn a_long_text_before_it_changes_no_tag(before in 0_usize..1_200, html in "([<>a!/=\"' 가&;#x\\-\r\n\0]|<a b='|</a|&amp;|<!--|-->|<script>|</script>){0,40}") {
            let shifted = format!("{}{html}", "x".repeat(before));
            let expected: Vec<Tag> = tags(&html)
                .into_iter()
                .map(|tag| Tag { at: tag.at.start + before..tag.at.end + before, ..tag })
                .collect();
            prop_assert_eq!(tags(&shifted), expected);
        }

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
