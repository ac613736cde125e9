//! The canonical records that every version of every standard is mapped to, and nothing of any standard.
//! All of it is person data: the types print redacted and are serialised only to be sealed.

use std::cmp::Ordering;
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

    /// Whether both may be one day: no part that both know differs. A year of 0 is not known.
    pub fn vertraeglich(&self, other: &TeilDatum) -> bool {
        let may = |one: Option<i8>, other: Option<i8>| one.is_none() || other.is_none() || one == other;
        self.jahr <= 0
            || other.jahr <= 0
            || self.jahr == other.jahr && may(self.monat, other.monat) && may(self.tag, other.tag)
    }

    /// The months, counted through all years, in which it may lie: first and last; `None` where not even the year is known.
    pub fn monate(&self) -> Option<(i32, i32)> {
        let month = |monat: i8| i32::from(self.jahr) * 12 + i32::from(monat) - 1;
        (self.jahr > 0).then(|| (month(self.monat.unwrap_or(1)), month(self.monat.unwrap_or(12))))
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
    /// AGS, 8 digits; an ARS of 12 digits serves as well. Both, apart by a blank, where they contradict each other: no key.
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

/// An address abroad.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auslandsanschrift {
    /// State, Destatis key.
    pub staat: Option<String>,
    /// Its lines.
    pub zeilen: Vec<String>,
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
    /// Which of the addresses are marked as the main residence, by their place in the list; read from requests only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hauptwohnungen: Vec<usize>,
    /// Address abroad; read from requests only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ausland: Option<Auslandsanschrift>,
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

/// Code of Germany where a state is given.
pub const DEUTSCHLAND: &str = "000";

impl Kind {
    /// Whether it was born abroad: a state is given, and it is not Germany.
    pub fn im_ausland(&self) -> bool {
        self.geburtsstaat.as_deref().is_some_and(|staat| !staat.is_empty() && staat != DEUTSCHLAND)
    }
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

/// What an authorised person of the Jugendamt marked on a Registersatz; any mark ends automatic answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vermerk {
    /// The data are contested (§ 84(2) SGB X).
    pub bestritten: bool,
    /// The office is clarifying the data.
    pub klaerung: bool,
    /// Two deliveries of which nobody knows which is the younger contradict each other; no person marked it, and one that is younger than
    /// both takes it back.
    #[serde(default)]
    pub widerspruch: bool,
}

impl Vermerk {
    /// Whether anything speaks against answering from this record without a person.
    pub fn belastet(&self) -> bool {
        self.bestritten || self.klaerung || self.widerspruch
    }
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
    /// When the author made the message, as it says.
    pub erstellungszeitpunkt: Timestamp,
    /// When the message was received; a store fills it in where a program before this one did not write it.
    #[serde(default)]
    pub empfangen: Option<Timestamp>,
    /// The Vorgang's id at the author.
    pub transaktionsid: Option<String>,
    /// The latest that deliveries of this record claimed so far, where this one is not after it: what shall settle which of them holds
    /// has to be after that, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spaetestens: Option<Zeit>,
}

impl Quelle {
    /// The moment by which deliveries of one record are ordered (rules.md 2.2).
    pub fn moment(&self) -> Timestamp {
        moment(self.erstellungszeitpunkt, self.empfangen.unwrap_or(Timestamp::MAX))
    }

    /// When the message was made: as far as that is believed, and as its author says.
    pub fn zeit(&self) -> Zeit {
        Zeit { moment: self.moment(), stempel: self.erstellungszeitpunkt }
    }

    /// The latest that any delivery of this record claimed.
    pub fn stand(&self) -> Zeit {
        self.spaetestens.map_or(self.zeit(), |spaetestens| spaetestens.spaeter(self.zeit()))
    }

    /// The same source of a record of which deliveries claimed as late as this.
    pub fn bis(self, stand: Zeit) -> Quelle {
        let stand = stand.spaeter(self.zeit());
        Quelle { spaetestens: (stand != self.zeit()).then_some(stand), ..self }
    }
}

/// When a delivery was made. Deliveries of one record are ordered by their moments; but a moment that is a receipt, because the stamp lay
/// ahead of it, is the order of their ways only. Where the author's own clock says another order, nobody knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zeit {
    /// The earlier of stamp and receipt.
    pub moment: Timestamp,
    /// The stamp as it was written.
    pub stempel: Timestamp,
}

