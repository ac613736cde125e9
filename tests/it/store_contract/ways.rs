//! What every store must hold of ways: a row that goes on is in another lane of another destination at once, with nothing of the way before,
//! and whoever had it before has it no more. Decides nothing that `lane::Undelivered` does not.

use std::time::Duration;

use bytes::Bytes;
use drehscheibe::effects::{Fact, Outgoing, Question, VorgangChange, VorgangState, Way};
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::duty::{Ask as AskDuty, Duty, Taken};
use drehscheibe::store::error::StoreError;
use drehscheibe::store::follow::{Found, Looked, Which};
use drehscheibe::store::lane::{Follow, Next, Onward, Outcome, Settle, Want, Why};
use drehscheibe::store::listed::ListedSend;
use drehscheibe::store::mailbox::{Ask, Ended, Handed, Reader};
use drehscheibe::store::seek::Seek;
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::parts::Turn;
use uuid::Uuid;

use super::common::{
    self, House, all, at, claim, commit_one, commit_sends, delivery, key, later, moved, open, parked, send,
    sent, settle, settling, want,
};

pub fn way(destination: &str, seconds: u64, until_late: bool) -> Way {
    Way { destination: destination.into(), seconds, until_late }
}

/// By these ways, of which the first may take a hundred seconds.
pub fn by(ways: &[Way], body: &str) -> Outgoing {
    Outgoing {
        partner: "x".into(),
        deadline: Some(at(100)),
        ways: ways.to_vec(),
        ..send(&ways[0].destination, None, body)
    }
}

pub fn three() -> Vec<Way> {
    vec![way("post:x", 100, true), way("c:x", 200, false), way("tray:x", 300, false)]
}

/// What comes after the first of these.
fn then(ways: &[Way], late_after: Option<u64>) -> Next {
    let late_after = late_after.map(Duration::from_secs);
    Next { way: ways[1].clone(), late_after, beyond: ways[2..].to_vec(), stayed: false }
}

pub fn onward(from: &str, to: Way, why: Why) -> Outcome {
    Outcome::Onward(Onward { from: from.into(), to, why, cause: "plain cause".into() })
}

pub async fn shown(store: &dyn Store, id: Uuid) -> ListedSend {
    let listed = store.list(&Scope::Operator, all()).await.unwrap();
    listed.into_iter().flat_map(|one| one.sends).find(|send| send.id == id).unwrap()
}

pub fn reader() -> Reader {
    Reader { partner: "x".into(), destinations: vec!["post:x".into()] }
}

pub fn ask(id: Uuid, now: i64) -> Ask {
    Ask { id, ticket: None, key: None, lease: Duration::from_secs(60), now: at(now) }
}

