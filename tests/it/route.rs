//! The route language at its boundary: texts in, a compiled set or all faults out.

mod conditions;
mod faults;
mod house;
mod meeting;
mod plan;
mod sets;
mod shipped;
mod slips;
mod ways;
