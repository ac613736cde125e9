//! Connections: a pool that makes new ones when the server comes back, and the ways to ask on one.
//! Never waits without end and never keeps a connection that has failed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deadpool_postgres::{
    GenericClient, Hook, HookError, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime,
};
use tokio_postgres::IsolationLevel;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::StoreError;
use crate::store::postgres::ask::{SUSPECTED, Tx, in_time, one};
use crate::store::postgres::values::{is_race, not_connected, sql, trouble};
use crate::store::postgres::witness::{Turn, Witness};
use crate::store::sealing::values::{Stored, narrow};
use crate::store::stamp::Scope;
use crate::store::trouble::Trouble;

/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends a connection that gives no sign of life, if one was mute a short while ago.
fn sign_of_life() -> Hook {
    Hook::async_fn(|client, _| {
        Box::pin(async move {
            let fewer = |left: u32| left.checked_sub(1);
            if SUSPECTED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_err() {
                return Ok(());
            }
            match tokio::time::timeout(PATIENCE, client.simple_query("")).await {
                Ok(Ok(_)) => Ok(()),
                _ => Err(HookError::message("gives no sign of life")),
            }
        })
    })
}

/// How long a new connection keeps its plans. The server plans a statement for the tables as they are at that moment and then keeps to it
/// until it counts them again, which a table that grows from nothing to many rows within a minute does not wait for.
const PLANS: Duration = Duration::from_secs(10);
/// How long an old one keeps them: planning anew delays who comes first.
const OLD_PLANS: Duration = Duration::from_secs(320);

/// How often a connection of this age should have planned: after 10, 20, 40, … 320 seconds, then each 320.
fn plannings(age: Duration) -> u64 {
    match age.as_secs() / PLANS.as_secs() {
        0 => 0,
        _ if age >= OLD_PLANS => 5 + age.as_secs() / OLD_PLANS.as_secs(),
        tens => 1 + u64::from(tens.ilog2()),
    }
}

/// Lets a connection forget its plans, now and then.
fn plan_anew() -> Hook {
    Hook::async_fn(|client, metrics| {
        let used = metrics.age().saturating_sub(metrics.last_used());
        let due = plannings(metrics.age()) > plannings(used);
        Box::pin(async move {
            match due {
                true => client.batch_execute("DISCARD PLANS").await.map_err(HookError::Backend),
                false => Ok(()),
            }
        })
    })
}

/// A pool of connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    witness: Option<Arc<Witness>>,
}

impl Db {
    /// A pool of at most so many connections; connects when first asked. Each says that the process of the number lives, and proves
    /// that it leads to what this process has written.
    pub fn new(
        config: tokio_postgres::Config,
        tls: MakeRustlsConnect,
        most: usize,
        lauf: Option<i64>,
    ) -> Stored<Db> {
        let witness = lauf.map(|_| Witness::new());
        let proven = witness.clone();
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(most)
            .post_create(Hook::async_fn(move |client, _| {
                let proven = proven.clone();
                Box::pin(async move {
                    if let Some(lauf) = lauf {
                        let held = client.execute(sql!("lauf_hold_too"), &[&lauf]).await;
                        held.map_err(HookError::Backend)?;
                    }
                    match &proven {
                        Some(witness) => witness.prove(client).await,
                        None => Ok(()),
                    }
                })
            }))
            // The connection used last comes first: its statements are planned and its buffers, here and at the server, are as
            // large as a batch needs them. In turn, every connection would grow to that size and keep it.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .pre_recycle(sign_of_life())
            .pre_recycle(plan_anew())
            .build()
            .map_err(|_| StoreError::Refused("the pool of connections cannot be made".into()))?;
        Ok(Db { pool, witness })
    }

    /// A connection.
    pub async fn get(&self) -> Stored<Object> {
        use deadpool_postgres::{PoolError, TimeoutType};
        if self.lost() {
            return Err(StoreError::History);
        }
        self.pool.get().await.map_err(|error| match error {
            _ if self.lost() => StoreError::History,
            PoolError::Backend(error) => not_connected(error),
            PoolError::PostCreateHook(HookError::Backend(error)) => trouble(error),
            PoolError::Timeout(TimeoutType::Wait) => StoreError::Later(Trouble::PoolBusy.into()),
            PoolError::Timeout(_) => StoreError::Later(Trouble::Unreachable.into()),
            _ => StoreError::Later("the pool of connections is closed".into()),
        })
    }

