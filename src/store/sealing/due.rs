//! Rows of the outbox, waiting messages and timers as the engine gets them, and outcomes as rows keep them; alike for every
//! back end. Never reads a clock and never sends.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::envelope::{Envelope, Evidence, Head, How, Label, PartnerRef};
use crate::seal::index::Tag;
use crate::seal::key::sha256;
use crate::store::decide::{self, state_after};
use crate::store::error::StoreError;
use crate::store::lane::{Due, Next, Onward, Outcome, Settle, Undelivered, WayLeft, Why};
use crate::store::mailbox::{Item, Reader, Ticket};
use crate::store::sealing::content::{Opened, to_json};
use crate::store::sealing::heads::{Letter, SealedHead, SendHead, SendNote};
use crate::store::sealing::prepare::{SendWork, Work};
use crate::store::sealing::values::{Stored, micros, time};
use crate::store::stamp::Stamp;
use crate::store::states::{RowState, SendState};

/// No lease lasts longer; one that ends later than that was given before the clock jumped back.
pub const LONGEST_LEASE: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// What lies further ahead than this was written before the clock went back; below it clocks of replicas may differ.
pub const SKEW: std::time::Duration = std::time::Duration::from_secs(60);

/// Who holds a lease that is a reader's of a mailbox and no process's; behind it, where the reader has one, the word by which it knows its
/// repeats.
pub const READER: &str = "leser";

/// The holder of a reader's lease.
pub fn reader(key: Option<&str>) -> String {
    key.map_or_else(|| READER.to_owned(), |key| format!("{READER} {key}"))
}

/// A row of the outbox as read, still sealed.
#[derive(Debug)]
pub struct ClosedDue {
    /// Its id.
    pub id: Uuid,
    /// Its stamp.
    pub stamp: i64,
    /// Trace context.
    pub traceparent: String,
    /// The message that caused it.
    pub cause: Uuid,
    /// Where to.
    pub destination: String,
    /// The receiver.
    pub partner: String,
    /// Type of the document.
    pub message: String,
    /// Settled attempts.
    pub attempts: i64,
    /// An attempt of unknown outcome was made.
    pub unclear: bool,
    /// When it was queued.
    pub queued: i64,
    /// Given up after.
    pub deadline: Option<i64>,
    /// Where its content lies.
    pub sealed: i64,
    /// What an attempt left, sealed with its content.
    pub left: Option<Vec<u8>>,
}

impl ClosedDue {
    /// The row as a worker gets it.
    pub fn open(self, stamp: Stamp, opened: Option<Opened>) -> Stored<Due> {
        let gone = || StoreError::Corrupt("a row of the outbox has lost its content".into());
        let opened = opened.ok_or_else(gone)?;
        let head: SendHead = opened.head()?.ok_or_else(gone)?;
        let body = opened.body()?.ok_or_else(gone)?;
        let left = opened.left(&self.left)?.map(Bytes::from);
        let stayed = note(&opened)?.stayed;
        let due = self.due(stamp, head, body.into());
        Ok(Due { left, next: due.next.map(|next| Next { stayed, ..next }), ..due })
    }

    /// The row as a worker gets it, from its content in clear.
    fn due(self, stamp: Stamp, head: SendHead, body: Bytes) -> Due {
        let (queued, delivers, next) =
            (time(self.queued), head.delivers(), head.next(&self.destination, false));
        let stamp = Stamp { traceparent: self.traceparent.clone(), ..stamp };
        let traceparent = (!self.traceparent.is_empty()).then_some(self.traceparent);
        let label = Label { message: self.message, test: head.test.unwrap_or(stamp.test) };
        let envelope = Envelope {
            head: Head {
                id: self.id,
                connection: self.destination.split(':').next().unwrap_or_default().to_owned(),
                binding: self.destination.clone(),
                transport_id: self.id.to_string(),
                correlation: head.correlation,
                content_type: Some(head.content_type),
                partner: Some(PartnerRef { id: self.partner, how: How::Internal }),
                received: queued,
                return_address: None,
                traceparent,
                acting_person: None,
                label: Some(label),
                in_band: false,
            },
            evidence: Evidence {
                octets_sha256: hex::encode(sha256(&body)),
                size: body.len() as u64,
                ..Evidence::default()
            },
            body,
            parts: head.parts,
        };
        Due {
            id: self.id,
            stamp,
            cause: self.cause,
            destination: self.destination,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            queued,
            deadline: self.deadline.map(time),
            unclear: self.unclear,
            delivers,
            next,
            several: !head.ways.is_empty(),
            left: None,
            envelope,
        }
    }
}

