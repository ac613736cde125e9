//! What a set looks like from outside, as replicas compare it. Its serialised form is frozen: programs of two versions run beside each other
//! during an upgrade, and what they hash of the same set has to be the same. Holds no setting and no secret.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::{Plan, PlanSet};
use crate::route::compiled::Compiled;

/// Names of a set. No member is added, renamed or moved: what else is to be compared stands beside it (`plan_diff::Picture`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// Hash of the whole set.
    pub version: String,
    /// Routes by name.
    pub routes: BTreeMap<String, RouteOutline>,
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
pub struct RouteOutline {
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

impl RouteOutline {
    fn of(plan: &Plan) -> RouteOutline {
        let steps: Vec<&str> = plan.steps.iter().map(|planned| planned.step.name()).collect();
        RouteOutline {
            version: plan.version.clone(),
            bindings: plan.bindings.iter().map(|binding| binding.key.clone()).collect(),
            messages: plan.accept.iter().map(|accept| accept.message.clone()).collect(),
            partners: plan.accept.iter().flat_map(|accept| accept.partners.clone()).collect(),
            shape: format!("{:?} {:?} {}", plan.order_by, plan.limits, steps.join(" ")),
        }
    }
}

impl Outline {
    /// The outline of what was compiled.
    pub fn of_compiled(compiled: &Compiled) -> Outline {
        Outline {
            version: compiled.version.clone(),
            routes: routes(compiled.plans.iter()),
            partners: compiled.partners.keys().cloned().collect(),
            destinations: compiled.destinations.iter().map(|wanted| wanted.key()).collect(),
            sources: compiled.sources.iter().map(|wanted| wanted.connection.clone()).collect(),
            packages: compiled.packages.iter().cloned().collect(),
        }
    }

    /// The outline of what runs; a set does not know its sources, so the caller names them.
    pub fn of_set(set: &PlanSet, sources: impl IntoIterator<Item = String>) -> Outline {
        let plans = || set.plans.iter().map(AsRef::as_ref);
        let known = set.standards.known();
        let used = |plan: &Plan, message: &str, standard: &str| {
            plan.accept.iter().any(|accept| accept.message == message)
                || plan.bindings.iter().any(|binding| binding.standard == standard)
        };
        Outline {
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

fn routes<'a>(plans: impl Iterator<Item = &'a Plan>) -> BTreeMap<String, RouteOutline> {
    plans.map(|plan| (plan.route.clone(), RouteOutline::of(plan))).collect()
}
