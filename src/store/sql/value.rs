//! Values of statements and rows: whole numbers, text, bytes, and null.
//!
//! Times are milliseconds since 1970; booleans are 0 or 1.

use chrono::{DateTime, Utc};

use super::{StoreError, corrupt_data};

/// One argument. Each kind can be null and still has its type, which `PostgreSQL` needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Value<'a> {
    /// BIGINT.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<&'a str>),
    /// BLOB, BYTEA.
    Blob(Option<&'a [u8]>),
    /// An array of the first kind, only for `PostgreSQL`.
    Ints(&'a [Option<i64>]),
    /// An array of the second kind, only for `PostgreSQL`.
    Texts(&'a [Option<&'a str>]),
    /// An array of the third kind, only for `PostgreSQL`.
    Blobs(&'a [Option<&'a [u8]>]),
}

impl<'a> From<&'a [Option<i64>]> for Value<'a> {
    fn from(values: &'a [Option<i64>]) -> Self {
        Self::Ints(values)
    }
}

impl<'a> From<&'a [Option<&'a str>]> for Value<'a> {
    fn from(values: &'a [Option<&'a str>]) -> Self {
        Self::Texts(values)
    }
}

impl<'a> From<&'a [Option<&'a [u8]>]> for Value<'a> {
    fn from(values: &'a [Option<&'a [u8]>]) -> Self {
        Self::Blobs(values)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<DateTime<Utc>> for Value<'_> {
    fn from(value: DateTime<Utc>) -> Self {
        Self::Int(Some(value.timestamp_millis()))
    }
}

impl From<Option<DateTime<Utc>>> for Value<'_> {
    fn from(value: Option<DateTime<Utc>>) -> Self {
        Self::Int(value.map(|time| time.timestamp_millis()))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Some(value))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(Some(value))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(Some(value))
    }
}

impl<'a, const N: usize> From<Option<&'a [u8; N]>> for Value<'a> {
    fn from(value: Option<&'a [u8; N]>) -> Self {
        Self::Blob(value.map(<[u8; N]>::as_slice))
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Cell<'a> {
    /// Null.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// One row of a query.
pub(in crate::store) trait Row {
    /// The value in a column; an error if it is not one of the four kinds.
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError>;
}

impl dyn Row + '_ {
    /// The value in a column, converted to the expected type.
    pub(in crate::store) fn get<T: FromCell>(&self, column: usize) -> Result<T, StoreError> {
        let cell = self.cell(column)?;
        T::from_cell(cell).ok_or_else(|| corrupt_data(format!("{cell:?} in column {column}")))
    }
}

/// A type that a cell can be converted to.
pub(in crate::store) trait FromCell: Sized {
    /// `None` if the cell has another type.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if cell == Cell::Null { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

impl FromCell for i64 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Int(value) = cell { Some(value) } else { None }
    }
}

impl FromCell for u64 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell)?.try_into().ok()
    }
}

impl FromCell for u32 {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell)?.try_into().ok()
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell).map(|value| value != 0)
    }
}

impl FromCell for DateTime<Utc> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        Self::from_timestamp_millis(i64::from_cell(cell)?)
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Text(value) = cell { Some(value.to_owned()) } else { None }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Blob(value) = cell { Some(value.to_vec()) } else { None }
    }
}

impl<const N: usize> FromCell for [u8; N] {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Blob(value) = cell { value.try_into().ok() } else { None }
    }
}
