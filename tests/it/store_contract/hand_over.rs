//! What every store must hold of rows that go over to another addressee.

use drehscheibe::effects::{HandOver, Outgoing, Way};
use drehscheibe::envelope::Inbound;
use drehscheibe::store::lane::{Follow, Outcome};
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::at;
use super::common::{
    House, bodies, claim, commit_one, commit_sends, delivery, id_of, key, open, parked, send, sent, settle,
};

fn over(cause: Uuid, from: &str, waiting_at: &[&str], destination: &str) -> HandOver {
    HandOver {
        cause,
        from: from.into(),
        order: key("v"),
        waiting_at: waiting_at.iter().map(|at| (*at).to_owned()).collect(),
        rows: Vec::new(),
        partner: destination.split(':').nth(1).unwrap().into(),
        destination: destination.into(),
        deadline: Some(at(8_888)),
    }
}

/// A parked request with what waits behind it goes to another addressee in its order; what others wait for stays.
pub async fn what_waits_for_nobody_goes_over_in_its_order(house: &dyn House) {
    let store = open(house).await;
    let nobody = "jugendamt:unbekannt";
    let mother = Outgoing { partner: "postfach".into(), ..send("trays:postfach", None, "mutter") };
    let cause = commit_sends(&*store, "1", vec![send(nobody, Some("v"), "antrag"), mother]).await;
    commit_sends(&*store, "2", vec![send(nobody, Some("v"), "erinnerung")]).await;
    let other = commit_sends(&*store, "3", vec![send(nobody, Some("w"), "anderer")]).await;
    for lane in claim(&*store, 1).await {
        let outcome = if lane.destination == nobody { parked() } else { sent() };
        assert!(settle(&*store, &lane, 0, outcome, true, 2).await);
    }
    assert_eq!(claim(&*store, 3).await.len(), 0, "the reminder waits behind the request");
    let mut order = delivery("b", "amt", "4");
    order.effects.hand_overs = vec![over(cause, "unbekannt", &[nobody], "trays:amt")];
    order.now = at(4);
    commit_one(&*store, order).await;
    let lanes = claim(&*store, 5).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["antrag", "erinnerung"]]);
    let due = &lanes[0].heads[0];
    assert_eq!((lanes[0].destination.as_str(), due.destination.as_str()), ("trays:amt", "trays:amt"));
    assert_eq!((due.attempts, due.unclear, due.deadline, due.cause), (0, false, Some(at(8_888)), cause));
    assert_eq!(due.envelope.head.partner.as_ref().unwrap().id, "amt");
    assert_eq!(due.stamp.mandant, "a", "it is of whoever caused it");
    for index in 0..2 {
        assert!(settle(&*store, &lanes[0], index, sent(), index == 1, 6).await);
    }
    // What comes later of the same order is one lane with it, and what was another's stays where it was.
    commit_sends(&*store, "5", vec![send("trays:amt", Some("v"), "noch eine")]).await;
    assert_eq!(claim(&*store, 7).await.iter().map(bodies).collect::<Vec<_>>(), [vec!["noch eine"]]);
    let left = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|send| (send.cause_id, send.destination.as_str())).collect::<Vec<_>>(),
        [(other, nobody)]
    );
}

/// It was another's before and had reached that one: it goes once more, to the new one; and what is out with the old one is settled by
/// nobody.
pub async fn what_had_reached_another_goes_over_once_more(house: &dyn House) {
    let store = open(house).await;
    let cause = commit_sends(&*store, "1", vec![send("trays:alt", Some("v"), "antrag")]).await;
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), true, 2).await);
    commit_sends(&*store, "2", vec![send("trays:alt", Some("v"), "erinnerung")]).await;
    let under_way = claim(&*store, 3).await.remove(0);
    let mut order = delivery("b", "neu", "3");
    order.effects.hand_overs = vec![over(cause, "alt", &["trays:alt"], "trays:neu")];
    order.now = at(4);
    commit_one(&*store, order).await;
    assert!(!settle(&*store, &under_way, 0, sent(), true, 5).await, "its row is no longer in this lane");
    let lane = claim(&*store, 6).await.remove(0);
    assert_eq!(
        (lane.destination.as_str(), bodies(&lane)),
        ("trays:neu", vec!["antrag".to_owned(), "erinnerung".to_owned()])
    );
    for index in 0..2 {
        assert!(settle(&*store, &lane, index, sent(), index == 1, 7).await);
    }
    assert_eq!(claim(&*store, 100).await.len(), 0);
}

/// A reminder that has several ways stands in no lane: it goes over with the request, behind it. One that has left stays where it is, and
/// goes no other way of the office before.
pub async fn what_has_several_ways_goes_over_too(house: &dyn House) {
    let store = open(house).await;
    let ways = |to: &str| Way { destination: to.into(), seconds: 100, until_late: true };
    let reminder = |body: &str| Outgoing {
        partner: "alt".into(),
        deadline: Some(at(100)),
        ways: vec![ways("trays:alt"), ways("brief:alt")],
        ..send("trays:alt", None, body)
    };
    let (left, waits) = (reminder("gesehen"), reminder("wartet"));
    let rows = vec![left.id, waits.id];
    let cause = commit_sends(&*store, "1", vec![send("trays:alt", Some("v"), "antrag")]).await;
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), true, 1).await);
    commit_sends(&*store, "2", vec![left]).await;
    let lane = claim(&*store, 2).await.remove(0);
    let follow = Follow { due: at(50), until: at(100), keep: bytes::Bytes::new() };
    let laid = Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: Some(follow) };
    assert!(settle(&*store, &lane, 0, laid, true, 2).await);
    commit_sends(&*store, "3", vec![waits]).await;
    let mut order = delivery("b", "neu", "4");
    order.effects.hand_overs = vec![HandOver { rows, ..over(cause, "alt", &["trays:alt"], "trays:neu") }];
    order.now = at(4);
    commit_one(&*store, order).await;
    assert_eq!(store.next_look().await.unwrap(), None, "the office before gets no letter of it");
    let lanes = claim(&*store, 5).await;
    let went: Vec<_> = lanes.iter().map(|lane| (lane.destination.as_str(), bodies(lane))).collect();
    assert_eq!(went, [("trays:neu", vec!["antrag".to_owned(), "wartet".to_owned()])]);
    assert!(lanes[0].heads.iter().all(|due| due.next.is_none()), "its ways were the other office's");
}

/// Without anything to hand over it is an entry like any other, and one that is not new hands nothing over.
pub async fn only_what_is_new_hands_anything_over(house: &dyn House) {
    let store = open(house).await;
    let cause = commit_sends(&*store, "1", vec![send("c:x", Some("v"), "1")]).await;
    let mut order = delivery("b", "y", "2");
    order.effects.hand_overs = vec![over(Uuid::new_v4(), "x", &["c:z"], "c:y")];
    let id = commit_one(&*store, order.clone()).await;
    assert_eq!(id, id_of(&order));
    order.effects.hand_overs = vec![over(cause, "x", &["c:x"], "c:y")];
    assert_eq!(order.state, Inbound::Accepted);
    let again = store.commit(vec![order]).await.unwrap();
    assert!(matches!(again.as_slice(), [drehscheibe::store::entry::Committed::Again(_)]), "{again:?}");
    assert_eq!(claim(&*store, 3).await[0].destination, "c:x");
}
