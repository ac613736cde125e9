//! Writes prepared entries: idempotency first, then guards, then everything the message causes.
//! Never writes half an entry: all checks stand before the first change, and the caller holds a savepoint.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use crate::envelope::Inbound;
use crate::seal::index::Tag;
use crate::seal::key::Key;
use crate::store::decide::{self, Known, ORPHAN, Own};
use crate::store::entry::Committed;
use crate::store::error::StoreError;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::keys::SubjectKey;
use crate::store::sealing::ledger::Deleted;
use crate::store::sealing::prepare::{MirrorWork, SendWork, Work, claim_place};
use crate::store::sealing::shown::{First, lost_record};
use crate::store::sealing::taking::Taking;
use crate::store::sealing::values::{Stored, count, micros, sealing};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::claims::Pending;
use crate::store::sqlite::deliveries::Deltas;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{
    deliveries, hand_over, ledger, objections, outbox, register, remove, spoken_against, take_back,
};

/// What became of an entry; the verdict of a repeat is opened outside the transaction.
#[derive(Debug)]
pub enum Written {
    /// As the contract says, nothing to open.
    Done(Committed),
    /// A repeat of this message.
    Again(First),
}

struct Row {
    row: i64,
    content: Vec<u8>,
    sealed: i64,
    may_resume: bool,
    first: First,
}

/// Writes one entry; says, too, whether a message that waited can run now.
pub fn entry(
    scene: &mut Scene<'_>,
    pending: &Pending,
    work: &Work,
    mut taking: Option<&mut Taking<'_>>,
) -> Stored<(Written, bool)> {
    let row = find(scene, work.id)?;
    if let Some(already) = already(scene, work, row.as_ref())? {
        if let (Written::Again(_), Some(timer)) = (&already, work.timer) {
            // Its document was taken in another way: it must not become due again and again.
            drop_timer(scene, timer)?;
        }
        return Ok((already, false));
    }
    for (key, seen) in &work.guards {
        if !scene.stands(key, count(*seen))? {
            return Ok((Written::Done(Committed::Stale), false));
        }
    }
    if !take_back::stand(scene, work)? {
        return Ok((Written::Done(Committed::Stale), false));
    }
    let stamp = scene.stamp(&work.stamp)?;
    let mut bumps: BTreeSet<Tag> = work.held().copied().collect();
    let (subject, vorgang_keys) = subjects(scene, work)?;
    let inbox = match row {
        Some(row) => resumed(scene, work, &row, stamp, subject.as_ref())?,
        None => inserted(scene, pending, work, stamp, subject.as_ref())?,
    };
    for key in &work.keys {
        scene.run(
            sql!("idempotency_add"),
            params![
                key,
                work.content,
                work.id,
                work.conflict,
                work.state.as_str(),
                work.codes_of_keys(),
                micros(work.now)
            ],
        )?;
    }
    scene.run(sql!("waiting_delete"), [inbox])?;
    if let Some((key, until)) = &work.waits {
        scene.run(sql!("waiting_put"), params![inbox, key, until, until, None::<String>])?;
    }
    if work.at_once {
        outbox::at_once(scene, inbox)?;
    }
    if let Some(timer) = work.timer {
        drop_timer(scene, timer)?;
    }
    // What the child's own key seals needs no other trace to it.
    if subject.is_none() || puts(work).is_empty() {
        remember_subjects(scene, work, inbox)?;
    }
    for key in &work.clears {
        remove::messages(scene, key, work.id)?;
    }
    let (mut deltas, mut left) = (Deltas::new(), BTreeSet::new());
    for change in &work.mirror {
        mirror(scene, work, stamp, subject.as_ref(), change, (&mut bumps, &mut left, &mut deltas))?;
    }
    for (change, subject) in work.vorgaenge.iter().zip(vorgang_keys) {
        bumps.insert(change.0);
        register::put_vorgang(scene, work, stamp, change, &subject)?;
    }
    for (key, content) in &work.bestaende {
        bumps.insert(*key);
        register::put_bestand(scene, work, stamp, key, content)?;
    }
    // After the Vorgänge that it leads to.
    deliveries::note(scene, work, deltas)?;
    bumps.extend(work.moved_by_objections());
    objections::change(scene, work, stamp)?;
    scene.bump(&bumps)?;
    for timer in &work.timers {
        let sealed = timer.content.insert(scene.connection, &work.mandant, None)?;
        let values = params![timer.id, timer.due, timer.name, stamp, work.stamp.traceparent, sealed];
        scene.run(sql!("timer_add"), values)?;
    }
    for send in &work.sends {
        queue(scene, pending, (work, stamp), subject.as_ref(), send, taking.as_deref_mut())?;
    }
    hand_over::all(scene, work)?;
    let mut woken = take_back::all(scene, work)? | spoken_against::all(scene, work, &left)?;
    for key in &work.wakes {
        woken |= scene.run(sql!("waiting_wake"), [key])? > 0;
    }
    for retrieval in &work.retrievals {
        let records: Vec<u8> = retrieval.records.iter().flat_map(|id| id.into_bytes()).collect();
        scene.run(
            sql!("abruf_add"),
            params![
                micros(work.now),
                stamp,
                work.stamp.traceparent,
                work.id,
                retrieval.step,
                records,
                None::<Vec<u8>>
            ],
        )?;
    }
    audit::write(
        scene,
        &Change {
            at: work.now,
            stamp,
            traceparent: &work.stamp.traceparent,
            subject: Some(work.id),
            what: &format!("inbox.{}", work.state.as_str()),
            detail: &work.detail(),
        },
    )?;
    Ok((Written::Done(Committed::New), woken))
}

