//! Checks that types cannot express: ranges, keys that depend on each other, and values that conflict.

mod login;
mod output;

use std::collections::BTreeSet;

use super::aliases::suggested_language;
use super::loopback::is_this_machine;
use super::series::is_series_name;
use super::source::Source;
use super::{Config, Tls};
use crate::finding::Finding;
use login::{check_login, check_oauth};
use output::check_output;

/// Checks the values of `config`; `settled` are keys that were already reported.
pub(super) fn check(config: &Config, source: &Source<'_>, settled: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wrong = |key: &str, message: &str, hint: &str| {
        // A corrected value is not reported again.
        if !settled.contains(key) {
            findings.push(source.error(key, message).hint(hint));
        }
    };
    if config.feeds.formats.is_empty() {
        wrong("feeds.formats", "no format is given", "write one or more of \"rss\", \"atom\", \"json\"");
    }
    if config.feeds.entries > 100_000 {
        wrong("feeds.entries", "more than 100,000 entries", "write 0 for all");
    }
    if config.archive.language.as_ref().is_some_and(|language| !super::is_language_tag(language)) {
        wrong("archive.language", "it is not a language tag", "write \"ko\", \"ja\" or \"en-GB\"");
    }
    check_languages(config, &mut wrong);
    check_store(&config.store, &mut wrong);
    if config.newsletter.bounces.as_ref().is_some_and(|bounces| bounces.local_part().len() > 24) {
        wrong(
            "newsletter.bounces",
            "its local part is longer than 24 characters, which leaves no room for a token",
            "use a shorter one, such as \"bounces@…\"",
        );
    }
    for name in config.newsletter.series.keys().filter(|name| !is_series_name(name) || *name == "welcome") {
        let message = format!("{name:?} cannot be the name of a series");
        wrong(
            "newsletter.series",
            &message,
            "use letters, digits, - and _; newsletter.welcome is a series of its own",
        );
    }
    if let Some(smtp) = &config.smtp {
        check_smtp(smtp, &mut wrong);
    }
    if let Some(inbox) = &config.inbox {
        check_inbox(inbox, &mut wrong);
    }
    check_oauth(config, &mut wrong);
    check_dkim(config, &mut wrong);
    if let Some(notify) = &config.notify {
        check_notify(notify, &mut wrong);
    }
    check_web(&config.web, &mut wrong);
    check_output(&config.output, &mut wrong);
    if !settled.contains("newsletter.from") {
        findings.extend(missing_sender(config, source));
    }
    findings
}

/// Reports tags in the right form that are not the tag of a language.
fn check_languages(config: &Config, wrong: &mut impl FnMut(&str, &str, &str)) {
    let own = config.archive.language.as_deref();
    for (key, tag) in [("site.language", Some(config.site.language.as_str())), ("archive.language", own)] {
        let Some((tag, meant)) = tag.and_then(|tag| Some((tag, suggested_language(tag)?))) else { continue };
        // File names may use other codes, such as `index.cn.md`.
        if key == "archive.language" && tag.len() == 2 {
            continue;
        }
        wrong(key, &format!("{tag:?} is not a language tag"), &format!("write language = \"{meant}\""));
    }
}

/// Reports a missing sender if the configuration has a relay or newsletter keys.
fn missing_sender(config: &Config, source: &Source<'_>) -> Option<Finding> {
    let newsletter = &config.newsletter;
    // Keys about timing do not count: they may be prepared for later.
    let keys = ["list", "reply_to", "bounces", "unsubscribe", "subject"];
    let is_wanted = config.smtp.is_some() || keys.iter().any(|key| source.has(&format!("newsletter.{key}")));
    if !newsletter.enabled || newsletter.from.is_some() || !is_wanted {
        return None;
    }
    let hint = "add a line like from = \"Kim <kim@my-site.net>\" below [newsletter], or enabled = false to send nothing";
    let mut finding =
        source.error("newsletter.from", "it is missing, and an email needs a sender").hint(hint);
    finding.line = finding.line.or_else(|| source.line_of("smtp"));
    Some(finding)
}

