//! Finds the intended key for an unknown one: names in other programs, misspellings, and keys in the wrong section. Pure.

use super::defaults::DEFAULTS;
use super::nearest::{nearest, plain};

/// The intended meaning of an unknown key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Suggestion {
    /// This key of the same section, with the same value.
    Key(String),
    /// This key of the same section, with another kind of value: a hint, and a value to continue with.
    Instead { key: &'static str, hint: &'static str, stand_in: Option<&'static str> },
    /// The same key in one of these sections.
    Elsewhere(Vec<String>),
    /// Not known.
    Nothing,
}

/// Other names for a key of a section, in lower case without separators.
struct Words(&'static str, &'static str, &'static [&'static str]);

const WORDS: [Words; 42] = [
    Words("", "smtp", &["mail", "email", "mailserver", "relay", "sendmail", "transport", "smtpserver"]),
    Words("", "inbox", &["imap", "bounces", "mailbox"]),
    Words("", "feeds", &["rss", "atom"]),
    Words("", "site", &["blog", "website", "general"]),
    Words("", "archive", &["posts", "content", "source"]),
    Words("", "store", &["database", "db", "ledger"]),
    Words("", "web", &["server", "http", "serve"]),
    Words("", "newsletter", &["letters", "letter", "mailing", "newsletters"]),
    Words("site", "title", &["name", "sitename", "sitetitle", "blogtitle", "heading"]),
    Words(
        "site",
        "url",
        &[
            "baseurl",
            "link",
            "address",
            "domain",
            "homepage",
            "root",
            "siteurl",
            "host",
            "uri",
            "canonicalurl",
        ],
    ),
    Words("site", "description", &["tagline", "subtitle", "summary", "about", "slogan"]),
    Words(
        "site",
        "language",
        &["lang", "locale", "languagecode", "defaultlanguage", "defaultcontentlanguage"],
    ),
    Words("site", "timezone", &["tz", "zone", "timezonename"]),
    Words("site", "author", &["authors", "writer", "owner", "by"]),
    Words("site", "rights", &["copyright", "license", "licence"]),
    Words("site", "icon", &["favicon"]),
    Words("site", "logo", &["image", "banner"]),
    Words(
        "archive",
        "posts",
        &["folder", "path", "directory", "dir", "content", "contentdir", "postsdir", "source", "root"],
    ),
    Words("archive", "front_matter", &["keys", "frontmatterkeys", "customkeys", "allowedkeys", "params"]),
    Words("archive", "static", &["staticdir", "assets", "files", "public"]),
    Words("feeds", "formats", &["format", "types", "type", "kinds"]),
    Words("feeds", "entries", &["items", "limit", "count", "size", "max", "number", "maxentries"]),
    Words(
        "newsletter",
        "from",
        &["form", "sender", "fromemail", "fromaddress", "mailfrom", "author", "email"],
    ),
    Words("newsletter", "reply_to", &["replyto", "reply", "answers", "answerto"]),
    Words(
        "newsletter",
        "list",
        &["subscribers", "recipients", "to", "mailinglist", "listfile", "readers", "file", "csv"],
    ),
    Words("newsletter", "delay", &["wait", "interval", "after"]),
    Words(
        "newsletter",
        "bounces",
        &["returnpath", "envelopefrom", "envelopesender", "bounceaddress", "bounceto"],
    ),
    Words("newsletter", "unsubscribe", &["unsubscribeto", "unsubscribeaddress", "optout"]),
    Words("newsletter", "address", &["postaladdress", "footer", "imprint"]),
    Words("newsletter", "enabled", &["enable", "active", "on"]),
    Words("smtp", "host", &["server", "hostname", "address", "relay", "smtpserver", "smtphost", "url"]),
    Words("smtp", "user", &["username", "login", "account", "userid", "authuser", "usr"]),
    Words("smtp", "password_file", &["passfile", "pwfile", "passwordpath", "secretfile", "passwdfile"]),
    Words("smtp", "password_env", &["passenv", "passwordvariable", "passwordvar"]),
    Words("smtp", "ca_file", &["ca", "cafile", "cacert", "cert", "certificate", "cabundle"]),
    Words("smtp", "hello", &["helo", "ehlo", "heloname"]),
    Words(
        "smtp",
        "per_minute",
        &["rate", "limit", "ratelimit", "maxperminute", "throttle", "messagesperminute"],
    ),
    Words("inbox", "folder", &["mailbox"]),
    Words("dkim", "key_file", &["key", "privatekey", "keypath", "privatekeyfile", "pem", "file"]),
    Words("store", "url", &["path", "file", "database", "db", "dsn"]),
    Words("web", "listen", &["bind", "host", "port", "address", "listenaddress"]),
    Words("output", "directory", &["dir", "path", "folder", "public", "publicdir", "output", "destination"]),
];

