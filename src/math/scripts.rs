//! Superscripts, subscripts and accents in Unicode.

const SUPERSCRIPTS: (&str, &str) = (
    "0123456789+−-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ′*∗⊤†∘",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ′**ᵀ†°",
);

const SUBSCRIPTS: (&str, &str) =
    ("0123456789+−-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ");

/// Accents as TeX translators write them, and the marks that combine with the letter before.
const ACCENTS: (&str, &str) =
    ("^ˆ‾¯ˉ~˜→⃗˙¨", "\u{302}\u{302}\u{304}\u{304}\u{304}\u{303}\u{303}\u{20D7}\u{20D7}\u{307}\u{308}");

/// `text` as a superscript, if every letter has one.
pub(super) fn superscript(text: &str) -> Option<String> {
    text.chars().filter(|c| *c != ' ').map(|c| counterpart(c, SUPERSCRIPTS)).collect()
}

/// `text` as a subscript, if every letter has one.
pub(super) fn subscript(text: &str) -> Option<String> {
    text.chars().filter(|c| *c != ' ').map(|c| counterpart(c, SUBSCRIPTS)).collect()
}

/// A letter with an accent.
pub(super) fn accented(letter: &str, accent: &str) -> Option<String> {
    let mut accents = accent.chars();
    let mark = counterpart(accents.next()?, ACCENTS)?;
    (letter.chars().count() == 1 && accents.next().is_none()).then(|| format!("{letter}{mark}"))
}

fn counterpart(c: char, (from, to): (&str, &str)) -> Option<char> {
    from.chars().zip(to.chars()).find(|(plain, _)| *plain == c).map(|(_, counterpart)| counterpart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_one_counterpart() {
        for (from, to) in [SUPERSCRIPTS, SUBSCRIPTS, ACCENTS] {
            assert_eq!(from.chars().count(), to.chars().count(), "{from}");
        }
        assert_eq!(superscript("n + 1").as_deref(), Some("ⁿ⁺¹"));
        assert_eq!(subscript("i=1").as_deref(), Some("ᵢ₌₁"));
        assert_eq!(subscript("q"), None);
        assert_eq!(accented("x", "^").as_deref(), Some("x\u{302}"));
    }
}
