//! `letterpress subscribers import` and `export`.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::super::Outcome;
use super::super::printer::{Printer, count};
use super::super::view::new_subscribers;
use super::pages;
use crate::config::DateOrder;
use crate::delivery::progress::ProgressEvent;
use crate::finding::Severity;
use crate::importers::subscriber_import::{self, Mapping, Service};
use crate::pipeline::newsletter::{SubscriberList, read_subscribers};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::subscribers::lifecycle::decide_import;
use crate::subscribers::{ImportCounts, NewSubscriber, Subscriber, SubscriptionStatus};

#[derive(Args)]
#[command(after_help = "\
Examples:
  letterpress subscribers import list.csv --dry-run
  letterpress subscribers import export.csv --from mailchimp --column email=Adresse")]
pub(in crate::cli) struct ImportArgs {
    /// CSV or JSON file.
    file: Utf8PathBuf,
    /// Service that exported the file, if its columns do not identify it: mailchimp, substack, ghost, buttondown,
    /// listmonk or kit.
    #[arg(long, value_name = "SERVICE", value_parser = Service::parse)]
    from: Option<Service>,
    /// Map a field to a column with another heading, such as email=Adresse; can be repeated.
    #[arg(long = "column", value_name = "NAME=HEADING", value_parser = Mapping::parse)]
    columns: Vec<Mapping>,
    /// Confirm that every person in the file asked for the emails.
    #[arg(long)]
    confirmed: bool,
    /// Order of day (d), month (m) and year (y) in dates such as 11/01/2026: dmy, mdy or ymd.
    #[arg(long, value_name = "ORDER", value_parser = DateOrder::parse)]
    dates: Option<DateOrder>,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Headings under which other services store tags and groups.
const TAGS: [&str; 6] = ["tags", "labels", "tiers", "lists", "segments", "groups"];

pub(super) async fn import(
    args: &ImportArgs,
    context: &RunContext,
    session: &LedgerSession,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let bytes = read(&args.file)?;
    let now = context.clock.now();
    let options = subscriber_import::ImportOptions {
        confirmed: args.confirmed,
        from: args.from,
        columns: &args.columns,
        dates: args.dates,
        ..subscriber_import::ImportOptions::new(args.file.as_str(), now)
    };
    let SubscriberList { subscribers, findings, service, ignored } =
        read_subscribers(&bytes, options, session)?;
    drop(bytes);
    let listed = Listed::count(&subscribers);
    (context.on_progress)(ProgressEvent::Begin {
        what: format!("importing {}", args.file),
        unit: "row",
        total: None,
    });
    let result = if args.dry_run {
        preview(&subscribers, session).await?
    } else {
        session.store.add_subscribers(subscribers, now).await?
    };
    (context.on_progress)(ProgressEvent::End);
    if args.json {
        printer.json(&json!({
            "service": service, "rows": listed.rows, "active": listed.active, "unconfirmed": listed.unconfirmed,
            "unsubscribed": listed.unsubscribed, "suppressed": listed.suppressed, "dry_run": args.dry_run,
            "result": result, "not_read": ignored, "ignored_columns": ignored, "added": result.added,
            "changed": result.changed, "unchanged": result.known, "excluded": result.kept_out,
            "findings": findings,
        }))?;
    } else {
        let kind =
            service.map_or_else(|| "a plain list".to_owned(), |service| format!("an export of {service}"));
        printer.info(format!("{}: recognised as {kind}", args.file));
        if !ignored.is_empty() {
            let tags = ignored.iter().any(|heading| TAGS.contains(&heading.to_lowercase().as_str()));
            let note = if tags { " (Letterpress does not support tags or labels)" } else { "" };
            printer.info(format!("ignored columns: {}{note}", ignored.join(", ")));
        }
        printer.warnings(&findings);
        printer.info(listed.in_words());
        let dry = if args.dry_run { "dry run, nothing was changed: " } else { "" };
        printer.info(format!("{dry}{}", in_words(&result)));
        if listed.unconfirmed > 0 {
            printer.warn(format!(
                "warning: {} without consent on record will get no email; add a column `consented` with the date of \
                 consent, or confirm consent for all of them with --confirmed",
                count(listed.unconfirmed, "subscriber")
            ));
        }
    }
    let skipped = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if skipped { Outcome::UserError } else { Outcome::Done })
}

