//! XML that somebody else wrote, one record at a time: the children of the root, or of its channel, each as a small
//! tree. In memory is one record, however long the file is.
//!
//! No DTD is read and no entity is ever expanded: besides XML's five only the named characters of HTML, which feeds
//! have always used without declaring them. Nothing here knows what a feed is.

mod encoded;
mod node;

use std::io::{self, BufRead, BufReader, Read};

use html5ever::data::NAMED_ENTITIES;
use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};

pub(super) use encoded::Encoded;
pub(super) use node::{Child, Node};

/// Deeper elements are an attack; the markup inside a post comes escaped, or is as deep as people nest it.
const MAX_DEPTH: usize = 128;
/// One tag or one stretch of text.
const MAX_EVENT: usize = 16 << 20;
/// Text and attributes of one record.
const MAX_RECORD: usize = 32 << 20;
/// What a start tag may bear.
const MAX_ATTRIBUTES: usize = 64;

/// Elements that hold records and are none.
const CONTAINERS: [&str; 4] = ["rss", "rdf:RDF", "channel", "atom:feed"];

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmlError {
    /// A `<!DOCTYPE` that declares something.
    #[error("it declares entities or elements of its own (DTD), and nothing of that kind is read")]
    Dtd,
    /// Too deep.
    #[error("its elements are nested more than {MAX_DEPTH} deep")]
    Deep,
    /// A record beyond any use.
    #[error("one element is longer than {} MB", MAX_RECORD >> 20)]
    Long,
    /// Not XML.
    #[error("it is not well-formed XML: {0}")]
    Malformed(String),
    /// The file or the connection broke.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The records of a file.
pub(super) struct Records<R: Read> {
    events: NsReader<Metered<BufReader<Encoded<R>>>>,
    buffer: Vec<u8>,
    /// The container elements that are open.
    open: Vec<Node>,
    root: Option<String>,
    /// `xml:base` and `xml:lang` of the containers are their attributes; records find them here.
    pub(super) inherited: Inherited,
}

/// What the containers say for everything in them.
#[derive(Debug, Clone, Default)]
pub(super) struct Inherited {
    /// `xml:base`, as written.
    pub(super) base: Option<String>,
    /// `xml:lang`.
    pub(super) language: Option<String>,
}

impl<R: Read> Records<R> {
    /// Begins to read.
    pub(super) fn new(input: R) -> Result<Self, XmlError> {
        let input = BufReader::with_capacity(1 << 16, Encoded::new(input)?);
        let mut events = NsReader::from_reader(Metered { input, left: MAX_EVENT, lines: 1 });
        let config = events.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Ok(Self { events, buffer: Vec::new(), open: Vec::new(), root: None, inherited: Inherited::default() })
    }

    /// The line that has been reached, from 1.
    pub(super) fn line(&self) -> usize {
        self.events.get_ref().lines
    }

    /// The name of the root element, once it was seen.
    pub(super) fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Node>, XmlError> {
        // The elements of the record that are open, the outermost first.
        let mut stack: Vec<Node> = Vec::new();
        let mut size = 0;
        loop {
            self.buffer.clear();
            self.events.get_mut().left = MAX_EVENT;
            let event = self.events.read_event_into(&mut self.buffer).map_err(malformed)?;
            match event {
                // Empty elements are expanded, so only their start is seen.
                Event::Start(start) | Event::Empty(start) => {
                    let node = node(&start, &self.events)?;
                    size += node.size();
                    if stack.is_empty() && self.open.len() < 2 && CONTAINERS.contains(&node.name.as_str()) {
                        self.root.get_or_insert_with(|| node.name.clone());
                        self.inherited.take_from(&node);
                        self.open.push(node);
                        continue;
                    }
                    self.root.get_or_insert_with(|| node.name.clone());
                    if stack.len() + self.open.len() >= MAX_DEPTH {
                        return Err(XmlError::Deep);
                    }
                    stack.push(node);
                }
                Event::End(_) => match (stack.pop(), stack.last_mut()) {
                    (Some(node), Some(parent)) => parent.children.push(Child::Node(node)),
                    (Some(node), None) => return Ok(Some(node)),
                    (None, _) => drop(self.open.pop()),
                },
                Event::Text(text) => size += push(&mut stack, utf8(&text)?),
                Event::CData(text) => size += push(&mut stack, utf8(&text)?),
                Event::GeneralRef(reference) => size += push(&mut stack, &resolve(&reference)),
                Event::DocType(declared) if declared.contains(&b'[') => return Err(XmlError::Dtd),
                Event::DocType(_) | Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof if stack.is_empty() && self.open.is_empty() => return Ok(None),
                Event::Eof => return Err(XmlError::Malformed("it ends too early".to_owned())),
            }
            if size > MAX_RECORD {
                return Err(XmlError::Long);
            }
        }
    }
}

impl Inherited {
    fn take_from(&mut self, node: &Node) {
        self.base = node.attribute("xml:base").map(str::to_owned).or(self.base.take());
        self.language = node.attribute("xml:lang").map(str::to_owned).or(self.language.take());
    }
}

/// Adds text to the innermost element; what stands between records is nothing. The answer is what it weighs.
fn push(stack: &mut [Node], text: &str) -> usize {
    let Some(node) = stack.last_mut() else { return 0 };
    match node.children.last_mut() {
        Some(Child::Text(before)) => before.push_str(text),
        _ => node.children.push(Child::Text(text.to_owned())),
    }
    text.len() + size_of::<Child>()
}

fn node<R: BufRead>(start: &BytesStart<'_>, events: &NsReader<R>) -> Result<Node, XmlError> {
    let (space, local) = events.resolver().resolve_element(start.name());
    let local = utf8(local.as_ref())?;
    let name = match space {
        ResolveResult::Bound(space) => match prefix(&space) {
            "" => local.to_owned(),
            prefix => format!("{prefix}:{local}"),
        },
        ResolveResult::Unbound => local.to_owned(),
        // Feeds forget to declare what everybody knows.
        ResolveResult::Unknown(_) => utf8(start.name().as_ref())?.to_owned(),
    };
    let mut attributes = Vec::new();
    for attribute in start.html_attributes().with_checks(false).take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(|error| XmlError::Malformed(error.to_string()))?;
        let value = utf8(&attribute.value)?;
        attributes.push((utf8(attribute.key.as_ref())?.to_owned(), with_references(value)));
    }
    Ok(Node { name, attributes, children: Vec::new() })
}

