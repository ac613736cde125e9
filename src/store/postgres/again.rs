//! The committed answer to a message once more, for a sender that repeats it. Never makes an answer and never counts a message.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::effects::Outgoing;
use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, one, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::blob::{self, Columns};
use crate::store::postgres::lanes::{self, Wish};
use crate::store::postgres::outbox::out_rows;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::content::{Fresh, Owner};
use crate::store::sealing::keys::{MandantKey, SubjectKey};
use crate::store::sealing::prepare;
use crate::store::sealing::values::{Stored, micros};
use crate::store::stamp::Stamp;
use crate::store::states::RowState;

/// The attributes of the repeat, for a row whose message is gone.
struct Repeat {
    stamp: i64,
    traceparent: String,
    mandant: Arc<MandantKey>,
}

/// What a row hangs on that is added: the message, or, where that is gone, the repeat.
struct Hung {
    stamp: i64,
    traceparent: String,
    mandant: Arc<MandantKey>,
    subject: Option<SubjectKey>,
    gone: bool,
}

/// Queues an answer; `false` when it is on its way or waits for a person.
pub async fn answer(
    base: &Base,
    first: Uuid,
    answer: &Outgoing,
    repeat: &Stamp,
    now: Timestamp,
) -> Stored<bool> {
    let month = base.month(now).await?;
    let mandant = base.keyring.mandant(&base.db, &repeat.mandant).await?;
    let stamp = base.stamp(&Stamp { key_id: mandant.id.clone(), ..repeat.clone() }).await?;
    let repeat = Repeat { stamp, traceparent: repeat.traceparent.clone(), mandant };
    let content = prepare::answer(answer)?;
    transact!(base.db, tx => queue(base, &tx, (first, answer, &content), &repeat, (now, month)).await)
}

async fn queue(
    base: &Base,
    tx: &Tx<'_>,
    (first, answer, content): (Uuid, &Outgoing, &Fresh),
    repeat: &Repeat,
    (now, month): (Timestamp, i64),
) -> Stored<bool> {
    let mut trail = Trail::default();
    let mut numbers = Numbers::draw(tx, month, 2).await?;
    let wish = Wish {
        name: None,
        destination: &answer.destination,
        free: Some(micros(now)),
        now: micros(now),
        lease: None,
    };
    let deadline = answer.deadline.map(micros);
    match out_rows(tx, &[answer.id]).await?.remove(&answer.id) {
        Some(row) if row.state == RowState::Sent => {
            let owner = Owner::new("outbox", answer.id);
            let closed = blob::read_one(tx, row.nr).await?;
            match base.keyring.open_one(tx, owner, closed).await {
                Ok(Some(_)) => {}
                // What was destroyed of it is written anew.
                Ok(None) | Err(StoreError::Corrupt(_)) => {
                    let mut over = Columns::default();
                    over.push(row.nr, content, &repeat.mandant, None)?;
                    over.replace(tx).await?;
                    run(tx, sql!("outbox_doom"), &[&vec![row.nr]]).await?;
                }
                Err(other) => return Err(other),
            }
            // What was followed is on its way again: what its far end says of it from now on is of the next time.
            run(tx, sql!("follow_forget"), &[&vec![row.nr]]).await?;
            let lane = lanes::lanes_for(base, tx, &mut numbers, &[wish]).await?.lanes;
            run(tx, sql!("outbox_again"), &[&row.nr, &lane[0], &micros(now), &deadline]).await?;
            trail.push(now, (row.stamp, &row.traceparent), Some(answer.id), "outbox.again", &json!({}))?;
        }
        Some(_) => return Ok(false),
        // The first answer of this kind: the message came on another way, or under another id, before.
        None => {
            let Hung { stamp, traceparent, mandant, subject, gone } = hung(base, tx, first, repeat).await?;
            let nr = numbers.passing()?;
            let mut columns = Columns::default();
            columns.push(nr, content, &mandant, subject.as_ref())?;
            columns.add(tx).await?;
            let lane = lanes::lanes_for(base, tx, &mut numbers, &[wish]).await?.lanes;
            let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
                &vec![nr],
                &vec![answer.id],
                &lane,
                &vec![stamp],
                &vec![traceparent.as_str()],
                &vec![first],
                &vec![answer.destination.as_str()],
                &vec![answer.partner.as_str()],
                &vec![answer.message.as_str()],
                &vec![micros(now)],
                &vec![deadline],
                &vec![None::<Uuid>],
                &vec![None::<i64>],
            ];
            run(tx, sql!("outbox_add"), values).await?;
            if gone {
                run(tx, sql!("outbox_doom"), &[&vec![nr]]).await?;
            }
            let detail = json!({ "answer": answer.id });
            trail.push(now, (stamp, &traceparent), Some(first), "outbox.again", &detail)?;
        }
    }
    trail.write(tx, month).await?;
    Ok(true)
}

async fn hung(base: &Base, tx: &Tx<'_>, first: Uuid, repeat: &Repeat) -> Stored<Hung> {
    if let Some(r) = one(tx, sql!("inbox_answered"), &[&first]).await? {
        let (stamp, traceparent): (i64, String) = (get(&r, 0)?, get(&r, 1)?);
        let (mandant, subject): (i64, Option<i64>) = (get(&r, 2)?, get(&r, 3)?);
        // The answer dies with the key that the message dies with.
        let known = match subject {
            Some(nr) => base.keyring.subjects(tx, &[nr]).await?.remove(&nr),
            None => None,
        };
        if subject.is_none() || known.is_some() {
            let lost = || StoreError::Corrupt("the key of a Mandant is missing".into());
            let mandant = base.keyring.by_rows(tx, [mandant]).await?.remove(&mandant).ok_or_else(lost)?;
            return Ok(Hung { stamp, traceparent, mandant, subject: known, gone: false });
        }
    }
    let Repeat { stamp, traceparent, mandant } = repeat;
    let (traceparent, mandant) = (traceparent.clone(), mandant.clone());
    Ok(Hung { stamp: *stamp, traceparent, mandant, subject: None, gone: true })
}
