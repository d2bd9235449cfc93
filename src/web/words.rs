//! The words of the pages, in English, Korean and Japanese. No template holds any of its own; `{}` stands for the site's
//! title.

use serde::Serialize;

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Korean,
    Japanese,
}

impl Language {
    /// The tag (BCP 47).
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
            Self::Japanese => "ja",
        }
    }

    /// The language of a tag, by its primary subtag.
    pub(super) fn of(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "ko" => Some(Self::Korean),
            "ja" => Some(Self::Japanese),
            _ => None,
        }
    }

    /// The first language of an `Accept-Language` field (RFC 9110, 12.5.4) that the pages speak. Browsers write them in
    /// the order of their weights.
    pub(super) fn accepted(field: &str) -> Option<Self> {
        field.split(',').find_map(|range| Self::of(range.split(';').next().unwrap_or_default().trim()))
    }

    /// The words of this language.
    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::English => &ENGLISH,
            Self::Korean => &KOREAN,
            Self::Japanese => &JAPANESE,
        }
    }
}

/// A page that says something and asks for nothing, or for one press of a button.
#[derive(Debug, Serialize)]
pub(super) struct Says {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    /// The button, where there is one.
    pub(super) button: &'static str,
}

/// Everything that the pages say.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    pub(super) subscribe: &'static str,
    pub(super) intro: &'static str,
    pub(super) email: &'static str,
    pub(super) name: &'static str,
    pub(super) optional: &'static str,
    pub(super) topics: &'static str,
    pub(super) topics_hint: &'static str,
    pub(super) cadence: &'static str,
    pub(super) each: &'static str,
    pub(super) weekly: &'static str,
    pub(super) leave_empty: &'static str,
    pub(super) privacy: &'static str,
    pub(super) issues: &'static str,
    pub(super) no_issues: &'static str,
    pub(super) newer: &'static str,
    pub(super) older: &'static str,
    pub(super) your_data: &'static str,
    pub(super) data_intro: &'static str,
    pub(super) send_link: &'static str,
    pub(super) download: &'static str,
    pub(super) erase: &'static str,
    pub(super) erase_sure: &'static str,
    pub(super) erase_text: &'static str,
    pub(super) save: &'static str,
    pub(super) less: &'static str,
    pub(super) less_text: &'static str,
    pub(super) by_mail: &'static str,
    pub(super) home: &'static str,
    pub(super) asked: Says,
    pub(super) data_asked: Says,
    pub(super) check_address: Says,
    pub(super) confirm: Says,
    pub(super) confirmed: Says,
    pub(super) already: Says,
    pub(super) expired: Says,
    pub(super) leave: Says,
    pub(super) left: Says,
    pub(super) undone: Says,
    pub(super) too_late: Says,
    pub(super) choose: Says,
    pub(super) chosen: Says,
    pub(super) erased: Says,
    pub(super) nothing: Says,
    pub(super) not_found: Says,
    pub(super) not_allowed: Says,
    pub(super) too_large: Says,
    pub(super) elsewhere: Says,
    pub(super) later: Says,
}

const fn says(title: &'static str, text: &'static str) -> Says {
    Says { title, text, button: "" }
}

const fn asks(title: &'static str, text: &'static str, button: &'static str) -> Says {
    Says { title, text, button }
}

static ENGLISH: Words = Words {
    subscribe: "Subscribe",
    intro: "New posts come to you as letters. You can leave at any time with one click.",
    email: "Email address",
    name: "Name",
    optional: "optional",
    topics: "What about?",
    topics_hint: "Choose some, or none for everything.",
    cadence: "How often?",
    each: "Each post when it appears",
    weekly: "Once a week, all together",
    leave_empty: "Leave this empty",
    privacy: "Privacy",
    issues: "All letters",
    no_issues: "No letter has been sent yet.",
    newer: "Newer",
    older: "Older",
    your_data: "Your data",
    data_intro: "Type your address. If it is known here, a letter with a link to your data comes to it.",
    send_link: "Send me the link",
    download: "Save as a file",
    erase: "Erase everything about me",
    erase_sure: "Yes, erase everything",
    erase_text: "No letter will come any more, and nothing about you stays here but a fingerprint of your address, so that nobody can put you on the list again. This cannot be undone.",
    save: "Save",
    less: "Or get less",
    less_text: "Perhaps it is only too much.",
    by_mail: "Or leave by mail:",
    home: "To the first page",
    asked: says(
        "Look into your mailbox",
        "If this address can be subscribed, a letter with a link is on its way to it. It can take a few minutes; look into the spam folder too. Nothing is sent to you before you confirm.",
    ),
    data_asked: says(
        "Look into your mailbox",
        "If this address is known here, a letter with a link is on its way to it. The link works for one hour.",
    ),
    check_address: says(
        "This is no email address",
        "Please go back and look at it once more: one address such as name@example.com, and a name without a web address.",
    ),
    confirm: asks("One more press", "Press the button, and the letters come to you.", "Confirm"),
    confirmed: says("You are on the list", "The next letter comes by itself."),
    already: says("You are on the list already", "There is nothing more to do."),
    expired: says("This link is too old", "Please subscribe once more; a new link comes to you."),
    leave: asks("Do you want to leave?", "No letter will come any more.", "Unsubscribe"),
    left: asks("You have left", "No letter comes to you any more. Was it a mistake?", "Undo"),
    undone: says("You are back", "The letters come to you as before."),
    too_late: says("This cannot be taken back any more", "You can subscribe once more."),
    choose: asks("What would you like to get?", "", "Save"),
    chosen: says("Saved", "It holds from the next letter on."),
    erased: says(
        "Everything is erased",
        "Nothing about you is kept here any more but a fingerprint of your address.",
    ),
    nothing: says(
        "This link leads nowhere",
        "It is too old, or a part of it is missing. Please copy the whole link from the letter.",
    ),
    not_found: says("There is no such page", "Perhaps the address was mistyped."),
    not_allowed: says("That cannot be done here", "Please go back and use the button on the page."),
    too_large: says("That is too much", "Please send less."),
    elsewhere: says("This came from another site", "Please use the button on our own page."),
    later: says(
        "This does not work at the moment",
        "Nothing was changed. Please try again in a few minutes.",
    ),
};

