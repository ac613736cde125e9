//! What every store must hold of mailboxes: rows that their receivers come for.

use std::collections::HashSet;
use std::time::Duration;

use drehscheibe::effects::{Fact, Outgoing, Question, VorgangChange, VorgangState};
use drehscheibe::store::contract::Store;
use drehscheibe::store::lane::{Due, Outcome, Want};
use drehscheibe::store::mailbox::{Ask, Ended, Handed, Item, Reader, Ticket};
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::parts::Turn;
use uuid::Uuid;

use super::common::{
    self, House, at, claim, commit_one, commit_sends, delivery, key, open, parked, send, sent, settle, spool,
    want,
};

fn reader(partner: &str) -> Reader {
    Reader { partner: partner.into(), destinations: vec![format!("post:{partner}")] }
}

fn ask(id: Uuid, now: i64) -> Ask {
    Ask { id, ticket: None, key: None, lease: Duration::from_secs(60), now: at(now) }
}

async fn lying(store: &dyn Store, partner: &str, now: i64) -> Vec<Item> {
    store.lying(&reader(partner), None, 100, at(now)).await.unwrap()
}

/// What was handed out; panics where nothing was.
async fn fetched(store: &dyn Store, partner: &str, ask: Ask) -> (Due, Ticket) {
    match store.hand_out(&reader(partner), ask).await.unwrap() {
        Handed::Out(due, ticket, _) => (*due, ticket),
        other => panic!("{other:?}"),
    }
}

async fn ask_for(store: &dyn Store, partner: &str, ask: Ask) -> Handed {
    store.hand_out(&reader(partner), ask).await.unwrap()
}

fn taken(ticket: Ticket) -> Outcome {
    Outcome::Sent { reference: ticket.to_string(), evidence: "closed".into(), follow: None }
}

async fn close(store: &dyn Store, partner: &str, ticket: Ticket, now: i64) -> Ended {
    plain(store.end(&reader(partner), ticket, (taken(ticket), false), at(now)).await.unwrap())
}

fn done(destination: &str, attempts: u32) -> Ended {
    Ended::Done { destination: destination.into(), attempts, outcome: sent() }
}

/// Whatever the outcome was: that is looked at where it matters.
fn plain(ended: Ended) -> Ended {
    match ended {
        Ended::Done { destination, attempts, .. } => done(&destination, attempts),
        other => other,
    }
}

/// The ids of what was committed, in order.
async fn put(store: &dyn Store, name: &str, sends: Vec<Outgoing>) -> Vec<Uuid> {
    let ids = sends.iter().map(|one| one.id).collect();
    commit_sends(store, name, sends).await;
    ids
}

/// Whether the first of a lane, whether held until.
fn stands(items: &[Item]) -> Vec<(Uuid, bool, Option<i64>)> {
    let second = |until: jiff::Timestamp| until.as_second() - 1_800_000_000;
    items.iter().map(|item| (item.id, item.first, item.held.map(second))).collect()
}

