//! Every order in which deliveries of one child may arrive: as long as their moments differ, the mirror ends the same (rules.md 2.2);
//! where the office's clock is ahead, so that only their ways order them, it ends so that nothing wrong is answered.
//! Only compiled for tests; plays the step against a mirror of its own.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Mirror, WAIT};
use crate::effects::{Fact, MirrorChange, Question, Stored};
use crate::envelope::Envelope;
use crate::message::{Message, Resumed};
use crate::pipeline::step::{Flow, Step, Trouble};
use crate::pipeline::testing::{answering, bench, message};
use crate::register::keys::{self, SearchKey};
use crate::register::record::Eintragung;
use crate::rejection::Fault;

/// A delivery: at which minute it was made, and the codes that it says; `None` is a Löschung.
type Said = (i64, Option<&'static [&'static str]>);

/// A mirror in memory, with the messages that wait in it.
#[derive(Default)]
struct World {
    stored: Vec<Stored>,
    deleted: Vec<(SearchKey, Timestamp)>,
    waiting: Vec<Message>,
    /// Stamps of what was refused and stands against answers, until one of a later stamp is taken.
    notes: Vec<Timestamp>,
}

/// When all of them were made and received by the right clock.
const MORNING: &str = "2026-11-21T08:00:00Z";

fn made(nth: usize, (minute, codes): Said, arrival: usize, ahead: SignedDuration) -> Message {
    let mut message = message();
    let kopf = &mut message.record.kopf;
    kopf.nachrichten_uuid = Uuid::from_u128(nth as u128 + 1).to_string();
    let stamp: Timestamp = MORNING.parse().unwrap();
    kopf.erstellungszeitpunkt = (stamp + ahead + SignedDuration::from_mins(minute)).to_string();
    match codes {
        None => {
            message.identity.message = "xfamilie.0806".into();
            message.record.eintragung = None;
        }
        Some(codes) => {
            let arten = codes.iter().map(|code| (*code).to_owned()).collect();
            message.record.eintragung =
                Some(Eintragung { vorhanden: !codes.is_empty(), arten, ..Eintragung::default() });
        }
    }
    let mut envelope = Envelope::clone(&message.envelope);
    envelope.head.id = Uuid::from_u128(nth as u128 + 100);
    envelope.head.received = stamp + SignedDuration::from_mins(60 + arrival as i64);
    message.envelope = Arc::new(envelope);
    message
}

impl World {
    fn take(&mut self, mut message: Message) {
        let step = Mirror { wait: WAIT, tafeln: Default::default() };
        let before = message.clone();
        let (stored, deleted) = (&self.stored, &self.deleted);
        let outcome = answering(
            &mut message,
            |message| step.apply(message, &mut bench()),
            |question| match question {
                Question::Mirror(key) => {
                    let here = |s: &&Stored| keys::of(&s.registersatz).contains(key);
                    Fact::mirror(stored.iter().filter(here).cloned())
                }
                Question::Tombstone(key) => {
                    Fact::Tombstone(deleted.iter().find(|(of, _)| of == key).map(|(_, at)| *at))
                }
                Question::Leads => Fact::Leads(Vec::new()),
                _ => Fact::Bestand(None),
            },
        );
        let stamp = before.record.kopf.stamped().unwrap();
        let changes = match outcome {
            Ok(Flow::Wait { .. }) => {
                self.waiting.push(before);
                return;
            }
            Ok(_) => {
                self.notes.retain(|note| *note >= stamp);
                message.effects.mirror
            }
            Err(Trouble::Rejected(all)) => {
                if all.iter().any(|rejection| rejection.fault != Fault::Repeated) {
                    self.notes.push(stamp);
                }
                message.effects.confirmed
            }
            Err(Trouble::Ours(text)) => panic!("{text}"),
        };
        let woken = !changes.is_empty();
        for change in changes {
            match change {
                MirrorChange::Put { id, registersatz, .. } => {
                    self.stored.retain(|stored| stored.id != id);
                    let (mandant, partner) = ("bremen".into(), "jugendamt-bremen".into());
                    self.stored.push(Stored { id, mandant, partner, registersatz: *registersatz });
                }
                MirrorChange::Remove { id, tombstone, created, .. } => {
                    self.stored.retain(|stored| stored.id != id);
                    match self.deleted.iter_mut().find(|(key, _)| *key == tombstone) {
                        Some((_, at)) => *at = created.max(*at),
                        None => self.deleted.push((tombstone, created)),
                    }
                }
            }
        }
        if woken {
            for mut message in std::mem::take(&mut self.waiting) {
                message.resumed = Some(Resumed { at: message.envelope.head.received, expired: false });
                self.take(message);
            }
        }
    }

    /// What stands there: the codes, their moment, and whether they are contested.
    fn state(&self) -> Option<(Vec<String>, Timestamp, bool)> {
        assert!(self.stored.len() <= 1);
        self.stored.first().map(|stored| {
            let satz = &stored.registersatz;
            (satz.eintragung.arten.clone(), satz.quelle.moment(), satz.vermerk.widerspruch)
        })
    }
}

/// Every order of so many things.
fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(of - 1);
    let place = |at: usize| {
        shorter.iter().map(move |order| {
            let mut order = order.clone();
            order.insert(at, of - 1);
            order
        })
    };
    (0..of).flat_map(place).collect()
}

