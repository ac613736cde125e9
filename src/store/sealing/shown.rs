//! What lists, figures and repeats show of rows, alike for every back end. Never shows a payload.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::effects::{Vorgang, VorgangState, stand};
use crate::envelope::{Stage, Verdict};
use crate::register::objection::{Objection, Released, Why};
use crate::register::record::Registersatz;
use crate::register::vorgang::Akte;
use crate::seal::key::sha256;
use crate::store::decide::waits_for_person;
use crate::store::error::StoreError;
use crate::store::figures::{Backlog, UnderWay};
use crate::store::lane::Behind;
use crate::store::listed::ListedSend;
use crate::store::sealing::content::{Opened, from_json};
use crate::store::sealing::heads::{InboxNote, SealedReply, SendHead, SendNote};
use crate::store::sealing::values::{Stored, codes, state, time};
use crate::store::states::{FollowState, RowState, SendState};

/// Refuses a dump of contents where they may be those of persons.
pub fn may_dump(stage: Stage) -> Stored<()> {
    match stage {
        Stage::Test | Stage::Demo => Ok(()),
        Stage::Abnahme | Stage::Produktion => Err(StoreError::Refused(
            format!("a store of stage {} shows no contents; only stages test and demo do", stage.as_str())
                .into(),
        )),
    }
}

/// The first message under a key.
#[derive(Clone, Debug)]
pub struct First {
    /// Its id.
    pub id: Uuid,
    /// Its state.
    pub state: String,
    /// Whether it was a conflict.
    pub conflict: bool,
    /// Its codes.
    pub codes: String,
    /// Where its reply lies, if the message still exists.
    pub sealed: Option<i64>,
    /// Nothing of it was of use to anybody here.
    pub forgot: bool,
}

/// What stands as the codes of an accepted message with its keys, where nothing of it was of use to anybody here. Such a message has no
/// codes, and this is none of a standard; the rows needed no column more.
pub const FORGOT: &str = "vergessen";

impl First {
    /// As a key of idempotency says it.
    pub fn of_key(id: Uuid, conflict: bool, state: String, codes: String) -> First {
        let forgot = codes == FORGOT;
        let codes = if forgot { String::new() } else { codes };
        First { id, state, conflict, codes, sealed: None, forgot }
    }
}

/// What is said where a record stands and its content or key does not.
pub fn lost_record() -> StoreError {
    StoreError::Corrupt("the key of a record of the mirror is missing".into())
}

/// The record of an opened content.
pub fn registersatz(opened: Option<Opened>) -> Stored<Registersatz> {
    from_json(&opened.ok_or_else(lost_record)?.body()?.ok_or_else(lost_record)?)
}

/// A row of an objection: office, delivery, why, type, made, since; when and by what it was closed; when, by whom and with which
/// Aktenzeichen released.
pub type ObjectionRow = (String, Uuid, String, String, i64, i64, ClosedRow, ReleasedRow);

/// When and by what.
type ClosedRow = (Option<i64>, Option<String>);

/// When, by whom, with which Aktenzeichen.
type ReleasedRow = (Option<i64>, Option<String>, Option<String>);

/// An objection as it is kept.
pub fn objection(row: ObjectionRow) -> Stored<Objection> {
    let (amt, delivery, why, message, made, since, closed, released) = row;
    let unknown = || StoreError::Corrupt("an objection has a reason that no program wrote".into());
    let why = Why::from_stored(&why).ok_or_else(unknown)?;
    let closed = closed.0.map(|at| (time(at), closed.1.unwrap_or_default()));
    let (at, person, aktenzeichen) = released;
    let released = at.map(|at| Released { at: time(at), person: person.unwrap_or_default(), aktenzeichen });
    Ok(Objection { amt, delivery, why, message, made: time(made), since: time(since), closed, released })
}

/// What a list shows of a row whose content does not open.
pub trait Broken {
    /// A plain cause and one safe next step.
    fn broken() -> Self;
}

const CAUSE: &str = "its sealed content does not open";
const STEP: &str = "restore the store's files from the backup, then replay it";

impl Broken for InboxNote {
    fn broken() -> Self {
        InboxNote { cause: Some(CAUSE.into()), next_step: Some(STEP.into()), ..InboxNote::default() }
    }
}

impl Broken for SendNote {
    fn broken() -> Self {
        SendNote { cause: Some(CAUSE.into()), next_step: Some(STEP.into()), ..SendNote::default() }
    }
}

/// What became of a row; empty where the content was destroyed, and saying so where it does not open.
pub fn note<T: DeserializeOwned + Default + Broken>(opened: Stored<Option<Opened>>) -> Stored<T> {
    match opened.and_then(|opened| opened.map(|opened| opened.note()).transpose()) {
        Ok(note) => Ok(note.unwrap_or_default()),
        Err(StoreError::Corrupt(_)) => Ok(T::broken()),
        Err(other) => Err(other),
    }
}

