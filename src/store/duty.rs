//! What one replica does alone, such as asking for due timers or polling a tray: a leased row with a fence, the same mechanism
//! as lanes. Whoever holds a duty acts under its fence; an act under an older fence is refused, however late it comes.
//! Times are the caller's. Never decides who should hold a duty: the first that asks does.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::envelope::Envelope;
use crate::store::error::StoreError;

/// A duty as it was taken: acts name it, so that those of a process that lost it are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    /// Its name, such as `source lieferungen` or `retention`.
    pub name: String,
    /// The fence: grows each time that the duty is taken, stays when it is renewed.
    pub fence: i64,
}

/// Who wants a duty, from when, and for how long.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The duty's name.
    pub name: String,
    /// Name of the worker, for the operator; of one process each name holds a duty for itself.
    pub worker: String,
    /// The fence of the term that is renewed; `None` takes the duty.
    pub fence: Option<i64>,
    /// Now.
    pub now: Timestamp,
    /// How long the lease holds; a quarter of an hour at most.
    pub lease: Duration,
}

/// What became of asking for a duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is held until the lease ends.
    Held(Duty),
    /// Somebody else holds it.
    Other {
        /// Who.
        worker: String,
        /// Until when, unless it is renewed.
        until: Timestamp,
    },
}

/// A duty that somebody holds, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holding {
    /// The duty's name.
    pub name: String,
    /// Who holds it.
    pub worker: String,
    /// Under which fence.
    pub fence: i64,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed; past where its holder is gone and nobody took it yet.
    pub until: Timestamp,
}

impl Holding {
    /// Whether the lease holds at a moment. One that ends further ahead than any lease lasts was given before the clock jumped
    /// back, and is none.
    pub fn holds(&self, now: Timestamp) -> bool {
        let longest = now.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        self.until > now && self.until <= longest
    }
}

/// No lease of a duty lasts longer.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The duties of a store.
#[async_trait]
pub trait Duties: Send + Sync {
    /// Takes a duty that nobody holds, or renews the term whose fence is named. A term that ran out is renewed where nobody took
    /// the duty since; a duty that the same worker holds under another fence is taken anew, because its earlier term is over.
    async fn take_duty(&self, ask: &Ask) -> Result<Taken, StoreError>;

    /// Gives a duty back: the next one that asks gets it at once. `false` when the fence is stale.
    async fn give_back(&self, duty: &Duty) -> Result<bool, StoreError>;

    /// The duties that were taken and not given back, by name.
    async fn duties(&self) -> Result<Vec<Holding>, StoreError>;

    /// Due timers like [`crate::store::contract::Store::due_timers`]; `None` when the fence is stale.
    async fn due_timers_under(
        &self,
        duty: &Duty,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<Envelope>>, StoreError>;

    /// Writes a note like [`crate::store::contract::Store::set_note`]; `false`, and nothing written, when the fence is stale.
    async fn set_note_under(
        &self,
        duty: &Duty,
        connection: &str,
        key: &str,
        value: Option<Vec<u8>>,
    ) -> Result<bool, StoreError>;

    /// By what this running process is told from one on a copy of its store, by whoever looks at the store itself; `None` where it is no running
    /// process. Only something that no copy of files or tables has: whose lock it is.
    fn sign(&self) -> Option<Vec<u8>>;

    /// The signs of all processes that run on this store now.
    async fn signs(&self) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Clears up after processes that were found dead by this call and the one before: their leases and duties end, commands
    /// that they had taken wait again. Returns how many processes. Called at intervals of seconds; a store of one process has none.
    async fn clear_up(&self) -> Result<u64, StoreError>;
}
