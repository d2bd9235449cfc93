//! `letterpress send`: send what is due without building the feeds; a dry run; a test email.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::Outcome;
use super::args::{Gate, parse};
use super::printer::{Printer, count};
use super::view::{held, mailing, new_subscribers};
use crate::archive::{Post, folder};
use crate::config::{self, Config};
use crate::pipeline::{
    AnyPost, Draft, Office, RunError, Wanted, WeekLetter, World, demand, draft, draft_of, enrol_list,
    find_any, send, send_test,
};
use crate::subscribers::{Cadence, Standing, Subscriber};
use crate::text::HeaderText;

#[derive(ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Examples:
  letterpress send --dry-run
  letterpress send --to you@example.com --post 2026-11-23-hello")]
pub(super) struct Args {
    /// Show what would be sent to whom, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Send one test email to this address; it is not recorded.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "dry_run")]
    to: Option<String>,
    /// Mail this post although it is not due: file, slug or id; with --to or --dry-run also a draft.
    #[arg(long, value_name = "POST")]
    post: Option<String>,
    /// With --post: send an issue that was already mailed to subscribers who have not received it.
    #[arg(long, requires = "post", conflicts_with_all = ["dry_run", "to"])]
    missing: bool,
    /// Send immediately even if sending is paused because the relay is throttling.
    #[arg(long, conflicts_with_all = ["dry_run", "to"])]
    now: bool,
    /// With --dry-run: print JSON.
    #[arg(long, requires = "dry_run")]
    json: bool,
    #[command(flatten)]
    gate: Gate,
}

impl Args {
    /// Whether the command sends what is due, and is not a test or a dry run.
    pub(super) fn is_in_earnest(&self) -> bool {
        !self.dry_run && self.to.is_none()
    }
}

pub(super) async fn run(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    if let Some(address) = &args.to {
        return test(args, world, printer, address).await;
    }
    if args.dry_run {
        return rehearse(args, world, printer).await;
    }
    let wanted = Wanted {
        post: args.post.clone(),
        missing: args.missing,
        at_once: args.now,
        allowed: args.gate.allowed(),
    };
    Ok(mailing::report(&send(world, &wanted).await?, world, printer))
}

async fn test(args: &Args, world: &World, printer: Printer, address: &str) -> Result<Outcome, RunError> {
    let address = parse(address)?;
    let config = lenient(&world.config);
    let (archive, wrong) = match folder::read(&world.config, world.clock.now()) {
        Ok(reading) => (reading.archive, Vec::new()),
        Err(wrong) => (folder::read(&config, world.clock.now()).map_err(RunError::Findings)?.archive, wrong),
    };
    let found = match &args.post {
        Some(wanted) => find_any(&config, &archive, wanted, world.clock.now())?,
        None => AnyPost::Published(archive.posts.iter().find(|post| post.newsletter).ok_or_else(|| {
            RunError::user(
                "there is no published post",
                "`letterpress check` says why; --post also accepts a draft",
            )
        })?),
    };
    let own: Vec<_> = wrong.into_iter().filter(|finding| finding.file == found.post().source).collect();
    if !own.is_empty() {
        return Err(RunError::Findings(own));
    }
    let (subject, through) = send_test(world, &found, address.clone()).await?;
    printer.say(format!("sent a test email of \"{subject}\" to {address} via {through}; it is not recorded"));
    if let Some(why) = found.why() {
        printer.say(format!("  {why}"));
    }
    Ok(Outcome::Done)
}

/// A configuration in which errors in other posts do not prevent a test of this one.
fn lenient(config: &Config) -> Config {
    let archive = config::Archive { strict: Some(false), ..config.archive.clone() };
    Config { archive, ..config.clone() }
}

