//! File name patterns of the generators. Pure; the matching time is at most the product of the lengths of pattern and text.

/// The dialect of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) enum Style {
    /// `*` stops at a slash, `**` does not, `**/` also matches no folder; `{a,b}` is a choice (Ruby's `Dir.glob`).
    Folders,
    /// The same, but `**/` matches at least a slash (Hugo).
    Hugo,
    /// `*` and `?` match slashes too (`fnmatch` of Ruby and Python).
    Names,
    /// The same, with `{a,b}` (Zola).
    NamesWithChoices,
}

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct Glob {
    /// The pattern with its choices expanded: one of these has to match.
    ways: Vec<Vec<Token>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    Any {
        slash: bool,
    },
    Many {
        slash: bool,
    },
    /// `**/`: any folders, or none.
    Folders,
    OneOf {
        not: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A pattern with more choices than this is a mistake.
const MAX_WAYS: usize = 64;

impl Glob {
    /// Parses a pattern; `None` if it is invalid.
    pub(in crate::archive) fn parse(pattern: &str, style: Style) -> Option<Self> {
        let ways = if style == Style::Names { vec![pattern.to_owned()] } else { without_choices(pattern)? };
        Some(Self { ways: ways.iter().map(|way| tokens(way, style)).collect::<Option<_>>()? })
    }

    /// Whether the pattern matches the whole `text`.
    pub(in crate::archive) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.ways.iter().any(|way| matches(way, &text))
    }
}

/// Expands `a{b,c}d` to `abd` and `acd`; braces may be nested.
fn without_choices(pattern: &str) -> Option<Vec<String>> {
    let mut open = vec![pattern.to_owned()];
    let mut done = Vec::new();
    while let Some(next) = open.pop() {
        let Some((start, end)) = inner_braces(&next).ok()? else {
            done.push(next);
            continue;
        };
        for choice in next[start + 1..end].split(',') {
            open.push(format!("{}{choice}{}", &next[..start], &next[end + 1..]));
        }
        if open.len() + done.len() > MAX_WAYS {
            return None;
        }
    }
    Some(done)
}

/// The positions of an innermost pair of braces; an error if braces do not match.
fn inner_braces(pattern: &str) -> Result<Option<(usize, usize)>, ()> {
    let Some(end) = pattern.find('}') else {
        return if pattern.contains('{') { Err(()) } else { Ok(None) };
    };
    pattern[..end].rfind('{').map(|start| Some((start, end))).ok_or(())
}

fn tokens(pattern: &str, style: Style) -> Option<Vec<Token>> {
    let names = matches!(style, Style::Names | Style::NamesWithChoices);
    let mut tokens = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(char) = rest.next() {
        tokens.push(match char {
            '\\' => Token::Char(rest.next()?),
            '?' => Token::Any { slash: names },
            '*' => {
                let mut is_double = false;
                while rest.next_if_eq(&'*').is_some() {
                    is_double = true;
                }
                if is_double && style == Style::Folders && rest.next_if_eq(&'/').is_some() {
                    Token::Folders
                } else {
                    Token::Many { slash: names || is_double }
                }
            }
            '[' => one_of(&mut rest)?,
            char => Token::Char(char),
        });
    }
    Some(tokens)
}

fn one_of(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let not = rest.next_if(|char| matches!(char, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next()? {
            ']' if !ranges.is_empty() => return Some(Token::OneOf { not, ranges }),
            '\\' => rest.next()?,
            char => char,
        };
        let mut high = low;
        if rest.next_if_eq(&'-').is_some() {
            match rest.peek()? {
                // A dash at the end is a literal dash.
                ']' => ranges.push(('-', '-')),
                _ => high = rest.next()?,
            }
        }
        ranges.push((low, high));
    }
}

/// Computes, token by token, the positions of the text that a match can reach.
fn matches(tokens: &[Token], text: &[char]) -> bool {
    let mut at = vec![false; text.len() + 1];
    at[0] = true;
    for token in tokens {
        let mut next = vec![false; text.len() + 1];
        for start in (0..=text.len()).filter(|start| at[*start]) {
            match token {
                Token::Many { slash } => {
                    let end = if *slash { None } else { text[start..].iter().position(|char| *char == '/') };
                    let end = end.map_or(text.len(), |length| start + length);
                    next[start..=end].fill(true);
                }
                Token::Folders => {
                    next[start] |= start == 0 || text[start - 1] == '/';
                    let slashes = (start..text.len()).filter(|at| text[*at] == '/');
                    slashes.for_each(|at| next[at + 1] = true);
                }
                one => next[(start + 1).min(text.len())] |= text.get(start).is_some_and(|char| one.is(*char)),
            }
        }
        at = next;
    }
    at[text.len()]
}

impl Token {
    fn is(&self, char: char) -> bool {
        match self {
            Self::Char(own) => *own == char,
            Self::Any { slash } => *slash || char != '/',
            Self::OneOf { not, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *not
            }
            Self::Many { .. } | Self::Folders => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is(pattern: &str, style: Style, text: &str) -> bool {
        Glob::parse(pattern, style).unwrap().matches(text)
    }

    #[test]
    fn a_star_stops_at_a_slash_if_the_dialect_says_so() {
        for (pattern, style, yes, no) in [
            ("/a/*", Style::Hugo, "/a/b", "/a/b/c"),
            ("/a/**", Style::Hugo, "/a/b/c", "/a"),
            ("**/x*", Style::Hugo, "/deep/xx", "/x/y"),
            ("{/a/**,/b/**}", Style::Hugo, "/b/c", "/c/b"),
            ("/a/[ab]?", Style::Hugo, "/a/bc", "/a/cc"),
            ("/a/[!ab]", Style::Hugo, "/a/c", "/a/a"),
            ("a/**/x", Style::Folders, "a/x", "a/bx"),
            ("a/**/x", Style::Folders, "a/b/c/x", "a/b/c"),
            ("*/_posts/*.md", Style::Folders, "ko/_posts/a.md", "a/ko/_posts/a.md"),
            ("*-x.md", Style::Names, "a/b/c-x.md", "a/b/c-x.mdx"),
            ("a\\*", Style::Names, "a*", "ab"),
            ("{a}", Style::Names, "{a}", "a"),
            ("*.{md,html}", Style::NamesWithChoices, "/s/a.html", "/s/a.txt"),
        ] {
            assert!(is(pattern, style, yes), "{pattern} {yes}");
            assert!(!is(pattern, style, no), "{pattern} {no}");
        }
    }

    #[test]
    fn unclosed_patterns_are_invalid() {
        for pattern in ["[a", "{a,b", "a}", "a\\"] {
            assert_eq!(Glob::parse(pattern, Style::Hugo), None, "{pattern}");
        }
        assert_eq!(Glob::parse(&"{a,b}".repeat(7), Style::Hugo), None);
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[-a*?/\\[\\]{},!\\\\가]{0,30}", text in "[-a/가]{0,30}") {
            for style in [Style::Folders, Style::Hugo, Style::Names, Style::NamesWithChoices] {
                let _ = Glob::parse(&pattern, style).map(|glob| glob.matches(&text));
            }
        }

        #[test]
        fn a_plain_name_matches_only_itself(name in "[a-z/가]{1,12}", other in "[a-z/가]{1,12}") {
            prop_assert!(is(&name, Style::Hugo, &name));
            prop_assert_eq!(is(&name, Style::Folders, &other), name == other);
        }
    }
}
