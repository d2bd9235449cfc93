//! Lints the HTML part against what mail programs know of HTML and CSS: one finding for each matter, with the programs that
//! ignore it, what their reader sees, and what to write instead.
//!
//! Media queries are left out: they improve an email that must be right without them. So are selectors, because the rules are in
//! the elements when an email is finished.

mod css;
mod families;
mod layout;
mod support;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use css::{Declaration, declarations, sheet_marks};
use families::{Clients, GMAIL_WEB, WORD};
use layout::{Element, Fault};
use support::{Feature, feature};

use super::Report;
use super::origin::Needle;
use crate::finding::Finding;
use crate::html::{Piece, Tag, read, tags};

/// Gmail on the web ignores a longer `<style>` (caniemail.com, html-style).
const LONGEST_SHEET: usize = 16 * 1024;

/// How many things of one matter a finding names.
const NAMED: usize = 4;

const SHEET_SIZE: Fault = Fault {
    rule: "letter-style-size",
    clients: GMAIL_WEB,
    what: "a <style> of more than 16 KB",
    seen: "its rules for dark designs and small windows are missing",
    instead: "fewer media queries in the block `style`",
};

pub(super) fn lint(html: &str, report: &mut Report) {
    let mut walk = Walk { html, ..Walk::default() };
    read(html, |piece| match piece {
        Piece::Tag(tag) => walk.tag(&tag),
        Piece::Declaration(at) => walk.comment(html.get(at).unwrap_or_default()),
        Piece::Text(text) => walk.sheet.iter_mut().for_each(|sheet| sheet.push_str(&text)),
    });
    for (place, found) in walk.found {
        found.write(place, report);
    }
}

/// What is known at a place of the email.
#[derive(Default)]
struct Walk<'a> {
    html: &'a str,
    /// For each open table and cell, whether it has a width in pixels.
    tables: Vec<bool>,
    /// The content of the open `<style>`.
    sheet: Option<String>,
    is_hidden_from_word: bool,
    /// By rule and matter.
    found: BTreeMap<(&'static str, &'static str), Found>,
}

/// One finding in the making.
struct Found {
    clients: Clients,
    /// What they ignore, each of it or one.
    what: Vec<String>,
    seen: &'static str,
    help: String,
    needle: Needle,
}

impl<'a> Walk<'a> {
    /// A comment that only Word reads as HTML, or that hides from Word what follows.
    fn comment(&mut self, comment: &str) {
        let comment = comment.to_ascii_lowercase();
        match (comment.contains("[if"), comment.contains("[endif]")) {
            (false, true) => self.is_hidden_from_word = false,
            (true, false) if comment.contains("!mso") => self.is_hidden_from_word = true,
            (true, true) if comment.contains("mso") && !comment.contains("!mso") => {
                for tag in tags(comment.trim_start_matches("<!--")) {
                    self.table(&tag);
                }
            }
            _ => {}
        }
    }

    fn table(&mut self, tag: &Tag) {
        if !matches!(tag.name(), "table" | "td" | "th") {
            return;
        }
        if tag.closing {
            self.tables.pop();
        } else {
            self.tables.push(tag.attribute("width").is_some_and(|width| !width.contains('%')));
        }
    }

    fn sheet(&mut self, sheet: &str) {
        for mark in sheet_marks(sheet) {
            if let Some(feature) = feature(&mark) {
                self.feature(
                    "letter-css",
                    feature,
                    Needle { words: vec![mark.clone()], may_be_in_post: false },
                    &mark,
                );
            }
        }
        if sheet.len() > LONGEST_SHEET {
            self.fault(&SHEET_SIZE, Needle { words: vec!["<style".to_owned()], may_be_in_post: false });
        }
    }

    fn tag(&mut self, tag: &Tag) {
        if let Some(sheet) = self.sheet.take() {
            self.sheet(&sheet);
        }
        self.sheet = (tag.name() == "style" && !tag.closing).then(String::new);
        self.table(tag);
        if tag.closing {
            return;
        }
        let style = declarations(tag.attribute("style").unwrap_or_default());
        let rest: &'a str = self.html.get(tag.at.end..).unwrap_or_default();
        let element = Element { tag, style: &style, rest, is_bounded: self.tables.contains(&true) };
        self.markup(&element);
        for (at, one) in style.iter().enumerate() {
            if !is_repeated(one, &style[..at]) {
                self.declaration(one, &element);
            }
        }
        for fault in element.faults() {
            self.fault(fault, needle_of(tag, fault.rule));
        }
    }

