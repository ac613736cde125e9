//! The embedded store on the disk of the temporary folder, durable (WAL, `synchronous=FULL`): one commit of 1, 50 and 200
//! entries, and leasing and settling what they left to send. Entries are made outside the measured time; the store grows
//! during a run, as it does in life. Throughput counts messages, not rows.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::cell::RefCell;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::clock::{Clock, Tick};
use drehscheibe::store::contract::Store;
use drehscheibe::store::lane::{Outcome, Settle, Want};

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod support;

fn commit(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("store");
    for batch in [1_usize, 50, 200] {
        let folder = tempfile::tempdir().unwrap();
        let store = support::store(folder.path());
        let entries = RefCell::new(support::Entries::new());
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("commit {batch}"), |bencher| {
            bencher.iter_batched(
                || runtime.block_on(support::look_up(&store, entries.borrow_mut().take(batch))),
                |entries| runtime.block_on(support::commit(&store, entries)),
                BatchSize::PerIteration,
            );
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let store = support::store(folder.path());
    let mut entries = support::Entries::new();
    group.throughput(Throughput::Elements(64));
    group.bench_function("claim and settle 64", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                runtime.block_on(async {
                    let entries = support::look_up(&store, entries.take(64)).await;
                    support::commit(&store, entries).await;
                    let began = Tick::now();
                    claim_and_settle(&store).await;
                    spent += began.elapsed();
                });
            }
            spent
        });
    });
    group.finish();
}

async fn claim_and_settle(store: &dyn Store) {
    let now = Clock::real().now();
    let lease = Duration::from_secs(60);
    let want = Want {
        worker: "benchmark".into(),
        now,
        lease,
        lanes: 128,
        heads: 16,
        except: vec![],
        most: Default::default(),
        went_back: false,
        ours: None,
    };
    let lanes = store.claim(want).await.unwrap();
    assert_eq!(lanes.len(), 128);
    let settles = lanes.iter().flat_map(|lane| {
        lane.heads.iter().map(|due| Settle {
            lane: lane.id,
            fence: lane.fence,
            row: due.id,
            outcome: Outcome::Sent { reference: "200".into(), evidence: "200".into(), follow: None },
            answers: Vec::new(),
            delivers: due.delivers,
            release: true,
            now,
        })
    });
    assert!(store.settle(settles.collect()).await.unwrap().into_iter().all(|settled| settled));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(5));
    targets = commit
}
criterion_main!(benches);
