//! Negativauskünfte that may not leave yet, while what only time or files end does end: other routes, tables or partners run, it is another day, a
//! register is not fresh any more. Each is decided anew at once, so that nobody is told that a request is done which then is not. What is due is looked
//! at where it would leave (`unsent`). Never decides a request itself, and never the same one by turns with a process of other files.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::Tick;
use crate::store::error::StoreError;
use crate::store::lane::{Anew, Early, Unsent};

use super::core::Core;
use super::unsent;

/// How often it is looked whether there is a reason; that asks no store.
const LOOK: Duration = Duration::from_millis(200);
/// Between two walks without a reason of this process: what another one decided, and died, nobody else has noted.
const SELDOM: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// After a walk that broke off.
const BROKE_OFF: Duration = Duration::from_secs(1);
/// So many rows are read at once.
const PAGE: usize = 256;
/// So many are taken back at once: few enough that what else the store has to write, or a connection is wanted for, goes between.
const TOGETHER: usize = 6;

/// Why an answer was decided anew before it may leave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Because {
    /// By this version other files ran than those that decided it.
    Files(String),
    /// It held until then.
    Time(Timestamp),
}

/// What this process had decided anew, and until when it is remembered. Once for each reason: where another process with other files, or another clock,
/// decides it again as before, it is looked at where it would leave, and not here by turns.
type Done = HashMap<(Uuid, Because), Timestamp>;

/// Walks where there is a reason, until the engine stops.
pub async fn run(core: Arc<Core>) {
    tokio::select! {
        () = core.gate.opened() => {}
        () = core.stop.cancelled() => return,
    }
    let mut done = Done::new();
    // What decided before this process began is other files until it was looked at.
    let mut ran = String::new();
    let (mut looked, mut pause) = (Tick::now(), Duration::ZERO);
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let version = core.set.load().version.clone();
        let (noted, files) = core.not_due.due(core.clock.now());
        let files = files || ran != version;
        if noted || files || looked.elapsed() >= pause {
            let began = Tick::now();
            let walked = walk(&core, &mut done, files).await;
            match &walked {
                Ok(()) => {
                    ran = version;
                    pause = (began.elapsed() * 100).clamp(SELDOM.0, SELDOM.1);
                }
                Err(error) => {
                    core.store_failed(error);
                    // All of it once more.
                    ran = String::new();
                    pause = BROKE_OFF;
                }
            }
            looked = Tick::now();
            if walked.is_err() {
                tokio::select! {
                    () = tokio::time::sleep(BROKE_OFF) => {}
                    () = core.stop.cancelled() => {}
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

/// Why it would be another one now, if it would: by what only time or files end.
fn because(core: &Core, early: &Early, files: bool) -> Option<Because> {
    if files && !unsent::decides_so(core, early.entschieden_nach.as_deref()) {
        return Some(Because::Files(core.set.load().version.clone()));
    }
    let over = !unsent::holds_now(core, early.gilt_bis);
    early.gilt_bis.filter(|_| over).map(Because::Time)
}

/// Looks at each answer that may not leave yet, the soonest first, page by page.
async fn walk(core: &Core, done: &mut Done, files: bool) -> Result<(), StoreError> {
    let now = core.clock.now();
    done.retain(|_, until| *until > now);
    let beside = core.set.load().beside.clone();
    let (mut from, mut anew) = (None, 0_u64);
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let page = core.store.not_due((from, core.clock.now()), beside.clone(), PAGE).await?;
        let mut runs = Vec::new();
        for early in page.found {
            core.not_due.ends(early.gilt_bis.filter(|until| core.clock.now() < *until), early.leaves);
            let Some(because) = because(core, &early, files) else { continue };
            let key = (early.cause, because);
            if !done.contains_key(&key) {
                runs.push((key, early));
            }
        }
        let taking = runs.into_iter().map(|(key, early)| {
            let Early { row, cause, vorgang, leaves, .. } = early;
            let unsent = Unsent { cause, vorgang, beside: beside.clone() };
            async move { unsent::run_anew(core, row, unsent).await.map(|outcome| (key, leaves, outcome)) }
        });
        let mut taken = stream::iter(taking).buffer_unordered(TOGETHER);
        while let Some(one) = taken.next().await {
            let (key, leaves, outcome) = one?;
            anew += u64::from(outcome == Anew::Runs);
            // What is in somebody's hand is judged where it would leave, or at the next walk.
            if outcome != Anew::Busy {
                done.insert(key, leaves);
            }
        }
        drop(taken);
        let Some(next) = page.next else { break };
        from = Some(next);
        tokio::task::yield_now().await;
    }
    if anew > 0 {
        tracing::info!(anew, files, "answers that may not leave yet are decided anew");
    }
    Ok(())
}
