//! Writes the pages into the public folder: which pages are new or changed, which files may be replaced, and which images are
//! copied. The top-level module `pages` renders them.

mod copies;
pub(crate) mod issues;
mod public_folder;
mod record;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use self::copies::Copies;
use self::public_folder::{PublicFolder, not_ours};
use self::record::{OF_POSTS, PageRecord, Record};
use crate::archive::markdown::OwnAddress;
use crate::archive::{Archive, Post};
use crate::config::Config;
use crate::feeds::{self, output};
use crate::finding::{Finding, Severity};
use crate::pages::{self, ExistingPaths, FOLDER, Layout, LocalLink, NAMES, PageTemplates, PlannedPage};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::file_stat::FileStat;
use crate::pipeline::site_build::plan::plan_site;

/// How many pages are rendered and written together.
const PORTION: usize = 500;

/// How many findings of one kind a run prints; `check` prints all.
const SHOWN: usize = 5;

/// The result for the pages.
#[derive(Debug, Default)]
pub struct PagesReport {
    /// Number of pages that are new or changed.
    pub written: usize,
    /// Number of copied images and other files.
    pub copied: usize,
    /// Number of removed obsolete pages and files.
    pub removed: usize,
    /// What could not be done.
    pub findings: Vec<Finding>,
    /// All files that are there now, relative to the public folder.
    pub(crate) files: Vec<Utf8PathBuf>,
    /// Those of them that another program wrote.
    pub(crate) foreign: Vec<Utf8PathBuf>,
    /// The files that were copied, relative to the configuration.
    pub(super) sources: Vec<FileStat>,
    /// Missing files that would be copied if they existed.
    pub(crate) absent: Vec<Utf8PathBuf>,
}

