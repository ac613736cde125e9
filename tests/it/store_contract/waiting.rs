//! What every store must hold of waiting messages, timers, Vorgaenge and tombstones.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::effects::{
    Answer, Fact, MirrorChange, Outgoing, Question, Timer, Vorgang, VorgangChange, VorgangState,
};
use drehscheibe::envelope::{Inbound, Reply};
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::entry::{Committed, Entry, Key};
use drehscheibe::store::lane::{Lane, Settle, Take, Want};
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    self, House, all, at, bodies, claim, commit_one, commit_sends, delivery, guard, id_of, key, later,
    mirrored, moved, open, parked, put, read_claim, seen, send, sent, settle, settling, spool, want,
};

/// How long a message is leased.
pub const LEASE: Duration = Duration::from_secs(60);

/// A delivery that waits.
pub fn waiting(name: &str, until: i64) -> Entry {
    let mut entry = delivery("a", "p", name);
    entry.state = Inbound::Waiting;
    entry.waits = Some((key(&format!("wait {name}")), at(until)));
    entry
}

pub async fn waiting_messages_are_woken(house: &dyn House) {
    let store = open(house).await;
    let first = waiting("1", 1_000);
    let id = commit_one(&*store, first.clone()).await;
    assert_eq!(store.resume(at(1), LEASE, 10).await.unwrap().len(), 0);
    let mut waker = delivery("a", "p", "waker");
    waker.now = at(5);
    waker.effects.wakes = vec![key("wait nobody")];
    assert!(!store.commit_and_take(vec![waker.into()], None).await.unwrap().woken, "nothing waits for it");
    let mut waker = delivery("a", "p", "another waker");
    waker.now = at(5);
    waker.effects.wakes = vec![key("wait 1"), key("wait nobody")];
    assert!(store.commit_and_take(vec![waker.into()], None).await.unwrap().woken);
    let resumed = store.resume(at(5), LEASE, 10).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert_eq!((resumed[0].expired, resumed[0].acting_person.clone()), (false, None));
    assert_eq!(resumed[0].envelope, *first.envelope);
    assert_eq!(store.resume(at(6), LEASE, 10).await.unwrap().len(), 0, "once per lease");
    assert_eq!(store.resume(at(66), LEASE, 10).await.unwrap().len(), 1, "the lease was lost");
    let mut done = first.clone();
    (done.resumes, done.state, done.waits) = (true, Inbound::Accepted, None);
    done.effects.guards = vec![guard("k", u64::MAX)];
    assert_eq!(store.commit(vec![done.clone()]).await.unwrap(), [Committed::Stale]);
    done.effects.guards = vec![guard("k", seen(&*store, "k").await)];
    done.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    done.effects.sends = vec![send("c:x", None, "{}")];
    commit_one(&*store, done.clone()).await;
    assert_eq!(store.resume(at(9_999), LEASE, 10).await.unwrap().len(), 0);
    let again = store.commit(vec![done]).await.unwrap().remove(0);
    assert!(
        matches!(again, Committed::Again(verdict) if verdict.id == id && verdict.state == Inbound::Accepted)
    );
    assert_eq!(mirrored(&*store, "k").await, 1);
    // The sender's repeat gets the verdict of now.
    let again = store.commit(vec![delivery("a", "p", "1")]).await.unwrap().remove(0);
    assert!(matches!(again, Committed::Again(verdict) if verdict.state == Inbound::Accepted));
    let original = store.original(&Scope::Mandant("a".into()), id, "r", "r", at(9)).await.unwrap().unwrap();
    assert_eq!(original, *first.envelope);
}

