//! What every store must hold of lanes: order, leases, fences.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::effects::{MirrorChange, Outgoing};
use drehscheibe::envelope::{Envelope, Inbound, Reply};
use drehscheibe::store::desk::Filter;
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::lane::{Behind, Due, Outcome, Settle, Want};
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::parts::Turn;
use uuid::Uuid;

use super::common::{
    House, all, at, bodies, claim, commit_one, commit_sends, delivery, key, later, open, parked, put, send,
    sent, settle, settling, stamp, want,
};
use super::waiting::{LEASE, waiting};

pub async fn a_lane_keeps_order_and_is_leased_once(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.next_due(&[]).await.unwrap(), None);
    let cause =
        commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("l"), "other")]).await;
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "2"), send("c:y", Some("k"), "elsewhere")]).await;
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(0)));
    assert_eq!(claim(&*store, -1).await.len(), 0, "not due yet");
    let lanes = claim(&*store, 1).await;
    let mut found: Vec<_> = lanes.iter().map(bodies).collect();
    found.sort();
    assert_eq!(found, [vec!["1", "2"], vec!["elsewhere"], vec!["other"]]);
    assert_eq!(claim(&*store, 1).await.len(), 0, "leased once");
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(61)), "when the leases end");
    let lane = lanes.iter().find(|lane| lane.heads.len() == 2).unwrap();
    let due = &lane.heads[0];
    assert_eq!((due.cause, due.attempts, due.unclear, due.deadline), (cause, 0, false, Some(at(9_999))));
    assert_eq!((due.stamp.mandant.as_str(), due.stamp.partner.as_str(), due.stamp.test), ("a", "p", true));
    assert!(!due.stamp.key_id.is_empty() && !due.stamp.traceparent.is_empty());
    let head = &due.envelope.head;
    assert_eq!((head.id, head.connection.as_str(), head.binding.as_str()), (due.id, "c", "c:x"));
    assert_eq!((head.partner.as_ref().unwrap().id.as_str(), head.correlation.as_deref()), ("x", Some("c1")));
    // A third row comes while the lane is leased: it is behind the others and comes with the next lease.
    commit_sends(&*store, "3", vec![send("c:x", Some("k"), "3")]).await;
    assert!(settle(&*store, lane, 0, sent(), false, 2).await);
    assert!(!settle(&*store, lane, 0, sent(), false, 2).await, "settled once");
    assert!(settle(&*store, lane, 1, sent(), true, 2).await);
    let lanes = claim(&*store, 3).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["3"]]);
    assert!(settle(&*store, &lanes[0], 0, sent(), true, 3).await);
    assert_eq!(claim(&*store, 4).await.len(), 0);
}

pub async fn a_stale_fence_is_refused(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1")]).await;
    let old = claim(&*store, 0).await.remove(0);
    let new = claim(&*store, 61).await.remove(0);
    assert_eq!(old.id, new.id);
    assert!(new.fence > old.fence);
    assert!(!settle(&*store, &old, 0, sent(), true, 62).await);
    assert!(settle(&*store, &new, 0, sent(), true, 62).await);
    // The lane is empty now and may be gone; a lane made later never fits the old fence.
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "2")]).await;
    let next = claim(&*store, 63).await.remove(0);
    let stale = Settle {
        lane: new.id,
        fence: new.fence,
        row: next.heads[0].id,
        outcome: sent(),
        delivers: None,
        answers: Vec::new(),
        release: true,
        now: at(64),
    };
    assert_eq!(store.settle(vec![stale]).await.unwrap(), [false]);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().backlog[0].waiting, 1);
}

pub async fn what_leaves_says_what_it_is(house: &dyn House) {
    let store = open(house).await;
    let sends = [("xfamilie.0803", true), ("drehscheibe.stand", false)].map(|(message, test)| Outgoing {
        message: message.into(),
        test,
        ..send("c:x", Some("k"), message)
    });
    commit_sends(&*store, "1", sends.into()).await;
    drop(store);
    // By another process, too: it stands with the row.
    let store = open(house).await;
    let lane = claim(&*store, 1).await.remove(0);
    let says = |due: &Due| due.envelope.head.label.clone().map(|label| (label.message, label.test));
    assert_eq!(
        lane.heads.iter().map(says).collect::<Vec<_>>(),
        [Some(("xfamilie.0803".to_owned(), true)), Some(("drehscheibe.stand".to_owned(), false)),]
    );
}

