//! Breaks paragraphs into lines by display width: a Hangul or Han character takes two columns.
//!
//! Lines break at spaces. Chinese and Japanese, which have none, also break between characters, but not before a
//! closing mark or after an opening one (JIS X 4051). Hangul words stay whole, as in print.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns of a line of the text part.
pub(super) const LINE: usize = 76;

/// A piece of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// May be wrapped.
    Text(String),
    /// Never wrapped: a URL.
    Solid(String),
    /// A hard line break.
    Break,
}

/// The display width of a string.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Wraps `text` to lines of at most `width` columns, without a final line break.
pub(super) fn paragraph(text: &str, width: usize) -> String {
    let mut spans = Vec::new();
    for (n, line) in text.trim().lines().enumerate() {
        if n > 0 {
            spans.push(Span::Break);
        }
        spans.push(Span::Text(line.to_owned()));
    }
    lines(&spans, width).join("\n")
}

/// Wraps `text` and underlines it with `mark`, as wide as its widest line.
pub(super) fn underlined(text: &str, mark: char, width: usize) -> String {
    let text = paragraph(text, width);
    let rule = text.lines().map(columns).max().unwrap_or(0);
    format!("{text}\n{}", String::from(mark).repeat(rule))
}

/// The lines of a paragraph. A line is longer than `width` only if it contains an unbreakable atom.
pub(super) fn lines(spans: &[Span], width: usize) -> Vec<String> {
    let mut setter = LineWrapper { width, ..LineWrapper::default() };
    for span in spans {
        match span {
            Span::Text(text) => text.chars().for_each(|c| setter.push(c)),
            Span::Solid(text) => setter.push_solid(text),
            Span::Break => setter.break_line(),
        }
    }
    setter.break_line();
    while setter.done.last().is_some_and(String::is_empty) {
        setter.done.pop();
    }
    setter.done
}

#[derive(Default)]
struct LineWrapper {
    width: usize,
    done: Vec<String>,
    line: String,
    /// The width of `line`.
    used: usize,
    /// An unbreakable run that is not yet on a line.
    atom: String,
    /// Whether white space precedes the atom.
    space: bool,
    /// Whether the atom contains a piece that must not be split even if it is too long.
    solid: bool,
}

impl LineWrapper {
    fn push(&mut self, c: char) {
        // A no-break space keeps two words together.
        if c.is_whitespace() && c != '\u{A0}' {
            self.flush();
            self.space = true;
            return;
        }
        if self.atom.chars().next_back().is_some_and(|before| may_break(before, c)) {
            self.flush();
        }
        self.atom.push(c);
    }

    fn push_solid(&mut self, text: &str) {
        self.atom.push_str(text);
        self.solid = true;
    }

    fn break_line(&mut self) {
        self.flush();
        self.space = false;
        self.end_line();
    }

    fn end_line(&mut self) {
        self.done.push(std::mem::take(&mut self.line));
        self.used = 0;
    }

    /// Puts the atom on this line, or on the next if it doesn't fit.
    fn flush(&mut self) {
        let atom = std::mem::take(&mut self.atom);
        let solid = std::mem::take(&mut self.solid);
        if atom.is_empty() {
            return;
        }
        let wide = columns(&atom);
        let space = std::mem::take(&mut self.space) && self.used > 0;
        if self.used > 0 && self.used + usize::from(space) + wide > self.width {
            self.end_line();
        } else if space {
            self.set(" ", 1);
        }
        // An ASCII word of this length is a URL or a hash, which must not be split.
        if solid || atom.is_ascii() || wide <= self.width {
            self.set(&atom, wide);
        } else {
            self.set_in_pieces(&atom);
        }
    }

    fn set(&mut self, text: &str, wide: usize) {
        self.line.push_str(text);
        self.used += wide;
    }

    fn set_in_pieces(&mut self, atom: &str) {
        for c in atom.chars() {
            let wide = c.width().unwrap_or(0);
            if wide > 0 && self.used > 0 && self.used + wide > self.width {
                self.end_line();
            }
            self.set(c.encode_utf8(&mut [0; 4]), wide);
        }
    }
}

/// Whether a line may break between two adjacent characters.
fn may_break(before: char, after: char) -> bool {
    // Emphasis marks stay with the word that they enclose.
    let mark = |c| "*_~`".contains(c);
    let joined = after.width() == Some(0) || before == '\u{200D}' || mark(before) || mark(after);
    !joined && (is_unspaced(before) || is_unspaced(after)) && !is_opening(before) && !is_closing(after)
}

/// Han, kana and their punctuation: written without spaces.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{312F}' | '\u{31A0}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FF01}'..='\u{FF9F}' | '\u{20000}'..='\u{3FFFF}')
}

fn is_opening(c: char) -> bool {
    "([{<'\"‘“«（［｛〈《「『【〔〖〘〚｢".contains(c)
}

/// Characters that must not begin a line: closing marks, small kana, length and repetition marks.
fn is_closing(c: char) -> bool {
    ")]}>'\"’”»,.:;!?%)、。，．・：；？！）］｝〉》」』】〕〗〙〛｣､｡･…‥—～〜ー゠々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hangul_words_stay_whole_and_count_two_columns_a_syllable() {
        assert_eq!(paragraph("편지는 한 번만 보냅니다", 14), "편지는 한 번만\n보냅니다");
    }

    #[test]
    fn japanese_breaks_between_characters_but_never_before_a_full_stop() {
        assert_eq!(paragraph("手紙は一度だけ。次の行", 14), "手紙は一度だ\nけ。次の行");
        assert_eq!(paragraph("彼は今「はい」", 8), "彼は今\n「はい」");
    }

    #[test]
    fn an_address_is_never_broken_even_if_it_is_too_long() {
        let url = "https://example.com/%EA%B8%80/a-long-path-that-goes-on";
        let spans =
            [Span::Text("여기 ".into()), Span::Solid(format!("<{url}>")), Span::Text("를 보세요".into())];
        assert_eq!(lines(&spans, 20), ["여기", &format!("<{url}>를"), "보세요"]);
    }

    #[test]
    fn a_rule_below_a_title_is_as_wide_as_the_title_looks() {
        assert_eq!(underlined("새 소식 A", '=', 76), "새 소식 A\n=========");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_character_is_lost(text in "[가-힣a-z一-龥ぁ-ん、。 ]{0,200}", width in 16usize..80) {
            let set = paragraph(&text, width);
            for line in set.lines() {
                prop_assert!(columns(line) <= width || line.is_ascii(), "{line:?}");
            }
            let dense = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(dense(&set), dense(&text));
        }
    }
}
