//! The steps of the model and what has to hold after each of them. Each step is one transaction, one message on a wire or one
//! look at memory, so that everything else may happen between any two.
//!
//! No walk can go on for ever, so it is enough to look at where it ends: every lease has a fence of its own, times only run
//! down, and each kind of trouble has its bound.

use drehscheibe::engine::attempt::{self, InDoubt};
use drehscheibe::engine::backoff::{Failed, next_try};
use drehscheibe::plan::Patience;
use drehscheibe::store::states::RowState;
use drehscheibe::transport::port::{Receipt, SendError};
use jiff::Timestamp;
use stateright::{Model, Property};

use super::broken::Broken;
use super::holds;
use super::shelf::Done;
use super::world::{
    Came, Dispatch, FIRST, Handed, Held, Intake, LEASE, Left, Process, Run, SECOND, State, Time, World, Wrong,
};

/// What is walked through.
#[derive(Clone, Copy, Debug)]
pub struct House {
    pub name: &'static str,
    /// Deliveries that wait at first, by message; the first one may also never come.
    pub letters: [u8; 2],
    /// Rows that wait at first: order key, and when they are given up.
    pub rows: &'static [(u8, Option<Time>)],
    pub left: Left,
    /// Whether what is in the outbox leaves.
    pub dispatch: bool,
    /// Whether the far end knows a repeat by its id.
    pub repeat_is_safe: bool,
    /// Whether it gives an id before the act, and knows a repeat by that alone.
    pub gives: bool,
    pub broken: Option<Broken>,
}

/// From delivery to the outbox: deliveries that come again, waiting, waking, time that is over.
pub const INTAKE: House = House {
    name: "intake",
    letters: [1, 1],
    rows: &[],
    left: Left { crashes: 2, slips: 2, failures: 0, repeats: 2 },
    dispatch: false,
    repeat_is_safe: true,
    gives: false,
    broken: None,
};

/// From delivery to the partner, with less trouble on the way.
pub const WHOLE: House = House {
    name: "whole",
    left: Left { crashes: 1, slips: 0, failures: 1, repeats: 0 },
    dispatch: true,
    ..INTAKE
};

/// Two rows of one lane and one of another, one of them given up soon.
pub const LANES: House = House {
    name: "lanes",
    letters: [0, 0],
    rows: &[(0, Some(2)), (0, None), (1, None)],
    left: Left { crashes: 1, slips: 1, failures: 1, repeats: 0 },
    ..WHOLE
};

/// A far end that does not know a repeat. A process that is frozen between its last look at the clock and the wire is left
/// out: nothing on this side of the wire can keep it from sending late.
pub const ONE_SHOT: House = House {
    name: "one shot",
    letters: [0, 0],
    rows: &[(0, None), (0, None), (0, None)],
    left: Left { crashes: 2, slips: 0, failures: 3, repeats: 0 },
    repeat_is_safe: false,
    ..WHOLE
};

/// A far end that gives each act an id beforehand.
pub const REMEMBERED: House = House {
    name: "remembered",
    letters: [0, 0],
    rows: &[(0, None), (0, None)],
    left: Left { crashes: 2, slips: 1, failures: 1, repeats: 0 },
    gives: true,
    ..WHOLE
};

/// What the far end does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Take,
    Refuse,
    RejectForGood,
    /// No answer comes; asked afterwards, it can tell or not.
    Silent {
        arrives: bool,
        tells: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Fetch {
        process: usize,
        letter: usize,
    },
    /// `keeps`: a lane that it makes is leased to the process at once.
    Commit {
        process: usize,
        keeps: bool,
    },
    WriteKeys {
        process: usize,
    },
    Acknowledge {
        process: usize,
    },
    Resume {
        process: usize,
    },
    Claim {
        process: usize,
        lane: i64,
    },
    /// The far end gives an id, which is kept before anything is done under it.
    Remember {
        process: usize,
    },
    Try {
        process: usize,
        does: Does,
    },
    Settle {
        process: usize,
    },
    Replay {
        row: usize,
    },
    TimePasses,
    Crash {
        process: usize,
    },
    Repeat {
        letter: usize,
    },
}

