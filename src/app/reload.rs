//! All-or-nothing reload: new files are compiled beside what runs and swapped whole, or nothing changes.
//! Refuses what would strand messages unless the person said `--drain`.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;

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

/// So long a replica leaves an order to others whose files may be those that were meant.
const OTHERS: SignedDuration = SignedDuration::from_secs(8);

/// Handles the commands that only the composition root can.
pub struct Reload(pub Arc<Shared>);

impl Reload {
    /// Compiles the files of the stage and swaps them in; the sentence is for the person.
    pub async fn apply(&self, drain: bool) -> Result<String, String> {
        let applied = match self.checked().await {
            Ok(fit) => self.swap_in(fit, drain, &Why::Ordered).await,
            Err(cause) => Err(cause),
        };
        self.said(applied).await
    }

    /// What the person is told.
    async fn said(&self, applied: Result<String, String>) -> Result<String, String> {
        match applied {
            Ok(version) => Ok(format!("applied, now running {version}{}", self.draining().await)),
            Err(cause) => {
                raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
                Err(cause)
            }
        }
    }

    /// Takes over what lies here because another replica took over what lies there; returns the version that runs now, and whether the files are
    /// those of the other one.
    pub async fn follow(&self, found: &Applied) -> Result<(String, bool), String> {
        let fit = self.checked().await?;
        let meant = found.files.as_ref().is_none_or(|meant| applied::are_meant(&fit.compiled, meant));
        // The one that was ordered has looked whether anything would be stranded.
        let version = self.swap_in(fit, true, &Why::Followed(found.runs.clone())).await?;
        Ok((version, meant && self.runs() == found.runs))
    }

    /// The files of the stage as they lie here now, where they could run.
    async fn checked(&self) -> Result<Fit, String> {
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
        Ok(fit)
    }

    async fn swap_in(&self, fit: Fit, drain: bool, why: &Why) -> Result<String, String> {
        let shared = &self.0;
        if !drain {
            self.refuse_stranding(&fit).await?;
        }
        let version = fit.compiled.version.clone();
        shared.install(fit, why).await.map_err(|error| format!("{error}; what runs goes on unchanged"))?;
        Ok(version)
    }

    /// Carries out `apply` with the files that were meant, and tells the other replicas. Where those that lie here are others it is left to a
    /// replica that has them; what is said to be done is done with these.
    async fn ordered(&self, command: &Command, drain: bool, meant: Option<&str>) -> CommandState {
        let fit = match self.checked().await {
            Ok(fit) if meant.is_none_or(|meant| applied::are_meant(&fit.compiled, meant)) => fit,
            Ok(fit) => return self.others(command, &format!("version {}", fit.compiled.version)),
            Err(cause) if meant.is_some() => return self.others(command, &cause),
            Err(cause) => {
                return CommandState::Refused(self.said(Err(cause)).await.unwrap_or_else(|cause| cause));
            }
        };
        let files = Some(applied::files(&fit.compiled));
        let swapped = self.swap_in(fit, drain, &Why::Ordered).await;
        match self.said(swapped).await {
            Ok(sentence) => {
                let applied = Applied { command: command.id, runs: self.runs(), drain, files };
                let mut noted = self.0.applied.lock().await;
                *noted = Some(applied.clone());
                applied::tell(&*self.0.core.store, &applied).await;
                drop(noted);
                CommandState::Done(sentence)
            }
            Err(cause) => CommandState::Refused(cause),
        }
    }

    /// The files here are others than those that were meant. Another replica may have them; where none took it in this time nobody has.
    fn others(&self, command: &Command, here: &str) -> CommandState {
        let Shared { around, core, .. } = &*self.0;
        let waited = around.clock.now().duration_since(command.at);
        if core.store.tells() && waited < OTHERS {
            return CommandState::Waiting;
        }
        let cause = format!(
            "other files: those of the process that runs are not the ones that were meant ({here}); bring the same files to every replica and \
             apply again; what runs goes on unchanged"
        );
        raise(Alarm::ReloadRefused, "routes", &[("cause", &cause)]);
        CommandState::Refused(cause)
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
            Order::Apply { drain, files } => self.ordered(command, *drain, files.as_deref()).await,
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
