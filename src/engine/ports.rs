//! The ports of the transports, implemented over the store and the running set.
//! Scopes every read by the partner; knows no transport.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::envelope::{Envelope, Lying, Part, PartnerRef, SMALL_PART, Small, is_json};
use crate::plan::PlanSet;
use crate::store::claims::{SpoolRead, SpoolWrite};
use crate::store::desk::Filter;
use crate::store::error::StoreError;
use crate::store::stamp::Scope;
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::port::account::{Bound, Taken, Under};
use crate::transport::port::binding::HttpBinding;
use crate::transport::port::{
    Admission, Busy, Doors, DueTimers, Notes, PartReader, PartWriter, Place, Spool, SpoolError, Standing,
    Standings,
};

use super::core::{Core, busy};
use super::objecting;
use super::standing;
use super::told::Told;

/// All ports of one engine.
pub struct Ports(pub Arc<Core>);

impl Ports {
    fn mandant(&self, partner: &str) -> Result<String, SpoolError> {
        let set = self.0.set.load();
        set.partners
            .get(partner)
            .map(|partner| partner.sender.mandant.clone())
            .ok_or_else(|| SpoolError::Later("the partner is not in the running set".to_owned()))
    }
}

impl Doors for Ports {
    fn admission(&self) -> Arc<Admission> {
        self.0.set.load().admission.clone()
    }

    fn http(&self) -> Arc<Vec<HttpBinding>> {
        self.0.set.load().http.clone()
    }

    fn bound(&self, binding: &str) -> Option<Bound> {
        let set = self.0.set.load();
        let mut bound: Option<Bound> = None;
        for (plan, _) in set.by_binding(binding) {
            let all = bound.get_or_insert(Bound { partners: Vec::new(), max_body: 0, max_part: 0 });
            all.partners.extend(plan.accept.iter().flat_map(|accept| accept.partners.iter().cloned()));
            all.max_body = all.max_body.max(plan.limits.max_body);
            all.max_part = all.max_part.max(plan.limits.max_part);
        }
        bound
    }
}

#[async_trait]
impl Standings for Ports {
    async fn standing(&self, partner: &PartnerRef, id: Uuid) -> Result<Option<Standing>, Busy> {
        let Some(mandant) =
            self.0.set.load().partners.get(&partner.id).map(|known| known.sender.mandant.clone())
        else {
            return Ok(None);
        };
        let scope = Scope::Partner { mandant, partner: partner.id.clone() };
        let filter = Filter { id: Some(id), limit: 1, ..Filter::default() };
        let listed =
            self.0.store.list(&scope, filter).await.map_err(|_| busy("the store cannot be read now"))?;
        let Some(message) = listed.first() else { return Ok(None) };
        let stand = standing::of(&self.0, &partner.id, (id, message.state)).await?;
        Ok(Some(Standing { id, stand }))
    }

    async fn taken(&self, partner: &PartnerRef, under: Under<'_>) -> Result<Option<Taken>, Busy> {
        let Some(mandant) =
            self.0.set.load().partners.get(&partner.id).map(|known| known.sender.mandant.clone())
        else {
            return Ok(None);
        };
        let scope = Scope::Partner { mandant, partner: partner.id.clone() };
        let filter = match under {
            Under::Transport(id) => Filter { transport_id: Some(id.to_owned()), ..Filter::default() },
            Under::Id(id) => Filter { id: Some(id), ..Filter::default() },
        };
        let listed = self.0.store.list(&scope, filter).await;
        let listed = listed.map_err(|_| busy("the store cannot be read now"))?;
        // Under the same id may lie what came later with other content, which is kept apart: the first is the one that was taken.
        Ok(listed.into_iter().next_back().map(|first| Taken {
            id: first.id,
            state: first.state,
            received: first.received,
            message: first.message,
            test: first.test,
        }))
    }
}

#[async_trait]
impl Notes for Ports {
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, Busy> {
        self.0.store.note(connection, key).await.map_err(|_| busy("the store cannot be read now"))
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), Busy> {
        self.0
            .store
            .set_note(connection, key, value)
            .await
            .map_err(|_| busy("the store cannot be written now"))
    }

    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, Busy> {
        let swapped = self.0.store.swap_note(connection, key, before, value).await;
        swapped.map_err(|_| busy("the store cannot be written now"))
    }

