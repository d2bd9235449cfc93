//! The regular expressions that are common in `pelicanconf.py` and `hugo.toml`: characters, classes, named and unnamed
//! groups, choices, repetition, and both anchors. Anything else is rejected.

use std::collections::BTreeMap;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Regular {
    ways: Vec<Vec<Node>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    One(Class),
    Start,
    End,
    Group { name: Option<String>, ways: Vec<Vec<Node>> },
    Repeat(Box<Node>, Times),
}

/// How often a node repeats, and whether it is greedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    least: usize,
    most: usize,
    greedy: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    not: bool,
    ranges: Vec<(char, char)>,
}

/// The limit of steps for a match; usual expressions take some hundred.
const MAX_STEPS: usize = 200_000;
/// The limit for the length of a path: the recursion depth grows with each character.
const MAX_TEXT: usize = 400;
/// The limit for nested groups.
const MAX_DEPTH: usize = 20;

impl Regular {
    /// Parses an expression; `None` if it uses an unsupported feature.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.chars().collect(), at: 0, depth: 0 };
        let ways = parser.ways()?;
        (parser.at == parser.rest.len()).then_some(Self { ways })
    }

    /// The named groups of a match at the start of `text` (Python's `match`); `Err` if it takes too long.
    pub(super) fn match_start(&self, text: &str) -> Result<Option<BTreeMap<String, String>>, ()> {
        let text: Vec<char> = text.chars().collect();
        self.match_at(&text, 0)
    }

    /// Whether it matches anywhere in `text`; `Err` if it takes too long.
    pub(super) fn is_in(&self, text: &str) -> Result<bool, ()> {
        let text: Vec<char> = text.chars().collect();
        for start in 0..=text.len() {
            if self.match_at(&text, start)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn match_at(&self, text: &[char], start: usize) -> Result<Option<BTreeMap<String, String>>, ()> {
        if text.len() > MAX_TEXT {
            return Err(());
        }
        let mut run = Run { text, steps: 0, groups: Vec::new() };
        let found = self.ways.iter().any(|way| run.nodes(way, start, &mut |_, _| true));
        if run.steps > MAX_STEPS {
            return Err(());
        }
        let groups = run.groups.into_iter().map(|(name, from, to)| (name, text[from..to].iter().collect()));
        Ok(found.then(|| groups.collect()))
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_next = text.chars().enumerate().all(|(at, char)| self.rest.get(self.at + at) == Some(&char));
        if is_next {
            self.at += text.chars().count();
        }
        is_next
    }

    fn ways(&mut self) -> Option<Vec<Vec<Node>>> {
        let mut ways = vec![Vec::new()];
        while let Some(next) = self.peek() {
            match next {
                ')' => break,
                '|' => {
                    self.at += 1;
                    ways.push(Vec::new());
                }
                _ => {
                    let node = self.node()?;
                    ways.last_mut()?.push(node);
                }
            }
        }
        Some(ways)
    }

    fn node(&mut self) -> Option<Node> {
        let node = match self.next()? {
            '^' => return Some(Node::Start),
            '$' => return Some(Node::End),
            '(' => self.group()?,
            '[' => Node::One(self.class()?),
            '.' => Node::One(Class { not: true, ranges: vec![('\n', '\n')] }),
            '\\' => Node::One(self.escape()?),
            '*' | '+' | '?' => return None,
            char => Node::One(Class { not: false, ranges: vec![(char, char)] }),
        };
        let Some((least, most)) = self.count().ok()? else { return Some(node) };
        let greedy = !self.eat("?");
        // `a**` and `a+*` are invalid.
        if matches!(self.peek(), Some('*' | '+' | '?')) {
            return None;
        }
        Some(Node::Repeat(Box::new(node), Times { least, most, greedy }))
    }

    fn group(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let name = if self.eat("?P<") || self.eat("?<") {
            let start = self.at;
            while self.next()? != '>' {}
            let name: String = self.rest[start..self.at - 1].iter().collect();
            let is_name = !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || char == '_');
            Some(name).filter(|_| is_name)?.into()
        } else if self.eat("?:") {
            None
        } else if self.peek() == Some('?') {
            return None;
        } else {
            None
        };
        let ways = self.ways()?;
        self.depth -= 1;
        self.eat(")").then_some(Node::Group { name, ways })
    }

    /// The repetition after a node, if there is one.
    fn count(&mut self) -> Result<Option<(usize, usize)>, ()> {
        Ok(match self.peek() {
            Some('*') => Some((0, usize::MAX)),
            Some('+') => Some((1, usize::MAX)),
            Some('?') => Some((0, 1)),
            Some('{') => return self.braces().map(Some).ok_or(()),
            _ => return Ok(None),
        }
        .inspect(|_| self.at += 1))
    }

    fn braces(&mut self) -> Option<(usize, usize)> {
        self.next()?;
        let start = self.at;
        while self.next()? != '}' {}
        let inside: String = self.rest[start..self.at - 1].iter().collect();
        let number = |text: &str| text.parse().ok().filter(|number| *number <= 1000);
        Some(match inside.split_once(',') {
            None => (number(&inside)?, number(&inside)?),
            Some((least, "")) => (number(least)?, usize::MAX),
            Some((least, most)) => (number(least)?, number(most)?),
        })
    }

    fn class(&mut self) -> Option<Class> {
        let not = self.eat("^");
        let mut ranges = Vec::new();
        loop {
            let low = match self.next()? {
                ']' if !ranges.is_empty() => return Some(Class { not, ranges }),
                '\\' => {
                    let class = self.escape()?;
                    match class.ranges.as_slice() {
                        [(low, high)] if low == high && !class.not => *low,
                        _ if class.not => return None,
                        several => {
                            ranges.extend_from_slice(several);
                            continue;
                        }
                    }
                }
                char => char,
            };
            let is_range = self.peek() == Some('-') && self.rest.get(self.at + 1) != Some(&']');
            let high = if is_range {
                self.at += 1;
                self.next().filter(|char| *char != '\\')?
            } else {
                low
            };
            ranges.push((low, high));
        }
    }

    fn escape(&mut self) -> Option<Class> {
        let (not, ranges) = match self.next()? {
            'd' => (false, vec![('0', '9')]),
            'D' => (true, vec![('0', '9')]),
            // Letters of every script, as in Python.
            'w' => (false, vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'), ('\u{AA}', '\u{10FFFF}')]),
            's' => (false, vec![(' ', ' '), ('\t', '\r')]),
            'S' => (true, vec![(' ', ' '), ('\t', '\r')]),
            char if char.is_ascii_alphanumeric() => return None,
            char => (false, vec![(char, char)]),
        };
        Some(Class { not, ranges })
    }
}

/// A match in progress.
struct Run<'t> {
    text: &'t [char],
    steps: usize,
    groups: Vec<(String, usize, usize)>,
}

