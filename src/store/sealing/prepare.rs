//! What can be done before the transaction: sealing contents and turning keys into HMACs, off the writing thread.
//! Never touches the database.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::effects::{
    AuditLine, HandOver, MirrorChange, Outgoing, Retrieval, Vorgang, bestand_key, objections_key,
};
use crate::envelope::{Hold, Inbound, Part, Verified};
use crate::register::keys::SearchKey;
use crate::register::objection::{ObjectionChange, Opening, Released, Which, Why};
use crate::seal::index::Tag;
use crate::seal::key::{Key, Place};
use crate::store::entry::{Entry, Keep, Key as OnceKey};
use crate::store::error::StoreError;
use crate::store::lane::Take;
use crate::store::sealing::content::{Fresh, Owner, to_json};
use crate::store::sealing::endet;
use crate::store::sealing::heads::{InboxNote, Letter, SealedHead, SealedReply, SendHead};
use crate::store::sealing::keys::{Keys, MandantKey};
use crate::store::sealing::shown::FORGOT;
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::{Stored, micros};
use crate::store::stamp::Stamp;

/// A change of the mirror, sealed.
#[derive(Debug)]
pub enum MirrorWork {
    /// Insert or replace.
    Put {
        /// The record's id.
        id: Uuid,
        /// The record.
        record: Fresh,
        /// Its keys, each once.
        keys: Vec<Tag>,
        /// Its blind day, see `endet`.
        ende: Tag,
        /// Whether nothing else is said of it than before.
        as_before: bool,
    },
    /// Remove.
    Remove {
        /// The record's id.
        id: Uuid,
        /// Key of the tombstone.
        tombstone: Tag,
        /// When the deletion was made.
        created: Timestamp,
        /// When the tombstone may go.
        until: Timestamp,
    },
}

/// A change of what stands against answers.
#[derive(Debug)]
pub enum ObjectionWork {
    /// Open.
    Open(OpenWork),
    /// Close.
    Close {
        /// Which.
        which: Closing,
        /// By what.
        by: &'static str,
    },
    /// Note a first release.
    Release {
        /// Of what this delivery opened.
        delivery: Uuid,
        /// By whom, when, and with which Aktenzeichen.
        word: Released,
    },
}

/// An objection that is opened.
#[derive(Debug)]
pub struct OpenWork {
    /// Its id.
    pub id: Tag,
    /// The office.
    pub amt: String,
    /// The message that opens it.
    pub delivery: Uuid,
    /// Why.
    pub why: Why,
    /// Type of the message.
    pub message: String,
    /// When it was made.
    pub made: i64,
    /// When it was received.
    pub since: i64,
    /// Under which keys a decision meets it.
    pub under: Vec<Tag>,
    /// By which keys it ends.
    pub about: Vec<Tag>,
    /// Its blind day, see `endet`.
    pub ende: Option<Tag>,
    /// Guards of those who decided without it, those of its keys included.
    pub moves: Vec<Tag>,
}

/// Which objections are closed.
#[derive(Debug)]
pub enum Closing {
    /// Of a delivery.
    Delivery(Uuid),
    /// What a delivery blocks.
    Block(Uuid),
    /// Of offices under keys, made before.
    About(Vec<String>, Vec<Tag>, i64),
    /// Of offices, received from the first moment on, made and received before the second.
    Office(Vec<String>, i64, i64),
}

/// A row of the outbox, sealed.
#[derive(Debug)]
pub struct SendWork {
    /// Its id.
    pub id: Uuid,
    /// Where to.
    pub destination: String,
    /// The receiver.
    pub partner: String,
    /// Name of its lane; `None` means no order.
    pub lane: Option<Tag>,
    /// The type.
    pub message: String,
    /// Leaves after this one.
    pub after: Option<Uuid>,
    /// Given up after.
    pub deadline: Option<i64>,
    /// Does not leave before.
    pub not_before: Option<i64>,
    /// The content.
    pub content: Fresh,
    /// The content in clear, where the process that commits it may send it at once.
    pub open: Option<Letter>,
    /// Its claims.
    pub claims: Vec<(String, Key)>,
}

/// Rows that go over to another addressee.
#[derive(Debug)]
pub struct HandOverWork {
    /// The message whose rows go over.
    pub cause: Uuid,
    /// The partner that they were for.
    pub from: String,
    /// The lanes where more of it may wait.
    pub lanes: Vec<Tag>,
    /// More of it that stands in none of them.
    pub rows: Vec<Uuid>,
    /// Where to from now on.
    pub destination: String,
    /// The receiver from now on.
    pub partner: String,
    /// Name of the lane there.
    pub lane: Tag,
    /// Given up after.
    pub deadline: Option<i64>,
}

