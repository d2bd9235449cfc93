//! A paragraph as runs: pieces of text, each with all of its marks. Nested elements become flat, so that emphasis can
//! be opened and closed where Markdown allows it.

use super::escape;

/// The marks of a run, each once, even if the HTML nested it several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) marks: Vec<Mark>,
}

/// A mark of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Strong,
    Emphasis,
    Strike,
    /// The link with this number.
    Link(usize),
    /// An element that Markdown cannot express, such as `sup` or `kbd`.
    Raw(&'static str),
}

/// A piece of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) piece: Piece,
    pub(super) style: Style,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Code(String),
    /// Alternative text, address, title.
    Image(String, String, Option<String>),
    /// An address that is its own link text.
    Address(String),
    /// A reference to the note with this number.
    Note(usize),
    /// The link before it is a button.
    Button,
    Break,
    /// A paragraph break, until the paragraphs are split.
    Gap,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) address: String,
    pub(super) title: Option<String>,
}

impl Style {
    pub(super) fn with(&self, mark: Mark) -> Self {
        let mut marks = self.marks.clone();
        let is_link = |mark: &Mark| matches!(mark, Mark::Link(_));
        // HTML has no link inside a link.
        let is_second = is_link(&mark) && marks.iter().any(is_link);
        if !is_second && !marks.contains(&mark) {
            marks.push(mark);
        }
        Self { marks }
    }

    fn both(&self, other: &Self) -> Self {
        Self { marks: self.marks.iter().filter(|mark| other.marks.contains(mark)).copied().collect() }
    }
}

/// The runs of one line or paragraph: white space collapsed, moved out of marks, and removed at both ends.
pub(super) fn tidy(runs: Vec<Run>) -> Vec<Run> {
    let mut split: Vec<Run> = Vec::new();
    for run in runs {
        match &run.piece {
            Piece::Text(text) => split_spaces(text, &run.style, &mut split),
            _ => split.push(run),
        }
    }
    let mut tidy: Vec<Run> = Vec::new();
    let mut waiting: Option<Run> = None;
    for run in split {
        if is_space(&run) {
            let opens_a_line = tidy.last().is_none_or(|last| last.piece == Piece::Break);
            if !opens_a_line && waiting.is_none() {
                waiting = Some(run);
            }
            continue;
        }
        if let Some(mut space) = waiting.take()
            && run.piece != Piece::Break
            && let Some(last) = tidy.last()
        {
            space.style = last.style.both(&run.style);
            push(&mut tidy, space);
        }
        push(&mut tidy, run);
    }
    while tidy.last().is_some_and(|run| matches!(run.piece, Piece::Break)) {
        tidy.pop();
    }
    let breaks = tidy.iter().take_while(|run| run.piece == Piece::Break).count();
    tidy.drain(..breaks);
    tidy
}

fn push(runs: &mut Vec<Run>, run: Run) {
    // Two code spans side by side would be read as one between longer fences.
    match (runs.last_mut().map(|last| (&mut last.piece, &last.style)), &run.piece) {
        (Some((Piece::Text(before), style)), Piece::Text(text))
        | (Some((Piece::Code(before), style)), Piece::Code(text))
            if *style == run.style =>
        {
            before.push_str(text);
        }
        _ => runs.push(run),
    }
}

fn is_space(run: &Run) -> bool {
    matches!(&run.piece, Piece::Text(text) if text == " ")
}

/// Splits at the edges of white space. A no-break space stays inside its text, because the author wanted it there.
fn split_spaces(text: &str, style: &Style, out: &mut Vec<Run>) {
    let mut words = String::new();
    let run = |text: String| Run { piece: Piece::Text(text), style: style.clone() };
    let mut spaces = String::new();
    for c in text.chars() {
        if c.is_whitespace() {
            spaces.push(c);
            continue;
        }
        if !spaces.is_empty() {
            if spaces == "\u{A0}" && !words.is_empty() {
                words.push('\u{A0}');
            } else if words.is_empty() {
                out.push(run(" ".to_owned()));
            } else {
                words.push(' ');
            }
            spaces.clear();
        }
        words.push(c);
    }
    if !words.is_empty() {
        out.push(run(words));
    }
    if !spaces.is_empty() {
        out.push(run(" ".to_owned()));
    }
}

/// Whether the runs contain nothing visible.
pub(super) fn is_empty(runs: &[Run]) -> bool {
    !runs.iter().any(|run| match &run.piece {
        Piece::Text(text) => !text.trim().is_empty(),
        Piece::Code(text) => !text.is_empty(),
        Piece::Break | Piece::Gap | Piece::Button => false,
        Piece::Image(..) | Piece::Address(_) | Piece::Note(_) => true,
    })
}

