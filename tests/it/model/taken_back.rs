//! A model of an answer that is taken back: a Negativauskunft waits to leave, a delivery with an Eintragung looks and commits, a process
//! leases, sends and settles the row, dies, or is so slow that its lease runs out. What is decided is decided by `store::decide`; each broken
//! variant has to be found.

use std::collections::BTreeSet;

use drehscheibe::store::decide::{self, Holder, Owed};
use drehscheibe::store::states::RowState;
use stateright::{Model, Property};

const LANE: i64 = 1;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// What was seen before the commit is not looked at again in it.
    LookedOnce,
    /// A row that somebody has in hand is taken for one that is here.
    HandUnseen,
    /// An attempt of unknown outcome is taken for none.
    DoubtUnseen,
    /// Where nothing can be taken back nobody is told.
    NobodyTold,
}

/// Each mistake and what finds it.
pub const VARIANTS: &[(Broken, &str)] = &[
    (Broken::LookedOnce, "what was taken back does not leave"),
    (Broken::HandUnseen, "what was taken back does not leave"),
    (Broken::DoubtUnseen, "the receiver sees one document"),
    (Broken::NobodyTold, "it is taken back or somebody is told"),
];

/// The house with one request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub broken: Option<Broken>,
}

/// What a document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Says {
    /// No Eintragung.
    Negativ,
    /// What the table says with the Eintragung.
    Anew,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    says: Says,
    state: RowState,
    unclear: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    row: Option<Row>,
    fence: i64,
    /// Whether the lane is leased.
    leased: bool,
    /// What a process has in hand, under which fence, and whether it was sent.
    hand: Option<(Says, i64, Option<bool>)>,
    /// What the delivery saw, once it has looked.
    looked: Option<bool>,
    committed: bool,
    back: bool,
    told: bool,
    /// The request waits to be decided anew.
    waits: bool,
    /// What the receiver has, in the order in which it came.
    far: Vec<Says>,
    trouble: u8,
    wrong: BTreeSet<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Look,
    Commit,
    Anew,
    Lease,
    Send,
    SendLost,
    Refused,
    Settle,
    Slow,
    Dies,
}

impl World {
    fn here(&self, broken: Option<Broken>) -> bool {
        let Some(row) = &self.row else { return false };
        let owed = Owed {
            state: row.state,
            unclear: row.unclear && broken != Some(Broken::DoubtUnseen),
            left: false,
            unseen: true,
            leased: self.leased && broken != Some(Broken::HandUnseen),
            fence: self.fence,
            carries: true,
        };
        decide::taken_back(&[owed]).is_some()
    }

    fn arrives(&mut self, says: Says) {
        if says == Says::Negativ && self.back {
            self.wrong.insert("left");
        }
        self.far.push(says);
    }

    /// The lease is over by itself: what was handed out is in doubt.
    fn lapse(&mut self) {
        self.leased = false;
        if let Some(row) = self.row.as_mut().filter(|row| row.state.is_open()) {
            row.unclear = true;
        }
    }
}

impl Model for Answered {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let row = Row { says: Says::Negativ, state: RowState::Queued, unclear: false };
        vec![World { row: Some(row), trouble: 3, ..World::default() }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        match world.looked {
            None if !world.committed => actions.push(Action::Look),
            Some(_) => actions.push(Action::Commit),
            None => {}
        }
        if world.waits {
            actions.push(Action::Anew);
        }
        let open = world.row.as_ref().is_some_and(|row| row.state.is_open());
        if open && !world.leased && world.hand.is_none() && world.fence < 6 {
            actions.push(Action::Lease);
        }
        match world.hand {
            Some((_, _, None)) => actions.extend([Action::Send, Action::SendLost, Action::Refused]),
            Some((_, _, Some(_))) => actions.push(Action::Settle),
            None => {}
        }
        if world.trouble > 0 && world.hand.is_some() {
            actions.push(Action::Dies);
            if world.leased {
                actions.push(Action::Slow);
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Look => world.looked = Some(world.here(self.broken)),
            Action::Commit => match world.looked.take()? {
                // Stale: it looks again.
                true if self.broken != Some(Broken::LookedOnce) && !world.here(self.broken) => {}
                true => {
                    (world.committed, world.back, world.waits) = (true, true, true);
                    (world.row, world.leased) = (None, false);
                }
                false => (world.committed, world.told) = (true, self.broken != Some(Broken::NobodyTold)),
            },
            Action::Anew => {
                world.waits = false;
                // The lane is made anew; fences are never given twice.
                world.fence += 1;
                world.row = Some(Row { says: Says::Anew, state: RowState::Queued, unclear: false });
            }
            Action::Lease => {
                world.fence += 1;
                world.leased = true;
                world.hand = Some((world.row.as_ref()?.says, world.fence, None));
            }
            Action::Send | Action::SendLost => {
                let (says, fence, _) = world.hand?;
                world.arrives(says);
                world.hand = Some((says, fence, Some(true)));
                if action == Action::SendLost {
                    world.trouble = world.trouble.checked_sub(1)?;
                    world.hand = None;
                    world.lapse();
                }
            }
            Action::Refused => {
                world.trouble = world.trouble.checked_sub(1)?;
                world.hand = world.hand.map(|(says, fence, _)| (says, fence, Some(false)));
            }
            Action::Settle => {
                let (_, fence, taken) = world.hand.take()?;
                let of_lane = world.leased.then_some(world.fence);
                let row = world.row.as_mut()?;
                if decide::settles(Holder { lane: LANE, fence }, of_lane, LANE, row.state) {
                    row.state = if taken == Some(true) { RowState::Sent } else { RowState::Retrying };
                    world.leased = false;
                }
            }
            Action::Slow => {
                world.trouble -= 1;
                world.lapse();
            }
            Action::Dies => {
                world.trouble -= 1;
                world.hand = None;
                world.lapse();
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what was taken back does not leave", |_, world: &World| world.wrong.is_empty()),
            // What goes again after an attempt of unknown outcome is the same document.
            Property::always("the receiver sees one document", |_, world: &World| {
                world.far.iter().all(|says| *says == world.far[0])
            }),
            Property::always("it is taken back or somebody is told", |_, world: &World| {
                !world.committed || world.back != world.told
            }),
            Property::sometimes("it is taken back after it was refused", |_, world: &World| {
                world.back && world.trouble < 3
            }),
            Property::sometimes("it had left", |_, world: &World| world.told && !world.far.is_empty()),
            Property::sometimes("the new one arrives", |_, world: &World| world.far == [Says::Anew]),
        ]
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.far.len() <= 4
    }
}