/// The continuation: what has to match after the current node.
type Then<'c, 't> = &'c mut dyn FnMut(&mut Run<'t>, usize) -> bool;

impl<'t> Run<'t> {
    fn nodes(&mut self, nodes: &[Node], at: usize, then: Then<'_, 't>) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        let Some((node, rest)) = nodes.split_first() else { return then(self, at) };
        self.node(node, at, &mut |run, at| run.nodes(rest, at, then))
    }

    fn node(&mut self, node: &Node, at: usize, then: Then<'_, 't>) -> bool {
        match node {
            Node::Start => at == 0 && then(self, at),
            Node::End => at == self.text.len() && then(self, at),
            Node::One(class) => {
                self.text.get(at).is_some_and(|char| class.contains(*char)) && then(self, at + 1)
            }
            Node::Group { name, ways } => ways.iter().any(|way| {
                self.nodes(way, at, &mut |run, end| {
                    let known = run.groups.len();
                    run.groups.extend(name.clone().map(|name| (name, at, end)));
                    let is_whole = then(run, end);
                    if !is_whole {
                        run.groups.truncate(known);
                    }
                    is_whole
                })
            }),
            Node::Repeat(node, times) => self.repeat(node, *times, at, then),
        }
    }

    fn repeat(&mut self, node: &Node, times: Times, at: usize, then: Then<'_, 't>) -> bool {
        self.steps += 1;
        let Times { least, most, greedy } = times;
        if self.steps > MAX_STEPS || at > self.text.len() {
            return false;
        }
        if least == 0 && !greedy && then(self, at) {
            return true;
        }
        let less = if most == usize::MAX { most } else { most.saturating_sub(1) };
        let left = Times { least: least.saturating_sub(1), most: less, greedy };
        let again = most > 0
            && self.node(node, at, &mut |run, end| {
                // An empty match is not repeated endlessly.
                (end > at || least > 0) && run.repeat(node, left, end, then)
            });
        again || least == 0 && greedy && then(self, at)
    }
}

impl Class {
    fn contains(&self, char: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != self.not
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn groups(expression: &str, text: &str) -> Option<Vec<(String, String)>> {
        let found = Regular::parse(expression).unwrap().match_start(text).unwrap();
        found.map(|groups| groups.into_iter().collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn groups_match_as_in_python() {
        let date = r"(?P<date>\d{4}-\d{2}-\d{2}).*";
        assert_eq!(groups(date, "2024-05-01-a"), Some(pairs(&[("date", "2024-05-01")])));
        assert_eq!(groups(date, "a-2024-05-01"), None);
        assert_eq!(
            groups(
                r"(?P<date>\d{4}-\d{2}-\d{2})[-_](?P<slug>.+?)(\.(?P<lang>[a-z]{2}))?$",
                "2024-05-01-글.ko"
            ),
            Some(pairs(&[("date", "2024-05-01"), ("lang", "ko"), ("slug", "글")]))
        );
        assert_eq!(
            groups(r"(?P<status>drafts?|private)/(?P<category>[^/]+)/.*", "draft/it/a.md"),
            Some(pairs(&[("category", "it"), ("status", "draft")]))
        );
        assert_eq!(groups("(?:a|b)*c", "ababc"), Some(pairs(&[])));
    }

    #[test]
    fn a_search_matches_anywhere_in_the_text() {
        let is_in = |expression: &str, text| Regular::parse(expression).unwrap().is_in(text).unwrap();
        assert!(is_in(r"/wip/", "content/wip/a.md") && is_in(r"\.tmp\.md$", "a.tmp.md"));
        assert!(!is_in(r"\.tmp\.md$", "a.tmp.md.x") && !is_in("^wip", "a/wip"));
    }

    #[test]
    fn unsupported_expressions_are_rejected() {
        for expression in ["(?=a)", "(?!a)", r"\bword", "(a", "a)", "[a", "*a", "a**", r"(a)\1", "a{x}"] {
            assert_eq!(Regular::parse(expression), None, "{expression}");
        }
    }

    #[test]
    fn an_expression_that_takes_too_long_is_stopped() {
        assert_eq!(Regular::parse("(a+)+b").unwrap().match_start(&"a".repeat(60)), Err(()));
    }

    proptest! {
        #[test]
        fn no_expression_panics(expression in r"[a(|)*+?.\\\[\]{}1,dwP<>:$^-]{0,16}", text in "[a1/-]{0,12}") {
            if let Some(expression) = Regular::parse(&expression) {
                let _ = expression.match_start(&text);
            }
        }
    }
}
