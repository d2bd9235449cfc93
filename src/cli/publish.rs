//! `letterpress publish`: the cron line.

mod held;
mod json;
mod upcoming;
mod verdict;

pub(super) use held::report as report_held;
pub(super) use json::{failed, of_build};

use chrono::TimeDelta;

use super::printer::{Printer, count, when};
use super::{Outcome, build, new_subscribers};
use crate::delivery::Stop;
use crate::finding::Severity;
use crate::ledger::{IssueSummary, State};
use crate::pipeline::{Announcement, Mailing, RunError, Summary, World, publish};
use crate::text::{HeaderText, shell_quoted};

pub(super) async fn run(
    args: &build::Arguments,
    world: &World,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let summary = publish(world, args.gate.allowed()).await?;
    if !args.json {
        return told(summary, world, printer);
    }
    let facts = json::Facts::of(&summary, world).await?;
    let ended = told(summary, world, printer);
    printer.json(&facts.object(&ended, printer))?;
    ended
}

/// Says what a run did, and how that counts.
fn told(summary: Summary, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let mut has_errors = false;
    printer.troubles(&summary.refreshed.findings);
    if let Some(built) = &summary.built {
        build::report(built, world, printer);
        has_errors = built.has_errors();
    }
    if let Some(announced) = summary.announced {
        report_hubs(announced, world, printer);
    }
    let Some(mailing) = summary.mailing else {
        let key = if world.config.newsletter.enabled { "from is not set" } else { "enabled is false" };
        printer.say(format!("letters: off (newsletter.{key})"));
        return Ok(or_wrong(or_partly(Outcome::Done, summary.refreshed.is_stale), has_errors));
    };
    let outcome = or_partly(report(&mailing?, world, printer), summary.refreshed.is_stale);
    Ok(or_wrong(outcome, has_errors))
}

/// A run that left posts out because of a setting that nobody here understands did the rest.
fn or_wrong(outcome: Outcome, has_errors: bool) -> Outcome {
    if has_errors && outcome == Outcome::Done { Outcome::UserError } else { outcome }
}

/// A run that could not have the feed of the posts did the rest, and whoever watches it should know.
fn or_partly(outcome: Outcome, is_stale: bool) -> Outcome {
    if is_stale && outcome == Outcome::Done { Outcome::Partly } else { outcome }
}

/// A hub that does not answer keeps nobody from anything for a day; then somebody should look.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

fn report_hubs(announced: Result<Announcement, RunError>, world: &World, printer: Printer) {
    let Announcement { done, waiting_since } = match announced {
        Ok(announcement) => announcement,
        Err(error) => return printer.complain(format!("warning: the hubs were not told: {error}")),
    };
    if done.told > 0 {
        printer.say(format!("hubs: told of {}", count(done.told as u64, "feed")));
    }
    if !done.not_live.is_empty() {
        let waiting = count(done.not_live.len() as u64, "feed");
        printer.say(format!("hubs: {waiting} not on the air yet; the next run looks again"));
    }
    let is_late = waiting_since.is_some_and(|since| world.clock.now() - since > PATIENCE);
    for trouble in done.troubles {
        let line = format!("hubs: {trouble}; the next run tries again");
        if is_late { printer.complain(format!("warning: {line}")) } else { printer.say(line) }
    }
}

/// What is to be known of an issue that did not end well: what the next run will find again is told from what happened once.
fn needs_attention(is_lasting: bool, line: String, printer: Printer) {
    if is_lasting { printer.complain(line) } else { printer.event(line) }
}

/// What the newsletter half did, in a few lines; what needs attention is said even under cron.
pub(super) fn report(mailing: &Mailing, world: &World, printer: Printer) -> Outcome {
    if mailing.ids_changed {
        let ids = world.config.resolve(world.config.archive.ledger());
        printer.say(format!("{ids} was updated; commit it together with your posts"));
    }
    if mailing.rehearsed > 0 {
        let issues = count(mailing.rehearsed, "issue");
        printer
            .say(format!("rehearsal over: there is a relay now, so {issues} written to files may be mailed"));
    }
    new_subscribers::report(mailing.enrolled, &mailing.rejected, printer);
    printer.warnings(&mailing.findings);
    report_frozen(mailing, world, printer);
    if mailing.recovered != (0, 0) {
        let (waiting, in_doubt) = mailing.recovered;
        let recovered = format!("an earlier run was cut off: {waiting} wait again, {in_doubt} in doubt");
        if in_doubt > 0 { printer.event(recovered) } else { printer.say(recovered) }
    }
    if let Some(in_doubt) = mailing.failed_over {
        printer.event(format!(
            "another database server has taken over, and may not have seen the last moments of the one before: {} in doubt",
            count(in_doubt, "copy")
        ));
    }
    for issue in &mailing.issues {
        let through = mailing.through.get(&issue.id).map(String::as_str);
        // Of several, each is named.
        let name = (mailing.issues.len() > 1).then_some(&issue.subject);
        let is_paused = mailing.paused.iter().any(|(post, _)| *post == issue.id);
        report_issue(issue, (name, through, is_paused), world, printer);
    }
    report_stop(mailing, printer);
    report_rest(mailing, world, printer);
    mailing.warnings.iter().for_each(|warning| printer.complain(format!("warning: {warning}")));
    if mailing.buried > 0 {
        let readers = count(mailing.buried, "reader");
        printer.event(format!("{readers} suppressed: the relay knows of no such mailbox"));
    }
    report_paused(mailing, printer);
    let held = held::report(&mailing.held, printer);
    if mailing.more > 0 {
        printer.say(format!("{} more due; each run mails one", count(mailing.more as u64, "post")));
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
        Outcome::Done => or_wrong(held, has_errors),
        outcome => outcome,
    }
}

