//! The store of the model: the same transactions as the back ends', over values instead of rows, deciding by `store::decide`.
//! Knows nothing of senders, processes and partners.

use drehscheibe::store::decide::{self, Armed, Head, Holder, Known, Own};
use drehscheibe::store::lane::Outcome;
use drehscheibe::store::states::RowState;
use drehscheibe::telemetry::parts::Turn;
use jiff::Timestamp;

use super::broken::Broken;
use super::world::{
    Came, FIRST, Handed, Held, LEASE, Lane, PATIENCE, Row, Run, SECOND, State, Store, Time, Waiting,
};

/// Rows that a worker gets of a lane at once.
const HEADS: usize = 2;

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    New,
    Again,
    Stale,
}

impl Store {
    /// Commits what a run decided, and leases what it makes if it is to be kept.
    pub fn commit(&mut self, run: Run, keeps: bool, broken: Option<Broken>) -> (Done, Option<Held>) {
        let mut kept = None;
        let done = self.write(run, keeps, &mut kept, broken);
        (done, kept)
    }

    fn write(&mut self, run: Run, keeps: bool, kept: &mut Option<Held>, broken: Option<Broken>) -> Done {
        let letter = run.letter;
        let waits = letter == SECOND && self.waiting.is_some();
        // A delivery has an id of its own; a message that runs again has the one of its row.
        let own = (run.resumed.is_some() && self.inbox[letter].is_some()).then_some(Own {
            same_content: true,
            may_resume: waits || broken == Some(Broken::ResumedUnseen),
        });
        if decide::by_id(own, run.resumed.is_some()) == Known::Again {
            return Done::Again;
        }
        if self.keys[letter] && decide::by_key(run.resumed.is_some(), true, false) == Known::Again {
            return Done::Again;
        }
        let waits = letter == SECOND && !run.found && run.resumed != Some(true);
        let unguarded = match broken {
            Some(Broken::WaitsUnguarded) => waits,
            Some(Broken::RefusesUnguarded) => run.resumed == Some(true),
            _ => false,
        };
        if run.seen != self.guard && !unguarded {
            return Done::Stale;
        }
        if broken != Some(Broken::KeysAfterEffects) {
            self.keys[letter] = true;
        }
        if letter == SECOND {
            self.waiting = None;
        }
        if waits {
            self.inbox[letter] = Some(State::Waiting);
            let due = (broken != Some(Broken::WaitsForEver)).then_some(PATIENCE);
            let (until, woken, lease_until, given) = (PATIENCE, false, None, 0);
            self.waiting = Some(Waiting { until, due, woken, lease_until, given });
            return Done::New;
        }
        let accepted = letter == FIRST || run.found;
        self.inbox[letter] = Some(if accepted { State::Accepted } else { State::Rejected });
        self.applied[letter] += 1;
        // The second one's effect is its change, or its refusal.
        let effect = if accepted { letter as u8 } else { 2 };
        *kept = self.queue(effect, 0, None, keeps, broken);
        if letter == FIRST {
            self.record = true;
            self.guard += 1;
            if let Some(waiting) = &mut self.waiting {
                (waiting.woken, waiting.due) = (true, Some(0));
                (waiting.lease_until, waiting.given) = (None, 0);
            }
        }
        Done::New
    }

    /// Puts a row in the outbox, into the lane of its order key; a lane that is made for it may be leased at once.
    pub fn queue(
        &mut self,
        effect: u8,
        name: u8,
        deadline: Option<Time>,
        keeps: bool,
        broken: Option<Broken>,
    ) -> Option<Held> {
        let known = self.lanes.iter().find(|lane| lane.name == name).map(|lane| lane.number);
        let known = known.filter(|_| broken != Some(Broken::RowsNotLanes));
        let number = known.unwrap_or_else(|| {
            let number = self.next_lane;
            self.next_lane += 1;
            let (next_try, lease_until, fence, handed) = (None, None, 0, None);
            self.lanes.push(Lane { number, name, next_try, lease_until, fence, handed });
            number
        });
        let (state, attempts, unclear) = (RowState::Queued, 0, false);
        self.rows.push(Row { effect, name, lane: number, state, attempts, unclear, deadline, left: None });
        self.arm(number, 0, false, broken);
        let made = known.is_none() || broken == Some(Broken::StandingLanesKept);
        if !keeps || !decide::may_take(made, Some(0), 0) {
            return None;
        }
        let row = self.rows.len() - 1;
        let lane = self.lanes.iter_mut().find(|lane| lane.number == number)?;
        lane.fence += 1;
        // All that comes into it under this lease is in doubt when nobody ends it.
        (lane.lease_until, lane.handed) = (Some(LEASE), Some(usize::MAX));
        let heads = vec![Handed { row, unclear, attempts, deadline, left: None }];
        Some(Held { lane: number, fence: lane.fence, heads, at: 0, lease: LEASE })
    }

    /// Takes up the waiting message if it is due; whether its time is over, and whether it was handed out before.
    pub fn resume(&mut self, broken: Option<Broken>) -> Option<(bool, bool)> {
        let waiting = self.waiting.as_mut()?;
        let free = waiting.lease_until.is_none_or(|until| until <= 0);
        if waiting.due != Some(0) || !free {
            return None;
        }
        let again = waiting.given > 0;
        waiting.given = LEASE;
        if broken != Some(Broken::ResumedUnleased) {
            waiting.lease_until = Some(LEASE);
        }
        Some((decide::wait_is_over(Some(waiting.until), waiting.woken, false, 0), again))
    }

