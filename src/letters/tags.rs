//! Walks over the tags of HTML that a serializer wrote (ammonia, css-inline): attributes in double quotes, names in
//! lower case. It never fails; on HTML of another kind it may see less.

use std::borrow::Cow;
use std::ops::Range;

/// A start or end tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// The name in lower case, as the serializer wrote it.
    pub(crate) name: &'a str,
    /// `</name>`.
    pub(crate) closing: bool,
    /// Where it stands, `<` and `>` included.
    pub(crate) at: Range<usize>,
    inside: &'a str,
}

impl<'a> Tag<'a> {
    /// The attributes in order, their values without character references.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        let mut rest = self.inside;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(rest.len());
            let (name, tail) = rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            let Some(tail) = tail.strip_prefix('=') else {
                rest = tail;
                return Some((name, Cow::Borrowed("")));
            };
            let (value, tail) = match tail.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => tail.split_at(tail.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tail.len())),
            };
            rest = tail;
            Some((name, decoded(value)))
        })
    }

    /// The value of one attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        self.attributes().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// Every tag in order. Comments, the doctype and the text of `<style>` and `<script>` are passed over.
pub(crate) fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        loop {
            let start = position + html.get(position..)?.find('<')?;
            let rest = &html[start..];
            if rest.starts_with("<!--") {
                position = start + rest.find("-->")? + 3;
                continue;
            }
            let end = start + end_of_tag(rest)?;
            position = end;
            let body = &html[start + 1..end - 1];
            let (closing, body) = body.strip_prefix('/').map_or((false, body), |body| (true, body));
            if !body.starts_with(|c: char| c.is_ascii_alphabetic()) {
                continue;
            }
            let name_end = body.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(body.len());
            let (name, inside) = body.split_at(name_end);
            if !closing && matches!(name, "style" | "script") {
                let close = ["</", name].concat();
                position += html[position..].find(&close).unwrap_or(html.len() - position);
            }
            return Some(Tag { name, closing, at: start..end, inside });
        }
    })
}

/// The byte after the `>` of the tag with which `html` begins; one inside quotes does not count.
fn end_of_tag(html: &str) -> Option<usize> {
    let mut quoted = false;
    html.bytes()
        .position(|byte| {
            quoted ^= byte == b'"';
            byte == b'>' && !quoted
        })
        .map(|at| at + 1)
}

/// The text without the character references that serializers write.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Cow::Owned(plain.replace("&nbsp;", "\u{A0}").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_and_attributes_are_found_where_they_stand() {
        let html = "<!-- <b> --><p><a href=\"/?a=1&amp;b=>\" download>글</a><br/></p><style>a > b {}</style>";
        let seen: Vec<_> = tags(html).map(|tag| (tag.name, tag.closing)).collect();
        assert_eq!(
            seen,
            [
                ("p", false),
                ("a", false),
                ("a", true),
                ("br", false),
                ("p", true),
                ("style", false),
                ("style", true)
            ]
        );
        let link = tags(html).nth(1).unwrap();
        assert_eq!(link.attribute("href").unwrap(), "/?a=1&b=>");
        assert_eq!(link.attribute("download").unwrap(), "");
        assert!(html[link.at].starts_with("<a "));
    }

    proptest! {
        #[test]
        fn any_text_is_walked_to_its_end(html in "[<>a-z\"'/= !가&;-]{0,80}") {
            let mut last = 0;
            for tag in tags(&html) {
                prop_assert!(tag.at.start >= last && html.get(tag.at.clone()).is_some());
                last = tag.at.end;
                let _ = tag.attributes().count();
            }
        }
    }
}
