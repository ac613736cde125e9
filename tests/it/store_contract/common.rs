//! What the suite is made of: how a store is opened, and makers of entries, sends and questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use drehscheibe::effects::{Fact, Guard, GuardKey, MirrorChange, Outgoing, Question, Vorgang, VorgangState};
use drehscheibe::envelope::{Claim, Envelope, Evidence, Head, How, Inbound, Part, PartnerRef, Stage};
use drehscheibe::register::keys::SearchKey;
use drehscheibe::register::record::{
    Eintragung, Kind, Mutter, Personenname, Quelle, Registersatz, TeilDatum,
};
use drehscheibe::seal::key::sha256;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::entry::{Committed, Entry, Keep, Key};
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lane::{Lane, Outcome, Settle, Want};
use drehscheibe::store::stamp::Stamp;
use drehscheibe::telemetry::parts::Turn;
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
    /// Puts the database and claims of a backup in the place of the closed store's; marked as the program does it, or not.
    async fn put_back(&self, backup: &Path, marked: bool);
    /// Marks the closed store as put back.
    async fn mark(&self);
    /// Empties the deletion ledger of the closed store, as an older copy of the key store would.
    async fn empty_ledger(&self);
    /// Takes all keys of children and Vorgänge out of the closed store and lets their numbers begin anew, as a key store does that
    /// lost its end.
    async fn lose_keys(&self);
    /// Makes the closed store one of a newer program.
    async fn raise_schema_version(&self);
    /// Leaves the records of the closed store as a program did that knew no days on which they end.
    async fn forget_days(&self);
    /// Leaves the records of the closed store as a program did that knew the keys of the version before.
    async fn forget_keys(&self);
}

/// A moment so many seconds after a fixed one.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub fn stamp(mandant: &str, partner: &str) -> Stamp {
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
                acting_person: None,
                label: None,
                in_band: false,
            },
            evidence: Evidence {
                octets_sha256: hex::encode(sha256(&body)),
                size: body.len() as u64,
                verification: "memory".into(),
                protocol_ids: vec![],
                ..Evidence::default()
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
        delivery: None,
        waits: None,
        resumes: false,
        keep: Keep::Original,
        effects: Default::default(),
        now: at(0),
    }
}

pub fn id_of(entry: &Entry) -> Uuid {
    entry.envelope.head.id
}

/// Commits one entry, which must be new.
pub async fn commit_one(store: &dyn Store, entry: Entry) -> Uuid {
    let id = id_of(&entry);
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::New]);
    id
}

pub fn key(value: &str) -> SearchKey {
    SearchKey::new("kind", [value])
}

pub fn guard(value: &str, seen: u64) -> Guard {
    Guard { key: GuardKey(key(value)), seen }
}

pub fn record(name: &str) -> Box<Registersatz> {
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
            empfangen: Some(at(0)),
            erstellungszeitpunkt: at(-10),
            transaktionsid: None,
            spaetestens: None,
        },
        vermerk: Default::default(),
    })
}

pub fn put(id: Uuid, name: &str, keys: &[&str]) -> MirrorChange {
    let keys = keys.iter().map(|k| key(k)).collect();
    MirrorChange::Put { id, registersatz: record(name), keys, as_before: false }
}

/// A Vorgang of an office, of which nothing is recorded.
pub fn vorgang(owner: &str, state: VorgangState) -> Vorgang {
    Vorgang { id: Uuid::new_v4(), owner: owner.into(), state, deadline: None, akte: Default::default() }
}

pub fn send(destination: &str, order: Option<&str>, body: &str) -> Outgoing {
    Outgoing {
        id: Uuid::new_v4(),
        destination: destination.into(),
        partner: destination.split(':').nth(1).unwrap_or("x").into(),
        order: order.map(key),
        message: "drehscheibe.stand".into(),
        test: true,
        content_type: "application/json".into(),
        body: Bytes::from(body.to_owned()),
        parts: vec![],
        correlation: Some("c1".into()),
        after: None,
        deadline: Some(at(9_999)),
        not_before: None,
        delivers: None,
        ways: Vec::new(),
    }
}

