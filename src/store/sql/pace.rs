//! Rate limits: their meters, and claims that stay within them. The arithmetic is in [`crate::ledger::pace`].

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dialect, Store, StoreError, Tx, args, deliveries};
use crate::ledger::Token;
use crate::ledger::pace::{Meter, Rate};
use crate::store::{Claim, IssueNumber, Lane, Pace, Ration};

/// The meter for all messages together; no domain has such a name.
const ALL: &str = "*";

impl Store {
    /// The meter of the rate limit for all messages.
    pub async fn meter(&self) -> Result<Meter, StoreError> {
        self.look("reading the rate limit", |tx| Ok(meter(tx, ALL, "")?.unwrap_or_default())).await
    }
}

/// The domains to which deliveries are due. First notes the domain of each delivery that has none.
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

/// Claims as many deliveries as there are permits, and takes the permits in the same transaction.
pub(super) fn claim(
    tx: &mut dyn Tx,
    pace: &Pace,
    claim: &Claim,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<Ration, StoreError> {
    let mut ration = Ration::default();
    let mut all = Limit::read(tx, pace.limits.all, ALL)?;
    let most = all.at_most(claim.most.min(tokens.len()), now);
    if let Some(wait) = all.wait(now) {
        ration.wait = Some(wait);
        return Ok(ration);
    }
    let claim = Claim { most, ..claim.clone() };
    if pace.limits.by_domain() {
        for lane in &pace.lanes {
            let left = tokens.get(ration.copies.len()..most).unwrap_or_default();
            if left.is_empty() {
                break;
            }
            let own = Limit::read(tx, pace.limits.of(lane), lane)?;
            claim_lane(tx, &claim, own, left, &mut ration, now)?;
        }
    } else {
        ration.copies = deliveries::claim_from(tx, &claim, None, tokens, now)?;
    }
    all.take(tx, ration.copies.len(), now)?;
    Ok(ration)
}

/// Claims deliveries to one domain, within its own limit.
fn claim_lane(
    tx: &mut dyn Tx,
    claim: &Claim,
    mut own: Limit<'_>,
    tokens: &[Token],
    ration: &mut Ration,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let lane = own.lane;
    if own.wait(now).is_none() {
        let share = Claim { most: own.at_most(tokens.len(), now), ..claim.clone() };
        let copies = deliveries::claim_from(tx, &share, Some(lane), tokens, now)?;
        if copies.is_empty() {
            ration.lanes.push((lane.to_owned(), Lane::Empty));
            return Ok(());
        }
        own.take(tx, copies.len(), now)?;
        ration.copies.extend(copies);
    }
    ration.lanes.extend(own.wait(now).map(|wait| (lane.to_owned(), Lane::Full(wait))));
    Ok(())
}

/// Takes one permit from each of these meters; if one of them has none, from none of them.
pub(super) fn take_one_of_each(
    tx: &mut dyn Tx,
    lanes: &[(String, Rate)],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut limits = Vec::with_capacity(lanes.len());
    for (lane, rate) in lanes {
        let limit = Limit::read(tx, Some(*rate), lane)?;
        if limit.wait(now).is_some() {
            return Ok(false);
        }
        limits.push(limit);
    }
    limits.iter_mut().try_for_each(|limit| limit.take(tx, 1, now))?;
    Ok(true)
}

/// Deletes meters whose name begins with `prefix` and that are full since before `before`.
pub(super) fn forget(tx: &mut dyn Tx, prefix: &str, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM pace WHERE substr(lane, 1, length(?1)) = ?1 AND full_until < ?2",
        args![prefix, before.timestamp_micros()],
    )
}

/// A rate limit and its meter, which no other transaction changes before this one ends; without a rate there is no limit.
struct Limit<'a> {
    lane: &'a str,
    own: Option<(Rate, Meter)>,
}

impl<'a> Limit<'a> {
    fn read(tx: &mut dyn Tx, rate: Option<Rate>, lane: &'a str) -> Result<Self, StoreError> {
        let own = match rate {
            Some(rate) => Some((rate, own_meter(tx, lane)?)),
            None => None,
        };
        Ok(Self { lane, own })
    }

    /// As many as are `wanted`, if there are so many permits.
    fn at_most(&self, wanted: usize, now: DateTime<Utc>) -> usize {
        self.own.map_or(wanted, |(rate, meter)| wanted.min(meter.permits(rate, now) as usize))
    }

    /// How long there is no permit; `None` if there is one now.
    fn wait(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let (rate, meter) = self.own?;
        (meter.permits(rate, now) == 0).then(|| meter.wait(rate, now))
    }

    fn take(&mut self, tx: &mut dyn Tx, permits: usize, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some((rate, meter)) = &mut self.own else { return Ok(()) };
        *meter = meter.take(*rate, u32::try_from(permits).unwrap_or(u32::MAX), now);
        tx.execute(
            "INSERT INTO pace (lane, full_until) VALUES (?1, ?2)
             ON CONFLICT (lane) DO UPDATE SET full_until = excluded.full_until",
            args![self.lane, meter.full_until],
        )
        .map(drop)
    }
}

/// A meter that no other transaction changes before this one ends.
fn own_meter(tx: &mut dyn Tx, lane: &str) -> Result<Meter, StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(meter(tx, lane, "")?.unwrap_or_default());
    }
    // A row that does not exist yet cannot be locked.
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
