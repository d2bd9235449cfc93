//! Measures how fast an issue is sent: 20,000 subscribers over 50 connections to a server that only counts, with a
//! durable ledger. Then the same with DKIM signatures.
//!
//! `cargo bench --bench send`; with `LETTERPRESS_BENCH_POSTGRES="URL URL"` also over two empty databases, the first
//! with one sender and the second with four. Prints messages per second, the time of an fsync on this disk in the same
//! run, and the memory of the sender. `benches/compare.sh` compares the figure with other senders.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const AUDIENCES: [u32; 2] = [2_000, 20_000];
const CONNECTIONS: usize = 50;

fn main() {
    let folder =
        tempfile::tempdir_in(".").unwrap_or_else(|error| panic!("cannot make a folder here: {error}"));
    let sync = fsync_cost(folder.path());
    println!("one fsync on this disk: {:.2} ms", sync.as_secs_f64() * 1e3);
    let databases = std::env::vars().find(|(name, _)| name == "LETTERPRESS_BENCH_POSTGRES");
    let unsigned = AUDIENCES.map(|subscribers| (subscribers, None));
    // Databases are compared with the SQLite file, and signed with unsigned messages.
    let signed = ["ed25519", "rsa"].map(|algorithm| (AUDIENCES[1], Some(algorithm)));
    let signed = signed.into_iter().filter(|_| databases.is_none());
    for (subscribers, key) in unsigned.into_iter().chain(signed) {
        let site = folder.path().join(format!("{subscribers}-{}", key.unwrap_or_default()));
        make_site(&site, sink(), subscribers, "");
        if let Some(algorithm) = key {
            make_key(&site, algorithm);
        }
        run(&site, &["--quiet", "subscribers", "import", "readers.csv", "--confirmed"]);
        measure(&site, subscribers, 1, key.unwrap_or("unsigned"));
    }
    for (url, senders) in databases.iter().flat_map(|(_, urls)| urls.split(' ')).zip([1, 4]) {
        let (subscribers, site) = (AUDIENCES[1], folder.path().join(format!("shared-{senders}")));
        make_site(&site, sink(), subscribers, &format!("[store]\nurl = \"{url}\"\n"));
        run(&site, &["--quiet", "subscribers", "import", "readers.csv", "--confirmed"]);
        let before = (server_time(), wal_position(url));
        measure(&site, subscribers, senders, "unsigned, PostgreSQL");
        let (time, wal) = (server_time().saturating_sub(before.0), wal_position(url) - before.1);
        println!(
            "  the server used {:.0} us and wrote {} bytes of WAL for each message, the freeze included",
            time.as_secs_f64() * 1e6 / f64::from(subscribers),
            wal / u64::from(subscribers)
        );
    }
}

