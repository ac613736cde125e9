//! The schema room's menu: XSD 1.0 compiled into tables, and documents judged by them while they are read.
//! It never opens anything, never shows a value of a document, and never half understands a schema.

pub mod automaton;
mod blocks;
mod build;
mod build_attributes;
mod build_complex;
mod build_element;
mod build_simple;
mod builtin;
mod charset;
pub mod checked;
pub mod compile;
mod content;
mod doctype;
mod events;
pub mod fault;
mod grammar;
mod identity;
mod keys;
mod lexis;
pub mod load;
mod moment;
mod names;
mod number;
pub mod outline;
mod pattern;
mod run;
mod run_attributes;
mod run_content;
mod simple;
pub mod tables;
mod tree;
pub mod watch;
