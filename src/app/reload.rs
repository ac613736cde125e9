//! All-or-nothing reload: new files are compiled beside what runs and swapped whole, or nothing changes.
//! Refuses what would strand messages unless the person said `--drain`.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::engine::housekeeping::Commands;
use crate::store::figures::Backlog;
use crate::store::orders::{Command, CommandState, Order};
use crate::store::stamp::Scope;
use crate::telemetry::alarm::{Alarm, raise};

use super::applied::{self, Applied};
use super::drains::Known;
use super::fit::{self, Fit};
use super::orders::{self, Said};
use super::shared::{Shared, Why};
use super::{draining, drains};

/// Handles the commands that only the composition root can.
pub struct Reload(pub Arc<Shared>);

impl Reload {
    /// Compiles the files of the stage and swaps them in; the sentence is for the person.
    pub async fn apply(&self, drain: bool) -> Result<String, String> {
        match self.swap(drain, &Why::Ordered).await {
            Ok(version) => Ok(format!("applied, now running {version}{}", self.draining().await)),
            Err(cause) => {
                raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
                Err(cause)
            }
        }
    }

    /// The same; returns the version that runs now.
    pub async fn swap(&self, drain: bool, why: &Why) -> Result<String, String> {
        let shared = &self.0;
        let place = shared.place.clone();
        let now = shared.around.clock.now();
        let compiled = tokio::task::spawn_blocking(move || fit::checked(&place, Some(now)))
            .await
            .map_err(|_| "compiling failed by an error of this program".to_owned())?;
        let fit = compiled.map_err(|unfit| format!("{unfit}; what runs goes on unchanged, see `check`"))?;
        if fit.compiled.stage.stage != shared.around.stage {
            return Err("the stage of a running process cannot change; start another process".to_owned());
        }
        if !drain {
            self.refuse_stranding(&fit).await?;
        }
        let version = fit.compiled.version.clone();
        shared.install(fit, why).await.map_err(|error| format!("{error}; what runs goes on unchanged"))?;
        Ok(version)
    }

    /// Carries out `apply`, and tells the other replicas.
    async fn ordered(&self, command: Uuid, drain: bool) -> CommandState {
        match self.apply(drain).await {
            Ok(sentence) => {
                let applied = Applied { command, runs: self.runs(), drain };
                *self.0.applied.lock().await = Some(applied.clone());
                applied::tell(&*self.0.core.store, &applied).await;
                CommandState::Done(sentence)
            }
            Err(cause) => CommandState::Refused(cause),
        }
    }

    /// Whether something is left for what runs and would not run any more. What is drained already is none of it.
    async fn refuse_stranding(&self, fit: &Fit) -> Result<(), String> {
        let core = &self.0.core;
        let known = drains::known(&*core.store).await.map_err(|error| error.to_string())?;
        let figures = core.store.figures(&Scope::Operator).await.map_err(|error| error.to_string())?;
        let ahead = core.store.ahead().await.map_err(|error| error.to_string())?;
        let set = core.set.load_full();
        let spared = drains::spared(&known, &fit.compiled);
        let goes = |name: &str| set.destinations.contains_key(name) && !spared.contains(name);
        let open = |backlog: &Backlog| backlog.waiting + backlog.parked + backlog.unclear;
        let used = figures.backlog.iter().filter(|backlog| open(backlog) > 0 && goes(&backlog.destination));
        let used = used.map(|backlog| format!("{} ({} not delivered)", backlog.destination, open(backlog)));
        // What a row may be sent by later is in use as well: without it a mailbox or tray that works is left at its time for nobody.
        let later = ahead.into_iter().filter(|way| goes(&way.destination));
        let later = later.map(|way| format!("{} (a next way of {})", way.destination, way.rows));
        let stranded: Vec<String> = used.chain(later).collect();
        if stranded.is_empty() {
            return Ok(());
        }
        Err(format!(
            "these destinations are in use and would be gone: {}; keep them, or apply with --drain: then each is served as it was until nothing \
             is left for it",
            stranded.join(", ")
        ))
    }

    /// A hash of what runs here by its own files, without what is only drained, which a replica that began later need not have.
    pub fn runs(&self) -> String {
        let set = self.0.core.set.load_full();
        let own = self.0.own.load_full();
        let own: BTreeSet<String> = own.iter().flat_map(|own| &own.known).flat_map(Known::names).collect();
        let drained = set.destinations.keys().filter(|name| !own.contains(*name)).cloned().collect();
        applied::runs(&set, &drained)
    }

    /// What is drained, for the person who applied.
    async fn draining(&self) -> String {
        // The sentence only: what was applied runs.
        let all = drains::draining(&*self.0.core.store).await.unwrap_or_default();
        let all: Vec<String> =
            all.iter().map(|one| format!("{} ({} left)", one.destination, one.waiting + one.held)).collect();
        match all.is_empty() {
            true => String::new(),
            false => format!("; taken away and still served: {}, see `routes draining`", all.join(", ")),
        }
    }
}

#[async_trait]
impl Commands for Reload {
    async fn handle(&self, command: &Command) -> CommandState {
        match &command.order {
            Order::Apply { drain } => self.ordered(command.id, *drain).await,
            Order::Deliver { binding, partner, document } => {
                orders::deliver(&self.0, command, Said { binding, partner, document }).await
            }
            // Posted by whoever put the store back; it stands in the audit trail already.
            Order::Recover {} => CommandState::Done("recorded".to_owned()),
            Order::RecoverOpen {} => orders::open(&self.0, command).await,
            Order::EndDrain { destination, to } => draining::end(&self.0, destination, to.as_deref()).await,
            // The engine's own.
            other => CommandState::Refused(Order::unread(&other.what())),
        }
    }
}
