//! Carries out the plan of an upload. It may die between any two objects: what it is about to write is recorded before, and what
//! was written after.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use camino::Utf8Path;
use futures_util::stream::{self, StreamExt as _};

use super::bucket::Bucket;
use super::plan::{self, Objects, Plan, Put, Rules};
use super::record::{ObjectVersion, Record};
use super::scan::scan;
use super::site_file::{LocalFile, SiteFile};
use super::{UploadError, Uploaded};
use crate::text::hex;

/// How many objects are written at the same time. Each takes the memory of one part.
const WRITERS: usize = 4;
/// How many are asked about, or deleted, at the same time.
const QUESTIONS: usize = 16;
/// How often the record is written during an upload.
const SAVE_EVERY: Duration = Duration::from_secs(1);

const HELP_CONFLICT: &str = "only one machine may upload a site, and no other program may write its files. If what this machine has \
                             is right, run `letterpress publish --replace-remote` once";

/// What to upload.
pub(crate) struct Transfer<'t> {
    /// The public folder.
    pub(crate) directory: &'t Utf8Path,
    pub(crate) files: &'t [SiteFile],
    /// The file of the record.
    pub(crate) record: &'t Utf8Path,
    /// The address of the site.
    pub(crate) site: &'t str,
    /// Objects that other programs wrote are replaced.
    pub(crate) replace: bool,
}

impl Transfer<'_> {
    /// Uploads what changed since the last upload. Without changes it connects to nobody.
    pub(crate) async fn run(
        &self,
        bucket: impl Fn() -> Result<Bucket, UploadError>,
        destination: &str,
    ) -> Result<Uploaded, UploadError> {
        let mut record = Record::read(self.record, destination);
        let local = scan(self.directory, self.files, &record)?;
        if record.is_current(&local) && !self.replace {
            return Ok(Uploaded::default());
        }
        // Which site wrote an object; one bucket may hold several, one inside the other.
        let site = hex(&digest(&SHA256, format!("{} {destination}", self.site).as_bytes()).as_ref()[..8]);
        let bucket = bucket()?;
        let objects = objects(&bucket, &local, &record, self.replace).await?;
        let plan = plan::plan(&local, &record, &objects, Rules { site: &site, replace: self.replace });
        if let Some(first) = plan.conflicts.first() {
            return Err(conflict(&bucket, first, plan.conflicts.len(), "nothing was uploaded"));
        }
        begin(&mut record, &plan);
        self.save(&record)?;
        let result = self.carry_out(&bucket, &plan, &site, &mut record).await;
        if result.is_ok() {
            record.pending.clear();
        }
        self.save(&record)?;
        result
    }

    async fn carry_out(
        &self,
        bucket: &Bucket,
        plan: &Plan<'_>,
        site: &str,
        record: &mut Record,
    ) -> Result<Uploaded, UploadError> {
        let mut done = Uploaded { left: plan.left.clone(), ..Uploaded::default() };
        let mut saved = Instant::now();
        for phase in &plan.phases {
            let writes = phase.iter().map(|put| async move { (put, self.put(bucket, put, site).await) });
            let mut writes = stream::iter(writes).buffer_unordered(WRITERS);
            while let Some((put, version)) = writes.next().await {
                record.insert(&put.local, Some(version?));
                done.written += 1;
                if saved.elapsed() > SAVE_EVERY {
                    self.save(record)?;
                    saved = Instant::now();
                }
            }
            // A later phase must not begin before this one is on record: its objects link to these.
            self.save(record)?;
        }
        let deletes = plan.deletes.iter().map(|path| async move { (path, bucket.delete(path).await) });
        let mut deletes = stream::iter(deletes).buffer_unordered(QUESTIONS);
        while let Some((path, result)) = deletes.next().await {
            result?;
            record.remove(path);
            done.deleted += 1;
        }
        Ok(done)
    }

    /// Writes one object. If another version is there, it may be this one: a reply that was lost leads to a second attempt.
    async fn put(&self, bucket: &Bucket, put: &Put<'_>, site: &str) -> Result<ObjectVersion, UploadError> {
        let mark = plan::Mark { sha256: put.local.sha256.clone(), site: site.to_owned() };
        let path = &put.local.file.path;
        if let Some(version) = bucket.put(self.directory, put, &mark).await? {
            return Ok(version);
        }
        match bucket.inspect(path).await? {
            Some(there) if there.mark.as_ref() == Some(&mark) => Ok(there.version),
            _ => Err(conflict(bucket, path, 1, "the feeds were not replaced unless their pages are there")),
        }
    }

    fn save(&self, record: &Record) -> Result<(), UploadError> {
        record.write(self.record).map_err(|error| {
            UploadError::lasting(
                format!("cannot write {}: {error}", self.record),
                "let the user that runs Letterpress write there, and run the command again",
            )
        })
    }
}

/// Records what is known before the first write.
pub(super) fn begin(record: &mut Record, plan: &Plan<'_>) {
    for (file, version) in &plan.adopted {
        record.insert(file, Some(version.clone()));
    }
    for path in plan.forgotten.iter().chain(&plan.left) {
        record.remove(path);
    }
    for put in plan.phases.iter().flatten() {
        record.pending.entry(put.local.file.path.clone()).or_default().insert(put.local.sha256.clone());
    }
}

/// What is in the bucket, as far as it matters.
async fn objects(
    bucket: &Bucket,
    local: &[LocalFile<'_>],
    record: &Record,
    replace: bool,
) -> Result<Objects, UploadError> {
    let here: std::collections::HashSet<&Utf8Path> =
        local.iter().map(|file| file.file.path.as_path()).collect();
    let matters = |path: &Utf8Path| {
        record.is_empty()
            || here.contains(path)
            || record.files.contains_key(path)
            || record.pending.contains_key(path)
    };
    let mut objects = bucket.list(matters).await?;
    let unclear = plan::unclear(local, record, &objects, replace);
    let questions = unclear.into_iter().map(|path| async move {
        let found = bucket.inspect(&path).await;
        (path, found)
    });
    let mut answers = stream::iter(questions).buffer_unordered(QUESTIONS);
    while let Some((path, found)) = answers.next().await {
        match found? {
            Some(inspected) => objects.entry(path).or_default().inspected = Some(inspected),
            None => {
                objects.remove(&path);
            }
        }
    }
    Ok(objects)
}

fn conflict(bucket: &Bucket, first: &Utf8Path, number: usize, state: &str) -> UploadError {
    let more = match number - 1 {
        0 => String::new(),
        1 => " and 1 other object".to_owned(),
        more => format!(" and {more} other objects"),
    };
    let what = format!("another program or another machine wrote {}{more}; {state}", bucket.name_of(first));
    UploadError::lasting(what, HELP_CONFLICT)
}
