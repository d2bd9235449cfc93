//! Reads literal values from a Python file: texts, numbers, lists, tuples, dictionaries. No Python is run; any other value
//! is reported as computed.

use crate::archive::front_matter::Value;

/// The value of a name in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assignment {
    /// Its line, from 1.
    pub(super) line: usize,
    /// The value; `None` if it has to be computed.
    pub(super) value: Option<Value>,
}

/// The limit for nesting.
const MAX_DEPTH: usize = 16;

/// The final value of `name`; `None` if the file does not mention it. A value that is conditional, extended or copied from
/// elsewhere counts as computed.
pub(super) fn value_of(text: &str, name: &str) -> Option<Assignment> {
    let mut assignment = None;
    let mut at = 0;
    // The end of the last assigned value: lines before it are part of that value.
    let mut until = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        if start < until || !mentions(line, name) {
            continue;
        }
        let value = assigned(line, name).map(|offset| Reader { rest: &text[start + offset..] }).and_then(
            |mut reader| {
                let value = reader.value(0)?;
                until = text.len() - reader.rest.len();
                reader.ends().then_some(value)
            },
        );
        assignment = Some(Assignment { line: number + 1, value });
    }
    assignment
}

/// Whether the line contains it as a whole word outside a comment.
fn mentions(line: &str, name: &str) -> bool {
    let code = line.split('#').next().unwrap_or_default();
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + name.len()..].starts_with(is_word))
}

