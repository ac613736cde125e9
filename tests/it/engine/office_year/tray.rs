//! What the office finds in its tray: the daily list of what of its deliveries had no effect, and the notices that were handed to it.
//! The other partners take what they get and keep nothing.

use std::sync::Mutex;

use async_trait::async_trait;
use drehscheibe::envelope::Envelope;
use drehscheibe::register::objection::Why;
use drehscheibe::transport::port::{Destination, Receipt, SendError};
use serde_json::Value;
use uuid::Uuid;

/// A delivery of the office as the list names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offen {
    /// Our id of the delivery.
    pub id: Uuid,
    pub why: Why,
}

/// The tray of the office.
#[derive(Default)]
pub struct Tray {
    lists: Mutex<Vec<Vec<Offen>>>,
    notices: Mutex<Vec<Uuid>>,
}

impl Tray {
    /// The lists that came since the last look.
    pub fn lists(&self) -> Vec<Vec<Offen>> {
        std::mem::take(&mut *self.lists.lock().unwrap())
    }

    /// Whether a notice of this id was handed to the office.
    pub fn noticed(&self, uuid: Uuid) -> bool {
        self.notices.lock().unwrap().contains(&uuid)
    }

    fn take(&self, body: &[u8]) {
        let text = std::str::from_utf8(body).unwrap();
        if let Ok(letter) = serde_json::from_str::<Value>(text) {
            if letter["art"] == "offene-lieferungen" {
                // A notice of others came by itself, too.
                let own = |entry: &&Value| entry["grund"] != "Mitteilung";
                let all = letter["lieferungen"].as_array().unwrap().iter();
                let listed: Vec<Offen> = all.filter(own).map(listed).collect();
                if !listed.is_empty() {
                    self.lists.lock().unwrap().push(listed);
                }
            }
        } else if text.contains("141010") {
            let (_, after) = text.split_once("<nachrichtenUUID>").unwrap();
            self.notices.lock().unwrap().push(after[..36].parse().unwrap());
        }
    }
}

/// An entry of the list, by the words that the office reads.
fn listed(entry: &Value) -> Offen {
    let why = match entry["grund"].as_str().unwrap() {
        "abgewiesen" => Why::Rejected,
        "zurückgestellt" => Why::Parked,
        "gesondert" => Why::Quarantined,
        "wartet auf den Registersatz" => Why::Waiting,
        "unlesbar" => Why::Unreadable,
        other => panic!("the office does not know what to do about `{other}`"),
    };
    Offen { id: entry["kennung"].as_str().unwrap().parse().unwrap(), why }
}

#[async_trait]
impl Destination for Tray {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.take(&envelope.body);
        Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Ok(None)
    }

    fn width(&self) -> usize {
        2
    }
}

/// A partner that takes everything.
pub struct Taker;

#[async_trait]
impl Destination for Taker {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Ok(None)
    }

    fn width(&self) -> usize {
        8
    }
}