/// How one delivery stands to what was delivered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folge {
    /// It was made after it, by moment and by stamp.
    Juenger,
    /// It was made before it, by both.
    Aelter,
    /// Of one moment or one stamp, or the two contradict each other.
    Unklar,
}

impl Zeit {
    /// How this one stands to another.
    pub fn nach(self, other: Zeit) -> Folge {
        match (self.moment.cmp(&other.moment), self.stempel.cmp(&other.stempel)) {
            (Ordering::Greater, Ordering::Greater) => Folge::Juenger,
            (Ordering::Less, Ordering::Less) => Folge::Aelter,
            _ => Folge::Unklar,
        }
    }

    /// The later of both, of moment and stamp each.
    pub fn spaeter(self, other: Zeit) -> Zeit {
        Zeit { moment: self.moment.max(other.moment), stempel: self.stempel.max(other.stempel) }
    }
}

/// The moment of a message: time is a claim, so what says that it was made after it was received was made when it was received.
pub fn moment(erstellt: Timestamp, empfangen: Timestamp) -> Timestamp {
    erstellt.min(empfangen)
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
    /// What a person marked on it; outlives deliveries until a person takes it back.
    #[serde(default)]
    pub vermerk: Vermerk,
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
    /// When the citizen applied, as written.
    #[serde(default)]
    pub antragszeit: Option<String>,
    /// What makes the message unique besides its UUID: with the same text of the same partner it is the same message.
    #[serde(default)]
    pub einmalig: Option<String>,
    /// The way to the citizen's mailbox.
    #[serde(default)]
    pub postkorb: Option<Postkorb>,
}

impl Kopf {
    /// When the author says that it made the message; `None` for what is no moment.
    pub fn stamped(&self) -> Option<Timestamp> {
        self.erstellungszeitpunkt.trim().parse().ok()
    }

    /// The moment that orders messages of one record (rules.md 2.2): what the author says, but never later than the receipt.
    pub fn moment(&self, received: Timestamp) -> Timestamp {
        self.stamped().map_or(received, |said| moment(said, received))
    }
}

/// The way to a citizen's mailbox as a message names it; binding only where it equals that of the Anmeldung.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postkorb {
    /// The handle.
    pub handle: Option<String>,
    /// Whether the citizen agreed to an electronic notice.
    pub zustimmung: Option<bool>,
}

/// A document that a message speaks of; its content travels as a part of the delivery.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nachweis {
    /// Its id.
    pub dokumentid: Option<String>,
    /// File name.
    pub dateiname: Option<String>,
    /// Media type.
    pub mimetype: Option<String>,
    /// Kind of document.
    pub kategorie: Option<String>,
}

/// What the mother says of her marriage, of decisions and declarations (0801 `zusatzangaben`).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zusatzangaben {
    /// Is or was married to the father.
    pub mit_vater_verheiratet: Option<bool>,
    /// Was married when the child was born.
    pub bei_geburt_verheiratet: Option<bool>,
    /// There is a court decision on custody, provisional ones included.
    pub gerichtliche_entscheidung: Option<bool>,
    /// There is a joint declaration of custody.
    pub gemeinsame_erklaerung: Option<bool>,
    /// Documents.
    pub nachweise: Vec<Nachweis>,
}

/// A wish for an appointment.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminwunsch {
    /// Days.
    pub wochentage: Vec<String>,
    /// Hours.
    pub uhrzeiten: Vec<String>,
}

