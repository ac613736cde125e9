//! The steps: what a route may do. The menu of the room; every step is a file and two lines here.

pub mod alias;
pub mod answer;
pub mod authorise;
pub mod authorise_area;
pub mod beilage;
pub mod bestand;
pub mod branch;
pub mod build;
pub mod decide;
pub mod entschieden;
pub mod erinnern;
pub mod erledigt;
pub mod find;
pub mod forward;
pub mod freigabe;
pub mod gegenprobe;
pub mod hinweis;
pub mod jugendamt;
pub mod liegt;
pub mod limits;
pub mod marke;
pub mod mirror;
pub mod mitteilung;
pub mod nachweis;
pub mod normalise;
pub mod note;
pub mod notice;
pub mod objection;
pub mod offene;
pub mod order;
pub mod partner;
pub mod personenaenderung;
pub mod postfach;
pub mod receipt;
pub mod refuse;
pub mod rueckmeldung;
pub mod schreiben;
pub mod sending;
pub mod settings;
pub mod settle;
pub mod step;
pub mod tell;
pub mod uhr;
pub mod werte;
#[cfg(test)]
mod testing;
pub mod uebergaenge;
pub mod versions;
pub mod vorgang;
pub mod zuweisen;

/// All verbs, in the order in which help shows them.
pub const STEPS: &[step::Entry] = &[
    authorise::ENTRY,
    freigabe::ENTRY,
    find::ENTRY,
    decide::ENTRY,
    mirror::ENTRY,
    bestand::ENTRY,
    marke::ENTRY,
    hinweis::ENTRY,
    limits::ENTRY,
    mitteilung::ENTRY,
    personenaenderung::ENTRY,
    normalise::ENTRY,
    erledigt::ENTRY,
    offene::ENTRY,
    build::ENTRY,
    forward::ENTRY,
    vorgang::ENTRY,
    zuweisen::ENTRY,
    settle::ENTRY,
    erinnern::ENTRY,
    note::ENTRY,
    receipt::ENTRY,
    rueckmeldung::ENTRY,
    postfach::ENTRY,
    jugendamt::ENTRY,
    partner::ENTRY,
    gegenprobe::ENTRY,
    nachweis::ENTRY,
    tell::CALLBACK,
];
