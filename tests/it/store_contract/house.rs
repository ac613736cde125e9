//! What every store must hold of the house: commands, pauses, notes, and what it refuses to open.

use drehscheibe::envelope::Stage;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lies::Lies;
use drehscheibe::store::orders::{Command, CommandState, Order};
use drehscheibe::store::pauses::{Breaker, Pause};
use uuid::Uuid;

use super::common::{House, at, claim, commit_one, delivery, later, open, put, send, sent, settle};

pub async fn commands_are_taken_once(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let command = |n: u128| Command {
        id: Uuid::from_u128(n),
        order: Order::read("pause", &format!("{{\"n\":{n}}}")),
        person: "os:rita".into(),
        reason: "holiday".into(),
        at: at(1),
    };
    for n in 1..=3 {
        store.post_command(command(n)).await.unwrap();
    }
    store.post_command(command(1)).await.unwrap();
    assert_eq!(store.command_state(command(1).id).await.unwrap(), Some(CommandState::Waiting));
    assert_eq!(store.take_commands(2).await.unwrap(), [command(1), command(2)]);
    store.end_command(command(1).id, CommandState::Done("paused".into())).await.unwrap();
    store.end_command(command(2).id, CommandState::Refused("no such route".into())).await.unwrap();
    assert_eq!(store.take_commands(10).await.unwrap(), [command(3)]);
    assert_eq!(store.take_commands(10).await.unwrap(), []);
    // Left to another process it waits again; what has ended does not.
    for n in 1..=3 {
        store.leave_command(command(n).id).await.unwrap();
    }
    assert_eq!(store.take_commands(10).await.unwrap(), [command(3)]);
    assert_eq!(store.take_commands(10).await.unwrap(), []);
    let state = store.command_state(command(2).id).await.unwrap();
    assert_eq!(state, Some(CommandState::Refused("no such route".into())));
    assert_eq!(store.command_state(Uuid::from_u128(9)).await.unwrap(), None);
    drop(store);
    let (store, _) = house.run().await.unwrap();
    assert_eq!(store.take_commands(10).await.unwrap(), [command(3)], "the run that took it has ended");
}

pub async fn pauses_hold_until_their_end(house: &dyn House) {
    let store = open(house).await;
    let pause = |name: &str, until: Option<i64>| Pause {
        kind: "partner".into(),
        name: name.into(),
        until: until.map(at),
        reason: "they asked".into(),
        person: "os:rita".into(),
        since: at(0),
    };
    for one in [pause("x", None), pause("y", Some(100))] {
        store.set_pause("partner", &one.name.clone(), Some(one), "os:rita", at(0)).await.unwrap();
    }
    assert_eq!(store.pauses(at(99)).await.unwrap(), [pause("x", None), pause("y", Some(100))]);
    assert_eq!(store.pauses(at(100)).await.unwrap(), [pause("x", None)]);
    store.set_pause("partner", "x", None, "os:rita", at(5)).await.unwrap();
    store.set_pause("partner", "x", None, "os:rita", at(5)).await.unwrap();
    assert_eq!(store.pauses(at(100)).await.unwrap(), []);
}

