//! Stores filled for cases that read or damage the files of one back end from outside.

use std::sync::Arc;

use drehscheibe::effects::{AuditLine, MirrorChange, Retrieval, Timer, VorgangChange, VorgangState};
use drehscheibe::envelope::{Inbound, Reply};
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::entry::Key;
use drehscheibe::store::lane::Outcome;
use drehscheibe::store::orders::{Command, Order};
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    self, all, at, bodies, claim, commit_one, commit_sends, delivery, guard, key, put, seen, send, settle,
    spool,
};
use super::waiting::{LEASE, waiting};

/// Fills every kind of row with a marker that stands for personal data.
pub async fn fill_with(store: &dyn Store, marker: &str) {
    let m = |text: &str| format!("{text} {marker} {text}");
    let mut entry = delivery("a", "p", &m("transport"));
    {
        let envelope = Arc::make_mut(&mut entry.envelope);
        envelope.body = m("body").into();
        envelope.head.correlation = Some(m("correlation"));
        envelope.head.return_address = Some(m("return"));
        envelope.evidence.peer = Some(m("peer"));
        envelope.evidence.protocol_ids = vec![(m("k"), m("v"))];
        let mut part = spool(store, "a", m("part").repeat(5_000).as_bytes()).await;
        part.name = m("part name");
        envelope.parts = vec![part];
    }
    entry.keys = vec![Key { class: "business", parts: vec![m("key")] }];
    entry.cause = Some(m("cause"));
    entry.next_step = Some(m("step"));
    entry.rejections = vec![Rejection::new(Fault::Rule, m("rejection"))];
    entry.effects.guards = vec![guard(&m("guard"), seen(store, &m("guard")).await)];
    entry.effects.mirror = vec![put(Uuid::new_v4(), &m("record"), &[&m("search")])];
    let stone = MirrorChange::Remove {
        id: Uuid::new_v4(),
        tombstone: key(&m("stone")),
        created: at(1),
        until: at(2),
    };
    entry.effects.mirror.push(stone);
    let vorgang = common::vorgang("jga:1", VorgangState::Eingegangen);
    entry.effects.vorgaenge = vec![VorgangChange { key: key(&m("vorgang")), vorgang }];
    entry.effects.timers = vec![Timer {
        id: Uuid::new_v4(),
        due: at(1),
        name: "timer t".into(),
        body: m("timer").into(),
        of: None,
    }];
    entry.effects.sends =
        vec![send("c:x", Some(&m("order")), &m("send")), send("c:x", Some(&m("order")), "2")];
    entry.effects.sends[0].correlation = Some(m("correlation"));
    entry.effects.reply = Some(Reply {
        content_type: "t".into(),
        body: m("reply").into(),
        message: "xfamilie.0011".into(),
        message_id: m("reply id"),
        test: true,
    });
    entry.effects.audit = vec![AuditLine { what: "mirror.put".into(), detail: vec![] }];
    entry.effects.retrievals = vec![Retrieval { step: "mirror".into(), records: vec![Uuid::new_v4()] }];
    let id = commit_one(store, entry).await;
    let lane = claim(store, 1).await.remove(0);
    assert!(store.remember(lane.id, lane.fence, lane.heads[1].id, m("left").as_bytes()).await.unwrap());
    let reference = Outcome::Sent { reference: m("reference"), evidence: m("evidence"), follow: None };
    assert!(settle(store, &lane, 0, reference, false, 1).await);
    let outcome = Outcome::Parked { cause: m("cause"), next_step: m("step") };
    assert!(settle(store, &lane, 1, outcome, true, 1).await);
    assert!(store.replay(lane.heads[1].id, "os:rita", &m("reason"), at(2)).await.unwrap());
    let scope = Scope::Mandant("a".into());
    let seen = store.original(&scope, id, "os:rita", &m("reason"), at(2)).await.unwrap().unwrap();
    assert_eq!(seen.body, m("body"));
    store.set_note("c", &m("note key"), Some(m("note").into_bytes())).await.unwrap();
    let pause = Pause {
        kind: "route".into(),
        name: "r".into(),
        until: None,
        reason: m("reason"),
        person: "os:rita".into(),
        since: at(0),
    };
    store.set_pause("route", "r", Some(pause), "os:rita", at(1)).await.unwrap();
    let command = Command {
        id: Uuid::new_v4(),
        order: Order::read("pause", &m("arguments")),
        person: "os:rita".into(),
        reason: m("reason"),
        at: at(1),
    };
    store.post_command(command).await.unwrap();
    assert_eq!(
        store.list(&scope, Filter { transport_id: Some(m("transport")), ..all() }).await.unwrap().len(),
        1
    );
}

/// Two sends of two lanes and two waiting messages; the ids of the first of each.
pub async fn two_sends_and_two_waiting(store: &dyn Store) -> (Uuid, Uuid) {
    let (bad, good) = (send("c:x", Some("bad"), "bad"), send("c:x", Some("good"), "good"));
    let row = bad.id;
    commit_sends(store, "sends", vec![bad, good]).await;
    let waits = commit_one(store, waiting("w1", 10)).await;
    commit_one(store, waiting("w2", 10)).await;
    (row, waits)
}

/// What is damaged is parked with a plain cause; the others come as ever.
pub async fn only_the_sound_ones_come(store: &dyn Store, row: Uuid, waits: Uuid) {
    let lanes = claim(store, 20).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["good"]]);
    let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!((held.len(), held[0].id, held[0].state.as_str()), (1, row, "parked"));
    assert!(held[0].cause.is_some() && held[0].next_step.is_some());
    let resumed = store.resume(at(20), LEASE, 10).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert_ne!(resumed[0].envelope.head.id, waits);
    let parked = Filter { states: vec![Inbound::Parked], ..all() };
    let listed = store.list(&Scope::Operator, parked).await.unwrap();
    assert_eq!((listed.len(), listed[0].id), (1, waits));
    assert!(listed[0].cause.is_some() && listed[0].next_step.is_some());
    assert_eq!(store.resume(at(30), LEASE, 10).await.unwrap().len(), 0);
}