async fn rehearse(args: &Args, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    demand(&world.config)?;
    let office = Office::open(&world.config, world.clock.as_ref()).await?;
    office.admit(&world.config).await?;
    let (enrolled, rejected) = enrol_list(world, &office).await?;
    let archive = folder::read(&world.config, world.clock.now()).map_err(RunError::Findings)?.archive;
    let wanted = args.post.as_deref();
    let found =
        wanted.map(|wanted| find_any(&world.config, &archive, wanted, world.clock.now())).transpose()?;
    let why = found.as_ref().and_then(AnyPost::why);
    let draft = match found.as_ref().filter(|_| why.is_some()) {
        Some(found) => draft_of(world, found)?,
        None => draft(world, &office, &archive, wanted, false).await?,
    };
    let turnout = Turnout::of(&office, &draft, args.json).await?;
    if args.json {
        printer.json(&as_json(&draft, &turnout, why.as_deref()))?;
        return Ok(Outcome::Done);
    }
    new_subscribers::report(enrolled, &rejected, printer);
    printer.warnings(&draft.findings);
    held::report(&draft.held, printer);
    report_post(&draft, &turnout, printer);
    if let Some(why) = &why {
        printer.answer(format!("  {why}"));
    }
    for letter in draft.week.iter().flat_map(|week| &week.letters) {
        printer.answer(format!(
            "would send the weekly digest \"{}\" ({}) to {}",
            letter.edition.letter().subject,
            count(letter.posts.len() as u64, "post"),
            count(letter.readers, "subscriber")
        ));
    }
    if turnout.others > 0 {
        let others = turnout.others;
        printer.answer(format!("{others} active: not this issue (other topics, or weekly digest)"));
    }
    for (standing, number) in turnout.readers.iter().filter(|(standing, _)| *standing != Standing::Active) {
        printer.answer(format!("{} {}: no email", number, standing.as_str()));
    }
    Ok(Outcome::Done)
}

fn report_post(draft: &Draft<'_>, turnout: &Turnout, printer: Printer) {
    let Some((post, edition)) = draft.post.zip(draft.edition.as_ref()) else {
        if draft.week.as_ref().is_none_or(|week| week.letters.is_empty()) {
            printer.answer("nothing is due");
        }
        return;
    };
    let Turnout { named, total, .. } = turnout;
    let (subject, readers) = (&edition.letter().subject, count(*total, "subscriber"));
    printer.answer(format!("would send \"{subject}\" ({}) to {readers}", post.source));
    for address in named {
        printer.answer(format!("  {address}"));
    }
    if *total > named.len() as u64 {
        printer.answer(format!("  … and {} more (--json lists all)", total - named.len() as u64));
    }
}

/// Who would get the post.
#[derive(Default)]
struct Turnout {
    /// Number of subscribers by status.
    readers: Vec<(Standing, u64)>,
    /// The first recipients of the post, or all of them.
    named: Vec<String>,
    /// Number of recipients.
    total: u64,
    /// Number of active subscribers who do not get the post.
    others: u64,
}

impl Turnout {
    async fn of(office: &Office, draft: &Draft<'_>, all: bool) -> Result<Self, RunError> {
        let mut turnout = Self::default();
        let mut after = 0;
        loop {
            let page = office.store.subscribers(after, 1_000).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (_, reader) in &page {
                turnout.count(reader, draft.post, all);
            }
        }
        turnout.readers.sort_unstable();
        Ok(turnout)
    }

    fn count(&mut self, reader: &Subscriber, post: Option<&Post>, all: bool) {
        match self.readers.iter_mut().find(|(standing, _)| *standing == reader.profile.standing) {
            Some((_, number)) => *number += 1,
            None => self.readers.push((reader.profile.standing, 1)),
        }
        let wants = post.is_none_or(|post| {
            let categories = post.categories.iter().map(HeaderText::as_str);
            reader.profile.wishes.cadence == Cadence::Each && reader.profile.wishes.topics.want(categories)
        });
        match (reader.profile.standing, wants) {
            (Standing::Active, true) => {
                self.total += 1;
                if all || self.named.len() < 5 {
                    self.named.push(reader.profile.email.to_string());
                }
            }
            (Standing::Active, false) => self.others += 1,
            _ => {}
        }
    }
}

fn as_json(draft: &Draft<'_>, turnout: &Turnout, unpublished: Option<&str>) -> Value {
    let counts: serde_json::Map<_, _> = turnout
        .readers
        .iter()
        .map(|(standing, number)| (standing.as_str().to_owned(), json!(number)))
        .collect();
    let issue = draft.post.zip(draft.edition.as_ref()).map(|(post, edition)| {
        json!({ "id": post.id, "subject": edition.letter().subject, "source": post.source, "url": post.url })
    });
    let letter = |letter: &WeekLetter<'_>| {
        let posts: Vec<&str> = letter.posts.iter().map(|post| post.id.as_str()).collect();
        json!({ "subject": letter.edition.letter().subject, "posts": posts, "readers": letter.readers,
                "subscribers": letter.readers })
    };
    let week = draft.week.as_ref().map(|week| {
        let letters: Vec<Value> = week.letters.iter().map(letter).collect();
        json!({ "week": week.digest.week, "letters": letters, "issues": letters })
    });
    json!({
        "issue": issue, "weekly": week, "readers": counts, "subscribers": counts, "to": turnout.named,
        "more": draft.more, "unpublished": unpublished,
    })
}
