//! What holds sending: pauses that persons set, and breakers that open by themselves. Ends none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A stored pause that all replicas obey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `route`, `partner` or `destination`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Ends by itself at this time.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Who.
    pub person: String,
    /// Since when.
    pub since: Timestamp,
}

impl Pause {
    /// Whether it is one of this destination: of itself or of its partner, whether it holds it still or has ended by itself.
    pub fn holds(&self, destination: &str) -> bool {
        let partner = destination.split_once(':').map(|(_, partner)| partner);
        match self.kind.as_str() {
            "destination" => self.name == destination,
            "partner" => partner == Some(&self.name),
            _ => false,
        }
    }
}

/// A breaker of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// `connection:partner`.
    pub destination: String,
    /// Failures in a row.
    pub failures: u32,
    /// Closed for sending until this time; then one attempt probes.
    pub open_until: Option<Timestamp>,
}
