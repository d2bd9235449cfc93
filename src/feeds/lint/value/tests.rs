//! Each kind accepts correct values and reports others.

use proptest::prelude::*;

use super::super::rule::{
    DATE_IMPLAUSIBLE, DATE_ODD, DATE_RFC822, DATE_WEEKDAY, LINK_SCHEME, URI_TAG, URI_URN,
};
use super::Kind::*;
use super::*;

fn setting() -> Setting {
    Setting { now: "2026-11-25T12:00:00Z".parse().unwrap(), rss: true, hexadecimal: false, attribute: false }
}

/// The name of the rule that `value` violates.
fn broken(kind: Kind, value: &str) -> Option<&'static str> {
    kind.judge(value, setting()).map(|(rule, _)| rule.name)
}

fn all(kind: Kind, right: &[&str], wrong: &[(&str, Rule)]) {
    for value in right {
        assert_eq!(broken(kind, value), None, "{value}");
    }
    for (value, rule) in wrong {
        assert_eq!(broken(kind, value), Some(rule.name), "{value}");
    }
}

#[test]
fn dates_of_atom_are_complete() {
    all(
        Rfc3339,
        &[
            "2003-12-13T18:30:02Z",
            "2003-12-13T18:30:02.25+01:00",
            "2016-12-31T23:59:60Z",
            "2024-02-29T00:00:00Z",
        ],
        &[
            ("2003-12-13T18:30Z", DATE_RFC3339),
            ("2003-12-13t18:30:02z", DATE_RFC3339),
            ("2003-12-13 18:30:02Z", DATE_RFC3339),
            ("2003-02-29T18:30:02Z", DATE_RFC3339),
            ("2003-12-13T24:00:00Z", DATE_RFC3339),
            ("2003-12-13T18:30:02", DATE_RFC3339),
            ("2003-12-13T18:30:02+0100", DATE_RFC3339),
            ("2003-12-13T18:30:02.Z", DATE_RFC3339),
            ("2003-12", DATE_RFC3339),
            ("", DATE_RFC3339),
            ("0001-01-01T00:00:00Z", DATE_IMPLAUSIBLE),
            ("2027-01-01T00:00:00Z", DATE_IMPLAUSIBLE),
        ],
    );
    all(
        W3c,
        &["2003", "2003-12", "2003-12-13", "2003-12-13T18:30Z"],
        &[("2003-12-13T18:30", DATE_W3C), ("03-12", DATE_W3C)],
    );
    all(IsoAnyTime, &["2003-12-13T18:30:02", "2999-01-01"], &[("13.12.2003", DATE_ISO8601)]);
}

#[test]
fn dates_of_rss_are_correct_odd_or_wrong() {
    all(
        Rfc822,
        &["Wed, 25 Nov 2026 09:00:00 +0900", "25 Nov 2026 09:00 GMT", "Wed, 25 Nov 2026 09:00:00 EST"],
        &[
            ("Tue, 25 Nov 2026 09:00:00 +0900", DATE_WEEKDAY),
            ("Wed, 25 Nov 26 09:00:00 +0900", DATE_ODD),
            ("wed, 25 nov 2026 09:00:00 gmt", DATE_ODD),
            ("Wed, 25 Nov (a comment (in it)) 2026 09:00:00 A", DATE_ODD),
            ("Wed, 25 Nov 2026 09:00:00 KST", DATE_RFC822),
            ("Wed, 25 November 2026 09:00:00 GMT", DATE_RFC822),
            ("31 Apr 2026 09:00:00 GMT", DATE_RFC822),
            ("25 Nov 2026 25:00:00 GMT", DATE_RFC822),
            ("2026-11-25T09:00:00Z", DATE_RFC822),
            ("수, 25 11월 2026 09:00:00 +0900", DATE_RFC822),
            ("25 Dec 2030 09:00:00 GMT", DATE_IMPLAUSIBLE),
        ],
    );
}

#[test]
fn addresses_are_absolute_and_have_valid_characters() {
    all(
        WholeUri,
        &[
            "https://example.com/%EA%B0%80?a=b#c",
            "mailto:kim@example.com",
            "http://[::1]:80/",
            "urn:isbn:9780131103627",
        ],
        &[
            ("/a/b", LINK),
            ("example.com", LINK),
            ("", LINK),
            ("http:///a", LINK),
            ("http:a", LINK),
            ("https://example.com/가", LINK),
            ("https://example.com/a b", LINK),
            ("https://example.com/%zz", LINK),
            ("https://example.com/<a>", LINK),
            ("hppt://example.com/", LINK_SCHEME),
        ],
    );
    all(Iri, &["/글", "?a", "", "https://예시.한국/글"], &[("a b", LINK), ("1:2", LINK), ("a\u{a0}b", LINK)]);
    all(
        WebUrl,
        &["https://example.com/a.mp3", "http://example.com:8080"],
        &[("ftp://example.com/", LINK), ("https://localhost/", LINK), (" https://example.com/", LINK)],
    );
}

