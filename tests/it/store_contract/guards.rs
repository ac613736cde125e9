//! What every store must hold of guards, idempotency and atomicity.

use drehscheibe::effects::{Fact, Outgoing, Question, Timer};
use drehscheibe::envelope::{Inbound, Reply};
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::store::entry::{Committed, Keep, Key};
use drehscheibe::store::error::StoreError;
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    House, all, at, claim, commit_one, delivery, guard, id_of, key, mirrored, moved, open, put, record, seen,
    send,
};

pub async fn guards_compare_and_bump(house: &dyn House) {
    let store = open(house).await;
    let (k, other) = (seen(&*store, "k").await, seen(&*store, "other").await);
    let mut entry = delivery("a", "p", "1");
    entry.effects.guards = vec![guard("k", k), guard("other", other)];
    commit_one(&*store, entry).await;
    assert!(moved(&*store, "other", other).await);
    let other = seen(&*store, "other").await;
    let mut stale = delivery("a", "p", "2");
    stale.effects.guards = vec![guard("other", other), guard("k", k)];
    stale.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    assert_eq!(store.commit(vec![stale.clone()]).await.unwrap(), [Committed::Stale]);
    assert_eq!(mirrored(&*store, "k").await, 0);
    // What a stale entry compared has not moved by it.
    let k = seen(&*store, "k").await;
    stale.effects.guards = vec![guard("other", other), guard("k", k)];
    assert_eq!(store.commit(vec![stale]).await.unwrap(), [Committed::New]);
    assert_eq!(mirrored(&*store, "k").await, 1);
    assert!(moved(&*store, "k", k).await);
    // Another key that moved meanwhile is no reason.
    let calm = seen(&*store, "calm").await;
    commit_one(&*store, delivery("a", "p", "3")).await;
    assert!(!moved(&*store, "calm", calm).await);
    // An entry that saw what never was is stale as well.
    assert!(moved(&*store, "never", u64::MAX).await);
}

pub async fn guards_of_what_is_written_move_too(house: &dyn House) {
    let store = open(house).await;
    let id = Uuid::new_v4();
    let old = seen(&*store, "old").await;
    let mut entry = delivery("a", "p", "1");
    entry.effects.mirror = vec![put(id, "N", &["old"])];
    commit_one(&*store, entry).await;
    assert!(moved(&*store, "old", old).await);
    let (old, new) = (seen(&*store, "old").await, seen(&*store, "new").await);
    let mut entry = delivery("a", "p", "2");
    entry.effects.mirror = vec![put(id, "N2", &["new"])];
    commit_one(&*store, entry).await;
    assert!(moved(&*store, "old", old).await && moved(&*store, "new", new).await);
    assert_eq!((mirrored(&*store, "old").await, mirrored(&*store, "new").await), (0, 1));
    let answers = store.lookup(vec![Question::Mirror(key("new"))]).await.unwrap();
    let Fact::Mirror(found) = &answers[0].fact else { panic!() };
    assert_eq!((found[0].id, found[0].mandant.as_str(), found[0].partner.as_str()), (id, "a", "p"));
    assert_eq!(found[0].registersatz, *record("N2"));
}

/// What one entry of a batch writes moves what a later one of it has seen, and what was undone has not moved.
pub async fn guards_move_within_a_batch(house: &dyn House) {
    let store = open(house).await;
    let (k, x) = (seen(&*store, "k").await, seen(&*store, "x").await);
    let mut writer = delivery("a", "p", "1");
    writer.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    let mut reader = delivery("a", "p", "2");
    reader.effects.guards = vec![guard("k", k)];
    assert_eq!(store.commit(vec![writer, reader]).await.unwrap(), [Committed::New, Committed::Stale]);
    let mut broken = delivery("a", "p", "3");
    broken.effects.mirror = vec![put(Uuid::new_v4(), "N", &["x"])];
    let mut after = send("c:x", None, "{}");
    after.after = Some(Uuid::new_v4());
    broken.effects.sends = vec![after];
    assert!(store.commit(vec![broken]).await.is_err());
    assert!(!moved(&*store, "x", x).await);
}

// ---- idempotency ----