pub async fn a_row_that_is_refused_goes_on_by_its_next_way_in_the_same_act(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("c:x", 200, false), way("d:x", 250, false), way("tray:x", 300, false)];
    let row = by(&ways, "letter");
    let id = row.id;
    commit_sends(&*store, "1", vec![row]).await;
    let first = claim(&*store, 1).await.remove(0);
    let due = &first.heads[0];
    assert_eq!(due.next, Some(then(&ways, None)));
    assert!(store.remember(first.id, first.fence, id, b"half").await.unwrap());
    let outcome = onward("c:x", ways[1].clone(), Why::Refused);
    let stale = Settle { fence: first.fence - 1, ..settling(&first, 0, outcome.clone(), true, 2) };
    assert_eq!(store.settle(vec![stale]).await.unwrap(), [false], "the lease was lost");
    assert_eq!(shown(&*store, id).await.destination, "c:x");
    assert!(settle(&*store, &first, 0, outcome.clone(), true, 2).await);
    // The answer to that was lost: said again it moves nothing, nor does anything else of who had the lane.
    assert!(!settle(&*store, &first, 0, outcome, true, 3).await, "it has moved already");
    assert!(!settle(&*store, &first, 0, sent(), true, 3).await);
    assert!(!store.remember(first.id, first.fence, id, b"late").await.unwrap());
    let moved = shown(&*store, id).await;
    assert_eq!((&*moved.destination, moved.state.as_str(), moved.attempts), ("d:x", "queued", 1));
    let left = &moved.ways[0];
    assert_eq!(
        (&*left.destination, left.at, left.why, &*left.cause),
        ("c:x", at(2), Why::Refused, "plain cause")
    );
    // The same document under the same id, with nothing of the way before, and a time of its own.
    let second = claim(&*store, 4).await.remove(0);
    let due = &second.heads[0];
    assert_eq!((due.id, &*second.destination, &*due.envelope.head.connection), (id, "d:x", "d"));
    assert_eq!((&due.envelope.body[..], due.unclear, &due.left), (&b"letter"[..], false, &None));
    assert_eq!(due.deadline, Some(at(252)));
    assert_ne!(second.id, first.id);
    assert!(settle(&*store, &second, 0, later(10), true, 5).await);
    let second = claim(&*store, 10).await.remove(0);
    assert!(settle(&*store, &second, 0, onward("d:x", ways[2].clone(), Why::Late), true, 11).await);
    let third = claim(&*store, 12).await.remove(0);
    assert_eq!((&*third.destination, &third.heads[0].next), ("tray:x", &None), "nothing comes after it");
    assert!(settle(&*store, &third, 0, parked(), true, 13).await);
    let end = shown(&*store, id).await;
    assert_eq!((end.state.as_str(), end.attempts, end.cause.as_deref()), ("parked", 4, Some("410")));
    let left: Vec<_> = end.ways.iter().map(|left| (&*left.destination, left.why)).collect();
    assert_eq!(left, [("c:x", Why::Refused), ("d:x", Why::Late)], "what was left stays told");
    assert!(claim(&*store, 9_000).await.is_empty(), "it waits for a person");
    assert!(store.replay(id, "os:rita", "again", at(9_001)).await.unwrap());
    assert_eq!(claim(&*store, 9_002).await[0].destination, "tray:x");
}

pub async fn what_waits_between_two_attempts_is_due_at_once_when_it_is_hastened(house: &dyn House) {
    let store = open(house).await;
    let held = Outgoing { not_before: Some(at(500)), ..send("c:x", None, "later") };
    commit_sends(
        &*store,
        "1",
        vec![send("c:x", None, "one"), send("c:x", None, "two"), send("d:x", None, "other"), held],
    )
    .await;
    let lanes = claim(&*store, 1).await;
    assert_eq!(lanes.len(), 3);
    let of = |body: &str| lanes.iter().find(|lane| lane.heads[0].envelope.body == body.as_bytes()).unwrap();
    for body in ["one", "other"] {
        assert!(settle(&*store, of(body), 0, later(400), true, 2).await);
    }
    assert!(claim(&*store, 3).await.is_empty());
    store.hasten("c:x", at(4)).await.unwrap();
    let due = claim(&*store, 5).await;
    assert_eq!(due.len(), 1, "not the other one's, not what is under way, not what has its own time");
    assert_eq!(due[0].heads[0].envelope.body, "one");
    assert!(settle(&*store, of("two"), 0, sent(), true, 6).await, "its lease holds");
    // On the new way of one that is redirected it is as any row of that.
    let way = Way { destination: "e:x".into(), seconds: 100, until_late: false };
    assert!(settle(&*store, &due[0], 0, onward("c:x", way, Why::Late), true, 7).await);
    let moved = claim(&*store, 8).await;
    assert_eq!((moved.len(), &*moved[0].destination, &moved[0].heads[0].next), (1, "e:x", &None));
    assert!(settle(&*store, &moved[0], 0, sent(), true, 9).await);
}

pub async fn what_may_have_arrived_is_in_doubt_until_somebody_says(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("c:x", 200, true), way("tray:x", 300, false)];
    commit_sends(&*store, "1", vec![by(&ways, "letter")]).await;
    let first = claim(&*store, 1).await.remove(0);
    let lost = Outcome::Later { at: at(2), cause: "no answer".into(), doubt: Some(true), turn: Turn::FarEnd };
    assert!(settle(&*store, &first, 0, lost, true, 1).await);
    let again = claim(&*store, 2).await.remove(0);
    assert!(again.heads[0].unclear);
    assert!(settle(&*store, &again, 0, later(3), true, 2).await);
    let again = claim(&*store, 3).await.remove(0);
    assert!(
        again.heads[0].unclear,
        "a later attempt that certainly did not arrive says nothing of an earlier one"
    );
    assert_eq!(again.heads[0].next.as_ref().unwrap().late_after, Some(Duration::from_secs(200)));
    assert!(settle(&*store, &again, 0, Outcome::Unclear { cause: "c".into() }, true, 4).await);
    assert!(claim(&*store, 999).await.is_empty());
}