pub async fn what_an_attempt_leaves_is_found_by_the_next_one(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("k"), "2")]).await;
    let lane = claim(&*store, 1).await.remove(0);
    let rows: Vec<Uuid> = lane.heads.iter().map(|due| due.id).collect();
    assert!(lane.heads.iter().all(|due| due.left.is_none()));
    assert!(store.remember(lane.id, lane.fence, rows[0], b"upload-1").await.unwrap());
    assert!(store.remember(lane.id, lane.fence, rows[0], b"upload-2").await.unwrap(), "instead of it");
    for (lane, fence, row) in [
        (lane.id, lane.fence - 1, rows[0]),
        (lane.id + 1, lane.fence, rows[0]),
        (lane.id, lane.fence, Uuid::new_v4()),
    ] {
        assert!(!store.remember(lane, fence, row, b"stale").await.unwrap());
    }
    drop(store);
    // The process died; the next one that has the lane knows it, and the one before keeps nothing any more.
    let store = open(house).await;
    let next = claim(&*store, 100).await.remove(0);
    assert!(!store.remember(lane.id, lane.fence, rows[0], b"late").await.unwrap());
    let left = |due: &Due| due.left.as_deref().map(<[u8]>::to_vec);
    assert_eq!(next.heads.iter().map(left).collect::<Vec<_>>(), [Some(b"upload-2".to_vec()), None]);
    // It stays over attempts that come to nothing, and goes with the one that arrives.
    assert!(settle(&*store, &next, 0, later(200), true, 101).await);
    let next = claim(&*store, 200).await.remove(0);
    assert_eq!(left(&next.heads[0]), Some(b"upload-2".to_vec()));
    assert!(settle(&*store, &next, 0, sent(), false, 201).await);
    assert!(!store.remember(next.id, next.fence, rows[0], b"after it").await.unwrap());
    assert!(store.remember(next.id, next.fence, rows[1], b"upload-3").await.unwrap());
}

pub async fn an_expired_lease_casts_doubt(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("k"), "2")]).await;
    let mut one = want(0);
    one.heads = 1;
    assert_eq!(store.claim(one).await.unwrap()[0].heads.len(), 1);
    let lane = claim(&*store, 100).await.remove(0);
    let doubt: Vec<_> = lane.heads.iter().map(|due| (due.unclear, due.attempts)).collect();
    assert_eq!(doubt, [(true, 0), (false, 0)], "only what was handed out");
    assert!(settle(&*store, &lane, 0, later(110), true, 101).await);
    let lane = claim(&*store, 111).await.remove(0);
    assert_eq!((lane.heads[0].unclear, lane.heads[0].attempts), (true, 1), "doubt stays until it is sent");
}

pub async fn a_clock_that_jumps_back_frees_leases(house: &dyn House) {
    let store = open(house).await;
    let mut waits = delivery("a", "p", "w");
    (waits.state, waits.waits) = (Inbound::Waiting, Some((key("w"), at(-20_000))));
    commit_one(&*store, waits).await;
    let mut entry = delivery("a", "p", "1");
    entry.now = at(-30_000);
    entry.effects.sends = vec![send("c:x", Some("k"), "1")];
    commit_one(&*store, entry).await;
    let lease = Duration::from_secs(60);
    assert_eq!(claim(&*store, 0).await.len(), 1);
    assert_eq!(store.resume(at(0), lease, 10).await.unwrap().len(), 1);
    // A lease of a minute that ends hours ahead is none.
    assert_eq!(claim(&*store, -10_000).await.len(), 1);
    assert_eq!(store.resume(at(-10_000), lease, 10).await.unwrap().len(), 1);
    // A small step back does not steal.
    assert_eq!(claim(&*store, -10_010).await.len(), 0);
    assert_eq!(store.resume(at(-10_010), lease, 10).await.unwrap().len(), 0);
}

