//! What is kept no longer: each class on both sides of its date, a plan that equals what is done, and runs that change nothing
//! more.

use std::collections::BTreeMap;
use std::sync::Arc;

use drehscheibe::effects::{Fact, MirrorChange, Question, Vorgang, VorgangChange, VorgangState};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::fristen::{Fristen, Klasse};
use drehscheibe::register::keys::child;
use drehscheibe::register::record::TeilDatum;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::orders::{Command, CommandState, Order};
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::retention::{Faellig, Stichtag};
use drehscheibe::store::stamp::Scope;
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::common::{
    self, House, all, at, bodies, claim, claims_of, commit_one, delivery, id_of, key, mirrored, moved, open,
    parked, record, seen, send, sent, settle, spool,
};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// As of a moment, on a civil day long before any birthday of the suite.
pub fn on(now: Timestamp) -> Stichtag {
    Stichtag { now, heute: day("2021-01-01"), fristen: Fristen::default(), person: String::new() }
}

fn moment(text: &str) -> Stichtag {
    on(text.parse().unwrap())
}

/// Runs until nothing is left, in small slices; what went of each class.
pub async fn run(store: &dyn Store, stichtag: &Stichtag) -> BTreeMap<Klasse, u64> {
    let mut done = BTreeMap::new();
    for _ in 0..500 {
        match store.retain(stichtag, 3).await.unwrap() {
            None => return done,
            Some(slice) if slice.anzahl == 0 => {}
            Some(slice) => *done.entry(slice.klasse).or_default() += slice.anzahl,
        }
    }
    panic!("it comes to no end: {done:?}");
}

async fn of(store: &dyn Store, stichtag: &Stichtag, klasse: Klasse) -> Faellig {
    let plan = store.retention_plan(stichtag).await.unwrap();
    plan.into_iter().find(|one| one.klasse == klasse).unwrap()
}

/// What the plan says of all classes in which something goes.
pub async fn planned(store: &dyn Store, stichtag: &Stichtag) -> BTreeMap<Klasse, u64> {
    let plan = store.retention_plan(stichtag).await.unwrap();
    plan.into_iter().filter(|one| one.anzahl > 0).map(|one| (one.klasse, one.anzahl)).collect()
}

/// Before its date nothing of a class goes; then exactly what the plan says, and nothing more when it runs again.
pub async fn goes(store: &dyn Store, klasse: Klasse, before: &Stichtag, after: &Stichtag, n: u64) {
    assert_eq!(of(store, before, klasse).await.anzahl, 0, "{klasse:?} before");
    assert_eq!(run(store, before).await.get(&klasse), None, "{klasse:?} before");
    let plan = planned(store, after).await;
    assert_eq!(plan.get(&klasse), Some(&n), "{klasse:?} {plan:?}");
    assert_eq!(run(store, after).await, plan, "the plan is what is done");
    assert_eq!(run(store, after).await, BTreeMap::new(), "a second run changes nothing");
    assert_eq!(planned(store, after).await, BTreeMap::new());
}

pub async fn settled_messages_go_with_their_month(house: &dyn House) {
    let store = open(house).await;
    for n in 0..4 {
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.sends = vec![send("x:y", Some("k"), "body")];
        commit_one(&*store, entry).await;
    }
    let mut waits = delivery("a", "p", "parked");
    waits.state = Inbound::Parked;
    let waits = commit_one(&*store, waits).await;
    let mut unsent = delivery("b", "p", "unsent");
    unsent.effects.sends = vec![send("z:y", None, "stays")];
    let unsent = commit_one(&*store, unsent).await;
    for lane in claim(&*store, 1).await {
        if lane.destination == "x:y" {
            for n in 0..lane.heads.len() {
                assert!(settle(&*store, &lane, n, sent(), n + 1 == lane.heads.len(), 2).await);
            }
        }
    }
    let (before, after) = (moment("2027-03-02T23:59:59Z"), moment("2027-03-03T00:00:01Z"));
    goes(&*store, Klasse::Nachrichten, &before, &after, 8).await;
    let left = store.list(&Scope::Operator, all()).await.unwrap();
    let mut left: Vec<Uuid> = left.iter().map(|one| one.id).collect();
    left.sort();
    let mut expected = vec![waits, unsent];
    expected.sort();
    assert_eq!(left, expected, "what waits or still has to leave stays");
    // The key outlives the message: the repeat has no second effect.
    let again = store.commit(vec![delivery("a", "p", "0")]).await.unwrap();
    assert!(matches!(&again[0], Committed::Again(verdict) if verdict.reply.is_none()), "{again:?}");
    let lanes = claim(&*store, 3_000_000).await;
    assert_eq!(lanes.iter().flat_map(bodies).collect::<Vec<_>>(), ["stays"]);
}

