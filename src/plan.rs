//! The built route: steps, bindings, limits, version. Made by `route`, run by `engine`; never half-valid.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::envelope::Stage;
use crate::message::{Message, Sender};
use crate::pipeline::step::{Objects, Refuse, Step, Trouble};
use crate::transport::port::binding::HttpBinding;
use crate::transport::port::{Admission, Answers, Destinations};
use crate::xoev::contract::Standards;

/// A condition of a route; an error is our fault and parks the message.
pub trait Condition: Send + Sync {
    /// Whether it holds.
    fn holds(&self, message: &Message) -> Result<bool, Trouble>;
}

/// One step with the branch and condition it stands under.
#[derive(Clone)]
pub struct Planned {
    /// The step.
    pub step: Arc<dyn Step>,
    /// Runs only if this `choose` (by index) took this branch.
    pub branch: Option<(usize, usize)>,
    /// Runs only if this holds.
    pub when: Option<Arc<dyn Condition>>,
    /// For a `choose`: its index and the conditions of its branches; the last one is `else`.
    pub choose: Option<(usize, Vec<Arc<dyn Condition>>)>,
}

/// One `on` entry of a route.
#[derive(Clone)]
pub struct Binding {
    /// `word value`, such as `http /v1/lieferungen`; equals `Head::binding`.
    pub key: String,
    /// How its source answers.
    pub answers: Answers,
    /// The standard in which unreadable input is answered.
    pub standard: String,
    /// How it refuses.
    pub refuse: Arc<dyn Refuse>,
    /// The Mandant of what belongs to nobody yet.
    pub mandant: String,
}

/// What a route accepts: a message type from a set of partners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The type, such as `xfamilie.0804`.
    pub message: String,
    /// Names of the partners that may send it.
    pub partners: Vec<String>,
}

/// What order is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// The child and its mother.
    Child,
    /// The Vorgang (transaktionsid).
    Vorgang,
    /// The sending partner.
    Partner,
    /// No order.
    None,
}

/// Bounds and patience of a route; every one has a default and `check --explain` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Largest body, octets.
    pub max_body: usize,
    /// Largest part, octets.
    pub max_part: u64,
    /// Reruns on moved guards before the source is told `Busy`.
    pub reruns: u32,
    /// What is sent is given up and parked after this time.
    pub give_up_after: Duration,
}

/// A built route.
#[derive(Clone)]
pub struct Plan {
    /// Its name.
    pub route: String,
    /// What it is for.
    pub about: String,
    /// Hash of its file.
    pub version: String,
    /// Where from.
    pub bindings: Vec<Binding>,
    /// What is legal.
    pub accept: Vec<Accept>,
    /// What order is kept under.
    pub order_by: OrderBy,
    /// What changes, then who must be told; sends are steps that only add to the outbox.
    pub steps: Vec<Planned>,
    /// Index of the first step of `send`: `Flow::Stop` goes here.
    pub send_from: usize,
    /// How many `choose` there are.
    pub chooses: usize,
    /// Bounds.
    pub limits: Limits,
    /// What stands against answers of what it takes, where something does.
    pub objects: Option<Arc<dyn Objects>>,
}

impl Plan {
    /// Whether what this route takes are deliveries of a register: one of its steps delivers.
    pub fn delivers(&self) -> bool {
        self.steps.iter().any(|planned| planned.step.delivers())
    }

    /// How long deliveries of an office may lie unread before this route answers nothing of its register; `None` where it answers nothing of any.
    pub fn rueckstand(&self) -> Option<SignedDuration> {
        self.steps.iter().filter_map(|planned| planned.step.rueckstand()).min()
    }
}

/// What is known about a partner.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Name, Mandant and keys.
    pub sender: Sender,
    /// Destination that takes answers to its messages: `connection:partner`.
    pub return_address: Option<String>,
    /// Admitted from this moment.
    pub from: Option<jiff::Timestamp>,
    /// Admitted until this moment, exclusive.
    pub to: Option<jiff::Timestamp>,
}

impl Partner {
    /// Whether it is admitted at a moment.
    pub fn holds(&self, now: jiff::Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.to.is_none_or(|to| to > now)
    }
}

/// Retry behaviour of one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    /// First pause.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// Failures in a row after which the breaker opens.
    pub breaker_after: u32,
    /// How long the breaker stays open before one attempt probes.
    pub breaker_open: Duration,
}

/// All that runs together: swapped whole, so a message is decided by exactly one set.
#[derive(Clone)]
pub struct PlanSet {
    /// Hash of routes, packages, partners and connections: `decided_by`.
    pub version: String,
    /// The stage.
    pub stage: Stage,
    /// The routes.
    pub plans: Vec<Arc<Plan>>,
    /// The standards.
    pub standards: Arc<dyn Standards>,
    /// The partners by name.
    pub partners: BTreeMap<String, Partner>,
    /// Who may come in.
    pub admission: Arc<Admission>,
    /// HTTP paths.
    pub http: Arc<Vec<HttpBinding>>,
    /// Destinations by `connection:partner`.
    pub destinations: Destinations,
    /// Patience by connection.
    pub patience: BTreeMap<String, Patience>,
    /// Message types that say nothing of an answer: where these have left, it may still be taken back.
    pub beside: Arc<[String]>,
}

impl PlanSet {
    /// The routes that have this binding; several may share one binding and differ in what they accept.
    pub fn by_binding<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a Arc<Plan>, &'a Binding)> {
        self.plans.iter().filter_map(move |plan| {
            plan.bindings.iter().find(|binding| binding.key == key).map(|binding| (plan, binding))
        })
    }
}
