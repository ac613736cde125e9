//! The world of the model as values: what is stored, what processes hold in memory, what senders and the far end have seen.
//! Decides nothing. Times are seconds from now on; what is past is 0.

use std::collections::BTreeSet;

use drehscheibe::store::states::RowState;

/// Seconds from now on.
pub type Time = i64;

/// The message that makes the record which the other one waits for.
pub const FIRST: usize = 0;
/// The message that waits for it.
pub const SECOND: usize = 1;

/// How long a lane or a waiting message is leased.
pub const LEASE: Time = 4;
/// How long the second message waits for the first.
pub const PATIENCE: Time = 3;

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    pub store: Store,
    /// In order, because it does not matter which is which.
    pub processes: [Process; 2],
    pub letters: [Letter; 2],
    pub far: Far,
    pub left: Left,
    /// What must not have happened on the way here.
    pub wrong: BTreeSet<Wrong>,
}

/// What a step did that no state shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrong {
    /// A settle under an old fence changed a row.
    Stale,
    /// A waiting message was handed out again while its lease held and nobody had woken it.
    HandedTwice,
    /// A message was refused for want of a record that was there.
    Refused,
}

/// How much trouble may still come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Left {
    pub crashes: u8,
    /// Times that a living process is so slow that its lease runs out.
    pub slips: u8,
    /// Attempts that do not end well.
    pub failures: u8,
    /// Deliveries that come although nobody asked for them.
    pub repeats: u8,
}

/// A message as its sender sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Letter {
    /// Deliveries that wait to be taken.
    pub copies: u8,
    pub acknowledged: bool,
}

/// What is on disk, changed by whole transactions only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Store {
    /// Keys of idempotency.
    pub keys: [bool; 2],
    pub inbox: [Option<State>; 2],
    pub waiting: Option<Waiting>,
    /// Whether the record is there, and the version of its guard.
    pub record: bool,
    pub guard: u8,
    /// How often the effects of a message were written.
    pub applied: [u8; 2],
    /// The outbox, in the order of commits.
    pub rows: Vec<Row>,
    pub lanes: Vec<Lane>,
    pub next_lane: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Waiting,
    Accepted,
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    pub until: Time,
    /// When it runs; `None`: only when it is woken.
    pub due: Option<Time>,
    pub woken: bool,
    pub lease_until: Option<Time>,
    /// What is left of the lease that was given last and that no waking ended.
    pub given: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Whose effect it is; its id is made of it.
    pub effect: u8,
    /// The order key.
    pub name: u8,
    pub lane: i64,
    pub state: RowState,
    pub attempts: u32,
    pub unclear: bool,
    pub deadline: Option<Time>,
    /// What an attempt left for the ones after it: the id that the far end gave.
    pub left: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    pub number: i64,
    pub name: u8,
    pub next_try: Option<Time>,
    pub lease_until: Option<Time>,
    pub fence: i64,
    /// The last row that was handed out.
    pub handed: Option<usize>,
}

/// What a process holds in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    pub intake: Intake,
    pub dispatch: Dispatch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intake {
    #[default]
    Idle,
    /// Facts are looked up and effects decided; nothing is committed.
    Decided(Run),
    /// Only of a broken variant: effects are written, the keys are not.
    HalfWritten(Run),
    /// Committed; the sender knows nothing of it.
    Written(Run),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    pub letter: usize,
    /// Whether the record was there, and under which version of its guard.
    pub found: bool,
    pub seen: u8,
    /// Whether a delivery is to be acknowledged.
    pub delivered: bool,
    /// A waiting message that runs again: whether its time was over.
    pub resumed: Option<bool>,
    /// What is left of its lease.
    pub lease: Time,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dispatch {
    #[default]
    Idle,
    Holding(Held),
    /// The attempt is over and nothing is settled.
    Tried(Held, Came),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    pub lane: i64,
    pub fence: i64,
    pub heads: Vec<Handed>,
    pub at: usize,
    /// What is left of the lease.
    pub lease: Time,
}

/// A row as the worker got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handed {
    pub row: usize,
    pub unclear: bool,
    pub attempts: u32,
    pub deadline: Option<Time>,
    pub left: Option<u32>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Came {
    Sent,
    Later(Time),
    Parked,
    Unclear,
}

/// The far end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Far {
    /// Effect and id of what arrived, the first time it did.
    pub seen: Vec<(u8, u32)>,
    /// Something arrived a second time.
    pub twice: bool,
    /// How many ids it gave before an act.
    pub given: u32,
}

impl Far {
    pub fn has(&self, effect: u8) -> bool {
        self.seen.iter().any(|(seen, _)| *seen == effect)
    }

    pub fn receive(&mut self, effect: u8, id: u32) {
        self.twice |= self.has(effect);
        if !self.seen.contains(&(effect, id)) {
            self.seen.push((effect, id));
        }
    }
}

impl World {
    /// All times at which something begins or ends.
    fn times(&mut self) -> Vec<&mut Time> {
        let mut times = Vec::new();
        let Store { waiting, rows, lanes, .. } = &mut self.store;
        if let Some(Waiting { until, due, lease_until, given, .. }) = waiting {
            times.extend([until, given].into_iter().chain(due).chain(lease_until));
        }
        times.extend(rows.iter_mut().filter_map(|row| row.deadline.as_mut()));
        for Lane { next_try, lease_until, .. } in lanes {
            times.extend(next_try.iter_mut().chain(lease_until));
        }
        for Process { intake, dispatch } in &mut self.processes {
            if let Intake::Decided(run) | Intake::HalfWritten(run) | Intake::Written(run) = intake {
                times.push(&mut run.lease);
            }
            match dispatch {
                Dispatch::Idle => {}
                Dispatch::Holding(held) => {
                    times.push(&mut held.lease);
                    times.extend(held.heads.iter_mut().filter_map(|head| head.deadline.as_mut()));
                }
                Dispatch::Tried(held, came) => {
                    times.push(&mut held.lease);
                    times.extend(held.heads.iter_mut().filter_map(|head| head.deadline.as_mut()));
                    if let Came::Later(at) = came {
                        times.push(at);
                    }
                }
            }
        }
        times
    }

    /// How long until the store would do something by itself, with or without its lanes.
    pub fn next_event(&self, lanes: bool) -> Option<Time> {
        let lanes =
            self.store.lanes.iter().filter(|_| lanes).filter_map(|lane| lane.lease_until.or(lane.next_try));
        let waiting = self.store.waiting.iter().filter_map(|waiting| waiting.lease_until.or(waiting.due));
        lanes.chain(waiting).filter(|time| *time > 0).min()
    }

    /// Lets time pass; returns how many living processes lost a lease by it.
    pub fn elapse(&mut self, seconds: Time) -> u8 {
        let held = |world: &World| {
            let leases = world.processes.iter().flat_map(|process| {
                let run = match &process.intake {
                    Intake::Decided(run) => run.lease,
                    _ => 0,
                };
                let lane = match &process.dispatch {
                    Dispatch::Holding(held) | Dispatch::Tried(held, _) => held.lease,
                    Dispatch::Idle => 0,
                };
                [run, lane]
            });
            leases.filter(|lease| *lease > 0).count()
        };
        let before = held(self);
        for time in self.times() {
            *time = (*time - seconds).max(0);
        }
        u8::try_from(before - held(self)).unwrap_or(u8::MAX)
    }
}
