//! A configuration without secrets and addresses: what remains of each value. Pure.
//!
//! What cannot be told from a secret is left out: texts under keys that name one, the arguments of programs, and of addresses
//! to notify everything but the host.

use toml::{Table, Value};
use url::Url;

use crate::logging::masked;

/// What is in the place of a secret.
const LEFT_OUT: &str = "(left out)";

/// Keys whose value is a file or the name of a variable, and no secret itself.
const REFERENCES: [&str; 2] = ["_file", "_env"];

/// The configuration, in the order of its keys.
pub(super) fn without_secrets(text: &str) -> Option<String> {
    let mut table: Table = text.parse().ok()?;
    for (section, value) in &mut table {
        clean(value, section, "");
    }
    toml::to_string_pretty(&table).ok()
}

fn clean(value: &mut Value, key: &str, section: &str) {
    match value {
        Value::Table(table) => {
            let section = if section.is_empty() { key } else { section };
            for (key, value) in table {
                clean(value, key, section);
            }
        }
        _ if is_secret(key, section) => *value = Value::String(LEFT_OUT.to_owned()),
        Value::Array(values) => values.iter_mut().for_each(|value| clean(value, key, section)),
        Value::String(text) => *text = shown(text, section),
        _ => {}
    }
}

fn is_secret(key: &str, section: &str) -> bool {
    let key = key.to_lowercase();
    if REFERENCES.iter().any(|end| key.ends_with(end)) {
        return false;
    }
    let names_one = ["pass", "secret", "pwd", "token", "command"].iter().any(|word| key.contains(word));
    names_one && key != "command_timeout" || (section, key.as_str()) == ("web", "report")
}

/// A text without addresses, and an address of the web without what may be secret in it.
fn shown(text: &str, section: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return masked(text) };
    if !url.has_host() {
        return masked(text);
    }
    url.set_query(None);
    url.set_fragment(None);
    if section == "notify" {
        // The whole path of such an address is its password.
        return format!("{}://{}/…", url.scheme(), url.host_str().unwrap_or_default());
    }
    masked(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_addresses_are_left_out_and_the_rest_stays() {
        let text = r#"
[site]
title = "느린 편지"
url = "https://letters.kr/"
[newsletter]
from = "김 <kim@letters.kr>"
[smtp]
host = "smtp.letters.kr"
user = "kim@letters.kr"
password_file = "smtp-password"
token_command = ["pass", "show", "mail"]
[archive]
feed = "https://kim:hunter2@old.example/feed?key=abc"
[web]
report = "5f0c2a7e91b34d68a0c1"
[notify]
heartbeat = "https://hc.example/ping/3fa85f64-5717"
ntfy = ["https://ntfy.example/secret-topic"]
[oauth.gmail]
client_secret_env = "GMAIL_SECRET"
[output]
command = ["deploy", "--key", "abc"]
command_timeout = "10m"
"#;
        let shown = without_secrets(text).unwrap();
        for secret in ["kim@", "hunter2", "abc", "5f0c", "3fa85f64", "secret-topic", "show"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        for kept in [
            "title = \"느린 편지\"",
            "from = \"김 <k…@letters.kr>\"",
            "password_file = \"smtp-password\"",
            "feed = \"https://old.example/feed\"",
            "heartbeat = \"https://hc.example/…\"",
            "client_secret_env = \"GMAIL_SECRET\"",
            "command_timeout = \"10m\"",
            "report = \"(left out)\"",
        ] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
    }

    #[test]
    fn what_is_no_toml_is_not_shown() {
        assert_eq!(without_secrets("password = hunter2"), None);
    }
}
