//! Objections: found under their keys by whoever looks after the commit, seen by whoever looked before, counted once by content,
//! and closed by each way that there is.

use std::sync::Arc;

use drehscheibe::effects::{Fact, Guard, MirrorChange, Question};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::fristen::{Fristen, Klasse};
use drehscheibe::register::objection::{Objection, ObjectionChange, Opening, Released, Sought, Which, Why};
use drehscheibe::seal::key::sha256;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::retention::Stichtag;
use jiff::Timestamp;
use uuid::Uuid;

use super::common::{House, at, commit_one, delivery, id_of, key, mirrored, open, put};

const AMT: &str = "jugendamt-bremen";

async fn ask(store: &dyn Store, sought: Sought) -> (Vec<Objection>, Guard) {
    let answer = store.lookup(vec![Question::Objections(sought)]).await.unwrap().remove(0);
    let Fact::Objections(found) = answer.fact else { panic!("{:?}", answer.fact) };
    (found, answer.guard)
}

async fn under(store: &dyn Store, value: &str) -> usize {
    ask(store, Sought::Under(key(value))).await.0.len()
}

async fn of(store: &dyn Store, amt: &str) -> usize {
    ask(store, Sought::Open(amt.into())).await.0.len()
}

/// A refused delivery of these octets that stands under two keys; made at this second.
fn refused(content: &str, transport_id: &str, made: i64) -> Entry {
    let mut entry = delivery("a", AMT, transport_id);
    entry.state = Inbound::Rejected;
    let opening = Opening {
        amt: AMT.into(),
        content: sha256(content.as_bytes()),
        delivery: id_of(&entry),
        why: Why::Rejected,
        message: "xfamilie.0805".into(),
        made: at(made),
        since: at(made),
        under: vec![key(&format!("{content} near")), key("shared")],
        about: vec![key(&format!("{content} child"))],
        ends: None,
    };
    entry.effects.objections = vec![ObjectionChange::Open(Box::new(opening))];
    entry
}

fn change(entry: &mut Entry, by: impl FnOnce(&mut Opening)) {
    let Some(ObjectionChange::Open(opening)) = entry.effects.objections.first_mut() else { panic!() };
    by(opening);
}

fn closing(name: &str, which: Which) -> Entry {
    closing_by(name, which, "test")
}

fn closing_by(name: &str, which: Which, by: &'static str) -> Entry {
    let mut entry = delivery("a", AMT, name);
    entry.effects.objections = vec![ObjectionChange::Close { which, by }];
    entry
}

fn about(content: &str, before: i64) -> Which {
    let keys = vec![key(&format!("{content} child"))];
    Which::About { aemter: vec!["other".into(), AMT.into()], keys, before: at(before) }
}

/// Whether who saw this guard may still commit.
async fn stands(store: &dyn Store, guard: Guard) -> bool {
    let mut probe = delivery("probe", "probe", &Uuid::new_v4().to_string());
    probe.effects.guards = vec![guard];
    store.commit(vec![probe]).await.unwrap()[0] == Committed::New
}