/// A timer, sealed.
#[derive(Debug)]
pub struct TimerWork {
    /// Its id.
    pub id: Uuid,
    /// When it is due.
    pub due: i64,
    /// Its name.
    pub name: String,
    /// The document.
    pub content: Fresh,
}

/// A delivery of a register as it is noted.
#[derive(Clone, Debug)]
pub struct DeliveryWork {
    /// Its business key.
    pub key: Tag,
    /// Its moment.
    pub moment: i64,
    /// Its stamp.
    pub stamp: i64,
}

/// An entry, ready for the transaction.
#[derive(Debug)]
pub struct Work {
    /// The message's id.
    pub id: Uuid,
    /// The Mandant's key.
    pub mandant: Arc<MandantKey>,
    /// The attributes, key_id filled in.
    pub stamp: Stamp,
    /// Keys of idempotency.
    pub keys: Vec<Tag>,
    /// True when it was taken as a conflict.
    pub conflict: bool,
    /// HMAC of the content's hash.
    pub content: Tag,
    /// The state.
    pub state: Inbound,
    /// Codes, joined by a space.
    pub codes: String,
    /// Nothing of it is of use to anybody here: said again it may be.
    pub forgot: bool,
    /// The type.
    pub message: Option<String>,
    /// The route.
    pub route: Option<String>,
    /// When received.
    pub received: Timestamp,
    /// When committed.
    pub now: Timestamp,
    /// The connection.
    pub connection: String,
    /// The binding.
    pub binding: String,
    /// HMAC of connection and transport id.
    pub transport: Tag,
    /// Size of the octets.
    pub size: i64,
    /// Whether head and body are kept.
    pub kept: bool,
    /// What it waits for and until when.
    pub waits: Option<(Tag, i64)>,
    /// It waits for nothing and runs at once.
    pub at_once: bool,
    /// What is noted of a delivery.
    pub delivery: Option<DeliveryWork>,
    /// From the key of a record to the key of a Vorgang.
    pub traces: Vec<(Tag, Tag)>,
    /// Partners that were ahead: when that was seen and by how much.
    pub leads: Vec<(String, i64, i64)>,
    /// The row exists already.
    pub resumes: bool,
    /// Head, body and note.
    pub sealed: Fresh,
    /// The note alone, for a row that exists.
    pub note: Vec<u8>,
    /// Its claims.
    pub claims: Vec<(String, Key)>,
    /// Keeps all claims until they are named.
    pub _held: Vec<Hold>,
    /// The timer that it came from.
    pub timer: Option<Uuid>,
    /// Guards with what was seen, all of them to compare.
    pub guards: Vec<(Tag, i64)>,
    /// Those of them that are shared by readers: compared only.
    pub shared: BTreeSet<Tag>,
    /// Changes of the mirror.
    pub mirror: Vec<MirrorWork>,
    /// Changes of Vorgänge.
    pub vorgaenge: Vec<(Tag, Vorgang, Fresh)>,
    /// Changes of Bestände.
    pub bestaende: Vec<(Tag, Fresh)>,
    /// What stands for an office of whose register less is said than before.
    pub less_said: Vec<Tag>,
    /// Objections.
    pub objections: Vec<ObjectionWork>,
    /// Timers.
    pub timers: Vec<TimerWork>,
    /// Sends.
    pub sends: Vec<SendWork>,
    /// Rows that go over to another addressee.
    pub hand_overs: Vec<HandOverWork>,
    /// Answers that are taken back.
    pub take_backs: Vec<TakeBackWork>,
    /// [`Effects::beside`].
    pub beside: Arc<[String]>,
    /// Lines of the audit trail.
    pub audit: Vec<AuditLine>,
    /// Retrievals.
    pub retrievals: Vec<Retrieval>,
    /// Keys that are woken.
    pub wakes: Vec<Tag>,
    /// Children that it speaks of.
    pub subjects: Vec<Tag>,
    /// Keys under which messages are cleared.
    pub clears: Vec<Tag>,
    /// Hash of the content, for the audit trail.
    pub hash: [u8; 32],
}

impl SendWork {
    /// When a new lane of it can go; `None`: to be found out.
    pub fn free(&self, now: i64) -> Option<i64> {
        self.after.is_none().then_some(now.max(self.not_before.unwrap_or(now)))
    }
}