pub async fn notes_and_breakers_are_kept(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.note("c", "k").await.unwrap(), None);
    store.set_note("c", "k", Some(b"one".to_vec())).await.unwrap();
    store.set_note("d", "k", Some(b"two".to_vec())).await.unwrap();
    store.set_note("c", "k", Some(b"three".to_vec())).await.unwrap();
    let breaker = Breaker { destination: "c:x".into(), failures: 3, open_until: Some(at(9)) };
    store.set_breaker(breaker.clone()).await.unwrap();
    drop(store);
    let store = open(house).await;
    assert_eq!(store.note("c", "k").await.unwrap().as_deref(), Some(&b"three"[..]));
    assert_eq!(store.note("d", "k").await.unwrap().as_deref(), Some(&b"two"[..]));
    store.set_note("c", "k", None).await.unwrap();
    assert_eq!(store.note("c", "k").await.unwrap(), None);
    // What is compared is written by the first only, and never over what somebody else wrote.
    let swap = async |before: Option<&[u8]>, value: &[u8]| {
        store.swap_note("c", "k", before.map(<[u8]>::to_vec), value.to_vec()).await.unwrap()
    };
    assert!(!swap(Some(b"none"), b"one").await);
    assert_eq!(store.note("c", "k").await.unwrap(), None);
    assert!(swap(None, b"one").await);
    assert!(!swap(None, b"two").await);
    assert!(!swap(Some(b"two"), b"three").await);
    assert!(swap(Some(b"one"), b"two").await);
    let swap = &swap;
    let all = (0..8u8).map(|n| async move { swap(Some(b"two"), &[n]).await });
    let won = futures_util::future::join_all(all).await;
    let winner = won.iter().position(|won| *won).unwrap() as u8;
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "of those that read the same one writes");
    assert_eq!(store.note("c", "k").await.unwrap(), Some(vec![winner]));
    assert_eq!(store.note("d", "k").await.unwrap().as_deref(), Some(&b"two"[..]));
    store.set_note("c", "k", None).await.unwrap();
    assert_eq!(store.breakers().await.unwrap(), std::slice::from_ref(&breaker));
    let closed = Breaker { failures: 0, open_until: None, ..breaker };
    store.set_breaker(closed.clone()).await.unwrap();
    assert_eq!(store.breakers().await.unwrap(), [closed]);
}

pub async fn other_stage_key_and_version_are_refused(house: &dyn House) {
    drop(house.open(Stage::Demo, 1).await.unwrap());
    let says = |refused: Option<StoreError>, words: &[&str]| match refused {
        Some(StoreError::Refused(text)) => assert!(words.iter().all(|w| text.contains(w)), "{text}"),
        other => panic!("{other:?}"),
    };
    says(house.open(Stage::Produktion, 1).await.err(), &["stage demo", "stage produktion"]);
    says(house.open(Stage::Demo, 2).await.err(), &["master key"]);
    let store = house.open(Stage::Demo, 1).await.unwrap();
    commit_one(&*store, delivery("a", "p", "1")).await;
    drop(store);
    house.raise_schema_version().await;
    says(house.open(Stage::Demo, 1).await.err(), &["schema version 999", "newer program"]);
}

pub async fn essence_is_equal_for_equal_work(house: &dyn House) {
    let store = open(house).await;
    let work = |name: &'static str| {
        let mut entry = delivery("a", "p", name);
        entry.effects.mirror = vec![put(Uuid::new_v4(), name, &[name])];
        let body = format!("{{\"id\":\"{}\",\"stand\":\"abgeschlossen\"}}", Uuid::new_v4());
        entry.effects.sends = vec![send("c:x", Some(name), &body)];
        entry
    };
    commit_one(&*store, work("one")).await;
    let one = store.essence().await.unwrap();
    assert!(one.iter().any(|line| line.contains("one Kind")), "decrypted content");
    assert!(one.iter().any(|line| line.contains("\"id\":\"*\"") && line.contains("abgeschlossen")));
    assert!(one.is_sorted());
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, later(3), true, 2).await);
    let lane = claim(&*store, 3).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), true, 4).await);
    let sent_after_retry = store.essence().await.unwrap();
    assert_ne!(one, sent_after_retry);
    let second = tempfile::tempdir().unwrap();
    let open_second = drehscheibe::store::BACK_ENDS.iter().find(|row| row.name == "sqlite").unwrap().open;
    let master = secrecy::SecretBox::new(Box::new([5; 32]));
    let other = open_second(&Lies::Folder(second.path().to_owned()), Stage::Test, master, false).unwrap();
    let mut entry = work("one");
    entry.now = at(100);
    commit_one(&*other, entry).await;
    let lane = claim(&*other, 200).await.remove(0);
    assert!(settle(&*other, &lane, 0, sent(), true, 201).await);
    assert_eq!(other.essence().await.unwrap(), sent_after_retry, "ids, times, keys and attempts differ");
    commit_one(&*other, work("two")).await;
    assert_ne!(other.essence().await.unwrap(), sent_after_retry);
    drop(store);
    let strict = tempfile::tempdir().unwrap();
    let master = secrecy::SecretBox::new(Box::new([5; 32]));
    let strict =
        open_second(&Lies::Folder(strict.path().to_owned()), Stage::Produktion, master, false).unwrap();
    assert!(matches!(strict.essence().await, Err(StoreError::Refused(_))));
}
