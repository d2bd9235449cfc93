//! Each rule with a case that it reports and one that it does not, and the built-in templates, which have no finding.

use super::super::{Origin, Report};
use super::lint;
use crate::archive::Post;
use crate::config::{Config, Theme};
use crate::email::fixtures::{config, from_markdown, post};
use crate::email::{DigestContent, MessageTemplate, Templates, compose_digest, compose_transactional};
use crate::finding::Finding;
use crate::subscribers::transactional::TransactionalKind;
use crate::text::XmlText;

fn findings(html: &str, origin: &Origin) -> Vec<Finding> {
    let mut report = Report { origin, findings: Vec::new() };
    lint(html, &mut report);
    report.findings
}

fn rules(html: &str) -> Vec<&'static str> {
    findings(html, &Origin::new("a")).into_iter().map(|finding| finding.rule).collect()
}

/// The message of the only finding.
fn message(html: &str) -> String {
    let mut found = findings(html, &Origin::new("a"));
    assert_eq!(found.len(), 1, "{html}: {found:?}");
    found.remove(0).message
}

#[test]
fn css_that_a_client_ignores_is_reported_unless_something_is_enough_beside_it() {
    for (wrong, right) in [
        ("display:flex;gap:9px", "display:block"),
        ("display:inline-grid", "display:inline-block"),
        ("float:left", "text-align:left"),
        ("position:absolute;top:0", "position:static"),
        ("transform:rotate(2deg)", "letter-spacing:1px"),
        ("font-size:1rem", "font-size:16px;font-size:1rem"),
        ("height:10vh", "height:90px;height:10vh"),
        ("font-size:calc(1px + 1em)", "font-size:16px;font-size:calc(1px + 1em)"),
        ("color:var(--a)", "color:#123;color:var(--a)"),
        (
            "background-image:url(https://e.org/a.png)",
            "background-color:#fff;background-image:url(https://e.org/a.png)",
        ),
        ("background:url('https://e.org/a.png')", "background:#fff"),
        ("background:linear-gradient(red,blue)", "background:red;background:linear-gradient(red,blue)"),
        ("color:rgba(0,0,0,.5)", "color:#777;color:rgba(0,0,0,.5)"),
        ("color:rgb(0 0 0)", "color:rgb(0,0,0)"),
        ("color:oklch(50% 0 0)", "color:gray;color:oklch(50% 0 0)"),
        ("margin-left:-24px", "margin-left:24px"),
        ("text-indent:-1em", "text-indent:1em"),
        ("text-align:start", "text-align:right"),
        ("white-space:pre-wrap", "white-space:nowrap"),
        ("writing-mode:vertical-rl", "direction:rtl"),
        ("height:fit-content", "height:auto"),
        ("list-style:url(https://e.org/a.png)", "list-style:none"),
        ("margin-inline-start:9px", "margin-left:9px"),
        ("object-fit:cover", "border-radius:9px;box-shadow:0 0 9px #000;-webkit-filter:none;mso-hide:all"),
    ] {
        assert_eq!(rules(&format!("<p style=\"{wrong}\">a</p>")), ["letter-css"], "{wrong}");
        assert_eq!(rules(&format!("<p style=\"{right}\">a</p>")), [""; 0], "{right}");
    }
}

#[test]
fn an_attribute_or_an_element_can_be_enough() {
    for right in [
        "<img src=\"https://e.org/a.png\" width=\"9\" align=\"left\" style=\"float:left\">",
        "<table cellspacing=\"3\" style=\"border-spacing:3px\"></table>",
        "<table bgcolor=\"#ffffff\" style=\"background-image:url(https://e.org/a.png)\"></table>",
        "<pre style=\"white-space:pre-wrap\">a</pre>",
        "<p>a <ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby></p>",
        "<picture><source srcset=\"b\"><img src=\"https://e.org/a.png\" width=\"9\"></picture>",
    ] {
        assert_eq!(rules(right), [""; 0], "{right}");
    }
}

#[test]
fn elements_attributes_and_picture_formats_that_a_client_ignores_are_reported() {
    for (wrong, rule) in [
        ("<ruby>漢字<rt>かんじ</rt></ruby>", "letter-html-element"),
        ("<svg></svg>", "letter-html-element"),
        ("<form><input type=\"text\"><button>a</button></form>", "letter-html-element"),
        ("<video src=\"https://e.org/a.mp4\"></video>", "letter-html-element"),
        ("<meter></meter>", "letter-html-element"),
        ("<p hidden>a</p>", "letter-html-attribute"),
        ("<ol reversed style=\"margin:0 0 0 20px\"></ol>", "letter-html-attribute"),
        ("<img src=\"https://e.org/a.WebP?x=1.png\" width=\"9\">", "letter-image-format"),
        ("<style>@import url(a.css);</style>", "letter-css"),
        ("<style>p::before { content: 'a' }</style>", "letter-css"),
    ] {
        assert_eq!(rules(wrong), [rule], "{wrong}");
    }
    for right in [
        "<img src=\"https://e.org/webp/a.png\" width=\"9\">",
        "<section><figure><abbr title=\"b\">a</abbr><wbr></figure></section>",
        "<style>@media (max-width: 9px) { p { display: flex } p::before { content: 'a' } } p:hover { color: red }</style>",
    ] {
        assert_eq!(rules(right), [""; 0], "{right}");
    }
}

