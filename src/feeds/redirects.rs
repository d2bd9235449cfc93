//! Redirects from old addresses to new ones, as configuration for a web server: the `aliases` of posts, and the old addresses
//! of feeds (`feeds.moved`). An administrator copies the text; nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::headers::Server;
use crate::archive::Archive;
use crate::config::Config;

/// The redirects for `server`; empty if there are none.
pub fn render(archive: &Archive, config: &Config, server: Server) -> String {
    let redirects = redirects(archive, config);
    if redirects.is_empty() {
        return String::new();
    }
    let mut text = match server {
        Server::Netlify => "# In a file `_redirects` in the folder that is published.\n",
        Server::Caddy => "# In the site's block of the Caddyfile.\n",
        Server::Nginx => "# In the `server` block.\n",
        Server::Apache => "# In `.htaccess` in the folder that is published, or in the `VirtualHost`.\n",
    }
    .to_owned();
    for (number, (from, to)) in redirects.iter().enumerate() {
        let old = percent_decode_str(from).decode_utf8_lossy();
        // Writing to a `String` cannot fail.
        let _ = match server {
            Server::Netlify => writeln!(text, "{from} {to} 301"),
            // The server would read `*` as any text, and compares an encoded character with the encoded path.
            Server::Caddy => {
                let from = from.replace('*', "%2A");
                writeln!(text, "@moved{number} path {from} {from}/\nredir @moved{number} {to} permanent")
            }
            // Both compare decoded paths, and would read `$` in a target as a variable.
            Server::Nginx => {
                let (from, to) = (regex(&old), to.replace('$', "%24"));
                writeln!(text, "location ~ \"^{from}/?$\" {{ return 301 \"{to}\"; }}")
            }
            Server::Apache => {
                let (from, to) = (regex(&old), to.replace('$', "%24"));
                writeln!(text, "RedirectMatch 301 \"^{from}/?$\" \"{to}\"")
            }
        };
    }
    text
}

/// Old paths without a final slash, with the new ones, percent-encoded. A page or a feed that exists is not redirected.
fn redirects(archive: &Archive, config: &Config) -> BTreeMap<String, String> {
    let path = |url: &Url| url[Position::BeforePath..Position::AfterPath].to_owned();
    let pages: BTreeSet<String> =
        archive.posts.iter().map(|post| path(&post.url).trim_end_matches('/').to_owned()).collect();
    let mut redirects = BTreeMap::new();
    let mut add = |from: &str, to: String| {
        let from = from.trim_end_matches('/');
        if !from.is_empty() && !pages.contains(from) && from != to {
            redirects.entry(from.to_owned()).or_insert(to);
        }
    };
    let below = |path: &str| Url::parse(&config.site.url.join(path)).ok();
    for (from, to) in &config.feeds.moved {
        if let (Some(from), Some(to)) = (below(from), below(to)) {
            add(from.path(), path(&to));
        }
    }
    for post in &archive.posts {
        let is_here = post.url.origin() == config.site.url.as_url().origin();
        let to = if is_here { path(&post.url) } else { post.url.to_string() };
        post.aliases.iter().for_each(|alias| add(alias, to.clone()));
    }
    redirects
}

/// A text in a regular expression in quotes.
fn regex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // In quotes, a backslash before a quote is part of the quoting.
            '"' => escaped.push_str("\\x22"),
            '\\' => escaped.push_str("\\x5c"),
            c if ".+*?()|[]{}^$#".contains(c) => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push('.'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::fixtures;

    fn lines(server: Server, alias: &str) -> Vec<String> {
        let mut post = fixtures::post(1, "one");
        post.url = Url::parse("https://example.com/a$b/").unwrap();
        post.aliases = vec![alias.to_owned(), "/a$b".to_owned(), "/".to_owned()];
        let config = fixtures::config("[feeds.moved]\n\"feed/\" = \"rss.xml\"\n");
        let archive = Archive { posts: vec![post], ..Archive::default() };
        render(&archive, &config, server).lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn each_server_gets_its_own_rules_in_a_stable_order() {
        let (old, base) = ("/2012/%EA%B8%80.php/", "/%EB%B8%94%EB%A1%9C%EA%B7%B8");
        assert_eq!(
            lines(Server::Netlify, old),
            [format!("{base}/feed {base}/rss.xml 301"), "/2012/%EA%B8%80.php /a$b/ 301".to_owned()]
        );
        assert_eq!(
            lines(Server::Nginx, old),
            [
                format!("location ~ \"^/블로그/feed/?$\" {{ return 301 \"{base}/rss.xml\"; }}"),
                "location ~ \"^/2012/글\\.php/?$\" { return 301 \"/a%24b/\"; }".to_owned(),
            ]
        );
        assert_eq!(lines(Server::Apache, old)[1], "RedirectMatch 301 \"^/2012/글\\.php/?$\" \"/a%24b/\"");
        assert_eq!(
            lines(Server::Caddy, old)[2..],
            ["@moved1 path /2012/%EA%B8%80.php /2012/%EA%B8%80.php/", "redir @moved1 /a$b/ permanent"]
        );
    }

    #[test]
    fn an_address_cannot_end_its_rule() {
        for alias in ["/a%22;%20}", "/a%5C%22", "/a%0Ab", "/(a", "/a%20b", "/*"] {
            for server in [Server::Nginx, Server::Apache, Server::Caddy, Server::Netlify] {
                let lines = lines(server, alias);
                assert_eq!(lines.len(), if server == Server::Caddy { 4 } else { 2 }, "{lines:?}");
                assert!(
                    lines.iter().all(|line| !line.contains("\";}") && line.matches('"').count() % 2 == 0)
                );
            }
        }
    }
}
