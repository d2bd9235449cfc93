//! The literal texts of a configuration in JavaScript or TypeScript: `site: 'https://…'`, `title = "…"`, `input("src")`.
//! Nothing is run: a value that has to be computed is not found.

/// A text, a number, `true` or `false`, and the keys that lead to it.
pub type Literal = (Vec<String>, String);

/// All literals that have a key, in the order of the file.
pub fn literals(text: &str) -> Vec<Literal> {
    let mut reader = Reader { rest: text, path: Vec::new(), key: String::new(), found: Vec::new() };
    while reader.step() {}
    reader.found
}

/// The value of the first of `keys` that is there; `blog.path` is the key `path` in `blog`. Of several values, the least
/// nested is taken.
pub fn find(literals: &[Literal], keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| {
        let wanted: Vec<&str> = key.split('.').collect();
        let ends = |path: &[String]| {
            let names: Vec<&str> = path.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
            names.ends_with(&wanted)
        };
        let fitting = literals.iter().filter(|(path, _)| ends(path));
        fitting.min_by_key(|(path, _)| path.len()).map(|(_, value)| value.clone())
    })
}

struct Reader<'t> {
    rest: &'t str,
    /// The keys of the open braces, brackets and parentheses.
    path: Vec<String>,
    /// The key or name before the next value.
    key: String,
    found: Vec<Literal>,
}

impl Reader<'_> {
    /// Reads a token; `false` at the end.
    fn step(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return false };
        let comment = [("//", "\n"), ("/*", "*/")].iter().find(|(start, _)| self.rest.starts_with(start));
        if let Some((_, end)) = comment {
            self.rest = self.rest.split_once(end).map_or("", |(_, rest)| rest);
            return true;
        }
        match first {
            '\'' | '"' | '`' => {
                let text = self.text(first);
                self.value(text);
            }
            '{' | '[' | '(' => {
                self.path.push(std::mem::take(&mut self.key));
                self.skip(1);
            }
            '}' | ']' | ')' => {
                self.path.pop();
                self.key.clear();
                self.skip(1);
            }
            ',' | ';' => {
                self.key.clear();
                self.skip(1);
            }
            first if first.is_alphanumeric() || matches!(first, '_' | '$') => self.word(),
            first => self.skip(first.len_utf8()),
        }
        true
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// A key, a name, a number or a boolean.
    fn word(&mut self) {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let word = self.rest[..end].to_owned();
        self.skip(end);
        if matches!(word.as_str(), "true" | "false") || word.bytes().all(|byte| byte.is_ascii_digit()) {
            self.value(Some(word));
        } else {
            self.key = word;
        }
    }

    /// A text is a key before a colon, and otherwise the value of the last key or of the call that it is in.
    fn value(&mut self, text: Option<String>) {
        let Some(text) = text else { return self.key.clear() };
        let after = self.rest.trim_start();
        if after.starts_with(':') && self.key.is_empty() {
            self.key = text;
            return;
        }
        let is_whole = !after.starts_with(['+', '.', '?']);
        if is_whole {
            let mut path = self.path.clone();
            path.push(std::mem::take(&mut self.key));
            self.found.push((path, text));
        }
        self.key.clear();
    }

    /// The text between quotation marks, if nothing in it is computed.
    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        let mut is_plain = true;
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.skip(at + c.len_utf8());
                    return is_plain.then_some(text);
                }
                // Not a text, but an apostrophe in a regular expression.
                '\n' if quote != '`' => {
                    self.skip(at);
                    return None;
                }
                '\\' => text.extend(chars.next().map(|(_, c)| if c == 'n' { ' ' } else { c })),
                '$' if quote == '`' => is_plain = false,
                c => text.push(c),
            }
        }
        self.rest = "";
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_literal_values_are_found() {
        let text = r#"
            // title: 'No', site: "no"
            import x from 'y';
            export const SITE_TITLE = "A 'b'"; /* url: 'no' */
            const config = {
              title: `Site`, 'tagline': 'a \'b\'', url: process.env.URL || 'x' + y,
              baseUrl: '/', site: `https://${host}`, trailingSlash: true, match: /it's/,
              presets: [['classic', { docs: { routeBasePath: '/' }, blog: { routeBasePath: 'notes', path: './posts' } }]],
              navbar: { title: 'Bar' },
            };
            module.exports = function (e) { e.setInputDirectory("src"); return { dir: { input: "views" } } };
        "#;
        let literals = literals(text);
        let find = |key: &str| find(&literals, &[key]);
        for (key, value) in [
            ("SITE_TITLE", "A 'b'"),
            ("title", "Site"),
            ("tagline", "a 'b'"),
            ("baseUrl", "/"),
            ("trailingSlash", "true"),
            ("blog.routeBasePath", "notes"),
            ("docs.routeBasePath", "/"),
            ("dir.input", "views"),
            ("setInputDirectory", "src"),
        ] {
            assert_eq!(find(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!((find("site"), find("url")), (None, None));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z:='\"`{}()\\[\\],;/*$\\\\ \n가]{0,60}") {
            literals(&text);
        }
    }
}
