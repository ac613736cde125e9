//! Judges a delivery against what is known: who may write, what was deleted, what is new; by moments (rules.md 2.2). Pure.
//! Never decides who the partner is; ownership comes in as a question.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, Fact, Stored};
use crate::register::keys::{SearchKey, child};
use crate::register::record::{Folge, Quelle, Registersatz, Vermerk, Zeit};
use crate::rejection::{Fault, Rejection};

/// What the store knows under the keys of a delivery.
#[derive(Default)]
pub struct Known {
    /// The records under each key.
    pub stored: Vec<Vec<Arc<Stored>>>,
    /// The tombstone of each key.
    pub deleted: Vec<Option<Timestamp>>,
    /// Of each key that has a tombstone: how late the stamps of what was deleted were, where they lay ahead of their receipts.
    pub stempel: Vec<Option<Timestamp>>,
}

impl Known {
    /// Takes in the answers of one key: its records and its tombstone, and perhaps those of the key of the program before and of the other
    /// names of its place. Under those stand other children, too; and a child that was deleted by one is deleted. What stands under the key
    /// itself is the record; only where nothing does, it is what is `meint` by it.
    pub fn take(
        &mut self,
        key: &SearchKey,
        answers: &[Answer],
        meint: &dyn Fn(&Registersatz) -> bool,
    ) -> Option<()> {
        let (mut records, mut deleted): (Vec<Arc<Stored>>, Option<Timestamp>) = (Vec::new(), None);
        let mut gemeint = Vec::new();
        for pair in answers.chunks_exact(2) {
            let (Fact::Mirror(stored), Fact::Tombstone(at)) = (&pair[0].fact, &pair[1].fact) else {
                return None;
            };
            for one in stored {
                let same = child(&one.registersatz.kind, &one.registersatz.mutter) == *key;
                let into = match same {
                    true => &mut records,
                    false if meint(&one.registersatz) => &mut gemeint,
                    false => continue,
                };
                if !into.iter().any(|known| known.id == one.id) {
                    into.push(one.clone());
                }
            }
            deleted = deleted.max(*at);
        }
        if records.is_empty() {
            records = gemeint;
        }
        self.stored.push(records);
        self.deleted.push(deleted);
        Some(())
    }

    /// Takes in of the next key how late the stamps were of what was deleted, under whatever name of its place.
    pub fn stamp(&mut self, answers: &[Answer]) -> Option<()> {
        let mut latest: Option<Timestamp> = None;
        for answer in answers {
            let Fact::Tombstone(at) = &answer.fact else { return None };
            latest = latest.max(*at);
        }
        self.stempel.push(latest);
        Some(())
    }

    /// The ids of all records that were read.
    pub fn ids(&self) -> Vec<Uuid> {
        let mut ids: Vec<Uuid> = self.stored.iter().flatten().map(|stored| stored.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The record under a key, where it is exactly one.
    fn one(&self, key: usize) -> Result<Option<&Stored>, Rejection> {
        match self.stored.get(key).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([stored]) => Ok(Some(stored)),
            Some(_) => Err(ambiguous()),
        }
    }

    /// The moment of the deletion under a key and the latest stamp of what it ended.
    fn gone(&self, key: usize) -> Option<Zeit> {
        let moment = self.deleted.get(key).copied().flatten()?;
        let stempel = self.stempel.get(key).copied().flatten();
        Some(Zeit { moment, stempel: stempel.map_or(moment, |stempel| stempel.max(moment)) })
    }

    /// How a state stands to the deletion under a key; of one moment the deletion holds. By their stamps alone nothing is older than a
    /// deletion: its own may lie ahead.
    fn after_deletion(&self, key: usize, zeit: Zeit) -> Folge {
        match self.gone(key) {
            None => Folge::Juenger,
            Some(gone) if gone.moment >= zeit.moment => Folge::Aelter,
            Some(gone) => zeit.nach(gone),
        }
    }

    fn owned(&self, owns: &dyn Fn(&Stored) -> bool) -> Result<(), Rejection> {
        if self.stored.iter().flatten().all(|one| owns(one)) {
            return Ok(());
        }
        let text =
            "Der Registersatz wurde von einer anderen Stelle geliefert und kann nur von ihr geändert werden.";
        Err(Rejection::new(Fault::Authority, text).rule("fremder-registersatz"))
    }
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Judged {
    /// A new record.
    New(Nach),
    /// The record with this id gets a new state and keeps its mark.
    Replaces(Uuid, Nach),
    /// The same state is stored already, from the very same message or without a change: nothing to complain of.
    Same(Uuid, Stand),
    /// The same state came in another message before.
    Repeated(Uuid, Stand),
    /// The record with this id goes; the latest that was claimed of it.
    Remove(Uuid, Zeit),
    /// It was deleted before, at this moment.
    Gone(Zeit),
    /// There is no such record (yet).
    Unknown,
}

/// What a state takes over from what was delivered before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nach {
    /// Its marks.
    pub vermerk: Vermerk,
    /// The latest that any delivery claimed.
    pub stand: Zeit,
}

/// Whether a state that is stored already is said of a younger moment than it is stored for.
#[derive(Clone, PartialEq)]
pub enum Stand {
    /// No: what is stored is as young.
    Old,
    /// Yes: from now on it is of that moment, so that nothing between the two overwrites it. Its marks stay.
    Younger(Vermerk, Box<Quelle>),
}

impl std::fmt::Debug for Stand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Stand::Old { "Old" } else { "Younger" })
    }
}

