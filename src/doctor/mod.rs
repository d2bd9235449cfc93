//! `letterpress doctor`: asks the relay, DNS and the web, and this machine, whether mail and feeds can arrive.
//!
//! Each answer is a [`Check`]. Checks read and ask; they send no message and change nothing. Each group of questions has a time
//! limit, and all groups are asked at once, so that no server makes the others wait.

mod bounces;
mod check;
pub mod dns;
pub mod domain;
mod here;
mod inbox;
mod memory;
mod newest_emails;
mod receivers;
mod relay;
mod web;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

pub use check::{Check, Level, Section};
pub(crate) use here::secrets;
pub use memory::Memory;
pub use receivers::ReceiverRule;
pub(crate) use web::{read_online, served};

use crate::config::{Config, Smtp, Tls, is_placeholder_host};
use crate::pipeline::newsletter::unsubscribe_findings;
use crate::pipeline::session::{LedgerSession, RunContext, RunError, identities};
use crate::subscribers::SubscriptionStatus;
use dns::Resolver;
use domain::{DkimKey, DomainFacts, SenderDomain};
use newest_emails::NewestEmails;
use receivers::Facts;
use relay::Relay;

/// The timeout for counting complaints.
const COUNTING: Duration = Duration::from_secs(8);

/// A certificate that expires so soon should have been renewed.
const RENEWAL: TimeDelta = TimeDelta::days(21);

/// How far back complaints are counted.
const RECENT: TimeDelta = TimeDelta::days(90);

/// Everything that was found.
#[derive(Debug)]
pub struct Examination {
    /// The checks, by section.
    pub checks: Vec<Check>,
    /// The rules of receivers with this site's answers.
    pub receivers: Vec<ReceiverRule>,
}

/// Asks everything; with `is_offline` only what this machine knows. Adds a sample of the disk to `memory`.
pub async fn examine(context: &RunContext, is_offline: bool, memory: &mut Memory) -> Examination {
    let config = &context.config;
    let now = context.clock.now();
    let here::Opened { session, checks: opened } = here::open_ledger(context).await;
    let archive = newest_emails::archive(config, now);
    let emails = archive.as_ref().map(|archive| NewestEmails::of(config, archive)).unwrap_or_default();
    let mut facts = Facts {
        one_click: config.web.url.as_ref().is_some_and(|url| url.as_url().scheme() == "https"),
        unsubscribing: unsubscribe_findings(config, 0).is_none(),
        borrowed_domain: borrowed_domain(config),
        format: emails.is_well_formed,
        ..Facts::default()
    };
    let outside = async {
        if is_offline {
            return Outside::offline(config);
        }
        Box::pin(Outside::ask(context, archive.as_ref(), &emails, session.as_ref())).await
    };
    let (outside, numbers, runs) = tokio::join!(
        outside,
        numbers(context, session.as_ref()),
        Box::pin(here::schedule(config, session.as_ref(), now))
    );
    (facts.complaints, facts.subscribers) = numbers;
    (facts.domain, facts.tls) = (outside.domain, outside.tls);
    let mut checks = outside.checks;
    let mut receivers = Vec::new();
    if can_be_asked(config) {
        let (rules, table) = receivers::check(&facts);
        checks.extend(rules);
        receivers = table;
    } else {
        let message = "no emails go to a relay from a domain of yours yet, so no receiver asks for anything";
        checks.push(Check::skipped(Section::Receivers, "rules", message));
    }
    checks.push(here::clock(&outside.ahead));
    checks.push(here::disk(config, &mut memory.disk, now));
    checks.extend(here::folders(config));
    checks.push(runs);
    checks.extend(opened);
    if let Some(session) = &session {
        checks.extend(here::ledger(context, session).await);
        checks.push(here::backups(config, now));
    }
    checks.sort_by_key(|check| check.section);
    Examination { checks, receivers }
}

