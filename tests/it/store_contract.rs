//! What every store must hold, whatever it is built on: one suite, run for each back end by a macro.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use drehscheibe::effects::{
    Answer, AuditLine, Fact, Guard, GuardKey, MirrorChange, Outgoing, Question, Retrieval, Timer, Vorgang,
    VorgangChange, VorgangState,
};
use drehscheibe::envelope::{Claim, Envelope, Evidence, Head, How, Inbound, Part, PartnerRef, Reply, Stage};
use drehscheibe::register::keys::SearchKey;
use drehscheibe::register::record::{
    Eintragung, Kind, Mutter, Personenname, Quelle, Registersatz, TeilDatum,
};
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::seal::key::sha256;
use drehscheibe::store::contract::{
    Breaker, Command, CommandState, Committed, Entry, Filter, Keep, Key, Lane, Outcome, Pause, Scope, Settle,
    Stamp, Store, StoreError, Want,
};
use jiff::Timestamp;
use uuid::Uuid;

/// Where stores of one back end are opened; closing is dropping.
#[async_trait]
pub trait House: Send + Sync {
    /// Opens the store of a stage under a key made of one octet.
    async fn open(&self, stage: Stage, key: u8) -> Result<Arc<dyn Store>, StoreError>;
    /// Opens it as the one running process of stage test, key 1; also how many claims nobody needed.
    async fn run(&self) -> Result<(Arc<dyn Store>, u64), StoreError>;
    /// The folder of claims.
    fn claims(&self) -> PathBuf;
    /// Makes the closed store one of a newer program.
    async fn raise_schema_version(&self);
}

/// Runs the suite for a back end: a name, and an expression that makes a [`House`].
#[macro_export]
macro_rules! store_contract {
    ($name:ident, $house:expr) => {
        $crate::store_contract!(@each $name, $house,
            guards_compare_and_bump guards_of_what_is_written_move_too
            repeats_get_the_first_verdict other_content_is_a_conflict a_repeat_by_id_is_the_same_delivery
            callers_at_once_have_one_effect a_batch_is_stored_whole_or_not_at_all what_failed_leaves_nothing
            a_lane_keeps_order_and_is_leased_once a_stale_fence_is_refused an_expired_lease_casts_doubt
            a_clock_that_jumps_back_frees_leases a_parked_head_holds_its_lane_until_replayed
            a_retry_delays_the_whole_lane unordered_rows_do_not_wait_for_each_other
            a_row_leaves_only_after_another lanes_of_a_thousand excepted_destinations_are_not_touched
            destinations_take_turns a_destination_gets_no_more_lanes_than_wanted an_answer_goes_again
            waiting_messages_are_woken waiting_messages_expire_and_finish
            replayed_messages_run_again_once a_replay_settled_by_another_is_a_repeat
            timers_come_until_committed vorgaenge_change_and_are_found tombstones_stay_and_bar
            commands_are_taken_once pauses_hold_until_their_end notes_and_breakers_are_kept
            reads_are_scoped_by_mandant_and_partner figures_count_what_is_there
            originals_are_shown_only_in_scope a_hash_only_message_keeps_no_content
            parts_go_round_in_bounded_memory damaged_claims_are_found small_and_empty_parts
            claims_nobody_needs_are_collected a_claim_of_another_mandant_does_not_open
            other_stage_key_and_version_are_refused essence_is_equal_for_equal_work a_crash_of_the_holder_frees_at_start);
    };
    (@each $name:ident, $house:expr, $($case:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::store_contract::$case(&$house).await;
            })*
        }
    };
}

// ---- what the suite is made of ----

/// A moment so many seconds after a fixed one.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn stamp(mandant: &str, partner: &str) -> Stamp {
    Stamp {
        mandant: mandant.into(),
        partner: partner.into(),
        how: "memory".into(),
        stage: Stage::Test,
        test: true,
        key_id: String::new(),
        acting_person: String::new(),
        doc_version: "xfamilie/1.3.0".into(),
        traceparent: "00-11111111111111111111111111111111-2222222222222222-01".into(),
        decided_by: "abc".into(),
    }
}

/// An accepted delivery of a partner of a Mandant; its transport id is also the only key and part of the body.
pub fn delivery(mandant: &str, partner: &str, transport_id: &str) -> Entry {
    let id = Uuid::new_v4();
    let body = Bytes::from(format!("<body of=\"{transport_id}\"/>"));
    Entry {
        content: sha256(&body),
        envelope: Arc::new(Envelope {
            head: Head {
                id,
                connection: "memory".into(),
                binding: "memory in".into(),
                transport_id: transport_id.into(),
                correlation: None,
                content_type: Some("application/xml".into()),
                partner: Some(PartnerRef { id: partner.into(), how: How::Memory }),
                received: at(0),
                return_address: None,
                traceparent: None,
            },
            evidence: Evidence {
                octets_sha256: hex::encode(sha256(&body)),
                size: body.len() as u64,
                verification: "memory".into(),
                protocol_ids: vec![],
                peer: None,
            },
            body,
            parts: vec![],
        }),
        stamp: stamp(mandant, partner),
        keys: vec![Key { class: "transport", parts: vec!["memory".into(), transport_id.into()] }],
        message: Some("xfamilie.0804".into()),
        route: Some("registerlieferung".into()),
        state: Inbound::Accepted,
        cause: None,
        next_step: None,
        rejections: vec![],
        waits: None,
        resumes: false,
        keep: Keep::Original,
        effects: Default::default(),
        now: at(0),
    }
}

fn id_of(entry: &Entry) -> Uuid {
    entry.envelope.head.id
}

/// Commits one entry, which must be new.
pub async fn commit_one(store: &dyn Store, entry: Entry) -> Uuid {
    let id = id_of(&entry);
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::New]);
    id
}

fn key(value: &str) -> SearchKey {
    SearchKey::new("kind", [value])
}

fn guard(value: &str, seen: u64) -> Guard {
    Guard { key: GuardKey(key(value)), seen }
}

fn record(name: &str) -> Box<Registersatz> {
    Box::new(Registersatz {
        mutter: Mutter {
            name: Personenname { familienname: Some(name.into()), ..Default::default() },
            geburtsdatum: TeilDatum { jahr: 1990, monat: Some(2), tag: Some(3) },
            ..Default::default()
        },
        kind: Kind {
            namen: vec![Personenname { vornamen: Some(format!("{name} Kind")), ..Default::default() }],
            ..Default::default()
        },
        eintragung: Eintragung { vorhanden: true, arten: vec!["01".into()], ..Default::default() },
        quelle: Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: "u".into(),
            autor: "jga:1".into(),
            erstellungszeitpunkt: at(-10),
            transaktionsid: None,
        },
    })
}

fn put(id: Uuid, name: &str, keys: &[&str]) -> MirrorChange {
    MirrorChange::Put { id, registersatz: record(name), keys: keys.iter().map(|k| key(k)).collect() }
}

fn send(destination: &str, order: Option<&str>, body: &str) -> Outgoing {
    Outgoing {
        id: Uuid::new_v4(),
        destination: destination.into(),
        partner: destination.split(':').nth(1).unwrap_or("x").into(),
        order: order.map(key),
        message: "drehscheibe.stand".into(),
        content_type: "application/json".into(),
        body: Bytes::from(body.to_owned()),
        parts: vec![],
        correlation: Some("c1".into()),
        after: None,
        deadline: Some(at(9_999)),
    }
}

async fn commit_sends(store: &dyn Store, name: &str, sends: Vec<Outgoing>) -> Uuid {
    let mut entry = delivery("a", "p", name);
    entry.effects.sends = sends;
    commit_one(store, entry).await
}

fn want(now: i64) -> Want {
    Want {
        most: Vec::new(),
        worker: "w".into(),
        now: at(now),
        lease: Duration::from_secs(60),
        lanes: 10,
        heads: 10,
        except: vec![],
    }
}

