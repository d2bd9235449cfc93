//! Words in the cells of a list: states, yes and no, in English, German, French, Spanish, Italian, Korean, Japanese and
//! Chinese.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;

use crate::subscribers::SubscriptionStatus::{self, Active, Suppressed, Unconfirmed, Unsubscribed};

/// States in the form of [`plain`].
const STATES: [(SubscriptionStatus, &str); 4] = [
    (
        Active,
        "active subscribed enabled confirmed optedin valid verified deliverable mailable yes true 1 \
         aktiv abonniert angemeldet bestätigt actif abonné inscrit confirmé activo suscrito confirmado attivo iscritto \
         구독 구독중 구독자 활성 활성화 정상 동의 수신 수신중 수신동의 \
         登録 登録済 登録済み 購読 購読中 有効 配信中 已订阅 已訂閱 订阅中 有效 正常",
    ),
    (
        Unconfirmed,
        "unconfirmed notconfirmed pending pendingconfirmation awaitingconfirmation awaiting unverified validating new \
         transactional nonsubscribed notsubscribed neversubscribed unbestätigt ausstehend enattente nonconfirmé pendiente \
         미확인 대기 대기중 미인증 승인대기 인증대기 확인대기 구독대기 구독확인대기 미구독 \
         未確認 未承認 仮登録 承認待ち 未登録 未确认 待确认 未订阅",
    ),
    (
        Unsubscribed,
        "unsubscribed unsubscribe unsub disabled inactive deactivated optedout optout no false 0 removed deleted cancelled \
         canceled archived revoked withdrawn excluded left donotemail donotmail donotcontact nomail \
         abgemeldet abbestellt ausgetragen gekündigt widerrufen inaktiv gelöscht désabonné désinscrit désactivé inactif \
         supprimé baja debaja dadodebaja desuscrito cancelado inactivo eliminado disiscritto cancellato inattivo \
         해지 구독해지 구독취소 취소 수신거부 수신거절 수신안함 거부 거절 철회 미동의 비동의 탈퇴 비활성 비활성화 삭제 관리자삭제 \
         退会 退会済 退会済み 解除 購読解除 登録解除 解約 配信停止 配信停止中 停止 受信拒否 拒否 無効 \
         退订 已退订 退訂 已退訂 取消 已取消 取消订阅 已取消订阅 拒收 注销",
    ),
    (
        Suppressed,
        "suppressed blocklisted blocklist blacklisted blacklist blocked bounced bounce hardbounced hardbounce cleaned \
         complained complaint complaints spam spamcomplaint spamreported reportedspam reportedasspam markedasspam junk abuse \
         suspended invalid undeliverable gesperrt unzustellbar ungültig bloqué rejeté invalide plainte bloqueado rebotado \
         rebote inválido queja bloccato \
         반송 반송됨 차단 스팸 스팸신고 자동삭제 수신불가 발송불가 발송실패 무효 하드바운스 블랙리스트 \
         エラー 配信エラー 不達 ブロック バウンス 迷惑メール 退信 屏蔽 黑名单 黑名單 投诉 投訴 无效 無效",
    ),
];

/// Words for yes, in the form of [`plain`].
const YES: &str = "yes y true t 1 on o ○ ◯ ✓ ✔ ☑ ✅ checked single double singleoptin doubleoptin ja j oui si sí vrai wahr verdadero vero \
                   예 네 동의 동의함 동의합니다 수신 수신함 수신동의 はい 同意 同意する 同意します 希望する 是";
/// Words for no. An `x` is no in Korea, and a tick elsewhere, so it is neither.
const NO: &str = "no n false f 0 off ✗ ✘ unchecked nein non faux falsch falso \
                  아니오 아니요 거부 거절 수신거부 수신안함 미동의 비동의 동의안함 동의하지않음 \
                  いいえ 同意しない 希望しない 否 不同意";
/// What programs write into a cell that has no value, among them the first day of several calendars, in the form of
/// [`plain`].
const NOTHING: [&str; 12] =
    ["", "null", "nil", "none", "n/a", "na", "nan", "없음", "なし", "无", "00000000", "0000000000:00:00"];

