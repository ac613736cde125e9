//! What becomes of a row that one way has certainly not delivered, or that is on a way which is no more: its next way, where it has one and no
//! earlier attempt may have arrived; else a person. Where all its later ways are gone, the way that it is on is its last one.
//! Sends nothing, and takes no other way in doubt.

use jiff::{SignedDuration, Timestamp};

use crate::effects::Way;
use crate::store::lane::{Due, Next, Onward, Outcome, Undelivered, Why};
use crate::transport::port::{Destination, Receipt};

use super::attempt;
use super::core::Core;
use super::sending::{self, Lease};

/// For so long a destination that a row was given may not be known here yet: another replica has applied it before this one.
const KNOWN: SignedDuration = SignedDuration::from_secs(60);
/// What is said where all later ways of a row are gone.
pub const NO_WAY: &str = "none of its next ways is configured any more";
/// The safe next step where nothing leads to an addressee any more, or yet.
const GIVE_WAY: &str = "give the partner a channel and `answers-by` in partners.yaml, or bring the connection back that was taken away; apply, then replay; what was handed on by hand `parked arrived` closes";

/// The safe next step where a person has ended what was left, or the place is another's now.
const ELSEWHERE: &str = "`routes end-draining DESTINATION --to …` names another destination of the partner, then replay; handed on by hand `parked arrived` closes it; or give the partner its channel back, apply, replay";
/// How long what had no deadline may take at the destination that a person names.
const LAST: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Whether a way after the one that a row is on leads anywhere in the set that runs; what is new is said to, because it may have been decided by
/// a set that this process does not know yet.
pub fn leads(core: &Core, next: &Next, queued: Timestamp) -> bool {
    let set = core.set.load();
    core.clock.now().duration_since(queued) < KNOWN || next.leads(|to| set.destinations.contains_key(to))
}

/// A row stays where it is whose time is over and after whose way nothing comes any more; `None` where it had the time of a last one.
pub fn stays(core: &Core, next: &Next) -> Option<Outcome> {
    let until = core.clock.now().checked_add(SignedDuration::try_from(next.rest()?).ok()?).ok()?;
    let cause = format!("the time of this way is over; it stays here, because {NO_WAY}");
    Some(Outcome::Stays { until, cause })
}

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

/// The connection of a destination.
pub fn connection_of(destination: &str) -> &str {
    destination.split_once(':').map_or(destination, |(connection, _)| connection)
}

/// A row whose destination was taken away and is served no more, by a person's word or because it cannot be: it goes where that word says, or is
/// parked. What may have arrived goes nowhere before a person has found out.
fn ended(core: &Core, lease: &Lease, due: &Due) -> Option<Ends> {
    let to = core.ended.load().get(&due.destination).cloned()?;
    let cause = "its destination was taken away, and what was left for it was ended";
    if may_have_arrived(lease, due) {
        return Some(Ends::So(Outcome::Unclear {
            cause: format!("{cause}, and an earlier attempt may have arrived"),
        }));
    }
    let Some(to) = to.filter(|to| core.set.load().destinations.contains_key(to)) else {
        return Some(Ends::So(Outcome::Parked { cause: cause.to_owned(), next_step: ELSEWHERE.to_owned() }));
    };
    let time = due.deadline.map_or(LAST, |deadline| deadline.duration_since(due.queued));
    let seconds = u64::try_from(time.as_secs()).unwrap_or_default();
    let to = Way { destination: to, seconds, until_late: false };
    let from = due.destination.clone();
    Some(Ends::So(Outcome::Onward(Onward {
        from,
        to,
        why: Why::Late,
        cause: format!("{cause} by a person"),
    })))
}

/// Whether an attempt before may have reached the receiver. A process leases also what leads nowhere, to say so: the end of such a lease with its
/// process says nothing of an attempt. Only what a reader had in its hand, or an attempt left something of, may have arrived.
fn may_have_arrived(lease: &Lease, due: &Due) -> bool {
    due.unclear && (lease.was_handed_out() || due.attempts > 0 || due.left.is_some())
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
    if due.next.is_none()
        && let Some(ends) = ended(core, lease, due)
    {
        return Some(ends);
    }
    // No connection of this name: it stands for an addressee whom nobody knows how to reach, and waiting does not change that. Where the
    // connection stands, an apply may give the partner its channel there again, and what it has for it alone waits until its time is over; the
    // last of several ways is one that nobody looks at any more, and is waited for only as long as another replica may know its set.
    let ended = due.several && age >= KNOWN;
    let stands = || core.set.load().patience.contains_key(connection_of(&due.destination));
    if due.next.is_some() || !ended && stands() {
        return None;
    }
    let mut cause = "nothing in this stage leads to this addressee".to_owned();
    if may_have_arrived(lease, due) {
        cause.push_str(", and an earlier attempt may have arrived");
        return Some(Ends::So(Outcome::Unclear { cause }));
    }
    Some(Ends::So(Outcome::Parked { cause, next_step: GIVE_WAY.to_owned() }))
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

/// Parked on the last way that is left, and why it is that.
fn last(parked: Outcome) -> Outcome {
    match parked {
        Outcome::Parked { cause, next_step } => {
            Outcome::Parked { cause: format!("{cause}; {NO_WAY}"), next_step }
        }
        other => other,
    }
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
    // Whatever it may have come to before, this is the last way: what is over ends here as it does on one. A way that is no more leads nowhere itself.
    if destination.is_some() && !leads(core, next, due.queued) {
        let stays = if why == Why::Late { stays(core, next) } else { None };
        return Ends::So(stays.unwrap_or_else(|| last(parked)));
    }
    let from = due.destination.clone();
    let onward = |cause| Ends::So(Outcome::Onward(Onward { from, to: next.way.clone(), why, cause }));
    if Undelivered::judged(true, doubted) == Undelivered::Onward {
        return onward(cause);
    }
    // Whoever can be asked says whether an earlier attempt has arrived; nobody else may.
    let found = match destination {
        Some(destination) => sending::find(core, lease, destination, due).await.ok(),
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
