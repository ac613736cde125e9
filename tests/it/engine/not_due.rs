//! A Negativauskunft that may not leave yet, while what only time or files end does end (rules.md 2, 2.1): it is decided anew at once, so that whoever
//! asks, whoever repeats the request and whoever is called back hear what the register says now, and never that it is done and then that it is not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::engine::ports::Ports;
use drehscheibe::engine::start::{Engine, Start};
use drehscheibe::envelope::{Envelope, How, PartnerRef, Stage, Stand};
use drehscheibe::plan::PlanSet;
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::transport::port::mailbox::{Asking, Mailboxes};
use jiff::Timestamp;

use super::ground::at_rest;
use super::house::{Kept, reaching, unreleased};
use super::lain::{art, asked, heard, reported};
use super::rig::NoCommands;
use super::taken_back::{Played, Ways, found, says, told};
use super::troubled::Troubled;
use crate::letters::house::words_of;
use crate::postgres;
use crate::support::until;

const OPEN: (Stand, Stand) = (Stand::InBearbeitung, Stand::InBearbeitung);
const DONE: (Stand, Stand) = (Stand::Abgeschlossen, Stand::Abgeschlossen);

/// Runs other files from now on, as an apply does.
fn apply(played: &Played, files: &PlanSet) {
    let core = &played.world.house.engine.as_ref().unwrap().core;
    let destinations = core.set.load().destinations.clone();
    assert_ne!(core.set.load().version, files.version);
    core.set.store(reaching(files, destinations));
}

/// Waits until the request is decided so, and nothing of it runs.
async fn decided(played: &Played, request: &Envelope, fall: Fall) {
    let id = request.head.id;
    let so = async || (played.world.letters().await.get(&id) == Some(&fall)).then_some(());
    found(&format!("it is decided as {fall:?}"), so).await;
    at_rest(played, id).await;
}

/// Waits until the request was decided after this moment.
async fn anew(played: &Played, request: &Envelope, since: Timestamp) {
    let stand = async || played.vorgang(request.head.id).await.akte.stand.filter(|stand| *stand > since);
    found("it is decided anew", stand).await;
    at_rest(played, request.head.id).await;
}

/// From now, within the fixed delay, until her document is there nobody hears of anything but a Klärfall, and nothing else leaves.
async fn is_a_klaerfall(played: &mut Played, request: &Envelope) {
    let id = request.head.id;
    assert_eq!(heard(played, request).await, OPEN);
    assert!(told(&played.service, id).is_empty() && played.mailboxes.attempts() == 0, "not before its time");
    played.later(61);
    until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
    assert_eq!(heard(played, request).await, OPEN);
    until("the office has the request", 60, || played.office.taken() > 0).await;
    assert_eq!(told(&played.service, id), ["in-bearbeitung"]);
}

/// A store on a server; `None` where none is installed.
pub(super) async fn served() -> Option<Kept> {
    let house = postgres::house().await?;
    let store = house.store(Stage::Demo, 7).await.unwrap();
    drehscheibe::store::contract::Store::begin_run(&store).await.unwrap();
    Some((Arc::new(store), Box::new(house)))
}

/// What holds the answer beside the fixed delay.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    Nothing,
    /// As nothing, on a server.
    Served,
    Pause,
    Down,
    Mailbox,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_files_decide_otherwise_nobody_is_told_is_done() {
    let all = [
        (Holds::Nothing, 5),
        (Holds::Served, 30),
        (Holds::Pause, 40),
        (Holds::Down, 20),
        (Holds::Mailbox, 0),
    ];
    for (number, (holds, seconds)) in all.into_iter().enumerate() {
        let ways = Ways { collected: holds == Holds::Mailbox, ..Ways::default() };
        let store = match holds {
            Holds::Served => match served().await {
                Some(store) => Some(store),
                None => continue,
            },
            _ => None,
        };
        let mut played = Played::on(300_000_000 + number as u64 * 1_000_000, ways, store).await;
        played.down.store(holds == Holds::Down, Ordering::SeqCst);
        if holds == Holds::Pause {
            played.pause(true).await;
        }
        let (request, first) = asked(&mut played).await;
        assert_eq!((first, played.world.letters().await[&request.head.id]), (Stand::InBearbeitung, Fall::A));
        played.later(seconds);
        apply(&played, &unreleased());
        decided(&played, &request, Fall::M).await;
        is_a_klaerfall(&mut played, &request).await;
        let arts = match holds {
            Holds::Mailbox => {
                let core = played.world.house.engine.as_ref().unwrap().core.clone();
                let (ports, reader) = (Ports(core), PartnerRef { id: "postfach".into(), how: How::Memory });
                let there =
                    async || ports.lying(&reader, None, 10).await.unwrap().unwrap().first().map(|one| one.id);
                let row = found("it lies there", there).await;
                vec![art(ports.fetch(&reader, row, Asking { receipt: None, key: None }).await.unwrap())]
            }
            _ => {
                played.down.store(false, Ordering::SeqCst);
                played.pause(false).await;
                let taken = async || {
                    // Until the breaker lets a try through.
                    played.later(30);
                    (played.mailboxes.taken() > 0).then_some(())
                };
                found("it is taken", taken).await;
                says(&played.mailboxes, "art")
            }
        };
        assert_eq!(arts, ["in-bearbeitung"], "{holds:?}");
        assert_eq!(heard(&mut played, &request).await, OPEN, "{holds:?}");
        played.world.house.stop().await;
    }
}

