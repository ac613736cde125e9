//! What becomes of destinations that were taken away: served until nothing is left for them, or ended by a person, who says where what is left
//! goes instead. Never sends what is for one partner to another one, and never ends what the files have.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};

use crate::plan::PlanSet;
use crate::store::error::StoreError;
use crate::store::orders::CommandState;
use crate::transport::port::Destination;

use super::drains::{self, Ended, Known, left};
use super::shared::Shared;

/// So long one that nothing is left for is kept all the same: what was begun under the set before, here or in another replica, may add to it.
const LINGERS: SignedDuration = SignedDuration::from_secs(60);

/// Carries out what a person orders who waits no longer: what is left for a destination is parked, or goes to another one of the same partner.
pub async fn end(shared: &Shared, destination: &str, to: Option<&str>) -> CommandState {
    match ended_by(shared, destination, to).await {
        Ok(said) => said,
        Err(error) => CommandState::Refused(error.to_string()),
    }
}

async fn ended_by(shared: &Shared, destination: &str, to: Option<&str>) -> Result<CommandState, StoreError> {
    let (core, store) = (&shared.core, &*shared.core.store);
    let refused = |text: String| Ok(CommandState::Refused(text));
    let now = core.clock.now();
    let waiting = {
        // Nobody swaps files in meanwhile.
        let _sources = shared.sources.lock().await;
        let drained = drains::drained(&drains::known(store).await?);
        let set = core.set.load_full();
        let runs = |name: &str| set.destinations.contains_key(name) && !drained.contains(name);
        if runs(destination) {
            return refused(format!(
                "{destination} is a destination of the files that run: hold it with `pause destination`, or take it away with `routes apply --drain`"
            ));
        }
        let partner = |name: &str| name.split_once(':').map(|(_, partner)| partner.to_owned());
        if let Some(to) = to {
            if partner(to) != partner(destination) {
                return refused(
                    "what is for one partner goes to no other one; name a destination of the same".to_owned(),
                );
            }
            if !runs(to) {
                return refused(format!(
                    "{to} is no destination of the files that run; see `check --explain`"
                ));
            }
        }
        let (waiting, held) = left(&store.under_way().await?, &[destination.to_owned()]);
        if waiting + held == 0 {
            return refused(format!(
                "nothing is left for {destination}; `routes draining` lists what is drained"
            ));
        }
        let mut all = drains::ended(store).await?;
        all.retain(|one| one.destination != destination);
        let to = to.map(str::to_owned);
        all.push(Ended { destination: destination.to_owned(), to, at: now });
        drains::keep_ended(store, &all).await?;
        take_over(shared, &all);
        waiting
    };
    store.hasten(destination, now).await?;
    core.outbox.notify_one();
    Ok(CommandState::Done(match to {
        Some(to) => format!(
            "ended: what waits for {destination} ({waiting}) goes to {to}; what is held for a person does when it is replayed"
        ),
        None => format!(
            "ended: what waits for {destination} ({waiting}) is parked, see `parked list`; `routes end-draining {destination} --to …` and `parked replay` send it elsewhere, `parked arrived` closes what was handed on by hand"
        ),
    }))
}

/// Serves those no more that were ended.
fn take_over(shared: &Shared, ended: &[Ended]) {
    take_out(shared, ended.iter().map(|one| one.destination.clone()).collect());
    shared.core.ended.store(Arc::new(drains::told(ended)));
}

