//! Values for the server and from the server.

use std::borrow::Cow;
use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};

use super::SqlValue;
use super::fault::{ConnectionError, failed};
use crate::store::StoreError;
use crate::store::sql::{Cell, Row, Value};

/// Writes `?1` as `$1`.
pub(super) fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// Each value with its type: the server need not infer it, and no statement must be prepared.
pub(super) fn typed<'a>(values: &'a [Value<'a>]) -> Vec<SqlValue<'a>> {
    let of = |value: &Value<'_>| match value {
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
        Value::Ints(_) => Type::INT8_ARRAY,
        Value::Texts(_) => Type::TEXT_ARRAY,
        Value::Blobs(_) => Type::BYTEA_ARRAY,
    };
    values.iter().map(|value| (value as &(dyn ToSql + Sync), of(value))).collect()
}

/// The server does not accept text with a NUL, and a reply of a relay may contain any character.
fn writable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Int(value) => value.to_sql(kind, out),
            Self::Text(value) => value.map(writable).to_sql(kind, out),
            Self::Blob(value) => value.to_sql(kind, out),
            Self::Ints(values) => values.to_sql(kind, out),
            Self::Texts(values) => {
                let values: Vec<_> = values.iter().map(|value| value.map(writable)).collect();
                values.to_sql(kind, out)
            }
            Self::Blobs(values) => values.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(kind, out)
    }
}

/// One row of a result.
pub(super) struct PostgresRow<'a> {
    pub(super) row: &'a tokio_postgres::Row,
    pub(super) doing: &'static str,
}

impl Row for PostgresRow<'_> {
    fn cell(&self, column: usize) -> Result<Cell<'_>, StoreError> {
        let kind = self.row.columns().get(column).map(|found| found.type_().clone());
        let wrong = |error| failed(self.doing)(ConnectionError::Database(error));
        let cell = match kind {
            Some(Type::INT8) => self.row.try_get::<_, Option<i64>>(column).map_err(wrong)?.map(Cell::Int),
            Some(Type::INT4) => self
                .row
                .try_get::<_, Option<i32>>(column)
                .map_err(wrong)?
                .map(|value| Cell::Int(value.into())),
            Some(Type::TEXT) => self.row.try_get::<_, Option<&str>>(column).map_err(wrong)?.map(Cell::Text),
            Some(Type::BYTEA) => self.row.try_get::<_, Option<&[u8]>>(column).map_err(wrong)?.map(Cell::Blob),
            kind => return Err(StoreError::CorruptData(format!("{kind:?} in column {column}"))),
        };
        Ok(cell.unwrap_or(Cell::Null))
    }
}
