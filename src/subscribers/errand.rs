//! The small letters that answer a reader: which there are. What they say is [`crate::letters`]'s, when they leave is
//! the courier's.

use serde::Serialize;

/// What a small letter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrandKind {
    /// "Please confirm."
    Confirm,
    /// "You read it already, and here you can choose."
    Known,
    /// "Here are your data."
    Data,
}

impl ErrandKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Confirm, Self::Known, Self::Data];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Known => "known",
            Self::Data => "data",
        }
    }

    /// Reads [`ErrandKind::as_str`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
