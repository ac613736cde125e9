//! The engine's own tasks and threads, watched: one that ends before the engine does calls a person, makes the process unready and lets
//! it drain, because without it deliveries would be taken and nothing of them would move. Starts none anew: what broke may break again.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::telemetry::alarm::{Alarm, raise};

use super::broken::{UNEXPECTED, Why};
use super::core::Core;

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
    core.ends(Why { part, cause: UNEXPECTED });
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
