//! The links of the newest email: whether the pages are still there.

use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{ALL, Answers, REQUEST};
use crate::config::Config;
use crate::doctor::{Check, Section};
use crate::net::http::{Download, DownloadError, Glance};
use crate::pipeline::session::RunContext;

const ID: &str = "link";

/// The most links of an email that are requested, and how many at once.
const MOST: usize = 30;
const AT_ONCE: usize = 4;

pub(super) async fn check(context: &RunContext, links: &[String]) -> Answers {
    let until = Instant::now() + ALL;
    let mut answers = Answers::default();
    let config = &context.config;
    let ask = async |link: &String| {
        let mut download = Download::default();
        (download.timeout, download.site) = (REQUEST, config.public_site());
        // The owner's own pages may be in a private network; the hosts of others must be public.
        download.allow_private_host = is_own(config, link);
        (link.clone(), timeout_at(until, download.glance(link)).await.ok())
    };
    let asked: Vec<_> =
        stream::iter(links.iter().take(MOST)).map(ask).buffer_unordered(AT_ONCE).collect().await;
    let (mut alive, mut missed) = (0, links.len().saturating_sub(MOST));
    for (link, answer) in asked {
        let Some(answer) = answer else {
            missed += 1;
            continue;
        };
        if let Ok(glance) = &answer {
            answers.note(context, glance);
        }
        match judge(&answer) {
            Some(check) => answers.checks.push(check.about(link)),
            None => alive += 1,
        }
    }
    answers.checks.sort_by(|one, other| one.subject.cmp(&other.subject));
    if alive > 0 {
        let message = if alive == 1 {
            "1 link of the newest email is alive".to_owned()
        } else {
            format!("{alive} links of the newest email are alive")
        };
        answers.checks.push(Check::good(Section::Web, "links", message));
    }
    if missed > 0 {
        let message = format!("{missed} more links of the newest email were not requested, to save time");
        answers.checks.push(Check::skipped(Section::Web, "links-left", message));
    }
    answers
}

/// Whether the link leads to the site or to the pages of `letterpress serve`.
fn is_own(config: &Config, link: &str) -> bool {
    let Ok(link) = Url::parse(link) else { return false };
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    let own = [Some(&config.site.url), config.web.url.as_ref()];
    own.into_iter().flatten().any(|url| place(url.as_url()) == place(&link))
}

/// What is wrong with the page at a link; `None` if nothing is.
fn judge(answer: &Result<Glance, DownloadError>) -> Option<Check> {
    let correct = "correct the link in the post, or remove it";
    let warning = |message: String, next: &str| Check::warning(Section::Web, ID, message, next);
    Some(match answer {
        Ok(Glance { status, .. }) => match *status {
            status if status.is_success() => return None,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS => warning(
                format!("the newest email links here, but the server refuses programs ({status})"),
                "open it in a browser; if it is there, nothing needs to change",
            ),
            status if status.is_server_error() => {
                warning(format!("the newest email links here, but the server fails ({status})"), correct)
                    .passing()
            }
            status => Check::fault(
                Section::Web,
                ID,
                format!("the newest email links here, but the server answers {status}"),
                correct,
            ),
        },
        Err(DownloadError::NotPublic { .. }) => Check::fault(
            Section::Web,
            ID,
            "the newest email links here, but readers cannot reach this address: it is of a private network",
            correct,
        ),
        Err(error) => {
            let message =
                format!("the newest email links here, but the page does not answer: {}", error.without_url());
            warning(message, correct).passing()
        }
    })
}