pub async fn what_a_person_sends_again_has_the_time_of_its_way_anew(house: &dyn House) {
    let store = open(house).await;
    let rows = vec![
        by(&three(), "with a time"),
        by(&[way("d:x", 100, false), way("tray:x", 300, false)], "without"),
    ];
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    commit_sends(&*store, "1", rows).await;
    for lane in claim(&*store, 1).await {
        assert!(settle(&*store, &lane, 0, Outcome::Unclear { cause: "c".into() }, true, 2).await);
    }
    let deadline = async |now: i64, id: Uuid| {
        let lanes = claim(&*store, now).await;
        let lane = lanes.iter().find(|lane| lane.heads[0].id == id).unwrap();
        let deadline = lane.heads[0].deadline;
        assert!(settle(&*store, lane, 0, Outcome::Unclear { cause: "c".into() }, true, now).await);
        deadline
    };
    // As often as he says so, and from when he does.
    for now in [5_000, 6_000] {
        assert!(store.replay(ids[0], "os:rita", "again", at(now)).await.unwrap());
        assert_eq!(deadline(now + 1, ids[0]).await, Some(at(now + 100)));
    }
    assert!(store.replay(ids[1], "os:rita", "again", at(7_000)).await.unwrap());
    assert_eq!(deadline(7_001, ids[1]).await, None, "that way ends by a refusal alone");
    // In a mailbox it is looked for when that time is over, and not before.
    assert!(store.replay(ids[0], "os:rita", "again", at(8_000)).await.unwrap());
    let boxes = ["post:x".to_owned()];
    assert!(store.overdue(&boxes, at(8_099), 10).await.unwrap().is_empty());
    let late = store.overdue(&boxes, at(8_100), 10).await.unwrap();
    assert_eq!(late.iter().map(|one| one.row).collect::<Vec<_>>(), [ids[0]]);
}

pub async fn what_stays_on_its_way_has_more_time_once(house: &dyn House) {
    let store = open(house).await;
    let row = by(&three(), "letter");
    let id = row.id;
    commit_sends(&*store, "1", vec![row]).await;
    let boxes = ["post:x".to_owned()];
    let over = async |now: i64| store.overdue(&boxes, at(now), 10).await.unwrap();
    let late = over(100).await.remove(0);
    assert_eq!(late.next, Some(then(&three(), Some(100))));
    let stays = |fence| Settle {
        lane: late.lane,
        fence,
        row: id,
        outcome: Outcome::Stays { until: at(300), cause: "no way".into() },
        answers: Vec::new(),
        delivers: None,
        release: true,
        now: at(100),
    };
    assert_eq!(
        store.settle(vec![stays(late.fence - 1)]).await.unwrap(),
        [false],
        "somebody fetched meanwhile"
    );
    assert_eq!(store.settle(vec![stays(late.fence)]).await.unwrap(), [true]);
    let waits = store.figures(&Scope::Operator).await.unwrap().backlog;
    assert!(waits.iter().any(|of| of.last_turn == Some(Turn::Person)), "as the alarm says");
    // It lies there as before, and says why.
    let listed = shown(&*store, id).await;
    assert_eq!((&*listed.destination, listed.state.as_str(), listed.ways.len()), ("post:x", "retrying", 0));
    assert_eq!(listed.cause.as_deref(), Some("no way"));
    assert_eq!(store.lying(&reader(), None, 10, at(101)).await.unwrap().len(), 1);
    assert!(over(299).await.is_empty());
    let stayed = over(300).await.remove(0).next.unwrap();
    assert!(stayed.stayed && stayed.rest().is_none());
    // Whatever else is noted of it, and whoever gets it.
    let lane = claim(&*store, 301).await.remove(0);
    assert!(lane.heads[0].next.as_ref().unwrap().stayed);
    assert!(settle(&*store, &lane, 0, parked(), true, 302).await);
    assert!(store.replay(id, "os:rita", "again", at(303)).await.unwrap());
    let lane = claim(&*store, 304).await.remove(0);
    assert_eq!(
        (lane.heads[0].deadline, lane.heads[0].next.as_ref().unwrap().stayed),
        (None, true),
        "as on a last way"
    );
    // A way that is back is taken, and is a way like any other.
    assert!(
        settle(&*store, &lane, 0, onward("post:x", way("c:x", 200, true), Why::Refused), true, 305).await
    );
    let lane = claim(&*store, 306).await.remove(0);
    assert!(!lane.heads[0].next.as_ref().unwrap().stayed);
}

