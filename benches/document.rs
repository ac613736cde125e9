//! Documents on one thread, nothing stored: the gate over a 0804, gate, validation and mapping of one in the one pass that the
//! door makes, writing a checked 0011, compiling all packages. Samples are invented and of about 5 KB. Beside it, in turn and
//! where they are at hand, what others do with the same document: Xerces validates and extracts, libxml2 parses and validates.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]
#![allow(clippy::print_stdout, reason = "as the harness tells its own figures")]
#![allow(missing_docs, reason = "the macros of the harness write the only public items")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use drehscheibe::clock::Tick;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::Standards;

#[allow(dead_code, reason = "each benchmark uses its part of it")]
mod support;

const ENTRY: &str = "xsd/xfamilie/1.3.0/xfamilie-geburt.xsd";

fn document(criterion: &mut Criterion) {
    let standards = support::standards();
    let mut reader = standards.reader();
    let body = support::body(1);
    let record = support::read(&standards, reader.as_mut(), body.clone());
    let values = support::receipt_values(&record);
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("document");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("gate", |bencher| {
        bencher.iter(|| gate::pass(black_box(body.clone()), &limits).unwrap());
    });
    group.bench_function("gate, validate and map 0804", |bencher| {
        bencher.iter(|| {
            let taken = reader.take(black_box(body.clone()), &limits, &standards).unwrap();
            taken.read.unwrap().unwrap()
        });
    });
    // Changes of persons: our own JSON, and an answer of a Meldebehörde.
    for (name, path) in [
        ("personenaenderung", "xsd/drehscheibe-json/1/samples/personenaenderung-umzug.json"),
        ("xmeld 1333", "xsd/xmeld/26.11/samples/1333-ein-treffer-mit-sperre.xml"),
    ] {
        let body = bytes::Bytes::from(std::fs::read(support::root().join(path)).unwrap());
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("gate, validate and map {name}"), |bencher| {
            bencher.iter(|| {
                let taken = reader.take(black_box(body.clone()), &limits, &standards).unwrap();
                taken.read.unwrap().unwrap()
            });
        });
    }
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("write 0011", |bencher| {
        bencher.iter(|| reader.write("xfamilie.0011", "1.3.0", black_box(&values)).unwrap());
    });
    group.sample_size(20);
    group.bench_function("compile all packages", |bencher| {
        bencher.iter(support::standards);
    });
    group.finish();
}

/// A program of others that answers a number of rounds with the nanoseconds of one.
struct Peer {
    name: &'static str,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(name: &'static str, program: &str, arguments: &[&str]) -> Option<Peer> {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(support::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (orders, answers) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut peer = Peer { name, child, orders, answers };
        // Warm, or not at hand.
        match peer.ask(3_000) {
            Some(_) => Some(peer),
            None => {
                let _ = peer.child.kill();
                let _ = peer.child.wait();
                println!("not at hand: {name} (benches/peers)");
                None
            }
        }
    }

    fn ask(&mut self, rounds: u32) -> Option<f64> {
        writeln!(self.orders, "{rounds}").ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok()?;
        answer.trim().parse().ok()
    }
}

fn median(figures: &mut [f64]) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}

/// Ours and theirs in turn, so that what else the machine does meets all alike; the ratio is that of each round.
fn beside_others(_: &mut Criterion) {
    const ROUNDS: usize = 15;
    const EACH: u32 = 1_000;
    let standards = support::standards();
    let mut reader = standards.reader();
    let body = support::body(1);
    let limits = Limits::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0804.xml");
    std::fs::write(&file, &body).unwrap();
    let file = file.to_str().unwrap();
    let python = ["python3", "/usr/bin/python3"];
    let mut peers: Vec<Peer> = [
        Peer::start("Xerces", "java", &["benches/peers/Speed.java", ENTRY, file]),
        python
            .iter()
            .find_map(|python| Peer::start("libxml2", python, &["benches/peers/speed.py", ENTRY, file])),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut ours = || {
        let begun = Tick::now();
        for _ in 0..EACH {
            black_box(
                reader.take(black_box(body.clone()), &limits, &standards).unwrap().read.unwrap().unwrap(),
            );
        }
        begun.elapsed().as_nanos() as f64 / f64::from(EACH)
    };
    ours();
    let mut own = Vec::new();
    let mut theirs: Vec<(Vec<f64>, Vec<f64>)> = peers.iter().map(|_| (Vec::new(), Vec::new())).collect();
    for _ in 0..ROUNDS {
        let here = ours();
        own.push(here);
        for (peer, (all, ratios)) in peers.iter_mut().zip(&mut theirs) {
            let there = peer.ask(EACH).unwrap();
            all.push(there);
            ratios.push(there / here);
        }
    }
    let micro = |(middle, least, most): (f64, f64, f64)| {
        format!("{:.1} µs ({:.1}–{:.1})", middle / 1e3, least / 1e3, most / 1e3)
    };
    println!(
        "0804 in turn, {ROUNDS} rounds of {EACH}: ours, gate, validate and map {}",
        micro(median(&mut own))
    );
    for (peer, (all, ratios)) in peers.iter_mut().zip(&mut theirs) {
        let (middle, least, most) = median(ratios);
        println!("  {} {}; {middle:.2} times ours ({least:.2}–{most:.2})", peer.name, micro(median(all)));
        let _ = peer.child.kill();
        let _ = peer.child.wait();
    }
}

criterion_group!(benches, document, beside_others);
criterion_main!(benches);
