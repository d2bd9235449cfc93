//! The `config.toml` of the answers: the template of `new` with their values, so that its comments stay.

use std::fmt::Write as _;

use super::answers::{Answers, Relay};
use super::providers::Login;
use crate::cli::site_files::TEMPLATE;

/// The name of the file with the password.
pub(super) const PASSWORD_FILE: &str = "smtp-password";

/// Where the template begins to speak of the mail server.
const RELAY: &str = "# With these lines, emails are sent";

/// The configuration; `password_file` is the file of the password, if the account has one.
pub(super) fn compose(answers: &Answers, zone: &str, password_file: &str) -> String {
    let (mut text, rest) = TEMPLATE.split_at(TEMPLATE.find(RELAY).unwrap_or(TEMPLATE.len()));
    let author = format!("{{ name = {} }}", quoted(&answers.title));
    let mut config = String::new();
    for (key, value) in [
        ("title", quoted(&answers.title)),
        ("url", quoted(&answers.url)),
        ("language", quoted(&answers.language)),
        ("timezone", quoted(zone)),
        ("author", author),
        ("from", quoted(&answers.from)),
        ("list", quoted(&answers.list)),
    ] {
        let start = format!("\n{key} = ");
        let Some(at) = text.find(&start) else { continue };
        let line = at + start.len();
        let end = text[line..].find('\n').map_or(text.len(), |end| line + end);
        let comment = text[line..end].split_once("  #").map(|(_, comment)| format!("  #{comment}"));
        let comment = comment.filter(|_| key != "timezone" && key != "language").unwrap_or_default();
        let _ = write!(config, "{}{start}{value}{comment}", &text[..at]);
        text = &text[end..];
    }
    config.push_str(text);
    match &answers.relay {
        Some(relay) => config.push_str(&section(relay, password_file)),
        None => config.push_str(rest),
    }
    config
}

fn section(Relay { provider, user }: &Relay, password_file: &str) -> String {
    let mut text = format!("[smtp]\nhost = {}\n", quoted(&provider.host));
    if let Some(port) = provider.port {
        let _ = writeln!(text, "port = {port}");
    }
    let _ = writeln!(text, "tls = {}", quoted(provider.tls));
    if let Some(user) = user {
        let _ = writeln!(text, "user = {}", quoted(user));
    }
    match provider.login {
        Login::Microsoft => text.push_str(
            "oauth = \"microsoft\"\n\n[oauth.microsoft]\nclient_id = \"\"                          \
             # of the application that you register: docs/sending.md\n",
        ),
        Login::Password(_) | Login::None if user.is_some() => {
            let _ = writeln!(text, "password_file = {}", quoted(password_file));
        }
        Login::Password(_) | Login::None => {}
    }
    if !provider.limits.is_empty() {
        let limits = text.find("\n\n[").map_or(text.len(), |end| end + 1);
        text.insert_str(limits, &format!("{}\n", provider.limits));
    }
    text
}

/// A text in one line as a string of TOML, always in double quotes.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}