pub async fn what_keeps_an_order_has_one_way(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    entry.effects.sends = vec![Outgoing { order: Some(key("k")), ..by(&three(), "letter") }];
    assert!(matches!(store.commit(vec![entry]).await, Err(StoreError::Entry(_))));
}

pub async fn a_mailbox_that_is_left_has_nothing_for_its_reader_any_more(house: &dyn House) {
    let store = open(house).await;
    let ids: Vec<Uuid> = {
        let rows: Vec<Outgoing> =
            ["never fetched", "fetched", "refused", "refused in doubt"].map(|body| by(&three(), body)).into();
        let ids = rows.iter().map(|row| row.id).collect();
        commit_sends(&*store, "1", rows).await;
        ids
    };
    let out = async |id: Uuid, now: i64| match store.hand_out(&reader(), ask(id, now)).await.unwrap() {
        Handed::Out(due, ticket, _) => (*due, ticket),
        other => panic!("{other:?}"),
    };
    let (due, _) = out(ids[1], 1).await;
    assert_eq!(due.next, Some(then(&three(), Some(100))));
    let (_, ticket) = out(ids[2], 1).await;
    let refused = store.end(&reader(), ticket, (parked(), true), at(2)).await.unwrap();
    let Ended::Done { destination, outcome: Outcome::Onward(onward), .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((&*destination, &*onward.to.destination, onward.why), ("post:x", "c:x", Why::Refused));
    // Said again it is the same, as it is for what was parked; others know nothing of it, nor is it closed afterwards.
    assert_eq!(store.end(&reader(), ticket, (parked(), true), at(3)).await.unwrap(), Ended::Again);
    assert_eq!(store.end(&reader(), ticket, (sent(), false), at(3)).await.unwrap(), Ended::Unknown);
    let other = Reader { partner: "y".into(), ..reader() };
    assert_eq!(store.end(&other, ticket, (parked(), true), at(3)).await.unwrap(), Ended::Unknown);
    let elsewhere = Reader { destinations: vec!["c:x".into()], ..reader() };
    let moved = store.end(&elsewhere, ticket, (parked(), true), at(3)).await.unwrap();
    assert!(!matches!(moved, Ended::Again | Ended::Done { .. }), "{moved:?}");
    // What somebody fetched and did not close may be with him: another one's refusal moves nothing.
    out(ids[3], 1).await;
    let (_, ticket) = out(ids[3], 70).await;
    let refused = store.end(&reader(), ticket, (parked(), true), at(71)).await.unwrap();
    assert!(matches!(refused, Ended::Done { outcome: Outcome::Unclear { .. }, .. }), "{refused:?}");
    // Not collected in time: withdrawn under the fence that stands.
    let boxes = ["post:x".to_owned()];
    // Leases that are over end with the next look at the lanes.
    let except = vec!["post:x".into(), "c:x".into()];
    store.claim(Want { except, ..want(99) }).await.unwrap();
    assert!(store.overdue(&boxes, at(99), 10).await.unwrap().is_empty());
    let mut late = store.overdue(&boxes, at(100), 10).await.unwrap();
    late.sort_by_key(|one| one.fetched);
    assert_eq!(
        late.iter().map(|one| (one.row, one.fetched)).collect::<Vec<_>>(),
        [(ids[0], false), (ids[1], true)]
    );
    let next = late[0].next.clone().unwrap();
    assert_eq!(next.way, three()[1]);
    let settle = |fence| Settle {
        lane: late[0].lane,
        fence,
        row: ids[0],
        outcome: super::ways::onward("post:x", next.way.clone(), Why::NotCollected),
        answers: Vec::new(),
        delivers: None,
        release: true,
        now: at(101),
    };
    assert_eq!(
        store.settle(vec![settle(late[0].fence - 1)]).await.unwrap(),
        [false],
        "somebody fetched meanwhile"
    );
    assert_eq!(store.settle(vec![settle(late[0].fence)]).await.unwrap(), [true]);
    assert_eq!(store.hand_out(&reader(), ask(ids[0], 102)).await.unwrap(), Handed::Unknown);
    let lying = store.lying(&reader(), None, 10, at(102)).await.unwrap();
    assert!(lying.iter().all(|item| item.id != ids[0] && item.id != ids[2]), "{lying:?}");
    let mut leaves: Vec<Uuid> = claim(&*store, 102)
        .await
        .iter()
        .filter(|lane| lane.destination == "c:x")
        .map(|lane| lane.heads[0].id)
        .collect();
    leaves.sort_unstable();
    let mut wanted = vec![ids[0], ids[2]];
    wanted.sort_unstable();
    assert_eq!(leaves, wanted);
}

pub async fn a_reader_who_fetches_in_the_moment_of_the_withdrawal_has_it_or_never_sees_it(house: &dyn House) {
    let store = open(house).await;
    let row = by(&three(), "letter");
    let id = row.id;
    commit_sends(&*store, "1", vec![row]).await;
    let late = store.overdue(&["post:x".to_owned()], at(100), 10).await.unwrap().remove(0);
    // Before its deadline by his clock: the fence has moved, and the withdrawal is refused.
    assert!(matches!(store.hand_out(&reader(), ask(id, 99)).await.unwrap(), Handed::Out(..)));
    let withdrawal = Settle {
        lane: late.lane,
        fence: late.fence,
        row: id,
        outcome: onward("post:x", three()[1].clone(), Why::NotCollected),
        answers: Vec::new(),
        delivers: None,
        release: true,
        now: at(100),
    };
    assert_eq!(store.settle(vec![withdrawal]).await.unwrap(), [false]);
    let stays = shown(&*store, id).await;
    assert_eq!((&*stays.destination, stays.ways.len()), ("post:x", 0));
}

pub async fn duty(store: &dyn Store) -> Duty {
    let ask = AskDuty {
        name: "following".into(),
        worker: "w".into(),
        fence: None,
        now: at(1),
        lease: Duration::from_secs(1_000),
    };
    match store.take_duty(&ask).await.unwrap() {
        Taken::Held(duty) => duty,
        Taken::Other { .. } => panic!("somebody else holds it"),
    }
}

pub async fn what_was_taken_back_goes_on_and_is_delivered_no_more(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("tray:x", 100, true), way("brief:x", 300, false)];
    let mut entry = delivery("a", "p", "1");
    let vorgang = common::vorgang("a", VorgangState::Entschieden);
    entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang }];
    let row = Outgoing { delivers: Some(key("v")), ..by(&ways, "letter") };
    let id = row.id;
    entry.effects.sends = vec![row];
    commit_one(&*store, entry).await;
    let state = async || {
        let answer = store.lookup(vec![Question::Vorgang(key("v"))]).await.unwrap().remove(0);
        match answer.fact {
            Fact::Vorgang(Some(found)) => (found.state, answer.guard.seen),
            other => panic!("{other:?}"),
        }
    };
    let lane = claim(&*store, 1).await.remove(0);
    let follow = Follow { due: at(50), until: at(101), keep: Bytes::from_static(b"which file") };
    let laid = Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: Some(follow) };
    assert!(settle(&*store, &lane, 0, laid, true, 1).await);
    let (delivered, seen) = state().await;
    assert_eq!(delivered, VorgangState::Zugestellt);
    let duty = duty(&*store).await;
    let due = async |now: i64| {
        let which = Which { now: at(now), limit: 10, except: Vec::new() };
        store.due_looks(&duty, &which).await.unwrap().unwrap().remove(0)
    };
    let first = due(101).await;
    assert_eq!(first.next, Some(then(&ways, Some(100))));
    assert!(first.delivers.is_some());
    let looked = |of: &drehscheibe::store::follow::Followed, found: Found| Looked {
        row: id,
        since: of.since,
        looks: of.looks,
        delivers: of.delivers,
        found,
        answers: Vec::new(),
        now: at(101),
    };
    // A step is kept before the next one is done.
    let step = Found::Step { at: at(101), keep: Bytes::from_static(b"ours again") };
    assert!(store.settle_look(&duty, looked(&first, step)).await.unwrap());
    let again = due(101).await;
    assert_eq!((&again.keep[..], again.looks), (&b"ours again"[..], 1));
    let back = || {
        Found::TakenBack(Onward {
            from: "tray:x".into(),
            to: ways[1].clone(),
            why: Why::NotCollected,
            cause: "nobody came".into(),
        })
    };
    assert!(!store.settle_look(&duty, looked(&first, back())).await.unwrap(), "that look was settled");
    assert!(store.settle_look(&duty, looked(&again, back())).await.unwrap());
    assert!(!store.settle_look(&duty, looked(&again, back())).await.unwrap(), "once");
    assert_eq!(store.next_look().await.unwrap(), None, "nothing is followed any more");
    assert!(moved(&*store, "v", seen).await, "whoever decided on the Vorgang looks again");
    assert_eq!(state().await.0, VorgangState::Entschieden);
    let send = shown(&*store, id).await;
    assert_eq!((&*send.destination, send.state.as_str(), send.ways.len()), ("brief:x", "queued", 1));
    assert_eq!((send.ways[0].why, &*send.ways[0].cause), (Why::NotCollected, "nobody came"));
    let lane = claim(&*store, 102).await.remove(0);
    assert_eq!(
        (&*lane.destination, lane.heads[0].id, lane.heads[0].deadline),
        ("brief:x", id, Some(at(401)))
    );
    assert!(settle(&*store, &lane, 0, sent(), true, 103).await);
    assert_eq!(state().await.0, VorgangState::Zugestellt, "by the way that delivered");
    assert_eq!(shown(&*store, id).await.ways.len(), 1);
}

