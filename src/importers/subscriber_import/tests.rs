//! Lists row by row.

use proptest::prelude::*;

use super::whole::{ImportedList, read};
use super::*;
use crate::address::{AddressWarning, EmailAddress};
use crate::subscribers::SubscriptionStatus::{Active, Suppressed, Unconfirmed, Unsubscribed};
use crate::subscribers::{Frequency, Preferences, SubscriptionStatus, Topics};
use crate::text::HeaderText;

fn now() -> DateTime<Utc> {
    "2026-11-20T00:00:00Z".parse().unwrap()
}

fn options() -> ImportOptions {
    ImportOptions::new("list.csv", now())
}

fn import(text: &str) -> ImportedList {
    read(text.as_bytes(), options()).unwrap_or_else(|finding| panic!("{finding}"))
}

fn rejected(text: &str) -> Vec<(usize, RowError)> {
    import(text).rejected
}

#[test]
fn a_list_of_a_korean_form_is_read() {
    let list =
        import("\u{FEFF}이메일;이름;가입일;전화\r\nreader@letters.kr;\"독자, 하나\";2026. 9. 1.;010\r\n");
    let row = &list.rows[0];
    assert_eq!(
        (row.profile.email.as_str(), row.profile.name.as_ref().map(HeaderText::as_str)),
        ("reader@letters.kr", Some("독자, 하나"))
    );
    assert_eq!((row.profile.status, row.line), (SubscriptionStatus::Active, 2));
    assert_eq!(row.profile.consented_at.unwrap().to_rfc3339(), "2026-09-01T00:00:00+00:00");
    assert_eq!(list.ignored, ["전화"]);
    assert!(list.rejected.is_empty() && list.warnings.is_empty());
}

#[test]
fn the_sample_list_of_this_repository_has_three_active_subscribers() {
    let list = import(include_str!("../../../subscribers.csv"));
    assert!(list.rows.len() == 3 && list.rejected.is_empty() && list.ignored.is_empty(), "{list:?}");
    assert!(
        list.rows
            .iter()
            .all(|row| row.profile.status == SubscriptionStatus::Active && row.profile.consented_at.is_some())
    );
}

#[test]
fn a_bad_row_is_reported_with_its_line_and_the_rest_goes_on() {
    let text = "email,name\na b@letters.kr,x\nKim <a@letters.kr>,x\n\"c@letters.kr\",\"two\nlines\"\n\"d@letters.kr,x\ne@letters.kr,\0\nf@letters.kr,x,y\ng@letters.kr,good\n";
    assert_eq!(
        rejected(text),
        [
            (2, RowError::Address(AddressError::Space)),
            (3, RowError::Address(AddressError::Brackets)),
            (4, RowError::NameControl),
            (6, RowError::UnclosedQuote),
            (7, RowError::Nul),
            (8, RowError::ExtraCells { cells: 3, columns: 2 }),
        ]
    );
    assert_eq!(import(text).rows.iter().map(|row| row.line).collect::<Vec<_>>(), [9]);
}

#[test]
fn two_addresses_in_one_cell_are_not_split() {
    assert_eq!(
        rejected("email,name\n\"a@letters.kr;b@letters.kr\",x"),
        [(2, RowError::Address(AddressError::Several))]
    );
}

#[test]
fn names_are_kept_as_data_and_bounded() {
    let long = "가".repeat(101);
    let text = format!(
        "email,name\na@letters.kr,{{{{7*7}}}} <b>\nb@letters.kr,{long}\nc@letters.kr,\"x\ty\"\nd@letters.kr,x\u{202E}y\ne@letters.kr,  \n"
    );
    let list = import(&text);
    assert_eq!(list.rows[0].profile.name.as_ref().unwrap().as_str(), "{{7*7}} <b>");
    assert_eq!(list.rows[1].profile.name, None);
    let reasons: Vec<RowError> = list.rejected.into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, [RowError::LongName(101), RowError::NameControl, RowError::NameControl]);
}

#[test]
fn a_giant_cell_costs_one_row() {
    let text = format!("email,note\na@letters.kr,\"{}\"\nb@letters.kr,x\n", "x\n".repeat(40_000));
    assert_eq!(rejected(&text), [(2, RowError::LongCell)]);
    assert_eq!(import(&text).rows[0].line, 40_003);
}