/// States that mean the same in any column, whatever its heading is.
const CERTAIN: &str = "unsubscribed unsubscribe unsub optedout optout donotemail donotmail donotcontact blacklisted blocklisted bounced \
     hardbounced hardbounce complained spamcomplaint markedasspam undeliverable suppressed abgemeldet abbestellt ausgetragen \
     unzustellbar désabonné désinscrit desuscrito dadodebaja rebotado disiscritto \
     수신거부 수신거절 구독해지 구독취소 자동삭제 탈퇴 반송 退会 退会済み 配信停止 購読解除 受信拒否 \
     退订 已退订 退訂 已退訂 取消订阅 已取消订阅 拒收 退信 黑名单 黑名單";

/// Whether a cell says that its person must not be mailed, in a column about anything.
pub(super) fn is_certain(cell: &str) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| CERTAIN.split_whitespace().collect());
    (2..=40).contains(&cell.len()) && KNOWN.contains(plain(cell).as_str())
}

/// The status for which a plain word stands.
pub(super) fn status(word: &str) -> Option<SubscriptionStatus> {
    static KNOWN: LazyLock<HashMap<&str, SubscriptionStatus>> = LazyLock::new(|| {
        let each = |(status, words): (SubscriptionStatus, &'static str)| {
            words.split_whitespace().map(move |word| (word, status))
        };
        STATES.into_iter().flat_map(each).collect()
    });
    KNOWN.get(word).copied()
}

/// Whether a plain word is a yes or a no.
pub(super) fn answer(word: &str) -> Option<bool> {
    static KNOWN: LazyLock<HashMap<&str, bool>> = LazyLock::new(|| {
        let yes = YES.split_whitespace().map(|word| (word, true));
        yes.chain(NO.split_whitespace().map(|word| (word, false))).collect()
    });
    KNOWN.get(word).copied()
}

/// Whether a plain word stands for an empty cell.
pub(super) fn is_nothing(word: &str) -> bool {
    NOTHING.contains(&word)
}

/// Whether a list of words has this one.
pub(super) fn has(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|known| known == word)
}

/// A heading or a state for comparison: in lower case, without spaces, hyphens, underscores, full stops and invisible
/// characters.
pub(super) fn plain(text: &str) -> String {
    let is_kept = |c: &char| {
        !c.is_whitespace()
            && !matches!(c, '-' | '_' | '.' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{FEFF}')
    };
    let mut plain = String::with_capacity(text.len());
    if text.is_ascii() {
        plain.extend(text.chars().filter(is_kept).map(|c| c.to_ascii_lowercase()));
    } else {
        plain.extend(text.nfkc().filter(is_kept).flat_map(char::to_lowercase));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_has_two_meanings() {
        for lists in [STATES.map(|(_, words)| words).to_vec(), vec![YES, NO]] {
            let mut words: Vec<&str> = lists.into_iter().flat_map(str::split_whitespace).collect();
            for word in &words {
                assert_eq!(plain(word), **word);
            }
            let before = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), before);
        }
        assert_eq!(NOTHING.map(plain), NOTHING);
    }

    #[test]
    fn words_are_compared_without_case_separators_and_widths() {
        for (text, expected) in [
            ("Marked as spam", Suppressed),
            ("자동 삭제", Suppressed),
            ("INVALID", Suppressed),
            ("Opted-out", Unsubscribed),
            ("De\u{301}sabonne\u{301}", Unsubscribed),
            ("\u{FEFF}Ａctive", Active),
            ("non-subscribed", Unconfirmed),
        ] {
            assert_eq!(status(&plain(text)), Some(expected), "{text}");
        }
        assert_eq!((status("maybe"), answer("x"), answer(&plain("いいえ"))), (None, None, Some(false)));
        assert!(is_certain("Opted out") && is_certain("désabonné") && !is_certain("no") && !is_certain(""));
        assert!(
            CERTAIN.split_whitespace().all(|word| is_certain(word) && status(word) >= Some(Unsubscribed))
        );
        assert!(is_nothing(&plain("0000-00-00 00:00:00")) && is_nothing("") && !is_nothing("0"));
    }
}
