//! A fingerprint of a post in 67 characters: it identifies the post after an edit and does not reveal the text. Two
//! fingerprints give the share of words that two posts have in common.
//!
//! Words are compared in pairs; in scripts without word spacing, or where words change with particles (Hangul, kana, Han,
//! Thai, …), characters in threes. Markup, punctuation, case and line breaks do not count. The pairs and threes of title
//! and text are one set. The fingerprint is a sketch of that set (Dahlgaard, Knudsen and Thorup, "Fast Similarity
//! Sketching", 2017): 56 samples, each of which is equal for two sets with the probability of their Jaccard similarity.
//!
//! Fingerprints are stored in `ids.txt` and in the database, so the algorithm must not change without a new [`PREFIX`].

use std::fmt;
use std::str::FromStr;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// The version of the algorithm.
const PREFIX: &str = "f1:";

/// How many samples of the text are kept, six bits each.
const SAMPLES: usize = 56;

/// How many digits the hash of the title has.
const TITLE_DIGITS: usize = 8;

/// The weight of a full window: two words or three characters.
const WINDOW: u32 = 6;

/// The weight of a word.
const WORD: u32 = 3;

/// The weight of a character in a script without word spacing, or whose words change with particles.
const CHARACTER: u32 = 2;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A sketch of a post's title and text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    title: [u8; TITLE_DIGITS],
    text: [u8; SAMPLES],
}

impl Fingerprint {
    /// From this [similarity](Self::similarity) on, two posts with any titles are the same post. A post with half of its
    /// words replaced has 0.33, a post of double length 0.5, and unrelated posts less than 0.1.
    pub const SAME: f64 = 0.5;

    /// From this similarity on, two posts with the same title are the same post. It is not lower, because the posts of a
    /// series may share their title and their first and last lines.
    pub const SAME_UNDER_ONE_TITLE: f64 = 0.3;

    /// The fingerprint of a post with the title and text of its file.
    pub fn of(title: &str, body: &str) -> Self {
        let mut tokens = tokens(title);
        let title = tokens.iter().fold(0, |hash, token| join(hash, token.hash));
        tokens.append(&mut self::tokens(body));
        Self { title: digits(title), text: sketch(&windows(&tokens)) }
    }

    /// The Jaccard similarity of two posts, between 0 and 1, with an error of about 0.07.
    pub fn similarity(&self, other: &Self) -> f64 {
        let same: u8 = self.text.iter().zip(&other.text).map(|(a, b)| u8::from(a == b)).sum();
        let share = f64::from(same) / 56.0;
        // One in 64 of the samples that differ is equal by chance.
        ((share * 64.0 - 1.0) / 63.0).max(0.0)
    }

    /// Whether the titles are the same except for case and punctuation.
    pub fn has_title_of(&self, other: &Self) -> bool {
        self.title == other.title
    }

    /// The hash of the title.
    pub(super) fn title(&self) -> [u8; TITLE_DIGITS] {
        self.title
    }

    /// Whether these are two versions of the same post.
    pub fn matches(&self, other: &Self) -> bool {
        let enough = if self.has_title_of(other) { Self::SAME_UNDER_ONE_TITLE } else { Self::SAME };
        self.similarity(other) >= enough
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        let digits = self.title.iter().chain(&self.text);
        digits
            .map(|digit| char::from(DIGITS[usize::from(digit & 63)]))
            .try_for_each(|c| fmt::Write::write_char(f, c))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a fingerprint of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the fingerprint is not `{PREFIX}` and 64 letters, digits, `-` or `_`")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let value = |digit: u8| DIGITS.iter().position(|known| *known == digit);
        let digits: Option<Vec<u8>> = text
            .strip_prefix(PREFIX)
            .and_then(|digits| digits.bytes().map(|digit| u8::try_from(value(digit)?).ok()).collect());
        let digits = digits.ok_or(FingerprintError)?;
        let (title, text) = digits.split_first_chunk().ok_or(FingerprintError)?;
        Ok(Self { title: *title, text: text.try_into().map_err(|_| FingerprintError)? })
    }
}

