//! Common ways to write languages and time zones, with the correct tags and names. Pure tables.

use chrono_tz::TZ_VARIANTS;

use super::nearest::osa;

/// The correct tag of each language, with other names and codes in lower case.
const LANGUAGES: [(&str, &[&str]); 26] = [
    (
        "ko",
        &["korean", "한국어", "kor", "kr", "korea", "조선말", "hangul", "koreanisch", "coreano", "coréen"],
    ),
    ("ja", &["japanese", "日本語", "jpn", "jp", "japan", "nihongo", "일본어", "japanisch", "japonais"]),
    ("en", &["english", "eng", "englisch", "anglais", "inglés", "ingles", "영어", "英語", "usa"]),
    (
        "zh",
        &[
            "chinese",
            "中文",
            "zho",
            "chi",
            "cn",
            "mandarin",
            "汉语",
            "漢語",
            "중국어",
            "中国語",
            "chinesisch",
        ],
    ),
    ("de", &["german", "deutsch", "deu", "ger", "allemand", "독일어"]),
    ("fr", &["french", "français", "francais", "fra", "fre", "französisch", "프랑스어"]),
    ("es", &["spanish", "español", "espanol", "spa", "castellano", "스페인어"]),
    ("it", &["italian", "italiano", "ita"]),
    ("pt", &["portuguese", "português", "portugues", "por"]),
    ("pt-BR", &["brazilian", "brasileiro", "ptbr"]),
    ("ru", &["russian", "русский", "rus", "러시아어"]),
    ("uk", &["ukrainian", "українська", "ukr", "ua"]),
    ("nl", &["dutch", "nederlands", "nld", "dut"]),
    ("sv", &["swedish", "svenska", "swe"]),
    ("da", &["danish", "dansk", "dan", "dk"]),
    ("nb", &["norwegian", "norsk", "bokmål", "nob"]),
    ("fi", &["finnish", "suomi", "fin"]),
    ("pl", &["polish", "polski", "pol"]),
    ("cs", &["czech", "čeština", "ces", "cze", "cz"]),
    ("el", &["greek", "ελληνικά", "ell", "gre", "gr"]),
    ("tr", &["turkish", "türkçe", "turkce", "tur"]),
    ("vi", &["vietnamese", "tiếng việt", "vie", "vn", "베트남어"]),
    ("th", &["thai", "ไทย", "tha"]),
    ("id", &["indonesian", "bahasa", "ind"]),
    ("ar", &["arabic", "العربية", "ara"]),
    ("hi", &["hindi", "हिन्दी", "hin"]),
];

/// The correct tag for `raw`, if `raw` is the name or a wrong code of a language.
pub fn suggested_language(raw: &str) -> Option<String> {
    let plain = raw.trim().to_lowercase();
    let known = |name: &str| LANGUAGES.iter().find(|(_, names)| names.contains(&name)).map(|(tag, _)| *tag);
    if let Some(tag) = known(&plain) {
        return Some(tag.to_owned());
    }
    let (first, rest) = plain.split_once(['-', '_'])?;
    if let Some(tag) = known(first) {
        return Some(tag.to_owned());
    }
    // `ko_KR.UTF-8` is the form of system locales.
    let region = rest.split('.').next().unwrap_or(rest);
    let is_tag = LANGUAGES.iter().any(|(tag, _)| *tag == first);
    (is_tag && plain.contains('_')).then(|| format!("{first}-{}", region.to_uppercase()))
}

/// Places and abbreviations that are not zone names.
const ZONES: [(&str, &[&str]); 10] = [
    ("Asia/Seoul", &["kst", "korea", "south korea", "서울", "한국", "utc+9", "gmt+9", "+09:00", "+0900"]),
    ("Asia/Tokyo", &["jst", "東京", "日本", "osaka", "도쿄"]),
    ("Asia/Shanghai", &["beijing", "china", "上海", "北京", "utc+8", "gmt+8", "+08:00"]),
    ("Asia/Kolkata", &["ist", "india", "mumbai", "delhi", "new delhi", "bangalore", "utc+5:30"]),
    ("Europe/Berlin", &["germany", "deutschland", "cest", "utc+1", "gmt+1", "munich", "münchen", "hamburg"]),
    ("Europe/London", &["uk", "bst", "england"]),
    ("Europe/Paris", &["france"]),
    ("America/New_York", &["edt", "eastern", "boston", "washington", "utc-5", "gmt-5"]),
    ("America/Chicago", &["cst", "cdt", "central"]),
    ("America/Los_Angeles", &["pst", "pdt", "pacific", "san francisco", "seattle", "california", "utc-8"]),
];

/// The correct zone for `raw`.
pub(super) fn suggested_timezone(raw: &str) -> Option<&'static str> {
    let plain = raw.trim().to_lowercase();
    if let Some((zone, _)) = ZONES.iter().find(|(_, names)| names.contains(&plain.as_str())) {
        return Some(zone);
    }
    let plain = plain.replace(' ', "_");
    let city = plain.rsplit('/').next().unwrap_or(&plain);
    let named = |name: &str| name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let same = names().find(|name| name.eq_ignore_ascii_case(&plain));
    let same_city = || names().find(|name| named(name) == city);
    let near = || {
        let limit = if city.len() < 5 { 1 } else { 2 };
        names()
            .map(|name| (osa(&named(name), city).min(osa(&name.to_lowercase(), &plain)), name))
            .filter(|(distance, _)| *distance <= limit)
            .min()
            .map(|(_, name)| name)
    };
    same.or_else(same_city).or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_country_codes_of_languages_give_the_correct_tag() {
        for (raw, tag) in [
            ("korean", "ko"),
            ("Korean", "ko"),
            ("한국어", "ko"),
            ("kr", "ko"),
            ("jp", "ja"),
            ("kor-KR", "ko"),
            ("ko_KR", "ko-KR"),
            ("en_US.UTF-8", "en-US"),
            ("English", "en"),
        ] {
            assert_eq!(suggested_language(raw).as_deref(), Some(tag), "{raw}");
        }
        for raw in ["ko", "ja", "en-GB", "zh-Hant-TW", "klingon"] {
            assert_eq!(suggested_language(raw), None, "{raw}");
        }
    }

    #[test]
    fn places_and_abbreviations_give_the_correct_zone() {
        for (raw, zone) in [
            ("Seoul", "Asia/Seoul"),
            ("asia/seoul", "Asia/Seoul"),
            ("Asia/Soeul", "Asia/Seoul"),
            ("KST", "Asia/Seoul"),
            ("UTC+9", "Asia/Seoul"),
            ("서울", "Asia/Seoul"),
            ("New York", "America/New_York"),
            ("Europe/Berlim", "Europe/Berlin"),
        ] {
            assert_eq!(suggested_timezone(raw), Some(zone), "{raw}");
        }
        assert_eq!(suggested_timezone("nowhere at all"), None);
    }
}