#[test]
fn a_header_that_is_missing_or_double_is_refused_with_the_names_that_are_known() {
    for (text, word) in [
        ("", "the list is empty"),
        ("a@letters.kr,Kim\n", "not a header"),
        ("name,phone\n", "no column contains addresses"),
        ("email,이메일\n", "mean the same"),
    ] {
        let finding = read(text.as_bytes(), options()).unwrap_err().to_string();
        assert!(finding.starts_with("list.csv:1: error: ") && finding.contains(word), "{finding}");
        assert!(
            finding.contains("email,name,language,state,source,consented_at") && finding.contains("--column"),
            "{finding}"
        );
    }
}

#[test]
fn without_a_past_date_of_consent_a_reader_is_unconfirmed_unless_the_owner_vouches() {
    let text = "email,status,consented\na@letters.kr,active,\nb@letters.kr,,2026-11-21T00:00:00Z\nc@letters.kr,,03/04/2026\nd@letters.kr,active,2026-11-20\ne@letters.kr,pending,2026-01-01\nf@letters.kr,unsubscribed,\n";
    let states = |list: ImportedList| list.rows.into_iter().map(|row| row.profile.status).collect::<Vec<_>>();
    assert_eq!(
        states(import(text)),
        [Unconfirmed, Unconfirmed, Unconfirmed, Active, Unconfirmed, Unsubscribed]
    );
    let vouched = read(text.as_bytes(), ImportOptions { confirmed: true, ..options() }).unwrap();
    assert_eq!(vouched.rows[0].profile.consented_at, None);
    assert_eq!(states(vouched), [Active, Active, Active, Active, Unconfirmed, Unsubscribed]);
    let warnings: Vec<String> = import(text).warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings[0].starts_with(
            "list.csv:3: warning: the date of consent \"2026-11-21T00:00:00Z\" is in the future"
        ),
        "{warnings:?}"
    );
    assert!(
        warnings[1].starts_with(
            "list.csv:4: warning: the date \"03/04/2026\" is ambiguous: 4 March 2026 or 3 April 2026"
        ),
        "{warnings:?}"
    );
}

fn unproven(text: &str, options: ImportOptions) -> Vec<Option<Unproven>> {
    let list = read(text.as_bytes(), options).unwrap_or_else(|finding| panic!("{finding}"));
    list.rows.into_iter().map(|row| row.unproven).collect()
}

#[test]
fn each_unconfirmed_row_says_why_it_is_no_consent() {
    let text = "email,consented\na@letters.kr,\nb@letters.kr,2027-01-01\nc@letters.kr,1.13.2026\nd@letters.kr,11/01/2026\n\
                e@letters.kr,아니오\nf@letters.kr,네\ng@letters.kr,2026. 11. 1.\n";
    let reasons = [
        Some(Unproven::Empty),
        Some(Unproven::Future),
        Some(Unproven::NoDate),
        Some(Unproven::Ambiguous),
        Some(Unproven::Refused),
        None,
        None,
    ];
    assert_eq!(unproven(text, options()), reasons);
    // The owner can vouch for what is unclear, but not against a refusal.
    let vouched = unproven(text, ImportOptions { confirmed: true, ..options() });
    assert_eq!(vouched.into_iter().flatten().collect::<Vec<_>>(), [Unproven::Refused]);
    assert_eq!(unproven("email,name\na@letters.kr,A\n", options()), [Some(Unproven::NoColumn)]);
    assert_eq!(unproven("email,state\na@letters.kr,pending\n", options()), [Some(Unproven::Listed)]);
}

#[test]
fn a_yes_is_consent_without_a_date_where_the_column_asks_for_it_and_nowhere_else() {
    let list = import(
        "email,consented,joined\na@letters.kr,Yes,\nb@letters.kr,はい,2026-01-01\nc@letters.kr,,yes\n",
    );
    let states: Vec<_> = list.rows.iter().map(|row| (row.profile.status, row.profile.consented_at)).collect();
    assert_eq!(states, [(Active, None), (Active, None), (Unconfirmed, None)]);
}

