//! One-click unsubscribe (RFC 8058) from end to end: a POST as a mail program sends it, for a subscriber who does not exist.
//!
//! The token is signed with our keys, so the answer shows that the request passed every proxy, that the server has the same
//! keys, and that it reached the ledger. A second token that is not valid must be refused: some servers answer 200 to
//! everything.

use reqwest::StatusCode;
use url::Url;

use super::{Answers, is_unreal, own_host};
use crate::doctor::{Check, Section};
use crate::net::http::{Download, DownloadError};
use crate::pipeline::session::{LedgerSession, RunContext};
use crate::subscribers::token::{Purpose, Subject};

const ID: &str = "one-click";

pub(super) async fn check(context: &RunContext, session: Option<&LedgerSession>) -> Answers {
    let Some(url) = context.config.web.url.as_ref().filter(|url| !is_unreal(url)) else {
        return Answers::default();
    };
    let Some(session) = session else {
        let message = "one-click unsubscribe needs the keys of the ledger, which cannot be opened here yet";
        return vec![Check::skipped(Section::Web, ID, message)].into();
    };
    let nobody = Subject::from(context.clock.random());
    let valid = session.keys.sign(Purpose::Unsubscribe, &nobody, 1);
    let invalid = session.keys.sign(Purpose::Manage, &nobody, 1);
    let download = own_host();
    let post = async |token: &str| post(&download, &url.join(&format!("u/{token}"))).await;
    let (accepted, refused) = tokio::join!(post(&valid), post(&invalid));
    vec![judge(&accepted, &refused).about(url.join("u/"))].into()
}

/// The answers to a valid and to an invalid token.
fn judge(accepted: &Result<StatusCode, DownloadError>, refused: &Result<StatusCode, DownloadError>) -> Check {
    let fault = |message: String, next: &str| Check::fault(Section::Web, ID, message, next);
    let forward = "let the proxy forward POST requests for /u/ to `letterpress serve` unchanged";
    match (accepted, refused) {
        (Err(error), _) | (Ok(_), Err(error)) => {
            let message = format!("the one-click request fails: {}", error.without_url());
            fault(message, "start `letterpress serve`, and let the proxy forward to it").passing()
        }
        (Ok(status), _) if status.is_redirection() => {
            let message =
                format!("the one-click request is redirected ({status}), and mail programs do not follow");
            fault(
                message,
                "write web.url as the server wants it, such as with https:// and with or without www",
            )
        }
        (Ok(StatusCode::NOT_FOUND), Ok(StatusCode::NOT_FOUND)) => fault(
            "the server does not know the one-click links of this ledger (404)".to_owned(),
            "let `letterpress serve` use the same config.toml and keys, and let the proxy forward /u/ to it",
        ),
        (Ok(status), _) if status.is_server_error() => {
            let message = format!("the one-click request fails with {status}");
            fault(message, "look into the log of `letterpress serve` and of the proxy").passing()
        }
        (Ok(status), _) if !status.is_success() => {
            fault(format!("the one-click request is refused with {status}"), forward)
        }
        (Ok(_), Ok(other)) if other.is_success() => fault(
            "the server says yes to a one-click request that is not valid, so it is not `letterpress serve`"
                .to_owned(),
            forward,
        ),
        _ => Check::good(Section::Web, ID, "one-click unsubscribe works, tried for nobody"),
    }
}

async fn post(download: &Download, url: &str) -> Result<StatusCode, DownloadError> {
    let parsed = Url::parse(url).map_err(|why| DownloadError::Url(url.to_owned(), why.to_string()))?;
    let form = [("content-type", "application/x-www-form-urlencoded".to_owned())];
    let body = "List-Unsubscribe=One-Click".to_owned();
    download.exchange(&parsed, &form, body).await.map(|(status, _)| status)
}
