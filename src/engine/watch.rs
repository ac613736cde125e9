//! The engine's own tasks and threads, watched: one that ends before the engine does calls a person, makes the process unready and lets
//! it drain, because without it deliveries would be taken and nothing of them would move. Starts none anew: what broke may break again.

use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;

use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::port::Stop;

use super::core::Core;

/// Which part of the engine ended although it must not, if one did.
#[derive(Debug, Default)]
pub struct Broken {
    why: OnceLock<Why>,
    told: Stop,
}

/// What ended and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// The part.
    pub part: &'static str,
    /// Plain cause.
    pub cause: &'static str,
}

impl Broken {
    /// The first part that ended.
    pub fn part(&self) -> Option<&'static str> {
        self.why.get().map(|why| why.part)
    }

    /// Returns when one has ended, and says why: the process has to end.
    pub async fn told(&self) -> Why {
        self.told.cancelled().await;
        self.why.get().copied().unwrap_or(Why { part: "engine", cause: UNEXPECTED })
    }
}

/// Why a process ends of which a part broke.
const UNEXPECTED: &str =
    "ended unexpectedly, an error of this program; report version, part and place to the maintainers";

/// Held by a part as long as it runs; dropped too early it says so, also when the part is unwound by a panic.
pub struct Standing {
    core: Arc<Core>,
    part: &'static str,
}

impl Standing {
    /// The part begins.
    pub fn new(core: &Arc<Core>, part: &'static str) -> Standing {
        Standing { core: core.clone(), part }
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let core = &self.core;
        let ends = core.leaving.is_cancelled() || core.stop.is_cancelled() || core.points.crashed();
        if std::thread::panicking() || !ends {
            broke(core, self.part);
        }
    }
}

/// Starts a task that must not end before the engine.
pub fn spawn(
    core: &Arc<Core>,
    part: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let standing = Standing::new(core, part);
    tokio::spawn(async move {
        let _standing = standing;
        task.await;
    })
}

fn broke(core: &Core, part: &'static str) {
    raise(Alarm::EngineBroken, part, &[]);
    ends(core, part, UNEXPECTED);
}

/// The process cannot go on without a part: it takes nothing more, finishes what is under way and ends.
pub fn ends(core: &Core, part: &'static str, cause: &'static str) {
    let next = "start the process again, if its keeper has not done so".to_owned();
    let failing = Failing { cause: cause.to_owned(), next, turn: Turn::Ours };
    core.parts.fails(&format!("engine {part}"), failing);
    let _ = core.broken.why.set(Why { part, cause });
    core.leaving.cancel();
    core.draining.cancel();
    core.broken.told.cancel();
}

/// Held by what may end at any time; where a panic unwinds it, a person is called.
pub struct Unwound(pub String);

impl Drop for Unwound {
    fn drop(&mut self) {
        if std::thread::panicking() {
            raise(Alarm::WorkerFailed, &self.0, &[]);
        }
    }
}
