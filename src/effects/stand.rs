//! What whoever made a request is told of it: the one place that says so, for the head of an answer and of a repeat, for whoever asks, and for
//! callbacks. No stand goes back: what was `abgeschlossen` stays so. Nothing tells that a request is decided anew, nor one Klärfall from
//! another; an automatic answer and a Klärfall are told apart by nothing but the stand itself, after the fixed delay, and of a request for another
//! application by nothing at all. Never sends, and never says more than a stand.

use jiff::{SignedDuration, Timestamp};

use crate::effects::{Vorgang, VorgangState};
use crate::envelope::{Inbound, Stand};
use crate::register::vorgang::Akte;

/// A decision that is made this long before the fixed delay is over may be kept only after it, and somebody may have asked in between: then
/// he was told that it is done.
const RUN: SignedDuration = SignedDuration::from_secs(15);

impl VorgangState {
    /// All of them.
    pub const ALL: [VorgangState; 7] = [
        VorgangState::Eingegangen,
        VorgangState::Entschieden,
        VorgangState::BeimJugendamt,
        VorgangState::Rueckfrage,
        VorgangState::Zugestellt,
        VorgangState::Abgelaufen,
        VorgangState::Zurueckgezogen,
    ];
}

/// What a request has begun, as the store knows it.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a> {
    /// What leads from the delivery to its Vorgang; its deadline is the moment before which nothing is told.
    pub alias: &'a Vorgang,
    /// The Vorgang, where it is still kept.
    pub vorgang: Option<&'a Vorgang>,
}

/// The stand of a delivery in this state that began this, if it began anything. What became of a request since it was taken is said by its Vorgang
/// alone: its own state tells that it runs again, waits to, or failed at it.
pub fn of(state: Inbound, begun: Option<Begun<'_>>, now: Timestamp) -> Stand {
    let Some(Begun { alias, vorgang }) = begun else { return of_message(state) };
    match alias.deadline.is_some_and(|until| now < until) {
        // Asking is not quicker than waiting.
        true => Stand::InBearbeitung,
        false => of_vorgang(vorgang.unwrap_or(alias)),
    }
}

/// As what a repeat is taken of a delivery in this state that began a Vorgang: it was taken when it came, and what it came to since is nobody's
/// business. What was refused was told so.
pub fn repeated(state: Inbound) -> Inbound {
    match state {
        Inbound::Waiting | Inbound::Parked | Inbound::Quarantined => Inbound::Accepted,
        Inbound::Accepted | Inbound::Rejected | Inbound::Denied => state,
    }
}

/// The stand of what began no Vorgang.
pub fn of_message(state: Inbound) -> Stand {
    match state {
        Inbound::Waiting | Inbound::Parked | Inbound::Quarantined => Stand::InBearbeitung,
        Inbound::Accepted | Inbound::Rejected | Inbound::Denied => Stand::Abgeschlossen,
    }
}

/// The stand of a Vorgang once the fixed delay is over; callbacks say this one.
pub fn of_vorgang(vorgang: &Vorgang) -> Stand {
    if vorgang.akte.erneuern {
        return Stand::AnmeldungErneuern;
    }
    // What is decided anew was told that it is done: that it is open again would say why.
    let anew = vorgang.state == VorgangState::Eingegangen && vorgang.akte.fall.is_some();
    match vorgang.state.open() && !anew && !vorgang.akte.told_once() {
        true => Stand::InBearbeitung,
        false => Stand::Abgeschlossen,
    }
}

/// What is told of a message that is done and no request, such as a delivery.
pub const DONE: Stand = Stand::Abgeschlossen;

/// Whether the service hears of a Vorgang by this message: of its own decision always, of what comes later only where it was not told once and for
/// all that it is done.
pub fn is_told(akte: Option<&Akte>, own: bool) -> bool {
    own || !akte.is_some_and(Akte::told_once)
}

