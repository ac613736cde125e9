//! A Negativauskunft that has not left rests on what was there when it was decided: the record, what stands beside it, and that its register is
//! complete (rules.md 2, 2.1). Whatever ends that takes it back, whether it brings an Eintragung or not; what changes nothing takes nothing back.

use std::sync::atomic::Ordering;

use drehscheibe::cli::sample::{Wish, eintragung, korrektur, loeschung};
use drehscheibe::effects::Stored;
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::engine::ports::Ports;
use drehscheibe::envelope::{How, Inbound, PartnerRef, Verdict};
use drehscheibe::plan::PlanSet;
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::desk::{Filter, View};
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::mailbox::{Asking, End, Ended, Fetch, Mailboxes};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::lain::{art, reported};
use super::no_wrong_answer::Witnessed;
use super::taken_back::{CHILD, Played, Ways, found, says};
use crate::support::until;

/// What the sample says of the child that is asked for.
const NAME: &str = "Lía Qb";
const NUMBER: &str = "1/2013";
/// What its twin is given: no given name is one of both.
const TWIN: (&str, &str) = ("Emre Zora", "2/2013");

fn wish(played: &mut Played, arten: Vec<&'static str>, second: u32) -> Wish {
    Wish { message: played.world.house.fresh(), arten, second, ..Wish::plain(CHILD) }
}

/// A 0805 that gives the child anew, with this written otherwise, and no Eintragung before or after.
fn child_anew(wish: &Wish, from: &str, to: &str) -> String {
    let whole = korrektur(wish, &[]);
    let (begin, end) = ("  <xfg:angabenZumKindAlt>", "</xfg:angabenZumKindAlt>\n");
    let child = &whole[whole.find(begin).unwrap()..whole.find(end).unwrap() + end.len()];
    assert!(child.contains(from));
    let anew = child.replace("KindAlt", "KindNeu").replace(from, to);
    let before = "  <xfg:eintragungNachweisregisterNeu>";
    assert!(whole.contains(before));
    whole.replace(before, &format!("{anew}{before}"))
}

/// What happens while the answer is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Happens {
    /// The record gets the number of a twin that has an Eintragung.
    TwinsNumber,
    /// The record is deleted.
    Deleted,
    /// A second record of the same child comes.
    Double,
    /// The child is named otherwise.
    Renamed,
    /// It gets a Sperrvermerk.
    Blocked,
    /// A record of the same child comes with another mother.
    AnotherMother,
    /// Its office marks it as being clarified.
    Marked,
    /// Its office counts another number of records.
    CountedOtherwise,
    /// A comparison with its office's list has a gap.
    Gap,
    /// Its office begins its load anew.
    LoadedAnew,
    /// The same record once more, under another id.
    Repeated,
    /// The same record once more, under the same id.
    SaidAgain,
    /// Its office counts the same number again.
    CountedAlike,
    /// Another child of its office comes.
    AnotherChild,
    /// A twin without an Eintragung comes, so that the request is decided anew, and as before.
    Twin,
}

