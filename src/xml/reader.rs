//! The bounded pull parser below both layers: tokens with their lines, resolved namespaces, and all limits.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesRef, BytesStart, Event};

use super::references::{self, allowed};
use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NAMESPACES, XmlError};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// How much the parser forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Anything that is not well-formed is an error.
    Strict,
    /// A lone `&`, HTML's references, undeclared prefixes and unquoted attributes are accepted.
    Lenient,
}

/// A part of a document.
#[derive(Debug)]
pub(super) enum Token<'b, N> {
    /// The start of an element. Each one ends with [`Token::End`], also an empty one.
    Start(Tag<N>),
    End,
    Text(Cow<'b, str>),
    CData(Cow<'b, str>),
    /// The text of a reference, and whether it was written as `&#x26;`.
    Reference(Cow<'static, str>, bool),
    /// In the strict mode, a reference that only the DTD may define.
    Undeclared(String),
    /// The version in the XML declaration.
    Declaration(String),
    Doctype(Cow<'b, str>),
    /// A comment or a processing instruction.
    Other,
    Eof,
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Tag<N> {
    /// `None` if the prefix is not declared.
    pub(super) namespace: Option<N>,
    pub(super) prefix: String,
    pub(super) name: String,
    /// In document order with the names as written, including declarations of namespaces.
    pub(super) attributes: Vec<(String, String)>,
}

/// Reads tokens. `N` is the caller's name for a namespace.
pub(super) struct Reader<R, N> {
    events: quick_xml::Reader<BoundedReader<R>>,
    buffer: Vec<u8>,
    max_event: usize,
    state: State<N>,
}

struct State<N> {
    mode: Mode,
    naming: fn(&str) -> N,
    /// The prefixes in scope, the innermost last.
    scope: Vec<(String, N)>,
    /// The length of `scope` before each open element.
    marks: Vec<usize>,
    /// The line on which the last token begins.
    line: usize,
    has_begun: bool,
    has_root: bool,
    has_doctype: bool,
}

impl<R: BufRead, N: Copy> Reader<R, N> {
    /// A token longer than `max_event` bytes is an error.
    pub(super) fn new(input: R, mode: Mode, max_event: usize, naming: fn(&str) -> N) -> Self {
        let mut events = quick_xml::Reader::from_reader(BoundedReader { input, left: max_event, lines: 1 });
        let config = events.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = mode == Mode::Lenient;
        let state = State {
            mode,
            naming,
            scope: vec![("xml".to_owned(), naming(XML_NAMESPACE))],
            marks: Vec::new(),
            line: 1,
            has_begun: false,
            has_root: false,
            has_doctype: false,
        };
        Self { events, buffer: Vec::new(), max_event, state }
    }

    /// The line on which the last token begins, from 1.
    pub(super) fn line(&self) -> usize {
        self.state.line
    }

    /// The current line.
    pub(super) fn reached(&self) -> usize {
        self.events.get_ref().lines
    }

    /// The namespace of a prefix here; an attribute without a prefix has none.
    pub(super) fn namespace(&self, prefix: &str) -> Option<N> {
        self.state.namespace(prefix)
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token<'_, N>, XmlError> {
        self.buffer.clear();
        let input = self.events.get_mut();
        input.left = self.max_event;
        self.state.line = input.lines;
        let event = self.events.read_event_into(&mut self.buffer).map_err(from_quick_xml)?;
        self.state.token(event)
    }
}

impl<N: Copy> State<N> {
    fn is_strict(&self) -> bool {
        self.mode == Mode::Strict
    }

    fn token<'b>(&mut self, event: Event<'b>) -> Result<Token<'b, N>, XmlError> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        Ok(match event {
            // Empty elements are expanded, so only their start is seen.
            Event::Start(start) | Event::Empty(start) => Token::Start(self.start(&start)?),
            Event::End(_) => {
                let mark = self.marks.pop().ok_or_else(|| XmlError::malformed("an end tag too many"))?;
                self.scope.truncate(mark);
                Token::End
            }
            Event::Text(text) => {
                let text = utf8_of(text.into_inner())?;
                if self.is_strict() && text.contains("]]>") {
                    return Err(XmlError::malformed("`]]>` outside a CDATA section"));
                }
                self.characters(&text)?;
                Token::Text(text)
            }
            Event::CData(text) => {
                let text = utf8_of(text.into_inner())?;
                self.characters(&text)?;
                Token::CData(text)
            }
            Event::GeneralRef(reference) => self.reference(&reference)?,
            Event::Decl(declaration) => {
                if self.is_strict() && !is_first {
                    return Err(XmlError::malformed("there is content before the XML declaration"));
                }
                let version = match declaration.version() {
                    Err(error) if self.is_strict() => return Err(from_quick_xml(error)),
                    version => version.unwrap_or_default(),
                };
                Token::Declaration(String::from_utf8_lossy(&version).into_owned())
            }
            Event::DocType(declared) => self.doctype(utf8_of(declared.into_inner())?)?,
            Event::Comment(_) | Event::PI(_) => Token::Other,
            Event::Eof if !self.marks.is_empty() || (self.is_strict() && !self.has_root) => {
                return Err(XmlError::malformed("it ends too early"));
            }
            Event::Eof => Token::Eof,
        })
    }

    fn characters(&self, text: &str) -> Result<(), XmlError> {
        if !self.is_strict() {
            return Ok(());
        }
        if self.marks.is_empty() && !text.trim().is_empty() {
            return Err(XmlError::malformed("text outside the root element"));
        }
        allowed(text)
    }

    fn doctype<'b>(&mut self, declared: Cow<'b, str>) -> Result<Token<'b, N>, XmlError> {
        if !self.is_strict() {
            return if declared.contains('[') { Err(XmlError::Dtd) } else { Ok(Token::Doctype(declared)) };
        }
        if self.has_root || std::mem::replace(&mut self.has_doctype, true) {
            return Err(XmlError::malformed("a DOCTYPE must be before the root element, and only once"));
        }
        Ok(Token::Doctype(declared))
    }

    fn reference<'b>(&self, reference: &BytesRef<'_>) -> Result<Token<'b, N>, XmlError> {
        let name = utf8(reference)?;
        if !self.is_strict() {
            let text = references::lenient(name).unwrap_or_else(|| format!("&{name};"));
            return Ok(Token::Reference(Cow::Owned(text), false));
        }
        if self.marks.is_empty() {
            return Err(XmlError::malformed("a reference outside the root element"));
        }
        match references::strict(name)? {
            Some(text) => Ok(Token::Reference(text, name.starts_with("#x"))),
            None if self.has_doctype => Ok(Token::Undeclared(name.to_owned())),
            None => Err(XmlError::Entity(format!("the entity &{name}; is not declared"))),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Tag<N>, XmlError> {
        if self.is_strict() && self.has_root && self.marks.is_empty() {
            return Err(XmlError::malformed("a second root element"));
        }
        if self.marks.len() == MAX_DEPTH {
            return Err(XmlError::Deep);
        }
        self.has_root = true;
        self.marks.push(self.scope.len());
        let attributes = self.attributes(start)?;
        let qualified = start.name();
        let (prefix, name) = split(utf8(qualified.as_ref())?);
        Ok(Tag {
            namespace: self.namespace(prefix),
            prefix: prefix.to_owned(),
            name: name.to_owned(),
            attributes,
        })
    }

    /// The attributes. Declared namespaces come into scope.
    fn attributes(&mut self, start: &BytesStart<'_>) -> Result<Vec<(String, String)>, XmlError> {
        let mut found = Vec::new();
        let mut attributes = if self.is_strict() { start.attributes() } else { start.html_attributes() };
        for attribute in attributes.with_checks(self.is_strict()) {
            let attribute = attribute.map_err(XmlError::malformed)?;
            if found.len() == MAX_ATTRIBUTES {
                if self.is_strict() {
                    return Err(XmlError::Many("attributes"));
                }
                break;
            }
            let key = utf8(attribute.key.as_ref())?;
            let value = self.value(utf8(&attribute.value)?)?;
            let declared = if key == "xmlns" { Some("") } else { key.strip_prefix("xmlns:") };
            if let Some(prefix) = declared {
                if self.scope.len() == MAX_NAMESPACES {
                    return Err(XmlError::Many("namespaces"));
                }
                self.scope.push((prefix.to_owned(), (self.naming)(&value)));
            }
            found.push((key.to_owned(), value));
        }
        Ok(found)
    }

    fn value(&self, raw: &str) -> Result<String, XmlError> {
        if !self.is_strict() {
            return Ok(references::with_references(raw));
        }
        if raw.contains('<') {
            return Err(XmlError::malformed("`<` in the value of an attribute"));
        }
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once('&') {
            let (name, behind) =
                after.split_once(';').ok_or_else(|| XmlError::Entity("a `&` without its `;`".to_owned()))?;
            value.push_str(before);
            match references::strict(name)? {
                Some(text) => value.push_str(&text),
                None if self.has_doctype => value.push(' '),
                None => return Err(XmlError::Entity(format!("the entity &{name}; is not declared"))),
            }
            rest = behind;
        }
        value.push_str(rest);
        allowed(&value)?;
        if value.contains(['\n', '\t', '\r']) {
            value = value.replace(['\n', '\t', '\r'], " ");
        }
        Ok(value)
    }

    fn namespace(&self, prefix: &str) -> Option<N> {
        let found = self.scope.iter().rev().find(|(known, _)| known == prefix).map(|(_, name)| *name);
        found.or_else(|| prefix.is_empty().then(|| (self.naming)("")))
    }
}

/// A qualified name as prefix and local name.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

fn utf8(bytes: &[u8]) -> Result<&str, XmlError> {
    std::str::from_utf8(bytes).map_err(XmlError::malformed)
}

fn utf8_of(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, XmlError> {
    match bytes {
        Cow::Borrowed(bytes) => utf8(bytes).map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(XmlError::malformed),
    }
}

fn from_quick_xml(error: quick_xml::Error) -> XmlError {
    match error {
        quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => XmlError::Long,
        quick_xml::Error::Io(error) => XmlError::Io(io::Error::new(error.kind(), error.to_string())),
        error => XmlError::malformed(error),
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