impl House {
    /// What goes on by itself, whatever trouble there is.
    pub fn work(&self, world: &World, actions: &mut Vec<Action>) {
        let idle = |process: usize| {
            world.processes[..process].iter().all(|other| *other != world.processes[process])
        };
        for process in (0..2).filter(|process| idle(*process)) {
            self.work_of(world, process, actions);
        }
        for (row, one) in world.store.rows.iter().enumerate() {
            // The person asks the receiver first, and sends again only what did not arrive.
            if one.state == RowState::Parked || (one.state == RowState::Unclear && !world.far.has(one.effect))
            {
                actions.push(Action::Replay { row });
            }
        }
        if self.time_passes(world).is_some() {
            actions.push(Action::TimePasses);
        }
    }

    fn work_of(&self, world: &World, process: usize, actions: &mut Vec<Action>) {
        let Process { intake, dispatch } = &world.processes[process];
        let store = &world.store;
        match intake {
            Intake::Idle => {
                let waiting = (0..2).filter(|letter| world.letters[*letter].copies > 0);
                actions.extend(waiting.map(|letter| Action::Fetch { process, letter }));
                let free = |lease: Option<Time>| lease.is_none_or(|until| until == 0);
                if store.waiting.is_some_and(|waiting| waiting.due == Some(0) && free(waiting.lease_until)) {
                    actions.push(Action::Resume { process });
                }
            }
            Intake::Decided(_) => {
                actions.push(Action::Commit { process, keeps: false });
                // Only where a repeat is safe, and one lane at a time.
                if self.dispatch && self.repeat_is_safe && *dispatch == Dispatch::Idle {
                    actions.push(Action::Commit { process, keeps: true });
                }
            }
            Intake::HalfWritten(_) => actions.push(Action::WriteKeys { process }),
            Intake::Written(_) => actions.push(Action::Acknowledge { process }),
        }
        match dispatch {
            Dispatch::Idle if !self.dispatch => {}
            Dispatch::Idle => {
                for lane in &store.lanes {
                    let over = lane.lease_until == Some(0) && self.broken != Some(Broken::LeasesForEver);
                    if over || (lane.lease_until.is_none() && lane.next_try == Some(0)) {
                        actions.push(Action::Claim { process, lane: lane.number });
                    }
                }
            }
            Dispatch::Holding(held) if self.has_no_id(held) => actions.push(Action::Remember { process }),
            Dispatch::Holding(_) => actions.push(Action::Try { process, does: Does::Take }),
            Dispatch::Tried(..) => actions.push(Action::Settle { process }),
        }
    }

    /// Whether the attempt has to ask for an id first.
    fn has_no_id(&self, held: &Held) -> bool {
        let left = held.heads[held.at].left;
        self.gives && left.is_none() && self.broken != Some(Broken::ActsUnremembered)
    }

    fn trouble(&self, world: &World, actions: &mut Vec<Action>) {
        for (process, one) in world.processes.iter().enumerate() {
            if world.left.crashes > 0 && *one != Process::default() {
                actions.push(Action::Crash { process });
            }
            let tries = matches!(&one.dispatch, Dispatch::Holding(held) if !self.has_no_id(held));
            if world.left.failures > 0 && tries {
                let silent = |arrives, tells| Does::Silent { arrives, tells };
                let all = [Does::Refuse, Does::RejectForGood, silent(true, true), silent(false, true)];
                let mute = [silent(true, false), silent(false, false)];
                // Where a repeat is safe nobody asks.
                let mute = mute.into_iter().filter(|_| !self.repeat_is_safe);
                actions.extend(all.into_iter().chain(mute).map(|does| Action::Try { process, does }));
            }
        }
        if world.left.repeats > 0 {
            let known = (0..2).filter(|letter| self.letters[*letter] > 0);
            actions.extend(known.map(|letter| Action::Repeat { letter }));
        }
    }

    fn time_passes(&self, world: &World) -> Option<World> {
        let mut next = world.clone();
        let lost = next.elapse(world.next_event(self.dispatch)?);
        next.left.slips = next.left.slips.checked_sub(lost)?;
        Some(next)
    }

