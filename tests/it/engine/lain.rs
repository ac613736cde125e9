//! A Negativauskunft that lay here before it leaves: the answer is the register's when it leaves (rules.md 2.1, 2.4). Held for longer than an hour its
//! request is decided anew; where nobody can do that any more it waits for a person; and whatever the house does meanwhile, whoever asks and whoever
//! repeats the request hear one stand that never goes back.

use std::sync::atomic::Ordering;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::effects::{Outgoing, Vorgang, VorgangChange, VorgangState};
use drehscheibe::engine::ports::Ports;
use drehscheibe::envelope::{Envelope, How, Inbound, PartnerRef, Stand};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::register::keys;
use drehscheibe::register::vorgang::Akte;
use drehscheibe::store::entry::{Committed, Keep};
use drehscheibe::store::lane::{Outcome, Settle, Want};
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::parts::Turn;
use drehscheibe::transport::port::Standings;
use drehscheibe::transport::port::mailbox::{Asking, Fetch, Mailboxes};
use serde_json::json;
use uuid::Uuid;

use super::far::Far;
use super::house::AMT;
use super::taken_back::{CHILD, LETTERS, MAILBOXES, Played, Ways, found, says, told};
use crate::store_contract::common::{delivery, send};
use crate::support::until;

const DAY: i64 = 86_400;

/// Asks, and returns the request with what its sender was told.
pub(super) async fn asked(played: &mut Played) -> (Envelope, Stand) {
    let request = played.world.request(CHILD);
    let verdict = played.world.house.deliver(request.clone()).await;
    assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
    (request, verdict.stand)
}

/// What whoever asks is told, and whoever repeats the request.
pub(super) async fn heard(played: &mut Played, request: &Envelope) -> (Stand, Stand) {
    let core = played.world.house.engine.as_ref().unwrap().core.clone();
    let partner = PartnerRef { id: "kita-portal-nord".to_owned(), how: How::Memory };
    let asks = Ports(core).standing(&partner, request.head.id).await.unwrap().unwrap();
    let mut repeat = request.clone();
    repeat.head.id = Uuid::now_v7();
    let verdict = played.world.house.deliver(repeat).await;
    assert!(verdict.again && verdict.state == Inbound::Accepted, "{verdict:?}");
    (asks.stand, verdict.stand)
}

/// The office says again how many records there are, as of now.
pub(super) async fn reported(played: &mut Played) {
    let last = played.world.last;
    played.world.house.said(json!({ "was": "meldung", "anzahl": 2, "letzteUUID": last }), None).await;
}

/// An Eintragung is delivered after the answer was issued, so its office has to look at that; or a delivery that is refused, and may be one.
pub(super) async fn spoken_against(played: &mut Played, entered: bool) {
    let message = played.world.house.fresh();
    let wish = Wish { message, arten: vec!["01"], second: 100, ..Wish::plain(CHILD) };
    let (whole, place) = (eintragung(&wish), "Bremen</xfg:geburtsort>");
    assert!(whole.contains(place));
    let body = if entered { whole } else { whole.replace(place, "Musterhausen</xfg:geburtsort>") };
    let verdict = played.world.take(&wish, body).await;
    assert_eq!(verdict.state == Inbound::Accepted, entered, "{:?}", verdict.codes);
    if entered {
        until("the office has the task", 60, || says(&played.office, "art") == ["auskunft-pruefen"]).await;
    }
}