    async fn looks(&self, connection: &str, places: &[Place]) -> Result<(), Busy> {
        looks(&self.0, connection, places).await
    }

    async fn looked(&self, place: &Place, lying: Lying) -> Result<(), Busy> {
        looked(&self.0, place, lying).await
    }
}

/// Those among the partners of a place from whom a route takes deliveries there: of others nothing counts.
fn delivering(core: &Core, place: &Place) -> Vec<String> {
    let set = core.set.load();
    let delivers = |partner: &&String| objecting::delivers_from(&set, &place.binding, partner);
    place.partners.iter().filter(delivers).cloned().collect()
}

/// Keeps where a source will look.
pub async fn looks(core: &Core, connection: &str, places: &[Place]) -> Result<(), Busy> {
    let (now, places) = (core.clock.now(), places.iter());
    let places: Vec<(String, Vec<String>)> =
        places.map(|place| (place.key(), delivering(core, place))).collect();
    let stored = core.store.begin_looks(connection, &places, now).await;
    stored.map_err(|_| busy("the store cannot be written now"))
}

/// Keeps what was found at a place.
pub async fn looked(core: &Core, place: &Place, lying: Lying) -> Result<(), Busy> {
    let (now, key, partners) = (core.clock.now(), place.key(), delivering(core, place));
    {
        let told = core.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&key).is_some_and(|told| !told.is_old((&partners, lying), now)) {
            return Ok(());
        }
    }
    let stored = core.store.looked(&key, &partners, lying, now).await;
    stored.map_err(|_| busy("the store cannot be written now"))?;
    let told = Told { partners, lying, at: now };
    core.backlog.lock().unwrap_or_else(PoisonError::into_inner).insert(key, told);
    Ok(())
}

/// Forgets what sources of other connections than these saw, in the store and here: nobody looks there any more, and one that comes
/// back has to be written anew.
pub async fn keep_looks(core: &Core, connections: &[String]) -> Result<(), StoreError> {
    let kept = core.store.keep_looks(connections).await;
    let mut told = core.backlog.lock().unwrap_or_else(PoisonError::into_inner);
    told.retain(|place, _| connections.iter().any(|name| name == connection_of(place)));
    kept
}

/// The connection of a place: see [`Place::key`].
fn connection_of(place: &str) -> &str {
    place.split_once(' ').map_or(place, |(name, _)| name)
}

/// So many due timers are looked through for such as no pause holds.
const TIMERS_AT_MOST: usize = 4096;

/// Whether a timer comes in as a delivery of nobody who may make one there: its office is no partner now, or no route takes it any more.
/// Handed in it would be denied and used up; it waits until somebody has it again, and calls a person meanwhile. What no route takes at all is
/// parked like anything else.
fn of_nobody(set: &PlanSet, timer: &Envelope, now: Timestamp) -> bool {
    let binding = &timer.head.binding;
    let partner = timer.head.partner.as_ref().and_then(|partner| set.partners.get(&partner.id));
    let admits = |id: &String| {
        let mut plans = set.by_binding(binding).map(|(plan, _)| plan);
        plans.any(|plan| plan.accept.iter().any(|accept| accept.partners.contains(id)))
    };
    let taken = partner.is_some_and(|partner| partner.holds(now) && admits(&partner.sender.id));
    set.by_binding(binding).next().is_some() && !taken
}

/// Due timers that no paused route holds and that are somebody's: the others must not stand before them, however many they are.
pub async fn due<F>(core: &Core, limit: usize, ask: impl Fn(usize) -> F) -> Result<Vec<Envelope>, Busy>
where
    F: Future<Output = Result<Vec<Envelope>, Busy>>,
{
    let mut most = limit;
    loop {
        let due = ask(most).await?;
        let all = due.len();
        let set = core.set.load_full();
        let now = core.clock.now();
        let free = due.into_iter().filter(|one| !core.routes_paused(&set, &one.head.binding));
        let (kept, free): (Vec<Envelope>, Vec<Envelope>) = free.partition(|one| of_nobody(&set, one, now));
        for one in &kept {
            let partner = one.head.partner.as_ref().map_or("-", |partner| partner.id.as_str());
            raise(Alarm::TimerKept, &one.head.binding, &[("of", partner), ("id", &one.head.id.to_string())]);
        }
        let free: Vec<Envelope> = free.into_iter().take(limit).collect();
        if !free.is_empty() || all < most || most >= TIMERS_AT_MOST {
            return Ok(free);
        }
        most = most.saturating_mul(8).min(TIMERS_AT_MOST);
    }
}