    /// Facts are looked up and effects decided.
    fn decided(world: &World, letter: usize, delivered: bool, resumed: Option<bool>) -> Run {
        // The first message asks for nothing that could change meanwhile but its own guard.
        let (found, seen) = (world.store.record, world.store.guard);
        Run { letter, found, seen, delivered, resumed, lease: if resumed.is_some() { LEASE } else { 0 } }
    }

    fn attempt(&self, world: &mut World, held: &Held, does: Does) -> Came {
        let Handed { row, unclear, attempts, deadline, left } = held.heads[held.at];
        let effect = world.store.rows[row].effect;
        let at = |seconds: Time| Timestamp::from_second(seconds).unwrap();
        let deadline = deadline.map(at);
        if attempt::is_too_late(deadline, at(0)) {
            return Came::Parked;
        }
        let later = || {
            let patience = Patience {
                first: std::time::Duration::from_secs(1),
                longest: std::time::Duration::from_secs(2),
                breaker_after: u32::MAX,
                breaker_open: std::time::Duration::ZERO,
            };
            let seed = u128::from(effect);
            let next = next_try(&patience, Failed { attempts, seed, asked: None, deadline }, at(0));
            Came::Later(next.duration_since(at(0)).as_millis().div_euclid(1000) as Time + 1)
        };
        let told = |world: &World, tells: bool| match tells {
            true => Ok(world.far.has(effect).then(Receipt::default)),
            false => Err(SendError::Unclear { cause: String::new() }),
        };
        let blind = self.broken == Some(Broken::DoubtUnasked);
        let in_doubt = |world: &World, tells: bool| {
            let doubt = match attempt::in_doubt(self.repeat_is_safe || blind, None) {
                InDoubt::Ask => attempt::in_doubt(self.repeat_is_safe, Some(told(world, tells))),
                known => known,
            };
            match doubt {
                InDoubt::Again => later(),
                InDoubt::Arrived(_) => Came::Sent,
                InDoubt::Ask | InDoubt::Person => Came::Unclear,
            }
        };
        if attempt::looks_first(unclear, self.repeat_is_safe) {
            match told(world, !matches!(does, Does::Silent { tells: false, .. })) {
                Ok(Some(_)) => return Came::Sent,
                Ok(None) => {}
                Err(_) => return in_doubt(world, false),
            }
        }
        let id = match self.broken {
            Some(Broken::IdsByAttempt) => u32::from(effect) * 100 + attempts,
            Some(Broken::IdsByLease) => u32::from(effect) * 100 + held.fence as u32,
            // One that did not keep its id asks for a new one.
            _ if self.gives => left.unwrap_or_else(|| {
                world.far.given += 1;
                world.far.given
            }),
            _ => u32::from(effect),
        };
        match does {
            Does::Take => {
                world.far.receive(effect, id);
                Came::Sent
            }
            Does::Refuse => later(),
            Does::RejectForGood => Came::Parked,
            Does::Silent { arrives, tells } => {
                if arrives {
                    world.far.receive(effect, id);
                }
                in_doubt(world, tells)
            }
        }
    }

