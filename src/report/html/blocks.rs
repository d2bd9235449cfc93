//! The parts of the page about the list and the readers of the feeds.

use chrono::NaiveDate;
use minijinja::value::Value;

use super::words::Writer;
use super::{Block, Figure, Table};
use crate::report::plot::{self, Bar, Line, LinePlot};
use crate::report::{FeedReaders, ListHealth, Report, Step, Subscribers};

/// How many bars a plot has at most; its table has the others too.
const MOST_BARS: usize = 12;

pub(super) fn subscribers(now: &Subscribers, writer: &Writer<'_>) -> Vec<Block> {
    let words = &writer.strings.report;
    let by_status = figures(
        writer,
        &[
            (&words.active, now.active),
            (&words.unconfirmed, now.unconfirmed),
            (&words.unsubscribed, now.unsubscribed),
            (&words.suppressed, now.suppressed),
            (&words.deleted, now.deleted),
        ],
    );
    let active: Vec<_> = now.periods.iter().map(|period| (period.from, period.active)).collect();
    let rows = now.periods.iter().rev().map(|period| {
        let numbers = [
            period.active,
            period.joined,
            period.unsubscribed,
            period.bounced,
            period.complained,
            period.suppressed,
        ];
        row(writer, writer.day(period.from), &numbers)
    });
    let table = Table {
        caption: words.subscribers_over_time.clone(),
        head: [
            from(now.step, writer),
            &words.active,
            &words.joined,
            &words.unsubscribed,
            &words.bounced,
            &words.complaints,
            &words.suppressed,
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.collect(),
        is_folded: true,
    };
    let plot = over_time("subscribers", (&words.subscribers_over_time, &words.active), &active, writer);
    let over_time = Block {
        heading: Some(words.subscribers_over_time.clone()),
        plot: Some(plot),
        table: Some(table),
        ..Block::default()
    };
    if now.periods.is_empty() { Vec::new() } else { vec![by_status, over_time] }
}

/// The heading of a column of periods.
fn from<'a>(step: Step, writer: &Writer<'a>) -> &'a str {
    let words = &writer.strings.report;
    match step {
        Step::Day => &words.day,
        Step::Week => &words.week,
        Step::Month => &words.month,
    }
}

/// A line over time, with the days of its beginning, middle and end.
fn over_time(
    id: &str,
    (title, name): (&str, &str),
    values: &[(NaiveDate, u64)],
    writer: &Writer<'_>,
) -> Value {
    let (Some((first, _)), Some((last, latest))) = (values.first(), values.last()) else {
        return Value::UNDEFINED;
    };
    let days = (*last - *first).num_days();
    #[expect(clippy::cast_precision_loss, reason = "a place in a plot")]
    let place = |day: &NaiveDate| (*day - *first).num_days() as f64 / days.max(1) as f64;
    let mut ticks = vec![(0.0, writer.day(*first))];
    if days > 0 {
        ticks.push((1.0, writer.day(*last)));
    }
    let title = format!("{title}: {} {name}, {}", writer.number(*latest), writer.day(*last));
    let points = values.iter().map(|(day, value)| (place(day), *value)).collect();
    let line = Line { name: name.to_owned(), points };
    let plot = LinePlot { id, title, at_least: 0, ticks, lines: vec![line] };
    Value::from_safe_string(plot::lines(&plot, &|number| writer.number(number)))
}

/// Bars with their table, largest first; `None` if all are zero.
pub(super) fn bars(
    id: &str,
    heading: &str,
    (name, number): (&str, &str),
    values: &[(String, u64)],
    writer: &Writer<'_>,
) -> Option<Block> {
    let (_, largest) = values.iter().max_by_key(|(_, value)| *value).filter(|(_, value)| *value > 0)?;
    let bars: Vec<Bar> = values
        .iter()
        .take(MOST_BARS)
        .map(|(label, value)| Bar { label: label.clone(), value: *value })
        .collect();
    let title = format!("{heading}: {name}, {number} (0–{})", writer.number(*largest));
    let plot = plot::bars(id, &title, &bars, &|number| writer.number(number));
    let table = Table {
        caption: heading.to_owned(),
        head: vec![name.to_owned(), number.to_owned()],
        rows: values.iter().map(|(label, value)| row(writer, label.clone(), &[*value])).collect(),
        is_folded: true,
    };
    Some(Block {
        heading: Some(heading.to_owned()),
        plot: Some(Value::from_safe_string(plot)),
        table: Some(table),
        ..Block::default()
    })
}

