//! `letterpress import wordpress|ghost|feed`: exports and feeds that are one file.

use std::fs::File;

use camino::Utf8Path;

use super::super::Outcome;
use super::super::args::{is_url, open, remote_feed};
use super::super::printer::Printer;
use super::session::{ImportSession, Options};
use crate::importers::encoding::{self, EncodingSurvey};
use crate::importers::imported_post::ImportedPost;
use crate::importers::wordpress::{self, WordpressOptions};
use crate::importers::{feed, ghost};
use crate::pipeline::session::{RunContext, RunError};

pub(super) fn wordpress(
    file: &Utf8Path,
    (options, pages): (&Options, bool),
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let findings = |finding| RunError::Findings(vec![finding]);
    let (input, survey) = open_xml(file)?;
    let reading = WordpressOptions { zone: context.config.site.timezone, pages, encoding: survey.encoding };
    let overview = wordpress::overview(input, file.as_str(), survey.encoding).map_err(findings)?;
    let mut session = ImportSession::new(file.as_str(), options, context, printer);
    session.report.findings.extend(survey.finding);
    wordpress::items(open(file)?, file.as_str(), &overview, reading, &mut |item| session.item(item))
        .map_err(findings)?;
    session.finish()
}

/// Opens an XML file, after a look at its encoding. A pipe can be read only once.
pub(super) fn open_xml(file: &Utf8Path) -> Result<(File, EncodingSurvey), RunError> {
    let mut input = open(file)?;
    let survey = if input.metadata().is_ok_and(|metadata| metadata.is_file()) {
        encoding::survey(&mut input, file.as_str()).map_err(|finding| RunError::Findings(vec![finding]))?
    } else {
        EncodingSurvey::default()
    };
    Ok((input, survey))
}

pub(super) fn ghost(
    file: &Utf8Path,
    (options, pages): (&Options, bool),
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let site = &context.config.site;
    let place = ghost::Place { site: site.url.as_url(), zone: site.timezone, pages };
    let exported = ghost::read(open(file)?, file.as_str(), place)
        .map_err(|finding| RunError::Findings(vec![finding]))?;
    let mut session = ImportSession::new(file.as_str(), options, context, printer);
    for post in &exported.posts {
        session.take(post);
    }
    for (title, why) in exported.left_out {
        session.skip(&title, &why, 0);
    }
    if exported.pages > 0 {
        session.report.others.insert("page".to_owned(), exported.pages as u64);
    }
    session.finish()
}

pub(super) async fn feed(
    source: &str,
    options: &Options,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let findings = |finding| RunError::Findings(vec![finding]);
    let mut session = ImportSession::new(source, options, context, printer);
    let mut each = |entry: feed::Entry| match entry.other {
        Some(kind) => *session.report.others.entry(kind).or_default() += 1,
        None => session.take(&ImportedPost::from(entry)),
    };
    if is_url(source) {
        let feed = remote_feed(source, &context.config).await?;
        feed.entries.into_iter().for_each(each);
        session.report.findings.extend(feed.about.findings);
    } else {
        let (input, survey) = open_xml(Utf8Path::new(source))?;
        let about = feed::stream(input, survey.encoding, source, &mut each).map_err(findings)?;
        session.report.findings.extend(survey.finding.into_iter().chain(about.findings));
    }
    session.finish()
}