pub async fn objections_are_found_under_their_keys(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(under(&*store, "x near").await, 0);
    let id = commit_one(&*store, refused("x", "1", 5)).await;
    for value in ["x near", "shared"] {
        let (found, _) = ask(&*store, Sought::Under(key(value))).await;
        let expected = Objection {
            amt: AMT.into(),
            delivery: id,
            why: Why::Rejected,
            message: "xfamilie.0805".into(),
            made: at(5),
            since: at(5),
            closed: None,
            released: None,
        };
        assert_eq!(found, std::slice::from_ref(&expected));
        assert_eq!(ask(&*store, Sought::Delivery(id)).await.0, std::slice::from_ref(&expected));
        assert_eq!(ask(&*store, Sought::Open(AMT.into())).await.0, [expected]);
    }
    assert_eq!((under(&*store, "x child").await, of(&*store, "other").await), (0, 0));
    assert_eq!(ask(&*store, Sought::Blocks(AMT.into())).await.0, [], "a readable one blocks nobody");
    // Many keys in one look: each gets its own answer, whatever the others have.
    commit_one(&*store, refused("y", "2", 6)).await;
    let asked: Vec<Question> = ["shared", "nothing", "y near", "x near"]
        .map(|value| Question::Objections(Sought::Under(key(value))))
        .into();
    let found: Vec<usize> = store
        .lookup(asked)
        .await
        .unwrap()
        .into_iter()
        .map(|answer| match answer.fact {
            Fact::Objections(found) => found.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, [1, 0, 1, 1]);
}

pub async fn who_looked_before_an_objection_looks_again(house: &dyn House) {
    let store = open(house).await;
    let before = ask(&*store, Sought::Under(key("x near"))).await.1;
    let other = ask(&*store, Sought::Under(key("z near"))).await.1;
    let office = ask(&*store, Sought::Blocks(AMT.into())).await.1;
    commit_one(&*store, refused("x", "1", 5)).await;
    assert!(!stands(&*store, before).await, "no gap between two commits");
    assert!(stands(&*store, other).await, "others are not hindered");
    assert!(stands(&*store, office.clone()).await, "nor is the whole office");
    let mut unreadable = refused("u", "2", 6);
    change(&mut unreadable, |opening| {
        (opening.why, opening.under, opening.about) = (Why::Unreadable, vec![], vec![key("copy")]);
    });
    commit_one(&*store, unreadable).await;
    assert!(!stands(&*store, office).await);
    // In one batch with the decision, whichever comes first.
    let before = ask(&*store, Sought::Under(key("w near"))).await.1;
    let mut decision = delivery("a", "p", "decision");
    decision.effects.guards = vec![before];
    let done = store.commit(vec![refused("w", "3", 7), decision]).await.unwrap();
    assert_eq!(done, [Committed::New, Committed::Stale]);
}

pub async fn the_same_content_counts_once(house: &dyn House) {
    let store = open(house).await;
    let first = commit_one(&*store, refused("x", "1", 5)).await;
    let mut again = refused("x", "2", 9);
    change(&mut again, |opening| opening.why = Why::Parked);
    commit_one(&*store, again).await;
    let (found, _) = ask(&*store, Sought::Open(AMT.into())).await;
    assert_eq!(
        (found.len(), found[0].delivery, found[0].since, found[0].why),
        (1, first, at(5), Why::Parked)
    );
    commit_one(&*store, closing("3", Which::Delivery(first))).await;
    assert_eq!((of(&*store, AMT).await, under(&*store, "shared").await), (0, 0));
    commit_one(&*store, refused("x", "4", 10)).await;
    assert_eq!(
        (of(&*store, AMT).await, under(&*store, "shared").await),
        (0, 0),
        "what was closed stays closed"
    );
    let (found, _) = ask(&*store, Sought::Delivery(first)).await;
    assert_eq!(found[0].closed, Some((at(0), "test".to_owned())), "and it is known by what");
    // Of another office, or read and unread, it is not the same.
    let mut other = refused("x", "5", 11);
    change(&mut other, |opening| opening.amt = "other".into());
    commit_one(&*store, other).await;
    let mut unread = refused("x", "6", 11);
    change(&mut unread, |opening| (opening.why, opening.under) = (Why::Unreadable, vec![]));
    commit_one(&*store, unread).await;
    assert_eq!((of(&*store, "other").await, of(&*store, AMT).await), (1, 1));
}

pub async fn objections_are_closed_by_every_way(house: &dyn House) {
    let store = open(house).await;
    let close = |name: &'static str, which| {
        let store = store.clone();
        async move { commit_one(&*store, closing(name, which)).await }
    };
    let mut ids = Vec::new();
    for (n, content) in ["a", "b", "c"].into_iter().enumerate() {
        ids.push(commit_one(&*store, refused(content, content, 10 + n as i64)).await);
    }
    // A later word about the child, and only a later one, and only of this office.
    close("early", about("a", 10)).await;
    assert_eq!(under(&*store, "a near").await, 1, "made at the same moment is not earlier");
    let stranger = Which::About { aemter: vec!["other".into()], keys: vec![key("a child")], before: at(99) };
    close("stranger", stranger).await;
    assert_eq!(under(&*store, "a near").await, 1);
    close("later", about("a", 11)).await;
    assert_eq!((under(&*store, "a near").await, under(&*store, "b near").await), (0, 1));
    close("erledigt", Which::Delivery(ids[1])).await;
    assert_eq!((under(&*store, "b near").await, under(&*store, "c near").await), (0, 1));
    // What blocks an office ends by a copy whenever it was made, by its own delivery once it is read, and not by others.
    for (n, name) in ["u", "v"].into_iter().enumerate() {
        let mut unread = refused(name, name, 50 + n as i64);
        change(&mut unread, |opening| (opening.why, opening.under) = (Why::Unreadable, vec![]));
        ids.push(commit_one(&*store, unread).await);
    }
    close("not a block", Which::Block(ids[2])).await;
    assert_eq!(of(&*store, AMT).await, 3);
    let copy = Which::About { aemter: vec![AMT.into()], keys: vec![key("u child")], before: Timestamp::MIN };
    close("copy", copy).await;
    assert_eq!((of(&*store, AMT).await, ask(&*store, Sought::Blocks(AMT.into())).await.0.len()), (2, 1));
    close("read", Which::Block(ids[4])).await;
    assert_eq!((of(&*store, AMT).await, ask(&*store, Sought::Blocks(AMT.into())).await.0.len()), (1, 0));
    // What a first person releases is noted and closes nothing.
    let mut release = delivery("a", AMT, "release");
    let (person, aktenzeichen) = ("os:anna".to_owned(), Some("51-1/26".to_owned()));
    let word = Released { at: at(40), person, aktenzeichen };
    release.effects.objections = vec![ObjectionChange::Release { delivery: ids[2], word: word.clone() }];
    commit_one(&*store, release).await;
    let (found, _) = ask(&*store, Sought::Delivery(ids[2])).await;
    assert_eq!((found[0].released.clone(), found[0].closed.clone()), (Some(word), None));
    // A comparison closes all of its office that is older.
    commit_one(&*store, refused("young", "young", 100)).await;
    let mut other = refused("others", "others", 10);
    change(&mut other, |opening| opening.amt = "other".into());
    commit_one(&*store, other).await;
    let office =
        |from, before| Which::Office { aemter: vec![AMT.into()], from: at(from), before: at(before) };
    close("younger ones only", office(60, 100)).await;
    assert_eq!(under(&*store, "c near").await, 1, "received before the span");
    close("compared", office(0, 100)).await;
    assert_eq!((under(&*store, "c near").await, under(&*store, "young near").await), (0, 1));
    assert_eq!((of(&*store, AMT).await, of(&*store, "other").await), (1, 1));
}

