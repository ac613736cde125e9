//! A panic in the running program: the log says its place and nothing of its text, the process drains and ends by itself with an exit
//! code that says so, and what was not acknowledged comes again.

use drehscheibe::cli::sample::{Wish, eintragung};

use crate::fault::lab::{Lab, Wanted, client, post, tail};
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_says_its_place_only_and_ends_the_process_in_order() {
    let lab = Lab::new(Wanted::default()).await.unwrap();
    let client = client();
    let mut running = lab.up(&[("DREHSCHEIBE_CRASH_AT", "before-commit:1:panic".to_owned())]).await;
    let (status, _) = post(&lab.stage, &client, "0", eintragung(&Wish::plain(0))).await;
    assert_ne!(status, 200);
    until("it ends by itself", 60, || running.ended()).await;
    assert_eq!(running.code(), Some(2));
    let log = lab.stage.log();
    assert!(log.contains("engine-broken") && log.contains("src/engine/points.rs:"), "{}", tail(&log));
    assert!(!log.contains("Musterkind"), "{}", tail(&log));
    let mut running = lab.up(&[]).await;
    let (status, _) = post(&lab.stage, &client, "0", eintragung(&Wish::plain(0))).await;
    assert_eq!(status, 200, "{}", tail(&lab.stage.log()));
    assert!(running.terminate());
}
