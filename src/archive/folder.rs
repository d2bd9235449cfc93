//! The folder of posts: walks it, reads its files, and assembles the archive. The only code that reads `posts/` and writes
//! its ledgers. Symbolic links are not followed.

mod built_site;
mod conventions;
mod duplicates;
mod files;
mod picture_size;
mod preview;
mod registries;
mod settings;
mod steps;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;

use aws_lc_rs::digest::{Context, SHA256};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Timelike as _, Utc};
use rayon::prelude::*;

use self::duplicates::shared_addresses;
use self::files::{FilesOf, numbers, read_file, site};
use self::registries::{read_ids, read_pages};
use self::walk::{Walk, sort_paths};
use super::generator_rules::ReadContext;
use super::ids::{self, IdRegistry, Withheld};
use super::inherited::Inherited;
use super::link_targets::LinkTargets;
use super::pages::Pages;
use super::post_file::{PostFile, PostFileName};
use super::site::Site;
use super::vanished::Vanished;
use super::{Archive, SkipReason, SkippedFile, Tombstone};
use crate::config::{Config, Generator};
use crate::finding::{Finding, Severity};

pub use self::conventions::conventions;
pub use self::picture_size::picture_size;
pub use self::preview::{FileRole, PostReader, PostWithWarnings, preview, sample};
pub use self::registries::{write_ids, write_pages};
pub use self::steps::{Latest, PREFIX as SERIES_PREFIX, Series, SeriesStep, WELCOME, read_series, read_step};

/// The result of reading the folder.
#[derive(Debug, Clone, Default)]
pub struct ArchiveReader {
    /// The posts.
    pub archive: Archive,
    /// The new text of the id ledger, if it has changed; see [`write_ids`].
    pub ids: Option<String>,
}

/// Reads every post. Reports all errors of all files, in the order of the files.
pub fn read(config: &Config, now: DateTime<Utc>) -> Result<ArchiveReader, Vec<Finding>> {
    let site = site(config);
    let walk = Walk::of(config, &site);
    let inherited = settings::read(config, &site, &walk);
    let (registry, wrong_ids) = read_ids(config)
        .map_or_else(|findings| ((None, IdRegistry::default()), findings), |registry| (registry, Vec::new()));
    let fingerprints = registry.1.fingerprints();
    let setting =
        ReadContext { config, site: &site, inherited: &inherited, now, fingerprints: &fingerprints };
    let mut errors = walk.errors;
    let outcomes: Vec<Result<Result<PostFile, SkipReason>, Vec<Finding>>> = walk
        .files
        .par_iter()
        .map(|relative| {
            let source = config.archive.posts.join(relative);
            let bytes = read_file(&config.resolve(&source)).map_err(|error| {
                vec![Finding::error("post-file", source.as_str(), format!("cannot read it: {error}"))]
            })?;
            let mut read = PostFile::read(&bytes, PostFileName { relative, source: &source }, setting)?;
            if let Ok(post_file) = &mut read {
                post_file.attach_files(setting, &FilesOf(config)).map_err(|finding| vec![finding])?;
            }
            Ok(read)
        })
        .collect();
    let mut archive = Archive { findings: walk.findings, skipped: walk.left_out, ..Archive::default() };
    let mut held_back = BTreeMap::new();
    let mut post_files = Vec::with_capacity(outcomes.len());
    for (relative, outcome) in walk.files.iter().zip(outcomes) {
        let mut leave_out = |why: SkipReason| {
            held_back.insert(relative.to_string(), why.clone());
            archive.skipped.push(SkippedFile { source: config.archive.posts.join(relative), reason: why });
        };
        match outcome {
            Ok(Ok(post_file)) => post_files.push(post_file),
            Ok(Err(why)) => leave_out(why),
            Err(findings) if setting.is_strict() => errors.extend(findings),
            Err(findings) => {
                leave_out(SkipReason::Broken);
                archive.findings.extend(findings.into_iter().map(demoted));
            }
        }
    }
    archive.findings.extend(held_up(&held_back, &inherited));
    archive.findings.extend(site.resembles.map(|generator| unnamed(generator, config)));
    let duplicates = shared_addresses(&post_files, setting);
    post_files.retain(|post_file| !duplicates.left_out.contains_key(post_file.relative()));
    for (duplicate, why) in duplicates.left_out {
        archive
            .skipped
            .push(SkippedFile { source: config.archive.posts.join(&duplicate), reason: why.clone() });
        held_back.insert(duplicate, why);
    }
    errors.extend(duplicates.errors);
    archive.findings.extend(duplicates.warnings);
    // The errors of the ledgers are reported even if posts are wrong.
    errors.extend(wrong_ids);
    archive.pages = read_pages(config).unwrap_or_else(|findings| {
        errors.extend(findings);
        Pages::default()
    });
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = page_names(&post_files, &site);
    post_files.par_iter_mut().for_each(|post_file| post_file.resolve(&names, setting));
    for (relative, finding) in built_site::take_texts(&mut post_files, setting) {
        archive.findings.push(finding);
        leave_out_broken(relative, &mut post_files, (&mut archive, &mut held_back), config);
    }
    assemble(archive, post_files, &held_back, registry, (config, now))
}

