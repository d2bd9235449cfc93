//! Measures lists of 1,000,000 subscribers: import, `newsletter.list`, export, and the freeze of a post and of a weekly
//! digest.
//!
//! `cargo bench --bench lists`, or with another number of rows: `cargo bench --bench lists -- 200000`. With
//! `LETTERPRESS_BENCH_POSTGRES=URL` the ledger is in that empty database. Prints the time of each command, and its peak
//! memory.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROWS: usize = 1_000_000;
const NAMES: [&str; 6] = ["김민준", "이서연", "박도윤", "남궁 서연", "Minjun Kim", "田中太郎"];
const TOPICS: [&str; 3] = ["", "\"[\"\"기술\"\"]\"", "\"[\"\"에세이\"\",\"\"기술\"\"]\""];

/// The list is imported at the first time, and the post is due at the second, after a Friday. A database server has its own
/// clock: there the post is of today, and no digest is due.
const DAYS: [&str; 2] = ["2026-11-18T10:00:00Z", "2026-11-22T10:00:00Z"];

/// What is in a row of a list.
#[derive(Clone, Copy)]
enum Kind {
    Clean,
    /// A fifth repeats another row, and a tenth is wrong.
    Mixed,
    /// Every person has two rows, half a list apart.
    Twice,
    Wrong,
}

fn main() {
    let rows = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROWS);
    let folder =
        tempfile::tempdir_in(".").unwrap_or_else(|error| panic!("cannot make a folder here: {error}"));
    let site = folder.path();
    for (name, kind) in
        [("clean", Kind::Clean), ("mixed", Kind::Mixed), ("twice", Kind::Twice), ("wrong", Kind::Wrong)]
    {
        make_list(&site.join(format!("{name}.csv")), rows, kind);
    }
    println!("{rows} rows");
    let store = std::env::vars().find(|(name, _)| name == "LETTERPRESS_BENCH_POSTGRES");
    let store = store.map_or(String::new(), |(_, url)| format!("[store]\nurl = \"{url}\"\n"));
    let days = if store.is_empty() { DAYS.map(Some) } else { [None; 2] };
    configure(site, &store, "");
    for list in ["clean", "mixed", "twice", "wrong"] {
        let file = format!("{list}.csv");
        measure(
            &format!("import {list}, dry run"),
            site,
            days[0],
            &["subscribers", "import", &file, "--dry-run"],
        );
    }
    for list in ["mixed", "clean", "clean"] {
        measure(&format!("import {list}"), site, days[0], &["subscribers", "import", &format!("{list}.csv")]);
    }
    configure(site, &store, "list = \"clean.csv\"\n");
    measure("newsletter.list", site, days[0], &["send"]);
    measure("newsletter.list, unchanged", site, days[0], &["send"]);
    measure("check", site, days[0], &["check"]);
    measure("count", site, days[0], &["subscribers", "count"]);
    measure("export", site, days[0], &["subscribers", "export"]);
    measure("export --json", site, days[0], &["subscribers", "export", "--json"]);
    std::fs::rename(site.join("out"), site.join("list.json")).unwrap_or_else(|error| panic!("{error}"));
    measure("list --json", site, days[0], &["subscribers", "list", "--json"]);
    measure("import of the JSON", site, days[0], &["subscribers", "import", "list.json"]);
    let (day, frozen) = if store.is_empty() {
        ("2026-11-19".to_owned(), "freeze of a post and a digest")
    } else {
        (today(), "freeze of a post")
    };
    write(
        &site.join("posts/note.md"),
        &format!("+++\ntitle = \"주간 노트\"\ndate = {day}\ncategories = [\"기술\"]\n+++\n\n편지\n"),
    );
    measure(frozen, site, days[1], &["send"]);
}

#[expect(clippy::disallowed_methods, reason = "the server of the database has the real time too")]
fn today() -> String {
    chrono::Utc::now().format("%F").to_string()
}

fn configure(site: &Path, store: &str, newsletter: &str) {
    // Nothing listens at the port: the issues are frozen, and nothing is sent.
    let config = format!(
        "[site]\ntitle = \"주간 노트\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\n\
         [newsletter]\nfrom = \"주간 노트 <news@letters.example>\"\nunsubscribe_by_hand = true\ndelay = \"0s\"\n{newsletter}\
         [smtp]\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none\"\n{store}"
    );
    write(&site.join("config.toml"), &config);
    write(&site.join("posts/old.md"), "+++\ntitle = \"옛 글\"\ndate = 2026-11-01\n+++\n\n편지\n");
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().unwrap_or(path);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn make_list(path: &Path, rows: usize, kind: Kind) {
    let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut list = BufWriter::new(file);
    let mut line = |text: String| writeln!(list, "{text}").unwrap_or_else(|error| panic!("{error}"));
    line("email,name,language,state,source,consented_at,added_at,cadence,topics".to_owned());
    for row in 0..rows {
        let person = match (kind, row % 10) {
            (Kind::Mixed, 1) => row - 1,
            (Kind::Mixed, 2) => row / 2,
            (Kind::Twice, _) => row % (rows / 2).max(1),
            _ => row,
        };
        let (local, at) = match (kind, row % 10) {
            (Kind::Mixed, 1) => ("Reader", '@'),
            (Kind::Mixed, 3) | (Kind::Wrong, _) => ("reader", '.'),
            _ => ("reader", '@'),
        };
        let name = NAMES[row % NAMES.len()];
        let state = ["active", "active", "active", "active", "unsubscribed", "unconfirmed"][person % 6];
        let date = format!("20{}-{:02}-{:02}T10:00:00+09:00", 20 + row % 6, 1 + row % 12, 1 + row % 28);
        let frequency = if row % 2 == 0 { "each" } else { "weekly" };
        let topics = TOPICS[row % TOPICS.len()];
        line(format!(
            "{local}{person}{at}letters{}.kr,{name},ko,{state},form {},{date},{date},{frequency},{topics}",
            person % 97,
            row % 5
        ));
    }
}

/// Runs the program and prints how long it took, and its peak memory if the system reports it.
fn measure(name: &str, site: &Path, now: Option<&str>, arguments: &[&str]) {
    let create = |name| File::create(site.join(name)).unwrap_or_else(|error| panic!("{error}"));
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_letterpress"))
        .current_dir(site)
        .arg("--quiet")
        .args(arguments)
        .envs(now.map(|now| ("LETTERPRESS_FROZEN_AT", now)))
        .stdout(create("out"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run letterpress: {error}"));
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(peak);
        if let Ok(Some(ended)) = child.try_wait() {
            let took = began.elapsed().as_secs_f64();
            println!("  {name}: {took:.1} s in {:.0} MB, {ended}", peak / 1_000.0);
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
