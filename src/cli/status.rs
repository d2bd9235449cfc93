//! `letterpress status`: issues and their counts, who is in doubt, and what one reader got and why.

use std::fmt;

use clap::{Args as ClapArgs, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::printer::{Printer, count, when};
use super::publish::words;
use super::wishes::sentence;
use super::{Outcome, standstill};
use crate::address::EmailAddress;
use crate::archive::{Archive, WhyLeftOut, folder, links};
use crate::config::Config;
use crate::finding::Finding;
use crate::ledger::{IssueState, IssueSummary, RESTORED, State};
use crate::pipeline::{Office, RunError, World, outlook, outlook_of_the_week, weekly_readers, why_held};
use crate::schedule::digest::Digest;
use crate::schedule::{Known, WhyNot, plan};
use crate::store::digest::PREFIX;
use crate::store::{DeliveryView, Filter};
use crate::subscribers::lifecycle::{REMOVED, REMOVED_AFTER_UNSUBSCRIBE};
use crate::subscribers::{AddressKey, Standing, Subscriber, Wishes};
use crate::text::shell_quoted;

#[derive(ClapArgs)]
pub(super) struct Args {
    /// For scripts.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    question: Option<Question>,
}

#[derive(Subcommand)]
enum Question {
    /// Every reader of an issue, and what became of their copy.
    WhoGot {
        /// The post's id or slug, or a week such as 2026-W47; without it, the newest issue.
        issue: Option<String>,
    },
    /// Every issue that an address was sent.
    WhatGot {
        /// The address.
        address: String,
    },
    /// Why an address does not get letters.
    WhyNot {
        /// The address.
        address: String,
    },
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let office = Office::open(&world.config, world.clock.as_ref()).await?;
    match &args.question {
        None => overview(args.json, world, &office, printer).await,
        Some(Question::WhoGot { issue }) => {
            let mut views = Vec::new();
            for post in issue_ids(&office, issue.as_deref()).await? {
                views
                    .extend(office.store.deliveries(Filter { post: Some(post), ..Filter::default() }).await?);
            }
            show(&views, args.json, &world.config, printer)
        }
        Some(Question::WhatGot { address }) => {
            let reader = Some(office.key_of(&parse(address)?));
            let views = office.store.deliveries(Filter { reader, ..Filter::default() }).await?;
            if views.is_empty() && !args.json {
                printer.answer(format!("{address} was in no issue"));
            }
            show(&views, args.json, &world.config, printer)
        }
        Some(Question::WhyNot { address }) => why_not(address, args.json, &office, printer).await,
    }
}

pub(super) fn parse(address: &str) -> Result<EmailAddress, RunError> {
    EmailAddress::parse(address)
        .map_err(|error| RunError::user(format!("{address:?}: {error}"), "write it like reader@example.com"))
}

/// The ids of the issues that a person means: those of a week, or else a single one.
async fn issue_ids(office: &Office, wanted: Option<&str>) -> Result<Vec<String>, RunError> {
    let of_the_week = match wanted {
        Some(week) => letters_of(week, &office.store.issues().await?),
        None => Vec::new(),
    };
    if of_the_week.is_empty() { Ok(vec![issue_id(office, wanted).await?]) } else { Ok(of_the_week) }
}

/// The letters of a week, by its name: `2026-W47`.
fn letters_of(week: &str, issues: &[IssueSummary]) -> Vec<String> {
    let start = format!("{PREFIX}{}:", week.trim_start_matches(PREFIX));
    issues.iter().filter(|issue| issue.id.starts_with(&start)).map(|issue| issue.id.clone()).collect()
}

/// The id of the issue that a person means by an id or the end of one; without a word, the newest.
pub(super) async fn issue_id(office: &Office, wanted: Option<&str>) -> Result<String, RunError> {
    let issues = office.store.issues().await?;
    let found = match wanted {
        None => issues.first(),
        Some(wanted) => {
            // In an id the slug is percent-encoded; a person types it as it reads.
            let slugs = [format!(":{wanted}"), format!(":{}", links::segment(wanted))];
            let named = |issue: &&IssueSummary| slugs.iter().any(|slug| issue.id.ends_with(slug));
            let found = issues.iter().find(|issue| issue.id == wanted).or_else(|| issues.iter().find(named));
            let of_the_week = letters_of(wanted, &issues);
            match of_the_week.as_slice() {
                [] => found,
                [only] => issues.iter().find(|issue| issue.id == *only),
                several => {
                    return Err(RunError::user(
                        format!("{wanted} has {} letters, each for other readers", several.len()),
                        format!("name one of them: {}", several.join(", ")),
                    ));
                }
            }
        }
    };
    found.map(|issue| issue.id.clone()).ok_or_else(|| {
        RunError::user("there is no such issue", "`letterpress status` lists them with their ids")
    })
}

async fn overview(
    as_json: bool,
    world: &World,
    office: &Office,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let issues = office.store.issues().await?;
    let in_doubt = [State::Unknown, State::FailedUncertain];
    let mut doubts =
        office.store.deliveries(Filter { states: in_doubt.to_vec(), ..Filter::default() }).await?;
    doubts.retain(|view| view.row.asks());
    let archive = folder::read(&world.config, world.clock.now()).map(|reading| reading.archive);
    let week = match &archive {
        Ok(archive) => next_week(world, office, archive).await?,
        Err(_) => None,
    };
    let next = next(world, office, archive).await?;
    let barred = barred(world, office, printer).await?;
    let still = outlook(world, office, &issues).await?;
    let outcome = match (barred.is_some(), doubts.is_empty()) {
        (true, _) => Outcome::UserError,
        (false, false) => Outcome::Partly,
        (false, true) => Outcome::Done,
    };
    if as_json {
        let issues: Vec<Value> = issues
            .iter()
            .map(|issue| {
                json!({ "id": issue.id, "subject": issue.subject, "state": issue.state, "frozen_at": issue.frozen_at,
                        "audience": issue.audience, "counts": issue.tally, "next_at": issue.next_at,
                        "because": issue.because, "rehearsal": issue.rehearsal })
            })
            .collect();
        printer.json(
            &json!({ "issues": issues, "waiting": still, "next": next, "weekly": week, "barred": barred }),
        )?;
        return Ok(outcome);
    }
    if issues.is_empty() {
        printer.answer("no issue has been sent yet");
    }
    for issue in &issues {
        tell(issue, world, printer);
    }
    if !doubts.is_empty() {
        printer.answer("in doubt (may or may not have arrived; `letterpress resolve` settles it):");
        for view in &doubts {
            let said = match (&view.row.last, view.row.reason.as_deref()) {
                (_, Some(RESTORED)) => "the ledger was put back from a copy".to_owned(),
                (Some(last), _) => format!("at {}: {}", last.phase, last.text),
                (None, _) => "the run was cut off after the copy was armed".to_owned(),
            };
            printer.answer(format!("    {}  \"{}\"  {}  {said}", view.address, view.subject, view.row.state));
        }
    }
    for reason in &still {
        printer.answer(standstill::sentence(reason, &world.config));
    }
    for line in next.as_array().into_iter().flatten() {
        printer.answer(format!(
            "next: {} ({})",
            line["title"].as_str().unwrap_or(""),
            line["why"].as_str().unwrap_or("")
        ));
    }
    if let Some(week) = &week {
        printer.answer(format!("next: {week}"));
    }
    Ok(outcome)
}

/// An issue in three lines.
fn tell(issue: &IssueSummary, world: &World, printer: Printer) {
    let counts: Vec<String> = State::ALL
        .into_iter()
        .filter(|state| issue.tally.count(*state) > 0)
        .map(|state| format!("{} {}", issue.tally.count(state), words(state)))
        .collect();
    let state = match issue.state {
        _ if issue.rehearsal => " [rehearsal]".to_owned(),
        IssueState::Done => String::new(),
        state => format!(" [{}]", state.as_str()),
    };
    printer.answer(format!("{}  \"{}\"{state}", when(issue.frozen_at, &world.config), issue.subject));
    printer.answer(format!("    {} of {}", counts.join(", "), count(issue.audience, "reader")));
    printer.answer(format!("    {}", issue.id));
}

/// The next weekly letter, if somebody wants one.
#[derive(Serialize)]
struct NextWeek {
    week: String,
    /// `None`: with the next run.
    at: Option<String>,
    posts: usize,
    readers: u64,
}

impl fmt::Display for NextWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_ref().map_or("with the next run".to_owned(), |at| format!("on {at}"));
        let (posts, readers) = (count(self.posts as u64, "post"), count(self.readers, "reader"));
        write!(f, "weekly letter {at} with {posts}, for {readers}")
    }
}

