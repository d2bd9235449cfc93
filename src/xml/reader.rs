//! What both readers have in common: from the events of quick-xml to tokens, with resolved namespaces, and all limits.

use std::borrow::Cow;
use std::io;

use quick_xml::events::{BytesRef, Event, attributes};

use super::references::{self, allowed};
use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NAMESPACES, XmlError};

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// How much the parser forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Anything that is not well-formed is an error. In a clean text, no character need be checked.
    Strict { is_clean: bool },
    /// A lone `&`, HTML's references, undeclared prefixes and unquoted attributes are accepted.
    Lenient,
}

/// A part of a document.
#[derive(Debug)]
pub(super) enum Token<'b, N> {
    /// The start of an element. Each one ends with [`Token::End`], also an empty one.
    Start(Tag<'b, N>),
    End,
    Text(Cow<'b, str>),
    CData(Cow<'b, str>),
    /// The text of a reference, perhaps with others and the text around them, and whether one was written as `&#x26;`.
    Reference(Cow<'b, str>, bool),
    /// In the strict mode, a reference that only the DTD may define.
    Undeclared(String),
    /// The version in the XML declaration.
    Declaration(String),
    Doctype(Cow<'b, str>),
    /// A comment or a processing instruction.
    Other,
    Eof,
}

/// Names as written and values.
type Attributes<'b> = Vec<(Cow<'b, str>, Cow<'b, str>)>;

/// A start tag.
#[derive(Debug)]
pub(super) struct Tag<'b, N> {
    /// `None` if the prefix is not declared.
    pub(super) namespace: Option<N>,
    pub(super) prefix: Cow<'b, str>,
    pub(super) name: Cow<'b, str>,
    /// In document order with the names as written, including declarations of namespaces.
    pub(super) attributes: Attributes<'b>,
}

impl<N> Tag<'_, N> {
    fn into_owned(self) -> Tag<'static, N> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let attributes = self.attributes.into_iter().map(|(key, value)| (owned(key), owned(value)));
        Tag {
            namespace: self.namespace,
            attributes: attributes.collect(),
            prefix: owned(self.prefix),
            name: owned(self.name),
        }
    }
}

/// What the tokens so far mean for the next one.
pub(super) struct State<N> {
    mode: Mode,
    naming: fn(&str) -> N,
    /// The prefixes in scope, the innermost last.
    scope: Vec<(String, N)>,
    /// The length of `scope` before each open element.
    marks: Vec<usize>,
    has_begun: bool,
    has_root: bool,
    has_doctype: bool,
}

impl<N: Copy> State<N> {
    /// `naming` translates the address of a namespace.
    pub(super) fn new(mode: Mode, naming: fn(&str) -> N) -> Self {
        Self {
            mode,
            naming,
            scope: vec![("xml".to_owned(), naming(XML_NAMESPACE))],
            marks: Vec::new(),
            has_begun: false,
            has_root: false,
            has_doctype: false,
        }
    }

    fn is_strict(&self) -> bool {
        matches!(self.mode, Mode::Strict { .. })
    }

    /// The token for an event.
    pub(super) fn token<'b>(&mut self, event: Event<'b>) -> Result<Token<'b, N>, XmlError> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        Ok(match event {
            // Empty elements are expanded, so only their start is seen.
            Event::Start(start) | Event::Empty(start) => {
                let attributes = if self.is_strict() { start.attributes() } else { start.html_attributes() };
                Token::Start(self.start(utf8(start.name().as_ref())?, attributes)?.into_owned())
            }
            Event::End(_) => {
                let mark = self.marks.pop().ok_or_else(|| XmlError::malformed("an end tag too many"))?;
                self.scope.truncate(mark);
                Token::End
            }
            Event::Text(text) => self.text(utf8_of(text.into_inner())?)?,
            Event::CData(text) => self.cdata(utf8_of(text.into_inner())?)?,
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

    /// The token for text outside a CDATA section.
    pub(super) fn text<'b>(&mut self, text: Cow<'b, str>) -> Result<Token<'b, N>, XmlError> {
        if self.is_strict() && text.contains("]]>") {
            return Err(XmlError::malformed("`]]>` outside a CDATA section"));
        }
        self.characters(&text)?;
        Ok(Token::Text(text))
    }

    /// The token for a CDATA section.
    pub(super) fn cdata<'b>(&mut self, text: Cow<'b, str>) -> Result<Token<'b, N>, XmlError> {
        self.characters(&text)?;
        Ok(Token::CData(text))
    }

    fn characters(&mut self, text: &str) -> Result<(), XmlError> {
        self.has_begun = true;
        if !self.is_strict() {
            return Ok(());
        }
        if self.marks.is_empty() && !text.trim().is_empty() {
            return Err(XmlError::malformed("text outside the root element"));
        }
        self.allowed(text)
    }

    /// Whether no text here can be wrong, except for its references and a `]]>`.
    pub(super) fn allows_any_text(&self) -> bool {
        matches!(self.mode, Mode::Strict { is_clean: true }) && !self.marks.is_empty()
    }

    fn allowed(&self, text: &str) -> Result<(), XmlError> {
        match self.mode {
            Mode::Strict { is_clean: false } => allowed(text),
            Mode::Strict { is_clean: true } | Mode::Lenient => Ok(()),
        }
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

    /// A start tag.
    pub(super) fn start<'b>(
        &mut self,
        name: &'b str,
        attributes: attributes::Attributes<'b>,
    ) -> Result<Tag<'b, N>, XmlError> {
        if self.is_strict() && self.has_root && self.marks.is_empty() {
            return Err(XmlError::malformed("a second root element"));
        }
        if self.marks.len() == MAX_DEPTH {
            return Err(XmlError::Deep);
        }
        (self.has_begun, self.has_root) = (true, true);
        self.marks.push(self.scope.len());
        let attributes = self.attributes(attributes)?;
        let (prefix, name) = split(name);
        Ok(Tag { namespace: self.namespace(prefix), prefix: prefix.into(), name: name.into(), attributes })
    }

    /// The attributes. Declared namespaces come into scope.
    fn attributes<'b>(
        &mut self,
        mut attributes: attributes::Attributes<'b>,
    ) -> Result<Attributes<'b>, XmlError> {
        let mut found = Vec::new();
        for attribute in attributes.with_checks(self.is_strict()) {
            let attribute = attribute.map_err(XmlError::malformed)?;
            if found.len() == MAX_ATTRIBUTES {
                if self.is_strict() {
                    return Err(XmlError::Many("attributes"));
                }
                break;
            }
            let key = utf8(attribute.key.into_inner())?;
            let value = self.value(utf8_of(attribute.value)?)?;
            let declared = if key == "xmlns" { Some("") } else { key.strip_prefix("xmlns:") };
            if let Some(prefix) = declared {
                if self.scope.len() == MAX_NAMESPACES {
                    return Err(XmlError::Many("namespaces"));
                }
                self.scope.push((prefix.to_owned(), (self.naming)(&value)));
            }
            found.push((key.into(), value));
        }
        Ok(found)
    }

    fn value<'b>(&self, raw: Cow<'b, str>) -> Result<Cow<'b, str>, XmlError> {
        if !self.is_strict() {
            return Ok(references::with_references(&raw).into());
        }
        if raw.contains('<') {
            return Err(XmlError::malformed("`<` in the value of an attribute"));
        }
        let mut value = if raw.contains('&') { self.resolved(&raw)?.into() } else { raw };
        self.allowed(&value)?;
        if value.contains(['\n', '\t', '\r']) {
            value = value.replace(['\n', '\t', '\r'], " ").into();
        }
        Ok(value)
    }

    /// The value of an attribute with its references resolved strictly.
    fn resolved(&self, raw: &str) -> Result<String, XmlError> {
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
        Ok(value)
    }

    /// The namespace of a prefix here.
    pub(super) fn namespace(&self, prefix: &str) -> Option<N> {
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

/// Our error for an error of quick-xml.
pub(super) fn from_quick_xml(error: quick_xml::Error) -> XmlError {
    match error {
        quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => XmlError::Long,
        quick_xml::Error::Io(error) => XmlError::Io(io::Error::new(error.kind(), error.to_string())),
        error => XmlError::malformed(error),
    }
}
