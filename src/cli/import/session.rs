//! One import: writes each post as soon as it is read, and reports what was skipped or needs a look.

use std::collections::{BTreeMap, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;
use url::Url;

use super::super::Outcome;
use super::super::args::is_url;
use super::super::printer::{Printer, count};
use super::write;
use crate::delivery::progress::ProgressEvent;
use crate::finding::Finding;
use crate::importers::exports::ExportFiles;
use crate::importers::imported_post::{ImportItem, ImportedPost, PostFile, PostFileWriter};
use crate::net::http::{Download, Fetched};
use crate::pipeline::session::{RunContext, RunError};

/// Larger images are not downloaded.
const MAX_PICTURE: usize = 20 << 20;
/// Larger files of an export are not copied.
const MAX_ATTACHMENT: usize = 100_000_000;

#[derive(Args)]
pub(in crate::cli) struct Options {
    /// List the files that would be written, and write nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Download the images of each post and store them beside it; otherwise posts link to the originals.
    #[arg(long, conflicts_with = "dry_run")]
    download: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What an import did, or would do.
#[derive(Default, Serialize)]
pub(super) struct Report {
    written: Vec<Utf8PathBuf>,
    /// Existing files with the same content.
    unchanged: Vec<Utf8PathBuf>,
    /// Existing files with other content; they are not changed.
    kept: Vec<Utf8PathBuf>,
    pictures: u64,
    /// Files of the export that were copied beside their posts.
    attachments: u64,
    /// The list of subscribers in the export.
    pub(super) subscribers: Option<String>,
    pub(super) findings: Vec<Finding>,
    /// Skipped items that are not posts: kind and number.
    pub(super) others: BTreeMap<String, u64>,
}

pub(super) struct ImportSession<'w> {
    source: &'w str,
    options: &'w Options,
    context: &'w RunContext,
    printer: Printer,
    writer: PostFileWriter<'w>,
    folder: Utf8PathBuf,
    pub(super) report: Report,
    /// The files of the export, if it is a folder or a zip.
    pub(super) files: Option<&'w dyn ExportFiles>,
    /// The first I/O error; nothing is written after it.
    failed: Option<RunError>,
}

impl<'w> ImportSession<'w> {
    pub(super) fn new(
        source: &'w str,
        options: &'w Options,
        context: &'w RunContext,
        printer: Printer,
    ) -> Self {
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
            files: None,
            failed: None,
        }
    }

    pub(super) fn item(&mut self, item: ImportItem) {
        match item {
            ImportItem::Post(post) => self.take(&post),
            ImportItem::Other(kind) => *self.report.others.entry(kind).or_default() += 1,
            ImportItem::LeftOut(title, why) => self.skip(&title, &why, 0),
        }
    }

    pub(super) fn take(&mut self, post: &ImportedPost) {
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
        let mut written = if post.attachments.is_empty() { path } else { bundle.clone() };
        if !self.options.dry_run {
            let mut beside = self.copy(file, post, &bundle)?;
            if self.options.download {
                beside.extend(self.fetch(file, &bundle)?);
            }
            if beside.is_empty() && post.attachments.is_empty() {
                write(&written, file.contents.as_bytes())?;
            } else {
                write(&bundle, PostFileWriter::bundle(file, post, &beside).contents.as_bytes())?;
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

    /// Copies the files of the export that a post refers to into its folder; returns how it refers to them, and their
    /// names.
    fn copy(
        &mut self,
        file: &PostFile,
        post: &ImportedPost,
        index: &Utf8Path,
    ) -> Result<HashMap<String, String>, RunError> {
        let mut copied = HashMap::new();
        let Some(files) = self.files else { return Ok(copied) };
        for attachment in &post.attachments {
            let path = index.with_file_name(&attachment.name);
            match files.bytes(&attachment.source, MAX_ATTACHMENT) {
                Ok(bytes) if !path.exists() => write(&path, &bytes)?,
                Ok(_) => {}
                Err(error) => {
                    let words = format!("{} cannot be read: {error}", attachment.source);
                    self.remark("import-attachment", &file.title, &words, 0);
                    continue;
                }
            }
            self.report.attachments += 1;
            copied.insert(attachment.address.clone(), attachment.name.clone());
        }
        Ok(copied)
    }

    /// Downloads the images of a post into its folder; returns URL and file name. An image that cannot be downloaded stays a link.
    fn fetch(&mut self, file: &PostFile, index: &Utf8Path) -> Result<HashMap<String, String>, RunError> {
        let mut download = Download::default();
        (download.max_bytes, download.site) = (MAX_PICTURE, self.context.config.public_site());
        let mut downloaded: HashMap<String, String> = HashMap::new();
        // An address without a scheme is that of a file of the export.
        for address in file.pictures.iter().filter(|address| is_url(address)) {
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
        self.report.pictures += downloaded.len() as u64;
        Ok(downloaded)
    }

    pub(super) fn skip(&mut self, title: &str, why: &str, line: usize) {
        self.remark("import-left-out", title, &format!("skipped: {why}"), line);
    }

    fn remark(&mut self, rule: &'static str, title: &str, words: &str, line: usize) {
        let title: String = title.chars().take(60).collect();
        let finding = Finding::warning(rule, self.source, format!("{title:?}: {words}"));
        self.report.findings.push(if line > 0 { finding.at(line) } else { finding });
    }

    pub(super) fn finish(mut self) -> Result<Outcome, RunError> {
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
        if report.attachments > 0 {
            self.printer.info(format!("{} copied", count(report.attachments, "file")));
        }
        if !report.unchanged.is_empty() {
            self.printer.info(format!("{} already imported", count(report.unchanged.len() as u64, "post")));
        }
        for (kind, number) in &report.others {
            self.printer.info(format!("skipped: {}", count(*number, kind)));
        }
        if let Some(command) = &report.subscribers {
            self.printer.info(format!("it has subscribers, too; next: {command}"));
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
