//! Puts together what the ledger says about the list and the issues. Only reads.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::readership::kept_readers;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::report::{AgentCount, FeedReaders, Report, Subscribers, mean_by_period, periods, to_csv, to_html};

/// The report from the day `since`, or from the beginning.
pub async fn make_report(
    context: &RunContext,
    session: &LedgerSession,
    since: Option<NaiveDate>,
) -> Result<Report, RunError> {
    let (store, now) = (&session.store, context.clock.now());
    let begin = since.map_or(DateTime::UNIX_EPOCH, |since| midnight(context, since));
    Ok(Report {
        site: context.config.site.title.as_str().to_owned(),
        made_at: now,
        since,
        subscribers: subscribers(context, session, (since, begin)).await?,
        issues: store.issue_figures(begin).await?,
        failures: store.failures(begin).await?,
        preferences: store.preference_counts().await?,
        sources: store.source_counts().await?,
        confirmations: store.confirmations(now).await?,
        feed_readers: feed_readers(context, session, since).await?,
        health: store.list_health(now).await?,
        runs: store.run_figures(begin).await?,
    })
}

/// The report as a page in the language of the site.
pub fn report_page(report: &Report, context: &RunContext) -> Result<String, RunError> {
    let site = &context.config.site;
    to_html(report, context.config.words.of(&site.language), site.timezone).map_err(RunError::internal)
}

/// The report as CSV.
pub fn report_csv(report: &Report, context: &RunContext) -> String {
    to_csv(report, context.config.site.timezone)
}

/// The beginning of a day in the site's time zone. A day that begins with a change of the clock begins when UTC's does.
fn midnight(context: &RunContext, day: NaiveDate) -> DateTime<Utc> {
    let begin = day.and_time(NaiveTime::MIN);
    let zoned = begin.and_local_timezone(context.config.site.timezone).earliest();
    zoned.map_or_else(|| begin.and_utc(), |zoned| zoned.to_utc())
}

async fn subscribers(
    context: &RunContext,
    session: &LedgerSession,
    (since, begin): (Option<NaiveDate>, DateTime<Utc>),
) -> Result<Subscribers, RunError> {
    let changes = session.store.list_changes().await?;
    let zone = context.config.site.timezone;
    let (step, periods) = periods(&changes, since, context.clock.now(), zone);
    let by_status: BTreeMap<String, u64> = session.store.metrics().await?.subscribers.into_iter().collect();
    let status = |name: &str| by_status.get(name).copied().unwrap_or_default();
    Ok(Subscribers {
        active: status("active"),
        unconfirmed: status("unconfirmed"),
        unsubscribed: status("unsubscribed"),
        suppressed: status("suppressed"),
        deleted: session.store.deleted_subscribers(begin).await?,
        step,
        periods,
    })
}

async fn feed_readers(
    context: &RunContext,
    session: &LedgerSession,
    since: Option<NaiveDate>,
) -> Result<FeedReaders, RunError> {
    let today = context.clock.now().with_timezone(&context.config.site.timezone).date_naive();
    let mut days = session.store.feed_readers_by_day(since.unwrap_or_default()).await?;
    // Today is not over, so its number is too low.
    days.retain(|(day, _)| *day < today);
    let (step, periods) = mean_by_period(&days);
    let day = days.last().map(|(day, _)| *day);
    let mut agents: BTreeMap<String, u64> = BTreeMap::new();
    for count in kept_readers(context, session).await?.counts {
        if Some(count.day) == day {
            *agents.entry(count.agent).or_default() += count.readers;
        }
    }
    let mut agents: Vec<AgentCount> =
        agents.into_iter().map(|(agent, readers)| AgentCount { agent, readers }).collect();
    agents.sort_by_key(|agent| Reverse(agent.readers));
    Ok(FeedReaders { step, periods, day, agents })
}

/// The first day of a report of the last `days` days, with today.
pub fn days_ago(context: &RunContext, days: u64) -> NaiveDate {
    let today = context.clock.now().with_timezone(&context.config.site.timezone).date_naive();
    today.checked_sub_days(Days::new(days)).unwrap_or_default()
}
