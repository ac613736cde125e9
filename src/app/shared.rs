//! What the running parts share, so that a reload can swap all of it at once: destinations, sources, the running set.
//! Starts and ends nothing that it did not build.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::engine::alone::Alone;
use crate::engine::core::Core;
use crate::engine::duty::of_source;
use crate::engine::ports;
use crate::route::compiled::Compiled;
use crate::route::plan_diff::Picture;
use crate::store::contract::StoreError;
use crate::transport;
use crate::transport::http::HttpSource;
use crate::transport::port::{BuildError, Destinations, Source, Surroundings};

use super::applied::Applied;
use super::certificates::{self, Named};
use super::drains;
use super::fit::Fit;
use super::kept;
use super::ops;
use super::place::Place;
use super::proof::Proof;
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

/// What the running parts share, so that a reload can swap them.
pub struct Shared {
    /// Where it lies.
    pub place: Place,
    /// What transports are given.
    pub around: Surroundings,
    /// The engine's shared part.
    pub core: Arc<Core>,
    /// By what who asks knows that this process answers.
    pub proof: Arc<Proof>,
    /// The sources.
    pub sources: Mutex<Sources>,
    /// The files of certificates that are named by what runs.
    pub certificates: ArcSwap<Vec<Named>>,
    /// Whether something may be drained that was taken away.
    pub drains: AtomicBool,
    /// What was applied last by any replica, as far as this one knows.
    pub applied: Mutex<Option<Applied>>,
}

impl Shared {
    /// Builds destinations and sources of a compiled set and swaps everything at once; a fault leaves what runs.
    pub async fn install(&self, fit: Fit) -> Result<(), InstallError> {
        let Fit { compiled, standards, files } = fit;
        let destinations = destinations(&compiled, &self.around)?;
        let mut sources = self.sources.lock().await;
        let mut fresh = Vec::new();
        let mut kept = Vec::new();
        for wanted in &compiled.sources {
            let fingerprint = format!("{} {}", wanted.kind, wanted.settings);
            kept.push((wanted.connection.clone(), fingerprint.clone()));
            if sources.has(&wanted.connection, &fingerprint) {
                continue;
            }
            if let Some(source) = self.source(&wanted.kind, &wanted.connection, &wanted.settings)? {
                let ops = wanted.settings.get("ops").and_then(serde_json::Value::as_bool);
                let last = ops.unwrap_or(false);
                let alone = is_alone(&wanted.kind).then(|| self.core.duties.clone());
                let connection = wanted.connection.clone();
                fresh.push(Wanted { connection, fingerprint, source, last, alone });
            }
        }
        let picture = serde_json::to_vec(&Picture::of_compiled(&compiled)).unwrap_or_default();
        let store = &*self.core.store;
        let now = self.around.clock.now();
        let (known_before, ended_before) = (drains::known(store).await?, drains::ended(store).await?);
        let known = drains::after(known_before.clone(), &compiled, now);
        let ended = drains::judged(&known, (&self.place, &compiled), ended_before.clone(), now);
        let certificates = certificates::named(&self.place, &compiled);
        let mut set = compiled.into_plan_set(destinations, standards, self.around.stage);
        drains::serve(&known, &ended, &self.around, &mut set);
        // Before anything runs by it: a restart has to know what was there. Mostly it stands there already.
        if known != known_before {
            drains::keep_known(store, &known).await?;
        }
        if ended != ended_before {
            drains::keep_ended(store, &ended).await?;
        }
        // Best effort: the note only serves `routes plan`, which says so when it is missing.
        let _ = self.core.store.set_note("app", "running", Some(picture)).await;
        let drains = known.iter().any(|one| one.since.is_some());
        self.drains.store(drains, Ordering::Relaxed);
        self.core.ended.store(Arc::new(drains::told(&ended)));
        self.certificates.store(Arc::new(certificates));
        self.core.set.store(Arc::new(set));
        self.core.outbox.notify_one();
        sources
            .retain(|connection, fingerprint| kept.iter().any(|(c, f)| c == connection && f == fingerprint))
            .await;
        // Places of connections that went would count for ever as not looked into.
        let names: Vec<String> = kept.iter().map(|(connection, _)| connection.clone()).collect();
        if let Err(error) = ports::keep_looks(&self.core, &names).await {
            tracing::warn!(%error, "what sources of former connections saw is not forgotten yet");
        }
        for wanted in fresh {
            sources.start(wanted, &self.around.clock, &self.around.parts);
        }
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
        // The one source that carries paths which are not a transport's: health and metrics.
        if kind == transport::http::ENTRY.word {
            let ops = ops::router(self.core.clone(), self.proof.clone());
            let source = HttpSource::new(connection, settings, &self.around, ops)?;
            return Ok(Some(Arc::new(source)));
        }
        match transport::TRANSPORTS.iter().find(|entry| entry.word == kind) {
            Some(entry) if entry.alone => (entry.source)(connection, settings, &self.alone(connection)),
            Some(entry) => (entry.source)(connection, settings, &self.around),
            None => Ok(None),
        }
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

fn destinations(compiled: &Compiled, around: &Surroundings) -> Result<Destinations, BuildError> {
    let mut destinations = Destinations::new();
    for wanted in &compiled.destinations {
        let Some(entry) = transport::TRANSPORTS.iter().find(|entry| entry.word == wanted.kind) else {
            continue;
        };
        let built = (entry.destination)(&wanted.connection, &wanted.settings, &wanted.channel, around)?;
        if let Some(destination) = built {
            destinations.insert(wanted.key(), destination);
        }
    }
    Ok(destinations)
}
