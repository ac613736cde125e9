//! What a commit leases to the process that commits: lanes that it makes itself, with rows that are still in memory. Alike for every
//! back end. Never touches the database and never sends.

use std::collections::HashMap;

use crate::store::decide::{Head, may_take};
use crate::store::lane::{Lane, Take};
use crate::store::sealing::due::{LONGEST_LEASE, at_once};
use crate::store::sealing::prepare::{SendWork, Work};
use crate::store::sealing::values::{later, micros};
use crate::store::states::RowState;

/// The fence of the first lease of a lane.
const FIRST: i64 = 1;

/// What is taken so far in one transaction.
pub struct Taking<'a> {
    take: &'a Take,
    left: HashMap<&'a str, usize>,
    lanes: Vec<Taken>,
}

struct Taken {
    lane: Lane,
    /// A row came that cannot leave now or is one too many: what is behind it waits for the next lease.
    closed: bool,
}

/// The lease of a lane that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease<'a> {
    /// Until when.
    pub until: i64,
    /// Name of the worker.
    pub worker: &'a str,
}

impl<'a> Taking<'a> {
    /// Nothing taken yet.
    pub fn new(take: &'a Take) -> Taking<'a> {
        let left = take.most.iter().map(|(destination, most)| (destination.as_str(), *most)).collect();
        Taking { take, left, lanes: Vec::new() }
    }

    /// The lease of a lane, if it is made for this row.
    pub fn lease(&mut self, work: &Work, send: &SendWork) -> Option<Lease<'a>> {
        let now = micros(work.now);
        if send.open.is_none() || !may_take(true, send.free(now), now) {
            return None;
        }
        let left = self.left.get_mut(send.destination.as_str())?;
        *left = left.checked_sub(1)?;
        let until = later(work.now, self.take.lease.min(LONGEST_LEASE));
        Some(Lease { until, worker: &self.take.worker })
    }

    /// A lane was made under such a lease.
    pub fn made(&mut self, lane: i64, send: &SendWork) {
        let destination = send.destination.clone();
        let lane = Lane { id: lane, fence: FIRST, destination, heads: Vec::new() };
        self.lanes.push(Taken { lane, closed: false });
    }

    /// A row was put in a lane: its process gets it if the lane is leased to it and the row can leave now.
    pub fn put(&mut self, lane: i64, work: &Work, send: &SendWork) {
        let Some(taken) = self.lanes.iter_mut().rev().find(|taken| taken.lane.id == lane) else { return };
        let head = Head { state: RowState::Queued, free: send.after.is_none(), not_before: send.not_before };
        let room = taken.lane.heads.len() < self.take.heads.max(1);
        match at_once(work, send).filter(|_| !taken.closed && room && head.may_leave(micros(work.now))) {
            Some(due) => taken.lane.heads.push(due),
            None => taken.closed = true,
        }
    }

    /// The lanes, each with one row at least.
    pub fn lanes(self) -> Vec<Lane> {
        self.lanes.into_iter().map(|taken| taken.lane).collect()
    }
}
