//! How values stand in rows and what PostgreSQL's errors mean. Never shows a value of a row or a text of the server.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;

use crate::store::contract::{DISK_FULL, StoreError};
use crate::store::sealing::values::Stored;

/// The text of a statement, kept in a file of its own.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
pub(crate) use sql;

/// Another process wrote at the same moment; the transaction is done again.
pub const RACE: &str = "another process wrote at the same moment, again and again";
/// An id or key is there already; done again, because another process may have been faster, and then said.
pub const TAKEN: &str = "an id or key of it is taken by another row";

/// Whether a transaction is worth doing again.
pub fn is_race(error: &StoreError, attempt: u32) -> bool {
    match error {
        StoreError::Later(text) => text == RACE && attempt < 12,
        StoreError::Entry(text) => text == TAKEN && attempt < 3,
        _ => false,
    }
}

/// What another process was faster with.
pub fn race() -> StoreError {
    StoreError::Later(RACE.into())
}

/// What a failure of PostgreSQL means for the caller; names the code, never a value or the server's text.
pub fn trouble(error: tokio_postgres::Error) -> StoreError {
    let later = |text: &str| StoreError::Later(text.to_owned());
    let Some(code) = error.code() else {
        // Without a code the server said nothing: the connection is gone, or a value has a shape that it refuses to send.
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        return match error.is_closed() || source.is_empty() || !source.contains("convert") {
            true => later("the connection to PostgreSQL was lost"),
            false => StoreError::Corrupt("a row of the database has a shape that no program wrote".into()),
        };
    };
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => race(),
        SqlState::UNIQUE_VIOLATION => StoreError::Entry(TAKEN.into()),
        SqlState::DISK_FULL => later(DISK_FULL),
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            later("PostgreSQL is read-only (a standby?); it is tried again at the primary")
        }
        SqlState::TOO_MANY_CONNECTIONS => later("PostgreSQL has no connection left; raise max_connections"),
        SqlState::OUT_OF_MEMORY | SqlState::INSUFFICIENT_RESOURCES => later("PostgreSQL is out of memory"),
        SqlState::QUERY_CANCELED => later("PostgreSQL took too long for a statement"),
        SqlState::LOCK_NOT_AVAILABLE => later("another process holds a row of the store for too long"),
        SqlState::INSUFFICIENT_PRIVILEGE => {
            later("the database login lacks a right; make it a member of the three roles and run `migrate`")
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            StoreError::Corrupt("PostgreSQL says that its files are damaged".into())
        }
        SqlState::PROGRAM_LIMIT_EXCEEDED => StoreError::Entry("it is longer than a row can be".into()),
        _ => match code.code().get(..2) {
            Some("08" | "57") => later("PostgreSQL stops, starts or ended the connection"),
            Some("22") => StoreError::Entry("a value of it cannot stand in a row".into()),
            Some("23") => StoreError::Entry("it breaks a rule of the tables".into()),
            _ => StoreError::Later(format!("PostgreSQL answers {}", code.code())),
        },
    }
}

/// A column of a row.
pub fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Stored<T> {
    row.try_get(at)
        .map_err(|_| StoreError::Corrupt("a row of the database has a shape that no program wrote".into()))
}

/// The month (yyyymm, UTC) that a time's rows lie in.
pub fn month(at: Timestamp) -> i64 {
    let date = at.to_zoned(TimeZone::UTC).date();
    (i64::from(date.year()) * 100 + i64::from(date.month())).max(190_001)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_its_month() {
        assert_eq!(month("2027-01-31T23:59:59Z".parse().unwrap()), 202_701);
        assert_eq!(month("2027-02-01T00:00:00Z".parse().unwrap()), 202_702);
        assert_eq!(month(Timestamp::MIN), 190_001);
    }
}
