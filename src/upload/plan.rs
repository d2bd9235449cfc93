//! What an upload writes, in which order, and what it deletes. Pure.
//!
//! A feed never links to what is not there: images, then pages, the pages of archives, and the feeds last. Only then is
//! deleted what the feeds no longer contain. An object is replaced only if it is one that this site wrote.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::record::{FileRecord, ObjectVersion, Record};
use super::site_file::{LocalFile, Role};

/// An object in the bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remote {
    /// The `ETag` of the listing, without its quotation marks.
    pub(super) tag: Option<String>,
    /// What only a question about this object tells.
    pub(super) inspected: Option<Inspected>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inspected {
    pub(super) version: ObjectVersion,
    /// Only our own objects have one.
    pub(super) mark: Option<Mark>,
}

/// What an object says about itself: which content it has, and which site wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sha256: String,
    pub(super) site: String,
}

impl Mark {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (sha256, site) = text.split_once('-')?;
        Some(Self { sha256: sha256.to_owned(), site: site.to_owned() })
    }

    pub(super) fn to_text(&self) -> String {
        format!("{}-{}", self.sha256, self.site)
    }
}

pub(super) type Objects = BTreeMap<Utf8PathBuf, Remote>;

/// One object to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Put<'f> {
    pub(super) local: LocalFile<'f>,
    /// The version that it replaces; `None` if nothing may be there.
    pub(super) replaces: Option<ObjectVersion>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan<'f> {
    /// One phase after the other; the objects of one phase do not link to each other.
    pub(super) phases: Vec<Vec<Put<'f>>>,
    /// After all phases.
    pub(super) deletes: Vec<Utf8PathBuf>,
    /// These are there already, although the record does not say so.
    pub(super) adopted: Vec<(LocalFile<'f>, ObjectVersion)>,
    /// These are gone already.
    pub(super) forgotten: Vec<Utf8PathBuf>,
    /// Gone from the site, but another program changed the objects.
    pub(super) left: Vec<Utf8PathBuf>,
    /// Another program wrote these. With one of them nothing is uploaded.
    pub(super) conflicts: Vec<Utf8PathBuf>,
}

/// What else decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'r> {
    /// The site in the marks.
    pub(super) site: &'r str,
    /// Objects of other programs are replaced.
    pub(super) replace: bool,
}