pub async fn what_waits_by_order_is_told_by_what_it_waits_for(house: &dyn House) {
    let store = open(house).await;
    // A lane whose head is held; what comes after what is elsewhere, and what is behind that; what may leave later only.
    let first = send("d:x", None, "first");
    let after = Outgoing { after: Some(first.id), ..send("c:x", Some("b"), "after") };
    let later = Outgoing { not_before: Some(at(90)), ..send("c:x", None, "later") };
    let all = vec![
        send("c:x", Some("a"), "held"),
        send("c:x", Some("a"), "behind it"),
        first,
        after,
        send("c:x", Some("b"), "behind that"),
        later,
    ];
    commit_sends(&*store, "1", all).await;
    let of = async |destination: &str| {
        let backlog = store.figures(&Scope::Operator).await.unwrap().backlog;
        backlog.into_iter().find(|one| one.destination == destination).unwrap()
    };
    let behind = |destination: &str, held, waiting| Behind {
        destination: destination.into(),
        held,
        waiting,
        oldest: at(0),
    };
    let before = of("c:x").await;
    assert_eq!(
        (before.waiting, &before.behind, before.free_since),
        (5, &vec![behind("d:x", false, 2)], Some(at(0)))
    );
    for lane in claim(&*store, 1).await {
        assert!(settle(&*store, &lane, 0, Outcome::Unclear { cause: "c".into() }, true, 2).await);
    }
    let held = of("c:x").await;
    assert_eq!(held.behind, [behind("c:x", true, 1), behind("d:x", true, 2)]);
    assert_eq!((held.waiting, held.free_since), (4, Some(at(90))), "the rest leaves then");
    let other = of("d:x").await;
    assert!(other.behind.is_empty() && other.free_since.is_none());
    // Who may see less sees of these, too, only its own.
    let scope = Scope::Partner { mandant: "a".into(), partner: "nobody".into() };
    assert!(store.figures(&scope).await.unwrap().backlog.is_empty());
}

pub async fn a_parked_head_holds_its_lane_until_replayed(house: &dyn House) {
    for unclear in [false, true] {
        let store = open(house).await;
        let outcome = if unclear { Outcome::Unclear { cause: "cut off".into() } } else { parked() };
        let name = format!("h{unclear}");
        commit_sends(&*store, &name, vec![send("c:x", Some(&name), "1"), send("c:x", Some(&name), "2")])
            .await;
        let lane = claim(&*store, 1).await.remove(0);
        assert!(settle(&*store, &lane, 0, outcome, true, 2).await);
        commit_sends(&*store, &format!("{name}+"), vec![send("c:x", Some(&name), "3")]).await;
        assert_eq!(claim(&*store, 10_000).await.len(), 0, "held");
        assert_eq!(store.next_due(&[]).await.unwrap(), None);
        let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].state.as_str(), if unclear { "unclear" } else { "parked" });
        assert!(held[0].cause.is_some() && held[0].next_step.is_some());
        let row = lane.heads[0].id;
        assert!(!store.replay(lane.heads[1].id, "os:rita", "wrong one", at(3)).await.unwrap());
        assert!(store.replay(row, "os:rita", "they are back", at(3)).await.unwrap());
        assert!(!store.replay(row, "os:rita", "twice", at(3)).await.unwrap());
        assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 0);
        let lane = claim(&*store, 10_001).await.remove(0);
        assert_eq!(bodies(&lane), ["1", "2", "3"]);
        // The person has decided: neither its time nor the doubt holds it up.
        assert_eq!((lane.heads[0].unclear, lane.heads[0].attempts, lane.heads[0].deadline), (false, 1, None));
        for n in 0..3 {
            assert!(settle(&*store, &lane, n, sent(), n == 2, 10_002).await);
        }
    }
    let store = open(house).await;
    assert!(!store.replay(Uuid::new_v4(), "os:rita", "nothing there", at(3)).await.unwrap());
}

