//! Reading `config.toml` over the documented defaults; every complaint names the line.

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::{Config, Tls};
use crate::finding::Finding;

/// Every key with its default, commented: what `letterpress check --defaults` prints.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there.
    #[error(
        "{0} does not exist\n    help: `letterpress new DIR` makes a site; or say where yours is with --config FILE"
    )]
    Missing(Utf8PathBuf),
    /// The file could not be read.
    #[error("cannot read {0}: {1}\n    help: --config takes the file itself, such as my-letters/config.toml")]
    Unreadable(Utf8PathBuf, std::io::Error),
    /// What it says is wrong; every finding is an error.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Finding>),
}

/// A variable of the environment. The only place that reads it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the configuration file at `path`.
pub fn load(path: &Utf8Path) -> Result<Config, ConfigError> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| {
            ConfigError::Wrong(vec![
                Finding::error("config", path.as_str(), "the file is not UTF-8").hint("save it as UTF-8"),
            ])
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConfigError::Missing(path.to_owned()));
        }
        Err(error) => return Err(ConfigError::Unreadable(path.to_owned(), error)),
    };
    let root = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    parse(text.trim_start_matches('\u{FEFF}'), path.as_str(), root)
}

/// Reads a configuration from `text`; `file` is its name in messages.
pub fn parse(text: &str, file: &str, root: &Utf8Path) -> Result<Config, ConfigError> {
    let source = Source { text, file };
    let own: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        source.wrong(Finding::error("config", file, error.message().to_owned()).at(line))
    })?;
    let mut table: Table = toml::from_str(DEFAULTS)
        .map_err(|error| source.wrong(Finding::error("config", "default.toml", error.to_string())))?;
    overlay(&mut table, own);
    let mut config: Config = serde_path_to_error::deserialize(Value::Table(table))
        .map_err(|error| source.wrong(source.explain(&error.path().to_string(), error.inner().message())))?;
    root.clone_into(&mut config.root);
    text.clone_into(&mut config.text);
    let findings = check(&config, &source);
    if findings.is_empty() { Ok(config) } else { Err(ConfigError::Wrong(findings)) }
}

/// Lays what the user wrote over the defaults, table by table; arrays are replaced whole.
fn overlay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// The text of a configuration file, to find lines in.
struct Source<'a> {
    text: &'a str,
    file: &'a str,
}

impl Source<'_> {
    fn wrong(&self, finding: Finding) -> ConfigError {
        debug_assert!(!self.file.is_empty());
        ConfigError::Wrong(vec![finding])
    }

    fn error(&self, key: &str, message: impl Into<String>) -> Finding {
        let finding = Finding::error("config", self.file, format!("`{key}`: {}", message.into()));
        match self.line_of(key) {
            Some(line) => finding.at(line),
            None => finding,
        }
    }

    /// Turns what serde says into what a person needs: the line, and the nearest known key for a typo.
    fn explain(&self, path: &str, message: &str) -> Finding {
        let mut quoted = message.split('`').skip(1).step_by(2);
        if message.starts_with("unknown field") {
            let unknown = quoted.next().unwrap_or_default();
            let key = match path.strip_suffix(unknown).map_or(path, |section| section.trim_end_matches('.')) {
                "" | "." => unknown.to_owned(),
                section => format!("{section}.{unknown}"),
            };
            let nearest = quoted
                .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
                .min()
                .filter(|(distance, known)| *distance <= 3 && *distance < known.len());
            let hint = nearest.map_or_else(
                || "`letterpress check --defaults` prints every key".to_owned(),
                |(_, known)| format!("did you mean `{known}`?"),
            );
            return self.error(&key, "there is no such key").hint(hint);
        }
        if message.starts_with("missing field") {
            let key = quoted.next().unwrap_or_default();
            let section = path.trim_matches('.');
            let at = self.line_of(section);
            let finding = Finding::error("config", self.file, format!("`{section}.{key}` is missing"))
                .hint(format!("add a line `{key} = …` below `[{section}]`"));
            return at.map_or(finding.clone(), |line| finding.at(line));
        }
        self.error(path.trim_matches('.'), plainly(message))
    }

    /// The line, from 1, on which `section.key` or `[section]` stands in the user's file.
    fn line_of(&self, key: &str) -> Option<usize> {
        let table = toml::de::DeTable::parse(self.text).ok()?;
        let mut table = table.get_ref();
        let mut found = None;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, number) = match part.split_once('[') {
                Some((name, number)) => (name, number.trim_end_matches(']').parse::<usize>().ok()),
                None => (part, None),
            };
            let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
            found = Some(line_at(self.text, key.span().start));
            let value = match (value.get_ref(), number) {
                // One of several `[[sections]]`.
                (toml::de::DeValue::Array(several), Some(number)) => {
                    let one = several.get(number)?;
                    found = Some(line_at(self.text, one.span().start));
                    one
                }
                _ => value,
            };
            match value.get_ref() {
                toml::de::DeValue::Table(inner) => table = inner,
                _ if parts.peek().is_some() => return found,
                _ => {}
            }
        }
        found
    }
}

