//! What a run mailed, for `publish` and `send`.

use std::fmt::Write as _;

use super::{held, kept, new_subscribers, planned, upcoming, verdict};
use crate::cli::Outcome;
use crate::cli::printer::{Printer, count, when};
use crate::delivery::StopReason;
use crate::finding::Severity;
use crate::ledger::{IssueSummary, State};
use crate::pipeline::newsletter::NewsletterReport;
use crate::pipeline::session::RunContext;
use crate::text::{HeaderText, shell_quoted};

/// Prints something about an issue that needs attention. The next run repeats what lasts; the rest happened once.
fn needs_attention(is_lasting: bool, line: String, printer: Printer) {
    if is_lasting { printer.warn(line) } else { printer.event(line) }
}

/// Prints what the newsletter part of a run did. Lines that need attention are printed with `--quiet` too.
pub(in crate::cli) fn report(report: &NewsletterReport, context: &RunContext, printer: Printer) -> Outcome {
    if report.ids_changed {
        printer.info(kept::updated(&context.config.archive.ids_file(), &context.config));
    }
    if report.rehearsed > 0 {
        let issues = count(report.rehearsed, "issue");
        printer.info(format!(
            "rehearsal ended: a relay is configured now, so {issues} written to files can be mailed"
        ));
    }
    new_subscribers::report(report.list_import, &report.rejected_rows, printer);
    printer.warnings(&report.findings);
    report_frozen(report, context, printer);
    if report.recovered != (0, 0) {
        let (pending, unknown) = report.recovered;
        let mut recovered = format!("recovered from an interrupted run: {pending} pending again");
        if unknown > 0 {
            let _ = write!(recovered, ", {unknown} with unknown outcome");
            printer.event(recovered);
        } else {
            printer.info(recovered);
        }
    }
    if let Some(unknown) = report.failed_over {
        let mut line =
            "the database failed over to another server, which may miss the last transactions".to_owned();
        if unknown > 0 {
            let _ = write!(line, ": {} with unknown outcome", count(unknown, "delivery"));
        }
        printer.event(line);
    }
    // With --quiet, what goes on by itself needs no attention.
    let is_planned = printer.is_quiet() && planned::is_planned(report, context);
    if is_planned {
        report_planned(report, printer);
    } else {
        report_progress(report, context, printer);
    }
    report.warnings.iter().for_each(|warning| printer.warn(format!("warning: {warning}")));
    report_paused(report, printer);
    let held = held::report(&report.held, printer);
    if report.unknown > 0 {
        printer.remind(format!("{} with unknown outcome", count(report.unknown, "delivery")));
    }
    report_rest(report, context, printer);
    let has_errors = report.findings.iter().any(|finding| finding.severity == Severity::Error);
    let outcome = if is_planned { verdict::outcome_of_list(report) } else { verdict::outcome(report) };
    match outcome {
        Outcome::Done if has_errors && held == Outcome::Done => Outcome::UserError,
        Outcome::Done => held,
        outcome => outcome,
    }
}

/// What happened with the issues, if all of it is planned.
fn report_planned(report: &NewsletterReport, printer: Printer) {
    for issue in &report.issues {
        printer.info(format!("  \"{}\": {}", issue.subject, counts(issue)));
    }
    if report.stop_reason.is_some() || report.issues.iter().any(|issue| issue.counts.open() > 0) {
        printer.leave_open();
    }
}

/// What happened with the issues, and why the run stopped.
fn report_progress(report: &NewsletterReport, context: &RunContext, printer: Printer) {
    for issue in &report.issues {
        let through = report.delivered.get(&issue.id).map(String::as_str);
        // A single issue needs no name.
        let name = (report.issues.len() > 1).then_some(&issue.subject);
        // A run that continues an issue says what it sent itself.
        let before = issue.counts.count(State::Sent).saturating_sub(report.sent);
        let now = (report.issues.len() == 1 && report.sent > 0 && before > 0).then_some(report.sent);
        let is_paused = report.paused_issues.iter().any(|(post, _)| *post == issue.id);
        report_issue(issue, (name, through, now, is_paused), context, printer);
    }
    report_stop(report, printer);
    report_backoff(report, context, printer);
    if report.suppressed > 0 {
        let subscribers = count(report.suppressed, "subscriber");
        printer.event(format!("{subscribers} suppressed: the mail server reports an unknown mailbox"));
    }
}

/// What comes next.
fn report_rest(report: &NewsletterReport, context: &RunContext, printer: Printer) {
    if report.more_due > 0 {
        let posts = count(report.more_due as u64, "more post");
        printer.info(format!("{posts} due; each run mails one post"));
    } else if report.scheduled.is_none()
        && report.issues.is_empty()
        && report.recovered == (0, 0)
        && report.paused_issues.is_empty()
        && report.backoff.is_none()
        && report.held.is_empty()
    {
        for line in upcoming::lines(report, context) {
            printer.info(line);
        }
    }
    if report.backoff.is_some() && report.stop_reason.is_none() || report.retry_at.is_some() {
        printer.leave_open();
    }
}

