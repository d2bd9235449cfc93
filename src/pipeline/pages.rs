//! The pages in the public folder: which are made anew, which files there are ours to touch, and the pictures that belong to
//! them. What a page says is decided in the room `pages`.

mod copies;
mod ground;
mod record;

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use self::copies::Copies;
use self::ground::Ground;
use self::record::{Made, Record};
use super::{RunError, World};
use crate::archive::markdown::OwnAddress;
use crate::archive::{Archive, Post, markdown};
use crate::config::Config;
use crate::feeds::{self, output};
use crate::finding::{Finding, Severity};
use crate::pages::{self, FOLDER, Known, Layout, NAMES, PageTemplates, Sheet, Want};

/// So many pages are rendered and written together.
const PORTION: usize = 500;

/// So many findings of a kind are shown by a run; `check` shows all.
const SHOWN: usize = 5;

/// What became of the pages.
#[derive(Debug, Default)]
pub struct PagesDone {
    /// Pages that are new or have new bytes.
    pub written: usize,
    /// Pictures and other files that were copied.
    pub copied: usize,
    /// Pages and copies that belong to nothing any more and were removed.
    pub removed: usize,
    /// What could not be done.
    pub findings: Vec<Finding>,
    /// Everything that is there now, below the public folder.
    pub(super) files: Vec<Utf8PathBuf>,
    /// The files that were copied, relative to the configuration.
    pub(super) sources: Vec<Utf8PathBuf>,
    /// Files that would be copied if they were there.
    pub(super) absent: Vec<Utf8PathBuf>,
}

/// The user's own templates of pages.
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

/// Sizes and times of the user's templates: what the pages are made from beside the posts and the configuration.
pub(super) fn signature(config: &Config) -> String {
    let stamp = |name: &str| format!("{name} {:?}\n", record::stamp(&template(config, name)));
    NAMES.into_iter().map(stamp).collect()
}

/// Brings the pages up to date. `taken` are the files of the feeds, which were written before.
pub(super) fn write(world: &World, archive: &Archive, taken: &[Utf8PathBuf]) -> Result<PagesDone, RunError> {
    let config = &world.config;
    let mut record = Record::read(config);
    let has_pages = archive.posts.iter().any(|post| post.page.file.is_some());
    if !has_pages && record.is_empty() {
        return Ok(PagesDone::default());
    }
    let templates = page_templates(config)?;
    let layout = pages::lay_out(archive, config, &templates).map_err(RunError::Findings)?;
    let ground = Ground::open(config, taken);
    let plan = plan(&layout, &ground, &record, config);
    // Whoever is in the way is looked at again by the shortcut for runs with nothing to do.
    let mut done = PagesDone { findings: plan.findings, files: plan.foreign, ..PagesDone::default() };
    let mut wants = plan.wants;
    for portion in plan.to_make.chunks(PORTION) {
        let made: Result<Vec<pages::Page>, Finding> =
            portion.par_iter().map(|sheet| layout.print(sheet)).collect();
        let made = made.map_err(|finding| RunError::Findings(vec![finding]))?;
        let (documents, found): (Vec<_>, Vec<_>) =
            made.into_iter().map(|page| (page.document, page.wants)).unzip();
        let written = output::write(&ground.directory, &documents, &config.output.compress)
            .map_err(|error| refused(&error))?;
        done.written += written.written.iter().filter(|path| !is_copy(path)).count();
        wants.extend(portion.iter().map(|sheet| sheet.path.clone()).zip(found));
    }
    let sheets: Vec<Sheet> = plan.standing.into_iter().chain(plan.to_make).collect();
    let copies = Copies::plan(config, &ground, &record, needs(&layout, &sheets, &wants));
    done.copied = copies.make(&ground).map_err(|error| refused(&error))?;
    done.findings.extend(limited(copies.findings()));
    done.sources = copies.sources();
    done.absent = copies.absent();
    done.files.extend(copies.foreign());
    done.removed = ground.clear(&record, &sheets, &copies);
    record.pages = remember(&ground, &sheets, wants);
    record.copies = copies.remember(&ground, &record);
    record.write(config);
    for path in record.pages.keys() {
        done.files.extend(output::compressed(path, &config.output.compress));
    }
    done.files.extend(record.pages.keys().chain(record.copies.keys()).cloned());
    Ok(done)
}

