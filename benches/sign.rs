//! Measures how fast messages are signed: 30 kB each, on one thread, on all, and in tasks beside sockets, next to bare
//! RSA and Ed25519 operations of the library in the same run.
//!
//! `cargo bench --bench sign`. Signing includes hashing, assembling and verifying the message. Where the system reports
//! CPU time (Linux), rates are per second of CPU time, like those of `openssl speed`, so that they are valid on a busy
//! machine too; "cores" is the average number of busy cores. The target is 0.55 of the figure of openssl.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use chrono::DateTime;
use letterpress::internals::email::dkim::{Identity, Key, Signer, to_pem};

const ROUND: Duration = Duration::from_secs(2);
/// Concurrent signing tasks, as many as the connections to a busy relay.
const TASKS: usize = 50;
const MESSAGE_SIZE: usize = 30_000;

/// The repeated operation.
type Work = Arc<dyn Fn() + Send + Sync>;

fn main() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap_or_else(|error| panic!("{error}"));
    let ed25519 = Ed25519KeyPair::generate().unwrap_or_else(|error| panic!("{error}"));
    let rsa_pem = to_pem(rsa.as_der().unwrap_or_else(|error| panic!("{error}")).as_ref());
    let ed25519_pem = to_pem(ed25519.to_pkcs8v1().unwrap_or_else(|error| panic!("{error}")).as_ref());
    let message = Arc::new(korean_message());
    let size = message.len();
    println!("a message of {size} bytes; 1 thread, {cores} threads, {TASKS} tasks on {cores} threads");
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
    let whole_one = measured("messages, RSA-2048", &signing(&[("r", &rsa_pem)], &message), cores);
    measured("messages, Ed25519", &signing(&[("e", &ed25519_pem)], &message), cores);
    measured("messages, both", &signing(&[("e", &ed25519_pem), ("r", &rsa_pem)], &message), cores);
    println!("a message takes {:.2} times as long as a bare RSA signature", bare_one / whole_one);
    match openssl() {
        Some(theirs) => {
            println!(
                "openssl speed rsa2048: {theirs:.0}; a whole message reaches {:.2} of that",
                whole_one / theirs
            );
        }
        None => println!("openssl is not here"),
    }
}

fn signing(keys: &[(&str, &str)], message: &Arc<Vec<u8>>) -> Work {
    let identity = |(selector, pem): &(&str, &str)| Identity {
        domain: "letters.example".to_owned(),
        selector: (*selector).to_owned(),
        key: Key::from_pem(pem).unwrap_or_else(|error| panic!("{error}")),
    };
    let signer = Signer::new(keys.iter().map(identity).collect());
    let message = Arc::clone(message);
    Arc::new(move || {
        black_box(signer.sign(&message, DateTime::UNIX_EPOCH).unwrap_or_else(|error| panic!("{error}")));
    })
}

/// Prints how often `work` is done per second of CPU time; returns the rate of one thread.
fn measured(name: &str, work: &Work, cores: usize) -> f64 {
    let [one, all, tasks] = [on_threads(work, 1), on_threads(work, cores), in_tasks(work)];
    let shown = [&one, &all, &tasks].map(|run| format!("{:>7.0} ({:.2} cores)", run.rate(), run.cores()));
    println!("{name:<18} {}", shown.join("  "));
    one.rate()
}

struct Run {
    done: u32,
    cpu: Duration,
    wall: Duration,
}

impl Run {
    fn rate(&self) -> f64 {
        f64::from(self.done) / self.cpu.as_secs_f64()
    }

    fn cores(&self) -> f64 {
        self.cpu.as_secs_f64() / self.wall.as_secs_f64()
    }
}

/// The CPU time of this thread, or its age if the system does not report it.
fn own_time(began: Instant) -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = statistics.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

fn add(nanos: &AtomicU64, time: Duration) {
    nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn on_threads(work: &Work, threads: usize) -> Run {
    let (done, nanos, began) = (AtomicU32::new(0), AtomicU64::new(0), Instant::now());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while began.elapsed() < ROUND {
                    work();
                    done.fetch_add(1, Ordering::Relaxed);
                }
                add(&nanos, own_time(began));
            });
        }
    });
    Run { done: done.into_inner(), cpu: Duration::from_nanos(nanos.into_inner()), wall: began.elapsed() }
}

/// Like the workers of a run: in tasks that yield after each message.
fn in_tasks(work: &Work) -> Run {
    let (done, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (nanos, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let sum = Arc::clone(&nanos);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_stop(move || add(&sum, own_time(began)))
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
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
    drop(runtime);
    let cpu = Duration::from_nanos(nanos.load(Ordering::Relaxed));
    Run { done: done.load(Ordering::Relaxed), cpu, wall: began.elapsed() }
}

/// A message as Letterpress writes it: the usual header, two base64 parts.
fn korean_message() -> Vec<u8> {
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
    let mut message = head.to_owned();
    for (kind, share) in [("plain", 3), ("html", 1)] {
        let text = sentence.repeat((MESSAGE_SIZE * 3 / 4 / if share == 3 { 3 } else { 2 }) / sentence.len());
        message.push_str("--=_0123456789abcdef\r\nContent-Type: text/");
        message.push_str(kind);
        message.push_str("; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        for line in encoded.as_bytes().chunks(76) {
            message.push_str(&String::from_utf8_lossy(line));
            message.push_str("\r\n");
        }
    }
    message.push_str("--=_0123456789abcdef--\r\n");
    message.into_bytes()
}

/// The RSA-2048 figure of `openssl speed`: signatures per second of CPU time.
fn openssl() -> Option<f64> {
    let out = Command::new("openssl").args(["speed", "-seconds", "2", "rsa2048"]).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().rfind(|line| line.trim_start().starts_with("rsa 2048"))?;
    line.split_whitespace().rev().nth(1)?.parse().ok()
}