/// The page templates of the user.
pub fn page_templates(config: &Config) -> Result<PageTemplates, RunError> {
    let mut own = Vec::new();
    for name in NAMES {
        let file = template(config, name);
        match std::fs::read_to_string(&file) {
            Ok(text) => own.push((name, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(RunError::io(format!("reading {file}"), error)),
        }
    }
    Ok(PageTemplates::new(own))
}

fn template(config: &Config, name: &str) -> Utf8PathBuf {
    config.resolve(&config.newsletter.templates).join(FOLDER).join(name)
}

/// Sizes and times of the user's templates, the third input of the pages besides posts and configuration.
pub(crate) fn signature(config: &Config) -> String {
    let stamp = |name: &str| format!("{name} {:?}\n", record::stamp(&template(config, name)));
    NAMES.into_iter().map(stamp).collect()
}

/// Updates the pages. `taken` are the files of the feeds, which were written before.
pub(crate) fn write(
    context: &RunContext,
    archive: &Archive,
    taken: &[Utf8PathBuf],
) -> Result<PagesReport, RunError> {
    let config = &context.config;
    let mut record = Record::read(config, OF_POSTS);
    let has_pages = archive.posts.iter().any(|post| post.page.file.is_some());
    if !has_pages && record.is_empty() {
        return Ok(PagesReport::default());
    }
    let templates = page_templates(config)?;
    let layout = pages::lay_out(archive, config, &templates).map_err(RunError::Findings)?;
    let public = PublicFolder::open(config, taken);
    let plan = plan(&layout, &public, &record, config);
    // Files of other programs that are in the way are part of the shortcut, so that their removal is noticed.
    let mut done = PagesReport { findings: plan.findings, foreign: plan.foreign, ..PagesReport::default() };
    let mut wants = plan.links;
    for portion in plan.to_make.chunks(PORTION) {
        let made: Result<Vec<pages::Page>, Finding> =
            portion.par_iter().map(|sheet| layout.render(sheet)).collect();
        let made = made.map_err(|finding| RunError::Findings(vec![finding]))?;
        let (documents, found): (Vec<_>, Vec<_>) =
            made.into_iter().map(|page| (page.document, page.links)).unzip();
        let written = output::write(&public.directory, &documents, &config.output.compress)
            .map_err(|error| conflicts(&error))?;
        done.written += written.written.iter().filter(|path| !is_copy(path)).count();
        wants.extend(portion.iter().map(|sheet| sheet.path.clone()).zip(found));
    }
    let sheets: Vec<PlannedPage> = plan.existing.into_iter().chain(plan.to_make).collect();
    let copies = Copies::plan(config, &public, &record, needs(&layout, &sheets, &wants));
    done.copied = copies.make(&public).map_err(|error| conflicts(&error))?;
    done.findings.extend(limited(copies.findings()));
    done.sources = copies.sources();
    done.absent = copies.absent();
    done.foreign.extend(copies.foreign());
    done.files.extend(done.foreign.iter().cloned());
    done.removed = public.clear(&record, &sheets, |path| copies.needs(path));
    record.pages = save_record(&public, &sheets, wants);
    record.copies = copies.copy_records(&public, &record);
    record.write(config, OF_POSTS);
    for path in record.pages.keys() {
        done.files.extend(output::compressed(path.as_ref(), &config.output.compress));
    }
    done.files.extend(record.pages.keys().chain(record.copies.keys()).map(Utf8PathBuf::from));
    done.files.extend(copies.same());
    Ok(done)
}

/// Whether a file of the public folder is the compressed copy of a page.
fn is_copy(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("gz" | "br"))
}

fn conflicts(error: &output::OutputError) -> RunError {
    RunError::user(
        error.to_string(),
        "the feeds are up to date, but the pages are not; fix the problem and run the command again",
    )
}

/// Which pages must be rendered.
struct Plan {
    to_make: Vec<PlannedPage>,
    /// Pages that exist, and whose inputs have not changed.
    existing: Vec<PlannedPage>,
    /// The files that these pages need.
    links: HashMap<Utf8PathBuf, Vec<LocalLink>>,
    /// Paths with files of other programs.
    foreign: Vec<Utf8PathBuf>,
    findings: Vec<Finding>,
}

fn plan(layout: &Layout<'_>, public: &PublicFolder, record: &Record, config: &Config) -> Plan {
    let (sheets, mut findings) = without_conflicts(layout, public, config);
    let unchanged: Vec<bool> = sheets
        .par_iter()
        .map(|sheet| record.is_unchanged(&public.directory, sheet, &config.output.compress))
        .collect();
    let (mut to_make, mut existing, mut wants, mut foreign) =
        (Vec::new(), Vec::new(), HashMap::new(), Vec::new());
    for (sheet, is_unchanged) in sheets.into_iter().zip(unchanged) {
        if is_unchanged {
            wants.extend(
                record.pages.get(sheet.path.as_str()).map(|made| (sheet.path.clone(), made.wants.clone())),
            );
            existing.push(sheet);
        } else if public.may_write_page(&sheet.path) {
            to_make.push(sheet);
        } else {
            foreign.push(sheet.path);
        }
    }
    let warnings = foreign.iter().map(|path| not_ours(&config.output.directory.join(path))).collect();
    findings.extend(limited(warnings));
    Plan { to_make, existing, links: wants, foreign, findings }
}

/// Pages without conflicts: of two pages with the same file the first is made, and a page never replaces a feed.
fn without_conflicts(
    layout: &Layout<'_>,
    public: &PublicFolder,
    config: &Config,
) -> (Vec<PlannedPage>, Vec<Finding>) {
    // As strings, which are compared faster than paths.
    let (mut files, mut folders) = (HashSet::new(), HashSet::new());
    let (mut sheets, mut findings) = (Vec::new(), Vec::new());
    for sheet in layout.planned_pages() {
        let path = sheet.path.as_str();
        let parents = || path.match_indices('/').map(|(at, _)| &path[..at]);
        let is_taken = public.is_feed(&sheet.path)
            || files.contains(path)
            || folders.contains(path)
            || parents().any(|folder| files.contains(folder));
        if !is_taken {
            for folder in parents().filter(|folder| !folders.contains(*folder)).collect::<Vec<_>>() {
                folders.insert(folder.to_owned());
            }
            files.insert(path.to_owned());
            sheets.push(sheet);
        } else if let Some(source) = layout.source(&sheet) {
            let file = config.output.directory.join(&sheet.path);
            let message =
                format!("no page is written for this post: {file} is a feed or the page of another post");
            let finding = Finding::warning("page-address", source.as_str(), message);
            findings.push(finding.hint("give it another `slug` or `permalink`"));
        }
    }
    (sheets, limited(findings))
}

fn limited(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(SHOWN);
    findings.truncate(SHOWN);
    if let (Some(last), true) = (findings.last(), more > 0) {
        let (rule, file) = (last.rule, last.file.clone());
        let message = format!("and {more} more like this; `letterpress check` lists all");
        findings.push(Finding::warning(rule, file, message));
    }
    findings
}

/// The files that each page needs, with the source of its post.
fn needs<'l>(
    layout: &'l Layout<'_>,
    sheets: &'l [PlannedPage],
    wants: &'l HashMap<Utf8PathBuf, Vec<LocalLink>>,
) -> Vec<(&'l Utf8Path, &'l LocalLink)> {
    let of = |sheet: &'l PlannedPage| Some((layout.source(sheet)?, wants.get(&sheet.path)?));
    let pairs = sheets.iter().filter_map(of);
    pairs.flat_map(|(source, wants)| wants.iter().map(move |want| (source, want))).collect()
}

