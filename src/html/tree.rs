//! The tree of an HTML text, as a browser builds it. The nodes are in an arena, so dropping or walking a deep tree
//! needs no recursion.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, ExpandedName, LocalName, Namespace, QualName, local_name, ns};

use super::feeder::Reading;

/// A longer text is cut. A post has the same limit.
pub(crate) const MAX_BYTES: usize = 10_000_000;
/// Tags that are nested deeper are ignored, but their text stays.
const MAX_DEPTH: usize = 100;
/// Unclosed formatting is reopened in every paragraph, so a short text can become a large tree.
const MAX_NODES: usize = 1_000_000;

/// A parsed text.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The text was too long or had too many nodes, and its end is missing.
    pub(crate) cut: bool,
}

/// The index of a node in its tree.
pub(crate) type At = usize;

pub(crate) struct Node {
    pub(crate) parent: Option<At>,
    pub(crate) children: Vec<At>,
    pub(crate) data: Data,
    depth: usize,
}

pub(crate) enum Data {
    Element(Element),
    Text(String),
    Comment(String),
    /// The document, or a processing instruction.
    Nothing,
}

pub(crate) struct Element {
    /// In lower case; with a colon in front if it is in another namespace than HTML (SVG, MathML).
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

impl Tree {
    pub(crate) const ROOT: At = 0;

    pub(crate) fn children(&self, at: At) -> &[At] {
        self.nodes.get(at).map_or(&[], |node| &node.children)
    }

    pub(crate) fn data(&self, at: At) -> &Data {
        self.nodes.get(at).map_or(&Data::Nothing, |node| &node.data)
    }

    pub(crate) fn parent(&self, at: At) -> Option<At> {
        self.nodes.get(at)?.parent
    }

