//! Explains values of the wrong type: what was found, what is needed, and the corrected line.

use toml::Value;

use super::aliases::{suggested_language, suggested_timezone};
use super::nearest::nearest;
use super::suggestion::example;
use super::toml_mistakes::literal;

/// The place of the wrong value: `section.key`, or inside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyPath<'s> {
    pub(super) section: &'s str,
    pub(super) key: &'s str,
    /// Whether it is an item of a list or in a table, and not the whole value of the key.
    pub(super) is_inside: bool,
}

/// The message and hint for the value at `spot`. `error` is the message of serde, or one of ours.
pub(super) fn explain(spot: KeyPath<'_>, found: Option<&Value>, error: &str) -> (String, Option<String>) {
    let KeyPath { section, key, is_inside } = spot;
    let there = found.map_or("it", kind);
    if section.is_empty() {
        let hint = format!("write [{key}] on a line of its own, and its keys below it");
        return (format!("this is {there}, but a section is needed"), Some(hint));
    }
    let shown = example(section, key);
    let hint = |value: Option<String>| {
        let value = value.filter(|_| !is_inside);
        value
            .map(|value| format!("write {key} = {value}"))
            .or_else(|| shown.map(|value| format!("write it like {key} = {value}")))
    };
    if let Some((unknown, known)) = variant(error) {
        return unknown_variant(spot, &unknown, &known);
    }
    if key == "tls" && !is_inside {
        return (format!("this is {there}, but a word is needed"), Some(tls(section)));
    }
    let Some((_, wanted)) = error.split_once(", expected ") else {
        return ours(section, key, found, error, shown);
    };
    let text = found.and_then(Value::as_str);
    let (needed, corrected) = match wanted.trim_matches('`') {
        "a boolean" => ("true or false", found.and_then(yes_or_no)),
        "a sequence" | "a tuple" if key == "command" => ("a list", text.map(as_command)),
        "a sequence" | "a tuple" => ("a list", found.and_then(as_list)),
        "u16" => ("a whole number from 0 to 65535", digits(found)),
        "u32" | "u64" | "usize" => ("a whole number", digits(found)),
        "i64" | "f64" => ("a number", digits(found)),
        "a string" | "string" => ("text in quotes", found.and_then(|found| as_text(key, found))),
        wanted if wanted.starts_with("struct ") || wanted.contains("map") || wanted.contains("table") => {
            ("a table in { }", text.and_then(|text| as_table(key, text)))
        }
        _ => return (refused(found), hint(None)),
    };
    // If only the size of a number is wrong, show the number.
    let message = match found {
        Some(Value::Integer(number)) if needed.contains("number") => format!("{number} is not {needed}"),
        _ => format!("this is {there}, but {needed} is needed"),
    };
    (message, hint(corrected))
}

/// The two kinds of encryption with their ports.
fn tls(section: &str) -> String {
    let (whole, begun) = if section == "smtp" { (465, 587) } else { (993, 143) };
    format!("write tls = \"implicit\" for port {whole}, or tls = \"starttls\" for port {begun}")
}

/// Our own messages already contain a hint; a known spelling or a more exact example replaces it.
fn ours(
    section: &str,
    key: &str,
    found: Option<&Value>,
    error: &str,
    shown: Option<&str>,
) -> (String, Option<String>) {
    let text = found.and_then(Value::as_str);
    let meant = match (section, key) {
        ("site" | "archive", "language") => text.and_then(suggested_language),
        ("site", "timezone") => text.and_then(suggested_timezone).map(str::to_owned),
        _ => None,
    };
    if let (Some(text), Some(meant)) = (text, meant) {
        let kind = if key == "language" { "language tag" } else { "time zone" };
        return (format!("{text:?} is not a {kind}"), Some(format!("write {key} = \"{meant}\"")));
    }
    let is_address = shown.is_some_and(|shown| shown.starts_with("\"http") || shown.starts_with("[\"http"));
    let whole =
        text.filter(|_| is_address).and_then(whole_address).map(|whole| format!("write {key} = \"{whole}\""));
    if is_address && (whole.is_some() || !error.contains("write")) {
        let like = || shown.map(|shown| format!("write it like {key} = {shown}"));
        return (refused_as(text, "a complete web address"), whole.or_else(like));
    }
    if section == "web" && error.contains("socket address") {
        let port = text.map(|text| text.trim_start_matches("localhost").trim_start_matches(':'));
        let port = port.filter(|port| port.parse::<u16>().is_ok()).unwrap_or("8080");
        return (
            refused_as(text, "an address with its port"),
            Some(format!("write {key} = \"127.0.0.1:{port}\"")),
        );
    }
    if ["invalid", "expected"].iter().any(|jargon| error.contains(jargon)) {
        return (refused(found), shown.map(|shown| format!("write it like {key} = {shown}")));
    }
    let hint = (!error.contains("write")).then_some(shown).flatten();
    (error.to_owned(), hint.map(|shown| format!("write it like {key} = {shown}")))
}

