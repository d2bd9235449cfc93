//! Logs in with OAuth: from `letterpress login` to an issue that is sent, and every way in which a token fails. Whatever
//! fails, nobody gets an email, and nothing changes in the ledger.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::account::{rows, settle};
use super::support::{At, Do, Ended, Provider, Script, Server, Site, reply_line};

const USER: &str = "kim@letters.example";
const REFRESH: &str = "refresh_token";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

struct World {
    provider: Provider,
    relay: Server,
    site: Site,
}

impl World {
    /// A relay that wants a token of the provider, and a site that has not logged in.
    fn new(mechanisms: &str, grant: &str) -> Self {
        let provider = Provider::start();
        let relay = Server::start(Script::polite().pipelining(true).oauth(mechanisms, USER, &provider));
        let login = format!("user = \"{USER}\"\noauth = \"test\"\n{}", provider.section(grant));
        let site = Site::with(relay.port(), 5, 2, &login);
        Self { provider, relay, site }
    }

    /// The same after a log-in that issued `access-1` and `refresh-1`.
    fn logged_in() -> Self {
        let world = Self::new("XOAUTH2", "device");
        let ended = world.site.run(&["login"]);
        assert_eq!(ended.code, 0, "{}", ended.output);
        world
    }

    /// Lets the stored access token expire.
    fn expire(&self) {
        let path = self.site.path("letterpress.tokens");
        let mut tokens: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        tokens["test"][USER]["refresh_at"] = json!("2026-11-20T10:00:00Z");
        std::fs::write(path, tokens.to_string()).unwrap();
    }

    fn publish(&self) -> Ended {
        let ended = self.site.run(&["publish"]);
        assert!(!ended.output.contains("access-") && !ended.output.contains("refresh-"), "{}", ended.output);
        ended
    }

    /// Publishes; the run fails with `code` and these words, and nobody is touched.
    fn fails(&self, code: i32, words: &[&str]) {
        let ended = self.publish();
        assert_eq!(ended.code, code, "{}", ended.output);
        for word in words {
            assert!(ended.output.contains(word), "{word:?} is not in: {}", ended.output);
        }
        assert_eq!(self.relay.accepted(), Vec::<String>::new());
        assert!(!self.relay.verbs().iter().any(|verb| verb == "MAIL" || verb == "RCPT"));
        assert!(
            rows(&self.site).values().all(|state| *state == letterpress::internals::ledger::State::Pending)
        );
    }

    /// Publishes; everybody gets the issue once.
    fn sends(&self) {
        let ended = self.publish();
        assert_eq!(ended.code, 0, "{}", ended.output);
        let account = settle(&self.site, &[&self.relay], 5);
        assert_eq!((account.sent, account.broken), (5, Vec::new()));
    }
}

#[test]
fn from_the_device_log_in_to_a_sent_issue() {
    for (mechanisms, used) in
        [("PLAIN XOAUTH2", "AUTH XOAUTH2 "), ("XOAUTH2 OAUTHBEARER", "AUTH OAUTHBEARER ")]
    {
        let world = World::new(mechanisms, "device");
        world.provider.state().errors = vec!["authorization_pending"];
        let ended = world.site.run(&["login", "test"]);
        assert_eq!(ended.code, 0, "{}", ended.output);
        for words in ["https://provider.example/device", "WDJB-MJHT", USER, "readable only by this user"] {
            assert!(ended.output.contains(words), "{words}: {}", ended.output);
        }
        assert!(
            !ended.output.contains("access-1") && !ended.output.contains("refresh-1"),
            "{}",
            ended.output
        );
        assert_eq!(world.provider.grants(DEVICE), 2);
        let mode = std::fs::metadata(world.site.path("letterpress.tokens")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        world.sends();
        assert!(world.relay.log().commands.iter().any(|(_, line)| line.starts_with(used)));
        assert_eq!(world.provider.grants(REFRESH), 0);
    }
}

#[test]
fn the_events_of_a_log_in_are_json_objects() {
    let world = World::new("XOAUTH2", "device");
    world.provider.state().granted = Some("smtp");
    let ended = world.site.run(&["login", "--json"]);
    let events: Vec<Value> =
        ended.output.lines().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "verification");
    assert_eq!(events[0]["user_code"], "WDJB-MJHT");
    assert_eq!((&events[1]["event"], &events[1]["user"]), (&json!("logged_in"), &json!(USER)));
    assert_eq!(events[1]["expires_at"], "2026-11-20T11:00:00Z");
    assert!(ended.output.contains("warning: imap was not granted"), "{}", ended.output);
    let status = world.site.run(&["login", "--status", "--json"]);
    let status: Value = serde_json::from_str(&status.output).unwrap();
    assert_eq!((&status["logged_in"], &status["scope"]), (&json!(true), &json!("smtp")));
}