fn check_store(store: &super::Store, wrong: &mut impl FnMut(&str, &str, &str)) {
    let has_password = store.password_file.is_some() || store.password_env.is_some();
    if store.password_file.is_some() && store.password_env.is_some() {
        wrong(
            "store.password_env",
            "the password is given twice",
            "keep either password_file or password_env",
        );
    }
    match super::PostgresUrl::read(&store.url) {
        Some(Err((what, hint))) => wrong("store.url", &what, hint),
        Some(Ok(_)) if cfg!(not(feature = "postgres")) => wrong(
            "store.url",
            "this program was built without PostgreSQL",
            "install one that was built with the feature `postgres`, or use an SQLite file",
        ),
        Some(Ok(url)) if has_password && url.betrays_a_password() => wrong(
            "store.url",
            "with this sslmode, the password and the subscribers' data can be intercepted",
            "write sslmode=verify-full, or remove it",
        ),
        None if store.sqlite_path().is_none_or(|path| path.as_str().is_empty()) => wrong(
            "store.url",
            "it names neither an SQLite file nor a PostgreSQL database",
            "write it like \"sqlite:letterpress.db\" or \"postgres://user@db.example.com/letterpress\"",
        ),
        None if has_password => {
            wrong("store", "there is a password, but an SQLite file has none", "remove the line");
        }
        Some(Ok(_)) | None => {}
    }
}

fn check_notify(notify: &super::Notify, wrong: &mut impl FnMut(&str, &str, &str)) {
    if notify.to.is_none() && notify.url.is_none() {
        wrong(
            "notify",
            "it has no recipient",
            "write to = \"you@example.com\" or url = \"https://…\" below it",
        );
    }
    if notify.url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
        wrong("notify.url", "it is not a web address", "write it like \"https://hc-ping.com/…\"");
    }
}

fn check_web(web: &super::Web, wrong: &mut impl FnMut(&str, &str, &str)) {
    let limits = [
        ("web.limits.per_hour", web.limits.per_hour),
        ("web.limits.per_network_per_hour", web.limits.per_network_per_hour),
        ("web.limits.per_domain_per_hour", web.limits.per_domain_per_hour),
    ];
    for (key, _) in limits.into_iter().filter(|(_, number)| !(1..=FASTEST).contains(number)) {
        wrong(key, "it is not between 1 and 1000000", "write web.sign_up = false to disable the form");
    }
    if web.metrics.is_some_and(|metrics| metrics.port() != 0 && metrics == web.listen) {
        wrong(
            "web.metrics",
            "it is the address of the pages",
            "use another port, such as \"127.0.0.1:9090\"",
        );
    }
}

fn check_dkim(config: &Config, wrong: &mut impl FnMut(&str, &str, &str)) {
    let from = config.newsletter.from.as_ref().map(|from| from.address.domain());
    for (number, dkim) in config.dkim.iter().enumerate() {
        let key = |name: &str| format!("dkim[{number}].{name}");
        if !dkim.has_valid_selector() {
            let hint = "write letters, digits and hyphens, such as \"letters\"";
            wrong(&key("selector"), "it is not valid in a DNS name", hint);
        }
        let domain = dkim.signing_domain(from);
        if dkim.domain.is_some() && domain.is_none() {
            wrong(&key("domain"), "it is not a domain", "write only the name, such as \"example.com\"");
        }
        let is_same =
            |other: &&super::Dkim| other.selector == dkim.selector && other.signing_domain(from) == domain;
        if config.dkim[..number].iter().any(|other| is_same(&other)) {
            let hint = "give each key a different selector: each selector has one DNS record";
            wrong(&key("selector"), "two keys have the same selector", hint);
        }
    }
}

