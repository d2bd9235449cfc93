//! The folder of posts: walks it, reads its files, and assembles the archive. The only code that reads `posts/` and writes
//! its ledgers. Symbolic links are not followed.

mod conventions;
mod files;
mod ledgers;
mod preview;
mod settings;
mod twins;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Timelike as _, Utc};
use rayon::prelude::*;

use self::files::{length_of, numbers, read_file, site};
use self::ledgers::{read_ids, read_pages};
use self::twins::shared_addresses;
use self::walk::Walk;
use super::house_rules::Setting;
use super::ids::{self, HeldBack, Ledger};
use super::inherited::Inherited;
use super::manuscript::{Manuscript, Name};
use super::page_names::PageNames;
use super::pages::Pages;
use super::site::Site;
use super::{Archive, LeftOut, TakenBack, WhyLeftOut};
use crate::config::{Config, Generator};
use crate::finding::{Finding, Severity};

pub use self::conventions::conventions;
pub use self::ledgers::{write_ids, write_pages};
pub use self::preview::preview;

/// The result of reading the folder.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The posts.
    pub archive: Archive,
    /// The new text of the id ledger, if it has changed; see [`write_ids`].
    pub ids: Option<String>,
}

/// Reads every post. Reports all errors of all files, in the order of the files.
pub fn read(config: &Config, now: DateTime<Utc>) -> Result<Reading, Vec<Finding>> {
    let site = site(config);
    let walk = Walk::of(config, &site);
    let inherited = settings::read(config, &site, &walk);
    let setting = Setting { config, site: &site, inherited: &inherited, now };
    let mut errors = walk.errors;
    let outcomes: Vec<Result<Result<Manuscript, WhyLeftOut>, Vec<Finding>>> = walk
        .files
        .par_iter()
        .map(|relative| {
            let source = config.archive.posts.join(relative);
            let bytes = read_file(&config.resolve(&source)).map_err(|error| {
                vec![Finding::error("post-file", source.as_str(), format!("cannot read it: {error}"))]
            })?;
            let mut read = Manuscript::read(bytes, Name { relative, source: &source }, setting)?;
            if let Ok(manuscript) = &mut read {
                manuscript
                    .enclose(setting, |file| length_of(config, file))
                    .map_err(|finding| vec![finding])?;
            }
            Ok(read)
        })
        .collect();
    let mut archive = Archive { findings: walk.findings, left_out: walk.left_out, ..Archive::default() };
    let mut held_back = BTreeMap::new();
    let mut manuscripts = Vec::with_capacity(outcomes.len());
    for (relative, outcome) in walk.files.iter().zip(outcomes) {
        let mut leave_out = |why: WhyLeftOut| {
            held_back.insert(relative.to_string(), why.clone());
            archive.left_out.push(LeftOut { source: config.archive.posts.join(relative), why });
        };
        match outcome {
            Ok(Ok(manuscript)) => manuscripts.push(manuscript),
            Ok(Err(why)) => leave_out(why),
            Err(findings) if setting.is_strict() => errors.extend(findings),
            Err(findings) => {
                leave_out(WhyLeftOut::Broken);
                archive.findings.extend(findings.into_iter().map(demoted));
            }
        }
    }
    archive.findings.extend(held_up(&held_back, &inherited));
    let twins = shared_addresses(&manuscripts, setting);
    manuscripts.retain(|manuscript| !twins.left_out.contains_key(manuscript.relative()));
    for (twin, why) in twins.left_out {
        archive.left_out.push(LeftOut { source: config.archive.posts.join(&twin), why: why.clone() });
        held_back.insert(twin, why);
    }
    errors.extend(twins.errors);
    archive.findings.extend(twins.warnings);
    // The ledger is read even if posts are wrong, so that its errors are reported too.
    let ledger = read_ids(config).unwrap_or_else(|findings| {
        errors.extend(findings);
        (None, Ledger::default())
    });
    archive.pages = read_pages(config).unwrap_or_else(|findings| {
        errors.extend(findings);
        Pages::default()
    });
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = page_names(&manuscripts, &site);
    manuscripts.par_iter_mut().for_each(|manuscript| manuscript.settle(&names, setting));
    assemble(archive, manuscripts, &held_back, ledger, (config, now))
}

