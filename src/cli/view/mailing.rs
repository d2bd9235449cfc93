//! What a run mailed, for `publish` and `send`.

use super::{held, new_subscribers, upcoming, verdict};
use crate::cli::Outcome;
use crate::cli::printer::{Printer, count, when};
use crate::delivery::Stop;
use crate::finding::Severity;
use crate::ledger::{IssueSummary, State};
use crate::pipeline::{Mailing, World};
use crate::text::{HeaderText, shell_quoted};

/// Prints something about an issue that needs attention. The next run repeats what lasts; the rest happened once.
fn needs_attention(is_lasting: bool, line: String, printer: Printer) {
    if is_lasting { printer.complain(line) } else { printer.event(line) }
}

/// Prints what the newsletter half of a run did. Lines that need attention are printed with `--quiet` too.
pub(in crate::cli) fn report(mailing: &Mailing, world: &World, printer: Printer) -> Outcome {
    if mailing.ids_changed {
        let ids = world.config.resolve(world.config.archive.ledger());
        printer.say(format!("{ids} was updated; commit it together with your posts"));
    }
    if mailing.rehearsed > 0 {
        let issues = count(mailing.rehearsed, "issue");
        printer.say(format!(
            "rehearsal ended: a relay is configured now, so {issues} written to files can be mailed"
        ));
    }
    new_subscribers::report(mailing.enrolled, &mailing.rejected, printer);
    printer.warnings(&mailing.findings);
    report_frozen(mailing, world, printer);
    if mailing.recovered != (0, 0) {
        let (waiting, in_doubt) = mailing.recovered;
        let mut recovered = format!("recovered from an interrupted run: {waiting} pending again");
        if in_doubt > 0 {
            recovered += &format!(", {in_doubt} with unknown outcome");
            printer.event(recovered);
        } else {
            printer.say(recovered);
        }
    }
    if let Some(in_doubt) = mailing.failed_over {
        let mut line =
            "the database failed over to another server, which may miss the last transactions".to_owned();
        if in_doubt > 0 {
            line += &format!(": {} with unknown outcome", count(in_doubt, "delivery"));
        }
        printer.event(line);
    }
    for issue in &mailing.issues {
        let through = mailing.through.get(&issue.id).map(String::as_str);
        // A single issue needs no name.
        let name = (mailing.issues.len() > 1).then_some(&issue.subject);
        let is_paused = mailing.paused.iter().any(|(post, _)| *post == issue.id);
        report_issue(issue, (name, through, is_paused), world, printer);
    }
    report_stop(mailing, printer);
    report_rest(mailing, world, printer);
    mailing.warnings.iter().for_each(|warning| printer.complain(format!("warning: {warning}")));
    if mailing.buried > 0 {
        let subscribers = count(mailing.buried, "subscriber");
        printer.event(format!("{subscribers} suppressed: the mail server reports an unknown mailbox"));
    }
    report_paused(mailing, printer);
    let held = held::report(&mailing.held, printer);
    if mailing.more > 0 {
        let posts = count(mailing.more as u64, "more post");
        printer.say(format!("{posts} due; each run mails one post"));
    } else if mailing.frozen.is_none()
        && mailing.issues.is_empty()
        && mailing.recovered == (0, 0)
        && mailing.paused.is_empty()
        && mailing.rest.is_none()
        && mailing.held.is_empty()
    {
        for line in upcoming::lines(mailing, world) {
            printer.say(line);
        }
    }
    if mailing.rest.is_some() && mailing.stopped.is_none() || mailing.retry_at.is_some() {
        printer.leave_open();
    }
    let has_errors = mailing.findings.iter().any(|finding| finding.severity == Severity::Error);
    match verdict::outcome(mailing) {
        Outcome::Done if has_errors && held == Outcome::Done => Outcome::UserError,
        Outcome::Done => held,
        outcome => outcome,
    }
}

