//! What every request of a passive recipient stands on: the door of its listener, its settings, keys and whom it knows. Answers nothing itself.

use std::sync::Arc;

use uuid::Uuid;

use super::settings::Settings;
use super::strangers::Strangers;
use crate::transport::http::door::Door;
use crate::transport::osci_keys::Keyring;
use crate::transport::osci_trust::Book;

/// What every request of a passive recipient stands on.
pub struct Recipient {
    /// Shares, permits, the house.
    pub door: Arc<Door>,
    /// The `on` entry of its deliveries.
    pub binding: String,
    /// What is written of it.
    pub settings: Arc<Settings>,
    /// The keys of the house.
    pub ring: Arc<Keyring>,
    /// Who is known.
    pub book: Arc<Book>,
    /// Which addresses have proved something.
    pub strangers: Arc<Strangers>,
}

/// What came with a request.
pub struct Came {
    /// Our id of it.
    pub id: Uuid,
    /// From where.
    pub peer: String,
    /// Hash of its octets, hex.
    pub sha256: String,
    /// How many there were.
    pub size: u64,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
}

impl Recipient {
    /// The recipient behind a door.
    pub fn new(door: Arc<Door>, settings: Arc<Settings>, ring: Arc<Keyring>, book: Arc<Book>) -> Recipient {
        let binding = format!("osci {}", door.connection);
        let strangers = Arc::new(Strangers::new(settings.max_in_flight, settings.body_memory << 20));
        Recipient { door, binding, settings, ring, book, strangers }
    }
}
