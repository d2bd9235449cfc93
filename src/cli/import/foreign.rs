//! `letterpress import wordpress|ghost|feed`: writes each post as soon as it is read, and reports what was skipped or needs
//! a look.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;
use url::Url;

use super::super::Outcome;
use super::super::args::{is_url, open, remote_feed};
use super::super::printer::{Printer, count};
use super::write;
use crate::delivery::progress::ProgressEvent;
use crate::finding::Finding;
use crate::importers::encoding::{self, EncodingSurvey};
use crate::importers::imported_post::{ImportItem, ImportedPost, PostFile, PostFileWriter};
use crate::importers::wordpress::{self, WordpressOptions};
use crate::importers::{feed, ghost};
use crate::net::http::{Download, Fetched};
use crate::pipeline::session::{RunContext, RunError};

/// Larger images are not downloaded.
const MAX_PICTURE: usize = 20 << 20;

#[derive(Args)]
pub(in crate::cli) struct Options {
    /// List the files that would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Download the images of each post and store them beside it; otherwise posts link to the originals.
    #[arg(long, conflicts_with = "dry_run")]
    download: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

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
fn open_xml(file: &Utf8Path) -> Result<(File, EncodingSurvey), RunError> {
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

/// What an import did, or would do.
#[derive(Default, Serialize)]
struct Report {
    written: Vec<Utf8PathBuf>,
    /// Existing files with the same content.
    unchanged: Vec<Utf8PathBuf>,
    /// Existing files with other content; they are not changed.
    kept: Vec<Utf8PathBuf>,
    pictures: u64,
    findings: Vec<Finding>,
    /// Skipped items that are not posts: kind and number.
    others: BTreeMap<String, u64>,
}

struct ImportSession<'w> {
    source: &'w str,
    options: &'w Options,
    context: &'w RunContext,
    printer: Printer,
    writer: PostFileWriter<'w>,
    folder: Utf8PathBuf,
    report: Report,
    /// The first I/O error; nothing is written after it.
    failed: Option<RunError>,
}

impl<'w> ImportSession<'w> {
    fn new(source: &'w str, options: &'w Options, context: &'w RunContext, printer: Printer) -> Self {
        let config = &context.config;
        // Without --json each file is printed as it is written.
        if options.json {
            (context.on_progress)(ProgressEvent::Begin {
                what: format!("reading {source}"),
                unit: "post",
                total: None,
            });
        }
        Self {
            source,
            options,
            context,
            printer,
            writer: PostFileWriter::new(&config.site.url, &config.site.language),
            folder: config.resolve(&config.archive.posts),
            report: Report::default(),
            failed: None,
        }
    }

    fn item(&mut self, item: ImportItem) {
        match item {
            ImportItem::Post(post) => self.take(&post),
            ImportItem::Other(kind) => *self.report.others.entry(kind).or_default() += 1,
            ImportItem::LeftOut(title, why) => self.skip(&title, &why, 0),
        }
    }

