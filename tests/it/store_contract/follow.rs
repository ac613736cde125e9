//! What every store must hold of what is followed after it was sent: laid down with its settling, looked at under a duty, ended once.

use std::time::Duration;

use bytes::Bytes;
use drehscheibe::effects::{MirrorChange, Outgoing};
use drehscheibe::envelope::Inbound;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::duty::{Ask, Duty, Taken};
use drehscheibe::store::follow::{Followed, Found, Looked, Which};
use drehscheibe::store::lane::{Follow, Outcome};
use drehscheibe::store::listed::ListedSend;
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    House, all, at, bodies, claim, commit_one, commit_sends, delivery, key, later, open, parked, put, send,
    sent, settle, stamp,
};
use super::retention::{on, run};
use super::waiting::waiting;

/// What a destination wants that is to be looked at from then on, until then.
pub fn followed(due: i64, until: i64) -> Outcome {
    let follow = Follow { due: at(due), until: at(until), keep: Bytes::from_static(b"report 7") };
    Outcome::Sent { reference: "r-1".into(), evidence: "taken".into(), follow: Some(follow) }
}

async fn duty(store: &dyn Store, worker: &str, now: i64) -> Duty {
    let (name, worker, lease) = ("following".to_owned(), worker.to_owned(), Duration::from_secs(10));
    match store.take_duty(&Ask { name, worker, fence: None, now: at(now), lease }).await.unwrap() {
        Taken::Held(duty) => duty,
        Taken::Other { .. } => panic!("somebody else holds it"),
    }
}

fn which(now: i64) -> Which {
    Which { now: at(now), limit: 10, except: Vec::new() }
}

async fn due(store: &dyn Store, duty: &Duty, now: i64) -> Vec<Followed> {
    store.due_looks(duty, &which(now)).await.unwrap().expect("the fence stands")
}

fn looked(of: &Followed, found: Found, now: i64) -> Looked {
    let (row, since, looks) = (of.id, of.since, of.looks);
    let delivers = of.delivers;
    Looked { row, since, looks, delivers, found, answers: Vec::new(), now: at(now) }
}

fn confirmed() -> Found {
    Found::Confirmed { evidence: "report is green".into(), proof: Bytes::from_static(b"<Laufzettel/>") }
}

fn failed() -> Found {
    Found::Failed {
        cause: "report is red".into(),
        next_step: "call them".into(),
        proof: Bytes::from_static(b"<red/>"),
    }
}

/// Sends one row that is followed; its id.
async fn one(store: &dyn Store, name: &str, to: &str, outcome: Outcome, now: i64) -> Uuid {
    commit_sends(store, name, vec![send(to, Some(name), name)]).await;
    let lanes = claim(store, now).await;
    let lane = lanes.iter().find(|lane| lane.destination == to).unwrap();
    assert!(settle(store, lane, 0, outcome, true, now).await);
    lane.heads[0].id
}

async fn shown(store: &dyn Store, id: Uuid) -> ListedSend {
    let listed = store.list(&Scope::Operator, all()).await.unwrap();
    listed.into_iter().flat_map(|one| one.sends).find(|send| send.id == id).unwrap()
}

async fn proof(store: &dyn Store, id: Uuid) -> Option<Bytes> {
    let scope = Scope::Mandant("a".into());
    store.proof(&scope, id, "os:rita", "Rückfrage", at(900)).await.unwrap()
}