pub async fn closings_of_one_batch_close_each_their_own(house: &dyn House) {
    let store = open(house).await;
    let mut ids = Vec::new();
    for (n, content) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let mut entry = refused(content, content, 10 + n as i64);
        if content == "d" {
            change(&mut entry, |opening| (opening.why, opening.under) = (Why::Unreadable, vec![]));
        }
        ids.push(commit_one(&*store, entry).await);
    }
    let closed = async |id: Uuid| {
        let (found, _) = ask(&*store, Sought::Delivery(id)).await;
        found[0].closed.clone().map(|(_, by)| by)
    };
    let stranger = Which::About { aemter: vec!["other".into()], keys: vec![key("c child")], before: at(99) };
    let batch = vec![
        closing_by("1", about("a", 11), "about"),
        closing_by("2", Which::Delivery(Uuid::from_u128(4)), "nothing"),
        closing_by("3", Which::Delivery(ids[1]), "delivery"),
        closing_by("4", Which::Block(ids[2]), "no block"),
        closing_by("5", stranger, "stranger"),
        closing_by("6", about("c", 12), "as old"),
        closing_by("7", Which::Block(ids[3]), "block"),
        closing_by("8", Which::Delivery(ids[1]), "too late"),
    ];
    assert_eq!(store.commit(batch).await.unwrap(), vec![Committed::New; 8]);
    let by = [closed(ids[0]).await, closed(ids[1]).await, closed(ids[2]).await, closed(ids[3]).await];
    assert_eq!(by.each_ref().map(Option::as_deref), [Some("about"), Some("delivery"), None, Some("block")]);
    // What the batch itself opens is closed by what comes after it and not by what came before.
    let (opened, early) = (refused("e", "e", 20), refused("f", "f", 21));
    let (e, f) = (id_of(&opened), id_of(&early));
    let batch = vec![
        closing_by("9", Which::Delivery(f), "before"),
        opened,
        early,
        closing_by("10", Which::Delivery(e), "after"),
        closing_by("11", about("c", 13), "later"),
    ];
    assert_eq!(store.commit(batch).await.unwrap(), vec![Committed::New; 5]);
    let by = [closed(e).await, closed(f).await, closed(ids[2]).await];
    assert_eq!(by.each_ref().map(Option::as_deref), [Some("after"), None, Some("later")]);
}

