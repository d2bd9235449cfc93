//! YAML that cannot be read, in words for people who have never heard of it: what is wrong with the line, and the line as
//! it should be. Pure.

use crate::config::toml_slips::Slip;

/// The slip behind the parser's error on `line`, which may be a line or two below what is wrong.
pub(super) fn explain(text: &str, line: usize, said: &str) -> Slip {
    let lines: Vec<&str> = text.lines().collect();
    let at = line.clamp(1, lines.len().max(1));
    if said.contains("uplicate") {
        return duplicate(&lines, at);
    }
    // The line itself, then those above it, then any: one of them has the slip.
    let above = (1..=at).rev();
    let order = above.chain(at + 1..=lines.len());
    let found = order.filter_map(|number| {
        let (message, hint) = diagnose(lines.get(number - 1)?)?;
        Some(Slip::new(number, message, Some(hint)))
    });
    found.into_iter().next().unwrap_or_else(|| {
        let (message, hint) = match lines.get(at - 1).map(|content| content.trim_start()) {
            Some(content) if content.starts_with("- ") => {
                ("a list stands here, and keys with their values are needed", "write it like tags: [one, two]")
            }
            Some(content) if !content.contains(':') => {
                ("this line is not key: value", "write it like title: My post, or delete the line")
            }
            _ if said.contains("indent") => {
                ("this line is indented as no other is", "begin every key at the beginning of its line")
            }
            _ => ("the front matter cannot be read here", "put the value between quotes: title: \"My post\""),
        };
        Slip::new(at, message, Some(hint.to_owned()))
    })
}

fn duplicate(lines: &[&str], at: usize) -> Slip {
    let key = |line: &str| line.split(':').next().unwrap_or_default().trim_end().to_owned();
    let name = key(lines.get(at - 1).copied().unwrap_or_default());
    let first = lines.iter().take(at - 1).position(|line| key(line) == name);
    // The fence is a line of the file, and the first of these is its second.
    let other = first.map_or_else(String::new, |first| format!(" (the other is on line {})", first + 2));
    let message = format!("`{}` is given twice", name.trim());
    Slip::new(at, message, Some(format!("keep one of the two lines{other}")))
}

/// What is wrong with one line, and what to write.
fn diagnose(line: &str) -> Option<(String, String)> {
    let is_content = !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let content = line.trim_end();
    if !is_content {
        return None;
    }
    let say = |message: &str, corrected: &str| Some((message.to_owned(), format!("write {corrected}")));
    let indent = content.len() - content.trim_start().len();
    if content[..indent].contains('\t') {
        let message = "there is a tab at the beginning of the line, and only spaces may stand there";
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
            let message = "between --- lines a key is followed by a colon; = is for front matter between +++ lines";
            return say(message, &format!("{margin}{}: {}", key.trim_end(), value.trim_start()));
        }
    };
    if !value.is_empty() && !value.starts_with([' ', '\t']) {
        return say("a space is missing behind the colon", &format!("{margin}{key}: {value}"));
    }
    let value = value.trim();
    let (message, corrected) = wrong_value(value)?;
    say(message, &format!("{margin}{key}: {corrected}"))
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
}

/// What is wrong with a value, and the value as it should be.
fn wrong_value(value: &str) -> Option<(&'static str, String)> {
    let first = value.chars().next()?;
    if first == '"' || first == '\'' {
        return wrong_quotes(value, first);
    }
    if matches!(first, '[' | '{') {
        let (open, close) = (first, if first == '[' { ']' } else { '}' });
        if value.starts_with("{{") || value.starts_with("{%") {
            return Some(("a value that begins with { is taken for a table", quoted(value)));
        }
        let depth = value.matches(open).count().checked_sub(value.matches(close).count());
        return match depth {
            Some(0) if value.ends_with(close) => None,
            Some(0) => Some(("a value that begins with a bracket is taken for a list", quoted(value))),
            Some(_) => Some(("the bracket that begins the value is not closed", format!("{value}{close}"))),
            None => Some(("there is a closing bracket too many", quoted(value))),
        };
    }
    if value.contains(": ") || value.ends_with(':') {
        return Some(("a colon within a value needs quotation marks around the value", quoted(value)));
    }
    let has_meaning = "@`%&*!|>?,]}".contains(first) || (first == '-' && value.starts_with("- "));
    // `|` and `>` alone begin a text of several lines.
    let begins_block = matches!(first, '|' | '>') && value.len() <= 3;
    (has_meaning && !begins_block)
        .then(|| ("the first character of the value has a meaning of its own without quotation marks", quoted(value)))
}

fn wrong_quotes(value: &str, quote: char) -> Option<(&'static str, String)> {
    let inner = &value[1..];
    let Some(end) = closing(inner, quote) else {
        return Some(("the quotation mark is not closed", quoted(inner.trim_end_matches(['"', '\'']))));
    };
    let rest = inner[end + 1..].trim();
    if rest.is_empty() || rest.starts_with('#') {
        let is_strange = quote == '"' && inner[..end].contains('\\');
        return is_strange.then(|| ("\\ has a meaning of its own between \" and \"", quoted(&inner[..end])));
    }
    match inner.strip_suffix(quote) {
        Some(text) => Some(("a quotation mark within the value ends it", quoted(text))),
        None => Some(("there is something behind the closing quotation mark", quoted(value))),
    }
}

/// Where a text that began with `quote` ends.
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

/// The text as YAML has it.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
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
    fn every_slip_of_a_line_is_answered_with_the_line_as_it_should_be() {
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
            ("first: b", "keep one of the two lines (the other is on line 2)"),
        ] {
            let said = refusal(line);
            assert!(said.starts_with("a.md:3: error: ") && said.contains(corrected), "{line}: {said}");
            for jargon in ["mapping", "scalar", "expected", "token", "block", "document"] {
                assert!(!said.contains(jargon), "{line}: {said}");
            }
        }
    }
}