pub async fn whole_months_go_and_the_next_one_stays(house: &dyn House) {
    let store = open(house).await;
    for n in 0..5 {
        commit_one(&*store, delivery("a", "p", &format!("jan {n}"))).await;
    }
    let mut later = delivery("a", "p", "feb");
    later.now = "2027-02-01T00:00:00Z".parse().unwrap();
    Arc::make_mut(&mut later.envelope).head.received = later.now;
    let later = commit_one(&*store, later).await;
    let (before, after) = (moment("2027-03-02T23:59:59Z"), moment("2027-03-03T00:00:01Z"));
    goes(&*store, Klasse::Nachrichten, &before, &after, 5).await;
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
    let scope = Scope::Mandant("a".into());
    let original = store.original(&scope, later, "os:rita", "Probe", at(9)).await.unwrap();
    assert!(original.is_some(), "what is left opens");
    goes(&*store, Klasse::Nachrichten, &after, &moment("2027-03-31T00:00:01Z"), 1).await;
}

pub async fn what_nobody_came_for_goes_after_a_warning(house: &dyn House) {
    let store = open(house).await;
    for (n, state) in [Inbound::Parked, Inbound::Quarantined].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &format!("held {n}"));
        entry.state = state;
        commit_one(&*store, entry).await;
    }
    let mut entry = delivery("a", "p", "sends");
    let (first, mut after) = (send("x:y", Some("k"), "first"), send("q:y", None, "after"));
    after.after = Some(first.id);
    let mut next = send("x:y", Some("k"), "next");
    next.deadline = None;
    entry.effects.sends = vec![first, after, next];
    commit_one(&*store, entry).await;
    let lanes = claim(&*store, 1).await;
    let lane = lanes.iter().find(|lane| lane.destination == "x:y").unwrap();
    assert!(settle(&*store, lane, 0, parked(), true, 0).await);
    let days = |n: i64| on(at(n * 86_400));
    assert_eq!(of(&*store, &days(75), Klasse::Zurueckgestellt).await.bald, 0);
    assert_eq!(of(&*store, &days(77), Klasse::Zurueckgestellt).await.bald, 3, "somebody is called before");
    assert!(claim(&*store, 90 * 86_400).await.is_empty(), "the head holds its lane");
    let mut over = days(90);
    over.now = at(90 * 86_400 + 1);
    goes(&*store, Klasse::Zurueckgestellt, &days(90), &over, 3).await;
    let lanes = claim(&*store, 90 * 86_400 + 5).await;
    assert_eq!(lanes.iter().flat_map(bodies).collect::<Vec<_>>(), ["next"], "the lane goes on");
}

pub async fn ended_vorgaenge_go_with_their_keys(house: &dyn House) {
    let store = open(house).await;
    for (n, (mandant, state)) in
        [("a", VorgangState::Zugestellt), ("a", VorgangState::BeimJugendamt), ("b", VorgangState::Abgelaufen)]
            .into_iter()
            .enumerate()
    {
        let vorgang = Vorgang { id: Uuid::from_u128(n as u128 + 1), ..common::vorgang("jga:1", state) };
        let mut entry = delivery(mandant, "p", &n.to_string());
        entry.now = at(n as i64);
        entry.effects.vorgaenge = vec![VorgangChange { key: key(&format!("v{n}")), vorgang }];
        entry.effects.sends = vec![send("x:y", None, "still leaves")];
        commit_one(&*store, entry).await;
    }
    let days = |seconds: i64| on(at(180 * 86_400 + seconds));
    let marks = [seen(&*store, "v0").await, seen(&*store, "v1").await];
    goes(&*store, Klasse::Vorgaenge, &days(0), &days(1), 1).await;
    let there = async |n: usize| {
        let answer = store.lookup(vec![Question::Vorgang(key(&format!("v{n}")))]).await.unwrap().remove(0);
        answer.fact != Fact::Vorgang(None)
    };
    assert!(!there(0).await);
    assert!(moved(&*store, "v0", marks[0]).await, "and who decided on it decides again");
    assert!(there(1).await, "an open one stays");
    assert!(!moved(&*store, "v1", marks[1]).await);
    assert!(there(2).await, "the other Mandant's is younger");
    goes(&*store, Klasse::Vorgaenge, &days(2), &days(3), 1).await;
    let bodies: Vec<String> = claim(&*store, 5).await.iter().flat_map(bodies).collect();
    assert_eq!(bodies, ["still leaves"; 3]);
}

