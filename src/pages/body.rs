//! The body of a post for its own page: addresses of the site become relative, so that they work on any host, and obsolete
//! attributes, which only mail programs need, become styles. The body is not sanitised again.

use std::borrow::Cow;
use std::fmt::Write as _;

use url::Url;

use crate::archive::links;
use crate::config::SiteUrl;
use crate::html::{Tag, push_escaped, tags};

/// Shortens addresses.
struct Addresses<'s> {
    site: String,
    page: String,
    root: &'s str,
}

impl Addresses<'_> {
    /// An address of the site relative to the page; others stay.
    fn shorten<'v>(&self, url: &'v str) -> Cow<'v, str> {
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

/// The body of the post at `page`, for that page; `root` is the relative path to the public folder.
pub(super) fn for_page(html: &str, page: &Url, site: &SiteUrl, root: &str) -> String {
    let site = links::canonical(site.as_url());
    let addresses = Addresses { site, page: links::canonical(page), root };
    let mut out = String::with_capacity(html.len());
    let mut copied = 0;
    for tag in tags(html) {
        if tag.closing && tag.name() != "table" {
            continue;
        }
        out.push_str(&html[copied..tag.at.start]);
        copied = tag.at.end;
        match (tag.name(), tag.closing) {
            ("table", true) => out.push_str("</table></div>"),
            // Without a mouse, a wide table is scrolled with the arrow keys.
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

fn write_tag(tag: &Tag, addresses: &Addresses<'_>, out: &mut String) {
    let _ = write!(out, "<{}", tag.name());
    let (mut style, mut has_alt) = (String::new(), tag.name() != "img");
    for (name, value) in tag.attributes() {
        has_alt |= name == "alt";
        let value = match name {
            "href" | "src" | "poster" | "cite" => addresses.shorten(value),
            "srcset" => Cow::Owned(candidates(value, addresses)),
            // Attributes that are obsolete in HTML, but not in email.
            "align" if tag.name() == "img" => {
                let _ = write!(style, "float:{};", plain(value));
                continue;
            }
            "align" => {
                let _ = write!(style, "text-align:{};", plain(value));
                continue;
            }
            "valign" => {
                let _ = write!(style, "vertical-align:{};", plain(value));
                continue;
            }
            "width" if !matches!(tag.name(), "img" | "video" | "iframe") => {
                let unit = if value.ends_with('%') { "" } else { "px" };
                let _ = write!(style, "width:{}{unit};", plain(value));
                continue;
            }
            _ => Cow::Borrowed(value),
        };
        let _ = write!(out, " {name}=\"");
        push_escaped(out, &value);
        out.push('"');
    }
    if !style.is_empty() {
        let _ = write!(out, " style=\"{style}\"");
    }
    if !has_alt {
        out.push_str(" alt=\"\"");
    }
    out.push('>');
}

/// A value reduced to one word, so that it cannot add anything else to a style.
fn plain(value: &str) -> String {
    value
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '%' | '.'))
        .collect::<String>()
        .to_lowercase()
}

fn candidates(value: &str, addresses: &Addresses<'_>) -> String {
    let short = |candidate: &str| match candidate.split_once(' ') {
        Some((url, descriptor)) => format!("{} {descriptor}", addresses.shorten(url)),
        None => addresses.shorten(candidate).into_owned(),
    };
    value.split(", ").map(short).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> String {
        let site = SiteUrl::parse("https://a.example/b/").unwrap();
        for_page(html, &Url::parse("https://a.example/b/글/").unwrap(), &site, "../")
    }

    #[test]
    fn addresses_of_the_site_become_relative_and_others_stay() {
        for (html, expected) in [
            ("<a href=\"https://a.example/b/c/?q=1&amp;r=2\">x</a>", "<a href=\"../c/?q=1&amp;r=2\">x</a>"),
            ("<a href=\"https://a.example/b/%EA%B8%80/#fn-1\">1</a>", "<a href=\"#fn-1\">1</a>"),
            ("<a href=\"https://a.example/c/\">x</a>", "<a href=\"https://a.example/c/\">x</a>"),
            ("<a href=\"https://a.example.org/b/\">x</a>", "<a href=\"https://a.example.org/b/\">x</a>"),
            (
                "<img src=\"https://a.example/b/1.png\" srcset=\"https://a.example/b/2.png 2x, https://c.example/3.png 3x\">",
                "<img src=\"../1.png\" srcset=\"../2.png 2x, https://c.example/3.png 3x\" alt=\"\">",
            ),
            ("<code>href=\"https://a.example/b/\"</code>", "<code>href=\"https://a.example/b/\"</code>"),
        ] {
            assert_eq!(page(html), expected);
        }
    }

    #[test]
    fn obsolete_attributes_become_styles_and_cannot_inject_others() {
        assert_eq!(page("<p align=\"center\">a</p>"), "<p style=\"text-align:center;\">a</p>");
        assert_eq!(
            page("<table width=\"50%\"><tr><td valign=\"top;color:red\">a</td></tr></table>"),
            "<div class=\"scroll\" tabindex=\"0\"><table style=\"width:50%;\"><tr>\
             <td style=\"vertical-align:topcolorred;\">a</td></tr></table></div>"
        );
    }
}
