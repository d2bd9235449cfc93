//! How fast letters are signed: whole copies of 30 kB, on one thread, on all, and in tasks beside sockets, next to the
//! bare RSA and Ed25519 of the library in the same run.
//!
//! `cargo bench --bench sign`. A signed copy is one that was hashed, signed, put together and verified again. With
//! `openssl` on the path its own figure is printed too: the target is 0.55 of that for each core.

#![expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use chrono::DateTime;
use letterpress::letters::dkim::{Identity, Key, Signer, to_pem};

const ROUND: Duration = Duration::from_secs(2);
/// Tasks that sign at once, as many as a busy relay gets connections.
const TASKS: usize = 50;
const COPY: usize = 30_000;

/// What is done again and again.
type Work = Arc<dyn Fn() + Send + Sync>;

fn main() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap_or_else(|error| panic!("{error}"));
    let ed25519 = Ed25519KeyPair::generate().unwrap_or_else(|error| panic!("{error}"));
    let rsa_pem = to_pem(rsa.as_der().unwrap_or_else(|error| panic!("{error}")).as_ref());
    let ed25519_pem = to_pem(ed25519.to_pkcs8v1().unwrap_or_else(|error| panic!("{error}")).as_ref());
    let letter = Arc::new(korean_copy());
    println!(
        "a copy of {} bytes; 1 thread, {cores} threads, {TASKS} tasks on {cores} threads: per second",
        letter.len()
    );
    let hash = digest(&SHA256, b"a header");
    let bare: Work = Arc::new(move || {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign_digest(&RSA_PKCS1_SHA256, &hash, &mut signature).unwrap_or_else(|error| panic!("{error}"));
    });
    let bare_one = measured("bare RSA-2048", &bare, cores);
    let bare_ed: Work = Arc::new(move || {
        black_box(ed25519.sign(hash.as_ref()));
    });
    measured("bare Ed25519", &bare_ed, cores);
    let whole_one = measured("copies, RSA-2048", &signing(&[("r", &rsa_pem)], &letter), cores);
    measured("copies, Ed25519", &signing(&[("e", &ed25519_pem)], &letter), cores);
    measured("copies, both", &signing(&[("e", &ed25519_pem), ("r", &rsa_pem)], &letter), cores);
    println!("a copy takes {:.2} of a bare RSA signature's time", bare_one / whole_one);
    match openssl(cores) {
        Some((one, all)) => println!(
            "openssl speed rsa2048: {one:.0}/s, {all:.0}/s on all; whole copies on one thread are {:.2} of that",
            whole_one / one
        ),
        None => println!("openssl is not here"),
    }
}

fn signing(keys: &[(&str, &str)], letter: &Arc<Vec<u8>>) -> Work {
    let identity = |(selector, pem): &(&str, &str)| Identity {
        domain: "letters.example".to_owned(),
        selector: (*selector).to_owned(),
        key: Key::from_pem(pem).unwrap_or_else(|error| panic!("{error}")),
    };
    let signer = Signer::new(keys.iter().map(identity).collect());
    let letter = Arc::clone(letter);
    Arc::new(move || {
        black_box(signer.sign(&letter, DateTime::UNIX_EPOCH).unwrap_or_else(|error| panic!("{error}")));
    })
}

/// Prints how often `work` is done in a second; returns that of one thread.
fn measured(name: &str, work: &Work, cores: usize) -> f64 {
    let (one, all, tasks) = (on_threads(work, 1), on_threads(work, cores), in_tasks(work));
    println!("{name:<18} {one:>8.0} {all:>8.0} ({:.2}x) {tasks:>8.0} ({:.2}x)", all / one, tasks / one);
    one
}

fn on_threads(work: &Work, threads: usize) -> f64 {
    let (done, ends) = (AtomicU32::new(0), Instant::now() + ROUND);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while Instant::now() < ends {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    f64::from(done.into_inner()) / ROUND.as_secs_f64()
}

/// As the workers of a run do it: in tasks that let the others have their turn after each copy.
fn in_tasks(work: &Work) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    let (done, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    runtime.block_on(async {
        for _ in 0..TASKS {
            let (work, done, stop) = (Arc::clone(work), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            });
        }
        tokio::time::sleep(ROUND).await;
        stop.store(true, Ordering::Relaxed);
    });
    f64::from(done.load(Ordering::Relaxed)) / ROUND.as_secs_f64()
}

/// A letter as Letterpress writes it: the usual header, two parts in base64.
fn korean_copy() -> Vec<u8> {
    use base64::Engine as _;
    let head = "From: =?utf-8?b?64qQ66awIOyasOyytOq1rQ==?= <news@letters.example>\r\n\
        Subject: =?utf-8?b?7LKc7LKc7Z6IIOyYpOuKlCDtjrjsp4A=?=\r\n\
        List-Id: =?utf-8?b?64qQ66awIOyasOyytOq1rQ==?= <letters.letters.example>\r\n\
        List-Archive: <https://letters.example/>\r\nPrecedence: bulk\r\n\
        Feedback-ID: 0123456789ab:letters:newsletter:0123456789ab\r\nContent-Language: ko\r\nMIME-Version: 1.0\r\n\
        To: =?utf-8?b?6rmA66+87KSA?= <minjun@example.net>\r\nDate: Mon, 16 Nov 2026 09:00:00 +0900\r\n\
        Message-ID: <0123456789abcdef0123456789abcdef@letters.example>\r\n\
        List-Unsubscribe: <https://news.letters.example/u/v1.k1.u.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.aaaaaaaaaaaaaaaaaaaaaaaaaa>,\r\n \
        <mailto:leave@letters.example?subject=unsubscribe%20v1.k1.u.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.aaaaaaaaaaaaaaaaaaaaaaaaaa>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
        Content-Type: multipart/alternative;\r\n boundary=\"=_0123456789abcdef\"\r\n\r\n";
    let sentence = "구독자는 편지를 기다리고, 편지는 구독자를 기다린다. 대기열의 주소는 천천히 줄어든다.\r\n";
    let mut copy = head.to_owned();
    for (kind, share) in [("plain", 3), ("html", 1)] {
        let text = sentence.repeat((COPY * 3 / 4 / if share == 3 { 3 } else { 2 }) / sentence.len());
        copy.push_str("--=_0123456789abcdef\r\nContent-Type: text/");
        copy.push_str(kind);
        copy.push_str("; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        for line in encoded.as_bytes().chunks(76) {
            copy.push_str(&String::from_utf8_lossy(line));
            copy.push_str("\r\n");
        }
    }
    copy.push_str("--=_0123456789abcdef--\r\n");
    copy.into_bytes()
}

/// What `openssl speed` says of RSA-2048: signatures per second in one process, and in as many as there are cores.
fn openssl(cores: usize) -> Option<(f64, f64)> {
    let speed = |processes: usize| {
        let mut command = Command::new("openssl");
        command.args(["speed", "-seconds", "2"]);
        if processes > 1 {
            command.args(["-multi", &processes.to_string()]);
        }
        let out = command.arg("rsa2048").output().ok()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let line = text.lines().rfind(|line| line.trim_start().starts_with("rsa 2048"))?.to_owned();
        line.split_whitespace().rev().nth(1)?.parse::<f64>().ok()
    };
    Some((speed(1)?, speed(cores)?))
}