#[test]
fn what_word_shows_in_another_way_is_reported_by_element() {
    let ghost = "<!--[if mso]><table width=\"600\"><tr><td><![endif]-->";
    for (rule, wrong, right) in [
        (
            "letter-list-margin",
            "<ul style=\"margin:0;padding:0 0 0 20px\"></ul>".to_owned(),
            "<ul style=\"margin:0 0 9px 26px;padding:0\"></ul>".to_owned(),
        ),
        (
            "letter-list-margin",
            "<ol></ol>".to_owned(),
            "<ol style=\"margin:0;margin-left:1.5em\"></ol>".to_owned(),
        ),
        (
            "letter-list-margin",
            "<ul style=\"margin-left:20px;margin:9px 0\"></ul>".to_owned(),
            "<ul dir=\"rtl\" style=\"margin:0 26px 0 0\"></ul>".to_owned(),
        ),
        (
            "letter-table-width",
            "<table style=\"width:100%\"></table>".to_owned(),
            "<table width=\"100%\" style=\"width:100%\"></table>".to_owned(),
        ),
        (
            "letter-table-align",
            "<table style=\"margin:0 auto\"></table>".to_owned(),
            "<table align=\"center\" style=\"margin:0 auto\"></table>".to_owned(),
        ),
        (
            "letter-image-width",
            "<img src=\"https://e.org/a.png\" style=\"max-width:100%\">".to_owned(),
            "<img src=\"https://e.org/a.png\" width=\"560\" style=\"max-width:100%\">".to_owned(),
        ),
        (
            "letter-width",
            "<div style=\"max-width:560px\">a</div>".to_owned(),
            format!(
                "{ghost}<div style=\"max-width:560px\">a</div><!--[if mso]></td></tr></table><![endif]-->"
            ),
        ),
        (
            "letter-width",
            format!("{ghost}</td></tr></table><![endif]--><div style=\"max-width:560px\">a</div>").replacen(
                "<tr><td><![endif]-->",
                "<tr><td>",
                1,
            ),
            "<table width=\"600\"><tr><td><div style=\"width:560px\">a</div></td></tr></table>".to_owned(),
        ),
        (
            "letter-width",
            "<div style=\"width:300px\">a</div>".to_owned(),
            "<div style=\"width:100%;max-width:0\">a</div>".to_owned(),
        ),
        (
            "letter-button",
            "<a style=\"background:#000;padding:9px 20px\">a</a>".to_owned(),
            "<a style=\"background:#000;padding:9px 20px\"><!--[if mso]>&emsp;<![endif]-->a</a>".to_owned(),
        ),
        (
            "letter-button",
            "<a style=\"background-color:#000;border:solid #000;border-width:10px 22px\">a</a>".to_owned(),
            "<a style=\"padding:9px\">a</a>".to_owned(),
        ),
    ] {
        assert_eq!(rules(&wrong), [rule], "{wrong}");
        assert_eq!(rules(&right), [""; 0], "{right}");
    }
}

#[test]
fn a_style_element_that_gmail_ignores_is_reported() {
    let sheet =
        |rules: usize| format!("<style>{}</style>", "@media print { p { color: red } }\n".repeat(rules));
    assert_eq!(rules(&sheet(100)), [""; 0]);
    assert_eq!(rules(&sheet(600)), ["letter-style-size"]);
}

#[test]
fn what_is_hidden_from_word_is_not_reported_for_it() {
    let flex = "<div style=\"display:flex\">a</div>";
    assert!(message(flex).starts_with(
        "Outlook 2016–2024 for Windows (4 % of opens) and the Gmail app with other accounts ignore"
    ));
    let hidden = format!("<!--[if !mso]><!-->{flex}<div style=\"width:9px\"></div><!--<![endif]--><p>b</p>");
    assert!(message(&hidden).starts_with("the Gmail app with other accounts ignores `display: flex`: "));
    let commented = format!("<!--[if !mso]><p>b</p><![endif]-->{flex}");
    assert_eq!(message(&commented), message(flex));
}

