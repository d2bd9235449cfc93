//! What comes back by mail about a copy or a reader, as the store takes it.
//!
//! Whoever makes a [`Notice`] has verified its token already; the store does not ask again.

use super::DeliveryNumber;
use crate::subscribers::bounces::{Action, Status};
use crate::subscribers::{AddressKey, Standing};

/// Something that came back: a bounce, a complaint, a reader who leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The same for the same mail, however often it is delivered.
    pub fingerprint: [u8; 32],
    /// Which copy, or whose.
    pub about: About,
    /// What it says.
    pub word: Word,
}

/// What a verified token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A copy.
    Copy(DeliveryNumber),
    /// A reader, and their copy with this `Message-ID`, if it was named.
    Reader {
        /// The reader.
        key: AddressKey,
        /// Without angle brackets.
        message_id: Option<String>,
    },
}

/// What a notice says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A delivery report (RFC 3464).
    Reported(Reported),
    /// A complaint (RFC 5965).
    Complained,
    /// The reader leaves.
    Left,
}

/// What a delivery report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What was done with the copy.
    pub action: Action,
    /// The status code.
    pub status: Option<Status>,
    /// The address that the report names: not trusted, only compared.
    pub recipient: Option<String>,
    /// What the refusing server said: one printable line, cut short, and hostile.
    pub diagnostic: String,
}

impl Word {
    /// The word that is stored and counted.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Reported(report) => report.action.as_str(),
            Self::Complained => "complaint",
            Self::Left => "leave",
        }
    }
}

/// What taking a notice did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was taken before.
    Again,
    /// It names a copy or a reader that this store does not know.
    Stranger,
    /// It is on record now.
    Recorded {
        /// A copy in doubt is known to have been accepted.
        settled: bool,
        /// What the reader is from now on, if that changed.
        standing: Option<Standing>,
        /// The report names another address than the copy went to; the token decided.
        elsewhere: bool,
        /// So many copies of its issue came back that the issue is paused now.
        paused: bool,
    },
}