pub async fn objections_end_with_their_record(house: &dyn House) {
    let store = open(house).await;
    let id = Uuid::from_u128(7);
    let mut stored = delivery("a", AMT, "put");
    stored.effects.mirror = vec![put(id, "Quendel", &["x child"])];
    commit_one(&*store, stored).await;
    commit_one(&*store, refused("x", "1", 5)).await;
    let mut later = refused("x", "2", 60);
    change(&mut later, |opening| opening.content = sha256(b"later"));
    commit_one(&*store, later).await;
    assert_eq!(of(&*store, AMT).await, 2);
    let mut gone = delivery("a", AMT, "gone");
    gone.effects.mirror =
        vec![MirrorChange::Remove { id, tombstone: key("x child"), created: at(50), until: at(999) }];
    commit_one(&*store, gone).await;
    assert_eq!(mirrored(&*store, "x child").await, 0);
    let (left, _) = ask(&*store, Sought::Open(AMT.into())).await;
    assert_eq!(left.len(), 1, "what was made after the deletion speaks of something else");
    assert_eq!(left[0].made, at(60));
}

pub async fn objections_go_when_they_are_over(house: &dyn House) {
    let store = open(house).await;
    let day = |n: i64| {
        let now = at(n * 86_400);
        let heute = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        Stichtag { now, heute, fristen: Fristen::default(), person: String::new() }
    };
    let id = commit_one(&*store, refused("closed", "1", 5)).await;
    commit_one(&*store, closing("2", Which::Delivery(id))).await;
    commit_one(&*store, refused("open", "3", 5)).await;
    let mut child = refused("child", "4", 5);
    change(&mut child, |opening| opening.ends = Some(day(30).heute));
    let child = commit_one(&*store, child).await;
    let run = |stichtag: Stichtag| {
        let store: Arc<dyn Store> = store.clone();
        async move {
            let mut keys = 0;
            while let Some(slice) = store.retain(&stichtag, 100).await.unwrap() {
                keys += if slice.klasse == Klasse::Schluessel { slice.anzahl } else { 0 };
            }
            keys
        }
    };
    run(day(20)).await;
    assert_eq!(of(&*store, AMT).await, 2);
    assert!(!ask(&*store, Sought::Delivery(id)).await.0.is_empty());
    run(day(31)).await;
    assert_eq!(ask(&*store, Sought::Delivery(child)).await.0, [], "the child is of age");
    assert_eq!(of(&*store, AMT).await, 1);
    run(day(800)).await;
    assert_eq!(ask(&*store, Sought::Delivery(id)).await.0, [], "hashes are not kept for ever");
    assert_eq!(of(&*store, AMT).await, 1, "what is open stays open");
}
