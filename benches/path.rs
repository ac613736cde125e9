//! The full path in one process: invented 0804 of about 5 KB into the real engine over a durable embedded store, until both
//! partners of each were told and everything is settled. Partners are destinations that only count, so no network is
//! measured; admission, gate, validation, mapping, mirror, receipt, sealing, commit, lease and settling are.
//! `drehscheibe bench` measures the same at larger numbers, with latency and memory.
//!
//! Beside it, from start to ready with the shipped stage of the demonstration: configuration, routes, tables and all packages compiled,
//! the store opened, the engine running; over a store that is made, and over one that is there, as after a restart. The start of the
//! process itself is not in it.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::cli::bench;
use drehscheibe::clock::Tick;
use drehscheibe::transport::port::Intake;
use tokio::task::JoinSet;

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod support;

/// Deliveries of one round, under way together.
const ROUND: u64 = 256;

fn path(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = support::place(folder.path());
    let scratch = folder.path().join("scratch");
    let (engine, store) = runtime.block_on(async {
        let (mut engine, store) = bench::start(&place, &scratch, false).unwrap();
        engine.open_dispatch(Arc::new(bench::NoCommands));
        (engine, store)
    });
    let mut next = 0;
    let mut group = criterion.benchmark_group("path");
    group.throughput(Throughput::Elements(ROUND));
    group.bench_function("256 deliveries", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let envelopes: Vec<_> =
                    (next..next + ROUND).map(|n| bench::envelope(n, support::body(n))).collect();
                next += ROUND;
                runtime.block_on(async {
                    let began = Tick::now();
                    let mut deliveries = JoinSet::new();
                    for envelope in envelopes {
                        let reception = engine.reception.clone();
                        deliveries.spawn(async move { reception.deliver(envelope).await.is_ok() });
                    }
                    while let Some(taken) = deliveries.join_next().await {
                        assert!(taken.unwrap());
                    }
                    bench::settled(&*store).await.unwrap();
                    spent += began.elapsed();
                });
            }
            spent
        });
    });
    group.finish();
    runtime.block_on(engine.drain(Duration::from_secs(10)));
}

fn ready(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = support::place(folder.path());
    let start = |scratch: &Path| {
        runtime.block_on(async {
            let began = Tick::now();
            let (mut engine, store) = bench::start(&place, scratch, false).unwrap();
            engine.open_dispatch(Arc::new(bench::NoCommands));
            let spent = began.elapsed();
            engine.drain(Duration::from_secs(10)).await;
            drop(store);
            spent
        })
    };
    let mut group = criterion.benchmark_group("start to ready");
    group.bench_function("a store is made", |bencher| {
        bencher.iter_custom(|rounds| {
            let fresh = (0..rounds).map(|_| start(tempfile::tempdir().unwrap().path()));
            fresh.sum()
        });
    });
    let there = folder.path().join("there");
    start(&there);
    group.bench_function("the store is there", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| start(&there)).sum());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(10));
    targets = path, ready
}
criterion_main!(benches);
