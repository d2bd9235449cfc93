//! Lists of subscribers: `newsletter.list`, which every run reads, and files that are imported.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use camino::Utf8Path;

use crate::config::{DateOrder, Newsletter};
use crate::delivery::progress::ProgressEvent;
use crate::finding::{Finding, Severity};
use crate::importers::subscriber_import::{
    ImportOptions, ListError, ListSummary, MAX_BYTES, Service, SubscriberList, clean_source,
};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::store::subscriber_store::SubscriberSource;
use crate::subscribers::token::TokenKeys;
use crate::subscribers::{AddressKey, ImportCounts, NewSubscriber};
use crate::text::hex;

/// Reads `newsletter.list`, if it is set and has changed. Adds subscribers and never removes any.
pub async fn import_list(
    context: &RunContext,
    session: &LedgerSession,
) -> Result<(Option<ImportCounts>, Vec<Finding>), RunError> {
    let config = &context.config;
    let Some(list) = &config.newsletter.list else { return Ok((None, Vec::new())) };
    let path = config.resolve(list);
    let unreadable = |error: io::Error| {
        RunError::user(
            format!("cannot read newsletter.list, {path}: {error}"),
            "create the file with the first line email,name,consented; or remove newsletter.list from config.toml",
        )
    };
    let mut file = open_list(&path).map_err(unreadable)?;
    let seen = format!("{} {}", hex(&digest(&mut file).map_err(unreadable)?), settings(&config.newsletter));
    // A date of consent in the future becomes valid with time, so a list with one is read again once a day.
    let seen_today = format!("{seen} {}", context.clock.now().date_naive());
    let note = session.store.get_meta("list").await?;
    if note.is_some_and(|note| note == seen || note == seen_today) {
        return Ok((None, Vec::new()));
    }
    let options = ImportOptions::of_config(&config.newsletter, context.clock.now()).map_err(ListError::from);
    let list = options.and_then(|options| ListImport::open(file, options, session));
    let list = list.map_err(|error| match error {
        ListError::Io(error) => unreadable(error),
        ListError::Refused(finding) => RunError::Findings(vec![*finding]),
    })?;
    let (findings, has_future) = (list.findings(), list.summary().has_future);
    let imported = list.run(context, session, false).await?;
    if findings.iter().all(|finding| finding.severity < Severity::Error) {
        session.store.set_meta("list", if has_future { &seen_today } else { &seen }).await?;
    }
    Ok((Some(imported), findings))
}

/// The settings with which a list was read: with others, it is read again.
fn settings(newsletter: &Newsletter) -> String {
    let Newsletter { list_confirmed, list_dates, list_columns, list_state_columns, list_encoding, .. } =
        newsletter;
    let mut settings = format!("{list_confirmed}{}", list_dates.map_or("", DateOrder::as_str));
    for setting in list_columns.iter().chain(list_state_columns).chain(list_encoding) {
        settings.push(' ');
        settings.push_str(setting);
    }
    settings
}

/// Opens a list. What is not a file, such as a pipe, is copied to one, because a list is read more than once.
pub(crate) fn open_list(path: &Utf8Path) -> io::Result<File> {
    let mut list = File::open(path)?;
    if list.metadata()?.is_file() {
        return Ok(list);
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut (&mut list).take(MAX_BYTES + 1), &mut copy)?;
    Ok(copy)
}

/// The SHA-256 of a file.
fn digest(file: &mut File) -> io::Result<Vec<u8>> {
    let (mut hash, mut buffer) = (Context::new(&SHA256), vec![0; 64 * 1024]);
    file.rewind()?;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finish().as_ref().to_vec()),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// A list that was read once, and can be imported.
pub(crate) struct ListImport {
    list: SubscriberList<File>,
    file: String,
    /// The source of subscribers for whom the list has none.
    origin: String,
    keys: Arc<TokenKeys>,
}

impl ListImport {
    pub(crate) fn open(
        list: File,
        options: ImportOptions,
        session: &LedgerSession,
    ) -> Result<Self, ListError> {
        let file = options.file.clone();
        let list = SubscriberList::open(list, options)?;
        // Normalised like an import column, so that an exported list can be imported unchanged.
        let origin = clean_source(&match list.summary().service {
            Some(service) if service != Service::Letterpress => format!("{file} ({service})"),
            _ => file.clone(),
        });
        Ok(Self { list, file, origin, keys: Arc::clone(&session.keys) })
    }

    pub(crate) fn summary(&self) -> &ListSummary {
        self.list.summary()
    }

    /// Rejected rows as errors, and warnings.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.summary().findings.clone();
        for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
            finding.message = format!("row skipped: {}", finding.message);
        }
        findings
    }

    /// Imports the list; with `dry_run` changes nothing and returns what would change.
    pub(crate) async fn run(
        self,
        context: &RunContext,
        session: &LedgerSession,
        dry_run: bool,
    ) -> Result<ImportCounts, RunError> {
        let what = format!("importing {}", self.file);
        (context.on_progress)(ProgressEvent::Begin { what, unit: "row", total: None });
        let imported = if dry_run {
            session.store.preview_import(self).await
        } else {
            session.store.import_subscribers(self, context.clock.now()).await
        };
        (context.on_progress)(ProgressEvent::End);
        Ok(imported?)
    }
}

impl SubscriberSource for ListImport {
    fn rewind(&mut self) -> io::Result<()> {
        self.list.rewind()
    }

    fn next(&mut self) -> io::Result<Option<NewSubscriber>> {
        let Some(row) = self.list.next_row()? else { return Ok(None) };
        Ok(Some(NewSubscriber {
            key: AddressKey(self.keys.address_key(&row.profile.email)),
            profile: row.profile,
            source: row.source.unwrap_or_else(|| self.origin.clone()),
            added_at: row.added_at,
            status_since: row.state_since,
            unproven: row.unproven,
        }))
    }
}
