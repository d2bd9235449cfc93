//! The device authorization grant (RFC 8628): a person approves the log-in in any browser, with a short code, while this
//! program asks the provider again and again.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use url::Url;

use super::TokenError;
use super::endpoint::{Client, Issued, RequestError};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The time between two questions, if the provider names none (RFC 8628, 3.2).
const USUAL_INTERVAL: u64 = 5;
/// How much longer to wait after `slow_down` (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// A provider may name any number; nobody waits longer than this.
const LONGEST_INTERVAL: u64 = 60;
const LONGEST_VALIDITY: u64 = 3_600;

/// What a person needs to approve the log-in.
#[derive(Deserialize)]
pub(crate) struct Verification {
    device_code: String,
    /// The code to type.
    pub(crate) user_code: String,
    /// Where to type it. Google called it `verification_url` before the RFC.
    #[serde(alias = "verification_url", rename = "verification_uri")]
    pub(crate) page: Url,
    /// The same with the code in it.
    #[serde(rename = "verification_uri_complete")]
    pub(crate) page_with_code: Option<Url>,
    /// How long both are valid, in seconds.
    pub(crate) expires_in: u64,
    interval: Option<u64>,
}

/// Begins a log-in.
pub(crate) async fn begin(client: &Client, endpoint: &Url) -> Result<Verification, TokenError> {
    let fields = [("scope", client.provider.scope.as_str())];
    let begun: Result<Verification, _> = client.ask(endpoint, &fields).await;
    begun.map_err(|error| client.explain(endpoint, &error))
}

/// Waits until the person has approved or declined, or the code expires.
pub(crate) async fn wait(client: &Client, verification: &Verification) -> Result<Issued, TokenError> {
    let grant = [("grant_type", GRANT), ("device_code", verification.device_code.as_str())];
    let end = Instant::now() + Duration::from_secs(verification.expires_in.min(LONGEST_VALIDITY));
    let interval = verification.interval.unwrap_or(USUAL_INTERVAL).clamp(1, LONGEST_INTERVAL);
    let mut interval = Duration::from_secs(interval);
    loop {
        if Instant::now() + interval > end {
            return Err(expired(client));
        }
        sleep(interval).await;
        match client.tokens(&grant).await {
            Ok(issued) => return Ok(issued),
            Err(RequestError::Refused { code, .. }) if code == "authorization_pending" => {}
            Err(RequestError::Refused { code, .. }) if code == "slow_down" => interval += SLOWER,
            Err(RequestError::Refused { code, .. }) if code == "expired_token" => {
                return Err(expired(client));
            }
            // No connection for a moment, which must not waste what the person did meanwhile.
            Err(RequestError::Failed(_)) => interval += SLOWER,
            Err(error) => return Err(client.explain(&client.provider.token_endpoint, &error)),
        }
    }
}

fn expired(client: &Client) -> TokenError {
    TokenError::lasting(
        "the code has expired before the log-in was approved",
        format!("run `letterpress login {}` again", client.name),
    )
}
