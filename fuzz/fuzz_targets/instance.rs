//! Any octets as a document of one schema: nothing may end, and two ways to a verdict agree.

#![no_main]

#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| body::instance(octets));
