//! Delivery of whatever is open: recover, then one issue after the other, oldest first.

use std::sync::Arc;

use chrono::TimeDelta;

use super::signing::signer;
use super::way_out::{patience, wire};
use super::{Edition, Mailing, Office, RunError, World};
use crate::config::OnUnknown;
use crate::delivery::{Job, Stop, deliver};
use crate::ledger::IssueState;
use crate::ledger::State;
use crate::ledger::transition::Event;
use crate::store::{DeliveryView, Filter, OpenIssue};
use crate::text::hex;

/// Recovers what an interrupted run left, then sends what is due of each open issue.
pub async fn deliver_open(world: &World, office: &Office) -> Result<Mailing, RunError> {
    let mut mailing = Mailing::default();
    let owner = hex(&world.clock.random());
    let alone = office.lock.is_some();
    let now = world.clock.now();
    mailing.recovered = office.store.recover(&owner, alone, now).await?;
    if world.config.newsletter.on_unknown == OnUnknown::Resend {
        resend_once(world, office).await?;
    }
    let mut touched = Vec::new();
    for issue in office.store.open_issues().await? {
        let due = issue.next_at.is_some_and(|at| at <= now);
        // One that waits for nobody closes in this run, and what it ended with is said once.
        if due || issue.next_at.is_none() || mailing.recovered != (0, 0) {
            touched.push(issue.post.clone());
        }
        if !due || mailing.stopped.as_ref().is_some_and(|stop| !matches!(stop, Stop::Letter(_))) {
            continue;
        }
        if let Some(why) = pause_first(world, &issue) {
            office.store.set_issue(&issue.post, IssueState::Paused, &why, now).await?;
            mailing.paused.push((issue.post.clone(), why));
            continue;
        }
        world.breaker.begin_issue();
        mailing.stopped = deliver_issue(world, office, &issue, &owner, &mut mailing.through).await?;
        if let Some(Stop::Letter(why)) = &mailing.stopped {
            office.store.set_issue(&issue.post, IssueState::Paused, why, world.clock.now()).await?;
            mailing.paused.push((issue.post.clone(), why.clone()));
            break;
        }
    }
    office.store.close_finished(world.clock.now()).await?;
    for summary in office.store.issues().await? {
        if summary.state == IssueState::Paused && mailing.paused.iter().all(|(post, _)| *post != summary.id) {
            mailing.paused.push((summary.id.clone(), "it was paused earlier".to_owned()));
        }
        if touched.contains(&summary.id) {
            mailing.issues.push(summary);
        }
    }
    Ok(mailing)
}

/// Why an issue must not simply go on: it is long past, or its letter cannot be read. Somebody who resumes it has looked.
fn pause_first(world: &World, issue: &OpenIssue) -> Option<String> {
    if let Err(error) = serde_json::from_str::<Edition>(&issue.letter) {
        return Some(format!(
            "its frozen letter cannot be read, perhaps it was frozen by a newer Letterpress: {error}"
        ));
    }
    let newsletter = &world.config.newsletter;
    let give_up = world.config.smtp.as_ref().map_or(TimeDelta::days(2), |smtp| smtp.give_up.delta());
    let long_past = issue.frozen_at + newsletter.max_age.delta().max(give_up) < world.clock.now();
    (long_past && !issue.resumed).then(|| {
        format!(
            "it was frozen at {}, longer ago than newsletter.max_age",
            issue.frozen_at.format("%Y-%m-%d %H:%M UTC")
        )
    })
}

async fn deliver_issue(
    world: &World,
    office: &Office,
    issue: &OpenIssue,
    owner: &str,
    through: &mut Option<String>,
) -> Result<Option<Stop>, RunError> {
    let edition: Edition = serde_json::from_str(&issue.letter).map_err(|error| {
        RunError::user(format!("the frozen letter of {}: {error}", issue.post), "`letterpress status`")
    })?;
    outbox_only_first(world, office).await?;
    let signer = signer(&world.config)?;
    let wire = wire(&world.config, &issue.label)?;
    *through = Some(wire.name());
    let watch = Arc::clone(&world.watch);
    let (retry, lease) = patience(&world.config);
    let job = Job {
        store: Arc::clone(&office.store),
        wire,
        clock: Arc::clone(&world.clock),
        issue: issue.number,
        frozen_at: issue.frozen_at,
        compose: Box::new(move |copy| {
            edition.compose(copy, signer.as_deref()).map_err(|error| error.to_string())
        }),
        retry,
        lease,
        owner: owner.to_owned(),
        watch: Box::new(move |state| watch(state)),
    };
    Ok(deliver(job, Arc::clone(&world.breaker)).await?)
}

/// Letters that once left through a relay do not silently turn into files: those would be recorded as sent, for good.
async fn outbox_only_first(world: &World, office: &Office) -> Result<(), RunError> {
    const RELAY: &str = "relay";
    match (&world.config.smtp, office.store.recall(RELAY).await?) {
        (Some(smtp), None) => Ok(office.store.remember(RELAY, &smtp.host).await?),
        (None, Some(host)) => Err(RunError::user(
            format!("letters left through {host} so far, and config.toml has no [smtp] any more"),
            "put the section [smtp] back; without it the letters would only be written to the outbox, and count as sent",
        )),
        _ => Ok(()),
    }
}

/// `on_unknown = "resend"`: the writer's standing decision, taken at most once for each reader and recorded. It reaches
/// no further back than a deferred copy would.
async fn resend_once(world: &World, office: &Office) -> Result<(), RunError> {
    let now = world.clock.now();
    let give_up = world.config.smtp.as_ref().map_or(TimeDelta::days(2), |smtp| smtp.give_up.delta());
    let filter = Filter { states: vec![State::Unknown], ..Filter::default() };
    let doubts = office.store.deliveries(filter).await?;
    // A doubt with a reason comes from a restored ledger, which does not know what was sent since, or was left so.
    let fresh = |view: &&DeliveryView| view.row.reason.is_none() && now - view.changed_at <= give_up;
    for view in doubts.iter().filter(fresh).filter(|view| view.row.resends == 0) {
        // A refusal means that the row moved on, or that its issue was given up.
        let _ = office
            .store
            .resolve(view.number, Event::Resend, "newsletter.on_unknown = \"resend\"", now)
            .await?;
    }
    Ok(())
}