/// The processor time of all PostgreSQL processes of this machine so far, those that have ended included.
fn server_time() -> Duration {
    let of = |stat: String| {
        let (name, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<u64> =
            rest.split(' ').skip(11).take(4).filter_map(|ticks| ticks.parse().ok()).collect();
        name.ends_with("(postgres").then(|| fields.iter().sum::<u64>())
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    // A tick is 10 ms.
    Duration::from_millis(10 * stats.filter_map(of).sum::<u64>())
}

/// How much the server has written to its log so far.
fn wal_position(url: &str) -> u64 {
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
    let asked = Command::new("psql").args(["-A", "-t", "-d", url, "-c", sql]).output();
    let position = asked.ok().and_then(|asked| String::from_utf8_lossy(&asked.stdout).trim().parse().ok());
    position.unwrap_or_else(|| panic!("psql cannot ask {url}"))
}

/// The time of `senders` concurrent runs, from their start until the last one has ended.
fn measure(site: &Path, subscribers: u32, senders: usize, how: &str) {
    let began = Instant::now();
    let runs: Vec<_> = (0..senders)
        .map(|_| {
            let site = site.to_owned();
            std::thread::spawn(move || run(&site, &["--quiet", "send"]))
        })
        .collect();
    let peak = runs.into_iter().map(|run| run.join().unwrap_or_default()).max().unwrap_or_default();
    let took = began.elapsed();
    println!(
        "{subscribers} subscribers, {senders} x {CONNECTIONS} connections, {how}: {:.0} messages/s in {:.2} s, {peak} kB at most",
        f64::from(subscribers) / took.as_secs_f64(),
        took.as_secs_f64(),
    );
}

/// The median of fifty small synced writes.
fn fsync_cost(folder: &Path) -> Duration {
    let mut file = File::create(folder.join("sync")).unwrap_or_else(|error| panic!("{error}"));
    let mut costs: Vec<Duration> = (0..50)
        .map(|_| {
            let began = Instant::now();
            let written = file.write_all(&[0; 4096]).and_then(|()| file.sync_data());
            written.unwrap_or_else(|error| panic!("{error}"));
            began.elapsed()
        })
        .collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

fn make_site(site: &Path, port: u16, subscribers: u32, more: &str) {
    let config = format!(
        "[site]\ntitle = \"주간 노트\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\n\
         [newsletter]\nfrom = \"주간 노트 <news@letters.example>\"\nfirst_run = \"newest\"\nunsubscribe_by_hand = true\n\
         [smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nconnections = {CONNECTIONS}\n\
         messages_per_connection = 1000000\n{more}"
    );
    let sentence = "구독자는 편지를 기다리고, 편지는 구독자를 기다린다. 대기열의 주소는 천천히 줄어든다. ";
    let body = format!("{}\n\n", sentence.repeat(9)).repeat(10);
    let rows: Vec<String> =
        (0..subscribers).map(|number| format!("user{number}@example.net,독자 {number}")).collect();
    let files = [
        ("config.toml", config),
        ("posts/note.md", format!("+++\ntitle = \"주간 노트 42호\"\ndate = 2026-11-20\n+++\n\n{body}")),
        ("readers.csv", format!("email,name\n{}\n", rows.join("\n"))),
    ];
    for (name, text) in files {
        let path = site.join(name);
        let written =
            std::fs::create_dir_all(path.parent().unwrap_or(site)).and_then(|()| std::fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Makes a key and enables signing.
fn make_key(site: &Path, algorithm: &str) {
    let made = Command::new(env!("CARGO_BIN_EXE_letterpress"))
        .current_dir(site)
        .args(["dkim", "new", "--algorithm", algorithm, "--selector", "s", "--out", "key.pem"])
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(made.status.success(), "{made:?}");
    let path = site.join("config.toml");
    let config = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}"));
    let config = format!("{config}[dkim]\nselector = \"s\"\nkey_file = \"key.pem\"\n");
    std::fs::write(&path, config).unwrap_or_else(|error| panic!("{error}"));
}

/// Runs the program; returns its peak memory in kB if the system reports it.
fn run(site: &Path, arguments: &[&str]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_letterpress"))
        .current_dir(site)
        .args(arguments)
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"));
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        }
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Ok(Some(status)) => {
                assert!(status.success(), "{arguments:?} ended with {status}");
                return peak;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A server that accepts everything and stores nothing; its threads end with the benchmark.
fn sink() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let port = listener.local_addr().map_or(0, |address| address.port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // The client disconnects when it is done.
                let _ = serve(stream);
            });
        }
    });
    port
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink ESMTP\r\n")?;
    let (mut inbox, mut chunk, mut in_data) = (Vec::new(), vec![0; 64 * 1024], false);
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        inbox.extend_from_slice(&chunk[..read]);
        let mut replies = Vec::new();
        loop {
            let (mark, length): (&[u8], usize) = if in_data { (b"\r\n.\r\n", 5) } else { (b"\r\n", 2) };
            let Some(at) = memchr::memmem::find(&inbox, mark) else { break };
            let line = inbox[..at].to_ascii_uppercase();
            inbox.drain(..at + length);
            let reply: &[u8] = match (in_data, &line[..line.len().min(4)]) {
                (true, _) => b"250 2.0.0 queued\r\n",
                (_, b"EHLO") => b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n",
                (_, b"DATA") => b"354 go ahead\r\n",
                (_, b"QUIT") => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            in_data = !in_data && line == b"DATA";
            replies.extend_from_slice(reply);
        }
        stream.write_all(&replies)?;
    }
}
