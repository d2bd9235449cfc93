//! Language suffixes of file names: `index.ko.md`, `about.pt-BR.md`.

/// The two-letter codes of ISO 639-1, and `cn`, which Chinese sites use.
const CODES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch cn co cr cs cu cv cy da \
                     de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz \
                     ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln \
                     lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi \
                     pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti \
                     tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Whether `text` is a language suffix: `ko`, `pt-BR`, `zh_cn`, `zh-Hans`.
pub(super) fn is_suffix(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let code = parts.next().unwrap_or_default().to_ascii_lowercase();
    let region = parts.next();
    code.len() == 2
        && CODES.split(' ').any(|known| known == code)
        && region.is_none_or(|region| {
            matches!(region.len(), 2 | 4) && region.chars().all(|c| c.is_ascii_alphabetic())
        })
        && parts.next().is_none()
}

/// The name without its language, and the language.
pub(super) fn split(stem: &str) -> (&str, Option<&str>) {
    match stem.rsplit_once('.') {
        Some((name, language)) if !name.is_empty() && is_suffix(language) => (name, Some(language)),
        _ => (stem, None),
    }
}

/// Whether two tags mean the same language: `ko` and `ko-KR` do, `pt-BR` and `pt-PT` do not.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let parts = |tag: &str| {
        let tag = tag.to_ascii_lowercase().replace('_', "-");
        let (code, region) = tag.split_once('-').map_or((tag.as_str(), ""), |(code, region)| (code, region));
        (code.to_owned(), region.to_owned())
    };
    let ((code, region), (other_code, other_region)) = (parts(one), parts(other));
    code == other_code && (region == other_region || region.is_empty() || other_region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_suffix_is_distinguished_from_a_word() {
        assert_eq!(split("index.ko"), ("index", Some("ko")));
        assert_eq!(split("about.pt-BR"), ("about", Some("pt-BR")));
        for name in ["Rust-1.12.1", "intro-to-node.js", ".ko", "index", "a.md-x", "v1.ko-KR-x"] {
            assert_eq!(split(name), (name, None));
        }
    }

    #[test]
    fn a_language_without_a_region_is_that_of_every_region() {
        assert!(is_same("ko", "ko-kr") && is_same("zh_CN", "zh-cn") && !is_same("pt-BR", "pt-PT"));
        assert!(!is_same("ko", "ja"));
    }
}