/// Who is logged in at the online service that asks (rules.md 1); said by the authenticated service, never by the 0801.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anmeldung {
    /// The account.
    pub konto: Option<String>,
    /// The procedure of the login.
    pub verfahren: Option<String>,
    /// `basisregistrierung`, `normal`, `substanziell` or `hoch`.
    pub vertrauensniveau: Option<String>,
    /// When she logged in, as written.
    pub zeitpunkt: Option<String>,
    /// Name as the account gives it.
    pub name: Personenname,
    /// Date of birth as the account gives it.
    pub geburtsdatum: Option<TeilDatum>,
    /// `mutter` or `bevollmaechtigt`.
    pub rolle: Option<String>,
    /// Handle of the mailbox that belongs to the login.
    pub postkorb_handle: Option<String>,
    /// For what application the answer is asked (LeiKa key); only once-only requests have one.
    pub zweck: Option<String>,
    /// When she released the answer for this application after she had seen it, as written.
    pub freigabe: Option<String>,
}

/// What a notice of another authority says about custody: a hint for the Jugendamt, never an Eintragung (rules.md 10).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hinweis {
    /// The father is said to have custody.
    pub sorgeberechtigt: bool,
    /// A declaration of custody is said to exist.
    pub sorgerechtserklaerung: bool,
}

/// A person as a search of the registration offices finds or asks for.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Present name.
    pub name: Personenname,
    /// Earlier family names.
    pub fruehere_familiennamen: Vec<String>,
    /// Given name in use.
    pub rufname: Option<String>,
    /// Date of birth.
    pub geburtsdatum: Option<TeilDatum>,
    /// Place of birth.
    pub geburtsort: Option<String>,
    /// State of birth; `None` means Germany.
    pub geburtsstaat: Option<String>,
    /// Sex, as coded.
    pub geschlecht: Option<String>,
    /// Marital status, DSMeld code.
    pub familienstand: Option<String>,
    /// Addresses.
    pub anschriften: Vec<Anschrift>,
    /// Auskunftssperren, as coded.
    pub sperren: Vec<String>,
    /// When the person died.
    pub sterbedatum: Option<TeilDatum>,
    /// What it is in a proceeding, in our own words: [`ROLLE_KIND`], [`ROLLE_ELTERNTEIL`]; other roles are not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollen: Vec<String>,
}

/// What may have changed, in the words of the record.
pub const ARTEN: &[&str] = &["umzug", "name", "tod", "adoption", EHESCHLIESSUNG, GEBURTSEINTRAG];
/// A marriage: of two persons, neither a child.
pub const EHESCHLIESSUNG: &str = "eheschliessung";
/// That what the entry in the register of births says is another than before, be it its place.
pub const GEBURTSEINTRAG: &str = "geburtseintrag";

/// A change of persons; the persons themselves stand in [`Record::personen`].
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aenderung {
    /// What changed, of [`ARTEN`], each once; none where the message only says how persons stand.
    pub arten: Vec<String>,
    /// From when on it holds.
    pub ab: Option<TeilDatum>,
    /// The sender's own sign of the event.
    pub zeichen: Option<String>,
}

impl Aenderung {
    /// Adds a kind of change, once.
    pub fn dazu(&mut self, art: &str) {
        if !self.arten.iter().any(|known| known == art) {
            self.arten.push(art.to_owned());
        }
    }
}

/// The child of whom a proceeding or a notice speaks.
pub const ROLLE_KIND: &str = "kind";
/// A parent of it; which of both is not said.
pub const ROLLE_ELTERNTEIL: &str = "elternteil";
/// Sex of a person that is not its mother.
pub const MAENNLICH: &str = "m";
/// Sex of a person that may be.
pub const WEIBLICH: &str = "w";

