//! What is followed and of which nothing can be found out now, or that cannot be taken back: each destination of such rows is a part that does
//! not run, from the first of them to the last. Decides nothing, and is forgotten with the process: the next looks tell it anew.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::follow::{Followed, Found};
use crate::telemetry::parts::{Failing, Parts, Turn};

use super::breaker::signed;

/// A row that was not looked at for so long after it was due is not followed any more: a person or a deletion has ended that.
const OVER: Duration = Duration::from_secs(600);

/// Rows by destination, with when each is looked at next.
#[derive(Default)]
pub struct Troubled(Mutex<HashMap<String, HashMap<Uuid, Timestamp>>>);

impl Troubled {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, HashMap<Uuid, Timestamp>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a look has found.
    pub fn note(&self, parts: &Parts, followed: &Followed, found: &Found) {
        let destination = followed.destination.as_str();
        let in_trouble = match found {
            Found::Open { at, trouble: Some(cause) } => Some((
                at,
                cause,
                "mend the cause, it is looked again by itself; which it is `messages show` and the log say",
            )),
            Found::Held { at, cause } => Some((
                at,
                cause,
                "mend the cause, it is tried again by itself; `parked list` names each, and a person's word counts at once",
            )),
            _ => None,
        };
        if let Some((at, cause, next)) = in_trouble {
            self.with(|all| all.entry(destination.to_owned()).or_default().insert(followed.id, *at));
            let next = next.to_owned();
            parts.fails(&part(destination), Failing { cause: cause.clone(), next, turn: Turn::Person });
            return;
        }
        let ended = self.with(|all| {
            let rows = all.get_mut(destination)?;
            rows.remove(&followed.id)?;
            rows.is_empty().then(|| all.remove(destination))
        });
        if ended.is_some() {
            parts.gone(&part(destination));
        }
    }

    /// Forgets what nobody looks at any more.
    pub fn forget(&self, parts: &Parts, now: Timestamp) {
        let over = |at: &Timestamp| at.checked_add(signed(OVER)).is_ok_and(|end| end < now);
        self.with(|all| {
            all.retain(|destination, rows| {
                rows.retain(|_, at| !over(at));
                if rows.is_empty() {
                    parts.gone(&part(destination));
                }
                !rows.is_empty()
            });
        });
    }
}

fn part(destination: &str) -> String {
    format!("confirmation {destination}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(id: u128) -> Followed {
        Followed {
            id: Uuid::from_u128(id),
            destination: "tray:amt".to_owned(),
            reference: String::new(),
            keep: bytes::Bytes::new(),
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
            looks: 0,
            trouble: None,
            held: false,
            next: None,
            delivers: None,
        }
    }

    #[test]
    fn a_destination_does_not_run_from_its_first_row_in_trouble_to_its_last() {
        let (parts, troubled) = (Parts::default(), Troubled::default());
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let open = |trouble: Option<&str>| Found::Open { at: at(60), trouble: trouble.map(str::to_owned) };
        let failing = || {
            parts.said().into_iter().filter_map(|said| said.failing).map(|why| why.cause).collect::<Vec<_>>()
        };
        troubled.note(&parts, &followed(1), &open(None));
        assert!(parts.said().is_empty(), "where all is well there is no such part");
        for row in [1, 2] {
            troubled.note(&parts, &followed(row), &open(Some("no right")));
        }
        troubled.note(&parts, &followed(3), &open(None));
        troubled.note(&parts, &followed(1), &open(None));
        assert_eq!(failing(), ["no right"], "another one stands");
        troubled.note(&parts, &followed(2), &Found::Step { at: at(60), keep: bytes::Bytes::new() });
        assert!(parts.said().is_empty());
        // What a person has decided on nobody looks at any more.
        troubled.note(&parts, &followed(4), &open(Some("no right")));
        troubled.forget(&parts, at(660));
        assert_eq!(failing().len(), 1);
        troubled.forget(&parts, at(661));
        assert!(parts.said().is_empty());
    }
}