/// Adds the scheme to `letters.kr/icon.png`; a bare file name is not an address.
fn whole_address(text: &str) -> Option<String> {
    const FILES: [&str; 8] = ["png", "jpg", "jpeg", "svg", "ico", "webp", "gif", "html"];
    let (host, _) = text.split_once('/').unwrap_or((text, ""));
    let ends_as_file = host.rsplit('.').next().is_some_and(|end| FILES.contains(&end));
    let is_host = host.contains('.') && !host.contains([':', '@']) && !host.contains(char::is_whitespace);
    (is_host && !ends_as_file && !host.starts_with('.')).then(|| format!("https://{text}"))
}

fn refused(found: Option<&Value>) -> String {
    match found {
        Some(Value::String(text)) => format!("{text:?} is not valid here"),
        Some(found) => format!("{} is not valid here", kind(found)),
        None => "this value is not valid here".to_owned(),
    }
}

fn refused_as(text: Option<&str>, what: &str) -> String {
    text.map_or_else(|| format!("it is not {what}"), |text| format!("{text:?} is not {what}"))
}

/// An unknown word and the valid words, from the message of serde.
fn variant(error: &str) -> Option<(String, Vec<String>)> {
    let rest = error.strip_prefix("unknown variant ")?;
    let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.collect()))
}

/// Words from other programs for ours.
const VARIANTS: [(&str, &str, &str); 14] = [
    ("tls", "ssl", "implicit"),
    ("tls", "smtps", "implicit"),
    ("tls", "imaps", "implicit"),
    ("tls", "ssl/tls", "implicit"),
    ("tls", "true", "implicit"),
    ("tls", "false", "none"),
    ("tls", "off", "none"),
    ("tls", "plain", "none"),
    ("content", "excerpt", "summary"),
    ("first_run", "all", "newest"),
    ("first_run", "latest", "newest"),
    ("first_run", "none", "nothing"),
    ("formats", "jsonfeed", "json"),
    ("formats", "rss2", "rss"),
];

fn unknown_variant(spot: KeyPath<'_>, unknown: &str, known: &[String]) -> (String, Option<String>) {
    let KeyPath { section, key, is_inside } = spot;
    let words: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
    let choice = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.join(""),
    };
    let message = format!("{unknown:?} is not one of {choice}");
    let word = unknown.to_lowercase();
    if key == "tls" && ["tls", "yes", "on"].contains(&word.as_str()) {
        return (message, Some(tls(section)));
    }
    let by_word = VARIANTS.iter().find(|(name, from, _)| *name == key && *from == word).map(|(.., to)| *to);
    let meant = by_word.or_else(|| nearest(unknown, known.iter().map(String::as_str)).map(|(_, near)| near));
    let hint = meant.map_or_else(
        || format!("write one of {choice}"),
        |meant| if is_inside { format!("write \"{meant}\"") } else { format!("write {key} = \"{meant}\"") },
    );
    (message, Some(hint))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn yes_or_no(found: &Value) -> Option<String> {
    let word = match found {
        Value::String(text) => text.trim().to_lowercase(),
        found => found.to_string(),
    };
    match word.as_str() {
        "true" | "yes" | "on" | "1" | "y" => Some("true".to_owned()),
        "false" | "no" | "off" | "0" | "n" => Some("false".to_owned()),
        _ => None,
    }
}

fn digits(found: Option<&Value>) -> Option<String> {
    let text = found?.as_str()?.trim().replace([',', '_'], "");
    text.parse::<u32>().ok().map(|number| number.to_string())
}

/// A program and its arguments, separated by spaces.
fn as_command(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    // A bare name is looked up in PATH, and a script is beside the configuration.
    let is_script = words.first().is_some_and(|first| {
        !first.contains('/') && first.rsplit_once('.').is_some_and(|(_, end)| end == "sh")
    });
    let start = if is_script { "./" } else { "" };
    let quoted = words.iter().enumerate();
    let quoted = quoted.map(|(at, word)| literal(&format!("{}{word}", if at == 0 { start } else { "" })));
    format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
}

fn as_list(found: &Value) -> Option<String> {
    let text = found.as_str()?;
    let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(literal).collect();
    Some(format!("[{}]", items.join(", ")))
}

/// Quotes the value of a free-text key.
fn as_text(key: &str, found: &Value) -> Option<String> {
    const FREE: [&str; 9] =
        ["title", "name", "description", "rights", "user", "subject", "address", "selector", "folder"];
    match found {
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            FREE.contains(&key).then(|| format!("\"{found}\""))
        }
        Value::Array(items) => match items.as_slice() {
            [Value::String(one)] => Some(literal(one)),
            _ => None,
        },
        Value::String(_) | Value::Table(_) => None,
    }
}

/// `Kim <kim@example.com>` as an author.
fn as_table(key: &str, text: &str) -> Option<String> {
    if key != "author" {
        return None;
    }
    let (name, email) = match text.split_once('<') {
        Some((name, rest)) => (name.trim(), rest.split_once('>').map(|(address, _)| address.trim())),
        None => (text.trim(), None),
    };
    let email = email.map_or_else(String::new, |email| format!(", email = {}", literal(email)));
    Some(format!("{{ name = {}{email} }}", literal(name)))
}
