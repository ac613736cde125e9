//! Backlogs just below, at and above what is fetched ahead: 999, 1000 and 1001 deliveries that wait at the broker when the program
//! starts, with a prefetch of 1000, which is beyond what the engine has under way and the window of confirms.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use drehscheibe::cli::sample::{Wish, eintragung};

use crate::fault::lab::{Lab, Wanted, tail};
use crate::fault::ledger::Ledger;
use crate::fault::said;

/// What waits at each start.
const BACKLOGS: [u64; 3] = [999, 1000, 1001];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backlogs_around_the_prefetch_are_taken_whole() {
    let wanted = Wanted { postgres: true, amqp: true, prefetch: 1000, ..Wanted::default() };
    let Some(lab) = Lab::new(wanted).await else { return };
    let courier = lab.courier.clone().unwrap();
    // The program makes its queue, which may be after it takes deliveries elsewhere.
    let mut running = lab.up(&[]).await;
    courier.ready(&lab.queue).await;
    assert!(running.terminate());
    let (mut first, mut ledger, mut known) = (0, Ledger::default(), HashMap::new());
    for backlog in BACKLOGS {
        let numbers = first..first + backlog;
        first += backlog;
        known.extend(numbers.clone().map(|n| (Wish::plain(n).uuid(), n.to_string())));
        let next = Arc::new(std::sync::Mutex::new(numbers));
        let senders: Vec<_> = (0..16)
            .map(|_| {
                let (next, courier, queue) = (next.clone(), courier.clone(), lab.queue.clone());
                tokio::spawn(async move {
                    loop {
                        let Some(n) = next.lock().unwrap().next() else { return };
                        let document = eintragung(&Wish::plain(n));
                        courier.publish(&queue, &format!("nachricht-{n}"), document.as_bytes()).await;
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let mut running = lab.up(&[]).await;
        let began = Instant::now();
        while (ledger.receipts.len() as u64) < first
            || lab.partners.iter().any(|partner| (partner.accepted() as u64) < first)
        {
            while let Some((id, text)) = courier.take(&lab.answers()).await {
                ledger.receipt(&known, &id, &text);
            }
            assert!(!running.ended() && began.elapsed().as_secs() < 240, "{}", tail(&lab.stage.log()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(running.terminate(), "{}", tail(&lab.stage.log()));
        assert_eq!(courier.ready(&lab.queue).await, 0, "{backlog}: everything is acknowledged");
    }
    while let Some((id, text)) = courier.take(&lab.answers()).await {
        ledger.receipt(&known, &id, &text);
    }
    let essence = lab.essence().await;
    let count = |start: &str| essence.iter().filter(|line| line.starts_with(start)).count() as u64;
    assert_eq!((count("mirror "), count("inbox accepted"), count("outbox sent")), (first, first, first * 3));
    assert!(
        ledger.receipts.iter().all(|(of, ids)| of.ends_with(" 0011") && ids.len() == 1),
        "one receipt each"
    );
    assert_eq!(ledger.receipts.len() as u64, first);
    for partner in &lab.partners {
        let seen = partner.seen.lock().unwrap();
        let bodies: BTreeSet<&String> = seen.accepted.values().collect();
        assert_eq!((seen.accepted.len() as u64, bodies.len() as u64, seen.repeated), (first, first, 0));
    }
    said::line(&format!(
        "fault run backlogs {BACKLOGS:?}: {} effects, 0 lost, 0 duplicated, 0 recovered, 0 unexpected, 0 repeats under the same id",
        essence.len()
    ));
}