/// What a reader got is.
pub(super) fn art(fetched: Fetch) -> String {
    match fetched {
        Fetch::Handed(handed) => {
            let body: serde_json::Value = serde_json::from_slice(&handed.envelope.body).unwrap();
            body["art"].as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn stand_of(far: &Far) -> Vec<String> {
    says(far, "stand")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_held_for_days_is_the_registers_when_it_leaves() {
    for (number, fresh) in [(1u64, false), (2, true)] {
        let mut played = Played::new(70_000_000 + number * 1_000_000).await;
        played.pause(true).await;
        let (request, first) = asked(&mut played).await;
        let id = request.head.id;
        assert_eq!(first, Stand::InBearbeitung, "nobody is told before the fixed delay");
        assert_eq!(heard(&mut played, &request).await, (Stand::InBearbeitung, Stand::InBearbeitung));
        assert_eq!(played.world.letters().await[&id], Fall::A);
        played.later(61);
        until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        assert_eq!(heard(&mut played, &request).await, (Stand::Abgeschlossen, Stand::Abgeschlossen));
        // Nobody has said for two days that the register is complete, or its office has just now.
        played.later(2 * DAY);
        if fresh {
            reported(&mut played).await;
        }
        let at = played.world.house.clock.now();
        played.pause(false).await;
        played.mailboxes.has(1).await;
        let fall = played.world.letters().await[&id];
        match fresh {
            false => {
                assert_eq!(fall, Fall::J);
                assert_eq!(says(&played.mailboxes, "art"), ["in-bearbeitung"]);
                until("the office has the request", 60, || played.office.taken() > 0).await;
            }
            true => {
                assert_eq!(fall, Fall::A);
                assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
                let day = jiff::tz::TimeZone::get("Europe/Berlin").unwrap().to_datetime(at).date();
                assert_eq!(stand_of(&played.mailboxes), [day.strftime("%d.%m.%Y").to_string()]);
            }
        }
        // The service hears nothing of all that.
        assert_eq!(told(&played.service, id), ["abgeschlossen"]);
        assert_eq!(heard(&mut played, &request).await, (Stand::Abgeschlossen, Stand::Abgeschlossen));
        played.world.house.stop().await;
    }
}

/// It goes no other way as it is either, whether the first one is out of order and too late, refused it for certain, or is not come to in time: its
/// request is decided anew, and what that says goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_lay_here_goes_no_other_way_as_it_is() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum First {
        Down,
        Refuses,
        Uncollected,
    }
    let plays =
        [(First::Down, false), (First::Refuses, false), (First::Refuses, true), (First::Uncollected, false)];
    for (number, (first, entered)) in plays.into_iter().enumerate() {
        let ways = Ways { first: Some(1_800), collected: first == First::Uncollected, ..Ways::default() };
        let mut played = Played::with(90_000_000 + number as u64 * 1_000_000, ways).await;
        played.down.store(first == First::Down, Ordering::SeqCst);
        played.closed.store(first == First::Refuses, Ordering::SeqCst);
        played.pause_of(LETTERS, first != First::Down).await;
        let (request, _) = asked(&mut played).await;
        let id = request.head.id;
        assert_eq!(played.world.letters().await[&id], Fall::A);
        played.later(61);
        until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        match first {
            First::Down => until("it was tried", 60, || played.mailboxes.attempts() > 0).await,
            First::Refuses => played.on_the_way(id, LETTERS).await,
            First::Uncollected => {
                played.later(1_801);
                played.on_the_way(id, LETTERS).await;
            }
        }
        if entered {
            assert_eq!(played.delivered("01", id).await, Fall::B);
        }
        // Nobody has said for two days that the register is complete; the time of the first way is long over.
        played.later(2 * DAY);
        played.pause_of(LETTERS, false).await;
        for _ in 0..3_000 {
            if played.letters.taken() > 0 {
                break;
            }
            // Until the breaker of what is down lets a try through.
            played.later(60);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let art = if entered { "hinweis-auf-eintragung" } else { "in-bearbeitung" };
        assert_eq!(says(&played.letters, "art"), [art], "{first:?}");
        assert_eq!(played.world.letters().await[&id], if entered { Fall::B } else { Fall::J }, "{first:?}");
        assert_eq!(played.mailboxes.taken(), 0, "{first:?}");
        assert_eq!(told(&played.service, id), ["abgeschlossen"], "{first:?}");
        played.world.house.stop().await;
    }
}

/// A reader of a mailbox gets what the register says when it comes, and nothing while another row of the answer is decided anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_to_a_mailbox_gets_the_registers_answer_of_then() {
    let ways = Ways { collected: true, ..Ways::default() };
    let mut played = Played::with(95_000_000, ways).await;
    let core = played.world.house.engine.as_ref().unwrap().core.clone();
    let of = |id: &str| PartnerRef { id: id.to_owned(), how: How::Memory };
    let (ports, reader) = (Ports(core), of("postfach"));
    let fetch_with = async |who: &PartnerRef, id, receipt| {
        let asking = Asking { receipt, key: None };
        ports.fetch(who, id, asking).await.unwrap()
    };
    let fetch = async |who: &PartnerRef, id| fetch_with(who, id, None).await;
    let lying = async || ports.lying(&reader, None, 10).await.unwrap().unwrap();
    let only = async || match lying().await.as_slice() {
        [one] => Some(one.id),
        _ => None,
    };
    let (request, _) = asked(&mut played).await;
    played.later(61);
    let old = found("one lies there", only).await;
    assert!(matches!(fetch(&of("kita-portal-nord"), old).await, Fetch::Unknown), "it is not hers");
    played.later(2 * DAY);
    assert!(matches!(fetch(&reader, old).await, Fetch::Behind), "it is decided anew first");
    let anew = async || (played.world.letters().await[&request.head.id] == Fall::J).then_some(());
    found("it is decided anew", anew).await;
    let fetched = fetch(&reader, found("one lies there", only).await).await;
    let receipt = match &fetched {
        Fetch::Handed(handed) => handed.receipt.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(art(fetched), "in-bearbeitung");
    // What is not held is handed out as it was decided; what is, not by the receipt of something else either.
    for held in [false, true] {
        reported(&mut played).await;
        let (request, _) = asked(&mut played).await;
        played.later(61);
        let unread = async || lying().await.iter().find(|one| !one.fetched).map(|one| one.id);
        let ready = found("one is ready", unread).await;
        assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
        if held {
            played.later(2 * DAY);
            let shown = Some(receipt.clone());
            let fetched = fetch_with(&reader, ready, shown).await;
            assert!(matches!(fetched, Fetch::Behind), "{fetched:?}");
        } else {
            assert_eq!(art(fetch(&reader, ready).await), "auskunft");
        }
    }
    played.world.house.stop().await;
}

/// An answer is no older than what may lie unread: where the route says less than an hour, that is how long it may lie here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_lies_here_no_longer_than_a_delivery_may_lie_unread() {
    for (number, unread) in [(97_000_000, Some(600)), (98_000_000, None)] {
        let mut played = Played::with(number, Ways { unread, ..Ways::default() }).await;
        played.pause(true).await;
        let (request, _) = asked(&mut played).await;
        played.later(660);
        until("the service is told", 60, || !told(&played.service, request.head.id).is_empty()).await;
        let before = played.vorgang(request.head.id).await.akte.stand.unwrap();
        played.pause(false).await;
        played.mailboxes.has(1).await;
        assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
        let stand = played.vorgang(request.head.id).await.akte.stand.unwrap();
        assert_eq!(stand > before, unread.is_some());
        played.world.house.stop().await;
    }
}

/// Of a request that is not kept any more nobody can decide anything anew: its answer waits for a person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_request_is_gone_waits_for_a_person() {
    let mut played = Played::new(80_000_000).await;
    let now = played.world.house.clock.now();
    let before = now - jiff::SignedDuration::from_hours(2);
    let (vorgang, transaktion) = (Uuid::new_v4(), "anfrage-weg");
    let mut request = delivery("probe", "kita-portal-nord", "weg");
    let id = request.envelope.head.id;
    let akte = Akte {
        art: "antrag".to_owned(),
        partner: "kita-portal-nord".to_owned(),
        nummer: Some(id),
        transaktionsid: Some(transaktion.to_owned()),
        fall: Some(Fall::A),
        stand: Some(before),
        spuren: true,
        ..Akte::default()
    };
    let (owner, state) = (AMT.to_owned(), VorgangState::Entschieden);
    let of = |akte| Vorgang { id: vorgang, owner: owner.clone(), state, deadline: None, akte };
    let key = keys::vorgang("kita-portal-nord", transaktion);
    let alias = Akte { art: "sendung".to_owned(), fall: None, ..akte.clone() };
    request.effects.vorgaenge = vec![
        VorgangChange { key: key.clone(), vorgang: of(akte) },
        VorgangChange { key: keys::nummer(id), vorgang: of(alias) },
    ];
    request.effects.sends = vec![Outgoing {
        message: "drehscheibe.auskunft".to_owned(),
        not_before: Some(before),
        delivers: Some(key),
        deadline: None,
        ..send(MAILBOXES, None, "alt")
    }];
    (request.keep, request.now) = (Keep::HashOnly, now);
    let store = played.world.house.store.clone();
    assert_eq!(store.commit(vec![request]).await.unwrap(), [Committed::New]);
    played.world.house.engine.as_ref().unwrap().core.outbox.notify_one();
    let mut held = Vec::new();
    for _ in 0..3_000 {
        held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
        if !held.is_empty() || played.mailboxes.taken() > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((played.mailboxes.attempts(), held.len()), (0, 1), "{held:?}");
    assert!(held[0].cause.as_deref().unwrap().contains("not kept any more"), "{:?}", held[0].cause);
    played.world.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_held_leaves_as_it_was_decided() {
    let mut played = Played::new(81_000_000).await;
    let (request, _) = asked(&mut played).await;
    played.later(61);
    played.mailboxes.has(1).await;
    assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
    assert_eq!(played.world.letters().await[&request.head.id], Fall::A);
    played.world.house.stop().await;
}

/// An application refuses the proof after it had it (rules.md 2.7, 3): it may have read it. So it is no answer that has not left: it goes out under
/// no other content, its office gets the task, and it is not tried again once it is known to be wrong, nor while something is open that may say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_was_refused_after_it_was_read_was_issued() {
    for (number, entered) in [(82_000_000, true), (96_000_000, false)] {
        let mut played = Played::new(number).await;
        let (id, row) = played.refused_when_read().await;
        spoken_against(&mut played, entered).await;
        assert_eq!(played.world.letters().await[&id], Fall::A, "it was issued");
        let why = if entered { "denies" } else { "is open here" };
        // Whoever replays it now is told why not: nothing leaves again, though the application would take it.
        played.replayed(row).await;
        let says_why = async || played.waits_for_person().await?.cause.filter(|cause| cause.contains(why));
        found(why, says_why).await;
        {
            let seen = played.other.seen.lock().unwrap();
            assert_eq!(seen.attempts[&row], 1);
            assert!(seen.taken.iter().all(|one| one.head.id != row));
        }
        played.world.house.stop().await;
    }
}

/// Another process has the row in hand when what speaks against it comes, and its attempt fails: the next one finds the request decided anew, be it an
/// Eintragung, or a delivery that lies here without its effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_in_hand_when_something_speaks_against_it_leaves_no_more_once_it_is_back() {
    for (number, entered) in [(83_000_000, true), (85_000_000, false)] {
        let mut played = Played::new(number).await;
        played.pause(true).await;
        let (request, _) = asked(&mut played).await;
        let id = request.head.id;
        played.later(61);
        until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        // Who holds the lane is no process that knows of the pause.
        let (store, now) = (played.world.house.store.clone(), played.world.house.clock.now());
        let want = Want {
            worker: "other".to_owned(),
            now,
            lease: std::time::Duration::from_secs(60),
            lanes: 10,
            heads: 1,
            except: Vec::new(),
            most: Vec::new(),
            went_back: false,
            ours: None,
        };
        let lanes = store.claim(want).await.unwrap();
        let lane = lanes.iter().find(|lane| lane.destination == MAILBOXES).unwrap();
        spoken_against(&mut played, entered).await;
        assert_eq!(played.world.letters().await[&id], Fall::A, "it may have left");
        let settle = Settle {
            lane: lane.id,
            fence: lane.fence,
            row: lane.heads[0].id,
            outcome: Outcome::Later { at: now, cause: "http 503".into(), doubt: None, turn: Turn::FarEnd },
            answers: Vec::new(),
            delivers: lane.heads[0].delivers,
            release: true,
            now,
        };
        assert_eq!(store.settle(vec![settle]).await.unwrap(), [true]);
        played.pause(false).await;
        played.mailboxes.has(1).await;
        let (letter, fall) = match entered {
            true => ("hinweis-auf-eintragung", Fall::B),
            false => ("in-bearbeitung", Fall::Q),
        };
        assert_eq!(says(&played.mailboxes, "art"), [letter]);
        assert_eq!(played.world.letters().await[&id], fall);
        played.world.house.stop().await;
    }
}

/// What a program before this one decided left fewer traces: nobody knows what it rests on, so it is decided anew before it leaves, however young it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_an_earlier_program_decided_is_decided_anew() {
    let mut played = Played::new(84_000_000).await;
    played.pause(true).await;
    let (request, _) = asked(&mut played).await;
    let id = request.head.id;
    let document: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let key = keys::vorgang("kita-portal-nord", document["transaktionsid"].as_str().unwrap());
    let store = played.world.house.store.clone();
    let before = played.vorgang(id).await;
    assert!(before.akte.spuren && before.akte.fall == Some(Fall::A));
    let mut older = before.clone();
    older.akte.spuren = false;
    let mut entry = delivery("probe", "probe", "older");
    entry.effects.vorgaenge = vec![VorgangChange { key, vorgang: older }];
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::New]);
    played.later(61);
    until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
    played.pause(false).await;
    played.mailboxes.has(1).await;
    let after = played.vorgang(id).await;
    assert!(after.akte.spuren && after.akte.fall == Some(Fall::A));
    assert!(after.akte.stand > before.akte.stand, "{:?} {:?}", before.akte.stand, after.akte.stand);
    assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
    played.world.house.stop().await;
}
