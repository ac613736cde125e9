//! What is followed after it was sent, as rows keep it, alike for every back end: what looks need, how a look leaves the row, its note
//! and its proof. Never touches the database and never looks.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::decide::{self, Look};
use crate::store::error::StoreError;
use crate::store::follow::{ASK_RECEIVER, Followed, Found, Looked, TAKE_AWAY};
use crate::store::lane::Onward;
use crate::store::sealing::content::{Opened, to_json};
use crate::store::sealing::due::{BY_A_PERSON, noted};
use crate::store::sealing::heads::{SendHead, SendNote};
use crate::store::sealing::values::{Stored, micros, time};
use crate::store::states::{FollowState, RowState};

const KEPT: &str = "kept";
const PROOF: &str = "proof";

/// A row that is due to be looked at, still sealed.
#[derive(Debug)]
pub struct ClosedFollowed {
    /// The row's id.
    pub id: Uuid,
    /// Where to.
    pub destination: String,
    /// When it was sent.
    pub since: i64,
    /// The last look.
    pub until: i64,
    /// Looks before.
    pub looks: i64,
    /// What looks need.
    pub kept: Option<Vec<u8>>,
}

impl ClosedFollowed {
    /// As whoever looks gets it.
    pub fn open(self, opened: &Opened) -> Stored<Followed> {
        let keep = opened.beside(KEPT, &self.kept)?.unwrap_or_default();
        let head: Option<SendHead> = opened.head()?;
        let note: SendNote = opened.note()?;
        Ok(Followed {
            next: head.as_ref().and_then(|head| head.next(&self.destination, note.stayed)),
            delivers: head.and_then(|head| head.delivers()),
            id: self.id,
            destination: self.destination,
            reference: note.reference.unwrap_or_default(),
            held: note.not_back,
            trouble: note.cause,
            keep: keep.into(),
            since: time(self.since),
            until: time(self.until),
            looks: u32::try_from(self.looks).unwrap_or(u32::MAX),
        })
    }

    /// What is settled of it where it does not open: nobody can look any more.
    pub fn broken(&self, now: Timestamp) -> Looked {
        Looked {
            row: self.id,
            since: time(self.since),
            looks: u32::try_from(self.looks).unwrap_or(u32::MAX),
            delivers: None,
            found: Found::Failed {
                cause: "its sealed content does not open, so nobody can look whether it was confirmed".into(),
                next_step: ASK_RECEIVER.into(),
                proof: Bytes::new(),
            },
            answers: Vec::new(),
            now,
        }
    }
}

/// What looks need, sealed with their row.
pub fn seal_kept(opened: &Opened, keep: &[u8]) -> Stored<Vec<u8>> {
    opened.seal_beside(KEPT, keep)
}

/// The note of a row that is still looked after, sealed with it, with why nothing was found out or it could not be taken back; `None` where it
/// says that already. A note that does not open stays as it is.
pub fn troubled(opened: &Opened, found: &Found) -> Stored<Option<Vec<u8>>> {
    let note: SendNote = match opened.note() {
        Err(StoreError::Corrupt(_)) => return Ok(None),
        other => other?,
    };
    let (cause, not_back) = match found {
        Found::Open { trouble, .. } => (trouble.as_ref(), false),
        Found::Held { cause, .. } => (Some(cause), true),
        _ => (None, false),
    };
    if (note.cause.as_ref(), note.not_back) == (cause, not_back) {
        return Ok(None);
    }
    let next_step = not_back.then(|| TAKE_AWAY.to_owned());
    let note = SendNote { cause: cause.cloned(), next_step, not_back, ..note };
    opened.seal_note(&to_json(&note)?).map(Some)
}

/// Whether a row that is looked after could not be taken back; not known of one that does not open.
pub fn held(opened: Option<&Opened>) -> Stored<bool> {
    let Some(opened) = opened else { return Ok(false) };
    match opened.note::<SendNote>() {
        Err(StoreError::Corrupt(_)) => Ok(false),
        other => other.map(|note| note.not_back),
    }
}

