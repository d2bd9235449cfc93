//! One statement for many rows.
//!
//! `SQLite` runs it once for each row, which costs no round trips; `PostgreSQL` takes all rows in one statement, as
//! arrays.

use std::fmt::Write as _;

use super::{Dialect, StoreError, Tx, Value, corrupt_data};

/// A placeholder in a statement for the table `new` of the rows.
const ROWS: &str = " FROM {new}";

/// Runs `sql` for each of `rows`. The statement reads the values as `new.COLUMN FROM {new}`; a row has them in the
/// order in which the columns first appear.
pub(super) fn execute_many(tx: &mut dyn Tx, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<(), StoreError> {
    execute_together(tx, &[(sql, rows)])
}

/// Does the same for several statements, one after the other, without waiting for one before the next is sent.
pub(super) fn execute_together(
    tx: &mut dyn Tx,
    statements: &[(&str, &[Vec<Value<'_>>])],
) -> Result<(), StoreError> {
    let mut all = Vec::with_capacity(statements.len());
    for (sql, rows) in statements {
        let Some(first) = rows.first() else { continue };
        let (one, columns) = numbered(sql);
        if tx.dialect() == Dialect::Sqlite {
            tx.execute_each(&one, rows)?;
            continue;
        }
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        let table = format!(" FROM unnest({}) AS new ({})", places.join(", "), columns.join(", "));
        let arrays = (0..first.len()).map(|column| Array::of(rows, column));
        all.push((sql.replace(ROWS, &table), arrays.collect::<Result<Vec<_>, StoreError>>()?));
    }
    let all: Vec<(&str, Vec<Value<'_>>)> =
        all.iter().map(|(sql, arrays)| (sql.as_str(), arrays.iter().map(Array::value).collect())).collect();
    tx.execute_all(&all)
}

/// Inserts `rows` with these `columns`; `conflict` is the statement's end.
pub(super) fn insert_many(
    tx: &mut dyn Tx,
    table: &str,
    columns: &[&str],
    conflict: &str,
    rows: &[Vec<Value<'_>>],
) -> Result<(), StoreError> {
    let listed = columns.join(", ");
    if tx.dialect() == Dialect::Sqlite {
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        // A statement with SELECT could add many rows, so `SQLite` would keep a journal of its own for each.
        let sql = format!("INSERT INTO {table} ({listed}) VALUES ({}) {conflict}", places.join(", "));
        return tx.execute_each(&sql, rows);
    }
    let values: Vec<String> = columns.iter().map(|column| format!("new.{column}")).collect();
    execute_many(
        tx,
        &format!("INSERT INTO {table} ({listed}) SELECT {}{ROWS} {conflict}", values.join(", ")),
        rows,
    )
}

/// The statement for a single row, with numbered parameters, and the columns in the order of their numbers.
fn numbered(sql: &str) -> (String, Vec<&str>) {
    let mut columns = Vec::new();
    let mut parts = sql.split("new.");
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        let (column, rest) = part.split_at(end);
        let place = columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            columns.push(column);
            columns.len() - 1
        });
        // Writing to a `String` cannot fail.
        let _ = write!(numbered, "?{}{rest}", place + 1);
    }
    (numbered.replace(ROWS, ""), columns)
}

/// One column of all rows.
enum Array<'a> {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Blobs(Vec<Option<&'a [u8]>>),
}

impl<'a> Array<'a> {
    fn of(rows: &[Vec<Value<'a>>], column: usize) -> Result<Self, StoreError> {
        let mut array = match rows.first().and_then(|row| row.get(column)) {
            Some(Value::Int(_)) => Self::Ints(Vec::new()),
            Some(Value::Blob(_)) => Self::Blobs(Vec::new()),
            _ => Self::Texts(Vec::new()),
        };
        for row in rows {
            match (&mut array, row.get(column)) {
                (Self::Ints(ints), Some(Value::Int(int))) => ints.push(*int),
                (Self::Texts(texts), Some(Value::Text(text))) => texts.push(*text),
                (Self::Blobs(blobs), Some(Value::Blob(blob))) => blobs.push(*blob),
                (_, value) => return Err(corrupt_data(format!("{value:?} among other values"))),
            }
        }
        Ok(array)
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Ints(ints) => Value::Ints(ints),
            Self::Texts(texts) => Value::Texts(texts),
            Self::Blobs(blobs) => Value::Blobs(blobs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_for_many_rows_also_works_for_one() {
        let sql =
            "UPDATE t SET a = new.a, n = coalesce(new.n, t.n), next = new.next FROM {new} WHERE t.n = new.n";
        let (one, columns) = numbered(sql);
        assert_eq!(one, "UPDATE t SET a = ?1, n = coalesce(?2, t.n), next = ?3 WHERE t.n = ?2");
        assert_eq!(columns, ["a", "n", "next"]);
    }
}