/// The Markdown for an inline element, or for its start or end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(String),
    /// Opens the span with this number.
    Open(usize),
    Close(usize),
}

/// A range of runs under one mark.
struct Span {
    mark: Mark,
    /// Written as a tag, because a Markdown parser would not recognise stars here.
    tag: bool,
}

/// The context of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Paragraph,
    /// On one line: a heading.
    Line,
    /// On one line, in which `|` ends a cell.
    Cell,
}

/// Tidied runs as Markdown: lines, without an indent.
pub(super) fn write(runs: &[Run], links: &[Link], place: Place) -> String {
    let (tokens, mut spans) = tokens(runs, links, place);
    // A tag changes the neighbours of other delimiters, so the check is repeated; after the last round all of them
    // are tags.
    for round in 0..4 {
        let wrong = unrecognised(&tokens, &spans);
        if !wrong.contains(&true) {
            break;
        }
        for (span, wrong) in spans.iter_mut().zip(wrong) {
            span.tag |= round == 3 || wrong;
        }
    }
    let mut out = String::new();
    for token in &tokens {
        match token {
            Token::Literal(text) => out.push_str(text),
            Token::Open(at) => out.push_str(&delimiter(&spans[*at], true, links)),
            Token::Close(at) => out.push_str(&delimiter(&spans[*at], false, links)),
        }
    }
    out
}

fn delimiter(span: &Span, opens: bool, links: &[Link]) -> String {
    let tag = |name: &str| if opens { format!("<{name}>") } else { format!("</{name}>") };
    match (span.mark, span.tag) {
        (Mark::Strong, false) => "**".to_owned(),
        (Mark::Emphasis, false) => "*".to_owned(),
        (Mark::Strike, false) => "~~".to_owned(),
        (Mark::Strong, true) => tag("strong"),
        (Mark::Emphasis, true) => tag("em"),
        (Mark::Strike, true) => tag("del"),
        (Mark::Raw(name), _) => tag(name),
        (Mark::Link(_), _) if opens => "[".to_owned(),
        (Mark::Link(at), _) => links.get(at).map_or_else(|| "]".to_owned(), escape::destination),
    }
}

fn tokens(runs: &[Run], links: &[Link], place: Place) -> (Vec<Token>, Vec<Span>) {
    let mut tokens: Vec<Token> = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut line_start = place == Place::Paragraph;
    let mut skip_to = 0;
    for (at, run) in runs.iter().enumerate() {
        if at < skip_to {
            continue;
        }
        // A link whose text is its own address becomes `<address>`.
        let own = own_address(runs, at, links);
        let mut wanted = run.style.marks.clone();
        if own.is_some() {
            wanted.retain(|mark| !matches!(mark, Mark::Link(_)));
            skip_to = at + 1;
        }
        while let Some(&last) = open.last() {
            if open.iter().all(|span| wanted.contains(&spans[*span].mark)) {
                break;
            }
            tokens.push(Token::Close(last));
            open.pop();
        }
        let mut missing: Vec<Mark> =
            wanted.into_iter().filter(|mark| !open.iter().any(|span| spans[*span].mark == *mark)).collect();
        // The mark with the longest range opens first.
        missing.sort_by_key(|mark| std::cmp::Reverse(reach(runs, at, *mark)));
        for mark in missing {
            // An exclamation mark before a link would make it a picture.
            if let (Mark::Link(_), Some(Token::Literal(text))) = (mark, tokens.last_mut())
                && text.ends_with('!')
            {
                text.pop();
                text.push_str("\\!");
            }
            spans.push(Span { mark, tag: false });
            open.push(spans.len() - 1);
            tokens.push(Token::Open(spans.len() - 1));
        }
        let literal = match (&run.piece, own) {
            (_, Some(address)) => format!("<{address}>"),
            (Piece::Text(text), _) => {
                let in_link = run.style.marks.iter().any(|mark| matches!(mark, Mark::Link(_)));
                escape::text(text, line_start, in_link)
            }
            (Piece::Code(text), _) => escape::code(text, place == Place::Cell),
            (Piece::Image(alt, address, title), _) => {
                let link = Link { address: address.clone(), title: title.clone() };
                format!("![{}{}", escape::text(alt, false, true), escape::destination(&link))
            }
            (Piece::Address(address), _) => escape::address(address),
            (Piece::Note(number), _) => format!("[^{number}]"),
            (Piece::Button, _) => "{.button}".to_owned(),
            (Piece::Break | Piece::Gap, _) => match place {
                Place::Paragraph => "\\\n".to_owned(),
                Place::Line => " ".to_owned(),
                Place::Cell => "<br>".to_owned(),
            },
        };
        line_start = literal.ends_with('\n');
        tokens.push(Token::Literal(literal));
    }
    tokens.extend(open.into_iter().rev().map(Token::Close));
    (tokens, spans)
}

