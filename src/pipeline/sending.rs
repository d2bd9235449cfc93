//! Delivers the open issues: recovers from an interrupted run, then sends one issue after the other, oldest first.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::signing::signer;
use super::way_out::{limits, patience, wire};
use super::{Edition, Mailing, Office, RunError, World, diagnosis, health, rehearsal, rest};
use crate::clock::Clock;
use crate::config::OnUnknown;
use crate::delivery::watch::Tick;
use crate::delivery::{Job, Stop, deliver};
use crate::ledger::health::Health;
use crate::ledger::transition::Event;
use crate::ledger::{IssueState, State};
use crate::store::{DeliveryView, Filter, OpenIssue, owner};
use crate::text::hex;

/// Recovers from an interrupted run, then sends what is due of each open issue.
pub async fn deliver_open(world: &World, office: &Office) -> Result<Mailing, RunError> {
    let mut mailing = Mailing::default();
    let owner = owner::name(&hex(&world.clock.random()));
    let alone = office.lock.is_some();
    let clock = StoreClock::new(world, office).await?;
    let now = clock.now();
    mailing.recovered = office.store.recover(&owner, alone, now).await?;
    if world.config.newsletter.on_unknown == OnUnknown::Resend {
        resend_once(world, office, now).await?;
    }
    let mut touched = Vec::new();
    mailing.rest = rest::resting(world, office).await?;
    for issue in office.store.open_issues().await? {
        let due = issue.next_at.is_some_and(|at| at <= now);
        // An issue without pending deliveries closes in this run, and its result is reported once.
        if due && mailing.rest.is_none() || issue.next_at.is_none() || mailing.recovered != (0, 0) {
            touched.push(issue.post.clone());
        }
        let is_over = mailing.stopped.as_ref().is_some_and(|stop| !matches!(stop, Stop::Letter(_)));
        if !due {
            mailing.retry_at = mailing.retry_at.into_iter().chain(issue.next_at).min();
        }
        if !due || is_over || mailing.rest.is_some() {
            continue;
        }
        if let Some(why) = pause_first((world, office), &issue, now, &mut mailing.warnings).await? {
            office.store.set_issue(&issue.post, IssueState::Paused, &why, now).await?;
            mailing.paused.push((issue.post.clone(), why));
            continue;
        }
        mailing.stopped =
            deliver_issue(world, office, &issue, (&owner, &clock), &mut mailing.through).await?;
        mailing.rest = rest::note(world, office, mailing.stopped.as_ref()).await?;
        if let Some(Stop::Letter(why)) = &mailing.stopped {
            office.store.set_issue(&issue.post, IssueState::Paused, why, world.clock.now()).await?;
            mailing.paused.push((issue.post.clone(), why.clone()));
            break;
        }
        mailing.buried += health::bury(world, office, &issue).await?;
    }
    mailing.explained = diagnosis::of_run(world, mailing.stopped.as_ref());
    mailing.sent = world.breaker.sent();
    office.store.close_finished(world.clock.now()).await?;
    mailing.failed_over = office.store.failed_over();
    for summary in office.store.issues().await? {
        if summary.state == IssueState::Paused && mailing.paused.iter().all(|(post, _)| *post != summary.id) {
            let why = summary.because.clone().unwrap_or_default();
            mailing.paused.push((summary.id.clone(), format!("paused earlier: {why}")));
        }
        if touched.contains(&summary.id) {
            mailing.issues.push(summary);
        }
    }
    Ok(mailing)
}

/// The clock of the database server. All senders that share the database agree on what is due, whatever their own clocks
/// show.
#[derive(Clone)]
struct StoreClock {
    here: Arc<dyn Clock>,
    ahead: TimeDelta,
}

impl StoreClock {
    async fn new(world: &World, office: &Office) -> Result<Self, RunError> {
        let here = world.clock.now();
        let ahead = office.store.now(here).await? - here;
        Ok(Self { here: Arc::clone(&world.clock), ahead })
    }
}

impl Clock for StoreClock {
    fn now(&self) -> DateTime<Utc> {
        self.here.now() + self.ahead
    }

    fn random(&self) -> [u8; 16] {
        self.here.random()
    }
}

