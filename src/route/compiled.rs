//! What compiling makes: everything that runs together, without a single live part. The composition root builds
//! sources and destinations from it; never half-valid, because it exists only when there was no fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use crate::envelope::Stage;
use crate::paper::texts::Texte;
use crate::pipeline::jugendamt::OFFICE;
use crate::pipeline::{find, gegenprobe};
use crate::plan::{Partner, Patience, Plan, PlanSet};
use crate::register::tafeln::Tafeln;
use crate::route::connections::StageSettings;
use crate::route::fault::Fault;
use crate::route::file_diff::Noted;
use crate::transport::port::binding::HttpBinding;
use crate::transport::port::{Admission, Channel, Destinations};
use crate::xoev::contract::Standards;

/// A destination that must be built: one partner by one connection.
#[derive(Clone)]
pub struct WantedDestination {
    /// The connection's name.
    pub connection: String,
    /// The word of its transport.
    pub kind: String,
    /// Settings of the connection, secrets resolved.
    pub settings: Value,
    /// How the partner is reached, secrets resolved.
    pub channel: Channel,
}

impl WantedDestination {
    /// Its key in a running set: `connection:partner`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.connection, self.channel.partner)
    }
}

impl std::fmt::Debug for WantedDestination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WantedDestination({} {})", self.kind, self.key())
    }
}

/// A source that must be built.
#[derive(Clone)]
pub struct WantedSource {
    /// The connection's name.
    pub connection: String,
    /// The word of its transport.
    pub kind: String,
    /// Settings of the connection, secrets resolved.
    pub settings: Value,
}

impl std::fmt::Debug for WantedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WantedSource({} {})", self.kind, self.connection)
    }
}

/// What is written of a connection, or of a partner's channel by it.
pub struct Written<'a> {
    /// The connection's name.
    pub connection: &'a str,
    /// The word of its transport.
    pub kind: &'a str,
    /// Settings of the connection, secrets resolved.
    pub settings: &'a Value,
    /// The partner and the settings of its channel; `None` where the connection itself is meant.
    pub channel: Option<(&'a str, &'a Value)>,
}

/// All files, compiled.
#[derive(Clone)]
pub struct Compiled {
    /// Hash over the octets of all files and over the packages.
    pub version: String,
    /// What belongs to the stage as a whole; shared, so that its key stands in memory once.
    pub stage: Arc<StageSettings>,
    /// The routes, in the order of their files.
    pub plans: Vec<Plan>,
    /// The partners.
    pub partners: BTreeMap<String, Partner>,
    /// The files of certificates by which partners prove who they are: partner and path below the stage's folder.
    pub certificates: Vec<(String, String)>,
    /// Who may come in.
    pub admission: Admission,
    /// The HTTP paths, one entry each.
    pub http: Vec<HttpBinding>,
    /// The destinations to build.
    pub destinations: Vec<WantedDestination>,
    /// The sources to build.
    pub sources: Vec<WantedSource>,
    /// Patience by connection.
    pub patience: BTreeMap<String, Patience>,
    /// `standard version` of the packages that the routes accept or answer in.
    pub packages: Vec<String>,
    /// What deserves a look but stops nothing.
    pub warnings: Vec<Fault>,
    /// What is noted of the files, by their names.
    pub noted: BTreeMap<String, Noted>,
    /// Hashes of the packages at hand, by `standard/version` and `base`.
    pub package_hashes: BTreeMap<String, String>,
    /// The effective configuration with every default; see `explain`.
    pub effective: Value,
    /// The tables of the stage.
    pub tafeln: Arc<Tafeln>,
    /// The texts and heads of the letters.
    pub texte: Arc<Texte>,
}

impl Compiled {
    /// All that is written of connections and channels, each once, whatever number of partners a connection leads to.
    pub fn written(&self) -> Vec<Written<'_>> {
        let sources = self.sources.iter().map(|of| (&*of.connection, (&*of.kind, &of.settings)));
        let destinations = self.destinations.iter().map(|of| (&*of.connection, (&*of.kind, &of.settings)));
        let connections: BTreeMap<&str, (&str, &Value)> = sources.chain(destinations).collect();
        let whole = connections.keys().map(|connection| ((*connection, None), None));
        // A partner who only delivers has an account and is no destination.
        let accounts = self.admission.accounts.iter();
        let accounts = accounts.map(|of| ((&*of.connection, Some(&*of.partner)), Some(&of.settings)));
        let sent = self.destinations.iter();
        let sent = sent.map(|of| ((&*of.connection, Some(&*of.channel.partner)), Some(&of.channel.settings)));
        let all: BTreeMap<(&str, Option<&str>), Option<&Value>> = whole.chain(accounts).chain(sent).collect();
        let written = all.into_iter().filter_map(|((connection, partner), channel)| {
            let (kind, settings) = *connections.get(connection)?;
            Some(Written { connection, kind, settings, channel: partner.zip(channel) })
        });
        written.collect()
    }

    /// How long deliveries of an office may lie unread before the first of the routes answers nothing of its register.
    pub fn rueckstand(&self) -> SignedDuration {
        self.plans.iter().filter_map(|plan| plan.rueckstand()).min().unwrap_or(find::RUECKSTAND)
    }

    /// The set that runs, once the destinations are built.
    pub fn into_plan_set(
        mut self,
        destinations: Destinations,
        standards: Arc<dyn Standards>,
        stage: Stage,
    ) -> PlanSet {
        let plans = std::mem::take(&mut self.plans);
        self.plan_set(plans, destinations, standards, stage)
    }

    /// The same of plans that were taken out before; the rest stays.
    pub fn plan_set(
        &self,
        plans: Vec<Plan>,
        mut destinations: Destinations,
        standards: Arc<dyn Standards>,
        stage: Stage,
    ) -> PlanSet {
        // What was addressed to an office before it had a channel finds its way once it has one.
        for (id, partner) in &self.partners {
            let way = partner.return_address.as_ref().and_then(|way| destinations.get(way)).cloned();
            if let Some(way) = way {
                destinations.insert(format!("{OFFICE}:{id}"), way);
            }
        }
        PlanSet {
            version: self.version.clone(),
            stage,
            plans: plans.into_iter().map(Arc::new).collect(),
            beside: gegenprobe::beside(&*standards),
            standards,
            partners: self.partners.clone(),
            admission: Arc::new(self.admission.clone()),
            http: Arc::new(self.http.clone()),
            destinations,
            patience: self.patience.clone(),
        }
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiled({}, {} routes)", self.version, self.plans.len())
    }
}
