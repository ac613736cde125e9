//! A model of a mailbox: two readers of one office, one lane of two messages, answers that are lost, readers that are too slow, a process
//! that starts anew. What is decided is decided by `store::decide`; each broken variant has to be found.

use std::collections::BTreeSet;

use drehscheibe::store::decide::{self, HandOut, Holder, Leased};
use drehscheibe::store::lane::Outcome;
use drehscheibe::store::states::RowState;
use stateright::{Model, Property};

/// How long a reader has a message in hand.
const LEASE: i64 = 2;
const LANE: i64 = 1;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A receipt names the lane and its fence, but not what was handed out.
    ReceiptWithoutRow,
    /// A reader's lease ends with the process that gave it.
    LeaseOfProcess,
    /// A close does not compare the fence.
    FenceUnseen,
    /// What was closed does not remember by whom.
    CloserForgotten,
    /// The second message is handed out while the first one is in hand.
    OrderUnseen,
}

/// Each mistake and what finds it.
pub const VARIANTS: &[(Broken, &str)] = &[
    (Broken::ReceiptWithoutRow, "only what a reader has is closed"),
    (Broken::LeaseOfProcess, "one reader has it in hand"),
    (Broken::FenceUnseen, "a stale receipt closes nothing"),
    (Broken::CloserForgotten, "who is told that it is closed has closed it"),
    (Broken::OrderUnseen, "order is kept"),
];

