//! Whose clock is ahead (rules.md 2.2): time is a claim. A sender that is ahead is taken and told to the operator, one that is far ahead is
//! refused; where several are ahead at once our own clock is the one that is suspected. Pure; remembers nothing itself.

use jiff::{SignedDuration, Timestamp};

/// What clocks differ by although they are right: nothing is said of it.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);
/// A stamp that lies further ahead than this is refused.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long it counts that a partner was ahead: *at once* is what lies in this time.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
/// What was noted of a partner is noted again after this time only, so that a load from an office that is ahead is no queue.
const NOTED_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// A partner that was ahead of our clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The partner.
    pub partner: String,
    /// When it was noted last, by our clock.
    pub seen: Timestamp,
    /// By how much it was ahead then.
    pub by: SignedDuration,
}

/// What a stamp says of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// The sender is ahead, alone and by little: what it sent is taken.
    Ahead,
    /// The sender is ahead, alone and by more than anybody may: what it sent is refused.
    TooFar,
    /// Others are ahead, too: our own clock is suspected, and nothing is refused.
    OursSuspected,
}

/// What is to be thought of a stamp that lies ahead of its receipt by more than [`TOLERANCE`].
pub fn judge(partner: &str, ahead: SignedDuration, now: Timestamp, known: &[Lead]) -> Clocks {
    let others = known.iter().any(|lead| lead.partner != partner && recent(lead, now, REMEMBERED));
    match (others, ahead > LONGEST) {
        (true, _) => Clocks::OursSuspected,
        (false, true) => Clocks::TooFar,
        (false, false) => Clocks::Ahead,
    }
}

/// Whether it is to be noted that this partner is ahead.
pub fn is_news(partner: &str, now: Timestamp, known: &[Lead]) -> bool {
    !known.iter().any(|lead| lead.partner == partner && recent(lead, now, NOTED_AGAIN))
}

/// Whether a lead was noted lately. What our clock noted before it was set back lies ahead and counts as well.
fn recent(lead: &Lead, now: Timestamp, within: SignedDuration) -> bool {
    now.duration_since(lead.seen).abs() <= within
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
    }

    fn lead(partner: &str, hour: i64) -> Lead {
        Lead { partner: partner.into(), seen: at(hour), by: SignedDuration::from_mins(5) }
    }

    #[test]
    fn one_alone_is_at_fault_and_several_make_our_own_clock_suspected() {
        let hours = SignedDuration::from_hours;
        let just_over = hours(24).checked_add(SignedDuration::from_secs(1)).unwrap();
        for (ahead, known, thought) in [
            (hours(24), vec![], Clocks::Ahead),
            (just_over, vec![], Clocks::TooFar),
            (just_over, vec![lead("a", 99)], Clocks::TooFar),
            (just_over, vec![lead("b", 75)], Clocks::TooFar),
            (just_over, vec![lead("b", 76)], Clocks::OursSuspected),
            (hours(1), vec![lead("b", 99)], Clocks::OursSuspected),
            (just_over, vec![lead("b", 124)], Clocks::OursSuspected),
            (just_over, vec![lead("b", 125)], Clocks::TooFar),
        ] {
            assert_eq!(judge("a", ahead, at(100), &known), thought, "{ahead:?} {known:?}");
        }
    }

    #[test]
    fn a_lead_is_noted_once_an_hour() {
        assert!(is_news("a", at(100), &[]));
        assert!(is_news("a", at(100), &[lead("b", 100), lead("a", 98)]));
        assert!(!is_news("a", at(100), &[lead("a", 99)]));
    }
}
