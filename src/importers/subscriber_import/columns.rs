//! Headings as other programs write them, in English, Korean, Japanese and Chinese.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use super::RowError;
use super::records::{Record, unguard};
use super::services::Service;
use super::state_columns::{self, Sense, StateMapping};
use super::words::{self, has, plain};
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
        "email mail emailaddress mailaddress emailaddr emailid subscriberemail contactemail useremail memberemail customeremail \
         primaryemail emailadresse mailadresse emailanschrift epost adresseemail adressemail courriel adressecourriel correo \
         correoelectronico correoelectrónico indirizzoemail 이메일 메일 이메일주소 메일주소 전자우편 전자우편주소 구독자이메일 회원이메일 \
         eメール メール メールアドレス eメールアドレス 電子メール 邮箱 邮箱地址 电子邮件 电子邮件地址 电子邮箱 电邮 郵件 電子郵件 電郵",
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

/// Headings of a column with addresses, if no other heading names one.
const PERSONS: &str = "subscriber subscribers contact recipient";

/// The cells of a subscriber; `None` if the list has no such column.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    cells: [Option<Cow<'a, str>>; COLUMNS],
    states: Vec<StateCell<'a>>,
}

/// The cell of a column about a state.
#[derive(Debug, Clone)]
pub(super) struct StateCell<'a> {
    pub(super) heading: Cow<'a, str>,
    pub(super) sense: Sense,
    pub(super) text: Cow<'a, str>,
}

impl<'a> Fields<'a> {
    /// The cell; empty if there is none.
    pub(super) fn get(&self, column: Column) -> &str {
        self.cells[column as usize].as_deref().unwrap_or_default()
    }

    /// Whether the list has such a column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.cells[column as usize].is_some()
    }

    /// Fills a cell; of two with the same meaning, the first stays.
    pub(super) fn set(&mut self, column: Column, cell: impl Into<Cow<'a, str>>) {
        self.cells[column as usize].get_or_insert_with(|| cell.into());
    }
}

impl<'a> Fields<'a> {
    /// The cells of the columns about a state, apart from those that the service or a known heading defines.
    pub(super) fn states(&self) -> &[StateCell<'a>] {
        &self.states
    }

    pub(super) fn add_state(&mut self, cell: StateCell<'a>) {
        if cell.sense != Sense::Other || words::is_certain(&cell.text) {
            self.states.push(cell);
        }
    }
}

/// How headings and states are interpreted: the service that wrote the list, and the owner's mappings.
#[derive(Debug, Clone)]
pub(super) struct FieldMapping {
    pub(super) service: Option<Service>,
    mapped: Vec<Mapping>,
    state_columns: Vec<StateMapping>,
    /// The keys of a JSON list that were looked up: each entry has them again.
    keys: RefCell<HashMap<String, KeyMeaning>>,
}

/// The column of a key, and its sense if it is about a state.
type KeyMeaning = (Option<Column>, Option<Sense>);