/// A new row as the process that commits it gets it at once: the same that would be read back. `None` where its content was not
/// kept open.
pub fn at_once(work: &Work, send: &SendWork) -> Option<Due> {
    let Letter { head, body } = send.open.clone()?;
    let row = ClosedDue {
        id: send.id,
        stamp: 0,
        traceparent: work.stamp.traceparent.clone(),
        cause: work.id,
        destination: send.destination.clone(),
        partner: send.partner.clone(),
        message: send.message.clone(),
        attempts: 0,
        unclear: false,
        queued: micros(work.now),
        deadline: send.deadline,
        sealed: 0,
        left: None,
    };
    Some(row.due(work.stamp.clone(), head, body))
}

/// An outcome as rows keep it: state, doubt where it says something of it, note.
pub fn settled(outcome: &Outcome) -> (RowState, Option<bool>, SendNote) {
    let (state, doubt) = state_after(outcome);
    let note = match outcome {
        Outcome::Sent { reference, evidence, .. } => SendNote {
            reference: Some(reference.clone()),
            evidence: Some(evidence.clone()),
            ..SendNote::default()
        },
        Outcome::Later { cause, turn, .. } => {
            SendNote { cause: Some(cause.clone()), turn: Some(*turn), ..SendNote::default() }
        }
        Outcome::Onward(Onward { cause, .. }) => {
            SendNote { cause: Some(cause.clone()), ..SendNote::default() }
        }
        Outcome::Stays { cause, .. } => {
            SendNote { cause: Some(cause.clone()), stayed: true, ..SendNote::default() }
        }
        Outcome::Parked { cause, next_step } => {
            SendNote { cause: Some(cause.clone()), next_step: Some(next_step.clone()), ..SendNote::default() }
        }
        Outcome::Unclear { cause } => SendNote {
            cause: Some(cause.clone()),
            next_step: Some(
                "ask the receiver: where it arrived `parked arrived`, else `parked replay`, or `parked not-arrived` for its next way"
                    .into(),
            ),
            ..SendNote::default()
        },
    };
    (state, doubt, note)
}

/// The note of a row; one that does not open tells nothing, and the row is sent and settled all the same.
fn note(opened: &Opened) -> Stored<SendNote> {
    match opened.note() {
        Err(StoreError::Corrupt(_)) => Ok(SendNote::default()),
        other => other,
    }
}

/// A note as it is written over the one before: the ways that were left stay, and with them the one that is left now.
pub fn noted(opened: &Opened, new: SendNote, left: Option<&Onward>, at: Timestamp) -> Stored<SendNote> {
    let before = note(opened)?;
    let stayed = left.is_none() && (new.stayed || before.stayed);
    let mut ways = before.ways;
    ways.extend(left.map(|left| WayLeft {
        destination: left.from.clone(),
        at,
        why: left.why,
        cause: left.cause.clone(),
        taken: None,
    }));
    Ok(SendNote { ways, stayed, ..new })
}

/// What comes after the way that a row is on; none where its content was destroyed or does not open any more.
pub fn next(opened: Stored<Option<Opened>>, destination: &str) -> Stored<Option<Next>> {
    let Some(opened) = readable(opened)? else { return Ok(None) };
    let stayed = note(&opened)?.stayed;
    Ok(head(Ok(Some(opened)))?.and_then(|head| head.next(destination, stayed)))
}

/// What is audited of a row that stays on its way because none after it leads anywhere.
pub const STAYS: &str = "outbox.stays";

/// The way that is left with an outcome.
pub fn left_by(outcome: &Outcome) -> Option<&Onward> {
    match outcome {
        Outcome::Onward(onward) => Some(onward),
        _ => None,
    }
}

/// What is audited of a row that goes on by another way.
pub const ONWARD: &str = "outbox.next-way";

/// The details of it: names from configuration and words of ours.
pub fn onward_detail(onward: &Onward) -> Value {
    json!({ "from": onward.from, "to": onward.to.destination, "why": onward.why.as_str() })
}

/// What is audited of a settling, with its details; `None` where the state stays.
pub fn audited(
    outcome: &Outcome,
    fence: i64,
    (before, after): (RowState, RowState),
) -> Option<(String, Value)> {
    if let Outcome::Stays { .. } = outcome {
        return Some((STAYS.to_owned(), json!({ "fence": fence })));
    }
    if let Outcome::Onward(onward) = outcome {
        let mut detail = onward_detail(onward);
        detail["fence"] = fence.into();
        return Some((ONWARD.to_owned(), detail));
    }
    (before != after).then(|| (format!("outbox.{after}"), json!({ "fence": fence })))
}

