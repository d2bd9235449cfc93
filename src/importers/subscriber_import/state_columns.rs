//! Columns that say who must not be mailed, by their headings, and what their cells mean.
//!
//! A service and the known headings say what most columns are. This file is for all others: it knows by the words in a
//! heading that `EMAIL_BLACKLISTED`, 수신거부 or `hard_bounced_at` are about a state. What it does not understand in such
//! a column is not guessed: the list is refused, and the owner says what the values mean (`--state-column`).

use super::dates;
use super::words::{answer, has, is_certain, is_nothing, plain, status};
use crate::subscribers::SubscriptionStatus::{self, Suppressed, Unconfirmed, Unsubscribed};

/// What the cells of a column about a state mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// They are words for states.
    Word,
    /// A yes, or a date, means that it happened.
    Happened(SubscriptionStatus),
    /// Any text means that it happened, such as the reason for it.
    Filled(SubscriptionStatus),
    /// A no means that the person does not get the emails; and what an empty cell means.
    Receives { no: SubscriptionStatus, empty: Option<SubscriptionStatus> },
    /// A consent, which is read elsewhere as well: only text that is neither an answer nor a date is not understood.
    Consent,
    /// Zero means that nothing happened. A number of bounces does not tell whether the address exists.
    Count,
    /// Whether a yes is good or bad is not known.
    Unclear,
    /// A column that the service does not write, and that is the owner's: only an empty cell and a no are understood.
    Foreign,
    /// A column about anything else, such as tags: what is certainly a state is not passed over.
    Other,
    /// The mapping of the owner at this place.
    Mapped(usize),
}

/// The mapping of a column about a state by the owner of a list: `--state-column opt_out=1:unsubscribed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMapping {
    /// The heading as the owner wrote it.
    pub(super) heading: String,
    /// The statuses of plain values; empty if the column is not about the emails.
    values: Vec<(String, SubscriptionStatus)>,
}

/// The value in a mapping that stands for all other cells that are not empty.
const OTHERS: &str = "*";
/// The word for a column that is not about the emails.
const IGNORE: &str = "ignore";

impl StateMapping {
    /// Reads `HEADING=value:state,…` or `HEADING=ignore`.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let example =
            "write HEADING=value:state,…, such as opt_out=1:unsubscribed,0:active; or HEADING=ignore";
        let (heading, listed) = raw.split_once('=').ok_or(example)?;
        if plain(heading).is_empty() {
            return Err(example.to_owned());
        }
        let mapping = Self { heading: heading.trim().to_owned(), values: Vec::new() };
        if plain(listed) == IGNORE {
            return Ok(mapping);
        }
        let (mut values, mut begun) = (Vec::new(), String::new());
        for part in listed.split(',') {
            begun.push_str(part);
            // A part without a colon belongs to a value with a comma.
            let Some((value, state)) = begun.rsplit_once(':') else {
                begun.push(',');
                continue;
            };
            let known = SubscriptionStatus::from_code(&plain(state));
            let unknown = || {
                format!(
                    "unknown state {:?}; use active, unconfirmed, unsubscribed or suppressed",
                    state.trim()
                )
            };
            values.push((plain(value), known.ok_or_else(unknown)?));
            begun.clear();
        }
        if values.is_empty() || !begun.is_empty() {
            return Err(example.to_owned());
        }
        Ok(Self { values, ..mapping })
    }

    /// Whether the column is not about the emails.
    pub(super) fn is_ignored(&self) -> bool {
        self.values.is_empty()
    }

    /// `None` for an empty cell that is not mapped.
    fn status(&self, cell: &str) -> Result<Option<SubscriptionStatus>, NotUnderstood> {
        let word = plain(cell);
        let of =
            |value: &str| self.values.iter().find(|(known, _)| known == value).map(|(_, status)| *status);
        let others = || of(OTHERS).filter(|_| !word.is_empty());
        match of(&word).or_else(others) {
            None if !word.is_empty() => Err(NotUnderstood),
            status => Ok(status),
        }
    }
}