#[test]
fn tags_and_urns_follow_their_grammar() {
    all(
        WholeIri,
        &[
            "tag:example.com,2026:글",
            "tag:kim@example.com,2026-11:a/b?c#d",
            "urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6",
        ],
        &[
            ("tag:example.com:a", URI_TAG),
            ("tag:example.com,26:a", URI_TAG),
            ("tag:example.com,2026-1:a", URI_TAG),
            ("tag:example.com,2026-11-25-01:a", URI_TAG),
            ("tag:Example.com,2026:a", URI_TAG),
            ("tag:example.com,2026:a b", URI_TAG),
            ("urn:a", URI_URN),
            ("urn:-a:b", URI_URN),
            ("urn:a.b:c", URI_URN),
            ("urn:uuid:60a76c80", URI_URN),
        ],
    );
    assert_eq!(broken(Canonical, "https://example.com/%EA%B0%80/"), None);
    for (written, right) in [
        ("HTTP://Example.com:80/a/../b/./c", "http://example.com/b/c"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com/%7ekim/%ea%b0%80", "https://example.com/~kim/%EA%B0%80"),
    ] {
        let (_, message) = Canonical.judge(written, setting()).unwrap();
        assert!(message.contains(&format!("would be {right:?}")), "{message}");
    }
}

#[test]
fn persons_have_the_form_of_rss() {
    all(
        Email,
        &["kim@example.com", "a+b@a.co.kr"],
        &[("kim", EMAIL), ("kim at example.com", EMAIL), ("kim@localhost", EMAIL_HOST)],
    );
    all(
        EmailWithName,
        &["kim@example.com (김민지)", "mailto:Kim%20%3Ckim%40example%2Ecom%3E?subject=a"],
        &[
            ("김민지", EMAIL),
            ("kim@example.com", EMAIL_NAME),
            ("Kim <kim@example.com>", EMAIL_NAME),
            ("kim@@example.com (Kim)", EMAIL),
        ],
    );
}

#[test]
fn text_is_distinguished_from_markup() {
    all(
        Plain,
        &["글 & 그림", "1 < 2", "AT&T", "a && b", "x > y"],
        &[
            ("<b>글</b>", HTML_IN_TEXT),
            ("글 &amp; 그림", HTML_IN_TEXT),
            ("&#8217;", HTML_IN_TEXT),
            ("a <b c", HTML_IN_TEXT),
        ],
    );
    let profile = Setting { hexadecimal: true, ..setting() };
    assert_eq!(Plain.judge("<b>글</b> &amp;", profile), None, "written as the profile asks for");
    let atom = Setting { rss: false, ..setting() };
    assert_eq!(Plain.judge("a <b c", atom), None);
}

#[test]
fn small_values_stay_in_their_ranges() {
    all(
        Number(1, 144),
        &["1", "144", "+7"],
        &[("0", NUMBER), ("145", NUMBER), ("1.5", NUMBER), ("열", NUMBER), ("", NUMBER)],
    );
    all(
        Language,
        &["ko", "en-us", "zh-Hant-TW", "x-klingon", "tlh"],
        &[("English", LANGUAGE), ("qq", LANGUAGE), ("", LANGUAGE), ("ko_KR", LANGUAGE)],
    );
    all(
        MimeType,
        &["audio/mpeg", "text/html; charset=utf-8", "a/b+c;d=\"e f\""],
        &[("audio", MIME_TYPE), ("audio/", MIME_TYPE), ("a/b/c", MIME_TYPE), ("a b/c", MIME_TYPE)],
    );
    all(Duration, &["90", "1:30", "01:02:03"], &[("1:60", DURATION), ("1:2:3:4", DURATION), ("a", DURATION)]);
    all(PlayTime, &["now", "12.5", "00:01:12.25"], &[("1:12", CHOICE), ("soon", CHOICE)]);
    all(Hour, &["0", "23"], &[("24", MIDNIGHT), ("25", TIME_OF_DAY), ("1.5", TIME_OF_DAY)]);
    all(Degrees(90), &["37.56", "-90"], &[("90.1", COORDINATE), ("N37", COORDINATE)]);
    all(Pairs(2), &["45.2 -110.4 46.4 -109.4", "1,2 3,4"], &[("1 2", COORDINATE), ("1 2 3", COORDINATE)]);
    all(Numbers, &["1,2, 3"], &[("1,,2", NUMBER), ("a", NUMBER)]);
    all(AtMost(3), &["글글글"], &[("글글글글", TOO_LONG)]);
}

proptest! {
    #[test]
    fn the_check_survives_any_value(value in any::<String>()) {
        for kind in [
            Plain, NoEmail, Iri, WholeIri, Uri, WholeUri, WebUrl, Canonical, Rfc822, Rfc3339, W3c, IsoAnyTime, Iso,
            Language, MimeType, Email, EmailWithName, Nss, Number(0, 9), Fraction, Degrees(9), Numbers, Pairs(1), Hour,
            Duration, PlayTime, FormName, AtMost(3),
        ] {
            let _ = kind.judge(&value, setting());
        }
    }

    #[test]
    fn every_moment_has_a_valid_form_in_both_formats(seconds in 631_152_000_i64..1_700_000_000) {
        let moment = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap();
        prop_assert_eq!(broken(Rfc3339, &moment.to_rfc3339()), None);
        prop_assert_eq!(broken(Rfc822, &moment.to_rfc2822()), None);
    }

    #[test]
    fn a_canonical_address_stays_canonical(host in "[A-Za-z]{1,9}", path in "(/[a-z%.]{0,4}){0,5}") {
        let address = format!("https://{host}.example{path}");
        if let Some((_, message)) = Canonical.judge(&address, setting()) {
            let right = message.split("would be \"").nth(1).unwrap().trim_end_matches('"');
            prop_assert_eq!(broken(Canonical, right), None);
        }
    }
}
