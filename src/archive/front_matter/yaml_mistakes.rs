//! Explains YAML errors to people who do not know YAML: what is wrong with the line, and the corrected line. Pure.

use crate::config::toml_mistakes::Mistake;

/// The mistake behind the parser's error on `line`, which may be a line or two below the mistake.
pub(super) fn explain(text: &str, line: usize, error: &str) -> Mistake {
    let lines: Vec<&str> = text.lines().collect();
    let at = line.clamp(1, lines.len().max(1));
    if error.contains("uplicate") {
        return duplicate(&lines, at);
    }
    // Look at the line, then the lines above, then those below.
    let above = (1..=at).rev();
    let order = above.chain(at + 1..=lines.len());
    let found = order.filter_map(|number| {
        let (message, hint) = diagnose(lines.get(number - 1)?)?;
        Some(Mistake::new(number, message, Some(hint)))
    });
    found.into_iter().next().unwrap_or_else(|| {
        let content = lines.get(at - 1).copied().unwrap_or_default();
        if content.starts_with(' ') && content.contains(':') {
            let hint = format!("remove the spaces at the start of the line: {}", content.trim());
            return Mistake::new(at, "the indentation of this line does not match the others", Some(hint));
        }
        let (message, hint) = match lines.get(at - 1).map(|content| content.trim_start()) {
            Some(content) if content.starts_with("- ") => {
                ("this is a list, but keys with values are needed", "write it like tags: [one, two]")
            }
            Some(content) if !content.contains(':') => {
                ("this line is not `key: value`", "write it like title: My post, or delete the line")
            }
            _ => ("the front matter cannot be read here", "put the value in quotes: title: \"My post\""),
        };
        Mistake::new(at, message, Some(hint.to_owned()))
    })
}

fn duplicate(lines: &[&str], at: usize) -> Mistake {
    let key = |line: &str| line.split(':').next().unwrap_or_default().trim_end().to_owned();
    let name = key(lines.get(at - 1).copied().unwrap_or_default());
    let first = lines.iter().take(at - 1).position(|line| key(line) == name);
    // Line 1 of the file is the fence.
    let other = first.map_or_else(String::new, |first| format!(" (the other is on line {})", first + 2));
    let message = format!("`{}` is given twice", name.trim());
    Mistake::new(at, message, Some(format!("keep one of the two lines{other}")))
}

/// The mistake in one line, and what to write.
fn diagnose(line: &str) -> Option<(String, String)> {
    let is_content = !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let content = line.trim_end();
    if !is_content {
        return None;
    }
    let say = |message: &str, corrected: &str| Some((message.to_owned(), format!("write {corrected}")));
    let indent = content.len() - content.trim_start().len();
    if content[..indent].contains('\t') {
        let message = "the line begins with a tab; YAML allows only spaces there";
        return say(message, &format!("{}{}", content[..indent].replace('\t', "  "), content.trim_start()));
    }
    let (margin, content) = content.split_at(indent);
    if let Some((key, value)) = content.split_once('：').filter(|(key, _)| is_key(key)) {
        return say("： is a full-width colon", &format!("{margin}{key}: {}", value.trim_start()));
    }
    let (key, value) = match content.split_once(':') {
        Some((key, value)) if is_key(key) => (key, value),
        _ => {
            let (key, value) = content.split_once('=').filter(|(key, _)| is_key(key.trim_end()))?;
            let message = "between lines of ---, a key is followed by a colon; = is for front matter between lines of +++";
            return say(message, &format!("{margin}{}: {}", key.trim_end(), value.trim_start()));
        }
    };
    if !value.is_empty() && !value.starts_with([' ', '\t']) {
        return say("a space is missing after the colon", &format!("{margin}{key}: {value}"));
    }
    let value = value.trim();
    let (message, corrected) = wrong_value(value)?;
    say(message, &format!("{margin}{key}: {corrected}"))
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
}

