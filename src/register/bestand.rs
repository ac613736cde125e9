//! What is known of the completeness and freshness of a Jugendamt's register (rules.md 6): without it *known, no entry* is no answer.
//! Pure: counts and moments come in, no person data is held.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A comparison of the office's list with the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abgleich {
    /// When it was made.
    pub am: Timestamp,
    /// How many Registersätze the office holds.
    pub erwartet: u64,
    /// How many stood in the mirror.
    pub gezaehlt: u64,
    /// How many of the office's were missing in the mirror.
    pub fehlend: u64,
    /// How many stood in the mirror that the office does not hold.
    pub ueberzaehlig: u64,
    /// Who made it.
    pub person: String,
}

/// A person's signature under the completeness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unterschrift {
    /// Who.
    pub person: String,
    /// When.
    pub am: Timestamp,
}

/// A Bestandsmeldung of the office and whether the mirror agreed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meldung {
    /// When it came.
    pub am: Timestamp,
    /// How many Registersätze the office said it holds.
    pub anzahl: u64,
    /// Whether the mirror had as many and knew the last message.
    pub stimmt: bool,
}

/// The Bestand of one Jugendamt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bestand {
    /// When the initial load was begun; repeated records are receipted from then until it is declared.
    #[serde(default)]
    pub begonnen: Option<Timestamp>,
    /// The last comparison since then.
    #[serde(default)]
    pub abgleich: Option<Abgleich>,
    /// Who signed the completeness; two different persons are needed.
    #[serde(default)]
    pub unterschriften: Vec<Unterschrift>,
    /// The last Bestandsmeldung.
    #[serde(default)]
    pub meldung: Option<Meldung>,
}