pub async fn commit_sends(store: &dyn Store, name: &str, sends: Vec<Outgoing>) -> Uuid {
    let mut entry = delivery("a", "p", name);
    entry.effects.sends = sends;
    commit_one(store, entry).await
}

pub fn want(now: i64) -> Want {
    Want {
        most: Vec::new(),
        worker: "w".into(),
        now: at(now),
        lease: Duration::from_secs(60),
        lanes: 10,
        heads: 10,
        except: vec![],
        went_back: false,
        ours: None,
    }
}

pub async fn claim(store: &dyn Store, now: i64) -> Vec<Lane> {
    store.claim(want(now)).await.unwrap()
}

pub fn bodies(lane: &Lane) -> Vec<String> {
    lane.heads.iter().map(|due| String::from_utf8(due.envelope.body.to_vec()).unwrap()).collect()
}

pub fn sent() -> Outcome {
    Outcome::Sent { reference: "r".into(), evidence: "e".into(), follow: None }
}

pub fn later(seconds: i64) -> Outcome {
    Outcome::Later { at: at(seconds), cause: "no answer".into(), doubt: None, turn: Turn::FarEnd }
}

pub fn parked() -> Outcome {
    Outcome::Parked { cause: "410".into(), next_step: "call them".into() }
}

pub async fn settle(
    store: &dyn Store,
    lane: &Lane,
    n: usize,
    outcome: Outcome,
    release: bool,
    now: i64,
) -> bool {
    store.settle(vec![settling(lane, n, outcome, release, now)]).await.unwrap()[0]
}

/// The settling of the n-th row of a lane.
pub fn settling(lane: &Lane, n: usize, outcome: Outcome, release: bool, now: i64) -> Settle {
    let (due, now) = (&lane.heads[n], at(now));
    let (row, answers, delivers) = (due.id, Vec::new(), due.delivers);
    Settle { lane: lane.id, fence: lane.fence, row, outcome, answers, delivers, release, now }
}

/// What a look-up sees of a key: it stands until the key moves, and only the store knows what it means.
pub async fn seen(store: &dyn Store, value: &str) -> u64 {
    store.lookup(vec![Question::Mirror(key(value))]).await.unwrap()[0].guard.seen
}

/// Whether a key has moved since it was seen.
pub async fn moved(store: &dyn Store, value: &str, seen: u64) -> bool {
    let mut probe = delivery("probe", "probe", &Uuid::new_v4().to_string());
    probe.effects.guards = vec![guard(value, seen)];
    match store.commit(vec![probe]).await.unwrap().remove(0) {
        Committed::New => false,
        Committed::Stale => true,
        other => panic!("{other:?}"),
    }
}

pub async fn mirrored(store: &dyn Store, value: &str) -> usize {
    match &store.lookup(vec![Question::Mirror(key(value))]).await.unwrap()[0].fact {
        Fact::Mirror(found) => found.len(),
        other => panic!("{other:?}"),
    }
}

pub async fn open(house: &dyn House) -> Arc<dyn Store> {
    house.open(Stage::Test, 1).await.unwrap()
}

pub fn all() -> Filter {
    Filter { limit: 10_000, ..Default::default() }
}

/// Spools a part in pieces of odd sizes.
pub async fn spool(store: &dyn Store, mandant: &str, octets: &[u8]) -> Part {
    let mut part = store.spool(mandant).await.unwrap();
    for piece in octets.chunks(37_777) {
        part.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let (claim, size, sha256) = part.finish().await.unwrap();
    let (name, content_type) = ("n.pdf".into(), "application/pdf".into());
    Part { name, content_type, size, sha256, claim, mandant: mandant.into(), small: None }
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