pub async fn keys_outlive_their_messages_as_hashes(house: &dyn House) {
    let store = open(house).await;
    for n in 0..7 {
        commit_one(&*store, delivery("a", "p", &n.to_string())).await;
    }
    let mut later = delivery("a", "p", "later");
    later.now = "2027-02-01T00:00:00Z".parse().unwrap();
    commit_one(&*store, later).await;
    let (before, after) = (moment("2028-01-31T23:59:59Z"), moment("2028-02-01T00:00:01Z"));
    run(&*store, &before).await;
    let repeat = store.commit(vec![delivery("a", "p", "0")]).await.unwrap();
    assert!(matches!(repeat[0], Committed::Again(_)), "{repeat:?}");
    goes(&*store, Klasse::Schluessel, &before, &after, 7).await;
    let mut new = delivery("a", "p", "0");
    new.now = after.now;
    let new = store.commit(vec![new, delivery("a", "p", "later")]).await.unwrap();
    assert!(matches!(&new[..], [Committed::New, Committed::Again(_)]), "{new:?}");
}

pub async fn two_runs_that_overlap_at_the_end_of_a_month_both_come_to_an_end(house: &dyn House) {
    let store = open(house).await;
    for n in 0..12 {
        commit_one(&*store, delivery("a", "p", &n.to_string())).await;
    }
    let (before, after) = (moment("2028-01-31T23:59:59Z"), moment("2028-02-01T00:00:01Z"));
    let (mut slices, mut ended) = (0, false);
    while !ended && slices < 400 {
        // The one that began before midnight, ordered by a person, and that of the day, slice about.
        let older = store.retain(&before, 1).await.unwrap();
        let younger = store.retain(&after, 1).await.unwrap();
        ended = older.is_none() && younger.is_none();
        slices += 1;
    }
    assert!(ended, "neither begins the other's pass anew");
    assert_eq!(planned(&*store, &after).await, BTreeMap::new(), "and nothing is left");
    assert_eq!(store.commit(vec![delivery("a", "p", "3")]).await.unwrap(), [Committed::New]);
}

pub async fn what_a_wrong_clock_noted_holds_up_no_run(house: &dyn House) {
    let store = open(house).await;
    run(&*store, &moment("2035-01-01T00:00:01Z")).await;
    for n in 0..4 {
        commit_one(&*store, delivery("a", "p", &n.to_string())).await;
    }
    let (before, after) = (moment("2028-01-31T23:59:59Z"), moment("2028-02-01T00:00:01Z"));
    run(&*store, &before).await;
    goes(&*store, Klasse::Schluessel, &before, &after, 4).await;
}

pub fn born(name: &str, date: &str) -> MirrorChange {
    let mut satz = record(name);
    satz.kind.geburtsdatum = TeilDatum::parse(date);
    let id = Uuid::new_v5(&Uuid::nil(), name.as_bytes());
    MirrorChange::Put { id, registersatz: satz, keys: vec![key(name)], as_before: false }
}