/// How a reader's refusal is settled: by the next way, where its row has one and no other reader may have got it.
pub fn refused(outcome: Outcome, from: &str, head: Option<SendHead>, doubted: bool) -> Outcome {
    let next = head.and_then(|head| head.next(from, false));
    let cause = match &outcome {
        Outcome::Parked { cause, .. } => cause.clone(),
        _ => return outcome,
    };
    match (Undelivered::judged(next.is_some(), doubted), next) {
        (Undelivered::Onward, Some(next)) => {
            Outcome::Onward(Onward { from: from.to_owned(), to: next.way, why: Why::Refused, cause })
        }
        (Undelivered::Unclear, _) => Outcome::Unclear {
            cause: format!("{cause}, but it was fetched before and nobody said what became of that"),
        },
        _ => outcome,
    }
}

/// What proves what a person found out.
pub const BY_A_PERSON: &str = "a person found out that it arrived";

/// How a row is settled that does not open, by lane, fence and row: one that does not must not stop the others.
pub fn does_not_open((lane, fence, row): (i64, i64, Uuid), release: bool, now: Timestamp) -> Settle {
    let outcome = Outcome::Parked {
        cause: "its sealed content does not open".into(),
        next_step: "restore the store's files from the backup, then replay it".into(),
    };
    Settle { lane, fence, row, outcome, answers: Vec::new(), delivers: None, release, now }
}

impl Item {
    /// With what its sealed head says; one that does not open is found when it is handed out.
    pub fn with_head(self, opened: Stored<Option<Opened>>) -> Stored<Item> {
        let head = opened.and_then(|opened| opened.map(|one| one.head::<SendHead>()).transpose());
        let head = match head.map(Option::flatten) {
            Ok(Some(head)) => head,
            Ok(None) | Err(StoreError::Corrupt(_)) => return Ok(self),
            Err(other) => return Err(other),
        };
        let parts: u64 = head.parts.iter().map(|part| part.size).sum();
        Ok(Item {
            test: head.test.unwrap_or(self.test),
            size: self.size.saturating_add(parts),
            parts: head.parts.len(),
            ..self
        })
    }
}

/// How a row goes on of which a person says that it did not reach its receiver, by what it is for that person and the
/// destination that it is on; `None` where that is no word for a person to say.
pub fn said_not_to_have_arrived(state: SendState, from: &str, head: Option<&SendHead>) -> Option<Outcome> {
    let next = head.and_then(|head| head.next(from, false));
    let cause = "a person found out that it did not arrive".to_owned();
    Some(match (decide::said_not_arrived(state, next.is_some())?, next) {
        (Undelivered::Onward, Some(next)) => {
            Outcome::Onward(Onward { from: from.to_owned(), to: next.way, why: Why::Late, cause })
        }
        _ => Outcome::Parked {
            cause,
            next_step: "`parked replay` sends it again; handed on by hand `parked arrived` closes it"
                .to_owned(),
        },
    })
}

/// What it leads to.
pub fn undelivered(outcome: &Outcome) -> Undelivered {
    match outcome {
        Outcome::Onward(_) => Undelivered::Onward,
        _ => Undelivered::Parked,
    }
}

/// What is audited of it.
pub const NOT_ARRIVED: &str = "outbox.not-arrived";

/// The note of a row that a person's word has parked, sealed with it.
pub fn noted_as_said(opened: &Opened) -> Stored<Vec<u8>> {
    let note = SendNote { said: true, ..opened.note()? };
    opened.seal_note(&to_json(&note)?)
}

/// What is audited where its receiver closed in its mailbox what had gone on, or was said not to have arrived.
pub const TAKEN_AFTER_ALL: &str = "outbox.taken-after-all";

/// The details of it: which mailbox, and whether that was in time to keep another copy from going.
pub fn taken_detail(destination: &str, stopped: bool) -> Value {
    json!({ "in": destination, "stopped": stopped })
}

/// The note of a row that its receiver closed in a mailbox which it had left, sealed with it; `None` where that is noted.
pub fn taken_after_all(opened: &Opened, who: &Reader, now: Timestamp) -> Stored<Option<(String, Vec<u8>)>> {
    let mut note: SendNote = opened.note()?;
    let Some(left) = note.left_late(who).filter(|left| left.taken.is_none()) else { return Ok(None) };
    left.taken = Some(now);
    let destination = left.destination.clone();
    Ok(Some((destination, opened.seal_note(&to_json(&note)?)?)))
}

/// What a reader says who closes what is not open any more in its mailbox.
pub fn closed_late(ticket: Ticket) -> Outcome {
    Outcome::Sent {
        reference: ticket.to_string(),
        evidence: "closed by the receiver in its mailbox, after its time".into(),
        follow: None,
    }
}

