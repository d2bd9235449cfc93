//! Shortcodes: names in square brackets, used by `WordPress` and its plugins. The few that only wrap text become
//! HTML; the others are removed and reported.

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
    let mut dropped: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['[', '<']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('<') {
            // In code, brackets are just brackets.
            let length = code_length(rest).unwrap_or(1);
            out.push_str(&rest[..length]);
            length
        } else if let Some(code) = Code::parse(rest) {
            if !replace(&code, text, &mut out) {
                out.push_str(code.whole);
            } else if code.is_dropped() && !dropped.contains(&code.name) {
                dropped.push(code.name.clone());
            }
            code.whole.len()
        } else {
            out.push('[');
            1
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    (out, dropped)
}

/// The length of a `pre` or `code` element with which `rest` begins.
fn code_length(rest: &str) -> Option<usize> {
    ["pre", "code"].iter().find_map(|name| {
        let inner = rest[1..].strip_prefix(name)?;
        inner.starts_with(['>', ' ', '\n']).then_some(())?;
        let end = format!("</{name}>");
        Some(rest.find(&end)? + end.len())
    })
}

struct Code<'t> {
    whole: &'t str,
    name: String,
    closing: bool,
    attributes: &'t str,
}

impl<'t> Code<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let end = text.bytes().take(MAX_CODE).position(|byte| byte == b']')?;
        let whole = &text[..=end];
        let inner = &whole[1..end];
        let closing = inner.starts_with('/');
        let inner = inner.trim_start_matches('/').trim_end_matches('/');
        let length =
            inner.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)).count();
        let (name, attributes) = inner.split_at(length);
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
fn replace(code: &Code<'_>, text: &str, out: &mut String) -> bool {
    let tag = |name: &str| if code.closing { format!("</{name}>") } else { format!("<{name}>") };
    match code.name.as_str() {
        "caption" | "wp_caption" => out.push_str(&tag("figure")),
        "code" | "sourcecode" if text.contains(&format!("[/{}]", code.name)) => {
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
                || text.contains(&format!("[/{name}]"));
            return is_known;
        }
    }
    true
}
