//! An issue as a web page: the email as it was sent, without what belongs to one subscriber and without what only Outlook
//! reads, and between links to the other issues and to the sign-up page.

use minijinja::context;
use minijinja::value::Serde;

use crate::email::{self, MessageTemplate, Placeholder, TemplatePart};
use crate::html::{self, push_escaped};
use crate::i18n::{self, Strings};

const TOP: &str = include_str!("templates/issue_top.html");
const BOTTOM: &str = include_str!("templates/issue_bottom.html");

/// Where the links around an issue lead.
pub(crate) struct IssueLinks<'a> {
    pub(crate) strings: &'a Strings,
    /// The list of issues.
    pub(crate) issues: String,
    /// The sign-up page.
    pub(crate) sign_up: Option<String>,
    /// The address and the subject of the issue before this one.
    pub(crate) older: Option<(String, String)>,
    /// The same for the one after it.
    pub(crate) newer: Option<(String, String)>,
}

/// The issue without personal data. The unsubscribe link leads to `home` instead.
pub(crate) fn impersonal(template: &MessageTemplate, home: &str) -> String {
    let page = template.html.iter().fold(String::new(), |mut page, piece| {
        match piece {
            TemplatePart::Fixed(text) => page.push_str(text),
            TemplatePart::Placeholder(Placeholder::Greeting) => {
                push_escaped(&mut page, &template.greeting.plain);
            }
            TemplatePart::Placeholder(Placeholder::Name) => {}
            TemplatePart::Placeholder(Placeholder::Unsubscribe) => push_escaped(&mut page, home),
        }
        page
    });
    without_conditions(&page)
}

/// The page without the parts for Outlook; what is hidden from Outlook stays.
fn without_conditions(page: &str) -> String {
    const SHOWN: [&str; 2] = ["<!--[if !mso]><!-->", "<!--<![endif]-->"];
    const END: &str = "<![endif]-->";
    let page = SHOWN.iter().fold(page.to_owned(), |page, mark| page.replace(mark, ""));
    let (mut out, mut rest) = (String::with_capacity(page.len()), page.as_str());
    while let Some((before, after)) = rest.split_once("<!--[if ") {
        out.push_str(before);
        // The end of the comment belongs to this one: comments do not contain others.
        let Some((_, after)) = after.split_once(END) else { return out };
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The page with links above and below.
pub(crate) fn with_links(page: &str, links: &IssueLinks<'_>) -> Result<String, minijinja::Error> {
    let link =
        |link: &Option<(String, String)>| link.as_ref().map(|(href, subject)| context! { href, subject });
    let strings = links.strings;
    let fields = context! {
        lang => &strings.tag,
        dir => i18n::direction(&strings.tag),
        web => Serde(&strings.web),
        page => Serde(&strings.page),
        issues => &links.issues,
        sign_up => &links.sign_up,
        older => link(&links.older),
        newer => link(&links.newer),
    };
    let environment = email::environment();
    let top = environment.render_named_str("issue_top.html", TOP, &fields)?;
    let bottom = environment.render_named_str("issue_bottom.html", BOTTOM, &fields)?;
    let (start, end) = body(page);
    Ok([&page[..start], "\n", &top, &page[start..end], &bottom, &page[end..]].concat())
}

/// Where the content of `<body>` begins and ends; all of a page without one.
fn body(page: &str) -> (usize, usize) {
    let tags = html::tags(page);
    let is_body = |closing: bool| move |tag: &&html::Tag| tag.name() == "body" && tag.closing == closing;
    let start = tags.iter().find(is_body(false)).map_or(0, |tag| tag.at.end);
    let end = tags.iter().rev().find(is_body(true)).map_or(page.len(), |tag| tag.at.start);
    (start, end.max(start))
}

/// The page with `markup` at the end of its head; unchanged without one.
pub(super) fn with_head(page: &str, markup: &str) -> String {
    let tags = html::tags(page);
    match tags.iter().find(|tag| tag.name() == "head" && tag.closing) {
        Some(end) => [&page[..end.at.start], markup, &page[end.at.start..]].concat(),
        None => page.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_one_mail_program_alone_reads_is_left_out() {
        let page = "<p>a<!--[if mso]><table><tr><td><![endif]-->b<!--[if !mso]><!--><img alt=\"\"><!--<![endif]-->\
                    <!--[if mso]></td></tr></table><![endif]-->c<!-- d --></p><!--[if mso]>";
        assert_eq!(without_conditions(page), "<p>ab<img alt=\"\">c<!-- d --></p>");
    }

    #[test]
    fn a_page_without_a_head_or_a_body_keeps_its_text() {
        assert_eq!(with_head("<p>a</p>", "<meta>"), "<p>a</p>");
        assert_eq!(with_head("<head></head><p>a</p>", "<meta>"), "<head><meta></head><p>a</p>");
        assert_eq!(body("<p>a</p>"), (0, 8));
        assert_eq!(body("<body>a</body>"), (6, 7));
    }

    proptest! {
        #[test]
        fn text_without_conditional_comments_is_unchanged(page in "(<p>|a|<!-- b -->|글|<!--){0,20}") {
            prop_assert_eq!(without_conditions(&page), page);
        }
    }
}