async fn claim(store: &dyn Store, now: i64) -> Vec<Lane> {
    store.claim(want(now)).await.unwrap()
}

fn bodies(lane: &Lane) -> Vec<String> {
    lane.heads.iter().map(|due| String::from_utf8(due.envelope.body.to_vec()).unwrap()).collect()
}

fn sent() -> Outcome {
    Outcome::Sent { reference: "r".into(), evidence: "e".into() }
}

fn later(seconds: i64) -> Outcome {
    Outcome::Later { at: at(seconds), cause: "no answer".into() }
}

fn parked() -> Outcome {
    Outcome::Parked { cause: "410".into(), next_step: "call them".into() }
}

async fn settle(store: &dyn Store, lane: &Lane, n: usize, outcome: Outcome, release: bool, now: i64) -> bool {
    let settle =
        Settle { lane: lane.id, fence: lane.fence, row: lane.heads[n].id, outcome, release, now: at(now) };
    store.settle(vec![settle]).await.unwrap()[0]
}

async fn seen(store: &dyn Store, value: &str) -> u64 {
    store.lookup(vec![Question::Mirror(key(value))]).await.unwrap()[0].guard.seen
}

async fn mirrored(store: &dyn Store, value: &str) -> usize {
    match &store.lookup(vec![Question::Mirror(key(value))]).await.unwrap()[0].fact {
        Fact::Mirror(found) => found.len(),
        other => panic!("{other:?}"),
    }
}

async fn open(house: &dyn House) -> Arc<dyn Store> {
    house.open(Stage::Test, 1).await.unwrap()
}

fn all() -> Filter {
    Filter { limit: 10_000, ..Default::default() }
}

/// Spools a part in pieces of odd sizes.
pub async fn spool(store: &dyn Store, mandant: &str, octets: &[u8]) -> Part {
    let mut part = store.spool(mandant).await.unwrap();
    for piece in octets.chunks(37_777) {
        part.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let (claim, size, sha256) = part.finish().await.unwrap();
    Part { name: "n.pdf".into(), content_type: "application/pdf".into(), size, sha256, claim }
}

/// Reads a claim whole.
pub async fn read_claim(store: &dyn Store, mandant: &str, claim: &Claim) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.open_claim(mandant, claim).await?;
    let mut whole = Vec::new();
    while let Some(octets) = reader.read().await? {
        whole.extend_from_slice(&octets);
    }
    Ok(whole)
}

/// Files of claims, without those still being written.
pub fn claims_of(house: &dyn House) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(house.claims()).unwrap().map(|e| e.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

// ---- guards ----

pub async fn guards_compare_and_bump(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(seen(&*store, "k").await, 0);
    let mut entry = delivery("a", "p", "1");
    entry.effects.guards = vec![guard("k", 0), guard("other", 0)];
    commit_one(&*store, entry).await;
    assert_eq!((seen(&*store, "k").await, seen(&*store, "other").await), (1, 1));
    let mut stale = delivery("a", "p", "2");
    stale.effects.guards = vec![guard("other", 1), guard("k", 0)];
    stale.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    assert_eq!(store.commit(vec![stale.clone()]).await.unwrap(), [Committed::Stale]);
    assert_eq!((mirrored(&*store, "k").await, seen(&*store, "other").await), (0, 1));
    stale.effects.guards = vec![guard("other", 1), guard("k", 1)];
    assert_eq!(store.commit(vec![stale]).await.unwrap(), [Committed::New]);
    assert_eq!((mirrored(&*store, "k").await, seen(&*store, "k").await), (1, 2));
    // An entry that saw a version that never was is stale as well.
    let mut odd = delivery("a", "p", "3");
    odd.effects.guards = vec![guard("never", 7)];
    assert_eq!(store.commit(vec![odd]).await.unwrap(), [Committed::Stale]);
}

pub async fn guards_of_what_is_written_move_too(house: &dyn House) {
    let store = open(house).await;
    let id = Uuid::new_v4();
    let mut entry = delivery("a", "p", "1");
    entry.effects.mirror = vec![put(id, "N", &["old"])];
    commit_one(&*store, entry).await;
    assert_eq!(seen(&*store, "old").await, 1);
    let mut entry = delivery("a", "p", "2");
    entry.effects.mirror = vec![put(id, "N2", &["new"])];
    commit_one(&*store, entry).await;
    assert_eq!((seen(&*store, "old").await, seen(&*store, "new").await), (2, 1));
    assert_eq!((mirrored(&*store, "old").await, mirrored(&*store, "new").await), (0, 1));
    let answers = store.lookup(vec![Question::Mirror(key("new"))]).await.unwrap();
    let Fact::Mirror(found) = &answers[0].fact else { panic!() };
    assert_eq!((found[0].id, found[0].mandant.as_str(), found[0].partner.as_str()), (id, "a", "p"));
    assert_eq!(found[0].registersatz, *record("N2"));
}

// ---- idempotency ----

pub async fn repeats_get_the_first_verdict(house: &dyn House) {
    let store = open(house).await;
    let mut first = delivery("a", "p", "1");
    first.state = Inbound::Rejected;
    first.rejections =
        vec![Rejection::new(Fault::Schema, "Falsch."), Rejection::new(Fault::Schema, "Auch falsch.")];
    let reply = Reply {
        content_type: "application/xml".into(),
        body: "<r/>".into(),
        message: "xfamilie.0001".into(),
        message_id: "m1".into(),
    };
    first.effects.reply = Some(reply.clone());
    first.effects.guards = vec![guard("k", 0)];
    let id = commit_one(&*store, first).await;
    // The guard has moved since: a repeat is a repeat all the same.
    let mut again = delivery("a", "p", "1");
    again.effects.guards = vec![guard("k", 0)];
    let Committed::Again(verdict) = store.commit(vec![again]).await.unwrap().remove(0) else { panic!() };
    assert_eq!(
        (verdict.id, verdict.state, verdict.again, verdict.conflict),
        (id, Inbound::Rejected, true, false)
    );
    assert_eq!((verdict.codes, verdict.reply), (vec!["X001".to_owned()], Some(reply)));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().repeats, 1);
    // Any key that is there makes it a repeat.
    let mut by_second = delivery("a", "p", "1");
    by_second.keys = vec![Key { class: "business", parts: vec!["new".into()] }, by_second.keys.remove(0)];
    let done = store.commit(vec![by_second]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == id));
    drop(store);
    let store = open(house).await;
    let done = store.commit(vec![delivery("a", "p", "1")]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == id && verdict.reply.is_some()));
}

pub async fn other_content_is_a_conflict(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, delivery("a", "p", "1")).await;
    let mut other = delivery("a", "p", "1");
    other.content = [9; 32];
    assert_eq!(store.commit(vec![other.clone()]).await.unwrap(), [Committed::Conflict]);
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
    // The engine then keeps it under a key of its own, and a repeat of that is told so.
    other.keys = vec![Key { class: "conflict", parts: vec!["1".into(), "hash".into()] }];
    other.state = Inbound::Quarantined;
    let id = commit_one(&*store, other.clone()).await;
    let mut again = delivery("a", "p", "1");
    (again.keys, again.content) = (other.keys, other.content);
    let Committed::Again(verdict) = store.commit(vec![again]).await.unwrap().remove(0) else { panic!() };
    assert_eq!((verdict.id, verdict.conflict, verdict.state), (id, true, Inbound::Quarantined));
    // Parts of keys do not run into each other.
    let mut one = delivery("a", "p", "x");
    one.keys = vec![Key { class: "business", parts: vec!["ab".into(), "c".into()] }];
    let mut two = delivery("a", "p", "y");
    two.keys = vec![Key { class: "business", parts: vec!["a".into(), "bc".into()] }];
    assert_eq!(store.commit(vec![one, two]).await.unwrap(), [Committed::New, Committed::New]);
}

