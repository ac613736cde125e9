//! What every store must hold of answers whose ground ends: the record that they rest on, or one near it, and what is said of their register.

use drehscheibe::effects::{
    BestandChange, MirrorChange, Trace, Vorgang, VorgangChange, VorgangState, objections_key,
};
use drehscheibe::register::bestand::Bestand;
use drehscheibe::register::vorgang::Akte;
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::lane::Anew;
use drehscheibe::store::retention::Stichtag;
use uuid::Uuid;

use super::common::{House, at, claim, commit_one, delivery, key, later, open, put, record, settle};
use super::retention::{born, on, run};
use super::take_back::{BESIDE, by_two_ways, child_of, letter_of, state_of, unsent, vorgang_of};

/// An entry with this change of the mirror, and nothing else.
fn mirrored(name: &str, change: MirrorChange) -> Entry {
    let mut entry = delivery("b", "q", name);
    entry.effects.mirror = vec![change];
    entry.effects.beside = [BESIDE.to_owned()].into();
    entry
}

/// The record of this number as it stands under these keys.
fn record_of(n: u128, keys: &[&str]) -> MirrorChange {
    put(Uuid::from_u128(50 + n), "x", keys)
}

/// What becomes of a record on whose key an answer rests.
fn changes_of_a_record(n: u128) -> Vec<(&'static str, MirrorChange, bool)> {
    let (own, other) = (format!("child{n}"), format!("another{n}"));
    let contested = |mut change: MirrorChange| {
        let MirrorChange::Put { registersatz, .. } = &mut change else { panic!() };
        registersatz.vermerk.klaerung = true;
        change
    };
    let same = match record_of(n, &[&own]) {
        MirrorChange::Put { id, registersatz, keys, .. } => {
            MirrorChange::Put { id, registersatz, keys, as_before: true }
        }
        other => other,
    };
    let gone = MirrorChange::Remove {
        id: Uuid::from_u128(50 + n),
        tombstone: key(&format!("stone{n}")),
        created: at(3),
        until: at(9_000),
    };
    let beside = MirrorChange::Put {
        id: Uuid::from_u128(500 + n),
        registersatz: record("y"),
        keys: vec![key(&own)],
        as_before: false,
    };
    vec![
        ("says the same again", same, false),
        ("is another child's", put(Uuid::from_u128(500 + n), "y", &[&other]), false),
        ("is changed", record_of(n, &[&own]), true),
        ("is contested", contested(record_of(n, &[&own])), true),
        ("is changed and goes to other keys", record_of(n, &[&other]), true),
        ("is deleted", gone, true),
        ("stands beside another one", beside, true),
    ]
}

/// A Registersatz that comes, changes or goes under a key that an answer rests on takes it back; one that says the same again, or is another child's,
/// does not.
pub async fn what_changes_a_record_takes_an_answer_back(house: &dyn House) {
    let store = open(house).await;
    for n in 1..=changes_of_a_record(1).len() as u128 {
        let (what, change, back) = changes_of_a_record(n).swap_remove(n as usize - 1);
        commit_one(&*store, mirrored(&format!("record {n}"), record_of(n, &[&format!("child{n}")]))).await;
        commit_one(&*store, by_two_ways(n)).await;
        let made = store.commit_and_take(vec![mirrored(what, change).into()], None).await.unwrap();
        assert_eq!((made.committed.as_slice(), made.woken), ([Committed::New].as_slice(), back), "{what}");
        let state = if back { VorgangState::Eingegangen } else { VorgangState::Entschieden };
        assert_eq!(state_of(&*store, n).await, state, "{what}");
    }
}

