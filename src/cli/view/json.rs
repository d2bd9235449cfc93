//! The JSON object of `publish --json` and `build --json`.
//!
//! Scripts rely on the keys. Where an older key is not a standard word, the standard key is added.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cli::Outcome;
use crate::cli::printer::Printer;
use crate::config::ConfigError;
use crate::delivery::StopReason;
use crate::finding::Finding;
use crate::pipeline::PublishReport;
use crate::pipeline::newsletter::{HeldPosts, NewsletterReport, ScheduledStep};
use crate::pipeline::session::{LedgerSession, RunContext, RunError};
use crate::pipeline::site_build::{BuildReport, DeployReport, FetchReport, WebSubReport};

/// The object of a run that has not ended yet.
pub(in crate::cli) struct Facts {
    object: Map<String, Value>,
    findings: Vec<Finding>,
}

impl Facts {
    /// What a run of `publish` did.
    pub(in crate::cli) async fn of(summary: &PublishReport, context: &RunContext) -> Result<Self, RunError> {
        let mut facts = Self { object: Map::new(), findings: summary.refreshed.findings.clone() };
        facts.put("stale_feed", summary.refreshed.is_stale);
        if let Some(built) = &summary.built {
            facts.put("feeds", feeds(built, context));
            facts.findings.extend(built.archive.iter().flat_map(|archive| archive.findings.clone()));
        }
        facts.deployed(&summary.deployed);
        facts.put("hubs", summary.websub.as_ref().map(hubs));
        facts.put("websub", summary.websub.as_ref().map(websub));
        match &summary.newsletter {
            Some(Ok(report)) => {
                facts.report(report);
                let subscribers = by_status(context).await?;
                let imported = report.list_import.as_ref();
                facts.put(
                    "subscribers",
                    json!({ "added": imported.map_or(0, |imported| imported.added),
                            "changed": imported.map_or(0, |imported| imported.changed),
                            "new": imported.map(|imported| json!({
                                "active": imported.new.active, "unconfirmed": imported.new.unconfirmed,
                                "unsubscribed": imported.new.unsubscribed, "suppressed": imported.new.suppressed })),
                            "by_status": subscribers }),
                );
                facts.newsletter("on");
            }
            Some(Err(_)) => facts.newsletter("failed"),
            None => facts.newsletter("off"),
        }
        Ok(facts)
    }

    fn put(&mut self, key: &str, value: impl serde::Serialize) {
        self.object.insert(key.to_owned(), json!(value));
    }

    fn deployed(&mut self, deployed: &DeployReport) {
        for (key, value) in super::deploy::facts(deployed) {
            self.put(key, value);
        }
    }

    fn newsletter(&mut self, state: &str) {
        self.put("letters", state);
        self.put("newsletter", state);
    }

    fn report(&mut self, report: &NewsletterReport) {
        let issue = report.scheduled.as_ref().map(|(subject, audience)| {
            let id = report.scheduled_id.as_deref();
            json!({ "id": id, "subject": subject, "audience": audience })
        });
        let issues: Vec<Value> = report
            .issues
            .iter()
            .map(|issue| {
                json!({ "id": issue.id, "subject": issue.subject, "state": issue.state,
                        "audience": issue.audience, "counts": issue.counts, "in_doubt": issue.counts.unknown(),
                        "unknown_outcome": issue.counts.unknown(), "next_at": issue.next_at,
                        "through": report.delivered.get(&issue.id), "transport": report.delivered.get(&issue.id) })
            })
            .collect();
        let paused: Vec<Value> = report
            .paused_issues
            .iter()
            .map(|(issue, why)| json!({ "issue": issue, "why": why, "reason": why }))
            .collect();
        let unknown_now: u64 = report.issues.iter().map(|issue| issue.counts.unknown()).sum();
        let soonest = report.next.first().map(|next| next.due_at);
        self.put("issue", issue);
        self.put(
            "weekly",
            report
                .digest
                .as_ref()
                .map(|week| json!({ "week": week.week, "posts": week.posts, "audience": week.audience })),
        );
        let steps = report.series.iter();
        let step = |step: &ScheduledStep| json!({ "name": step.name, "subject": step.subject, "audience": step.audience });
        self.put("series", steps.map(step).collect::<Vec<_>>());
        self.put("issues", issues);
        self.put("baseline", report.baseline);
        self.put("sent", report.sent);
        self.put("in_doubt", unknown_now.max(report.recovered.1));
        self.put("unknown_outcome", unknown_now.max(report.recovered.1));
        let (pending, unknown) = report.recovered;
        self.put(
            "recovered",
            json!({ "waiting": pending, "pending": pending, "in_doubt": unknown, "unknown_outcome": unknown }),
        );
        self.put("failed_over", report.failed_over);
        self.put("stopped", report.stop_reason.as_ref().map(stop));
        self.put(
            "backing_off",
            report.backoff.as_ref().map(
                |backoff| json!({ "until": backoff.until, "why": backoff.reason, "reply": backoff.reason }),
            ),
        );
        self.put("paused", paused);
        self.put("suppressed", report.suppressed);
        self.put("more_due", report.more_due);
        self.put("held", held(&report.held));
        self.put(
            "extended",
            report.extended.as_ref().map(|(subject, added)| json!({ "subject": subject, "added": added })),
        );
        self.put("rehearsals_over", report.rehearsed);
        self.put("rehearsals_ended", report.rehearsed);
        self.put("due_at", soonest.into_iter().chain(report.retry_at).min());
        self.put("retry_at", report.retry_at);
        self.put("next", &report.next);
        let explained = report.diagnosis.iter().map(|explained| explained.finding.clone());
        self.findings.extend(report.rejected_rows.iter().chain(&report.findings).cloned().chain(explained));
    }

