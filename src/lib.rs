//! Drehscheibe, the integration adapter of the Sorgeregister-Plattform.
//!
//! `main.rs` is the program; this library exists so that tests and benchmarks reach the rooms.
//! The `mod` lines stand from the ground floor up; a room imports only from rooms above its line.

#![doc = include_str!("ARCHITECTURE.md")]
#![forbid(unsafe_code)]

pub mod rejection;
pub mod envelope;
pub mod config;
pub mod telemetry;
pub mod clock;
pub mod mime;
pub mod trust;
pub mod xml;
pub mod latin;
pub mod schema;
pub mod seal;
pub mod register;
pub mod effects;
pub mod xoev;
pub mod message;
pub mod paper;
pub mod pipeline;
pub mod store;
pub mod transport;
pub mod plan;
pub mod engine;
pub mod route;
pub mod app;
pub mod cli;
