//! What a Vorgang keeps besides its state: the restricted record of a request or a notice (rules.md 4).
//! Sealed in the store; never shown outside the responsible office, and no metric counts its letters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::register::antwort::Gefragt;
use crate::register::entscheidung::Fall;
use crate::register::record::Behoerde;

/// A message that a Vorgang sent, and what the far end said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gesendet {
    /// UUID inside the message.
    pub uuid: Uuid,
    /// The partner it went to.
    pub an: String,
    /// Message type, such as `xfamilie.0801`.
    pub message: String,
    /// `true` for a Quittung, `false` for a Rückweisung, nothing yet otherwise.
    #[serde(default)]
    pub quittiert: Option<bool>,
}

/// What the answer to a notice needs; of the persons it speaks of nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rueckmeldung {
    /// The standard of the notice.
    pub standard: String,
    /// Its version.
    pub version: String,
    /// The id that the notice gave itself.
    pub uuid: String,
    /// The file number of its sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aktenzeichen: Option<String>,
    /// Who wrote it.
    pub absender: Behoerde,
}

/// The restricted record of a Vorgang.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Akte {
    /// `antrag`, `hinweis`, or `sendung` for an alias: what only leads to Vorgänge, from a message, an id, a child or a mother.
    #[serde(default)]
    pub art: String,
    /// The online service or authority that it came from (partner).
    #[serde(default)]
    pub partner: String,
    /// The id that callbacks and replies name: our id of the delivery that began it.
    #[serde(default)]
    pub nummer: Option<Uuid>,
    /// Our id of the delivery by which its office answered. A program before this one did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beantwortet: Option<Uuid>,
    /// The partner's id of the Vorgang.
    #[serde(default)]
    pub transaktionsid: Option<String>,
    /// `self-service` or `once-only`.
    #[serde(default)]
    pub use_: Option<String>,
    /// The row of the table.
    #[serde(default)]
    pub fall: Option<Fall>,
    /// Version of the table.
    #[serde(default)]
    pub tabelle: Option<String>,
    /// The Registersatz that the answer was read from.
    #[serde(default)]
    pub satz: Option<Uuid>,
    /// As of when the register was read.
    #[serde(default)]
    pub stand: Option<Timestamp>,
    /// Of a Negativauskunft: until when it would be decided so by time alone, if nothing else happens: as long as its register is fresh, nothing lies
    /// unread for too long, and it is the same day. A program before this one did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gilt_bis: Option<Timestamp>,
    /// Of a Negativauskunft: by which routes, packages, tables and partners it was decided (`decided_by`). A program before this one did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entschieden_nach: Option<String>,
    /// Mailbox handle of the login.
    #[serde(default)]
    pub postkorb: Option<String>,
    /// Ids of open notices and tasks that stand under this key.
    #[serde(default)]
    pub offen: Vec<Uuid>,
    /// Of a notice: the keys under which it is open, in the words of `keys::in_worten`.
    #[serde(default)]
    pub unter: Vec<String>,
    /// Of a notice: the key of the one place where all its children were born. Who keeps its register today ends the notice, too, where the
    /// place went over from the office that got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ort: Option<String>,
    /// What was sent.
    #[serde(default)]
    pub gesendet: Vec<Gesendet>,
    /// How often the office was reminded.
    #[serde(default)]
    pub erinnerungen: u32,
    /// Of a Klärfall: what was asked, so that its answer can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gefragt: Option<Box<Gefragt>>,
    /// Of a notice whose sender awaits what became of it: what the answer needs; gone once it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rueckmeldung: Option<Box<Rueckmeldung>>,
    /// Nothing was decided because the login is missing, unreadable or too old: the service has her log in again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erneuern: bool,
    /// Its answer was taken back before it left, when the service had been told that it is done: it is told nothing more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gesagt: bool,
    /// Of a Negativauskunft: it left a trace under every key that it rests on. One that a program before this decided may have left fewer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spuren: bool,
    /// Two persons gave it to its office: nobody else answers it, nor does that one once the residence that was asked for says another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zugewiesen: bool,
    /// What was sent last to each partner of what has no place in a lane because it has several ways, and when: what comes after it leaves
    /// after it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zuletzt: Box<BTreeMap<String, (Uuid, Timestamp)>>,
    /// The ids of what each office was sent of a request beside the request itself that has several ways: they stand in no lane, so nothing else
    /// finds them where the Vorgang goes to another office.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wege: Box<BTreeMap<String, Vec<Uuid>>>,
    /// What a first person said; it waits for a second one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zuweisung: Option<Zuweisung>,
}

/// A first person's word to which office a Vorgang is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zuweisung {
    /// The office.
    pub amt: String,
    /// Who said so.
    pub person: String,
    /// When.
    pub am: Timestamp,
    /// The office's Aktenzeichen; a program before this one did not keep it, and what it left agrees with none.
    #[serde(default)]
    pub aktenzeichen: String,
}

/// [`Akte::art`] of a request.
pub const ANTRAG: &str = "antrag";

/// The use of an application of another authority (Once-Only).
pub const ONCE_ONLY: &str = "once-only";

impl Akte {
    /// The mailbox that the answer of an office goes to: never that of a proxy, the mother alone receives it (rules.md 2.5).
    pub fn postkorb_der_mutter(&self) -> Option<&str> {
        self.postkorb.as_deref().filter(|_| self.fall != Some(Fall::V))
    }

    /// Whether the service is told once that it is done, whatever becomes of it, and never more.
    pub fn told_once(&self) -> bool {
        self.once_only() || self.gesagt
    }

    /// Whether the Vorgang was begun for another application.
    pub fn once_only(&self) -> bool {
        self.use_.as_deref() == Some(ONCE_ONLY)
    }
}

impl std::fmt::Debug for Akte {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Akte({})", self.art)
    }
}
