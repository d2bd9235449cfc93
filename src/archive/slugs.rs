//! Makes slugs exactly as each generator does. Pure; a slug may be empty.

use unicode_normalization::UnicodeNormalization as _;

/// Hugo (`paths.Sanitize`): keeps letters, digits and a few signs, turns spaces into hyphens, and lower-cases. Slashes stay.
pub(super) fn hugo(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let (mut was_hyphen, mut owes_hyphen) = (false, false);
    for (at, c) in text.char_indices() {
        let is_sign = "./\\_#+~-@".contains(c) || c == '%' && is_percent_encoded(&text[at..]);
        if is_word(c) || is_sign {
            was_hyphen = c == '-';
            if std::mem::take(&mut owes_hyphen) && !was_hyphen {
                slug.push('-');
            }
            // Go lower-cases each character to one character: `İ` becomes `i`.
            slug.extend(c.to_lowercase().next());
        } else if !slug.is_empty() && !was_hyphen && c.is_whitespace() {
            owes_hyphen = true;
        }
    }
    slug
}

/// Hugo's name of a file, a folder or a term: each space is a hyphen, also beside a sign that is left out.
pub(super) fn hugo_path(text: &str) -> String {
    hugo(&text.replace(' ', "-"))
}

/// A value in a permalink pattern of Hugo: it is made a URL, decoded as if it were a query, where a plus sign is a space, and
/// made a path again. [`hugo`] is the last step, for the whole path.
pub(super) fn hugo_value(text: &str) -> String {
    let slug = hugo(text);
    let slug = slug.strip_suffix('#').filter(|rest| !rest.contains('#')).unwrap_or(&slug).replace('+', " ");
    percent_encoding::percent_decode_str(&slug).decode_utf8_lossy().into_owned()
}