    pub(crate) fn element(&self, at: At) -> Option<&Element> {
        match self.data(at) {
            Data::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The name of an element; "" for any other node.
    pub(crate) fn name(&self, at: At) -> &str {
        self.element(at).map_or("", |element| &element.name)
    }

    pub(crate) fn attribute(&self, at: At, name: &str) -> Option<&str> {
        self.element(at)?.attribute(name)
    }

    /// Everything below `at`, in document order.
    pub(crate) fn below(&self, at: At) -> impl Iterator<Item = At> {
        let mut stack: Vec<At> = self.children(at).iter().rev().copied().collect();
        std::iter::from_fn(move || {
            let next = stack.pop()?;
            stack.extend(self.children(next).iter().rev());
            Some(next)
        })
    }

    /// The text below `at`, unchanged.
    pub(crate) fn text(&self, at: At) -> String {
        self.below(at)
            .filter_map(|at| match self.data(at) {
                Data::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Whether one of the classes of an element is `class`.
    pub(crate) fn has_class(&self, at: At, class: &str) -> bool {
        self.attribute(at, "class").is_some_and(|all| all.split_whitespace().any(|one| one == class))
    }
}

impl Element {
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Parses `html` as the content of a `body`.
pub(crate) fn parse(html: &str) -> Tree {
    let end = (0..=MAX_BYTES.min(html.len())).rev().find(|at| html.is_char_boundary(*at)).unwrap_or(0);
    let sink = Sink::default();
    let body = sink.create_element(
        QualName::new(None, ns!(html), local_name!("body")),
        Vec::new(),
        ElementFlags::default(),
    );
    // Without scripts, the content of `noscript` is elements.
    let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let builder = TreeBuilder::new_for_fragment(sink, body, None, options);
    let start = TokenizerOpts {
        initial_state: Some(builder.tokenizer_state_for_context_elem(false)),
        ..TokenizerOpts::default()
    };
    let reading = Reading::new(&html[..end]);
    let shallow = Shallow { reading: &reading, builder, cut: Cell::new(end < html.len()) };
    let tokenizer = Tokenizer::new(shallow, start);
    reading.feed(&tokenizer);
    tokenizer.end();
    let cut = tokenizer.sink.cut.get();
    Tree { nodes: tokenizer.sink.builder.sink.nodes.into_inner(), cut }
}

/// Filters the tokens for the tree builder, to bound its time and memory.
struct Shallow<'r> {
    reading: &'r Reading<'r>,
    builder: TreeBuilder<Handle, Sink>,
    cut: Cell<bool>,
}

impl TokenSink for Shallow<'_> {
    type Handle = Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        match &token {
            Token::TagToken(_) | Token::CommentToken(_) | Token::DoctypeToken(_) => {
                self.reading.pass_markup();
            }
            Token::CharacterTokens(_) | Token::NullCharacterToken => self.reading.pass_text(),
            Token::EOFToken | Token::ParseError(_) => {}
        }
        let sink = &self.builder.sink;
        if sink.nodes.borrow().len() > MAX_NODES && token != Token::EOFToken {
            self.cut.set(true);
            return TokenSinkResult::Continue;
        }
        if let Token::TagToken(tag) = &token
            && tag.kind == TagKind::StartTag
            && sink.depth.get() > MAX_DEPTH
        {
            return TokenSinkResult::Continue;
        }
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// A node as the tree builder sees it.
#[derive(Clone)]
struct Handle {
    at: At,
    name: Rc<QualName>,
}

struct Sink {
    nodes: RefCell<Vec<Node>>,
    /// The depth at which the next element is inserted.
    depth: Cell<usize>,
    document: Handle,
}

impl Default for Sink {
    fn default() -> Self {
        let name = QualName::new(None, Namespace::default(), LocalName::default());
        let document = Node { parent: None, children: Vec::new(), data: Data::Nothing, depth: 0 };
        Self {
            nodes: RefCell::new(vec![document]),
            depth: Cell::new(0),
            document: Handle { at: Tree::ROOT, name: Rc::new(name) },
        }
    }
}

impl Sink {
    fn add(&self, data: Data) -> At {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { parent: None, children: Vec::new(), data, depth: 0 });
        nodes.len() - 1
    }

    fn nameless(&self, data: Data) -> Handle {
        Handle { at: self.add(data), name: Rc::clone(&self.document.name) }
    }

    /// Inserts `child` among the children of `parent`, at `place`.
    fn insert(&self, parent: At, place: usize, child: NodeOrText<Handle>) {
        let before = self.nodes.borrow()[parent].children[..place].last().copied();
        let child = match child {
            NodeOrText::AppendNode(child) => child.at,
            NodeOrText::AppendText(text) => {
                if let Some(before) = before
                    && let Data::Text(there) = &mut self.nodes.borrow_mut()[before].data
                {
                    there.push_str(&text);
                    return;
                }
                self.add(Data::Text(text.to_string()))
            }
        };
        self.detach(child);
        let mut nodes = self.nodes.borrow_mut();
        let place = place.min(nodes[parent].children.len());
        nodes[parent].children.insert(place, child);
        let depth = nodes[parent].depth + 1;
        nodes[child].parent = Some(parent);
        nodes[child].depth = depth;
        let is_element = matches!(nodes[child].data, Data::Element(_));
        self.depth.set(if is_element { depth } else { depth - 1 });
    }

    fn detach(&self, child: At) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(parent) = nodes[child].parent.take() {
            let place = nodes[parent].children.iter().rposition(|at| *at == child);
            place.map(|place| nodes[parent].children.remove(place));
        }
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Self;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Self {
        self
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.document.clone()
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> Handle {
        let prefix = if name.ns == ns!(html) { "" } else { ":" };
        let element = Element {
            name: format!("{prefix}{}", name.local),
            attributes: attributes
                .into_iter()
                .map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string()))
                .collect(),
        };
        Handle { at: self.add(Data::Element(element)), name: Rc::new(name) }
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.nameless(Data::Comment(text.to_string()))
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        self.nameless(Data::Nothing)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        let place = self.nodes.borrow()[parent.at].children.len();
        self.insert(parent.at, place, child);
    }

    fn append_based_on_parent_node(&self, element: &Handle, before: &Handle, child: NodeOrText<Handle>) {
        let has_parent = self.nodes.borrow()[element.at].parent.is_some();
        if has_parent { self.append_before_sibling(element, child) } else { self.append(before, child) }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn pop(&self, node: &Handle) {
        self.depth.set(self.nodes.borrow()[node.at].depth.saturating_sub(1));
    }

    /// The contents of a template are stored here as its children, so they are dropped with it.
    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        one.at == other.at
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        // A node that moves forward among its own siblings changes their indexes, so it is removed first.
        if let NodeOrText::AppendNode(child) = &child {
            self.detach(child.at);
        }
        let place = {
            let nodes = self.nodes.borrow();
            nodes[sibling.at].parent.and_then(|parent| {
                Some((parent, nodes[parent].children.iter().rposition(|at| *at == sibling.at)?))
            })
        };
        if let Some((parent, place)) = place {
            self.insert(parent, place, child);
        }
    }

    fn add_attrs_if_missing(&self, _: &Handle, _: Vec<Attribute>) {}

    fn remove_from_parent(&self, target: &Handle) {
        self.detach(target.at);
    }

    fn reparent_children(&self, node: &Handle, parent: &Handle) {
        let mut nodes = self.nodes.borrow_mut();
        let moved = std::mem::take(&mut nodes[node.at].children);
        let depth = nodes[parent.at].depth + 1;
        for child in &moved {
            nodes[*child].parent = Some(parent.at);
            nodes[*child].depth = depth;
        }
        nodes[parent.at].children.extend(moved);
    }
}
