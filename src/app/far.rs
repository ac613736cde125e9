//! A partner of a play, in memory: takes what is sent, or fails as it is told. Touches no network and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::envelope::Envelope;
use crate::transport::port::{Destination, Receipt, SendError};

/// What a partner does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Takes it, and the answer is lost.
    Timeout,
    /// Says that it is out of order.
    Unavailable,
    /// Refuses it for good, this time and every other.
    Refused,
    /// Is a mailbox that nobody empties.
    NotCollected,
    /// Takes it.
    Fine,
}

impl Mishap {
    /// Whether nothing ever arrives by this way.
    pub fn closes_the_way(&self) -> bool {
        matches!(self, Mishap::Refused | Mishap::NotCollected)
    }
}

/// A partner in memory.
pub struct Partner {
    /// The word of its transport.
    pub word: String,
    /// Its name.
    pub name: String,
    /// What it does with the first attempts of every envelope.
    pub mishaps: Vec<Mishap>,
    /// What it saw.
    pub seen: Mutex<Seen>,
}

/// What a partner saw.
#[derive(Default)]
pub struct Seen {
    attempts: BTreeMap<uuid::Uuid, usize>,
    ids: BTreeSet<uuid::Uuid>,
    /// What it took, one entry per id.
    pub taken: Vec<Envelope>,
    /// Attempts with an id that was taken already.
    pub repeated: u64,
}

#[async_trait]
impl Destination for Partner {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = seen.attempts.entry(envelope.head.id).or_default();
        let mishap = self.mishaps.get(*attempt).copied().unwrap_or(Mishap::Fine);
        *attempt += 1;
        if let Some(closed) = self.mishaps.iter().find(|mishap| mishap.closes_the_way()) {
            return Err(match closed {
                Mishap::Refused => {
                    SendError::Never { cause: "the partner of the test takes no such thing".to_owned() }
                }
                _ => {
                    let cause = "it waits to be collected".to_owned();
                    SendError::Later { cause, retry_after: None, far_end: false }
                }
            });
        }
        if mishap == Mishap::Unavailable {
            let cause = "the partner of the test is out of order".to_owned();
            return Err(SendError::Later { cause, retry_after: None, far_end: true });
        }
        if seen.ids.insert(envelope.head.id) {
            seen.taken.push(envelope.clone());
        } else {
            seen.repeated += 1;
        }
        match mishap {
            Mishap::Timeout => {
                Err(SendError::Unclear { cause: "the answer of the partner of the test is lost".to_owned() })
            }
            _ => Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() }),
        }
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.ids.contains(&envelope.head.id);
        Ok(known.then(|| Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() }))
    }

    fn width(&self) -> usize {
        4
    }

    fn collected(&self) -> bool {
        self.mishaps.contains(&Mishap::NotCollected)
    }
}
