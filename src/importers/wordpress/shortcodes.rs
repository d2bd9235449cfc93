//! Shortcodes: names in square brackets, used by `WordPress` and its plugins. The few that only wrap text become
//! HTML; the others are removed and reported.

use std::collections::HashSet;

use crate::importers::distinct::Distinct;

/// Shortcodes of `WordPress` and of widespread plugins that may have no closing tag.
const KNOWN: [&str; 22] = [
    "gallery",
    "playlist",
    "toc",
    "ez-toc",
    "contact-form",
    "contact-form-7",
    "wpforms",
    "mc4wp_form",
    "recent-posts",
    "tweet",
    "instagram",
    "googlemaps",
    "polldaddy",
    "slideshare",
    "gist",
    "archives",
    "jetpack_subscription_form",
    "wpdatatable",
    "rev_slider",
    "metaslider",
    "table",
    "more",
];

/// The prefixes of page builders.
const PREFIXES: [&str; 6] = ["vc_", "et_pb_", "fusion_", "su_", "elementor", "wpml_"];

/// Longer text in brackets is not a shortcode.
const MAX_CODE: usize = 4000;

/// The text without shortcodes, and the names of those that were dropped, each once.
pub(super) fn expand(text: &str) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len());
    let mut dropped = Distinct::default();
    let closed = closed_names(text);
    let mut code = CodeElements::default();
    let mut rest = text;
    while let Some(at) = rest.find(['[', '<']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('<') {
            // In code, brackets are just brackets.
            let length = code.length(rest).unwrap_or(1);
            out.push_str(&rest[..length]);
            length
        } else if let Some(code) = Code::parse(rest) {
            if !replace(&code, &closed, &mut out) {
                out.push_str(code.whole);
            } else if code.is_dropped() {
                dropped.push(&code.name);
            }
            code.whole.len()
        } else {
            out.push('[');
            1
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    (out, dropped.into_vec())
}

/// The names in `[/name]`.
fn closed_names(text: &str) -> HashSet<&str> {
    let names = text.split("[/").skip(1).filter_map(|rest| {
        let (name, behind) = rest.split_at(name_length(rest));
        behind.starts_with(']').then_some(name)
    });
    names.collect()
}

fn name_length(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count()
}

/// Finds the ends of elements with code.
#[derive(Default)]
struct CodeElements {
    /// Names of elements that are not closed below, so that each is searched to the end once.
    endless: Vec<&'static str>,
}

impl CodeElements {
    /// The length of a `pre` or `code` element with which `rest` begins.
    fn length(&mut self, rest: &str) -> Option<usize> {
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

struct Code<'t> {
    whole: &'t str,
    name: String,
    closing: bool,
    attributes: &'t str,
}

impl<'t> Code<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let end = memchr::memchr(b']', &text.as_bytes()[..text.len().min(MAX_CODE)])?;
        let whole = &text[..=end];
        let inner = &whole[1..end];
        let closing = inner.starts_with('/');
        let inner = inner.trim_start_matches('/').trim_end_matches('/');
        let (name, attributes) = inner.split_at(name_length(inner));
        let is_code = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && (attributes.is_empty() || attributes.starts_with([' ', '\n', '=']));
        is_code.then(|| Self { whole, name: name.to_ascii_lowercase(), closing, attributes })
    }

    fn attribute(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let at = self.attributes.find(&format!("{name}="))? + name.len() + 1;
            let value = &self.attributes[at..];
            match value.chars().next()? {
                quote @ ('"' | '\'') => value[1..].split(quote).next(),
                _ => value.split_whitespace().next(),
            }
        })
    }

    fn is_dropped(&self) -> bool {
        !matches!(
            self.name.as_str(),
            "caption" | "wp_caption" | "embed" | "audio" | "video" | "code" | "sourcecode"
        )
    }
}

/// Writes the replacement of a shortcode; `false` if there is none.
fn replace(code: &Code<'_>, closed: &HashSet<&str>, out: &mut String) -> bool {
    let tag = |name: &str| if code.closing { format!("</{name}>") } else { format!("<{name}>") };
    match code.name.as_str() {
        "caption" | "wp_caption" => out.push_str(&tag("figure")),
        "code" | "sourcecode" if closed.contains(code.name.as_str()) => {
            let language = code.attribute(&["language", "lang"]).filter(|_| !code.closing);
            match language {
                Some(language) => out.extend(["<pre class=\"language-", &language.replace('"', ""), "\">"]),
                None => out.push_str(&tag("pre")),
            }
        }
        "embed" => out.push('\n'),
        "audio" | "video" => {
            let sources = ["src", "mp3", "mp4", "m4a", "m4v", "ogg", "wav", "webm"];
            if let Some(source) = code.attribute(&sources) {
                out.extend(["<audio src=\"", &source.replace('"', "%22"), "\"></audio>"]);
            }
        }
        name => {
            let is_known = KNOWN.contains(&name)
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || code.attributes.contains("=\"")
                || code.closing
                || closed.contains(name);
            return is_known;
        }
    }
    true
}