/// Why the run stopped before its end, and what that means.
fn report_stop(mailing: &Mailing, printer: Printer) {
    if let Some(explained) = &mailing.explained {
        printer.complain(explained.finding.to_string());
    }
    let what = if mailing.sent == 0 { "nothing was sent" } else { "not all was sent" };
    match (&mailing.stopped, &mailing.explained) {
        (None, _) => {}
        (Some(Stop::Asked), _) => printer.event("stopped as asked; the next run goes on"),
        (Some(Stop::Letter(why)), _) => printer.event(format!("stopped: {why}")),
        (Some(Stop::Relay(_) | Stop::Throttled(_)), Some(_)) => {
            printer.complain(format!("stopped: {what}; the next run tries again"));
        }
        (Some(Stop::Relay(why)), None) => {
            printer.complain(format!("stopped: {why}\n  {what}; the next run goes on"));
        }
        (Some(Stop::Throttled(why)), None) => printer.complain(format!("stopped: {why}")),
    }
}

/// Until when the relay is left alone.
fn report_rest(mailing: &Mailing, world: &World, printer: Printer) {
    let Some(rest) = &mailing.rest else { return };
    let line = format!("the relay is left alone until {}", when(rest.until, &world.config));
    match &mailing.stopped {
        Some(_) => printer.complain(format!("  {line}; the first run after that goes on")),
        // It was said once, by the run that was stopped.
        None => {
            printer.say(format!("letters: {line}: {} (`letterpress send --now` does not wait)", rest.why));
        }
    }
}

/// Issues that wait for a decision.
fn report_paused(mailing: &Mailing, printer: Printer) {
    for (post, why) in &mailing.paused {
        printer.complain(format!("paused: {post}: {why}"));
        printer.complain(format!(
            "  `letterpress resolve {} --resume` goes on with it, `--retry` tries those again who were refused, \
             `--cancel` gives it up",
            shell_quoted(post)
        ));
    }
}

/// What the ledger holds since this run.
fn report_frozen(mailing: &Mailing, world: &World, printer: Printer) {
    if mailing.baseline > 0 {
        let posts = count(mailing.baseline as u64, "post");
        printer.say(format!("ledger: begun; {posts} published before it will not be mailed"));
    }
    if let Some((subject, audience)) = &mailing.frozen {
        let kind = if world.config.smtp.is_none() { "rehearsal" } else { "letter" };
        printer.say(format!("{kind}: \"{subject}\" to {}", count(*audience, "subscriber")));
    }
    if let Some((subject, added)) = &mailing.extended {
        printer.say(format!("letter: \"{subject}\" to {} who never got it", count(*added, "subscriber")));
    }
    if let Some(week) = mailing.week.as_ref().filter(|week| week.audience > 0) {
        let (posts, readers) = (count(week.posts as u64, "post"), count(week.audience, "reader"));
        printer.say(format!("weekly letter: {}, {posts}, to {readers}", week.week));
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
    let parts: Vec<String> = State::ALL
        .into_iter()
        .filter(|state| tally.count(*state) > 0)
        .map(|state| format!("{} {}", tally.count(state), words(state)))
        .collect();
    let through = through.map_or_else(String::new, |wire| format!(" through {wire}"));
    let line = if parts.is_empty() { "no readers".to_owned() } else { parts.join(", ") };
    if verdict::is_settled(issue) {
        let name = name.map_or_else(String::new, |name| format!("\"{name}\": "));
        return printer.say(format!("  {name}{line}{through}"));
    }
    // An issue in which somebody waits is met again by the next run; a pause is told by itself.
    let is_lasting = tally.open() > 0 && !is_paused;
    needs_attention(is_lasting, format!("\"{}\": {line}{through}", issue.subject), printer);
    if let Some(next_at) = issue.next_at.filter(|at| *at > world.clock.now()) {
        let line = format!("  the next try is due at {}", when(next_at, &world.config));
        needs_attention(is_lasting, line, printer);
    }
    if tally.in_doubt() > 0 {
        let line = "  `letterpress status` names who is in doubt, `letterpress resolve` settles it";
        needs_attention(is_lasting, line.to_owned(), printer);
    }
}

/// The states in words.
pub(super) const fn words(state: State) -> &'static str {
    match state {
        State::Pending => "waiting",
        State::Claimed => "in hand",
        State::Armed => "under way",
        State::Sent => "sent",
        State::Failed => "failed",
        State::Skipped => "skipped",
        State::Unknown => "in doubt",
        State::FailedUncertain => "failed, but may have arrived",
    }
}
