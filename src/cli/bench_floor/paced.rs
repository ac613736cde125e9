//! Latency at a rate: a partner that publishes evenly and takes its receipts as they come.
//! The time of a delivery is that from publishing it until its receipt is there; a partner that is late counts against nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::cli::bench_floor::broker::{Broker, confirmed, delivery, number_of};
use crate::cli::bench_floor::database::settle_down;
use crate::cli::bench_floor::figures::{Paced, Who};
use crate::cli::bench_floor::ground::{FIRST, Ground, consumes};
use crate::cli::exit::CliError;
use crate::clock::Tick;

/// Deliveries before it is measured: caches, connections and statements are as they are in use.
const WARM: u64 = 300;
/// How long the last receipts may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// When deliveries were published.
type Published = Arc<Mutex<HashMap<u64, Tick>>>;

/// Measures one program at a rate.
pub async fn at(ground: &Ground<'_>, who: Who, rate: u32, seconds: u32) -> Result<Paced, CliError> {
    let broker = &ground.broker;
    let database = ground.databases.make(Some(&ground.template)).await?;
    broker.empty().await?;
    let client = ground.databases.look(&database).await?;
    settle_down(&client).await;
    drop(client);
    let mut child = ground.start(who, &database)?;
    consumes(broker, &mut child).await?;
    // At the rate itself: a burst would be a backlog.
    let warm = WARM.min(u64::from(rate) * 3);
    run(broker, FIRST, warm, rate).await?;
    let count = u64::from(rate) * u64::from(seconds);
    let measured = run(broker, FIRST + warm, count, rate).await;
    child.must_live()?;
    let (took, published) = measured?;
    child.end().await?;
    ground.databases.drop(&database).await?;
    Ok(Paced::of(who, rate, published, took))
}

/// Publishes and waits for all receipts; what each took, and the rate that was kept.
async fn run(broker: &Broker, from: u64, count: u64, rate: u32) -> Result<(Vec<Duration>, f64), CliError> {
    let published = Published::default();
    let mut receipts = broker.receipts().await?;
    let taking = async {
        let mut took = Vec::with_capacity(count as usize);
        while (took.len() as u64) < count {
            let next = tokio::time::timeout(PATIENCE, receipts.next()).await;
            let Ok(Some(receipt)) = next else {
                return Err(CliError::Usage(format!("{} of {count} receipts came", took.len())));
            };
            let receipt = receipt.map_err(super::broker::failed("a receipt is lost"))?;
            let named = receipt.properties.correlation_id().as_ref().and_then(|id| number_of(id.as_str()));
            let sent = named.and_then(|n| lock(&published).remove(&n));
            // One of the warming up may come late.
            took.extend(sent.map(Tick::elapsed));
        }
        Ok(took)
    };
    let (took, kept) = tokio::try_join!(taking, publish(broker, from, count, rate, &published))?;
    Ok((took, kept))
}

async fn publish(
    broker: &Broker,
    from: u64,
    count: u64,
    rate: u32,
    published: &Published,
) -> Result<f64, CliError> {
    let began = Tick::now();
    let mut unconfirmed = FuturesUnordered::new();
    let mut next = delivery(from);
    for n in from..from + count {
        let due = Duration::from_secs_f64((n - from) as f64 / f64::from(rate));
        let early = due.saturating_sub(began.elapsed());
        if !early.is_zero() {
            tokio::time::sleep(early).await;
        }
        lock(published).insert(n, Tick::now());
        unconfirmed.push(confirmed(broker.publish(n, &next).await?));
        // Written before it is due.
        next = delivery(n + 1);
        while let Some(Some(done)) = futures_util::FutureExt::now_or_never(unconfirmed.next()) {
            done?;
        }
    }
    let kept = count as f64 / began.elapsed().as_secs_f64().max(f64::EPSILON);
    while let Some(done) = unconfirmed.next().await {
        done?;
    }
    Ok(kept)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
