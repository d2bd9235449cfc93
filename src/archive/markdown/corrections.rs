//! comrak's options, and where it reads a text otherwise than its writer: `10~20명, 3~5만` struck out, a particle as the end
//! of a bare address. Such places are marked, and the text is parsed again: what follows an address is Markdown, too.

use std::borrow::Cow;

use comrak::nodes::{AstNode, NodeValue, Sourcepos};
use comrak::{Arena, Options};

use crate::archive::MarkdownDialect;

/// How often a text is parsed at most. The second time nearly always suffices.
const MAX_ATTEMPTS: usize = 4;

/// Ends a bare address; it is taken out of the tree.
const END: &str = "<!--\u{E000}-->";

fn options(dialect: MarkdownDialect) -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    // A single tilde strikes nothing: `clean_up` makes text of a pair.
    extension.subscript = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.description_lists = true;
    extension.alerts = true;
    extension.block_directive = true;
    extension.cjk_friendly_emphasis = true;
    options.parse.smart = dialect.smart_punctuation;
    options
}

/// What to put where in the text.
type Insertion = (usize, &'static str);

/// Parses `text`. One tilde is a tilde, and a bare address ends before the first character that is not ASCII.
pub(super) fn parse<'a>(arena: &'a Arena<'a>, text: &str, dialect: MarkdownDialect) -> &'a AstNode<'a> {
    let options = options(dialect);
    let mut text = Cow::Borrowed(text);
    let mut root = comrak::parse_document(arena, &text, &options);
    for _ in 1..MAX_ATTEMPTS {
        let survey = Survey::of(root, &Source::new(&text));
        if survey.insertions.is_empty() {
            if survey.is_tidy {
                return root;
            }
            break;
        }
        text = Cow::Owned(with(&text, survey.insertions));
        root = comrak::parse_document(arena, &text, &options);
    }
    clean_up(arena, root, &Source::new(&text));
    root
}

fn with(text: &str, mut insertions: Vec<Insertion>) -> String {
    insertions.sort_unstable();
    insertions.dedup();
    let mut out = String::with_capacity(text.len() + 16 * insertions.len());
    let mut from = 0;
    for (at, what) in insertions {
        out.push_str(&text[from..at]);
        out.push_str(what);
        from = at;
    }
    out.push_str(&text[from..]);
    out
}

/// A text and the beginnings of its lines.
struct Source<'t> {
    text: &'t str,
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    fn new(text: &'t str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1);
        Self { text, lines: std::iter::once(0).chain(ends).collect() }
    }

    /// The position of a place, if `what` is there. The parser counts wrongly in some tables.
    fn find(&self, (line, column): (usize, usize), what: &str) -> Option<usize> {
        let at = self.lines.get(line.checked_sub(1)?)? + column.checked_sub(1)?;
        self.text.get(at..)?.starts_with(what).then_some(at)
    }
}

fn start(place: Sourcepos) -> (usize, usize) {
    (place.start.line, place.start.column)
}

/// What one walk through a tree finds.
struct Survey {
    /// What to mark before the text is parsed again.
    insertions: Vec<Insertion>,
    /// Whether [`clean_up`] would change nothing.
    is_tidy: bool,
}

impl Survey {
    fn of<'a>(root: &'a AstNode<'a>, source: &Source<'_>) -> Self {
        let mut found = Self { insertions: Vec::new(), is_tidy: true };
        for node in root.descendants() {
            let data = node.data();
            match &data.value {
                NodeValue::Subscript => {
                    let place = data.sourcepos;
                    let end = (place.end.line, place.end.column);
                    if let (Some(open), Some(close)) = (source.find(start(place), "~"), source.find(end, "~"))
                    {
                        found.insertions.extend([(open, "\\"), (close, "\\")]);
                    }
                    found.is_tidy = false;
                }
                NodeValue::HtmlInline(html) if html == END => found.is_tidy = false,
                NodeValue::Link(_) => {
                    if let Some((at, address)) = bare_address(node, source) {
                        found.insertions.extend(end_of(&address).map(|end| (at + end, END)));
                        found.is_tidy &= !is_escaped(&address);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Whether the text of a bare address may have escapes or references of Markdown.
fn is_escaped(address: &str) -> bool {
    address.contains(['\\', '&'])
}

/// The text of a link that is written as its address alone, and its position.
fn bare_address<'a>(node: &'a AstNode<'a>, source: &Source<'_>) -> Option<(usize, String)> {
    let NodeValue::Link(link) = &node.data().value else { return None };
    let child = node.first_child()?;
    let NodeValue::Text(text) = &child.data().value else { return None };
    let is_address = link.url == *text || link.url.strip_prefix("http://") == Some(text);
    if !is_address {
        return None;
    }
    let at = source.find(start(node.data().sourcepos), text)?;
    Some((at, text.clone().into_owned()))
}

/// Where an address ends, if a character that is not ASCII is in it. A host in another script stays whole.
fn end_of(address: &str) -> Option<usize> {
    let end = address.find(|c: char| !c.is_ascii())?;
    let kept = &address[..end];
    let host = kept.split_once("://").map_or(kept, |(_, rest)| rest);
    let is_whole = host.contains(['/', '?', '#']) || host.trim_end_matches('.').contains('.');
    is_whole.then_some(end)
}

/// Makes text of tildes that could not be marked, undoes escapes in bare addresses, and takes the marks out.
fn clean_up<'a>(arena: &'a Arena<'a>, root: &'a AstNode<'a>, source: &Source<'_>) {
    let nodes: Vec<_> = root.descendants().collect();
    for node in nodes {
        let is_mark = matches!(&node.data().value, NodeValue::HtmlInline(html) if html == END);
        if is_mark {
            node.detach();
        } else if matches!(node.data().value, NodeValue::Subscript) {
            let tilde = || arena.alloc(NodeValue::Text("~".into()).into());
            node.insert_before(tilde());
            while let Some(child) = node.first_child() {
                node.insert_before(child);
            }
            node.insert_before(tilde());
            node.detach();
        } else if let Some((_, address)) = bare_address(node, source)
            && let Some(child) = node.first_child()
            && is_escaped(&address)
        {
            let address = unescaped(&address);
            if let NodeValue::Link(link) = &mut node.data_mut().value {
                link.url = unescaped(&link.url);
            }
            child.data_mut().value = NodeValue::Text(address.into());
        }
    }
}

/// `address` without the backslashes before punctuation, which hide it from Markdown, and without `&amp;`.
fn unescaped(address: &str) -> String {
    let address = address.replace("&amp;", "&");
    let mut out = String::with_capacity(address.len());
    let mut chars = address.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' || !chars.peek().is_some_and(char::is_ascii_punctuation) {
            out.push(c);
        } else {
            out.extend(chars.next());
        }
    }
    out
}
