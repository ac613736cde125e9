//! Any octets as a schema with a document: nothing may end, and two ways to a verdict agree.

#![no_main]

#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| body::schema(octets));