/// A mailbox with its readers.
#[derive(Clone, Copy, Debug)]
pub struct Mailbox {
    pub broken: Option<Broken>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    /// By which fence each message was closed.
    sent: [Option<i64>; 2],
    fence: i64,
    until: Option<i64>,
    readers: [Reader; 2],
    lost: u8,
    starts: u8,
    wrong: BTreeSet<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Reader {
    /// What it laid down, safe from its own end.
    has: BTreeSet<usize>,
    hand: Option<Hand>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Hand {
    row: usize,
    fence: i64,
    /// What is left of its time.
    left: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Fetch { reader: usize, row: usize, lost: bool },
    FetchAgain { reader: usize },
    Close { reader: usize, lost: bool },
    GiveBack { reader: usize },
    TimePasses,
    Start,
}

impl World {
    fn first(&self) -> Option<usize> {
        self.sent.iter().position(Option::is_none)
    }

    fn hand_out(&mut self, reader: usize, row: usize, shown: Option<i64>, broken: Option<Broken>) -> bool {
        let first = self.first() == Some(row);
        let unseen = broken == Some(Broken::OrderUnseen) && self.sent[row].is_none();
        if !first && !unseen {
            return false;
        }
        let lane = Leased { fence: self.fence, until: self.until, holder: "leser" };
        match decide::hand_out(lane, (shown, None), 0, i64::MAX) {
            // The second one is no lane of its own, so what is in hand does not keep it.
            HandOut::NotYet(_) if !first => {}
            HandOut::NotYet(_) => return false,
            HandOut::Again => {}
            HandOut::Anew => self.fence += 1,
        }
        self.until = Some(LEASE);
        if self.sent[..row].iter().any(Option::is_none) {
            self.wrong.insert("order");
        }
        let hand = Hand { row, fence: self.fence, left: LEASE };
        self.readers[reader].hand = Some(hand);
        self.readers[reader].has.insert(row);
        true
    }

    /// Whether the reader is told that it is closed.
    fn close(&mut self, hand: Hand, broken: Option<Broken>) -> bool {
        let row = match broken {
            Some(Broken::ReceiptWithoutRow) => self.first().unwrap_or(hand.row),
            _ => hand.row,
        };
        let outcome =
            Outcome::Sent { reference: hand.fence.to_string(), evidence: String::new(), follow: None };
        let holder = Holder { lane: LANE, fence: hand.fence };
        if let Some(by) = self.sent[row] {
            let noted = (broken != Some(Broken::CloserForgotten)).then(|| by.to_string());
            return decide::ended_before(
                &outcome,
                RowState::Sent,
                noted.as_deref(),
                (holder, Some(self.fence)),
            );
        }
        let fence = match broken {
            Some(Broken::FenceUnseen) => hand.fence,
            _ => self.fence,
        };
        if self.first() != Some(row) || !decide::settles(holder, Some(fence), LANE, RowState::Queued) {
            return false;
        }
        if hand.fence != self.fence {
            self.wrong.insert("stale");
        }
        if !self.readers.iter().any(|reader| reader.has.contains(&row)) {
            self.wrong.insert("unread");
        }
        self.sent[row] = Some(hand.fence);
        self.until = None;
        true
    }
}

impl Model for Mailbox {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { lost: 2, starts: 1, ..World::default() }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let may_lose = [false, true].into_iter().filter(|lost| !lost || world.lost > 0);
        for (reader, one) in world.readers.iter().enumerate() {
            if one.hand.is_none() {
                let rows = (0..2).filter(|row| world.sent[*row].is_none());
                actions.extend(
                    rows.flat_map(|row| {
                        may_lose.clone().map(move |lost| Action::Fetch { reader, row, lost })
                    }),
                );
                continue;
            }
            actions.extend(may_lose.clone().map(|lost| Action::Close { reader, lost }));
            actions.extend([Action::FetchAgain { reader }, Action::GiveBack { reader }]);
        }
        if world.until.is_some_and(|left| left > 0) {
            actions.push(Action::TimePasses);
        }
        if world.starts > 0 {
            actions.push(Action::Start);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Fetch { reader, row, lost } => {
                if !world.hand_out(reader, row, None, self.broken) {
                    return None;
                }
                if lost {
                    world.lost -= 1;
                    world.readers[reader] = last.readers[reader].clone();
                }
            }
            Action::FetchAgain { reader } => {
                let hand = last.readers[reader].hand?;
                // What it cannot have again it lets go.
                if !world.hand_out(reader, hand.row, Some(hand.fence), self.broken) {
                    world.readers[reader].hand = None;
                }
            }
            Action::Close { reader, lost } => {
                let hand = last.readers[reader].hand?;
                let told = world.close(hand, self.broken);
                if told && world.sent[hand.row] != Some(hand.fence) {
                    world.wrong.insert("told");
                }
                match lost {
                    true => world.lost -= 1,
                    false => world.readers[reader].hand = None,
                }
            }
            Action::GiveBack { reader } => {
                let hand = world.readers[reader].hand.take()?;
                if world.first() == Some(hand.row) && world.fence == hand.fence {
                    world.until = None;
                }
            }
            Action::TimePasses => {
                world.until = world.until.map(|left| (left - 1).max(0));
                for hand in world.readers.iter_mut().filter_map(|reader| reader.hand.as_mut()) {
                    hand.left = (hand.left - 1).max(0);
                }
            }
            Action::Start => {
                world.starts -= 1;
                if self.broken == Some(Broken::LeaseOfProcess) {
                    world.until = None;
                }
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("only what a reader has is closed", |_, world: &World| {
                !world.wrong.contains("unread")
            }),
            Property::always("a stale receipt closes nothing", |_, world: &World| {
                !world.wrong.contains("stale")
            }),
            Property::always("who is told that it is closed has closed it", |_, world: &World| {
                !world.wrong.contains("told")
            }),
            Property::always("order is kept", |_, world: &World| !world.wrong.contains("order")),
            Property::always("one reader has it in hand", |_, world: &World| {
                let open = |hand: &Hand| hand.left > 0 && world.sent[hand.row].is_none();
                let hands: Vec<Hand> =
                    world.readers.iter().filter_map(|reader| reader.hand).filter(open).collect();
                !matches!(hands[..], [one, other] if one.row == other.row)
            }),
            Property::sometimes("all is closed", |_, world: &World| world.sent.iter().all(Option::is_some)),
            Property::sometimes("a reader is too slow", |_, world: &World| {
                let slow = |reader: &Reader| reader.hand.is_some_and(|hand| hand.fence < world.fence);
                world.readers.iter().any(slow)
            }),
        ]
    }

    fn within_boundary(&self, world: &World) -> bool {
        // Readers that give back for ever make no new kind of state.
        world.fence <= 5
    }
}