/// What serde says of a number, without the names of Rust's types.
fn plainly(message: &str) -> String {
    [("u16", u64::from(u16::MAX)), ("u32", u64::from(u32::MAX))].into_iter().fold(
        message.to_owned(),
        |message, (kind, most)| match message.strip_suffix(&format!("expected {kind}")) {
            Some(said) => format!("{said}expected a whole number from 0 to {most}"),
            None => message,
        },
    )
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.get(..offset).unwrap_or(text).matches('\n').count()
}

/// What types cannot say: ranges, and keys that need one another.
fn check(config: &Config, source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wrong = |key: &str, message: &str, hint: &str| {
        findings.push(source.error(key, message).hint(hint));
    };
    if config.feeds.formats.is_empty() {
        wrong("feeds.formats", "no format is named", "write some of \"rss\", \"atom\", \"json\"");
    }
    if config.feeds.entries > 100_000 {
        wrong("feeds.entries", "more than 100,000 entries", "write 0 for all");
    }
    if config.archive.language.as_ref().is_some_and(|language| !super::is_language_tag(language)) {
        wrong("archive.language", "it is not a language tag", "write \"ko\", \"ja\" or \"en-GB\"");
    }
    check_store(&config.store, &mut wrong);
    if config.newsletter.bounces.as_ref().is_some_and(|bounces| bounces.local_part().len() > 24) {
        wrong(
            "newsletter.bounces",
            "its local part is longer than 24 characters, and a token must fit behind it",
            "use a shorter one, such as \"bounces@…\"",
        );
    }
    if let Some(smtp) = &config.smtp {
        check_smtp(smtp, &mut wrong);
    }
    if let Some(inbox) = &config.inbox {
        check_inbox(inbox, &mut wrong);
    }
    if let Some(notify) = &config.notify {
        check_notify(notify, &mut wrong);
    }
    check_dkim(config, &mut wrong);
    check_web(&config.web, &mut wrong);
    findings
}

fn check_store(store: &super::Store, wrong: &mut impl FnMut(&str, &str, &str)) {
    let has_password = store.password_file.is_some() || store.password_env.is_some();
    if store.password_file.is_some() && store.password_env.is_some() {
        wrong("store.password_env", "the password is given twice", "keep password_file or password_env");
    }
    match super::PostgresUrl::read(&store.url) {
        Some(Err((what, hint))) => wrong("store.url", &what, hint),
        Some(Ok(url)) if has_password && url.betrays_a_password() => wrong(
            "store.url",
            "with this sslmode everybody on the way can read the password and the readers",
            "write sslmode=verify-full, or leave it out",
        ),
        None if store.sqlite_path().is_none_or(|path| path.as_str().is_empty()) => wrong(
            "store.url",
            "it names neither an SQLite file nor a PostgreSQL database",
            "write it like \"sqlite:letterpress.db\" or \"postgres://user@db.example.com/letterpress\"",
        ),
        None if has_password => {
            wrong("store", "there is a password, but an SQLite file has none", "take the line out");
        }
        Some(Ok(_)) | None => {}
    }
}

fn check_web(web: &super::Web, wrong: &mut impl FnMut(&str, &str, &str)) {
    let limits = [
        ("web.limits.per_hour", web.limits.per_hour),
        ("web.limits.per_network_per_hour", web.limits.per_network_per_hour),
        ("web.limits.per_domain_per_hour", web.limits.per_domain_per_hour),
    ];
    for (key, _) in limits.into_iter().filter(|(_, number)| !(1..=FASTEST).contains(number)) {
        wrong(key, "it is not between 1 and 1000000", "web.sign_up = false takes the form away");
    }
    if web.metrics.is_some_and(|metrics| metrics.port() != 0 && metrics == web.listen) {
        wrong("web.metrics", "the pages answer there", "name a port of its own, such as \"127.0.0.1:9090\"");
    }
}