/// Lays down what came back with a row that was sent. Under a key that stands with other content it lies without one: its run finds
/// the conflict and answers it.
pub fn lay(scene: &mut Scene<'_>, pending: &Pending, work: &mut Work) -> Stored<()> {
    if let (Written::Done(Committed::Conflict(_)), _) = entry(scene, pending, work, None)? {
        work.keys.clear();
        entry(scene, pending, work, None)?;
    }
    Ok(())
}

/// Whether the message was there already, by its id or by a key.
fn already(scene: &mut Scene<'_>, work: &Work, row: Option<&Row>) -> Stored<Option<Written>> {
    let own = row.map(|row| Own { same_content: row.content == work.content, may_resume: row.may_resume });
    match decide::by_id(own, work.resumes) {
        Known::New => {}
        Known::Again => return Ok(Some(again(scene, work, row.map_or(work.id, |row| row.first.id))?)),
        Known::Conflict => return Ok(Some(Written::Done(Committed::Conflict(work.id)))),
        Known::Orphan => return Err(StoreError::Entry(ORPHAN.into())),
    }
    let mut same = None;
    for key in &work.keys {
        let mut get = scene.connection.prepare_cached(sql!("idempotency_get")).map_err(trouble)?;
        let found = get
            .query_row([&key[..]], |r| {
                let first = First::of_key(uuid(r.get(1)?)?, r.get(2)?, r.get(3)?, r.get(4)?);
                Ok((r.get::<_, Vec<u8>>(0)?, first))
            })
            .optional()
            .map_err(trouble)?;
        let Some((content, first)) = found else { continue };
        match decide::by_key(first.id == work.id, content == work.content, first.forgot && !work.forgot) {
            Known::Conflict => return Ok(Some(Written::Done(Committed::Conflict(first.id)))),
            Known::Again => same = same.or(Some(first)),
            Known::New | Known::Orphan => {}
        }
    }
    let Some(first) = same else { return Ok(None) };
    if let Some(row) = row {
        // A message that another delivery has settled meanwhile: it is not run again and again. What waited ends as that one did; what
        // a person replayed stays where it is.
        scene.run(sql!("waiting_delete"), [row.row])?;
        if let Some(state) = decide::ends_as(&row.first.state, &first.state) {
            scene.run(sql!("inbox_state"), params![row.row, state])?;
        }
    }
    scene.run(sql!("repeat_count"), params![work.stamp.mandant, work.stamp.partner])?;
    let id = first.id;
    Ok(Some(match find(scene, id)? {
        Some(row) => Written::Again(row.first),
        None => Written::Again(first),
    }))
}