pub async fn repeats_get_the_first_verdict(house: &dyn House) {
    let store = open(house).await;
    let mut first = delivery("a", "p", "1");
    first.state = Inbound::Rejected;
    first.rejections =
        vec![Rejection::new(Fault::Schema, "Falsch."), Rejection::new(Fault::Schema, "Auch falsch.")];
    let reply = Reply {
        content_type: "application/xml".into(),
        body: "<r/>".into(),
        message: "xfamilie.0001".into(),
        message_id: "m1".into(),
        test: true,
    };
    first.effects.reply = Some(reply.clone());
    let k = seen(&*store, "k").await;
    first.effects.guards = vec![guard("k", k)];
    let id = commit_one(&*store, first).await;
    // The guard has moved since: a repeat is a repeat all the same.
    let mut again = delivery("a", "p", "1");
    again.effects.guards = vec![guard("k", k)];
    let Committed::Again(verdict) = store.commit(vec![again]).await.unwrap().remove(0) else { panic!() };
    assert_eq!(
        (verdict.id, verdict.state, verdict.again, verdict.conflict),
        (id, Inbound::Rejected, true, false)
    );
    assert_eq!((verdict.codes, verdict.reply), (vec!["X001".to_owned()], Some(reply)));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().repeats, 1);
    // Any key that is there makes it a repeat.
    let mut by_second = delivery("a", "p", "1");
    by_second.keys = vec![Key { class: "business", parts: vec!["new".into()] }, by_second.keys.remove(0)];
    let done = store.commit(vec![by_second]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == id));
    drop(store);
    let store = open(house).await;
    let done = store.commit(vec![delivery("a", "p", "1")]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == id && verdict.reply.is_some()));
}

pub async fn what_was_forgotten_is_decided_anew_once_it_is_of_use(house: &dyn House) {
    let store = open(house).await;
    let forgotten = |id: &str| {
        let mut entry = delivery("a", "p", id);
        (entry.keep, entry.effects.forget) = (Keep::HashOnly, true);
        entry.keys.push(Key { class: "business", parts: vec!["one".into()] });
        entry.content = [5; 32];
        entry
    };
    let first = commit_one(&*store, forgotten("1")).await;
    // Of no use again: the first verdict, and no row more.
    let done = store.commit(vec![forgotten("2")]).await.unwrap().remove(0);
    assert!(matches!(&done, Committed::Again(verdict) if verdict.id == first && verdict.codes.is_empty()));
    let of_use = |id: &str| {
        let mut entry = forgotten(id);
        (entry.keep, entry.effects.forget) = (Keep::Original, false);
        entry
    };
    let mut other = of_use("3");
    other.content = [6; 32];
    assert!(matches!(store.commit(vec![other]).await.unwrap()[..], [Committed::Conflict(_)]));
    // By the transport's key as well as by that of its business.
    let second = commit_one(&*store, of_use("1")).await;
    assert_ne!(second, first);
    for repeat in [of_use("4"), of_use("1"), forgotten("5")] {
        let done = store.commit(vec![repeat]).await.unwrap().remove(0);
        assert!(matches!(done, Committed::Again(verdict) if verdict.id == second));
    }
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 2);
}

pub async fn other_content_is_a_conflict(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, delivery("a", "p", "1")).await;
    let mut other = delivery("a", "p", "1");
    other.content = [9; 32];
    assert!(matches!(store.commit(vec![other.clone()]).await.unwrap()[..], [Committed::Conflict(_)]));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
    // The engine then keeps it under a key of its own, and a repeat of that is told so.
    other.keys = vec![Key { class: "conflict", parts: vec!["1".into(), "hash".into()] }];
    other.state = Inbound::Quarantined;
    let id = commit_one(&*store, other.clone()).await;
    let mut again = delivery("a", "p", "1");
    (again.keys, again.content) = (other.keys, other.content);
    let Committed::Again(verdict) = store.commit(vec![again]).await.unwrap().remove(0) else { panic!() };
    assert_eq!((verdict.id, verdict.conflict, verdict.state), (id, true, Inbound::Quarantined));
    // Parts of keys do not run into each other.
    let mut one = delivery("a", "p", "x");
    one.keys = vec![Key { class: "business", parts: vec!["ab".into(), "c".into()] }];
    let mut two = delivery("a", "p", "y");
    two.keys = vec![Key { class: "business", parts: vec!["a".into(), "bc".into()] }];
    assert_eq!(store.commit(vec![one, two]).await.unwrap(), [Committed::New, Committed::New]);
}

