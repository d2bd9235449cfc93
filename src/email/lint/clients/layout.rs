//! What Word shows in another way than browsers, and what no table of features can tell: it depends on the element, on its
//! attributes and on what surrounds it. The facts are the notes of caniemail.com for `width`, `max-width`, `padding`, `margin`
//! and `border`.

use super::css::Declaration;
use super::families::{Clients, WORD};
use crate::html::Tag;

/// Word draws no wider border (caniemail.com, css-border).
const WIDEST_BORDER: f32 = 8.0;

/// How far an element is searched for another inside it, in characters.
const SEARCHED: usize = 2_000;

/// A fault of an element.
pub(super) struct Fault {
    pub(super) rule: &'static str,
    /// Who shows it otherwise; empty if it depends on more than the client.
    pub(super) clients: Clients,
    pub(super) what: &'static str,
    pub(super) seen: &'static str,
    pub(super) instead: &'static str,
}

/// An element of the finished email, with its styles.
pub(super) struct Element<'a> {
    pub(super) tag: &'a Tag,
    pub(super) style: &'a [Declaration],
    /// The email after its start tag.
    pub(super) rest: &'a str,
    /// Whether a table around it has a width in pixels, perhaps one that only Word sees.
    pub(super) is_bounded: bool,
}

const LIST: Fault = Fault {
    rule: "letter-list-margin",
    clients: WORD,
    what: "the padding of a list",
    seen: "without a left margin its bullets or numbers stand outside of the column",
    instead: "`margin-left` of 20px or more on each <ul> and <ol>, and no padding",
};
const TABLE_WIDTH: Fault = Fault {
    rule: "letter-table-width",
    clients: Clients::NONE,
    what: "the width of a <table> is only in its style: where a program drops the style, the table is as narrow as its text",
    seen: "",
    instead: "the attribute `width` beside it",
};
const TABLE_ALIGN: Fault = Fault {
    rule: "letter-table-align",
    clients: WORD,
    what: "`margin: auto`",
    seen: "the table stands at the left",
    instead: "the attribute align=center on the <table>",
};
const IMAGE_WIDTH: Fault = Fault {
    rule: "letter-image-width",
    clients: WORD,
    what: "`width` and `max-width` of a picture",
    seen: "it has the size of its file, which may be wider than the window",
    instead: "the attribute `width`, in pixels, on the <img>",
};
const WIDTH: Fault = Fault {
    rule: "letter-width",
    clients: WORD,
    what: "`width` and `max-width` outside of tables",
    seen: "the text is as wide as the window",
    instead: "a table around it that only Outlook sees, as in the built-in template: <!--[if mso]><table role=presentation \
              width=600 align=center><tr><td><![endif]--> before it, and its end after it",
};
const BUTTON: Fault = Fault {
    rule: "letter-button",
    clients: WORD,
    what: "the padding of a link and borders of more than 8px",
    seen: "a button is no larger than its text",
    instead: "a <td> with the background and the padding around the link, or a space before and after its text that only \
              Outlook sees: <!--[if mso]>&emsp;<![endif]-->",
};

impl Element<'_> {
    /// What is wrong with it.
    pub(super) fn faults(&self) -> impl Iterator<Item = &'static Fault> {
        let checks = [
            (&LIST, self.is_list_without_margin()),
            (&TABLE_WIDTH, self.is_table_with_width_in_style()),
            (&TABLE_ALIGN, self.is_table_centred_by_margin()),
            (&IMAGE_WIDTH, self.tag.name() == "img" && self.pixel_attribute("width").is_none()),
            (&WIDTH, self.is_block_with_width() && !self.is_bounded),
            (&BUTTON, self.is_padded_button()),
        ];
        checks.into_iter().filter(|(_, is_wrong)| *is_wrong).map(|(fault, _)| fault)
    }

    /// Whether something stands beside a feature that is enough without it; see `judgements.tsv`.
    pub(super) fn has(&self, fallback: &str) -> bool {
        let within =
            |open: char, close: char| fallback.strip_prefix(open).and_then(|name| name.strip_suffix(close));
        if let Some(attribute) = within('[', ']') {
            return self.tag.attribute(attribute).is_some();
        }
        if let Some(element) = within('<', '>') {
            let end = self.rest.char_indices().nth(SEARCHED).map_or(self.rest.len(), |(at, _)| at);
            let inside = self.rest.get(..end).unwrap_or_default();
            let inside = inside.split(&format!("</{}", self.tag.name())).next().unwrap_or_default();
            return self.tag.name() == element || inside.contains(&format!("<{element}"));
        }
        self.declared(fallback).is_some() || self.tag.attribute(fallback).is_some()
    }

    /// The last declaration of a property.
    fn declared(&self, name: &str) -> Option<&Declaration> {
        self.style.iter().rev().find(|one| one.name == name)
    }

    fn pixel_attribute(&self, name: &str) -> Option<u32> {
        self.tag.attribute(name).and_then(|value| value.trim_end_matches("px").parse().ok())
    }

    fn is_list_without_margin(&self) -> bool {
        let sides = |one: &Declaration| -> Vec<bool> {
            let values = one.value.split_ascii_whitespace();
            values
                .map(|value| value.trim_start_matches('-').starts_with(|c: char| ('1'..='9').contains(&c)))
                .collect()
        };
        let margin = self.style.iter().fold([false; 2], |[left, right], one| {
            let values = sides(one);
            let value = |at: usize| values.get(at).copied().unwrap_or_default();
            match (one.name.as_str(), values.len()) {
                ("margin", 1) => [value(0); 2],
                ("margin", 4) => [value(3), value(1)],
                ("margin", _) => [value(1); 2],
                ("margin-left", _) => [value(0), right],
                ("margin-right", _) => [left, value(0)],
                _ => [left, right],
            }
        });
        matches!(self.tag.name(), "ul" | "ol") && !margin.contains(&true)
    }

    fn is_table_with_width_in_style(&self) -> bool {
        let is_set = self.declared("width").is_some_and(|width| width.value != "auto");
        self.tag.name() == "table" && is_set && self.tag.attribute("width").is_none()
    }

    fn is_table_centred_by_margin(&self) -> bool {
        let is_auto = |one: &Declaration| one.name.starts_with("margin") && one.value.contains("auto");
        self.tag.name() == "table" && self.style.iter().any(is_auto) && self.tag.attribute("align").is_none()
    }

    /// Word heeds the width of a table, a cell and a line, not that of other elements.
    fn is_block_with_width(&self) -> bool {
        let is_fixed = |one: &Declaration| {
            matches!(one.name.as_str(), "width" | "max-width") && one.pixels().any(|width| width > 0.0)
        };
        !matches!(self.tag.name(), "table" | "td" | "th" | "img" | "hr" | "col")
            && self.style.iter().any(is_fixed)
    }

    fn is_padded_button(&self) -> bool {
        let has_background =
            ["background", "background-color"].into_iter().any(|name| self.declared(name).is_some());
        let is_padded = self.style.iter().any(|one| {
            let widest = one.pixels().fold(0.0, f32::max);
            one.name.starts_with("padding") && widest > 0.0
                || one.name.starts_with("border") && !one.name.contains("radius") && widest > WIDEST_BORDER
        });
        self.tag.name() == "a"
            && has_background
            && is_padded
            && !self.rest.trim_start().starts_with("<!--[if mso")
    }
}
