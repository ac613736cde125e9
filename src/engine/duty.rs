//! Keeps the duties that this replica holds: takes what is free, renews each third of a lease, and ends a term before its lease
//! runs out, so that two replicas never believe at once that they hold it. What is done under a duty carries its fence.
//! Never decides what a duty is for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::clock::{Clock, Tick};
use crate::store::contract::Store;
use crate::store::duty::{Ask, Duty, Holding, Taken};
use crate::store::error::StoreError;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::transport::port::Stop;

/// How long a duty is leased: after `kill -9` of its holder another one has it in this time and [`LOOK`] at the latest.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often it is looked at who holds what: so soon another one takes what was given back.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked for processes that died.
const CLEAR: Duration = Duration::from_secs(3);

/// The name of the duty of a source that only one replica may run.
pub fn of_source(connection: &str) -> String {
    format!("source {connection}")
}

/// The duties of this replica.
pub struct Keeper {
    store: Arc<dyn Store>,
    worker: String,
    lease: Duration,
    posts: Mutex<BTreeMap<String, Post>>,
    /// Terms whose wish is gone and that were not given back yet.
    left: Mutex<Vec<Arc<Term>>>,
    /// A wish came or went.
    asked: Notify,
    /// A term began.
    begun: Notify,
}

/// What is wished here, and the term if it is held.
#[derive(Default)]
struct Post {
    wishes: usize,
    term: Option<Arc<Term>>,
}

/// A time for which this replica holds a duty.
pub struct Term {
    duty: Duty,
    lease: Duration,
    renewed: Mutex<Tick>,
    ended: Stop,
}

impl Term {
    /// The duty, to act under.
    pub fn duty(&self) -> &Duty {
        &self.duty
    }

    /// Cancelled when the term ends: nothing may be begun under it any more.
    pub fn ended(&self) -> &Stop {
        &self.ended
    }

    /// How long the lease holds yet; the term ends a fifth of a lease earlier, which is the time to come to an end.
    pub fn left(&self) -> Duration {
        self.lease.saturating_sub(lock(&self.renewed).elapsed())
    }

    /// How long the term goes on yet if it is not renewed.
    fn rest(&self) -> Duration {
        self.left().saturating_sub(self.lease / 5)
    }

    fn is_on(&self) -> bool {
        !self.ended.is_cancelled() && !self.rest().is_zero()
    }
}

/// A wish for a duty; dropping it gives the duty back.
pub struct Wish {
    keeper: Arc<Keeper>,
    name: String,
    over: bool,
}

impl Wish {
    /// The term of now, or the next one; waits as long as another replica holds the duty.
    pub async fn term(&self) -> Arc<Term> {
        loop {
            let begun = self.keeper.begun.notified();
            tokio::pin!(begun);
            // Heard from here on, so that a term that begins between the look and the wait is not missed.
            begun.as_mut().enable();
            if let Some(term) = self.keeper.term(&self.name) {
                return term;
            }
            begun.await;
        }
    }

