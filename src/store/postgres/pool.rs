//! Connections: a pool that makes new ones when the server comes back, and the ways to ask on one.
//! Never waits without end and never keeps a connection that has failed.

use std::time::Duration;

use deadpool_postgres::{
    GenericClient, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::contract::{Scope, StoreError};
use crate::store::postgres::values::{is_race, sql, trouble};
use crate::store::sealing::values::{Stored, narrow};

/// A transaction.
pub type Tx<'a> = deadpool_postgres::Transaction<'a>;
/// Values of a statement.
pub type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pool of connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
}

impl Db {
    /// A pool of at most so many connections; connects when first asked.
    pub fn new(config: tokio_postgres::Config, tls: MakeRustlsConnect, most: usize) -> Stored<Db> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(most)
            // The connection used last comes first: its statements are planned and its buffers, here and at the server, are as
            // large as a batch needs them. In turn, every connection would grow to that size and keep it.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .build()
            .map_err(|_| StoreError::Refused("the pool of connections cannot be made".into()))?;
        Ok(Db { pool })
    }

    /// A connection.
    pub async fn get(&self) -> Stored<Object> {
        use deadpool_postgres::PoolError;
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => match error.code() {
                None => StoreError::Later("PostgreSQL cannot be reached".into()),
                Some(_) => trouble(error),
            },
            PoolError::Timeout(_) => StoreError::Later("no connection to PostgreSQL is free in time".into()),
            _ => StoreError::Later("the pool of connections is closed".into()),
        })
    }

    /// Says that a connection leads to a server that does not take writes: all are made anew.
    pub fn forget(&self) {
        self.pool.retain(|_, _| false);
    }
}

/// Rows of a statement.
pub async fn rows(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<Vec<Row>> {
    let statement = on.prepare_cached(sql).await.map_err(trouble)?;
    on.query(&statement, values).await.map_err(trouble)
}

/// The row of a statement that has one at most.
pub async fn one(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<Option<Row>> {
    let statement = on.prepare_cached(sql).await.map_err(trouble)?;
    on.query_opt(&statement, values).await.map_err(trouble)
}

/// Runs a statement; returns how many rows it changed.
pub async fn run(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<u64> {
    let statement = on.prepare_cached(sql).await.map_err(trouble)?;
    on.execute(&statement, values).await.map_err(trouble)
}

/// Begins a reading transaction of one snapshot that sees what decisions rest on, across Mandanten: for the steps' lookup.
pub async fn abruf(client: &mut Object) -> Stored<Tx<'_>> {
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = builder.start().await.map_err(trouble)?;
    tx.batch_execute("SET LOCAL ROLE drehscheibe_abruf").await.map_err(trouble)?;
    Ok(tx)
}

/// Lets a transaction see from now on only the rows of a scope, whatever its statements ask for.
pub async fn narrow_to(tx: &Tx<'_>, scope: &Scope) -> Stored<()> {
    let kind = match scope {
        Scope::Operator => "alle",
        Scope::Mandant(_) => "mandant",
        Scope::Partner { .. } => "partner",
    };
    let (mandant, partner) = narrow(scope);
    one(tx, sql!("scope_set"), &[&kind, &mandant.unwrap_or_default(), &partner.unwrap_or_default()]).await?;
    tx.batch_execute("SET LOCAL ROLE drehscheibe_sicht").await.map_err(trouble)
}

/// Begins a reading transaction of one snapshot in a scope.
pub async fn sicht<'a>(client: &'a mut Object, scope: &Scope) -> Stored<Tx<'a>> {
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = builder.start().await.map_err(trouble)?;
    narrow_to(&tx, scope).await?;
    Ok(tx)
}

/// Whether a failed transaction is done again, after a short wait that differs between processes.
pub async fn once_more(error: &StoreError, attempt: u32) -> bool {
    if !is_race(error, attempt) {
        return false;
    }
    let [lot] = crate::seal::key::random::<1>().unwrap_or([128]);
    tokio::time::sleep(Duration::from_micros(u64::from(lot) * 20 * u64::from(attempt + 1))).await;
    true
}

/// Does a body in a transaction and commits it; done again where another process was in the way.
macro_rules! transact {
    ($db:expr, $tx:ident => $body:expr) => {{
        let mut attempt = 0;
        loop {
            let done: Stored<_> = async {
                let mut client = $db.get().await?;
                let $tx = client.transaction().await.map_err($crate::store::postgres::values::trouble)?;
                let made = $body?;
                $tx.commit().await.map_err($crate::store::postgres::values::trouble)?;
                Ok(made)
            }
            .await;
            match done {
                Err(error) if $crate::store::postgres::pool::once_more(&error, attempt).await => attempt += 1,
                Err(error) => {
                    $crate::store::postgres::pool::after(&$db, &error);
                    break Err(error);
                }
                done => break done,
            }
        }
    }};
}
pub(crate) use transact;

/// After a failure: connections to a server that became read-only are of no use.
pub fn after(db: &Db, error: &StoreError) {
    if matches!(error, StoreError::Later(text) if text.contains("read-only")) {
        db.forget();
    }
}
