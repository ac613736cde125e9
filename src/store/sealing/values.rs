//! How values stand in rows, whatever the back end: times, counts, words, and what failed sealing or a failed file means.
//! Never shows a value of a row in an error.

use jiff::Timestamp;

use crate::envelope::{Inbound, Lying, Stage};
use crate::seal::key::SealError;
use crate::store::error::StoreError;
use crate::store::stamp::{Scope, Stamp};
use crate::store::trouble::Trouble;
use crate::telemetry::machine;

/// A result of this room.
pub type Stored<T> = Result<T, StoreError>;

/// Microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Whether a place was found empty; else since when the oldest lies there, where that is known.
pub fn lies(lying: Lying) -> (bool, Option<i64>) {
    match lying {
        Lying::Nothing => (true, None),
        Lying::Since(since) => (false, Some(micros(since))),
        Lying::Something => (false, None),
    }
}

/// The time of microseconds since 1970; beyond jiff's range the nearest end.
pub fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A moment so many microseconds after another, held at the end of the range.
pub fn later(now: Timestamp, by: std::time::Duration) -> i64 {
    micros(now).saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

/// A count as it stands in rows.
pub fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A limit as statements take it.
pub fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
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
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Later(Trouble::DiskFull.into()),
        ErrorKind::ReadOnlyFilesystem => StoreError::Later(Trouble::DiskReadOnly.into()),
        ErrorKind::PermissionDenied => StoreError::Later(Trouble::FolderRights.into()),
        ErrorKind::NotFound => StoreError::Corrupt("a claim file is missing".into()),
        _ => StoreError::Later(
            format!("a file of the store cannot be used ({})", machine::said(&error)).into(),
        ),
    }
}

/// A stamp without the trace context, which is kept per row.
pub type StampKey = (String, String, String, &'static str, bool, String, String, String, String);

/// The combination that a stamp stands for.
pub fn stamp_key(stamp: &Stamp) -> StampKey {
    (
        stamp.mandant.clone(),
        stamp.partner.clone(),
        stamp.how.clone(),
        stamp.stage.as_str(),
        stamp.test,
        stamp.key_id.clone(),
        stamp.acting_person.clone(),
        stamp.doc_version.clone(),
        stamp.decided_by.clone(),
    )
}

/// Refuses payloads to the operator of the process.
pub fn may_see_payloads(scope: &Scope) -> Stored<()> {
    match scope {
        Scope::Operator => Err(StoreError::Refused(
            "the operator sees states and figures, no payloads; ask for one Mandant".into(),
        )),
        Scope::Mandant(_) | Scope::Partner { .. } => Ok(()),
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

/// The state of a stored word.
pub fn state(word: &str) -> Stored<Inbound> {
    Inbound::from_stored(word)
        .ok_or_else(|| StoreError::Corrupt("a message has a state that no program wrote".into()))
}

/// The stage of a stored word.
pub fn stage_of(word: &str) -> Stored<Stage> {
    [Stage::Produktion, Stage::Abnahme, Stage::Test, Stage::Demo]
        .into_iter()
        .find(|stage| stage.as_str() == word)
        .ok_or_else(|| StoreError::Corrupt("a row has a stage that no program wrote".into()))
}

/// Codes as they stand in rows.
pub fn codes(joined: &str) -> Vec<String> {
    joined.split_whitespace().map(str::to_owned).collect()
}