/// A word, or a character of a dense script.
struct Token {
    hash: u64,
    weight: u32,
}

/// The words and characters of a text. A text without any, such as a single emoji, is one token.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    if is_nfc_quick(text.chars().filter(|c| !is_common(*c))) == IsNormalized::Yes {
        tokens_of(text.chars(), &mut tokens);
    } else {
        tokens_of(text.nfc(), &mut tokens);
    }
    let text = text.trim();
    if tokens.is_empty() && !text.is_empty() {
        let hash = text.chars().fold(START, |hash, c| join(hash, u64::from(u32::from(c))));
        tokens.push(Token { hash, weight: WORD });
    }
    tokens
}

fn tokens_of(text: impl Iterator<Item = char>, tokens: &mut Vec<Token>) {
    let mut word = None;
    for c in text {
        let is_dense = is_dense(c);
        let counts = is_dense && is_common(c) || c.is_alphanumeric();
        if !counts || is_dense {
            tokens.extend(word.take().map(|hash| Token { hash, weight: WORD }));
        }
        if !counts {
            continue;
        }
        if is_dense {
            tokens.push(Token { hash: join(START, u64::from(u32::from(c))), weight: CHARACTER });
        } else {
            let hash = word.unwrap_or(START);
            word = Some(c.to_lowercase().fold(hash, |hash, c| join(hash, u64::from(u32::from(c)))));
        }
    }
    tokens.extend(word.map(|hash| Token { hash, weight: WORD }));
}

/// Whether a character counts like a word: everything after the Indic scripts, except Latin and Greek letters with marks.
fn is_dense(c: char) -> bool {
    c >= '\u{E00}' && !('\u{1E00}'..='\u{1FFF}').contains(&c)
}

/// A fast path: characters that are already composed and, if dense, letters.
fn is_common(c: char) -> bool {
    matches!(c, '\0'..='\u{7F}' | '가'..='힣' | '\u{4E00}'..='\u{9FFF}')
}

/// The hashes of all windows; a shorter text is one window.
fn windows(tokens: &[Token]) -> Vec<u64> {
    let window = |from: usize| {
        let (mut hash, mut weight) = (START, 0);
        for token in &tokens[from..] {
            hash = join(hash, token.hash);
            weight += token.weight;
            if weight >= WINDOW {
                return Some(hash);
            }
        }
        (from == 0).then_some(hash)
    };
    (0..tokens.len()).map_while(window).collect()
}

/// Draws the samples of a set. In each round, every member is put into one place; a place keeps the minimum of the first
/// round that reached it. A second series of rounds fills the places that are still empty, one by one.
fn sketch(set: &[u64]) -> [u8; SAMPLES] {
    let mut samples = [None; SAMPLES];
    for round in 0..2 * SAMPLES {
        let mut drawn = [None; SAMPLES];
        let salt = mix(u64::try_from(round).unwrap_or(0));
        for member in set {
            let hash = mix(member ^ salt);
            let place = usize::try_from(((hash >> 32) * SAMPLES as u64) >> 32).unwrap_or(0);
            let place = round.checked_sub(SAMPLES).unwrap_or(place);
            let least = drawn[place].get_or_insert(u32::MAX);
            *least = (hash & u64::from(u32::MAX)).try_into().map_or(*least, |value: u32| value.min(*least));
        }
        for (sample, drawn) in samples.iter_mut().zip(drawn) {
            *sample = sample.or(drawn);
        }
        if samples.iter().all(Option::is_some) {
            break;
        }
    }
    samples.map(|sample| (sample.unwrap_or(0) & 63) as u8)
}

fn digits(mut hash: u64) -> [u8; TITLE_DIGITS] {
    [(); TITLE_DIGITS].map(|()| {
        let digit = (hash & 63) as u8;
        hash >>= 6;
        digit
    })
}

/// The FNV offset basis.
const START: u64 = 0xcbf2_9ce4_8422_2325;

fn join(hash: u64, more: u64) -> u64 {
    mix(hash.wrapping_mul(0x0000_0100_0000_01b3) ^ more)
}

/// The finalizer of splitmix64.
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests;
