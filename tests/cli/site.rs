//! A site in a temporary folder, and the program run like by cron: with an empty environment.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A plain text archive page with five posts.
pub(crate) const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/seed.txt");

/// The time of every run without another one.
const NOW: &str = "2026-11-23T00:00:00Z";

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_letterpress");

/// The site that `letterpress new` makes, with its sample post published.
pub(crate) struct Site(tempfile::TempDir);

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.run("--quiet new").succeeds();
        // The sample is a draft, but the tests need a post that is due.
        let (config, post) = ("config.toml", "posts/2026-11-23-hello.md");
        let text = fs::read_to_string(site.path(config)).unwrap();
        site.write(config, &text.replace("delay = \"10m\"", "delay = \"0s\""));
        let text = fs::read_to_string(site.path(post)).unwrap();
        site.write(post, &text.replace("draft = true\n", ""));
        site
    }

    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        let mut file = fs::File::options().append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Adds settings below `[archive]`.
    pub(crate) fn archive(&self, settings: &str) {
        let config = fs::read_to_string(self.path("config.toml")).unwrap();
        let section = format!("[archive]\n{settings}\n");
        assert!(config.contains("[archive]\n"));
        self.write("config.toml", &config.replace("[archive]\n", &section));
    }

    /// The program in this folder; its environment has only the time.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("LETTERPRESS_FROZEN_AT", NOW).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs `line`, whose arguments have no spaces.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_at(NOW, line)
    }

    pub(crate) fn run_at(&self, now: &str, line: &str) -> Ran {
        Ran::of(self.command().env("LETTERPRESS_FROZEN_AT", now).args(line.split(' ')))
    }

    /// Every message in the outbox.
    pub(crate) fn emails(&self) -> Vec<PathBuf> {
        files(&self.path("outbox"), "eml")
    }

    /// Every post.
    pub(crate) fn posts(&self) -> Vec<PathBuf> {
        files(&self.path("posts"), "md")
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The output and the exit code of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The same, if the run succeeded.
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}
