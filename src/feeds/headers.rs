//! What a web server should say of the public folder, in the language of three of them. Text for an administrator to
//! read and to copy: nothing here is written anywhere.

use std::fmt::Write as _;

use super::formats::{file_name, formats, media_type};
use super::layout::Layout;
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
}

/// Readers ask again after so many seconds.
const MAX_AGE: u32 = 600;

/// A page of an archive changes only if a post is taken back.
const ARCHIVE_MAX_AGE: u32 = 86_400;

/// A browser shows a feed of this type by its style sheet, and one of a feed's own type as source. It tells itself by asking
/// for `text/html`.
const FOR_BROWSERS: &str = "application/xml; charset=utf-8";

/// Whether browsers can show it at all.
fn is_shown(media_type: &str) -> bool {
    media_type.contains("+xml")
}

/// The lines for `server`.
pub fn render(layout: &Layout<'_>, server: Server) -> String {
    let config = layout.config();
    let mut files: Vec<(&str, &str)> =
        formats(config).map(|format| (file_name(format).as_str(), media_type(format))).collect();
    files.push((super::opml::FILE, super::opml::MEDIA_TYPE));
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = match server {
        Server::Caddy => caddy(&mut text, config, &files),
        Server::Nginx => nginx(&mut text, config, &files),
        Server::Netlify => netlify(&mut text, layout),
    };
    text
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
        // Within a location no other `types` hold, so that the default is what every file here is.
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

/// Every document by its path, so that nothing depends on how wildcards are matched.
fn netlify(text: &mut String, layout: &Layout<'_>) -> std::fmt::Result {
    writeln!(
        text,
        "# In a file `_headers` in the folder that is published; again when there are more feeds."
    )?;
    let site = layout.config().site.url.as_url();
    for (path, media_type, is_archive) in layout.index() {
        let url = layout.config().site.url.join(path.as_str());
        let path = url.strip_prefix(&site.origin().ascii_serialization()).unwrap_or(&url);
        let age = if is_archive { ARCHIVE_MAX_AGE } else { MAX_AGE };
        // It cannot look at what was asked for, and feed readers take this type too.
        let media_type = if is_shown(media_type) { FOR_BROWSERS } else { media_type };
        writeln!(text, "{path}\n  Content-Type: {media_type}\n  Cache-Control: max-age={age}")?;
        writeln!(text, "  Access-Control-Allow-Origin: *\n  X-Content-Type-Options: nosniff")?;
    }
    Ok(())
}

/// The configured compressions, each once, under the names that Caddy gives them.
fn compressed(config: &Config) -> impl Iterator<Item = (Compression, &'static str)> {
    [(Compression::Brotli, "br"), (Compression::Gzip, "gzip")]
        .into_iter()
        .filter(|(compression, _)| config.output.compress.contains(compression))
}