    fn take(&mut self, post: &ImportedPost) {
        if self.failed.is_some() {
            return;
        }
        (self.context.on_progress)(ProgressEvent::Done(1));
        match self.writer.file(post) {
            Err(why) => self.skip(&post.title, &why, post.line),
            Ok(file) => {
                for (rule, words) in &file.remarks {
                    self.remark(rule, &file.title, words, post.line);
                }
                if let Err(error) = self.write_post(&file, post) {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn write_post(&mut self, file: &PostFile, post: &ImportedPost) -> Result<(), RunError> {
        let path = self.folder.join(&file.file_name);
        let bundle = self.folder.join(file.file_name.trim_end_matches(".md")).join("index.md");
        if let Some(there) = [&path, &bundle].into_iter().find(|path| path.exists()) {
            let is_same = std::fs::read(there).is_ok_and(|bytes| bytes == file.contents.as_bytes());
            // In a bundle the image links point to local files, so its text differs from the export.
            let is_same = is_same || *there == bundle;
            let list = if is_same { &mut self.report.unchanged } else { &mut self.report.kept };
            list.push(there.clone());
            return Ok(());
        }
        let mut written = path;
        if !self.options.dry_run {
            let downloaded = if self.options.download { self.fetch(file, &bundle)? } else { HashMap::new() };
            if downloaded.is_empty() {
                write(&written, file.contents.as_bytes())?;
            } else {
                write(&bundle, PostFileWriter::bundle(file, post, &downloaded).contents.as_bytes())?;
                self.report.pictures += downloaded.len() as u64;
                written = bundle;
            }
        }
        if !self.options.json {
            if self.options.dry_run {
                self.printer.stdout(written.as_str());
            } else {
                self.printer.info(written.as_str());
            }
        }
        self.report.written.push(written);
        Ok(())
    }

    /// Downloads the images of a post into its folder; returns URL and file name. An image that cannot be downloaded stays a link.
    fn fetch(&mut self, file: &PostFile, index: &Utf8Path) -> Result<HashMap<String, String>, RunError> {
        let mut download = Download::default();
        (download.max_bytes, download.site) = (MAX_PICTURE, self.context.config.public_site());
        let mut downloaded: HashMap<String, String> = HashMap::new();
        for address in &file.pictures {
            let fetched = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(download.fetch(address, None))
            });
            let picture = match fetched {
                Ok(Fetched::Document(body)) if is_picture(body.media_type.as_deref()) => body,
                Ok(_) => {
                    self.remark("import-picture", &file.title, &format!("{address} is not an image"), 0);
                    continue;
                }
                Err(error) => {
                    self.remark("import-picture", &file.title, &error.to_string(), 0);
                    continue;
                }
            };
            let name = picture_name(address, downloaded.len() + 1);
            let path = index.with_file_name(&name);
            if !path.exists() {
                write(&path, &picture.bytes)?;
            }
            downloaded.insert(address.clone(), name);
        }
        Ok(downloaded)
    }

    fn skip(&mut self, title: &str, why: &str, line: usize) {
        self.remark("import-left-out", title, &format!("skipped: {why}"), line);
    }

    fn remark(&mut self, rule: &'static str, title: &str, words: &str, line: usize) {
        let title: String = title.chars().take(60).collect();
        let finding = Finding::warning(rule, self.source, format!("{title:?}: {words}"));
        self.report.findings.push(if line > 0 { finding.at(line) } else { finding });
    }

    fn finish(mut self) -> Result<Outcome, RunError> {
        (self.context.on_progress)(ProgressEvent::End);
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let report = &self.report;
        let ended =
            if report.kept.is_empty() || self.options.dry_run { Outcome::Done } else { Outcome::UserError };
        if self.options.json {
            self.printer.json(report)?;
            return Ok(ended);
        }
        self.printer.warnings(&report.findings);
        let verb = if self.options.dry_run { "would be written" } else { "written" };
        let posts = count(report.written.len() as u64, "post");
        let folder = self.context.config.archive.posts.as_str();
        self.printer.info(format!("{posts} {verb} into {folder}/"));
        if report.pictures > 0 {
            self.printer.info(format!("{} downloaded", count(report.pictures, "image")));
        }
        if !report.unchanged.is_empty() {
            self.printer.info(format!("{} already imported", count(report.unchanged.len() as u64, "post")));
        }
        for (kind, number) in &report.others {
            self.printer.info(format!("skipped: {}", count(*number, kind)));
        }
        for path in &report.kept {
            self.printer.warn(format!("{path} exists and was not changed"));
        }
        Ok(ended)
    }
}

fn is_picture(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| media_type.trim_start().to_ascii_lowercase().starts_with("image/"))
}

/// A file name from the last part of a URL. Its number makes it unique in the folder.
fn picture_name(address: &str, number: usize) -> String {
    let url = Url::parse(address).ok();
    let last =
        url.as_ref().and_then(|url| url.path_segments()?.next_back().map(str::to_owned)).unwrap_or_default();
    let readable = crate::archive::links::readable(&last);
    let plain = |text: &str| -> String {
        let kept = text.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' });
        kept.take(60).collect()
    };
    let (stem, extension) = readable.rsplit_once('.').unwrap_or((readable.as_str(), "img"));
    let extension: String = extension.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let extension = if extension.is_empty() { "img".to_owned() } else { extension.to_ascii_lowercase() };
    format!("{number}-{}.{extension}", plain(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_gets_a_safe_and_unique_file_name() {
        for (address, name) in [
            ("https://a.example/2024/%EA%B7%B8%EB%A6%BC%201.JPG?w=600", "1-그림-1.jpg"),
            ("https://a.example/..%2F..%2Fetc%2Fpasswd", "1-----.etcpa"),
            ("https://a.example/", "1-.img"),
            ("https://a.example/a.p/n-g", "1-n-g.img"),
        ] {
            assert_eq!(picture_name(address, 1), name, "{address}");
        }
        assert_ne!(
            picture_name("https://a.example/x/a.png", 1),
            picture_name("https://a.example/y/a.png", 2)
        );
    }

    #[test]
    fn the_media_type_decides_what_is_an_image() {
        assert!(is_picture(Some("image/png")) && is_picture(Some(" Image/JPEG; a=b")));
        assert!(!is_picture(Some("text/html")) && !is_picture(None));
    }
}