/// Whether a file of the public folder is the compressed copy of a page.
fn is_copy(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("gz" | "br"))
}

fn refused(error: &output::OutputError) -> RunError {
    RunError::user(
        error.to_string(),
        "the feeds are up to date, the pages are not; put it right and run it again",
    )
}

/// Which pages are to be made.
struct Plan {
    to_make: Vec<Sheet>,
    /// These are there, and nothing that they are made from has changed.
    standing: Vec<Sheet>,
    /// What the standing pages need.
    wants: HashMap<Utf8PathBuf, Vec<Want>>,
    /// Where files of somebody else are.
    foreign: Vec<Utf8PathBuf>,
    findings: Vec<Finding>,
}

fn plan(layout: &Layout<'_>, ground: &Ground, record: &Record, config: &Config) -> Plan {
    let (sheets, mut findings) = without_twins(layout, ground, config);
    let standing: Vec<bool> = sheets
        .par_iter()
        .map(|sheet| record.stands(&ground.directory, sheet, &config.output.compress))
        .collect();
    let (mut to_make, mut kept, mut wants, mut foreign) =
        (Vec::new(), Vec::new(), HashMap::new(), Vec::new());
    for (sheet, stands) in sheets.into_iter().zip(standing) {
        if stands {
            wants.extend(record.pages.get(&sheet.path).map(|made| (sheet.path.clone(), made.wants.clone())));
            kept.push(sheet);
        } else if ground.may_write_page(&sheet.path) {
            to_make.push(sheet);
        } else {
            foreign.push(sheet.path);
        }
    }
    let said = foreign.iter().map(|path| not_ours(&config.output.directory.join(path))).collect();
    findings.extend(limited(said));
    Plan { to_make, standing: kept, wants, foreign, findings }
}

/// Of two pages that would be one file the first is made, and none that would be a feed.
fn without_twins(layout: &Layout<'_>, ground: &Ground, config: &Config) -> (Vec<Sheet>, Vec<Finding>) {
    let (mut files, mut folders) = (HashSet::new(), HashSet::new());
    let (mut sheets, mut findings) = (Vec::new(), Vec::new());
    for sheet in layout.sheets() {
        let parents: Vec<&Utf8Path> = sheet.path.ancestors().skip(1).collect();
        let is_taken = ground.is_feed(&sheet.path)
            || files.contains(&sheet.path)
            || folders.contains(&sheet.path)
            || parents.iter().any(|folder| files.contains(*folder));
        if !is_taken {
            folders.extend(parents.into_iter().map(Utf8Path::to_owned));
            files.insert(sheet.path.clone());
            sheets.push(sheet);
        } else if let Some(source) = layout.source(&sheet) {
            let file = config.output.directory.join(&sheet.path);
            let message = format!("it has no page: {file} is a feed or the page of another post");
            let finding = Finding::warning("page-address", source.as_str(), message);
            findings.push(finding.hint("give it another `slug` or `permalink`"));
        }
    }
    (sheets, limited(findings))
}

/// A file that must stay as it is.
fn not_ours(file: &Utf8Path) -> Finding {
    let message = "Letterpress did not make this file, so it stays as it is, and the page that would be here is not made";
    Finding::warning("page-foreign", file.as_str(), message)
        .hint("move it away; or, if another program makes your pages, set `pages = false` under [output]")
}

fn limited(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(SHOWN);
    findings.truncate(SHOWN);
    if let (Some(last), true) = (findings.last(), more > 0) {
        let (rule, file) = (last.rule, last.file.clone());
        let message = format!("and {more} more like this; `letterpress check` names all of them");
        findings.push(Finding::warning(rule, file, message));
    }
    findings
}

