//! Documents on one thread, nothing stored: the gate over a 0804, validating and mapping one, writing a validated 0011.
//! Schemas are compiled before the clock starts, as a worker has them; the sample is invented and of about 5 KB.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::schema::load::{Library, beside};
use drehscheibe::schema::tables::Schema;
use drehscheibe::xml::gate;
use drehscheibe::xoev::contract::Standards;

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod support;

/// The shipped schemas on disk.
struct Shipped;

impl Library for Shipped {
    fn find(&self, from: &str, location: &str, _: &str) -> Result<String, String> {
        beside(from, location).ok_or_else(|| "leads out".to_owned())
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(name).map_err(|error| error.to_string())
    }
}

const ENTRY: &str = "xsd/xfamilie/1.3.0/xfamilie-geburt.xsd";

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
    // The engine of our own beside the library, on the same document.
    let schema = Schema::compile(&[ENTRY], &Shipped).unwrap();
    assert_eq!(schema.validate(&document, 1), []);
    group.bench_function("validate 0804, own engine", |bencher| {
        bencher.iter(|| schema.validate(black_box(&document), 20));
    });
    group.bench_function("compile the schema of 0804, own engine", |bencher| {
        bencher.iter(|| Schema::compile(black_box(&[ENTRY]), &Shipped).unwrap());
    });
    group.bench_function("write 0011", |bencher| {
        bencher.iter(|| reader.write("xfamilie.0011", "1.3.0", black_box(&values)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, document);
criterion_main!(benches);