pub async fn a_reader_sees_its_own_in_order_and_fetches_the_first_of_each_lane(house: &dyn House) {
    let store = open(house).await;
    let part = spool(&*store, "a", b"Anlage").await;
    let with_part = Outgoing { parts: vec![part], ..send("post:x", Some("k"), "eins") };
    let own = put(&*store, "1", vec![with_part, send("post:x", Some("k"), "zwei")]).await;
    let other =
        put(&*store, "2", vec![send("post:x", Some("l"), "drei"), send("post:y", Some("k"), "y")]).await;
    let items = lying(&*store, "x", 1).await;
    assert_eq!(stands(&items), [(own[0], true, None), (own[1], false, None), (other[0], true, None)]);
    assert_eq!(items[0].lane, items[1].lane);
    assert_ne!(items[0].lane, items[2].lane);
    let shown: Vec<_> = items.iter().map(|item| (item.size, item.parts, item.test, item.fetched)).collect();
    assert_eq!(shown, [(10, 1, true, false), (4, 0, true, false), (4, 0, true, false)]);
    let first = &items[0];
    assert_eq!(
        (first.message.as_str(), first.queued, first.deadline),
        ("drehscheibe.stand", at(0), Some(at(9_999)))
    );
    // Pages go on behind what was seen; what is another's is no place to go on from.
    let page = |after| {
        let store = store.clone();
        async move { stands(&store.lying(&reader("x"), after, 1, at(1)).await.unwrap()) }
    };
    assert_eq!(page(None).await, [(own[0], true, None)]);
    assert_eq!(page(Some(own[1])).await, [(other[0], true, None)]);
    assert_eq!(page(Some(other[0])).await, []);
    assert_eq!(page(Some(other[1])).await, [(own[0], true, None)]);

    let (due, ticket) = fetched(&*store, "x", ask(own[0], 2)).await;
    assert_eq!((due.id, &due.envelope.body[..], due.envelope.parts.len()), (own[0], &b"eins"[..], 1));
    assert_eq!(
        stands(&lying(&*store, "x", 3).await)[..2],
        [(own[0], true, Some(62)), (own[1], false, Some(62))]
    );
    assert_eq!(ask_for(&*store, "x", ask(own[1], 3)).await, Handed::Behind);
    // Other lanes go on.
    let (_, third) = fetched(&*store, "x", ask(other[0], 3)).await;
    assert_eq!(close(&*store, "x", third, 4).await, done("post:x", 0));
    assert_eq!(close(&*store, "x", ticket, 5).await, done("post:x", 0));
    let (due, ticket) = fetched(&*store, "x", ask(own[1], 6)).await;
    assert_eq!(&due.envelope.body[..], b"zwei");
    assert_eq!(close(&*store, "x", ticket, 7).await, done("post:x", 0));
    assert_eq!(lying(&*store, "x", 8).await, []);
    assert_eq!(stands(&lying(&*store, "y", 8).await), [(other[1], true, None)]);
    let way = store.under_way().await.unwrap();
    assert_eq!(
        way.iter().map(|one| (one.destination.as_str(), one.waiting)).collect::<Vec<_>>(),
        [("post:y", 1)]
    );
}

pub async fn what_is_anothers_is_like_what_is_not_there(house: &dyn House) {
    let store = open(house).await;
    let own = put(&*store, "1", vec![send("post:x", None, "1")]).await[0];
    let (_, ticket) = fetched(&*store, "x", ask(own, 1)).await;
    let nothing = Uuid::new_v4();
    for (partner, id) in [("y", own), ("x", nothing), ("y", nothing)] {
        let shown = Ask { ticket: Some(ticket), ..ask(id, 2) };
        assert_eq!(ask_for(&*store, partner, shown).await, Handed::Unknown);
        assert_eq!(close(&*store, partner, Ticket { row: id, ..ticket }, 2).await, Ended::Unknown);
    }
    // Neither another mailbox nor another's name leads to it.
    for foreign in [
        Reader { partner: "y".into(), destinations: vec!["post:x".into()] },
        Reader { partner: "x".into(), destinations: vec!["post:y".into(), "callback:x".into()] },
        Reader { partner: "x".into(), destinations: vec![] },
    ] {
        assert_eq!(store.lying(&foreign, None, 9, at(2)).await.unwrap(), []);
        assert_eq!(store.hand_out(&foreign, ask(own, 2)).await.unwrap(), Handed::Unknown);
        assert_eq!(store.end(&foreign, ticket, (taken(ticket), false), at(2)).await.unwrap(), Ended::Unknown);
        assert_eq!(store.lain(&foreign, own, at(2)).await.unwrap(), None);
    }
    let reader = Reader { partner: "x".into(), destinations: vec!["post:x".into()] };
    let stands = async |id, now| {
        let lain = store.lain(&reader, id, at(now)).await.unwrap();
        lain.map(|lain| (lain.open, lain.closed))
    };
    assert_eq!((stands(own, 2).await, stands(nothing, 2).await), (Some((true, false)), None));
    let later = Outgoing { not_before: Some(at(50)), ..send("post:x", None, "2") };
    let later = put(&*store, "2", vec![later]).await[0];
    assert_eq!(
        (stands(later, 49).await, stands(later, 50).await),
        (None, Some((true, false))),
        "seen when it may leave"
    );
    assert_eq!(close(&*store, "x", ticket, 3).await, done("post:x", 0));
    assert_eq!(stands(own, 4).await, Some((false, true)));
}

