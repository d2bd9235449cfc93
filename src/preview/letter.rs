//! An email as its bytes say: what is shown is read back out of the message that would be sent. Pure.

use crate::finding::Finding;
use crate::html::{self, Data, Tree};
use crate::inbox::{Mail, unstructured};

/// How much of the beginning is read for the preview line.
const SNIPPET: usize = 200;

/// An email, taken apart.
#[derive(Debug)]
pub(super) struct Letter {
    /// The whole message.
    pub(super) bytes: Vec<u8>,
    /// The header fields in their order; the names are in lower case, the values are decoded.
    pub(super) headers: Vec<(String, String)>,
    pub(super) html: String,
    pub(super) text: String,
    pub(super) size: Size,
    /// What the checks found.
    pub(super) findings: Vec<Finding>,
}

/// What a message is made of, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) headers: usize,
    /// The text part, decoded.
    pub(super) text: usize,
    /// The HTML part, decoded and without its styles.
    pub(super) html: usize,
    /// The style sheets and the `style` attributes of the HTML part.
    pub(super) styles: usize,
    /// Parts that are neither.
    pub(super) attachments: usize,
    /// What base64 or quoted-printable, and the borders of the parts, add.
    pub(super) encoding: usize,
}

impl Size {
    /// What Gmail counts: the HTML part, decoded.
    pub(super) const fn shown(self) -> usize {
        self.html + self.styles
    }

    /// The whole message.
    pub(super) const fn message(self) -> usize {
        self.headers + self.text + self.shown() + self.attachments + self.encoding
    }
}

impl Letter {
    /// Takes a message apart. A message that is no message has no parts.
    pub(super) fn read(bytes: Vec<u8>, findings: Vec<Finding>) -> Self {
        let (mut headers, mut html, mut text, mut size) =
            (Vec::new(), String::new(), String::new(), Size::default());
        if let Ok(mail) = Mail::parse(&bytes) {
            headers.extend(mail.head.iter().map(|(name, value)| (name.to_owned(), unstructured(value))));
            for part in &mail.parts {
                let content = part.content().len();
                match part.kind.as_str() {
                    "text/html" => {
                        html = part.text();
                        size.styles += styles(&html);
                        size.html += content;
                    }
                    "text/plain" => {
                        text = part.text();
                        size.text += content;
                    }
                    _ => size.attachments += content,
                }
            }
        }
        size.html = size.html.saturating_sub(size.styles);
        size.headers = memchr::memmem::find(&bytes, b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
        size.encoding = bytes.len().saturating_sub(size.message());
        Self { bytes, headers, html, text, size, findings }
    }

    /// The decoded value of a field; `name` is in lower case.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// What an inbox shows beside the subject: the beginning of the text of the HTML part, hidden or not, without the characters
    /// that have no width.
    pub(super) fn preview_line(&self) -> String {
        let tree = html::parse(&self.html);
        let mut line = String::new();
        for at in tree.below(Tree::ROOT) {
            let Data::Text(text) = tree.data(at) else { continue };
            let within = tree.parent(at).map_or("", |parent| tree.name(parent));
            if matches!(within, "style" | "title" | "script") {
                continue;
            }
            line.extend(
                text.chars().filter(|c| !matches!(c, '\u{34f}' | '\u{200b}'..='\u{200d}' | '\u{feff}')),
            );
            line.push(' ');
            if line.split_whitespace().map(str::len).sum::<usize>() > SNIPPET || has_filler(text) {
                break;
            }
        }
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The addresses that the HTML part links to, each once.
    pub(super) fn links(&self) -> Vec<String> {
        let mut links: Vec<String> = Vec::new();
        for tag in html::tags(&self.html).iter().filter(|tag| tag.name() == "a" && !tag.closing) {
            let Some(href) = tag.attribute("href").map(str::trim) else { continue };
            if !href.is_empty() && !href.starts_with('#') && !links.iter().any(|known| known == href) {
                links.push(href.to_owned());
            }
        }
        links
    }
}

/// Whether a text is what fills the rest of a short preview line.
fn has_filler(text: &str) -> bool {
    text.matches('\u{34f}').count() > 3
}

/// The bytes of the style sheets and the `style` attributes.
fn styles(html: &str) -> usize {
    let tags = html::tags(html);
    let inline: usize = tags.iter().filter_map(|tag| tag.attribute("style")).map(str::len).sum();
    let sheets: usize = style_sheets(html).iter().map(std::iter::ExactSizeIterator::len).sum();
    inline + sheets
}

/// Where the contents of the `style` elements are.
pub(super) fn style_sheets(html: &str) -> Vec<std::ops::Range<usize>> {
    let mut sheets = Vec::new();
    let mut begun = None;
    for tag in html::tags(html).iter().filter(|tag| tag.name() == "style") {
        match begun.take() {
            Some(from) if tag.closing => sheets.push(from..tag.at.start),
            _ if !tag.closing => begun = Some(tag.at.end),
            _ => {}
        }
    }
    sheets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        let html = "<html><head><title>t</title><style>p{color:red}</style></head><body>\
                    <div style=\"display:none\">느린 편지</div><p>Hello &amp; more</p>\
                    <a href=\"https://a.example/\">a</a><a href=\"https://a.example/\">a</a><a href=\"#x\">x</a></body></html>";
        let message = format!(
            "From: =?utf-8?B?{}?= <a@b.example>\r\nSubject: =?utf-8?Q?a=20b?=\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=\"=_x\"\r\n\r\n--=_x\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db\r\n--=_x\r\n\
             Content-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--=_x--\r\n",
            "6riw"
        );
        Letter::read(message.into_bytes(), Vec::new())
    }

    #[test]
    fn the_parts_and_the_headers_come_out_of_the_bytes() {
        let letter = letter();
        assert_eq!((letter.text.as_str(), letter.header("subject")), ("a=b", "a b"));
        assert_eq!(letter.header("from"), "기 <a@b.example>");
        assert_eq!(letter.preview_line(), "느린 편지 Hello & more a a x");
        assert_eq!(letter.links(), ["https://a.example/"]);
    }

    #[test]
    fn the_size_is_the_sum_of_what_it_is_made_of() {
        let Letter { size, bytes, html, .. } = letter();
        assert_eq!(size.message(), bytes.len());
        assert_eq!(size.styles, "p{color:red}".len() + "display:none".len());
        assert_eq!((size.shown(), size.text, size.attachments), (html.len(), 3, 0));
    }

    #[test]
    fn the_preview_line_ends_where_an_inbox_stops_reading() {
        let filler = "\u{34f}\u{200c}\u{a0}".repeat(100);
        let page = format!("<div>Short{filler}</div><p>The letter itself</p>");
        let bytes = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{page}").into_bytes();
        assert_eq!(Letter::read(bytes, Vec::new()).preview_line(), "Short");
        let garbage = Letter::read(vec![0xff; 64], Vec::new());
        assert_eq!((garbage.preview_line().as_str(), garbage.html.as_str()), ("", ""));
    }
}
