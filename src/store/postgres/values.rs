//! How values stand in rows and what PostgreSQL's errors mean. Never shows a value of a row or a text of the server.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, Type};

use crate::seal::index::Tag;
use crate::store::error::StoreError;
use crate::store::sealing::values::Stored;
use crate::store::states::{FollowState, RowState};
use crate::store::trouble::Trouble;

/// The text of a statement, kept in a file of its own.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("sql/", $name, ".sql"))
    };
}
pub(crate) use sql;

/// What the library says of a word that is no state: no word of it is told.
type NoState = Box<dyn std::error::Error + Sync + Send>;

/// How the states of a kind are read: as their words.
macro_rules! words {
    ($($state:ty),+) => {$(
        impl<'a> FromSql<'a> for $state {
            fn from_sql(of: &Type, raw: &'a [u8]) -> Result<$state, NoState> {
                <$state>::from_stored(<&str>::from_sql(of, raw)?).ok_or_else(|| "no state".into())
            }

            fn accepts(of: &Type) -> bool {
                <&str as FromSql>::accepts(of)
            }
        }
    )+};
}

words!(RowState, FollowState);

/// Whether a transaction is worth doing again.
pub fn is_race(error: &StoreError, attempt: u32) -> bool {
    match error {
        StoreError::Later(text) => text.is(Trouble::Race) && attempt < 12,
        StoreError::Entry(text) => text.is(Trouble::Taken) && attempt < 3,
        _ => false,
    }
}

/// Of statements that were sent together and failed together, what the first one failed of: the others only say that the
/// transaction was over.
pub fn first_cause<const N: usize>(errors: [Option<StoreError>; N]) -> StoreError {
    let is_after = |error: &StoreError| matches!(error, StoreError::Later(text) if text.is(Trouble::Over));
    let found = errors.into_iter().flatten().reduce(|one, other| if is_after(&one) { other } else { one });
    found.unwrap_or_else(|| StoreError::Later(Trouble::Over.into()))
}

/// What another process was faster with.
pub fn race() -> StoreError {
    StoreError::Later(Trouble::Race.into())
}

/// What a failure of PostgreSQL means for the caller; names the code, never a value or the server's text.
pub fn trouble(error: tokio_postgres::Error) -> StoreError {
    let later = |trouble: Trouble| StoreError::Later(trouble.into());
    let Some(code) = error.code() else {
        // Without a code the server said nothing: the connection is gone, or a value has a shape that it refuses to send.
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        return match error.is_closed() || source.is_empty() || !source.contains("convert") {
            true => later(Trouble::Lost),
            false => StoreError::Corrupt("a row of the database has a shape that no program wrote".into()),
        };
    };
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => race(),
        SqlState::UNIQUE_VIOLATION => StoreError::Entry(Trouble::Taken.into()),
        SqlState::DISK_FULL => later(Trouble::DiskFull),
        SqlState::READ_ONLY_SQL_TRANSACTION => later(Trouble::ReadOnly),
        SqlState::TOO_MANY_CONNECTIONS => later(Trouble::NoConnection),
        SqlState::OUT_OF_MEMORY | SqlState::INSUFFICIENT_RESOURCES => {
            StoreError::Later("PostgreSQL is out of memory".into())
        }
        SqlState::IN_FAILED_SQL_TRANSACTION => later(Trouble::Over),
        SqlState::QUERY_CANCELED => later(Trouble::TooSlow),
        SqlState::LOCK_NOT_AVAILABLE => later(Trouble::Locked),
        SqlState::INSUFFICIENT_PRIVILEGE => later(Trouble::Rights),
        SqlState::UNDEFINED_DATABASE => later(Trouble::NoDatabase),
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            StoreError::Corrupt("PostgreSQL says that its files are damaged".into())
        }
        SqlState::PROGRAM_LIMIT_EXCEEDED => StoreError::Entry("it is longer than a row can be".into()),
        _ => match code.code().get(..2) {
            Some("08" | "57") => later(Trouble::Ended),
            Some("28") => later(Trouble::Login),
            Some("22") => StoreError::Entry("a value of it cannot stand in a row".into()),
            Some("23") => StoreError::Entry("it breaks a rule of the tables".into()),
            _ => StoreError::Later(format!("PostgreSQL answers {}", code.code()).into()),
        },
    }
}

/// What it means that no connection was made. A server that takes no writes is told by the library's own kind of error.
pub fn not_connected(error: tokio_postgres::Error) -> StoreError {
    if error.code().is_some() {
        return trouble(error);
    }
    if let Some(trouble) = of_tls(&error) {
        return StoreError::Later(trouble.into());
    }
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<std::io::Error>());
    let trouble = match source.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::PermissionDenied) => Trouble::ReadOnly,
        _ => Trouble::Unreachable,
    };
    StoreError::Later(trouble.into())
}

/// What TLS says of a connection that was not made; its error is held by one of the system, whose source it is not.
fn of_tls(error: &(dyn std::error::Error + 'static)) -> Option<Trouble> {
    use rustls::{AlertDescription, CertificateError as Certificate, Error};
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<Error>() {
            return Some(match tls {
                Error::InvalidCertificate(Certificate::UnknownIssuer) => Trouble::Authority,
                Error::InvalidCertificate(
                    Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
                ) => Trouble::Host,
                Error::InvalidCertificate(
                    Certificate::Expired
                    | Certificate::ExpiredContext { .. }
                    | Certificate::NotValidYet
                    | Certificate::NotValidYetContext { .. },
                ) => Trouble::Expired,
                // A certificate that the server made for itself is of no authority at all.
                Error::InvalidCertificate(_) => Trouble::Authority,
                Error::AlertReceived(
                    AlertDescription::BadCertificate
                    | AlertDescription::CertificateExpired
                    | AlertDescription::CertificateRequired
                    | AlertDescription::CertificateUnknown
                    | AlertDescription::UnknownCA,
                ) => Trouble::OursRefused,
                _ => Trouble::Tls,
            });
        }
        next = match error.downcast_ref::<std::io::Error>() {
            None => error.source(),
            Some(system) => system.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
        };
    }
    None
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

/// A key as it stands in a row.
pub fn tag(octets: &[u8]) -> Stored<Tag> {
    octets
        .try_into()
        .map_err(|_| StoreError::Corrupt("a row of the database has a shape that no program wrote".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_after_a_failure_never_hides_it() {
        let later = |trouble: Trouble| Some(StoreError::Later(trouble.into()));
        let cause = |errors| first_cause::<3>(errors);
        assert_eq!(cause([later(Trouble::Over), None, later(Trouble::Race)]), race());
        assert_eq!(cause([None, later(Trouble::Race), later(Trouble::Over)]), race());
        assert_eq!(Some(cause([None, later(Trouble::Over), None])), later(Trouble::Over));
    }

    #[test]
    fn a_time_lies_in_its_month() {
        assert_eq!(month("2027-01-31T23:59:59Z".parse().unwrap()), 202_701);
        assert_eq!(month("2027-02-01T00:00:00Z".parse().unwrap()), 202_702);
        assert_eq!(month(Timestamp::MIN), 190_001);
    }
}