#[test]
fn one_matter_is_one_finding_with_all_clients() {
    let columns =
        "<div style=\"display:flex;justify-content:center\"></div><div style=\"display:flex;gap:9px\"></div>";
    let message = message(columns);
    assert!(
        message.contains("Gmail (30 %)")
            && message.contains("ignore `display: flex`, `justify-content` or `gap`: "),
        "{message}"
    );
    let found = findings("<p style=\"font-size:2rem\"></p>", &Origin::new("templates/body.html"));
    assert_eq!(
        found[0].to_string(),
        "templates/body.html: warning: Outlook 2016–2024 for Windows (4 % of opens), Yahoo Mail (3 %) and AOL Mail \
         ignore the unit `rem`: the size is ignored\n    \
         help: a size in px; https://www.caniemail.com/features/css-unit-rem/"
    );
}

#[test]
fn a_finding_names_the_line_of_the_template_or_of_the_post() {
    let post =
        Post { body: XmlText::clean("One.\n\nTwo <ruby>漢<rt>かん</rt></ruby>.\n").0, ..post("A", "a") };
    let page =
        "{% extends \"builtin/body.html\" %}\n{% block style %}\n.a { font-size: 2rem; }\n{% endblock %}";
    let origin = Origin::of_post(&post).with_templates(vec![("templates/body.html".to_owned(), page)]);
    let html = "<p style=\"font-size:2rem\"><ruby>漢<rt>かん</rt></ruby></p><p style=\"color:var(--a)\"></p>";
    let places: Vec<_> =
        findings(html, &origin).into_iter().map(|found| (found.rule, found.file, found.line)).collect();
    let expected = [
        ("letter-css", "templates/body.html", Some(3)),
        ("letter-css", "posts/a.md", None),
        ("letter-html-element", "posts/a.md", Some(7)),
    ];
    assert_eq!(places, expected.map(|(rule, file, line)| (rule, file.to_owned(), line)));
}

/// Everything that a post can contain.
const BODY: &str = "\
A paragraph with `code`, a [link](https://example.org/), *stress*, ~~deleted~~ text and a note.[^1]

## Heading

> Quote

> [!NOTE]
> A callout

* one
  1. nested
* two

- [ ] open
- [x] done

| a | b |
|:--|--:|
| 1 | 2 |

```sh
letterpress publish
```

![Picture](https://example.org/a.png)

[Subscribe](https://example.com/join/){.button}

<figure><img src=\"https://example.org/b.png\" alt=\"b\"><figcaption>c</figcaption></figure>

<details><summary>More</summary>text</details>

<video src=\"https://example.org/a.mp4\"></video>

***

[^1]: The note.
";

fn emails(config: &Config, language: &str) -> Vec<MessageTemplate> {
    let image = "https://post.example.com/lead.jpg".parse().ok();
    let body = XmlText::clean(BODY).0;
    let post = Post { body, image, summary: Some(XmlText::clean("Summary").0), ..post("Title", "a") };
    let issue = from_markdown(&post, config);
    let digest = DigestContent { name: "2026-W48", moment: post.published, posts: &[&post] };
    let digest = compose_digest(&digest, config, &Templates::builtin()).unwrap();
    let confirmation =
        compose_transactional(TransactionalKind::Confirm, language, "https://news.example/c/1", config)
            .unwrap();
    vec![issue, digest, confirmation]
}

#[test]
fn the_built_in_templates_have_no_finding_and_need_no_style_element() {
    for (theme, language) in [Theme::Plain, Theme::Magazine]
        .into_iter()
        .flat_map(|theme| ["en", "ko", "ja", "ar"].map(|l| (theme, l)))
    {
        let site =
            format!("title = \"Site\"\nurl = \"https://post.example.com/\"\nlanguage = \"{language}\"");
        let newsletter = "from = \"A <a@post.example.com>\"\nlogo = \"https://post.example.com/l.png\"\n\
                          logo_dark = \"https://post.example.com/d.png\"\ngreeting = true\naddress = \"Street 1\"";
        let mut config = config(&site, newsletter);
        config.newsletter.theme = theme;
        for email in emails(&config, language) {
            let html = super::super::whole(&email.html);
            assert_eq!(findings(&html, &Origin::new("a")), [], "{theme:?} {language} {html}");
            // Programs without `<style>`, such as Gmail in a phone's browser: every rule outside of media queries is in the elements.
            let sheet = html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
            let classes = html.replace(sheet, "");
            for rule in sheet.split("@media").next().unwrap().lines().filter(|rule| rule.starts_with('.')) {
                let class = rule.trim_start_matches('.').split([' ', '.', ',', ':', '{']).next().unwrap();
                let is_plain = rule.split('{').next().unwrap().trim() == format!(".{class}");
                assert!(
                    !is_plain || !classes.contains(&format!("class=\"{class}\"")),
                    "{rule} is not in its element"
                );
            }
        }
    }
}
