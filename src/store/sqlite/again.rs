//! The committed answer to a message once more, for a sender that repeats it. Never makes an answer and never counts a message.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::effects::Outgoing;
use crate::store::error::StoreError;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::prepare;
use crate::store::sealing::values::{Stored, micros};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::outbox::{self, OutRow};
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::stamp::Stamp;
use crate::store::states::RowState;

/// What a row hangs on that is added: the message, or, where that is gone, the repeat.
struct Hung {
    stamp: i64,
    traceparent: String,
    mandant: i64,
    subject: Option<SubjectKey>,
    gone: bool,
}

/// Queues an answer; `false` when it is on its way or waits for a person.
pub fn answer(
    scene: &mut Scene<'_>,
    first: Uuid,
    answer: &Outgoing,
    repeat: (&Stamp, &MandantKey),
    now: Timestamp,
) -> Stored<bool> {
    match outbox::out_row(scene, answer.id)? {
        Some(row) if row.state == RowState::Sent => again(scene, row, answer, repeat, now).map(|()| true),
        Some(_) => Ok(false),
        None => added(scene, first, answer, repeat, now).map(|()| true),
    }
}

/// A row that was sent goes once more; what was destroyed of it is written anew.
fn again(
    scene: &mut Scene<'_>,
    row: OutRow,
    answer: &Outgoing,
    (_, mandant): (&Stamp, &MandantKey),
    now: Timestamp,
) -> Stored<()> {
    let owner = Owner::new("outbox", answer.id);
    match Opened::read(scene.connection, scene.keyring, row.sealed, owner) {
        Ok(Some(_)) => {}
        Ok(None) | Err(StoreError::Corrupt(_)) => {
            prepare::answer(answer)?.replace(scene.connection, row.sealed, mandant, None)?;
            scene.run(sql!("outbox_doom"), [answer.id])?;
        }
        Err(other) => return Err(other),
    }
    // What was followed is on its way again: what its far end says of it from now on is of the next time.
    scene.run(sql!("follow_forget"), [row.row])?;
    let (lane, _) = outbox::lane_for(scene, None, &answer.destination, Some(micros(now)), || None)?;
    let deadline = answer.deadline.map(micros);
    scene.run(sql!("outbox_again"), params![row.row, lane, micros(now), deadline])?;
    outbox::change(scene, &row, answer.id, now, "outbox.again", &json!({}))
}

fn hung(scene: &mut Scene<'_>, first: Uuid, (repeat, mandant): (&Stamp, &MandantKey)) -> Stored<Hung> {
    let found: Option<(i64, String, i64, Option<i64>)> = {
        let mut get = scene.connection.prepare_cached(sql!("inbox_answered")).map_err(trouble)?;
        get.query_row([first], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .optional()
            .map_err(trouble)?
    };
    if let Some((stamp, traceparent, mandant, subject)) = found {
        // The answer dies with the key that the message dies with.
        let known = subject.map(|row| scene.keyring.subject(scene.connection, row)).transpose()?.flatten();
        if subject.is_none() || known.is_some() {
            return Ok(Hung { stamp, traceparent, mandant, subject: known, gone: false });
        }
    }
    let (stamp, traceparent) = (scene.stamp(repeat)?, repeat.traceparent.clone());
    Ok(Hung { stamp, traceparent, mandant: mandant.row, subject: None, gone: true })
}

/// The first answer of this kind: the message came on another way, or under another id, before.
fn added(
    scene: &mut Scene<'_>,
    first: Uuid,
    answer: &Outgoing,
    repeat: (&Stamp, &MandantKey),
    now: Timestamp,
) -> Stored<()> {
    let Hung { stamp, traceparent, mandant, subject, gone } = hung(scene, first, repeat)?;
    let mandant = scene.keyring.by_row(scene.connection, mandant)?;
    let sealed = prepare::answer(answer)?.insert(scene.connection, &mandant, subject.as_ref())?;
    let (lane, _) = outbox::lane_for(scene, None, &answer.destination, Some(micros(now)), || None)?;
    scene.run(
        sql!("outbox_add"),
        params![
            answer.id,
            lane,
            stamp,
            traceparent,
            first,
            answer.destination,
            answer.partner,
            answer.message,
            micros(now),
            answer.deadline.map(micros),
            None::<Uuid>,
            sealed,
            None::<i64>
        ],
    )?;
    if gone {
        scene.run(sql!("outbox_doom"), [answer.id])?;
    }
    let (what, detail) = ("outbox.again", json!({ "answer": answer.id }));
    let change =
        Change { at: now, stamp, traceparent: &traceparent, subject: Some(first), what, detail: &detail };
    audit::write(scene, &change)
}
