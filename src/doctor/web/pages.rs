//! The home page of the site and the pages of `letterpress serve`.

use super::feeds::UNREACHABLE;
use super::{Answers, is_here, is_unreal, own_host};
use crate::config::SiteUrl;
use crate::doctor::{Check, Section, certificate};
use crate::net::http::{Download, Glance};
use crate::pipeline::session::RunContext;

pub(super) async fn check(context: &RunContext) -> Answers {
    let download = own_host();
    let (mut answers, served) = tokio::join!(home(context, &download), served(context, &download));
    // One server that is away is one problem.
    if served.dead.is_empty() || served.dead != answers.dead {
        answers.checks.extend(served.checks);
        answers.ahead.extend(served.ahead);
        answers.dead.extend(served.dead);
    }
    answers
}

/// Whether the site itself answers.
async fn home(context: &RunContext, download: &Download) -> Answers {
    let mut answers = Answers::default();
    let site = &context.config.site.url;
    match download.glance(site.as_str()).await {
        Ok(glance) => {
            answers.note(context, &glance);
            answers.checks.push(if glance.status.is_success() {
                Check::good(Section::Web, "site", "the home page of the site answers").about(site.as_str())
            } else {
                // A folder with feeds alone needs no home page.
                let message = format!("the home page of the site answers {}", glance.status);
                Check::warning(Section::Web, "site", message, "upload the site, or correct site.url")
                    .about(site.as_str())
            });
            answers.checks.extend(expiry(context, &glance, site));
        }
        Err(error) => {
            answers.dead.push(site.as_url().origin());
            answers.checks.push(
                Check::fault(
                    Section::Web,
                    "site",
                    format!("the site does not answer: {}", error.without_url()),
                    UNREACHABLE,
                )
                .about(site.as_str())
                .passing(),
            );
        }
    }
    answers
}

/// Whether `letterpress serve` answers, through every proxy before it.
async fn served(context: &RunContext, download: &Download) -> Answers {
    let Some(url) = &context.config.web.url else {
        let message = "no web.url, so emails have no page to unsubscribe with one click";
        return vec![Check::skipped(Section::Web, "pages", message)].into();
    };
    if is_unreal(url) {
        let message = format!("web.url is a placeholder ({})", url.as_str());
        return vec![Check::skipped(Section::Web, "pages", message)].into();
    }
    let mut answers = Answers::default();
    let start = "start `letterpress serve`, and let the proxy forward to it";
    if url.as_url().scheme() != "https" && !is_here(url) {
        let message = "the pages are not served over HTTPS, and mail programs use one-click only over HTTPS";
        let next = "get a certificate for the server, and write web.url with https://";
        answers.checks.push(Check::fault(Section::Web, "pages-https", message, next).about(url.as_str()));
    }
    let health = url.join("healthz");
    let check = match download.glance(&health).await {
        Ok(glance) => {
            answers.note(context, &glance);
            answers.checks.extend(expiry(context, &glance, url).filter(|_| *url != context.config.site.url));
            match glance.status.as_u16() {
                200..300 => Check::good(Section::Web, "pages", "the pages answer"),
                503 => Check::fault(
                    Section::Web,
                    "pages",
                    "`letterpress serve` answers 503: it cannot read the ledger, or it is not running",
                    start,
                )
                .passing(),
                status => {
                    let message = format!("the pages answer {status} instead of 200");
                    Check::fault(Section::Web, "pages", message, start)
                }
            }
        }
        Err(error) => {
            answers.dead.push(url.as_url().origin());
            let message = format!("the pages do not answer: {}", error.without_url());
            Check::fault(Section::Web, "pages", message, start).passing()
        }
    };
    answers.checks.push(check.about(health));
    answers
}

fn expiry(context: &RunContext, glance: &Glance, url: &SiteUrl) -> Option<Check> {
    let end = glance.certificate_end?;
    Some(certificate(Section::Web, "web-certificate", end, context.clock.now()).about(url.host()))
}
