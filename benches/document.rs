//! Documents on one thread, nothing stored: the gate over a 0804, validating and mapping one, writing a validated 0011.
//! Schemas are compiled before the clock starts, as a worker has them; the sample is invented and of about 5 KB.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::xml::gate;
use drehscheibe::xoev::contract::Standards;

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod support;

fn document(criterion: &mut Criterion) {
    let standards = support::standards();
    let mut reader = standards.reader();
    let body = support::body(1);
    let record = support::read(&standards, reader.as_mut(), body.clone());
    let values = support::receipt_values(&record);
    let mut group = criterion.benchmark_group("document");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("gate", |bencher| {
        bencher.iter(|| gate::pass(black_box(body.clone()), &gate::Limits::default()).unwrap());
    });
    let document = gate::pass(body.clone(), &gate::Limits::default()).unwrap();
    let detected = standards.detect(&document).unwrap();
    group.bench_function("validate and map 0804", |bencher| {
        bencher.iter(|| reader.read(&detected, black_box(&document)).unwrap());
    });
    group.bench_function("write 0011", |bencher| {
        bencher.iter(|| reader.write("xfamilie.0011", "1.3.0", black_box(&values)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, document);
criterion_main!(benches);
