//! The HTTP headers that a web server should send for the public folder, as configuration for four servers. An administrator
//! copies the text; nothing is written.

use std::fmt::Write as _;

use super::formats::{file_name, formats, media_type};
use super::layout::FeedPlan;
use crate::config::{Compression, Config};

/// A web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// `Caddyfile`.
    Caddy,
    /// A `server` block.
    Nginx,
    /// `_headers`.
    Netlify,
    /// `.htaccess`, or a `VirtualHost`.
    Apache,
}

/// The seconds for which feed readers may cache a feed.
const MAX_AGE: u32 = 600;

/// A page of an archive changes only if a post is retracted.
const ARCHIVE_MAX_AGE: u32 = 86_400;

/// Browsers apply the style sheet to a feed of this type, and show the source of a feed with its own type. They are
/// recognised by their `Accept: text/html`.
const FOR_BROWSERS: &str = "application/xml; charset=utf-8";

/// Whether browsers can apply a style sheet to it.
fn is_shown(media_type: &str) -> bool {
    media_type.contains("+xml")
}

/// The type of a feed and the seconds for which it may be cached, where a server cannot test the `Accept` header. Feed readers
/// accept the type for browsers too.
pub(crate) fn without_negotiation(media_type: &'static str, is_archive: bool) -> (&'static str, u32) {
    let age = if is_archive { ARCHIVE_MAX_AGE } else { MAX_AGE };
    (if is_shown(media_type) { FOR_BROWSERS } else { media_type }, age)
}

/// The configuration for `server`.
pub fn render(layout: &FeedPlan<'_>, server: Server) -> String {
    let config = layout.config();
    let files = files(layout);
    let files: Vec<(&str, &str)> = files.iter().map(|(file, kind)| (file.as_str(), *kind)).collect();
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = match server {
        Server::Caddy => caddy(&mut text, config, &files),
        Server::Nginx => nginx(&mut text, config, &files),
        Server::Netlify => netlify(&mut text, layout),
        Server::Apache => apache(&mut text, config, &files),
    };
    text
}

