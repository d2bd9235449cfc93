//! A post's body for its own page: addresses of the site become short and good on whatever host the folder is looked at, and
//! what is HTML for mail programs only becomes HTML of today. Nothing is made safe here a second time.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::archive::{Post, links};
use crate::config::Config;
use crate::letters::{escape, tags};

/// What an address is replaced with.
struct Addresses<'s> {
    site: String,
    page: String,
    root: &'s str,
}

impl Addresses<'_> {
    /// The same address from where the page is; others stay.
    fn short<'v>(&self, url: &'v str) -> Cow<'v, str> {
        if let Some(fragment) = url.strip_prefix(&self.page).filter(|rest| rest.starts_with('#')) {
            return Cow::Owned(fragment.to_owned());
        }
        match url.strip_prefix(&self.site) {
            Some("") if self.root.is_empty() => Cow::Borrowed("./"),
            // A part with a colon would look like a scheme.
            Some(rest) if self.root.is_empty() && rest.contains(':') => Cow::Owned(format!("./{rest}")),
            Some(rest) => Cow::Owned(format!("{}{rest}", self.root)),
            None => Cow::Borrowed(url),
        }
    }
}

/// The body of `post` for its page; `root` leads from there to the public folder.
pub(super) fn for_page(html: &str, post: &Post, config: &Config, root: &str) -> String {
    let site = links::canonical(config.site.url.as_url());
    let addresses = Addresses { site, page: links::canonical(&post.url), root };
    let mut out = String::with_capacity(html.len());
    let mut copied = 0;
    for tag in tags(html) {
        if tag.closing && tag.name != "table" {
            continue;
        }
        out.push_str(&html[copied..tag.at.start]);
        copied = tag.at.end;
        match (tag.name, tag.closing) {
            ("table", true) => out.push_str("</table></div>"),
            // Who has no mouse scrolls a wide table with the arrow keys.
            ("table", false) => {
                out.push_str("<div class=\"scroll\" tabindex=\"0\">");
                write_tag(&tag, &addresses, &mut out);
            }
            _ => write_tag(&tag, &addresses, &mut out),
        }
    }
    out.push_str(&html[copied..]);
    out
}

fn write_tag(tag: &crate::letters::Tag<'_>, addresses: &Addresses<'_>, out: &mut String) {
    let _ = write!(out, "<{}", tag.name);
    let (mut style, mut has_alt) = (String::new(), tag.name != "img");
    for (name, value) in tag.attributes() {
        has_alt |= name == "alt";
        let value = match name {
            "href" | "src" | "poster" | "cite" => addresses.short(&value).into_owned(),
            "srcset" => candidates(&value, addresses),
            // Attributes that HTML has given up; mail programs have not.
            "align" if tag.name == "img" => {
                let _ = write!(style, "float:{};", plain(&value));
                continue;
            }
            "align" => {
                let _ = write!(style, "text-align:{};", plain(&value));
                continue;
            }
            "valign" => {
                let _ = write!(style, "vertical-align:{};", plain(&value));
                continue;
            }
            "width" if !matches!(tag.name, "img" | "video") => {
                let unit = if value.ends_with('%') { "" } else { "px" };
                let _ = write!(style, "width:{}{unit};", plain(&value));
                continue;
            }
            _ => value.into_owned(),
        };
        let _ = write!(out, " {name}=\"{}\"", escape(&value));
    }
    if !style.is_empty() {
        let _ = write!(out, " style=\"{style}\"");
    }
    if !has_alt {
        out.push_str(" alt=\"\"");
    }
    out.push('>');
}

/// A value that can do nothing in a style but be one word.
fn plain(value: &str) -> String {
    value.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '%' | '.')).collect::<String>().to_lowercase()
}

fn candidates(value: &str, addresses: &Addresses<'_>) -> String {
    let short = |candidate: &str| match candidate.split_once(' ') {
        Some((url, descriptor)) => format!("{} {descriptor}", addresses.short(url)),
        None => addresses.short(candidate).into_owned(),
    };
    value.split(", ").map(short).collect::<Vec<_>>().join(", ")
}