pub async fn a_repeat_by_id_is_the_same_delivery(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    entry.effects.sends = vec![send("c:x", None, "{}")];
    commit_one(&*store, entry.clone()).await;
    // A commit of unknown outcome is simply done again, with all its ids.
    let done = store.commit(vec![entry.clone()]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == id_of(&entry)));
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().repeats, 0, "our own repeat is no repeat");
    entry.keys.clear();
    let done = store.commit(vec![entry]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(_)));
    assert_eq!(claim(&*store, 1).await.len(), 1);
}

pub async fn callers_at_once_have_one_effect(house: &dyn House) {
    let store = open(house).await;
    let second = open(house).await;
    let mut tasks = Vec::new();
    for n in 0..24 {
        let store = if n % 3 == 0 { second.clone() } else { store.clone() };
        tasks.push(tokio::spawn(async move {
            // Twelve pairs of one delivery each; half of the pairs share one guard.
            let mut entry = delivery("a", "p", &format!("d{}", n / 2));
            if n < 12 {
                entry.effects.guards = vec![guard("shared", 0)];
                entry.effects.mirror = vec![put(Uuid::new_v4(), "N", &["shared"])];
            }
            store.commit(vec![entry]).await.unwrap().remove(0)
        }));
    }
    let mut count = (0, 0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Committed::New => count.0 += 1,
            Committed::Again(_) => count.1 += 1,
            Committed::Stale => count.2 += 1,
            Committed::Conflict => panic!("equal content"),
        }
    }
    // Of the guarded six pairs one delivery is stored (and its pair is a repeat), the other ten callers are stale.
    assert_eq!(count, (7, 7, 10));
    assert_eq!((mirrored(&*store, "shared").await, seen(&*store, "shared").await), (1, 1));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 7);
}

// ---- atomicity ----

pub async fn a_batch_is_stored_whole_or_not_at_all(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, delivery("a", "p", "0")).await;
    let mut stale = delivery("a", "p", "3");
    stale.effects.guards = vec![guard("k", 4)];
    let mut other = delivery("a", "p", "0");
    other.content = [1; 32];
    let batch = vec![delivery("a", "p", "1"), stale, delivery("a", "p", "0"), other, delivery("a", "q", "2")];
    let done = store.commit(batch).await.unwrap();
    assert_eq!((&done[0], &done[1]), (&Committed::New, &Committed::Stale));
    assert!(matches!(done[2], Committed::Again(_)));
    assert_eq!((&done[3], &done[4]), (&Committed::Conflict, &Committed::New));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 3);
    assert_eq!(store.commit(vec![]).await.unwrap(), []);
}

pub async fn what_failed_leaves_nothing(house: &dyn House) {
    let store = open(house).await;
    let before = store.essence().await.unwrap();
    let mut bad = delivery("a", "p", "bad");
    bad.effects.guards = vec![guard("k", 0)];
    bad.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    bad.effects.timers =
        vec![Timer { id: Uuid::new_v4(), due: at(5), name: "timer t".into(), body: "x".into() }];
    let good = send("c:x", None, "{}");
    let mut twice = send("c:x", None, "{}");
    twice.id = good.id;
    bad.effects.sends = vec![good, twice];
    let failed = store.commit(vec![delivery("a", "p", "good"), bad.clone()]).await;
    assert!(matches!(failed, Err(StoreError::Entry(_))), "{failed:?}");
    assert_eq!(store.essence().await.unwrap(), before);
    assert_eq!(seen(&*store, "k").await, 0);
    // The same batch without the culprit is stored, also while others fail beside it.
    let (one, two) = tokio::join!(store.commit(vec![bad]), store.commit(vec![delivery("a", "p", "good")]));
    assert!(matches!(one, Err(StoreError::Entry(_))));
    assert_eq!(two.unwrap(), [Committed::New]);
    let mut lost = delivery("a", "p", "lost");
    lost.resumes = true;
    assert!(matches!(store.commit(vec![lost]).await, Err(StoreError::Entry(_))));
    let mut dangling = delivery("a", "p", "dangling");
    dangling.effects.sends = vec![Outgoing { after: Some(Uuid::new_v4()), ..send("c:x", None, "{}") }];
    assert!(matches!(store.commit(vec![dangling]).await, Err(StoreError::Entry(_))));
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1);
}

// ---- lanes ----

pub async fn a_lane_keeps_order_and_is_leased_once(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    let cause =
        commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("l"), "other")]).await;
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "2"), send("c:y", Some("k"), "elsewhere")]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(0)));
    assert_eq!(claim(&*store, -1).await.len(), 0, "not due yet");
    let lanes = claim(&*store, 1).await;
    let mut found: Vec<_> = lanes.iter().map(bodies).collect();
    found.sort();
    assert_eq!(found, [vec!["1", "2"], vec!["elsewhere"], vec!["other"]]);
    assert_eq!(claim(&*store, 1).await.len(), 0, "leased once");
    assert_eq!(store.next_due().await.unwrap(), Some(at(61)), "when the leases end");
    let lane = lanes.iter().find(|lane| lane.heads.len() == 2).unwrap();
    let due = &lane.heads[0];
    assert_eq!((due.cause, due.attempts, due.unclear, due.deadline), (cause, 0, false, Some(at(9_999))));
    assert_eq!((due.stamp.mandant.as_str(), due.stamp.partner.as_str(), due.stamp.test), ("a", "p", true));
    assert!(!due.stamp.key_id.is_empty() && !due.stamp.traceparent.is_empty());
    let head = &due.envelope.head;
    assert_eq!((head.id, head.connection.as_str(), head.binding.as_str()), (due.id, "c", "c:x"));
    assert_eq!((head.partner.as_ref().unwrap().id.as_str(), head.correlation.as_deref()), ("x", Some("c1")));
    // A third row comes while the lane is leased: it is behind the others and comes with the next lease.
    commit_sends(&*store, "3", vec![send("c:x", Some("k"), "3")]).await;
    assert!(settle(&*store, lane, 0, sent(), false, 2).await);
    assert!(!settle(&*store, lane, 0, sent(), false, 2).await, "settled once");
    assert!(settle(&*store, lane, 1, sent(), true, 2).await);
    let lanes = claim(&*store, 3).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["3"]]);
    assert!(settle(&*store, &lanes[0], 0, sent(), true, 3).await);
    assert_eq!(claim(&*store, 4).await.len(), 0);
}

pub async fn a_stale_fence_is_refused(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1")]).await;
    let old = claim(&*store, 0).await.remove(0);
    let new = claim(&*store, 61).await.remove(0);
    assert_eq!(old.id, new.id);
    assert!(new.fence > old.fence);
    assert!(!settle(&*store, &old, 0, sent(), true, 62).await);
    assert!(settle(&*store, &new, 0, sent(), true, 62).await);
    // The lane is empty now and may be gone; a lane made later never fits the old fence.
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "2")]).await;
    let next = claim(&*store, 63).await.remove(0);
    let stale = Settle {
        lane: new.id,
        fence: new.fence,
        row: next.heads[0].id,
        outcome: sent(),
        release: true,
        now: at(64),
    };
    assert_eq!(store.settle(vec![stale]).await.unwrap(), [false]);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().backlog[0].waiting, 1);
}

pub async fn an_expired_lease_casts_doubt(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("k"), "2")]).await;
    let mut one = want(0);
    one.heads = 1;
    assert_eq!(store.claim(one).await.unwrap()[0].heads.len(), 1);
    let lane = claim(&*store, 100).await.remove(0);
    let doubt: Vec<_> = lane.heads.iter().map(|due| (due.unclear, due.attempts)).collect();
    assert_eq!(doubt, [(true, 0), (false, 0)], "only what was handed out");
    assert!(settle(&*store, &lane, 0, later(110), true, 101).await);
    let lane = claim(&*store, 111).await.remove(0);
    assert_eq!((lane.heads[0].unclear, lane.heads[0].attempts), (true, 1), "doubt stays until it is sent");
}

