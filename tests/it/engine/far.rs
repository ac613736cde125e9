//! Partners of the tests: what they do with an attempt follows a rule, and what they took is kept.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::Envelope;
use drehscheibe::transport::port::{Attempt, Destination, Receipt, SendError};
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::until;

/// What a partner does with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Takes it.
    Take,
    /// Does not take this one now.
    Later,
    /// Is out of order as a whole.
    Down,
    /// Takes it, and the answer is lost.
    Lose,
    /// Does not take it, and nobody knows.
    Vanish,
    /// Refuses it for good.
    Refuse,
    /// Refuses it for good once it has read it.
    Read,
}

type Rule = Box<dyn Fn(&Envelope, u32) -> Does + Send + Sync>;

/// A partner in memory.
pub struct Far {
    clock: Clock,
    rule: Rule,
    safe: bool,
    /// Whether its receiver comes for what lies there.
    pub collected: bool,
    /// True when an earlier attempt can be looked up.
    pub finds: AtomicBool,
    /// Documents that come back with each attempt that it takes, each time under an id of its own.
    pub back: Mutex<Vec<Envelope>>,
    pub seen: Mutex<Seen>,
}

#[derive(Default)]
pub struct Seen {
    pub attempts: HashMap<Uuid, u32>,
    pub times: Vec<Timestamp>,
    pub taken: Vec<Envelope>,
    pub repeated: u32,
}

impl Far {
    pub fn new(
        clock: Clock,
        safe: bool,
        rule: impl Fn(&Envelope, u32) -> Does + Send + Sync + 'static,
    ) -> Far {
        let (finds, back, seen) = (AtomicBool::new(true), Mutex::default(), Mutex::default());
        Far { clock, rule: Box::new(rule), safe, collected: false, finds, back, seen }
    }

    fn receipt(&self, reference: String) -> Receipt {
        let mut answers = self.back.lock().unwrap().clone();
        answers.iter_mut().for_each(|answer| answer.head.id = Uuid::now_v7());
        Receipt { reference, answers, ..Receipt::default() }
    }

    /// What it does of this attempt, which counts whatever comes of it.
    fn does(&self, envelope: &Envelope) -> Does {
        let attempt = {
            let mut seen = self.seen.lock().unwrap();
            seen.times.push(self.clock.now());
            let attempt = seen.attempts.entry(envelope.head.id).or_default();
            *attempt += 1;
            *attempt
        };
        (self.rule)(envelope, attempt)
    }

    fn done(&self, envelope: &Envelope, does: Does) -> Result<Receipt, SendError> {
        let later = |far_end| {
            let cause = "out of order for the test".to_owned();
            Err(SendError::Later { cause, retry_after: None, far_end })
        };
        match does {
            Does::Later => return later(false),
            Does::Down => return later(true),
            Does::Refuse | Does::Read => {
                return Err(SendError::Never { cause: "no such thing here".to_owned() });
            }
            Does::Vanish => return Err(SendError::Unclear { cause: "the line went dead".to_owned() }),
            Does::Take | Does::Lose => {}
        }
        let mut seen = self.seen.lock().unwrap();
        match seen.taken.iter().find(|known| known.head.id == envelope.head.id) {
            Some(known) => {
                assert!(known.body == envelope.body, "one id, two bodies");
                seen.repeated += 1;
            }
            None => seen.taken.push(envelope.clone()),
        }
        match does {
            Does::Lose => Err(SendError::Unclear { cause: "the answer was lost".to_owned() }),
            _ => Ok(self.receipt(envelope.head.id.to_string())),
        }
    }

    pub fn taken(&self) -> usize {
        self.seen.lock().unwrap().taken.len()
    }

    pub fn attempts(&self) -> usize {
        self.seen.lock().unwrap().times.len()
    }

    /// The ids of the messages that it was told of, in the order in which it took them.
    pub fn told(&self) -> Vec<Uuid> {
        let seen = self.seen.lock().unwrap();
        seen.taken.iter().map(told_of).collect()
    }

    pub async fn has(&self, count: usize) {
        until(&format!("{count} envelopes"), 60, || self.taken() >= count).await;
    }
}

/// The message that a callback speaks of.
pub fn told_of(envelope: &Envelope) -> Uuid {
    let body: serde_json::Value = serde_json::from_slice(&envelope.body).unwrap();
    body["id"].as_str().unwrap().parse().unwrap()
}

#[async_trait]
impl Destination for Far {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let does = self.does(envelope);
        self.done(envelope, does)
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let does = self.does(envelope);
        if does == Does::Read && attempt.memory.left().is_none() {
            attempt.memory.remember(b"read").await?;
        }
        self.done(envelope, does)
    }

    fn repeat_is_safe(&self) -> bool {
        self.safe
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        if !self.finds.load(Ordering::SeqCst) {
            return Err(SendError::Unclear { cause: "there is no way to ask".to_owned() });
        }
        let seen = self.seen.lock().unwrap();
        let known = seen.taken.iter().any(|known| known.head.id == envelope.head.id);
        Ok(known.then(|| self.receipt(String::new())))
    }

    fn width(&self) -> usize {
        2
    }

    fn collected(&self) -> bool {
        self.collected
    }
}