pub(super) fn choices(report: &Report, writer: &Writer<'_>) -> Vec<Block> {
    let (words, web) = (&writer.strings.report, &writer.strings.web);
    let chosen = &report.preferences;
    let frequency = [(web.every_post.clone(), chosen.immediate), (web.weekly_digest.clone(), chosen.weekly)];
    let all = (web.all_topics.clone(), chosen.all_topics);
    let named = chosen.topics.iter().map(|topic| (topic.topic.clone(), topic.subscribers));
    let topics: Vec<_> = std::iter::once(all).chain(named).collect();
    let source = |source: &str| if source == "web" { words.sign_up_form.clone() } else { source.to_owned() };
    let sources: Vec<_> = report.sources.iter().map(|from| (source(&from.source), from.active)).collect();
    let confirmations = (report.confirmations.asked > 0).then(|| {
        let asked = &report.confirmations;
        let figures = figures(writer, &[(&words.asked, asked.asked), (&words.confirmed, asked.confirmed)]);
        Block { heading: Some(words.confirmations.clone()), ..figures }
    });
    [
        bars("frequency", &web.frequency, (&web.frequency, &words.active), &frequency, writer),
        bars("topics", &web.topics, (&web.topics, &words.active), &topics, writer),
        bars("sources", &words.sources, (&words.source, &words.active), &sources, writer),
        confirmations,
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn feed_readers(readers: &FeedReaders, writer: &Writer<'_>) -> Vec<Block> {
    let words = &writer.strings.report;
    let values: Vec<_> = readers.periods.iter().map(|period| (period.from, period.readers)).collect();
    if values.is_empty() {
        return Vec::new();
    }
    let table = Table {
        caption: words.readers_over_time.clone(),
        head: vec![from(readers.step, writer).to_owned(), words.readers.clone()],
        rows: values.iter().rev().map(|(day, value)| row(writer, writer.day(*day), &[*value])).collect(),
        is_folded: true,
    };
    let plot = over_time("readers", (&words.readers_over_time, &words.readers), &values, writer);
    let over_time = Block {
        heading: Some(words.readers_over_time.clone()),
        plot: Some(plot),
        table: Some(table),
        ..Block::default()
    };
    let agents: Vec<_> = readers.agents.iter().map(|agent| (agent.agent.clone(), agent.readers)).collect();
    let programs = bars("programs", &words.programs, (&words.program, &words.readers), &agents, writer);
    std::iter::once(over_time).chain(programs).collect()
}

pub(super) fn health(health: &ListHealth, writer: &Writer<'_>) -> Vec<Block> {
    let words = &writer.strings.report;
    let mut named = vec![
        (words.never_bounced.as_str(), health.never_bounced),
        (&words.bounced_once, health.bounced_once),
        (&words.bounced_more, health.bounced_more),
    ];
    named.extend(health.unreached.map(|unreached| (words.unreached.as_str(), unreached)));
    let is_known = named.iter().any(|(_, value)| *value > 0);
    is_known.then(|| figures(writer, &named)).into_iter().collect()
}

/// Numbers with their names.
pub(super) fn figures(writer: &Writer<'_>, named: &[(&str, u64)]) -> Block {
    let figure =
        |(name, value): &(&str, u64)| Figure { name: (*name).to_owned(), value: writer.number(*value) };
    Block { figures: named.iter().map(figure).collect(), ..Block::default() }
}

/// A row of a table.
pub(super) fn row(writer: &Writer<'_>, heading: String, numbers: &[u64]) -> Vec<String> {
    std::iter::once(heading).chain(numbers.iter().map(|number| writer.number(*number))).collect()
}
