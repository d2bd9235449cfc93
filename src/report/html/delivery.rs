//! The parts of the page about issues, failures and runs.

use minijinja::value::Value;

use super::blocks::{bars, figures, row};
use super::words::{Writer, span};
use super::{Block, Figure, Table};
use crate::report::csv::minutes;
use crate::report::plot::{self, Line, LinePlot};
use crate::report::{FailureReason, Failures, IssueFigures, RunFigures};

/// How many issues the table has; CSV and JSON have all.
const MOST_ISSUES: usize = 200;
/// How many issues are compared in one plot.
const MOST_CURVES: usize = 3;

pub(super) fn issues(issues: &[IssueFigures], writer: &Writer<'_>) -> Vec<Block> {
    let words = &writer.strings.report;
    let heads = [
        &words.issue,
        &words.date,
        &words.audience,
        &words.delivered,
        &words.deferred,
        &words.failed,
        &words.unknown_outcome,
        &words.bounced,
        &words.complaints,
        &words.unsubscribed_after,
        &words.took,
    ];
    let table = Table {
        caption: words.issues.clone(),
        head: heads.map(Clone::clone).to_vec(),
        rows: issues.iter().take(MOST_ISSUES).map(|issue| issue_row(issue, writer)).collect(),
        is_folded: false,
    };
    let all = Block { table: Some(table), ..Block::default() };
    if issues.is_empty() { Vec::new() } else { std::iter::once(all).chain(curves(issues, writer)).collect() }
}

fn issue_row(issue: &IssueFigures, writer: &Writer<'_>) -> Vec<String> {
    let words = &writer.strings.report;
    let name = if issue.rehearsal {
        format!("{} ({})", issue.subject, words.rehearsal)
    } else {
        issue.subject.clone()
    };
    let numbers = [
        issue.audience,
        issue.delivered,
        issue.deferred,
        issue.failed,
        issue.unknown_outcome,
        issue.bounced,
        issue.complaints,
        issue.unsubscribed,
    ];
    let mut cells = row(writer, name, &numbers);
    cells.insert(1, writer.day_of(issue.scheduled_at));
    cells.push(
        issue
            .first_at
            .zip(issue.last_at)
            .map_or_else(String::new, |(first, last)| span(minutes(first, last))),
    );
    cells
}

/// How the newest issues went out. The time is logarithmic: a retry may come days after the rest.
fn curves(issues: &[IssueFigures], writer: &Writer<'_>) -> Option<Block> {
    let words = &writer.strings.report;
    let newest: Vec<&IssueFigures> =
        issues.iter().filter(|issue| issue.curve.len() > 1).take(MOST_CURVES).collect();
    let longest = newest.iter().filter_map(|issue| issue.curve.last()).map(|point| point.minutes).max()?;
    #[expect(clippy::cast_precision_loss, reason = "a place in a plot")]
    let place = |minutes: u64| (minutes as f64).ln_1p() / (longest.max(1) as f64).ln_1p();
    let name = |issue: &IssueFigures| format!("{}, {}", issue.subject, writer.day_of(issue.scheduled_at));
    let line = |issue: &&IssueFigures| Line {
        name: name(issue),
        points: issue.curve.iter().map(|point| (place(point.minutes), point.delivered)).collect(),
    };
    let mut ticks = vec![(0.0, span(0)), (1.0, span(longest))];
    // A time that is too near to the last one would be written over it.
    let between = [10, 60, 600, 6_000].map(|minutes| (place(minutes), span(minutes)));
    ticks.extend(between.into_iter().filter(|(place, _)| *place < 0.85));
    let title = format!("{}: {}, {}", words.curve, words.took_axis, span(longest));
    let plot = LinePlot { id: "curve", title, at_least: 0, ticks, lines: newest.iter().map(line).collect() };
    let rows = newest.iter().flat_map(|issue| {
        issue.curve.iter().map(|point| {
            let mut cells = row(writer, name(issue), &[point.delivered]);
            cells.insert(1, span(point.minutes));
            cells
        })
    });
    let head = [&words.issue, &words.took_axis, &words.delivered].map(Clone::clone).to_vec();
    let table = Table { caption: words.curve.clone(), head, rows: rows.collect(), is_folded: true };
    let svg = plot::lines(&plot, &|number| writer.number(number));
    Some(Block {
        heading: Some(words.curve.clone()),
        plot: Some(Value::from_safe_string(svg)),
        table: Some(table),
        ..Block::default()
    })
}