fn again(scene: &Scene<'_>, work: &Work, id: Uuid) -> Stored<Written> {
    match find(scene, id)? {
        Some(row) => Ok(Written::Again(row.first)),
        None => Ok(Written::Again(First {
            id,
            state: work.state.as_str().into(),
            conflict: false,
            codes: String::new(),
            sealed: None,
            forgot: false,
        })),
    }
}

fn find(scene: &Scene<'_>, id: Uuid) -> Stored<Option<Row>> {
    let mut find = scene.connection.prepare_cached(sql!("inbox_find")).map_err(trouble)?;
    find.query_row([id], |r| {
        let sealed = r.get(6)?;
        Ok(Row {
            row: r.get(0)?,
            content: r.get(5)?,
            sealed,
            may_resume: r.get(7)?,
            first: First {
                id: uuid(r.get(1)?)?,
                state: r.get(2)?,
                conflict: r.get(3)?,
                codes: r.get(4)?,
                sealed: Some(sealed),
                forgot: false,
            },
        })
    })
    .optional()
    .map_err(trouble)
}

/// The key that wraps this message's contents (of exactly one child, else of exactly one Vorgang), and those of its Vorgänge.
fn subjects(scene: &Scene<'_>, work: &Work) -> Stored<(Option<SubjectKey>, Vec<SubjectKey>)> {
    let existing = |sql: &str, key: &[u8], column: usize| -> Stored<Option<SubjectKey>> {
        let mut find = scene.connection.prepare_cached(sql).map_err(trouble)?;
        let row: Option<i64> = find.query_row([key], |r| r.get(column)).optional().map_err(trouble)?;
        row.map(|row| scene.keyring.subject(scene.connection, row)).transpose().map(Option::flatten)
    };
    let mut vorgaenge = Vec::new();
    for (key, ..) in &work.vorgaenge {
        vorgaenge.push(match existing(sql!("vorgang_key"), key, 0)? {
            Some(key) => key,
            None => scene.keyring.new_subject(&work.mandant)?,
        });
    }
    let one = match puts(work).as_slice() {
        [id] => Some(match existing(sql!("mirror_find"), id.as_bytes(), 1)? {
            Some(key) => key,
            None => scene.keyring.new_subject(&work.mandant)?,
        }),
        [] if work.mirror.is_empty() && vorgaenge.len() == 1 => vorgaenge.first().cloned(),
        _ => None,
    };
    Ok((one, vorgaenge))
}

fn inserted(
    scene: &mut Scene<'_>,
    pending: &Pending,
    work: &Work,
    stamp: i64,
    subject: Option<&SubjectKey>,
) -> Stored<i64> {
    let sealed = work.sealed.insert(scene.connection, &work.mandant, subject)?;
    scene.run(
        sql!("inbox_add"),
        params![
            work.id,
            stamp,
            work.stamp.traceparent,
            work.state.as_str(),
            work.conflict,
            micros(work.received),
            micros(work.now),
            work.connection,
            work.binding,
            work.transport,
            work.message,
            work.route,
            work.codes,
            work.size,
            work.content,
            work.kept,
            sealed
        ],
    )?;
    let row = scene.connection.last_insert_rowid();
    use_claims(scene, pending, work, sealed, subject, &work.claims)?;
    Ok(row)
}

/// A message that waited or is replayed: what came stays sealed as it was, what became of it changes.
fn resumed(
    scene: &mut Scene<'_>,
    work: &Work,
    row: &Row,
    stamp: i64,
    subject: Option<&SubjectKey>,
) -> Stored<i64> {
    let owner = Owner::new("inbox", work.id);
    if let Some(opened) = Opened::read(scene.connection, scene.keyring, row.sealed, owner)? {
        let note = opened.seal_note(&work.note)?;
        scene.run(sql!("sealed_note"), params![row.sealed, note])?;
        if let Some(subject) = subject {
            // Now it is known whose it is: what came dies with that key too.
            opened.rewrap(scene.connection, row.sealed, &work.mandant, Some(subject))?;
            for (name, key) in &work.claims {
                let wrapped = subject.key.wrap(&claim_place(name), key).map_err(sealing)?;
                scene.run(sql!("claim_use_rewrap"), params![name, row.sealed, wrapped])?;
            }
        }
    }
    // Where the original may no longer be kept, it goes.
    let kept = work.kept;
    scene.run(
        sql!("inbox_resumed"),
        params![
            row.row,
            stamp,
            work.stamp.traceparent,
            work.state.as_str(),
            work.conflict,
            micros(work.now),
            work.message,
            work.route,
            work.codes,
            kept
        ],
    )?;
    if !kept {
        work.sealed.replace(scene.connection, row.sealed, &work.mandant, None)?;
        scene.run(sql!("claim_use_delete"), [row.sealed])?;
    }
    Ok(row.row)
}

