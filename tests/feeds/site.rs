//! A copy of a site in a temporary folder, and the feeds that the program builds from it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use feed_rs::model::Feed;

pub(crate) const NOW: &str = "2026-11-23T00:00:00Z";

/// The archive with difficult posts.
const DIFFICULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hurt");

/// The output and the exit code of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The same, if the run succeeded.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

pub(crate) struct Site(tempfile::TempDir);

impl Site {
    /// A copy of the archive with difficult posts.
    pub(crate) fn difficult() -> Self {
        Self::with_files_of(Path::new(DIFFICULT))
    }

    /// A new checkout on another machine: without the files that runs create, and with new file times.
    pub(crate) fn fresh_checkout(&self) -> Self {
        let copy = Self::with_files_of(self.0.path());
        let _ = fs::remove_dir_all(copy.path("public"));
        let _ = fs::remove_dir_all(copy.path(".letterpress"));
        copy
    }

    fn with_files_of(folder: &Path) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        copy(folder, site.0.path());
        site
    }

    /// `count` posts, one for each day from 2020 on, with `entries` entries in a feed.
    pub(crate) fn diary(count: u32, entries: u32) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write(
            "config.toml",
            &format!(
                "[site]\ntitle = \"일기\"\nurl = \"https://diary.example/\"\nlanguage = \"ko\"\n\
                 [feeds]\nentries = {entries}\nby = []\n[newsletter]\nenabled = false\n"
            ),
        );
        for number in 0..count {
            site.day(number);
        }
        site
    }

    /// Writes the post with this number.
    pub(crate) fn day(&self, number: u32) {
        let (year, month, day) = (2020 + number / 336, 1 + number / 28 % 12, 1 + number % 28);
        let text = format!(
            "---\ntitle: {number}번째 날\ndate: {year}-{month:02}-{day:02}\n---\n\n오늘의 {number}.\n"
        );
        self.write(&format!("posts/day-{number:03}.md"), &text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.text(name);
        assert!(text.contains(old), "{name} does not hold {old:?}");
        self.write(name, &text.replace(old, new));
    }

    pub(crate) fn rename(&self, old: &str, new: &str) {
        fs::create_dir_all(self.path(new).parent().unwrap()).unwrap();
        fs::rename(self.path(old), self.path(new)).unwrap();
    }

    pub(crate) fn run(&self, now: &str, line: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_letterpress"));
        command.env_clear().env("LETTERPRESS_FROZEN_AT", now).current_dir(self.0.path()).stdin(Stdio::null());
        let output = command.args(line.split(' ')).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn build(&self) -> &Self {
        self.build_at(NOW)
    }

    pub(crate) fn build_at(&self, now: &str) -> &Self {
        self.run(now, "build").succeeds();
        self
    }

    /// Every file of the public folder.
    pub(crate) fn public(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path("public"), "", &mut files);
        files
    }

    /// A feed, read by feed-rs.
    pub(crate) fn read(&self, name: &str) -> Feed {
        let bytes =
            fs::read(self.path("public").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let parser = feed_rs::parser::Builder::new().sanitize_content(false).build();
        parser.parse(bytes.as_slice()).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            // Not `fs::copy`, which keeps file times on some systems.
            fs::write(to, fs::read(from).unwrap()).unwrap();
        }
    }
}

fn collect(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{name}{}", entry.file_name().into_string().unwrap());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}
