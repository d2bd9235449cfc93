//! Transactional email to one subscriber: confirmation, "already subscribed", personal data.
//!
//! It contains no marketing and no text supplied through the form; otherwise the form could be abused to send arbitrary
//! content to strangers.

use minijinja::context;

use super::headers::{self, Sender};
use super::placeholders::Markers;
use super::templates::{self, Kind, TemplateSet, Templates};
use super::{Greeting, MessageTemplate, Placeholder, html, issue, preview, theme};
use crate::config::Config;
use crate::finding::Finding;
use crate::i18n::{self, Strings, TransactionalStrings};
use crate::subscribers::transactional::TransactionalKind;
use crate::text::HeaderText;

fn strings_of(kind: TransactionalKind, strings: &Strings) -> &TransactionalStrings {
    match kind {
        TransactionalKind::Confirm => &strings.confirmation,
        TransactionalKind::Known => &strings.already_subscribed,
        TransactionalKind::Data => &strings.personal_data,
    }
}

/// Composes a transactional email in `language` with its one link.
pub fn compose_transactional(
    kind: TransactionalKind,
    language: &str,
    link: &str,
    config: &Config,
) -> Result<MessageTemplate, Vec<Finding>> {
    let Some(from) = &config.newsletter.from else { return Err(vec![issue::no_sender()]) };
    let words = config.words.of(language);
    let (strings, issue) = (strings_of(kind, words), &words.issue);
    let title = config.site.title.as_str();
    let with_title = |text: &str| i18n::with_site(text, title);
    let subject =
        HeaderText::lossy(&with_title(&strings.subject)).unwrap_or_else(|| config.site.title.clone());
    let markers = Markers::absent_from(&[title, link].concat());
    let by_email = kind == TransactionalKind::Confirm && link.starts_with("mailto:");
    let intro_of_link = if by_email { &words.confirmation_by_email.intro } else { &strings.intro };
    let intro = preview::line(&with_title(intro_of_link));
    let fields = context! {
        lang => language,
        lang_primary => i18n::primary(language),
        dir => i18n::direction(language),
        subject => subject.as_str(),
        site => context! { title, url => config.site.url.as_str() },
        transactional => context! {
            intro => with_title(intro_of_link),
            link => &strings.link,
            url => link,
            note => &strings.note,
        },
        word_button => context! { start => html::WORD_BUTTON.0, end => html::WORD_BUTTON.1 },
        words => templates::strings(issue, title),
        preview_end => preview::end(&intro),
        preview => intro,
        unsubscribe_url => markers.of(Placeholder::Unsubscribe),
        ..theme::fields(&config.newsletter)
    };
    let templates = Templates::builtin();
    let renderer = templates.renderer(TemplateSet::Transactional, "", None)?;
    let one = |finding: Finding| vec![finding];
    let text = renderer.render(Kind::Text, &fields).map_err(one)?;
    let page = renderer.render(Kind::Html, &fields).map_err(one)?;
    let broken = |what: String| vec![Finding::error("letter-slip", "builtin/transactional/body.html", what)];
    let page = html::inlined(&page).map_err(|error| broken(error.to_string()))?;
    let cut = |part: &str| markers.split(part).map_err(|damage| broken(format!("line {}", damage.line)));
    let sender = Sender { site: &config.site, from, reply_to: config.newsletter.reply_to.as_ref() };
    Ok(MessageTemplate {
        headers: headers::transactional_headers(&subject, language, &sender),
        subject,
        text: cut(&text)?,
        html: cut(&page)?,
        greeting: Greeting::from_strings(issue),
    })
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use chrono::DateTime;
    use mail_parser::MessageParser;

    use super::*;
    use crate::address::{EmailAddress, Mailbox};
    use crate::email::{Recipient, Unsubscribe};

    fn config() -> Config {
        let text = "[site]\ntitle = \"느린 편지 & 친구들\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\n\
                    [newsletter]\nfrom = \"느린 편지 <news@letters.example>\"\n[web]\nurl = \"https://news.letters.example/\"\n";
        crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap()
    }

    fn message(kind: TransactionalKind, language: &str) -> Vec<u8> {
        let link = "https://news.letters.example/confirm/v1.k1.c.aaaa.1.bbbb";
        compose_transactional(kind, language, link, &config()).unwrap().render_for(&Recipient {
            to: Mailbox { name: None, address: EmailAddress::parse("reader@example.org").unwrap() },
            message_id: "0123@letters.example".to_owned(),
            date: DateTime::parse_from_rfc3339("2026-11-25T09:00:00+09:00").unwrap(),
            boundary_seed: "0123".to_owned(),
            unsubscribe: Unsubscribe {
                mailbox: EmailAddress::parse("leave@letters.example").unwrap(),
                token: "v1.k1.u.aaaa.1.bbbb".to_owned(),
                page: Some("https://news.letters.example/u/v1.k1.u.aaaa.1.bbbb".to_owned()),
                human: Some("https://news.letters.example/leave/v1.k1.u.aaaa.1.bbbb".to_owned()),
            },
        })
    }

    #[test]
    fn both_parts_contain_the_link_and_the_note_in_every_language() {
        for (kind, language) in TransactionalKind::ALL
            .into_iter()
            .flat_map(|kind| ["en", "ko-KR", "ja", "fr", "zh-TW", "ar", "he", "nl"].map(|l| (kind, l)))
        {
            let bytes = message(kind, language);
            let parsed = MessageParser::new().parse(&bytes).unwrap();
            let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
            let config = config();
            let strings = strings_of(kind, config.words.of(language));
            assert!(parsed.subject().unwrap().contains("느린 편지 & 친구들"), "{kind:?} {language}");
            assert!(text.contains("https://news.letters.example/confirm/v1.k1.c.aaaa.1.bbbb"));
            assert!(html.contains("href=\"https://news.letters.example/confirm/v1.k1.c.aaaa.1.bbbb\""));
            assert!(
                html.contains("느린 편지 &amp; 친구들")
                    && html.replace("&nbsp;", "\u{a0}").contains(&strings.note)
            );
            let flat = |text: &str| text.split_whitespace().collect::<String>();
            assert!(flat(&text).contains(&flat(&strings.note)), "{text}");
            assert!(bytes.len() < 16_000, "the message has {} bytes", bytes.len());
        }
    }

    #[test]
    fn its_headers_stop_autoresponders_from_replying() {
        let bytes = String::from_utf8(message(TransactionalKind::Confirm, "ko")).unwrap();
        for field in [
            "Auto-Submitted: auto-generated\r\n",
            "X-Auto-Response-Suppress: All\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        ] {
            assert!(bytes.contains(field), "{field}");
        }
        assert!(!bytes.contains("Precedence"), "transactional email is not bulk mail");
    }
}