/// The prefix under which a namespace is known here; "" for the vocabularies of RSS itself.
fn prefix(space: &Namespace<'_>) -> &'static str {
    match space.as_ref() {
        b"http://www.w3.org/2005/Atom" | b"http://purl.org/atom/ns#" => "atom",
        b"http://www.w3.org/1999/02/22-rdf-syntax-ns#" => "rdf",
        b"http://purl.org/dc/elements/1.1/" => "dc",
        b"http://purl.org/dc/terms/" => "dcterms",
        b"http://purl.org/rss/1.0/modules/content/" => "content",
        b"http://www.w3.org/1999/xhtml" => "xhtml",
        b"http://search.yahoo.com/mrss/" | b"http://search.yahoo.com/mrss" => "media",
        b"http://www.itunes.com/dtds/podcast-1.0.dtd" => "itunes",
        b"http://purl.org/atom/app#" | b"http://www.w3.org/2007/app" => "app",
        space if space.starts_with(b"http://schemas.google.com/blogger/") => "blogger",
        space if is_export(space) && space.ends_with(b"/excerpt/") => "excerpt",
        space if is_export(space) => "wp",
        space if RSS.iter().any(|known| space.starts_with(known)) => "",
        _ => "other",
    }
}

/// `WordPress`'s own, which some hosts write with `https`.
fn is_export(space: &[u8]) -> bool {
    [&b"http://wordpress.org/export/"[..], b"https://wordpress.org/export/"]
        .iter()
        .any(|known| space.starts_with(known))
}

/// Namespaces in which RSS elements were ever put: 1.0, 0.90, and the ones that 2.0 had for a few weeks.
const RSS: [&[u8]; 4] = [
    b"http://purl.org/rss/1.0/",
    b"http://my.netscape.com/rdf/simple/0.9/",
    b"http://channel.netscape.com/rdf/simple/0.9/",
    b"http://backend.userland.com/",
];

/// What a reference stands for; one that nobody knows stays as it was written.
fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return c.to_string();
    }
    let name = String::from_utf8_lossy(reference);
    named(&name).unwrap_or_else(|| format!("&{name};"))
}

/// The characters of a named reference of HTML.
fn named(name: &str) -> Option<String> {
    let &(first, second) = NAMED_ENTITIES.get(format!("{name};").as_str())?;
    let chars: String = [first, second].into_iter().filter(|c| *c != 0).filter_map(char::from_u32).collect();
    (!chars.is_empty()).then_some(chars)
}

/// Text with its references resolved, once.
pub(super) fn with_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(40).position(|byte| byte == b';');
        let resolved = end.and_then(|end| Some((reference(&rest[1..end])?, end)));
        let (text, length) = resolved.map_or_else(|| ("&".to_owned(), 1), |(text, end)| (text, end + 1));
        out.push_str(&text);
        rest = &rest[length..];
    }
    out + rest
}

fn reference(name: &str) -> Option<String> {
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => return named(name),
    };
    char::from_u32(code).filter(|c| *c != '\0').map(String::from)
}

fn utf8(bytes: &[u8]) -> Result<&str, XmlError> {
    std::str::from_utf8(bytes).map_err(|error| XmlError::Malformed(error.to_string()))
}

fn malformed(error: quick_xml::Error) -> XmlError {
    match error {
        quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => XmlError::Long,
        quick_xml::Error::Io(error) => XmlError::Io(io::Error::new(error.kind(), error.to_string())),
        error => XmlError::Malformed(error.to_string()),
    }
}

/// Ends an event that would fill the memory, and counts lines.
struct Metered<R> {
    input: R,
    /// What the event may still take.
    left: usize,
    lines: usize,
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // What is consumed is still in the buffer, so nothing is read here.
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

#[cfg(test)]
mod tests;