/// What became of a message; `None` where its content was destroyed.
pub fn kept(opened: Stored<Option<Opened>>) -> Stored<Option<InboxNote>> {
    match opened {
        Ok(None) => Ok(None),
        opened => note(opened).map(Some),
    }
}

/// The verdict of the first message under a key, as a repeat gets it; without a note the message is gone.
pub fn verdict(first: First, note: Option<InboxNote>) -> Stored<Verdict> {
    let forgotten = note.is_none();
    let note = note.unwrap_or_default();
    let state = state(&first.state)?;
    Ok(Verdict {
        id: first.id,
        state,
        // Of what began a Vorgang the engine says more.
        stand: stand::of_message(state),
        conflict: first.conflict,
        again: true,
        codes: codes(&first.codes),
        reply: note.reply.map(SealedReply::open).transpose()?,
        forgotten,
    })
}

/// Counts by code from counts by joined codes.
pub fn by_code(joined: Vec<(String, u64)>) -> Vec<(String, u64)> {
    let mut by_code: BTreeMap<String, u64> = BTreeMap::new();
    for (joined, n) in joined {
        for code in codes(&joined) {
            *by_code.entry(code).or_default() += n;
        }
    }
    by_code.into_iter().collect()
}

/// Backlogs from rows of (destination, state, rows, attempts, oldest), sorted by destination.
pub fn backlog(rows: Vec<(String, RowState, u64, u64, i64)>) -> Vec<Backlog> {
    let mut backlog: Vec<Backlog> = Vec::new();
    for (destination, state, n, attempts, oldest) in rows {
        if backlog.last().is_none_or(|last| last.destination != destination) {
            backlog.push(Backlog {
                destination,
                waiting: 0,
                oldest: None,
                parked: 0,
                unclear: 0,
                sent: 0,
                followed: 0,
                confirmed: 0,
                failed: 0,
                attempts: 0,
                last_cause: None,
                last_turn: None,
                follow_cause: None,
                behind: Vec::new(),
                free_since: None,
            });
        }
        let Some(last) = backlog.last_mut() else { continue };
        last.attempts += attempts;
        match state {
            RowState::Sent => last.sent += n,
            RowState::Parked => last.parked += n,
            RowState::Unclear => last.unclear += n,
            RowState::Queued | RowState::Retrying => {
                last.waiting += n;
                last.oldest = Some(last.oldest.map_or(time(oldest), |o| o.min(time(oldest))));
            }
        }
    }
    backlog
}

/// Waiting rows by what they wait for, as read: destination, that of what they wait for, whether that is held, how many, since when.
pub type ByOrder = (String, Option<String>, bool, u64, i64);

/// Says of each destination what waits there by order, and from when on the rest could leave.
pub fn by_order(backlog: &mut [Backlog], rows: Vec<ByOrder>) {
    for (destination, behind, held, waiting, oldest) in rows {
        let Some(of) = backlog.iter_mut().find(|one| one.destination == destination) else { continue };
        match behind {
            Some(destination) => of.behind.push(Behind { destination, held, waiting, oldest: time(oldest) }),
            None => of.free_since = Some(time(oldest)),
        }
    }
}

/// Counts by destination what is or was followed, from rows of (destination, state, rows).
pub fn count_followed(backlog: &mut [Backlog], rows: Vec<(String, FollowState, u64)>) {
    for (destination, state, n) in rows {
        let Some(of) = backlog.iter_mut().find(|one| one.destination == destination) else { continue };
        match state {
            FollowState::Open => of.followed += n,
            FollowState::Confirmed => of.confirmed += n,
            FollowState::Failed => of.failed += n,
        }
    }
}

/// What is under way, with what was sent and is still to be confirmed or was not: rows of (destination, open, failed).
pub fn with_followed(mut open: Vec<UnderWay>, left: Vec<(String, u64, u64)>) -> Vec<UnderWay> {
    for (destination, followed, failed) in left {
        match open.iter_mut().find(|one| one.destination == destination) {
            Some(one) => {
                one.followed += followed;
                one.held += failed;
            }
            None => open.push(UnderWay { destination, waiting: 0, oldest: None, held: failed, followed }),
        }
    }
    open.sort_by(|one, other| one.destination.cmp(&other.destination));
    open
}