impl Work {
    /// What stands as its codes with its keys of idempotency.
    pub fn codes_of_keys(&self) -> &str {
        if self.forgot { FORGOT } else { &self.codes }
    }

    /// The keys that the objections of this entry move.
    pub fn moved_by_objections(&self) -> impl Iterator<Item = &Tag> {
        self.objections.iter().flat_map(|change| match change {
            ObjectionWork::Open(open) => open.moves.as_slice(),
            ObjectionWork::Close { .. } | ObjectionWork::Release { .. } => &[],
        })
    }

    /// The keys under which objections end by this entry, or could end that it opens.
    pub fn objections_about(&self) -> impl Iterator<Item = &Tag> {
        self.objections.iter().flat_map(|change| match change {
            ObjectionWork::Open(open) => open.about.as_slice(),
            ObjectionWork::Close { which: Closing::About(_, keys, _), .. } => keys.as_slice(),
            ObjectionWork::Close { .. } | ObjectionWork::Release { .. } => &[],
        })
    }

    /// The guards that this entry bumps although it may write nothing under them.
    pub fn held(&self) -> impl Iterator<Item = &Tag> {
        self.guards.iter().map(|(key, _)| key).filter(|key| !self.shared.contains(*key))
    }

    /// What the audit trail says of it: no personal data.
    pub fn detail(&self) -> serde_json::Value {
        serde_json::json!({
            "content": hex::encode(self.hash),
            "codes": self.codes,
            "sends": self.sends.iter().map(|s| s.id).collect::<Vec<_>>(),
            "lines": self.audit,
        })
    }
}

/// The name of the lane of an order at a destination.
fn lane_of(keyring: &Keys, destination: &str, order: &SearchKey) -> Tag {
    keyring.order.tag_of(&[destination.as_bytes(), &order.octets()])
}

fn hand_over(keyring: &Keys, over: &HandOver) -> HandOverWork {
    HandOverWork {
        cause: over.cause,
        from: over.from.clone(),
        lanes: over.waiting_at.iter().map(|at| lane_of(keyring, at, &over.order)).collect(),
        rows: over.rows.clone(),
        destination: over.destination.clone(),
        partner: over.partner.clone(),
        lane: lane_of(keyring, &over.destination, &over.order),
        deadline: over.deadline.map(micros),
    }
}

