//! What a letter states, and nothing of a person beyond it (rules.md 3): read from a Registersatz, never from a request. Also the
//! same as octets, which the PDF carries along and over which the value is computed that a page compares.

use aws_lc_rs::digest;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::register::record::{self, Personenname, Registersatz, TeilDatum};

/// On what law both letters rest.
pub const RECHTSGRUNDLAGE: &str = "§ 58 SGB VIII";
/// Most children of one letter.
pub const MOST_CHILDREN: usize = 12;

/// A fact is missing that the letter has to state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the register does not say {0}, which the letter has to state; a person has to write it")]
pub struct Fehlt(pub &'static str);

/// What an Auskunft states, and what a Hinweis states beside the entries.
#[derive(Clone, PartialEq, Eq)]
pub struct Fakten {
    /// The number under which the Vorgang is found.
    pub referenz: String,
    /// The Jugendamt that issues it, as a letter writes it.
    pub aussteller: String,
    /// The day of the letter.
    pub datum: Date,
    /// The day of which it speaks.
    pub stand: Date,
    /// The mother.
    pub mutter: Mensch,
    /// The child; several where one letter speaks of several.
    pub kinder: Vec<Kind>,
}

/// A name and a day of birth.
#[derive(Clone, PartialEq, Eq)]
pub struct Mensch {
    /// Given names.
    pub vornamen: Option<String>,
    /// Family name.
    pub familienname: Option<String>,
    /// Day of birth.
    pub geburtsdatum: TeilDatum,
}

/// The three data of a child (§ 1626d(2) BGB).
#[derive(Clone, PartialEq, Eq)]
pub struct Kind {
    /// Name at Beurkundung and day of birth.
    pub mensch: Mensch,
    /// Place of birth.
    pub geburtsort: String,
}

impl std::fmt::Debug for Fakten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fakten(..)")
    }
}

impl Mensch {
    /// From a name and a day; `what` says whose they are where one is missing.
    fn of(
        name: Option<&Personenname>,
        geburtsdatum: Option<TeilDatum>,
        what: &'static str,
    ) -> Result<Mensch, Fehlt> {
        let written = |text: Option<&String>| text.filter(|text| !text.trim().is_empty()).cloned();
        let (vornamen, familienname) = (
            written(name.and_then(|name| name.vornamen.as_ref())),
            written(name.and_then(|name| name.familienname.as_ref())),
        );
        let geburtsdatum = geburtsdatum.filter(|datum| datum.jahr > 0).ok_or(Fehlt(what))?;
        if vornamen.is_none() && familienname.is_none() {
            return Err(Fehlt(what));
        }
        Ok(Mensch { vornamen, familienname, geburtsdatum })
    }

    /// Given names before the family name.
    pub fn name(&self) -> String {
        let parts = [self.vornamen.as_deref(), self.familienname.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    fn json(&self) -> Value {
        json!({
            "familienname": self.familienname,
            "vornamen": self.vornamen,
            "geburtsdatum": self.geburtsdatum.to_string(),
        })
    }
}

impl Kind {
    /// Of a record; the first of its names is the one at Beurkundung.
    pub fn of(kind: &record::Kind) -> Result<Kind, Fehlt> {
        let geburtsort = kind.geburtsort.clone().filter(|ort| !ort.trim().is_empty());
        Ok(Kind {
            mensch: Mensch::of(kind.namen.first(), kind.geburtsdatum, "name and birth date of the child")?,
            geburtsort: geburtsort.ok_or(Fehlt("the place of birth of the child"))?,
        })
    }

    fn json(&self) -> Value {
        let mut value = self.mensch.json();
        value["geburtsort"] = self.geburtsort.clone().into();
        value
    }
}

impl Fakten {
    /// Of a Registersatz, with what the Vorgang adds: reference, issuer, day of the letter, Stand.
    pub fn of(
        satz: &Registersatz,
        (referenz, aussteller): (&str, &str),
        (datum, stand): (Date, Date),
    ) -> Result<Fakten, Fehlt> {
        let mutter = &satz.mutter;
        Ok(Fakten {
            referenz: referenz.to_owned(),
            aussteller: aussteller.to_owned(),
            datum,
            stand,
            mutter: Mensch::of(
                Some(&mutter.name),
                Some(mutter.geburtsdatum),
                "name and birth date of the mother",
            )?,
            kinder: vec![Kind::of(&satz.kind)?],
        })
    }

    /// The one sentence of a Negativauskunft.
    pub fn satz(&self) -> String {
        satz(self.stand)
    }

    /// These facts and no more as JSON, the same octets for the same facts. `eintragungen` are the names of the Arten, none for an
    /// Auskunft.
    pub fn octets(&self, eintragungen: &[&str]) -> Vec<u8> {
        let mut value = json!({
            "art": if eintragungen.is_empty() { "auskunft" } else { "hinweis-auf-eintragung" },
            "rechtsgrundlage": RECHTSGRUNDLAGE,
            "referenz": self.referenz,
            "aussteller": self.aussteller,
            "datum": self.datum.to_string(),
            "stand": self.stand.to_string(),
            "mutter": self.mutter.json(),
            "kinder": self.kinder.iter().map(Kind::json).collect::<Vec<_>>(),
        });
        if eintragungen.is_empty() {
            value["satz"] = self.satz().into();
        } else {
            value["eintragungen"] = eintragungen.into();
        }
        let mut octets = value.to_string().into_bytes();
        octets.push(b'\n');
        octets
    }
}

/// The value that a letter bears and that a page compares: SHA-256 over the octets that the PDF carries along. Whoever has the
/// file computes it from them, whoever has the paper from what it states; the page keeps the value with day and issuer, and no
/// fact. The reference in the facts makes that nobody finds them by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruefwert(pub [u8; 32]);

impl Pruefwert {
    /// Over these octets.
    pub fn over(octets: &[u8]) -> Pruefwert {
        let mut value = [0; 32];
        value.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
        Pruefwert(value)
    }

    /// In groups of four hexadecimal digits, as a person compares them.
    pub fn gruppen(&self) -> String {
        let digits = hex::encode(self.0);
        let groups: Vec<&str> =
            (0..digits.len()).step_by(4).filter_map(|at| digits.get(at..at + 4)).collect();
        groups.join(" ")
    }
}

/// The one sentence of a Negativauskunft, of the day of which it speaks (rules.md 3).
pub fn satz(stand: Date) -> String {
    format!(
        "Diese Auskunft gibt nur wieder, dass am {} im Sorgeregister keine Eintragung vorlag. \
         Andere Umstände wurden nicht geprüft.",
        tag(stand)
    )
}

/// A day as a letter writes it.
pub fn tag(day: Date) -> String {
    format!("{:02}.{:02}.{:04}", day.day(), day.month(), day.year())
}

/// A date of which parts may be unknown, as a letter writes it.
pub fn teildatum(datum: TeilDatum) -> String {
    match (datum.monat, datum.tag) {
        (Some(monat), Some(tag)) => format!("{tag:02}.{monat:02}.{:04}", datum.jahr),
        (Some(monat), None) => format!("{monat:02}.{:04}", datum.jahr),
        _ => format!("{:04}", datum.jahr),
    }
}
