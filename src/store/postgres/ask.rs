//! The ways to ask on one connection. Never waits without end for an answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::error::StoreError;
use crate::store::postgres::values::trouble;
use crate::store::sealing::values::Stored;

/// A transaction.
pub type Tx<'a> = deadpool_postgres::Transaction<'a>;
/// Values of a statement.
pub type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How long the server may take to answer: longer than a statement may run there, so who waits longer waits for nobody.
const ANSWER: Duration = Duration::from_secs(70);
/// How many connections are asked for a sign of life after one was mute: each of a pool several times over.
const SUSPECTS: u32 = 100;

/// So many connections are still asked for a sign of life before they are used.
pub(super) static SUSPECTED: AtomicU32 = AtomicU32::new(0);

/// An answer of the server, or a plain failure when none comes on a connection that stands: a server that hangs, or something
/// in between that has forgotten the connection.
pub async fn in_time<T>(asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Stored<T> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answered) => answered.map_err(trouble),
        Err(_) => {
            SUSPECTED.store(SUSPECTS, Ordering::Relaxed);
            Err(StoreError::Later("PostgreSQL does not answer on a connection that stands".into()))
        }
    }
}

/// Rows of a statement.
pub async fn rows(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<Vec<Row>> {
    let statement = in_time(on.prepare_cached(sql)).await?;
    in_time(on.query(&statement, values)).await
}

/// The row of a statement that has one at most.
pub async fn one(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<Option<Row>> {
    let statement = in_time(on.prepare_cached(sql)).await?;
    in_time(on.query_opt(&statement, values)).await
}

/// Runs a statement; returns how many rows it changed.
pub async fn run(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<u64> {
    let statement = in_time(on.prepare_cached(sql)).await?;
    in_time(on.execute(&statement, values)).await
}