/// Whether whoever asked may have been told, by the time a decision that is made anew now is kept, that it is done: `until`, when the fixed
/// delay of the request is over.
pub fn was_told(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_some_and(|until| until.duration_since(now) <= RUN)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::register::entscheidung::Fall;
    use crate::register::vorgang::ONCE_ONLY;

    fn vorgang(state: VorgangState, change: impl FnOnce(&mut Akte)) -> Vorgang {
        let mut akte = Akte { fall: Some(Fall::A), ..Akte::default() };
        change(&mut akte);
        Vorgang { id: Uuid::nil(), owner: String::new(), state, deadline: None, akte }
    }

    fn alias(until: i64) -> Vorgang {
        let deadline = Timestamp::from_second(until).ok();
        Vorgang { deadline, ..vorgang(VorgangState::Entschieden, |akte| akte.fall = None) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn before_the_fixed_delay_every_request_is_told_the_same() {
        let alias = alias(60);
        for state in VorgangState::ALL {
            let vorgang = vorgang(state, |_| ());
            for inbound in Inbound::ALL {
                let begun = Begun { alias: &alias, vorgang: Some(&vorgang) };
                assert_eq!(of(inbound, Some(begun), at(59)), Stand::InBearbeitung, "{state:?} {inbound:?}");
            }
        }
    }

    /// An answer that is told, taken back, decided anew as a Klärfall, and answered by its office; and whatever the message itself does meanwhile.
    #[test]
    fn no_stand_goes_back_and_an_inner_run_is_not_seen() {
        let alias = alias(60);
        let told = |vorgang: &Vorgang, inbound| {
            of(inbound, Some(Begun { alias: &alias, vorgang: Some(vorgang) }), at(61))
        };
        let way = [
            vorgang(VorgangState::Entschieden, |_| ()),
            vorgang(VorgangState::Eingegangen, |_| ()),
            vorgang(VorgangState::BeimJugendamt, |akte| {
                (akte.fall, akte.gesagt) = (Some(Fall::I), true);
            }),
            vorgang(VorgangState::Rueckfrage, |akte| (akte.fall, akte.gesagt) = (Some(Fall::I), true)),
            vorgang(VorgangState::Entschieden, |akte| (akte.fall, akte.gesagt) = (Some(Fall::I), true)),
            vorgang(VorgangState::Zugestellt, |akte| (akte.fall, akte.gesagt) = (Some(Fall::I), true)),
        ];
        for vorgang in &way {
            for inbound in Inbound::ALL {
                assert_eq!(told(vorgang, inbound), Stand::Abgeschlossen, "{:?} {inbound:?}", vorgang.state);
            }
        }
        let open = vorgang(VorgangState::BeimJugendamt, |akte| akte.fall = Some(Fall::I));
        assert_eq!(told(&open, Inbound::Accepted), Stand::InBearbeitung);
    }

    #[test]
    fn what_was_taken_is_repeated_as_taken() {
        for inbound in Inbound::ALL {
            let refused = matches!(inbound, Inbound::Rejected | Inbound::Denied);
            let repeated = repeated(inbound);
            assert_eq!(repeated, if refused { inbound } else { Inbound::Accepted });
        }
    }

    #[test]
    fn another_application_is_told_one_stand_whatever_it_is() {
        for state in VorgangState::ALL {
            let vorgang = vorgang(state, |akte| akte.use_ = Some(ONCE_ONLY.to_owned()));
            assert_eq!(of_vorgang(&vorgang), Stand::Abgeschlossen, "{state:?}");
            assert!(is_told(Some(&vorgang.akte), true) && !is_told(Some(&vorgang.akte), false));
        }
    }

    #[test]
    fn who_may_have_asked_before_a_decision_is_kept_was_told() {
        let until = Timestamp::from_second(60).ok();
        assert!(was_told(until, at(60)) && was_told(until, at(45)) && !was_told(until, at(44)));
        assert!(!was_told(None, at(60)));
    }
}
