//! The network between the program and each neighbour: cut, slow, closed by half, broken off in an answer, reset, and mute.
//! Every way is open again before the run ends; how long one stays broken the seed says.

use std::time::Duration;

use crate::fault::lab::{Lab, Wanted, Ways, tail};
use crate::fault::play::Play;
use crate::fault::proxy::{FAULTS, Proxy, Way};
use crate::fault::said::{self, OnFailure};
use crate::support::Seeded;

const RUN: &str = "network";

/// All ways of a lab with the name of where they lead.
fn all(ways: &Ways) -> Vec<(&'static str, &Proxy)> {
    let [first, second] = &ways.callbacks;
    let servers = [("database", ways.database.as_ref()), ("broker", ways.broker.as_ref())];
    let servers = servers.into_iter().filter_map(|(name, way)| Some((name, way?)));
    servers.chain([("first service", first), ("second service", second)]).collect()
}

async fn runs(wanted: Wanted, run: &str, deliveries: u64, rounds: u64, faults: &[Way], seed: u64) {
    let Some(lab) = Lab::new(Wanted { proxied: false, ..wanted }).await else { return };
    let play = Play::start(&lab, deliveries);
    let running = lab.up(&[]).await;
    let calm = play.finish(&lab, running).await;

    let Some(lab) = Lab::new(wanted).await else { return };
    let mut lots = Seeded(seed);
    let play = Play::start(&lab, deliveries);
    let mut running = lab.up(&[]).await;
    let ways = all(lab.ways.as_ref().unwrap());
    let turns = rounds * (faults.len() * ways.len()) as u64;
    for turn in 0..turns {
        let (way, rest) = (turn % ways.len() as u64, turn / ways.len() as u64);
        let ((name, way), fault) = (&ways[way as usize], faults[(rest % faults.len() as u64) as usize]);
        play.release(deliveries / turns);
        tokio::time::sleep(Duration::from_millis(lots.below(200))).await;
        way.set(fault);
        tokio::time::sleep(Duration::from_millis(600 + lots.below(800))).await;
        way.set(Way::Open);
        assert!(!running.ended(), "it did not survive {name} {fault:?}\n{}", tail(&lab.stage.log()));
    }
    let count = calm.against(&play.finish(&lab, running).await);
    said::counted(&format!("{RUN}, {run}, {turns} faults"), seed, &count);
    count.clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_fails_in_every_way_costs_nothing() {
    let seed = said::seed(20_261_125);
    let _said = OnFailure(RUN, seed);
    let wanted = Wanted { postgres: true, amqp: true, proxied: true, ..Wanted::default() };
    let rounds = if said::long() { 20 } else { 1 };
    if rounds == 1 {
        said::left_out("19 of 20 rounds of network faults");
    }
    runs(wanted, "five faults on each way", 160 * rounds, rounds, FAULTS, seed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_stand_and_are_mute_are_given_up() {
    let seed = said::seed(20_261_126);
    let _said = OnFailure("mute connections", seed);
    if !said::long() {
        said::left_out("connections to database, broker and services that stay mute for minutes");
        return;
    }
    let wanted = Wanted { postgres: true, amqp: true, proxied: true, ..Wanted::default() };
    runs(wanted, "mute connections", 120, 2, &[Way::Dead], seed).await;
}