pub async fn what_is_followed_is_looked_at_when_due_and_ends_once(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.next_look().await.unwrap(), None);
    let plain = one(&*store, "0", "c:x", sent(), 1).await;
    let id = one(&*store, "1", "c:x", followed(30, 100), 2).await;
    let bad = one(&*store, "2", "c:y", followed(40, 100), 3).await;
    let mine = duty(&*store, "w", 3).await;
    // It is sent, holds no lane, and waits for no one.
    let send = shown(&*store, id).await;
    assert_eq!((send.state.as_str(), send.next_look, send.next_try), ("sent", Some(at(30)), None));
    assert_eq!(store.next_look().await.unwrap(), Some(at(30)));
    assert!(due(&*store, &mine, 29).await.is_empty());
    let of_x = |figures: drehscheibe::store::figures::Figures| {
        let one = figures.backlog.into_iter().find(|one| one.destination == "c:x").unwrap();
        (one.sent, one.followed, one.confirmed, one.failed, one.waiting)
    };
    assert_eq!(of_x(store.figures(&Scope::Operator).await.unwrap()), (2, 1, 0, 0, 0));
    let first = due(&*store, &mine, 30).await.remove(0);
    assert_eq!((first.id, first.destination.as_str(), first.reference.as_str()), (id, "c:x", "r-1"));
    assert_eq!((first.since, first.until, first.looks), (at(2), at(100), 0));
    assert_eq!(first.keep, Bytes::from_static(b"report 7"));
    // Nothing yet: it comes again then, and the look that was settled settles no more.
    assert!(
        store
            .settle_look(&mine, looked(&first, Found::Open { at: at(50), trouble: None }, 31))
            .await
            .unwrap()
    );
    assert!(!store.settle_look(&mine, looked(&first, confirmed(), 32)).await.unwrap(), "a look settles once");
    assert_eq!(due(&*store, &mine, 49).await.iter().map(|one| one.id).collect::<Vec<_>>(), [bad]);
    drop(store);
    // By the next process as well: it stands with the row.
    let store = open(house).await;
    let mine = duty(&*store, "v", 60).await;
    let except = Which { except: vec!["c:x".into()], ..which(60) };
    let others = store.due_looks(&mine, &except).await.unwrap().unwrap();
    assert_eq!(others.iter().map(|one| one.id).collect::<Vec<_>>(), [bad], "c:x is not to be asked");
    let limited = store.due_looks(&mine, &Which { limit: 1, ..which(60) }).await.unwrap().unwrap();
    assert_eq!(limited[0].id, bad, "due longest first");
    let again = due(&*store, &mine, 60).await.into_iter().find(|one| one.id == id).unwrap();
    assert_eq!(again.looks, 1);
    assert!(store.settle_look(&mine, looked(&again, confirmed(), 61)).await.unwrap());
    assert!(store.settle_look(&mine, looked(&others[0], failed(), 62)).await.unwrap());
    assert!(!store.settle_look(&mine, looked(&again, failed(), 63)).await.unwrap(), "it has ended");
    assert!(due(&*store, &mine, 99).await.is_empty());
    assert_eq!(store.next_look().await.unwrap(), None);
    let good = shown(&*store, id).await;
    assert_eq!((good.state.as_str(), good.confirmed.as_deref()), ("confirmed", Some("report is green")));
    assert_eq!((good.cause, good.next_look), (None, None));
    assert_eq!((good.sent, good.confirmed_at), (Some(at(2)), Some(at(61))), "when it was taken, and found");
    let red = shown(&*store, bad).await;
    assert_eq!((red.state.as_str(), red.cause.as_deref()), ("failed", Some("report is red")));
    assert_eq!((red.sent, red.confirmed_at), (Some(at(3)), None));
    assert_eq!(of_x(store.figures(&Scope::Operator).await.unwrap()), (2, 0, 1, 0, 0));
    // The proof stands with it, for whoever may see contents and says why.
    assert_eq!(proof(&*store, id).await, Some(Bytes::from_static(b"<Laufzettel/>")));
    assert_eq!(proof(&*store, bad).await, Some(Bytes::from_static(b"<red/>")));
    assert_eq!(proof(&*store, plain).await, None);
    let foreign = Scope::Mandant("b".into());
    assert_eq!(store.proof(&foreign, id, "os:rita", "neugierig", at(901)).await.unwrap(), None);
    assert!(store.proof(&Scope::Operator, id, "os:rita", "neugierig", at(901)).await.is_err());
    let plain = shown(&*store, plain).await;
    assert_eq!((plain.state.as_str(), plain.sent, plain.confirmed_at), ("sent", Some(at(1)), None));
}

