//! Logins with a token: why there is none, why a server refused one, and when a password should become one.

use super::{Diagnosis, Settings};
use crate::config::LoginSource;
use crate::oauth::TokenError;
use crate::oauth::mechanism::wanted_scope;

/// There is no token to log in with.
pub(super) fn none(error: &TokenError, settings: &Settings<'_>) -> Diagnosis {
    let key = settings.login.map_or("user", |source| source.key());
    let explain = if error.is_lasting { Settings::wrong } else { Settings::later };
    explain(settings, "login-token", key, error.what.as_str(), error.help.as_str())
}

/// The server refused the token, and another one after it.
pub(super) fn refused(reply: &str, source: LoginSource<'_>, settings: &Settings<'_>) -> Diagnosis {
    let user = settings.user.unwrap_or_default();
    let title = format!("{} rejected the token of {user:?}: {reply}", settings.server());
    let key = source.key();
    if is_switched_off(reply) {
        let hint = "tokens are accepted only if SMTP AUTH is allowed for this mailbox; its administrator can allow it (\"Authenticated SMTP\")";
        return settings.wrong("login-switched-off", "user", title, hint);
    }
    let scope = wanted_scope(reply);
    let (rule, wants) = match &scope {
        Some(scope) => ("login-scope", format!("the server wants a token for the scope {scope:?}: ")),
        None => ("login-token-refused", String::new()),
    };
    let hint = match source {
        LoginSource::Oauth(name) => format!(
            "{wants}check that {user:?} is the account that approved the log-in, that scope in [oauth.{name}] is the one that the \
             provider documents for this server, and that the application has this permission; then run `letterpress login {name}` \
             again"
        ),
        _ => format!(
            "{wants}check that the program of {}.{key} prints an access token of {user:?}, for this server and not yet expired",
            settings.section
        ),
    };
    settings.wrong(rule, key, title, hint)
}

/// Whether a provider has disabled passwords, or the whole login, for the account.
pub(super) fn is_switched_off(reply: &str) -> bool {
    let reply = reply.to_ascii_lowercase();
    let phrases = [
        "smtpclientauthentication is disabled",
        "basic authentication is disabled",
        "basic authentication is not supported",
        "5.7.30 ",
        "5.7.57 ",
    ];
    phrases.iter().any(|phrase| reply.contains(phrase))
        || (reply.contains("5.7.139 ") && !reply.contains("credentials were incorrect"))
}

/// How to log in with a token instead of a password.
pub(super) fn advice(settings: &Settings<'_>) -> String {
    let name = if is_at(settings.host, &["office365.com", "outlook.com", "hotmail.com"]) {
        "microsoft"
    } else if is_google(settings.host) {
        "gmail"
    } else {
        "NAME"
    };
    let key = settings.login.map_or("the password", |source| source.key());
    format!(
        "log in with OAuth: write oauth = \"{name}\" instead of {key} in [{}], add [oauth.{name}], and run `letterpress login {name}`",
        settings.section
    )
}

/// Whether the server is one of Google, where a password needs to be an app password.
pub(super) fn is_google(host: &str) -> bool {
    is_at(host, &["gmail.com", "googlemail.com"])
}

fn is_at(host: &str, names: &[&str]) -> bool {
    let host = host.to_ascii_lowercase();
    names.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}