/// The start of the value in an unindented `NAME = value` or `NAME: type = value`.
fn assigned(line: &str, name: &str) -> Option<usize> {
    let rest = line.strip_prefix(name)?;
    let sign = rest.find('=')?;
    let between = rest[..sign].trim();
    let is_plain = between.is_empty() || between.starts_with(':') && !between.contains(['(', '{']);
    (is_plain && !rest[sign + 1..].starts_with('=')).then_some(name.len() + sign + 1)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    /// Skips blanks and comments, and inside brackets also line ends.
    fn skip(&mut self, depth: usize) {
        loop {
            let blank: &[char] = if depth > 0 { &[' ', '\t', '\r', '\n'] } else { &[' ', '\t', '\r'] };
            self.rest = self.rest.trim_start_matches(blank).trim_start_matches("\\\n");
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
            if depth == 0 {
                return;
            }
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Whether the statement ends here.
    fn ends(&mut self) -> bool {
        self.skip(0);
        self.rest.is_empty() || self.rest.starts_with(['\n', ';'])
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip(depth);
        let value = if self.eat("(") || self.eat("[") {
            self.list(depth + 1)?
        } else if self.eat("dict(") {
            self.pairs(depth + 1, ")", "=")?
        } else if self.eat("{") {
            self.pairs(depth + 1, "}", ":")?
        } else {
            self.single(depth)?
        };
        self.skip(depth);
        Some(value)
    }

    /// A list or a tuple; `('a')` is a text in parentheses.
    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        let mut is_list = false;
        loop {
            self.skip(depth);
            if self.eat("]") {
                return Some(Value::List(items));
            }
            if self.eat(")") {
                return if is_list || items.len() != 1 { Some(Value::List(items)) } else { items.pop() };
            }
            items.push(self.value(depth)?);
            if self.eat(",") {
                is_list = true;
            } else if !self.rest.starts_with([']', ')']) {
                return None;
            }
        }
    }

    fn pairs(&mut self, depth: usize, end: &str, sign: &str) -> Option<Value> {
        let mut pairs = Vec::new();
        loop {
            self.skip(depth);
            if self.eat(end) {
                return Some(Value::Table(pairs));
            }
            let key = if sign == "=" { self.word() } else { text_of(self.value(depth)?) }?;
            self.skip(depth);
            if !self.eat(sign) {
                return None;
            }
            pairs.push((key, self.value(depth)?));
            if !self.eat(",") && !self.rest.starts_with(end) {
                return None;
            }
        }
    }

    fn word(&mut self) -> Option<String> {
        let is_word = |char: char| char.is_alphanumeric() || char == '_';
        let length = self.rest.find(|char| !is_word(char)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// A text, a number, a boolean or `None`.
    fn single(&mut self, depth: usize) -> Option<Value> {
        if let Some(mut text) = self.text().ok()? {
            // Adjacent texts are concatenated.
            loop {
                self.skip(depth);
                match self.text().ok()? {
                    Some(more) => text.push_str(&more),
                    None => return Some(Value::Text(text)),
                }
            }
        }
        let sign = if self.eat("-") { "-" } else { "" };
        Some(match self.word()?.as_str() {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Nothing,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Value::Number(format!("{sign}{number}"))
            }
            _ => return None,
        })
    }

    /// The text that begins here, if one does; an error if it is not a plain literal.
    fn text(&mut self) -> Result<Option<String>, ()> {
        let start = self.rest.find(['"', '\'']).filter(|at| *at <= 2);
        let Some(start) = start else { return Ok(None) };
        let prefix = self.rest[..start].to_ascii_lowercase();
        if !prefix.chars().all(|char| char.is_ascii_alphabetic()) {
            return Ok(None);
        }
        let is_raw = match prefix.as_str() {
            "" | "u" => false,
            "r" => true,
            _ => return Err(()),
        };
        self.rest = &self.rest[start..];
        self.quoted(is_raw).map(Some).ok_or(())
    }

    fn quoted(&mut self, is_raw: bool) -> Option<String> {
        let mark = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|mark| self.rest.starts_with(mark))?;
        self.rest = &self.rest[mark.len()..];
        let mut text = String::new();
        loop {
            if self.eat(mark) {
                return Some(text);
            }
            let mut chars = self.rest.chars();
            match chars.next()? {
                '\n' if mark.len() == 1 => return None,
                '\\' if !is_raw => match chars.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    '\n' => {}
                    char @ ('\\' | '\'' | '"') => text.push(char),
                    char if char.is_ascii_alphanumeric() => return None,
                    char => text.extend(['\\', char]),
                },
                '\\' => text.extend(['\\', chars.next()?]),
                char => text.push(char),
            }
            self.rest = chars.as_str();
        }
    }
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Option<Value> {
        value_of(text, "NAME").unwrap().value
    }

    fn status(status: &str) -> Value {
        Value::Table(vec![("status".to_owned(), Value::Text(status.to_owned()))])
    }

    #[test]
    fn a_value_may_span_lines_and_the_last_assignment_wins() {
        for text in [
            "NAME = {'status': 'draft'}\n",
            "NAME={\n    # why\n    \"status\" : 'dr' \"aft\",  # a comment\n}\n",
            "NAME = dict(status='draft')",
            "NAME: dict[str, str] = {'status': u'draft'}  # yes\n",
            "NAME = {'status': 'published'}\nNAME = {'status': 'draft'}\n",
        ] {
            assert_eq!(value(text), Some(status("draft")), "{text}");
        }
        let pair = Value::List(vec![Value::Text("status".to_owned()), Value::Text("draft".to_owned())]);
        assert_eq!(value("NAME = (('status', 'draft'),)"), Some(Value::List(vec![pair])));
        assert_eq!(value("NAME = r'(\\d+)\\.md'"), Some(Value::Text("(\\d+)\\.md".to_owned())));
        assert_eq!(value("NAME = ('a')"), Some(Value::Text("a".to_owned())));
        assert_eq!(value("NAME = (2012, -3, None)").map(|value| matches!(value, Value::List(_))), Some(true));
    }

    #[test]
    fn computed_values_are_reported_with_their_line() {
        for text in [
            "import os\nNAME = os.environ['X']\n",
            "X = 1\nNAME = {'status': X}\n",
            "NAME = {'status': 'a'}\nNAME['status'] = 'draft'\n",
            "NAME = {}\nNAME.update(status='draft')\n",
            "if True:\n    NAME = {'status': 'draft'}\n",
            "X = 1\nNAME = {'status': f'draft'}\n",
            "X = 1\nNAME = {'status': 'draft'} if X else {}\n",
            "X = 1\nNAME = {'status': 'draft'\n",
        ] {
            assert_eq!(value_of(text, "NAME"), Some(Assignment { line: 2, value: None }), "{text}");
        }
        for text in ["", "# NAME = 1\n", "OTHER_NAME = 1\nNAMES = 2\n"] {
            assert_eq!(value_of(text, "NAME"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(NAME ?= ?|[-'\"\\\\#u\n가:{}()\\[\\],1]| |dict|True){0,30}") {
            let _ = value_of(&text, "NAME");
        }
    }
}
