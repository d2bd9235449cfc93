//! Small letters that answer one reader: "please confirm", "you read it already", "here are your data".
//!
//! Short, without any praise of anything, and without a word that whoever filled in the form could have chosen: a form
//! that mails strangers' words to strangers is used for exactly that.

use minijinja::context;

use super::headers::{self, Sender};
use super::html;
use super::slots::Markers;
use super::templates::{Kind, Set, Templates};
use super::words::{self, Words};
use super::{Letter, Slot};
use crate::config::Config;
use crate::finding::Finding;
use crate::subscribers::errand::ErrandKind;
use crate::text::HeaderText;

/// What one small letter says; `{}` stands for the site's title.
struct Says {
    subject: &'static str,
    why: &'static str,
    link: &'static str,
    and_then: &'static str,
}

const ENGLISH: [Says; 3] = [
    Says {
        subject: "Please confirm: {}",
        why: "Somebody, most likely you, asked for the letters of {} at this address. If it was you, open this page and press the button:",
        link: "Confirm",
        and_then: "The link works for seven days. If it was not you, do nothing: no letter will come.",
    },
    Says {
        subject: "You read {} already",
        why: "Somebody, most likely you, asked for the letters of {} at this address. They come here already. You can choose which ones, and how often:",
        link: "Choose",
        and_then: "If it was not you, there is nothing to do: nothing was changed.",
    },
    Says {
        subject: "Your data at {}",
        why: "Somebody, most likely you, wants to see what {} keeps about this address. You can read, save or erase it here:",
        link: "Your data",
        and_then: "The link works for one hour. If it was not you, do nothing: nothing is shown to anybody.",
    },
];

const KOREAN: [Says; 3] = [
    Says {
        subject: "구독 확인: {}",
        why: "이 주소로 {} 구독 신청이 들어왔습니다. 직접 신청하셨다면 아래 페이지를 열고 단추를 눌러 주세요.",
        link: "구독 확인",
        and_then: "링크는 7일 동안 쓸 수 있습니다. 신청하신 적이 없다면 그대로 두세요. 편지는 가지 않습니다.",
    },
    Says {
        subject: "이미 {} 구독 중입니다",
        why: "이 주소로 {} 구독 신청이 들어왔습니다. 이미 구독하고 계십니다. 어떤 글을 얼마나 자주 받을지 여기에서 고를 수 있습니다.",
        link: "받을 글 고르기",
        and_then: "신청하신 적이 없다면 그대로 두세요. 바뀐 것은 없습니다.",
    },
    Says {
        subject: "{}에 보관된 내 정보",
        why: "{}에 보관된 이 주소의 정보를 보겠다는 요청이 들어왔습니다. 여기에서 읽고, 저장하고, 지울 수 있습니다.",
        link: "내 정보 보기",
        and_then: "링크는 한 시간 동안 쓸 수 있습니다. 요청하신 적이 없다면 그대로 두세요. 아무에게도 보여 주지 않습니다.",
    },
];

const JAPANESE: [Says; 3] = [
    Says {
        subject: "購読の確認: {}",
        why: "このアドレスで「{}」の購読のお申し込みがありました。ご本人の場合は、次のページを開いてボタンを押してください。",
        link: "購読を確認する",
        and_then: "リンクは7日間有効です。お心当たりがなければ、そのままにしてください。メールは届きません。",
    },
    Says {
        subject: "すでに「{}」を購読中です",
        why: "このアドレスで「{}」の購読のお申し込みがありました。すでにお届けしています。内容と頻度はここで選べます。",
        link: "内容を選ぶ",
        and_then: "お心当たりがなければ、そのままにしてください。何も変わっていません。",
    },
    Says {
        subject: "「{}」に保存されているあなたの情報",
        why: "このアドレスについて「{}」に保存されている情報を見たいというご依頼がありました。ここで確認、保存、削除ができます。",
        link: "情報を見る",
        and_then: "リンクは1時間有効です。お心当たりがなければ、そのままにしてください。誰にも表示されません。",
    },
];

impl Says {
    fn of(kind: ErrandKind, language: &str) -> &'static Self {
        let all = match words::primary(language).as_str() {
            "ko" => &KOREAN,
            "ja" => &JAPANESE,
            _ => &ENGLISH,
        };
        &all[kind as usize]
    }
}