#[test]
fn a_log_in_that_is_declined_or_never_approved_changes_nothing() {
    for (error, words) in [
        ("access_denied", "access_denied"),
        ("expired_token", "expired before"),
        ("invalid_client", "check client_id"),
    ] {
        let world = World::new("XOAUTH2", "device");
        world.provider.state().errors = vec![error];
        let ended = world.site.run(&["login"]);
        assert_eq!(ended.code, 1, "{}", ended.output);
        assert!(ended.output.contains(words) && !ended.output.contains("Trace"), "{}", ended.output);
        assert!(!world.site.path("letterpress.tokens").exists());
        world.fails(1, &["has not logged in with [oauth.test]", "letterpress login test"]);
    }
}

/// Runs `login` with the browser and returns its output after `approve` was given the page.
fn browser_login(world: &World, approve: impl FnOnce(&str, &mut dyn std::io::Write)) -> (bool, String) {
    let mut command = world.site.command(Some("2026-11-20T10:00:00Z"), &["login"]);
    let mut login =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(login.stdout.take().unwrap());
    let mut stdin = login.stdin.take().unwrap();
    let mut line = String::new();
    while !line.starts_with("http") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0);
    }
    approve(line.trim(), &mut stdin);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    login.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    (login.wait().unwrap().success(), rest)
}

fn get(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).unwrap();
    let target = &url[url::Position::BeforePath..];
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_browser_on_this_machine_is_sent_back_and_only_with_the_right_state() {
    let world = World::new("XOAUTH2", "authorization");
    let (ok, rest) = browser_login(&world, |page, _| {
        let address = world.provider.approve(page);
        assert!(page.contains("login_hint=kim%40letters.example"), "{page}");
        let forged = address.rsplit_once('=').unwrap().0.to_owned() + "=forged";
        assert!(get(&forged).starts_with("HTTP/1.1 404"));
        assert!(get(&address).contains("You can close this window"));
    });
    assert!(ok && rest.contains("logged in"), "{rest}");
    assert_eq!(world.provider.grants("authorization_code"), 1);
    world.sends();
}

#[test]
fn an_address_from_a_browser_on_another_machine_is_pasted() {
    let world = World::new("XOAUTH2", "authorization");
    let (ok, rest) = browser_login(&world, |page, stdin| {
        let address = world.provider.approve(page);
        writeln!(stdin, "what?\n{address}").unwrap();
    });
    assert!(ok && rest.contains("not the address"), "{rest}");
    world.sends();
    let declined = World::new("XOAUTH2", "authorization");
    let (ok, rest) = browser_login(&declined, |page, stdin| {
        let address = declined.provider.approve(page).replace("code=code", "error=access_denied");
        writeln!(stdin, "{address}").unwrap();
    });
    assert!(!ok && rest.contains("not approved: access_denied"), "{rest}");
}

#[test]
fn an_access_token_that_expires_soon_is_refreshed_once_and_the_rotated_token_is_kept() {
    let world = World::logged_in();
    world.expire();
    world.provider.state().valid.clear();
    world.sends();
    assert_eq!(world.provider.grants(REFRESH), 1);
    let tokens = std::fs::read_to_string(world.site.path("letterpress.tokens")).unwrap();
    assert!(tokens.contains("refresh-2") && !tokens.contains("refresh-1"), "{tokens}");
    // The rotated token works for the next refresh.
    world.expire();
    assert_eq!(world.site.run(&["send", "--to", "me@letters.example"]).code, 0);
    assert_eq!(world.provider.grants(REFRESH), 2);
}

#[test]
fn a_token_that_the_relay_refuses_is_renewed_once_although_it_seems_valid() {
    let world = World::logged_in();
    world.provider.state().valid.clear();
    world.sends();
    assert_eq!(world.provider.grants(REFRESH), 1);
}

