//! Search keys of a new version: what the program before stored gets them in slices, also after a crash between two of them; until an
//! office's last record is reached its Bestand says so.

use drehscheibe::effects::{BestandChange, Fact, Guard, MirrorChange, Question};
use drehscheibe::register::bestand::Bestand;
use drehscheibe::register::gemeinden::Gemeinden;
use drehscheibe::register::keys::{self, SearchKey};
use drehscheibe::register::record::{Kind, Mutter, Personenname, Registersatz, TeilDatum};
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::Committed;
use uuid::Uuid;

use super::common::{House, at, commit_one, delivery, open, record};

fn day(text: &str) -> Option<TeilDatum> {
    TeilDatum::parse(text)
}

/// The n-th child, of whose mother the year is known only.
fn satz(n: u32) -> Registersatz {
    let name = |given: &str| Personenname {
        familienname: Some("Muster".into()),
        geburtsname: None,
        vornamen: Some(given.into()).filter(|given: &String| !given.is_empty()),
    };
    let kind = Kind {
        namen: vec![name(&if n == 0 { String::new() } else { format!("Ida{n}") })],
        geburtsort: Some("Bremen".into()),
        geburtsdatum: day(&format!("2024-08-{:02}", n + 1)),
        geburtsregister_nummer: Some(format!("{n}1/2024")),
        ..Kind::default()
    };
    let mutter = Mutter { name: name("Rosa"), geburtsdatum: day("1994").unwrap(), ..Mutter::default() };
    Registersatz { kind, mutter, ..*record("x") }
}

fn put(n: u32, keys: Vec<SearchKey>) -> MirrorChange {
    MirrorChange::Put {
        id: Uuid::from_u128(u128::from(n) + 1),
        registersatz: Box::new(satz(n)),
        keys,
        as_before: false,
    }
}

/// Keys as the program before wrote them.
fn alte(n: u32) -> Vec<SearchKey> {
    keys::alt::of(&satz(n)).into_iter().chain([keys::satz(Uuid::from_u128(u128::from(n) + 1))]).collect()
}

/// Keys by which only this program finds it.
fn neue(n: u32) -> Vec<SearchKey> {
    let alte = alte(n);
    keys::of(&satz(n)).into_iter().filter(|key| !alte.contains(key)).collect()
}

async fn under(store: &dyn Store, key: &SearchKey) -> usize {
    let answer = store.lookup(vec![Question::Mirror(key.clone())]).await.unwrap().remove(0);
    let Fact::Mirror(found) = answer.fact else { panic!() };
    found.len()
}

async fn left(store: &dyn Store, amt: &str) -> bool {
    let answer = store.lookup(vec![Question::Bestand(amt.into())]).await.unwrap().remove(0);
    let Fact::Bestand(found) = answer.fact else { panic!() };
    found.is_some_and(|bestand| bestand.alte_schluessel)
}

pub async fn records_of_the_program_before_get_their_keys(house: &dyn House) {
    let store = open(house).await;
    for n in 0..5 {
        let partner = if n < 3 { "bremen" } else { "kiel" };
        let mut entry = delivery("a", partner, &n.to_string());
        entry.effects.mirror = vec![put(n, alte(n))];
        commit_one(&*store, entry).await;
    }
    let bestand = Bestand { begonnen: Some(at(0)), ..Bestand::default() };
    let mut entry = delivery("a", "bremen", "bestand");
    entry.effects.bestaende =
        vec![BestandChange { amt: "bremen".into(), bestand: bestand.clone(), says_less: false }];
    commit_one(&*store, entry).await;
    assert_eq!(store.rekey(9).await.unwrap(), 0, "a commit notes itself that its keys are of this version");
    drop(store);
    house.forget_keys().await;

    let store = open(house).await;
    for amt in ["bremen", "kiel"] {
        assert!(left(&*store, amt).await, "{amt}");
    }
    assert!(!left(&*store, "hamburg").await);
    for n in 0..5 {
        assert!(neue(n).len() >= 3, "{n}: {}", neue(n).len());
        for key in neue(n) {
            assert_eq!(under(&*store, &key).await, 0, "{n} {key:?}");
        }
    }
    // Who looked before a record was reached, decides again.
    let question = Question::Mirror(neue(0)[0].clone());
    let before = store.lookup(vec![question.clone()]).await.unwrap().remove(0).guard.seen;
    let decided = |seen, name: &str| {
        let mut entry = delivery("a", "p", name);
        entry.effects.guards = vec![Guard { key: question.key(), seen }];
        entry
    };
    assert_eq!(store.rekey(2).await.unwrap(), 2);
    assert_eq!(store.commit(vec![decided(before, "stale")]).await.unwrap(), [Committed::Stale]);
    assert!(left(&*store, "bremen").await && left(&*store, "kiel").await);
    drop(store);

    // Killed between two slices.
    let store = open(house).await;
    let mut done = 0;
    for n in 0..5 {
        done += under(&*store, &neue(n)[0]).await;
    }
    assert_eq!(done, 2, "whole slices are kept");
    assert_eq!(store.rekey(1).await.unwrap(), 1);
    assert!(!left(&*store, "bremen").await && left(&*store, "kiel").await, "office after office");
    // A record that changes meanwhile is of this version with it.
    let mut change = delivery("a", "kiel", "change");
    change.effects.mirror = vec![put(3, keys::of(&satz(3)))];
    commit_one(&*store, change).await;
    assert_eq!(store.rekey(9).await.unwrap(), 1);
    assert_eq!(store.rekey(9).await.unwrap(), 0);
    for amt in ["bremen", "kiel"] {
        assert!(!left(&*store, amt).await, "{amt}");
    }
    for n in 0..5 {
        for key in neue(n) {
            assert_eq!(under(&*store, &key).await, 1, "{n} {key:?}");
        }
        // The program before may still run.
        for key in keys::alt::of(&satz(n)) {
            assert!(under(&*store, &key).await >= 1, "{n} {key:?}");
        }
    }
    let answer = store.lookup(vec![Question::Bestand("bremen".into())]).await.unwrap().remove(0);
    assert_eq!(answer.fact, Fact::Bestand(Some(bestand)));
    let seen = store.lookup(vec![question.clone()]).await.unwrap().remove(0).guard.seen;
    assert_eq!(store.commit(vec![decided(seen, "fresh")]).await.unwrap(), [Committed::New]);
}