/// A cell whose meaning is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood;

impl Sense {
    /// Whether the cells of the column are read as states, and not only watched.
    pub(super) fn is_state(self) -> bool {
        !matches!(self, Self::Consent | Self::Foreign | Self::Other)
    }

    /// The status that a cell restricts its person to; `None` if it restricts nothing.
    pub(super) fn read(
        self,
        cell: &str,
        mappings: &[StateMapping],
    ) -> Result<Option<SubscriptionStatus>, NotUnderstood> {
        if let Self::Mapped(place) = self {
            return mappings.get(place).map_or(Ok(None), |mapping| mapping.status(cell));
        }
        if self == Self::Other {
            return if is_certain(cell) { Err(NotUnderstood) } else { Ok(None) };
        }
        if self == Self::Consent && has_digit(cell) {
            return Ok(None);
        }
        let word = plain(cell);
        let (answer, known) = (answer(&word), status(&word));
        if is_nothing(&word) {
            return Ok(if let Self::Receives { empty, .. } = self { empty } else { None });
        }
        let is_date =
            || has_digit(cell) && !matches!(dates::read(cell.trim(), None), Err(dates::NoDate::Unknown));
        match (self, answer) {
            (Self::Word, _) | (Self::Receives { .. }, None) if known.is_none() && is_date() => Ok(None),
            (Self::Filled(status), _) => Ok(Some(status)),
            (Self::Count | Self::Foreign | Self::Happened(_), Some(false)) if !is_refusal(&word) => Ok(None),
            (Self::Happened(status), Some(true))
                if known != Some(SubscriptionStatus::Active) || has(TICKS, &word) =>
            {
                Ok(Some(status))
            }
            (Self::Happened(status), _) if known.is_none() && is_date() => Ok(Some(status)),
            (Self::Happened(status), _) => match known.ok_or(NotUnderstood)? {
                SubscriptionStatus::Active => Ok(None),
                other => Ok(Some(status.max(other))),
            },
            (Self::Receives { no, .. }, Some(false)) => Ok(Some(no)),
            (Self::Consent, None) if known.is_none() => Err(NotUnderstood),
            (Self::Consent, _) | (Self::Receives { .. }, Some(true)) => Ok(None),
            (Self::Word, _) | (Self::Receives { .. } | Self::Unclear, None) => {
                known.map(Some).ok_or(NotUnderstood)
            }
            _ => Err(NotUnderstood),
        }
    }
}

/// Words for yes that are not the name of a state.
const TICKS: &str = "yes y true t 1 on o ○ ◯ ✓ ✔ ☑ ✅ checked 예 네";

/// Words for no that mean, in a column about refusals, that somebody refused.
fn is_refusal(word: &str) -> bool {
    has("거부 거절 수신거부 수신안함 미동의 비동의", word)
}

fn has_digit(cell: &str) -> bool {
    cell.chars().any(char::is_numeric)
}

/// Parts of headings about people who left or must not be mailed, in the form of [`plain`].
const NEGATIVE: [(SubscriptionStatus, &str); 2] = [
    (
        Suppressed,
        "bounce blacklist blocklist blocked complain spam suppress invalid cleaned undeliverable junk abuse \
         gesperrt unzustellbar ungültig rebot plainte queja inválid \
         반송 차단 스팸 블랙리스트 바운스 수신불가 발송실패 バウンス 不達 エラー 迷惑 ブラックリスト ブロック 退信 屏蔽 黑名单 黑名單 投诉 投訴",
    ),
    (
        Unsubscribed,
        "unsub optout optedout optingout donotemail donotmail donotcontact donotsend dontemail dontmail dontcontact dontsend \
         nomail noemail nonewsletter excluded deleted removed disabled inactive deactivated archived revoked withdrawn churned \
         abmeld abgemeld abbestell austrag ausgetragen kündig widerruf gelöscht inaktiv sperr \
         désabonn desabonn désinscr desinscr supprimé désactivé debaja fechabaja desuscri desinscrit eliminado disiscri \
         수신거부 수신거절 거부 거절 탈퇴 해지 구독취소 철회 삭제 비활성 정지 중지 退会 解除 停止 解約 拒否 無効 退订 退訂 取消 拒收 注销",
    ),
];
/// Whole headings that would be found in other words.
const LEFT: &str =
    "baja left quit gone dead deceased dnc cancelled canceled cancelledat canceledat cancellationdate";