pub async fn what_a_person_says_arrived_is_sent(house: &dyn House) {
    for unclear in [false, true] {
        let store = open(house).await;
        let outcome = if unclear { Outcome::Unclear { cause: "cut off".into() } } else { parked() };
        let name = format!("said {unclear}");
        let held = send("c:x", Some(&name), "1");
        let after = Outgoing { after: Some(held.id), ..send("c:z", None, "after it") };
        let (row, next) = (held.id, send("c:x", Some(&name), "2"));
        let cause = commit_sends(&*store, &name, vec![held, next, after]).await;
        let lane = claim(&*store, 1).await.remove(0);
        assert!(!store.arrived(row, "os:rita", "it is on its way", at(2)).await.unwrap());
        assert!(settle(&*store, &lane, 0, outcome, true, 2).await);
        assert_eq!(claim(&*store, 10_000).await.len(), 0, "held");
        assert!(!store.arrived(cause, "os:rita", "that is a message", at(3)).await.unwrap());
        assert!(store.arrived(row, "os:rita", "they have it", at(3)).await.unwrap());
        assert!(!store.arrived(row, "os:rita", "twice", at(3)).await.unwrap());
        assert!(!store.replay(row, "os:rita", "it was sent", at(3)).await.unwrap());
        assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 0);
        let mut lanes = claim(&*store, 3).await;
        lanes.sort_by_key(bodies);
        assert_eq!(
            lanes.iter().map(bodies).collect::<Vec<_>>(),
            [["2"], ["after it"]],
            "what waited goes on"
        );
        for lane in &lanes {
            assert!(settle(&*store, lane, 0, sent(), true, 4).await);
        }
        let filter = Filter { id: Some(cause), ..all() };
        let listed = store.list(&Scope::Operator, filter).await.unwrap().remove(0);
        assert!(
            listed.sends.iter().all(|send| send.state.as_str() == "sent" && send.cause.is_none()),
            "{listed:?}"
        );
    }
}

pub async fn a_destination_gets_no_more_lanes_than_wanted(house: &dyn House) {
    let store = open(house).await;
    for n in 0..5 {
        let sends = vec![send("c:x", None, "x"), send("c:y", None, "y")];
        commit_sends(&*store, &n.to_string(), sends).await;
    }
    let few = Want { most: vec![("c:x".into(), 2), ("c:y".into(), 99)], lanes: 6, ..want(1) };
    let lanes = store.claim(few).await.unwrap();
    let of = |name: &str| lanes.iter().filter(|lane| lane.destination == name).count();
    assert_eq!((of("c:x"), of("c:y")), (2, 4));
}

pub async fn an_answer_goes_again(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    entry.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    let repeat = stamp("a", "p");
    let answer = Outgoing { deadline: None, ..send("c:x", None, "0011") };
    let first = commit_one(&*store, entry).await;
    assert!(
        store.answer_again(first, answer.clone(), &repeat, at(1)).await.unwrap(),
        "added to what it caused"
    );
    for round in 0..3u32 {
        let now = 10 * i64::from(round) + 2;
        assert!(
            !store.answer_again(first, answer.clone(), &repeat, at(now)).await.unwrap(),
            "it is on its way"
        );
        let lane = claim(&*store, now).await.remove(0);
        assert_eq!((bodies(&lane), lane.heads[0].id), (vec!["0011".to_owned()], answer.id));
        assert_eq!((lane.heads[0].cause, lane.heads[0].attempts), (first, round));
        assert!(
            !store.answer_again(first, answer.clone(), &repeat, at(now)).await.unwrap(),
            "it is being sent"
        );
        assert!(settle(&*store, &lane, 0, sent(), true, now).await);
        assert_eq!(claim(&*store, now + 1).await.len(), 0);
        assert!(store.answer_again(first, answer.clone(), &repeat, at(now + 2)).await.unwrap());
    }
    let lane = claim(&*store, 50).await.remove(0);
    assert!(settle(&*store, &lane, 0, parked(), true, 51).await);
    assert!(!store.answer_again(first, answer.clone(), &repeat, at(52)).await.unwrap(), "a person has it");
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1, "no message of its own");
}

