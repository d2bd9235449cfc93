//! MDX as Markdown: imports, exports, expressions and the tags of components are left out, and the text inside of components
//! stays. Nothing is run. Code and line numbers do not change.

/// A longer expression or tag is an unclosed brace.
const LONGEST: usize = 16 * 1024;

/// The Markdown, and what was left out: the line, from 1, and the beginning of it.
pub(super) fn plain(body: &str) -> (String, Vec<(usize, String)>) {
    let mut reader =
        Reader { body, at: 0, line: 1, out: String::with_capacity(body.len()), left_out: Vec::new() };
    reader.run();
    (reader.out, reader.left_out)
}

struct Reader<'t> {
    body: &'t str,
    at: usize,
    line: usize,
    out: String,
    left_out: Vec<(usize, String)>,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.body.get(self.at..).unwrap_or_default()
    }

    fn run(&mut self) {
        let mut is_paragraph_start = true;
        while self.at < self.body.len() {
            let is_line_start = self.out.is_empty() || self.out.ends_with('\n');
            if is_line_start {
                let line = self.rest().lines().next().unwrap_or_default();
                if let Some(length) = fence(self.rest()) {
                    self.copy(length);
                    continue;
                }
                if is_paragraph_start && (line.starts_with("import ") || line.starts_with("export ")) {
                    self.leave_out(paragraph(self.rest()));
                    continue;
                }
                is_paragraph_start = line.trim().is_empty();
            }
            let rest = self.rest();
            match rest.as_bytes().first() {
                Some(b'\\') => self.copy(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
                Some(b'`') => self.copy(code(rest)),
                Some(b'{') => match expression(rest) {
                    Some(end) => self.leave_out(end),
                    None => self.copy(1),
                },
                Some(b'<') => match component(rest) {
                    Some(end) => self.leave_out(end),
                    None => self.copy(1),
                },
                _ => self.copy(rest.find(['\\', '`', '{', '<', '\n']).map_or(rest.len(), |end| {
                    if rest.as_bytes().get(end) == Some(&b'\n') { end + 1 } else { end }
                })),
            }
        }
    }

    fn copy(&mut self, length: usize) {
        let text = self.rest().get(..length).unwrap_or(self.rest());
        self.line += text.matches('\n').count();
        self.out.push_str(text);
        self.at += text.len();
    }

    /// Leaves out a part, but not the ends of its lines.
    fn leave_out(&mut self, length: usize) {
        let text = self.rest().get(..length).unwrap_or(self.rest());
        let is_word = !text.starts_with("{/*") && !text.starts_with("</") && !text.starts_with("<>");
        if is_word {
            let first = text.lines().next().unwrap_or_default();
            self.left_out.push((self.line, first.chars().take(60).collect()));
        }
        let lines = text.matches('\n').count();
        self.out.extend(std::iter::repeat_n('\n', lines));
        self.line += lines;
        self.at += text.len();
    }
}

/// The length of a fenced block of code at the beginning of a line.
fn fence(text: &str) -> Option<usize> {
    let first = text.lines().next()?.trim_start_matches(' ');
    let mark = first.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = first.chars().take_while(|c| *c == mark).count();
    if run < 3 {
        return None;
    }
    let mut length = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        length += line.len();
        let trimmed = line.trim();
        if at > 0 && trimmed.len() >= run && trimmed.chars().all(|c| c == mark) {
            break;
        }
    }
    Some(length)
}

/// The length of a paragraph.
fn paragraph(text: &str) -> usize {
    let lines = text.split_inclusive('\n').take_while(|line| !line.trim().is_empty());
    lines.map(str::len).sum()
}

/// The length of code in backticks, or of the backticks if nothing closes them in this paragraph.
fn code(text: &str) -> usize {
    let run = text.bytes().take_while(|byte| *byte == b'`').count();
    let text = text.get(..paragraph(text).max(run)).unwrap_or(text);
    let mut at = run;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('`')) {
        let start = at + found;
        let length = text[start..].bytes().take_while(|byte| *byte == b'`').count();
        if length == run {
            return start + length;
        }
        at = start + length;
    }
    run
}

/// The length of an expression in braces.
fn expression(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate().take(LONGEST) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The length of the tag of a component, whose name begins with an upper-case letter, or of a fragment.
fn component(text: &str) -> Option<usize> {
    let name = text.strip_prefix("</").or_else(|| text.strip_prefix('<'))?;
    if !name.starts_with(|c: char| c.is_ascii_uppercase() || c == '>') {
        return None;
    }
    let mut quote = None;
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate().take(LONGEST) {
        if let Some(open) = quote {
            quote = Some(open).filter(|open| *open != byte);
            continue;
        }
        match byte {
            b'"' | b'\'' => quote = Some(byte),
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'>' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_and_imports_go_and_their_text_stays() {
        let body = "import A from './a'\nexport const x = {\n  a: 1,\n}\n\nText {x.a} and `{code}`, \\{kept}.\n\n\
                    <Note kind=\"a > b\" on={() => 1}>\n  **Inside**\n</Note>\n\n```js\nimport b\n<B/>{c}\n```\n\n\
                    {/* a remark */}\n<Chart />\n";
        let (text, left_out) = plain(body);
        assert_eq!(
            text,
            "\n\n\n\n\nText  and `{code}`, \\{kept}.\n\n\n  **Inside**\n\n\n```js\nimport b\n<B/>{c}\n```\n\n\n\n"
        );
        let lines: Vec<_> = left_out.iter().map(|(line, text)| (*line, text.as_str())).collect();
        assert_eq!(
            lines,
            [
                (1, "import A from './a'"),
                (6, "{x.a}"),
                (8, "<Note kind=\"a > b\" on={() => 1}>"),
                (18, "<Chart />")
            ]
        );
    }

    #[test]
    fn text_that_does_not_parse_stays() {
        for text in ["a { b\n", "<Note\n", "`` a ` b\n", "\\", "<div>a < b</div>\n"] {
            assert_eq!(plain(text), (text.to_owned(), Vec::new()));
        }
    }

    proptest::proptest! {
        #[test]
        fn lines_stay_and_nothing_panics(text in "(import a|export |```|~~~|`|\\{|\\}|<A|/>|>|\\\\|\n|글|\"| |a){0,40}") {
            let (plain, _) = plain(&text);
            proptest::prop_assert_eq!(plain.matches('\n').count(), text.matches('\n').count());
        }
    }
}
