//! What every store must hold of lanes that a commit leases to its own process.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::effects::Outgoing;
use drehscheibe::store::contract::{Made, Store};
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::lane::{Lane, Settle, Take, Want};

use super::common::{
    House, at, bodies, claim, commit_sends, delivery, later, open, send, sent, settle, want,
};

fn take(most: usize) -> Option<Take> {
    let lease = Duration::from_secs(60);
    Some(Take { worker: "w".into(), lease, heads: 2, most: vec![("c:x".into(), most)] })
}

fn entry(name: &str, sends: Vec<Outgoing>) -> Entry {
    let mut entry = delivery("a", "p", name);
    entry.effects.sends = sends;
    entry
}

async fn keep(store: &dyn Store, name: &str, sends: Vec<Outgoing>, most: usize) -> Vec<Lane> {
    let Made { committed, lanes, .. } =
        store.commit_and_take(vec![entry(name, sends).into()], take(most)).await.unwrap();
    assert_eq!(committed, [Committed::New]);
    lanes
}

fn sorted(lanes: &[Lane]) -> Vec<Vec<String>> {
    let mut found: Vec<_> = lanes.iter().map(bodies).collect();
    found.sort();
    found
}

pub async fn what_a_commit_keeps_is_what_a_claim_would_get(house: &dyn House) {
    let ordered = |body: &str| send("c:x", Some("k"), body);
    let mut comes_after = send("c:x", None, "after the first");
    let first = send("c:x", None, "first");
    comes_after.after = Some(first.id);
    let waits = Outgoing { not_before: Some(at(50)), ..send("c:x", None, "later") };
    let bare = Outgoing { correlation: None, deadline: None, ..send("c:x", None, "bare") };
    let sends = vec![ordered("1"), first, comes_after, waits, bare, ordered("2"), ordered("3")];
    let other = send("c:y", None, "elsewhere");
    let entry = entry("1", sends.into_iter().chain([other]).collect());
    let store = open(house).await;
    let mut kept = store.commit_and_take(vec![entry.into()], take(9)).await.unwrap().lanes;
    assert_eq!(sorted(&kept), [vec!["1", "2"], vec!["bare"], vec!["first"]], "2 of a lane at most");
    let elsewhere = claim(&*store, 1).await;
    assert_eq!(sorted(&elsewhere), [["elsewhere"]], "leased once");
    // Lost and found again, they come back from the store: the same but for the lease.
    let again = Want { heads: 2, ours: Some(vec![elsewhere[0].id]), ..want(1) };
    let mut found = store.claim(again).await.unwrap();
    for lane in &mut found {
        lane.fence -= 1;
        lane.heads.iter_mut().for_each(|due| due.unclear = false);
    }
    found.sort_by_key(|lane| lane.id);
    kept.sort_by_key(|lane| lane.id);
    assert_eq!(kept, found);
}