/// The ids of the records that an entry writes.
fn puts<'a>(work: &'a Work) -> Vec<&'a Uuid> {
    let put = |change: &'a MirrorWork| match change {
        MirrorWork::Put { id, .. } => Some(id),
        MirrorWork::Remove { .. } => None,
    };
    work.mirror.iter().filter_map(put).collect()
}

/// Leaves a trace from each child to a message that its key does not seal; of a child that is deleted already nothing is kept.
fn remember_subjects(scene: &mut Scene<'_>, work: &Work, inbox: i64) -> Stored<()> {
    for key in &work.subjects {
        scene.run(sql!("inbox_subject_add"), params![key, inbox])?;
        let mut deleted = scene.connection.prepare_cached(sql!("tombstone_get")).map_err(trouble)?;
        let mut known = scene.connection.prepare_cached(sql!("mirror_by_key")).map_err(trouble)?;
        let gone = deleted.exists([key]).map_err(trouble)? && !known.exists([key]).map_err(trouble)?;
        drop((deleted, known));
        if gone && work.state == Inbound::Rejected {
            remove::messages(scene, key, work.id)?;
        }
    }
    Ok(())
}

fn drop_timer(scene: &Scene<'_>, timer: Uuid) -> Stored<()> {
    let mut find = scene.connection.prepare_cached(sql!("timer_find")).map_err(trouble)?;
    let sealed: Option<i64> = find.query_row([timer], |r| r.get(0)).optional().map_err(trouble)?;
    if let Some(sealed) = sealed {
        scene.run(sql!("timer_delete"), [timer])?;
        scene.run(sql!("sealed_delete"), [sealed])?;
    }
    Ok(())
}

fn mirror(
    scene: &mut Scene<'_>,
    work: &Work,
    stamp: i64,
    subject: Option<&SubjectKey>,
    change: &MirrorWork,
    (bumps, left, deltas): (&mut BTreeSet<Tag>, &mut BTreeSet<Tag>, &mut Deltas),
) -> Stored<()> {
    let (MirrorWork::Put { id, .. } | MirrorWork::Remove { id, .. }) = change;
    if let Some(before) = deliveries::partner_of(scene, *id)? {
        *deltas.entry(before).or_default() -= 1;
    }
    if matches!(change, MirrorWork::Put { .. }) {
        *deltas.entry(work.stamp.partner.clone()).or_default() += 1;
    }
    match change {
        MirrorWork::Remove { id, tombstone, created, until } => {
            bumps.insert(*tombstone);
            let keys = remove::record(scene, *id, bumps)?;
            left.extend(&keys);
            if puts(work).is_empty() {
                for key in keys.iter().chain([tombstone]) {
                    remove::messages(scene, key, work.id)?;
                }
                objections::end(scene, &keys, micros(*created))?;
                objections::end(scene, &[*tombstone], micros(*created))?;
            }
            scene.run(
                sql!("tombstone_put"),
                params![tombstone, stamp, work.stamp.traceparent, micros(*created), micros(*until)],
            )?;
            ledger::note(scene, &Deleted::Tombstone { key: *tombstone, created: *created, until: *until })?;
        }
        MirrorWork::Put { id, record, keys, ende, as_before } => {
            let mut find = scene.connection.prepare_cached(sql!("mirror_find")).map_err(trouble)?;
            let found: Option<(i64, i64, i64)> = find
                .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .optional()
                .map_err(trouble)?;
            let row = match found {
                Some((row, child, sealed)) => {
                    let child = scene.keyring.subject(scene.connection, child)?.ok_or_else(lost_record)?;
                    record.replace(scene.connection, sealed, &work.mandant, Some(&child))?;
                    let values = params![row, stamp, work.stamp.traceparent, work.id, micros(work.now), ende];
                    scene.run(sql!("mirror_change"), values)?;
                    let before = remove::keys_of(scene, row)?;
                    bumps.extend(&before);
                    left.extend(before.iter().filter(|_| !as_before));
                    scene.run(sql!("mirror_key_delete"), [row])?;
                    row
                }
                None => {
                    let child = match subject {
                        Some(child) if puts(work).len() == 1 => child.clone(),
                        _ => scene.keyring.new_subject(&work.mandant)?,
                    };
                    let sealed = record.insert(scene.connection, &work.mandant, Some(&child))?;
                    let values = params![
                        id,
                        stamp,
                        work.stamp.traceparent,
                        work.id,
                        micros(work.now),
                        child.row,
                        sealed,
                        ende
                    ];
                    scene.run(sql!("mirror_add"), values)?;
                    scene.connection.last_insert_rowid()
                }
            };
            for key in keys {
                bumps.insert(*key);
                scene.run(sql!("mirror_key_add"), params![key, row])?;
            }
        }
    }
    Ok(())
}