/// The objects about which the bucket must be asked before [`plan`].
pub(super) fn unclear(
    local: &[LocalFile<'_>],
    record: &Record,
    objects: &Objects,
    replace: bool,
) -> Vec<Utf8PathBuf> {
    let here: BTreeMap<&Utf8Path, &str> =
        local.iter().map(|file| (file.file.path.as_path(), file.sha256.as_str())).collect();
    let is_unclear = |(path, object): &(&Utf8PathBuf, &Remote)| {
        let known = record.files.get(*path);
        if known.is_some_and(|known| is_known(known, object)) {
            return false;
        }
        match here.get(path.as_path()) {
            Some(sha256) => {
                replace
                    || record.pending.contains_key(*path)
                    || known.is_none_or(|known| known.sha256 != *sha256)
            }
            None => record.is_empty() || known.is_some() || record.pending.contains_key(*path),
        }
    };
    objects.iter().filter(is_unclear).map(|(path, _)| path.clone()).collect()
}

/// Whether the object is the one that the record knows.
fn is_known(known: &FileRecord, object: &Remote) -> bool {
    let Some(version) = &known.version else { return false };
    let same_tag = version.etag.as_deref().map(bare) == object.tag.as_deref() && object.tag.is_some();
    same_tag || object.inspected.as_ref().is_some_and(|inspected| inspected.version == *version)
}

/// An `ETag` without quotation marks, which some listings leave out.
pub(super) fn bare(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

pub(super) fn plan<'f>(
    local: &[LocalFile<'f>],
    record: &Record,
    objects: &Objects,
    rules: Rules<'_>,
) -> Plan<'f> {
    let mut plan = Plan::default();
    let mut phases: BTreeMap<(Role, Reverse<usize>), Vec<Put<'f>>> = BTreeMap::new();
    for file in local {
        match decide(file, record, objects.get(&file.file.path), rules) {
            Decision::Unchanged => {}
            Decision::Adopt(version) => plan.adopted.push((file.clone(), version)),
            Decision::Conflict => plan.conflicts.push(file.file.path.clone()),
            Decision::Put(replaces) => {
                phases.entry(phase(file)).or_default().push(Put { local: file.clone(), replaces });
            }
        }
    }
    plan.phases = phases.into_values().collect();
    let here: BTreeSet<&Utf8Path> = local.iter().map(|file| file.file.path.as_path()).collect();
    let known = record.files.keys().chain(record.pending.keys());
    let unrecorded = objects.keys().filter(|_| record.is_empty());
    let gone: BTreeSet<&Utf8PathBuf> =
        known.chain(unrecorded).filter(|path| !here.contains(path.as_path())).collect();
    for path in gone {
        match objects.get(path) {
            None => plan.forgotten.push(path.clone()),
            Some(object) if is_ours(path, record, object, rules) => plan.deletes.push(path.clone()),
            Some(_) if record.is_empty() => {}
            Some(_) => plan.left.push(path.clone()),
        }
    }
    plan
}

/// Pages in deeper folders first: a list of posts is above them.
fn phase(file: &LocalFile<'_>) -> (Role, Reverse<usize>) {
    let is_page = file.file.role == Role::Page;
    (file.file.role, Reverse(if is_page { file.file.path.components().count() } else { 0 }))
}

enum Decision {
    Unchanged,
    Adopt(ObjectVersion),
    Put(Option<ObjectVersion>),
    Conflict,
}

fn decide(file: &LocalFile<'_>, record: &Record, object: Option<&Remote>, rules: Rules<'_>) -> Decision {
    let path = &file.file.path;
    let known = record.files.get(path);
    let is_unchanged = known.is_some_and(|known| known.sha256 == file.sha256);
    let Some(object) = object else { return Decision::Put(None) };
    if let Some(known) = known.filter(|known| is_known(known, object)) {
        return if is_unchanged { Decision::Unchanged } else { Decision::Put(known.version.clone()) };
    }
    if is_unchanged && !rules.replace && !record.pending.contains_key(path) {
        // Another program changed it, and this run has no reason to write it.
        return Decision::Unchanged;
    }
    let Some(inspected) = &object.inspected else { return Decision::Conflict };
    let has_content = |mark: &Mark| mark.site == rules.site && mark.sha256 == file.sha256;
    if inspected.mark.as_ref().is_some_and(has_content) {
        Decision::Adopt(inspected.version.clone())
    } else if rules.replace || is_ours(path, record, object, rules) {
        Decision::Put(Some(inspected.version.clone()))
    } else {
        Decision::Conflict
    }
}

/// Whether this site wrote the object: the record knows it, an interrupted run was about to write it, or there is no record and
/// the object says so itself.
fn is_ours(path: &Utf8Path, record: &Record, object: &Remote, rules: Rules<'_>) -> bool {
    if record.files.get(path).is_some_and(|known| is_known(known, object)) {
        return true;
    }
    let mark = object.inspected.as_ref().and_then(|inspected| inspected.mark.as_ref());
    mark.filter(|mark| mark.site == rules.site).is_some_and(|mark| {
        record.is_empty()
            || record.pending.get(path).is_some_and(|written| written.contains(&mark.sha256))
            || record.has(path, &mark.sha256)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::site_file::SiteFile;
    use super::*;

    const SITE: &str = "site";
    const PATHS: [(&str, Role); 7] = [
        ("a.png", Role::Asset),
        ("글/하나/index.html", Role::Page),
        ("글/둘/index.html", Role::Page),
        ("index.html", Role::Page),
        ("archive/1.xml", Role::Archive),
        ("rss.xml", Role::Feed),
        ("categories/기술/atom.xml", Role::Feed),
    ];

    /// A bucket: for each object its content, the site of its mark, and its number.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    struct Bucket {
        objects: BTreeMap<Utf8PathBuf, (String, Option<String>, u32)>,
        writes: u32,
    }

    impl Bucket {
        fn version(number: u32) -> ObjectVersion {
            ObjectVersion { etag: Some(format!("\"{number}\"")), version: None }
        }

        /// A conditional write; `None` is 412.
        fn put(
            &mut self,
            path: &Utf8Path,
            sha256: &str,
            replaces: Option<&ObjectVersion>,
        ) -> Option<ObjectVersion> {
            let current = self.objects.get(path).map(|(_, _, number)| Self::version(*number));
            if current.as_ref() != replaces {
                return None;
            }
            Some(self.overwrite(path, sha256, Some(SITE)))
        }

        fn overwrite(&mut self, path: &Utf8Path, sha256: &str, site: Option<&str>) -> ObjectVersion {
            self.writes += 1;
            let object = (sha256.to_owned(), site.map(str::to_owned), self.writes);
            self.objects.insert(path.to_owned(), object);
            Self::version(self.writes)
        }

        fn list(&self) -> Objects {
            let tag = |number: &u32| Remote { tag: Some(number.to_string()), inspected: None };
            self.objects.iter().map(|(path, (_, _, number))| (path.clone(), tag(number))).collect()
        }

        fn inspect(&self, path: &Utf8Path) -> Inspected {
            let (sha256, site, number) = &self.objects[path];
            let mark = site.clone().map(|site| Mark { sha256: sha256.clone(), site });
            Inspected { version: Self::version(*number), mark }
        }

        fn contents(&self) -> BTreeMap<Utf8PathBuf, String> {
            self.objects.iter().map(|(path, (sha256, ..))| (path.clone(), sha256.clone())).collect()
        }
    }

    fn files() -> Vec<SiteFile> {
        let file = |(path, role): (&str, Role)| SiteFile {
            path: path.into(),
            role,
            media_type: String::new(),
            max_age: 0,
            encoding: None,
        };
        PATHS.into_iter().map(file).collect()
    }

    /// The site with these contents; `0` is no file.
    fn site<'f>(files: &'f [SiteFile], contents: &[u8]) -> Vec<LocalFile<'f>> {
        let there = files.iter().zip(contents).filter(|(_, content)| **content > 0);
        there.map(|(file, content)| LocalFile { file, sha256: content.to_string(), stamp: (0, 0) }).collect()
    }

    fn plan_for<'f>(local: &[LocalFile<'f>], record: &Record, bucket: &Bucket, replace: bool) -> Plan<'f> {
        let mut objects = bucket.list();
        for path in unclear(local, record, &objects, replace) {
            objects.get_mut(&path).unwrap().inspected = Some(bucket.inspect(&path));
        }
        plan(local, record, &objects, Rules { site: SITE, replace })
    }

    /// Carries out a plan as `transfer.rs` does, and dies after `steps` writes. What was done after the last time that the
    /// record was written, every `save_every` steps, is lost from it.
    fn carry_out(plan: &Plan<'_>, record: &mut Record, bucket: &mut Bucket, steps: usize, save_every: usize) {
        super::super::transfer::begin(record, plan);
        let mut working = record.clone();
        let puts = plan.phases.iter().flatten();
        for (number, put) in puts.enumerate() {
            if number == steps {
                return;
            }
            let version = bucket.put(&put.local.file.path, &put.local.sha256, put.replaces.as_ref()).unwrap();
            working.insert(&put.local, Some(version));
            if number % save_every == 0 {
                record.clone_from(&working);
            }
        }
        let done = plan.phases.iter().map(Vec::len).sum::<usize>();
        for (number, path) in plan.deletes.iter().enumerate() {
            if done + number == steps {
                return;
            }
            bucket.objects.remove(path);
            working.remove(path);
        }
        working.pending.clear();
        *record = working;
    }

    fn contents() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0_u8..4, PATHS.len())
    }

    proptest! {
        #[test]
        fn a_run_that_died_anywhere_is_completed_by_the_next_one(
            versions in prop::collection::vec((contents(), 0_usize..12, 1_usize..4), 1..5),
            last in contents(),
            loses_record: bool,
        ) {
            let files = files();
            let (mut record, mut bucket) = (Record::default(), Bucket::default());
            bucket.overwrite("stranger.html".into(), "9", None);
            for (contents, steps, save_every) in &versions {
                let plan = plan_for(&site(&files, contents), &record, &bucket, false);
                prop_assert_eq!(&plan.conflicts, &Vec::<Utf8PathBuf>::new());
                carry_out(&plan, &mut record, &mut bucket, *steps, *save_every);
            }
            if loses_record {
                record = Record::default();
            }
            let local = site(&files, &last);
            let plan = plan_for(&local, &record, &bucket, false);
            prop_assert!(plan.conflicts.is_empty() && plan.left.is_empty(), "{:?}", plan);
            carry_out(&plan, &mut record, &mut bucket, usize::MAX, 1);
            let mut expected: BTreeMap<Utf8PathBuf, String> =
                local.iter().map(|file| (file.file.path.clone(), file.sha256.clone())).collect();
            expected.insert("stranger.html".into(), "9".to_owned());
            prop_assert_eq!(bucket.contents(), expected);
            prop_assert!(record.is_current(&local));
            prop_assert_eq!(plan_for(&local, &record, &bucket, false), Plan::default());
        }

        #[test]
        fn no_feed_is_written_before_a_page_and_no_page_before_its_images(before in contents(), after in contents()) {
            let files = files();
            let (mut record, mut bucket) = (Record::default(), Bucket::default());
            let plan = plan_for(&site(&files, &before), &record, &bucket, false);
            carry_out(&plan, &mut record, &mut bucket, usize::MAX, 1);
            let plan = plan_for(&site(&files, &after), &record, &bucket, false);
            let roles: Vec<Role> = plan.phases.iter().flatten().map(|put| put.local.file.role).collect();
            prop_assert!(roles.is_sorted(), "{:?}", roles);
            let place = |path: &str| plan.phases.iter().position(|phase| phase.iter().any(|put| put.local.file.path == path));
            if let (Some(list), Some(post)) = (place("index.html"), place("글/하나/index.html")) {
                prop_assert!(post < list);
            }
        }

        #[test]
        fn an_object_of_another_program_is_never_replaced_or_deleted(
            before in contents(),
            after in contents(),
            foreign in 0..PATHS.len(),
            has_mark: bool,
        ) {
            let files = files();
            let (mut record, mut bucket) = (Record::default(), Bucket::default());
            let plan = plan_for(&site(&files, &before), &record, &bucket, false);
            carry_out(&plan, &mut record, &mut bucket, usize::MAX, 1);
            let path = Utf8Path::new(PATHS[foreign].0);
            bucket.overwrite(path, "9", has_mark.then_some(SITE));
            if record.is_empty() {
                // Without a record, what has our mark is ours.
                return Ok(());
            }
            let plan = plan_for(&site(&files, &after), &record, &bucket, false);
            let is_touched = plan.phases.iter().flatten().any(|put| put.local.file.path == path)
                || plan.deletes.iter().any(|gone| gone == path);
            prop_assert!(!is_touched);
            let is_wanted = after[foreign] > 0 && after[foreign] != before[foreign];
            prop_assert_eq!(plan.conflicts.contains(&path.to_owned()), is_wanted);
            let plan = plan_for(&site(&files, &after), &record, &bucket, true);
            prop_assert!(plan.conflicts.is_empty());
        }
    }

    #[test]
    fn an_object_that_vanished_is_written_again_with_the_next_change() {
        let files = files();
        let (mut record, mut bucket) = (Record::default(), Bucket::default());
        let local = site(&files, &[1, 1, 1, 1, 1, 1, 1]);
        carry_out(&plan_for(&local, &record, &bucket, false), &mut record, &mut bucket, usize::MAX, 1);
        bucket.objects.remove(Utf8Path::new("a.png"));
        let plan = plan_for(&local, &record, &bucket, false);
        assert_eq!((plan.phases.len(), &plan.phases[0][0].replaces), (1, &None));
        assert_eq!(plan.phases[0][0].local.file.path, "a.png");
    }

    #[test]
    fn a_mark_is_read_as_it_is_written_and_a_tag_without_its_quotation_marks() {
        let mark = Mark { sha256: "ab".to_owned(), site: "cd".to_owned() };
        assert_eq!(Mark::read(&mark.to_text()), Some(mark));
        assert_eq!(Mark::read("backup"), None);
        assert_eq!((bare("\"0x8D\""), bare("W/\"1\""), bare("0x8D")), ("0x8D", "1", "0x8D"));
    }
}
