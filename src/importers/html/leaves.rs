//! Elements without blocks inside: links, pictures and code.

use super::blocks::{Block, Flow, Reading, is_kept};
use super::inline::{Link, Mark, Piece, Run, Style};
use super::links::address;
use super::text::{DROPPED, EMBEDS, Step, embed_target, walk};
use crate::html::{At, Tree, is_block};

/// The most pictures of a post that are reported.
const MAX_PICTURES: usize = 500;

impl Reading<'_> {
    pub(super) fn code(&mut self, at: At, flow: &mut Flow) {
        let tree = self.tree;
        let mut lines = String::new();
        let page = self.options.page;
        walk(tree, at, &|at| self.notes.hides(at), &mut |step| match step {
            Step::Text(text) => lines.extend(text.chars().filter(|c| *c == '\n' || is_kept(*c))),
            Step::Edge if lines.ends_with('\n') => {}
            Step::Break | Step::Edge => lines.push('\n'),
            Step::Embed(at) => lines.extend(["\n", &embed_target(tree, at, page).unwrap_or_default(), "\n"]),
        });
        let lines = lines.trim_end().trim_start_matches('\n').to_owned();
        if lines.trim().is_empty() {
            return;
        }
        let inner = tree.children(at).iter().copied().find(|child| tree.name(*child) == "code");
        let language =
            [Some(at), inner, tree.parent(at)].into_iter().flatten().find_map(|at| language(tree, at));
        flow.push(Block::Code(language.unwrap_or_default(), lines));
    }

    /// White space at both ends goes outside, because inline code in Markdown cannot begin or end with it.
    pub(super) fn code_in_a_line(&self, at: At, style: &Style, flow: &mut Flow) {
        let text: String = self.tree.text(at).chars().filter(|c| c.is_whitespace() || is_kept(*c)).collect();
        let space = || Run { piece: Piece::Text(" ".to_owned()), style: style.clone() };
        let code = Run { piece: Piece::Code(text.trim().to_owned()), style: style.clone() };
        let before = text.starts_with(char::is_whitespace).then(space);
        let after = text.ends_with(char::is_whitespace).then(space);
        flow.runs.extend(before.into_iter().chain([code]).chain(after));
    }

    /// Whether an element contains only text. Code with a link or a picture cannot be code in Markdown.
    pub(super) fn is_plain(&self, at: At) -> bool {
        let text = self.tree.text(at);
        !text.trim().is_empty()
            && self.tree.below(at).all(|below| {
                let name = self.tree.name(below);
                let is_more = is_block(name) || DROPPED.contains(&name) || EMBEDS.contains(&name);
                !is_more && !matches!(name, "a" | "img" | "br" | "ruby")
            })
    }

    pub(super) fn link(&mut self, at: At, style: &Style) -> Style {
        let href = self.tree.attribute(at, "href");
        let Some(address) = href.and_then(|href| address(href, self.options.page)) else {
            return style.clone();
        };
        let title = self.tree.attribute(at, "title").map(str::trim).filter(|title| !title.is_empty());
        self.links.push(Link { address, title: title.map(str::to_owned) });
        style.with(Mark::Link(self.links.len() - 1))
    }

    pub(super) fn linked(&mut self, address: String, style: &Style) -> Style {
        self.links.push(Link { address, title: None });
        style.with(Mark::Link(self.links.len() - 1))
    }

    pub(super) fn image(&mut self, at: At, style: &Style, flow: &mut Flow) {
        let tree = self.tree;
        let alt = tree.attribute(at, "alt").unwrap_or_default().trim().to_owned();
        // Smileys are characters that were replaced by pictures.
        if ["wp-smiley", "emoji"].iter().any(|class| tree.has_class(at, class)) && !alt.is_empty() {
            flow.runs.push(Run { piece: Piece::Text(alt), style: style.clone() });
            return;
        }
        let is_dot = |key| tree.attribute(at, key).is_some_and(|size| matches!(size.trim(), "0" | "1"));
        if is_dot("width") && is_dot("height") {
            self.report_dropped("pictures of one pixel");
            return;
        }
        // Pages with lazy loading store the address in another attribute.
        let keys = ["data-src", "data-lazy-src", "data-original", "src"];
        let source = keys
            .iter()
            .filter_map(|key| tree.attribute(at, key))
            .find_map(|raw| address(raw, self.options.page).filter(|_| !raw.trim().starts_with("data:")));
        match source {
            Some(source) => {
                if !self.pictures.contains(&source) && self.pictures.len() < MAX_PICTURES {
                    self.pictures.push(source.clone());
                }
                let beside = self.options.beside.and_then(|beside| beside.get(&source));
                let source = beside.cloned().unwrap_or(source);
                let title = tree.attribute(at, "title").map(str::trim).filter(|title| !title.is_empty());
                let alt = alt.chars().filter(|c| is_kept(*c)).collect();
                let piece = Piece::Image(alt, source, title.map(str::to_owned));
                flow.runs.push(Run { piece, style: style.clone() });
            }
            None => self.report_dropped("pictures without an address"),
        }
    }
}

/// `language-rust`, `lang-rust`, `brush: rust` or `data-lang="rust"`.
fn language(tree: &Tree, at: At) -> Option<String> {
    let class = tree.attribute(at, "class").unwrap_or_default();
    let words: Vec<&str> = class.split([' ', ';', ',']).filter(|word| !word.is_empty()).collect();
    let named =
        words.iter().find_map(|word| word.strip_prefix("language-").or_else(|| word.strip_prefix("lang-")));
    let brush = || {
        let at = words.iter().position(|word| word.starts_with("brush:"))?;
        let inside = words[at].trim_start_matches("brush:");
        if inside.is_empty() { words.get(at + 1).copied() } else { Some(inside) }
    };
    let language = named.or_else(brush).or_else(|| tree.attribute(at, "data-lang"))?;
    let is_name = !language.is_empty()
        && language.len() <= 30
        && language.chars().all(|c| c.is_ascii_alphanumeric() || "+-#._".contains(c));
    is_name.then(|| language.to_owned())
}
