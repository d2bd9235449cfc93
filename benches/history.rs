//! Measures what history costs: the same commands over a ledger without deliveries, and over ledgers of up to a million
//! past deliveries in few and in many issues, with a million subscribers.
//!
//! `cargo bench --bench history`; with `LETTERPRESS_BENCH_POSTGRES=postgres://user@host` also in databases that it makes
//! there with `psql`. Prints the median time and the memory of whole processes, and the bytes that a delivery takes
//! after a real run.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Issues, deliveries of each, and subscribers.
const LEDGERS: [(u32, u32, u32); 5] = [
    (0, 0, 0),
    (1, 100_000, 1_000_000),
    (1, 1_000_000, 1_000_000),
    (50, 20_000, 1_000_000),
    (1_000, 1_000, 1_000_000),
];

/// The audience of the run that measures the size of a delivery.
const SENT: u32 = 20_000;

const ADDRESS: &str = "kim@example.com";

fn main() {
    let folder =
        tempfile::tempdir_in(".").unwrap_or_else(|error| panic!("cannot make a folder here: {error}"));
    size_of_a_delivery(&folder.path().join("size"));
    for ledger in LEDGERS {
        let site = folder.path().join(format!("sqlite-{}-{}", ledger.0, ledger.1));
        measure("SQLite", &site, &Database::Sqlite, ledger);
    }
    let server = std::env::vars().find(|(name, _)| name == "LETTERPRESS_BENCH_POSTGRES");
    let Some((_, server)) = server else { return println!("NOT RUN: LETTERPRESS_BENCH_POSTGRES is not set") };
    for ledger in LEDGERS {
        let name = format!("history_{}_{}_{}", std::process::id(), ledger.0, ledger.1);
        psql(
            &format!("{server}/postgres"),
            &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
        );
        let database = Database::Postgres(format!("{server}/{name}"));
        measure("PostgreSQL", &folder.path().join(&name), &database, ledger);
        psql(&format!("{server}/postgres"), &format!("DROP DATABASE {name}"));
    }
}

enum Database {
    Sqlite,
    Postgres(String),
}

fn measure(kind: &str, site: &Path, database: &Database, (issues, each, subscribers): (u32, u32, u32)) {
    let store = match database {
        Database::Sqlite => String::new(),
        Database::Postgres(url) => format!("[store]\nurl = \"{url}\"\n"),
    };
    make_site(site, 9, &store);
    fs::write(site.join("kim.csv"), format!("email,consent_at\n{ADDRESS},2026-01-01\n")).unwrap_or_else(fail);
    run(site, &["--quiet", "publish"]);
    run(site, &["--quiet", "subscribers", "import", "kim.csv"]);
    fill(site, database, (issues, each, subscribers));
    run(site, &["--quiet", "publish"]);
    println!("{kind}, {issues} issues of {each} deliveries, {subscribers} subscribers");
    let newest = format!("tag:bench,2026:{issues}");
    let mut commands: Vec<(&str, Vec<&str>)> = vec![
        ("publish with nothing due", vec!["--quiet", "publish"]),
        ("status", vec!["status"]),
        ("status history", vec!["status", "history", ADDRESS]),
        ("status explain", vec!["status", "explain", ADDRESS]),
        ("report", vec!["report", "-"]),
    ];
    if issues > 0 {
        commands.push(("status recipients", vec!["status", "recipients", &newest]));
    }
    for (name, arguments) in commands {
        let mut runs: Vec<(Duration, u64)> = (0..5).map(|_| run(site, &arguments)).collect();
        runs.sort_unstable();
        let memory = runs.iter().map(|(_, memory)| *memory).max().unwrap_or_default();
        println!("  {name}: {:.3} s, {} MB", runs[2].0.as_secs_f64(), memory / 1024);
    }
}

/// Fills the ledger as if the issues had been sent.
fn fill(site: &Path, database: &Database, (issues, each, subscribers): (u32, u32, u32)) {
    let (series, key, text) = match database {
        Database::Sqlite => (
            "(WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {}) SELECT n FROM numbers)",
            "randomblob(16)",
            "replace(hex(zeroblob(10000)), '00', 'ab')",
        ),
        Database::Postgres(_) => {
            ("(SELECT generate_series(1, {}) AS n)", "decode(md5(n::text), 'hex')", "repeat('ab', 10000)")
        }
    };
    if subscribers == 0 {
        return;
    }
    let mut statements = vec![format!(
        "INSERT INTO subscriber (addr_key, email, name, status, source, consented_at, added_at, changed_at)
         SELECT {key}, 'reader' || n || '@example.org', '김민준 ' || n, 'active', 'import', 0, 0, 0 FROM {} AS numbers",
        series.replace("{}", &subscribers.to_string())
    )];
    for issue in 1..=issues {
        let first = u64::from(issue - 1) * u64::from(each);
        statements.push(format!(
            "INSERT INTO issue (id, post, state, subject, label, letter, letter_sha256, frozen_at, audience, finished_at,
                                message_domain)
             SELECT {id}, 'tag:bench,2026:{issue}', 'done', '느린 편지', 'slow-{issue}', {text}, addr_key, {issue}, {each},
                    {issue}, 'example.com' FROM subscriber ORDER BY id LIMIT 1",
            id = 1_000 + issue
        ));
        // The first subscriber gets every issue, the others take turns.
        statements.push(format!(
            "INSERT INTO delivery (id, issue, addr_key, address, name, message_id, boundary_seed, unsubscribe, bounce, state,
                                   attempts, next_at, last_reply, changed_at)
             SELECT {first} + row_number() OVER (ORDER BY id), {id}, addr_key, email, name, '', '', '', '', 'sent',
                    1, 0, '4XyZ1234Qwz', 1764374400000
             FROM (SELECT * FROM subscriber WHERE id = 1 UNION ALL
                   SELECT * FROM (SELECT * FROM subscriber WHERE id > 1 AND id > {skipped} ORDER BY id LIMIT {rest})
                   AS others) AS audience",
            id = 1_000 + issue,
            skipped = first % u64::from(subscribers),
            rest = each - 1
        ));
        statements.push(format!("INSERT INTO issue_count VALUES ({}, 'sent', {each})", 1_000 + issue));
    }
    statements.push(
        "INSERT INTO attempt (issue, delivery, n, epoch, armed_at, ended_at, result)
         SELECT issue, id, 1, 1, changed_at, changed_at, 'sent' FROM delivery ORDER BY issue, id"
            .to_owned(),
    );
    match database {
        Database::Sqlite => {
            let connection = rusqlite::Connection::open(site.join("letterpress.db"));
            let connection = connection.unwrap_or_else(|error| panic!("{error}"));
            for statement in statements {
                connection.execute_batch(&statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
            }
        }
        Database::Postgres(url) => {
            // History is old: the server has long vacuumed it and written it to the disk.
            statements.extend(["VACUUM (ANALYZE)".to_owned(), "CHECKPOINT".to_owned()]);
            psql(url, &statements.join(";\n"));
        }
    }
}

