//! What a person found out of a delivery: that it did not arrive. Its far end is asked first where it can say: a document that lies where it
//! was laid could be taken after another copy went. Never doubts a person where nobody else can tell.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use uuid::Uuid;

use crate::store::lane::Undelivered;
use crate::store::orders::{Command, CommandState};
use crate::telemetry::alarm::{Alarm, raise};

use super::core::Core;

/// Carries out `not-arrived`: which delivery, and by which way.
pub async fn not_arrived(core: &Core, (id, way): (Uuid, &str), command: &Command) -> CommandState {
    if let Some(reference) = still_there(core, id, way).await {
        return CommandState::Refused(format!(
            "its far end, asked again, has it as `{reference}`, where its receiver can still take it: take it away there, then say it again; where the receiver has it, `parked arrived`"
        ));
    }
    let now = core.clock.now();
    match core.store.not_arrived((id, way), &command.person, &command.reason, now).await {
        Ok(Some(Undelivered::Onward)) => {
            core.outbox.notify_one();
            CommandState::Done("it goes on by its next way; `messages show` says by which".to_owned())
        }
        Ok(Some(_)) => CommandState::Done(
            "noted: it has no other way and is parked; `parked replay` sends it again".to_owned(),
        ),
        Ok(None) => CommandState::Refused(
            "this delivery is not, or no more, unclear, failed, not taken back, or parked with another way by which it did not arrive; what is parked without one `parked replay` sends again"
                .to_owned(),
        ),
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

/// What its far end calls it, where that says that it is there. A far end that cannot be asked says nothing: then the person's word is all
/// that there is.
async fn still_there(core: &Core, id: Uuid, way: &str) -> Option<String> {
    let destination = core.set.load().destinations.get(way).cloned()?;
    // Whatever cannot be read here the store refuses in a moment.
    let due = core.store.waiting_for_person(id).await.ok()??;
    if due.destination != way {
        return None;
    }
    let asked = AssertUnwindSafe(destination.lies_there(&due.envelope)).catch_unwind();
    match tokio::time::timeout(core.settings.send_timeout, asked).await {
        Ok(Ok(Ok(found))) => found,
        Ok(Err(_)) => {
            raise(Alarm::WorkerFailed, way, &[]);
            None
        }
        Ok(Ok(Err(_))) | Err(_) => None,
    }
}