fn queue(
    scene: &mut Scene<'_>,
    pending: &Pending,
    (work, stamp): (&Work, i64),
    subject: Option<&SubjectKey>,
    send: &SendWork,
    mut taking: Option<&mut Taking<'_>>,
) -> Stored<()> {
    if work.resumes && of_this_message(scene, work, send)? {
        return Ok(());
    }
    if let Some(after) = send.after {
        let mut exists = scene.connection.prepare_cached(sql!("outbox_exists")).map_err(trouble)?;
        if !exists.exists([after]).map_err(trouble)? {
            return Err(StoreError::Entry("a send comes after one that does not exist".into()));
        }
    }
    let now = micros(work.now);
    let free = send.free(now);
    let mut leased = false;
    let (lane, made) = outbox::lane_for(scene, send.lane.as_ref(), &send.destination, free, || {
        let lease = taking.as_mut().and_then(|taking| taking.lease(work, send));
        leased = lease.is_some();
        lease
    })?;
    if let Some(taking) = taking {
        if leased {
            taking.made(lane, send);
        }
        taking.put(lane, work, send);
    }
    let sealed = send.content.insert(scene.connection, &work.mandant, subject)?;
    scene.run(
        sql!("outbox_add"),
        params![
            send.id,
            lane,
            stamp,
            work.stamp.traceparent,
            work.id,
            send.destination,
            send.partner,
            send.message,
            now,
            send.deadline,
            send.after,
            sealed,
            send.not_before
        ],
    )?;
    use_claims(scene, pending, work, sealed, subject, &send.claims)?;
    // A new lane whose only row can leave is armed already.
    if made && free.is_some() { Ok(()) } else { outbox::arm(scene, lane, now, false) }
}

/// Whether the row stands there since the message ran before: its answer was taken back, and this was not of it.
fn of_this_message(scene: &Scene<'_>, work: &Work, send: &SendWork) -> Stored<bool> {
    let mut get = scene.connection.prepare_cached(sql!("outbox_cause")).map_err(trouble)?;
    let cause = get.query_row([send.id], |r| uuid(r.get(0)?)).optional().map_err(trouble)?;
    Ok(cause == Some(work.id))
}

fn use_claims(
    scene: &Scene<'_>,
    pending: &Pending,
    work: &Work,
    sealed: i64,
    subject: Option<&SubjectKey>,
    claims: &[(String, Key)],
) -> Stored<()> {
    for (name, key) in claims {
        let mut any = scene.connection.prepare_cached(sql!("claim_use_any")).map_err(trouble)?;
        if !pending.holds(name) && !any.exists([name]).map_err(trouble)? {
            return Err(StoreError::Entry("a part's claim was collected as garbage; send it again".into()));
        }
        let outer = subject.map_or(&work.mandant.key, |subject| &subject.key);
        let wrapped = outer.wrap(&claim_place(name), key).map_err(sealing)?;
        scene.run(sql!("claim_use_add"), params![name, sealed, wrapped])?;
    }
    Ok(())
}