pub async fn one_reader_has_it_and_who_lost_the_answer_gets_it_again(house: &dyn House) {
    let store = open(house).await;
    let id = put(&*store, "1", vec![send("post:x", Some("k"), "1")]).await[0];
    let keyed = |key: &str, now| Ask { key: Some(key.into()), ..ask(id, now) };
    let (_, ticket) = fetched(&*store, "x", keyed("a", 0)).await;
    // Its time is another reader's to wait for.
    assert_eq!(ask_for(&*store, "x", ask(id, 1)).await, Handed::Held(at(60)));
    assert_eq!(ask_for(&*store, "x", keyed("b", 1)).await, Handed::Held(at(60)));
    // The same reader gets the same: by its own word, or by its receipt; its time begins anew.
    assert_eq!(fetched(&*store, "x", keyed("a", 10)).await.1, ticket);
    assert_eq!(fetched(&*store, "x", Ask { ticket: Some(ticket), ..ask(id, 20) }).await.1, ticket);
    assert_eq!(ask_for(&*store, "x", ask(id, 79)).await, Handed::Held(at(80)));
    let stale = Ticket { fence: ticket.fence - 1, ..ticket };
    assert_eq!(ask_for(&*store, "x", Ask { ticket: Some(stale), ..ask(id, 79) }).await, Handed::Held(at(80)));
    // When it is over anybody gets it, as what may have arrived, with the same id.
    let (due, next) = fetched(&*store, "x", ask(id, 80)).await;
    assert_eq!((due.id, due.unclear, next.fence > ticket.fence), (id, true, true));
    assert!(lying(&*store, "x", 81).await[0].fetched);
    // The first one's receipt is good for nothing now, and changes nothing.
    for outcome in [
        taken(ticket),
        parked(),
        Outcome::Later { at: at(82), cause: "back".into(), doubt: None, turn: Turn::FarEnd },
    ] {
        assert_eq!(store.end(&reader("x"), ticket, (outcome, false), at(82)).await.unwrap(), Ended::Stale);
    }
    assert_eq!(close(&*store, "x", next, 83).await, done("post:x", 0));
    // What was closed stays so for whoever closed it, and for nobody else.
    assert_eq!(close(&*store, "x", next, 84).await, Ended::Again);
    assert_eq!(close(&*store, "x", ticket, 84).await, Ended::Stale);
    assert_eq!(store.end(&reader("x"), next, (parked(), false), at(84)).await.unwrap(), Ended::Stale);
    assert_eq!(ask_for(&*store, "x", ask(id, 84)).await, Handed::Unknown);
}

pub async fn a_receipt_ends_its_own_row_only(house: &dyn House) {
    let store = open(house).await;
    let rows = put(&*store, "1", vec![send("post:x", Some("k"), "1"), send("post:x", Some("k"), "2")]).await;
    let (_, ticket) = fetched(&*store, "x", ask(rows[0], 0)).await;
    // The second comes behind; a receipt of the first, put to it by mistake, does not close it.
    let mistaken = Ticket { row: rows[1], ..ticket };
    assert_eq!(close(&*store, "x", mistaken, 1).await, Ended::Stale);
    // Late, but nobody got it meanwhile: it is what the reader says it is.
    assert_eq!(close(&*store, "x", ticket, 500).await, done("post:x", 0));
    let (due, _) = fetched(&*store, "x", ask(rows[1], 501)).await;
    assert_eq!((due.id, due.unclear), (rows[1], false));
}

pub async fn two_that_ask_at_once_are_handed_out_once(house: &dyn House) {
    let store = open(house).await;
    for round in 0..10 {
        let id = put(&*store, &format!("{round}"), vec![send("post:x", None, "1")]).await[0];
        let both = (0..6).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.hand_out(&reader("x"), ask(id, 1)).await.unwrap() })
        });
        let mut tickets = Vec::new();
        for one in both.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Handed::Out(_, ticket, _) => tickets.push(ticket),
                other => assert_eq!(other, Handed::Held(at(61))),
            }
        }
        assert_eq!(tickets.len(), 1, "{round}");
        let closing = (0..6).map(|_| {
            let (store, ticket) = (store.clone(), tickets[0]);
            tokio::spawn(async move { close(&*store, "x", ticket, 2).await })
        });
        let mut closed = Vec::new();
        for one in closing.collect::<Vec<_>>() {
            closed.push(one.await.unwrap());
        }
        let done = closed.iter().filter(|ended| matches!(ended, Ended::Done { .. })).count();
        let again = closed.iter().filter(|ended| **ended == Ended::Again).count();
        assert_eq!((done, again), (1, 5), "{round}: {closed:?}");
    }
}

