//! The adapter over a small and a large register, in turn: what a message costs must hardly depend on how many there are.

use crate::cli::bench_floor::figures::{Rounds, Spread, Stocks, Who};
use crate::cli::bench_floor::fill;
use crate::cli::bench_floor::ground::{FIRST, Ground};
use crate::cli::bench_floor::measure;
use crate::cli::exit::CliError;

/// Registersätze of the small register.
const SMALL: u64 = 10_000;

/// Measures so many rounds.
pub async fn measure(
    ground: &Ground<'_>,
    large: u64,
    messages: u64,
    rounds: u32,
    told: impl Fn(String),
) -> Result<Stocks, CliError> {
    let mut databases = Vec::new();
    for records in [SMALL, large] {
        let database = ground.databases.make(Some(&ground.template)).await?;
        let client = ground.databases.look(&database).await?;
        fill::fill(&client, &ground.shape, records, |done| {
            told(format!("Registersätze: {done} of {records}"))
        })
        .await?;
        databases.push(database);
    }
    // A first run over each that does not count: pages that are read for the first time come from disk.
    let mut from = FIRST;
    for database in &databases {
        measure::on(ground, Who::Adapter, database, from, messages).await?;
    }
    from += messages;
    let (mut over_small, mut over_large) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        told(format!("round {round} of {rounds}"));
        for (database, over) in databases.iter().zip([&mut over_small, &mut over_large]) {
            over.push(measure::on(ground, Who::Adapter, database, from, messages).await?);
        }
        from += messages;
    }
    for database in &databases {
        ground.databases.drop(database).await?;
    }
    let pairs = || over_small.iter().zip(&over_large);
    Ok(Stocks {
        small: SMALL,
        large,
        time: Spread::of(pairs().map(|(small, large)| large.seconds / small.seconds)),
        cpu: Spread::of(pairs().map(|(small, large)| large.cpu_ms / small.cpu_ms)),
        machine_cpu: Spread::of(pairs().map(|(small, large)| large.machine_cpu_ms / small.machine_cpu_ms)),
        over_small: Rounds::of(Who::Adapter, &over_small),
        over_large: Rounds::of(Who::Adapter, &over_large),
    })
}
