//! Why a store could not do what it was asked, and which alarm calls a person because of it. Never holds a value of a message.

use crate::store::trouble::Cause;
use crate::telemetry::alarm::Alarm;

/// Why a store could not do what it was asked; never holds a value of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Our trouble that may pass: busy, disk full, connection lost. Nothing was committed.
    #[error("store cannot commit now: {0}; nothing was acknowledged, it is tried again")]
    Later(Cause),
    /// This very entry cannot be stored; others can.
    #[error("entry cannot be stored: {0}; it is parked with its raw octets")]
    Entry(Cause),
    /// The store belongs to another stage, version or key.
    #[error("store refused: {0}")]
    Refused(Cause),
    /// The database lacks what this process has acknowledged, and is marked as put back; what it holds in memory is of another history.
    #[error("{}", crate::store::trouble::LACKS)]
    History,
    /// Another file lies where this one of the store was opened, or none: what is acknowledged from now on nobody would find again.
    #[error("{0}{said}", said = crate::store::trouble::REPLACED)]
    Replaced(&'static str),
    /// Sealed octets do not open: damaged or of another key.
    #[error("sealed octets do not open: {0}; restore the file from backup or check the key")]
    Corrupt(String),
}

impl StoreError {
    /// The alarm that calls a person because of it.
    pub fn alarm(&self) -> Alarm {
        match self {
            StoreError::Corrupt(_) => Alarm::StoreDamaged,
            StoreError::History | StoreError::Replaced(_) => Alarm::AcknowledgedLost,
            StoreError::Refused(cause) => cause.alarm().unwrap_or(Alarm::StoreRefused),
            StoreError::Later(cause) | StoreError::Entry(cause) => cause.alarm().unwrap_or(Alarm::StoreBusy),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::trouble::Trouble;

    use super::*;

    #[test]
    fn each_trouble_calls_with_its_own_alarm_whatever_its_words() {
        let later = |cause: Cause| StoreError::Later(cause).alarm();
        assert_eq!(later(Trouble::DiskFull.into()), Alarm::StoreDiskFull);
        assert_eq!(later(Trouble::ReadOnly.into()), Alarm::StoreReadOnly);
        assert_eq!(later(Cause::told(Trouble::MarkHeld, " (process 7, rsync)")), Alarm::StoreFileHeld);
        assert_eq!(later(Trouble::DiskFull.says().into()), Alarm::StoreBusy, "words steer nothing");
        assert_eq!(StoreError::Refused(Trouble::Login.into()).alarm(), Alarm::StoreLogin);
        assert_eq!(StoreError::Refused("another stage".into()).alarm(), Alarm::StoreRefused);
        assert_eq!(StoreError::Corrupt(String::new()).alarm(), Alarm::StoreDamaged);
        let told = Cause::told(Trouble::MarkHeld, " (process 7, rsync)");
        assert!(told.is(Trouble::MarkHeld) && told.ends_with("this file alone (process 7, rsync)"), "{told}");
    }
}