    /// The element and its attributes.
    fn markup(&mut self, element: &Element) {
        let name = element.tag.name();
        if let Some(feature) = missed(&format!("<{name}>"), element) {
            let needle = Needle { words: vec![format!("<{name}")], may_be_in_post: true };
            self.feature("letter-html-element", feature, needle, &format!("<{name}>"));
        }
        for (attribute, _) in element.tag.attributes() {
            if let Some(feature) = missed(&format!("[{attribute}]"), element) {
                let needle =
                    Needle { words: vec![format!("<{name}"), attribute.to_owned()], may_be_in_post: true };
                self.feature("letter-html-attribute", feature, needle, &format!("`{attribute}` of <{name}>"));
            }
        }
        let Some(source) = element.tag.attribute("src").filter(|_| name == "img") else { return };
        let path = source.split(['?', '#']).next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let Some((_, format)) = file.rsplit_once('.') else { return };
        if let Some(feature) = missed(&format!(".{}", format.to_ascii_lowercase()), element) {
            let needle = Needle { words: vec![file.to_owned()], may_be_in_post: true };
            self.feature("letter-image-format", feature, needle, &format!("the .{format} image {file}"));
        }
    }

    fn declaration(&mut self, one: &Declaration, element: &Element) {
        for mark in &one.marks {
            if let Some(feature) = missed(mark, element) {
                let words = mark.split([':', '=', '(', '1', '_', ')']).filter(|word| !word.is_empty());
                let words = words.map(str::to_owned).chain([one.name.clone()]).collect();
                self.feature(
                    "letter-css",
                    feature,
                    Needle { words, may_be_in_post: false },
                    &shown(mark, &one.name),
                );
            }
        }
    }

    fn feature(&mut self, rule: &'static str, feature: Feature, needle: Needle, what: &str) {
        let Feature { slug, unknown_to, judgement } = feature;
        let clients = if self.is_hidden_from_word { unknown_to.except(WORD) } else { unknown_to };
        if clients.is_empty() {
            return;
        }
        let found = self.found.entry((rule, judgement.matter)).or_insert_with(|| Found {
            clients: Clients::NONE,
            what: Vec::new(),
            seen: judgement.seen,
            help: format!("{}; https://www.caniemail.com/features/{slug}/", judgement.instead),
            needle,
        });
        found.clients = found.clients.and(clients);
        if found.what.len() < NAMED && !found.what.iter().any(|known| known == what) {
            found.what.push(what.to_owned());
        }
    }

    fn fault(&mut self, fault: &'static Fault, needle: Needle) {
        if fault.clients == WORD && self.is_hidden_from_word {
            return;
        }
        self.found.entry((fault.rule, fault.rule)).or_insert_with(|| Found {
            clients: fault.clients,
            what: vec![fault.what.to_owned()],
            seen: fault.seen,
            help: fault.instead.to_owned(),
            needle,
        });
    }
}

/// The feature of a mark, unless something beside it is enough.
fn missed(mark: &str, element: &Element) -> Option<Feature> {
    let feature = feature(mark)?;
    let fallbacks = feature.judgement.fallbacks.split(' ').filter(|fallback| !fallback.is_empty());
    (!fallbacks.into_iter().any(|fallback| element.has(fallback))).then_some(feature)
}

/// Whether an earlier declaration has a value of the same property that every client knows.
fn is_repeated(one: &Declaration, earlier: &[Declaration]) -> bool {
    let is_known = |earlier: &Declaration| !earlier.marks.iter().any(|mark| feature(mark).is_some());
    earlier.iter().any(|earlier| earlier.name == one.name && is_known(earlier))
}

/// A mark as it is written in CSS.
fn shown(mark: &str, property: &str) -> String {
    if let Some(unit) = mark.strip_prefix('1') {
        return format!("the unit `{unit}`");
    }
    match mark.split_once(':') {
        Some((_, "-")) => format!("a negative `{property}`"),
        Some((_, "url()")) => format!("a picture in `{property}`"),
        Some((_, value)) => format!("`{property}: {value}`"),
        None if mark.ends_with("(_)") => format!("`{}` without commas", mark.replace('_', "")),
        None => format!("`{}`", mark.trim_start_matches('=')),
    }
}

fn needle_of(tag: &Tag, rule: &str) -> Needle {
    let file = tag.attribute("src").and_then(|source| source.rsplit('/').next());
    let word = file.map_or_else(|| format!("<{}", tag.name()), str::to_owned);
    Needle { words: vec![word], may_be_in_post: rule == "letter-image-width" }
}

impl Found {
    fn write(self, (rule, _): (&'static str, &'static str), report: &mut Report) {
        let Self { clients, what, seen, help, needle } = self;
        let what = match what.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => what.concat(),
        };
        let message = if clients.is_empty() { what } else { format!("{} {what}: {seen}", clients.ignore()) };
        let finding = Finding::warning(rule, report.origin.file(), message).hint(help);
        report.findings.push(report.origin.located(finding, &needle));
    }
}