fn check_notify(notify: &super::Notify, wrong: &mut impl FnMut(&str, &str, &str)) {
    if notify.to.is_none() && notify.url.is_none() {
        wrong("notify", "it names nobody", "write to = \"you@example.com\" or url = \"https://…\" below it");
    }
    if notify.url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
        wrong("notify.url", "it is not an address of the web", "write it like \"https://hc-ping.com/…\"");
    }
}

fn check_dkim(config: &Config, wrong: &mut impl FnMut(&str, &str, &str)) {
    let from = config.newsletter.from.as_ref().map(|from| from.address.domain());
    for (number, dkim) in config.dkim.iter().enumerate() {
        let key = |name: &str| format!("dkim[{number}].{name}");
        if !dkim.has_valid_selector() {
            let hint = "write letters, digits and hyphens, such as \"letters\"";
            wrong(&key("selector"), "it cannot stand in a name of the DNS", hint);
        }
        let domain = dkim.signing_domain(from);
        if dkim.domain.is_some() && domain.is_none() {
            wrong(&key("domain"), "it is not a domain", "write the name alone, such as \"example.com\"");
        }
        let twin =
            |other: &&super::Dkim| other.selector == dkim.selector && other.signing_domain(from) == domain;
        if config.dkim[..number].iter().any(|other| twin(&other)) {
            let hint = "give each key a selector of its own: under one there is one record in the DNS";
            wrong(&key("selector"), "two keys have the same", hint);
        }
    }
}

fn check_smtp(smtp: &super::Smtp, wrong: &mut impl FnMut(&str, &str, &str)) {
    if smtp.host.is_empty() || smtp.host.contains(|c: char| c.is_whitespace() || "/@:".contains(c)) {
        wrong("smtp.host", "it is not a host name", "write the name alone, such as \"smtp.example.com\"");
    }
    if smtp.tls == Tls::None && !is_this_machine(&smtp.host) {
        let hint = "write tls = \"implicit\" (port 465) or \"starttls\" (port 587)";
        wrong("smtp.tls", "without TLS everybody on the way can read the letters and the password", hint);
    }
    if !(1..=200).contains(&smtp.connections) {
        wrong("smtp.connections", "it is not between 1 and 200", "4 suits most relays");
    }
    if smtp.messages_per_connection == 0 {
        wrong("smtp.messages_per_connection", "it is 0", "100 suits most relays");
    }
    if smtp.retry.is_empty() || smtp.retry.iter().any(|wait| wait.duration().as_secs() == 0) {
        wrong(
            "smtp.retry",
            "it must name at least one wait, and none of them 0",
            "[\"5m\", \"15m\", \"1h\"]",
        );
    }
    check_rates(smtp, wrong);
    let deadlines = [smtp.deadlines.connect, smtp.deadlines.command, smtp.deadlines.data, smtp.deadlines.dot];
    if deadlines.iter().any(|deadline| deadline.duration().as_secs() == 0) {
        wrong("smtp.deadlines", "a deadline is 0", "leave it out: the defaults are those of RFC 5321");
    }
    let passwords = [smtp.password_file.is_some(), smtp.password_env.is_some()];
    match (smtp.user.is_some(), passwords.iter().filter(|given| **given).count()) {
        (true, 0) => wrong("smtp.user", "there is no password for it", "add password_file or password_env"),
        (false, 1..) => wrong("smtp", "there is a password but no user", "add user = \"…\""),
        (_, 2) => {
            wrong("smtp.password_env", "the password is given twice", "keep password_file or password_env");
        }
        _ => {}
    }
}

fn check_inbox(inbox: &super::Inbox, wrong: &mut impl FnMut(&str, &str, &str)) {
    if inbox.host.is_empty() || inbox.host.contains(|c: char| c.is_whitespace() || "/@:".contains(c)) {
        wrong("inbox.host", "it is not a host name", "write the name alone, such as \"imap.example.com\"");
    }
    if inbox.tls == Tls::None && !is_this_machine(&inbox.host) {
        let hint = "write tls = \"implicit\" (port 993) or \"starttls\" (port 143)";
        wrong("inbox.tls", "without TLS everybody on the way can read the mails and the password", hint);
    }
    if inbox.timeout.duration().as_secs() == 0 {
        wrong("inbox.timeout", "it is 0", "60s suits most servers");
    }
    match (&inbox.password_file, &inbox.password_env) {
        (None, None) => {
            wrong("inbox.user", "there is no password for it", "add password_file or password_env");
        }
        (Some(_), Some(_)) => {
            wrong("inbox.password_env", "the password is given twice", "keep password_file or password_env");
        }
        _ => {}
    }
}