/// Seals an entry; what the committing process may send itself stays open beside it.
pub fn prepare(keyring: &Keys, mandant: Arc<MandantKey>, entry: &Entry, take: Option<&Take>) -> Stored<Work> {
    let envelope = &entry.envelope;
    let search = |key: &SearchKey| keyring.search.tag(&key.octets());
    let note = to_json(&InboxNote {
        cause: entry.cause.clone(),
        next_step: entry.next_step.clone(),
        rejections: entry.rejections.clone(),
        octets_sha256: envelope.evidence.octets_sha256.clone(),
        verified: envelope.evidence.verified.iter().map(Verified::line).collect(),
        reply: entry.effects.reply.as_ref().map(SealedReply::new),
    })?;
    let kept = entry.keep == Keep::Original;
    let head = if kept {
        Some(to_json(&SealedHead {
            head: envelope.head.clone(),
            parts: envelope.parts.clone(),
            evidence: envelope.evidence.clone(),
        })?)
    } else {
        None
    };
    let body = kept.then_some(&envelope.body[..]);
    let sealed = Fresh::seal(Owner::new("inbox", envelope.head.id), head.as_deref(), body, Some(&note))?;
    let claims = if kept { open_claims(&mandant, envelope.laid())? } else { Vec::new() };
    let effects = &entry.effects;
    let sent = effects.sends.iter().flat_map(|send| &send.parts);
    let held = envelope.laid().chain(sent).map(|part| part.claim.hold.clone()).collect();
    let mut mirror = Vec::with_capacity(effects.mirror.len());
    for change in &effects.mirror {
        mirror.push(match change {
            MirrorChange::Put { id, registersatz, keys, as_before } => MirrorWork::Put {
                id: *id,
                ende: endet::of(keyring, registersatz),
                as_before: *as_before,
                record: Fresh::seal(Owner::new("mirror", *id), None, Some(&to_json(registersatz)?), None)?,
                // Two ways to leave a part out may come to the same key.
                keys: keys.iter().map(search).collect::<BTreeSet<_>>().into_iter().collect(),
            },
            MirrorChange::Remove { id, tombstone, created, until } => {
                MirrorWork::Remove { id: *id, tombstone: search(tombstone), created: *created, until: *until }
            }
        });
    }
    let mut sends = Vec::with_capacity(effects.sends.len());
    for send in &effects.sends {
        let head = SendHead::of(send, send.delivers.as_ref().map(&search))?;
        let owner = Owner::new("outbox", send.id);
        let taken = take.is_some_and(|take| take.most.iter().any(|(of, _)| *of == send.destination));
        sends.push(SendWork {
            content: Fresh::seal(owner, Some(&to_json(&head)?), Some(&send.body), None)?,
            claims: open_claims(&mandant, &head.parts)?,
            open: taken.then(|| Letter { head, body: send.body.clone() }),
            lane: send.order.as_ref().map(|key| lane_of(keyring, &send.destination, key)),
            id: send.id,
            destination: send.destination.clone(),
            partner: send.partner.clone(),
            message: send.message.clone(),
            after: send.after,
            deadline: send.deadline.map(micros),
            not_before: send.not_before.map(micros),
        });
    }
    let mut timers = Vec::with_capacity(effects.timers.len());
    for timer in &effects.timers {
        let of = timer.of.as_ref().map(to_json).transpose()?;
        let content = Fresh::seal(Owner::new("timer", timer.id), of.as_deref(), Some(&timer.body), None)?;
        timers.push(TimerWork { id: timer.id, due: micros(timer.due), name: timer.name.clone(), content });
    }
    let mut vorgaenge = Vec::with_capacity(effects.vorgaenge.len());
    for change in &effects.vorgaenge {
        let key = search(&change.key);
        let akte =
            Fresh::seal(Owner::of_key("vorgang", &key), None, Some(&to_json(&change.vorgang.akte)?), None)?;
        vorgaenge.push((key, change.vorgang.clone(), akte));
    }
    let (mut bestaende, mut less_said) = (Vec::with_capacity(effects.bestaende.len()), Vec::new());
    for change in &effects.bestaende {
        let key = search(&bestand_key(&change.amt));
        let content =
            Fresh::seal(Owner::of_key("bestand", &key), None, Some(&to_json(&change.bestand)?), None)?;
        bestaende.push((key, content));
        less_said.extend(change.says_less.then(|| search(&objections_key(&change.amt))));
    }
    let objections = effects.objections.iter().map(|change| objection(keyring, change.clone())).collect();
    let mut codes: Vec<String> = Vec::new();
    for rejection in &entry.rejections {
        if !codes.contains(&rejection.code) {
            codes.push(rejection.code.clone());
        }
    }
    let shared = effects.guards.iter().filter(|guard| guard.key.shared());
    Ok(Work {
        id: envelope.head.id,
        stamp: Stamp { key_id: mandant.id.clone(), ..entry.stamp.clone() },
        keys: entry.keys.iter().map(|key| once(keyring, key)).collect(),
        conflict: entry.keys.iter().any(|key| key.class == "conflict"),
        content: keyring.once.tag_of(&[b"content", &entry.content]),
        state: entry.state,
        codes: codes.join(" "),
        forgot: effects.forget && entry.state == Inbound::Accepted,
        message: entry.message.clone(),
        route: entry.route.clone(),
        received: envelope.head.received,
        now: entry.now,
        connection: envelope.head.connection.clone(),
        binding: envelope.head.binding.clone(),
        transport: transport(keyring, &envelope.head.transport_id),
        size: i64::try_from(envelope.evidence.size).unwrap_or(i64::MAX),
        kept,
        at_once: entry.state == Inbound::Waiting && entry.waits.is_none(),
        waits: entry.waits.as_ref().map(|(key, until)| (search(key), micros(*until))),
        delivery: entry.delivery.as_ref().map(|noted| DeliveryWork {
            key: once(keyring, &noted.key),
            moment: micros(noted.moment),
            stamp: micros(noted.stamp),
        }),
        traces: effects.traces.iter().map(|trace| (search(&trace.under), search(&trace.vorgang))).collect(),
        leads: effects
            .leads
            .iter()
            .map(|lead| (lead.partner.clone(), micros(lead.seen), ahead(lead.by)))
            .collect(),
        resumes: entry.resumes,
        sealed,
        note,
        claims,
        _held: held,
        timer: (envelope.head.connection == "timer")
            .then(|| Uuid::parse_str(&envelope.head.transport_id).ok())
            .flatten(),
        guards: effects
            .guards
            .iter()
            .map(|guard| (search(&guard.key.0), i64::try_from(guard.seen).unwrap_or(i64::MAX)))
            .collect(),
        shared: shared.map(|guard| search(&guard.key.0)).collect(),
        mirror,
        vorgaenge,
        bestaende,
        less_said,
        objections,
        timers,
        sends,
        hand_overs: effects.hand_overs.iter().map(|over| hand_over(keyring, over)).collect(),
        take_backs: effects.take_backs.iter().map(|back| TakeBackWork::of(keyring, back)).collect(),
        beside: effects.beside.clone(),
        audit: effects.audit.clone(),
        retrievals: effects.retrievals.clone(),
        wakes: effects.wakes.iter().map(search).collect(),
        subjects: effects.subjects.iter().map(search).collect(),
        clears: effects.clears.iter().map(search).collect(),
        hash: entry.content,
        mandant,
    })
}

