//! `letterpress build`: the feeds alone.

use std::collections::BTreeSet;

use clap::Args;

use super::Outcome;
use super::printer::{Printer, count};
use crate::archive::{Archive, WhyLeftOut};
use crate::pipeline::{Allowed, Built, PagesDone, RunError, World, build, refresh};

/// What is meant although readers will see it; `publish` takes the same.
#[derive(Args)]
pub(super) struct Gate {
    /// Let readers get posts again under other ids.
    #[arg(long)]
    allow_redelivery: bool,
    /// Let posts vanish that readers have in their feeds.
    #[arg(long)]
    allow_loss: bool,
}

/// The arguments of `build` and of `publish`.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) gate: Gate,
    /// One object, for scripts, also if it fails.
    #[arg(long)]
    pub(super) json: bool,
}

impl Gate {
    pub(super) fn allowed(&self) -> Allowed {
        Allowed { redelivery: self.allow_redelivery, loss: self.allow_loss }
    }
}

pub(super) async fn run(args: &Arguments, world: &World, printer: Printer) -> Result<Outcome, RunError> {
    let refreshed = refresh(world).await?;
    printer.troubles(&refreshed.findings);
    let built = build(world, args.gate.allowed())?;
    report(&built, world, printer);
    let outcome = match refreshed.is_stale {
        _ if built.has_errors() => Outcome::UserError,
        true => Outcome::Partly,
        false => Outcome::Done,
    };
    if args.json {
        printer.json(&super::publish::of_build(&refreshed, &built, outcome, world, printer))?;
    }
    Ok(outcome)
}

/// What the feed half did, in a line or two.
pub(super) fn report(built: &Built, world: &World, printer: Printer) {
    let directory = world.config.resolve(&world.config.output.directory);
    if let Some(archive) = &built.archive {
        printer.warnings(&archive.findings);
        left_out(archive, printer);
    }
    printer.warnings(&built.pages.findings);
    if built.written.is_empty() {
        printer.say(format!("feeds: unchanged ({} in {directory}/)", count(built.unchanged as u64, "file")));
        return report_pages(&built.pages, printer);
    }
    let posts = built.archive.as_ref().map_or(0, |archive| archive.posts.len());
    printer.say(format!(
        "feeds: {} from {} written to {directory}/, {} unchanged",
        count(built.written.len() as u64, "file"),
        count(posts as u64, "post"),
        built.unchanged
    ));
    if let Some(words) = built.shortened.in_words(&world.config) {
        printer.say(format!("  {words}"));
    }
    report_pages(&built.pages, printer);
    let ledgers = &world.config.archive;
    let changed = [(built.ids_changed, ledgers.ledger()), (built.pages_changed, ledgers.page_ledger())];
    for (_, file) in changed.into_iter().filter(|(is_changed, _)| *is_changed) {
        let file = world.config.resolve(file);
        printer.say(format!("  {file} was updated; commit it together with your posts"));
    }
}

/// What became of the pages, where anything did.
fn report_pages(pages: &PagesDone, printer: Printer) {
    let copied = (pages.copied > 0).then(|| format!("{} copied", count(pages.copied as u64, "file")));
    let removed = (pages.removed > 0).then(|| format!("{} removed", pages.removed));
    let written = (pages.written > 0).then(|| format!("{} written", pages.written));
    let parts: Vec<String> = [written, copied, removed].into_iter().flatten().collect();
    if !parts.is_empty() {
        printer.say(format!("pages: {}", parts.join(", ")));
    }
}

/// How many files are named one by one.
const NAMED: usize = 5;

/// A draft is meant to stay out; a missing date is the likeliest slip in a new post. Tags that only a generator can
/// read are counted: old sites have thousands.
fn left_out(archive: &Archive, printer: Printer) {
    let undated: Vec<_> = archive.left_out.iter().filter(|left| left.why == WhyLeftOut::Undated).collect();
    if undated.len() > NAMED {
        printer.say(format!(
            "{} have no date and stay out; `letterpress check` names them",
            count(undated.len() as u64, "file")
        ));
    } else {
        for left in undated {
            printer.say(format!(
                "{} has no date and stays out; `letterpress check` says what to write",
                left.source
            ));
        }
    }
    held_back(archive, printer);
    let tags: Vec<_> = archive.findings.iter().filter(|finding| finding.rule == "template-tag").collect();
    if !tags.is_empty() {
        let posts: BTreeSet<_> = tags.iter().map(|finding| &finding.file).collect();
        let (tags, posts) = (count(tags.len() as u64, "tag"), count(posts.len() as u64, "post"));
        printer.say(format!(
            "{tags} of the site's generator left out in {posts}; `letterpress check` names them"
        ));
    }
    let foreign: Vec<_> =
        archive.left_out.iter().filter(|left| matches!(left.why, WhyLeftOut::Format(_))).collect();
    if foreign.len() > NAMED {
        let files = count(foreign.len() as u64, "file");
        printer.say(format!("{files} not in Markdown left out; `letterpress check` names them"));
    } else {
        for left in foreign {
            printer.say(format!("{} {}", left.source, left.why.in_words().unwrap_or_default()));
        }
    }
}

/// What is no draft in so many words and stays out all the same: whoever wrote it should know.
fn held_back(archive: &Archive, printer: Printer) {
    let held = archive.left_out.iter().filter_map(|left| match &left.why {
        why @ (WhyLeftOut::HeldBack(_) | WhyLeftOut::HeldUp(_)) => Some((&left.source, why.in_words()?)),
        _ => None,
    });
    let held: Vec<_> = held.collect();
    if held.len() > NAMED {
        let files = count(held.len() as u64, "file");
        printer.say(format!(
            "{files} held back by flags or by settings of the site; `letterpress check` names them"
        ));
    } else {
        for (source, why) in held {
            printer.say(format!("{source} {why}"));
        }
    }
}