/// Composes a small letter in `language` with its one link.
pub fn compose_slip(
    kind: ErrandKind,
    language: &str,
    link: &str,
    config: &Config,
) -> Result<Letter, Vec<Finding>> {
    let Some(from) = &config.newsletter.from else { return Err(vec![super::issue::no_sender()]) };
    let says = Says::of(kind, language);
    let words = Words::of(language);
    let title = config.site.title.as_str();
    let with_title = |text: &str| text.replace("{}", title);
    let subject = HeaderText::lossy(&with_title(says.subject)).unwrap_or_else(|| config.site.title.clone());
    let markers = Markers::absent_from(&[title, link].concat());
    let fields = context! {
        lang => language,
        lang_primary => words::primary(language),
        dir => if words::is_right_to_left(language) { "rtl" } else { "ltr" },
        subject => subject.as_str(),
        site => context! { title, url => config.site.url.as_str() },
        slip => context! {
            why => with_title(says.why),
            link => says.link,
            url => link,
            and_then => says.and_then,
        },
        words => words.fields(title),
        newsletter => context! { address => config.newsletter.address.as_deref() },
        unsubscribe_url => markers.of(Slot::Unsubscribe),
    };
    let templates = Templates::builtin();
    let printer = templates.printer(Set::Slip, "", None)?;
    let one = |finding: Finding| vec![finding];
    let text = printer.print(Kind::Text, &fields).map_err(one)?;
    let page = printer.print(Kind::Html, &fields).map_err(one)?;
    let broken = |what: String| vec![Finding::error("letter-slip", "builtin/slip/body.html", what)];
    let page = html::inlined(&page).map_err(|error| broken(error.to_string()))?;
    let cut = |part: &str| markers.split(part).map_err(|damage| broken(format!("line {}", damage.line)));
    let sender = Sender { site: &config.site, from, reply_to: config.newsletter.reply_to.as_ref() };
    Ok(Letter {
        headers: headers::of_slip(&subject, language, &sender),
        subject,
        text: cut(&text)?,
        html: cut(&page)?,
        greeting: words.greeting(),
    })
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use chrono::DateTime;
    use mail_parser::MessageParser;

    use super::*;
    use crate::address::{EmailAddress, Mailbox};
    use crate::letters::{Recipient, Unsubscribe};

    fn config() -> Config {
        let text = "[site]\ntitle = \"느린 편지 & 친구들\"\nurl = \"https://letters.example/\"\nlanguage = \"ko\"\n\
                    [newsletter]\nfrom = \"느린 편지 <news@letters.example>\"\n[web]\nurl = \"https://news.letters.example/\"\n";
        crate::config::parse(text, "config.toml", Utf8Path::new(".")).unwrap()
    }

    fn message(kind: ErrandKind, language: &str) -> Vec<u8> {
        let link = "https://news.letters.example/confirm/v1.k1.c.aaaa.1.bbbb";
        compose_slip(kind, language, link, &config()).unwrap().copy_for(&Recipient {
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
    fn every_small_letter_says_in_both_parts_and_three_languages_what_to_do_and_that_one_may_do_nothing() {
        for (kind, language) in
            ErrandKind::ALL.into_iter().flat_map(|kind| ["en", "ko-KR", "ja", "fr"].map(|l| (kind, l)))
        {
            let bytes = message(kind, language);
            let parsed = MessageParser::new().parse(&bytes).unwrap();
            let (text, html) = (parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap());
            let says = Says::of(kind, language);
            assert!(parsed.subject().unwrap().contains("느린 편지 & 친구들"), "{kind:?} {language}");
            assert!(text.contains("https://news.letters.example/confirm/v1.k1.c.aaaa.1.bbbb"));
            assert!(html.contains("href=\"https://news.letters.example/confirm/v1.k1.c.aaaa.1.bbbb\""));
            assert!(html.contains("느린 편지 &amp; 친구들") && html.contains(says.and_then));
            let flat = |text: &str| text.split_whitespace().collect::<String>();
            assert!(flat(&text).contains(&flat(says.and_then)), "{text}");
            assert!(bytes.len() < 16_000, "a small letter has {} bytes", bytes.len());
        }
    }

    #[test]
    fn it_says_that_a_machine_wrote_it_so_that_no_machine_answers() {
        let bytes = String::from_utf8(message(ErrandKind::Confirm, "ko")).unwrap();
        for field in [
            "Auto-Submitted: auto-generated\r\n",
            "X-Auto-Response-Suppress: All\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        ] {
            assert!(bytes.contains(field), "{field}");
        }
        assert!(!bytes.contains("Precedence"), "it is no bulk mail");
    }
}
