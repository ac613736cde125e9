//! The in-memory transport of tests and benchmarks: what is put in comes out of the source, what is sent is kept or
//! only counted, and outcomes follow a script. Never used in a stage with real persons; holds no global state.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::apart::{apart, no_source};
use super::port::binding::Bindings;
use super::port::{Busy, Destination, Entry, Intake, Receipt, SendError, Source, SourceError, Stop};
use super::settings;
use crate::envelope::{Envelope, Verdict};

/// The menu entry: a destination that accepts and counts.
pub const ENTRY: Entry = Entry {
    word: "memory",
    binding: Bindings::Listed,
    answers: None,
    sends: true,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| settings::check::<Settings>(written, |_, _| {}),
    check_channel: |written| settings::check::<Settings>(written, |_, _| {}),
    folders: super::port::no_folders,
    spots: super::port::no_spots,
    files: super::port::files::none,
    exposed: super::port::files::never_exposed,
    schema: settings::schema_of::<Settings>,
    open: |name, written, _| {
        apart(name, written, no_source, |_, _, _, _| Ok(Some(Arc::new(Sink::default()))))
    },
};

/// There is nothing to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// A destination that accepts everything and counts it.
#[derive(Debug, Default)]
pub struct Sink {
    accepted: AtomicU64,
}

impl Sink {
    /// How many envelopes came.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Destination for Sink {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Ok(None)
    }

    fn width(&self) -> usize {
        64
    }
}

/// What a test holds in its hand: puts envelopes in, scripts outcomes, sees what was sent.
#[derive(Clone)]
pub struct MemoryBus {
    put: mpsc::UnboundedSender<Envelope>,
    inner: Arc<Inner>,
}

struct Inner {
    taken: tokio::sync::Mutex<mpsc::UnboundedReceiver<Envelope>>,
    answers: Mutex<Vec<Result<Verdict, Busy>>>,
    script: Mutex<VecDeque<Result<Receipt, SendError>>>,
    sent: Mutex<Vec<Envelope>>,
}

impl Default for MemoryBus {
    fn default() -> Self {
        let (put, taken) = mpsc::unbounded_channel();
        MemoryBus {
            put,
            inner: Arc::new(Inner {
                taken: tokio::sync::Mutex::new(taken),
                answers: Mutex::default(),
                script: Mutex::default(),
                sent: Mutex::default(),
            }),
        }
    }
}

impl MemoryBus {
    /// Puts a delivery before the source.
    pub fn put(&self, envelope: Envelope) {
        // The receiver lives in `inner`, so the channel cannot be closed.
        let _ = self.put.send(envelope);
    }

    /// Adds outcomes that sends get in turn; behind the last one everything is accepted.
    pub fn script(&self, outcomes: impl IntoIterator<Item = Result<Receipt, SendError>>) {
        lock(&self.inner.script).extend(outcomes);
    }

    /// What was sent so far, refused attempts included.
    pub fn sent(&self) -> Vec<Envelope> {
        lock(&self.inner.sent).clone()
    }

    /// What the intake said so far, in order.
    pub fn answers(&self) -> Vec<Result<Verdict, Busy>> {
        lock(&self.inner.answers).clone()
    }

    /// The source that delivers what is put.
    pub fn source(&self, intake: Arc<dyn Intake>) -> MemorySource {
        MemorySource { bus: self.clone(), intake }
    }

    /// A destination that follows the script; `safe` says whether a repeat is harmless.
    pub fn destination(&self, safe: bool) -> MemoryDestination {
        MemoryDestination { bus: self.clone(), safe }
    }
}

/// Delivers what was put on its bus; a delivery that met `Busy` comes again after the time asked for.
pub struct MemorySource {
    bus: MemoryBus,
    intake: Arc<dyn Intake>,
}

#[async_trait]
impl Source for MemorySource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let mut taken = self.bus.inner.taken.lock().await;
        loop {
            let envelope = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                envelope = taken.recv() => match envelope {
                    Some(envelope) => envelope,
                    None => return Ok(()),
                },
            };
            let answer = self.intake.deliver(envelope.clone()).await;
            lock(&self.bus.inner.answers).push(answer.clone());
            if let Err(busy) = answer {
                self.bus.put(envelope);
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(busy.retry_after) => {}
                }
            }
        }
    }
}

/// Keeps what is sent and answers by the script of its bus.
pub struct MemoryDestination {
    bus: MemoryBus,
    safe: bool,
}

#[async_trait]
impl Destination for MemoryDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        lock(&self.bus.inner.sent).push(envelope.clone());
        let scripted = lock(&self.bus.inner.script).pop_front();
        scripted
            .unwrap_or_else(|| Ok(Receipt { reference: envelope.head.id.to_string(), ..Receipt::default() }))
    }

    fn repeat_is_safe(&self) -> bool {
        self.safe
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        let sent = lock(&self.bus.inner.sent);
        Ok(sent
            .iter()
            .find(|known| known.head.id == envelope.head.id)
            .map(|known| Receipt { reference: known.head.id.to_string(), ..Receipt::default() }))
    }

    fn width(&self) -> usize {
        1
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
