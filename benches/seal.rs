//! Sealing and opening 5 KB in memory under one key, and wrapping a fresh key: what each stored content costs.
//! One thread, AES-256-GCM with the processor's instructions where it has them.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::seal::key::{Key, Place};

fn seal(criterion: &mut Criterion) {
    let key = Key::random().unwrap();
    let place = Place::new("inbox", &[1; 16], "body");
    let octets = vec![0x61_u8; 5 * 1024];
    let sealed = key.seal(&place, &octets).unwrap();
    let mut group = criterion.benchmark_group("seal");
    group.throughput(Throughput::Bytes(octets.len() as u64));
    group.bench_function("seal 5 KB", |bencher| {
        bencher.iter(|| key.seal(&place, black_box(&octets)).unwrap())
    });
    group.bench_function("open 5 KB", |bencher| {
        bencher.iter(|| key.open(&place, black_box(&sealed)).unwrap())
    });
    group.bench_function("fresh key, wrapped", |bencher| {
        bencher.iter(|| key.wrap(&place, &Key::random().unwrap()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, seal);
criterion_main!(benches);
