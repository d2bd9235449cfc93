//! Colors: `#0b57a4`, and how well one can be read on another.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// A color in sRGB, written as `#0b57a4` or `#05a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

/// The contrast of normal text that WCAG 2.2 asks for at level AA (1.4.3).
const READABLE: f64 = 4.5;

impl Color {
    /// Reads a hexadecimal color; the message says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let wrong = || format!("{raw:?} is not a color; write it like \"#0b57a4\"");
        let digits = raw.trim().strip_prefix('#').ok_or_else(wrong)?;
        let digits: Vec<u8> = digits
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        match digits[..] {
            [red, green, blue] => Ok(Self([red, green, blue].map(|digit| digit * 17))),
            [_, _, _, _, _, _] => {
                let part = |at: usize| digits[at] * 16 + digits[at + 1];
                Ok(Self([part(0), part(2), part(4)]))
            }
            _ => Err(wrong()),
        }
    }

    /// How well one of two colors can be read on the other, from 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// The nearest color on the way to black or to white, whichever is farther from `background`, that can be read on it.
    #[must_use]
    pub fn readable_on(self, background: Self) -> Self {
        let (black, white) = (Self([0; 3]), Self([255; 3]));
        let goal = if background.contrast(black) > background.contrast(white) { black } else { white };
        (0..=100)
            .map(|step| self.towards(goal, step))
            .find(|color| color.contrast(background) >= READABLE)
            .unwrap_or(goal)
    }

    /// `step` hundredths of the way to `goal`.
    fn towards(self, goal: Self, step: u16) -> Self {
        let mut mixed = self.0;
        for (part, goal) in mixed.iter_mut().zip(goal.0) {
            let sum = u16::from(*part) * (100 - step) + u16::from(goal) * step;
            *part = u8::try_from(sum / 100).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        Self::parse(&raw).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colors_are_read_with_three_or_six_digits() {
        assert_eq!(Color::parse("#0b57a4").unwrap().to_string(), "#0b57a4");
        assert_eq!(Color::parse(" #FA0 ").unwrap().to_string(), "#ffaa00");
        for raw in ["", "red", "#12345", "#ggg", "0b57a4", "#가나다"] {
            assert!(Color::parse(raw).unwrap_err().contains("#0b57a4"), "{raw}");
        }
    }

    #[test]
    fn black_on_white_has_a_contrast_of_21_and_grey_767676_just_enough() {
        let (black, white) = (Color([0; 3]), Color([255; 3]));
        assert!((black.contrast(white) - 21.0).abs() < 0.001);
        assert!(Color([0x76; 3]).contrast(white) >= READABLE);
        assert!(Color([0x77; 3]).contrast(white) < READABLE);
    }

    proptest! {
        #[test]
        fn every_color_becomes_readable_and_a_readable_one_stays(color: [u8; 3], light: bool) {
            let background = if light { Color([251, 250, 248]) } else { Color([26, 25, 23]) };
            let changed = Color(color).readable_on(background);
            prop_assert!(changed.contrast(background) >= READABLE);
            prop_assert_eq!(changed.readable_on(background), changed);
        }
    }
}