/// What an authority says of its own register (daily Bestandsmeldung) or a person orders about it (rules.md 6).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registermeldung {
    /// What: `beginn`, `abgleich`, `erklaerung`, `meldung`, `marke`, `rueckzug`, `erledigt`, `abgelehnt`, `bestaetigung`,
    /// `freigabe`, `zuweisung`, `offene-lieferungen`.
    pub was: String,
    /// The Jugendamt, as named in `partners.yaml`.
    pub jugendamt: Option<String>,
    /// How many Registersätze its register holds.
    pub anzahl: Option<u64>,
    /// How many of its Registersätze were missing here, by an Abgleich.
    pub fehlend: Option<u64>,
    /// How many stood here that its register does not hold, by an Abgleich.
    pub ueberzaehlig: Option<u64>,
    /// Whether an Abgleich compared each child with the codes of its Eintragung, by the office's list, and not counts alone.
    pub liste: Option<bool>,
    /// As of when that list speaks, by what the office states: the moment of the export that it was made of, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stand: Option<String>,
    /// UUID of the last message that it sent.
    pub letzte_uuid: Option<String>,
    /// Id of the Registersatz or Vorgang that is meant; of a notice the UUID of its message.
    pub id: Option<String>,
    /// Mark to set: `bestritten`, `klaerung` or `keine`.
    pub marke: Option<String>,
    /// The file number under which the office answers for what a person of the operator releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aktenzeichen: Option<String>,
}

/// A message as a record: what every version of a standard is mapped to. A part that is not written is not there.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// What a Korrektur replaces the given data by; parts that it leaves as they are stay `None`.
    pub neu: Option<Box<Angaben>>,
    /// What the mother says besides.
    pub zusatz: Option<Zusatzangaben>,
    /// Wishes for an appointment.
    pub termine: Vec<Terminwunsch>,
    /// Who is logged in where the document itself says so.
    pub anmeldung: Option<Anmeldung>,
    /// What a notice says about custody.
    pub hinweis: Option<Hinweis>,
    /// Persons that a search asks for or found, or that take part in what a notice speaks of.
    pub personen: Vec<Person>,
    /// How a search ended, as coded.
    pub ergebnisstatus: Option<String>,
    /// What is said of a register as a whole.
    pub registermeldung: Option<Registermeldung>,
    /// What changed of the persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aenderung: Option<Aenderung>,
}

/// The parts of a Registersatz that a message may give one by one.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Angaben {
    /// The mother.
    pub mutter: Option<Mutter>,
    /// The child.
    pub kind: Option<Kind>,
    /// The entry.
    pub eintragung: Option<Eintragung>,
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
redacted! {
    Personenname, TeilDatum, Anschrift, Auslandsanschrift, Mutter, Kind, Eintragung, Quelle,
    Registersatz, Record, Postkorb, Nachweis, Zusatzangaben, Terminwunsch, Anmeldung, Hinweis, Person,
    Registermeldung, Aenderung, Angaben
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_stamp_and_receipt_orders() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let received = at("2026-11-21T10:00:00Z");
        let moment =
            |said: &str| Kopf { erstellungszeitpunkt: said.into(), ..Kopf::default() }.moment(received);
        assert_eq!(moment(" 2026-11-21T09:00:00Z"), at("2026-11-21T09:00:00Z"));
        assert_eq!(moment("2026-11-21T19:00:00Z"), received);
        assert_eq!(moment("yesterday"), received);
    }

    #[test]
    fn what_stamp_and_moment_order_otherwise_has_no_order() {
        let zeit = |moment: i64, stempel: i64| Zeit {
            moment: Timestamp::from_second(moment).unwrap(),
            stempel: Timestamp::from_second(stempel).unwrap(),
        };
        for (other, folge) in [
            (zeit(4, 8), Folge::Juenger),
            (zeit(6, 10), Folge::Aelter),
            (zeit(4, 10), Folge::Unklar),
            (zeit(6, 8), Folge::Unklar),
            (zeit(4, 9), Folge::Unklar),
            (zeit(5, 8), Folge::Unklar),
            (zeit(5, 9), Folge::Unklar),
        ] {
            assert_eq!(zeit(5, 9).nach(other), folge, "{other:?}");
        }
        assert_eq!(zeit(5, 8).spaeter(zeit(4, 9)), zeit(5, 9));
    }
}