/// Sends an issue, and prints by how much the ledger grew.
fn size_of_a_delivery(site: &Path) {
    make_site(site, sink(), "");
    let rows = (1..=SENT).map(|number| format!("reader{number}@example.org,김민준 {number},2026-01-01"));
    let list: Vec<String> = std::iter::once("email,name,consent_at".to_owned()).chain(rows).collect();
    fs::write(site.join("list.csv"), list.join("\n")).unwrap_or_else(fail);
    run(site, &["--quiet", "subscribers", "import", "list.csv"]);
    let before = database_size(site);
    run(site, &["--quiet", "send", "--post", "hello"]);
    let bytes = (database_size(site) - before) / u64::from(SENT);
    println!("a delivery that was sent takes {bytes} bytes in SQLite, with its attempt and all indexes");
}

fn database_size(site: &Path) -> u64 {
    fs::metadata(site.join("letterpress.db")).map_or(0, |meta| meta.len())
}

fn make_site(site: &Path, port: u16, more: &str) {
    fs::create_dir_all(site.join("posts")).unwrap_or_else(fail);
    let config = format!(
        "[site]\ntitle = \"Bench\"\nurl = \"https://bench.example/\"\n[newsletter]\nenabled = true\nunsubscribe_by_hand = true\n\
         from = \"Bench <news@example.com>\"\naddress = \"1 Road, Town\"\nunsubscribe = \"unsubscribe@example.com\"\n\
         [smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nconnections = 50\n{more}"
    );
    fs::write(site.join("config.toml"), config).unwrap_or_else(fail);
    let post = "+++\ntitle = \"Hello\"\ndate = 2026-01-01T00:00:00Z\n+++\n\nHello.\n";
    fs::write(site.join("posts/hello.md"), post).unwrap_or_else(fail);
}

/// A server that accepts every message.
fn sink() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let port = listener.local_addr().map_or(0, |address| address.port());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || drop(accept(stream)));
        }
    });
    port
}

fn accept(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink ESMTP\r\n")?;
    let (mut buffer, mut pending, mut in_message) = (vec![0; 65_536], Vec::new(), false);
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        pending.extend_from_slice(&buffer[..read]);
        let mut replies = Vec::new();
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = pending.drain(..end + 2).collect();
            if in_message {
                if line == b".\r\n" {
                    in_message = false;
                    replies.extend_from_slice(b"250 2.0.0 Ok: queued as 4XyZ1234Qwz\r\n");
                }
                continue;
            }
            replies.extend_from_slice(match line.get(..4) {
                Some(b"EHLO") => b"250-sink\r\n250 PIPELINING\r\n".as_slice(),
                Some(b"DATA") => {
                    in_message = true;
                    b"354 go on\r\n"
                }
                _ => b"250 ok\r\n",
            });
        }
        stream.write_all(&replies)?;
    }
}

/// Runs the program; returns its time, and its greatest memory in kB.
fn run(site: &Path, arguments: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M"]).arg(env!("CARGO_BIN_EXE_letterpress")).args(arguments).current_dir(site);
    let output =
        command.stdout(Stdio::null()).output().unwrap_or_else(|error| panic!("/usr/bin/time: {error}"));
    let took = began.elapsed();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "letterpress {arguments:?}: {printed}");
    let memory = printed.lines().last().and_then(|line| line.parse().ok());
    (took, memory.unwrap_or_else(|| panic!("no memory in {printed:?}")))
}

/// Through a file, because an argument must not be longer than 128 KiB.
fn psql(url: &str, sql: &str) {
    let mut script = tempfile::NamedTempFile::new().unwrap_or_else(fail);
    script.write_all(sql.as_bytes()).unwrap_or_else(fail);
    let done = Command::new("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f"])
        .arg(script.path())
        .status();
    assert!(done.is_ok_and(|status| status.success()), "psql failed at {url}");
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to unwrap_or_else")]
fn fail<T>(error: std::io::Error) -> T {
    panic!("{error}")
}