    fn step(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        let broken = self.broken;
        match action {
            Action::Fetch { process, letter } => {
                world.letters[letter].copies -= 1;
                let mut run = House::decided(&world, letter, true, None);
                if broken == Some(Broken::AcknowledgedFirst) {
                    world.letters[letter].acknowledged = true;
                    run.delivered = false;
                }
                world.processes[process].intake = Intake::Decided(run);
            }
            Action::Commit { process, keeps } => {
                let Intake::Decided(run) = world.processes[process].intake else { return None };
                let record = world.store.record;
                let (done, kept) = world.store.commit(run, keeps, broken);
                if let Some(held) = kept {
                    world.processes[process].dispatch = Dispatch::Holding(held);
                }
                let refused = done == Done::New && world.store.inbox[run.letter] == Some(State::Rejected);
                if refused && record {
                    world.wrong.insert(Wrong::Refused);
                }
                world.processes[process].intake = match done {
                    // It runs again, with facts of now.
                    Done::Stale => {
                        let lease = run.lease;
                        let again = House::decided(&world, run.letter, run.delivered, run.resumed);
                        Intake::Decided(Run { lease, ..again })
                    }
                    Done::New if broken == Some(Broken::KeysAfterEffects) => Intake::HalfWritten(run),
                    _ if run.delivered => Intake::Written(run),
                    _ => Intake::Idle,
                };
            }
            Action::WriteKeys { process } => {
                let Intake::HalfWritten(run) = world.processes[process].intake else { return None };
                world.store.keys[run.letter] = true;
                world.processes[process].intake =
                    if run.delivered { Intake::Written(run) } else { Intake::Idle };
            }
            Action::Acknowledge { process } => {
                let Intake::Written(run) = world.processes[process].intake else { return None };
                world.letters[run.letter].acknowledged = true;
                world.processes[process].intake = Intake::Idle;
            }
            Action::Resume { process } => {
                let (expired, again) = world.store.resume(broken)?;
                if again {
                    world.wrong.insert(Wrong::HandedTwice);
                }
                let run = House::decided(&world, SECOND, false, Some(expired));
                world.processes[process].intake = Intake::Decided(run);
            }
            Action::Claim { process, lane } => {
                if let Some(held) = world.store.claim(lane, broken) {
                    world.processes[process].dispatch = Dispatch::Holding(held);
                }
            }
            Action::Remember { process } => {
                let Dispatch::Holding(mut held) = last.processes[process].dispatch.clone() else {
                    return None;
                };
                world.far.given += 1;
                let id = world.far.given;
                world.processes[process].dispatch = match world.store.remember(&held, id, broken) {
                    true => {
                        let at = held.at;
                        held.heads[at].left = Some(id);
                        Dispatch::Holding(held)
                    }
                    // Another has the lane: nothing is done under it.
                    false => Dispatch::Idle,
                };
            }
            Action::Try { process, does } => {
                let Dispatch::Holding(held) = last.processes[process].dispatch.clone() else { return None };
                if does != Does::Take {
                    world.left.failures -= 1;
                }
                let came = self.attempt(&mut world, &held, does);
                world.processes[process].dispatch = Dispatch::Tried(held, came);
            }
            Action::Settle { process } => {
                let Dispatch::Tried(held, came) = &last.processes[process].dispatch else { return None };
                let (last_row, half_used) = (held.at + 1 == held.heads.len(), held.lease <= LEASE / 2);
                let release = attempt::releases(*came == Came::Sent, last_row, half_used, false);
                let fence = last.store.lanes.iter().find(|lane| lane.number == held.lane);
                let stale = fence.is_none_or(|lane| lane.fence != held.fence);
                let settled = world.store.settle(held, *came, release, broken);
                if settled && stale {
                    world.wrong.insert(Wrong::Stale);
                }
                world.processes[process].dispatch = match settled && !release {
                    true => Dispatch::Holding(Held { at: held.at + 1, ..held.clone() }),
                    false => Dispatch::Idle,
                };
            }
            Action::Replay { row } => world.store.replay(row, broken),
            Action::TimePasses => world = self.time_passes(last)?,
            Action::Crash { process } => {
                world.left.crashes -= 1;
                let died = std::mem::take(&mut world.processes[process]);
                if let Intake::Decided(run) | Intake::HalfWritten(run) | Intake::Written(run) = died.intake
                    && run.delivered
                {
                    // What was not acknowledged comes again.
                    world.letters[run.letter].copies += 1;
                }
            }
            Action::Repeat { letter } => {
                world.left.repeats -= 1;
                world.letters[letter].copies += 1;
            }
        }
        world.processes.sort();
        Some(world)
    }
}

impl Model for House {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let mut first = World { left: self.left, ..World::default() };
        for (letter, copies) in self.letters.iter().enumerate() {
            first.letters[letter].copies = *copies;
        }
        for (effect, (name, deadline)) in (10..).zip(self.rows) {
            first.store.queue(effect, *name, *deadline, false, self.broken);
        }
        let mut without = first.clone();
        without.letters[FIRST].copies = 0;
        if without == first { vec![first] } else { vec![first, without] }
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.work(world, actions);
        self.trouble(world, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        self.step(last, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        holds::properties(self)
    }
}
