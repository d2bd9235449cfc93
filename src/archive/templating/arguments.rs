//! Parses the arguments of a tag: `src="a.png" alt='글' 300`, in the same way for Hugo, Zola, Liquid and Octopress.

/// Named and positional arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// In order.
    positional: Vec<String>,
    named: Vec<(String, String)>,
}

impl Arguments {
    /// Reads `name="…"`, `name=…`, `name: …`, `"…"` and bare words, separated by spaces or commas.
    pub(super) fn of(text: &str) -> Self {
        let mut arguments = Self::default();
        let text = text.trim();
        let text = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if rest.is_empty() {
                return arguments;
            }
            let (word, after) = value(rest);
            let was_quoted = rest.starts_with(['"', '\'', '`']);
            let behind = after.trim_start();
            let named = (!was_quoted && is_name(word)).then(|| behind.strip_prefix(['=', ':'])).flatten();
            if let Some(behind) = named {
                let (value, after) = value(behind.trim_start());
                arguments.named.push((word.to_ascii_lowercase(), value.to_owned()));
                rest = after;
            } else {
                arguments.positional.push(word.to_owned());
                rest = after;
            }
        }
    }

    /// The value of the first of `names` that is set.
    pub(super) fn named(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|name| self.named.iter().find(|(known, _)| known == name))
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The positional argument at `place`, from 0.
    pub(super) fn at(&self, place: usize) -> Option<&str> {
        self.positional.get(place).map(String::as_str)
    }

    /// All positional arguments.
    pub(super) fn positional(&self) -> &[String] {
        &self.positional
    }
}

/// The value at the start of `text`, without its quotes, and the rest; consumes at least one character.
fn value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'' | '`')) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        Some(first) => {
            let end = |c: char| c.is_whitespace() || ",=".contains(c);
            let from = first.len_utf8();
            let length = text[from..].find(end).map_or(text.len(), |length| from + length);
            // In `name: value` the colon is at the end of the word; in `https://…` it is not.
            let word = &text[..length];
            let word = word.strip_suffix(':').filter(|name| is_name(name)).unwrap_or(word);
            text.split_at(word.len())
        }
        None => ("", ""),
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arguments_are_read_however_they_are_written() {
        for text in [
            "src=\"a b.png\" alt='글' 300",
            "(src=\"a b.png\", alt=\"글\", 300)",
            "src: \"a b.png\" alt: '글' 300",
            "src=`a b.png` alt=글 300",
        ] {
            let arguments = Arguments::of(text);
            assert_eq!(arguments.named(&["link", "src"]), Some("a b.png"), "{text}");
            assert_eq!(arguments.named(&["alt"]), Some("글"), "{text}");
            assert_eq!(arguments.at(0), Some("300"), "{text}");
        }
        assert_eq!(Arguments::of("https://a.example/?v=1").at(0), Some("https://a.example/?v"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "[a=:,\"'`() 가\n]{0,40}") {
            let _ = Arguments::of(&text);
        }
    }
}