#[test]
fn dates_as_people_write_them_are_read_and_two_readings_are_named_with_both() {
    let list = import(include_str!("../../../tests/data/readers/dates-of-people.csv"));
    let states: Vec<_> = list.rows.iter().map(|row| row.profile.status).collect();
    assert_eq!(states, [Unconfirmed, Active, Active, Active, Active]);
    let [warning] = list.warnings.as_slice() else { panic!("{:?}", list.warnings) };
    let warning = warning.to_string();
    assert!(
        warning.starts_with("list.csv:2: ") && warning.contains("11 January 2026 or 1 November 2026"),
        "{warning}"
    );
}

#[test]
fn a_date_that_decides_the_order_is_named_and_decides_nothing_by_itself() {
    let text = "email,consented\na@letters.kr,01/02/2026\nb@letters.kr,25/10/2026\nc@letters.kr,26/10/2026\n";
    let list = import(text);
    assert_eq!(list.rows[0].unproven, Some(Unproven::Ambiguous));
    let order: Vec<_> = list.warnings.iter().filter(|warning| warning.rule == "list-dates").collect();
    assert!(order.len() == 1 && order[0].line == Some(3), "{order:?}");
    assert!(order[0].to_string().contains("--dates dmy"), "{}", order[0]);
    let with_order = ImportOptions { dates: Some(DateOrder::Dmy), ..options() };
    let list = read(text.as_bytes(), with_order).unwrap();
    assert_eq!(list.rows[0].profile.consented_at.unwrap().to_rfc3339(), "2026-02-01T00:00:00+00:00");
    assert!(list.warnings.is_empty(), "{:?}", list.warnings);
    let wrong = read(text.as_bytes(), ImportOptions { dates: Some(DateOrder::Mdy), ..options() }).unwrap();
    assert_eq!(wrong.rows[1].unproven, Some(Unproven::NoDate));
}

/// A list for everybody on which the owner vouches.
fn vouched(text: &str) -> Result<ImportedList, Finding> {
    read(text.as_bytes(), ImportOptions { confirmed: true, ..options() })
}

fn statuses(list: ImportedList) -> Vec<SubscriptionStatus> {
    list.rows.into_iter().map(|row| row.profile.status).collect()
}

#[test]
fn nobody_becomes_active_against_a_column_that_says_otherwise() {
    for (text, expected) in [
        ("email,EMAIL_BLACKLISTED\na@letters.kr,No\nb@letters.kr,Yes\n", Suppressed),
        ("email,unsub\na@letters.kr,false\nb@letters.kr,true\n", Unsubscribed),
        ("email,opt_out\na@letters.kr,0\nb@letters.kr,1\n", Unsubscribed),
        ("email,Unsubscribe date\na@letters.kr,\nb@letters.kr,2025-01-02\n", Unsubscribed),
        ("email,hard_bounced_at\na@letters.kr,\nb@letters.kr,2025-01-02 10:00:00\n", Suppressed),
        ("email,subscribed\na@letters.kr,true\nb@letters.kr,false\n", Unsubscribed),
        ("email,newsletter\na@letters.kr,1\nb@letters.kr,0\n", Unsubscribed),
        ("이메일,구독상태\na@letters.kr,구독 중\nb@letters.kr,수신거부\n", Unsubscribed),
        ("이메일,수신거부\na@letters.kr,N\nb@letters.kr,Y\n", Unsubscribed),
        ("이메일,수신거부\na@letters.kr,\nb@letters.kr,O\n", Unsubscribed),
        ("이메일,탈퇴일\na@letters.kr,\nb@letters.kr,2025. 1. 2.\n", Unsubscribed),
        ("メールアドレス,配信停止\na@letters.kr,いいえ\nb@letters.kr,はい\n", Unsubscribed),
        ("E-Mail-Adresse;Abgemeldet am\na@letters.kr;\nb@letters.kr;01.02.2025\n", Unsubscribed),
        ("email,désabonné\na@letters.kr,non\nb@letters.kr,oui\n", Unsubscribed),
        ("email,수신동의\na@letters.kr,동의\nb@letters.kr,거절\n", Unconfirmed),
        ("email,status\na@letters.kr,Subscribed\nb@letters.kr,Marked as spam\n", Suppressed),
        ("email,consented,opt_out\na@letters.kr,2025-01-01,\nb@letters.kr,2025-01-01,yes\n", Unsubscribed),
    ] {
        let list = vouched(text).unwrap_or_else(|finding| panic!("{text}: {finding}"));
        assert_eq!(statuses(list), [Active, expected], "{text}");
    }
}