/// A message that is gone, with its child's key or with its month, is answered once more all the same: what that takes goes when it has
/// arrived.
pub async fn an_answer_to_what_is_gone_goes_and_leaves_nothing(house: &dyn House) {
    let store = open(house).await;
    let (repeat, child) = (stamp("a", "p"), Uuid::new_v4());
    let mut entry = delivery("a", "p", "1");
    entry.effects.mirror = vec![put(child, "N", &["k"])];
    entry.effects.reply = Some(Reply {
        content_type: "application/xml".into(),
        body: "<quittung/>".into(),
        message: "xfamilie.0011".into(),
        message_id: "q".into(),
        test: true,
    });
    let first = commit_one(&*store, entry.clone()).await;
    let again = |entry: &Entry| {
        let mut again = entry.clone();
        let mut envelope = Envelope::clone(&entry.envelope);
        envelope.head.id = Uuid::new_v4();
        again.envelope = Arc::new(envelope);
        again
    };
    let verdict = async |entry: Entry| match store.commit(vec![entry]).await.unwrap().remove(0) {
        Committed::Again(verdict) => verdict,
        other => panic!("{other:?}"),
    };
    let known = verdict(again(&entry)).await;
    assert!(!known.forgotten && known.reply == entry.effects.reply && known.id == first);
    let mut gone = delivery("a", "p", "2");
    gone.effects.mirror =
        vec![MirrorChange::Remove { id: child, tombstone: key("k"), created: at(20), until: at(9_000) }];
    commit_one(&*store, gone).await;
    let known = verdict(again(&entry)).await;
    assert!(known.forgotten && known.reply.is_none());
    assert_eq!((known.id, known.state), (first, Inbound::Accepted));
    let answer = Outgoing { deadline: None, ..send("c:x", None, "0011") };
    for round in 0..3i64 {
        let now = 10 * round + 30;
        assert!(store.answer_again(first, answer.clone(), &repeat, at(now)).await.unwrap(), "{round}");
        assert!(!store.answer_again(first, answer.clone(), &repeat, at(now)).await.unwrap());
        let lane = claim(&*store, now).await.remove(0);
        assert_eq!((bodies(&lane), lane.heads[0].id), (vec!["0011".to_owned()], answer.id));
        assert_eq!((lane.heads[0].cause, &lane.heads[0].stamp.partner), (first, &"p".to_owned()));
        assert!(settle(&*store, &lane, 0, sent(), true, now).await);
        let essence = store.essence().await.unwrap();
        assert!(
            essence.iter().all(|line| !line.contains("outbox sent") || line.ends_with('-')),
            "{essence:?}"
        );
    }
}

pub async fn a_retry_delays_the_whole_lane(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("k"), "2")]).await;
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, later(500), true, 2).await);
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "3")]).await;
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(500)));
    assert_eq!(claim(&*store, 499).await.len(), 0);
    let listed = &store.list(&Scope::Operator, all()).await.unwrap()[1].sends;
    assert_eq!((listed[0].state.as_str(), listed[0].attempts), ("retrying", 1));
    assert_eq!((listed[0].next_try, listed[0].cause.as_deref()), (Some(at(500)), Some("no answer")));
    let backlog = store.figures(&Scope::Operator).await.unwrap().backlog;
    assert_eq!((backlog[0].waiting, backlog[0].attempts, backlog[0].oldest), (3, 1, Some(at(0))));
    assert_eq!(
        (backlog[0].last_cause.as_deref(), backlog[0].last_turn),
        (Some("no answer"), Some(Turn::FarEnd))
    );
    let lane = claim(&*store, 500).await.remove(0);
    let cause = "not configured".to_owned();
    let ours = Outcome::Later { at: at(600), cause, doubt: None, turn: Turn::Ours };
    assert!(settle(&*store, &lane, 0, ours, true, 500).await);
    let backlog = store.figures(&Scope::Operator).await.unwrap().backlog;
    assert_eq!(backlog[0].last_turn, Some(Turn::Ours), "as who knows the cause says");
    assert_eq!(bodies(&claim(&*store, 600).await[0]), ["1", "2", "3"]);
}

