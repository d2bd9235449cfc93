//! The topics that subscribers chose: which there are, and renaming one.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::events::{self, Entry};
use super::{Store, StoreError, Tx, args};
use crate::subscribers::Topics;
use crate::text::HeaderText;

impl Store {
    /// The topics of the active subscribers who want only some, and how many want each. Reads all subscribers.
    pub async fn wanted_topics(&self) -> Result<BTreeMap<HeaderText, u64>, StoreError> {
        self.read("reading the topics", |tx| {
            let mut wanted = BTreeMap::new();
            tx.each(
                "SELECT topics, count(*) FROM subscriber WHERE topics IS NOT NULL AND status = 'active'
                 AND NOT EXISTS (SELECT 1 FROM suppression WHERE suppression.addr_key = subscriber.addr_key)
                 GROUP BY topics",
                &[],
                &mut |row| {
                    let lines: String = row.get(0)?;
                    let subscribers: u64 = row.get(1)?;
                    if let Topics::Only(topics) = Topics::from_lines(Some(&lines)) {
                        for topic in topics {
                            *wanted.entry(topic).or_default() += subscribers;
                        }
                    }
                    Ok(())
                },
            )?;
            Ok(wanted)
        })
        .await
    }

    /// Whoever chose the topic `old`, of whatever status, has chosen `new` instead. Returns how many these are.
    pub async fn rename_topic(
        &self,
        old: HeaderText,
        new: HeaderText,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.write("renaming a topic", now, move |tx, now| {
            let mut renamed = 0;
            for lines in selections(tx)? {
                if let Some(topics) = Topics::from_lines(Some(&lines)).renamed(&old, &new) {
                    renamed += tx.execute(
                        "UPDATE subscriber SET topics = ?2, changed_at = ?3 WHERE topics = ?1",
                        args![&lines, topics.to_lines().as_deref(), now],
                    )?;
                }
            }
            if renamed > 0 {
                let detail = format!("{old} is now {new}: {renamed} subscribers");
                let kind = "rename-topic";
                let entry =
                    Entry { kind, issue: None, subject: None, actor: "command line", detail: &detail };
                events::append(tx, &entry, now)?;
            }
            Ok(renamed)
        })
        .await
    }
}

/// The different selections of topics, as they are stored.
fn selections(tx: &mut dyn Tx) -> Result<Vec<String>, StoreError> {
    tx.all("SELECT DISTINCT topics FROM subscriber WHERE topics IS NOT NULL", &[], |row| row.get(0))
}
