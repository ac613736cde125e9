//! What every store must hold of rows that wait for a person, and of what is said of them: by a person, by their far end, by a receiver who
//! closes late. Whoever comes first settles.

use bytes::Bytes;
use drehscheibe::effects::{Fact, Outgoing, Question, VorgangChange, VorgangState};
use drehscheibe::store::follow::{Found, Looked, Which};
use drehscheibe::store::lane::{Follow, Outcome, Settle, Undelivered, Want};
use drehscheibe::store::mailbox::{Ended, Handed, Reader, Ticket};
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    self, House, at, claim, commit_one, commit_sends, delivery, key, later, moved, open, parked, send, sent,
    settle, want,
};
use super::ways::{ask, by, duty, reader, shown, way};

pub async fn a_persons_word_that_it_did_not_arrive_moves_it_on_or_parks_it(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("c:x", 100, true), way("brief:x", 300, false)];
    let mut entry = delivery("a", "p", "1");
    let vorgang = common::vorgang("a", VorgangState::Entschieden);
    entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang }];
    let failed = Outgoing { delivers: Some(key("v")), ..by(&ways, "failed") };
    let only = |body: &str| Outgoing { partner: "x".into(), ..send("c:x", None, body) };
    entry.effects.sends = vec![
        failed,
        by(&ways, "unclear"),
        by(&ways, "parked"),
        by(&ways, "sent"),
        only("failed alone"),
        only("unclear alone"),
        only("parked alone"),
    ];
    let ids: Vec<Uuid> = entry.effects.sends.iter().map(|row| row.id).collect();
    commit_one(&*store, entry).await;
    let word = async |nth: usize, now: i64| {
        store.not_arrived((ids[nth], "c:x"), "os:rita", "angerufen", at(now)).await.unwrap()
    };
    for (nth, _) in ids.iter().enumerate() {
        assert_eq!(word(nth, 1).await, None, "it is under way");
    }
    let other = async |row, now| store.not_arrived(row, "os:rita", "angerufen", at(now)).await.unwrap();
    assert_eq!(other((Uuid::from_u128(9), "c:x"), 1).await, None);
    let follow = || Follow { due: at(50), until: at(101), keep: Bytes::from_static(b"which file") };
    for lane in claim(&*store, 1).await {
        let outcome = match ids.iter().position(|id| *id == lane.heads[0].id).unwrap() {
            0 | 4 => Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: Some(follow()) },
            1 | 5 => Outcome::Unclear { cause: "c".into() },
            2 | 6 => parked(),
            _ => sent(),
        };
        assert!(settle(&*store, &lane, 0, outcome, true, 2).await);
    }
    for nth in [0, 3, 4] {
        assert_eq!(word(nth, 3).await, None, "it was sent, and has not failed");
    }
    let duty = duty(&*store).await;
    let which = Which { now: at(101), limit: 10, except: Vec::new() };
    for followed in store.due_looks(&duty, &which).await.unwrap().unwrap() {
        let found = Found::Failed { cause: "c".into(), next_step: "n".into(), proof: Bytes::new() };
        let looked = Looked {
            row: followed.id,
            since: followed.since,
            looks: followed.looks,
            delivers: followed.delivers,
            found,
            answers: Vec::new(),
            now: at(101),
        };
        assert!(store.settle_look(&duty, looked).await.unwrap());
    }
    let state = async || {
        let answer = store.lookup(vec![Question::Vorgang(key("v"))]).await.unwrap().remove(0);
        match answer.fact {
            Fact::Vorgang(Some(found)) => (found.state, answer.guard.seen),
            other => panic!("{other:?}"),
        }
    };
    let (delivered, seen) = state().await;
    assert_eq!(delivered, VorgangState::Zugestellt);
    assert_eq!(other((ids[0], "brief:x"), 109).await, None, "by that way nobody has tried it");
    // What has another way goes on by it, once.
    for nth in [0, 1, 2] {
        assert_eq!(word(nth, 110).await, Some(Undelivered::Onward), "{nth}");
        assert_eq!(word(nth, 111).await, None, "said again it moves nothing");
        let moved = shown(&*store, ids[nth]).await;
        assert_eq!(
            (&*moved.destination, moved.state.as_str(), moved.ways.len()),
            ("brief:x", "queued", 1),
            "{nth}"
        );
        assert_eq!(
            (&*moved.ways[0].destination, &*moved.ways[0].cause),
            ("c:x", "a person found out that it did not arrive")
        );
    }
    assert!(moved(&*store, "v", seen).await, "whoever decided on the Vorgang looks again");
    assert_eq!(state().await.0, VorgangState::Entschieden);
    // What has none waits for a person, who may send it again.
    for nth in [4, 5] {
        assert_eq!(word(nth, 112).await, Some(Undelivered::Parked), "{nth}");
        let held = shown(&*store, ids[nth]).await;
        assert_eq!(
            (&*held.destination, held.state.as_str(), held.next_look),
            ("c:x", "parked", None),
            "{nth}"
        );
    }
    for nth in [3, 4, 5, 6] {
        assert_eq!(word(nth, 113).await, None, "there is nothing to decide");
    }
    assert_eq!(store.next_look().await.unwrap(), None, "nothing is followed any more");
    assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 3);
    let mut left = claim(&*store, 114).await;
    left.sort_by_key(|lane| ids.iter().position(|id| *id == lane.heads[0].id));
    let leaves: Vec<_> = left.iter().map(|lane| (lane.heads[0].id, &*lane.destination)).collect();
    assert_eq!(leaves, [(ids[0], "brief:x"), (ids[1], "brief:x"), (ids[2], "brief:x")]);
    assert_eq!(left[0].heads[0].deadline, Some(at(410)));
    // Held again on the next way, what was said of the one before moves it no further.
    assert!(settle(&*store, &left[1], 0, Outcome::Unclear { cause: "c".into() }, true, 115).await);
    assert_eq!(word(1, 115).await, None);
    assert_eq!(shown(&*store, ids[1]).await.state.as_str(), "unclear");
    assert!(settle(&*store, &left[0], 0, sent(), true, 115).await);
    assert_eq!(state().await.0, VorgangState::Zugestellt, "by the way that delivered");
    assert!(store.replay(ids[4], "os:rita", "again", at(116)).await.unwrap());
    let again = claim(&*store, 117).await.remove(0);
    assert_eq!((&*again.destination, again.heads[0].id), ("c:x", ids[4]));
    assert!(settle(&*store, &again, 0, sent(), true, 118).await);
    assert_eq!(shown(&*store, ids[4]).await.state.as_str(), "sent");
}