pub async fn a_clock_that_jumps_back_frees_leases(house: &dyn House) {
    let store = open(house).await;
    let mut waits = delivery("a", "p", "w");
    (waits.state, waits.waits) = (Inbound::Waiting, Some((key("w"), at(-20_000))));
    commit_one(&*store, waits).await;
    let mut entry = delivery("a", "p", "1");
    entry.now = at(-30_000);
    entry.effects.sends = vec![send("c:x", Some("k"), "1")];
    commit_one(&*store, entry).await;
    let lease = Duration::from_secs(60);
    assert_eq!(claim(&*store, 0).await.len(), 1);
    assert_eq!(store.resume(at(0), lease, 10).await.unwrap().len(), 1);
    // A lease of a minute that ends hours ahead is none.
    assert_eq!(claim(&*store, -10_000).await.len(), 1);
    assert_eq!(store.resume(at(-10_000), lease, 10).await.unwrap().len(), 1);
    // A small step back does not steal.
    assert_eq!(claim(&*store, -10_010).await.len(), 0);
    assert_eq!(store.resume(at(-10_010), lease, 10).await.unwrap().len(), 0);
}

pub async fn a_parked_head_holds_its_lane_until_replayed(house: &dyn House) {
    for unclear in [false, true] {
        let store = open(house).await;
        let outcome = if unclear { Outcome::Unclear { cause: "cut off".into() } } else { parked() };
        let name = format!("h{unclear}");
        commit_sends(&*store, &name, vec![send("c:x", Some(&name), "1"), send("c:x", Some(&name), "2")])
            .await;
        let lane = claim(&*store, 1).await.remove(0);
        assert!(settle(&*store, &lane, 0, outcome, true, 2).await);
        commit_sends(&*store, &format!("{name}+"), vec![send("c:x", Some(&name), "3")]).await;
        assert_eq!(claim(&*store, 10_000).await.len(), 0, "held");
        assert_eq!(store.next_due().await.unwrap(), None);
        let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].state, if unclear { "unclear" } else { "parked" });
        assert!(held[0].cause.is_some() && held[0].next_step.is_some());
        let row = lane.heads[0].id;
        assert!(!store.replay(lane.heads[1].id, "os:rita", "wrong one", at(3)).await.unwrap());
        assert!(store.replay(row, "os:rita", "they are back", at(3)).await.unwrap());
        assert!(!store.replay(row, "os:rita", "twice", at(3)).await.unwrap());
        assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 0);
        let lane = claim(&*store, 10_001).await.remove(0);
        assert_eq!(bodies(&lane), ["1", "2", "3"]);
        // The person has decided: neither its time nor the doubt holds it up.
        assert_eq!((lane.heads[0].unclear, lane.heads[0].attempts, lane.heads[0].deadline), (false, 1, None));
        for n in 0..3 {
            assert!(settle(&*store, &lane, n, sent(), n == 2, 10_002).await);
        }
    }
    let store = open(house).await;
    assert!(!store.replay(Uuid::new_v4(), "os:rita", "nothing there", at(3)).await.unwrap());
}

pub async fn a_destination_gets_no_more_lanes_than_wanted(house: &dyn House) {
    let store = open(house).await;
    for n in 0..5 {
        let sends = vec![send("c:x", None, "x"), send("c:y", None, "y")];
        commit_sends(&*store, &n.to_string(), sends).await;
    }
    let few = Want { most: vec![("c:x".into(), 2), ("c:y".into(), 99)], lanes: 6, ..want(1) };
    let lanes = store.claim(few).await.unwrap();
    let of = |name: &str| lanes.iter().filter(|lane| lane.destination == name).count();
    assert_eq!((of("c:x"), of("c:y")), (2, 4));
}

pub async fn an_answer_goes_again(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    entry.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    let answer = Outgoing { deadline: None, ..send("c:x", None, "0011") };
    let none = Uuid::new_v4();
    assert!(!store.answer_again(none, answer.clone(), at(1)).await.unwrap(), "no such message");
    let first = commit_one(&*store, entry).await;
    assert!(store.answer_again(first, answer.clone(), at(1)).await.unwrap(), "added to what it caused");
    for round in 0..3u32 {
        let now = 10 * i64::from(round) + 2;
        assert!(!store.answer_again(first, answer.clone(), at(now)).await.unwrap(), "it is on its way");
        let lane = claim(&*store, now).await.remove(0);
        assert_eq!((bodies(&lane), lane.heads[0].id), (vec!["0011".to_owned()], answer.id));
        assert_eq!((lane.heads[0].cause, lane.heads[0].attempts), (first, round));
        assert!(!store.answer_again(first, answer.clone(), at(now)).await.unwrap(), "it is being sent");
        assert!(settle(&*store, &lane, 0, sent(), true, now).await);
        assert_eq!(claim(&*store, now + 1).await.len(), 0);
        assert!(store.answer_again(first, answer.clone(), at(now + 2)).await.unwrap());
    }
    let lane = claim(&*store, 50).await.remove(0);
    assert!(settle(&*store, &lane, 0, parked(), true, 51).await);
    assert!(!store.answer_again(first, answer.clone(), at(52)).await.unwrap(), "a person has it");
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 1, "no message of its own");
}

pub async fn a_retry_delays_the_whole_lane(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1"), send("c:x", Some("k"), "2")]).await;
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, later(500), true, 2).await);
    commit_sends(&*store, "2", vec![send("c:x", Some("k"), "3")]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(500)));
    assert_eq!(claim(&*store, 499).await.len(), 0);
    let listed = &store.list(&Scope::Operator, all()).await.unwrap()[1].sends;
    assert_eq!((listed[0].state.as_str(), listed[0].attempts), ("retrying", 1));
    assert_eq!((listed[0].next_try, listed[0].cause.as_deref()), (Some(at(500)), Some("no answer")));
    let backlog = store.figures(&Scope::Operator).await.unwrap().backlog;
    assert_eq!((backlog[0].waiting, backlog[0].attempts, backlog[0].oldest), (3, 1, Some(at(0))));
    assert_eq!(backlog[0].last_cause.as_deref(), Some("no answer"));
    assert_eq!(bodies(&claim(&*store, 500).await[0]), ["1", "2", "3"]);
}

pub async fn unordered_rows_do_not_wait_for_each_other(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", None, "1"), send("c:x", None, "2")]).await;
    let lanes = claim(&*store, 1).await;
    assert_eq!(lanes.len(), 2);
    assert!(settle(&*store, &lanes[0], 0, parked(), true, 2).await);
    assert!(settle(&*store, &lanes[1], 0, sent(), true, 2).await);
    commit_sends(&*store, "2", vec![send("c:x", None, "3")]).await;
    assert_eq!(claim(&*store, 3).await.len(), 1);
}

pub async fn a_row_leaves_only_after_another(house: &dyn House) {
    let store = open(house).await;
    let first = send("seal:s", None, "first");
    let second = Outgoing { after: Some(first.id), ..send("post:m", Some("k"), "second") };
    let behind = send("post:m", Some("k"), "behind");
    commit_sends(&*store, "1", vec![first.clone(), second, behind]).await;
    let lanes = claim(&*store, 1).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["first"]]);
    assert!(settle(&*store, &lanes[0], 0, parked(), true, 2).await);
    assert_eq!(claim(&*store, 3).await.len(), 0);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert!(store.replay(first.id, "os:rita", "go", at(4)).await.unwrap());
    let lane = claim(&*store, 5).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), true, 6).await);
    assert_eq!(store.next_due().await.unwrap(), Some(at(6)));
    assert_eq!(bodies(&claim(&*store, 7).await[0]), ["second", "behind"]);
    // After one that is sent already: at once.
    let next = Outgoing { after: Some(first.id), ..send("post:n", None, "next") };
    commit_sends(&*store, "2", vec![next]).await;
    assert_eq!(bodies(&claim(&*store, 8).await[0]), ["next"]);
}

