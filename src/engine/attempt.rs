//! What an attempt to send leads to: pure decisions of `dispatch`, with which the model of the tests walks through every order
//! of events. Never sends, never looks at a clock and never knows a destination.

use jiff::Timestamp;

use crate::transport::port::{Receipt, SendError};

/// Whether an earlier attempt is looked up before anything is sent: one of unknown outcome was made, and a repeat does harm.
pub fn looks_first(unclear: bool, repeat_is_safe: bool) -> bool {
    unclear && !repeat_is_safe
}

/// Whether a row may have arrived by an attempt before the one that its far end has refused: where a repeat does harm, that one was
/// looked up before.
pub fn doubted(unclear: bool, repeat_is_safe: bool) -> bool {
    unclear && !looks_first(unclear, repeat_is_safe)
}

/// Whether a send of unknown outcome that is repeated stays in doubt: nobody has said that it did not arrive.
pub fn stays_doubted(repeat_is_safe: bool) -> bool {
    repeat_is_safe
}

/// What an attempt that was certainly not accepted says of those before it: that none arrived where they were looked up before it was made, else
/// nothing.
pub fn doubt_after(unclear: bool, repeat_is_safe: bool) -> Option<bool> {
    looks_first(unclear, repeat_is_safe).then_some(false)
}

/// What is done about a send of unknown outcome.
#[derive(Debug)]
pub enum InDoubt {
    /// It is sent once more, later, with the same id.
    Again,
    /// The far end is asked whether it arrived.
    Ask,
    /// It arrived.
    Arrived(Receipt),
    /// Nobody can tell: a person has to.
    Person,
}

/// What is done about a send of unknown outcome, before (`None`) and after the far end was asked.
pub fn in_doubt(repeat_is_safe: bool, found: Option<Result<Option<Receipt>, SendError>>) -> InDoubt {
    match (repeat_is_safe, found) {
        (true, _) => InDoubt::Again,
        (false, None) => InDoubt::Ask,
        (false, Some(Ok(Some(receipt)))) => InDoubt::Arrived(receipt),
        (false, Some(Ok(None))) => InDoubt::Again,
        (false, Some(Err(_))) => InDoubt::Person,
    }
}

/// Whether a row is given up instead of sent.
pub fn is_too_late(deadline: Option<Timestamp>, now: Timestamp) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

/// Whether the lease ends with the settling of a row: it did not arrive, so nothing may overtake it; or it was the last; or
/// the rest is left to a fresh lease, because this one is half used up or the engine stops.
pub fn releases(arrived: bool, last: bool, half_used: bool, stopping: bool) -> bool {
    !arrived || last || half_used || stopping
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmful_repeat_is_never_sent_in_doubt() {
        assert!(looks_first(true, false) && !looks_first(true, true) && !looks_first(false, false));
        let unclear = || SendError::Unclear { cause: "test".to_owned() };
        assert!(matches!(in_doubt(true, None), InDoubt::Again));
        assert!(matches!(in_doubt(false, None), InDoubt::Ask));
        assert!(matches!(in_doubt(false, Some(Ok(Some(Receipt::default())))), InDoubt::Arrived(_)));
        assert!(matches!(in_doubt(false, Some(Ok(None))), InDoubt::Again));
        assert!(matches!(in_doubt(false, Some(Err(unclear()))), InDoubt::Person));
    }

    #[test]
    fn what_was_looked_up_is_in_doubt_no_more() {
        assert!(doubted(true, true) && !doubted(true, false) && !doubted(false, true));
        assert!(stays_doubted(true) && !stays_doubted(false));
        assert_eq!(
            [(true, false), (true, true), (false, false)].map(|(unclear, safe)| doubt_after(unclear, safe)),
            [Some(false), None, None]
        );
    }

    #[test]
    fn what_did_not_arrive_lets_nothing_pass() {
        assert!(releases(false, false, false, false));
        assert!(!releases(true, false, false, false));
        assert!(releases(true, true, false, false) && releases(true, false, true, false));
        assert!(releases(true, false, false, true));
    }
}
