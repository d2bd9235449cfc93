//! What a build wrote and left out, for `build` and `publish`.

use std::collections::BTreeSet;

use super::kept;
use crate::archive::{Archive, SkipReason};
use crate::cli::printer::{Printer, count};
use crate::pipeline::session::RunContext;
use crate::pipeline::site_build::BuildReport;

/// Prints what the feed part of a run did.
pub(in crate::cli) fn report(built: &BuildReport, context: &RunContext, printer: Printer) {
    let directory = context.config.resolve(&context.config.output.directory);
    if let Some(archive) = &built.archive {
        printer.warnings(&archive.findings);
        printer.warnings(archive.vanished.warning(&context.config).as_slice());
        left_out(archive, printer);
    }
    printer.warnings(&built.pages.findings);
    printer.warnings(&built.issues.findings);
    if built.written.is_empty() {
        printer.info(format!("feeds: unchanged ({} in {directory}/)", count(built.unchanged as u64, "file")));
        return report_pages(built, printer);
    }
    let posts = built.archive.as_ref().map_or(0, |archive| archive.posts.len());
    printer.info(format!(
        "feeds: {} from {} written to {directory}/, {} unchanged",
        count(built.written.len() as u64, "file"),
        count(posts as u64, "post"),
        built.unchanged
    ));
    if let Some(words) = built.shortened.describe(&context.config) {
        printer.info(format!("  {words}"));
    }
    report_pages(built, printer);
    let ledgers = &context.config.archive;
    let changed = [(built.ids_changed, ledgers.ids_file()), (built.pages_changed, ledgers.pages_file())];
    for (_, file) in changed.into_iter().filter(|(is_changed, _)| *is_changed) {
        printer.info(format!("  {}", kept::updated(&file, &context.config)));
    }
}

/// Prints how many pages and files changed.
fn report_pages(BuildReport { pages, issues, .. }: &BuildReport, printer: Printer) {
    let (written, removed) = (pages.written + issues.written, pages.removed + issues.removed);
    let copied = (pages.copied > 0).then(|| format!("{} copied", count(pages.copied as u64, "file")));
    let removed = (removed > 0).then(|| format!("{removed} removed"));
    let written = (written > 0).then(|| format!("{written} written"));
    let parts: Vec<String> = [written, copied, removed].into_iter().flatten().collect();
    if !parts.is_empty() {
        printer.info(format!("pages: {}", parts.join(", ")));
    }
}

/// If more files than this have the same problem, they are only counted.
const NAMED: usize = 5;

/// Prints which files are not published. Drafts are not mentioned: they stay out on purpose. A missing date is the most
/// likely mistake in a new post. Template tags are only counted: old sites have thousands.
fn left_out(archive: &Archive, printer: Printer) {
    let undated: Vec<_> =
        archive.skipped.iter().filter(|skipped| skipped.reason == SkipReason::Undated).collect();
    if undated.len() > NAMED {
        printer.info(format!(
            "{} skipped: no date; `letterpress check` lists them",
            count(undated.len() as u64, "file")
        ));
    } else {
        for skipped in undated {
            printer.info(format!(
                "{} skipped: no date; `letterpress check` says how to add one",
                skipped.source
            ));
        }
    }
    held_back(archive, printer);
    let tags: Vec<_> = archive.findings.iter().filter(|finding| finding.rule == "template-tag").collect();
    if !tags.is_empty() {
        let posts: BTreeSet<_> = tags.iter().map(|finding| &finding.file).collect();
        let (tags, posts) = (count(tags.len() as u64, "tag"), count(posts.len() as u64, "post"));
        printer.info(format!(
            "{tags} of the site generator removed from {posts}; `letterpress check` lists them"
        ));
    }
    let foreign: Vec<_> =
        archive.skipped.iter().filter(|skipped| matches!(skipped.reason, SkipReason::Format(_))).collect();
    if foreign.len() > NAMED {
        let files = count(foreign.len() as u64, "file");
        printer.info(format!("{files} skipped: not Markdown; `letterpress check` lists them"));
    } else {
        for skipped in foreign {
            printer.info(format!("{} {}", skipped.source, skipped.reason.describe().unwrap_or_default()));
        }
    }
}

/// Prints which posts a flag or a setting of the site excludes although they are not drafts.
fn held_back(archive: &Archive, printer: Printer) {
    let held = archive.skipped.iter().filter_map(|skipped| match &skipped.reason {
        why @ (SkipReason::HeldBack(_) | SkipReason::HeldUp(_)) => Some((&skipped.source, why.describe()?)),
        _ => None,
    });
    let held: Vec<_> = held.collect();
    if held.len() > NAMED {
        let files = count(held.len() as u64, "file");
        printer.info(format!(
            "{files} excluded by flags or by settings of the site; `letterpress check` lists them"
        ));
    } else {
        for (source, why) in held {
            printer.info(format!("{source} {why}"));
        }
    }
}