/// Why the run stopped early, and what happens next.
fn report_stop(mailing: &Mailing, printer: Printer) {
    if let Some(explained) = &mailing.explained {
        printer.complain(explained.finding.to_string());
    }
    let what = if mailing.sent == 0 { "nothing was sent" } else { "not everything was sent" };
    match (&mailing.stopped, &mailing.explained) {
        (None, _) => {}
        (Some(Stop::Asked), _) => printer.event("stopped by a signal; the next run continues"),
        (Some(Stop::Letter(why)), _) => printer.event(format!("stopped: {why}")),
        (Some(Stop::Relay(_) | Stop::Throttled(_)), Some(_)) => {
            printer.complain(format!("stopped: {what}; the next run tries again"));
        }
        (Some(Stop::Relay(why)), None) => {
            printer.complain(format!("stopped: {why}\n  {what}; the next run continues"));
        }
        (Some(Stop::Throttled(why)), None) => printer.complain(format!("stopped: {why}")),
    }
}

/// Until when sending is paused because the relay throttles.
fn report_rest(mailing: &Mailing, world: &World, printer: Printer) {
    let Some(rest) = &mailing.rest else { return };
    let until = when(rest.until, &world.config);
    match &mailing.stopped {
        Some(_) => printer.complain(format!(
            "  the relay is throttling us: sending pauses until {until}, then the next run continues"
        )),
        // The run that was throttled has complained already.
        None => printer.say(format!(
            "newsletter: sending is paused until {until}, the relay is throttling us: {} \
             (`letterpress send --now` retries immediately)",
            rest.why
        )),
    }
}

/// Issues that wait for a decision.
fn report_paused(mailing: &Mailing, printer: Printer) {
    for (post, why) in &mailing.paused {
        printer.complain(format!("paused: {post}: {why}"));
        printer.complain(format!(
            "  `letterpress resolve {} --resume` continues, `--retry` also retries rejected deliveries, \
             `--cancel` cancels the issue",
            shell_quoted(post)
        ));
    }
}

/// What the run added to the ledger.
fn report_frozen(mailing: &Mailing, world: &World, printer: Printer) {
    if mailing.baseline > 0 {
        let posts = count(mailing.baseline as u64, "older post");
        printer.say(format!("ledger: created; {posts} will not be mailed"));
    }
    if let Some((subject, audience)) = &mailing.frozen {
        let kind = if world.config.smtp.is_none() { "rehearsal" } else { "newsletter" };
        printer.say(format!("{kind}: \"{subject}\" to {}", count(*audience, "subscriber")));
    }
    if let Some((subject, added)) = &mailing.extended {
        let added = count(*added, "subscriber");
        printer.say(format!("newsletter: \"{subject}\" to {added} who had not received it"));
    }
    if let Some(week) = mailing.week.as_ref().filter(|week| week.audience > 0) {
        let (posts, readers) = (count(week.posts as u64, "post"), count(week.audience, "subscriber"));
        printer.say(format!("weekly digest: {}, {posts}, to {readers}", week.week));
    }
}

/// The counts of one issue.
fn report_issue(
    issue: &IssueSummary,
    (name, through, is_paused): (Option<&HeaderText>, Option<&str>, bool),
    world: &World,
    printer: Printer,
) {
    let tally = &issue.tally;
    let through = through.map_or_else(String::new, |wire| format!(" via {wire}"));
    let counts = counts(issue);
    let line = if counts.is_empty() { "no subscribers".to_owned() } else { counts };
    if verdict::is_settled(issue) {
        let name = name.map_or_else(String::new, |name| format!("\"{name}\": "));
        return printer.say(format!("  {name}{line}{through}"));
    }
    // The next run reports pending deliveries again. A pause has lines of its own.
    let is_lasting = tally.open() > 0 && !is_paused;
    needs_attention(is_lasting, format!("\"{}\": {line}{through}", issue.subject), printer);
    if let Some(next_at) = issue.next_at.filter(|at| *at > world.clock.now()) {
        let line = format!("  next retry at {}", when(next_at, &world.config));
        needs_attention(is_lasting, line, printer);
    }
    if tally.in_doubt() > 0 {
        let line = "  `letterpress status` lists deliveries with unknown outcome, `letterpress resolve` settles them";
        needs_attention(is_lasting, line.to_owned(), printer);
    }
}

/// The deliveries of an issue by state: `3 sent, 1 failed`.
pub(in crate::cli) fn counts(issue: &IssueSummary) -> String {
    let states = State::ALL.into_iter().map(|state| (issue.tally.count(state), words(state)));
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
