//! What sources that ask for deliveries found where they look: how long the oldest lies there, and until when all was taken. Says
//! nothing of what a register answers; that is the decision's.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::envelope::Lying;
use crate::store::error::StoreError;

/// What was found of one partner's deliveries at a place where a source looks for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// The name of its connection, a space, and what tells its places apart.
    pub place: String,
    /// Who delivers there.
    pub partner: String,
    /// Since when the oldest lies there.
    pub since: Option<Timestamp>,
    /// When it was asked last; where it never was, since when it is to be.
    pub looked: Timestamp,
    /// When it was last asked and found empty.
    pub emptied: Option<Timestamp>,
}

/// Keeps what sources found. None of it moves a guard: what is under way is no gap (rules.md 2.1 c).
#[async_trait]
pub trait Looks {
    /// Where the source of a connection is going to look, each place with its partners: places and partners that are not named are
    /// forgotten, and what it never gets to look into counts from now on.
    async fn begin_looks(
        &self,
        connection: &str,
        places: &[(String, Vec<String>)],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// What a source found at a place at this moment, for each of these partners; others of the place are forgotten.
    async fn looked(
        &self,
        place: &str,
        partners: &[String],
        lying: Lying,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Forgets what sources of other connections than these saw: nobody looks there any more.
    async fn keep_looks(&self, connections: &[String]) -> Result<(), StoreError>;

    /// What was found last, of all places.
    async fn looks(&self) -> Result<Vec<Look>, StoreError>;
}
