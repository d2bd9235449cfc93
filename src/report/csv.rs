//! A report as CSV: one number in a row, with the section, what it is about, the day, and its name. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{IssueFigures, Report};
use crate::text::is_formula;

/// A table of numbers.
struct Table(String);

impl Table {
    /// Adds the numbers of a subject.
    fn add(&mut self, section: &str, about: &str, day: Option<NaiveDate>, figures: &[(&str, u64)]) {
        let day = day.map(|day| day.to_string()).unwrap_or_default();
        for (name, value) in figures {
            let cells = [section, about, &day, name, &value.to_string()].map(cell);
            self.0.push_str(&cells.join(","));
            self.0.push_str("\r\n");
        }
    }
}

/// One cell, in quotes if it needs them. A spreadsheet would run what begins like a formula.
fn cell(text: &str) -> String {
    let guard = if is_formula(text) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

/// The whole report, with a line of headings; its days are those of `zone`.
pub(crate) fn to_csv(report: &Report, zone: Tz) -> String {
    let mut table = Table("section,about,day,figure,value\r\n".to_owned());
    subscribers(report, &mut table);
    report.issues.iter().for_each(|issue| of_issue(issue, zone, &mut table));
    failures(report, &mut table);
    choices(report, &mut table);
    for period in &report.feed_readers.periods {
        table.add("feed_readers", "", Some(period.from), &[("readers", period.readers)]);
    }
    for agent in &report.feed_readers.agents {
        table.add("feed_readers", &agent.agent, report.feed_readers.day, &[("readers", agent.readers)]);
    }
    let health = &report.health;
    let bounced = [
        ("never_bounced", health.never_bounced),
        ("bounced_once", health.bounced_once),
        ("bounced_more", health.bounced_more),
    ];
    table.add("health", "", None, &bounced);
    health.unreached.iter().for_each(|unreached| table.add("health", "", None, &[("unreached", *unreached)]));
    let runs = &report.runs;
    let runs = [
        ("runs", runs.runs),
        ("attempts", runs.attempts),
        ("seconds", runs.seconds),
        ("longest_seconds", runs.longest_seconds),
        ("idle_seconds", runs.idle_seconds),
    ];
    table.add("runs", "", None, &runs);
    table.0
}

fn subscribers(report: &Report, table: &mut Table) {
    let now = &report.subscribers;
    let by_status = [
        ("active", now.active),
        ("unconfirmed", now.unconfirmed),
        ("unsubscribed", now.unsubscribed),
        ("suppressed", now.suppressed),
        ("deleted", now.deleted),
    ];
    table.add("subscribers", "", None, &by_status);
    for period in &now.periods {
        let figures = [
            ("active", period.active),
            ("joined", period.joined),
            ("unsubscribed", period.unsubscribed),
            ("bounced", period.bounced),
            ("complained", period.complained),
            ("suppressed", period.suppressed),
        ];
        table.add("subscribers", "", Some(period.from), &figures);
    }
}

fn of_issue(issue: &IssueFigures, zone: Tz, table: &mut Table) {
    let figures = [
        ("audience", issue.audience),
        ("delivered", issue.delivered),
        ("pending", issue.pending),
        ("failed", issue.failed),
        ("skipped", issue.skipped),
        ("unknown_outcome", issue.unknown_outcome),
        ("deferred", issue.deferred),
        ("bounced", issue.bounced),
        ("complaints", issue.complaints),
        ("unsubscribed", issue.unsubscribed),
    ];
    let day = issue.scheduled_at.with_timezone(&zone).date_naive();
    table.add("issue", &issue.id, Some(day), &figures);
    if let (Some(first), Some(last)) = (issue.first_at, issue.last_at) {
        table.add("issue", &issue.id, Some(day), &[("minutes", minutes(first, last))]);
    }
}

/// The minutes between two times.
pub(super) fn minutes(first: DateTime<Utc>, last: DateTime<Utc>) -> u64 {
    u64::try_from((last - first).num_minutes()).unwrap_or_default()
}

fn failures(report: &Report, table: &mut Table) {
    for reason in &report.failures.reasons {
        let figures = [("failed", reason.failed), ("bounced", reason.bounced)];
        table.add("reason", reason.reason.as_str(), None, &figures);
    }
    for domain in &report.failures.domains {
        let figures = [
            ("subscribers", domain.subscribers),
            ("failed", domain.failed),
            ("bounced", domain.bounced),
            ("complaints", domain.complaints),
        ];
        table.add("domain", domain.domain.as_deref().unwrap_or_default(), None, &figures);
    }
    for reply in &report.failures.replies {
        table.add("reply", &reply.reply, None, &[("count", reply.count)]);
    }
    table.add("reply", "", None, &[("count", report.failures.other_replies)]);
}

fn choices(report: &Report, table: &mut Table) {
    let chosen = &report.preferences;
    table.add("frequency", "", None, &[("immediate", chosen.immediate), ("weekly", chosen.weekly)]);
    table.add("topic", "", None, &[("subscribers", chosen.all_topics)]);
    for topic in &chosen.topics {
        table.add("topic", &topic.topic, None, &[("subscribers", topic.subscribers)]);
    }
    for source in &report.sources {
        let figures = [("active", source.active), ("total", source.total)];
        table.add("source", &source.source, None, &figures);
    }
    let confirmations = &report.confirmations;
    let figures = [("asked", confirmations.asked), ("confirmed", confirmations.confirmed)];
    table.add("confirmations", "", None, &figures);
}