pub async fn lanes_of_a_thousand(house: &dyn House) {
    for count in [999_usize, 1_000, 1_001] {
        let store = open(house).await;
        let name = format!("n{count}");
        let sends = (0..count).map(|n| send("c:x", Some(&name), &n.to_string())).collect();
        commit_sends(&*store, &name, sends).await;
        let mut wanted = want(1);
        wanted.heads = 5_000;
        let lane = store.claim(wanted).await.unwrap().remove(0);
        assert_eq!(bodies(&lane), (0..count).map(|n| n.to_string()).collect::<Vec<_>>());
        let settles = (0..count).map(|n| Settle {
            lane: lane.id,
            fence: lane.fence,
            row: lane.heads[n].id,
            outcome: sent(),
            release: n + 1 == count,
            now: at(2),
        });
        assert!(store.settle(settles.collect()).await.unwrap().iter().all(|done| *done));
        assert_eq!(claim(&*store, 100).await.len(), 0);
        // As many lanes.
        let sends = (0..count).map(|n| send("c:y", Some(&format!("{name}.{n}")), "x")).collect();
        commit_sends(&*store, &format!("{name} lanes"), sends).await;
        let mut wanted = want(1);
        wanted.lanes = 5_000;
        let lanes = store.claim(wanted).await.unwrap();
        assert_eq!(lanes.len(), count);
        let settles = lanes.iter().map(|lane| Settle {
            lane: lane.id,
            fence: lane.fence,
            row: lane.heads[0].id,
            outcome: sent(),
            release: true,
            now: at(2),
        });
        assert!(store.settle(settles.collect()).await.unwrap().iter().all(|done| *done));
    }
}

pub async fn excepted_destinations_are_not_touched(house: &dyn House) {
    let store = open(house).await;
    commit_sends(&*store, "1", vec![send("c:x", None, "x"), send("c:y", None, "y"), send("c:z", None, "z")])
        .await;
    let mut wanted = want(1);
    wanted.except = vec!["c:x".into(), "c:z".into()];
    let lanes = store.claim(wanted).await.unwrap();
    assert_eq!(lanes.iter().map(|lane| lane.destination.as_str()).collect::<Vec<_>>(), ["c:y"]);
    let mut rest: Vec<_> = claim(&*store, 1).await.into_iter().map(|lane| lane.destination).collect();
    rest.sort();
    assert_eq!(rest, ["c:x", "c:z"]);
}

pub async fn destinations_take_turns(house: &dyn House) {
    let store = open(house).await;
    let mut sends: Vec<_> = (0..50).map(|_| send("c:many", None, "m")).collect();
    sends.push(send("d:few", None, "f"));
    commit_sends(&*store, "1", sends).await;
    let mut wanted = want(1);
    wanted.lanes = 2;
    let mut found: Vec<_> =
        store.claim(wanted).await.unwrap().into_iter().map(|lane| lane.destination).collect();
    found.sort();
    assert_eq!(found, ["c:many", "d:few"]);
}

// ---- waiting ----

const LEASE: Duration = Duration::from_secs(60);

fn waiting(name: &str, until: i64) -> Entry {
    let mut entry = delivery("a", "p", name);
    entry.state = Inbound::Waiting;
    entry.waits = Some((key(&format!("wait {name}")), at(until)));
    entry
}

pub async fn waiting_messages_are_woken(house: &dyn House) {
    let store = open(house).await;
    let first = waiting("1", 1_000);
    let id = commit_one(&*store, first.clone()).await;
    assert_eq!(store.resume(at(1), LEASE, 10).await.unwrap().len(), 0);
    let mut waker = delivery("a", "p", "waker");
    waker.now = at(5);
    waker.effects.wakes = vec![key("wait 1"), key("wait nobody")];
    commit_one(&*store, waker).await;
    let resumed = store.resume(at(5), LEASE, 10).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert_eq!((resumed[0].expired, resumed[0].acting_person.clone()), (false, None));
    assert_eq!(resumed[0].envelope, *first.envelope);
    assert_eq!(store.resume(at(6), LEASE, 10).await.unwrap().len(), 0, "once per lease");
    assert_eq!(store.resume(at(66), LEASE, 10).await.unwrap().len(), 1, "the lease was lost");
    let mut done = first.clone();
    (done.resumes, done.state, done.waits) = (true, Inbound::Accepted, None);
    done.effects.guards = vec![guard("k", 3)];
    assert_eq!(store.commit(vec![done.clone()]).await.unwrap(), [Committed::Stale]);
    done.effects.guards = vec![guard("k", 0)];
    done.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    done.effects.sends = vec![send("c:x", None, "{}")];
    commit_one(&*store, done.clone()).await;
    assert_eq!(store.resume(at(9_999), LEASE, 10).await.unwrap().len(), 0);
    let again = store.commit(vec![done]).await.unwrap().remove(0);
    assert!(
        matches!(again, Committed::Again(verdict) if verdict.id == id && verdict.state == Inbound::Accepted)
    );
    assert_eq!(mirrored(&*store, "k").await, 1);
    // The sender's repeat gets the verdict of now.
    let again = store.commit(vec![delivery("a", "p", "1")]).await.unwrap().remove(0);
    assert!(matches!(again, Committed::Again(verdict) if verdict.state == Inbound::Accepted));
    let original = store.original(&Scope::Mandant("a".into()), id, "r", "r", at(9)).await.unwrap().unwrap();
    assert_eq!(original, *first.envelope);
}

pub async fn waiting_messages_expire_and_finish(house: &dyn House) {
    let store = open(house).await;
    for (name, until) in [("1", 100), ("2", 200)] {
        commit_one(&*store, waiting(name, until)).await;
    }
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().oldest_waiting, Some(at(0)));
    assert_eq!(store.resume(at(99), LEASE, 10).await.unwrap().len(), 0);
    let resumed = store.resume(at(100), LEASE, 10).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert!(resumed[0].expired);
    let mut parked = waiting("1", 100);
    parked.envelope = Arc::new(resumed[0].envelope.clone());
    (parked.resumes, parked.state, parked.waits) = (true, Inbound::Parked, None);
    (parked.cause, parked.next_step) = (Some("nothing came".into()), Some("ask the office".into()));
    commit_one(&*store, parked).await;
    let listed =
        store.list(&Scope::Operator, Filter { states: vec![Inbound::Parked], ..all() }).await.unwrap();
    assert_eq!((listed.len(), listed[0].cause.as_deref()), (1, Some("nothing came")));
    assert_eq!(store.resume(at(150), LEASE, 10).await.unwrap().len(), 0);
    assert_eq!(store.resume(at(300), LEASE, 10).await.unwrap().len(), 1);
}

pub async fn replayed_messages_run_again_once(house: &dyn House) {
    let store = open(house).await;
    for (n, state) in [Inbound::Parked, Inbound::Quarantined].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &format!("r{n}"));
        entry.state = state;
        let id = commit_one(&*store, entry.clone()).await;
        assert_eq!(store.resume(at(1), LEASE, 10).await.unwrap().len(), 0);
        let mut unasked = entry.clone();
        unasked.resumes = true;
        let done = store.commit(vec![unasked]).await.unwrap().remove(0);
        assert!(matches!(done, Committed::Again(_)), "nobody asked for it");
        assert!(store.replay(id, "os:rita", "fixed", at(2)).await.unwrap());
        let resumed = store.resume(at(2), LEASE, 10).await.unwrap();
        assert_eq!(resumed.len(), 1);
        assert_eq!(resumed[0].acting_person.as_deref(), Some("os:rita"));
        assert!(!resumed[0].expired);
        (entry.resumes, entry.state) = (true, Inbound::Accepted);
        commit_one(&*store, entry).await;
        assert_eq!(store.resume(at(999), LEASE, 10).await.unwrap().len(), 0);
        assert!(!store.replay(id, "os:rita", "again", at(3)).await.unwrap());
    }
    for (n, state) in [Inbound::Accepted, Inbound::Rejected, Inbound::Denied].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &format!("s{n}"));
        entry.state = state;
        let id = commit_one(&*store, entry).await;
        assert!(!store.replay(id, "os:rita", "no", at(2)).await.unwrap());
    }
}

