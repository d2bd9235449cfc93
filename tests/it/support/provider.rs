//! A small authorization server on the loopback interface: device grant, code grant with PKCE, refresh and revocation. A mail
//! server asks it which tokens are valid.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

/// What the server knows and does.
#[derive(Debug)]
pub(crate) struct State {
    /// The access tokens that mail servers accept.
    pub(crate) valid: Vec<String>,
    /// The refresh token that is accepted; each use replaces it.
    pub(crate) refresh_token: String,
    /// The lifetime of access tokens, in seconds.
    pub(crate) expires_in: Value,
    /// What mail servers say about a token that they refuse.
    pub(crate) refusal: Value,
    /// The error for the next requests to `/token`, one each, for example `authorization_pending`.
    pub(crate) errors: Vec<&'static str>,
    /// How long it takes to issue a token.
    pub(crate) wait: Duration,
    /// Whether refreshed tokens are accepted by mail servers.
    pub(crate) issues_valid: bool,
    /// What is granted, if it is not what was asked for.
    pub(crate) granted: Option<&'static str>,
    /// The forms that came to each path.
    pub(crate) requests: Vec<(String, BTreeMap<String, String>)>,
    /// The challenge of the page that the browser opened.
    challenge: String,
    issued: usize,
}

/// The server; it runs until the process ends.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            valid: Vec::new(),
            refresh_token: "refresh-0".to_owned(),
            expires_in: json!(3600),
            refusal: json!({ "status": "invalid_token" }),
            errors: Vec::new(),
            wait: Duration::ZERO,
            issues_valid: true,
            granted: None,
            requests: Vec::new(),
            challenge: String::new(),
            issued: 0,
        };
        let provider = Self { port, state: Arc::new(Mutex::new(state)) };
        let shared = provider.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let provider = shared.clone();
                std::thread::spawn(move || drop(provider.serve(stream)));
            }
        });
        provider
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How many requests asked for a token with this grant.
    pub(crate) fn grants(&self, grant: &str) -> usize {
        let is_one =
            |form: &BTreeMap<String, String>| form.get("grant_type").is_some_and(|given| given == grant);
        self.state().requests.iter().filter(|(path, form)| path == "/token" && is_one(form)).count()
    }

    /// `None` if a mail server accepts the token, or what it says about it.
    pub(crate) fn refusal(&self, token: &str) -> Option<String> {
        let state = self.state();
        (!state.valid.iter().any(|valid| valid == token)).then(|| state.refusal.to_string())
    }

    /// The section `[oauth.test]`, with the endpoint by which a person approves.
    pub(crate) fn section(&self, grant: &str) -> String {
        let base = format!("http://127.0.0.1:{}", self.port);
        format!(
            "[oauth.test]\nclient_id = \"letterpress\"\n{grant}_endpoint = \"{base}/{grant}\"\n\
             token_endpoint = \"{base}/token\"\nrevocation_endpoint = \"{base}/revoke\"\nscope = \"smtp imap\"\n"
        )
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .and_then(|value| value.trim().parse().ok())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
        self.state().requests.push((path.clone(), form.clone()));
        let answer = match path.as_str() {
            "/device" => Ok(json!({
                "device_code": "device", "user_code": "WDJB-MJHT", "verification_uri": "https://provider.example/device",
                "expires_in": 900, "interval": 1,
            })),
            "/token" => self.token(&form),
            "/revoke" => {
                self.state().refresh_token = "revoked".to_owned();
                Ok(json!({}))
            }
            _ => Err("not_found"),
        };
        let (status, json) = match answer {
            Ok(json) => ("200 OK", json),
            Err("503") => ("503 Service Unavailable", Value::Null),
            Err(error) => (
                "400 Bad Request",
                json!({ "error": error, "error_description": "as the test wants\r\nTrace: 1" }),
            ),
        };
        let json = json.to_string();
        let length = json.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{json}"
        )
    }

    fn token(&self, form: &BTreeMap<String, String>) -> Result<Value, &'static str> {
        let wait = self.state().wait;
        std::thread::sleep(wait);
        let mut state = self.state();
        if !state.errors.is_empty() {
            return Err(state.errors.remove(0));
        }
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let is_right = match field("grant_type") {
            "refresh_token" => field("refresh_token") == state.refresh_token,
            "authorization_code" => {
                field("code") == "code"
                    && BASE64URL.encode(digest(&SHA256, field("code_verifier").as_bytes())) == state.challenge
            }
            grant => {
                grant == "urn:ietf:params:oauth:grant-type:device_code" && field("device_code") == "device"
            }
        };
        if !is_right || field("client_id") != "letterpress" {
            return Err("invalid_grant");
        }
        state.issued += 1;
        let access = format!("access-{}", state.issued);
        state.refresh_token = format!("refresh-{}", state.issued);
        if state.issues_valid {
            state.valid.push(access.clone());
        }
        let mut answer =
            json!({ "access_token": access, "token_type": "Bearer", "expires_in": state.expires_in });
        answer["refresh_token"] = json!(state.refresh_token);
        if let Some(granted) = state.granted {
            answer["scope"] = json!(granted);
        }
        Ok(answer)
    }

    /// Approves a log-in as a person does in a browser: opens the page and follows its redirect. Returns the address.
    pub(crate) fn approve(&self, page: &str) -> String {
        let page = url::Url::parse(page).unwrap();
        let query: HashMap<String, String> = page.query_pairs().into_owned().collect();
        assert_eq!(
            (query["response_type"].as_str(), query["code_challenge_method"].as_str()),
            ("code", "S256")
        );
        self.state().challenge.clone_from(&query["code_challenge"]);
        format!("{}/?code=code&state={}", query["redirect_uri"], query["state"])
    }
}