pub async fn waiting_messages_expire_and_finish(house: &dyn House) {
    let store = open(house).await;
    for (name, until) in [("1", 100), ("2", 200)] {
        commit_one(&*store, waiting(name, until)).await;
    }
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().oldest_waiting, Some(at(0)));
    assert_eq!(store.resume(at(99), LEASE, 10).await.unwrap().len(), 0);
    let resumed = store.resume(at(100), LEASE, 10).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert!(resumed[0].expired);
    let mut parked = waiting("1", 100);
    parked.envelope = Arc::new(resumed[0].envelope.clone());
    (parked.resumes, parked.state, parked.waits) = (true, Inbound::Parked, None);
    (parked.cause, parked.next_step) = (Some("nothing came".into()), Some("ask the office".into()));
    commit_one(&*store, parked).await;
    let listed =
        store.list(&Scope::Operator, Filter { states: vec![Inbound::Parked], ..all() }).await.unwrap();
    assert_eq!((listed.len(), listed[0].cause.as_deref()), (1, Some("nothing came")));
    assert_eq!(store.resume(at(150), LEASE, 10).await.unwrap().len(), 0);
    assert_eq!(store.resume(at(300), LEASE, 10).await.unwrap().len(), 1);
}

pub async fn replayed_messages_run_again_once(house: &dyn House) {
    let store = open(house).await;
    for (n, state) in [Inbound::Parked, Inbound::Quarantined].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &format!("r{n}"));
        entry.state = state;
        let id = commit_one(&*store, entry.clone()).await;
        assert_eq!(store.resume(at(1), LEASE, 10).await.unwrap().len(), 0);
        let mut unasked = entry.clone();
        unasked.resumes = true;
        let done = store.commit(vec![unasked]).await.unwrap().remove(0);
        assert!(matches!(done, Committed::Again(_)), "nobody asked for it");
        assert!(store.replay(id, "os:rita", "fixed", at(2)).await.unwrap());
        let resumed = store.resume(at(2), LEASE, 10).await.unwrap();
        assert_eq!(resumed.len(), 1);
        assert_eq!(resumed[0].acting_person.as_deref(), Some("os:rita"));
        assert!(!resumed[0].expired);
        (entry.resumes, entry.state) = (true, Inbound::Accepted);
        commit_one(&*store, entry).await;
        assert_eq!(store.resume(at(999), LEASE, 10).await.unwrap().len(), 0);
        assert!(!store.replay(id, "os:rita", "again", at(3)).await.unwrap());
    }
    for (n, state) in [Inbound::Accepted, Inbound::Rejected, Inbound::Denied].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &format!("s{n}"));
        entry.state = state;
        let id = commit_one(&*store, entry).await;
        assert!(!store.replay(id, "os:rita", "no", at(2)).await.unwrap());
    }
}

pub async fn a_replay_settled_by_another_is_a_repeat(house: &dyn House) {
    let store = open(house).await;
    let business = Key { class: "business", parts: vec!["u1".into()] };
    let mut parked = delivery("a", "p", "first");
    parked.state = Inbound::Parked;
    let id = commit_one(&*store, parked.clone()).await;
    let mut second = delivery("a", "p", "second");
    (second.content, second.keys) = (parked.content, vec![second.keys.remove(0), business.clone()]);
    let other = commit_one(&*store, second).await;
    assert!(store.replay(id, "os:rita", "fixed", at(2)).await.unwrap());
    assert_eq!(store.resume(at(2), LEASE, 10).await.unwrap().len(), 1);
    (parked.resumes, parked.state) = (true, Inbound::Accepted);
    parked.keys.push(business);
    let done = store.commit(vec![parked]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == other));
    assert_eq!(store.resume(at(999), LEASE, 10).await.unwrap().len(), 0, "not for ever");
}

// ---- timers, Vorgaenge, tombstones ----

pub async fn timers_come_until_committed(house: &dyn House) {
    let store = open(house).await;
    for of in [None, Some("amt")] {
        a_timer_comes_until_committed(&*store, of).await;
    }
}