fn ahead(by: SignedDuration) -> i64 {
    i64::try_from(by.as_micros()).unwrap_or(i64::MAX)
}

fn objection(keyring: &Keys, change: ObjectionChange) -> ObjectionWork {
    let search = |key: &SearchKey| keyring.search.tag(&key.octets());
    let all = |keys: &[SearchKey]| keys.iter().map(search).collect::<BTreeSet<_>>().into_iter().collect();
    match change {
        ObjectionChange::Release { delivery, word } => ObjectionWork::Release { delivery, word },
        ObjectionChange::Close { which, by } => {
            let which = match which {
                Which::Delivery(id) => Closing::Delivery(id),
                Which::Block(id) => Closing::Block(id),
                Which::About { aemter, keys, before } => Closing::About(aemter, all(&keys), micros(before)),
                Which::Office { aemter, from, before } => {
                    Closing::Office(aemter, micros(from), micros(before))
                }
            };
            ObjectionWork::Close { which, by }
        }
        ObjectionChange::Open(opening) => {
            let Opening { amt, content, delivery, why, message, made, since, under, about, ends } = *opening;
            let class: &[u8] = match why {
                Why::Unreadable => b"unreadable",
                Why::Foreign => b"foreign",
                _ => b"readable",
            };
            let under: Vec<Tag> = all(&under);
            // Of what blocks an office everybody decides on one bucket; else only who asked under its keys.
            let mut moves = under.clone();
            moves.extend(matches!(why, Why::Unreadable).then(|| search(&objections_key(&amt))));
            ObjectionWork::Open(OpenWork {
                id: keyring.once.tag_of(&[b"objection", amt.as_bytes(), class, &content]),
                ende: ends.map(|day| endet::of_day(keyring, day)),
                amt,
                delivery,
                why,
                message,
                made: micros(made),
                since: micros(since),
                under,
                about: all(&about),
                moves,
            })
        }
    }
}

/// The content of a committed answer that goes once more: a document alone, which delivers no Vorgang.
pub fn answer(answer: &Outgoing) -> Stored<Fresh> {
    let head = SendHead::answer(answer);
    Fresh::seal(Owner::new("outbox", answer.id), Some(&to_json(&head)?), Some(&answer.body), None)
}

/// HMAC of a transport id, under which lists find it.
pub fn transport(keyring: &Keys, id: &str) -> Tag {
    keyring.once.tag_of(&[b"transport-id", id.as_bytes()])
}

/// HMAC of a key of idempotency.
pub fn once(keyring: &Keys, key: &OnceKey) -> Tag {
    let mut parts: Vec<&[u8]> = vec![b"key", key.class.as_bytes()];
    parts.extend(key.parts.iter().map(String::as_bytes));
    keyring.once.tag_of(&parts)
}

/// What a claim's key is bound to.
pub fn claim_place(name: &str) -> Place {
    Place::new("claim", name.as_bytes(), "key")
}

/// The keys of the claims of parts; what a step made has none, and lies sealed with its row.
fn open_claims<'p>(
    mandant: &MandantKey,
    parts: impl IntoIterator<Item = &'p Part>,
) -> Stored<Vec<(String, Key)>> {
    parts
        .into_iter()
        .filter(|part| part.enclosed().is_none())
        .map(|part| {
            let foreign = || StoreError::Entry("a part's claim was not made for this Mandant".into());
            let wrapped = STANDARD.decode(&part.claim.key).map_err(|_| foreign())?;
            let key = mandant.key.unwrap(&claim_place(&part.claim.name), &wrapped).map_err(|_| foreign())?;
            Ok((part.claim.name.clone(), key))
        })
        .collect()
}
