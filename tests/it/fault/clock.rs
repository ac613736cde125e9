//! Clocks that jump under the running program: forward and back by hours, back while it is down, and outages of every neighbour
//! that last half an hour or three days by the program's clock.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::fault::lab::{Lab, Wanted, rewrite, tail};
use crate::fault::ledger::Ledger;
use crate::fault::play::Play;
use crate::fault::said::{self, OnFailure};
use crate::support::{Receiver, Seeded};

/// The file that says by how many seconds the program's clock is off.
struct Hands(PathBuf);

impl Hands {
    fn of(lab: &Lab) -> Hands {
        let hands = Hands(lab.stage.dir.path().join("clock"));
        hands.off(0);
        hands
    }

    fn off(&self, seconds: i64) {
        let beside = self.0.with_extension("new");
        fs::write(&beside, seconds.to_string()).unwrap();
        fs::rename(beside, &self.0).unwrap();
    }

    fn environment(&self) -> [(&'static str, String); 1] {
        [("DREHSCHEIBE_CLOCK_FILE", self.0.display().to_string())]
    }
}

/// Retries as a production has them, so that a wrong clock matters: an hour at most, breakers of minutes.
fn patient(lab: &Lab) {
    rewrite(
        &lab.stage.stage().join("connections.yaml"),
        "  callback:\n    kind: callback\n    retry: { first: 50ms, longest: 400ms, breaker-after: 8, breaker-open: 150ms }",
        "  callback:\n    kind: callback\n    retry: { first: 10s, longest: 1h, breaker-after: 5, breaker-open: 30s }",
    );
}

fn failing(partners: &[Receiver], percent: u64) {
    for partner in partners {
        *partner.failing.lock().unwrap() = percent;
    }
}

async fn calm(wanted: Wanted, deliveries: u64) -> Option<Ledger> {
    let lab = Lab::new(Wanted { own: None, ..wanted }).await?;
    let play = Play::start(&lab, deliveries);
    let running = lab.up(&[]).await;
    Some(play.finish(&lab, running).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_costs_nothing() {
    let seed = said::seed(20_261_127);
    let _said = OnFailure("clock jumps", seed);
    for postgres in [false, true] {
        let wanted = Wanted { postgres, ..Wanted::default() };
        let Some(calm) = calm(wanted, 120).await else { return };
        let Some(lab) = Lab::new(wanted).await else { return };
        failing(&lab.partners, 15);
        let (hands, mut lots) = (Hands::of(&lab), Seeded(seed));
        let play = Play::start(&lab, 120);
        // Two months off at first, while nothing waits that would be given up by then; later hours, never a day at once: so long a correction waits.
        hands.off(60 * 24 * 3600);
        let running = lab.up(&hands.environment()).await;
        let jumps = [-20, 3, -5, 18, 0, 20, -3, 19].map(|hours: i64| hours * 3600);
        for jump in jumps.into_iter().chain([-45, 0]) {
            play.release(11);
            tokio::time::sleep(Duration::from_millis(200 + lots.below(500))).await;
            hands.off(jump);
        }
        let count = calm.against(&play.finish(&lab, running).await);
        let store = if postgres { "postgresql" } else { "embedded" };
        said::counted(&format!("clock jumps, {store}, 10 jumps"), seed, &count);
        count.clean();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_jump_back_retries_and_breakers_do_not_wait_for_the_old_time() {
    for (postgres, restart) in [(false, false), (false, true), (true, true)] {
        let wanted = Wanted { postgres, ..Wanted::default() };
        let Some(calm) = calm(wanted, 24).await else { return };
        let Some(lab) = Lab::new(wanted).await else { return };
        patient(&lab);
        let hands = Hands::of(&lab);
        // A machine that believes it is six hours later; its partners are down, so retries are set in that time.
        hands.off(6 * 3600);
        failing(&lab.partners, 100);
        let play = Play::start(&lab, 24);
        let mut running = lab.up(&hands.environment()).await;
        play.release(24);
        let tried =
            || lab.partners.iter().map(|partner| partner.seen.lock().unwrap().attempts.len()).sum::<usize>();
        let deadline = Instant::now() + Duration::from_secs(60);
        while tried() < 8 {
            assert!(Instant::now() < deadline, "only {} were tried", tried());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        failing(&lab.partners, 0);
        if restart {
            running.kill();
        }
        hands.off(0);
        if restart {
            running = lab.up(&hands.environment()).await;
            // A breaker's own pause counts from now, because nobody knows when it began.
            tokio::time::sleep(Duration::from_secs(1)).await;
            hands.off(3700);
        }
        // Without six hours going by.
        let count = calm.against(&play.finish(&lab, running).await);
        let store = if postgres { "postgresql" } else { "embedded" };
        let how = if restart { "while it was down" } else { "while it ran" };
        said::counted(&format!("clock back by six hours {how}, {store}"), 0, &count);
        count.clean();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_half_an_hour_and_of_three_days_gives_nothing_up() {
    let seed = said::seed(20_261_128);
    let _said = OnFailure("long outages", seed);
    let wanted = Wanted {
        postgres: true,
        amqp: true,
        own: Some("fault-outage"),
        proxied: false,
        prefetch: 0,
        followed: false,
    };
    let Some(calm) = calm(wanted, 60).await else { return };
    let Some(mut lab) = Lab::new(wanted).await else { return };
    patient(&lab);
    let hands = Hands::of(&lab);
    let play = Play::start(&lab, 60);
    let mut running = lab.up(&hands.environment()).await;
    let mut off = 0;
    // Steps: so many of so many minutes, with what is away meanwhile.
    for (what, steps, minutes) in [
        ("services", 6, 5),
        ("database", 6, 5),
        ("broker", 6, 5),
        ("services", 24, 180),
        ("everything", 12, 360),
    ] {
        play.release(6);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let away = |name: &str| what == name || what == "everything";
        if away("services") {
            failing(&lab.partners, 100);
        }
        if away("database") {
            tokio::task::block_in_place(|| lab.database.as_mut().unwrap().0.end("INT"));
        }
        if away("broker") {
            tokio::task::block_in_place(|| lab.broker.as_ref().unwrap().script("stop"));
        }
        play.release(6);
        for _ in 0..steps {
            off += minutes * 60;
            hands.off(off);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        if away("database") {
            lab.database.as_mut().unwrap().0.resume().await;
        }
        if away("broker") {
            tokio::task::block_in_place(|| lab.broker.as_ref().unwrap().script("start"));
        }
        failing(&lab.partners, 0);
        assert!(!running.ended(), "it did not survive: {what}\n{}", tail(&lab.stage.log()));
        // The longest pause is an hour; it goes by.
        off += 2 * 3600;
        hands.off(off);
    }
    // Pauses that began after the last step go by, too.
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let going = tokio::spawn(async move {
        while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            off += 60;
            hands.off(off);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let disturbed = play.finish(&lab, running).await;
    drop(stop);
    going.await.unwrap();
    let count = calm.against(&disturbed);
    said::counted("outages of 30 min and 3 days", seed, &count);
    count.clean();
}
