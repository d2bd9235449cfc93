//! Good emails, and emails with one fault each.

use super::super::fixtures::{
    composed, english_config, english_message, english_post, header, japanese_message, korean_config,
    korean_message, korean_post, recipient,
};
use super::super::{TemplatePart, Templates};
use super::{Origin, lint};
use crate::finding::Severity;

#[test]
fn the_built_in_emails_have_no_findings() {
    for template in [korean_message(), japanese_message(), english_message()] {
        let findings = lint(&template, &template.render_for(&recipient(None)), &Origin::new("posts/a.md"));
        assert_eq!(findings, [], "{}", template.subject);
    }
}

#[test]
fn every_problem_of_an_email_is_found_with_a_hint() {
    let (post, _) = english_post();
    let body = "<p><a href=\"/about\">a</a> <a href=\"https://u@example.org/\">b</a> <a href=\"http://192.0.2.1/\">c</a> \
                 <a href=\"https://evil.example\">https://bank.example</a> <a href=\"https://bit.ly/x\">d</a> \
                 <img src=\"https://example.org/a.svg\" alt=\"a\"> <img src=\"data:image/png;base64,AA\" alt=\"b\"> \
                 <img src=\"https://example.org/b.png\"> <span style=\"font-size:0\">e</span></p><object></object>"
        .to_owned();
    let mut template = composed(&post, &body, &english_config(), &Templates::builtin()).unwrap();
    template.subject = header("RE: BUY THIS NOW PLEASE");
    template.text = vec![TemplatePart::Fixed("<p>\u{7}</p>\n".to_owned())];
    let findings = lint(
        &template,
        b"From: a\nSubject: =?utf-8?b?7J20?= =?utf-8?b?7J0=?=\r\n\r\n",
        &Origin::new("posts/a.md"),
    );
    let errors = [
        "letter-unsubscribe",
        "letter-control",
        "letter-relative-url",
        "letter-html-element",
        "letter-line-end",
        "letter-header-count",
        "letter-encoded-word",
    ];
    let warnings = [
        "letter-subject-capitals",
        "letter-subject-reply",
        "letter-text-html",
        "letter-url-user",
        "letter-url-ip",
        "letter-link-text",
        "letter-url-short",
        "letter-image-format",
        "letter-image-data",
        "letter-image-alt",
        "letter-hidden-text",
    ];
    let notes = ["letter-one-click"];
    let all =
        [(&errors[..], Severity::Error), (&warnings[..], Severity::Warning), (&notes[..], Severity::Note)];
    for (rules, severity) in all {
        for rule in rules {
            let found = findings.iter().find(|finding| finding.rule == *rule);
            assert!(
                found.is_some_and(|finding| finding.severity == severity && finding.hint.is_some()),
                "{rule}"
            );
        }
    }
}

#[test]
fn a_clipped_email_is_a_warning_and_a_clipped_unsubscribe_link_an_error() {
    let (post, _) = korean_post();
    let body = format!("<p>{}</p>", "가나다라마바사 ".repeat(5_000));
    let own = "<!doctype html><html lang=\"ko\"><title>a</title>{{ post.content_html }}<a href=\"{{ unsubscribe_url }}\">x</a>";
    let rules = |templates: &Templates| {
        let template = composed(&post, &body, &korean_config(), templates).unwrap();
        let findings = lint(&template, &template.render_for(&recipient(None)), &Origin::new("posts/a.md"));
        findings.into_iter().map(|finding| (finding.severity, finding.rule)).collect::<Vec<_>>()
    };
    assert_eq!(rules(&Templates::builtin()), [(Severity::Warning, "letter-size")]);
    assert_eq!(
        rules(&Templates::new(None, None, Some(own.to_owned()))),
        [(Severity::Warning, "letter-size"), (Severity::Error, "letter-size-unsubscribe")]
    );
}
