//! What the demonstration counts: how its story ended, and what must have arrived somewhere by then. Numbers only.

use std::collections::BTreeMap;

use serde::Serialize;

/// How the story ended, as `--json` prints it.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Story {
    /// Deliveries to the register handed over, by HTTP and folder, repeats and broken ones included.
    pub delivered: u64,
    /// Registersätze in the mirror.
    pub mirror_entries: u64,
    /// Requests of mothers handed over.
    pub requests: u64,
    /// Requests by the row of the decision table that decided them, read from the restricted record.
    pub answers: BTreeMap<String, u64>,
    /// Letters that arrived for the mothers.
    pub letters: u64,
    /// Klärfälle that arrived at an office.
    pub forwarded: u64,
    /// Nachweise that an online service got for an application.
    pub nachweise: u64,
    /// Withdrawals that arrived at an office.
    pub withdrawn: u64,
    /// Messages answered with the verdict of an earlier one.
    pub duplicates: u64,
    /// Refused messages by code.
    pub rejected: BTreeMap<String, u64>,
    /// Callbacks that arrived, each counted once.
    pub callbacks_delivered: u64,
    /// Attempts that it took.
    pub callback_attempts: u64,
    /// What waits for a person.
    pub parked: u64,
    /// Callbacks, letters, Klärfälle, Nachweise and withdrawals that are missing.
    pub lost: u64,
}

/// What must have arrived somewhere when the story ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Due {
    /// Callbacks of online services.
    pub callbacks: u64,
    /// Vorgänge that an office closed.
    pub closed: u64,
    /// Nachweise that a service gets instead of the mother.
    pub nachweise: u64,
    /// Withdrawals of which an office is told.
    pub rueckzuege: u64,
}
