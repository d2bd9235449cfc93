//! Several senders share one issue in `PostgreSQL`: they are killed, their connections are cut, and what the SMTP
//! server accepted is compared with the ledger.

use std::collections::HashMap;
use std::process::Child;
use std::time::Duration;

use super::support::{At, Bouncer, Do, Postgres, Script, Server, Site, reply_line, wait_until};

const CONNECTIONS: usize = 4;
const SENDERS: usize = 4;

/// Delays that differ for each round without a random source.
fn moment(turn: u64) -> Duration {
    Duration::from_millis(60 + turn.wrapping_mul(2_654_435_761) % 240)
}

fn wait_for_the_first(server: &Server) {
    wait_until("the relay has a message", || !server.log().messages.is_empty());
}

fn is_running(sender: &mut Child) -> bool {
    sender.try_wait().unwrap().is_none()
}

/// Several senders work on one issue; each round kills one of them, and every other round cuts all connections. With
/// `pooled` they share the sessions of pgBouncer, if it is here.
fn torture(turns: u64, subscribers: usize, pooled: bool) {
    let Some(database) = Postgres::shared() else { return };
    let direct = database.database();
    let name = direct.rsplit_once('/').unwrap().1.to_owned();
    let bouncer = pooled.then(|| Bouncer::start(&database)).flatten();
    let url = bouncer.as_ref().map_or_else(|| direct.clone(), |bouncer| bouncer.through(&direct, &database));
    let slow = Do::Each(vec![Do::Wait(Duration::from_millis(4)), reply_line("250 2.0.0 ok")]);
    let server = Server::start(Script::polite().pipelining(true).on(At::Dot, slow));
    let site = Site::with(server.port(), subscribers, CONNECTIONS, &format!("[store]\nurl = \"{url}\"\n"));
    let mut senders: Vec<Child> = (0..SENDERS).map(|_| site.start(&["send"])).collect();
    wait_for_the_first(&server);
    let (mut kills, mut cuts) = (0, 0);
    for turn in 0..turns {
        std::thread::sleep(moment(turn));
        if turn % 2 == 1 {
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname";
            database.sql("postgres", &format!("{others} = '{name}'"));
            cuts += 1;
            continue;
        }
        let victim = usize::try_from(turn).unwrap() / 2 % SENDERS;
        kills += u64::from(is_running(&mut senders[victim]));
        senders[victim].kill().unwrap();
        senders[victim].wait().unwrap();
        senders[victim] = site.start(&["send"]);
    }
    for mut sender in senders {
        sender.wait().unwrap();
    }
    // The next run on the same machine recovers the deliveries of a dead sender immediately.
    let last = site.run_now(&["send"]);
    assert!([0, 3].contains(&last.code), "{}", last.output);
    compare(&server, &site, subscribers, kills);
    println!("{kills} kills and {cuts} cuts of all connections, {} messages", server.accepted().len());
    assert!(kills > 0 && cuts > 0, "there were no kills or cuts");
}

fn compare(server: &Server, site: &Site, subscribers: usize, kills: u64) {
    let mut accepted: HashMap<String, usize> = HashMap::new();
    for line in server.accepted() {
        *accepted.entry(line).or_default() += 1;
    }
    let counts = site.counts();
    let number = |state: &str| counts[state].as_u64().unwrap_or(0);
    let (sent, unknown) = (number("sent"), number("unknown"));
    println!("{sent} sent, {unknown} unknown, {} accepted", accepted.len());
    assert!(accepted.values().all(|number| *number == 1), "an address got two messages");
    assert_eq!(sent + unknown, subscribers as u64, "a delivery is missing: {counts}");
    assert!(unknown <= kills * CONNECTIONS as u64, "{unknown} unknown after {kills} kills");
    let verified = site.run_now(&["ledger", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.output);
    let unknown_addresses = site.in_state("unknown");
    let certain = accepted
        .keys()
        .filter(|line| !unknown_addresses.iter().any(|address| line.contains(&format!("<{address}>"))))
        .count();
    assert_eq!(certain as u64, sent, "the ledger and the server disagree about who got the message");
}

#[test]
fn four_senders_with_kills_and_cut_connections_lose_and_duplicate_no_message() {
    torture(8, 1_500, true);
}

#[test]
fn four_senders_with_sessions_of_their_own_lose_and_duplicate_no_message_either() {
    torture(8, 1_500, false);
}

#[test]
#[ignore = "takes a minute: tests/postgres/run.sh"]
fn four_senders_and_twenty_thousand_readers() {
    torture(60, 20_000, true);
}

#[test]
fn cut_database_connections_leave_no_unknown_outcome() {
    let Some(database) = Postgres::shared() else { return };
    let url = database.database();
    let name = url.rsplit_once('/').unwrap().1.to_owned();
    let server = Server::start(Script::polite().pipelining(true));
    let site = Site::with(server.port(), 600, CONNECTIONS, &format!("[store]\nurl = \"{url}\"\n"));
    let mut sender = site.start(&["publish"]);
    wait_for_the_first(&server);
    let mut cuts = 0;
    while is_running(&mut sender) {
        // Longer each time, so that a busy machine makes progress too.
        std::thread::sleep(Duration::from_millis(40 * (cuts + 1)));
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname";
        database.sql("postgres", &format!("{others} = '{name}'"));
        cuts += 1;
    }
    assert!(cuts > 1, "the run ended before a cut");
    compare(&server, &site, 600, 0);
}

#[test]
fn f33_a_sender_whose_clock_is_days_wrong_sends_nothing_twice() {
    let Some(database) = Postgres::shared() else { return };
    let server = Server::start(Script::polite().pipelining(true));
    let url = format!("[store]\nurl = \"{}\"\n", database.database());
    let site = Site::with(server.port(), 40, 2, &url);
    let mut slow = site.start(&["publish"]);
    // After the freeze: one machine whose clock is far ahead, and one whose clock is far behind.
    wait_for_the_first(&server);
    for wrong in ["2027-06-01T10:00:00Z", "2026-11-20T10:00:00Z"] {
        let ended = site.run_at(wrong, &["send"]);
        assert_eq!(ended.code, 0, "{wrong}: {}", ended.output);
    }
    slow.wait().unwrap();
    compare(&server, &site, 40, 0);
}
