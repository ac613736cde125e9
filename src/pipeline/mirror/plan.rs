//! A delivery as the mirror sees it: which record it speaks of, under which keys, and what it would make of it.
//! Reads the message only.

use jiff::Timestamp;

use crate::effects::{Answer, Question, Stored};
use crate::message::Message;
use crate::pipeline::step::Trouble;
use crate::pipeline::uhr;
use crate::register::gemeinden::{Geburtsplatz, Gemeinden};
use crate::register::keys::{self, SearchKey};
use crate::register::record::{Eintragung, Kind, Mutter, Quelle, Registersatz, Zeit, moment};
use crate::rejection::{Fault, Rejection};

use super::judge::{self, Judged, Known};

/// What a delivery is.
pub enum Art {
    /// 0804: the record as it is now.
    Eintragung(Box<Registersatz>),
    /// 0805: the record as it was and as it is now.
    Korrektur {
        /// As it was.
        alt: Box<Registersatz>,
        /// As it is now.
        neu: Box<Registersatz>,
        /// False where no part of it is given anew.
        aendert: bool,
    },
    /// 0806: the record goes.
    Loeschung,
}

/// A delivery.
pub struct Delivery {
    art: Art,
    stamp: Timestamp,
    made: Timestamp,
    keys: Vec<SearchKey>,
    /// Beside each key that of the program before, where it is another.
    alte: Vec<Option<SearchKey>>,
    /// Beside each key where the same child stands whose place is written in another way.
    orte: Vec<Option<Schreibweise>>,
    /// Where nothing older may come in either once the record is gone.
    daneben: Vec<SearchKey>,
}

/// A place of birth that has several names, and of a child born there what does not depend on them.
struct Schreibweise {
    /// The Gemeinde.
    ars: String,
    /// As this delivery writes it.
    ort: Option<String>,
    /// What every record of the child stands under.
    tage: SearchKey,
    /// The child's key by the official name: its tombstone stands there, too.
    amtlich: SearchKey,
}

impl Schreibweise {
    fn of(orte: &Gemeinden, kind: &Kind, mutter: &Mutter) -> Option<Schreibweise> {
        let Geburtsplatz::Gemeinde(ars) = orte.platz(kind) else { return None };
        let name = orte.amtlich(ars).first().filter(|_| orte.mehrere_namen(ars) && !keys::erwartet(kind))?;
        Some(Schreibweise {
            ars: ars.to_owned(),
            ort: kind.geburtsort.clone(),
            tage: keys::beide_tage(kind, mutter),
            amtlich: keys::child_in(name, kind, mutter),
        })
    }

    /// Whether a record is that of the child of this key, but for how its place is written.
    fn meint(&self, orte: &Gemeinden, key: &SearchKey, satz: &Registersatz) -> bool {
        orte.platz(&satz.kind) == Geburtsplatz::Gemeinde(&self.ars)
            && keys::child_in(self.ort.as_deref().unwrap_or_default(), &satz.kind, &satz.mutter) == *key
    }
}

impl Delivery {
    /// The delivery of a message; what lacks a part that every delivery has is refused.
    pub fn of(message: &Message, gemeinden: &Gemeinden) -> Result<Delivery, Trouble> {
        let record = &message.record;
        let missing = || {
            let text = "Die Angaben zu Mutter, Kind oder Eintragung fehlen.";
            Rejection::new(Fault::Other, text).rule("angaben-fehlen")
        };
        let (Some(mutter), Some(kind)) = (&record.mutter, &record.kind) else { return Err(missing().into()) };
        let stamp = uhr::stamp(message)?;
        // Also of what waited: it was received once.
        let received = message.envelope.head.received;
        let made = moment(stamp, received);
        let satz = |mutter: &Mutter, kind: &Kind, eintragung: &Eintragung| Registersatz {
            mutter: mutter.clone(),
            kind: kind.clone(),
            eintragung: eintragung.clone(),
            quelle: Quelle {
                message: message.identity.message.clone(),
                nachrichten_uuid: record.kopf.nachrichten_uuid.clone(),
                autor: record.kopf.autor.key(),
                erstellungszeitpunkt: stamp,
                empfangen: Some(received),
                transaktionsid: record.kopf.transaktionsid.clone(),
                spaetestens: None,
            },
            vermerk: Default::default(),
        };
        let mut keys = vec![keys::child(kind, mutter)];
        let mut alte = vec![keys::child_alt(kind, mutter)];
        let mut orte = vec![Schreibweise::of(gemeinden, kind, mutter)];
        let eintragung = record.eintragung.as_ref();
        // The number of the message and nothing in it says whether it enters, corrects or deletes.
        let art = match message.identity.message.rsplit('.').next() {
            Some("0804") => Art::Eintragung(Box::new(satz(mutter, kind, eintragung.ok_or_else(missing)?))),
            Some("0805") => {
                let alt = satz(mutter, kind, eintragung.ok_or_else(missing)?);
                let given = record.neu.as_deref();
                let neu = satz(
                    given.and_then(|neu| neu.mutter.as_ref()).unwrap_or(mutter),
                    given.and_then(|neu| neu.kind.as_ref()).unwrap_or(kind),
                    given.and_then(|neu| neu.eintragung.as_ref()).unwrap_or(&alt.eintragung),
                );
                let key = keys::child(&neu.kind, &neu.mutter);
                if keys[0] != key {
                    keys.push(key);
                    alte.push(keys::child_alt(&neu.kind, &neu.mutter));
                    orte.push(Schreibweise::of(gemeinden, &neu.kind, &neu.mutter));
                }
                let aendert =
                    given.is_some_and(|n| n.mutter.is_some() || n.kind.is_some() || n.eintragung.is_some());
                Art::Korrektur { alt: Box::new(alt), neu: Box::new(neu), aendert }
            }
            Some("0806") => Art::Loeschung,
            _ => {
                let text =
                    "mirror takes deliveries 0804, 0805 and 0806 only; take this message off the route";
                return Err(Trouble::Ours(text.to_owned()));
            }
        };
        Ok(Delivery { art, stamp, made, keys, alte, orte, daneben: Vec::new() })
    }