pub async fn a_replay_settled_by_another_is_a_repeat(house: &dyn House) {
    let store = open(house).await;
    let business = Key { class: "business", parts: vec!["u1".into()] };
    let mut parked = delivery("a", "p", "first");
    parked.state = Inbound::Parked;
    let id = commit_one(&*store, parked.clone()).await;
    let mut second = delivery("a", "p", "second");
    (second.content, second.keys) = (parked.content, vec![second.keys.remove(0), business.clone()]);
    let other = commit_one(&*store, second).await;
    assert!(store.replay(id, "os:rita", "fixed", at(2)).await.unwrap());
    assert_eq!(store.resume(at(2), LEASE, 10).await.unwrap().len(), 1);
    (parked.resumes, parked.state) = (true, Inbound::Accepted);
    parked.keys.push(business);
    let done = store.commit(vec![parked]).await.unwrap().remove(0);
    assert!(matches!(done, Committed::Again(verdict) if verdict.id == other));
    assert_eq!(store.resume(at(999), LEASE, 10).await.unwrap().len(), 0, "not for ever");
}

// ---- timers, Vorgaenge, tombstones ----

pub async fn timers_come_until_committed(house: &dyn House) {
    let store = open(house).await;
    let timer =
        Timer { id: Uuid::new_v4(), due: at(100), name: "timer erinnern".into(), body: "<t/>".into() };
    let mut entry = delivery("a", "p", "1");
    entry.effects.timers = vec![timer.clone()];
    commit_one(&*store, entry).await;
    assert_eq!(store.due_timers(at(99), 10).await.unwrap().len(), 0);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().timers, 1);
    for _ in 0..2 {
        let due = store.due_timers(at(100), 10).await.unwrap();
        let head = &due[0].head;
        assert_eq!((head.connection.as_str(), head.binding.as_str()), ("timer", "timer erinnern"));
        assert_eq!((head.transport_id.clone(), head.received), (timer.id.to_string(), at(100)));
        assert_eq!((due.len(), &due[0].body[..]), (1, &b"<t/>"[..]));
    }
    let mut became = delivery("a", "p", &timer.id.to_string());
    became.envelope = Arc::new(store.due_timers(at(100), 1).await.unwrap().remove(0));
    commit_one(&*store, became).await;
    assert_eq!(store.due_timers(at(9_999), 10).await.unwrap().len(), 0);
    assert_eq!(store.figures(&Scope::Operator).await.unwrap().timers, 0);
}

pub async fn vorgaenge_change_and_are_found(house: &dyn House) {
    let store = open(house).await;
    let find = || async {
        match store.lookup(vec![Question::Vorgang(key("v"))]).await.unwrap().remove(0) {
            Answer { fact: Fact::Vorgang(found), guard } => (found, guard.seen),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(find().await, (None, 0));
    let mut vorgang = Vorgang {
        id: Uuid::new_v4(),
        owner: "jga:1".into(),
        state: VorgangState::BeimJugendamt,
        deadline: Some(at(77)),
    };
    for (n, state) in [VorgangState::BeimJugendamt, VorgangState::Zugestellt].into_iter().enumerate() {
        vorgang.state = state;
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.guards = vec![guard("v", n as u64)];
        entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang: vorgang.clone() }];
        commit_one(&*store, entry.clone()).await;
        assert_eq!(find().await, (Some(vorgang.clone()), n as u64 + 1));
        let scope = Scope::Mandant("a".into());
        let original = store.original(&scope, id_of(&entry), "p", "r", at(1)).await.unwrap();
        assert_eq!(original.as_ref(), Some(&*entry.envelope), "sealed under the key of the Vorgang");
    }
}