/// Whole headings about a permission.
const PERMISSIONS: &str = "marketing gdpr dsgvo rgpd";
/// Headings whose no means that somebody does not get the emails, and whose empty cell says nothing good.
const RECEIVES: &str = "subscribed issubscribed emailsubscribed subscribedtoemail subscribedtoemails subscribedtonewsletter \
    newslettersubscribed newsletter receivesemail receivesemails receiveemail receiveemails receivesnewsletter \
    sendemail sendemails mailable active isactive enabled isenabled aktiv abonniert angemeldet actif abonné inscrit activo \
    suscrito 구독 구독여부 수신 수신여부 메일수신 메일수신여부 이메일수신 이메일수신여부 뉴스레터 뉴스레터수신 뉴스레터수신여부 활성 활성여부 \
    購読 配信 配信可否 配信希望 メール配信 メルマガ メールマガジン 订阅 是否订阅 訂閱";
/// Parts of headings about a permission.
const POSITIVE: &str = "subscribed optin optedin consent permission acceptsmarketing acceptsemail emailmarketing receivesemail \
    receiveemail receivemail wantsemail mailable deliverable verified valid confirmed einwillig zustimm abonniert angemeldet bestätigt \
    abonné inscrit consenti suscrito 동의 수신여부 수신허용 구독여부 許可 希望 同意 訂閱";
/// Parts of headings whose cells are words for states.
const STATES: &str =
    "status statut zustand subscriptionstate contactstate état estado stato 상태 状態 ステータス 状态 狀態";
/// Parts that turn the meaning of others round: anywhere beside them, before them, and together with them.
const NEGATIONS: [&str; 3] =
    ["not never non nicht kein sans 未 不", "no un pas", "미동의 미구독 미수신 비동의 않 안함"];
/// Ends of headings about something beside a state.
const BESIDE: &str = "url link href ipaddress optinip confirmip signupip consentip campaignid listid messageid token hash key html \
    page form source campaign title score rate percent method country language client agent version template message subject \
    tags 링크 주소 경로";
/// Parts of headings about other things than emails.
const ELSEWHERE: &str = "order payment shipping shipment fulfillment billing invoice financial marital civil employment phone sms \
    whatsapp mobile push fax postal 문자 전화 카카오 알림톡 주문 결제 배송";
/// Ends of headings with the reason for a state.
const REASONS: &str =
    "reason reasonother comment feedback 사유 이유 grund raison motif motivo razón 理由 原因";
/// Ends of headings with a number.
const COUNTS: &str = "count counts number total times 횟수 回数 次数";