/// Whosever it is: who set it is `p`.
async fn a_timer_comes_until_committed(store: &dyn Store, of: Option<&str>) {
    let timer = Timer {
        id: Uuid::new_v4(),
        due: at(100),
        name: "timer erinnern".into(),
        body: "<t/>".into(),
        of: of.map(str::to_owned),
    };
    let mut entry = delivery("a", "p", &timer.id.hyphenated().to_string().to_uppercase());
    entry.effects.timers = vec![timer.clone()];
    commit_one(store, entry).await;
    assert_eq!(store.due_timers(at(99), 10).await.unwrap().len(), 0);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().timers, 1);
    for _ in 0..2 {
        let due = store.due_timers(at(100), 10).await.unwrap();
        let head = &due[0].head;
        assert_eq!((head.connection.as_str(), head.binding.as_str()), ("timer", "timer erinnern"));
        assert_eq!((head.transport_id.clone(), head.received), (timer.id.to_string(), at(100)));
        assert_eq!(head.partner.as_ref().map(|partner| partner.id.as_str()), of.or(Some("p")));
        assert_eq!((due.len(), &due[0].body[..]), (1, &b"<t/>"[..]));
    }
    let mut became = delivery("a", "p", &timer.id.to_string());
    became.envelope = Arc::new(store.due_timers(at(100), 1).await.unwrap().remove(0));
    commit_one(store, became).await;
    assert_eq!(store.due_timers(at(9_999), 10).await.unwrap().len(), 0);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().timers, 0);
}

pub async fn vorgaenge_change_and_are_found(house: &dyn House) {
    let store = open(house).await;
    let find = || async {
        match store.lookup(vec![Question::Vorgang(key("v"))]).await.unwrap().remove(0) {
            Answer { fact: Fact::Vorgang(found), guard } => (found, guard.seen),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(find().await.0, None);
    let mut vorgang =
        Vorgang { deadline: Some(at(77)), ..common::vorgang("jga:1", VorgangState::BeimJugendamt) };
    for (n, state) in [VorgangState::BeimJugendamt, VorgangState::Zugestellt].into_iter().enumerate() {
        vorgang.state = state;
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.guards = vec![guard("v", find().await.1)];
        entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang: vorgang.clone() }];
        commit_one(&*store, entry.clone()).await;
        assert_eq!(find().await.0, Some(vorgang.clone()));
        let scope = Scope::Mandant("a".into());
        let original = store.original(&scope, id_of(&entry), "p", "r", at(1)).await.unwrap();
        assert_eq!(original.as_ref(), Some(&*entry.envelope), "sealed under the key of the Vorgang");
    }
}