pub async fn unordered_rows_do_not_wait_for_each_other(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", None, "1"), send("c:x", None, "2")]).await;
    let lanes = claim(&*store, 1).await;
    assert_eq!(lanes.len(), 2);
    assert!(settle(&*store, &lanes[0], 0, parked(), true, 2).await);
    assert!(settle(&*store, &lanes[1], 0, sent(), true, 2).await);
    commit_sends(&*store, "2", vec![send("c:x", None, "3")]).await;
    assert_eq!(claim(&*store, 3).await.len(), 1);
}

pub async fn a_row_leaves_only_after_another(house: &dyn House) {
    let store = open(house).await;
    let first = send("seal:s", None, "first");
    let second = Outgoing { after: Some(first.id), ..send("post:m", Some("k"), "second") };
    let behind = send("post:m", Some("k"), "behind");
    commit_sends(&*store, "1", vec![first.clone(), second, behind]).await;
    let lanes = claim(&*store, 1).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["first"]]);
    assert!(settle(&*store, &lanes[0], 0, parked(), true, 2).await);
    assert_eq!(claim(&*store, 3).await.len(), 0);
    assert_eq!(store.next_due(&[]).await.unwrap(), None);
    assert!(store.replay(first.id, "os:rita", "go", at(4)).await.unwrap());
    let lane = claim(&*store, 5).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), true, 6).await);
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(6)));
    assert_eq!(bodies(&claim(&*store, 7).await[0]), ["second", "behind"]);
    // After one that is sent already: at once.
    let next = Outgoing { after: Some(first.id), ..send("post:n", None, "next") };
    commit_sends(&*store, "2", vec![next]).await;
    assert_eq!(bodies(&claim(&*store, 8).await[0]), ["next"]);
}

pub async fn lanes_of_a_thousand(house: &dyn House) {
    for count in [999_usize, 1_000, 1_001] {
        let store = open(house).await;
        let name = format!("n{count}");
        let sends = (0..count).map(|n| send("c:x", Some(&name), &n.to_string())).collect();
        commit_sends(&*store, &name, sends).await;
        let mut wanted = want(1);
        wanted.heads = 5_000;
        let lane = store.claim(wanted).await.unwrap().remove(0);
        assert_eq!(bodies(&lane), (0..count).map(|n| n.to_string()).collect::<Vec<_>>());
        let settles = (0..count).map(|n| settling(&lane, n, sent(), n + 1 == count, 2));
        assert!(store.settle(settles.collect()).await.unwrap().iter().all(|done| *done));
        assert_eq!(claim(&*store, 100).await.len(), 0);
        // As many lanes.
        let sends = (0..count).map(|n| send("c:y", Some(&format!("{name}.{n}")), "x")).collect();
        commit_sends(&*store, &format!("{name} lanes"), sends).await;
        let mut wanted = want(1);
        wanted.lanes = 5_000;
        let lanes = store.claim(wanted).await.unwrap();
        assert_eq!(lanes.len(), count);
        let settles = lanes.iter().map(|lane| settling(lane, 0, sent(), true, 2));
        assert!(store.settle(settles.collect()).await.unwrap().iter().all(|done| *done));
    }
}

pub async fn excepted_destinations_are_not_touched(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", None, "x"), send("c:y", None, "y"), send("c:z", None, "z")])
        .await;
    let mut wanted = want(1);
    wanted.except = vec!["c:x".into(), "c:z".into()];
    let lanes = store.claim(wanted).await.unwrap();
    assert_eq!(lanes.iter().map(|lane| lane.destination.as_str()).collect::<Vec<_>>(), ["c:y"]);
    let mut rest: Vec<_> = claim(&*store, 1).await.into_iter().map(|lane| lane.destination).collect();
    rest.sort();
    assert_eq!(rest, ["c:x", "c:z"]);
}