pub async fn tombstones_stay_and_bar(house: &dyn House) {
    let store = open(house).await;
    removal(&*store).await;
    let stone = |store: Arc<dyn Store>| async move {
        match store.lookup(vec![Question::Tombstone(key("stone"))]).await.unwrap().remove(0) {
            Answer { fact: Fact::Tombstone(at), .. } => at,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(stone(store.clone()).await, Some(at(40)));
    // An older deletion that comes late does not make the stone older; a record that is not there is no fault.
    let mut late = delivery("a", "p", "late");
    late.effects.mirror = vec![MirrorChange::Remove {
        id: Uuid::new_v4(),
        tombstone: key("stone"),
        created: at(20),
        until: at(50),
    }];
    commit_one(&*store, late).await;
    assert_eq!(stone(store.clone()).await, Some(at(40)));
}

/// Puts a record, tells somebody, removes it: what came is gone, what has to leave still leaves.
pub async fn removal(store: &dyn Store) {
    let id = Uuid::new_v4();
    let part = spool(store, "a", b"certificate").await;
    let mut entry = delivery("a", "p", "put");
    Arc::make_mut(&mut entry.envelope).parts = vec![part.clone()];
    entry.effects.mirror = vec![put(id, "N", &["k", "k2"])];
    entry.effects.sends = vec![send("c:x", Some("k"), "told"), send("c:gone", None, "sent before")];
    entry.effects.sends[0].parts = vec![part];
    entry.effects.reply = Some(Reply {
        content_type: "t".into(),
        body: "<q/>".into(),
        message: "xfamilie.0011".into(),
        message_id: "q".into(),
    });
    let cause = commit_one(store, entry).await;
    let only = Want { except: vec!["c:x".into()], ..want(1) };
    let lane = store.claim(only).await.unwrap().remove(0);
    assert!(settle(store, &lane, 0, sent(), true, 1).await);
    let mut remove = delivery("a", "p", "remove");
    let stone = MirrorChange::Remove { id, tombstone: key("stone"), created: at(40), until: at(400) };
    remove.effects.mirror = vec![stone];
    commit_one(store, remove).await;
    assert_eq!((mirrored(store, "k").await, mirrored(store, "k2").await), (0, 0));
    assert_eq!(seen(store, "k2").await, 2, "who decided on the record has to look again");
    let scope = Scope::Mandant("a".into());
    assert_eq!(store.original(&scope, cause, "p", "r", at(2)).await.unwrap(), None);
    let again = store.commit(vec![delivery("a", "p", "put")]).await.unwrap().remove(0);
    assert!(matches!(again, Committed::Again(verdict) if verdict.id == cause && verdict.reply.is_none()));
    assert_eq!(store.list(&scope, all()).await.unwrap().len(), 2, "that it was there stays known");
    let lane = claim(store, 3).await.remove(0);
    assert_eq!(bodies(&lane), ["told"]);
    let part = &lane.heads[0].envelope.parts[0];
    assert_eq!(read_claim(store, "a", &part.claim).await.unwrap(), b"certificate");
    assert!(settle(store, &lane, 0, sent(), true, 4).await);
    assert!(store.essence().await.unwrap().iter().any(|line| line.starts_with("inbox")));
}

// ---- the house ----

pub async fn commands_are_taken_once(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let command = |n: u128| Command {
        id: Uuid::from_u128(n),
        what: "pause".into(),
        arguments: format!("{{\"n\":{n}}}"),
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
    assert_eq!(store.breakers().await.unwrap(), std::slice::from_ref(&breaker));
    let closed = Breaker { failures: 0, open_until: None, ..breaker };
    store.set_breaker(closed.clone()).await.unwrap();
    assert_eq!(store.breakers().await.unwrap(), [closed]);
}

// ---- reading ----

async fn two_mandanten_two_partners(store: &dyn Store) -> Vec<(&'static str, &'static str, Uuid)> {
    let mut made = Vec::new();
    for (mandant, partner) in [("a", "p"), ("a", "q"), ("b", "p"), ("b", "q")] {
        let name = format!("{mandant}{partner}");
        let mut entry = delivery(mandant, partner, &name);
        (entry.state, entry.rejections) =
            (Inbound::Waiting, vec![Rejection::new(Fault::Rule, "Regel verletzt.")]);
        entry.waits = Some((key("w"), at(5_000)));
        entry.effects.mirror = vec![put(Uuid::new_v4(), &name, &[&name])];
        entry.effects.timers =
            vec![Timer { id: Uuid::new_v4(), due: at(1), name: "timer t".into(), body: "".into() }];
        entry.effects.sends = vec![send("r:p", None, &name), send("r:q", None, &name)];
        made.push((mandant, partner, commit_one(store, entry).await));
        store.commit(vec![delivery(mandant, partner, &name)]).await.unwrap();
    }
    for lane in claim(store, 1).await {
        assert!(settle(store, &lane, 0, parked(), true, 2).await);
    }
    made
}

pub async fn reads_are_scoped_by_mandant_and_partner(house: &dyn House) {
    let store = open(house).await;
    let made = two_mandanten_two_partners(&*store).await;
    let scopes = [
        (Scope::Operator, 4, 8),
        (Scope::Mandant("a".into()), 2, 4),
        (Scope::Mandant("c".into()), 0, 0),
        (Scope::Partner { mandant: "a".into(), partner: "p".into() }, 1, 2),
        (Scope::Partner { mandant: "b".into(), partner: "p".into() }, 1, 2),
        (Scope::Partner { mandant: "a".into(), partner: "nobody".into() }, 0, 0),
        (Scope::Partner { mandant: String::new(), partner: "p".into() }, 0, 0),
    ];
    for (scope, messages, held) in scopes {
        let inside = |mandant: &str, partner: &str| match &scope {
            Scope::Operator => true,
            Scope::Mandant(m) => m == mandant,
            Scope::Partner { mandant: m, partner: p } => m == mandant && p == partner,
        };
        let listed = store.list(&scope, all()).await.unwrap();
        assert_eq!(listed.len(), messages, "{scope:?}");
        for one in &listed {
            assert!(inside(&one.mandant, &one.partner));
            assert_eq!((one.codes.clone(), one.test), (vec!["X002".to_owned()], true));
            let narrow = matches!(scope, Scope::Partner { .. });
            assert_eq!(one.sends.len(), if narrow { 1 } else { 2 }, "not who else is told");
        }
        assert_eq!(store.list_parked_sends(&scope, 100).await.unwrap().len(), held, "{scope:?}");
        for (mandant, partner, id) in &made {
            let by_id = Filter { id: Some(*id), ..all() };
            let by_transport = Filter { transport_id: Some(format!("{mandant}{partner}")), ..all() };
            for filter in [by_id, by_transport] {
                let found = store.list(&scope, filter).await.unwrap().len();
                assert_eq!(found, usize::from(inside(mandant, partner)), "{scope:?}");
            }
            if scope != Scope::Operator {
                let seen = store.original(&scope, *id, "rita", "why", at(3)).await.unwrap();
                assert_eq!(seen.is_some(), inside(mandant, partner), "{scope:?}");
            }
        }
        let figures = store.figures(&scope).await.unwrap();
        let counted = |list: &[(String, u64)]| list.iter().map(|(_, n)| *n as usize).sum::<usize>();
        assert_eq!((counted(&figures.inbound), counted(&figures.codes)), (messages, messages));
        assert_eq!((figures.mirror as usize, figures.timers as usize), (messages, messages));
        assert_eq!((figures.repeats as usize, figures.oldest_waiting.is_some()), (messages, messages > 0));
        assert_eq!(figures.backlog.iter().map(|b| b.parked as usize).sum::<usize>(), held);
    }
}

pub async fn figures_count_what_is_there(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.figures(&Scope::Operator).await.unwrap(), Default::default());
    for n in 0..3 {
        let mut entry = delivery("a", "p", &n.to_string());
        if n > 0 {
            entry.state = Inbound::Rejected;
            entry.rejections = vec![Rejection::new(Fault::Schema, "x"), Rejection::new(Fault::Rule, "y")];
        }
        entry.effects.sends = vec![send("c:x", Some("k"), "1")];
        commit_one(&*store, entry).await;
    }
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), false, 2).await);
    assert!(settle(&*store, &lane, 1, Outcome::Unclear { cause: "cut".into() }, true, 2).await);
    let figures = store.figures(&Scope::Operator).await.unwrap();
    assert_eq!(figures.inbound, [("accepted".to_owned(), 1), ("rejected".to_owned(), 2)]);
    assert_eq!(figures.codes, [("X001".to_owned(), 2), ("X002".to_owned(), 2)]);
    let backlog = &figures.backlog[0];
    assert_eq!((backlog.waiting, backlog.sent, backlog.unclear, backlog.parked), (1, 1, 1, 0));
    let listed = store.list(&Scope::Operator, Filter { limit: 2, ..Default::default() }).await.unwrap();
    assert_eq!(listed.len(), 2);
    let before = Filter { before: Some(listed[1].id), ..all() };
    let rest = store.list(&Scope::Operator, before).await.unwrap();
    assert_eq!((rest.len(), rest[0].state), (1, Inbound::Accepted), "newest first, page by page");
}

pub async fn originals_are_shown_only_in_scope(house: &dyn House) {
    let store = open(house).await;
    let entry = delivery("a", "p", "1");
    let id = commit_one(&*store, entry.clone()).await;
    let refused = store.original(&Scope::Operator, id, "rita", "curious", at(1)).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    let scope = Scope::Partner { mandant: "a".into(), partner: "p".into() };
    assert_eq!(
        store.original(&scope, id, "rita", "call", at(1)).await.unwrap().as_ref(),
        Some(&*entry.envelope)
    );
    assert_eq!(store.original(&scope, Uuid::new_v4(), "rita", "call", at(1)).await.unwrap(), None);
}

pub async fn a_hash_only_message_keeps_no_content(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "", "1");
    (entry.keep, entry.state, entry.cause) = (Keep::HashOnly, Inbound::Denied, Some("not admitted".into()));
    Arc::make_mut(&mut entry.envelope).parts = vec![spool(&*store, "a", b"part").await];
    let id = commit_one(&*store, entry.clone()).await;
    assert_eq!(store.original(&Scope::Mandant("a".into()), id, "r", "r", at(1)).await.unwrap(), None);
    let listed = store.list(&Scope::Operator, all()).await.unwrap().remove(0);
    assert_eq!(listed.octets_sha256, entry.envelope.evidence.octets_sha256);
    assert_eq!((listed.size, listed.cause.as_deref()), (entry.envelope.evidence.size, Some("not admitted")));
    let mut parked = delivery("a", "", "2");
    (parked.keep, parked.state) = (Keep::HashOnly, Inbound::Parked);
    let id = commit_one(&*store, parked).await;
    assert!(!store.replay(id, "rita", "r", at(1)).await.unwrap(), "there is nothing to run");
    drop(store);
    house.run().await.unwrap();
    assert_eq!(claims_of(house).len(), 0, "nor the part");
}

// ---- claims ----