pub async fn what_is_given_back_comes_again_and_what_is_refused_waits_for_a_person(house: &dyn House) {
    let store = open(house).await;
    let rows = put(&*store, "1", vec![send("post:x", Some("k"), "1"), send("post:x", Some("k"), "2")]).await;
    let (_, ticket) = fetched(&*store, "x", ask(rows[0], 0)).await;
    let back =
        |now| Outcome::Later { at: at(now), cause: "given back".into(), doubt: None, turn: Turn::FarEnd };
    let ended = store.end(&reader("x"), ticket, (back(1), false), at(1)).await.unwrap();
    assert_eq!(plain(ended), done("post:x", 0));
    assert_eq!(store.end(&reader("x"), ticket, (back(2), false), at(2)).await.unwrap(), Ended::Again);
    let (due, next) = fetched(&*store, "x", ask(rows[0], 3)).await;
    assert_eq!(
        (due.unclear, due.attempts, next.fence > ticket.fence),
        (false, 1, true),
        "no doubt, and counted once"
    );
    let ended = store.end(&reader("x"), next, (parked(), true), at(4)).await.unwrap();
    let left = Ended::Done { destination: "post:x".into(), attempts: 1, outcome: parked() };
    assert_eq!(ended, left, "there is no other way");
    assert_eq!(store.end(&reader("x"), next, (parked(), false), at(5)).await.unwrap(), Ended::Again);
    assert_eq!(close(&*store, "x", next, 5).await, Ended::Stale);
    // It holds its lane, and nothing of the lane is seen.
    assert_eq!(lying(&*store, "x", 6).await, []);
    for row in &rows {
        assert_eq!(ask_for(&*store, "x", ask(*row, 6)).await, Handed::Unknown);
    }
    let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!((held.len(), held[0].id, held[0].cause.as_deref()), (1, rows[0], Some("410")));
    assert!(store.replay(rows[0], "os:rita", "mended", at(7)).await.unwrap());
    let (_, last) = fetched(&*store, "x", ask(rows[0], 8)).await;
    assert_eq!(close(&*store, "x", last, 9).await, done("post:x", 2));
    assert_eq!(stands(&lying(&*store, "x", 10).await), [(rows[1], true, None)]);
}

/// What must not be handed out any more waits for a person; who has it by then has read it, and says so.
pub async fn what_was_handed_out_before_it_was_held_back_is_closed_by_its_receipt(house: &dyn House) {
    let store = open(house).await;
    let sends = ["1", "2", "3"].map(|name| send("post:x", None, name)).to_vec();
    let rows = put(&*store, "1", sends).await;
    let hold = async |row: Uuid| {
        let held = store.hold_back(&reader("x"), row, parked(), at(4_000)).await.unwrap();
        assert!(held.is_some());
        assert_eq!(ask_for(&*store, "x", ask(row, 4_001)).await, Handed::Unknown);
    };
    let waiting = async || {
        let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
        held.into_iter().map(|one| one.id).collect::<HashSet<_>>()
    };
    let (_, before) = fetched(&*store, "x", ask(rows[0], 0)).await;
    let (_, read) = fetched(&*store, "x", ask(rows[0], 2_000)).await;
    let (_, back) = fetched(&*store, "x", ask(rows[1], 0)).await;
    let given = Outcome::Later { at: at(1), cause: "given back".into(), doubt: None, turn: Turn::FarEnd };
    store.end(&reader("x"), back, (given, false), at(1)).await.unwrap();
    for row in &rows {
        hold(*row).await;
    }
    assert_eq!(lying(&*store, "x", 4_001).await, []);
    assert_eq!(waiting().await.len(), 3);
    assert_eq!(close(&*store, "x", before, 4_002).await, Ended::Stale, "it had got it once more");
    assert_eq!(close(&*store, "y", read, 4_002).await, Ended::Unknown, "it is not his");
    assert_eq!(close(&*store, "x", back, 4_002).await, Ended::Stale, "it was given back");
    let ended = close(&*store, "x", read, 4_003).await;
    assert!(matches!(ended, Ended::Done { .. }), "{ended:?}");
    assert_eq!(close(&*store, "x", read, 4_004).await, Ended::Again);
    assert_eq!(
        waiting().await,
        rows[1..].iter().copied().collect(),
        "nobody has to look any more at what was collected"
    );
}

