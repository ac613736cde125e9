//! When there is a reason to look through the answers that may not leave yet: moments at which one stops holding by time alone, and answers that were kept
//! though other files run by now. Looks at none itself, and reads no clock.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::store::entry::Entry;

/// What was noted since the last walk.
#[derive(Default)]
struct Reasons {
    /// When time alone ends what some answer rests on, before that may leave.
    times: BTreeSet<Timestamp>,
    /// An answer was kept that other files decided than run now.
    files: bool,
}

/// When there is a reason to walk through what may not leave yet.
#[derive(Default)]
pub struct Noted(Mutex<Reasons>);

impl Noted {
    fn reasons(&self) -> MutexGuard<'_, Reasons> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was just kept.
    pub fn kept(&self, entry: &Entry, version: &str) {
        let carries = entry.effects.sends.iter().filter(|send| send.delivers.is_some());
        let Some(leaves) = carries.filter_map(|send| send.not_before).max() else { return };
        for change in entry.effects.vorgaenge.iter().filter(|change| change.vorgang.is_negativ()) {
            let akte = &change.vorgang.akte;
            self.ends(akte.gilt_bis, leaves);
            if akte.entschieden_nach.as_deref() != Some(version) {
                self.reasons().files = true;
            }
        }
    }

    /// An answer that leaves at this time would be decided so by time alone until then.
    pub fn ends(&self, until: Option<Timestamp>, leaves: Timestamp) {
        if let Some(until) = until.filter(|until| *until <= leaves) {
            self.reasons().times.insert(until);
        }
    }

    /// Whether there is a reason now, and whether it is files; it is one once.
    pub fn due(&self, now: Timestamp) -> (bool, bool) {
        let mut reasons = self.reasons();
        let later = reasons.times.split_off(&now);
        let mut past = std::mem::replace(&mut reasons.times, later);
        // Until a moment means: not at it.
        past.extend(reasons.times.take(&now));
        let files = std::mem::take(&mut reasons.files);
        (files || !past.is_empty(), files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_moment_is_a_reason_from_itself_on_and_once() {
        let noted = Noted::default();
        noted.ends(Some(at(50)), at(60));
        noted.ends(Some(at(61)), at(60));
        noted.ends(None, at(60));
        assert_eq!(noted.due(at(49)), (false, false));
        assert_eq!(noted.due(at(50)), (true, false));
        assert_eq!(noted.due(at(50)), (false, false));
        assert_eq!(noted.due(at(99)), (false, false), "what holds until it leaves is no reason");
        noted.ends(Some(at(50)), at(60));
        noted.reasons().files = true;
        assert_eq!(noted.due(at(55)), (true, true));
        assert_eq!(noted.due(at(55)), (false, false));
    }
}