pub async fn parts_go_round_in_bounded_memory(house: &dyn House) {
    let store = open(house).await;
    let octets: Vec<u8> = (0..5 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let part = spool(&*store, "a", &octets).await;
    assert_eq!((part.size, part.sha256.clone()), (octets.len() as u64, hex::encode(sha256(&octets))));
    assert_eq!(part.claim.name.len(), 64);
    assert_ne!(part.claim.name, part.sha256);
    let mut reader = store.open_claim("a", &part.claim).await.unwrap();
    let (mut read, mut largest) = (Vec::new(), 0);
    while let Some(piece) = reader.read().await.unwrap() {
        largest = largest.max(piece.len());
        read.extend_from_slice(&piece);
    }
    assert!(read == octets, "the same octets");
    assert!(largest <= 256 * 1024, "in pieces: {largest}");
    assert_eq!(reader.read().await.unwrap(), None);
    // Committed with a message, it comes back with the message and leaves with what is sent.
    let mut entry = delivery("a", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![part.clone()];
    entry.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    entry.effects.sends = vec![Outgoing { parts: vec![part], ..send("c:x", None, "{}") }];
    commit_one(&*store, entry).await;
    drop(store);
    let (store, removed) = house.run().await.unwrap();
    assert_eq!(removed, 0);
    let lane = claim(&*store, 1).await.remove(0);
    let again = read_claim(&*store, "a", &lane.heads[0].envelope.parts[0].claim).await.unwrap();
    assert!(again == octets, "also after a restart");
}

pub async fn small_and_empty_parts(house: &dyn House) {
    let store = open(house).await;
    for len in [0_usize, 1, 65_535, 65_536, 65_537, 131_072] {
        let octets = vec![b'z'; len];
        let part = spool(&*store, "a", &octets).await;
        assert!(read_claim(&*store, "a", &part.claim).await.unwrap() == octets, "{len}");
    }
}

pub async fn damaged_claims_are_found(house: &dyn House) {
    let store = open(house).await;
    let part = spool(&*store, "a", &vec![b'q'; 200_000]).await;
    let file = claims_of(house).remove(0);
    assert!(!file.file_name().unwrap().to_string_lossy().contains("n.pdf"));
    let good = std::fs::read(&file).unwrap();
    for at in [0, 1, 70_000, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        let read = read_claim(&*store, "a", &part.claim).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "octet {at}");
    }
    // Cut, also exactly between two chunks, and lengthened.
    for len in [0, 1, 1 + 65_552, good.len() - 1] {
        std::fs::write(&file, &good[..len]).unwrap();
        let read = read_claim(&*store, "a", &part.claim).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "cut to {len}");
    }
    std::fs::write(&file, [good.as_slice(), b"more"].concat()).unwrap();
    assert!(matches!(read_claim(&*store, "a", &part.claim).await, Err(StoreError::Corrupt(_))));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(read_claim(&*store, "a", &part.claim).await, Err(StoreError::Corrupt(_))));
    std::fs::write(&file, good).unwrap();
    assert_eq!(read_claim(&*store, "a", &part.claim).await.unwrap().len(), 200_000);
    for name in ["../../etc/passwd", "", "tmp", &"A".repeat(64)] {
        let odd = Claim { name: name.into(), key: part.claim.key.clone() };
        assert!(matches!(store.open_claim("a", &odd).await.err(), Some(StoreError::Corrupt(_))), "{name}");
    }
}

pub async fn a_claim_of_another_mandant_does_not_open(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, delivery("b", "p", "0")).await;
    let part = spool(&*store, "a", b"secret").await;
    for mandant in ["b", "c"] {
        let opened = store.open_claim(mandant, &part.claim).await;
        assert!(matches!(opened.err(), Some(StoreError::Corrupt(_))));
    }
    let mut entry = delivery("b", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![part];
    assert!(matches!(store.commit(vec![entry]).await, Err(StoreError::Entry(_))));
}

pub async fn claims_nobody_needs_are_collected(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let kept = spool(&*store, "a", b"kept").await;
    let mut entry = delivery("a", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![kept.clone()];
    commit_one(&*store, entry).await;
    let pending = spool(&*store, "a", b"finished, not committed yet").await;
    let mut writing = store.spool("a").await.unwrap();
    writing.write(Bytes::from_static(b"half")).await.unwrap();
    assert_eq!(store.collect_garbage().await.unwrap(), 0, "a run still holds them");
    let mut late = delivery("a", "p", "2");
    Arc::make_mut(&mut late.envelope).parts = vec![pending];
    commit_one(&*store, late).await;
    let (claim, ..) = writing.finish().await.unwrap();
    assert_eq!(read_claim(&*store, "a", &claim).await.unwrap(), b"half");
    // Dropped unfinished: nothing stays.
    let mut dropped = store.spool("a").await.unwrap();
    dropped.write(Bytes::from(vec![b'd'; 100_000])).await.unwrap();
    drop(dropped);
    assert_eq!(std::fs::read_dir(house.claims().join("tmp")).unwrap().count(), 0);
    // A crash: one finished that nobody committed, one half written, one file from nowhere.
    drop(store);
    std::fs::write(house.claims().join("tmp").join("0123"), b"half").unwrap();
    std::fs::write(house.claims().join("f".repeat(64)), b"whole").unwrap();
    assert_eq!(claims_of(house).len(), 4);
    let (store, removed) = house.run().await.unwrap();
    assert_eq!((removed, claims_of(house).len()), (3, 2));
    assert_eq!(read_claim(&*store, "a", &kept.claim).await.unwrap(), b"kept");
    // A finished claim that a run gave up goes as well, in time.
    spool(&*store, "a", b"given up").await;
    let mut removed = 0;
    for _ in 0..5 {
        removed += store.collect_garbage().await.unwrap();
    }
    assert_eq!((removed, claims_of(house).len()), (1, 2));
}

// ---- opening ----

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
    let open_second = drehscheibe::store::BACK_ENDS.iter().find(|(name, _)| *name == "sqlite").unwrap().1;
    let master = secrecy::SecretBox::new(Box::new([5; 32]));
    let other = open_second(second.path(), Stage::Test, master, false).unwrap();
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
    let strict = open_second(strict.path(), Stage::Produktion, master, false).unwrap();
    assert!(matches!(strict.essence().await, Err(StoreError::Refused(_))));
}

pub async fn a_crash_of_the_holder_frees_at_start(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    commit_sends(&*store, "1", vec![send("c:x", Some("k"), "1")]).await;
    commit_one(&*store, waiting("w", 0)).await;
    assert_eq!(claim(&*store, 1).await.len(), 1);
    assert_eq!(store.resume(at(1), LEASE, 10).await.unwrap().len(), 1);
    drop(store);
    let (store, _) = house.run().await.unwrap();
    let lane = claim(&*store, 2).await.remove(0);
    assert!(lane.heads[0].unclear, "an attempt may have been made");
    assert_eq!(store.resume(at(2), LEASE, 10).await.unwrap().len(), 1);
}

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
    entry.effects.guards = vec![guard(&m("guard"), 0)];
    entry.effects.mirror = vec![put(Uuid::new_v4(), &m("record"), &[&m("search")])];
    let stone = MirrorChange::Remove {
        id: Uuid::new_v4(),
        tombstone: key(&m("stone")),
        created: at(1),
        until: at(2),
    };
    entry.effects.mirror.push(stone);
    let vorgang = Vorgang {
        id: Uuid::new_v4(),
        owner: "jga:1".into(),
        state: VorgangState::Eingegangen,
        deadline: None,
    };
    entry.effects.vorgaenge = vec![VorgangChange { key: key(&m("vorgang")), vorgang }];
    entry.effects.timers =
        vec![Timer { id: Uuid::new_v4(), due: at(1), name: "timer t".into(), body: m("timer").into() }];
    entry.effects.sends =
        vec![send("c:x", Some(&m("order")), &m("send")), send("c:x", Some(&m("order")), "2")];
    entry.effects.sends[0].correlation = Some(m("correlation"));
    entry.effects.reply = Some(Reply {
        content_type: "t".into(),
        body: m("reply").into(),
        message: "xfamilie.0011".into(),
        message_id: m("reply id"),
    });
    entry.effects.audit = vec![AuditLine { what: "mirror.put".into(), detail: vec![] }];
    entry.effects.retrievals = vec![Retrieval { step: "mirror".into(), records: vec![Uuid::new_v4()] }];
    let id = commit_one(store, entry).await;
    let lane = claim(store, 1).await.remove(0);
    let reference = Outcome::Sent { reference: m("reference"), evidence: m("evidence") };
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
        what: "pause".into(),
        arguments: m("arguments"),
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