static KOREAN: Words = Words {
    subscribe: "구독하기",
    intro: "새 글을 편지로 보내 드립니다. 언제든지 한 번에 그만둘 수 있습니다.",
    email: "이메일 주소",
    name: "이름",
    optional: "선택",
    topics: "어떤 글을 받으시겠습니까?",
    topics_hint: "고르지 않으시면 모든 글을 보내 드립니다.",
    cadence: "얼마나 자주 받으시겠습니까?",
    each: "새 글이 나올 때마다",
    weekly: "일주일에 한 번 모아서",
    leave_empty: "비워 두세요",
    privacy: "개인정보 처리방침",
    issues: "지난 편지",
    no_issues: "아직 보낸 편지가 없습니다.",
    newer: "최근 편지",
    older: "예전 편지",
    your_data: "내 정보",
    data_intro: "이메일 주소를 적어 주세요. 이곳에 있는 주소라면 내 정보를 볼 수 있는 링크를 편지로 보내 드립니다.",
    send_link: "링크 받기",
    download: "파일로 저장",
    erase: "내 정보 모두 지우기",
    erase_sure: "네, 모두 지웁니다",
    erase_text: "더 이상 편지가 가지 않습니다. 다른 사람이 다시 등록하지 못하도록 주소의 지문만 남기고 모두 지웁니다. 되돌릴 수 없습니다.",
    save: "저장",
    less: "덜 받기",
    less_text: "편지가 너무 많으셨다면 줄일 수도 있습니다.",
    by_mail: "메일로 그만두기:",
    home: "처음으로",
    asked: says(
        "메일함을 확인해 주세요",
        "구독할 수 있는 주소라면 확인 링크가 담긴 편지가 곧 도착합니다. 몇 분 걸릴 수 있으니 스팸함도 살펴봐 주세요. 확인하시기 전에는 아무 편지도 보내지 않습니다.",
    ),
    data_asked: says(
        "메일함을 확인해 주세요",
        "이곳에 있는 주소라면 링크가 담긴 편지가 곧 도착합니다. 링크는 한 시간 동안 쓸 수 있습니다.",
    ),
    check_address: says(
        "이메일 주소가 아닙니다",
        "뒤로 돌아가 다시 한번 확인해 주세요. name@example.com 같은 주소 하나를 적고, 이름에는 웹 주소를 넣지 말아 주세요.",
    ),
    confirm: asks("한 번만 더 눌러 주세요", "아래 단추를 누르시면 편지를 보내 드립니다.", "구독 확인"),
    confirmed: says("구독해 주셔서 고맙습니다", "다음 편지부터 보내 드립니다."),
    already: says("이미 구독 중입니다", "더 하실 일은 없습니다."),
    expired: says("링크의 기한이 지났습니다", "다시 신청해 주시면 새 링크를 보내 드립니다."),
    leave: asks("구독을 그만두시겠습니까?", "더 이상 편지가 가지 않습니다.", "수신 거부"),
    left: asks("수신 거부되었습니다", "더 이상 편지가 가지 않습니다. 실수로 누르셨습니까?", "되돌리기"),
    undone: says("다시 구독 중입니다", "전과 같이 편지를 보내 드립니다."),
    too_late: says("되돌릴 수 있는 시간이 지났습니다", "다시 구독하실 수 있습니다."),
    choose: asks("어떤 편지를 받으시겠습니까?", "", "저장"),
    chosen: says("저장했습니다", "다음 편지부터 그대로 보내 드립니다."),
    erased: says("모두 지웠습니다", "주소의 지문 말고는 아무것도 남아 있지 않습니다."),
    nothing: says(
        "쓸 수 없는 링크입니다",
        "너무 오래되었거나 일부가 빠졌습니다. 편지에 있는 링크 전체를 복사해 주세요.",
    ),
    not_found: says("없는 페이지입니다", "주소를 다시 확인해 주세요."),
    not_allowed: says("여기에서는 할 수 없는 일입니다", "뒤로 돌아가 페이지의 단추를 눌러 주세요."),
    too_large: says("너무 큽니다", "더 적게 보내 주세요."),
    elsewhere: says("다른 사이트에서 온 요청입니다", "이곳의 페이지에서 단추를 눌러 주세요."),
    later: says("지금은 할 수 없습니다", "바뀐 것은 없습니다. 몇 분 뒤에 다시 해 주세요."),
};