const PASSWORD: &str = "do not put a password in this file: put it alone into a separate file (`chmod 600 smtp-password`) \
    and write password_file = \"smtp-password\"";
const CLIENT_SECRET: &str = "do not put a secret in this file: put it alone into a separate file (`chmod 600 oauth-secret`) and \
    write client_secret_file = \"oauth-secret\"";
const SMTP_TLS: &str = "write tls = \"implicit\" for port 465, or tls = \"starttls\" for port 587";
const IMAP_TLS: &str = "write tls = \"implicit\" for port 993, or tls = \"starttls\" for port 143";
const PASSWORDS: &[&str] = &[
    "password",
    "pass",
    "passwd",
    "passphrase",
    "secret",
    "pwd",
    "pw",
    "smtppassword",
    "authpassword",
    "apikey",
];
const ENCRYPTIONS: &[&str] = &[
    "encryption",
    "ssl",
    "security",
    "secure",
    "starttls",
    "usetls",
    "usessl",
    "ssltls",
    "tlsmode",
    "encrypt",
    "connectionsecurity",
];

/// The intended meaning of `key` in `section`, whose keys are `known`.
pub(super) fn suggestion(section: &str, key: &str, known: &[String]) -> Suggestion {
    let section = section.split(['.', '[']).next().unwrap_or_default();
    let word = plain(key);
    if let Some(same) = known.iter().find(|known| plain(known) == word) {
        return Suggestion::Key(same.clone());
    }
    if matches!(section, "smtp" | "inbox" | "store") && PASSWORDS.contains(&word.as_str()) {
        return Suggestion::Instead { key: "password_file", hint: PASSWORD, stand_in: Some("smtp-password") };
    }
    if matches!(section, "smtp" | "inbox") && ENCRYPTIONS.contains(&word.as_str()) {
        let hint = if section == "smtp" { SMTP_TLS } else { IMAP_TLS };
        return Suggestion::Instead { key: "tls", hint, stand_in: None };
    }
    if section == "oauth" && matches!(word.as_str(), "clientsecret" | "secret") {
        return Suggestion::Instead { key: "client_secret_file", hint: CLIENT_SECRET, stand_in: None };
    }
    if matches!((section, word.as_str()), ("smtp" | "inbox", "timeout")) {
        let hint = "write deadlines = { connect = \"30s\", command = \"5m\" }";
        return Suggestion::Instead { key: "deadlines", hint, stand_in: None };
    }
    // `inbox` and `smtp` have the same keys for a server.
    let alike = if section == "inbox" { "smtp" } else { section };
    let by_word = WORDS.iter().find(|Words(where_, key, words)| {
        (*where_ == section || *where_ == alike)
            && words.contains(&word.as_str())
            && known.iter().any(|known| known == key)
    });
    if let Some(Words(_, key, _)) = by_word {
        return Suggestion::Key((*key).to_owned());
    }
    let near = nearest(key, known.iter().map(String::as_str));
    let elsewhere = sections_with(&word, section);
    match near {
        Some((distance, near)) if distance <= 1 || elsewhere.is_empty() => Suggestion::Key(near.to_owned()),
        _ if !elsewhere.is_empty() => Suggestion::Elsewhere(elsewhere),
        _ => Suggestion::Nothing,
    }
}

