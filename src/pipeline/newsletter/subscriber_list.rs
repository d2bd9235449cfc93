//! Lists of subscribers: `newsletter.list`, which every run reads, and files that are imported.

use aws_lc_rs::digest::{SHA256, digest};

use crate::config::DateOrder;
use crate::delivery::progress::ProgressEvent;
use crate::finding::{Finding, Severity};
use crate::importers::subscriber_import;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::subscribers::{ImportCounts, NewSubscriber};
use crate::text::hex;

/// Reads `newsletter.list`, if it is set and has changed. Adds subscribers and never removes any.
pub async fn import_list(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<(Option<ImportCounts>, Vec<Finding>), RunError> {
    let config = &context.config;
    let Some(list) = &config.newsletter.list else { return Ok((None, Vec::new())) };
    let path = config.resolve(list);
    let bytes = std::fs::read(&path).map_err(|error| {
        RunError::user(
            format!("cannot read newsletter.list, {path}: {error}"),
            "create the file with the first line email,name,consented; or remove newsletter.list from config.toml",
        )
    })?;
    let confirmed = config.newsletter.list_confirmed;
    let dates = config.newsletter.list_dates;
    let order = dates.map_or("", DateOrder::as_str);
    let seen = format!("{} {confirmed}{order}", hex(digest(&SHA256, &bytes).as_ref()));
    // A date of consent in the future becomes valid with time, so the list is read again once a day.
    let note = format!("{seen} {}", context.clock.now().date_naive());
    if session.store.get_meta("list").await?.as_deref() == Some(&note) {
        return Ok((None, Vec::new()));
    }
    let options = subscriber_import::ImportOptions {
        confirmed,
        dates,
        ..subscriber_import::ImportOptions::new(list.as_str(), context.clock.now())
    };
    let SubscriberList { subscribers: rows, findings: rejected, .. } =
        read_subscribers(&bytes, options, session)?;
    (context.on_progress)(ProgressEvent::Begin {
        what: format!("importing {list}"),
        unit: "row",
        total: None,
    });
    let imported = session.store.add_subscribers(rows, context.clock.now()).await?;
    (context.on_progress)(ProgressEvent::End);
    if rejected.iter().all(|finding| finding.severity < Severity::Error) {
        session.store.set_meta("list", &note).await?;
    }
    Ok((Some(imported), rejected))
}

/// The subscribers of a list.
pub(crate) struct SubscriberList {
    /// The subscribers.
    pub(crate) subscribers: Vec<NewSubscriber>,
    /// Rejected rows as errors, and warnings.
    pub(crate) findings: Vec<Finding>,
    /// The service that exported the list, if recognised.
    pub(crate) service: Option<subscriber_import::Service>,
    /// Ignored columns.
    pub(crate) ignored: Vec<String>,
}

/// The subscribers of a list, and findings about rejected rows.
pub(crate) fn read_subscribers(
    bytes: &[u8],
    options: subscriber_import::ImportOptions<'_>,
    session: &LedgerSession,
) -> Result<SubscriberList, RunError> {
    let file = options.file;
    let import =
        subscriber_import::read(bytes, options).map_err(|finding| RunError::Findings(vec![finding]))?;
    let rejected = import
        .rejected
        .iter()
        .map(|row| Finding::error("readers-row", file, format!("row skipped: {}", row.reason)).at(row.line));
    let findings = rejected.chain(import.warnings).collect();
    // Normalised like an import column, so that an exported list can be imported unchanged.
    let origin = subscriber_import::clean_source(&match import.service {
        Some(service) if service != subscriber_import::Service::Letterpress => format!("{file} ({service})"),
        _ => file.to_owned(),
    });
    let new_subscriber = |row: subscriber_import::SubscriberRow| NewSubscriber {
        key: session.key_of(&row.profile.email),
        profile: row.profile,
        source: row.source.unwrap_or_else(|| origin.clone()),
        added_at: row.added_at,
        status_since: row.state_since,
        unproven: row.unproven,
    };
    let subscribers = import.rows.into_iter().map(new_subscriber).collect();
    Ok(SubscriberList { subscribers, findings, service: import.service, ignored: import.ignored })
}
