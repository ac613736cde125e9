//! A message that its receiver never takes, at the head of a lane: the lane waits behind it, all other lanes go on, and when it
//! is taken at last the order is kept.

use std::time::Duration;

use axum::http::StatusCode;
use drehscheibe::cli::sample::{Wish, eintragung, korrektur};

use crate::fault::lab::{Lab, Wanted, client, post, tail};
use crate::fault::said;
use crate::support::until;

const OTHERS: u64 = 60;

async fn poisoned(wanted: Wanted, status: StatusCode) {
    let Some(lab) = Lab::new(wanted).await else { return };
    let [poisoned, sound] = &lab.partners;
    let mut running = lab.up(&[]).await;
    let client = client();
    // Nobody is told anything until the id of the first is known.
    *poisoned.failing.lock().unwrap() = 100;
    let head = Wish { arten: Vec::new(), ..Wish::plain(0) };
    let (taken, first) = post(&lab.stage, &client, "0", eintragung(&head)).await;
    assert_eq!(taken, 200, "{}", tail(&lab.stage.log()));
    *poisoned.poison.lock().unwrap() = Some((first.clone(), status));
    *poisoned.failing.lock().unwrap() = 0;
    let behind = Wish { message: 1_000_000, arten: vec!["01"], second: head.second + 1, ..Wish::plain(0) };
    let (taken, second) = post(&lab.stage, &client, "0/korrektur", korrektur(&behind, &[])).await;
    assert_eq!(taken, 200, "{}", tail(&lab.stage.log()));
    for n in 1..=OTHERS {
        let (taken, _) = post(&lab.stage, &client, &n.to_string(), eintragung(&Wish::plain(n))).await;
        assert_eq!(taken, 200, "{}", tail(&lab.stage.log()));
        if n % 10 == 0 {
            // However often the one fails, the others arrive.
            until("the other lanes go on", 60, || poisoned.accepted() as u64 >= n).await;
        }
    }
    until("the other partner has everything", 60, || sound.accepted() as u64 >= OTHERS + 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let bodies = |holds: &str| {
        let seen = poisoned.seen.lock().unwrap();
        seen.order.iter().position(|id| seen.accepted[id].contains(holds))
    };
    assert_eq!((bodies(&first), bodies(&second)), (None, None), "what is behind it waits");
    assert_eq!(poisoned.accepted() as u64, OTHERS);
    *poisoned.poison.lock().unwrap() = None;
    if status == StatusCode::BAD_REQUEST {
        // Refused for good: a person has to look, and says so.
        let log = lab.stage.log();
        assert!(log.contains("delivery-parked"), "{}", tail(&log));
        let essence = lab.essence().await;
        assert_eq!(essence.iter().filter(|line| line.starts_with("outbox parked")).count(), 1);
    } else {
        until("it arrives at last", 60, || poisoned.accepted() as u64 >= OTHERS + 2).await;
        let (first, second) = (bodies(&first).unwrap(), bodies(&second).unwrap());
        assert!(first < second, "in their order");
    }
    assert!(running.terminate(), "{}", tail(&lab.stage.log()));
    said::line(&format!(
        "fault run poison ({status}): {OTHERS} others in their lanes, 0 lost, 0 duplicated, 0 unexpected"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_always_fails_holds_its_own_lane_only() {
    poisoned(Wanted::default(), StatusCode::SERVICE_UNAVAILABLE).await;
    poisoned(Wanted { postgres: true, ..Wanted::default() }, StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_refused_for_good_is_parked_with_its_lane() {
    poisoned(Wanted::default(), StatusCode::BAD_REQUEST).await;
}
