//! What the running parts share, so that a reload can swap all of it at once: destinations, sources, the running set.
//! Starts and ends nothing that it did not build.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::Mutex;

use crate::engine::alone::Alone;
use crate::engine::core::Core;
use crate::engine::duty::of_source;
use crate::engine::ports;
use crate::route::compiled::Compiled;
use crate::route::plan_diff::Picture;
use crate::store::error::StoreError;
use crate::transport;
use crate::transport::port::{BuildError, Destinations, Source, Surroundings};

use super::applied::{self, Applied};
use super::certificates::{self, Named};
use super::connections::{Connections, Opened};
use super::drains::{self, Known};
use super::fit::Fit;
use super::kept;
use super::place::Place;
use super::sources::{Sources, Wanted};

/// Why files that fit cannot run.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A transport cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// What was reached until now cannot be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why other files are to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The process starts.
    Start,
    /// A person applies them here.
    Ordered,
    /// Another replica applied its own, of which this is the hash (`applied::runs`): those of this one may be others.
    Followed(String),
}

/// What the running files have.
pub struct Own {
    /// Their destinations.
    pub known: Vec<Known>,
    /// The files as they were compiled, without the routes: with them it is judged whether a place is somebody else's.
    pub compiled: Compiled,
}

/// What the running parts share, so that a reload can swap them.
pub struct Shared {
    /// Where it lies.
    pub place: Place,
    /// What transports are given.
    pub around: Surroundings,
    /// The engine's shared part.
    pub core: Arc<Core>,
    /// The open connections.
    pub connections: Connections,
    /// The sources.
    pub sources: Mutex<Sources>,
    /// The files of certificates that are named by what runs.
    pub certificates: ArcSwap<Vec<Named>>,
    /// What the running files have: whatever other replicas take away, whose files may be others, it is served here.
    pub own: ArcSwapOption<Own>,
    /// Whether something may be drained that was taken away.
    pub drains: AtomicBool,
    /// What was applied last by any replica, as far as this one knows.
    pub applied: Mutex<Option<Applied>>,
}

impl Shared {
    /// Builds destinations and sources of a compiled set and swaps everything at once; a fault leaves what runs.
    pub async fn install(&self, fit: Fit, why: &Why) -> Result<(), InstallError> {
        let mut sources = self.sources.lock().await;
        let open = self.connections.opened();
        let installed = self.swapped(fit, why, &mut sources).await;
        if installed.is_err() {
            // What was opened for files that do not run is of nobody: links and logins would stand until the next set that runs.
            self.connections.keep(|opened| open.contains(opened));
        }
        installed
    }