#[test]
fn a_list_with_a_state_that_is_not_understood_is_refused_until_the_owner_explains_it() {
    for (text, column, mapping) in [
        ("email,opt_out\na@letters.kr,x\nb@letters.kr,\n", "opt_out", "opt_out=x:unsubscribed"),
        (
            "email,bounce_count\na@letters.kr,3\nb@letters.kr,0\n",
            "bounce_count",
            "bounce_count=*:suppressed,0:active",
        ),
        ("email,수신미동의\na@letters.kr,Y\nb@letters.kr,\n", "수신미동의", "수신미동의=Y:unsubscribed"),
        (
            "email,email_status\na@letters.kr,risky\nb@letters.kr,valid\n",
            "email_status",
            "email_status=risky:unsubscribed,valid:active",
        ),
    ] {
        let refusal = vouched(text).unwrap_err().to_string();
        assert!(refusal.starts_with("list.csv:2: error: nothing was imported"), "{refusal}");
        assert!(
            refusal.contains(&format!("column {column:?} has")) && refusal.contains("--state-column"),
            "{refusal}"
        );
        let explained = |raw: &str| ImportOptions {
            confirmed: true,
            state_columns: vec![StateMapping::parse(raw).unwrap()],
            ..options()
        };
        let list = read(text.as_bytes(), explained(mapping)).unwrap();
        assert!(list.ignored.is_empty());
        let statuses = statuses(list);
        assert!(statuses[0] > Unconfirmed && statuses[1] == Active, "{text}: {statuses:?}");
        let list = read(text.as_bytes(), explained(&format!("{column}=ignore"))).unwrap();
        assert_eq!(list.ignored, [column]);
    }
    // A word that is certain is not passed over in any column.
    let text = "email,Tags\na@letters.kr,vip\nb@letters.kr,Unsubscribed\n";
    assert!(vouched(text).unwrap_err().message.contains("column \"Tags\" has \"Unsubscribed\""));
    // A consent in another column lets nobody through.
    let text = "email,consented,opt_out\na@letters.kr,2025-01-01,x\n";
    assert!(read(text.as_bytes(), options()).unwrap_err().message.contains("\"opt_out\" has \"x\""));
    // A row that is unsubscribed anyway needs no explanation.
    let text = "email,status,opt_out\na@letters.kr,unsubscribed,x\n";
    assert_eq!(statuses(vouched(text).unwrap()), [Unsubscribed]);
    // The owner cannot vouch for an answer that is not understood.
    assert!(vouched("email,consented\na@letters.kr,soon\n").unwrap_err().message.contains("\"soon\""));
    let missing =
        ImportOptions { state_columns: vec![StateMapping::parse("gone=1:active").unwrap()], ..options() };
    assert!(
        read(b"email\n", missing).unwrap_err().message.contains("no column \"gone\", which --state-column")
    );
}

#[test]
fn a_json_list_fails_closed_too() {
    let text = r#"[{"email": "a@letters.kr", "unsubscribed_at": null}, {"email": "b@letters.kr", "unsubscribed_at": "2025-01-02"}]"#;
    assert_eq!(statuses(vouched(text).unwrap()), [Active, Unsubscribed]);
    let text = r#"[{"email": "a@letters.kr", "opt_out": {"at": 5}}]"#;
    assert!(vouched(text).unwrap_err().message.contains("column \"opt_out\" has"));
}

#[test]
fn the_day_on_which_a_row_was_made_is_no_consent_in_a_plain_list() {
    let list = import("email,name,created_at\ncustomer1@letters.kr,Ann,2020-05-01 10:00:00\n");
    assert_eq!((list.rows[0].profile.status, list.rows[0].unproven), (Unconfirmed, Some(Unproven::NoColumn)));
    assert_eq!(list.ignored, ["created_at"]);
}

