//! The pages and feeds, asked from outside this process, as readers and mail programs do.
//!
//! The one POST is an unsubscribe for nobody, which changes nothing.

mod feeds;
mod hubs;
mod links;
mod one_click;
mod pages;
mod read_online;

use std::time::Duration;

use chrono::TimeDelta;
use url::{Origin, Url};

pub(crate) use feeds::served;
pub(crate) use read_online::newest as read_online;

use super::newest_emails::NewestEmails;
use super::{Check, Section};
use crate::archive::Archive;
use crate::config::{Config, SiteUrl, is_placeholder_host};
use crate::net::http::{Download, Glance};
use crate::pipeline::session::{LedgerSession, RunContext};

/// The timeout for one request.
const REQUEST: Duration = Duration::from_secs(10);

/// The timeout for all of them. What was not asked by then is named.
const ALL: Duration = Duration::from_secs(18);

/// What was found, and by how much the clocks of the servers that answered are ahead of this machine's.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) checks: Vec<Check>,
    pub(super) ahead: Vec<TimeDelta>,
    /// The servers that did not answer at all.
    dead: Vec<Origin>,
}

impl Answers {
    /// Notes the clock of a server.
    fn note(&mut self, context: &RunContext, glance: &Glance) {
        self.ahead.extend(glance.clock.map(|clock| clock - context.clock.now()));
    }
}

/// All checks of pages, feeds, hubs and links.
pub(super) async fn check(
    context: &RunContext,
    archive: Option<&Archive>,
    emails: &NewestEmails,
    session: Option<&LedgerSession>,
) -> Answers {
    let config = &context.config;
    if is_unreal(&config.site.url) {
        let message =
            format!("site.url is a placeholder ({}), so there is nothing to ask", config.site.url.as_str());
        return vec![Check::skipped(Section::Web, "web", message)].into();
    }
    let (pages, one_click, feeds, online, hubs, links) = tokio::join!(
        bounded("pages", pages::check(context)),
        bounded("one-click", one_click::check(context, session)),
        bounded("live-feeds", feeds::check(config, archive)),
        bounded("live-pages", online(config, archive)),
        bounded("hubs", hubs::check(config)),
        links::check(context, &emails.links),
    );
    let mut answers = Answers::default();
    for part in [pages, one_click, feeds, online, hubs, links] {
        let dead = &answers.dead;
        // A server that does not answer is one problem, and not one for each of its addresses.
        let is_known = |check: &Check| {
            let subject = check.subject.as_deref().and_then(|subject| Url::parse(subject).ok());
            check.may_pass && subject.is_some_and(|url| dead.contains(&url.origin()))
        };
        answers.checks.extend(part.checks.into_iter().filter(|check| !is_known(check)));
        answers.ahead.extend(part.ahead);
        answers.dead.extend(part.dead);
    }
    answers
}

/// Limits the time of a group of checks.
async fn bounded(id: &'static str, part: impl Future<Output = Answers>) -> Answers {
    tokio::time::timeout(ALL, part).await.unwrap_or_else(|_| {
        let message = format!("not finished within {} seconds, because a server was slow", ALL.as_secs());
        let next = "try again, or ask the provider of the server";
        vec![Check::warning(Section::Web, id, message, next).passing()].into()
    })
}

/// The pages that emails link to.
async fn online(config: &Config, archive: Option<&Archive>) -> Answers {
    let Some(archive) = archive.filter(|_| config.newsletter.enabled && config.newsletter.from.is_some())
    else {
        return Answers::default();
    };
    let (asked, checks) = read_online::newest(config, archive).await;
    if asked == 0 || !checks.is_empty() {
        return checks.into();
    }
    let message = match asked {
        1 => "the page that the newest emails link to is online".to_owned(),
        _ => format!("the {asked} pages that the newest emails link to are online"),
    };
    vec![Check::good(Section::Web, "live-page", message)].into()
}

impl From<Vec<Check>> for Answers {
    fn from(checks: Vec<Check>) -> Self {
        Self { checks, ..Self::default() }
    }
}

/// A client for addresses that the owner configured.
fn own_host() -> Download {
    Download::for_own_host(REQUEST)
}

/// Whether the address is one from an example. One of this machine is not: it is a trial.
fn is_unreal(url: &SiteUrl) -> bool {
    is_placeholder_host(url.host()) && !is_here(url)
}

/// Whether the address is of this machine.
fn is_here(url: &SiteUrl) -> bool {
    let host = url.host().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
