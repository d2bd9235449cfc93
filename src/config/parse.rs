//! Reads `config.toml` over the documented defaults. Reports all errors at once, each with its line.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize as _;
use toml::Table;
use toml::de::{DeTable, Deserializer};

use super::Config;
use super::check::check;
use super::defaults::{DEFAULTS, overlay};
use super::find::generator_of;
use super::repair::ConfigRepair;
use super::source::Source;
use super::toml_mistakes::{self, Mistake};
use super::words;
use crate::finding::Finding;
use crate::text::shell_quoted;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file does not exist.
    #[error(
        "{}\n    help: `letterpress init DIR` creates a site; run this command in its folder, or name yours with --config FILE",
        missing(.0)
    )]
    Missing(Utf8PathBuf),
    /// The file could not be read.
    #[error(
        "cannot read {0}: {1}\n    help: --config needs the path of the file, such as my-letters/config.toml"
    )]
    Unreadable(Utf8PathBuf, std::io::Error),
    /// The file has errors; every finding is one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Finding>),
}

/// Without --config, the folders above were searched too.
fn missing(path: &Utf8Path) -> String {
    match Utf8Path::new(".").canonicalize_utf8() {
        Ok(here) if path == "config.toml" => {
            format!("{path} does not exist, neither in {here} nor in a folder above it")
        }
        _ => format!("{path} does not exist"),
    }
}

/// A configuration file, as far as it can be read.
#[derive(Debug)]
pub struct CheckedConfig {
    /// The configuration without the wrong values: used to find further errors, never for a run.
    pub config: Option<Config>,
    /// The errors, in the order of their lines.
    pub findings: Vec<Finding>,
}

/// An environment variable. The only place that reads the environment.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the configuration file at `path`.
pub fn load(path: &Utf8Path) -> Result<Config, ConfigError> {
    examine(path)?.whole()
}

/// Reads the configuration file at `path`, as far as possible.
pub fn examine(path: &Utf8Path) -> Result<CheckedConfig, ConfigError> {
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
    if let Some(generator) = generator_of(&text) {
        let message = format!("this is a configuration of {generator}, not of Letterpress");
        let hint = format!(
            "make one for Letterpress: `letterpress new --from {} {} letters`",
            generator.key(),
            shell_quoted(root.as_str())
        );
        return Err(ConfigError::Wrong(vec![Finding::error("config", path.as_str(), message).hint(hint)]));
    }
    let mut checked = understand(text.trim_start_matches('\u{FEFF}'), path.as_str(), root);
    if let Some(config) = &mut checked.config {
        let (words, findings) = words::read(config);
        config.words = words;
        checked.findings.extend(findings);
    }
    Ok(checked)
}

/// Reads a configuration from `text`; `file` is its name in messages.
pub fn parse(text: &str, file: &str, root: &Utf8Path) -> Result<Config, ConfigError> {
    understand(text, file, root).whole()
}

impl CheckedConfig {
    fn whole(self) -> Result<Config, ConfigError> {
        match self.config {
            Some(config) if self.findings.is_empty() => Ok(config),
            _ => Err(ConfigError::Wrong(self.findings)),
        }
    }
}

