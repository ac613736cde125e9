//! Neighbours that stop, fall and come back while deliveries run: database (fast, immediate, kill -9), broker (stop, kill -9),
//! online services. The program lives through all of it without a restart.

use std::time::Duration;

use crate::fault::lab::{Lab, Wanted, tail, wait_ready};
use crate::fault::ledger::Ledger;
use crate::fault::play::Play;
use crate::fault::said::{self, OnFailure};
use crate::support::{Running, Seeded};

const RUN: &str = "neighbours fall";
const WANTED: Wanted = Wanted {
    postgres: true,
    amqp: true,
    own: Some("fault-neighbours"),
    proxied: false,
    prefetch: 0,
    followed: false,
};

/// What falls.
#[derive(Clone, Copy, Debug)]
pub enum Falls {
    Database(&'static str),
    BrokerStops,
    BrokerDies,
    Services,
}

const FALLS: &[(Falls, u64)] = &[
    (Falls::Database("INT"), 1),
    (Falls::BrokerDies, 1),
    (Falls::Database("QUIT"), 1),
    (Falls::Services, 10),
    (Falls::BrokerStops, 10),
    (Falls::Database("KILL"), 10),
];

impl Falls {
    pub async fn down(self, lab: &mut Lab) {
        match self {
            Falls::Database(signal) => {
                tokio::task::block_in_place(|| lab.database.as_mut().unwrap().0.end(signal))
            }
            Falls::BrokerStops => tokio::task::block_in_place(|| lab.broker.as_ref().unwrap().script("stop")),
            Falls::BrokerDies => tokio::task::block_in_place(|| lab.broker.as_ref().unwrap().kill()),
            Falls::Services => self.services(lab, 100),
        }
    }

    pub async fn up(self, lab: &mut Lab) {
        match self {
            Falls::Database(_) => lab.database.as_mut().unwrap().0.resume().await,
            Falls::BrokerStops | Falls::BrokerDies => {
                tokio::task::block_in_place(|| lab.broker.as_ref().unwrap().script("start"));
            }
            Falls::Services => self.services(lab, 0),
        }
    }

    fn services(self, lab: &Lab, failing: u64) {
        for partner in &lab.partners {
            *partner.failing.lock().unwrap() = failing;
        }
    }
}

async fn disturbed(mut lab: Lab, deliveries: u64, rounds: u64, seed: u64) -> Ledger {
    let mut lots = Seeded(seed);
    let play = Play::start(&lab, deliveries);
    let mut running: Running = lab.up(&[]).await;
    let share = deliveries / (rounds * FALLS.len() as u64);
    for round in 0..rounds {
        for (falls, seconds) in FALLS {
            play.release(share / 2);
            tokio::time::sleep(Duration::from_millis(lots.below(400))).await;
            falls.down(&mut lab).await;
            // Senders go on while it is away.
            play.release(share - share / 2);
            let seconds = if round == 0 { *seconds } else { 1 + lots.below(3) };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            falls.up(&mut lab).await;
            assert!(!running.ended(), "it did not survive {falls:?}\n{}", tail(&lab.stage.log()));
        }
    }
    play.finish(&lab, running).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_stops_or_falls_costs_nothing_and_needs_no_restart() {
    let seed = said::seed(20_261_124);
    let _said = OnFailure(RUN, seed);
    let (deliveries, rounds) = if said::long() { (1_800, 20) } else { (180, 1) };
    if rounds == 1 {
        said::left_out("19 of 20 rounds in which database, broker and services fall");
    }
    let quiet = Wanted { own: None, ..WANTED };
    let Some(lab) = Lab::new(quiet).await else { return };
    let play = Play::start(&lab, deliveries);
    let running = lab.up(&[]).await;
    let calm = play.finish(&lab, running).await;
    let Some(lab) = Lab::new(WANTED).await else { return };
    let disturbed = disturbed(lab, deliveries, rounds, seed).await;
    let count = calm.against(&disturbed);
    said::counted(&format!("{RUN}, {} falls", rounds * FALLS.len() as u64), seed, &count);
    count.clean();
}

/// A database that is away when the process starts is waited for, as one that goes later is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_waits_for_a_database_that_is_away_at_its_start() {
    let wanted = Wanted { own: Some("fault-away"), postgres: true, ..Wanted::default() };
    let Some(mut lab) = Lab::new(wanted).await else { return };
    assert!(lab.up(&[]).await.terminate());
    tokio::task::block_in_place(|| lab.database.as_mut().unwrap().0.end("INT"));
    let mut running = lab.stage.start(None);
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!running.ended(), "{}", tail(&lab.stage.log()));
    }
    assert!(lab.stage.log().contains("store-unreachable"), "{}", tail(&lab.stage.log()));
    lab.database.as_mut().unwrap().0.resume().await;
    wait_ready(&lab.stage, &mut running).await;
    assert!(running.terminate(), "{}", tail(&lab.stage.log()));
}
