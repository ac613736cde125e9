//! A model of ways: a row of three of them, two processes, far ends that refuse, fall silent or tell afterwards, settlings whose answer is
//! lost, leases that run out; and a document that is taken back from where nobody collected it, step by step, with crashes between any two.
//! It decides by the program's own functions (`engine::attempt`, `engine::following`, `store::decide`, `store::lane`); each broken one is found.

use std::collections::BTreeSet;

use bytes::Bytes;
use drehscheibe::effects::Way;
use drehscheibe::engine::attempt;
use drehscheibe::engine::following::taken_back;
use drehscheibe::store::decide::{self, Holder};
use drehscheibe::store::follow::Found;
use drehscheibe::store::lane::{Onward, Outcome, Undelivered, Why};
use drehscheibe::store::states::{FollowState, RowState};
use drehscheibe::telemetry::parts::Turn;
use drehscheibe::transport::port::{Proof, Withdrawal};
use jiff::Timestamp;
use stateright::{Checker, HasDiscoveries, Model, Property};

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// An attempt whose answer was lost, and that is repeated, leaves no doubt.
    DoubtForgotten,
    /// What is refused goes on whatever may have arrived before.
    DoubtUnasked,
    /// A row that goes on stays in its lane, under its fence.
    LaneKept,
    /// A person's word moves a row whatever became of it meanwhile.
    WordUnchecked,
    /// The next way is written in a transaction after the one that ends the way before.
    MovedLater,
    /// A document is removed before anybody keeps that it was taken back.
    RemovedUnkept,
    /// A document that is not there counts as taken back.
    MissingIsBack,
    /// A look settles whatever was settled since it began.
    LooksUnseen,
}

const PUSHED: &[(Broken, &str)] = &[
    (Broken::DoubtForgotten, "it arrives by one way"),
    (Broken::DoubtUnasked, "it arrives by one way"),
    (Broken::LaneKept, "no way is passed over"),
    (Broken::WordUnchecked, "no way is passed over"),
    (Broken::MovedLater, "where nothing is left to do it has arrived or a person knows"),
];