pub(super) fn failures(failures: &Failures, writer: &Writer<'_>) -> Vec<Block> {
    let words = &writer.strings.report;
    let reasons: Vec<_> = failures
        .reasons
        .iter()
        .map(|count| (reason(count.reason, writer), count.failed + count.bounced))
        .collect();
    let by_reason = bars("reasons", &words.by_reason, (&words.reason, &words.messages), &reasons, writer);
    [by_reason, by_domain(failures, writer), replies(failures, writer)].into_iter().flatten().collect()
}

fn reason(reason: FailureReason, writer: &Writer<'_>) -> String {
    let words = &writer.strings.report;
    match reason {
        FailureReason::NoMailbox => &words.no_mailbox,
        FailureReason::MailboxFull => &words.mailbox_full,
        FailureReason::Refused => &words.refused,
        FailureReason::Expired => &words.expired,
    }
    .clone()
}

fn by_domain(failures: &Failures, writer: &Writer<'_>) -> Option<Block> {
    let words = &writer.strings.report;
    let heads = [&words.domain, &words.active, &words.failed, &words.bounced, &words.complaints];
    let rows = failures.domains.iter().map(|domain| {
        let name = domain.domain.as_ref().unwrap_or(&words.others).clone();
        row(writer, name, &[domain.subscribers, domain.failed, domain.bounced, domain.complaints])
    });
    let table = Table {
        caption: words.by_domain.clone(),
        head: heads.map(Clone::clone).to_vec(),
        rows: rows.collect(),
        is_folded: false,
    };
    let heading = Some(words.by_domain.clone());
    (!failures.domains.is_empty()).then(|| Block { heading, table: Some(table), ..Block::default() })
}

fn replies(failures: &Failures, writer: &Writer<'_>) -> Option<Block> {
    let words = &writer.strings.report;
    let shown = failures.replies.iter().map(|reply| (reply.reply.clone(), reply.count));
    let other = (failures.other_replies > 0).then(|| (words.others.clone(), failures.other_replies));
    let rows: Vec<_> = shown.chain(other).map(|(reply, count)| row(writer, reply, &[count])).collect();
    let head = vec![words.reply.clone(), words.messages.clone()];
    let is_known = !rows.is_empty();
    let table = Table { caption: words.replies.clone(), head, rows, is_folded: false };
    is_known.then(|| Block { heading: Some(words.replies.clone()), table: Some(table), ..Block::default() })
}

pub(super) fn runs(runs: &RunFigures, writer: &Writer<'_>) -> Vec<Block> {
    let words = &writer.strings.report;
    if runs.runs == 0 {
        return Vec::new();
    }
    let mut block = figures(writer, &[(&words.runs, runs.runs), (&words.messages, runs.attempts)]);
    let time = |name: &String, seconds: u64| Figure { name: name.clone(), value: clock(seconds) };
    block.figures.extend([time(&words.time, runs.seconds), time(&words.longest, runs.longest_seconds)]);
    if runs.idle_seconds > 0 {
        let percent = 100 * runs.idle_seconds / (runs.idle_seconds + runs.seconds);
        block.figures.push(Figure { name: words.idle.clone(), value: format!("{percent} %") });
    }
    vec![block]
}

/// Hours, minutes and seconds.
fn clock(seconds: u64) -> String {
    format!("{}:{:02}", span(seconds / 60), seconds % 60)
}