fn ambiguous() -> Rejection {
    let text = "Zu diesem Kind liegen mehrere Registersätze vor; die Lieferung ist nicht zuzuordnen.";
    Rejection::new(Fault::Other, text).rule("mehrdeutig")
}

fn deleted_later() -> Rejection {
    let text = "Der Registersatz wurde nach dem erstellungszeitpunkt dieser Nachricht gelöscht.";
    Rejection::new(Fault::Other, text).rule("nach-loeschung")
}

fn older() -> Rejection {
    let text = "Im Bestand liegt ein neuerer Stand dieses Registersatzes.";
    Rejection::new(Fault::Other, text).rule("aelter-als-bestand")
}

fn same_content(one: &Registersatz, other: &Registersatz) -> bool {
    one.mutter == other.mutter && one.kind == other.kind && one.eintragung == other.eintragung
}

/// The same state by the same author: the very same message, or a repeat of it. What a contradiction left is no state: a younger
/// delivery of it settles which one holds.
fn repeated(stored: &Stored, new: &Registersatz) -> Option<Judged> {
    let old = &stored.registersatz;
    let settles = old.vermerk.widerspruch && new.quelle.zeit().nach(old.quelle.stand()) == Folge::Juenger;
    if settles || !same_content(old, new) || old.quelle.autor != new.quelle.autor {
        return None;
    }
    // UUIDs are compared as numbers: the case of their digits means nothing.
    let same_uuid = old.quelle.nachrichten_uuid.eq_ignore_ascii_case(&new.quelle.nachrichten_uuid);
    let stand = stand(old, new);
    Some(if same_uuid { Judged::Same(stored.id, stand) } else { Judged::Repeated(stored.id, stand) })
}

fn stand(old: &Registersatz, new: &Registersatz) -> Stand {
    let stand = old.quelle.stand().spaeter(new.quelle.zeit());
    if stand == old.quelle.stand() {
        return Stand::Old;
    }
    // Where only the stamp is later, what is stored is as young as it was, and less young than may be.
    let young = if new.quelle.moment() > old.quelle.moment() { new } else { old };
    Stand::Younger(old.vermerk, Box::new(young.quelle.clone().bis(stand)))
}

/// Whether nothing that spoke against an answer is missing in what comes after it.
fn covers(new: &Registersatz, old: &Registersatz) -> bool {
    let (new, old) = (&new.eintragung, &old.eintragung);
    (new.vorhanden || !old.vorhanden) && old.arten.iter().all(|art| new.arten.contains(art))
}