#[test]
fn a_service_decides_by_its_own_columns_and_against_others_nobody_is_let_through() {
    let kit = |custom: &str, cell: &str| {
        read(
            format!("Email,First Name,State,Created At,{custom}\na@letters.kr,A,active,2025-01-01,{cell}\n")
                .as_bytes(),
            options(),
        )
    };
    assert_eq!(statuses(kit("Opted out", "no").unwrap()), [Active]);
    assert_eq!(statuses(kit("Marketing consent", "no").unwrap()), [Active]);
    assert!(kit("Opted out", "yes").unwrap_err().message.contains("\"Opted out\""));
}

#[test]
fn names_lose_their_directional_marks() {
    let list = import("email,name\na@letters.kr,\u{200E}Ann Lee\u{202C}\nb@letters.kr,علي\u{200F}\n");
    let names: Vec<_> = list.rows.iter().map(|row| row.profile.name.as_ref().unwrap().as_str()).collect();
    assert_eq!(names, ["Ann Lee", "علي"]);
}

#[test]
fn addresses_alone_need_no_heading_and_the_separator_may_be_stated() {
    let list = import("a@letters.kr\nb@letters.kr\n");
    assert_eq!(list.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2]);
    let list = import("sep=;\r\nE-Mail-Adresse;name,first\r\na@letters.kr;A\r\n");
    assert_eq!((list.rows[0].profile.email.as_str(), list.rows[0].line), ("a@letters.kr", 3));
    let list = import("Subscriber\tName\na@letters.kr\tAnn\n");
    assert_eq!(list.rows[0].profile.name.as_ref().unwrap().as_str(), "Ann");
}

#[test]
fn a_list_in_another_encoding_is_read_and_says_so() {
    let list = read(include_bytes!("../../../tests/data/readers/cp949.csv"), options()).unwrap();
    assert_eq!(list.rows[0].profile.name.as_ref().unwrap().as_str(), "똠방");
    assert!(list.warnings[0].to_string().contains("read as EUC-KR (CP949)"), "{:?}", list.warnings);
}

#[test]
fn todays_date_in_asia_is_not_in_the_future() {
    let row = import("email,consented\na@letters.kr,2026-11-20\n").rows.remove(0);
    assert_eq!(row.profile.consented_at, Some(now()));
    let early = ImportOptions { now: "2026-11-19T16:00:00Z".parse().unwrap(), ..options() };
    let row = read(b"email,consented\na@letters.kr,2026-11-20\n", early.clone()).unwrap().rows.remove(0);
    assert_eq!(row.profile.consented_at, Some(early.now));
}

#[test]
fn of_several_rows_for_one_person_the_most_restrictive_state_counts() {
    let list = import(
        "email,name,state,consented\nKim@letters.kr,,active,2026-09-01\nkim@letters.kr,Kim,unsubscribed,\nKIM@LETTERS.KR,M,active,2026-09-01\n",
    );
    assert_eq!(list.rows.len(), 1);
    let row = &list.rows[0];
    assert_eq!(
        (row.profile.email.as_str(), row.profile.status, row.line),
        ("Kim@letters.kr", SubscriptionStatus::Unsubscribed, 2)
    );
    assert_eq!(row.profile.name.as_ref().unwrap().as_str(), "Kim");
    assert!(list.warnings[0].message.contains("line 2") && list.warnings[0].message.contains("unsubscribed"));
    assert_eq!(list.warnings.len(), 2);
}

#[test]
fn an_unknown_state_is_not_consent() {
    assert_eq!(rejected("email,state\na@letters.kr,perhaps\n"), [(2, RowError::State("perhaps".to_owned()))]);
}

#[test]
fn odd_addresses_are_imported_with_a_warning() {
    let list = import("email,consented\npostmaster@letters.kr,2026-09-01\nkim@gmial.com,2026-09-01\n");
    assert_eq!(list.rows.len(), 2);
    assert_eq!(list.warnings[0].message, AddressWarning::Role("postmaster".to_owned()).to_string());
    assert!(list.warnings[1].message.contains("gmail.com"));
}