/// Says it, and that it is taken.
pub(super) async fn happens(played: &mut Played, what: Happens) {
    let last = played.world.last;
    let taken = |verdict: drehscheibe::envelope::Verdict| {
        assert_eq!(verdict.state, Inbound::Accepted, "{what:?}: {:?}", verdict.codes);
    };
    let now = played.world.house.clock.now();
    match what {
        Happens::TwinsNumber => {
            let wish = wish(played, vec![], 100);
            taken(played.world.take(&wish, child_anew(&wish, NUMBER, TWIN.1)).await);
        }
        Happens::Deleted => {
            let wish = wish(played, vec![], 100);
            taken(played.world.take(&wish, loeschung(&wish)).await);
        }
        Happens::Double => {
            let wish = wish(played, vec![], 100);
            taken(played.world.take(&wish, eintragung(&wish).replace(NAME, "Lea Qb")).await);
        }
        Happens::Renamed => {
            let wish = wish(played, vec![], 100);
            taken(played.world.take(&wish, child_anew(&wish, NAME, "Frieda Qb")).await);
        }
        Happens::Blocked => {
            let wish = wish(played, vec!["03"], 100);
            taken(played.world.take(&wish, korrektur(&wish, &[])).await);
        }
        Happens::AnotherMother => {
            let wish = wish(played, vec![], 100);
            let (whole, born) = (eintragung(&wish), wish.familie().mutter_geboren);
            assert!(whole.contains(&born));
            taken(played.world.take(&wish, whole.replace(&born, "1975-07-09")).await);
        }
        Happens::Marked => {
            let view = View {
                scope: Scope::Operator,
                limit: 100,
                person: "probe".to_owned(),
                reason: "probe".to_owned(),
                now,
            };
            let all = played.world.house.store.registersaetze(view, None).await.unwrap();
            let number =
                |one: &Stored| one.registersatz.kind.geburtsregister_nummer.as_deref() == Some(NUMBER);
            let id = all.iter().find(|one| number(one)).unwrap().id;
            let said = json!({ "was": "marke", "id": id, "marke": "klaerung" });
            played.world.house.said(said, Some("os:anna")).await;
        }
        Happens::CountedOtherwise => {
            played.world.house.said(json!({ "was": "meldung", "anzahl": 7, "letzteUUID": last }), None).await;
        }
        Happens::Gap => {
            let compared = json!({
                "was": "abgleich", "anzahl": 3, "liste": true, "stand": now.to_string(), "fehlend": 1, "ueberzaehlig": 0
            });
            played.world.house.said(compared, Some("os:anna")).await;
        }
        Happens::LoadedAnew => played.world.house.said(json!({ "was": "beginn" }), Some("os:anna")).await,
        Happens::Repeated => {
            let wish = wish(played, vec![], 100);
            let verdict = played.world.take(&wish, eintragung(&wish)).await;
            assert_eq!(
                (verdict.state, verdict.codes.as_slice()),
                (Inbound::Rejected, ["S100".to_owned()].as_slice())
            );
        }
        Happens::SaidAgain => {
            let first = Wish { message: played.world.first, arten: vec![], second: 1, ..Wish::plain(CHILD) };
            let verdict = played.world.take(&first, eintragung(&first)).await;
            assert!(verdict.again, "{verdict:?}");
        }
        Happens::CountedAlike => reported(played).await,
        Happens::AnotherChild => {
            let message = played.world.house.fresh();
            let wish = Wish { message, arten: vec!["01"], second: 100, ..Wish::plain(40) };
            taken(played.world.take(&wish, eintragung(&wish)).await);
        }
        Happens::Twin => {
            let wish = wish(played, vec![], 100);
            let twin = eintragung(&wish).replace(NAME, TWIN.0).replace(NUMBER, TWIN.1);
            taken(played.world.take(&wish, twin).await);
        }
    }
}

