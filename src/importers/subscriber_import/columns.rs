//! Headings and states as other programs write them, in English, Korean, Japanese and Chinese.

use std::borrow::Cow;

use super::RowError;
use super::records::{Record, unguard};
use super::services::Service;
use crate::subscribers::SubscriptionStatus;

/// The kind of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    Name,
    Given,
    Family,
    Language,
    State,
    StateSince,
    Reason,
    Frequency,
    Topics,
    Source,
    // The times that can be evidence of consent, the strongest first.
    Consented,
    Confirmed,
    OptedIn,
    Subscribed,
    Created,
    Added,
    // Columns that only services write.
    Receives,
    Disabled,
    UnsubscribedAt,
    Cleaned,
    Deleted,
}

/// The number of columns.
const COLUMNS: usize = Column::Deleted as usize + 1;

/// Headings, in lower case and without spaces, hyphens and underscores. The first of each is its name on the
/// command line, and the name under which [`super::write`] exports it.
const HEADINGS: [(Column, &str); 17] = [
    (
        Column::Email,
        "email mail emailaddress mailaddress subscriberemail 이메일 메일 이메일주소 메일주소 전자우편 eメール メール メールアドレス 邮箱 电子邮件 电子邮箱 郵件",
    ),
    (
        Column::Name,
        "name fullname displayname 이름 성명 성함 구독자 구독자명 닉네임 名前 氏名 お名前 姓名 名字",
    ),
    (Column::Given, "firstname givenname forename fname"),
    (Column::Family, "lastname familyname surname lname"),
    (Column::Language, "language lang locale 언어 言語 语言 語言"),
    (Column::State, "state status subscriptionstatus 상태 구독상태 状態 ステータス 状态 狀態"),
    (Column::StateSince, "statesince"),
    (Column::Reason, "reason suppressedbecause"),
    (Column::Frequency, "cadence"),
    (Column::Topics, "topics"),
    (Column::Source, "source origin signupsource 출처 경로 가입경로 유입경로 登録元 来源 來源"),
    (
        Column::Consented,
        "consentedat consented consent consentat consentdate consentgiven 동의 동의일 동의일시 동의날짜 동의여부 수신동의 수신동의일 수신동의여부 同意 同意日 同意日時 \
         同意日期",
    ),
    (Column::Confirmed, "confirmedat confirmed confirmtime confirmationdate"),
    (Column::OptedIn, "optinat optin optintime optindate"),
    (
        Column::Subscribed,
        "subscribedat subscribedon subscriptiondate signupdate joined joinedat startdate 가입일 가입일시 가입날짜 구독일 구독일시 신청일 등록일 \
         登録日 登録日時 购阅日期 订阅时间 注册时间",
    ),
    (Column::Created, "createdat created createdon createddate"),
    (Column::Added, "addedat"),
];

/// States, in lower case.
const STATES: [(SubscriptionStatus, &str); 4] = [
    (
        SubscriptionStatus::Active,
        "active subscribed enabled confirmed yes true 1 구독 구독중 활성 정상 동의 登録 登録済み 購読 購読中 有効 已订阅 有效",
    ),
    (
        SubscriptionStatus::Unconfirmed,
        "unconfirmed pending new transactional nonsubscribed 미확인 대기 미인증 未確認 未承認 仮登録 未确认",
    ),
    (
        SubscriptionStatus::Unsubscribed,
        "unsubscribed disabled inactive optedout optout no false 0 해지 구독해지 구독취소 취소 수신거부 탈퇴 비활성 退会 解除 購読解除 配信停止 無効 退订 已退订",
    ),
    (
        SubscriptionStatus::Suppressed,
        "suppressed blocklisted blacklisted blocked bounced cleaned complained spam suspended 반송 차단 스팸 エラー 不達 ブロック 退信 屏蔽",
    ),
];

/// The cells of a subscriber; `None` if the list has no such column.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a>([Option<Cow<'a, str>>; COLUMNS]);

impl<'a> Fields<'a> {
    /// The cell; empty if there is none.
    pub(super) fn get(&self, column: Column) -> &str {
        self.0[column as usize].as_deref().unwrap_or_default()
    }

    /// Whether the list has such a column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.0[column as usize].is_some()
    }

    /// Fills a cell; of two with the same meaning, the first stays.
    pub(super) fn set(&mut self, column: Column, cell: impl Into<Cow<'a, str>>) {
        self.0[column as usize].get_or_insert_with(|| cell.into());
    }
}