fn save_record(
    public: &PublicFolder,
    sheets: &[PlannedPage],
    mut wants: HashMap<Utf8PathBuf, Vec<LocalLink>>,
) -> BTreeMap<String, PageRecord> {
    let stamps: Vec<_> =
        sheets.par_iter().map(|sheet| record::stamp(&public.directory.join(&sheet.path))).collect();
    sheets
        .iter()
        .zip(stamps)
        .filter_map(|(sheet, stamp)| {
            let wants = wants.remove(&sheet.path).unwrap_or_default();
            Some((sheet.path.to_string(), PageRecord { key: sheet.key.clone(), stamp: stamp?, wants }))
        })
        .collect()
}

/// The site after the next build, to check whether links work.
struct PagesContext<'c> {
    config: &'c Config,
    public: PublicFolder,
    /// Read when it is needed: it grows with the archive, and an email needs it only if a picture is not beside its post.
    record: OnceLock<Record>,
    planned: HashSet<Utf8PathBuf>,
}

impl PagesContext<'_> {
    fn is_copy(&self, path: &Utf8Path) -> bool {
        self.record.get_or_init(|| Record::read(self.config, OF_POSTS)).copies.contains_key(path.as_str())
    }
}

impl ExistingPaths for PagesContext<'_> {
    fn has_file(&self, want: &LocalLink) -> bool {
        let is_planned = self.planned.contains(&want.target);
        is_planned
            || self.public.source(self.config, want).is_some()
            // A copied file whose source is gone does not count.
            || (self.public.has(&want.target) && !self.is_copy(&want.target))
    }

    fn is_barred(&self, want: &LocalLink) -> bool {
        want.sources.iter().any(|source| self.config.resolve(source).exists())
    }

    fn has_page(&self, path: &Utf8Path) -> bool {
        self.planned.contains(path) || (self.public.has(path) && !self.public.is_ours(path))
    }
}

/// Checks the pages of an archive, and the links of its posts to their own site. `own` has these
/// links for each post. Writes nothing.
pub fn proof_pages(
    config: &Config,
    archive: &Archive,
    own: &[Vec<OwnAddress>],
) -> Result<Vec<Finding>, RunError> {
    if archive.posts.iter().all(|post| post.page.file.is_none()) {
        return Ok(Vec::new());
    }
    let templates = page_templates(config)?;
    let layout = match pages::lay_out(archive, config, &templates) {
        Ok(layout) => layout,
        Err(findings) => return Ok(findings),
    };
    let feeds = feed_files(config, archive);
    let public = PublicFolder::open(config, &feeds);
    let (sheets, mut findings) = without_conflicts(&layout, &public, config);
    findings.extend(sheets.iter().find_map(|sheet| layout.render(sheet).err()));
    let foreign = sheets.iter().filter(|sheet| !public.may_write_page(&sheet.path));
    findings.extend(foreign.map(|sheet| not_ours(&config.output.directory.join(&sheet.path))));
    let planned = sheets.into_iter().map(|sheet| sheet.path).chain(feeds).collect();
    let paths = PagesContext { config, public, record: OnceLock::new(), planned };
    let of_posts: Vec<Finding> = archive
        .posts
        .par_iter()
        .zip(own)
        .filter(|(post, _)| post.page.file.is_some())
        .flat_map_iter(|(post, own)| pages::check_link(post, own, config, &paths))
        .collect();
    findings.extend(of_posts);
    Ok(findings)
}

/// The files of the feeds in the public folder.
fn feed_files(config: &Config, archive: &Archive) -> Vec<Utf8PathBuf> {
    let layout = plan_site(archive, config);
    let mut files: Vec<Utf8PathBuf> = layout.index().map(|(path, ..)| path).collect();
    if config.feeds.companion {
        let folders: HashSet<&Utf8Path> = files.iter().filter_map(|path| path.parent()).collect();
        let beside: Vec<_> = folders.into_iter().map(|folder| folder.join(feeds::COMPANION)).collect();
        files.extend(beside.into_iter().chain([feeds::STYLE.into()]));
    }
    files
}

/// Refuses an email with a missing image of the own site.
pub(crate) fn refuse_dead_pictures(config: &Config, post: &Post, own: &[OwnAddress]) -> Result<(), RunError> {
    if post.page.file.is_none() {
        return Ok(());
    }
    let paths = PagesContext {
        config,
        public: PublicFolder::open(config, &[]),
        record: OnceLock::new(),
        planned: HashSet::new(),
    };
    let dead = pages::dead_pictures(post, own, config, &paths);
    if dead.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(RunError::Findings(dead));
    }
    Ok(())
}
