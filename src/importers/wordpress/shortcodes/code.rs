//! Code in shortcodes and in elements. It is kept to the byte: in it, brackets and angle brackets are just characters.

use super::syntax::Shortcode;
use crate::html::push_escaped;
use crate::xml::with_references;

/// Shortcodes of the usual highlighters.
const NAMES: [&str; 6] = ["code", "sourcecode", "source", "crayon", "cc", "codeblock"];

/// Languages that are shortcodes themselves.
const LANGUAGES: [&str; 31] = [
    "actionscript3",
    "bash",
    "shell",
    "c",
    "cpp",
    "csharp",
    "css",
    "delphi",
    "diff",
    "erlang",
    "fsharp",
    "go",
    "groovy",
    "html",
    "java",
    "javascript",
    "js",
    "latex",
    "matlab",
    "perl",
    "php",
    "plain",
    "powershell",
    "python",
    "r",
    "ruby",
    "scala",
    "sql",
    "vb",
    "xml",
    "yaml",
];

/// The language of a shortcode with code, which may be empty; `None` for other shortcodes.
pub(super) fn language(shortcode: &Shortcode<'_>) -> Option<String> {
    let name = shortcode.name.as_str();
    if LANGUAGES.contains(&name) {
        return Some(if name == "plain" { String::new() } else { name.to_owned() });
    }
    NAMES.contains(&name).then(|| {
        let stated = shortcode.attribute(&["language", "lang"]).or_else(|| shortcode.value());
        stated.filter(|language| !language.contains(char::is_whitespace)).unwrap_or_default().to_owned()
    })
}

/// Writes code as an element.
pub(super) fn push(out: &mut String, language: &str, body: &str) {
    out.push_str("<pre class=\"language-");
    push_escaped(out, language);
    out.push_str("\">\n");
    // Some editors escape the text when they save it, others do not; nobody mixes both.
    if body.contains(['<', '>']) {
        push_escaped(out, body);
    } else {
        push_escaped(out, &with_references(body));
    }
    out.push_str("</pre>");
}

/// Finds the ends of elements with code.
#[derive(Default)]
pub(super) struct Elements {
    /// Names of elements that are not closed below, so that each is searched to the end once.
    endless: Vec<&'static str>,
}

impl Elements {
    /// The length of a `pre` or `code` element with which `rest` begins.
    pub(super) fn length(&mut self, rest: &str) -> Option<usize> {
        let begins = |name: &&&str| {
            rest[1..].strip_prefix(**name).is_some_and(|inner| inner.starts_with(['>', ' ', '\n']))
        };
        let name = ["pre", "code"].iter().filter(|name| !self.endless.contains(*name)).find(begins)?;
        let end = format!("</{name}>");
        let found = rest.find(&end);
        if found.is_none() {
            self.endless.push(name);
        }
        Some(found? + end.len())
    }
}
