//! Starting and draining the engine: threads, tasks and their order of ending.
//! Builds nothing that a transport or step is; takes what the composition root made.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Tick};
use crate::plan::PlanSet;
use crate::store::contract::Store;
use crate::telemetry::parts::Parts;
use crate::transport::port::reach::Reached;

use super::broken::Broken;
use super::core::{Core, Settings, Task};
use super::duty::Keeper;
use super::gate::Gate;
use super::hands::Hands;
use super::housekeeping::{self, Commands};
use super::points::Points;
use super::reasons::Noted;
use super::receive::{self, Reception};
use super::recover;
use super::refused::Refused;
use super::watch::{self, Standing};
use super::{commit, dispatch, following, lookup, mailboxes, not_due, rekey, retention};

/// A running engine.
pub struct Engine {
    /// What its rooms share.
    pub core: Arc<Core>,
    /// Where sources deliver.
    pub reception: Arc<Reception>,
    threads: Vec<std::thread::JoinHandle<()>>,
    stretches: Vec<JoinHandle<()>>,
    keepers: Vec<JoinHandle<()>>,
}

/// What an engine is started with.
pub struct Start {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Clock,
    /// Crash points.
    pub points: Points,
    /// What runs first; may be a set without routes.
    pub set: Arc<PlanSet>,
    /// Bounds.
    pub settings: Settings,
}

impl Engine {
    /// Starts workers and stretches; deliveries may come at once. Dispatch begins with [`Engine::open_dispatch`].
    pub fn start(start: Start) -> std::io::Result<Engine> {
        let (ready, tasks) = crossbeam_channel::unbounded();
        let (lookups, lookup_orders) = mpsc::unbounded_channel();
        let (commits, pending) = mpsc::unbounded_channel();
        let Start { store, clock, points, set, settings } = start;
        let duties = Keeper::new(store.clone(), settings.name.clone(), settings.duty_lease);
        let core = Arc::new(Core {
            store,
            clock,
            points,
            set: ArcSwap::new(set),
            ended: ArcSwap::default(),
            ready,
            lookups,
            commits,
            room: Arc::new(Semaphore::new(settings.in_flight)),
            octets: Arc::new(Semaphore::new(settings.in_flight_octets)),
            duties,
            backlog: Mutex::default(),
            pauses: ArcSwapOption::default(),
            gate: Gate::default(),
            parts: Parts::default(),
            reached: Reached::default(),
            refused: Refused::default(),
            not_due: Noted::default(),
            hands: Hands::default(),
            outbox: Notify::new(),
            woken: Notify::new(),
            ordered: Notify::new(),
            leaving: CancellationToken::new(),
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
            broken: Broken::default(),
            trouble: Mutex::default(),
            settings,
        });
        let mut threads = Vec::new();
        // From the first on: those that run are told to end also where one cannot be made.
        let mut workers = Workers(core.clone(), 0);
        for index in 0..core.settings.workers.max(1) {
            let (core, tasks) = (core.clone(), tasks.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                let _standing = Standing::new(&core, "worker");
                receive::work(&core, &tasks);
            })?;
            threads.push(thread);
            workers.1 += 1;
        }
        tokio::spawn(async move {
            workers.0.stop.cancelled().await;
            drop(workers);
        });
        let stretches = vec![
            watch::spawn(&core, "lookup", lookup::run(core.clone(), lookup_orders)),
            watch::spawn(&core, "commit", commit::run(core.clone(), pending)),
            watch::spawn(&core, "duties", keep_duties(core.clone())),
        ];
        let reception = Arc::new(Reception::new(core.clone()));
        Ok(Engine { core, reception, threads, stretches, keepers: Vec::new() })
    }

    /// Reads which pauses hold, before sources begin; where the store does not tell, nobody is let in by it either.
    pub async fn know_pauses(&self) {
        housekeeping::pauses(&self.core).await;
    }

    /// Opens dispatch and the keepers: from now on what is in the outbox leaves.
    pub fn open_dispatch(&mut self, commands: Arc<dyn Commands>) {
        let core = &self.core;
        self.keepers = vec![
            watch::spawn(core, "dispatch", dispatch::run(core.clone())),
            watch::spawn(core, "following", following::run(core.clone())),
            watch::spawn(core, "others", housekeeping::others(core.clone())),
            watch::spawn(core, "resume", housekeeping::resume(core.clone(), self.reception.clone())),
            watch::spawn(core, "commands", housekeeping::commands(core.clone(), commands)),
            watch::spawn(core, "not due", not_due::run(core.clone())),
            watch::spawn(core, "mailboxes", mailboxes::overdue(core.clone())),
            watch::spawn(core, "figures", housekeeping::figures(core.clone())),
            watch::spawn(core, "retention", retain(core.clone())),
            watch::spawn(core, "rekey", rekeyed(core.clone())),
            watch::spawn(core, "recovery", recover::run(core.clone())),
        ];
    }

    /// Ends: nothing new is begun, what is under way is finished within the patience. Sources must have been stopped before.
    pub async fn drain(self, patience: Duration) {
        self.core.leaving.cancel();
        self.core.draining.cancel();
        let began = Tick::now();
        // Who waits for room is told to come again; who has room is finished.
        self.core.room.close();
        let all = self.core.settings.in_flight;
        while self.core.room.available_permits() < all
            && began.elapsed() < patience
            && !self.core.points.crashed()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.core.stop.cancel();
        for keeper in self.keepers {
            let left = patience.saturating_sub(began.elapsed()).max(Duration::from_millis(100));
            let abort = keeper.abort_handle();
            if tokio::time::timeout(left, keeper).await.is_err() {
                // What it had under way is settled by nobody: its lease runs out and it is taken up again.
                abort.abort();
            }
        }
        if !self.core.points.crashed() {
            self.core.duties.give_back().await;
        }
        for stretch in self.stretches {
            stretch.abort();
        }
        for thread in self.threads {
            // A worker ends once it has done what was there, and never blocks on input or output.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// The worker threads, which sleep until there is something to do: they are told to end when the engine stops, or the runtime goes.
struct Workers(Arc<Core>, usize);

impl Drop for Workers {
    fn drop(&mut self) {
        for _ in 0..self.1 {
            let _ = self.0.ready.send(Task::End);
        }
    }
}

/// Duties are held until the last source has ended; a crash holds none and gives none back.
async fn keep_duties(core: Arc<Core>) {
    core.duties.clone().run(|| core.points.crashed()).await;
}

/// Of several replicas one does the daily run; two at once would find less to do and harm nothing. A store that was put back keeps
/// what it has until a person opens it.
async fn retain(core: Arc<Core>) {
    let _wish = core.duties.wish(retention::DUTY);
    let may_run =
        || core.settings.retains && !core.gate.is_closed() && core.duties.held(retention::DUTY).is_some();
    retention::daily(core.clone(), may_run).await;
}

/// Of several replicas one makes keys anew; two at once would find nothing to do.
async fn rekeyed(core: Arc<Core>) {
    let wish = core.duties.wish(rekey::DUTY);
    let may_run = || !core.gate.is_closed() && core.duties.held(rekey::DUTY).is_some();
    rekey::always(core.clone(), &wish, may_run).await;
}