/// Errors in the settings that hold posts up.
fn held_up(left_out: &BTreeMap<String, WhyLeftOut>, inherited: &Inherited) -> Vec<Finding> {
    let places = left_out.values().filter_map(|why| match why {
        WhyLeftOut::HeldUp(place) => Some(place.clone()),
        _ => None,
    });
    inherited.findings(&places.collect())
}

/// The detected generator of the site.
pub fn generator(config: &Config) -> Generator {
    site(config).generator
}

fn page_names(manuscripts: &[Manuscript], site: &Site) -> PageNames {
    let mut names = PageNames::default();
    for manuscript in manuscripts {
        names.add(&site.prefix, Utf8Path::new(manuscript.relative()), manuscript.url());
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
    manuscripts: Vec<Manuscript>,
    left_out: &BTreeMap<String, WhyLeftOut>,
    (old, ledger): (Option<String>, Ledger),
    (config, now): (&Config, DateTime<Utc>),
) -> Result<Reading, Vec<Finding>> {
    let sightings: Vec<_> = manuscripts.iter().map(Manuscript::sighting).collect();
    let now = now.with_timezone(&config.site.timezone).fixed_offset();
    let now = now.with_nanosecond(0).unwrap_or(now);
    let done = ids::assign(&ledger, &sightings, &held_back(left_out), config.site.url.host(), now)?;
    archive.expires = manuscripts.iter().filter_map(|manuscript| manuscript.until).min();
    for (mut manuscript, given) in manuscripts.into_iter().zip(done.given) {
        if let Some(since) = given.retracted {
            let source = manuscript.source().to_owned();
            archive.left_out.push(LeftOut { source, why: WhyLeftOut::Retracted(since) });
            continue;
        }
        archive.findings.append(&mut manuscript.findings);
        archive.posts.push(manuscript.publish(given));
    }
    archive.findings = each_key_once(std::mem::take(&mut archive.findings));
    refuse_an_empty_folder(&archive, (&ledger, left_out), config)?;
    archive.left_out.sort_by(|a, b| a.source.cmp(&b.source));
    archive.posts.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.id.cmp(&b.id)));
    archive.taken_back =
        done.ledger.taken_back().map(|(id, at)| TakenBack { id: id.to_owned(), at }).collect();
    archive.taken_back.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    archive.accounted_for = ids_of(&done.ledger, left_out, |why| {
        matches!(why, WhyLeftOut::Expired(_) | WhyLeftOut::Broken | WhyLeftOut::HeldUp(_))
    });
    let retracted = done.ledger.iter().map(|(id, _)| id).filter(|id| done.ledger.retracted(id).is_some());
    archive.accounted_for.extend(retracted.map(str::to_owned));
    let text = done.ledger.to_text();
    let is_needed = old.map_or_else(|| done.ledger.iter().next().is_some(), |old| old != text);
    Ok(Reading { archive, ids: is_needed.then_some(text) })
}

/// Reports an unknown key once, even if many posts have it.
fn each_key_once(findings: Vec<Finding>) -> Vec<Finding> {
    let mut further: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let is_known = finding.rule == "post-key"
            && kept.iter().any(|known| known.rule == "post-key" && known.message == finding.message);
        if is_known {
            *further.entry(finding.message).or_default() += 1;
        } else {
            kept.push(finding);
        }
    }
    for finding in kept.iter_mut().filter(|finding| finding.rule == "post-key") {
        if let Some(number) = further.get(&finding.message) {
            let posts = if *number == 1 { "post" } else { "posts" };
            finding.message = format!("{} (also in {number} more {posts})", finding.message);
        }
    }
    kept
}