fn is_percent_encoded(text: &str) -> bool {
    text.get(1..3).is_some_and(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Whether it is a letter, a decimal digit or a mark for Go and Ruby (general categories L, Nd, M). For Rust, `²`, `½`, `①`,
/// `Ⓐ` and `Ⅳ` are alphanumeric too.
fn is_word(c: char) -> bool {
    let is_full_width = matches!(c, '\u{FF10}'..='\u{FF19}' | '\u{1D7CE}'..='\u{1D7FF}');
    let is_plain = || is_full_width || std::iter::once(c).nfkd().eq([c]);
    if c.is_alphabetic() {
        // Letters in circles are symbols, and Roman numerals and `〇` are numbers.
        return !matches!(c, '\u{24B6}'..='\u{24E9}' | '\u{2160}'..='\u{2188}' | '\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{1F130}'..='\u{1F189}');
    }
    c.is_numeric() && is_plain() || unicode_normalization::char::is_combining_mark(c)
}

/// Zola (`slugify.paths = "on"`): transliterates every script to ASCII.
pub(super) fn zola(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in deunicode::deunicode_with_tofu(text, "-").chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Jekyll (`Utils.slugify`, mode `pretty`, case kept): keeps characters allowed in a path; the rest become hyphens.
pub(super) fn jekyll_title(text: &str) -> String {
    jekyll(text, "._~!$&'()+,;=@")
}

/// Jekyll (`Utils.slugify`, mode `default`).
pub(super) fn jekyll_slug(text: &str) -> String {
    lower_case(&jekyll(text, ""))
}

/// Lower case as in Ruby, character by character: a sigma at the end of a word is like any other.
pub(super) fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Astro (`github-slugger`): lower case, without signs; each space is a hyphen.
pub(super) fn github(text: &str) -> String {
    let is_kept = |c: &char| {
        c.is_alphabetic()
            || is_word(*c)
            || matches!(
                c,
                '-' | ' ' | '_' | '\u{203F}' | '\u{2040}' | '\u{2054}' | '\u{FE33}' | '\u{FE34}' | '\u{FE4D}'
                    ..='\u{FE4F}' | '\u{FF3F}'
            )
    };
    text.to_lowercase().chars().filter(is_kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Material for `MkDocs` (`pymdownx.slugs`): lower case, with what Python takes for words; each space is a hyphen.
pub(super) fn pymdown(text: &str) -> String {
    let plain: String = strip_tags(text).nfc().collect();
    let is_kept = |c: &char| {
        c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(*c)
            || matches!(c, '_' | '-' | ' ')
    };
    plain.trim().to_lowercase().chars().filter(is_kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Nikola (`slugify`): ASCII in lower case, words joined by hyphens.
pub(super) fn nikola(text: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || c.is_whitespace() || matches!(c, '_' | '-' | '+');
    let kept: String = unidecode(text).chars().filter(is_kept).collect();
    let mut slug = String::with_capacity(kept.len());
    for c in kept.trim().to_lowercase().chars() {
        if c != '-' && !c.is_whitespace() {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug
}

/// `VuePress` (`sanitizeFileName`): signs become underscores, and none is at the beginning.
pub(super) fn vuepress(text: &str) -> String {
    let is_sign = |c: char| c.is_ascii_control() || "\"#$%&*+,:;<=>?[]^`{|}".contains(c);
    let name: String = text.chars().map(|c| if is_sign(c) { '_' } else { c }).collect();
    name.trim_start_matches('_').to_owned()
}

/// The file name of a new post: letters and digits of every script in lower case, joined by hyphens, and shortened so
/// that the name stays readable.
pub(super) fn file_name(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut name = String::new();
    for c in text.nfc().filter(|c| !matches!(c, '\'' | '’')) {
        if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) {
            name.extend(c.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if let Some((end, _)) = name.char_indices().nth(LONGEST) {
        // Cut at the end of a word, unless the word is very long.
        let is_whole = name[end..].starts_with('-');
        let word = name[..end].rfind('-').filter(|at| !is_whole && *at > end / 2);
        name.truncate(word.unwrap_or(end));
    }
    name.truncate(name.trim_end_matches('-').len());
    name
}

fn jekyll(text: &str, signs: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if is_word(c) || signs.contains(c) {
            slug.push(c);
        } else if !slug.ends_with('\0') {
            slug.push('\0');
        }
    }
    slug.trim_matches('\0').replace('\0', "-")
}

/// How Pelican makes slugs: `SLUGIFY_USE_UNICODE` and `SLUGIFY_PRESERVE_CASE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PelicanSlugs {
    /// Keeps every script instead of writing it in ASCII.
    pub unicode: bool,
    /// Keeps capital letters.
    pub preserve_case: bool,
}

/// Pelican (`slugify` with its default substitutions): words joined by hyphens.
pub(super) fn pelican(text: &str, rules: PelicanSlugs) -> String {
    let composed: String = without_markup(text).nfkc().collect();
    let text = if rules.unicode { composed } else { unidecode(&composed) };
    let mut slug = String::with_capacity(text.len());
    // Python's `\w` has no marks.
    let is_word = |c: char| c.is_alphanumeric() && !unicode_normalization::char::is_combining_mark(c);
    let kept: String =
        text.chars().filter(|c| is_word(*c) || c.is_whitespace() || matches!(c, '_' | '-')).collect();
    for c in kept.trim().chars() {
        if c != '-' && !c.is_whitespace() {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    if rules.preserve_case { slug } else { slug.to_lowercase() }
}

/// The text without `<b>` and the like.
fn strip_tags(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('<') {
        let Some((_, behind)) = after.split_once('>') else { break };
        plain.push_str(before);
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

/// `<b>` and the like are removed, and `&amp;` is read (`Markup.striptags`).
fn without_markup(text: &str) -> String {
    let words = strip_tags(text).split_whitespace().collect::<Vec<_>>().join(" ");
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(words, |words, (entity, sign)| words.replace(entity, sign))
}

/// Python's `unidecode`, where it differs from the crate.
fn unidecode(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200B}' => ascii.push(' '),
            '£' => ascii.push_str("PS"),
            'ー' => ascii.push('-'),
            // It has no names of emoji and symbols.
            '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}' => {}
            c => ascii.push_str(deunicode::deunicode_char(c).unwrap_or_default()),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_generator_makes_its_own_slug() {
        for (text, hugo_name, zola_name, jekyll_name, pelican_name) in [
            ("Hello, World!", "hello-world", "hello-world", "Hello,-World!", "hello-world"),
            ("C++ & C#", "c++-c#", "c-c", "C++-&-C", "c-c"),
            ("한글 제목", "한글-제목", "hangeul-jemog", "한글-제목", "hangeul-jemog"),
            ("a -- b", "a--b", "a-b", "a-b", "a-b"),
            ("v1.2_3", "v1.2_3", "v1-2-3", "v1.2_3", "v12_3"),
        ] {
            assert_eq!(hugo(text), hugo_name, "{text}");
            assert_eq!(zola(text), zola_name, "{text}");
            assert_eq!(jekyll_title(text), jekyll_name, "{text}");
            assert_eq!(pelican(text, PelicanSlugs::default()), pelican_name, "{text}");
        }
        assert_eq!(jekyll_slug("C++ & C#."), "c-c");
    }

    #[test]
    fn the_file_of_a_new_post_is_named_after_its_title() {
        for (title, name) in [
            ("천천히 오는 편지", "천천히-오는-편지"),
            ("It’s 5 o'clock — really?!", "its-5-oclock-really"),
            ("../../etc/passwd", "etc-passwd"),
            ("C++ & Rust", "c-rust"),
            ("日本語のタイトル", "日本語のタイトル"),
            (" -- ", ""),
        ] {
            assert_eq!(file_name(title), name);
        }
        let long = file_name(&"긴 제목 ".repeat(40));
        assert!(long.chars().count() <= 60 && long.ends_with("제목"), "{long}");
        assert_eq!(file_name(&"가".repeat(100)).chars().count(), 60);
    }

    proptest! {
        #[test]
        fn a_slug_fits_into_one_segment(text in "\\PC{0,24}") {
            for slug in [file_name(&text), zola(&text), jekyll_title(&text), jekyll_slug(&text), pelican(&text, PelicanSlugs::default())] {
                prop_assert!(!slug.contains(['/', '\\', ' ']) && !slug.chars().any(char::is_control), "{:?}", slug);
            }
        }
    }
}