/// How headings and states are interpreted: the service that wrote the list, and the owner's mappings.
#[derive(Debug, Clone)]
pub(super) struct FieldMapping {
    pub(super) service: Option<Service>,
    mapped: Vec<Mapping>,
}

/// A mapping by the owner of a list: `--column email=Adresse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    column: Column,
    heading: String,
}

impl Mapping {
    /// Reads `NAME=HEADING`.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let (name, heading) = raw.split_once('=').ok_or("write NAME=HEADING, such as email=Adresse")?;
        let column = HEADINGS.iter().find(|(_, words)| words.split(' ').next() == Some(&plain(name)));
        match column {
            Some((column, _)) if !plain(heading).is_empty() => {
                Ok(Self { column: *column, heading: heading.trim().to_owned() })
            }
            Some(_) => Err("write the heading after the =, such as email=Adresse".to_owned()),
            None => Err(format!(
                "unknown field {name:?}; the fields are email, name, first_name, last_name, language, state, reason, \
                 source, consented_at, added_at"
            )),
        }
    }
}

impl FieldMapping {
    pub(super) fn new(service: Option<Service>, mapped: &[Mapping]) -> Self {
        Self { service, mapped: mapped.to_vec() }
    }

    /// The column of a heading.
    pub(super) fn column(&self, heading: &str) -> Option<Column> {
        let heading = plain(heading);
        if let Some(mapping) = self.mapped.iter().find(|mapping| plain(&mapping.heading) == heading) {
            return Some(mapping.column);
        }
        if self.service.is_some_and(|service| service.skips(&heading)) {
            return None;
        }
        self.service
            .and_then(|service| service.column(&heading))
            .or_else(|| known(&heading))
            // A column that the owner mapped is not taken from another heading.
            .filter(|column| !self.mapped.iter().any(|mapping| mapping.column == *column))
    }

    /// The heading of a mapping that is not among `headings`.
    fn missing(&self, headings: &[String]) -> Option<&str> {
        let there =
            |mapping: &&Mapping| !headings.iter().any(|heading| plain(heading) == plain(&mapping.heading));
        self.mapped.iter().find(there).map(|mapping| mapping.heading.as_str())
    }

    /// `None` for an empty cell.
    pub(super) fn state(&self, cell: &str) -> Result<Option<SubscriptionStatus>, RowError> {
        let word = plain(cell);
        if word.is_empty() {
            return Ok(None);
        }
        let general = || STATES.iter().find(|(_, words)| words.split_whitespace().any(|known| known == word));
        self.service
            .and_then(|service| service.state(&word))
            .or_else(|| general().map(|(state, _)| *state))
            .map(Some)
            .ok_or_else(|| RowError::State(cell.trim().chars().take(40).collect()))
    }
}

/// The positions of the columns in a CSV list.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: Vec<(Column, usize)>,
    /// Headings in the file.
    pub(super) count: usize,
    /// Headings that are not read.
    pub(super) ignored: Vec<String>,
}

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("no column contains addresses; the headings are {0}")]
    NoEmail(String),
    #[error("the headings {0:?} and {1:?} mean the same; remove or rename one of them")]
    Twice(String, String),
    #[error("there is no column {0:?}; the headings are {1}")]
    Missing(String, String),
}

impl Columns {
    pub(super) fn find(header: &[String], lexicon: &FieldMapping) -> Result<Self, HeaderError> {
        let headings = || header.join(", ").chars().take(200).collect::<String>();
        if let Some(missing) = lexicon.missing(header) {
            return Err(HeaderError::Missing(missing.to_owned(), headings()));
        }
        let mut columns = Self { places: Vec::new(), count: header.len(), ignored: Vec::new() };
        for (place, heading) in header.iter().enumerate() {
            let column = lexicon.column(heading);
            match column.map(|column| (column, columns.place(column).and_then(|first| header.get(first)))) {
                Some((column, None)) => columns.places.push((column, place)),
                // A service may repeat a column for its own reasons, but the address must be unambiguous.
                Some((column, Some(first))) if lexicon.service.is_none() || column == Column::Email => {
                    return Err(HeaderError::Twice(first.clone(), heading.clone()));
                }
                _ => columns.ignored.extend((!heading.trim().is_empty()).then(|| heading.trim().to_owned())),
            }
        }
        if columns.place(Column::Email).is_none() {
            return Err(HeaderError::NoEmail(headings()));
        }
        Ok(columns)
    }