#[test]
fn a_token_that_is_revoked_in_mid_run_stops_the_run_and_the_next_one_continues() {
    let provider = Provider::start();
    // The rest takes much longer than this thread needs to revoke the token.
    let slow = Do::Each(vec![Do::Wait(Duration::from_millis(50)), reply_line("250 2.0.0 ok")]);
    let script = Script::polite().oauth("XOAUTH2", USER, &provider).most_messages(1).on(At::Dot, slow);
    let relay = Server::start(script);
    let login = format!("user = \"{USER}\"\noauth = \"test\"\n{}", provider.section("device"));
    let site = Site::with(relay.port(), 40, 1, &login);
    assert_eq!(site.run(&["login"]).code, 0);
    let mut run = site.start(&["publish"]);
    while relay.accepted().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
        assert!(run.try_wait().unwrap().is_none(), "the run ended early");
    }
    {
        let mut state = provider.state();
        state.valid.clear();
        "revoked".clone_into(&mut state.refresh_token);
    }
    let code = run.wait().unwrap().code();
    let sent = relay.accepted().len();
    assert!((1..40).contains(&sent), "{sent}");
    assert_eq!(code, Some(3));
    let counts = site.counts();
    assert_eq!((&counts["sent"], &counts["pending"]), (&json!(sent), &json!(40 - sent)), "{counts}");
    let ended = site.run_now(&["publish"]);
    assert!(ended.output.contains("run `letterpress login test` again"), "{}", ended.output);
    assert_eq!(site.run(&["login"]).code, 0);
    assert_eq!(site.run_now(&["publish"]).code, 0);
    let account = settle(&site, &[&relay], 40);
    assert_eq!((account.sent, account.broken), (40, Vec::new()));
}

#[test]
fn a_revoked_refresh_token_asks_for_a_new_log_in_and_touches_nobody() {
    let world = World::logged_in();
    world.expire();
    "revoked".clone_into(&mut world.provider.state().refresh_token);
    world.fails(
        1,
        &["config.toml:", "invalid_grant", "as the test wants", "run `letterpress login test` again"],
    );
    assert_eq!(world.provider.grants(REFRESH), 1);
}

#[test]
fn a_token_with_the_wrong_scope_is_explained_with_what_the_server_wants() {
    let world = World::logged_in();
    {
        let mut state = world.provider.state();
        state.valid.clear();
        state.issues_valid = false;
        state.refusal =
            json!({ "status": "400", "schemes": "bearer", "scope": "https://mail.provider.example/" });
    }
    let expected = [
        "rejected the token of \"kim@letters.example\": 535 5.7.8",
        "\"scope\":\"https://mail.provider.example/\"",
        "wants a token for the scope",
        "scope in [oauth.test]",
    ];
    world.fails(1, &expected);
    // One forced refresh, and not one for each connection.
    assert_eq!(world.provider.grants(REFRESH), 1);
}

#[test]
fn a_provider_that_does_not_answer_is_a_failure_of_the_network() {
    let world = World::logged_in();
    world.expire();
    world.provider.state().errors = vec!["503"];
    world.fails(2, &["cannot get a token from 127.0.0.1", "503", "the next run tries again"]);
    world.sends();
}

