//! The feed half of a run, and the shortcut for a run that has nothing to do.
//!
//! The shortcut looks at names, sizes and times of files, but only to conclude that nothing changed; what is published
//! never depends on them.

use aws_lc_rs::digest::{SHA256, digest};
use camino::{Utf8Path, Utf8PathBuf};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::gate::{self, Allowed};
use super::{RunError, World};
use crate::archive::{Archive, WhyLeftOut, folder};
use crate::crash;
use crate::feeds::{self, output};
use crate::finding::{Finding, Severity};
use crate::text::hex;

/// What the feed half did.
#[derive(Debug, Default)]
pub struct Built {
    /// The archive; `None` if nothing had changed and it was not read.
    pub archive: Option<Archive>,
    /// Documents that were written, relative to the public folder.
    pub written: Vec<Utf8PathBuf>,
    /// Documents that were the same already.
    pub unchanged: usize,
    /// The id ledger was written: it belongs into version control.
    pub ids_changed: bool,
    /// Digest of everything that the feeds were made from.
    pub inputs: String,
}

/// Builds the feeds, or finds that they are as they must be. What readers would get again or lose stops it before anything
/// is written, unless that is `allowed`.
pub fn build(world: &World, allowed: Allowed) -> Result<Built, RunError> {
    let config = &world.config;
    let now = world.clock.now();
    let inputs = Stamp::inputs(world)?;
    let stamp = Stamp::read(world).filter(|stamp| stamp.inputs == inputs && stamp.holds(world, now));
    if let Some(stamp) = stamp {
        return Ok(Built { unchanged: stamp.outputs.len(), inputs, ..Built::default() });
    }
    let reading = folder::read(config, now).map_err(RunError::Findings)?;
    let documents = feeds::render_all(&reading.archive, config);
    let errors: Vec<Finding> = feeds::lint::check(&documents)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    if !errors.is_empty() {
        return Err(RunError::Findings(errors));
    }
    let refused = gate::look(config, &reading.archive, &documents).refused(allowed);
    if !refused.is_empty() {
        return Err(RunError::Findings(refused));
    }
    // An id that readers have seen must be on record, so the ledger of ids is written first.
    if let Some(ids) = &reading.ids {
        folder::write_ids(config, ids)
            .map_err(|error| RunError::io("writing the ids of the posts", error))?;
        crash::point("ids-written");
    }
    let directory = config.resolve(&config.output.directory);
    let done = output::write(&directory, &documents).map_err(|error| {
        RunError::user(
            error.to_string(),
            "the feeds that were there before are still whole; put it right and run the same command again",
        )
    })?;
    crash::point("feeds-in-place");
    let paths: Vec<Utf8PathBuf> = documents.into_iter().map(|document| document.path).collect();
    // Writing the ids changed a file of the archive's folder, so the inputs are looked at once more.
    let inputs = Stamp::inputs(world)?;
    Stamp::write(world, &inputs, &paths, &reading.archive);
    Ok(Built {
        archive: Some(reading.archive),
        written: done.written,
        unchanged: done.unchanged,
        ids_changed: reading.ids.is_some(),
        inputs,
    })
}

/// Reads the archive without writing anything.
pub(super) fn read(world: &World) -> Result<Archive, RunError> {
    Ok(folder::read(&world.config, world.clock.now()).map_err(RunError::Findings)?.archive)
}

/// What the last build saw and made.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    /// Digest of everything that the feeds are made from.
    inputs: String,
    /// Path, size and modification time of each document.
    outputs: Vec<(Utf8PathBuf, u64, u128)>,
    /// When the feeds change although no file does: the next post dated in the future.
    until: Option<DateTime<Utc>>,
}

impl Stamp {
    fn path(world: &World) -> Utf8PathBuf {
        world.config.resolve(".letterpress/built.json")
    }

    fn inputs(world: &World) -> Result<String, RunError> {
        let posts = folder::signature(&world.config)
            .map_err(|error| RunError::io(format!("looking at {}", world.config.archive.posts), error))?;
        let all = [env!("CARGO_PKG_VERSION").as_bytes(), &posts, world.config.text.as_bytes()].concat();
        Ok(hex(digest(&SHA256, &all).as_ref()))
    }

    fn read(world: &World) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(world)).ok()?).ok()
    }

    /// Whether the documents are still there as they were written, and no future post has come of age.
    fn holds(&self, world: &World, now: DateTime<Utc>) -> bool {
        let directory = world.config.resolve(&world.config.output.directory);
        self.until.is_none_or(|until| now < until)
            && self.outputs.iter().all(|output| Some(output) == seen(&directory, &output.0).as_ref())
    }

    /// A stamp that cannot be written costs the next run some time and nothing else.
    fn write(world: &World, inputs: &str, paths: &[Utf8PathBuf], archive: &Archive) {
        let directory = world.config.resolve(&world.config.output.directory);
        let future = archive.left_out.iter().filter_map(|left| match left.why {
            WhyLeftOut::Future(date) => Some(date.to_utc()),
            _ => None,
        });
        let stamp = Self {
            inputs: inputs.to_owned(),
            outputs: paths.iter().filter_map(|path| seen(&directory, path)).collect(),
            until: future.min(),
        };
        let path = Self::path(world);
        if let (Some(folder), Ok(json)) = (path.parent(), serde_json::to_vec(&stamp))
            && std::fs::create_dir_all(folder).is_ok()
        {
            let _ = std::fs::write(&path, json);
        }
    }
}

fn seen(directory: &Utf8Path, path: &Utf8Path) -> Option<(Utf8PathBuf, u64, u128)> {
    let meta = directory.join(path).metadata().ok()?;
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((path.to_owned(), meta.len(), modified.as_nanos()))
}
