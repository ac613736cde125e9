//! What the office delivers, and how its deliveries go wrong: by lot two of a hundred so that they are refused, one of two hundred so
//! that it is parked, one a week so that nobody can read it. What became of each is told by the verdict, never by the lot.

use bytes::Bytes;
use drehscheibe::register::record::TeilDatum;
use jiff::SignedDuration;
use uuid::Uuid;

use super::jahr::Jahr;
use super::schrift::{self, Satz, Wer};

const REFUSED: f64 = 2.0;
const PARKED: f64 = 0.5;

/// A message of the office, as it was meant.
#[derive(Clone)]
pub struct Letter {
    pub child: usize,
    /// As it was: of a Korrektur or Löschung.
    pub alt: Option<Satz>,
    /// As it is: of an Eintragung or Korrektur.
    pub neu: Option<Satz>,
    pub wer: Wer,
    /// In which order the office made its messages, whatever its clock said.
    pub made: u64,
    /// The office knows that its Registersatz is under way.
    pub early: bool,
}

impl Letter {
    fn written(&self, wer: &Wer) -> String {
        match (&self.alt, &self.neu) {
            (None, Some(neu)) => schrift::eintragung(wer, neu),
            (Some(alt), Some(neu)) => schrift::korrektur(wer, alt, neu),
            (Some(alt), None) => schrift::loeschung(wer, alt),
            (None, None) => panic!("a delivery about nothing"),
        }
    }
}

/// What leaves the office's system.
#[derive(Clone)]
pub struct Packet {
    pub letter: Letter,
    pub body: Bytes,
    pub binding: &'static str,
}

pub const LIEFERUNGEN: &str = "http /v1/lieferungen";

impl Packet {
    pub fn of(letter: Letter) -> Packet {
        let body = letter.written(&letter.wer).into();
        Packet { letter, body, binding: LIEFERUNGEN }
    }
}

impl Jahr {
    /// A message about a child, made now by the office's clock.
    pub fn letter(&mut self, child: usize, alt: Option<Satz>, neu: Option<Satz>) -> Letter {
        let made = self.house.fresh();
        let name = format!("urn:drehscheibe:jahr:{made}");
        let uuid = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes());
        let stamp = self.house.clock.now() + self.ahead;
        Letter { child, alt, neu, wer: Wer { uuid, stamp, fehlgeleitet: false }, made, early: false }
    }

    /// The office tells what it entered; the lot decides how that leaves its system.
    pub async fn deliver(&mut self, child: usize, alt: Option<Satz>, neu: Option<Satz>) {
        let letter = self.letter(child, alt, neu);
        let packet = self.by_lot(letter);
        self.figures.deliveries += 1;
        self.send(packet).await;
    }

    fn by_lot(&mut self, letter: Letter) -> Packet {
        if std::mem::take(&mut self.spoil) {
            self.figures.meant_unreadable += 1;
            return self.unreadable(letter);
        }
        if self.z.prozent(REFUSED) {
            self.figures.meant_refused += 1;
            return self.refused(letter);
        }
        if self.z.prozent(PARKED) {
            self.figures.meant_parked += 1;
            return self.parked(letter);
        }
        Packet::of(letter)
    }

    fn unreadable(&mut self, letter: Letter) -> Packet {
        let good = Packet::of(letter);
        let text = std::str::from_utf8(&good.body).unwrap();
        let body = match self.z.unter(5) {
            // Cut off on the way; its own id can still be read.
            0 | 1 => good.body.slice(..good.body.len() * 7 / 10),
            // By a version of its own of the schema.
            2 | 3 => text.replace("angabenZumKind", "angabenZumKinde").into(),
            // Nothing in it can be read, not even its id.
            _ => text.bytes().flat_map(|octet| [octet ^ 0x5a, 0]).collect::<Vec<u8>>().into(),
        };
        Packet { body, ..good }
    }

    fn refused(&mut self, letter: Letter) -> Packet {
        let korrektur = letter.alt.is_some() && letter.neu.is_some();
        let kinds = if korrektur { 5 } else { 3 };
        let mut wer = letter.wer;
        let mut said = letter.clone();
        match self.z.unter(kinds) {
            // The clock of one machine of the office.
            0 => wer.stamp += SignedDuration::from_hours(48),
            1 => wer.fehlgeleitet = true,
            // Under the id of the message before it.
            2 => wer.uuid = self.last,
            // The state before is another one than the platform's.
            3 => {
                if let Some(alt) = &mut said.alt {
                    alt.arten = if alt.arten == ["02"] { vec![] } else { vec!["02"] };
                }
            }
            // The mother's day is mistyped, so there is no such Registersatz.
            _ => {
                for satz in [&mut said.alt, &mut said.neu].into_iter().flatten() {
                    let day = satz.mutter.geburtsdatum;
                    satz.mutter.geburtsdatum = TeilDatum { jahr: day.jahr - 1, tag: Some(11), ..day };
                }
            }
        }
        let body = said.written(&wer).into();
        Packet { letter: Letter { wer, ..letter }, body, binding: LIEFERUNGEN }
    }

    fn parked(&mut self, letter: Letter) -> Packet {
        let good = Packet::of(letter);
        let text = std::str::from_utf8(&good.body).unwrap();
        let place = "<xfg:geburtsort>Bremen<";
        if text.contains(place) && self.z.prozent(70.0) {
            let body = text.replace(place, "<xfg:geburtsort>Bremen am Moor<").into();
            return Packet { body, ..good };
        }
        // Handed in where no delivery is taken.
        Packet { binding: "http /v1/registermeldungen", ..good }
    }
}
