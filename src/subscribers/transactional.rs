//! The kinds of transactional emails. [`crate::email`] composes them.

use serde::Serialize;

/// The kind of a transactional email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionalKind {
    /// Please confirm your subscription.
    Confirm,
    /// You are subscribed already; here are your preferences.
    Known,
    /// Here is your personal data.
    Data,
}

impl TransactionalKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Confirm, Self::Known, Self::Data];

    /// The name that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Known => "known",
            Self::Data => "data",
        }
    }

    /// The inverse of [`TransactionalKind::as_str`].
    pub fn from_code(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
