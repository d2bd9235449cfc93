//! Whole emails: composed, written, read back by an independent parser, and linted.

use std::sync::LazyLock;

use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::fixtures::{
    composed, config, english_config, english_message, english_post, from_markdown, header, japanese_message,
    korean_config, korean_message, korean_post, post, recipient,
};
use super::headers::{self, Sender};
use super::{
    Mailbox, MessageTemplate, Origin, PictureSizes, Placeholder, Recipient, TemplatePart, Templates, compose,
    lint,
};
use crate::archive::Post;
use crate::config::{Color, Config};
use crate::finding::Finding;
use crate::text::XmlText;

fn lines_of(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The text and the HTML part as a mail program sees them.
pub(super) fn parts(message: &[u8]) -> (String, String) {
    let message = MessageParser::new().parse(message).unwrap();
    assert_eq!(message.text_body_count(), 1);
    (message.body_text(0).unwrap().into_owned(), message.body_html(0).unwrap().into_owned())
}

/// A message that begins with a greeting.
fn greeting((post, body): (Post, String), mut config: Config) -> MessageTemplate {
    config.newsletter.greeting = true;
    composed(&post, &body, &config, &Templates::builtin()).unwrap()
}

/// Compares with a file of `tests/data/letters`; `UPDATE_GOLDEN` in the build's environment writes it instead.
pub(super) fn assert_golden(name: &str, message: &[u8]) {
    let path = format!("{}/tests/data/letters/{name}", env!("CARGO_MANIFEST_DIR"));
    if option_env!("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, message).unwrap();
    }
    let golden = std::fs::read(&path).unwrap();
    assert!(golden == message, "{name} differs:\n{}", String::from_utf8_lossy(message));
}

#[test]
fn the_korean_email_matches_the_golden_file() {
    assert_golden("korean.eml", &korean_message().render_for(&recipient(Some("김민준"))));
}

#[test]
fn the_japanese_email_matches_the_golden_file() {
    assert_golden("japanese.eml", &japanese_message().render_for(&recipient(Some("キム"))));
}

#[test]
fn the_english_email_matches_the_golden_file() {
    assert_golden("english.eml", &english_message().render_for(&recipient(None)));
}

/// The email of a post in Markdown, with a `newsletter` section and the language of the site.
fn assert_golden_markdown(name: &str, (title, language): (&str, &str), body: &str, newsletter: &str) {
    let site = format!(
        "title = \"The slow post\"\nurl = \"https://post.example.com/\"\nlanguage = \"{language}\"\n\
         author = {{ name = \"R. & D.\", avatar = \"https://post.example.com/rd.jpg\" }}"
    );
    let config = config(&site, &format!("from = \"Post <letters@post.example.com>\"\n{newsletter}"));
    let mut post = post(title, "golden");
    post.strings = config.words.of(language).clone();
    post.dialect.formulas = crate::archive::Formulas::On;
    post.body = XmlText::clean(body).0;
    assert_golden(name, &from_markdown(&post, &config).render_for(&recipient(None)));
}

#[test]
fn the_email_with_every_block_matches_the_golden_file() {
    let body = include_str!("../../tests/data/letters/blocks.md");
    assert_golden_markdown("blocks.eml", ("가을 모임", "ko"), body, "");
}

#[test]
fn the_email_of_the_magazine_theme_matches_the_golden_file() {
    let body = include_str!("../../tests/data/letters/blocks.md");
    let newsletter = "theme = \"magazine\"\naccent = \"#a03020\"\nlogo = \"https://post.example.com/logo.png\"\n\
                      logo_dark = \"https://post.example.com/logo-dark.png\"\ngreeting = true\n[web]\nurl = \"https://news.post.example.com/\"";
    assert_golden_markdown("magazine.eml", ("가을 모임", "ko"), body, newsletter);
}

#[test]
fn the_email_with_formulas_matches_the_golden_file() {
    let body = include_str!("../../tests/data/letters/formulas.md");
    assert_golden_markdown("formulas.eml", ("How sure we are", "en"), body, "");
}

#[test]
fn the_arabic_email_matches_the_golden_file() {
    let body = include_str!("../../tests/data/letters/arabic.md");
    assert_golden_markdown("arabic.eml", ("عن الأشياء البطيئة", "ar"), body, "");
}

#[test]
fn the_email_of_raw_html_matches_the_golden_file() {
    let body = include_str!("../../tests/data/letters/html.md");
    assert_golden_markdown("html.eml", ("Three things to read", "en"), body, "");
}

#[test]
fn an_independent_parser_reads_every_field_and_part_back() {
    let bytes = greeting(korean_post(), korean_config()).render_for(&recipient(Some("김민준")));
    let message = MessageParser::new().parse(&bytes).unwrap();
    assert_eq!(message.subject(), Some("느리게 도착하는 것들에 대하여"));
    let (from, to) = (message.from().unwrap().first().unwrap(), message.to().unwrap().first().unwrap());
    assert_eq!((from.name(), from.address()), (Some("느린 우체국"), Some("letters@post.example.com")));
    assert_eq!((to.name(), to.address()), (Some("김민준"), Some("reader@example.net")));
    assert_eq!(message.message_id(), Some("6f1d2c3b4a596877@post.example.com"));
    assert_eq!(message.date().unwrap().to_rfc3339(), "2026-11-20T09:00:00+09:00");
    assert_eq!(message.content_type().unwrap().subtype(), Some("alternative"));
    let kinds: Vec<_> = message.parts.iter().filter_map(|part| part.content_type()?.subtype()).collect();
    assert_eq!(kinds, ["alternative", "plain", "html"], "the text comes first");
    let (text, html) = parts(&bytes);
    assert!(text.contains("안녕하세요, 김민준 님."));
    assert!(html.contains("안녕하세요, 김민준 님."));
}

#[test]
fn one_click_is_announced_only_with_a_page_and_the_page_comes_first() {
    let template = korean_message();
    let mut recipient = recipient(None);
    let with_page = String::from_utf8(template.render_for(&recipient)).unwrap();
    assert!(with_page.contains(
        "List-Unsubscribe: <https://news.post.example.com/u/v1.k1.unsub.42.q7Jx_2mE>,\r\n \
         <mailto:leave@post.example.com?subject=unsubscribe%20v1.k1.unsub.42.q7Jx_2mE>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    ));
    (recipient.unsubscribe.page, recipient.unsubscribe.human) = (None, None);
    let bytes = template.render_for(&recipient);
    assert!(!String::from_utf8_lossy(&bytes).contains("One-Click"));
    let (text, html) = parts(&bytes);
    let mailto = "mailto:leave@post.example.com?subject=unsubscribe%20v1.k1.unsub.42.q7Jx_2mE";
    assert!(text.contains(mailto) && html.contains(&format!("href=\"{mailto}\"")));
}

#[test]
fn the_list_keeps_its_name_when_the_site_moves() {
    let list_id = |template: &MessageTemplate| {
        template.headers.iter().find(|(name, _)| name == "List-Id").unwrap().1.clone()
    };
    let (post, body) = korean_post();
    let mut moved = korean_config();
    moved.site.url = crate::config::SiteUrl::parse("https://new-home.example.org/").unwrap();
    let template = composed(&post, &body, &moved, &Templates::builtin()).unwrap();
    assert_eq!(list_id(&template), list_id(&korean_message()));
}

#[test]
fn both_parts_contain_the_same_text() {
    let (post, body) = korean_post();
    let template = composed(&post, &body, &korean_config(), &Templates::builtin()).unwrap();
    let (text, html) = parts(&template.render_for(&recipient(Some("김민준"))));
    for word in [
        "서랍을",
        "기다림은",
        "전시",
        "쓰인",
        "전화로",
        "우표",
        "답장",
        "열두",
        "--dry-run",
        "34쪽",
        "수신",
        "세종대로",
    ] {
        assert_eq!(text.contains(word), html.contains(word), "{word}");
    }
    let visible = super::lint::page_text(&html);
    for word in text.split_whitespace().filter(|word| word.chars().all(|c| ('가'..='힣').contains(&c))) {
        assert!(visible.contains(word), "{word} is only in the text part");
    }
}

#[test]
fn a_name_is_escaped_in_html_and_unchanged_in_text() {
    let message = greeting(english_post(), english_config());
    let (text, html) = parts(&message.render_for(&recipient(Some("Tom & <Jerry>"))));
    assert!(text.contains("Hello Tom & <Jerry>,"));
    assert!(html.contains("Hello Tom &amp; &lt;Jerry&gt;,") && !html.contains("<Jerry>"));
}

#[test]
fn markup_in_a_title_is_text_everywhere() {
    let (mut post, body) = english_post();
    post.title = header("a </title><b> & \"c\"");
    let template = composed(&post, &body, &korean_config(), &Templates::builtin()).unwrap();
    let (text, html) = parts(&template.render_for(&recipient(None)));
    assert!(text.contains(post.title.as_str()));
    assert_eq!(html.matches("a &lt;/title&gt;&lt;b&gt; &amp; ").count(), 2, "{html}");
}

#[test]
fn directional_marks_of_a_title_are_in_the_text_and_not_in_the_headers() {
    let (mut post, body) = english_post();
    (post.title, post.marked_title) = (header("אבג (abc)"), Some("אבג\u{200F} (abc)".to_owned()));
    let template = composed(&post, &body, &korean_config(), &Templates::builtin()).unwrap();
    let message = template.render_for(&recipient(None));
    assert_eq!(MessageParser::new().parse(&message).unwrap().subject(), Some("אבג (abc)"));
    assert!(parts(&message).0.contains("אבג\u{200F} (abc)"));
}

#[test]
fn template_syntax_in_a_post_is_not_executed() {
    let (mut post, _) = korean_post();
    post.title = header("{{ 7 * 7 }}");
    let body = "<p>{{ unsubscribe_url }} {% include 'x' %}</p>".to_owned();
    let template = composed(&post, &body, &korean_config(), &Templates::builtin()).unwrap();
    assert_eq!(template.subject.as_str(), "{{ 7 * 7 }}");
    let (text, html) = parts(&template.render_for(&recipient(None)));
    assert!(text.contains("{{ unsubscribe_url }} {% include 'x' %}"));
    assert!(html.contains("{{ unsubscribe_url }} {% include 'x' %}"));
}

#[test]
fn a_post_is_composed_from_its_markdown() {
    let (mut post, _) = korean_post();
    let markdown = "**첫 문단**입니다. [전시](/exhibition/)[^1]\n\n- [x] 우표\n- [ ] 답장\n\n| 가 | 나 |\n|---|---|\n| 1 | 2 |\n\n\
                    ![우체통](box.jpg)\n\n[^1]: 주석입니다.\n";
    post.body = crate::text::XmlText::clean(markdown).0;
    let body = crate::archive::markdown::render(&post);
    let sizes =
        PictureSizes::from([("https://post.example.com/slow-things/box.jpg".to_owned(), (1120, 500))]);
    let template = compose(&post, (&body, &sizes), &korean_config(), &Templates::builtin()).unwrap();
    let bytes = template.render_for(&recipient(None));
    let (text, html) = parts(&bytes);
    assert!(text.contains("*첫 문단*입니다. 전시 [1]¹"), "{text}");
    assert!(text.contains("☑ 우표\r\n☐ 답장"), "{text}");
    assert!(
        html.contains("<strong>첫 문단</strong>입니다. <a href=\"https://post.example.com/exhibition/\""),
        "{html}"
    );
    assert!(
        html.contains("class=\"lp-task\"") && html.contains("class=\"lp-scroll\"") && html.contains('↩'),
        "{html}"
    );
    assert!(html.contains("width=\"560\" height=\"250\""), "{html}");
    assert_eq!(lint(&template, &bytes, &Origin::new("posts/a.md")), []);
}

#[test]
fn the_preview_line_is_the_preheader_the_summary_or_the_beginning_of_the_text() {
    let (mut post, body) = korean_post();
    let hidden = |post: &Post| {
        let message = composed(post, &body, &korean_config(), &Templates::builtin()).unwrap();
        let (_, html) = parts(&message.render_for(&recipient(None)));
        let begin = html.find("lp-preview").unwrap();
        let line = html[begin..].split_once('>').unwrap().1;
        line.split(['<', '\u{34f}']).next().unwrap().to_owned()
    };
    assert!(hidden(&post).starts_with("빠른 답장이 미덕이 된 시대에"));
    post.preheader = Some(crate::text::XmlText::clean("서랍 속\n편지 <한 통>").0);
    assert_eq!(hidden(&post), "서랍 속 편지 &lt;한 통&gt;");
    (post.preheader, post.summary) = (None, None);
    post.body = crate::text::XmlText::clean("# 제목\n\n지난달 **서랍**을 정리했다.\n").0;
    assert_eq!(hidden(&post), "지난달 서랍을 정리했다.");
}

#[test]
fn a_subject_in_the_front_matter_wins_over_the_title_and_the_template() {
    let (mut post, body) = korean_post();
    post.subject = Some(header("이번 달 편지"));
    let mut config = korean_config();
    config.newsletter.subject = Some("{{ site.title }}: {{ post.title }}".to_owned());
    let message = composed(&post, &body, &config, &Templates::builtin()).unwrap();
    assert_eq!(message.subject.as_str(), "이번 달 편지");
}

#[test]
fn an_email_that_gmail_may_cut_off_has_its_unsubscribe_link_at_the_top_too() {
    let (post, _) = korean_post();
    for (rows, links) in [(10, 1), (400, 2)] {
        // The styles of the cells make it many times longer.
        let body =
            format!("<table>{}</table>", "<tr><td>a</td><td>b</td><td>c</td><td>d</td></tr>".repeat(rows));
        let message = composed(&post, &body, &korean_config(), &Templates::builtin()).unwrap();
        let unsubscribe = TemplatePart::Placeholder(Placeholder::Unsubscribe);
        assert_eq!(message.html.iter().filter(|part| **part == unsubscribe).count(), links);
        let found = lint(&message, &message.render_for(&recipient(None)), &Origin::new("posts/a.md"));
        assert!(found.iter().all(|finding| finding.severity != crate::finding::Severity::Error), "{found:?}");
    }
}

#[test]
fn a_greeting_is_written_only_if_it_is_asked_for() {
    let (post, body) = korean_post();
    let mut config = korean_config();
    for asked in [false, true] {
        config.newsletter.greeting = asked;
        let message = composed(&post, &body, &config, &Templates::builtin()).unwrap();
        let (text, html) = parts(&message.render_for(&recipient(Some("김민준"))));
        assert_eq!((text.contains("김민준"), html.contains("김민준")), (asked, asked));
    }
}

#[test]
fn rules_in_the_style_block_need_no_style_element() {
    let (post, body) = korean_post();
    let rule = ".lp-title { color: #123456 }";
    for rules in [
        rule.to_owned(),
        format!("<style>{rule}</style>"),
        format!("<STYLE>p {{ margin: 0 }}</STYLE>{rule}"),
        format!("{rule}<style>p {{ margin: 0 }}</style>"),
    ] {
        let page = format!("{{% extends \"builtin/body.html\" %}}{{% block style %}}{rules}{{% endblock %}}");
        let templates = Templates::new(None, None, Some(page));
        let message = composed(&post, &body, &korean_config(), &templates).unwrap();
        let (_, html) = parts(&message.render_for(&recipient(None)));
        assert!(html.contains("style=\"color:#123456\"") && !html.contains(".lp-title {"), "{html}");
    }
}

#[test]
fn a_right_to_left_email_has_its_margins_and_borders_on_the_right() {
    let (mut post, _) = korean_post();
    post.language = Some("ar".to_owned());
    let body = "<blockquote><p>a</p></blockquote><ul><li>b</li></ul><table><tr><td>c</td></tr></table>";
    let message = composed(&post, body, &korean_config(), &Templates::builtin()).unwrap();
    let (_, html) = parts(&message.render_for(&recipient(None)));
    for style in
        ["border-right:3px solid #cfc9be", "direction:rtl", "text-align:right", "margin:0 26px 20px 0"]
    {
        assert!(html.contains(style), "{style} is missing in {html}");
    }
    assert!(html.contains("dir=\"rtl\"") && !html.contains("border-left"), "{html}");
}

#[test]
fn an_email_without_a_sender_is_an_error_with_a_hint() {
    let (post, body) = korean_post();
    let mut config = korean_config();
    config.newsletter.from = None;
    let findings = composed(&post, &body, &config, &Templates::builtin()).unwrap_err();
    assert_eq!(findings[0].rule, "newsletter-from");
    assert!(findings[0].hint.is_some());
}

fn complaints(subject: Option<&str>, text: Option<&str>, html: Option<&str>) -> Vec<Finding> {
    let own = |source: Option<&str>| source.map(str::to_owned);
    let (post, body) = english_post();
    let templates = Templates::new(own(subject), own(text), own(html));
    composed(&post, &body, &english_config(), &templates).unwrap_err()
}

#[test]
fn a_mistake_in_a_template_is_reported_with_its_file_and_line() {
    let typo = complaints(None, None, Some("<html>\n<p>{{ post.titel }}</p>"));
    assert_eq!((typo[0].file.as_str(), typo[0].line), ("templates/body.html", Some(2)));
    assert_eq!(typo[0].message, "there is no field `post.titel`");
    let syntax = complaints(None, Some("{% if %}"), Some("{{ name"));
    assert_eq!(
        syntax.iter().map(|f| f.file.as_str()).collect::<Vec<_>>(),
        ["templates/body.txt", "templates/body.html"]
    );
    let endless = complaints(
        None,
        Some("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"),
        None,
    );
    assert_eq!(endless[0].message, "the template does not come to an end");
    let filtered = complaints(None, Some("{{ greeting|upper }} {{ unsubscribe_url }}"), None);
    assert_eq!(filtered[0].rule, "letter-slot");
    let empty = complaints(Some("{# nothing #}"), None, None);
    assert_eq!((empty[0].rule, empty[0].file.as_str()), ("letter-subject", "templates/subject.txt"));
}

#[test]
fn a_subject_in_the_configuration_is_a_template_and_its_mistakes_name_that_file() {
    let (post, body) = english_post();
    let site = "title = \"The Slow Post\"\nurl = \"https://post.example.com/\"";
    let good =
        config(site, "from = \"a@post.example.com\"\nsubject = \"{{ site.title }}: {{ post.title }}\"");
    let template = composed(&post, &body, &good, &Templates::builtin()).unwrap();
    assert_eq!(template.subject.as_str(), "The Slow Post: On things that arrive slowly");
    let bad = config(site, "from = \"a@post.example.com\"\nsubject = \"{{ site.name }}\"");
    let findings = composed(&post, &body, &bad, &Templates::builtin()).unwrap_err();
    assert_eq!((findings[0].file.as_str(), findings[0].line), ("config.toml", None));
}

#[test]
fn a_template_of_the_user_can_extend_the_built_in_one() {
    let (post, body) = english_post();
    let own = "{% extends \"builtin/body.html\" %}{% block header %}<h1>Mine</h1>{% endblock %}";
    let templates = Templates::new(None, None, Some(own.to_owned()));
    let template = composed(&post, &body, &english_config(), &templates).unwrap();
    let (_, html) = parts(&template.render_for(&recipient(None)));
    assert!(html.contains(">Mine</h1>") && html.contains("Last month") && html.contains("Unsubscribe"));
}

#[test]
fn a_frozen_letter_presses_the_same_copies_after_a_restart() {
    let template = korean_message();
    let thawed: MessageTemplate = serde_json::from_str(&serde_json::to_string(&template).unwrap()).unwrap();
    let recipient = recipient(Some("김민준"));
    assert_eq!(template.render_for(&recipient), thawed.render_for(&recipient));
}

/// The colours of a rule list: selector, property, value.
fn declarations(css: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for rule in css.split('}') {
        let Some((selectors, body)) = rule.rsplit_once('{') else { continue };
        let selectors = selectors.rsplit('{').next().unwrap_or_default();
        for declaration in body.split(';') {
            let Some((property, value)) = declaration.split_once(':') else { continue };
            let value = value.replace("!important", "").trim().to_owned();
            if value.starts_with('#') {
                for selector in selectors.split(',') {
                    found.push((selector.trim().to_owned(), property.trim().to_owned(), value.clone()));
                }
            }
        }
    }
    found
}

/// WCAG 2.2, relative luminance.
fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn every_text_colour_has_enough_contrast_on_every_background_in_both_palettes() {
    let page = include_str!("templates/issue/body.html");
    let css = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    // The text of a button is only on the button. `theme` makes the accent color readable.
    let css: Vec<&str> =
        css.lines().filter(|line| !line.contains("a.button") && !line.contains("{%")).collect();
    let accent = Color::parse("#0b57a4").unwrap();
    let dark = accent.readable_on(Color::parse("#292724").unwrap());
    let css = css.join("\n").replace("{{ accent.light }}", &accent.to_string());
    let css = css.replace("{{ accent.dark }}", &dark.to_string());
    let css: String =
        css.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest)).collect();
    let (light, dark) = css.split_once("@media (prefers-color-scheme: dark)").unwrap();
    for (palette, least) in [(light, 10), (dark, 10)] {
        let all = declarations(palette);
        let of = |wanted: &str| {
            all.iter().filter(|d| d.1 == wanted).map(|d| (&d.0, luminance(&d.2))).collect::<Vec<_>>()
        };
        let (texts, grounds) = (of("color"), of("background-color"));
        assert!(texts.len() >= least && grounds.len() >= 2, "the palette was not found");
        for (selector, text) in &texts {
            for (_, ground) in &grounds {
                let (high, low) = if text > ground { (text, ground) } else { (ground, text) };
                let contrast = (high + 0.05) / (low + 0.05);
                assert!(contrast >= 4.5, "{selector} has a contrast of {contrast:.2}");
            }
        }
    }
}

static PLAIN_MESSAGE: LazyLock<MessageTemplate> = LazyLock::new(english_message);

proptest! {
    #[test]
    fn any_title_and_any_name_round_trip_through_short_ascii_lines(
        title in "\\PC{1,120}",
        name in "\\PC{1,60}",
        words in prop::collection::vec("[a-zA-Z가-힣=?,.'\"\\\\()<>@:;🙂]{1,90}", 1..12),
    ) {
        for (title, name) in [(title.clone(), name.clone()), (words.join(" "), words.join(" "))] {
            let (Some(title), Some(name)) = (crate::text::HeaderText::lossy(&title), crate::text::HeaderText::lossy(&name))
            else { continue };
            let mut config = korean_config();
            let from = config.newsletter.from.as_mut().unwrap();
            from.name = Some(name.clone());
            let sender = Sender { site: &config.site, from, reply_to: None };
            let headers = headers::issue_headers(&title, ("2026-W47", "en"), &sender);
            let template = MessageTemplate { headers, ..PLAIN_MESSAGE.clone() };
            let bytes = template.render_for(&recipient(Some(name.as_str())));
            let head = &bytes[..memchr::memmem::find(&bytes, b"\r\n\r\n").unwrap()];
            prop_assert!(head.is_ascii());
            for line in lines_of(head) {
                prop_assert!(line.len() <= 78, "{}", String::from_utf8_lossy(line));
            }
            let message = MessageParser::new().parse(&bytes).unwrap();
            prop_assert_eq!(message.subject(), Some(title.as_str()));
            prop_assert_eq!(message.from().unwrap().first().unwrap().name(), Some(name.as_str()));
            prop_assert_eq!(message.to().unwrap().first().unwrap().name(), Some(name.as_str()));
        }
    }

    #[test]
    fn any_text_round_trips_through_short_lines_and_every_slot_is_filled(body in "[a-zA-Z가-힣 =.\n\tF-]{0,400}", name in prop::option::of("\\PC{1,20}")) {
        let name = name.as_deref().and_then(crate::text::HeaderText::lossy);
        let recipient = Recipient {
            to: Mailbox { name: name.clone(), ..recipient(None).to },
            ..recipient(None)
        };
        let template = MessageTemplate {
            text: vec![
                TemplatePart::Placeholder(Placeholder::Greeting),
                TemplatePart::Fixed(format!("\n{body}")),
                TemplatePart::Placeholder(Placeholder::Name),
                TemplatePart::Fixed(" .\nFrom here\n".to_owned()),
                TemplatePart::Placeholder(Placeholder::Unsubscribe),
                TemplatePart::Fixed("\n".to_owned()),
            ],
            ..PLAIN_MESSAGE.clone()
        };
        let bytes = template.render_for(&recipient);
        prop_assert_eq!(&bytes, &template.render_for(&recipient));
        for line in lines_of(&bytes) {
            prop_assert!(line.len() <= 78 && !line.starts_with(b"From "));
        }
        let (text, _) = parts(&bytes);
        let shown = name.as_ref().map_or("", |name| name.as_str());
        let greeting = if shown.is_empty() { "Hello,".to_owned() } else { format!("Hello {shown},") };
        let page = recipient.unsubscribe.human.as_deref().unwrap();
        let wanted = format!("{greeting}\n{body}{shown} .\nFrom here\n{page}\n").replace('\n', "\r\n");
        // The line break before a boundary is part of the boundary.
        prop_assert_eq!(text.trim_end(), wanted.trim_end());
    }
}

#[test]
fn a_post_in_another_language_has_the_words_and_the_date_of_its_language() {
    let (mut post, body) = korean_post();
    post.language = Some("ar".to_owned());
    let mut config = super::fixtures::korean_config();
    config.newsletter.greeting = true;
    let template = composed(&post, &body, &config, &Templates::builtin()).unwrap();
    let (text, html) = parts(&template.render_for(&recipient(Some("ليلى"))));
    for part in [&text, &html] {
        for words in ["مرحبًا ليلى،", "20 نوفمبر 2026", "إلغاء الاشتراك", "«느린 우체국»"]
        {
            assert!(part.contains(words), "{words}: {part}");
        }
        assert!(!part.contains("수신 거부"), "{part}");
    }
    assert!(html.contains("lang=\"ar\"") && html.contains("dir=\"rtl\""), "{html}");
}