#[async_trait]
impl DueTimers for Ports {
    async fn due(&self, limit: usize) -> Result<Vec<Envelope>, Busy> {
        let (core, now) = (&self.0, self.0.clock.now());
        let ask = |most| async move {
            core.store.due_timers(now, most).await.map_err(|_| busy("the store cannot be read now"))
        };
        due(core, limit, ask).await
    }
}

#[async_trait]
impl Spool for Ports {
    async fn begin(&self, partner: &PartnerRef) -> Result<Box<dyn PartWriter>, SpoolError> {
        let mandant = self.mandant(&partner.id)?;
        let core = self.0.clone();
        let writer = self.0.store.spool(&mandant).await.map_err(|error| not_written(&core, error))?;
        Ok(Box::new(Writing { core, writer, mandant, small: Some(Vec::new()) }))
    }

    async fn open(&self, partner: &str, part: &Part) -> Result<Box<dyn PartReader>, SpoolError> {
        // What a step made came with its row, which was opened as a whole.
        if let Some(octets) = part.enclosed() {
            return Ok(Box::new(Enclosed(octets.clone())));
        }
        // A part that is handed on keeps the key of the Mandant it was delivered under; only who holds its envelope gets here.
        let mandant = match part.mandant.is_empty() {
            true => self.mandant(partner)?,
            false => part.mandant.clone(),
        };
        let opened = self.0.store.open_claim(&mandant, &part.claim).await;
        let reader = opened.map_err(|error| not_opened(error, partner))?;
        Ok(Box::new(Reading { reader, partner: partner.to_owned() }))
    }
}

struct Writing {
    core: Arc<Core>,
    writer: Box<dyn SpoolWrite>,
    mandant: String,
    /// What came so far, as long as it is small.
    small: Option<Vec<u8>>,
}

#[async_trait]
impl PartWriter for Writing {
    async fn write(&mut self, octets: Bytes) -> Result<(), SpoolError> {
        match &mut self.small {
            Some(small) if small.len() + octets.len() <= SMALL_PART => small.extend_from_slice(&octets),
            _ => self.small = None,
        }
        self.writer.write(octets).await.map_err(|error| not_written(&self.core, error))
    }

    async fn finish(self: Box<Self>, name: &str, content_type: &str) -> Result<Part, SpoolError> {
        let (claim, size, sha256) =
            self.writer.finish().await.map_err(|error| not_written(&self.core, error))?;
        // Only what a step may want to read stays with the envelope; documents lie in their claims alone.
        let small = self.small.filter(|_| is_json(content_type)).map(|octets| Small(octets.into()));
        let (name, content_type, mandant) = (name.to_owned(), content_type.to_owned(), self.mandant);
        Ok(Part { name, content_type, size, sha256, claim, mandant, small })
    }
}

/// A part that lies with its row, in pieces like those of a claim.
struct Enclosed(Bytes);

/// So many octets of it are handed out at a time.
const PIECE: usize = 64 * 1024;

#[async_trait]
impl PartReader for Enclosed {
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        let piece = self.0.split_to(self.0.len().min(PIECE));
        Ok((!piece.is_empty()).then_some(piece))
    }
}

struct Reading {
    reader: Box<dyn SpoolRead>,
    partner: String,
}

#[async_trait]
impl PartReader for Reading {
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        self.reader.read().await.map_err(|error| not_opened(error, &self.partner))
    }
}

/// A part that does not open calls a person: nothing repairs it by itself.
fn not_opened(error: StoreError, partner: &str) -> SpoolError {
    if matches!(error, StoreError::Corrupt(_)) {
        raise(Alarm::ClaimCorrupt, partner, &[]);
    }
    spool_error(error)
}

/// Where the folder of parts was taken from under us the process ends, as it does for its database.
fn not_written(core: &Core, error: StoreError) -> SpoolError {
    if matches!(error, StoreError::Replaced(_)) {
        core.store_failed(&error);
    }
    spool_error(error)
}

fn spool_error(error: StoreError) -> SpoolError {
    match error {
        StoreError::Corrupt(cause) => SpoolError::Corrupt(cause),
        other => SpoolError::Later(other.to_string()),
    }
}