/// What may have left is not taken back by that, and it is noted with it for whoever looks before it is repeated.
pub async fn what_may_have_left_is_told_that_its_ground_has_ended(house: &dyn House) {
    let store = open(house).await;
    let mut left = Vec::new();
    for n in 1..=changes_of_a_record(1).len() as u128 {
        let (what, change, ended) = changes_of_a_record(n).swap_remove(n as usize - 1);
        commit_one(&*store, mirrored(&format!("record {n}"), record_of(n, &[&format!("child{n}")]))).await;
        let id = commit_one(&*store, by_two_ways(n)).await;
        let lanes = claim(&*store, 1).await;
        let lane = lanes.iter().find(|lane| lane.heads[0].id == letter_of(n)).unwrap();
        assert!(store.remember(lane.id, lane.fence, letter_of(n), b"shown").await.unwrap());
        commit_one(&*store, mirrored(what, change)).await;
        let lies = store.lies(unsent(id, lane), Some(lane.id)).await.unwrap();
        assert_eq!((lies.anew, lies.spoken_against), (Anew::Left, ended), "{what}");
        assert_eq!(state_of(&*store, n).await, VorgangState::Entschieden, "{what}");
        left.push(lanes);
    }
    // A notice that is open as a Vorgang alone nobody who looks later would see either.
    let n = 90;
    let id = commit_one(&*store, by_two_ways(n)).await;
    let lanes = claim(&*store, 1).await;
    let lane = lanes.iter().find(|lane| lane.heads[0].id == letter_of(n)).unwrap();
    assert!(store.remember(lane.id, lane.fence, letter_of(n), b"shown").await.unwrap());
    let mut notice = delivery("b", "q", "notice");
    let akte = Akte { art: "alias".into(), offen: vec![Uuid::from_u128(6)], ..Akte::default() };
    let (owner, state) = (String::new(), VorgangState::BeimJugendamt);
    let vorgang = Vorgang { id: Uuid::from_u128(5), owner, state, deadline: None, akte };
    notice.effects.vorgaenge = vec![VorgangChange { key: child_of(n), vorgang }];
    notice.effects.beside = [BESIDE.to_owned()].into();
    commit_one(&*store, notice).await;
    assert!(store.lies(unsent(id, lane), Some(lane.id)).await.unwrap().spoken_against);
}

/// Less is said of a register than before: what was answered because it was complete is taken back; as much is not. What may have left is no less
/// issued for that.
pub async fn what_says_less_of_a_register_takes_its_answers_back(house: &dyn House) {
    let store = open(house).await;
    let said = |name: &str, says_less: bool| {
        let mut entry = delivery("b", "q", name);
        let bestand = Bestand::default();
        entry.effects.bestaende = vec![BestandChange { amt: "amt".into(), bestand, says_less }];
        entry.effects.beside = [BESIDE.to_owned()].into();
        entry
    };
    let resting = |n| {
        let mut request = by_two_ways(n);
        let vorgang = vorgang_of(n);
        request.effects.traces = vec![Trace { under: objections_key("amt"), vorgang }];
        request
    };
    commit_one(&*store, resting(1)).await;
    let id = commit_one(&*store, resting(2)).await;
    let lanes = claim(&*store, 1).await;
    for lane in &lanes {
        if lane.heads[0].id == letter_of(2) {
            assert!(store.remember(lane.id, lane.fence, letter_of(2), b"shown").await.unwrap());
        }
        assert!(settle(&*store, lane, 0, later(15), true, 2).await);
    }
    commit_one(&*store, said("as much", false)).await;
    assert_eq!(state_of(&*store, 1).await, VorgangState::Entschieden);
    let made = store.commit_and_take(vec![said("less", true).into()], None).await.unwrap();
    assert_eq!((made.committed.as_slice(), made.woken), ([Committed::New].as_slice(), true));
    assert_eq!(state_of(&*store, 1).await, VorgangState::Eingegangen);
    assert_eq!(state_of(&*store, 2).await, VorgangState::Entschieden);
    let lane = lanes.iter().find(|lane| lane.heads[0].id == letter_of(2)).unwrap();
    assert!(!store.lies(unsent(id, lane), None).await.unwrap().spoken_against);
}

/// The record of a child of age goes without an entry: what rests on it is noted, so that it is decided anew before it leaves.
pub async fn what_retention_removes_is_noted_with_what_rests_on_it(house: &dyn House) {
    let store = open(house).await;
    for (n, day) in [(1, "2009-05-12"), (2, "2019-05-12")] {
        commit_one(&*store, mirrored(&format!("record {n}"), born(&format!("child{n}"), day))).await;
    }
    let ids = [commit_one(&*store, by_two_ways(1)).await, commit_one(&*store, by_two_ways(2)).await];
    let lanes = claim(&*store, 1).await;
    for lane in &lanes {
        assert!(settle(&*store, lane, 0, later(15), true, 2).await);
    }
    let heute = Stichtag { heute: "2027-05-12".parse().unwrap(), ..on(at(100)) };
    run(&*store, &heute).await;
    for (n, id) in (1..).zip(ids) {
        let lane = lanes.iter().find(|lane| lane.heads[0].id == letter_of(n)).unwrap();
        let lies = store.lies(unsent(id, lane), None).await.unwrap();
        assert_eq!((lies.anew, lies.spoken_against), (Anew::Runs, n == 1), "{n}");
        assert_eq!(store.run_anew(unsent(id, lane), letter_of(n), at(101)).await.unwrap(), Anew::Runs);
    }
}