pub async fn a_repeat_by_id_is_the_same_delivery(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    entry.effects.sends = vec![send("c:x", None, "{}")];
    commit_one(&*store, entry.clone()).await;
    // A commit of unknown outcome is simply done again, with all its ids.
    let done = store.commit(vec![entry.clone()]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == id_of(&entry)));
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().repeats, 0, "our own repeat is no repeat");
    entry.keys.clear();
    let done = store.commit(vec![entry]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(_)));
    assert_eq!(claim(&*store, 1).await.len(), 1);
}

pub async fn callers_at_once_have_one_effect(house: &dyn House) {
    let store = open(house).await;
    let second = open(house).await;
    let mut tasks = Vec::new();
    for n in 0..24 {
        let store = if n % 3 == 0 { second.clone() } else { store.clone() };
        tasks.push(tokio::spawn(async move {
            // Twelve pairs of one delivery each; half of the pairs would each write the record that none of them finds.
            let mut entry = delivery("a", "p", &format!("d{}", n / 2));
            loop {
                if n < 12 {
                    let answer = store.lookup(vec![Question::Mirror(key("shared"))]).await.unwrap().remove(0);
                    let nobody = matches!(answer.fact, Fact::Mirror(found) if found.is_empty());
                    entry.effects.guards = vec![answer.guard];
                    entry.effects.mirror =
                        nobody.then(|| put(Uuid::new_v4(), "N", &["shared"])).into_iter().collect();
                }
                match store.commit(vec![entry.clone()]).await.unwrap().remove(0) {
                    Committed::Stale => {}
                    ended => return ended,
                }
            }
        }));
    }
    let mut count = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Committed::New => count.0 += 1,
            Committed::Again(_) => count.1 += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(count, (12, 12));
    assert_eq!(mirrored(&*store, "shared").await, 1);
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 12);
}

// ---- atomicity ----

pub async fn a_batch_is_stored_whole_or_not_at_all(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, delivery("a", "p", "0")).await;
    let mut stale = delivery("a", "p", "3");
    stale.effects.guards = vec![guard("k", u64::MAX)];
    let mut other = delivery("a", "p", "0");
    other.content = [1; 32];
    let batch = vec![delivery("a", "p", "1"), stale, delivery("a", "p", "0"), other, delivery("a", "q", "2")];
    let done = store.commit(batch).await.unwrap();
    assert_eq!((&done[0], &done[1]), (&Committed::New, &Committed::Stale));
    assert!(matches!(done[2], Committed::Again(_)));
    assert!(matches!((&done[3], &done[4]), (Committed::Conflict(_), Committed::New)));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 3);
    assert_eq!(store.commit(vec![]).await.unwrap(), []);
}

pub async fn what_failed_leaves_nothing(house: &dyn House) {
    let store = open(house).await;
    let before = store.essence().await.unwrap();
    let mut bad = delivery("a", "p", "bad");
    bad.effects.guards = vec![guard("k", 0)];
    bad.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    bad.effects.timers =
        vec![Timer { id: Uuid::new_v4(), due: at(5), name: "timer t".into(), body: "x".into(), of: None }];
    let good = send("c:x", None, "{}");
    let mut twice = send("c:x", None, "{}");
    twice.id = good.id;
    bad.effects.sends = vec![good, twice];
    let failed = store.commit(vec![delivery("a", "p", "good"), bad.clone()]).await;
    assert!(matches!(failed, Err(StoreError::Entry(_))), "{failed:?}");
    assert_eq!(store.essence().await.unwrap(), before);
    assert_eq!(seen(&*store, "k").await, 0);
    // The same batch without the culprit is stored, also while others fail beside it.
    let (one, two) = tokio::join!(store.commit(vec![bad]), store.commit(vec![delivery("a", "p", "good")]));
    assert!(matches!(one, Err(StoreError::Entry(_))));
    assert_eq!(two.unwrap(), [Committed::New]);
    let mut lost = delivery("a", "p", "lost");
    lost.resumes = true;
    assert!(matches!(store.commit(vec![lost]).await, Err(StoreError::Entry(_))));
    let mut dangling = delivery("a", "p", "dangling");
    dangling.effects.sends = vec![Outgoing { after: Some(Uuid::new_v4()), ..send("c:x", None, "{}") }];
    assert!(matches!(store.commit(vec![dangling]).await, Err(StoreError::Entry(_))));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
}
