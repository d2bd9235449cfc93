//! Compares what the relays accepted with the ledger, by the guarantees in `docs/ledger.md`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use camino::Utf8PathBuf;
use letterpress::ledger::State;
use letterpress::store::{Filter, open_sqlite};

use super::{Server, Site};

/// The result of one or more runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Account {
    /// Deliveries whose outcome is unknown at the end.
    pub(crate) in_doubt: usize,
    /// Subscribers who may have two emails although nobody decided to send again.
    pub(crate) duplicated: usize,
    /// Deliveries that are missing or not in a final state.
    pub(crate) lost: usize,
    /// Deliveries that are `sent`.
    pub(crate) sent: usize,
    /// A description of every broken guarantee.
    pub(crate) broken: Vec<String>,
}

/// How many messages with a final dot the relays saw for one subscriber.
#[derive(Debug, Default)]
struct Copies {
    /// All of them, except those with an explicit rejection.
    perhaps: usize,
    /// Those that were answered with a complete 2yz reply.
    surely: usize,
}

/// Compares the ledger of `site` with what `relays` saw. The list had `subscribers` addresses when the issue was
/// scheduled.
pub(crate) fn settle(site: &Site, relays: &[&Server], readers: usize) -> Account {
    let seen = copies(relays);
    let mut account = Account::default();
    let rows = rows(site);
    for (address, state) in &rows {
        let copies = seen.get(address);
        let (perhaps, surely) = copies.map_or((0, 0), |copies| (copies.perhaps, copies.surely));
        if perhaps > 1 {
            account.duplicated += 1;
            account.broken.push(format!("L1: {address} has {perhaps} copies"));
        }
        match state {
            State::Sent => {
                account.sent += 1;
                if surely == 0 {
                    account.broken.push(format!("L2: {address} is sent, and no relay said so"));
                }
            }
            State::Unknown | State::FailedUncertain => account.in_doubt += 1,
            State::Failed | State::Skipped if perhaps > 0 => {
                account.broken.push(format!("L3: {address} is {state} and has a copy"));
            }
            State::Failed | State::Skipped => {}
            State::Pending | State::Claimed | State::Armed => {
                account.lost += 1;
                account.broken.push(format!("L5: {address} is still {state}"));
            }
        }
    }
    if rows.len() != readers {
        account.lost += readers.saturating_sub(rows.len());
        account.broken.push(format!("L4: {} rows for {readers} readers", rows.len()));
    }
    for address in seen.keys().filter(|address| !rows.contains_key(*address)) {
        account.broken.push(format!("{address} has a copy and no row"));
    }
    account
}

fn copies(relays: &[&Server]) -> HashMap<String, Copies> {
    let mut seen: HashMap<String, Copies> = HashMap::new();
    for message in relays.iter().flat_map(|relay| relay.log().messages) {
        let refused = matches!(message.answer.first(), Some(b'4' | b'5')) && message.answer.ends_with(b"\n");
        for line in &message.rcpt {
            let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let copies = seen.entry(address).or_default();
            copies.perhaps += usize::from(!refused);
            copies.surely += usize::from(message.accepted());
        }
    }
    seen
}

/// Every delivery of the ledger.
pub(crate) fn rows(site: &Site) -> BTreeMap<String, State> {
    let path = |name| Utf8PathBuf::from_path_buf(site.path(name)).unwrap();
    let store = open_sqlite(&path("letterpress.db"), &path("letterpress.keys"), "").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rows = runtime.block_on(store.deliveries(Filter::default())).unwrap();
    let count = rows.len();
    let rows: BTreeMap<_, _> = rows.into_iter().map(|view| (view.address, view.row.state)).collect();
    assert_eq!(rows.len(), count, "a reader has two rows");
    rows
}

/// Every file below a folder with its content, as one string for comparison.
pub(crate) fn published(folder: &Path) -> String {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut text = String::new();
    for path in entries {
        if path.is_dir() {
            text.push_str(&published(&path));
        } else {
            let name = path.file_name().unwrap().to_str().unwrap();
            writeln!(text, "== {name}\n{}", std::fs::read_to_string(&path).unwrap()).unwrap();
        }
    }
    text
}
