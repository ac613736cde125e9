//! The steps: what a route may do. The menu of the room; every step is a file and two lines here.

pub mod answer;
pub mod authorise;
pub mod authorise_area;
pub mod bestand;
pub mod branch;
pub mod decide;
pub mod entschieden;
pub mod find;
pub mod hinweis;
pub mod marke;
pub mod mirror;
pub mod note;
pub mod order;
pub mod receipt;
pub mod refuse;
pub mod step;
pub mod tell;
pub mod werte;
#[cfg(test)]
mod testing;

/// All verbs, in the order in which help shows them.
pub const STEPS: &[step::Entry] = &[
    authorise::ENTRY,
    find::ENTRY,
    decide::ENTRY,
    bestand::ENTRY,
    hinweis::ENTRY,
    marke::ENTRY,
    mirror::ENTRY,
    note::ENTRY,
    receipt::ENTRY,
    tell::CALLBACK,
];
