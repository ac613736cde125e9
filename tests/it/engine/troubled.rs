//! The real store behind a gate: refuses what a test tells it to refuse, and counts. Every call that it lets pass is real.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::effects::{Answer, Outgoing, Question};
use drehscheibe::envelope::{Claim, Envelope};
use drehscheibe::store::claims::{Claims, SpoolRead, SpoolWrite};
use drehscheibe::store::contract::*;
use drehscheibe::store::duty::{Ask, Duties, Duty, Holding, Taken};
use drehscheibe::store::entry::Entry;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::follow::{Followed, Follows, Looked, Which};
use drehscheibe::store::lane::*;
use drehscheibe::store::mailbox::{self, Ended, Handed, Item, Lain, Mailboxes, Overdue, Reader, Ticket};
use drehscheibe::store::pauses::{Breaker, Pause, Pauses};
use drehscheibe::store::plays::Plays;
use drehscheibe::store::recovery::{Copied, Finding, LedgerLine, Reapplied, Recovering, Recovery};
use drehscheibe::store::rekey::Rekey;
use drehscheibe::store::retention::{Faellig, Retention, Scheibe, Stichtag};
use drehscheibe::store::stamp::{Scope, Stamp};
use drehscheibe::store::ways::{Ahead, Ways};
use jiff::Timestamp;
use uuid::Uuid;

pub type Hook = Box<dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The real store behind a gate: refuses what it is told to refuse, and counts.
pub struct Troubled {
    pub(super) inner: Arc<dyn Store>,
    pub no_commit: AtomicBool,
    pub no_lookup: AtomicBool,
    pub no_settle: AtomicBool,
    pub no_claim: AtomicBool,
    pub no_duty: AtomicBool,
    pub no_pauses: AtomicBool,
    /// Entries with this transport id cannot be stored with their effects.
    pub cursed: Mutex<Option<String>>,
    /// Passed before each commit.
    pub turnstile: tokio::sync::Semaphore,
    pub guarded: AtomicBool,
    /// Runs after each lookup, before its facts are used.
    pub after_lookup: tokio::sync::Mutex<Option<Hook>>,
    pub lookups: AtomicUsize,
    /// Lanes that looks have found.
    pub found: AtomicUsize,
    /// Commits are done, but nobody hears of it.
    pub unheard: AtomicBool,
    pub most_entries: AtomicUsize,
    pub commits: AtomicUsize,
    /// Answers that were to be decided anew.
    pub anews: AtomicUsize,
    /// Whoever looks before an answer leaves is told that it is none.
    pub blind: AtomicBool,
    /// The database lacks what was acknowledged.
    pub history: AtomicBool,
    /// The call in which whoever makes it panics.
    pub breaks: Mutex<Option<&'static str>>,
}

impl Troubled {
    pub fn new(inner: Arc<dyn Store>) -> Troubled {
        Troubled {
            inner,
            no_commit: AtomicBool::default(),
            no_lookup: AtomicBool::default(),
            no_settle: AtomicBool::default(),
            no_claim: AtomicBool::default(),
            no_duty: AtomicBool::default(),
            no_pauses: AtomicBool::default(),
            cursed: Mutex::default(),
            turnstile: tokio::sync::Semaphore::new(0),
            guarded: AtomicBool::default(),
            after_lookup: tokio::sync::Mutex::default(),
            lookups: AtomicUsize::default(),
            found: AtomicUsize::default(),
            unheard: AtomicBool::default(),
            most_entries: AtomicUsize::default(),
            commits: AtomicUsize::default(),
            anews: AtomicUsize::default(),
            blind: AtomicBool::default(),
            history: AtomicBool::default(),
            breaks: Mutex::default(),
        }
    }

    pub(super) fn sound(&self, call: &str) {
        let breaks =
            self.breaks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_deref() == Some(call);
        assert!(!breaks, "a fault of the program, on purpose");
    }

    fn pass(&self, closed: &AtomicBool) -> Result<(), StoreError> {
        if self.history.load(Ordering::SeqCst) {
            return Err(StoreError::History);
        }
        let trouble = || StoreError::Later("the test says so".into());
        (!closed.load(Ordering::SeqCst)).then_some(()).ok_or_else(trouble)
    }
}

#[async_trait]
impl Recovery for Troubled {
    async fn recovery(&self) -> Result<Option<Recovering>, StoreError> {
        self.inner.recovery().await
    }

    async fn reapply(&self, now: Timestamp) -> Result<Reapplied, StoreError> {
        self.inner.reapply(now).await
    }

    async fn doubtful(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.sound("doubtful");
        self.inner.doubtful(after, limit).await
    }

    async fn resolve(
        &self,
        row: Uuid,
        finding: Finding,
        answers: Vec<Entry>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner.resolve(row, finding, answers, now).await
    }

    async fn open_dispatch(&self, person: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.open_dispatch(person, reason, now).await
    }