pub async fn what_a_commit_keeps_is_settled_like_any_other(house: &dyn House) {
    let store = open(house).await;
    let kept = keep(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", None, "alone")], 9).await;
    assert_eq!(kept.len(), 2);
    let alone = kept.iter().find(|lane| bodies(lane) == ["alone"]).unwrap();
    assert!(settle(&*store, alone, 0, later(30), true, 1).await);
    let lane = kept.iter().find(|lane| bodies(lane) == ["1"]).unwrap();
    // What comes into the lane meanwhile is behind and comes with the next lease, whoever commits it.
    assert_eq!(keep(&*store, "2", vec![send("c:x", Some("k"), "2")], 9).await, []);
    assert_eq!(claim(&*store, 1).await, []);
    assert!(settle(&*store, lane, 0, sent(), true, 2).await);
    let lanes = claim(&*store, 3).await;
    assert_eq!(sorted(&lanes), [["2"]]);
    assert!(!lanes[0].heads[0].unclear);
    assert!(settle(&*store, &lanes[0], 0, sent(), true, 3).await);
    let lanes = claim(&*store, 30).await;
    assert_eq!(sorted(&lanes), [["alone"]]);
    assert_eq!(lanes[0].heads[0].attempts, 1);
}

pub async fn a_commit_keeps_no_more_than_wanted_and_only_what_is_new(house: &dyn House) {
    let store = open(house).await;
    let three = || (0..3).map(|n| send("c:x", None, &n.to_string())).collect();
    assert_eq!(keep(&*store, "1", three(), 2).await.len(), 2);
    assert_eq!(claim(&*store, 1).await.len(), 1);
    assert_eq!(keep(&*store, "2", three(), 0).await, []);
    assert_eq!(claim(&*store, 1).await.len(), 3);
    commit_sends(&*store, "3", vec![send("c:x", Some("k"), "before")]).await;
    assert_eq!(keep(&*store, "4", vec![send("c:x", Some("k"), "behind")], 9).await, []);
    assert_eq!(sorted(&claim(&*store, 1).await), [["before", "behind"]]);
    // A repeat brings nothing, so there is nothing to keep.
    let once = entry("5", three());
    store.commit(vec![once.clone()]).await.unwrap();
    let Made { committed, lanes, .. } = store.commit_and_take(vec![once.into()], take(9)).await.unwrap();
    assert!(matches!(committed[..], [Committed::Again(_)]) && lanes.is_empty());
    // Two deliveries of one batch for one lane: in their order, and it is kept once.
    let both = ["6", "7"].map(|name| entry(name, vec![send("c:x", Some("m"), name)]));
    let lanes = store.commit_and_take(both.map(Arc::new).into(), take(9)).await.unwrap().lanes;
    assert_eq!(sorted(&lanes), [["6", "7"]]);
}

pub async fn a_lease_of_a_commit_runs_out(house: &dyn House) {
    let store = open(house).await;
    let old = keep(&*store, "1", vec![send("c:x", Some("k"), "1")], 9).await.remove(0);
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "2")]).await;
    assert_eq!(claim(&*store, 59).await, []);
    let new = claim(&*store, 61).await.remove(0);
    assert_eq!((new.id, new.fence), (old.id, old.fence + 1));
    let doubt: Vec<bool> = new.heads.iter().map(|due| due.unclear).collect();
    assert_eq!(doubt, [true, true], "all that came under the lease");
    assert!(!settle(&*store, &old, 0, sent(), true, 62).await);
    assert!(settle(&*store, &new, 0, sent(), false, 62).await);
    assert!(settle(&*store, &new, 1, sent(), true, 62).await);
}

pub async fn a_lease_that_its_holder_does_not_know_of_ends_at_once(house: &dyn House) {
    let store = open(house).await;
    let rows = |n: usize| (0..n).map(|n| send("c:x", None, &n.to_string())).collect::<Vec<_>>();
    let mut known = keep(&*store, "1", rows(2), 9).await;
    known.extend(claim(&*store, 1).await);
    let lost = keep(&*store, "2", rows(1), 9).await.remove(0);
    let ours = Want { ours: Some(known.iter().map(|lane| lane.id).collect()), ..want(2) };
    let found = store.claim(ours.clone()).await.unwrap();
    assert_eq!(found.iter().map(|lane| lane.id).collect::<Vec<_>>(), [lost.id]);
    assert!(found[0].heads[0].unclear, "nobody knows whether an attempt was made");
    let stale = Settle {
        lane: lost.id,
        fence: lost.fence,
        row: lost.heads[0].id,
        outcome: sent(),
        delivers: None,
        answers: Vec::new(),
        release: true,
        now: at(2),
    };
    assert_eq!(store.settle(vec![stale]).await.unwrap(), [false]);
    for lane in &known {
        assert!(settle(&*store, lane, 0, sent(), true, 3).await, "what it knows of it keeps");
    }
}