    /// The keys of the record: as it stands in the mirror, then the new one where it changes.
    pub fn keys(&self) -> &[SearchKey] {
        &self.keys
    }

    /// The key under which the record stands, or shall stand, in the mirror before this delivery.
    pub fn key(&self) -> &SearchKey {
        &self.keys[0]
    }

    /// The key under which it waits for its record: that of the official name, under which whatever name it comes with wakes it.
    pub fn wartet(&self) -> &SearchKey {
        self.orte[0].as_ref().map_or(&self.keys[0], |ort| &ort.amtlich)
    }

    /// The keys beside [`Delivery::key`] under which nothing older may come in once the record is gone.
    pub fn daneben(&self) -> &[SearchKey] {
        &self.daneben
    }

    /// When the author made it: as far as that is believed, which is at the latest when it was received, and as it says.
    pub fn zeit(&self) -> Zeit {
        Zeit { moment: self.made, stempel: self.stamp }
    }

    /// When the author says that it made it.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// What must be known: for each key the records and the tombstone, the same for the key under which the program before kept
    /// the same child, where that is another, and for the other names of its place, where it has some.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::with_capacity(4);
        for ((key, alt), ort) in self.keys.iter().zip(&self.alte).zip(&self.orte) {
            let own = std::iter::once(key).chain(alt).map(|key| (key, key));
            for (records, tombstone) in own.chain(ort.iter().map(|ort| (&ort.tage, &ort.amtlich))) {
                questions.extend([Question::Mirror(records.clone()), Question::Tombstone(tombstone.clone())]);
            }
        }
        questions
    }

    /// Where the tombstone of a key's child may lie: as its place is written, as the program before had it, and by the official name.
    fn steine(&self, nth: usize) -> impl Iterator<Item = &SearchKey> {
        let alt = self.alte.get(nth).and_then(Option::as_ref);
        let amtlich = self.orte.get(nth).and_then(Option::as_ref).map(|ort| &ort.amtlich);
        self.keys.get(nth).into_iter().chain(alt).chain(amtlich)
    }

    /// Of what was deleted under its keys: how late its stamps were, under each name of the place.
    pub fn stempel(&self, known: &Known) -> Vec<Question> {
        let deleted = known.deleted.iter().enumerate().filter(|(_, deleted)| deleted.is_some());
        let places = deleted.flat_map(|(nth, _)| self.steine(nth));
        places.map(|key| Question::Tombstone(keys::grabstein_stempel(key))).collect()
    }

    /// Takes in the answers to [`Delivery::stempel`]; `None` where others were asked.
    pub fn stamps(&self, known: &mut Known, answers: &[Answer]) -> Option<()> {
        let mut rest = answers;
        for nth in 0..known.deleted.len() {
            let asked = known.deleted[nth].map_or(0, |_| self.steine(nth).count());
            let (own, after) = rest.split_at_checked(asked)?;
            rest = after;
            known.stamp(own)?;
        }
        Some(())
    }

    /// What the store knows, from the answers to [`Delivery::questions`]; `None` where others were asked.
    pub fn known(&mut self, answers: &[Answer], gemeinden: &Gemeinden) -> Option<Known> {
        let mut rest = answers;
        let mut known = Known::default();
        for ((key, alt), ort) in self.keys.iter().zip(&self.alte).zip(&self.orte) {
            let asked = 2 + 2 * usize::from(alt.is_some()) + 2 * usize::from(ort.is_some());
            let (asked, after) = rest.split_at_checked(asked)?;
            rest = after;
            let meint = |satz: &Registersatz| ort.as_ref().is_some_and(|ort| ort.meint(gemeinden, key, satz));
            known.take(key, asked, &meint)?;
        }
        let stands = known.stored.first().into_iter().flatten();
        let stands = stands.map(|one| keys::child(&one.registersatz.kind, &one.registersatz.mutter));
        let mut daneben: Vec<SearchKey> =
            stands.chain(self.orte[0].as_ref().map(|ort| ort.amtlich.clone())).collect();
        daneben.sort_unstable();
        daneben.dedup();
        daneben.retain(|key| *key != self.keys[0]);
        self.daneben = daneben;
        Some(known)
    }

    /// The keys whose waiting messages this delivery wakes, for a record that stands under this key now.
    pub fn weckt(registersatz: &Registersatz, gemeinden: &Gemeinden) -> Vec<SearchKey> {
        let (kind, mutter) = (&registersatz.kind, &registersatz.mutter);
        let amtlich = Schreibweise::of(gemeinden, kind, mutter).map(|ort| ort.amtlich);
        let own = keys::child(kind, mutter);
        let amtlich = amtlich.filter(|key| *key != own);
        std::iter::once(own).chain(keys::child_alt(kind, mutter)).chain(amtlich).collect()
    }

    /// What is to be done.
    pub fn judge(&self, known: &Known, owns: &dyn Fn(&Stored) -> bool) -> Result<Judged, Rejection> {
        match &self.art {
            Art::Eintragung(new) => judge::eintragung(new, known, owns),
            Art::Korrektur { alt, neu, aendert } => {
                // The same place under another name contradicts nothing.
                let mut alt = alt.clone();
                if let Some([one]) = known.stored.first().map(Vec::as_slice)
                    && keys::child(&one.registersatz.kind, &one.registersatz.mutter) != self.keys[0]
                {
                    alt.kind.geburtsort.clone_from(&one.registersatz.kind.geburtsort);
                }
                judge::korrektur((&alt, neu), *aendert, known, owns)
            }
            Art::Loeschung => judge::loeschung(self.zeit(), known, owns),
        }
    }

    /// The record as it stands after this delivery; none after a deletion.
    pub fn into_registersatz(self) -> Option<Registersatz> {
        match self.art {
            Art::Eintragung(satz) => Some(*satz),
            Art::Korrektur { neu: satz, .. } => Some(*satz),
            Art::Loeschung => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::effects::{Fact, Guard};
    use crate::pipeline::testing::message;

    fn ohne() -> Gemeinden {
        Gemeinden::default()
    }

    fn unnamed(number: &str) -> Message {
        let mut message = message();
        let kind = message.record.kind.as_mut().unwrap();
        kind.namen[0].vornamen = None;
        kind.geburtsregister_nummer = Some(number.to_owned());
        message
    }

    /// What is known where a record stands, and a tombstone, under the key of the program before.
    fn known(delivered: &str, stored: &str, deleted: Option<&str>) -> Known {
        let record = |number: &str| {
            Delivery::of(&unnamed(number), &ohne()).ok().and_then(Delivery::into_registersatz).unwrap()
        };
        let satz = record(stored);
        let before = keys::alt::child(&satz.kind, &satz.mutter);
        let mut delivery = Delivery::of(&unnamed(delivered), &ohne()).ok().unwrap();
        let answer = |question: Question| {
            let fact = match &question {
                Question::Mirror(key) if *key == before => Fact::mirror([Stored {
                    id: Uuid::from_u128(7),
                    mandant: "bremen".into(),
                    partner: "jugendamt-bremen".into(),
                    registersatz: satz.clone(),
                }]),
                Question::Mirror(_) => Fact::Mirror(Vec::new()),
                Question::Tombstone(key) => {
                    Fact::Tombstone(deleted.filter(|_| *key == before).map(|at| at.parse().unwrap()))
                }
                _ => panic!("unexpected question"),
            };
            Answer { fact, guard: Guard { key: question.key(), seen: 1 } }
        };
        let answers: Vec<Answer> = delivery.questions().into_iter().map(answer).collect();
        assert_eq!(answers.len(), 4);
        assert!(delivery.known(&answers[..3], &ohne()).is_none());
        delivery.known(&answers, &ohne()).unwrap()
    }

    #[test]
    fn a_child_without_given_name_is_found_under_the_key_of_before_and_its_twin_is_not() {
        assert_eq!(known("2024/01234", "1234/2024", None).ids(), [Uuid::from_u128(7)]);
        assert!(known("1235/2024", "1234/2024", None).ids().is_empty());
    }

    #[test]
    fn a_tombstone_of_the_program_before_bars() {
        let barred = known("1235/2024", "1234/2024", Some("2027-01-01T00:00:00Z"));
        let delivery = Delivery::of(&unnamed("1235/2024"), &ohne()).ok().unwrap();
        assert!(delivery.judge(&barred, &|_| true).is_err());
        let free = known("1235/2024", "1234/2024", None);
        assert!(matches!(delivery.judge(&free, &|_| true), Ok(Judged::New(_))));
    }

    #[test]
    fn what_waits_is_woken_under_both_keys() {
        let satz = |message: &Message| {
            Delivery::of(message, &ohne()).ok().and_then(Delivery::into_registersatz).unwrap()
        };
        assert_eq!(Delivery::weckt(&satz(&unnamed("1234/2024")), &ohne()).len(), 2);
        assert_eq!(Delivery::weckt(&satz(&message()), &ohne()).len(), 1);
    }
}
