//! Drehscheibe, the integration adapter of the Sorgeregister-Plattform.
//!
//! `main.rs` is the program; this library exists so that tests and benchmarks reach the rooms.

#![forbid(unsafe_code)]

pub mod clock;
pub mod effects;
pub mod envelope;
pub mod message;
pub mod pipeline;
pub mod plan;
pub mod register;
pub mod rejection;
pub mod store;
pub mod transport;
pub mod xml;
pub mod xoev;
