//! Checks how `[smtp]` and `[inbox]` log in: with exactly one password or token, and with a complete `[oauth.NAME]`.

use url::Url;

use super::super::loopback::is_this_machine;
use super::super::nearest::nearest;
use super::super::oauth::LoginKeys;
use super::super::{Config, LoginSource, OauthClient, built_in_providers};

/// Reports a section with a user and no way to log in, with two, or with one and no user.
pub(super) fn check_login(
    section: &str,
    user: Option<&str>,
    keys: LoginKeys<'_>,
    wrong: &mut impl FnMut(&str, &str, &str),
) {
    let given: Vec<LoginSource<'_>> = keys.given().collect();
    match (user, given.as_slice()) {
        (Some(_), []) => wrong(
            &format!("{section}.user"),
            "it has no password",
            "add password_file or password_env; or oauth or token_command, to log in with OAuth",
        ),
        (None, [LoginSource::PasswordFile(_) | LoginSource::PasswordEnv(_), ..]) => {
            wrong(section, "there is a password but no user", "add user = \"…\"");
        }
        (None, [source, ..]) => {
            let message = format!("there is {} but no user", source.key());
            wrong(section, &message, "add user = \"…\": tokens belong to an account");
        }
        (_, [LoginSource::PasswordFile(_), LoginSource::PasswordEnv(_), ..]) => wrong(
            &format!("{section}.password_env"),
            "the password is given twice",
            "keep either password_file or password_env",
        ),
        (_, [first, second, ..]) => wrong(
            &format!("{section}.{}", second.key()),
            &format!("{} is set too, and there is one login", first.key()),
            &format!("keep either {} or {}", first.key(), second.key()),
        ),
        _ => {}
    }
    if user.is_some_and(|user| user.contains(|c: char| c.is_control())) {
        wrong(&format!("{section}.user"), "it contains a control character", "write it again by hand");
    }
    if keys.token_command.is_some_and(|command| command.first().is_none_or(String::is_empty)) {
        let hint = "write the program and its arguments, like [\"/usr/local/bin/my-token\", \"--print\"]";
        wrong(&format!("{section}.token_command"), "it names no program", hint);
    }
}

/// Reports a provider without a section, and sections that are incomplete or would send secrets in clear text.
pub(super) fn check_oauth(config: &Config, wrong: &mut impl FnMut(&str, &str, &str)) {
    let named = [
        ("smtp.oauth", config.smtp.as_ref().and_then(|smtp| smtp.oauth.as_deref())),
        ("inbox.oauth", config.inbox.as_ref().and_then(|inbox| inbox.oauth.as_deref())),
    ];
    for (key, name) in named.into_iter().filter_map(|(key, name)| Some((key, name?))) {
        if !config.oauth.contains_key(name) {
            let known = config.oauth.keys().map(String::as_str).chain(built_in_providers());
            if let Some((_, near)) = nearest(name, known).filter(|(_, near)| *near != name) {
                wrong(
                    key,
                    &format!("there is no section [oauth.{name}]"),
                    &format!("did you mean {near:?}?"),
                );
                continue;
            }
            let keys = if built_in_providers().any(|known| known == name) {
                "client_id = \"…\""
            } else {
                "client_id, device_endpoint, token_endpoint and scope; only \"gmail\" and \"microsoft\" have built-in ones"
            };
            let hint =
                format!("register an application at the provider, and write [oauth.{name}] with {keys}");
            wrong(key, &format!("there is no section [oauth.{name}]"), &hint);
        }
    }
    for (name, client) in &config.oauth {
        check_client(name, client, wrong);
    }
}

fn check_client(name: &str, client: &OauthClient, wrong: &mut impl FnMut(&str, &str, &str)) {
    let key = |key: &str| format!("oauth.{name}.{key}");
    if client.client_id.trim().is_empty() {
        wrong(&key("client_id"), "it is empty", "the provider shows it where you registered the application");
    }
    if client.client_secret_file.is_some() && client.client_secret_env.is_some() {
        let hint = "keep either client_secret_file or client_secret_env";
        wrong(&key("client_secret_env"), "the secret is given twice", hint);
    }
    if let Err(missing) = client.provider(name) {
        let known: Vec<String> = built_in_providers().map(|name| format!("[oauth.{name}]")).collect();
        let hint = format!("the provider documents it; only {} have built-in values", known.join(" and "));
        wrong(&key(missing), "it is missing", &hint);
    }
    for (endpoint, _) in client.endpoints().filter(|(_, url)| !is_protected(url)) {
        let hint = "write the https:// address that the provider documents";
        wrong(&key(endpoint), "without https, the tokens can be intercepted", hint);
    }
}

/// Whether nobody on the way can read what is sent to `url`.
fn is_protected(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_this_machine))
}