pub async fn why_nothing_is_found_out_stands_with_the_row_until_something_is(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("tray:x", 100, true), way("brief:x", 300, false)];
    let row = by(&ways, "letter");
    let id = row.id;
    commit_sends(&*store, "1", vec![row]).await;
    let lane = claim(&*store, 1).await.remove(0);
    let follow = Follow { due: at(50), until: at(101), keep: Bytes::from_static(b"which file") };
    let laid = Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: Some(follow) };
    assert!(settle(&*store, &lane, 0, laid, true, 1).await);
    let duty = duty(&*store).await;
    let down = |why: &str| Found::Open { at: at(50), trouble: Some(why.into()) };
    let step = Found::Step { at: at(50), keep: Bytes::from_static(b"aside") };
    let nothing = Found::Open { at: at(50), trouble: None };
    let looks = [
        (down("no right"), Some("no right")),
        (nothing.clone(), None),
        (down("no tray"), Some("no tray")),
        (down("no tray"), Some("no tray")),
        (step, None),
        (nothing, None),
    ];
    let mut before = None;
    for (found, why) in looks {
        let which = Which { now: at(50), limit: 10, except: Vec::new() };
        let followed = store.due_looks(&duty, &which).await.unwrap().unwrap().remove(0);
        assert_eq!((followed.trouble.as_deref(), &*followed.reference), (before, "r"), "{found:?}");
        let (since, looks, delivers) = (followed.since, followed.looks, followed.delivers);
        let looked = Looked { row: id, since, looks, delivers, found, answers: Vec::new(), now: at(50) };
        assert!(store.settle_look(&duty, looked).await.unwrap());
        let shown = shown(&*store, id).await;
        assert_eq!((shown.state.as_str(), shown.cause.as_deref()), ("sent", why));
        let figures = store.figures(&Scope::Operator).await.unwrap();
        assert_eq!(figures.backlog[0].follow_cause.as_deref(), why);
        before = why;
    }
}