#[test]
fn every_order_of_arrival_ends_in_the_same_state() {
    const NONE: Option<&[&str]> = Some(&[]);
    const ONE: Option<&[&str]> = Some(&["01"]);
    const TWO: Option<&[&str]> = Some(&["02"]);
    let sets: &[(&[Said], Option<&[&str]>)] = &[
        (&[(1, NONE), (2, ONE), (3, TWO), (4, NONE)], NONE),
        // The same state again, with another one between: the last word is the last word.
        (&[(1, ONE), (2, NONE), (3, ONE), (4, ONE)], ONE),
        (&[(1, NONE), (2, NONE), (3, ONE), (4, NONE), (5, NONE)], NONE),
        (&[(1, NONE), (2, ONE), (3, None)], None),
        (&[(1, NONE), (2, None), (3, ONE), (4, ONE)], ONE),
        (&[(1, ONE), (2, None), (3, NONE), (4, None), (5, TWO)], TWO),
    ];
    for (nth, (set, last)) in sets.iter().enumerate() {
        for order in orders(set.len()) {
            let mut world = World::default();
            for (arrival, at) in order.iter().enumerate() {
                world.take(made(*at, set[*at], arrival, SignedDuration::ZERO));
            }
            let state = world.state();
            let codes =
                state.as_ref().map(|(codes, ..)| codes.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(codes.as_deref(), *last, "set {nth} in the order {order:?}");
            let minute = set.iter().map(|(minute, _)| *minute).max().unwrap();
            let at: Timestamp = MORNING.parse().unwrap();
            if let Some((_, moment, contested)) = state {
                assert_eq!(
                    moment,
                    at + SignedDuration::from_mins(minute),
                    "set {nth} in the order {order:?}"
                );
                assert!(!contested, "set {nth} in the order {order:?}");
            }
        }
    }
}

/// An office whose clock is ten hours ahead: every stamp is capped by its receipt. Whatever swaps on the way, no content stands there
/// alone and uncontested but the one that the office said last; and what it says afterwards settles everything. (Where a less careful
/// content was said last and came first, the more careful one stands, as the order of the moments has it: below.)
#[test]
fn where_the_clock_is_ahead_no_order_of_arrival_leaves_an_older_state_as_the_younger() {
    const NONE: Option<&[&str]> = Some(&[]);
    const ONE: Option<&[&str]> = Some(&["01"]);
    const TWO: Option<&[&str]> = Some(&["02"]);
    let ahead = SignedDuration::from_hours(10);
    let sets: &[&[Said]] = &[
        &[(1, NONE), (2, ONE)],
        &[(1, NONE), (2, NONE), (3, ONE)],
        &[(1, ONE), (2, NONE), (3, ONE)],
        &[(1, NONE), (2, ONE), (3, NONE), (4, TWO)],
        &[(1, None), (2, NONE), (3, ONE)],
        &[(1, NONE), (2, None), (3, ONE), (4, ONE)],
        &[(1, ONE), (2, None), (3, NONE), (4, None), (5, TWO)],
        &[(1, NONE), (2, ONE), (2, NONE)],
    ];
    let (mut contested, mut right) = (0, 0);
    for (nth, set) in sets.iter().enumerate() {
        for order in orders(set.len()) {
            let mut world = World::default();
            for (arrival, at) in order.iter().enumerate() {
                world.take(made(*at, set[*at], arrival, ahead));
            }
            let minute = set.iter().map(|(minute, _)| *minute).max().unwrap();
            let last: Vec<_> = set.iter().filter(|(at, _)| *at == minute).map(|(_, codes)| *codes).collect();
            // Unknown, contested or noted against: nothing is answered.
            match world.state() {
                Some((codes, _, false)) if world.notes.is_empty() && world.waiting.is_empty() => {
                    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
                    assert_eq!(last, [Some(codes.as_slice())], "set {nth} in the order {order:?}");
                    right += 1;
                }
                _ => contested += 1,
            }
            for (nth, codes) in [TWO, NONE].into_iter().enumerate() {
                world.take(made(10 + nth, (20 + nth as i64, codes), 20 + nth, ahead));
            }
            let (codes, _, doubt) = world.state().unwrap();
            assert!(
                codes.is_empty() && !doubt && world.notes.is_empty(),
                "set {nth} in the order {order:?} is not settled: {codes:?} {doubt}"
            );
        }
    }
    assert!(contested > 20 && right > 20, "{contested} {right}");
}

/// Of two contents the one that came later holds, as their moments say, where it lacks nothing that the other one has against an answer.
#[test]
fn where_the_clock_is_ahead_the_more_careful_content_holds_if_it_came_later() {
    const NONE: Option<&[&str]> = Some(&[]);
    const ONE: Option<&[&str]> = Some(&["01"]);
    const BOTH: Option<&[&str]> = Some(&["01", "03"]);
    let ahead = SignedDuration::from_hours(10);
    for (first, second, doubt) in
        [(NONE, ONE, false), (ONE, BOTH, false), (ONE, NONE, true), (BOTH, ONE, true), (BOTH, NONE, true)]
    {
        let mut world = World::default();
        world.take(made(0, (2, first), 0, ahead));
        world.take(made(1, (1, second), 1, ahead));
        let (codes, _, contested) = world.state().unwrap();
        assert_eq!((Some(codes.len()), contested), (second.map(<[_]>::len), doubt), "{first:?} {second:?}");
    }
}
