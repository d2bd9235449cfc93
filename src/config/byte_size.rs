//! Numbers of bytes with a unit: `512 KB`, `2 MB`.

use serde::{Deserialize, Deserializer};

/// A number of bytes, written with `B`, `KB` (1,000) or `MB` (1,000,000). At most a gigabyte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(usize);

const UNITS: [(&str, usize); 3] = [("mb", 1_000_000), ("kb", 1_000), ("b", 1)];
const MOST: usize = 1_000_000_000;

impl ByteSize {
    /// Reads `512 KB`; the message says what to write instead.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let text = raw.trim().to_ascii_lowercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, size)| Some((text.strip_suffix(name)?, *size)))
            .unwrap_or((&text, 1));
        let Ok(number) = number.trim().parse::<usize>() else {
            return Err(format!(
                "{raw:?} is not a number of bytes; write a number and B, KB or MB, such as \"512 KB\""
            ));
        };
        let bytes = number.checked_mul(unit).filter(|bytes| *bytes <= MOST);
        bytes.map(Self).ok_or_else(|| format!("{raw} is more than 1000 MB"))
    }

    /// The number of bytes.
    pub fn get(self) -> usize {
        self.0
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes_are_read_with_their_unit() {
        for (raw, bytes) in [("512 KB", 512_000), ("2MB", 2_000_000), (" 10 b ", 10), ("0", 0), ("7", 7)] {
            assert_eq!(ByteSize::parse(raw).unwrap().get(), bytes, "{raw}");
        }
        for raw in ["", "KB", "-1 KB", "1.5 MB", "1 GB", "9999 MB", "99999999999999999999"] {
            assert!(ByteSize::parse(raw).is_err(), "{raw}");
        }
    }
}
