//! Which change of state a Vorgang may make (rules.md 4): a table, and nothing that knows a message.

use crate::effects::VorgangState::{
    self, Abgelaufen, BeimJugendamt, Eingegangen, Entschieden, Rueckfrage, Zugestellt, Zurueckgezogen,
};

/// From each state the states that may follow. The answer of an office decides a Vorgang; delivered it is by the store, in the
/// transaction that settles the row of the answer as sent (`Outgoing::delivers`). What is decided is withdrawn only with its answer, of which nothing
/// has left. A withdrawn Vorgang is over for ever; a late answer of the office still
/// reaches the mother although the deadline has passed.
pub const UEBERGAENGE: &[(VorgangState, &[VorgangState])] = &[
    (Eingegangen, &[Entschieden, BeimJugendamt, Rueckfrage, Zurueckgezogen, Abgelaufen]),
    (Entschieden, &[Zugestellt, Zurueckgezogen, Abgelaufen]),
    (BeimJugendamt, &[Entschieden, Rueckfrage, Zugestellt, Zurueckgezogen, Abgelaufen]),
    (Rueckfrage, &[Entschieden, BeimJugendamt, Zugestellt, Zurueckgezogen, Abgelaufen]),
    (Abgelaufen, &[Entschieden, Zugestellt]),
    (Zugestellt, &[]),
    (Zurueckgezogen, &[]),
];

/// The state that follows, or the one in which the Vorgang stays because the change is not allowed.
pub fn allowed(from: VorgangState, to: VorgangState) -> Result<VorgangState, VorgangState> {
    let row = UEBERGAENGE.iter().find(|(state, _)| *state == from);
    if row.is_some_and(|(_, next)| next.contains(&to)) { Ok(to) } else { Err(from) }
}

/// Whether nothing can follow any more but an answer that comes too late.
pub fn over(state: VorgangState) -> bool {
    matches!(state, Zugestellt | Abgelaufen | Zurueckgezogen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [VorgangState; 7] =
        [Eingegangen, Entschieden, BeimJugendamt, Rueckfrage, Zugestellt, Abgelaufen, Zurueckgezogen];

    #[test]
    fn every_state_has_one_row() {
        for state in ALL {
            assert_eq!(UEBERGAENGE.iter().filter(|(from, _)| *from == state).count(), 1, "{state:?}");
        }
    }

    #[test]
    fn exactly_the_written_changes_are_allowed() {
        let mut count = 0;
        for from in ALL {
            assert_eq!(allowed(from, from), Err(from), "nothing changes to itself");
            count += ALL.iter().filter(|to| allowed(from, **to).is_ok()).count();
        }
        assert_eq!(count, UEBERGAENGE.iter().map(|(_, next)| next.len()).sum::<usize>());
    }

    #[test]
    fn what_is_delivered_or_withdrawn_stays_so_and_nothing_goes_back_to_the_beginning() {
        for to in ALL {
            assert!(allowed(Zugestellt, to).is_err() && allowed(Zurueckgezogen, to).is_err());
            assert!(allowed(to, Eingegangen).is_err());
        }
        assert_eq!(allowed(BeimJugendamt, Zugestellt), Ok(Zugestellt));
        assert_eq!(allowed(Abgelaufen, Zugestellt), Ok(Zugestellt));
        assert!(allowed(Entschieden, BeimJugendamt).is_err());
        assert!(over(Abgelaufen) && over(Zugestellt) && over(Zurueckgezogen) && !over(Rueckfrage));
    }
}
