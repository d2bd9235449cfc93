//! Regular expressions as people write them into `pelicanconf.py` and `hugo.toml`: characters, classes, groups with and
//! without names, choices, repetition, both ends. What else there is is not understood, and said to be so.

use std::collections::BTreeMap;

/// An expression that was understood.
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
    Repeat { node: Box<Node>, least: usize, most: usize, greedy: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    not: bool,
    ranges: Vec<(char, char)>,
}

/// Steps after which an expression is given up: people's take some hundred.
const MAX_STEPS: usize = 200_000;
/// A path that is longer is given up too: each character is a call within a call.
const MAX_TEXT: usize = 400;
/// Groups within groups.
const MAX_DEPTH: usize = 20;

impl Regular {
    /// Reads an expression; `None` if it holds what is not understood here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.chars().collect(), at: 0, depth: 0 };
        let ways = parser.ways()?;
        (parser.at == parser.rest.len()).then_some(Self { ways })
    }

    /// The named groups of a match at the beginning of `text` (Python's `match`); `Err` if it takes too long.
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
        let Some((least, most)) = self.count()? else { return Some(node) };
        let greedy = !self.eat("?");
        // `a**` and `a+*` mean nothing.
        if matches!(self.peek(), Some('*' | '+' | '?')) {
            return None;
        }
        Some(Node::Repeat { node: Box::new(node), least, most, greedy })
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

    /// How often the node before is to stand; `Some(None)` if nothing is said of that.
    fn count(&mut self) -> Option<Option<(usize, usize)>> {
        if self.eat("*") {
            return Some(Some((0, usize::MAX)));
        }
        if self.eat("+") {
            return Some(Some((1, usize::MAX)));
        }
        if self.eat("?") {
            return Some(Some((0, 1)));
        }
        if !self.eat("{") {
            return Some(None);
        }
        let start = self.at;
        while self.next()? != '}' {}
        let inside: String = self.rest[start..self.at - 1].iter().collect();
        let number = |text: &str| text.parse().ok().filter(|number| *number <= 1000);
        Some(Some(match inside.split_once(',') {
            None => (number(&inside)?, number(&inside)?),
            Some((least, "")) => (number(least)?, usize::MAX),
            Some((least, most)) => (number(least)?, number(most)?),
        }))
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
            // Letters of every script, as Python has it.
            'w' => (false, vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'), ('\u{AA}', '\u{10FFFF}')]),
            's' => (false, vec![(' ', ' '), ('\t', '\r')]),
            'S' => (true, vec![(' ', ' '), ('\t', '\r')]),
            char if char.is_ascii_alphanumeric() => return None,
            char => (false, vec![(char, char)]),
        };
        Some(Class { not, ranges })
    }
}

/// A match that is being looked for.
struct Run<'t> {
    text: &'t [char],
    steps: usize,
    groups: Vec<(String, usize, usize)>,
}

/// What has to match behind what matches now.
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
                self.text.get(at).is_some_and(|char| class.holds(*char)) && then(self, at + 1)
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
            Node::Repeat { node, least, most, greedy } => {
                self.repeat(node, (*least, *most), *greedy, at, then)
            }
        }
    }

    fn repeat(
        &mut self,
        node: &Node,
        (least, most): (usize, usize),
        greedy: bool,
        at: usize,
        then: Then<'_, 't>,
    ) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS || at > self.text.len() {
            return false;
        }
        if least == 0 && !greedy && then(self, at) {
            return true;
        }
        let left = (least.saturating_sub(1), if most == usize::MAX { most } else { most.saturating_sub(1) });
        let again = most > 0
            && self.node(node, at, &mut |run, end| {
                // What is empty is not repeated for ever.
                (end > at || least > 0) && run.repeat(node, left, greedy, end, then)
            });
        again || least == 0 && greedy && then(self, at)
    }
}

impl Class {
    fn holds(&self, char: char) -> bool {
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

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn groups_are_what_python_finds() {
        let date = r"(?P<date>\d{4}-\d{2}-\d{2}).*";
        assert_eq!(groups(date, "2024-05-01-a"), pairs(&[("date", "2024-05-01")]));
        assert_eq!(groups(date, "a-2024-05-01"), None);
        assert_eq!(
            groups(r"(?P<date>\d{4}-\d{2}-\d{2})[-_](?P<slug>.+?)(\.(?P<lang>[a-z]{2}))?$", "2024-05-01-글.ko"),
            pairs(&[("date", "2024-05-01"), ("lang", "ko"), ("slug", "글")])
        );
        assert_eq!(
            groups(r"(?P<status>drafts?|private)/(?P<category>[^/]+)/.*", "draft/it/a.md"),
            pairs(&[("category", "it"), ("status", "draft")])
        );
        assert_eq!(groups("(?:a|b)*c", "ababc"), pairs(&[]));
    }

    #[test]
    fn what_is_found_anywhere_need_not_be_at_the_beginning() {
        let is_in = |expression: &str, text| Regular::parse(expression).unwrap().is_in(text).unwrap();
        assert!(is_in(r"/wip/", "content/wip/a.md") && is_in(r"\.tmp\.md$", "a.tmp.md"));
        assert!(!is_in(r"\.tmp\.md$", "a.tmp.md.x") && !is_in("^wip", "a/wip"));
    }

    #[test]
    fn what_is_not_understood_is_said_to_be_so() {
        for expression in ["(?=a)", "(?!a)", r"\bword", "(a", "a)", "[a", "*a", "a**", r"(a)\1", "a{x}"] {
            assert_eq!(Regular::parse(expression), None, "{expression}");
        }
    }

    #[test]
    fn an_expression_that_would_take_for_ever_is_given_up() {
        assert_eq!(Regular::parse("(a+)+b").unwrap().match_start(&"a".repeat(60)), Err(()));
    }

    proptest! {
        #[test]
        fn no_expression_breaks_the_matcher(expression in r"[a(|)*+?.\\\[\]{}1,dwP<>:$^-]{0,16}", text in "[a1/-]{0,12}") {
            if let Some(expression) = Regular::parse(&expression) {
                let _ = expression.match_start(&text);
            }
        }
    }
}
