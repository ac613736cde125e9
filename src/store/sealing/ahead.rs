//! What is ahead of rows, counted by destination; alike for every back end. Never touches the database.

use std::collections::BTreeMap;

use crate::store::sealing::heads::SendHead;
use crate::store::ways::Ahead;

/// Counts.
#[derive(Debug, Default)]
pub struct Counted(BTreeMap<String, u64>);

impl Counted {
    /// A row that is on its way to this destination; one without content goes nowhere.
    pub fn row(&mut self, destination: &str, head: Option<&SendHead>) {
        for way in head.map(|head| head.ahead(destination)).unwrap_or_default() {
            *self.0.entry(way.destination.clone()).or_default() += 1;
        }
    }

    /// By destination.
    pub fn all(self) -> Vec<Ahead> {
        self.0.into_iter().map(|(destination, rows)| Ahead { destination, rows }).collect()
    }
}
