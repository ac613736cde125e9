//! kill -9 of the real program, at every named point and at random, on the embedded store and on PostgreSQL with RabbitMQ,
//! while deliveries come in three ways and partners fail.

use std::time::{Duration, Instant};

use drehscheibe::engine::points;

use crate::fault::lab::{Lab, Wanted, tail, wait_ready};
use crate::fault::ledger::Ledger;
use crate::fault::play::Play;
use crate::fault::said::{self, OnFailure};
use crate::support::Seeded;

/// How often and where the program dies.
struct Kills {
    /// At these passages of named points.
    points: Vec<String>,
    /// And so often at random.
    random: u64,
    /// Deliveries altogether.
    deliveries: u64,
}

async fn calm(wanted: Wanted, deliveries: u64) -> Option<Ledger> {
    let lab = Lab::new(wanted).await?;
    let play = Play::start(&lab, deliveries);
    let running = lab.up(&[]).await;
    Some(play.finish(&lab, running).await)
}

async fn killed(wanted: Wanted, kills: &Kills, seed: u64) -> Option<Ledger> {
    let lab = Lab::new(wanted).await?;
    for partner in &lab.partners {
        *partner.failing.lock().unwrap() = 15;
    }
    let mut lots = Seeded(seed);
    let play = Play::start(&lab, kills.deliveries);
    let turns = kills.points.len() as u64 + kills.random;
    for (turn, point) in kills.points.iter().map(Some).chain((0..kills.random).map(|_| None)).enumerate() {
        let mut running = lab.stage.start(point.map(String::as_str));
        let share = kills.deliveries / turns + u64::from((turn as u64) < kills.deliveries % turns);
        play.release(share.min(play.left()));
        let Some(point) = point else {
            // One in four dies while it starts.
            if lots.below(4) > 0 {
                wait_ready(&lab.stage, &mut running).await;
            }
            tokio::time::sleep(Duration::from_millis(lots.below(300))).await;
            running.kill();
            continue;
        };
        let began = Instant::now();
        while !running.ended() {
            assert!(began.elapsed().as_secs() < 60, "nothing passes {point}\n{}", tail(&lab.stage.log()));
            tokio::time::sleep(Duration::from_millis(50)).await;
            // A point that few messages pass gets more of them.
            if began.elapsed().as_secs() >= 3 && play.left() > turns {
                play.release(1);
            }
        }
    }
    let running = lab.stage.start(None);
    Some(play.finish(&lab, running).await)
}

/// Passages of every point, the first and a later one where two are wanted; of looks where something is followed.
fn passages(each: &[u64], followed: bool) -> Vec<String> {
    let met = points::ALL.iter().filter(|point| followed || !point.is_of_looks());
    let words = met.map(|point| point.word());
    // Few messages wait, so a later passage of this one would need very many.
    let of_word = |word: &'static str| {
        let each = if word == "resumed" { &each[..1] } else { each };
        each.iter().map(move |nth| format!("{word}:{nth}")).collect::<Vec<_>>()
    };
    words.flat_map(of_word).collect()
}

async fn nothing_is_lost(run: &'static str, wanted: Wanted, kills: Kills, own: u64) {
    let seed = said::seed(own);
    let _said = OnFailure(run, seed);
    let Some(calm) = calm(wanted, kills.deliveries).await else { return };
    let Some(disturbed) = killed(wanted, &kills, seed).await else { return };
    let count = calm.against(&disturbed);
    let times = kills.points.len() as u64 + kills.random;
    said::counted(&format!("{run}, {times} kills, {} deliveries", kills.deliveries), seed, &count);
    count.clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_on_the_embedded_store_loses_and_doubles_nothing() {
    let kills = if said::long() {
        Kills { points: passages(&[1, 4], true), random: 377, deliveries: 3_000 }
    } else {
        said::left_out("380 of 400 kills on the embedded store");
        Kills { points: passages(&[1], true), random: 8, deliveries: 240 }
    };
    let wanted = Wanted { followed: true, ..Wanted::default() };
    nothing_is_lost("embedded", wanted, kills, 20_261_122).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_on_postgresql_and_rabbitmq_loses_and_doubles_nothing() {
    let wanted = Wanted { postgres: true, amqp: true, ..Wanted::default() };
    let kills = if said::long() {
        Kills { points: passages(&[1, 4], false), random: 577, deliveries: 4_000 }
    } else {
        said::left_out("560 of 600 kills on PostgreSQL with RabbitMQ");
        Kills { points: passages(&[1, 4], false), random: 17, deliveries: 360 }
    };
    nothing_is_lost("postgresql and rabbitmq", wanted, kills, 20_261_123).await;
}
