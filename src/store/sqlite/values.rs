//! How ids stand in rows and what SQLite's errors mean. Never shows a value of a row in an error.

use rusqlite::ErrorCode;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::states::{FollowState, RowState};
use crate::store::trouble::Trouble;

/// The text of a statement, kept in a file of its own.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
pub(crate) use sql;

/// How the states of a kind stand in rows: as their words.
macro_rules! words {
    ($($state:ty),+) => {$(
        impl FromSql for $state {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<$state> {
                <$state>::from_stored(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }

        impl ToSql for $state {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
    )+};
}

words!(RowState, FollowState);

/// An id from its octets.
pub fn uuid(octets: Vec<u8>) -> rusqlite::Result<Uuid> {
    Uuid::from_slice(&octets)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(e)))
}

/// What a failure of SQLite means for the caller; names the code, never a value.
pub fn trouble(error: rusqlite::Error) -> StoreError {
    let code = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.code,
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            return StoreError::Corrupt("a row of the database has a shape that no program wrote".into());
        }
        rusqlite::Error::QueryReturnedNoRows => {
            return StoreError::Corrupt("a row that another row names is missing".into());
        }
        other => return StoreError::Later(format!("the database cannot be used ({})", kind(other)).into()),
    };
    match code {
        ErrorCode::DiskFull => StoreError::Later(Trouble::DiskFull.into()),
        ErrorCode::ReadOnly => StoreError::Later(Trouble::FileReadOnly.into()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Later("another process writes to the store for too long".into())
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            StoreError::Corrupt("the database file is damaged".into())
        }
        ErrorCode::ConstraintViolation => StoreError::Entry(Trouble::Taken.into()),
        ErrorCode::TooBig => StoreError::Entry("it is longer than a row can be".into()),
        ErrorCode::SystemIoFailure => {
            StoreError::Later("the disk gives an error; look at the system's log".into())
        }
        ErrorCode::CannotOpen => StoreError::Later("the store's file cannot be opened".into()),
        other => StoreError::Later(format!("SQLite answers {other:?}").into()),
    }
}

fn kind(error: &rusqlite::Error) -> &'static str {
    match error {
        rusqlite::Error::InvalidPath(_) => "path",
        rusqlite::Error::InvalidQuery | rusqlite::Error::InvalidParameterCount(..) => "statement",
        rusqlite::Error::StatementChangedRows(_) => "number of rows",
        _ => "inner error",
    }
}