/// A process that begins with other files than those that decided is one that applies them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restart_with_other_files_decides_otherwise_nobody_is_told_is_done() {
    let mut played = Played::new(310_000_000).await;
    let (request, _) = asked(&mut played).await;
    assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
    played.world.house.stop().await;
    played.later(10);
    played.world.house.set = reaching(&unreleased(), played.world.house.set.destinations.clone());
    played.world.house.start(Points::none());
    decided(&played, &request, Fall::M).await;
    is_a_klaerfall(&mut played, &request).await;
    played.mailboxes.has(1).await;
    assert_eq!(says(&played.mailboxes, "art"), ["in-bearbeitung"]);
    played.world.house.stop().await;
}

/// What other files would decide as before is what it was, for everybody; and so is what they decided otherwise once they are gone again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_files_decide_alike_is_told_as_before() {
    let mut played = Played::new(320_000_000).await;
    let (request, _) = asked(&mut played).await;
    let before = played.vorgang(request.head.id).await.akte.stand.unwrap();
    played.later(10);
    let mut other = PlanSet::clone(&played.world.house.set);
    other.version = "andere".to_owned();
    apply(&played, &other);
    anew(&played, &request, before).await;
    assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
    assert_eq!(heard(&mut played, &request).await, OPEN);
    played.later(61);
    played.mailboxes.has(1).await;
    assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
    until("the service is told", 60, || !told(&played.service, request.head.id).is_empty()).await;
    assert_eq!(told(&played.service, request.head.id), ["abgeschlossen"]);
    assert_eq!(heard(&mut played, &request).await, DONE);
    played.world.house.stop().await;
}

/// Midnight comes, or a Bestandsmeldung gets too old, before the fixed delay is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_time_alone_ends_is_decided_anew_before_anybody_is_told() {
    for (number, midnight) in [true, false].into_iter().enumerate() {
        let mut played = Played::new(330_000_000 + number as u64 * 1_000_000).await;
        let clock = played.world.house.clock.clone();
        if midnight {
            // Half a minute before it in Germany.
            clock.move_to("2026-11-21T22:59:30Z".parse().unwrap());
            reported(&mut played).await;
        } else {
            // Half a minute before nobody knows any more that the register is complete.
            clock.move_to(clock.now() + jiff::SignedDuration::from_secs(26 * 3_600 - 30));
        }
        let (request, _) = asked(&mut played).await;
        assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
        let before = played.vorgang(request.head.id).await.akte.stand.unwrap();
        played.later(29);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(played.vorgang(request.head.id).await.akte.stand, Some(before), "it holds until then");
        // At midnight it is another day; a Bestandsmeldung that is exactly as old as it may be still counts.
        let over = if midnight { 1 } else { 2 };
        played.later(over);
        match midnight {
            true => {
                anew(&played, &request, before).await;
                assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
                played.later(31);
                played.mailboxes.has(1).await;
                assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
                assert_eq!(heard(&mut played, &request).await, DONE);
            }
            false => {
                decided(&played, &request, Fall::J).await;
                is_a_klaerfall(&mut played, &request).await;
                played.mailboxes.has(1).await;
                assert_eq!(says(&played.mailboxes, "art"), ["in-bearbeitung"]);
            }
        }
        played.world.house.stop().await;
    }
}

/// It is a Klärfall like any other, also where it became one on another day: its letter is of the day on which the request came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_a_klaerfall_on_another_day_has_the_letter_of_its_own() {
    let mut played = Played::new(350_000_000).await;
    played.world.house.clock.move_to("2026-11-21T22:59:30Z".parse().unwrap());
    reported(&mut played).await;
    let (request, _) = asked(&mut played).await;
    played.later(31);
    apply(&played, &unreleased());
    decided(&played, &request, Fall::M).await;
    is_a_klaerfall(&mut played, &request).await;
    played.mailboxes.has(1).await;
    let letter = played.mailboxes.seen.lock().unwrap().taken[0].parts[0].clone();
    let words = words_of(letter.enclosed().expect("a step made it"));
    assert!(words.contains("21.11.2026") && !words.contains("22.11.2026"), "{words}");
    played.world.house.stop().await;
}

/// Two processes whose files are not the same: what one decided the other has decided anew once, however often it looks, and it leaves once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_of_other_files_do_not_decide_it_by_turns() {
    let mut played = Played::new(340_000_000).await;
    let house = &played.world.house;
    let (counted, first) = (Arc::new(Troubled::new(house.store.clone())), house.set.clone());
    let other = |version: &str| {
        let mut other = PlanSet::clone(&first);
        other.version = version.to_owned();
        Arc::new(other)
    };
    let start = Start {
        store: counted.clone(),
        clock: house.clock.clone(),
        points: Points::none(),
        set: other("andere"),
        settings: Settings { workers: 2, name: "andere".to_owned(), ..Settings::default() },
    };
    let mut second = Engine::start(start).unwrap();
    second.open_dispatch(Arc::new(NoCommands));
    played.pause(true).await;
    let (request, _) = asked(&mut played).await;
    at_rest(&played, request.head.id).await;
    let mut times = 0;
    for version in ["dritte", "vierte"] {
        second.core.set.store(other(version));
        times += 1;
        until("it is decided anew", 60, || counted.anews.load(Ordering::SeqCst) >= times).await;
        // Longer than between two looks that need no reason.
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(counted.anews.load(Ordering::SeqCst), times, "{version}");
        at_rest(&played, request.head.id).await;
        assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
    }
    second.core.stop.cancel();
    second.drain(Duration::from_millis(100)).await;
    played.later(61);
    played.pause(false).await;
    played.mailboxes.has(1).await;
    assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
    assert_eq!(heard(&mut played, &request).await, DONE);
    played.world.house.stop().await;
}