async fn next_week(world: &World, office: &Office, archive: &Archive) -> Result<Option<NextWeek>, RunError> {
    let readers = weekly_readers(office).await?;
    let Some(forecast) = outlook_of_the_week(world, office, archive).await?.filter(|_| readers > 0) else {
        return Ok(None);
    };
    let due = forecast.due.filter(|due| !due.posts.is_empty());
    let at = if due.is_some() { None } else { Some(when(forecast.next.moment, &world.config)) };
    let Digest { week, posts, .. } = due.unwrap_or(forecast.next);
    Ok(Some(NextWeek { week, at, posts: posts.len(), readers }))
}

/// Why nothing is sent from this ledger; said at once, beside what is in it.
async fn barred(world: &World, office: &Office, printer: Printer) -> Result<Option<String>, RunError> {
    let Some(mismatch) = office.mismatch().await? else { return Ok(None) };
    let why = office.barred(&mismatch, &world.config);
    printer.complain(format!("error: {why}\n    help: {}", mismatch.help()));
    Ok(Some(why))
}

/// Posts that were never mailed and could be, each with what it waits for. A broken archive hides no ledger.
async fn next(
    world: &World,
    office: &Office,
    archive: Result<Archive, Vec<Finding>>,
) -> Result<Value, RunError> {
    let archive = match archive {
        Ok(archive) => archive,
        Err(findings) => {
            return Ok(
                json!([{ "title": "the archive cannot be read", "why": findings.first().map(ToString::to_string) }]),
            );
        }
    };
    let known = office.store.known_posts().await?;
    let seen = office.store.waiting().await?;
    let known = Known { posts: known.as_ref(), seen: &seen };
    let plan = plan(&archive, &known, &world.config.newsletter, world.clock.now());
    let entry =
        |post: &crate::archive::Post, why: String| json!({ "id": post.id, "title": post.title, "why": why });
    let mut held = why_held(world, office, &archive, &plan.due).await?;
    let due = plan.due.iter().map(|post| {
        let why = held.remove(post.id.as_str()).unwrap_or_else(|| "due with the next run".to_owned());
        entry(post, why)
    });
    let waiting = plan.waiting.iter().map(|(post, why)| {
        entry(
            post,
            match why {
                WhyNot::OptedOut => "newsletter = false in its front matter".to_owned(),
                WhyNot::TooYoung(until) => format!("due at {}", when(*until, &world.config)),
                WhyNot::TooOld => {
                    format!(
                        "older than newsletter.max_age; `letterpress send --post {}` mails it all the same",
                        shell_quoted(&post.slug)
                    )
                }
            },
        )
    });
    let left_out = archive.left_out.iter().filter_map(|left| {
        let why = match &left.why {
            WhyLeftOut::Draft => "a draft".to_owned(),
            why @ (WhyLeftOut::HeldBack(_) | WhyLeftOut::HeldUp(_)) => why.in_words()?,
            WhyLeftOut::Future(date) => format!("dated {}", when(date.to_utc(), &world.config)),
            _ => return None,
        };
        Some(json!({ "id": null, "title": left.source, "why": why }))
    });
    Ok(due.chain(waiting).chain(left_out).collect())
}

