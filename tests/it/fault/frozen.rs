//! Two replicas on one PostgreSQL, of which one is frozen in the middle of its sends beyond its leases and then woken: the other
//! has taken over, the fence refuses what the woken one settles, and every effect is there once.

use std::fs;
use std::time::{Duration, Instant};

use drehscheibe::cli::sample::{Wish, eintragung};

use crate::fault::lab::{Lab, Wanted, client, post, rewrite, tail, up};
use crate::fault::ledger::Ledger;
use crate::fault::proxy::Way;
use crate::fault::said::{self, OnFailure};
use crate::support::{Receiver, Seeded, StageDir, until};

const EACH: u64 = 12;

async fn deliver(stage: &StageDir, numbers: std::ops::Range<u64>, ledger: &mut Ledger) {
    let client = client();
    for n in numbers {
        let began = Instant::now();
        loop {
            let (status, id) = post(stage, &client, &n.to_string(), eintragung(&Wish::plain(n))).await;
            if status == 200 {
                ledger.told.insert(id);
                ledger.answers.insert(n.to_string(), "200".to_owned());
                break;
            }
            assert!(began.elapsed().as_secs() < 120, "status {status}\n{}", tail(&stage.log()));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn tried(partners: &[Receiver; 2]) -> usize {
    partners.iter().map(|partner| partner.seen.lock().unwrap().accepted.len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_frozen_beyond_its_leases_settles_nothing_when_it_wakes() {
    let seed = said::seed(20_261_129);
    let _said = OnFailure("frozen replica", seed);
    let rounds = if said::long() { 10 } else { 1 };
    if rounds == 1 {
        said::left_out("9 of 10 rounds with a frozen replica");
    }
    let mut lots = Seeded(seed);
    for _ in 0..rounds {
        let wanted = Wanted { postgres: true, proxied: true, ..Wanted::default() };
        let Some(lab) = Lab::new(wanted).await else { return };
        let ways = lab.ways.as_ref().unwrap();
        let clock = lab.stage.dir.path().join("clock");
        fs::write(&clock, "0").unwrap();
        let of_clock = |file: &std::path::Path| [("DREHSCHEIBE_CLOCK_FILE", file.display().to_string())];
        let mut ledger = Ledger::default();
        let mut first = lab.up(&of_clock(&clock)).await;
        // What the services accepted is on its way back for some seconds: then it freezes.
        for way in &ways.callbacks {
            way.set(Way::Slow(Duration::from_secs(3)));
        }
        deliver(&lab.stage, 0..EACH, &mut ledger).await;
        until("sends of the first replica arrive", 60, || tried(&lab.partners) >= 4).await;
        tokio::time::sleep(Duration::from_millis(lots.below(500))).await;
        first.signal("STOP");
        let frozen = tried(&lab.partners);
        for way in &ways.callbacks {
            way.set(Way::Open);
        }

        let other = [0, 1].map(|index| {
            let mut address = lab.partners[index].address;
            address.set_port(ways.callbacks[index].port);
            address
        });
        let other = StageDir::new(other);
        lab.furnish(&other, 0).await;
        let claims = lab.stage.data().join("store");
        rewrite(
            &other.stage().join("connections.yaml"),
            "kind: postgres, path: store",
            &format!("kind: postgres, path: \"{}\"", claims.display()),
        );
        // Its clock is two minutes later: the leases of a minute are over.
        let later = other.dir.path().join("clock");
        fs::write(&later, "120").unwrap();
        let mut second = up(&other, &of_clock(&later)).await;
        deliver(&other, EACH..EACH * 2, &mut ledger).await;
        let all = EACH as usize * 2;
        until("the second replica sends everything", 150, || {
            lab.partners.iter().all(|partner| partner.accepted() >= all)
        })
        .await;
        // And settles it.
        let began = Instant::now();
        while lab.essence().await.iter().filter(|line| line.starts_with("outbox sent callback")).count()
            < all * 2
        {
            assert!(began.elapsed().as_secs() < 90, "{}", tail(&other.log()));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        fs::write(&clock, "120").unwrap();
        first.signal("CONT");
        until("the fence refuses what it settles", 60, || {
            lab.stage.log().contains("the lease of a lane was lost, its settling was refused")
        })
        .await;
        deliver(&lab.stage, EACH * 2..EACH * 3, &mut ledger).await;
        deliver(&other, EACH * 3..EACH * 4, &mut ledger).await;
        let all = EACH as usize * 4;
        until("both work on", 120, || lab.partners.iter().all(|partner| partner.accepted() >= all)).await;
        assert!(first.terminate(), "{}", tail(&lab.stage.log()));
        assert!(second.terminate(), "{}", tail(&other.log()));
        ledger.essence = lab.essence().await;
        let sent = ledger.essence.iter().filter(|line| line.starts_with("outbox sent callback")).count();
        let mirrored = ledger.essence.iter().filter(|line| line.starts_with("mirror ")).count();
        assert_eq!((sent, mirrored), (all * 2, all), "stored once");
        for (index, partner) in lab.partners.iter().enumerate() {
            let seen = partner.seen.lock().unwrap();
            assert_eq!((seen.accepted.len(), seen.changed.len()), (all, 0), "told once, under one id");
            ledger.callbacks[index] = seen.accepted.clone();
            ledger.repeated += seen.repeated;
        }
        ledger.recovered = frozen as u64;
        let count = ledger.against(&ledger);
        assert!(count.repeated > 0, "what was on its way came again under its id");
        said::counted("frozen replica, woken after its leases", seed, &count);
        count.clean();
    }
}