pub async fn records_go_on_the_eighteenth_birthday(house: &dyn House) {
    let store = open(house).await;
    for (n, (name, mandant, date)) in [
        ("ganz", "a", "2009-05-12"),
        ("schalt", "a", "2008-02-29"),
        ("monat", "a", "2009-04"),
        ("jahr", "a", "2009"),
        ("jung", "a", "2019-05-12"),
        ("anderer", "b", "2019-05-12"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut entry = delivery(mandant, "p", &n.to_string());
        entry.effects.mirror = vec![born(name, date)];
        commit_one(&*store, entry).await;
    }
    let mut spoke = delivery("a", "p", "spoke of it");
    spoke.state = Inbound::Parked;
    spoke.effects.subjects = vec![key("ganz")];
    let spoke = commit_one(&*store, spoke).await;
    let heute = |text: &str| Stichtag { heute: day(text), ..on(at(100)) };
    for (name, before, after) in [
        ("schalt", "2026-02-28", "2026-03-01"),
        ("monat", "2027-04-29", "2027-04-30"),
        ("ganz", "2027-05-11", "2027-05-12"),
        ("jahr", "2027-12-30", "2027-12-31"),
    ] {
        assert_eq!(mirrored(&*store, name).await, 1, "{name}");
        let guard = seen(&*store, name).await;
        goes(&*store, Klasse::Registersaetze, &heute(before), &heute(after), 1).await;
        assert_eq!(mirrored(&*store, name).await, 0, "{name}");
        assert!(seen(&*store, name).await > guard, "who decided on it decides again");
    }
    assert_eq!((mirrored(&*store, "jung").await, mirrored(&*store, "anderer").await), (1, 1));
    let scope = Scope::Mandant("a".into());
    let original = store.original(&scope, spoke, "os:rita", "Probe", at(101)).await.unwrap();
    assert!(
        original.is_none_or(|original| original.body.is_empty()),
        "what spoke of the child is gone with it"
    );
    let satz = match born("ganz", "2009-05-12") {
        MirrorChange::Put { registersatz, .. } => registersatz,
        other => panic!("{other:?}"),
    };
    let stone = Question::Tombstone(child(&satz.kind, &satz.mutter));
    let answer = store.lookup(vec![stone]).await.unwrap().remove(0);
    assert!(matches!(answer.fact, Fact::Tombstone(Some(_))), "an older delivery does not bring it back");
}

pub async fn a_corrected_birthday_counts(house: &dyn House) {
    let store = open(house).await;
    let heute = |text: &str| Stichtag { heute: day(text), ..on(at(100)) };
    for (n, date) in ["2009-05-12", "2010-06-30"].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.mirror = vec![born("kind", date)];
        commit_one(&*store, entry).await;
        // A run between both notes the first day.
        run(&*store, &heute("2027-01-01")).await;
    }
    let mut unknown = delivery("a", "p", "unknown");
    unknown.effects.mirror = vec![MirrorChange::Put {
        id: Uuid::new_v4(),
        registersatz: record("nie"),
        keys: vec![key("nie")],
        as_before: false,
    }];
    commit_one(&*store, unknown).await;
    assert_eq!(of(&*store, &heute("2028-06-29"), Klasse::Registersaetze).await.ohne_datum, 1);
    goes(&*store, Klasse::Registersaetze, &heute("2028-06-29"), &heute("2028-06-30"), 1).await;
    assert_eq!(of(&*store, &heute("2099-01-01"), Klasse::Registersaetze).await.ohne_datum, 1);
    assert_eq!(mirrored(&*store, "nie").await, 1, "without a date nothing goes by itself");
}

pub async fn records_without_a_day_get_theirs(house: &dyn House) {
    let store = open(house).await;
    let heute = |text: &str| Stichtag { heute: day(text), ..on(at(100)) };
    for (n, date) in ["2009-05-12", "2019-05-12", "2010-06-30"].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.mirror = vec![born(date, date)];
        commit_one(&*store, entry).await;
    }
    assert_eq!(store.retain(&heute("2027-01-01"), 9).await.unwrap(), None, "a commit writes them itself");
    drop(store);
    house.forget_days().await;
    let store = open(house).await;
    let mut changed = delivery("a", "p", "changed");
    changed.effects.mirror = vec![born("2010-06-30", "2011-06-30")];
    commit_one(&*store, changed).await;
    assert_eq!(of(&*store, &heute("2027-05-12"), Klasse::Registersaetze).await.anzahl, 1);
    let slice = store.retain(&heute("2027-01-01"), 9).await.unwrap();
    assert_eq!(slice.map(|slice| slice.anzahl), Some(0), "prepared, and nothing went");
    assert_eq!(store.retain(&heute("2027-01-01"), 9).await.unwrap(), None);
    goes(&*store, Klasse::Registersaetze, &heute("2027-05-11"), &heute("2027-05-12"), 1).await;
    goes(&*store, Klasse::Registersaetze, &heute("2029-06-29"), &heute("2029-06-30"), 1).await;
}

pub async fn tombstones_go_when_they_are_over(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "removal");
    entry.effects.mirror = vec![MirrorChange::Remove {
        id: Uuid::new_v4(),
        tombstone: key("grab"),
        created: at(0),
        until: at(1_000),
    }];
    commit_one(&*store, entry).await;
    let guard = seen(&*store, "grab").await;
    // To the second: a class that carries its own end.
    goes(&*store, Klasse::Loeschmarken, &on(at(999)), &on(at(1_001)), 1).await;
    let answer = store.lookup(vec![Question::Tombstone(key("grab"))]).await.unwrap().remove(0);
    assert_eq!(answer.fact, Fact::Tombstone(None));
    assert!(moved(&*store, "grab", guard).await, "and who decided on it decides again");
}