/// What a record takes over that gets another content: the marks of persons stay. The order is that of the moments; where the stamps say
/// another one, the content that came later holds only if it is no less careful than the other. Else nobody knows which one holds, and
/// that is so until one comes that is younger than both.
fn nach(old: Option<&Registersatz>, new: &Registersatz, known: &Known, key: usize) -> Nach {
    let zeit = new.quelle.zeit();
    let before = old.map(|old| old.quelle.stand());
    let careful = |old: &Registersatz| {
        let before = old.quelle.stand();
        let later = zeit.moment > before.moment && zeit.stempel != before.stempel;
        later && !old.vermerk.widerspruch && covers(new, old)
    };
    let follows = old.is_none_or(|old| zeit.nach(old.quelle.stand()) == Folge::Juenger || careful(old))
        && known.after_deletion(key, zeit) == Folge::Juenger;
    // What was claimed under a key before the record came there does not end with the record.
    let earlier = [before, known.gone(key).filter(|_| !follows)];
    let stand = earlier.into_iter().flatten().fold(zeit, Zeit::spaeter);
    let vermerk = old.map(|old| old.vermerk).unwrap_or_default();
    Nach { vermerk: Vermerk { widerspruch: !follows, ..vermerk }, stand }
}

/// 0804: who may write, then whether it was deleted, then whether it says anything new.
pub fn eintragung(
    new: &Registersatz,
    known: &Known,
    owns: &dyn Fn(&Stored) -> bool,
) -> Result<Judged, Rejection> {
    known.owned(owns)?;
    let zeit = new.quelle.zeit();
    if known.after_deletion(0, zeit) == Folge::Aelter {
        return Err(deleted_later());
    }
    let Some(stored) = known.one(0)? else { return Ok(Judged::New(nach(None, new, known, 0))) };
    if let Some(repeated) = repeated(stored, new) {
        return Ok(repeated);
    }
    let old = &stored.registersatz;
    if zeit.nach(old.quelle.stand()) == Folge::Aelter {
        return Err(older());
    }
    Ok(Judged::Replaces(stored.id, nach(Some(old), new, known, 0)))
}

/// 0805: the state before must be the stored one; what is given anew replaces it.
pub fn korrektur(
    (alt, neu): (&Registersatz, &Registersatz),
    aendert: bool,
    known: &Known,
    owns: &dyn Fn(&Stored) -> bool,
) -> Result<Judged, Rejection> {
    known.owned(owns)?;
    let zeit = neu.quelle.zeit();
    let moves = known.stored.len() > 1;
    let Some(stored) = known.one(0)? else {
        // Corrected already: the record stands under its new key, or stood there.
        if moves && let Some(repeated) = known.one(1)?.and_then(|there| repeated(there, neu)) {
            return Ok(repeated);
        }
        let deleted = known.after_deletion(0, zeit) == Folge::Aelter;
        return if deleted { Err(deleted_later()) } else { Ok(Judged::Unknown) };
    };
    let old = &stored.registersatz;
    if !aendert && !old.vermerk.widerspruch && same_content(old, alt) {
        return Ok(Judged::Same(stored.id, stand(old, neu)));
    }
    if !moves && let Some(repeated) = repeated(stored, neu) {
        return Ok(repeated);
    }
    if zeit.nach(old.quelle.stand()) == Folge::Aelter {
        return Err(older());
    }
    // Of a contradiction one content is stored, the office may speak of the other.
    if !old.vermerk.widerspruch && !same_content(old, alt) {
        let text = "Die bisherigen Angaben stimmen nicht mit dem Bestand überein.";
        return Err(Rejection::new(Fault::Other, text).rule("alt-weicht-ab"));
    }
    // It may be the very same one, under another name of its place.
    if moves && known.one(1)?.is_some_and(|there| there.id != stored.id) {
        return Err(ambiguous());
    }
    if moves && known.after_deletion(1, zeit) == Folge::Aelter {
        return Err(deleted_later());
    }
    Ok(Judged::Replaces(stored.id, nach(Some(old), neu, known, usize::from(moves))))
}

/// 0806: found by child and mother; unless it is older for certain the deletion holds. Of a child that is unknown nothing is answered
/// either, and what comes after it finds how late that was which it ended.
pub fn loeschung(zeit: Zeit, known: &Known, owns: &dyn Fn(&Stored) -> bool) -> Result<Judged, Rejection> {
    known.owned(owns)?;
    match known.one(0)? {
        Some(stored) => match stored.registersatz.quelle.stand() {
            stand if zeit.nach(stand) == Folge::Aelter => Err(older()),
            stand => Ok(Judged::Remove(stored.id, stand.spaeter(zeit))),
        },
        None => Ok(known.gone(0).map_or(Judged::Unknown, Judged::Gone)),
    }
}
