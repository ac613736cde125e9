//! Drehscheibe, the integration adapter of the Sorgeregister-Plattform.
//!
//! `main.rs` is the program; this library exists so that tests and benchmarks reach the rooms.
//! The `mod` lines stand from the ground floor up; a room imports only from rooms above its line.

#![forbid(unsafe_code)]
pub mod latin;
pub mod mime;
pub mod xml;
