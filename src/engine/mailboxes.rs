//! Mailboxes of partners: what transports ask is answered from the lanes of the partner's own mailboxes, and what nobody collects in time
//! is parked. Nothing is sent here, and nobody reads what is another's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::clock::Tick;
use crate::envelope::PartnerRef;
use crate::store::error::StoreError;
use crate::store::lane::{Onward, Outcome, Settle, Why};
use crate::store::mailbox::{self as stored, Reader, Ticket};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::Turn;
use crate::transport::port::Busy;
use crate::transport::port::mailbox::{
    Asking, End, Ended, Fetch, Handed, Item, Lain, Mailboxes, Reach, Reason, Stand,
};

use super::core::{Core, busy};
use super::housekeeping::pauses_known;
use super::onward;
use super::ports::Ports;
use super::settle::report;
use super::unsent::{self, HandedOut};

/// How long a reader has something in hand where its mailbox says nothing else.
const LEASE: Duration = Duration::from_secs(300);

/// So many rows that were not collected in time are parked with one look.
const OVERDUE: usize = 256;

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_secs(1);

/// What was given back so often, and again after as many times, is something that its receiver cannot cope with, and a person has to know.
const OFTEN: u32 = 10;

/// The mailboxes among the destinations that run.
pub fn all(core: &Core) -> Vec<String> {
    let set = core.set.load();
    let collected = set.destinations.iter().filter(|(_, destination)| destination.collected());
    collected.map(|(name, _)| name.clone()).collect()
}

/// The mailboxes of a partner, also what was addressed to it before it had one, and how long it may have something in hand; `None` where it has none.
fn reader(core: &Core, partner: &str) -> Option<(Reader, Duration)> {
    let set = core.set.load();
    let of_partner = |name: &str| name.split_once(':').is_some_and(|(_, of)| of == partner);
    let own = set.destinations.iter().filter(|(name, to)| of_partner(name) && to.collected());
    let (mut destinations, mut lease) = (Vec::new(), None);
    for (name, destination) in own {
        destinations.push(name.clone());
        let patience = destination.patience().unwrap_or(LEASE);
        lease = Some(lease.map_or(patience, |other: Duration| other.min(patience)));
    }
    Some((Reader { partner: partner.to_owned(), destinations }, lease?))
}

/// Nothing is handed out of a mailbox of which a part is paused: an empty list would say that there is nothing.
fn held(core: &Core, reader: &Reader) -> Result<(), Busy> {
    match reader.destinations.iter().any(|name| core.destination_paused(name)) {
        true => Err(busy("the mailbox is paused")),
        false => Ok(()),
    }
}

/// Nothing leaves, and nothing counts as delivered, while a store that was put back waits for a person.
fn opened(core: &Core) -> Result<(), Busy> {
    match core.gate.is_closed() {
        true => Err(busy("the store was put back and waits for a person")),
        false => Ok(()),
    }
}

fn failed(core: &Core, error: &StoreError) -> Busy {
    core.store_failed(error);
    busy("the store cannot be used now")
}

/// How a row is settled that a reader ends.
fn outcome(core: &Core, ticket: Ticket, end: End) -> Outcome {
    const ASK: &str = "ask the receiver why, correct it, then replay";
    let parked = |cause: &str, next_step: &str| Outcome::Parked {
        cause: cause.to_owned(),
        next_step: next_step.to_owned(),
    };
    match end {
        End::Taken => Outcome::Sent {
            reference: ticket.to_string(),
            evidence: "closed by the receiver in its mailbox".to_owned(),
            follow: None,
        },
        End::GivenBack => {
            let cause = "given back by the receiver".to_owned();
            Outcome::Later { at: core.clock.now(), cause, doubt: None, turn: Turn::FarEnd }
        }
        End::Refused(Reason::Unreadable) => parked("the receiver cannot read it", ASK),
        End::Refused(Reason::Misaddressed) => parked("the receiver says that it is not for it", ASK),
        End::Refused(Reason::Unsupported) => parked("the receiver takes no such messages", ASK),
        End::Refused(Reason::Other) => parked("the receiver cannot process it", ASK),
        End::Broken => {
            parked("a stored part does not open", "restore the store's files from the backup, then replay it")
        }
    }
}

#[async_trait]
impl Mailboxes for Ports {
    fn any(&self) -> bool {
        self.0.set.load().destinations.values().any(|destination| destination.collected())
    }