pub async fn logs_and_evidence_go_by_months(house: &dyn House) {
    let store = open(house).await;
    let id = commit_one(&*store, delivery("a", "p", "one")).await;
    let scope = Scope::Mandant("a".into());
    store.original(&scope, id, "os:rita", "Probe", at(5)).await.unwrap();
    let (before, after) = (moment("2027-06-30T23:59:59Z"), moment("2027-07-01T00:00:01Z"));
    goes(&*store, Klasse::Abrufprotokoll, &before, &after, 1).await;
    // What runs removed stands in the evidence, too, which itself goes at last; its newest month is never over.
    let (before, after) = (moment("2030-01-30T23:59:59Z"), moment("2030-01-31T00:00:01Z"));
    commit_one(&*store, {
        let mut entry = delivery("a", "p", "new");
        entry.now = before.now;
        entry
    })
    .await;
    let n = of(&*store, &after, Klasse::Nachweise).await.anzahl;
    assert!(n > 0);
    goes(&*store, Klasse::Nachweise, &before, &after, n).await;
}

pub async fn commands_and_pauses_that_ended_go(house: &dyn House) {
    let store = open(house).await;
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    for id in ids {
        let command = Command {
            id,
            order: Order::read("replay", "{}"),
            person: "os:rita".into(),
            reason: "again".into(),
            at: at(0),
        };
        store.post_command(command).await.unwrap();
    }
    store.end_command(ids[0], CommandState::Done("done".into())).await.unwrap();
    for (name, until) in [("ended", Some(at(0))), ("holds", None)] {
        let pause = Pause {
            kind: "route".into(),
            name: name.into(),
            until,
            reason: "Wartung".into(),
            person: "os:rita".into(),
            since: at(-10),
        };
        store.set_pause("route", name, Some(pause), "os:rita", at(-10)).await.unwrap();
    }
    let days = |seconds: i64| on(at(90 * 86_400 + seconds));
    goes(&*store, Klasse::Befehle, &days(0), &days(1), 2).await;
    assert_eq!(store.command_state(ids[0]).await.unwrap(), None);
    assert_eq!(store.command_state(ids[1]).await.unwrap(), Some(CommandState::Waiting));
    assert_eq!(store.pauses(at(90 * 86_400)).await.unwrap().len(), 1);
}

pub async fn parts_of_what_went_are_collected(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let mut entry = delivery("a", "p", "parts");
    let part = spool(&*store, "a", &[7u8; 200_000]).await;
    Arc::make_mut(&mut entry.envelope).parts = vec![part];
    let id = id_of(&entry);
    commit_one(&*store, entry).await;
    drop(store);
    let (store, _) = house.run().await.unwrap();
    assert_eq!(claims_of(house).len(), 1);
    run(&*store, &moment("2027-03-03T00:00:01Z")).await;
    assert!(store.list(&Scope::Operator, all()).await.unwrap().iter().all(|one| one.id != id));
    assert_eq!(store.collect_garbage().await.unwrap(), 1);
    assert_eq!(claims_of(house).len(), 0);
}

pub async fn two_at_once_do_it_once(house: &dyn House) {
    let store = open(house).await;
    for n in 0..40 {
        let mut entry = delivery("a", "p", &n.to_string());
        let date = if n % 2 == 0 { "2005-01-01" } else { "2020-01-01" };
        entry.effects.mirror = vec![born(&format!("kind {n}"), date)];
        commit_one(&*store, entry).await;
    }
    let mut stichtag = moment("2027-03-03T00:00:01Z");
    stichtag.heute = day("2027-03-03");
    let plan = planned(&*store, &stichtag).await;
    assert_eq!(plan, BTreeMap::from([(Klasse::Registersaetze, 20), (Klasse::Nachrichten, 40)]));
    let mut running = Vec::new();
    for _ in 0..2 {
        let (store, stichtag) = (store.clone(), stichtag.clone());
        running.push(tokio::spawn(async move {
            let mut done: BTreeMap<Klasse, u64> = BTreeMap::new();
            for _ in 0..200 {
                match store.retain(&stichtag, 3).await {
                    Ok(Some(slice)) => *done.entry(slice.klasse).or_default() += slice.anzahl,
                    // Another one is at it.
                    Ok(None) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                    Err(StoreError::Later(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            done
        }));
    }
    let mut sum: BTreeMap<Klasse, u64> = BTreeMap::new();
    for one in running {
        for (klasse, n) in one.await.unwrap() {
            *sum.entry(klasse).or_default() += n;
        }
    }
    sum.retain(|_, n| *n > 0);
    assert_eq!(sum, plan);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().mirror, 20);
}