/// The mistake in a value, and the corrected value.
fn wrong_value(value: &str) -> Option<(&'static str, String)> {
    let first = value.chars().next()?;
    if first == '"' || first == '\'' {
        return wrong_quotes(value, first);
    }
    if matches!(first, '[' | '{') {
        let (open, close) = (first, if first == '[' { ']' } else { '}' });
        if value.starts_with("{{") || value.starts_with("{%") {
            return Some(("a value that begins with { is read as a table", quoted(value)));
        }
        let depth = value.matches(open).count().checked_sub(value.matches(close).count());
        return match depth {
            Some(0) if value.ends_with(close) => None,
            Some(0) => Some(("a value that begins with a bracket is read as a list", quoted(value))),
            Some(_) => {
                Some(("the bracket at the start of the value is not closed", format!("{value}{close}")))
            }
            None => Some(("there is an extra closing bracket", quoted(value))),
        };
    }
    if value.contains(": ") || value.ends_with(':') {
        return Some(("a value that contains a colon must be in quotes", quoted(value)));
    }
    let has_meaning = "@`%&*!|>?,]}".contains(first) || (first == '-' && value.starts_with("- "));
    // `|` and `>` alone start a multi-line text.
    let begins_block = matches!(first, '|' | '>') && value.len() <= 3;
    (has_meaning && !begins_block).then(|| {
        ("the first character of the value has a special meaning in YAML unless it is quoted", quoted(value))
    })
}

fn wrong_quotes(value: &str, quote: char) -> Option<(&'static str, String)> {
    let inner = &value[1..];
    let Some(end) = closing(inner, quote) else {
        return Some(("the quotation mark is not closed", quoted(inner.trim_end_matches(['"', '\'']))));
    };
    let rest = inner[end + 1..].trim();
    if rest.is_empty() || rest.starts_with('#') {
        let is_strange = quote == '"' && inner[..end].contains('\\');
        return is_strange.then(|| ("\\ has a special meaning between \" and \"", quoted(&inner[..end])));
    }
    match inner.strip_suffix(quote) {
        Some(text) => Some(("a quotation mark inside the value ends it", quoted(text))),
        None => Some(("there is text after the closing quotation mark", quoted(value))),
    }
}

/// The end of a text that began with `quote`.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            _ if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// The text in YAML quotes.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

#[cfg(test)]
mod tests {
    use crate::archive::front_matter::split;

    fn refusal(line: &str) -> String {
        let text = format!("---\nfirst: a\n{line}\nlast: z\n---\nbody\n");
        match split(&text, "a.md") {
            Ok(parts) => panic!("{line} was understood: {:?}", parts.entries),
            Err(finding) => finding.to_string(),
        }
    }

    #[test]
    fn every_mistake_is_reported_with_the_corrected_line() {
        for (line, corrected) in [
            ("title: Foo: bar", "write title: \"Foo: bar\""),
            ("title: He said: \"no\"", "write title: 'He said: \"no\"'"),
            ("title: It's \"so\": no", "write title: 'It''s \"so\": no'"),
            ("title: \"Foo", "write title: \"Foo\""),
            ("title: 'Foo", "write title: \"Foo\""),
            ("title: \"Foo\" bar", "write title: '\"Foo\" bar'"),
            ("title: \"a \"b\" c\"", "write title: 'a \"b\" c'"),
            ("title: 'It's'", "write title: \"It's\""),
            ("title: \"C:\\mail\"", "write title: 'C:\\mail'"),
            ("title: [급] 안내", "write title: \"[급] 안내\""),
            ("tags: [a, b", "write tags: [a, b]"),
            ("title: {{ name }} x", "write title: \"{{ name }} x\""),
            ("title: @kim", "write title: \"@kim\""),
            ("title: *bold*", "write title: \"*bold*\""),
            ("title: %done", "write title: \"%done\""),
            ("title: `code`", "write title: \"`code`\""),
            ("\ttitle: a", "write   title: a"),
            ("title = a", "write title: a"),
            ("title:a", "write title: a"),
            ("title：a", "write title: a"),
            (" title: a", "remove the spaces at the start of the line: title: a"),
            ("first: b", "keep one of the two lines (the other is on line 2)"),
        ] {
            let error = refusal(line);
            assert!(error.starts_with("a.md:3: error: ") && error.contains(corrected), "{line}: {error}");
            for jargon in ["mapping", "scalar", "expected", "token", "block", "document"] {
                assert!(!error.contains(jargon), "{line}: {error}");
            }
        }
    }
}
