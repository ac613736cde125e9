//! What every store must hold of duties: one holder at a time, a fence that grows, acts under an old one refused.

use std::time::Duration;

use drehscheibe::effects::Timer;
use drehscheibe::store::contract::Store;
use drehscheibe::store::duty::{Ask, Duty, Holding, Taken};
use uuid::Uuid;

use super::common::{House, at, commit_one, delivery, open};

const LEASE: Duration = Duration::from_secs(10);

fn ask(worker: &str, now: i64, fence: Option<i64>) -> Ask {
    Ask { name: "source trays".into(), worker: worker.into(), fence, now: at(now), lease: LEASE }
}

async fn take(store: &dyn Store, worker: &str, now: i64) -> Taken {
    store.take_duty(&ask(worker, now, None)).await.unwrap()
}

async fn held(store: &dyn Store, worker: &str, now: i64) -> Duty {
    match take(store, worker, now).await {
        Taken::Held(duty) => duty,
        other => panic!("{worker} at {now}: {other:?}"),
    }
}

fn other(worker: &str, until: i64) -> Taken {
    Taken::Other { worker: worker.into(), until: at(until) }
}

pub async fn a_duty_is_held_by_one(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.duties().await.unwrap(), []);
    let first = held(&*store, "a", 0).await;
    assert_eq!(first.name, "source trays");
    assert_eq!(take(&*store, "b", 1).await, other("a", 10));
    // Another duty is free.
    let retention = Ask { name: "retention".into(), ..ask("b", 1, None) };
    assert!(matches!(store.take_duty(&retention).await.unwrap(), Taken::Held(_)));
    let holding = |name: &str, worker: &str, fence, since| Holding {
        name: name.into(),
        worker: worker.into(),
        fence,
        since: at(since),
        until: at(since + 10),
    };
    let both = [holding("retention", "b", 1, 1), holding("source trays", "a", first.fence, 0)];
    assert_eq!(store.duties().await.unwrap(), both);
    assert!(both[0].holds(at(10)) && !both[0].holds(at(11)));
}

pub async fn a_duty_is_renewed_by_its_fence_only(house: &dyn House) {
    let store = open(house).await;
    let duty = held(&*store, "a", 0).await;
    for now in [3, 6, 9] {
        let renewed = store.take_duty(&ask("a", now, Some(duty.fence))).await.unwrap();
        assert_eq!(renewed, Taken::Held(duty.clone()), "the fence stays");
    }
    assert_eq!(take(&*store, "b", 12).await, other("a", 19));
    assert_eq!(store.duties().await.unwrap()[0].since, at(0));
    // Another one does not renew it, whatever fence it names.
    assert_eq!(store.take_duty(&ask("b", 12, Some(duty.fence))).await.unwrap(), other("a", 19));
    // The term ran out and nobody took it: it goes on.
    let late = store.take_duty(&ask("a", 40, Some(duty.fence))).await.unwrap();
    assert_eq!(late, Taken::Held(duty.clone()));
    // The same worker that forgot its fence begins a term of its own.
    let anew = held(&*store, "a", 41).await;
    assert!(anew.fence > duty.fence);
    assert!(!store.give_back(&duty).await.unwrap());
}

pub async fn a_duty_expires_and_its_fence_grows(house: &dyn House) {
    let store = open(house).await;
    let mut last = 0;
    for (n, worker) in ["a", "b", "a", "c"].into_iter().enumerate() {
        let now = 20 * i64::try_from(n).unwrap();
        let duty = held(&*store, worker, now).await;
        assert!(duty.fence > last, "{worker}");
        last = duty.fence;
        assert!(matches!(take(&*store, "z", now + 9).await, Taken::Other { .. }));
    }
    // Who held it before comes with its old fence and is told who has it now.
    assert_eq!(store.take_duty(&ask("b", 61, Some(2))).await.unwrap(), other("c", 70));
}

