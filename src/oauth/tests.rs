//! How often a token is asked for, and what the file of tokens may look like. `tests/it/oauth.rs` has a provider.

use std::fs;

use camino::Utf8PathBuf;
use proptest::prelude::*;
use url::Url;

use super::endpoint::{Client, Issued};
use super::stored::{Login, Logins, TokenFile};
use super::*;
use crate::clock::FrozenClock;
use crate::config::{Grant, Provider};

/// A program that counts its runs and prints `token-1`, `token-2`, …
struct Counting {
    folder: tempfile::TempDir,
    clock: Arc<FrozenClock>,
    source: TokenSource,
}

impl Counting {
    /// With `changes`, each run prints another token.
    fn new(changes: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count").display().to_string();
        let number = if changes { "$(wc -c <\"$0\" | tr -d ' ')" } else { "1" };
        let script = format!("printf x >>\"$0\"; echo token-{number}");
        let command = ["/bin/sh", "-c", &script, &count].map(str::to_owned);
        let clock = Arc::new(FrozenClock::at(DateTime::UNIX_EPOCH, 7));
        let source = TokenSource::command(&command, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { folder, clock, source }
    }

    fn runs(&self) -> usize {
        fs::read(self.folder.path().join("count")).map_or(0, |bytes| bytes.len())
    }

    async fn token(&self) -> String {
        self.source.token().await.unwrap().expose().to_owned()
    }

    async fn renew(&self, refused: &str) -> Option<String> {
        let refused = Secret::new(refused, "test").unwrap();
        self.source.renew(&refused).await.unwrap().map(|token| token.expose().to_owned())
    }
}

#[tokio::test]
async fn connections_share_a_token_until_it_is_old() {
    let counting = Counting::new(true);
    let tokens = futures_util::future::join_all((0..8).map(|_| counting.token())).await;
    assert!(tokens.iter().all(|token| token == "token-1"), "{tokens:?}");
    assert_eq!(counting.runs(), 1);
    counting.clock.advance(KEPT - TimeDelta::seconds(1));
    assert_eq!(counting.token().await, "token-1");
    counting.clock.advance(TimeDelta::seconds(1));
    assert_eq!(counting.token().await, "token-2");
}

#[tokio::test]
async fn refused_connections_share_one_renewal_and_a_refused_new_token_is_not_renewed() {
    let counting = Counting::new(true);
    assert_eq!(counting.token().await, "token-1");
    let renewed = futures_util::future::join_all((0..8).map(|_| counting.renew("token-1"))).await;
    assert!(renewed.iter().all(|token| token.as_deref() == Some("token-2")), "{renewed:?}");
    assert_eq!(counting.renew("token-2").await, None);
    assert_eq!((counting.runs(), counting.token().await.as_str()), (2, "token-2"));
}

#[tokio::test]
async fn the_same_token_again_is_not_tried_again() {
    let counting = Counting::new(false);
    assert_eq!(counting.token().await, "token-1");
    assert_eq!((counting.renew("token-1").await, counting.runs()), (None, 2));
}

#[test]
fn nothing_that_holds_tokens_prints_them() {
    let counting = Counting::new(true);
    let printed =
        format!("{:?} {:?}", counting.source, Credential::from(Secret::new("hunter2", "test").unwrap()));
    assert!(printed.contains("TokenSource") && !printed.contains("hunter2"), "{printed}");
}

fn client() -> Client {
    let endpoint = Url::parse("https://provider.example/token").unwrap();
    let provider = Provider {
        grant: Grant::Device(endpoint.clone()),
        token_endpoint: endpoint,
        revocation_endpoint: None,
        scope: "smtp".to_owned(),
    };
    Client { name: "work".to_owned(), provider, id: "c".to_owned(), secret: None }
}

fn issued(refresh_token: Option<&str>, expires_in: Option<i64>) -> Issued {
    let refresh_token = refresh_token.map(str::to_owned);
    Issued { access_token: "access".to_owned(), refresh_token, expires_in, scope: None }
}

#[test]
fn a_log_in_without_a_refresh_token_is_none_and_no_lifetime_overflows() {
    let now = DateTime::UNIX_EPOCH;
    assert!(Login::begin(issued(None, Some(3_600)), &client(), now).is_none());
    for seconds in [i64::MAX, i64::MIN, 0, -1] {
        let login = Login::begin(issued(Some("r"), Some(seconds)), &client(), now).unwrap();
        assert!(login.expires_at.is_none_or(|at| at <= now), "{seconds}");
    }
}

#[test]
fn a_token_is_used_until_shortly_before_it_expires_and_a_short_one_for_half_its_life() {
    let begun = DateTime::UNIX_EPOCH;
    for (lifetime, used) in [(3_600, 3_300), (600, 300), (60, 30)] {
        let login = Login::begin(issued(Some("r"), Some(lifetime)), &client(), begun).unwrap();
        let usable = |seconds| login.usable(begun + TimeDelta::seconds(seconds), None).is_some();
        assert!(usable(used - 1) && !usable(used), "{lifetime}");
        let refused = Secret::new("access", "test").unwrap();
        assert!(login.usable(begun, Some(&refused)).is_none());
    }
}

#[tokio::test]
async fn the_file_keeps_each_account_and_a_damaged_one_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("letterpress.tokens")).unwrap();
    let file = TokenFile::new(path.clone());
    assert!(file.read().unwrap().get("work", "kim").is_none());
    let locked = file.lock().await.unwrap();
    let mut logins = Logins::default();
    for user in ["kim", "lee"] {
        logins.insert(
            "work",
            user,
            Login::begin(issued(Some("r"), None), &client(), DateTime::UNIX_EPOCH).unwrap(),
        );
    }
    locked.write(&logins).unwrap();
    drop(locked);
    let mut read = file.read().unwrap();
    assert_eq!(read.users("work").collect::<Vec<_>>(), ["kim", "lee"]);
    assert!(read.remove("work", "kim").is_some() && read.remove("work", "kim").is_none());
    fs::write(&path, "{").unwrap();
    let error = file.read().err().unwrap();
    assert!(error.what.contains("letterpress.tokens") && error.help.contains("login"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_another_process_keeps_is_not_waited_for_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("letterpress.tokens")).unwrap();
    let file = TokenFile::new(path);
    let held = file.lock().await.unwrap();
    let error = file.lock().await.err().unwrap();
    assert!(error.what.contains("another process") && !error.is_lasting, "{error}");
    drop(held);
    assert!(file.lock().await.is_ok());
}

proptest! {
    #[test]
    fn no_file_of_tokens_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("t")).unwrap();
        for content in [bytes.as_slice(), text.as_bytes()] {
            fs::write(&path, content).unwrap();
            let _ = TokenFile::new(path.clone()).read();
        }
    }

    #[test]
    fn only_visible_ascii_is_a_token(text in "\\PC{0,20}") {
        prop_assert_eq!(is_token(&text), !text.is_empty() && text.chars().all(|c| matches!(c, '!'..='~')));
    }
}