    async fn swapped(&self, fit: Fit, why: &Why, sources: &mut Sources) -> Result<(), InstallError> {
        let Fit { mut compiled, standards, files } = fit;
        let destinations = self.destinations(&compiled)?;
        let mut fresh = Vec::new();
        let mut kept = Vec::new();
        for wanted in &compiled.sources {
            let opened = Opened::with(&wanted.kind, &wanted.connection, &wanted.settings);
            kept.push((wanted.connection.clone(), opened.clone()));
            if sources.has(&wanted.connection, &opened) {
                continue;
            }
            if let Some(source) = self.source(&wanted.kind, &wanted.connection, &wanted.settings)? {
                let ops = wanted.settings.get("ops").and_then(serde_json::Value::as_bool);
                let last = ops.unwrap_or(false);
                let alone = is_alone(&wanted.kind).then(|| self.core.duties.clone());
                let connection = wanted.connection.clone();
                fresh.push(Wanted { connection, opened, source, last, alone });
            }
        }
        let picture = serde_json::to_vec(&Picture::of_compiled(&compiled)).unwrap_or_default();
        // From here on the routes are the set's alone.
        let plans = std::mem::take(&mut compiled.plans);
        compiled.effective = serde_json::Value::Null;
        compiled.noted.clear();
        let store = &*self.core.store;
        let now = self.around.clock.now();
        let (known_before, ended_before) = (drains::known(store).await?, drains::ended(store).await?);
        let own = drains::own(&compiled);
        let known = drains::after(known_before.clone(), own.clone(), now);
        // What the files have again is ended no more.
        let ended = drains::without(ended_before.clone(), &own);
        let ordered = *why == Why::Ordered;
        let unserved = drains::judged(&known, (&self.place, &compiled), ended.clone(), (ordered, now));
        let certificates = certificates::named(&self.place, &compiled);
        let mut set = compiled.plan_set(plans, destinations, standards, self.around.stage);
        let files_have = Own { known: own, compiled };
        // Of several replicas whose files are not the same only those speak for all that a person has applied: what this one's lack may be new.
        let leads = match why {
            Why::Start | Why::Ordered => true,
            Why::Followed(runs) => applied::runs(&set, &BTreeSet::new()) == *runs,
        };
        drains::serve(&known, &unserved, (&self.connections, &self.around), &mut set);
        // Before anything runs by it: a restart has to know what was there. Mostly it stands there already.
        if leads && known != known_before {
            drains::keep_known(store, &known).await?;
        }
        // What cannot be served is ended where a person is there to read it; else it waits, and `routes draining` lists it.
        let ended = if ordered { unserved } else { ended };
        if leads && ended != ended_before {
            drains::keep_ended(store, &ended).await?;
        }
        // Best effort: the note only serves `routes plan`, which says so when it is missing.
        let _ = self.core.store.set_note("app", "running", Some(picture)).await;
        let drains = known.iter().any(|one| one.since.is_some());
        self.drains.store(drains, Ordering::Relaxed);
        self.core.ended.store(Arc::new(drains::told(&ended)));
        self.own.store(Some(Arc::new(files_have)));
        self.certificates.store(Arc::new(certificates));
        self.core.set.store(Arc::new(set));
        self.core.outbox.notify_one();
        sources.retain(|connection, opened| kept.iter().any(|(c, o)| c == connection && o == opened)).await;
        // Places of connections that went would count for ever as not looked into.
        let names: Vec<String> = kept.iter().map(|(connection, _)| connection.clone()).collect();
        if let Err(error) = ports::keep_looks(&self.core, &names).await {
            tracing::warn!(%error, "what sources of former connections saw is not forgotten yet");
        }
        for wanted in fresh {
            sources.start(wanted, &self.around.clock, &self.around.parts);
        }
        self.close_idle(&known, sources);
        // Last, because nobody who delivers waits for it: only commands need it, and only where the files of then cannot be used.
        let place = self.place.clone();
        let written = tokio::task::spawn_blocking(move || kept::keep(&place, &files, now)).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!(
                "the applied files could not be kept in the data folder; commands need the files of now"
            );
        }
        Ok(())
    }

    fn source(
        &self,
        kind: &str,
        connection: &str,
        settings: &serde_json::Value,
    ) -> Result<Option<Arc<dyn Source>>, BuildError> {
        let Some(opened) = self.connections.open(kind, connection, settings, &self.around)? else {
            return Ok(None);
        };
        match is_alone(kind) {
            true => opened.source(&self.alone(connection)),
            false => opened.source(&self.around),
        }
    }

    fn destinations(&self, compiled: &Compiled) -> Result<Destinations, BuildError> {
        let mut destinations = Destinations::new();
        for wanted in &compiled.destinations {
            if let Some(destination) = self.connections.destination(wanted, &self.around)? {
                destinations.insert(wanted.key(), destination);
            }
        }
        Ok(destinations)
    }

    /// Lets go of connections by which neither a source runs nor anything leaves, once a set runs that has not got them.
    pub fn close_idle(&self, known: &[Known], sources: &Sources) {
        let leaves: BTreeSet<Opened> = known.iter().map(Known::opened).collect();
        self.connections.keep(|opened| leaves.contains(opened) || sources.runs_by(opened));
    }

    /// What a source is given that only one replica may run.
    fn alone(&self, connection: &str) -> Surroundings {
        let alone = Alone::new(self.core.clone(), self.around.intake.clone(), of_source(connection));
        let alone = Arc::new(alone);
        Surroundings { intake: alone.clone(), notes: alone.clone(), timers: alone, ..self.around.clone() }
    }
}

/// Whether sources of a kind may run in one replica only.
fn is_alone(kind: &str) -> bool {
    transport::TRANSPORTS.iter().any(|entry| entry.word == kind && entry.alone)
}