pub async fn what_failed_waits_for_a_person_and_is_never_sent_again(house: &dyn House) {
    let store = open(house).await;
    let id = one(&*store, "1", "c:x", followed(30, 100), 2).await;
    let mine = duty(&*store, "w", 3).await;
    assert!(!store.arrived(id, "os:rita", "angerufen", at(4)).await.unwrap(), "it has not failed");
    let found = due(&*store, &mine, 30).await.remove(0);
    assert!(store.settle_look(&mine, looked(&found, failed(), 31)).await.unwrap());
    let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!((held.len(), held[0].id, held[0].state.as_str()), (1, id, "failed"));
    assert_eq!((held[0].next_step.as_deref(), held[0].sent), (Some("call them"), Some(at(2))));
    let under_way = store.under_way().await.unwrap();
    assert_eq!((under_way[0].destination.as_str(), under_way[0].held, under_way[0].followed), ("c:x", 1, 0));
    // No replay sends it once more; what waits behind it was never held.
    assert!(!store.replay(id, "os:rita", "nochmal", at(32)).await.unwrap());
    commit_sends(&*store, "2", vec![send("c:x", Some("1"), "next of the lane")]).await;
    assert_eq!(claim(&*store, 33).await.iter().flat_map(bodies).collect::<Vec<_>>(), ["next of the lane"]);
    assert!(store.arrived(id, "os:rita", "angerufen", at(34)).await.unwrap());
    assert!(!store.arrived(id, "os:rita", "angerufen", at(35)).await.unwrap(), "once");
    let closed = shown(&*store, id).await;
    assert_eq!((closed.state.as_str(), closed.cause, closed.next_step), ("confirmed", None, None));
    assert_eq!(closed.confirmed.as_deref(), Some("a person found out that it arrived"));
    assert_eq!(closed.confirmed_at, Some(at(34)), "when a person said so");
    assert_eq!(proof(&*store, id).await, Some(Bytes::from_static(b"<red/>")), "what it said stays");
    assert!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().is_empty());
    assert!(claim(&*store, 200).await.iter().flat_map(bodies).all(|body| body != "1"), "sent once");
}

pub async fn a_look_is_settled_under_its_duty_only(house: &dyn House) {
    let store = open(house).await;
    let id = one(&*store, "1", "c:x", followed(30, 100), 2).await;
    let old = duty(&*store, "w", 3).await;
    let found = due(&*store, &old, 30).await.remove(0);
    let new = duty(&*store, "v", 40).await;
    assert_eq!(store.due_looks(&old, &which(41)).await.unwrap(), None);
    assert!(!store.settle_look(&old, looked(&found, confirmed(), 41)).await.unwrap());
    assert_eq!(shown(&*store, id).await.state.as_str(), "sent");
    let elsewhere = Duty { name: "retention".into(), fence: new.fence };
    assert!(!store.settle_look(&elsewhere, looked(&found, confirmed(), 41)).await.unwrap());
    let same = due(&*store, &new, 41).await.remove(0);
    assert_eq!(same, found, "nothing was written under the old fence");
    assert!(store.settle_look(&new, looked(&same, confirmed(), 42)).await.unwrap());
    assert_eq!(shown(&*store, id).await.state.as_str(), "confirmed");
}

pub async fn what_comes_back_with_a_look_is_laid_down_with_it(house: &dyn House) {
    let store = open(house).await;
    one(&*store, "1", "c:x", followed(30, 100), 2).await;
    let mine = duty(&*store, "w", 3).await;
    let found = due(&*store, &mine, 30).await.remove(0);
    let answer = waiting("answer", 1_000);
    let id = answer.envelope.head.id;
    let look = Looked { answers: vec![answer], ..looked(&found, confirmed(), 31) };
    let stale = Looked { looks: 7, ..look.clone() };
    assert!(!store.settle_look(&mine, stale).await.unwrap());
    let there = async || {
        let filter = Filter { id: Some(id), ..Filter::default() };
        !store.list(&Scope::Operator, filter).await.unwrap().is_empty()
    };
    assert!(!there().await, "what is refused lays nothing down");
    assert!(store.settle_look(&mine, look).await.unwrap());
    assert!(there().await);
}

pub async fn what_is_sent_again_is_followed_anew(house: &dyn House) {
    let store = open(house).await;
    let answer = Outgoing { deadline: None, ..send("c:x", Some("1"), "answer") };
    let first = commit_sends(&*store, "1", vec![answer.clone()]).await;
    let lane = claim(&*store, 2).await.remove(0);
    assert!(settle(&*store, &lane, 0, followed(30, 100), true, 2).await);
    let mine = duty(&*store, "w", 3).await;
    let found = due(&*store, &mine, 30).await.remove(0);
    assert!(store.answer_again(first, answer.clone(), &stamp("a", "p"), at(31)).await.unwrap());
    // What the far end said of the first time says nothing of the second.
    assert!(!store.settle_look(&mine, looked(&found, confirmed(), 32)).await.unwrap());
    assert_eq!(store.next_look().await.unwrap(), None, "it is on its way");
    assert_eq!(shown(&*store, answer.id).await.state.as_str(), "queued");
    let lane = claim(&*store, 33).await.remove(0);
    assert!(settle(&*store, &lane, 0, later(40), true, 34).await);
    assert_eq!(store.next_look().await.unwrap(), None, "what did not arrive is not followed");
    let lane = claim(&*store, 40).await.remove(0);
    assert!(settle(&*store, &lane, 0, followed(50, 200), true, 41).await);
    assert!(!store.settle_look(&mine, looked(&found, confirmed(), 42)).await.unwrap());
    let again = due(&*store, &mine, 50).await.remove(0);
    assert_eq!((again.since, again.looks, again.until), (at(41), 0, at(200)));
    // One that a person settles, or that is parked, is not followed.
    assert!(store.settle_look(&mine, looked(&again, confirmed(), 51)).await.unwrap());
    let held = one(&*store, "2", "c:x", parked(), 60).await;
    assert!(store.arrived(held, "os:rita", "angerufen", at(61)).await.unwrap());
    assert_eq!(shown(&*store, held).await.state.as_str(), "sent");
    assert_eq!(store.next_look().await.unwrap(), None);
}