fn check_smtp(smtp: &super::Smtp, wrong: &mut impl FnMut(&str, &str, &str)) {
    if smtp.host.is_empty() || smtp.host.contains(|c: char| c.is_whitespace() || "/@:".contains(c)) {
        wrong("smtp.host", "it is not a host name", "write only the name, such as \"smtp.example.com\"");
    }
    if smtp.tls == Tls::None && !is_this_machine(&smtp.host) {
        let hint = "write tls = \"implicit\" (port 465) or \"starttls\" (port 587)";
        wrong("smtp.tls", "without TLS, the emails and the password can be intercepted", hint);
    }
    check_port("smtp", smtp.port, smtp.tls, wrong);
    if !(1..=200).contains(&smtp.connections) {
        wrong("smtp.connections", "it is not between 1 and 200", "write 4, which suits most relays");
    }
    if smtp.messages_per_connection == 0 {
        wrong("smtp.messages_per_connection", "it is 0", "write 100, which suits most relays");
    }
    if smtp.retry.is_empty() || smtp.retry.iter().any(|wait| wait.duration().as_secs() == 0) {
        wrong(
            "smtp.retry",
            "it needs at least one wait, and none of them may be 0",
            "write it like [\"5m\", \"15m\", \"1h\"]",
        );
    }
    check_rates(smtp, wrong);
    let deadlines = [smtp.deadlines.connect, smtp.deadlines.command, smtp.deadlines.data, smtp.deadlines.dot];
    if deadlines.iter().any(|deadline| deadline.duration().as_secs() == 0) {
        wrong("smtp.deadlines", "a deadline is 0", "remove it: the defaults are those of RFC 5321");
    }
    check_login("smtp", smtp.user.as_deref(), smtp.login_keys(), wrong);
}

/// Reports a port whose usual encryption differs from `tls`: the connection would hang or be rejected.
fn check_port(section: &str, port: Option<u16>, tls: Tls, wrong: &mut impl FnMut(&str, &str, &str)) {
    let (Some(port), Tls::Implicit | Tls::Starttls) = (port, tls) else { return };
    let fits = match (section, port) {
        ("smtp", 465) | ("inbox", 993) => Tls::Implicit,
        ("smtp", 25 | 587 | 2525 | 2587) | ("inbox", 143) => Tls::Starttls,
        _ => return,
    };
    if fits == tls {
        return;
    }
    let (name, other, usual) = match (fits, section) {
        (Tls::Implicit, "smtp") => ("implicit", "starttls", 587),
        (Tls::Implicit, _) => ("implicit", "starttls", 143),
        (_, "smtp") => ("starttls", "implicit", 465),
        (..) => ("starttls", "implicit", 993),
    };
    let message = format!("port {port} is for tls = \"{name}\", but tls is \"{other}\"");
    let hint = format!("write tls = \"{name}\", or port = {usual} if your provider says so");
    wrong(&format!("{section}.port"), &message, &hint);
}

fn check_inbox(inbox: &super::Inbox, wrong: &mut impl FnMut(&str, &str, &str)) {
    if inbox.host.is_empty() || inbox.host.contains(|c: char| c.is_whitespace() || "/@:".contains(c)) {
        wrong("inbox.host", "it is not a host name", "write only the name, such as \"imap.example.com\"");
    }
    if inbox.tls == Tls::None && !is_this_machine(&inbox.host) {
        let hint = "write tls = \"implicit\" (port 993) or \"starttls\" (port 143)";
        wrong("inbox.tls", "without TLS, the emails and the password can be intercepted", hint);
    }
    check_port("inbox", inbox.port, inbox.tls, wrong);
    if inbox.timeout.duration().as_secs() == 0 {
        wrong("inbox.timeout", "it is 0", "write 60s, which suits most servers");
    }
    check_login("inbox", Some(&inbox.user), inbox.login_keys(), wrong);
}

/// The highest configurable rate per minute.
const FASTEST: u32 = 1_000_000;

fn check_rates(smtp: &super::Smtp, wrong: &mut impl FnMut(&str, &str, &str)) {
    let whole =
        [("smtp.per_minute", smtp.per_minute), ("smtp.per_domain_per_minute", smtp.per_domain_per_minute)];
    let domains =
        smtp.domains.iter().map(|(domain, number)| (format!("smtp.domains.{domain}"), Some(*number)));
    for (key, number) in whole.map(|(key, number)| (key.to_owned(), number)).into_iter().chain(domains) {
        if number.is_some_and(|number| !(1..=FASTEST).contains(&number)) {
            wrong(
                &key,
                "it is not between 1 and 1000000",
                "remove it for no limit; write newsletter.enabled = false to send nothing",
            );
        }
    }
    for domain in smtp.domains.keys() {
        if !domain.contains('.') || idna::domain_to_ascii_strict(domain).is_err() {
            wrong("smtp.domains", "one of its keys is not a domain", "write it like \"gmail.com\" = 300");
        }
    }
}