#[test]
fn an_export_does_not_run_in_a_spreadsheet_and_reads_back() {
    let list = import(
        "email,name,source,consented\n-oQ@letters.kr,\"=cmd()\",+82 form,2026-09-01T10:00:00.123456789+09:00\n",
    );
    let text = csv(&list.rows);
    assert!(text.contains("\"'-oQ@letters.kr\",\"'=cmd()\"") && text.contains("\"'+82 form\""), "{text}");
    assert_eq!(import(&text).rows, list.rows);
}

#[test]
fn only_text_and_workbooks_are_read() {
    for (start, word) in [
        (&b"PK\x03\x04"[..], ".xlsx"),
        (b"\x1F\x8B\x08", "gzip"),
        (b"\xD0\xCF\x11\xE0", ".xls"),
        (b"\x28\xB5\x2F\xFD", "zstd"),
    ] {
        let finding = read(start, options()).unwrap_err().to_string();
        assert!(finding.contains(word) && finding.contains("\"CSV UTF-8\""), "{finding}");
    }
}

#[test]
fn what_a_name_says_is_data_and_its_length_is_bounded() {
    let row_of = |name: &str| format!("email,name\na@letters.kr,{name}\n");
    for name in ["=cmd|' /C calc'!A0", "{{7*7}}", "https://win.example", "<script>"] {
        assert_eq!(import(&row_of(name)).rows[0].profile.name.as_ref().unwrap().as_str(), name);
    }
    let long = "ㄱ".repeat(10 * 1024);
    assert_eq!(rejected(&row_of(&long)), [(2, RowError::LongName(10 * 1024))]);
    let joined =
        format!("email,first name,last name\na@letters.kr,{},{}\n", "가".repeat(60), "나".repeat(60));
    assert_eq!(rejected(&joined), [(2, RowError::LongName(120))]);
}

#[test]
fn an_entry_of_a_json_list_that_cannot_be_read_is_reported_with_its_line_and_the_rest_goes_on() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = format!(
        "[\n{{\"email\": \"a@letters.kr\", \"email\": \"b@letters.kr\"}},\n{{\"email\": [\"a@letters.kr\"]}},\n\
         {{\"email\": \"a@letters.kr\\u0000\"}},\n\"a@letters.kr\",\n{{\"email\": \"a@letters.kr\", \"x\": {deep}}},\n\
         {{\"email\": \"a@letters.kr\", \"note\": \"{}\"}},\n{{\"email\": \"a@letters.kr\", \"name\": \"{}\"}},\n\
         {{\"name\": \"Kim\"}},\n{{\"E-Mail\": \"good@letters.kr\", \"이름\": \"독자\"}}]",
        "x".repeat(records::MAX_ROW),
        "x".repeat(records::MAX_CELL + 1),
    );
    assert_eq!(
        rejected(&text),
        [
            (2, RowError::KeyTwice("email".to_owned())),
            (3, RowError::NotText("email".to_owned())),
            (4, RowError::Nul),
            (5, RowError::NotObject),
            (6, RowError::NotObject),
            (7, RowError::LongRow),
            (8, RowError::LongCell),
            (9, RowError::Address(AddressError::Empty)),
        ]
    );
    let good = import(&text).rows.remove(0);
    assert_eq!((good.profile.email.as_str(), good.line), ("good@letters.kr", 10));
}

#[test]
fn json_that_is_not_a_list_is_refused_with_the_line_of_the_mistake() {
    for (text, line, word) in [
        ("[\n{\"email\": \"a@letters.kr\"},\n", 3, "EOF"),
        ("{\"data\": {\n\"results\": 5\n}}", 2, "invalid type"),
        ("{\"posts\": []}", 1, "not a subscriber list"),
        ("{\"data\": {\"data\": {\"data\": {\"data\": {\"data\": [1]}}}}}", 1, "not a subscriber list"),
    ] {
        let finding = read(text.as_bytes(), options()).unwrap_err();
        assert_eq!(finding.line, Some(line), "{finding}");
        assert!(
            finding.message.contains(word) && finding.hint.unwrap().contains("--json"),
            "{}",
            finding.message
        );
    }
}

