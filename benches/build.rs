//! Measures how fast feeds are built, and with how much memory: 5,000, 10,000 and 50,000 posts, three formats and a
//! feed for each category; with and without an archive; a run with one new post, one with an edited post, and one without
//! changes.
//!
//! `cargo bench --bench build` also prints how long it takes to read every file in the same run. If `../shared/bench` is
//! beside the project, it sets RSS and Atom with all posts beside the bare loop: read, front matter, render, write, two
//! threads. `benches/compare.sh` compares the figures with other generators.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SIZES: [usize; 3] = [5_000, 10_000, 50_000];
const CATEGORIES: [&str; 4] = ["글", "Essays", "번역", "How-to"];

/// The feeds that the bare loop writes too.
const ALL_POSTS: &str =
    "formats = [\"rss\", \"atom\"]\nby = []\nentries = 0\nbudget = \"0\"\narchive = false";

/// A variant: its name, lines of `[feeds]`, and whether each post has a page to read online.
const BUILDS: [(&str, &str, bool); 5] = [
    ("newest 20 in each feed, no archive", "archive = false", false),
    ("newest 20 in each feed, the rest in pages", "", false),
    ("the same, and pages of each category", "archive_by = [\"category\"]", false),
    ("newest 20 in each feed, the rest in pages, and a page for each post", "", true),
    ("all posts whole in the feeds", "entries = 0\nbudget = \"0\"", false),
];

fn main() {
    let bare_loop = bare_loop();
    for posts in SIZES {
        let folder =
            tempfile::tempdir_in(".").unwrap_or_else(|error| panic!("cannot make a folder here: {error}"));
        measure(folder.path(), posts);
        if let Some(bare_loop) = &bare_loop {
            compare(folder.path(), posts, bare_loop);
        }
    }
}

/// The bare loop, built; `None` if its source is not beside the project.
fn bare_loop() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = project.join("../shared/bench/floor-feeds/Cargo.toml");
    if !manifest.exists() {
        println!("../shared/bench is not beside the project, so there is no ratio to the bare loop");
        return None;
    }
    let target = project.join("target/instruments");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target));
    Some(target.join("release/floor"))
}

fn compare(site: &Path, posts: usize, bare_loop: &Path) {
    let rounds = rounds(posts);
    let (bare, _) = median(rounds, || {
        let (posts, out) = (site.join("posts"), site.join("bare"));
        run(Command::new(bare_loop).arg("feed").arg(posts).arg("0").arg(out).arg("2"));
        0
    });
    configure(site, ALL_POSTS, false);
    let (cold, _) = median(rounds, || cold(site));
    println!(
        "  RSS and Atom with all posts: {:.2} s; the bare loop {:.2} s; ratio {:.1}",
        cold.as_secs_f64(),
        bare.as_secs_f64(),
        cold.as_secs_f64() / bare.as_secs_f64()
    );
}

fn measure(site: &Path, posts: usize) {
    make_posts(&site.join("posts"), 0..posts);
    let rounds = rounds(posts);
    let (read, _) = median(rounds, || {
        read_all(&site.join("posts"));
        0
    });
    println!("{posts} posts; reading the files, and nothing else: {:.3} s", read.as_secs_f64());
    for (name, feeds, pages) in BUILDS {
        configure(site, feeds, pages);
        let (cold, memory) = median(rounds, || cold(site));
        let written = size(&site.join("public")) / 1_000_000;
        let (idle, _) = median(rounds, || build(site));
        make_posts(&site.join("posts"), posts..=posts);
        let (new, _) = median(1, || build(site));
        let last = site.join(format!("posts/post-{posts:05}.md"));
        write(&last, &(read_text(&last) + "Edited.\n"));
        let (edited, _) = median(1, || build(site));
        let _ = fs::remove_file(last);
        build(site);
        println!(
            "  {name}: {:.2} s in {memory} MB, {written} MB written; with a new post {:.2} s; with an edited post {:.2} s; \
             with nothing to do {:.2} s",
            cold.as_secs_f64(),
            new.as_secs_f64(),
            edited.as_secs_f64(),
            idle.as_secs_f64()
        );
    }
}

fn rounds(posts: usize) -> usize {
    if posts > 10_000 { 1 } else { 3 }
}

/// The ids are not in the folder of posts, because the bare loop reads every file there.
fn configure(site: &Path, feeds: &str, pages: bool) {
    let config = format!(
        "[site]\ntitle = \"Bench\"\nurl = \"https://bench.example/\"\n[archive]\nids = \"ids.txt\"\n[feeds]\n{feeds}\n\
         [newsletter]\nenabled = false\n[output]\npages = {pages}\n"
    );
    write(&site.join("config.toml"), &config);
}

/// A build into an empty public folder.
fn cold(site: &Path) -> u64 {
    for made in ["pages.txt", ".letterpress/built.json", ".letterpress/pages.json"] {
        let _ = fs::remove_file(site.join(made));
    }
    let _ = fs::remove_dir_all(site.join("public"));
    build(site)
}

fn make_posts(folder: &Path, numbers: impl Iterator<Item = usize>) {
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{error}"));
    let korean =
        "구독자는 **편지**를 기다리고, 편지는 `대기열`에서 [차례](../other/)를 기다린다. ".repeat(12);
    let english =
        "A feed is a promise to *readers* who ask for nothing but [the next post](../next/). ".repeat(10);
    for number in numbers {
        let (day, hour) = (1 + number % 28, number % 24);
        let (year, month) = (1975 + number / 1_100, 1 + number / 56 % 12);
        let text = format!(
            "+++\ntitle = \"{number}번째 글\"\nslug = \"post-{number:05}\"\ndate = {year}-{month:02}-{day:02}T{hour:02}:00:00Z\n\
             categories = [\"{}\"]\n+++\n\n{korean}\n\n## 둘\n\n- {english}\n- {korean}\n\n| a | b |\n|---|--:|\n| 하나 | {number} |\n\n\
             ```rust\nfn main() {{ println!(\"{{}}\", {number} < 2); }}\n```\n\n{english}\n",
            CATEGORIES[number % CATEGORIES.len()]
        );
        write(&folder.join(format!("post-{number:05}.md")), &text);
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn read_text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(status.success(), "{command:?} failed");
}

/// The bytes of the files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => size(&entry.path()),
            data => data.map_or(0, |data| data.len()),
        })
        .sum()
}

fn read_all(folder: &Path) {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        bytes += fs::read(entry.path()).map_or(0, |text| text.len());
    }
    assert!(bytes > 1_000_000);
}

/// Builds; returns the peak memory in MB if the system reports it.
fn build(site: &Path) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_letterpress"))
        .current_dir(site)
        .args(["--quiet", "build", "--allow-loss"])
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run letterpress: {error}"));
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        most = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(most);
        if let Ok(Some(ended)) = child.try_wait() {
            assert!(ended.success(), "the build failed");
            return most / 1_000;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The median time, and the largest value that `act` returned.
fn median(rounds: usize, act: impl Fn() -> u64) -> (Duration, u64) {
    let mut most = 0;
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            most = act().max(most);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[times.len() / 2], most)
}
