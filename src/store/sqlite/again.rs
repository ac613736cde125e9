//! The committed answer to a message once more, for a sender that repeats it. Never makes an answer and never counts a message.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::effects::Outgoing;
use crate::store::contract::StoreError;
use crate::store::sealing::content::{Fresh, Opened, Owner, to_json};
use crate::store::sealing::prepare::SendHead;
use crate::store::sealing::values::{Stored, micros};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::lanes;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::writer::Scene;

/// Queues an answer; `false` when it is on its way, waits for a person, or was deleted with its message.
pub fn answer(scene: &mut Scene<'_>, first: Uuid, answer: &Outgoing, now: Timestamp) -> Stored<bool> {
    match lanes::out_row(scene, answer.id)? {
        Some(row) if row.state == "sent" => {
            let owner = Owner::new("outbox", answer.id);
            match Opened::read(scene.connection, scene.keyring, row.sealed, owner) {
                Ok(Some(_)) => {}
                Ok(None) | Err(StoreError::Corrupt(_)) => return Ok(false),
                Err(other) => return Err(other),
            }
            let (lane, _) = lanes::lane_for(scene, None, &answer.destination, Some(micros(now)), || None)?;
            let deadline = answer.deadline.map(micros);
            scene.run(sql!("outbox_again"), params![row.row, lane, micros(now), deadline])?;
            lanes::change(scene, &row, answer.id, now, "outbox.again", &json!({}))?;
            Ok(true)
        }
        Some(_) => Ok(false),
        None => added(scene, first, answer, now),
    }
}

/// The first answer of this kind: the message came on another way before.
fn added(scene: &mut Scene<'_>, first: Uuid, answer: &Outgoing, now: Timestamp) -> Stored<bool> {
    let found: Option<(i64, String, i64, Option<i64>)> = {
        let mut get = scene.connection.prepare_cached(sql!("inbox_answered")).map_err(trouble)?;
        get.query_row([first], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .optional()
            .map_err(trouble)?
    };
    let Some((stamp, traceparent, mandant, subject)) = found else { return Ok(false) };
    let mandant = scene.keyring.by_row(scene.connection, mandant)?;
    // The answer dies with the key that the message dies with.
    let subject = match subject {
        Some(row) => match scene.keyring.subject(scene.connection, row)? {
            Some(key) => Some(key),
            None => return Ok(false),
        },
        None => None,
    };
    let head = to_json(&SendHead {
        content_type: answer.content_type.clone(),
        correlation: answer.correlation.clone(),
        parts: Vec::new(),
    })?;
    let content = Fresh::seal(Owner::new("outbox", answer.id), Some(&head), Some(&answer.body), None)?;
    let sealed = content.insert(scene.connection, &mandant, subject.as_ref())?;
    let (lane, _) = lanes::lane_for(scene, None, &answer.destination, Some(micros(now)), || None)?;
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
    let (what, detail) = ("outbox.again", json!({ "answer": answer.id }));
    let change =
        Change { at: now, stamp, traceparent: &traceparent, subject: Some(first), what, detail: &detail };
    audit::write(scene, &change)?;
    Ok(true)
}