pub async fn destinations_take_turns(house: &dyn House) {
    let store = open(house).await;
    let mut sends: Vec<_> = (0..50).map(|_| send("c:many", None, "m")).collect();
    sends.push(send("d:few", None, "f"));
    commit_sends(&*store, "1", sends).await;
    let mut wanted = want(1);
    wanted.lanes = 2;
    let mut found: Vec<_> =
        store.claim(wanted).await.unwrap().into_iter().map(|lane| lane.destination).collect();
    found.sort();
    assert_eq!(found, ["c:many", "d:few"]);
}

pub async fn a_crash_of_the_holder_frees_at_start(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1")]).await;
    commit_one(&*store, waiting("w", 0)).await;
    assert_eq!(claim(&*store, 1).await.len(), 1);
    assert_eq!(store.resume(at(1), LEASE, 10).await.unwrap().len(), 1);
    drop(store);
    let (store, _) = house.run().await.unwrap();
    let lane = claim(&*store, 2).await.remove(0);
    assert!(lane.heads[0].unclear, "an attempt may have been made");
    assert_eq!(store.resume(at(2), LEASE, 10).await.unwrap().len(), 1);
}

pub async fn a_clock_that_goes_back_ends_pauses(house: &dyn House) {
    let store = open(house).await;
    let hours = |n: i64| n * 3600;
    commit_sends(
        &*store,
        "1",
        vec![send("c:x", Some("k"), "tried"), send("c:x", Some("l"), "asked for time")],
    )
    .await;
    let lanes = claim(&*store, hours(5)).await;
    assert_eq!(lanes.len(), 2);
    for lane in &lanes {
        let asked = bodies(lane)[0] == "asked for time";
        let at = if asked { hours(5 + 24) } else { hours(6) };
        // The one was tried before the jump, the other after it: only its own pause counts.
        let tried = if asked { hours(2) - 30 } else { hours(5) };
        assert!(settle(&*store, lane, 0, later(at), true, tried).await);
    }
    // Nobody said that the clock went back: a pause is a pause.
    assert_eq!(claim(&*store, hours(2)).await.len(), 0);
    let back = Want { went_back: true, ..want(hours(2)) };
    let lanes = store.claim(back.clone()).await.unwrap();
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["tried"]]);
    assert!(settle(&*store, &lanes[0], 0, sent(), true, hours(2)).await);
    assert_eq!(store.claim(back).await.unwrap().len(), 0, "what was asked for is kept");
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(hours(29))));
}

pub async fn what_is_woken_runs_though_the_clock_went_back(house: &dyn House) {
    let store = open(house).await;
    let mut waits = delivery("a", "p", "w");
    (waits.state, waits.waits) = (Inbound::Waiting, Some((key("w"), at(90_000))));
    commit_one(&*store, waits).await;
    let mut wakes = delivery("a", "p", "1");
    wakes.now = at(20_000);
    wakes.effects.wakes = vec![key("w")];
    commit_one(&*store, wakes).await;
    assert_eq!(store.resume(at(10), LEASE, 10).await.unwrap().len(), 1);
}

pub async fn a_lease_is_renewed_by_its_fence_only(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("k"), "2")]).await;
    let lane = claim(&*store, 1).await.remove(0);
    let renew = async |fence: i64, now: i64| {
        store.renew(lane.id, fence, at(now), Duration::from_secs(60)).await.unwrap()
    };
    assert!(renew(lane.fence, 50).await);
    assert!(!renew(lane.fence - 1, 50).await && !renew(lane.fence + 1, 50).await);
    assert_eq!(claim(&*store, 100).await.len(), 0, "it lasts from the renewal on");
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(110)));
    assert!(settle(&*store, &lane, 0, sent(), false, 101).await);
    assert!(renew(lane.fence, 105).await, "also between two rows");
    let next = claim(&*store, 166).await.remove(0);
    assert!(next.heads[0].unclear && next.fence > lane.fence, "without a renewal it ends");
    assert!(!renew(lane.fence, 166).await, "and is another's");
    assert!(settle(&*store, &next, 0, later(500), true, 167).await);
    assert!(!store.renew(next.id, next.fence, at(168), Duration::from_secs(60)).await.unwrap(), "given back");
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(500)));
}
