//! A dump of what must be equal after any crash: decrypted contents, states and counts without generated ids, times and nonces.
//! Never answers outside stages test and demo.

use async_trait::async_trait;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use crate::store::error::StoreError;
use crate::store::plays::Plays;
use crate::store::postgres::ask::{Tx, rows};
use crate::store::postgres::base::Base;
use crate::store::postgres::blob;
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::shown;
use crate::store::sealing::values::Stored;

#[async_trait]
impl Plays for PostgresStore {
    async fn essence(&self) -> Result<Vec<String>, StoreError> {
        shown::may_dump(self.base.stage)?;
        essence(&self.base).await
    }
}

/// Sorted lines.
async fn essence(base: &Base) -> Stored<Vec<String>> {
    let mut client = base.db.get().await?;
    let tx = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(trouble)?;
    let mut lines = Vec::new();
    for (_, opened) in contents(base, &tx, sql!("essence_mirror"), "mirror", 0).await? {
        lines.push(shown::essence_mirror(opened)?);
    }
    for (columns, opened) in contents(base, &tx, sql!("essence_inbox"), "inbox", 6).await? {
        lines.push(shown::essence_inbox(&columns, opened)?);
    }
    for (columns, opened) in contents(base, &tx, sql!("essence_outbox"), "outbox", 3).await? {
        lines.push(shown::essence_outbox(&columns, opened)?);
    }
    for sql in [sql!("essence_vorgang"), sql!("essence_counts")] {
        for r in rows(&tx, sql, &[]).await? {
            lines.push(format!("{} {}", get::<&str>(&r, 0)?, get::<i64>(&r, 1)?));
        }
    }
    lines.sort();
    Ok(lines)
}

/// Rows of (id, number and columns of the content, so many columns of text).
async fn contents(
    base: &Base,
    tx: &Tx<'_>,
    sql: &str,
    table: &'static str,
    columns: usize,
) -> Stored<Vec<(Vec<String>, Option<Opened>)>> {
    let found = rows(tx, sql, &[]).await?;
    let text = |r: &Row, n: usize| -> Stored<String> {
        Ok(get::<Option<String>>(r, 8 + n)?.unwrap_or_else(|| "-".into()))
    };
    let (mut texts, mut closed) = (Vec::new(), Vec::new());
    for r in &found {
        texts.push((0..columns).map(|n| text(r, n)).collect::<Stored<Vec<_>>>()?);
        closed.push((Owner::new(table, get::<Uuid>(r, 0)?), blob::closed(r, 2)?));
    }
    let opened = base.keyring.open_all(tx, closed).await?;
    texts.into_iter().zip(opened).map(|(texts, opened)| Ok((texts, opened?))).collect()
}