pub async fn what_cannot_be_taken_back_waits_for_a_person_whose_word_counts_at_once(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("c:x", 100, true), way("brief:x", 300, false)];
    let rows: Vec<Outgoing> = ["1", "2", "3", "4"].map(|body| by(&ways, body)).into();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    commit_sends(&*store, "1", rows).await;
    for lane in claim(&*store, 1).await {
        let follow = Follow { due: at(50), until: at(101), keep: Bytes::from_static(b"which file") };
        let laid = Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: Some(follow) };
        assert!(settle(&*store, &lane, 0, laid, true, 1).await);
    }
    let duty = duty(&*store).await;
    let held = |now: i64| Found::Held { at: at(now), cause: "no right".into() };
    let look = async |nth: usize, now: i64, found: Found| {
        let which = Which { now: at(now), limit: 10, except: Vec::new() };
        let due = store.due_looks(&duty, &which).await.unwrap().unwrap();
        let followed = due.into_iter().find(|one| one.id == ids[nth]).unwrap();
        let (row, since, looks, delivers) = (ids[nth], followed.since, followed.looks, followed.delivers);
        let looked = Looked { row, since, looks, delivers, found, answers: Vec::new(), now: at(now) };
        assert!(store.settle_look(&duty, looked.clone()).await.unwrap());
        (followed.held, looked)
    };
    let listed = async || {
        let mut sends = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
        sends.sort_by_key(|send| ids.iter().position(|id| *id == send.id));
        sends
    };
    // What nothing could be found out of in its time is nobody's to decide.
    look(0, 50, Found::Open { at: at(101), trouble: Some("no tray".into()) }).await;
    assert!(listed().await.is_empty());
    assert_eq!(store.not_arrived((ids[0], "c:x"), "os:rita", "r", at(60)).await.unwrap(), None);
    assert!(store.waiting_for_person(ids[0]).await.unwrap().is_none());
    for nth in 0..3 {
        assert!(!look(nth, 101, held(110)).await.0);
    }
    let all = listed().await;
    assert_eq!(all.iter().map(|send| send.id).collect::<Vec<_>>(), ids[..3], "each is named");
    for send in &all {
        assert_eq!((send.state.as_str(), send.cause.as_deref()), ("not-taken-back", Some("no right")));
        assert!(send.next_step.as_ref().unwrap().contains("parked not-arrived"));
    }
    let due = store.waiting_for_person(ids[1]).await.unwrap().unwrap();
    assert_eq!((&due.envelope.body[..], &*due.destination), (&b"2"[..], "c:x"));
    // It is looked at all the same, and an alarm was raised for it.
    let (known, late) = look(0, 110, held(120)).await;
    assert!(known);
    assert_eq!(
        store.not_arrived((ids[0], "c:x"), "os:rita", "weggenommen", at(111)).await.unwrap(),
        Some(Undelivered::Onward)
    );
    assert!(!store.settle_look(&duty, late).await.unwrap(), "the person was faster");
    let moved = shown(&*store, ids[0]).await;
    assert_eq!((&*moved.destination, moved.state.as_str(), moved.next_look), ("brief:x", "queued", None));
    assert!(store.arrived(ids[1], "os:rita", "angerufen", at(112)).await.unwrap());
    assert!(!store.arrived(ids[1], "os:rita", "angerufen", at(113)).await.unwrap(), "once");
    assert_eq!(shown(&*store, ids[1]).await.state.as_str(), "confirmed");
    // Where it can be taken back after all nobody is called any more.
    look(2, 114, Found::Step { at: at(114), keep: Bytes::from_static(b"aside") }).await;
    assert!(listed().await.is_empty());
    assert!(!store.arrived(ids[2], "os:rita", "angerufen", at(115)).await.unwrap());
    assert!(!store.arrived(ids[3], "os:rita", "angerufen", at(115)).await.unwrap(), "nobody asked");
}

