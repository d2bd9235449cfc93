//! A report as one page: no script, nothing from the network, light and dark, and a table for every plot. Pure.

mod blocks;
mod delivery;
mod words;

use std::sync::Arc;

use chrono_tz::Tz;
use minijinja::value::{Serde, Value};
use minijinja::{Error, context};
use serde::Serialize;

use super::Report;
use crate::email;
use crate::i18n::{Strings, direction};
use words::Writer;

const TEMPLATE: &str = include_str!("templates/report.html");
const STYLE: &str = include_str!("templates/report.css");

/// One part of the page.
#[derive(Serialize)]
struct Section {
    id: &'static str,
    heading: String,
    blocks: Vec<Block>,
}

/// Numbers, a plot, a table, or a plot with its table.
#[derive(Default, Serialize)]
struct Block {
    heading: Option<String>,
    figures: Vec<Figure>,
    plot: Option<Value>,
    table: Option<Table>,
}

/// One number with its name.
#[derive(Serialize)]
struct Figure {
    name: String,
    value: String,
}

/// A table; the first cell of a row is its heading.
#[derive(Serialize)]
struct Table {
    caption: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Opened on demand: the plot above has the same numbers.
    is_folded: bool,
}

/// The page in the language of `strings`; its days are those of `zone`.
pub(crate) fn to_html(report: &Report, strings: &Arc<Strings>, zone: Tz) -> Result<String, Error> {
    let writer = Writer { strings, zone };
    let sections = if report.is_empty() { Vec::new() } else { sections(report, &writer) };
    let words = &strings.report;
    let since = report.since.map(|since| format!("{} {}", words.since, writer.day(since)));
    let mut environment = email::environment();
    environment.add_template("report.html", TEMPLATE)?;
    environment.get_template("report.html")?.render(context! {
        lang => strings.tag.as_str(),
        dir => direction(&strings.tag),
        style => Value::from_safe_string(STYLE.to_owned()),
        site => report.site.as_str(),
        made_at => writer.time(report.made_at),
        since,
        sections => Serde(&sections),
        words => Serde(words),
    })
}

fn sections(report: &Report, writer: &Writer<'_>) -> Vec<Section> {
    let words = &writer.strings.report;
    let section = |id, heading: &String, blocks| Section { id, heading: heading.clone(), blocks };
    let mut sections = vec![
        section("subscribers", &words.subscribers, blocks::subscribers(&report.subscribers, writer)),
        section("issues", &words.issues, delivery::issues(&report.issues, writer)),
        section("failures", &words.failures, delivery::failures(&report.failures, writer)),
        section("choices", &words.choices, blocks::choices(report, writer)),
        section("feeds", &words.feed_readers, blocks::feed_readers(&report.feed_readers, writer)),
        section("health", &words.health, blocks::health(&report.health, writer)),
        section("runs", &words.runs, delivery::runs(&report.runs, writer)),
    ];
    sections.retain(|section| !section.blocks.is_empty());
    sections
}
