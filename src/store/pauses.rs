//! What holds sending: pauses that persons set, and breakers that open by themselves. Part of what `contract` asks of a store; ends none.
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::error::StoreError;

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

/// What a store keeps of pauses and breakers.
#[async_trait]
pub trait Pauses {
    /// The breakers.
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError>;
    /// Writes one breaker.
    async fn set_breaker(&self, breaker: Breaker) -> Result<(), StoreError>;
    /// All pauses that hold.
    async fn pauses(&self, now: Timestamp) -> Result<Vec<Pause>, StoreError>;
    /// Sets (`Some`) or ends (`None`) a pause; audited. What one that ends held has its time back, less what another one still holds.
    async fn set_pause(
        &self,
        kind: &str,
        name: &str,
        pause: Option<Pause>,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}
