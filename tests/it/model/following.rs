//! A model of what is followed after it was sent: two processes of which one has the duty of looking, a partner who takes a document or
//! lets it lie, looks that cannot tell, a row that is sent again, crashes between any two steps. It decides by the program's own
//! functions (`store::decide::look_settles`, `engine::following`); each broken variant of it has to be found.

use std::collections::BTreeSet;
use std::time::Duration;

use drehscheibe::engine::following::{judged, laid};
use drehscheibe::store::decide::{Look, look_settles};
use drehscheibe::store::follow::Found;
use drehscheibe::store::states::FollowState;
use drehscheibe::transport::port::{After, Follow, Proof, SendError};
use jiff::Timestamp;
use stateright::{Checker, HasDiscoveries, Model, Property};

/// The partner has so many seconds.
const WITHIN: i64 = 3;
/// No walk lasts longer.
const END: i64 = 12;

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// That a row is followed is written after the settling that says it was sent.
    LaidDownLater,
    /// A look settles whatever was sent meanwhile.
    LooksUnseen,
    /// A look settles whoever has the duty.
    DutyUnfenced,
    /// A tray that cannot be seen counts as one that was emptied.
    UnseenIsTaken,
    /// Nobody looks at the end of the time.
    TimeForgotten,
}

const VARIANTS: &[(Broken, &str)] = &[
    (Broken::LaidDownLater, "what was sent is followed"),
    (Broken::LooksUnseen, "only what was taken is confirmed"),
    (Broken::DutyUnfenced, "a stale fence settles nothing"),
    (Broken::UnseenIsTaken, "only what was taken is confirmed"),
    (Broken::TimeForgotten, "where nothing is left to do all has ended"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Wrong {
    Confirmed,
    FailedEarly,
    Stale,
}

/// What is kept of a row that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kept {
    state: FollowState,
    since: i64,
    looks: i64,
    due: i64,
    until: i64,
}

/// What a look was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    Lies,
    Taken,
    Unknown,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Process {
    /// An attempt whose outcome is known and not settled.
    sent: bool,
    /// Only of a broken variant: settled as sent, and not yet laid down.
    owes: Option<i64>,
    /// The fence under which it believes to have the duty.
    fence: Option<i64>,
    look: Option<(Kept, Told)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    queued: bool,
    followed: Option<Kept>,
    /// The fence of the duty.
    fence: i64,
    /// Whether the document lies in the tray, and whether the copy that was laid there last was taken.
    lies: bool,
    taken: bool,
    processes: [Process; 2],
    crashes: u8,
    slips: u8,
    blind: u8,
    again: u8,
    refused: bool,
    wrong: BTreeSet<Wrong>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Send(usize),
    Settle(usize),
    LayDown(usize),
    TakeDuty(usize),
    Ask(usize, bool),
    SettleLook(usize),
    PartnerTakes,
    SendAgain,
    TimePasses,
    Crash(usize),
}

struct House(Option<Broken>);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

impl House {
    fn is(&self, broken: Broken) -> bool {
        self.0 == Some(broken)
    }

    fn is_due(&self, world: &World) -> bool {
        world.followed.is_some_and(|kept| {
            let forgotten = self.is(Broken::TimeForgotten) && world.now >= kept.until;
            kept.state == FollowState::Open && kept.due <= world.now && !forgotten
        })
    }

    /// What goes on by itself.
    fn work(&self, world: &World) -> Vec<Action> {
        let mut actions = Vec::new();
        let holds = world.processes.iter().any(|one| one.fence == Some(world.fence));
        for (n, process) in world.processes.iter().enumerate() {
            if process.sent {
                actions.push(Action::Settle(n));
            }
            if process.owes.is_some() {
                actions.push(Action::LayDown(n));
            }
            if world.queued && world.processes.iter().all(|one| !one.sent) {
                actions.push(Action::Send(n));
            }
            if !holds {
                actions.push(Action::TakeDuty(n));
            }
            match process.look {
                Some(_) => actions.push(Action::SettleLook(n)),
                None if process.fence == Some(world.fence) && self.is_due(world) => {
                    actions.push(Action::Ask(n, true));
                }
                None => {}
            }
        }
        if world.now < END
            && world.followed.is_some_and(|kept| kept.state == FollowState::Open && kept.due > world.now)
        {
            actions.push(Action::TimePasses);
        }
        actions
    }

    fn settle_look(&self, world: &mut World, n: usize) -> Option<()> {
        let (asked, told) = world.processes[n].look.take()?;
        let stale = world.processes[n].fence != Some(world.fence);
        let after = match told {
            Told::Lies => Ok(After::Open { again: None }),
            Told::Taken => Ok(After::Confirmed(Proof::default())),
            Told::Unknown if self.is(Broken::UnseenIsTaken) => Ok(After::Confirmed(Proof::default())),
            Told::Unknown => Err(SendError::Unclear { cause: String::new() }),
        };
        let (found, _) = judged(after, (at(asked.since), at(asked.until)), at(world.now));
        let look = |kept: &Kept| Look { since: kept.since, looks: kept.looks };
        let stands = world.followed.as_ref().map(|kept| (kept.state, look(kept)));
        let settles = look_settles(look(&asked), stands)
            || (self.is(Broken::LooksUnseen) && stands.is_some_and(|(state, _)| state == FollowState::Open));
        if (stale && !self.is(Broken::DutyUnfenced)) || !settles {
            world.refused = true;
            return Some(());
        }
        if stale {
            world.wrong.insert(Wrong::Stale);
        }
        let (taken, now) = (world.taken, world.now);
        let kept = world.followed.as_mut()?;
        kept.looks += 1;
        match found {
            Found::Open { at, .. } | Found::Held { at, .. } => kept.due = at.as_second(),
            // Only where there is another way, which `ways` walks through.
            Found::Step { .. } | Found::TakenBack(_) => return None,
            Found::Confirmed { .. } => {
                kept.state = FollowState::Confirmed;
                if !taken {
                    world.wrong.insert(Wrong::Confirmed);
                }
            }
            Found::Failed { .. } => {
                kept.state = FollowState::Failed;
                if now < kept.until {
                    world.wrong.insert(Wrong::FailedEarly);
                }
            }
        }
        Some(())
    }

    fn step(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            // A repeat of an attempt that a crash took along lays the same document there again.
            Action::Send(n) => {
                (world.lies, world.taken) = (true, false);
                world.processes[n].sent = true;
            }
            Action::Settle(n) => {
                world.processes[n].sent = false;
                world.queued = false;
                // No two settlings of a row are of one moment.
                world.now += 1;
                match self.is(Broken::LaidDownLater) {
                    true => world.processes[n].owes = Some(world.now),
                    false => world.followed = Some(followed(world.now)),
                }
            }
            Action::LayDown(n) => world.followed = Some(followed(world.processes[n].owes.take()?)),
            Action::TakeDuty(n) => {
                world.fence += 1;
                world.processes[n].fence = Some(world.fence);
            }
            Action::Ask(n, sees) => {
                let told = match (sees, world.lies) {
                    (false, _) => Told::Unknown,
                    (true, true) => Told::Lies,
                    (true, false) => Told::Taken,
                };
                world.blind -= u8::from(!sees);
                world.processes[n].look = Some((world.followed?, told));
            }
            Action::SettleLook(n) => self.settle_look(&mut world, n)?,
            Action::PartnerTakes => (world.lies, world.taken) = (false, true),
            Action::SendAgain => {
                world.again -= 1;
                world.queued = true;
                world.followed = None;
            }
            Action::TimePasses => world.now += 1,
            Action::Crash(n) => {
                world.crashes -= 1;
                world.processes[n] = Process::default();
            }
        }
        Some(world)
    }
}

