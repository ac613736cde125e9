//! What has to hold in every state of the model, and what has to happen in some, so that it is no model of nothing.

use drehscheibe::store::states::RowState;
use stateright::Property;

use super::house::House;
use super::world::{Dispatch, FIRST, Lane, Process, SECOND, State, World, Wrong};

/// The properties of a house.
pub fn properties(house: &House) -> Vec<Property<House>> {
    let mut properties = vec![
        Property::always("acknowledged only after commit", |_, world: &World| {
            let known = |letter: usize| world.store.inbox[letter].is_some();
            (0..2).all(|letter| !world.letters[letter].acknowledged || known(letter))
        }),
        Property::always("no effect is lost", |_, world: &World| {
            let store = &world.store;
            let queued = |effect: u8| store.rows.iter().any(|row| row.effect == effect);
            let kept = |letter: usize| match store.inbox[letter] {
                Some(State::Accepted) => queued(letter as u8),
                Some(State::Rejected) => queued(2),
                Some(State::Waiting) => store.waiting.is_some(),
                None => true,
            };
            let arrived = store.rows.iter().filter(|row| row.state == RowState::Sent);
            (0..2).all(kept) && arrived.into_iter().all(|row| world.far.has(row.effect))
        }),
        Property::always("an effect is written once", |_, world: &World| {
            let rows = &world.store.rows;
            let doubled = rows
                .iter()
                .enumerate()
                .any(|(at, row)| rows[..at].iter().any(|earlier| earlier.effect == row.effect));
            !doubled && world.store.applied.iter().all(|times| *times <= 1)
        }),
        Property::always("an effect has one id", |_, world: &World| {
            let seen = &world.far.seen;
            (0..seen.len()).all(|at| seen[..at].iter().all(|earlier| earlier.0 != seen[at].0))
        }),
        Property::always("the order of a lane is kept", |_, world: &World| {
            let rows = &world.store.rows;
            let mut arrived = world
                .far
                .seen
                .iter()
                .filter_map(|(effect, _)| rows.iter().position(|row| row.effect == *effect));
            arrived.all(|at| {
                let mut before = rows[..at].iter().filter(|row| row.name == rows[at].name);
                before.all(|row| world.far.has(row.effect))
            }) && arrivals_in_order(world)
        }),
        Property::always("a stale fence settles nothing", |_, world: &World| {
            !world.wrong.contains(&Wrong::Stale)
        }),
        Property::always("a waiting message is handed out once a lease", |_, world: &World| {
            !world.wrong.contains(&Wrong::HandedTwice)
        }),
        Property::always("refused only for what is missing", |_, world: &World| {
            !world.wrong.contains(&Wrong::Refused)
        }),
        Property::always("nobody sleeps past what he waits for", |_, world: &World| {
            !world.store.record || world.store.waiting.is_none_or(|waiting| waiting.woken)
        }),
        Property::always("a harmful repeat is not sent", |house: &House, world: &World| {
            house.repeat_is_safe || !world.far.twice
        }),
        Property::always("where nothing is left to do all is settled", |house: &House, world: &World| {
            let mut left = Vec::new();
            house.work(world, &mut left);
            !left.is_empty() || is_settled(house, world)
        }),
    ];
    // What the model is there for does happen in it.
    if house.letters[SECOND] > 0 {
        properties.push(Property::sometimes("a wait ends by time", |_, world: &World| {
            world.store.inbox[SECOND] == Some(State::Rejected)
        }));
        properties.push(Property::sometimes("a waiting message is woken", |_, world: &World| {
            world.store.waiting.is_some_and(|waiting| waiting.woken)
        }));
    }
    if house.dispatch && house.repeat_is_safe && house.letters[FIRST] > 0 {
        properties.push(Property::sometimes("a commit keeps what it makes", |_, world: &World| {
            let kept = |lane: &Lane| lane.lease_until.is_some() && lane.handed == Some(usize::MAX);
            world.store.lanes.iter().any(kept)
        }));
    }
    if house.left.slips > 0 && house.dispatch {
        properties.push(Property::sometimes("a living process loses its lease", |_, world: &World| {
            let holds = |process: &Process| match &process.dispatch {
                Dispatch::Holding(held) | Dispatch::Tried(held, _) => held.lease == 0,
                Dispatch::Idle => false,
            };
            world.processes.iter().any(holds)
        }));
    }
    if house.gives {
        properties.push(Property::sometimes(
            "an attempt goes on with what one before it left",
            |_, world: &World| {
                let goes_on = |process: &Process| match &process.dispatch {
                    Dispatch::Holding(held) => {
                        held.heads.iter().any(|head| head.unclear && head.left.is_some())
                    }
                    _ => false,
                };
                world.processes.iter().any(goes_on)
            },
        ));
    }
    if house.left.failures == 0 {
        return properties;
    }
    properties.push(Property::sometimes("a row waits for a person", |_, world: &World| {
        world.store.rows.iter().any(|row| row.state.is_held())
    }));
    properties.push(Property::sometimes("an attempt is in doubt", |_, world: &World| {
        world.store.rows.iter().any(|row| row.unclear && row.state != RowState::Sent)
    }));
    properties
}

/// Nothing waits for anybody but a person who has nothing left to do.
fn is_settled(house: &House, world: &World) -> bool {
    let store = &world.store;
    let ended = |letter: usize| {
        let waits = store.waiting.is_some() || store.inbox[letter] == Some(State::Waiting);
        world.letters[letter].copies == 0 && !waits
    };
    let told = |name: u8| {
        let mut rows = store.rows.iter().filter(|row| row.name == name && row.state != RowState::Sent);
        // It arrived, the person knows it, and what is behind it is held until that is said.
        rows.next().is_none_or(|row| row.state == RowState::Unclear && world.far.has(row.effect))
    };
    let names = store.rows.iter().map(|row| row.name);
    [FIRST, SECOND].into_iter().all(ended)
        && (!house.dispatch || names.into_iter().all(told))
        && world.processes.iter().all(|process| *process == Process::default())
}

/// Whether the far end saw the rows of each lane first in the order in which they were committed.
fn arrivals_in_order(world: &World) -> bool {
    let rows = &world.store.rows;
    let place = |effect: u8| rows.iter().position(|row| row.effect == effect);
    let places: Vec<usize> = world.far.seen.iter().filter_map(|(effect, _)| place(*effect)).collect();
    places.iter().enumerate().all(|(n, at)| {
        places[..n].iter().all(|earlier| rows[*earlier].name != rows[*at].name || earlier <= at)
    })
}