/// The most keys that are remembered.
const MAX_KEYS: usize = 1_000;

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
    pub(super) fn new(service: Option<Service>, mapped: &[Mapping], state_columns: &[StateMapping]) -> Self {
        let keys = RefCell::default();
        Self { service, mapped: mapped.to_vec(), state_columns: state_columns.to_vec(), keys }
    }

    /// The column of a key, and what its values mean if it is about a state.
    pub(super) fn key(&self, key: &str) -> KeyMeaning {
        if let Some(known) = self.keys.borrow().get(key) {
            return *known;
        }
        let found = (self.column(key), self.sense(key));
        let mut keys = self.keys.borrow_mut();
        if keys.len() < MAX_KEYS {
            keys.insert(key.to_owned(), found);
        }
        found
    }

    /// The column of a heading.
    pub(super) fn column(&self, heading: &str) -> Option<Column> {
        let heading = plain(heading);
        if self.state_mapping(&heading).is_some() {
            return None;
        }
        if let Some(mapping) = self.mapping(&heading) {
            return Some(mapping.column);
        }
        if self.service.is_some_and(|service| service.skips(&heading) || service.sense(&heading).is_some()) {
            return None;
        }
        self.service
            .and_then(|service| service.column(&heading))
            .or_else(|| known(&heading))
            // When a row was made is a sign-up only in the export of a service that mails.
            .filter(|column| *column != Column::Created || self.is_of_service())
            // A column that the owner mapped is not taken from another heading.
            .filter(|column| !self.mapped.iter().any(|mapping| mapping.column == *column))
    }

    /// What the cells of a column mean, if it is about a state.
    pub(super) fn sense(&self, heading: &str) -> Option<Sense> {
        let plain = plain(heading);
        if let Some(place) = self.state_mapping(&plain) {
            let is_ignored = self.state_columns.get(place).is_none_or(StateMapping::is_ignored);
            return (!is_ignored).then_some(Sense::Mapped(place));
        }
        let own = self.service.and_then(|service| service.sense(&plain));
        match self.column(heading) {
            Some(Column::Consented | Column::Confirmed | Column::OptedIn) => Some(Sense::Consent),
            Some(_) => None,
            None if own.is_some() => own,
            None if self.service.is_some_and(|service| service.skips(&plain)) => None,
            None if self.is_of_service() => state_columns::foreign_sense(&plain),
            // Another heading of a column that the owner mapped.
            None if known(&plain).is_some_and(|column| column != Column::State) => None,
            None => state_columns::sense(&plain),
        }
        .or_else(|| self.column(heading).is_none().then_some(Sense::Other))
    }

    /// The status that a cell about a state restricts its person to.
    pub(super) fn status(
        &self,
        cell: &StateCell<'_>,
    ) -> Result<Option<SubscriptionStatus>, state_columns::NotUnderstood> {
        cell.sense.read(&cell.text, &self.state_columns)
    }

    /// Whether another service than Letterpress wrote the list.
    pub(super) fn is_of_service(&self) -> bool {
        self.service.is_some_and(|service| service != Service::Letterpress)
    }

    fn mapping(&self, heading: &str) -> Option<&Mapping> {
        self.mapped.iter().find(|mapping| plain(&mapping.heading) == heading)
    }

    /// The place of the owner's mapping of the states in a column.
    fn state_mapping(&self, heading: &str) -> Option<usize> {
        self.state_columns.iter().position(|mapping| plain(&mapping.heading) == heading)
    }

    /// The heading of a mapping that is not among `headings`, and the option that names it.
    fn missing(&self, headings: &[String]) -> Option<(&str, &'static str)> {
        let columns = self.mapped.iter().map(|mapping| (mapping.heading.as_str(), "--column"));
        let states = self.state_columns.iter().map(|mapping| (mapping.heading.as_str(), "--state-column"));
        columns
            .chain(states)
            .find(|(named, _)| !headings.iter().any(|heading| plain(heading) == plain(named)))
    }

    /// `None` for an empty cell.
    pub(super) fn state(&self, cell: &str) -> Result<Option<SubscriptionStatus>, RowError> {
        let word = plain(cell);
        if word.is_empty() {
            return Ok(None);
        }
        self.service
            .and_then(|service| service.state(&word))
            .or_else(|| words::status(&word))
            .map(Some)
            .ok_or_else(|| RowError::State(cell.trim().chars().take(40).collect()))
    }
}

/// The positions of the columns in a CSV list.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: Vec<(Column, usize)>,
    /// The columns about a state: heading, sense and position.
    states: Vec<(String, Sense, usize)>,
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
    #[error("there is no column {heading:?}, which {option} names; the headings are {headings}")]
    Missing { heading: String, option: &'static str, headings: String },
}

