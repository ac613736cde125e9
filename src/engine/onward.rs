//! What becomes of a row that one way has certainly not delivered: its next way, where it has one and no earlier attempt may have arrived;
//! else a person. Sends nothing, and takes no other way in doubt.

use crate::store::lane::{Due, Onward, Outcome, Undelivered, Why};
use crate::transport::port::{Destination, Receipt};

use super::attempt;
use super::core::Core;
use super::sending::{self, Lease};

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
    ends(core, (lease, Some(destination)), due, (Why::Refused, doubted, cause), parked).await
}

/// A row whose time is over.
pub async fn late(core: &Core, lease: &Lease, destination: Option<&dyn Destination>, due: &Due) -> Ends {
    let cause = "not delivered before its deadline".to_owned();
    let parked = Outcome::Parked {
        cause: cause.clone(),
        next_step: "find out why the receiver did not take it, then replay".to_owned(),
    };
    ends(core, (lease, destination), due, (Why::Late, due.unclear, cause), parked).await
}

async fn ends(
    core: &Core,
    (lease, destination): (&Lease, Option<&dyn Destination>),
    due: &Due,
    (why, doubted, cause): (Why, bool, String),
    parked: Outcome,
) -> Ends {
    let next = due.next.as_ref().filter(|next| why == Why::Refused || next.late_after.is_some());
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