/// What the cells of a column mean, if its plain heading is about a state.
pub(super) fn sense(heading: &str) -> Option<Sense> {
    let contains = |parts: &'static str| parts.split_whitespace().find(|part| heading.contains(part));
    let ends = |parts: &str| parts.split_whitespace().any(|part| heading.ends_with(part));
    if has(RECEIVES, heading) {
        return Some(Sense::Receives { no: Unsubscribed, empty: Some(Unconfirmed) });
    }
    let is_about_mail = contains("mail 메일 메일 メール newsletter").is_some();
    if (contains(ELSEWHERE).is_some() && !is_about_mail) || (ends(BESIDE) && contains(STATES).is_none()) {
        return None;
    }
    let is_negated = |part: &str| {
        let rest = heading.replacen(part, " ", 1);
        let [beside, before, together] = NEGATIONS;
        beside.split_whitespace().any(|word| rest.contains(word))
            || before.split_whitespace().any(|word| rest.starts_with(word))
            || contains(together).is_some()
    };
    let left = has(LEFT, heading).then_some((Unsubscribed, heading));
    let negative = NEGATIVE.iter().find_map(|(status, parts)| Some((*status, contains(parts)?)));
    if let Some((status, part)) = left.or(negative) {
        return Some(if ends(COUNTS) {
            Sense::Count
        } else if is_negated(part) {
            Sense::Unclear
        } else if ends(REASONS) {
            Sense::Filled(status)
        } else {
            Sense::Happened(status)
        });
    }
    if contains(STATES).is_some() {
        return Some(Sense::Word);
    }
    let part = contains(POSITIVE).or_else(|| has(PERMISSIONS, heading).then_some(heading))?;
    Some(if is_negated(part) { Sense::Unclear } else { Sense::Receives { no: Unconfirmed, empty: None } })
}

/// What the cells of a column mean that a known service does not write: its own columns decide who is subscribed, but
/// nobody is imported as active against such a column.
pub(super) fn foreign_sense(heading: &str) -> Option<Sense> {
    let is_negative = !matches!(sense(heading)?, Sense::Word | Sense::Receives { .. });
    is_negative.then_some(Sense::Foreign)
}

#[cfg(test)]
mod tests {
    use SubscriptionStatus::Active;

    use super::*;

    fn read(heading: &str, cell: &str) -> Result<Option<SubscriptionStatus>, NotUnderstood> {
        sense(&plain(heading)).unwrap_or_else(|| panic!("{heading} is not about a state")).read(cell, &[])
    }

    #[test]
    fn a_yes_and_a_date_mean_that_it_happened() {
        for (heading, status) in [
            ("unsub", Unsubscribed),
            ("EMAIL_BLACKLISTED", Suppressed),
            ("Email Opt Out", Unsubscribed),
            ("has_opted_out", Unsubscribed),
            ("Do Not Email", Unsubscribed),
            ("donotemail", Unsubscribed),
            ("unsubscribed_at", Unsubscribed),
            ("Unsubscribe date", Unsubscribed),
            ("hard_bounced_at", Suppressed),
            ("Spam complaint", Suppressed),
            ("deleted_at", Unsubscribed),
            ("Abgemeldet am", Unsubscribed),
            ("Date de désabonnement", Unsubscribed),
            ("수신거부", Unsubscribed),
            ("수신 거부일", Unsubscribed),
            ("탈퇴일", Unsubscribed),
            ("반송", Suppressed),
            ("配信停止", Unsubscribed),
            ("退订", Unsubscribed),
        ] {
            for cell in ["yes", "1", "TRUE", "예", "O", "2025-01-02", "11/01/2025", "2025-01-02 10:00:00"] {
                assert_eq!(read(heading, cell), Ok(Some(status)), "{heading}: {cell}");
            }
            for cell in ["", "no", "0", "False", "아니오", "0000-00-00", "-"] {
                assert_eq!(read(heading, cell), Ok(None), "{heading}: {cell}");
            }
            for cell in ["perhaps", "7", "x"] {
                assert_eq!(read(heading, cell), Err(NotUnderstood), "{heading}: {cell}");
            }
        }
        assert_eq!(read("수신거부", "거부"), Ok(Some(Unsubscribed)));
        assert_eq!(read("수신거부", "수신"), Ok(None));
        assert_eq!(read("unsubscribed", "bounced"), Ok(Some(Suppressed)));
    }

