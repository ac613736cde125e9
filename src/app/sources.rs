//! Keeps the sources of the running set alive: a broken one is started again with a growing pause and an alarm.
//! Knows no transport by name; takes what the menu built.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use crate::clock::{Clock, Tick};
use crate::engine::duty::{Keeper, Term, Wish, of_source};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Parts, Turn};
use crate::transport::port::{Source, SourceError, Stop};

use super::connections::Opened;

/// A source under supervision.
struct Kept {
    /// What it was built from; another one means another source.
    opened: Opened,
    last: bool,
    stop: Stop,
    source: Arc<dyn Source>,
    task: JoinHandle<()>,
}

/// All sources of a process.
#[derive(Default)]
pub struct Sources(BTreeMap<String, Kept>);

/// A source to keep, with what it was built from.
pub struct Wanted {
    /// Its connection.
    pub connection: String,
    /// With what its connection was opened.
    pub opened: Opened,
    /// The source.
    pub source: Arc<dyn Source>,
    /// True where it ends after everything else.
    pub last: bool,
    /// The keeper of the duty to run it, where only one replica may.
    pub alone: Option<Arc<Keeper>>,
}

impl Sources {
    /// Whether the source of a connection that was opened so runs already and need not be built.
    pub fn has(&self, connection: &str, opened: &Opened) -> bool {
        self.0.get(connection).is_some_and(|kept| kept.opened == *opened && !kept.task.is_finished())
    }

    /// Whether a source runs by the connection that was opened so.
    pub fn runs_by(&self, opened: &Opened) -> bool {
        self.0.values().any(|kept| kept.opened == *opened)
    }

    /// Stops the sources that are not kept, by connection and with what it was opened, and waits until they have ended their deliveries.
    pub async fn retain(&mut self, keep: impl Fn(&str, &Opened) -> bool) {
        let gone: Vec<String> = self
            .0
            .iter()
            .filter(|(connection, kept)| !keep(connection, &kept.opened))
            .map(|(connection, _)| connection.clone())
            .collect();
        let mut ending = Vec::new();
        for connection in gone {
            if let Some(kept) = self.0.remove(&connection) {
                kept.stop.cancel();
                ending.push(kept.task);
            }
        }
        for task in ending {
            let abort = task.abort_handle();
            if tokio::time::timeout(PATIENCE, task).await.is_err() {
                abort.abort();
            }
        }
    }

    /// Starts a source and keeps it running until stopped.
    pub fn start(&mut self, wanted: Wanted, clock: &Clock, parts: &Parts) {
        let stop = Stop::new();
        let Wanted { connection, opened, source, last, alone } = wanted;
        let minder = Minder { connection: connection.clone(), clock: clock.clone(), parts: parts.clone() };
        let task = tokio::spawn(minder.keep(source.clone(), alone, stop.clone()));
        self.0.insert(connection, Kept { opened, last, stop, source, task });
    }

    /// Stops all but those that end last, which keep what health and metrics need.
    pub async fn stop_but_last(&mut self) {
        self.0.values().filter(|kept| kept.last).for_each(|kept| kept.source.leave());
        let last: Vec<String> =
            self.0.iter().filter(|(_, kept)| kept.last).map(|(connection, _)| connection.clone()).collect();
        self.retain(|connection, _| last.iter().any(|last| last == connection)).await;
    }

    /// Stops all.
    pub async fn stop(&mut self) {
        self.retain(|_, _| false).await;
    }
}

/// How long a stopped source may take to end its deliveries.
const PATIENCE: Duration = Duration::from_secs(35);

/// How long a source runs before it counts as one that stands.
const STANDS: Duration = Duration::from_secs(3);

/// Who keeps one source running.
struct Minder {
    connection: String,
    clock: Clock,
    parts: Parts,
}

impl Minder {
    async fn keep(self, source: Arc<dyn Source>, alone: Option<Arc<Keeper>>, stop: Stop) {
        let Minder { connection, clock, parts } = &self;
        let part = format!("source {connection}");
        let mut pause = Duration::from_millis(500);
        while !stop.is_cancelled() {
            let wish = alone.as_ref().map(|keeper| keeper.wish(&of_source(connection)));
            let term = match &wish {
                None => None,
                Some(wish) => tokio::select! {
                    term = self.term(wish, &part) => Some(term),
                    () = stop.cancelled() => break,
                },
            };
            let began = Tick::now();
            let running = async {
                match &term {
                    None => Some(unwound(source.run(stop.clone())).await),
                    Some(term) => run_for(term, &*source, &stop).await,
                }
            };
            tokio::pin!(running);
            // One that stands for a while stands; most that cannot say so at once.
            let outcome = tokio::select! {
                outcome = &mut running => outcome,
                () = tokio::time::sleep(STANDS) => {
                    parts.runs(&part);
                    running.await
                }
            };
            parts.gone(&part);
            // Also where it broke here: another replica may have better luck meanwhile.
            if let Some(wish) = wish {
                wish.give_back().await;
            }
            if stop.is_cancelled() {
                break;
            }
            let cause = match outcome {
                None => {
                    tracing::warn!(connection, "another replica may run this source; here it has ended");
                    continue;
                }
                Some(Ok(())) => "it ended without being asked to".to_owned(),
                Some(Err(error)) => error.to_string(),
            };
            parts.fails(
                &part,
                Failing {
                    cause: cause.clone(),
                    next: "tried again by itself; look with `drehscheibe doctor`".to_owned(),
                    turn: Turn::Ours,
                },
            );
            raise(Alarm::SourceBroken, connection, &[("cause", &cause)]);
            // One that ran for a while is not in trouble from its start on.
            pause = if began.elapsed() > Duration::from_secs(60) {
                Duration::from_millis(500)
            } else {
                (pause * 2).min(Duration::from_secs(60))
            };
            tokio::select! {
                () = clock.sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        parts.gone(&part);
    }

    /// Waits for the duty to run the source. Where another replica has it, what failed here is its matter.
    async fn term(&self, wish: &Wish, part: &str) -> Arc<Term> {
        let term = wish.term();
        tokio::pin!(term);
        tokio::select! {
            term = &mut term => term,
            () = tokio::time::sleep(STANDS) => {
                self.parts.gone(part);
                term.await
            }
        }
    }
}

/// A panic of a source is an error of this program; it ends the source, never its minder.
async fn unwound(running: impl Future<Output = Result<(), SourceError>>) -> Result<(), SourceError> {
    let broken = |_| Err(SourceError::Broken("an error of this program broke it off".to_owned()));
    AssertUnwindSafe(running).catch_unwind().await.unwrap_or_else(broken)
}

/// Runs a source for a term at most; `None` when the term ended first. Then it ends its deliveries while the lease still holds,
/// or is broken off.
async fn run_for(term: &Term, source: &dyn Source, stop: &Stop) -> Option<Result<(), SourceError>> {
    let own = stop.child_token();
    let running = unwound(source.run(own.clone()));
    tokio::pin!(running);
    tokio::select! {
        outcome = &mut running => Some(outcome),
        () = term.ended().cancelled() => {
            own.cancel();
            // Broken off: nothing of it was acknowledged, and whoever takes it over finds it again.
            let _ = tokio::time::timeout(term.left(), running).await;
            None
        }
    }
}