/// What servers answered.
struct Outside {
    checks: Vec<Check>,
    domain: DomainFacts,
    tls: Option<bool>,
    ahead: Vec<TimeDelta>,
}

impl Outside {
    /// Asks all of them at once.
    async fn ask(
        context: &RunContext,
        archive: Option<&crate::archive::Archive>,
        emails: &NewestEmails,
        session: Option<&LedgerSession>,
    ) -> Self {
        let (mail, inbox, web) = tokio::join!(
            mail(context, emails),
            inbox::check(context),
            web::check(context, archive, emails, session),
        );
        let (mut checks, domain, tls) = mail;
        checks.push(inbox);
        checks.extend(web.checks);
        Self { checks, domain, tls, ahead: web.ahead }
    }

    /// Names what was left out.
    fn offline(config: &Config) -> Self {
        let skipped = |section, id, what: &str| Check::skipped(section, id, format!("{what} (--offline)"));
        let mut checks = Vec::new();
        if config.smtp.is_some() {
            let what = "not asked: connection, certificate, log-in, size and limits, envelope sender";
            checks.push(skipped(Section::Relay, "relay", what));
        } else {
            checks.push(no_relay());
        }
        if config.inbox.is_some() {
            checks.push(skipped(Section::Relay, "inbox-login", "not asked: the log-in to the mailbox"));
        }
        if can_be_asked(config) {
            checks.push(skipped(
                Section::Domain,
                "domain",
                "not asked: SPF, DKIM, DMARC and the rest of DNS",
            ));
        }
        let what = "not asked: pages, one-click unsubscribe, live feeds, hubs, links of the newest email";
        checks.push(skipped(Section::Web, "web", what));
        Self { checks, domain: DomainFacts::default(), tls: None, ahead: Vec::new() }
    }
}

fn no_relay() -> Check {
    Check::skipped(
        Section::Relay,
        "relay",
        "no section [smtp], so emails are only written to the outbox folder",
    )
}

/// The relay and the sender's domain. DNS needs the addresses of the relay.
async fn mail(context: &RunContext, emails: &NewestEmails) -> (Vec<Check>, DomainFacts, Option<bool>) {
    let config = &context.config;
    let Some(smtp) = &config.smtp else { return (vec![no_relay()], DomainFacts::default(), None) };
    if config.has_distant_relay() && is_placeholder_host(&smtp.host) {
        let message = format!("smtp.host is a placeholder ({}), so nothing is asked", smtp.host);
        return (vec![Check::skipped(Section::Relay, "relay", message)], DomainFacts::default(), None);
    }
    let (mut relay, found) = relay::look_up(smtp).await;
    let (checks, (domain, facts)) = if relay.is_here() {
        // By its own name it sends to receivers, who look that up.
        let (checks, name) = relay::check(context, smtp, &relay, emails).await;
        relay.name = name;
        (checks, sender_domain(config, smtp, &relay).await)
    } else {
        let asked =
            tokio::join!(relay::check(context, smtp, &relay, emails), sender_domain(config, smtp, &relay));
        (asked.0.0, asked.1)
    };
    // Both ways are on this machine if the relay is.
    let is_reached = checks.iter().any(|check| check.id == "relay-login" && !check.is_bad());
    let tls = (config.has_distant_relay() && is_reached).then_some(smtp.tls != Tls::None);
    ([vec![found], checks, domain].concat(), facts, tls)
}