    /// Leases a lane, after the leases that are over have ended.
    pub fn claim(&mut self, lane: i64, broken: Option<Broken>) -> Option<Held> {
        if broken != Some(Broken::LeasesForEver) {
            self.end_leases(broken);
        }
        let at = self.lanes.iter().position(|one| one.number == lane)?;
        if self.lanes[at].lease_until.is_some() || self.lanes[at].next_try != Some(0) {
            return None;
        }
        let mut heads = Vec::new();
        for (row, one) in self.rows.iter().enumerate() {
            if one.lane != lane || one.state == RowState::Sent || heads.len() == HEADS {
                continue;
            }
            if !head_of(one).may_leave(0) {
                if broken == Some(Broken::HeldHeadsPassed) {
                    continue;
                }
                break;
            }
            let Row { unclear, attempts, deadline, left, .. } = *one;
            heads.push(Handed { row, unclear, attempts, deadline, left });
        }
        let Some(last) = heads.last() else {
            self.arm(lane, 0, false, broken);
            return None;
        };
        let leased = &mut self.lanes[at];
        leased.fence += 1;
        (leased.lease_until, leased.handed) = (Some(LEASE), Some(last.row));
        Some(Held { lane, fence: leased.fence, heads, at: 0, lease: LEASE })
    }

    fn end_leases(&mut self, broken: Option<Broken>) {
        let over: Vec<(i64, Option<usize>)> = self
            .lanes
            .iter()
            .filter(|lane| lane.lease_until.is_some_and(|until| until <= 0))
            .map(|lane| (lane.number, lane.handed))
            .collect();
        for (number, handed) in over {
            if broken != Some(Broken::DoubtForgotten) {
                let open = self.rows.iter_mut().enumerate().filter(|(_, row)| row.lane == number);
                for (_, row) in open.filter(|(at, row)| Some(*at) <= handed && row.state != RowState::Sent) {
                    row.unclear = true;
                }
            }
            self.end_lease(number);
            self.arm(number, 0, false, broken);
        }
    }

    fn end_lease(&mut self, number: i64) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.number == number) {
            (lane.lease_until, lane.handed) = (None, None);
        }
    }

    /// Keeps what the attempt under way leaves for the ones after it; whether the row was its to change.
    pub fn remember(&mut self, held: &Held, id: u32, broken: Option<Broken>) -> bool {
        let row = held.heads[held.at].row;
        let fence = self.lanes.iter().find(|lane| lane.number == held.lane).map(|lane| lane.fence);
        let Row { lane, state, .. } = self.rows[row];
        let holder = Holder { lane: held.lane, fence: held.fence };
        let own = decide::settles(holder, fence, lane, state) || broken == Some(Broken::RemembersUnfenced);
        if own {
            self.rows[row].left = Some(id);
        }
        own
    }

    /// Settles the row that a worker tried; whether it was its to settle.
    pub fn settle(&mut self, held: &Held, came: Came, release: bool, broken: Option<Broken>) -> bool {
        let row = held.heads[held.at].row;
        let fence = self.lanes.iter().find(|lane| lane.number == held.lane).map(|lane| lane.fence);
        let own = match broken {
            Some(Broken::FencesUnseen) => fence.unwrap_or(held.fence),
            _ => held.fence,
        };
        let fence = if broken == Some(Broken::FencesUnseen) { Some(own) } else { fence };
        let Row { lane, state, .. } = self.rows[row];
        if !decide::settles(Holder { lane: held.lane, fence: own }, fence, lane, state) {
            return false;
        }
        let (state, doubt) = decide::state_after(&outcome(came));
        let settled = &mut self.rows[row];
        settled.state = state;
        settled.attempts += 1;
        settled.unclear = doubt.unwrap_or(settled.unclear);
        if release {
            self.end_lease(held.lane);
        }
        if broken == Some(Broken::HeadForgotten) {
            let lane = self.lanes.iter_mut().find(|lane| lane.number == held.lane);
            lane.into_iter().for_each(|lane| lane.next_try = None);
            return true;
        }
        let at = if let Came::Later(at) = came { at } else { 0 };
        self.arm(held.lane, at, true, broken);
        true
    }

    /// A person frees a row.
    pub fn replay(&mut self, row: usize, broken: Option<Broken>) {
        let freed = &mut self.rows[row];
        freed.unclear &= freed.state != RowState::Unclear;
        (freed.state, freed.deadline) = (RowState::Queued, None);
        let lane = freed.lane;
        self.arm(lane, 0, true, broken);
    }

    fn arm(&mut self, number: i64, at: Time, anew: bool, broken: Option<Broken>) {
        let Some(place) = self.lanes.iter().position(|lane| lane.number == number) else { return };
        let passed = |row: &&Row| broken == Some(Broken::HeldHeadsPassed) && row.state.is_held();
        let mut open = self.rows.iter().filter(|row| row.lane == number && row.state != RowState::Sent);
        let head = open.find(|row| !passed(row)).map(head_of);
        let lane = &mut self.lanes[place];
        match decide::arm(head, lane.next_try, lane.lease_until.is_some(), at, anew) {
            Armed::Gone => {
                self.lanes.remove(place);
            }
            Armed::Still { .. } => lane.next_try = None,
            Armed::At(at) => lane.next_try = Some(at),
        }
    }
}

fn head_of(row: &Row) -> Head {
    Head { state: row.state, free: true, not_before: None }
}

/// What the program would be told.
fn outcome(came: Came) -> Outcome {
    let text = String::new;
    match came {
        Came::Sent => Outcome::Sent { reference: text(), evidence: text(), follow: None },
        Came::Later(_) => {
            Outcome::Later { at: Timestamp::UNIX_EPOCH, cause: text(), doubt: None, turn: Turn::FarEnd }
        }
        Came::Parked => Outcome::Parked { cause: text(), next_step: text() },
        Came::Unclear => Outcome::Unclear { cause: text() },
    }
}
