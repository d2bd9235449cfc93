//! Rate limits: their token buckets, and claims within the limits. The arithmetic is in
//! [`crate::ledger::rate_limit`].

use chrono::{DateTime, TimeDelta, Utc};

use super::{Dialect, Store, StoreError, Tx, args, deliveries};
use crate::ledger::Token;
use crate::ledger::rate_limit::{Rate, TokenBucket};
use crate::store::{DomainState, IssueNumber, LeaseClaim, PermitGrant, RateLimitedClaim};
use crate::subscribers::AddressKey;

/// The bucket for all messages together; no domain has such a name.
const ALL: &str = "*";
/// How the names of the buckets of networks begin.
const FROM_NETWORK: &str = "web from ";

impl Store {
    /// The bucket of the rate limit for all messages.
    pub async fn take_permit(&self) -> Result<TokenBucket, StoreError> {
        self.read("reading the rate limit", |tx| Ok(bucket(tx, ALL, "")?.unwrap_or_default())).await
    }
}

/// The domains to which deliveries are due. First notes the domain of each delivery that has none.
pub(super) fn due_domains(
    tx: &mut dyn Tx,
    issue: IssueNumber,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let fill = format!(
        "UPDATE delivery SET domain = {} WHERE issue = ?1 AND open = 1 AND state = 'pending' AND domain IS NULL",
        domain_of(tx.dialect(), "address")
    );
    tx.execute(&fill, args![issue.0])?;
    tx.all(
        "SELECT DISTINCT domain FROM delivery
         WHERE issue = ?1 AND open = 1 AND state = 'pending' AND domain IS NOT NULL AND next_at <= ?2 ORDER BY domain",
        args![issue.0, now],
        |row| row.get(0),
    )
}

/// Claims as many deliveries as there are permits, and takes the permits in the same transaction.
pub(super) fn claim(
    tx: &mut dyn Tx,
    limited: &RateLimitedClaim,
    claim: &LeaseClaim,
    tokens: &[Token],
    now: DateTime<Utc>,
) -> Result<PermitGrant, StoreError> {
    let mut grant = PermitGrant::default();
    let mut all = ClaimLimit::read(tx, limited.limits.all, ALL)?;
    let most = all.at_most(claim.limit.min(tokens.len()), now);
    if let Some(wait) = all.wait(now) {
        grant.wait = Some(wait);
        return Ok(grant);
    }
    let claim = LeaseClaim { limit: most, ..claim.clone() };
    if limited.limits.has_domain_limits() {
        for domain in &limited.domains {
            let remaining = tokens.get(grant.deliveries.len()..most).unwrap_or_default();
            if remaining.is_empty() {
                break;
            }
            let own = ClaimLimit::read(tx, limited.limits.of(domain), domain)?;
            claim_domain(tx, &claim, own, remaining, &mut grant, now)?;
        }
    } else {
        grant.deliveries = deliveries::claim_from(tx, &claim, None, tokens, now)?;
    }
    all.take(tx, grant.deliveries.len(), now)?;
    Ok(grant)
}

/// Claims deliveries to one domain, within its own limit.
fn claim_domain(
    tx: &mut dyn Tx,
    claim: &LeaseClaim,
    mut own: ClaimLimit<'_>,
    tokens: &[Token],
    grant: &mut PermitGrant,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let domain = own.domain;
    if own.wait(now).is_none() {
        let share = LeaseClaim { limit: own.at_most(tokens.len(), now), ..claim.clone() };
        let claimed = deliveries::claim_from(tx, &share, Some(domain), tokens, now)?;
        if claimed.is_empty() {
            grant.domains.push((domain.to_owned(), DomainState::Empty));
            return Ok(());
        }
        own.take(tx, claimed.len(), now)?;
        grant.deliveries.extend(claimed);
    }
    grant.domains.extend(own.wait(now).map(|wait| (domain.to_owned(), DomainState::Full(wait))));
    Ok(())
}

/// Takes one permit from each of these buckets; if one of them has none, from none of them, and returns its index.
pub(super) fn take_one_of_each(
    tx: &mut dyn Tx,
    domains: &[(String, Rate)],
    now: DateTime<Utc>,
) -> Result<Option<usize>, StoreError> {
    let mut limits = Vec::with_capacity(domains.len());
    for (at, (domain, rate)) in domains.iter().enumerate() {
        let limit = ClaimLimit::read(tx, Some(*rate), domain)?;
        if limit.wait(now).is_some() {
            return Ok(Some(at));
        }
        limits.push(limit);
    }
    limits.iter_mut().try_for_each(|limit| limit.take(tx, 1, now))?;
    Ok(None)
}