/// The other sections that have such a key.
fn sections_with(word: &str, but: &str) -> Vec<String> {
    let found =
        documented().filter(|(section, key, _)| plain(key) == word && *section != but && !section.is_empty());
    let mut sections: Vec<String> = found.map(|(section, ..)| section.to_owned()).collect();
    sections.dedup();
    sections
}

/// Every documented key, with its section and its example value.
fn documented() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let mut section = "";
    DEFAULTS.lines().filter_map(move |line| {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default();
            return None;
        }
        let (key, value) = line.split_once(" = ")?;
        let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let shown = value.split("  #").next().unwrap_or(value);
        let shown = shown.split(" # ").next().unwrap_or(shown).trim();
        is_key.then_some((section, key, shown))
    })
}

/// The documented example value of a key, such as `"10m"` for `newsletter.delay`.
pub(super) fn example(section: &str, key: &str) -> Option<&'static str> {
    documented().find(|(there, name, _)| *there == section && *name == key).map(|(_, _, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(section: &str) -> Vec<String> {
        if section.is_empty() {
            let sections = [
                "site",
                "archive",
                "feeds",
                "podcast",
                "newsletter",
                "smtp",
                "inbox",
                "dkim",
                "store",
                "web",
            ];
            return sections.iter().map(|name| (*name).to_owned()).collect();
        }
        documented().filter(|(there, ..)| *there == section).map(|(_, key, _)| key.to_owned()).collect()
    }

    #[test]
    fn names_from_other_programs_are_recognised() {
        for (section, key, meant_key) in [
            ("site", "name", "title"),
            ("site", "baseURL", "url"),
            ("site", "base_url", "url"),
            ("site", "titel", "title"),
            ("site", "time_zone", "timezone"),
            ("site", "timeZone", "timezone"),
            ("site", "desc", "description"),
            ("newsletter", "form", "from"),
            ("newsletter", "lists", "list"),
            ("newsletter", "replyTo", "reply_to"),
            ("smtp", "username", "user"),
            ("smtp", "server", "host"),
            ("smtp", "pass_file", "password_file"),
            ("smtp", "prot", "port"),
            ("inbox", "login", "user"),
            ("output", "dir", "directory"),
            ("web", "bind", "listen"),
            ("", "newsleter", "newsletter"),
            ("", "mail", "smtp"),
            ("dkim[1]", "selecter", "selector"),
        ] {
            let known = keys(section.split('[').next().unwrap());
            assert_eq!(
                suggestion(section, key, &known),
                Suggestion::Key(meant_key.to_owned()),
                "{section}.{key}"
            );
        }
        for key in ["password", "encryption", "ssl", "security"] {
            assert!(matches!(suggestion("smtp", key, &keys("smtp")), Suggestion::Instead { .. }), "{key}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_section_is_found_in_the_right_one() {
        for (section, key, there) in
            [("site", "from", "newsletter"), ("", "title", "site"), ("newsletter", "password_file", "smtp")]
        {
            let Suggestion::Elsewhere(sections) = suggestion(section, key, &keys(section)) else {
                panic!("{section}.{key}")
            };
            assert!(sections.iter().any(|section| section == there), "{section}.{key}: {sections:?}");
        }
        assert_eq!(suggestion("site", "mood", &keys("site")), Suggestion::Nothing);
    }

    #[test]
    fn every_word_of_the_table_leads_to_a_key_that_exists() {
        for Words(section, key, words) in WORDS.iter().filter(|Words(section, ..)| !section.is_empty()) {
            assert!(keys(section).iter().any(|known| known == key), "{section}.{key} is not documented");
            for word in *words {
                assert_eq!(*word, plain(word), "{word} is never found");
            }
        }
    }

    #[test]
    fn the_documentation_shows_a_value_for_each_key() {
        assert_eq!(example("newsletter", "delay"), Some("\"10m\""));
        assert_eq!(example("smtp", "port"), Some("465"));
        assert_eq!(example("feeds", "formats"), Some("[\"rss\", \"atom\", \"json\"]"));
    }
}
