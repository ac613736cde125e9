//! The difference between two sets for `routes plan`: what is added, removed and changed, what is in flight, and why
//! a change is refused. Pure: the counts are given by the caller.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::{Plan, PlanSet};
use crate::route::compiled::Compiled;

/// What a set looks like from outside; comparable, without live parts and secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Hash of the whole set.
    pub version: String,
    /// Routes by name.
    pub routes: BTreeMap<String, RoutePicture>,
    /// Partners by name.
    pub partners: BTreeSet<String>,
    /// Destinations, `connection:partner`.
    pub destinations: BTreeSet<String>,
    /// Connections that take in.
    pub sources: BTreeSet<String>,
    /// Packages in use, `standard version`.
    pub packages: BTreeSet<String>,
}

/// What a route looks like from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePicture {
    /// Hash of its file.
    pub version: String,
    /// Its bindings.
    pub bindings: BTreeSet<String>,
    /// Its messages.
    pub messages: BTreeSet<String>,
    /// Its partners.
    pub partners: BTreeSet<String>,
    /// Everything else that can be compared: order, limits, steps.
    pub shape: String,
}

impl RoutePicture {
    fn of(plan: &Plan) -> RoutePicture {
        let steps: Vec<&str> = plan.steps.iter().map(|planned| planned.step.name()).collect();
        RoutePicture {
            version: plan.version.clone(),
            bindings: plan.bindings.iter().map(|binding| binding.key.clone()).collect(),
            messages: plan.accept.iter().map(|accept| accept.message.clone()).collect(),
            partners: plan.accept.iter().flat_map(|accept| accept.partners.clone()).collect(),
            shape: format!("{:?} {:?} {}", plan.order_by, plan.limits, steps.join(" ")),
        }
    }
}

impl Picture {
    /// The picture of what was compiled.
    pub fn of_compiled(compiled: &Compiled) -> Picture {
        Picture {
            version: compiled.version.clone(),
            routes: routes(compiled.plans.iter()),
            partners: compiled.partners.keys().cloned().collect(),
            destinations: compiled.destinations.iter().map(|wanted| wanted.key()).collect(),
            sources: compiled.sources.iter().map(|wanted| wanted.connection.clone()).collect(),
            packages: compiled.packages.iter().cloned().collect(),
        }
    }

    /// The picture of what runs; a set does not know its sources, so the caller names them.
    pub fn of_set(set: &PlanSet, sources: impl IntoIterator<Item = String>) -> Picture {
        let plans = || set.plans.iter().map(AsRef::as_ref);
        let known = set.standards.known();
        let used = |plan: &Plan, message: &str, standard: &str| {
            plan.accept.iter().any(|accept| accept.message == message)
                || plan.bindings.iter().any(|binding| binding.standard == standard)
        };
        Picture {
            version: set.version.clone(),
            routes: routes(plans()),
            partners: set.partners.keys().cloned().collect(),
            destinations: set.destinations.keys().cloned().collect(),
            sources: sources.into_iter().collect(),
            packages: known
                .iter()
                .filter(|known| plans().any(|plan| used(plan, &known.message, &known.standard)))
                .map(|known| format!("{} {}", known.standard, known.version))
                .collect(),
        }
    }
}

fn routes<'a>(plans: impl Iterator<Item = &'a Plan>) -> BTreeMap<String, RoutePicture> {
    plans.map(|plan| (plan.route.clone(), RoutePicture::of(plan))).collect()
}

/// What is in flight, counted by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Messages (waiting, parked, in the outbox) by route and version.
    pub routes: BTreeMap<(String, String), u64>,
    /// Envelopes not yet delivered, by destination.
    pub destinations: BTreeMap<String, u64>,
    /// Deliveries begun, by source.
    pub sources: BTreeMap<String, u64>,
    /// Messages that wait, by package.
    pub packages: BTreeMap<String, u64>,
}

/// Names added and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// Only in the new set.
    pub added: Vec<String>,
    /// Only in the running set.
    pub removed: Vec<String>,
}