fn understand(text: &str, file: &str, root: &Utf8Path) -> CheckedConfig {
    let (document, broken) = DeTable::parse_recoverable(text);
    let to_finding = |mistake: Mistake| {
        let mut finding = Finding::error("config", file, mistake.message).at(mistake.line);
        finding.hint = mistake.hint;
        finding
    };
    let mut findings: Vec<Finding> =
        toml_mistakes::explain_all(text, &broken).into_iter().map(to_finding).collect();
    let own = match Table::deserialize(Deserializer::from(document.clone())) {
        Ok(own) => own,
        Err(error) => {
            if findings.is_empty() {
                findings.push(to_finding(toml_mistakes::explain(text, &error)));
            }
            return CheckedConfig { config: None, findings };
        }
    };
    let defaults: Table = match toml::from_str(DEFAULTS) {
        Ok(defaults) => defaults,
        Err(error) => {
            findings.push(Finding::error("config", "default.toml", error.to_string()));
            return CheckedConfig { config: None, findings };
        }
    };
    let mut table = defaults.clone();
    overlay(&mut table, own);
    let mut source = Source { text, file, document: document.into_inner(), renamed: Vec::new() };
    let settled = BTreeSet::new();
    let mut mender = ConfigRepair { source: &mut source, defaults, table, findings: Vec::new(), settled };
    let config = mender.read();
    let ConfigRepair { findings: mut mended, settled, .. } = mender;
    if !broken.is_empty() {
        // A missing key may be on an unreadable line, and lines below an unclosed list are misread.
        let end = toml_mistakes::unclosed(text).map_or(usize::MAX, |mistake| mistake.line);
        mended.retain(|finding| {
            finding.line.is_some_and(|line| line < end) && !finding.message.ends_with("is missing")
        });
    }
    findings.append(&mut mended);
    let config = config.map(|config| Config {
        root: root.to_owned(),
        file: file.to_owned(),
        text: text.to_owned(),
        ..config
    });
    if let Some(config) = &config {
        findings.extend(check(config, &source, &settled));
    }
    findings.sort_by_key(|finding| finding.line);
    CheckedConfig { config, findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "[site]\ntitle = \"글\"\nurl = \"https://example.com\"\n";

    fn read(text: &str) -> Result<Config, String> {
        parse(text, "config.toml", Utf8Path::new(".")).map_err(|error| error.to_string())
    }

    #[test]
    fn two_keys_are_enough_and_the_others_have_documented_defaults() {
        let config = read(SITE).unwrap();
        assert_eq!(config.feeds.entries, 20);
        assert_eq!(config.newsletter.max_age.to_string(), "1w");
        assert!(config.smtp.is_none());
    }

    #[test]
    fn the_documented_example_values_match_the_defaults_in_the_code() {
        let commented = DEFAULTS
            .replace("# [smtp]", "[smtp]")
            .replace("# [notify]", "[notify]")
            .replace("# [inbox]", "[inbox]")
            .replace("# [podcast]", "[podcast]")
            .replace("# [oauth.NAME]", "[oauth.NAME]")
            .replace("# [doctor]", "[doctor]")
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
            .filter(|line| {
                let others = ["password_env", "oauth", "token_command", "client_secret_env"];
                !others.iter().any(|key| line.starts_with(key)) && !line.contains("db-password")
            })
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
        let from = "[newsletter]\nfrom = \"kim@example.com\"\n";
        let bare = read(&format!("{SITE}{from}[smtp]\nhost = \"smtp.example.com\"")).unwrap().smtp.unwrap();
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
    fn a_misspelled_key_is_reported_with_its_line_and_the_nearest_key() {
        let message = read(&format!("{SITE}titel = \"x\"")).unwrap_err();
        assert!(message.contains("config.toml:4") && message.contains("did you mean `title`?"), "{message}");
        let message = read(&format!("{SITE}[newsleter]\nenabled = true")).unwrap_err();
        assert!(message.contains("config.toml:4") && message.contains("`newsletter`"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_reported_with_its_line() {
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
            ("[smtp]\nhost = \"h\"\nuser = \"k\"\npassword_env = \"P\"\noauth = \"gmail\"", "one login"),
            ("[smtp]\nhost = \"h\"\nuser = \"k\"\noauth = \"gmail\"", "[oauth.gmail] with client_id"),
            ("[smtp]\nhost = \"h\"\nuser = \"k\"\noauth = \"gmial\"", "did you mean \"gmail\"?"),
            (
                "[oauth.gmail]\nclient_id = \"c\"\nclient_secret = \"s\"",
                "client_secret_file = \"oauth-secret\"",
            ),
            ("[smtp]\nhost = \"h\"\ntoken_command = [\"t\"]", "tokens belong to an account"),
            ("[inbox]\nhost = \"h\"\nuser = \"k\"\ntoken_command = []", "names no program"),
            ("[oauth.fastmail]\nclient_id = \"c\"", "oauth.fastmail.device_endpoint"),
            ("[oauth.gmail]\nscope = \"s\"", "`oauth.gmail.client_id` is missing"),
            ("[oauth.gmail]\nclient_id = \"c\"\ntoken_endpoint = \"http://t.example/\"", "without https"),
        ] {
            let message = read(&format!("{SITE}{line}")).unwrap_err();
            assert!(message.contains("config.toml:") && message.contains(word), "{line}: {message}");
        }
    }

    #[test]
    fn one_key_is_a_section_and_several_are_an_array_of_sections() {
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
    fn a_mistake_in_a_dkim_key_is_reported_with_its_line() {
        let one = "[dkim]\nselector = \"a\"\nkey_file = \"a.pem\"\n";
        let two = "[[dkim]]\nselector = \"a\"\nkey_file = \"a.pem\"\n[[dkim]]\nkey_file = \"b.pem\"\n";
        for (section, line, word) in [
            (format!("{one}selecter = \"b\""), 7, "did you mean `selector`?"),
            (format!("{two}selecter = \"b\""), 9, "did you mean `selector`?"),
            (two.to_owned(), 7, "selector` is missing"),
            (format!("{two}selector = \"a\""), 9, "the same selector"),
            (format!("{two}selector = \"b c\""), 9, "DNS name"),
            (format!("{one}domain = \"https://example.com\""), 7, "not a domain"),
        ] {
            let message = read(&format!("{SITE}{section}")).unwrap_err();
            assert!(message.contains(&format!("config.toml:{line}")) && message.contains(word), "{message}");
        }
        let message = read(&format!("dkim = \"a.pem\"\n{SITE}")).unwrap_err();
        assert!(message.contains("config.toml:1") && message.contains("[dkim]"), "{message}");
    }

    #[test]
    fn only_the_start_of_an_unclosed_list_or_text_is_reported() {
        for (line, end) in
            [("[feeds]\nformats = [\n \"rss\",\n", "the list"), ("[feeds]\ncontent = \"\"\"full", "the text")]
        {
            let message =
                read(&format!("{SITE}{line}\n[newsletter]\nfrom = \"kim@example.com\"\n")).unwrap_err();
            assert!(
                message.starts_with(&format!("config.toml:5: error: {end} that begins here is not closed")),
                "{message}"
            );
            assert_eq!(message.matches("error:").count(), 1, "{message}");
        }
    }

    #[test]
    fn broken_toml_and_a_missing_title_are_reported_with_their_line() {
        let message = read("[site]\ntitle = ").unwrap_err();
        assert!(message.contains("config.toml:2"), "{message}");
        let message = read("[site]\nurl = \"https://example.com\"").unwrap_err();
        assert!(
            message.contains("config.toml:1") && message.contains("`site.title` is missing"),
            "{message}"
        );
    }
}
