//! The folder of posts: the only reader of `posts/`, and the writer of its id ledger. What a file means is said
//! elsewhere; here are walking, reading, and bringing the posts together. Links are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Timelike as _, Utc};
use rayon::prelude::*;

use super::ids::{self, Ledger};
use super::manuscript::{MAX_BODY, Manuscript, Name};
use super::pages::{self, Pages};
use super::{Archive, LeftOut, TakenBack, WhyLeftOut, permalink};
use crate::config::Config;
use crate::finding::Finding;
use crate::text;

/// Nothing that a person keeps in folders is deeper.
const MAX_DEPTH: usize = 32;

/// Front matter and body, and a little for what stands between them.
const MAX_FILE: u64 = MAX_BODY as u64 + 128 * 1024;

/// The archive as it is now.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The posts.
    pub archive: Archive,
    /// The new text of the id ledger, if it must be written; see [`write_ids`].
    pub ids: Option<String>,
}

/// Reads every post. All errors of all files are named at once, in the order of the files.
pub fn read(config: &Config, now: DateTime<Utc>) -> Result<Reading, Vec<Finding>> {
    let walk = Walk::of(config);
    let mut errors = walk.errors;
    let outcomes: Vec<Result<Result<Manuscript, WhyLeftOut>, Vec<Finding>>> = walk
        .files
        .par_iter()
        .map(|relative| {
            let source = config.archive.posts.join(relative);
            let bytes = read_file(&config.resolve(&source)).map_err(|error| {
                vec![Finding::error("post-file", source.as_str(), format!("it cannot be read: {error}"))]
            })?;
            let mut read = Manuscript::read(bytes, Name { relative, source: &source }, config, now)?;
            if let Ok(manuscript) = &mut read {
                manuscript
                    .enclose(config, |file| length_of(config, file))
                    .map_err(|finding| vec![finding])?;
            }
            Ok(read)
        })
        .collect();
    let mut archive = Archive { findings: walk.findings, ..Archive::default() };
    let mut held_back = BTreeSet::new();
    let mut manuscripts = Vec::with_capacity(outcomes.len());
    for (relative, outcome) in walk.files.iter().zip(outcomes) {
        match outcome {
            Ok(Ok(manuscript)) => manuscripts.push(manuscript),
            Ok(Err(why)) => {
                held_back.insert(relative.to_string());
                archive.left_out.push(LeftOut { source: config.archive.posts.join(relative), why });
            }
            Err(findings) => errors.extend(findings),
        }
    }
    let sections = walk.sections.into_iter().map(|relative| LeftOut {
        source: config.archive.posts.join(relative),
        why: WhyLeftOut::SectionPage,
    });
    archive.left_out.extend(sections);
    archive.left_out.sort_by(|a, b| a.source.cmp(&b.source));
    errors.extend(shared_addresses(&manuscripts));
    // The ledger is read even when posts are wrong, so that its own errors are not hidden by theirs.
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
    assemble(archive, manuscripts, &held_back, ledger, (config, now))
}

/// The length of a file that a post brings along, if it is one.
fn length_of(config: &Config, file: &Utf8Path) -> Option<u64> {
    config.resolve(file).metadata().ok().filter(Metadata::is_file).map(|stat| stat.len())
}

/// Gives the posts their ids and puts them in order.
fn assemble(
    mut archive: Archive,
    manuscripts: Vec<Manuscript>,
    held_back: &BTreeSet<String>,
    (old, ledger): (Option<String>, Ledger),
    (config, now): (&Config, DateTime<Utc>),
) -> Result<Reading, Vec<Finding>> {
    let sightings: Vec<_> = manuscripts.iter().map(Manuscript::sighting).collect();
    let now = now.with_timezone(&config.site.timezone).fixed_offset();
    let now = now.with_nanosecond(0).unwrap_or(now);
    let done = ids::assign(&ledger, &sightings, held_back, config.site.url.host(), now)?;
    for (mut manuscript, given) in manuscripts.into_iter().zip(done.given) {
        archive.findings.append(&mut manuscript.findings);
        archive.posts.push(manuscript.publish(given));
    }
    refuse_an_empty_folder(&archive, &ledger, config)?;
    archive.posts.sort_by(|a, b| b.published.cmp(&a.published).then_with(|| a.id.cmp(&b.id)));
    archive.taken_back =
        done.ledger.taken_back().map(|(id, at)| TakenBack { id: id.to_owned(), at }).collect();
    archive.taken_back.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    let text = done.ledger.to_text();
    let is_needed = old.map_or_else(|| done.ledger.iter().next().is_some(), |old| old != text);
    Ok(Reading { archive, ids: is_needed.then_some(text) })
}

