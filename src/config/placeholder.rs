//! Detects placeholder addresses and names in the configuration; emails with them are not sent.

use toml::de::DeTable;
use url::Url;

use super::Config;
use super::loopback::is_this_machine;
use super::source::Source;
use crate::finding::Finding;

/// Reserved domains (RFC 2606, RFC 6761), and usual names in examples. Matched as a whole label, so `example.co.kr` and
/// `news.example` count like `example.com`.
const PARTS: [&str; 9] = [
    "example",
    "yourdomain",
    "your-domain",
    "yoursite",
    "your-site",
    "mydomain",
    "my-domain",
    "yourname",
    "domain-name",
];
const ENDS: [&str; 3] = ["test", "invalid", "localhost"];

/// Whether the host is an IP address for documentation (RFC 5737, RFC 3849), or of this machine.
fn is_placeholder_number(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_documentation() || ip.is_unspecified(),
        Ok(std::net::IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.segments()[..2] == [0x2001, 0xdb8]
        }
        Err(_) => false,
    }
}

/// Whether no real host can have the name `host`.
pub fn is_placeholder_host(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let parts: Vec<&str> = host.split('.').collect();
    is_placeholder_number(&host)
        || parts.iter().any(|part| PARTS.contains(part))
        || parts.last().is_some_and(|last| ENDS.contains(last))
}

/// Whether the name is one from an example.
fn is_placeholder_name(name: &str) -> bool {
    let name = name.to_lowercase();
    ["your name", "your newsletter", "your site", "your title", "firstname lastname"].contains(&name.as_str())
}

impl Config {
    /// The site, by which others can find who makes a request; `None` while its address is a placeholder.
    pub fn public_site(&self) -> Option<Url> {
        let url = &self.site.url;
        (!is_placeholder_host(url.host())).then(|| url.as_url().clone())
    }

    /// The placeholders: key and value.
    pub fn placeholders(&self) -> Vec<(&'static str, String)> {
        let Self { site, newsletter, web, .. } = self;
        let mailboxes =
            [("newsletter.from", &newsletter.from), ("newsletter.reply_to", &newsletter.reply_to)];
        let addresses =
            mailboxes.into_iter().filter_map(|(key, mailbox)| Some((key, &mailbox.as_ref()?.address)));
        let addresses =
            addresses.chain(newsletter.bounces.as_ref().map(|address| ("newsletter.bounces", address)));
        let addresses = addresses
            .chain(newsletter.unsubscribe.as_ref().map(|address| ("newsletter.unsubscribe", address)));
        let pages = [("site.url", Some(&site.url)), ("web.url", web.url.as_ref())];
        let pages = pages.into_iter().filter_map(|(key, url)| Some((key, url?)));
        let from = newsletter.from.as_ref().and_then(|from| from.name.as_ref());
        let names = [("site.title", Some(&site.title)), ("newsletter.from", from)];
        let mut found: Vec<(&'static str, String)> = pages
            .filter(|(_, url)| is_placeholder_host(url.host()))
            .map(|(key, url)| (key, url.as_str().to_owned()))
            .collect();
        found.extend(
            addresses
                .filter(|(_, address)| is_placeholder_host(address.domain()))
                .map(|(key, address)| (key, address.as_str().to_owned())),
        );
        for (key, name) in names {
            let Some(name) = name.filter(|name| is_placeholder_name(name.as_str())) else { continue };
            if found.iter().all(|(known, _)| *known != key) {
                found.push((key, name.to_string()));
            }
        }
        found
    }

    /// Whether emails would leave this machine; a relay on this machine is assumed to be a test.
    pub fn has_distant_relay(&self) -> bool {
        self.smtp.as_ref().is_some_and(|smtp| !is_this_machine(&smtp.host))
    }

    /// The placeholders that prevent sending through the relay, each as an error on its line.
    pub fn placeholder_errors(&self) -> Vec<Finding> {
        let Some(smtp) = self.smtp.as_ref().filter(|_| self.has_distant_relay()) else { return Vec::new() };
        let (document, _) = DeTable::parse_recoverable(&self.text);
        let document = document.into_inner();
        let source = Source { text: &self.text, file: &self.file, document, renamed: Vec::new() };
        let error = |(key, value): (&str, String)| {
            let message = format!(
                "{value} is a placeholder; nothing is sent through {} until it is replaced",
                smtp.host
            );
            let hint =
                "write your own value; without the section [smtp], emails are written to the outbox folder";
            Finding { rule: "placeholder", ..source.error(key, message).hint(hint) }
        };
        let mut errors: Vec<Finding> = self.placeholders().into_iter().map(error).collect();
        errors.sort_by_key(|finding| finding.line);
        errors
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    fn config(text: &str) -> Config {
        crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap()
    }

    #[test]
    fn reserved_domains_are_placeholders() {
        for host in [
            "example.com",
            "news.example.org",
            "example.co.kr",
            "letters.example",
            "kim.letters.test",
            "a.invalid",
            "localhost",
            "127.0.0.1",
            "192.0.2.7",
            "[2001:db8::1]",
            "yourdomain.com",
            "EXAMPLE.NET.",
        ] {
            assert!(is_placeholder_host(host), "{host}");
        }
        for host in ["letters.kr", "notexample.com", "example-letters.kr", "test.kr", "contest", "8.8.8.8"] {
            assert!(!is_placeholder_host(host), "{host}");
        }
    }

    #[test]
    fn a_placeholder_is_an_error_on_its_line_only_with_a_remote_relay() {
        let text = |host: &str| {
            format!(
                "[site]\ntitle = \"t\"\nurl = \"https://example.com\"\n\
                 [newsletter]\nfrom = \"Your name <kim@letters.kr>\"\nunsubscribe = \"leave@letters.test\"\n\
                 [smtp]\nhost = \"{host}\"\n"
            )
        };
        let errors = config(&text("smtp.letters.kr")).placeholder_errors();
        let lines: Vec<_> = errors.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [Some(3), Some(5), Some(6)], "{errors:?}");
        for host in ["localhost", "127.0.0.5"] {
            assert!(config(&text(host)).placeholder_errors().is_empty(), "{host}");
        }
    }
}