/// Asks DNS about the domain of the sender.
async fn sender_domain(config: &Config, smtp: &Smtp, relay: &Relay) -> (Vec<Check>, DomainFacts) {
    let Some(from) =
        config.newsletter.from.as_ref().map(|from| &from.address).filter(|_| can_be_asked(config))
    else {
        let message = "newsletter.from is not set or a placeholder, so there is no domain to ask about";
        return (vec![Check::skipped(Section::Domain, "domain", message)], DomainFacts::default());
    };
    let ascii = |domain: &str| idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned());
    let identities = identities(config).unwrap_or_default();
    let sender = SenderDomain {
        from: ascii(from.domain()),
        envelope: ascii(config.newsletter.bounces.as_ref().unwrap_or(from).domain()),
        relay: relay.addresses.clone(),
        relay_host: Some(ascii(&smtp.host)),
        helo: relay.name.clone(),
        dkim: identities
            .iter()
            .map(|identity| DkimKey { domain: ascii(&identity.domain), ..DkimKey::from(identity) })
            .collect(),
    };
    let resolver = match Resolver::new(config.doctor.dns) {
        Ok(resolver) => resolver,
        Err(error) => return (vec![domain::without_resolver(&error)], DomainFacts::default()),
    };
    let bounces = async {
        let plain = config.newsletter.bounces.as_ref()?;
        let tagged = newest_emails::envelope_sender(config)?;
        bounces::check(&resolver, (plain, &tagged), smtp.hello.as_deref().unwrap_or(&sender.from)).await
    };
    let ((mut checks, facts), bounces) = tokio::join!(domain::check(&resolver, &sender), bounces);
    checks.extend(bounces);
    (checks, facts)
}

/// Whether emails leave this machine, from an address that can exist.
fn can_be_asked(config: &Config) -> bool {
    let from = config.newsletter.from.as_ref().map(|from| from.address.domain());
    config.smtp.is_some()
        && config.newsletter.enabled
        && from.is_some_and(|domain| !is_placeholder_host(domain))
}

fn borrowed_domain(config: &Config) -> bool {
    let relay = config.smtp.as_ref().map(|smtp| smtp.host.as_str());
    config.newsletter.from.as_ref().is_some_and(|from| receivers::is_borrowed(from.address.domain(), relay))
}

/// Delivered and reported as spam in the last months, and the active subscribers. Complaints are known only where somebody
/// reads the mailbox for them.
async fn numbers(context: &RunContext, session: Option<&LedgerSession>) -> (Option<(u64, u64)>, Option<u64>) {
    let Some(session) = session else { return (None, None) };
    let since = context.clock.now() - RECENT;
    let counted = tokio::time::timeout(COUNTING, async {
        let figures = session.store.issue_figures(since).await.ok()?;
        let real = figures.iter().filter(|issue| !issue.rehearsal);
        Some(real.fold((0, 0), |(delivered, complaints), issue| {
            (delivered + issue.delivered, complaints + issue.complaints)
        }))
    });
    let complaints = counted.await.ok().flatten().filter(|(delivered, complaints)| {
        *delivered > 0 && (*complaints > 0 || context.config.inbox.is_some())
    });
    let metrics = session.store.metrics().await.ok();
    let active = metrics.map(|metrics| {
        let is_active = |status: &&(String, u64)| status.0 == SubscriptionStatus::Active.as_str();
        metrics.subscribers.iter().find(is_active).map_or(0, |(_, number)| *number)
    });
    (complaints, active)
}

/// How long a certificate that was accepted is still valid.
fn certificate(section: Section, id: &'static str, end: DateTime<Utc>, now: DateTime<Utc>) -> Check {
    let day = end.format("%Y-%m-%d");
    if end - now > RENEWAL {
        return Check::good(section, id, format!("the certificate is valid until {day}"));
    }
    let left = match (end - now).num_days() {
        ..=0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    };
    Check::warning(
        section,
        id,
        format!("the certificate expires {left}, on {day}"),
        "renew it, and find out why it was not renewed by itself; or tell the provider of the server",
    )
}

/// An error of another part as what is wrong, and what to do next.
fn explained(error: &RunError) -> (String, String) {
    let text = error.to_string();
    let (what, next) =
        text.split_once("\n    help: ").unwrap_or((&text, "`letterpress check` may tell more"));
    (what.to_owned(), next.lines().collect::<Vec<_>>().join(" "))
}