/// Deletes buckets whose name begins with `prefix` and that are full since before `before`.
pub(super) fn forget(tx: &mut dyn Tx, prefix: &str, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM rate_limit WHERE substr(bucket, 1, length(?1)) = ?1 AND full_until < ?2",
        args![prefix, before.timestamp_micros()],
    )
}

/// The domain of the address in a column, as SQL.
pub(super) fn domain_of(dialect: Dialect, column: &str) -> String {
    format!("lower(substr({column}, {} + 1))", dialect.position(column, "'@'"))
}

/// The bucket of the sign-up forms for addresses of one domain.
pub(super) fn sign_ups_to(domain: &str) -> String {
    format!("web to {}", domain.to_ascii_lowercase())
}

/// The bucket of the sign-up forms from one network.
pub(super) fn sign_ups_from(network: &str) -> String {
    format!("{FROM_NETWORK}{network}")
}

/// Deletes the buckets of the networks of a person's consents, unless somebody else agreed from there too.
pub(super) fn forget_networks_of(tx: &mut dyn Tx, key: AddressKey) -> Result<(), StoreError> {
    let sql = "DELETE FROM rate_limit WHERE bucket IN (
                   SELECT CAST(?2 AS TEXT) || network FROM consent AS own
                   WHERE addr_key = ?1 AND network IS NOT NULL AND NOT EXISTS (
                       SELECT 1 FROM consent AS other WHERE other.network = own.network AND other.addr_key <> ?1))";
    tx.execute(sql, args![&key.0, FROM_NETWORK]).map(drop)
}

/// Deletes the buckets of a domain, unless it is also that of another subscriber: then it names nobody, and its limits
/// go on.
pub(super) fn forget_domain(tx: &mut dyn Tx, domain: &str) -> Result<(), StoreError> {
    let others = domain_of(tx.dialect(), "email");
    let sql = format!(
        "DELETE FROM rate_limit WHERE bucket IN (?1, ?2)
         AND NOT EXISTS (SELECT 1 FROM subscriber WHERE {others} = ?1)"
    );
    tx.execute(&sql, args![domain, &sign_ups_to(domain)]).map(drop)
}

/// A rate limit and its bucket, which no other transaction changes before this one ends; without a rate there is no
/// limit.
struct ClaimLimit<'a> {
    domain: &'a str,
    own: Option<(Rate, TokenBucket)>,
}

impl<'a> ClaimLimit<'a> {
    fn read(tx: &mut dyn Tx, rate: Option<Rate>, domain: &'a str) -> Result<Self, StoreError> {
        let own = match rate {
            Some(rate) => Some((rate, domain_bucket(tx, domain)?)),
            None => None,
        };
        Ok(Self { domain, own })
    }

    /// As many as are `wanted`, if there are enough permits.
    fn at_most(&self, wanted: usize, now: DateTime<Utc>) -> usize {
        self.own.map_or(wanted, |(rate, bucket)| wanted.min(bucket.permits(rate, now) as usize))
    }

    /// How long until there is a permit; `None` if there is one now.
    fn wait(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let (rate, bucket) = self.own?;
        (bucket.permits(rate, now) == 0).then(|| bucket.wait(rate, now))
    }

    fn take(&mut self, tx: &mut dyn Tx, permits: usize, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Some((rate, bucket)) = &mut self.own else { return Ok(()) };
        *bucket = bucket.take(*rate, u32::try_from(permits).unwrap_or(u32::MAX), now);
        tx.execute(
            "INSERT INTO rate_limit (bucket, full_until) VALUES (?1, ?2)
             ON CONFLICT (bucket) DO UPDATE SET full_until = excluded.full_until",
            args![self.domain, bucket.full_until],
        )
        .map(drop)
    }
}

/// A bucket that no other transaction changes before this one ends.
fn domain_bucket(tx: &mut dyn Tx, domain: &str) -> Result<TokenBucket, StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(bucket(tx, domain, "")?.unwrap_or_default());
    }
    // A row that does not exist yet cannot be locked.
    tx.execute(
        "INSERT INTO rate_limit (bucket, full_until) VALUES (?1, 0) ON CONFLICT (bucket) DO NOTHING",
        args![domain],
    )?;
    Ok(bucket(tx, domain, "FOR UPDATE")?.unwrap_or_default())
}

fn bucket(tx: &mut dyn Tx, domain: &str, lock: &str) -> Result<Option<TokenBucket>, StoreError> {
    tx.one(&format!("SELECT full_until FROM rate_limit WHERE bucket = ?1 {lock}"), args![domain], |row| {
        Ok(TokenBucket { full_until: row.get(0)? })
    })
}
