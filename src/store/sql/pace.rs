//! Rates: meters, and claims that stay within them. The arithmetic is [`crate::ledger::pace`]'s.

use chrono::{DateTime, Utc};

use super::{Dialect, StoreError, Tx, args, deliveries};
use crate::ledger::Token;
use crate::ledger::pace::{Meter, Rate};
use crate::store::{Claim, IssueNumber, Lane, Pace, Ration};

/// The meter for all copies together; no domain has such a name.
const ALL: &str = "*";

pub(super) fn total(tx: &mut dyn Tx) -> Result<Meter, StoreError> {
    Ok(meter(tx, ALL, "")?.unwrap_or_default())
}

/// The domains to which copies are due; those of copies that have none on record yet are written down first.
pub(super) fn lanes(
    tx: &mut dyn Tx,
    issue: IssueNumber,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let at = match tx.dialect() {
        Dialect::Sqlite => "instr(address, '@')",
        Dialect::Postgres => "strpos(address, '@')",
    };
    let fill = format!(
        "UPDATE delivery SET lane = lower(substr(address, {at} + 1))
         WHERE issue = ?1 AND state = 'pending' AND lane IS NULL"
    );
    tx.execute(&fill, args![issue.0])?;
    tx.all(
        "SELECT DISTINCT lane FROM delivery WHERE issue = ?1 AND state = 'pending' AND lane IS NOT NULL AND next_at <= ?2
         ORDER BY lane",
        args![issue.0, now],
        |row| row.get(0),
    )
}

/// Claims as many copies as there are permits, and takes these in the same transaction.
pub(super) fn claim(
    tx: &mut dyn Tx,
    pace: &Pace,
    claim: &Claim,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<Ration, StoreError> {
    let mut ration = Ration::default();
    let all = match pace.limits.all {
        Some(rate) => Some((rate, own_meter(tx, ALL)?)),
        None => None,
    };
    let most = at_most(claim.most.min(tokens.len()), all, now);
    if let Some((rate, meter)) = all
        && most == 0
    {
        ration.wait = Some(meter.wait(rate, now));
        return Ok(ration);
    }
    if pace.limits.by_domain() {
        let mut left = tokens.get(..most).unwrap_or_default();
        for lane in &pace.lanes {
            if left.is_empty() {
                break;
            }
            claim_lane(tx, (pace, claim, lane), left, &mut ration, now)?;
            left = tokens.get(ration.copies.len()..most).unwrap_or_default();
        }
    } else {
        let claim = Claim { most, ..claim.clone() };
        ration.copies = deliveries::claim(tx, &claim, tokens, now)?;
    }
    if let Some((rate, meter)) = all {
        keep(tx, ALL, meter.take(rate, permits(ration.copies.len()), now))?;
    }
    Ok(ration)
}

/// One domain's share.
fn claim_lane(
    tx: &mut dyn Tx,
    (pace, claim, lane): (&Pace, &Claim, &str),
    tokens: &[Token],
    ration: &mut Ration,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let own = match pace.limits.of(lane) {
        Some(rate) => Some((rate, own_meter(tx, lane)?)),
        None => None,
    };
    let most = at_most(tokens.len(), own, now);
    if let Some((rate, meter)) = own
        && most == 0
    {
        ration.lanes.push((lane.to_owned(), Lane::Full(meter.wait(rate, now))));
        return Ok(());
    }
    let share = Claim { most, ..claim.clone() };
    let copies = deliveries::claim_from(tx, &share, Some(lane), tokens, now)?;
    if copies.is_empty() {
        ration.lanes.push((lane.to_owned(), Lane::Empty));
    } else if let Some((rate, meter)) = own {
        let meter = meter.take(rate, permits(copies.len()), now);
        keep(tx, lane, meter)?;
        if meter.permits(rate, now) == 0 {
            ration.lanes.push((lane.to_owned(), Lane::Full(meter.wait(rate, now))));
        }
    }
    ration.copies.extend(copies);
    Ok(())
}

/// Takes one permit from each of these meters, or, if one of them has none, from none.
pub(super) fn take_one_of_each(
    tx: &mut dyn Tx,
    lanes: &[(String, Rate)],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut taken = Vec::with_capacity(lanes.len());
    for (lane, rate) in lanes {
        let meter = own_meter(tx, lane)?;
        if meter.permits(*rate, now) == 0 {
            return Ok(false);
        }
        taken.push((lane, meter.take(*rate, 1, now)));
    }
    for (lane, meter) in taken {
        keep(tx, lane, meter)?;
    }
    Ok(true)
}

/// Forgets meters whose name begins with `prefix` and that were paid for before `before`.
pub(super) fn forget(tx: &mut dyn Tx, prefix: &str, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM pace WHERE substr(lane, 1, length(?1)) = ?1 AND full_until < ?2",
        args![prefix, before.timestamp_micros()],
    )
}

fn at_most(wanted: usize, own: Option<(Rate, Meter)>, now: DateTime<Utc>) -> usize {
    own.map_or(wanted, |(rate, meter)| wanted.min(meter.permits(rate, now) as usize))
}

fn permits(copies: usize) -> u32 {
    u32::try_from(copies).unwrap_or(u32::MAX)
}

/// A meter that nobody else changes before this transaction ends.
fn own_meter(tx: &mut dyn Tx, lane: &str) -> Result<Meter, StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(meter(tx, lane, "")?.unwrap_or_default());
    }
    // A row that is not there yet cannot be locked.
    tx.execute(
        "INSERT INTO pace (lane, full_until) VALUES (?1, 0) ON CONFLICT (lane) DO NOTHING",
        args![lane],
    )?;
    Ok(meter(tx, lane, "FOR UPDATE")?.unwrap_or_default())
}

fn meter(tx: &mut dyn Tx, lane: &str, lock: &str) -> Result<Option<Meter>, StoreError> {
    tx.one(&format!("SELECT full_until FROM pace WHERE lane = ?1 {lock}"), args![lane], |row| {
        Ok(Meter { full_until: row.get(0)? })
    })
}

fn keep(tx: &mut dyn Tx, lane: &str, meter: Meter) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO pace (lane, full_until) VALUES (?1, ?2)
         ON CONFLICT (lane) DO UPDATE SET full_until = excluded.full_until",
        args![lane, meter.full_until],
    )
    .map(drop)
}
