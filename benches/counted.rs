//! The program itself, with its allocations counted: `cargo bench --bench counted -- bench --floor --services`.
//! A build apart, because counting costs time: of its figures only the allocations are to be read.

#![allow(missing_docs, reason = "a benchmark has no public items")]
#![allow(clippy::print_stderr, reason = "it says how it is used")]

use std::alloc::System;
use std::ffi::OsString;
use std::process::ExitCode;

use drehscheibe::cli::bench_floor::child::ALLOCATIONS;
use drehscheibe::cli::dispatch;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    // cargo adds an argument of its own.
    let words: Vec<OsString> = std::env::args_os().filter(|word| word != "--bench").collect();
    if words.len() < 2 {
        eprintln!(
            "counted: measures nothing by itself; cargo bench --bench counted -- bench --floor --services"
        );
        return ExitCode::SUCCESS;
    }
    let code = dispatch::start(words);
    // The measured programs are this very one, started with the name of a file to write their count to.
    if let Some(file) = std::env::var_os(ALLOCATIONS) {
        let stats = COUNTED.stats();
        let _ = std::fs::write(file, (stats.allocations + stats.reallocations).to_string());
    }
    code
}
