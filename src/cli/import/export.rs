//! `letterpress import substack|medium|blogger|…`: exports that are a folder, a zip, or one file of it.

use std::fs::{self, File};
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use super::super::Outcome;
use super::super::args::open;
use super::super::printer::Printer;
use super::foreign::open_xml;
use super::session::{ImportSession, Options};
use crate::finding::Finding;
use crate::importers::exports::zip::{MAGIC, ZipFiles};
use crate::importers::exports::{self, ExportFiles, ExportSite, ExportSource, MAX_FILES};
use crate::importers::feed;
use crate::importers::imported_post::ImportedPost;
use crate::pipeline::session::{RunContext, RunError};
use crate::text::shell_quoted;

/// Folders in folders, at most.
const MAX_DEPTH: usize = 32;

pub(super) fn run(
    source: ExportSource,
    (path, options): (&Utf8Path, &Options),
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let files = open_files(path)?;
    let site = &context.config.site;
    let site = ExportSite { url: site.url.as_url(), zone: site.timezone };
    let mut session = ImportSession::new(path.as_str(), options, context, printer);
    session.files = Some(files.as_ref());
    exports::posts(source, (files.as_ref(), path.as_str()), site, &mut |item| session.item(item))
        .map_err(|finding| RunError::Findings(vec![finding]))?;
    offer_subscribers(path, files.as_ref(), &mut session);
    session.finish()
}

/// Blogger exports one feed for each blog: alone, or in the folder or zip of Google Takeout.
pub(super) fn blogger(
    path: &Utf8Path,
    options: &Options,
    context: &RunContext,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let findings = |finding| RunError::Findings(vec![finding]);
    let mut session = ImportSession::new(path.as_str(), options, context, printer);
    let site = context.config.site.url.as_url();
    let mut each = |mut entry: feed::Entry| {
        if let Some(kind) = entry.other {
            *session.report.others.entry(kind).or_default() += 1;
            return;
        }
        entry.link = entry.link.and_then(|link| site.join(&link).ok()).map(String::from);
        session.take(&ImportedPost::from(entry));
    };
    if !path.is_dir() && !is_zip(path)? {
        let (input, survey) = open_xml(path)?;
        let about = feed::stream(input, survey.encoding, path.as_str(), &mut each).map_err(findings)?;
        session.report.findings.extend(survey.finding.into_iter().chain(about.findings));
        return session.finish();
    }
    let files = open_files(path)?;
    let is_feed = |name: &&String| exports::is_of_type(name, "atom");
    let feeds: Vec<&String> = files.names().iter().filter(is_feed).collect();
    if feeds.is_empty() {
        let finding = Finding::error("export", path.as_str(), "it has no feed.atom")
            .hint("choose Blogger in Google Takeout, and name the .zip, its folder or the feed");
        return Err(findings(finding));
    }
    let mut notes = Vec::new();
    for name in feeds {
        let mut read = Ok(feed::About::default());
        files
            .visit(name, &mut |input| {
                read = feed::stream(input, None, name, &mut each);
                Ok(())
            })
            .map_err(|error| RunError::io(format!("reading {name} in {path}"), error))?;
        notes.extend(read.map_err(findings)?.findings);
    }
    session.report.findings.extend(notes);
    session.finish()
}

/// Says how the subscribers in the export are imported.
fn offer_subscribers(path: &Utf8Path, files: &dyn ExportFiles, session: &mut ImportSession<'_>) {
    let Some(list) = exports::subscribers(files) else { return };
    session.report.subscribers = Some(if path.is_dir() {
        format!("letterpress subscribers import {} --dry-run", shell_quoted(path.join(list).as_str()))
    } else {
        let (zip, list) = (shell_quoted(path.as_str()), shell_quoted(list));
        format!(
            "unzip -p {zip} {list} > subscribers.csv && letterpress subscribers import subscribers.csv --dry-run"
        )
    });
}

fn is_zip(path: &Utf8Path) -> Result<bool, RunError> {
    let mut head = Vec::new();
    let read = open(path)?.take(4).read_to_end(&mut head);
    read.map_err(|error| RunError::io(format!("reading {path}"), error))?;
    Ok(MAGIC.iter().any(|magic| head.starts_with(magic)))
}

fn open_files(path: &Utf8Path) -> Result<Box<dyn ExportFiles>, RunError> {
    if path.is_dir() {
        let folder = FolderFiles::new(path).map_err(|finding| RunError::Findings(vec![finding]))?;
        return Ok(Box::new(folder));
    }
    if is_zip(path)? {
        let zip =
            ZipFiles::new(open(path)?, path.as_str()).map_err(|finding| RunError::Findings(vec![finding]))?;
        return Ok(Box::new(zip));
    }
    let name = path.file_name().unwrap_or_default().to_owned();
    Ok(Box::new(FolderFiles { root: path.with_file_name(""), names: vec![name] }))
}

/// The files of an unpacked export. Links and hidden files are left out.
struct FolderFiles {
    root: Utf8PathBuf,
    names: Vec<String>,
}

impl FolderFiles {
    fn new(root: &Utf8Path) -> Result<Self, Finding> {
        let mut names = Vec::new();
        let wrong = |message: String| Finding::error("export", root.as_str(), message);
        let mut folders = vec![(Utf8PathBuf::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let listed = root.join(&folder).read_dir_utf8();
            for entry in listed.map_err(|error| wrong(format!("cannot read {folder}: {error}")))? {
                let Ok((entry, kind)) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))
                else {
                    continue;
                };
                if entry.file_name().starts_with('.') {
                    continue;
                }
                let name = folder.join(entry.file_name());
                if kind.is_dir() && depth < MAX_DEPTH {
                    folders.push((name, depth + 1));
                } else if kind.is_file() {
                    names.push(name.components().map(|part| part.as_str()).collect::<Vec<_>>().join("/"));
                }
            }
            if names.len() > MAX_FILES {
                return Err(wrong(format!("it has more than {MAX_FILES} files")));
            }
        }
        names.sort_unstable();
        Ok(Self { root: root.to_owned(), names })
    }
}

impl ExportFiles for FolderFiles {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn visit(&self, name: &str, read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        let path = self.root.join(name);
        if fs::symlink_metadata(&path)?.is_file() {
            read(&mut File::open(path)?)
        } else {
            Err(io::Error::other("not a file"))
        }
    }
}