/// Waits until the request is not running again.
pub(super) async fn at_rest(played: &Played, id: Uuid) {
    let store = &played.world.house.store;
    for look in 1..3_000 {
        let filter = Filter { id: Some(id), ..Filter::default() };
        let state = store.list(&Scope::Operator, filter).await.unwrap().remove(0).state;
        assert_ne!(state, Inbound::Parked);
        if state == Inbound::Accepted {
            return;
        }
        // What a dead process had in hand is free once its time is over.
        if look % 100 == 0 {
            played.later(60);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it is not decided");
}

/// Asks while her mailbox is paused; the request and when its answer was decided.
async fn held(played: &mut Played) -> (Uuid, Timestamp) {
    played.pause(true).await;
    // By its number its twin is excluded.
    played.world.numbered = true;
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::A);
    let stand = played.vorgang(id).await.akte.stand.unwrap();
    (id, stand)
}

/// What leaves when the pause is over.
async fn leaves(played: &Played) -> Vec<String> {
    played.later(61);
    played.pause(false).await;
    played.mailboxes.has(1).await;
    says(&played.mailboxes, "art")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_what_an_answer_rests_on_takes_it_back() {
    for (number, (what, fall)) in [
        (Happens::TwinsNumber, Fall::I),
        (Happens::Deleted, Fall::I),
        (Happens::Double, Fall::I),
        (Happens::Renamed, Fall::I),
        (Happens::Blocked, Fall::F),
        (Happens::AnotherMother, Fall::I),
        (Happens::Marked, Fall::I),
        (Happens::CountedOtherwise, Fall::J),
        (Happens::Gap, Fall::J),
        (Happens::LoadedAnew, Fall::J),
    ]
    .into_iter()
    .enumerate()
    {
        let mut played = Played::new(200_000_000 + number as u64 * 1_000_000).await;
        if what == Happens::TwinsNumber {
            let wish = wish(&mut played, vec!["01"], 50);
            let twin = eintragung(&wish).replace(NAME, TWIN.0).replace(NUMBER, TWIN.1);
            let verdict = played.world.take(&wish, twin).await;
            assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        }
        let (id, _) = held(&mut played).await;
        played.later(5);
        happens(&mut played, what).await;
        at_rest(&played, id).await;
        assert_eq!(leaves(&played).await, ["in-bearbeitung"], "{what:?}");
        assert_eq!(played.world.letters().await[&id], fall, "{what:?}");
        played.world.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_nothing_of_it_takes_nothing_back() {
    for (number, (what, anew)) in [
        (Happens::Repeated, false),
        (Happens::SaidAgain, false),
        (Happens::CountedAlike, false),
        (Happens::AnotherChild, false),
        (Happens::Twin, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut played = Played::new(110_000_000 + number as u64 * 1_000_000).await;
        let (id, before) = held(&mut played).await;
        played.later(5);
        happens(&mut played, what).await;
        at_rest(&played, id).await;
        let stand = played.vorgang(id).await.akte.stand.unwrap();
        assert_eq!(stand > before, anew, "{what:?}");
        assert_eq!(leaves(&played).await, ["auskunft"], "{what:?}");
        assert_eq!(played.world.letters().await[&id], Fall::A, "{what:?}");
        played.world.house.stop().await;
    }
}

/// What holds the answer meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Holds {
    /// The fixed delay.
    Delay,
    /// Its far end is down.
    Down,
    /// Its reader has not come.
    Mailbox,
    /// A pause, and the process dies with the commit of what happens.
    Killed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_holds_it_what_leaves_is_what_would_be_decided_now() {
    let mut number = 160_000_000;
    for holds in [Holds::Delay, Holds::Down, Holds::Mailbox, Holds::Killed] {
        for what in [Happens::Deleted, Happens::CountedOtherwise] {
            number += 1_000_000;
            let ways = Ways { collected: holds == Holds::Mailbox, ..Ways::default() };
            let mut played = Played::with(number, ways).await;
            played.down.store(holds == Holds::Down, Ordering::SeqCst);
            if holds == Holds::Killed {
                played.pause(true).await;
            }
            let id = played.world.ask(CHILD).await;
            assert_eq!(played.world.letters().await[&id], Fall::A);
            played.later(if holds == Holds::Delay { 5 } else { 61 });
            match holds {
                Holds::Down => until("it was tried", 60, || played.mailboxes.attempts() > 0).await,
                Holds::Killed => played.world.house.restart(Points::halt_at(Point::AfterCommit, 1)).await,
                Holds::Delay | Holds::Mailbox => {}
            }
            happens(&mut played, what).await;
            if played.world.house.points.crashed() {
                played.world.house.restart(Points::none()).await;
            }
            at_rest(&played, id).await;
            let arts = match holds {
                Holds::Mailbox => {
                    let core = played.world.house.engine.as_ref().unwrap().core.clone();
                    let (ports, reader) =
                        (Ports(core), PartnerRef { id: "postfach".into(), how: How::Memory });
                    let there = async || {
                        ports.lying(&reader, None, 10).await.unwrap().unwrap().first().map(|one| one.id)
                    };
                    let row = found("it lies there", there).await;
                    let asking = Asking { receipt: None, key: None };
                    vec![art(ports.fetch(&reader, row, asking).await.unwrap())]
                }
                Holds::Down => {
                    played.down.store(false, Ordering::SeqCst);
                    let taken = async || {
                        // Until the breaker lets a try through.
                        played.later(30);
                        (played.mailboxes.taken() > 0).then_some(())
                    };
                    found("it is taken", taken).await;
                    says(&played.mailboxes, "art")
                }
                Holds::Delay => {
                    played.later(61);
                    played.mailboxes.has(1).await;
                    says(&played.mailboxes, "art")
                }
                Holds::Killed => leaves(&played).await,
            };
            assert_eq!(arts, ["in-bearbeitung"], "{holds:?} {what:?}");
            played.world.house.stop().await;
        }
    }
}

/// Other routes, tables or partners run than those that decided, or it is another day: it is decided anew before it leaves, and may say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_files_or_another_day_would_decide_is_decided_anew() {
    for (number, (files, day)) in [(false, false), (true, false), (false, true)].into_iter().enumerate() {
        let mut played = Played::new(180_000_000 + number as u64 * 1_000_000).await;
        // Ten minutes before midnight in Germany.
        let evening: Timestamp = "2026-11-21T22:50:00Z".parse().unwrap();
        assert!(played.world.house.clock.now() < evening);
        played.world.house.clock.move_to(evening);
        reported(&mut played).await;
        let (id, before) = held(&mut played).await;
        if files {
            let core = played.world.house.engine.as_ref().unwrap().core.clone();
            let mut other = PlanSet::clone(&core.set.load());
            other.version = "andere".to_owned();
            core.set.store(std::sync::Arc::new(other));
        }
        if day {
            played.later(600);
        }
        assert_eq!(leaves(&played).await, ["auskunft"]);
        let stand = played.vorgang(id).await.akte.stand.unwrap();
        assert_eq!(stand > before, files || day, "{files} {day}");
        played.world.house.stop().await;
    }
}

/// Delivers as another office that this child has an Eintragung, with its place as a name alone; our id of what was refused.
async fn delivered_by_another(played: &mut Played) -> Uuid {
    let (_, verdict) = by_another(&mut played.world, CHILD, 100).await;
    assert_eq!(verdict.state, Inbound::Rejected, "{:?}", verdict.codes);
    verdict.id
}

/// The same of a child, made at this second.
pub(super) async fn by_another(world: &mut Witnessed, child: u64, second: u32) -> (Wish, Verdict) {
    let (from, to) = ("jga:040110000000", "jga:020000000000");
    let message = world.house.fresh();
    let wish = Wish {
        message,
        arten: vec!["01"],
        second,
        jugendamt: "020000000000",
        jugendamt_name: "Jugendamt Hamburg-Mitte",
        ..Wish::plain(child)
    };
    let body = eintragung(&wish);
    let (begin, end) = ("<xfg:registerfuehrendeStelleARS", "</xfg:registerfuehrendeStelleARS>");
    let key = &body[body.find(begin).unwrap()..body.find(end).unwrap() + end.len()];
    let body = body.replace(key, "").replace(from, to);
    let name = format!("d-{message}");
    let house = &mut world.house;
    let envelope = house.envelope("http /v1/lieferungen", "jugendamt-hamburg", &name, body, None);
    (wish, house.deliver(envelope).await)
}

/// What another office left open about a child the office whose register it is ends by its word (rules.md 2.1).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_office_of_the_birthplace_ends_what_another_one_left_open() {
    let mut played = Played::new(130_000_000).await;
    let delivery = delivered_by_another(&mut played).await;
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::Q);
    // Who is neither ends nothing.
    let said = json!({ "was": "erledigt", "id": delivery.to_string() });
    let house = &mut played.world.house;
    let number = house.fresh();
    let body = drehscheibe::cli::sample_antrag::registermeldung(number, house.clock.now(), &said)
        .replace("jga:040110000000", "jga:110000000000");
    let other =
        house.envelope("http /v1/registermeldungen", "jugendamt-berlin", &format!("m-{number}"), body, None);
    let verdict = house.deliver(other).await;
    assert_ne!(verdict.state, Inbound::Accepted);
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::Q);
    played.world.house.said(said, None).await;
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::A);
    // And by the order of a person of it.
    let delivery = delivered_by_another(&mut played).await;
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::Q);
    let said = json!({ "was": "erledigt", "id": delivery.to_string() });
    played.world.house.said(said, Some("os:anna")).await;
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::A);
    played.world.house.stop().await;
}

