//! What a request meets in the register and what was decided on it: the words of the decision, nothing that decides.
//! The case letter stands in the restricted record only; nothing of it leaves the platform (rules.md 2).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::register::bestand::Bestand;
use crate::register::keys::SearchKey;
use crate::register::record::Registersatz;

/// A row of the decision table, by its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fall {
    /// Known, no entry.
    A,
    /// Exactly {01}.
    B,
    /// Court: joint custody.
    C,
    /// Court: in part.
    D,
    /// Withdrawn, or father alone.
    E,
    /// Sperrvermerk.
    F,
    /// The mother's own answers stand against it.
    G,
    /// More than one code.
    H,
    /// Not exactly one clean exact match.
    I,
    /// Register not complete and fresh.
    J,
    /// Login fails or partner not admitted.
    K,
    /// Child of age.
    L,
    /// No issuer with release.
    M,
    /// Mother under age.
    N,
    /// Birth abroad, place or date not certain.
    O,
    /// Something open touches child or mother.
    Q,
    /// Asked by a proxy.
    V,
}

/// What becomes of a request; the values of `ergebnis` in a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ergebnis {
    /// Negativauskunft.
    Negativ,
    /// Hinweis auf Eintragung, to the mother only.
    Eintragung,
    /// For the Wohnort-Jugendamt.
    Klaerfall,
    /// No decision: which office to ask.
    Zustaendigkeit,
}

impl Ergebnis {
    /// All, as routes write them.
    pub const WORDS: &'static [&'static str] = &["negativ", "eintragung", "klaerfall", "zustaendigkeit"];

    /// As routes write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Ergebnis::Negativ => "negativ",
            Ergebnis::Eintragung => "eintragung",
            Ergebnis::Klaerfall => "klaerfall",
            Ergebnis::Zustaendigkeit => "zustaendigkeit",
        }
    }
}

/// How near a Registersatz is to what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treffer {
    /// All legal data and the mother's are equal.
    Genau,
    /// So near that it may be the same child.
    Aehnlich,
    /// Another child for certain.
    Keiner,
}

/// A Registersatz that a search found, with how near it is.
#[derive(Clone, PartialEq)]
pub struct Kandidat {
    /// Its id in the mirror.
    pub id: Uuid,
    /// The partner that delivered it.
    pub partner: String,
    /// The record.
    pub registersatz: Registersatz,
    /// How near.
    pub treffer: Treffer,
}

impl fmt::Debug for Kandidat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kandidat({}, {:?})", self.id, self.treffer)
    }
}

/// What `find` met: the candidates and what is open around child and mother.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Befund {
    /// Exact and near Registersätze; those of other children are left out.
    pub kandidaten: Vec<Kandidat>,
    /// A notice, task or pre-birth record touches this child or mother.
    pub offen: bool,
    /// What is known of the register of the birthplace, where it is kept by exactly one office.
    pub bestand: Option<Bestand>,
    /// The keys under which Registersätze were looked for.
    pub gesucht: Vec<SearchKey>,
    /// From when on what lies here unread makes the register incomplete, if nobody takes it until then.
    pub unvollstaendig_ab: Option<Timestamp>,
    /// The request is decided anew, and the time is over at which whoever asked was told that it is done.
    pub gesagt: bool,
    /// The request is decided anew.
    pub erneut: bool,
}

/// A decision, as it is kept in the restricted record and stamped on the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Entscheidung {
    /// The row that held first.
    pub fall: Fall,
    /// What becomes of the request.
    pub ergebnis: Ergebnis,
    /// Version of the table.
    pub tabelle: String,
    /// As of when the register was read.
    pub stand: Timestamp,
    /// Until when it holds by time alone; known of a Negativauskunft.
    pub gilt_bis: Option<Timestamp>,
    /// The Jugendamt of the mother's residence (partner), where it is exactly one.
    pub wohnort_amt: Option<String>,
    /// The Jugendamt that keeps the register (partner), where it is exactly one.
    pub geburts_amt: Option<String>,
    /// The Registersatz that was decided on.
    pub registersatz: Option<Uuid>,
}