/// The address of the link at `at`, if the link has only this run, shows its own address and can be written as
/// `<…>`.
fn own_address<'r>(runs: &'r [Run], at: usize, links: &[Link]) -> Option<&'r str> {
    let link = |run: &Run| {
        run.style.marks.iter().find_map(|mark| match mark {
            Mark::Link(link) => Some(*link),
            _ => None,
        })
    };
    let run = runs.get(at)?;
    let own = link(run)?;
    let Piece::Text(text) = &run.piece else { return None };
    let alone = |other: Option<&Run>| other.is_none_or(|other| link(other) != Some(own));
    let target = links.get(own)?;
    let is_same = target.address == *text && target.title.is_none() && escape::can_stand_alone(text);
    let before = at.checked_sub(1).and_then(|before| runs.get(before));
    (is_same && alone(before) && alone(runs.get(at + 1))).then_some(text)
}

/// How many runs from `at` on have `mark`.
fn reach(runs: &[Run], at: usize, mark: Mark) -> usize {
    runs[at..].iter().take(1000).take_while(|run| run.style.marks.contains(&mark)).count()
}

/// For each span, whether a Markdown parser would not recognise its stars.
fn unrecognised(tokens: &[Token], spans: &[Span]) -> Vec<bool> {
    let is_stars =
        |at: usize| !spans[at].tag && matches!(spans[at].mark, Mark::Strong | Mark::Emphasis | Mark::Strike);
    let mut wrong = vec![false; spans.len()];
    for (place, token) in tokens.iter().enumerate() {
        let (at, opens) = match token {
            Token::Open(at) => (*at, true),
            Token::Close(at) => (*at, false),
            Token::Literal(_) => continue,
        };
        if !is_stars(at) {
            continue;
        }
        let before = edge(tokens[..place].iter().rev(), spans, opens, false);
        let after = edge(tokens[place + 1..].iter(), spans, opens, true);
        let recognised = match (before, after) {
            // If two touch, the second one becomes a tag.
            (_, Edge::Clash) if !opens => true,
            (Edge::Clash, _) | (_, Edge::Clash) => false,
            (Edge::Char(before), Edge::Char(after)) => {
                if opens {
                    flanks(after, before)
                } else {
                    flanks(before, after)
                }
            }
        };
        wrong[at] |= !recognised;
    }
    wrong
}

enum Edge {
    /// The character there in the Markdown; a space at the ends.
    Char(char),
    /// Closing stars beside opening stars.
    Clash,
}

/// What is on one side of a delimiter, beyond others of its kind.
fn edge<'t>(tokens: impl Iterator<Item = &'t Token>, spans: &[Span], opens: bool, after: bool) -> Edge {
    for token in tokens {
        let (at, same) = match token {
            Token::Literal(text) if text.is_empty() => continue,
            Token::Literal(text) => {
                let c = if after { text.chars().next() } else { text.chars().next_back() };
                return Edge::Char(c.unwrap_or(' '));
            }
            Token::Open(at) => (*at, opens),
            Token::Close(at) => (*at, !opens),
        };
        match (spans[at].mark, spans[at].tag) {
            (Mark::Link(_), _) => {
                let opener = matches!(token, Token::Open(_));
                return Edge::Char(if opener {
                    '['
                } else if after {
                    ']'
                } else {
                    ')'
                });
            }
            (Mark::Raw(_), _) | (_, true) => return Edge::Char(if after { '<' } else { '>' }),
            _ if same => {}
            _ => return Edge::Clash,
        }
    }
    Edge::Char(' ')
}

/// Whether a delimiter with `inner` on the side of its text and `outer` on the other is recognised (`CommonMark`,
/// "left-flanking" and "right-flanking"; with the amendment for CJK).
fn flanks(inner: char, outer: char) -> bool {
    !inner.is_whitespace()
        && (is_word(inner) || outer.is_whitespace() || outer.is_ascii_punctuation() || is_cjk(outer))
}

/// Neither white space nor punctuation under any definition.
fn is_word(c: char) -> bool {
    c.is_alphanumeric()
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}
