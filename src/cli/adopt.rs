//! `letterpress adopt`: the posts take over the entry ids of an old feed.

use camino::Utf8Path;
use clap::Args as ClapArgs;

use super::Outcome;
use super::args::{is_url, open, remote_feed};
use super::printer::{Printer, count};
use super::view::kept;
use crate::importers::feed;
use crate::pipeline::session::{RunContext, RunError};
use crate::pipeline::site_build::adopt_feed_ids;
use crate::text::clipped;

#[derive(ClapArgs)]
#[command(after_help = "\
Examples:
  letterpress adopt https://old.example/feed/ --dry-run
  letterpress adopt old-feed.xml")]
pub(super) struct Args {
    /// File or URL of the old feed: RSS, Atom or JSON Feed.
    #[arg(value_name = "FILE|URL")]
    feed: String,
    /// Show which ids would be adopted, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also change posts already published here under another id; feed readers show these posts again.
    #[arg(long)]
    replace: bool,
}

pub(super) async fn run(args: &Args, context: &RunContext, printer: Printer) -> Result<Outcome, RunError> {
    let name = args.feed.as_str();
    let mut feed = if is_url(name) {
        remote_feed(name, &context.config).await?
    } else {
        let mut entries = Vec::new();
        let about = feed::stream(open(Utf8Path::new(name))?, None, name, &mut |entry| entries.push(entry));
        feed::Feed { about: about.map_err(|finding| RunError::Findings(vec![finding]))?, entries }
    };
    // Comments and drafts are not published, so their ids do not matter.
    feed.entries.retain(feed::Entry::is_published);
    let report = adopt_feed_ids(context, &feed, name, args.replace, args.dry_run)?;
    printer.warnings(&feed.about.findings);
    for (post, id) in &report.adopted {
        printer.info(format!("{post}: {id}"));
    }
    printer.findings(&report.notes);
    for entry in &report.unmatched {
        let day = entry.published.map_or_else(String::new, |date| format!(", {}", date.format("%Y-%m-%d")));
        let link = clipped(entry.link.as_deref().or(entry.id.as_deref()).unwrap_or("no link"));
        printer
            .warn(format!("warning: no post matches the entry \"{}\" ({link}{day})", clipped(&entry.title)));
    }
    for finding in &report.refused {
        printer.warn(finding.to_string());
    }
    let verb = if args.dry_run { "would be adopted" } else { "adopted" };
    let adopted = count(report.adopted.len() as u64, "id");
    printer.info(format!(
        "{adopted} {verb}, {} already correct, {} without a post, {} not in the old feed",
        report.known,
        count(report.unmatched.len() as u64, "entry"),
        count(report.unseen as u64, "post")
    ));
    if !args.dry_run && !report.adopted.is_empty() {
        let ids = context.config.archive.ids_file();
        printer.info(format!("  {}", kept::updated(&ids, &context.config)));
    }
    Ok(if report.refused.is_empty() { Outcome::Done } else { Outcome::UserError })
}