/// The files that exist although their posts are not published.
fn held_back(left_out: &BTreeMap<String, WhyLeftOut>) -> HeldBack {
    let mut held_back = HeldBack::default();
    for (file, why) in left_out {
        let is_unread = matches!(why, WhyLeftOut::Broken | WhyLeftOut::HeldUp(_));
        let files = if is_unread { &mut held_back.unread } else { &mut held_back.unpublished };
        files.insert(file.clone());
    }
    held_back
}

/// The ids of the files that are left out for a `wanted` reason.
fn ids_of(
    ledger: &Ledger,
    left_out: &BTreeMap<String, WhyLeftOut>,
    wanted: impl Fn(&WhyLeftOut) -> bool,
) -> BTreeSet<String> {
    let lines = ledger.iter().filter(|(_, line)| left_out.get(&line.path).is_some_and(&wanted));
    lines.map(|(id, _)| id.to_owned()).collect()
}

/// Refuses a folder without any known post: it may not be mounted, and all posts would be reported as deleted. Expired
/// posts do not count as missing, because their files were read.
fn refuse_an_empty_folder(
    archive: &Archive,
    (ledger, left_out): (&Ledger, &BTreeMap<String, WhyLeftOut>),
    config: &Config,
) -> Result<(), Vec<Finding>> {
    let mut gone = ids_of(ledger, left_out, |why| matches!(why, WhyLeftOut::Expired(_)));
    gone.extend(ledger.taken_back().map(|(id, _)| id.to_owned()));
    let known = ledger.iter().filter(|(id, _)| !gone.contains(*id)).count();
    if !archive.posts.is_empty() || known < 2 {
        return Ok(());
    }
    // If a setting holds up all posts, report the setting.
    let errors: Vec<Finding> =
        archive.findings.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let source = config.archive.ledger();
    let message = format!("none of its {known} posts is in the folder any more");
    let finding = Finding::error("ids", source.as_str(), message);
    Err(vec![finding.hint("restore the posts; if you mean to delete all of them, delete this file too")])
}

/// The files that [`read`] would read as posts, relative to the folder; none if the folder does not exist.
pub fn paths(config: &Config) -> Vec<Utf8PathBuf> {
    Walk::of(config, &site(config)).files
}

/// A digest of the path, size, times and inode of every file that [`read`] depends on; no file is opened. Equal digests
/// mean that nothing has changed.
pub fn signature(config: &Config) -> io::Result<[u8; 32]> {
    let root = config.resolve(&config.archive.posts);
    let site = site(config);
    let mut walk = Walk::of(config, &site);
    walk.files.append(&mut settings::files(config, &site, &walk));
    for ledger in [config.archive.ledger(), config.archive.page_ledger()] {
        let ledger = config.resolve(ledger);
        walk.files.push(ledger.strip_prefix(&root).unwrap_or(&ledger).to_owned());
    }
    walk.files.sort();
    let stats: Vec<_> =
        walk.files.par_iter().map(|relative| fs::symlink_metadata(root.join(relative))).collect();
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(format!("{} {} {}\0", site.generator, site.prefix, site.skips_underscores).as_bytes());
    for left in &walk.left_out {
        context.update(left.source.as_str().as_bytes());
        context.update(&[0]);
    }
    for (relative, stat) in walk.files.iter().zip(stats) {
        let Some(stat) = found(stat)? else { continue };
        context.update(relative.as_str().as_bytes());
        // Paths contain no zero byte, so a path and its stat cannot be confused with another pair.
        context.update(&[0]);
        for number in numbers(&stat) {
            context.update(&number.to_le_bytes());
        }
    }
    // An unreadable folder must change the digest.
    for finding in walk.errors.iter().chain(&walk.findings) {
        context.update(finding.file.as_bytes());
        context.update(&[0]);
    }
    let mut signature = [0; 32];
    signature.copy_from_slice(context.finish().as_ref());
    Ok(signature)
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
