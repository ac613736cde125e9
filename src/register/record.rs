//! The canonical records that every version of every standard is mapped to, and nothing of any standard.
//! All of it is person data: the types print redacted and are serialised only to be sealed.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A name of a natural person; every part may be missing, which is not the same as empty.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personenname {
    /// Family name, unstructured.
    pub familienname: Option<String>,
    /// Name at birth.
    pub geburtsname: Option<String>,
    /// Given names, in their order, separated by spaces.
    pub vornamen: Option<String>,
}

/// A date of which the day or the month may be unknown.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TeilDatum {
    /// Year, four digits.
    pub jahr: i16,
    /// Month 1–12.
    pub monat: Option<i8>,
    /// Day 1–31.
    pub tag: Option<i8>,
}

impl TeilDatum {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `None` for anything else and for days that do not exist.
    pub fn parse(text: &str) -> Option<TeilDatum> {
        let digits = |part: &str, len: usize| {
            (part.len() == len && part.bytes().all(|b| b.is_ascii_digit()))
                .then(|| part.parse::<i16>().ok())
                .flatten()
        };
        let mut parts = text.split('-');
        let jahr = digits(parts.next()?, 4)?;
        let monat =
            parts.next().map(|p| digits(p, 2).filter(|m| (1..=12).contains(m)).ok_or(())).transpose().ok()?;
        let tag = parts.next().map(|p| digits(p, 2).ok_or(())).transpose().ok()?;
        if parts.next().is_some() {
            return None;
        }
        if let (Some(monat), Some(tag)) = (monat, tag) {
            jiff::civil::Date::new(jahr, monat as i8, tag as i8).ok()?;
        }
        Some(TeilDatum { jahr, monat: monat.map(|m| m as i8), tag: tag.map(|t| t as i8) })
    }

    /// True when year, month and day are known.
    pub fn vollstaendig(&self) -> bool {
        self.monat.is_some() && self.tag.is_some()
    }
}

impl fmt::Display for TeilDatum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.jahr)?;
        if let Some(monat) = self.monat {
            write!(f, "-{monat:02}")?;
            if let Some(tag) = self.tag {
                write!(f, "-{tag:02}")?;
            }
        }
        Ok(())
    }
}

/// A registered address; only what routing and letters need.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anschrift {
    /// AGS, 8 digits.
    pub gemeindeschluessel: Option<String>,
    /// Street.
    pub strasse: Option<String>,
    /// House number.
    pub hausnummer: Option<String>,
    /// Letter or further digits of the house number.
    pub hausnummer_zusatz: Option<String>,
    /// Postal code.
    pub postleitzahl: Option<String>,
    /// Place.
    pub wohnort: Option<String>,
}

/// The mother.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutter {
    /// Her name.
    pub name: Personenname,
    /// Place of birth.
    pub geburtsort: Option<String>,
    /// State of birth; `None` means Germany.
    pub geburtsstaat: Option<String>,
    /// Date of birth.
    pub geburtsdatum: TeilDatum,
    /// Registered addresses.
    pub anschriften: Vec<Anschrift>,
    /// Marital status, DSMeld code.
    pub familienstand: Option<String>,
}

/// The child.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// All names given; the first is the name at registration.
    pub namen: Vec<Personenname>,
    /// Place of birth.
    pub geburtsort: Option<String>,
    /// State of birth; `None` means Germany.
    pub geburtsstaat: Option<String>,
    /// Date of birth; `None` before birth.
    pub geburtsdatum: Option<TeilDatum>,
    /// Number in the birth register.
    pub geburtsregister_nummer: Option<String>,
    /// Registry office of birth.
    pub geburtsstandesamt: Option<String>,
    /// ARS of the register-keeping Jugendamt, 12 digits.
    pub register_ars: Option<String>,
    /// Expected date of birth, only before birth.
    pub erwartet: Option<TeilDatum>,
}

/// What the register says about custody.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eintragung {
    /// Whether there is any entry.
    pub vorhanden: bool,
    /// Codes 01–04 of the entries.
    pub arten: Vec<String>,
    /// Office of the mother's residence, as text.
    pub wohnort_jugendamt: Option<String>,
    /// Register-keeping office, as text.
    pub registerfuehrendes_jugendamt: Option<String>,
}

/// Where a record came from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quelle {
    /// Message type, such as `xfamilie.0804`.
    pub message: String,
    /// The message's UUID.
    pub nachrichten_uuid: String,
    /// The author's key, `praefix:kennung`.
    pub autor: String,
    /// When the author made the message.
    pub erstellungszeitpunkt: Timestamp,
    /// The Vorgang's id at the author.
    pub transaktionsid: Option<String>,
}

/// One child in the mirror, with or without Eintragung.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registersatz {
    /// The mother.
    pub mutter: Mutter,
    /// The child.
    pub kind: Kind,
    /// The entry.
    pub eintragung: Eintragung,
    /// Where it came from.
    pub quelle: Quelle,
}

/// An authority as a header names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behoerde {
    /// Prefix of its key, such as `jga`.
    pub praefix: String,
    /// Its key.
    pub kennung: String,
    /// Its name.
    pub name: String,
}

impl Behoerde {
    /// The key as `praefix:kennung`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.praefix, self.kennung)
    }
}

/// The header of a message, the same for all standards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kopf {
    /// The message's UUID as written.
    pub nachrichten_uuid: String,
    /// Type code, such as `0804`.
    pub nachrichtentyp: String,
    /// When the author made it, as written.
    pub erstellungszeitpunkt: String,
    /// Who wrote it.
    pub autor: Behoerde,
    /// Who shall read it.
    pub leser: Behoerde,
    /// The author's id of the Vorgang.
    pub transaktionsid: Option<String>,
}

/// A message as a record: what every version of a standard is mapped to.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The header.
    pub kopf: Kopf,
    /// The mother, where the message speaks of one.
    pub mutter: Option<Mutter>,
    /// The child, where the message speaks of one.
    pub kind: Option<Kind>,
    /// The entry, where the message carries one.
    pub eintragung: Option<Eintragung>,
    /// UUID of the message that a Quittung or Rückweisung speaks of.
    pub bezug: Option<String>,
    /// Codes of a Rückweisung.
    pub gruende: Vec<String>,
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
redacted!(Personenname, TeilDatum, Anschrift, Mutter, Kind, Eintragung, Quelle, Registersatz, Record);
