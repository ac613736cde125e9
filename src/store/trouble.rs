//! What can be wrong with the neighbour that a store rests on, in our own words, and which alarm calls a person because of it.
//! Never passes on a text of the neighbour: it can quote a value of a row.

use crate::store::contract::{DISK_FULL, StoreError};
use crate::telemetry::alarm::Alarm;

/// Nobody answers at the address.
pub const UNREACHABLE: &str = "PostgreSQL cannot be reached; connecting is tried again by itself";
/// The connection broke off in the middle.
pub const LOST: &str = "the connection to PostgreSQL was lost; it is made again by itself";
/// The server said that it goes, or is not yet there.
pub const ENDED: &str = "PostgreSQL stops, starts or ended the connection; it is tried again by itself";
/// A standby, or a server that was told to take no writes.
pub const READ_ONLY: &str = "PostgreSQL is read-only (a standby?); it is tried again at the primary";
/// The embedded store's file may not be written.
pub const FILE_READ_ONLY: &str = "the store's file is read-only; give the process the right to write";
/// Somebody else locks the file of the mark; who it is may follow.
pub const MARK_HELD: &str = "another program holds keys.mark beside the key store, and nothing is acknowledged until it lets go; look who it is (`fuser`, \
     `lsof`), a backup program perhaps, and let it leave this file alone";
/// The server has as many connections as it takes.
pub const NO_CONNECTION: &str =
    "PostgreSQL has no connection left; raise max_connections or the limit of the login";
/// All our own connections are busy for too long.
pub const POOL_BUSY: &str = "no connection to PostgreSQL is free in time; statements take too long";
/// All our own readers of the embedded store are busy for too long.
pub const READERS_BUSY: &str = "no reader of the store is free in time; reading takes too long";
/// A statement took longer than it may.
pub const TOO_SLOW: &str = "PostgreSQL took too long for a statement; look at its load";
/// A lock was held for longer than we wait.
pub const LOCKED: &str =
    "another process holds a row of the store for too long; look for a transaction that does not end";
/// Another process wrote at the same moment; the transaction is done again.
pub const RACE: &str = "another process wrote at the same moment, again and again";
/// The login may not do what it must.
pub const RIGHTS: &str =
    "the database login lacks a right; make it a member of the three roles and run `migrate`";
/// The login is not accepted.
pub const LOGIN: &str = "PostgreSQL refuses the login; check user, password and pg_hba.conf";
/// The database of the URL is not there.
pub const NO_DATABASE: &str = "the database does not exist; create it once, as the owner";

/// Which text calls with which alarm; what is not here is `store-busy`.
const CALLS: &[(&str, Alarm)] = &[
    (DISK_FULL, Alarm::StoreDiskFull),
    (UNREACHABLE, Alarm::StoreUnreachable),
    (LOST, Alarm::StoreUnreachable),
    (ENDED, Alarm::StoreUnreachable),
    (READ_ONLY, Alarm::StoreReadOnly),
    (FILE_READ_ONLY, Alarm::StoreReadOnly),
    (MARK_HELD, Alarm::StoreFileHeld),
    (NO_CONNECTION, Alarm::StoreNoConnection),
    (POOL_BUSY, Alarm::StoreSlow),
    (READERS_BUSY, Alarm::StoreSlow),
    (TOO_SLOW, Alarm::StoreSlow),
    (LOCKED, Alarm::StoreSlow),
    (RACE, Alarm::StoreSlow),
    (RIGHTS, Alarm::StoreLogin),
    (LOGIN, Alarm::StoreLogin),
    (NO_DATABASE, Alarm::StoreLogin),
];

impl StoreError {
    /// The alarm that calls a person because of it.
    pub fn alarm(&self) -> Alarm {
        let known = |text: &str| CALLS.iter().find(|(of, _)| text.starts_with(of)).map(|(_, alarm)| *alarm);
        match self {
            StoreError::Corrupt(_) => Alarm::StoreDamaged,
            StoreError::History => Alarm::AcknowledgedLost,
            StoreError::Refused(text) => known(text).unwrap_or(Alarm::StoreRefused),
            StoreError::Later(text) | StoreError::Entry(text) => known(text).unwrap_or(Alarm::StoreBusy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_calls_with_its_own_alarm() {
        let later = |text: &str| StoreError::Later(text.to_owned()).alarm();
        assert_eq!(later(DISK_FULL), Alarm::StoreDiskFull);
        assert_eq!(later(READ_ONLY), Alarm::StoreReadOnly);
        assert_eq!(later(&format!("{MARK_HELD} (process 7, rsync)")), Alarm::StoreFileHeld);
        assert_eq!(later("anything else"), Alarm::StoreBusy);
        assert_eq!(StoreError::Refused(LOGIN.to_owned()).alarm(), Alarm::StoreLogin);
        assert_eq!(StoreError::Refused("another stage".to_owned()).alarm(), Alarm::StoreRefused);
        assert_eq!(StoreError::Corrupt(String::new()).alarm(), Alarm::StoreDamaged);
        for (at, (text, _)) in CALLS.iter().enumerate() {
            assert!(CALLS[..at].iter().all(|(other, _)| !text.starts_with(other)), "{text} stands twice");
        }
    }
}