#[test]
fn a_json_key_can_be_mapped_too() {
    let mapped = vec![Mapping::parse("email=mailto").unwrap()];
    let text = br#"[{"mailto": "a@letters.kr", "email": "not this"}]"#;
    let list = read(text, ImportOptions { columns: mapped, ..options() }).unwrap();
    assert_eq!(list.rows[0].profile.email.as_str(), "a@letters.kr");
}

#[test]
fn addresses_that_parsers_disagree_about_are_left_out() {
    for raw in [
        "\"a>b\"@letters.kr",
        "=?utf-8?q?a?=@letters.kr",
        "a(c)@letters.kr",
        "a%b@letters.kr",
        "host!a@letters.kr",
        "a@[127.0.0.1]",
        "a@exa_mple.kr",
        "a@xn--a.com",
        "ａ@letters.kr",
        "a＠letters.kr",
        "mailto:a@letters.kr",
        "a@letters.kr.",
        "a\u{202E}@letters.kr",
        "a\u{A0}@letters.kr",
    ] {
        let text = format!("email\n{}\n", records::quote(raw));
        let list = import(&text);
        assert!(
            list.rows.is_empty() && matches!(list.rejected[0].1, RowError::Address(_)),
            "{raw}: {list:?}"
        );
    }
    let domain =
        import("email,consented\nuser@예시.한국,2026-01-01\nUSER@xn--vv4b11d.xn--3e0b707e,2026-01-01\n");
    assert_eq!(domain.rows.len(), 1, "one person, however the domain is written");
}

#[test]
fn a_row_too_many_refuses_the_list() {
    let text = format!("email\n{}", ",x\n".repeat(MAX_ROWS + 1));
    let finding = read(text.as_bytes(), options()).unwrap_err();
    assert!(finding.message.contains("2000000 rows") && finding.hint.unwrap().contains("split"));
}

#[test]
fn a_list_that_changes_between_two_readings_is_not_imported() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "email\na@letters.kr\nb@letters.kr\n").unwrap();
    let mut list = SubscriberList::open(std::fs::File::open(&file).unwrap(), options()).unwrap();
    let mut read = || -> io::Result<usize> {
        list.rewind()?;
        let mut persons = 0;
        while list.next_row()?.is_some() {
            persons += 1;
        }
        Ok(persons)
    };
    assert_eq!((read().unwrap(), read().unwrap()), (2, 2));
    std::fs::write(&file, "email\na@letters.kr\nc@letters.kr\n").unwrap();
    assert!(read().unwrap_err().to_string().contains("changed while it was being read"));
}

#[test]
fn repeated_rows_are_merged_wherever_they_are_and_persons_keep_their_order() {
    let row = |person: usize, line: usize| format!("Reader{person}@letters.kr,{},2026-01-01", line % 7);
    // Each person of the first half is on three lines, those of the second half on one.
    let rows: Vec<String> = (0..2_000)
        .chain((0..1_000).rev())
        .chain(0..1_000)
        .enumerate()
        .map(|(line, person)| row(person, line))
        .collect();
    let list = import(&format!("email,name,consented\n{}\n", rows.join("\n")));
    let lines: Vec<_> = list.rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, (2..2_002).collect::<Vec<_>>());
    let [finding] = list.warnings.as_slice() else { panic!("{:?}", list.warnings) };
    assert_eq!((finding.line, finding.rows()), (Some(2_002), 2_000));
}

fn csv(rows: &[SubscriberRow]) -> String {
    csv_header() + &rows.iter().map(csv_row).collect::<String>()
}

fn json(rows: &[SubscriberRow]) -> String {
    serde_json::Value::Array(rows.iter().map(json_row).collect()).to_string()
}