    async fn ledger(&self, after: i64, limit: usize) -> Result<Vec<LedgerLine>, StoreError> {
        self.inner.ledger(after, limit).await
    }

    async fn copy(&self, into: &std::path::Path) -> Result<Copied, StoreError> {
        self.inner.copy(into).await
    }

    async fn copy_keys(&self, into: &std::path::Path) -> Result<String, StoreError> {
        self.inner.copy_keys(into).await
    }

    async fn copy_claims(&self, names: &[String], into: &std::path::Path) -> Result<Vec<String>, StoreError> {
        self.inner.copy_claims(names, into).await
    }
}

#[async_trait]
impl Store for Troubled {
    async fn woken(&self) {
        self.sound("woken");
        self.inner.woken().await
    }

    async fn begin_run(&self) -> Result<u64, StoreError> {
        self.inner.begin_run().await
    }

    async fn lookup(&self, questions: Vec<Question>) -> Result<Vec<Answer>, StoreError> {
        self.sound("lookup");
        self.pass(&self.no_lookup)?;
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let answers = self.inner.lookup(questions).await;
        if let Some(hook) = &*self.after_lookup.lock().await {
            hook().await;
        }
        answers
    }

    async fn commit_and_take(
        &self,
        entries: Vec<Arc<Entry>>,
        take: Option<Take>,
    ) -> Result<Made, StoreError> {
        self.sound("commit");
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.most_entries.fetch_max(entries.len(), Ordering::SeqCst);
        if self.guarded.load(Ordering::SeqCst) {
            self.turnstile.acquire().await.unwrap().forget();
        }
        self.pass(&self.no_commit)?;
        let cursed = self.cursed.lock().unwrap().clone();
        let hit = |entry: &Entry| {
            Some(&entry.envelope.head.transport_id) == cursed.as_ref() && !entry.effects.sends.is_empty()
        };
        if entries.iter().any(|entry| hit(entry)) {
            return Err(StoreError::Entry("the test says so".into()));
        }
        let committed = self.inner.commit_and_take(entries, take).await;
        self.pass(&self.unheard)?;
        committed
    }

    async fn answer_again(
        &self,
        first: Uuid,
        answer: Outgoing,
        repeat: &Stamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.pass(&self.no_commit)?;
        self.inner.answer_again(first, answer, repeat, now).await
    }

    async fn sound(&self) -> Result<(), StoreError> {
        self.inner.sound().await
    }

    async fn resume(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<Resumed>, StoreError> {
        self.sound("resume");
        self.inner.resume(now, lease, limit).await
    }

    async fn due_timers(&self, now: Timestamp, limit: usize) -> Result<Vec<Envelope>, StoreError> {
        self.inner.due_timers(now, limit).await
    }
}

#[async_trait]
impl Claims for Troubled {
    async fn spool(&self, mandant: &str) -> Result<Box<dyn SpoolWrite>, StoreError> {
        self.inner.spool(mandant).await
    }

    async fn open_claim(&self, mandant: &str, claim: &Claim) -> Result<Box<dyn SpoolRead>, StoreError> {
        self.inner.open_claim(mandant, claim).await
    }

    async fn collect_garbage(&self) -> Result<u64, StoreError> {
        self.inner.collect_garbage().await
    }
}

#[async_trait]
impl Plays for Troubled {
    async fn essence(&self) -> Result<Vec<String>, StoreError> {
        self.inner.essence().await
    }
}

#[async_trait]
impl Ways for Troubled {
    async fn hasten(&self, destination: &str, now: Timestamp) -> Result<(), StoreError> {
        self.inner.hasten(destination, now).await
    }

    async fn ahead(&self) -> Result<Vec<Ahead>, StoreError> {
        self.inner.ahead().await
    }

    async fn waiting_for_person(&self, id: Uuid) -> Result<Option<Due>, StoreError> {
        self.inner.waiting_for_person(id).await
    }
}

#[async_trait]
impl Mailboxes for Troubled {
    fn receipt(&self, ticket: Ticket) -> String {
        self.inner.receipt(ticket)
    }

    fn ticket(&self, receipt: &str) -> Option<Ticket> {
        self.inner.ticket(receipt)
    }

    fn series(&self, lane: i64) -> String {
        self.inner.series(lane)
    }

    async fn ready(&self, reader: &Reader, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.ready(reader, now).await
    }

    async fn pauses_over(&self, now: Timestamp) -> Result<bool, StoreError> {
        self.inner.pauses_over(now).await
    }

    async fn lying(
        &self,
        reader: &Reader,
        after: Option<Uuid>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        self.inner.lying(reader, after, limit, now).await
    }

    async fn lain(&self, reader: &Reader, id: Uuid, now: Timestamp) -> Result<Option<Lain>, StoreError> {
        self.inner.lain(reader, id, now).await
    }

    async fn hand_out(&self, reader: &Reader, ask: mailbox::Ask) -> Result<Handed, StoreError> {
        self.inner.hand_out(reader, ask).await
    }