pub async fn a_deletion_reaches_what_is_followed(house: &dyn House) {
    let store = open(house).await;
    let id = Uuid::from_u128(7);
    // Sealed with the child's key, and with the Mandant's because it was refused; both arrive before the deletion.
    let mut stored = delivery("a", "p", "put");
    stored.effects.subjects = vec![key("k")];
    stored.effects.mirror = vec![put(id, "Quendel", &["k"])];
    stored.effects.sends =
        vec![send("c:x", Some("k"), "under the child's key"), send("c:late", None, "on its way")];
    commit_one(&*store, stored).await;
    let mut refused = delivery("a", "p", "rejected");
    refused.state = Inbound::Rejected;
    refused.effects.subjects = vec![key("k")];
    refused.effects.sends = vec![send("c:y", Some("k"), "under the Mandant's key")];
    commit_one(&*store, refused).await;
    commit_sends(&*store, "other", vec![send("c:o", None, "of nobody")]).await;
    let lanes = claim(&*store, 1).await;
    let lane = |of: &str| lanes.iter().find(|lane| lane.destination == of).unwrap();
    for of in ["c:x", "c:y", "c:o"] {
        assert!(settle(&*store, lane(of), 0, followed(30, 100), true, 2).await);
    }
    let mine = duty(&*store, "w", 3).await;
    let before = due(&*store, &mine, 30).await;
    assert_eq!(before.len(), 3);
    let child = before.iter().find(|one| one.destination == "c:x").unwrap();
    let mut gone = delivery("a", "p", "remove");
    gone.effects.subjects = vec![key("k")];
    gone.effects.mirror =
        vec![MirrorChange::Remove { id, tombstone: key("k"), created: at(5), until: at(1000) }];
    commit_one(&*store, gone).await;
    let left = due(&*store, &mine, 31).await;
    assert_eq!(left.iter().map(|one| one.destination.as_str()).collect::<Vec<_>>(), ["c:o"]);
    // A look that was under way finds nothing to settle, and leaves no proof of the child.
    assert!(!store.settle_look(&mine, looked(child, confirmed(), 32)).await.unwrap());
    assert_eq!(proof(&*store, child.id).await, None);
    // What leaves after the deletion takes its content with it: there is nothing to look by.
    assert!(settle(&*store, lane("c:late"), 0, followed(40, 100), true, 33).await);
    assert_eq!(due(&*store, &mine, 50).await.len(), 1);
    assert_eq!(
        store.figures(&Scope::Operator).await.unwrap().backlog.iter().map(|one| one.followed).sum::<u64>(),
        1
    );
}

pub async fn retention_takes_what_was_followed_along(house: &dyn House) {
    let store = open(house).await;
    let ended = one(&*store, "1", "c:x", followed(30, 100), 2).await;
    let red = one(&*store, "2", "c:x", followed(30, 100), 3).await;
    let month = 31 * 86_400;
    let long = one(&*store, "3", "c:x", followed(30, 3 * month), 4).await;
    let mine = duty(&*store, "w", 5).await;
    for found in due(&*store, &mine, 30).await {
        let what = match found.id {
            id if id == ended => confirmed(),
            id if id == red => failed(),
            _ => Found::Open { at: at(2 * month), trouble: None },
        };
        assert!(store.settle_look(&mine, looked(&found, what, 31)).await.unwrap());
    }
    run(&*store, &on(at(3 * month))).await;
    let mine = duty(&*store, "v", 3 * month).await;
    let left = due(&*store, &mine, 3 * month).await;
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [long], "what is still open stays");
    assert_eq!((proof(&*store, ended).await, proof(&*store, red).await), (None, None));
    assert!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().is_empty());
    assert!(store.settle_look(&mine, looked(&left[0], confirmed(), 3 * month)).await.unwrap());
    run(&*store, &on(at(6 * month))).await;
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().backlog, []);
}