/// A folder that is not mounted looks like one whose posts were all taken back, and readers would be told so.
fn refuse_an_empty_folder(archive: &Archive, ledger: &Ledger, config: &Config) -> Result<(), Vec<Finding>> {
    let known = ledger.iter().count() - ledger.taken_back().count();
    if !archive.posts.is_empty() || known < 2 {
        return Ok(());
    }
    let source = config.archive.posts.join(ids::FILE);
    let message = format!("it knows {known} posts, and none of them is in the folder any more");
    let finding = Finding::error("ids", source.as_str(), message);
    Err(vec![finding.hint("bring the posts back; if you mean to take back all of them, delete this file")])
}

/// Posts that would overwrite each other, also on a disk that does not tell upper from lower case.
fn shared_addresses(manuscripts: &[Manuscript]) -> Vec<Finding> {
    let mut owners: BTreeMap<String, &Manuscript> = BTreeMap::new();
    let mut findings = Vec::new();
    for manuscript in manuscripts {
        if let Some(owner) = owners.insert(permalink::case_folded(manuscript.url()), manuscript) {
            let message = format!("{} has the same address, {}", owner.source(), manuscript.url());
            let hint = "give one of the two another `slug`";
            findings.push(Finding::error("post-address", manuscript.source().as_str(), message).hint(hint));
        }
    }
    findings
}

/// The ledger's text as it stands, if there is one, and what it says.
fn read_ids(config: &Config) -> Result<(Option<String>, Ledger), Vec<Finding>> {
    let source = config.archive.posts.join(ids::FILE);
    let text =
        read_text(config, &source).map_err(|wrong| vec![Finding::error("ids", source.as_str(), wrong)])?;
    let ledger = text.as_deref().map(|text| Ledger::parse(text, source.as_str())).transpose()?;
    Ok((text, ledger.unwrap_or_default()))
}

/// What the page ledger says, if there is one.
fn read_pages(config: &Config) -> Result<Pages, Vec<Finding>> {
    let source = config.archive.posts.join(pages::FILE);
    let text =
        read_text(config, &source).map_err(|wrong| vec![Finding::error("pages", source.as_str(), wrong)])?;
    text.map_or_else(|| Ok(Pages::default()), |text| Pages::parse(&text, source.as_str()))
}

