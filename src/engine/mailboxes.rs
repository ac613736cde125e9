//! Mailboxes of partners: what transports ask is answered from the lanes of the partner's own mailboxes, and what nobody collects in time
//! is parked. Nothing is sent here, and nobody reads what is another's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::clock::Tick;
use crate::envelope::PartnerRef;
use crate::store::contract::StoreError;
use crate::store::lane::{Onward, Outcome, Settle, Why};
use crate::store::mailbox::{self as stored, Reader, Ticket};
use crate::transport::port::Busy;
use crate::transport::port::mailbox::{Asking, End, Ended, Fetch, Handed, Item, Mailboxes, Reach, Reason};

use super::core::{Core, busy};
use super::ports::Ports;
use super::settle::report;

/// How long a reader has something in hand where its mailbox says nothing else.
const LEASE: Duration = Duration::from_secs(300);

/// So many rows that were not collected in time are parked with one look.
const OVERDUE: usize = 256;

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
            Outcome::Later { at: core.clock.now(), cause, doubt: false }
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
        Ok(Some(found.into_iter().map(item).collect()))
    }

    async fn fetch(&self, partner: &PartnerRef, id: Uuid, asking: Asking) -> Result<Fetch, Busy> {
        let core = &self.0;
        let Some((reader, lease)) = reader(core, &partner.id) else { return Ok(Fetch::Unknown) };
        opened(core)?;
        held(core, &reader)?;
        let ticket = asking.receipt.as_deref().and_then(|shown| shown.parse().ok());
        let ask = stored::Ask { id, ticket, key: asking.key, lease, now: core.clock.now() };
        let handed = core.store.hand_out(&reader, ask).await.map_err(|error| failed(core, &error))?;
        Ok(match handed {
            stored::Handed::Out(due, ticket, until) => {
                tracing::info!(id = %due.id, destination = %due.destination, "handed out of a mailbox");
                let receipt = ticket.to_string();
                Fetch::Handed(Box::new(Handed { receipt, until, envelope: due.envelope }))
            }
            stored::Handed::Held(until) => Fetch::Held(until),
            stored::Handed::Behind => Fetch::Behind,
            stored::Handed::Unknown => Fetch::Unknown,
        })
    }

    async fn hold(&self, partner: &PartnerRef, id: Uuid, receipt: &str) {
        let core = &self.0;
        let Some((_, lease)) = reader(core, &partner.id) else { return };
        // The receipt is of a hand-out to this partner: it was made here for this very answer.
        if let Some(ticket) = receipt.parse::<Ticket>().ok().filter(|ticket| ticket.row == id)
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
        let known = receipt.parse::<Ticket>().ok().filter(|ticket| ticket.row == id);
        let ticket = known.unwrap_or(Ticket { lane: 0, fence: 0, row: id });
        let outcome = outcome(core, ticket, end);
        let refused = matches!(end, End::Refused(_));
        let ended = core.store.end(&reader, ticket, (outcome, refused), core.clock.now()).await;
        Ok(match ended.map_err(|error| failed(core, &error))? {
            stored::Ended::Done { destination, attempts, outcome } => {
                report(&destination, attempts, &outcome);
                // What leaves only after it, and who waits for it to be delivered.
                core.outbox.notify_one();
                Ended::Done
            }
            stored::Ended::Again => Ended::Done,
            stored::Ended::Stale => Ended::Stale,
            stored::Ended::Unknown => Ended::Unknown,
        })
    }
}

fn item(item: stored::Item) -> Item {
    let stored::Item { id, message, test, size, parts, queued, deadline, lane, first, held, fetched } = item;
    let reach = match (first, held) {
        (true, None) => Reach::Ready,
        (true, Some(until)) => Reach::Held(until),
        (false, _) => Reach::Behind,
    };
    let fetched = fetched || matches!(reach, Reach::Held(_));
    Item { id, message, test, size, parts, queued, deadline, order: lane.to_string(), reach, fetched }
}

/// Parks what was not collected in time, or sends it its next way, until the engine stops. Of several replicas each looks; the fence lets one settle.
pub async fn overdue(core: Arc<Core>) {
    tokio::select! {
        () = core.gate.opened() => {}
        () = core.stop.cancelled() => return,
    }
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let began = Tick::now();
        let mailboxes = all(&core);
        if !mailboxes.is_empty() && !core.gate.is_closed() {
            let now = core.clock.now();
            match core.store.overdue(&mailboxes, now, OVERDUE).await {
                Ok(found) => park(&core, found).await,
                Err(error) => core.store_failed(&error),
            }
        }
        // Looking never becomes work of its own in a house that has grown.
        let pause = (began.elapsed() * 50).clamp(Duration::from_secs(1), Duration::from_secs(60));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

async fn park(core: &Core, found: Vec<stored::Overdue>) {
    for one in found {
        let stored::Overdue { lane, fence, row, destination, fetched, next } = one;
        let next = next.filter(|next| next.late_after.is_some());
        // Who could not fetch because of our pause has his time when it ends.
        if next.is_some() && core.destination_paused(&destination) {
            continue;
        }
        // Whoever fetched it may have it, and a person has to ask; what nobody fetched certainly did not arrive.
        let outcome = match (fetched, next) {
            (true, _) => Outcome::Unclear { cause: "fetched but not closed before its deadline".to_owned() },
            // Settling withdraws it: whoever fetches at this moment has the lane before, or nothing.
            (false, Some(next)) => Outcome::Onward(Onward {
                from: destination.clone(),
                to: next.way,
                why: Why::NotCollected,
                cause: "not collected in time, withdrawn before anybody fetched it".to_owned(),
            }),
            (false, None) => Outcome::Parked {
                cause: "not collected before its deadline".to_owned(),
                next_step: "ask the receiver why it does not collect, then replay".to_owned(),
            },
        };
        let (answers, delivers, now) = (Vec::new(), None, core.clock.now());
        let settle =
            Settle { lane, fence, row, outcome: outcome.clone(), answers, delivers, release: true, now };
        match core.store.settle(vec![settle]).await {
            Ok(settled) if settled == [true] => {
                report(&destination, 0, &outcome);
                if matches!(outcome, Outcome::Onward(_)) {
                    core.outbox.notify_one();
                }
            }
            // A reader or another replica was faster.
            Ok(_) => {}
            Err(error) => return core.store_failed(&error),
        }
    }
}