    #[test]
    fn a_no_means_that_the_person_does_not_receive_the_emails() {
        for (heading, no, empty) in [
            ("subscribed", Unsubscribed, Some(Unconfirmed)),
            ("구독 여부", Unsubscribed, Some(Unconfirmed)),
            ("newsletter", Unsubscribed, Some(Unconfirmed)),
            ("Accepts Email Marketing", Unconfirmed, None),
            ("marketing_consent", Unconfirmed, None),
            ("마케팅 수신동의", Unconfirmed, None),
        ] {
            assert_eq!(read(heading, "yes"), Ok(None), "{heading}");
            assert_eq!(read(heading, "2025-01-02"), Ok(None), "{heading}");
            assert_eq!(read(heading, "no"), Ok(Some(no)), "{heading}");
            assert_eq!(read(heading, ""), Ok(empty), "{heading}");
            assert_eq!(read(heading, "perhaps"), Err(NotUnderstood), "{heading}");
        }
    }

    #[test]
    fn words_for_states_and_what_is_negated_or_counted_are_not_guessed() {
        assert_eq!(read("invalid", "1"), Ok(Some(Suppressed)));
        assert_eq!(read("email_valid", "0"), Ok(Some(Unconfirmed)));
        assert_eq!(read("bounce_type", "permanent"), Err(NotUnderstood));
        assert_eq!(read("optin_type", "double"), Ok(None));
        assert_eq!(read("Abonnentenstatus", "abgemeldet"), Ok(Some(Unsubscribed)));
        assert_eq!(read("email_status", "valid"), Ok(Some(Active)));
        assert_eq!(read("email_status", "risky"), Err(NotUnderstood));
        assert_eq!(read("not_unsubscribed", "1"), Err(NotUnderstood));
        assert_eq!(read("수신미동의", "Y"), Err(NotUnderstood));
        assert_eq!(read("not_subscribed", "1"), Err(NotUnderstood));
        assert_eq!(read("bounce_count", "0"), Ok(None));
        assert_eq!(read("bounce_count", "3"), Err(NotUnderstood));
        assert_eq!(read("unsubscribe_reason", "too many"), Ok(Some(Unsubscribed)));
    }

    #[test]
    fn other_columns_are_not_about_a_state() {
        for heading in [
            "phone",
            "order_status",
            "unsubscribe_url",
            "sms_opt_in",
            "spam_score",
            "UNSUB_CAMPAIGN_TITLE",
            "confirm_ip",
            "company",
            "Notes",
            "구독일",
            "전화",
            "수신자명",
            "État civil",
        ] {
            assert_eq!(sense(&plain(heading)), None, "{heading}");
        }
    }

    #[test]
    fn the_owner_says_what_the_values_of_a_column_mean() {
        let mapping =
            StateMapping::parse(" Opt Out =Y:unsubscribed, N : active,a, b:suppressed,:unconfirmed").unwrap();
        let of = |cell| Sense::Mapped(0).read(cell, std::slice::from_ref(&mapping));
        assert_eq!(mapping.heading, "Opt Out");
        assert_eq!(
            (of("y"), of("N"), of("A, b")),
            (Ok(Some(Unsubscribed)), Ok(Some(Active)), Ok(Some(Suppressed)))
        );
        assert_eq!((of(" "), of("z")), (Ok(Some(Unconfirmed)), Err(NotUnderstood)));
        let mapping = StateMapping::parse("left=*:unsubscribed").unwrap();
        let of = |cell| Sense::Mapped(0).read(cell, std::slice::from_ref(&mapping));
        assert_eq!((of("2025-01-01"), of("")), (Ok(Some(Unsubscribed)), Ok(None)));
        assert!(StateMapping::parse("left=ignore").unwrap().is_ignored());
        for raw in ["left", "=1:active", "left=", "left=1", "left=1:active,2"] {
            assert!(StateMapping::parse(raw).unwrap_err().contains("HEADING=ignore"), "{raw}");
        }
        assert!(StateMapping::parse("left=1:gone").unwrap_err().contains("\"gone\""));
    }
}