/// The text of `source` if it is there, or what is wrong with it.
fn read_text(config: &Config, source: &Utf8Path) -> Result<Option<String>, String> {
    match fs::read(config.resolve(source)) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// Writes the id ledger so that a reader, a crash or a full disk finds the old text or the new one, never half.
pub fn write_ids(config: &Config, text: &str) -> io::Result<()> {
    write(config, ids::FILE, text)
}

/// Writes the page ledger, likewise.
pub fn write_pages(config: &Config, text: &str) -> io::Result<()> {
    write(config, pages::FILE, text)
}

fn write(config: &Config, name: &str, text: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = config.resolve(&config.archive.posts);
    // A ledger is no secret: it lives in version control.
    let mut file = tempfile::Builder::new()
        .prefix(".ids-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(&folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    File::open(&folder)?.sync_all()
}

/// The files that [`read`] would read as posts, relative to the folder; none where there is no folder.
pub fn paths(config: &Config) -> Vec<Utf8PathBuf> {
    Walk::of(config).files
}

/// A digest over path, size, times and inode of every file that [`read`] would look at; no file is opened. Equal
/// digests mean that there is nothing to do, and nothing else follows from them.
pub fn signature(config: &Config) -> io::Result<[u8; 32]> {
    let root = config.resolve(&config.archive.posts);
    let mut walk = Walk::of(config);
    walk.files.append(&mut walk.sections);
    walk.files.extend([ids::FILE, pages::FILE].map(Utf8PathBuf::from));
    walk.files.sort();
    let stats: Vec<_> =
        walk.files.par_iter().map(|relative| fs::symlink_metadata(root.join(relative))).collect();
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for (relative, stat) in walk.files.iter().zip(stats) {
        let Some(stat) = found(stat)? else { continue };
        context.update(relative.as_str().as_bytes());
        // No path holds a zero byte, so that no path and stat can be read as another pair.
        context.update(&[0]);
        for number in numbers(&stat) {
            context.update(&number.to_le_bytes());
        }
    }
    // What could not be walked must not look like what could.
    for finding in walk.errors.iter().chain(&walk.findings) {
        context.update(finding.file.as_bytes());
        context.update(&[0]);
    }
    let mut signature = [0; 32];
    signature.copy_from_slice(context.finish().as_ref());
    Ok(signature)
}

/// A file that went away since the walk is like one that never was.
fn found(stat: io::Result<Metadata>) -> io::Result<Option<Metadata>> {
    match stat {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn numbers(stat: &Metadata) -> [i128; 4] {
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    [
        i128::from(stat.size()),
        nanoseconds(stat.mtime(), stat.mtime_nsec()),
        nanoseconds(stat.ctime(), stat.ctime_nsec()),
        i128::from(stat.ino()),
    ]
}

/// The whole file, or an error if it is too large or will not hold still.
fn read_file(path: &Utf8Path) -> io::Result<Vec<u8>> {
    for _ in 0..3 {
        let mut file = File::open(path)?;
        let before = file.metadata()?;
        if !before.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        if before.len() > MAX_FILE {
            return Err(io::Error::other(format!(
                "it is {} MB long; 10 MB is the limit",
                before.len() / 1_000_000
            )));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
        (&mut file).take(MAX_FILE).read_to_end(&mut bytes)?;
        // An editor may be writing: half a post must not be published.
        if numbers(&before) == numbers(&file.metadata()?) && bytes.len() as u64 == before.len() {
            return Ok(bytes);
        }
    }
    Err(io::Error::other("it changes while it is being read"))
}

/// What lies in the folder, each list sorted by path.
#[derive(Default)]
struct Walk {
    /// The archive's folder as the user wrote it.
    posts: Utf8PathBuf,
    /// Folders that are still to be read, relative to it, and how deep they lie.
    folders: Vec<(Utf8PathBuf, usize)>,
    files: Vec<Utf8PathBuf>,
    sections: Vec<Utf8PathBuf>,
    errors: Vec<Finding>,
    findings: Vec<Finding>,
}

impl Walk {
    fn of(config: &Config) -> Self {
        let posts = config.archive.posts.clone();
        let mut walk = Self { posts, folders: vec![(Utf8PathBuf::new(), 0)], ..Self::default() };
        let root = config.resolve(&config.archive.posts);
        while let Some((folder, depth)) = walk.folders.pop() {
            let source = config.archive.posts.join(&folder);
            let entries = fs::read_dir(root.join(&folder)).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let entries = match entries {
                Ok(entries) => entries,
                Err(error) => {
                    let finding = Finding::error(
                        "post-folder",
                        source.as_str(),
                        format!("the folder cannot be read: {error}"),
                    );
                    let hint = "set `posts` in [archive] of config.toml to the folder of your posts";
                    walk.errors.push(if depth == 0 { finding.hint(hint) } else { finding });
                    continue;
                }
            };
            for entry in entries {
                let name = entry.file_name();
                if name.as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                match (name.to_str(), entry.file_type()) {
                    (Some(name), Ok(kind)) => walk.visit(&folder, name, kind, depth),
                    (Some(name), Err(error)) => {
                        let finding = Finding::error(
                            "post-file",
                            source.join(name).as_str(),
                            format!("it cannot be looked at: {error}"),
                        );
                        walk.errors.push(finding);
                    }
                    (None, _) => walk.note_strange_name(&source, &name.to_string_lossy()),
                }
            }
        }
        walk.files.sort();
        walk.sections.sort();
        walk.errors.sort_by(|a, b| a.file.cmp(&b.file));
        walk.findings.sort_by(|a, b| a.file.cmp(&b.file));
        walk
    }

    fn visit(&mut self, folder: &Utf8Path, name: &str, kind: FileType, depth: usize) {
        let relative = folder.join(name);
        let source = self.posts.join(&relative);
        let wrong = |message: &str| Finding::error("post-file", source.as_str(), message);
        if kind.is_dir() {
            if is_post(name) {
                self.errors.push(wrong("it has the name of a post, but is a folder").hint("rename it"));
            } else if depth == MAX_DEPTH {
                self.errors.push(wrong("the folders are nested more than 32 deep"));
            } else {
                self.folders.push((relative, depth + 1));
            }
        } else if !is_post(name) {
        } else if name.chars().any(char::is_control) {
            self.note_strange_name(source.parent().unwrap_or(&source), name);
        } else if kind.is_symlink() {
            let finding = Finding::warning(
                "post-file",
                source.as_str(),
                "it is a symbolic link, and links are not followed",
            );
            self.findings.push(finding.hint("put the post itself into the folder"));
        } else if !kind.is_file() {
            self.errors
                .push(wrong("it is a pipe, a socket or a device, not a file").hint("remove or rename it"));
        } else if name.rsplit_once('.').is_some_and(|(stem, _)| stem == "_index") {
            self.sections.push(relative);
        } else {
            self.files.push(relative);
        }
    }

    fn note_strange_name(&mut self, folder: &Utf8Path, name: &str) {
        if is_post(name) {
            let file = format!("{folder}/{}", text::for_terminal(name).replace('\n', "\\n"));
            let finding =
                Finding::error("post-file", file, "its name holds control characters or is not UTF-8");
            self.errors.push(finding.hint("rename it"));
        }
    }
}

fn is_post(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        extension.eq_ignore_ascii_case("md") || extension.eq_ignore_ascii_case("markdown")
    })
}

#[cfg(test)]
mod tests;
