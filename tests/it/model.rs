//! A model of inbox, lanes, lease, fence and waiting, walked through in every order of events by a model checker: two
//! processes, deliveries that come again, crashes at every step, leases that run out, partners that fail or fall silent.
//! What it decides it decides by the program's own functions (`store::decide`, `engine::attempt`, `engine::backoff`); each
//! broken variant of it has to be found.

use stateright::{Checker, HasDiscoveries, Model};

mod broken;
mod following;
mod holds;
mod house;
mod readers;
mod shelf;
mod taken_back;
mod ways;
mod world;

use broken::VARIANTS;
use house::{House, INTAKE, LANES, ONE_SHOT, REMEMBERED, WHOLE};

/// Steps that a walk may take; more means that something grows without bound.
const BOUND: usize = 1_500_000;

fn holds(house: House, at_least: usize) {
    let name = house.name;
    let checked = house.checker().threads(2).target_state_count(BOUND).spawn_bfs().join();
    let states = checked.unique_state_count();
    checked.assert_properties();
    assert!(checked.is_done() && checked.state_count() < BOUND, "{name}: not every state was seen");
    assert!(states > at_least, "{name}: {states} states are too few to say anything");
}

#[test]
fn from_delivery_to_the_outbox_nothing_is_lost_doubled_or_forgotten() {
    holds(INTAKE, 10_000);
}

#[test]
fn from_delivery_to_the_partner_nothing_is_lost_doubled_or_out_of_order() {
    holds(WHOLE, 10_000);
}

#[test]
fn lanes_keep_their_order_whoever_holds_them_and_however_partners_fail() {
    holds(LANES, 10_000);
}

#[test]
fn where_a_repeat_does_harm_nothing_is_sent_twice() {
    holds(ONE_SHOT, 500);
}

#[test]
fn what_a_far_end_gave_before_the_act_is_known_to_every_attempt_after_it() {
    holds(REMEMBERED, 200);
}

#[test]
fn every_broken_variant_is_found() {
    for (broken, house, property) in VARIANTS {
        let house = House { broken: Some(*broken), ..**house };
        let wanted = HasDiscoveries::AnyOf([*property].into());
        let checker = house.checker().threads(2).target_state_count(BOUND).finish_when(wanted);
        let checked = checker.spawn_bfs().join();
        let found = checked.discovery(property);
        assert!(found.is_some(), "{broken:?} breaks nothing: `{property}` holds");
    }
}

#[test]
fn readers_of_a_mailbox_lose_nothing_and_close_only_what_they_have() {
    let mailbox = readers::Mailbox { broken: None };
    let checked = mailbox.checker().threads(2).target_state_count(BOUND).spawn_bfs().join();
    let states = checked.unique_state_count();
    checked.assert_properties();
    assert!(checked.is_done() && states > 1_000, "{states}");
}

#[test]
fn every_broken_mailbox_is_found() {
    for (broken, property) in readers::VARIANTS {
        let mailbox = readers::Mailbox { broken: Some(*broken) };
        let wanted = HasDiscoveries::AnyOf([*property].into());
        let checker = mailbox.checker().threads(2).target_state_count(BOUND).finish_when(wanted);
        let checked = checker.spawn_bfs().join();
        assert!(checked.discovery(property).is_some(), "{broken:?} breaks nothing: `{property}` holds");
    }
}

#[test]
fn an_answer_is_taken_back_whole_or_somebody_is_told() {
    let answered = taken_back::Answered { broken: None };
    let checked = answered.checker().threads(2).target_state_count(BOUND).spawn_bfs().join();
    let states = checked.unique_state_count();
    checked.assert_properties();
    assert!(checked.is_done() && states > 100, "{states}");
}

#[test]
fn every_broken_taking_back_is_found() {
    for (broken, property) in taken_back::VARIANTS {
        let answered = taken_back::Answered { broken: Some(*broken) };
        let wanted = HasDiscoveries::AnyOf([*property].into());
        let checker = answered.checker().threads(2).target_state_count(BOUND).finish_when(wanted);
        let checked = checker.spawn_bfs().join();
        assert!(checked.discovery(property).is_some(), "{broken:?} breaks nothing: `{property}` holds");
    }
}
