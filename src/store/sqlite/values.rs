//! How values stand in rows: times, ids, errors. Never shows a value of a row in an error.

use jiff::Timestamp;
use rusqlite::ErrorCode;
use rusqlite::types::Type;
use uuid::Uuid;

use crate::seal::key::SealError;
use crate::store::contract::{DISK_FULL, Scope, StoreError};

/// The text of a statement, kept in a file of its own.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
pub(crate) use sql;

/// A result of this room.
pub type Stored<T> = Result<T, StoreError>;

/// Microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time of microseconds since 1970; beyond jiff's range the nearest end.
pub fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A moment so many microseconds after another, held at the end of the range.
pub fn later(now: Timestamp, by: std::time::Duration) -> i64 {
    micros(now).saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

/// An id from its octets.
pub fn uuid(octets: Vec<u8>) -> rusqlite::Result<Uuid> {
    Uuid::from_slice(&octets)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(e)))
}

/// A count as it stands in rows.
pub fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A limit as statements take it.
pub fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
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
        other => return StoreError::Later(format!("the database cannot be used ({})", kind(other))),
    };
    match code {
        ErrorCode::DiskFull => StoreError::Later(DISK_FULL.into()),
        ErrorCode::ReadOnly => {
            StoreError::Later("the store's file is read-only; give the process the right to write".into())
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            StoreError::Later("another process writes to the store for too long".into())
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            StoreError::Corrupt("the database file is damaged".into())
        }
        ErrorCode::ConstraintViolation => {
            StoreError::Entry("an id or key of it is taken by another row".into())
        }
        ErrorCode::TooBig => StoreError::Entry("it is longer than a row can be".into()),
        ErrorCode::SystemIoFailure => {
            StoreError::Later("the disk gives an error; look at the system's log".into())
        }
        ErrorCode::CannotOpen => StoreError::Later("the store's file cannot be opened".into()),
        other => StoreError::Later(format!("SQLite answers {other:?}")),
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

/// What failed sealing means: octets that do not open are corrupt, a missing random source passes.
pub fn sealing(error: SealError) -> StoreError {
    match error {
        SealError::Random => StoreError::Later("the system gives no random octets".into()),
        other => StoreError::Corrupt(other.to_string()),
    }
}

/// What a failure of a file means; names no path.
pub fn disk(error: std::io::Error) -> StoreError {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Later(DISK_FULL.into()),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            StoreError::Later("the store's folder cannot be written; give the process the right to".into())
        }
        ErrorKind::NotFound => StoreError::Corrupt("a claim file is missing".into()),
        kind => StoreError::Later(format!("a file of the store cannot be used ({kind})")),
    }
}

/// Mandant and partner that a scope narrows to.
pub fn narrow(scope: &Scope) -> (Option<&str>, Option<&str>) {
    match scope {
        Scope::Operator => (None, None),
        Scope::Mandant(mandant) => (Some(mandant), None),
        Scope::Partner { mandant, partner } => (Some(mandant), Some(partner)),
    }
}