const LAID: &[(Broken, &str)] = &[
    (Broken::RemovedUnkept, "what is confirmed was collected"),
    (Broken::MissingIsBack, "it goes on only where nobody has it"),
    (Broken::LooksUnseen, "what is confirmed was collected"),
];

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Came {
    Sent,
    Later { doubt: bool },
    Refused { certain: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Attempt {
    way: usize,
    lane: i64,
    fence: i64,
    doubted: bool,
    came: Option<Came>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    way: usize,
    state: RowState,
    unclear: bool,
    lane: i64,
    fence: i64,
    leased: bool,
    /// Only of a broken variant: the way is over and the next one is not written.
    owes: Option<usize>,
    processes: [Option<Attempt>; 2],
    arrived: [bool; 3],
    refused: [bool; 3],
    /// A person has said that it did not arrive by this way; said is what was true when it was found out, and carried out twice at most.
    said: [bool; 3],
    word: Option<(usize, u8)>,
    crashes: u8,
    losses: u8,
    failures: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Take,
    /// Takes it, and no answer comes.
    Lose,
    /// No answer comes, and nothing arrived.
    Vanish,
    /// Refuses for good; asked what became of earlier attempts it can tell or not.
    Refuse {
        tells: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Claim(usize),
    Try(usize, Does),
    /// `lost`: nobody hears that it was settled, so it is settled once more.
    Settle(usize, bool),
    Move(usize),
    LeaseOver,
    Crash(usize),
    /// A person finds out that it did not arrive, and says so.
    FindOut,
    Say,
}

struct Pushed(Option<Broken>);

impl Pushed {
    fn is(&self, broken: Broken) -> bool {
        self.0 == Some(broken)
    }

    fn work(&self, world: &World) -> Vec<Action> {
        let mut actions = Vec::new();
        for (n, process) in world.processes.iter().enumerate() {
            match process {
                None if !world.leased && world.state.is_open() => actions.push(Action::Claim(n)),
                None => {}
                Some(attempt) if attempt.came.is_some() => actions.push(Action::Settle(n, false)),
                Some(attempt) => {
                    // A way that has refused for good refuses again.
                    let refuses = world.refused[attempt.way];
                    let does = if refuses { Does::Refuse { tells: false } } else { Does::Take };
                    actions.push(Action::Try(n, does));
                }
            }
            if world.owes == Some(n) {
                actions.push(Action::Move(n));
            }
        }
        if world.word.is_some() {
            actions.push(Action::Say);
        }
        if world.leased && world.processes.iter().all(|one| one.is_none_or(|one| one.fence != world.fence)) {
            actions.push(Action::LeaseOver);
        }
        actions
    }

    fn attempt(&self, world: &mut World, attempt: &Attempt, does: Does) -> Came {
        // All far ends know a repeat by its id, so nobody looks before he sends.
        let safe = true;
        let doubt = attempt::stays_doubted(safe) && !self.is(Broken::DoubtForgotten);
        match does {
            Does::Take => {
                world.arrived[attempt.way] = true;
                Came::Sent
            }
            Does::Lose => {
                world.arrived[attempt.way] = true;
                Came::Later { doubt }
            }
            Does::Vanish => Came::Later { doubt },
            Does::Refuse { tells } => {
                world.refused[attempt.way] = true;
                let doubted = attempt::doubted(attempt.doubted, safe) && !self.is(Broken::DoubtUnasked);
                match (doubted && tells, world.arrived[attempt.way]) {
                    (true, true) => Came::Sent,
                    (asked, _) => Came::Refused { certain: asked || !doubted },
                }
            }
        }
    }

    fn settle(&self, world: &mut World, n: usize, attempt: &Attempt) -> bool {
        let holder = Holder { lane: attempt.lane, fence: attempt.fence };
        if !decide::settles(holder, Some(world.fence), world.lane, world.state) {
            return false;
        }
        let text = String::new;
        let way = Way { destination: text(), seconds: 0, until_late: false };
        let onward =
            || Outcome::Onward(Onward { from: text(), to: way.clone(), why: Why::Refused, cause: text() });
        let outcome = match attempt.came {
            Some(Came::Sent) => Outcome::Sent { reference: text(), evidence: text(), follow: None },
            Some(Came::Later { doubt }) => {
                let doubt = doubt.then_some(true);
                Outcome::Later { at: Timestamp::UNIX_EPOCH, cause: text(), doubt, turn: Turn::FarEnd }
            }
            Some(Came::Refused { certain }) => match Undelivered::judged(world.way < 2, !certain) {
                Undelivered::Onward => onward(),
                Undelivered::Unclear => Outcome::Unclear { cause: text() },
                Undelivered::Parked => Outcome::Parked { cause: text(), next_step: text() },
            },
            None => return false,
        };
        let (state, doubt) = decide::state_after(&outcome);
        world.leased = false;
        world.unclear = doubt.unwrap_or(world.unclear);
        match outcome {
            Outcome::Onward(_) if self.is(Broken::MovedLater) => {
                (world.state, world.owes) = (RowState::Sent, Some(n));
            }
            Outcome::Onward(_) => {
                world.state = state;
                self.go_on(world);
            }
            _ => world.state = state,
        }
        true
    }

    fn go_on(&self, world: &mut World) {
        world.way += 1;
        if !self.is(Broken::LaneKept) {
            world.lane += 1;
            world.fence = 0;
        }
    }
}

impl Model for Pushed {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            way: 0,
            state: RowState::Queued,
            unclear: false,
            lane: 1,
            fence: 0,
            leased: false,
            owes: None,
            processes: [None, None],
            arrived: [false; 3],
            refused: [false; 3],
            said: [false; 3],
            word: None,
            crashes: 2,
            losses: 1,
            failures: 3,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(self.work(world));
        if world.state.is_held()
            && world.word.is_none()
            && !world.arrived[world.way]
            && !world.said[world.way]
        {
            actions.push(Action::FindOut);
        }
        for (n, process) in world.processes.iter().enumerate() {
            let Some(attempt) = process else {
                if world.owes == Some(n) && world.crashes > 0 {
                    actions.push(Action::Crash(n));
                }
                continue;
            };
            if world.crashes > 0 {
                actions.push(Action::Crash(n));
            }
            if attempt.came.is_some() && world.losses > 0 {
                actions.push(Action::Settle(n, true));
            }
            if attempt.came.is_none() && world.failures > 0 {
                let all =
                    [Does::Lose, Does::Vanish, Does::Refuse { tells: true }, Does::Refuse { tells: false }];
                actions.extend(all.map(|does| Action::Try(n, does)));
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Claim(n) => {
                world.fence += 1;
                world.leased = true;
                world.processes[n] = Some(Attempt {
                    way: world.way,
                    lane: world.lane,
                    fence: world.fence,
                    doubted: world.unclear,
                    came: None,
                });
            }
            Action::Try(n, does) => {
                let mut attempt = last.processes[n]?;
                if does != Does::Take && !world.refused[attempt.way] {
                    world.failures -= 1;
                }
                attempt.came = Some(self.attempt(&mut world, &attempt, does));
                world.processes[n] = Some(attempt);
            }
            Action::Settle(n, lost) => {
                let attempt = last.processes[n]?;
                self.settle(&mut world, n, &attempt);
                match lost {
                    true => world.losses -= 1,
                    false => world.processes[n] = None,
                }
            }
            Action::Move(n) => {
                debug_assert_eq!(world.owes, Some(n));
                world.owes = None;
                world.state = RowState::Queued;
                self.go_on(&mut world);
            }
            // Nobody who holds it lives: what was handed out is in doubt.
            Action::LeaseOver => {
                world.leased = false;
                world.unclear |= world.state.is_open();
            }
            Action::FindOut => world.word = Some((world.way, 2)),
            Action::Say => {
                let (way, left) = last.word?;
                world.word = (left > 1).then_some((way, left - 1));
                world.said[way] = true;
                // Said of the way that it was on: on another one it is no word.
                let unchecked = self.is(Broken::WordUnchecked) && world.way < 2;
                let said = decide::said_not_arrived(world.state.into(), world.way < 2);
                match said.filter(|_| world.way == way || unchecked) {
                    Some(Undelivered::Onward) => {
                        (world.state, world.unclear) = (RowState::Queued, false);
                        self.go_on(&mut world);
                    }
                    Some(_) => world.state = RowState::Parked,
                    None if unchecked => self.go_on(&mut world),
                    None => {}
                }
            }
            Action::Crash(n) => {
                world.crashes -= 1;
                world.processes[n] = None;
                if world.owes == Some(n) {
                    world.owes = None;
                }
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Pushed>> {
        vec![
            Property::always("it arrives by one way", |_, world: &World| {
                world.arrived.iter().filter(|arrived| **arrived).count() <= 1
            }),
            Property::always("no way is passed over", |_, world: &World| {
                (0..world.way.min(2)).all(|way| world.refused[way] || world.said[way])
            }),
            Property::always(
                "where nothing is left to do it has arrived or a person knows",
                |model: &Pushed, world: &World| {
                    let ended = match world.state {
                        RowState::Sent => world.arrived[world.way],
                        state => state.is_held(),
                    };
                    !model.work(world).is_empty() || ended
                },
            ),
            Property::sometimes("it arrives by the last way", |_, world: &World| world.arrived[2]),
            Property::sometimes("a refusal in doubt waits for a person", |_, world: &World| {
                world.way == 0 && world.state == RowState::Unclear && world.refused[0]
            }),
            Property::sometimes("a person's word sends it on", |_, world: &World| {
                world.said[0] && world.arrived[1]
            }),
            Property::sometimes("what was lost is found by asking", |_, world: &World| {
                world.state == RowState::Sent && world.refused[world.way] && world.arrived[world.way]
            }),
        ]
    }
}

/// A document in a tray whose partner's time is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tray {
    /// Where it lies: under its name, under one that is ours, nowhere.
    lies: Lies,
    collected: bool,
    /// What is kept: that it is ours again.
    kept: bool,
    /// How it ended.
    ended: Option<&'static str>,
    /// How many looks were settled.
    looks: i64,
    /// Looks that are under way.
    under_way: [Option<Under>; 2],
    crashes: u8,
    wrong: BTreeSet<&'static str>,
}

/// A look: what it was given, and what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Under {
    kept: bool,
    looks: i64,
    told: Option<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lies {
    Named,
    Ours,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    Step,
    Back,
    Collected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Look(usize),
    /// Takes it back, as far as one step goes.
    TakeBack(usize),
    Settle(usize),
    PartnerTakes,
    Crash(usize),
}

struct Laid(Option<Broken>);

impl Laid {
    fn work(&self, tray: &Tray) -> Vec<Act> {
        let mut acts = Vec::new();
        for (n, under) in tray.under_way.iter().enumerate() {
            match under {
                Some(Under { told: Some(_), .. }) => acts.push(Act::Settle(n)),
                Some(_) => acts.push(Act::TakeBack(n)),
                None if tray.ended.is_none() => acts.push(Act::Look(n)),
                None => {}
            }
        }
        acts
    }

    /// What a destination does, in the order of `transport/folder/out.rs`.
    fn take_back(&self, tray: &mut Tray, kept: bool) -> Told {
        if kept {
            tray.lies = if tray.lies == Lies::Ours { Lies::Gone } else { tray.lies };
            return Told::Back;
        }
        match tray.lies {
            Lies::Named | Lies::Ours if self.0 == Some(Broken::RemovedUnkept) => {
                tray.lies = Lies::Gone;
                Told::Back
            }
            Lies::Named | Lies::Ours => {
                tray.lies = Lies::Ours;
                Told::Step
            }
            Lies::Gone if self.0 == Some(Broken::MissingIsBack) => Told::Back,
            Lies::Gone => Told::Collected,
        }
    }

    fn settle(&self, tray: &mut Tray, looks: i64, told: Told) {
        let look = |looks| decide::Look { since: 0, looks };
        let state = if tray.ended.is_some() { FollowState::Confirmed } else { FollowState::Open };
        let settles = decide::look_settles(look(looks), Some((state, look(tray.looks))));
        let unseen = self.0 == Some(Broken::LooksUnseen) && tray.ended.is_none();
        if !settles && !unseen {
            return;
        }
        tray.looks += 1;
        let back = match told {
            Told::Step => Ok(Withdrawal::Step { keep: Bytes::new() }),
            Told::Back => Ok(Withdrawal::Gone),
            Told::Collected => Ok(Withdrawal::Collected(Proof::default())),
        };
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let to = Way { destination: String::new(), seconds: 1, until_late: false };
        match taken_back(back, ("", at(0), at(10)), &to, at(10)).0 {
            Found::Step { .. } => tray.kept = true,
            Found::TakenBack(_) => {
                tray.ended = Some("onward");
                if tray.collected {
                    tray.wrong.insert("both");
                }
            }
            Found::Confirmed { .. } => {
                tray.ended = Some("confirmed");
                if !tray.collected {
                    tray.wrong.insert("nobody");
                }
            }
            Found::Open { .. } | Found::Held { .. } | Found::Failed { .. } => tray.ended = Some("failed"),
        }
    }
}

impl Model for Laid {
    type State = Tray;
    type Action = Act;

    fn init_states(&self) -> Vec<Tray> {
        vec![Tray {
            lies: Lies::Named,
            collected: false,
            kept: false,
            ended: None,
            looks: 0,
            under_way: [None, None],
            crashes: 3,
            wrong: BTreeSet::new(),
        }]
    }

    fn actions(&self, tray: &Tray, acts: &mut Vec<Act>) {
        acts.extend(self.work(tray));
        if tray.lies == Lies::Named {
            acts.push(Act::PartnerTakes);
        }
        if tray.crashes > 0 {
            acts.extend((0..2).filter(|n| tray.under_way[*n].is_some()).map(Act::Crash));
        }
    }

    fn next_state(&self, last: &Tray, act: Act) -> Option<Tray> {
        let mut tray = last.clone();
        match act {
            Act::Look(n) => {
                tray.under_way[n] = Some(Under { kept: tray.kept, looks: tray.looks, told: None });
            }
            Act::TakeBack(n) => {
                let under = last.under_way[n]?;
                let told = Some(self.take_back(&mut tray, under.kept));
                tray.under_way[n] = Some(Under { told, ..under });
            }
            Act::Settle(n) => {
                let under = tray.under_way[n].take()?;
                self.settle(&mut tray, under.looks, under.told?);
            }
            Act::PartnerTakes => (tray.lies, tray.collected) = (Lies::Gone, true),
            Act::Crash(n) => {
                tray.crashes -= 1;
                tray.under_way[n] = None;
            }
        }
        Some(tray)
    }

    fn properties(&self) -> Vec<Property<Laid>> {
        vec![
            Property::always("it goes on only where nobody has it", |_, tray: &Tray| {
                !tray.wrong.contains("both")
            }),
            Property::always("what is confirmed was collected", |_, tray: &Tray| {
                !tray.wrong.contains("nobody")
            }),
            Property::always("where nothing is left to do it has ended", |model: &Laid, tray: &Tray| {
                !model.work(tray).is_empty() || tray.ended.is_some()
            }),
            Property::sometimes("it goes on", |_, tray: &Tray| tray.ended == Some("onward")),
            Property::sometimes("the partner is faster", |_, tray: &Tray| tray.ended == Some("confirmed")),
        ]
    }
}

#[test]
fn a_row_with_ways_arrives_once_or_a_person_knows() {
    let checked = Pushed(None).checker().threads(2).target_state_count(1_500_000).spawn_bfs().join();
    let states = checked.unique_state_count();
    checked.assert_properties();
    assert!(checked.is_done() && states > 1_000, "{states} states");
}

#[test]
fn what_nobody_collected_goes_on_only_once_it_is_back() {
    let checked = Laid(None).checker().threads(2).target_state_count(1_500_000).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.is_done() && checked.unique_state_count() > 30);
}

#[test]
fn every_broken_variant_of_ways_is_found() {
    for (broken, property) in PUSHED {
        let wanted = HasDiscoveries::AnyOf([*property].into());
        let checker = Pushed(Some(*broken)).checker().threads(2).target_state_count(1_500_000);
        let checked = checker.finish_when(wanted).spawn_bfs().join();
        assert!(checked.discovery(property).is_some(), "{broken:?} breaks nothing: `{property}` holds");
    }
    for (broken, property) in LAID {
        let wanted = HasDiscoveries::AnyOf([*property].into());
        let checker = Laid(Some(*broken)).checker().threads(2).target_state_count(1_500_000);
        let checked = checker.finish_when(wanted).spawn_bfs().join();
        assert!(checked.discovery(property).is_some(), "{broken:?} breaks nothing: `{property}` holds");
    }
}