    async fn hold_back(
        &self,
        reader: &Reader,
        row: Uuid,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Option<(String, u32)>, StoreError> {
        self.inner.hold_back(reader, row, outcome, now).await
    }

    async fn end(
        &self,
        reader: &Reader,
        ticket: Ticket,
        outcome: (Outcome, bool),
        now: Timestamp,
    ) -> Result<Ended, StoreError> {
        self.inner.end(reader, ticket, outcome, now).await
    }

    async fn overdue(
        &self,
        mailboxes: &[String],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.sound("overdue");
        self.inner.overdue(mailboxes, now, limit).await
    }
}

#[async_trait]
impl Duties for Troubled {
    fn sign(&self) -> Option<Vec<u8>> {
        self.inner.sign()
    }

    async fn signs(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.signs().await
    }

    async fn take_duty(&self, ask: &Ask) -> Result<Taken, StoreError> {
        self.pass(&self.no_duty)?;
        self.inner.take_duty(ask).await
    }

    async fn give_back(&self, duty: &Duty) -> Result<bool, StoreError> {
        self.inner.give_back(duty).await
    }

    async fn duties(&self) -> Result<Vec<Holding>, StoreError> {
        self.sound("duties");
        self.pass(&self.no_duty)?;
        self.inner.duties().await
    }

    async fn due_timers_under(
        &self,
        duty: &Duty,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<Envelope>>, StoreError> {
        self.inner.due_timers_under(duty, now, limit).await
    }

    async fn set_note_under(
        &self,
        duty: &Duty,
        connection: &str,
        key: &str,
        value: Option<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        self.inner.set_note_under(duty, connection, key, value).await
    }

    async fn clear_up(&self) -> Result<u64, StoreError> {
        self.inner.clear_up().await
    }
}

#[async_trait]
impl Follows for Troubled {
    async fn due_looks(&self, duty: &Duty, which: &Which) -> Result<Option<Vec<Followed>>, StoreError> {
        self.inner.due_looks(duty, which).await
    }

    async fn next_look(&self) -> Result<Option<Timestamp>, StoreError> {
        self.sound("next_look");
        self.inner.next_look().await
    }

    async fn settle_look(&self, duty: &Duty, looked: Looked) -> Result<bool, StoreError> {
        self.pass(&self.no_settle)?;
        self.inner.settle_look(duty, looked).await
    }

    async fn proof(
        &self,
        scope: &Scope,
        id: Uuid,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<bytes::Bytes>, StoreError> {
        self.inner.proof(scope, id, person, reason, now).await
    }
}

#[async_trait]
impl Retention for Troubled {
    async fn retention_plan(&self, stichtag: &Stichtag) -> Result<Vec<Faellig>, StoreError> {
        self.inner.retention_plan(stichtag).await
    }

    async fn retain(&self, stichtag: &Stichtag, limit: usize) -> Result<Option<Scheibe>, StoreError> {
        self.sound("retain");
        self.pass(&self.no_commit)?;
        self.inner.retain(stichtag, limit).await
    }
}

#[async_trait]
impl Rekey for Troubled {
    async fn rekey(&self, limit: usize) -> Result<u64, StoreError> {
        self.sound("rekey");
        self.pass(&self.no_commit)?;
        self.inner.rekey(limit).await
    }
}

#[async_trait]
impl Lanes for Troubled {
    async fn claim(&self, want: Want) -> Result<Vec<Lane>, StoreError> {
        self.sound("claim");
        self.pass(&self.no_claim)?;
        let found = self.inner.claim(want).await?;
        self.found.fetch_add(found.len(), Ordering::SeqCst);
        Ok(found)
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<Vec<bool>, StoreError> {
        self.sound("settle");
        self.pass(&self.no_settle)?;
        self.inner.settle(settles).await
    }

    async fn renew(
        &self,
        lane: i64,
        fence: i64,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.pass(&self.no_settle)?;
        self.inner.renew(lane, fence, now, lease).await
    }

    async fn remember(&self, lane: i64, fence: i64, row: Uuid, what: &[u8]) -> Result<bool, StoreError> {
        self.inner.remember(lane, fence, row, what).await
    }

    async fn next_due(&self, but: &[String]) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_due(but).await
    }
}

#[async_trait]
impl Pauses for Troubled {
    async fn breakers(&self) -> Result<Vec<Breaker>, StoreError> {
        self.inner.breakers().await
    }

    async fn set_breaker(&self, breaker: Breaker) -> Result<(), StoreError> {
        self.sound("set_breaker");
        self.inner.set_breaker(breaker).await
    }

    async fn pauses(&self, now: Timestamp) -> Result<Vec<Pause>, StoreError> {
        self.pass(&self.no_pauses)?;
        self.inner.pauses(now).await
    }

    async fn set_pause(
        &self,
        kind: &str,
        name: &str,
        pause: Option<Pause>,
        person: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.inner.set_pause(kind, name, pause, person, now).await
    }
}
