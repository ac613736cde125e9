//! Deletion: a record goes with its keys, and the child's key is destroyed, which reaches every copy and every backup.
//! Never stops what still has to leave: that is wrapped anew by its Mandant's key first.

use uuid::Uuid;

use crate::store::contract::StoreError;
use crate::store::postgres::base::Base;
use crate::store::postgres::blob;
use crate::store::postgres::commit::Old;
use crate::store::postgres::pool::{Tx, rows, run};
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::content::Owner;
use crate::store::sealing::prepare::claim_place;
use crate::store::sealing::values::{Stored, sealing};

/// Removes a record with everything sealed under its child's key.
pub async fn record(base: &Base, tx: &Tx<'_>, old: &Old) -> Stored<()> {
    let (nr, child) = (vec![old.nr], vec![old.subject]);
    run(tx, sql!("mirror_key_delete"), &[&nr]).await?;
    run(tx, sql!("mirror_delete"), &[&nr]).await?;
    run(tx, sql!("sealed_delete"), &[&nr]).await?;
    keep_unsent(base, tx, old.subject).await?;
    run(tx, sql!("audit_salt_destroy"), &[&old.subject]).await?;
    run(tx, sql!("claim_use_destroy"), &[&old.subject]).await?;
    run(tx, sql!("sealed_destroy"), &[&old.subject]).await?;
    run(tx, sql!("key_to_destroy_add"), &[&child]).await?;
    Ok(())
}

async fn keep_unsent(base: &Base, tx: &Tx<'_>, subject: i64) -> Stored<()> {
    let unsent = rows(tx, sql!("sealed_unsent_of_subject"), &[&subject]).await?;
    let Some(key) = base.keyring.subjects(tx, &[subject]).await?.remove(&subject) else { return Ok(()) };
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
    }
    Ok(())
}

/// Destroys the keys that committed removals listed; outside any transaction, and repeated where it was broken off.
pub async fn destroy_listed(base: &Base) -> Stored<()> {
    let client = base.db.get().await?;
    let listed = rows(&client, sql!("key_to_destroy_list"), &[]).await?;
    let listed: Vec<i64> = listed.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    if listed.is_empty() {
        return Ok(());
    }
    base.keyring.destroy(&listed).await?;
    run(&client, sql!("key_to_destroy_done"), &[&listed]).await.map(drop)
}