    fn place(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, place)| *place)
    }

    /// The cells of a record, without the guards of [`super::records::quote`].
    pub(super) fn fields<'a>(&self, record: &Record<'a>) -> Fields<'a> {
        let mut fields = Fields::default();
        for (column, place) in &self.places {
            fields.set(*column, unguard(record.cell(*place)));
        }
        fields
    }
}

/// The column of a plain heading in a list of an unknown service.
fn known(heading: &str) -> Option<Column> {
    HEADINGS
        .iter()
        .find(|(_, names)| names.split_whitespace().any(|name| name == heading))
        .map(|(column, _)| *column)
}

/// A heading or a state for comparison: in lower case, without spaces, hyphens, underscores and full stops.
pub(super) fn plain(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &[&str], mapped: &[&str]) -> Result<Vec<Column>, String> {
        let header: Vec<String> = header.iter().map(|&heading| heading.to_owned()).collect();
        let mapped: Vec<Mapping> = mapped.iter().map(|raw| Mapping::parse(raw).unwrap()).collect();
        let found =
            Columns::find(&header, &FieldMapping::new(None, &mapped)).map_err(|error| error.to_string())?;
        Ok(found.places.into_iter().map(|(column, _)| column).collect())
    }

    #[test]
    fn headings_of_four_languages_are_known() {
        let all = |time| Ok(vec![Column::Email, Column::Name, time]);
        for (header, time) in [
            (["E-Mail Address", "Full name", "OPTIN_TIME"], Column::OptedIn),
            (["이메일 주소", "이름", "가입일"], Column::Subscribed),
            (["メールアドレス", "氏名", "同意日"], Column::Consented),
            (["邮箱", "姓名", "订阅时间"], Column::Subscribed),
        ] {
            assert_eq!(find(&header, &[]), all(time), "{header:?}");
        }
    }

    #[test]
    fn a_repeated_or_missing_heading_is_refused() {
        assert!(find(&["email", "메일"], &[]).unwrap_err().contains("mean the same"));
        assert!(find(&["name", "phone"], &[]).unwrap_err().contains("name, phone"));
    }

    #[test]
    fn the_owner_may_say_which_column_is_which() {
        let header = ["Adresse", "Vorname", "Email"];
        let named = find(&header, &["email=adresse", "First-Name=Vorname"]);
        assert_eq!(named, Ok(vec![Column::Email, Column::Given]));
        let missing = find(&header, &["name=Nachname"]).unwrap_err();
        assert!(missing.contains("\"Nachname\"") && missing.contains("Adresse, Vorname, Email"), "{missing}");
        for (raw, expected) in
            [("email", "NAME=HEADING"), ("shoe=Größe", "first_name, last_name"), ("email= ", "after the =")]
        {
            assert!(Mapping::parse(raw).unwrap_err().contains(expected), "{raw}");
        }
    }

    #[test]
    fn no_heading_or_state_has_two_meanings() {
        let words =
            |lists: Vec<&'static str>| lists.into_iter().flat_map(str::split_whitespace).collect::<Vec<_>>();
        for mut words in
            [words(HEADINGS.map(|(_, names)| names).to_vec()), words(STATES.map(|(_, names)| names).to_vec())]
        {
            assert!(words.iter().all(|word| plain(word) == **word), "{words:?}");
            let before = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), before);
        }
    }

    #[test]
    fn a_state_is_known_or_empty_and_services_add_their_own() {
        let state = |service, word: &str| FieldMapping::new(service, &[]).state(word);
        assert_eq!(state(None, " "), Ok(None));
        assert_eq!(state(None, "구독 중"), Ok(Some(SubscriptionStatus::Active)));
        assert_eq!(state(None, "Opted-out"), Ok(Some(SubscriptionStatus::Unsubscribed)));
        assert_eq!(state(None, "inactive"), Ok(Some(SubscriptionStatus::Unsubscribed)));
        assert_eq!(state(Some(Service::Kit), "inactive"), Ok(Some(SubscriptionStatus::Unconfirmed)));
        assert_eq!(state(Some(Service::Kit), "complained"), Ok(Some(SubscriptionStatus::Suppressed)));
        assert_eq!(state(None, "maybe"), Err(RowError::State("maybe".to_owned())));
    }
}
