//! Judges a delivery against what is known: who may write, what was deleted, what is new; by moments (rules.md 2.2). Pure.
//! Never decides who the partner is; ownership comes in as a question.

use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, Fact, Stored};
use crate::register::keys::{SearchKey, child};
use crate::register::record::{Registersatz, Vermerk};
use crate::rejection::{Fault, Rejection};

/// What the store knows under the keys of a delivery.
#[derive(Default)]
pub struct Known {
    /// The records under each key.
    pub stored: Vec<Vec<Stored>>,
    /// The tombstone of each key.
    pub deleted: Vec<Option<Timestamp>>,
}

impl Known {
    /// Takes in the answers of one key: its records and its tombstone, and perhaps those of the key of the program before. Under that
    /// one stand other children, too; and a child that was deleted by it is deleted.
    pub fn take(&mut self, key: &SearchKey, answers: &[Answer]) -> Option<()> {
        let (mut records, mut deleted): (Vec<Stored>, Option<Timestamp>) = (Vec::new(), None);
        for pair in answers.chunks_exact(2) {
            let (Fact::Mirror(stored), Fact::Tombstone(at)) = (&pair[0].fact, &pair[1].fact) else {
                return None;
            };
            for one in stored {
                let same = child(&one.registersatz.kind, &one.registersatz.mutter) == *key;
                if same && !records.iter().any(|known| known.id == one.id) {
                    records.push(one.clone());
                }
            }
            deleted = deleted.max(*at);
        }
        self.stored.push(records);
        self.deleted.push(deleted);
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

    fn deleted_since(&self, key: usize, made: Timestamp) -> bool {
        self.deleted.get(key).copied().flatten().is_some_and(|deleted| deleted >= made)
    }

    fn owned(&self, owns: &dyn Fn(&Stored) -> bool) -> Result<(), Rejection> {
        if self.stored.iter().flatten().all(owns) {
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
    New,
    /// The record with this id gets a new state and keeps its mark.
    Replaces(Uuid, Vermerk),
    /// The same state is stored already, from the very same message or without a change: nothing to complain of.
    Same(Uuid, Stand),
    /// The same state came in another message before.
    Repeated(Uuid, Stand),
    /// The record with this id goes.
    Remove(Uuid),
    /// It was deleted before, at this moment.
    Gone(Timestamp),
    /// There is no such record (yet).
    Unknown,
}

/// Whether a state that is stored already is said of a younger moment than it is stored for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// No: what is stored is as young.
    Old,
    /// Yes: from now on it is of that moment, so that nothing between the two overwrites it. Its marks stay.
    Younger(Vermerk),
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
    let settles = old.vermerk.widerspruch && new.quelle.moment() > old.quelle.moment();
    if settles || !same_content(old, new) || old.quelle.autor != new.quelle.autor {
        return None;
    }
    // UUIDs are compared as numbers: the case of their digits means nothing.
    let same_uuid = old.quelle.nachrichten_uuid.eq_ignore_ascii_case(&new.quelle.nachrichten_uuid);
    let stand = stand(old, new);
    Some(if same_uuid { Judged::Same(stored.id, stand) } else { Judged::Repeated(stored.id, stand) })
}

fn stand(old: &Registersatz, new: &Registersatz) -> Stand {
    match new.quelle.moment() > old.quelle.moment() {
        true => Stand::Younger(old.vermerk),
        false => Stand::Old,
    }
}

/// The marks of a record that gets another content: those of persons stay. Of two contents of one moment nobody knows which one holds, and
/// that is so until a younger one comes.
fn vermerk(old: &Registersatz, new: &Registersatz) -> Vermerk {
    Vermerk { widerspruch: new.quelle.moment() == old.quelle.moment(), ..old.vermerk }
}

/// 0804: who may write, then whether it was deleted, then whether it says anything new.
pub fn eintragung(
    new: &Registersatz,
    known: &Known,
    owns: &dyn Fn(&Stored) -> bool,
) -> Result<Judged, Rejection> {
    known.owned(owns)?;
    let made = new.quelle.moment();
    if known.deleted_since(0, made) {
        return Err(deleted_later());
    }
    let Some(stored) = known.one(0)? else { return Ok(Judged::New) };
    if let Some(repeated) = repeated(stored, new) {
        return Ok(repeated);
    }
    let old = &stored.registersatz;
    if old.quelle.moment() > made {
        return Err(older());
    }
    Ok(Judged::Replaces(stored.id, vermerk(old, new)))
}

/// 0805: the state before must be the stored one; what is given anew replaces it.
pub fn korrektur(
    (alt, neu): (&Registersatz, &Registersatz),
    aendert: bool,
    known: &Known,
    owns: &dyn Fn(&Stored) -> bool,
) -> Result<Judged, Rejection> {
    known.owned(owns)?;
    let made = neu.quelle.moment();
    let moves = known.stored.len() > 1;
    let Some(stored) = known.one(0)? else {
        // Corrected already: the record stands under its new key, or stood there.
        if moves && let Some(repeated) = known.one(1)?.and_then(|there| repeated(there, neu)) {
            return Ok(repeated);
        }
        return if known.deleted_since(0, made) { Err(deleted_later()) } else { Ok(Judged::Unknown) };
    };
    let old = &stored.registersatz;
    if !aendert && !old.vermerk.widerspruch && same_content(old, alt) {
        return Ok(Judged::Same(stored.id, stand(old, neu)));
    }
    if !moves && let Some(repeated) = repeated(stored, neu) {
        return Ok(repeated);
    }
    if old.quelle.moment() > made {
        return Err(older());
    }
    // Of a contradiction one content is stored, the office may speak of the other.
    if !old.vermerk.widerspruch && !same_content(old, alt) {
        let text = "Die bisherigen Angaben stimmen nicht mit dem Bestand überein.";
        return Err(Rejection::new(Fault::Other, text).rule("alt-weicht-ab"));
    }
    if moves && known.one(1)?.is_some() {
        return Err(ambiguous());
    }
    if moves && known.deleted_since(1, made) {
        return Err(deleted_later());
    }
    Ok(Judged::Replaces(stored.id, vermerk(old, neu)))
}

/// 0806: found by child and mother; of the same moment the deletion holds.
pub fn loeschung(
    made: Timestamp,
    known: &Known,
    owns: &dyn Fn(&Stored) -> bool,
) -> Result<Judged, Rejection> {
    known.owned(owns)?;
    match known.one(0)? {
        Some(stored) if stored.registersatz.quelle.moment() > made => Err(older()),
        Some(stored) => Ok(Judged::Remove(stored.id)),
        None => Ok(known.deleted.first().copied().flatten().map_or(Judged::Unknown, Judged::Gone)),
    }
}