/// The names of the files, each with its media type; a path if files of one name have several types.
fn files(layout: &FeedPlan<'_>) -> Vec<(String, &'static str)> {
    let config = layout.config();
    let mut files: Vec<(String, &'static str)> =
        formats(config).map(|format| (file_name(format).to_string(), media_type(format))).collect();
    files.push((super::opml::FILE.to_owned(), super::opml::MEDIA_TYPE));
    for (path, media_type, _) in layout.index() {
        let name = path.file_name().unwrap_or_default();
        let known = files.iter().find(|(file, _)| file == name).map(|(_, kind)| *kind);
        match known {
            Some(kind) if kind == media_type => {}
            Some(_) => files.push((path.to_string(), media_type)),
            None => files.push((name.to_owned(), media_type)),
        }
    }
    files
}

fn caddy(text: &mut String, config: &Config, files: &[(&str, &str)]) -> std::fmt::Result {
    writeln!(text, "# In the site's block of the Caddyfile.")?;
    for (number, (file, media_type)) in files.iter().enumerate() {
        writeln!(text, "@feed{number} path */{file}")?;
        writeln!(text, "header @feed{number} {{")?;
        if !is_shown(media_type) {
            writeln!(text, "\tContent-Type \"{media_type}\"")?;
        }
        writeln!(text, "\tCache-Control \"max-age={MAX_AGE}\"\n\tAccess-Control-Allow-Origin \"*\"")?;
        writeln!(text, "\tX-Content-Type-Options nosniff\n}}")?;
        if is_shown(media_type) {
            let browser = "header Accept *text/html*";
            writeln!(text, "@feed{number}_reader {{\n\tpath */{file}\n\tnot {browser}\n}}")?;
            writeln!(
                text,
                "header @feed{number}_reader {{\n\tContent-Type \"{media_type}\"\n\t+Vary Accept\n}}"
            )?;
            writeln!(text, "@feed{number}_browser {{\n\tpath */{file}\n\t{browser}\n}}")?;
            writeln!(
                text,
                "header @feed{number}_browser {{\n\tContent-Type \"{FOR_BROWSERS}\"\n\t+Vary Accept\n}}"
            )?;
        }
    }
    let names: Vec<&str> = compressed(config).map(|(_, name)| name).collect();
    if !names.is_empty() {
        writeln!(text, "file_server {{\n\tprecompressed {}\n}}", names.join(" "))?;
    }
    Ok(())
}

fn nginx(text: &mut String, config: &Config, files: &[(&str, &str)]) -> std::fmt::Result {
    writeln!(text, "# In the `server` block.")?;
    for (file, media_type) in files {
        let kind = media_type.split(';').next().unwrap_or_default();
        // A location with its own empty `types` uses the default type for every file.
        writeln!(text, "location ~ /{}$ {{", file.replace('.', "[.]"))?;
        if is_shown(media_type) {
            writeln!(text, "\ttypes {{ }}\n\tdefault_type \"\";\n\tset $feed_type \"{media_type}\";")?;
            writeln!(text, "\tif ($http_accept ~ text/html) {{ set $feed_type \"{FOR_BROWSERS}\"; }}")?;
            writeln!(text, "\tadd_header Content-Type $feed_type;\n\tadd_header Vary Accept;")?;
        } else {
            writeln!(text, "\ttypes {{ }}\n\tdefault_type \"{kind}; charset=utf-8\";")?;
        }
        writeln!(text, "\tadd_header Cache-Control \"max-age={MAX_AGE}\";")?;
        writeln!(text, "\tadd_header Access-Control-Allow-Origin \"*\";")?;
        writeln!(text, "\tadd_header X-Content-Type-Options nosniff;")?;
        for (compression, _) in compressed(config) {
            match compression {
                Compression::Gzip => writeln!(text, "\tgzip_static on;\n\tgzip_vary on;")?,
                Compression::Brotli => writeln!(text, "\t# brotli_static on;  with the module ngx_brotli")?,
            }
        }
        writeln!(text, "}}")?;
    }
    Ok(())
}

fn apache(text: &mut String, config: &Config, files: &[(&str, &str)]) -> std::fmt::Result {
    writeln!(
        text,
        "# In `.htaccess` in the folder that is published, or in the `VirtualHost`; with mod_headers."
    )?;
    for (file, media_type) in files {
        let name = file.rsplit('/').next().unwrap_or(file);
        writeln!(text, "<Files \"{name}\">")?;
        if is_shown(media_type) {
            let browser = "expr=%{HTTP_ACCEPT} =~ m#text/html#";
            writeln!(text, "\tHeader set Content-Type \"{media_type}\"")?;
            writeln!(text, "\tHeader set Content-Type \"{FOR_BROWSERS}\" \"{browser}\"")?;
            writeln!(text, "\tHeader append Vary Accept")?;
        } else {
            writeln!(text, "\tHeader set Content-Type \"{media_type}\"")?;
        }
        writeln!(text, "\tHeader set Cache-Control \"max-age={MAX_AGE}\"")?;
        writeln!(text, "\tHeader set Access-Control-Allow-Origin \"*\"")?;
        writeln!(text, "\tHeader set X-Content-Type-Options nosniff\n</Files>")?;
    }
    if compressed(config).next().is_some() {
        writeln!(
            text,
            "# Copies: \"Serving pre-compressed content\" in the documentation of mod_deflate and mod_brotli."
        )?;
    }
    Ok(())
}

/// Every document by its path, independent of the matching of wildcards.
fn netlify(text: &mut String, layout: &FeedPlan<'_>) -> std::fmt::Result {
    writeln!(
        text,
        "# In a file `_headers` in the folder that is published; again when there are more feeds."
    )?;
    let site = layout.config().site.url.as_url();
    for (path, media_type, is_archive) in layout.index() {
        let url = layout.config().site.url.join(path.as_str());
        let path = url.strip_prefix(&site.origin().ascii_serialization()).unwrap_or(&url);
        let (media_type, age) = without_negotiation(media_type, is_archive);
        writeln!(text, "{path}\n  Content-Type: {media_type}\n  Cache-Control: max-age={age}")?;
        writeln!(text, "  Access-Control-Allow-Origin: *\n  X-Content-Type-Options: nosniff")?;
    }
    Ok(())
}

/// The configured compressions without repetitions, with their names in Caddy.
fn compressed(config: &Config) -> impl Iterator<Item = (Compression, &'static str)> {
    [(Compression::Brotli, "br"), (Compression::Gzip, "gzip")]
        .into_iter()
        .filter(|(compression, _)| config.output.compress.contains(compression))
}
