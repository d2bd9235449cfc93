//! `letterpress import wordpress|ghost|feed`: each post becomes a file as soon as it was read. What was left out, and what
//! should be looked at, is said with its reason.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;
use url::Url;

use super::super::Outcome;
use super::super::printer::{Printer, count};
use super::write;
use crate::delivery::watch::Tick;
use crate::finding::Finding;
use crate::importers::download::{Download, Fetched};
use crate::importers::story::{Desk, PostFile, Story};
use crate::importers::{feed, ghost, wordpress};
use crate::pipeline::{RunError, World};

/// A picture of a post; larger ones stay where they are.
const MAX_PICTURE: usize = 20 << 20;
/// A feed with everything that was ever written.
const MAX_FEED: usize = 64 << 20;

#[derive(Args)]
pub(in crate::cli) struct Options {
    /// List what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Fetch the pictures of each post and put them beside it; without this they stay where they are.
    #[arg(long, conflicts_with = "dry_run")]
    download: bool,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn wordpress(
    file: &Utf8Path,
    options: &Options,
    world: &World,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let zone = world.config.site.timezone;
    let findings = |finding| RunError::Findings(vec![finding]);
    let overview = wordpress::overview(open(file)?, file.as_str()).map_err(findings)?;
    let mut taking = Taking::new(file.as_str(), options, world, printer);
    wordpress::items(open(file)?, file.as_str(), &overview, zone, &mut |item| match item {
        wordpress::Item::Story(story) => taking.take(&story),
        wordpress::Item::Other(kind) => *taking.report.others.entry(kind).or_default() += 1,
        wordpress::Item::LeftOut(title, why) => taking.leave_out(&title, &why, 0),
    })
    .map_err(findings)?;
    taking.finish()
}

pub(super) fn ghost(
    file: &Utf8Path,
    options: &Options,
    world: &World,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let site = &world.config.site;
    let place = ghost::Place { site: site.url.as_url(), zone: site.timezone };
    let exported = ghost::read(open(file)?, file.as_str(), place)
        .map_err(|finding| RunError::Findings(vec![finding]))?;
    let mut taking = Taking::new(file.as_str(), options, world, printer);
    for story in &exported.stories {
        taking.take(story);
    }
    for (title, why) in exported.left_out {
        taking.leave_out(&title, &why, 0);
    }
    if exported.pages > 0 {
        taking.report.others.insert("page".to_owned(), exported.pages as u64);
    }
    taking.finish()
}

pub(super) async fn feed(
    source: &str,
    options: &Options,
    world: &World,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let findings = |finding| RunError::Findings(vec![finding]);
    let mut taking = Taking::new(source, options, world, printer);
    let mut each = |entry: feed::Entry| match entry.other {
        Some(kind) => *taking.report.others.entry(kind).or_default() += 1,
        None => taking.take(&Story::from(entry)),
    };
    if is_address(source) {
        let bytes = fetch_feed(source).await?;
        feed::stream(bytes.as_slice(), source, &mut each).map_err(findings)?;
    } else {
        feed::stream(open(Utf8Path::new(source))?, source, &mut each).map_err(findings)?;
    }
    taking.finish()
}

pub(in crate::cli) fn is_address(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// The feed at an address, through the guarded downloader.
pub(in crate::cli) async fn fetch_feed(address: &str) -> Result<Vec<u8>, RunError> {
    let mut download = Download::default();
    (download.max_bytes, download.timeout) = (MAX_FEED, Duration::from_secs(60));
    match download.fetch(address, None).await {
        Ok(Fetched::Document(body)) => Ok(body.bytes),
        Ok(Fetched::NotModified) => Ok(Vec::new()),
        Err(error) => Err(RunError::user(
            format!("the feed was not fetched: {error}"),
            "fetch it yourself, for example with curl, and name the file",
        )),
    }
}

pub(in crate::cli) fn open(file: &Utf8Path) -> Result<File, RunError> {
    File::open(file)
        .map_err(|error| RunError::user(format!("cannot read {file}: {error}"), "name a file that is there"))
}

/// What an import did, or would do.
#[derive(Default, Serialize)]
struct Report {
    written: Vec<Utf8PathBuf>,
    /// There already, and the same.
    unchanged: Vec<Utf8PathBuf>,
    /// There already, and different: they stay.
    kept: Vec<Utf8PathBuf>,
    pictures: u64,
    findings: Vec<Finding>,
    /// What is no post: kind and number.
    others: BTreeMap<String, u64>,
}

struct Taking<'w> {
    source: &'w str,
    options: &'w Options,
    world: &'w World,
    printer: Printer,
    desk: Desk<'w>,
    folder: Utf8PathBuf,
    report: Report,
    /// The first thing that the system refused; nothing is written after it.
    failed: Option<RunError>,
}

impl<'w> Taking<'w> {
    fn new(source: &'w str, options: &'w Options, world: &'w World, printer: Printer) -> Self {
        let config = &world.config;
        // Otherwise each file is named as it is written.
        if options.json {
            (world.watch)(Tick::Begin { what: format!("reading {source}"), unit: "post", total: None });
        }
        Self {
            source,
            options,
            world,
            printer,
            desk: Desk::new(&config.site.url, &config.site.language),
            folder: config.resolve(&config.archive.posts),
            report: Report::default(),
            failed: None,
        }
    }