impl Names {
    fn between(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Names {
        Names {
            added: after.difference(before).cloned().collect(),
            removed: before.difference(after).cloned().collect(),
        }
    }

    /// True when nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// How a route that stays differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedRoute {
    /// Its name.
    pub route: String,
    /// Version that runs.
    pub from: String,
    /// Version that would run.
    pub to: String,
    /// Bindings.
    pub bindings: Names,
    /// Messages.
    pub messages: Names,
    /// Partners.
    pub partners: Names,
    /// True when order, limits or steps differ, or settings of a step may.
    pub inside: bool,
}

/// Messages in flight under one version of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flying {
    /// The route.
    pub route: String,
    /// Its version.
    pub version: String,
    /// How many.
    pub messages: u64,
    /// True when it runs and the new set has no such route: they would wait for a person.
    pub orphaned: bool,
}

/// The whole difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Routes added and removed.
    pub routes: Names,
    /// Routes that stay and differ.
    pub changed: Vec<ChangedRoute>,
    /// Partners.
    pub partners: Names,
    /// Destinations.
    pub destinations: Names,
    /// Sources.
    pub sources: Names,
    /// Packages.
    pub packages: Names,
    /// What is in flight, per version.
    pub in_flight: Vec<Flying>,
    /// Why this cannot be applied; empty when it can.
    pub refused: Vec<String>,
}

impl Difference {
    /// True when nothing would change.
    pub fn is_empty(&self) -> bool {
        let names = [&self.routes, &self.partners, &self.destinations, &self.sources, &self.packages];
        self.changed.is_empty() && names.iter().all(|names| names.is_empty())
    }
}

/// Compares what runs with what would run; `drain` lets things in use be removed.
pub fn difference(running: &Picture, new: &Picture, in_flight: &InFlight, drain: bool) -> Difference {
    let names = |picture: &Picture| picture.routes.keys().cloned().collect::<BTreeSet<String>>();
    let mut difference = Difference {
        routes: Names::between(&names(running), &names(new)),
        changed: changed(running, new),
        partners: Names::between(&running.partners, &new.partners),
        destinations: Names::between(&running.destinations, &new.destinations),
        sources: Names::between(&running.sources, &new.sources),
        packages: Names::between(&running.packages, &new.packages),
        in_flight: Vec::new(),
        refused: Vec::new(),
    };
    for ((route, version), messages) in in_flight.routes.iter().filter(|(_, messages)| **messages > 0) {
        difference.in_flight.push(Flying {
            route: route.clone(),
            version: version.clone(),
            messages: *messages,
            orphaned: running.routes.contains_key(route) && !new.routes.contains_key(route),
        });
    }
    if !drain {
        difference.refused = refused(&difference, in_flight);
    }
    difference
}

fn changed(running: &Picture, new: &Picture) -> Vec<ChangedRoute> {
    let both = running.routes.iter().filter_map(|(name, before)| Some((name, before, new.routes.get(name)?)));
    both.filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| {
            let bindings = Names::between(&before.bindings, &after.bindings);
            let messages = Names::between(&before.messages, &after.messages);
            let partners = Names::between(&before.partners, &after.partners);
            let outside = !(bindings.is_empty() && messages.is_empty() && partners.is_empty());
            ChangedRoute {
                route: name.clone(),
                from: before.version.clone(),
                to: after.version.clone(),
                // A file that differs in nothing that shows from outside differs in the settings of a step.
                inside: before.shape != after.shape || (before.version != after.version && !outside),
                bindings,
                messages,
                partners,
            }
        })
        .collect()
}

fn refused(difference: &Difference, in_flight: &InFlight) -> Vec<String> {
    let mut texts = Vec::new();
    let kinds = [
        ("destination", "undelivered envelopes", &difference.destinations, &in_flight.destinations),
        ("source", "begun deliveries", &difference.sources, &in_flight.sources),
        ("package", "messages", &difference.packages, &in_flight.packages),
    ];
    for (kind, what, names, counts) in kinds {
        for name in &names.removed {
            let count = counts.get(name).copied().unwrap_or(0);
            if count > 0 {
                texts.push(format!(
                    "{kind} {name} is in use by {count} {what}; keep it or apply with --drain"
                ));
            }
        }
    }
    for flying in difference.in_flight.iter().filter(|flying| flying.orphaned) {
        texts.push(format!(
            "route {} has {} messages in flight (version {}); keep it or apply with --drain",
            flying.route, flying.messages, flying.version
        ));
    }
    texts
}
