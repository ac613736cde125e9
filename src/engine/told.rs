//! What was told of a place where a source looks for deliveries, and when it has to be written again: what stands against answers for
//! longer at once, all else now and then. Writes nothing itself.

use jiff::{SignedDuration, Timestamp};

use crate::envelope::Lying;

/// How long what was found at a place stands as it was told, while nothing changes.
const TOLD_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How soon it is written that less lies there, or shorter: whoever waits for it waits for an hour's backlog to end.
const EASED: SignedDuration = SignedDuration::from_secs(5);

/// What was told of a place, and when that was written.
pub struct Told {
    /// Who delivers there.
    pub partners: Vec<String>,
    /// What was found.
    pub lying: Lying,
    /// When.
    pub at: Timestamp,
}

impl Told {
    /// Whether it has to be written that this was found now: at once what says that something lies there for longer than was known.
    pub fn is_old(&self, (partners, lying): (&[String], Lying), now: Timestamp) -> bool {
        let passed = now.duration_since(self.at);
        let longer = match (self.lying, lying) {
            (Lying::Since(before), Lying::Since(since)) => since < before,
            (Lying::Nothing, Lying::Since(since)) => since < self.at,
            // It counts since what was written before.
            (_, Lying::Nothing | Lying::Something) | (Lying::Something, _) => false,
        };
        let wait = if self.lying == lying { TOLD_AGAIN } else { EASED };
        self.partners != partners || self.at > now || longer || passed >= wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn that_something_lies_longer_is_written_at_once_and_everything_else_now_and_then() {
        let p = ["p".to_owned()];
        let told = |lying| Told { partners: p.to_vec(), lying, at: at(100) };
        let (since, something) = (|second| Lying::Since(at(second)), Lying::Something);
        for (before, found, after) in [
            (Lying::Nothing, Lying::Nothing, 60),
            (since(90), since(90), 60),
            (something, something, 60),
            (Lying::Nothing, since(99), 0),
            (Lying::Nothing, since(100), 5),
            (Lying::Nothing, something, 5),
            (since(90), since(89), 0),
            (since(90), since(91), 5),
            (since(90), Lying::Nothing, 5),
            (something, since(99), 5),
        ] {
            let old = |seconds: i64| told(before).is_old((&p, found), at(100 + seconds));
            assert!(old(after) && (after == 0 || !old(after - 1)), "{before:?} {found:?}");
        }
        assert!(told(something).is_old((&[], something), at(100)), "others deliver there");
        assert!(told(something).is_old((&p, something), at(99)), "the clock went back");
    }
}
