//! The daily run of retention: due once a civil day, also when the process was down then; in slices between which other work
//! goes on. Keeps no state of its own: a run that broke off is begun anew and finds only what is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::{daily_in_berlin, in_berlin};
use crate::register::fristen::Klasse;
use crate::store::error::StoreError;
use crate::store::orders::CommandState;
use crate::store::retention::Stichtag;
use crate::telemetry::alarm::{Alarm, raise};

use super::core::Core;

/// The duty under which one replica of several does it.
pub const DUTY: &str = "retention";
/// Rows of one slice: a few milliseconds of the store's writing.
const SLICE: usize = 200;
/// Between two slices; whoever waits for the store comes in between.
const BREATH: Duration = Duration::from_millis(10);
/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(1);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(60);
/// Where the last whole run is noted.
const NOTE: (&str, &str) = ("engine", "retention");
/// A machine's clock that is further ahead of the last run is not believed: what goes does not come back.
const LEAP: SignedDuration = SignedDuration::from_hours(92 * 24);
/// A run that is late by more calls a person.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// Runs it each day, while this process may: the guard is asked before each slice.
pub async fn daily(core: Arc<Core>, may_run: impl Fn() -> bool + Send + Sync) {
    let mut done: Option<Timestamp> = None;
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let due = daily_in_berlin(core.clock.now(), core.settings.fristen.stunde);
        let mut pause = LOOK;
        if done.is_none_or(|done| done < due) && may_run() {
            match scheduled(&core, due, &may_run).await {
                Ok(true) => done = Some(due),
                Ok(false) => pause = AGAIN,
                Err(error) => {
                    core.store_failed(&error);
                    if core.clock.now().duration_since(due) > LATE {
                        raise(Alarm::RetentionLate, "retention", &[("cause", &error.to_string())]);
                    }
                    pause = AGAIN;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

/// Does the run that was due then, unless it was done by whomever; whether it is done.
async fn scheduled(
    core: &Core,
    due: Timestamp,
    may_run: &(impl Fn() -> bool + Sync),
) -> Result<bool, StoreError> {
    let noted = core.store.note(NOTE.0, NOTE.1).await?;
    let noted = noted.and_then(|text| String::from_utf8(text).ok()?.parse::<Timestamp>().ok());
    // A note of the future is of a clock that was wrong.
    if noted.is_some_and(|noted| noted >= due && noted <= core.clock.now()) {
        return Ok(true);
    }
    let ahead = noted.map(|noted| core.clock.now().duration_since(noted)).unwrap_or_default();
    if core.clock.is_real() && ahead > LEAP {
        raise(
            Alarm::RetentionLate,
            "retention",
            &[("cause", "the last run is more than 92 days ago by this clock")],
        );
        return Ok(false);
    }
    let stichtag = stichtag(core, "");
    if once(core, &stichtag, may_run).await?.is_none() {
        return Ok(false);
    }
    warn(core, &stichtag).await?;
    note(core, &stichtag).await?;
    Ok(true)
}

async fn note(core: &Core, stichtag: &Stichtag) -> Result<(), StoreError> {
    core.store.set_note(NOTE.0, NOTE.1, Some(stichtag.now.to_string().into_bytes())).await
}

fn stichtag(core: &Core, person: &str) -> Stichtag {
    let now = core.clock.now();
    Stichtag { now, heute: in_berlin(now), fristen: core.settings.fristen.clone(), person: person.to_owned() }
}

/// What went of each class; `None` when it was told to stop before the end.
async fn once(
    core: &Core,
    stichtag: &Stichtag,
    may_run: &(impl Fn() -> bool + Sync),
) -> Result<Option<BTreeMap<Klasse, u64>>, StoreError> {
    let mut gone: BTreeMap<Klasse, u64> = BTreeMap::new();
    loop {
        if core.stop.is_cancelled() || core.points.crashed() || !may_run() {
            return Ok(None);
        }
        match core.store.retain(stichtag, SLICE).await? {
            Some(slice) => *gone.entry(slice.klasse).or_default() += slice.anzahl,
            None => break,
        }
        tokio::time::sleep(BREATH).await;
    }
    gone.retain(|_, anzahl| *anzahl > 0);
    let parts = match gone.is_empty() {
        true => 0,
        false => core.store.collect_garbage().await?,
    };
    for (klasse, anzahl) in &gone {
        tracing::info!(class = klasse.wort(), rows = anzahl, parts, "retention");
    }
    Ok(Some(gone))
}

/// Calls a person before something goes that waits for one.
async fn warn(core: &Core, stichtag: &Stichtag) -> Result<(), StoreError> {
    let plan = core.store.retention_plan(stichtag).await?;
    let soon = plan.iter().find(|one| one.klasse == Klasse::Zurueckgestellt).map_or(0, |one| one.bald);
    if soon > 0 {
        raise(Alarm::RetentionSoon, "retention", &[("count", &soon.to_string())]);
    }
    Ok(())
}

/// A run that a person ordered.
pub async fn ordered(core: &Core, person: &str) -> CommandState {
    let stichtag = stichtag(core, person);
    let done = match once(core, &stichtag, &|| true).await {
        // A whole run is a whole run, whoever ordered it.
        Ok(Some(gone)) => note(core, &stichtag).await.map(|()| Some(gone)),
        other => other,
    };
    match done {
        Ok(Some(gone)) if gone.is_empty() => CommandState::Done("nothing is over".to_owned()),
        Ok(Some(gone)) => {
            let each: Vec<String> = gone.iter().map(|(klasse, n)| format!("{} {n}", klasse.wort())).collect();
            CommandState::Done(format!("removed: {}", each.join(", ")))
        }
        Ok(None) => CommandState::Refused("broken off: the process ends; order it again".to_owned()),
        Err(error) => CommandState::Refused(error.to_string()),
    }
}