pub async fn whether_anything_can_be_had_is_known_beside_any_page(house: &dyn House) {
    let store = open(house).await;
    let ready = async |partner: &str, now: i64| store.ready(&reader(partner), at(now)).await.unwrap();
    assert!(!ready("x", 0).await);
    let later = Outgoing { not_before: Some(at(50)), ..send("post:x", Some("b"), "later") };
    let rows =
        put(&*store, "1", vec![send("post:x", Some("a"), "1"), send("post:x", Some("a"), "2"), later]).await;
    assert!(ready("x", 1).await && !ready("y", 1).await);
    let (_, ticket) = fetched(&*store, "x", ask(rows[0], 1)).await;
    assert!(!ready("x", 2).await, "what comes behind it cannot be had, nor what is for later");
    assert!(ready("x", 50).await);
    assert_eq!(close(&*store, "x", ticket, 3).await, done("post:x", 0));
    assert!(ready("x", 4).await);
    // Past its time it is nobody's any more.
    assert!(!ready("x", 9_999).await);
    // A receipt shows nothing of lanes and is read back.
    let shown = store.receipt(ticket);
    assert_eq!(store.ticket(&shown), Some(ticket));
    // One digit may be the lane's by chance, of many receipts not in each.
    let of = |row| store.receipt(Ticket { row: Uuid::from_u128(row), ..ticket });
    assert!(!(0..64).map(of).all(|shown| shown.starts_with(&ticket.lane.to_string())));
    for plain in [ticket.to_string(), hex::encode(ticket.lane.to_be_bytes())] {
        assert!(!shown.starts_with(&plain));
    }
    assert_eq!(store.series(ticket.lane), store.series(ticket.lane));
}

pub async fn what_must_not_leave_yet_is_not_there_yet(house: &dyn House) {
    let store = open(house).await;
    let first = send("post:x", Some("a"), "1");
    let later = Outgoing { not_before: Some(at(50)), ..send("post:x", Some("b"), "later") };
    let after = Outgoing { after: Some(first.id), ..send("post:x", Some("c"), "after") };
    let behind = send("post:x", Some("b"), "behind it");
    let rows = put(&*store, "1", vec![first, later, after, behind]).await;
    assert_eq!(stands(&lying(&*store, "x", 1).await), [(rows[0], true, None)]);
    for row in &rows[1..] {
        assert_eq!(ask_for(&*store, "x", ask(*row, 1)).await, Handed::Unknown);
    }
    let (_, ticket) = fetched(&*store, "x", ask(rows[0], 1)).await;
    assert_eq!(close(&*store, "x", ticket, 2).await, done("post:x", 0));
    assert_eq!(stands(&lying(&*store, "x", 3).await), [(rows[2], true, None)]);
    let all = [(rows[1], true, None), (rows[2], true, None), (rows[3], false, None)];
    assert_eq!(stands(&lying(&*store, "x", 50).await), all);
}