/// Why the run stopped early, and what happens next.
fn report_stop(report: &NewsletterReport, printer: Printer) {
    if let Some(explained) = &report.diagnosis {
        printer.warn(explained.finding.to_string());
    }
    let what = if report.sent == 0 { "nothing was sent" } else { "not everything was sent" };
    match (&report.stop_reason, &report.diagnosis) {
        (None, _) => {}
        (Some(StopReason::Requested), _) => {
            printer.note_stop();
            printer.event("stopped by a signal; the next run continues");
        }
        (Some(StopReason::Message(why)), _) => printer.event(format!("stopped: {why}")),
        (Some(StopReason::Relay(_) | StopReason::Throttled(_)), Some(_)) => {
            printer.warn(format!("stopped: {what}; the next run tries again"));
        }
        (Some(StopReason::Relay(why)), None) => {
            printer.warn(format!("stopped: {why}\n  {what}; the next run continues"));
        }
        (Some(StopReason::Throttled(why)), None) => printer.warn(format!("stopped: {why}")),
    }
}

/// Until when sending is paused because the relay throttles.
fn report_backoff(report: &NewsletterReport, context: &RunContext, printer: Printer) {
    let Some(backoff) = &report.backoff else { return };
    let until = when(backoff.until, &context.config);
    match &report.stop_reason {
        Some(_) => printer.warn(format!(
            "  the relay is throttling us: sending pauses until {until}, then the next run continues"
        )),
        // The run that was throttled has complained already.
        None => printer.info(format!(
            "newsletter: sending is paused until {until}, the relay is throttling us: {} \
             (`letterpress send --now` retries immediately)",
            backoff.reason
        )),
    }
}

/// Issues that wait for a decision.
fn report_paused(report: &NewsletterReport, printer: Printer) {
    for (post, why) in &report.paused_issues {
        printer.warn(format!("paused: {post}: {why}"));
        printer.warn(format!(
            "  `letterpress resolve {} --resume` continues, `--retry` also retries rejected deliveries, \
             `--cancel` cancels the issue",
            shell_quoted(post)
        ));
    }
}

/// What the run added to the ledger.
fn report_frozen(report: &NewsletterReport, context: &RunContext, printer: Printer) {
    if report.baseline > 0 {
        let store = &context.config.store;
        let database = store.sqlite_path().map(|path| context.config.resolve(path).to_string());
        let database = database.unwrap_or_else(|| "the PostgreSQL database".to_owned());
        printer.info(format!(
            "ledger: created in {database}; it records who got which email, so keep it, and back it up"
        ));
        printer.info(format!("  {} will not be mailed", count(report.baseline as u64, "older post")));
    }
    if let Some((subject, audience)) = &report.scheduled {
        let kind = if context.config.smtp.is_none() { "rehearsal" } else { "newsletter" };
        printer.info(format!("{kind}: \"{subject}\" to {}", count(*audience, "subscriber")));
    }
    for step in &report.series {
        let audience = count(step.audience, "subscriber");
        printer.info(format!("series: \"{}\" ({}) to {audience}", step.subject, step.name));
    }
    if let Some((subject, added)) = &report.extended {
        let added = count(*added, "subscriber");
        printer.info(format!("newsletter: \"{subject}\" to {added} who had not received it"));
    }
    if let Some(week) = report.digest.as_ref().filter(|week| week.audience > 0) {
        let (posts, subscribers) = (count(week.posts as u64, "post"), count(week.audience, "subscriber"));
        printer.info(format!("weekly digest: {}, {posts}, to {subscribers}", week.week));
    }
}

/// The counts of one issue.
fn report_issue(
    issue: &IssueSummary,
    (name, through, now, is_paused): (Option<&HeaderText>, Option<&str>, Option<u64>, bool),
    context: &RunContext,
    printer: Printer,
) {
    let states = &issue.counts;
    let through = through.map_or_else(String::new, |transport| format!(" via {transport}"));
    let counts = counts(issue);
    let line = if counts.is_empty() { "no subscribers".to_owned() } else { counts };
    if let (true, Some(now)) = (verdict::is_settled(issue), now) {
        let line = line.replacen(" sent", &format!(" of {}", issue.audience), 1);
        return printer.info(format!("\"{}\": {now} sent now, {line}{through}", issue.subject));
    }
    if verdict::is_settled(issue) {
        let name = name.map_or_else(String::new, |name| format!("\"{name}\": "));
        return printer.info(format!("  {name}{line}{through}"));
    }
    // The next run reports pending deliveries again. A pause has lines of its own.
    let is_lasting = states.open() > 0 && !is_paused;
    needs_attention(is_lasting, format!("\"{}\": {line}{through}", issue.subject), printer);
    if let Some(next_at) = issue.next_at.filter(|at| *at > context.clock.now()) {
        let line = format!("  next retry at {}", when(next_at, &context.config));
        needs_attention(is_lasting, line, printer);
    }
    if states.unknown() > 0 {
        let line = "  `letterpress status` lists deliveries with unknown outcome, `letterpress resolve` settles them";
        needs_attention(is_lasting, line.to_owned(), printer);
    }
}

/// The deliveries of an issue by state: `3 sent, 1 failed`.
pub(in crate::cli) fn counts(issue: &IssueSummary) -> String {
    let states = State::ALL.into_iter().map(|state| (issue.counts.count(state), words(state)));
    let parts: Vec<String> =
        states.filter(|(number, _)| *number > 0).map(|(number, words)| format!("{number} {words}")).collect();
    parts.join(", ")
}

const fn words(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Claimed => "in progress",
        State::Armed => "being sent",
        State::Sent => "sent",
        State::Failed => "failed",
        State::Skipped => "skipped",
        State::Unknown => "with unknown outcome",
        State::FailedUncertain => "failed, but may have arrived",
    }
}