/// A row of the outbox as it is shown, with its note and the state of what is or was followed of it.
pub fn send(send: ListedSend, note: SendNote, followed: Option<FollowState>) -> ListedSend {
    // Where it goes again nobody looks at what was.
    let followed = followed.filter(|_| send.state == SendState::Sent);
    let waits = followed.and_then(|state| waits_for_person(state, note.not_back));
    let state = waits.unwrap_or(match followed {
        Some(FollowState::Confirmed) => SendState::Confirmed,
        Some(FollowState::Failed) => SendState::Failed,
        Some(FollowState::Open) | None => send.state,
    });
    ListedSend {
        next_try: send.next_try.filter(|_| state.is_open()),
        next_look: send.next_look.filter(|_| followed == Some(FollowState::Open)),
        confirmed: note.confirmed.filter(|_| state == SendState::Confirmed),
        confirmed_at: note.confirmed_at.filter(|_| state == SendState::Confirmed),
        cause: note.cause,
        next_step: note.next_step,
        ways: note.ways,
        state,
        ..send
    }
}

/// Of rows that may wait for a person those that do: of what is looked after only what cannot be taken back.
pub fn held(sends: Vec<ListedSend>) -> Vec<ListedSend> {
    sends.into_iter().filter(|send| send.state != SendState::Sent).collect()
}

/// A Vorgang as it stands in its row: id, owner, state, deadline.
pub type VorgangRow = (Uuid, String, String, Option<i64>);

/// A Vorgang with its restricted record. A record whose key was destroyed is deleted; the state alone is no person data.
pub fn vorgang((id, owner, state, deadline): VorgangRow, akte: Option<Opened>) -> Stored<Vorgang> {
    let state: VorgangState = serde_json::from_value(Value::String(state))
        .map_err(|_| StoreError::Corrupt("a Vorgang has a state that no program wrote".into()))?;
    let body = akte.map(|opened| opened.body()).transpose()?.flatten();
    let akte: Akte = body.map(|body| from_json(&body)).transpose()?.unwrap_or_default();
    Ok(Vorgang { id, owner, state, deadline: deadline.map(time), akte })
}

/// The stored word of a Vorgang's state.
pub fn vorgang_word(state: VorgangState) -> String {
    serde_json::to_value(state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The line of a record in the essence, without when it was received: that differs from play to play.
pub fn essence_mirror(opened: Option<Opened>) -> Stored<String> {
    let body = opened.map(|o| o.body()).transpose()?.flatten().unwrap_or_default();
    let Ok(mut record) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return Ok(format!("mirror {}", String::from_utf8_lossy(&body)));
    };
    if let Some(source) = record.get_mut("quelle").and_then(serde_json::Value::as_object_mut) {
        source.remove("empfangen");
        source.remove("spaetestens");
    }
    Ok(format!("mirror {record}"))
}

/// The line of a message in the essence.
pub fn essence_inbox(columns: &[String], opened: Option<Opened>) -> Stored<String> {
    let body = opened.map(|o| o.body()).transpose()?.flatten();
    let body = body.map_or("-".to_owned(), |body| hex::encode(sha256(&body)));
    Ok(format!("inbox {} {body}", columns.join(" ")))
}

/// The line of a row of the outbox in the essence.
pub fn essence_outbox(columns: &[String], opened: Option<Opened>) -> Stored<String> {
    let shown = match opened {
        None => "-".to_owned(),
        Some(opened) => {
            let parts = opened.head::<SendHead>()?.map_or(0, |head| head.parts.len());
            format!("{} parts={parts}", without_ids(&opened.body()?.unwrap_or_default()))
        }
    };
    Ok(format!("outbox {} {shown}", columns.join(" ")))
}

/// A JSON object with its generated id masked; of anything else, such as XML, only that it is there: it holds ids and times.
fn without_ids(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut object)) => {
            for key in ["id", "referenz"] {
                if let Some(id) = object.get_mut(key) {
                    *id = Value::from("*");
                }
            }
            // A record of ours was made under an id and at a moment of its own.
            if let Some(kopf) = object.get_mut("kopf").and_then(Value::as_object_mut) {
                for key in ["nachrichtenUUID", "zeitpunkt"] {
                    kopf.insert(key.to_owned(), Value::from("*"));
                }
            }
            // A letter bears its reference.
            let files = object.get_mut("dateien").and_then(Value::as_array_mut);
            for file in files.into_iter().flatten().filter_map(Value::as_object_mut) {
                file.insert("sha256".to_owned(), Value::from("*"));
            }
            // A list of deliveries names them by ids and times: how many they are is what must be equal.
            let listed = object.get("lieferungen").and_then(Value::as_array).map(Vec::len);
            if let Some(listed) = listed {
                object.insert("lieferungen".to_owned(), Value::from(listed));
            }
            Value::Object(object).to_string()
        }
        _ => "document".to_owned(),
    }
}