/// Letters that documents write as others: a record is found by either only under the keys of this version.
pub async fn letters_that_are_written_two_ways_are_met_after_it(house: &dyn House) {
    let names = [
        ("Þóra", "Tora"),
        ("Inŋa", "Innga"),
        ("Əhməd", "Ahmad"),
        ("Ĳsbrand", "Ysbrand"),
        ("Ŧuija", "Thuija"),
    ];
    let of = |n: usize, given: &str| {
        let mut satz = satz(n as u32 + 1);
        satz.kind.namen[0].vornamen = Some(given.to_owned());
        satz.mutter.geburtsdatum = day("1994-03-02").unwrap();
        satz
    };
    // Her day is mistyped in the request: what finds the child is its name with its day.
    let asked = |n: usize, plain: &str| {
        let satz = of(n, plain);
        let her = Mutter { geburtsdatum: day("1990-01-01").unwrap(), ..satz.mutter };
        keys::Gesucht::of(&Gemeinden::default(), &satz.kind, &her).saetze
    };
    let store = open(house).await;
    for (n, (given, plain)) in names.into_iter().enumerate() {
        let satz = of(n, given);
        let plain = asked(n, plain);
        let before: Vec<SearchKey> = keys::of(&satz).into_iter().filter(|key| !plain.contains(key)).collect();
        assert!(before.len() < keys::of(&satz).len(), "{given}: this version has a key more");
        let mut entry = delivery("a", "bremen", given);
        let id = Uuid::from_u128(n as u128 + 1);
        entry.effects.mirror =
            vec![MirrorChange::Put { id, registersatz: Box::new(satz), keys: before, as_before: false }];
        commit_one(&*store, entry).await;
    }
    drop(store);
    house.forget_keys().await;
    let store = open(house).await;
    assert!(left(&*store, "bremen").await, "until the last one is done its register is case J");
    let met = async |n: usize, plain: &str| {
        let mut found = 0;
        for key in asked(n, plain) {
            found += under(&*store, &key).await;
        }
        found > 0
    };
    for (n, (given, plain)) in names.into_iter().enumerate() {
        assert!(!met(n, plain).await, "{given}");
    }
    assert_eq!(store.rekey(9).await.unwrap(), names.len() as u64);
    assert!(!left(&*store, "bremen").await);
    for (n, (given, plain)) in names.into_iter().enumerate() {
        assert!(met(n, plain).await, "{given} is met by {plain}");
    }
}

pub async fn two_at_once_reach_each_record_once(house: &dyn House) {
    let store = open(house).await;
    for n in 0..9 {
        let mut entry = delivery("a", "bremen", &n.to_string());
        entry.effects.mirror = vec![put(n, alte(n))];
        commit_one(&*store, entry).await;
    }
    drop(store);
    house.forget_keys().await;
    let store = open(house).await;
    let all = |store: std::sync::Arc<dyn Store>| async move {
        let mut done = 0;
        // Where the other one is at work there is nothing to do right now.
        for _ in 0..200 {
            done += store.rekey(2).await.unwrap();
            if !left(&*store, "bremen").await {
                break;
            }
            tokio::task::yield_now().await;
        }
        done
    };
    let (one, other) = tokio::join!(tokio::spawn(all(store.clone())), tokio::spawn(all(store.clone())));
    assert_eq!(one.unwrap() + other.unwrap(), 9);
    for n in 0..9 {
        for key in neue(n) {
            assert_eq!(under(&*store, &key).await, 1, "{n}");
        }
    }
}
