//! Makes slugs exactly as each generator does. Pure; a slug may be empty.

use unicode_normalization::UnicodeNormalization as _;

/// Hugo (`paths.Sanitize`): keeps letters, digits and a few signs, turns spaces into hyphens, and lower-cases.
pub(super) fn hugo(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let (mut was_hyphen, mut owes_hyphen) = (false, false);
    for c in text.chars() {
        let stays =
            c.is_alphanumeric() || "._#+~-@".contains(c) || unicode_normalization::char::is_combining_mark(c);
        if stays {
            was_hyphen = c == '-';
            if std::mem::take(&mut owes_hyphen) && !was_hyphen {
                slug.push('-');
            }
            slug.extend(c.to_lowercase());
        } else if !slug.is_empty() && !was_hyphen && c.is_whitespace() {
            owes_hyphen = true;
        }
    }
    slug
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
    jekyll(text, "").to_lowercase()
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
        if c.is_alphanumeric() || signs.contains(c) || unicode_normalization::char::is_combining_mark(c) {
            slug.push(c);
        } else if !slug.ends_with('\0') {
            slug.push('\0');
        }
    }
    slug.trim_matches('\0').replace('\0', "-")
}

/// Pelican (`slugify` with its default substitutions): ASCII words joined by hyphens.
pub(super) fn pelican(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    let mut slug = String::with_capacity(composed.len());
    for c in deunicode::deunicode_with_tofu(&composed, "").trim().chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            slug.push(c.to_ascii_lowercase());
        } else if (c == '-' || c.is_ascii_whitespace()) && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug
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
            assert_eq!(pelican(text), pelican_name, "{text}");
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
            for slug in [file_name(&text), hugo(&text), zola(&text), jekyll_title(&text), jekyll_slug(&text), pelican(&text)] {
                prop_assert!(!slug.contains(['/', '\\', ' ']) && !slug.chars().any(char::is_control), "{:?}", slug);
            }
        }
    }
}