/// Leaves out a post whose text cannot be read.
fn leave_out_broken(
    relative: String,
    post_files: &mut Vec<PostFile>,
    (archive, held_back): (&mut Archive, &mut BTreeMap<String, SkipReason>),
    config: &Config,
) {
    post_files.retain(|post_file| post_file.relative() != relative);
    let source = config.archive.posts.join(&relative);
    archive.skipped.push(SkippedFile { source, reason: SkipReason::Broken });
    held_back.insert(relative, SkipReason::Broken);
}

/// The posts are in the site of a generator that has to be named.
fn unnamed(generator: Generator, config: &Config) -> Finding {
    let message = format!("the posts are in a site of {generator}, which is not detected");
    Finding::note("generator", config.file.as_str(), message).hint(format!(
        "write generator = \"{}\" below [archive]: addresses, drafts and keys are then those of {generator}. To keep them as they are, write \"plain\"",
        generator.key()
    ))
}

/// Errors in the settings that hold posts up.
fn held_up(left_out: &BTreeMap<String, SkipReason>, inherited: &Inherited) -> Vec<Finding> {
    let places = left_out.values().filter_map(|why| match why {
        SkipReason::HeldUp(place) => Some(place.clone()),
        _ => None,
    });
    inherited.findings(&places.collect())
}

/// The detected generator of the site.
pub fn generator(config: &Config) -> Generator {
    site(config).generator
}

fn page_names(post_files: &[PostFile], site: &Site) -> LinkTargets {
    let mut names = LinkTargets::default();
    for post_file in post_files {
        names.add(&site.prefix, Utf8Path::new(post_file.relative()), post_file.url());
    }
    names
}

/// Turns an error into a warning, for a post that is left out.
fn demoted(finding: Finding) -> Finding {
    finding.demoted(|message| format!("left out: {message}"))
}

/// Assigns the ids and sorts the posts.
fn assemble(
    mut archive: Archive,
    post_files: Vec<PostFile>,
    left_out: &BTreeMap<String, SkipReason>,
    (old, registry): (Option<String>, IdRegistry),
    (config, now): (&Config, DateTime<Utc>),
) -> Result<ArchiveReader, Vec<Finding>> {
    let sightings: Vec<_> = post_files.iter().map(PostFile::identity).collect();
    let now = now.with_timezone(&config.site.timezone).fixed_offset();
    let now = now.with_nanosecond(0).unwrap_or(now);
    let mut done = ids::assign(&registry, &sightings, &held_back(left_out), config.site.url.host(), now)?;
    archive.expires = post_files.iter().filter_map(|post_file| post_file.until).min();
    archive.posts.reserve(post_files.len());
    for (mut post_file, given) in post_files.into_iter().zip(done.given) {
        if let Some(since) = given.retracted {
            let source = post_file.source().to_owned();
            archive.skipped.push(SkippedFile { source, reason: SkipReason::Retracted(since) });
            continue;
        }
        archive.findings.append(&mut post_file.findings);
        archive.posts.push(post_file.publish(given));
    }
    archive.findings = each_key_once(std::mem::take(&mut archive.findings));
    refuse_an_empty_folder(&archive, (&registry, left_out), config)?;
    archive.vanished = vanished(&registry, &done.registry, &archive, config);
    archive.skipped.sort_by(|a, b| a.source.cmp(&b.source));
    archive.posts.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.id.cmp(&b.id)));
    archive.tombstones =
        done.registry.tombstones().map(|(id, at)| Tombstone { id: id.to_owned(), at }).collect();
    archive.tombstones.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    archive.accounted_for = ids_of(&done.registry, left_out, |why| {
        matches!(why, SkipReason::Expired(_) | SkipReason::Broken | SkipReason::HeldUp(_))
    });
    let retracted = done.registry.iter().map(|(id, _)| id).filter(|id| done.registry.retracted(id).is_some());
    archive.accounted_for.extend(retracted.map(str::to_owned));
    let has_ids = done.registry.iter().next().is_some();
    if has_ids {
        archive.feed_base = Some(done.registry.feed_base(&config.site.url).clone());
    }
    let text = done.registry.to_text();
    let is_needed = old.map_or(has_ids, |old| old != text);
    Ok(ArchiveReader { archive, ids: is_needed.then_some(text) })
}

/// The known posts whose files are gone, and not merely left out.
fn vanished(before: &IdRegistry, after: &IdRegistry, archive: &Archive, config: &Config) -> Vanished {
    let left_out = archive.skipped.iter().map(|skipped| skipped.source.as_path());
    let there = archive.posts.iter().map(|post| post.source.as_path()).chain(left_out).collect();
    let kept = archive.posts.iter().filter(|post| before.get(&post.id).is_some()).count();
    Vanished::find(before, after, (&there, kept), config)
}