    fn take(&mut self, story: &Story) {
        if self.failed.is_some() {
            return;
        }
        (self.world.watch)(Tick::Done(1));
        match self.desk.file(story) {
            Err(why) => self.leave_out(&story.title, &why, story.line),
            Ok(file) => {
                for (rule, words) in &file.remarks {
                    self.remark(rule, &file.title, words, story.line);
                }
                if let Err(error) = self.put(&file, story) {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn put(&mut self, file: &PostFile, story: &Story) -> Result<(), RunError> {
        let path = self.folder.join(&file.file_name);
        let bundle = self.folder.join(file.file_name.trim_end_matches(".md")).join("index.md");
        if let Some(there) = [&path, &bundle].into_iter().find(|path| path.exists()) {
            let is_same = std::fs::read(there).is_ok_and(|bytes| bytes == file.contents.as_bytes());
            // A bundle holds other addresses of its pictures than the export does.
            let is_same = is_same || *there == bundle;
            let list = if is_same { &mut self.report.unchanged } else { &mut self.report.kept };
            list.push(there.clone());
            return Ok(());
        }
        let mut written = path;
        if !self.options.dry_run {
            let beside = if self.options.download { self.fetch(file, &bundle)? } else { HashMap::new() };
            if beside.is_empty() {
                write(&written, file.contents.as_bytes())?;
            } else {
                write(&bundle, Desk::bundle(file, story, &beside).contents.as_bytes())?;
                self.report.pictures += beside.len() as u64;
                written = bundle;
            }
        }
        if !self.options.json {
            if self.options.dry_run {
                self.printer.answer(written.as_str());
            } else {
                self.printer.say(written.as_str());
            }
        }
        self.report.written.push(written);
        Ok(())
    }

    /// The pictures of a post into its folder: address to file name. One that cannot be had stays where it is.
    fn fetch(&mut self, file: &PostFile, index: &Utf8Path) -> Result<HashMap<String, String>, RunError> {
        let mut download = Download::default();
        download.max_bytes = MAX_PICTURE;
        let mut beside: HashMap<String, String> = HashMap::new();
        for address in &file.pictures {
            let fetched = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(download.fetch(address, None))
            });
            let picture = match fetched {
                Ok(Fetched::Document(body)) if is_picture(body.media_type.as_deref()) => body,
                Ok(_) => {
                    self.remark("import-picture", &file.title, &format!("{address} is no picture"), 0);
                    continue;
                }
                Err(error) => {
                    self.remark("import-picture", &file.title, &error.to_string(), 0);
                    continue;
                }
            };
            let name = picture_name(address, beside.len() + 1);
            let path = index.with_file_name(&name);
            if !path.exists() {
                write(&path, &picture.bytes)?;
            }
            beside.insert(address.clone(), name);
        }
        Ok(beside)
    }

    fn leave_out(&mut self, title: &str, why: &str, line: usize) {
        self.remark("import-left-out", title, &format!("left out: {why}"), line);
    }

    fn remark(&mut self, rule: &'static str, title: &str, words: &str, line: usize) {
        let title: String = title.chars().take(60).collect();
        let finding = Finding::warning(rule, self.source, format!("{title:?}: {words}"));
        self.report.findings.push(if line > 0 { finding.at(line) } else { finding });
    }

    fn finish(mut self) -> Result<Outcome, RunError> {
        (self.world.watch)(Tick::End);
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
        let folder = self.world.config.archive.posts.as_str();
        self.printer.say(format!("{posts} {verb} into {folder}/"));
        if report.pictures > 0 {
            self.printer.say(format!("{} fetched", count(report.pictures, "picture")));
        }
        if !report.unchanged.is_empty() {
            self.printer.say(format!("{} there already", count(report.unchanged.len() as u64, "post")));
        }
        for (kind, number) in &report.others {
            self.printer.say(format!("left out: {}", count(*number, kind)));
        }
        for path in &report.kept {
            self.printer.complain(format!("{path} is there already and stays as it is"));
        }
        Ok(ended)
    }
}

fn is_picture(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| media_type.trim_start().to_ascii_lowercase().starts_with("image/"))
}

/// A file name from an address: its last part, made plain; numbered, so that no two are the same.
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
    fn a_picture_has_a_plain_name_of_its_own() {
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
    fn only_what_is_sent_as_a_picture_is_one() {
        assert!(is_picture(Some("image/png")) && is_picture(Some(" Image/JPEG; a=b")));
        assert!(!is_picture(Some("text/html")) && !is_picture(None));
    }
}