fn any_row() -> impl Strategy<Value = SubscriberRow> {
    let state = prop::sample::select(vec![
        SubscriptionStatus::Active,
        SubscriptionStatus::Unconfirmed,
        SubscriptionStatus::Unsubscribed,
        SubscriptionStatus::Suppressed,
    ]);
    let text = "['=+@\\-\",;＝{\\[ a-zA-Z가-힣👨]{0,20}";
    let time = || prop::option::of(0..1_790_000_000_000_i64);
    let times = (time(), time(), time());
    let preferences = (any::<bool>(), prop::collection::vec("[a-c가-힣,;|\"\\[\\]+/ ]{1,8}", 0..3));
    (
        "[-a-z0-9+=가-힣]{1,12}",
        text,
        prop::option::of("[a-z]{2}(-[A-Z]{2})?"),
        state,
        text,
        text,
        times,
        preferences,
    )
        .prop_map(
            |(local, name, language, state, source, reason, (consented, added, since), (weekly, topics))| {
                let at = |millis: Option<i64>| millis.and_then(DateTime::from_timestamp_millis);
                let clean = |text: &str| HeaderText::lossy(text).map(String::from);
                let preferences = Preferences {
                    frequency: if weekly { Frequency::Weekly } else { Frequency::Immediate },
                    topics: Topics::only(topics.iter().filter_map(|topic| HeaderText::lossy(topic))),
                };
                SubscriberRow {
                    profile: Profile {
                        email: EmailAddress::parse(&format!("{local}@letters.kr")).unwrap(),
                        name: HeaderText::lossy(&name),
                        language,
                        status: state,
                        preferences,
                        consented_at: at(consented),
                        suppressed_because: clean(&reason)
                            .filter(|_| state == SubscriptionStatus::Suppressed),
                    },
                    state_since: at(since),
                    unproven: (state == Unconfirmed).then_some(Unproven::Listed),
                    source: clean(&source),
                    added_at: at(added),
                    line: 2,
                }
            },
        )
}

proptest! {
    #[test]
    fn every_field_of_every_reader_survives_export_and_import(row in any_row()) {
        // A subscriber for whom the owner vouched has no time of consent, and the owner has to vouch again.
        let options = ImportOptions { confirmed: row.profile.status == SubscriptionStatus::Active && row.profile.consented_at.is_none(), ..options() };
        for (text, line) in [(csv(std::slice::from_ref(&row)), 2), (json(std::slice::from_ref(&row)), 1)] {
            let list = read(text.as_bytes(), options.clone()).unwrap();
            prop_assert_eq!(list.rows, [SubscriberRow { line, ..row.clone() }]);
            prop_assert!(list.rejected.is_empty() && list.ignored.is_empty());
            prop_assert_eq!(list.service, Some(Service::Letterpress));
        }
    }

    #[test]
    fn no_json_panics_and_the_imported_rows_round_trip(
        entries in prop::collection::vec(
            "\\{(\"(email|name|state|status|lists|subscribed|type|fields|x)\":(\"[a-c@.가]{0,9}(@letters\\.kr)?\"|null|1|true|\\[\\]|\\{\\}),?){0,4}\\}",
            0..5,
        ),
        shape in prop::sample::select(vec!["[#]", "{\"members\":[#]}", "{\"data\":{\"results\":[#]}}", "{\"profile\":[#]}", "{#}"]),
        from in prop::sample::select(vec!["ghost", "listmonk", "kit", "buttondown", "letterpress"]),
    ) {
        let text = shape.replace('#', &entries.join(","));
        let options = ImportOptions { confirmed: true, from: Some(Service::parse(from).unwrap()), ..options() };
        if let Ok(list) = read(text.as_bytes(), options.clone()) {
            let again = read(json(&list.rows).as_bytes(), ImportOptions { from: None, ..options }).unwrap();
            let without_line = |rows: Vec<SubscriberRow>| rows.into_iter().map(|row| SubscriberRow { line: 0, ..row }).collect::<Vec<_>>();
            prop_assert!(again.rejected.is_empty());
            prop_assert_eq!(without_line(again.rows), without_line(list.rows));
        }
    }

    #[test]
    fn no_bytes_panic_and_no_row_is_lost_silently(bytes in prop::collection::vec(any::<u8>(), 0..80), lines in prop::collection::vec("[a-c@. ,]{0,12}", 0..8)) {
        let _ = read(&bytes, options());
        let text = format!("email,name\n{}", lines.join("\n"));
        let list = import(&text);
        let repeated = list.warnings.iter().filter(|warning| warning.rule == "list-repeated");
        let repeated: usize = repeated.map(Finding::rows).sum();
        let blank = lines.iter().filter(|line| line.split(',').all(|cell| cell.trim().is_empty())).count();
        prop_assert_eq!(list.rows.len() + list.rejected.len() + repeated + blank, lines.len());
    }
}
