//! The authorization code grant for programs (RFC 8252) with PKCE (RFC 7636): the browser of a person is sent back to a port
//! of this machine. If the browser is on another machine, the person copies the address that it could not open.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use url::Url;

use super::TokenError;
use super::endpoint::{Client, Issued};
use crate::clock::Clock;
use crate::text::clipped;

/// How long a person may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long a browser may take to send its request.
const REQUEST: Duration = Duration::from_secs(5);
/// The longest request that is read.
const MOST_BYTES: usize = 16 * 1024;

/// A log-in that waits for its browser.
pub(crate) struct Pending {
    listener: TcpListener,
    redirect: String,
    state: String,
    verifier: String,
    /// The page to open.
    pub(crate) page: Url,
}

/// What a person or a browser brought back.
#[derive(Debug, PartialEq, Eq)]
enum Returned {
    /// The code that the tokens are issued for.
    Code(String),
    /// The person or the provider declined, with its error code.
    Declined(String),
    /// Not the answer to this log-in.
    Unrelated,
}

impl Pending {
    /// Begins a log-in of `user` at the provider's `page`.
    pub(crate) async fn begin(
        client: &Client,
        page: &Url,
        user: &str,
        clock: &dyn Clock,
    ) -> Result<Self, TokenError> {
        let failed = |error: std::io::Error| {
            TokenError::passing(format!("cannot listen on 127.0.0.1: {error}"), "try again")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let redirect = format!("http://localhost:{}", listener.local_addr().map_err(failed)?.port());
        let verifier = BASE64URL.encode([clock.random(), clock.random()].concat());
        let state = BASE64URL.encode(clock.random());
        let mut page = page.clone();
        page.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("scope", client.provider.scope.as_str()),
            ("state", state.as_str()),
            ("code_challenge", challenge(&verifier).as_str()),
            ("code_challenge_method", "S256"),
            ("login_hint", user),
        ]);
        Ok(Self { listener, redirect, state, verifier, page })
    }

    /// Waits for the browser, or for an address that the person pastes; `on_unrelated` is told of other lines.
    pub(crate) async fn wait(
        &self,
        client: &Client,
        pasted: &mut Receiver<String>,
        on_unrelated: impl Fn(),
    ) -> Result<Issued, TokenError> {
        let returned = tokio::time::timeout(LIMIT, self.returned(pasted, on_unrelated)).await;
        let again = format!("run `letterpress login {}` again", client.name);
        match returned {
            Err(_) => Err(TokenError::lasting("nobody approved the log-in in time", again)),
            Ok(Returned::Declined(code)) => {
                Err(TokenError::lasting(format!("the log-in was not approved: {code}"), again))
            }
            Ok(Returned::Unrelated) => Err(TokenError::passing("nothing came back", again)),
            Ok(Returned::Code(code)) => {
                let grant = [
                    ("grant_type", "authorization_code"),
                    ("code", code.as_str()),
                    ("redirect_uri", self.redirect.as_str()),
                    ("code_verifier", self.verifier.as_str()),
                ];
                let endpoint = &client.provider.token_endpoint;
                client.tokens(&grant).await.map_err(|error| client.explain(endpoint, &error))
            }
        }
    }

    async fn returned(&self, pasted: &mut Receiver<String>, on_unrelated: impl Fn()) -> Returned {
        loop {
            let returned = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => tokio::time::timeout(REQUEST, self.serve(stream)).await.ok().flatten(),
                    Err(_) => None,
                },
                // Without an input there is only the browser.
                Some(line) = pasted.recv() => {
                    let returned = self.read(line.trim());
                    if returned == Returned::Unrelated && !line.trim().is_empty() {
                        on_unrelated();
                    }
                    Some(returned)
                }
            };
            match returned {
                Some(Returned::Unrelated) | None => {}
                Some(returned) => return returned,
            }
        }
    }

    /// Reads the request of a browser, and says that the person can return to the terminal.
    async fn serve(&self, mut stream: TcpStream) -> Option<Returned> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && request.len() < MOST_BYTES {
            if stream.read_buf(&mut request).await.ok()? == 0 {
                break;
            }
        }
        let request = String::from_utf8_lossy(&request);
        let target = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let returned = self.read(&format!("{}{target}", self.redirect));
        let (status, text) = match &returned {
            Returned::Code(_) => ("200 OK", "Approved. You can close this window."),
            Returned::Declined(_) => ("200 OK", "Not approved. You can close this window."),
            Returned::Unrelated => {
                ("404 Not Found", "This address belongs to no log-in that is in progress.")
            }
        };
        let response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             Connection: close\r\n\r\n{text}",
            text.len()
        );
        // The browser may be gone; the code is there.
        let _ = stream.write_all(response.as_bytes()).await;
        let _ = stream.shutdown().await;
        Some(returned)
    }

    /// Reads the address to which the browser was sent. Only the answer to this log-in has its state (RFC 6749, 10.12).
    fn read(&self, address: &str) -> Returned {
        let Ok(url) = Url::parse(address) else { return Returned::Unrelated };
        let field =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if field("state").as_deref() != Some(&self.state) {
            return Returned::Unrelated;
        }
        match (field("code"), field("error")) {
            (_, Some(error)) => Returned::Declined(clipped(&error)),
            (Some(code), None) => Returned::Code(code),
            (None, None) => Returned::Unrelated,
        }
    }
}

/// The challenge for a verifier (RFC 7636, 4.2).
fn challenge(verifier: &str) -> String {
    BASE64URL.encode(digest(&SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