/// What a person says who found out that a row reached its receiver.
pub fn said_to_have_arrived() -> Outcome {
    Outcome::Sent { reference: String::new(), evidence: BY_A_PERSON.into(), follow: None }
}

/// The original of a message; `None` where it was not kept or was deleted.
pub fn envelope(opened: Option<Opened>) -> Stored<Option<Envelope>> {
    let Some(opened) = opened else { return Ok(None) };
    let (Some(head), Some(body)) = (opened.head::<SealedHead>()?, opened.body()?) else { return Ok(None) };
    let SealedHead { head, parts, evidence } = head;
    Ok(Some(Envelope { head, body: body.into(), parts, evidence }))
}

/// The head of a row; none where its content was destroyed or does not open any more.
pub fn head(opened: Stored<Option<Opened>>) -> Stored<Option<SendHead>> {
    match opened.and_then(|opened| opened.map(|opened| opened.head()).transpose()) {
        Ok(head) => Ok(head.flatten()),
        Err(StoreError::Corrupt(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The Vorgang whose answer a row is; none where its content was destroyed or does not open any more.
pub fn delivers(opened: Stored<Option<Opened>>) -> Stored<Option<Tag>> {
    Ok(head(opened)?.and_then(|head| head.delivers()))
}

/// When the time of a row is over that a person sends once more by the way that it is on.
pub fn anew(opened: Option<Opened>, destination: &str, now: Timestamp) -> Stored<Option<Timestamp>> {
    let Some(opened) = opened else { return Ok(None) };
    let stayed = note(&opened)?.stayed;
    Ok(head(Ok(Some(opened)))?.and_then(|head| head.anew(destination, stayed, now)))
}

/// A content, or what was read of it; none where it was destroyed or does not open any more.
pub fn readable<T>(opened: Stored<Option<T>>) -> Stored<Option<T>> {
    match opened {
        Err(StoreError::Corrupt(_)) => Ok(None),
        other => other,
    }
}

/// A due timer as an envelope of the connection `timer`: id, name, trace context and partner of its row. Whose it is stands sealed where that
/// is another one than whoever set it.
pub fn timer(
    (id, name, traceparent, setter): (Uuid, String, String, String),
    opened: &Opened,
    now: Timestamp,
) -> Stored<Envelope> {
    let partner = opened.head::<String>()?.unwrap_or(setter);
    let body = opened.body()?.unwrap_or_default();
    Ok(Envelope {
        head: Head {
            id,
            connection: "timer".into(),
            binding: name,
            transport_id: id.to_string(),
            correlation: None,
            content_type: None,
            partner: Some(PartnerRef { id: partner, how: How::Internal }),
            received: now,
            return_address: None,
            traceparent: (!traceparent.is_empty()).then_some(traceparent),
            acting_person: None,
            label: None,
            in_band: false,
        },
        evidence: Evidence {
            octets_sha256: hex::encode(sha256(&body)),
            size: body.len() as u64,
            verification: "own timer".into(),
            ..Evidence::default()
        },
        body: body.into(),
        parts: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Stage;

    /// A row that a program wrote which did not keep the mark with its rows.
    #[test]
    fn a_row_of_an_earlier_program_is_marked_as_what_caused_it() {
        for (written, caused_by_test, test) in [
            ("", true, true),
            ("", false, false),
            (r#","test":false"#, true, false),
            (r#","test":true"#, false, true),
        ] {
            let head =
                format!(r#"{{"content_type":"application/xml","correlation":null,"parts":[]{written}}}"#);
            let row = ClosedDue {
                id: Uuid::nil(),
                stamp: 1,
                traceparent: String::new(),
                cause: Uuid::nil(),
                destination: "folder:amt".into(),
                partner: "amt".into(),
                message: "xfamilie.0011".into(),
                attempts: 0,
                unclear: false,
                queued: 0,
                deadline: None,
                sealed: 1,
                left: None,
            };
            let stamp = Stamp {
                mandant: String::new(),
                partner: String::new(),
                how: String::new(),
                stage: Stage::Test,
                test: caused_by_test,
                key_id: String::new(),
                acting_person: String::new(),
                doc_version: String::new(),
                traceparent: String::new(),
                decided_by: String::new(),
            };
            let due = row.due(stamp, serde_json::from_str(&head).unwrap(), Bytes::new());
            let label = Label { message: "xfamilie.0011".into(), test };
            assert_eq!(due.envelope.head.label, Some(label), "{written} {caused_by_test}");
        }
    }
}