/// What may have left is not repeated once what it rests on has ended, and nobody who looks later would see that (rules.md 2.7).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_left_is_not_repeated_once_its_ground_has_ended() {
    for (number, (what, repeated)) in [
        (Happens::Deleted, false),
        (Happens::Renamed, false),
        (Happens::Double, false),
        // It was issued when the register was complete, and says so.
        (Happens::CountedOtherwise, true),
        (Happens::Repeated, true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut played = Played::new(140_000_000 + number as u64 * 1_000_000).await;
        let (id, row) = played.refused_when_read().await;
        happens(&mut played, what).await;
        assert_eq!(played.world.letters().await[&id], Fall::A, "it may have been issued");
        played.replayed(row).await;
        let taken = || played.other.seen.lock().unwrap().taken.iter().any(|one| one.head.id == row);
        match repeated {
            true => until("it is repeated", 60, taken).await,
            false => {
                let why =
                    async || played.waits_for_person().await?.cause.filter(|cause| cause.contains("rests"));
                found("a person is told why", why).await;
                assert!(!taken(), "{what:?}");
            }
        }
        played.world.house.stop().await;
    }
}

/// What a reader of a mailbox must not get and nobody can decide anew waits for a person, who is told; what lies beside it is handed out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reader_must_not_get_waits_for_a_person() {
    let mut played = Played::with(150_000_000, Ways { collected: true, ..Ways::default() }).await;
    let core = played.world.house.engine.as_ref().unwrap().core.clone();
    let (ports, reader) = (Ports(core), PartnerRef { id: "postfach".to_owned(), how: How::Memory });
    let id = played.world.ask(CHILD).await;
    played.later(61);
    let lying = async || ports.lying(&reader, None, 10).await.unwrap().unwrap();
    let one = async || lying().await.first().map(|one| one.id);
    let row = found("one lies there", one).await;
    let fetch = async |row| ports.fetch(&reader, row, Asking { receipt: None, key: None }).await.unwrap();
    // A reader had it in its hand: it may have it.
    let Fetch::Handed(handed) = fetch(row).await else { panic!("it lies there") };
    happens(&mut played, Happens::Deleted).await;
    assert_eq!(played.world.letters().await[&id], Fall::A, "it may have been issued");
    let store = played.world.house.store.clone();
    let held = async || store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    // As long as the reader has it in hand nobody else says anything of it.
    assert!(!matches!(fetch(row).await, Fetch::Handed(_)));
    assert_eq!(held().await.len(), 0);
    played.later(600);
    assert!(matches!(fetch(row).await, Fetch::Unknown), "it lies there no more, from the first word on");
    let waits = held().await;
    assert_eq!(waits.iter().map(|one| one.id).collect::<Vec<_>>(), [row]);
    assert!(waits[0].cause.as_deref().unwrap().contains("rests"), "{:?}", waits[0].cause);
    assert!(matches!(fetch(row).await, Fetch::Unknown));
    assert!(lying().await.is_empty());
    // What it was handed out by says that it was read.
    let ended = ports.end(&reader, row, &handed.receipt, End::Taken).await.unwrap();
    assert_eq!((ended, held().await.len()), (Ended::Done, 0));
    let next = played.world.ask(2).await;
    played.later(61);
    let other = found("the next one lies there", one).await;
    assert!(matches!(fetch(other).await, Fetch::Handed(_)), "{next}");
    played.world.house.stop().await;
}

/// What makes a register fresh ends while the answer is held, though that is held for less than an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_does_not_leave_when_its_register_is_not_fresh_any_more() {
    for (number, (before, fall)) in [(25 * 60 + 30, Fall::J), (24 * 60, Fall::A)].into_iter().enumerate() {
        let mut played = Played::new(120_000_000 + number as u64 * 1_000_000).await;
        played.world.house.clock.move_to(played.world.house.clock.now() + SignedDuration::from_mins(before));
        let (id, _) = held(&mut played).await;
        played.later(45 * 60);
        let art = if fall == Fall::A { "auskunft" } else { "in-bearbeitung" };
        assert_eq!(leaves(&played).await, [art], "{before}");
        assert_eq!(played.world.letters().await[&id], fall, "{before}");
        played.world.house.stop().await;
    }
}