#[test]
fn two_processes_at_once_refresh_once() {
    let world = World::logged_in();
    world.provider.state().wait = Duration::from_millis(300);
    world.expire();
    world.provider.state().valid.clear();
    let test_copy = |world: &World| {
        let mut command =
            world.site.command(Some("2026-11-20T10:00:00Z"), &["send", "--to", "me@letters.example"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs = [test_copy(&world), test_copy(&world), test_copy(&world)];
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    assert_eq!(world.provider.grants(REFRESH), 1);
    assert_eq!(world.relay.accepted().len(), 3);
}

#[test]
fn a_log_out_removes_the_tokens_and_revokes_them() {
    let world = World::logged_in();
    let ended = world.site.run(&["logout"]);
    assert!(ended.code == 0 && ended.output.contains("has revoked"), "{}", ended.output);
    let (path, form) = world.provider.state().requests.last().cloned().unwrap();
    assert_eq!((path.as_str(), form["token"].as_str()), ("/revoke", "refresh-1"));
    assert!(!std::fs::read_to_string(world.site.path("letterpress.tokens")).unwrap().contains("refresh-1"));
    assert!(world.site.run(&["login", "--status"]).output.contains("is not logged in"));
    world.fails(1, &["has not logged in"]);
}

#[test]
fn no_token_is_in_a_trace_or_a_log() {
    let world = World::logged_in();
    world.provider.state().valid.clear();
    let ended = world.site.run(&["-vvv", "publish", "--smtp-trace", "trace"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    let trace = std::fs::read_to_string(world.site.path("trace")).unwrap();
    assert!(trace.contains("AUTH XOAUTH2 ***"), "{trace}");
    for text in [&trace, &ended.output] {
        // The Base64 of a response contains that of its last field.
        assert!(
            !text.contains("access-") && !text.contains("refresh-") && !text.contains("QmVhcmVy"),
            "{text}"
        );
    }
}

/// A site whose relay wants `access-0`, with a `token_command` that runs this script.
fn with_command(script: &str) -> World {
    let provider = Provider::start();
    provider.state().valid = vec!["access-0".to_owned()];
    let relay = Server::start(Script::polite().oauth("XOAUTH2", USER, &provider));
    let login = format!("user = \"{USER}\"\ntoken_command = [\"./token\", \"--print\"]\n");
    let site = Site::with(relay.port(), 5, 2, &login);
    site.write("token", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(site.path("token"), std::fs::Permissions::from_mode(0o700)).unwrap();
    World { provider, relay, site }
}

#[test]
fn a_token_command_is_asked_once_for_all_connections() {
    let world = with_command("echo x >>asked; [ \"$1\" = --print ] && echo access-0");
    world.sends();
    assert_eq!(std::fs::read_to_string(world.site.path("asked")).unwrap(), "x\n");
}

#[test]
fn a_token_command_is_asked_again_once_after_a_refusal() {
    let world =
        with_command("echo x >>asked; if [ -e old ]; then echo access-0; else echo stale; echo >old; fi");
    world.sends();
    assert_eq!(std::fs::read_to_string(world.site.path("asked")).unwrap(), "x\nx\n");
}

#[test]
fn a_token_command_that_prints_no_token_is_explained_and_touches_nobody() {
    for (script, words) in [
        ("echo no network >&2; exit 7", "exit status: 7): no network"),
        ("true", "printed nothing"),
        ("echo access-0; echo access-0", "more than one line"),
        ("echo access-9", "rejected the token"),
    ] {
        with_command(script).fails(1, &["config.toml:", words]);
    }
    let world = with_command("echo access-0");
    std::fs::remove_file(world.site.path("token")).unwrap();
    world.fails(1, &["cannot be started"]);
}

#[test]
fn a_server_that_takes_only_passwords_gets_no_token() {
    let world = World::new("PLAIN LOGIN", "device");
    assert_eq!(world.site.run(&["login"]).code, 0);
    world.fails(1, &["offers no login with a token, only PLAIN, LOGIN"]);
    assert!(!world.relay.verbs().iter().any(|verb| verb == "AUTH"));
}

#[test]
fn a_password_that_microsoft_no_longer_takes_is_explained_with_the_log_in() {
    for reply in [
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X.PROD.OUTLOOK.COM]",
        "550 5.7.30 Basic authentication is not supported for Client Submission",
    ] {
        let script = Script::polite().auth("PLAIN", USER, "right");
        let relay = Server::start(script.on(super::support::At::Auth, super::support::reply_line(reply)));
        let login = format!("user = \"{USER}\"\npassword_file = \"password\"\n");
        let site = Site::unopened(relay.port(), 5, 1);
        site.write("password", "wrong");
        let config = std::fs::read_to_string(site.path("config.toml")).unwrap();
        site.write("config.toml", &format!("{config}{login}"));
        assert_eq!(site.run(&["subscribers", "import", "readers.csv", "--confirmed"]).code, 0);
        let ended = site.run(&["publish"]);
        assert_eq!(ended.code, 1, "{}", ended.output);
        for words in ["Microsoft 365", "run `letterpress login NAME`", "instead of password_file"] {
            assert!(ended.output.contains(words), "{words}: {}", ended.output);
        }
        assert_eq!(site.counts(), json!({ "pending": 5 }));
    }
}
