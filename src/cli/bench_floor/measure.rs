//! One program, all deliveries waiting at its start: rate, processor time, write-ahead log, memory.
//! Counts from the first consumer to the last settled receipt; what the program needs to start is not in it.

use std::time::Duration;

use crate::cli::bench_floor::account;
use crate::cli::bench_floor::child::Child;
use crate::cli::bench_floor::database::{counts, settle_down, wal};
use crate::cli::bench_floor::figures::{Full, Waiting, Who};
use crate::cli::bench_floor::ground::{FIRST, Ground, LOOK, consumes, done};
use crate::cli::bench_floor::shape::{Filled, filled};
use crate::cli::exit::CliError;
use crate::clock::Tick;

/// How long an idle program is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(2);

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Measures one program on a database of its own; also says what stands in the tables afterwards.
pub async fn full(ground: &Ground<'_>, who: Who, messages: u64) -> Result<(Full, Vec<Filled>), CliError> {
    let database = ground.databases.make(Some(&ground.template)).await?;
    let measured = on(ground, who, &database, FIRST, messages).await?;
    let client = ground.databases.look(&database).await?;
    let filled = filled(&client).await?;
    drop(client);
    ground.databases.drop(&database).await?;
    Ok((measured, filled))
}

/// Measures one program on a database that is there.
pub async fn on(
    ground: &Ground<'_>,
    who: Who,
    database: &str,
    from: u64,
    messages: u64,
) -> Result<Full, CliError> {
    let broker = &ground.broker;
    broker.empty().await?;
    broker.fill(from, messages).await?;
    let client = ground.databases.look(database).await?;
    settle_down(&client).await;
    let log = wal(&client).await?;
    let mut child = ground.start(who, database)?;
    consumes(broker, &mut child).await?;
    let (began, own, all) = (Tick::now(), child.processor(), account::machine());
    let rss_begun_mib = child.memory();
    done(broker, &client, &mut child, messages).await?;
    let seconds = began.elapsed().as_secs_f64();
    let (own, all) = (child.processor().saturating_sub(own), account::machine().saturating_sub(all));
    let log = wal(&client).await? - log;
    let rss_peak_mib = child.peak();
    let counted = child.end().await?;
    broker.empty().await?;
    let each = |all: f64| all / messages.max(1) as f64;
    Ok(Full {
        who,
        messages,
        seconds,
        per_second: messages as f64 / seconds,
        cpu_ms: each(millis(own)),
        machine_cpu_ms: each(millis(all)),
        wal: each(log as f64),
        allocations: counted.map(|counted| each(counted as f64)),
        rss_begun_mib,
        rss_peak_mib,
    })
}

/// The allocations of a program that only starts and ends, where they are counted.
pub async fn start_only(ground: &Ground<'_>, who: Who) -> Result<Option<u64>, CliError> {
    let database = ground.databases.make(Some(&ground.template)).await?;
    ground.broker.empty().await?;
    let mut child = ground.start(who, &database)?;
    consumes(&ground.broker, &mut child).await?;
    let counted = child.end().await?;
    ground.databases.drop(&database).await?;
    Ok(counted)
}

/// The adapter without work, with so many deliveries waiting at the broker, and with so many receipts waiting in the store.
pub async fn waiting(ground: &Ground<'_>, count: u64) -> Result<Waiting, CliError> {
    let broker = &ground.broker;
    let database = ground.databases.make(Some(&ground.template)).await?;
    broker.empty().await?;
    let mut idle = ground.start(Who::Adapter, &database)?;
    consumes(broker, &mut idle).await?;
    tokio::time::sleep(IDLE).await;
    let rss_empty_mib = idle.memory();
    idle.end().await?;
    let full = on(ground, Who::Adapter, &database, FIRST, count).await?;
    ground.databases.drop(&database).await?;
    let rows = rows(ground, count).await?;
    Ok(Waiting {
        rss_empty_mib,
        deliveries: count,
        seconds: full.seconds,
        rss_begun_mib: full.rss_begun_mib,
        rss_peak_mib: full.rss_peak_mib,
        rows: rows.count,
        rss_rows_mib: rows.rss_mib,
        rss_rows_peak_mib: rows.peak_mib,
        rows_seconds: rows.seconds,
    })
}

struct Rows {
    count: u64,
    rss_mib: f64,
    peak_mib: f64,
    seconds: f64,
}

/// Receipts wait in the store because their receiver takes nothing; then it is back.
async fn rows(ground: &Ground<'_>, count: u64) -> Result<Rows, CliError> {
    let broker = &ground.broker;
    broker.lead_receipts(false).await?;
    let measured = down_and_back(ground, count).await;
    // Whatever happened, receipts of the next measurement arrive.
    broker.lead_receipts(true).await?;
    measured
}

async fn down_and_back(ground: &Ground<'_>, count: u64) -> Result<Rows, CliError> {
    let broker = &ground.broker;
    let database = ground.databases.make(Some(&ground.template)).await?;
    let client = ground.databases.look(&database).await?;
    let (there, _) = counts(&client).await?;
    broker.fill(FIRST, count).await?;
    let mut child = ground.start(Who::Adapter, &database)?;
    consumes(broker, &mut child).await?;
    let wanted = there + i64::try_from(count).unwrap_or(i64::MAX);
    let waits = taken_in(ground, &client, &mut child, wanted).await?;
    tokio::time::sleep(IDLE).await;
    let rss_mib = child.memory();
    broker.lead_receipts(true).await?;
    let back = Tick::now();
    done(broker, &client, &mut child, waits).await?;
    let (seconds, peak_mib) = (back.elapsed().as_secs_f64(), child.peak());
    child.end().await?;
    broker.empty().await?;
    drop(client);
    ground.databases.drop(&database).await?;
    Ok(Rows { count: waits, rss_mib, peak_mib, seconds })
}

/// Waits until all deliveries were taken in; how many receipts wait then.
async fn taken_in(
    ground: &Ground<'_>,
    client: &tokio_postgres::Client,
    child: &mut Child,
    wanted: i64,
) -> Result<u64, CliError> {
    let mut last = (u64::MAX, Tick::now());
    loop {
        child.must_live()?;
        let (left, _) = ground.broker.inlet().await?;
        if left == 0 {
            break;
        }
        if left != last.0 {
            last = (left, Tick::now());
        }
        if last.1.elapsed() > Duration::from_secs(120) {
            return Err(CliError::Usage(format!("deliveries are not taken in any more: {}", child.words())));
        }
        tokio::time::sleep(LOOK).await;
    }
    // A broker that is busy says that nothing waits, so the rows count; counting costs the server something, so it is done seldom.
    let mut last = (-1, Tick::now());
    loop {
        let (inbox, lanes) = counts(client).await?;
        if inbox >= wanted {
            return Ok(u64::try_from(lanes).unwrap_or(0));
        }
        child.must_live()?;
        if inbox != last.0 {
            last = (inbox, Tick::now());
        }
        if last.1.elapsed() > Duration::from_secs(120) {
            return Err(CliError::Usage(format!(
                "{inbox} of {wanted} deliveries were taken in: {}",
                child.words()
            )));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
