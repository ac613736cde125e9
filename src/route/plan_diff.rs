//! The difference between two sets for `routes plan`: what is added, removed and changed, what is in flight, and why
//! a change is refused. Pure: the counts are given by the caller.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::route::compiled::Compiled;
use crate::route::file_diff::{self, FileChange, Noted};
use crate::route::outline::Outline;

/// What a set looks like, as it is noted while it runs; comparable, without live parts and secrets. Whatever the version is a hash of stands
/// here. A program before this one wrote the outline alone and reads nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Names.
    #[serde(flatten)]
    pub outline: Outline,
    /// The files by name.
    #[serde(default)]
    pub files: BTreeMap<String, Noted>,
    /// Hashes of the packages at hand, by `standard/version` and `base`.
    #[serde(default)]
    pub package_hashes: BTreeMap<String, String>,
}

impl Picture {
    /// The picture of what was compiled.
    pub fn of_compiled(compiled: &Compiled) -> Picture {
        Picture {
            outline: Outline::of_compiled(compiled),
            files: compiled.noted.clone(),
            package_hashes: compiled.package_hashes.clone(),
        }
    }
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

/// Something that has two values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is.
    pub name: String,
    /// What runs; `None` where there is nothing.
    pub from: Option<String>,
    /// What would run, likewise.
    pub to: Option<String>,
}

/// The whole difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The version of the whole set, where it differs.
    pub version: Option<Change>,
    /// Files that differ, field by field.
    pub files: Vec<FileChange>,
    /// Packages of which a file differs, by their hashes.
    pub package_files: Vec<Change>,
    /// True when what runs was noted without its files, by a program before this one: which of them differ cannot be said.
    pub files_unknown: bool,
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
        self.version.is_none()
            && self.files.is_empty()
            && self.package_files.is_empty()
            && self.changed.is_empty()
            && names.iter().all(|names| names.is_empty())
    }
}

/// Compares what runs with what would run; `drain` lets things in use be removed.
pub fn difference(running: &Picture, new: &Picture, in_flight: &InFlight, drain: bool) -> Difference {
    let (before, after) = (&running.outline, &new.outline);
    let names = |outline: &Outline| outline.routes.keys().cloned().collect::<BTreeSet<String>>();
    let nothing_ran = before.version.is_empty();
    let files_unknown = running.files.is_empty() && !nothing_ran && before.version != after.version;
    let compares_files = !(running.files.is_empty() || nothing_ran);
    let mut difference = Difference {
        version: change("version", &before.version, &after.version),
        files: if compares_files { file_diff::changes(&running.files, &new.files) } else { Vec::new() },
        package_files: if compares_files { hashes(running, new) } else { Vec::new() },
        files_unknown,
        routes: Names::between(&names(before), &names(after)),
        changed: changed(before, after),
        partners: Names::between(&before.partners, &after.partners),
        destinations: Names::between(&before.destinations, &after.destinations),
        sources: Names::between(&before.sources, &after.sources),
        packages: Names::between(&before.packages, &after.packages),
        in_flight: Vec::new(),
        refused: Vec::new(),
    };
    for ((route, version), messages) in in_flight.routes.iter().filter(|(_, messages)| **messages > 0) {
        difference.in_flight.push(Flying {
            route: route.clone(),
            version: version.clone(),
            messages: *messages,
            orphaned: before.routes.contains_key(route) && !after.routes.contains_key(route),
        });
    }
    if !drain {
        difference.refused = refused(&difference, in_flight);
    }
    difference
}

fn change(name: &str, from: &str, to: &str) -> Option<Change> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (from != to).then(|| Change { name: name.to_owned(), from: some(from), to: some(to) })
}

fn hashes(running: &Picture, new: &Picture) -> Vec<Change> {
    let (before, after) = (&running.package_hashes, &new.package_hashes);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |all: &BTreeMap<String, String>, name: &String| all.get(name).cloned().unwrap_or_default();
    names.into_iter().filter_map(|name| change(name, &of(before, name), &of(after, name))).collect()
}

fn changed(running: &Outline, new: &Outline) -> Vec<ChangedRoute> {
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
