//! Compares what the relays accepted with the ledger, by the guarantees in `docs/ledger.md`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use camino::Utf8PathBuf;
use letterpress::internals::ledger::State;
use letterpress::internals::store::{Filter, open_sqlite};

use super::{Server, Site};

/// The result of one or more runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Account {
    /// Deliveries whose outcome is unknown at the end.
    pub(crate) unknown: usize,
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
struct MessageCount {
    /// All of them, except those with an explicit rejection.
    perhaps: usize,
    /// Those that were answered with a complete 2yz reply.
    surely: usize,
}

/// Compares the ledger of `site` with what `relays` saw. The list had `subscribers` addresses when the issue was
/// scheduled.
pub(crate) fn settle(site: &Site, relays: &[&Server], subscribers: usize) -> Account {
    let seen = messages(relays);
    let mut account = Account::default();
    let rows = rows(site);
    for (address, state) in &rows {
        let messages = seen.get(address);
        let (perhaps, surely) = messages.map_or((0, 0), |messages| (messages.perhaps, messages.surely));
        if perhaps > 1 {
            account.duplicated += 1;
            account.broken.push(format!("L1: {address} has {perhaps} messages"));
        }
        match state {
            State::Sent => {
                account.sent += 1;
                if surely == 0 {
                    account.broken.push(format!("L2: {address} is sent, but no relay accepted it"));
                }
            }
            State::Unknown | State::FailedUncertain => account.unknown += 1,
            State::Failed | State::Skipped if perhaps > 0 => {
                account.broken.push(format!("L3: {address} is {state} but has a message"));
            }
            State::Failed | State::Skipped => {}
            State::Pending | State::Claimed | State::Armed => {
                account.lost += 1;
                account.broken.push(format!("L5: {address} is still {state}"));
            }
        }
    }
    if rows.len() != subscribers {
        account.lost += subscribers.saturating_sub(rows.len());
        account.broken.push(format!("L4: {} rows for {subscribers} subscribers", rows.len()));
    }
    for address in seen.keys().filter(|address| !rows.contains_key(*address)) {
        account.broken.push(format!("{address} has a message but no row"));
    }
    account
}

fn messages(relays: &[&Server]) -> HashMap<String, MessageCount> {
    let mut seen: HashMap<String, MessageCount> = HashMap::new();
    for message in relays.iter().flat_map(|relay| relay.log().messages) {
        let refused = matches!(message.reply.first(), Some(b'4' | b'5')) && message.reply.ends_with(b"\n");
        for line in &message.rcpt {
            let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let messages = seen.entry(address).or_default();
            messages.perhaps += usize::from(!refused);
            messages.surely += usize::from(message.accepted());
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
    assert_eq!(rows.len(), count, "a subscriber has two rows");
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
