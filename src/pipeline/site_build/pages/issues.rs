//! Writes the pages of issues into the public folder: what the ledger says was mailed, as it was mailed. A later edit of the
//! post changes nothing, and a retracted post takes its issues away.

use std::collections::HashMap;

use camino::Utf8PathBuf;

use super::public_folder::{PublicFolder, not_ours};
use super::record::{OF_ISSUES, Record};
use super::{PagesReport, conflicts, is_copy, limited, page_templates, save_record};
use crate::archive::ids::IdRegistry;
use crate::config::Config;
use crate::feeds::{Document, output};
use crate::finding::Finding;
use crate::pages::{IssueArchive, IssuePage};
use crate::pipeline::newsletter::IssueRenderer;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds::BuildReport;
use crate::store::Store;
use crate::store::subscriber_store::MailedIssue;

/// How many pages are rendered and written together.
const PORTION: usize = 50;

/// Adds the pages of issues to a build, also a second time: after issues were mailed. Returns whether that changed any.
pub(crate) async fn add(
    context: &RunContext,
    session: Option<&LedgerSession>,
    built: &mut BuildReport,
) -> Result<bool, RunError> {
    let PagesReport { written, removed, findings, files, .. } = write(context, session, built).await?;
    built.issues.written += written;
    built.issues.removed += removed;
    built.issues.findings = findings;
    built.issues.files = files;
    Ok(written + removed > 0)
}

/// Reads one row of the ledger if nothing changed.
async fn write(
    context: &RunContext,
    session: Option<&LedgerSession>,
    built: &BuildReport,
) -> Result<PagesReport, RunError> {
    let config = &context.config;
    let record = Record::read(config, OF_ISSUES);
    if !config.output.issues && record.is_empty() {
        return Ok(PagesReport::default());
    }
    let opened;
    let session = match session {
        Some(session) => Some(session),
        None if config.output.issues => {
            opened = LedgerSession::open_for_reading(config, context.clock.as_ref()).await?;
            opened.as_ref()
        }
        None => None,
    };
    let store = session.map(|session| session.store.as_ref()).filter(|_| config.output.issues);
    let state = match store {
        Some(store) => store.mailed_state().await?,
        None => Some(String::new()),
    };
    let inputs = state.map(|state| format!("{} {state}", built.inputs));
    let public = PublicFolder::open(config, &built.site.paths());
    let is_current = inputs.as_ref() == Some(&record.inputs)
        && config.output.issues
        && record.is_complete(&public.directory, &config.output.compress);
    if is_current {
        return Ok(PagesReport { files: files(&record, config), ..PagesReport::default() });
    }
    update(context, (store, &public), record, inputs.unwrap_or_default()).await
}

async fn update(
    context: &RunContext,
    (store, public): (Option<&Store>, &PublicFolder),
    mut record: Record,
    inputs: String,
) -> Result<PagesReport, RunError> {
    let config = &context.config;
    let issues = match store {
        Some(store) => without_retracted(config, store.mailed_issues().await?)?,
        None => Vec::new(),
    };
    let templates = page_templates(config)?;
    let zone = config.site.timezone;
    let pages = issues.iter().map(|issue| IssuePage {
        label: issue.week.as_ref().unwrap_or(&issue.label).clone(),
        subject: issue.subject.to_string(),
        sent: issue.frozen_at.with_timezone(&zone).fixed_offset(),
        content: issue.content.clone(),
    });
    let archive = IssueArchive::lay_out(pages.collect(), config, &templates).map_err(RunError::Findings)?;
    let planned = if config.output.issues { archive.planned_pages() } else { Vec::new() };
    let mut done = PagesReport::default();
    let (mut sheets, mut due, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    for sheet in planned {
        if record.is_unchanged(&public.directory, &sheet, &config.output.compress) {
            sheets.push(sheet);
        } else if !public.is_feed(&sheet.path) && public.may_write_page(&sheet.path) {
            due.push(sheet);
        } else {
            foreign.push(not_ours(&config.output.directory.join(&sheet.path)));
        }
    }
    for portion in due.chunks(PORTION) {
        let mut documents = Vec::with_capacity(portion.len());
        for sheet in portion {
            match (IssueArchive::issue(sheet), store) {
                (Some(at), Some(store)) => match template(store, &issues[at]).await? {
                    Ok(renderer) => documents.push(archive.render_issue(sheet, at, renderer.template())),
                    Err(unreadable) => foreign.push(unreadable),
                },
                _ => documents.push(archive.render(sheet)),
            }
        }
        let documents: Result<Vec<Document>, Finding> = documents.into_iter().collect();
        let documents = documents.map_err(|finding| RunError::Findings(vec![finding]))?;
        let written = output::write(&public.directory, &documents, &config.output.compress)
            .map_err(|error| conflicts(&error))?;
        done.written += written.written.iter().filter(|path| !is_copy(path)).count();
    }
    sheets.extend(due);
    done.removed = public.clear(&record, &sheets, |_| false);
    record.pages = save_record(public, &sheets, HashMap::new());
    // What could not be written is tried again by every run, and reported.
    record.inputs = if foreign.is_empty() { inputs } else { String::new() };
    record.write(config, OF_ISSUES);
    done.findings = limited(foreign);
    done.files = files(&record, config);
    Ok(done)
}

/// The email of an issue; a finding if it cannot be read.
async fn template(
    store: &Store,
    issue: &MailedIssue,
) -> Result<Result<Box<IssueRenderer>, Finding>, RunError> {
    let message = store.message_of(issue.number).await?.unwrap_or_default();
    Ok(serde_json::from_str(&message).map(Box::new).map_err(|error| {
        let what = format!("the issue {:?} in the ledger cannot be read: {error}", issue.label);
        Finding::warning("issue-page", "issues/", what).hint("`letterpress ledger verify` checks the ledger")
    }))
}

/// Without the issues that contain a retracted post.
fn without_retracted(config: &Config, issues: Vec<MailedIssue>) -> Result<Vec<MailedIssue>, RunError> {
    let file = config.archive.ids_file();
    let text = std::fs::read_to_string(config.resolve(&file)).unwrap_or_default();
    let ids = IdRegistry::parse(&text, file.as_str()).map_err(RunError::Findings)?;
    let is_retracted = |post: &String| ids.retracted(post).is_some();
    Ok(issues.into_iter().filter(|issue| !issue.posts.iter().any(is_retracted)).collect())
}

/// The pages and their compressed copies.
fn files(record: &Record, config: &Config) -> Vec<Utf8PathBuf> {
    let paths = record.pages.keys().map(Utf8PathBuf::from);
    paths
        .flat_map(|path| output::compressed(&path, &config.output.compress).into_iter().chain([path]))
        .collect()
}
