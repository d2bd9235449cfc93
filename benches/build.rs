//! How fast feeds are built: 10,000 posts, three formats and a feed for each category; and a run with nothing to do.
//!
//! `cargo bench --bench build`. Prints the time beside what it costs to read every file in the same run.
//! `benches/compare.sh` sets the figures beside other generators.

#![expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const POSTS: usize = 10_000;
const CATEGORIES: [&str; 4] = ["글", "Essays", "번역", "How-to"];

fn main() {
    let folder =
        tempfile::tempdir_in(".").unwrap_or_else(|error| panic!("cannot make a folder here: {error}"));
    make_posts(&folder.path().join("posts"));
    let read = median(|| read_all(&folder.path().join("posts")));
    println!("reading {POSTS} files, and nothing else: {:.3} s", read.as_secs_f64());
    for (entries, name) in [(20, "newest 20 in each feed"), (0, "all posts in the feeds")] {
        let config = format!(
            "[site]\ntitle = \"Bench\"\nurl = \"https://bench.example/\"\n[feeds]\nentries = {entries}\n[newsletter]\nenabled = false\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap_or_else(|error| panic!("{error}"));
        let cold = median(|| {
            let _ = std::fs::remove_dir_all(folder.path().join(".letterpress"));
            let _ = std::fs::remove_dir_all(folder.path().join("public"));
            build(folder.path());
        });
        let idle = median(|| build(folder.path()));
        println!(
            "{name}: {:.3} s; again, with nothing to do: {:.3} s",
            cold.as_secs_f64(),
            idle.as_secs_f64()
        );
    }
}

fn make_posts(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{error}"));
    let korean =
        "구독자는 **편지**를 기다리고, 편지는 `대기열`에서 [차례](../other/)를 기다린다. ".repeat(12);
    let english =
        "A feed is a promise to *readers* who ask for nothing but [the next post](../next/). ".repeat(10);
    for number in 0..POSTS {
        let (day, hour) = (1 + number % 28, number % 24);
        let (year, month) = (2010 + number / 672, 1 + number / 56 % 12);
        let text = format!(
            "+++\ntitle = \"{number}번째 글\"\ndate = {year}-{month:02}-{day:02}T{hour:02}:00:00Z\n\
             categories = [\"{}\"]\n+++\n\n{korean}\n\n## 둘\n\n- {english}\n- {korean}\n\n| a | b |\n|---|--:|\n| 하나 | {number} |\n\n\
             ```rust\nfn main() {{ println!(\"{{}}\", {number} < 2); }}\n```\n\n{english}\n",
            CATEGORIES[number % CATEGORIES.len()]
        );
        std::fs::write(folder.join(format!("post-{number:05}.md")), text)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

fn read_all(folder: &Path) {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        bytes += std::fs::read(entry.path()).map_or(0, |text| text.len());
    }
    assert!(bytes > POSTS);
}

fn build(site: &Path) {
    let built =
        Command::new(env!("CARGO_BIN_EXE_letterpress")).current_dir(site).args(["--quiet", "build"]).status();
    assert!(built.is_ok_and(|status| status.success()), "the build failed");
}

fn median(act: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let began = Instant::now();
            act();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