/// Reads the file up to one byte beyond the size limit; the extra byte shows that the file is too large.
fn read(file: &Utf8Path) -> Result<Vec<u8>, RunError> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|list| list.take(subscriber_import::MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            RunError::user(format!("cannot read {file}: {error}"), "give the path of a CSV or JSON file")
        })?;
    Ok(bytes)
}

/// What the import would change.
async fn preview(subscribers: &[NewSubscriber], session: &LedgerSession) -> Result<ImportCounts, RunError> {
    let mut counts = ImportCounts::default();
    for subscriber in subscribers {
        counts.count(
            decide_import(session.store.status(subscriber.key).await?, subscriber.profile.status).1,
            subscriber,
        );
    }
    Ok(counts)
}

fn in_words(done: &ImportCounts) -> String {
    let changed = if done.changed == 0 { ", 0 changed" } else { "" };
    format!(
        "{}{changed}, {} unchanged, {} excluded (unsubscribed, removed or suppressed)",
        new_subscribers::in_words(done),
        done.known,
        done.kept_out
    )
}

/// Number of subscribers in the file by status.
#[derive(Default)]
struct Listed {
    rows: u64,
    active: u64,
    unconfirmed: u64,
    unsubscribed: u64,
    suppressed: u64,
}

impl Listed {
    fn count(subscribers: &[NewSubscriber]) -> Self {
        let mut listed = Self::default();
        for subscriber in subscribers {
            listed.rows += 1;
            *match subscriber.profile.status {
                SubscriptionStatus::Active => &mut listed.active,
                SubscriptionStatus::Unconfirmed => &mut listed.unconfirmed,
                SubscriptionStatus::Unsubscribed => &mut listed.unsubscribed,
                SubscriptionStatus::Suppressed => &mut listed.suppressed,
            } += 1;
        }
        listed
    }

    fn in_words(&self) -> String {
        let Self { rows, active, unconfirmed, unsubscribed, suppressed } = self;
        let rows = count(*rows, "subscriber");
        format!(
            "{rows} read: {active} active, {unconfirmed} unconfirmed, {unsubscribed} unsubscribed, {suppressed} suppressed"
        )
    }
}

pub(super) async fn export(
    session: &LedgerSession,
    as_json: bool,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let mut before = if as_json { "[\n  " } else { "" };
    printer
        .raw(if as_json { Vec::new() } else { subscriber_import::csv_header().into_bytes() }.as_slice())?;
    pages(session, |page| {
        let mut text = String::new();
        for row in page.into_iter().map(exported) {
            if as_json {
                text.push_str(before);
                text.push_str(&subscriber_import::json_row(&row).to_string());
                before = ",\n  ";
            } else {
                text.push_str(&subscriber_import::csv_row(&row));
            }
        }
        printer.raw(text.as_bytes())
    })
    .await?;
    if as_json {
        printer.raw(if before.starts_with(',') { b"\n]\n" } else { b"[]\n" })?;
    }
    let nameless = session.store.nameless_suppressions().await?;
    if nameless > 0 {
        let addresses = if nameless == 1 { "address" } else { "addresses" };
        printer.note(format!(
            "not exported: {nameless} suppressed {addresses} stored only as a keyed hash (erased, or never on the list); \
             `letterpress backup` includes them with the ledger and its keys"
        ));
    }
    Ok(Outcome::Done)
}

fn exported(subscriber: Subscriber) -> subscriber_import::SubscriberRow {
    let Subscriber { mut profile, source, added_at, status_since, .. } = subscriber;
    profile.suppressed_because =
        profile.suppressed_because.filter(|_| profile.status == SubscriptionStatus::Suppressed);
    subscriber_import::SubscriberRow {
        profile,
        state_since: Some(status_since),
        unproven: None,
        source: Some(source),
        added_at: Some(added_at),
        line: 0,
    }
}