fn followed(since: i64) -> Kept {
    let (first, within) = (Duration::from_secs(1), Duration::from_secs(WITHIN as u64));
    let laid = laid(Follow { first, within, keep: Default::default() }, at(since));
    Kept {
        state: FollowState::Open,
        since,
        looks: 0,
        due: laid.due.as_second(),
        until: laid.until.as_second(),
    }
}

impl Model for House {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World { queued: true, crashes: 2, slips: 1, blind: 2, again: 1, ..World::default() }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(self.work(world));
        if world.lies && !world.taken && !world.processes.iter().any(|one| one.sent) {
            actions.push(Action::PartnerTakes);
        }
        for (n, process) in world.processes.iter().enumerate() {
            if world.crashes > 0 && *process != Process::default() {
                actions.push(Action::Crash(n));
            }
            // Its lease ran out while it believed to hold it.
            if world.slips > 0 && process.fence.is_some_and(|fence| fence < world.fence) {
                continue;
            }
            let other = &world.processes[1 - n];
            if world.slips > 0 && other.fence == Some(world.fence) {
                actions.push(Action::TakeDuty(n));
            }
            if world.blind > 0
                && process.look.is_none()
                && process.fence == Some(world.fence)
                && self.is_due(world)
            {
                actions.push(Action::Ask(n, false));
            }
        }
        let ended = world.followed.is_some_and(|kept| kept.looks > 0);
        let looking = world.processes.iter().any(|one| one.look.is_some());
        if world.again > 0 && !world.queued && (ended || looking) && world.followed.is_some() {
            actions.push(Action::SendAgain);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = self.step(last, action)?;
        if let Action::TakeDuty(n) = action
            && last.processes[1 - n].fence == Some(last.fence)
        {
            world.slips = last.slips.checked_sub(1)?;
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<House>> {
        vec![
            Property::always("what was sent is followed", |_, world: &World| {
                world.queued || world.followed.is_some()
            }),
            Property::always("only what was taken is confirmed", |_, world: &World| {
                !world.wrong.contains(&Wrong::Confirmed)
            }),
            Property::always("nothing fails before its time is over", |_, world: &World| {
                !world.wrong.contains(&Wrong::FailedEarly)
            }),
            Property::always("a stale fence settles nothing", |_, world: &World| {
                !world.wrong.contains(&Wrong::Stale)
            }),
            Property::always("where nothing is left to do all has ended", |house: &House, world: &World| {
                let ended = world.followed.is_some_and(|kept| kept.state != FollowState::Open);
                !house.work(world).is_empty() || ended
            }),
            Property::sometimes("what was taken is confirmed", |_, world: &World| {
                world.followed.is_some_and(|kept| kept.state == FollowState::Confirmed)
            }),
            Property::sometimes("what lies too long fails", |_, world: &World| {
                world.lies && world.followed.is_some_and(|kept| kept.state == FollowState::Failed)
            }),
            Property::sometimes("what nobody could see fails although it was taken", |_, world: &World| {
                world.taken && world.followed.is_some_and(|kept| kept.state == FollowState::Failed)
            }),
            Property::sometimes("a late look is refused", |_, world: &World| world.refused),
        ]
    }
}

#[test]
fn what_was_sent_is_followed_until_it_was_taken_or_its_time_is_over() {
    let checked = House(None).checker().threads(2).target_state_count(1_500_000).spawn_bfs().join();
    let states = checked.unique_state_count();
    checked.assert_properties();
    assert!(checked.is_done() && states > 1_000, "{states} states");
}

#[test]
fn every_broken_variant_of_following_is_found() {
    for (broken, property) in VARIANTS {
        let wanted = HasDiscoveries::AnyOf([*property].into());
        let checker = House(Some(*broken)).checker().threads(2).target_state_count(1_500_000);
        let checked = checker.finish_when(wanted).spawn_bfs().join();
        assert!(checked.discovery(property).is_some(), "{broken:?} breaks nothing: `{property}` holds");
    }
}