    /// The whole object of a run that has ended.
    pub(in crate::cli) fn object(mut self, ended: &Result<Outcome, RunError>, printer: Printer) -> Value {
        let outcome = match ended {
            Ok(outcome) => *outcome,
            Err(error) => {
                self.findings.extend(findings_of(error));
                Outcome::of(error)
            }
        };
        self.put("error", ended.as_ref().err().map(error_object));
        let findings = std::mem::take(&mut self.findings);
        self.put("findings", findings);
        self.close(outcome, printer)
    }

    fn close(mut self, outcome: Outcome, printer: Printer) -> Value {
        let (messages, complaints) = printer.so_far();
        self.put("said", &messages);
        self.put("messages", messages);
        self.put("complaints", &complaints);
        self.put("warnings", complaints);
        self.put("exit_code", outcome.code());
        Value::Object(self.object)
    }
}

/// What a run of `build` did.
pub(in crate::cli) fn of_build(
    refreshed: &FetchReport,
    (built, deployed): (&BuildReport, &DeployReport),
    outcome: Outcome,
    context: &RunContext,
    printer: Printer,
) -> Value {
    let mut facts = Facts { object: Map::new(), findings: refreshed.findings.clone() };
    facts.put("stale_feed", refreshed.is_stale);
    facts.put("feeds", feeds(built, context));
    facts.deployed(deployed);
    facts.findings.extend(built.archive.iter().flat_map(|archive| archive.findings.clone()));
    facts.object(&Ok(outcome), printer)
}

/// A run that failed before it did anything.
pub(in crate::cli) fn failed(error: &RunError, printer: Printer) -> Value {
    let facts = Facts { object: Map::new(), findings: findings_of(error) };
    let outcome = Outcome::of(error);
    let mut object = facts.close(outcome, printer);
    object["error"] = error_object(error);
    object["findings"] = json!(findings_of(error));
    object
}

fn findings_of(error: &RunError) -> Vec<Finding> {
    match error {
        RunError::Findings(findings) | RunError::Config(ConfigError::Wrong(findings)) => findings.clone(),
        RunError::OutOfOrder(finding) => vec![(**finding).clone()],
        _ => Vec::new(),
    }
}

fn error_object(error: &RunError) -> Value {
    match error {
        RunError::User { what, help } => json!({ "message": what, "hint": help }),
        other => {
            let text = other.to_string();
            let (message, hint) = match text.split_once("\n    help: ") {
                Some((message, hint)) => (message, Some(hint)),
                None => (text.as_str(), None),
            };
            json!({ "message": message, "hint": hint })
        }
    }
}

fn feeds(built: &BuildReport, context: &RunContext) -> Value {
    json!({ "directory": context.config.resolve(&context.config.output.directory), "written": built.written,
            "unchanged": built.unchanged, "posts": built.archive.as_ref().map(|archive| archive.posts.len()),
            "ids_changed": built.ids_changed, "pages_changed": built.pages_changed })
}

fn hubs(notified: &Result<WebSubReport, RunError>) -> Value {
    match notified {
        Ok(WebSubReport { done, waiting_since }) => json!({
            "told": done.notified, "not_live": done.not_live.len(), "waiting_since": waiting_since,
            "troubles": done.problems.iter().map(ToString::to_string).collect::<Vec<_>>() }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn websub(notified: &Result<WebSubReport, RunError>) -> Value {
    match notified {
        Ok(WebSubReport { done, waiting_since }) => json!({
            "notified": done.notified, "not_live": done.not_live.len(), "waiting_since": waiting_since,
            "errors": done.problems.iter().map(ToString::to_string).collect::<Vec<_>>() }),
        Err(error) => json!({ "errors": [error.to_string()] }),
    }
}

/// Posts that are due and were not mailed.
fn held(held: &HeldPosts) -> Value {
    let lookalikes = held.lookalikes.iter().map(|held| {
        json!({ "because": "lookalike", "reason": "possible_duplicate", "post": held.post,
                "why": held.to_string(), "message": held.to_string(), "hint": held.help() })
    });
    let without_audience = held.without_audience.iter().map(|held| {
        let (because, reason) = if held.comes_with_the_digest() {
            ("weekly", "weekly_digest")
        } else {
            ("nobody", "no_recipients")
        };
        json!({ "because": because, "reason": reason, "post": held.post,
                "why": held.to_string(), "message": held.to_string(), "hint": held.help() })
    });
    let unapproved = held.unapproved.iter().map(|held| {
        json!({ "because": "unapproved", "reason": "awaiting_approval", "post": held.subject,
                "why": held.title, "message": held.title })
    });
    lookalikes.chain(without_audience).chain(unapproved).collect()
}

fn stop(stop: &StopReason) -> Value {
    let (because, reason, why) = match stop {
        StopReason::Requested => ("asked", "signal", ""),
        StopReason::Relay(why) => ("relay", "relay", why.as_str()),
        StopReason::Throttled(why) => ("throttled", "throttled", why.as_str()),
        StopReason::Message(why) => ("letter", "issue", why.as_str()),
    };
    json!({ "because": because, "reason": reason, "why": why, "message": why })
}

/// The number of subscribers by status.
async fn by_status(context: &RunContext) -> Result<BTreeMap<String, u64>, RunError> {
    let session = LedgerSession::open(&context.config, context.clock.as_ref()).await?;
    Ok(session.store.metrics().await?.subscribers.into_iter().collect())
}
