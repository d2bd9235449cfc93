//! Shortcodes: names in square brackets, used by `WordPress` and its plugins. Those that stand for text, code, pictures
//! or players become HTML; the others are removed and reported.

mod code;
mod players;
mod syntax;

use std::collections::HashSet;

pub(super) use self::syntax::Shortcode;
use super::attachments::Library;
use crate::html::push_attribute;
use crate::importers::distinct::Distinct;

/// Shortcodes of `WordPress` and of widespread plugins that may have no closing tag.
const KNOWN: [&str; 17] = [
    "gallery",
    "playlist",
    "toc",
    "ez-toc",
    "contact-form",
    "contact-form-7",
    "wpforms",
    "mc4wp_form",
    "recent-posts",
    "polldaddy",
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

/// The text without shortcodes, and the names of those that were dropped, each once. `library` has the pictures of
/// galleries.
pub(super) fn expand(text: &str, library: &Library<'_>) -> (String, Vec<String>) {
    let mut expansion = Expansion {
        library,
        closed: syntax::closed_names(text),
        endless: HashSet::new(),
        out: String::with_capacity(text.len()),
        dropped: Distinct::default(),
    };
    let mut elements = code::Elements::default();
    let mut rest = text;
    while let Some(at) = rest.find(['[', '<']) {
        expansion.out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = if rest.starts_with('<') {
            // In code, brackets are just brackets.
            let length = elements.length(rest).unwrap_or(1);
            expansion.out.push_str(&rest[..length]);
            length
        } else if let Some(shown) = syntax::escaped(rest).filter(|shown| is_registered(shown)) {
            expansion.out.push_str(shown.whole);
            shown.whole.len() + "[]".len()
        } else if let Some(shortcode) = Shortcode::parse(rest) {
            expansion.replace(&shortcode, rest)
        } else {
            expansion.out.push('[');
            1
        };
        rest = &rest[taken..];
    }
    expansion.out.push_str(rest);
    (expansion.out, expansion.dropped.into_vec())
}

/// The text that is written, and what is known about the rest of it.
struct Expansion<'t> {
    library: &'t Library<'t>,
    /// The names that are closed somewhere.
    closed: HashSet<&'t str>,
    /// The names that are not closed below, so that each is searched to the end once.
    endless: HashSet<String>,
    out: String,
    dropped: Distinct,
}

impl Expansion<'_> {
    /// Writes the replacement of the shortcode with which `rest` begins; returns the length of what it replaces.
    fn replace(&mut self, shortcode: &Shortcode<'_>, rest: &str) -> usize {
        let behind = &rest[shortcode.whole.len()..];
        let name = shortcode.name.as_str();
        let body = self.body(shortcode, behind);
        let whole = |body: &str| shortcode.whole.len() + body.len() + name.len() + "[/]".len();
        if let (Some(language), Some(body)) = (code::language(shortcode), body) {
            code::push(&mut self.out, &language, body);
            return whole(body);
        }
        match name {
            "caption" | "wp_caption" => return shortcode.whole.len() + self.caption(shortcode, body),
            "embed" => self.out.push('\n'),
            "gallery" if self.library.push_gallery(shortcode, &mut self.out) => {}
            "playlist" if self.library.push_playlist(shortcode, &mut self.out) => {}
            _ => {
                if let Some(address) = players::address(shortcode) {
                    self.player(&address);
                    return shortcode.whole.len();
                }
                if let Some(body) = body
                    && let Some(address) = players::address_in(shortcode, body)
                {
                    self.player(&address);
                    return whole(body);
                }
                if players::is_player(name) && shortcode.is_closing {
                } else if self.is_shortcode(shortcode) {
                    self.dropped.push(name);
                } else {
                    self.out.push_str(shortcode.whole);
                }
            }
        }
        shortcode.whole.len()
    }

    /// The text between an opening shortcode and its closing one.
    fn body<'r>(&mut self, shortcode: &Shortcode<'_>, behind: &'r str) -> Option<&'r str> {
        let name = shortcode.name.as_str();
        if shortcode.is_closing || !self.closed.contains(name) || self.endless.contains(name) {
            return None;
        }
        let end = behind.find(&format!("[/{name}]"));
        if end.is_none() {
            self.endless.insert(name.to_owned());
        }
        behind.get(..end?)
    }

    /// A picture and its caption: begins or ends a figure. Returns how much of the body is written, the picture.
    fn caption(&mut self, shortcode: &Shortcode<'_>, body: Option<&str>) -> usize {
        if shortcode.is_closing {
            self.out.push_str("</figcaption></figure>");
            return 0;
        }
        let Some(body) = body else { return 0 };
        let picture = body.find("<img").and_then(|at| Some(at + body[at..].find('>')? + 1)).unwrap_or(0);
        let link = body[picture..].trim_start();
        let link = if link.starts_with("</a>") { body.len() - link.len() + "</a>".len() } else { picture };
        self.out.extend(["<figure>", &body[..link], "<figcaption>"]);
        // Before WordPress 3.4 the caption was an attribute.
        if let Some(caption) = shortcode.attribute(&["caption"]) {
            self.out.push_str(caption);
        }
        link
    }

    fn player(&mut self, address: &str) {
        self.out.push_str("<iframe src=\"");
        push_attribute(&mut self.out, address);
        self.out.push_str("\"></iframe>");
    }

    fn is_shortcode(&self, shortcode: &Shortcode<'_>) -> bool {
        let name = shortcode.name.as_str();
        KNOWN.contains(&name)
            || players::is_player(name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || shortcode.has_quotes()
            || shortcode.is_closing
            || self.closed.contains(name)
    }
}

/// Whether a usual site has a shortcode of this name.
fn is_registered(shortcode: &Shortcode<'_>) -> bool {
    let name = shortcode.name.as_str();
    KNOWN.contains(&name)
        || players::is_player(name)
        || code::language(shortcode).is_some()
        || matches!(name, "caption" | "wp_caption" | "embed")
}