pub async fn what_nobody_collects_in_time_is_found_unless_a_reader_has_it(house: &dyn House) {
    let store = open(house).await;
    let sends = ["1", "2", "3"].map(|n| Outgoing { deadline: Some(at(100)), ..send("post:x", Some(n), n) });
    let rows = put(&*store, "1", sends.to_vec()).await;
    put(&*store, "2", vec![Outgoing { deadline: Some(at(100)), ..send("c:x", None, "sent") }]).await;
    let boxes = ["post:x".to_owned()];
    let overdue = async |now: i64| {
        // Leases that are over end with the next look at the lanes.
        store.claim(Want { except: vec!["post:x".into(), "c:x".into()], ..want(now) }).await.unwrap();
        let found = store.overdue(&boxes, at(now), 10).await.unwrap();
        let place = |row: Uuid| rows.iter().position(|known| *known == row).unwrap();
        let mut found: Vec<_> = found.into_iter().map(|one| (place(one.row), one.fetched)).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(overdue(99).await, []);
    // One was fetched and not closed, one is in hand beyond its time, one was never fetched.
    fetched(&*store, "x", ask(rows[0], 10)).await;
    let (_, ticket) = fetched(&*store, "x", ask(rows[1], 60)).await;
    assert_eq!(overdue(100).await, [(0, true), (2, false)]);
    assert_eq!(stands(&lying(&*store, "x", 101).await), [(rows[1], true, Some(120))]);
    assert_eq!(ask_for(&*store, "x", ask(rows[2], 101)).await, Handed::Unknown, "its time is over");
    assert_eq!(close(&*store, "x", ticket, 119).await, done("post:x", 0));
}

pub async fn a_reader_keeps_what_it_has_when_the_house_starts_anew(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let id = put(&*store, "1", vec![send("post:x", Some("k"), "1")]).await[0];
    put(&*store, "2", vec![send("c:x", Some("k"), "sent")]).await;
    let (_, ticket) = fetched(&*store, "x", ask(id, 0)).await;
    let only = Want { except: vec!["post:x".into()], ..want(0) };
    assert_eq!(store.claim(only.clone()).await.unwrap().len(), 1);
    drop(store);
    let (store, _) = house.run().await.unwrap();
    // What a process had in hand is free at once, what a reader has is not.
    assert_eq!(ask_for(&*store, "x", ask(id, 1)).await, Handed::Held(at(60)));
    // Nor is it, where a process knows of no lease that it holds.
    let lost = Want { ours: Some(vec![]), ..only };
    assert_eq!(store.claim(Want { now: at(2), ..lost }).await.unwrap().len(), 1);
    assert_eq!(ask_for(&*store, "x", ask(id, 3)).await, Handed::Held(at(60)));
    assert_eq!(close(&*store, "x", ticket, 4).await, done("post:x", 0));
}

pub async fn closing_delivers_the_vorgang_and_lets_go_what_waits_for_it(house: &dyn House) {
    let store = open(house).await;
    let state = async || {
        let answer = store.lookup(vec![Question::Vorgang(key("v"))]).await.unwrap().remove(0);
        match answer.fact {
            Fact::Vorgang(Some(found)) => (found.state, answer.guard.seen),
            other => panic!("{other:?}"),
        }
    };
    let vorgang = common::vorgang("a", VorgangState::Entschieden);
    let mut entry = delivery("a", "p", "1");
    entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang }];
    let answer = Outgoing { delivers: Some(key("v")), ..send("post:x", None, "1") };
    let after = Outgoing { after: Some(answer.id), ..send("c:x", None, "after it") };
    let id = answer.id;
    entry.effects.sends = vec![answer, after];
    commit_one(&*store, entry).await;
    let (before, seen) = state().await;
    let (_, ticket) = fetched(&*store, "x", ask(id, 1)).await;
    assert_eq!((before, state().await.0), (VorgangState::Entschieden, VorgangState::Entschieden));
    assert_eq!(store.next_due(&["post:x".to_owned()]).await.unwrap(), Some(at(61)));
    assert_eq!(close(&*store, "x", ticket, 2).await, done("post:x", 0));
    let (after, moved) = state().await;
    assert_eq!(after, VorgangState::Zugestellt);
    assert_ne!(seen, moved, "whoever decided on it looks again");
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(2)));
}

pub async fn what_was_closed_while_its_mailbox_was_no_more_counts_when_that_is_back(house: &dyn House) {
    let store = open(house).await;
    let rows = ["tried on", "in doubt", "fetched anew", "given back"].map(|body| send("post:x", None, body));
    let ids = put(&*store, "1", rows.to_vec()).await;
    let mut tickets = Vec::new();
    for id in &ids {
        tickets.push(fetched(&*store, "x", ask(*id, 0)).await.1);
    }
    let back = Outcome::Later { at: at(1), cause: "given back".into(), doubt: None, turn: Turn::FarEnd };
    store.end(&reader("x"), tickets[3], (back, false), at(1)).await.unwrap();
    // The mailbox is taken out of the set: processes have its lanes, and can send nothing.
    for lane in claim(&*store, 1_000).await {
        let outcome = match lane.heads[0].id == ids[1] {
            true => Outcome::Unclear { cause: "no such mailbox".into() },
            false => Outcome::Later {
                at: at(1_001),
                cause: "no such mailbox".into(),
                doubt: None,
                turn: Turn::FarEnd,
            },
        };
        assert!(settle(&*store, &lane, 0, outcome, true, 1_001).await);
    }
    // It is back, and the office says what it has had all the while.
    let (_, anew) = fetched(&*store, "x", ask(ids[2], 1_002)).await;
    for nth in [0, 1] {
        assert!(matches!(close(&*store, "x", tickets[nth], 1_003).await, Ended::Done { .. }), "{nth}");
        assert_eq!(close(&*store, "x", tickets[nth], 1_004).await, Ended::Again, "{nth}");
    }
    // What somebody got meanwhile, or was given back, is not closed by what was fetched before.
    for nth in [2, 3] {
        assert_eq!(close(&*store, "x", tickets[nth], 1_004).await, Ended::Stale, "{nth}");
    }
    assert!(matches!(close(&*store, "x", anew, 1_005).await, Ended::Done { .. }));
    assert_eq!(lying(&*store, "x", 1_006).await.len(), 1);
}