pub async fn tombstones_stay_and_bar(house: &dyn House) {
    let store = open(house).await;
    removal(&*store).await;
    let stone = |store: Arc<dyn Store>| async move {
        match store.lookup(vec![Question::Tombstone(key("stone"))]).await.unwrap().remove(0) {
            Answer { fact: Fact::Tombstone(at), .. } => at,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(stone(store.clone()).await, Some(at(40)));
    // An older deletion that comes late does not make the stone older; a record that is not there is no fault.
    let mut late = delivery("a", "p", "late");
    late.effects.mirror = vec![MirrorChange::Remove {
        id: Uuid::new_v4(),
        tombstone: key("stone"),
        created: at(20),
        until: at(50),
    }];
    commit_one(&*store, late).await;
    assert_eq!(stone(store.clone()).await, Some(at(40)));
}

/// Puts a record, tells somebody, removes it: what came is gone, what has to leave still leaves.
pub async fn removal(store: &dyn Store) {
    let id = Uuid::new_v4();
    let part = spool(store, "a", b"certificate").await;
    let mut entry = delivery("a", "p", "put");
    Arc::make_mut(&mut entry.envelope).parts = vec![part.clone()];
    entry.effects.mirror = vec![put(id, "N", &["k", "k2"])];
    entry.effects.sends = vec![send("c:x", Some("k"), "told"), send("c:gone", None, "sent before")];
    entry.effects.sends[0].parts = vec![part];
    entry.effects.reply = Some(Reply {
        content_type: "t".into(),
        body: "<q/>".into(),
        message: "xfamilie.0011".into(),
        message_id: "q".into(),
        test: true,
    });
    let cause = commit_one(store, entry).await;
    let only = Want { except: vec!["c:x".into()], ..want(1) };
    let lane = store.claim(only).await.unwrap().remove(0);
    assert!(settle(store, &lane, 0, sent(), true, 1).await);
    let mut remove = delivery("a", "p", "remove");
    let stone = MirrorChange::Remove { id, tombstone: key("stone"), created: at(40), until: at(400) };
    remove.effects.mirror = vec![stone];
    commit_one(store, remove).await;
    assert_eq!((mirrored(store, "k").await, mirrored(store, "k2").await), (0, 0));
    assert_eq!(seen(store, "k2").await, 2, "who decided on the record has to look again");
    let scope = Scope::Mandant("a".into());
    assert_eq!(store.original(&scope, cause, "p", "r", at(2)).await.unwrap(), None);
    let again = store.commit(vec![delivery("a", "p", "put")]).await.unwrap().remove(0);
    assert!(matches!(again, Committed::Again(verdict) if verdict.id == cause && verdict.reply.is_none()));
    assert_eq!(store.list(&scope, all()).await.unwrap().len(), 2, "that it was there stays known");
    let lane = claim(store, 3).await.remove(0);
    assert_eq!(bodies(&lane), ["told"]);
    let part = &lane.heads[0].envelope.parts[0];
    assert_eq!(read_claim(store, "a", &part.claim).await.unwrap(), b"certificate");
    assert!(settle(store, &lane, 0, sent(), true, 4).await);
    assert!(store.essence().await.unwrap().iter().any(|line| line.starts_with("inbox")));
}

/// What came back with a row that was sent is there with the row's settling and runs at once; what of it is known already is nothing new.
pub async fn what_comes_back_is_laid_down_with_its_row(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", None, "a")]).await;
    commit_sends(&*store, "2", vec![send("c:x", None, "b")]).await;
    let lanes = claim(&*store, 1).await;
    let answer = |name: &str| Entry { state: Inbound::Waiting, ..delivery("a", "p", name) };
    let settled = async |lane: &Lane, answers: Vec<Entry>, fence: i64| {
        let one = Settle { answers, fence, ..settling(lane, 0, sent(), true, 2) };
        store.settle(vec![one]).await.unwrap()[0]
    };
    let first = answer("answer");
    assert!(!settled(&lanes[0], vec![first.clone()], lanes[0].fence - 1).await, "the lease was lost");
    assert_eq!(store.resume(at(2), LEASE, 10).await.unwrap().len(), 0, "and nothing is laid down");
    assert!(settled(&lanes[0], vec![first.clone(), answer("another")], lanes[0].fence).await);
    let resumed = store.resume(at(-500), LEASE, 10).await.unwrap();
    assert_eq!(resumed.len(), 2, "at once, whatever the clock says");
    assert!(resumed.iter().all(|one| !one.expired && one.acting_person.is_none()));
    assert!(resumed.iter().any(|one| one.envelope == *first.envelope));
    // The same again with the other row, and other content under its key.
    let mut other = answer("answer");
    other.content = [7; 32];
    assert!(settled(&lanes[1], vec![answer("answer"), other.clone()], lanes[1].fence).await);
    let resumed = store.resume(at(-450), LEASE, 10).await.unwrap();
    let ids: Vec<Uuid> = resumed.iter().map(|one| one.envelope.head.id).collect();
    assert_eq!(ids, [id_of(&other)], "the other content alone: its run finds the conflict");
    let run = Entry { resumes: true, ..Entry { state: Inbound::Accepted, ..other } };
    assert!(matches!(store.commit(vec![run]).await.unwrap()[..], [Committed::Conflict(_)]));
    let done = Entry { resumes: true, state: Inbound::Accepted, ..first.clone() };
    assert_eq!(commit_one(&*store, done).await, id_of(&first));
    let waiting = Filter { states: vec![Inbound::Waiting], ..all() };
    assert_eq!(store.list(&Scope::Operator, waiting).await.unwrap().len(), 2);
    // A message that waits and was settled by another delivery of the same ends as that one did.
    let late = Entry { keys: Vec::new(), ..answer("third") };
    commit_one(&*store, late.clone()).await;
    commit_one(&*store, Entry { state: Inbound::Rejected, ..delivery("a", "p", "third") }).await;
    let run = Entry {
        resumes: true,
        state: Inbound::Accepted,
        keys: delivery("a", "p", "third").keys,
        ..late.clone()
    };
    let again = store.commit(vec![run]).await.unwrap().remove(0);
    assert!(matches!(again, Committed::Again(verdict) if verdict.state == Inbound::Rejected));
    let shown = store.list(&Scope::Operator, Filter { id: Some(id_of(&late)), ..all() }).await.unwrap();
    assert_eq!(shown[0].state, Inbound::Rejected);
}

/// A Vorgang is delivered by the far end that takes its answer, and by nothing before; whoever decided on it meanwhile looks again.
pub async fn a_vorgang_is_delivered_when_its_answer_was_taken(house: &dyn House) {
    let store = open(house).await;
    let begun = |name: &str| {
        let state = VorgangState::Entschieden;
        let vorgang = common::vorgang("a", state);
        let mut entry = delivery("a", "p", name);
        entry.effects.vorgaenge = vec![VorgangChange { key: key(name), vorgang }];
        entry.effects.sends = vec![Outgoing { delivers: Some(key(name)), ..send("c:x", None, name) }];
        entry
    };
    let state = async |name: &str| {
        let answer = store.lookup(vec![Question::Vorgang(key(name))]).await.unwrap().remove(0);
        match answer {
            Answer { fact: Fact::Vorgang(Some(found)), guard } => (found.state, guard.seen),
            other => panic!("{other:?}"),
        }
    };
    for name in ["sent", "late", "person"] {
        commit_one(&*store, begun(name)).await;
    }
    // One that is kept by the commit is settled like any other.
    let take = Take { worker: "w".into(), lease: LEASE, heads: 4, most: vec![("c:x".into(), 4)] };
    let mut lanes = store.commit_and_take(vec![begun("kept").into()], Some(take)).await.unwrap().lanes;
    lanes.extend(claim(&*store, 1).await);
    assert_eq!(lanes.len(), 4);
    for lane in &lanes {
        let name = bodies(lane).remove(0);
        let (before, seen) = state(&name).await;
        assert_eq!(before, VorgangState::Entschieden, "{name}");
        let (outcome, after) = match name.as_str() {
            "sent" | "kept" => (sent(), VorgangState::Zugestellt),
            "late" => (later(500), VorgangState::Entschieden),
            _ => (parked(), VorgangState::Entschieden),
        };
        let stale = Lane { fence: lane.fence - 1, ..lane.clone() };
        assert!(!settle(&*store, &stale, 0, outcome.clone(), true, 2).await);
        assert_eq!(state(&name).await.0, VorgangState::Entschieden, "{name}: the lease was lost");
        assert!(settle(&*store, lane, 0, outcome, true, 2).await);
        assert_eq!(state(&name).await.0, after, "{name}");
        let delivered = after == VorgangState::Zugestellt;
        assert!(!delivered || moved(&*store, &name, seen).await, "{name}: it moved");
    }
    let id = lanes.iter().find(|lane| bodies(lane) == ["person"]).unwrap().heads[0].id;
    assert!(store.arrived(id, "os:rita", "by telephone", at(9)).await.unwrap());
    assert_eq!(state("person").await.0, VorgangState::Zugestellt);
    // What was withdrawn meanwhile stays so.
    let mut back = delivery("a", "p", "back");
    back.effects.vorgaenge = begun("late").effects.vorgaenge;
    back.effects.vorgaenge[0].vorgang.state = VorgangState::Zurueckgezogen;
    commit_one(&*store, back).await;
    let lane = claim(&*store, 600).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), true, 601).await);
    assert_eq!(state("late").await.0, VorgangState::Zurueckgezogen);
}