/// Reports an unknown key once, even if many posts have it.
fn each_key_once(findings: Vec<Finding>) -> Vec<Finding> {
    let mut further: BTreeMap<String, usize> = BTreeMap::new();
    let mut unique: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let is_known = finding.rule == "post-key"
            && unique.iter().any(|known| known.rule == "post-key" && known.message == finding.message);
        if is_known {
            *further.entry(finding.message).or_default() += 1;
        } else {
            unique.push(finding);
        }
    }
    for finding in unique.iter_mut().filter(|finding| finding.rule == "post-key") {
        if let Some(number) = further.get(&finding.message) {
            let posts = if *number == 1 { "post" } else { "posts" };
            finding.message = format!("{} (also in {number} more {posts})", finding.message);
        }
    }
    unique
}

/// The files that exist although their posts are not published.
fn held_back(left_out: &BTreeMap<String, SkipReason>) -> Withheld {
    let mut held_back = Withheld::default();
    for (file, why) in left_out {
        let is_unread = matches!(why, SkipReason::Broken | SkipReason::HeldUp(_));
        let files = if is_unread { &mut held_back.unread } else { &mut held_back.unpublished };
        files.insert(file.clone());
    }
    held_back
}

/// The ids of the files that are left out for a `wanted` reason.
fn ids_of(
    registry: &IdRegistry,
    left_out: &BTreeMap<String, SkipReason>,
    wanted: impl Fn(&SkipReason) -> bool,
) -> BTreeSet<String> {
    let lines = registry.iter().filter(|(_, line)| left_out.get(&line.path).is_some_and(&wanted));
    lines.map(|(id, _)| id.to_owned()).collect()
}

/// Refuses a folder without any known post: it may not be mounted, and all posts would be reported as deleted. Expired
/// posts do not count as missing, because their files were read.
fn refuse_an_empty_folder(
    archive: &Archive,
    (registry, left_out): (&IdRegistry, &BTreeMap<String, SkipReason>),
    config: &Config,
) -> Result<(), Vec<Finding>> {
    let mut gone = ids_of(registry, left_out, |why| matches!(why, SkipReason::Expired(_)));
    gone.extend(registry.tombstones().map(|(id, _)| id.to_owned()));
    let known = registry.iter().filter(|(id, _)| !gone.contains(*id)).count();
    if !archive.posts.is_empty() || known < 2 {
        return Ok(());
    }
    // If a setting holds up all posts, report the setting.
    let errors: Vec<Finding> =
        archive.findings.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let source = config.archive.ids_file();
    let message = format!("none of its {known} posts is in the folder any more");
    let finding = Finding::error("ids", source.as_str(), message);
    Err(vec![finding.hint("restore the posts; if you mean to delete all of them, delete this file too")])
}

/// The files that [`read`] would read as posts, relative to the folder; none if the folder does not exist.
pub fn paths(config: &Config) -> Vec<Utf8PathBuf> {
    Walk::of(config, &site(config)).files
}

/// A digest of the path, size, times and inode of every file that [`read`] depends on, except the two ledgers
/// ([`registry_signature`]); no file is opened. Equal digests mean that nothing has changed.
pub fn signature(config: &Config) -> io::Result<[u8; 32]> {
    let root = config.resolve(&config.archive.posts);
    let site = site(config);
    let mut walk = Walk::of(config, &site);
    walk.files.append(&mut settings::files(config, &site, &walk));
    let mut files: Vec<Utf8PathBuf> = walk.files.iter().map(|relative| root.join(relative)).collect();
    files.extend(built_site::pages(config));
    sort_paths(&mut files);
    let mut context = Context::new(&SHA256);
    context.update(format!("{} {} {}\0", site.generator, site.prefix, site.skips_underscores).as_bytes());
    for left in &walk.left_out {
        context.update(left.source.as_str().as_bytes());
        context.update(&[0]);
    }
    digest_files(&files, &mut context)?;
    // An unreadable folder must change the digest.
    for finding in walk.errors.iter().chain(&walk.findings) {
        context.update(finding.file.as_bytes());
        context.update(&[0]);
    }
    Ok(finished(context))
}

/// The same of the ledgers of ids and pages, which a build may write.
pub fn registry_signature(config: &Config) -> io::Result<[u8; 32]> {
    let files = [config.archive.ids_file(), config.archive.pages_file()].map(|file| config.resolve(file));
    let mut context = Context::new(&SHA256);
    digest_files(&files, &mut context)?;
    Ok(finished(context))
}

fn digest_files(files: &[Utf8PathBuf], context: &mut Context) -> io::Result<()> {
    let stats: Vec<_> = files.par_iter().map(fs::symlink_metadata).collect();
    for (file, stat) in files.iter().zip(stats) {
        let Some(stat) = found(stat)? else { continue };
        context.update(file.as_str().as_bytes());
        // Paths contain no zero byte, so a path and its stat cannot be confused with another pair.
        context.update(&[0]);
        for number in numbers(&stat) {
            context.update(&number.to_le_bytes());
        }
    }
    Ok(())
}

fn finished(context: Context) -> [u8; 32] {
    let mut signature = [0; 32];
    signature.copy_from_slice(context.finish().as_ref());
    signature
}

/// A file that was deleted since the walk is ignored.
fn found(stat: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    match stat {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