    async fn lying(
        &self,
        partner: &PartnerRef,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Option<Vec<Item>>, Busy> {
        let core = &self.0;
        let Some((reader, _)) = reader(core, &partner.id) else { return Ok(None) };
        opened(core)?;
        held(core, &reader)?;
        let found = core.store.lying(&reader, after, limit, core.clock.now()).await;
        let found = found.map_err(|_| busy("the store cannot be read now"))?;
        Ok(Some(found.into_iter().map(|one| item(core, one)).collect()))
    }

    async fn ready(&self, partner: &PartnerRef) -> Result<bool, Busy> {
        let core = &self.0;
        let Some((reader, _)) = reader(core, &partner.id) else { return Ok(false) };
        opened(core)?;
        held(core, &reader)?;
        let ready = core.store.ready(&reader, core.clock.now()).await;
        ready.map_err(|_| busy("the store cannot be read now"))
    }

    async fn fetch(&self, partner: &PartnerRef, id: Uuid, asking: Asking) -> Result<Fetch, Busy> {
        let core = &self.0;
        let Some((reader, lease)) = reader(core, &partner.id) else { return Ok(Fetch::Unknown) };
        opened(core)?;
        held(core, &reader)?;
        let ticket = asking.receipt.as_deref().and_then(|shown| core.store.ticket(shown));
        // It is looked at like anything that leaves, whatever receipt is shown with it: that may be of another row, or of a hand-out that is over.
        match unsent::may_be_handed_out(core, &reader, id).await? {
            HandedOut::Now => {}
            HandedOut::NotYet => return Ok(Fetch::Behind),
            HandedOut::Aside => return Ok(Fetch::Unknown),
        }
        let ask = stored::Ask { id, ticket, key: asking.key, lease, now: core.clock.now() };
        let handed = core.store.hand_out(&reader, ask).await.map_err(|error| failed(core, &error))?;
        Ok(match handed {
            stored::Handed::Out(due, ticket, until) => {
                tracing::info!(id = %due.id, destination = %due.destination, "handed out of a mailbox");
                let receipt = core.store.receipt(ticket);
                Fetch::Handed(Box::new(Handed { receipt, until, envelope: due.envelope }))
            }
            stored::Handed::Held(until) => Fetch::Held(until),
            stored::Handed::Behind => Fetch::Behind,
            stored::Handed::Unknown => Fetch::Unknown,
        })
    }

    async fn stands(&self, partner: &PartnerRef, id: Uuid) -> Result<Option<Lain>, Busy> {
        let core = &self.0;
        let Some((reader, _)) = reader(core, &partner.id) else { return Ok(None) };
        let found = core.store.lain(&reader, id, core.clock.now()).await;
        let found = found.map_err(|_| busy("the store cannot be read now"))?;
        Ok(found.map(|found| {
            let stored::Lain { message, test, queued, open, closed } = found;
            let stand = match (open, closed) {
                (true, _) => Stand::Lies,
                (false, true) => Stand::Closed,
                (false, false) => Stand::Aside,
            };
            Lain { message, test, queued, stand }
        }))
    }

    async fn hold(&self, partner: &PartnerRef, id: Uuid, receipt: &str) {
        let core = &self.0;
        let Some((_, lease)) = reader(core, &partner.id) else { return };
        // The receipt is of a hand-out to this partner: it was made here for this very answer.
        if let Some(ticket) = core.store.ticket(receipt).filter(|ticket| ticket.row == id)
            && let Err(error) = core.store.renew(ticket.lane, ticket.fence, core.clock.now(), lease).await
        {
            core.store_failed(&error);
        }
    }

    async fn end(&self, partner: &PartnerRef, id: Uuid, receipt: &str, end: End) -> Result<Ended, Busy> {
        let core = &self.0;
        let Some((reader, _)) = reader(core, &partner.id) else { return Ok(Ended::Unknown) };
        opened(core)?;
        // What is no receipt of this row is as good as one that is over, where there is such a row at all.
        let known = core.store.ticket(receipt).filter(|ticket| ticket.row == id);
        let ticket = known.unwrap_or(Ticket { lane: 0, fence: 0, row: id });
        let outcome = outcome(core, ticket, end);
        let refused = matches!(end, End::Refused(_));
        let ended = core.store.end(&reader, ticket, (outcome, refused), core.clock.now()).await;
        Ok(match ended.map_err(|error| failed(core, &error))? {
            stored::Ended::Done { destination, attempts, outcome } => {
                report(&destination, attempts, &outcome);
                let times = attempts.saturating_add(1);
                if end == End::GivenBack && times.is_multiple_of(OFTEN) {
                    raise(Alarm::GivenBackOften, &destination, &[("id", &id.to_string())]);
                }
                // What leaves only after it, and who waits for it to be delivered.
                core.outbox.notify_one();
                Ended::Done
            }
            stored::Ended::AfterAll { destination } => {
                raise(Alarm::TakenAfterAll, &destination, &[("id", &id.to_string())]);
                core.outbox.notify_one();
                Ended::Done
            }
            stored::Ended::Again => Ended::Done,
            stored::Ended::Stale => Ended::Stale,
            stored::Ended::Unknown => Ended::Unknown,
        })
    }
}

fn item(core: &Core, item: stored::Item) -> Item {
    let stored::Item { id, message, test, size, parts, queued, deadline, lane, first, held, fetched } = item;
    let reach = match (first, held) {
        (true, None) => Reach::Ready,
        (true, Some(until)) => Reach::Held(until),
        (false, _) => Reach::Behind,
    };
    let fetched = fetched || matches!(reach, Reach::Held(_));
    Item { id, message, test, size, parts, queued, deadline, order: core.store.series(lane), reach, fetched }
}

/// Parks what was not collected in time, or sends it its next way, until the engine stops. Of several replicas each looks; the fence lets one settle.
pub async fn overdue(core: Arc<Core>) {
    tokio::select! {
        () = core.gate.opened() => {}
        () = core.stop.cancelled() => return,
    }
    // What is paused is known before anything is withdrawn.
    pauses_known(&core).await;
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let began = Tick::now();
        let mut found = Vec::new();
        // Who could not fetch because of our pause has his time when it ends.
        let mut mailboxes = all(&core);
        mailboxes.retain(|name| !core.destination_held(name));
        if !mailboxes.is_empty() && !core.gate.is_closed() {
            match core.store.overdue(&mailboxes, core.clock.now(), OVERDUE).await {
                Ok(overdue) => found = overdue,
                Err(error) => core.store_failed(&error),
            }
        }
        let pause = rest(began.elapsed(), found.len());
        let settled = park(&core, found).await;
        let pause = if settled { pause } else { pause.max(SHORTEST) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

/// How long nobody looks after a look that took so long and found so many: looking never becomes work of its own in a house that has grown.
/// What is done with what was found is no looking, and where more may be over it is looked again at once: nobody can have it meanwhile.
fn rest(looked: Duration, found: usize) -> Duration {
    match found {
        OVERDUE => Duration::ZERO,
        _ => (looked * 50).clamp(SHORTEST, Duration::from_secs(60)),
    }
}

/// Settles what nobody collected, all in one transaction; whether that could be done.
async fn park(core: &Core, found: Vec<stored::Overdue>) -> bool {
    let mut settles = Vec::with_capacity(found.len());
    let mut destinations = Vec::with_capacity(found.len());
    for one in found {
        let stored::Overdue { lane, fence, row, destination, fetched, next } = one;
        // Whoever fetched it may have it, and a person has to ask; what nobody fetched certainly did not arrive.
        let next = next.filter(|next| next.late_after.is_some());
        // A mailbox that works is not left for what is no more. (What is overdue by its way was queued a minute ago at least.)
        let (next, last) = match next {
            Some(next) if !next.leads(|to| core.set.load().destinations.contains_key(to)) => {
                (None, Some(next))
            }
            other => (other, None),
        };
        let stays = last.as_ref().and_then(|next| onward::stays(core, next));
        let outcome = match (fetched, next) {
            (true, _) => Outcome::Unclear { cause: "fetched but not closed before its deadline".to_owned() },
            // Settling withdraws it: whoever fetches at this moment has the lane before, or nothing.
            (false, Some(next)) => Outcome::Onward(Onward {
                from: destination.clone(),
                to: next.way,
                why: Why::NotCollected,
                cause: "not collected in time, withdrawn before anybody fetched it".to_owned(),
            }),
            (false, None) => stays.unwrap_or_else(|| Outcome::Parked {
                cause: "not collected before its deadline".to_owned(),
                next_step: "ask the receiver why it does not collect, then replay".to_owned(),
            }),
        };
        let (answers, delivers, now) = (Vec::new(), None, core.clock.now());
        settles.push(Settle { lane, fence, row, outcome, answers, delivers, release: true, now });
        destinations.push(destination);
    }
    if settles.is_empty() {
        return true;
    }
    let settled = match core.store.settle(settles.clone()).await {
        Ok(settled) => settled,
        // One row that cannot be settled holds no other.
        Err(StoreError::Entry(_) | StoreError::Corrupt(_)) => {
            let mut each = Vec::with_capacity(settles.len());
            for one in &settles {
                each.push(core.store.settle(vec![one.clone()]).await.is_ok_and(|settled| settled == [true]));
            }
            each
        }
        Err(error) => {
            core.store_failed(&error);
            return false;
        }
    };
    // Of the others a reader or another replica was faster.
    let done = settles.iter().zip(&destinations).zip(settled).filter(|(_, settled)| *settled);
    let mut onward = false;
    for ((Settle { outcome, .. }, destination), _) in done {
        report(destination, 0, outcome);
        onward |= matches!(outcome, Outcome::Onward(_));
    }
    if onward {
        core.outbox.notify_one();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_more_may_be_over_it_is_looked_again_at_once() {
        assert_eq!(rest(Duration::from_secs(2), OVERDUE), Duration::ZERO);
        assert_eq!(rest(Duration::from_millis(1), OVERDUE - 1), SHORTEST);
        assert_eq!(rest(Duration::from_millis(100), 0), Duration::from_secs(5));
        assert_eq!(rest(Duration::from_secs(9), 0), Duration::from_secs(60));
    }
}