impl Columns {
    pub(super) fn find(header: &[String], lexicon: &FieldMapping) -> Result<Self, HeaderError> {
        let headings = || header.join(", ").chars().take(200).collect::<String>();
        if let Some((heading, option)) = lexicon.missing(header) {
            let heading = heading.to_owned();
            return Err(HeaderError::Missing { heading, option, headings: headings() });
        }
        let mut columns =
            Self { places: Vec::new(), states: Vec::new(), count: header.len(), ignored: Vec::new() };
        for (place, heading) in header.iter().enumerate() {
            let (column, sense) = (lexicon.column(heading), lexicon.sense(heading));
            columns.states.extend(sense.map(|sense| (heading.trim().to_owned(), sense, place)));
            match column.map(|column| (column, columns.place(column).and_then(|first| header.get(first)))) {
                Some((column, None)) => columns.places.push((column, place)),
                // A service may repeat a column for its own reasons, but the address must be unambiguous.
                Some((column, Some(first))) if lexicon.service.is_none() || column == Column::Email => {
                    return Err(HeaderError::Twice(first.clone(), heading.clone()));
                }
                None if sense.is_some_and(Sense::is_state) => {}
                _ => columns.ignored.extend((!heading.trim().is_empty()).then(|| heading.trim().to_owned())),
            }
        }
        if columns.place(Column::Email).is_none() {
            let place = header.iter().position(|heading| has(PERSONS, &plain(heading)));
            let place = place.ok_or_else(|| HeaderError::NoEmail(headings()))?;
            columns.places.push((Column::Email, place));
            columns.ignored.retain(|heading| !has(PERSONS, &plain(heading)));
        }
        Ok(columns)
    }

    /// The columns of a list of addresses without a heading.
    pub(super) fn of_addresses() -> Self {
        Self { places: vec![(Column::Email, 0)], states: Vec::new(), count: 1, ignored: Vec::new() }
    }

    /// The headings of the columns that are read as states.
    pub(super) fn states(&self) -> impl Iterator<Item = &str> {
        self.states.iter().filter(|(_, sense, _)| sense.is_state()).map(|(heading, ..)| heading.as_str())
    }

    fn place(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, place)| *place)
    }

    /// The cells of a record, without the guards of [`super::records::quote`].
    pub(super) fn fields<'a>(&'a self, record: &Record<'a>) -> Fields<'a> {
        let mut fields = Fields::default();
        for (column, place) in &self.places {
            fields.set(*column, unguard(record.cell(*place)));
        }
        for (heading, sense, place) in &self.states {
            let text = Cow::from(unguard(record.cell(*place)));
            fields.add_state(StateCell { heading: Cow::from(heading), sense: *sense, text });
        }
        fields
    }
}

/// The column of a plain heading in a list of an unknown service.
fn known(heading: &str) -> Option<Column> {
    HEADINGS.iter().find(|(_, names)| has(names, heading)).map(|(column, _)| *column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &[&str], mapped: &[&str]) -> Result<Vec<Column>, String> {
        let header: Vec<String> = header.iter().map(|&heading| heading.to_owned()).collect();
        let mapped: Vec<Mapping> = mapped.iter().map(|raw| Mapping::parse(raw).unwrap()).collect();
        let found = Columns::find(&header, &FieldMapping::new(None, &mapped, &[]))
            .map_err(|error| error.to_string())?;
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
        assert_eq!(find(&["Subscriber", "Name"], &[]), Ok(vec![Column::Name, Column::Email]));
        assert_eq!(find(&["Subscriber", "E-Mail-Adresse"], &[]), Ok(vec![Column::Email]));
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
    fn no_heading_has_two_meanings() {
        let mut words: Vec<&str> = HEADINGS.iter().flat_map(|(_, names)| names.split_whitespace()).collect();
        assert!(words.iter().all(|word| plain(word) == **word), "{words:?}");
        let before = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), before);
    }

    #[test]
    fn a_state_is_known_or_empty_and_services_add_their_own() {
        let state = |service, word: &str| FieldMapping::new(service, &[], &[]).state(word);
        assert_eq!(state(None, " "), Ok(None));
        assert_eq!(state(None, "구독 중"), Ok(Some(SubscriptionStatus::Active)));
        assert_eq!(state(None, "Opted-out"), Ok(Some(SubscriptionStatus::Unsubscribed)));
        assert_eq!(state(None, "inactive"), Ok(Some(SubscriptionStatus::Unsubscribed)));
        assert_eq!(state(Some(Service::Kit), "inactive"), Ok(Some(SubscriptionStatus::Unconfirmed)));
        assert_eq!(state(Some(Service::Kit), "complained"), Ok(Some(SubscriptionStatus::Suppressed)));
        assert_eq!(state(None, "maybe"), Err(RowError::State("maybe".to_owned())));
    }
}