static JAPANESE: Words = Words {
    subscribe: "購読する",
    intro: "新しい記事をメールでお届けします。いつでもワンクリックで停止できます。",
    email: "メールアドレス",
    name: "お名前",
    optional: "任意",
    topics: "どの記事をお届けしますか",
    topics_hint: "選ばなければ、すべての記事をお届けします。",
    cadence: "どのくらいの頻度でお届けしますか",
    each: "新しい記事が出るたびに",
    weekly: "週に一度、まとめて",
    leave_empty: "空のままにしてください",
    privacy: "プライバシー",
    issues: "これまでのメール",
    no_issues: "まだ何も送られていません。",
    newer: "新しいもの",
    older: "古いもの",
    your_data: "あなたの情報",
    data_intro: "メールアドレスをご記入ください。登録されているアドレスであれば、情報を見るためのリンクをお送りします。",
    send_link: "リンクを受け取る",
    download: "ファイルに保存",
    erase: "私の情報をすべて消す",
    erase_sure: "はい、すべて消します",
    erase_text: "今後メールは届きません。ほかの人が再び登録できないように、アドレスの指紋だけを残してすべて消します。元に戻すことはできません。",
    save: "保存",
    less: "減らす",
    less_text: "多すぎる場合は、減らすこともできます。",
    by_mail: "メールで停止する:",
    home: "最初のページへ",
    asked: says(
        "メールをご確認ください",
        "購読できるアドレスであれば、確認のリンクがまもなく届きます。数分かかることがあります。迷惑メールのフォルダもご覧ください。確認が済むまで、何もお送りしません。",
    ),
    data_asked: says(
        "メールをご確認ください",
        "登録されているアドレスであれば、リンクがまもなく届きます。リンクは1時間有効です。",
    ),
    check_address: says(
        "メールアドレスではありません",
        "前のページに戻って、もう一度ご確認ください。name@example.com のようなアドレスを一つご記入ください。お名前にはウェブのアドレスを入れないでください。",
    ),
    confirm: asks("もう一度押してください", "ボタンを押すと、メールをお届けします。", "購読を確認する"),
    confirmed: says("ご購読ありがとうございます", "次のメールからお届けします。"),
    already: says("すでに購読中です", "ほかにすることはありません。"),
    expired: says("リンクの期限が過ぎています", "もう一度お申し込みください。新しいリンクをお送りします。"),
    leave: asks("購読を停止しますか", "今後メールは届きません。", "配信停止"),
    left: asks("配信を停止しました", "今後メールは届きません。間違って押しましたか。", "元に戻す"),
    undone: says("購読を再開しました", "これまでどおりメールをお届けします。"),
    too_late: says("元に戻せる期間が過ぎました", "もう一度お申し込みいただけます。"),
    choose: asks("どのメールをお届けしますか", "", "保存"),
    chosen: says("保存しました", "次のメールから反映されます。"),
    erased: says("すべて消しました", "アドレスの指紋のほかには何も残っていません。"),
    nothing: says(
        "使えないリンクです",
        "古すぎるか、一部が欠けています。メールにあるリンク全体をコピーしてください。",
    ),
    not_found: says("ページがありません", "アドレスをご確認ください。"),
    not_allowed: says("ここではできません", "前のページに戻って、ボタンを押してください。"),
    too_large: says("大きすぎます", "もっと少なくしてください。"),
    elsewhere: says("ほかのサイトからの要求です", "このサイトのページのボタンを押してください。"),
    later: says("今はできません", "何も変わっていません。数分後にもう一度お試しください。"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_spoken_to_in_the_first_language_that_both_know() {
        for (field, language) in [
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Some(Language::Korean)),
            ("fr, ja;q=0.5", Some(Language::Japanese)),
            ("de-DE,en;q=0.7", Some(Language::English)),
            ("fr,de", None),
            ("", None),
            (";;,,\u{7f}", None),
        ] {
            assert_eq!(Language::accepted(field), language, "{field}");
        }
    }

    #[test]
    fn no_word_is_missing_in_any_language() {
        for language in [Language::English, Language::Korean, Language::Japanese] {
            let words = serde_json::to_value(language.words()).unwrap();
            for (name, value) in words.as_object().unwrap() {
                let said = value.as_str().or_else(|| value.get("title")?.as_str());
                assert!(said.is_some_and(|said| !said.is_empty()), "{name} in {language:?}");
            }
        }
    }
}
