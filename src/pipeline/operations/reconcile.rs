//! Settling unknown outcomes with the log of the relay: `ledger reconcile` (transition T12).
//!
//! Only proven deliveries change. A message may be missing because the log is from another day or another relay.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};

use crate::importers::relay_log::{PostfixLog, named};
use crate::ledger::transition::Event;
use crate::ledger::{EVIDENCE, LastReply, State};
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::{LedgerSession, ensure_initialised};
use crate::pipeline::session::run_error::RunError;
use crate::store::{Decision, DeliveryId, Filter};
use crate::text::hex;

/// A longer line is read in pieces, so that a file without line ends does not fill the memory.
const LONGEST_LINE: u64 = 64 * 1024;

/// How many deliveries are settled in one transaction.
const BATCH: usize = 1_000;

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayRecord {
    /// A Postfix log.
    PostfixLog,
    /// Message-IDs that a relay accepted.
    MessageIds,
}

/// What the files proved.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Reconciled {
    /// Deliveries with unknown outcome.
    pub unknown: u64,
    /// Of these, deliveries proven to be accepted.
    pub proven: u64,
}

/// Reads the files in order (`-` is standard input) and settles what they prove. `rehearse`: write nothing.
pub async fn reconcile(
    context: &RunContext,
    evidence: RelayRecord,
    files: &[String],
    rehearse: bool,
) -> Result<Reconciled, RunError> {
    let (config, clock) = (&context.config, context.clock.as_ref());
    ensure_initialised(config)?;
    let session = if rehearse {
        LedgerSession::open(config, clock).await?
    } else {
        let session = LedgerSession::open_for_sending(config, clock).await?;
        // Deliveries of an interrupted run may have an unknown outcome too.
        session.store.recover(&hex(&clock.random()), session.lock.is_some(), clock.now()).await?;
        session
    };
    let states = vec![State::Armed, State::Unknown, State::FailedUncertain];
    let views = session.store.deliveries(Filter { states, ..Filter::default() }).await?;
    let ids = views.into_iter().filter_map(|view| Some((session.message_id(&view)?, view.id)));
    let mut unknown: HashMap<String, DeliveryId> = ids.collect();
    let mut reconciled = Reconciled { unknown: unknown.len() as u64, proven: 0 };
    let mut log = PostfixLog::default();
    for file in files {
        let found = read(file, evidence, &mut log, &mut unknown).map_err(|error| {
            RunError::user(
                format!("cannot read {file}: {error}"),
                "give the path of a file, or - for standard input",
            )
        })?;
        reconciled.proven +=
            if rehearse { found.len() as u64 } else { record_proof(context, &session, file, &found).await? };
    }
    Ok(reconciled)
}

/// The deliveries that a file proves to be accepted; removes each of them from `unknown`.
fn read(
    file: &str,
    evidence: RelayRecord,
    log: &mut PostfixLog,
    unknown: &mut HashMap<String, DeliveryId>,
) -> io::Result<Vec<DeliveryId>> {
    let mut reader: Box<dyn BufRead> =
        if file == "-" { Box::new(io::stdin().lock()) } else { Box::new(BufReader::new(File::open(file)?)) };
    let (mut found, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        match evidence {
            RelayRecord::PostfixLog => {
                let proven = log.line(line.trim_ascii_end(), |id| unknown.contains_key(id));
                found.extend(proven.and_then(|id| unknown.remove(&id)));
            }
            RelayRecord::MessageIds => {
                let text = String::from_utf8_lossy(&line);
                found.extend(named(&text).filter_map(|id| unknown.remove(id)));
            }
        }
    }
}

async fn record_proof(
    context: &RunContext,
    session: &LedgerSession,
    file: &str,
    found: &[DeliveryId],
) -> Result<u64, RunError> {
    let name = if file == "-" { "standard input" } else { file };
    let why = format!("accepted by the relay according to {name}");
    let last = Some(LastReply { phase: EVIDENCE.to_owned(), text: why.clone() });
    let decision = Decision { event: Event::Accept { token: None, last }, actor: "reconcile", why };
    let mut settled = 0;
    for batch in found.chunks(BATCH) {
        settled += session.store.decide_all(batch.to_vec(), decision.clone(), context.clock.now()).await?;
    }
    Ok(settled)
}
