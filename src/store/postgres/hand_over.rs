//! Rows of the outbox go over to another addressee, with their order: never written anew, and never one without content.

use serde_json::json;
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::lanes::{self, Wish};
use crate::store::postgres::outbox::{OutRow, content, out_rows};
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::winner::Winner;
use crate::store::sealing::prepare::{HandOverWork, Work};
use crate::store::sealing::values::{Stored, micros};
use crate::store::states::RowState;

/// Hands over what these entries say, one after the other: there is next to never more than one.
pub async fn all(base: &Base, tx: &Tx<'_>, winners: &[Winner<'_>], month: i64) -> Stored<()> {
    for winner in winners {
        for over in &winner.work.hand_overs {
            one(base, tx, (winner.work, over), month).await?;
        }
    }
    Ok(())
}

async fn one(base: &Base, tx: &Tx<'_>, (work, over): (&Work, &HandOverWork), month: i64) -> Stored<()> {
    let now = micros(work.now);
    let names: Vec<&[u8]> = over.lanes.iter().map(|name| &name[..]).collect();
    let (mut ids, mut left): (Vec<Uuid>, Vec<i64>) = (Vec::new(), Vec::new());
    for r in rows(tx, sql!("outbox_to_hand_over"), &[&over.cause, &over.from, &names, &over.rows]).await? {
        ids.push(get(&r, 0)?);
        left.push(get(&r, 1)?);
    }
    // Lanes before rows, as everywhere.
    lanes::lock(tx, &left).await?;
    let mut found: Vec<(Uuid, OutRow)> = Vec::new();
    for (id, row) in out_rows(tx, &ids).await? {
        if row.state == RowState::Sent && over.rows.contains(&id) {
            run(tx, sql!("follow_forget"), &[&vec![row.nr]]).await?;
            continue;
        }
        if let Some(opened) = content(base, tx, (id, row.nr)).await?
            && opened.body()?.is_some()
        {
            found.push((id, row));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let mut numbers = Numbers::draw(tx, month, 1).await?;
    let wish = Wish { name: Some(&over.lane), destination: &over.destination, free: None, now, lease: None };
    let placed = lanes::lanes_for(base, tx, &mut numbers, &[wish]).await?;
    let lost = || StoreError::Later("a lane could not be made".into());
    let lane = *placed.lanes.first().ok_or_else(lost)?;
    let nr: Vec<i64> = found.iter().map(|(_, row)| row.nr).collect();
    // What its far end said of what had left was of the addressee before.
    run(tx, sql!("follow_forget"), &[&nr]).await?;
    let values: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
        &[&nr, &lane, &over.destination, &over.partner, &now, &over.deadline];
    run(tx, sql!("outbox_hand_over"), values).await?;
    let mut trail = Trail::default();
    let detail = json!({ "to": over.destination });
    for (id, row) in &found {
        trail.push(work.now, (row.stamp, &row.traceparent), Some(*id), "outbox.handed-over", &detail)?;
    }
    left.push(lane);
    let arms: Vec<lanes::Arm> = left.into_iter().map(|lane| (lane, now, true)).collect();
    lanes::arm(tx, &arms).await?;
    trail.write(tx, month).await
}
