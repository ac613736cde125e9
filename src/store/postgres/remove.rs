//! Deletion: a record goes with its keys, and the child's key is destroyed, which reaches every copy and every backup.
//! Never stops what still has to leave: that is wrapped anew by its Mandant's key first.

use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::Old;
use crate::store::postgres::{blob, ledger};
use crate::store::sealing::content::Owner;
use crate::store::sealing::ledger::Deleted;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, sealing};

/// Removes a record with everything sealed under its child's key. The ledger learns of it.
pub async fn record(base: &Base, tx: &Tx<'_>, old: &Old) -> Stored<()> {
    let ids = row(tx, old).await?;
    keep_unsent(base, tx, old.subject).await?;
    sealed_under(tx, old.subject).await?;
    run(tx, sql!("key_to_destroy_add"), &[&vec![old.subject]]).await?;
    let of = |id| Deleted::Record { id, subject: old.subject, keys: old.keys.clone() };
    ledger::note(tx, &ids.into_iter().map(of).collect::<Vec<_>>()).await
}

/// Removes the row of a record; returns its id.
pub async fn row(tx: &Tx<'_>, old: &Old) -> Stored<Vec<Uuid>> {
    let nr = vec![old.nr];
    run(tx, sql!("mirror_key_delete"), &[&nr]).await?;
    let ids = rows(tx, sql!("mirror_delete"), &[&nr]).await?;
    run(tx, sql!("sealed_delete"), &[&nr]).await?;
    ids.iter().map(|r| get(r, 0)).collect()
}

/// Destroys everything that is sealed under a child's or Vorgang's key.
pub async fn sealed_under(tx: &Tx<'_>, subject: i64) -> Stored<()> {
    run(tx, sql!("audit_salt_destroy"), &[&subject]).await?;
    run(tx, sql!("claim_use_destroy"), &[&subject]).await?;
    // What is followed before contents, as where a look is settled.
    run(tx, sql!("follow_forget_subject"), &[&subject]).await?;
    run(tx, sql!("sealed_destroy"), &[&subject]).await.map(drop)
}

/// Says why the rest of this transaction deletes: a class for the ledger, such as `mitteilung`.
pub async fn because(tx: &Tx<'_>, class: &str) -> Stored<()> {
    rows(tx, sql!("deletion_why"), &[&class]).await.map(drop)
}

/// Clears the contents of all messages that spoke of a child, whatever became of them, and of what they sent: at once where it
/// has arrived, else when it arrives.
///
/// Of the message `own`, which is being committed, only what came is cleared: its answer is still owed.
pub async fn messages(tx: &Tx<'_>, keys: &[&[u8]], own: Uuid) -> Stored<()> {
    clear_messages(tx, keys, own).await?;
    let keys = keys.iter().map(|key| tag(key)).collect::<Stored<Vec<_>>>()?;
    ledger::note(tx, &[Deleted::Messages { keys }]).await
}

/// The same without telling the ledger, which knows it already.
pub async fn clear_messages(tx: &Tx<'_>, keys: &[&[u8]], own: Uuid) -> Stored<()> {
    let (mut of_own, mut all, mut others, mut causes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for r in rows(tx, sql!("inbox_subject_list"), &[&keys]).await? {
        let (nr, id): (i64, Uuid) = (get(&r, 0)?, get(&r, 1)?);
        all.push(nr);
        match id == own {
            true => of_own.push(nr),
            false => {
                others.push(nr);
                causes.push(id);
            }
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    run(tx, sql!("claim_use_delete"), &[&all]).await?;
    run(tx, sql!("inbox_forget"), &[&all]).await?;
    run(tx, sql!("sealed_clear_original"), &[&of_own]).await?;
    run(tx, sql!("sealed_clear"), &[&others]).await?;
    // Marked first: what is settled meanwhile is then seen as sent by the next statement.
    run(tx, sql!("outbox_doom_cause"), &[&causes]).await?;
    run(tx, sql!("follow_forget_cause"), &[&causes]).await?;
    run(tx, sql!("sealed_clear_sent"), &[&causes]).await?;
    run(tx, sql!("waiting_delete"), &[&others]).await?;
    run(tx, sql!("inbox_subject_delete"), &[&keys]).await.map(drop)
}

/// Wraps what a child or Vorgang still has to send by its Mandant's key, so that it outlives its own.
pub async fn keep_unsent(base: &Base, tx: &Tx<'_>, subject: i64) -> Stored<()> {
    let unsent = rows(tx, sql!("sealed_unsent_of_subject"), &[&subject]).await?;
    let Some(key) = base.keyring.subjects(tx, &[subject]).await?.remove(&subject) else { return Ok(()) };
    let mut doomed: Vec<i64> = Vec::new();
    for r in unsent {
        let (nr, closed, id): (i64, _, Uuid) = (get(&r, 0)?, blob::closed(&r, 1)?, get(&r, 7)?);
        let lost = || StoreError::Corrupt("the key of a Mandant is missing".into());
        let mandant = closed.mandant;
        let mandant = base.keyring.by_rows(tx, [mandant]).await?.remove(&mandant).ok_or_else(lost)?;
        let Some(opened) = closed.open_with(Owner::new("outbox", id), Some(&key.key))? else { continue };
        for claim in rows(tx, sql!("claim_use_of"), &[&nr]).await? {
            let (name, wrapped): (String, Vec<u8>) = (get(&claim, 0)?, get(&claim, 1)?);
            let place = claim_place(&name);
            let inner = key.key.unwrap(&place, &wrapped).map_err(sealing)?;
            let wrapped = mandant.key.wrap(&place, &inner).map_err(sealing)?;
            run(tx, sql!("claim_use_rewrap"), &[&name, &nr, &wrapped]).await?;
        }
        let data_key = opened.wrap(&mandant, None)?;
        run(tx, sql!("sealed_rewrap"), &[&nr, &mandant.row, &None::<i64>, &data_key]).await?;
        doomed.push(nr);
    }
    if doomed.is_empty() {
        return Ok(());
    }
    run(tx, sql!("outbox_doom"), &[&doomed]).await.map(drop)
}

/// Destroys the keys that committed removals listed, and writes in the ledger what went; outside any transaction.
pub async fn destroy_listed(base: &Base) -> Stored<()> {
    ledger::write_listed(base).await
}
