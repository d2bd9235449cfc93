//! SIGKILL at random moments while an issue is being sent: what the server accepted is compared with the ledger.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::support::{At, Do, Script, Server, Site, reply_line};

const CONNECTIONS: usize = 4;

/// Delays that differ for each kill without a random source.
fn moment(kill: u64) -> Duration {
    Duration::from_millis(40 + kill.wrapping_mul(2_654_435_761) % 160)
}

/// Kills a run `kills` times while it sends, lets a last run finish, and compares.
fn torture(kills: u64, subscribers: usize) {
    let slow = Do::Each(vec![Do::Wait(Duration::from_millis(4)), reply_line("250 2.0.0 ok")]);
    let server = Server::start(Script::polite().pipelining(true).on(At::Dot, slow));
    let site = Site::new(server.port(), subscribers, CONNECTIONS);
    let mut caught = 0;
    for kill in 0..kills {
        let mut run = site.start(&["publish"]);
        let before = server.connections();
        // A kill before the first message of the run shows little, and a finished run cannot be killed.
        while !server.has_message_after(before) && run.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(moment(kill));
        caught += u64::from(run.try_wait().unwrap().is_none());
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let last = site.run_now(&["publish"]);
    assert!([0, 3].contains(&last.code), "{}", last.output);

    let mut accepted: HashMap<String, usize> = HashMap::new();
    for line in server.accepted() {
        *accepted.entry(line).or_default() += 1;
    }
    let counts = site.counts();
    let number = |state: &str| counts[state].as_u64().unwrap_or(0);
    let (sent, unknown) = (number("sent"), number("unknown"));
    println!(
        "{caught} kills caught a run while it was sending; {sent} sent, {unknown} unknown, {} accepted",
        accepted.len()
    );
    assert!(accepted.values().all(|number| *number == 1), "an address got two messages");
    assert_eq!(sent + unknown, subscribers as u64, "a delivery is missing: {counts}");
    assert!(unknown <= kills * CONNECTIONS as u64, "{unknown} unknown after {kills} kills");
    let unknown_addresses = site.in_state("unknown");
    let certain = accepted
        .keys()
        .filter(|line| !unknown_addresses.iter().any(|address| line.contains(&format!("<{address}>"))))
        .count();
    assert_eq!(certain as u64, sent, "the ledger and the server disagree about who got the message");
    assert!(caught > 0, "no kill caught a run while it was sending");
    let status: Value = serde_json::from_str(site.run(&["status", "--json"]).output.trim()).unwrap();
    assert_eq!(status["issues"].as_array().unwrap().len(), 1, "the issue was frozen more than once");
}

#[test]
fn ten_kills_while_sending_lose_and_duplicate_no_message() {
    torture(10, 1_500);
}