pub async fn a_mailbox_does_not_keep_dispatch_awake(house: &dyn House) {
    let store = open(house).await;
    put(&*store, "1", vec![send("post:x", Some("k"), "1"), send("post:y", None, "2")]).await;
    let boxes = ["post:x".to_owned(), "post:y".to_owned()];
    assert_eq!(store.next_due(&boxes).await.unwrap(), None);
    assert_eq!(store.next_due(&boxes[..1]).await.unwrap(), Some(at(0)));
    let later = Outgoing { not_before: Some(at(70)), ..send("c:x", None, "3") };
    put(&*store, "2", vec![later, send("z:x", None, "4")]).await;
    assert_eq!(
        store.next_due(&[boxes.as_slice(), &["z:x".to_owned()]].concat()).await.unwrap(),
        Some(at(70))
    );
}

pub async fn only_what_was_handed_out_is_ended_and_only_once(house: &dyn House) {
    let store = open(house).await;
    let refuse = Outcome::Parked { cause: "x".into(), next_step: "y".into() };
    let ids = put(&*store, "1", vec![send("post:x", Some("k"), "1"), send("post:x", Some("k"), "2")]).await;
    // Lane and fence are no secret; by them alone nobody says that he has it.
    let (lane, fence) = (lying(&*store, "x", 1).await[0].lane, 0);
    assert_eq!(close(&*store, "x", Ticket { lane, fence, row: ids[0] }, 1).await, Ended::Stale);
    let (_, ticket) = fetched(&*store, "x", ask(ids[0], 2)).await;
    assert_eq!(close(&*store, "x", ticket, 3).await, done("post:x", 0));
    assert_eq!(close(&*store, "x", Ticket { row: ids[1], ..ticket }, 3).await, Ended::Stale);

    // What was refused and replayed by a person is another hand-out's.
    let (_, ticket) = fetched(&*store, "x", ask(ids[1], 4)).await;
    let end = |outcome: Outcome, now| {
        let store = store.clone();
        async move { plain(store.end(&reader("x"), ticket, (outcome, false), at(now)).await.unwrap()) }
    };
    assert_eq!(end(refuse.clone(), 5).await, done("post:x", 0));
    assert_eq!(end(refuse.clone(), 5).await, Ended::Again);
    assert!(store.replay(ids[1], "anna", "corrected", at(6)).await.unwrap());
    assert_eq!(end(taken(ticket), 7).await, Ended::Stale);
    assert_eq!(end(refuse.clone(), 7).await, Ended::Stale, "said again after it was put right");
    assert_eq!(lying(&*store, "x", 7).await.len(), 1);

    // So is what was given back.
    let (_, ticket) = fetched(&*store, "x", ask(ids[1], 8)).await;
    let back = Outcome::Later { at: at(9), cause: "given back".into(), doubt: None, turn: Turn::FarEnd };
    let end = |outcome: Outcome| {
        let store = store.clone();
        async move { store.end(&reader("x"), ticket, (outcome, false), at(9)).await.unwrap() }
    };
    assert!(matches!(end(back.clone()).await, Ended::Done { .. }));
    assert_eq!((end(back).await, end(taken(ticket)).await), (Ended::Again, Ended::Stale));
    let (_, ticket) = fetched(&*store, "x", ask(ids[1], 10)).await;
    assert!(matches!(close(&*store, "x", ticket, 11).await, Ended::Done { .. }));
}
