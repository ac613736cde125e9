//! A look that takes two persons: the first one's request stands as a sealed note for a day, and the second one's same command gets what was asked
//! for. Never shows anything, and never counts one person twice.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::args_messages::OriginalArgs;
use super::exit::{CliError, Exit};
use super::new_folder;
use super::output::Output;
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::listed::Listed;
use crate::store::stamp::Scope;

/// So long a first person's request stands.
const STANDS: SignedDuration = SignedDuration::from_hours(24);

/// What a first person asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    person: String,
    reason: String,
    at: Timestamp,
}

impl Request {
    /// Both persons and both reasons, as they are recorded; `person` and `reason` are those of the second one.
    fn with(&self, person: &str, reason: &str) -> (String, String) {
        (format!("{person}, asked by {}", self.person), format!("{reason} / {}", self.reason))
    }
}

/// What two persons may be shown of, and who they are with their reasons, as it is recorded.
pub struct Granted {
    /// The message as lists have it.
    pub listed: Listed,
    /// Both persons.
    pub who: String,
    /// Both reasons.
    pub why: String,
}

/// Notes a first person's request; for a second one the folder is made. `Err` in it: how the command ends, with nothing to be shown.
pub async fn granted(
    store: &dyn Store,
    command: &str,
    (person, now): (&str, Timestamp),
    args: &OriginalArgs,
    out: &mut Output,
) -> Result<Result<Granted, Exit>, CliError> {
    let OriginalArgs { id, out: folder, reason } = args;
    let filter = Filter { id: Some(*id), limit: 1, ..Filter::default() };
    let Some(listed) = store.list(&Scope::Operator, filter).await?.pop() else {
        out.none(&format!("no message with id {id}; see `drehscheibe messages list`"))?;
        return Ok(Err(Exit::No));
    };
    let Some(first) = asked(store, (command, *id), (person, reason), now, out).await? else {
        return Ok(Err(Exit::Ok));
    };
    // Made before anything is shown: what cannot be written is not looked at.
    new_folder::made(folder)?;
    let (who, why) = first.with(person, reason);
    Ok(Ok(Granted { listed, who, why }))
}

/// The first person's request of a command for a message, where another one stands; else this one is noted, which is said, and nothing may be
/// shown.
async fn asked(
    store: &dyn Store,
    (command, id): (&str, Uuid),
    (person, reason): (&str, &str),
    now: Timestamp,
    out: &mut Output,
) -> Result<Option<Request>, CliError> {
    let key = id.to_string();
    let request =
        store.note(command, &key).await?.and_then(|octets| serde_json::from_slice::<Request>(&octets).ok());
    let stands = |first: &Request| {
        first.person != person && (SignedDuration::ZERO..STANDS).contains(&now.duration_since(first.at))
    };
    if let Some(first) = request.filter(stands) {
        return Ok(Some(first));
    }
    let request = Request { person: person.to_owned(), reason: reason.to_owned(), at: now };
    let octets = serde_json::to_vec(&request).map_err(io::Error::other).map_err(CliError::Output)?;
    store.set_note(command, &key, Some(octets)).await?;
    out.say("noted; within 24 hours a second person gives the same command and gets the files")?;
    out.value(&serde_json::json!({ "state": "noted", "person": person }))?;
    Ok(None)
}

/// The request was answered: the next look takes two persons again.
pub async fn answered(store: &dyn Store, (command, id): (&str, Uuid)) -> Result<(), CliError> {
    Ok(store.set_note(command, &id.to_string(), None).await?)
}