/// Whether a row waits for a person, by its state and that of what is followed of it.
pub fn waits_for_person(
    (state, followed): (RowState, Option<FollowState>),
    opened: Option<&Opened>,
) -> Stored<bool> {
    let sent = followed.filter(|_| state == RowState::Sent);
    let waits = sent.map(|followed| Ok(decide::waits_for_person(followed, held(opened)?).is_some()));
    Ok(state.is_held() || waits.transpose()?.unwrap_or(false))
}

/// The note of a row that was taken back and goes on by its next way, sealed with it.
pub fn taken_back(opened: &Opened, onward: &Onward, now: Timestamp) -> Stored<Vec<u8>> {
    let note = SendNote { cause: Some(onward.cause.clone()), ..SendNote::default() };
    opened.seal_note(&to_json(&noted(opened, note, Some(onward), now)?)?)
}

/// The octets that prove how a row ended.
pub fn open_proof(opened: &Opened, proof: Vec<u8>) -> Stored<Option<Bytes>> {
    Ok(opened.beside(PROOF, &Some(proof))?.map(Bytes::from))
}

/// Which look it is.
pub fn look_of(looked: &Looked) -> Look {
    Look { since: micros(looked.since), looks: i64::from(looked.looks) }
}

/// How a row that was followed ends.
#[derive(Debug)]
pub struct Ended {
    /// The state.
    pub state: FollowState,
    /// The change that is audited.
    pub what: &'static str,
    /// Its details.
    pub detail: Value,
    note: Note,
    proof: Bytes,
}

#[derive(Debug)]
enum Note {
    Confirmed(String, Timestamp),
    Failed(String, String),
}

/// How a look ends a row; `None`: it is looked at again.
pub fn ended(looked: &Looked) -> Option<Ended> {
    let detail = json!({ "looks": u64::from(looked.looks) + 1 });
    match &looked.found {
        Found::Open { .. } | Found::Held { .. } | Found::Step { .. } | Found::TakenBack(_) => None,
        Found::Confirmed { evidence, proof } => Some(Ended {
            state: FollowState::Confirmed,
            what: "outbox.confirmed",
            detail,
            note: Note::Confirmed(evidence.clone(), looked.now),
            proof: proof.clone(),
        }),
        Found::Failed { cause, next_step, proof } => Some(Ended {
            state: FollowState::Failed,
            what: "outbox.failed",
            detail,
            note: Note::Failed(cause.clone(), next_step.clone()),
            proof: proof.clone(),
        }),
    }
}

/// How a person ends one that had failed.
pub fn ended_by_person(detail: &Value, now: Timestamp) -> Ended {
    let (what, note) = ("outbox.arrived", Note::Confirmed(BY_A_PERSON.into(), now));
    Ended { state: FollowState::Confirmed, what, detail: detail.clone(), note, proof: Bytes::new() }
}

impl Ended {
    /// Note and proof, sealed with the row. A content that does not open takes neither: its state still changes.
    pub fn sealed(&self, opened: &Opened) -> Stored<Option<Sealed>> {
        match self.seal(opened) {
            Ok(sealed) => Ok(Some(sealed)),
            Err(StoreError::Corrupt(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn seal(&self, opened: &Opened) -> Stored<Sealed> {
        let sent: SendNote = opened.note()?;
        let note = match &self.note {
            Note::Confirmed(evidence, at) => SendNote {
                cause: None,
                next_step: None,
                not_back: false,
                confirmed: Some(evidence.clone()),
                confirmed_at: Some(*at),
                ..sent
            },
            Note::Failed(cause, next) => SendNote {
                cause: Some(cause.clone()),
                next_step: Some(next.clone()),
                not_back: false,
                ..sent
            },
        };
        let note = opened.seal_note(&to_json(&note)?)?;
        let proof = (!self.proof.is_empty()).then(|| opened.seal_beside(PROOF, &self.proof)).transpose()?;
        Ok(Sealed { note, proof })
    }
}

/// What is written with the end of a row.
#[derive(Debug)]
pub struct Sealed {
    /// The row's note.
    pub note: Vec<u8>,
    /// The proof, where there is one.
    pub proof: Option<Vec<u8>>,
}
