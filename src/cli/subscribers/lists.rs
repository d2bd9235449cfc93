//! `letterpress subscribers import` and `export`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use camino::Utf8PathBuf;
use clap::Args;
use encoding_rs::Encoding;
use serde_json::json;

use super::super::Outcome;
use super::super::printer::{Printer, count};
use super::super::view::new_subscribers;
use super::pages;
use crate::config::DateOrder;
use crate::finding::{Finding, Severity};
use crate::importers::subscriber_import::{
    self, ByStatus, ImportOptions, ListError, ListSummary, Mapping, Service, StateMapping, parse_encoding,
};
use crate::pipeline::newsletter::{AskedReport, ListImport, ask, fingerprint, open_list, send_confirmations};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::subscribers::{ImportCounts, Subscriber, SubscriptionStatus};

#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and clap sees that two exclude each other"
)]
#[command(after_help = "\
Examples:
  letterpress subscribers import list.csv --dry-run
  letterpress subscribers import export.csv --from mailchimp --column email=Adresse
  letterpress subscribers import form.csv --ask --column consented_at=Timestamp")]
pub(in crate::cli) struct ImportArgs {
    /// CSV or JSON file.
    file: Utf8PathBuf,
    /// Service that exported the file, if its columns do not identify it: mailchimp, substack, ghost, buttondown,
    /// listmonk, kit, brevo, mailjet, mailerlite, beehiiv, emailoctopus, campaignmonitor, sendy, phplist or stibee.
    #[arg(long, value_name = "SERVICE", value_parser = Service::parse)]
    from: Option<Service>,
    /// Map a field to a column with another heading, such as email=Adresse; can be repeated.
    #[arg(long = "column", value_name = "NAME=HEADING", value_parser = Mapping::parse)]
    columns: Vec<Mapping>,
    /// Say what the values of a column about a state mean, such as opt-out=1:unsubscribed,0:active; `*` stands for all
    /// other values, and HEADING=ignore for a column that has nothing to do with the emails. Can be repeated.
    #[arg(long = "state-column", value_name = "HEADING=VALUE:STATE,...", value_parser = StateMapping::parse)]
    state_columns: Vec<StateMapping>,
    /// Encoding of the file, if it is not recognised: utf-8, utf-16, cp949, cp932, windows-1252 or another.
    #[arg(long, value_name = "NAME", value_parser = parse_encoding)]
    encoding: Option<&'static Encoding>,
    /// Confirm that every person in the file asked for the emails.
    #[arg(long)]
    confirmed: bool,
    /// Ask each person to confirm by email instead: the file is what a form service stored. Its column `consented`, or the one
    /// that --column names, is the time at which the form was submitted. The same file may be read again.
    #[arg(long, conflicts_with = "confirmed")]
    ask: bool,
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
    let options = ImportOptions {
        confirmed: args.confirmed,
        from: args.from,
        columns: args.columns.clone(),
        state_columns: args.state_columns.clone(),
        dates: args.dates,
        encoding: args.encoding,
        ..ImportOptions::new(args.file.as_str(), context.clock.now())
    };
    let unreadable = |error| {
        RunError::user(format!("cannot read {}: {error}", args.file), "give the path of a CSV or JSON file")
    };
    let file = open_list(&args.file).map_err(unreadable)?;
    let list = ListImport::open(file, options, session).map_err(|error| match error {
        ListError::Io(error) => unreadable(error),
        ListError::Refused(finding) => RunError::Findings(vec![*finding]),
    })?;
    if args.ask {
        return ask_all(list, args, (context, session), printer).await;
    }
    let ListSummary { service, ignored, states, encoding, persons: listed, .. } = list.summary().clone();
    let findings = list.findings();
    let result = list.run(context, session, args.dry_run).await?;
    if args.json {
        printer.json(&json!({
            "service": service, "rows": listed.total(), "active": listed.active, "unconfirmed": listed.unconfirmed,
            "unsubscribed": listed.unsubscribed, "suppressed": listed.suppressed, "dry_run": args.dry_run,
            "result": result, "not_read": ignored, "ignored_columns": ignored, "state_columns": states,
            "encoding": encoding, "added": result.added,
            "changed": result.changed, "unchanged": result.known, "excluded": result.kept_out,
            "findings": findings,
        }))?;
    } else {
        let kind =
            service.map_or_else(|| "a plain list".to_owned(), |service| format!("an export of {service}"));
        printer.info(format!("{}: recognised as {kind}", args.file));
        let notes = findings.iter().filter(|finding| finding.severity == Severity::Note);
        notes.for_each(|note| printer.info(note.to_string()));
        if !states.is_empty() {
            printer.info(format!("read as states: {}", states.join(", ")));
        }
        if !ignored.is_empty() {
            let tags = ignored.iter().any(|heading| TAGS.contains(&heading.to_lowercase().as_str()));
            let note = if tags { " (Letterpress does not support tags or labels)" } else { "" };
            printer.info(format!("ignored columns: {}{note}", ignored.join(", ")));
        }
        printer.warnings(&findings);
        printer.info(read_in_words(&listed, &findings));
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

/// Asks instead of importing.
async fn ask_all(
    mut list: ListImport,
    args: &ImportArgs,
    (context, session): (&RunContext, &LedgerSession),
    printer: Printer,
) -> Result<Outcome, RunError> {
    let mut findings = list.findings();
    // Whoever mistyped an address does not confirm it, and the writer cannot correct it.
    // Forms are submitted twice, and the file only grows.
    findings.retain(|finding| !["list-address", "list-repeated"].contains(&finding.rule));
    let report = ask(&mut list, context, session, args.dry_run).await?;
    if args.json {
        let mut object = json!(report);
        object["dry_run"] = json!(args.dry_run);
        object["findings"] = json!(findings);
        printer.json(&object)?;
    } else {
        let is_new = if args.dry_run {
            vec![true; findings.len()]
        } else {
            note_rows(args, &findings, session).await?
        };
        // Cron reads the same file again and again: a wrong row is news once.
        let news = findings.iter().zip(is_new).filter(|(_, is_new)| *is_new || !printer.is_quiet());
        printer.warnings(&news.map(|(finding, _)| finding.clone()).collect::<Vec<_>>());
        printer.info(asked_in_words(&report, args.dry_run));
    }
    if !args.dry_run
        && let Some(blocker) = send_confirmations(context, session).await?
    {
        printer.warn(format!("warning: {blocker}"));
    }
    let skipped = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if skipped { Outcome::UserError } else { Outcome::Done })
}

/// Which findings the last reading of this file did not have. The ledger remembers their fingerprints.
async fn note_rows(
    args: &ImportArgs,
    findings: &[Finding],
    session: &LedgerSession,
) -> Result<Vec<bool>, RunError> {
    let file = args.file.canonicalize_utf8().unwrap_or_else(|_| args.file.clone());
    let key = format!("asked_rows {}", fingerprint(file.as_str().as_bytes()));
    let rows: Vec<String> =
        findings.iter().map(|finding| fingerprint(finding.to_string().as_bytes())).collect();
    let before = session.store.get_meta(&key).await?.unwrap_or_default();
    let after = rows.join(" ");
    if after != before {
        session.store.set_meta(&key, &after).await?;
    }
    let before: BTreeSet<&str> = before.split(' ').collect();
    Ok(rows.iter().map(|row| !before.contains(row.as_str())).collect())
}

fn asked_in_words(report: &AskedReport, dry_run: bool) -> String {
    let begin = if dry_run { "dry run, nobody is asked: at most " } else { "" };
    let rest: Vec<String> = [
        (report.known, "subscribed already"),
        (report.repeated, "taken before"),
        (report.too_old, "older than 7 days"),
        (report.undated, "without the time of the form (--column consented_at=HEADING names its column)"),
        (report.suppressed, "suppressed"),
        (report.limited, "over a limit, to be asked when the file is read again"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!(", {number} {what}"))
    .collect();
    format!("{begin}{} asked to confirm{}", count(report.asked, "person"), rest.concat())
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

/// What became of all rows, in one line: a list with many mistakes has many other lines.
fn read_in_words(listed: &ByStatus, findings: &[Finding]) -> String {
    let ByStatus { active, unconfirmed, unsubscribed, suppressed } = listed;
    let rows = |is_such: &dyn Fn(&Finding) -> bool| -> u64 {
        findings.iter().filter(|finding| is_such(finding)).map(|finding| finding.rows() as u64).sum()
    };
    let mut line = format!(
        "{} read: {active} active, {unconfirmed} unconfirmed, {unsubscribed} unsubscribed, {suppressed} suppressed",
        count(listed.total(), "subscriber")
    );
    let skipped = rows(&|finding| finding.severity == Severity::Error);
    if skipped > 0 {
        let _ = write!(line, "; {} skipped", count(skipped, "row"));
    }
    let doubtful = rows(&|finding| finding.rule == "list-address");
    if doubtful > 0 {
        let _ = write!(line, "; {doubtful} with a doubtful address, imported unchanged");
    }
    line
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