/// Why an issue must be paused: it is too old, it cannot be read, or there are too many bounces or complaints. An issue that
/// was resumed by hand is only checked for readability.
async fn pause_first(
    (world, office): (&World, &Office),
    issue: &OpenIssue,
    now: DateTime<Utc>,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, RunError> {
    if let Err(error) = serde_json::from_str::<Edition>(&issue.letter) {
        return Ok(Some(format!(
            "the frozen issue cannot be read; perhaps a newer version of Letterpress froze it: {error}"
        )));
    }
    if issue.resumed {
        return Ok(None);
    }
    let newsletter = &world.config.newsletter;
    let give_up = world.config.smtp.as_ref().map_or(TimeDelta::days(2), |smtp| smtp.give_up.delta());
    if issue.frozen_at + newsletter.max_age.delta().max(give_up) < now {
        let frozen = issue.frozen_at.with_timezone(&world.config.site.timezone);
        let frozen = frozen.format("%Y-%m-%d %H:%M");
        return Ok(Some(format!("it was frozen at {frozen}, which is longer ago than newsletter.max_age")));
    }
    match office.store.toll(issue.number).await?.health() {
        Health::Well => Ok(None),
        Health::Warn(why) => {
            warnings.push(format!("{}: {why}", issue.post));
            Ok(None)
        }
        Health::Sick(why) => Ok(Some(why)),
    }
}

async fn deliver_issue(
    world: &World,
    office: &Office,
    issue: &OpenIssue,
    (owner, clock): (&str, &StoreClock),
    through: &mut HashMap<String, String>,
) -> Result<Option<Stop>, RunError> {
    let edition: Edition = serde_json::from_str(&issue.letter).map_err(|error| {
        RunError::user(
            format!("cannot read the frozen issue of {}: {error}", issue.post),
            "update Letterpress if a newer version froze this issue",
        )
    })?;
    rehearsal::note_relay(world, office).await?;
    let signer = signer(&world.config)?;
    let wire = wire(&world.config, &issue.label)?;
    through.insert(issue.post.clone(), wire.name());
    world.breaker.begin_issue();
    if issue.resumed {
        world.breaker.expect_bounces();
    }
    (world.watch)(Tick::Begin {
        what: format!("sending \"{}\"", edition.letter().subject),
        unit: "message",
        total: left_of(office, issue).await?,
    });
    let (retry, lease) = patience(&world.config);
    let job = Job {
        store: office.store.clone(),
        wire,
        clock: Arc::new(clock.clone()),
        issue: issue.number,
        frozen_at: issue.frozen_at,
        compose: Box::new(move |copy| {
            edition.compose(copy, signer.as_deref()).map_err(|error| error.to_string())
        }),
        limits: limits(&world.config),
        retry,
        lease,
        owner: owner.to_owned(),
        watch: Arc::clone(&world.watch),
    };
    let watched = health::watch(office, issue, &world.breaker);
    let stopped = deliver(job, Arc::clone(&world.breaker)).await;
    watched.abort();
    (world.watch)(Tick::End);
    Ok(stopped?)
}

/// Number of pending deliveries of the issue.
async fn left_of(office: &Office, issue: &OpenIssue) -> Result<Option<u64>, RunError> {
    let issues = office.store.issues().await?;
    Ok(issues.iter().find(|known| known.id == issue.post).map(|known| known.tally.open()))
}

/// `on_unknown = "resend"`: sends a delivery with unknown outcome again, at most once for each subscriber. The decision is
/// recorded. It applies no longer than a deferred delivery would be retried.
async fn resend_once(world: &World, office: &Office, now: DateTime<Utc>) -> Result<(), RunError> {
    let give_up = world.config.smtp.as_ref().map_or(TimeDelta::days(2), |smtp| smtp.give_up.delta());
    let filter = Filter { states: vec![State::Unknown], ..Filter::default() };
    let doubts = office.store.deliveries(filter).await?;
    // An unknown outcome with a reason comes from a restored ledger, which does not know what was sent since, or was
    // acknowledged.
    let fresh = |view: &&DeliveryView| view.row.reason.is_none() && now - view.changed_at <= give_up;
    for view in doubts.iter().filter(fresh).filter(|view| view.row.resends == 0) {
        // An error means that the delivery changed meanwhile, or that its issue was cancelled.
        let _ = office
            .store
            .resolve(view.number, Event::Resend, "newsletter.on_unknown = \"resend\"", now)
            .await?;
    }
    Ok(())
}