fn show(
    views: &[DeliveryView],
    as_json: bool,
    config: &Config,
    printer: Printer,
) -> Result<Outcome, RunError> {
    if as_json {
        let views: Vec<Value> = views
            .iter()
            .map(|view| {
                json!({ "address": view.address, "issue": view.post, "subject": view.subject, "state": view.row.state,
                        "at": view.changed_at, "attempts": view.row.attempts, "message_id": view.message_id,
                        "reason": view.row.reason, "reply": view.row.last.as_ref().map(|last| &last.text) })
            })
            .collect();
        printer.json(&views)?;
        return Ok(Outcome::Done);
    }
    for view in views {
        let said = view.row.last.as_ref().map_or(String::new(), |last| format!("  {}", last.text));
        let at = when(view.changed_at, config);
        printer.answer(format!(
            "{at}  {:<17} {}  \"{}\"{said}",
            view.row.state.as_str(),
            view.address,
            view.subject
        ));
    }
    Ok(Outcome::Done)
}

async fn why_not(
    address: &str,
    as_json: bool,
    office: &Office,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let key = office.key_of(&parse(address)?);
    let standing = office.store.standing(key).await?;
    let mut why = reason(standing, office.store.subscriber(key).await?.as_ref());
    if standing == Some(Standing::Suppressed)
        && let Some(removal) = removal(key, office).await?
    {
        removal.clone_into(&mut why);
    }
    if as_json {
        printer.json(&json!({ "address": address, "standing": standing, "why": why }))?;
    } else {
        printer.answer(format!("{address}: {why}"));
    }
    Ok(Outcome::Done)
}

/// The writer's own removal, if that is why an address is not mailed.
async fn removal(key: AddressKey, office: &Office) -> Result<Option<&'static str>, RunError> {
    let dossier = office.store.dossier(key).await?;
    let cells = dossier.tables.iter().flat_map(|table| table.rows.iter().flatten());
    let reasons = cells.filter(|(name, _)| *name == "reason").filter_map(|(_, reason)| reason.as_deref());
    Ok(reasons.into_iter().find_map(|reason| match reason {
        REMOVED => Some("was removed with `subscribers remove`; `subscribers add` takes that back"),
        REMOVED_AFTER_UNSUBSCRIBE => Some("unsubscribed, and was removed then; only they can come back"),
        _ => None,
    }))
}

fn reason(standing: Option<Standing>, reader: Option<&Subscriber>) -> String {
    let source = reader.map_or("the list", |reader| reader.source.as_str());
    match standing {
        None => "is not on the list".to_owned(),
        Some(Standing::Active) => {
            match reader.map(|reader| &reader.profile.wishes).filter(|wishes| **wishes != Wishes::default()) {
                None => "gets every issue that is frozen from now on".to_owned(),
                Some(wishes) => format!("gets {}, from now on", sentence(wishes)),
            }
        }
        Some(Standing::Unconfirmed) => {
            format!("no consent is on record (from {source}); add its date, or import with --confirmed")
        }
        Some(Standing::Unsubscribed) => "left the list; only the reader can come back".to_owned(),
        Some(Standing::Suppressed) => "is suppressed: it bounced, complained, or you said so".to_owned(),
    }
}