/// What each page needs, with the file of its post.
fn needs<'l>(
    layout: &'l Layout<'_>,
    sheets: &'l [Sheet],
    wants: &'l HashMap<Utf8PathBuf, Vec<Want>>,
) -> Vec<(&'l Utf8Path, &'l Want)> {
    let of = |sheet: &'l Sheet| Some((layout.source(sheet)?, wants.get(&sheet.path)?));
    let pairs = sheets.iter().filter_map(of);
    pairs.flat_map(|(source, wants)| wants.iter().map(move |want| (source, want))).collect()
}

fn remember(
    ground: &Ground,
    sheets: &[Sheet],
    mut wants: HashMap<Utf8PathBuf, Vec<Want>>,
) -> std::collections::BTreeMap<Utf8PathBuf, Made> {
    let stamps: Vec<_> =
        sheets.par_iter().map(|sheet| record::stamp(&ground.directory.join(&sheet.path))).collect();
    sheets
        .iter()
        .zip(stamps)
        .filter_map(|(sheet, stamp)| {
            let wants = wants.remove(&sheet.path).unwrap_or_default();
            Some((sheet.path.clone(), Made { key: sheet.key.clone(), stamp: stamp?, wants }))
        })
        .collect()
}

/// The site as it will be after the next build, for whoever asks whether an address is good.
struct Outlook<'c> {
    config: &'c Config,
    ground: Ground,
    record: Record,
    planned: HashSet<Utf8PathBuf>,
}

impl Known for Outlook<'_> {
    fn has_file(&self, want: &Want) -> bool {
        let is_planned = self.planned.contains(&want.target);
        is_planned
            || self.ground.source(self.config, want).is_some()
            // A copy whose source is gone is no proof of anything.
            || (self.ground.has(&want.target) && !self.record.copies.contains_key(&want.target))
    }

    fn is_barred(&self, want: &Want) -> bool {
        want.sources.iter().any(|source| self.config.resolve(source).exists())
    }

    fn has_page(&self, path: &Utf8Path) -> bool {
        self.planned.contains(path) || (self.ground.has(path) && !self.ground.is_ours(path))
    }
}

/// Everything that is wrong with the pages of an archive, and with the links of its posts to their own site. `own` has these
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
    let ground = Ground::open(config, &feeds);
    let (sheets, mut findings) = without_twins(&layout, &ground, config);
    findings.extend(sheets.iter().find_map(|sheet| layout.print(sheet).err()));
    let foreign = sheets.iter().filter(|sheet| !ground.may_write_page(&sheet.path));
    findings.extend(foreign.map(|sheet| not_ours(&config.output.directory.join(&sheet.path))));
    let planned = sheets.into_iter().map(|sheet| sheet.path).chain(feeds).collect();
    let outlook = Outlook { config, ground, record: Record::read(config), planned };
    let of_posts: Vec<Finding> = archive
        .posts
        .par_iter()
        .zip(own)
        .filter(|(post, _)| post.page.file.is_some())
        .flat_map_iter(|(post, own)| pages::judge(post, own, config, &outlook))
        .collect();
    findings.extend(of_posts);
    Ok(findings)
}

/// What the feeds put into the public folder.
fn feed_files(config: &Config, archive: &Archive) -> Vec<Utf8PathBuf> {
    let layout = super::lay_out(archive, config);
    let mut files: Vec<Utf8PathBuf> = layout.index().map(|(path, ..)| path).collect();
    if config.feeds.companion {
        let folders: HashSet<&Utf8Path> = files.iter().filter_map(|path| path.parent()).collect();
        let beside: Vec<_> = folders.into_iter().map(|folder| folder.join(feeds::COMPANION)).collect();
        files.extend(beside.into_iter().chain([feeds::STYLE.into()]));
    }
    files
}

/// Refuses a letter in which readers would see a hole where a picture of the own site should be.
pub(super) fn refuse_dead_pictures(config: &Config, post: &Post) -> Result<(), RunError> {
    if post.page.file.is_none() {
        return Ok(());
    }
    let outlook = Outlook {
        config,
        ground: Ground::open(config, &[]),
        record: Record::read(config),
        planned: HashSet::new(),
    };
    let dead = pages::dead_pictures(post, &markdown::render(post).own, config, &outlook);
    if dead.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(RunError::Findings(dead));
    }
    Ok(())
}
