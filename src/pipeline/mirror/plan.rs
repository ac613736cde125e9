//! A delivery as the mirror sees it: which record it speaks of, under which keys, and what it would make of it.
//! Reads the message only.

use jiff::Timestamp;

use crate::effects::{Answer, Question, Stored};
use crate::message::Message;
use crate::pipeline::step::Trouble;
use crate::pipeline::uhr;
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
}

impl Delivery {
    /// The delivery of a message; what lacks a part that every delivery has is refused.
    pub fn of(message: &Message) -> Result<Delivery, Trouble> {
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
        Ok(Delivery { art, stamp, made, keys, alte })
    }

    /// The keys of the record: as it stands in the mirror, then the new one where it changes.
    pub fn keys(&self) -> &[SearchKey] {
        &self.keys
    }

    /// The key under which the record stands, or shall stand, in the mirror before this delivery.
    pub fn key(&self) -> &SearchKey {
        &self.keys[0]
    }

    /// When the author made it: as far as that is believed, which is at the latest when it was received, and as it says.
    pub fn zeit(&self) -> Zeit {
        Zeit { moment: self.made, stempel: self.stamp }
    }

    /// When the author says that it made it.
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// What must be known: for each key the records and the tombstone, and the same for the key under which the program before kept
    /// the same child, where that is another.
    pub fn questions(&self) -> Vec<Question> {
        let keys = self.keys.iter().zip(&self.alte).flat_map(|(key, alt)| std::iter::once(key).chain(alt));
        keys.flat_map(|key| [Question::Mirror(key.clone()), Question::Tombstone(key.clone())]).collect()
    }

    /// Of what was deleted under its keys: how late its stamps were.
    pub fn stempel(&self, known: &Known) -> Vec<Question> {
        let deleted = self.keys.iter().zip(&known.deleted).filter(|(_, deleted)| deleted.is_some());
        deleted.map(|(key, _)| Question::Tombstone(keys::grabstein_stempel(key))).collect()
    }

    /// What the store knows, from the answers to [`Delivery::questions`]; `None` where others were asked.
    pub fn known(&self, answers: &[Answer]) -> Option<Known> {
        let mut rest = answers;
        let mut known = Known::default();
        for (key, alt) in self.keys.iter().zip(&self.alte) {
            let (asked, after) = rest.split_at_checked(if alt.is_some() { 4 } else { 2 })?;
            rest = after;
            known.take(key, asked)?;
        }
        Some(known)
    }

    /// The keys whose waiting messages this delivery wakes, for a record that stands under this key now.
    pub fn weckt(registersatz: &Registersatz) -> Vec<SearchKey> {
        let (kind, mutter) = (&registersatz.kind, &registersatz.mutter);
        std::iter::once(keys::child(kind, mutter)).chain(keys::child_alt(kind, mutter)).collect()
    }

    /// What is to be done.
    pub fn judge(&self, known: &Known, owns: &dyn Fn(&Stored) -> bool) -> Result<Judged, Rejection> {
        match &self.art {
            Art::Eintragung(new) => judge::eintragung(new, known, owns),
            Art::Korrektur { alt, neu, aendert } => judge::korrektur((alt, neu), *aendert, known, owns),
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

    fn unnamed(number: &str) -> Message {
        let mut message = message();
        let kind = message.record.kind.as_mut().unwrap();
        kind.namen[0].vornamen = None;
        kind.geburtsregister_nummer = Some(number.to_owned());
        message
    }

    /// What is known where a record stands, and a tombstone, under the key of the program before.
    fn known(delivered: &str, stored: &str, deleted: Option<&str>) -> Known {
        let record =
            |number: &str| Delivery::of(&unnamed(number)).ok().and_then(Delivery::into_registersatz).unwrap();
        let satz = record(stored);
        let before = keys::alt::child(&satz.kind, &satz.mutter);
        let delivery = Delivery::of(&unnamed(delivered)).ok().unwrap();
        let answer = |question: Question| {
            let fact = match &question {
                Question::Mirror(key) if *key == before => Fact::Mirror(vec![Stored {
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
        assert!(delivery.known(&answers[..3]).is_none());
        delivery.known(&answers).unwrap()
    }

    #[test]
    fn a_child_without_given_name_is_found_under_the_key_of_before_and_its_twin_is_not() {
        assert_eq!(known("2024/01234", "1234/2024", None).ids(), [Uuid::from_u128(7)]);
        assert!(known("1235/2024", "1234/2024", None).ids().is_empty());
    }

    #[test]
    fn a_tombstone_of_the_program_before_bars() {
        let barred = known("1235/2024", "1234/2024", Some("2027-01-01T00:00:00Z"));
        let delivery = Delivery::of(&unnamed("1235/2024")).ok().unwrap();
        assert!(delivery.judge(&barred, &|_| true).is_err());
        let free = known("1235/2024", "1234/2024", None);
        assert!(matches!(delivery.judge(&free, &|_| true), Ok(Judged::New(_))));
    }

    #[test]
    fn what_waits_is_woken_under_both_keys() {
        let satz =
            |message: &Message| Delivery::of(message).ok().and_then(Delivery::into_registersatz).unwrap();
        assert_eq!(Delivery::weckt(&satz(&unnamed("1234/2024"))).len(), 2);
        assert_eq!(Delivery::weckt(&satz(&message())).len(), 1);
    }
}
