//! Weekly digests: golden files, an independent parser, the linter, and very long digests.

use super::super::fixtures::{config, english_config, header, korean_config, post, recipient};
use super::super::tests::{assert_golden, parts};
use super::super::{Origin, lint};
use super::*;
use crate::archive::PostAuthor;
use crate::text::XmlText;

fn written(title: &str, slug: &str, body: &str) -> Post {
    Post { body: XmlText::clean(body).0, ..post(title, slug) }
}

fn template(posts: &[Post], config: &Config) -> MessageTemplate {
    let posts: Vec<&Post> = posts.iter().collect();
    let moment = DateTime::parse_from_rfc3339("2026-11-27T09:00:00+09:00").unwrap();
    compose_digest(&DigestContent { name: "2026-W48", moment, posts: &posts }, config, &Templates::builtin())
        .unwrap()
}

fn korean_week() -> Vec<Post> {
    let summary = "빠른 답장이 미덕이 된 시대에, 한 달에 한 번 쓰는 편지가 우리에게 남기는 것.";
    vec![
        Post {
            summary: Some(XmlText::clean(summary).0),
            authors: vec![PostAuthor { name: header("이서연") }],
            ..written("느리게 도착하는 것들에 대하여", "slow-things", "본문은 **길다**.")
        },
        written(
            "우체통이 있던 자리",
            "postbox",
            "골목 끝의 우체통이 없어졌다.[^1] 그 자리에는 [화분](https://example.org/)이 하나 놓여 있다.\n\n\
             <!-- more -->\n\n그 뒤의 이야기는 아무에게도 하지 않았다.\n\n[^1]: 2025년 가을.\n",
        ),
        written(
            "첫눈",
            "first-snow",
            "첫 문단이다.[^1] 둘째 문장이다.\n\n## 소제목\n\n둘째 문단이다.\n\n[^1]: 눈.\n",
        ),
    ]
}

#[test]
fn the_korean_digest_matches_the_golden_file() {
    assert_golden(
        "korean-week.eml",
        &template(&korean_week(), &korean_config()).render_for(&recipient(Some("김민준"))),
    );
}

#[test]
fn the_english_digest_matches_the_golden_file() {
    let posts = [
        written(
            "On things that arrive slowly",
            "slow",
            "Last month I found a *letter* & read it <b>twice</b>.\n",
        ),
        written("A postbox", "postbox", "The postbox at the end of the lane is gone.\n"),
    ];
    assert_golden("english-week.eml", &template(&posts, &english_config()).render_for(&recipient(None)));
}

#[test]
fn the_subject_counts_the_posts_and_a_single_post_gives_its_title() {
    let subject = |posts: &[Post], language: &str| {
        let site = format!("title = \"T\"\nurl = \"https://post.example.com/\"\nlanguage = \"{language}\"");
        template(posts, &config(&site, "from = \"kim@post.example.com\"")).subject.to_string()
    };
    let week = korean_week();
    assert_eq!(subject(&week, "ko"), "느리게 도착하는 것들에 대하여 외 2편");
    assert_eq!(subject(&week, "en"), "느리게 도착하는 것들에 대하여 and 2 more");
    assert_eq!(subject(&week, "ja"), "느리게 도착하는 것들에 대하여、ほか2件");
    assert_eq!(subject(&week[2..], "ko"), "첫눈");
    let long = written(&"긴 제목 ".repeat(60), "long", "");
    assert!(subject(&[long.clone(), long], "ko").chars().count() < 100);
}

#[test]
fn posts_do_not_affect_each_other_and_text_after_the_mark_is_left_out() {
    let bytes = template(&korean_week(), &korean_config()).render_for(&recipient(None));
    let (text, html) = parts(&bytes);
    for part in [&text, &html] {
        assert!(part.contains("화분이 하나") && part.contains("첫 문단이다."), "{part}");
        assert!(
            !part.contains("아무에게도") && !part.contains("소제목") && !part.contains("본문은"),
            "{part}"
        );
    }
    assert!(!html.contains("fn-1") && !html.contains(" id="), "{html}");
    for url in
        ["slow-things", "postbox", "first-snow"].map(|slug| format!("https://post.example.com/{slug}/"))
    {
        assert!(html.contains(&format!("href=\"{url}\"")) && text.contains(&url));
    }
}

#[test]
fn the_header_names_the_week_and_there_are_no_findings() {
    let template = template(&korean_week(), &korean_config());
    let field = template.headers.iter().find(|(name, _)| name == "Feedback-ID").unwrap();
    assert!(field.1.starts_with("2026-W48:letters:newsletter:"), "{}", field.1);
    assert_eq!(
        lint(&template, &template.render_for(&recipient(Some("김민준"))), &Origin::new("the week")),
        []
    );
}

#[test]
fn forty_long_posts_with_long_korean_addresses_are_not_clipped() {
    let slug = "%EA%B8%80".repeat(40);
    let posts: Vec<Post> = (0..40)
        .map(|n| {
            written(
                &format!("{n} {}", "제목 ".repeat(40)),
                &format!("{slug}{n}"),
                &"가나다라 <마> ".repeat(400),
            )
        })
        .collect();
    let template = template(&posts, &korean_config());
    assert!(issue::html_length(&template) <= 102_400, "{}", issue::html_length(&template));
    let html: String = parts(&template.render_for(&recipient(None))).1;
    assert!((0..40).all(|n| html.contains(&format!(">{n} 제목"))), "every title is there");
}

#[test]
fn users_can_replace_or_extend_the_digest_templates() {
    let own = "{% extends \"builtin/digest/body.html\" %}{% block header %}<h1>{{ digest.week }}</h1>\
               <a href=\"{{ unsubscribe_url }}\">x</a>{% endblock %}";
    let digest = [Some("{{ site.title }}: {{ posts|length }}".to_owned()), None, Some(own.to_owned())];
    let templates = Templates::builtin().with_digest(digest);
    let week = korean_week();
    let posts: Vec<&Post> = week.iter().collect();
    let moment = DateTime::parse_from_rfc3339("2026-11-27T09:00:00+09:00").unwrap();
    let week = DigestContent { name: "2026-W48", moment, posts: &posts };
    let template = compose_digest(&week, &korean_config(), &templates).unwrap();
    assert_eq!(template.subject.as_str(), "느린 우체국: 3");
    assert!(parts(&template.render_for(&recipient(None))).1.contains("<h1>2026-W48</h1>"));
    let wrong = Templates::builtin().with_digest([Some("{{ post.title }}".to_owned()), None, None]);
    let findings = compose_digest(&week, &korean_config(), &wrong).unwrap_err();
    assert!(findings[0].to_string().contains("templates/digest/subject.txt"), "{}", findings[0]);
}
