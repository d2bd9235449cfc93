//! Headings and states in the words of the programs that write them, in English, Korean, Japanese and Chinese.

use super::records::{Record, unguard};
use crate::subscribers::Standing;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    Name,
    Language,
    State,
    Source,
    Consented,
}

/// Headings, in lower case and without spaces, hyphens and underscores.
const HEADINGS: [(Column, &str); 6] = [
    (
        Column::Email,
        "email mail emailaddress mailaddress subscriberemail 이메일 메일 이메일주소 메일주소 전자우편 eメール メール メールアドレス 邮箱 电子邮件 电子邮箱 郵件",
    ),
    (
        Column::Name,
        "name fullname displayname 이름 성명 성함 구독자 구독자명 닉네임 名前 氏名 お名前 姓名 名字",
    ),
    (Column::Language, "language lang locale 언어 言語 语言 語言"),
    (Column::State, "state status subscriptionstatus 상태 구독상태 状態 ステータス 状态 狀態"),
    (Column::Source, "source origin signupsource 출처 경로 가입경로 유입경로 登録元 来源 來源"),
    (
        Column::Consented,
        "consented consent consentat consentedat consentdate optin optintime optindate confirmed confirmedat confirmtime created createdat createdon \
         subscribedat subscribedon subscriptiondate signupdate joined joinedat 가입일 가입일시 가입날짜 동의일 동의일시 구독일 구독일시 신청일 등록일 \
         登録日 登録日時 同意日 同意日時 购阅日期 订阅时间 注册时间",
    ),
];

/// States, in lower case.
const STATES: [(Standing, &str); 4] = [
    (
        Standing::Active,
        "active subscribed enabled confirmed yes true 1 구독 구독중 활성 정상 동의 登録 登録済み 購読 購読中 有効 已订阅 有效",
    ),
    (
        Standing::Unconfirmed,
        "unconfirmed pending new transactional nonsubscribed 미확인 대기 미인증 未確認 未承認 仮登録 未确认",
    ),
    (
        Standing::Unsubscribed,
        "unsubscribed disabled inactive optedout optout no false 0 해지 구독해지 구독취소 취소 수신거부 탈퇴 비활성 退会 解除 購読解除 配信停止 無効 退订 已退订",
    ),
    (
        Standing::Suppressed,
        "suppressed blocklisted blacklisted blocked bounced cleaned complained spam suspended 반송 차단 스팸 エラー 不達 ブロック 退信 屏蔽",
    ),
];

/// Which column is where.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    places: Vec<(Column, usize)>,
    /// Headings in the file.
    pub(super) count: usize,
    /// Headings that are not understood.
    pub(super) ignored: Vec<String>,
}

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("no column holds addresses; the headings are {0}")]
    NoEmail(String),
    #[error("the headings {0:?} and {1:?} mean the same; remove or rename one of them")]
    Twice(String, String),
}

impl Columns {
    pub(super) fn find(header: &[String]) -> Result<Self, HeaderError> {
        let mut columns = Self { places: Vec::new(), count: header.len(), ignored: Vec::new() };
        for (place, heading) in header.iter().enumerate() {
            let Some(column) = known(heading) else {
                columns.ignored.extend((!heading.trim().is_empty()).then(|| heading.trim().to_owned()));
                continue;
            };
            if let Some(first) = columns.place(column).and_then(|first| header.get(first)) {
                return Err(HeaderError::Twice(first.clone(), heading.clone()));
            }
            columns.places.push((column, place));
        }
        if columns.place(Column::Email).is_none() {
            return Err(HeaderError::NoEmail(header.join(", ").chars().take(200).collect()));
        }
        Ok(columns)
    }

    fn place(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, place)| *place)
    }

    /// The cell below a heading; empty if there is none.
    pub(super) fn cell<'a>(&self, record: &'a Record, column: Column) -> &'a str {
        self.place(column).and_then(|place| record.cells.get(place)).map_or("", |cell| unguard(cell))
    }
}

fn known(heading: &str) -> Option<Column> {
    let heading = plain(heading);
    HEADINGS
        .iter()
        .find(|(_, names)| names.split_whitespace().any(|name| name == heading))
        .map(|(column, _)| *column)
}

/// `None` for an empty cell; the cell itself if nobody knows it.
pub(super) fn state(cell: &str) -> Result<Option<Standing>, String> {
    let word = plain(cell);
    if word.is_empty() {
        return Ok(None);
    }
    let state = STATES.iter().find(|(_, words)| words.split_whitespace().any(|known| known == word));
    state.map(|(state, _)| Some(*state)).ok_or_else(|| cell.trim().chars().take(40).collect())
}

fn plain(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &[&str]) -> Result<Vec<(Column, usize)>, String> {
        let header: Vec<String> = header.iter().map(|&heading| heading.to_owned()).collect();
        Columns::find(&header).map(|columns| columns.places).map_err(|error| error.to_string())
    }

    #[test]
    fn headings_of_four_languages_are_known() {
        let all = [Column::Email, Column::Name, Column::Consented];
        for header in [
            ["E-Mail Address", "Full name", "OPTIN_TIME"],
            ["이메일 주소", "이름", "가입일"],
            ["メールアドレス", "氏名", "登録日"],
            ["邮箱", "姓名", "订阅时间"],
        ] {
            let places: Vec<Column> = find(&header).unwrap().into_iter().map(|(column, _)| column).collect();
            assert_eq!(places, all, "{header:?}");
        }
    }

    #[test]
    fn a_heading_that_stands_twice_or_is_missing_is_refused() {
        assert!(find(&["email", "메일"]).unwrap_err().contains("mean the same"));
        assert!(find(&["name", "phone"]).unwrap_err().contains("name, phone"));
    }

    #[test]
    fn no_word_has_two_meanings() {
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
    fn states_are_words_or_nothing() {
        assert_eq!(state(" "), Ok(None));
        assert_eq!(state("구독 중"), Ok(Some(Standing::Active)));
        assert_eq!(state("Opted-out"), Ok(Some(Standing::Unsubscribed)));
        assert_eq!(state("maybe"), Err("maybe".to_owned()));
    }
}