pub async fn what_a_receiver_closes_after_a_person_said_that_it_had_not_arrived_is_told(house: &dyn House) {
    let store = open(house).await;
    let ways = [way("post:x", 100, true), way("brief:x", 300, false)];
    let alone =
        |body: &str| Outgoing { partner: "x".into(), deadline: Some(at(100)), ..send("post:x", None, body) };
    // Moved and still there; moved and gone; without another way; fetched in time and closed late; never fetched.
    let rows = vec![by(&ways, "1"), by(&ways, "2"), alone("3"), alone("4"), alone("5")];
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    commit_sends(&*store, "1", rows).await;
    let mut tickets = Vec::new();
    for id in &ids[..4] {
        let Handed::Out(_, ticket, _) = store.hand_out(&reader(), ask(*id, 1)).await.unwrap() else {
            panic!("it is there")
        };
        tickets.push(ticket);
    }
    let close = async |nth: usize, now: i64| {
        let ticket = tickets[nth];
        let outcome =
            Outcome::Sent { reference: ticket.to_string(), evidence: "closed".into(), follow: None };
        store.end(&reader(), ticket, (outcome, false), at(now)).await.unwrap()
    };
    // Their time is over, and nobody closed them.
    store.claim(Want { except: vec!["post:x".into(), "brief:x".into()], ..want(101) }).await.unwrap();
    for late in store.overdue(&["post:x".to_owned()], at(101), 10).await.unwrap() {
        let (lane, fence, row) = (late.lane, late.fence, late.row);
        let outcome = match late.fetched {
            true => Outcome::Unclear { cause: "not closed".into() },
            false => parked(),
        };
        let (answers, delivers) = (Vec::new(), None);
        let one = Settle { lane, fence, row, outcome, answers, delivers, release: true, now: at(101) };
        assert_eq!(store.settle(vec![one]).await.unwrap(), [true]);
    }
    for (nth, id) in ids.iter().enumerate().take(3) {
        let word = store.not_arrived((*id, "post:x"), "os:rita", "angerufen", at(102)).await.unwrap();
        assert!(word.is_some(), "{nth}");
    }
    let lanes = claim(&*store, 103).await;
    let went = lanes.iter().find(|lane| lane.heads[0].id == ids[1]).unwrap();
    assert!(settle(&*store, went, 0, sent(), true, 103).await);
    let waits = lanes.iter().find(|lane| lane.heads[0].id == ids[0]).unwrap();
    assert!(settle(&*store, waits, 0, later(900), true, 103).await);
    let after_all = Ended::AfterAll { destination: "post:x".into() };
    for (nth, id) in ids.iter().enumerate().take(3) {
        assert_eq!(close(nth, 110).await, after_all, "{nth}");
        assert_eq!(close(nth, 111).await, Ended::Again, "{nth}");
        let ended = shown(&*store, *id).await;
        assert_eq!(ended.state.as_str(), "sent", "{nth}: no other copy goes");
        // What had gone on says when it was closed there; what had not has no way behind it.
        let taken: Vec<_> = ended.ways.iter().map(|left| left.taken).collect();
        assert_eq!(taken, if nth < 2 { vec![Some(at(110))] } else { Vec::new() }, "{nth}");
    }
    // A person was to find out, and the receiver says it: nobody erred.
    assert!(matches!(close(3, 112).await, Ended::Done { .. }));
    assert_eq!(close(3, 113).await, Ended::Again);
    assert_eq!(shown(&*store, ids[3]).await.state.as_str(), "sent");
    // What it never had, and what is another's, it does not close.
    let never = Ticket { row: ids[4], ..tickets[3] };
    let outcome = || Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: None };
    assert_eq!(store.end(&reader(), never, (outcome(), false), at(114)).await.unwrap(), Ended::Stale);
    let foreign = Reader { partner: "y".into(), destinations: vec!["post:y".into()] };
    let foreign = store.end(&foreign, tickets[1], (outcome(), false), at(114)).await.unwrap();
    assert_eq!(foreign, Ended::Unknown);
    assert!(claim(&*store, 2_000).await.is_empty(), "nothing goes twice");
}
