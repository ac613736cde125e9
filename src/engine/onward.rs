//! What becomes of a row that one way has certainly not delivered, or that is on a way which is no more: its next way, where it has one and no
//! earlier attempt may have arrived; else a person. Sends nothing, and takes no other way in doubt.

use jiff::SignedDuration;

use crate::store::lane::{Due, Next, Onward, Outcome, Undelivered, Why};
use crate::transport::port::{Destination, Receipt};

use super::attempt;
use super::core::Core;
use super::sending::{self, Lease};

/// For so long a destination that a row was given may not be known here yet: another replica has applied it before this one.
const KNOWN: SignedDuration = SignedDuration::from_secs(60);
/// The safe next step where nothing leads to an addressee any more, or yet.
const GIVE_WAY: &str = "give the partner a channel and `answers-by` in partners.yaml, or bring the connection back that was taken away; apply, then replay; what was handed on by hand `parked arrived` closes";

/// How it ends.
#[derive(Debug)]
pub enum Ends {
    /// As this says.
    So(Outcome),
    /// An earlier attempt has arrived after all.
    Arrived(Receipt),
}

/// A row that its far end refuses for good, with the cause of that.
pub async fn refused(
    core: &Core,
    lease: &Lease,
    destination: &dyn Destination,
    due: &Due,
    cause: String,
) -> Ends {
    let doubted = attempt::doubted(due.unclear, destination.repeat_is_safe());
    let parked = Outcome::Parked {
        cause: cause.clone(),
        next_step: "ask the receiver why, correct it, then replay".to_owned(),
    };
    ends(core, (lease, Some(destination)), due, (due.next.as_ref(), Why::Refused), (doubted, cause), parked)
        .await
}

/// A row whose destination is not in the running set: taken away under it, or never there. `None`: it may come, and is waited for.
pub async fn gone(core: &Core, lease: &Lease, due: &Due) -> Option<Ends> {
    let age = core.clock.now().duration_since(due.queued);
    if let Some(next) = due.next.as_ref().filter(|_| age >= KNOWN) {
        let cause = "its destination is not configured any more".to_owned();
        let parked = Outcome::Parked { cause: cause.clone(), next_step: GIVE_WAY.to_owned() };
        return Some(
            ends(core, (lease, None), due, (Some(next), Why::Late), (due.unclear, cause), parked).await,
        );
    }
    // No connection of this name: it stands for an addressee whom nobody knows how to reach, and waiting does not change that.
    let connection = due.destination.split_once(':').map_or(&*due.destination, |(connection, _)| connection);
    if due.next.is_some() || core.set.load().patience.contains_key(connection) {
        return None;
    }
    Some(Ends::So(Outcome::Parked {
        cause: "nothing in this stage leads to this addressee".to_owned(),
        next_step: GIVE_WAY.to_owned(),
    }))
}

/// A row whose time is over.
pub async fn late(core: &Core, lease: &Lease, destination: Option<&dyn Destination>, due: &Due) -> Ends {
    let (cause, next_step) = match destination {
        Some(_) => {
            ("not delivered before its deadline", "find out why the receiver did not take it, then replay")
        }
        None => ("not delivered before its deadline: its destination is not configured any more", GIVE_WAY),
    };
    if destination.is_none() && due.unclear {
        let cause = format!("{cause}, and an earlier attempt may have arrived");
        return Ends::So(Outcome::Unclear { cause });
    }
    let parked = Outcome::Parked { cause: cause.to_owned(), next_step: next_step.to_owned() };
    // A way that is no more is over whatever the next one waits for.
    let next = due.next.as_ref().filter(|next| destination.is_none() || next.late_after.is_some());
    ends(core, (lease, destination), due, (next, Why::Late), (due.unclear, cause.to_owned()), parked).await
}

async fn ends(
    core: &Core,
    (lease, destination): (&Lease, Option<&dyn Destination>),
    due: &Due,
    (next, why): (Option<&Next>, Why),
    (doubted, cause): (bool, String),
    parked: Outcome,
) -> Ends {
    let Some(next) = next else { return Ends::So(parked) };
    let from = due.destination.clone();
    let onward = |cause| Ends::So(Outcome::Onward(Onward { from, to: next.way.clone(), why, cause }));
    if Undelivered::judged(true, doubted) == Undelivered::Onward {
        return onward(cause);
    }
    // Whoever can be asked says whether an earlier attempt has arrived; nobody else may.
    let found = match destination {
        Some(destination) => sending::find(core, lease, destination, &due.envelope).await.ok(),
        None => None,
    };
    match found {
        Some(Some(receipt)) => Ends::Arrived(receipt),
        Some(None) => onward(cause),
        None => Ends::So(Outcome::Unclear {
            cause: format!("{cause}; an earlier attempt may have arrived, so no other way is taken"),
        }),
    }
}