/// Ends what nothing is left for, and takes over what another replica has ended; what the files of this process have is ended by none, and where the
/// notes say so they are mended. Counts only where something is drained or ended.
pub async fn look(shared: &Shared) -> Result<(), StoreError> {
    let (core, store) = (&shared.core, &*shared.core.store);
    let sources = shared.sources.lock().await;
    let Some(own) = shared.own.load_full() else { return Ok(()) };
    let found = drains::ended(store).await?;
    let ended_now = drains::without(found.clone(), &own.known);
    if ended_now != found {
        drains::keep_ended(store, &ended_now).await?;
    }
    let known = drains::known(store).await?;
    let known = match drains::healed(&known, &own.known) {
        None => known,
        Some(healed) => {
            drains::keep_known(store, &healed).await?;
            healed
        }
    };
    if *core.ended.load_full() != drains::told(&ended_now) {
        take_over(shared, &ended_now);
        core.outbox.notify_one();
    }
    let (set, now) = (core.set.load_full(), core.clock.now());
    let missing = drains::missing(&known, &ended_now, (&shared.place, &own.compiled), (&set, now));
    if !missing.is_empty() {
        shared.drains.store(true, Ordering::Relaxed);
        let mut with = PlanSet::clone(&set);
        drains::serve(&missing, &ended_now, (&shared.connections, &shared.around), &mut with);
        core.set.store(Arc::new(with));
        core.outbox.notify_one();
    }
    if !shared.drains.load(Ordering::Relaxed) && ended_now.is_empty() {
        return Ok(());
    }
    let over = |since: Timestamp| now.duration_since(since) >= LINGERS;
    let old = |one: &Known| one.since.is_some_and(over);
    let forgotten = drains::forgotten(&core.set.load(), (&known, &own.known));
    if !known.iter().any(old) && !ended_now.iter().any(|one| over(one.at)) && forgotten.is_empty() {
        return Ok(());
    }
    let under_way = store.under_way().await?;
    let none = |names: &[String]| left(&under_way, names) == (0, 0);
    let ahead = store.ahead().await?;
    let none_comes = |name: &str| ahead.iter().all(|way| way.destination != name);
    // Another replica has found that nothing is left for it. Found again here: a note that this program cannot read names none at all.
    let forgotten: Vec<String> =
        forgotten.into_iter().filter(|name| none(std::slice::from_ref(name)) && none_comes(name)).collect();
    if !forgotten.is_empty() {
        take_out(shared, forgotten.clone());
        shared.close_idle(&known, &sources);
        for destination in forgotten {
            tracing::info!(
                destination,
                "nothing is left for a destination that another replica served: it is gone"
            );
        }
    }
    let mut done: Vec<String> =
        known.iter().filter(|one| old(one) && none(&one.names())).map(Known::key).collect();
    done.retain(|key| none_comes(key));
    let still: Vec<Ended> = ended_now
        .iter()
        .filter(|one| !over(one.at) || !none(std::slice::from_ref(&one.destination)))
        .cloned()
        .collect();
    if done.is_empty() && still.len() == ended_now.len() {
        return Ok(());
    }
    let (gone, kept): (Vec<Known>, Vec<Known>) = known.into_iter().partition(|one| done.contains(&one.key()));
    drains::keep_known(store, &kept).await?;
    drains::keep_ended(store, &still).await?;
    take_out(shared, gone.iter().map(Known::key).collect());
    shared.close_idle(&kept, &sources);
    core.ended.store(Arc::new(drains::told(&still)));
    drop(sources);
    for destination in done {
        tracing::info!(destination, "nothing is left for a destination that was taken away: it is gone");
    }
    Ok(())
}

/// Takes destinations out of what runs, under all names that lead to them; none that the files have.
fn take_out(shared: &Shared, names: Vec<String>) {
    let (core, own) = (&shared.core, shared.own.load_full());
    let set = core.set.load_full();
    let own: Vec<&Arc<dyn Destination>> =
        own.iter().flat_map(|own| &own.known).filter_map(|own| set.destinations.get(&own.key())).collect();
    let gone: Vec<Arc<dyn Destination>> =
        names.iter().filter_map(|name| set.destinations.get(name).cloned()).collect();
    let gone: Vec<_> =
        gone.into_iter().filter(|gone| !own.iter().any(|own| Arc::ptr_eq(own, gone))).collect();
    if gone.is_empty() {
        return;
    }
    let mut without = PlanSet::clone(&set);
    without.destinations.retain(|_, one| gone.iter().all(|gone| !Arc::ptr_eq(gone, one)));
    core.set.store(Arc::new(without));
}