pub async fn a_duty_is_given_back_at_once(house: &dyn House) {
    let store = open(house).await;
    let first = held(&*store, "a", 0).await;
    assert!(store.give_back(&first).await.unwrap());
    assert_eq!(store.duties().await.unwrap(), []);
    assert!(!store.give_back(&first).await.unwrap(), "once");
    let second = held(&*store, "b", 0).await;
    assert!(second.fence > first.fence);
    assert!(!store.give_back(&first).await.unwrap(), "what another one holds stays with it");
    assert_eq!(take(&*store, "a", 1).await, other("b", 10));
    // Given back, it is not renewed either.
    assert!(store.give_back(&second).await.unwrap());
    let third = store.take_duty(&ask("b", 2, Some(second.fence))).await.unwrap();
    assert!(matches!(third, Taken::Held(duty) if duty.fence > second.fence));
}

pub async fn a_stale_fence_acts_no_more(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    let timer =
        Timer { id: Uuid::new_v4(), due: at(1), name: "timer t".into(), body: "<x/>".into(), of: None };
    entry.effects.timers = vec![timer];
    commit_one(&*store, entry).await;
    let never = Duty { name: "source trays".into(), fence: 0 };
    assert_eq!(store.due_timers_under(&never, at(2), 10).await.unwrap(), None);
    let first = held(&*store, "a", 0).await;
    let due = store.due_timers_under(&first, at(2), 10).await.unwrap().unwrap();
    assert_eq!(due, store.due_timers(at(2), 10).await.unwrap());
    assert_eq!(due.len(), 1);
    assert!(store.set_note_under(&first, "c", "cursor", Some(b"1".to_vec())).await.unwrap());
    // The lease is over, but nobody took it: what it still does is done alone.
    assert!(store.set_note_under(&first, "c", "cursor", Some(b"2".to_vec())).await.unwrap());
    let second = held(&*store, "b", 20).await;
    assert_eq!(store.due_timers_under(&first, at(20), 10).await.unwrap(), None);
    assert!(!store.set_note_under(&first, "c", "cursor", Some(b"3".to_vec())).await.unwrap());
    assert!(!store.set_note_under(&first, "c", "cursor", None).await.unwrap());
    assert_eq!(store.note("c", "cursor").await.unwrap().as_deref(), Some(&b"2"[..]));
    let elsewhere = Duty { name: "source other".into(), fence: second.fence };
    assert!(!store.set_note_under(&elsewhere, "c", "cursor", None).await.unwrap());
    assert!(store.set_note_under(&second, "c", "cursor", None).await.unwrap());
    assert_eq!(store.note("c", "cursor").await.unwrap(), None);
    assert!(store.give_back(&second).await.unwrap());
    assert!(!store.set_note_under(&second, "c", "cursor", Some(b"4".to_vec())).await.unwrap(), "given back");
    assert_eq!(store.due_timers_under(&second, at(21), 10).await.unwrap(), None);
}

pub async fn a_clock_that_jumps_back_frees_duties(house: &dyn House) {
    let store = open(house).await;
    let first = held(&*store, "a", 0).await;
    assert_eq!(take(&*store, "b", -10).await, other("a", 10), "a small step does not steal");
    let second = held(&*store, "b", -10_000).await;
    assert!(second.fence > first.fence);
}

pub async fn many_that_ask_at_once_are_answered_by_one(house: &dyn House) {
    let store = open(house).await;
    for round in 0..5 {
        let mut asking = tokio::task::JoinSet::new();
        for n in 0..12 {
            let store = store.clone();
            asking.spawn(async move {
                let taken = store.take_duty(&ask(&format!("w{n}"), 100 * round, None)).await.unwrap();
                matches!(taken, Taken::Held(_))
            });
        }
        assert_eq!(asking.join_all().await.into_iter().filter(|held| *held).count(), 1);
    }
    assert_eq!(store.duties().await.unwrap()[0].fence, 5);
}