    /// Gives the duty back and says so to the store: another replica may have it at once.
    pub async fn give_back(mut self) {
        self.over = true;
        if let Some(term) = self.keeper.leave(&self.name) {
            self.keeper.hand_in(&term).await;
        }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        if let (false, Some(term)) = (self.over, self.keeper.leave(&self.name)) {
            lock(&self.keeper.left).push(term);
            self.keeper.asked.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    /// A keeper that nobody has asked for anything yet; `worker` names the process for the operator.
    pub fn new(store: Arc<dyn Store>, worker: String, lease: Duration) -> Arc<Keeper> {
        Arc::new(Keeper {
            store,
            worker,
            lease,
            posts: Mutex::default(),
            left: Mutex::default(),
            asked: Notify::new(),
            begun: Notify::new(),
        })
    }

    /// From now on this replica takes the duty whenever it is free, until the wish is dropped.
    pub fn wish(self: &Arc<Self>, name: &str) -> Wish {
        lock(&self.posts).entry(name.to_owned()).or_default().wishes += 1;
        self.asked.notify_one();
        Wish { keeper: self.clone(), name: name.to_owned(), over: false }
    }

    /// The duty to act under, if this replica holds it now: what a scheduled job asks before it begins. Its wish stands
    /// elsewhere, see [`Keeper::wish`].
    pub fn held(&self, name: &str) -> Option<Duty> {
        self.term(name).map(|term| term.duty.clone())
    }

    fn term(&self, name: &str) -> Option<Arc<Term>> {
        lock(&self.posts).get(name)?.term.clone().filter(|term| term.is_on())
    }

    /// One wish less; the term when it was the last.
    fn leave(&self, name: &str) -> Option<Arc<Term>> {
        let mut posts = lock(&self.posts);
        let post = posts.get_mut(name)?;
        post.wishes = post.wishes.saturating_sub(1);
        if post.wishes > 0 {
            return None;
        }
        posts.remove(name)?.term
    }

    /// Runs until it is dropped or told to stop. The clock of the machine measures leases, whatever time the house lives in:
    /// they are agreed between processes.
    pub async fn run(self: Arc<Self>, crashed: impl Fn() -> bool) {
        let clock = Clock::real();
        let mut cleared = Tick::now();
        while !crashed() {
            let left = std::mem::take(&mut *lock(&self.left));
            join_all(left.iter().map(|term| self.hand_in(term))).await;
            tokio::join!(self.renew(&clock), self.take(&clock));
            if cleared.elapsed() >= CLEAR {
                cleared = Tick::now();
                self.clear_up().await;
            }
            tokio::select! {
                () = self.asked.notified() => {}
                () = tokio::time::sleep(LOOK.min(self.lease / 6)) => {}
            }
        }
    }

    /// Gives back everything, as a process does that ends.
    pub async fn give_back(&self) {
        let terms: Vec<Arc<Term>> =
            lock(&self.posts).values_mut().filter_map(|post| post.term.take()).collect();
        let left = std::mem::take(&mut *lock(&self.left));
        join_all(terms.iter().chain(&left).map(|term| self.hand_in(term))).await;
    }

    /// A call to the store never takes longer than the time in which a term can still be saved.
    async fn within<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        match tokio::time::timeout(self.lease / 5, call).await {
            Ok(Ok(done)) => Some(done),
            // The store's trouble is reported by those whose work it stops; here the next look tries again.
            Ok(Err(_)) | Err(_) => None,
        }
    }

    async fn hand_in(&self, term: &Term) {
        metric::duty(&term.duty.name, false);
        if !term.ended.is_cancelled() {
            term.ended.cancel();
            // Where it is not heard the lease runs out.
            self.within(self.store.give_back(&term.duty)).await;
        }
    }

    async fn renew(self: &Arc<Self>, clock: &Clock) {
        let terms: Vec<Arc<Term>> = lock(&self.posts).values().filter_map(|post| post.term.clone()).collect();
        let due = terms.into_iter().filter(|term| lock(&term.renewed).elapsed() >= self.lease / 3);
        let renewals = due.map(|term| async move {
            let (began, fence) = (Tick::now(), Some(term.duty.fence));
            let taken = self.within(self.ask(&term.duty.name, fence, clock)).await;
            match taken {
                Some(Taken::Held(duty)) if duty == term.duty => *lock(&term.renewed) = began,
                // Anew under another fence: the old term is over all the same.
                Some(Taken::Held(_) | Taken::Other { .. }) => self.lose(&term),
                None => {}
            }
        });
        join_all(renewals).await;
    }

    async fn take(self: &Arc<Self>, clock: &Clock) {
        let open = || -> Vec<String> {
            let posts = lock(&self.posts);
            posts.iter().filter(|(_, post)| post.term.is_none()).map(|(name, _)| name.clone()).collect()
        };
        if open().is_empty() {
            return;
        }
        let Some(holdings) = self.within(self.store.duties()).await else { return };
        let now = clock.now();
        let others = |name: &String| {
            let theirs = |held: &Holding| held.name == *name && held.worker != self.worker && held.holds(now);
            holdings.iter().any(theirs)
        };
        let takings = open().into_iter().filter(|name| !others(name)).map(|name| async move {
            let began = Tick::now();
            if let Some(Taken::Held(duty)) = self.within(self.ask(&name, None, clock)).await {
                self.begin(duty, began);
            }
        });
        join_all(takings).await;
    }

    async fn ask(&self, name: &str, fence: Option<i64>, clock: &Clock) -> Result<Taken, StoreError> {
        let (name, worker) = (name.to_owned(), self.worker.clone());
        self.store.take_duty(&Ask { name, worker, fence, now: clock.now(), lease: self.lease }).await
    }

    fn begin(self: &Arc<Self>, duty: Duty, began: Tick) {
        let name = duty.name.clone();
        let term = Term { duty, lease: self.lease, renewed: Mutex::new(began), ended: Stop::new() };
        let term = Arc::new(term);
        match lock(&self.posts).get_mut(&name) {
            Some(post) => post.term = Some(term.clone()),
            None => {
                // Nobody wishes it any more.
                lock(&self.left).push(term);
                self.asked.notify_one();
                return;
            }
        }
        tracing::info!(duty = %name, fence = term.duty.fence, "this replica does it from now on");
        metric::duty(&name, true);
        tokio::spawn(burn(Arc::downgrade(self), term));
        self.begun.notify_waiters();
    }

    /// The term is over without having been given back.
    fn lose(&self, term: &Arc<Term>) {
        if term.ended.is_cancelled() {
            return;
        }
        term.ended.cancel();
        if let Some(post) = lock(&self.posts).get_mut(&term.duty.name) {
            post.term.take_if(|held| Arc::ptr_eq(held, term));
        }
        metric::duty(&term.duty.name, false);
        raise(Alarm::DutyLost, &term.duty.name, &[]);
        self.asked.notify_one();
    }

    async fn clear_up(&self) {
        if let Some(1..) = self.within(self.store.clear_up()).await {
            tracing::warn!(
                "a process of this store died; what it had leased or taken goes on with the others"
            );
        }
    }
}

/// Ends a term in time where it is not renewed, whatever its keeper is waiting for meanwhile.
async fn burn(keeper: Weak<Keeper>, term: Arc<Term>) {
    loop {
        let rest = term.rest();
        if rest.is_zero() {
            break;
        }
        tokio::select! {
            () = term.ended.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
    }
    match keeper.upgrade() {
        Some(keeper) => keeper.lose(&term),
        None => term.ended.cancel(),
    }
}