    /// Whether a connection led to a database that lacks what this process has written: what it holds in memory is of another history,
    /// so it does nothing more.
    fn lost(&self) -> bool {
        self.witness.as_ref().is_some_and(|witness| witness.lost())
    }

    /// What this process has written, where it proves its history.
    pub fn witness(&self) -> Option<Arc<Witness>> {
        self.witness.clone()
    }

    /// A turn for a transaction that writes, where this process proves its history.
    pub fn turn(&self) -> Option<Turn> {
        self.witness.as_ref().map(Witness::turn)
    }

    /// The same connections for transactions that mostly find nothing to write: they mark for themselves where they do.
    pub fn quiet(&self) -> Quiet<'_> {
        Quiet(self)
    }

    /// Says that a connection leads to a server that does not take writes: all are made anew.
    pub fn forget(&self) {
        self.pool.retain(|_, _| false);
    }
}

impl AsRef<Db> for Db {
    fn as_ref(&self) -> &Db {
        self
    }
}

impl AsRef<Db> for Quiet<'_> {
    fn as_ref(&self) -> &Db {
        self.0
    }
}

/// Connections for transactions that mark for themselves.
pub struct Quiet<'a>(&'a Db);

impl Quiet<'_> {
    /// A connection.
    pub async fn get(&self) -> Stored<Object> {
        self.0.get().await
    }

    /// None.
    pub fn turn(&self) -> Option<Turn> {
        None
    }
}

/// Begins a reading transaction of one snapshot that sees what decisions rest on, across Mandanten: for the steps' lookup.
pub async fn abruf(client: &mut Object) -> Stored<Tx<'_>> {
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = in_time(builder.start()).await?;
    in_time(tx.batch_execute("SET LOCAL ROLE drehscheibe_abruf")).await?;
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
    in_time(tx.batch_execute("SET LOCAL ROLE drehscheibe_sicht")).await
}

/// Begins a reading transaction of one snapshot in a scope.
pub async fn sicht<'a>(client: &'a mut Object, scope: &Scope) -> Stored<Tx<'a>> {
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let tx = in_time(builder.start()).await?;
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
                let $tx = $crate::store::postgres::ask::in_time(client.transaction()).await?;
                let turn = $db.turn();
                // The mark goes out with the first statement and is waited for with the last.
                let (marked, made) = tokio::join!(biased;
                    $crate::store::postgres::witness::mark(turn.as_ref(), &$tx),
                    async { $body },
                );
                let made = match (marked, made) {
                    (Ok(()), Ok(made)) => made,
                    (marked, made) => Err($crate::store::postgres::values::first_cause([marked.err(), made.err()]))?,
                };
                $crate::store::postgres::ask::in_time($tx.commit()).await?;
                if let Some(turn) = turn {
                    turn.confirmed();
                }
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

/// Sends the first statement of each future together, in the given order, and waits for all; of several failures the cause is told
/// and not what followed from it. Only for what need not wait for each other.
macro_rules! together {
    ($($name:ident = $future:expr),+ $(,)?) => {{
        let ($($name,)+) = tokio::join!(biased; $($future),+);
        match ($($name,)+) {
            ($(Ok($name),)+) => Ok(($($name,)+)),
            ($($name,)+) => Err($crate::store::postgres::values::first_cause([$($name.err()),+])),
        }
    }};
}
pub(crate) use together;

/// After a failure: connections to a server that became read-only are of no use.
pub fn after(db: &impl AsRef<Db>, error: &StoreError) {
    if matches!(error, StoreError::Later(cause) if cause.is(Trouble::ReadOnly)) {
        db.as_ref().forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_connection_plans_often_and_an_old_one_now_and_then() {
        let due: Vec<u64> = (1..=1_300)
            .filter(|age| plannings(Duration::from_secs(*age)) > plannings(Duration::from_secs(age - 1)))
            .collect();
        assert_eq!(due, [10, 20, 40, 80, 160, 320, 640, 960, 1_280]);
    }
}