/// The most copies in a minute that can be asked for.
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
                "leave it out for no limit; newsletter.enabled = false sends nothing",
            );
        }
    }
    for domain in smtp.domains.keys() {
        if !domain.contains('.') || idna::domain_to_ascii_strict(domain).is_err() {
            wrong("smtp.domains", "a name in it is not a domain", "write it like \"gmail.com\" = 300");
        }
    }
}

/// Whether `host` can only be this machine, so that nothing travels in the clear.
pub(super) fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "[site]\ntitle = \"글\"\nurl = \"https://example.com\"\n";

    fn read(text: &str) -> Result<Config, String> {
        parse(text, "config.toml", Utf8Path::new(".")).map_err(|error| error.to_string())
    }

    #[test]
    fn two_keys_are_enough_and_the_rest_is_the_documented_default() {
        let config = read(SITE).unwrap();
        assert_eq!(config.feeds.entries, 20);
        assert_eq!(config.newsletter.max_age.to_string(), "1w");
        assert!(config.smtp.is_none());
    }

    #[test]
    fn an_example_value_in_the_documented_defaults_is_the_value_the_code_uses() {
        let commented = DEFAULTS
            .replace("# [smtp]", "[smtp]")
            .replace("# [notify]", "[notify]")
            .replace("# [inbox]", "[inbox]")
            .replace("# [podcast]", "[podcast]")
            .replace("# [dkim]", "[dkim]");
        let uncommented: String = commented
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key)
                    if key.split_once(" = ").is_some_and(|(name, _)| {
                        name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    }) =>
                {
                    format!("{key}\n")
                }
                _ => format!("{line}\n"),
            })
            .filter(|line| !line.starts_with("password_env") && !line.contains("db-password"))
            .collect();
        let config = read(&uncommented).unwrap();
        let podcast = config.podcast.unwrap();
        let least =
            format!("{SITE}[podcast]\nimage = \"https://example.com/c.jpg\"\ncategories = [\"Arts\"]");
        let least = read(&least).unwrap().podcast.unwrap();
        assert_eq!(
            (podcast.explicit, podcast.locked, podcast.complete, podcast.order),
            (least.explicit, least.locked, least.complete, least.order)
        );
        let inbox = config.inbox.unwrap();
        let least = format!("{SITE}[inbox]\nhost = \"imap.example.com\"\nuser = \"b\"\npassword_env = \"P\"");
        let least = read(&least).unwrap().inbox.unwrap();
        assert_eq!(
            (inbox.tls, inbox.port, inbox.folder),
            (least.tls, Some(least.port()), least.folder.clone())
        );
        assert_eq!((inbox.processed, inbox.timeout), (least.processed.clone(), least.timeout));
        assert_eq!(config.notify.unwrap().kind, crate::config::NotifyKind::default());
        let smtp = config.smtp.unwrap();
        let bare = read(&format!("{SITE}[smtp]\nhost = \"smtp.example.com\"")).unwrap().smtp.unwrap();
        assert_eq!(
            (smtp.connections, smtp.messages_per_connection),
            (bare.connections, bare.messages_per_connection)
        );
        assert_eq!(
            (smtp.retry, smtp.give_up, smtp.deadlines),
            (bare.retry.clone(), bare.give_up, bare.deadlines)
        );
        assert_eq!((smtp.tls, smtp.port), (bare.tls, Some(bare.port())));
    }

    #[test]
    fn a_typo_is_refused_with_its_line_and_the_nearest_key() {
        let message = read(&format!("{SITE}titel = \"x\"")).unwrap_err();
        assert!(message.contains("config.toml:4") && message.contains("did you mean `title`?"), "{message}");
        let message = read(&format!("{SITE}[newsleter]\nenabled = true")).unwrap_err();
        assert!(message.contains("config.toml:4") && message.contains("`newsletter`"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_line() {
        for (line, word) in [
            ("timezone = \"Seoul\"", "Asia/Seoul"),
            ("language = \"korean!\"", "language tag"),
            ("[newsletter]\nfrom = \"nobody\"", "newsletter.from"),
            ("[newsletter]\ndelay = \"soon\"", "10m"),
            ("[smtp]\nhost = \"mail.example.com\"\ntls = \"none\"", "implicit"),
            ("[smtp]\nhost = \"mail.example.com\"\nconnections = 0", "between 1 and 200"),
            ("[smtp]\nhost = \"mail.example.com\"\nper_minute = 0", "between 1 and 1000000"),
            ("[smtp]\nhost = \"mail.example.com\"\nper_domain_per_minute = 9999999", "no limit"),
            ("[smtp]\nhost = \"mail.example.com\"\ndomains = { \"gmail.com\" = 0 }", "smtp.domains.gmail"),
            ("[smtp]\nhost = \"mail.example.com\"\ndomains = { gmail = 5 }", "\"gmail.com\" = 300"),
            ("[smtp]\nhost = \"mail.example.com\"\nuser = \"kim\"", "password_file"),
            ("[smtp]\nhost = \"mail.example.com\"\nconnections = -1", "smtp.connections"),
            ("[feeds]\nformats = []", "feeds.formats"),
            ("[inbox]\nhost = \"imap.example.com\"\nuser = \"b\"", "password_file"),
            (
                "[inbox]\nhost = \"imap.example.com\"\nuser = \"b\"\npassword_env = \"P\"\ntls = \"none\"",
                "993",
            ),
            (
                "[inbox]\nhost = \"h\"\nuser = \"b\"\npassword_env = \"P\"\nprocessed = \"move\"",
                "move to FOLDER",
            ),
            ("[feeds]\nformats = [\"rss\", \"atm\"]", "feeds.formats"),
        ] {
            let message = read(&format!("{SITE}{line}")).unwrap_err();
            assert!(message.contains("config.toml:") && message.contains(word), "{line}: {message}");
        }
    }

    #[test]
    fn one_key_is_a_section_and_two_are_two_of_it() {
        let from = "[newsletter]\nfrom = \"Kim <kim@example.com>\"\n";
        let one = read(&format!("{SITE}{from}[dkim]\nselector = \"a\"\nkey_file = \"a.pem\"")).unwrap();
        assert_eq!(one.dkim[0].signing_domain(Some("example.com")).unwrap(), "example.com");
        let two = "[[dkim]]\nselector = \"a\"\nkey_file = \"a.pem\"\n\
                   [[dkim]]\nselector = \"b\"\nkey_file = \"b.pem\"\ndomain = \"우체국.한국\"";
        let two = read(&format!("{SITE}{from}{two}")).unwrap();
        assert_eq!(two.dkim[1].signing_domain(None).unwrap(), "xn--3e0b129b9he.xn--3e0b707e");
        assert!(read(SITE).unwrap().dkim.is_empty());
    }

    #[test]
    fn a_mistake_in_a_key_is_named_with_its_line() {
        let one = "[dkim]\nselector = \"a\"\nkey_file = \"a.pem\"\n";
        let two = "[[dkim]]\nselector = \"a\"\nkey_file = \"a.pem\"\n[[dkim]]\nkey_file = \"b.pem\"\n";
        for (section, line, word) in [
            (format!("{one}selecter = \"b\""), 7, "did you mean `selector`?"),
            (format!("{two}selecter = \"b\""), 9, "did you mean `selector`?"),
            (two.to_owned(), 7, "selector` is missing"),
            (format!("{two}selector = \"a\""), 9, "the same"),
            (format!("{two}selector = \"b c\""), 9, "name of the DNS"),
            (format!("{one}domain = \"https://example.com\""), 7, "not a domain"),
        ] {
            let message = read(&format!("{SITE}{section}")).unwrap_err();
            assert!(message.contains(&format!("config.toml:{line}")) && message.contains(word), "{message}");
        }
        let message = read(&format!("dkim = \"a.pem\"\n{SITE}")).unwrap_err();
        assert!(message.contains("config.toml:1") && message.contains("[dkim]"), "{message}");
    }

    #[test]
    fn broken_toml_and_a_missing_title_are_named_with_their_line() {
        let message = read("[site]\ntitle = ").unwrap_err();
        assert!(message.contains("config.toml:2"), "{message}");
        let message = read("[site]\nurl = \"https://example.com\"").unwrap_err();
        assert!(
            message.contains("config.toml:1") && message.contains("`site.title` is missing"),
            "{message}"
        );
    }
}