pub async fn what_rows_may_be_sent_by_later_is_counted(house: &dyn House) {
    let store = open(house).await;
    let only = Outgoing { partner: "x".into(), ..send("post:x", None, "only") };
    let sends = vec![by(&three(), "one"), by(&three(), "two"), by(&three(), "three"), only];
    let ids: Vec<Uuid> = sends.iter().map(|send| send.id).collect();
    commit_sends(&*store, "1", sends).await;
    let ahead = async || {
        let ahead = store.ahead().await.unwrap();
        ahead.into_iter().map(|one| (one.destination, one.rows)).collect::<Vec<_>>()
    };
    let of = |c: u64, tray: u64| vec![("c:x".to_owned(), c), ("tray:x".to_owned(), tray)];
    assert_eq!(ahead().await, of(3, 3));
    for lane in claim(&*store, 1).await {
        let follow = Follow { due: at(50), until: at(101), keep: Bytes::new() };
        let outcome = match ids.iter().position(|id| *id == lane.heads[0].id).unwrap() {
            0 => onward("post:x", three()[1].clone(), Why::Refused),
            1 => Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: Some(follow) },
            _ => sent(),
        };
        assert!(settle(&*store, &lane, 0, outcome, true, 2).await);
    }
    // One is on its second way, one is still to be confirmed on its first; what arrived needs none.
    assert_eq!(ahead().await, of(1, 2));
}

pub async fn what_sent_a_row_is_found_by_its_id(house: &dyn House) {
    let store = open(house).await;
    let row = by(&three(), "letter");
    let id = row.id;
    let cause = commit_sends(&*store, "1", vec![row]).await;
    commit_sends(&*store, "2", vec![send("c:x", None, "other")]).await;
    let found = async |scope: &Scope, sent: Uuid| {
        let filter = Filter { seek: Seek::sent(sent), ..Filter::default() };
        store.list(scope, filter).await.unwrap().into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(found(&Scope::Operator, id).await, [cause]);
    assert!(found(&Scope::Operator, cause).await.is_empty(), "that is a message");
    assert!(found(&Scope::Mandant("foreign".into()), id).await.is_empty());
}
