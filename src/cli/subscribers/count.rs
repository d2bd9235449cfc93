//! `letterpress subscribers count`: subscribers by status, and the active ones by frequency and topic.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Outcome, Printer, each};
use crate::cli::printer::count as number_of;
use crate::pipeline::session::{LedgerSession, RunError};
use crate::subscribers::{Frequency, Subscriber, SubscriptionStatus, Topics};
use crate::text::HeaderText;

/// The number of subscribers.
#[derive(Default, Serialize)]
struct Counts {
    total: u64,
    status: ByStatus,
    /// The frequency of the active subscribers.
    frequency: ByFrequency,
    /// How many active subscribers get all topics.
    all_topics: u64,
    /// How many active subscribers chose each topic; a subscriber can choose several.
    topics: BTreeMap<String, u64>,
}

#[derive(Default, Serialize)]
struct ByStatus {
    active: u64,
    unconfirmed: u64,
    unsubscribed: u64,
    suppressed: u64,
}

#[derive(Default, Serialize)]
struct ByFrequency {
    each: u64,
    /// The same number as `each`, under its standard name.
    immediate: u64,
    weekly: u64,
}

impl Counts {
    fn add(&mut self, subscriber: &Subscriber) {
        self.total += 1;
        *match subscriber.profile.status {
            SubscriptionStatus::Active => &mut self.status.active,
            SubscriptionStatus::Unconfirmed => &mut self.status.unconfirmed,
            SubscriptionStatus::Unsubscribed => &mut self.status.unsubscribed,
            SubscriptionStatus::Suppressed => &mut self.status.suppressed,
        } += 1;
        if subscriber.profile.status != SubscriptionStatus::Active {
            return;
        }
        match subscriber.profile.preferences.frequency {
            Frequency::Immediate => {
                self.frequency.each += 1;
                self.frequency.immediate += 1;
            }
            Frequency::Weekly => self.frequency.weekly += 1,
        }
        match &subscriber.profile.preferences.topics {
            Topics::Everything => self.all_topics += 1,
            Topics::Only(topics) => {
                for topic in topics.iter().map(HeaderText::as_str) {
                    *self.topics.entry(topic.to_owned()).or_default() += 1;
                }
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let ByStatus { active, unconfirmed, unsubscribed, suppressed } = self.status;
        let mut lines = vec![format!(
            "{}: {active} active, {unconfirmed} unconfirmed, {unsubscribed} unsubscribed, {suppressed} suppressed",
            number_of(self.total, "subscriber")
        )];
        if active > 0 {
            let ByFrequency { each, weekly, .. } = self.frequency;
            lines.push(format!("of the {active} active: {each} every post, {weekly} weekly"));
            lines.push(format!("  all topics: {}", self.all_topics));
            lines.extend(self.topics.iter().map(|(topic, number)| format!("  {topic}: {number}")));
        }
        lines
    }
}

pub(super) async fn count(
    session: &LedgerSession,
    as_json: bool,
    printer: Printer,
) -> Result<Outcome, RunError> {
    let mut counts = Counts::default();
    each(session, |subscriber| counts.add(&subscriber)).await?;
    if as_json {
        printer.json(&counts)?;
    } else {
        counts.lines().iter().for_each(|line| printer.stdout(line));
    }
    Ok(Outcome::Done)
}
